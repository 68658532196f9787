"""How fast RLtools and Sinew train, in turn on one thread of the same machine: a table of docs/training-speed.md.

    rltools_speed.py SINEW PROGRAMS FOLDER TURNS

PROGRAMS holds RLtools' own benchmarks `sac`, `td3` and `ppo`, built by `.ci/rltools`; runs of
SINEW are written below FOLDER; every measurement is repeated TURNS times. Prints Markdown.
Nothing else may run meanwhile.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from sinew_training import PPO_STEPS, ppo_report, seconds_per_step

# Environment steps that RLtools' programs make, and what else a row says.
OFF_POLICY_STEPS = 10_000
CASES = {
    "sac": (OFF_POLICY_STEPS, "SAC, 64-64, batches of 100, an update for each step"),
    "td3": (OFF_POLICY_STEPS, "TD3, 64-64, batches of 100, an update for each step"),
    "ppo": (PPO_STEPS, "PPO, 32-32 tanh, 64 environments x 128 steps, batches of 1024, 1 epoch"),
}


def peer_seconds(programs, algorithm):
    """The whole program; PPO's ends with an evaluation of a thousand episodes, 4 % of its steps."""
    start = time.perf_counter()
    subprocess.run([programs / algorithm], check=True, capture_output=True)
    return time.perf_counter() - start


def our_seconds(sinew, folder, algorithm, steps):
    if algorithm == "ppo":
        return ppo_report(sinew, folder, 1)["seconds"]
    return steps * seconds_per_step(sinew, folder, algorithm, 64, 100, 1, steps)


def main():
    sinew, programs, folder, turns = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    print(f"Turns: {turns}.\n")
    print("| `pendulum-v1`, one thread | RLtools, steps/s | Sinew, steps/s | ratio |")
    print("|---|---|---|---|")
    for algorithm, (steps, name) in CASES.items():
        ours, theirs = [], []
        for _ in range(turns):
            ours.append(our_seconds(sinew, folder, algorithm, steps))
            theirs.append(peer_seconds(programs, algorithm))
        ratio = statistics.median(peer / own for peer, own in zip(theirs, ours))
        print(f"| {name} | {steps / statistics.median(theirs):,.0f} | {steps / statistics.median(ours):,.0f} | {ratio:.2f} |",
              flush=True)


if __name__ == "__main__":
    main()
