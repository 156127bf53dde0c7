//! An inventory as CycloneDX: JSON or XML, of the versions 1.3 to 1.7. The same inventory and facts give the same bytes,
//! always.
//!
//! The order of keys is that of the types in `document`, the order of lists that of the inventory's references. The serial
//! number is derived from the document: a UUID of version 8 (RFC 9562) made of the first 16 bytes of the SHA-256 over
//! the canonical JSON (RFC 8785) of the document without its serial number.

mod document;
mod fill;
mod parts;
mod xml;

use crate::{
    error::SbomError,
    inventory::{Inventory, Sha512},
};
use countersign_core::{
    digest::{Sha256, to_hex},
    json::JsonError,
    time::Time,
};
use document::Document;
pub(crate) use fill::unknown;
use std::{collections::BTreeSet, sync::mpsc, thread};

/// What the document says besides the inventory. All of it comes from the caller: nothing is read or guessed here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// When the document was made; left out where not given.
    pub time: Option<Time>,
    /// The digest of the artifact that was built.
    pub artifact: Option<Sha256>,
    /// The longer digest of the same file.
    pub artifact_sha512: Option<Sha512>,
    /// What only people know.
    pub people: People,
}

/// What only people know. Whatever is missing is said to be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct People {
    /// Who answers for the document.
    pub authors: Vec<Person>,
    /// Who made the software.
    pub manufacturer: Option<Organization>,
    /// Who hands it out.
    pub supplier: Option<Organization>,
    /// Whose it is.
    pub copyright: Option<String>,
    /// Where to report a vulnerability: an address of the web, or `mailto:`.
    pub security_contact: Option<String>,
}

/// A person, or a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The address for letters.
    pub email: Option<String>,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The name.
    pub name: String,
    /// Its addresses in the web.
    pub urls: Vec<String>,
    /// Its address for letters.
    pub email: Option<String>,
}

/// A version of CycloneDX.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spec {
    /// 1.3
    V1_3,
    /// 1.4
    V1_4,
    /// 1.5
    V1_5,
    /// 1.6
    #[default]
    V1_6,
    /// 1.7
    V1_7,
}

impl Spec {
    /// All, oldest first.
    pub const ALL: [Self; 5] = [Self::V1_3, Self::V1_4, Self::V1_5, Self::V1_6, Self::V1_7];

    /// As documents have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1_3 => "1.3",
            Self::V1_4 => "1.4",
            Self::V1_5 => "1.5",
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}

/// How a document is written down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}

/// A written document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What this version of CycloneDX has no place for, each once, in words.
    pub left_out: BTreeSet<&'static str>,
}

/// The document as 1.6 JSON, for people to read: two spaces, a newline at the end.
pub fn write(inventory: &Inventory, facts: &Facts) -> Result<Vec<u8>, SbomError> {
    write_as(inventory, facts, Spec::default(), Encoding::default()).map(|written| written.bytes)
}

/// The document in any version and encoding. Nothing is written that does not hold to the published schema; XML says the same as
/// JSON, which is what is held.
pub fn write_as(inventory: &Inventory, facts: &Facts, spec: Spec, encoding: Encoding) -> Result<Written, SbomError> {
    let (mut document, left_out) = fill::document(inventory, facts, spec);
    // It is written down while it is held against the schema, and handed out only where it holds. The serial number follows
    // from what is held, and is one by the schema always. One part waits while another is held: more would only be memory.
    let (send, parts) = mpsc::sync_channel(1);
    let (bytes, holds) = thread::scope(|scope| {
        let held = scope.spawn(|| parts::hold(parts, spec.as_str()));
        let digest = parts::hand_out(&mut document, &send);
        drop(send);
        let bytes = digest.and_then(|digest| {
            document.serial_number = Some(serial_number_of(&digest));
            written(&document, encoding)
        });
        (bytes, held.join().map_err(|_panic| SbomError::Thread))
    });
    // Why a part does not hold says more than that no other was taken.
    holds??;
    let bytes = bytes?;
    // Given back piece by piece, which nobody has to wait for.
    drop(thread::Builder::new().spawn(move || drop(document)));
    Ok(Written { bytes, left_out })
}

fn written(document: &Document, encoding: Encoding) -> Result<Vec<u8>, SbomError> {
    Ok(match encoding {
        Encoding::Json => {
            let pretty = serde_json::to_vec_pretty(document);
            let mut bytes = pretty.map_err(|error| JsonError::Shape(error.to_string()))?;
            bytes.push(b'\n');
            bytes
        }
        Encoding::Xml => xml::write(document).into_bytes(),
    })
}

/// The serial number of a document whose canonical bytes these are.
pub(crate) fn serial_number(canonical: &[u8]) -> String {
    serial_number_of(&Sha256::of(canonical))
}

fn serial_number_of(digest: &Sha256) -> String {
    let mut id = *digest.as_bytes();
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut id;
    *version = (*version & 0x0f) | 0x80;
    *variant = (*variant & 0x3f) | 0x80;
    let digits = to_hex(&id);
    let hyphened = digits.chars().take(32).enumerate().flat_map(|(place, digit)| {
        let hyphen = matches!(place, 8 | 12 | 16 | 20).then_some('-');
        hyphen.into_iter().chain([digit])
    });
    format!("urn:uuid:{}", hyphened.collect::<String>())
}
