//! Names that untrusted text becomes once, at the edge: people, environments, rules, places. A value of these types has
//! the form that its documentation says; there is no way to make another.

use crate::digest::Sha256;
use std::fmt;

/// Text that is not a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: {form}")]
pub struct IdError {
    /// The text, shortened.
    pub text: String,
    /// What it was meant to be.
    pub kind: &'static str,
    /// The form that is accepted.
    pub form: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $form:literal, $ok:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Parses the form that the type documents, and refuses any other.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let accepts: fn(&str) -> bool = $ok;
                if accepts(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { text: text.chars().take(80).collect(), kind: $kind, form: $form })
                }
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                crate::json::text(d, Self::new)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "description": $form })
            }
        }
    };
}

name!(
    /// A person's opaque id. Names and addresses stay outside, so that they can be erased.
    PersonId, "a person id", "1 to 64 of a-z, 0-9, `-`, `_`, `.`, starting with a letter or digit", |t| plain(t, 64)
);
name!(
    /// The name of an environment, such as `production`.
    EnvName, "an environment", "1 to 64 of a-z, 0-9, `-`, `_`, `.`, starting with a letter or digit", |t| plain(t, 64)
);
name!(
    /// The name of a role, gate or collector in trust.
    RoleName, "a name", "1 to 64 of a-z, 0-9, `-`, `_`, `.`, starting with a letter or digit", |t| plain(t, 64)
);
name!(
    /// A rule with the number of its meaning, `two-party-review@1`.
    RuleId, "a rule id", "a name, `@` and a number from 1, such as `two-party-review@1`", |t| {
        t.split_once('@').is_some_and(|(name, n)| {
            plain(name, 64) && !n.starts_with('0') && n.len() <= 6 && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())
        })
    }
);
name!(
    /// An exception: `E-` and the first twelve digits of the digest of what was signed. Nobody chooses it.
    ExceptionId, "an exception id", "`E-` and twelve of 0-9, a-f, as `countersign exception list` shows it", |t| {
        t.strip_prefix("E-").is_some_and(|hex| hex.len() == 12 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
    }
);
name!(
    /// A URI as it stands in statements: printable ASCII with a scheme, at most 2,048 characters.
    Uri, "a URI", "a scheme, `:` and printable ASCII without spaces, at most 2,048 characters", |t| {
        t.len() <= 2048
            && t.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'))
            && t.split_once(':').is_some_and(|(scheme, rest)| {
                !rest.is_empty()
                    && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            })
    }
);
name!(
    /// A full git ref name, `refs/heads/main`.
    RefName, "a full ref name", "a full name such as `refs/heads/main`, as `git check-ref-format` accepts it, at most 512 characters", |t| {
        t.len() <= 512
            && t.starts_with("refs/")
            && t.matches('/').count() >= 2
            && !t.ends_with('.')
            && !t.contains("..")
            && !t.contains("@{")
            && !t.bytes().any(|b| b <= b' ' || b == 127 || matches!(b, b'~' | b'^' | b':' | b'?' | b'*' | b'[' | b'\\'))
            && t.split('/').all(|part| {
                let lock = std::path::Path::new(part).extension().is_some_and(|e| e == "lock");
                !part.is_empty() && !part.starts_with('.') && !lock
            })
    }
);
name!(
    /// The name of a log, as the first line of its checkpoints. No spaces, no `+`, as signed notes want it.
    Origin, "a log origin", "1 to 255 of printable ASCII without spaces and `+`, such as `example.com/log`", |t| {
        (1..=255).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic() && b != b'+')
    }
);

impl ExceptionId {
    /// The id of a signed exception, by the digest of its payload.
    #[must_use]
    pub fn of(payload: &Sha256) -> Self {
        Self(format!("E-{}", payload.hex().chars().take(12).collect::<String>()))
    }
}

fn plain(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_another_form_are_refused() {
        for text in ["", "-a", "A", "a b", "ä", &"a".repeat(65)] {
            assert!(PersonId::new(text).is_err(), "{text}");
        }
        for text in ["two-party-review", "x@0", "x@01", "x@", "@1", "x@1x"] {
            assert!(RuleId::new(text).is_err(), "{text}");
        }
        for text in
            ["main", "refs/heads", "refs/heads/a..b", "refs/heads/.a", "refs/heads/a.lock", "refs/heads/a b", "refs//a"]
        {
            assert!(RefName::new(text).is_err(), "{text}");
        }
        assert!(RefName::new("refs/heads/feature/x").is_ok());
        assert!(Uri::new("git+https://example.com/a/b").is_ok());
        assert!(Uri::new("no scheme").is_err());
        assert!(Origin::new("a+b").is_err());
    }
}
