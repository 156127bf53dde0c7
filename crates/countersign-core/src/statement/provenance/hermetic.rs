//! The claim that a build was hermetic. SLSA has no field for it, so it is an extension of ours among the builder's
//! parameters, and says how it was enforced: a claim without that is not read as one.

use super::Provenance;
use serde::{Deserialize, Serialize};

/// The name of the extension in `internalParameters`.
pub const NAME: &str = "countersign_hermetic";

/// What is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    /// What kept the build from reaching out.
    pub enforced_by: Enforcement,
}

/// What kept a build from reaching out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// The command ran in a network namespace of its own, in which there is no network.
    NetworkNamespace,
    /// The build platform lets no build reach a network.
    Platform,
    /// A sandbox of the build tool.
    Sandbox,
}

impl Enforcement {
    /// All, by their words.
    pub const ALL: &[(&str, Self)] =
        &[("network-namespace", Self::NetworkNamespace), ("platform", Self::Platform), ("sandbox", Self::Sandbox)];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NetworkNamespace => "network-namespace",
            Self::Platform => "platform",
            Self::Sandbox => "sandbox",
        }
    }
}

impl Claim {
    /// The claim of a provenance, if it makes one; what is wrong with one that does not read.
    pub fn of(provenance: &Provenance) -> Result<Option<Self>, String> {
        let claim = provenance.build_definition.internal_parameters.get(NAME);
        claim.map(|value| serde_json::from_value(value.clone()).map_err(|error| error.to_string())).transpose()
    }
}
