//! A small contract and robot for unit tests.

use crate::contract::{
    Contract, History, Interpolation, Layout, ObservationTerm, Periods, Provenance, SCHEMA_VERSION,
    TermSource,
};
use crate::interface::{Actuator, ActuatorMode, Frame, Interface, Sensor, Unit};

/// A torque-driven hinge with position and velocity sensors.
pub(crate) fn pendulum_interface() -> Interface<'static> {
    let sensor = |name, unit| Sensor { name, size: 1, unit, frame: Frame::Joint };
    let actuator = Actuator {
        name: "hinge",
        mode: ActuatorMode::Torque,
        minimum: -2.0,
        maximum: 2.0,
        max_rate_per_s: None,
        stiffness: 0.0,
        damping: 0.0,
    };
    let mut interface = Interface::default();
    interface.sensors.push(sensor("hinge_position", Unit::Radian)).unwrap();
    interface.sensors.push(sensor("hinge_velocity", Unit::RadianPerSecond)).unwrap();
    interface.actuators.push(actuator).unwrap();
    interface
}

/// A contract for [`pendulum_interface`] at 20 Hz: cosine and sine of the angle, then the velocity.
pub(crate) fn pendulum_contract() -> Contract<'static> {
    let robot = pendulum_interface();
    let term = |name, source, sensor, size, unit| ObservationTerm {
        name,
        source,
        sensors: heapless::Vec::from_slice(&[sensor]).unwrap(),
        command: None,
        size,
        unit,
        frame: Frame::Joint,
        history: History::NONE,
        max_age_s: 0.2,
    };
    let observation = [
        term("joint_angle", TermSource::CosSin, "hinge_position", 2, Unit::Dimensionless),
        term("joint_velocity", TermSource::Sensor, "hinge_velocity", 1, Unit::RadianPerSecond),
    ];
    Contract {
        schema_version: SCHEMA_VERSION,
        task: "pendulum",
        periods: Periods { servo_period_s: 0.05, loop_period_s: 0.05, policy_period_s: 0.05 },
        interpolation: Interpolation::Hold,
        sensors: robot.sensors.clone(),
        observation: observation.into_iter().collect(),
        layout: Layout::TermMajor,
        commands: heapless::Vec::new(),
        actions: robot.actuators.clone(),
        default_pose: heapless::Vec::from_slice(&[0.0]).unwrap(),
        interface_hash: robot.hash(),
        provenance: Provenance {
            algorithm: "sac",
            steps: 20_000,
            seed: 1,
            version: "0.1.0",
            randomization: heapless::Vec::new(),
        },
    }
}
