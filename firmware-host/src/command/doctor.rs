//! `sinew-host doctor`.

use anyhow::anyhow;
use sinew_firmware_host::doctor::{Diagnosis, Verdict, examine};
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_firmware_host::rt::RtPolicy;

/// Say what this machine grants a control loop, measure its wake-up latency, and say what to change.
#[derive(clap::Args)]
pub(crate) struct DoctorCommand {
    /// The core of the control loop; the first allowed one unless given.
    #[arg(long, value_name = "N")]
    core: Option<usize>,
    /// For how long to measure.
    #[arg(long, default_value_t = 5.0, value_name = "S")]
    seconds: f64,
    /// Real-time privileges.
    #[arg(long, value_enum, default_value_t = RtPolicy::Try)]
    rt: RtPolicy,
    /// Print one JSON object on the last line of stdout.
    #[arg(long)]
    json: bool,
}

impl DoctorCommand {
    pub(crate) fn run(self) -> Outcome {
        if !(self.seconds > 0.0 && self.seconds <= 3600.0) {
            let seconds = self.seconds;
            return Err(unusable(anyhow!("--seconds is {seconds}, expected above 0 and at most 3600")));
        }
        let diagnosis = examine(self.core, self.rt, self.seconds).map_err(unusable)?;
        print(&diagnosis);
        if self.json {
            println!("{}", serde_json::to_string(&diagnosis).map_err(failed)?);
        }
        Ok(())
    }
}

fn print(diagnosis: &Diagnosis) {
    eprintln!("a control loop on core {}", diagnosis.core);
    for finding in &diagnosis.findings {
        let verdict = match finding.verdict {
            Verdict::Good => "good",
            Verdict::Improvable => "improve",
            Verdict::Bad => "BAD",
            Verdict::Unknown => "-",
        };
        eprintln!("{verdict:<8}{:<20} {}", finding.name, finding.found);
        if finding.verdict != Verdict::Good && !finding.change.is_empty() {
            eprintln!("{:<8}{:<20} -> {}", "", "", finding.change);
        }
    }
    for item in &diagnosis.rt.items {
        let answer = if item.granted { "granted".to_owned() } else { format!("refused: {}", item.detail) };
        eprintln!("asked   {:<20} {:<28} {answer}", item.name, item.asked);
    }
    eprintln!("while measuring: {}", diagnosis.latency.thread);
}
