//! Copies: slices, transpositions, expansions and concatenations, none of which computes anything.
#![allow(
    clippy::inline_always,
    reason = "a kernel is compiled into its caller, for the caller's instruction set"
)]

/// Where the elements of a copy lie: `source[Σ i·source_strides]` goes to `destination[Σ i·destination_strides]`, for all
/// `i` within `dims`. Both slices start where the smallest position is; `source_start` says where index 0 lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Elements along each axis, outermost first.
    pub dims: [u32; 4],
    /// In values; 0 repeats, negative runs backwards.
    pub source_strides: [i32; 4],
    /// In values.
    pub destination_strides: [u32; 4],
}

impl Layout {
    /// Number of elements, saturating.
    pub fn count(&self) -> u64 {
        self.dims.iter().fold(1, |count: u64, dim| count.saturating_mul(u64::from(*dim)))
    }

    /// How far below and above its first element the source reaches.
    pub fn source_reach(&self) -> (u64, u64) {
        let mut reach = (0_u64, 0_u64);
        for (dim, stride) in self.dims.iter().zip(self.source_strides) {
            let far = u64::from(dim.saturating_sub(1)).saturating_mul(u64::from(stride.unsigned_abs()));
            let side = if stride < 0 { &mut reach.0 } else { &mut reach.1 };
            *side = side.saturating_add(far);
        }
        reach
    }

    /// How far above its first element the destination reaches.
    pub fn destination_reach(&self) -> u64 {
        self.dims.iter().zip(self.destination_strides).fold(0_u64, |reach, (dim, stride)| {
            reach.saturating_add(u64::from(dim.saturating_sub(1)).saturating_mul(u64::from(stride)))
        })
    }
}

/// Copies as `layout` says, with index 0 at `source[start]` and `destination[0]`; `None` if it would leave a slice.
#[inline(always)]
pub fn place(layout: &Layout, source: &[f32], start: usize, destination: &mut [f32]) -> Option<()> {
    let [outer, middle, inner, run] = layout.dims;
    let [outer_from, middle_from, inner_from, run_from] = layout.source_strides.map(|stride| stride as isize);
    let [outer_to, middle_to, inner_to, run_to] = layout.destination_strides.map(|stride| stride as usize);
    let (mut from_outer, mut to_outer) = (start, 0_usize);
    for _ in 0..outer {
        let (mut from_middle, mut to_middle) = (from_outer, to_outer);
        for _ in 0..middle {
            let (mut from_inner, mut to_inner) = (from_middle, to_middle);
            for _ in 0..inner {
                if run_from == 1 && run_to == 1 {
                    let length = run as usize;
                    let from = source.get(from_inner..from_inner.checked_add(length)?)?;
                    destination.get_mut(to_inner..to_inner.checked_add(length)?)?.copy_from_slice(from);
                } else {
                    let (mut from, mut to) = (from_inner, to_inner);
                    for _ in 0..run {
                        *destination.get_mut(to)? = *source.get(from)?;
                        (from, to) = (from.wrapping_add_signed(run_from), to.wrapping_add(run_to));
                    }
                }
                from_inner = from_inner.wrapping_add_signed(inner_from);
                to_inner = to_inner.wrapping_add(inner_to);
            }
            from_middle = from_middle.wrapping_add_signed(middle_from);
            to_middle = to_middle.wrapping_add(middle_to);
        }
        from_outer = from_outer.wrapping_add_signed(outer_from);
        to_outer = to_outer.wrapping_add(outer_to);
    }
    Some(())
}

/// `destination[i] = source[table[i]]`, over the shorter of the two; `None` if a position leaves the source. The table
/// holds whole numbers.
#[inline(always)]
pub fn gather(source: &[f32], table: &[f32], destination: &mut [f32]) -> Option<()> {
    for (value, position) in destination.iter_mut().zip(table) {
        *value = *source.get(*position as usize)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposition_is_a_copy() {
        let layout =
            Layout { dims: [1, 1, 3, 2], source_strides: [0, 0, 1, 3], destination_strides: [0, 0, 2, 1] };
        let mut destination = [0.0; 6];
        place(&layout, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0, &mut destination).unwrap();
        assert_eq!(destination, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!((layout.source_reach(), layout.destination_reach()), ((0, 5), 5));
    }

    #[test]
    fn strides_may_run_backwards_or_repeat() {
        let layout =
            Layout { dims: [1, 1, 2, 3], source_strides: [0, 0, 0, -1], destination_strides: [0, 0, 3, 1] };
        let mut destination = [0.0; 6];
        place(&layout, &[1.0, 2.0, 3.0], 2, &mut destination).unwrap();
        assert_eq!(destination, [3.0, 2.0, 1.0, 3.0, 2.0, 1.0]);
        assert_eq!(layout.source_reach(), (2, 0));
    }

    #[test]
    fn nothing_outside_is_touched() {
        let layout =
            Layout { dims: [1, 1, 1, 4], source_strides: [0, 0, 0, 1], destination_strides: [0, 0, 0, 1] };
        assert_eq!(place(&layout, &[1.0; 3], 0, &mut [0.0; 4]), None);
        assert_eq!(place(&layout, &[1.0; 4], 0, &mut [0.0; 3]), None);
        assert_eq!(gather(&[1.0, 2.0], &[1.0, 2.0], &mut [0.0; 2]), None);
    }
}
