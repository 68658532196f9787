//! `sinew-host plant`.

use super::run::print_counters;
use anyhow::anyhow;
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_firmware_host::link::{LinkAddress, Traffic, fresh_nonce, open_robot_end, read_key};
use sinew_firmware_host::plant::{Plant, run_in_real_time};
use sinew_firmware_host::rt::separate_cores;
use sinew_sim::{Randomization, Task};
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Play a task's simulated robot behind a link, in real time, until stdin ends or says `quit`.
#[derive(clap::Args)]
pub(crate) struct PlantCommand {
    /// A built-in task, or the path of a task.toml.
    task: String,
    /// udp:HOST:PORT (binds), serial:DEVICE@BAUD, unix:PATH (listens) or pty (prints its path).
    #[arg(long)]
    link: LinkAddress,
    /// The secret shared with the host: authenticates datagrams, which without it stay on loopback.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Decides start state, draws and noise.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl PlantCommand {
    pub(crate) fn run(self) -> Outcome {
        let task = Task::load(&self.task).map_err(unusable)?;
        let plant = Plant::new(&task, Randomization::Acceptance, self.seed).map_err(unusable)?;
        let random = fresh_nonce().map_err(unusable)?;
        let boot = random.iter().take(4).fold(0, |boot, byte| boot << 8 | u32::from(*byte));
        let plant = plant.with_boot(boot);
        let key = self.key.as_deref().map(read_key).transpose().map_err(unusable)?;
        let physics_hz = 1.0 / plant.physics_period_s();
        let traffic = Traffic::new(&task.interface(), 1.0 / task.policy_period_s(), physics_hz);
        let (mut link, address) = open_robot_end(&self.link, key, &traffic, physics_hz).map_err(unusable)?;
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
        print_counters(&link.counters());
        eprintln!(
            "{} physics steps, {} late; {} commands refused, {} expired",
            report.steps, report.late, report.refused, report.expired
        );
        Ok(())
    }
}
