//! A view written as CycloneDX 1.6: what was made from lock files and binaries, and what came as SPDX. The same view and
//! facts give the same bytes.

use super::{Bom, File, Item};
use crate::cyclonedx::serial_number;
use countersign_core::time::Time;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What CycloneDX 1.6 knows as an algorithm of a hash.
const ALGORITHMS: [&str; 12] = [
    "MD5",
    "SHA-1",
    "SHA-256",
    "SHA-384",
    "SHA-512",
    "SHA3-256",
    "SHA3-384",
    "SHA3-512",
    "BLAKE2b-256",
    "BLAKE2b-384",
    "BLAKE2b-512",
    "BLAKE3",
];

/// What CycloneDX 1.6 knows as a kind of component.
const KINDS: [&str; 13] = [
    "application",
    "framework",
    "library",
    "container",
    "platform",
    "operating-system",
    "device",
    "device-driver",
    "firmware",
    "file",
    "machine-learning-model",
    "data",
    "cryptographic-asset",
];

/// The document.
pub(crate) fn document(bom: &Bom, time: Option<Time>) -> Value {
    let mut metadata = Map::new();
    let time = time.map(|time| time.to_string()).or_else(|| bom.about.time.clone());
    if let Some(time) = time {
        metadata.insert("timestamp".to_owned(), time.into());
    }
    if !bom.about.phases.is_empty() {
        let phases: Vec<Value> = bom.about.phases.iter().map(|phase| json!({ "phase": phase })).collect();
        metadata.insert("lifecycles".to_owned(), phases.into());
    }
    let tools = once_each(&bom.about.tools).map(|tool| json!({ "type": "application", "name": tool }));
    let tools: Vec<Value> = std::iter::once(tool()).chain(tools).collect();
    metadata.insert("tools".to_owned(), json!({ "components": tools }));
    if !bom.about.authors.is_empty() {
        let authors: Vec<Value> = once_each(&bom.about.authors).map(|name| json!({ "name": name })).collect();
        metadata.insert("authors".to_owned(), authors.into());
    }
    if let Some(root) = &bom.root {
        metadata.insert("component".to_owned(), component(root));
    }
    let mut items: Vec<&Item> = bom.items.iter().collect();
    items.sort_by(|a, b| a.reference.cmp(&b.reference));
    let dependencies: Vec<Value> = bom.edges.iter().map(|(from, to)| json!({ "ref": from, "dependsOn": to })).collect();
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "components": items.into_iter().map(component).collect::<Vec<_>>(),
        "dependencies": dependencies,
        "compositions": compositions(bom),
    });
    with_serial(&mut document);
    document
}

/// The serial number follows the content: keys are sorted, whatever order a library would keep them in.
pub(crate) fn with_serial(document: &mut Value) {
    document.sort_all_objects();
    let serial = serial_number(document.to_string().as_bytes());
    if let Some(map) = document.as_object_mut() {
        map.insert("serialNumber".to_owned(), serial.into());
    }
    document.sort_all_objects();
}

/// In order, what stands there twice only once: the schema takes no doubles.
fn once_each(names: &[String]) -> impl Iterator<Item = &String> {
    let mut seen = BTreeSet::new();
    names.iter().filter(move |name| seen.insert(name.as_str()))
}

pub(crate) fn tool() -> Value {
    json!({ "type": "application", "name": "countersign", "version": env!("CARGO_PKG_VERSION") })
}

fn compositions(bom: &Bom) -> Vec<Value> {
    let mut by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (reference, aggregate) in &bom.aggregates {
        by.entry(aggregate).or_default().push(reference);
    }
    by.into_iter()
        .map(|(aggregate, references)| json!({ "aggregate": aggregate, "dependencies": references }))
        .collect()
}

fn component(item: &Item) -> Value {
    let mut map = Map::new();
    let kind = KINDS.into_iter().find(|kind| *kind == item.kind).unwrap_or("library");
    map.insert("type".to_owned(), kind.into());
    map.insert("bom-ref".to_owned(), item.reference.clone().into());
    map.insert("name".to_owned(), item.name.clone().into());
    let mut put = |key: &str, value: Option<&String>| {
        if let Some(value) = value {
            map.insert(key.to_owned(), value.clone().into());
        }
    };
    put("version", item.version.as_ref());
    put("purl", item.purl.as_ref());
    if let Some(supplier) = &item.supplier {
        map.insert("supplier".to_owned(), json!({ "name": supplier }));
    }
    map.insert("scope".to_owned(), item.scope.word().into());
    for key in ["copyright", "cpe", "description"] {
        map.extend(item.words.get(key).map(|said| (key.to_owned(), said.clone().into())));
    }
    let own = hashes(&item.hashes);
    let files: Vec<Value> = item.files.iter().filter_map(distribution).collect();
    // Digests of files that have no address have to stand somewhere: those of an only file with the component.
    let homeless: Vec<&File> = item.files.iter().filter(|file| !has_address(file) && !file.hashes.is_empty()).collect();
    let digest = |(algorithm, value): (&String, &String)| json!({ "name": super::FILE_DIGEST, "value": format!("{algorithm}:{value}") });
    let has_no_place = |(algorithm, _): &(&String, &String)| !ALGORITHMS.contains(&algorithm.as_str());
    let mut properties: Vec<Value> = item.hashes.iter().filter(has_no_place).map(digest).collect();
    match &homeless[..] {
        [] if !own.is_empty() => {
            map.insert("hashes".to_owned(), own.into());
        }
        [only] if own.is_empty() && files.is_empty() => {
            map.insert("hashes".to_owned(), hashes(&only.hashes).into());
        }
        several => {
            if !own.is_empty() {
                map.insert("hashes".to_owned(), own.into());
            }
            properties.extend(several.iter().flat_map(|file| &file.hashes).map(digest));
        }
    }
    let website = item.words.get("website").filter(|url| is_address(url));
    let website = website.map(|url| json!({ "type": "website", "url": url }));
    let addresses: Vec<Value> = files.into_iter().chain(website).collect();
    if !addresses.is_empty() {
        map.insert("externalReferences".to_owned(), addresses.into());
    }
    let licences = licences(item);
    if !licences.is_empty() {
        map.insert("licenses".to_owned(), licences.into());
    }
    properties.extend(item.properties.iter().map(|(name, value)| json!({ "name": name, "value": value })));
    let says = item.properties.iter().any(|(name, _)| name == super::cyclonedx::LINKED);
    if let Some(linked) = item.linked.filter(|_| !says) {
        properties.push(json!({ "name": super::cyclonedx::LINKED, "value": linked.to_string() }));
    }
    if !properties.is_empty() {
        map.insert("properties".to_owned(), properties.into());
    }
    Value::Object(map)
}

fn hashes(all: &BTreeMap<String, String>) -> Vec<Value> {
    all.iter()
        .filter(|(algorithm, value)| ALGORITHMS.contains(&algorithm.as_str()) && has_length(algorithm, value))
        .map(|(algorithm, value)| json!({ "alg": algorithm, "content": value }))
        .collect()
}

fn has_address(file: &File) -> bool {
    file.url.as_deref().is_some_and(is_address)
}

fn distribution(file: &File) -> Option<Value> {
    let url = file.url.as_deref().filter(|url| is_address(url))?;
    let mut reference = json!({ "type": "distribution", "url": url });
    let hashes = hashes(&file.hashes);
    if !hashes.is_empty()
        && let Some(map) = reference.as_object_mut()
    {
        map.insert("hashes".to_owned(), hashes.into());
    }
    Some(reference)
}

/// CycloneDX takes one expression, or a list of identifiers and names. Who said it is told where it is told apart.
fn licences(item: &Item) -> Vec<Value> {
    let said = |text: &String| match (item.declared.contains(text), item.concluded.contains(text)) {
        (true, false) => Some("declared"),
        (false, true) => Some("concluded"),
        (true, true) | (false, false) => None,
    };
    let with = |mut value: Value, text: &String| {
        if let (Some(said), Some(map)) = (said(text), value.as_object_mut()) {
            map.insert("acknowledgement".to_owned(), said.into());
        }
        value
    };
    let mut all = item.licences.iter();
    match (all.next(), all.next()) {
        (Some(only), None) if crate::inventory::is_spdx(only) => vec![with(json!({ "expression": only }), only)],
        _ => item
            .licences
            .iter()
            .map(|text| {
                let key = if crate::schema::is_licence_id(text) { "id" } else { "name" };
                json!({ "license": with(json!({ key: text }), text) })
            })
            .collect(),
    }
}

fn has_length(algorithm: &str, value: &str) -> bool {
    let bits = match algorithm {
        "MD5" => 128,
        "SHA-1" => 160,
        other => other.rsplit('-').next().and_then(|bits| bits.parse().ok()).unwrap_or(256),
    };
    value.len().saturating_mul(4) == bits && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_address(url: &str) -> bool {
    let web = ["https://", "http://", "git+https://", "git+ssh://"].iter().any(|scheme| url.starts_with(scheme));
    web && url.bytes().all(|byte| {
        byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_have_their_identifier_and_who_said_them() {
        let mut item = Item::default();
        item.take_licence("MIT", false);
        assert_eq!(licences(&item), [json!({"expression": "MIT", "acknowledgement": "declared"})]);
        item.take_licence("MIT", true);
        assert_eq!(licences(&item), [json!({"expression": "MIT"})]);
        item.take_licence("Apache-2.0 OR ISC", true);
        item.licences.insert("Our own".to_owned());
        assert_eq!(
            licences(&item),
            [
                json!({"license": {"name": "Apache-2.0 OR ISC", "acknowledgement": "concluded"}}),
                json!({"license": {"id": "MIT"}}),
                json!({"license": {"name": "Our own"}}),
            ]
        );
    }

    #[test]
    fn a_tool_that_is_named_twice_stands_there_once() {
        let mut bom = Bom::made();
        bom.about.tools = ["b 1", "a 1", "b 1"].map(str::to_owned).to_vec();
        let document = document(&bom, None);
        let tools = document["metadata"]["tools"]["components"].as_array().unwrap();
        let names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["countersign", "b 1", "a 1"]);
    }
}
