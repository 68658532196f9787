//! A campaign's report as `JUnit` XML, which every CI service reads.

use super::{CampaignReport, CaseReport};
use std::fmt::Write;

impl CampaignReport {
    /// The report as `JUnit` XML; `suite` names the campaign.
    pub fn junit(&self, suite: &str) -> String {
        let (tests, failures) = (self.cases.len(), self.failed);
        let suite = escaped(suite);
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        // Writing to a string cannot fail.
        let _ = writeln!(xml, "<testsuites tests=\"{tests}\" failures=\"{failures}\">");
        let _ = writeln!(xml, "  <testsuite name=\"{suite}\" tests=\"{tests}\" failures=\"{failures}\">");
        for CaseReport { name, problems, .. } in &self.cases {
            let name = escaped(name);
            let _ = write!(xml, "    <testcase classname=\"{suite}\" name=\"{name}\"");
            if problems.is_empty() {
                xml.push_str("/>\n");
            } else {
                let text = escaped(&problems.join("\n"));
                let first = escaped(&problems[0]);
                let _ =
                    writeln!(xml, ">\n      <failure message=\"{first}\">{text}</failure>\n    </testcase>");
            }
        }
        xml.push_str("  </testsuite>\n</testsuites>\n");
        xml
    }
}

/// A text as XML allows it; control characters, which XML cannot hold, become spaces.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' => safe.push_str("&#10;"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::super::super::witness::Witnessed;
    use super::*;

    #[test]
    fn failures_and_names_are_escaped_and_counted() {
        let case = |name: &str, problems: &[&str]| CaseReport {
            name: name.to_owned(),
            problems: problems.iter().map(|&problem| problem.to_owned()).collect(),
            changes: Vec::new(),
            witnessed: Witnessed::default(),
            ticks: 1,
            microcontroller: None,
        };
        let cases = vec![case("all <well>", &[]), case("a & b", &["found \"x\"", "more"])];
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites tests=\"2\" failures=\"1\">
  <testsuite name=\"mine\" tests=\"2\" failures=\"1\">
    <testcase classname=\"mine\" name=\"all &lt;well&gt;\"/>
    <testcase classname=\"mine\" name=\"a &amp; b\">
      <failure message=\"found &quot;x&quot;\">found &quot;x&quot;&#10;more</failure>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(CampaignReport { cases, failed: 1, skipped: Vec::new() }.junit("mine"), expected);
    }
}
