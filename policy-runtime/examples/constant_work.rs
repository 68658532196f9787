//! Runs 10,000 inferences of one policy on different inputs, for a profiler that counts instructions: `.ci/constant_work` checks
//! that every one of them takes as many.
//!
//! `constant_work [SET]` runs with a set of instructions other than the best: `portable`, `avx2`, `avx512`, `neon`.

#[path = "../tests/observations/mod.rs"]
mod observations;

use observations::draw;
use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::Image;
use sinew_policy_runtime::kernel::InstructionSet;
use std::hint::black_box;

static POLICY: &[u8] = sinew_policy_runtime::include_image!("../tests/data/pendulum.img");

const INFERENCES: u32 = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wanted = std::env::args().nth(1);
    let set = match &wanted {
        None => InstructionSet::best(),
        Some(name) => InstructionSet::all()
            .find(|set| set.name() == name)
            .ok_or("this machine lacks the instruction set")?,
    };
    let image = Image::parse(POLICY)?;
    let mut executor = Executor::with_instruction_set(image, vec![0.0; image.scratch_len()], set)?;
    let mut observation = vec![0.0; image.input_size()];
    let mut state = 1_u32;
    for _ in 0..INFERENCES {
        for value in &mut observation {
            *value = draw(&mut state);
        }
        black_box(executor.infer(black_box(&observation))?.action[0]);
    }
    println!("{INFERENCES} inferences, {}", set.name());
    Ok(())
}
