//! `sinew inspect`.

use sinew_firmware_host::exit::{Outcome, unusable};
use sinew_policy_runtime::contract::{Contract, History};
use sinew_policy_runtime::image::{Port, Role};
use sinew_policy_runtime::policy_file::load_policy;
use std::path::PathBuf;

/// Show what a policy is, costs and demands of a robot.
#[derive(clap::Args)]
pub(crate) struct Inspect {
    /// policy.onnx or policy.img.
    policy: PathBuf,
}

impl Inspect {
    pub(crate) fn run(self) -> Outcome {
        let image = load_policy(&self.policy).map_err(unusable)?;
        let view = image.image().map_err(unusable)?;
        let cost = view.cost();
        println!(
            "{}: verified, {} golden pairs agree bit for bit",
            self.policy.display(),
            view.golden().len()
        );
        view.inputs().for_each(|port| print_port("input", &port));
        view.outputs().for_each(|port| print_port("output", &port));
        println!(
            "one inference: {} operations, {} multiply-adds and {} other element operations, {} bytes touched",
            cost.operations, cost.multiply_adds, cost.elements, cost.bytes_touched
        );
        println!("memory: {} bytes of weights, {} bytes of scratch", cost.weight_bytes, cost.scratch_bytes);
        match view.contract().map_err(unusable)? {
            Some(contract) => print_contract(&contract),
            None => println!("no contract: it runs, but cannot be matched with a robot"),
        }
        Ok(())
    }
}

fn print_port(side: &str, port: &Port) {
    let role = match port.role {
        Role::Observation => "observation",
        Role::State => "state, carried over",
        Role::Action => "action",
        Role::RawAction => "raw action",
        Role::Other => "not used by a robot",
    };
    println!("{side:<7} {:<18} {:>5} values, {role}", port.name, port.size);
}

fn print_contract(contract: &Contract) {
    let (periods, provenance) = (&contract.periods, &contract.provenance);
    println!("\ntask {}, inference every {} s", contract.task, periods.policy_period_s);
    println!(
        "trained with {} for {} steps, seed {}, Sinew {}",
        provenance.algorithm, provenance.steps, provenance.seed, provenance.version
    );
    println!("\nobservation");
    for term in &contract.observation {
        let history = match term.history {
            History { length: 1, .. } => String::new(),
            History { length, stride, .. } => format!(", {length} samples {stride} periods apart"),
        };
        println!(
            "  {:<18} {:>2} x {:?}, {:?} frame{history}, sensors at most {} s old",
            term.name, term.size, term.unit, term.frame, term.max_age_s
        );
    }
    for command in &contract.commands {
        println!("\ncommand\n  {:<18} {:?} .. {:?}", command.name, command.minimum, command.maximum);
    }
    println!("\naction");
    for action in &contract.actions {
        println!(
            "  {:<18} {:?} {} .. {} {:?}",
            action.name,
            action.mode,
            action.minimum,
            action.maximum,
            action.mode.unit()
        );
    }
    println!("\ntrained under");
    for range in &provenance.randomization {
        println!("  {:<32} {} .. {}", range.term, range.low, range.high);
    }
}
