//! Every block of unsafe code of this crate, and what holds it to safe code bit for bit.
//!
//! | unsafe code | what it relies on | held by |
//! |---|---|---|
//! | `image/view.rs` | any bytes are numbers, at any address, of any length | the tests beside it |
//! | `kernel/dense.rs` | as many rows as panels and inputs ask for | this module, `conformance` |
//! | `kernel/avx2.rs`, `kernel/avx512.rs` | rows as long as a register; a processor with the instructions | this module, `conformance` |
//! | `kernel/neon.rs` | rows as long as a register | the same under emulation, by `.ci/aarch64` |
//! | `kernel/cortex_m.rs` | registers and lengths that its assembly names | bits of all models under emulation, by `.ci/mcu` |
//! | `kernel/x86.rs` | a register that exists where the processor says so | the test beside it |
//! | `float_environment.rs` | in its tests alone: modes that are set back | |
//! | `capi/` | pointers and lengths as its header demands | C and C++ programs under valgrind, by `.ci/c_interface` |
//!
//! `.ci/miri` interprets these tests and those of `image/view.rs` for x86-64 and `AArch64`, and so sees what no comparison can: a read
//! one value too far, a reference that must not be, memory that nobody has written.

use super::conformance::{Dense, bits, values};
use super::instruction_set::{InstructionSet, Vectors, Work};
use super::{panel, scalar};
use proptest::prelude::*;

/// An interpreter takes its time.
const CASES: u32 = if cfg!(miri) { 6 } else { 512 };

/// Numbers of every kind: any bits, and those that kernels could treat differently.
fn number() -> impl Strategy<Value = f32> {
    let special = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ];
    prop_oneof![
        any::<u32>().prop_map(f32::from_bits),
        any::<u32>().prop_map(|bits| f32::from_bits(bits & 0x807f_ffff)),
        -2.0_f32..2.0,
        prop::sample::select(special.to_vec()),
    ]
}

/// Some of them, where they begin, in values beyond an aligned address.
fn numbers(most: usize) -> impl Strategy<Value = (usize, Vec<f32>)> {
    (0_usize..16, prop::collection::vec(number(), 0..=most))
}

/// The values at an address that many values beyond the beginning of an allocation.
struct Displaced {
    memory: Vec<f32>,
    offset: usize,
}

impl Displaced {
    fn new((offset, values): &(usize, Vec<f32>)) -> Self {
        let memory = std::iter::repeat_n(f32::NAN, *offset).chain(values.iter().copied()).collect();
        Self { memory, offset: *offset }
    }

    fn values(&self) -> &[f32] {
        &self.memory[self.offset..]
    }
}

/// Every function of a value that vectors have instructions of their own for.
struct Apply<'w>(super::Function, &'w mut [f32]);

impl Work for Apply<'_> {
    type Output = bool;

    #[inline(always)]
    fn run<V: Vectors>(self, vectors: V) -> bool {
        vectors.apply(self.0, self.1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(CASES) })]

    /// Any numbers at any address: the sums of every set are those of the portable one, whose code has nothing unsafe.
    #[test]
    fn layers_of_any_numbers_anywhere_have_the_portable_bits(
        input in numbers(if cfg!(miri) { 20 } else { 70 }),
        outputs in 0_usize..if cfg!(miri) { 40 } else { 150 },
        panels in (0_usize..16, any::<u32>()),
        special in prop::collection::vec((any::<prop::sample::Index>(), number()), 0..8),
        output_offset in 0_usize..16,
    ) {
        let mut weights = values(panels.1, panel::packed_len(input.1.len(), outputs).unwrap());
        for (place, number) in special {
            if !weights.is_empty() {
                let place = place.index(weights.len());
                weights[place] = number;
            }
        }
        let (input, panels) = (Displaced::new(&input), Displaced::new(&(panels.0, weights)));
        let mut expected = vec![7.0; outputs];
        scalar::dense(input.values(), panels.values(), &mut expected);
        for set in InstructionSet::all() {
            let mut output = vec![7.0; output_offset + outputs];
            set.run(Dense { input: input.values(), panels: panels.values(), output: &mut output[output_offset..] });
            prop_assert_eq!(bits(&output[output_offset..]), bits(&expected), "{}", set.name());
            prop_assert!(output[..output_offset].iter().all(|value| *value == 7.0));
        }
    }

    /// Panels that are shorter than the layer, which no checked image holds: all sets compute the same part or leave the rest as
    /// it was, and none reads or writes beyond.
    #[test]
    fn no_layer_leaves_its_memory(
        inputs in 0_usize..if cfg!(miri) { 20 } else { 70 },
        outputs in 0_usize..if cfg!(miri) { 40 } else { 150 },
        offset in 0_usize..16,
        missing in prop_oneof![Just(0_usize), 0..3000_usize],
        seed in any::<u32>(),
    ) {
        let given = panel::packed_len(inputs, outputs).unwrap().saturating_sub(missing);
        let memory = values(seed, offset + given);
        let input = values(seed ^ 1, inputs);
        let mut first = None;
        for set in InstructionSet::all().filter(|set| missing == 0 || *set != InstructionSet::PORTABLE) {
            let mut output = vec![7.0; outputs + 2 * offset];
            let inner = &mut output[offset..offset + outputs];
            set.run(Dense { input: &input, panels: &memory[offset..], output: inner });
            prop_assert!(output[..offset].iter().chain(&output[offset + outputs..]).all(|value| *value == 7.0));
            let first = first.get_or_insert_with(|| bits(&output));
            prop_assert_eq!(&bits(&output), first);
        }
    }

    /// Functions that an instruction set may compute with instructions of its own.
    #[test]
    fn functions_of_any_numbers_anywhere_have_the_portable_bits(given in numbers(70)) {
        let displaced = Displaced::new(&given);
        let tanh = super::Function::Activation(super::Activation::Tanh);
        let mut expected = given.1.clone();
        let finite = scalar::apply(tanh, &mut expected);
        for set in InstructionSet::all() {
            let mut found = displaced.memory.clone();
            prop_assert_eq!(set.run(Apply(tanh, &mut found[displaced.offset..])), finite);
            prop_assert_eq!(bits(&found[displaced.offset..]), bits(&expected), "{}", set.name());
            prop_assert!(found[..displaced.offset].iter().all(|value| value.is_nan()));
        }
    }
}
