"""Runs every setting of every engine in turn, several times over, and keeps errors and the least CPU time."""

import dataclasses
import itertools

import numpy as np

import mujoco_engine
from scenario import SAMPLE_S

PERIODS_MS = [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]
# Sinew resolves delays and motors to the physics step, which a task may therefore not make longer than this.
SINEW_LONGEST_MS = 2.0
# Below this, single precision rounds away what a smaller step gains.
SINEW_SHORTEST_SUBSTEP_MS = 0.06
FINEST_MS = 0.1
MUJOCO_ITERATIONS = {"Euler": [100], "implicitfast": [100, 4, 1], "RK4": [100]}
SINEW_ITERATIONS = [1, 2, 4, 8, 16]
# In reduced coordinates more than one iteration at the finest step adds rounding alone; constraints need them to hold.
FINEST_ITERATIONS = {"multibody": 1, "joint_constraints": 4}


@dataclasses.dataclass
class Point:
    scenario: str
    engine: str
    method: str
    period_ms: float
    iterations: int
    cpu_ms_per_s: float
    own_joints_rad: float = float("nan")
    own_base_mm: float = float("nan")
    mujoco_joints_rad: float = float("nan")
    mujoco_base_mm: float = float("nan")


def errors(found, reference):
    """RMS over the samples of all joint angles, rad, and of the base's distance, mm."""
    difference = found - reference
    joints = np.sqrt(np.mean(difference[:, 7:] ** 2))
    base = 1e3 * np.sqrt(np.mean(np.sum(difference[:, :3] ** 2, axis=1)))
    return float(joints), float(base)


def settings():
    """(engine, method, period in ms, iterations); engines take turns."""
    mujoco = [
        ("MuJoCo", integrator, period, iterations)
        for integrator, all_iterations in MUJOCO_ITERATIONS.items()
        for iterations in all_iterations
        for period in PERIODS_MS
    ]
    sinew = [
        ("Sinew", formulation, period, iterations)
        for formulation in FINEST_ITERATIONS
        for iterations in SINEW_ITERATIONS
        for period in PERIODS_MS
        if period <= SINEW_LONGEST_MS and period / iterations >= SINEW_SHORTEST_SUBSTEP_MS
    ]
    turns = itertools.zip_longest(mujoco, sinew)
    return [setting for turn in turns for setting in turn if setting]


def measure(scenario, player, repeats):
    """Every setting's point, of one scenario."""

    def play(engine, method, period_ms, iterations):
        run = player.play if engine == "Sinew" else mujoco_engine.play
        return run(scenario, method, 1e-3 * period_ms, iterations, 1)

    finest = {method: play("MuJoCo", method, FINEST_MS, 100)[1] for method in MUJOCO_ITERATIONS}
    for method, iterations in FINEST_ITERATIONS.items():
        finest[method] = play("Sinew", method, FINEST_MS, iterations)[1]
    points = {}
    for _ in range(repeats):
        for setting in settings():
            cpu_s, samples = play(*setting)
            cpu_ms_per_s = 1e3 * cpu_s / scenario.duration_s
            if setting not in points:
                own = errors(samples, finest[setting[1]])
                points[setting] = Point(scenario.name, *setting, cpu_ms_per_s, *own, *errors(samples, finest["RK4"]))
            points[setting].cpu_ms_per_s = min(points[setting].cpu_ms_per_s, cpu_ms_per_s)
    finest_points = [
        Point(scenario.name, "Sinew", method, FINEST_MS, iterations, float("nan"), 0.0, 0.0, *errors(finest[method], finest["RK4"]))
        for method, iterations in FINEST_ITERATIONS.items()
    ]
    assert all(len(samples) == round(scenario.duration_s / SAMPLE_S) for samples in finest.values())
    return [*points.values(), *finest_points]


# What two engines compute alike, once what they model differently is taken from both or made alike.
EXPLANATIONS = [
    ("arm-swing", {}),
    ("arm-swing", {"without": ("armature",)}),
    ("quadruped-swing", {}),
    ("quadruped-swing", {"without": ("armature",)}),
    ("arm-hold", {}),
    ("arm-hold", {"without": ("frictionloss",)}),
    ("quadruped-hold", {}),
    ("quadruped-hold", {"without": ("frictionloss",)}),
    ("quadruped-hold", {"without": ("frictionloss", "armature")}),
    ("quadruped-drop", {}),
    ("quadruped-drop", {"hard_contacts": True}),
    ("quadruped-push", {}),
    ("quadruped-push", {"hard_contacts": True}),
]


def explain(scenarios, player):
    """(scenario, changes, formulation, error of joints, of the base) at the finest step against MuJoCo's."""
    rows = []
    for name, changes in EXPLANATIONS:
        scenario = dataclasses.replace(next(found for found in scenarios if found.name == name), **changes)
        # RK4 of hard contacts needs steps smaller than the finest.
        integrator = "implicitfast" if scenario.hard_contacts else "RK4"
        _, reference = mujoco_engine.play(scenario, integrator, 1e-3 * FINEST_MS, 100, 1)
        for method, iterations in FINEST_ITERATIONS.items():
            _, samples = player.play(scenario, method, 1e-3 * FINEST_MS, iterations, 1)
            rows.append((name, changes, method, *errors(samples, reference)))
    return rows


def speed(scenario, player, repeats, steps=1000, period_ms=2.0):
    """Physics steps a second of the standing quadruped by (engine and layer, formulation or integrator, iterations), and the height at which it stands."""
    rates = {}
    period_s = 1e-3 * period_ms
    mujoco = [("MuJoCo", method, 100) for method in ["Euler", "implicitfast"]]
    sinew = [
        (layer, formulation, iterations)
        for formulation in FINEST_ITERATIONS
        for iterations in [1, 4]
        for layer in ["bare", "forces", "robot", "environment"]
    ]
    for _ in range(repeats):
        for setting in [*mujoco, *sinew]:
            layer, method, iterations = setting
            if layer == "MuJoCo":
                cpu_s, height = mujoco_engine.stand(scenario, method, period_s, steps, 1)
            else:
                cpu_s, height = player.stand(layer, method, period_s, iterations, steps, 1)
            rate, _ = rates.get(setting, (0.0, 0.0))
            rates[setting] = (max(rate, steps / cpu_s), height)
    return rates
