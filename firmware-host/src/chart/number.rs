//! Numbers as a person reads them: three significant digits, thousands apart, a dash for what is undefined.

/// What stands for NaN.
const UNDEFINED: &str = "–";

/// A count with its thousands set apart: `60,000`.
pub fn count(value: u64) -> String {
    grouped(&value.to_string())
}

/// Three significant digits, such as `0.0123`, `12.3`, `1,234` or `4.2e-7`.
pub fn significant(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_nan() {
        UNDEFINED.to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "∞".to_owned() } else { "-∞".to_owned() }
    } else if magnitude == 0.0 {
        "0".to_owned()
    } else if !(0.001..1e9).contains(&magnitude) {
        format!("{value:.1e}")
    } else {
        // Rounding 9.996 gives one digit more than asked for, which harms nobody.
        let decimals = (2 - magnitude.log10().floor() as i32).max(0) as usize;
        decimal(value, decimals)
    }
}

/// A fixed number of decimals, thousands apart.
pub fn decimal(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return significant(value);
    }
    let text = format!("{value:.decimals$}");
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let is_zero = digits.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = if is_zero { "" } else { sign };
    match digits.split_once('.') {
        Some((whole, fraction)) => format!("{sign}{}.{fraction}", grouped(whole)),
        None => format!("{sign}{}", grouped(digits)),
    }
}

/// No more decimals than the number needs, such as `0.01` or `1,000`; for powers of ten.
pub fn plain(value: f64) -> String {
    let decimals = (0..9).find(|decimals| value * 10f64.powi(*decimals) >= 0.999).unwrap_or(9);
    decimal(value, decimals as usize)
}

/// A share as a percentage without its sign: `95`.
pub fn percent(share: f64) -> String {
    decimal(100.0 * share, 0)
}

/// A size in bytes, such as `612 B` or `301 kB`.
pub fn bytes(value: u64) -> String {
    match value {
        0..1_000 => format!("{value} B"),
        1_000..1_000_000 => format!("{} kB", significant(value as f64 / 1e3)),
        _ => format!("{} MB", significant(value as f64 / 1e6)),
    }
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_are_shown_whatever_the_magnitude() {
        let cases = [
            (0.012_34, "0.0123"),
            (-12.34, "-12.3"),
            (1234.5, "1,234"),
            (1_234_567.0, "1,234,567"),
            (4.2e-7, "4.2e-7"),
            (0.0, "0"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "-∞"),
        ];
        for (value, text) in cases {
            assert_eq!(significant(value), text);
        }
    }

    #[test]
    fn nothing_is_ever_minus_zero() {
        assert_eq!(decimal(-0.04, 1), "0.0");
        assert_eq!(decimal(-0.06, 1), "-0.1");
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(bytes(301_234), "301 kB");
    }
}
