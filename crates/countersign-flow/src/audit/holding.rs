//! What a package holds: its files and its documents, found by digest and read when they are needed.

use crate::error::FlowError;
use countersign_core::blob::{Blob, Parts};
use countersign_core::digest::Sha256;
use countersign_core::git::evidence::{begins, commits_only};
use countersign_record::disk::{DiskError, Doing};
use countersign_record::package::Packed;
use countersign_verify::Blobs;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// The files of a package, read when they are needed.
#[derive(Debug)]
pub(crate) struct Package {
    pub(super) packed: Packed,
    pub(super) listed: Listed,
    held: Held,
    starts: Starts,
    /// Documents that were asked for: a bit for each.
    asked: Vec<AtomicU64>,
}

/// What a package was found to hold when all of it was read.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// The digest of every file.
    pub(super) digests: BTreeMap<String, Sha256>,
    /// Where each document lies, by rising digest.
    pub(super) documents: Vec<Document>,
    pub(super) shards: Vec<String>,
}

/// Where a document lies: the file, the first byte, how many.
#[derive(Debug, Clone, Copy)]
pub(super) struct Document {
    pub(super) digest: Sha256,
    pub(super) shard: u32,
    pub(super) start: u32,
    pub(super) length: u32,
}

impl Package {
    pub(super) fn new(packed: Packed, listed: Listed, held: Held) -> Self {
        let asked = (0..listed.documents.len().div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect();
        let starts = Starts::of(&listed.documents);
        Self { packed, listed, held, starts, asked }
    }

    /// A file of it.
    pub(super) fn file(&self, name: &str) -> Result<Option<Vec<u8>>, FlowError> {
        self.packed.read(name).map_err(|source| DiskError::new(Doing::Read, Path::new(name), source).into())
    }

    /// The names of its files.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.packed.names()
    }

    /// The digest of a file.
    pub(super) fn digest(&self, name: &str) -> Option<&Sha256> {
        self.listed.digests.get(name)
    }

    /// Every document by rising digest, with the file that it lies in, its length, and whether it was asked for so far.
    pub(super) fn documents(&self) -> impl Iterator<Item = (&Sha256, &str, usize, bool)> {
        self.listed.documents.iter().enumerate().map(|(place, document)| {
            let shard = usize::try_from(document.shard).ok().and_then(|shard| self.listed.shards.get(shard));
            let (word, bit) = Self::bit(place);
            let asked = self.asked.get(word).is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0);
            let length = usize::try_from(document.length).unwrap_or(usize::MAX);
            (&document.digest, shard.map_or("", String::as_str), length, asked)
        })
    }

    /// How many documents.
    pub(super) fn count(&self) -> usize {
        self.listed.documents.len()
    }

    /// Whether it has a document.
    pub(super) fn has(&self, digest: &Sha256) -> bool {
        self.place(digest).is_some()
    }

    /// The place of a document among them.
    pub(super) fn place(&self, digest: &Sha256) -> Option<usize> {
        let few = self.starts.of_digest(digest);
        let documents = self.listed.documents.get(few.clone())?;
        let place = documents.binary_search_by_key(&digest, |document| &document.digest).ok()?;
        few.start.checked_add(place)
    }

    fn bit(place: usize) -> (usize, u64) {
        let bit = u32::try_from(place.checked_rem(BITS).unwrap_or_default()).unwrap_or_default();
        (place.checked_div(BITS).unwrap_or_default(), 1_u64.checked_shl(bit).unwrap_or_default())
    }
}

/// How many documents a word has bits for.
const BITS: usize = 64;

impl Package {
    /// A document of git objects, of which no more than the commits may be left.
    pub(super) fn commits(&self, digest: &Sha256) -> Option<Cow<'_, [u8]>> {
        let held = self.ask(digest).and_then(|document| self.held.commits(document.shard, digest));
        held.map(Cow::Borrowed).or_else(|| self.blob(digest).map(|blob| Cow::Owned(blob.into_bytes())))
    }

    /// Where a document lies that is asked for.
    fn ask(&self, digest: &Sha256) -> Option<Document> {
        let place = self.place(digest)?;
        let (word, bit) = Self::bit(place);
        if let Some(word) = self.asked.get(word) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        self.listed.documents.get(place).copied()
    }
}

impl Blobs for Package {
    fn blob(&self, digest: &Sha256) -> Option<Blob> {
        let Document { shard, start, length, .. } = self.ask(digest)?;
        let number = |n: u32| usize::try_from(n).ok();
        if let Some(blob) = self.held.blob(shard, digest) {
            return Some(blob);
        }
        let shard = self.listed.shards.get(number(shard)?)?;
        let bytes = self.packed.read_part(shard, number(start)?, number(length)?).ok()?;
        // The file may have been changed since it was read through.
        Blob::named(digest, bytes)
    }
}

/// Documents that stay in memory from when all of the package was read: of a small one all, of a large one none. What lies here
/// is neither unpacked nor hashed again.
#[derive(Debug, Default)]
pub(super) struct Held(BTreeMap<u32, HeldFile>);

/// Those of one file, by rising digest. Of git objects, which take half of the room, only the commits stay: the others are read
/// where a decision is run again, and nowhere else.
#[derive(Debug)]
pub(super) struct HeldFile {
    parts: Parts,
    commits: Vec<(Sha256, Vec<u8>)>,
}

/// How many bytes of them are held of a package that has hardly any, and by what a longer one has less room: what else is kept of
/// it in memory grows with it.
const ROOM: u64 = 360 << 20;
const LESS: (u64, u64) = (1, 2);

impl HeldFile {
    /// Of a file's documents, if there is room for them.
    pub(super) fn of(file: Parts, room: &AtomicU64) -> Option<Self> {
        if room.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let documents =
            || file.hashed().iter().filter_map(|(digest, range)| Some((digest, file.whole().get(range.clone())?)));
        let of_git = |(digest, bytes): (&Sha256, &[u8])| Some((*digest, begins(bytes).then(|| commits_only(bytes))??));
        let commits: Vec<(Sha256, Vec<u8>)> = documents().filter_map(of_git).collect();
        let left = |bytes: &[u8]| !begins(bytes);
        let other = documents().filter(|(_, bytes)| left(bytes)).map(|(_, bytes)| bytes.len());
        let length = commits.iter().map(|(_, bytes)| bytes.len()).chain(other).fold(0_usize, usize::saturating_add);
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        let taken = room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(length));
        taken.is_ok().then(|| Self { parts: file.only(left), commits })
    }
}

impl Held {
    /// How many bytes may be held of a package that is so long, where so many are open at once.
    pub(super) fn room(length: u64, at_once: u64) -> u64 {
        let (of, by) = LESS;
        let room = ROOM.saturating_sub(length.saturating_mul(of).checked_div(by).unwrap_or(u64::MAX));
        room.checked_div(at_once).unwrap_or(0)
    }

    /// Holds those of the file of this number.
    pub(super) fn hold(&mut self, shard: u32, file: HeldFile) {
        self.0.insert(shard, file);
    }

    /// A document of the file of this number.
    fn blob(&self, shard: u32, digest: &Sha256) -> Option<Blob> {
        let parts = &self.0.get(&shard)?.parts;
        let place = parts.hashed().binary_search_by_key(&digest, |(hashed, _)| hashed).ok()?;
        parts.blob(place)
    }

    /// What is left of a document of git objects.
    fn commits(&self, shard: u32, digest: &Sha256) -> Option<&[u8]> {
        let commits = &self.0.get(&shard)?.commits;
        let place = commits.binary_search_by_key(&digest, |(of, _)| of).ok()?;
        commits.get(place).map(|(_, bytes)| bytes.as_slice())
    }
}

/// Where the documents begin whose digests begin alike. Digests are spread evenly, so that about one is left to look at; where
/// they are not, more are, and what is found is the same.
#[derive(Debug)]
struct Starts {
    /// By how many bits the first 64 of a digest are shifted away.
    shift: u32,
    /// For each beginning the first document of it or of one behind it.
    first: Vec<u32>,
}

impl Starts {
    /// Of documents by rising digest.
    fn of(documents: &[Document]) -> Self {
        let bits = documents.len().max(1).ilog2();
        let mut out = Self { shift: u64::BITS.saturating_sub(bits), first: Vec::new() };
        for (place, document) in (0_u32..).zip(documents) {
            let beginning = out.beginning(&document.digest);
            if out.first.len() <= beginning {
                out.first.resize(beginning.saturating_add(1), place);
            }
        }
        out.first.push(u32::try_from(documents.len()).unwrap_or(u32::MAX));
        out
    }

    /// Among which documents one of this digest would be.
    fn of_digest(&self, digest: &Sha256) -> Range<usize> {
        let end = self.first.last().copied();
        let first =
            |beginning| self.first.get(beginning).copied().or(end).and_then(|first| usize::try_from(first).ok());
        let beginning = self.beginning(digest);
        let range = |beginning: usize| Some(first(beginning)?..first(beginning.saturating_add(1))?);
        range(beginning).unwrap_or_default()
    }

    fn beginning(&self, digest: &Sha256) -> usize {
        let first = digest.as_bytes().first_chunk().map_or(0, |first| u64::from_be_bytes(*first));
        first.checked_shr(self.shift).and_then(|beginning| usize::try_from(beginning).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_longer_package_less_is_held_and_of_a_large_one_nothing() {
        let rooms: Vec<u64> = [0, 100, 400, 720, 1_000].map(|length| Held::room(length << 20, 1) >> 20).to_vec();
        assert_eq!(rooms, [360, 310, 160, 0, 0]);
        assert_eq!((Held::room(u64::MAX, 1), Held::room(0, 0), Held::room(0, 2) >> 20), (0, 0, 180));
    }

    /// A file of such documents.
    fn file(texts: &[&[u8]]) -> Parts {
        let mut all: Vec<(Sha256, &[u8])> = texts.iter().map(|text| (Sha256::of(text), *text)).collect();
        all.sort_unstable();
        let mut parts = Parts::of(all.iter().flat_map(|(_, text)| text.iter().copied()).collect());
        let mut at = 0;
        for (digest, text) in all {
            assert_eq!(parts.hash(at..at + text.len()), Some(digest));
            at += text.len();
        }
        parts
    }

    #[test]
    fn what_is_held_is_found_by_the_file_and_the_digest_and_of_git_objects_the_commits_are() {
        let git = b"countersign.dev/git-objects/v1\n{}\ncommit 2\0abtree 3\0a\nb".as_slice();
        let torn = b"countersign.dev/git-objects/v1\n{}\ncommit 2\0a".as_slice();
        let texts: [&[u8]; 5] = [b"one", b"two", b"", git, torn];
        let room = AtomicU64::new(1_000);
        let mut held = Held::default();
        held.hold(7, HeldFile::of(file(&texts), &room).unwrap());
        for text in [b"one".as_slice(), b"two", b""] {
            let digest = Sha256::of(text);
            assert_eq!(held.blob(7, &digest).as_deref(), Some(text));
            assert_eq!(held.blob(6, &digest), None);
        }
        assert_eq!(held.blob(7, &Sha256::of(b"three")), None);
        // What is left of git objects is no document, and of what is torn nothing is left.
        assert_eq!((held.blob(7, &Sha256::of(git)), held.blob(7, &Sha256::of(torn))), (None, None));
        let commits = b"countersign.dev/git-objects/v1\n{}\ncommit 2\0ab".as_slice();
        assert_eq!(held.commits(7, &Sha256::of(git)), Some(commits));
        assert_eq!((held.commits(7, &Sha256::of(torn)), held.commits(7, &Sha256::of(b"one"))), (None, None));
        assert_eq!(room.into_inner(), 1_000 - 6 - u64::try_from(commits.len()).unwrap());
    }

    #[test]
    fn what_there_is_no_room_for_is_not_held_and_takes_none() {
        for (room, left) in [(0, None), (5, None), (6, Some(0)), (7, Some(1))] {
            let room_left = AtomicU64::new(room);
            let held = HeldFile::of(file(&[b"one", b"two"]), &room_left);
            assert_eq!((held.is_some(), room_left.into_inner()), (left.is_some(), left.unwrap_or(room)));
        }
    }

    #[test]
    fn each_document_is_found_by_its_digest_and_none_by_another_however_they_are_spread() {
        let spread = |n: u32| Sha256::of(&n.to_be_bytes());
        let alike = |n: u32| {
            let mut bytes = [0xa5; 32];
            bytes[28..].copy_from_slice(&n.to_be_bytes());
            Sha256::from_bytes(bytes)
        };
        let edges = |n: u32| Sha256::from_bytes([if n == 0 { 0 } else { 0xff }; 32]);
        let kinds: [(&dyn Fn(u32) -> Sha256, u32); 3] = [(&spread, 3_000), (&alike, 300), (&edges, 2)];
        for (digest, most) in kinds {
            for count in (0..=most).filter(|n| *n < 70 || *n == most) {
                let mut documents: Vec<Document> =
                    (0..count).map(|n| Document { digest: digest(n), shard: 0, start: n, length: 1 }).collect();
                documents.sort_unstable_by_key(|document| document.digest);
                let starts = Starts::of(&documents);
                for (place, document) in documents.iter().enumerate() {
                    assert!(starts.of_digest(&document.digest).contains(&place), "{place} of {count}");
                }
                for other in (0..100).map(|n| Sha256::of(&[n])).chain([edges(0), edges(1), alike(7)]) {
                    let few = starts.of_digest(&other);
                    let found = documents[few].iter().any(|document| document.digest == other);
                    assert_eq!(found, documents.iter().any(|document| document.digest == other));
                }
            }
        }
        let many: Vec<Document> = {
            let mut all: Vec<Document> =
                (0..3_000).map(|n| Document { digest: spread(n), shard: 0, start: 0, length: 0 }).collect();
            all.sort_unstable_by_key(|document| document.digest);
            all
        };
        let starts = Starts::of(&many);
        assert!(many.iter().all(|document| starts.of_digest(&document.digest).len() < 16));
    }
}
