//! What lists of components, scans and plans say, in kept facts.

use super::super::holding::{Listed, Package};
use super::super::told::{Apart, Row, Said, Told};
use super::body::{read_digest, read_oid, write_digest};
use super::wire::{In, Malformed, Out, Read};
use countersign_core::statement::Kind;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What became of a statement: missing, of another kind, or, from this number on, the list of that place.
const MISSING: usize = 0;
const OTHER: usize = 1;
const LISTS: usize = 2;

/// Why a statement counts for nothing at a decision, each by its place.
const APART: [Apart; 3] = [Apart::Elsewhere, Apart::Unsigned, Apart::Unplaced];

pub(super) fn write_told(package: &Package, told: &Told, out: &mut Out) {
    out.count(told.texts.len());
    for text in &told.texts {
        out.text(text);
    }
    // Whoever says the same has the list at one place in memory.
    let mut places: HashMap<*const Row, usize> = HashMap::new();
    let (mut lists, mut said) = (Out::default(), Out::default());
    for ((kind, digest), one) in &told.said {
        let what = match one {
            // What counts for nothing is said of each decision by itself, below.
            Said::Missing | Said::Apart(_) => MISSING,
            Said::Other => OTHER,
            Said::Rows(rows) => {
                let next = places.len();
                let place = *places.entry(rows.as_ptr()).or_insert_with(|| {
                    lists.count(rows.len());
                    for number in rows.iter().flatten() {
                        lists.number(u64::from(*number));
                    }
                    next
                });
                place.saturating_add(LISTS)
            }
        };
        said.count(Kind::ALL.iter().position(|known| known == kind).unwrap_or(usize::MAX));
        write_digest(package, digest, &mut said);
        said.count(what);
    }
    out.count(places.len());
    out.0.extend_from_slice(&lists.0);
    out.count(told.said.len());
    out.0.extend_from_slice(&said.0);
    out.count(told.apart.len());
    for ((entry, digest), apart) in &told.apart {
        out.number(*entry);
        write_digest(package, digest, out);
        out.count(APART.iter().position(|known| known == apart).unwrap_or(usize::MAX));
    }
    out.count(told.commits.len());
    for (entry, commit) in &told.commits {
        out.number(*entry);
        out.bytes(commit.as_bytes());
    }
}

pub(super) fn read_told(listed: &Listed, from: &mut In<'_>) -> Read<Told> {
    let count = from.count(1)?;
    let texts: Vec<Arc<str>> = (0..count).map(|_| from.text().map(Arc::from)).collect::<Read<_>>()?;
    let count = from.count(1)?;
    let lists: Vec<Arc<[Row]>> = (0..count).map(|_| read_list(texts.len(), from)).collect::<Read<_>>()?;
    let mut said = BTreeMap::new();
    for _ in 0..from.count(3)? {
        let kind: usize = from.small()?;
        let kind = *Kind::ALL.get(kind).ok_or(Malformed("a kind is none that there is"))?;
        let digest = read_digest(listed, from)?;
        let one = match from.small()? {
            MISSING => Said::Missing,
            OTHER => Said::Other,
            place => {
                let rows = place.checked_sub(LISTS).and_then(|place| lists.get(place));
                Said::Rows(Arc::clone(rows.ok_or(Malformed("a place is beyond the lists"))?))
            }
        };
        said.insert((kind, digest), one);
    }
    let mut apart = BTreeMap::new();
    for _ in 0..from.count(3)? {
        let one = (from.number()?, read_digest(listed, from)?);
        let why: usize = from.small()?;
        let why = *APART.get(why).ok_or(Malformed("a reason is none that there is"))?;
        apart.insert(one, why);
    }
    let mut commits = BTreeMap::new();
    for _ in 0..from.count(2)? {
        commits.insert(from.number()?, read_oid(from)?);
    }
    Ok(Told::kept(texts, said, apart, commits))
}

fn read_list(texts: usize, from: &mut In<'_>) -> Read<Arc<[Row]>> {
    let count = from.count(3)?;
    let mut rows: Vec<Row> = Vec::with_capacity(count);
    for _ in 0..count {
        let row = [from.small()?, from.small()?, from.small()?];
        if row.iter().any(|place| usize::try_from(*place).map_or(true, |place| place >= texts)) {
            return Err(Malformed("a place is beyond the texts"));
        }
        rows.push(row);
    }
    Ok(Arc::from(rows))
}
