//! Whether a document holds to the published schema of its format. The schemas lie in this crate; nothing is fetched.

use crate::bom::{Document, Format, SPDX_3};
use jsonschema::{
    Validator,
    error::{ValidationError, ValidationErrorKind},
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::OnceLock};

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
pub(crate) const LISTED: usize = 100;

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

/// An e-mail address in any script: what stands before the sign and behind it is not judged.
fn is_address(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(who, host)| !who.trim().is_empty() && !host.trim().is_empty())
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
    let options = jsonschema::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .with_format("idn-email", is_address)
        .offline();
    let mut schema = parsed(schema)?;
    // Of SPDX 3.0 only the schema of 3.0.1 lies here; that of 3.0.0 has the same rules but for the context.
    if let Some(context) = schema.pointer_mut("/properties/@context").filter(|_| format == Format::Spdx3) {
        *context = serde_json::json!({ "enum": SPDX_3 });
    }
    // The published strict schemas allow one value of `$schema`, which is not even that of their own revision. Tools name
    // the revision that they were written for.
    if let Some(revisions) = revisions(format)
        && let Some(allowed) = schema.pointer_mut("/properties/$schema/enum")
    {
        *allowed = serde_json::json!(revisions);
    }
    options.build(&schema).map_err(|error| error.masked().to_string())
}

/// The published revisions of the schema of one version, by the address that a document may name. They differ in what the
/// schema allows nowhere but in repairs of the schema itself; a document of any of them is held against the newest.
fn revisions(format: Format) -> Option<&'static [&'static str]> {
    match format {
        Format::CycloneDx("1.2") => Some(&[
            "http://cyclonedx.org/schema/bom-1.2.schema.json",
            "http://cyclonedx.org/schema/bom-1.2a.schema.json",
            "http://cyclonedx.org/schema/bom-1.2b.schema.json",
        ]),
        Format::CycloneDx("1.3") => Some(&[
            "http://cyclonedx.org/schema/bom-1.3.schema.json",
            "http://cyclonedx.org/schema/bom-1.3a.schema.json",
        ]),
        // Of later versions there is one each.
        Format::CycloneDx(_) | Format::Spdx2 | Format::Spdx3 | Format::Made => None,
    }
}

fn faults(validator: &Validator, value: &Value) -> Faults {
    let mut faults = Faults::default();
    if validator.is_valid(value) {
        return faults;
    }
    let mut of_others = Vec::new();
    for error in validator.iter_errors(value) {
        let found = fault(&error);
        if faults.listed.len().saturating_add(of_others.len()) >= LISTED {
            faults.more = faults.more.saturating_add(1);
        } else if follows(&error) {
            of_others.push(found);
        } else {
            faults.listed.push(found);
        }
    }
    // Where a type's own rules do not hold, none of its properties counts as known: what does not hold says more.
    let told = |other: &Fault| {
        let below = format!("{}/", other.at);
        faults.listed.iter().any(|fault| fault.at == other.at || fault.at.starts_with(&below))
    };
    of_others.retain(|other| !told(other));
    faults.listed.extend(of_others);
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
        // One that is for a value of another kind altogether is farther than one that finds something inside the value.
        let at = error.instance_path().to_string();
        let farness =
            |branch: &[ValidationError<'_>]| (branch.iter().any(|inner| of_another_kind(inner, &at)), branch.len());
        let nearest = fitting.fold(first, |best, branch| if farness(branch) < farness(best) { branch } else { best });
        let cause = nearest.iter().find(|inner| !follows(inner));
        let Some(next) = cause.or_else(|| nearest.first()) else { break };
        error = next;
    }
    let what: String = error.masked().to_string().chars().take(300).collect();
    Fault { at: error.instance_path().to_string(), what }
}

/// Whether it may be no more than what follows from another one.
fn follows(error: &ValidationError<'_>) -> bool {
    matches!(error.kind(), ValidationErrorKind::UnevaluatedProperties { .. })
}

/// Whether it says that the value at this place should be of another kind, such as a text, or one of several such.
fn of_another_kind(error: &ValidationError<'_>, at: &str) -> bool {
    if error.instance_path().to_string() != at {
        return false;
    }
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } = error.kind() {
        return context.iter().all(|branch| branch.iter().any(|inner| of_another_kind(inner, at)));
    }
    matches!(error.kind(), ValidationErrorKind::Type { .. })
}

/// The schema of SPDX 3 says of what has another type that it would have to be the text `Not a TYPE`.
fn of_another_type(error: &ValidationError<'_>) -> bool {
    let ValidationErrorKind::Constant { expected_value } = error.kind() else { return false };
    expected_value.as_str().is_some_and(|text| text.starts_with("Not a"))
}

const SHARED: [(&str, &str); 3] = [
    ("spdx", LICENCES),
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

/// The identifiers of licences that CycloneDX's own schemas know.
const LICENCES: &str = include_str!("../third-party/spdx.schema.json");

/// Whether CycloneDX takes it as the identifier of a licence.
pub(crate) fn is_licence_id(text: &str) -> bool {
    static KNOWN: OnceLock<BTreeSet<String>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let schema: Value = serde_json::from_str(LICENCES).unwrap_or_default();
        let all = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    });
    known.contains(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(version: &'static str, schema: &str) -> Vec<Fault> {
        let value = serde_json::json!({
            "$schema": schema, "bomFormat": "CycloneDX", "specVersion": version, "version": 1, "components": []});
        check(&Document { format: Format::CycloneDx(version), value }).unwrap().listed
    }

    #[test]
    fn of_what_does_not_hold_the_cause_is_named_and_not_what_follows_from_it() {
        let value = serde_json::json!({
            "@context": SPDX_3[1],
            "@graph": [
                { "type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-01-01T00:00:00Z",
                  "createdBy": ["https://example.com/p"] },
                { "type": "Person", "spdxId": "https://example.com/p", "creationInfo": "_:c", "name": "A" },
                { "type": "software_Package", "spdxId": "https://example.com/a", "creationInfo": "_:c", "name": "a",
                  "externalRef": [{ "type": "ExternalRef", "externalRefType": "buildMeta", "locator": "https://example.com/m" }] },
            ],
        });
        let faults = check(&Document { format: Format::Spdx3, value }).unwrap();
        let said: Vec<(&str, &str)> = faults.listed.iter().map(|fault| (&*fault.at, &*fault.what)).collect();
        assert_eq!(said, [("/@graph/2/externalRef/0/locator", "value is not of type \"array\"")]);
    }

    #[test]
    fn each_published_revision_of_a_schema_may_be_named_and_no_other() {
        let address = |revision: &str| format!("http://cyclonedx.org/schema/bom-{revision}.schema.json");
        let known = [
            ("1.2", ["1.2", "1.2a", "1.2b"].as_slice()),
            ("1.3", &["1.3", "1.3a"]),
            ("1.4", &["1.4"]),
            ("1.5", &["1.5"]),
            ("1.6", &["1.6"]),
            ("1.7", &["1.7"]),
        ];
        for (version, revisions) in known {
            for revision in revisions {
                assert_eq!(named(version, &address(revision)), [], "{version} as {revision}");
            }
            // The published schemas of these say nothing of it.
            if matches!(version, "1.6" | "1.7") {
                continue;
            }
            for other in ["1.2c", "1.3b", "1.4a", "1.5a", "1.8", "1.2b-strict"] {
                let faults = named(version, &address(other));
                assert_eq!(faults.len(), 1, "{version} as {other}");
                assert_eq!(faults[0].at, "/$schema");
            }
            for (other, revisions) in known.iter().filter(|(other, _)| *other != version) {
                for revision in *revisions {
                    assert_eq!(named(version, &address(revision)).len(), 1, "{version} as {revision} of {other}");
                }
            }
            assert_eq!(named(version, &address(version).replace("http:", "https:")).len(), 1);
        }
    }
}
