//! One suite for all instruction sets of the machine: each must give the bits of the definition.

use super::{Activation, Binary, Function, InstructionSet, Reduction, Vectors, Work, panel, scalar};

/// A dense layer on the vectors of one set.
pub(super) struct Dense<'w> {
    pub(super) input: &'w [f32],
    pub(super) panels: &'w [f32],
    pub(super) output: &'w mut [f32],
}

impl Work for Dense<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) {
        vectors.dense(self.input, self.panels, self.output);
    }
}

struct Activate<'w>(Function, &'w mut [f32]);

impl Work for Activate<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vectors>(self, _: V) -> bool {
        scalar::apply(self.0, self.1)
    }
}

struct Combine<'w>(Binary, &'w mut [f32], &'w [f32]);

impl Work for Combine<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vectors>(self, _: V) -> bool {
        scalar::combine(self.0, self.1, self.2);
        scalar::all_finite(self.1)
    }
}

/// Values of every size down to denormal ones, zeros of both signs among them, whose sums differ in every other order.
pub(super) fn values(seed: u32, length: usize) -> Vec<f32> {
    let mut state = seed;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    (0..length)
        .map(|_| match draw() % 16 {
            0 => 0.0,
            1 => -0.0,
            2 => f32::from_bits(draw() >> 1),
            3 => -f32::from_bits(draw() >> 1),
            4 => f32::from_bits((60 + draw() % 80) << 23 | draw() >> 1),
            _ => draw() as f32 / 8_388_608.0 - 1.0,
        })
        .collect()
}

/// The definition, neuron by neuron.
fn defined(input: &[f32], weights: &[f32], bias: &[f32]) -> Vec<f32> {
    let outputs = bias.len();
    let neuron = |neuron: usize| {
        let product = |index: usize| input[index] * weights[index * outputs + neuron];
        if neuron < outputs - outputs % 4 {
            return (0..input.len()).fold(bias[neuron], |sum, index| sum + product(index));
        }
        let mut partials = [0.0_f32; 16];
        (0..input.len()).for_each(|index| partials[index % 16] += product(index));
        let eight: [f32; 8] = core::array::from_fn(|lane| partials[lane] + partials[lane + 8]);
        let four: [f32; 4] = core::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
        bias[neuron] + ((four[0] + four[2]) + (four[1] + four[3]))
    };
    (0..outputs).map(neuron).collect()
}

pub(super) fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() }).collect()
}

fn hash(hash: u64, values: &[f32]) -> u64 {
    bits(values).iter().fold(hash, |hash, bits| (hash ^ u64::from(*bits)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn a_dense_layer_of_any_shape_has_the_bits_of_its_definition() {
    let mut found = 0;
    for inputs in (1..=34).chain([47, 48, 63, 64, 65, 127, 128, 129, 130]) {
        for outputs in 1..=130 {
            let seed = (inputs * 131 + outputs) as u32;
            let (input, bias) = (values(seed, inputs), values(seed + 1, outputs));
            let weights = values(seed + 2, inputs * outputs);
            let panels: Vec<f32> = panel::pack(&weights, &bias).collect();
            let expected = bits(&defined(&input, &weights, &bias));
            for set in InstructionSet::all() {
                let mut output = vec![f32::NAN; outputs];
                set.run(Dense { input: &input, panels: &panels, output: &mut output });
                assert_eq!(bits(&output), expected, "{} of {inputs} inputs, {outputs} outputs", set.name());
                if set == InstructionSet::PORTABLE {
                    found = hash(found, &output);
                }
            }
        }
    }
    assert_eq!(found, 0x6fab_1075_c288_e2dd, "{found:#018x}");
}

/// Where a function, or one that it is made of, changes its branch, with neighbours; and what IEEE 754 tables.
fn edges() -> Vec<f32> {
    let centers = [
        0.0,
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        f32::MAX,
        0.5,
        0.625,
        0.707_106_77,
        1.0,
        core::f32::consts::SQRT_2,
        44.36,
        52.5,
        87.336_54,
        88.722_84,
        90.0,
        103.972_08,
        105.0,
        0.346_573_6,
        core::f32::consts::FRAC_PI_4,
        4_194_304.0,
    ];
    let mut edges = vec![f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    for center in centers {
        for step in -3_i32..=3 {
            let value = f32::from_bits(f32::to_bits(center).saturating_add_signed(step).min(0x7f80_0000));
            edges.extend([value, -value]);
        }
    }
    edges
}

fn activations() -> [Function; 10] {
    [
        Activation::Identity,
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Elu { alpha: 1.0 },
        Activation::Elu { alpha: -2.5 },
        Activation::LeakyRelu { slope: 0.01 },
        Activation::Softplus,
        Activation::Clip { minimum: -1.0, maximum: 1.0 },
        Activation::Clip { minimum: 0.0, maximum: 0.0 },
    ]
    .map(Function::Activation)
}

/// The others.
const FUNCTIONS: [Function; 27] = [
    Function::Exponential,
    Function::Logarithm,
    Function::SquareRoot,
    Function::Reciprocal,
    Function::Absolute,
    Function::Negative,
    Function::Sign,
    Function::Floor,
    Function::Ceil,
    Function::Round,
    Function::Truncate,
    Function::Sine,
    Function::Cosine,
    Function::Erf,
    Function::Not,
    Function::NonZero,
    Function::Gelu,
    Function::GeluTanh,
    Function::Silu,
    Function::Mish,
    Function::Softsign,
    Function::HardSwish,
    Function::HardSigmoid { slope: 0.2, offset: 0.5 },
    Function::Selu { alpha: 1.673_263_2, gamma: 1.050_701 },
    Function::Celu { alpha: 0.5 },
    Function::Celu { alpha: 1e-30 },
    Function::Threshold { threshold: 0.5 },
];

#[test]
fn functions_have_the_same_bits_at_every_edge_and_between() {
    let sweep = (0..60_000_u32).map(|step| f32::from_bits(step.wrapping_mul(71_583)));
    let inputs: Vec<f32> = edges().into_iter().chain(sweep).collect();
    let mut found = 0;
    for activation in activations().into_iter().chain(FUNCTIONS) {
        let mut expected = inputs.clone();
        let finite = InstructionSet::PORTABLE.run(Activate(activation, &mut expected));
        if matches!(activation, Function::Activation(_)) {
            found = hash(found, &expected);
        }
        for set in InstructionSet::all() {
            let mut outputs = inputs.clone();
            assert_eq!(set.run(Activate(activation, &mut outputs)), finite);
            let differs =
                bits(&outputs).iter().zip(bits(&expected)).position(|(found, expected)| *found != expected);
            assert_eq!(differs.map(|index| inputs[index]), None, "{} {activation:?}", set.name());
        }
    }
    assert_eq!(found, 0x28c0_51a4_f685_d564, "{found:#018x}");
}

#[test]
fn a_function_of_a_few_values_is_that_of_each() {
    let inputs = edges();
    for set in InstructionSet::all() {
        for activation in activations() {
            for length in 0..=inputs.len().min(70) {
                let mut together = inputs[inputs.len() - length..].to_vec();
                let mut alone = together.clone();
                set.run(Activate(activation, &mut together));
                for value in &mut alone {
                    set.run(Activate(activation, core::slice::from_mut(value)));
                }
                assert_eq!(bits(&together), bits(&alone), "{} {activation:?} {length}", set.name());
            }
        }
    }
}

#[test]
fn operations_with_constants_have_the_same_bits() {
    let edges = edges();
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for x in &edges {
        for c in &edges {
            first.push(*x);
            second.push(*c);
        }
    }
    for binary in Binary::ALL {
        let mut expected = first.clone();
        InstructionSet::PORTABLE.run(Combine(binary, &mut expected, &second));
        for set in InstructionSet::all() {
            let mut found = first.clone();
            set.run(Combine(binary, &mut found, &second));
            assert_eq!(bits(&found), bits(&expected), "{} {binary:?}", set.name());
        }
    }
}

/// Softmax, normalizations and reductions of rows.
struct Rows<'w> {
    kind: usize,
    values: &'w mut [f32],
    scale: &'w [f32],
    results: &'w mut [f32],
}

impl Work for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vectors>(self, _: V) {
        let size = self.scale.len();
        match self.kind {
            0 => scalar::softmax(self.values, size, false),
            1 => scalar::softmax(self.values, size, true),
            2 => scalar::normalize(self.values, self.scale, Some(self.scale), 1e-5, true),
            3 => scalar::normalize(self.values, self.scale, None, 1e-5, false),
            4 => scalar::reduce(Reduction::Sum, self.values, self.results, size),
            5 => scalar::reduce(Reduction::Norm2, self.values, self.results, size),
            6 => scalar::reduce(Reduction::Maximum, self.values, self.results, size),
            7 => scalar::reduce(Reduction::ArgMinimum, self.values, self.results, size),
            _ => scalar::product(self.values, self.scale, self.results, size, 1),
        }
    }
}

#[test]
fn rows_of_any_length_have_the_same_bits() {
    for kind in 0..9 {
        for size in 1..=70 {
            let (rows, scale) = (values(size, 3 * size as usize), values(size + 1, size as usize));
            let mut expected = None;
            for set in InstructionSet::all() {
                let (mut found, mut results) = (rows.clone(), [0.0; 3]);
                set.run(Rows { kind, values: &mut found, scale: &scale, results: &mut results });
                let found = (bits(&found), bits(&results));
                let expected = expected.get_or_insert_with(|| found.clone());
                assert_eq!(&found, expected, "{} {kind} {size}", set.name());
            }
        }
    }
}
