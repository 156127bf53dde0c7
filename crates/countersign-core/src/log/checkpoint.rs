//! Checkpoints (C2SP tlog-checkpoint): what a log commits to, as a signed note. Ours are three lines, without
//! extensions, and the log's name is also the name on its signature line. A parsed checkpoint is a claim; the verify
//! crate turns it into a verified one.

use super::decimal;
use super::merkle::{self, ProofRefused};
use super::note::{Note, NoteError, NoteKey, NoteRefused, NoteSignError, NoteSigner, NoteVerifier};
use crate::digest::Sha256;
use crate::ids::{IdError, Origin};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a log commits to: so many entries, with this root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: Origin,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Sha256,
}

impl Checkpoint {
    /// The text that gets signed.
    #[must_use]
    pub fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// Parses that text, and no other.
    pub fn parse_body(text: &str) -> Result<Self, CheckpointError> {
        let body = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        let origin = Origin::new(origin)?;
        let size = decimal(size).ok_or(CheckpointError::Size)?;
        let bytes = STANDARD.decode(root).map_err(|_bad_base64| CheckpointError::Root)?;
        let root = Sha256::from_bytes(bytes.try_into().map_err(|_length| CheckpointError::Root)?);
        if size == 0 && root != merkle::empty_root() {
            return Err(CheckpointError::Root);
        }
        Ok(Self { origin, size, root })
    }

    /// The checkpoint as a note, signed by the log's own key.
    pub fn sign(&self, signer: &dyn NoteSigner) -> Result<Note, NoteSignError> {
        Note::sign(self.body(), signer)
    }

    /// Checks that this is a later state, or the same one, of the log that `earlier` is of. From a log without entries
    /// every state follows, and the proof is empty.
    pub fn continues(&self, earlier: &Self, proof: &[Sha256]) -> Result<(), ContinueRefused> {
        if self.origin != earlier.origin {
            return Err(ContinueRefused::Origin { earlier: earlier.origin.clone(), later: self.origin.clone() });
        }
        if earlier.size == 0 {
            return if !proof.is_empty() {
                Err(ProofRefused::Length { expected: 0, found: proof.len() }.into())
            } else if earlier.root != merkle::empty_root() {
                Err(ProofRefused::EarlierRoot { expected: earlier.root, computed: merkle::empty_root() }.into())
            } else {
                Ok(())
            };
        }
        Ok(merkle::verify_consistency(earlier.size, self.size, proof, &earlier.root, &self.root)?)
    }
}

/// Why one checkpoint is not a continuation of another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContinueRefused {
    /// They are of different logs.
    #[error("{later} is another log than {earlier}")]
    Origin {
        /// The log of the earlier one.
        earlier: Origin,
        /// The log of the later one.
        later: Origin,
    },
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofRefused),
}

/// A checkpoint with signatures that nobody has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnverifiedCheckpoint {
    claim: Checkpoint,
    note: Note,
}

impl UnverifiedCheckpoint {
    /// Parses a signed checkpoint. One of its signature lines must bear the log's own name.
    pub fn parse(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let note = Note::parse(bytes)?;
        let claim = Checkpoint::parse_body(note.text())?;
        let names: Vec<String> = note.signatures().iter().map(|s| s.name().to_owned()).collect();
        if names.iter().any(|name| name == claim.origin.as_str()) {
            Ok(Self { claim, note })
        } else {
            Err(CheckpointError::NotSignedByOrigin { origin: claim.origin, names })
        }
    }

    /// What it claims.
    #[must_use]
    pub const fn claim(&self) -> &Checkpoint {
        &self.claim
    }

    /// The note, which prints as it was read.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }

    /// The log's own keys among `keys` that signed; keys of other names (witnesses) do not count as the log's.
    pub fn verify<'k>(
        &self,
        keys: &'k [NoteKey],
        verifier: &dyn NoteVerifier,
    ) -> Result<Vec<&'k NoteKey>, NoteRefused> {
        let mut signed = self.note.verify(keys, verifier)?;
        signed.retain(|key| *key.name() == self.claim.origin);
        if signed.is_empty() {
            return Err(NoteRefused::Unknown {
                names: self.note.signatures().iter().map(|s| s.name().to_owned()).collect(),
            });
        }
        Ok(signed)
    }
}

/// Why bytes are not a checkpoint of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Not exactly three lines.
    #[error("a checkpoint is the three lines origin, size and root")]
    Lines,
    /// The first line cannot be an origin.
    #[error(transparent)]
    Origin(#[from] IdError),
    /// The second line is not a size.
    #[error("the size is not a decimal number below 2^64 without leading zeros")]
    Size,
    /// The third line is not a root, or not that of a tree without entries where there are none.
    #[error("the root is not the base64 of 32 bytes, or not that of an empty tree where the size is 0")]
    Root,
    /// No signature line bears the log's name.
    #[error("no signature line bears the name {origin}; they are of {names:?}")]
    NotSignedByOrigin {
        /// The log's name.
        origin: Origin,
        /// The names on the lines.
        names: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::super::note::tests::{toy, toy_holds};
    use super::*;
    use proptest::prelude::*;

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint {
            origin: Origin::new("example.com/log").unwrap(),
            size,
            root: if size == 0 { merkle::empty_root() } else { Sha256::of(&size.to_be_bytes()) },
        }
    }

    #[test]
    fn a_checkpoint_must_be_signed_under_its_own_name() {
        let signed = checkpoint(5).sign(&toy("example.com/log", 1)).unwrap().to_string();
        let read = UnverifiedCheckpoint::parse(signed.as_bytes()).unwrap();
        assert_eq!(read.claim(), &checkpoint(5));
        assert_eq!(read.note().to_string(), signed);
        assert!(read.verify(&[toy("example.com/log", 1).0], &toy_holds).is_ok());
        assert!(read.verify(&[toy("example.com/log", 2).0], &toy_holds).is_err());

        let foreign = checkpoint(5).sign(&toy("example.com/other", 1)).unwrap().to_string();
        assert!(matches!(
            UnverifiedCheckpoint::parse(foreign.as_bytes()),
            Err(CheckpointError::NotSignedByOrigin { .. })
        ));
        // A witness's signature beside a line with the log's name is not the log's.
        let lines: String = foreign.lines().last().map(|line| format!("{line}\n")).unwrap();
        let both = UnverifiedCheckpoint::parse(format!("{signed}{lines}").as_bytes()).unwrap();
        assert!(both.verify(&[toy("example.com/other", 1).0], &toy_holds).is_err());
    }

    #[test]
    fn hostile_bodies_are_refused() {
        let root = STANDARD.encode([1; 32]);
        assert!(Checkpoint::parse_body(&format!("log\n18446744073709551615\n{root}\n")).is_ok());
        for bad in [
            String::new(),
            "log\n5\n".to_owned(),
            format!("log\n5\n{root}"),
            format!("log\n5\n{root}\nTimestamp: 1\n"),
            format!("log\n5\n{root}\n\n"),
            format!("log\r\n5\r\n{root}\r\n"),
            format!("log\n05\n{root}\n"),
            format!("log\n+5\n{root}\n"),
            format!("log\n-5\n{root}\n"),
            format!("log\n5 \n{root}\n"),
            format!("log\n\n{root}\n"),
            format!("log\n18446744073709551616\n{root}\n"),
            format!("log\n0\n{root}\n"),
            format!("log - 7\n5\n{root}\n"),
            format!("\n5\n{root}\n"),
            format!("log\n5\n{}\n", STANDARD.encode([1; 31])),
            format!("log\n5\n{}\n", root.trim_end_matches('=')),
        ] {
            assert!(Checkpoint::parse_body(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_log_continues_itself_and_no_other() {
        let (empty, five) = (checkpoint(0), checkpoint(5));
        assert_eq!(five.continues(&empty, &[]), Ok(()));
        assert_eq!(five.continues(&five, &[]), Ok(()));
        assert!(five.continues(&empty, &[five.root]).is_err());
        assert!(empty.continues(&five, &[]).is_err());
        let mut forged = five.clone();
        forged.root = empty.root;
        assert!(forged.continues(&five, &[]).is_err());
        let mut renamed = five.clone();
        renamed.origin = Origin::new("other").unwrap();
        assert!(matches!(renamed.continues(&five, &[]), Err(ContinueRefused::Origin { .. })));
    }

    proptest! {
        #[test]
        fn a_body_reads_back(size in 1_u64.., root in any::<[u8; 32]>(), origin in "[!-*,-~]{1,60}") {
            let written = Checkpoint { origin: Origin::new(&origin).unwrap(), size, root: Sha256::from_bytes(root) };
            prop_assert_eq!(Checkpoint::parse_body(&written.body()), Ok(written));
        }

        #[test]
        fn what_parses_prints_the_same(text in "[a-z\r\n0-9]{0,20}(\n[0-9]{1,21})?(\n[A-Za-z0-9+/]{43}=)?\n{0,2}") {
            if let Ok(read) = Checkpoint::parse_body(&text) {
                prop_assert_eq!(read.body(), text);
            }
        }
    }
}
