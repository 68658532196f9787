"""Draws error over step size and over CPU time as SVG, the same bytes for the same points."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plot

from measure import PERIODS_MS

matplotlib.rcParams.update({"svg.hashsalt": "sinew", "svg.fonttype": "none", "font.size": 9, "font.family": "sans-serif"})

# (engine, method, iterations): label, colour, marker.
LINES = {
    ("MuJoCo", "Euler", 100): ("MuJoCo Euler", "#4477aa", "o"),
    ("MuJoCo", "implicitfast", 100): ("MuJoCo implicitfast", "#66ccee", "s"),
    ("MuJoCo", "RK4", 100): ("MuJoCo RK4", "#22226c", "^"),
    ("Sinew", "multibody", 1): ("Sinew multibody, 1 iteration", "#b5e0a5", "o"),
    ("Sinew", "multibody", 4): ("Sinew multibody, 4", "#4aa84a", "s"),
    ("Sinew", "multibody", 16): ("Sinew multibody, 16", "#126012", "^"),
    ("Sinew", "joint_constraints", 1): ("Sinew constraints, 1 iteration", "#f9c48d", "o"),
    ("Sinew", "joint_constraints", 4): ("Sinew constraints, 4", "#ee7733", "s"),
    ("Sinew", "joint_constraints", 16): ("Sinew constraints, 16", "#992200", "^"),
}
ERRORS = {"own_joints_rad": "against its own finest step", "mujoco_joints_rad": "against MuJoCo, RK4, 0.1 ms"}
ABSCISSAE = {"period_ms": "step, ms", "cpu_ms_per_s": "CPU time, ms for each simulated second"}


# RK4 without contacts goes on far below what single precision can be compared with.
SMALLEST = 1e-7


def _range(points, scenario):
    """Limits that hold the errors of both panels."""
    ours = [point for point in points if point.scenario == scenario.name]
    shown = [getattr(point, error) for point in ours for error in ERRORS]
    shown = [error for error in shown if error > SMALLEST]
    return 0.6 * min(shown), 1.6 * max(shown)


def draw(points, scenarios, abscissa, path):
    figure, axes = plot.subplots(len(scenarios), 2, figsize=(9, 2.6 * len(scenarios) + 0.6), sharey="row", squeeze=False)
    for row, scenario in zip(axes, scenarios):
        for panel, (error, title) in zip(row, ERRORS.items()):
            for (engine, method, iterations), (label, colour, marker) in LINES.items():
                line = sorted(
                    (getattr(point, abscissa), getattr(point, error))
                    for point in points
                    if (point.scenario, point.engine, point.method, point.iterations)
                    == (scenario.name, engine, method, iterations)
                    and point.period_ms > 0.1
                )
                panel.loglog(*zip(*line), color=colour, marker=marker, markersize=4, linewidth=1.2, label=label)
            panel.set_title(f"{scenario.name}: {title}", fontsize=9)
            panel.minorticks_off()
            panel.grid(True, which="major", color="#dddddd", linewidth=0.6)
            if abscissa == "period_ms":
                panel.set_xticks(PERIODS_MS, labels=[f"{period:g}" for period in PERIODS_MS])
        row[0].set_ylim(_range(points, scenario))
        row[0].set_ylabel("joint error, rad RMS")
    for panel in axes[-1]:
        panel.set_xlabel(ABSCISSAE[abscissa])
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncol=3, frameon=False, fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.75 / figure.get_figheight()))
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plot.close(figure)
