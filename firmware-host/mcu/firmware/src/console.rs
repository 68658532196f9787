//! Text for people and scripts, without `core::fmt`, which would be larger than the policy's executor.

use crate::board::Board;

/// Writes text.
pub fn text(board: &mut impl Board, text: &str) {
    board.write(text.as_bytes());
}

/// Writes a number in base 10.
pub fn decimal(board: &mut impl Board, mut value: u32) {
    // As many digits as the largest number has.
    let mut digits = [0; 10];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
        used += 1;
        if value == 0 {
            break;
        }
    }
    board.write(digits.get(digits.len().saturating_sub(used)..).unwrap_or_default());
}

/// Writes a number's 32 bits in base 16.
pub fn hexadecimal(board: &mut impl Board, value: u32) {
    for shift in (0..32).step_by(4).rev() {
        let digit = (value >> shift & 15) as u8;
        board.write(&[if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }]);
    }
}
