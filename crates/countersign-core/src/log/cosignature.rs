//! Cosignatures (C2SP tlog-cosignature v1, Ed25519): what a witness signs once it has seen that a checkpoint continues the
//! newest one that it knew of the same log. A line here proves nothing until [`cosignatures`] has asked a verifier.

use super::note::{
    Note, NoteKey, NoteKeyError, NoteSignature, NoteSigner, NoteVerifier, SignFailed, key_id, parse_verifier_key,
    write_verifier_key,
};
use crate::ids::Origin;
use crate::time::Time;
use std::fmt;

const COSIGNATURE: u8 = 0x04;

/// The public Ed25519 key of a witness, with the name it signs under. Its text form is that of a verifier key, with
/// signature type 4.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WitnessKey {
    name: Origin,
    public: [u8; 32],
}

impl WitnessKey {
    /// The key of a name.
    #[must_use]
    pub const fn new(name: Origin, public: [u8; 32]) -> Self {
        Self { name, public }
    }

    /// Parses `name+hash+base64`; the hash must be the key's own.
    pub fn parse(text: &str) -> Result<Self, NoteKeyError> {
        let (name, public) = parse_verifier_key(text, COSIGNATURE)?;
        Ok(Self { name, public })
    }

    /// The name that stands on its signature lines.
    #[must_use]
    pub const fn name(&self) -> &Origin {
        &self.name
    }

    /// The 32 bytes of the public key.
    #[must_use]
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// The short id that stands in its signature lines: a hint, not a proof.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, COSIGNATURE, &self.public)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_verifier_key(f, &self.name, COSIGNATURE, &self.public)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for WitnessKey {
    type Err = NoteKeyError;
    fn from_str(text: &str) -> Result<Self, NoteKeyError> {
        Self::parse(text)
    }
}

/// That a witness has cosigned, and when it says that it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature<'k> {
    /// Whose it is.
    pub witness: &'k WitnessKey,
    /// When.
    pub time: Time,
}

/// The bytes that a witness signs for a checkpoint's text.
#[must_use]
pub fn message(text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// Signs a checkpoint's text as a witness. Whether it may be signed has been judged before.
pub fn cosign(text: &str, signer: &dyn NoteSigner, time: Time) -> Result<NoteSignature, SignFailed> {
    // A time is never before 1970.
    let seconds = u64::try_from(time.unix()).unwrap_or_default();
    let signature = signer.sign(&message(text, seconds))?;
    let key = WitnessKey::new(signer.name().clone(), *signer.key().public());
    let bytes = [seconds.to_be_bytes().as_slice(), &signature].concat();
    Ok(NoteSignature::new(key.name.as_str().to_owned(), key.id(), bytes))
}

/// The witnesses among `keys` that have cosigned, each once and with its newest time, in the order of `keys`. A line of an
/// unknown key is ignored; a line of a known one must hold.
pub fn cosignatures<'k>(
    note: &Note,
    keys: &'k [WitnessKey],
    verifier: &dyn NoteVerifier,
) -> Result<Vec<Cosignature<'k>>, CosignatureRefused> {
    let mut found: Vec<Cosignature<'k>> = Vec::new();
    for key in keys {
        let id = key.id();
        let mut newest = None;
        for line in note.signatures() {
            if line.id() == id && line.name() == key.name.as_str() {
                let time = holds(line, note.text(), key, verifier)
                    .ok_or_else(|| CosignatureRefused { witness: key.clone() })?;
                newest = newest.max(Some(time));
            }
        }
        if let Some(time) = newest.filter(|_| found.iter().all(|known| known.witness != key)) {
            found.push(Cosignature { witness: key, time });
        }
    }
    Ok(found)
}

fn holds(line: &NoteSignature, text: &str, key: &WitnessKey, verifier: &dyn NoteVerifier) -> Option<Time> {
    let (seconds, signature) = line.bytes().split_first_chunk::<8>()?;
    let seconds = u64::from_be_bytes(*seconds);
    let time = Time::from_unix(i64::try_from(seconds).ok()?).ok()?;
    let same = NoteKey::new(key.name.clone(), key.public);
    verifier.holds(&same, &message(text, seconds), signature.try_into().ok()?).then_some(time)
}

/// A known witness's line that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cosignature of {witness} does not hold")]
pub struct CosignatureRefused {
    /// Whose it should be.
    pub witness: WitnessKey,
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::{Checkpoint, UnverifiedCheckpoint};
    use super::super::merkle;
    use super::super::note::tests::{Toy, toy, toy_holds};
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Time {
        Time::from_unix(seconds).unwrap()
    }

    fn key(toy: &Toy) -> WitnessKey {
        WitnessKey::new(toy.0.name().clone(), *toy.0.public())
    }

    fn note() -> Note {
        let origin = Origin::new("example.com/log").unwrap();
        let checkpoint = Checkpoint { origin, size: 3, root: merkle::leaf_hash(b"x") };
        checkpoint.sign(&toy("example.com/log", 1)).unwrap()
    }

    #[test]
    fn a_witness_key_is_of_type_four_and_reads_back() {
        let witness = key(&toy("witness.example/w1", 2));
        let text = witness.to_string();
        assert_eq!(WitnessKey::parse(&text), Ok(witness.clone()));
        assert_eq!(NoteKey::parse(&text), Err(NoteKeyError::Kind(4)));
        let log = NoteKey::new(witness.name().clone(), *witness.public());
        assert_eq!(WitnessKey::parse(&log.to_string()), Err(NoteKeyError::Kind(1)));
        assert_ne!(log.id(), witness.id(), "the type is part of the id");
    }

    #[test]
    fn the_message_is_that_of_the_specification() {
        let body = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let said = String::from_utf8(message(body, 1_679_315_147)).unwrap();
        assert_eq!(said, format!("cosignature/v1\ntime 1679315147\n{body}"));
    }

    #[test]
    fn a_cosignature_holds_for_its_witness_its_text_and_its_time_only() {
        let (witness, other) = (toy("witness.example/w1", 2), toy("witness.example/w2", 3));
        let mut cosigned = note();
        cosigned.add(cosign(cosigned.text(), &witness, at(1000)).unwrap());
        let keys = [key(&witness), key(&other)];
        let printed = cosigned.to_string();
        let read = UnverifiedCheckpoint::parse(printed.as_bytes()).unwrap();
        assert_eq!(
            cosignatures(read.note(), &keys, &toy_holds),
            Ok(vec![Cosignature { witness: &keys[0], time: at(1000) }])
        );
        // The log's own line still counts, and the witness's is not one of the log's.
        assert!(read.verify(&[toy("example.com/log", 1).0], &toy_holds).is_ok());
        assert!(read.verify(std::slice::from_ref(&witness.0), &toy_holds).is_err());
        assert_eq!(cosignatures(read.note(), &keys[1..], &toy_holds), Ok(Vec::new()));

        let line = cosign(cosigned.text(), &witness, at(1000)).unwrap();
        for at in [0, 7, 8, 71] {
            let mut bytes = line.bytes().to_vec();
            bytes[at] ^= 1;
            let mut forged = note();
            forged.add(NoteSignature::new(line.name().to_owned(), line.id(), bytes));
            assert!(cosignatures(&forged, &keys, &toy_holds).is_err(), "{at}");
        }
        let mut short = note();
        short.add(NoteSignature::new(line.name().to_owned(), line.id(), line.bytes()[..71].to_vec()));
        assert!(cosignatures(&short, &keys, &toy_holds).is_err());
        let mut elsewhere = Note::sign("another\n".to_owned(), &toy("example.com/log", 1)).unwrap();
        elsewhere.add(line);
        assert!(cosignatures(&elsewhere, &keys, &toy_holds).is_err());
    }

    #[test]
    fn a_newer_cosignature_takes_the_place_of_the_same_witness_and_one_witness_counts_once() {
        let witness = toy("witness.example/w1", 2);
        let mut cosigned = note();
        for seconds in [1000, 2000] {
            cosigned.add(cosign(cosigned.text(), &witness, at(seconds)).unwrap());
        }
        assert_eq!(cosigned.signatures().len(), 2);
        let keys = [key(&witness), key(&witness)];
        let found = cosignatures(&cosigned, &keys, &toy_holds).unwrap();
        assert_eq!(found, [Cosignature { witness: &keys[0], time: at(2000) }]);
    }

    proptest! {
        #[test]
        fn no_altered_line_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let witness = key(&toy("witness.example/w1", 2));
            let mut altered = note();
            altered.add(NoteSignature::new(witness.name().as_str().to_owned(), witness.id(), bytes));
            prop_assert!(cosignatures(&altered, &[witness], &toy_holds).is_err());
        }
    }
}
