//! Transposes of row-major matrices, sixteen bytes at a time where the machine has shuffles for that.

use std::cell::RefCell;

thread_local! {
    static TRANSPOSED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Lets `body` read the transpose of `matrix [rows, columns]`, in a buffer that each thread keeps.
pub(super) fn with_transpose<R>(
    matrix: &[f32],
    [rows, columns]: [usize; 2],
    body: impl FnOnce(&[f32]) -> R,
) -> R {
    if rows == 1 || columns == 1 {
        return body(matrix);
    }
    TRANSPOSED.with_borrow_mut(|buffer| {
        if buffer.len() < matrix.len() {
            buffer.resize(matrix.len(), 0.0);
        }
        let transposed = &mut buffer[..matrix.len()];
        if rows.is_multiple_of(SIDE) && columns.is_multiple_of(SIDE) {
            transpose_blocks(transposed, matrix, [rows, columns]);
        } else {
            for (index, row) in matrix.chunks_exact(columns).enumerate() {
                let places = transposed[index..].iter_mut().step_by(rows);
                places.zip(row).for_each(|(place, value)| *place = *value);
            }
        }
        body(transposed)
    })
}

/// Rows and columns that are transposed in registers.
const SIDE: usize = 4;
/// Rows that are read together, so few that cache lines stay until all of their values are read.
const PANEL: usize = 8 * SIDE;

fn transpose_blocks(transposed: &mut [f32], matrix: &[f32], shape: [usize; 2]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(sse) = pulp::core_arch::x86::Sse::try_new() {
        return with_blocks(
            transposed,
            matrix,
            shape,
            #[inline(always)]
            |[a, b, c, d]| {
                use std::arch::x86_64::__m128;
                let vector = pulp::cast::<[f32; SIDE], __m128>;
                let values = pulp::cast::<__m128, [f32; SIDE]>;
                let (a, b, c, d) = (vector(a), vector(b), vector(c), vector(d));
                let (ab, cd) = (sse._mm_unpacklo_ps(a, b), sse._mm_unpacklo_ps(c, d));
                let first = [sse._mm_movelh_ps(ab, cd), sse._mm_movehl_ps(cd, ab)];
                let (ab, cd) = (sse._mm_unpackhi_ps(a, b), sse._mm_unpackhi_ps(c, d));
                let second = [sse._mm_movelh_ps(ab, cd), sse._mm_movehl_ps(cd, ab)];
                [values(first[0]), values(first[1]), values(second[0]), values(second[1])]
            },
        );
    }
    with_blocks(
        transposed,
        matrix,
        shape,
        #[inline(always)]
        |block| std::array::from_fn(|row| block.map(|values| values[row])),
    );
}

#[inline(always)]
fn with_blocks(
    transposed: &mut [f32],
    matrix: &[f32],
    [rows, columns]: [usize; 2],
    transpose: impl Fn([[f32; SIDE]; SIDE]) -> [[f32; SIDE]; SIDE],
) {
    for (panel, matrix) in matrix.chunks(PANEL * columns).enumerate() {
        for (across, places) in transposed.chunks_exact_mut(SIDE * rows).enumerate() {
            let [a, b, c, d] = in_blocks(places, rows);
            let first = panel * PANEL / SIDE;
            for (down, values) in (first..).zip(matrix.chunks_exact(SIDE * columns)) {
                let at = |row: usize| values[row * columns..][..columns].as_chunks::<SIDE>().0[across];
                [a[down], b[down], c[down], d[down]] = transpose([at(0), at(1), at(2), at(3)]);
            }
        }
    }
}

/// Four rows, block by block.
#[inline(always)]
fn in_blocks(rows: &mut [f32], length: usize) -> [&mut [[f32; SIDE]]; SIDE] {
    let (a, rest) = rows.split_at_mut(length);
    let (b, rest) = rest.split_at_mut(length);
    let (c, d) = rest.split_at_mut(length);
    [a, b, c, d].map(|row| row.as_chunks_mut().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns() {
        for [rows, columns] in [[1, 5], [5, 1], [3, 7], [4, 4], [8, 20], [20, 8], [64, 36]] {
            let matrix: Vec<f32> = (0..rows * columns).map(|index| index as f32).collect();
            with_transpose(&matrix, [rows, columns], |transposed| {
                assert_eq!(transposed.len(), matrix.len());
                for row in 0..rows {
                    for column in 0..columns {
                        let (found, expected) =
                            (transposed[column * rows + row], matrix[row * columns + column]);
                        assert_eq!(found, expected, "{rows} x {columns}: {row}, {column}");
                    }
                }
            });
        }
    }
}
