//! Which vector instructions the kernels use, chosen once.
//!
//! A policy's operations are written once, as [`Work`] that is generic over [`Vectors`]. [`InstructionSet::run`] enters a
//! function that is compiled for the chosen instructions, and the work is compiled into it: loops over values become vectors
//! of that width by themselves, dense layers through explicit instructions. All sets give the same bits; only the time
//! differs.
//!
//! A set can be had only from a machine that has it, which is what makes entering such a function sound.

#[cfg(cortex_m4f)]
use super::cortex_m;
use super::{Function, scalar};

#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
#[cfg(target_arch = "x86_64")]
use super::{avx2::Avx2, avx512::Avx512};

/// The vector instructions of one set, as work uses them beyond plain loops.
pub(crate) trait Vectors: Copy {
    /// See [`scalar::dense`].
    fn dense(self, input: &[f32], panels: &[f32], output: &mut [f32]);

    /// See [`scalar::apply`].
    #[inline(always)]
    fn apply(self, function: Function, values: &mut [f32]) -> bool {
        scalar::apply(function, values)
    }

    /// Does `work` in a function of its own that is compiled for these instructions.
    fn enter<W: Work>(self, work: W) -> W::Output;
}

/// Something to be compiled for every instruction set. `run` must be `#[inline(always)]`, and so must all that it calls and
/// that computes.
pub(crate) trait Work {
    /// What comes of it.
    type Output;

    /// Does it.
    fn run<V: Vectors>(self, vectors: V) -> Self::Output;
}

/// No instructions beyond those that the crate was compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Portable;

#[cfg(not(cortex_m4f))]
impl Vectors for Portable {
    #[inline(always)]
    fn dense(self, input: &[f32], panels: &[f32], output: &mut [f32]) {
        scalar::dense(input, panels, output);
    }

    #[inline(never)]
    fn enter<W: Work>(self, work: W) -> W::Output {
        work.run(self)
    }
}

#[cfg(cortex_m4f)]
impl Vectors for Portable {
    #[inline(always)]
    fn dense(self, input: &[f32], panels: &[f32], output: &mut [f32]) {
        cortex_m::dense(input, panels, output);
    }

    #[inline(always)]
    fn apply(self, function: Function, values: &mut [f32]) -> bool {
        cortex_m::apply(function, values)
    }

    #[inline(never)]
    fn enter<W: Work>(self, work: W) -> W::Output {
        work.run(self)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

/// Vector instructions that this machine has, chosen once for an executor; all give the same bits.
///
/// ```
/// use sinew_policy_runtime::kernel::InstructionSet;
/// let names: Vec<_> = InstructionSet::all().map(|set| set.name()).collect();
/// assert_eq!(names[0], "portable");
/// assert_eq!(InstructionSet::best().name(), *names.last().unwrap());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstructionSet(Choice);

impl InstructionSet {
    /// What the crate was compiled for: on every machine, and the definition of the bits.
    pub const PORTABLE: Self = Self(Choice::Portable(Portable));

    /// All that this machine has, slowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        let portable = core::iter::once(Choice::Portable(Portable));
        #[cfg(target_arch = "x86_64")]
        let portable =
            portable.chain(Avx2::find().map(Choice::Avx2)).chain(Avx512::find().map(Choice::Avx512));
        #[cfg(target_arch = "aarch64")]
        let portable = portable.chain([Choice::Neon(Neon)]);
        portable.map(Self)
    }

    /// The fastest that this machine has.
    pub fn best() -> Self {
        Self::all().last().unwrap_or(Self::PORTABLE)
    }

    /// `portable`, `avx2`, `avx512` or `neon`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Choice::Portable(_) => "portable",
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2(_) => "avx2",
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512(_) => "avx512",
            #[cfg(target_arch = "aarch64")]
            Choice::Neon(_) => "neon",
        }
    }

    /// Does `work` with these instructions.
    #[inline(always)]
    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            Choice::Portable(vectors) => vectors.enter(work),
            #[cfg(target_arch = "x86_64")]
            Choice::Avx2(vectors) => vectors.enter(work),
            #[cfg(target_arch = "x86_64")]
            Choice::Avx512(vectors) => vectors.enter(work),
            #[cfg(target_arch = "aarch64")]
            Choice::Neon(vectors) => vectors.enter(work),
        }
    }
}
