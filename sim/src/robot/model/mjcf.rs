//! Reads MJCF through `rapier3d-mjcf`, which warns of what it leaves out; here that is an error.
//!
//! A robot that lost a mesh, a tendon or a fluid on the way would train, and be another robot than the one in the file. So
//! whatever changes how it moves and cannot be had is refused by the element's name; what only looks or measures is ignored.

mod effort;

use super::text::{self, place};
use super::{Coupling, Description, Site, Stated, inertia};
use crate::robot::appearance::Appearance;
use nalgebra::{Matrix3, Vector3};
use rapier3d::dynamics::RigidBodyBuilder;
use rapier3d_mjcf::mjcf_rs::body::{Geom, GeomType, InertiaSpec, Joint, JointType};
use rapier3d_mjcf::mjcf_rs::compiler::InertiaFromGeom;
use rapier3d_mjcf::mjcf_rs::equality::Equality;
use rapier3d_mjcf::mjcf_rs::model::{BodyEntry, Model};
use rapier3d_mjcf::{ContactFilterMode, MjcfLoaderOptions, MjcfRobot};
use roxmltree::{Document, Node};
use std::collections::BTreeSet;
use std::path::Path;

/// Attributes that hold numbers and nothing else.
const NUMERIC: [&str; 49] = [
    "actuatorfrcrange",
    "anchor",
    "armature",
    "axis",
    "axisangle",
    "boundinertia",
    "boundmass",
    "conaffinity",
    "contype",
    "ctrlrange",
    "damping",
    "density",
    "diaginertia",
    "euler",
    "forcerange",
    "friction",
    "frictionloss",
    "fromto",
    "fullinertia",
    "gap",
    "gear",
    "gravcomp",
    "gravity",
    "inertiagrouprange",
    "kp",
    "kv",
    "margin",
    "mass",
    "polycoef",
    "pos",
    "qpos",
    "qvel",
    "quat",
    "range",
    "ref",
    "relpose",
    "scale",
    "settotalmass",
    "size",
    "solimp",
    "solref",
    "springdamper",
    "springref",
    "stiffness",
    "timestep",
    "viscosity",
    "wind",
    "xyaxes",
    "zaxis",
];
/// Elements that change how a robot moves and that nothing here models.
const UNSUPPORTED: [&str; 10] = [
    "adhesion",
    "attach",
    "composite",
    "deformable",
    "flex",
    "flexcomp",
    "model",
    "muscle",
    "plugin",
    "replicate",
];

/// What makes a tendon more than a measurement.
const TENDON_FORCES: [&str; 8] = [
    "armature",
    "actuatorfrcrange",
    "damping",
    "frictionloss",
    "range",
    "springlength",
    "stiffness",
    "limited",
];

/// Reads MJCF text; `folder` is where its includes lie.
pub(super) fn read(text: &str, folder: &Path) -> Result<Description, String> {
    let text = text::splice_includes(text, folder)?;
    let document = text::parse(&text)?;
    check_document(&document)?;
    let mut model = Model::from_str(&text, folder).map_err(|error| error.to_string())?;
    check_model(&model)?;
    // Those that are left only measure; the loader would tie their joints together.
    model.tendons.clear();
    let options = MjcfLoaderOptions {
        rigid_body_blueprint: RigidBodyBuilder::dynamic().can_sleep(false),
        skip_plane_geoms: false,
        disable_joint_motors: true,
        contact_filter_mode: ContactFilterMode::Asymmetric,
        ..MjcfLoaderOptions::default()
    };
    let mut robot = MjcfRobot::from_model(&model, options, folder);
    name_joints(&mut robot, &model);
    thicken(&mut robot, &model);
    let efforts = effort::limits(&document, &model)?;
    let stated = robot.joints.iter().map(|joint| Stated {
        effort: joint.name.as_ref().and_then(|name| efforts.get(name).copied()),
        ..Stated::default()
    });
    let stated = stated.collect();
    let sites = sites(&model, &robot);
    // Taken from the loader, which would skip some of them with a warning.
    let couplings = std::mem::take(&mut robot.joint_couplings).into_iter().filter(|coupling| coupling.active);
    let coupling = couplings.map(|coupling| Coupling {
        leader: coupling.joint1,
        follower: coupling.joint2,
        multiplier: coupling.coeff.into(),
        offset: coupling.offset.into(),
    });
    let appearance = Appearance::read(&robot, Some(&model));
    Ok(Description { couplings: coupling.collect(), appearance, robot, stated, sites })
}

fn check_document(document: &Document) -> Result<(), String> {
    let root = document.root_element();
    if !root.has_tag_name("mujoco") {
        return Err(format!("{}: expected <mujoco>", place(root)));
    }
    text::check_numbers(document, &NUMERIC)?;
    text::check_names(document, &[&["body"], &["joint", "freejoint"], &["geom"], &["site"]], "default")?;
    for node in document.descendants().filter(Node::is_element) {
        supported(node)?;
    }
    let inherited = document.descendants().filter(|node| node.has_tag_name("default"));
    let classes: BTreeSet<&str> = inherited.filter_map(|node| node.attribute("class")).collect();
    let naming = document.descendants().filter(|node| !node.has_tag_name("default"));
    for (node, class) in naming.filter_map(|node| Some((node, node.attribute("class")?))) {
        if class != "main" && !classes.contains(class) {
            return Err(format!("{}: class {class:?} is not among the defaults", place(node)));
        }
    }
    Ok(())
}

fn supported(node: Node) -> Result<(), String> {
    let tag = node.tag_name().name();
    let above = node.parent_element().map_or("", |parent| parent.tag_name().name());
    let refuse = |what: &str| Err(format!("{}: {what} is not supported", place(node)));
    if UNSUPPORTED.contains(&tag) && above != "default" {
        return refuse(&format!("<{tag}>"));
    }
    let nonzero = |name: &str| {
        let numbers = node.attribute(name).unwrap_or_default();
        numbers.split_ascii_whitespace().any(|number| number.parse() != Ok(0.0))
    };
    match tag {
        "fixed" | "spatial" => match TENDON_FORCES.into_iter().find(|name| node.has_attribute(*name)) {
            Some(name) => refuse(&format!("a tendon with {name}")),
            None => Ok(()),
        },
        _ if matches!(above, "actuator" | "equality")
            && (node.has_attribute("tendon") || node.has_attribute("tendon1")) =>
        {
            refuse("what acts on a tendon")
        }
        "pair" if above == "contact" => refuse("<pair>"),
        "option" => match ["density", "viscosity", "wind"].into_iter().find(|name| nonzero(name)) {
            Some(name) => refuse(&format!("a fluid, {name},")),
            None => Ok(()),
        },
        "flag" => {
            let physical =
                ["constraint", "contact", "equality", "frictionloss", "gravity", "limit", "passive"];
            let off = physical.into_iter().find(|name| node.attribute(*name) == Some("disable"));
            off.map_or(Ok(()), |name| refuse(&format!("{name} that is switched off")))
        }
        "compiler" if node.attribute("coordinate") == Some("global") => refuse("coordinate=\"global\""),
        "geom" if nonzero("gap") => refuse("gap"),
        "body" if node.attribute("mocap") == Some("true") => refuse("mocap"),
        "body" if nonzero("gravcomp") => refuse("gravcomp"),
        _ => Ok(()),
    }
}

fn check_model(model: &Model) -> Result<(), String> {
    for (index, entry) in model.bodies.iter().enumerate() {
        check_inertial(model, index, entry)?;
        for (place, joint) in entry.body.joints.iter().enumerate() {
            check_joint(joint).map_err(|reason| {
                format!("<joint name={:?}>: {reason}", joint_name(model, index, joint, place))
            })?;
        }
        for geom in &entry.body.geoms {
            let massive =
                entry.body.inertial.is_none() || model.compiler.inertia_from_geom == InertiaFromGeom::True;
            check_geom(geom, massive && index > 0, model).map_err(|reason| {
                let name = geom.name.as_deref().unwrap_or_default();
                format!("<geom name={name:?}> of body {:?}: {reason}", body_name(model, index))
            })?;
        }
        let free = entry.body.joints.iter().any(|joint| joint.type_ == JointType::Free);
        if free && (entry.body.joints.len() > 1 || entry.parent != Some(0)) {
            return Err(format!(
                "<body name={:?}>: a free joint, expected it alone and on a body of the world",
                body_name(model, index)
            ));
        }
    }
    for equality in &model.equality {
        if let Equality::Joint(joint) = equality
            && joint.polycoef[2..].iter().any(|coefficient| *coefficient != 0.0)
        {
            let (first, second) = (&joint.joint1, joint.joint2.as_deref().unwrap_or_default());
            return Err(format!(
                "<equality> of joints {first:?} and {second:?}: polycoef is not linear, which is not supported"
            ));
        }
    }
    Ok(())
}

fn check_inertial(model: &Model, index: usize, entry: &BodyEntry) -> Result<(), String> {
    let Some(inertial) = &entry.body.inertial else { return Ok(()) };
    let tensor = match inertial.inertia {
        InertiaSpec::Diagonal(moments) => Matrix3::from_diagonal(&Vector3::from(moments)),
        InertiaSpec::Full(full) => inertia::matrix(full),
    };
    let balanced = model.compiler.balance_inertia && inertial.mass >= 0.0;
    if balanced {
        return Ok(());
    }
    inertia::check(inertial.mass, tensor)
        .map_err(|reason| format!("<inertial> of body {:?}: {reason}", body_name(model, index)))
}

fn check_joint(joint: &Joint) -> Result<(), String> {
    if joint.type_ == JointType::Ball {
        return Err("a ball joint, expected hinge, slide or free".to_owned());
    }
    let length: f64 = joint.axis.iter().map(|part| part * part).sum();
    if matches!(joint.type_, JointType::Hinge | JointType::Slide) && !(length > 1e-20) {
        return Err(format!("axis {:?}, expected a direction", joint.axis));
    }
    if let Some([low, high]) = joint.range
        && low > high
    {
        return Err(format!("range {low} to {high}, expected the lower end first"));
    }
    let named = [
        ("damping", joint.damping),
        ("armature", joint.armature),
        ("frictionloss", joint.frictionloss),
        ("stiffness", joint.stiffness),
    ];
    match named.into_iter().find(|(_, value)| *value < 0.0) {
        Some((name, value)) => Err(format!("{name} {value}, expected none below 0")),
        None => Ok(()),
    }
}

/// `massive`: the body's mass comes from its geoms.
fn check_geom(geom: &Geom, massive: bool, model: &Model) -> Result<(), String> {
    let touches = geom.contype != 0 || geom.conaffinity != 0;
    let [x, y, z] = geom.size;
    let (across, along) = ([x], [x, y]);
    let sizes: &[f64] = match geom.type_ {
        GeomType::Plane => &[],
        GeomType::Sphere => &across,
        GeomType::Capsule | GeomType::Cylinder | GeomType::Box | GeomType::Ellipsoid
            if geom.fromto.is_some() =>
        {
            &across
        }
        GeomType::Capsule | GeomType::Cylinder => &along,
        GeomType::Box | GeomType::Ellipsoid => &[x, y, z],
        GeomType::Mesh | GeomType::Hfield | GeomType::Sdf => {
            // What neither touches nor weighs only looks.
            return if touches || massive { Err(refused_shape(geom, model)) } else { Ok(()) };
        }
    };
    if let Some(size) = sizes.iter().find(|size| !(**size > 0.0)) {
        return Err(format!("a size of {size} m, expected more than 0"));
    }
    if let Some([x1, y1, z1, x2, y2, z2]) = geom.fromto
        && [x1, y1, z1] == [x2, y2, z2]
    {
        return Err("fromto has no length".to_owned());
    }
    let named = [("mass", geom.mass.unwrap_or(0.0)), ("density", geom.density.unwrap_or(0.0))];
    match named.into_iter().find(|(_, value)| *value < 0.0) {
        Some((name, value)) => Err(format!("{name} {value}, expected none below 0")),
        None if geom.margin < 0.0 => Err(format!("margin {}, expected none below 0", geom.margin)),
        None if geom.friction[0] < 0.0 => {
            Err(format!("friction {}, expected none below 0", geom.friction[0]))
        }
        None => Ok(()),
    }
}

fn refused_shape(geom: &Geom, model: &Model) -> String {
    let Some(name) = geom.mesh.as_deref() else {
        return format!(
            "type {:?}, expected a plane, sphere, capsule, ellipsoid, cylinder or box",
            geom.type_
        );
    };
    let mesh = model.assets.mesh(name);
    let file = mesh.and_then(|mesh| mesh.file.as_deref());
    match (mesh, file) {
        (None, _) => format!("mesh {name:?} is not among the assets"),
        (Some(_), file) => format!(
            "mesh {name:?} of {} would touch or weigh: MJCF meshes are not supported; give the body an <inertial> and \
             the geom contype=\"0\" conaffinity=\"0\", or use primitives",
            file.map_or_else(|| "inline vertices".to_owned(), |file| format!("{file:?}"))
        ),
    }
}

fn body_name(model: &Model, index: usize) -> String {
    model.bodies[index].body.name.clone().unwrap_or_else(|| format!("body{index}"))
}

/// A joint's name, or its body's with its place there: `leg_0`.
fn joint_name(model: &Model, body: usize, joint: &Joint, place: usize) -> String {
    let generated = || format!("{}_{place}", body_name(model, body));
    joint.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(generated)
}

/// Gives joints without a name one: tasks refer to joints by name.
fn name_joints(robot: &mut MjcfRobot, model: &Model) {
    let mut before = (0, 0);
    for dof in &robot.qpos_dofs {
        let Some(joint) = dof.joint else { continue };
        let body = robot.bodies[dof.body].mjcf_body_id;
        let place = if before.0 == body { before.1 } else { 0 };
        before = (body, place + 1);
        if let Some(written) = model.bodies[body].body.joints.get(place) {
            robot.joints[joint].name = Some(joint_name(model, body, written, place));
        }
    }
}

/// A geom's margin keeps others that far away: MuJoCo pushes from there on, where the loader would only look for contacts.
fn thicken(robot: &mut MjcfRobot, model: &Model) {
    for body in robot.bodies.iter_mut().filter(|body| !body.is_intermediate) {
        let geoms = &model.bodies[body.mjcf_body_id].body.geoms;
        let touching = geoms.iter().filter(|geom| geom.contype != 0 || geom.conaffinity != 0);
        for (collider, geom) in body.colliders.iter_mut().zip(touching) {
            collider.set_contact_skin(geom.margin as f32);
        }
    }
}

fn sites(model: &Model, robot: &MjcfRobot) -> Vec<Site> {
    let mut sites = Vec::new();
    for (index, body) in robot.bodies.iter().enumerate().filter(|(_, body)| !body.is_intermediate) {
        for site in &model.bodies[body.mjcf_body_id].body.sites {
            if let Some(name) = site.name.clone() {
                let (t, r) = (site.pose.translation, site.pose.rotation);
                let (position, orientation) = ([t.x, t.y, t.z], [r.w, r.x, r.y, r.z]);
                sites.push(Site { name, body: index, position, orientation });
            }
        }
    }
    sites
}
