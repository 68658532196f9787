//! Where an episode starts: a state drawn from the task's ranges.

use crate::random::Stream;
use crate::rotation;
use crate::task::StartDocument;
use crate::truth::{BaseState, Truth};

/// Draws a start state about the goal; `joints` are their names and default positions. What has no range is at rest in its
/// default.
pub(crate) fn draw<'a>(
    start: &StartDocument,
    joints: impl Iterator<Item = (&'a String, f64)>,
    goal: &[f32],
    stream: &mut Stream,
    truth: &mut Truth,
) {
    for (joint, (name, position)) in truth.joints.iter_mut().zip(joints) {
        *joint = crate::truth::JointState { position, velocity: 0.0 };
        if let Some(range) = start.joint.get(name).or(start.joints.as_ref()) {
            joint.position = range.position.draw(stream);
            joint.velocity = range.velocity.draw(stream);
        }
    }
    truth.base = BaseState::default();
    if let Some(range) = &start.base {
        let middle = match (range.position_m, goal) {
            (Some(position), _) => position,
            (None, [x, y, z, ..]) => [*x, *y, *z].map(f64::from),
            (None, _) => [0.0; 3],
        };
        let offset = range.position_offset_m.axes();
        truth.base.position_m =
            [0, 1, 2].map(|axis| middle[axis] + stream.uniform(-offset[axis], offset[axis]));
        let speed = stream.uniform(0.0, range.speed_m_per_s);
        truth.base.velocity_m_per_s = stream.direction().map(|value| speed * value);
        // Tilted about a horizontal axis of any direction, after a turn to any heading.
        let heading = rotation::from_rotation_vector([0.0, 0.0, stream.uniform(-PI, PI)]);
        let (tilt, towards) = (stream.uniform(0.0, range.tilt_rad), stream.uniform(-PI, PI));
        let (sine, cosine) = libm::sincos(towards);
        let lean = rotation::from_rotation_vector([tilt * cosine, tilt * sine, 0.0]);
        truth.base.orientation = rotation::multiply(lean, heading);
        let rate = stream.uniform(0.0, range.angular_speed_rad_per_s);
        truth.base.angular_velocity_rad_per_s = stream.direction().map(|value| rate * value);
    }
}

const PI: f64 = core::f64::consts::PI;
