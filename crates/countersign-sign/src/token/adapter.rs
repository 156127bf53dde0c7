//! The one module that speaks PKCS#11.
//!
//! A library is initialised once in a process and then shared, since closing it for one key would close it for all.

use super::{TokenFault, TokenUri};
use crate::access::KeyAccess;
use crate::key_file::read_text;
use aws_lc_rs::digest::{SHA384, digest};
use countersign_core::digest::Sha256;
use countersign_core::key::PublicKey;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zeroize::Zeroizing;

/// A private key on a token, with a session in which it signs.
pub(crate) struct TokenKey {
    session: Mutex<Session>,
    key: ObjectHandle,
    public: PublicKey,
}

/// The libraries that this process has initialised.
static LOADED: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

impl TokenKey {
    /// Opens the key that the URI names.
    pub(crate) fn open(uri: &TokenUri, access: &KeyAccess) -> Result<Self, TokenFault> {
        let module = uri.module.as_deref().or(access.module.as_deref()).ok_or(TokenFault::NoModule)?;
        let library = load(module)?;
        let slot = the_slot(&library, uri)?;
        let pin = the_pin(uri, access)?;
        let session = library.open_ro_session(slot).map_err(failed)?;
        let pin = AuthPin::from(pin.as_str());
        match session.login(UserType::User, Some(&pin)) {
            // Another key of the same token was opened before: a login is the process's, not the session's.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => return Err(TokenFault::Pin { said: error.to_string() }),
        }
        let key = the_object(&session, uri, ObjectClass::PRIVATE_KEY, "private")?;
        let public = public_of(&session, the_public(&session, uri, key)?)?;
        Ok(Self { session: Mutex::new(session), key, public })
    }

    /// The public half, as the token shows it.
    pub(crate) const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes, in the form of a key file's signature.
    pub(crate) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, TokenFault> {
        let session = held(&self.session);
        let signed = |mechanism, bytes: &[u8]| session.sign(&mechanism, self.key, bytes).map_err(failed);
        // Tokens differ in which hashes they can make themselves, so the hash of ECDSA is made here.
        match &self.public {
            PublicKey::Ed25519(_) => signed(Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)), bytes),
            PublicKey::P256(_) => {
                let raw = signed(Mechanism::Ecdsa, Sha256::of(bytes).as_bytes())?;
                der_of::<32>(&raw).ok_or(TokenFault::Form)
            }
            PublicKey::P384(_) => {
                let raw = signed(Mechanism::Ecdsa, digest(&SHA384, bytes).as_ref())?;
                der_of::<48>(&raw).ok_or(TokenFault::Form)
            }
            PublicKey::Rsa { .. } => signed(Mechanism::Sha256RsaPkcs, bytes),
            PublicKey::SkEd25519 { .. } | PublicKey::SkP256 { .. } => Err(TokenFault::Kind),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn failed(error: Error) -> TokenFault {
    TokenFault::Failed { said: error.to_string() }
}

/// A panic of another thread leaves a session and a table as they were.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn load(path: &Path) -> Result<Pkcs11, TokenFault> {
    let mut loaded = held(&LOADED);
    if let Some(library) = loaded.get(path) {
        return Ok(library.clone());
    }
    let no = |error: Error| TokenFault::Module { path: path.to_owned(), said: error.to_string() };
    let library = Pkcs11::new(path).map_err(no)?;
    match library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(no(error)),
    }
    loaded.insert(path.to_owned(), library.clone());
    Ok(library)
}

fn the_slot(library: &Pkcs11, uri: &TokenUri) -> Result<Slot, TokenFault> {
    let slots = library.get_slots_with_initialized_token().map_err(failed)?;
    let present = slots.len();
    let mut found = Vec::new();
    for slot in slots {
        let token = library.get_token_info(slot).map_err(failed)?;
        let is =
            |wanted: &Option<String>, shown: &str| wanted.as_deref().is_none_or(|wanted| wanted == shown.trim_end());
        if is(&uri.token, token.label()) && is(&uri.serial, token.serial_number()) {
            found.push(slot);
        }
    }
    match found.as_slice() {
        [slot] => Ok(*slot),
        others => Err(TokenFault::Tokens { found: others.len(), present }),
    }
}

/// From the file that the URI names, which only its owner may read, or from outside.
fn the_pin(uri: &TokenUri, access: &KeyAccess) -> Result<Zeroizing<String>, TokenFault> {
    if let Some(path) = &uri.pin_source {
        let no = |error| TokenFault::PinFile(Box::new(error));
        let (text, mode) = read_text(path).map_err(no)?;
        mode.must_be_private(path).map_err(no)?;
        return Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    access.pin.clone().ok_or(TokenFault::NoPin)
}

fn the_object(
    session: &Session,
    uri: &TokenUri,
    class: ObjectClass,
    what: &'static str,
) -> Result<ObjectHandle, TokenFault> {
    let mut template = vec![Attribute::Class(class)];
    template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
    template.extend(uri.id.as_ref().map(|id| Attribute::Id(id.clone())));
    one(session, &template, what)
}

fn one(session: &Session, template: &[Attribute], what: &'static str) -> Result<ObjectHandle, TokenFault> {
    match session.find_objects(template).map_err(failed)?.as_slice() {
        [object] => Ok(*object),
        others => Err(TokenFault::Keys { found: others.len(), what }),
    }
}

/// The public half: the one with the private key's id. Labels need not be the same on both halves.
fn the_public(session: &Session, uri: &TokenUri, private: ObjectHandle) -> Result<ObjectHandle, TokenFault> {
    let attributes = session.get_attributes(private, &[AttributeType::Id]).map_err(failed)?;
    let id =
        attributes.into_iter().find_map(|attribute| if let Attribute::Id(id) = attribute { Some(id) } else { None });
    match id.filter(|id| !id.is_empty()) {
        Some(id) => one(session, &[Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(id)], "public"),
        None => the_object(session, uri, ObjectClass::PUBLIC_KEY, "public"),
    }
}

fn public_of(session: &Session, object: ObjectHandle) -> Result<PublicKey, TokenFault> {
    let wanted = [
        AttributeType::KeyType,
        AttributeType::EcParams,
        AttributeType::EcPoint,
        AttributeType::Modulus,
        AttributeType::PublicExponent,
    ];
    let (mut kind, mut curve, mut point, mut modulus, mut exponent) = (None, None, None, None, None);
    for attribute in session.get_attributes(object, &wanted).map_err(failed)? {
        if let Attribute::KeyType(found) = attribute {
            kind = Some(found);
        } else if let Attribute::EcParams(found) = attribute {
            curve = Some(found);
        } else if let Attribute::EcPoint(found) = attribute {
            point = Some(found);
        } else if let Attribute::Modulus(found) = attribute {
            modulus = Some(found);
        } else if let Attribute::PublicExponent(found) = attribute {
            exponent = Some(found);
        }
    }
    if let (Some(KeyType::RSA), Some(n), Some(e)) = (kind, modulus, exponent) {
        return rsa(&n, &e).ok_or(TokenFault::Kind);
    }
    let point = point.ok_or(TokenFault::Kind)?;
    // Kinds of curve share a length, so the curve is looked at too. Ed25519 is written in several ways, and is the one
    // Edwards curve whose points have 32 bytes.
    let public = match (kind, curve.as_deref()) {
        (Some(KeyType::EC), Some(P256_OID)) => {
            bare::<65>(&point).filter(|point| point.first() == Some(&4)).map(PublicKey::P256)
        }
        (Some(KeyType::EC), Some(P384_OID)) => {
            bare::<97>(&point).filter(|point| point.first() == Some(&4)).map(PublicKey::P384)
        }
        (Some(KeyType::EC_EDWARDS), _) => bare::<32>(&point).map(PublicKey::Ed25519),
        _ => None,
    };
    public.ok_or(TokenFault::Kind)
}

/// A public key of RSA, with the bounds that every such key has.
fn rsa(n: &[u8], e: &[u8]) -> Option<PublicKey> {
    let bare = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let key = PublicKey::Rsa { e: bare(e), n: bare(n) };
    PublicKey::from_spki_der(&key.spki_der()?).ok()
}

/// The object identifier of P-256, in DER.
const P256_OID: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// That of P-384.
const P384_OID: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

/// A point of this length: it stands in a DER octet string, which some tokens leave out.
fn bare<const LENGTH: usize>(point: &[u8]) -> Option<[u8; LENGTH]> {
    if let Ok(point) = point.try_into() {
        return Some(point);
    }
    match point {
        [0x04, length, rest @ ..] if usize::from(*length) == LENGTH => rest.try_into().ok(),
        _ => None,
    }
}

/// `r` and `s` of this many bytes each, as `SEQUENCE { INTEGER r, INTEGER s }`: below 128 bytes on these curves.
fn der_of<const SIZE: usize>(raw: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = raw.split_at_checked(SIZE).filter(|(_, s)| s.len() == SIZE)?;
    let integer = |bytes: &[u8]| {
        let first = bytes.iter().position(|byte| *byte != 0)?;
        let bytes = bytes.get(first..)?;
        let zero: &[u8] = if bytes.first()? & 0x80 == 0 { &[] } else { &[0] };
        let length = u8::try_from(zero.len() + bytes.len()).ok()?;
        Some([&[0x02, length], zero, bytes].concat())
    };
    let body = [integer(r)?, integer(s)?].concat();
    Some([&[0x30, u8::try_from(body.len()).ok()?], body.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_as_short_as_they_may_be_and_never_negative() {
        let raw = [&[0_u8; 31][..], &[0x80], &[0; 31], &[0x7f]].concat();
        assert_eq!(der_of::<32>(&raw).unwrap(), [0x30, 7, 2, 2, 0, 0x80, 2, 1, 0x7f]);
        assert_eq!(der_of::<32>(&[0; 64]), None, "no signature is zero");
        assert_eq!(der_of::<32>(&raw[1..]), None);
    }
}
