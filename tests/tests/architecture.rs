//! ARCHITECTURE.md is a map: every path that it names exists, and every source file has a place on it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names in backticks that look like paths of this repository.
fn paths(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| name.contains('/') && !name.contains([' ', '{', ':', '<'])).collect()
}

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_path_on_the_map_exists() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named = paths(&text);
    assert!(named.len() > 20, "the map names only {} paths", named.len());
    for name in named {
        assert!(root().join(name).exists(), "ARCHITECTURE.md names {name}, which does not exist");
    }
}

#[test]
fn every_module_is_on_the_map() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let named = paths(&text);
    for package in ["policy-runtime", "sim", "trainer", "firmware-host"] {
        let mut files = Vec::new();
        source_files(&root().join(package).join("src"), &mut files);
        for file in files {
            let relative = file.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
            let covered = named.iter().any(|name| {
                relative == *name
                    || (name.ends_with('/') && !name.ends_with("src/") && relative.starts_with(name))
            });
            assert!(
                covered || relative.ends_with("src/lib.rs"),
                "{relative} is not on the map in ARCHITECTURE.md"
            );
        }
    }
}
