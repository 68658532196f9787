#!/usr/bin/env python3
"""Reads the event files of a run with TensorBoard's own reader, and compares them with metrics.csv and report.json.

Every checksum is verified by the reader; every scalar must be the number that the other files hold, at the same step, and a
resumed run must show no step twice. Needs: pip install tensorboard.
"""

import argparse
import csv
import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

# Tag, column of metrics.csv.
COLUMNS = {
    "rollout/ep_rew_mean": "return_mean",
    "time/fps": "steps_per_s",
    "train/actor_loss": "actor_loss",
    "train/critic_loss": "critic_loss",
    "train/ent_coef": "alpha",
}


def series(events, tag):
    return {event.step: event.value for event in events.Scalars(tag)}


def compare(tag, found, expected):
    expected = {step: value for step, value in expected.items() if math.isfinite(value)}
    if found.keys() != expected.keys():
        sys.exit(f"{tag}: steps {sorted(found)} in the events, {sorted(expected)} elsewhere")
    for step, value in expected.items():
        # metrics.csv keeps a tenth of a step per second.
        tolerance = 0.06 if tag == "time/fps" else 1e-6 * abs(value) + 1e-9
        if abs(found[step] - value) > tolerance:
            sys.exit(f"{tag} at step {step}: {found[step]} in the events, {value} elsewhere")
    print(f"{tag}: {len(found)} points agree")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=pathlib.Path, help="a finished run's folder")
    run = parser.parse_args().run
    events = EventAccumulator(str(run), size_guidance={"scalars": 0})
    events.Reload()
    with open(run / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for tag, column in COLUMNS.items():
        compare(tag, series(events, tag), {int(row["steps"]): float(row[column]) for row in rows})
    curve = json.loads((run / "report.json").read_text())["curve"]
    for tag, field in {"eval/mean_reward": "return_mean", "eval/mean_ep_length": "episode_steps_mean"}.items():
        compare(tag, series(events, tag), {point["steps"]: point[field] for point in curve})
    if any(point["success_rate"] is not None for point in curve):
        rates = {point["steps"]: point["success_rate"] for point in curve}
        compare("eval/success_rate", series(events, "eval/success_rate"), rates)
    lengths = series(events, "rollout/ep_len_mean").values()
    if not lengths or not all(length >= 1 for length in lengths):
        sys.exit(f"rollout/ep_len_mean: {list(lengths)}")


if __name__ == "__main__":
    main()
