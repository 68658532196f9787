//! The command line: one file for each command.

mod compile;
mod demo;
mod eval;
mod export;
mod infer;
mod inspect;
mod interrupt;
mod play;
mod report;
mod seeds;
mod sign;
mod tasks;
mod train;

use clap::{Parser, Subcommand};
use sinew_firmware_host::exit::Outcome;

/// Reinforcement-learned robot control that reaches the robot.
#[derive(Parser)]
#[command(name = "sinew", version, about, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Tasks(tasks::Tasks),
    Train(train::Train),
    Play(play::Play),
    Eval(eval::Eval),
    Export(export::Export),
    Infer(infer::Infer),
    Inspect(inspect::Inspect),
    Compile(compile::Compile),
    Sign(sign::Sign),
    Report(report::Report),
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(self) -> Outcome {
        match self.command {
            Command::Demo(command) => command.run(),
            Command::Tasks(command) => command.run(),
            Command::Train(command) => command.run(),
            Command::Play(command) => command.run(),
            Command::Eval(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Infer(command) => command.run(),
            Command::Inspect(command) => command.run(),
            Command::Compile(command) => command.run(),
            Command::Sign(command) => command.run(),
            Command::Report(command) => command.run(),
        }
    }
}
