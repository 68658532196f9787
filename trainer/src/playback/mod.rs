//! An episode to look at: recorded once, written as a page or as a log.
//!
//! [`record`] plays one of the episodes that `sinew eval` scores, through the very image that a robot runs, and keeps what
//! was seen in a [`Recording`]. [`html`] writes it as one page that needs nothing else, [`mcap`] as a log for Foxglove; both are
//! the same bytes for the same recording.

mod foxglove;
pub mod html;
pub mod mcap;
mod recording;

pub use recording::{Channel, End, Frame, Goal, Recording, record};

#[cfg(test)]
mod tests;
