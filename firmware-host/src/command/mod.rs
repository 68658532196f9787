//! The command line: one file for each command.

#[cfg(feature = "sim")]
mod hil;
#[cfg(feature = "sim")]
mod plant;
mod run;

use clap::{Parser, Subcommand, ValueEnum};
use sinew_firmware_host::rt::RtPolicy;

/// Run a policy on a robot at a fixed rate, or test it against a simulated one.
#[derive(Parser)]
#[command(name = "sinew-host", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Run),
    #[cfg(feature = "sim")]
    Plant(plant::PlantCommand),
    #[cfg(feature = "sim")]
    Hil(hil::Hil),
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(self) -> Outcome {
        match self.command {
            Command::Run(command) => command.run(),
            #[cfg(feature = "sim")]
            Command::Plant(command) => command.run(),
            #[cfg(feature = "sim")]
            Command::Hil(command) => command.run(),
        }
    }
}

/// What a command returns.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command ended, and with which exit code.
pub(crate) struct Failure {
    pub(crate) error: anyhow::Error,
    pub(crate) code: u8,
}

/// The run failed: exit code 1.
pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Failure {
    Failure { error: error.into(), code: 1 }
}

/// Arguments, files or contract cannot be used: exit code 2.
pub(crate) fn unusable(error: impl Into<anyhow::Error>) -> Failure {
    Failure { error: error.into(), code: 2 }
}

/// How much the loop insists on its privileges.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Rt {
    /// Ask for nothing.
    Off,
    /// Ask, report what is refused, go on.
    Try,
    /// A refusal ends the command.
    Strict,
}

impl From<Rt> for RtPolicy {
    fn from(rt: Rt) -> Self {
        match rt {
            Rt::Off => Self::Off,
            Rt::Try => Self::Try,
            Rt::Strict => Self::Strict,
        }
    }
}
