//! The trust document: who may sign what. Everything that is believed starts here, and its digest comes from outside.
//!
//! Authored as `trust.toml`; signed, as canonical JSON of the same fields, by a quorum of its own `trust` role. Its digest
//! is over that JSON, so signing it again does not change it. Parsing checks that it does not contradict itself: a key
//! with two owners, a role with unknown persons or an unreachable threshold never becomes a [`Trust`].

pub mod identity;
mod owned_key;
mod owner;
pub mod witness;

pub use identity::{Claim, Identity, NamePattern, ShownIdentity, SigstoreRoot, Transparency};
pub use owned_key::{KeyTransparency, OwnedKey, UnloggedKeys};
pub use owner::Owner;
pub use witness::{Witness, WitnessGroup};

use crate::digest::Sha256;
use crate::glob::PathGlob;
use crate::ids::{EnvName, Origin, PersonId, RoleName, RuleId, Uri};
use crate::json::{self, JsonError};
use crate::key::{KeyId, PublicKey};
use crate::limits;
use crate::statement::Kind;
use crate::statement::review::Tier;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A role's name that the tool itself asks for: who may change trust.
pub const ROLE_TRUST: &str = "trust";
/// Who may approve and activate policy releases.
pub const ROLE_POLICY: &str = "policy-approvers";
/// Who may approve exceptions from rules.
pub const ROLE_EXCEPTIONS: &str = "exception-approvers";
/// Who may approve that review is passed over in an emergency.
pub const ROLE_BREAK_GLASS: &str = "break-glass";

/// The namespace of a person's SSH signature over a trust document.
pub const TRUST_NAMESPACE: &str = "trust@countersign.dev";
/// The namespace of a person's SSH signature over a policy release or activation.
pub const POLICY_NAMESPACE: &str = "policy@countersign.dev";
/// The namespace of a person's SSH signature over an exception, or its end.
pub const EXCEPTION_NAMESPACE: &str = "exception@countersign.dev";

/// A trust document that does not contradict itself. Not yet one that anybody signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Trust {
    /// Counts up; never back.
    pub version: u64,
    /// The digest of the document that this one follows: whoever signs this one vouches for that one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Sha256>,
    /// Not valid before.
    pub not_before: Time,
    /// Not valid from this moment on.
    pub expires: Time,
    /// People, by opaque id.
    pub persons: Vec<Person>,
    /// Who builds, and how much that shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub builders: Vec<Builder>,
    /// Who observes the world for us.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub collectors: Vec<Collector>,
    /// Accounts of machines, and what they may change without a review.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub robots: Vec<Robot>,
    /// Who decides promotions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// Who says which Source level a revision has reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verifiers: Vec<Verifier>,
    /// Which logs count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogKey>,
    /// Who cosigns what logs say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witness>,
    /// Groups of them, for floors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witness_groups: Vec<WitnessGroup>,
    /// Which Sigstore instances are believed when they vouch for an identity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sigstore_roots: Vec<SigstoreRoot>,
    /// Whether keys of builders, collectors and verifiers need a log entry or a timestamp unless the contrary is stated of
    /// them. Absent: they need none, as in documents of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlogged_keys: Option<UnloggedKeys>,
    /// Who may do what together.
    pub roles: BTreeMap<RoleName, Role>,
    /// What no policy release may go below, for each environment.
    pub environments: BTreeMap<EnvName, Floor>,
}

/// A person. Names and addresses stay outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Person {
    /// Opaque and stable.
    pub id: PersonId,
    /// Accounts on forges.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Account>,
    /// The keys that this person alone holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<OwnedKey>,
    /// The identities that this person alone can sign in with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
}

/// An account on a forge: the numeric id, since logins can be renamed and reused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Account {
    /// The forge's host name.
    pub host: String,
    /// The numeric id there.
    pub id: u64,
    /// Counts from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,
    /// Does not count from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// In foreign hands from this moment on, or perhaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compromised_since: Option<Time>,
}

impl Account {
    /// Whether the account counts at this moment.
    #[must_use]
    pub fn counts_at(&self, at: Time) -> bool {
        within(self.valid_from, self.valid_until, self.compromised_since, at)
    }
}

fn within(from: Option<Time>, until: Option<Time>, compromised: Option<Time>, at: Time) -> bool {
    from.is_none_or(|from| at >= from) && until.is_none_or(|until| at < until) && compromised.is_none_or(|c| at < c)
}

/// A builder: the pair of signing key and `builder.id`, and the highest SLSA Build level that the pair can show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Builder {
    /// The `builder.id` of its provenance.
    pub id: Uri,
    /// The keys that sign it.
    #[serde(default)]
    pub keys: Vec<OwnedKey>,
    /// The identities that sign for it, by certificates of a Sigstore instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// 1 to 3.
    pub max_level: u8,
}

/// A collector: a key that may sign these kinds of statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Collector {
    /// Its name.
    pub name: RoleName,
    /// Its keys.
    #[serde(default)]
    pub keys: Vec<OwnedKey>,
    /// The identities that sign for it, by certificates of a Sigstore instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// What it may sign.
    pub may_sign: Vec<Kind>,
    /// The forges of which it is believed; none where it observes none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<String>,
    /// The highest tier of review evidence that it can show: T1 or T2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tier: Option<Tier>,
}

/// A machine's accounts. It never approves; what it may change without a review is a standing exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Robot {
    /// Its name.
    pub name: RoleName,
    /// Its accounts on forges.
    pub accounts: Vec<Account>,
    /// What it may change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<RobotException>,
}

/// What a machine may change in a repository without a review, if nobody else had a hand in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RobotException {
    /// The repository.
    pub repository: Uri,
    /// Globs over whole paths: `*` stays within a folder, `**` does not.
    pub paths: Vec<PathGlob>,
    /// The most files of one change.
    pub max_files: u32,
}

/// A gate: a key that may decide for these environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gate {
    /// Its uri: the `verifier.id` of its summaries.
    pub id: Uri,
    /// Its keys, which no build can reach.
    #[serde(default)]
    pub keys: Vec<OwnedKey>,
    /// The identities that sign for it, by certificates of a Sigstore instance.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identities: Vec<Identity>,
    /// Where it decides.
    pub environments: Vec<EnvName>,
}

/// A verifier of source: a key that may say which level of the SLSA Source track a revision of these repositories has
/// reached, and how it came about. What it said is gone on from in later runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verifier {
    /// Its uri: the `verifier.id` of its summaries.
    pub id: Uri,
    /// Its keys, which no author of a change can reach.
    pub keys: Vec<OwnedKey>,
    /// The repositories of which it is believed.
    pub repositories: BTreeSet<Uri>,
    /// The highest SLSA Source level that it can show: 1 to 4.
    pub max_level: u8,
}

/// A log and the Ed25519 key of its checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogKey {
    /// The first line of its checkpoints.
    pub origin: Origin,
    /// The log that it has to go on from. One that stands alone has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Origin>,
    /// Its keys.
    pub keys: Vec<OwnedKey>,
}

/// Persons who act together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Role {
    /// Who.
    pub persons: BTreeSet<PersonId>,
    /// How many of them are needed; counts persons, not keys.
    pub threshold: u32,
}

/// What no policy release may go below in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Floor {
    /// The least tier of review evidence.
    pub review_tier: Tier,
    /// The least SLSA Build level.
    pub builder_level: u8,
    /// Rules that must be in stage enforce, and the gate with them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub enforced_rules: BTreeSet<RuleId>,
    /// The decision's time must be within this many minutes of a timestamp from elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_bracket_minutes: Option<u32>,
    /// The most days of an exception there, from its request to its end; 90 if absent, 0 for none at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_days: Option<u32>,
    /// The witness, or group of witnesses, that has to have cosigned the log before a decision authorises anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness_quorum: Option<String>,
}

/// Why a document is not a trust document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Larger than the bound.
    #[error("{found} bytes, more than the {} that are read", limits::TOML_BYTES)]
    TooLarge {
        /// How many bytes there were.
        found: usize,
    },
    /// Not UTF-8.
    #[error("byte {at} is not UTF-8")]
    NotUtf8 {
        /// Where.
        at: usize,
    },
    /// Not TOML, or not of the shape.
    #[error("{message}")]
    Toml {
        /// The parser's message with line, column and the line itself.
        message: String,
    },
    /// Not JSON, or not of the shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// One key for two owners.
    #[error("{first} and {second} share a key: nobody could tell which of them signed")]
    KeyShared {
        /// One owner.
        first: String,
        /// The other.
        second: String,
    },
    /// One identity for two owners.
    #[error("{first} and {second} share an identity: nobody could tell which of them signed")]
    IdentityShared {
        /// One owner.
        first: String,
        /// The other.
        second: String,
    },
    /// One account for two owners.
    #[error("{first} and {second} share account {id} on {host}")]
    AccountShared {
        /// One owner.
        first: String,
        /// The other.
        second: String,
        /// The forge.
        host: String,
        /// The account.
        id: u64,
    },
    /// Two persons, builders, gates … of one name.
    #[error("{what} is listed twice")]
    Twice {
        /// What.
        what: String,
    },
    /// A role names somebody who is not a person of trust.
    #[error("role {role} names {person}, who is not among the persons")]
    NobodyCalled {
        /// The role.
        role: RoleName,
        /// The id.
        person: PersonId,
    },
    /// A threshold of zero, or more than the role has persons with a key.
    #[error("role {role} needs {threshold} of {persons} persons: the threshold must be 1 to that number")]
    Threshold {
        /// The role.
        role: RoleName,
        /// What it asks for.
        threshold: u32,
        /// How many persons it has.
        persons: usize,
    },
    /// No `trust` role: nobody could sign the document.
    #[error("there is no role `{ROLE_TRUST}`: nobody could sign this document")]
    NoTrustRole,
    /// A quorum of witnesses that nobody could meet.
    #[error("witness quorum {quorum}: {why}")]
    Witnesses {
        /// The name of the quorum or group.
        quorum: String,
        /// What is wrong with it.
        why: crate::log::quorum::PolicyError,
    },
    /// A number or date that cannot be.
    #[error("{field} {problem}")]
    Value {
        /// Where.
        field: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl TrustError {
    /// The registered code of this refusal.
    #[must_use]
    pub const fn code(&self) -> crate::finding::Code {
        if matches!(self, Self::KeyShared { .. } | Self::IdentityShared { .. } | Self::AccountShared { .. }) {
            crate::codes::KEY_SHARED
        } else {
            crate::codes::TRUST_MALFORMED
        }
    }
}

impl Trust {
    /// Reads `trust.toml`.
    pub fn from_toml(bytes: &[u8]) -> Result<Self, TrustError> {
        if bytes.len() > limits::TOML_BYTES {
            return Err(TrustError::TooLarge { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|e| TrustError::NotUtf8 { at: e.valid_up_to() })?;
        let wire: Wire = toml::from_str(text).map_err(|e| TrustError::Toml { message: e.to_string() })?;
        wire.check()
    }

    /// Reads the canonical JSON form, as a signed statement carries it.
    pub fn from_value(value: serde_json::Value) -> Result<Self, TrustError> {
        json::from_value::<Wire>(value)?.check()
    }

    /// The digest that is given from outside: SHA-256 over the canonical JSON.
    pub fn digest(&self) -> Result<Sha256, JsonError> {
        Ok(Sha256::of(&json::canonical(self)?))
    }

    /// Whose key this is.
    #[must_use]
    pub fn owner_of(&self, key: &KeyId) -> Option<(Owner<'_>, &OwnedKey)> {
        self.owners().find(|(_, owned)| owned.id() == key)
    }

    /// Whether it says of any key or identity that it came into foreign hands.
    #[must_use]
    pub fn knows_of_compromise(&self) -> bool {
        self.owners().any(|(_, owned)| owned.compromised_since.is_some())
            || self.identities().any(|(_, identity)| identity.compromised_since.is_some())
    }

    /// Every owner with an identity that a certificate of this instance shows.
    pub fn owners_of_identity(
        &self,
        root: &RoleName,
        issuer: &str,
        name: &str,
        claims: &BTreeMap<Claim, String>,
    ) -> Vec<(Owner<'_>, &Identity)> {
        self.identities().filter(|(_, identity)| identity.is(root, issuer, name, claims)).collect()
    }

    /// The Sigstore root with this digest.
    #[must_use]
    pub fn sigstore_root(&self, digest: &Sha256) -> Option<&SigstoreRoot> {
        self.sigstore_roots.iter().find(|root| root.digest == *digest)
    }

    /// The same of what a certificate showed under the root with that digest; none of a root that it does not name.
    #[must_use]
    pub fn owners_of_shown(&self, shown: &ShownIdentity) -> Vec<(Owner<'_>, &Identity)> {
        let Some(root) = self.sigstore_root(&shown.root) else { return Vec::new() };
        self.owners_of_identity(&root.name, &shown.issuer, &shown.subject, &shown.claims)
    }

    /// The person with this id.
    #[must_use]
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.persons.iter().find(|person| person.id == *id)
    }

    /// The role of this name.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|(role, _)| role.as_str() == name).map(|(_, role)| role)
    }

    /// The person whose account this is, with the account.
    #[must_use]
    pub fn person_of(&self, host: &str, id: u64) -> Option<(&Person, &Account)> {
        let owns = |account: &&Account| account.id == id && account.host.eq_ignore_ascii_case(host);
        self.persons.iter().find_map(|person| Some((person, person.accounts.iter().find(owns)?)))
    }

    /// The robot whose account this is, with the account.
    #[must_use]
    pub fn robot_of(&self, host: &str, id: u64) -> Option<(&Robot, &Account)> {
        let owns = |account: &&Account| account.id == id && account.host.eq_ignore_ascii_case(host);
        self.robots.iter().find_map(|robot| Some((robot, robot.accounts.iter().find(owns)?)))
    }

    /// The collector of this name.
    #[must_use]
    pub fn collector(&self, name: &RoleName) -> Option<&Collector> {
        self.collectors.iter().find(|collector| collector.name == *name)
    }

    /// The log of this origin.
    #[must_use]
    pub fn log(&self, origin: &Origin) -> Option<&LogKey> {
        self.logs.iter().find(|log| log.origin == *origin)
    }

    /// Every key with its owner.
    pub fn owners(&self) -> impl Iterator<Item = (Owner<'_>, &OwnedKey)> {
        let persons = self.persons.iter().flat_map(|p| p.keys.iter().map(move |k| (Owner::Person(p), k)));
        let builders = self.builders.iter().flat_map(|b| b.keys.iter().map(move |k| (Owner::Builder(b), k)));
        let collectors = self.collectors.iter().flat_map(|c| c.keys.iter().map(move |k| (Owner::Collector(c), k)));
        let gates = self.gates.iter().flat_map(|g| g.keys.iter().map(move |k| (Owner::Gate(g), k)));
        let verifiers = self.verifiers.iter().flat_map(|v| v.keys.iter().map(move |k| (Owner::Verifier(v), k)));
        let logs = self.logs.iter().flat_map(|l| l.keys.iter().map(move |k| (Owner::Log(l), k)));
        let witnesses = self.witnesses.iter().flat_map(|w| w.keys.iter().map(move |k| (Owner::Witness(w), k)));
        persons.chain(builders).chain(collectors).chain(gates).chain(verifiers).chain(logs).chain(witnesses)
    }

    /// The verifier of this uri.
    #[must_use]
    pub fn verifier(&self, id: &Uri) -> Option<&Verifier> {
        self.verifiers.iter().find(|verifier| verifier.id == *id)
    }

    /// Whether a key or an account begins or ceases to count after one moment and up to another: then what was judged at
    /// the first may come out otherwise at the second.
    #[must_use]
    pub fn turns_between(&self, from: Time, to: Time) -> bool {
        let keys = self.owners().map(|(_, owned)| [owned.valid_from, owned.valid_until, owned.compromised_since]);
        let persons = self.persons.iter().flat_map(|person| &person.accounts);
        let accounts = persons.chain(self.robots.iter().flat_map(|robot| &robot.accounts));
        let spans = accounts.map(|account| [account.valid_from, account.valid_until, account.compromised_since]);
        keys.chain(spans).flatten().flatten().any(|turn| turn > from && turn <= to)
    }

    /// Every identity with its owner.
    pub fn identities(&self) -> impl Iterator<Item = (Owner<'_>, &Identity)> {
        let persons = self.persons.iter().flat_map(|p| p.identities.iter().map(move |i| (Owner::Person(p), i)));
        let builders = self.builders.iter().flat_map(|b| b.identities.iter().map(move |i| (Owner::Builder(b), i)));
        let collectors =
            self.collectors.iter().flat_map(|c| c.identities.iter().map(move |i| (Owner::Collector(c), i)));
        let gates = self.gates.iter().flat_map(|g| g.identities.iter().map(move |i| (Owner::Gate(g), i)));
        persons.chain(builders).chain(collectors).chain(gates)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u64,
    #[serde(default)]
    previous: Option<Sha256>,
    not_before: Time,
    expires: Time,
    persons: Vec<Person>,
    #[serde(default)]
    builders: Vec<Builder>,
    #[serde(default)]
    collectors: Vec<Collector>,
    #[serde(default)]
    robots: Vec<Robot>,
    #[serde(default)]
    gates: Vec<Gate>,
    #[serde(default)]
    verifiers: Vec<Verifier>,
    #[serde(default)]
    logs: Vec<LogKey>,
    #[serde(default)]
    witnesses: Vec<Witness>,
    #[serde(default)]
    witness_groups: Vec<WitnessGroup>,
    #[serde(default)]
    sigstore_roots: Vec<SigstoreRoot>,
    #[serde(default)]
    unlogged_keys: Option<UnloggedKeys>,
    roles: BTreeMap<RoleName, Role>,
    environments: BTreeMap<EnvName, Floor>,
}

impl Wire {
    fn check(self) -> Result<Trust, TrustError> {
        let trust = Trust {
            version: self.version,
            previous: self.previous,
            not_before: self.not_before,
            expires: self.expires,
            persons: self.persons,
            builders: self.builders,
            collectors: self.collectors,
            robots: self.robots,
            gates: self.gates,
            verifiers: self.verifiers,
            logs: self.logs,
            witnesses: self.witnesses,
            witness_groups: self.witness_groups,
            sigstore_roots: self.sigstore_roots,
            unlogged_keys: self.unlogged_keys,
            roles: self.roles,
            environments: self.environments,
        };
        check_values(&trust)?;
        check_names(&trust)?;
        check_keys(&trust)?;
        witness::check(&trust)?;
        check_identities(&trust)?;
        check_accounts(&trust)?;
        check_roles(&trust)?;
        Ok(trust)
    }
}

fn check_values(trust: &Trust) -> Result<(), TrustError> {
    let wrong = |field: String, problem| Err(TrustError::Value { field, problem });
    if !(1..=1 << 53).contains(&trust.version) {
        return wrong("version".to_owned(), "starts at 1");
    }
    if trust.expires <= trust.not_before {
        return wrong("expires".to_owned(), "does not lie after not_before");
    }
    for builder in &trust.builders {
        if !(1..=3).contains(&builder.max_level) {
            return wrong(format!("max_level of builder {}", builder.id), "is a SLSA Build level, 1 to 3");
        }
    }
    for (environment, floor) in &trust.environments {
        if floor.builder_level > 3 {
            return wrong(format!("builder_level of environment {environment}"), "is a SLSA Build level, 0 to 3");
        }
        if floor.exception_days.is_some_and(|days| days > limits::EXCEPTION_DAYS_OF_TRUST) {
            return wrong(format!("exception_days of environment {environment}"), "is 0 to 366");
        }
    }
    for collector in &trust.collectors {
        if collector.max_tier.is_some_and(|tier| !matches!(tier, Tier::T1 | Tier::T2)) {
            return wrong(format!("max_tier of collector {}", collector.name), "is T1 or T2: T3 is a reviewer's own");
        }
    }
    for robot in &trust.robots {
        if robot.exceptions.iter().any(|exception| exception.paths.is_empty() || exception.max_files == 0) {
            return wrong(format!("exception of robot {}", robot.name), "needs paths and a largest change");
        }
    }
    for verifier in &trust.verifiers {
        if !(1..=4).contains(&verifier.max_level) {
            return wrong(format!("max_level of verifier {}", verifier.id), "is a SLSA Source level, 1 to 4");
        }
        if verifier.repositories.is_empty() {
            return wrong(format!("repositories of verifier {}", verifier.id), "names none");
        }
    }
    for log in &trust.logs {
        if log.keys.iter().any(|owned| !matches!(owned.key, PublicKey::Ed25519(_))) {
            return wrong(format!("key of log {}", log.origin), "must be Ed25519: checkpoints have no other");
        }
        if log.continues.as_ref() == Some(&log.origin) {
            return wrong(format!("log {}", log.origin), "does not go on from itself");
        }
    }
    Ok(())
}

/// Names say who is meant, so each is given once, with all its keys.
fn check_names(trust: &Trust) -> Result<(), TrustError> {
    let persons = trust.persons.iter().map(Owner::Person);
    let builders = trust.builders.iter().map(Owner::Builder);
    let collectors = trust.collectors.iter().map(Owner::Collector);
    let gates = trust.gates.iter().map(Owner::Gate);
    let verifiers = trust.verifiers.iter().map(Owner::Verifier);
    let logs = trust.logs.iter().map(Owner::Log);
    let witnesses = trust.witnesses.iter().map(Owner::Witness);
    let mut seen = BTreeSet::new();
    let others = gates.chain(verifiers).chain(logs).chain(witnesses);
    for owner in persons.chain(builders).chain(collectors).chain(others) {
        let what = owner.describe();
        if !seen.insert(what.clone()) {
            return Err(TrustError::Twice { what });
        }
    }
    Ok(())
}

/// One key has one owner: persons are counted, and builder, collector and gate are kept apart.
fn check_keys(trust: &Trust) -> Result<(), TrustError> {
    let mut seen: BTreeMap<Vec<u8>, String> = BTreeMap::new();
    for (owner, owned) in trust.owners() {
        let owner = owner.describe();
        if let Some(first) = seen.insert(owned.key.material(), owner.clone()) {
            if first == owner {
                return Err(TrustError::Twice { what: format!("a key of {owner}") });
            }
            return Err(TrustError::KeyShared { first, second: owner });
        }
    }
    Ok(())
}

/// One identity has one owner. A person's is one name and no pattern; a gate's says which workflow, as it was at a
/// commit, in which protected environment: whoever can change the workflow or choose its environment would be the gate.
fn check_identities(trust: &Trust) -> Result<(), TrustError> {
    let wrong = |owner: &Owner<'_>, problem| {
        Err(TrustError::Value { field: format!("an identity of {}", owner.describe()), problem })
    };
    let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
    for root in &trust.sigstore_roots {
        if !names.insert(&root.name) || !digests.insert(root.digest) {
            return Err(TrustError::Twice { what: format!("Sigstore root {}", root.name) });
        }
        if !(1..=3_660).contains(&root.max_age_days) {
            let field = format!("max_age_days of Sigstore root {}", root.name);
            return Err(TrustError::Value { field, problem: "is 1 to 3660" });
        }
    }
    for (owner, identity) in trust.identities() {
        if let Some(problem) = identity.problem() {
            return wrong(&owner, problem);
        }
        if !names.contains(&identity.root) {
            return wrong(&owner, "names a Sigstore root that is not among `sigstore_roots`");
        }
        if matches!(owner, Owner::Person(_)) && identity.issuer.exact().is_none() {
            return wrong(&owner, "has an issuer that is a pattern: a person has one");
        }
        if matches!(owner, Owner::Person(_)) && identity.subject.exact().is_none() {
            return wrong(&owner, "is a pattern: a person has one name");
        }
        let bound = [Claim::WorkflowDigest, Claim::Environment].iter().all(|claim| identity.claims.contains_key(claim));
        if matches!(owner, Owner::Gate(_)) && !bound {
            return wrong(&owner, "needs the claims `workflow-digest` and `environment`");
        }
        // A person's name belongs to nobody else, whatever else is asked of the other's certificate.
        for (other, theirs) in trust.identities().filter(|(other, _)| other.describe() != owner.describe()) {
            let one = matches!(owner, Owner::Person(_)) || identity.claims == theirs.claims;
            let name = identity.subject.exact().is_some_and(|name| theirs.subject.matches(name));
            let same = name || identity.subject == theirs.subject;
            let issuer = identity.issuer == theirs.issuer
                || identity.issuer.exact().is_some_and(|issuer| theirs.issuer.matches(issuer));
            if one && same && identity.root == theirs.root && issuer {
                return Err(TrustError::IdentityShared { first: owner.describe(), second: other.describe() });
            }
        }
    }
    Ok(())
}

/// One account has one owner, so that persons can be counted by their accounts and a robot is never taken for one.
fn check_accounts(trust: &Trust) -> Result<(), TrustError> {
    let mut seen: BTreeMap<(String, u64), String> = BTreeMap::new();
    let persons = trust.persons.iter().map(|person| (format!("person {}", person.id), &person.accounts));
    let robots = trust.robots.iter().map(|robot| (format!("robot {}", robot.name), &robot.accounts));
    let mut robots_seen = BTreeSet::new();
    if let Some(twice) = trust.robots.iter().find(|robot| !robots_seen.insert(&robot.name)) {
        return Err(TrustError::Twice { what: format!("robot {}", twice.name) });
    }
    for (owner, accounts) in persons.chain(robots) {
        for account in accounts {
            let key = (account.host.to_ascii_lowercase(), account.id);
            if let Some(first) = seen.insert(key, owner.clone()) {
                return Err(TrustError::AccountShared {
                    first,
                    second: owner,
                    host: account.host.clone(),
                    id: account.id,
                });
            }
        }
    }
    Ok(())
}

fn check_roles(trust: &Trust) -> Result<(), TrustError> {
    for (name, role) in &trust.roles {
        if let Some(person) = role.persons.iter().find(|id| trust.person(id).is_none()) {
            return Err(TrustError::NobodyCalled { role: name.clone(), person: person.clone() });
        }
        let reachable = usize::try_from(role.threshold).is_ok_and(|t| t >= 1 && t <= role.persons.len());
        if !reachable {
            return Err(TrustError::Threshold {
                role: name.clone(),
                threshold: role.threshold,
                persons: role.persons.len(),
            });
        }
    }
    if trust.role(ROLE_TRUST).is_none() { Err(TrustError::NoTrustRole) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
