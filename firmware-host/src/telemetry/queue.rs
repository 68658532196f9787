//! From the real-time thread to the writer: records in fixed slots, one producer, one consumer, nobody waits.
//!
//! A record takes as many consecutive slots as it needs, all or none. The ring is wait-free on both sides (`rtrb`): a
//! consumer that is preempted in its middle can never make the real-time thread spin, which a queue for many producers does.

use rtrb::{Consumer, Producer, RingBuffer};

/// A tick's typical record fits one slot or two.
const SLOT_BYTES: usize = 256;
/// A record's own length stands before it.
pub(super) const LENGTH_BYTES: usize = 4;

type Slot = [u8; SLOT_BYTES];

/// The real-time thread's end.
pub(super) struct Sender {
    producer: Producer<Slot>,
}

/// The writer's end.
pub(super) struct Receiver {
    consumer: Consumer<Slot>,
}

/// A queue of `slots` slots, whose memory has been touched.
pub(super) fn queue(slots: usize) -> (Sender, Receiver) {
    let (mut producer, mut consumer) = RingBuffer::new(slots);
    // One lap through every slot, so that no tick is the first to use a page.
    while producer.push([1; SLOT_BYTES]).is_ok() {}
    while consumer.pop().is_ok() {}
    (Sender { producer }, Receiver { consumer })
}

impl Sender {
    /// Takes a record, whose first [`LENGTH_BYTES`] are overwritten; false where it does not fit. Allocates nothing, and never waits.
    pub(super) fn push(&mut self, record: &mut [u8]) -> bool {
        let length = record.len() as u32;
        let Some(place) = record.first_chunk_mut() else { return false };
        *place = length.to_le_bytes();
        let slots = record.len().div_ceil(SLOT_BYTES);
        let Ok(chunk) = self.producer.write_chunk_uninit(slots) else { return false };
        chunk.fill_from_iter(record.chunks(SLOT_BYTES).map(|piece| {
            let mut slot = [0; SLOT_BYTES];
            slot[..piece.len()].copy_from_slice(piece);
            slot
        }));
        true
    }

    /// Whether at least half of the queue is free.
    pub(super) fn is_half_free(&mut self) -> bool {
        2 * self.producer.slots() >= self.producer.buffer().capacity()
    }

    /// Whether nobody will ever take anything out again.
    pub(super) fn is_abandoned(&self) -> bool {
        self.producer.is_abandoned()
    }
}

impl Receiver {
    /// Moves the oldest record's content into `record`; false where there is none.
    pub(super) fn pop(&mut self, record: &mut Vec<u8>) -> bool {
        record.clear();
        let Some(Ok(length)) =
            self.consumer.peek().ok().map(|slot| <[u8; 4]>::try_from(&slot[..LENGTH_BYTES]))
        else {
            return false;
        };
        let length = u32::from_le_bytes(length) as usize;
        // The producer commits whole records, so all of its slots are there.
        let Ok(chunk) = self.consumer.read_chunk(length.div_ceil(SLOT_BYTES)) else { return false };
        for slot in chunk {
            record.extend_from_slice(&slot);
        }
        record.truncate(length);
        record.drain(..LENGTH_BYTES.min(length));
        true
    }

    /// Whether nobody will ever put anything in again; what is in it can still be taken.
    pub(super) fn is_abandoned(&self) -> bool {
        self.consumer.is_abandoned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: &[u8]) -> Vec<u8> {
        [&[0; LENGTH_BYTES], content].concat()
    }

    #[test]
    fn records_of_any_length_come_out_whole_and_in_order() {
        let (mut sender, mut receiver) = queue(64);
        let mut out = Vec::new();
        for round in 0..50_usize {
            let lengths = [round * 7 % 900, 0, 252, 253];
            for length in lengths {
                assert!(sender.push(&mut record(&vec![round as u8; length])));
            }
            for length in lengths {
                assert!(receiver.pop(&mut out));
                assert_eq!(out, vec![round as u8; length], "round {round}");
            }
            assert!(!receiver.pop(&mut out));
        }
    }

    #[test]
    fn a_full_queue_refuses_whole_records_and_recovers() {
        let (mut sender, mut receiver) = queue(8);
        assert!((0..8).all(|number| sender.push(&mut record(&[number]))));
        assert!(!sender.push(&mut record(&[8])) && !sender.is_half_free());
        let mut out = Vec::new();
        assert!(receiver.pop(&mut out) && out == [0]);
        assert!(!sender.push(&mut record(&[9; 300])), "one slot is free, two are needed");
        assert!(sender.push(&mut record(&[9])));
        let mut newest = Vec::new();
        while receiver.pop(&mut out) {
            newest.clone_from(&out);
        }
        assert_eq!(newest, [9]);
        assert!(sender.is_half_free());
    }

    #[test]
    fn two_threads_lose_nothing_that_was_accepted() {
        let (mut sender, mut receiver) = queue(32);
        let producer = std::thread::spawn(move || {
            (0..20_000_u32)
                .filter(|number| sender.push(&mut record(&number.to_le_bytes().repeat(40))))
                .collect::<Vec<_>>()
        });
        let (mut out, mut found) = (Vec::new(), Vec::new());
        loop {
            let ended = receiver.is_abandoned();
            while receiver.pop(&mut out) {
                assert_eq!(out.len(), 160);
                found.push(u32::from_le_bytes(out[..4].try_into().unwrap()));
            }
            if ended {
                break;
            }
            std::thread::yield_now();
        }
        assert_eq!(found, producer.join().unwrap());
    }
}
