//! Times one inference of three common policies on this machine, tract's beside it in the same run.
//!
//! `cargo run --release -p sinew-policy-runtime --features onnx --example inference_time`

#[path = "../tests/policies/mod.rs"]
mod policies;

use policies::{Random, Shape};
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::Cost;
use sinew_policy_runtime::onnx;
use sinew_policy_runtime::onnx::write::Activation;
use std::hint::black_box;
use std::io::Cursor;
use std::time::{Duration, Instant};
use tract_onnx::prelude::*;

/// How long each of the batches runs whose median is reported.
const BATCH: Duration = Duration::from_millis(20);
const BATCHES: usize = 25;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:<24} {:>10} {:>10} {:>12} {:>13}",
        "policy", "sinew us", "tract us", "products/ns", "weights bytes"
    );
    let shapes = [
        ("4-64-64-1 tanh", Shape::new(&[4, 64, 64, 1], Activation::Tanh)),
        ("17-256-256-6 relu", Shape::new(&[17, 256, 256, 6], Activation::Relu)),
        ("48-512-256-128-12 elu", Shape::new(&[48, 512, 256, 128, 12], Activation::Elu { alpha: 1.0 })),
    ];
    let models = shapes.map(|(name, shape)| (name, Shape { normalized: false, ..shape }.onnx()));
    // All of ours first: tract leaves the upper halves of vector registers in use, which slows the SSE code of a baseline
    // build down to a third.
    let mut ours = Vec::new();
    for (_, model) in &models {
        ours.push(sinew(model)?);
    }
    for ((name, model), (time_us, cost)) in models.iter().zip(ours) {
        let products_per_ns = cost.multiply_adds as f64 / (time_us * 1e3);
        let (reference_us, bytes) = (tract(model)?, cost.weight_bytes);
        println!("{name:<24} {time_us:>10.3} {reference_us:>10.3} {products_per_ns:>12.1} {bytes:>13}");
    }
    Ok(())
}

fn sinew(model: &[u8]) -> Result<(f64, Cost), Box<dyn std::error::Error>> {
    let aligned = onnx::load(model)?;
    let image = aligned.image()?;
    let observation = Random(3).vector(image.input_size(), 1.0);
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()])?;
    let time_us = median_us(|| {
        black_box(executor.infer(black_box(&observation)).map(|inference| inference.action[0]).ok());
    });
    Ok((time_us, image.cost()))
}

fn tract(model: &[u8]) -> Result<f64, Box<dyn std::error::Error>> {
    let size = onnx::load(model)?.image()?.input_size();
    let plan = ::tract_onnx::onnx()
        .model_for_read(&mut Cursor::new(model))?
        .with_input_fact(0, f32::fact([1, size]).into())?
        .into_optimized()?
        .into_runnable()?;
    let observation = tract_ndarray::Array2::from_shape_vec((1, size), Random(3).vector(size, 1.0))?;
    let input: TValue = Tensor::from(observation).into();
    Ok(median_us(|| {
        black_box(plan.run(tvec!(black_box(input.clone()))).ok());
    }))
}

/// Median over batches of the mean time of a call, in microseconds.
fn median_us(mut call: impl FnMut()) -> f64 {
    let mut means: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let start = Instant::now();
            let mut calls = 0_u32;
            while start.elapsed() < BATCH {
                (0..16).for_each(|_| call());
                calls += 16;
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    means[BATCHES / 2]
}
