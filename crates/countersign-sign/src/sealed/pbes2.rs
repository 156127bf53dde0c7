//! PKCS#8 under a passphrase by PBES2 (RFC 8018): PBKDF2 or scrypt, and AES in CBC mode, which is what OpenSSL has written
//! for twenty years. Its older ways are refused.

use super::scrypt::{self, Cost};
use super::too_costly;
use crate::error::KeyFault;
use crate::pem::{OCTETS, OID, SEQUENCE, number, take};
use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::pbkdf2;
use countersign_core::limits;
use std::num::NonZeroU32;
use zeroize::Zeroizing;

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const SCRYPT: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];
/// HMAC with one of the hashes, but for the last byte.
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
/// AES, but for the last byte.
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];

/// Takes the PKCS#8 document out of `EncryptedPrivateKeyInfo`.
pub(super) fn open(der: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    let (whole, _) = take(der, SEQUENCE)?;
    let (algorithm, rest) = take(whole, SEQUENCE)?;
    let (sealed, _) = take(rest, OCTETS)?;
    let (oid, parameters) = take(algorithm, OID)?;
    if oid != PBES2 {
        return Err(KeyFault::Sealed {
            problem: "it is sealed in an older way than PBES2: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW` writes it anew",
        });
    }
    let (parameters, _) = take(parameters, SEQUENCE)?;
    let (derivation, rest) = take(parameters, SEQUENCE)?;
    let (cipher, _) = take(rest, SEQUENCE)?;
    let (cipher, iv) = aes(cipher)?;
    let key = derive(derivation, passphrase, cipher.1)?;
    let wrong = |_unspecified| KeyFault::Passphrase;
    let key = UnboundCipherKey::new(cipher.0, &key).map_err(wrong)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(wrong)?;
    let mut text = Zeroizing::new(sealed.to_vec());
    let iv = DecryptionContext::Iv128(FixedLength::from(iv));
    let length = key.decrypt(&mut text, iv).map_err(wrong)?.len();
    text.truncate(length);
    // One wrong passphrase in 256 leaves a padding that holds: then there is no key inside.
    if take(&text, SEQUENCE).is_ok() { Ok(text) } else { Err(KeyFault::Passphrase) }
}

/// The cipher with the length of its key, and the initialisation vector.
fn aes(cipher: &[u8]) -> Result<((&'static Algorithm, usize), [u8; 16]), KeyFault> {
    let (oid, parameters) = take(cipher, OID)?;
    let cipher = match oid.strip_prefix(AES) {
        Some([0x02]) => (&AES_128, 16),
        Some([0x16]) => (&AES_192, 24),
        Some([0x2a]) => (&AES_256, 32),
        _ => {
            return Err(KeyFault::Sealed {
                problem: "it is sealed with another cipher than AES-CBC: `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW` writes it anew",
            });
        }
    };
    let (iv, _) = take(parameters, OCTETS)?;
    Ok((cipher, iv.try_into().map_err(|_length| KeyFault::Encoding)?))
}

fn derive(derivation: &[u8], passphrase: &[u8], length: usize) -> Result<Zeroizing<Vec<u8>>, KeyFault> {
    let (oid, parameters) = take(derivation, OID)?;
    let (parameters, _) = take(parameters, SEQUENCE)?;
    let (salt, rest) = take(parameters, OCTETS)?;
    let mut key = Zeroizing::new(vec![0; length]);
    match oid {
        PBKDF2 => {
            let (times, rest) = number(rest)?;
            // The length of the key may stand here; the cipher's says the same.
            let rest = number(rest).map_or(rest, |(_, rest)| rest);
            let hash = hash(rest)?;
            if times > limits::KEY_DERIVATION_ROUNDS {
                return Err(too_costly());
            }
            let times = NonZeroU32::new(times).ok_or(KeyFault::Encoding)?;
            pbkdf2::derive(hash, times, salt, passphrase, &mut key);
        }
        SCRYPT => {
            let (n, rest) = number(rest)?;
            let (r, rest) = number(rest)?;
            let (p, _) = number(rest)?;
            scrypt::derive(passphrase, salt, Cost { n, r, p }, &mut key)?;
        }
        _ => return Err(KeyFault::Sealed { problem: "its key is derived neither by PBKDF2 nor by scrypt" }),
    }
    Ok(key)
}

/// The hash of PBKDF2; SHA-1 where none is named.
fn hash(rest: &[u8]) -> Result<pbkdf2::Algorithm, KeyFault> {
    if rest.is_empty() {
        return Ok(pbkdf2::PBKDF2_HMAC_SHA1);
    }
    let (algorithm, _) = take(rest, SEQUENCE)?;
    let (oid, _) = take(algorithm, OID)?;
    match oid.strip_prefix(HMAC) {
        Some([7]) => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        Some([9]) => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        Some([10]) => Ok(pbkdf2::PBKDF2_HMAC_SHA384),
        Some([11]) => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        _ => Err(KeyFault::Sealed { problem: "its key is derived with a hash that is not taken" }),
    }
}
