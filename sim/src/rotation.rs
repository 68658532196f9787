//! Quaternions `[w, x, y, z]` that rotate from body to world, in f64 with `libm`.
//!
//! A handful of plain functions on arrays: the form in which orientations cross every boundary of this crate, with
//! the same bits on every platform.

/// The rotation by `|vector|` rad about `vector`.
pub(crate) fn from_rotation_vector(vector: [f64; 3]) -> [f64; 4] {
    let angle = length(vector);
    let (sine, cosine) = libm::sincos(0.5 * angle);
    // sin(a/2)/a tends to 1/2.
    let factor = if angle > 1e-9 { sine / angle } else { 0.5 };
    [cosine, factor * vector[0], factor * vector[1], factor * vector[2]]
}

/// `a` after `b`.
pub(crate) fn multiply(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    ]
}

/// A body vector in the world frame.
pub(crate) fn to_world(q: [f64; 4], v: [f64; 3]) -> [f64; 3] {
    let axis = [q[1], q[2], q[3]];
    let twice = cross(axis, v).map(|value| 2.0 * value);
    let turned = cross(axis, twice);
    [0, 1, 2].map(|i| v[i] + q[0] * twice[i] + turned[i])
}

/// A world vector in the body frame.
pub(crate) fn to_body(q: [f64; 4], v: [f64; 3]) -> [f64; 3] {
    to_world([q[0], -q[1], -q[2], -q[3]], v)
}

/// The angle in rad between the body's z axis and the world's, 0 to pi.
pub(crate) fn tilt(q: [f64; 4]) -> f64 {
    let cosine = 1.0 - 2.0 * (q[1] * q[1] + q[2] * q[2]);
    let bounded = if cosine > 1.0 { 1.0 } else { cosine };
    libm::acos(if bounded < -1.0 { -1.0 } else { bounded })
}

/// Euclidean length.
pub(crate) fn length(v: [f64; 3]) -> f64 {
    libm::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
}

pub(crate) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::FRAC_PI_2;

    #[test]
    fn a_quarter_turn_about_z_takes_x_to_y() {
        let q = from_rotation_vector([0.0, 0.0, FRAC_PI_2]);
        let y = to_world(q, [1.0, 0.0, 0.0]);
        assert!((y[1] - 1.0).abs() < 1e-15 && y[0].abs() < 1e-15 && y[2] == 0.0);
        let x = to_body(q, y);
        assert!((x[0] - 1.0).abs() < 1e-15);
        assert_eq!(tilt(q), 0.0);
    }

    #[test]
    fn rotations_compose_right_to_left() {
        let about_x = from_rotation_vector([FRAC_PI_2, 0.0, 0.0]);
        let about_z = from_rotation_vector([0.0, 0.0, FRAC_PI_2]);
        // First about x: y to z; then about z: z stays.
        let turned = to_world(multiply(about_z, about_x), [0.0, 1.0, 0.0]);
        assert!((turned[2] - 1.0).abs() < 1e-15);
        assert!((tilt(about_x) - FRAC_PI_2).abs() < 1e-12);
    }
}
