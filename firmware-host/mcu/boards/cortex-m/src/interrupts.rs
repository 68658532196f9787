//! The interrupts of any board: what arrives on its lines, and the timer's rounds.
#![allow(unsafe_code, reason = "interrupts are unmasked")]

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

#[derive(Clone, Copy)]
struct Receiver(u16);

// SAFETY: a chip gives the numbers of its own ports, each its own.
unsafe impl InterruptNumber for Receiver {
    fn number(self) -> u16 {
        self.0
    }
}

/// From now on the bytes that arrive on the lines are kept.
pub(crate) fn admit(receivers: [u16; 2]) {
    for receiver in receivers {
        // SAFETY: no critical section depends on this interrupt being masked.
        unsafe { NVIC::unmask(Receiver(receiver)) };
    }
}

/// Answers the interrupts of a board whose lines are open. Of programs that open them alone: the rings behind lines are more than
/// others may take of a small memory.
#[doc(hidden)]
#[macro_export]
macro_rules! interrupts {
    ($board:ty) => {
        mod interrupts {
            #![allow(unsafe_code, reason = "the processor calls them")]

            use cortex_m_rt::exception;

            #[exception]
            unsafe fn DefaultHandler(_number: i16) {
                <$board>::keep();
            }

            #[exception]
            fn SysTick() {
                $crate::clock::round_ended();
            }
        }
    };
}
