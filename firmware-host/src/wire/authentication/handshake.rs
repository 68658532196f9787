//! Three datagrams: the host initiates, the robot responds, the host confirms.
//!
//! Both ends' nonces and everything that was said go into the keys, so a session's keys never come again and a changed byte
//! anywhere makes the tags differ. The robot's nonce is the only thing that it keeps, and a confirmation uses it up: a
//! repeated handshake is refused without a list of past ones, and a flood of initiations cannot displace the one that counts.

use super::{AUTHENTICATION_VERSION, Channel, Key, Nonce, Rejected, authenticate, expand, kind};
use hkdf::Hkdf;
use hmac::Mac;
use sha2::{Digest, Sha256};

/// Bytes of the first datagram: type, version, host's nonce, tag.
pub const INITIATE_BYTES: usize = 2 + 32 + 32;
/// Bytes of the second: type, version, robot's nonce, tag. No longer than the first, so nothing is amplified.
pub const RESPOND_BYTES: usize = 2 + 32 + 32;
/// Bytes of the third: type, version, both nonces, tag.
pub const CONFIRM_BYTES: usize = 2 + 32 + 32 + 32;

/// The host's side.
#[derive(Clone, Debug)]
pub struct Initiator {
    key: Key,
    nonce: Nonce,
}

/// The robot's side.
#[derive(Clone, Debug)]
pub struct Responder {
    key: Key,
    nonce: Nonce,
}

/// What both ends compute once they have both nonces.
struct Secrets {
    confirm: [u8; 32],
    transcript: [u8; 32],
    to_robot: [u8; 32],
    to_host: [u8; 32],
}

impl Initiator {
    /// Begins with a fresh nonce.
    pub fn new(key: Key, nonce: Nonce) -> Self {
        Self { key, nonce }
    }

    /// The first datagram; it may be sent again until the robot responds.
    pub fn initiate(&self) -> [u8; INITIATE_BYTES] {
        initiation(&self.key, &self.nonce)
    }

    /// Takes the robot's response; gives the channel and the datagram that opens its other end.
    ///
    /// # Errors
    /// It is none, or its sender does not hold the key.
    pub fn finish(&self, response: &[u8]) -> Result<(Channel, [u8; CONFIRM_BYTES]), Rejected> {
        let response: &[u8; RESPOND_BYTES] = response.try_into().map_err(|_| Rejected::Truncated)?;
        if response[..2] != [kind::RESPOND, AUTHENTICATION_VERSION] {
            return Err(Rejected::Unexpected);
        }
        let (nonce, tag) = split(&response[2..]);
        let secrets = Secrets::derive(&self.key, &self.nonce, &nonce);
        secrets.check(b"robot", tag)?;
        let mut confirmation = [0; CONFIRM_BYTES];
        confirmation[..2].copy_from_slice(&[kind::CONFIRM, AUTHENTICATION_VERSION]);
        confirmation[2..34].copy_from_slice(&self.nonce);
        confirmation[34..66].copy_from_slice(&nonce);
        confirmation[66..].copy_from_slice(&secrets.tag(b"host"));
        Ok((Channel::new(&secrets.to_robot, &secrets.to_host), confirmation))
    }
}

impl Responder {
    /// Waits for hosts, with a nonce that was never used.
    pub fn new(key: Key, nonce: Nonce) -> Self {
        Self { key, nonce }
    }

    /// Answers an initiation.
    ///
    /// # Errors
    /// It is none, or its sender does not hold the key.
    pub fn respond(&self, datagram: &[u8]) -> Result<[u8; RESPOND_BYTES], Rejected> {
        let received: &[u8; INITIATE_BYTES] = datagram.try_into().map_err(|_| Rejected::Truncated)?;
        if received[..2] != [kind::INITIATE, AUTHENTICATION_VERSION] {
            return Err(Rejected::Unexpected);
        }
        let (host_nonce, tag) = split(&received[2..]);
        initiation_code(&self.key, &host_nonce).verify_slice(tag).map_err(|_| Rejected::Forged)?;
        let secrets = Secrets::derive(&self.key, &host_nonce, &self.nonce);
        let mut response = response_head(&self.nonce);
        response[34..].copy_from_slice(&secrets.tag(b"robot"));
        Ok(response)
    }

    /// Takes a confirmation: gives the channel, and from then on awaits the next host with `next`, a fresh nonce.
    ///
    /// # Errors
    /// It is none, answers another nonce, or its sender does not hold the key.
    pub fn confirm(&mut self, confirmation: &[u8], next: Nonce) -> Result<Channel, Rejected> {
        let received: &[u8; CONFIRM_BYTES] = confirmation.try_into().map_err(|_| Rejected::Truncated)?;
        if received[..2] != [kind::CONFIRM, AUTHENTICATION_VERSION] {
            return Err(Rejected::Unexpected);
        }
        let (host_nonce, rest) = split(&received[2..]);
        let (nonce, tag) = split(rest);
        if nonce != self.nonce {
            return Err(Rejected::Replayed);
        }
        let secrets = Secrets::derive(&self.key, &host_nonce, &self.nonce);
        secrets.check(b"host", tag)?;
        self.nonce = next;
        Ok(Channel::new(&secrets.to_host, &secrets.to_robot))
    }
}

impl Secrets {
    fn derive(key: &Key, host: &Nonce, robot: &Nonce) -> Self {
        let mut transcript = Sha256::new();
        transcript.update(initiation(key, host));
        transcript.update(&response_head(robot)[..34]);
        let transcript: [u8; 32] = transcript.finalize().into();
        let mut salt = [0; 64];
        salt[..32].copy_from_slice(host);
        salt[32..].copy_from_slice(robot);
        let source = Hkdf::<Sha256>::new(Some(&salt), &key.0);
        let derived = |purpose: &[u8]| expand(&source, &[b"sinew datagram v1 ", purpose, &transcript]);
        Self {
            confirm: derived(b"confirm"),
            to_robot: derived(b"host to robot"),
            to_host: derived(b"robot to host"),
            transcript,
        }
    }

    fn tag(&self, who: &[u8]) -> [u8; 32] {
        authenticate(&self.confirm, &[who, &self.transcript]).finalize().into_bytes().into()
    }

    /// Compares in constant time.
    fn check(&self, who: &[u8], tag: &[u8]) -> Result<(), Rejected> {
        let code = authenticate(&self.confirm, &[who, &self.transcript]);
        code.verify_slice(tag).map_err(|_| Rejected::Forged)
    }
}

fn initiation(key: &Key, nonce: &Nonce) -> [u8; INITIATE_BYTES] {
    let mut datagram = [0; INITIATE_BYTES];
    datagram[..2].copy_from_slice(&[kind::INITIATE, AUTHENTICATION_VERSION]);
    datagram[2..34].copy_from_slice(nonce);
    datagram[34..].copy_from_slice(&initiation_code(key, nonce).finalize().into_bytes());
    datagram
}

fn initiation_code(key: &Key, nonce: &Nonce) -> hmac::Hmac<Sha256> {
    let code_key = expand(&Hkdf::new(None, &key.0), &[b"sinew datagram v1 initiate"]);
    authenticate(&code_key, &[&[kind::INITIATE, AUTHENTICATION_VERSION], nonce])
}

/// A response whose tag is still to be filled in.
fn response_head(nonce: &Nonce) -> [u8; RESPOND_BYTES] {
    let mut datagram = [0; RESPOND_BYTES];
    datagram[..2].copy_from_slice(&[kind::RESPOND, AUTHENTICATION_VERSION]);
    datagram[2..34].copy_from_slice(nonce);
    datagram
}

/// A nonce and what follows it; `bytes` has at least 32, which every caller has checked.
fn split(bytes: &[u8]) -> (Nonce, &[u8]) {
    bytes.split_first_chunk::<32>().map_or(([0; 32], bytes), |(nonce, rest)| (*nonce, rest))
}

#[cfg(test)]
mod tests {
    use super::super::LARGEST_DATAGRAM;
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 32] = [7; 32];

    fn ends() -> (Initiator, Responder) {
        (Initiator::new(Key::new(KEY), [1; 32]), Responder::new(Key::new(KEY), [2; 32]))
    }

    #[test]
    fn both_ends_come_to_the_same_keys_each_way() {
        let (host, mut robot) = ends();
        let (mut at_host, confirmation) = host.finish(&robot.respond(&host.initiate()).unwrap()).unwrap();
        let mut at_robot = robot.confirm(&confirmation, [3; 32]).unwrap();
        let mut buffer = [0; LARGEST_DATAGRAM];
        for round in 0..3_u8 {
            let sealed = at_host.seal(&[round, 9], &mut buffer).unwrap();
            assert_eq!(at_robot.open(sealed), Ok(&[round, 9][..]));
            let sealed = at_robot.seal(&[round, 8], &mut buffer).unwrap();
            assert_eq!(at_host.open(sealed), Ok(&[round, 8][..]));
        }
    }

    #[test]
    fn a_confirmation_opens_one_channel_alone() {
        let (host, mut robot) = ends();
        let (_, confirmation) = host.finish(&robot.respond(&host.initiate()).unwrap()).unwrap();
        robot.confirm(&confirmation, [3; 32]).unwrap();
        assert_eq!(robot.confirm(&confirmation, [4; 32]).err(), Some(Rejected::Replayed));
        // And a response of an earlier session opens none for a host that begins again.
        let again = Initiator::new(Key::new(KEY), [5; 32]);
        let old = ends().1.respond(&host.initiate()).unwrap();
        assert_eq!(again.finish(&old).err(), Some(Rejected::Forged));
    }

    #[test]
    fn another_key_is_refused_at_each_step() {
        let (host, mut robot) = ends();
        let stranger = Initiator::new(Key::new([8; 32]), [1; 32]);
        assert_eq!(robot.respond(&stranger.initiate()), Err(Rejected::Forged));
        let mut impostor = Responder::new(Key::new([8; 32]), [2; 32]);
        assert_eq!(
            host.finish(&impostor.respond(&stranger.initiate()).unwrap()).err(),
            Some(Rejected::Forged)
        );
        let (_, confirmation) = stranger.finish(&impostor.respond(&stranger.initiate()).unwrap()).unwrap();
        assert_eq!(robot.confirm(&confirmation, [3; 32]).err(), Some(Rejected::Forged));
        assert!(impostor.confirm(&confirmation, [3; 32]).is_ok());
    }

    #[test]
    fn a_boards_counted_nonces_differ_with_boot_count_and_key() {
        let nonces = [
            Key::new(KEY).counted_nonce(1, 0),
            Key::new(KEY).counted_nonce(1, 1),
            Key::new(KEY).counted_nonce(2, 0),
            Key::new([8; 32]).counted_nonce(1, 0),
        ];
        for (index, nonce) in nonces.iter().enumerate() {
            assert!(nonces[..index].iter().all(|other| other != nonce));
        }
    }

    proptest! {
        #[test]
        fn a_changed_bit_anywhere_fails_the_handshake(step in 0..3_usize, bit in any::<prop::sample::Index>()) {
            let (host, mut robot) = ends();
            let flip = |bytes: &mut [u8]| {
                let bit = bit.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            };
            let mut first = host.initiate();
            if step == 0 {
                flip(&mut first);
                prop_assert!(robot.respond(&first).is_err());
                return Ok(());
            }
            let mut second = robot.respond(&first).unwrap();
            if step == 1 {
                flip(&mut second);
                prop_assert!(host.finish(&second).is_err());
                return Ok(());
            }
            let (_, mut third) = host.finish(&second).unwrap();
            flip(&mut third);
            prop_assert!(robot.confirm(&third, [3; 32]).is_err());
        }

        #[test]
        fn arbitrary_datagrams_never_open_a_channel(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (host, mut robot) = ends();
            prop_assert!(host.finish(&bytes).is_err());
            prop_assert!(robot.respond(&bytes).is_err());
            prop_assert!(robot.confirm(&bytes, [3; 32]).is_err());
        }
    }
}
