//! A person's key, whichever form it has: a PEM file, a token or a key service that we sign with ourselves, or an SSH key that `ssh-keygen` signs
//! with. Trust, policy approvals, activations and reviews can be signed by either.

use crate::access::KeyAccess;
use crate::error::{KeyFault, KeyFileError, SignError, SshError};
use crate::key_file::{SigningKey, read_text};
use crate::pem;
use crate::place::KeyPlace;
use crate::ssh::{SshKey, SshKeygen, ssh_public_key, ssh_sign};
use crate::statement::sign_payload;
use countersign_core::key::PublicKey;
use std::path::Path;

/// A key that a person signs with.
#[derive(Debug)]
pub enum PersonKey {
    /// A PEM key file, or a key on a token.
    Own(SigningKey),
    /// An SSH key: a private key file, or a `.pub` file whose private half an agent or an authenticator holds.
    Ssh(SshKey),
}

impl PersonKey {
    /// Opens a key where it is.
    pub fn open(place: &KeyPlace, access: &KeyAccess) -> Result<Self, KeyFileError> {
        match place {
            KeyPlace::File(path) => Self::read(path, access),
            KeyPlace::Token(_) | KeyPlace::Kms(_) => SigningKey::open(place, access).map(Self::Own),
        }
    }

    /// The key in a file that no passphrase seals.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Self::read(path, &KeyAccess::default())
    }

    /// Looks into the file to see which form it is. The name decides nothing.
    fn read(path: &Path, access: &KeyAccess) -> Result<Self, KeyFileError> {
        let (text, mode) = read_text(path)?;
        if pem::is_openssh_line(&text) {
            return Ok(Self::Ssh(SshKey::new(path)));
        }
        let key = match SigningKey::of_file(&text, path, access) {
            Ok(key) => Self::Own(key),
            Err(KeyFileError::Content { fault: KeyFault::OpenSsh, .. }) => Self::Ssh(SshKey::new(path)),
            Err(error) => return Err(error),
        };
        mode.must_be_private(path)?;
        Ok(key)
    }

    /// The public half. For an SSH key without a `.pub` file beside it, `ssh-keygen` is asked.
    pub fn public(&self, keygen: &SshKeygen) -> Result<PublicKey, SshError> {
        match self {
            Self::Own(key) => Ok(key.public().clone()),
            Self::Ssh(key) => ssh_public_key(key.path(), keygen),
        }
    }

    /// Signs a statement: one line. A PEM key writes a Sigstore bundle, where the envelope's payload type keeps
    /// signatures of different purposes apart; an SSH key writes our SSH-signed document in this namespace.
    pub fn sign(&self, payload: &[u8], namespace: &str, keygen: &SshKeygen) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Own(key) => sign_payload(payload, key),
            Self::Ssh(key) => ssh_sign(payload, namespace, key, keygen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::KeyKind;
    use crate::testkit::{skipped, ssh_keygen};
    use countersign_core::bundle::{Signature, Signed};
    use std::fs;

    fn keygen() -> SshKeygen {
        SshKeygen::new("ssh-keygen", [("PATH", "/usr/local/bin:/usr/bin:/bin")])
    }

    #[test]
    fn a_pem_key_signs_a_bundle() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("id_ed25519");
        let made = SigningKey::generate(KeyKind::Ed25519).unwrap();
        made.write_new(&path).unwrap();
        let key = PersonKey::load(&path).unwrap();
        assert!(matches!(key, PersonKey::Own(_)));
        assert_eq!(&key.public(&keygen()).unwrap(), made.public());
        let signed = Signed::parse(&key.sign(b"{}", "review@countersign.dev", &keygen()).unwrap()).unwrap();
        assert!(matches!(signed.by, Signature::Dsse { .. }));
    }

    #[test]
    fn an_ssh_key_is_known_by_its_content_and_signs_in_the_namespace() {
        let Some(tool) = ssh_keygen() else { return skipped("ssh-keygen") };
        let folder = tempfile::tempdir().unwrap();
        tool.run(folder.path(), "-q -t ed25519 -N  -C somebody -f key.pem");
        let key = PersonKey::load(&folder.path().join("key.pem")).unwrap();
        assert!(matches!(key, PersonKey::Ssh(_)));
        let signed = Signed::parse(&key.sign(b"{}", "review@countersign.dev", &keygen()).unwrap()).unwrap();
        assert!(matches!(signed.by, Signature::Ssh { namespace, .. } if namespace == "review@countersign.dev"));
        let public = PersonKey::load(&folder.path().join("key.pem.pub")).unwrap();
        assert_eq!(public.public(&keygen()).unwrap(), key.public(&keygen()).unwrap());
    }

    #[test]
    fn what_is_neither_form_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = SigningKey::generate(KeyKind::P256).unwrap();
        made.write_new(&path).unwrap();
        let public = PersonKey::load(&folder.path().join("key.pub"));
        // Everybody may read this file, as they should: the refusal is that it does not sign, not its mode.
        assert!(matches!(public, Err(KeyFileError::Content { fault: KeyFault::Public, .. })), "{public:?}");
        fs::write(&path, "hello").unwrap();
        assert!(matches!(PersonKey::load(&path), Err(KeyFileError::Content { fault: KeyFault::NoPem, .. })));
    }
}
