//! A policy run by hand: named inputs in, named outputs out, one JSON object a line.
//!
//! [`infer_lines`] is what `sinew infer` does. It needs no contract, so it runs any model that lowers; values go through the
//! same executor as on a robot. State carries over from line to line, unless a line sets it.

use serde_json::{Map, Value};
use sinew_policy_runtime::executor::{Executor, ExecutorError, InferenceFault};
use sinew_policy_runtime::image::{Element, Image, Port, Role};
use std::io::{BufRead, Write};

/// Why a line could not be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferError {
    /// The image cannot be run on this thread.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// Input or output broke off.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The line is not what the policy takes.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// The policy overflows on it.
    #[error("line {line}: {fault}")]
    Fault {
        /// Counted from 1.
        line: usize,
        /// Why.
        fault: InferenceFault,
    },
}

/// Answers every line of `input` with a line of `output`; empty lines are skipped.
///
/// An input is an array of numbers, nested as one likes, or one number; all that are not state must be there.
///
/// # Errors
/// The first line that cannot be answered.
pub fn infer_lines(image: Image, input: impl BufRead, mut output: impl Write) -> Result<(), InferError> {
    let mut executor = Executor::new(image, vec![0.0; image.scratch_len()])?;
    for (index, text) in input.lines().enumerate() {
        let (line, text) = (index + 1, text?);
        if text.trim().is_empty() {
            continue;
        }
        let refuse = |reason| InferError::Line { line, reason };
        set_inputs(&mut executor, &text).map_err(refuse)?;
        executor.run().map_err(|fault| InferError::Fault { line, fault })?;
        let mut fields = Vec::with_capacity(image.outputs().len());
        for (position, port) in image.outputs().enumerate() {
            let values = written(&port, executor.output(position));
            fields.push(format!("{}:{values}", Value::from(port.name)));
        }
        writeln!(output, "{{{}}}", fields.join(","))?;
        output.flush()?;
        executor.carry_state();
    }
    Ok(())
}

fn set_inputs(executor: &mut Executor<'_, Vec<f32>>, text: &str) -> Result<(), String> {
    let given: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| format!("expected one JSON object: {error}"))?;
    let image = *executor.image();
    if let Some(name) = given.keys().find(|name| !image.inputs().any(|input| input.name == **name)) {
        let names: Vec<_> = image.inputs().map(|input| input.name).collect();
        return Err(format!("the policy has no input {name:?}; its inputs are {names:?}"));
    }
    for (position, port) in image.inputs().enumerate() {
        let Some(value) = given.get(port.name) else {
            if port.role == Role::State {
                continue;
            }
            return Err(format!("input {:?} is missing, expected {} values", port.name, port.size));
        };
        let mut values = Vec::with_capacity(port.size);
        flatten(value, &mut values).map_err(|reason| format!("input {:?}: {reason}", port.name))?;
        executor.set_input(position, &values).map_err(|fault| match fault {
            InferenceFault::Length { expected, found } => {
                format!("input {:?} has {found} values, expected {expected}", port.name)
            }
            other => format!("input {:?}: {other}", port.name),
        })?;
    }
    Ok(())
}

/// The numbers in nested arrays, in order. JSON's nesting is limited by its reader.
fn flatten(value: &Value, values: &mut Vec<f32>) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| flatten(item, values)),
        Value::Bool(truth) => {
            values.push(f32::from(u8::from(*truth)));
            Ok(())
        }
        Value::Number(number) => {
            values.push(number.as_f64().unwrap_or(f64::NAN) as f32);
            Ok(())
        }
        other => Err(format!("{other} is no number")),
    }
}

/// The values as JSON, each with as many digits as tell it from its neighbours.
fn written(port: &Port, values: &[f32]) -> String {
    let one = |value: &f32| match port.element {
        Element::Number => serde_json::to_string(value).unwrap_or_default(),
        Element::Integer => (*value as i64).to_string(),
        Element::Truth => (*value != 0.0).to_string(),
    };
    format!("[{}]", values.iter().map(one).collect::<Vec<_>>().join(","))
}
