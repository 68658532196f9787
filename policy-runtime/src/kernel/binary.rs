//! Functions of two values.
#![allow(
    clippy::inline_always,
    reason = "a kernel is compiled into its caller, for the caller's instruction set"
)]

use crate::math;

/// An element-wise operation of a vector `x` with another, or with one value, `c`.
///
/// Truth is 1, untruth 0. Of two values that compare equal, such as zeros of different sign, minimum and maximum give `x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `x + c`.
    Add,
    /// `x - c`.
    Subtract,
    /// `c - x`.
    SubtractFrom,
    /// `x · c`.
    Multiply,
    /// `x / c`.
    Divide,
    /// `c / x`.
    DivideInto,
    /// `x^c`.
    Power,
    /// `c^x`.
    PowerOf,
    /// The smaller; NaN if either is.
    Minimum,
    /// The larger; NaN if either is.
    Maximum,
    /// The rest of `x / c`, with the sign of `x`.
    Remainder,
    /// The rest of `c / x`, with the sign of `c`.
    RemainderOf,
    /// `x < c`.
    Less,
    /// `x <= c`.
    LessOrEqual,
    /// `x > c`.
    Greater,
    /// `x >= c`.
    GreaterOrEqual,
    /// `x = c`.
    Equal,
    /// Both are not 0.
    And,
    /// At least one is not 0.
    Or,
    /// One of both is 0.
    Xor,
    /// `x` where not negative, else `c · x`.
    LeakyRelu,
    /// `c` where not negative, else `x · c`.
    LeakyReluOf,
}

impl Binary {
    /// In the order of their codes in an image.
    pub(crate) const ALL: [Self; 22] = [
        Self::Add,
        Self::Subtract,
        Self::SubtractFrom,
        Self::Multiply,
        Self::Divide,
        Self::DivideInto,
        Self::Power,
        Self::PowerOf,
        Self::Minimum,
        Self::Maximum,
        Self::Remainder,
        Self::RemainderOf,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Equal,
        Self::And,
        Self::Or,
        Self::Xor,
        Self::LeakyRelu,
        Self::LeakyReluOf,
    ];

    /// The operation that gives the same with its operands exchanged.
    #[must_use]
    pub fn exchanged(self) -> Self {
        match self {
            Self::Subtract => Self::SubtractFrom,
            Self::SubtractFrom => Self::Subtract,
            Self::Divide => Self::DivideInto,
            Self::DivideInto => Self::Divide,
            Self::Power => Self::PowerOf,
            Self::PowerOf => Self::Power,
            Self::Remainder => Self::RemainderOf,
            Self::RemainderOf => Self::Remainder,
            Self::Less => Self::Greater,
            Self::Greater => Self::Less,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::LeakyRelu => Self::LeakyReluOf,
            Self::LeakyReluOf => Self::LeakyRelu,
            same => same,
        }
    }

    /// `values[i] = values[i] ∘ others[i]`, over the shorter of the two.
    #[inline(always)]
    pub(super) fn combine<'c>(self, values: &mut [f32], others: impl Iterator<Item = &'c f32>) {
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        if !self.is_built() {
            return values.fill(f32::NAN);
        }
        match self {
            Self::Add => zip(values, others, |x, c| x + c),
            Self::Subtract => zip(values, others, |x, c| x - c),
            Self::SubtractFrom => zip(values, others, |x, c| c - x),
            Self::Multiply => zip(values, others, |x, c| x * c),
            Self::Divide => zip(values, others, |x, c| x / c),
            Self::DivideInto => zip(values, others, |x, c| c / x),
            Self::Power => zip(values, others, math::pow),
            Self::PowerOf => zip(values, others, |x, c| math::pow(c, x)),
            Self::Minimum => zip(values, others, |x, c| if c < x || c.is_nan() { c } else { x }),
            Self::Maximum => zip(values, others, |x, c| if c > x || c.is_nan() { c } else { x }),
            Self::Remainder => zip(values, others, math::remainder),
            Self::RemainderOf => zip(values, others, |x, c| math::remainder(c, x)),
            Self::Less => zip(values, others, |x, c| truth(x < c)),
            Self::LessOrEqual => zip(values, others, |x, c| truth(x <= c)),
            Self::Greater => zip(values, others, |x, c| truth(x > c)),
            Self::GreaterOrEqual => zip(values, others, |x, c| truth(x >= c)),
            Self::Equal => zip(values, others, |x, c| truth(x == c)),
            Self::And => zip(values, others, |x, c| truth(x != 0.0 && c != 0.0)),
            Self::Or => zip(values, others, |x, c| truth(x != 0.0 || c != 0.0)),
            Self::Xor => zip(values, others, |x, c| truth((x != 0.0) != (c != 0.0))),
            Self::LeakyRelu => zip(values, others, |x, c| if x < 0.0 { c * x } else { x }),
            Self::LeakyReluOf => zip(values, others, |x, c| if c < 0.0 { x * c } else { c }),
        }
    }
}

#[inline(always)]
fn zip<'c>(values: &mut [f32], others: impl Iterator<Item = &'c f32>, function: impl Fn(f32, f32) -> f32) {
    for (value, other) in values.iter_mut().zip(others) {
        *value = function(*value, *other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(binary: Binary, x: f32, c: f32) -> f32 {
        let mut values = [x];
        binary.combine(&mut values, [c].iter());
        values[0]
    }

    #[test]
    fn exchanged_operands_give_the_same() {
        for binary in Binary::ALL {
            assert_eq!(binary.exchanged().exchanged(), binary);
            for (x, c) in [(1.5, -2.0), (2.0, 2.0), (-0.5, 3.0), (0.0, 1.0)] {
                let (found, expected) = (one(binary.exchanged(), c, x), one(binary, x, c));
                assert!(found == expected || (found.is_nan() && expected.is_nan()), "{binary:?} {x} {c}");
            }
        }
    }

    #[test]
    fn a_nan_on_either_side_stays_one_where_the_result_is_a_number() {
        for binary in [Binary::Add, Binary::Multiply, Binary::Minimum, Binary::Maximum, Binary::Remainder] {
            assert!(one(binary, f32::NAN, 1.0).is_nan(), "{binary:?}");
            assert!(one(binary, 1.0, f32::NAN).is_nan(), "{binary:?}");
        }
    }

    #[test]
    fn a_tie_gives_the_first_operand() {
        let negative = (-0.0_f32).to_bits();
        assert_eq!(one(Binary::Minimum, -0.0, 0.0).to_bits(), negative);
        assert_eq!(one(Binary::Maximum, -0.0, 0.0).to_bits(), negative);
        assert_eq!(one(Binary::Maximum, 0.0, -0.0).to_bits(), 0);
    }
}
