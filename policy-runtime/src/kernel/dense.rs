//! Dense layers on vector registers, written once for all instruction sets.
//!
//! [`dense`] computes several panels at a time, so that enough sums are in flight to hide the latency of an addition, and
//! reads each input once for all of them. A set supplies three widths of [`Sums`] and says how many panels its registers
//! hold. Every sum still runs over its own inputs in order, as [`super::scalar::dense`] defines.

#![allow(unsafe_code, reason = "rows of several panels at once, without a check of each")]

use super::scalar::tree;

/// Neighbouring neurons' sums in vector registers.
///
/// Its functions may be called only on a processor with the instructions that they are made of.
pub(super) trait Sums: Copy {
    /// As many as there are sums.
    type Row: Copy;

    /// The sums' first values.
    unsafe fn load(row: &Self::Row) -> Self;

    /// Adds `x · weights` with a rounding after each of the two.
    unsafe fn add_products(self, x: f32, weights: &Self::Row) -> Self;

    /// Writes the sums.
    unsafe fn store(self, row: &mut Self::Row);
}

/// The instructions of one set.
pub(super) trait Registers {
    /// Sums of a panel.
    type Sixteen: Sums<Row = [f32; 16]>;
    /// Of half a panel.
    type Eight: Sums<Row = [f32; 8]>;
    /// Of a quarter.
    type Four: Sums<Row = [f32; 4]>;
    /// Panels whose sums fit the registers.
    const PANELS: usize;

    /// Adds the products `x[lane] · weights[lane]` to sixteen sums.
    unsafe fn add_lanes(sums: Self::Sixteen, x: &[f32; 16], weights: &[f32; 16]) -> Self::Sixteen;
}

/// See [`super::scalar::dense`]. Computes nothing beyond the end of `panels` where they are shorter than the layer.
///
/// # Safety
/// The processor has the instructions of `R`.
#[inline(always)]
pub(super) unsafe fn dense<R: Registers>(input: &[f32], panels: &[f32], output: &mut [f32]) {
    let mut layer = Layer { input, panels, output };
    // SAFETY: the processor has the instructions, as the caller says.
    unsafe {
        if R::PANELS >= 8 {
            while layer.panels::<R::Sixteen, 16, 8>() {}
        }
        while layer.panels::<R::Sixteen, 16, 4>() {}
        while layer.panels::<R::Sixteen, 16, 2>() {}
        while layer.panels::<R::Sixteen, 16, 1>() {}
        layer.panels::<R::Eight, 8, 1>();
        layer.panels::<R::Four, 4, 1>();
        while layer.single::<R>() {}
    }
}

/// What is left of a layer.
struct Layer<'a> {
    input: &'a [f32],
    panels: &'a [f32],
    output: &'a mut [f32],
}

impl<'a> Layer<'a> {
    /// Takes the panels and outputs of `neurons`, `None` if fewer are left.
    #[inline(always)]
    fn take(&mut self, neurons: usize) -> Option<(&'a [f32], &'a mut [f32])> {
        let length = (self.input.len() + 1).saturating_mul(neurons);
        let (panels, later_panels) = self.panels.split_at_checked(length)?;
        if self.output.len() < neurons {
            return None;
        }
        let (output, later_output) = core::mem::take(&mut self.output).split_at_mut(neurons);
        (self.panels, self.output) = (later_panels, later_output);
        Some((panels, output))
    }

    /// Computes the next `COUNT` panels; says whether as many were left.
    ///
    /// # Safety
    /// The processor has the instructions of `S`.
    #[allow(clippy::needless_range_loop, reason = "panels and their sums are counted together, and unrolled")]
    #[inline(always)]
    unsafe fn panels<S: Sums<Row = [f32; WIDTH]>, const WIDTH: usize, const COUNT: usize>(&mut self) -> bool {
        let Some((panels, output)) = self.take(WIDTH * COUNT) else { return false };
        let (panels, _) = panels.as_chunks::<WIDTH>();
        let rows = self.input.len() + 1;
        // SAFETY: there are `COUNT` panels of as many rows, because `take` gave as many; the processor has the
        // instructions, as the caller says.
        unsafe {
            let row = |panel: usize, index: usize| panels.get_unchecked(panel * rows + index);
            let mut sums = [S::load(row(0, 0)); COUNT];
            for panel in 1..COUNT {
                sums[panel] = S::load(row(panel, 0));
            }
            for (index, x) in self.input.iter().enumerate() {
                for panel in 0..COUNT {
                    sums[panel] = sums[panel].add_products(*x, row(panel, index + 1));
                }
            }
            for (sums, output) in sums.into_iter().zip(output.as_chunks_mut().0) {
                sums.store(output);
            }
        }
        true
    }

    /// Computes the next neuron as one alone in its panel; says whether there was one.
    ///
    /// # Safety
    /// The processor has the instructions of `R`.
    #[inline(always)]
    unsafe fn single<R: Registers>(&mut self) -> bool {
        let Some(([bias, weights @ ..], [output])) = self.take(1) else { return false };
        let (inputs, input_rest) = self.input.as_chunks::<16>();
        let (rows, weight_rest) = weights.as_chunks::<16>();
        let mut partials = [0.0; 16];
        // SAFETY: the processor has the instructions, as the caller says.
        unsafe {
            let mut sums = R::Sixteen::load(&partials);
            for (x, row) in inputs.iter().zip(rows) {
                sums = R::add_lanes(sums, x, row);
            }
            sums.store(&mut partials);
        }
        for (partial, (x, weight)) in partials.iter_mut().zip(input_rest.iter().zip(weight_rest)) {
            *partial += *x * *weight;
        }
        *output = *bias + tree(partials);
        true
    }
}
