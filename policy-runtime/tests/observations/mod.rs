//! Observations that an inference must take as many instructions for as for any other, the same on a workstation and in firmware.

/// Finite values of every size up to a thousand, of both signs, zeros and denormal ones among them.
pub(crate) fn draw(state: &mut u32) -> f32 {
    let mut next = || {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *state >> 8
    };
    let magnitude = match next() % 8 {
        0 => 0.0,
        1 => f32::from_bits(next() >> 1),
        2 | 3 => next() as f32 / 16_777.216,
        _ => next() as f32 / 16_777_216.0,
    };
    if next() % 2 == 0 { magnitude } else { -magnitude }
}
