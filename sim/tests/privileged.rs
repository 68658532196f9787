//! What only the critic sees: the true state at once, and what the episode drew.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

mod support;

use sinew_sim::{Randomization, SimulatedRobot, Task, VecEnv};
use support::term;

/// A pendulum whose policy sees late and noisy samples, and whose critic sees everything.
fn task() -> Task {
    let terms = term("mass", "scale", "[0.5, 1.5]")
        + &term("observation_delay", "add", "0.05")
        + &term("sensor_noise", "set", "0.1")
        + "[privileged]\nrandomization = true\n\n[[privileged.sensors]]\nname = \"true_position\"\n\
           quantity = \"joint_position\"\njoint = \"hinge\"\n\n[[privileged.sensors]]\nname = \"true_effort\"\n\
           quantity = \"joint_effort\"\njoint = \"hinge\"\n";
    Task::load(&support::write("privileged", &support::varied(&support::text("pendulum"), &terms))).unwrap()
}

#[test]
fn the_critic_sees_the_true_state_and_what_was_drawn() {
    let task = task();
    assert_eq!(task.privileged_size(), 2 + 3);
    let mut robot = SimulatedRobot::new(&task, Randomization::Training).unwrap();
    let mut values = [0.0; 5];
    for episode in 0..20 {
        robot.reset(4, 0, episode);
        robot.advance(7);
        robot.reveal(&mut values).unwrap();
        let mass = robot.drawn().next().unwrap().1[0];
        assert_eq!(values[0], robot.truth().joints[0].position as f32);
        assert_eq!(values[1], robot.truth().efforts[0] as f32);
        assert!((f64::from(values[2]) - 2.0 * (mass - 1.0)).abs() < 1e-6, "{values:?} of {mass}");
        // Numbers that are always the same tell nothing.
        assert_eq!(values[3..], [0.0, 0.0]);
    }
    assert!(robot.reveal(&mut [0.0; 4]).is_err());
}

#[test]
fn nothing_privileged_reaches_the_contract_or_the_observation() {
    let (task, plain) = (task(), Task::load("pendulum").unwrap());
    assert_eq!(task.observation_size(), plain.observation_size());
    assert_eq!(task.interface().hash(), plain.interface().hash());
    assert!(task.describe().contains("for the critic alone, 5 values"), "{}", task.describe());
}

#[test]
fn environments_reveal_the_state_before_and_after_a_reset() {
    let task = task();
    let size = task.privileged_size();
    let run = |threads| {
        let mut environments = VecEnv::new(&task, Randomization::Training, 3, 9, threads).unwrap();
        environments.reset().unwrap();
        let (mut rows, mut finished) = (environments.privileged().to_vec(), 0);
        for _ in 0..250 {
            environments.step(&[0.3; 3]).unwrap();
            for (environment, summary) in environments.finished().iter().enumerate() {
                let span = environment * size..(environment + 1) * size;
                let (last, next) =
                    (&environments.final_privileged()[span.clone()], &environments.privileged()[span]);
                let truth = environments.env(environment).unwrap().truth();
                assert_eq!(next[0], truth.joints[0].position as f32);
                assert_eq!(last != next, summary.is_some());
                finished += usize::from(summary.is_some());
            }
            rows.extend_from_slice(environments.privileged());
        }
        assert!(finished > 0);
        rows
    };
    assert_eq!(run(1), run(2));
}

#[test]
fn privileged_sensors_that_make_no_sense_are_refused() {
    let refused = |lines: &str| {
        let text = support::varied(&support::text("pendulum"), lines);
        Task::load(&support::write("privileged-refused", &text)).unwrap_err().to_string()
    };
    let sensor = "[[privileged.sensors]]\nname = \"x\"\nquantity = \"joint_position\"\njoint = \"hinge\"\n";
    let message = refused(&format!("{sensor}errors = {{ noise = 0.1 }}\n"));
    assert!(
        message.contains("privileged sensor \"x\": errors or period_s is present, expected none"),
        "{message}"
    );
    let message = refused(&sensor.replace("hinge", "hing"));
    assert!(message.contains("is \"hing\", expected \"hinge\""), "{message}");
}
