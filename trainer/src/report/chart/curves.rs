//! Several lines with their bands in one picture that stands alone, and a legend below them.

use super::{CHARACTER, Frame, Labelled, Size};
use crate::report::axis::drawable;
use crate::report::html::escape;

/// Distinguishable by people who see colours differently (Okabe and Ito 2008), in the order in which they are told apart best.
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5d5d5d"];
/// Once the colours are used up, a line is broken.
const DASHES: [&str; 3] = ["none", "7 4", "2 3"];
/// Height of a row of the legend.
const ROW: f64 = 20.0;
/// A legend's sample of a line, and the room on either side of it.
const SAMPLE: f64 = 34.0;
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600}\
    .grid{stroke:#ddd}.base{stroke:#888}.tick,.axis{fill:#555}";

/// One line.
pub(crate) struct Curve {
    pub(crate) name: String,
    /// In the order of x: x, y, and how far the band reaches on either side; NaN for no band.
    pub(crate) points: Vec<[f64; 3]>,
}

/// Several lines over one axis.
pub(crate) struct CurvesChart {
    pub(crate) title: String,
    pub(crate) size: Size,
    pub(crate) x: Labelled,
    pub(crate) y: Labelled,
    pub(crate) curves: Vec<Curve>,
}

impl CurvesChart {
    /// The picture, as a file of its own.
    pub(crate) fn svg(&self) -> String {
        let Size { width, height } = self.size;
        let frame = Frame { size: &self.size, x: &self.x, y: &self.y, gap: 0.0 };
        let bands: String =
            self.curves.iter().enumerate().map(|(index, curve)| band(&frame, index, curve)).collect();
        let lines: String =
            self.curves.iter().enumerate().map(|(index, curve)| line(&frame, index, curve)).collect();
        let plot = frame.picture(&self.title, &format!("{bands}{lines}"));
        let plot = plot.replacen(
            "<svg ",
            &format!("<svg x=\"20\" y=\"34\" width=\"{width}\" height=\"{height}\" "),
            1,
        );
        let (legend, rows) = self.legend(width);
        let (full_width, full_height) = (width + 40.0, height + 34.0 + 14.0 + ROW * rows as f64 + 10.0);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {full_width} {full_height}\" \
             width=\"{full_width}\" height=\"{full_height}\">\n<style>{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text class=\"title\" x=\"20\" y=\"22\">{}</text>\n{plot}\
             <g transform=\"translate(20 {:.1})\">\n{legend}</g>\n</svg>\n",
            escape(&self.title),
            height + 34.0 + 20.0,
        )
    }

    /// The names beside samples of their lines, and how many rows they take.
    fn legend(&self, width: f64) -> (String, usize) {
        let longest = self.curves.iter().map(|curve| curve.name.chars().count()).max().unwrap_or(0);
        let column = SAMPLE + longest as f64 * 1.15 * CHARACTER + 16.0;
        let columns = ((width / column) as usize).max(1);
        let entry = |(index, curve): (usize, &Curve)| {
            let (x, y) = ((index % columns) as f64 * column, (index / columns) as f64 * ROW);
            format!(
                "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" {}/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>\n",
                x + SAMPLE - 8.0,
                stroke(index),
                x + SAMPLE,
                y + 4.0,
                escape(&curve.name)
            )
        };
        let entries: String = self.curves.iter().enumerate().map(entry).collect();
        (entries, self.curves.len().div_ceil(columns))
    }
}

fn stroke(index: usize) -> String {
    let (colour, dash) = (COLOURS[index % COLOURS.len()], DASHES[index / COLOURS.len() % DASHES.len()]);
    format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dash}\"")
}

fn line(frame: &Frame<'_>, index: usize, curve: &Curve) -> String {
    let drawn = curve.points.iter().filter(|[x, y, _]| drawable(*x) && drawable(*y));
    let points: Vec<String> =
        drawn.map(|[x, y, _]| format!("{:.1},{:.1}", frame.x(*x), frame.y(*y))).collect();
    format!("<polyline points=\"{}\" {}/>\n", points.join(" "), stroke(index))
}

fn band(frame: &Frame<'_>, index: usize, curve: &Curve) -> String {
    let drawn: Vec<_> =
        curve.points.iter().filter(|point| point.iter().all(|value| drawable(*value))).collect();
    if drawn.len() < 2 {
        return String::new();
    }
    let corner = |x: f64, y: f64| format!("{:.1},{:.1}", frame.x(x), frame.y(y));
    let upper = drawn.iter().map(|[x, y, spread]| corner(*x, y + spread));
    let lower = drawn.iter().rev().map(|[x, y, spread]| corner(*x, y - spread));
    let outline: Vec<String> = upper.chain(lower).collect();
    let colour = COLOURS[index % COLOURS.len()];
    format!("<polygon points=\"{}\" fill=\"{colour}\" fill-opacity=\"0.14\"/>\n", outline.join(" "))
}
