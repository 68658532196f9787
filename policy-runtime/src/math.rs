//! Elementary functions with the same bits on every target.
//!
//! The standard library's differ by platform and release. These use separate multiplications and additions, selects in
//! place of branches and no tables, so that a scalar core, a vector unit and a Cortex-M give the same bits, in constant
//! time, and LLVM vectorizes loops over them. NaN in gives NaN out. The polynomials are our own least-squares fits of the
//! remainders named beside them, reweighted towards the smallest largest error.
//!
//! Largest errors over all finite f32 in units in the last place, as the `math_error` example measures them, references by `libm`
//! in f64:
//!
//! | [`exp`] | [`ln`] | [`tanh`] | [`sigmoid`] | [`softplus`] | [`sin`] | [`cos`] | [`sqrt`] |
//! |---|---|---|---|---|---|---|---|
//! | 0.97 | 0.87 | 1.33 | 2.40 | 1.99 | 1.51 | 1.51 | 0.50 |
//!
//! [`erf`] and [`pow`] stay within 2, as this module's tests check.
#![allow(
    clippy::inline_always,
    reason = "loops over a slice vectorize only where the function is part of them"
)]

/// Adding and subtracting it rounds to the nearest whole number, ties to even, for magnitudes below 2^22.
const ROUND: f32 = 12_582_912.0;

/// `e^x`; 0 below -104, infinity above 88.73, subnormal results included.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let bounded = if x < -105.0 { -105.0 } else { x };
    let bounded = if bounded > 90.0 { 90.0 } else { bounded };
    let (value, exponent) = exp_parts(bounded);
    // Two factors, so that 2^128 and subnormal results are reached without leaving the exponent's range.
    let half = exponent >> 1;
    value * power_of_two(half) * power_of_two(exponent - half)
}

/// `e^x` for `x` between -87 and 88, the same bits as [`exp`] with less work; beyond, that of the nearer end.
#[inline(always)]
pub(crate) fn exp_normal(x: f32) -> f32 {
    let bounded = if x < -87.0 { -87.0 } else { x };
    let bounded = if bounded > 88.0 { 88.0 } else { bounded };
    let (value, exponent) = exp_parts(bounded);
    value * power_of_two(exponent)
}

/// `e^x` as a value near 1 and an exponent of two, for `x` that neither overflows nor vanishes.
#[inline(always)]
fn exp_parts(x: f32) -> (f32, i32) {
    const LOG2_E: f32 = core::f32::consts::LOG2_E;
    // ln 2 in two parts, the first with few enough bits that its product with the exponent is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let shifted = x * LOG2_E + ROUND;
    let whole = shifted - ROUND;
    let r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
    // (e^r - 1 - r) / r²
    let p = 1.991_736_3e-4;
    let p = p * r + 1.394_613e-3;
    let p = p * r + 8.333_266e-3;
    let p = p * r + 4.166_627e-2;
    let p = p * r + 1.666_666_7e-1;
    let p = p * r + 0.5;
    let value = 1.0 + (r + r * r * p);
    // The last bits of the shifted value are the whole number; a conversion would cost vector units its saturation.
    (value, shifted.to_bits().wrapping_sub(ROUND.to_bits()).cast_signed())
}

/// `2^exponent` for exponents of normal numbers.
#[inline(always)]
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

/// The natural logarithm; NaN below 0, minus infinity at 0.
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = if subnormal { x * 8_388_608.0 } else { x };
    let bits = scaled.to_bits();
    // The mantissa comes to lie in [√½, √2), where the logarithm is smallest.
    let offset = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (offset as i32) >> 23;
    let mantissa = f32::from_bits((offset & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let e = (exponent - if subnormal { 23 } else { 0 }) as f32;
    let f = mantissa - 1.0;
    // (ln(1 + f) - f + f²/2) / f³
    let p = 6.916_945e-2;
    let p = p * f + -1.179_190_4e-1;
    let p = p * f + 1.187_340_6e-1;
    let p = p * f + -1.238_404_6e-1;
    let p = p * f + 1.421_856_5e-1;
    let p = p * f + -1.666_926_4e-1;
    let p = p * f + 2.000_223_1e-1;
    let p = p * f + -2.499_998_6e-1;
    let p = p * f + 3.333_331e-1;
    let square = f * f;
    let low = e * -2.121_944_4e-4 + (p * f * square - 0.5 * square);
    let value = e * 0.693_359_4 + (f + low);
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    let value = if x == f32::INFINITY { f32::INFINITY } else { value };
    if x >= 0.0 { value } else { f32::NAN }
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let magnitude = x.abs();
    let z = x * x;
    // (tanh(x)/x - 1) / x²
    let p = 2.147_535_8e-3;
    let p = p * z + -8.182_673e-3;
    let p = p * z + 2.170_296_7e-2;
    let p = p * z + -5.394_720_4e-2;
    let p = p * z + 1.333_321e-1;
    let p = p * z + -3.333_333e-1;
    let small = x + x * (z * p);
    let large = 1.0 - 2.0 / (exp_normal(2.0 * magnitude) + 1.0);
    // Selecting before the sign is set keeps the sign of zero.
    let value = if magnitude < 0.625 { small.abs() } else { large };
    if x.is_nan() { x } else { value.copysign(x) }
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let numerator = if x < 0.0 { e } else { 1.0 };
    numerator / (1.0 + e)
}

/// `ln(1 + e^x)`, exact to the last bits for large magnitudes of either sign.
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    let e = exp(-x.abs());
    // ln(1 + e), with the rounding of 1 + e given back.
    let sum = 1.0 + e;
    let tail = ln(sum) + (e - (sum - 1.0)) / sum;
    let positive = if x > 0.0 { x } else { 0.0 };
    let value = positive + tail;
    if x.is_nan() { x } else { value }
}

/// The error function.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let magnitude = x.abs();
    let z = x * x;
    // erf(x)/x - 1, in x²
    let p = 8.251_037e-5;
    let p = p * z + -8.114_058e-4;
    let p = p * z + 5.198_464e-3;
    let p = p * z + -2.685_834_5e-2;
    let p = p * z + 1.128_367_6e-1;
    let p = p * z + -3.761_263_2e-1;
    let p = p * z + 1.283_791_7e-1;
    let small = x + x * p;
    // -ln(erfc(t))/t - 1, for t from 0.94 to 4, beyond which erf is 1
    let t = if magnitude > 4.0 { 4.0 } else { magnitude };
    let q = 1.198_162e-5;
    let q = q * t + -3.303_411_7e-4;
    let q = q * t + 3.673_226_4e-3;
    let q = q * t + -2.382_741_3e-2;
    let q = q * t + 1.063_131e-1;
    let q = q * t + 6.351_05e-1;
    let q = q * t + 1.286_599_5e-1;
    let large = 1.0 - exp(-(t + t * q));
    // Selecting before the sign is set keeps the sign of zero.
    let value = if magnitude < 0.94 { small.abs() } else { large };
    if x.is_nan() { x } else { value.copysign(x) }
}

/// `base^exponent`, with the special cases of IEEE 754's `pow`.
#[inline(always)]
pub fn pow(base: f32, exponent: f32) -> f32 {
    libm::powf(base, exponent)
}

/// The rest of `x / y` with the sign of `x`, exact. By long division: that of `libm` is compiled with a panic in it.
#[inline]
pub fn remainder(x: f32, y: f32) -> f32 {
    const INFINITY: u32 = f32::INFINITY.to_bits();
    let (dividend, divisor) = (x.abs().to_bits(), y.abs().to_bits());
    if divisor == 0 || dividend >= INFINITY || divisor > INFINITY {
        return f32::NAN;
    }
    if dividend < divisor {
        return x;
    }
    // A number of 24 bits times a power of two.
    let parts = |bits: u32| match (bits >> 23).cast_signed() {
        0 => (bits << (bits.leading_zeros() - 8), 9 - bits.leading_zeros().cast_signed()),
        exponent => (bits & 0x007f_ffff | 0x0080_0000, exponent),
    };
    let ((mut rest, from), (divisor, to)) = (parts(dividend), parts(divisor));
    let reduced = |rest: u32| if rest >= divisor { rest - divisor } else { rest };
    for _ in to..from {
        rest = reduced(rest) << 1;
    }
    rest = reduced(rest);
    if rest == 0 {
        return 0.0_f32.copysign(x);
    }
    let normal = rest << (rest.leading_zeros() - 8);
    let exponent = to + 8 - rest.leading_zeros().cast_signed();
    let bits = if exponent >= 1 {
        exponent.cast_unsigned() << 23 | normal & 0x007f_ffff
    } else {
        // A subnormal number, in units of the smallest: no bit is lost, since both numbers are multiples of it.
        let shift = to - 1;
        if shift >= 0 { rest << shift } else { rest >> -shift }
    };
    f32::from_bits(bits).copysign(x)
}

/// The largest whole number not above `x`.
#[inline(always)]
pub fn floor(x: f32) -> f32 {
    libm::floorf(x)
}

/// The smallest whole number not below `x`.
#[inline(always)]
pub fn ceil(x: f32) -> f32 {
    libm::ceilf(x)
}

/// The whole number towards zero.
#[inline(always)]
pub fn truncate(x: f32) -> f32 {
    libm::truncf(x)
}

/// The nearest whole number, ties to even.
#[inline(always)]
pub fn round(x: f32) -> f32 {
    libm::rintf(x)
}

/// Sine of an angle in rad.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    let (quadrant, r) = reduce(x);
    quadrant_value(quadrant, r)
}

/// Cosine of an angle in rad.
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    let (quadrant, r) = reduce(x);
    quadrant_value(quadrant.wrapping_add(1), r)
}

/// The quadrant and the rest within ±π/4.
#[inline(always)]
fn reduce(x: f32) -> (i32, f32) {
    let (near, far) = (reduce_near(x), reduce_far(x));
    if x.abs() <= 10_000.0 { near } else { far }
}

/// For magnitudes up to 10,000 rad, in f64 so that turns of many revolutions keep their precision.
#[inline(always)]
fn reduce_near(x: f32) -> (i32, f32) {
    const ROUND_F64: f64 = 6_755_399_441_055_744.0;
    const PI_HALVES_HIGH: f64 = 1.570_796_310_901_641_8;
    const PI_HALVES_LOW: f64 = 1.589_325_477_352_819_6e-8;
    let wide = f64::from(x);
    let turns = wide * core::f64::consts::FRAC_2_PI + ROUND_F64;
    let whole = turns - ROUND_F64;
    let r = (wide - whole * PI_HALVES_HIGH) - whole * PI_HALVES_LOW;
    (turns.to_bits() as i32, r as f32)
}

/// For larger magnitudes: the mantissa times those 96 bits of 2/π that neither give whole turns nor are too small to matter
/// (Payne and Hanek). NaN for infinities and NaN.
#[inline(always)]
fn reduce_far(x: f32) -> (i32, f32) {
    /// 32 zero bits, then those of 2/π behind the point.
    const BITS: [u32; 8] = [
        0x0000_0000,
        0xa2f9_836e,
        0x4e44_1529,
        0xfc27_57d1,
        0xf534_ddc0,
        0xdb62_9599,
        0x3c43_9041,
        0xfe51_63ab,
    ];
    /// π/2 in units of a quadrant's 62 bits.
    const SCALE: f64 = core::f64::consts::FRAC_PI_2 / 4_611_686_018_427_387_904.0;
    let exponent = (x.to_bits() >> 23) & 0xff;
    let mantissa = u64::from(x.to_bits() & 0x007f_ffff | 0x0080_0000);
    // Bits before this one give multiples of four quadrants: x is mantissa · 2^(exponent - 150).
    let start = exponent.wrapping_sub(120) & 0xff;
    let word = |index: u32| {
        let at = |index: u32| u64::from(BITS[(index & 7) as usize]);
        let pair = at((start >> 5) + index) << 32 | at((start >> 5) + index + 1);
        (pair << (start & 31)) >> 32
    };
    let high = mantissa.wrapping_mul(word(0)) << 32;
    let product = high.wrapping_add(mantissa * word(1)).wrapping_add((mantissa * word(2)) >> 32);
    let quadrant = product.wrapping_add(1 << 61) >> 62;
    let rest = product.wrapping_sub(quadrant << 62).cast_signed();
    let r = (rest as f64 * SCALE) as f32;
    let r = if exponent == 0xff { f32::NAN } else { r };
    if x < 0.0 { ((quadrant as i32).wrapping_neg(), -r) } else { (quadrant as i32, r) }
}

/// `sin(r + quadrant · π/2)`.
#[inline(always)]
fn quadrant_value(quadrant: i32, r: f32) -> f32 {
    let z = r * r;
    // (sin(r)/r - 1) / r²
    let s = 2.718_216_8e-6;
    let s = s * z + -1.983_932_5e-4;
    let s = s * z + 8.333_329e-3;
    let s = s * z + -1.666_666_7e-1;
    let sine = r + r * (z * s);
    // (cos(r) - 1 + r²/2) / r⁴
    let c = -2.720_936e-7;
    let c = c * z + 2.479_951e-5;
    let c = c * z + -1.388_888_4e-3;
    let c = c * z + 4.166_666_7e-2;
    let cosine = 1.0 - (0.5 * z - z * z * c);
    let value = if quadrant & 1 == 0 { sine } else { cosine };
    if quadrant & 2 == 0 { value } else { -value }
}

/// The correctly rounded square root.
#[inline(always)]
pub fn sqrt(x: f32) -> f32 {
    libm::sqrtf(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest error in ulp over every `stride`-th finite f32 with `low <= x <= high`.
    fn largest_error(
        function: fn(f32) -> f32,
        reference: fn(f64) -> f64,
        [low, high]: [f32; 2],
        stride: usize,
    ) -> f64 {
        let mut largest: f64 = 0.0;
        for bits in (0..=u32::MAX).step_by(stride) {
            let x = f32::from_bits(bits);
            if !(x >= low && x <= high) {
                continue;
            }
            let expected = reference(f64::from(x));
            let found = function(x);
            if expected.is_nan() || expected.abs() >= f64::from(f32::MAX) {
                continue;
            }
            let rounded = (expected as f32).abs();
            let ulp = f64::from(f32::from_bits(rounded.to_bits() + 1)) - f64::from(rounded);
            largest = largest.max((f64::from(found) - expected).abs() / ulp);
        }
        largest
    }

    const STRIDE: usize = 499;

    #[test]
    fn errors_stay_within_the_stated_ulps() {
        let all = [f32::MIN, f32::MAX];
        let sigmoid_reference = |x: f64| 1.0 / (1.0 + libm::exp(-x));
        let softplus_reference = |x: f64| if x > 40.0 { x } else { libm::log1p(libm::exp(x)) };
        for (name, error, limit) in [
            ("exp", largest_error(exp, libm::exp, all, STRIDE), 2.0),
            ("ln", largest_error(ln, libm::log, [0.0, f32::MAX], STRIDE), 2.0),
            ("tanh", largest_error(tanh, libm::tanh, all, STRIDE), 2.0),
            ("sigmoid", largest_error(sigmoid, sigmoid_reference, all, STRIDE), 3.0),
            ("softplus", largest_error(softplus, softplus_reference, all, STRIDE), 3.0),
            ("sin", largest_error(sin, libm::sin, all, STRIDE), 2.0),
            ("cos", largest_error(cos, libm::cos, all, STRIDE), 2.0),
            ("erf", largest_error(erf, libm::erf, all, STRIDE), 2.0),
            (
                "pow",
                largest_error(|x| pow(x, 2.7), |x| libm::pow(x, f64::from(2.7_f32)), [0.0, f32::MAX], STRIDE),
                2.0,
            ),
        ] {
            assert!(error <= limit, "{name}: {error} ulp");
        }
    }

    #[test]
    fn a_remainder_is_exact() {
        let mut state = 1_u32;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // One in five is subnormal or small.
            let mask = if state.is_multiple_of(5) { 0x80ff_ffff } else { u32::MAX };
            f32::from_bits(state.rotate_left(13) & mask)
        };
        let edges =
            [0.0, -0.0, f32::MIN_POSITIVE, f32::from_bits(1), f32::MAX, f32::INFINITY, f32::NAN, 1.0, 3.0];
        let edges = edges.into_iter().flat_map(|x| edges.map(|y| (x, y)));
        let mut pairs = edges.chain((0..200_000).map(|_| (draw(), draw())));
        assert!(pairs.all(|(x, y)| {
            let (found, expected) = (remainder(x, y), libm::fmodf(x, y));
            found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan()
        }));
    }

    #[test]
    fn special_values_are_tabled() {
        for function in [exp, ln, tanh, sigmoid, softplus, sin, cos, erf, floor, ceil, truncate, round] {
            assert!(function(f32::NAN).is_nan());
        }
        assert_eq!((erf(f32::INFINITY), erf(-9.0), erf(-0.0).to_bits()), (1.0, -1.0, (-0.0_f32).to_bits()));
        assert_eq!([0.5, 1.5, -0.5, 2.5, -2.6].map(round), [0.0, 2.0, 0.0, 2.0, -3.0]);
        assert_eq!((remainder(-5.5, 2.0), remainder(5.5, -2.0)), (-1.5, 1.5));
        assert_eq!((exp(0.0), exp(200.0), exp(f32::NEG_INFINITY)), (1.0, f32::INFINITY, 0.0));
        assert_eq!((ln(1.0), ln(0.0), ln(f32::INFINITY)), (0.0, f32::NEG_INFINITY, f32::INFINITY));
        assert!(ln(-1.0).is_nan());
        assert_eq!(
            (tanh(f32::INFINITY), tanh(-50.0), tanh(-0.0).to_bits()),
            (1.0, -1.0, (-0.0_f32).to_bits())
        );
        assert_eq!((sigmoid(0.0), sigmoid(f32::INFINITY), sigmoid(f32::NEG_INFINITY)), (0.5, 1.0, 0.0));
        assert_eq!((sin(0.0), cos(0.0)), (0.0, 1.0));
    }

    #[test]
    fn the_bits_of_a_sweep_do_not_change() {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for function in [exp, ln, tanh, sigmoid, softplus, sin, cos, sqrt] {
            for step in 0..20_000_u32 {
                let x = f32::from_bits(0x3000_0000 + step * 9973).copysign(if step % 2 == 0 {
                    1.0
                } else {
                    -1.0
                });
                let bits = function(x);
                let bits = if bits.is_nan() { 0x7fc0_0000 } else { bits.to_bits() };
                hash = (hash ^ u64::from(bits)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        assert_eq!(hash, 0x40e7_17a8_63cb_940b, "{hash:#018x}");
    }
}
