"""Writes tables between the markers of `docs/work-precision.md`; the prose around them is written by hand."""

import math
import pathlib

DOCUMENT = pathlib.Path(__file__).parents[3] / "docs" / "work-precision.md"
SHOWN = [
    ("MuJoCo", "Euler", 2.0, 100),
    ("MuJoCo", "implicitfast", 2.0, 100),
    ("MuJoCo", "implicitfast", 5.0, 100),
    ("MuJoCo", "RK4", 2.0, 100),
    ("Sinew", "multibody", 2.0, 1),
    ("Sinew", "multibody", 2.0, 4),
    ("Sinew", "multibody", 1.0, 1),
    ("Sinew", "joint_constraints", 2.0, 1),
    ("Sinew", "joint_constraints", 2.0, 4),
    ("Sinew", "joint_constraints", 1.0, 4),
]
WANTED_RAD = 2e-3
LAYERS = {
    "bare": "rapier alone",
    "forces": "rapier, a force set on every body",
    "robot": "Sinew's robot",
    "environment": "Sinew's environment",
}


def replace(path, marker, text):
    """Puts text between `<!-- marker -->` and `<!-- end of marker -->`."""
    page = path.read_text()
    opening, closing = f"<!-- {marker} -->", f"<!-- end of {marker} -->"
    before, _, rest = page.partition(opening)
    _, found, after = rest.partition(closing)
    if not found:
        raise ValueError(f"{path}: expected {opening} and {closing}")
    path.write_text(f"{before}{opening}\n{text}\n{closing}{after}")


def _name(engine, method, period_ms, iterations):
    steps = f", {iterations} iteration{'s' * (iterations > 1)}" if engine == "Sinew" else ""
    return f"{engine} {method.replace('_', ' ')}, {period_ms:g} ms{steps}"


def _number(value):
    return f"{value:.1e}" if math.isfinite(value) else "diverges"


def precision_tables(points, scenarios):
    """For each scenario the errors of settings that are in use."""
    lines = []
    for scenario in scenarios:
        lines += [f"\n**{scenario.name}**: {scenario.title}\n"]
        lines += ["| setting | joints, own, rad | base, own, mm | joints, MuJoCo, rad | base, MuJoCo, mm |", "|---|---|---|---|---|"]
        for setting in SHOWN:
            point = _find(points, scenario, setting)
            base = [f"{value:.2f}" if scenario.floor else "" for value in (point.own_base_mm, point.mujoco_base_mm)]
            lines.append(
                f"| {_name(*setting)} | {_number(point.own_joints_rad)} | {base[0]} | {_number(point.mujoco_joints_rad)} | {base[1]} |"
            )
        for point in points:
            if point.scenario == scenario.name and point.period_ms == 0.1:
                base = f"{point.mujoco_base_mm:.2f}" if scenario.floor else ""
                name = _name(point.engine, point.method, point.period_ms, point.iterations)
                lines.append(f"| {name} | | | {_number(point.mujoco_joints_rad)} | {base} |")
    return "\n".join(lines)


def _find(points, scenario, setting):
    return next(
        point
        for point in points
        if (point.scenario, point.engine, point.method, point.period_ms, point.iterations) == (scenario.name, *setting)
    )


def explanation_table(rows):
    """What taking a difference in models away does to the difference in motion."""
    lines = ["| motion | without | multibody, joints, rad | base, mm | joint constraints, joints, rad | base, mm |", "|---|---|---|---|---|---|"]
    for (name, changes, _, *reduced), (_, _, _, *constrained) in zip(rows[::2], rows[1::2]):
        what = {"armature": "rotors", "frictionloss": "dry friction"}
        taken = "soft contacts, in MuJoCo" if "hard_contacts" in changes else ", ".join(what[one] for one in changes.get("without", ()))
        bases = [f"{base:.2f}" if base else "" for _, base in (reduced, constrained)]
        lines.append(f"| {name} | {taken} | {reduced[0]:.1e} | {bases[0]} | {constrained[0]:.1e} | {bases[1]} |")
    return "\n".join(lines)


def cost_table(points, scenarios):
    """The cheapest setting of each method that is near enough to its own finest step."""
    methods = [("MuJoCo", "Euler"), ("MuJoCo", "implicitfast"), ("MuJoCo", "RK4"), ("Sinew", "multibody"), ("Sinew", "joint_constraints")]
    lines = [
        f"CPU time in ms for each simulated second of the cheapest setting whose joints stay within {WANTED_RAD:g} rad RMS of the method's own finest step:\n",
        "| scenario | " + " | ".join(f"{engine} {method.replace('_', ' ')}" for engine, method in methods) + " |",
        "|---" * (len(methods) + 1) + "|",
    ]
    for scenario in scenarios:
        cells = []
        for method in methods:
            near = [
                point
                for point in points
                if (point.scenario, point.engine, point.method) == (scenario.name, *method)
                and point.own_joints_rad <= WANTED_RAD
                and math.isfinite(point.cpu_ms_per_s)
            ]
            best = min(near, key=lambda point: point.cpu_ms_per_s, default=None)
            cells.append(f"{best.cpu_ms_per_s:.1f} ({best.period_ms:g} ms, {best.iterations})" if best else "none")
        lines.append(f"| {scenario.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def speed_table(rates, period_ms):
    """Physics steps a second of the standing quadruped."""
    fastest = max(rate for (layer, _, _), (rate, _) in rates.items() if layer == "MuJoCo")
    lines = [
        f"| {period_ms:g} ms steps | steps/s | of bare rapier | of MuJoCo's fastest | trunk stands at |",
        "|---|---|---|---|---|",
    ]
    for (layer, method, iterations), (rate, height) in rates.items():
        if layer == "MuJoCo":
            name, of_bare = f"MuJoCo {method}", ""
        else:
            name = f"{LAYERS[layer]}, {method.replace('_', ' ')}, {iterations} iteration{'s' * (iterations > 1)}"
            of_bare = f"{rate / rates[('bare', method, iterations)][0]:.0%}"
        lines.append(f"| {name} | {rate:,.0f} | {of_bare} | {rate / fastest:.2f} | {height:.4f} m |")
    return "\n".join(lines)
