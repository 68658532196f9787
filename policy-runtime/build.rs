//! Says whether the target is a Cortex-M with DSP instructions and a floating-point unit: a target's name tells, and no `cfg` does.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(cortex_m4f)");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("TARGET").is_ok_and(|target| target == "thumbv7em-none-eabihf") {
        println!("cargo::rustc-cfg=cortex_m4f");
    }
}
