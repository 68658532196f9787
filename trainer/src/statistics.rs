//! How sure a mean or a share is: 95 % intervals.
//!
//! A mean over episodes or seeds has Student's t interval, since a handful of seeds is a small sample; a share of successes has
//! Wilson's, which stays within 0 and 1 and says something even where every episode succeeded.

/// The standard normal's quantile at 0.975.
const NORMAL: f64 = 1.959_963_984_540_054;
/// Student's t quantiles at 0.975 for 1 to 10 degrees of freedom; beyond them the expansion below is within 1e-5.
const STUDENT: [f64; 10] = [
    12.706_204_736,
    4.302_652_730,
    3.182_446_305,
    2.776_445_105,
    2.570_581_836,
    2.446_911_851,
    2.364_624_252,
    2.306_004_135,
    2.262_157_163,
    2.228_138_852,
];

/// Mean and sample standard deviation; the deviation of fewer than two values is NaN.
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, if values.len() < 2 { f64::NAN } else { (squares / (count - 1.0)).sqrt() })
}

/// `[low, high]` that holds the true mean in 95 of 100 such samples: `mean ± t s / √n`; NaN for fewer than two values.
pub fn mean_interval(values: &[f64]) -> [f64; 2] {
    let (mean, deviation) = mean_and_deviation(values);
    let reach = student(values.len().saturating_sub(1)) * deviation / (values.len() as f64).sqrt();
    [mean - reach, mean + reach]
}

/// Wilson's interval (1927) of the true share where `successes` of `count` succeeded; `[0, 1]` where nothing was counted.
pub fn share_interval(successes: usize, count: usize) -> [f64; 2] {
    if count == 0 {
        return [0.0, 1.0];
    }
    let (n, share, z2) = (count as f64, successes as f64 / count as f64, NORMAL * NORMAL);
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let reach = NORMAL / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // Exact at the ends, where rounding would leave a remainder.
    let low = if successes == 0 { 0.0 } else { centre - reach };
    let high = if successes == count { 1.0 } else { centre + reach };
    [low, high]
}

/// Student's t quantile at 0.975 (Abramowitz and Stegun 1964, 26.7.5).
fn student(degrees: usize) -> f64 {
    if let Some(tabled) = degrees.checked_sub(1).and_then(|index| STUDENT.get(index)) {
        return *tabled;
    }
    let (z, v) = (NORMAL, degrees as f64);
    let z2 = z * z;
    let first = z * (z2 + 1.0) / 4.0;
    let second = z * ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0;
    let third = z * (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0;
    z + first / v + second / (v * v) + third / (v * v * v)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: [f64; 2], expected: [f64; 2], tolerance: f64) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < tolerance, "{found} instead of {expected}");
        }
    }

    #[test]
    fn a_mean_has_students_interval() {
        // scipy.stats.t.interval(0.95, n - 1, mean, sem).
        close(mean_interval(&[1.0, 2.0, 3.0, 4.0]), [0.445_739_743_239_121, 4.554_260_256_760_879], 1e-8);
        let many: Vec<f64> = (0..100).map(f64::from).collect();
        close(mean_interval(&many), [43.743_489_583, 55.256_510_417], 1e-4);
        assert!(mean_interval(&[1.0])[0].is_nan());
    }

    #[test]
    fn quantiles_agree_with_published_tables() {
        for (degrees, expected) in
            [(1, 12.706), (4, 2.776), (11, 2.200_985), (19, 2.093_024), (99, 1.984_217)]
        {
            assert!((student(degrees) - expected).abs() < 5e-4, "{degrees}: {}", student(degrees));
        }
    }

    #[test]
    fn a_share_has_wilsons_interval() {
        // statsmodels.stats.proportion.proportion_confint(count, n, method="wilson").
        close(share_interval(95, 100), [0.888_249_5, 0.978_456_2], 1e-6);
        close(share_interval(100, 100), [0.963_006_5, 1.0], 1e-6);
        close(share_interval(0, 10), [0.0, 0.277_532_8], 1e-6);
        assert_eq!(share_interval(0, 0), [0.0, 1.0]);
    }
}
