//! The true state of a robot: what rewards, terminations and metrics read, and no policy ever sees.

use serde::{Deserialize, Serialize};

/// The true state of a robot, in SI units.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The floating base; at rest at the origin for a robot that is fixed to the ground.
    pub base: BaseState,
    /// Every joint, in the model's order.
    pub joints: Vec<JointState>,
    /// Of every joint, what its actuators applied over the last physics step: N m of a hinge, N of a slide.
    pub efforts: Vec<f64>,
    /// The sites that the task names, in the order of [`crate::Task::site_names`].
    pub sites: Vec<SiteState>,
    /// The geoms and bodies whose contacts the task names, in the order of [`crate::Task::contact_names`].
    pub contacts: Vec<ContactState>,
    /// The objects that the task places, in the order of its file.
    pub objects: Vec<BaseState>,
}

/// Motion of a floating base, or of any point with axes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseState {
    /// Of the origin, m, world frame.
    pub position_m: [f64; 3],
    /// Of the origin, m/s, world frame.
    pub velocity_m_per_s: [f64; 3],
    /// Body to world, w, x, y, z.
    pub orientation: [f64; 4],
    /// rad/s, body frame.
    pub angular_velocity_rad_per_s: [f64; 3],
}

impl Default for BaseState {
    fn default() -> Self {
        Self {
            position_m: [0.0; 3],
            velocity_m_per_s: [0.0; 3],
            orientation: [1.0, 0.0, 0.0, 0.0],
            angular_velocity_rad_per_s: [0.0; 3],
        }
    }
}

/// Motion of one joint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JointState {
    /// Of a hinge rad, counted over full turns; of a slide m.
    pub position: f64,
    /// rad/s or m/s.
    pub velocity: f64,
}

/// Motion of a site: a point with axes of its own, fixed to a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SiteState {
    /// Its position, velocity and axes; the angular velocity is in the site's own frame.
    pub motion: BaseState,
    /// Mean over the last physics step, m/s², world frame; 0 at the start of an episode.
    pub acceleration_m_per_s2: [f64; 3],
}

/// How a geom, or all geoms of a body, touch anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContactState {
    /// Sum of the normal forces over all contacts, N, mean over the last physics step.
    pub normal_force_n: f64,
    /// How long it has been touching, s; 0 in the air.
    pub contact_time_s: f64,
    /// How long it has been in the air, s; 0 in contact.
    pub air_time_s: f64,
    /// How long it was in the air before it last touched down, s.
    pub last_air_time_s: f64,
}

impl ContactState {
    /// Whether anything was touched in the last physics step.
    pub fn touches(&self) -> bool {
        self.normal_force_n > 0.0
    }

    /// The state after a physics step of `period_s` with a normal force.
    pub(crate) fn after(self, normal_force_n: f64, period_s: f64) -> Self {
        let before = self;
        let next = Self { normal_force_n, ..before };
        if next.touches() {
            let last_air_time_s =
                if before.air_time_s > 0.0 { before.air_time_s } else { before.last_air_time_s };
            Self {
                contact_time_s: before.contact_time_s + period_s,
                air_time_s: 0.0,
                last_air_time_s,
                ..next
            }
        } else {
            Self { contact_time_s: 0.0, air_time_s: before.air_time_s + period_s, ..next }
        }
    }
}

impl Truth {
    /// Takes on another state of as many joints; nothing is allocated.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        let Self { base, joints, efforts, sites, contacts, objects } = other;
        self.base = *base;
        copy(&mut self.joints, joints);
        copy(&mut self.efforts, efforts);
        copy(&mut self.sites, sites);
        copy(&mut self.contacts, contacts);
        copy(&mut self.objects, objects);
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        // Zero times a finite number is zero, times any other it is NaN: one comparison for all.
        let mut nothing = self.base.nothing();
        for joint in &self.joints {
            nothing += 0.0 * joint.position + 0.0 * joint.velocity;
        }
        for site in &self.sites {
            let [x, y, z] = site.acceleration_m_per_s2;
            nothing += site.motion.nothing() + 0.0 * x + 0.0 * y + 0.0 * z;
        }
        for contact in &self.contacts {
            nothing += 0.0 * contact.normal_force_n;
        }
        for object in &self.objects {
            nothing += object.nothing();
        }
        for effort in &self.efforts {
            nothing += 0.0 * effort;
        }
        nothing == 0.0
    }
}

/// Of as many values as there are, at the cost of moving them.
fn copy<T: Copy>(values: &mut Vec<T>, others: &[T]) {
    if values.len() == others.len() {
        values.copy_from_slice(others);
    } else {
        values.clear();
        values.extend_from_slice(others);
    }
}

impl BaseState {
    /// Zero times every number.
    fn nothing(&self) -> f64 {
        let mut nothing = 0.0;
        for vector in [&self.position_m, &self.velocity_m_per_s, &self.angular_velocity_rad_per_s] {
            nothing += 0.0 * vector[0] + 0.0 * vector[1] + 0.0 * vector[2];
        }
        for component in self.orientation {
            nothing += 0.0 * component;
        }
        nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_that_is_not_finite_is_found_anywhere() {
        let mut truth = Truth { joints: vec![JointState::default(); 2], ..Truth::default() };
        truth.base.velocity_m_per_s = [-3.0, 1e300, 0.0];
        assert!(truth.is_finite());
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut broken = truth.clone();
            broken.base.angular_velocity_rad_per_s[2] = value;
            assert!(!broken.is_finite());
            let mut broken = truth.clone();
            broken.joints[1].velocity = value;
            assert!(!broken.is_finite());
            let mut broken = truth.clone();
            broken.sites.push(SiteState { acceleration_m_per_s2: [0.0, 0.0, value], ..SiteState::default() });
            assert!(!broken.is_finite());
        }
    }

    #[test]
    fn contacts_are_timed_from_touch_to_lift() {
        let forces = [0.0, 0.0, 5.0, 5.0, 5.0, 0.0];
        let mut state = ContactState::default();
        let times: Vec<[f64; 3]> = forces
            .iter()
            .map(|force| {
                state = state.after(*force, 0.5);
                [state.contact_time_s, state.air_time_s, state.last_air_time_s]
            })
            .collect();
        let expected = [
            [0.0, 0.5, 0.0],
            [0.0, 1.0, 0.0],
            [0.5, 0.0, 1.0],
            [1.0, 0.0, 1.0],
            [1.5, 0.0, 1.0],
            [0.0, 0.5, 1.0],
        ];
        assert_eq!(times, expected);
    }
}
