"""Other people's robots move in Sinew as in MuJoCo, or are refused by the element that is not supported.

usage: foreign_robots.py ROBOT_MOTION

ROBOT_MOTION is Sinew's example of that name, built. The robots are the MJCF files that Gymnasium ships and URDF files
from other packages. Each swings from the same initial state without being driven, away from any floor; those with legs
also come to rest on one. A swing is compared until something touches or a joint reaches its stop, where the simulators' models
differ on purpose. URDF files swing without their shapes, because MuJoCo resolves mesh paths by rules of its own;
the whole file is loaded as well.
"""

import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import mujoco
import numpy as np

# Over half a second of swinging, of every joint, rad or m: both integrate at 0.25 ms, Sinew at first order.
SWING_LIMIT = 0.02
# Of a body at rest on the floor, m: MuJoCo's contacts give way by some millimetres.
REST_LIMIT = 0.015
STEP_S = 0.00025
FREE, SLIDE, HINGE = (int(getattr(mujoco.mjtJoint, f"mjJNT_{kind}")) for kind in ("FREE", "SLIDE", "HINGE"))

# MJCF files of Gymnasium: what raises them off the floor, by joint or "height_m" of a free base, and at which "speed" in
# rad/s hinges start where falling does not move them.
SWING = {
    "ant": {"height_m": 5.0, "speed": 1.0},
    "half_cheetah": {"rootz": 5.0},
    "hopper": {"rootz": 5.0},
    "walker2d": {"rootz": 5.0},
    "humanoid": {"height_m": 5.0},
    "reacher": {"speed": 1.0},
    "inverted_pendulum": {},
    "inverted_double_pendulum": {},
    "pusher": {"speed": 1.0, "r_shoulder_lift_joint": 0.0},
}
# Those that stay where they come to rest; the others fall over, where the smallest difference decides how.
REST = {"ant": "height_m", "half_cheetah": "rootz"}
REFUSED = {"swimmer": "<option>: a fluid, density, is not supported"}
URDF = {
    "ur5e": ("airo_models", "arms/ur5e/ur5e.urdf"),
    "vega_1": ("dexmate_urdf", "robots/humanoid/vega_1/vega_1.urdf"),
    "a1": ("cmeel.prefix", "share/example-robot-data/robots/a1_description/urdf/a1.urdf"),
}


def folder(package):
    """Where a package's files lie, which need not be one that can be imported."""
    found = [Path(folder) / package for folder in sys.path if (Path(folder) / package).is_dir()]
    return found[0]


def one_axis(model):
    """Name, address and kind of every hinge and slide, named as Sinew names those that have no name."""
    joints, places = [], {}
    for joint in range(model.njnt):
        body = model.jnt_bodyid[joint]
        place = places.get(body, 0)
        places[body] = place + 1
        if model.jnt_type[joint] in (SLIDE, HINGE):
            name = model.joint(joint).name or f"{model.body(body).name or f'body{body}'}_{place}"
            joints.append((name, joint))
    return joints


def initial(model, raised):
    """Positions that count from the file's drawn pose, as Sinew's do: off the middle of a range, or a little off 0."""
    positions = {}
    for name, joint in one_axis(model):
        low, high = model.jnt_range[joint] - model.qpos0[model.jnt_qposadr[joint]]
        if name in raised:
            positions[name] = raised[name]
        elif model.jnt_limited[joint]:
            margin = 0.1 * (high - low)
            wanted = low + 0.6 * (high - low) if high - low < 3.0 else 0.3
            wanted = wanted if model.jnt_type[joint] == HINGE else 0.0
            positions[name] = float(np.clip(wanted, low + margin, high - margin))
        else:
            positions[name] = 0.3 if model.jnt_type[joint] == HINGE else 0.0
    return positions


def initial_speeds(model, speed):
    """Hinges turn at `speed`, so that something moves where nothing falls."""
    return {name: speed * (model.jnt_type[joint] == HINGE) for name, joint in one_axis(model)}


def sinew(program, path, model, positions, speeds, height_m, **settings):
    name, joint = one_axis(model)[0]
    slide = model.jnt_type[joint] == SLIDE
    arguments = [f"drive={name}", f"mode={'force' if slide else 'torque'}", f"height_m={height_m}"]
    arguments += [f"joint.{name}={float(position)!r}" for name, position in positions.items()]
    arguments += [f"speed.{name}={float(speed)!r}" for name, speed in speeds.items()]
    arguments += [f"{key}={value}" for key, value in settings.items()]
    result = subprocess.run([program, str(path), *arguments], capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.strip().splitlines()[-1])
    head, *lines = map(json.loads, result.stdout.splitlines())
    return head, lines


def mujoco_run(model, positions, speeds, height_m, times):
    model.opt.timestep = STEP_S
    model.opt.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    data = mujoco.MjData(model)
    if model.njnt and model.jnt_type[0] == FREE:
        data.qpos[:7] = [0, 0, height_m, 1, 0, 0, 0]
    joints = one_axis(model)
    addresses = [model.jnt_qposadr[joint] for _, joint in joints]
    references = model.qpos0[addresses]
    data.qpos[addresses] = references + [positions[name] for name, _ in joints]
    data.qvel[[model.jnt_dofadr[joint] for _, joint in joints]] = [speeds[name] for name, _ in joints]
    mujoco.mj_forward(model, data)
    rows, at_first, stopped_s = [], hard(data), None
    for time_s in times:
        while data.time < time_s - STEP_S / 2:
            mujoco.mj_step(model, data)
            if stopped_s is None and hard(data) > at_first:
                stopped_s = data.time
        rows.append((data.qpos[addresses] - references, data.qpos[:7].copy()))
    return [name for name, _ in joints], rows, stopped_s or times[-1]


def hard(data):
    """How many constraints hold but dry friction."""
    return int(np.sum(data.efc_type[: data.nefc] != int(mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF)))


def swing(program, path, model, raised, **settings):
    raised = dict(raised)
    height_m, speed = raised.pop("height_m", 0.0), raised.pop("speed", 0.0)
    positions, speeds = initial(model, raised), initial_speeds(model, speed)
    head, lines = sinew(program, path, model, positions, speeds, height_m, duration_s=0.5, period_s=STEP_S, **settings)
    names, rows, until_s = mujoco_run(model, positions, speeds, height_m, [line["time_s"] for line in lines])
    assert sorted(names) == sorted(head["joints"]), (names, head["joints"])
    assert until_s > 0.1, f"something touches after {until_s} s"
    order = [head["joints"].index(name) for name in names]
    errors = [np.abs(np.array(line["positions"])[order] - row).max() for line, (row, _) in zip(lines, rows) if line["time_s"] <= until_s]
    moved = max(np.abs(row - rows[0][0]).max() for row, _ in rows[: len(errors)])
    return max(errors), moved, until_s


def rest(program, path, model, key):
    positions = {name: 0.0 for name, _ in one_axis(model)}
    for name, joint in one_axis(model):
        if model.jnt_limited[joint]:
            low, high = model.jnt_range[joint] - model.qpos0[model.jnt_qposadr[joint]]
            positions[name] = float(np.clip(0.0, low, high))
    height_m = float(model.qpos0[2]) if key == "height_m" else 0.0
    still = dict.fromkeys(positions, 0.0)
    head, lines = sinew(program, path, model, positions, still, height_m, duration_s=6, every_s=0.5, period_s=STEP_S)
    names, rows, _ = mujoco_run(model, positions, still, height_m, [6.0])
    if key == "height_m":
        return lines[-1]["base_position"][2], rows[-1][1][2]
    return lines[-1]["positions"][head["joints"].index(key)], rows[-1][0][names.index(key)]


def bare_urdf(source, target):
    """A copy without shapes, whose undeclared prefixes are declared."""
    text = source.read_text()
    for prefix in set(re.findall(r"[<\s](\w+):\w+[\s=>/]", text)) - {"xmlns"}:
        if f"xmlns:{prefix}" not in text:
            text = text.replace("<robot", f'<robot xmlns:{prefix}="{prefix}"', 1)
    root = ElementTree.fromstring(text)
    for link in root.findall("link"):
        for shape in link.findall("visual") + link.findall("collision"):
            link.remove(shape)
    for material in root.findall("material"):
        root.remove(material)
    target.write_text(ElementTree.tostring(root, encoding="unicode"))


def main():
    program = sys.argv[1]
    failed = []

    def report(name, what, found, limit, note=""):
        good = found <= limit
        print(f"{name:<26} {what:<8} {found:>9.5f} {limit:>8} {'' if good else 'FAILED '}{note}", flush=True)
        if not good:
            failed.append(name)

    print(f"{'robot':<26} {'test':<8} {'error':>9} {'limit':>8}")
    assets = folder("gymnasium") / "envs/mujoco/assets"
    for name, raised in SWING.items():
        path = assets / f"{name}.xml"
        model = mujoco.MjModel.from_xml_path(str(path))
        error, moved, until_s = swing(program, path, model, raised)
        report(name, "swing", error, SWING_LIMIT, f"moved by {moved:.2f}, {until_s:.2f} s")
    for name, key in REST.items():
        path = assets / f"{name}.xml"
        found, expected = rest(program, path, mujoco.MjModel.from_xml_path(str(path)), key)
        report(name, "rest", abs(found - expected), REST_LIMIT, f"{found:.4f} m, MuJoCo {expected:.4f} m")
    for name, reason in REFUSED.items():
        path = assets / f"{name}.xml"
        result = subprocess.run([program, str(path)], capture_output=True, text=True, timeout=60)
        good = result.returncode != 0 and reason in result.stderr
        print(f"{name:<26} refused  {reason if good else 'FAILED ' + result.stderr}")
        if not good:
            failed.append(name)
    with tempfile.TemporaryDirectory() as scratch:
        for name, (package, file) in URDF.items():
            path, bare = folder(package) / file, Path(scratch) / "bare.urdf"
            bare_urdf(path, bare)
            model = mujoco.MjModel.from_xml_path(str(bare))
            error, moved, until_s = swing(program, bare, model, {})
            whole, _ = sinew(program, path, model, {}, {}, 0.0, duration_s=0.01)
            report(name, "swing", error, SWING_LIMIT, f"moved by {moved:.2f}, {until_s:.2f} s, hash {whole['hash'][:12]}")
    print(f"{len(SWING) + len(REST) + len(REFUSED) + len(URDF) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
