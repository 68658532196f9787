//! Which masses and inertias a rigid body can have.

use nalgebra::{Matrix3, SymmetricEigen};

/// Files round their numbers: by so much of the largest principal moment may the other two fall short of it together.
const ROUNDING: f64 = 1e-3;

/// Refuses what no rigid body has: a negative mass or moment, or one principal moment larger than the other two together.
pub(super) fn check(mass: f64, inertia: Matrix3<f64>) -> Result<(), String> {
    if !(mass >= 0.0) {
        return Err(format!("a mass of {mass} kg, expected none below 0"));
    }
    let moments = SymmetricEigen::new(inertia).eigenvalues;
    let (sum, largest, smallest) = (moments.sum(), moments.max(), moments.min());
    if !(smallest >= -ROUNDING * largest.max(0.0)) || !(largest >= 0.0) {
        return Err(format!("a principal moment of inertia of {smallest} kg m², expected none below 0"));
    }
    if largest > (sum - largest) + ROUNDING * largest {
        let others = sum - largest;
        return Err(format!(
            "a principal moment of inertia of {largest} kg m², which exceeds the other two together, {others}"
        ));
    }
    Ok(())
}

/// The symmetric matrix of these moments and products.
pub(super) fn matrix([xx, yy, zz, xy, xz, yz]: [f64; 6]) -> Matrix3<f64> {
    Matrix3::new(xx, xy, xz, xy, yy, yz, xz, yz, zz)
}
