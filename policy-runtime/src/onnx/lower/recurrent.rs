//! GRU and LSTM: per step two dense layers and a handful of element-wise operations.
//!
//! A sequence of known length is unrolled; a policy's is one step, and its state comes and goes as input and output.
//! Gates follow the specification's order: update, reset, hidden of a GRU; input, output, forget, cell of an LSTM.

use super::super::attribute::Attributes;
use super::Lowering;
use super::element_wise::floats;
use super::operand::{Flow, Operand, check_count};
use crate::image::program::{Source, Value, contiguous};
use crate::kernel::{Activation, Binary, Function};
use crate::onnx::protobuf::NodeProto;
use crate::onnx::protobuf::attribute_proto::AttributeType;

/// Longest sequence, in both directions together.
const MAX_STEPS: usize = 256;
const SIGMOID: Function = Function::Activation(Activation::Sigmoid);
const TANH: Function = Function::Activation(Activation::Tanh);

/// One direction's parameters.
struct Cell {
    hidden: usize,
    /// `[inputs, gates · hidden]`.
    input_weights: Vec<f32>,
    input_bias: Vec<f32>,
    /// `[hidden, gates · hidden]`.
    state_weights: Vec<f32>,
    state_bias: Vec<f32>,
}

/// What the node's inputs and attributes say.
struct Recurrence {
    steps: usize,
    /// For each direction, whether it runs backwards.
    directions: Vec<bool>,
    hidden: usize,
    resets_after_product: bool,
}

impl Lowering<'_> {
    pub(super) fn gru(&mut self, node: &NodeProto) -> Result<Vec<Operand>, String> {
        let recurrence = self.recurrence(node, 3)?;
        let source = self.flow(node, 0)?;
        let mut outputs = Outputs::new(self, &recurrence)?;
        for (direction, backwards) in recurrence.directions.iter().enumerate() {
            let cell = self.cell(node, direction, 3, &source)?;
            let mut state = self.initial(node, 5, direction, &recurrence)?;
            let gates = self.inputs_of(&source, recurrence.steps, &cell)?;
            for step in 0..recurrence.steps {
                let step = if *backwards { recurrence.steps - 1 - step } else { step };
                let gates = gates.part(step * 3 * cell.hidden, 3 * cell.hidden);
                state = self.gru_step(gates, state, &cell, recurrence.resets_after_product)?;
                outputs.put(self, step, direction, state);
            }
            outputs.states[0].push(state);
        }
        Ok(outputs.operands(self, &recurrence, 1))
    }

    pub(super) fn lstm(&mut self, node: &NodeProto) -> Result<Vec<Operand>, String> {
        let recurrence = self.recurrence(node, 4)?;
        if self.optional(node, 7)?.is_some() {
            return Err("has peepholes, which are not run".to_owned());
        }
        let source = self.flow(node, 0)?;
        let mut outputs = Outputs::new(self, &recurrence)?;
        for (direction, backwards) in recurrence.directions.iter().enumerate() {
            let cell = self.cell(node, direction, 4, &source)?;
            let mut hidden = self.initial(node, 5, direction, &recurrence)?;
            let mut memory = self.initial(node, 6, direction, &recurrence)?;
            let gates = self.inputs_of(&source, recurrence.steps, &cell)?;
            for step in 0..recurrence.steps {
                let step = if *backwards { recurrence.steps - 1 - step } else { step };
                let gates = gates.part(step * 4 * cell.hidden, 4 * cell.hidden);
                (hidden, memory) = self.lstm_step(gates, hidden, memory, &cell)?;
                outputs.put(self, step, direction, hidden);
            }
            outputs.states[0].push(hidden);
            outputs.states[1].push(memory);
        }
        Ok(outputs.operands(self, &recurrence, 2))
    }

    /// `h' = n + z (h - n)` with `n = tanh(W x + r (R h + b))`, or with the reset before the product.
    fn gru_step(
        &mut self,
        gates: Value,
        state: Value,
        cell: &Cell,
        resets_after: bool,
    ) -> Result<Value, String> {
        let size = cell.hidden;
        let recurrent = self.state_gates(state, cell, 0, if resets_after { 3 } else { 2 })?;
        let both = self.program.binary(
            Binary::Add,
            gates.part(0, 2 * size),
            Source::Value(recurrent.part(0, 2 * size)),
        );
        let both = self.program.function(both, SIGMOID);
        let (update, reset) = (both.part(0, size), both.part(size, size));
        let candidate = if resets_after {
            self.program.binary(Binary::Multiply, reset, Source::Value(recurrent.part(2 * size, size)))
        } else {
            let state = self.program.binary(Binary::Multiply, reset, Source::Value(state));
            self.state_gates(state, cell, 2, 1)?
        };
        let candidate =
            self.program.binary(Binary::Add, candidate, Source::Value(gates.part(2 * size, size)));
        let candidate = self.program.function(candidate, TANH);
        let difference = self.program.binary(Binary::Subtract, state, Source::Value(candidate));
        let difference = self.program.binary(Binary::Multiply, difference, Source::Value(update));
        Ok(self.program.binary(Binary::Add, difference, Source::Value(candidate)))
    }

    /// `c' = f c + i tanh(g)`, `h' = o tanh(c')`.
    fn lstm_step(
        &mut self,
        gates: Value,
        hidden: Value,
        memory: Value,
        cell: &Cell,
    ) -> Result<(Value, Value), String> {
        let size = cell.hidden;
        let recurrent = self.state_gates(hidden, cell, 0, 4)?;
        let sum = self.program.binary(Binary::Add, recurrent, Source::Value(gates));
        let open = self.program.function(sum.part(0, 3 * size), SIGMOID);
        let candidate = self.program.function(sum.part(3 * size, size), TANH);
        let (input, output, forget) = (open.part(0, size), open.part(size, size), open.part(2 * size, size));
        let kept = self.program.binary(Binary::Multiply, memory, Source::Value(forget));
        let new = self.program.binary(Binary::Multiply, candidate, Source::Value(input));
        let memory = self.program.binary(Binary::Add, kept, Source::Value(new));
        let bounded = self.program.function(memory, TANH);
        Ok((self.program.binary(Binary::Multiply, bounded, Source::Value(output)), memory))
    }

    /// `R h + b` of some gates.
    fn state_gates(
        &mut self,
        state: Value,
        cell: &Cell,
        first: usize,
        count: usize,
    ) -> Result<Value, String> {
        let (start, end) = (first * cell.hidden, (first + count) * cell.hidden);
        let columns = cell.state_bias.len();
        let rows = cell.state_weights.chunks_exact(columns);
        let weights: Vec<f32> = rows.flat_map(|row| row[start..end].iter().copied()).collect();
        let bias = cell.state_bias[start..end].to_vec();
        let state = Flow::new(state, vec![1, cell.hidden]);
        Ok(self.layer(&state, [1, end - start], weights, Some(bias))?.value)
    }

    /// `W x + b` of all gates and all steps.
    fn inputs_of(&mut self, source: &Flow, steps: usize, cell: &Cell) -> Result<Value, String> {
        let outputs = cell.input_bias.len();
        let (weights, bias) = (cell.input_weights.clone(), cell.input_bias.clone());
        Ok(self.layer(source, [steps, outputs], weights, Some(bias))?.value)
    }

    fn recurrence(&mut self, node: &NodeProto, gates: usize) -> Result<Recurrence, String> {
        let known = [
            "activation_alpha",
            "activation_beta",
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "input_forget",
            "layout",
            "linear_before_reset",
        ];
        let attributes = Attributes::new(node, &known)?;
        attributes.expect("layout", 0, 0)?;
        attributes.expect("input_forget", 0, 0)?;
        if attributes.get("clip", AttributeType::Float)?.is_some() {
            return Err("clips its gates, which is not run".to_owned());
        }
        if let Some(activations) = attributes.get("activations", AttributeType::Strings)? {
            let expected: &[&[u8]] =
                if gates == 3 { &[b"Sigmoid", b"Tanh"] } else { &[b"Sigmoid", b"Tanh", b"Tanh"] };
            if !activations.strings.chunks(expected.len()).all(|names| names == expected) {
                return Err("has other activations than Sigmoid and Tanh".to_owned());
            }
        }
        let directions = match attributes.text("direction", "forward")? {
            "forward" => vec![false],
            "reverse" => vec![true],
            "bidirectional" => vec![false, true],
            other => return Err(format!("direction {other:?} is unknown")),
        };
        let dims = self.operand(node, 0)?.dims().to_vec();
        let [steps, 1, _] = dims[..] else {
            return Err(format!("input 0 has shape {dims:?}, expected [steps, 1, inputs]"));
        };
        if steps * directions.len() > MAX_STEPS {
            return Err(format!("has {steps} steps, at most {MAX_STEPS} are unrolled"));
        }
        if let Some(lengths) = self.integers(node, 4)?
            && lengths != [steps as i64]
        {
            return Err(format!("sequence lengths {lengths:?} differ from {steps} steps"));
        }
        let recurrent = self.weights(node, 2)?.ok_or("input 2 is missing")?;
        let [_, _, hidden] = recurrent.dims[..] else {
            return Err(format!("input 2 has shape {:?}, expected three dimensions", recurrent.dims));
        };
        let stated = attributes.integer("hidden_size", hidden as i64)?;
        if stated != hidden as i64 {
            return Err(format!("hidden_size is {stated}, its weights have {hidden}"));
        }
        let resets_after_product = attributes.flag("linear_before_reset")?;
        Ok(Recurrence { steps, directions, hidden, resets_after_product })
    }

    /// The parameters of one direction, transposed as dense layers take them.
    fn cell(
        &mut self,
        node: &NodeProto,
        direction: usize,
        gates: usize,
        source: &Flow,
    ) -> Result<Cell, String> {
        let inputs = source.dims[2];
        let recurrent = self.weights(node, 2)?.ok_or("input 2 is missing")?;
        let hidden = recurrent.dims[2];
        let columns = check_count([gates, hidden])?;
        let part = |position: usize, dims: [usize; 2], tensor: &super::Tensor| {
            let size = dims[0].saturating_mul(dims[1]);
            let start = direction.saturating_mul(size);
            let fits = tensor.dims.len() == 3 && tensor.dims[1..] == dims;
            let values = floats(tensor)?.get(start..start.saturating_add(size)).filter(|_| fits);
            values.map(<[f32]>::to_vec).ok_or_else(|| {
                format!(
                    "input {position} has shape {:?}, expected [directions, {}, {}]",
                    tensor.dims, dims[0], dims[1]
                )
            })
        };
        let weights = self.weights(node, 1)?.ok_or("input 1 is missing")?;
        let input_weights = transposed(&part(1, [columns, inputs], &weights)?, inputs);
        let state_weights = transposed(&part(2, [columns, hidden], &recurrent)?, hidden);
        let biases = match self.weights(node, 3)? {
            None => vec![0.0; 2 * columns],
            Some(tensor) => {
                let start = direction * 2 * columns;
                let values = floats(&tensor)?.get(start..start + 2 * columns);
                values
                    .ok_or_else(|| {
                        format!("input 3 has shape {:?}, expected [directions, {}]", tensor.dims, 2 * columns)
                    })?
                    .to_vec()
            }
        };
        let (input_bias, state_bias) = biases.split_at(columns);
        let (input_bias, state_bias) = (input_bias.to_vec(), state_bias.to_vec());
        Ok(Cell { hidden, input_weights, input_bias, state_weights, state_bias })
    }

    /// A direction's state before the first step.
    fn initial(
        &mut self,
        node: &NodeProto,
        position: usize,
        direction: usize,
        recurrence: &Recurrence,
    ) -> Result<Value, String> {
        let size = recurrence.hidden;
        let Some(operand) = self.optional(node, position)? else {
            return Ok(self.program.copy_of(Source::Constant(vec![0.0; size]), size));
        };
        let expected = [recurrence.directions.len(), 1, size];
        if operand.dims() != expected {
            return Err(format!("input {position} has shape {:?}, expected {expected:?}", operand.dims()));
        }
        Ok(self.flowing(operand)?.value.part(direction * size, size))
    }
}

/// `[outputs, inputs]` to `[inputs, outputs]`.
fn transposed(values: &[f32], inputs: usize) -> Vec<f32> {
    (0..inputs).flat_map(|input| values.iter().skip(input).step_by(inputs.max(1)).copied()).collect()
}

/// The outputs of a recurrence while its steps are unrolled.
struct Outputs {
    /// `[steps, directions, 1, hidden]`.
    sequence: Value,
    directions: usize,
    hidden: usize,
    /// Of each kind, the last of each direction.
    states: [Vec<Value>; 2],
}

impl Outputs {
    fn new(lowering: &mut Lowering, recurrence: &Recurrence) -> Result<Self, String> {
        let directions = recurrence.directions.len();
        let size = check_count([recurrence.steps, directions, recurrence.hidden])?;
        lowering.check_width(size)?;
        let sequence = lowering.program.reserve(size);
        Ok(Self { sequence, directions, hidden: recurrence.hidden, states: [vec![], vec![]] })
    }

    fn put(&self, lowering: &mut Lowering, step: usize, direction: usize, state: Value) {
        let start = (step * self.directions + direction) * self.hidden;
        let place = self.sequence.part(start, self.hidden);
        lowering.program.copy(Source::Value(state), 0, place, contiguous(self.hidden));
    }

    fn operands(self, lowering: &mut Lowering, recurrence: &Recurrence, kinds: usize) -> Vec<Operand> {
        let dims = vec![recurrence.steps, self.directions, 1, self.hidden];
        let mut operands = vec![Operand::Flow(Flow::new(self.sequence, dims))];
        for states in self.states.iter().take(kinds) {
            let value = if let [only] = states[..] {
                only
            } else {
                let joined = lowering.program.reserve(states.len() * self.hidden);
                for (index, state) in states.iter().enumerate() {
                    let place = joined.part(index * self.hidden, self.hidden);
                    lowering.program.copy(Source::Value(*state), 0, place, contiguous(self.hidden));
                }
                joined
            };
            operands.push(Operand::Flow(Flow::new(value, vec![self.directions, 1, self.hidden])));
        }
        operands
    }
}
