//! A gated recurrent unit (Cho et al. 2014, arXiv 1406.1078), run over sequences and differentiated through them.
//!
//! ```text
//! z = sigmoid(x W_z + b_z + h R_z + c_z)                 how much is kept
//! r = sigmoid(x W_r + b_r + h R_r + c_r)                 how much the candidate sees of it
//! n = tanh(x W_n + b_n + r (h R_n + c_n))                the candidate
//! h' = n + z (h - n)
//! ```
//!
//! The reset gate acts on the product, as in PyTorch and cuDNN, so that all three gates of a step are one product; ONNX
//! calls that `linear_before_reset`, and the gates' order here is its order. What sequences have in common is computed for
//! all steps at once, the part with the state step by step. Where an episode begins within a sequence the state is zero,
//! and no derivative flows back across it.

use super::activation::linear;
use super::matrix::{add_product, product_transposed_left, product_transposed_right, sum_rows, vectorized};
use crate::random::Stream;
use sinew_policy_runtime::math;
use std::ops::Range;

/// The shape of a gated recurrent unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gru {
    inputs: usize,
    size: usize,
}

/// Parameters by their place in the one slice that they are.
#[derive(Clone, Copy, Debug)]
pub struct GruParameters<'p> {
    /// `[inputs, 3 · size]`.
    pub weights: &'p [f32],
    /// `[3 · size]`.
    pub bias: &'p [f32],
    /// `[size, 3 · size]`.
    pub state_weights: &'p [f32],
    /// `[3 · size]`.
    pub state_bias: &'p [f32],
}

/// What came before some sequences, whose rows are ordered step by step.
#[derive(Clone, Copy, Debug)]
pub struct Past<'r> {
    /// The states in which they begin, `[sequences, size]`.
    pub states: &'r [f32],
    /// Which rows begin an episode within them, `[rows]`; empty for none.
    pub begins: &'r [bool],
}

impl Past<'_> {
    /// Of a network that remembers nothing.
    pub const NONE: Past<'static> = Past { states: &[], begins: &[] };

    /// Zeroes the rows of `values [sequences, size]` whose episode begins at one step.
    fn forget(&self, step: usize, values: &mut [f32], size: usize) {
        let sequences = values.len() / size;
        let begins = self.begins.get(step * sequences..(step + 1) * sequences).unwrap_or_default();
        for (row, _) in values.chunks_exact_mut(size).zip(begins).filter(|(_, begins)| **begins) {
            row.fill(0.0);
        }
    }
}

/// Intermediate values of some sequences; nothing in a pass allocates. `rows` is `steps · sequences`, step by step.
#[derive(Clone, Debug)]
pub struct GruWorkspace {
    trace: Trace,
    /// The states after each step, `[rows, size]`.
    states: Vec<f32>,
    /// Derivatives by the states, or the states' own along a direction, `[rows, size]`.
    by_states: Vec<f32>,
    /// The same of what is added up for the gates from the inputs, and from the state, `[rows, 3 · size]`.
    by_gates: [Vec<f32>; 2],
    /// The derivative that flows on to the step before, `[sequences, size]`.
    carried: Vec<f32>,
}

/// What a forward pass leaves for the passes that follow it.
#[derive(Clone, Debug)]
struct Trace {
    steps: usize,
    sequences: usize,
    /// Of the state.
    size: usize,
    /// z, r and n, `[rows, 3 · size]`.
    gates: Vec<f32>,
    /// `h R + c`, `[rows, 3 · size]`.
    recurrent: Vec<f32>,
    /// The states before each step, `[rows, size]`.
    before: Vec<f32>,
}

impl Trace {
    /// Where the rows of one step lie in values as wide as the state, and in such as wide as the gates.
    fn places(&self, step: usize) -> [Range<usize>; 2] {
        let rows = step * self.sequences..(step + 1) * self.sequences;
        [self.size, 3 * self.size].map(|width| rows.start * width..rows.end * width)
    }

    fn step(&self, step: usize) -> Step<'_> {
        let [states, gates] = self.places(step);
        Step {
            size: self.size,
            gates: &self.gates[gates.clone()],
            recurrent: &self.recurrent[gates],
            before: &self.before[states],
        }
    }
}

impl GruWorkspace {
    /// The states after each step, `[rows, size]`.
    pub fn states(&self) -> &[f32] {
        &self.states
    }

    /// The states after the last step, `[sequences, size]`.
    pub fn last_states(&self) -> &[f32] {
        &self.states[(self.trace.steps - 1) * self.carried.len()..]
    }

    /// The same and, to be filled before a backward pass, the loss's derivative by them.
    pub fn states_and_gradient_mut(&mut self) -> (&[f32], &mut [f32]) {
        (&self.states, &mut self.by_states)
    }

    /// The states' derivative along the direction of the last [`Gru::tangent`], `[rows, size]`.
    pub fn moved_states(&self) -> &[f32] {
        &self.by_states
    }
}

impl Gru {
    /// `inputs` values into a state of `size`.
    pub fn new(inputs: usize, size: usize) -> Self {
        Self { inputs, size }
    }

    /// Values of the state.
    pub fn size(&self) -> usize {
        self.size
    }

    /// How many parameters there are.
    pub fn parameter_count(&self) -> usize {
        3 * self.size * (self.inputs + self.size + 2)
    }

    /// All from `U(-1/√size, 1/√size)`, PyTorch's default.
    pub fn initial_parameters(&self, stream: &mut Stream) -> Vec<f32> {
        let bound = 1.0 / (self.size as f32).sqrt();
        (0..self.parameter_count()).map(|_| stream.uniform(-bound, bound)).collect()
    }

    /// The parts of its parameters.
    pub fn parts<'p>(&self, parameters: &'p [f32]) -> GruParameters<'p> {
        let gates = 3 * self.size;
        let (weights, rest) = parameters.split_at(self.inputs * gates);
        let (bias, rest) = rest.split_at(gates);
        let (state_weights, rest) = rest.split_at(self.size * gates);
        GruParameters { weights, bias, state_weights, state_bias: &rest[..gates] }
    }

    /// Keeps all outputs while inputs from `first` on change to `x'` with `x = scale · x' + shift`.
    pub fn absorb(&self, parameters: &mut [f32], first: usize, scales: &[f32], shifts: &[f32]) {
        let gates = 3 * self.size;
        let (weights, rest) = parameters.split_at_mut(self.inputs * gates);
        let rows = weights.chunks_exact_mut(gates).skip(first);
        for ((row, scale), shift) in rows.zip(scales).zip(shifts) {
            for (weight, bias) in row.iter_mut().zip(&mut rest[..gates]) {
                *bias += *shift * *weight;
                *weight *= *scale;
            }
        }
    }

    /// Buffers for `sequences` sequences of `steps` steps.
    pub fn workspace(&self, steps: usize, sequences: usize) -> GruWorkspace {
        let values = |width: usize| vec![0.0; steps * sequences * width];
        GruWorkspace {
            trace: Trace {
                steps,
                sequences,
                size: self.size,
                gates: values(3 * self.size),
                recurrent: values(3 * self.size),
                before: values(self.size),
            },
            states: values(self.size),
            by_states: values(self.size),
            by_gates: [values(3 * self.size), values(3 * self.size)],
            carried: vec![0.0; sequences * self.size],
        }
    }

    /// Runs `inputs [rows, inputs]` from what came before; the states lie in the workspace.
    pub fn forward(&self, parameters: &[f32], inputs: &[f32], past: Past<'_>, workspace: &mut GruWorkspace) {
        let (size, gates) = (self.size, 3 * self.size);
        let parts = self.parts(parameters);
        let GruWorkspace { trace, states, .. } = workspace;
        let sequences = trace.sequences;
        let shape = [trace.steps * sequences, self.inputs, gates];
        linear(&mut trace.gates, inputs, parts.weights, parts.bias, shape);
        for step in 0..trace.steps {
            let [of_states, of_gates] = trace.places(step);
            let (earlier, states) = states.split_at_mut(of_states.start);
            let before = &mut trace.before[of_states];
            let last = if step == 0 { past.states } else { &earlier[earlier.len() - before.len()..] };
            before.copy_from_slice(last);
            past.forget(step, before, size);
            let recurrent = &mut trace.recurrent[of_gates.clone()];
            let shape = [sequences, size, gates];
            linear(recurrent, before, parts.state_weights, parts.state_bias, shape);
            step_forward(size, &mut trace.gates[of_gates], recurrent, before, &mut states[..before.len()]);
        }
    }

    /// Derivatives of a loss whose derivative by the states is in [`GruWorkspace::states_and_gradient_mut`], into `gradient`, laid out
    /// as the parameters. Follows a [`Self::forward`] with the same parameters, inputs and past.
    pub fn backward(
        &self,
        parameters: &[f32],
        inputs: &[f32],
        past: Past<'_>,
        workspace: &mut GruWorkspace,
        gradient: &mut [f32],
    ) {
        let (size, gates) = (self.size, 3 * self.size);
        let parts = self.parts(parameters);
        let GruWorkspace { trace, by_states, by_gates: [by_input_gates, by_state_gates], carried, .. } =
            workspace;
        carried.fill(0.0);
        for step in (0..trace.steps).rev() {
            let [of_states, of_gates] = trace.places(step);
            let by_states = &mut by_states[of_states];
            by_states.iter_mut().zip(&*carried).for_each(|(value, carried)| *value += carried);
            let by_state_gates = &mut by_state_gates[of_gates.clone()];
            trace.step(step).backward(by_states, &mut by_input_gates[of_gates], by_state_gates);
            let shape = [trace.sequences, gates, size];
            product_transposed_right(carried, by_state_gates, parts.state_weights, shape);
            carried.iter_mut().zip(&*by_states).for_each(|(carried, kept)| *carried += kept);
            past.forget(step, carried, size);
        }
        let rows = trace.steps * trace.sequences;
        let (weights, rest) = gradient.split_at_mut(self.inputs * gates);
        let (bias, rest) = rest.split_at_mut(gates);
        let (state_weights, state_bias) = rest.split_at_mut(size * gates);
        product_transposed_left(weights, inputs, by_input_gates, [self.inputs, rows, gates]);
        sum_rows(bias, by_input_gates);
        product_transposed_left(state_weights, &trace.before, by_state_gates, [size, rows, gates]);
        sum_rows(&mut state_bias[..gates], by_state_gates);
    }

    /// Derivative of the states along `direction`, laid out as the parameters; it lies where a backward pass keeps the derivatives
    /// by the states. Follows a [`Self::forward`] with the same parameters, inputs and past.
    pub fn tangent(
        &self,
        parameters: &[f32],
        direction: &[f32],
        inputs: &[f32],
        past: Past<'_>,
        workspace: &mut GruWorkspace,
    ) {
        let (size, gates) = (self.size, 3 * self.size);
        let (parts, along) = (self.parts(parameters), self.parts(direction));
        let GruWorkspace { trace, by_states, by_gates: [moved_gates, moved_recurrent], carried, .. } =
            workspace;
        let shape = [trace.steps * trace.sequences, self.inputs, gates];
        linear(moved_gates, inputs, along.weights, along.bias, shape);
        carried.fill(0.0);
        for index in 0..trace.steps {
            let [of_states, of_gates] = trace.places(index);
            past.forget(index, carried, size);
            let (step, shape) = (trace.step(index), [trace.sequences, size, gates]);
            let moved_recurrent = &mut moved_recurrent[of_gates.clone()];
            linear(moved_recurrent, step.before, along.state_weights, along.state_bias, shape);
            add_product(moved_recurrent, carried, parts.state_weights, shape);
            let moved = &mut by_states[of_states];
            step.tangent(&moved_gates[of_gates], moved_recurrent, carried, moved);
            carried.copy_from_slice(moved);
        }
    }
}

/// Turns what was added up for the gates of one step's rows into the gates, and the states before into those after.
fn step_forward(size: usize, gates: &mut [f32], recurrent: &[f32], before: &[f32], states: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || {
            let rows = gates.chunks_exact_mut(3 * size).zip(recurrent.chunks_exact(3 * size));
            let rows = rows.zip(before.chunks_exact(size).zip(states.chunks_exact_mut(size)));
            for ((gates, recurrent), (before, states)) in rows {
                let (update, rest) = gates.split_at_mut(size);
                let (reset, candidate) = rest.split_at_mut(size);
                for index in 0..size {
                    let (z, r, n) = (&mut update[index], &mut reset[index], &mut candidate[index]);
                    *z = math::sigmoid(*z + recurrent[index]);
                    *r = math::sigmoid(*r + recurrent[size + index]);
                    *n = math::tanh(*n + *r * recurrent[2 * size + index]);
                    states[index] = *n + *z * (before[index] - *n);
                }
            }
        },
    );
}

/// One step's rows as a forward pass left them.
#[derive(Clone, Copy)]
struct Step<'w> {
    size: usize,
    /// z, r and n.
    gates: &'w [f32],
    /// `h R + c`.
    recurrent: &'w [f32],
    /// The states before.
    before: &'w [f32],
}

impl<'w> Step<'w> {
    /// Of each row the gates, `h R + c` of the candidate, and the state before.
    #[inline(always)]
    fn rows(self) -> impl Iterator<Item = (&'w [f32], &'w [f32], &'w [f32])> {
        let size = self.size;
        let rows = self.gates.chunks_exact(3 * size).zip(self.recurrent.chunks_exact(3 * size));
        let rows = rows.zip(self.before.chunks_exact(size));
        rows.map(move |((gates, recurrent), before)| (gates, &recurrent[2 * size..], before))
    }

    /// From the derivatives by the states after, those by what was added up for the gates from the inputs and from the state;
    /// leaves of the first what flows on to the states before because they are kept.
    fn backward(self, by_states: &mut [f32], by_gates: &mut [f32], by_recurrent: &mut [f32]) {
        let size = self.size;
        vectorized(
            #[inline(always)]
            || {
                let slopes = by_gates.chunks_exact_mut(3 * size).zip(by_recurrent.chunks_exact_mut(3 * size));
                let slopes = slopes.zip(by_states.chunks_exact_mut(size));
                for ((gates, recurrent, before), ((by_gates, by_recurrent), by_states)) in
                    self.rows().zip(slopes)
                {
                    for index in 0..size {
                        let (z, r, n) = (gates[index], gates[size + index], gates[2 * size + index]);
                        let slope = by_states[index];
                        let by_candidate = slope * (1.0 - z) * (1.0 - n * n);
                        let by_update = slope * (before[index] - n) * (z * (1.0 - z));
                        let by_reset = by_candidate * recurrent[index] * (r * (1.0 - r));
                        by_gates[index] = by_update;
                        by_gates[size + index] = by_reset;
                        by_gates[2 * size + index] = by_candidate;
                        by_recurrent[index] = by_update;
                        by_recurrent[size + index] = by_reset;
                        by_recurrent[2 * size + index] = by_candidate * r;
                        by_states[index] = slope * z;
                    }
                }
            },
        );
    }

    /// How the states after move, when what was added up for the gates moves, and the states before.
    fn tangent(self, moved_gates: &[f32], moved_recurrent: &[f32], moved_before: &[f32], moved: &mut [f32]) {
        let size = self.size;
        vectorized(
            #[inline(always)]
            || {
                let moves = moved_gates.chunks_exact(3 * size).zip(moved_recurrent.chunks_exact(3 * size));
                let moves = moves.zip(moved_before.chunks_exact(size).zip(moved.chunks_exact_mut(size)));
                for ((gates, recurrent, before), ((inputs, states), (moved_before, moved))) in
                    self.rows().zip(moves)
                {
                    for index in 0..size {
                        let (z, r, n) = (gates[index], gates[size + index], gates[2 * size + index]);
                        let update = z * (1.0 - z) * (inputs[index] + states[index]);
                        let reset = r * (1.0 - r) * (inputs[size + index] + states[size + index]);
                        let product = reset * recurrent[index] + r * states[2 * size + index];
                        let candidate = (1.0 - n * n) * (inputs[2 * size + index] + product);
                        moved[index] =
                            candidate * (1.0 - z) + update * (before[index] - n) + z * moved_before[index];
                    }
                }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: usize = 5;
    const SEQUENCES: usize = 3;
    const INPUTS: usize = 2;
    const SIZE: usize = 4;
    const ROWS: usize = STEPS * SEQUENCES;

    /// Random parameters, inputs and first states, and episodes that begin within the sequences.
    struct Case {
        gru: Gru,
        parameters: Vec<f32>,
        inputs: Vec<f32>,
        states: Vec<f32>,
        begins: Vec<bool>,
    }

    impl Case {
        fn new() -> Self {
            let (gru, mut stream) = (Gru::new(INPUTS, SIZE), Stream::new(5, "gru test"));
            let mut normal = |count: usize| (0..count).map(|_| stream.normal()).collect::<Vec<f32>>();
            let (parameters, inputs) = (normal(gru.parameter_count()), normal(ROWS * INPUTS));
            let states = normal(SEQUENCES * SIZE);
            let begins = (0..ROWS).map(|row| [4, 8, 9].contains(&row)).collect();
            Self { gru, parameters, inputs, states, begins }
        }

        fn past(&self) -> Past<'_> {
            Past { states: &self.states, begins: &self.begins }
        }

        fn forward(&self, parameters: &[f32]) -> GruWorkspace {
            let mut workspace = self.gru.workspace(STEPS, SEQUENCES);
            self.gru.forward(parameters, &self.inputs, self.past(), &mut workspace);
            workspace
        }
    }

    #[test]
    fn one_step_agrees_with_a_hand_computed_case() {
        let gru = Gru::new(1, 1);
        // W, b, R, c; the gates z, r, n in each.
        let parameters = [1.0, 2.0, 3.0, 0.1, 0.2, 0.3, -1.0, -2.0, -3.0, 0.4, 0.5, 0.6];
        let mut workspace = gru.workspace(1, 1);
        gru.forward(&parameters, &[0.5], Past { states: &[0.25], begins: &[] }, &mut workspace);
        let z = math::sigmoid(0.5 + 0.1 - 0.25 + 0.4);
        let r = math::sigmoid(1.0 + 0.2 - 0.5 + 0.5);
        let n = math::tanh(1.5 + 0.3 + r * (-0.75 + 0.6));
        assert!((workspace.last_states()[0] - ((1.0 - z) * n + z * 0.25)).abs() < 1e-6);
    }

    #[test]
    fn a_sequence_is_its_steps_one_by_one_and_forgets_where_an_episode_begins() {
        let case = Case::new();
        let whole = case.forward(&case.parameters);
        let (mut states, mut single) = (case.states.clone(), case.gru.workspace(1, SEQUENCES));
        for step in 0..STEPS {
            for sequence in (0..SEQUENCES).filter(|sequence| case.begins[step * SEQUENCES + sequence]) {
                states[sequence * SIZE..(sequence + 1) * SIZE].fill(0.0);
            }
            let inputs = &case.inputs[step * SEQUENCES * INPUTS..(step + 1) * SEQUENCES * INPUTS];
            case.gru.forward(&case.parameters, inputs, Past { states: &states, begins: &[] }, &mut single);
            states.copy_from_slice(single.last_states());
            let expected = &whole.states()[step * SEQUENCES * SIZE..(step + 1) * SEQUENCES * SIZE];
            for (found, expected) in states.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "step {step}: {found} {expected}");
            }
        }
        assert_eq!(whole.last_states(), &whole.states()[(STEPS - 1) * SEQUENCES * SIZE..]);
    }

    #[test]
    fn gradients_through_time_agree_with_finite_differences() {
        let case = Case::new();
        let mut stream = Stream::new(6, "gru test");
        let weights: Vec<f32> = (0..ROWS * SIZE).map(|_| stream.normal()).collect();
        let loss = |parameters: &[f32]| {
            let workspace = case.forward(parameters);
            let terms = workspace.states().iter().zip(&weights);
            terms.map(|(state, weight)| f64::from(*state) * f64::from(*weight)).sum::<f64>()
        };
        let mut workspace = case.forward(&case.parameters);
        workspace.by_states.copy_from_slice(&weights);
        let mut gradient = vec![f32::NAN; case.parameters.len()];
        case.gru.backward(&case.parameters, &case.inputs, case.past(), &mut workspace, &mut gradient);
        let (mut moved, step) = (case.parameters.clone(), 1e-2);
        for (index, found) in gradient.iter().enumerate() {
            moved[index] = case.parameters[index] + step;
            let above = loss(&moved);
            moved[index] = case.parameters[index] - step;
            let below = loss(&moved);
            moved[index] = case.parameters[index];
            let numeric = (above - below) / (2.0 * f64::from(step));
            assert!((numeric - f64::from(*found)).abs() < 5e-3, "{index}: {numeric} {found}");
        }
    }

    #[test]
    fn no_derivative_flows_across_an_episode_s_beginning() {
        let case = Case::new();
        let mut workspace = case.forward(&case.parameters);
        // By the last state of sequence 0 alone, whose episode began a step before, in row 9.
        workspace.by_states.fill(0.0);
        workspace.by_states[(ROWS - SEQUENCES) * SIZE] = 1.0;
        let mut gradient = vec![0.0; case.parameters.len()];
        case.gru.backward(&case.parameters, &case.inputs, case.past(), &mut workspace, &mut gradient);
        let reached = |row: usize| {
            let values = &workspace.by_gates[0][row * 3 * SIZE..(row + 1) * 3 * SIZE];
            values.iter().any(|value| *value != 0.0)
        };
        let expected: Vec<bool> = (0..ROWS).map(|row| row == 9 || row == 12).collect();
        assert_eq!((0..ROWS).map(reached).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn tangents_agree_with_finite_differences() {
        let case = Case::new();
        let mut stream = Stream::new(7, "gru test");
        let direction: Vec<f32> = case.parameters.iter().map(|_| stream.normal()).collect();
        let mut workspace = case.forward(&case.parameters);
        case.gru.tangent(&case.parameters, &direction, &case.inputs, case.past(), &mut workspace);
        let at = |step: f32| {
            let along = case.parameters.iter().zip(&direction);
            let moved: Vec<f32> = along.map(|(value, along)| value + step * along).collect();
            case.forward(&moved).states().to_vec()
        };
        let (above, below) = (at(1e-3), at(-1e-3));
        for ((above, below), found) in above.iter().zip(&below).zip(workspace.moved_states()) {
            let numeric = (above - below) / 2e-3;
            assert!((numeric - found).abs() < 5e-3, "{numeric} {found}");
        }
    }

    #[test]
    fn a_change_of_inputs_that_is_absorbed_changes_no_state() {
        let mut case = Case::new();
        let before = case.forward(&case.parameters).states().to_vec();
        let mut parameters = case.parameters.clone();
        case.gru.absorb(&mut parameters, 1, &[2.0], &[0.1]);
        case.inputs.iter_mut().skip(1).step_by(2).for_each(|value| *value = (*value - 0.1) / 2.0);
        let after = case.forward(&parameters);
        for (before, after) in before.iter().zip(after.states()) {
            assert!((before - after).abs() < 1e-5, "{before} {after}");
        }
    }
}
