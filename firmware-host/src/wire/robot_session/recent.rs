//! Which of its samples a robot still takes commands for: [`RecentSamples`].
//!
//! A command names the sample that it answers. When that one was sent the robot knows by its own clock, so it need trust neither
//! the host's clock nor the link: what waited somewhere on its way, or was decided on an old sample, is not obeyed. A few marks
//! stand for all that was sent, so that it costs a microcontroller next to nothing.

use super::LARGEST_COMMAND_AGE_US;

/// Between two marks, µs: what counts as too old may be younger by so much.
const SPACING_US: u64 = LARGEST_COMMAND_AGE_US / 8;
/// One that has just grown too old, and those behind it.
const MARKS: usize = 10;

/// Sequences and when they were sent, by the robot's clock.
#[derive(Clone, Debug, Default)]
pub(super) struct RecentSamples {
    marks: heapless::Deque<(u64, u64), MARKS>,
    newest: u64,
}

impl RecentSamples {
    /// The next one is sent.
    pub(super) fn sent(&mut self, sequence: u64, now_us: u64) {
        self.newest = sequence;
        let due = |(_, sent_us): &(u64, u64)| now_us.saturating_sub(*sent_us) >= SPACING_US;
        if self.marks.back().is_none_or(due) {
            if self.marks.is_full() {
                self.marks.pop_front();
            }
            // There is room now.
            let _ = self.marks.push_back((sequence, now_us));
        }
    }

    /// Whether a sample was sent lately enough to command by: never one that is older than [`LARGEST_COMMAND_AGE_US`], or that was
    /// never sent.
    pub(super) fn contains(&self, sequence: u64, now_us: u64) -> bool {
        let young = |(_, sent_us): &&(u64, u64)| now_us.saturating_sub(*sent_us) <= LARGEST_COMMAND_AGE_US;
        let oldest = self.marks.iter().find(young);
        oldest.is_some_and(|(oldest, _)| (*oldest..=self.newest).contains(&sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_recent_until_it_is_too_old_whatever_the_rate() {
        for period_us in [50, 1000, 10_000, 100_000] {
            let mut recent = RecentSamples::default();
            let sent_us = |sequence: u64| sequence * period_us;
            let count = 3 * LARGEST_COMMAND_AGE_US / period_us;
            for sequence in 1..=count {
                recent.sent(sequence, sent_us(sequence));
                let now_us = sent_us(sequence) + period_us / 2;
                for back in [0, 1, sequence / 2, sequence.saturating_sub(1)] {
                    let asked = sequence.saturating_sub(back).max(1);
                    let age_us = now_us - sent_us(asked);
                    let found = recent.contains(asked, now_us);
                    assert!(!found || age_us <= LARGEST_COMMAND_AGE_US, "{asked} at {now_us}");
                    assert!(
                        found || age_us + SPACING_US + period_us > LARGEST_COMMAND_AGE_US,
                        "{asked} at {now_us}"
                    );
                }
                assert!(!recent.contains(0, now_us) && !recent.contains(sequence + 1, now_us));
            }
        }
    }
}
