//! Whether a delivery comes from the forge: by what only the forge and the receiver know. Compared in constant time, and
//! shown to nobody.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::digest::Sha256;
use countersign_core::limits;
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::time::Time;
use std::fmt;

/// The beginning of a secret that signs by Standard Webhooks, as GitLab shows it.
const SIGNING: &str = "whsec_";
/// The shortest secret that is taken.
const SHORTEST: usize = 16;

/// What forge and receiver know. One, or two while it is being exchanged.
pub struct Secrets {
    forge: ForgeKind,
    keys: Vec<Key>,
}

enum Key {
    /// Signs bodies.
    Hmac(hmac::Key),
    /// Is sent along.
    Token(hmac::Key, hmac::Tag),
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} of {:?})", self.keys.len(), self.forge)
    }
}

/// Why a secret is not taken. None of these says what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// None, or more than two.
    #[error("{0} secrets: one is needed, and two while they are exchanged")]
    Count(usize),
    /// Easily guessed.
    #[error("a secret is shorter than {SHORTEST} characters")]
    Short,
    /// It says that it is a signing token, and is none.
    #[error("a secret begins with `{SIGNING}` and does not go on in base64")]
    Form,
}

/// The headers that a forge proves itself by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Proof<'a> {
    /// `X-Hub-Signature-256`.
    pub hub_signature: Option<&'a str>,
    /// `X-Gitlab-Token`.
    pub token: Option<&'a str>,
    /// `webhook-id`.
    pub id: Option<&'a str>,
    /// `webhook-timestamp`.
    pub timestamp: Option<&'a str>,
    /// `webhook-signature`.
    pub signature: Option<&'a str>,
}

/// How a delivery proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proved {
    /// The body.
    Body,
    /// The body, its id and when it was sent.
    BodyAndId,
    /// The sender, who sent the secret itself along.
    Sender,
}

/// Why a delivery is not taken for the forge's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotProved {
    /// It proves nothing.
    #[error("it is not signed")]
    Unsigned,
    /// By none of the secrets.
    #[error("its signature holds for none of the secrets")]
    Wrong,
    /// It was sent at another time.
    #[error("the time that it was sent is too far from now")]
    Time,
}

impl Secrets {
    /// From the texts that the forge was given.
    pub fn new(forge: ForgeKind, texts: &[&str]) -> Result<Self, SecretsError> {
        if texts.is_empty() || texts.len() > 2 {
            return Err(SecretsError::Count(texts.len()));
        }
        Ok(Self { forge, keys: texts.iter().map(|text| key(forge, text)).collect::<Result<_, _>>()? })
    }

    /// Whether a delivery comes from somebody who knows one of them.
    pub fn check(&self, proof: &Proof<'_>, body: &[u8], now: Time) -> Result<Proved, NotProved> {
        match self.forge {
            ForgeKind::Github => self.hub(proof.hub_signature.ok_or(NotProved::Unsigned)?, body),
            // Who signs is held to it: a token beside a wrong signature is no way around it.
            ForgeKind::Gitlab if proof.signature.is_some() && self.signs() => self.standard(proof, body, now),
            ForgeKind::Gitlab => self.token(proof.token.ok_or(NotProved::Unsigned)?),
        }
    }

    fn signs(&self) -> bool {
        self.keys.iter().any(|key| matches!(key, Key::Hmac(_)))
    }

    fn holds(&self, message: &[u8], tag: &[u8]) -> bool {
        self.keys.iter().fold(false, |found, key| match key {
            Key::Hmac(key) => hmac::verify(key, message, tag).is_ok() || found,
            Key::Token(..) => found,
        })
    }

    fn hub(&self, header: &str, body: &[u8]) -> Result<Proved, NotProved> {
        let tag = header.strip_prefix("sha256=").and_then(|hex| Sha256::from_hex(hex).ok()).ok_or(NotProved::Wrong)?;
        if self.holds(body, tag.as_bytes()) { Ok(Proved::Body) } else { Err(NotProved::Wrong) }
    }

    /// GitLab's plain token. Both are hashed under a key first, so that not even their lengths are compared.
    fn token(&self, header: &str) -> Result<Proved, NotProved> {
        let same = self.keys.iter().fold(false, |found, key| match key {
            Key::Token(key, tag) => {
                let given = hmac::sign(key, header.as_bytes());
                verify_slices_are_equal(given.as_ref(), tag.as_ref()).is_ok() || found
            }
            Key::Hmac(_) => found,
        });
        if same { Ok(Proved::Sender) } else { Err(NotProved::Wrong) }
    }

    /// Standard Webhooks: `ID.TIMESTAMP.BODY`, and one or more `v1,BASE64`.
    fn standard(&self, proof: &Proof<'_>, body: &[u8], now: Time) -> Result<Proved, NotProved> {
        let (Some(id), Some(timestamp), Some(signatures)) = (proof.id, proof.timestamp, proof.signature) else {
            return Err(NotProved::Wrong);
        };
        let message = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let good = signatures.split(' ').take(8).fold(false, |found, one| {
            let tag = one.strip_prefix("v1,").and_then(|text| BASE64.decode(text).ok());
            tag.is_some_and(|tag| self.holds(&message, &tag)) || found
        });
        if !good {
            return Err(NotProved::Wrong);
        }
        let sent = timestamp.parse().ok().and_then(|seconds| Time::from_unix(seconds).ok()).ok_or(NotProved::Time)?;
        if now.since(sent).unsigned_abs() > limits::DELIVERY_SIGNED_SECONDS {
            return Err(NotProved::Time);
        }
        Ok(Proved::BodyAndId)
    }
}

fn key(forge: ForgeKind, text: &str) -> Result<Key, SecretsError> {
    if text.len() < SHORTEST {
        return Err(SecretsError::Short);
    }
    let hmac = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
    Ok(match (forge, text.strip_prefix(SIGNING)) {
        (ForgeKind::Github, _) => Key::Hmac(hmac(text.as_bytes())),
        (ForgeKind::Gitlab, Some(rest)) => {
            let bytes = BASE64.decode(rest).map_err(|_form| SecretsError::Form)?;
            if bytes.len() < SHORTEST {
                return Err(SecretsError::Short);
            }
            Key::Hmac(hmac(&bytes))
        }
        (ForgeKind::Gitlab, None) => {
            let key = hmac(text.as_bytes());
            let tag = hmac::sign(&key, text.as_bytes());
            Key::Token(key, tag)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::digest::to_hex;

    const NOW: &str = "2026-11-22T10:00:00Z";

    fn now() -> Time {
        NOW.parse().unwrap()
    }

    fn hub(secrets: &[&str], signature: &str, body: &[u8]) -> Result<Proved, NotProved> {
        let proof = Proof { hub_signature: Some(signature), ..Proof::default() };
        Secrets::new(ForgeKind::Github, secrets).unwrap().check(&proof, body, now())
    }

    #[test]
    fn the_example_of_github_s_documentation_holds() {
        let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(hub(&["It's a Secret to Everybody"], signature, b"Hello, World!"), Ok(Proved::Body));
        assert_eq!(hub(&["It's a Secret to Everybody"], signature, b"Hello, World?"), Err(NotProved::Wrong));
        assert_eq!(hub(&["It's a Secret to Somebody"], signature, b"Hello, World!"), Err(NotProved::Wrong));
        assert_eq!(
            hub(&["the one after this", "It's a Secret to Everybody"], signature, b"Hello, World!"),
            Ok(Proved::Body)
        );
    }

    #[test]
    fn the_vectors_of_rfc_4231_hold() {
        // Its cases 3 and 6 with keys that are text can be given; the others as bytes.
        let long = [0xaa_u8; 131];
        let cases: [(&[u8], &[u8], &str); 4] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (bytes, message, expected) in cases {
            let key = hmac::Key::new(hmac::HMAC_SHA256, bytes);
            assert_eq!(to_hex(hmac::sign(&key, message).as_ref()), expected);
            let secrets = Secrets { forge: ForgeKind::Github, keys: vec![Key::Hmac(key)] };
            assert!(secrets.holds(message, Sha256::from_hex(expected).unwrap().as_bytes()));
        }
    }

    #[test]
    fn no_part_of_a_signature_is_enough() {
        let whole = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        for n in 0..whole.len() {
            assert!(hub(&["It's a Secret to Everybody"], whole.get(..n).unwrap(), b"Hello, World!").is_err(), "{n}");
        }
        assert!(hub(&["It's a Secret to Everybody"], &whole.replace("sha256", "sha1"), b"Hello, World!").is_err());
        let secrets = Secrets::new(ForgeKind::Github, &["It's a Secret to Everybody"]).unwrap();
        assert_eq!(secrets.check(&Proof::default(), b"", now()), Err(NotProved::Unsigned));
        let token = Proof { token: Some("It's a Secret to Everybody"), ..Proof::default() };
        assert_eq!(secrets.check(&token, b"", now()), Err(NotProved::Unsigned), "that is another forge's way");
    }

    #[test]
    fn gitlab_shows_a_token_or_signs_and_who_signs_is_held_to_it() {
        let bytes = [7; 32];
        let signing = format!("whsec_{}", BASE64.encode(bytes));
        let at = now().unix().to_string();
        let sign = |message: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
            format!("v1,{}", BASE64.encode(hmac::sign(&key, message.as_bytes())))
        };
        let both = Secrets::new(ForgeKind::Gitlab, &["the-token-of-before", &signing]).unwrap();
        let shown = Proof { token: Some("the-token-of-before"), ..Proof::default() };
        assert_eq!(both.check(&shown, b"{}", now()), Ok(Proved::Sender));
        let other = Proof { token: Some("the-token-of-befor"), ..Proof::default() };
        assert_eq!(both.check(&other, b"{}", now()), Err(NotProved::Wrong));
        let good = sign(&format!("id-1.{at}.{{}}"));
        let lines = format!("v2,AAAA {good}");
        let signed = Proof { id: Some("id-1"), timestamp: Some(&at), signature: Some(&lines), ..shown };
        assert_eq!(both.check(&signed, b"{}", now()), Ok(Proved::BodyAndId));
        assert_eq!(both.check(&signed, b"[]", now()), Err(NotProved::Wrong), "the token is no way around");
        assert_eq!(both.check(&Proof { id: Some("id-2"), ..signed }, b"{}", now()), Err(NotProved::Wrong));
        assert_eq!(both.check(&Proof { id: None, ..signed }, b"{}", now()), Err(NotProved::Wrong));
        assert_eq!(both.check(&signed, b"{}", now().plus(301)), Err(NotProved::Time));
        let only = Secrets::new(ForgeKind::Gitlab, &[&signing]).unwrap();
        assert_eq!(only.check(&shown, b"{}", now()), Err(NotProved::Wrong));
        let itself = Proof { token: Some(&signing), ..Proof::default() };
        assert_eq!(only.check(&itself, b"{}", now()), Err(NotProved::Wrong), "a signing token is not sent along");
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_none_is_shown() {
        let refused = |texts: &[&str]| Secrets::new(ForgeKind::Gitlab, texts).unwrap_err();
        assert_eq!(refused(&[]), SecretsError::Count(0));
        assert_eq!(refused(&["a-secret-of-some-length"; 3]), SecretsError::Count(3));
        assert_eq!(refused(&["short"]), SecretsError::Short);
        assert_eq!(refused(&["whsec_!!!!!!!!!!!!!!!!"]), SecretsError::Form);
        let secrets = Secrets::new(ForgeKind::Github, &["a-secret-of-some-length"]).unwrap();
        assert_eq!(format!("{secrets:?}"), "Secrets(1 of Github)");
    }
}
