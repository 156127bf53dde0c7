//! What a registry is shown: a name and a secret, from a file, a variable, or where `docker login` keeps them.

use crate::forge::{Secret, SecretError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{json, limits};
use serde_json::Value;
use std::path::Path;

/// A name with its secret.
#[derive(Debug, Clone)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The secret.
    pub secret: Secret,
}

/// The name that is given with a token that needs none.
const NOBODY: &str = "token";

impl Login {
    /// From `USER:SECRET`, or a token alone; `from` names it in errors.
    pub fn of(text: &str, from: &str) -> Result<Self, SecretError> {
        match text.trim().split_once(':') {
            Some((user, secret)) if !user.is_empty() => {
                Ok(Self { user: user.to_owned(), secret: Secret::of(secret, from)? })
            }
            _ => Ok(Self { user: NOBODY.to_owned(), secret: Secret::of(text, from)? }),
        }
    }

    /// From a file that only its owner can get at.
    pub fn load(path: &Path) -> Result<Self, SecretError> {
        let whole = Secret::load(path)?;
        Self::of(whole.reveal(), &path.display().to_string())
    }

    /// What `docker login` left for a host in `config.json`. Programs that it names for keeping secrets are not run; then
    /// there is none.
    pub fn of_docker(bytes: &[u8], host: &str, from: &str) -> Result<Option<Self>, SecretError> {
        let Ok(config) = json::parse_within(bytes, limits::KEY_BYTES.saturating_mul(16)) else { return Ok(None) };
        let names: &[&str] = match host {
            "registry-1.docker.io" => &["https://index.docker.io/v1/", "index.docker.io", "docker.io", host],
            _ => &[host],
        };
        let with_scheme = format!("https://{host}");
        let auths = config.get("auths");
        let entry = names.iter().chain([&with_scheme.as_str()]).find_map(|name| auths?.get(*name));
        let Some(auth) = entry.and_then(|entry| entry.get("auth")).and_then(Value::as_str) else { return Ok(None) };
        let refused = |why| SecretError::Form { from: from.to_owned(), why };
        let text = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| refused("its `auth` is no base64 of text"))?;
        Self::of(&text, from).map(Some)
    }

    /// What follows `Basic` in the header.
    pub(super) fn basic(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.secret.reveal()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_read_from_everywhere_and_shown_nowhere() {
        let login = Login::of("me:hunter2\n", "x").unwrap();
        assert_eq!((login.user.as_str(), login.secret.reveal()), ("me", "hunter2"));
        assert_eq!(Login::of("ghp_x", "x").unwrap().user, "token");
        assert!(!format!("{login:?}").contains("hunter2"));
        let config =
            format!(r#"{{"auths":{{"r.example":{{"auth":"{}"}},"h.example":{{}}}}}}"#, STANDARD.encode("me:hunter2"));
        let found = Login::of_docker(config.as_bytes(), "r.example", "config.json").unwrap().unwrap();
        assert_eq!(found.basic(), STANDARD.encode("me:hunter2"));
        assert!(Login::of_docker(config.as_bytes(), "h.example", "config.json").unwrap().is_none());
        assert!(Login::of_docker(b"nonsense", "r.example", "config.json").unwrap().is_none());
        let odd = br#"{"auths":{"r.example":{"auth":"hunter2"}}}"#;
        let said = format!("{:?}", Login::of_docker(odd, "r.example", "config.json").unwrap_err());
        assert!(!said.contains("hunter2"), "{said}");
    }
}
