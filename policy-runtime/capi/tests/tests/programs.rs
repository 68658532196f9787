//! A C and a C++ program, compiled by the system's compilers against the header and the static library, compute the pendulum
//! policy's actions to the bits of the Rust executor.
//!
//! The image is that of the `write_policy` example for the widths 3, 64, 64 and 1.

use sinew_policy_runtime::executor::Executor;
use sinew_policy_runtime::image::Image;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

static POLICY: &[u8] = sinew_policy_runtime::include_image!("../../../tests/data/pendulum.img");

const HERE: &str = env!("CARGO_MANIFEST_DIR");

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

/// The static library, built as firmware's build would.
fn library(folder: &Path) -> PathBuf {
    let manifest = Path::new(HERE).join("../Cargo.toml");
    run(Command::new(env!("CARGO"))
        .args(["build", "--release", "--package", "sinew-policy-c", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(folder));
    folder.join("release/libsinew_policy.a")
}

/// Observations of a pendulum that swings up, and some that no pendulum gives.
fn observations(size: usize) -> Vec<Vec<f32>> {
    let state = |step: usize| {
        let turn = step as f32 / 100.0 - 1.0;
        let mut values = vec![1.0 - turn * turn, turn, 8.0 * turn - 1.0];
        values.resize(size, 0.25 * turn);
        values
    };
    let extreme = [f32::MAX, -f32::MAX, f32::MIN_POSITIVE, f32::from_bits(1), -0.0, f32::NAN];
    (0..200).map(state).chain(extreme.map(|value| vec![value; size])).collect()
}

/// What the Rust executor gives, a line of bits for each observation, or the fault.
fn expected(observations: &[Vec<f32>]) -> String {
    let image = Image::parse(POLICY).unwrap();
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()]).unwrap();
    executor.verify_golden().unwrap();
    let mut lines = String::new();
    for observation in observations {
        match executor.infer(observation) {
            Ok(inference) => {
                inference.action.iter().for_each(|value| write!(lines, "{:08x} ", value.to_bits()).unwrap());
            }
            Err(_) => lines.push_str("the observation holds a value that is not finite"),
        }
        lines.push('\n');
    }
    lines
}

/// What the program gives for the same on its standard input.
fn found(program: &Path, observations: &[Vec<f32>]) -> String {
    let image = Path::new(HERE).join("../../tests/data/pendulum.img");
    // What the library does with the pointers that it is given, no comparison of bits can see.
    let mut command = match std::env::var_os("SINEW_VALGRIND") {
        Some(valgrind) => {
            let mut command = Command::new(valgrind);
            command.args(["--quiet", "--error-exitcode=9"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    let mut child = command
        .arg(image)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let mut text = String::new();
    observations.iter().flatten().for_each(|value| write!(text, "{:08x} ", value.to_bits()).unwrap());
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}: {}", program.display(), output.status);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn c_and_cpp_programs_compute_the_same_bits() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs");
    std::fs::create_dir_all(&folder).unwrap();
    let library = library(&folder);
    let observations = observations(Image::parse(POLICY).unwrap().input_size());
    let expected = expected(&observations);
    assert!(expected.lines().count() == observations.len() && expected.contains("not finite"));
    let flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"];
    for (compiler, standard, source) in [("cc", "-std=c11", "step.c"), ("c++", "-std=c++17", "step.cpp")] {
        let program = folder.join(source.replace('.', "_"));
        run(Command::new(compiler)
            .arg(standard)
            .args(flags)
            .arg("-I")
            .arg(Path::new(HERE).join("../include"))
            .arg(Path::new(HERE).join("programs").join(source))
            .arg(&library)
            .arg("-o")
            .arg(&program));
        assert_eq!(found(&program, &observations), expected, "{source}");
    }
}

#[test]
fn the_header_is_that_of_the_present_code() {
    let crate_folder = Path::new(HERE).join("..");
    let config = cbindgen::Config::from_file(crate_folder.join("cbindgen.toml")).unwrap();
    let mut generated = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(crate_folder.join("src/lib.rs"))
        .generate()
        .unwrap()
        .write(&mut generated);
    let generated = String::from_utf8(generated).unwrap();
    let path = crate_folder.join("include/sinew_policy.h");
    if std::env::var_os("SINEW_WRITE_HEADER").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(checked_in == generated, "{} is old; SINEW_WRITE_HEADER=1 writes it anew", path.display());
}
