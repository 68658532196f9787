//! The largest effort of each joint that an MJCF file states: its own `actuatorfrcrange`, and its actuators' `forcerange`.
//!
//! Of a range the larger end counts, and several actuators on one joint add up, as their forces do. The loader knows nothing
//! of `actuatorfrcrange`, so it is read from the document here, with the classes that it may come from.

use super::super::text::place;
use rapier3d_mjcf::mjcf_rs::extras::Actuator;
use rapier3d_mjcf::mjcf_rs::model::Model;
use rapier3d_mjcf::mjcf_rs::types::Tristate;
use roxmltree::{Document, Node};
use std::collections::BTreeMap;

/// By joint, N m or N.
pub(super) fn limits(document: &Document, model: &Model) -> Result<BTreeMap<String, f64>, String> {
    let mut limits = of_actuators(&model.actuators);
    let bodies = document.descendants().filter(|node| node.has_tag_name("worldbody"));
    for joint in bodies.flat_map(|world| world.descendants()).filter(|node| node.has_tag_name("joint")) {
        let Some(range) = inherited(joint, "actuatorfrcrange") else { continue };
        if inherited(joint, "actuatorfrclimited") == Some("false") {
            continue;
        }
        let fail = |what: &str| format!("{}: actuatorfrcrange {range:?}, expected {what}", place(joint));
        let name = joint.attribute("name").ok_or_else(|| fail("a name on the joint"))?;
        let ends: Vec<f64> = range.split_ascii_whitespace().filter_map(|end| end.parse().ok()).collect();
        let &[low, high] = &ends[..] else { return Err(fail("two numbers")) };
        if !(low <= 0.0 && 0.0 <= high && low < high) {
            return Err(fail("a range about 0"));
        }
        let own = high.max(-low);
        limits.entry(name.to_owned()).and_modify(|limit| *limit = limit.min(own)).or_insert(own);
    }
    Ok(limits)
}

/// Where every actuator on a joint is limited, the sum of their limits.
fn of_actuators(actuators: &[Actuator]) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<&str, Option<f64>> = BTreeMap::new();
    for actuator in actuators {
        let Some(joint) = actuator.joint.as_deref() else { continue };
        let gear = actuator.gear[0].abs();
        let range = actuator.force_range.filter(|_| actuator.force_limited != Tristate::False);
        let own = range.map(|[low, high]| gear * high.max(-low));
        let sum = sums.entry(joint).or_insert(Some(0.0));
        *sum = sum.zip(own).map(|(sum, own)| sum + own);
    }
    let limited = sums.into_iter().filter_map(|(joint, sum)| Some((joint.to_owned(), sum?)));
    limited.filter(|(_, limit)| *limit > 0.0).collect()
}

/// A joint's attribute, its own or that of its class or of a class around that one.
fn inherited<'a>(joint: Node<'a, '_>, attribute: &str) -> Option<&'a str> {
    let own = joint.attribute(attribute);
    if own.is_some() {
        return own;
    }
    let around = joint.ancestors().skip(1).find_map(|above| above.attribute("childclass"));
    let class = joint.attribute("class").or(around).unwrap_or("main");
    let defaults = joint.document().descendants().filter(|node| node.has_tag_name("default"));
    let of_class = |node: &Node| {
        let outermost = node.parent_element().is_some_and(|parent| parent.has_tag_name("mujoco"));
        node.attribute("class").or(outermost.then_some("main")) == Some(class)
    };
    let said = |default: Node<'a, '_>| {
        default.children().find(|node| node.has_tag_name("joint")).and_then(|node| node.attribute(attribute))
    };
    let chain = |default: Node<'a, '_>| {
        default.ancestors().take_while(|node| node.has_tag_name("default")).find_map(said)
    };
    defaults.filter(of_class).find_map(chain)
}
