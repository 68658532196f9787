//! The learning curve and the flight's error as charts of characters.

use super::style::{Ink, Style, clipped};
use super::{MARGIN, WIDTH};
use crate::report::axis::{Axis, drawable};
use crate::report::braille::{ACROSS, Canvas};
use crate::report::verdict::ERROR_LIMIT_M;
use crate::report::{FlightReport, number};
use crate::training::EvaluationPoint;

/// Columns of the numbers on the vertical axis.
const NUMBERS: usize = 9;
/// Columns of a plot: what the margins, the numbers and the axis leave.
const COLUMNS: usize = WIDTH - 2 * MARGIN.len() - NUMBERS - 2;
const CURVE_ROWS: usize = 8;
const STRIP_ROWS: usize = 6;
/// Columns between the dots of a limit.
const LIMIT_GAP: usize = 2;

struct Plot<'p> {
    x: Axis,
    y: Axis,
    points: &'p [(f64, f64)],
    rows: usize,
    /// Drawn as a dotted line.
    limit: Option<f64>,
}

/// The learning curve; no lines where there is nothing to draw.
pub(super) fn curve(curve: &[EvaluationPoint], style: Style) -> Vec<String> {
    let points: Vec<(f64, f64)> = curve.iter().map(|point| (point.steps as f64, point.return_mean)).collect();
    let axes = (
        Axis::exact(points.iter().map(|point| point.0).chain([0.0]), 4),
        Axis::rounded(points.iter().map(|point| point.1), 4),
    );
    let (Some(x), Some(y)) = axes else { return Vec::new() };
    let values = || points.iter().map(|point| point.1).filter(|value| drawable(*value));
    let best = values().fold(f64::NAN, f64::max);
    let last = values().next_back().unwrap_or(f64::NAN);
    let summary = format!("last {}, best {}", number::significant(last), number::significant(best));
    let mut lines = vec![title("Return over environment steps", &summary, style)];
    let plot = Plot { x, y, points: &points, rows: CURVE_ROWS, limit: None };
    lines.extend(plot.lines(style));
    lines.push(plot.ruler(style));
    lines
}

/// The flight's error with its faults marked below; no lines where there is nothing to draw.
pub(super) fn strip(flight: &FlightReport, style: Style) -> Vec<String> {
    let points = flight.thinned_trace(COLUMNS * ACROSS);
    let errors = points.iter().map(|point| point.1);
    let axes = (Axis::exact([0.0, flight.end_s()], 5), Axis::rounded(errors.chain([0.0, ERROR_LIMIT_M]), 3));
    let (Some(x), Some(y), false) = (axes.0, axes.1, points.is_empty()) else { return Vec::new() };
    let summary = format!(
        "rms {} m, max {} m, limit {ERROR_LIMIT_M} m",
        number::decimal(flight.error_rms_m, 3),
        number::decimal(flight.error_max_m, 3)
    );
    let mut lines = vec![title("Position error (m) over time (s)", &summary, style)];
    let plot = Plot { x, y, points: &points, rows: STRIP_ROWS, limit: Some(ERROR_LIMIT_M) };
    lines.extend(plot.lines(style));
    lines.push(plot.ruler(style));
    let marks = fault_marks(flight, &plot.x);
    if !marks.trim().is_empty() {
        let name = format!("{:>NUMBERS$}  ", "faults");
        lines.push(format!(
            "{MARGIN}{}{}",
            style.paint(Ink::Faint, &name),
            style.paint(Ink::Warning, &marks)
        ));
    }
    lines
}

/// A row with a block in every column that a fault touches.
fn fault_marks(flight: &FlightReport, time: &Axis) -> String {
    let column = |at: f64| (time.position(at) * (COLUMNS - 1) as f64).round() as usize;
    let windows = flight.fault_windows();
    let spans: Vec<_> = windows.iter().map(|window| column(window.from)..=column(window.until)).collect();
    let mark = |column: usize| if spans.iter().any(|span| span.contains(&column)) { '▀' } else { ' ' };
    (0..COLUMNS).map(mark).collect::<String>().trim_end().to_owned()
}

fn title(name: &str, summary: &str, style: Style) -> String {
    let room = WIDTH - 2 * MARGIN.len() - name.chars().count();
    let summary = format!("{:>room$}", clipped(summary, room - 1));
    format!("{MARGIN}{}{}", style.paint(Ink::Strong, name), style.paint(Ink::Faint, &summary))
}

impl Plot<'_> {
    /// The plot's rows with the vertical axis.
    fn lines(&self, style: Style) -> Vec<String> {
        let row_of = |value: f64| {
            self.rows - 1 - ((self.y.position(value) * self.rows as f64) as usize).min(self.rows - 1)
        };
        let mut numbers = vec![String::new(); self.rows];
        for tick in self.y.ticks() {
            numbers[row_of(tick.value)].clone_from(&tick.label);
        }
        let row = |(number, dots): (&String, &String)| {
            let joint = if number.is_empty() { '│' } else { '┤' };
            let axis = format!("{:>NUMBERS$} {joint}", clipped(number, NUMBERS));
            format!("{MARGIN}{}{}", style.paint(Ink::Faint, &axis), style.paint(Ink::Curve, dots))
        };
        numbers.iter().zip(&self.canvas().lines()).map(row).collect()
    }

    fn canvas(&self) -> Canvas {
        let mut canvas = Canvas::new(COLUMNS, self.rows);
        for column in (0..COLUMNS).step_by(LIMIT_GAP) {
            let Some(limit) = self.limit else { break };
            let dot = (column * ACROSS) as f64 / (COLUMNS * ACROSS - 1) as f64;
            let place = (dot, self.y.position(limit));
            canvas.line(place, place);
        }
        let place = |(x, y): (f64, f64)| {
            (drawable(x) && drawable(y)).then(|| (self.x.position(x), self.y.position(y)))
        };
        let mut before = None;
        for point in self.points {
            let here = place(*point);
            if let Some(to) = here {
                canvas.line(before.unwrap_or(to), to);
            }
            before = here;
        }
        canvas
    }

    /// The horizontal axis' numbers, each centred below its place where the line has room for it.
    fn ruler(&self, style: Style) -> String {
        let mut row = vec![' '; COLUMNS];
        for tick in self.x.ticks() {
            let width = tick.label.chars().count();
            let centre = (self.x.position(tick.value) * (COLUMNS - 1) as f64).round() as usize;
            let start = centre.saturating_sub(width / 2).min(COLUMNS.saturating_sub(width));
            let room = start.saturating_sub(1)..(start + width + 1).min(COLUMNS);
            if row[room].iter().all(|character| *character == ' ') {
                row[start..].iter_mut().zip(tick.label.chars()).for_each(|(slot, digit)| *slot = digit);
            }
        }
        let row: String = row.into_iter().collect();
        let line = format!("{:indent$}{}", "", row.trim_end(), indent = NUMBERS + 2);
        format!("{MARGIN}{}", style.paint(Ink::Faint, &line))
    }
}
