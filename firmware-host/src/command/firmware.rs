//! `sinew-host firmware`.

use anyhow::anyhow;
use sinew_firmware_host::exit::{Failure, Outcome, failed, unusable};
#[cfg(feature = "sim")]
use sinew_firmware_host::hil;
use sinew_firmware_host::host::{Host, HostOptions, Settings};
use sinew_firmware_host::release::load_policy;
use sinew_firmware_host::robot::Robot;
use sinew_policy_runtime::contract::Contract;
#[cfg(feature = "sim")]
use sinew_sim::Task;
use std::path::PathBuf;

/// Write what a microcontroller that hosts a robot has in its flash: policy.img and settings.bin.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("of").required(true))]
pub(crate) struct Firmware {
    /// policy.onnx or policy.img.
    policy: PathBuf,
    /// The robot's description: robot.toml.
    #[arg(long, value_name = "robot.toml", group = "of")]
    robot: Option<String>,
    /// A task whose simulated robot is to be flown: built in, or the path of a task.toml.
    #[cfg(feature = "sim")]
    #[arg(long, group = "of")]
    task: Option<String>,
    /// Write only a policy whose signature beside it, POLICY.sig, fits this public key.
    #[arg(long, value_name = "KEY.pub")]
    require_signature: Option<PathBuf>,
    /// Ticks a second; the policy's own rate unless given.
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,
    /// The folder; it is made where it is missing.
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Firmware {
    pub(crate) fn run(self) -> Outcome {
        let image = load_policy(&self.policy, self.require_signature.as_deref()).map_err(unusable)?;
        let view = image.image().map_err(unusable)?;
        let contract = view
            .contract()
            .map_err(unusable)?
            .ok_or_else(|| unusable(anyhow!("{} has no contract", self.policy.display())))?;
        let (robot, options) = self.robot_and_options(&contract)?;
        // What does not belong together is refused here rather than by the microcontroller, which has no words for it.
        Host::new(view, &contract, &robot, options.clone()).map_err(unusable)?;
        let settings = Settings::new(&robot, &contract, options).map_err(unusable)?;
        let settings = settings.to_bytes().map_err(failed)?;
        std::fs::create_dir_all(&self.out)
            .map_err(|error| unusable(anyhow!("cannot make the folder {}: {error}", self.out.display())))?;
        for (name, bytes) in [("policy.img", image.as_bytes()), ("settings.bin", &settings[..])] {
            let path = self.out.join(name);
            std::fs::write(&path, bytes)
                .map_err(|error| failed(anyhow!("cannot write {}: {error}", path.display())))?;
            eprintln!("{}: {} bytes", path.display(), bytes.len());
        }
        Ok(())
    }

    /// For a robot as `sinew-host run` would host it, for a task as `sinew-host hil` would.
    fn robot_and_options(&self, contract: &Contract) -> Result<(Robot, HostOptions), Failure> {
        #[cfg(feature = "sim")]
        if let Some(task) = &self.task {
            let task = Task::load(task).map_err(unusable)?;
            let options = hil::host_options(&task, contract, self.rate, 0).map_err(unusable)?;
            return Ok((Robot::of_task(&task), options));
        }
        let path = self.robot.as_deref().ok_or_else(|| unusable(anyhow!("--robot or --task is missing")))?;
        let robot = Robot::load(path).map_err(unusable)?;
        let options = HostOptions {
            session: 0,
            tick_period_s: self.rate.map_or(contract.periods.policy_period_s, |rate| 1.0 / rate),
            goal: contract.commands.iter().flat_map(|command| command.safe_value.iter().copied()).collect(),
            limits: robot.limits(),
        };
        Ok((robot, options))
    }
}
