//! `OpenVEX` 0.2.0: what people found out about a vulnerability in a product. As much of it as a decision leans on.

use super::provenance::Moment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

    /// Whether a product with digests is the file with this SHA-256; one without digests is what the signed statement is
    /// about.
    #[must_use]
    pub fn covers(&self, sha256: &str) -> bool {
        let is = |product: &Product| product.hashes.get("sha-256").is_none_or(|hash| hash.eq_ignore_ascii_case(sha256));
        self.products.is_empty() || self.products.iter().any(is)
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
    use serde_json::{Value, json};

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
    fn a_word_that_openvex_does_not_have_is_refused() {
        let value = json!({"vulnerability": {"name": "x"}, "status": "ok"});
        assert!(serde_json::from_value::<VexStatement>(value).is_err());
    }
}
