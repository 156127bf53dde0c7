//! Which image is meant: a registry, a repository in it, and the digest of a manifest. A tag is never enough: whoever
//! moves it moves what is meant.

use countersign_core::digest::Sha256;
use std::fmt;

/// The registry that is meant where none is named.
const USUAL_HOST: &str = "registry-1.docker.io";

/// An image by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The registry's host, with its port.
    pub host: String,
    /// The repository.
    pub repository: String,
    /// The digest of its manifest.
    pub digest: Sha256,
}

/// Text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no image: {why}")]
pub struct NotAnImage {
    /// The text.
    pub text: String,
    /// What is wrong.
    pub why: &'static str,
}

impl std::str::FromStr for Image {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        let refused = |why| NotAnImage { text: text.to_owned(), why };
        let (name, digest) = text.split_once('@').ok_or_else(|| {
            refused("it has no digest; a tag may mean another image tomorrow: HOST/REPOSITORY@sha256:…")
        })?;
        let digest: Sha256 =
            digest.parse().map_err(|_form| refused("its digest is none: sha256: and 64 hexadecimal digits"))?;
        let (first, rest) = name.split_once('/').unwrap_or(("", name));
        let is_host = first.contains(['.', ':']) || first == "localhost";
        let (host, path) = if is_host { (first, rest) } else { (USUAL_HOST, name) };
        let (host, path) = match host {
            "docker.io" | "index.docker.io" => (USUAL_HOST, path),
            other => (other, path),
        };
        // A tag beside the digest means nothing.
        let path = match path.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => path,
            _ => path,
        };
        let path = if host == USUAL_HOST && !path.contains('/') { format!("library/{path}") } else { path.to_owned() };
        let part = |part: &str| {
            let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
            edge(part.as_bytes().first()) && edge(part.as_bytes().last()) && part.bytes().all(plain)
        };
        if path.len() > 255 || !path.split('/').all(part) {
            return Err(refused("a repository has lower-case letters, digits, `.`, `_`, `-` and `/`"));
        }
        let named = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
        let sound = match host.rsplit_once(':') {
            Some((name, port)) if name.starts_with('[') => {
                port.parse::<u16>().is_ok() && name.trim_matches(['[', ']']).parse::<std::net::Ipv6Addr>().is_ok()
            }
            Some((name, port)) => port.parse::<u16>().is_ok() && !name.is_empty() && named(name),
            None => named(host),
        };
        if !sound {
            return Err(refused("its registry is no host"));
        }
        Ok(Self { host: host.to_owned(), repository: path, digest })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}@{}", self.host, self.repository, self.digest)
    }
}

impl Image {
    /// The tag under which what is attached is listed where a registry does not list it by itself.
    #[must_use]
    pub fn fallback_tag(&self) -> String {
        format!("sha256-{}", self.digest.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_its_digest_and_by_nothing_else() {
        let hex = "ab".repeat(32);
        let parsed = |name: &str| name.parse::<Image>();
        let image = parsed(&format!("registry.example:5000/team/app:1.0@sha256:{hex}")).unwrap();
        assert_eq!((image.host.as_str(), image.repository.as_str()), ("registry.example:5000", "team/app"));
        assert_eq!(image.fallback_tag(), format!("sha256-{hex}"));
        let usual = parsed(&format!("alpine@sha256:{hex}")).unwrap();
        assert_eq!((usual.host.as_str(), usual.repository.as_str()), (USUAL_HOST, "library/alpine"));
        assert_eq!(parsed(&format!("docker.io/a/b@sha256:{hex}")).unwrap().host, USUAL_HOST);
        assert_eq!(parsed(&format!("[::1]:5000/app@sha256:{hex}")).unwrap().host, "[::1]:5000");
        for wrong in [
            "registry.example/app:1.0".to_owned(),
            "registry.example/app@sha256:ab".to_owned(),
            format!("registry.example/../app@sha256:{hex}"),
            format!("registry.example/App@sha256:{hex}"),
            format!("me@registry.example/app@sha256:{hex}"),
            format!("registry.example:x/app@sha256:{hex}"),
            format!("registry.example/app?x@sha256:{hex}"),
            format!("@sha256:{hex}"),
        ] {
            assert!(parsed(&wrong).is_err(), "{wrong}");
        }
    }
}
