//! Bars over a logarithmic axis of values, on a logarithmic axis of counts: the tail is what matters, and it is rare.

use super::{Frame, Labelled, Size, TOP, anchored};
use crate::report::html::escape;

/// One bucket.
pub(crate) struct Bar {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) count: u64,
}

/// A labelled place on the axis of values.
pub(crate) struct Marker {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// Counts by bucket.
pub(crate) struct Histogram {
    /// What the picture shows, for those who cannot see it.
    pub(crate) description: String,
    pub(crate) size: Size,
    pub(crate) x: Labelled,
    pub(crate) y: Labelled,
    pub(crate) bars: Vec<Bar>,
    /// In ascending order.
    pub(crate) markers: Vec<Marker>,
}

impl Histogram {
    /// The picture.
    pub(crate) fn svg(&self) -> String {
        let frame = Frame { size: &self.size, x: &self.x, y: &self.y, gap: 0.0 };
        frame.picture(&self.description, &(self.rectangles(&frame) + &self.marks(&frame)))
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

    /// Labels take turns in two rows, so that neighbours do not overlap.
    fn marks(&self, frame: &Frame<'_>) -> String {
        let mark = |(index, marker): (usize, &Marker)| {
            let x = frame.x(marker.value);
            let row = TOP - 4.0 + 13.0 * (index % 2) as f64;
            let (anchor, place) = anchored(frame, x, &marker.label);
            format!(
                "<line class=\"marker\" x1=\"{x:.1}\" y1=\"{:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\"/>\
                 <text class=\"marker-label\" x=\"{place:.1}\" y=\"{row:.1}\" text-anchor=\"{anchor}\">{}</text>\n",
                row - 9.0,
                frame.bottom(),
                escape(&marker.label)
            )
        };
        self.markers.iter().enumerate().map(mark).collect::<Vec<_>>().concat()
    }
}
