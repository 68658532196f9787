"""Trains with Sinew on `pendulum-v1` in the shapes in which its speed is compared with its peers'."""

import json
import subprocess
import time

# Environment steps with random actions before the first update.
START_STEPS = 200
# Those of a run of PPO; `.ci/rltools` gives its peer as many.
PPO_STEPS = 5_242_880


def train(sinew, folder, algorithm, steps, threads, settings, environments=1):
    """The report of a run without evaluations on its way."""
    overrides = [f"{algorithm}.{key}={value}" for key, value in settings.items()] + ["training.evaluation_interval=0"]
    arguments = [argument for override in overrides for argument in ("--set", override)]
    name = f"{algorithm}-{settings.get('hidden', '')}-{threads}-{time.monotonic_ns()}".replace(" ", "")
    subprocess.run([sinew, "train", "pendulum-v1", "--algo", algorithm, "--steps", str(steps), "--threads", str(threads),
                    "--envs", str(environments), "--out", folder / name, *arguments], check=True, capture_output=True)
    return json.loads((folder / name / "report.json").read_text())


def seconds_per_step(sinew, folder, algorithm, width, batch, threads, steps):
    """Of an off-policy algorithm with one update for each environment step."""
    settings = {"hidden": [width, width], "batch_size": batch, "start_steps": START_STEPS, "updates_per_step": 1}
    return train(sinew, folder, algorithm, steps, threads, settings)["seconds"] / steps


def ppo_report(sinew, folder, threads):
    """Of 64 environments x 128 steps, batches of 1024, 1 epoch, two layers of 32 with tanh."""
    settings = {"hidden": [32, 32], "activation": '"tanh"', "steps_per_environment": 128, "minibatches": 8, "epochs": 1}
    return train(sinew, folder, "ppo", PPO_STEPS, threads, settings, environments=64)
