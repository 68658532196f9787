//! Collecting beside learning: [`overlap`] runs both on threads of their own where there are two, and in turn where there is one.
//!
//! The two never share what either changes, so the result is the same both ways.

use std::panic::resume_unwind;

/// Collects beside `learn`, or before it with fewer than two `threads`; gives what collecting came to once both are done.
///
/// # Panics
/// If either does.
pub(super) fn overlap<R: Send>(
    threads: usize,
    collect: impl FnOnce() -> R + Send,
    learn: impl FnOnce(),
) -> R {
    if threads < 2 {
        let collected = collect();
        learn();
        return collected;
    }
    std::thread::scope(|scope| {
        let collecting = scope.spawn(collect);
        learn();
        collecting.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn both_sides_are_done_and_a_panic_of_either_surfaces() {
        for threads in [1, 2] {
            let mut learned = false;
            let collected: Result<u32, u32> = overlap(threads, || Err(7), || learned = true);
            assert!(collected == Err(7) && learned);
            let panics = |side: [bool; 2]| {
                let run = || overlap(threads, || assert!(!side[0], "collect"), || assert!(!side[1], "learn"));
                catch_unwind(AssertUnwindSafe(run)).is_err()
            };
            assert_eq!([[true, false], [false, true], [false; 2]].map(panics), [true, true, false]);
        }
    }
}
