"""Runs `sinew-host run` against robot_peer.py over authenticated UDP, and checks what each saw of the other.

usage: check_peer.py SINEW_HOST FOLDER, where FOLDER holds policy.onnx for the robot below.
"""

import json
import pathlib
import subprocess
import sys
import time

ROBOT = """
name = "independent pendulum"
valid_for_s = 0.1
sample_rate_hz = 200.0
[[sensors]]
name = "state"
size = 2
unit = "dimensionless"
frame = "body"
[[actuators]]
name = "a"
mode = "torque"
minimum = -40.0
maximum = 40.0
"""
DISARMED, ARMED, OBEYING, EXPIRED, STOPPED = range(5)
RUNNING, STOPPED_MODE = 4, 6


def main(sinew_host, folder):
    folder = pathlib.Path(folder)
    (folder / "robot.toml").write_text(ROBOT)
    key = folder / "robot.key"
    subprocess.run([sinew_host, "key", key], check=True)
    peer = pathlib.Path(__file__).with_name("robot_peer.py")
    robot = subprocess.Popen([sys.executable, peer, "0", key], stdout=subprocess.PIPE, text=True)
    address = robot.stdout.readline().strip()
    command = [sinew_host, "run", folder / "policy.onnx", "--robot", folder / "robot.toml"]
    command += ["--link", address, "--key", key]
    host = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # Arming takes 1.7 s by way of standby, readying and engaging.
    for request, pause_s in [("", 1.0), ("arm", 3.0), ("stop", 0.5), ("arm", 0.5), ("disarm", 0.5), ("quit", 0.0)]:
        host.stdin.write(request + "\n" if request else "")
        host.stdin.flush()
        time.sleep(pause_s)
    _, told = host.communicate(timeout=20)
    saw = json.loads(robot.communicate(timeout=20)[0])
    print(told, saw)
    # What the operator asks for is no fault.
    assert host.returncode == 0, host.returncode
    assert [line for line in told.splitlines() if line == "running"], "the policy never ran"
    # Arm after a stop has no effect; a disarm ends it.
    settled = [state for state in saw["states"] if state != EXPIRED]
    assert settled[:2] == [ARMED, OBEYING] and settled[-2:] == [STOPPED, DISARMED], saw["states"]
    assert {RUNNING, STOPPED_MODE} <= set(saw["modes"]), saw["modes"]
    # The policy's tick is 50 Hz: three seconds, less the second and a half before the first command.
    assert saw["commands"] > 60, saw["commands"]
    # Nothing is dropped but what was on its way while a handshake ended.
    assert saw["dropped"] <= 5, saw["dropped"]
    assert saw["samples"] - 400 < saw["acknowledged"] <= saw["samples"], saw


if __name__ == "__main__":
    main(*sys.argv[1:])
