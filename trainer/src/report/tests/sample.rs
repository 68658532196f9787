//! A report with every part in it; the tests and the example `sample_report` draw it.

use super::{
    EvaluationPoint, EvaluationReport, FaultLine, FlightReport, MetricSummary, PolicyReport, RangeCurve,
    RangePoint, RunReport, TracePoint,
};

/// A run that went well.
pub(crate) fn report() -> RunReport {
    RunReport {
        task: "quadrotor".to_owned(),
        algorithm: "sac".to_owned(),
        seed: 7,
        steps: 60_000,
        seconds: 54.3,
        steps_per_s: 1_184.0,
        curve: curve(),
        ranges: ranges(),
        evaluation: Some(evaluation()),
        policy: Some(policy()),
        flight: Some(flight()),
    }
}

fn ranges() -> Vec<RangeCurve> {
    let point = |index: u64| RangePoint {
        steps: 3_000 * index,
        low: 1.0 - 0.02 * index as f64,
        high: 1.0 + 0.03 * index as f64,
    };
    vec![RangeCurve { term: "mass_scale".to_owned(), points: (0..=20).map(point).collect() }]
}

fn curve() -> Vec<EvaluationPoint> {
    let point = |index: u64| {
        let share = index as f64 / 20.0;
        let learned = libm::tanh(3.0 * share) + 0.03 * libm::sin(9.0 * index as f64);
        EvaluationPoint {
            steps: 3_000 * index,
            return_mean: -180.0 + 560.0 * learned,
            return_std: 90.0 * (1.1 - learned),
            return_interval: [-220.0 + 560.0 * learned, -140.0 + 560.0 * learned],
            episode_steps_mean: 500.0,
            success_rate: Some((1.3 * learned - 0.3).clamp(0.0, 0.95)),
            success_interval: Some([(1.3 * learned - 0.5).clamp(0.0, 0.9), (1.3 * learned).clamp(0.1, 0.99)]),
        }
    };
    (0..=20).map(point).collect()
}

fn evaluation() -> EvaluationReport {
    let metric = |name: &str, median, p90| MetricSummary { name: name.to_owned(), median, p90 };
    EvaluationReport {
        episodes: 20,
        return_mean: 371.4,
        return_std: 18.2,
        return_interval: [362.9, 379.9],
        success_rate: Some(0.95),
        success_interval: Some([0.764, 0.991]),
        metrics: vec![
            metric("position_error_max_m", 0.084, 0.161),
            metric("position_error_rms_m", 0.031, 0.052),
            metric("tilt_max_rad", 0.212, 0.347),
        ],
    }
}

fn policy() -> PolicyReport {
    PolicyReport {
        bytes: 31_648,
        multiply_adds: 5_824,
        golden_pairs: 64,
        golden_exact: true,
        reference: "tract 0.23".to_owned(),
        reference_error: 4.2e-7,
        inference_us: 0.213,
    }
}

fn flight() -> FlightReport {
    let privilege = |what: &str, asked: &str, granted| (what.to_owned(), asked.to_owned(), granted);
    FlightReport {
        duration_s: 10.0,
        mode: "sil".to_owned(),
        link: "udp:127.0.0.1:41723".to_owned(),
        rate_hz: 100.0,
        ticks: 1_003,
        overruns: 2,
        wake_up_us: [11.4, 58.2, 412.0, 1_130.0],
        compute_us: [7.9, 15.3, 31.6, 88.1],
        wake_up_histogram: histogram(),
        allocations: 0,
        interventions: 3,
        plant_late: 4,
        rt: vec![
            privilege("SCHED_FIFO", "priority 80", true),
            privilege("mlockall", "current and future", true),
            privilege("affinity", "core 1", true),
            privilege("cpu_dma_latency", "0 µs", false),
        ],
        faults: faults(),
        trace: trace(),
        error_rms_m: 0.037,
        error_max_m: 0.143,
        outcome: "completed".to_owned(),
    }
}

fn faults() -> Vec<FaultLine> {
    let fault = |at_s, until_s, cause: &str, handling: &str| FaultLine {
        at_s,
        until_s: Some(until_s),
        cause: cause.to_owned(),
        handling: handling.to_owned(),
    };
    vec![
        fault(2.41, 2.43, "sample_stale", "the last sample kept, one tick late"),
        fault(6.0, 6.06, "link_silent", "fallback: level descent; engaged again after 12 fresh ticks"),
    ]
}

fn trace() -> Vec<TracePoint> {
    let point = |index: u32| {
        let time_s = index as f64 / 100.0;
        let start = 0.62 * libm::exp(-2.1 * time_s);
        let after = (time_s - 6.0).max(0.0);
        let fault = 0.75 * after * libm::exp(-2.4 * after);
        let noise = 0.012 * libm::sin(5.3 * time_s) * libm::sin(13.0 * time_s);
        let mode = match index {
            602..624 => "fallback",
            0..30 | 624..654 => "engaging",
            _ => "running",
        };
        TracePoint { time_s, error_m: (0.022 + start + fault + noise).abs(), mode: mode.to_owned() }
    };
    (0..=1_000).map(point).collect()
}

fn histogram() -> Vec<(f64, u64)> {
    let bucket = |index: i32| {
        let lower = 4.0 * libm::pow(1.25, index as f64);
        let main = 290.0 * libm::exp(-0.35 * (index as f64 - 4.5) * (index as f64 - 4.5));
        let tail = 9.0 * libm::exp(-0.16 * index as f64);
        (lower, (main + tail).round() as u64)
    };
    let mut buckets: Vec<(f64, u64)> = (0..26).map(bucket).collect();
    if let Some(last) = buckets.last_mut() {
        last.1 = 1;
    }
    buckets
}
