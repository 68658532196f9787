"""How fast Stable-Baselines3 and Sinew train, in turn on the same machine: the table of docs/training-speed.md.

    training_speed.py SINEW UPDATE_PRODUCTS FOLDER TURNS

SINEW and UPDATE_PRODUCTS are the built programs; runs are written below FOLDER; every
measurement is repeated TURNS times. Prints Markdown. Nothing else may run meanwhile.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import numpy
import stable_baselines3
import torch
from sinew_training import PPO_STEPS, START_STEPS, ppo_report, seconds_per_step

# Algorithm, width of both hidden layers, batch, threads.
CASES = [(algorithm, width, batch, threads)
         for algorithm, width, batch in [("sac", 64, 100), ("td3", 64, 100), ("ddpg", 64, 100), ("sac", 256, 256)]
         for threads in (1, 2)]
# Steps that are timed. The peer's are fewer than Sinew's: it is slower, and its rate is as steady.
PEER_STEPS = {64: 2_000, 256: 500}
STEPS = {64: 20_000, 256: 4_000}


def peer_seconds_per_step(algorithm, width, batch, threads):
    """Environment steps with one update each, the environment's time included, the start's left out."""
    torch.set_num_threads(threads)
    noise = stable_baselines3.common.noise.NormalActionNoise(numpy.zeros(1), 0.1 * numpy.ones(1))
    own = {} if algorithm == "sac" else {"action_noise": noise}
    model = getattr(stable_baselines3, algorithm.upper())(
        "MlpPolicy", gymnasium.make("Pendulum-v1"), batch_size=batch, learning_starts=START_STEPS, train_freq=1, gradient_steps=1,
        policy_kwargs={"net_arch": [width, width]}, device="cpu", seed=0, **own)
    model.learn(START_STEPS + 50)
    steps = PEER_STEPS[width]
    start = time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    return (time.perf_counter() - start) / steps


def main():
    sinew, products, folder, turns = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
    bare = {}
    for line in subprocess.run([products], check=True, capture_output=True, text=True).stdout.splitlines():
        algorithm, width, batch, *figures = line.split()
        bare[algorithm, int(width), int(batch)] = [float(figure) for figure in figures]
    print(f"Turns: {turns}; torch {torch.__version__}, Stable-Baselines3 {stable_baselines3.__version__}.\n")
    print("| algorithm | hidden layers | batch | threads | Stable-Baselines3, steps/s | Sinew, steps/s | ratio "
          "| Sinew, us for a step with its update | its products by faer alone | by Sinew alone |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for case in CASES:
        algorithm, width, batch, threads = case
        ours, theirs = [], []
        for _ in range(turns):
            ours.append(seconds_per_step(sinew, folder, *case, STEPS[width]))
            theirs.append(peer_seconds_per_step(*case))
        ratio = statistics.median(peer / own for peer, own in zip(theirs, ours))
        own, peer = statistics.median(ours), statistics.median(theirs)
        faer, faer_rate, sinew_alone, sinew_rate = bare[algorithm, width, batch]
        alone = (f"{faer:.0f} us, {100e-6 * faer / own:.0f} %, {faer_rate:.0f} GFLOP/s | {sinew_alone:.0f} us, {sinew_rate:.0f} GFLOP/s"
                 if threads == 1 else "|")
        print(f"| {algorithm.upper()} | {width}-{width} | {batch} | {threads} | {1 / peer:.0f} | {1 / own:,.0f} | {ratio:.1f} "
              f"| {1e6 * own:.0f} | {alone} |", flush=True)
    print()
    print("| PPO, 64 environments x 128 steps, batches of 1024, 1 epoch, 32-32 tanh | environment steps/s | return after "
          f"{PPO_STEPS:,} steps |")
    print("|---|---|---|")
    for threads in (1, 2):
        reports = [ppo_report(sinew, folder, threads) for _ in range(turns)]
        rate = PPO_STEPS / statistics.median(report["seconds"] for report in reports)
        learned = reports[0]["evaluation"]["return_mean"]
        print(f"| {threads} thread{'s' if threads > 1 else ''} | {rate:,.0f} | {learned:.0f} |", flush=True)


if __name__ == "__main__":
    main()
