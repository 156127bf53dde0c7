//! The certificate authority, the certificate log and the timestamp authority of the instance.

use super::der::{all, bits, explicit, first, int, long_time, octets, oid, seq, set, time, tlv, utf8};
use super::{Fault, Faults, Key, Who};
use countersign_core::digest::Sha256;

const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

fn algorithm(id: &str) -> Vec<u8> {
    seq(&[&oid(id)])
}

fn name(common: &str) -> Vec<u8> {
    seq(&[&set(&[seq(&[&oid("2.5.4.3"), &utf8(common)])])])
}

fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = oid(id);
    if critical {
        parts.extend(tlv(1, &[0xff]));
    }
    parts.extend(octets(value));
    tlv(0x30, &parts)
}

/// The names of keys that certificates are found by.
fn key_names(own: &[u8], issuer: &[u8]) -> [Vec<u8>; 2] {
    let name = |spki: &[u8]| Sha256::of(spki).as_bytes()[..20].to_vec();
    [
        extension("2.5.29.14", false, &octets(&name(own))),
        extension("2.5.29.35", false, &seq(&[&tlv(0x80, &name(issuer))])),
    ]
}

struct Form<'f> {
    issuer: &'f str,
    subject: &'f str,
    spki: &'f [u8],
    valid: (i64, i64),
    serial: u64,
    extensions: Vec<Vec<u8>>,
}

impl Form<'_> {
    fn tbs(&self) -> Vec<u8> {
        seq(&[
            &explicit(0, &int(&[2])),
            &int(&self.serial.to_be_bytes()),
            &algorithm(ECDSA_SHA256),
            &name(self.issuer),
            &seq(&[&time(self.valid.0), &time(self.valid.1)]),
            &if self.subject.is_empty() { seq(&[]) } else { name(self.subject) },
            self.spki,
            &explicit(3, &tlv(0x30, &self.extensions.concat())),
        ])
    }

    fn signed(&self, by: &Key) -> Vec<u8> {
        let tbs = self.tbs();
        seq(&[&tbs, &algorithm(ECDSA_SHA256), &bits(&by.sign(&tbs))])
    }
}

/// A certificate authority: its key and its own certificate.
#[derive(Debug)]
pub struct Authority {
    key: Key,
    common: String,
    /// Its certificate.
    pub certificate: Vec<u8>,
}

impl Authority {
    /// A new one.
    #[must_use]
    pub fn new(common: &str, valid: (i64, i64)) -> Self {
        let key = Key::p256();
        let mut extensions = key_names(&key.spki(), &key.spki()).to_vec();
        extensions.extend([
            extension("2.5.29.19", true, &seq(&[&tlv(1, &[0xff])])),
            extension("2.5.29.15", true, &tlv(3, &[1, 0x06])),
        ]);
        let form = Form { issuer: common, subject: common, spki: &key.spki(), valid, serial: 1, extensions };
        let certificate = form.signed(&key);
        Self { key, common: common.to_owned(), certificate }
    }

    /// An authority below this one.
    #[must_use]
    pub fn below(&self, common: &str, valid: (i64, i64)) -> Self {
        let key = Key::p256();
        let mut extensions = key_names(&key.spki(), &self.key.spki()).to_vec();
        extensions.extend([
            extension("2.5.29.19", true, &seq(&[&tlv(1, &[0xff]), &int(&[0])])),
            extension("2.5.29.15", true, &tlv(3, &[1, 0x06])),
            extension("2.5.29.37", false, &seq(&[&oid(CODE_SIGNING)])),
        ]);
        let form = Form { issuer: &self.common, subject: common, spki: &key.spki(), valid, serial: 3, extensions };
        let certificate = form.signed(&self.key);
        Self { key, common: common.to_owned(), certificate }
    }

    /// A timestamp authority's certificate.
    #[must_use]
    pub fn timestamping(&self, key: &Key, valid: (i64, i64)) -> Vec<u8> {
        let usage = seq(&[&oid(TIME_STAMPING)]);
        let mut extensions = key_names(&key.spki(), &self.key.spki()).to_vec();
        extensions.push(extension("2.5.29.15", true, &tlv(3, &[7, 0x80])));
        extensions.push(extension("2.5.29.37", true, &usage));
        let subject = format!("{} timestamps", self.common);
        Form { issuer: &self.common, subject: &subject, spki: &key.spki(), valid, serial: 2, extensions }
            .signed(&self.key)
    }

    /// A certificate that shows an identity, with the certificate log's word for it.
    #[must_use]
    pub fn leaf(&self, spki: &[u8], who: &Who, valid: (i64, i64), log: &Key, serial: u64, faults: &Faults) -> Vec<u8> {
        let tag = if who.name.contains("://") { 0x86 } else { 0x81 };
        let mut names = if who.name.contains('!') {
            tlv(0xa0, &[oid("1.3.6.1.4.1.57264.1.7"), explicit(0, &utf8(&who.name))].concat())
        } else {
            tlv(tag, who.name.as_bytes())
        };
        if let Some(second) = &faults.second_name {
            names.extend(tlv(tag, second.as_bytes()));
        }
        let mut extensions = key_names(spki, &self.key.spki()).to_vec();
        extensions.extend([
            extension("2.5.29.15", true, &tlv(3, &[7, 0x80])),
            extension(
                "2.5.29.37",
                false,
                &seq(&[&oid(if faults.has(Fault::NotForSigning) { TIME_STAMPING } else { CODE_SIGNING })]),
            ),
            extension("2.5.29.17", true, &tlv(0x30, &names)),
            extension("1.3.6.1.4.1.57264.1.1", false, who.issuer.as_bytes()),
            extension("1.3.6.1.4.1.57264.1.8", false, &utf8(&who.issuer)),
        ]);
        for (number, value) in &who.claims {
            extensions.push(extension(&format!("1.3.6.1.4.1.57264.1.{number}"), false, &utf8(value)));
        }
        let mut form = Form { issuer: &self.common, subject: "", spki, valid, serial, extensions };
        let precertificate = form.tbs();
        if !faults.has(Fault::NoSct) {
            form.extensions.push(extension(SCT_LIST, false, &octets(&self.sct(&precertificate, valid.0, log, faults))));
        }
        form.signed(&self.key)
    }

    /// RFC 6962: the log's signature over the certificate as it is without it.
    fn sct(&self, tbs: &[u8], at: i64, log: &Key, faults: &Faults) -> Vec<u8> {
        let at = u64::try_from(at * 1_000).expect("a time").to_be_bytes();
        let issuer = Sha256::of(&self.key.spki());
        let length = u32::try_from(tbs.len()).expect("a length").to_be_bytes();
        let mut signed = [&[0, 0], at.as_slice(), &[0, 1], issuer.as_bytes(), &length[1..], tbs, &[0, 0]].concat();
        if faults.has(Fault::WrongSct) {
            signed[2] ^= 1;
        }
        let signature = log.sign(&signed);
        let id = Sha256::of(&log.spki());
        let short = |bytes: &[u8]| u16::try_from(bytes.len()).expect("a length").to_be_bytes();
        let sct = [&[0], id.as_bytes().as_slice(), &at, &[0, 0, 4, 3], &short(&signature), &signature].concat();
        let one = [short(&sct).as_slice(), &sct].concat();
        [short(&one).as_slice(), &one].concat()
    }
}

/// RFC 3161: an answer with a token over this imprint, by this authority.
#[must_use]
pub fn timestamp(key: &Key, certificate: &[u8], imprint: &[u8], nonce: Option<&[u8]>, at: i64) -> Vec<u8> {
    let mut info = [
        int(&[1]),
        oid("1.3.6.1.4.1.57264.2"),
        seq(&[&algorithm(SHA256), &octets(imprint)]),
        int(&imprint[..8]),
        long_time(at),
    ]
    .concat();
    info.extend(nonce.map(|nonce| tlv(2, nonce)).unwrap_or_default());
    let info = tlv(0x30, &info);
    let attribute = |id: &str, value: Vec<u8>| seq(&[&oid(id), &set(&[value])]);
    let hash = Sha256::of(certificate);
    let attributes = set(&[
        attribute("1.2.840.113549.1.9.3", oid(TST_INFO)),
        attribute("1.2.840.113549.1.9.4", octets(Sha256::of(&info).as_bytes())),
        attribute("1.2.840.113549.1.9.16.2.47", seq(&[&seq(&[&seq(&[&octets(hash.as_bytes())])])])),
    ]);
    let signature = key.sign(&attributes);
    let mut implicit = attributes;
    implicit[0] = 0xa0;
    let (issuer, serial) = names(certificate);
    let signer = seq(&[
        &int(&[1]),
        &seq(&[&issuer, &serial]),
        &algorithm(SHA256),
        &implicit,
        &algorithm(ECDSA_SHA256),
        &octets(&signature),
    ]);
    let data = seq(&[
        &int(&[3]),
        &set(&[algorithm(SHA256)]),
        &seq(&[&oid(TST_INFO), &explicit(0, &octets(&info))]),
        &tlv(0xa0, certificate),
        &set(&[signer]),
    ]);
    let token = seq(&[&oid("1.2.840.113549.1.7.2"), &explicit(0, &data)]);
    seq(&[&seq(&[&int(&[0])]), &token])
}

/// Issuer and serial number of a certificate.
fn names(certificate: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (_, content, _, _) = first(certificate);
    let (_, tbs, _, _) = first(content);
    let fields = all(tbs);
    (fields[3].2.to_vec(), fields[1].2.to_vec())
}

/// What a timestamp is asked for: the imprint and the nonce.
#[must_use]
pub fn asked(request: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    let (_, content, _, _) = first(request);
    let fields = all(content);
    let imprint = all(fields[1].1)[1].1.to_vec();
    let nonce = fields[2..].iter().find(|(tag, _, _)| *tag == 2).map(|(_, content, _)| content.to_vec());
    (imprint, nonce)
}
