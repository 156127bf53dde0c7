//! The one spelling of a repository: `git+https://host/path`, without credentials, without `.git`.
//!
//! The same repository is cloned by https, by ssh, with a token in the URL, with and without a suffix. Who compares
//! provenance with a policy must not have to know that, so every spelling becomes the https one here.

use countersign_core::ids::Uri;
use std::fmt;

/// A repository, as statements name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceUri(Uri);

/// Why text names no repository that others could find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceUriError {
    /// A path on this machine, or a scheme that is neither https, http, ssh nor git.
    #[error("it is not an https, http, ssh or git URL: name the repository as git+https://host/path")]
    Scheme,
    /// No host, or not one.
    #[error("it has no host name")]
    Host,
    /// No path, or one with a ref, query, fragment, or `..`.
    #[error("its path is empty, or has a ref, a query, a fragment or `..`")]
    Path,
}

impl SourceUri {
    /// Any of the usual spellings of a remote as the one that is written down. Credentials are dropped.
    pub fn normalise(remote: &str) -> Result<Self, SourceUriError> {
        let remote = remote.strip_prefix("git+").unwrap_or(remote);
        let (default_port, keeps_port, authority, path) = if let Some((scheme, rest)) = remote.split_once("://") {
            let (port, keeps) = match scheme.to_ascii_lowercase().as_str() {
                "https" => ("443", true),
                "http" => ("80", true),
                "ssh" | "git" => ("", false),
                _ => return Err(SourceUriError::Scheme),
            };
            let (authority, path) = rest.split_once('/').ok_or(SourceUriError::Path)?;
            (port, keeps, authority, path)
        } else {
            // `git@host:path`; a drive letter is not a host, and a slash before the colon makes it a path.
            let (authority, path) = remote.split_once(':').ok_or(SourceUriError::Scheme)?;
            if authority.contains(['/', '\\']) || authority.len() < 2 {
                return Err(SourceUriError::Scheme);
            }
            ("", false, authority, path)
        };
        let address = authority.rsplit_once('@').map_or(authority, |(_, address)| address);
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        };
        let host = host.to_ascii_lowercase();
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        if host.is_empty() || host.starts_with(['.', '-']) || !host.bytes().all(named) {
            return Err(SourceUriError::Host);
        }
        let port = match port.filter(|port| keeps_port && *port != default_port) {
            Some(port) if port.parse::<u16>().is_ok() => format!(":{port}"),
            Some(_) => return Err(SourceUriError::Host),
            None => String::new(),
        };
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path).trim_end_matches('/');
        let sound = path.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains(['@', '?', '#']));
        if !sound {
            return Err(SourceUriError::Path);
        }
        Uri::new(&format!("git+https://{host}{port}/{path}")).map(Self).map_err(|_form| SourceUriError::Path)
    }

    /// The text, `git+https://host/path`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether both are the same place. Forges do not tell upper from lower case in a path.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        self.as_str().eq_ignore_ascii_case(other.as_str())
    }

    /// With a ref: `git+https://host/path@refs/heads/main`.
    #[must_use]
    pub fn at(&self, reference: Option<&str>) -> String {
        match reference {
            Some(reference) => format!("{self}@{reference}"),
            None => self.to_string(),
        }
    }
}

impl fmt::Display for SourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_remote_becomes_one() {
        for remote in [
            "https://github.com/o/r",
            "https://github.com/o/r.git",
            "https://GitHub.com:443/o/r.git/",
            "https://x-access-token:ghs_secret@github.com/o/r",
            "http://github.com/o/r",
            "ssh://git@github.com/o/r.git",
            "ssh://git@github.com:2222/o/r.git",
            "git@github.com:o/r.git",
            "git+https://github.com/o/r",
            "git://github.com/o/r",
        ] {
            let uri = SourceUri::normalise(remote);
            assert_eq!(uri.as_ref().map(SourceUri::as_str), Ok("git+https://github.com/o/r"), "{remote}");
        }
        let port = SourceUri::normalise("https://git.example.com:8443/a/b/c").unwrap();
        assert_eq!(port.at(Some("refs/tags/v1")), "git+https://git.example.com:8443/a/b/c@refs/tags/v1");
    }

    #[test]
    fn what_names_no_place_is_refused() {
        for (remote, error) in [
            ("/srv/git/r.git", SourceUriError::Scheme),
            ("../r", SourceUriError::Scheme),
            ("file:///srv/r", SourceUriError::Scheme),
            ("C:\\r", SourceUriError::Scheme),
            ("./a:b", SourceUriError::Scheme),
            ("https:///r", SourceUriError::Host),
            ("https://a b/r", SourceUriError::Host),
            ("https://h:port/r", SourceUriError::Host),
            ("https://h", SourceUriError::Path),
            ("https://h/", SourceUriError::Path),
            ("https://h/a/../b", SourceUriError::Path),
            ("https://h/a//b", SourceUriError::Path),
            ("https://h/a@refs/heads/main", SourceUriError::Path),
            ("https://h/a?b", SourceUriError::Path),
            ("https://h/a b", SourceUriError::Path),
        ] {
            assert_eq!(SourceUri::normalise(remote), Err(error), "{remote}");
        }
    }
}
