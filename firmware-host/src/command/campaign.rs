//! `sinew-host hil --campaign`.

use super::hil::told_comparison;
use anyhow::anyhow;
use sinew_firmware_host::exit::{Outcome, failed, unusable};
use sinew_firmware_host::hil::Microcontroller;
use sinew_firmware_host::hil::campaign::{Campaign, CampaignOptions, CaseReport};
use sinew_policy_runtime::image::AlignedImage;
use sinew_sim::Task;
use std::path::Path;

/// Flies a campaign, prints its table, and writes XML for CI services where it is asked for.
pub(crate) fn run(
    name: &str,
    microcontroller: Option<&mut Microcontroller>,
    task: &Task,
    image: &AlignedImage,
    options: &CampaignOptions,
    junit: Option<&Path>,
    json: bool,
) -> Outcome {
    let campaign = Campaign::load(name).map_err(unusable)?;
    if let Some(folder) = &options.logs {
        std::fs::create_dir_all(folder)
            .map_err(|error| unusable(anyhow!("cannot make the folder {}: {error}", folder.display())))?;
    }
    let report = campaign
        .run_on(microcontroller, task, image, options, tell)
        .map_err(|error| if error.is_unusable() { unusable(error) } else { failed(error) })?;
    if let Some(path) = junit {
        std::fs::write(path, report.junit(name))
            .map_err(|error| failed(anyhow!("cannot write {}: {error}", path.display())))?;
    }
    let compared = || report.cases.iter().filter_map(|case| case.microcontroller.as_ref());
    if compared().next().is_some() {
        let (commands, frames, differ) = compared().fold((0, 0, 0), |(commands, frames, differ), found| {
            (commands + found.same_commands, frames + found.same_frames, differ + found.different_ticks)
        });
        eprintln!("{}", told_comparison(commands, frames, differ));
    }
    let total = report.cases.len();
    eprintln!("{} of {total} cases passed", total - report.failed);
    if !report.skipped.is_empty() {
        let skipped = report.skipped.len();
        eprintln!("{skipped} cases skipped, whose supervision is not the one in the microcontroller's flash");
    }
    if json {
        println!("{}", serde_json::to_string(&report).map_err(failed)?);
    }
    if report.failed == 0 {
        Ok(())
    } else {
        Err(failed(anyhow!("{} of {total} cases failed", report.failed)))
    }
}

fn tell(case: &CaseReport) {
    let verdict = if case.problems.is_empty() { "pass" } else { "FAIL" };
    let changes: Vec<String> = case
        .changes
        .iter()
        .map(|(at_s, mode, cause)| match cause {
            Some(cause) => format!("{mode:?} ({cause:?}) at {at_s:.2} s"),
            None => format!("{mode:?} at {at_s:.2} s"),
        })
        .collect();
    eprintln!("{verdict}  {:<58} {}", case.name, changes.join(", "));
    for problem in &case.problems {
        eprintln!("      {problem}");
    }
}
