//! A line over an axis, with a band around it, shaded windows, a limit and a strip of labelled spans below.

use super::{CHARACTER, Frame, LEFT, Labelled, Size, TOP, anchored};
use crate::report::axis::drawable;
use crate::report::html::escape;

/// Height of the strip of spans.
const STRIP: f64 = 14.0;
/// A window narrower than this could not be seen.
const WINDOW_MIN: f64 = 3.0;
/// Points are drawn one by one up to this number, so that few of them do not look like many.
const DOTS_MAX: usize = 40;

/// A shaded span of the horizontal axis.
pub(crate) struct Window {
    pub(crate) from: f64,
    pub(crate) until: f64,
    /// Always shown.
    pub(crate) number: usize,
    /// Shown where there is room.
    pub(crate) label: String,
}

/// A span of the strip below the plot.
pub(crate) struct Segment {
    pub(crate) from: f64,
    pub(crate) until: f64,
    pub(crate) label: String,
    /// Whether it is what a person hopes to see.
    pub(crate) nominal: bool,
}

/// One series over the horizontal axis.
pub(crate) struct LineChart {
    /// What the picture shows, for those who cannot see it.
    pub(crate) description: String,
    pub(crate) size: Size,
    pub(crate) x: Labelled,
    pub(crate) y: Labelled,
    pub(crate) points: Vec<(f64, f64)>,
    /// How far the band reaches on either side, for each point; empty for none.
    pub(crate) spread: Vec<f64>,
    pub(crate) windows: Vec<Window>,
    pub(crate) limit: Option<(f64, String)>,
    pub(crate) segments: Vec<Segment>,
}

impl LineChart {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let gap = if self.segments.is_empty() { 0.0 } else { STRIP + 4.0 };
        let frame = Frame { size: &self.size, x: &self.x, y: &self.y, gap };
        let content = [
            self.shades(&frame),
            self.band(&frame),
            self.limit_line(&frame),
            self.line(&frame),
            self.strip(&frame),
        ];
        frame.picture(&self.description, &content.concat())
    }

    fn shades(&self, frame: &Frame<'_>) -> String {
        let starts: Vec<f64> = self.windows.iter().map(|window| frame.x(window.from)).collect();
        let shade = |(index, window): (usize, &Window)| {
            let x = starts[index];
            let width = (frame.x(window.until) - x).max(WINDOW_MIN);
            let room = starts.get(index + 1).copied().unwrap_or_else(|| frame.right()) - x;
            let full = format!("{} {}", window.number, window.label);
            let fits = full.chars().count() as f64 * CHARACTER + 6.0 < room;
            let text = if fits { full } else { window.number.to_string() };
            let (anchor, place) = anchored(frame, x - 3.0, &text);
            format!(
                "<rect class=\"window\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"/>\
                 <text class=\"fault\" x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
                frame.bottom() - TOP,
                TOP - 5.0,
                escape(&text)
            )
        };
        self.windows.iter().enumerate().map(shade).collect::<Vec<_>>().concat()
    }

    fn band(&self, frame: &Frame<'_>) -> String {
        let known = |((x, y), spread): (&(f64, f64), &f64)| {
            (drawable(*x) && drawable(*y) && drawable(*spread)).then_some((*x, *y, *spread))
        };
        let points: Vec<_> = self.points.iter().zip(&self.spread).filter_map(known).collect();
        if points.len() < 2 {
            return String::new();
        }
        let corner = |x: f64, y: f64| format!("{:.1},{:.1}", frame.x(x), frame.y(y));
        let upper = points.iter().map(|(x, y, spread)| corner(*x, y + spread));
        let lower = points.iter().rev().map(|(x, y, spread)| corner(*x, y - spread));
        let outline: Vec<String> = upper.chain(lower).collect();
        format!("<polygon class=\"band\" points=\"{}\"/>\n", outline.join(" "))
    }

    fn limit_line(&self, frame: &Frame<'_>) -> String {
        let Some((value, label)) = &self.limit else { return String::new() };
        let y = frame.y(*value);
        format!(
            "<line class=\"limit\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"limit-label\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            frame.right(),
            frame.right() - 4.0,
            y - 6.0,
            escape(label)
        )
    }

    /// The line breaks where a value is undefined.
    fn line(&self, frame: &Frame<'_>) -> String {
        let mut path = Vec::new();
        let mut dots = Vec::new();
        let mut command = 'M';
        for (x, y) in &self.points {
            if drawable(*x) && drawable(*y) {
                let (x, y) = (frame.x(*x), frame.y(*y));
                path.push(format!("{command}{x:.1} {y:.1}"));
                dots.push(format!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\"/>"));
                command = 'L';
            } else {
                command = 'M';
            }
        }
        if dots.len() > DOTS_MAX {
            dots.clear();
        }
        format!("<path class=\"line\" d=\"{}\"/>\n{}\n", path.concat(), dots.concat())
    }

    fn strip(&self, frame: &Frame<'_>) -> String {
        let span = |segment: &Segment| {
            let (from, until) = (frame.x(segment.from), frame.x(segment.until));
            let width = (until - from).max(1.0);
            let class = if segment.nominal { "nominal" } else { "degraded" };
            let fits = segment.label.chars().count() as f64 * CHARACTER + 10.0 < width;
            let label = if fits { escape(&segment.label) } else { String::new() };
            format!(
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{STRIP}\">\
                 <title>{}</title></rect>\
                 <text class=\"mode\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>\n",
                frame.bottom() + 4.0,
                escape(&segment.label),
                from + 5.0,
                frame.bottom() + 14.5,
            )
        };
        self.segments.iter().map(span).collect::<Vec<_>>().concat()
    }
}
