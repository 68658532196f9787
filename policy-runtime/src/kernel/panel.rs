//! How a dense layer's weights are packed: panels of neurons that a vector unit computes in lockstep.
//!
//! A layer's neurons are dealt to panels of 16, then at most one of 8, at most one of 4, and single ones. A panel of
//! width `w` is its `w` biases, then for each input, in order, the `w` weights with which that input enters. A kernel thus
//! reads a layer's weights once, front to back. A layer that starts at a 64-byte boundary has all rows of its full
//! panels on cache lines.

/// Widths of panels, widest first.
pub const WIDTHS: [usize; 4] = [16, 8, 4, 1];

/// Values of a packed layer: a bias and the weights of every neuron. `None` beyond `usize`.
pub fn packed_len(inputs: usize, outputs: usize) -> Option<usize> {
    inputs.checked_add(1)?.checked_mul(outputs)
}

/// Each panel's first neuron and width.
fn panels(outputs: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut start = 0;
    core::iter::from_fn(move || {
        let width = WIDTHS.into_iter().find(|width| start + width <= outputs)?;
        start += width;
        Some((start - width, width))
    })
}

/// Packs `weights [inputs, outputs]`, row-major, and `bias [outputs]`, value by value in the order of the format.
///
/// # Panics
/// If `weights` is not a multiple of `bias` in length.
pub fn pack<'a>(weights: &'a [f32], bias: &'a [f32]) -> impl Iterator<Item = f32> + 'a {
    let outputs = bias.len();
    assert!(outputs > 0 && weights.len().is_multiple_of(outputs), "weights are rows as long as the bias");
    panels(outputs).flat_map(move |(start, width)| {
        let rows = core::iter::once(bias).chain(weights.chunks_exact(outputs));
        rows.flat_map(move |row| row[start..start + width].iter().copied())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neurons_are_dealt_to_the_widest_panels_first() {
        let widths = |outputs| panels(outputs).map(|(_, width)| width).collect::<heapless::Vec<usize, 16>>();
        assert_eq!(widths(64)[..], [16, 16, 16, 16]);
        assert_eq!(widths(31)[..], [16, 8, 4, 1, 1, 1]);
        assert_eq!(widths(6)[..], [4, 1, 1]);
    }

    #[test]
    fn a_panel_is_its_biases_then_each_input_row() {
        // Five neurons, two inputs.
        let weights = [1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0];
        let bias = [0.1, 0.2, 0.3, 0.4, 0.5];
        let packed: heapless::Vec<f32, 16> = pack(&weights, &bias).collect();
        let expected = [0.1, 0.2, 0.3, 0.4, 1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0, 0.5, 5.0, 50.0];
        assert_eq!(packed[..], expected);
        assert_eq!(packed_len(2, 5), Some(expected.len()));
    }
}
