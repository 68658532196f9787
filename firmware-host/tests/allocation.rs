//! The counting allocator, installed as a binary installs it.

use sinew_firmware_host::allocation::{CountingAllocator, count, thread_usage};
use sinew_firmware_host::timing::Histogram;
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
