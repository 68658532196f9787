//! Cortex-M4F and its kin (`thumbv7em-none-eabihf`): dense layers and tanh, instruction by instruction.
//!
//! Such a core computes one value at a time, so its time is the number of its instructions. What a compiler makes of
//! [`super::scalar`] spends more than half of them on loads, constants and branches, and at the small sizes that
//! firmware is optimized for many times as many. Here a panel's sums stay in registers 16 to 31, weights come eight at a
//! time, and constants are loaded once for a layer; nothing depends on how the crate is optimized. Multiplications and
//! additions are rounded one by one, as everywhere. The chained `vmla` does so too, in one instruction that takes a Cortex-M4
//! as long as both and the wait between them: it stands where one needs the other's result at once. The fused `vfma` would
//! give other bits.
#![allow(
    unsafe_code,
    clippy::inline_always,
    reason = "loads of several registers at once; compiled into the walk over an image's records"
)]

use super::scalar::{self, tree};
use super::{Activation, Function};
use core::arch::asm;
use core::mem::MaybeUninit;

/// See [`scalar::dense`]. Computes nothing beyond the end of `panels` where they are shorter than the layer.
///
/// A function of its own, and so are the narrow panels: what they prepare would otherwise be prepared for every layer.
#[inline(never)]
pub(super) fn dense(input: &[f32], panels: &[f32], output: &mut [f32]) {
    let rows = input.len() + 1;
    let (whole, tail) = output.as_chunks_mut::<16>();
    let Some((first, rest)) = panels.split_at_checked(16 * whole.len() * rows) else { return };
    sixteens(input, first, whole);
    let (narrow, singles) = tail.split_at_mut(tail.len() & !3);
    let Some((panels, rest)) = rest.split_at_checked(narrow.len() * rows) else { return };
    if !narrow.is_empty() {
        narrow_panels(input, panels, narrow);
    }
    for (value, neuron) in singles.iter_mut().zip(rest.chunks_exact(rows)) {
        *value = single(input, neuron);
    }
}

/// Panels of eight and of four.
#[inline(never)]
fn narrow_panels(input: &[f32], panels: &[f32], output: &mut [f32]) {
    let rows = input.len() + 1;
    let (eights, fours) = output.as_chunks_mut::<8>();
    let Some((eight, four)) = panels.split_at_checked(8 * eights.len() * rows) else { return };
    narrow(input, eight.as_chunks().0, eights);
    narrow(input, four.as_chunks().0, fours.as_chunks_mut::<4>().0);
}

/// `panels` holds for each output its row of biases and, for each input, a row of weights.
#[inline(always)]
fn narrow<const WIDTH: usize>(input: &[f32], panels: &[[f32; WIDTH]], output: &mut [[f32; WIDTH]]) {
    for (sums, panel) in output.iter_mut().zip(panels.chunks_exact(input.len() + 1)) {
        let Some((bias, weights)) = panel.split_first() else { return };
        *sums = *bias;
        for (x, row) in input.iter().zip(weights) {
            sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += *x * *weight);
        }
    }
}

/// Loads weights into registers, multiplies each with an input, and adds the products to their sums: of each triple of
/// registers the weight, the input and the sum.
macro_rules! products {
    ($loaded:literal; $($weight:literal $input:literal $sum:literal),*) => {
        concat!(
            "vldmia {weights}!, {{", $loaded, "}}\n",
            $("vmul.f32 s", $weight, ", s", $weight, ", s", $input, "\n",)*
            $("vadd.f32 s", $sum, ", s", $sum, ", s", $weight, "\n",)*
        )
    };
}

/// Runs instructions that use every floating-point register.
macro_rules! with_registers {
    ($($argument:tt)*) => {
        asm!(
            $($argument)*
            out("s0") _, out("s1") _, out("s2") _, out("s3") _, out("s4") _, out("s5") _, out("s6") _, out("s7") _,
            out("s8") _, out("s9") _, out("s10") _, out("s11") _, out("s12") _, out("s13") _, out("s14") _,
            out("s15") _, out("s16") _, out("s17") _, out("s18") _, out("s19") _, out("s20") _, out("s21") _,
            out("s22") _, out("s23") _, out("s24") _, out("s25") _, out("s26") _, out("s27") _, out("s28") _,
            out("s29") _, out("s30") _, out("s31") _,
            options(nostack),
        )
    };
}

/// Panels of sixteen neurons, four inputs a round. `panels` is as long as they ask for, or nothing is computed.
#[inline(always)]
fn sixteens(input: &[f32], panels: &[f32], output: &mut [[f32; 16]]) {
    if output.is_empty() || panels.len() != 16 * output.len() * (input.len() + 1) {
        return;
    }
    // SAFETY: for each sixteen outputs reads sixteen biases, then each input with its sixteen weights, which is all that
    // `panels` and `input` hold; writes all of `output`.
    unsafe {
        with_registers!(
            "2:",
            "vldmia {weights}!, {{s16-s31}}",
            "lsrs {round}, {inputs}, #2",
            "beq 4f",
            "3:",
            "vldmia {input}!, {{s0-s3}}",
            products!("s4-s15"; 4 0 16, 5 0 17, 6 0 18, 7 0 19, 8 0 20, 9 0 21,
                10 0 22, 11 0 23, 12 0 24, 13 0 25, 14 0 26, 15 0 27),
            products!("s4-s15"; 4 0 28, 5 0 29, 6 0 30, 7 0 31, 8 1 16, 9 1 17,
                10 1 18, 11 1 19, 12 1 20, 13 1 21, 14 1 22, 15 1 23),
            products!("s4-s15"; 4 1 24, 5 1 25, 6 1 26, 7 1 27, 8 1 28, 9 1 29,
                10 1 30, 11 1 31, 12 2 16, 13 2 17, 14 2 18, 15 2 19),
            products!("s4-s15"; 4 2 20, 5 2 21, 6 2 22, 7 2 23, 8 2 24, 9 2 25,
                10 2 26, 11 2 27, 12 2 28, 13 2 29, 14 2 30, 15 2 31),
            products!("s4-s15"; 4 3 16, 5 3 17, 6 3 18, 7 3 19, 8 3 20, 9 3 21,
                10 3 22, 11 3 23, 12 3 24, 13 3 25, 14 3 26, 15 3 27),
            products!("s4-s7"; 4 3 28, 5 3 29, 6 3 30, 7 3 31),
            "subs {round}, {round}, #1",
            "bne 3b",
            "4:",
            "ands {round}, {inputs}, #3",
            "beq 6f",
            "5:",
            "vldmia {input}!, {{s0}}",
            products!("s4-s15"; 4 0 16, 5 0 17, 6 0 18, 7 0 19, 8 0 20, 9 0 21,
                10 0 22, 11 0 23, 12 0 24, 13 0 25, 14 0 26, 15 0 27),
            products!("s4-s7"; 4 0 28, 5 0 29, 6 0 30, 7 0 31),
            "subs {round}, {round}, #1",
            "bne 5b",
            "6:",
            "vstmia {output}!, {{s16-s31}}",
            "sub {input}, {input}, {inputs}, lsl #2",
            "subs {panels}, {panels}, #1",
            "bne 2b",
            weights = inout(reg) panels.as_ptr() => _,
            input = inout(reg) input.as_ptr() => _,
            inputs = in(reg) input.len(),
            output = inout(reg) output.as_mut_ptr() => _,
            panels = inout(reg) output.len() => _,
            round = out(reg) _,
        );
    }
}

/// Loads inputs and weights, and adds the products of each two to their sums.
macro_rules! lanes {
    ($($input:literal $weight:literal $sum:literal),*) => {
        concat!(
            "vldmia {input}!, {{s0-s7}}\n vldmia {weights}!, {{s8-s15}}\n",
            $("vmul.f32 s", $input, ", s", $input, ", s", $weight, "\n",)*
            $("vadd.f32 s", $sum, ", s", $sum, ", s", $input, "\n",)*
        )
    };
}

/// What sums of one neuron begin with.
static ZEROS: [f32; 16] = [0.0; 16];

/// A neuron alone in its panel, as [`scalar`] sums it up: sixteen strided partials, then their tree and the bias.
#[inline(always)]
fn single(input: &[f32], neuron: &[f32]) -> f32 {
    let Some((bias, weights)) = neuron.split_first() else { return 0.0 };
    let (inputs, input_tail) = input.as_chunks::<16>();
    let (weights, weight_tail) = weights.as_chunks::<16>();
    let mut partials = MaybeUninit::<[f32; 16]>::uninit();
    // SAFETY: reads as many chunks of sixteen values as both have, and writes all partials.
    let mut partials = unsafe {
        with_registers!(
            "vldmia {zeros}, {{s16-s31}}",
            "cmp {rounds}, #0",
            "beq 3f",
            "2:",
            lanes!(0 8 16, 1 9 17, 2 10 18, 3 11 19, 4 12 20, 5 13 21, 6 14 22, 7 15 23),
            lanes!(0 8 24, 1 9 25, 2 10 26, 3 11 27, 4 12 28, 5 13 29, 6 14 30, 7 15 31),
            "subs {rounds}, {rounds}, #1",
            "bne 2b",
            "3:",
            "vstmia {partials}, {{s16-s31}}",
            zeros = in(reg) ZEROS.as_ptr(),
            weights = inout(reg) weights.as_ptr() => _,
            input = inout(reg) inputs.as_ptr() => _,
            rounds = inout(reg) inputs.len().min(weights.len()) => _,
            partials = in(reg) partials.as_mut_ptr(),
        );
        partials.assume_init()
    };
    for (partial, (x, weight)) in partials.iter_mut().zip(input_tail.iter().zip(weight_tail)) {
        *partial += *x * *weight;
    }
    *bias + tree(partials)
}

/// [`crate::math::tanh`]'s constants, in the order in which they are used: its polynomial from the highest power on, the
/// exponential's reduction and polynomial, 1 and 2.
static TANH: [f32; 18] = [
    2.147_535_8e-3,
    -8.182_673e-3,
    2.170_296_7e-2,
    -5.394_720_4e-2,
    1.333_321e-1,
    -3.333_333e-1,
    core::f32::consts::LOG2_E,
    12_582_912.0,
    0.693_359_4,
    -2.121_944_4e-4,
    1.991_736_3e-4,
    1.394_613e-3,
    8.333_266e-3,
    4.166_627e-2,
    1.666_666_7e-1,
    0.5,
    1.0,
    2.0,
];
/// One more in the exponent. It doubles a number, but for subnormal ones, of which the exponential is 1 as it should be; and
/// of what is not finite the addition saturates, which the processor remembers.
const TWICE: u32 = 0x0080_0000;
/// Added with saturation and taken away again, bounds the upper half of a number's bits by that of 88: those beyond, up to
/// 88.5, give a tanh of 1 as 88 does. The processor does not remember this saturation.
const BOUND: u32 = 0xffff_0000 - 88.0_f32.to_bits();
/// Where the status register says that an addition saturated.
const SATURATED: u32 = 1 << 27;
/// Of twice the magnitude: below it the polynomial holds.
const SMALL: u32 = 0.625_f32.to_bits() + TWICE;

/// The function of the value in one register, in place.
macro_rules! one_tanh {
    ($x:literal) => {
        concat!(
            "bic {m}, ",
            $x,
            ", #0x80000000\n qadd {m}, {m}, {twice}\n uqadd16 {a}, {m}, {bound}\n sub {a}, {a}, {bound}\n",
            // s0 = x, then the polynomial's result; s1 = twice the magnitude, bounded; s2 = x²
            "vmov s0, s1, ",
            $x,
            ", {a}\n vmul.f32 s2, s0, s0\n",
            "vmul.f32 s3, s8, s2\n vadd.f32 s3, s3, s9\n vmul.f32 s3, s3, s2\n vadd.f32 s3, s3, s10\n",
            "vmul.f32 s3, s3, s2\n vadd.f32 s3, s3, s11\n vmul.f32 s3, s3, s2\n vadd.f32 s3, s3, s12\n",
            "vmul.f32 s3, s3, s2\n vadd.f32 s3, s3, s13\n vmul.f32 s3, s2, s3\n vmla.f32 s0, s0, s3\n",
            // The exponential of twice the magnitude: s4 = the exponent of 2, s1 = the rest
            "vmul.f32 s4, s1, s14\n vadd.f32 s4, s4, s15\n vsub.f32 s5, s4, s15\n",
            "vmls.f32 s1, s5, s16\n vmls.f32 s1, s5, s17\n",
            "vmul.f32 s5, s18, s1\n vadd.f32 s5, s5, s19\n vmul.f32 s5, s5, s1\n vadd.f32 s5, s5, s20\n",
            "vmul.f32 s5, s5, s1\n vadd.f32 s5, s5, s21\n vmul.f32 s5, s5, s1\n vadd.f32 s5, s5, s22\n",
            "vmul.f32 s5, s5, s1\n vadd.f32 s5, s5, s23\n vmul.f32 s6, s1, s1\n vmla.f32 s1, s6, s5\n",
            "vadd.f32 s5, s24, s1\n",
            // Times the power of 2, which is added to the exponent; then 1 - 2 / (it + 1)
            "vmov {a}, {b}, s4, s5\n add {b}, {b}, {a}, lsl #23\n vmov s5, {b}\n",
            "vadd.f32 s5, s5, s24\n vdiv.f32 s5, s25, s5\n vsub.f32 s1, s24, s5\n",
            // One of the two, with the sign of x
            "vmov {a}, {b}, s0, s1\n cmp {m}, {small}\n it lo\n movlo {b}, {a}\n bfi ",
            $x,
            ", {b}, #0, #31\n",
        )
    };
}

/// See [`scalar::apply`].
#[inline(always)]
pub(super) fn apply(function: Function, values: &mut [f32]) -> bool {
    match function {
        Function::Activation(Activation::Tanh) => tanh(values),
        other => scalar::apply(other, values),
    }
}

/// [`crate::math::tanh`] of every value, in place; says whether all were finite before. Of what is not, the result is a number
/// without a meaning.
#[inline(always)]
fn tanh(values: &mut [f32]) -> bool {
    let (pairs, last) = values.as_chunks_mut::<2>();
    let finite = tanh_of_pairs(pairs);
    let [last] = last else { return finite };
    let mut pair = [*last, 0.0];
    let last_finite = tanh_of_pairs(core::slice::from_mut(&mut pair));
    [*last, _] = pair;
    finite & last_finite
}

fn tanh_of_pairs(pairs: &mut [[f32; 2]]) -> bool {
    if pairs.is_empty() {
        return true;
    }
    let status: u32;
    // SAFETY: reads the constants, and reads and writes as many pairs as there are.
    unsafe {
        with_registers!(
            "vldmia {m}, {{s8-s25}}",
            "mov {a}, #0",
            "msr APSR_nzcvq, {a}",
            "2:",
            "ldrd {x}, {y}, [{values}]",
            one_tanh!("{x}"),
            one_tanh!("{y}"),
            "strd {x}, {y}, [{values}], #8",
            "subs {pairs}, {pairs}, #1",
            "bne 2b",
            "mrs {a}, APSR",
            values = inout(reg) pairs.as_mut_ptr() => _,
            pairs = inout(reg) pairs.len() => _,
            twice = in(reg) TWICE,
            bound = in(reg) BOUND,
            small = in(reg) SMALL,
            x = out(reg) _,
            y = out(reg) _,
            m = inout(reg) TANH.as_ptr() => _,
            a = out(reg) status,
            b = out(reg) _,
        );
    }
    status & SATURATED == 0
}
