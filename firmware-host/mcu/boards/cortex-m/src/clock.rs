//! The core's own timer, as a clock that counts up.

use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// The timer has 24 bits.
pub const LARGEST_TICK: u32 = 0x00ff_ffff;
const TIMER_BITS: u32 = 24;

/// How often the timer began anew since it was started.
static ROUNDS: AtomicU32 = AtomicU32::new(0);

/// The running timer.
pub struct Clock {
    timer: SYST,
    /// The latest time that was told.
    latest: u64,
}

impl Clock {
    /// Starts it.
    pub fn start(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(LARGEST_TICK);
        timer.clear_current();
        timer.enable_counter();
        Self { timer, latest: 0 }
    }

    /// From now on [`Self::long_ticks`] counts beyond 24 bits, by an interrupt in each round.
    pub fn count_rounds(&mut self) {
        self.timer.enable_interrupt();
    }

    /// Ticks since the start, without those beyond 24 bits.
    pub fn ticks(&self) -> u32 {
        LARGEST_TICK - SYST::get_current()
    }

    /// Ticks since [`Self::count_rounds`], at least; never fewer than before.
    pub fn long_ticks(&mut self) -> u64 {
        let (mut rounds, mut ticks);
        loop {
            rounds = ROUNDS.load(Ordering::Acquire);
            ticks = self.ticks();
            if rounds == ROUNDS.load(Ordering::Acquire) {
                break;
            }
        }
        // A round that ended in this very instant is counted an instruction later.
        self.latest = self.latest.max(u64::from(rounds) << TIMER_BITS | u64::from(ticks));
        self.latest
    }
}

/// For the timer's interrupt.
pub fn round_ended() {
    ROUNDS.store(ROUNDS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
}
