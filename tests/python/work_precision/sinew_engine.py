"""Sinew's robots, played by `sim/examples/work_precision.rs` in a process of its own."""

import json
import pathlib
import subprocess
import tempfile

import numpy as np

from scenario import SAMPLE_S


class Player:
    def __init__(self, program):
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._folder = tempfile.TemporaryDirectory()

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def _ask(self, request):
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the player ended at {request}")
        return json.loads(line)

    def play(self, scenario, formulation, period_s, solver_iterations, repeats):
        """CPU seconds of the fastest repeat, and the samples: base position, orientation, joints."""
        folder = pathlib.Path(self._folder.name)
        model, task = folder / f"{scenario.name}.xml", folder / "task.toml"
        model.write_text(scenario.model())
        task.write_text(scenario.task(model, formulation, period_s, solver_iterations))
        answer = self._ask(
            {
                "measure": "motion",
                "task": str(task),
                "height_m": scenario.height_m,
                "start": scenario.start,
                "target": scenario.target,
                "stiffness": scenario.stiffness,
                "damping": scenario.damping,
                "push_n": scenario.push_n,
                "push_s": scenario.push_s,
                "duration_s": scenario.duration_s,
                "sample_s": SAMPLE_S,
                "repeats": repeats,
            }
        )
        samples = np.array(answer["samples"], dtype=float)
        if scenario.held or not scenario.floor:
            samples[:, :7] = [0, 0, 0, 1, 0, 0, 0]
        return answer["cpu_s"], samples

    def stand(self, layer, formulation, period_s, solver_iterations, steps, repeats):
        """CPU seconds of so many steps of the standing quadruped, and the trunk's height afterwards."""
        answer = self._ask(
            {
                "measure": "standing",
                "layer": layer,
                "formulation": formulation,
                "period_s": period_s,
                "solver_iterations": solver_iterations,
                "steps": steps,
                "repeats": repeats,
            }
        )
        return answer["cpu_s"], answer["samples"][0][0]
