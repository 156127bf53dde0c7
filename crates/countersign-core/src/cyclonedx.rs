//! What the rules need of a CycloneDX document: its components, their identities and hashes, and the dependency graph.
//!
//! Reading is loose about what it does not use and strict about what it does: a fact that is there in another shape
//! than CycloneDX 1.2 to 1.7 gives it is refused, never dropped. It is no validation against the schema.

use crate::{digest::Sha256, limits, purl::Purl};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the property by which a component says that it is a member of the workspace that was built.
pub const WORKSPACE_MEMBER: &str = "countersign:workspace-member";

/// The versions that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpecVersion {
    /// 1.2
    V1_2,
    /// 1.3
    V1_3,
    /// 1.4
    V1_4,
    /// 1.5
    V1_5,
    /// 1.6
    V1_6,
    /// 1.7
    V1_7,
}

impl SpecVersion {
    const ALL: [Self; 6] = [Self::V1_2, Self::V1_3, Self::V1_4, Self::V1_5, Self::V1_6, Self::V1_7];

    /// The text that stands in `specVersion`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
            Self::V1_4 => "1.4",
            Self::V1_5 => "1.5",
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}

/// Whether a component takes part at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// It does. Also where nothing is said: the specification says to assume so.
    Required,
    /// It may be left out.
    Optional,
    /// It does not: used to build or to test.
    Excluded,
}

/// One component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its `bom-ref`.
    pub reference: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version; absent also where the document gives an empty one.
    pub version: Option<String>,
    /// Its package URL; absent also where the text there is none.
    pub purl: Option<Purl>,
    /// Its SHA-256.
    pub sha256: Option<Sha256>,
    /// Its licences, each an SPDX expression or a name: all of them bind.
    pub licences: Vec<String>,
    /// Whether it takes part at run time.
    pub scope: Scope,
    /// Whether it says that it is a member of the workspace that was built ([`WORKSPACE_MEMBER`]).
    pub workspace_member: bool,
}

/// What a CycloneDX document lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The version of the specification.
    pub spec_version: SpecVersion,
    /// What the document is about.
    pub root: Option<Component>,
    /// All other components, nested ones included, in the document's order.
    pub components: Vec<Component>,
    /// The graph: who depends on whom, by `bom-ref`. A component that is no key here may depend on anything.
    pub dependencies: BTreeMap<String, BTreeSet<String>>,
    services: BTreeSet<String>,
}

/// Why a value is not a CycloneDX document that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CycloneDxError {
    /// `bomFormat` is not `CycloneDX`.
    #[error("`bomFormat` is not `CycloneDX`")]
    NotCycloneDx,
    /// Another version than 1.2 to 1.7, or none.
    #[error("`specVersion` {found:?} is not one of 1.2 to 1.7")]
    Version {
        /// What stands there, shortened.
        found: String,
    },
    /// A value of another shape than the specification gives it.
    #[error("{at}: expected {expected}")]
    Shape {
        /// Where: a JSON pointer.
        at: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// More than the limit.
    #[error("{at}: more than {limit} {what}")]
    TooMany {
        /// Where: a JSON pointer.
        at: String,
        /// What there is too much of.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// One `bom-ref` names two things.
    #[error("{at}: `bom-ref` {reference:?} is already taken")]
    DuplicateReference {
        /// Where the second one is: a JSON pointer.
        at: String,
        /// The reference.
        reference: String,
    },
}

impl Inventory {
    /// Reads a document that was parsed strictly ([`crate::json::parse`]).
    pub fn read(document: &Value) -> Result<Self, CycloneDxError> {
        let document = object(document, "")?;
        if document.get("bomFormat").and_then(Value::as_str) != Some("CycloneDX") {
            return Err(CycloneDxError::NotCycloneDx);
        }
        let spec_version = spec_version(document)?;
        let metadata = match document.get("metadata") {
            None => None,
            Some(value) => Some(object(value, "/metadata")?),
        };
        let mut reader = Reader::default();
        let mut nested = Vec::new();
        if let Some(value) = metadata.and_then(|metadata| metadata.get("component")) {
            let mut read = reader.components(vec![(value, "/metadata/component".to_owned())])?.into_iter();
            reader.root = read.next();
            nested = read.collect();
        }
        let listed = list(document, "components", "")?;
        let components = reader.components(listed)?;
        let services = reader.services(list(document, "services", "")?)?;
        let dependencies = reader.dependencies(list(document, "dependencies", "")?)?;
        Ok(Self {
            spec_version,
            root: reader.root,
            components: nested.into_iter().chain(components).collect(),
            dependencies,
            services,
        })
    }

    /// Components, the root included, about whose dependencies the graph says nothing.
    pub fn outside_the_graph(&self) -> impl Iterator<Item = &Component> {
        self.root.iter().chain(&self.components).filter(|component| {
            let reference = component.reference.as_ref();
            reference.is_none_or(|reference| !self.dependencies.contains_key(reference))
        })
    }

    /// References of the graph that name no component or service of this document, in order.
    #[must_use]
    pub fn dangling(&self) -> BTreeSet<&str> {
        let named: BTreeSet<&str> = self
            .root
            .iter()
            .chain(&self.components)
            .filter_map(|component| component.reference.as_deref())
            .chain(self.services.iter().map(String::as_str))
            .collect();
        self.dependencies
            .iter()
            .flat_map(|(from, to)| std::iter::once(from).chain(to))
            .map(String::as_str)
            .filter(|reference| !named.contains(reference))
            .collect()
    }
}

/// What is counted over the whole document.
#[derive(Default)]
struct Reader {
    /// What the document is about. Some tools list it once more among the components: the same again is no second one.
    root: Option<Component>,
    count: usize,
    edges: usize,
    references: BTreeSet<String>,
}

impl Reader {
    /// Components and all that are nested in them, each before those inside it. A stack, not recursion: the value may
    /// come from anywhere.
    fn components(&mut self, listed: Vec<(&Value, String)>) -> Result<Vec<Component>, CycloneDxError> {
        let mut read = Vec::new();
        let mut waiting = listed;
        waiting.reverse();
        while let Some((value, at)) = waiting.pop() {
            self.one_more(&at)?;
            let map = object(value, &at)?;
            let component = component(map, &at)?;
            if component.reference.is_none() || self.root.as_ref() != Some(&component) {
                self.take(component.reference.as_deref(), &at)?;
                read.push(component);
            }
            let mut inside = list(map, "components", &at)?;
            inside.reverse();
            waiting.append(&mut inside);
        }
        Ok(read)
    }

    /// The references of services, which the graph may name too.
    fn services(&mut self, listed: Vec<(&Value, String)>) -> Result<BTreeSet<String>, CycloneDxError> {
        let mut read = BTreeSet::new();
        let mut waiting = listed;
        while let Some((value, at)) = waiting.pop() {
            self.one_more(&at)?;
            let map = object(value, &at)?;
            let reference = reference(map, &at)?;
            self.take(reference.as_deref(), &at)?;
            read.extend(reference);
            waiting.append(&mut list(map, "services", &at)?);
        }
        Ok(read)
    }

    fn dependencies(
        &mut self,
        listed: Vec<(&Value, String)>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, CycloneDxError> {
        let mut read = BTreeMap::new();
        for (value, at) in listed {
            let map = object(value, &at)?;
            let from = text(map, "ref", &at)?
                .filter(|from| !from.is_empty())
                .ok_or_else(|| shape(&at, "a dependency with a `ref`"))?;
            let mut to = BTreeSet::new();
            for (target, at) in list(map, "dependsOn", &at)? {
                self.edges = self.edges.saturating_add(1);
                if self.edges > limits::SBOM_EDGES {
                    return Err(too_many(&at, "dependencies", limits::SBOM_EDGES));
                }
                to.insert(bounded(target, &at)?.to_owned());
            }
            if read.insert(from.to_owned(), to).is_some() {
                return Err(shape(&at, "one entry for each `ref`"));
            }
        }
        Ok(read)
    }

    fn take(&mut self, reference: Option<&str>, at: &str) -> Result<(), CycloneDxError> {
        if let Some(reference) = reference
            && !self.references.insert(reference.to_owned())
        {
            return Err(CycloneDxError::DuplicateReference { at: at.to_owned(), reference: reference.to_owned() });
        }
        Ok(())
    }

    fn one_more(&mut self, at: &str) -> Result<(), CycloneDxError> {
        self.count = self.count.saturating_add(1);
        if self.count > limits::SBOM_COMPONENTS {
            return Err(too_many(at, "components and services", limits::SBOM_COMPONENTS));
        }
        Ok(())
    }
}

fn spec_version(document: &Map<String, Value>) -> Result<SpecVersion, CycloneDxError> {
    let found = document.get("specVersion").and_then(Value::as_str).unwrap_or_default();
    SpecVersion::ALL
        .into_iter()
        .find(|version| version.as_str() == found)
        .ok_or_else(|| CycloneDxError::Version { found: found.chars().take(20).collect() })
}

fn component(map: &Map<String, Value>, at: &str) -> Result<Component, CycloneDxError> {
    text(map, "type", at)?.ok_or_else(|| shape(at, "a component with a `type`"))?;
    let name = text(map, "name", at)?.ok_or_else(|| shape(at, "a component with a `name`"))?;
    let scope = match text(map, "scope", at)? {
        None | Some("required") => Scope::Required,
        Some("optional") => Scope::Optional,
        Some("excluded") => Scope::Excluded,
        Some(_) => return Err(shape(&format!("{at}/scope"), "`required`, `optional` or `excluded`")),
    };
    Ok(Component {
        reference: reference(map, at)?,
        name: name.to_owned(),
        version: text(map, "version", at)?.filter(|version| !version.is_empty()).map(str::to_owned),
        purl: text(map, "purl", at)?.and_then(|purl| Purl::new(purl).ok()),
        sha256: sha256(map, at)?,
        licences: licences(map, at)?,
        scope,
        workspace_member: workspace_member(map, at)?,
    })
}

fn reference(map: &Map<String, Value>, at: &str) -> Result<Option<String>, CycloneDxError> {
    match text(map, "bom-ref", at)? {
        Some("") => Err(shape(&format!("{at}/bom-ref"), "a text that is not empty")),
        reference => Ok(reference.map(str::to_owned)),
    }
}

/// The one SHA-256 of a component. Two that differ are no hash at all.
fn sha256(map: &Map<String, Value>, at: &str) -> Result<Option<Sha256>, CycloneDxError> {
    let mut found = None;
    for (value, at) in list(map, "hashes", at)? {
        let hash = object(value, &at)?;
        let algorithm = text(hash, "alg", &at)?.ok_or_else(|| shape(&at, "a hash with an `alg`"))?;
        let content = text(hash, "content", &at)?.ok_or_else(|| shape(&at, "a hash with a `content`"))?;
        if algorithm != "SHA-256" {
            continue;
        }
        let digest = Sha256::from_hex(&content.to_ascii_lowercase())
            .map_err(|_form| shape(&format!("{at}/content"), "64 hexadecimal characters"))?;
        if found.is_some_and(|earlier| earlier != digest) {
            return Err(shape(&at, "one SHA-256 for one component"));
        }
        found = Some(digest);
    }
    Ok(found)
}

/// What `licenses` says: expressions, ids and names, whichever stands there.
fn licences(map: &Map<String, Value>, at: &str) -> Result<Vec<String>, CycloneDxError> {
    let mut found = Vec::new();
    for (value, at) in list(map, "licenses", at)? {
        let choice = object(value, &at)?;
        if let Some(expression) = text(choice, "expression", &at)? {
            found.push(expression.to_owned());
            continue;
        }
        let licence = choice.get("license").ok_or_else(|| shape(&at, "a `license` or an `expression`"))?;
        let at = format!("{at}/license");
        let licence = object(licence, &at)?;
        let name = match text(licence, "id", &at)? {
            Some(id) => id,
            None => text(licence, "name", &at)?.ok_or_else(|| shape(&at, "a licence with an `id` or a `name`"))?,
        };
        found.push(name.to_owned());
    }
    Ok(found)
}

fn workspace_member(map: &Map<String, Value>, at: &str) -> Result<bool, CycloneDxError> {
    for (value, at) in list(map, "properties", at)? {
        let property = object(value, &at)?;
        if property.get("name").and_then(Value::as_str) == Some(WORKSPACE_MEMBER) {
            return match property.get("value").and_then(Value::as_str) {
                Some("true") => Ok(true),
                Some("false") => Ok(false),
                Some(_) | None => Err(shape(&format!("{at}/value"), "`true` or `false`")),
            };
        }
    }
    Ok(false)
}

fn object<'v>(value: &'v Value, at: &str) -> Result<&'v Map<String, Value>, CycloneDxError> {
    value.as_object().ok_or_else(|| shape(at, "an object"))
}

/// The items of an array, each with its place; none where there is no such key.
fn list<'v>(map: &'v Map<String, Value>, key: &str, at: &str) -> Result<Vec<(&'v Value, String)>, CycloneDxError> {
    let Some(value) = map.get(key) else {
        return Ok(Vec::new());
    };
    let items = value.as_array().ok_or_else(|| shape(&format!("{at}/{key}"), "an array"))?;
    Ok(items.iter().enumerate().map(|(i, item)| (item, format!("{at}/{key}/{i}"))).collect())
}

fn text<'v>(map: &'v Map<String, Value>, key: &str, at: &str) -> Result<Option<&'v str>, CycloneDxError> {
    map.get(key).map(|value| bounded(value, &format!("{at}/{key}"))).transpose()
}

fn bounded<'v>(value: &'v Value, at: &str) -> Result<&'v str, CycloneDxError> {
    let text = value.as_str().ok_or_else(|| shape(at, "a text"))?;
    if text.len() > limits::SBOM_TEXT_BYTES {
        return Err(too_many(at, "bytes", limits::SBOM_TEXT_BYTES));
    }
    Ok(text)
}

fn shape(at: &str, expected: &'static str) -> CycloneDxError {
    CycloneDxError::Shape { at: at.to_owned(), expected }
}

fn too_many(at: &str, what: &'static str, limit: usize) -> CycloneDxError {
    CycloneDxError::TooMany { at: at.to_owned(), what, limit }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Value {
        json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "metadata": {"component": {"type": "application", "name": "app", "version": "1", "bom-ref": "app",
                "components": [{"type": "library", "name": "inner", "bom-ref": "inner"}]}},
            "components": [
                {"type": "library", "name": "a", "version": "1.0.0", "bom-ref": "a", "purl": "pkg:cargo/a@1.0.0",
                 "scope": "excluded",
                 "hashes": [{"alg": "MD5", "content": "0"}, {"alg": "SHA-256", "content": "AB".repeat(32)}],
                 "properties": [{"name": WORKSPACE_MEMBER, "value": "true"}]},
                {"type": "library", "name": "b", "version": "", "purl": "not one"},
            ],
            "services": [{"name": "s", "bom-ref": "s"}],
            "dependencies": [{"ref": "app", "dependsOn": ["a", "s", "gone"]}, {"ref": "a"}],
        })
    }

    #[test]
    fn the_facts_that_rules_need_are_read() {
        let read = Inventory::read(&document()).unwrap();
        assert_eq!(read.spec_version, SpecVersion::V1_6);
        assert_eq!(read.root.as_ref().unwrap().name, "app");
        let names: Vec<&str> = read.components.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["inner", "a", "b"]);
        let [_, a, b] = &read.components[..] else { panic!() };
        assert_eq!(a.sha256, Some(Sha256::from_bytes([0xab; 32])));
        assert_eq!((a.scope, a.workspace_member), (Scope::Excluded, true));
        assert_eq!(a.purl.as_ref().unwrap().as_str(), "pkg:cargo/a@1.0.0");
        assert_eq!((&b.version, &b.purl, b.scope), (&None, &None, Scope::Required));
        assert_eq!(read.dangling(), BTreeSet::from(["gone"]));
        let outside: Vec<&str> = read.outside_the_graph().map(|c| c.name.as_str()).collect();
        assert_eq!(outside, ["inner", "b"]);
    }

    fn refusal(change: impl FnOnce(&mut Value)) -> String {
        let mut document = document();
        change(&mut document);
        Inventory::read(&document).unwrap_err().to_string()
    }

    #[test]
    fn other_formats_and_versions_are_refused() {
        assert_eq!(refusal(|d| d["bomFormat"] = json!("SPDX")), "`bomFormat` is not `CycloneDX`");
        assert_eq!(refusal(|d| d["specVersion"] = json!("1.1")), "`specVersion` \"1.1\" is not one of 1.2 to 1.7");
        assert_eq!(refusal(|d| *d = json!([])), ": expected an object");
    }

    #[test]
    fn a_fact_of_another_shape_is_refused_with_its_place() {
        assert_eq!(
            refusal(|d| d["components"][0]["hashes"][1]["content"] = json!("abc")),
            "/components/0/hashes/1/content: expected 64 hexadecimal characters"
        );
        assert_eq!(
            refusal(|d| d["components"][1]["scope"] = json!("maybe")),
            "/components/1/scope: expected `required`, `optional` or `excluded`"
        );
        assert_eq!(
            refusal(|d| d["components"][0]["properties"][0]["value"] = json!("yes")),
            "/components/0/properties/0/value: expected `true` or `false`"
        );
        assert_eq!(
            refusal(|d| d["dependencies"][1] = json!({})),
            "/dependencies/1: expected a dependency with a `ref`"
        );
        assert_eq!(
            refusal(|d| d["dependencies"][1]["ref"] = json!("app")),
            "/dependencies/1: expected one entry for each `ref`"
        );
        assert_eq!(refusal(|d| d["components"] = json!({})), "/components: expected an array");
    }

    #[test]
    fn one_reference_for_two_components_is_refused() {
        assert_eq!(
            refusal(|d| d["components"][1]["bom-ref"] = json!("inner")),
            "/components/1: `bom-ref` \"inner\" is already taken"
        );
    }

    #[test]
    fn the_root_listed_once_more_is_one_component() {
        let mut document = document();
        let root = json!({"type": "application", "name": "app", "version": "1", "bom-ref": "app"});
        document["components"].as_array_mut().unwrap().push(root);
        assert_eq!(Inventory::read(&document).unwrap().components.len(), 3);
        document["components"][2]["version"] = json!("2");
        assert!(matches!(Inventory::read(&document), Err(CycloneDxError::DuplicateReference { .. })));
    }

    #[test]
    fn two_sha_256_that_differ_are_refused() {
        let both =
            json!([{"alg": "SHA-256", "content": "a".repeat(64)}, {"alg": "SHA-256", "content": "b".repeat(64)}]);
        assert_eq!(
            refusal(|d| d["components"][1]["hashes"] = both),
            "/components/1/hashes/1: expected one SHA-256 for one component"
        );
    }

    #[test]
    fn a_document_past_the_bounds_is_refused() {
        let long = "a".repeat(limits::SBOM_TEXT_BYTES + 1);
        assert_eq!(refusal(|d| d["components"][0]["name"] = json!(long)), "/components/0/name: more than 4096 bytes");
        let many = vec![json!({"type": "library", "name": "a"}); limits::SBOM_COMPONENTS];
        let said = refusal(|d| d["components"] = Value::Array(many));
        assert!(said.ends_with("more than 100000 components and services"), "{said}");
    }

    #[test]
    fn nesting_takes_no_stack() {
        let mut inner = json!({"type": "library", "name": "a"});
        for _ in 0..1_000 {
            let mut outer = json!({"type": "library", "name": "a"});
            outer["components"] = Value::Array(vec![inner]);
            inner = outer;
        }
        let mut document = document();
        document["components"] = Value::Array(vec![inner]);
        assert_eq!(Inventory::read(&document).unwrap().components.len(), 1_002);
    }
}
