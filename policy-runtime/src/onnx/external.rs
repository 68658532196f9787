//! Weights that lie in a file beside the model.
//!
//! [`inline()`] brings them into the model before anything else looks at it, so that a file's hash covers them. Only files
//! in the model's own folder are read, and never more than a model may have.

use super::{MAX_FILE_BYTES, OnnxError};
use crate::onnx::protobuf::tensor_proto::DataLocation;
use crate::onnx::protobuf::{ModelProto, TensorProto};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path};

/// Where a tensor's bytes lie.
struct Extent<'t> {
    file: &'t str,
    offset: u64,
    /// To the file's end where it is not stated.
    length: Option<u64>,
}

/// Reads all tensors of the graph that lie in other files.
pub(super) fn inline(model: &mut ModelProto, folder: &Path) -> Result<(), OnnxError> {
    let mut budget = MAX_FILE_BYTES as u64;
    let tensors = model.graph.iter_mut().flat_map(|graph| &mut graph.initializer);
    for tensor in tensors.filter(|tensor| tensor.data_location == Some(DataLocation::External as i32)) {
        let bytes = read(tensor, folder, budget).map_err(|reason| OnnxError::Tensor {
            tensor: tensor.name.clone(),
            reason: format!("its data lies in another file: {reason}"),
        })?;
        budget -= bytes.len() as u64;
        tensor.raw_data = bytes;
        tensor.data_location = None;
        tensor.external_data.clear();
    }
    Ok(())
}

fn read(tensor: &TensorProto, folder: &Path, budget: u64) -> Result<Vec<u8>, String> {
    let extent = extent(tensor)?;
    let mut components = Path::new(extent.file).components();
    let (Some(Component::Normal(name)), None) = (components.next(), components.next()) else {
        return Err(format!("{:?}, expected one in the model's own folder", extent.file));
    };
    let path = folder.join(name);
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = std::fs::File::open(&path).map_err(fail)?;
    if !file.metadata().map_err(fail)?.is_file() {
        return Err(format!("{} is no file", path.display()));
    }
    file.seek(SeekFrom::Start(extent.offset)).map_err(fail)?;
    let wanted = extent.length.unwrap_or(budget.saturating_add(1));
    if extent.length.is_some_and(|length| length > budget) {
        return Err(format!("it asks for {wanted} bytes, at most {budget} are left of {MAX_FILE_BYTES}"));
    }
    let mut bytes = Vec::new();
    file.take(wanted).read_to_end(&mut bytes).map_err(fail)?;
    let found = bytes.len() as u64;
    match extent.length {
        Some(length) if length != found => {
            Err(format!("{} has {found} bytes from {} on, expected {length}", path.display(), extent.offset))
        }
        None if found > budget => Err(format!("{} has more than {budget} bytes", path.display())),
        _ => Ok(bytes),
    }
}

fn extent(tensor: &TensorProto) -> Result<Extent<'_>, String> {
    let entry =
        |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value[..]);
    let number = |key: &str| match entry(key) {
        None => Ok(None),
        Some(text) => text.parse().map(Some).map_err(|_| format!("its {key} is {text:?}, expected a number")),
    };
    Ok(Extent {
        file: entry("location").ok_or("its location is missing")?,
        offset: number("offset")?.unwrap_or(0),
        length: number("length")?,
    })
}
