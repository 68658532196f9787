//! A URDF's `<origin>` in double precision: [`Frame`].
//!
//! Trigonometry is `libm`'s, so that a robot is the same bits on every platform.

use nalgebra::{Matrix3, Vector3};
use rapier3d_urdf::urdf_rs::{Pose, Vec3};

/// A rotation and then a shift, from a frame into the one around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) rotation: Matrix3<f64>,
    pub(super) translation: Vector3<f64>,
}

impl Frame {
    pub(super) fn identity() -> Self {
        Self { rotation: Matrix3::identity(), translation: Vector3::zeros() }
    }

    /// Roll, pitch and yaw turn about fixed axes: yaw's rotation stands first in the product.
    pub(super) fn of(origin: &Pose) -> Self {
        let [roll, pitch, yaw] = origin.rpy.0;
        let (sr, cr) = libm::sincos(roll);
        let (sp, cp) = libm::sincos(pitch);
        let (sy, cy) = libm::sincos(yaw);
        let rotation = Matrix3::new(
            cy * cp,
            cy * sp * sr - sy * cr,
            cy * sp * cr + sy * sr,
            sy * cp,
            sy * sp * sr + cy * cr,
            sy * sp * cr - cy * sr,
            -sp,
            cp * sr,
            cp * cr,
        );
        Self { rotation, translation: Vector3::from(origin.xyz.0) }
    }

    /// `inner` as seen from where `self` is seen.
    pub(super) fn then(&self, inner: &Self) -> Self {
        Self {
            rotation: self.rotation * inner.rotation,
            translation: self.translation + self.rotation * inner.translation,
        }
    }

    /// The same as an `<origin>`.
    pub(super) fn origin(&self) -> Pose {
        let r = &self.rotation;
        let level = libm::hypot(r[(0, 0)], r[(1, 0)]);
        let pitch = libm::atan2(-r[(2, 0)], level);
        // Straight up or down, roll and yaw turn about one axis: yaw takes it all.
        let (roll, yaw) = if level > 1e-9 {
            (libm::atan2(r[(2, 1)], r[(2, 2)]), libm::atan2(r[(1, 0)], r[(0, 0)]))
        } else {
            (0.0, libm::atan2(-r[(0, 1)], r[(1, 1)]))
        };
        Pose { xyz: Vec3(self.translation.into()), rpy: Vec3([roll, pitch, yaw]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_one_that_it_was_made_from() {
        for rpy in [[0.3, -0.4, 2.0], [0.0, core::f64::consts::FRAC_PI_2, 0.7], [3.0, -1.5, -3.0]] {
            let frame = Frame::of(&Pose { xyz: Vec3([1.0, 2.0, 3.0]), rpy: Vec3(rpy) });
            let again = Frame::of(&frame.origin());
            assert!((frame.rotation - again.rotation).norm() < 1e-9, "{rpy:?}");
            assert_eq!(frame.translation, again.translation);
        }
    }

    #[test]
    fn roll_comes_before_yaw() {
        let half = core::f64::consts::FRAC_PI_2;
        let frame = Frame::of(&Pose { xyz: Vec3([0.0; 3]), rpy: Vec3([half, 0.0, half]) });
        // Roll brings y to z, where yaw leaves it.
        assert!((frame.rotation * Vector3::y() - Vector3::z()).norm() < 1e-12);
    }
}
