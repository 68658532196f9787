//! Small SVG charts that take their colours from the page, so that they follow light, dark and print.
//!
//! A chart draws into a [`Frame`], which owns the geometry, the axes and the grid. [`Histogram`] is one; a run's report has others.

pub mod axis;
mod histogram;
pub mod number;

pub use histogram::{Bar, Histogram, Marker};

use axis::{Axis, Tick};

/// Room for the numbers of the vertical axis.
pub const LEFT: f64 = 58.0;
/// Room for half of the last number of the horizontal axis.
const RIGHT: f64 = 22.0;
/// Room for the vertical axis' label and for what is written above the plot.
pub const TOP: f64 = 30.0;
/// Room for the numbers and the label of the horizontal axis.
const BOTTOM: f64 = 44.0;
/// Mean width of a character at the charts' font size.
pub const CHARACTER: f64 = 6.1;

/// A chart's place in user units, which are CSS pixels at full size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Across.
    pub width: f64,
    /// Down.
    pub height: f64,
}

/// An axis and what it shows, with its unit.
#[derive(Clone, Debug)]
pub struct Labelled {
    /// The axis.
    pub axis: Axis,
    /// What it shows, with its unit.
    pub label: &'static str,
}

/// A chart's geometry.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'f> {
    /// Of the picture.
    pub size: &'f Size,
    /// The horizontal axis.
    pub x: &'f Labelled,
    /// The vertical axis.
    pub y: &'f Labelled,
    /// Room between the plot and the numbers of the horizontal axis.
    pub gap: f64,
}

impl Frame<'_> {
    /// Where the plot ends, downwards.
    pub fn bottom(&self) -> f64 {
        self.size.height - BOTTOM - self.gap
    }

    /// Where the plot ends, to the right.
    pub fn right(&self) -> f64 {
        self.size.width - RIGHT
    }

    /// Where a value of the horizontal axis is.
    pub fn x(&self, value: f64) -> f64 {
        LEFT + self.x.axis.position(value) * (self.right() - LEFT)
    }

    /// Where a value of the vertical axis is.
    pub fn y(&self, value: f64) -> f64 {
        self.bottom() - self.y.axis.position(value) * (self.bottom() - TOP)
    }

    /// The axes, the grid and whatever stands in it, as one picture that says in words what it shows.
    pub fn picture(&self, description: &str, content: &str) -> String {
        let Size { width, height } = self.size;
        format!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n{}{}{content}</svg>\n",
            escape(description),
            self.vertical(),
            self.horizontal(),
        )
    }

    fn vertical(&self) -> String {
        let line = |tick: &Tick| {
            let y = self.y(tick.value);
            format!(
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                self.right(),
                LEFT - 8.0,
                y + 4.0,
                tick.label
            )
        };
        let lines: Vec<String> = self.y.axis.ticks().iter().map(line).collect();
        format!("<text class=\"axis\" x=\"0\" y=\"12\">{}</text>\n{}", escape(self.y.label), lines.concat())
    }

    fn horizontal(&self) -> String {
        let base = self.bottom();
        let mark = |tick: &Tick| {
            let x = self.x(tick.value);
            format!(
                "<line class=\"base\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                base + self.gap,
                base + self.gap + 4.0,
                base + self.gap + 18.0,
                tick.label
            )
        };
        let marks: Vec<String> = self.x.axis.ticks().iter().map(mark).collect();
        format!(
            "<line class=\"base\" x1=\"{LEFT}\" y1=\"{base:.1}\" x2=\"{:.1}\" y2=\"{base:.1}\"/>\n{}\
             <text class=\"axis\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
            self.right(),
            marks.concat(),
            self.right(),
            self.size.height - 4.0,
            escape(self.x.label)
        )
    }
}

/// Where to anchor a text at `x` so that it stays in the plot: the attribute's value and the place.
pub fn anchored(frame: &Frame<'_>, x: f64, text: &str) -> (&'static str, f64) {
    let width = text.chars().count() as f64 * CHARACTER;
    if x + width > frame.right() { ("end", (x - 3.0).max(LEFT)) } else { ("start", x + 3.0) }
}

/// Makes text safe inside an element and inside a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            character if character.is_control() => safe.push(' '),
            character => safe.push(character),
        }
    }
    safe
}
