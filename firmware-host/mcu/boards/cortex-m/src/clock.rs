//! The core's own timer, as a clock that counts up.

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// The timer has 24 bits.
pub const LARGEST_TICK: u32 = 0x00ff_ffff;

/// The running timer.
pub struct Clock(());

impl Clock {
    /// Starts it.
    pub fn start(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(LARGEST_TICK);
        timer.clear_current();
        timer.enable_counter();
        Self(())
    }

    /// Ticks since the start, without those beyond 24 bits.
    pub fn ticks(&self) -> u32 {
        LARGEST_TICK - SYST::get_current()
    }
}
