//! What randomization changes of a world: masses, sizes, surfaces, joints and gravity, at the episode's start or within it.
//!
//! Every change starts from the model's own number, never from the last change, and reaches rapier's bodies and
//! multibodies before the next step.

use super::{World, array, vector};
use crate::randomization::{Parameter, Touched, Variation};
use crate::robot::joint::{Holder, JointKind};
use crate::robot::model::RobotModel;
use rapier3d::dynamics::{
    GenericJoint, ImpulseJointHandle, JointAxesMask, MassProperties, MotorModel, MultibodyLink,
    RigidBodyHandle,
};
use rapier3d::geometry::{Collider, SharedShape};
use rapier3d::math::Vector;

/// Below this speed, rad/s or m/s, dry friction as a constraint gives way: it is a very stiff damper with a limit.
const FRICTION_SPEED: f64 = 1e-3;
/// However much randomization takes away, this part of a body's mass stays.
const LEAST_MASS: f64 = 0.01;
/// Stands for a limit that the file does not set, rad or m.
const NO_LIMIT: f64 = 1e6;

const MASSES: [Parameter; 4] =
    [Parameter::Mass, Parameter::Inertia, Parameter::CenterOfMass, Parameter::JointArmature];
const SURFACES: [Parameter; 2] = [Parameter::ContactFriction, Parameter::Restitution];
const JOINTS: [Parameter; 5] = [
    Parameter::JointDamping,
    Parameter::JointFriction,
    Parameter::JointArmature,
    Parameter::JointLow,
    Parameter::JointHigh,
];

impl World {
    /// Takes all changes, at the start of an episode.
    pub(super) fn vary_all(&mut self, model: &RobotModel, variation: &Variation) {
        self.resize(model, variation);
        self.vary_masses(model, variation);
        self.vary_surfaces(model, variation);
        self.vary_joints(model, variation);
        self.vary_gravity(model, variation);
    }

    /// Takes the changes that were drawn anew within an episode.
    pub(crate) fn vary(&mut self, model: &RobotModel, variation: &Variation, touched: Touched) {
        if touched.any_of(&MASSES) || touched.any_of(&SURFACES) || touched.contains(Parameter::Push) {
            self.announce();
        }
        if touched.any_of(&MASSES) {
            self.vary_masses(model, variation);
        }
        if touched.any_of(&SURFACES) {
            self.vary_surfaces(model, variation);
        }
        if touched.any_of(&JOINTS) {
            self.vary_joints(model, variation);
        }
        if touched.contains(Parameter::Gravity) {
            self.vary_gravity(model, variation);
        }
        if touched.contains(Parameter::Push) {
            self.push_base(model, variation.apply_vector(Parameter::Push, 0, [0.0; 3]));
        }
    }

    /// Grows bodies about their origins: shapes and their places, sites, and where joints to other bodies sit.
    fn resize(&mut self, model: &RobotModel, variation: &Variation) {
        self.links.clone_from(&model.links);
        self.sites.clone_from(&model.landmarks.watched_sites);
        for (index, (handle, _)) in model.masses.iter().enumerate() {
            if !variation.covers(Parameter::BodySize, index) {
                continue;
            }
            let factor = variation.apply(Parameter::BodySize, index, 1.0) as f32;
            let physics = &mut self.physics;
            for (_, collider) in physics.colliders.iter_mut().filter(|(_, it)| it.parent() == Some(*handle)) {
                grow(collider, factor);
            }
            for site in self.sites.iter_mut().filter(|site| site.body == Some(*handle)) {
                site.pose.translation *= factor;
            }
            for link in &mut self.links {
                for (end, frame) in [link.parent, link.child].into_iter().zip(&mut link.frames) {
                    if end == *handle {
                        frame.translation *= factor;
                    }
                }
            }
        }
        for joint in &model.joints {
            let frames = self.links[joint.link].frames;
            self.change_joint(joint.holder, |data| [data.local_frame1, data.local_frame2] = frames);
        }
    }

    fn vary_masses(&mut self, model: &RobotModel, variation: &Variation) {
        for (index, (handle, nominal)) in model.masses.iter().enumerate() {
            let properties = mass_properties(model, nominal, index, variation);
            let armature = |joint: usize, of: &crate::robot::joint::ModelJoint| {
                variation.apply(Parameter::JointArmature, joint, of.armature)
            };
            let physics = &mut self.physics;
            let body = &mut physics.bodies[*handle];
            body.set_additional_mass_properties(model.with_armature(*handle, properties, armature), false);
            body.recompute_mass_properties_from_colliders(&physics.colliders);
        }
    }

    fn vary_surfaces(&mut self, model: &RobotModel, variation: &Variation) {
        for (handle, collider) in self.physics.colliders.iter_mut() {
            let Some(nominal) = model.colliders.get(handle) else { continue };
            let body = surface_target(model, collider.parent());
            let positive = |value: f64| if value > 0.0 { value as f32 } else { 0.0 };
            let friction = variation.apply(Parameter::ContactFriction, body, nominal.friction().into());
            collider.set_friction(positive(friction));
            let restitution = variation.apply(Parameter::Restitution, body, nominal.restitution().into());
            collider.set_restitution(positive(restitution));
        }
    }

    /// rapier damps every free angle with 0.1 N m s/rad of its own; only what the file and the episode say remains.
    fn vary_joints(&mut self, model: &RobotModel, variation: &Variation) {
        for joint in &model.joints {
            if let Holder::Multibody(handle) = joint.holder
                && let Some((multibody, _)) = self.physics.multibody_joints.get_mut(handle)
            {
                multibody.damping_mut().fill(0.0);
                multibody.frictions_mut().fill(0.0);
            }
        }
        for (index, joint) in model.joints.iter().enumerate() {
            let number = |parameter, nominal| {
                let value = variation.apply(parameter, index, nominal);
                if value > 0.0 { value } else { 0.0 }
            };
            let damping = number(Parameter::JointDamping, joint.damping) as f32;
            let dry = number(Parameter::JointFriction, joint.friction);
            match joint.holder {
                Holder::Multibody(handle) => {
                    if let Some((multibody, link)) = self.physics.multibody_joints.get_mut(handle)
                        && let Some(row) = multibody.link(link).map(MultibodyLink::assembly_id)
                    {
                        multibody.damping_mut()[row] = damping;
                        multibody.frictions_mut()[row] = dry as f32;
                        if variation.covers(Parameter::JointArmature, index) {
                            multibody.armature_mut()[row] =
                                number(Parameter::JointArmature, joint.armature) as f32;
                        }
                    }
                }
                Holder::Constraint { joint: held, friction } => {
                    self.set_damper(held, joint.kind, damping, f32::MAX);
                    self.set_damper(friction, joint.kind, (dry / FRICTION_SPEED) as f32, dry as f32);
                    if let Some(friction) = self.physics.impulse_joints.get_mut(friction, false) {
                        friction.data.set_enabled(dry > 0.0);
                    }
                }
            }
            self.vary_limits(model, index, variation);
        }
    }

    fn vary_limits(&mut self, model: &RobotModel, index: usize, variation: &Variation) {
        if !(variation.covers(Parameter::JointLow, index) || variation.covers(Parameter::JointHigh, index)) {
            return;
        }
        let joint = &model.joints[index];
        let nominal = match joint.holder {
            Holder::Multibody(handle) => model.multibody_joints.get(handle).and_then(|(multibody, link)| {
                multibody.link(link)?.joint.data.limits(joint.kind.axis()).copied()
            }),
            Holder::Constraint { joint: held, .. } => {
                model.impulse_joints.get(held).and_then(|held| held.data.limits(joint.kind.axis()).copied())
            }
        };
        let [low, high] =
            nominal.map_or([-NO_LIMIT, NO_LIMIT], |limits| [limits.min.into(), limits.max.into()]);
        let low = variation.apply(Parameter::JointLow, index, low);
        let high = variation.apply(Parameter::JointHigh, index, high);
        // Limits that cross leave the joint no room but their middle.
        let (low, high) = if low <= high { (low, high) } else { (0.5 * (low + high), 0.5 * (low + high)) };
        self.change_joint(joint.holder, |data| {
            data.set_limits(joint.kind.axis(), [low as f32, high as f32]);
        });
    }

    fn vary_gravity(&mut self, model: &RobotModel, variation: &Variation) {
        self.physics.gravity = vector(variation.apply_vector(Parameter::Gravity, 0, array(model.gravity)));
    }

    /// Changes what rapier knows of a joint.
    fn change_joint(&mut self, holder: Holder, change: impl FnOnce(&mut GenericJoint)) {
        match holder {
            Holder::Multibody(handle) => {
                if let Some((multibody, link)) = self.physics.multibody_joints.get_mut(handle)
                    && let Some(link) = multibody.link_mut(link)
                {
                    change(&mut link.joint.data);
                }
            }
            Holder::Constraint { joint, .. } => {
                if let Some(joint) = self.physics.impulse_joints.get_mut(joint, false) {
                    change(&mut joint.data);
                }
            }
        }
    }

    fn set_damper(&mut self, handle: ImpulseJointHandle, kind: JointKind, damping: f32, largest: f32) {
        if let Some(joint) = self.physics.impulse_joints.get_mut(handle, false) {
            let axis = kind.axis();
            joint.data.set_motor_model(axis, MotorModel::ForceBased);
            joint.data.set_motor_velocity(axis, 0.0, damping);
            joint.data.set_motor_max_force(axis, largest);
            if !(damping > 0.0) {
                // Without gains rapier's motor is not limp but rigid.
                joint.data.motor_axes.remove(JointAxesMask::from(axis));
            }
        }
    }
}

/// A body's present mass properties, without rotors.
fn mass_properties(
    model: &RobotModel,
    nominal: &MassProperties,
    body: usize,
    variation: &Variation,
) -> MassProperties {
    let file_mass = f64::from(nominal.mass());
    let drawn = variation.apply(Parameter::Mass, body, file_mass);
    let least = LEAST_MASS * file_mass;
    let mass = if drawn < least { least } else { drawn };
    let size = match model.object_of(body) {
        Some(object) => variation.apply(Parameter::ObjectSize, object, 1.0),
        None => variation.apply(Parameter::BodySize, body, 1.0),
    };
    // A heavier body of the same shape is denser; unless its inertia has a term of its own.
    let inertia = if variation.covers(Parameter::Inertia, body) {
        variation.apply(Parameter::Inertia, body, 1.0)
    } else if mass == file_mass {
        1.0
    } else {
        mass / file_mass
    };
    let center =
        variation.apply_vector(Parameter::CenterOfMass, body, array(nominal.local_com * size as f32));
    MassProperties::with_principal_inertia_frame(
        vector(center),
        mass as f32,
        nominal.principal_inertia() * (inertia * size * size) as f32,
        nominal.principal_inertia_local_frame,
    )
}

/// The place of a surface's body among the targets: after the moving bodies comes all that is fixed.
fn surface_target(model: &RobotModel, parent: Option<RigidBodyHandle>) -> usize {
    let place = model.masses.iter().position(|(handle, _)| Some(*handle) == parent);
    place.unwrap_or(model.masses.len())
}

/// Grows a shape and its distance from its body's origin.
pub(super) fn grow(collider: &mut Collider, factor: f32) {
    let all = Vector::splat(factor);
    let shape = collider.shape();
    let grown = if let Some(cuboid) = shape.as_cuboid() {
        Some(SharedShape::new(cuboid.scaled(all)))
    } else if let Some(ball) = shape.as_ball() {
        Some(SharedShape::ball(ball.radius * factor))
    } else if let Some(capsule) = shape.as_capsule() {
        let segment = capsule.segment;
        Some(SharedShape::capsule(segment.a * factor, segment.b * factor, capsule.radius * factor))
    } else if let Some(cylinder) = shape.as_cylinder() {
        Some(SharedShape::cylinder(cylinder.half_height * factor, cylinder.radius * factor))
    } else if let Some(polyhedron) = shape.as_convex_polyhedron() {
        polyhedron.clone().scaled(all).map(SharedShape::new)
    } else {
        None
    };
    if let Some(grown) = grown {
        collider.set_shape(grown);
    }
    if let Some(place) = collider.position_wrt_parent().copied() {
        collider.set_position_wrt_parent(rapier3d::math::Pose::from_parts(
            place.translation * factor,
            place.rotation,
        ));
    }
}
