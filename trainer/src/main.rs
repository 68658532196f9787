//! `sinew`: trains, scores, exports and demonstrates policies. Parses arguments, calls the libraries, prints.

mod command;

use clap::Parser;
use sinew_firmware_host::allocation::CountingAllocator;
use sinew_firmware_host::exit;
use std::process::ExitCode;

/// Counts on every thread, so that a control loop can prove that it allocates nothing.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    exit::report(command::Arguments::parse().run())
}
