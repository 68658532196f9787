//! Both ends in one process, over bounded lock-free queues of whole frames.
//!
//! [`inproc_pair`] allocates every frame's place at once, so that sending copies bytes and does nothing else.

use super::{Link, LinkError};
use crate::wire::frame::LARGEST_FRAME;
use crossbeam::queue::ArrayQueue;
use std::sync::Arc;

/// Frames in flight each way: far more than a peer leaves unread in a tick.
const CAPACITY: usize = 256;

struct Frame {
    bytes: [u8; LARGEST_FRAME],
    length: usize,
}

struct InprocLink {
    outgoing: Arc<ArrayQueue<Frame>>,
    incoming: Arc<ArrayQueue<Frame>>,
}

/// Two connected ends.
pub fn inproc_pair() -> (Box<dyn Link>, Box<dyn Link>) {
    let (first, second) = (Arc::new(ArrayQueue::new(CAPACITY)), Arc::new(ArrayQueue::new(CAPACITY)));
    let left = InprocLink { outgoing: Arc::clone(&first), incoming: Arc::clone(&second) };
    let right = InprocLink { outgoing: second, incoming: first };
    (Box::new(left), Box::new(right))
}

impl Link for InprocLink {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        let mut copy = Frame { bytes: [0; LARGEST_FRAME], length: frame.len() };
        copy.bytes.get_mut(..frame.len()).ok_or(LinkError::TooLong)?.copy_from_slice(frame);
        self.outgoing.push(copy).map_err(|_| LinkError::Full)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let Some(frame) = self.incoming.pop() else { return Ok(0) };
        let destination = buffer.get_mut(..frame.length).ok_or(LinkError::TooLong)?;
        destination.copy_from_slice(&frame.bytes[..frame.length]);
        Ok(frame.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_in_order_and_a_full_queue_says_so() {
        let (mut left, mut right) = inproc_pair();
        for number in 0..CAPACITY {
            left.send(&[number as u8, 0]).unwrap();
        }
        assert!(matches!(left.send(&[1, 0]), Err(LinkError::Full)));
        let mut buffer = [0; LARGEST_FRAME];
        for number in 0..CAPACITY {
            assert_eq!(right.receive(&mut buffer).unwrap(), 2);
            assert_eq!(buffer[0], number as u8);
        }
        assert_eq!(right.receive(&mut buffer).unwrap(), 0);
    }

    #[test]
    fn both_directions_are_apart_and_a_frame_that_is_too_long_is_refused() {
        let (mut left, mut right) = inproc_pair();
        left.send(&[1, 0]).unwrap();
        right.send(&[2, 2, 0]).unwrap();
        assert!(matches!(left.send(&[1; LARGEST_FRAME + 1]), Err(LinkError::TooLong)));
        let mut buffer = [0; LARGEST_FRAME];
        assert_eq!((right.receive(&mut buffer).unwrap(), buffer[0]), (2, 1));
        assert_eq!((left.receive(&mut buffer).unwrap(), buffer[0]), (3, 2));
    }
}
