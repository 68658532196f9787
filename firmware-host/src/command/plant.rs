//! `sinew-host plant`.

use anyhow::anyhow;
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_firmware_host::link::{Link, LinkAddress, PtyLink, UdpLink};
use sinew_firmware_host::plant::{Plant, run_in_real_time};
use sinew_firmware_host::rt::separate_cores;
use sinew_sim::{Randomization, Task};
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering};

/// Play a task's simulated robot behind a link, in real time, until stdin ends or says `quit`.
#[derive(clap::Args)]
pub(crate) struct PlantCommand {
    /// A built-in task, or the path of a task.toml.
    task: String,
    /// udp:HOST:PORT (binds) or pty (prints its path).
    #[arg(long)]
    link: LinkAddress,
    /// Decides start state, draws and noise.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl PlantCommand {
    pub(crate) fn run(self) -> Outcome {
        let task = Task::load(&self.task).map_err(unusable)?;
        let plant = Plant::new(&task, Randomization::Acceptance, self.seed).map_err(unusable)?;
        let (mut link, address): (Box<dyn Link>, String) = match &self.link {
            LinkAddress::Udp(address) => {
                let link = UdpLink::bind(*address).map_err(unusable)?;
                let bound = link.address().map_err(unusable)?;
                (Box::new(link), LinkAddress::Udp(bound).to_string())
            }
            LinkAddress::Pty(None) => {
                let (link, path) = PtyLink::open().map_err(unusable)?;
                (Box::new(link), format!("pty:{path}"))
            }
            other => {
                return Err(unusable(anyhow!(
                    "a plant of its own process listens on udp:HOST:PORT or pty, not on {other}"
                )));
            }
        };
        println!("{address}");
        let stop = AtomicBool::new(false);
        let core = separate_cores().map(|[_, plant]| plant);
        let report = std::thread::scope(|scope| {
            let plant = scope.spawn(|| run_in_real_time(plant, &mut *link, core, &stop));
            for line in std::io::stdin().lock().lines().map_while(Result::ok) {
                if line.trim() == "quit" {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
            plant.join()
        });
        let report = report.map_err(|_| failed(anyhow!("the plant panicked")))?.map_err(failed)?;
        eprintln!(
            "{} physics steps, {} late; {} commands refused, {} expired",
            report.steps, report.late, report.refused, report.expired
        );
        Ok(())
    }
}
