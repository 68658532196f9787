//! The same policies in Sinew's executor, in ONNX Runtime and in tract, each as a closure that runs one inference.
#![allow(dead_code, reason = "a bench and an example use a part each")]

mod onnxruntime;

use super::policies::{Random, Shape};
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::kernel::InstructionSet;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::Activation;
use std::error::Error;
use std::hint::black_box;
use std::io::Cursor;
use tract_onnx::prelude::*;

/// One way to run a policy.
pub(crate) struct Engine {
    pub(crate) name: String,
    pub(crate) infer: Box<dyn FnMut()>,
}

/// The policies whose times are budgeted, as `policy.onnx`.
pub(crate) fn models() -> [(&'static str, Vec<u8>); 3] {
    [
        ("4-64-64-1 tanh", Shape::new(&[4, 64, 64, 1], Activation::Tanh)),
        ("17-256-256-6 relu", Shape::new(&[17, 256, 256, 6], Activation::Relu)),
        ("48-512-256-128-12 elu", Shape::new(&[48, 512, 256, 128, 12], Activation::Elu { alpha: 1.0 })),
    ]
    .map(|(name, shape)| (name, Shape { normalized: false, ..shape }.onnx()))
}

/// Multiplications and additions of an inference, and bytes of weights.
pub(crate) fn size(model: &[u8]) -> Result<(u64, usize), Box<dyn Error>> {
    let cost = onnx::load(model)?.image()?.cost();
    Ok((cost.multiply_adds, cost.weight_bytes))
}

/// All engines for a model: ours, fastest first, then the peers, then none at all: the weights are only read.
///
/// Peers may leave the upper halves of vector registers in use, which slows code without wide vectors to a third. Ours with
/// wide vectors clears them; so where engines take turns, the portable one must come right after another of ours.
pub(crate) fn all(model: &[u8]) -> Result<Vec<Engine>, Box<dyn Error>> {
    let mut engines = Vec::new();
    let mut sets: Vec<InstructionSet> = InstructionSet::all().collect();
    sets.reverse();
    for set in sets {
        engines.push(Engine { name: format!("sinew {}", set.name()), infer: sinew(model, set)? });
    }
    match std::env::var_os(onnxruntime::LIBRARY) {
        Some(path) => {
            let image = onnx::load(model)?;
            let image = image.image()?;
            let input = observation(image.input_size());
            let infer = onnxruntime::engine(&path, model, input, image.output_size())?;
            engines.push(Engine { name: "onnxruntime".to_owned(), infer });
        }
        None => eprintln!("{} does not name a library, so ONNX Runtime is left out", onnxruntime::LIBRARY),
    }
    engines.push(Engine { name: "tract".to_owned(), infer: tract(model)? });
    engines.push(Engine { name: "reading alone".to_owned(), infer: reading(model)? });
    Ok(engines)
}

/// Reads every weight and computes nothing: what the memory alone takes, below which no engine comes that uses each weight once.
fn reading(model: &[u8]) -> Result<Box<dyn FnMut()>, Box<dyn Error>> {
    let aligned: &'static AlignedImage = Box::leak(Box::new(onnx::load(model)?));
    let weight_bytes = aligned.image()?.cost().weight_bytes;
    let bytes = aligned.as_bytes();
    let (lines, _) = bytes[bytes.len() - weight_bytes..].as_chunks();
    Ok(Box::new(move || {
        black_box(read(black_box(lines)));
    }))
}

#[cfg(target_arch = "x86_64")]
fn read(lines: &[[u8; 64]]) -> [u8; 64] {
    #[target_feature(enable = "avx512f,avx512bw")]
    fn wide(lines: &[[u8; 64]]) -> [u8; 64] {
        union_of(lines)
    }
    if std::arch::is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor has the instructions.
        #[allow(unsafe_code, reason = "as wide as the kernels read")]
        return unsafe { wide(lines) };
    }
    union_of(lines)
}

#[cfg(not(target_arch = "x86_64"))]
fn read(lines: &[[u8; 64]]) -> [u8; 64] {
    union_of(lines)
}

/// The bits of all lines together, four at a time, so that no line waits for the one before.
#[inline(always)]
fn union_of(lines: &[[u8; 64]]) -> [u8; 64] {
    let mut found = [[0; 64]; 4];
    for four in lines.as_chunks::<4>().0 {
        for (found, line) in found.iter_mut().zip(four) {
            found.iter_mut().zip(line).for_each(|(found, byte)| *found |= byte);
        }
    }
    std::array::from_fn(|index| found.iter().fold(0, |union, line| union | line[index]))
}

fn observation(size: usize) -> Vec<f32> {
    Random(3).vector(size, 1.0)
}

/// The image lives as long as the program.
fn sinew(model: &[u8], set: InstructionSet) -> Result<Box<dyn FnMut()>, Box<dyn Error>> {
    let aligned: &'static AlignedImage = Box::leak(Box::new(onnx::load(model)?));
    let image = aligned.image()?;
    let observation = observation(image.input_size());
    let mut executor = Executor::with_instruction_set(image, vec![0.0; image.scratch_len()], set)?;
    Ok(Box::new(move || {
        black_box(executor.infer(black_box(&observation)).map(|inference| inference.action[0]).ok());
    }))
}

fn tract(model: &[u8]) -> Result<Box<dyn FnMut()>, Box<dyn Error>> {
    let size = onnx::load(model)?.image()?.input_size();
    let plan = ::tract_onnx::onnx()
        .model_for_read(&mut Cursor::new(model))?
        .with_input_fact(0, f32::fact([1, size]).into())?
        .into_optimized()?
        .into_runnable()?;
    let observation = tract_ndarray::Array2::from_shape_vec((1, size), observation(size))?;
    let input: TValue = Tensor::from(observation).into();
    Ok(Box::new(move || {
        black_box(plan.run(tvec!(black_box(input.clone()))).ok());
    }))
}
