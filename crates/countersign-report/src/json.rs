//! What a verb says with `--format json`: one object whose first field names its own schema.

use crate::escape;
use countersign_core::json::{self, JsonError};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::{Map, Value};

/// The version of the outputs that are written now.
pub const VERSION: &str = "v0.1";
/// Where the schemas of outputs live.
pub const BASE: &str = "https://countersign.dev/schemas/output";

/// The field that names the schema.
const SCHEMA: &str = "schema";

/// Why a body is not the output of a verb.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// It cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is not an object, so there is no place for the name of its schema.
    #[error("the output of {verb} is not an object")]
    NotAnObject {
        /// The verb.
        verb: String,
    },
    /// It has a field of that name already.
    #[error("the output of {verb} has a field `schema` of its own")]
    SchemaField {
        /// The verb.
        verb: String,
    },
}

/// The URI of the schema of a verb's output.
#[must_use]
pub fn schema_uri(verb: &str, version: &str) -> String {
    format!("{BASE}/{verb}/{version}.schema.json")
}

/// A verb's output: two spaces, `schema` first, the other keys sorted, a newline at the end. Characters that could
/// steer a terminal or turn text around are written as JSON escapes, so the values stay exactly what they are.
pub fn document<T: Serialize + ?Sized>(verb: &str, version: &str, body: &T) -> Result<String, DocumentError> {
    let text =
        serde_json::to_string_pretty(&named(verb, version, body)?).map_err(|e| JsonError::Shape(e.to_string()))?;
    Ok(visible(&text))
}

/// The same on one line, for a verb that goes on and says one thing after the other.
pub fn line<T: Serialize + ?Sized>(verb: &str, version: &str, body: &T) -> Result<String, DocumentError> {
    let text = serde_json::to_string(&named(verb, version, body)?).map_err(|e| JsonError::Shape(e.to_string()))?;
    Ok(visible(&text))
}

/// A document of another's form, without a name of ours: the keys sorted, hidden characters as JSON escapes.
pub(crate) fn foreign(value: &Value) -> Result<String, DocumentError> {
    let text = serde_json::to_string_pretty(value).map_err(|e| JsonError::Shape(e.to_string()))?;
    Ok(visible(&text))
}

fn named<T: Serialize + ?Sized>(verb: &str, version: &str, body: &T) -> Result<Named, DocumentError> {
    let Value::Object(body) = json::to_value(body)? else {
        return Err(DocumentError::NotAnObject { verb: verb.to_owned() });
    };
    if body.contains_key(SCHEMA) {
        return Err(DocumentError::SchemaField { verb: verb.to_owned() });
    }
    Ok(Named { schema: schema_uri(verb, version), body })
}

/// The JSON Schema of a verb's output: that of the body, with the field `schema` required.
#[cfg(feature = "schema")]
pub fn document_schema<T: schemars::JsonSchema>(verb: &str, version: &str) -> Result<Value, DocumentError> {
    let settings = schemars::generate::SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    let not_an_object = || DocumentError::NotAnObject { verb: verb.to_owned() };
    let object = schema.as_object_mut().ok_or_else(not_an_object)?;
    let required = object.entry("required").or_insert_with(|| Value::Array(Vec::new()));
    required.as_array_mut().ok_or_else(not_an_object)?.insert(0, SCHEMA.into());
    let properties = object.get_mut("properties").and_then(Value::as_object_mut).ok_or_else(not_an_object)?;
    let field =
        serde_json::json!({ "const": schema_uri(verb, version), "description": "The schema of this document." });
    match properties.insert(SCHEMA.to_owned(), field) {
        None => Ok(schema),
        Some(_) => Err(DocumentError::SchemaField { verb: verb.to_owned() }),
    }
}

struct Named {
    schema: String,
    body: Map<String, Value>,
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.body.len().saturating_add(1)))?;
        map.serialize_entry(SCHEMA, &self.schema)?;
        for (name, value) in &self.body {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The text with hidden characters as JSON escapes. They can only stand inside strings: JSON's own signs are visible,
/// but for the newlines between them.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(1));
    for c in text.chars() {
        if c != '\n' && escape::is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escape::push(&mut out, format_args!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schemas_live_at_our_own_address() {
        assert_eq!(BASE, format!("{}/schemas/output", countersign_core::statement::OUR_BASE));
    }

    #[test]
    fn the_schema_stands_first_and_the_rest_is_sorted() {
        let body = json!({ "verdict": "PASS", "exit": 0, "a": [1, { "z": null }] });
        insta::assert_snapshot!(document("verify", VERSION, &body).unwrap(), @r#"
        {
          "schema": "https://countersign.dev/schemas/output/verify/v0.1.schema.json",
          "a": [
            1,
            {
              "z": null
            }
          ],
          "exit": 0,
          "verdict": "PASS"
        }
        "#);
    }

    #[test]
    fn hidden_characters_are_escaped_and_read_back_as_they_were() {
        let foreign = "\u{1b}[2J \u{9b}1A \u{7f} \u{202e} \u{e0041} \n é 🙂";
        let text = document("verify", VERSION, &json!({ "name": foreign })).unwrap();
        assert!(text.chars().all(|c| c == '\n' || !escape::is_hidden(c)), "{text}");
        assert!(text.contains(r"\u009b1A \u007f \u202e \udb40\udc41 \n é 🙂"), "{text}");
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["name"], foreign);
    }

    #[test]
    fn a_body_without_place_for_its_schema_is_refused() {
        let not_an_object = document("verify", VERSION, &[1, 2]).unwrap_err();
        assert_eq!(not_an_object.to_string(), "the output of verify is not an object");
        let own = document("verify", VERSION, &json!({ "schema": 1 })).unwrap_err();
        assert_eq!(own.to_string(), "the output of verify has a field `schema` of its own");
    }
}
