//! Signatures of policy files: who released a policy, proved before a byte of it is parsed.
//!
//! A hash inside a file detects accidents; whoever changes the file can change the hash too. A [`Signature`] lies beside the
//! file and can be made only with the [`SigningKey`] whose [`VerifyingKey`] a robot holds. It is Ed25519 (RFC 8032) over
//! [`message`]: a fixed text and the file's SHA-256, so that a microcontroller checks an image in flash without holding
//! anything twice, and so that a signature made for something else is none of a policy.
//!
//! ```
//! use sinew_policy_runtime::signature::SigningKey;
//! let key = SigningKey::from_bytes(&[7; 32]);
//! let signature = key.sign(b"the bytes of policy.img");
//! assert!(key.verifying_key().verify(b"the bytes of policy.img", &signature).is_ok());
//! assert!(key.verifying_key().verify(b"the bytes of another", &signature).is_err());
//! ```

use ed25519_dalek::Signer;
use sha2::{Digest, Sha256};

/// What every signed message begins with.
pub const CONTEXT: &[u8; 24] = b"sinew policy signature 1";

/// A detached signature, as RFC 8032 encodes it.
pub type Signature = [u8; 64];

/// Why a policy is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// The bytes are no public key, or one of those that verify anything.
    #[error("these 32 bytes are no Ed25519 public key")]
    Key,
    /// Made with another key, or over other bytes.
    #[error("the signature does not fit: the policy was changed, or signed with another key")]
    Mismatch,
}

/// What is signed: [`CONTEXT`], then the SHA-256 of the policy's file.
pub fn message(policy: &[u8]) -> [u8; 56] {
    let mut message = [0; 56];
    let (context, hash) = message.split_at_mut(CONTEXT.len());
    context.copy_from_slice(CONTEXT);
    hash.copy_from_slice(&Sha256::digest(policy));
    message
}

/// What a robot holds: believes policies that were signed with its [`SigningKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Reads a key as RFC 8032 encodes it.
    ///
    /// # Errors
    /// No point of the curve, or one of small order, whose signatures would fit many messages.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignatureError> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| SignatureError::Key)?;
        if key.is_weak() { Err(SignatureError::Key) } else { Ok(Self(key)) }
    }

    /// The key as RFC 8032 encodes it.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Checks that the holder of the signing key released these bytes.
    ///
    /// # Errors
    /// Other bytes, another key, or a signature in a form that RFC 8032 does not write.
    pub fn verify(&self, policy: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(&message(policy), &signature).map_err(|_| SignatureError::Mismatch)
    }
}

/// What releases policies. It is cleared from memory when it is dropped, and has no `Debug` that could print it.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A key of 32 bytes that nobody else knows or can guess.
    pub fn from_bytes(secret: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// What robots check its signatures with.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// Signs a policy's file. The same bytes give the same signature.
    pub fn sign(&self, policy: &[u8]) -> Signature {
        self.0.sign(&message(policy)).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &[u8] = b"any bytes: nothing is parsed before they are believed";

    #[test]
    fn a_flipped_bit_anywhere_is_another_policy() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let (signature, verifying) = (key.sign(POLICY), key.verifying_key());
        assert_eq!(verifying.verify(POLICY, &signature), Ok(()));
        let mut policy = [0; POLICY.len()];
        for bit in 0..POLICY.len() * 8 {
            policy.copy_from_slice(POLICY);
            policy[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verifying.verify(&policy, &signature), Err(SignatureError::Mismatch), "{bit}");
        }
        for bit in 0..512 {
            let mut changed = signature;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(verifying.verify(POLICY, &changed), Err(SignatureError::Mismatch), "{bit}");
        }
        assert!(verifying.verify(&POLICY[1..], &signature).is_err());
    }

    #[test]
    fn another_key_is_not_believed_and_no_key_is_refused() {
        let (key, other) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        assert_eq!(other.verifying_key().verify(POLICY, &key.sign(POLICY)), Err(SignatureError::Mismatch));
        // The neutral element, and an encoding of no point.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        assert_eq!(VerifyingKey::from_bytes(&neutral), Err(SignatureError::Key));
        let mut no_point = [0; 32];
        no_point[0] = 2;
        assert_eq!(VerifyingKey::from_bytes(&no_point), Err(SignatureError::Key));
    }

    /// Its first test vector.
    #[test]
    fn public_keys_are_those_of_rfc_8032() {
        let secret =
            crate::hexadecimal::parse("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let key = SigningKey::from_bytes(&secret.unwrap());
        assert_eq!(crate::hexadecimal::digits(&key.verifying_key().to_bytes()), public);
    }

    #[test]
    fn a_signature_of_the_bytes_alone_is_none_of_a_policy() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let plain = key.0.sign(POLICY).to_bytes();
        assert_eq!(key.verifying_key().verify(POLICY, &plain), Err(SignatureError::Mismatch));
    }
}
