//! A robot's file that cannot be used is refused with file, element and cause: never a panic, a hang or a robot that lost
//! something on the way.

#![allow(clippy::unwrap_used, reason = "a test that cannot set itself up has failed")]

use sinew_sim::{Randomization, SimulatedRobot, Task, TaskError};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A folder of its own for a test's files.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{name}"));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A task that drives joint "hinge" of a model in the folder.
fn task(folder: &Path, model: &str, dynamics: &str) -> Result<Task, TaskError> {
    let text = format!(
        "name = \"foreign\"\nsummary = \"for tests\"\nsafe_action = \"zero_torque\"\n\n[dynamics]\nmodel = \"{model}\"\n{dynamics}\n\
         physics_period_s = 0.001\npolicy_period_s = 0.01\n\n[episode]\ntraining_s = 1.0\nacceptance_s = 1.0\n\n[start]\n\n\
         [[sensors]]\nname = \"hinge\"\nquantity = \"joint_position\"\njoint = \"hinge\"\n\n[[actuators]]\nname = \"hinge\"\n\
         mode = \"torque\"\njoint = \"hinge\"\nminimum = -1.0\nmaximum = 1.0\ndefault = 0.0\nhead_scale = 1.0\nhead_offset = 0.0\n\n\
         [[observation]]\nname = \"hinge\"\nsource = \"sensor\"\nsensors = [\"hinge\"]\nmax_age_s = 0.1\nfloor = 0.1\n\n\
         [[reward]]\nquantity = \"joint_speed\"\nshape = \"squared\"\nweight = -1.0\n"
    );
    let path = folder.join(format!("{model}.toml"));
    std::fs::write(&path, text).unwrap();
    Task::load(&path.display().to_string())
}

/// Writes a model, and returns why it is refused.
fn refusal(name: &str, extension: &str, text: &str) -> String {
    let folder = folder(name);
    let model = format!("{name}.{extension}");
    std::fs::write(folder.join(&model), text).unwrap();
    let start = Instant::now();
    let error = task(&folder, &model, "").map(|_| ()).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(10), "{name}: {:?}", start.elapsed());
    let TaskError::Model { model: file, reason } = error else { panic!("{name}: {error}") };
    assert!(file.ends_with(&model), "{file}");
    reason
}

fn refused(extension: &str, cases: &[(&str, String, &[&str])]) {
    for (name, text, parts) in cases {
        let reason = refusal(name, extension, text);
        assert!(parts.iter().all(|part| reason.contains(part)), "{name}: {reason}");
    }
}

const INERTIAL: &str = "<inertial pos=\"0 0 -0.5\" mass=\"1\" diaginertia=\"0.1 0.1 0.1\"/>";
const HINGE: &str = "<joint name=\"hinge\" type=\"hinge\" axis=\"0 1 0\"/>";

/// An MJCF pendulum with other parts.
fn mjcf(inertial: &str, joint: &str, more: &str) -> String {
    format!("<mujoco><worldbody><body name=\"pole\">{joint}{inertial}{more}</body></worldbody></mujoco>")
}

const MASS: &str = "<origin xyz=\"0 0 -0.5\"/><mass value=\"1\"/>";
const INERTIA: &str = "<inertia ixx=\"0.1\" ixy=\"0\" ixz=\"0\" iyy=\"0.1\" iyz=\"0\" izz=\"0.1\"/>";
const LIMIT: &str = "<limit lower=\"-1\" upper=\"1\" effort=\"5\" velocity=\"3\"/>";

/// A URDF pendulum with other parts.
fn urdf(inertial: &str, joint: &str, more: &str) -> String {
    format!(
        "<robot name=\"pendulum\"><link name=\"base\"/><link name=\"pole\"><inertial>{inertial}</inertial></link>\
         <joint name=\"hinge\" type=\"revolute\"><parent link=\"base\"/><child link=\"pole\"/>{joint}</joint>{more}</robot>"
    )
}

fn sound_urdf() -> String {
    urdf(&format!("{MASS}{INERTIA}"), &format!("<axis xyz=\"0 1 0\"/>{LIMIT}"), "")
}

#[test]
fn the_sound_files_that_the_others_differ_from_load() {
    let folder = folder("sound");
    std::fs::write(folder.join("sound.xml"), mjcf(INERTIAL, HINGE, "")).unwrap();
    std::fs::write(folder.join("sound.urdf"), sound_urdf()).unwrap();
    for model in ["sound.xml", "sound.urdf"] {
        let task = task(&folder, model, "").unwrap();
        SimulatedRobot::new(&task, Randomization::Nominal).unwrap().advance(10);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn an_mjcf_file_is_refused_by_the_element_that_is_wrong() {
    let inertial = |mass: &str, inertia: &str| {
        format!("<inertial pos=\"0 0 0\" mass=\"{mass}\" diaginertia=\"{inertia}\"/>")
    };
    let joint = |rest: &str| format!("<joint name=\"hinge\" type=\"hinge\" {rest}/>");
    let deep = |count: usize| {
        format!(
            "<mujoco><worldbody>{}{}</worldbody></mujoco>",
            format!("<body>{INERTIAL}").repeat(count),
            "</body>".repeat(count)
        )
    };
    let wide = (0..10_000).fold(String::new(), |mut text, index| {
        write!(text, "<body><joint name=\"j{index}\"/>{INERTIAL}</body>").unwrap();
        text
    });
    let many = (0..500).fold(String::new(), |mut text, index| {
        write!(text, "<body><joint name=\"j{index}\"/>{INERTIAL}</body>").unwrap();
        text
    });
    let entities = "<!DOCTYPE lolz [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
                    <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]><mujoco model=\"&c;\"/>";
    refused(
        "xml",
        &[
            (
                "negative-mass",
                mjcf(&inertial("-1", "1 1 1"), HINGE, ""),
                &["<inertial>", "\"pole\"", "-1 kg"],
            ),
            ("no-mass", mjcf(&inertial("0", "0 0 0"), HINGE, ""), &["\"pole\"", "without mass"]),
            ("no-inertia", mjcf(&inertial("1", "0 0 0"), HINGE, ""), &["\"pole\"", "moments of inertia"]),
            ("triangle", mjcf(&inertial("1", "1 1 3"), HINGE, ""), &["<inertial>", "\"pole\"", "exceeds"]),
            (
                "inverted",
                mjcf(INERTIAL, &joint("range=\"2 1\""), ""),
                &["\"hinge\"", "range", "lower end first"],
            ),
            (
                "nan",
                mjcf(INERTIAL, &joint("damping=\"nan\""), ""),
                &["<joint name=\"hinge\">", "damping", "nan"],
            ),
            (
                "infinite",
                mjcf(INERTIAL, &joint("range=\"0 inf\""), ""),
                &["<joint name=\"hinge\">", "range", "inf"],
            ),
            (
                "huge",
                mjcf(INERTIAL, &joint("pos=\"0 1e300 0\""), ""),
                &["<joint name=\"hinge\">", "pos", "1e300"],
            ),
            (
                "word",
                mjcf(INERTIAL, &joint("range=\"0 one\""), ""),
                &["<joint name=\"hinge\">", "range", "one"],
            ),
            (
                "axis",
                mjcf(INERTIAL, &joint("axis=\"0 0 0\""), ""),
                &["<joint name=\"hinge\">", "axis is zero"],
            ),
            ("twins", mjcf(INERTIAL, HINGE, "<body name=\"pole\"/>"), &["<body name=\"pole\">", "twice"]),
            ("class", mjcf(INERTIAL, &joint("class=\"elbow\""), ""), &["\"hinge\"", "elbow"]),
            (
                "mesh",
                format!(
                    "<mujoco><asset><mesh name=\"m\" file=\"absent.stl\"/></asset><worldbody><body name=\"pole\">{HINGE}\
                     {INERTIAL}<geom name=\"shell\" type=\"mesh\" mesh=\"m\"/></body></worldbody></mujoco>"
                ),
                &["<geom name=\"shell\">", "\"pole\"", "absent.stl"],
            ),
            ("size", mjcf(INERTIAL, HINGE, "<geom name=\"ball\" size=\"0\"/>"), &["\"ball\"", "size of 0"]),
            (
                "cycle",
                "<mujoco><include file=\"cycle.xml\"/></mujoco>".to_owned(),
                &["<include>", "includes itself"],
            ),
            (
                "absent",
                "<mujoco><include file=\"absent.xml\"/></mujoco>".to_owned(),
                &["<include>", "absent.xml"],
            ),
            ("bomb", entities.to_owned(), &["XML", "DTD"]),
            ("deep", deep(200), &["128 elements deep"]),
            ("abyss", deep(20_000), &["elements"]),
            (
                "wide",
                format!("<mujoco><worldbody>{wide}</worldbody></mujoco>"),
                &["more than 20000 elements"],
            ),
            (
                "many",
                format!("<mujoco><worldbody>{many}</worldbody></mujoco>"),
                &["500 bodies", "at most 256"],
            ),
            ("words", "not a robot".to_owned(), &["XML"]),
            ("empty", String::new(), &["XML"]),
            ("truncated", mjcf(INERTIAL, HINGE, "")[..80].to_owned(), &["XML"]),
            ("other", "<robot/>".to_owned(), &["<robot>", "expected <mujoco>"]),
            ("fluid", "<mujoco><option density=\"1.2\"/></mujoco>".to_owned(), &["<option>", "density"]),
            (
                "tendon",
                "<mujoco><tendon><fixed name=\"t\" stiffness=\"1\"/></tendon></mujoco>".to_owned(),
                &["\"t\""],
            ),
        ],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_urdf_is_refused_by_the_element_that_is_wrong() {
    let sound = format!("{MASS}{INERTIA}");
    let axis = format!("<axis xyz=\"0 1 0\"/>{LIMIT}");
    let inertia = |moments: [f64; 3]| {
        let [x, y, z] = moments;
        format!("{MASS}<inertia ixx=\"{x}\" ixy=\"0\" ixz=\"0\" iyy=\"{y}\" iyz=\"0\" izz=\"{z}\"/>")
    };
    let mass = |mass: &str| format!("<mass value=\"{mass}\"/>{INERTIA}");
    let chain = |count: usize| {
        (0..count).fold(String::new(), |mut text, index| {
            let parent = if index == 0 { "pole".to_owned() } else { format!("l{}", index - 1) };
            write!(
                text,
                "<link name=\"l{index}\"><inertial>{MASS}{INERTIA}</inertial></link><joint name=\"j{index}\" \
                 type=\"continuous\"><parent link=\"{parent}\"/><child link=\"l{index}\"/></joint>"
            )
            .unwrap();
            text
        })
    };
    let joint = |name: &str, kind: &str, parent: &str, child: &str| {
        format!(
            "<link name=\"{name}\"><inertial>{MASS}{INERTIA}</inertial></link><joint name=\"{name}_joint\" type=\"{kind}\">\
             <parent link=\"{parent}\"/><child link=\"{child}\"/></joint>"
        )
    };
    let mesh = |file: &str| {
        format!(
            "<link name=\"shell\"><inertial>{MASS}{INERTIA}</inertial><collision><geometry><mesh filename=\"{file}\"/></geometry>\
             </collision></link><joint name=\"weld\" type=\"fixed\"><parent link=\"pole\"/><child link=\"shell\"/></joint>"
        )
    };
    refused(
        "urdf",
        &[
            ("u-negative", urdf(&mass("-1"), &axis, ""), &["<inertial>", "\"pole\"", "-1 kg"]),
            ("u-no-mass", urdf(&mass("0"), &axis, ""), &["\"pole\"", "no mass"]),
            (
                "u-triangle",
                urdf(&inertia([1.0, 1.0, 3.0]), &axis, ""),
                &["<inertial>", "\"pole\"", "exceeds"],
            ),
            ("u-moment", urdf(&inertia([1.0, -1.0, 1.0]), &axis, ""), &["<inertial>", "\"pole\"", "below 0"]),
            (
                "u-inverted",
                urdf(&sound, "<limit lower=\"1\" upper=\"-1\" effort=\"1\" velocity=\"1\"/>", ""),
                &["<joint name=\"hinge\">", "limit 1 to -1"],
            ),
            ("u-nan", urdf(&mass("nan"), &axis, ""), &["<mass> in <link name=\"pole\">", "nan"]),
            ("u-axis", urdf(&sound, &format!("<axis xyz=\"0 0 0\"/>{LIMIT}"), ""), &["\"hinge\"", "axis"]),
            ("u-no-limit", urdf(&sound, "", ""), &["\"hinge\"", "<limit>"]),
            ("u-twins", urdf(&sound, &axis, "<link name=\"pole\"/>"), &["<link name=\"pole\">", "twice"]),
            (
                "u-parent",
                urdf(&sound, &axis, &joint("arm", "continuous", "nobody", "arm")),
                &["\"arm_joint\"", "parent", "nobody"],
            ),
            (
                "u-held-twice",
                urdf(&sound, &axis, &joint("arm", "continuous", "base", "pole")),
                &["<link name=\"pole\">", "two joints"],
            ),
            (
                "u-loop",
                format!(
                    "<robot name=\"r\"><link name=\"root\"/>{}{}</robot>",
                    joint("a", "continuous", "b", "a"),
                    joint("b", "continuous", "a", "b")
                ),
                &["close a loop"],
            ),
            ("u-roots", urdf(&sound, &axis, "<link name=\"other\"/>"), &["several roots", "other"]),
            (
                "u-planar",
                urdf(&sound, &axis, &joint("arm", "planar", "pole", "arm")),
                &["<joint name=\"arm_joint\">", "planar"],
            ),
            (
                "u-mimic",
                urdf(&sound, &format!("{axis}<mimic joint=\"ghost\"/>"), ""),
                &["<joint name=\"hinge\">", "ghost"],
            ),
            (
                "u-mesh",
                urdf(&sound, &axis, &mesh("absent.stl")),
                &["<collision>", "absent.stl", "no such file"],
            ),
            (
                "u-package",
                urdf(&sound, &axis, &mesh("package://arm/absent.stl")),
                &["<collision>", "package://arm/absent.stl"],
            ),
            (
                "u-xacro",
                "<robot xmlns:xacro=\"http://www.ros.org/wiki/xacro\"><xacro:arm/></robot>".to_owned(),
                &["xacro"],
            ),
            ("u-chain", urdf(&sound, &axis, &chain(500)), &["502 links", "at most 256"]),
            ("u-long", urdf(&sound, &axis, &chain(10_000)), &["more than 20000 elements"]),
            ("u-empty", String::new(), &["XML"]),
            ("u-words", "not a robot".to_owned(), &["XML"]),
            ("u-truncated", sound_urdf()[..200].to_owned(), &["XML"]),
            ("u-bare", "<robot name=\"nothing\"/>".to_owned(), &["no links"]),
            ("u-other", mjcf(INERTIAL, HINGE, ""), &["<mujoco>", "expected <robot>"]),
        ],
    );
}

#[test]
fn meshes_that_cannot_be_read_are_refused_and_others_touch() {
    let folder = folder("meshes");
    let shell = |file: &str| {
        let text = urdf(
            &format!("{MASS}{INERTIA}"),
            &format!("<axis xyz=\"0 1 0\"/>{LIMIT}"),
            &format!(
                "<link name=\"shell\"><visual><geometry><mesh filename=\"absent.dae\"/></geometry></visual><collision><geometry>\
                 <mesh filename=\"{file}\" scale=\"0.1 0.1 0.1\"/></geometry></collision></link><joint name=\"weld\" type=\"fixed\">\
                 <parent link=\"pole\"/><child link=\"shell\"/></joint>"
            ),
        );
        std::fs::write(folder.join("shell.urdf"), text).unwrap();
        task(&folder, "shell.urdf", "").map(|task| task.robot_hash())
    };
    let corners = "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n";
    let faces = "f 1 2 3\nf 1 2 4\nf 1 3 4\nf 2 3 4\n";
    std::fs::write(folder.join("sound.obj"), format!("{corners}{faces}")).unwrap();
    std::fs::write(folder.join("larger.obj"), format!("{}{faces}", corners.replace("v 1", "v 2"))).unwrap();
    std::fs::write(folder.join("flat.obj"), "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 1 1 0\nf 1 2 3\nf 2 3 4\n")
        .unwrap();
    std::fs::write(folder.join("nan.obj"), format!("{}{faces}", corners.replace("v 1", "v nan"))).unwrap();
    std::fs::write(folder.join("short.stl"), [0; 90]).unwrap();
    std::fs::write(folder.join("count.stl"), [vec![0; 80], vec![255; 4], vec![0; 50]].concat()).unwrap();
    std::fs::write(folder.join("empty.stl"), []).unwrap();
    let inside = folder.file_name().unwrap().to_str().unwrap();
    let sound = shell("sound.obj").unwrap();
    assert_eq!(shell(&format!("package://{inside}/sound.obj")).unwrap(), sound);
    assert_ne!(shell("larger.obj").unwrap(), sound);
    for file in ["flat.obj", "nan.obj", "short.stl", "count.stl", "empty.stl", "shell.urdf"] {
        let message = shell(file).unwrap_err().to_string();
        assert!(
            message.contains("<collision> of link \"pole\"") && message.contains(file),
            "{file}: {message}"
        );
    }
}

#[test]
fn comments_and_spaces_leave_the_hash_alone_and_every_number_changes_it() {
    let hash = |model: &str, text: &str| {
        let folder = folder("hash");
        std::fs::write(folder.join(model), text).unwrap();
        task(&folder, model, "").unwrap().robot_hash().unwrap()
    };
    let geom = "<geom type=\"box\" size=\"0.1 0.2 0.3\" friction=\"0.7\" margin=\"0.01\"/>";
    let joint = "<joint name=\"hinge\" axis=\"0 1 0\" pos=\"0 0 0.5\" range=\"-90 80\" limited=\"true\" damping=\"0.3\" armature=\"0.04\" \
                 frictionloss=\"0.05\" stiffness=\"0.6\"/>";
    let xml = mjcf(INERTIAL, joint, geom).replace("<worldbody>", "<option gravity=\"0 0 -9\"/><worldbody>");
    let spaced = xml.replace("<body", "\n  <!-- a pole -->\n  <body").replace(" range", "\n\trange");
    assert_eq!(hash("a.xml", &xml), hash("a.xml", &spaced));
    for (from, to) in [
        ("0.1 0.2 0.3", "0.1 0.2 0.31"),
        ("\"0.7\"", "\"0.71\""),
        ("0.01", "0.02"),
        ("0 0 0.5", "0 0 0.51"),
        ("-90 80", "-90 81"),
        ("\"0.3\"", "\"0.31\""),
        ("0.04", "0.041"),
        ("0.05", "0.051"),
        ("0.6", "0.61"),
        ("mass=\"1\"", "mass=\"1.001\""),
        ("0.1 0.1 0.1", "0.1 0.1 0.11"),
        ("0 0 -0.5", "0 0 -0.51"),
        ("0 0 -9", "0 0 -9.1"),
        ("\"pole\"", "\"rod\""),
        ("axis=\"0 1 0\"", "axis=\"0 1 0.1\""),
    ] {
        assert!(xml.contains(from), "{from}");
        assert_ne!(hash("a.xml", &xml), hash("a.xml", &xml.replacen(from, to, 1)), "{from}");
    }
    let text = urdf(
        &format!("{MASS}{INERTIA}"),
        &format!(
            "<axis xyz=\"0 1 0\"/>{LIMIT}<dynamics damping=\"0.2\" friction=\"0.3\"/><safety_controller \
             soft_lower_limit=\"-0.9\" soft_upper_limit=\"0.8\" k_velocity=\"1\"/>"
        ),
        "",
    );
    assert_eq!(hash("a.urdf", &text), hash("a.urdf", &text.replace("><", ">\n<!-- --> <")));
    for (from, to) in [
        ("0 0 -0.5", "0 0 -0.51"),
        ("value=\"1\"", "value=\"1.1\""),
        ("iyy=\"0.1\"", "iyy=\"0.11\""),
        ("lower=\"-1\"", "lower=\"-1.1\""),
        ("effort=\"5\"", "effort=\"5.1\""),
        ("velocity=\"3\"", "velocity=\"3.1\""),
        ("damping=\"0.2\"", "damping=\"0.21\""),
        ("friction=\"0.3\"", "friction=\"0.31\""),
        ("\"-0.9\"", "\"-0.8\""),
    ] {
        assert!(text.contains(from), "{from}");
        assert_ne!(hash("a.urdf", &text), hash("a.urdf", &text.replacen(from, to, 1)), "{from}");
    }
}

#[test]
fn the_files_effort_limit_holds() {
    let folder = folder("effort");
    let weak = sound_urdf().replace("effort=\"5\"", "effort=\"0.5\"");
    std::fs::write(folder.join("weak.urdf"), weak).unwrap();
    let own = HINGE.replace("axis", "actuatorfrcrange=\"-0.4 0.4\" axis");
    std::fs::write(folder.join("weak.xml"), mjcf(INERTIAL, &own, "")).unwrap();
    let motor = "<actuator><motor joint=\"hinge\" gear=\"2\" forcerange=\"-0.1 0.1\"/></actuator></mujoco>";
    std::fs::write(folder.join("motor.xml"), mjcf(INERTIAL, HINGE, "").replace("</mujoco>", motor)).unwrap();
    for (model, limit) in [("weak.urdf", "0.5"), ("weak.xml", "0.4"), ("motor.xml", "0.2")] {
        let message = task(&folder, model, "").unwrap_err().to_string();
        for part in ["actuator \"hinge\"", "maximum", &format!("at most {limit}")] {
            assert!(message.contains(part), "{message}");
        }
    }
    std::fs::write(folder.join("strong.urdf"), sound_urdf()).unwrap();
    let text = task(&folder, "strong.urdf", "").unwrap().describe();
    for line in [
        "robot         SHA-256 ",
        "hinge                    Hinge, -1.000000 to 1.000000 rad, at most 5 N m, at most 3 rad/s",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn the_base_of_a_urdf_is_fixed_or_floats_as_the_task_says() {
    let folder = folder("base");
    let solid = sound_urdf().replace(
        "<link name=\"base\"/>",
        &format!("<link name=\"base\"><inertial>{MASS}{INERTIA}</inertial></link>"),
    );
    std::fs::write(folder.join("solid.urdf"), solid).unwrap();
    std::fs::write(folder.join("sound.urdf"), sound_urdf()).unwrap();
    std::fs::write(folder.join("sound.xml"), mjcf(INERTIAL, HINGE, "")).unwrap();
    let height = |dynamics: &str| {
        let mut robot =
            SimulatedRobot::new(&task(&folder, "solid.urdf", dynamics).unwrap(), Randomization::Nominal)
                .unwrap();
        robot.advance(100);
        robot.truth().base.position_m[2]
    };
    for formulation in ["multibody", "joint_constraints"] {
        let formulation = format!("formulation = \"{formulation}\"");
        assert_eq!(height(&formulation), 0.0);
        // It falls for 0.1 s.
        let fallen = height(&format!("{formulation}\nbase = \"floating\""));
        assert!((fallen + 0.049).abs() < 2e-3, "{fallen}");
    }
    let message = task(&folder, "sound.urdf", "base = \"floating\"").unwrap_err().to_string();
    assert!(message.contains("<link name=\"base\">") && message.contains("no mass"), "{message}");
    let message = task(&folder, "sound.xml", "base = \"fixed\"").unwrap_err().to_string();
    assert!(message.contains("dynamics.base") && message.contains("freejoint"), "{message}");
}

#[test]
fn a_joint_that_mimics_follows_and_constraints_refuse_it() {
    let folder = folder("mimic");
    let more = format!(
        "<link name=\"finger\"><inertial>{MASS}{INERTIA}</inertial></link><joint name=\"finger_joint\" type=\"continuous\">\
         <parent link=\"base\"/><child link=\"finger\"/><axis xyz=\"0 1 0\"/><mimic joint=\"hinge\" multiplier=\"-2\" \
         offset=\"0.1\"/></joint>"
    );
    let text = urdf(
        &format!("{MASS}{INERTIA}"),
        "<axis xyz=\"0 1 0\"/><limit lower=\"-1\" upper=\"1\" effort=\"0\" velocity=\"0\"/>",
        &more,
    );
    std::fs::write(folder.join("gripper.urdf"), text).unwrap();
    let gripper = task(&folder, "gripper.urdf", "").unwrap();
    let mut robot = SimulatedRobot::new(&gripper, Randomization::Nominal).unwrap();
    let mut largest = 0.0_f64;
    for _ in 0..1000 {
        robot.advance(1);
        let joints = &robot.truth().joints;
        largest = largest.max(joints[0].position.abs());
        let gap = joints[1].position - (0.1 - 2.0 * joints[0].position);
        assert!(gap.abs() < 5e-3, "{gap}");
    }
    assert!(largest > 0.02, "{largest}");
    let message =
        task(&folder, "gripper.urdf", "formulation = \"joint_constraints\"").unwrap_err().to_string();
    assert!(message.contains("\"finger_joint\" follows another"), "{message}");
}

/// A link that a fixed joint holds weighs like a part of the one that carries it: by the parallel-axis theorem.
#[test]
fn a_welded_link_is_part_of_the_one_that_carries_it() {
    let folder = folder("weld");
    // 1 kg at 0.5 m and a turned one at 1.5 m, each with 0.1 kg m², or 0.2 and 0.05 across: I = 0.1 + 0.25 + 0.05 + 2.25.
    let more = "<link name=\"weight\"><inertial><origin xyz=\"0 0 0\" rpy=\"0 0 1.5707963267948966\"/><mass value=\"1\"/>\
                <inertia ixx=\"0.05\" ixy=\"0\" ixz=\"0\" iyy=\"0.2\" iyz=\"0\" izz=\"0.2\"/></inertial></link>\
                <joint name=\"weld\" type=\"fixed\"><origin xyz=\"0 0 -1.5\"/><parent link=\"pole\"/><child link=\"weight\"/></joint>";
    let text = urdf(&format!("{MASS}{INERTIA}"), &format!("<axis xyz=\"0 1 0\"/>{LIMIT}"), more);
    std::fs::write(folder.join("weld.urdf"), text).unwrap();
    for formulation in ["multibody", "joint_constraints"] {
        let task =
            task(&folder, "weld.urdf", &format!("formulation = \"{formulation}\"\nsolver_iterations = 4"));
        let mut robot = SimulatedRobot::new(&task.unwrap(), Randomization::Nominal).unwrap();
        let mut truth = robot.truth().clone();
        truth.joints[0].position = 0.1;
        robot.place(&truth);
        // A quarter of a small swing's period: sqrt(I / (m g l)), with m l = 0.5 + 1.5.
        let rate = libm::sqrt(9.81 * 2.0 / (0.1 + 0.25 + 0.05 + 2.25));
        robot.advance((core::f64::consts::FRAC_PI_2 / rate * 1e3) as u32);
        let found = robot.truth().joints[0];
        assert!(found.position.abs() < 2e-3, "{formulation}: {found:?}");
        assert!((found.velocity + 0.1 * rate).abs() < 2e-3, "{formulation}: {found:?}");
    }
}
