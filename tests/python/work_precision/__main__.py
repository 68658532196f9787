"""Error and CPU time of Sinew's simulated robots beside MuJoCo's on the same files.

    python work_precision precision|errors|speed PLAYER OUT [--repeats N]

`errors` leaves out of the page what depends on how busy the machine is. PLAYER is the built example `work_precision` of `sinew-sim`. Writes `points.csv`, `points.json` or `speed.json` into OUT, figures into
`docs/`, and the tables of `docs/work-precision.md`.
"""

import argparse
import csv
import dataclasses
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import figure
import measure
import page
from scenario import SCENARIOS
from sinew_engine import Player

DOCS = page.DOCUMENT.parent


def precision(player, out, repeats, with_costs):
    points = []
    for scenario in SCENARIOS:
        print(scenario.name, file=sys.stderr)
        points += measure.measure(scenario, player, repeats)
    rows = [dataclasses.asdict(point) for point in points]
    (out / "points.json").write_text(json.dumps(rows, indent=1))
    with open(out / "points.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=rows[0])
        writer.writeheader()
        writer.writerows(rows)
    figure.draw(points, SCENARIOS, "period_ms", DOCS / "work-precision-step.svg")
    page.replace(page.DOCUMENT, "errors", page.precision_tables(points, SCENARIOS))
    page.replace(page.DOCUMENT, "explanations", page.explanation_table(measure.explain(SCENARIOS, player)))
    if with_costs:
        figure.draw(points, SCENARIOS, "cpu_ms_per_s", DOCS / "work-precision-cost.svg")
        shown = "\n\n![Error over CPU time](work-precision-cost.svg)"
        page.replace(page.DOCUMENT, "costs", page.cost_table(points, SCENARIOS) + shown)


def speed(player, out, repeats):
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == "quadruped-push")
    rates = measure.speed(scenario, player, repeats)
    rows = [[*setting, *found] for setting, found in rates.items()]
    (out / "speed.json").write_text(json.dumps(rows, indent=1))
    page.replace(page.DOCUMENT, "speed", page.speed_table(rates, 2.0))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["precision", "errors", "speed"])
    parser.add_argument("player", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    player = Player(arguments.player)
    if arguments.what == "speed":
        speed(player, arguments.out, arguments.repeats)
    else:
        precision(player, arguments.out, arguments.repeats, arguments.what == "precision")
    player.close()


main()
