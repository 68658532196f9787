//! Random policies with fitting contracts.
#![allow(dead_code, reason = "every test uses a part")]
#![allow(clippy::unwrap_used, reason = "shared with the examples")]

use sinew_policy_runtime::contract::{
    Contract, History, Interpolation, Layout, ObservationTerm, Periods, Provenance, SCHEMA_VERSION,
    TermSource,
};
use sinew_policy_runtime::interface::{Actuator, ActuatorMode, Frame, Interface, Sensor, Unit};
use sinew_policy_runtime::onnx::write::{
    Activation, DenseLayer, Head, NormalizerConstants, PolicyGraph, Squash, write,
};

const NAMES: [&str; 16] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];

/// A robot with one sensor of `observation_size` values and `action_size` torque joints.
pub(crate) fn contract(
    observation_size: usize,
    action_size: usize,
    previous_action: bool,
) -> Contract<'static> {
    let mut robot = Interface::default();
    let sensor = Sensor {
        name: "state",
        size: observation_size as u16,
        unit: Unit::Dimensionless,
        frame: Frame::Body,
    };
    robot.sensors.push(sensor).unwrap();
    for name in &NAMES[..action_size] {
        let actuator = Actuator {
            name,
            mode: ActuatorMode::Torque,
            minimum: -40.0,
            maximum: 40.0,
            max_rate_per_s: None,
            stiffness: 0.0,
            damping: 0.0,
        };
        robot.actuators.push(actuator).unwrap();
    }
    let term = |name, source, size: usize| ObservationTerm {
        name,
        source,
        sensors: (source == TermSource::Sensor).then_some("state").into_iter().collect(),
        command: None,
        size: size as u16,
        unit: Unit::Dimensionless,
        frame: Frame::Body,
        history: History::NONE,
        max_age_s: 0.1,
    };
    let previous = previous_action.then(|| term("previous", TermSource::PreviousAction, action_size));
    let observation = [term("state", TermSource::Sensor, observation_size)].into_iter().chain(previous);
    Contract {
        schema_version: SCHEMA_VERSION,
        task: "test",
        periods: Periods { servo_period_s: 0.001, loop_period_s: 0.001, policy_period_s: 0.02 },
        interpolation: Interpolation::Hold,
        sensors: robot.sensors.clone(),
        observation: observation.collect(),
        layout: Layout::TermMajor,
        commands: core::iter::empty().collect(),
        actions: robot.actuators.clone(),
        default_pose: vec![0.0; action_size].into_iter().collect(),
        interface_hash: robot.hash(),
        provenance: Provenance {
            algorithm: "none",
            steps: 0,
            seed: 7,
            version: "0.1.0",
            randomization: core::iter::empty().collect(),
        },
    }
}

/// Numbers that are the same on every run.
pub(crate) struct Random(pub(crate) u32);

impl Random {
    /// In [-1, 1).
    pub(crate) fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / 8_388_608.0 - 1.0
    }

    pub(crate) fn vector(&mut self, size: usize, reach: f32) -> Vec<f32> {
        (0..size).map(|_| reach * self.unit()).collect()
    }
}

/// What a random policy looks like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Observation, hidden widths, action.
    pub(crate) widths: Vec<usize>,
    pub(crate) activation: Option<Activation>,
    pub(crate) normalized: bool,
    pub(crate) squash: Squash<'static>,
    pub(crate) previous_action: bool,
    pub(crate) seed: u32,
}

impl Shape {
    /// A normalized policy with a tanh head.
    pub(crate) fn new(widths: &[usize], activation: Activation) -> Self {
        Self {
            widths: widths.to_vec(),
            activation: Some(activation),
            normalized: true,
            squash: Squash::Tanh,
            previous_action: false,
            seed: 1,
        }
    }

    /// The bytes of `policy.onnx`.
    pub(crate) fn onnx(&self) -> Vec<u8> {
        let mut random = Random(self.seed);
        let [first, .., action_size] = self.widths[..] else { panic!("a policy has an input and an output") };
        let contract = contract(first, action_size, self.previous_action);
        let mut widths = self.widths.clone();
        widths[0] = contract.observation_size();
        let last = widths.len() - 2;
        let parameters: Vec<_> = widths
            .windows(2)
            .map(|pair| {
                let reach = (3.0 / pair[0] as f32).sqrt();
                (random.vector(pair[0] * pair[1], reach), random.vector(pair[1], 0.2))
            })
            .collect();
        let layers: Vec<_> = parameters
            .iter()
            .enumerate()
            .map(|(index, (weights, bias))| DenseLayer {
                weights,
                bias,
                activation: self.activation.filter(|_| index != last),
            })
            .collect();
        let mean = random.vector(widths[0], 1.0);
        let deviation: Vec<f32> = random.vector(widths[0], 0.9).iter().map(|value| 1.0 + value).collect();
        let scale: Vec<f32> = random.vector(action_size, 1.0).iter().map(|value| 2.0 + value).collect();
        let offset = random.vector(action_size, 0.5);
        let normalizer = NormalizerConstants { mean: &mean, deviation: &deviation, clip: 5.0 };
        let graph = PolicyGraph {
            normalizer: self.normalized.then_some(normalizer),
            layers: &layers,
            head: Head { squash: self.squash, scale: &scale, offset: &offset },
            contract: &contract,
        };
        write(&graph).unwrap()
    }
}

/// Policies of every activation, with and without a normalizer, with each way to bound actions, some of which see their last one.
pub(crate) fn shapes() -> Vec<Shape> {
    let activations = [
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Elu { alpha: 1.0 },
        Activation::LeakyRelu { slope: 0.01 },
        Activation::Softplus,
        Activation::Clip { minimum: -0.5, maximum: 0.75 },
    ];
    let widths: [&[usize]; 7] = [
        &[4, 64, 64, 1],
        &[17, 256, 256, 6],
        &[48, 128, 64, 12],
        &[1, 1],
        &[3, 7, 5],
        &[2, 31, 33, 3],
        &[5, 17, 1, 2],
    ];
    let mut shapes = Vec::new();
    for (index, activation) in activations.into_iter().enumerate() {
        let shape = Shape { seed: index as u32, ..Shape::new(widths[index], activation) };
        shapes.push(Shape { normalized: index % 2 == 0, ..shape.clone() });
        shapes.push(Shape { squash: Squash::Clip, ..shape.clone() });
        shapes.push(Shape { previous_action: true, ..shape });
    }
    shapes.push(Shape { activation: None, ..Shape::new(&[6, 9, 4], Activation::Relu) });
    shapes
}
