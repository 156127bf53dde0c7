//! A document in parts: held against its schema and hashed in canonical form, without ever being values as a whole. As values a
//! document takes ten times the memory of its text.
//!
//! A part is a document of its own that holds some of the components, or of the dependencies, or all the rest. The whole holds
//! to the schema exactly where every part does and no two items of a list are the same, which is looked at here.

use super::document::Document;
use crate::{
    bom::{Document as Read, Format},
    error::SbomError,
    schema,
};
use countersign_core::{
    digest::{Hasher, Sha256},
    json,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    mem,
    sync::mpsc::{Receiver, SyncSender},
};

/// Components, or dependencies, of one part.
const ITEMS: usize = 1_000;

/// A part, and of which list it has the items from which place on.
pub(super) struct Part {
    value: Value,
    list: &'static str,
    from: usize,
}

/// Hands out every part, and gives the digest of the whole's canonical bytes. Whoever takes parts may stop, and then has the
/// reason.
pub(super) fn hand_out(document: &mut Document, to: &SyncSender<Part>) -> Result<Sha256, SbomError> {
    all_differ(document)?;
    let components = mem::take(&mut document.components);
    let dependencies = mem::take(&mut document.dependencies);
    let rest = json::to_value(document);
    let given = rest.map_err(SbomError::from).and_then(|rest| {
        let mut canonical = Hasher::default();
        let mut keys: Vec<&String> = rest.as_object().into_iter().flat_map(|map| map.keys()).collect();
        keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
        for (place, key) in keys.into_iter().enumerate() {
            canonical.update(if place == 0 { b"{" } else { b"," });
            canonical.update(&json::canonical(key)?);
            canonical.update(b":");
            match key.as_str() {
                "components" => list("components", &components, document.spec_version, &mut canonical, to)?,
                "dependencies" => list("dependencies", &dependencies, document.spec_version, &mut canonical, to)?,
                _ => canonical.update(&json::canonical_value(rest.get(key).unwrap_or(&Value::Null))?),
            }
        }
        canonical.update(b"}");
        send(Part { value: rest, list: "", from: 0 }, to)?;
        Ok(canonical.finish())
    });
    (document.components, document.dependencies) = (components, dependencies);
    given
}

fn list<T: Serialize>(
    name: &'static str,
    items: &[T],
    version: &str,
    canonical: &mut Hasher,
    to: &SyncSender<Part>,
) -> Result<(), SbomError> {
    canonical.update(b"[");
    for (number, items) in items.chunks(ITEMS).enumerate() {
        let mut values = Vec::with_capacity(items.len());
        for (place, item) in items.iter().enumerate() {
            if number > 0 || place > 0 {
                canonical.update(b",");
            }
            let value = json::to_value(item)?;
            canonical.update(&json::canonical_value(&value)?);
            values.push(value);
        }
        let value = json!({ "bomFormat": "CycloneDX", "specVersion": version, "version": 1, name: values });
        send(Part { value, list: name, from: number.saturating_mul(ITEMS) }, to)?;
    }
    canonical.update(b"]");
    Ok(())
}

fn send(part: Part, to: &SyncSender<Part>) -> Result<(), SbomError> {
    to.send(part).map_err(|_nobody_takes_it| SbomError::Thread)
}

/// Holds every part against the schema, and stops at the first that does not hold.
pub(super) fn hold(parts: Receiver<Part>, version: &'static str) -> Result<(), SbomError> {
    let invalid = |at: String, what: String| SbomError::Invalid { version, at, what };
    for Part { value, list, from } in parts {
        let read = Read { format: Format::CycloneDx(version), value };
        let faults = schema::check(&read).map_err(|error| invalid(String::new(), error.to_string()))?;
        if let Some(fault) = faults.listed.into_iter().next() {
            return Err(invalid(in_the_whole(&fault.at, list, from), fault.what));
        }
    }
    Ok(())
}

/// Where a place in a part is in the whole.
fn in_the_whole(at: &str, list: &str, from: usize) -> String {
    let within = || {
        let below = at.strip_prefix('/')?.strip_prefix(list)?.strip_prefix('/')?;
        let (place, rest) = below.split_once('/').map_or((below, None), |(place, rest)| (place, Some(rest)));
        let place = place.parse::<usize>().ok()?.saturating_add(from);
        Some(rest.map_or_else(|| format!("/{list}/{place}"), |rest| format!("/{list}/{place}/{rest}")))
    };
    within().unwrap_or_else(|| at.to_owned())
}

/// Components, and dependencies, are told apart by their references.
fn all_differ(document: &Document) -> Result<(), SbomError> {
    let mut components = BTreeSet::new();
    let of_components = document.components.iter().map(|entry| entry.reference.as_deref().unwrap_or_default());
    let mut dependencies = BTreeSet::new();
    let of_dependencies = document.dependencies.iter().map(|dependency| dependency.r#ref.as_str());
    let twice = of_components
        .filter(|reference| !components.insert(*reference))
        .chain(of_dependencies.filter(|reference| !dependencies.insert(*reference)))
        .next();
    twice.map_or(Ok(()), |reference| Err(SbomError::SameReference { reference: reference.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::super::document::{Dependency, Entry, Metadata, Tools};
    use super::*;
    use std::sync::mpsc;

    fn document(count: usize) -> Document {
        let entry = |n: usize| Entry {
            r#type: "library",
            reference: Some(format!("r{n:06}")),
            name: format!("n\u{e9}\u{1f600}{n}"),
            version: "1".to_owned(),
            ..Entry::default()
        };
        let component = Box::new(Entry { reference: Some("root".to_owned()), ..entry(0) });
        Document {
            schema: None,
            bom_format: "CycloneDX",
            spec_version: "1.6",
            serial_number: None,
            version: 1,
            metadata: Metadata {
                timestamp: None,
                lifecycles: Vec::new(),
                tools: Tools::Components { components: Vec::new() },
                authors: Vec::new(),
                component,
                manufacture: None,
                supplier: None,
                properties: Vec::new(),
            },
            components: (0..count).map(entry).collect(),
            dependencies: (0..count)
                .map(|n| Dependency { r#ref: format!("r{n:06}"), depends_on: vec!["root".to_owned()] })
                .collect(),
            compositions: Vec::new(),
        }
    }

    fn taken(document: &mut Document) -> (Result<Sha256, SbomError>, Result<(), SbomError>) {
        let (send, parts) = mpsc::sync_channel(1);
        std::thread::scope(|scope| {
            let held = scope.spawn(|| hold(parts, "1.6"));
            let digest = hand_out(document, &send);
            drop(send);
            (digest, held.join().unwrap())
        })
    }

    #[test]
    fn the_digest_of_the_parts_is_that_of_the_whole() {
        for count in [0, 1, 2, ITEMS - 1, ITEMS, ITEMS + 1, 2 * ITEMS + 7] {
            let mut document = document(count);
            let whole = Sha256::of(&json::canonical(&document).unwrap());
            let (digest, held) = taken(&mut document);
            assert_eq!((digest.unwrap(), held.is_ok()), (whole, true), "{count}");
            assert_eq!((document.components.len(), document.dependencies.len()), (count, count), "all is put back");
        }
    }

    #[test]
    fn what_does_not_hold_in_any_part_is_named_by_its_place_in_the_whole() {
        for place in [0, ITEMS - 1, ITEMS, 2 * ITEMS + 3] {
            let mut document = document(2 * ITEMS + 7);
            document.components[place].r#type = "no such type";
            let (_, held) = taken(&mut document);
            let Err(SbomError::Invalid { at, .. }) = held else { panic!("{held:?}") };
            assert_eq!(at, format!("/components/{place}/type"));
        }
        let mut document = document(3);
        document.metadata.component.r#type = "no such type";
        let Err(SbomError::Invalid { at, .. }) = taken(&mut document).1 else { panic!() };
        assert_eq!(at, "/metadata/component/type");
    }

    #[test]
    fn the_same_reference_in_two_parts_is_found() {
        let mut twice = document(ITEMS + 2);
        twice.components[ITEMS + 1].reference = Some("r000000".to_owned());
        assert!(matches!(taken(&mut twice).0, Err(SbomError::SameReference { reference }) if reference == "r000000"));
        let mut twice = document(ITEMS + 2);
        twice.dependencies[ITEMS + 1].r#ref = "r000000".to_owned();
        assert!(matches!(taken(&mut twice).0, Err(SbomError::SameReference { reference }) if reference == "r000000"));
    }
}
