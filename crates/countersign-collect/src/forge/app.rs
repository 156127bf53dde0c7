//! A GitHub App as the collector: its key signs a short claim, which the forge exchanges for a token of one hour.

use super::error::OnlineError;
use super::secret::{self, Secret};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use countersign_core::time::Time;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// How long before its end a token is not used any more, in seconds.
const MARGIN: i64 = 300;
/// How long a claim holds, in seconds; the forge takes no more than ten minutes.
const CLAIM: i64 = 540;
/// How far in the past a claim begins, so that a forge whose clock is behind takes it.
const DRIFT: i64 = 60;

/// An app with its key.
pub struct App {
    id: String,
    installation: Option<u64>,
    path: PathBuf,
    key: RsaKeyPair,
    token: Mutex<Option<Token>>,
}

/// A token, and its end.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub secret: Secret,
    pub expires: Time,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("id", &self.id).field("installation", &self.installation).finish_non_exhaustive()
    }
}

impl App {
    /// An app by its number or client id, with the key that was made for it. Where no installation is named, it is the
    /// one of the repository.
    pub fn load(id: &str, key: &Path, installation: Option<u64>) -> Result<Self, OnlineError> {
        let refused = || OnlineError::AppKey { path: key.to_owned() };
        let text = secret::read_private(key)?;
        let pair = rsa(&text).ok_or_else(refused)?;
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.') {
            return Err(OnlineError::App { name: "the app's id".to_owned(), why: "it is no id of an app".to_owned() });
        }
        Ok(Self { id: id.to_owned(), installation, path: key.to_owned(), key: pair, token: Mutex::new(None) })
    }

    /// The installation, if it was named.
    pub(super) const fn installation(&self) -> Option<u64> {
        self.installation
    }

    /// The claim at a time: who we are, signed.
    pub(super) fn claim(&self, now: Time) -> Result<Secret, OnlineError> {
        let refused = || OnlineError::AppKey { path: self.path.clone() };
        let claims = format!(
            "{{\"exp\":{},\"iat\":{},\"iss\":\"{}\"}}",
            now.unix().saturating_add(CLAIM),
            now.unix().saturating_sub(DRIFT),
            self.id
        );
        let head = URL_SAFE_NO_PAD.encode(br#"{"alg":"RS256","typ":"JWT"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_unspecified| refused())?;
        Ok(Secret::of(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)), "the app's claim")?)
    }

    /// The token, made anew by `make` if there is none or it is about to end. Who else wants one waits meanwhile.
    pub(super) fn token(
        &self,
        now: Time,
        make: impl FnOnce() -> Result<Token, OnlineError>,
    ) -> Result<Secret, OnlineError> {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = kept.as_ref().filter(|token| token.expires.since(now) > MARGIN) {
            return Ok(token.secret.clone());
        }
        let token = make()?;
        let secret = token.secret.clone();
        *kept = Some(token);
        Ok(secret)
    }
}

/// An RSA key in PEM form, as PKCS#1 (the form in which GitHub hands keys out) or as PKCS#8.
fn rsa(text: &str) -> Option<RsaKeyPair> {
    let der = |label: &str| -> Option<Zeroizing<Vec<u8>>> {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        let body: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
    };
    if let Some(der) = der("RSA PRIVATE KEY") {
        return RsaKeyPair::from_der(&der).ok();
    }
    RsaKeyPair::from_pkcs8(&der("PRIVATE KEY")?).ok()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use std::os::unix::fs::PermissionsExt as _;

    fn written(folder: &Path, label: &str, der: &[u8]) -> PathBuf {
        let path = folder.join("app.pem");
        let body: Vec<String> =
            STANDARD.encode(der).as_bytes().chunks(64).map(|c| String::from_utf8(c.to_vec()).unwrap()).collect();
        std::fs::write(&path, format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", body.join("\n")))
            .unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    #[test]
    fn a_claim_is_signed_by_the_apps_key_and_holds_for_a_few_minutes() {
        let folder = tempfile::tempdir().unwrap();
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let path = written(folder.path(), "PRIVATE KEY", der.as_ref());
        let app = App::load("1234", &path, None).unwrap();
        let claim = app.claim(Time::from_unix(1_000_000).unwrap()).unwrap();
        let (signed, signature) = claim.reveal().rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        let claims = String::from_utf8(URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap()).unwrap();
        assert_eq!(claims, "{\"exp\":1000540,\"iat\":999940,\"iss\":\"1234\"}");
        assert!(!format!("{app:?}").contains(&path.display().to_string()));
        assert!(App::load("1\"234", &path, None).is_err());
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let app = App::load("1234", &written(folder.path(), "PRIVATE KEY", der.as_ref()), Some(5)).unwrap();
        let at = |seconds| Time::from_unix(seconds).unwrap();
        let token = |name: &str| Ok(Token { secret: Secret::of(name, "here")?, expires: at(3600) });
        assert_eq!(app.token(at(0), || token("first")).unwrap().reveal(), "first");
        assert_eq!(app.token(at(3000), || token("second")).unwrap().reveal(), "first");
        assert_eq!(app.token(at(3400), || token("third")).unwrap().reveal(), "third");
    }

    #[test]
    fn a_key_that_is_none_is_refused_without_a_word_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "PRIVATE KEY", b"not a key at all");
        let error = App::load("1234", &path, None).unwrap_err();
        assert!(matches!(error, OnlineError::AppKey { .. }));
        assert!(!format!("{error:?}").contains(&STANDARD.encode(b"not a key")));
    }
}
