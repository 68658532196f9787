//! A robot's link with an operator's beside it, seen by a host as one.
//!
//! What the operator sends travels the same way as what the robot sends, so it is bounded, logged and replayed alike.
//! [`MergedLink`] lets operator's messages alone through, whole, and never inside a frame of the robot's; the operator in turn
//! hears what the host tells the robot, which carries the host's mode and what it has heard of the operator.

use super::{Link, LinkCounters, LinkError};
use crate::wire::frame::LARGEST_FRAME;
use crate::wire::{Decoder, ToHost, encode};

/// Pieces that are taken from the operator's link in one tick; a person sends few.
const PIECES_PER_TICK: u32 = 8;

/// A robot's link and an operator's, seen by a host as one: operator's messages come between the robot's frames.
pub struct MergedLink {
    robot: Box<dyn Link>,
    operator: Box<dyn Link>,
    decoder: Decoder,
    /// Received from the operator and not decoded yet.
    pending: [u8; LARGEST_FRAME],
    pending_range: (usize, usize),
    pieces: u32,
    /// Whether the robot's stream is between two frames.
    between_frames: bool,
}

impl MergedLink {
    /// The host's end of the robot's link, and an end of the operator's.
    pub fn new(robot: Box<dyn Link>, operator: Box<dyn Link>) -> Self {
        Self {
            robot,
            operator,
            decoder: Decoder::default(),
            pending: [0; LARGEST_FRAME],
            pending_range: (0, 0),
            pieces: PIECES_PER_TICK,
            between_frames: true,
        }
    }

    /// The operator's next message, as a frame in `buffer`.
    fn receive_operator(&mut self, buffer: &mut [u8]) -> usize {
        loop {
            let (begin, end) = self.pending_range;
            let (message, rest) = self.decoder.feed::<ToHost>(&self.pending[begin..end]);
            self.pending_range = (end - rest.len(), end);
            let mut frame = [0; LARGEST_FRAME];
            if let Some(message @ ToHost::Operator(_)) = message
                && let Ok(frame) = encode(&message, &mut frame)
                && let Some(place) = buffer.get_mut(..frame.len())
            {
                place.copy_from_slice(frame);
                return frame.len();
            }
            if !rest.is_empty() {
                continue;
            }
            if self.pieces == 0 {
                return 0;
            }
            self.pieces -= 1;
            // An operator whose link fails is silent; the robot's link goes on.
            let length = self.operator.receive(&mut self.pending).unwrap_or(0);
            self.pending_range = (0, length);
            if length == 0 {
                return 0;
            }
        }
    }
}

impl Link for MergedLink {
    fn begin_tick(&mut self) {
        self.pieces = PIECES_PER_TICK;
        self.robot.begin_tick();
        self.operator.begin_tick();
    }

    fn counters(&self) -> LinkCounters {
        self.robot.counters()
    }

    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        // An operator need not listen.
        let _ = self.operator.send(frame);
        self.robot.send(frame)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        if self.between_frames {
            let length = self.receive_operator(buffer);
            if length > 0 {
                return Ok(length);
            }
        }
        let length = self.robot.receive(buffer)?;
        if length > 0 {
            self.between_frames = buffer[length - 1] == 0;
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::inproc_pair;
    use super::*;
    use crate::wire::ToRobot;
    use crate::wire::message::{Header, Operator, Status};
    use sinew_policy_runtime::supervisor::Request;

    fn frame(message: &ToHost) -> Vec<u8> {
        encode(message, &mut [0; LARGEST_FRAME]).unwrap().to_vec()
    }

    fn stop() -> ToHost {
        let goal = heapless::Vec::new();
        ToHost::Operator(Operator {
            session: 1,
            sequence: 1,
            request: Some(Request::Stop),
            valid_for_us: 0,
            goal,
        })
    }

    #[test]
    fn an_operator_is_heard_between_the_robots_frames_and_cannot_play_the_robot() {
        let (host_robot, mut robot) = inproc_pair();
        let (host_operator, mut operator) = inproc_pair();
        let mut merged = MergedLink::new(host_robot, host_operator);
        let status = frame(&ToHost::Status(Status::default()));
        let (head, tail) = status.split_at(5);
        robot.send(head).unwrap();
        let mut buffer = [0; LARGEST_FRAME];
        assert_eq!(merged.receive(&mut buffer).unwrap(), head.len());
        // In the middle of a frame the operator waits.
        operator.send(&status).unwrap();
        operator.send(&[7, 7, 0]).unwrap();
        operator.send(&frame(&stop())).unwrap();
        robot.send(tail).unwrap();
        assert_eq!(merged.receive(&mut buffer).unwrap(), tail.len());
        let length = merged.receive(&mut buffer).unwrap();
        assert_eq!(buffer[..length], frame(&stop()));
        assert_eq!(merged.receive(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn an_operator_hears_what_the_host_says_and_a_flood_of_his_is_bounded() {
        let (host_robot, mut robot) = inproc_pair();
        let (host_operator, mut operator) = inproc_pair();
        let mut merged = MergedLink::new(host_robot, host_operator);
        let mut heartbeat = [0; LARGEST_FRAME];
        let heartbeat = encode(&ToRobot::Heartbeat(Header::default()), &mut heartbeat).unwrap();
        merged.send(heartbeat).unwrap();
        let mut buffer = [0; LARGEST_FRAME];
        for end in [&mut robot, &mut operator] {
            assert_eq!(end.receive(&mut buffer).unwrap(), heartbeat.len());
        }
        for _ in 0..100 {
            operator.send(&frame(&stop())).unwrap();
        }
        for _ in 0..2 {
            merged.begin_tick();
            let heard = std::iter::repeat_with(|| merged.receive(&mut buffer).unwrap());
            assert_eq!(heard.take_while(|length| *length > 0).count(), PIECES_PER_TICK as usize);
        }
    }
}
