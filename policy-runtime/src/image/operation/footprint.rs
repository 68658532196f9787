//! What an operation touches and how much it does, known before it ever runs.

use super::{FieldError, Operand, Operation};
use crate::kernel::panel;
use core::ops::Range;

/// Places that an operation touches, and its work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint {
    /// In scratch.
    pub(crate) sources: [Option<Range<usize>>; 3],
    /// In scratch.
    pub(crate) destination: Range<usize>,
    /// Among the weights.
    pub(crate) weights: [Option<Range<usize>>; 2],
    /// Whether a source may be the destination itself.
    pub(crate) in_place: bool,
    /// Products of two factors.
    pub(crate) multiply_adds: u64,
    /// Elements that are computed or moved otherwise.
    pub(crate) elements: u64,
}

/// Saturates, so that a range beyond the address space is longer than any slice.
fn range(start: u32, length: usize) -> Range<usize> {
    start as usize..(start as usize).saturating_add(length)
}

/// `rows · size`, saturating.
fn area(rows: u32, size: u32) -> usize {
    (rows as usize).saturating_mul(size as usize)
}

impl Operand {
    fn touch(self, length: usize, source: &mut Option<Range<usize>>, weights: &mut Option<Range<usize>>) {
        let place = if self.in_weights { weights } else { source };
        *place = Some(range(self.place, if self.is_single { 1 } else { length }));
    }
}

impl Operation {
    /// See [`Footprint`].
    pub(crate) fn footprint(&self) -> Footprint {
        let mut print = Footprint::default();
        match *self {
            Self::Dense { source, destination, rows, inputs, outputs, weights, .. } => {
                let packed = panel::packed_len(inputs as usize, outputs as usize).unwrap_or(usize::MAX);
                print.sources[0] = Some(range(source, area(rows, inputs)));
                print.destination = range(destination, area(rows, outputs));
                print.weights[0] = Some(range(weights, packed));
                print.multiply_adds =
                    u64::from(rows).saturating_mul(u64::from(inputs).saturating_mul(u64::from(outputs)));
                print.elements = area(rows, outputs) as u64;
            }
            Self::Function { source, destination, length, .. } => {
                print.row_by_row(source, destination, length as usize);
            }
            Self::Binary { first, second, destination, length, .. } => {
                print.row_by_row(first, destination, length as usize);
                second.touch(length as usize, &mut print.sources[1], &mut print.weights[0]);
            }
            Self::Select { condition, first, second, destination, length } => {
                print.row_by_row(condition, destination, length as usize);
                print.in_place = false;
                first.touch(length as usize, &mut print.sources[1], &mut print.weights[0]);
                second.touch(length as usize, &mut print.sources[2], &mut print.weights[1]);
            }
            Self::Copy { source, destination, layout } => {
                let (below, above) = layout.source_reach();
                let start = u64::from(source.place).checked_sub(below);
                let end = u64::from(source.place).saturating_add(above).saturating_add(1);
                // A source that begins before the first value fits nothing.
                let reach = start.map_or(usize::MAX..usize::MAX, |start| start as usize..end as usize);
                let place = if source.in_weights { &mut print.weights[0] } else { &mut print.sources[0] };
                *place = Some(reach);
                let length = layout.destination_reach().saturating_add(1) as usize;
                print.destination = range(destination, length);
                print.elements = layout.count();
            }
            Self::Gather { source, source_length, destination, length, table } => {
                print.sources[0] = Some(range(source, source_length as usize));
                print.destination = range(destination, length as usize);
                print.weights[0] = Some(range(table, length as usize));
                print.elements = length.into();
            }
            Self::Reduce { source, destination, rows, size, .. } => {
                print.sources[0] = Some(range(source, area(rows, size)));
                print.destination = range(destination, rows as usize);
                print.elements = area(rows, size) as u64;
            }
            Self::Softmax { source, destination, rows, size, .. } => {
                print.row_by_row(source, destination, area(rows, size));
            }
            Self::Normalize { shape, source, destination, rows, size, weights } => {
                print.row_by_row(source, destination, area(rows, size));
                let factors = (size as usize).saturating_mul(if shape.has_bias { 2 } else { 1 });
                print.weights[0] = Some(range(weights, factors));
            }
            Self::Product { first, second, destination, rows, inner, columns } => {
                print.sources[0] = Some(range(first, area(rows, inner)));
                print.sources[1] = Some(range(second, area(inner, columns)));
                print.destination = range(destination, area(rows, columns));
                print.multiply_adds = (area(rows, inner) as u64).saturating_mul(u64::from(columns));
                print.elements = area(rows, columns) as u64;
            }
        }
        print
    }

    /// Checks that every place lies within scratch and weights, that nothing is empty, and that no source overlaps the
    /// destination in a way that the executor cannot serve: all must be apart, or the same where it works in place.
    pub(crate) fn check(&self, scratch_len: usize, weights: &[f32]) -> Result<(), FieldError> {
        if !self.is_built() {
            return Err((
                "operation, which this build leaves out, with destination",
                self.footprint().destination.start as u32,
            ));
        }
        let print = self.footprint();
        let word = |place: &Range<usize>| u32::try_from(place.start).unwrap_or(u32::MAX);
        for source in print.sources.iter().flatten() {
            let apart = source.end <= print.destination.start || print.destination.end <= source.start;
            let same = print.in_place && *source == print.destination;
            if source.is_empty() || source.end > scratch_len || !(apart || same) {
                return Err(("source", word(source)));
            }
        }
        let destination = &print.destination;
        if destination.is_empty() || destination.end > scratch_len || self.count() == 0 {
            return Err(("destination", word(destination)));
        }
        for place in print.weights.iter().flatten() {
            if place.is_empty() || place.end > weights.len() {
                return Err(("weights", word(place)));
            }
        }
        match (self, &print.weights) {
            // Nothing looks at what comes out of a layer's function.
            (Self::Dense { function, destination, .. }, _) if !function.keeps_finite() => {
                Err(("function of the layer", *destination))
            }
            (Self::Gather { source_length, .. }, [Some(table), _]) => {
                let fits = |position: &f32| {
                    (0.0..16_777_216.0).contains(position)
                        && *position == (*position as u32) as f32
                        && (*position as u32) < *source_length
                };
                let wrong = weights.get(table.clone()).is_none_or(|table| !table.iter().all(fits));
                if wrong { Err(("table", word(table))) } else { Ok(()) }
            }
            _ => Ok(()),
        }
    }

    /// Elements of the destination that are written.
    fn count(&self) -> u64 {
        match self {
            Self::Copy { layout, .. } => layout.count(),
            _ => 1,
        }
    }
}

impl Footprint {
    /// A source and a destination of equal length, apart or the same.
    fn row_by_row(&mut self, source: u32, destination: u32, length: usize) {
        self.sources[0] = Some(range(source, length));
        self.destination = range(destination, length);
        self.in_place = true;
        self.elements = length as u64;
    }

    /// Values that are read or written, scratch and weights together.
    pub(crate) fn touched(&self) -> u64 {
        let places = self.sources.iter().chain(&self.weights).flatten();
        places.chain([&self.destination]).fold(0, |sum: u64, place| sum.saturating_add(place.len() as u64))
    }

    /// Multiply-adds and elements together.
    pub(crate) fn work(&self) -> u64 {
        self.multiply_adds.saturating_add(self.elements)
    }
}
