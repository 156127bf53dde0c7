//! The documents of a day in a file of a package, or in several: a line with digest and length before each, so that a person
//! can read it and a program can find each of them.

use countersign_core::blob::Parts;
use countersign_core::digest::Sha256;
use std::collections::BTreeMap;

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

/// The name of a day's file: `DAY.docs`, and from the second one on `DAY_0002.docs`.
pub(super) fn file_name(day: &str, before: usize) -> String {
    match before {
        0 => format!("{day}.docs"),
        _ => format!("{day}_{:04}.docs", before.saturating_add(1)),
    }
}

/// The day that a file is of, by its name.
pub(super) fn day_of(file: &str) -> Option<&str> {
    let name = file.strip_suffix(".docs")?;
    let Some((day, number)) = name.split_once('_') else { return Some(name) };
    let before = number.parse::<usize>().ok()?.checked_sub(1).filter(|before| *before > 0)?;
    // One spelling for each.
    (file_name(day, before) == file).then_some(day)
}

/// Documents of a file; more only where one of them alone is larger.
const MOST: usize = 4 << 20;

/// Into which file of a day each document comes, in the order in which the log names them.
#[derive(Debug, Default)]
pub(super) struct Cut {
    bytes: usize,
    before: usize,
}

impl Cut {
    /// How many files stand before that of the next document, which has so many bytes.
    pub(super) fn next(&mut self, length: usize) -> usize {
        let more = length.saturating_add(LINE);
        if self.bytes > 0 && self.bytes.saturating_add(more) > MOST {
            self.before = self.before.saturating_add(1);
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(more);
        self.before
    }
}

/// Makes the files of a day. Within one, documents stand by rising digest.
#[derive(Debug, Default)]
pub(super) struct Files {
    cut: Cut,
    before: usize,
    documents: BTreeMap<Sha256, Vec<u8>>,
}

impl Files {
    /// Takes the next document. If there is no room for it beside those before, gives their file.
    pub(super) fn push(&mut self, digest: Sha256, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let before = self.cut.next(bytes.len());
        let full = if before == self.before { None } else { self.finish() };
        self.before = before;
        self.documents.insert(digest, bytes);
        full
    }

    /// The file of those that are left, if any are.
    pub(super) fn finish(&mut self) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        for (digest, bytes) in std::mem::take(&mut self.documents) {
            push(&mut out, &digest, &bytes);
        }
        (!out.is_empty()).then_some(out)
    }
}

/// Appends a document.
fn push(out: &mut Vec<u8>, digest: &Sha256, bytes: &[u8]) {
    out.extend_from_slice(format!("{digest} {}\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.push(b'\n');
}

/// The documents, by rising digest, with the place of each. All of the bytes are accounted for, and every document is what
/// its line says.
pub(super) fn read(bytes: Vec<u8>) -> Result<Parts, NotOne> {
    let mut found = Parts::of(bytes);
    let wrong = |what, digest| NotOne { what, digest, found: None };
    let mut last: Option<Sha256> = None;
    let mut at = 0_usize;
    while at < found.whole().len() {
        let rest = found.whole().get(at..).unwrap_or_default();
        let end = rest.iter().take(LINE).position(|b| *b == b'\n');
        let line = end.and_then(|end| std::str::from_utf8(rest.get(..end)?).ok());
        let parts = line.and_then(|line| line.split_once(' '));
        let read = parts.and_then(|(digest, length)| {
            let digest: Sha256 = digest.parse().ok()?;
            // One spelling for each: a digest has only one, and a length no sign and no leading zero.
            let plain = length.bytes().all(|b| b.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
            let number: usize = length.parse().ok().filter(|_| plain)?;
            Some((digest, number))
        });
        let (Some((digest, length)), Some(end)) = (read, end) else {
            return Err(wrong("a line of digest and length is missing behind this document", last));
        };
        let start = at.saturating_add(end).saturating_add(1);
        let stop = start.saturating_add(length);
        // What ends the document lies behind it, so that all of it is there as well.
        let ends = found.whole().get(stop) == Some(&b'\n');
        let Some(hashed) = ends.then(|| found.hash(start..stop)).flatten() else {
            return Err(wrong("the file ends within this document", Some(digest)));
        };
        if hashed != digest {
            let what = "a document is not what its name says";
            return Err(NotOne { what, digest: Some(digest), found: Some(hashed) });
        }
        if last.is_some_and(|before| before >= digest) {
            return Err(wrong("this document is there twice, or not in its place", Some(digest)));
        }
        last = Some(digest);
        at = stop.saturating_add(1);
    }
    if last.is_none() { Err(wrong("there is no document in it", None)) } else { Ok(found) }
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
        let found = read(bytes.clone()).unwrap();
        assert_eq!(found.hashed().len(), texts.len());
        for (digest, place) in found.hashed() {
            assert_eq!(Sha256::of(&bytes[place.clone()]), *digest);
        }
    }

    #[test]
    fn a_digest_and_a_length_have_one_spelling_each() {
        let digest = Sha256::of(b"one");
        let file = |line: &str| format!("{line}\none\n").into_bytes();
        assert!(read(file(&format!("{digest} 3"))).is_ok());
        for length in ["03", "+3", "", " 3", "3 ", "0x3", "-0"] {
            assert!(read(file(&format!("{digest} {length}"))).is_err(), "{length}");
        }
        assert!(read(file(&format!("sha256:{} 3", digest.hex().to_uppercase()))).is_err());
    }

    #[test]
    fn a_file_of_a_day_has_one_name_and_the_name_says_the_day() {
        let names: Vec<String> = [0, 1, 9_998, 9_999].map(|before| file_name("2026-02-01", before)).to_vec();
        assert_eq!(names, ["2026-02-01.docs", "2026-02-01_0002.docs", "2026-02-01_9999.docs", "2026-02-01_10000.docs"]);
        for name in &names {
            assert_eq!(day_of(name), Some("2026-02-01"));
        }
        for other in ["2026-02-01", "2026-02-01_2.docs", "2026-02-01_0001.docs", "2026-02-01_+002.docs", "d_.docs"] {
            assert_eq!(day_of(other), None, "{other}");
        }
    }

    #[test]
    fn documents_are_cut_into_files_in_their_order_and_none_is_lost() {
        let texts: Vec<Vec<u8>> = (0..50_u8).map(|n| vec![n; usize::from(n) << 14]).collect();
        let (mut files, mut made) = (Files::default(), Vec::new());
        for text in &texts {
            made.extend(files.push(Sha256::of(text), text.clone()));
        }
        made.extend(files.finish());
        assert_eq!(files.finish(), None);
        assert!(made.len() > 4 && made.iter().all(|file| file.len() <= MOST));
        let (mut left, mut cut) = (texts.iter(), Cut::default());
        for (before, file) in made.iter().enumerate() {
            let read = read(file.clone()).unwrap();
            let mut found: Vec<&[u8]> = read.hashed().iter().map(|(_, place)| &file[place.clone()]).collect();
            found.sort_unstable_by_key(|text| text.len());
            for text in found {
                assert_eq!(Some(text), left.next().map(Vec::as_slice));
                assert_eq!(cut.next(text.len()), before);
            }
        }
        assert_eq!(left.next(), None);
        // One that is larger than a file may be has one for itself.
        let (mut files, large) = (Files::default(), vec![7; MOST + 1]);
        assert_eq!(files.push(Sha256::of(&large), large), None);
        assert!(files.push(Sha256::of(b"x"), b"x".to_vec()).is_some() && files.finish().is_some());
    }

    #[test]
    fn every_altered_byte_and_every_cut_is_found() {
        let bytes = shard(&["one", "two", "three"]);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert!(read(altered).is_err(), "byte {at}");
            }
        }
        let whole = [0, shard(&["one"]).len()];
        assert!(!whole.contains(&bytes.len()));
        for cut in 0..bytes.len() {
            // A cut between two documents leaves a file in the right form: that one is missing shows elsewhere.
            if let Ok(left) = read(bytes[..cut].to_vec()) {
                assert!(left.hashed().len() < 3);
            }
        }
        assert_eq!(read(Vec::new()).unwrap_err().what, "there is no document in it");
    }

    #[test]
    fn a_document_twice_or_out_of_order_is_named() {
        let (one, two) = (shard(&["one"]), shard(&["two"]));
        let ordered = shard(&["one", "two"]);
        let other =
            if [one.clone(), two.clone()].concat() == ordered { [two, one.clone()] } else { [one.clone(), two] };
        assert!(read(other.concat()).unwrap_err().digest.is_some());
        let twice = [one.clone(), one].concat();
        assert_eq!(read(twice).unwrap_err().digest, Some(Sha256::of(b"one")));
    }
}
