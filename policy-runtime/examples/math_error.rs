//! Measures the largest error of each function of `math` over all finite f32, in units in the last place of the exact result:
//! `cargo run --release --workspace --example math_error -- [STRIDE [FUNCTION]]`. The table in `math`'s documentation is what it
//! prints. Without a stride it takes a quarter of an hour of two cores.

use sinew_policy_runtime::math;
use std::num::NonZero;
use std::thread;

/// A function, its reference in f64, and where it is measured.
struct Case {
    name: &'static str,
    function: fn(f32) -> f32,
    reference: fn(f64) -> f64,
    range: [f32; 2],
    /// What the value at `-x` is a multiple of that at `x` by, which is checked for every `x`.
    mirror: Option<f32>,
}

const ALL: [f32; 2] = [f32::MIN, f32::MAX];
const POSITIVE: [f32; 2] = [0.0, f32::MAX];
const ODD: Option<f32> = Some(-1.0);
const EVEN: Option<f32> = Some(1.0);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let stride =
        std::env::args().nth(1).map_or(Ok(1), |text| text.parse::<NonZero<u32>>().map(NonZero::get))?;
    let wanted = std::env::args().nth(2);
    let case = |name, function, reference, range, mirror| Case { name, function, reference, range, mirror };
    let cases = [
        case("exp", math::exp, exp, ALL, None),
        case("ln", math::ln, libm::log, POSITIVE, None),
        case("tanh", math::tanh, tanh, POSITIVE, ODD),
        case("sigmoid", math::sigmoid, sigmoid, ALL, None),
        case("softplus", math::softplus, softplus, ALL, None),
        case("sin", math::sin, sin, POSITIVE, ODD),
        case("cos", math::cos, cos, POSITIVE, EVEN),
        case("sqrt", math::sqrt, libm::sqrt, POSITIVE, None),
    ];
    for case in cases.iter().filter(|case| wanted.as_deref().is_none_or(|wanted| wanted == case.name)) {
        let (error, at) = worst(case, stride);
        println!("{:<9} {error:>6.3} ulp at {at:e}", case.name);
    }
    Ok(())
}

/// The largest error over every `stride`-th value, and where. Threads take turns of 2^16 values.
fn worst(case: &Case, stride: u32) -> (f64, f32) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get) as u32;
    let part = |first: u32| {
        let mut worst = (0.0, 0.0);
        for block in (first..1 << 16).step_by(threads as usize) {
            for low in (0..1_u32 << 16).step_by(stride as usize) {
                // An odd multiplier spreads a stride over all mantissas.
                let x = f32::from_bits(block << 16 | (low.wrapping_add(block * 7) & 0xffff));
                if x >= case.range[0] && x <= case.range[1] {
                    let found = (case.function)(x);
                    let mirrored = case.mirror.is_none_or(|sign| (case.function)(-x) == sign * found);
                    let error = error_ulp(found, (case.reference)(f64::from(x)));
                    let error = if mirrored { error } else { f64::INFINITY };
                    if error > worst.0 {
                        worst = (error, x);
                    }
                }
            }
        }
        worst
    };
    thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|first| scope.spawn(move || part(first))).collect();
        let results = parts.into_iter().map(|part| part.join().unwrap_or((f64::INFINITY, f32::NAN)));
        results.fold((0.0, 0.0), |worst, found| if found.0 > worst.0 { found } else { worst })
    })
}

/// How far `found` lies from `expected`. What rounds to infinity must be infinite.
fn error_ulp(found: f32, expected: f64) -> f64 {
    let rounded = expected as f32;
    if rounded.is_infinite() {
        return if found == rounded { 0.0 } else { f64::INFINITY };
    }
    let magnitude = rounded.abs();
    let ulp = f64::from(f32::from_bits(magnitude.to_bits() + 1)) - f64::from(magnitude);
    let ulp = if ulp.is_finite() { ulp } else { 2.0_f64.powi(104) };
    let error = (f64::from(found) - expected).abs() / ulp;
    if error.is_nan() { f64::INFINITY } else { error }
}

/// Below it the first terms of a series are exact to far more bits than matter, and quicker.
const SMALL: f64 = 1.0 / 4096.0;

fn exp(x: f64) -> f64 {
    if x.abs() < SMALL { 1.0 + (x + x * x * 0.5) } else { libm::exp(x) }
}

fn tanh(x: f64) -> f64 {
    if x.abs() < SMALL { x - x * x * x / 3.0 } else { libm::tanh(x) }
}

fn sigmoid(x: f64) -> f64 {
    if x.abs() < SMALL { 0.5 + (x * 0.25 - x * x * x / 48.0) } else { 1.0 / (1.0 + libm::exp(-x)) }
}

fn softplus(x: f64) -> f64 {
    if x.abs() < SMALL {
        core::f64::consts::LN_2 + (x * 0.5 + x * x * 0.125)
    } else if x > 40.0 {
        x
    } else {
        libm::log1p(libm::exp(x))
    }
}

fn sin(x: f64) -> f64 {
    if x.abs() < SMALL { x - x * x * x / 6.0 } else { libm::sin(x) }
}

fn cos(x: f64) -> f64 {
    if x.abs() < SMALL { 1.0 - x * x * 0.5 } else { libm::cos(x) }
}
