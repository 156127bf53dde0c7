//! Key files: read with every doubt refused by name, made anew, never overwritten. The secret leaves this module only
//! into the file that its owner asked for.

use crate::access::{KeyAccess, Locked};
use crate::check;
use crate::error::{KeyFault, KeyFileError, KeyWriteError, SignError};
use crate::kms::KmsKey;
use crate::pem::{self, Kind, Private};
use crate::place::KeyPlace;
#[cfg(feature = "pkcs11")]
use crate::token::TokenKey;
use crate::token::{TokenFault, TokenUri};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use countersign_core::key::PublicKey;
use countersign_core::limits;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The kinds of key that are made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA on P-256 with SHA-256.
    P256,
    /// ECDSA on P-384 with SHA-384.
    P384,
    /// RSA of 3072 bits, in the padding of PKCS#1 v1.5 with SHA-256.
    Rsa,
}

/// A private key, ready to sign.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
    Rsa {
        pair: RsaKeyPair,
        pss: bool,
    },
    #[cfg(feature = "pkcs11")]
    Token(Box<TokenKey>),
    Kms(Box<KmsKey>),
}

impl SigningKey {
    /// Opens a key where it is: reads its file, asks its token, or asks its key service.
    pub fn open(place: &KeyPlace, access: &KeyAccess) -> Result<Self, KeyFileError> {
        match place {
            KeyPlace::File(path) => Self::read(path, access),
            KeyPlace::Token(text) => {
                let no = |fault| KeyFileError::Token { key: place.to_string(), fault };
                let uri = TokenUri::parse(text).map_err(|error| no(error.into()))?;
                Self::on_token(&uri, access).map_err(no)
            }
            KeyPlace::Kms(reference) => {
                let no = |fault| KeyFileError::Kms { key: place.to_string(), fault };
                let key = KmsKey::open(reference, &access.plugins).map_err(no)?;
                Ok(Self { public: key.public().clone(), pair: Pair::Kms(Box::new(key)) })
            }
        }
    }

    #[cfg(feature = "pkcs11")]
    fn on_token(uri: &TokenUri, access: &KeyAccess) -> Result<Self, TokenFault> {
        let key = TokenKey::open(uri, access)?;
        Ok(Self { public: key.public().clone(), pair: Pair::Token(Box::new(key)) })
    }

    #[cfg(not(feature = "pkcs11"))]
    const fn on_token(_: &TokenUri, _: &KeyAccess) -> Result<Self, TokenFault> {
        Err(TokenFault::NotBuilt)
    }

    /// Reads a key file that no passphrase seals.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        Self::read(path, &KeyAccess::default())
    }

    /// Reads a key file: PEM with PKCS#8, SEC 1 (`EC PRIVATE KEY`), PKCS#1 (`RSA PRIVATE KEY`), or one of the containers
    /// that a passphrase opens. A symbolic link is followed; a file that others than its owner can get at is refused.
    fn read(path: &Path, access: &KeyAccess) -> Result<Self, KeyFileError> {
        let (text, mode) = read_text(path)?;
        let key = Self::of_file(&text, path, access)?;
        // Asked last: a public key or a certificate is refused for what it is, not for its mode.
        mode.must_be_private(path)?;
        Ok(key)
    }

    pub(crate) fn of_file(text: &str, path: &Path, access: &KeyAccess) -> Result<Self, KeyFileError> {
        let private = pem::read(text, |container| access.passphrase(path, container));
        private.and_then(|private| Self::of_private(&private).map_err(Locked::from)).map_err(|locked| locked.of(path))
    }

    /// Reads a key from its PEM text.
    pub fn from_pem(text: &str) -> Result<Self, KeyFault> {
        Self::of_private(&pem::read(text, |_| Err(KeyFault::Encrypted))?)
    }

    fn of_private(private: &Private) -> Result<Self, KeyFault> {
        let der = private.der.as_slice();
        let mut short = false;
        let pair = match private.kind {
            Kind::Ed25519 => Ed25519KeyPair::from_pkcs8(der).map(Pair::Ed25519),
            Kind::P256 => EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map(Pair::Ecdsa),
            Kind::P384 => EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_ASN1_SIGNING, der).map(Pair::Ecdsa),
            Kind::Rsa | Kind::RsaPss => {
                let pss = private.kind == Kind::RsaPss;
                // The provider takes no key below 2048 bits.
                let pair = RsaKeyPair::from_der(der);
                // Its word for that is all there is to tell a short key from a broken one.
                short = pair.as_ref().is_err_and(|error| error.to_string() == "TooSmall");
                pair.map(|pair| Pair::Rsa { pair, pss })
            }
        };
        if short {
            return Err(KeyFault::Kind { kind: "RSA of less than 2048 bits".to_owned() });
        }
        pair.ok().and_then(Self::of).ok_or(KeyFault::Encoding)
    }

    /// A new key, from the system's randomness.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyWriteError> {
        let pair = match kind {
            KeyKind::Ed25519 => Ed25519KeyPair::generate().map(Pair::Ed25519),
            KeyKind::P256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Pair::Ecdsa),
            KeyKind::P384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map(Pair::Ecdsa),
            KeyKind::Rsa => RsaKeyPair::generate(KeySize::Rsa3072).map(|pair| Pair::Rsa { pair, pss: false }),
        };
        pair.ok().and_then(Self::of).ok_or(KeyWriteError::Provider)
    }

    /// Writes the key to a new file that only its owner can read, and the public half beside it, at
    /// [`public_path`]. Neither file may be there before; if the second cannot be written, the first is taken back.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyWriteError> {
        let no = |_unspecified| KeyWriteError::Provider;
        let private = match &self.pair {
            Pair::Ed25519(pair) => pem::write(pair.to_pkcs8v1().map_err(no)?.as_ref()),
            Pair::Ecdsa(pair) => pem::write(pair.to_pkcs8v1().map_err(no)?.as_ref()),
            Pair::Rsa { pair, .. } => pem::write(AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map_err(no)?.as_ref()),
            #[cfg(feature = "pkcs11")]
            Pair::Token(_) => return Err(KeyWriteError::Provider),
            Pair::Kms(_) => return Err(KeyWriteError::Provider),
        };
        let public = self.public.to_pem().ok_or(KeyWriteError::Provider)?;
        create(path, private.as_bytes(), 0o600)?;
        if let Err(error) = create(&public_path(path), public.as_bytes(), 0o644) {
            // The first error is the one to tell; what cannot be removed now was written by us and is complete.
            drop(fs::remove_file(path));
            return Err(error);
        }
        sync_folder(path)
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes. Ed25519 gives the 64 bytes of RFC 8032; P-256 signs the SHA-256 and P-384 the SHA-384, in ASN.1 DER; RSA
    /// signs the SHA-256. What does not hold for the public half is not given back.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, SignError> {
        let key = || self.public.id();
        let provider = |_unspecified| SignError::Provider { key: key() };
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.try_sign(bytes).map_err(provider)?.as_ref().to_vec(),
            Pair::Ecdsa(pair) => pair.sign(&random, bytes).map_err(provider)?.as_ref().to_vec(),
            Pair::Rsa { pair, pss } => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding = if *pss { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, bytes, &mut signature).map_err(provider)?;
                signature
            }
            #[cfg(feature = "pkcs11")]
            Pair::Token(token) => token.sign(bytes).map_err(|fault| SignError::Token { key: key(), fault })?,
            Pair::Kms(plugin) => plugin.sign(bytes).map_err(|fault| SignError::Kms { key: key(), fault })?,
        };
        if check::holds(&self.public, bytes, &signature) {
            Ok(signature)
        } else {
            Err(SignError::DoesNotHold { key: key() })
        }
    }

    fn of(pair: Pair) -> Option<Self> {
        let public = match &pair {
            Pair::Ed25519(pair) => PublicKey::Ed25519(pair.public_key().as_ref().try_into().ok()?),
            Pair::Ecdsa(pair) => spki(pair.public_key())?,
            Pair::Rsa { pair, .. } => spki(pair.public_key())?,
            #[cfg(feature = "pkcs11")]
            Pair::Token(key) => key.public().clone(),
            Pair::Kms(key) => key.public().clone(),
        };
        Some(Self { pair, public })
    }
}

fn spki(key: &impl AsDer<PublicKeyX509Der<'static>>) -> Option<PublicKey> {
    PublicKey::from_spki_der(key.as_der().ok()?.as_ref()).ok()
}

impl fmt::Debug for SigningKey {
    /// The public half only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}

/// Where the public half of a key file lies: the same name with `.pub` after it.
#[must_use]
pub fn public_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".pub");
    PathBuf::from(name)
}

/// The permission bits of a file that was opened, where the system has such.
pub(crate) struct Access {
    mode: Option<u32>,
}

impl Access {
    /// Refuses a file that others than its owner can get at.
    pub(crate) fn must_be_private(&self, path: &Path) -> Result<(), KeyFileError> {
        match self.mode {
            Some(mode) if mode & 0o077 != 0 => Err(KeyFileError::OpenToOthers { path: path.to_owned(), mode }),
            _ => Ok(()),
        }
    }
}

/// The text of a key file, bounded, and the access to the very file that was read.
pub(crate) fn read_text(path: &Path) -> Result<(Zeroizing<String>, Access), KeyFileError> {
    let content = |fault| KeyFileError::Content { path: path.to_owned(), fault };
    let io = |source| KeyFileError::of_io(path, source);
    let file = File::open(path).map_err(io)?;
    let access = Access { mode: mode_of(&file).map_err(io)? };
    let most = limits::KEY_BYTES.saturating_add(1);
    // Room for all of it at once: a buffer that grows leaves copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    file.take(u64::try_from(most).unwrap_or(u64::MAX)).read_to_end(&mut bytes).map_err(io)?;
    if bytes.len() > limits::KEY_BYTES {
        return Err(content(KeyFault::TooLarge { limit: limits::KEY_BYTES }));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_utf8| content(KeyFault::NotUtf8))?;
    Ok((Zeroizing::new(text.to_owned()), access))
}

#[cfg(unix)]
fn mode_of(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(Some(file.metadata()?.permissions().mode() & 0o7777))
}

#[cfg(not(unix))]
fn mode_of(_: &File) -> io::Result<Option<u32>> {
    Ok(None)
}

fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyWriteError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    with_mode(&mut options, mode);
    let mut file = options.open(path).map_err(|source| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::AlreadyExists {
            KeyWriteError::Exists { path }
        } else {
            KeyWriteError::Io { path, source }
        }
    })?;
    if let Err(source) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        // Half a key is worse than none; the error to tell is the one that came first.
        drop(fs::remove_file(path));
        return Err(KeyWriteError::Io { path: path.to_owned(), source });
    }
    Ok(())
}

#[cfg(unix)]
fn with_mode(options: &mut OpenOptions, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(mode);
}

#[cfg(not(unix))]
fn with_mode(_: &mut OpenOptions, _: u32) {}

/// A new name lasts only once its folder is on the disk too.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<(), KeyWriteError> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|source| KeyWriteError::Io { path: folder.to_owned(), source })
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<(), KeyWriteError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{holds, openssl, skipped};

    const KINDS: [KeyKind; 4] = [KeyKind::Ed25519, KeyKind::P256, KeyKind::P384, KeyKind::Rsa];

    fn fault(text: &str) -> KeyFault {
        SigningKey::from_pem(text).unwrap_err()
    }

    #[test]
    fn a_new_key_reads_back_and_signs_as_itself() {
        for kind in KINDS {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("gate.pem");
            let key = SigningKey::generate(kind).unwrap();
            key.write_new(&path).unwrap();
            let read = SigningKey::load(&path).unwrap();
            assert_eq!(read.public(), key.public());
            let public = fs::read_to_string(folder.path().join("gate.pem.pub")).unwrap();
            assert_eq!(&PublicKey::parse(&public).unwrap(), key.public());
            let signature = read.sign(b"message").unwrap();
            assert!(holds(key.public(), b"message", &signature));
            assert!(!holds(key.public(), b"massage", &signature));
        }
    }

    #[test]
    fn signatures_have_the_form_that_verifiers_of_their_kind_read() {
        let [ed25519, p256, p384, rsa] = KINDS.map(|kind| SigningKey::generate(kind).unwrap().sign(b"x").unwrap());
        assert_eq!((ed25519.len(), rsa.len()), (64, 384));
        for ecdsa in [p256, p384] {
            assert_eq!((ecdsa[0], usize::from(ecdsa[1])), (0x30, ecdsa.len() - 2));
        }
    }

    #[test]
    fn a_key_is_never_overwritten_and_never_left_without_its_public_half() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let key = SigningKey::generate(KeyKind::Ed25519).unwrap();
        fs::write(folder.path().join("key.pem.pub"), "there").unwrap();
        let error = key.write_new(&path).unwrap_err();
        assert!(matches!(error, KeyWriteError::Exists { path } if path.ends_with("key.pem.pub")));
        assert!(!path.exists());

        fs::remove_file(folder.path().join("key.pem.pub")).unwrap();
        fs::write(&path, "there").unwrap();
        let error = key.write_new(&path).unwrap_err();
        assert_eq!(error.to_string(), format!("{} exists, and a key is never overwritten", path.display()));
        assert_eq!(fs::read_to_string(&path).unwrap(), "there");
        assert!(!folder.path().join("key.pem.pub").exists());

        let nowhere = folder.path().join("no/such/folder.pem");
        assert!(matches!(key.write_new(&nowhere), Err(KeyWriteError::Io { .. })));
    }

    #[test]
    #[cfg(unix)]
    fn a_key_that_others_can_get_at_is_refused_with_its_mode_and_the_remedy() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        SigningKey::generate(KeyKind::P256).unwrap().write_new(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        for mode in [0o644, 0o640, 0o604, 0o620, 0o610, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let said = SigningKey::load(&path).unwrap_err().to_string();
            let at = path.display();
            let expected = format!(
                "the key file {at} has mode {mode:04o}, so others than its owner can get at it: run `chmod 600 {at}`"
            );
            assert_eq!(said, expected);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        assert!(SigningKey::load(&path).is_ok());
    }

    #[test]
    #[cfg(unix)]
    fn a_symbolic_link_is_followed_to_the_mode_of_its_target() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("key.pem"), folder.path().join("link.pem"));
        SigningKey::generate(KeyKind::Ed25519).unwrap().write_new(&path).unwrap();
        symlink(&path, &link).unwrap();
        assert!(SigningKey::load(&link).is_ok());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(SigningKey::load(&link), Err(KeyFileError::OpenToOthers { mode: 0o644, .. })));
    }

    #[test]
    fn missing_unreadable_too_large_and_binary_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.pem");
        let error = SigningKey::load(&missing).unwrap_err();
        assert_eq!(error.to_string(), format!("no key file at {}", missing.display()));
        assert!(matches!(SigningKey::load(folder.path()), Err(KeyFileError::Unreadable { .. })));
        let content = |bytes: &[u8]| {
            let file = tempfile::NamedTempFile::new_in(folder.path()).unwrap();
            fs::write(file.path(), bytes).unwrap();
            match SigningKey::load(file.path()) {
                Err(KeyFileError::Content { fault, .. }) => fault,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(content(&vec![b'a'; limits::KEY_BYTES + 1]), KeyFault::TooLarge { limit: limits::KEY_BYTES });
        assert_eq!(content(&vec![b'a'; limits::KEY_BYTES]), KeyFault::NoPem);
        assert_eq!(content(b"\x30\x82\xff"), KeyFault::NotUtf8);
    }

    #[test]
    fn what_is_no_private_key_for_us_is_refused_by_its_name() {
        let public = SigningKey::generate(KeyKind::P256).unwrap().public().clone();
        assert_eq!(fault(&public.to_pem().unwrap()), KeyFault::Public);
        assert_eq!(fault(&public.to_openssh()), KeyFault::Public);
        let block = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        assert_eq!(fault(&block("ENCRYPTED PRIVATE KEY", "AAAA")), KeyFault::Encrypted);
        let legacy = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA";
        assert!(matches!(fault(&block("EC PRIVATE KEY", legacy)), KeyFault::Sealed { .. }));
        assert!(matches!(fault(&block("RSA PRIVATE KEY", legacy)), KeyFault::Sealed { .. }));
        assert_eq!(fault(&block("OPENSSH PRIVATE KEY", "AAAA")), KeyFault::OpenSsh);
        assert_eq!(fault(&block("RSA PRIVATE KEY", "AAAA")), KeyFault::Encoding);
        assert_eq!(fault(&block("CERTIFICATE", "AAAA")), KeyFault::Label { label: "CERTIFICATE".to_owned() });
        assert_eq!(fault(&block("PRIVATE KEY", "!!!!")), KeyFault::Encoding);
        assert_eq!(fault(&block("PRIVATE KEY", "MAA=")), KeyFault::Encoding);
        assert_eq!(fault("-----BEGIN PRIVATE KEY-----\nAAAA\n"), KeyFault::Encoding);
        assert_eq!(fault(&block("PRIVATE KEY", "MAA=").repeat(2)), KeyFault::Several { found: 2 });
        assert_eq!(fault("hello\n"), KeyFault::NoPem);
        assert_eq!(fault(""), KeyFault::NoPem);
    }

    #[test]
    fn nothing_shows_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let key = SigningKey::generate(KeyKind::Ed25519).unwrap();
        key.write_new(&path).unwrap();
        let shown = format!("{key:?}");
        assert_eq!(shown, format!("SigningKey {{ public: {}, .. }}", key.public().to_openssh()));
        let secret = fs::read_to_string(&path).unwrap();
        // What comes first in the line is the same for every key.
        let (_, body) = secret.lines().nth(1).unwrap().split_at(22);
        let public = fs::read_to_string(public_path(&path)).unwrap();
        assert_eq!(body.len(), 42);
        assert!(!public.contains(body) && !shown.contains(body));

        // A key that is damaged is not quoted in its refusal.
        let damaged = secret.replace("MC4CAQAw", "MC4CAQAx");
        assert_ne!(damaged, secret);
        fs::write(&path, damaged).unwrap();
        let error = SigningKey::load(&path).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(body));
    }

    #[test]
    fn keys_that_openssl_made_sign_and_openssl_agrees() {
        let Some(openssl) = openssl() else { return skipped("openssl") };
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &str| openssl.run(folder.path(), arguments);
        run("genpkey -algorithm ED25519 -out ed25519.pem");
        run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem");
        run("ecparam -name prime256v1 -genkey -out sec1.pem");
        run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem");
        run("ecparam -name secp384r1 -genkey -out sec1-384.pem");
        run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem");
        run("rsa -in rsa.pem -traditional -out pkcs1.pem");
        fs::write(folder.path().join("message"), b"message").unwrap();
        for name in ["ed25519", "p256", "sec1", "p384", "sec1-384", "rsa", "pkcs1"] {
            let path = folder.path().join(format!("{name}.pem"));
            let key = SigningKey::load(&path).unwrap();
            run(&format!("pkey -in {name}.pem -pubout -out {name}.pub"));
            let public = fs::read_to_string(folder.path().join(format!("{name}.pub"))).unwrap();
            assert_eq!(&PublicKey::parse(&public).unwrap(), key.public(), "{name}");
            assert_eq!(key.public().to_pem().unwrap(), public, "{name}");
            fs::write(folder.path().join("signature"), key.sign(b"message").unwrap()).unwrap();
            let how = match name {
                "ed25519" => "-rawin",
                "p384" | "sec1-384" => "-rawin -digest sha384",
                _ => "-rawin -digest sha256",
            };
            run(&format!("pkeyutl -verify -pubin -inkey {name}.pub {how} -in message -sigfile signature"));
        }
        let ours = SigningKey::generate(KeyKind::P256).unwrap();
        ours.write_new(&folder.path().join("ours.pem")).unwrap();
        run("pkey -in ours.pem -pubout -out theirs.pub");
        let theirs = fs::read(folder.path().join("theirs.pub")).unwrap();
        assert_eq!(theirs, fs::read(folder.path().join("ours.pem.pub")).unwrap());
    }

    #[test]
    fn kinds_that_openssl_makes_and_we_do_not_take_are_named() {
        let Some(openssl) = openssl() else { return skipped("openssl") };
        let folder = tempfile::tempdir().unwrap();
        for (arguments, kind) in [
            ("genpkey -algorithm X25519", "X25519"),
            ("genpkey -algorithm ED448", "Ed448"),
            ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521", "ECDSA P-521"),
            ("ecparam -name secp521r1 -genkey", "ECDSA P-521"),
            ("ecparam -name prime256v1 -param_enc explicit -genkey", "ECDSA on a curve without a name"),
        ] {
            openssl.run(folder.path(), &format!("{arguments} -out key.pem"));
            let text = fs::read_to_string(folder.path().join("key.pem")).unwrap();
            assert_eq!(fault(&text), KeyFault::Kind { kind: kind.to_owned() }, "{arguments}");
        }
        openssl.run(folder.path(), "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out key.pem");
        let short = KeyFault::Kind { kind: "RSA of less than 2048 bits".to_owned() };
        assert_eq!(fault(&fs::read_to_string(folder.path().join("key.pem")).unwrap()), short);
    }

    #[test]
    fn a_key_for_pss_alone_signs_so_and_openssl_agrees() {
        let Some(openssl) = openssl() else { return skipped("openssl") };
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &str| openssl.run(folder.path(), arguments);
        run("genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out pss.pem");
        run("pkey -in pss.pem -pubout -out pss.pub");
        let key = SigningKey::load(&folder.path().join("pss.pem")).unwrap();
        let public = fs::read_to_string(folder.path().join("pss.pub")).unwrap();
        assert_eq!(&PublicKey::parse(&public).unwrap(), key.public());
        fs::write(folder.path().join("message"), b"message").unwrap();
        fs::write(folder.path().join("signature"), key.sign(b"message").unwrap()).unwrap();
        let how = "-rawin -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32";
        run(&format!("pkeyutl -verify -pubin -inkey pss.pub {how} -in message -sigfile signature"));
    }
}
