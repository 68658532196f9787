//! From training to the robot: what is promised across packages.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sinew_firmware_host::allocation::CountingAllocator;
use sinew_firmware_host::hil::{HilOptions, HilReport, Script, run};
use sinew_firmware_host::link::FaultPlan;
use sinew_firmware_host::rt::RtPolicy;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_sim::{Fault, Randomization, Task};
use sinew_trainer::actor::TrainedActor;
use sinew_trainer::config::{Algorithm, TrainingConfig};
use sinew_trainer::proof::prove;
use sinew_trainer::replay::Replay;
use sinew_trainer::training::{Checkpoint, EvaluationPoint, Progress, TrainingObserver, train};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

struct Silent;

impl TrainingObserver for Silent {
    fn on_fault(&mut self, _: u64, fault: &Fault) {
        panic!("a built-in task broke down: {fault:?}");
    }

    fn on_progress(&mut self, _: &Progress) {}
    fn on_evaluation(&mut self, _: &EvaluationPoint) {}
    fn on_checkpoint(&mut self, _: &Checkpoint, _: Option<&Replay>) -> std::io::Result<()> {
        Ok(())
    }
}

/// Trained just long enough to have made some updates.
fn briefly_trained(task: &Task, threads: usize) -> TrainedActor {
    let mut config = TrainingConfig::for_task(task.name(), Algorithm::Sac).unwrap();
    config.training.steps = 1_200;
    config.set("sac.start_steps=800").unwrap();
    config.training.evaluation_interval = 600;
    config.training.evaluation_episodes = 2;
    config.training.threads = threads;
    train(task, &config, &mut Silent).unwrap()
}

fn policy(task: &Task) -> AlignedImage {
    briefly_trained(task, 1).image(task).unwrap()
}

fn options(link: &str, duration_s: f64, lockstep: bool, faults: &str) -> HilOptions {
    HilOptions {
        link: link.parse().unwrap(),
        duration_s,
        seed: 3,
        randomization: Randomization::Acceptance,
        faults: FaultPlan::parse(faults, "faults.toml").unwrap(),
        rt: RtPolicy::Off,
        early_us: 0,
        lockstep,
        rate_hz: None,
        log: None,
        script: Script::default(),
    }
}

/// A socket in the file system that no other test uses.
fn socket(name: &str) -> String {
    let path = std::env::temp_dir().join(format!("sinew-{name}-{}.socket", std::process::id()));
    format!("unix:{}", path.display())
}

const BURST: &str = "[[faults]]\nat_s = 0.5\nduration_s = 0.15\nkind = \"drop\"\n";

#[test]
fn the_same_seed_gives_the_same_file_for_any_number_of_threads() {
    for name in ["pendulum-v1", "pendulum", "quadrotor"] {
        let task = Task::load(name).unwrap();
        let file = |threads| briefly_trained(&task, threads).export(&task).unwrap();
        let one = file(1);
        assert!(one == file(2), "{name}: two threads");
        assert!(one == file(3), "{name}: three threads");
    }
}

#[test]
fn another_engine_computes_the_exported_actions() {
    for name in ["pendulum-v1", "quadrotor"] {
        let task = Task::load(name).unwrap();
        let proof = prove(&briefly_trained(&task, 1).export(&task).unwrap()).unwrap();
        assert!(proof.agrees(), "{name}: {proof:?}");
        assert!(proof.golden_pairs >= 64);
    }
}

#[test]
fn two_lockstep_runs_give_the_same_report() {
    let task = Task::load("quadrotor").unwrap();
    let image = policy(&task);
    for link in ["inproc", "udp:127.0.0.1:0", &socket("lockstep")] {
        let fly = || run(&task, &image, &options(link, 1.0, true, BURST)).unwrap();
        let (first, second) = (fly(), fly());
        assert_eq!(first, second, "{link}");
        assert!(first.ticks >= 100 && first.plant_steps > 100, "{link}: {first:?}");
    }
}

#[test]
fn a_burst_of_lost_frames_is_answered_by_the_safe_action_and_survived() {
    let task = Task::load("quadrotor").unwrap();
    let report = run(&task, &policy(&task), &options("inproc", 1.5, true, BURST)).unwrap();
    assert_eq!((report.faults.len(), report.faults[0].cause.as_str()), (1, "LinkSilent"), "{report:?}");
    let until_s = report.faults[0].until_s.unwrap();
    assert!(report.faults[0].at_s > 0.5 && until_s > 0.65 && until_s < 0.75, "{:?}", report.faults);
    assert_eq!(report.plant_expired, 1);
    assert!(report.injected.dropped > 0 && report.missing_samples > 0);
    assert_eq!((report.outcome.as_str(), report.interventions), ("completed", 0));
}

#[test]
fn damaged_doubled_and_reordered_frames_never_become_commands() {
    let task = Task::load("quadrotor").unwrap();
    let image = policy(&task);
    let fault = |kind: &str| {
        format!("[[faults]]\nat_s = 0.2\nduration_s = 0.4\nkind = \"{kind}\"\nprobability = 0.3\n")
    };
    let fly = |kind: &str| run(&task, &image, &options("inproc", 1.0, true, &fault(kind))).unwrap();
    let corrupted = fly("corrupt");
    assert!(corrupted.injected.corrupted > 0 && corrupted.damaged_frames > 0, "{corrupted:?}");
    let doubled = fly("duplicate");
    assert!(doubled.rejected_samples > 0 && doubled.plant_refused > 0, "{doubled:?}");
    let reordered = fly("reorder");
    assert!(reordered.injected.reordered > 0 && reordered.rejected_samples > 0, "{reordered:?}");
    for report in [corrupted, doubled, reordered] {
        assert_eq!(report.interventions, 0);
    }
}

#[test]
fn a_real_time_tick_allocates_nothing_over_any_link() {
    let task = Task::load("quadrotor").unwrap();
    let image = policy(&task);
    for link in ["udp:127.0.0.1:0", "pty", "inproc", &socket("real-time")] {
        let report: HilReport = run(&task, &image, &options(link, 0.5, false, BURST)).unwrap();
        assert!(report.ticks > 10, "{link}: {report:?}");
        assert_eq!((report.allocations, report.interventions), (0, 0), "{link}");
    }
}

#[test]
fn a_policy_of_another_robot_is_refused_by_name() {
    let (pendulum, quadrotor) = (Task::load("pendulum").unwrap(), Task::load("quadrotor").unwrap());
    let image = policy(&pendulum);
    let error = run(&quadrotor, &image, &options("inproc", 1.0, true, "")).unwrap_err();
    assert!(error.is_unusable());
    assert!(error.to_string().contains("hinge_position"), "{error}");
}

#[test]
fn equations_have_no_plant() {
    let task = Task::load("pendulum-v1").unwrap();
    let error = run(&task, &policy(&task), &options("inproc", 1.0, true, "")).unwrap_err();
    assert!(error.to_string().contains("no robot"), "{error}");
}

#[test]
fn an_exported_file_loads_to_the_image_that_was_evaluated() {
    let task = Task::load("quadrotor").unwrap();
    let actor = briefly_trained(&task, 1);
    let loaded = onnx::load(&actor.export(&task).unwrap()).unwrap();
    assert!(loaded == actor.image(&task).unwrap());
}
