//! A view of another format's document as CycloneDX, which names the digest of the bytes that it is a view of.

use crate::bom::{Bom, write};
use countersign_core::{digest::Sha256, time::Time};
use serde_json::{Value, json};

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

/// The document of what another package manager or a compiler left, with the digest of the file.
#[must_use]
pub fn made_to_cyclonedx(bom: &Bom, source: Option<&Sha256>, read_as: &str, time: Option<Time>) -> Value {
    let mut properties = vec![json!({ "name": "countersign:made-from", "value": read_as })];
    if let Some(source) = source {
        properties.push(json!({ "name": "countersign:made-from-digest", "value": source.to_string() }));
    }
    with_properties(write::document(bom, time), &properties.into())
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
