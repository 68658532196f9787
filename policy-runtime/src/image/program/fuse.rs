//! Drops and joins operations, without changing a bit of any output.

use super::{Node, Program, Source, Step, Value};
use crate::kernel::{Binary, Function};

impl Program {
    /// The operations that outputs need, with each addition folded into a dense layer without bias, and each function that
    /// keeps finite values finite into a dense layer without one, where nothing else reads what the layer put out.
    pub(super) fn fused(&self) -> Vec<Node> {
        let needed = self.needed();
        let mut readers = vec![0_usize; self.buffers.len()];
        let ends = self.outputs.iter().map(|output| output.value);
        for value in needed.iter().flat_map(|node| node.sources()).chain(ends) {
            readers[value.buffer] += 1;
        }
        let mut fused: Vec<Node> = Vec::with_capacity(needed.len());
        for node in needed {
            let joined = match fused.last_mut() {
                Some(layer) if readers[layer.destination.buffer] == 1 => join(layer, node),
                _ => false,
            };
            if !joined {
                fused.push(node.clone());
            }
        }
        fused
    }

    fn needed(&self) -> Vec<&Node> {
        let mut needed = vec![false; self.buffers.len()];
        for output in &self.outputs {
            needed[output.value.buffer] = true;
        }
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in self.nodes.iter().rev().filter(|node| node.destination.size > 0) {
            if needed[node.destination.buffer] {
                node.sources().for_each(|source| needed[source.buffer] = true);
                nodes.push(node);
            }
        }
        nodes.reverse();
        nodes
    }
}

/// Makes `node` a part of the dense layer before it, if it can be.
fn join(layer: &mut Node, node: &Node) -> bool {
    let output = layer.destination;
    let Step::Dense { rows, bias, function, .. } = &mut layer.step else { return false };
    if *function != Function::IDENTITY {
        return false;
    }
    match &node.step {
        Step::Function { source, function: next } if *source == output && next.keeps_finite() => {
            *function = *next;
        }
        Step::Binary { binary: Binary::Add, first, second: Source::Constant(constant) }
            if *first == output && bias.is_none() && *rows == 1 =>
        {
            *bias = Some(spread(constant, output));
        }
        _ => return false,
    }
    layer.destination = node.destination;
    true
}

/// One value for each output.
fn spread(constant: &[f32], output: Value) -> Vec<f32> {
    if let [value] = constant { vec![*value; output.size] } else { constant.to_vec() }
}
