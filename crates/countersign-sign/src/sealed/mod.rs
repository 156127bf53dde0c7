//! Private keys that a passphrase seals: PKCS#8 by PBES2, as OpenSSL writes it, and cosign's own container. Both hold a
//! PKCS#8 document, and nothing that is in here leaves this crate but that.

mod cosign;
mod pbes2;
mod salsa;
mod scrypt;

use crate::error::KeyFault;
use zeroize::Zeroizing;

/// What seals a key, which says whose passphrase is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    /// PKCS#8, `ENCRYPTED PRIVATE KEY`.
    Pkcs8,
    /// cosign's, `ENCRYPTED SIGSTORE PRIVATE KEY`.
    Cosign,
}

impl Container {
    /// Takes the PKCS#8 document out.
    pub(crate) fn open(self, bytes: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
        match self {
            Self::Pkcs8 => pbes2::open(bytes, passphrase.as_bytes()),
            Self::Cosign => cosign::open(bytes, passphrase.as_bytes()),
        }
    }
}

/// Cost of a key derivation that nobody means: it would keep this machine busy for minutes, or take all of its memory.
fn too_costly() -> KeyFault {
    KeyFault::Sealed { problem: "it asks for more work, or memory, than any key is worth" }
}

#[cfg(test)]
mod tests {
    use crate::access::KeyAccess;
    use crate::error::{KeyFault, KeyFileError};
    use crate::key_file::SigningKey;
    use crate::place::KeyPlace;
    use crate::testkit::{openssl, skipped};
    use countersign_core::key::PublicKey;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    /// A key that cosign's recipe made, by other programs' hands: Python's hashlib and `PyNaCl`.
    const COSIGN: &str = "\
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiJWMXp2N2IycDUxa3YzbFZOcFU5TE1DQzZTVWRMZU1B
SFp4T3lwZUFjZGdZPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJDL1pRWmIwdXVlTlhwNFZpcEFZN2VzcCt3czFOb0theCJ9LCJj
aXBoZXJ0ZXh0IjoiQW1SN0Z4VHpCTmJlbTNBTjFQVE5pdWVuSU5wVEpZMjRYZVgw
ZTcxZVhZK0syS3gzNmEvUkVLelVZak1jQ01SMGgzZlA5RENkUWpkMWM5YVJNem9q
UWhCVXZIekN0ejZYRGV1QWh2MkxIU08wUjBRcnl4TmR6ZVZ6dGdmL01kOWV6SFlq
RDlWWnhWL3k2MXFMeUdRVWUwRGE2QkdybHlpM00wd1U3YnEvK1kxOW5rcDdWcFBT
MUp6Nml1RFNtRVEzR2Q0cmVIU25mcnp4MFE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
";
    /// Another, over which less work was done.
    const SMALL: &str = "\
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjoxMDI0LCJyIjo4
LCJwIjoxfSwic2FsdCI6IlpzTEoycTFGdVVBSmdQZFh4N2dOZ0E2akpDWlJpYWRP
TWNhcjVaWDVMT3M9In0sImNpcGhlciI6eyJuYW1lIjoibmFjbC9zZWNyZXRib3gi
LCJub25jZSI6IlU0QndNd3ZWRGY4SW9zY2FVVllidDI3eFJZN3ZZZGIwIn0sImNp
cGhlcnRleHQiOiJ1OWlxNllka1RYQ0Y5MG1kSXUvVWl5L3pMZEk0cXE3VmFlOVlW
TWx1LzYyWUZyVWlQN1RxSzhEUkd3UGkrdGNielhxVlFQc0RUSzg0WGRoTXJGVXZK
V2xIaitHZStjeXhPdU5DN0tQd0EySTFoOURSaXlCNDFTNk9ydTBWMS9RU0k0RTc3
ZXMydmFPZ0R5c2pDNnhKN2M2QitlVW1pZ29HNGZsdzNhRUF2dWpDbW45djJJZVZY
aXg4ZDVzUk9ZSDdiYlZuY3o0MVNuQkkzZz09In0=
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
";
    const COSIGN_PUBLIC: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbT7c+yUf2wfT72i7OcJzUZLlMQBI
XiezBqIdmaG3g0c95nnjgrgQERgb4rGHfptGwi6pmeijIoqEuseTxwyrMQ==
-----END PUBLIC KEY-----
";

    fn access(passphrase: &str) -> KeyAccess {
        KeyAccess { passphrase: Some(passphrase.to_owned().into()), ..KeyAccess::default() }
    }

    fn open(path: &Path, access: &KeyAccess) -> Result<SigningKey, KeyFileError> {
        SigningKey::open(&KeyPlace::File(path.to_owned()), access)
    }

    fn private(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[track_caller]
    fn is_fault(said: Result<SigningKey, KeyFileError>, wanted: &KeyFault) {
        let Err(KeyFileError::Content { fault, .. }) = said else { panic!("{said:?}") };
        assert_eq!(fault, *wanted);
    }

    #[test]
    fn a_key_of_cosigns_opens_with_its_passphrase_and_with_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cosign.key");
        private(&path, COSIGN);
        let cosign = KeyAccess { cosign: Some("a passphrase of cosign's".to_owned().into()), ..KeyAccess::default() };
        let key = open(&path, &cosign).unwrap();
        assert_eq!(key.public(), &PublicKey::parse(COSIGN_PUBLIC).unwrap());
        is_fault(open(&path, &KeyAccess::default()), &KeyFault::Encrypted);
        private(&path, SMALL);
        is_fault(open(&path, &access("another")), &KeyFault::Passphrase);
        // An older name of the same, and one that was sealed otherwise.
        private(&path, &SMALL.replace("SIGSTORE", "COSIGN"));
        assert!(open(&path, &cosign).is_ok());
        private(
            &path,
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\ne30=\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n",
        );
        let Err(KeyFileError::Content { fault: KeyFault::Sealed { .. }, .. }) = open(&path, &cosign) else { panic!() };
    }

    #[test]
    fn keys_that_openssl_encrypts_open_with_their_passphrase_and_with_no_other() {
        let Some(openssl) = openssl() else { return skipped("openssl") };
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &str| openssl.run(folder.path(), arguments);
        let path = folder.path().join("key.pem");
        run("genpkey -algorithm ED25519 -out plain.pem");
        let plain = SigningKey::load(&folder.path().join("plain.pem")).unwrap();
        for how in [
            "-v2 aes-128-cbc",
            "-v2 aes-192-cbc",
            "-v2 aes-256-cbc -v2prf hmacWithSHA512",
            "-v2 aes-256-cbc -v2prf hmacWithSHA1",
            "-v2 aes-256-cbc -v2prf hmacWithSHA384 -iter 5000",
            "-v2 aes-256-cbc -scrypt -scrypt_N 1024",
        ] {
            run(&format!("pkcs8 -topk8 -in plain.pem {how} -passout pass:secret -out key.pem"));
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            assert_eq!(open(&path, &access("secret")).unwrap().public(), plain.public(), "{how}");
            is_fault(open(&path, &access("Secret")), &KeyFault::Passphrase);
            // cosign's variable is for cosign's keys.
            let cosign = KeyAccess { cosign: Some("secret".to_owned().into()), ..KeyAccess::default() };
            is_fault(open(&path, &cosign), &KeyFault::Encrypted);
        }
        run("pkcs8 -topk8 -in plain.pem -v2 des3 -passout pass:secret -out key.pem");
        let Err(KeyFileError::Content { fault: KeyFault::Sealed { .. }, .. }) = open(&path, &access("secret")) else {
            panic!()
        };
    }

    #[test]
    fn a_passphrase_comes_from_a_file_that_only_its_owner_can_read_and_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("cosign.key"), folder.path().join("passphrase"));
        private(&path, SMALL);
        private(&file, "a passphrase of cosign's\n");
        let from_file = || KeyAccess { passphrase_file: Some(file.clone()), ..access("not this one") };
        assert!(open(&path, &from_file()).is_ok());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let error = open(&path, &from_file()).unwrap_err();
        assert!(matches!(error, KeyFileError::PassphraseFile { .. }), "{error:?}");
        assert!(!format!("{error} {error:?} {:?}", access("hunter2")).contains("hunter2"));
        let asked =
            KeyAccess { ask: Some(|_| Some("a passphrase of cosign's".to_owned().into())), ..KeyAccess::default() };
        assert!(open(&path, &asked).is_ok());
        let silent = KeyAccess { ask: Some(|_| None), ..KeyAccess::default() };
        is_fault(open(&path, &silent), &KeyFault::Encrypted);
    }
}
