//! A robot's file before any loader sees it: read within limits, includes spliced in, and refused where it is malformed.
//!
//! Files come from strangers, and the loaders trust them: they recurse as deep as a file nests, skip numbers that they
//! cannot read, and let a NaN through. So every limit stands here, and is checked on the bare text, in one pass without
//! recursion, before an XML parser builds anything.

use roxmltree::{Document, Node, ParsingOptions};
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Of one file. The largest robots that people publish have a few hundred kilobytes.
pub(super) const MAX_FILE_BYTES: u64 = 4 << 20;
/// Of a robot's file with all that it includes.
pub(super) const MAX_ELEMENTS: usize = 20_000;
/// How deep elements may nest. A body nests one deeper than the body that carries it.
pub(super) const MAX_DEPTH: usize = 128;
/// A multibody's mass matrix is dense: memory grows with the square of it, time with the cube.
pub(super) const MAX_BODIES: usize = 256;
/// Of one collision mesh's file.
pub(super) const MAX_MESH_BYTES: u64 = 32 << 20;
/// Numbers beyond it are mistakes, and squares of them leave single precision.
pub(super) const MAX_NUMBER: f64 = 1e18;

/// Reads a file of at most `limit` bytes; it must be a plain one, for others may never end.
pub(super) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, String> {
    let fail = |reason: &dyn std::fmt::Display| format!("{}: {reason}", path.display());
    let metadata = std::fs::metadata(path).map_err(|error| fail(&error))?;
    if !metadata.is_file() {
        return Err(fail(&"not a plain file"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| fail(&error))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| fail(&error))?;
    if bytes.len() as u64 > limit {
        return Err(fail(&format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// A robot's text, which must be UTF-8.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let bytes = read(path, MAX_FILE_BYTES)?;
    String::from_utf8(bytes).map_err(|error| format!("{}: not UTF-8: {error}", path.display()))
}

/// Parses text that keeps the limits; entities of its own, which can blow up, are refused with the rest of a DTD.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    measure(text)?;
    let options = ParsingOptions { allow_dtd: false, nodes_limit: 8 * MAX_ELEMENTS as u32 };
    Document::parse_with_options(text, options).map_err(|error| format!("not well-formed XML: {error}"))
}

/// The text with its root declaring the prefixes that it uses undeclared: many a URDF has `drake:` elements, and no loader
/// but a strict one minds.
pub(super) fn declare_prefixes(mut text: String, root: &str) -> Result<String, String> {
    // A file uses one or two; each turn declares one.
    for _ in 0..8 {
        measure(&text)?;
        let Err(roxmltree::Error::UnknownNamespace(prefix, _)) = Document::parse(&text) else { break };
        let tag = format!("<{root}");
        let Some(start) = text.find(&tag) else { break };
        text.insert_str(start + tag.len(), &format!(" xmlns:{prefix}=\"{prefix}\""));
    }
    Ok(text)
}

/// Counts elements and how deep they nest; what is not XML at all is left to the parser.
fn measure(text: &str) -> Result<(), String> {
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("{} bytes, expected at most {MAX_FILE_BYTES}", text.len()));
    }
    let (mut elements, mut depth) = (0, 0_usize);
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
        let closing = skipped.iter().find(|(open, _)| rest.starts_with(open)).map(|(_, close)| *close);
        if let Some(closing) = closing {
            let Some(end) = rest.find(closing) else { return Ok(()) };
            rest = &rest[end + closing.len()..];
            continue;
        }
        let Some(end) = tag_end(rest) else { return Ok(()) };
        if rest.starts_with("</") {
            depth = depth.saturating_sub(1);
        } else {
            elements += 1;
            if elements > MAX_ELEMENTS {
                return Err(format!("more than {MAX_ELEMENTS} elements"));
            }
            if depth >= MAX_DEPTH {
                let name: String =
                    rest[1..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                return Err(format!("<{name}> lies more than {MAX_DEPTH} elements deep"));
            }
            depth += usize::from(!rest[..end].ends_with('/'));
        }
        rest = &rest[end + 1..];
    }
    Ok(())
}

/// Where a tag's `>` stands: not within an attribute's value.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|byte| {
        match (quote, byte) {
            (None, b'>') => return true,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
        false
    })
}

/// The text with every `<include file="…"/>` replaced by what stands in that file, as MJCF defines it: paths are relative
/// to the main file's folder.
pub(super) fn splice_includes(text: &str, folder: &Path) -> Result<String, String> {
    let mut budget = MAX_FILE_BYTES;
    splice(text, folder, &mut Vec::new(), &mut budget)
}

/// `budget` is how many bytes may still be read: files that include files twice would grow without bound.
fn splice(text: &str, folder: &Path, open: &mut Vec<PathBuf>, budget: &mut u64) -> Result<String, String> {
    let document = parse(text)?;
    let left = budget.checked_sub(text.len() as u64);
    *budget = left.ok_or_else(|| format!("more than {MAX_FILE_BYTES} bytes with all that it includes"))?;
    let (mut spliced, mut copied) = (String::new(), 0);
    for include in document.descendants().filter(|node| node.has_tag_name("include")) {
        let place = place(include);
        let file = include.attribute("file").ok_or_else(|| format!("{place}: no file"))?;
        let path = folder.join(file);
        let known = path.canonicalize().map_err(|error| format!("{place}: {}: {error}", path.display()))?;
        if open.contains(&known) {
            return Err(format!("{place}: {file} includes itself"));
        }
        let inner = read_text(&path).map_err(|reason| format!("{place}: {reason}"))?;
        open.push(known);
        let inner = splice(&inner, folder, open, budget).map_err(|reason| format!("{file}: {reason}"))?;
        open.pop();
        spliced.push_str(&text[copied..include.range().start]);
        spliced.push_str(content(&parse(&inner).map_err(|reason| format!("{file}: {reason}"))?));
        copied = include.range().end;
    }
    spliced.push_str(&text[copied..]);
    Ok(spliced)
}

/// What stands between the root's tags.
fn content<'input>(document: &Document<'input>) -> &'input str {
    let root = document.root_element();
    let ends = root.first_child().zip(root.last_child());
    ends.map_or("", |(first, last)| &document.input_text()[first.range().start..last.range().end])
}

/// An element as errors name it: its tag with its name, or with that of the element around it.
pub(super) fn place(node: Node) -> String {
    let tag = node.tag_name().name();
    if let Some(name) = node.attribute("name") {
        return format!("<{tag} name={name:?}>");
    }
    let around = node.ancestors().skip(1).find_map(|around| Some((around, around.attribute("name")?)));
    match around {
        Some((around, name)) => format!("<{tag}> in <{} name={name:?}>", around.tag_name().name()),
        None => format!("<{tag}>"),
    }
}

/// Every attribute of one of these names holds finite numbers and nothing else; rotations are not zero.
pub(super) fn check_numbers(document: &Document, numeric: &[&str]) -> Result<(), String> {
    for node in document.descendants().filter(Node::is_element) {
        for attribute in node.attributes().filter(|attribute| numeric.contains(&attribute.name())) {
            let mut largest = 0.0_f64;
            for word in attribute.value().split_ascii_whitespace() {
                let number = word.parse::<f64>().ok().filter(|number| number.abs() <= MAX_NUMBER);
                let Some(number) = number else {
                    let (place, name) = (place(node), attribute.name());
                    return Err(format!(
                        "{place}: {name} has {word:?}, expected numbers of at most {MAX_NUMBER:e}"
                    ));
                };
                largest = largest.max(number.abs());
            }
            if largest == 0.0 && matches!(attribute.name(), "quat" | "axis" | "zaxis") {
                return Err(format!("{}: {} is zero, expected a direction", place(node), attribute.name()));
            }
        }
    }
    Ok(())
}

/// No two elements of one of these tags share a name; elements under `except` only say what others inherit.
pub(super) fn check_names(document: &Document, tags: &[&[&str]], except: &str) -> Result<(), String> {
    for kind in tags {
        let mut names = BTreeSet::new();
        for node in document.descendants().filter(|node| kind.contains(&node.tag_name().name())) {
            let inherited = node.ancestors().any(|above| above.has_tag_name(except));
            if let Some(name) = node.attribute("name")
                && !inherited
                && !names.insert(name)
            {
                return Err(format!("{}: the name stands twice", place(node)));
            }
        }
    }
    Ok(())
}
