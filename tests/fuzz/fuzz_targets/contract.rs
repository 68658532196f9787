//! A contract of any bytes, as an image holds it or as JSON: it is refused, or valid, and what is valid survives both forms and
//! builds an observation and a command.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sinew_policy_runtime::action::ActionMap;
use sinew_policy_runtime::contract::Contract;
use sinew_policy_runtime::interface::Interface;
use sinew_policy_runtime::observation::{ObservationBuilder, SensorFrame};

/// Beyond it a history is only slow.
const MOST_VALUES: usize = 1 << 16;

fuzz_target!(|input: &[u8]| {
    if let Ok(contract) = postcard::from_bytes::<Contract>(input) {
        use_contract(&contract);
    }
    if let Ok(contract) = serde_json::from_slice::<Contract>(input) {
        use_contract(&contract);
    }
});

fn use_contract(contract: &Contract) {
    if contract.validate().is_err() {
        return;
    }
    let encoded = postcard::to_stdvec(contract).expect("it fits");
    assert_eq!(postcard::from_bytes::<Contract>(&encoded).as_ref(), Ok(contract));
    let text = serde_json::to_string(contract).expect("it has no maps");
    // JSON has no numbers that are not finite; a valid contract may hold none where they would count.
    if let Ok(read) = serde_json::from_str::<Contract>(&text) {
        assert_eq!(read.observation_size(), contract.observation_size());
    }
    let mut robot = Interface { sensors: contract.sensors.clone(), actuators: contract.actions.clone() };
    let _ = contract.matches(&robot);
    let size = contract.observation_size();
    let history = ObservationBuilder::<Vec<f32>>::storage_len(contract);
    if size > MOST_VALUES || history > MOST_VALUES || robot.sample_size() > MOST_VALUES {
        return;
    }
    let mut builder = ObservationBuilder::new(contract, &robot, vec![0.0; history]).expect("its own robot");
    let (values, ages) = (vec![0.5; robot.sample_size()], vec![0; robot.sensors.len()]);
    let frame = SensorFrame { values: &values, ages_us: &ages };
    let (command, previous) = (vec![0.0; contract.command_size()], vec![0.0; contract.action_size()]);
    let mut observation = vec![f32::NAN; size];
    for _ in 0..3 {
        if builder.observe(&frame, &command, &previous, &mut observation).is_ok() {
            assert!(observation.iter().all(|value| !value.is_nan()));
        }
    }
    let mut actions = ActionMap::new(contract, &robot).expect("its own robot");
    let mut setpoints = vec![0.0; contract.action_size()];
    actions.apply(&vec![0.25; contract.action_size()], &mut setpoints).expect("as many as there are");
    robot.sensors.clear();
    assert!(contract.sensors.is_empty() || contract.matches(&robot).is_err());
}
