//! The sensors of one instant, in as many frames as they need.
//!
//! A [`Sample`] of more values than a frame holds travels in parts that share a sequence. [`Assembly`] puts them together in
//! place; a part of a newer sample ends an older one that is not whole, so nothing waits and a lost part costs its sample
//! alone. Every value's place follows from its part's number, so the order in which parts arrive does not matter.

use super::message::{MAX_PART_VALUES, MAX_PARTS, MAX_SAMPLE, SamplePart, Status};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::interface::MAX_SENSORS;

/// All sensors of a robot at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The robot's state, and what it has heard from the host.
    pub status: Status,
    /// Each sensor's age at this instant, µs, in the interface's order.
    pub ages_us: heapless::Vec<u32, MAX_SENSORS>,
    /// All sensors' values, in the interface's order.
    pub values: heapless::Vec<f32, MAX_SAMPLE>,
}

impl Sample {
    /// Becomes a copy of another one, in place.
    pub fn copy_from(&mut self, other: &Self) {
        self.status = other.status;
        self.ages_us.clear();
        self.values.clear();
        // Both have the same capacity.
        let _ = self.ages_us.extend_from_slice(&other.ages_us);
        let _ = self.values.extend_from_slice(&other.values);
    }
}

/// How many parts a sample of `values` values has.
pub const fn parts(values: usize) -> usize {
    let parts = values.div_ceil(MAX_PART_VALUES);
    if parts == 0 { 1 } else { parts }
}

/// The parts of a sample, to be sent one after the other.
///
/// More sensors or values than the protocol carries are left out: [`super::robot_session`] and a plant check their number
/// once.
pub fn split<'s>(
    status: Status,
    ages_us: &'s [u32],
    values: &'s [f32],
) -> impl Iterator<Item = SamplePart> + 's {
    let count = parts(values.len()).min(MAX_PARTS);
    (0..count).map(move |part| {
        let ages_us = if part == 0 { ages_us } else { &[] };
        let values = values.chunks(MAX_PART_VALUES).nth(part).unwrap_or_default();
        SamplePart {
            status,
            part: part as u8,
            parts: count as u8,
            ages_us: first_of(ages_us),
            values: first_of(values),
        }
    })
}

/// As many values as fit.
fn first_of<T: Copy, const CAPACITY: usize>(values: &[T]) -> heapless::Vec<T, CAPACITY> {
    let mut first = heapless::Vec::new();
    // Ends at the first that does not fit; collecting would panic there.
    let _ = values.iter().try_for_each(|value| first.push(*value));
    first
}

/// Puts samples together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assembly {
    building: Sample,
    /// How many parts it has; 0 before the first.
    parts: u8,
    /// One bit for each part that is there.
    present: u8,
    refused: u64,
}

impl Default for Assembly {
    fn default() -> Self {
        let building =
            Sample { status: Status::default(), ages_us: heapless::Vec::new(), values: heapless::Vec::new() };
        Self { building, parts: 0, present: 0, refused: 0 }
    }
}

impl Assembly {
    /// Parts that were repeated, older than another, or impossible.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Forgets the newest sequence: a robot that has started again counts anew.
    pub fn restart(&mut self) {
        *self = Self { refused: self.refused, ..Self::default() };
    }

    /// Takes a part; returns the sample that it makes whole.
    pub fn take(&mut self, part: &SamplePart) -> Option<&Sample> {
        if !self.belongs(part) {
            self.refused += 1;
            return None;
        }
        if part.status.sequence > self.building.status.sequence {
            (self.parts, self.present) = (part.parts, 0);
            self.building.ages_us.clear();
            self.building.values.clear();
            self.building.status = part.status;
        }
        self.present |= 1 << part.part;
        if part.part == 0 {
            self.building.ages_us.clone_from(&part.ages_us);
        }
        let begin = usize::from(part.part) * MAX_PART_VALUES;
        let end = begin + part.values.len();
        if self.building.values.len() < end {
            // As many as fit, since `belongs` bounds part and number of parts.
            let _ = self.building.values.resize(end, 0.0);
        }
        if let Some(place) = self.building.values.get_mut(begin..end) {
            place.copy_from_slice(&part.values);
        }
        (self.present.count_ones() == u32::from(self.parts)).then_some(&self.building)
    }

    /// Whether a part is possible, and newer than what is there or a part of it that is missing.
    fn belongs(&self, part: &SamplePart) -> bool {
        let last = part.part.checked_add(1) == Some(part.parts);
        let possible = part.part < part.parts
            && usize::from(part.parts) <= MAX_PARTS
            && (last || part.values.len() == MAX_PART_VALUES)
            && (part.part == 0 || (part.ages_us.is_empty() && !part.values.is_empty()));
        if !possible {
            return false;
        }
        let newest = self.building.status.sequence;
        let missing = part.status == self.building.status
            && part.parts == self.parts
            && self.present & (1 << part.part) == 0;
        part.status.sequence > newest || missing
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::{LARGEST_FRAME, encode};
    use super::super::message::{RobotState, ToHost};
    use super::*;
    use proptest::prelude::*;

    fn status(sequence: u64) -> Status {
        Status { sequence, state: RobotState::Armed, ..Status::default() }
    }

    fn parts_of(sequence: u64, count: usize) -> Vec<SamplePart> {
        let values: Vec<f32> = (0..count).map(|index| index as f32 + sequence as f32).collect();
        split(status(sequence), &[7, 8], &values).collect()
    }

    #[test]
    fn the_longest_part_fits_a_frame() {
        let status = Status {
            session: u64::MAX,
            boot: u32::MAX,
            sequence: u64::MAX,
            time_us: u64::MAX,
            echo_sequence: u64::MAX,
            echo_age_us: u32::MAX,
            state: RobotState::Stopped,
            fault: u8::MAX,
        };
        let part = split(status, &[u32::MAX; MAX_SENSORS], &[f32::MAX; MAX_SAMPLE]).next().unwrap();
        assert!(encode(&ToHost::Sample(part), &mut [0; LARGEST_FRAME]).is_ok());
    }

    #[test]
    fn a_sample_without_values_is_one_part() {
        let mut assembly = Assembly::default();
        let [part] = &parts_of(1, 0)[..] else { panic!("one part") };
        assert_eq!(assembly.take(part).unwrap().ages_us, [7, 8]);
    }

    #[test]
    fn a_lost_part_costs_its_sample_alone() {
        let mut assembly = Assembly::default();
        let (first, second) = (parts_of(1, 500), parts_of(2, 500));
        assert_eq!((first.len(), first[2].values.len()), (3, 500 - 2 * MAX_PART_VALUES));
        assert!(assembly.take(&first[0]).is_none() && assembly.take(&first[2]).is_none());
        assert!(assembly.take(&second[1]).is_none() && assembly.take(&second[2]).is_none());
        // The part that was lost comes late, and a second time what is there already.
        assert!(assembly.take(&first[1]).is_none() && assembly.take(&second[1]).is_none());
        assert_eq!(assembly.refused(), 2);
        let sample = assembly.take(&second[0]).unwrap();
        assert_eq!((sample.values.len(), sample.values[499], sample.status.sequence), (500, 501.0, 2));
        assert!(assembly.take(&second[0]).is_none());
    }

    proptest! {
        #[test]
        fn any_order_of_parts_gives_the_sample(count in 0..=MAX_SAMPLE, seed in any::<u64>()) {
            let mut parts = parts_of(3, count);
            parts.sort_by_key(|part| (u64::from(part.part) + 1).wrapping_mul(seed | 1).rotate_left(17));
            let mut assembly = Assembly::default();
            let (last, before) = parts.split_last().unwrap();
            for part in before {
                prop_assert!(assembly.take(part).is_none());
            }
            let sample = assembly.take(last).unwrap();
            prop_assert_eq!(sample.values.len(), count);
            prop_assert!(sample.values.iter().enumerate().all(|(index, value)| *value == index as f32 + 3.0));
            prop_assert_eq!(&sample.ages_us[..], &[7, 8]);
        }

        #[test]
        fn impossible_parts_are_refused(part in any::<u8>(), parts in any::<u8>(), length in 0..=MAX_PART_VALUES) {
            let mut assembly = Assembly::default();
            let values = (0..length).map(|_| 0.5).collect();
            let made = SamplePart { status: status(1), part, parts, ages_us: heapless::Vec::new(), values };
            let whole = assembly.take(&made).map(|sample| sample.values.len());
            prop_assert!(whole.is_none() || (part, parts, whole) == (0, 1, Some(length)));
        }
    }
}
