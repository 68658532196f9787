//! All inputs and outputs of an image together: read, summed up, checked.

use super::port::{Element, MAX_PORTS, PORT_BYTES, Port, PortRecord, Role};
use super::{Image, ImageError, Sizes};

type Records<'a> = &'a [[u8; PORT_BYTES]];

/// The ports, whose records have been checked.
pub(super) fn read<'a>(
    bytes: &'a [u8],
    records: Records<'a>,
    is_input: bool,
) -> impl ExactSizeIterator<Item = Port<'a>> + use<'a> {
    records.iter().map(move |record| {
        // None only if the image's memory has changed since it was parsed.
        PortRecord::decode(record, is_input).and_then(|record| port(bytes, record)).unwrap_or(Port {
            name: "",
            role: Role::Other,
            element: Element::Number,
            size: 0,
            start: 0,
            other_end: 0,
        })
    })
}

/// `None` for a name that lies outside the image or is not text.
fn port(bytes: &[u8], record: PortRecord) -> Option<Port<'_>> {
    let start = record.name_offset as usize;
    let name = bytes.get(start..start.checked_add(record.name_length as usize)?)?;
    Some(Port {
        name: core::str::from_utf8(name).ok()?,
        role: record.role,
        element: record.element,
        size: record.size as usize,
        start: record.start as usize,
        other_end: record.other_end as usize,
    })
}

/// What follows from the ports. Needs an observation and an action.
pub(super) fn sizes(inputs: Records, outputs: Records) -> Result<Sizes, ImageError> {
    let unknown = |index| ImageError::Port { index, field: "role or element", found: 0 };
    let (mut sizes, mut apart) = (Sizes::default(), false);
    for (index, record) in inputs.iter().enumerate() {
        let port = PortRecord::decode(record, true).ok_or(unknown(index))?;
        let size = port.size as usize;
        sizes.golden_input = sizes.golden_input.saturating_add(size);
        if port.role == Role::Observation {
            let start = sizes.observation_start.unwrap_or(port.start as usize);
            let follows = start.saturating_add(sizes.observation) == port.start as usize;
            apart |= !follows;
            sizes.observation_start = Some(start);
            sizes.observation = sizes.observation.saturating_add(size);
        }
        sizes.recurrent |= port.role == Role::State;
    }
    sizes.observation_start = sizes.observation_start.filter(|_| !apart);
    let (mut action, mut raw_action) = (None, None);
    for (index, record) in outputs.iter().enumerate() {
        let port = PortRecord::decode(record, false).ok_or(unknown(inputs.len() + index))?;
        match port.role {
            Role::Action if action.is_none() => action = Some(port),
            Role::RawAction if raw_action.is_none() => raw_action = Some(port),
            Role::Action | Role::RawAction => return Err(unknown(inputs.len() + index)),
            _ => {}
        }
        if port.role != Role::RawAction {
            sizes.golden_output = sizes.golden_output.saturating_add(port.size as usize);
        }
    }
    let missing = |field| ImageError::Header { field, found: 0 };
    let action = action.ok_or(missing("number of actions"))?;
    let raw_action = raw_action.unwrap_or(action);
    if sizes.observation == 0 {
        return Err(missing("number of observations"));
    }
    if raw_action.size != action.size {
        return Err(ImageError::Header { field: "size of the raw action", found: raw_action.size });
    }
    sizes.action = action.start as usize;
    sizes.raw_action = raw_action.start as usize;
    sizes.action_size = action.size as usize;
    Ok(sizes)
}

/// Checks that every port lies within scratch, that inputs lie apart, that states have two ends of equal size, and that no
/// output lies where a state begins.
pub(super) fn check(image: &Image) -> Result<(), ImageError> {
    let count = image.inputs.len().max(image.outputs.len());
    if count > MAX_PORTS {
        return Err(ImageError::Header { field: "number of inputs or outputs", found: count as u32 });
    }
    let sides = [(image.inputs, true), (image.outputs, false)];
    let records = sides
        .into_iter()
        .flat_map(|(records, is_input)| records.iter().map(move |record| (record, is_input)));
    for (index, (record, is_input)) in records.enumerate() {
        let refuse = |field, found| ImageError::Port { index, field, found };
        let record = PortRecord::decode(record, is_input).ok_or(refuse("role or element", 0))?;
        let port = port(image.bytes, record).ok_or(refuse("name", record.name_offset))?;
        if port.size == 0 || port.place().end > image.scratch_len() {
            return Err(refuse("place", record.start));
        }
        let apart =
            |other: &Port| port.place().end <= other.place().start || other.place().end <= port.place().start;
        let mut others = image.inputs().enumerate();
        let clear = if is_input {
            others.all(|(other, input)| other == index || apart(&input))
        } else {
            others.all(|(_, input)| input.role != Role::State || apart(&input))
        };
        if !clear {
            return Err(refuse("place", record.start));
        }
        let own = if is_input { index } else { index - image.inputs.len() };
        let fits = |other: Option<Port>| {
            other.is_some_and(|other| {
                other.role == Role::State && other.other_end == own && other.size == port.size
            })
        };
        let other_end = record.other_end as usize;
        let paired = match (port.role, is_input) {
            (Role::State, true) => fits(image.outputs().nth(other_end)),
            (Role::State, false) => fits(image.inputs().nth(other_end)),
            _ => true,
        };
        if !paired {
            return Err(refuse("other end", record.other_end));
        }
    }
    Ok(())
}
