//! What somebody allows: a comment beside it, or a line in a list with an owner and an end.

use countersign_core::digest::Sha256;
use countersign_core::glob::PathGlob;
use countersign_core::limits;
use countersign_core::statement::secret_scan::{Allowed, AllowedBy};
use countersign_core::time::Time;
use memchr::memmem;
use serde::Deserialize;

/// What a comment begins with that allows a secret: then comes the rule, then the reason.
pub const INLINE_MARK: &str = "countersign:allow-secret";

/// A list of what is allowed.
#[derive(Debug)]
pub struct AllowFile {
    entries: Vec<Entry>,
    digest: Sha256,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    allow: Vec<Entry>,
}

/// One line of it: a rule, and a path or a digest under a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: String,
    path: Option<PathGlob>,
    fingerprint: Option<String>,
    owner: String,
    reason: String,
    expires: Time,
}

/// Why a file is no list of what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AllowError {
    /// Larger than the bound.
    #[error("{found} bytes, more than the {} that are read", limits::SECRETS_ALLOW_BYTES)]
    TooLarge {
        /// How many bytes there were.
        found: usize,
    },
    /// Not TOML, or not of the shape.
    #[error("{0}")]
    Form(String),
    /// An entry that lacks something.
    #[error("entry {index} of rule {rule}: {problem}")]
    Entry {
        /// Which, from 1.
        index: usize,
        /// Its rule.
        rule: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl AllowFile {
    /// Reads the list.
    pub fn parse(bytes: &[u8]) -> Result<Self, AllowError> {
        if bytes.len() > limits::SECRETS_ALLOW_BYTES {
            return Err(AllowError::TooLarge { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| AllowError::Form(error.to_string()))?;
        let file: File = toml::from_str(text).map_err(|error| AllowError::Form(error.to_string()))?;
        if file.allow.len() > limits::SECRETS_ALLOWS {
            return Err(AllowError::Form(format!("more than {} entries", limits::SECRETS_ALLOWS)));
        }
        for (at, entry) in file.allow.iter().enumerate() {
            let index = at.saturating_add(1);
            let rule: String = entry.rule.chars().take(100).collect();
            let wrong = |problem| Err(AllowError::Entry { index, rule: rule.clone(), problem });
            if entry.rule.is_empty() || entry.owner.trim().is_empty() || entry.reason.trim().is_empty() {
                return wrong("rule, owner and reason may not be empty");
            }
            if entry.reason.len() > limits::SECRETS_TEXT_BYTES || entry.owner.len() > limits::SECRETS_TEXT_BYTES {
                return wrong("owner or reason is too long");
            }
            match (&entry.path, &entry.fingerprint) {
                (None, None) => return wrong("it needs a path, or a fingerprint"),
                (_, Some(print)) if read_fingerprint(print).is_none() => {
                    return wrong("a fingerprint is KEYID:sha256:HEX, as a finding shows it");
                }
                _ => {}
            }
        }
        Ok(Self { entries: file.allow, digest: Sha256::of(bytes) })
    }

    /// SHA-256 of the file.
    #[must_use]
    pub const fn digest(&self) -> &Sha256 {
        &self.digest
    }

    /// The entry that allows a finding; where several do, the one that lasts longest.
    pub(crate) fn allows(&self, rule: &str, path: &str, digest: Option<&Sha256>, key: &str) -> Option<Allowed> {
        let holds = |entry: &&Entry| {
            let path = entry.path.as_ref().is_none_or(|glob| glob.matches(path.as_bytes()));
            let print = entry.fingerprint.as_deref().is_none_or(|text| {
                read_fingerprint(text).is_some_and(|(id, named)| id == key && Some(&named) == digest)
            });
            entry.rule == rule && path && print
        };
        let entry = self.entries.iter().filter(holds).max_by_key(|entry| entry.expires)?;
        Some(Allowed {
            by: AllowedBy::List,
            reason: entry.reason.clone(),
            owner: Some(entry.owner.clone()),
            expires: Some(entry.expires),
        })
    }
}

fn read_fingerprint(text: &str) -> Option<(&str, Sha256)> {
    let (key, digest) = text.split_once(':')?;
    Some((key, Sha256::from_prefixed(digest).ok()?))
}

/// The text in which a comment would stand: the rest of the line, its beginning, and the line before.
pub(crate) struct Comments<'t>(&'t [u8]);

impl<'t> Comments<'t> {
    pub(crate) fn around(text: &'t [u8], start: usize, end: usize) -> Self {
        let from = start.saturating_sub(limits::SECRETS_COMMENT_BYTES);
        let to = end.saturating_add(limits::SECRETS_COMMENT_BYTES).min(text.len());
        let before = text.get(from..start).unwrap_or_default();
        let mut breaks = memchr::memrchr_iter(b'\n', before);
        let begin = breaks.nth(1).map_or(from, |at| from.saturating_add(at).saturating_add(1));
        let after = text.get(end..to).unwrap_or_default();
        let stop = memchr::memchr(b'\n', after).map_or(to, |at| end.saturating_add(at));
        Self(text.get(begin..stop).unwrap_or_default())
    }

    /// What a comment says of this rule, with a reason; one without a reason allows nothing.
    pub(crate) fn allows(&self, rule: &str) -> Option<Allowed> {
        memmem::find_iter(self.0, INLINE_MARK.as_bytes()).find_map(|at| {
            let rest = self.0.get(at.saturating_add(INLINE_MARK.len())..)?;
            let line = rest.split(|byte| *byte == b'\n').next()?;
            let text = String::from_utf8_lossy(line);
            let (named, reason) = text.strip_prefix(' ')?.trim_start().split_once(char::is_whitespace)?;
            let reason = reason.trim().trim_end_matches("*/").trim_end_matches("-->").trim();
            let readable: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
            (named == rule && readable.len() >= 4).then_some(Allowed {
                by: AllowedBy::Comment,
                reason: readable,
                owner: None,
                expires: None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str = "[[allow]]\nrule = \"github-token\"\npath = \"tests/**\"\nowner = \"platform\"\nreason = \"made up\"\n\
                         expires = \"2027-01-01T00:00:00Z\"\n";

    #[test]
    fn an_entry_holds_for_its_rule_and_path_and_until_its_end() {
        let list = AllowFile::parse(ENTRY.as_bytes()).unwrap();
        let allowed = list.allows("github-token", "tests/a/b.rs", None, "k").unwrap();
        assert!(allowed.counts_at("2026-12-31T23:59:59Z".parse().unwrap()));
        assert!(!allowed.counts_at("2027-01-01T00:00:00Z".parse().unwrap()));
        assert_eq!(list.allows("github-token", "src/a.rs", None, "k"), None);
        assert_eq!(list.allows("npm-token", "tests/a/b.rs", None, "k"), None);
    }

    #[test]
    fn a_fingerprint_holds_for_one_secret_under_one_key() {
        let digest = Sha256::of(b"x");
        let text = ENTRY.replace("path = \"tests/**\"", &format!("fingerprint = \"k1:{digest}\""));
        let list = AllowFile::parse(text.as_bytes()).unwrap();
        assert!(list.allows("github-token", "any", Some(&digest), "k1").is_some());
        assert!(list.allows("github-token", "any", Some(&digest), "k2").is_none());
        assert!(list.allows("github-token", "any", Some(&Sha256::of(b"y")), "k1").is_none());
        assert!(list.allows("github-token", "any", None, "k1").is_none());
    }

    #[test]
    fn an_entry_without_place_owner_reason_or_end_is_refused() {
        for (part, with) in [
            ("path = \"tests/**\"\n", ""),
            ("owner = \"platform\"", "owner = \" \""),
            ("reason = \"made up\"", "reason = \"\""),
            ("expires = \"2027-01-01T00:00:00Z\"\n", ""),
            ("path = \"tests/**\"", "fingerprint = \"sha256:00\""),
            ("path", "paht"),
        ] {
            assert!(AllowFile::parse(ENTRY.replace(part, with).as_bytes()).is_err(), "{part}");
        }
    }

    #[test]
    fn a_comment_names_the_rule_and_a_reason() {
        let says =
            |text: &str| Comments::around(text.as_bytes(), 0, 1).allows("npm-token").map(|allowed| allowed.reason);
        assert_eq!(
            says(&format!("x // {INLINE_MARK} npm-token revoked long ago")),
            Some("revoked long ago".to_owned())
        );
        assert_eq!(says(&format!("x /* {INLINE_MARK} npm-token revoked */")), Some("revoked".to_owned()));
        for none in ["npm-token", "npm-token ", "github-token revoked long ago", ""] {
            assert_eq!(says(&format!("x // {INLINE_MARK} {none}")), None, "{none}");
        }
        assert_eq!(says(&format!("x\n// {INLINE_MARK} npm-token in the line below")), None);
        let above = format!("// {INLINE_MARK} npm-token in the line above\nx");
        let at = above.len() - 1;
        assert!(Comments::around(above.as_bytes(), at, at + 1).allows("npm-token").is_some());
    }
}
