//! What counts: trusted roots and keys, by the names that the caller gives them.

use crate::sigstore::{BundleKey, Refused, Transparency, TrustedRoot};
use countersign_core::attestation::decoded;
use countersign_core::codes;
use countersign_core::json;
use countersign_core::time::Time;
use serde_json::Value;
use std::collections::BTreeMap;

/// Everything that counts. Nothing in it: nothing holds.
#[derive(Debug, Default)]
pub struct Anchors {
    /// Trusted roots.
    pub roots: Vec<NamedRoot>,
    /// Keys.
    pub keys: Vec<NamedKey>,
}

/// A trusted root.
#[derive(Debug)]
pub struct NamedRoot {
    /// Its name.
    pub name: String,
    /// The root.
    pub root: TrustedRoot,
    /// What has to witness a signature beside its certificate.
    pub transparency: Transparency,
}

/// What has to witness a key's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyWitness {
    /// A log or a timestamp authority.
    Log,
    /// A timestamp authority, whichever logs have seen it: a log's word for the time is not enough.
    Timestamp,
    /// Nobody: then nothing says when it was made.
    Nobody,
}

/// A key.
#[derive(Debug, Clone)]
pub struct NamedKey {
    /// Its name.
    pub name: String,
    /// The key.
    pub key: BundleKey,
    /// Other names by which bundles and envelopes call it.
    pub aliases: Vec<String>,
    /// What has to witness its signatures.
    pub witness: KeyWitness,
    /// Counts from this moment on.
    pub from: Option<Time>,
    /// Does not count from this moment on.
    pub until: Option<Time>,
    /// A key of Cloud Build, which signs nothing else.
    pub cloud: Option<CloudKey>,
}

/// Which of Cloud Build's keys it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudKey {
    /// How the key's name in a signature has to end after `projects/verified-builder/locations/`.
    pub path: String,
    /// Whether it signs the pre-authentication encoding, or the payload as it is.
    pub encodes: bool,
}

impl NamedKey {
    /// A key from a file of this name. What the file is called says whether it is one of Cloud Build's.
    pub fn from_pem(name: &str, pem: &str, witness: KeyWitness) -> Result<Self, Refused> {
        let key = BundleKey::from_pem(pem)?;
        let aliases = vec![key.id().hint(), key.id().digest().hex(), key.id().to_string()];
        Ok(Self { name: name.to_owned(), key, aliases, witness, from: None, until: None, cloud: None })
    }

    /// As a key of Cloud Build: `us-west2`, or `global-pae-NAME_VERSION`.
    #[must_use]
    pub fn of_cloud_build(mut self) -> Self {
        let pae = self.name.strip_prefix("global-pae-").and_then(|rest| rest.rsplit_once('_'));
        self.cloud = Some(match pae {
            Some((name, version)) => CloudKey {
                path: format!("global/keyRings/attestor/cryptoKeys/{name}/cryptoKeyVersions/{version}"),
                encodes: true,
            },
            None => CloudKey {
                path: format!("{}/keyRings/attestor/cryptoKeys/builtByGCB/cryptoKeyVersions/1", self.name),
                encodes: false,
            },
        });
        self
    }

    /// The keys of a registry, as npm publishes them: those for attestations.
    pub fn from_registry(document: &[u8]) -> Result<Vec<Self>, Refused> {
        let wrong =
            |what: String| Refused::new(codes::SIGNER_UNKNOWN, format!("the registry's keys do not parse: {what}"));
        let value = json::parse(document).map_err(|error| wrong(error.to_string()))?;
        let listed = value.get("keys").and_then(Value::as_array).ok_or_else(|| wrong("no list `keys`".to_owned()))?;
        let mut out = Vec::new();
        for one in listed {
            let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
            if one.get("publicKey").is_none() && one.get("key").is_some() {
                out.extend(Self::served(one).map_err(wrong)?);
                continue;
            }
            if text(one, "keyUsage").as_deref() != Some("npm:attestations") {
                continue;
            }
            let public = one.get("publicKey").ok_or_else(|| wrong("no `publicKey`".to_owned()))?;
            let der = text(public, "rawBytes").and_then(|raw| decoded(&raw));
            let key = BundleKey::from_der(&der.ok_or_else(|| wrong("no `rawBytes`".to_owned()))?)?;
            let name = text(one, "keyId").ok_or_else(|| wrong("no `keyId`".to_owned()))?;
            let valid = public.get("validFor");
            let time = |field: &str| match valid.and_then(|valid| text(valid, field)) {
                None => Ok(None),
                Some(text) => Time::from_rfc3339(&text).map(Some).ok_or_else(|| wrong(format!("`{field}` is no time"))),
            };
            out.push(Self {
                aliases: vec![key.id().hint()],
                witness: KeyWitness::Log,
                from: time("start")?,
                until: time("end")?,
                cloud: None,
                name,
                key,
            });
        }
        if out.is_empty() {
            return Err(wrong(
                "none is for attestations, of a kind that is known and of a time that can be read".to_owned(),
            ));
        }
        Ok(out)
    }

    /// A key as the registry's own address serves it, for packages and attestations alike: without a beginning. Nothing where it is of a kind
    /// that is none of those known here, or ends at what is no time: it does not count, and keeps no other from counting.
    fn served(one: &Value) -> Result<Option<Self>, String> {
        const KINDS: [&str; 6] =
            ["ecdsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ed25519", "rsa", "rsassa-pss-sha256"];
        let text = |field: &str| one.get(field).and_then(Value::as_str);
        if !["keytype", "scheme"].iter().all(|field| text(field).is_none_or(|kind| KINDS.contains(&kind))) {
            return Ok(None);
        }
        let der = text("key").and_then(decoded).ok_or_else(|| "`key` is not base64".to_owned())?;
        let key = BundleKey::from_der(&der).map_err(|refused| refused.to_string())?;
        let until = match one.get("expires").filter(|until| !until.is_null()) {
            None => None,
            Some(until) => match until.as_str().and_then(Time::from_rfc3339) {
                None => return Ok(None),
                end => end,
            },
        };
        Ok(Some(Self {
            name: text("keyid").ok_or_else(|| "no `keyid`".to_owned())?.to_owned(),
            aliases: vec![key.id().hint()],
            witness: KeyWitness::Log,
            from: None,
            until,
            cloud: None,
            key,
        }))
    }

    /// Whether it counts at this moment.
    #[must_use]
    pub fn counts_at(&self, at: Time) -> bool {
        self.from.is_none_or(|from| at >= from) && self.until.is_none_or(|until| at < until)
    }

    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().any(|alias| alias == name)
    }
}

impl Anchors {
    /// A name that two different keys have. Whoever expects a key expects it by its name, so each name has to mean one key; a
    /// key may be given twice.
    #[must_use]
    pub fn ambiguous(&self) -> Option<(&NamedKey, &NamedKey)> {
        let mut known: BTreeMap<&str, &NamedKey> = BTreeMap::new();
        self.keys.iter().find_map(|key| {
            let first = *known.entry(&key.name).or_insert(key);
            (first.key.id() != key.key.id()).then_some((first, key))
        })
    }

    /// The keys that are called so; all of them where the name is none that is known, since a name only selects.
    pub(super) fn called(&self, name: &str) -> Vec<&NamedKey> {
        let ordinary = || self.keys.iter().filter(|key| key.cloud.is_none());
        let called: Vec<_> = ordinary().filter(|key| key.is_called(name)).collect();
        if called.is_empty() { ordinary().collect() } else { called }
    }

    /// The key of Cloud Build of this name, and what it signs. Here the name has to be known: it says what is signed.
    pub(super) fn cloud(&self, name: &str) -> Vec<(&NamedKey, bool)> {
        let Some(path) = name.strip_prefix("projects/verified-builder/locations/") else { return Vec::new() };
        let is = |key: &&NamedKey| key.cloud.as_ref().is_some_and(|cloud| cloud.path == path);
        let encodes = |key: &NamedKey| key.cloud.as_ref().is_some_and(|cloud| cloud.encodes);
        self.keys.iter().filter(is).map(|key| (key, encodes(key))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_served_key_of_another_kind_or_without_a_readable_end_counts_for_nothing_and_hides_no_other() {
        // One of the registry's own, as it serves it.
        let known = json!({
            "expires": null, "keyid": "SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U",
            "keytype": "ecdsa-sha2-nistp256", "scheme": "ecdsa-sha2-nistp256",
            "key": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEY6Ya7W++7aUPzvMTrezH6Ycx3c+HOKYCcNGybJZSCJq/fd7Qa8uuAKtdIkUQtQiEKERhAmE5lMMJhP8OkDOa2g==",
        });
        let later = json!({ "expires": null, "keyid": "k", "keytype": "mldsa", "scheme": "mldsa", "key": "AAAA" });
        let mut unended = known.clone();
        unended["expires"] = json!("");
        unended["keyid"] = json!("other");
        let read = |keys: &[&Value]| NamedKey::from_registry(json!({ "keys": keys }).to_string().as_bytes());
        let names: Vec<String> = read(&[&known, &later, &unended]).unwrap().into_iter().map(|key| key.name).collect();
        assert_eq!(names, ["SHA256:DhQ8wR5APBvFHLF/+Tc+AYvPOdTpcIDqOhxsBHRwC7U"]);
        for none in [vec![&later], vec![&unended], vec![&later, &unended], vec![]] {
            assert!(read(&none).is_err(), "{none:?}");
        }
        let mut broken = known.clone();
        broken["key"] = json!("AAAA");
        assert!(read(&[&known, &broken]).is_err(), "one of a known kind that does not parse");
    }
}
