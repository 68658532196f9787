//! From the bytes of a sample to the bytes of a command, in a control loop: `decode_to_encode [SECONDS]`.
//!
//! A loop wakes at 1 kHz and hosts a quadrotor that hangs still on an in-process link, under policies of 64-64 and of 256-256. At every
//! other deadline the host ticks, and every tick infers: decode, age, infer, supervise, encode. At the deadlines between, the
//! image's bytes are read once instead: what any inference must do, with caches as cold as a millisecond of sleep leaves them.
//! Prints how long both took, and what the thread was granted; then the same where the loop wakes early and rehearses each tick,
//! as `sinew-host run --early 100` does.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use sinew_firmware_host::allocation::{CountingAllocator, count, thread_usage};
use sinew_firmware_host::control_loop::{Pace, Waiting};
use sinew_firmware_host::hil::host_options;
use sinew_firmware_host::host::Host;
use sinew_firmware_host::link::inproc_pair;
use sinew_firmware_host::plant::Plant;
use sinew_firmware_host::robot::Robot;
use sinew_firmware_host::rt::{RtPolicy, monotonic_ns, prepare_thread};
use sinew_firmware_host::timing::{Histogram, Quantiles};
use sinew_policy_runtime::contract::Provenance;
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::onnx::{self, write};
use sinew_policy_runtime::supervisor::Request;
use sinew_sim::{Randomization, Task};
use std::error::Error;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const PERIOD_NS: u64 = 1_000_000;
const EARLY_US: u32 = 100;
/// Hidden neurons of both layers.
const WIDTHS: [usize; 2] = [64, 256];

fn main() -> Result<(), Box<dyn Error>> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_u64);
    let (granted, _guard) = prepare_thread(RtPolicy::Try, Some(0))?;
    for item in &granted.items {
        println!("{}: {}", item.name, if item.granted { "granted" } else { "refused" });
    }
    for (name, early_us) in [("sleeps", 0), ("wakes early and rehearses", EARLY_US)] {
        for width in WIDTHS {
            println!("{width}-{width}, the loop {name}:");
            measure(width, seconds, early_us)?;
        }
    }
    Ok(())
}

/// Flies one policy for so long.
fn measure(width: usize, seconds: u64, early_us: u32) -> Result<(), Box<dyn Error>> {
    let task = Task::load("quadrotor")?;
    let image = policy(&task, width)?;
    let view = image.image()?;
    let contract = view.contract()?.ok_or("a policy without a contract")?;
    let robot = Robot::of_task(&task);
    let options = host_options(&task, &contract, None, 1)?;
    let period_us = (options.tick_period_s * 1e6).round() as u64;
    let mut host = Host::new(view, &contract, &robot, options)?;
    let mut plant = Plant::new(&task, Randomization::Nominal, 0)?;
    let mut waiting = Waiting::new(Pace::new(PERIOD_NS as f64 * 1e-9, early_us)?, &host);
    let (mut own, mut other) = inproc_pair();
    let (mut ticks, mut reads) = (Histogram::default(), Histogram::default());
    let (mut allocations, before) = (0, thread_usage());
    let (mut deadline_ns, mut now_us, mut request) = (monotonic_ns(), 0, Some(Request::Arm));
    for turn in 0..seconds * 1_000_000_000 / PERIOD_NS {
        deadline_ns += PERIOD_NS;
        waiting.wait(deadline_ns, &host, now_us);
        let begun_ns = monotonic_ns();
        if turn % 2 == 1 {
            let bytes = image.as_bytes().as_chunks::<8>().0;
            black_box(bytes.iter().fold(0, |sum: u64, bytes| sum.wrapping_add(u64::from_le_bytes(*bytes))));
            reads.record_ns(monotonic_ns() - begun_ns);
            continue;
        }
        let arms = request.filter(|_| host.is_connected());
        request = request.filter(|_| arms.is_none());
        let calls = count();
        host.tick(now_us, &mut own, arms);
        ticks.record_ns(monotonic_ns() - begun_ns);
        allocations += count() - calls;
        // A robot has a computer of its own: none of the host's caches are spent on physics.
        now_us += period_us;
        plant.receive(now_us, &mut other);
        plant.publish(now_us, &mut other);
    }
    let usage = thread_usage();
    let line = |what: &str, quantiles: Quantiles| {
        println!(
            "  {what:<26} p50 {:>6.2} us, p99 {:>6.2} us, p99.9 {:>6.2} us, max {:>8.2} us",
            quantiles.p50, quantiles.p99, quantiles.p999, quantiles.max
        );
    };
    line("decode to encode", ticks.quantiles());
    line(&format!("read of {} bytes", image.as_bytes().len()), reads.quantiles());
    println!(
        "  {} inferences in {} ticks; {allocations} allocations in ticks, {} page faults, {} involuntary switches",
        host.counters().inferences,
        ticks.len(),
        usage.minor_faults + usage.major_faults - before.minor_faults - before.major_faults,
        usage.involuntary_switches - before.involuntary_switches,
    );
    Ok(())
}

/// Two hidden layers of tanh that were never trained.
fn policy(task: &Task, width: usize) -> Result<AlignedImage, Box<dyn Error>> {
    let contract = task.contract(Provenance::new("none", 0, 0, "0"));
    let sizes = [contract.observation_size(), width, width, contract.action_size()];
    let weights = sizes.windows(2).map(|pair| {
        let scale = 1.0 / (50.0 * (pair[0] as f32).sqrt());
        (0..pair[0] * pair[1]).map(|index| ((index * 7919 % 101) as f32 - 50.0) * scale).collect::<Vec<_>>()
    });
    let (weights, bias) = (weights.collect::<Vec<_>>(), vec![0.0; width.max(contract.action_size())]);
    let layers = weights.iter().zip(&sizes[1..]).enumerate().map(|(index, (weights, outputs))| {
        let activation = (index < 2).then_some(write::Activation::Tanh);
        write::DenseLayer { weights, bias: &bias[..*outputs], activation }
    });
    let head =
        write::Head { squash: write::Squash::Tanh, scale: task.head_scale(), offset: task.head_offset() };
    let layers: Vec<_> = layers.collect();
    let graph = write::PolicyGraph { normalizer: None, layers: &layers, head, contract: &contract };
    Ok(onnx::load(&write::write(&graph)?)?)
}
