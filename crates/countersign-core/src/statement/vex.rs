//! `OpenVEX` 0.2.0: what people found out about a vulnerability in a product. As much of it as a decision leans on.

use super::provenance::Moment;
use crate::purl::Purl;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The SSH namespace in which people sign it.
pub const NAMESPACE: &str = "vex@countersign.dev";

/// The predicate `https://openvex.dev/ns/v0.2.0`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vex {
    /// When the document was issued: a statement without a time of its own has this one.
    pub timestamp: Moment,
    /// What is said.
    pub statements: Vec<VexStatement>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VexStatement {
    /// Which vulnerability.
    pub vulnerability: Vulnerability,
    /// When this was known; the document's time where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Moment>,
    /// Which products; those that the signed statement is about where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub products: Vec<Product>,
    /// What was found out.
    pub status: Status,
    /// Why it is not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<Justification>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact_statement: Option<String>,
}

/// A vulnerability by its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vulnerability {
    /// Its main name.
    pub name: String,
    /// Others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Product {
    /// Its id, often a package URL.
    #[serde(rename = "@id", default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Its digests: `sha-256` is read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hashes: BTreeMap<String, String>,
    /// Other names of it: `purl` is read. What stands here in another shape is kept as it is: it names nothing that is known.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub identifiers: Value,
    /// The components in it that are meant, each named as a product is; the whole product where there is none.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub subcomponents: Value,
}

/// Whether something is said of a component of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// It is said of something else.
    Elsewhere,
    /// What it is said of is named in a way that tells nothing here: it may be this, and nothing is cleared by it.
    Perhaps,
    /// It is.
    Here,
}

/// What was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Status {
    /// It does no harm here.
    NotAffected,
    /// It does.
    Affected,
    /// It did, and no longer does in this product.
    Fixed,
    /// Nobody knows yet.
    UnderInvestigation,
}

/// Why a product is not affected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Justification {
    /// The component is not in it.
    ComponentNotPresent,
    /// The component is, its vulnerable code is not.
    VulnerableCodeNotPresent,
    /// The code is there and never runs.
    VulnerableCodeNotInExecutePath,
    /// The code runs and nobody outside can reach it.
    VulnerableCodeCannotBeControlledByAdversary,
    /// Something in the product keeps it from being used.
    InlineMitigationsAlreadyExist,
}

impl Product {
    fn reach(&self, sha256: &str, component: Option<&str>, components: &BTreeSet<&str>) -> Reach {
        let file = match self.hashes.get("sha-256") {
            Some(hash) if hash.eq_ignore_ascii_case(sha256) => Reach::Here,
            Some(_) => Reach::Elsewhere,
            // Other digests are of one file too, and whether of this one nobody can tell.
            None if !self.hashes.is_empty() => Reach::Perhaps,
            None => Reach::Here,
        };
        let own = names(self.id.as_deref(), &self.identifiers);
        let parts = match &self.subcomponents {
            Value::Null => None,
            Value::Array(parts) if parts.is_empty() => None,
            Value::Array(parts) => Some(parts.iter().map(|part| of_part(part, component)).max()),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => Some(None),
        };
        let within = match parts {
            Some(parts) => parts.unwrap_or(Reach::Perhaps),
            // With a digest it is a file, whatever it is called.
            None if !self.hashes.is_empty() => Reach::Here,
            None if components.iter().any(|one| of_names(&own, Some(one)) == Reach::Here) => of_names(&own, component),
            None => Reach::Here,
        };
        file.min(within)
    }
}

fn of_part(part: &Value, component: Option<&str>) -> Reach {
    let id = part.get("@id").and_then(Value::as_str);
    of_names(&names(id, part.get("identifiers").unwrap_or(&Value::Null)), component)
}

fn names<'v>(id: Option<&'v str>, identifiers: &'v Value) -> Vec<&'v str> {
    id.into_iter().chain(identifiers.get("purl").and_then(Value::as_str)).collect()
}

/// Whether one of these names is the component's. Only where both are package URLs is it known that one is not.
fn of_names(names: &[&str], component: Option<&str>) -> Reach {
    let Some(component) = component else { return Reach::Perhaps };
    let one = |name: &&str| {
        if *name == component {
            return Reach::Here;
        }
        let (Ok(wider), Ok(own)) = (Purl::new(name), Purl::new(component)) else { return Reach::Perhaps };
        if own.is_within(&wider) {
            return Reach::Here;
        }
        // Some types have names in which large and small letters are the same.
        let small = |purl: &Purl| Purl::new(&purl.as_str().to_ascii_lowercase());
        match (small(&own), small(&wider)) {
            (Ok(own), Ok(wider)) if !own.is_within(&wider) => Reach::Elsewhere,
            _ => Reach::Perhaps,
        }
    };
    let each: Vec<Reach> = names.iter().map(one).collect();
    if each.contains(&Reach::Here) {
        Reach::Here
    } else if each.contains(&Reach::Elsewhere) {
        Reach::Elsewhere
    } else {
        Reach::Perhaps
    }
}

impl VexStatement {
    /// Whether it is about a vulnerability that has one of these names.
    pub fn is_about<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> bool {
        let own = |name: &str| {
            std::iter::once(&self.vulnerability.name)
                .chain(&self.vulnerability.aliases)
                .any(|own| own.eq_ignore_ascii_case(name))
        };
        names.any(own)
    }

    /// Whether a product with a SHA-256 is the file that has it; any other is taken for what the signed statement is about. The
    /// first two meanings of the rule go by this; [`VexStatement::reach`] tells more apart.
    #[must_use]
    pub fn covers(&self, sha256: &str) -> bool {
        let is = |product: &Product| product.hashes.get("sha-256").is_none_or(|hash| hash.eq_ignore_ascii_case(sha256));
        self.products.is_empty() || self.products.iter().any(is)
    }

    /// Whether it is said of this component of the file with this SHA-256. `components` are all those in which something was
    /// found: a product that has the name of one is that one, and not the file.
    #[must_use]
    pub fn reach(&self, sha256: &str, component: Option<&str>, components: &BTreeSet<&str>) -> Reach {
        let each = self.products.iter().map(|product| product.reach(sha256, component, components));
        if self.products.is_empty() { Reach::Here } else { each.max().unwrap_or(Reach::Elsewhere) }
    }

    /// Whether it says, with a reason, that there is nothing to fear.
    #[must_use]
    pub fn clears(&self) -> bool {
        match self.status {
            Status::Fixed => true,
            Status::NotAffected => {
                self.justification.is_some()
                    || self.impact_statement.as_ref().is_some_and(|text| !text.trim().is_empty())
            }
            Status::Affected | Status::UnderInvestigation => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn statement(more: &Value) -> VexStatement {
        let mut value = json!({"vulnerability": {"name": "CVE-1", "aliases": ["GHSA-1"]}, "status": "not_affected"});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn not_affected_needs_a_reason() {
        assert!(!statement(&json!({})).clears());
        assert!(!statement(&json!({"impact_statement": " "})).clears());
        assert!(statement(&json!({"impact_statement": "patched"})).clears());
        assert!(statement(&json!({"justification": "component_not_present"})).clears());
        assert!(statement(&json!({"status": "fixed"})).clears());
        for status in ["affected", "under_investigation"] {
            assert!(!statement(&json!({"status": status, "justification": "component_not_present"})).clears());
        }
    }

    #[test]
    fn a_product_with_a_digest_is_that_file_alone() {
        let digest = "ab".repeat(32);
        assert!(statement(&json!({})).covers(&digest));
        assert!(statement(&json!({"products": [{"@id": "pkg:cargo/a@1"}]})).covers(&digest));
        assert!(statement(&json!({"products": [{"hashes": {"sha-256": digest.to_uppercase()}}]})).covers(&digest));
        assert!(!statement(&json!({"products": [{"hashes": {"sha-256": "cd"}}]})).covers(&digest));
        let statement = statement(&json!({}));
        assert!(statement.is_about(["x", "ghsa-1"].into_iter()) && !statement.is_about(["CVE-11"].into_iter()));
    }

    #[test]
    fn what_is_said_of_a_component_is_said_of_no_other() {
        use Reach::{Elsewhere, Here, Perhaps};
        let digest = "ab".repeat(32);
        let (used, unused) = ("pkg:npm/used@1.0.0", "pkg:npm/unused@1.0.0");
        let components = BTreeSet::from([used, unused]);
        let reach = |products: Value| {
            let said = statement(&json!({ "products": products }));
            [Some(used), Some(unused), None].map(|component| said.reach(&digest, component, &components))
        };
        let in_it = |parts: Value| reach(json!([{"@id": "pkg:generic/hello", "subcomponents": parts}]));
        assert_eq!(reach(json!([])), [Here; 3]);
        assert_eq!(reach(json!([{"@id": "pkg:generic/hello"}])), [Here; 3]);
        assert_eq!(in_it(json!([{"@id": unused}])), [Elsewhere, Here, Perhaps]);
        assert_eq!(in_it(json!([{"identifiers": {"purl": "pkg:npm/unused"}}])), [Elsewhere, Here, Perhaps]);
        assert_eq!(in_it(json!([{"@id": used}, {"@id": unused}])), [Here, Here, Perhaps]);
        assert_eq!(in_it(json!([{"@id": "pkg:npm/unused@2.0.0"}])), [Elsewhere, Elsewhere, Perhaps]);
        assert_eq!(in_it(json!([{"@id": "pkg:npm/USED"}])), [Perhaps, Elsewhere, Perhaps]);
        assert_eq!(in_it(json!([{"@id": "https://example.com/lib", "identifiers": {"purl": used}}]))[1], Elsewhere);
        for unknown in
            [json!([{"@id": "https://example.com/lib"}]), json!([{"hashes": {"sha-256": digest}}]), json!({})]
        {
            assert_eq!(in_it(unknown), [Perhaps; 3]);
        }
        // A product that is called as a component is, is that component; with a digest it is a file.
        assert_eq!(reach(json!([{"@id": unused}])), [Elsewhere, Here, Perhaps]);
        assert_eq!(reach(json!([{"@id": unused, "hashes": {"sha-256": digest}}])), [Here; 3]);
        assert_eq!(reach(json!([{"hashes": {"sha-256": "cd".repeat(32)}}])), [Elsewhere; 3]);
        assert_eq!(reach(json!([{"@id": "pkg:generic/other", "hashes": {"sha-512": "ab".repeat(64)}}])), [Perhaps; 3]);
    }

    #[test]
    fn a_word_that_openvex_does_not_have_is_refused() {
        let value = json!({"vulnerability": {"name": "x"}, "status": "ok"});
        assert!(serde_json::from_value::<VexStatement>(value).is_err());
    }
}
