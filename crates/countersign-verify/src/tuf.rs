//! The Update Framework, as far as fetching a Sigstore trusted root goes: the chain of roots, the timestamp, the snapshot, the
//! targets, and one file among them. A pure function of bytes and a time; who fetches the bytes is the caller's matter.
//!
//! Each step is the specification's: a root is signed by a threshold of the one before and of itself, and follows it by one; no
//! metadata is of an earlier version than what was seen before; what the last step gives has not expired.

use crate::sigstore::BundleKey;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::json;
use countersign_core::time::Time;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The roles that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who may sign what.
    Root,
    /// What is newest.
    Timestamp,
    /// Which versions belong together.
    Snapshot,
    /// The files.
    Targets,
}

impl Role {
    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
        }
    }
}

/// A document of a repository, with its signatures. Not yet one that anybody is known to have signed.
#[derive(Debug, Clone)]
struct Document {
    signed: Value,
    bytes: Vec<u8>,
    version: u64,
    expires: Time,
    signatures: Vec<(String, Vec<u8>)>,
}

/// A root that is believed: the first from outside, each further one from the one before.
#[derive(Debug, Clone)]
pub struct Root {
    document: Document,
    keys: BTreeMap<String, BundleKey>,
}

/// What is known once all of it holds.
#[derive(Debug, Clone)]
pub struct Known {
    document: Document,
}

impl Root {
    /// A root that somebody vouches for from outside. That it is signed by its own keys is checked.
    pub fn pinned(bytes: &[u8]) -> Result<Self, Finding> {
        let root = Self::read(bytes)?;
        root.check(Role::Root, &root.document)?;
        Ok(root)
    }

    /// The root that follows this one.
    pub fn next(&self, bytes: &[u8]) -> Result<Self, Finding> {
        let next = Self::read(bytes)?;
        let wanted = self.version().saturating_add(1);
        if next.version() != wanted {
            return Err(refused("a root does not follow the one before")
                .expected(wanted.to_string(), "the root before")
                .found(next.version().to_string()));
        }
        self.check(Role::Root, &next.document)?;
        next.check(Role::Root, &next.document)?;
        Ok(next)
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.document.version
    }

    /// Until when it counts.
    #[must_use]
    pub const fn expires(&self) -> Time {
        self.document.expires
    }

    /// Whether it is the newest that there is, and has not expired.
    pub fn current(&self, at: Time) -> Result<(), Finding> {
        fresh(Role::Root, &self.document, at)
    }

    /// Whether files have their versions and digests in their names.
    #[must_use]
    pub fn consistent(&self) -> bool {
        self.document.signed.get("consistent_snapshot") == Some(&Value::Bool(true))
    }

    /// The timestamp, by its keys; not older than the one that was seen before.
    pub fn timestamp(&self, bytes: &[u8], before: Option<u64>, at: Time) -> Result<Known, Finding> {
        self.known(Role::Timestamp, bytes, before, at)
    }

    /// The snapshot that the timestamp names.
    pub fn snapshot(&self, timestamp: &Known, bytes: &[u8], at: Time) -> Result<Known, Finding> {
        timestamp.names("snapshot.json", bytes)?;
        let known = self.known(Role::Snapshot, bytes, None, at)?;
        timestamp.of_version("snapshot.json", known.version())?;
        Ok(known)
    }

    /// The targets that the snapshot names.
    pub fn targets(&self, snapshot: &Known, bytes: &[u8], at: Time) -> Result<Known, Finding> {
        snapshot.names("targets.json", bytes)?;
        let known = self.known(Role::Targets, bytes, None, at)?;
        snapshot.of_version("targets.json", known.version())?;
        Ok(known)
    }

    fn known(&self, role: Role, bytes: &[u8], before: Option<u64>, at: Time) -> Result<Known, Finding> {
        let document = Document::read(role, bytes)?;
        self.check(role, &document)?;
        if let Some(before) = before.filter(|before| document.version < *before) {
            return Err(refused(&format!("the {} is older than the one that was seen before", role.word()))
                .expected(format!("version {before} or later"), "what was fetched before")
                .found(document.version.to_string()));
        }
        fresh(role, &document, at)?;
        Ok(Known { document })
    }

    fn read(bytes: &[u8]) -> Result<Self, Finding> {
        let document = Document::read(Role::Root, bytes)?;
        let mut keys = BTreeMap::new();
        let listed = document.signed.get("keys").and_then(Value::as_object);
        for (id, key) in listed.into_iter().flatten() {
            // A key of a kind that is not read signs nothing: the threshold says whether that matters.
            if let Some(key) = key_of(key) {
                keys.insert(id.clone(), key);
            }
        }
        Ok(Self { document, keys })
    }

    /// Whether enough distinct keys of a role have signed. A key under two names is one key.
    fn check(&self, role: Role, document: &Document) -> Result<(), Finding> {
        let roles = self.document.signed.get("roles").and_then(|roles| roles.get(role.word()));
        let threshold = roles.and_then(|role| role.get("threshold")).and_then(Value::as_u64).unwrap_or(0);
        let ids = roles.and_then(|role| role.get("keyids")).and_then(Value::as_array);
        let ids: BTreeSet<&str> = ids.into_iter().flatten().filter_map(Value::as_str).collect();
        let mut held = BTreeSet::new();
        for (id, signature) in document.signatures.iter().filter(|(id, _)| ids.contains(id.as_str())) {
            if let Some(key) = self.keys.get(id)
                && key.holds(&document.bytes, signature)
            {
                held.insert(key.id());
            }
        }
        let enough = u64::try_from(held.len()).is_ok_and(|held| threshold > 0 && held >= threshold);
        if enough {
            return Ok(());
        }
        let by = format!("root version {}", self.version());
        let what = format!("the {} version {} is not signed by enough keys", role.word(), document.version);
        Err(refused(&what).expected(format!("{threshold} keys"), by).found(held.len().to_string()))
    }
}

impl Known {
    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.document.version
    }

    /// The version of another document that this one names.
    pub fn version_of(&self, name: &str) -> Result<u64, Finding> {
        let found = self.meta(name).and_then(|meta| meta.get("version")).and_then(Value::as_u64);
        found.ok_or_else(|| refused(&format!("no version of {name} is named")))
    }

    /// The SHA-256 of a file among the targets.
    pub fn sha256_of(&self, name: &str) -> Result<Sha256, Finding> {
        let target = self.document.signed.get("targets").and_then(|targets| targets.get(name));
        let found = target.and_then(|target| target.get("hashes")).and_then(|hashes| hashes.get("sha256"));
        let digest = found.and_then(Value::as_str).and_then(|hex| Sha256::from_hex(hex).ok());
        digest.ok_or_else(|| refused(&format!("no SHA-256 of {name} is among the targets")))
    }

    /// Whether these are the bytes of a file among the targets.
    pub fn is_target(&self, name: &str, bytes: &[u8]) -> Result<(), Finding> {
        let wanted = self.sha256_of(name)?;
        let target = self.document.signed.get("targets").and_then(|targets| targets.get(name));
        let length = target.and_then(|target| target.get("length")).and_then(Value::as_u64);
        let found = Sha256::of(bytes);
        let same = length.is_some_and(|length| u64::try_from(bytes.len()).is_ok_and(|found| found == length));
        if found == wanted && same {
            return Ok(());
        }
        Err(refused(&format!("{name} is not the file that the targets name"))
            .expected(wanted.to_string(), "the targets")
            .found(found.to_string()))
    }

    fn meta(&self, name: &str) -> Option<&Value> {
        self.document.signed.get("meta")?.get(name)
    }

    /// Where length and digest of another document are named, they have to be its.
    fn names(&self, name: &str, bytes: &[u8]) -> Result<(), Finding> {
        let meta = self.meta(name).ok_or_else(|| refused(&format!("{name} is not named")))?;
        let length = meta.get("length").and_then(Value::as_u64);
        let hash = meta.get("hashes").and_then(|hashes| hashes.get("sha256")).and_then(Value::as_str);
        let fits = length.is_none_or(|length| u64::try_from(bytes.len()).is_ok_and(|found| found == length))
            && hash.is_none_or(|hash| Sha256::of(bytes).hex() == hash);
        if fits { Ok(()) } else { Err(refused(&format!("{name} is not the one that is named"))) }
    }

    fn of_version(&self, name: &str, found: u64) -> Result<(), Finding> {
        let wanted = self.version_of(name)?;
        if wanted == found {
            return Ok(());
        }
        Err(refused(&format!("{name} is of another version than is named"))
            .expected(wanted.to_string(), "what names it")
            .found(found.to_string()))
    }
}

impl Document {
    fn read(role: Role, bytes: &[u8]) -> Result<Self, Finding> {
        let wrong = |what: String| refused(&format!("the {} is not of its form: {what}", role.word()));
        let value = json::parse(bytes).map_err(|error| wrong(error.to_string()))?;
        let signed = value.get("signed").cloned().ok_or_else(|| wrong("nothing is signed".to_owned()))?;
        let text = |field: &str| signed.get(field).and_then(Value::as_str).unwrap_or_default();
        if text("_type") != role.word() {
            return Err(wrong(format!("its type is `{}`", text("_type"))));
        }
        let version = signed.get("version").and_then(Value::as_u64).filter(|version| *version > 0);
        let version = version.ok_or_else(|| wrong("it has no version".to_owned()))?;
        let expires = Time::from_rfc3339(text("expires")).ok_or_else(|| wrong("it does not expire".to_owned()))?;
        let read = |one: &Value| {
            let id = one.get("keyid")?.as_str()?.to_owned();
            Some((id, unhex(one.get("sig")?.as_str()?)?))
        };
        let listed = value.get("signatures").and_then(Value::as_array);
        let signatures: Vec<(String, Vec<u8>)> = listed.into_iter().flatten().filter_map(read).collect();
        let mut canonical = String::new();
        write(&signed, &mut canonical).ok_or_else(|| wrong("it holds a number with a fraction".to_owned()))?;
        Ok(Self { bytes: canonical.into_bytes(), signed, version, expires, signatures })
    }
}

fn fresh(role: Role, document: &Document, at: Time) -> Result<(), Finding> {
    if at < document.expires {
        return Ok(());
    }
    Err(Finding::new(codes::TUF_EXPIRED, format!("the {} version {} has expired", role.word(), document.version))
        .expected(format!("a time before {}", document.expires), "the repository")
        .found(at.to_string()))
}

fn refused(what: &str) -> Finding {
    Finding::new(codes::TUF_INVALID, what)
}

/// A key: PEM, or as old roots have it, a point on P-256 in hexadecimal; or Ed25519 in hexadecimal.
fn key_of(key: &Value) -> Option<BundleKey> {
    const P256: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let public = key.get("keyval")?.get("public")?.as_str()?;
    if public.starts_with("-----BEGIN") {
        return BundleKey::from_pem(public).ok();
    }
    let raw = unhex(public)?;
    match (key.get("scheme")?.as_str()?, raw.len()) {
        ("ecdsa-sha2-nistp256", 65) => BundleKey::from_der(&[&P256[..], &raw].concat()).ok(),
        ("ed25519", 32) => BundleKey::from_der(&[&ED25519[..], &raw].concat()).ok(),
        _ => None,
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
            _ => None,
        })
        .collect()
}

/// The canonical form of TUF, which is not RFC 8785: in text, nothing but the quote and the backslash is escaped.
fn write(value: &Value, out: &mut String) -> Option<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.as_i64()?.to_string()),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            out.push('{');
            for (index, (name, item)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write(item, out)?;
            }
            out.push('}');
        }
    }
    Some(())
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\""));
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_canonical_form_leaves_line_ends_as_they_are() {
        let mut out = String::new();
        write(&json!({ "b": "x\ny\"\\", "a": [1, true, null] }), &mut out).unwrap();
        assert_eq!(out, "{\"a\":[1,true,null],\"b\":\"x\ny\\\"\\\\\"}");
        assert!(write(&json!(1.5), &mut String::new()).is_none());
    }

    #[test]
    fn what_nobody_signed_is_no_root() {
        let root = json!({
            "signed": { "_type": "root", "version": 1, "expires": "2030-01-01T00:00:00Z", "keys": {}, "roles": { "root": { "keyids": [], "threshold": 0 } } },
            "signatures": [],
        });
        let bytes = serde_json::to_vec(&root).unwrap();
        assert_eq!(Root::pinned(&bytes).unwrap_err().code, codes::TUF_INVALID);
        assert_eq!(Root::pinned(b"{}").unwrap_err().code, codes::TUF_INVALID);
        assert_eq!(unhex("0g"), None);
        assert_eq!(unhex("0a0"), None);
        assert_eq!(unhex("0aFf").as_deref(), Some(&[0x0a, 0xff][..]));
    }
}
