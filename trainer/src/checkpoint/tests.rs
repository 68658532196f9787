use super::frame::HEADER;
use super::*;
use crate::config::{Algorithm, TrainingConfig};
use crate::training::{EvaluationPoint, Progress, TrainingObserver, train};
use sinew_sim::{Fault, Task};

/// A checkpoint as it was when it was made, and the transitions of its buffer.
type Seen = (Vec<u8>, Vec<f32>);

/// Saves every checkpoint of a run into its folder.
struct Saving<'s> {
    store: CheckpointStore,
    seen: &'s mut Vec<Seen>,
}

impl TrainingObserver for Saving<'_> {
    fn on_progress(&mut self, _: &Progress) {}
    fn on_fault(&mut self, _: u64, fault: &Fault) {
        panic!("{fault:?}");
    }
    fn on_evaluation(&mut self, _: &EvaluationPoint) {}
    fn on_checkpoint(&mut self, checkpoint: &Checkpoint, replay: Option<&Replay>) -> io::Result<()> {
        let replay = replay.unwrap();
        let rows = replay.numbers().flat_map(|number| replay.transition(number).to_vec()).collect();
        self.seen.push((postcard::to_stdvec(checkpoint).unwrap(), rows));
        self.store.save(checkpoint, Some(replay))
    }
}

/// A short run with a replay buffer that wraps, in a folder of its own: the folder and what was saved.
fn saved_run(name: &str, set: &[&str]) -> (RunDirectory, Vec<Seen>) {
    let path = std::env::temp_dir().join(format!("sinew-checkpoints-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    let run = RunDirectory::create(&path).unwrap();
    let task = Task::load("pendulum-v1").unwrap();
    let mut config = TrainingConfig::new(Algorithm::Sac);
    let small = ["training.steps=700", "sac.hidden=[4]", "sac.batch_size=2", "sac.replay_capacity=256"];
    let often = ["training.checkpoint_interval=100", "training.evaluation_interval=0", "sac.start_steps=50"];
    small.iter().chain(&often).chain(set).for_each(|text| config.set(text).unwrap());
    let mut seen = Vec::new();
    let store = CheckpointStore::new(&run, config.training.keep_checkpoints);
    train(&task, &config, &mut Saving { store, seen: &mut seen }).unwrap();
    (run, seen)
}

fn names(run: &RunDirectory) -> Vec<String> {
    let entries = fs::read_dir(run.file("checkpoints")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_checkpoint_and_its_wrapped_buffer_read_back_to_the_same_bytes() {
    let (run, seen) = saved_run("bytes", &[]);
    let (_, saved) = CheckpointStore::resume(&run, 3, |error| panic!("{error}")).unwrap();
    let (bytes, rows) = seen.last().unwrap();
    assert_eq!(saved.checkpoint.steps, 700);
    assert!(postcard::to_stdvec(&saved.checkpoint).unwrap() == *bytes);
    let transitions = saved.transitions.unwrap();
    assert_eq!(transitions.numbers, 444..700);
    assert!(transitions.rows == *rows);
    assert!(postcard::to_stdvec(&load_newest(&run).unwrap()).unwrap() == *bytes);
    fs::remove_dir_all(run.path()).unwrap();
}

#[test]
fn the_newest_are_kept_with_the_segments_that_they_need() {
    let (run, _) = saved_run("kept", &["training.keep_checkpoints=2"]);
    // The older of the two needs transitions 344 to 600.
    let expected = [
        "step-000000000600.ckpt",
        "step-000000000700.ckpt",
        "transitions-000000000300-000000000400.rows",
        "transitions-000000000400-000000000500.rows",
        "transitions-000000000500-000000000600.rows",
        "transitions-000000000600-000000000700.rows",
    ];
    assert_eq!(names(&run), expected);
    fs::remove_dir_all(run.path()).unwrap();
}

#[test]
fn the_best_evaluations_checkpoint_stays_until_a_better_one_comes() {
    let often =
        ["training.evaluation_interval=100", "training.evaluation_episodes=2", "training.keep_checkpoints=1"];
    let (run, _) = saved_run("best", &often);
    let newest = load_newest(&run).unwrap();
    let (best, mean) = newest.best.unwrap();
    // The case is only worth its name while the best is not the newest.
    assert!(best < 700, "the last evaluation is the best one");
    assert!(newest.curve.iter().all(|point| point.return_mean <= mean));
    let expected = [format!("step-{best:012}.ckpt"), "step-000000000700.ckpt".to_owned()];
    let checkpoints: Vec<String> = names(&run).into_iter().filter(|name| name.ends_with("ckpt")).collect();
    assert_eq!(checkpoints, expected);
    let index = read(&run.file(&format!("checkpoints/step-{best:012}.ckpt"))).unwrap().replay.unwrap();
    assert_eq!(index.read(&run).unwrap().numbers.end, best);
    fs::remove_dir_all(run.path()).unwrap();
}

#[test]
fn a_damaged_checkpoint_or_segment_is_told_and_the_one_before_it_taken() {
    let (run, _) = saved_run("damaged", &[]);
    let resumed = |warnings: &mut Vec<String>| {
        let (_, saved) = CheckpointStore::resume(&run, 3, |error| warnings.push(error.to_string())).unwrap();
        saved.checkpoint.steps
    };
    let segment = run.file("checkpoints/transitions-000000000600-000000000700.rows");
    let bytes = fs::read(&segment).unwrap();
    fs::write(&segment, &bytes[..bytes.len() - 4]).unwrap();
    let mut warnings = Vec::new();
    assert_eq!(resumed(&mut warnings), 600);
    assert!(
        warnings[0].contains("000700.rows") && warnings[0].ends_with("truncated or changed"),
        "{warnings:?}"
    );
    fs::write(run.file("checkpoints/step-000000000600.ckpt"), b"SINEWCKP").unwrap();
    let mut warnings = Vec::new();
    assert_eq!(resumed(&mut warnings), 500);
    assert!(warnings[1].contains("000600.ckpt") && warnings[1].ends_with("8 bytes, a header alone has 16"));
    fs::remove_dir_all(run.path()).unwrap();
}

#[test]
fn a_truncated_changed_or_foreign_file_is_refused_for_what_it_is() {
    let (run, _) = saved_run("refused", &["training.steps=60"]);
    let bytes = fs::read(run.file("checkpoints/step-000000000060.ckpt")).unwrap();
    let refusal = |bytes: &[u8]| match decode(bytes, Path::new("a.ckpt")) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(refusal(&bytes), "accepted");
    assert!(refusal(&bytes[..9]).ends_with("9 bytes, a header alone has 16"));
    assert!(refusal(&bytes[..bytes.len() - 1]).ends_with("truncated or changed"));
    assert!(refusal(&[0; 64]).ends_with("it does not begin with SINEWCKP"));
    let mut other = bytes.clone();
    other[8] = 9;
    assert!(refusal(&other).ends_with("version 9, this build reads 6"));
    for index in [12, HEADER, bytes.len() - 1] {
        let mut changed = bytes.clone();
        changed[index] ^= 1;
        assert!(refusal(&changed).ends_with("truncated or changed"), "byte {index}");
    }
    fs::remove_dir_all(run.path()).unwrap();
}
