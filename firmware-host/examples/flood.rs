//! What hostile datagrams cost a tick: `flood [SECONDS]`.
//!
//! A link's end is read at 1 kHz while a genuine peer sends a sample's worth each tick: in peace, while another socket is flooded, and
//! then under 100,000 datagrams a second on loopback, of each hostile kind in turn. Prints for each how long ticks took and how many
//! ended late, and fails where a flood makes a tick in a hundred take longer than a quarter of its period, or changes what is
//! received into anything but silence.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use sinew_firmware_host::link::{AuthenticatedLink, Link, LinkCounters};
use sinew_firmware_host::rt::{RtPolicy, monotonic_ns, pin, prepare_thread, sleep_until_ns};
use sinew_firmware_host::timing::Histogram;
use sinew_firmware_host::wire::authentication::Key;
use sinew_firmware_host::wire::authentication::handshake::Initiator;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const PERIOD_NS: u64 = 1_000_000;
const FLOOD_PER_S: u64 = 100_000;
/// Twice a tick's genuine datagrams and some for what was late, as a host with this rate has.
const BUDGET: u32 = 18;

/// What is sent to the link's end beside the genuine datagrams.
const KINDS: [&str; 6] = ["peace", "elsewhere", "replayed", "truncated", "bit-flipped", "wrong key"];

fn main() -> ExitCode {
    // The reader has a control loop's privileges, where they are granted; the flood comes from another core.
    let _privileges = prepare_thread(RtPolicy::Try, Some(0));
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(5_u64);
    println!("{:<12} {:>9} {:>9} {:>9} {:>6}  counters", "traffic", "p50 us", "p99.9 us", "max us", "late");
    let mut passed = true;
    for kind in KINDS {
        match measure(kind, seconds) {
            Ok(good) => passed &= good,
            Err(error) => {
                println!("{kind}: {error}");
                passed = false;
            }
        }
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one kind of traffic for so long; whether it was borne.
fn measure(kind: &str, seconds: u64) -> Result<bool, Box<dyn std::error::Error>> {
    let key = || Key::new([7; 32]);
    let mut reader = AuthenticatedLink::bind("127.0.0.1:0".parse()?, key(), BUDGET)?;
    let address = reader.address()?;
    let mut peer = AuthenticatedLink::connect(address, key(), BUDGET)?;
    let datagram = hostile(kind);
    // A flood of another socket costs the machine the same: what is late then is not late for what was read.
    let bystander = UdpSocket::bind("127.0.0.1:0")?;
    let address = if kind == "elsewhere" { bystander.local_addr()? } else { address };
    let (end, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut compute, mut late, mut received) = (Histogram::default(), 0_u64, 0_u64);
    std::thread::scope(|scope| {
        let flooding = datagram.as_ref().map(|bytes| scope.spawn(|| flood(bytes, address, &end, &sent)));
        let mut deadline_ns = monotonic_ns();
        let mut buffer = [0; 2048];
        for _ in 0..seconds * 1_000_000_000 / PERIOD_NS {
            deadline_ns += PERIOD_NS;
            sleep_until_ns(deadline_ns);
            let begun_ns = monotonic_ns();
            reader.begin_tick();
            while let Ok(length @ 1..) = reader.receive(&mut buffer) {
                // The peer sends nothing else.
                assert_eq!(buffer[..length], [1, 2, 3, 0]);
                received += 1;
            }
            let _ = reader.send(&[9, 0]);
            let ended_ns = monotonic_ns();
            compute.record_ns(ended_ns - begun_ns);
            late += u64::from(ended_ns > deadline_ns + PERIOD_NS);
            peer.begin_tick();
            while let Ok(1..) = peer.receive(&mut buffer) {}
            let _ = peer.send(&[1, 2, 3, 0]);
        }
        end.store(true, Ordering::Relaxed);
        flooding.map(std::thread::ScopedJoinHandle::join);
    });
    let quantiles = compute.quantiles();
    let LinkCounters { replayed, truncated, forged, unexpected, flooded_ticks, .. } = reader.counters();
    println!(
        "{kind:<12} {:>9.1} {:>9.1} {:>9.1} {late:>6}  sent {}, received {received}, replayed {replayed}, truncated {truncated}, forged {forged}, unexpected {unexpected}, flooded ticks {flooded_ticks}",
        quantiles.p50,
        quantiles.p999,
        quantiles.max,
        sent.load(Ordering::Relaxed)
    );
    Ok(quantiles.p99 < PERIOD_NS as f64 / 4000.0)
}

/// A datagram of this kind, where it is one.
fn hostile(kind: &str) -> Option<Vec<u8>> {
    // A sealed datagram's form: type, counter, ciphertext, tag.
    let data = |counter: u64| [&[4][..], &counter.to_le_bytes(), &[0x5a; 400]].concat();
    match kind {
        "elsewhere" | "replayed" => Some(data(0)),
        "truncated" => Some(data(u64::MAX)[..20].to_vec()),
        "bit-flipped" => Some(data(u64::MAX)),
        "wrong key" => Some(Initiator::new(Key::new([8; 32]), [1; 32]).initiate().to_vec()),
        _ => None,
    }
}

/// Sends at the rate, in bursts of a tenth of a millisecond.
fn flood(datagram: &[u8], address: SocketAddr, end: &AtomicBool, sent: &AtomicU64) {
    let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return };
    pin(1);
    let begun_ns = monotonic_ns();
    while !end.load(Ordering::Relaxed) {
        let due = (monotonic_ns() - begun_ns) * FLOOD_PER_S / 1_000_000_000;
        while sent.load(Ordering::Relaxed) < due {
            let _ = socket.send_to(datagram, address);
            sent.fetch_add(1, Ordering::Relaxed);
        }
        sleep_until_ns(monotonic_ns() + 100_000);
    }
}
