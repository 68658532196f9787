//! rapier alone on a robot's file, as far as possible the world that Sinew would make of it: what its robot layer is measured against.
//!
//! A standing robot is held by whatever costs rapier least: implicit springs and damping on a multibody's coordinates, joint
//! motors between constrained bodies. Neither is a motor that a robot has; they stand for the least that standing takes.

use rapier3d::dynamics::{
    CoefficientCombineRule, GenericJoint, GenericJointBuilder, IntegrationParameters, JointAxesMask,
    JointAxis, MotorModel, RigidBodyBuilder,
};
use rapier3d::geometry::ColliderBuilder;
use rapier3d::math::Vector;
use rapier3d::pipeline::PhysicsWorld;
use rapier3d_mjcf::{MjcfJoint, MjcfLoaderOptions, MjcfMultibodyOptions, MjcfRobot};

/// How a robot is to be held in the pose that its file calls "default", on a floor: N m/rad and N m s/rad.
#[derive(Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) stiffness: f32,
    pub(crate) damping: f32,
}

/// Where hinges turn in rapier's six coordinates of a joint.
const HINGE: usize = 3;

/// An empty world.
fn world(gravity: Vector, period_s: f64, solver_iterations: usize) -> PhysicsWorld {
    let integration_parameters = IntegrationParameters {
        dt: period_s as f32,
        num_solver_iterations: solver_iterations,
        max_ccd_substeps: 0,
        ..IntegrationParameters::default()
    };
    PhysicsWorld { gravity, integration_parameters, ..PhysicsWorld::default() }
}

fn robot(xml: &str) -> MjcfRobot {
    let options = MjcfLoaderOptions {
        rigid_body_blueprint: RigidBodyBuilder::dynamic().can_sleep(false),
        disable_joint_motors: true,
        ..MjcfLoaderOptions::default()
    };
    MjcfRobot::from_str(xml, options, ".").expect("a built-in model").0
}

/// The model in reduced coordinates, limp, in the pose of zeros.
#[allow(dead_code, reason = "not everything that is measured hangs limp")]
pub(crate) fn limp(xml: &str, gravity: Vector, period_s: f64) -> PhysicsWorld {
    let mut world = world(gravity, period_s, 1);
    robot(xml).insert_using_multibody_joints(
        &mut world.bodies,
        &mut world.colliders,
        &mut world.multibody_joints,
        &mut world.impulse_joints,
        MjcfMultibodyOptions::empty(),
    );
    world
}

/// The model in reduced coordinates, standing on a floor.
pub(crate) fn standing_multibody(
    xml: &str,
    period_s: f64,
    solver_iterations: usize,
    hold: Standing,
) -> PhysicsWorld {
    let robot = robot(xml);
    let mut world = world(robot.gravity, period_s, solver_iterations);
    let handles = robot.clone().insert_using_multibody_joints(
        &mut world.bodies,
        &mut world.colliders,
        &mut world.multibody_joints,
        &mut world.impulse_joints,
        MjcfMultibodyOptions::empty(),
    );
    let key = robot.keyframe_by_name("default").expect("a default pose");
    handles.apply_keyframe(&mut world.bodies, &mut world.multibody_joints, &robot, key);
    for (written, inserted) in robot.joints.iter().zip(&handles.joints) {
        let handle = inserted.joint.expect("a tree of joints");
        let (multibody, id) = world.multibody_joints.get_mut(handle).expect("a joint of this world");
        let link = multibody.link_mut(id).expect("a joint of this world");
        let (position, row) = (link.joint.coords()[HINGE], link.assembly_id());
        link.joint.set_spring(HINGE, hold.stiffness, position);
        multibody.damping_mut()[row] = hold.damping + written.damping_per_dof;
    }
    add_floor(&mut world);
    world
}

/// The model as bodies between joint constraints, standing on a floor.
#[allow(dead_code, reason = "not everything that is measured is held by constraints")]
pub(crate) fn standing_constrained(
    xml: &str,
    period_s: f64,
    solver_iterations: usize,
    hold: Standing,
) -> PhysicsWorld {
    let robot = robot(xml);
    let mut world = world(robot.gravity, period_s, solver_iterations);
    let handles = robot.clone().insert_using_impulse_joints(
        &mut world.bodies,
        &mut world.colliders,
        &mut world.impulse_joints,
    );
    let key = robot.keyframe_by_name("default").expect("a default pose");
    handles.apply_keyframe(&mut world.bodies, &robot, key);
    let pose = key.qpos.iter().skip(7);
    for (inserted, position) in handles.joints.iter().zip(pose) {
        let joint = world.impulse_joints.get_mut(inserted.joint, false).expect("a joint of this world");
        joint.data.set_motor_model(JointAxis::AngX, MotorModel::ForceBased);
        joint.data.set_motor_position(JointAxis::AngX, *position as f32, hold.stiffness, hold.damping);
    }
    for (written, inserted) in robot.joints.iter().zip(&handles.joints) {
        let friction = dry_friction(written);
        world.impulse_joints.insert(inserted.link1, inserted.link2, friction, false);
    }
    add_floor(&mut world);
    world
}

/// Dry friction as a constraint of its own: a very stiff damper with a limit, as Sinew has it.
fn dry_friction(joint: &MjcfJoint) -> GenericJoint {
    let torque = joint.frictionloss_per_dof;
    let mut friction = GenericJointBuilder::new(JointAxesMask::empty())
        .contacts_enabled(false)
        .local_frame1(joint.joint.local_frame1)
        .local_frame2(joint.joint.local_frame2)
        .build();
    friction.set_motor_model(JointAxis::AngX, MotorModel::ForceBased);
    friction.set_motor_velocity(JointAxis::AngX, 0.0, torque * 1e3);
    friction.set_motor_max_force(JointAxis::AngX, torque);
    friction
}

fn add_floor(world: &mut PhysicsWorld) {
    for (_, collider) in world.colliders.iter_mut() {
        collider.set_friction_combine_rule(CoefficientCombineRule::Max);
    }
    let body = world.bodies.insert(RigidBodyBuilder::fixed().translation(Vector::new(0.0, 0.0, -0.5)));
    let floor = ColliderBuilder::cuboid(100.0, 100.0, 0.5).friction(1.0);
    world.colliders.insert_with_parent(
        floor.friction_combine_rule(CoefficientCombineRule::Max),
        body,
        &mut world.bodies,
    );
}

/// Steps the world; with `forces`, after setting a force on every moving body, the least that driving bodies takes.
pub(crate) fn advance(world: &mut PhysicsWorld, steps: u32, forces: bool) {
    for _ in 0..steps {
        if forces {
            for (_, body) in world.bodies.iter_mut().filter(|(_, body)| body.is_dynamic()) {
                body.reset_forces(false);
                body.add_force(Vector::new(0.0, 0.0, 1e-3), false);
            }
        }
        world.step();
    }
}
