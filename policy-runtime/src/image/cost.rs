//! What an inference costs, which the operations tell without being run.

use super::operation::Operation;
use super::{Image, ImageError};

/// Most multiply-adds and other element operations of one inference: some tenths of a second, beyond any control period.
pub const MAX_WORK: u64 = 1 << 28;
/// Most of them in all golden pairs, so that loading ends.
const MAX_GOLDEN_WORK: u64 = 1 << 34;

/// What an image costs to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Number of operations.
    pub operations: usize,
    /// Products of two factors that are summed, in one inference.
    pub multiply_adds: u64,
    /// Elements that are computed or moved otherwise, in one inference.
    pub elements: u64,
    /// Bytes of weights and scratch that are read or written in one inference, at most.
    pub bytes_touched: u64,
    /// Weights and constants, bytes.
    pub weight_bytes: usize,
    /// Working memory, bytes.
    pub scratch_bytes: usize,
}

impl Image<'_> {
    /// What the image costs to run.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost {
            operations: self.operations.len(),
            multiply_adds: 0,
            elements: 0,
            bytes_touched: 0,
            weight_bytes: size_of_val(self.weights),
            scratch_bytes: self.scratch_len() * size_of::<f32>(),
        };
        for operation in self.operations.iter().filter_map(|record| Operation::decode(record).ok()) {
            let print = operation.footprint();
            cost.multiply_adds += print.multiply_adds;
            cost.elements += print.elements;
            cost.bytes_touched = cost.bytes_touched.saturating_add(print.touched().saturating_mul(4));
        }
        cost
    }
}

/// Refuses an inference of more `work` than any control period has room for, and golden pairs that take forever.
pub(super) fn check(work: u64, golden_count: u16) -> Result<(), ImageError> {
    check_work("one inference", work, MAX_WORK)?;
    check_work("running the golden pairs", work.saturating_mul(u64::from(golden_count)), MAX_GOLDEN_WORK)
}

fn check_work(what: &'static str, found: u64, limit: u64) -> Result<(), ImageError> {
    if found <= limit { Ok(()) } else { Err(ImageError::Work { what, found, limit }) }
}
