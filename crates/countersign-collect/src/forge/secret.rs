//! Credentials: read from a variable's value or from a file that only its owner can get at, and shown to nobody.

use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

use countersign_core::limits;

/// A credential.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Why there is no credential. None of these says what was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Others than its owner can get at it.
    #[error("{path} has mode {mode:04o}, so others than its owner can get at it: run `chmod 600 {path}`", path = path.display())]
    OpenToOthers {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Empty, too long, or not one line of plain text.
    #[error("{from} does not hold a credential: {why}")]
    Form {
        /// Where it came from.
        from: String,
        /// What is wrong.
        why: &'static str,
    },
}

impl Secret {
    /// From text, such as a variable's value; `from` names it in errors. White space around it is not part of it.
    pub fn of(text: &str, from: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        let refused = |why| SecretError::Form { from: from.to_owned(), why };
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        if text.len() > limits::KEY_BYTES {
            return Err(refused("it is too long"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refused("it is not one word of printable ASCII"));
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// From a file, which others than its owner must not be able to get at.
    pub fn load(path: &Path) -> Result<Self, SecretError> {
        Self::of(&read_private(path)?, &path.display().to_string())
    }

    /// The text itself, for the one header that it goes into or the one check that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The text of a file that only its owner can get at.
pub(super) fn read_private(path: &Path) -> Result<Zeroizing<String>, SecretError> {
    use std::io::Read as _;
    let io = |source| SecretError::Io { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(io)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(io)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SecretError::OpenToOthers { path: path.to_owned(), mode });
        }
    }
    let most = limits::KEY_BYTES.saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    file.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut bytes).map_err(io)?;
    let refused = |why| SecretError::Form { from: path.display().to_string(), why };
    if bytes.len() > limits::KEY_BYTES {
        return Err(refused("it is too long"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_utf8| refused("it is not text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_one_word_and_is_shown_to_nobody() {
        let secret = Secret::of(" ghs_abc123\n", "GITHUB_TOKEN").unwrap();
        assert_eq!(secret.reveal(), "ghs_abc123");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        for bad in ["", " \n", "ghs_abc\r\nX-Admin: 1", "two words", "gh\u{e9}"] {
            let error = Secret::of(bad, "GITHUB_TOKEN").unwrap_err();
            let said = format!("{error} {error:?}");
            assert!(!said.contains("ghs_abc") && said.contains("GITHUB_TOKEN"), "{said}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_get_at_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "ghs_abc123\n").unwrap();
        for mode in [0o644, 0o640, 0o604] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Secret::load(&path), Err(SecretError::OpenToOthers { mode: m, .. }) if m == mode));
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Secret::load(&path).unwrap().reveal(), "ghs_abc123");
    }
}
