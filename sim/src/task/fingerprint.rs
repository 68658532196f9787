//! Whether two tasks are the same: a saved simulation goes on in no other.

use super::Task;
use sha2::{Digest, Sha256};

impl Task {
    /// SHA-256 over all that the task's file says and its robot's file resolved to, whatever their comments and spaces.
    ///
    /// It compares tasks within one build of this program and is no identity for files; an objective in Rust is not part
    /// of it.
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        // The parsed document in full: derived text tells every field, and numbers to the last bit.
        hash.update(format!("{:?}", self.inner.document));
        hash.update(self.robot_hash().unwrap_or_default());
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn a_changed_number_changes_it_and_a_comment_does_not() {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tasks/pendulum.toml"))
            .unwrap();
        let of = |text: &str| Task::parse(text, "pendulum.toml", None).unwrap().fingerprint();
        assert_eq!(of(&text), of(&format!("# a remark\n{text}")));
        let changed = text.replacen("[0.9, 1.1]", "[0.9, 1.1000001]", 1);
        assert!(changed != text && of(&text) != of(&changed));
    }
}
