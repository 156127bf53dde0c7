//! The text file of an inclusion proof (C2SP tlog-proof v1): index, hashes and the checkpoint they lead to. It can be
//! checked with nothing but the entry and the log's key; it is not checked here.

use super::checkpoint::{CheckpointError, UnverifiedCheckpoint};
use super::decimal;
use super::merkle::{self, ProofRefused};
use crate::digest::Sha256;
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// An entry's place in a log, with the way to a checkpoint's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What somebody wrote beside it. Nothing vouches for it.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The hashes from the leaf's sibling up.
    pub hashes: Vec<Sha256>,
    /// The checkpoint, not verified.
    pub checkpoint: UnverifiedCheckpoint,
}

impl TlogProof {
    /// Parses the file.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        // A hash line has 45 bytes; the rest is the note, the extra data in base64 and a few short lines.
        let hashes = limits::PROOF_HASHES.saturating_mul(64);
        let limit =
            limits::NOTE_BYTES.saturating_add(limits::PROOF_EXTRA_BYTES.saturating_mul(2)).saturating_add(hashes);
        if bytes.len() > limit {
            return Err(TlogProofError::TooLarge { limit, found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|_not_utf8| TlogProofError::Header)?;
        let rest = text.strip_prefix(HEADER).and_then(|rest| rest.strip_prefix('\n')).ok_or(TlogProofError::Header)?;
        let (head, note) = rest.split_once("\n\n").ok_or(TlogProofError::NoCheckpoint)?;
        let mut lines = head.split('\n').peekable();
        let extra = match lines.next_if(|line| line.starts_with("extra ")) {
            Some(line) => {
                let text = line.strip_prefix("extra ").unwrap_or_default();
                let bytes = STANDARD.decode(text).map_err(|_bad_base64| TlogProofError::Extra)?;
                if bytes.len() > limits::PROOF_EXTRA_BYTES {
                    return Err(TlogProofError::Extra);
                }
                Some(bytes)
            }
            None => None,
        };
        let index =
            lines.next().and_then(|line| line.strip_prefix("index ")).and_then(decimal).ok_or(TlogProofError::Index)?;
        let mut hashes = Vec::new();
        for line in lines {
            if hashes.len() >= limits::PROOF_HASHES {
                return Err(TlogProofError::TooManyHashes { limit: limits::PROOF_HASHES });
            }
            let hash = STANDARD.decode(line).map_err(|_bad_base64| TlogProofError::Hash)?;
            hashes.push(Sha256::from_bytes(hash.try_into().map_err(|_length| TlogProofError::Hash)?));
        }
        Ok(Self { extra, index, hashes, checkpoint: UnverifiedCheckpoint::parse(note.as_bytes())? })
    }

    /// Checks that the entry lies at the index under the checkpoint's root. Whose checkpoint it is, is another
    /// question.
    pub fn verify_entry(&self, entry: &[u8]) -> Result<(), ProofRefused> {
        let claim = self.checkpoint.claim();
        merkle::verify_inclusion(&merkle::leaf_hash(entry), self.index, claim.size, &self.hashes, &claim.root)
    }
}

impl fmt::Display for TlogProof {
    /// The proof as it is stored, by custom with the extension `.tlog-proof`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{}", self.checkpoint.note())
    }
}

/// Why bytes are not a proof file of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlogProofError {
    /// Larger than we read.
    #[error("a proof has at most {limit} bytes, found {found}")]
    TooLarge {
        /// The bound.
        limit: usize,
        /// How many there are.
        found: usize,
    },
    /// The first line is another.
    #[error("the first line is not `c2sp.org/tlog-proof@v1`")]
    Header,
    /// The extra data is not base64, or more than we read.
    #[error("the extra data is not base64 of at most {} bytes", limits::PROOF_EXTRA_BYTES)]
    Extra,
    /// The second line is not the index.
    #[error("the second line is not `index` and a decimal number below 2^64")]
    Index,
    /// A line is not a hash.
    #[error("a line is not the base64 of 32 bytes")]
    Hash,
    /// More hashes than a tree has levels.
    #[error("a proof has at most {limit} hashes")]
    TooManyHashes {
        /// The bound.
        limit: usize,
    },
    /// No blank line with a checkpoint after it.
    #[error("there is no blank line with a checkpoint after it")]
    NoCheckpoint,
    /// The checkpoint does not parse.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Checkpoint;
    use super::super::note::tests::toy;
    use super::*;
    use crate::ids::Origin;
    use proptest::prelude::*;

    fn proof() -> TlogProof {
        let leaves: Vec<Sha256> = [b"a", b"b", b"c"].iter().map(|e| merkle::leaf_hash(*e)).collect();
        let checkpoint =
            Checkpoint { origin: Origin::new("example.com/log").unwrap(), size: 3, root: merkle::root_of(&leaves) };
        let note = checkpoint.sign(&toy("example.com/log", 1)).unwrap().to_string();
        TlogProof {
            extra: None,
            index: 1,
            hashes: vec![leaves[0], leaves[2]],
            checkpoint: UnverifiedCheckpoint::parse(note.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn a_proof_reads_back_and_holds_for_its_entry_only() {
        let text = proof().to_string();
        let read = TlogProof::parse(text.as_bytes()).unwrap();
        assert_eq!(read, proof());
        assert_eq!(read.to_string(), text);
        assert_eq!(read.verify_entry(b"b"), Ok(()));
        assert!(read.verify_entry(b"a").is_err());
    }

    #[test]
    fn extra_data_is_kept_and_changes_nothing() {
        let extra = TlogProof { extra: Some(b"beside it".to_vec()), ..proof() };
        let read = TlogProof::parse(extra.to_string().as_bytes()).unwrap();
        assert_eq!(read, extra);
        assert_eq!(read.verify_entry(b"b"), Ok(()));
    }

    #[test]
    fn hostile_files_are_refused() {
        let text = proof().to_string();
        let hash = text.lines().nth(2).unwrap().to_owned();
        for bad in [
            String::new(),
            text.replace("@v1", "@v2"),
            text.replace("index 1", "index 01"),
            text.replace("index 1", "index 18446744073709551616"),
            text.replace("index 1", "extra AAAA\nextra AAAA\nindex 1"),
            text.replace("index 1", "extra AAA\nindex 1"),
            text.replace("index 1\n", "index 1\nextra AAAA\n"),
            text.replace("index 1\n", ""),
            text.replace('\n', "\r\n"),
            text.replace(&hash, "AAAA"),
            text.replacen("\n\n", "\n", 1),
            text.replace("index 1\n", &format!("index 1\n{}", format!("{hash}\n").repeat(70))),
            format!("{text}{}", "x".repeat(300_000)),
        ] {
            assert!(TlogProof::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn no_altered_byte_makes_the_parser_panic_or_keeps_the_text(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut bytes = proof().to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = TlogProof::parse(&bytes) {
                let printed = read.to_string();
                prop_assert_eq!(printed.as_bytes(), bytes.as_slice());
            }
        }
    }
}
