//! What depends on constants alone is computed once, when a policy is lowered.
//!
//! The node is lowered into a program of its own, which runs at once: the numbers are those that the executor would give,
//! and every operator that lowers also folds.

use super::super::tensor::Elements;
use super::Lowering;
use super::operand::Operand;
use crate::executor::Executor;
use crate::image::program::{Program, Terminal};
use crate::image::{Element, Role};
use crate::onnx::protobuf::NodeProto;

/// Most element operations of all folding together.
const MAX_FOLDED_WORK: u64 = 1 << 31;

impl Lowering<'_> {
    /// Whether a node reads nothing that depends on the inputs.
    pub(super) fn reads_constants_alone(&self, node: &NodeProto) -> bool {
        let is_constant = |name: &String| {
            name.is_empty() || matches!(self.operands.get(name.as_str()), Some(Operand::Constant(_)))
        };
        !self.is_folding && node.input.iter().all(is_constant)
    }

    /// What a node gives whose inputs are constants.
    pub(super) fn folded(&mut self, node: &NodeProto) -> Result<Vec<Operand>, String> {
        let mut inner = Program::default();
        // A program has an input; nothing reads this one.
        inner.input("", 1, Role::Observation, Element::Number);
        let outer = std::mem::replace(&mut self.program, inner);
        self.is_folding = true;
        let results = self.operands_of(node);
        self.is_folding = false;
        let inner = std::mem::replace(&mut self.program, outer);
        self.evaluated(inner, results?)
    }

    /// Runs the program and replaces values in flow by what they came to be.
    fn evaluated(&mut self, mut program: Program, results: Vec<Operand>) -> Result<Vec<Operand>, String> {
        let mut role = Role::Action;
        for result in &results {
            if let Operand::Flow(flow) = result {
                let end = Terminal {
                    name: String::new(),
                    role,
                    element: flow.element,
                    value: flow.value,
                    other_end: 0,
                };
                program.output(end);
                role = Role::Other;
            }
        }
        if role == Role::Action {
            return Ok(results);
        }
        let fail = |error: &dyn std::fmt::Display| format!("cannot be computed beforehand: {error}");
        let aligned = program.assemble(&[], &[]).map_err(|error| fail(&error))?;
        let image = aligned.image().map_err(|error| fail(&error))?;
        let cost = image.cost();
        self.folded_work = self.folded_work.saturating_add(cost.multiply_adds + cost.elements);
        if self.folded_work > MAX_FOLDED_WORK {
            return Err(format!("computing constants takes more than {MAX_FOLDED_WORK} operations in all"));
        }
        let mut executor =
            Executor::new(image, vec![0.0; image.scratch_len()]).map_err(|error| fail(&error))?;
        executor.infer(&[0.0]).map_err(|error| fail(&error))?;
        let mut output = 0;
        let mut constants = Vec::with_capacity(results.len());
        for result in results {
            constants.push(match result {
                Operand::Constant(_) => result,
                Operand::Flow(flow) => {
                    let values = executor.output(output);
                    output += 1;
                    self.spend(values.len())?;
                    Operand::constant(flow.dims, Elements::from_floats(values, flow.element))
                }
            });
        }
        Ok(constants)
    }
}
