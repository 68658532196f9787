//! Which inputs are state: what one inference leaves for the next.
//!
//! ONNX has no word for it. Exporters name the two ends alike, `h_in` and `h_out`, `h0` and `hn`, `state` and
//! `next_state`; so an input is a state where an output has the same name without such marks. The first input never is one,
//! nor is an action its other end.

use super::graph::Input;

/// Parts of a name that say which end it is.
const MARKS: [&str; 14] = [
    "in", "out", "input", "output", "prev", "previous", "next", "new", "old", "current", "0", "n", "t", "t1",
];
/// Endings of a name's last part that say the same, such as those of `h0` and `hn`, `hx` and `hy`.
const ENDINGS: [char; 6] = ['0', 'n', '1', 'x', 'y', 't'];

/// Pairs inputs with outputs.
pub(super) fn pair<'m>(inputs: &mut [Input<'m>], outputs: &[&'m str], actions: [Option<&str>; 2]) {
    let mut taken = vec![false; outputs.len()];
    for stem in [plain as fn(&str) -> Vec<String>, shortened] {
        for input in inputs.iter_mut().skip(1).filter(|input| input.state.is_none()) {
            let wanted = stem(input.name);
            let found = outputs.iter().enumerate().find(|(index, output)| {
                let is_action = actions.contains(&Some(**output));
                !taken[*index] && !is_action && !wanted.is_empty() && stem(output) == wanted
            });
            if let Some((index, output)) = found {
                taken[index] = true;
                input.state = Some(output);
            }
        }
    }
}

fn parts(name: &str) -> impl Iterator<Item = String> {
    name.split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_ascii_lowercase)
}

/// The parts of a name that are no marks, numbers kept: `state_in_1` and `state_out_1` belong together.
fn plain(name: &str) -> Vec<String> {
    let words = MARKS.iter().take(10);
    parts(name).filter(|part| words.clone().all(|mark| mark != part)).collect()
}

/// Without any marks and without the ending of the last part.
fn shortened(name: &str) -> Vec<String> {
    let mut kept: Vec<String> = parts(name).filter(|part| !MARKS.contains(&part.as_str())).collect();
    if let Some(last) = kept.last_mut()
        && last.len() > 1
        && last.ends_with(ENDINGS)
    {
        last.pop();
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Element;

    fn paired(inputs: &[&str], outputs: &[&str]) -> Vec<Option<String>> {
        let input = |name| Input { name, dims: vec![1], element: Element::Number, state: None };
        let mut inputs: Vec<Input> = inputs.iter().copied().map(input).collect();
        pair(&mut inputs, outputs, [outputs.first().copied(), None]);
        inputs.iter().map(|input| input.state.map(str::to_owned)).collect()
    }

    #[test]
    fn the_two_ends_of_a_state_have_names_alike() {
        for (input, output) in [
            ("h_in", "h_out"),
            ("h0", "hn"),
            ("h_0", "h_n"),
            ("state", "next_state"),
            ("hx", "hy"),
            ("hidden.in", "hidden.out"),
        ] {
            assert_eq!(
                paired(&["obs", input], &["actions", output]),
                [None, Some(output.to_owned())],
                "{input}"
            );
        }
    }

    #[test]
    fn numbers_and_letters_keep_several_states_apart() {
        let states = paired(&["obs", "state_in_0", "state_in_1"], &["action", "state_out_1", "state_out_0"]);
        assert_eq!(states, [None, Some("state_out_0".to_owned()), Some("state_out_1".to_owned())]);
        let states = paired(&["obs", "h_in", "c_in"], &["action", "c_out", "h_out"]);
        assert_eq!(states, [None, Some("h_out".to_owned()), Some("c_out".to_owned())]);
    }

    #[test]
    fn another_input_or_an_action_is_no_state() {
        assert_eq!(paired(&["obs", "command"], &["action", "value"]), [None, None]);
        assert_eq!(paired(&["obs", "action_in"], &["action_out"]), [None, None]);
    }
}
