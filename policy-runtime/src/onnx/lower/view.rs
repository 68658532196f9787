//! Where the elements of a rearranged tensor lie in the one that it is made from.
//!
//! Slices, transpositions, expansions and regular gathers are all a [`View`]: a first position and one stride for each
//! axis. A constant is rearranged by its [`View::positions`]; a value in flow becomes a part of its buffer where the view
//! is dense, else a copy.

use crate::kernel::scalar::Layout;

/// See the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) start: usize,
    pub(super) dims: Vec<usize>,
    pub(super) strides: Vec<isize>,
}

impl View {
    /// The tensor as it lies, row-major.
    pub(super) fn whole(dims: &[usize]) -> Self {
        let mut strides = vec![1_isize; dims.len()];
        for axis in (1..dims.len()).rev() {
            strides[axis - 1] = strides[axis].wrapping_mul(dims[axis] as isize);
        }
        Self { start: 0, dims: dims.to_vec(), strides }
    }

    /// Number of elements.
    pub(super) fn count(&self) -> usize {
        self.dims.iter().product()
    }

    /// Axes in another order.
    pub(super) fn permuted(&self, order: &[usize]) -> Self {
        Self {
            start: self.start,
            dims: order.iter().map(|axis| self.dims[*axis]).collect(),
            strides: order.iter().map(|axis| self.strides[*axis]).collect(),
        }
    }

    /// `count` elements of one axis, from `first` on, `step` apart. All must lie within the axis.
    pub(super) fn sliced(mut self, axis: usize, first: usize, step: isize, count: usize) -> Self {
        self.start = self.start.wrapping_add_signed(self.strides[axis].wrapping_mul(first as isize));
        self.strides[axis] = self.strides[axis].wrapping_mul(step);
        self.dims[axis] = count;
        self
    }

    /// Repeated to `dims` by the rules of numpy; `None` if it does not fit.
    pub(super) fn broadcast(mut self, dims: &[usize]) -> Option<Self> {
        let missing = dims.len().checked_sub(self.dims.len())?;
        for (axis, stride) in self.strides.iter_mut().enumerate() {
            let (own, wanted) = (self.dims[axis], dims[missing + axis]);
            if own == 1 {
                *stride = 0;
            } else if own != wanted {
                return None;
            }
        }
        self.strides.splice(0..0, std::iter::repeat_n(0, missing));
        self.dims = dims.to_vec();
        Some(self)
    }

    /// The position of every element, in order.
    pub(super) fn positions(&self) -> Vec<usize> {
        let mut positions = Vec::with_capacity(self.count());
        positions.push(self.start);
        // Axis by axis, outermost first: every position so far is followed by its neighbours along the axis.
        for (dim, stride) in self.dims.iter().zip(&self.strides) {
            let along =
                |first: usize| (0..*dim).map(move |index| first.wrapping_add_signed(stride * index as isize));
            positions = positions.into_iter().flat_map(along).collect();
        }
        positions
    }

    /// The same with axes of one element dropped, and neighbouring axes joined that are one run.
    fn joined(&self) -> (Vec<usize>, Vec<isize>) {
        let (mut dims, mut strides): (Vec<usize>, Vec<isize>) = (vec![], vec![]);
        for (dim, stride) in self.dims.iter().zip(&self.strides).filter(|(dim, _)| **dim != 1) {
            match (dims.last_mut(), strides.last_mut()) {
                (Some(outer), Some(outer_stride)) if *outer_stride == *dim as isize * stride => {
                    *outer *= dim;
                    *outer_stride = *stride;
                }
                _ => {
                    dims.push(*dim);
                    strides.push(*stride);
                }
            }
        }
        (dims, strides)
    }

    /// Whether the elements lie one after the other.
    pub(super) fn is_dense(&self) -> bool {
        let (dims, strides) = self.joined();
        dims.is_empty() || (dims.len() == 1 && strides == [1])
    }

    /// A copy to a dense destination; `None` for more axes than a copy has.
    pub(super) fn layout(&self) -> Option<Layout> {
        let (joined, joined_strides) = self.joined();
        let missing = 4_usize.checked_sub(joined.len())?;
        let mut layout = Layout { dims: [1; 4], source_strides: [0; 4], destination_strides: [0; 4] };
        for (axis, (dim, stride)) in joined.iter().zip(joined_strides).enumerate() {
            layout.dims[missing + axis] = u32::try_from(*dim).ok()?;
            layout.source_strides[missing + axis] = i32::try_from(stride).ok()?;
        }
        let mut run = 1_u32;
        for axis in (0..4).rev() {
            layout.destination_strides[axis] = run;
            run = run.checked_mul(layout.dims[axis])?;
        }
        Some(layout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposition_and_a_slice_find_their_elements() {
        let view = View::whole(&[2, 3]).permuted(&[1, 0]);
        assert_eq!(view.positions(), [0, 3, 1, 4, 2, 5]);
        assert!(!view.is_dense());
        let view = View::whole(&[2, 4]).sliced(1, 3, -2, 2);
        assert_eq!(view.positions(), [3, 1, 7, 5]);
        let rows = View::whole(&[4, 3]).sliced(0, 1, 1, 2);
        assert!(rows.is_dense() && rows.start == 3);
    }

    #[test]
    fn a_broadcast_repeats_without_copying() {
        let view = View::whole(&[3, 1]).broadcast(&[2, 3, 2]).unwrap();
        assert_eq!(view.positions(), [0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        assert_eq!(View::whole(&[3]).broadcast(&[2]), None);
        assert_eq!(View::whole(&[3, 1]).broadcast(&[3]), None);
    }

    #[test]
    fn axes_that_are_one_run_are_joined() {
        let layout = View::whole(&[2, 3, 4, 5, 6]).permuted(&[1, 2, 0, 3, 4]).layout().unwrap();
        assert_eq!(layout.dims, [1, 12, 2, 30]);
        assert_eq!(layout.source_strides, [0, 30, 360, 1]);
        assert_eq!(layout.destination_strides, [720, 60, 30, 1]);
    }
}
