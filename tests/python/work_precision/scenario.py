"""What moves: the same file, gains, start and push for every engine.

A scenario's files differ from Sinew's own in lines that are taken away or exchanged, so that a motion has no more in it than
what it is for. Every engine reads the same text; MuJoCo's has actuators and a floor added, which Sinew's task says itself.
"""

import dataclasses
import pathlib
import re

ROBOTS = pathlib.Path(__file__).parents[3] / "sim" / "robots"
ARM = ["shoulder_pan", "shoulder_lift", "elbow", "wrist_1", "wrist_2", "wrist_3"]
LEGS = ["front_left", "front_right", "rear_left", "rear_right"]
QUADRUPED = [f"{leg}_{joint}" for leg in LEGS for joint in ["hip", "thigh", "calf"]]
ARM_POSE = [0.0, -1.570796327, 1.570796327, -1.570796327, -1.570796327, 0.0]
LEG_POSE = [0.0, 0.8, -1.6, 0.0, 0.8, -1.6, 0.0, 0.9, -1.6, 0.0, 0.9, -1.6]
# N m, as the files' motors say.
ARM_EFFORT = [150.0] * 3 + [28.0] * 3
LEG_EFFORT = [23.7, 23.7, 35.55] * 4
SAMPLE_S = 0.02


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    robot: str
    joints: list
    start: list
    target: list
    efforts: list
    duration_s: float
    stiffness: float = 0.0
    damping: float = 0.0
    held: bool = False
    """The trunk is bolted to the world."""
    smooth: bool = False
    """Without dry friction, joint limits and contacts."""
    floor: bool = False
    height_m: float = 0.0
    push_n: tuple = (0.0, 0.0, 0.0)
    push_s: tuple = (0.0, 0.0)
    without: tuple = ()
    """Attributes that are taken from the file's joints."""
    hard_contacts: bool = False
    """MuJoCo's contacts as hard, and as free of slip, as they stay stable."""

    def model(self):
        """The robot's file for this scenario."""
        text = (ROBOTS / f"{self.robot}.xml").read_text()
        text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
        if self.held:
            text = text.replace('<freejoint name="base"/>', "")
            text = re.sub(r"<keyframe>.*?</keyframe>", "", text, flags=re.S)
        if self.smooth:
            text = text.replace("<geom ", '<geom contype="0" conaffinity="0" ')
            text = text.replace('<geom contype="0" conaffinity="0" contype="0" conaffinity="0"/>', "")
        for attribute in [*self.without, *(["frictionloss", "range"] if self.smooth else [])]:
            text = re.sub(rf' {attribute}="[^"]*"', "", text)
        return text

    def mujoco_model(self):
        """The same with what Sinew's task adds: servos with limits, and a floor."""
        servos = "".join(
            f'<general joint="{joint}" gaintype="fixed" gainprm="{self.stiffness}" biastype="affine" '
            f'biasprm="0 {-self.stiffness} {-self.damping}" forcelimited="true" forcerange="{-effort} {effort}"/>'
            for joint, effort in zip(self.joints, self.efforts)
        )
        text = re.sub(r"<actuator>.*?</actuator>", "", self.model(), flags=re.S)
        if self.stiffness:
            text = text.replace("</worldbody>", f"</worldbody><actuator>{servos}</actuator>")
        if self.floor:
            hard = ' solref="0.004 1" solimp="0.99 0.999 0.0001" priority="1"' if self.hard_contacts else ""
            plane = f'<worldbody><geom type="plane" size="0 0 1" friction="1 0.005 0.0001"{hard}/>'
            text = text.replace("<worldbody>", plane, 1)
        if self.hard_contacts:
            text = text.replace("<option ", '<option cone="elliptic" impratio="100" ')
        return text

    def task(self, model_path, formulation, period_s, solver_iterations):
        """A task of Sinew's around the file."""
        head = f"""name = "{self.name}"
summary = "{self.title}"
safe_action = "zero_torque"

[dynamics]
model = "{model_path}"
formulation = "{formulation}"
floor = {str(self.floor).lower()}
solver_iterations = {solver_iterations}
physics_period_s = {period_s!r}
policy_period_s = {SAMPLE_S!r}

[episode]
training_s = 10.0
acceptance_s = 10.0

[start]

[[reward]]
quantity = "joint_speed"
shape = "squared"
weight = -1.0

[[observation]]
name = "joint"
source = "sensor"
sensors = ["{self.joints[0]}"]
max_age_s = 0.1
floor = 0.1
"""
        joints = "".join(
            f"""
[[sensors]]
name = "{joint}"
quantity = "joint_position"
joint = "{joint}"

[[actuators]]
name = "{joint}"
mode = "position"
joint = "{joint}"
minimum = -7.0
maximum = 7.0
stiffness = 1.0
damping = 0.0
effort_limit = {effort!r}
default = 0.0
head_scale = 1.0
head_offset = 0.0
"""
            for joint, effort in zip(self.joints, self.efforts)
        )
        return head + joints


def _arm(**more):
    return Scenario(robot="arm", joints=ARM, efforts=ARM_EFFORT, duration_s=1.0, **more)


def _quadruped(**more):
    return Scenario(robot="quadruped", joints=QUADRUPED, efforts=LEG_EFFORT, **more)


def _beside(pose, by):
    return [position + by for position in pose]


SCENARIOS = [
    _arm(name="arm-swing", title="arm, limp, falls from its default pose", smooth=True, start=ARM_POSE, target=ARM_POSE),
    _arm(
        name="arm-hold",
        title="arm, servos of 400 N m/rad and 20 N m s/rad, from 0.1 rad beside the target",
        start=_beside(ARM_POSE, 0.1),
        target=ARM_POSE,
        stiffness=400.0,
        damping=20.0,
    ),
    _quadruped(
        name="quadruped-swing",
        title="quadruped, trunk bolted, legs limp from the default pose",
        start=LEG_POSE,
        target=LEG_POSE,
        held=True,
        smooth=True,
        duration_s=1.0,
    ),
    _quadruped(
        name="quadruped-hold",
        title="quadruped, trunk bolted, servos of 40 N m/rad and 1 N m s/rad, from 0.2 rad beside the target",
        start=_beside(LEG_POSE, 0.2),
        target=LEG_POSE,
        stiffness=40.0,
        damping=1.0,
        held=True,
        duration_s=1.0,
    ),
    _quadruped(
        name="quadruped-drop",
        title="quadruped, dropped from 5 cm, stands on servos of 40 N m/rad and 1 N m s/rad",
        start=LEG_POSE,
        target=LEG_POSE,
        stiffness=40.0,
        damping=1.0,
        floor=True,
        height_m=0.3168 + 0.05,
        duration_s=1.0,
    ),
    _quadruped(
        name="quadruped-push",
        title="quadruped, standing, pushed aside with 50 N for 0.2 s",
        start=LEG_POSE,
        target=LEG_POSE,
        stiffness=40.0,
        damping=1.0,
        floor=True,
        height_m=0.3168,
        push_n=(0.0, 50.0, 0.0),
        push_s=(0.6, 0.8),
        duration_s=1.6,
    ),
]
