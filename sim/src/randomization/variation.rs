//! What the terms of a task make of one robot: [`Variation`], a change of every parameter of every target.
//!
//! Terms compose in the order of the file: a number that is set forgets what came before, a factor multiplies it, a
//! summand is added. Every change is therefore `factor · nominal + offset`, whatever terms it came from, and whoever
//! simulates a thing asks for its present number without knowing of terms.

use super::parameter::{Components, Operation, Parameter};
use super::term::{Targets, Term};

/// `factor · nominal + offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Change {
    factor: f64,
    offset: f64,
}

const NOTHING: Change = Change { factor: 1.0, offset: 0.0 };

impl Change {
    fn compose(&mut self, operation: Operation, value: f64) {
        match operation {
            Operation::Set => *self = Self { factor: 0.0, offset: value },
            Operation::Scale => *self = Self { factor: self.factor * value, offset: self.offset * value },
            Operation::Add => self.offset += value,
        }
    }
}

/// The present change of every parameter of every target.
#[derive(Clone, Debug)]
pub(crate) struct Variation {
    changes: Vec<Change>,
    /// Where each parameter's changes begin.
    starts: [usize; Parameter::ALL.len()],
    /// Whether any term covers a target, in the same places.
    covered: Vec<bool>,
    /// Whether any term is a parameter's.
    present: [bool; Parameter::ALL.len()],
}

impl Variation {
    /// Nothing is changed.
    pub(crate) fn new(targets: &Targets) -> Self {
        let mut starts = [0; Parameter::ALL.len()];
        let mut end = 0;
        for (start, parameter) in starts.iter_mut().zip(Parameter::ALL) {
            *start = end;
            let form = parameter.form();
            end += targets.count(form.target) * form.components.count();
        }
        let present = [false; Parameter::ALL.len()];
        Self { changes: vec![NOTHING; end], starts, covered: vec![false; end], present }
    }

    /// Composes the terms' present numbers, `values`, one term's after the other's.
    pub(crate) fn compose<'t>(&mut self, terms: impl Iterator<Item = &'t Term>, values: &[f64]) {
        self.changes.fill(NOTHING);
        let mut rest = values;
        for term in terms {
            let (own, others) = rest.split_at(term.size());
            rest = others;
            self.present[term.parameter as usize] = true;
            let form = term.parameter.form();
            let count = form.components.count();
            for (index, target) in term.targets.iter().enumerate() {
                let set = if term.each { &own[index * count..(index + 1) * count] } else { own };
                let start = self.starts[term.parameter as usize] + target * count;
                for (component, value) in set.iter().enumerate() {
                    self.changes[start + component].compose(term.operation, *value);
                    self.covered[start + component] = true;
                }
            }
        }
    }

    /// A target's present number.
    pub(crate) fn apply(&self, parameter: Parameter, target: usize, nominal: f64) -> f64 {
        debug_assert!(parameter.form().components == Components::Scalar);
        let change = self.changes[self.starts[parameter as usize] + target];
        change.factor * nominal + change.offset
    }

    /// A target's present vector.
    pub(crate) fn apply_vector(&self, parameter: Parameter, target: usize, nominal: [f64; 3]) -> [f64; 3] {
        let start = self.starts[parameter as usize] + 3 * target;
        let [x, y, z] = [0, 1, 2].map(|axis| {
            let change = self.changes[start + axis];
            change.factor * nominal[axis] + change.offset
        });
        [x, y, z]
    }

    /// Whether any term is the parameter's, whatever it covers.
    pub(crate) fn has(&self, parameter: Parameter) -> bool {
        self.present[parameter as usize]
    }

    /// Whether any term covers a target's number.
    pub(crate) fn covers(&self, parameter: Parameter, target: usize) -> bool {
        self.covered[self.starts[parameter as usize] + target * parameter.form().components.count()]
    }
}
