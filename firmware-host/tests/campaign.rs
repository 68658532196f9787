//! The built-in campaign passes, with logs that name every cause and replay.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod untrained;

use sinew_firmware_host::hil::campaign::{Campaign, CampaignOptions};
use sinew_firmware_host::telemetry::replay;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::supervisor::Transition;
use sinew_sim::Task;
use std::path::Path;

/// All changes of mode that a log tells of.
fn logged_changes(log: &Path) -> Vec<Transition> {
    let bytes = std::fs::read(log).unwrap();
    let ticks = mcap::MessageStream::new(&bytes).unwrap().map(Result::unwrap);
    let ticks = ticks.filter(|message| message.channel.topic == "/tick");
    let change = |message: mcap::Message| {
        let tick: serde_json::Value = serde_json::from_slice(&message.data).unwrap();
        serde_json::from_value::<Option<Transition>>(tick["transition"].clone()).unwrap()
    };
    ticks.filter_map(change).collect()
}

#[test]
fn every_case_ends_as_expected_and_its_log_names_the_causes_and_replays() {
    let task = Task::load("quadrotor").unwrap();
    let image = onnx::load(&untrained::policy(&task)).unwrap();
    let folder = std::env::temp_dir().join(format!("sinew-campaign-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let campaign = Campaign::load("quadrotor").unwrap();
    let link = "inproc".parse().unwrap();
    let options = CampaignOptions { link, rate_hz: None, logs: Some(folder.clone()) };
    let report = campaign.run(&task, &image, &options, |_| ()).unwrap();
    let problems: Vec<_> = report.cases.iter().filter(|case| !case.problems.is_empty()).collect();
    assert!(problems.is_empty() && report.failed == 0, "{problems:#?}");
    assert!(report.cases.len() >= 40);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), report.cases.len(), "one log for each case");
    for case in &report.cases {
        let name: String = case
            .name
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
            .collect();
        let log = folder.join(name.to_ascii_lowercase()).with_extension("mcap");
        // The first is the arming, which the report leaves out.
        let logged: Vec<_> =
            logged_changes(&log)[1..].iter().map(|change| (change.to, change.cause)).collect();
        let reported: Vec<_> = case.changes.iter().map(|(_, mode, cause)| (*mode, *cause)).collect();
        assert_eq!(logged, reported, "{}", case.name);
        let found = replay(&log, &image).unwrap();
        assert_eq!((&found.difference, found.unverified), (&None, 0), "{}", case.name);
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_does_not_happen_as_expected_fails_its_case() {
    let task = Task::load("quadrotor").unwrap();
    let image = onnx::load(&untrained::policy(&task)).unwrap();
    let text = "
[[cases]]
name = \"expected in vain\"
duration_s = 1.0
expect = [{ mode = \"stopped\", cause = \"bad_sensor\", after_s = 0.5, within_s = 0.1 }]
[[cases]]
name = \"a sensor of another robot\"
sensors = [{ at_s = 0.5, duration_s = 0.1, sensor = \"gyro\", kind = \"nan\" }]
";
    let campaign = Campaign::parse(text, "mine.toml").unwrap();
    let options = CampaignOptions { link: "inproc".parse().unwrap(), rate_hz: None, logs: None };
    let mut told = Vec::new();
    let error = campaign.run(&task, &image, &options, |case| told.push(case.clone())).unwrap_err();
    assert_eq!(told[0].problems, ["Stopped (BadSensor) never came"]);
    assert_eq!(
        error.to_string(),
        "mine.toml: case \"a sensor of another robot\": sensors: sensor \"gyro\" is not of this robot; known: position, velocity, orientation, angular_velocity"
    );
}
