//! Colour, and text that keeps to its room.

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Strong,
    Faint,
    Curve,
    Good,
    Warning,
    Bad,
}

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    color: bool,
}

impl Style {
    pub(super) fn new(color: bool) -> Self {
        Self { color }
    }

    /// The text in its colour, or as it is.
    pub(super) fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Strong => "1",
            Ink::Faint => "2",
            Ink::Curve => "36",
            Ink::Good => "1;32",
            Ink::Warning => "33",
            Ink::Bad => "1;31",
        };
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// At most `room` characters of `text`, without what would steer a terminal.
pub(super) fn clipped(text: &str, room: usize) -> String {
    let clean = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    if text.chars().count() <= room {
        clean.collect()
    } else {
        clean.take(room.saturating_sub(1)).chain(['…']).collect()
    }
}

/// The words of `text` in lines of at most `room` characters; what does not fit into `lines` of them is cut.
pub(super) fn wrapped(text: &str, room: usize, lines: usize) -> Vec<String> {
    let mut wrapped = vec![String::new()];
    for word in text.split_whitespace() {
        let full = wrapped.len() == lines;
        match wrapped.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if full || line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => wrapped.push(word.to_owned()),
        }
    }
    wrapped.iter().map(|line| clipped(line, room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_the_last_line_is_cut() {
        assert_eq!(wrapped("one two three four", 9, 2), ["one two", "three fo…"]);
        assert_eq!(wrapped("one two", 9, 2), ["one two"]);
        assert_eq!(wrapped("", 9, 2), [""]);
        assert_eq!(wrapped("longerthanall x", 5, 3), ["long…", "x"]);
    }
}
