//! A view of another format's document as CycloneDX, which names the digest of the bytes that it is a view of.

use crate::bom::{Bom, write};
use countersign_core::{digest::Sha256, time::Time};
use serde_json::{Value, json};

/// The document. Its serial number follows from what it says.
#[must_use]
pub fn to_cyclonedx(bom: &Bom, source: &Sha256, time: Option<Time>) -> Value {
    let mut document = write::document(bom, time);
    let said = json!([
        { "name": "countersign:ingested", "value": source.to_string() },
        { "name": "countersign:ingested-format", "value": bom.format.to_string() },
    ]);
    if let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("properties".to_owned(), said);
    }
    if let Some(map) = document.as_object_mut() {
        map.remove("serialNumber");
    }
    write::with_serial(&mut document);
    document
}
