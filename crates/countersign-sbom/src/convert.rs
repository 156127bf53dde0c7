//! A view of another format's document as CycloneDX, which names the digest of the bytes that it is a view of.

use crate::{
    Facts, Organization, People,
    bom::{Bom, write},
    cyclonedx::unknown,
};
use countersign_core::{cyclonedx::WORKSPACE_MEMBER, digest::Sha256, time::Time};
use serde_json::{Map, Value, json};

/// The view of an ingested document. Its serial number follows from what it says.
#[must_use]
pub fn to_cyclonedx(bom: &Bom, source: &Sha256, time: Option<Time>) -> Value {
    with_properties(
        write::document(bom, time),
        &json!([
            { "name": "countersign:ingested", "value": source.to_string() },
            { "name": "countersign:ingested-format", "value": bom.format.to_string() },
        ]),
    )
}

/// The document of what another package manager or a compiler left, with the digest of the file and what only people know
/// of the project. Of these facts the digests of the artifact are not written: they are the root's own. Where what only builds or tests
/// was left out, the document says so: its lists are all of what runs, and not of what the file has.
#[must_use]
pub fn made_to_cyclonedx(bom: &Bom, source: Option<&Sha256>, read_as: &str, without_dev: bool, facts: &Facts) -> Value {
    let mut properties = vec![json!({ "name": "countersign:made-from", "value": read_as })];
    if let Some(source) = source {
        properties.push(json!({ "name": "countersign:made-from-digest", "value": source.to_string() }));
    }
    if without_dev {
        properties.push(json!({ "name": "countersign:left-out", "value": "development" }));
    }
    let missing = unknown(facts);
    if !missing.is_empty() {
        properties.push(json!({ "name": "countersign:unknown", "value": missing.join(",") }));
    }
    let mut document = write::document(bom, facts.time);
    say_people(&mut document, &facts.people);
    with_properties(document, &properties.into())
}

/// Of the document, of what it is about, and of the project's own parts; never of what others made.
fn say_people(document: &mut Value, people: &People) {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        let authors = people.authors.iter().map(|person| match &person.email {
            Some(email) => json!({ "name": person.name, "email": email }),
            None => json!({ "name": person.name }),
        });
        let authors: Vec<Value> = authors.collect();
        if !authors.is_empty() {
            metadata.insert("authors".to_owned(), authors.into());
        }
        if let Some(supplier) = &people.supplier {
            metadata.insert("supplier".to_owned(), organisation(supplier));
        }
        if let Some(root) = metadata.get_mut("component").and_then(Value::as_object_mut) {
            say_own(root, people);
            if let Some(contact) = &people.security_contact {
                let reference = json!({ "type": "security-contact", "url": contact });
                let references = root.entry("externalReferences").or_insert_with(|| json!([]));
                references.as_array_mut().into_iter().for_each(|list| list.push(reference.clone()));
            }
        }
    }
    let components = document.get_mut("components").and_then(Value::as_array_mut);
    for component in components.into_iter().flatten().filter_map(Value::as_object_mut) {
        let mut properties = component.get("properties").and_then(Value::as_array).into_iter().flatten();
        if properties.any(|property| *property == json!({ "name": WORKSPACE_MEMBER, "value": "true" })) {
            say_own(component, people);
        }
    }
}

fn say_own(component: &mut Map<String, Value>, people: &People) {
    let parts = [
        ("supplier", people.supplier.as_ref().map(organisation)),
        ("manufacturer", people.manufacturer.as_ref().map(organisation)),
        ("copyright", people.copyright.clone().map(Value::from)),
    ];
    component.extend(parts.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
}

fn organisation(of: &Organization) -> Value {
    let mut map = Map::from_iter([("name".to_owned(), Value::from(of.name.clone()))]);
    if !of.urls.is_empty() {
        map.insert("url".to_owned(), json!(of.urls));
    }
    if let Some(email) = &of.email {
        map.insert("contact".to_owned(), json!([{ "email": email }]));
    }
    map.into()
}

fn with_properties(mut document: Value, properties: &Value) -> Value {
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("properties".to_owned(), properties.clone());
    }
    if let Some(map) = document.as_object_mut() {
        map.remove("serialNumber");
    }
    write::with_serial(&mut document);
    document
}
