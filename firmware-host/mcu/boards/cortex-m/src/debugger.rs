//! What an emulator or a debugger does for a program: its end, and the time of day.
#![allow(unsafe_code, reason = "they are called by a breakpoint")]

use cortex_m::asm;

/// Asks the emulator or the debugger to end the program, through semihosting; without either, the processor's own fault does.
pub fn exit(success: bool) -> ! {
    const SYS_EXIT: u32 = 0x18;
    const STOPPED_APPLICATION_EXIT: u32 = 0x2_0026;
    const STOPPED_RUN_TIME_ERROR: u32 = 0x2_0023;
    let reason = if success { STOPPED_APPLICATION_EXIT } else { STOPPED_RUN_TIME_ERROR };
    // SAFETY: this call of semihosting reads the two registers and no memory.
    unsafe { asm::semihosting_syscall(SYS_EXIT, reason) };
    loop {
        asm::wfi();
    }
}

/// The emulator's or debugger's clock, seconds since 1970; without either, the processor's own fault ends the program.
pub fn time_of_day_s() -> u32 {
    const SYS_TIME: u32 = 0x11;
    // SAFETY: this call of semihosting reads the two registers and no memory.
    unsafe { asm::semihosting_syscall(SYS_TIME, 0) }
}
