//! The command line: one file for each command.

#[cfg(feature = "sim")]
mod campaign;
mod doctor;
mod firmware;
#[cfg(feature = "sim")]
mod hil;
mod jog;
mod key;
#[cfg(feature = "sim")]
mod plant;
mod recover;
mod replay;
mod run;

use clap::{Parser, Subcommand};
use sinew_firmware_host::exit::Outcome;

/// Run a policy on a robot at a fixed rate, or test it against a simulated one.
#[derive(Parser)]
#[command(name = "sinew-host", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Doctor(doctor::DoctorCommand),
    Run(run::Run),
    Jog(jog::JogCommand),
    Firmware(firmware::Firmware),
    Key(key::KeyCommand),
    Recover(recover::RecoverCommand),
    Replay(replay::ReplayCommand),
    #[cfg(feature = "sim")]
    Plant(plant::PlantCommand),
    #[cfg(feature = "sim")]
    Hil(hil::Hil),
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(self) -> Outcome {
        match self.command {
            Command::Doctor(command) => command.run(),
            Command::Run(command) => command.run(),
            Command::Jog(command) => command.run(),
            Command::Firmware(command) => command.run(),
            Command::Key(command) => command.run(),
            Command::Recover(command) => command.run(),
            Command::Replay(command) => command.run(),
            #[cfg(feature = "sim")]
            Command::Plant(command) => command.run(),
            #[cfg(feature = "sim")]
            Command::Hil(command) => command.run(),
        }
    }
}
