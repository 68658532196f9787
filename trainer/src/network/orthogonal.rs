//! Orthogonal initial weights (Saxe et al. 2014, arXiv 1312.6120): rows or columns of one length, at right angles.

use crate::random::Stream;

/// Writes a random matrix `[rows, columns]` times `gain` whose shorter side's vectors are orthonormal.
///
/// Normal draws, orthogonalized by Gram and Schmidt twice over in double precision, which is uniform over such matrices.
pub(super) fn fill(weights: &mut [f32], [rows, columns]: [usize; 2], gain: f32, stream: &mut Stream) {
    let (vectors, length) = if rows < columns { (rows, columns) } else { (columns, rows) };
    let mut basis: Vec<f64> = (0..vectors * length).map(|_| f64::from(stream.normal())).collect();
    for index in 0..vectors {
        let (before, rest) = basis.split_at_mut(index * length);
        let vector = &mut rest[..length];
        for _ in 0..2 {
            for other in before.chunks_exact(length) {
                let overlap: f64 = vector.iter().zip(other).map(|(value, other)| value * other).sum();
                vector.iter_mut().zip(other).for_each(|(value, other)| *value -= overlap * other);
            }
        }
        let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
        for value in vector {
            *value /= norm;
        }
    }
    for (index, weight) in weights.iter_mut().enumerate() {
        let (row, column) = (index / columns, index % columns);
        let value = if rows < columns { basis[row * length + column] } else { basis[column * length + row] };
        *weight = gain * value as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_shorter_side_are_orthogonal_and_of_length_gain() {
        for [rows, columns] in [[3, 5], [5, 3], [4, 4], [6, 1]] {
            let mut weights = vec![0.0; rows * columns];
            fill(&mut weights, [rows, columns], 2.0, &mut Stream::new(1, "orthogonal test"));
            let at = |vector: usize, index: usize| {
                let (row, column) = if rows < columns { (vector, index) } else { (index, vector) };
                weights[row * columns + column]
            };
            for first in 0..rows.min(columns) {
                for second in 0..rows.min(columns) {
                    let product: f32 =
                        (0..rows.max(columns)).map(|index| at(first, index) * at(second, index)).sum();
                    let expected = if first == second { 4.0 } else { 0.0 };
                    assert!((product - expected).abs() < 1e-5, "{rows} x {columns}: {product}");
                }
            }
        }
    }
}
