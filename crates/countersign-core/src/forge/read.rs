//! Reading one answer of a forge: strict about every field that is known, and silent about fields that are not, since a
//! forge adds some every month.

use super::ForgeError;
use crate::git::oid::Oid;
use crate::ids::{RefName, Uri};
use crate::json;
use crate::limits;
use crate::time::Time;
use serde_json::Value;

/// The body of an answer as JSON. A page for people, a cut answer and a key given twice are refused, by the name of what
/// was asked.
pub(super) fn body(name: &str, bytes: &[u8]) -> Result<Value, ForgeError> {
    json::parse_within(bytes, limits::FORGE_ANSWER_BYTES).map_err(|error| ForgeError::Answer {
        name: name.to_owned(),
        why: format!("not the JSON that is read: {error}"),
    })
}

/// A value in an answer, with the name of what was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    name: &'a str,
    value: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) const fn new(name: &'a str, value: &'a Value) -> Self {
        Self { name, value }
    }

    pub(super) fn fail(&self, why: impl Into<String>) -> ForgeError {
        ForgeError::Answer { name: self.name.to_owned(), why: why.into() }
    }

    /// A field of an object; `None` if it is missing or null.
    pub(super) fn get(&self, key: &str) -> Result<Option<Self>, ForgeError> {
        let map = self.value.as_object().ok_or_else(|| self.fail(format!("`{key}` is looked for in no object")))?;
        Ok(map.get(key).filter(|value| !value.is_null()).map(|value| Self { name: self.name, value }))
    }

    /// A field that has to be there.
    pub(super) fn need(&self, key: &str) -> Result<Self, ForgeError> {
        self.get(key)?.ok_or_else(|| self.fail(format!("`{key}` is missing")))
    }

    /// Whether this is an object without fields, which is how GitHub says "nobody" of some commits.
    pub(super) fn is_empty_object(&self) -> bool {
        self.value.as_object().is_some_and(serde_json::Map::is_empty)
    }

    pub(super) fn items(&self) -> Result<Vec<Self>, ForgeError> {
        let items = self.value.as_array().ok_or_else(|| self.fail("a list is something else"))?;
        Ok(items.iter().map(|value| Self { name: self.name, value }).collect())
    }

    /// The items of a list that may be missing.
    pub(super) fn list(&self, key: &str) -> Result<Vec<Self>, ForgeError> {
        self.get(key)?.map_or_else(|| Ok(Vec::new()), |node| node.items())
    }

    pub(super) fn opt_number(&self, key: &str) -> Result<Option<u64>, ForgeError> {
        let number = |node: Self| node.value.as_u64().ok_or_else(|| self.fail(format!("`{key}` is no number of ours")));
        self.get(key)?.map(number).transpose()
    }

    pub(super) fn number(&self, key: &str) -> Result<u64, ForgeError> {
        self.opt_number(key)?.ok_or_else(|| self.fail(format!("`{key}` is missing")))
    }

    pub(super) fn opt_text(&self, key: &str) -> Result<Option<&'a str>, ForgeError> {
        let text = |node: Self| node.value.as_str().ok_or_else(|| self.fail(format!("`{key}` is no text")));
        self.get(key)?.map(text).transpose()
    }

    pub(super) fn text(&self, key: &str) -> Result<&'a str, ForgeError> {
        self.opt_text(key)?.ok_or_else(|| self.fail(format!("`{key}` is missing")))
    }

    pub(super) fn opt_flag(&self, key: &str) -> Result<Option<bool>, ForgeError> {
        let flag =
            |node: Self| node.value.as_bool().ok_or_else(|| self.fail(format!("`{key}` is neither true nor false")));
        self.get(key)?.map(flag).transpose()
    }

    pub(super) fn opt_oid(&self, key: &str) -> Result<Option<Oid>, ForgeError> {
        let oid = |text: &str| Oid::from_hex(text).map_err(|error| self.fail(format!("`{key}`: {error}")));
        self.opt_text(key)?.map(oid).transpose()
    }

    pub(super) fn oid(&self, key: &str) -> Result<Oid, ForgeError> {
        self.opt_oid(key)?.ok_or_else(|| self.fail(format!("`{key}` is missing")))
    }

    pub(super) fn as_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// As it is written: to compare, whatever it is.
    pub(super) fn spelled(&self) -> String {
        self.value.to_string()
    }

    /// This itself as an object id.
    pub(super) fn as_oid(&self) -> Result<Oid, ForgeError> {
        let text = self.value.as_str().ok_or_else(|| self.fail("an object id is no text"))?;
        Oid::from_hex(text).map_err(|error| self.fail(error.to_string()))
    }

    /// An object id where all zeros stand for "there was none".
    pub(super) fn oid_or_zero(&self, key: &str) -> Result<Option<Oid>, ForgeError> {
        if self.opt_text(key)?.is_some_and(is_zero) { Ok(None) } else { self.opt_oid(key) }
    }

    pub(super) fn opt_stamp(&self, key: &str) -> Result<Option<Stamp>, ForgeError> {
        let stamp = |text: &str| {
            Stamp::parse(text).ok_or_else(|| self.fail(format!("`{key}` is no moment between 1970 and 9999")))
        };
        self.opt_text(key)?.map(stamp).transpose()
    }

    pub(super) fn stamp(&self, key: &str) -> Result<Stamp, ForgeError> {
        self.opt_stamp(key)?.ok_or_else(|| self.fail(format!("`{key}` is missing")))
    }

    /// A branch's name as a full ref.
    pub(super) fn branch(&self, key: &str) -> Result<RefName, ForgeError> {
        branch(self.text(key)?).map_err(|error| self.fail(format!("`{key}`: {error}")))
    }

    pub(super) fn uri(&self, key: &str) -> Result<Uri, ForgeError> {
        Uri::new(self.text(key)?).map_err(|error| self.fail(format!("`{key}`: {error}")))
    }
}

/// The full ref of a branch's short name.
pub(super) fn branch(name: &str) -> Result<RefName, crate::ids::IdError> {
    RefName::new(&format!("refs/heads/{name}"))
}

pub(super) fn is_zero(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b == b'0')
}

/// A forge's moment, as precise as the forge tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stamp {
    seconds: Time,
    nanos: i32,
}

impl Stamp {
    /// RFC 3339 with any offset and fraction, or GitLab's older `2026-11-22 10:00:00 UTC`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let zulu = text.strip_suffix(" UTC").map(|text| format!("{text}Z"));
        let stamp: jiff::Timestamp = zulu.as_deref().unwrap_or(text).parse().ok()?;
        let seconds = Time::from_unix(stamp.as_second()).ok()?;
        Some(Self { seconds, nanos: stamp.subsec_nanosecond() })
    }

    /// A whole second.
    pub(super) const fn whole(seconds: Time) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// The second that it lies in.
    pub(super) const fn second(self) -> Time {
        self.seconds
    }
}

/// One part of a path, with everything escaped that is not plain: a name can never become another path.
pub(super) fn escaped(part: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(part.len());
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else if write!(out, "%{byte:02X}").is_err() {
            return String::new();
        }
    }
    // A part that is only dots would walk up the path.
    if !out.is_empty() && out.bytes().all(|b| b == b'.') { out.replace('.', "%2E") } else { out }
}

/// `team/service` with each part escaped, and the slash between them kept.
pub(super) fn escaped_path(path: &str) -> String {
    path.split('/').map(escaped).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_another_path() {
        assert_eq!(escaped_path("team/service"), "team/service");
        assert_eq!(escaped_path("a/../b?x#y"), "a/%2E%2E/b%3Fx%23y");
        assert_eq!(escaped("dependabot[bot]"), "dependabot%5Bbot%5D");
        assert_eq!(escaped("g/ü"), "g%2F%C3%BC");
    }

    #[test]
    fn moments_of_both_forges_are_read_and_others_refused() {
        let second = |text| Stamp::parse(text).map(|stamp| stamp.second().to_string());
        let ten = Some("2026-11-22T10:00:00Z".to_owned());
        for text in
            ["2026-11-22T10:00:00Z", "2026-11-22T10:00:00.999Z", "2026-11-22T12:00:00+02:00", "2026-11-22 10:00:00 UTC"]
        {
            assert_eq!(second(text), ten, "{text}");
        }
        assert!(Stamp::parse("2026-11-22T10:00:00.1Z") < Stamp::parse("2026-11-22T10:00:00.2Z"));
        for text in ["", "now", "1960-01-01T00:00:00Z", "2026-11-22"] {
            assert_eq!(second(text), None, "{text}");
        }
    }

    #[test]
    fn a_known_field_of_another_type_is_an_error_and_an_unknown_one_is_not() {
        let value = body("GET /x", br#"{"id":"7","new":[{}],"at":null}"#).unwrap();
        let node = Node::new("GET /x", &value);
        assert!(matches!(node.number("id"), Err(ForgeError::Answer { name, .. }) if name == "GET /x"));
        assert_eq!(node.opt_stamp("at").unwrap(), None);
        assert!(body("GET /x", b"<html>").is_err());
        assert!(body("GET /x", br#"{"id":1,"id":2}"#).is_err());
    }
}
