//! `sinew sign`.

use sinew_firmware_host::exit::{Outcome, unusable};
use sinew_firmware_host::release::{public_key_path, sign, write_signing_key};
use std::path::PathBuf;

/// Sign a policy, so that robots that require it run this very file; or make the keys for that.
#[derive(clap::Args)]
pub(crate) struct Sign {
    /// policy.onnx or policy.img; the signature is written beside it, as POLICY.sig, which must not exist.
    #[arg(required_unless_present = "new_key", requires = "key", conflicts_with = "new_key")]
    policy: Option<PathBuf>,
    /// The signing key, a file that nobody but its owner can read.
    #[arg(long, value_name = "F", requires = "policy")]
    key: Option<PathBuf>,
    /// Make a signing key in F, and the public key that goes to robots in F.pub; neither may exist.
    #[arg(long, value_name = "F")]
    new_key: Option<PathBuf>,
}

impl Sign {
    pub(crate) fn run(self) -> Outcome {
        if let Some(path) = &self.new_key {
            write_signing_key(path).map_err(unusable)?;
            eprintln!(
                "{}: keep it secret; {} goes to robots",
                path.display(),
                public_key_path(path).display()
            );
        }
        if let (Some(policy), Some(key)) = (&self.policy, &self.key) {
            let signature = sign(policy, key).map_err(unusable)?;
            eprintln!("{}: golden pairs verified, signature in {}", policy.display(), signature.display());
        }
        Ok(())
    }
}
