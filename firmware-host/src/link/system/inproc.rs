//! Both ends in one process, over bounded lock-free queues of bytes.
//!
//! [`inproc_pair`] allocates them at once, so that sending copies a frame and does nothing else. A frame lies behind its length,
//! and both become visible together, so none arrives in pieces.

use super::{Link, LinkError};
use crate::wire::frame::LARGEST_FRAME;
use rtrb::{Consumer, Producer, RingBuffer};

/// Of a frame's length.
const LENGTH_BYTES: usize = 2;
/// In flight each way: 256 of the longest frames, far more than a peer leaves unread in a tick.
const CAPACITY: usize = 256 * (LENGTH_BYTES + LARGEST_FRAME);

struct InprocLink {
    outgoing: Producer<u8>,
    incoming: Consumer<u8>,
}

/// Two connected ends.
pub fn inproc_pair() -> (Box<dyn Link>, Box<dyn Link>) {
    let (to_right, from_left) = RingBuffer::new(CAPACITY);
    let (to_left, from_right) = RingBuffer::new(CAPACITY);
    let left = InprocLink { outgoing: to_right, incoming: from_right };
    let right = InprocLink { outgoing: to_left, incoming: from_left };
    (Box::new(left), Box::new(right))
}

impl Link for InprocLink {
    fn send(&mut self, frame: &[u8]) -> Result<(), LinkError> {
        if frame.len() > LARGEST_FRAME {
            return Err(LinkError::TooLong);
        }
        // No frame is longer than two bytes can say.
        let length = (frame.len() as u16).to_le_bytes();
        let place = self.outgoing.write_chunk_uninit(LENGTH_BYTES + frame.len());
        place.map_err(|_| LinkError::Full)?.fill_from_iter(length.into_iter().chain(frame.iter().copied()));
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, LinkError> {
        let mut length = [0; LENGTH_BYTES];
        if self.incoming.pop_entire_slice(&mut length).is_err() {
            return Ok(0);
        }
        let length = usize::from(u16::from_le_bytes(length));
        let frame = self.incoming.read_chunk(length).map_err(|_| LinkError::Lost)?;
        let (first, rest) = frame.as_slices();
        let copied = buffer.get_mut(..length).map(|destination| {
            let (begin, end) = destination.split_at_mut(first.len());
            begin.copy_from_slice(first);
            end.copy_from_slice(rest);
        });
        frame.commit_all();
        copied.map_or(Err(LinkError::TooLong), |()| Ok(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_arrive_in_order_and_a_full_queue_says_so() {
        let (mut left, mut right) = inproc_pair();
        let frame = |number: usize| [number as u8; LARGEST_FRAME];
        for number in 0..256 {
            left.send(&frame(number)).unwrap();
        }
        assert!(matches!(left.send(&[1, 0]), Err(LinkError::Full)));
        let mut buffer = [0; LARGEST_FRAME];
        for number in 0..256 {
            assert_eq!(right.receive(&mut buffer).unwrap(), LARGEST_FRAME);
            assert_eq!(buffer, frame(number));
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
    #[test]
    fn a_frame_that_finds_no_room_is_lost_and_the_next_one_is_whole() {
        let (mut left, mut right) = inproc_pair();
        left.send(&[3, 3, 3, 0]).unwrap();
        left.send(&[4, 0]).unwrap();
        let mut buffer = [0; 3];
        assert!(matches!(right.receive(&mut buffer), Err(LinkError::TooLong)));
        assert_eq!((right.receive(&mut buffer).unwrap(), buffer[0]), (2, 4));
        assert_eq!(right.receive(&mut buffer).unwrap(), 0);
    }
}
