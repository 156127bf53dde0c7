//! The documents of a day in one file of a package: a line with digest and length before each, so that a person can read
//! it and a program can find each of them.

use countersign_core::digest::Sha256;
use std::ops::Range;

/// Why bytes are no such file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NotOne {
    /// What is wrong.
    pub(super) what: &'static str,
    /// The document that it is wrong with, if it is one.
    pub(super) digest: Option<Sha256>,
    /// What its bytes hash to.
    pub(super) found: Option<Sha256>,
}

/// The longest line before a document: `sha256:`, 64 digits, a blank, 20 digits.
const LINE: usize = 100;

/// Appends a document.
pub(super) fn push(out: &mut Vec<u8>, digest: &Sha256, bytes: &[u8]) {
    out.extend_from_slice(format!("{digest} {}\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.push(b'\n');
}

/// The documents, by rising digest, with the place of each. All of the bytes are accounted for, and every document is what
/// its line says.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<(Sha256, Range<usize>)>, NotOne> {
    let mut found: Vec<(Sha256, Range<usize>)> = Vec::new();
    let wrong = |what, digest| NotOne { what, digest, found: None };
    let mut at = 0_usize;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let end = rest.iter().take(LINE).position(|b| *b == b'\n');
        let line = end.and_then(|end| std::str::from_utf8(rest.get(..end)?).ok());
        let parts = line.and_then(|line| line.split_once(' '));
        let read = parts.and_then(|(digest, length)| {
            let digest: Sha256 = digest.parse().ok()?;
            let number: usize = length.parse().ok()?;
            // One spelling for each: no sign, no leading zero.
            (format!("{digest} {number}") == line?).then_some((digest, number))
        });
        let (Some((digest, length)), Some(end)) = (read, end) else {
            let before = found.last().map(|(digest, _)| *digest);
            return Err(wrong("a line of digest and length is missing behind this document", before));
        };
        let start = at.saturating_add(end).saturating_add(1);
        let stop = start.saturating_add(length);
        let (Some(content), Some(b'\n')) = (bytes.get(start..stop), bytes.get(stop)) else {
            return Err(wrong("the file ends within this document", Some(digest)));
        };
        let hashed = Sha256::of(content);
        if hashed != digest {
            let what = "a document is not what its name says";
            return Err(NotOne { what, digest: Some(digest), found: Some(hashed) });
        }
        if found.last().is_some_and(|(before, _)| *before >= digest) {
            return Err(wrong("this document is there twice, or not in its place", Some(digest)));
        }
        found.push((digest, start..stop));
        at = stop.saturating_add(1);
    }
    if found.is_empty() { Err(wrong("there is no document in it", None)) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(texts: &[&str]) -> Vec<u8> {
        let mut all: Vec<(Sha256, &str)> = texts.iter().map(|text| (Sha256::of(text.as_bytes()), *text)).collect();
        all.sort();
        let mut out = Vec::new();
        for (digest, text) in all {
            push(&mut out, &digest, text.as_bytes());
        }
        out
    }

    #[test]
    fn documents_are_found_again_whatever_is_in_them() {
        let texts = ["one", "two\nlines", "", "sha256:0 5\n"];
        let bytes = shard(&texts);
        let found = read(&bytes).unwrap();
        assert_eq!(found.len(), texts.len());
        for (digest, place) in found {
            assert_eq!(Sha256::of(&bytes[place]), digest);
        }
    }

    #[test]
    fn every_altered_byte_and_every_cut_is_found() {
        let bytes = shard(&["one", "two", "three"]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert!(read(&altered).is_err(), "byte {at}");
            }
        }
        let whole = [0, shard(&["one"]).len()];
        assert!(!whole.contains(&bytes.len()));
        for cut in 0..bytes.len() {
            // A cut between two documents leaves a file in the right form: that one is missing shows elsewhere.
            if let Ok(left) = read(&bytes[..cut]) {
                assert!(left.len() < 3);
            }
        }
        assert_eq!(read(b"").unwrap_err().what, "there is no document in it");
    }

    #[test]
    fn a_document_twice_or_out_of_order_is_named() {
        let (one, two) = (shard(&["one"]), shard(&["two"]));
        let ordered = shard(&["one", "two"]);
        let other =
            if [one.clone(), two.clone()].concat() == ordered { [two, one.clone()] } else { [one.clone(), two] };
        assert!(read(&other.concat()).unwrap_err().digest.is_some());
        let twice = [one.clone(), one].concat();
        assert_eq!(read(&twice).unwrap_err().digest, Some(Sha256::of(b"one")));
    }
}
