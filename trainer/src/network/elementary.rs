//! Elementary functions of whole vectors, for the layers of training.
//!
//! The runtime's functions round each multiplication and addition, so that a Cortex-M agrees to the bit with a workstation.
//! Training needs no such agreement with a robot, and makes many more of them: here products and sums are fused, divisions
//! are few, and a few units in the last place are given for that. The bits are still the same on every instruction set.
//!
//! The coefficients are our own least-squares fits, reweighted towards the smallest largest relative error and then moved by
//! single units until the rounded functions were best. NaN in gives NaN out.

use pulp::Simd;

/// `tanh(x)` within 6 units in the last place and never quite ±1: `x P(x²) / Q(x²)`, both of degree 4.
#[inline(always)]
pub(crate) fn tanh<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    // Where the function comes as near to 1 as the fit's error.
    const END: f32 = 8.0;
    const P: [f32; 5] = [1.0, 1.341_957_7e-1, 3.541_612_8e-3, 2.137_973e-5, 1.445_780_4e-8];
    const Q: [f32; 5] = [1.0, 4.675_289_7e-1, 2.605_142_6e-2, 3.361_421_4e-4, 8.219_933_5e-7];
    let x = within(simd, x, [-END, END]);
    let square = simd.mul_f32s(x, x);
    let numerator = simd.mul_f32s(x, polynomial(simd, square, P));
    simd.div_f32s(numerator, polynomial(simd, square, Q))
}

/// `exp(x) - 1` for `x` up to 88; above, that of 88.
#[inline(always)]
pub(crate) fn exp_minus_one<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, the first with few enough bits that its product with the exponent is exact.
    const LN2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    // Adding and subtracting it rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    // (e^r - 1 - r) / r²
    const P: [f32; 6] = [0.5, 1.666_666_7e-1, 4.166_627e-2, 8.333_266e-3, 1.394_613e-3, 1.991_736_3e-4];
    let x = within(simd, x, [-87.0, 88.0]);
    let shifted = simd.mul_add_f32s(x, simd.splat_f32s(LOG2_E), simd.splat_f32s(ROUND));
    let whole = simd.sub_f32s(shifted, simd.splat_f32s(ROUND));
    let r = simd.mul_add_f32s(whole, simd.splat_f32s(-LN2[0]), x);
    let r = simd.mul_add_f32s(whole, simd.splat_f32s(-LN2[1]), r);
    let power = simd.mul_add_f32s(simd.mul_f32s(r, r), polynomial(simd, r, P), r);
    // The last bits of the shifted value are the exponent.
    let bias = simd.splat_u32s(127_u32.wrapping_sub(ROUND.to_bits()));
    let exponent = simd.add_u32s(simd.transmute_u32s_f32s(shifted), bias);
    let scale = simd.transmute_f32s_u32s(simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23)));
    simd.mul_add_f32s(scale, power, simd.sub_f32s(scale, simd.splat_f32s(1.0)))
}

/// `max(0, x)`.
#[inline(always)]
pub(crate) fn relu<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    simd.select_f32s(simd.greater_than_f32s(x, zero), x, zero)
}

/// `x` itself, or the bound that it is beyond. Instructions for the lesser of two values would lose NaN.
#[inline(always)]
fn within<S: Simd>(simd: S, x: S::f32s, [low, high]: [f32; 2]) -> S::f32s {
    let (low, high) = (simd.splat_f32s(low), simd.splat_f32s(high));
    let x = simd.select_f32s(simd.less_than_f32s(x, low), low, x);
    simd.select_f32s(simd.greater_than_f32s(x, high), high, x)
}

/// `Σ coefficients[i] xⁱ`.
#[inline(always)]
fn polynomial<S: Simd, const N: usize>(simd: S, x: S::f32s, coefficients: [f32; N]) -> S::f32s {
    let mut sum = simd.splat_f32s(coefficients[N - 1]);
    for coefficient in coefficients[..N - 1].iter().rev() {
        sum = simd.mul_add_f32s(sum, x, simd.splat_f32s(*coefficient));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::instruction_sets::{Check, on_every_instruction_set};
    use super::super::matrix::tile::{Finish, InPlace, Place};
    use super::*;

    #[derive(Clone, Copy)]
    enum Function {
        Tanh,
        ExpMinusOne,
        Relu,
    }

    impl Finish for Function {
        #[inline(always)]
        fn finish<S: Simd>(self, simd: S, x: S::f32s, _: &[f32], _: Place) -> S::f32s {
            match self {
                Self::Tanh => tanh(simd, x),
                Self::ExpMinusOne => exp_minus_one(simd, x),
                Self::Relu => relu(simd, x),
            }
        }
    }

    fn values<S: Simd>(simd: S, function: Function, x: &[f32]) -> Vec<f32> {
        let mut values = x.to_vec();
        simd.vectorize(InPlace { values: &mut values, finish: function });
        values
    }

    /// Every 9973rd of all finite numbers, of either sign.
    fn numbers() -> Vec<f32> {
        let magnitudes = (0..f32::INFINITY.to_bits()).step_by(9973).map(f32::from_bits);
        magnitudes.flat_map(|magnitude| [magnitude, -magnitude]).collect()
    }

    /// Distance in units in the last place of the exact value.
    fn error(found: f32, exact: f64) -> f64 {
        let rounded = (exact as f32).abs();
        let unit = f64::from(f32::from_bits(rounded.to_bits() + 1)) - f64::from(rounded);
        (f64::from(found) - exact).abs() / unit
    }

    struct Tanh;

    impl Check for Tanh {
        fn check<S: Simd>(&self, simd: S, name: &str) {
            let numbers = numbers();
            let found = values(simd, Function::Tanh, &numbers);
            for (x, found) in numbers.iter().zip(&found) {
                let exact = libm::tanh(f64::from(*x));
                // Below, the square of the smallest numbers' units is lost.
                let error = if x.abs() < 1e-30 { 0.0 } else { error(*found, exact) };
                assert!(
                    error < 6.0 && found.abs() < 1.0,
                    "{name}: tanh({x:e}) is {found:e}, {error} units off"
                );
            }
            assert_eq!(bits(&values(simd, Function::Tanh, &[0.0, -0.0])), [0.0_f32, -0.0].map(f32::to_bits));
            let expected = values(pulp::Scalar::new(), Function::Tanh, &numbers);
            assert_eq!(bits(&found), bits(&expected), "{name}");
        }
    }

    struct ExpMinusOne;

    impl Check for ExpMinusOne {
        fn check<S: Simd>(&self, simd: S, name: &str) {
            let numbers: Vec<f32> = numbers().into_iter().filter(|x| *x < 88.0).collect();
            let found = values(simd, Function::ExpMinusOne, &numbers);
            for (x, found) in numbers.iter().zip(&found) {
                let exact = libm::expm1(f64::from(*x));
                let error = if x.abs() < 1e-30 { 0.0 } else { error(*found, exact) };
                assert!(error < 2.0, "{name}: exp({x:e}) - 1 is {found:e}, {error} units off");
            }
            let expected = values(pulp::Scalar::new(), Function::ExpMinusOne, &numbers);
            assert_eq!(bits(&found), bits(&expected), "{name}");
        }
    }

    struct Extremes;

    impl Check for Extremes {
        fn check<S: Simd>(&self, simd: S, name: &str) {
            for function in [Function::Tanh, Function::ExpMinusOne] {
                assert!(values(simd, function, &[f32::NAN])[0].is_nan(), "{name}");
            }
            let infinite = [f32::INFINITY, f32::NEG_INFINITY];
            let tanh = values(simd, Function::Tanh, &infinite);
            assert!(tanh[0] > 0.999_999 && tanh[1] < -0.999_999, "{name}: {tanh:?}");
            let exp = values(simd, Function::ExpMinusOne, &infinite);
            assert!(exp[0] > 1e38 && exp[0].is_finite() && exp[1] == -1.0, "{name}: {exp:?}");
            assert_eq!(values(simd, Function::Relu, &[-1.0, 0.0, 2.5]), [0.0, 0.0, 2.5], "{name}");
        }
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn tanh_is_within_six_units_and_never_reaches_one() {
        on_every_instruction_set(&Tanh);
    }

    #[test]
    fn the_exponential_minus_one_is_within_two_units() {
        on_every_instruction_set(&ExpMinusOne);
    }

    #[test]
    fn what_is_not_finite_stays_a_number_or_stays_none() {
        on_every_instruction_set(&Extremes);
    }
}
