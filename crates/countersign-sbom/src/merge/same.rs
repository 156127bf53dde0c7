//! When parts say the same of something: the same words, the same dependencies, and the same of each of those in turn. Two builds
//! of one package for two machines are not the same where what they need is not.

use super::array;
use crate::bom::graph::strongly_connected;
use countersign_core::digest::Sha256;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Of each thing in turn a text that is another one where anything is said otherwise, of it or of what can be reached from it: what
/// the part is about, its components, and its services. Keys of the objects in them are in order.
pub(super) fn told(things: &[String], map: &Map<String, Value>, references: &[BTreeSet<String>]) -> Vec<String> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, own) in references.iter().enumerate() {
        for reference in own {
            places.entry(reference).or_insert(place);
        }
    }
    let mut entries: Vec<Vec<Entry<'_>>> = things.iter().map(|_| Vec::new()).collect();
    let mut forward: Vec<Vec<usize>> = things.iter().map(|_| Vec::new()).collect();
    let mut backward = forward.clone();
    for entry in array(map, "dependencies").filter_map(Value::as_object) {
        let Some(from) = entry.get("ref").and_then(Value::as_str) else { continue };
        let Some(place) = places.get(from).copied() else { continue };
        for kind in ["dependsOn", "provides"] {
            let to: BTreeSet<&str> = array(entry, kind).filter_map(Value::as_str).collect();
            for below in to.iter().filter_map(|to| places.get(to).copied()) {
                if let (Some(down), Some(up)) = (forward.get_mut(place), backward.get_mut(below)) {
                    down.push(below);
                    up.push(place);
                }
            }
            // That a list is there and empty says more than that there is none.
            if let Some(list) = entries.get_mut(place) {
                list.push((from, kind, to));
            }
        }
    }
    for list in &mut entries {
        list.sort();
    }
    let mut all = vec![String::new(); things.len()];
    let mut sets = strongly_connected(&forward, &backward);
    sets.reverse();
    for set in sets {
        let within: BTreeSet<usize> = set.iter().copied().collect();
        let mut texts: Vec<(String, usize)> = Vec::new();
        for place in &within {
            let said = |to: &str| {
                let below = places.get(to).filter(|below| !within.contains(below)).and_then(|below| all.get(*below));
                json!([to, below])
            };
            let lists = entries.get(*place).map_or(&[][..], Vec::as_slice).iter();
            let lists: Vec<Value> = lists
                .map(|(from, kind, to)| json!([from, kind, to.iter().map(|to| said(to)).collect::<Vec<_>>()]))
                .collect();
            texts.push((json!([things.get(*place), lists]).to_string(), *place));
        }
        texts.sort();
        let whole = json!(texts.iter().map(|(text, _)| text).collect::<Vec<_>>()).to_string();
        let whole = Sha256::of(whole.as_bytes()).hex();
        for (text, place) in &texts {
            if let Some(slot) = all.get_mut(*place) {
                *slot = Sha256::of(json!([whole, text]).to_string().as_bytes()).hex();
            }
        }
    }
    all
}

/// What stands in one entry, and of which kind.
type Entry<'v> = (&'v str, &'static str, BTreeSet<&'v str>);

/// The references of a thing, and of all that lies in it.
pub(super) fn references(thing: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![thing];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(list) => waiting.extend(list),
            Value::Object(map) => {
                found.extend(map.get("bom-ref").and_then(Value::as_str).map(str::to_owned));
                waiting.extend(map.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}
