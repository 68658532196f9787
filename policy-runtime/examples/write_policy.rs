//! Writes a policy of random weights, to try other tools on: `write_policy FILE WIDTH...`. A file whose name ends in `.img`
//! gets the image, any other the ONNX model.

#[path = "../tests/policies/mod.rs"]
mod policies;

use policies::Shape;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::Activation;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().ok_or("usage: write_policy FILE WIDTH...")?);
    let widths = arguments.map(|width| width.parse()).collect::<Result<Vec<usize>, _>>()?;
    if widths.len() < 2 {
        return Err("a policy has at least two widths: observation and action".into());
    }
    let shape = Shape { previous_action: true, ..Shape::new(&widths, Activation::Elu { alpha: 1.0 }) };
    let model = shape.onnx();
    if path.extension().is_some_and(|extension| extension == "img") {
        std::fs::write(path, onnx::load(&model)?.as_bytes())?;
    } else {
        std::fs::write(path, model)?;
    }
    Ok(())
}
