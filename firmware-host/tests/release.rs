//! No policy runs that was not released: keys, signatures, and the commands that require them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use sinew_firmware_host::link;
use sinew_firmware_host::release::{ReleaseError, load_policy, sign, write_signing_key};
use sinew_policy_runtime::image::AlignedImage;
use sinew_policy_runtime::policy_file::PolicyFileError;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

const IMAGE: &[u8] = include_bytes!("../../policy-runtime/tests/data/pendulum.img");

/// A folder with a policy, two pairs of keys and a signature by the first.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sinew-release-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        let folder = Self(path);
        std::fs::write(folder.path("policy.img"), IMAGE).unwrap();
        write_signing_key(&folder.path("ours")).unwrap();
        write_signing_key(&folder.path("other")).unwrap();
        sign(&folder.path("policy.img"), &folder.path("ours")).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn load(&self, key: &str) -> Result<AlignedImage, String> {
        load_policy(&self.path("policy.img"), Some(&self.path(key)))
            .map_err(|error| error.to_string().replace(&format!("{}/", self.0.display()), ""))
    }
}

/// What `sinew-host` says when it refuses.
fn refusal(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sinew-host")).args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_signed_policy_loads_and_a_flipped_bit_another_key_or_no_signature_does_not() {
    let folder = Folder::new("load");
    assert_eq!(folder.load("ours.pub").unwrap().as_bytes(), IMAGE);
    let refused =
        "policy.img: the signature does not fit: the policy was changed, or signed with another key";
    assert_eq!(folder.load("other.pub").unwrap_err(), refused);
    let mut changed = IMAGE.to_vec();
    changed[IMAGE.len() - 1] ^= 1;
    std::fs::write(folder.path("policy.img"), &changed).unwrap();
    assert_eq!(folder.load("ours.pub").unwrap_err(), refused);
    std::fs::write(folder.path("policy.img"), IMAGE).unwrap();
    std::fs::write(folder.path("policy.img.sig"), "00").unwrap();
    let expected =
        "policy.img.sig: found 2 characters, expected 128 hexadecimal digits, as `sinew sign` writes them";
    assert_eq!(folder.load("ours.pub").unwrap_err(), expected);
    std::fs::remove_file(folder.path("policy.img.sig")).unwrap();
    let expected = "policy.img: no signature in policy.img.sig; a signed policy was required";
    assert_eq!(folder.load("ours.pub").unwrap_err(), expected);
    assert!(load_policy(&folder.path("policy.img"), None).is_ok());
}

#[test]
fn keys_that_others_could_use_or_change_are_refused() {
    let folder = Folder::new("modes");
    let mode = |name: &str, mode: u32| {
        std::fs::set_permissions(folder.path(name), Permissions::from_mode(mode)).unwrap();
    };
    mode("ours.pub", 0o664);
    assert!(folder.load("ours.pub").unwrap_err().starts_with("ours.pub: its mode is 0664"));
    std::fs::remove_file(folder.path("policy.img.sig")).unwrap();
    mode("ours", 0o640);
    let error = sign(&folder.path("policy.img"), &folder.path("ours")).unwrap_err().to_string();
    assert!(error.contains("its mode is 0640, expected 0600"), "{error}");
    assert!(!folder.path("policy.img.sig").exists());
}

#[test]
fn no_key_is_taken_for_another() {
    let folder = Folder::new("kinds");
    let error = folder.load("ours").unwrap_err();
    assert!(error.starts_with("ours: found a signing key of 82 characters, expected sinew-public-key"));
    link::write_key(&folder.path("link")).unwrap();
    let error = sign(&folder.path("policy.img"), &folder.path("link")).unwrap_err().to_string();
    assert!(error.contains("found 64 characters, expected sinew-signing-key"), "{error}");
    assert!(link::read_key(&folder.path("ours")).is_err());
}

#[test]
fn nothing_is_overwritten_and_nothing_that_does_not_load_is_signed() {
    let folder = Folder::new("new");
    let error = write_signing_key(&folder.path("ours")).unwrap_err().to_string();
    assert!(error.contains("File exists"), "{error}");
    let error = sign(&folder.path("policy.img"), &folder.path("ours")).unwrap_err().to_string();
    assert!(error.contains("policy.img.sig: File exists"), "{error}");
    std::fs::write(folder.path("broken.img"), &IMAGE[..100]).unwrap();
    assert!(matches!(
        sign(&folder.path("broken.img"), &folder.path("ours")),
        Err(ReleaseError::Policy(PolicyFileError::Image { .. }))
    ));
}

#[test]
fn commands_that_require_a_signature_exit_with_code_2_before_anything_runs() {
    let folder = Folder::new("commands");
    let text = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    let robot = "name = \"bench\"\nvalid_for_s = 0.1\n[[sensors]]\nname = \"s\"\nsize = 1\nunit = \"radian\"\nframe = \"joint\"\n[[actuators]]\nname = \"a\"\nmode = \"torque\"\nminimum = -1.0\nmaximum = 1.0\n";
    std::fs::write(folder.path("robot.toml"), robot).unwrap();
    let (policy, robot, other) = (text("policy.img"), text("robot.toml"), text("other.pub"));
    let run = ["run", &policy, "--robot", &robot, "--link", "pty:/none", "--require-signature", &other];
    assert!(refusal(&run).contains("the signature does not fit"));
    std::fs::remove_file(folder.path("policy.img.sig")).unwrap();
    assert!(refusal(&run).contains("a signed policy was required"));
    if cfg!(feature = "sim") {
        let hil = ["hil", &policy, "--task", "pendulum", "--require-signature", &other];
        assert!(refusal(&hil).contains("a signed policy was required"));
    }
}
