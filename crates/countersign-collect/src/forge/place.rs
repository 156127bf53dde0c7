//! Where a forge is asked: its host, the repository's path on it, and the address of its API.

use crate::source_uri::{SourceUri, SourceUriError};
use countersign_core::ids::Uri;
use countersign_core::statement::change_review::ForgeKind;

/// A repository on a forge, and where its API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    kind: ForgeKind,
    host: String,
    path: String,
    repository: Uri,
    api: String,
}

/// Why there is nobody to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// The repository is not named.
    #[error("the repository: {0}")]
    Repository(#[from] SourceUriError),
    /// A path that this forge does not have.
    #[error("`{path}` is no repository's path there: it has the form {form}")]
    Path {
        /// The path.
        path: String,
        /// What it looks like.
        form: &'static str,
    },
    /// An address that is not one of an API.
    #[error("the API's address: {why}")]
    Api {
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Place {
    /// A repository by any of its usual spellings. Where no address of the API is given, it is the forge's usual one for
    /// the repository's host.
    pub fn new(kind: ForgeKind, repository: &str, api: Option<&str>) -> Result<Self, PlaceError> {
        let source = SourceUri::normalise(repository)?;
        let rest = source.as_str().trim_start_matches("git+https://");
        let (host, path) = rest.split_once('/').ok_or(SourceUriError::Path)?;
        let parts = path.split('/').count();
        let sound = path.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'+'));
        let (fits, form) = match kind {
            ForgeKind::Github => (parts == 2, "OWNER/NAME"),
            ForgeKind::Gitlab => (parts >= 2, "GROUP/NAME, with any subgroups between"),
        };
        if !(fits && sound) {
            return Err(PlaceError::Path { path: path.to_owned(), form });
        }
        let api = match api {
            Some(api) => sound_api(api)?,
            None => usual_api(kind, host),
        };
        Ok(Self {
            kind,
            host: host.to_owned(),
            path: path.to_owned(),
            repository: Uri::new(source.as_str()).map_err(|_form| SourceUriError::Path)?,
            api,
        })
    }

    /// Which kind of forge.
    #[must_use]
    pub const fn kind(&self) -> ForgeKind {
        self.kind
    }

    /// Its host, as accounts in trust name it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository's path there.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The repository's uri.
    #[must_use]
    pub const fn repository(&self) -> &Uri {
        &self.repository
    }

    /// The address of the API, without a slash at its end.
    #[must_use]
    pub fn api(&self) -> &str {
        &self.api
    }

    /// The requests' common beginning: `/repos/OWNER/NAME`, or `/projects/GROUP%2FNAME`.
    #[must_use]
    pub fn root(&self) -> String {
        match self.kind {
            ForgeKind::Github => format!("/repos/{}", self.path),
            ForgeKind::Gitlab => format!("/projects/{}", self.path.replace('+', "%2B").replace('/', "%2F")),
        }
    }
}

fn usual_api(kind: ForgeKind, host: &str) -> String {
    match kind {
        ForgeKind::Github if host == "github.com" => "https://api.github.com".to_owned(),
        ForgeKind::Github if host.ends_with(".ghe.com") => format!("https://api.{host}"),
        ForgeKind::Github => format!("https://{host}/api/v3"),
        ForgeKind::Gitlab => format!("https://{host}/api/v4"),
    }
}

/// Anything but TLS would hand the credentials to whoever listens, except on this machine.
fn sound_api(api: &str) -> Result<String, PlaceError> {
    let refused = |why| PlaceError::Api { why };
    let (scheme, rest) = api.split_once("://").ok_or_else(|| refused("it does not begin with https://"))?;
    if rest.contains(['@', '?', '#', '\\', '%']) || !rest.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(refused("it has credentials, a query, a fragment or an escape"));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.is_empty() || rest.split('/').skip(1).any(|part| part == "..") {
        return Err(refused("it has no host, or `..` in its path"));
    }
    match scheme {
        "https" => {}
        "http" if is_loopback(authority) => {}
        "http" => return Err(refused("http is for this machine's own addresses only; use https")),
        _ => return Err(refused("it does not begin with https://")),
    }
    Ok(api.trim_end_matches('/').to_owned())
}

fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(kind: ForgeKind, repository: &str) -> String {
        Place::new(kind, repository, None).unwrap().api().to_owned()
    }

    #[test]
    fn every_forge_and_host_has_its_usual_api() {
        use ForgeKind::{Github, Gitlab};
        assert_eq!(api(Github, "git+https://github.com/team/service"), "https://api.github.com");
        assert_eq!(api(Github, "git@git.example.com:team/service.git"), "https://git.example.com/api/v3");
        assert_eq!(api(Github, "https://acme.ghe.com/team/service"), "https://api.acme.ghe.com");
        assert_eq!(api(Gitlab, "https://gitlab.com/group/sub/service"), "https://gitlab.com/api/v4");
        assert_eq!(api(Gitlab, "https://git.example.com:8443/g/s"), "https://git.example.com:8443/api/v4");
        let place = Place::new(Gitlab, "https://gitlab.com/group/sub/service.git", None).unwrap();
        assert_eq!(place.root(), "/projects/group%2Fsub%2Fservice");
        assert_eq!(place.repository().as_str(), "git+https://gitlab.com/group/sub/service");
    }

    #[test]
    fn an_api_without_tls_is_asked_on_this_machine_only() {
        let ask = |api| Place::new(ForgeKind::Github, "https://github.com/a/b", Some(api)).map(|place| place.api);
        for good in
            ["https://git.example.com/api/v3/", "http://127.0.0.1:80", "http://[::1]:8080/x", "http://localhost:1"]
        {
            assert_eq!(ask(good).unwrap(), good.trim_end_matches('/'));
        }
        for bad in [
            "http://git.example.com/api/v3",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com",
            "https://user:secret@git.example.com",
            "https://git.example.com/?q",
            "https://",
            "https://git.example.com/a/../b",
            "file:///etc/passwd",
            "git.example.com",
        ] {
            assert!(matches!(ask(bad), Err(PlaceError::Api { .. })), "{bad}");
        }
    }

    #[test]
    fn a_path_that_the_forge_does_not_have_is_refused() {
        for path in ["a", "a/b/c", "a/b%2e", "a/b c"] {
            let place = Place::new(ForgeKind::Github, &format!("https://github.com/{path}"), None);
            assert!(matches!(place, Err(PlaceError::Path { .. } | PlaceError::Repository(_))), "{path}");
        }
    }
}
