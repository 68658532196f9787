"""One block of `.ci/wake_up`: p99.9 of cyclictest's histogram and of the loop's, and their ratio."""

import json
import sys


def cyclictest_us(path, per_mille):
    """The smallest latency that so many of a thousand wake-ups did not exceed, µs."""
    counts, overflows = {}, 0
    for line in open(path):
        words = line.split()
        if line.startswith("# Histogram Overflows:"):
            overflows = int(words[3])
        elif words and not line.startswith("#") and len(words) == 2:
            counts[int(words[0])] = int(words[1])
    total = sum(counts.values()) + overflows
    counted = 0
    for latency, count in sorted(counts.items()):
        counted += count
        if counted * 1000 >= total * per_mille:
            return latency
    return max(counts)


peer = cyclictest_us(sys.argv[1], 999)
with open(sys.argv[2]) as file:
    loop = json.load(file)
ours, compute, thread = loop["wake_up_us"]["p999"], loop["compute_us"]["p999"], loop["thread"]
print(
    f"p99.9 us: cyclictest {peer}, loop {ours:.0f} (compute {compute:.0f}); "
    f"{loop['allocations']} allocations, {thread['minor_faults'] + thread['major_faults']} page faults, "
    f"{thread['involuntary_switches']} involuntary switches; ratio {ours / max(peer, 1):.3f}"
)
