//! The products' kernel: a tile of the result, some rows by some vectors of columns, stays in registers until it is whole.
//!
//! Each sum is taken in the order of the inner index, from zero and with fused multiplication and addition, whatever the sizes
//! and however long a vector is: so its bits depend neither on the tile nor on the instruction set. Operands are read where
//! they lie. The networks of this field are small enough for that: packing them first, as libraries for matrices of any size
//! do, costs more than it gains.
//!
//! Every function here is inlined into the one that has the vectors' instructions, or it would not have them; adapters of
//! iterators, which cannot be made to be, carry no vectors.

use pulp::{Arch, Simd, WithSimd};

/// What becomes of sums before they are stored.
pub(crate) trait Finish: Copy {
    /// `stored` is what lies at the place so far.
    fn finish<S: Simd>(self, simd: S, sums: S::f32s, stored: &[f32], place: Place) -> S::f32s;
}

/// Where a vector of sums belongs in the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Of the first sum in the result as one slice.
    pub(crate) index: usize,
    /// Of the first sum in its row.
    pub(crate) column: usize,
    /// How many sums there are; the other lanes are never stored.
    pub(crate) lanes: usize,
}

/// The first `lanes` of `values` as a vector.
#[inline(always)]
pub(crate) fn load<S: Simd>(simd: S, values: &[f32], lanes: usize) -> S::f32s {
    let values = &values[..lanes];
    if lanes == S::F32_LANES { S::as_simd_f32s(values).0[0] } else { simd.partial_load_f32s(values) }
}

/// Fills `values`, which are as many as a vector has lanes or fewer.
#[inline(always)]
fn store<S: Simd>(simd: S, values: &mut [f32], vector: S::f32s) {
    if values.len() == S::F32_LANES {
        S::as_mut_simd_f32s(values).0[0] = vector;
    } else {
        simd.partial_store_f32s(values, vector);
    }
}

/// `values = finish(values)`, one row, for sums that are there already.
pub(crate) struct InPlace<'v, F> {
    pub(crate) values: &'v mut [f32],
    pub(crate) finish: F,
}

impl<F: Finish> InPlace<'_, F> {
    /// With the widest vectors that the machine has.
    pub(crate) fn compute(self) {
        Arch::new().dispatch(self);
    }
}

impl<F: Finish> WithSimd for InPlace<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut index = 0;
        for values in self.values.chunks_mut(S::F32_LANES) {
            let place = Place { index, column: index, lanes: values.len() };
            let sums = load(simd, values, values.len());
            let sums = self.finish.finish(simd, sums, values, place);
            store(simd, values, sums);
            index += values.len();
        }
    }
}

/// The sums as they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replace;

impl Finish for Replace {
    #[inline(always)]
    fn finish<S: Simd>(self, _: S, sums: S::f32s, _: &[f32], _: Place) -> S::f32s {
        sums
    }
}

/// What was stored plus the sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Add;

impl Finish for Add {
    #[inline(always)]
    fn finish<S: Simd>(self, simd: S, sums: S::f32s, stored: &[f32], place: Place) -> S::f32s {
        simd.add_f32s(load(simd, stored, place.lanes), sums)
    }
}

/// The operand on the left, whose values multiply whole vectors of the right.
pub(crate) trait Left: Copy {
    /// Adds the products of `M` rows from `row` on with some columns, in the order of the inner index.
    fn accumulate<S: Simd, const M: usize, const V: usize>(
        self,
        simd: S,
        row: usize,
        right: Right<'_>,
        sums: &mut [[S::f32s; V]; M],
    );
}

/// `[m, inner]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'v> {
    /// Row by row.
    pub(crate) values: &'v [f32],
    /// Length of a row.
    pub(crate) inner: usize,
}

impl Left for Rows<'_> {
    #[inline(always)]
    fn accumulate<S: Simd, const M: usize, const V: usize>(
        self,
        simd: S,
        row: usize,
        mut right: Right<'_>,
        sums: &mut [[S::f32s; V]; M],
    ) {
        let Self { values, inner } = self;
        let mut rows = [values; M];
        for (index, row) in (row..).zip(&mut rows) {
            *row = &values[index * inner..][..inner];
        }
        #[allow(clippy::needless_range_loop, reason = "no iterator goes along several rows at a time")]
        for at in 0..inner {
            let value = |index: usize| rows[index][at];
            add_products(simd, sums, value, right.next(simd));
        }
    }
}

/// `[inner, m]`, to be read as its transpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<'v> {
    /// Row by row.
    pub(crate) values: &'v [f32],
    /// `m`.
    pub(crate) count: usize,
}

impl Left for Columns<'_> {
    #[inline(always)]
    fn accumulate<S: Simd, const M: usize, const V: usize>(
        self,
        simd: S,
        row: usize,
        mut right: Right<'_>,
        sums: &mut [[S::f32s; V]; M],
    ) {
        for values in self.values.chunks_exact(self.count) {
            let values = &values[row..row + M];
            let value = |index: usize| values[index];
            add_products(simd, sums, value, right.next(simd));
        }
    }
}

/// Some columns of the operand on the right, row by row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Right<'v> {
    /// From the first of these columns on.
    rows: &'v [f32],
    /// From one row to the next.
    stride: usize,
    /// How many lanes of each vector count.
    lanes: usize,
}

impl Right<'_> {
    /// The next row as vectors.
    #[inline(always)]
    fn next<S: Simd, const V: usize>(&mut self, simd: S) -> [S::f32s; V] {
        let mut vectors = [simd.splat_f32s(0.0); V];
        let row = &self.rows[..(V - 1) * S::F32_LANES + self.lanes];
        for (index, vector) in vectors.iter_mut().enumerate() {
            *vector = load(simd, &row[index * S::F32_LANES..], self.lanes);
        }
        self.rows = self.rows.get(self.stride..).unwrap_or(&[]);
        vectors
    }
}

/// Adds the products of one value for each row with one vector for each column.
#[inline(always)]
fn add_products<S: Simd, const M: usize, const V: usize>(
    simd: S,
    sums: &mut [[S::f32s; V]; M],
    value: impl Fn(usize) -> f32,
    right: [S::f32s; V],
) {
    for (index, sums) in sums.iter_mut().enumerate() {
        let value = simd.splat_f32s(value(index));
        for (sum, right) in sums.iter_mut().zip(right) {
            *sum = simd.mul_add_f32s(value, right, *sum);
        }
    }
}

/// `destination [m, n] = finish(left · right)` with `right [inner, n]`.
pub(crate) struct Product<'v, L, F> {
    pub(crate) destination: &'v mut [f32],
    pub(crate) left: L,
    pub(crate) right: &'v [f32],
    /// `n`.
    pub(crate) columns: usize,
    pub(crate) finish: F,
}

impl<L: Left, F: Finish> Product<'_, L, F> {
    /// With the widest vectors that the machine has.
    pub(crate) fn compute(self) {
        Arch::new().dispatch(self);
    }

    /// All columns of `M` rows.
    #[inline(always)]
    fn rows<S: Simd, const M: usize>(&mut self, simd: S, row: usize) {
        let (lanes, columns) = (S::F32_LANES, self.columns);
        let mut column = 0;
        // Sums take up half of the registers and more, so that many are under way at a time; some are left for the factors.
        if S::REGISTER_COUNT >= 32 {
            while column + 4 * lanes <= columns {
                self.tile::<S, M, 4>(simd, row, column, lanes);
                column += 4 * lanes;
            }
        }
        while column + 2 * lanes <= columns {
            self.tile::<S, M, 2>(simd, row, column, lanes);
            column += 2 * lanes;
        }
        while column + lanes <= columns {
            self.tile::<S, M, 1>(simd, row, column, lanes);
            column += lanes;
        }
        if column < columns {
            self.tile::<S, M, 1>(simd, row, column, columns - column);
        }
    }

    /// `M` rows by `V` vectors, in each of which `lanes` count.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize>(
        &mut self,
        simd: S,
        row: usize,
        column: usize,
        lanes: usize,
    ) {
        let Self { destination, left, right, columns, finish } = self;
        let mut sums = [[simd.splat_f32s(0.0); V]; M];
        let right = Right { rows: &right[column..], stride: *columns, lanes };
        left.accumulate(simd, row, right, &mut sums);
        for (index, sums) in sums.into_iter().enumerate() {
            for (vector, sums) in sums.into_iter().enumerate() {
                let column = column + vector * S::F32_LANES;
                let place = Place { index: (row + index) * *columns + column, column, lanes };
                let stored = &mut destination[place.index..place.index + lanes];
                let sums = finish.finish(simd, sums, stored, place);
                store(simd, stored, sums);
            }
        }
    }
}

impl<L: Left, F: Finish> WithSimd for Product<'_, L, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let rows = self.destination.len() / self.columns;
        let mut row = 0;
        while row + 6 <= rows {
            self.rows::<S, 6>(simd, row);
            row += 6;
        }
        match rows - row {
            5 => self.rows::<S, 5>(simd, row),
            4 => self.rows::<S, 4>(simd, row),
            3 => self.rows::<S, 3>(simd, row),
            2 => self.rows::<S, 2>(simd, row),
            1 => self.rows::<S, 1>(simd, row),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::transpose::with_transpose;
    use super::*;
    use crate::network::instruction_sets::{Check, on_every_instruction_set};
    use crate::random::Stream;

    /// The product as its documentation says, value by value.
    #[allow(clippy::disallowed_methods, reason = "what the kernel does wherever it runs")]
    fn expected(left: &[f32], right: &[f32], [m, k, n]: [usize; 3]) -> Vec<f32> {
        let sum = |row: usize, column: usize| {
            (0..k).fold(0.0_f32, |sum, at| left[row * k + at].mul_add(right[at * n + column], sum))
        };
        (0..m * n).map(|index| sum(index / n, index % n)).collect()
    }

    /// Sums are fused and in order, the left operand in either order.
    struct Sums;

    impl Check for Sums {
        fn check<S: Simd>(&self, simd: S, name: &str) {
            let mut stream = Stream::new(3, "product test");
            let widths = [1, 2, 3, 4, 7, 15, 16, 17, 31, 33, 48, 64, 65, 100, 129];
            for shape in widths.iter().flat_map(|n| (1..=13).map(move |m| [m, 1 + (m * n) % 19, *n])) {
                let [m, k, n] = shape;
                let mut draw = |count: usize| (0..count).map(|_| stream.normal()).collect::<Vec<f32>>();
                let (left, right, mut by_rows) = (draw(m * k), draw(k * n), draw(m * n));
                let (mut by_columns, stored) = (by_rows.clone(), by_rows.clone());
                let rows = Rows { values: &left, inner: k };
                let destination = &mut by_rows;
                simd.vectorize(Product {
                    destination,
                    left: rows,
                    right: &right,
                    columns: n,
                    finish: Replace,
                });
                let expected = expected(&left, &right, shape);
                assert_eq!(by_rows, expected, "{name}: rows, {shape:?}");

                let left = with_transpose(&left, [m, k], <[f32]>::to_vec);
                let columns = Columns { values: &left, count: m };
                let destination = &mut by_columns;
                simd.vectorize(Product {
                    destination,
                    left: columns,
                    right: &right,
                    columns: n,
                    finish: Add,
                });
                let expected: Vec<f32> =
                    expected.iter().zip(&stored).map(|(sum, stored)| stored + sum).collect();
                assert_eq!(by_columns, expected, "{name}: columns, {shape:?}");
            }
        }
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        on_every_instruction_set(&Sums);
    }
}
