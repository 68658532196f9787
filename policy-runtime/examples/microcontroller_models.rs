//! Writes what the microcontroller's firmware embeds to compute the same bits as a workstation: `microcontroller_models FOLDER`.
//!
//! `models.rs` in the folder lists the models of `tests/models` as a Rust expression: image, how their observations are drawn, and
//! for recurrent ones the outputs of ONNX Runtime, whose states are fed. `inference.img` is a policy of 4-64-64-1 with tanh, the
//! one whose instructions are counted; `tanh.img` gives the tanh of each of its inputs.

#[path = "../tests/observations/mod.rs"]
mod observations;
#[path = "../tests/policies/mod.rs"]
mod policies;

use observations::draw;
use policies::Shape;
use serde_json::Value;
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::{Activation, DenseLayer, Head, PolicyGraph, Squash, write};
use sinew_policy_runtime::policy_file::load_policy;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: microcontroller_models FOLDER")?);
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    fs::write(folder.join("models.rs"), models(&folder)?)?;
    let shape = Shape { normalized: false, ..Shape::new(&[4, 64, 64, 1], Activation::Tanh) };
    let image = onnx::load(&shape.onnx())?;
    fs::write(folder.join("inference.img"), image.as_bytes())?;
    fs::write(folder.join("inference.actions"), actions(&image)?)?;
    fs::write(folder.join("tanh.img"), onnx::load(&tanh()?)?.as_bytes())?;
    Ok(())
}

/// The bits of the actions on the inputs that the firmware draws, a line each.
fn actions(image: &AlignedImage) -> Result<String, Box<dyn Error>> {
    const INPUTS: usize = 200;
    let view = image.image()?;
    let mut executor = Executor::new(view, vec![0.0; view.scratch_len()])?;
    let (mut lines, mut state) = (String::new(), 1);
    for _ in 0..INPUTS {
        let observation: Vec<f32> = (0..view.input_size()).map(|_| draw(&mut state)).collect();
        for value in executor.infer(&observation)?.action {
            writeln!(lines, "{:08x}", value.to_bits())?;
        }
    }
    Ok(lines)
}

/// The tanh of each input, as the head of a network whose only layer changes nothing. Their number is odd, so that a kernel
/// that takes several at a time has one left.
fn tanh() -> Result<Vec<u8>, Box<dyn Error>> {
    const SIZE: usize = 15;
    let mut weights = [0.0; SIZE * SIZE];
    weights.iter_mut().step_by(SIZE + 1).for_each(|weight| *weight = 1.0);
    let layer = DenseLayer { weights: &weights, bias: &[0.0; SIZE], activation: None };
    let head = Head { squash: Squash::Tanh, scale: &[1.0; SIZE], offset: &[0.0; SIZE] };
    let contract = policies::contract(SIZE, SIZE, false);
    Ok(write(&PolicyGraph { normalizer: None, layers: &[layer], head, contract: &contract })?)
}

/// Writes every model's image and gives the list.
fn models(folder: &Path) -> Result<String, Box<dyn Error>> {
    let stored = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/models").canonicalize()?;
    let index: Value = serde_json::from_str(&fs::read_to_string(stored.join("index.json"))?)?;
    let mut list =
        format!("Suite {{ samples: {}, episode: {}, models: &[\n", index["samples"], index["episode"]);
    for entry in index["models"].as_array().ok_or("index.json lists no models")? {
        let name = entry["name"].as_str().ok_or("a model has no name")?;
        let image = load_policy(stored.join(format!("{name}.onnx")))?;
        let path = folder.join(format!("{name}.img"));
        fs::write(&path, image.as_bytes())?;
        let path = path.display().to_string();
        let fed = match entry["states"].as_array() {
            Some(states) if !states.is_empty() => {
                let expected = stored.join(format!("{name}.expected")).display().to_string();
                format!("include_bytes!({expected:?})")
            }
            _ => "&[]".to_owned(),
        };
        let (seed, center, reach) = (&entry["seed"], entry["center"].as_f64(), entry["reach"].as_f64());
        let (center, reach) = center.zip(reach).ok_or("a model's observations have no range")?;
        writeln!(
            list,
            "Model {{ name: {name:?}, image: sinew_policy_runtime::include_image!({path:?}), seed: {seed}, \
             center: {center:?}, reach: {reach:?}, fed: {fed} }},"
        )?;
    }
    list.push_str("] }\n");
    Ok(list)
}
