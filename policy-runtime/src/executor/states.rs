//! What a recurrent policy remembers, as one slice: so that it can be kept, compared and put back.
//!
//! States lie in scratch, one behind the other as an image has placed them. The slice reaches from the first to the last, and
//! holds what lies between them too: it is taken and put back without a copy in between, which a tick could not afford.

use super::Executor;
use crate::image::Role;
use core::ops::Range;

impl<S: AsRef<[f32]> + AsMut<[f32]>> Executor<'_, S> {
    /// All states, from the first to the last; empty where the policy remembers nothing.
    pub fn states(&self) -> &[f32] {
        self.scratch.as_ref().get(self.place_of_states()).unwrap_or_default()
    }

    /// Goes on from the [`Self::states`] of an executor of the same image; false where they are of another, and nothing is
    /// changed.
    pub fn restore_states(&mut self, states: &[f32]) -> bool {
        let place = self.place_of_states();
        match self.scratch.as_mut().get_mut(place) {
            Some(own) if own.len() == states.len() => {
                own.iter_mut().zip(states).for_each(|(own, state)| *own = *state);
                true
            }
            _ => false,
        }
    }

    fn place_of_states(&self) -> Range<usize> {
        let states = self.image.inputs().filter(|input| input.role == Role::State);
        let places = states.map(|state| state.place());
        places.reduce(|all, next| all.start.min(next.start)..all.end.max(next.end)).unwrap_or(0..0)
    }
}
