//! `main` of each program, for any board: it takes the board, lends static memory, and calls the firmware.
//!
//! What is embedded lies in the folder `SINEW_MICROCONTROLLER_MODELS`, where `.ci/mcu` puts it. A board's crate names its
//! `Board` and uses one of these macros for each program; it depends on `cortex-m-rt`, whose entry they are.

/// Real exports from flash, their bits to the console; see `sinew_firmware::conformance`.
#[macro_export]
macro_rules! conformance_program {
    ($board:ty) => {
        /// As many values as the largest model needs.
        const SCRATCH: usize = 16 * 1024;

        #[allow(clippy::unreadable_literal, reason = "written by a program")]
        static SUITE: $crate::conformance::Suite = {
            use $crate::conformance::{Model, Suite};
            include!(concat!(env!("SINEW_MICROCONTROLLER_MODELS"), "/models.rs"))
        };
        static TANH: &[u8] =
            sinew_policy_runtime::include_image!(concat!(env!("SINEW_MICROCONTROLLER_MODELS"), "/tanh.img"));

        #[allow(clippy::large_stack_arrays, reason = "a variable, which never lies on the stack")]
        #[cortex_m_rt::entry]
        fn main() -> ! {
            use $crate::board::Board;
            let scratch = cortex_m::singleton!(: [f32; SCRATCH] = [0.0; SCRATCH]);
            let (Some(mut board), Some(scratch)) = (<$board>::take(), scratch) else {
                $crate::debugger::exit(false)
            };
            let complete = $crate::conformance::run(&mut board, &SUITE, scratch);
            let same = $crate::conformance::sweep_tanh(&mut board, TANH, scratch);
            board.finish(complete && same)
        }

        $crate::panic_ends_the_program!();
    };
}

/// What an inference of a small policy costs; see `sinew_firmware::inference`.
#[macro_export]
macro_rules! inference_program {
    ($board:ty) => {
        /// As many values as the policy needs.
        const SCRATCH: usize = 144;

        static POLICY: &[u8] = sinew_policy_runtime::include_image!(concat!(
            env!("SINEW_MICROCONTROLLER_MODELS"),
            "/inference.img"
        ));

        #[cortex_m_rt::entry]
        fn main() -> ! {
            use $crate::board::Board;
            let scratch = cortex_m::singleton!(: [f32; SCRATCH] = [0.0; SCRATCH]);
            let (Some(mut board), Some(scratch)) = (<$board>::take(), scratch) else {
                $crate::debugger::exit(false)
            };
            let constant = $crate::inference::run(&mut board, POLICY, scratch);
            board.finish(constant)
        }

        $crate::panic_ends_the_program!();
    };
}

/// Decode, tick, encode, on both ends of a link; see `sinew_firmware::control`.
#[macro_export]
macro_rules! control_program {
    ($board:ty) => {
        /// As many values as the policy needs.
        const VALUES: usize = 128;

        static POLICY: &[u8] =
            sinew_policy_runtime::include_image!(concat!(env!("SINEW_MICROCONTROLLER_MODELS"), "/tanh.img"));

        #[cortex_m_rt::entry]
        fn main() -> ! {
            use $crate::board::Board;
            let storage = $crate::lent_storage!(VALUES, VALUES, VALUES);
            let ends =
                cortex_m::singleton!(: $crate::control::Ends = $crate::control::Ends::default());
            let (Some(mut board), Some(storage), Some(ends)) = (<$board>::take(), storage, ends) else {
                $crate::debugger::exit(false)
            };
            let obeyed = $crate::control::run(&mut board, POLICY, storage, ends);
            board.finish(obeyed)
        }

        $crate::panic_ends_the_program!();
    };
}

/// A robot's host; see `sinew_firmware::host`. `$history`, `$observation` and `$scratch` are the values that its policy needs
/// at most.
#[macro_export]
macro_rules! host_program {
    ($board:ty, $pace:ident, $history:expr, $observation:expr, $scratch:expr) => {
        static POLICY: &[u8] = sinew_policy_runtime::include_image!(concat!(
            env!("SINEW_MICROCONTROLLER_MODELS"),
            "/host/policy.img"
        ));
        static SETTINGS: &[u8] =
            include_bytes!(concat!(env!("SINEW_MICROCONTROLLER_MODELS"), "/host/settings.bin"));

        #[cortex_m_rt::entry]
        fn main() -> ! {
            use $crate::board::Board;
            let storage = $crate::lent_storage!($history, $observation, $scratch);
            let memory = cortex_m::singleton!(: $crate::host::Memory = $crate::host::Memory::new());
            let (Some(mut board), Some(storage), Some(memory)) = (<$board>::take(), storage, memory) else {
                $crate::debugger::exit(false)
            };
            let flash = $crate::host::Flash { policy: POLICY, settings: SETTINGS };
            $crate::host::run(&mut board, flash, storage, memory, $crate::host::Pace::$pace);
            board.finish(false)
        }

        $crate::interrupts!($board);
        $crate::panic_ends_the_program!();
    };
}

/// Static memory for a controller; `None` the second time.
#[doc(hidden)]
#[macro_export]
macro_rules! lent_storage {
    ($history:expr, $observation:expr, $scratch:expr) => {{
        let history = cortex_m::singleton!(: [f32; $history] = [0.0; $history]);
        let observation = cortex_m::singleton!(: [f32; $observation] = [0.0; $observation]);
        let scratch = cortex_m::singleton!(: [f32; $scratch] = [0.0; $scratch]);
        match (history, observation, scratch) {
            (Some(history), Some(observation), Some(scratch)) => {
                Some(sinew_policy_runtime::controller::Storage {
                    history: &mut history[..],
                    observation: &mut observation[..],
                    scratch: &mut scratch[..],
                })
            }
            _ => None,
        }
    }};
}

/// What cannot happen ends the program all the same.
#[doc(hidden)]
#[macro_export]
macro_rules! panic_ends_the_program {
    () => {
        #[panic_handler]
        fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
            $crate::debugger::exit(false)
        }
    };
}
