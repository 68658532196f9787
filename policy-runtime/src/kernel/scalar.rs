//! The kernels that define the bits; every other variant must reproduce them.
//!
//! They use no intrinsics: neurons lie in quads, which LLVM turns into whatever vectors the target has, without changing
//! the order of any sum.
#![allow(
    clippy::inline_always,
    reason = "a kernel is compiled into its caller, for the caller's instruction set"
)]

mod movement;
mod reduction;
mod row;

pub use movement::{Layout, gather, place};
pub(super) use reduction::tree;
pub use reduction::{reduce, sum_of};
pub use row::{normalize, softmax};

use super::activation::is_finite;
use super::{Binary, Function};

/// Neurons computed at once where a layer is wide enough: as many sums in flight as hide the latency of an addition,
/// while they still fit the sixteen registers of SSE.
const PAIR: usize = 32;

/// Four sums side by side. Written out lane by lane, so that LLVM holds them in one vector register.
#[derive(Clone, Copy)]
struct Quad([f32; 4]);

impl Quad {
    #[inline(always)]
    fn add_products(self, x: [f32; 4], weights: [f32; 4]) -> Self {
        let Self([a, b, c, d]) = self;
        Self([a + x[0] * weights[0], b + x[1] * weights[1], c + x[2] * weights[2], d + x[3] * weights[3]])
    }
}

/// Output of a dense layer before its activation: `output[j] = bias[j] + Σ_i input[i] · weights[i, j]`.
///
/// `panels` is packed as [`super::panel`] says.
///
/// # Panics
/// If `panels` is shorter than [`super::panel::packed_len`] of the two lengths.
#[inline(always)]
pub fn dense(input: &[f32], panels: &[f32], output: &mut [f32]) {
    let rows = input.len() + 1;
    let (mut rest, mut output) = (panels, output);
    while output.len() >= PAIR {
        let (first, after) = rest.split_at(16 * rows);
        let (second, after) = after.split_at(16 * rows);
        let (values, others) = output.split_at_mut(PAIR);
        panel_pair(input, first, second, values);
        (rest, output) = (after, others);
    }
    while output.len() >= 16 {
        (rest, output) = panel::<4>(input, rest, output);
    }
    if output.len() >= 8 {
        (rest, output) = panel::<2>(input, rest, output);
    }
    if output.len() >= 4 {
        (rest, output) = panel::<1>(input, rest, output);
    }
    for value in output {
        let (neuron, after) = rest.split_at(rows);
        *value = single_neuron(input, neuron);
        rest = after;
    }
}

/// A panel's rows, biases first, as quads.
#[inline(always)]
fn rows<const QUADS: usize>(panel: &[f32]) -> &[[[f32; 4]; QUADS]] {
    panel.as_chunks::<4>().0.as_chunks::<QUADS>().0
}

/// Computes the first `4 · QUADS` neurons and returns the panels and outputs that are left.
#[inline(always)]
fn panel<'w, 'o, const QUADS: usize>(
    input: &[f32],
    panels: &'w [f32],
    output: &'o mut [f32],
) -> (&'w [f32], &'o mut [f32]) {
    let (panel, rest) = panels.split_at(4 * QUADS * (input.len() + 1));
    let (values, others) = output.split_at_mut(4 * QUADS);
    let (bias, weights) = rows::<QUADS>(panel).split_at(1);
    let mut sums = bias[0].map(Quad);
    for (x, row) in input.iter().zip(weights) {
        for (sum, weights) in sums.iter_mut().zip(row) {
            *sum = sum.add_products([*x; 4], *weights);
        }
    }
    store(sums, values);
    (rest, others)
}

/// Two panels of 16 at once. The same sums as one after the other.
#[inline(always)]
fn panel_pair(input: &[f32], first: &[f32], second: &[f32], output: &mut [f32]) {
    let (first, second) = (rows::<4>(first), rows::<4>(second));
    let (mut low, mut high) = (first[0].map(Quad), second[0].map(Quad));
    for ((x, low_row), high_row) in input.iter().zip(&first[1..]).zip(&second[1..]) {
        for (sum, weights) in low.iter_mut().zip(low_row) {
            *sum = sum.add_products([*x; 4], *weights);
        }
        for (sum, weights) in high.iter_mut().zip(high_row) {
            *sum = sum.add_products([*x; 4], *weights);
        }
    }
    let (low_values, high_values) = output.split_at_mut(16);
    store(low, low_values);
    store(high, high_values);
}

#[inline(always)]
fn store<const QUADS: usize>(sums: [Quad; QUADS], values: &mut [f32]) {
    for (values, Quad(sum)) in values.as_chunks_mut::<4>().0.iter_mut().zip(sums) {
        *values = sum;
    }
}

/// A neuron alone in its panel: 16 strided partial sums, added by a fixed tree, then the bias.
#[inline(always)]
fn single_neuron(input: &[f32], neuron: &[f32]) -> f32 {
    let (bias, weights) = neuron.split_at(1);
    let whole = input.len() - input.len() % 16;
    let (inputs, input_tail) = input.split_at(whole);
    let (weights, weight_tail) = weights.split_at(whole);
    let mut sums = [Quad([0.0; 4]); 4];
    for (x, row) in rows::<4>(inputs).iter().zip(rows::<4>(weights)) {
        for (sum, (x, weights)) in sums.iter_mut().zip(x.iter().zip(row)) {
            *sum = sum.add_products(*x, *weights);
        }
    }
    let mut partials = [0.0; 16];
    store(sums, &mut partials);
    for (partial, (x, weight)) in partials.iter_mut().zip(input_tail.iter().zip(weight_tail)) {
        *partial += *x * *weight;
    }
    bias[0] + tree(partials)
}

/// `values[i] = function(values[i])`; says whether all values were finite before.
#[inline(always)]
pub fn apply(function: Function, values: &mut [f32]) -> bool {
    function.apply(values)
}

/// `values[i] = values[i] ∘ others[i]`, over the shorter of the two.
#[inline(always)]
pub fn combine(binary: Binary, values: &mut [f32], others: &[f32]) {
    binary.combine(values, others.iter());
}

/// `values[i] = values[i] ∘ other`.
#[inline(always)]
pub fn combine_with_one(binary: Binary, values: &mut [f32], other: f32) {
    binary.combine(values, core::iter::repeat(&other));
}

/// `values[i] = first[i]` where `condition[i]` is not 0; else it stays.
#[inline(always)]
pub fn select<'f>(values: &mut [f32], condition: &[f32], first: impl Iterator<Item = &'f f32>) {
    for ((value, condition), first) in values.iter_mut().zip(condition).zip(first) {
        *value = if *condition == 0.0 { *value } else { *first };
    }
}

/// `output[i, j] = Σ_k first[i, k] · second[k, j]`, sums from 0 in the order of `k`.
///
/// `second` has as many columns as `output`'s rows are long.
#[inline(always)]
pub fn product(first: &[f32], second: &[f32], output: &mut [f32], inner: usize, columns: usize) {
    // Taken off the front: equal chunks would divide, which links a panic on firmware.
    let mut factors_left = first;
    for sums in output.chunks_exact_mut(columns.max(1)) {
        let Some((factors, others)) = factors_left.split_at_checked(inner) else { return };
        factors_left = others;
        sums.fill(0.0);
        let mut rows_left = second;
        for factor in factors {
            let Some((row, others)) = rows_left.split_at_checked(columns) else { return };
            rows_left = others;
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += *factor * *value;
            }
        }
    }
}

/// Whether every value is finite, without a branch for each.
#[inline(always)]
pub fn all_finite(values: &[f32]) -> bool {
    values.iter().fold(true, |finite, value| finite & is_finite(*value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Activation, panel};

    /// The definition, neuron by neuron.
    fn plain(input: &[f32], weights: &[f32], bias: &[f32], neuron: usize, single: bool) -> f32 {
        let outputs = bias.len();
        let product = |index: usize| input[index] * weights[index * outputs + neuron];
        if !single {
            return (0..input.len()).fold(bias[neuron], |sum, index| sum + product(index));
        }
        let mut partials = [0.0_f32; 16];
        (0..input.len()).for_each(|index| partials[index % 16] += product(index));
        let eight: [f32; 8] = core::array::from_fn(|lane| partials[lane] + partials[lane + 8]);
        let four: [f32; 4] = core::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        bias[neuron] + ((four[0] + four[2]) + (four[1] + four[3]))
    }

    #[test]
    fn sums_run_in_the_order_that_the_format_fixes() {
        let mut state = 1_u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        for (inputs, outputs) in [(1, 1), (3, 5), (17, 31), (16, 64), (33, 47), (48, 1), (64, 6)] {
            let mut values = [0.0; 64 * 64];
            values.fill_with(&mut draw);
            let (bias, input) = (&values[..64], &values[64..128]);
            let (bias, input): ([f32; 64], [f32; 64]) = (bias.try_into().unwrap(), input.try_into().unwrap());
            values.fill_with(&mut draw);
            let (input, bias, weights) = (&input[..inputs], &bias[..outputs], &values[..inputs * outputs]);
            let packed: heapless::Vec<f32, { 65 * 64 }> = panel::pack(weights, bias).collect();
            let mut output = [0.0; 64];
            dense(input, &packed, &mut output[..outputs]);
            for (neuron, found) in output[..outputs].iter().enumerate() {
                let single = neuron >= outputs - outputs % 4;
                let expected = plain(input, weights, bias, neuron, single);
                assert_eq!(found.to_bits(), expected.to_bits(), "{inputs} {outputs} {neuron}");
            }
        }
    }

    #[test]
    fn no_element_wise_function_hides_a_nan() {
        let functions = [
            Activation::Identity,
            Activation::Relu,
            Activation::Tanh,
            Activation::Sigmoid,
            Activation::Elu { alpha: 1.0 },
            Activation::LeakyRelu { slope: 0.01 },
            Activation::Softplus,
            Activation::Clip { minimum: -1.0, maximum: 1.0 },
        ];
        for function in functions {
            let mut values = [f32::NAN, 0.5];
            apply(Function::Activation(function), &mut values);
            assert!(!all_finite(&values), "{function:?}");
            assert!(all_finite(&values[1..]), "{function:?}");
        }
    }

    #[test]
    fn zero_keeps_its_sign_through_selects() {
        let clip = Activation::Clip { minimum: 0.0, maximum: 1.0 };
        for function in [Activation::Relu, Activation::LeakyRelu { slope: 0.5 }, clip] {
            // Not known to the compiler: one for AArch64 folded a clip of -0.0 at build time to 0.0. A comparison and a selection
            // without fast-math flags, which is all that a clip is, allow no such thing; the kernels' code does not do it.
            let mut values = core::hint::black_box([-0.0, 0.0]);
            apply(Function::Activation(function), &mut values);
            assert_eq!(values.map(f32::to_bits), [(-0.0_f32).to_bits(), 0], "{function:?}");
        }
    }

    #[test]
    fn infinities_and_nan_are_found_anywhere() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in 0..9 {
                let mut values = [f32::MAX; 9];
                assert!(all_finite(&values));
                values[place] = bad;
                assert!(!all_finite(&values));
            }
        }
    }
}
