//! How rotors sink in a fallback: the `[fallback.descent]` of `robot.toml`.

use super::supervision::{LONGEST_S, Mistake};
use super::{GuardedCause, Robot};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::fallback::{DescentFallback, SensorPlace};
use sinew_policy_runtime::interface::{ActuatorMode, Frame, Unit};
use sinew_policy_runtime::safe_action::{LevelDescent, RotorMount};
use sinew_policy_runtime::supervisor::Action;

/// Fastest descent, m/s: a drop from a table.
const FASTEST_M_PER_S: f32 = 5.0;
/// Oldest values that can be let pass, s.
const OLDEST_S: f32 = 1.0;

/// Level out and sink while attitude is fresh, then motors off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescentDescription {
    /// Speed of the descent, m/s.
    pub descent_speed_m_per_s: f32,
    /// Motors stop after it, s.
    pub duration_s: f32,
    /// Nothing is commanded on older values, s.
    pub largest_age_s: f32,
    /// The sensor of the base's orientation, w x y z.
    #[serde(default = "orientation")]
    pub orientation: String,
    /// That of its angular velocity, rad/s, body frame.
    #[serde(default = "angular_velocity")]
    pub angular_velocity: String,
    /// That of its velocity, m/s, world frame.
    #[serde(default = "velocity")]
    pub velocity: String,
    /// One for each actuator.
    pub rotors: Vec<RotorDescription>,
}

fn orientation() -> String {
    "orientation".to_owned()
}

fn angular_velocity() -> String {
    "angular_velocity".to_owned()
}

fn velocity() -> String {
    "velocity".to_owned()
}

/// Where a rotor sits and which way it turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotorDescription {
    /// Of the robot.
    pub actuator: String,
    /// Forward of the centre of mass, m.
    pub x_m: f32,
    /// Left of it, m.
    pub y_m: f32,
    /// Seen from above.
    pub spin: Spin,
    /// Speed that carries its share of the weight, rad/s.
    pub hover_speed_rad_per_s: f32,
}

/// A rotor's direction of rotation, seen from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spin {
    /// About -z; the body feels a torque about +z as it speeds up.
    Clockwise,
    /// About +z; the body feels a torque about -z as it speeds up.
    CounterClockwise,
}

impl DescentDescription {
    /// The sensors that it needs: the key, the name, and how many values of what.
    fn sensors(&self) -> [(&'static str, &str, u16, Unit, Frame); 3] {
        [
            ("orientation", &self.orientation, 4, Unit::Dimensionless, Frame::BodyToWorld),
            ("angular_velocity", &self.angular_velocity, 3, Unit::RadianPerSecond, Frame::Body),
            ("velocity", &self.velocity, 3, Unit::MeterPerSecond, Frame::World),
        ]
    }
}

impl Robot {
    /// A descent as the runtime takes it. The file's check has passed it.
    pub(super) fn descent(&self, description: &DescentDescription) -> DescentFallback {
        let rotor = |name: &str| description.rotors.iter().find(|rotor| rotor.actuator == name);
        let mount = |rotor: &RotorDescription| RotorMount {
            x_m: rotor.x_m,
            y_m: rotor.y_m,
            yaw_sign: if rotor.spin == Spin::Clockwise { 1.0 } else { -1.0 },
            hover_speed_rad_per_s: rotor.hover_speed_rad_per_s,
        };
        let rotors = self.actuators.iter().filter_map(|actuator| rotor(&actuator.name)).map(mount);
        let place = |name: &str| {
            // A sensor that is not there is one that never says anything.
            let (sensor, first) =
                self.placed(name).map_or((usize::MAX, 0), |(sensor, first, _)| (sensor, first));
            SensorPlace { sensor: sensor as u16, first: first as u16 }
        };
        DescentFallback {
            descent: LevelDescent {
                rotors: rotors.collect(),
                descent_speed_m_per_s: description.descent_speed_m_per_s,
                duration_s: description.duration_s,
            },
            orientation: place(&description.orientation),
            angular_velocity: place(&description.angular_velocity),
            velocity: place(&description.velocity),
            largest_age_us: (description.largest_age_s * 1e6) as u32,
        }
    }

    /// What is wrong with a descent, if anything.
    pub(super) fn descent_mistake(&self, description: &DescentDescription) -> Option<Mistake> {
        let mistake = |key: &str, found: String, expected: &str| {
            Some((format!("fallback.descent.{key}"), found, expected.to_owned()))
        };
        let speed = description.descent_speed_m_per_s;
        if !(speed > 0.0 && speed <= FASTEST_M_PER_S) {
            return mistake("descent_speed_m_per_s", speed.to_string(), "above 0 and at most 5");
        }
        for (key, value, most) in [
            ("duration_s", description.duration_s, LONGEST_S),
            ("largest_age_s", description.largest_age_s, OLDEST_S),
        ] {
            if !(value > 0.0 && value <= most) {
                return mistake(key, value.to_string(), &format!("above 0 and at most {most}"));
            }
        }
        for (key, name, size, unit, frame) in description.sensors() {
            let found = self.placed(name).map(|(_, _, sensor)| (sensor.size, sensor.unit, sensor.frame));
            if found != Some((size, unit, frame)) {
                let expected = format!("a sensor of {size} values, {unit:?}, frame {frame:?}");
                return mistake(key, format!("{name:?}"), &expected);
            }
        }
        self.rotor_mistake(description).or_else(|| self.blind_descent(description))
    }

    fn rotor_mistake(&self, description: &DescentDescription) -> Option<Mistake> {
        let mistake = |key: String, found: String, expected: String| {
            Some((format!("fallback.descent.rotors{key}"), found, expected))
        };
        for (index, rotor) in description.rotors.iter().enumerate() {
            let RotorDescription { actuator: name, x_m, y_m, hover_speed_rad_per_s: speed, .. } = rotor;
            let twice = description.rotors[..index].iter().any(|other| other.actuator == *name);
            let Some(actuator) = self.actuators.iter().find(|actuator| actuator.name == *name && !twice)
            else {
                let known: Vec<_> = self.actuators.iter().map(|actuator| &actuator.name[..]).collect();
                let expected = format!("one of {}, once", known.join(", "));
                return mistake(format!("[{index}].actuator"), format!("{name:?}"), expected);
            };
            if !(x_m.is_finite() && y_m.is_finite()) {
                return mistake(format!("[{index}]"), format!("x_m {x_m}, y_m {y_m}"), "numbers".to_owned());
            }
            if !(*speed > 0.0 && *speed < actuator.maximum) {
                let expected = format!("above 0 and below the actuator's {}", actuator.maximum);
                return mistake(format!("[{index}].hover_speed_rad_per_s"), speed.to_string(), expected);
            }
        }
        let is_rotor = |name: &str| description.rotors.iter().any(|rotor| rotor.actuator == name);
        self.actuators.iter().find_map(|actuator| {
            let fits = actuator.mode == ActuatorMode::RotorSpeed && is_rotor(&actuator.name);
            let expected = "a rotor for each actuator, all of which take rotor_speed".to_owned();
            if fits { None } else { mistake(String::new(), format!("none of {:?}", actuator.name), expected) }
        })
    }

    /// A guard that doubts a sensor may not hand the robot to whoever needs that sensor.
    fn blind_descent(&self, description: &DescentDescription) -> Option<Mistake> {
        let answers = self.limits().answers;
        let needed = description.sensors().map(|(_, name, ..)| name);
        self.guards.iter().filter(|guard| needed.contains(&&guard.sensor[..])).find_map(|guard| {
            let (answer, key) = match guard.cause {
                GuardedCause::SensorRange => (answers.sensor_range, "sensor_range"),
                GuardedCause::SensorRate => (answers.sensor_rate, "sensor_rate"),
                _ => return None,
            };
            let expected = format!("stop or warn: the descent needs {:?}", guard.sensor);
            (answer.action == Action::Fallback)
                .then(|| (format!("supervisor.answers.{key}"), "fallback".to_owned(), expected))
        })
    }
}
