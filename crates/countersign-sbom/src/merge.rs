//! Several SBOMs as one: a release and the artifacts that it is made of. Deterministic, whatever the order they are given in.

mod again;
mod doubt;
mod named;
mod same;
mod signed;

use crate::bom::write::{tool, with_serial};
use countersign_core::{digest::Sha256, time::Time};
use named::{mentioned, renamed};
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

const MERGED: [&str; 10] = [
    "$schema",
    "bomFormat",
    "specVersion",
    "serialNumber",
    "version",
    "metadata",
    "components",
    "dependencies",
    "compositions",
    "externalReferences",
];
const LISTS: [&str; 3] = ["services", "vulnerabilities", "annotations"];

#[derive(Default)]
struct Work {
    /// References that name something.
    taken: BTreeSet<String>,
    /// References that name something in some part, as that part has them.
    listed: BTreeSet<String>,
    /// References of parts that none lists, as they are called now.
    unlisted: BTreeSet<String>,
    /// What is listed already, by what is said of it: what the references in it are called now.
    units: BTreeMap<String, BTreeMap<String, String>>,
    components: BTreeMap<String, Value>,
    edges: BTreeMap<String, BTreeSet<String>>,
    provides: BTreeMap<String, BTreeSet<String>>,
    /// Reference and kind of list to the aggregates that parts give it.
    aggregates: BTreeMap<(&'static str, String), BTreeSet<String>>,
    /// What parts list as all dependencies of something, and what as some.
    known: doubt::Known,
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
    work.taken.insert(reference.clone());
    work.listed = parts.iter().flat_map(|part| same::references(&part.value)).collect();
    let mut roots = BTreeSet::new();
    let mut newest = "1.6".to_owned();
    for part in &parts {
        let version = part.value.get("specVersion").and_then(Value::as_str).unwrap_or_default();
        if version > newest.as_str() {
            version.clone_into(&mut newest);
        }
        roots.insert(work.add(part)?);
    }
    work.edges.insert(reference.clone(), roots);
    for reference in work.known.doubted(&work.components) {
        work.aggregates.entry(("dependencies", reference)).or_default().insert("unknown".to_owned());
    }
    let mut metadata = json!({
        "lifecycles": [{ "phase": "post-build" }],
        "tools": { "components": std::iter::once(tool()).chain(work.tools.into_values()).collect::<Vec<_>>() },
        "component": { "type": "application", "bom-ref": reference, "name": release.name, "version": release.version },
        "properties": parts
            .iter()
            .map(|part| json!({ "name": "countersign:merged", "value": part.digest.to_string() }))
            .collect::<Vec<_>>(),
    });
    // What all parts say that they are about is what the release is: several binaries in one archive.
    if let (Some(digest), Some(root)) = (common(&parts), metadata.get_mut("component").and_then(Value::as_object_mut)) {
        root.insert("hashes".to_owned(), json!([{ "alg": "SHA-256", "content": digest }]));
    }
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

/// The SHA-256 of what each of several parts is about, where it is the same for all.
fn common(parts: &[Part]) -> Option<String> {
    let digest = |part: &Part| digest_of(part.value.get("metadata")?.get("component")?);
    let (first, others) = parts.split_first()?;
    let known = digest(first)?;
    (!others.is_empty() && others.iter().all(|part| digest(part) == Some(known))).then(|| known.hex())
}

/// What is no such digest names no file.
fn digest_of(component: &Value) -> Option<Sha256> {
    let is = |hash: &&Value| hash.get("alg").and_then(Value::as_str) == Some("SHA-256");
    let digest = array_of(component, "hashes").find(is)?.get("content")?.as_str()?;
    Sha256::from_hex(&digest.to_ascii_lowercase()).ok()
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
        let own = root.get("bom-ref").and_then(Value::as_str).map(str::to_owned);
        let mut root = root.clone();
        if let (None, Some(map)) = (&own, root.as_object_mut()) {
            map.insert("bom-ref".to_owned(), format!("part:{short}").into());
        }
        let mut listed: Vec<Value> = array(map, "components").cloned().collect();
        let taken = own.as_deref().map(|own| again::taken_out(&mut listed, own)).unwrap_or_default();
        if taken.was_held {
            self.left_out.insert("components.components (that something holds what the document is about)".to_owned());
        }
        if taken.was_signed {
            self.left_out
                .insert("components.signature (of what listed once more what the document is about)".to_owned());
        }
        let otherwise = again::join(&mut root, &taken.copies).into_iter();
        self.left_out.extend(otherwise.map(|key| format!("components.{key} (of what the document is about)")));
        let more = Self::build(metadata, &mut root);
        // Of the part's document, which is about this: in the merged one they would be the release's.
        let references: Vec<Value> = array(map, "externalReferences").cloned().collect();
        if let (false, Some(root)) = (references.is_empty(), root.as_object_mut()) {
            let list = root.entry("externalReferences").or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                let known: BTreeSet<String> = list.iter().map(again::text_of).collect();
                list.extend(references.into_iter().filter(|one| !known.contains(&again::text_of(one))));
            }
        }
        // Something was joined into it: it is no longer what was signed.
        if metadata.and_then(|metadata| metadata.get("component")) != Some(&root)
            && root.as_object_mut().is_some_and(|root| root.remove("signature").is_some())
        {
            self.left_out.insert("components.signature (of what the document is about)".to_owned());
        }
        let mut things = vec![root];
        things.extend(listed);
        let components = things.len();
        things.extend(array(map, "services").cloned());
        things.iter_mut().for_each(Value::sort_all_objects);
        let mut texts: Vec<String> = things.iter().map(Value::to_string).collect();
        // Two artifacts may be called the same: without a digest nothing shows that it is one.
        if let (Some(text), Some(root)) = (texts.first_mut(), things.first())
            && array_of(root, "hashes").next().is_none()
        {
            text.push_str(&part.digest.hex());
        }
        let references: Vec<BTreeSet<String>> = things.iter().map(same::references).collect();
        let mut told = same::told(&texts, map, &references);
        let services = told.split_off(components);
        things.truncate(components);
        let mut root_reference = String::new();
        let mut with_signatures: Vec<(String, Value)> = Vec::new();
        for (place, (mut component, told)) in things.into_iter().zip(told).enumerate() {
            let reference = component.get("bom-ref").and_then(Value::as_str).map(str::to_owned);
            if let Some(known) = self.units.get(&told) {
                self.shared = self.shared.saturating_add(1);
                names.extend(known.clone());
            } else {
                let was = signed::is_signed(&component).then(|| component.clone());
                let own = self.freed(&mut component, &short);
                let changed = reference.as_ref().is_some_and(|reference| own.get(reference) != Some(reference));
                self.renamed = self.renamed.saturating_add(usize::from(changed));
                names.extend(own.clone());
                let key = reference.as_ref().and_then(|reference| own.get(reference)).cloned();
                let key = key.unwrap_or_else(|| format!("\u{10ffff}{told}"));
                with_signatures.extend(was.map(|was| (key.clone(), was)));
                self.components.insert(key, component);
                self.units.insert(told, own);
            }
            if let (0, Some(reference)) = (place, reference) {
                root_reference = names.get(&reference).cloned().unwrap_or(reference);
            }
        }
        self.apart(map, &short, &mut names);
        self.rest(map, &short, &mut names, &services);
        for (key, was) in with_signatures {
            let component = self.components.get_mut(&key);
            if component.is_some_and(|component| signed::taken_off(component, &was, &names)) {
                self.left_out.insert(signed::told("components"));
            }
        }
        self.completeness(map, &names, &root_reference);
        self.known.take(map, &names);
        for holder in taken.holders {
            let name = names.get(&holder).cloned().unwrap_or(holder);
            if let Some(said) = self.aggregates.get_mut(&("assemblies", name)) {
                said.insert("incomplete".to_owned());
            }
        }
        if more {
            self.left_out.insert("metadata.properties".to_owned());
        }
        self.tools(metadata);
        Ok(root_reference)
    }

    /// What our own documents say of the build they are of (for which target, with which features) is kept with what they are about,
    /// since the merged document is of several. Whether there is more that is not carried.
    fn build(metadata: Option<&Value>, root: &mut Value) -> bool {
        let all = metadata.map(|metadata| array_of(metadata, "properties")).into_iter().flatten();
        let name = |one: &Value| one.get("name").and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
        let (own, others): (Vec<&Value>, Vec<&Value>) = all.partition(|one| name(one).starts_with("countersign:"));
        let known: BTreeSet<String> = array_of(root, "properties").map(name).collect();
        let more: Vec<Value> = own.into_iter().filter(|one| !known.contains(&name(one))).cloned().collect();
        if let (false, Some(map)) = (more.is_empty(), root.as_object_mut()) {
            let list = map.entry("properties").or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.extend(more);
            }
        }
        !others.is_empty()
    }

    /// Gives everything in a new unit that has a reference a free one; what each is called now.
    fn freed(&mut self, unit: &mut Value, short: &str) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        let mut waiting = vec![unit];
        while let Some(value) = waiting.pop() {
            match value {
                Value::Array(list) => waiting.extend(list.iter_mut()),
                Value::Object(map) => {
                    if let Some(Value::String(reference)) = map.get_mut("bom-ref") {
                        let mut tries = std::iter::once(reference.clone()).chain(others(reference, short));
                        let free = |name: &String| !self.taken.contains(name) && !self.unlisted.contains(name);
                        let new = tries.find(free).unwrap_or_else(|| reference.clone());
                        self.taken.insert(new.clone());
                        names.insert(std::mem::replace(reference, new.clone()), new);
                    }
                    waiting.extend(map.values_mut());
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        names
    }

    /// What a part says of something that it does not list is said of nothing that another part lists under that name: there it may be
    /// another thing. Its name stays where no part lists it.
    fn apart(&mut self, map: &Map<String, Value>, short: &str, names: &mut BTreeMap<String, String>) {
        let own: BTreeSet<String> = LISTS.iter().flat_map(|key| array(map, key)).flat_map(same::references).collect();
        for reference in mentioned(map) {
            // A document that is named by its own number is the same one for everybody.
            if own.contains(&reference) || names.contains_key(&reference) || reference.starts_with("urn:cdx:") {
                continue;
            }
            let mut new = reference.clone();
            if self.listed.contains(&new) || self.taken.contains(&new) {
                let sets = [&self.listed, &self.taken, &self.unlisted];
                let free = |name: &String| sets.iter().all(|set| !set.contains(name));
                new = others(&reference, short).find(free).unwrap_or(new);
            }
            self.unlisted.insert(new.clone());
            names.insert(reference, new);
        }
    }

    fn rest(
        &mut self,
        map: &Map<String, Value>,
        short: &str,
        names: &mut BTreeMap<String, String>,
        services: &[String],
    ) {
        let mut added: Vec<(&'static str, usize, &Value)> = Vec::new();
        for key in LISTS {
            for (place, was) in array(map, key).enumerate() {
                let mut item = was.clone();
                // What it is about may be called otherwise in another part, and then it says something else.
                renamed(&mut item, names);
                item.sort_all_objects();
                let told = services.get(place).filter(|_| key == "services");
                let content = told.map_or_else(|| format!("{key} {item}"), |told| format!("{key} {told}"));
                if let Some(known) = self.units.get(&content) {
                    names.extend(known.clone());
                    continue;
                }
                let own = self.freed(&mut item, short);
                renamed(&mut item, &own);
                names.extend(own.clone());
                self.units.insert(content, own);
                let list = self.lists.entry(key).or_default();
                added.push((key, list.len(), was));
                list.push(item);
            }
        }
        for (key, place, was) in added {
            let item = self.lists.get_mut(key).and_then(|list| list.get_mut(place));
            if item.is_some_and(|item| signed::taken_off(item, was, names)) {
                self.left_out.insert(signed::told(key));
            }
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
        let known = |key: &str| MERGED.contains(&key) || LISTS.contains(&key);
        self.left_out.extend(map.keys().filter(|key| !known(key)).cloned());
        if let Some(metadata) = map.get("metadata").and_then(Value::as_object) {
            let carried = |key: &str| matches!(key, "component" | "tools" | "timestamp" | "lifecycles" | "properties");
            self.left_out.extend(metadata.keys().filter(|key| !carried(key)).map(|key| format!("metadata.{key}")));
        }
    }

    /// What a part says of how much it lists. What it says without a reference is of the whole document: of what that is about, and
    /// of the dependencies of every component that has no entry of its own there.
    fn completeness(&mut self, map: &Map<String, Value>, names: &BTreeMap<String, String>, root: &str) {
        let entries = || array(map, "compositions").filter_map(Value::as_object);
        let own: BTreeSet<&str> =
            entries().flat_map(|entry| array(entry, "dependencies")).filter_map(Value::as_str).collect();
        let name = |reference: &str| names.get(reference).cloned().unwrap_or_else(|| reference.to_owned());
        let root_has_own = own.iter().any(|reference| name(reference) == root);
        for entry in entries() {
            // What all parts say is put together anew.
            let lost = ["bom-ref", "signature"].into_iter().filter(|key| entry.contains_key(*key));
            self.left_out.extend(lost.map(|key| format!("compositions.{key}")));
            let aggregate = entry.get("aggregate").and_then(Value::as_str).unwrap_or("not_specified");
            for kind in ["assemblies", "dependencies", "vulnerabilities"] {
                for reference in array(entry, kind).filter_map(Value::as_str) {
                    self.aggregates.entry((kind, name(reference))).or_default().insert(aggregate.to_owned());
                }
            }
            if !is_of_all(entry) {
                continue;
            }
            self.aggregates.entry(("assemblies", root.to_owned())).or_default().insert(aggregate.to_owned());
            let without = components(map).into_iter().filter(|reference| !own.contains(reference));
            let about = (!root_has_own).then(|| root.to_owned());
            for reference in without.map(name).chain(about) {
                self.aggregates.entry(("dependencies", reference)).or_default().insert(aggregate.to_owned());
            }
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

fn array_of<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Whether an entry of `compositions` names nothing, and is of the whole document.
fn is_of_all(entry: &Map<String, Value>) -> bool {
    ["assemblies", "dependencies", "vulnerabilities"].iter().all(|kind| array(entry, kind).next().is_none())
}

/// The references of what a part is about, and of all its components and services.
fn components(map: &Map<String, Value>) -> BTreeSet<&str> {
    let root = map.get("metadata").and_then(|metadata| metadata.get("component"));
    let mut waiting: Vec<&Value> =
        root.into_iter().chain(array(map, "components")).chain(array(map, "services")).collect();
    let mut found = BTreeSet::new();
    while let Some(component) = waiting.pop() {
        found.extend(component.get("bom-ref").and_then(Value::as_str));
        waiting.extend(array_of(component, "components").chain(array_of(component, "services")));
    }
    found
}

/// What a reference may be called of which the name is taken.
fn others(reference: &str, short: &str) -> impl Iterator<Item = String> + use<> {
    let stem = format!("{reference}#{short}");
    (1_u64..).map(move |number| if number == 1 { stem.clone() } else { format!("{stem}-{number}") })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn merged_as_it_is(parts: &[Value]) -> Merged {
        let part = |value: &Value| Part { digest: Sha256::of(value.to_string().as_bytes()), value: value.clone() };
        let release = Release { name: "r".to_owned(), version: "1".to_owned(), time: None };
        merge(parts.iter().map(part).collect(), &release).unwrap()
    }

    fn merged(parts: &[Value]) -> Value {
        let merged = merged_as_it_is(parts);
        let document = crate::bom::Document::parse(merged.document.to_string().as_bytes()).unwrap();
        assert!(document.bom().unwrap().dangling().is_empty());
        merged.document
    }

    fn part(root: &str, more: Value) -> Value {
        let mut value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": {"type": "application", "name": root, "bom-ref": root}}});
        let Value::Object(more) = more else { panic!("{more}") };
        value.as_object_mut().unwrap().extend(more);
        value
    }

    fn library(reference: &str, licence: &str) -> Value {
        json!({"type": "library", "name": reference, "bom-ref": reference,
            "licenses": [{"license": {"name": licence, "bom-ref": "licence"}}]})
    }

    #[test]
    fn every_reference_in_the_merged_document_is_there_once() {
        let of = |root: &str, licence: &str| {
            let nested =
                json!({"type": "library", "name": "n", "bom-ref": "n", "components": [library("deep", "MIT")]});
            part(
                root,
                json!({"components": [library("a", licence), nested],
                "services": [{"name": root, "bom-ref": "s", "services": [{"name": "t", "bom-ref": "t"}]}],
                "vulnerabilities": [{"bom-ref": "v", "id": "CVE-1", "affects": [{"ref": "a"}]}],
                "annotations": [{"bom-ref": "note", "subjects": ["v"], "annotator": {"individual": {"name": "n"}},
                    "timestamp": "2026-01-01T00:00:00Z", "text": "x"}]}),
            )
        };
        let strip = |mut value: Value| {
            // Of one document no two things have one reference.
            value["components"][1]["components"][0]["licenses"] = json!([]);
            value
        };
        let document = merged(&[strip(of("x", "MIT")), strip(of("y", "Other")), strip(of("z", "Other"))]);
        let vulnerabilities = document["vulnerabilities"].as_array().unwrap();
        assert_eq!((vulnerabilities.len(), document["annotations"].as_array().unwrap().len()), (2, 2));
        for annotation in document["annotations"].as_array().unwrap() {
            assert!(vulnerabilities.iter().any(|one| one["bom-ref"] == annotation["subjects"][0]), "{annotation}");
        }
        assert_eq!(document["components"].as_array().unwrap().len(), 6, "three roots, two of a, one of n");
    }

    #[test]
    fn nothing_is_complete_to_which_a_part_adds_that_does_not_say_so() {
        let complete = json!([{"aggregate": "complete", "dependencies": ["gone"]}]);
        let of = |root: &str, to: &[&str], compositions: &Value| {
            let list = json!([{"type": "library", "name": "b", "bom-ref": "b"}]);
            part(
                root,
                json!({"components": list, "dependencies": [{"ref": "gone", "dependsOn": to}], "compositions": compositions}),
            )
        };
        let none = json!([]);
        let said =
            |one: Value, other: Value| merged_as_it_is(&[one, other]).document["compositions"][0]["aggregate"].clone();
        assert_eq!(said(of("x", &[], &complete), of("y", &["b"], &none)), "unknown");
        assert_eq!(said(of("x", &["b"], &complete), of("y", &["b"], &none)), "complete");
        assert_eq!(said(of("x", &[], &complete), of("y", &["b"], &complete)), "complete");
        // So it is where each part has a reference of its own for one file.
        let of_file = |root: &str, claim: Value| {
            let mut part = of("gone", &["b"], &claim);
            part["metadata"]["component"] = json!({"type": "file", "name": "app", "bom-ref": root,
                "hashes": [{"alg": "SHA-256", "content": "a".repeat(64)}]});
            part["dependencies"] = json!([{"ref": root, "dependsOn": if claim == none { vec!["b"] } else { vec![] }}]);
            part
        };
        let claim = json!([{"aggregate": "complete", "dependencies": ["one"]}]);
        assert_eq!(said(of_file("one", claim), of_file("two", none.clone())), "unknown");
    }

    #[test]
    fn what_a_part_says_of_something_that_it_does_not_list_is_said_of_no_other_parts() {
        let one = part(
            "a",
            json!({"components": [{"type": "library", "name": "evil", "bom-ref": "evil"}],
                "dependencies": [{"ref": "a", "dependsOn": ["x"]}, {"ref": "x", "dependsOn": ["evil"]}],
                "compositions": [{"aggregate": "complete", "dependencies": ["x"]}],
                "vulnerabilities": [{"id": "CVE-1", "analysis": {"state": "not_affected"}, "affects": [{"ref": "x"}]}]}),
        );
        let other = part(
            "b",
            json!({"components": [{"type": "library", "name": "x", "bom-ref": "x"}],
                "dependencies": [{"ref": "b", "dependsOn": ["x"]}]}),
        );
        let document = merged_as_it_is(&[one.clone(), other]).document;
        let short: String = Sha256::of(one.to_string().as_bytes()).hex().chars().take(16).collect();
        let own = format!("x#{short}");
        let edges = edges(&document);
        assert_eq!(edges["b"], BTreeSet::from(["x".to_owned()]));
        assert_eq!((edges.get("x"), &edges[&own]), (None, &BTreeSet::from(["evil".to_owned()])));
        assert_eq!(document["compositions"], json!([{"aggregate": "complete", "dependencies": [own]}]));
        assert_eq!(document["vulnerabilities"][0]["affects"], json!([{"ref": own}]));
        let dangling = crate::bom::Document::parse(document.to_string().as_bytes()).unwrap().bom().unwrap();
        assert_eq!(dangling.dangling(), BTreeSet::from([own.as_str()]));
    }

    #[test]
    fn how_much_a_whole_document_lists_is_said_of_what_it_is_about() {
        let document =
            merged(&[part("a", json!({"compositions": [{"aggregate": "incomplete"}]})), part("b", json!({}))]);
        let of = |kind: &str| json!({"aggregate": "incomplete", kind: ["a"]});
        assert_eq!(document["compositions"], json!([of("assemblies"), of("dependencies")]));
    }

    #[test]
    fn how_much_a_whole_document_lists_is_said_of_each_of_its_components_too() {
        let of = |root: &str, compositions: Value| {
            let list = ["x", "y"].map(|name| json!({"type": "library", "name": name, "bom-ref": name}));
            let edges = json!([{"ref": root, "dependsOn": ["x"]}, {"ref": "x"}, {"ref": "y"}]);
            part(root, json!({"components": list, "dependencies": edges, "compositions": compositions}))
        };
        let open = |document: &Value| {
            let bom = crate::bom::Document::parse(document.to_string().as_bytes()).unwrap().bom().unwrap();
            let all: Vec<String> = bom.without_all_dependencies().map(|item| item.reference.clone()).collect();
            all.join(" ")
        };
        let whole = json!([{"aggregate": "incomplete"}]);
        assert_eq!(open(&of("a", whole.clone())), "a x y");
        assert_eq!(open(&merged(&[of("a", whole.clone()), of("b", whole)])), "a b x y");
        let mixed = |root: &str| {
            let own = json!({"aggregate": "complete", "dependencies": [root, "x"]});
            of(root, json!([{"aggregate": "incomplete"}, own]))
        };
        assert_eq!(open(&mixed("a")), "y");
        assert_eq!(open(&merged(&[mixed("a"), mixed("b")])), "y");
        assert_eq!(open(&merged(&[of("a", json!([{"aggregate": "complete"}])), mixed("b")])), "y");
    }

    /// A binary that needs `errno`, which needs what it does on one system.
    fn built_for(target: &str, root: &Value, errno_needs: &[&str]) -> Value {
        let library = |name: &str| json!({"type": "library", "name": name, "bom-ref": name});
        let mut value = part(
            "app",
            json!({"components": [library("errno"), library("libc"), library("win")], "dependencies": [
                {"ref": "app", "dependsOn": ["errno"]}, {"ref": "errno", "dependsOn": errno_needs},
                {"ref": "libc", "dependsOn": []}, {"ref": "win", "dependsOn": []}]}),
        );
        value["metadata"]["properties"] = json!([{"name": "countersign:target", "value": target}]);
        root.as_object().unwrap().iter().for_each(|(key, of)| value["metadata"]["component"][key] = of.clone());
        value
    }

    fn edges(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let of =
            |entry: &Value| (text(&entry["ref"]), entry["dependsOn"].as_array().unwrap().iter().map(text).collect());
        document["dependencies"].as_array().unwrap().iter().map(of).collect()
    }

    #[test]
    fn what_parts_say_other_dependencies_of_stays_several_with_all_that_leads_there() {
        let digest = json!({"hashes": [{"alg": "SHA-256", "content": "00"}]});
        for root in [json!({}), digest] {
            let document = merged(&[built_for("linux", &root, &["libc"]), built_for("windows", &root, &["win"])]);
            let names = |name: &str| -> Vec<String> {
                let all = document["components"].as_array().unwrap().iter();
                all.filter(|one| one["name"] == name).map(|one| one["bom-ref"].as_str().unwrap().to_owned()).collect()
            };
            assert_eq!((names("app").len(), names("errno").len(), names("libc").len()), (2, 2, 1));
            let edges = edges(&document);
            let mut needs: Vec<Vec<&str>> = names("app")
                .iter()
                .map(|app| {
                    let errno = edges[app].iter().next().unwrap();
                    edges[errno].iter().map(String::as_str).collect()
                })
                .collect();
            needs.sort();
            assert_eq!(needs, [["libc"], ["win"]], "each binary needs what its own system has");
            let target = |one: &Value| one["properties"][0]["value"].clone();
            let all = document["components"].as_array().unwrap().iter();
            let targets: BTreeSet<String> =
                all.filter(|one| one["name"] == "app").map(|one| target(one).to_string()).collect();
            assert_eq!(targets, ["\"linux\"", "\"windows\""].map(str::to_owned).into());
        }
    }

    #[test]
    fn an_address_of_a_document_goes_to_what_that_document_is_about() {
        let of = |root: &str| {
            part(
                root,
                json!({"externalReferences": [{"type": "website", "url": format!("https://{root}.example.com")}]}),
            )
        };
        let document = merged(&[of("a"), of("b")]);
        assert_eq!(document.get("externalReferences"), None);
        for one in document["components"].as_array().unwrap() {
            let url = format!("https://{}.example.com", one["name"].as_str().unwrap());
            assert_eq!(one["externalReferences"], json!([{"type": "website", "url": url}]));
        }
    }

    #[test]
    fn two_artifacts_of_one_name_are_one_only_by_their_digest() {
        let more = |value: Value| {
            let mut value = value;
            value["version"] = json!(2);
            value
        };
        let roots = |root: &Value| {
            let one = built_for("linux", root, &["libc"]);
            merged(&[one.clone(), more(one)])["dependencies"].as_array().unwrap().iter().find_map(|entry| {
                let release = entry["ref"].as_str().unwrap().starts_with("release:");
                release.then(|| entry["dependsOn"].as_array().unwrap().len())
            })
        };
        assert_eq!(roots(&json!({})), Some(2));
        assert_eq!(roots(&json!({"hashes": [{"alg": "SHA-256", "content": "00"}]})), Some(1));
    }

    #[test]
    fn circles_are_the_same_where_all_that_they_lead_to_is() {
        let circle = |root: &str, more: &[&str]| {
            let library = |name: &str| json!({"type": "library", "name": name, "bom-ref": name});
            part(
                root,
                json!({"components": [library("a"), library("b"), library("c")], "dependencies": [
                    {"ref": "a", "dependsOn": ["b"]}, {"ref": "b", "dependsOn": ["a", "c"]}, {"ref": "c", "dependsOn": more}]}),
            )
        };
        let count = |one: Value, other: Value| merged(&[one, other])["components"].as_array().unwrap().len();
        assert_eq!(count(circle("x", &[]), circle("y", &[])), 5);
        assert_eq!(count(circle("x", &[]), circle("y", &["c"])), 8);
    }

    #[test]
    fn a_chain_of_fifty_thousand_in_two_parts_is_listed_once() {
        let chain = |root: &str| {
            let component = |at: usize| json!({"type": "library", "name": "n", "bom-ref": format!("n{at}")});
            let edge = |at: usize| json!({"ref": format!("n{at}"), "dependsOn": [format!("n{}", at + 1)]});
            let components: Vec<Value> = (0..50_000).map(component).collect();
            let edges: Vec<Value> = (0..49_999).map(edge).collect();
            part(root, json!({"components": components, "dependencies": edges}))
        };
        let merged = merged_as_it_is(&[chain("x"), chain("y")]);
        assert_eq!((merged.shared, merged.renamed), (50_000, 0));
    }
}
