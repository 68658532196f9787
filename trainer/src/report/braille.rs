//! A small canvas of braille characters: eight dots a character, so that a curve has a shape even in a terminal.

/// Dots across a character.
pub(super) const ACROSS: usize = 2;
/// Dots down a character.
pub(super) const DOWN: usize = 4;
/// The empty pattern, to which a bit for each dot is added.
const BLANK: u32 = 0x2800;
/// Bit of the dot in `[row][column]` of a character.
const BITS: [[u32; ACROSS]; DOWN] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// Dots, all off at first; the origin is at the lower left.
pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<u32>,
}

impl Canvas {
    /// A canvas of so many characters.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, cells: vec![0; columns * rows] }
    }

    /// Draws a straight line between two places given as shares of width and height, from 0 to 1.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64)) {
        let (from, to) = (self.dot(from), self.dot(to));
        let (across, up) = (to.0 - from.0, to.1 - from.1);
        let steps = across.abs().max(up.abs()).max(1);
        for step in 0..=steps {
            let share = step as f64 / steps as f64;
            let x = from.0 + (share * across as f64).round() as i64;
            let y = from.1 + (share * up as f64).round() as i64;
            self.set(x as usize, y as usize);
        }
    }

    /// The rows from top to bottom, each as many characters wide as the canvas.
    pub(super) fn lines(&self) -> Vec<String> {
        let character = |bits: &u32| char::from_u32(BLANK + bits).unwrap_or(' ');
        self.cells.chunks(self.columns.max(1)).map(|row| row.iter().map(character).collect()).collect()
    }

    fn dot(&self, (x, y): (f64, f64)) -> (i64, i64) {
        let place = |share: f64, dots: usize| (share * dots.saturating_sub(1) as f64).round() as i64;
        (place(x, self.columns * ACROSS), place(y, self.rows * DOWN))
    }

    fn set(&mut self, x: usize, y: usize) {
        let Some(from_top) = (self.rows * DOWN).checked_sub(y + 1) else { return };
        let cell = from_top / DOWN * self.columns + x / ACROSS;
        if let (true, Some(bits)) = (x < self.columns * ACROSS, self.cells.get_mut(cell)) {
            *bits |= BITS[from_top % DOWN][x % ACROSS];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_line_goes_from_lower_left_to_upper_right() {
        let mut canvas = Canvas::new(2, 1);
        canvas.line((0.0, 0.0), (1.0, 1.0));
        assert_eq!(canvas.lines(), ["⡠⠊"]);
    }

    #[test]
    fn the_corners_are_on_the_canvas() {
        let mut canvas = Canvas::new(3, 2);
        for corner in [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] {
            canvas.line(corner, corner);
        }
        assert_eq!(canvas.lines(), ["⠁⠀⠈", "⡀⠀⢀"]);
    }
}
