//! The name of an image, taken apart: host, path, tag and digest. The grammar is the one that registries use; a name that
//! does not fit it is not guessed at.

use std::fmt;

/// The host of names that have none.
const DEFAULT_HOST: &str = "docker.io";
/// The folder of Docker's host for names of one part.
const DEFAULT_FOLDER: &str = "library";
/// The tag of names that have neither tag nor digest.
const DEFAULT_TAG: &str = "latest";
/// The longest name that registries take.
const LONGEST: usize = 512;
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// The name of an image, with what is left out filled in as tools do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The registry's host, in lower case, with its port where it names one.
    pub host: String,
    /// The path there.
    pub path: String,
    /// The tag; `None` where only a digest is named, or the tag is not known.
    pub tag: Option<String>,
    /// The digest, as `algorithm:hex`.
    pub digest: Option<String>,
}

/// Why a text is not the name of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct ReferenceError {
    problem: &'static str,
}

const fn wrong<T>(problem: &'static str) -> Result<T, ReferenceError> {
    Err(ReferenceError { problem })
}

impl Reference {
    /// Reads a name.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return wrong("it is empty");
        }
        if text.len() > LONGEST {
            return wrong("it is longer than the name of an image can be");
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(read_digest(digest)?)),
            None => (text, None),
        };
        // A colon after the last slash parts the tag off; one before it belongs to the host's port.
        let last = rest.rfind('/').map_or(0, |at| at.saturating_add(1));
        let (folders, name) = rest.split_at_checked(last).unwrap_or(("", rest));
        let (name, tag) = match name.split_once(':') {
            Some((name, tag)) => (name, Some(read_tag(tag)?)),
            None => (name, None),
        };
        let (host, path) = place(&format!("{folders}{name}"))?;
        let tag = if tag.is_none() && digest.is_none() { Some(DEFAULT_TAG.to_owned()) } else { tag };
        Ok(Self { host, path, tag, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Host and path of a name without tag and digest.
fn place(text: &str) -> Result<(String, String), ReferenceError> {
    let (host, path) = match text.split_once('/') {
        Some((first, rest)) if is_host(first) => (host(first)?, rest.to_owned()),
        _ => (DEFAULT_HOST.to_owned(), text.to_owned()),
    };
    if !path.split('/').all(is_part) {
        return wrong("its path is not one that registries take");
    }
    let short = host == DEFAULT_HOST && !path.contains('/');
    let path = if short { format!("{DEFAULT_FOLDER}/{path}") } else { path };
    Ok((host, path))
}

/// Whether the first part of a name is a host: it has a dot, a port or a capital letter, or is `localhost`.
fn is_host(part: &str) -> bool {
    part.contains(['.', ':', '[']) || part == "localhost" || part.bytes().any(|b| b.is_ascii_uppercase())
}

/// A host as it compares: in lower case, Docker's old name as the new one.
pub(crate) fn host(text: &str) -> Result<String, ReferenceError> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (text, None),
    };
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let holds = match address {
        Some(address) => !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':'),
        None => name.split('.').all(label),
    };
    if !holds {
        return wrong("its host is not one");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port.starts_with('+')) {
        return wrong("its port is not one");
    }
    let lower = text.to_ascii_lowercase();
    Ok(if lower == "index.docker.io" || lower == "registry-1.docker.io" { DEFAULT_HOST.to_owned() } else { lower })
}

/// A part of a path: lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
pub(crate) fn is_part(part: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = part.bytes().next().is_some_and(alphanumeric) && part.bytes().last().is_some_and(alphanumeric);
    let separators = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends && separators.into_iter().all(|s| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
}

fn read_tag(text: &str) -> Result<String, ReferenceError> {
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let rest = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if first && rest && text.len() <= LONGEST_TAG { Ok(text.to_owned()) } else { wrong("its tag is not one") }
}

fn read_digest(text: &str) -> Result<String, ReferenceError> {
    let known = [("sha256:", 64), ("sha512:", 128)];
    let fits = known.iter().any(|(algorithm, length)| {
        text.strip_prefix(algorithm).is_some_and(|hex| {
            hex.len() == *length && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    });
    if fits { Ok(text.to_owned()) } else { wrong("its digest is not a SHA-256 or a SHA-512 in lower-case hexadecimal") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_filled_in_as_tools_do() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, expected) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("bitnami/redis", "docker.io/bitnami/redis:latest"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("GHCR.io/acme/app:v1", "ghcr.io/acme/app:v1"),
            ("localhost:5000/a", "localhost:5000/a:latest"),
            ("localhost/a", "localhost/a:latest"),
            ("registry.acme.example:5000/team/a__b-c.d:x", "registry.acme.example:5000/team/a__b-c.d:x"),
            ("[2001:db8::1]:5000/a:1", "[2001:db8::1]:5000/a:1"),
        ] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), expected, "{text}");
        }
        let pinned = Reference::parse(&format!("nginx@{digest}")).unwrap();
        assert_eq!((pinned.tag.as_deref(), pinned.digest.as_deref()), (None, Some(digest.as_str())));
    }

    #[test]
    fn what_is_no_name_of_an_image_is_refused() {
        for text in [
            "",
            "Nginx",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:b:c",
            "a@sha256:00",
            "a@",
            "registry.acme.example./a",
            "a b",
            "-x",
            "a..b",
            "registry.acme.example:99999/a",
            "https://ghcr.io/a",
            "reg.example@evil.example/a",
            "a___b",
            "ghcr.io",
            "x.example:80:80/a",
            "./a",
            "../a",
            "a:\u{fb01}",
            "r\u{e9}gistre.example/a",
        ] {
            assert!(Reference::parse(text).is_err() || text == "ghcr.io", "{text}");
        }
        // A name of one part is one of Docker's, whatever it looks like.
        assert_eq!(Reference::parse("ghcr.io").unwrap().host, DEFAULT_HOST);
    }
}
