//! The charts of a report beside the histogram that it shares with `sinew-host`: a [`LineChart`], and [`CurvesChart`], which is a file
//! of its own.

mod curves;
mod line;

pub(super) use curves::{Curve, CurvesChart};
pub(super) use line::{LineChart, Segment, Window};
pub(super) use sinew_firmware_host::chart::{Bar, Histogram, Labelled, Marker, Size};

use sinew_firmware_host::chart::{CHARACTER, Frame, LEFT, TOP, anchored};
