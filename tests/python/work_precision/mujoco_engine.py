"""MuJoCo, stepped in C: Python calls it once for every sample."""

import time

import mujoco
import numpy as np

from scenario import SAMPLE_S

INTEGRATORS = {
    "Euler": mujoco.mjtIntegrator.mjINT_EULER,
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
    "RK4": mujoco.mjtIntegrator.mjINT_RK4,
}


def play(scenario, integrator, period_s, solver_iterations, repeats):
    """CPU seconds of the fastest repeat, and the samples: base position, orientation, joints."""
    model = mujoco.MjModel.from_xml_string(scenario.mujoco_model())
    model.opt.integrator = INTEGRATORS[integrator]
    model.opt.timestep = period_s
    model.opt.iterations = solver_iterations
    steps = round(SAMPLE_S / period_s)
    assert abs(steps * period_s - SAMPLE_S) < 1e-12, f"{period_s} s does not divide {SAMPLE_S} s"
    free = model.nq - len(scenario.joints)
    best = float("inf")
    for _ in range(repeats):
        data = mujoco.MjData(model)
        if free:
            data.qpos[:7] = [0, 0, scenario.height_m, 1, 0, 0, 0]
        data.qpos[free:] = scenario.start
        if model.nu:
            data.ctrl[:] = scenario.target
        samples, spent = [], 0.0
        for index in range(round(scenario.duration_s / SAMPLE_S)):
            middle = (index + 0.5) * SAMPLE_S
            pushed = scenario.push_s[0] < middle < scenario.push_s[1]
            data.xfrc_applied[1, :3] = scenario.push_n if pushed else 0.0
            start = time.process_time()
            mujoco.mj_step(model, data, nstep=steps)
            spent += time.process_time() - start
            base = data.qpos[:7] if free else [0, 0, 0, 1, 0, 0, 0]
            samples.append([*base, *data.qpos[free:]])
        best = min(best, spent)
    return best, np.array(samples)


def stand(scenario, integrator, period_s, steps, repeats):
    """CPU seconds of so many steps of a robot that has come to rest, and the trunk's height afterwards."""
    model = mujoco.MjModel.from_xml_string(scenario.mujoco_model())
    model.opt.integrator = INTEGRATORS[integrator]
    model.opt.timestep = period_s
    best = float("inf")
    for _ in range(repeats):
        data = mujoco.MjData(model)
        data.qpos[:7] = [0, 0, scenario.height_m, 1, 0, 0, 0]
        data.qpos[7:] = scenario.start
        data.ctrl[:] = scenario.target
        mujoco.mj_step(model, data, nstep=round(1.0 / period_s))
        start = time.process_time()
        mujoco.mj_step(model, data, nstep=steps)
        best = min(best, time.process_time() - start)
    return best, data.qpos[2]
