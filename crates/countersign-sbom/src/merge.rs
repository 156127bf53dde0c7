//! Several SBOMs as one: a release and the artifacts that it is made of. Deterministic, whatever the order they are given in.

use crate::bom::write::{tool, with_serial};
use countersign_core::{digest::Sha256, time::Time};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A document to be merged: CycloneDX, valid by its schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The digest of its bytes.
    pub digest: Sha256,
    /// Its JSON.
    pub value: Value,
}

/// The release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// When it was put together; left out where not given.
    pub time: Option<Time>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// The document.
    pub document: Value,
    /// Components that stood in several parts and are listed once.
    pub shared: usize,
    /// Components that have the reference of another one, and got a new one.
    pub renamed: usize,
    /// Keys of the parts that a merged document cannot carry, such as their signatures.
    pub left_out: BTreeSet<String>,
}

/// Why parts cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The same document twice.
    #[error("the document {0} is given twice")]
    Twice(Sha256),
    /// A part that does not say what it is about.
    #[error("the document {0} does not say what it is about: it has no metadata.component")]
    NoRoot(Sha256),
}

const MERGED: [&str; 9] = [
    "$schema",
    "bomFormat",
    "specVersion",
    "serialNumber",
    "version",
    "metadata",
    "components",
    "dependencies",
    "compositions",
];
const LISTS: [&str; 4] = ["services", "vulnerabilities", "annotations", "externalReferences"];

#[derive(Default)]
struct Work {
    /// Reference to what it names.
    taken: BTreeMap<String, String>,
    components: BTreeMap<String, Value>,
    edges: BTreeMap<String, BTreeSet<String>>,
    provides: BTreeMap<String, BTreeSet<String>>,
    /// Reference and kind of list to the aggregates that parts give it.
    aggregates: BTreeMap<(&'static str, String), BTreeSet<String>>,
    lists: BTreeMap<&'static str, Vec<Value>>,
    tools: BTreeMap<String, Value>,
    shared: usize,
    renamed: usize,
    left_out: BTreeSet<String>,
}

/// Merges parts into a release.
pub fn merge(mut parts: Vec<Part>, release: &Release) -> Result<Merged, MergeError> {
    parts.sort_by_key(|part| part.digest.hex());
    if let Some(pair) = parts.windows(2).find(|pair| matches!(pair, [a, b] if a.digest == b.digest)) {
        return Err(MergeError::Twice(pair.first().map_or_else(|| Sha256::of(b""), |part| part.digest)));
    }
    let mut work = Work::default();
    let reference = format!("release:{}@{}", release.name, release.version);
    work.taken.insert(reference.clone(), String::new());
    let mut roots = BTreeSet::new();
    let mut newest = "1.6".to_owned();
    for part in &parts {
        let version = part.value.get("specVersion").and_then(Value::as_str).unwrap_or_default();
        if version > newest.as_str() {
            version.clone_into(&mut newest);
        }
        roots.insert(work.add(part)?);
    }
    work.edges.insert(reference.clone(), roots.clone());
    let mut metadata = json!({
        "lifecycles": [{ "phase": "post-build" }],
        "tools": { "components": std::iter::once(tool()).chain(work.tools.into_values()).collect::<Vec<_>>() },
        "component": { "type": "application", "bom-ref": reference, "name": release.name, "version": release.version },
        "properties": parts
            .iter()
            .map(|part| json!({ "name": "countersign:merged", "value": part.digest.to_string() }))
            .collect::<Vec<_>>(),
    });
    if let (Some(time), Some(map)) = (release.time, metadata.as_object_mut()) {
        map.insert("timestamp".to_owned(), time.to_string().into());
    }
    let mut provides = work.provides;
    let dependencies: Vec<Value> = work
        .edges
        .iter()
        .map(|(from, to)| {
            let mut entry = json!({ "ref": from, "dependsOn": to });
            if let (Some(provided), Some(map)) = (provides.remove(from), entry.as_object_mut()) {
                map.insert("provides".to_owned(), json!(provided));
            }
            entry
        })
        .collect();
    let mut document = json!({
        "$schema": format!("http://cyclonedx.org/schema/bom-{newest}.schema.json"),
        "bomFormat": "CycloneDX",
        "specVersion": newest,
        "version": 1,
        "metadata": metadata,
        "components": work.components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies,
        "compositions": compositions(&work.aggregates),
    });
    if let Some(map) = document.as_object_mut() {
        for (key, mut list) in work.lists {
            list.iter_mut().for_each(Value::sort_all_objects);
            list.sort_by_cached_key(Value::to_string);
            list.dedup();
            map.insert(key.to_owned(), list.into());
        }
    }
    with_serial(&mut document);
    Ok(Merged { document, shared: work.shared, renamed: work.renamed, left_out: work.left_out })
}

impl Work {
    /// Takes a part in; the reference of what it is about.
    fn add(&mut self, part: &Part) -> Result<String, MergeError> {
        let empty = Map::new();
        let map = part.value.as_object().unwrap_or(&empty);
        let metadata = map.get("metadata");
        let root = metadata.and_then(|metadata| metadata.get("component"));
        let root = root.filter(|root| root.is_object()).ok_or(MergeError::NoRoot(part.digest))?;
        let short: String = part.digest.hex().chars().take(16).collect();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut components = vec![root.clone()];
        components.extend(array(map, "components").cloned());
        let own = root.get("bom-ref").and_then(Value::as_str).map(str::to_owned);
        let mut root_reference = String::new();
        for (place, mut component) in components.into_iter().enumerate() {
            if place > 0 && own.is_some() && component.get("bom-ref").and_then(Value::as_str) == own.as_deref() {
                continue;
            }
            component.sort_all_objects();
            let reference = component.get("bom-ref").and_then(Value::as_str).map(str::to_owned);
            let reference = reference.or_else(|| (place == 0).then(|| format!("part:{short}")));
            let content = component.to_string();
            let Some(reference) = reference else {
                if self.components.insert(format!("\u{10ffff}{content}"), component).is_some() {
                    self.shared = self.shared.saturating_add(1);
                }
                continue;
            };
            let new = match self.taken.get(&reference) {
                Some(other) if *other == content => {
                    self.shared = self.shared.saturating_add(1);
                    reference.clone()
                }
                Some(_) => {
                    self.renamed = self.renamed.saturating_add(1);
                    format!("{reference}#{short}")
                }
                None => reference.clone(),
            };
            self.taken.entry(new.clone()).or_insert(content);
            names.insert(reference.clone(), new.clone());
            if let Some(map) = component.as_object_mut() {
                map.insert("bom-ref".to_owned(), new.clone().into());
                self.inner(map, &short, &mut names);
            }
            if place == 0 {
                root_reference.clone_from(&new);
            }
            self.components.entry(new).or_insert(component);
        }
        self.rest(map, &short, &mut names);
        self.tools(metadata);
        Ok(root_reference)
    }

    /// Gives a free reference to each component that lies in another one and has one that is taken.
    fn inner(&mut self, outer: &mut Map<String, Value>, short: &str, names: &mut BTreeMap<String, String>) {
        let Some(Value::Array(list)) = outer.get_mut("components") else { return };
        let mut waiting: Vec<&mut Value> = list.iter_mut().collect();
        while let Some(value) = waiting.pop() {
            let content = value.to_string();
            let Some(map) = value.as_object_mut() else { continue };
            if let Some(reference) = map.get("bom-ref").and_then(Value::as_str).map(str::to_owned) {
                let free = self.taken.get(&reference).is_none_or(|other| *other == content);
                let new = if free { reference.clone() } else { format!("{reference}#{short}") };
                self.taken.entry(new.clone()).or_insert(content);
                names.insert(reference, new.clone());
                map.insert("bom-ref".to_owned(), new.into());
            }
            if let Some(Value::Array(list)) = map.get_mut("components") {
                waiting.extend(list.iter_mut());
            }
        }
    }

    fn rest(&mut self, map: &Map<String, Value>, short: &str, names: &mut BTreeMap<String, String>) {
        let mut listed: Vec<(&'static str, Value)> = Vec::new();
        for key in LISTS {
            for item in array(map, key) {
                let mut item = item.clone();
                if let Some(reference) = item.get("bom-ref").and_then(Value::as_str).map(str::to_owned) {
                    let content = item.to_string();
                    let free = self.taken.get(&reference).is_none_or(|other| *other == content);
                    let new = if free { reference.clone() } else { format!("{reference}#{short}") };
                    self.taken.entry(new.clone()).or_insert(content);
                    names.insert(reference, new.clone());
                    if let Some(map) = item.as_object_mut() {
                        map.insert("bom-ref".to_owned(), new.into());
                    }
                }
                listed.push((key, item));
            }
        }
        for (key, mut item) in listed {
            renamed(&mut item, names);
            self.lists.entry(key).or_default().push(item);
        }
        let name = |reference: &str| names.get(reference).cloned().unwrap_or_else(|| reference.to_owned());
        for entry in array(map, "dependencies") {
            let Some(from) = entry.get("ref").and_then(Value::as_str) else { continue };
            let entry = entry.as_object();
            let texts = |key: &str| -> BTreeSet<String> {
                let list = entry.into_iter().flat_map(|entry| array(entry, key));
                list.filter_map(Value::as_str).map(name).collect()
            };
            self.edges.entry(name(from)).or_default().extend(texts("dependsOn"));
            let provided = texts("provides");
            if !provided.is_empty() {
                self.provides.entry(name(from)).or_default().extend(provided);
            }
        }
        for entry in array(map, "compositions").filter_map(Value::as_object) {
            let aggregate = entry.get("aggregate").and_then(Value::as_str).unwrap_or("not_specified");
            for kind in ["assemblies", "dependencies", "vulnerabilities"] {
                for reference in array(entry, kind).filter_map(Value::as_str) {
                    self.aggregates.entry((kind, name(reference))).or_default().insert(aggregate.to_owned());
                }
            }
        }
        let known = |key: &str| MERGED.contains(&key) || LISTS.contains(&key);
        self.left_out.extend(map.keys().filter(|key| !known(key)).cloned());
        if let Some(metadata) = map.get("metadata").and_then(Value::as_object) {
            let carried = |key: &str| matches!(key, "component" | "tools" | "timestamp" | "lifecycles");
            self.left_out.extend(metadata.keys().filter(|key| !carried(key)).map(|key| format!("metadata.{key}")));
        }
    }

    fn tools(&mut self, metadata: Option<&Value>) {
        let tools = match metadata.and_then(|metadata| metadata.get("tools")) {
            Some(Value::Array(list)) => list.clone(),
            Some(Value::Object(map)) => array(map, "components").cloned().collect(),
            _ => Vec::new(),
        };
        for named in tools {
            let text = |key: &str| named.get(key).and_then(Value::as_str);
            let Some(name) = text("name") else { continue };
            let mut entry = json!({ "type": "application", "name": name });
            if let (Some(version), Some(map)) = (text("version"), entry.as_object_mut()) {
                map.insert("version".to_owned(), version.into());
            }
            // This tool stands there already.
            if entry != tool() {
                self.tools.insert(entry.to_string(), entry);
            }
        }
    }
}

fn array<'v>(map: &'v Map<String, Value>, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    map.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// References within an item of a list: under `ref`, and in lists of `subjects`.
fn renamed(item: &mut Value, names: &BTreeMap<String, String>) {
    let mut waiting = vec![item];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(list) => waiting.extend(list.iter_mut()),
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    match value {
                        Value::String(text) if key == "ref" => {
                            if let Some(new) = names.get(text) {
                                text.clone_from(new);
                            }
                        }
                        Value::Array(list) if key == "subjects" => {
                            for text in list {
                                let new = text.as_str().and_then(|text| names.get(text));
                                if let Some(new) = new {
                                    *text = new.clone().into();
                                }
                            }
                        }
                        Value::Array(_) | Value::Object(_) => waiting.push(value),
                        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

/// Where parts differ about how much is known, the merged document claims no more than that it is not known.
fn compositions(aggregates: &BTreeMap<(&'static str, String), BTreeSet<String>>) -> Vec<Value> {
    let mut by: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for ((kind, reference), said) in aggregates {
        let mut all = said.iter();
        let aggregate = match (all.next(), all.next()) {
            (Some(only), None) => only.as_str(),
            _ if said.iter().any(|one| one.starts_with("incomplete")) => "incomplete",
            _ => "unknown",
        };
        by.entry((aggregate, kind)).or_default().push(reference);
    }
    by.into_iter()
        .map(|((aggregate, kind), references)| {
            let mut entry = Map::from_iter([("aggregate".to_owned(), Value::from(aggregate))]);
            entry.insert(kind.to_owned(), json!(references));
            Value::Object(entry)
        })
        .collect()
}
