//! The counting allocator, installed as a binary installs it.

use sinew_firmware_host::allocation::{CountingAllocator, count, thread_usage};
use sinew_firmware_host::link::{
    AuthenticatedLink, FaultClock, FaultInjector, FaultPlan, Link, MergedLink, PtyLink, SerialLink, UdpLink,
    UnixLink, inproc_pair,
};
use sinew_firmware_host::rt::monotonic_ns;
use sinew_firmware_host::timing::Histogram;
use sinew_firmware_host::wire::authentication::Key;
use std::hint::black_box;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// How often `work` called the allocator on this thread.
fn counted(work: impl FnOnce()) -> u64 {
    let before = count();
    work();
    count() - before
}

#[test]
fn allocating_growing_and_freeing_each_count_once() {
    let mut bytes: Vec<u8> = Vec::new();
    assert_eq!(counted(|| bytes = black_box(Vec::with_capacity(10))), 1);
    assert_eq!(counted(|| bytes.reserve_exact(black_box(1000))), 1);
    assert_eq!(counted(|| drop(black_box(std::mem::take(&mut bytes)))), 1);
    assert_eq!(counted(|| drop(black_box(vec![0_u8; 64]))), 2);
}

#[test]
fn another_thread_has_its_own_count() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (tell, hear) = std::sync::mpsc::channel();
    let other = std::thread::spawn(move || {
        wait.recv().unwrap();
        let counted = counted(|| drop(black_box(vec![1_u8; 100])));
        tell.send(counted).unwrap();
    });
    go.send(()).unwrap();
    let of_the_other = hear.recv().unwrap();
    other.join().unwrap();
    assert_eq!(of_the_other, 2);
    assert_eq!(counted(|| ()), 0);
}

#[test]
fn recording_a_duration_and_counting_itself_allocate_nothing() {
    let mut histogram = Histogram::default();
    let calls = counted(|| {
        for duration_ns in (0..u64::MAX / 2).step_by(usize::MAX / 1000) {
            histogram.record_ns(duration_ns);
        }
        black_box((histogram.quantiles(), histogram.buckets().count(), thread_usage()));
    });
    assert_eq!(calls, 0);
}

/// Sends and receives a thousand times at both ends, whether or not anything arrives, and counts.
fn counted_traffic(host: &mut dyn Link, robot: &mut dyn Link) -> u64 {
    let mut buffer = [0; 1024];
    counted(|| {
        for number in 0..1000_u32 {
            host.begin_tick();
            robot.begin_tick();
            // A full link's refusal must not allocate either.
            let _ = black_box(host.send(&[number as u8 | 1, 2, 3, 0]));
            let _ = black_box(robot.send(&[number as u8 | 1, 2, 0]));
            let _ = black_box(host.receive(&mut buffer));
            if number.is_multiple_of(2) {
                let _ = black_box(robot.receive(&mut buffer));
            }
        }
    })
}

#[test]
fn no_link_allocates_once_it_is_open() {
    let mut bound = UdpLink::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut connected = UdpLink::connect(bound.address().unwrap()).unwrap();
    assert_eq!(counted_traffic(&mut connected, &mut bound), 0, "udp");
    let (mut master, path) = PtyLink::open().unwrap();
    let mut attached = PtyLink::attach(&path).unwrap();
    assert_eq!(counted_traffic(&mut attached, &mut master), 0, "pty");
    let (mut master, path) = PtyLink::open().unwrap();
    let mut attached = SerialLink::open(&path, 115_200).unwrap();
    assert_eq!(counted_traffic(&mut attached, &mut master), 0, "serial");
    let (mut host, mut robot) = inproc_pair();
    assert_eq!(counted_traffic(&mut host, &mut robot), 0, "inproc");
    let (operator, _station) = inproc_pair();
    assert_eq!(counted_traffic(&mut MergedLink::new(host, operator), &mut robot), 0, "merged");
    let path = std::env::temp_dir().join(format!("sinew-allocation-{}.socket", std::process::id()));
    let mut listening = UnixLink::bind(path.to_str().unwrap()).unwrap();
    let mut connected = UnixLink::connect(path.to_str().unwrap()).unwrap();
    assert_eq!(counted_traffic(&mut connected, &mut listening), 0, "unix");
    assert_eq!(listening.counters().sessions, 1);
    // A link that breaks and a reader that vanishes allocate nothing either; another thread does what does.
    drop(listening);
    let (_unused, mut robot) = inproc_pair();
    assert_eq!(counted_traffic(&mut connected, &mut robot), 0, "broken");
}

#[test]
fn a_handshake_and_what_follows_allocate_nothing() {
    let key = || Key::new([5; 32]);
    let mut robot = AuthenticatedLink::bind("127.0.0.1:0".parse().unwrap(), key(), 32).unwrap();
    let mut host = AuthenticatedLink::connect(robot.address().unwrap(), key(), 32).unwrap();
    // The process's first reading looks for the kernel's fast way to read the clock; a control loop has read it before it ticks.
    monotonic_ns();
    let mut rounds = 0;
    while host.counters().received == 0 {
        assert_eq!(counted_traffic(&mut host, &mut robot), 0);
        rounds += 1;
        assert!(rounds < 1000, "{:?} {:?}", host.counters(), robot.counters());
    }
    assert_eq!((host.counters().sessions, robot.counters().sessions), (1, 1));
}

#[test]
fn injecting_every_fault_at_once_does_not_allocate() {
    let window = |kind: &str, delay_s: f64| {
        format!(
            "[[faults]]\nat_s = 0.0\nduration_s = 9.0\nprobability = 0.5\nkind = \"{kind}\"\ndelay_s = {delay_s:?}\n"
        )
    };
    let kinds = [("drop", 0.0), ("duplicate", 0.0), ("delay", 5.0), ("reorder", 0.0), ("corrupt", 0.0)];
    let text: String = kinds.into_iter().map(|(kind, delay_s)| window(kind, delay_s)).collect();
    let (host, mut robot) = inproc_pair();
    // Nothing that is delayed becomes due, so frames pile up beyond the injector's room.
    let mut injector =
        FaultInjector::new(host, FaultPlan::parse(&text, "all.toml").unwrap(), 1, FaultClock::default());
    for round in 0..4 {
        assert_eq!(counted_traffic(&mut injector, &mut robot), 0, "round {round}");
    }
    let counts = injector.counts();
    let each = [counts.dropped, counts.duplicated, counts.delayed, counts.reordered, counts.corrupted];
    assert!(each.iter().all(|count| *count > 100), "{counts:?}");
}

#[test]
fn touching_new_memory_shows_as_page_faults_of_this_thread() {
    const PAGES: usize = 256;
    let before = thread_usage();
    // Large enough that the allocator asks the kernel for untouched pages.
    let mut memory = vec![0_u8; PAGES * 4096];
    for page in memory.chunks_mut(4096) {
        page[0] = black_box(1);
    }
    let faults = thread_usage().since(&before);
    assert!(faults.minor_faults > 0, "{faults:?}");
    black_box(memory);
}
