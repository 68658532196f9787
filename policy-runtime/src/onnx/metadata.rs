//! What Sinew adds to an ONNX file: contract, golden pairs and hash, as `metadata_props`.

use super::OnnxError;
use crate::contract::Contract;
use crate::onnx::protobuf::{ModelProto, StringStringEntryProto};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Display;

/// The contract as canonical JSON (RFC 8785).
pub(super) const CONTRACT: &str = "sinew.contract";
/// The golden pairs: per pair the observation, then the action, as little-endian f32 in base64.
pub(super) const GOLDEN: &str = "sinew.golden";
/// The SHA-256 of the [canonical form](super::canonical) as 64 hexadecimal digits.
pub(super) const HASH: &str = "sinew.sha256";
/// `producer_name` of the files that we write.
pub(super) const PRODUCER: &str = "sinew";

/// Sinew's metadata of a file, not yet verified.
pub(super) struct Metadata {
    contract_text: String,
    pub(super) golden: Vec<f32>,
    pub(super) hash: String,
}

impl Metadata {
    pub(super) fn new(contract: &Contract, golden: Vec<f32>) -> Result<Self, OnnxError> {
        contract.validate().map_err(|error| malformed(CONTRACT, &error))?;
        let contract_text =
            serde_json_canonicalizer::to_string(contract).map_err(|error| malformed(CONTRACT, &error))?;
        let metadata = Self { contract_text, golden, hash: String::new() };
        // JSON's numbers are doubles: a seed beyond 2^53 would silently become another.
        if metadata.contract()? != *contract {
            return Err(malformed(CONTRACT, &"a number is beyond what JSON can hold (2^53)"));
        }
        Ok(metadata)
    }

    /// Reads the metadata; `None` for a foreign file. A file of ours that lost it, such as one cut off after the graph, is
    /// not a foreign one.
    pub(super) fn read(model: &ModelProto) -> Result<Option<Self>, OnnxError> {
        let is_ours = |key: &str| [CONTRACT, GOLDEN, HASH].contains(&key);
        if model.producer_name != PRODUCER && !model.metadata_props.iter().any(|entry| is_ours(&entry.key)) {
            return Ok(None);
        }
        let golden = STANDARD.decode(entry(model, GOLDEN)?).map_err(|error| malformed(GOLDEN, &error))?;
        let (values, rest) = golden.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(malformed(GOLDEN, &"is not a whole number of 4-byte values"));
        }
        Ok(Some(Self {
            contract_text: entry(model, CONTRACT)?.to_owned(),
            golden: values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
            hash: entry(model, HASH)?.to_owned(),
        }))
    }

    /// The contract, valid and in canonical form.
    pub(super) fn contract(&self) -> Result<Contract<'_>, OnnxError> {
        let contract: Contract =
            serde_json::from_str(&self.contract_text).map_err(|error| malformed(CONTRACT, &error))?;
        contract.validate().map_err(|error| malformed(CONTRACT, &error))?;
        let canonical =
            serde_json_canonicalizer::to_string(&contract).map_err(|error| malformed(CONTRACT, &error))?;
        if canonical != self.contract_text {
            return Err(malformed(CONTRACT, &"is not in the canonical form of RFC 8785"));
        }
        Ok(contract)
    }

    /// The contract as it stands in the file.
    pub(super) fn contract_text(&self) -> &str {
        &self.contract_text
    }

    /// The golden pairs as little-endian bytes.
    pub(super) fn golden_bytes(&self) -> Vec<u8> {
        self.golden.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// The entries for a file.
    pub(super) fn entries(&self) -> Vec<StringStringEntryProto> {
        [
            (CONTRACT, self.contract_text.clone()),
            (GOLDEN, STANDARD.encode(self.golden_bytes())),
            (HASH, self.hash.clone()),
        ]
        .map(|(key, value)| StringStringEntryProto { key: key.to_owned(), value })
        .into()
    }
}

fn entry<'m>(model: &'m ModelProto, key: &'static str) -> Result<&'m str, OnnxError> {
    let found: Vec<_> = model.metadata_props.iter().filter(|entry| entry.key == key).collect();
    match found[..] {
        [entry] => Ok(&entry.value),
        [] => Err(malformed(key, &"is missing from a file of Sinew's: truncated or stripped")),
        _ => Err(malformed(key, &"is given more than once")),
    }
}

fn malformed(key: &'static str, reason: &dyn Display) -> OnnxError {
    OnnxError::Metadata { key, reason: reason.to_string() }
}
