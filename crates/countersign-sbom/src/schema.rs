//! Whether a document holds to the published schema of its format. The schemas lie in this crate; nothing is fetched.

use crate::bom::{Document, Format, SPDX_3};
use jsonschema::{
    Validator,
    error::{ValidationError, ValidationErrorKind},
};
use serde_json::Value;
use std::sync::OnceLock;

/// One thing in a document that its schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where: a JSON pointer.
    pub at: String,
    /// What is wrong. The value itself is never in it.
    pub what: String,
}

/// A schema of ours that cannot be used: a fault of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema of {format} cannot be used: {why}")]
pub struct SchemaError {
    /// Of which format.
    pub format: String,
    /// Why.
    pub why: String,
}

/// The most faults that are listed; more are counted.
const LISTED: usize = 100;

/// What is wrong with a document, and how many faults there are beyond those that are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first of them.
    pub listed: Vec<Fault>,
    /// How many more.
    pub more: usize,
}

/// Holds a document against the schema of its format.
pub fn check(document: &Document) -> Result<Faults, SchemaError> {
    let refused = |why: String| SchemaError { format: document.format.to_string(), why };
    let validator = ready(document.format).ok_or_else(|| refused("there is none".to_owned()))?;
    Ok(faults(validator.as_ref().map_err(|why| refused(why.clone()))?, &document.value))
}

/// Makes the schema of a version of CycloneDX ready before there is a document, for whoever has time to spare.
pub fn make_ready(version: &'static str) {
    ready(Format::CycloneDx(version));
}

/// Each schema is made ready once.
static READY: [OnceLock<Result<Validator, String>>; 8] = [const { OnceLock::new() }; 8];

fn ready(format: Format) -> Option<&'static Result<Validator, String>> {
    let (place, schema) = schema_of(format)?;
    Some(READY.get(place)?.get_or_init(|| validator(schema, format)))
}

fn validator(schema: &str, format: Format) -> Result<Validator, String> {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| error.to_string());
    let mut registry = jsonschema::Registry::new();
    for (name, text) in SHARED {
        registry = registry
            .add(format!("http://cyclonedx.org/schema/{name}.schema.json"), parsed(text)?)
            .map_err(|error| error.to_string())?;
    }
    let registry = registry.prepare().map_err(|error| error.to_string())?;
    let options = jsonschema::options().with_registry(&registry).should_validate_formats(true).offline();
    let mut schema = parsed(schema)?;
    // Of SPDX 3.0 only the schema of 3.0.1 lies here; that of 3.0.0 has the same rules but for the context.
    if let Some(context) = schema.pointer_mut("/properties/@context").filter(|_| format == Format::Spdx3) {
        *context = serde_json::json!({ "enum": SPDX_3 });
    }
    options.build(&schema).map_err(|error| error.masked().to_string())
}

fn faults(validator: &Validator, value: &Value) -> Faults {
    let mut faults = Faults::default();
    if validator.is_valid(value) {
        return faults;
    }
    for error in validator.iter_errors(value) {
        if faults.listed.len() < LISTED {
            faults.listed.push(fault(&error));
        } else {
            faults.more = faults.more.saturating_add(1);
        }
    }
    faults.listed.dedup();
    faults
}

/// Of alternatives the one that the value comes nearest to says more than that none of them holds.
fn fault(error: &ValidationError<'_>) -> Fault {
    let mut error = error;
    // Alternatives within alternatives are no deeper than the schema, which is ours; the bound is for the reader.
    for _ in 0..8_u8 {
        let (ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context }) = error.kind()
        else {
            break;
        };
        let mut fitting = context.iter().filter(|branch| branch.first().is_some_and(|first| !of_another_type(first)));
        let Some(first) = fitting.next() else {
            let what = "none of the types that the schema has, or none is said".to_owned();
            return Fault { at: error.instance_path().to_string(), what };
        };
        let nearest = fitting.fold(first, |best, branch| if branch.len() < best.len() { branch } else { best });
        let Some(next) = nearest.first() else { break };
        error = next;
    }
    let what: String = error.masked().to_string().chars().take(300).collect();
    Fault { at: error.instance_path().to_string(), what }
}

/// The schema of SPDX 3 says of what has another type that it would have to be the text `Not a TYPE`.
fn of_another_type(error: &ValidationError<'_>) -> bool {
    let ValidationErrorKind::Constant { expected_value } = error.kind() else { return false };
    expected_value.as_str().is_some_and(|text| text.starts_with("Not a"))
}

const SHARED: [(&str, &str); 3] = [
    ("spdx", include_str!("../third-party/spdx.schema.json")),
    ("jsf-0.82", include_str!("../third-party/jsf-0.82.schema.json")),
    ("cryptography-defs", include_str!("../third-party/cryptography-defs.schema.json")),
];

/// The place of each in `READY`, and its text.
fn schema_of(format: Format) -> Option<(usize, &'static str)> {
    Some(match format {
        Format::CycloneDx("1.2") => (0, include_str!("../third-party/bom-1.2-strict.schema.json")),
        Format::CycloneDx("1.3") => (1, include_str!("../third-party/bom-1.3-strict.schema.json")),
        Format::CycloneDx("1.4") => (2, include_str!("../third-party/bom-1.4.schema.json")),
        Format::CycloneDx("1.5") => (3, include_str!("../third-party/bom-1.5.schema.json")),
        Format::CycloneDx("1.6") => (4, include_str!("../third-party/bom-1.6.schema.json")),
        Format::CycloneDx("1.7") => (5, include_str!("../third-party/bom-1.7.schema.json")),
        Format::Spdx2 => (6, include_str!("../schemas/spdx-2.3.schema.json")),
        Format::Spdx3 => (7, include_str!("../third-party/spdx-3.0.1.schema.json")),
        Format::CycloneDx(_) | Format::Made => return None,
    })
}
