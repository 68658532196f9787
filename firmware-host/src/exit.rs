//! How a command ends: exit code 0 done, 1 the run failed, 2 unusable arguments, files or contract,
//! 3 stopped by a safety fault.
//!
//! Both binaries return an [`Outcome`] and pass it to [`report`], so a mistake reads the same wherever it is made.

use std::error::Error;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// What a command returns.
pub type Outcome = Result<(), Failure>;

/// Why a command ended, and with which exit code.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    code: u8,
}

/// The run failed: exit code 1.
pub fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
    Failure { error: error.into(), code: 1 }
}

/// Arguments, files or contract cannot be used: exit code 2.
pub fn unusable(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
    Failure { error: error.into(), code: 2 }
}

/// A safety fault stopped the robot: exit code 3.
pub fn stopped(error: impl Into<Box<dyn Error + Send + Sync>>) -> Failure {
    Failure { error: error.into(), code: 3 }
}

/// Prints a failure on stderr and gives the process's exit code.
pub fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", explain(&*failure.error));
            ExitCode::from(failure.code)
        }
    }
}

/// Prints a text on stdout. A reader who has seen enough, such as `head`, ends it quietly.
///
/// # Errors
/// Stdout cannot be written.
pub fn print(text: &str) -> Outcome {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(failed(error)),
        _ => Ok(()),
    }
}

/// The error and its causes, each cause once: most of our texts name theirs already.
fn explain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let reason = cause.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Example {
        #[error("cannot read robot.toml: {0}")]
        Named(std::io::Error),
        #[error("the robot cannot be used")]
        Silent(#[source] std::io::Error),
    }

    #[test]
    fn a_cause_is_printed_once_whether_or_not_the_text_names_it() {
        let cause = || std::io::Error::other("no such file");
        assert_eq!(explain(&Example::Named(cause())), "cannot read robot.toml: no such file");
        assert_eq!(explain(&Example::Silent(cause())), "the robot cannot be used: no such file");
    }
}
