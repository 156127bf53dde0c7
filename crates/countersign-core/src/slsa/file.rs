//! The file of expectations: what somebody expects of the attestations about an artifact. TOML.

use super::expectations::{Expectations, ExpectationsError};
use crate::limits;
use crate::trust::identity::lets_in_anybody;
use crate::trust::{Claim, NamePattern};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

static NO_CLAIMS: BTreeMap<Claim, String> = BTreeMap::new();

/// Everything that may be expected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExpectationsFile {
    /// Whose certificates count.
    #[serde(default)]
    pub identities: Vec<ExpectedIdentity>,
    /// What provenance has to say.
    pub provenance: Option<Expectations>,
    /// What verification summaries have to say.
    pub summary: Option<SummaryExpectations>,
    /// Which package it is.
    #[serde(default)]
    pub package: Package,
    /// Predicate types of which there has to be one.
    #[serde(default)]
    pub types: BTreeSet<String>,
    /// How many distinct signers there have to be.
    pub signers: Option<usize>,
}

/// Whose certificate counts: name and issuer, each exactly or by a pattern over the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExpectedIdentity {
    /// The certificate's name.
    pub subject: NamePattern,
    /// The issuer.
    pub issuer: NamePattern,
    /// What else the certificate has to say, each exactly so.
    #[serde(default)]
    pub claims: BTreeMap<Claim, String>,
}

impl ExpectedIdentity {
    /// Whether a certificate is this one's.
    #[must_use]
    pub fn is(&self, issuer: &str, name: &str, claims: &BTreeMap<Claim, String>) -> bool {
        self.issuer.matches(issuer)
            && self.subject.matches(name)
            && self.claims.iter().all(|(claim, value)| claims.get(claim) == Some(value))
    }

    /// The pattern that lets in anybody, where one does: any issuer can vouch for any name, and any name that an issuer vouches for is no
    /// choice, unless its claims are one.
    #[must_use]
    pub fn lets_in_anybody(&self) -> Option<&NamePattern> {
        lets_in_anybody(&self.issuer, Some(&self.subject), &self.claims)
    }

    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        let claims: Vec<String> =
            self.claims.iter().map(|(claim, value)| format!(", {}={value}", claim.word())).collect();
        format!("{}, by {}{}", self.subject.text(), self.issuer.text(), claims.concat())
    }
}

/// Which package an artifact is expected to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Package {
    /// Its name in the registry.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

/// What is expected of a verification summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SummaryExpectations {
    /// Its `verifier.id`.
    pub verifier: String,
    /// The issuer of whoever signs for it.
    pub issuer: Option<NamePattern>,
    /// The certificate's name of whoever signs for it.
    pub subject: Option<NamePattern>,
    /// The key that signs for it, by the name that it is given with.
    pub key: Option<String>,
    /// The resource that it has to be for; not looked at of a dependency.
    pub resource: Option<String>,
    /// The digests of the policies that count, as `sha256:…`; none named: any.
    #[serde(default)]
    pub policies: BTreeSet<String>,
    /// Levels that it has to show. One is shown by itself, and by a higher one of the same track.
    #[serde(default)]
    pub levels: BTreeSet<String>,
    /// The most days between its time and now.
    pub max_age_days: Option<u32>,
    /// Whether all attestations that it rests on have to be handed in.
    #[serde(default)]
    pub inputs: bool,
}

impl ExpectationsFile {
    /// Reads it.
    pub fn from_toml(bytes: &[u8]) -> Result<Self, ExpectationsError> {
        if bytes.len() > limits::TOML_BYTES {
            return Err(ExpectationsError::new(&format!("{} bytes, more than are read", bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| ExpectationsError::new(&error.to_string()))?;
        let read: Self = toml::from_str(text).map_err(|error| ExpectationsError::new(&error.to_string()))?;
        if let Some(problem) = read.provenance.as_ref().and_then(Expectations::problem) {
            return Err(ExpectationsError::new(problem));
        }
        let builders = read.provenance.iter().flat_map(|provenance| &provenance.builders);
        let signers =
            builders.filter_map(|builder| Some((builder.issuer.as_ref()?, builder.subject.as_ref(), &builder.claims)));
        let signers: Vec<_> = signers
            .chain(read.summary.iter().filter_map(|s| Some((s.issuer.as_ref()?, s.subject.as_ref(), &NO_CLAIMS))))
            .chain(read.identities.iter().map(|identity| (&identity.issuer, Some(&identity.subject), &identity.claims)))
            .collect();
        for (issuer, subject, claims) in signers {
            if let Some(pattern) = lets_in_anybody(issuer, subject, claims) {
                let text: String = pattern.text().chars().take(120).collect();
                return Err(ExpectationsError::new(&format!("`{text}` lets in anybody: say whose signature counts")));
            }
        }
        let summary = read.summary.as_ref();
        if summary
            .is_some_and(|summary| summary.key.is_none() && (summary.issuer.is_none() || summary.subject.is_none()))
        {
            return Err(ExpectationsError::new("a summary's signer is a key, or an identity with its issuer"));
        }
        if summary.is_some_and(|summary| summary.resource.is_none()) {
            return Err(ExpectationsError::new("a summary is for a resource, which has to be named"));
        }
        if read.signers == Some(0) {
            return Err(ExpectationsError::new("at least one signer is asked for"));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_who_signs_and_what_is_built_and_what_cannot_be_is_refused() {
        let read = ExpectationsFile::from_toml(
            br#"
            signers = 2
            [[identities]]
            subject = { regex = '^https://github\.com/o/.*$' }
            issuer = "https://token.actions.githubusercontent.com"
            claims = { ref = "refs/heads/main" }
            [provenance]
            source = "github.com/o/r"
            [[provenance.builders]]
            id = "https://github.com/o/r/builder"
            [summary]
            verifier = "https://v"
            key = "v"
            resource = "pkg:app"
            "#,
        )
        .unwrap();
        assert_eq!((read.signers, read.identities.len()), (Some(2), 1));
        for text in [
            "[summary]\nverifier = \"v\"\nkey = \"k\"",
            "[summary]\nverifier = \"v\"\nresource = \"r\"",
            "[[identities]]\nsubject = { regex = 'github.com' }\nissuer = \"a:b\"",
            "[[identities]]\nsubject = \"a\"",
            "[[identities]]\nsubject = { regex = '^.*$' }\nissuer = \"a:b\"",
            "[[identities]]\nsubject = \"a\"\nissuer = { regex = '^https://.*$' }\nclaims = { ref = \"r\" }",
            "[summary]\nverifier = \"v\"\nresource = \"r\"\nissuer = \"a:b\"\nsubject = { regex = '^.+$' }",
            "[[provenance.builders]]\nid = \"a:b\"\nissuer = { regex = '^.*$' }\nsubject = \"a\"",
            "signers = 0",
            "unknown = 1",
        ] {
            assert!(ExpectationsFile::from_toml(text.as_bytes()).is_err(), "{text}");
        }
        let hosted = "[[identities]]\nsubject = \"a\"\nissuer = { regex = '^https://github\\.com/.*$' }";
        assert!(ExpectationsFile::from_toml(hosted.as_bytes()).is_ok(), "nobody but the host answers under it");
        // Whoever an issuer vouches for may be meant, where claims say what of.
        let claimed = "[[identities]]\nsubject = { regex = '^.*$' }\nissuer = \"a:b\"\nclaims = { repository = \"https://github.com/o/r\" }";
        assert!(ExpectationsFile::from_toml(claimed.as_bytes()).is_ok());
        for claim in ["runner", "visibility", "trigger", "workflow-name", "ref", "environment"] {
            let common = claimed.replace("repository", claim);
            assert!(ExpectationsFile::from_toml(common.as_bytes()).is_err(), "{common}");
        }
    }
}
