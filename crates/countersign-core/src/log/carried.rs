//! A log as the one that goes on from it carries it: its last checkpoint and every leaf, in one document. From it alone
//! anybody can make the earlier log's root again, and read what was in force at its end.
//!
//! ```text
//! countersign.dev/carried-log/v1
//! checkpoint 162
//! <162 bytes: the checkpoint, with whatever cosignatures it has>
//! entries 5
//! <each leaf behind its length, 16 bits, as in the entry bundles of C2SP tlog-tiles>
//! ```

use super::decimal;
use super::tile::{TileError, push_entry};
use crate::limits;

/// The first line.
const HEAD: &str = "countersign.dev/carried-log/v1\n";

/// A carried log, of which nothing has been checked but the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedLog {
    /// The checkpoint, a signed note.
    pub checkpoint: Vec<u8>,
    /// The leaves in order.
    pub entries: Vec<Vec<u8>>,
}

/// Why bytes are no carried log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CarriedError {
    /// It does not begin as one does.
    #[error("it does not begin with `countersign.dev/carried-log/v1`")]
    Head,
    /// A line with a number is missing.
    #[error("a line `{what} N` is missing, or N is no plain number")]
    Line {
        /// How the line begins.
        what: &'static str,
    },
    /// The checkpoint is larger than one is.
    #[error("a checkpoint of {found} bytes, more than the {} that are read", limits::NOTE_BYTES)]
    Checkpoint {
        /// How many.
        found: u64,
    },
    /// It ends too early.
    #[error("it ends within {within}")]
    Short {
        /// Within what.
        within: &'static str,
    },
    /// There is more than it says.
    #[error("there are bytes behind the last entry")]
    Trailing,
    /// An entry that no log has.
    #[error(transparent)]
    Entry(#[from] TileError),
}

impl CarriedLog {
    /// Reads one. The bytes are bounded by whoever fetched them.
    pub fn parse(bytes: &[u8]) -> Result<Self, CarriedError> {
        let rest = bytes.strip_prefix(HEAD.as_bytes()).ok_or(CarriedError::Head)?;
        let (length, rest) = number(rest, "checkpoint")?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= limits::NOTE_BYTES)
            .ok_or(CarriedError::Checkpoint { found: length })?;
        let (checkpoint, rest) =
            rest.split_at_checked(length).ok_or(CarriedError::Short { within: "the checkpoint" })?;
        let (count, mut rest) = number(rest, "entries")?;
        let mut entries = Vec::new();
        for _ in 0..count {
            let short = CarriedError::Short { within: "the entries" };
            let (prefix, more) = rest.split_first_chunk::<2>().ok_or_else(|| short.clone())?;
            let (entry, more) = more.split_at_checked(usize::from(u16::from_be_bytes(*prefix))).ok_or(short)?;
            entries.push(entry.to_vec());
            rest = more;
        }
        if !rest.is_empty() {
            return Err(CarriedError::Trailing);
        }
        Ok(Self { checkpoint: checkpoint.to_vec(), entries })
    }

    /// The document.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CarriedError> {
        let mut out = HEAD.as_bytes().to_vec();
        out.extend_from_slice(format!("checkpoint {}\n", self.checkpoint.len()).as_bytes());
        out.extend_from_slice(&self.checkpoint);
        out.extend_from_slice(format!("entries {}\n", self.entries.len()).as_bytes());
        for entry in &self.entries {
            push_entry(&mut out, entry)?;
        }
        Ok(out)
    }
}

/// A line of a word and a number.
fn number<'b>(bytes: &'b [u8], what: &'static str) -> Result<(u64, &'b [u8]), CarriedError> {
    let wrong = || CarriedError::Line { what };
    let rest = bytes.strip_prefix(what.as_bytes()).and_then(|rest| rest.strip_prefix(b" ")).ok_or_else(wrong)?;
    let end = rest.iter().take(21).position(|b| *b == b'\n').ok_or_else(wrong)?;
    let (digits, rest) = rest.split_at_checked(end).ok_or_else(wrong)?;
    let number = std::str::from_utf8(digits).ok().filter(|text| !text.is_empty()).and_then(decimal);
    Ok((number.ok_or_else(wrong)?, rest.get(1..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> CarriedLog {
        let entries = vec![b"{\"a\":1}".to_vec(), Vec::new(), vec![b'\n'; 300]];
        CarriedLog { checkpoint: b"example.com/log\n3\nroot\n\n\xe2\x80\x94 x y\n".to_vec(), entries }
    }

    #[test]
    fn a_carried_log_reads_back_as_it_was_written_and_has_one_form() {
        let bytes = sample().to_bytes().unwrap();
        let read = CarriedLog::parse(&bytes).unwrap();
        assert_eq!(read, sample());
        assert_eq!(read.to_bytes().unwrap(), bytes);
    }

    #[test]
    fn every_cut_every_addition_and_a_number_in_another_spelling_is_refused() {
        let bytes = sample().to_bytes().unwrap();
        for cut in 0..bytes.len() {
            assert!(CarriedLog::parse(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert_eq!(CarriedLog::parse(&[bytes.clone(), b"x".to_vec()].concat()), Err(CarriedError::Trailing));
        let text = |from: &str, to: &str| {
            let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
            [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
        };
        for to in ["entries 03", "entries +3", "entries ", "entries 18446744073709551616", "entries 2", "entries 4"] {
            assert!(CarriedLog::parse(&text("entries 3", to)).is_err(), "{to}");
        }
        let huge = text("checkpoint ", "checkpoint 99999");
        assert!(matches!(CarriedLog::parse(&huge), Err(CarriedError::Checkpoint { .. })));
    }
}
