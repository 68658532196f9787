//! `policy.onnx`: writes, verifies and lowers it.
//!
//! [`load`] is the way in: it decodes the file, verifies hash, contract and golden pairs where the file carries them,
//! lowers the graph from the operators that the ONNX specification defines, and gives an [`AlignedImage`]. [`mod@write`] is
//! the way out. Lowering knows a small set of operators on purpose: each is computed by a kernel whose bits are promised,
//! and anything else is refused by name rather than approximated. The same lowering produces the golden pairs when a
//! file is written and checks them when it is read.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let image = sinew_policy_runtime::onnx::load(&std::fs::read("policy.onnx")?)?;
//! std::fs::write("policy.img", image.as_bytes())?;
//! # Ok(())
//! # }
//! ```

mod attribute;
mod canonical;
mod external;
pub mod foreign;
mod golden;
mod graph;
mod lower;
mod metadata;
pub mod protobuf;
mod state;
mod tensor;
pub mod write;

use crate::contract::Contract;
use crate::executor::{Executor, ExecutorError};
use crate::golden::GoldenError;
use crate::image::program::Program;
use crate::image::{AlignedImage, ImageError};
use metadata::Metadata;
use prost::Message;
use protobuf::ModelProto;
use std::path::Path;

/// Largest file that is read, in bytes. Policies are a few megabytes; a larger file is a mistake or an attack.
pub const MAX_FILE_BYTES: usize = 256 << 20;

/// Why a `policy.onnx` cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// Too large.
    #[error("the file has {found} bytes, at most {MAX_FILE_BYTES} are read")]
    FileSize {
        /// Size of the file.
        found: usize,
    },
    /// Not the protobuf encoding of an ONNX model.
    #[error("not an ONNX model, or truncated: {reason}")]
    Decode {
        /// What the decoder says.
        reason: String,
    },
    /// Something about the model or graph as a whole.
    #[error("ONNX {what} is {found}, expected {expected}")]
    Model {
        /// Which part.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A node that cannot be lowered.
    #[error("ONNX node {node:?} ({operator}): {reason}")]
    Node {
        /// Its name, or that of its first output.
        node: String,
        /// Its operator.
        operator: String,
        /// What is wrong and what would be needed.
        reason: String,
    },
    /// A constant that cannot be used.
    #[error("ONNX tensor {tensor:?}: {reason}")]
    Tensor {
        /// Its name.
        tensor: String,
        /// What is wrong and what would be needed.
        reason: String,
    },
    /// A part of Sinew's metadata is missing or malformed.
    #[error("metadata {key}: {reason}")]
    Metadata {
        /// Which.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The contract, the graph or the golden pairs were changed.
    #[error("sinew.sha256 is {expected} in the file, its content gives {found}: the file was changed")]
    Hash {
        /// In the file.
        expected: String,
        /// Computed.
        found: String,
    },
    /// A foreign policy's contract cannot be made.
    #[error(transparent)]
    Foreign(Box<foreign::ForeignError>),
    /// The contract and the graph do not fit.
    #[error("the contract's {what} has {expected} values, the graph's has {found}")]
    Size {
        /// Observation or action.
        what: &'static str,
        /// In the contract.
        expected: usize,
        /// In the graph.
        found: usize,
    },
    /// The lowered image is refused.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The golden pairs cannot be run here.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The golden pairs do not hold.
    #[error(transparent)]
    Golden(#[from] GoldenError),
}

impl From<foreign::ForeignError> for OnnxError {
    fn from(error: foreign::ForeignError) -> Self {
        Self::Foreign(Box::new(error))
    }
}

/// Reads, verifies and lowers a policy.
///
/// A file with Sinew's metadata must carry all of it and match its hash; its golden pairs are checked bit for bit. A
/// foreign file gives an image without a contract, with golden pairs of this executor.
///
/// # Errors
/// See [`OnnxError`].
pub fn load(bytes: &[u8]) -> Result<AlignedImage, OnnxError> {
    load_model(&decode(bytes)?)
}

/// The same for a file whose weights may lie beside it, in `folder`, as PyTorch's newer exporter writes them.
///
/// # Errors
/// See [`OnnxError`].
pub fn load_with_folder(bytes: &[u8], folder: &Path) -> Result<AlignedImage, OnnxError> {
    let mut model = decode(bytes)?;
    external::inline(&mut model, folder)?;
    load_model(&model)
}

fn load_model(model: &ModelProto) -> Result<AlignedImage, OnnxError> {
    let metadata = Metadata::read(model)?;
    let program = lower::lower(model, metadata.is_none())?;
    let image = if let Some(metadata) = metadata {
        canonical::verify(model, &metadata)?;
        let contract = metadata.contract()?;
        check_sizes(&contract, &program)?;
        assemble(&program, &contract, &metadata.golden)?
    } else {
        let observations = golden::spread(program.observation_size(), None);
        let golden = golden::foreign_pairs(&program, &observations)?;
        program.assemble(&[], &golden)?
    };
    prove(image)
}

/// Runs the golden pairs of an image that was just made.
fn prove(image: AlignedImage) -> Result<AlignedImage, OnnxError> {
    let view = image.image()?;
    view.contract()?;
    Executor::new(view, vec![0.0; view.scratch_len()])?.verify_golden()?;
    Ok(image)
}

/// Whether the bytes are a model without any of Sinew's metadata.
pub fn is_foreign(bytes: &[u8]) -> bool {
    decode(bytes).is_ok_and(|model| matches!(Metadata::read(&model), Ok(None)))
}

fn decode(bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(OnnxError::FileSize { found: bytes.len() });
    }
    ModelProto::decode(bytes).map_err(|error| OnnxError::Decode { reason: error.to_string() })
}

fn check_sizes(contract: &Contract, program: &Program) -> Result<(), OnnxError> {
    let sizes = [
        ("observation", contract.observation_size(), program.observation_size()),
        ("action", contract.action_size(), program.action_size()),
    ];
    for (what, expected, found) in sizes {
        if expected != found {
            return Err(OnnxError::Size { what, expected, found });
        }
    }
    let expected = contract.uses_previous_action();
    if expected == program.has_raw_action() {
        return Ok(());
    }
    Err(OnnxError::Model {
        what: "output raw_action",
        expected: presence(expected).to_owned(),
        found: presence(!expected).to_owned(),
    })
}

fn presence(present: bool) -> &'static str {
    if present { "present" } else { "absent" }
}

fn assemble(program: &Program, contract: &Contract, golden: &[f32]) -> Result<AlignedImage, OnnxError> {
    let (inputs, outputs) = program.golden_sizes();
    let pair = inputs + outputs;
    if golden.is_empty() || !golden.len().is_multiple_of(pair) {
        return Err(OnnxError::Metadata {
            key: metadata::GOLDEN,
            reason: format!("has {} values, expected a multiple of {pair}", golden.len()),
        });
    }
    let refused = |error: postcard::Error| OnnxError::Metadata {
        key: metadata::CONTRACT,
        reason: format!("cannot be encoded: {error}"),
    };
    let mut contract_bytes = Vec::new();
    postcard::serialize_with_flavor(contract, Growing(&mut contract_bytes)).map_err(refused)?;
    Ok(program.assemble(&contract_bytes, golden)?)
}

/// postcard's sink into a vector, without its features that bring an allocator's crates along.
struct Growing<'v>(&'v mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Growing<'_> {
    type Output = ();
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }
    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
