//! An inventory as CycloneDX 1.6 JSON. The same inventory and facts give the same bytes, always.
//!
//! The order of keys is that of the types below, the order of lists that of the inventory's references. The serial
//! number is derived from the document: a UUID of version 8 (RFC 9562) made of the first 16 bytes of the SHA-256 over
//! the canonical JSON (RFC 8785) of the document without its serial number.

use crate::inventory::{Component, Inventory, Licence, Native, Source};
use countersign_core::{
    cyclonedx::WORKSPACE_MEMBER,
    digest::{Sha256, to_hex},
    json::{self, JsonError},
    time::Time,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// What the document says besides the inventory. All of it comes from the caller: nothing is read or guessed here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// When the document was made; left out where not given.
    pub time: Option<Time>,
    /// The digest of the binary that was built.
    pub artifact: Option<Sha256>,
    /// What compiled it, such as `rustc 1.95.0`.
    pub toolchain: Option<String>,
}

/// How much of the dependencies is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// All.
    Complete,
    /// Not all: the package links native code that is not listed.
    Incomplete,
    /// Perhaps not all: the package has a build script.
    Unknown,
}

impl Known {
    pub(crate) const fn of(component: &Component) -> Self {
        match component.native {
            Native::No => Self::Complete,
            Native::Links(_) => Self::Incomplete,
            Native::Possible => Self::Unknown,
        }
    }
}

/// The document, for people to read: two spaces, a newline at the end.
pub fn write(inventory: &Inventory, facts: &Facts) -> Result<Vec<u8>, JsonError> {
    let mut document = document(inventory, facts);
    document.serial_number = Some(serial_number(&json::canonical(&document)?));
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(|e| JsonError::Shape(e.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

pub(crate) fn serial_number(canonical: &[u8]) -> String {
    let mut id = *Sha256::of(canonical).as_bytes();
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut id;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    let digits = to_hex(&id);
    let hyphened = digits.chars().take(32).enumerate().flat_map(|(place, digit)| {
        let hyphen = matches!(place, 8 | 12 | 16 | 20).then_some('-');
        hyphen.into_iter().chain([digit])
    });
    format!("urn:uuid:{}", hyphened.collect::<String>())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "$schema")]
    schema: &'static str,
    bom_format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    version: u8,
    metadata: Metadata,
    components: Vec<Entry>,
    dependencies: Vec<Dependency>,
    compositions: Vec<Composition>,
}

#[derive(Serialize)]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<Time>,
    lifecycles: [Lifecycle; 1],
    tools: Tools,
    component: Entry,
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Lifecycle {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools {
    components: [Entry; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    r#type: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_references: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

impl Hash {
    fn of(digest: Option<Sha256>) -> Vec<Self> {
        digest.map(|digest| Self { alg: "SHA-256", content: digest.hex() }).into_iter().collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum License {
    License(NamedLicense),
    #[serde(untagged)]
    Expression {
        expression: String,
        acknowledgement: &'static str,
    },
}

#[derive(Serialize)]
struct NamedLicense {
    name: String,
    acknowledgement: &'static str,
}

#[derive(Serialize)]
struct Reference {
    r#type: &'static str,
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
}

#[derive(Serialize)]
struct Property {
    name: &'static str,
    value: String,
}

fn property(name: &'static str, value: impl Into<String>) -> Property {
    Property { name, value: value.into() }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    r#ref: String,
    depends_on: Vec<String>,
}

#[derive(Serialize)]
struct Composition {
    aggregate: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    assemblies: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<String>,
}

fn document(inventory: &Inventory, facts: &Facts) -> Document {
    let everything = || std::iter::once(&inventory.root).chain(&inventory.components);
    let dependencies = everything().map(|component| Dependency {
        r#ref: component.reference.clone(),
        depends_on: component.depends_on.iter().cloned().collect(),
    });
    Document {
        schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
        bom_format: "CycloneDX",
        spec_version: "1.6",
        serial_number: None,
        version: 1,
        metadata: Metadata {
            timestamp: facts.time,
            lifecycles: [Lifecycle { phase: if facts.artifact.is_some() { "build" } else { "pre-build" } }],
            tools: Tools { components: [tool()] },
            component: root(inventory, facts),
            properties: build_properties(inventory, facts),
        },
        components: inventory.components.iter().map(entry).collect(),
        dependencies: dependencies.collect(),
        compositions: compositions(inventory),
    }
}

fn tool() -> Entry {
    Entry {
        r#type: "application",
        reference: None,
        name: "countersign".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scope: None,
        hashes: Vec::new(),
        licenses: Vec::new(),
        purl: None,
        external_references: Vec::new(),
        properties: Vec::new(),
    }
}

/// The binary, with what its package says. It has no package URL: that would name the package, not this build of it.
fn root(inventory: &Inventory, facts: &Facts) -> Entry {
    Entry {
        r#type: "application",
        name: inventory.binary.clone(),
        scope: None,
        hashes: Hash::of(facts.artifact),
        ..entry(&inventory.root)
    }
}

fn build_properties(inventory: &Inventory, facts: &Facts) -> Vec<Property> {
    let build = &inventory.build;
    let mut properties = vec![
        property("countersign:package", &*inventory.root.name),
        property("countersign:binary", &*inventory.binary),
        property("countersign:target", &*build.target),
        property("countersign:host", &*build.host),
        property("countersign:features", joined(&build.features)),
        property("countersign:resolver", build.resolver),
        property("countersign:cargo-lock", build.lock.to_string()),
    ];
    properties.extend(facts.toolchain.as_deref().map(|text| property("countersign:toolchain", text)));
    properties
}

fn entry(component: &Component) -> Entry {
    Entry {
        r#type: "library",
        reference: Some(component.reference.clone()),
        name: component.name.clone(),
        version: component.version.clone(),
        scope: Some(if component.is_linked() { "required" } else { "excluded" }),
        hashes: Hash::of(component.checksum),
        licenses: component.licence.iter().map(license).collect(),
        purl: component.purl.as_ref().map(ToString::to_string),
        external_references: external_references(component),
        properties: component_properties(component),
    }
}

fn license(licence: &Licence) -> License {
    let acknowledgement = "declared";
    match licence {
        Licence::Expression(text) => License::Expression { expression: text.clone(), acknowledgement },
        Licence::Named(name) => License::License(NamedLicense { name: name.clone(), acknowledgement }),
        Licence::File(name) => License::License(NamedLicense { name: format!("file {name}"), acknowledgement }),
    }
}

fn external_references(component: &Component) -> Vec<Reference> {
    let (name, version) = (&component.name, &component.version);
    match &component.source {
        Source::CratesIo => vec![Reference {
            r#type: "distribution",
            url: format!("https://static.crates.io/crates/{name}/{name}-{}.crate", version.replace('+', "%2B")),
            hashes: Hash::of(component.checksum),
        }],
        Source::Git { repository, .. } => {
            vec![Reference { r#type: "vcs", url: repository.clone(), hashes: Vec::new() }]
        }
        Source::Registry(_) | Source::Disk { .. } | Source::Path => Vec::new(),
    }
}

fn component_properties(component: &Component) -> Vec<Property> {
    let mut properties = vec![
        property("countersign:source", component.source.word()),
        property(WORKSPACE_MEMBER, component.workspace_member.to_string()),
    ];
    match &component.source {
        Source::Git { commit, .. } | Source::Disk { commit: Some(commit) } => {
            properties.push(property("countersign:commit", &**commit));
        }
        Source::CratesIo | Source::Registry(_) | Source::Disk { commit: None } | Source::Path => {}
    }
    if let Some(features) = &component.linked {
        properties.push(property("countersign:linked", "true"));
        properties.push(property("countersign:features:linked", joined(features)));
    }
    if let Some(features) = &component.built {
        properties.push(property("countersign:runs-at-build", "true"));
        properties.push(property("countersign:features:build", joined(features)));
    }
    match &component.native {
        Native::No => {}
        Native::Possible => properties.push(property("countersign:build-script", "true")),
        Native::Links(library) => properties.push(property("countersign:links", &**library)),
    }
    properties
}

fn joined(features: &BTreeSet<String>) -> String {
    features.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

/// What is known to be all, and what is not. The binary itself also holds the standard library and whatever native code
/// was linked, which no Cargo package accounts for: as an assembly it is never complete.
fn compositions(inventory: &Inventory) -> Vec<Composition> {
    let of = |aggregate, known| {
        let all = std::iter::once(&inventory.root).chain(&inventory.components);
        let dependencies: Vec<String> = all
            .filter(|component| Known::of(component) == known)
            .map(|component| component.reference.clone())
            .collect();
        (!dependencies.is_empty()).then_some(Composition { aggregate, assemblies: Vec::new(), dependencies })
    };
    let mut compositions = vec![Composition {
        aggregate: "incomplete",
        assemblies: vec![inventory.root.reference.clone()],
        dependencies: Vec::new(),
    }];
    compositions.extend(of("complete", Known::Complete));
    compositions.extend(of("incomplete", Known::Incomplete));
    compositions.extend(of("unknown", Known::Unknown));
    compositions
}
