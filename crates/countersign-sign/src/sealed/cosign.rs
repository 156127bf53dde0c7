//! cosign's container of a private key: JSON with a key derivation by scrypt and a box of `NaCl` around PKCS#8.

use super::salsa;
use super::scrypt::{self, Cost};
use crate::error::KeyFault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_core::json;
use serde_json::Value;
use zeroize::Zeroizing;

/// Takes the PKCS#8 document out.
pub(super) fn open(text: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    let value = json::parse(text).map_err(|_json| KeyFault::Encoding)?;
    let is = |pointer: &str, wanted: &str| value.pointer(pointer).and_then(Value::as_str) == Some(wanted);
    if !is("/kdf/name", "scrypt") || !is("/cipher/name", "nacl/secretbox") {
        return Err(KeyFault::Sealed {
            problem: "it is sealed in another way than cosign's: scrypt and nacl/secretbox",
        });
    }
    let bytes = |pointer: &str| {
        let text = value.pointer(pointer).and_then(Value::as_str).ok_or(KeyFault::Encoding)?;
        BASE64.decode(text).map_err(|_base64| KeyFault::Encoding)
    };
    let number = |pointer: &str| {
        let number = value.pointer(pointer).and_then(Value::as_u64).ok_or(KeyFault::Encoding)?;
        u32::try_from(number).map_err(|_large| super::too_costly())
    };
    let cost = Cost { n: number("/kdf/params/N")?, r: number("/kdf/params/r")?, p: number("/kdf/params/p")? };
    let nonce = bytes("/cipher/nonce")?.try_into().map_err(|_length| KeyFault::Encoding)?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::derive(passphrase, &bytes("/kdf/salt")?, cost, key.as_mut())?;
    salsa::open(&key, &nonce, &bytes("/ciphertext")?).ok_or(KeyFault::Passphrase)
}
