//! A key in trust: when it counts, and what has to witness its signatures.

use super::within;
use crate::key::{KeyId, PublicKey};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// A key, and when it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OwnedKey {
    /// The key: PEM or an OpenSSH line.
    pub key: PublicKey,
    /// Counts from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,
    /// Does not count from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// In foreign hands from this moment on, or perhaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compromised_since: Option<Time>,
    /// `none`: what this key signs may be without a log entry and a timestamp. Asked for where [`Trust::unlogged_keys`](super::Trust::unlogged_keys) is
    /// set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transparency: Option<KeyTransparency>,
    #[serde(skip)]
    named: Named,
}

/// The id of the key beside it, made when it is first asked for: it says nothing of its own.
#[derive(Debug, Clone, Default)]
struct Named(OnceLock<KeyId>);

impl PartialEq for Named {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Named {}

/// What has to witness a key's signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum KeyTransparency {
    /// Nobody.
    None,
}

/// Which keys of builders, collectors and verifiers may sign without a log entry and a timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum UnloggedKeys {
    /// Those alone of which it is stated: `transparency = "none"`.
    Stated,
}

impl OwnedKey {
    /// The key's id.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        self.named.0.get_or_init(|| self.key.id())
    }

    /// Whether the key counts at this moment.
    #[must_use]
    pub fn counts_at(&self, at: Time) -> bool {
        within(self.valid_from, self.valid_until, self.compromised_since, at)
    }
}
