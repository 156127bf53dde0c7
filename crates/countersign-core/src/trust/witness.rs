//! Witnesses of the log in trust: whose cosignatures count, and which of them have to be there.

use super::{LogKey, OwnedKey, Trust, TrustError};
use crate::ids::{EnvName, Origin};
use crate::key::PublicKey;
use crate::limits;
use crate::log::cosignature::WitnessKey;
use crate::log::note::NoteKey;
use crate::log::quorum::{PolicyError, PolicyGroup, PolicyLog, PolicyWitness, TlogPolicy};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A witness: somebody else than the log's operator, who cosigns a checkpoint of the log only where it continues the
/// newest one that was cosigned before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Witness {
    /// The name on its signature lines.
    pub name: Origin,
    /// Where it is asked: the submission prefix of C2SP tlog-witness. Nobody asks one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its keys, Ed25519.
    pub keys: Vec<OwnedKey>,
}

/// A group of witnesses, and of groups that stand before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WitnessGroup {
    /// What floors and other groups call it.
    pub name: String,
    /// How many of its members it takes.
    pub threshold: u32,
    /// Names of witnesses and groups.
    pub members: Vec<String>,
}

/// A quorum of trust as a tlog-policy, and the keys behind the policy's names.
#[derive(Debug, Clone)]
pub struct WitnessQuorum<'t> {
    /// The policy: every log of trust, every witness, and the groups that the quorum is made of. A witness with several
    /// keys is a group of them, of which one has to have signed.
    pub policy: TlogPolicy,
    /// The key of trust that each of the policy's witnesses stands for.
    pub keys: BTreeMap<String, &'t OwnedKey>,
}

impl Trust {
    /// The quorum of witnesses that an environment asks for; `None` where it asks for none.
    #[must_use]
    pub fn witness_quorum(&self, environment: &EnvName) -> Option<WitnessQuorum<'_>> {
        let name = self.environments.get(environment)?.witness_quorum.as_deref()?;
        // It was put together once when trust was read, by the same rules.
        self.quorum_named(name).ok()
    }

    /// Every key of every witness, with the name under which it cosigns.
    pub fn witness_keys(&self) -> impl Iterator<Item = WitnessKey> {
        let keys = self.witnesses.iter().flat_map(|witness| witness.keys.iter().map(move |owned| (witness, owned)));
        keys.filter_map(|(witness, owned)| Some(WitnessKey::new(witness.name.clone(), ed25519(owned)?)))
    }

    /// Every log, and no witness: for receipts where nobody asks for any.
    pub fn log_policy(&self) -> Result<TlogPolicy, PolicyError> {
        TlogPolicy::new(self.policy_logs(), Vec::new(), Vec::new(), None)
    }

    fn policy_logs(&self) -> Vec<PolicyLog> {
        let logs = self.logs.iter().flat_map(|log| log.keys.iter().map(move |owned| (log, owned)));
        let one = |(log, owned): (&LogKey, &OwnedKey)| {
            Some(PolicyLog { key: NoteKey::new(log.origin.clone(), ed25519(owned)?), url: None })
        };
        logs.filter_map(one).collect()
    }

    /// Every log and every witness, with or without a quorum.
    fn quorum_named(&self, quorum: &str) -> Result<WitnessQuorum<'_>, PolicyError> {
        let mut keys = BTreeMap::new();
        let (mut witnesses, mut groups) = (Vec::new(), Vec::new());
        for witness in &self.witnesses {
            let own = witness.keys.iter().filter_map(|owned| Some((owned, ed25519(owned)?)));
            let own: Vec<_> = own.zip(1_u32..).collect();
            let alone = own.len() < 2;
            let mut members = Vec::new();
            for ((owned, public), number) in own {
                let name = if alone { witness.name.to_string() } else { format!("{}/{number}", witness.name) };
                members.push(name.clone());
                keys.insert(name.clone(), owned);
                let key = WitnessKey::new(witness.name.clone(), public);
                witnesses.push(PolicyWitness { name, key, url: witness.url.clone() });
            }
            if !alone {
                groups.push(PolicyGroup { name: witness.name.to_string(), threshold: 1, members });
            }
        }
        let used = self.groups_of(quorum);
        for group in self.witness_groups.iter().filter(|group| used.contains(group.name.as_str())) {
            let threshold = usize::try_from(group.threshold).unwrap_or(usize::MAX);
            groups.push(PolicyGroup { name: group.name.clone(), threshold, members: group.members.clone() });
        }
        let policy = TlogPolicy::new(self.policy_logs(), witnesses, groups, Some(quorum))?;
        Ok(WitnessQuorum { policy, keys })
    }

    /// The groups that a quorum is made of: each environment may count the same witnesses in its own way.
    fn groups_of<'q>(&'q self, quorum: &'q str) -> BTreeSet<&'q str> {
        let (mut found, mut open) = (BTreeSet::new(), vec![quorum]);
        while let Some(name) = open.pop() {
            if let Some(group) = self.witness_groups.iter().find(|group| group.name == name)
                && found.insert(name)
            {
                open.extend(group.members.iter().map(String::as_str));
            }
        }
        found
    }
}

/// Groups and quorums name what there is, and can be met.
pub(super) fn check(trust: &Trust) -> Result<(), TrustError> {
    let wrong = |field: String, problem| Err(TrustError::Value { field, problem });
    for witness in &trust.witnesses {
        if witness.keys.is_empty() || witness.keys.iter().any(|owned| ed25519(owned).is_none()) {
            return wrong(format!("keys of witness {}", witness.name), "are one Ed25519 key or more");
        }
        let address = |url: &String| {
            (url.starts_with("https://") || url.starts_with("http://"))
                && url.len() <= limits::WITNESS_URL_BYTES
                && url.bytes().all(|b| b.is_ascii_graphic())
        };
        if !witness.url.as_ref().is_none_or(address) {
            return wrong(format!("url of witness {}", witness.name), "is an https or http address");
        }
    }
    let groups = trust.witness_groups.iter().map(|group| group.name.as_str());
    let floors = trust.environments.values().filter_map(|floor| floor.witness_quorum.as_deref());
    for quorum in groups.chain(floors) {
        // `none` would be a way of writing that nobody has to, where a floor asks for somebody.
        let none = Err(PolicyError::NoQuorum);
        let put_together = if quorum == "none" { none } else { trust.quorum_named(quorum).map(|_| ()) };
        put_together.map_err(|why| TrustError::Witnesses { quorum: quorum.to_owned(), why })?;
    }
    Ok(())
}

const fn ed25519(owned: &OwnedKey) -> Option<[u8; 32]> {
    match &owned.key {
        PublicKey::Ed25519(key) => Some(*key),
        PublicKey::P256(_)
        | PublicKey::P384(_)
        | PublicKey::Rsa { .. }
        | PublicKey::SkEd25519 { .. }
        | PublicKey::SkP256 { .. } => None,
    }
}
