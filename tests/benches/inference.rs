//! Criterion's statistics of one inference in each engine: `cargo bench --workspace --bench inference`.
//!
//! `SINEW_ONNXRUNTIME` names ONNX Runtime's library; `.ci/inference` fetches it. On a machine that others use too, the
//! `inference_time` example compares better: there the engines take turns.

mod engines;
#[path = "../../policy-runtime/tests/policies/mod.rs"]
mod policies;

use criterion::{Criterion, criterion_group, criterion_main};

fn inference(criterion: &mut Criterion) {
    for (policy, model) in engines::models() {
        let mut group = criterion.benchmark_group(policy);
        match engines::all(&model) {
            Ok(engines) => {
                for mut engine in engines {
                    group.bench_function(&engine.name, |bencher| bencher.iter(&mut engine.infer));
                }
            }
            Err(error) => panic!("{policy}: {error}"),
        }
        group.finish();
    }
}

criterion_group!(benches, inference);
criterion_main!(benches);
