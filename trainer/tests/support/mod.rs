//! What several tests of whole runs share.

use sinew_sim::Fault;
use sinew_trainer::replay::Replay;
use sinew_trainer::training::{
    Checkpoint, EvaluationPoint, Progress, SavedRun, SavedTransitions, TrainingObserver,
};

/// Keeps every checkpoint, with the transitions that it was made with.
#[derive(Default)]
pub(crate) struct Checkpoints(pub(crate) Vec<SavedRun>);

impl TrainingObserver for Checkpoints {
    fn on_progress(&mut self, _: &Progress) {}
    fn on_fault(&mut self, _: u64, _: &Fault) {}
    fn on_evaluation(&mut self, _: &EvaluationPoint) {}
    fn on_checkpoint(&mut self, checkpoint: &Checkpoint, replay: Option<&Replay>) -> std::io::Result<()> {
        let transitions = replay.map(|replay| SavedTransitions {
            numbers: replay.numbers(),
            rows: replay.numbers().flat_map(|number| replay.transition(number)).copied().collect(),
        });
        self.0.push(SavedRun { checkpoint: checkpoint.clone(), transitions });
        Ok(())
    }
}

/// A checkpoint without the replay buffer.
pub(crate) fn bytes(checkpoint: &Checkpoint) -> Vec<u8> {
    postcard::to_stdvec(checkpoint).unwrap()
}
