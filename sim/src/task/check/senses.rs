//! Checks of what a robot stands on and senses: terrain, sensors, and the names of sites and surfaces.

use super::Check;
use crate::robot::RobotModel;
use crate::task::document::{SensorDocument, SensorErrors, SensorQuantity};
use crate::task::error::TaskError;
use crate::terrain::Refusal;
use sinew_policy_runtime::contract::Periods;

impl Check<'_> {
    pub(super) fn terrain(&self) -> Result<(), TaskError> {
        let Some(terrain) = &self.document.terrain else { return Ok(()) };
        if self.model.is_none() {
            return self.fail("terrain", "present", "none: equations stand on nothing");
        }
        if self.document.dynamics.floor {
            return self.fail("dynamics.floor", "true", "false: level ground lies around the terrain");
        }
        terrain.check().or_else(|Refusal { field, found, expected }| self.fail(field, found, expected))
    }

    /// What only the critic sees.
    pub(super) fn privileged(&self) -> Result<(), TaskError> {
        let privileged = &self.document.privileged;
        if self.model.is_none() && (privileged.randomization || !privileged.sensors.is_empty()) {
            return self.fail("privileged", "present", "none: equations hide nothing from the policy");
        }
        for sensor in &privileged.sensors {
            self.sensor(sensor)?;
            if sensor.errors != SensorErrors::default() || sensor.period_s.is_some() {
                let field = format!("privileged sensor {:?}: errors or period_s", sensor.name);
                return self.fail(field, "present", "none: what the critic sees is true");
            }
        }
        Ok(())
    }

    pub(super) fn sensor(&self, sensor: &SensorDocument) -> Result<(), TaskError> {
        use SensorQuantity::{ContactForce, JointEffort, JointPosition, JointVelocity};
        let field = |key: &str| format!("sensor {:?}: {key}", sensor.name);
        let of_joint = matches!(sensor.quantity, JointPosition | JointVelocity | JointEffort);
        let of_contact = sensor.quantity == ContactForce;
        for (key, found, legal) in [
            ("joint", sensor.joint.is_some(), of_joint),
            ("joints", !sensor.joints.is_empty(), of_joint && sensor.joint.is_none()),
            ("geom", sensor.geom.is_some(), of_contact),
            ("site", sensor.site.is_some(), !of_joint && !of_contact),
        ] {
            if found && !legal {
                return self.fail(field(key), "present", "none for this quantity");
            }
        }
        sensor.check_rays().or_else(|(key, found, expected)| self.fail(field(key), found, expected))?;
        if of_joint {
            return self.joints_of(sensor);
        }
        self.landmarks(&field("site"), sensor.site.iter(), RobotModel::site_names)?;
        self.landmarks(&field("geom"), sensor.geom.iter(), RobotModel::surface_names)?;
        if of_contact && sensor.geom.is_none() {
            return self.fail(field("geom"), "absent", "a geom or a body of the model that collides");
        }
        if !of_contact && sensor.site.is_none() && !self.model.is_some_and(RobotModel::has_floating_base) {
            let expected = "a quantity of a joint, or a site: the model's base is fixed";
            return self.fail(field("quantity"), "of a floating base", expected);
        }
        Ok(())
    }

    /// A joint, or several of a kind.
    fn joints_of(&self, sensor: &SensorDocument) -> Result<(), TaskError> {
        let field = format!("sensor {:?}: joints", sensor.name);
        let Some(first) = sensor.joints.first() else {
            return self
                .joint(&format!("sensor {:?}: joint", sensor.name), sensor.joint.as_ref())
                .map(|_| ());
        };
        let kind = self.joints.kinds[self.joint(&field, Some(first))?];
        for (index, name) in sensor.joints.iter().enumerate() {
            let other = self.joints.kinds[self.joint(&field, Some(name))?];
            if other != kind || sensor.joints[..index].contains(name) {
                return self.fail(field, format!("{name:?}"), "hinges alone or slides alone, each once");
            }
        }
        Ok(())
    }

    /// What is wrong with a sensor, and how often it samples.
    pub(super) fn errors(&self, sensor: &SensorDocument) -> Result<(), TaskError> {
        let field = |key: &str| format!("sensor {:?}: {key}", sensor.name);
        let physics_s = self.document.dynamics.physics_period_s;
        if let Some(period_s) = sensor.period_s
            && Periods::ratio(physics_s, period_s).is_none()
        {
            let expected = format!("a multiple of physics_period_s = {physics_s} s");
            return self.fail(field("period_s"), format!("{period_s} s"), expected);
        }
        for (name, size, largest) in sensor.errors.named() {
            self.within(field(&format!("errors.{name}")), size, 0.0, largest)?;
        }
        let SensorErrors { scale, quantization, saturation, .. } = sensor.errors;
        if sensor.quantity == SensorQuantity::BaseOrientation && [scale, quantization, saturation] != [0.0; 3]
        {
            let found = "with scale, quantization or saturation";
            return self.fail(
                field("errors"),
                found,
                "noise, bias and bias_walk: an orientation has no scale",
            );
        }
        Ok(())
    }

    /// The model has every name.
    pub(super) fn landmarks<'n, I: Iterator<Item = &'n str>>(
        &self,
        field: &str,
        mut names: impl Iterator<Item = &'n String>,
        known: impl Fn(&'n RobotModel) -> I,
    ) -> Result<(), TaskError>
    where
        Self: 'n,
    {
        names.try_for_each(|name| {
            let known: Vec<&str> = self.model.into_iter().flat_map(&known).collect();
            self.known(field, name, &known)
        })
    }
}
