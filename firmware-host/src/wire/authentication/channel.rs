//! Frames between two ends that have proved themselves: encrypted, authenticated, counted.
//!
//! A [`Channel`] has one key for each direction. Its counters are the nonces, never repeat and never go back: a datagram that
//! was overtaken is lost, as if it had been dropped on its way, because what it says is older than what is known.

use super::{OVERHEAD_BYTES, Rejected, kind};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit};
use core::fmt;

/// Type and counter, which are authenticated and not encrypted.
const HEAD_BYTES: usize = 1 + 8;
const TAG_BYTES: usize = 16;

/// One end of an encrypted, authenticated and counted exchange of frames, as a handshake opens it.
#[derive(Clone)]
pub struct Channel {
    outgoing: ChaCha20Poly1305,
    incoming: ChaCha20Poly1305,
    sent: u64,
    received: u64,
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, received, .. } = self;
        write!(formatter, "Channel {{ sent: {sent}, received: {received}, .. }}")
    }
}

impl Channel {
    pub(super) fn new(outgoing: &[u8; 32], incoming: &[u8; 32]) -> Self {
        Self {
            outgoing: ChaCha20Poly1305::new(outgoing.into()),
            incoming: ChaCha20Poly1305::new(incoming.into()),
            sent: 0,
            received: 0,
        }
    }

    /// Whether anything has come from the other end.
    pub fn has_heard(&self) -> bool {
        self.received > 0
    }

    /// Writes `frame` as a datagram into `buffer` and returns the part that is used; nothing where it does not fit or all
    /// counters are used up.
    pub fn seal<'b>(&mut self, frame: &[u8], buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let datagram = buffer.get_mut(..frame.len() + OVERHEAD_BYTES)?;
        self.sent = self.sent.checked_add(1)?;
        let (head, rest) = datagram.split_at_mut(HEAD_BYTES);
        let (body, tag) = rest.split_at_mut(frame.len());
        head[0] = kind::DATA;
        head[1..].copy_from_slice(&self.sent.to_le_bytes());
        body.copy_from_slice(frame);
        let made = self.outgoing.encrypt_inout_detached(&nonce(self.sent).into(), head, body.into()).ok()?;
        tag.copy_from_slice(&made);
        Some(datagram)
    }

    /// The frame in a datagram, decrypted in place.
    ///
    /// # Errors
    /// Cut, forged, repeated or overtaken.
    pub fn open<'d>(&mut self, datagram: &'d mut [u8]) -> Result<&'d [u8], Rejected> {
        let length = datagram.len().checked_sub(OVERHEAD_BYTES).ok_or(Rejected::Truncated)?;
        let (head, rest) = datagram.split_first_chunk_mut::<HEAD_BYTES>().ok_or(Rejected::Truncated)?;
        let (body, tag) = rest.split_at_mut(length);
        let tag: &[u8; TAG_BYTES] = (&*tag).try_into().map_err(|_| Rejected::Truncated)?;
        let [found, counter @ ..] = *head;
        if found != kind::DATA {
            return Err(Rejected::Unexpected);
        }
        let counter = u64::from_le_bytes(counter);
        // Before the tag, because it costs nothing; what is forged never moves the counter.
        if counter <= self.received {
            return Err(Rejected::Replayed);
        }
        let opened = self.incoming.decrypt_inout_detached(
            &nonce(counter).into(),
            head,
            (&mut *body).into(),
            tag.into(),
        );
        opened.map_err(|_| Rejected::Forged)?;
        self.received = counter;
        Ok(body)
    }
}

/// Four zeros and the counter, little-endian.
fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::super::LARGEST_DATAGRAM;
    use super::*;
    use proptest::prelude::*;

    fn pair() -> (Channel, Channel) {
        (Channel::new(&[1; 32], &[2; 32]), Channel::new(&[2; 32], &[1; 32]))
    }

    fn sealed(channel: &mut Channel, frame: &[u8]) -> Vec<u8> {
        channel.seal(frame, &mut [0; LARGEST_DATAGRAM]).unwrap().to_vec()
    }

    #[test]
    fn repeated_and_overtaken_datagrams_are_refused() {
        let (mut host, mut robot) = pair();
        let [mut first, mut second, mut third] = [1, 2, 3].map(|number| sealed(&mut host, &[number]));
        let mut copy = second.clone();
        assert_eq!(robot.open(&mut second), Ok(&[2][..]));
        assert_eq!(robot.open(&mut copy), Err(Rejected::Replayed));
        assert_eq!(robot.open(&mut first), Err(Rejected::Replayed));
        assert_eq!(robot.open(&mut third), Ok(&[3][..]));
    }

    #[test]
    fn a_datagram_does_not_open_at_the_end_that_made_it() {
        let (mut host, mut robot) = pair();
        let mut reflected = sealed(&mut host, &[1]);
        assert_eq!(host.open(&mut reflected.clone()), Err(Rejected::Forged));
        assert_eq!(robot.open(&mut reflected), Ok(&[1][..]));
    }

    #[test]
    fn a_forged_counter_does_not_shut_out_what_follows() {
        let (mut host, mut robot) = pair();
        let mut forged = sealed(&mut host, &[1]);
        forged[1..9].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(robot.open(&mut forged), Err(Rejected::Forged));
        assert_eq!(robot.open(&mut sealed(&mut host, &[2])), Ok(&[2][..]));
    }

    #[test]
    fn a_frame_that_does_not_fit_is_refused() {
        let (mut host, _) = pair();
        assert!(host.seal(&[0; 10], &mut [0; 9 + OVERHEAD_BYTES]).is_none());
    }

    proptest! {
        #[test]
        fn changed_or_cut_datagrams_are_refused(
            frame in prop::collection::vec(any::<u8>(), 0..300),
            bit in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let (mut host, mut robot) = pair();
            let good = sealed(&mut host, &frame);
            let mut changed = good.clone();
            let bit = bit.index(changed.len() * 8);
            changed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(robot.open(&mut changed).is_err());
            let mut shorter = good[..cut.index(good.len())].to_vec();
            prop_assert!(robot.open(&mut shorter).is_err());
            let mut good = good;
            prop_assert_eq!(robot.open(&mut good), Ok(&frame[..]));
        }

        #[test]
        fn arbitrary_bytes_never_open(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(pair().1.open(&mut bytes).is_err());
        }
    }
}
