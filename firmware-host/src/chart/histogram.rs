//! Bars over a logarithmic axis of values, on a logarithmic axis of counts: the tail is what matters, and it is rare.

use super::{CHARACTER, Frame, Labelled, Size, TOP, anchored, escape};

/// Around a picture that stands alone.
const MARGIN: f64 = 20.0;
/// Of such a picture's title.
const TITLE: f64 = 40.0;
const STYLE: &str = "text{font:12px system-ui,sans-serif;fill:#333}.title{font-size:15px;font-weight:600}\
    .grid{stroke:#ddd}.base{stroke:#888}.tick,.axis{fill:#555}.bar{fill:#1f6f78}\
    .marker{stroke:#333;stroke-opacity:.5;stroke-dasharray:2 3}";

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Its lower edge.
    pub lower: f64,
    /// Its upper edge.
    pub upper: f64,
    /// How many lie between them.
    pub count: u64,
}

/// A labelled place on the axis of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Marker {
    /// Where.
    pub value: f64,
    /// What is written there.
    pub label: String,
}

/// Counts by bucket.
pub struct Histogram {
    /// What the picture shows, for those who cannot see it.
    pub description: String,
    /// Of the picture.
    pub size: Size,
    /// Of values.
    pub x: Labelled,
    /// Of counts.
    pub y: Labelled,
    /// In ascending order.
    pub bars: Vec<Bar>,
    /// In ascending order.
    pub markers: Vec<Marker>,
}

impl Histogram {
    /// The picture, which takes its colours from the page that it stands in.
    pub fn svg(&self) -> String {
        let frame = Frame { size: &self.size, x: &self.x, y: &self.y, gap: 0.0 };
        frame.picture(&self.description, &(self.rectangles(&frame) + &self.marks(&frame)))
    }

    /// The picture as a file that stands alone, under its description.
    pub fn file(&self) -> String {
        let Size { width, height } = self.size;
        let (full_width, full_height) = (width + 2.0 * MARGIN, height + TITLE + MARGIN);
        let place = format!("<svg x=\"{MARGIN}\" y=\"{TITLE}\" width=\"{width}\" height=\"{height}\" ");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {full_width} {full_height}\" \
             width=\"{full_width}\" height=\"{full_height}\">\n<style>{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text class=\"title\" x=\"{MARGIN}\" y=\"24\">{}</text>\n{}</svg>\n",
            escape(&self.description),
            self.svg().replacen("<svg ", &place, 1)
        )
    }

    fn rectangles(&self, frame: &Frame<'_>) -> String {
        let rectangle = |bar: &Bar| {
            let (left, right) = (frame.x(bar.lower), frame.x(bar.upper));
            let top = frame.y(bar.count as f64);
            // A hairline between bars, as long as there is a bar left.
            let width = (right - left - 1.0).max(1.0);
            let height = (frame.bottom() - top).max(0.0);
            format!(
                "<rect class=\"bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\n"
            )
        };
        let drawn = self.bars.iter().filter(|bar| bar.count > 0);
        drawn.map(rectangle).collect::<Vec<_>>().concat()
    }

    /// Each label takes the first row in which it overlaps no other.
    fn marks(&self, frame: &Frame<'_>) -> String {
        let mut rows: Vec<Vec<[f64; 2]>> = Vec::new();
        let mark = |marker: &Marker| {
            let x = frame.x(marker.value);
            let (anchor, place) = anchored(frame, x, &marker.label);
            let width = CHARACTER * marker.label.chars().count() as f64;
            let [from, until] = if anchor == "end" { [place - width, place] } else { [place, place + width] };
            let free = |row: &Vec<[f64; 2]>| row.iter().all(|taken| until < taken[0] || from > taken[1]);
            let index = rows.iter().position(free).unwrap_or(rows.len());
            if index == rows.len() {
                rows.push(Vec::new());
            }
            rows[index].push([from, until]);
            let row = TOP - 4.0 + 13.0 * index as f64;
            format!(
                "<line class=\"marker\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"marker-label\" x=\"{place:.1}\" y=\"{row:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
                row - 9.0,
                frame.bottom(),
                escape(&marker.label)
            )
        };
        self.markers.iter().map(mark).collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::Axis;
    use super::*;

    #[test]
    fn a_file_stands_alone_and_holds_every_bar_mark_and_unit() {
        let axis = |values: [f64; 2]| Axis::logarithmic(values).unwrap();
        let bar = |lower: f64, count| Bar { lower, upper: 2.0 * lower, count };
        let histogram = Histogram {
            description: "Age & more".to_owned(),
            size: Size { width: 600.0, height: 240.0 },
            x: Labelled { axis: axis([10.0, 900.0]), label: "age, µs" },
            y: Labelled { axis: axis([1.0, 500.0]), label: "samples" },
            bars: vec![bar(10.0, 400), bar(100.0, 0), bar(400.0, 3)],
            markers: vec![Marker { value: 900.0, label: "max 900 µs".to_owned() }],
        };
        let file = histogram.file();
        assert!(file.starts_with("<svg xmlns=") && file.trim_end().ends_with("</svg>"), "{file}");
        assert_eq!(file.matches("class=\"bar\"").count(), 2, "{file}");
        for text in ["Age &amp; more", "age, µs", "samples", "max 900 µs", "<style>"] {
            assert!(file.contains(text), "{text}: {file}");
        }
        // Nothing is fetched from anywhere.
        assert!(!file.replace("http://www.w3.org/2000/svg", "").contains("http"));
    }
}
