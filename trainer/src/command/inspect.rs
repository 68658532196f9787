//! `sinew inspect`.

use sinew_firmware_host::exit::{Outcome, failed, print, unusable};
use sinew_policy_runtime::contract::{Contract, History};
use sinew_policy_runtime::image::{Image, Port, Role};
use sinew_policy_runtime::policy_file::load_policy;
use std::fmt::{self, Write};
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
        let contract = view.contract().map_err(unusable)?;
        let mut text = String::new();
        self.describe(&view, contract.as_ref(), &mut text).map_err(failed)?;
        print(&text)
    }

    fn describe(&self, view: &Image, contract: Option<&Contract>, text: &mut String) -> fmt::Result {
        let cost = view.cost();
        let golden = view.golden().len();
        writeln!(text, "{}: verified, {golden} golden pairs agree bit for bit", self.policy.display())?;
        view.inputs().try_for_each(|port| describe_port("input", &port, text))?;
        view.outputs().try_for_each(|port| describe_port("output", &port, text))?;
        writeln!(
            text,
            "one inference: {} operations, {} multiply-adds and {} other element operations, {} bytes touched",
            cost.operations, cost.multiply_adds, cost.elements, cost.bytes_touched
        )?;
        writeln!(
            text,
            "memory: {} bytes of weights, {} bytes of scratch",
            cost.weight_bytes, cost.scratch_bytes
        )?;
        match contract {
            Some(contract) => describe_contract(contract, text),
            None => writeln!(text, "no contract: it runs, but cannot be matched with a robot"),
        }
    }
}

fn describe_port(side: &str, port: &Port, text: &mut String) -> fmt::Result {
    let role = match port.role {
        Role::Observation => "observation",
        Role::State => "state, carried over",
        Role::Action => "action",
        Role::RawAction => "raw action",
        Role::Other => "not used by a robot",
    };
    writeln!(text, "{side:<7} {:<18} {:>5} values, {role}", port.name, port.size)
}

fn describe_contract(contract: &Contract, text: &mut String) -> fmt::Result {
    let (periods, provenance) = (&contract.periods, &contract.provenance);
    writeln!(text, "\ntask {}, inference every {} s", contract.task, periods.policy_period_s)?;
    writeln!(
        text,
        "trained with {} for {} steps, seed {}, Sinew {}",
        provenance.algorithm, provenance.steps, provenance.seed, provenance.version
    )?;
    writeln!(text, "\nobservation")?;
    for term in &contract.observation {
        let history = match term.history {
            History { length: 1, .. } => String::new(),
            History { length, stride, .. } => format!(", {length} samples {stride} periods apart"),
        };
        writeln!(
            text,
            "  {:<18} {:>2} x {:?}, {:?} frame{history}, sensors at most {} s old",
            term.name, term.size, term.unit, term.frame, term.max_age_s
        )?;
    }
    for command in &contract.commands {
        writeln!(text, "\ncommand\n  {:<18} {:?} .. {:?}", command.name, command.minimum, command.maximum)?;
    }
    writeln!(text, "\naction")?;
    for action in &contract.actions {
        writeln!(
            text,
            "  {:<18} {:?} {} .. {} {:?}",
            action.name,
            action.mode,
            action.minimum,
            action.maximum,
            action.mode.unit()
        )?;
    }
    writeln!(text, "\ntrained under")?;
    for range in &provenance.randomization {
        writeln!(text, "  {:<32} {} .. {}", range.term, range.low, range.high)?;
    }
    Ok(())
}
