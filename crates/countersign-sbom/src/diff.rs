//! What changed between two SBOMs: components added, removed and upgraded, licences, suppliers and digests changed.

use crate::bom::{Bom, Item};
use crate::version::{Scheme, Version};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Which way a version went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To a later one.
    Up,
    /// To an earlier one.
    Down,
    /// Nobody can tell.
    Unknown,
}

/// A component that has another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved<'b> {
    /// As it was.
    pub from: &'b Item,
    /// As it is.
    pub to: &'b Item,
    /// Which way.
    pub direction: Direction,
}

/// Something that a component says otherwise now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<'b> {
    /// The component as it is.
    pub item: &'b Item,
    /// What: `licence`, `supplier`, `digest`, `scope` or `dependencies`.
    pub what: &'static str,
    /// As it was; nothing where it was not said.
    pub from: String,
    /// As it is; nothing where it is not said.
    pub to: String,
}

/// All that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff<'b> {
    /// New components.
    pub added: Vec<&'b Item>,
    /// Components that are gone.
    pub removed: Vec<&'b Item>,
    /// Components of another version.
    pub moved: Vec<Moved<'b>>,
    /// What they say otherwise.
    pub changed: Vec<Changed<'b>>,
    /// How many components are in both, with the same version.
    pub same: usize,
}

/// What makes two components the same package: the package URL without version and qualifiers, else the name and kind.
fn identity(item: &Item) -> String {
    match &item.purl {
        Some(purl) => {
            let bare = purl.split(['?', '#']).next().unwrap_or(purl);
            // An `@` of a scope is written %40: the last one stands before the version.
            let slash = bare.rfind('/').unwrap_or(0);
            match bare.rfind('@') {
                Some(at) if at > slash => bare.get(..at).unwrap_or(bare).to_ascii_lowercase(),
                _ => bare.to_ascii_lowercase(),
            }
        }
        None => format!("{} {}", item.kind, item.name),
    }
}

/// By which rules a component's versions are ordered.
#[must_use]
pub fn scheme(item: &Item) -> Option<Scheme> {
    match item.purl.as_deref()?.strip_prefix("pkg:")?.split('/').next()? {
        "cargo" | "npm" => Some(Scheme::SemVer),
        "golang" => Some(Scheme::Go),
        "pypi" => Some(Scheme::Pep440),
        _ => None,
    }
}

fn direction(from: &Item, to: &Item) -> Direction {
    let order = || {
        let scheme = scheme(to)?;
        let read = |item: &Item| Version::read(scheme, item.version.as_deref()?);
        read(from)?.compare(&read(to)?)
    };
    match order() {
        Some(Ordering::Less) => Direction::Up,
        Some(Ordering::Greater) => Direction::Down,
        Some(Ordering::Equal) | None => Direction::Unknown,
    }
}

/// Holds two SBOMs against each other.
#[must_use]
pub fn diff<'b>(old: &'b Bom, new: &'b Bom) -> Diff<'b> {
    let mut diff = Diff::default();
    let names = [named(old), named(new)];
    if let (Some(from), Some(to)) = (&old.root, &new.root) {
        if identity(from) == identity(to) || old.items.is_empty() || new.items.is_empty() || from.name == to.name {
            pair(from, to, &names, (old, new), &mut diff);
        } else {
            diff.removed.push(from);
            diff.added.push(to);
        }
    } else {
        diff.removed.extend(&old.root);
        diff.added.extend(&new.root);
    }
    let (mut before, mut after) = (by_identity(&old.items), by_identity(&new.items));
    let identities: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    for identity in identities {
        let (mut left, mut right) =
            (before.remove(&identity).unwrap_or_default(), after.remove(&identity).unwrap_or_default());
        for item in std::mem::take(&mut left) {
            match right.iter().position(|other| other.version == item.version) {
                Some(place) => pair(item, right.remove(place), &names, (old, new), &mut diff),
                None => left.push(item),
            }
        }
        let both = left.len().min(right.len());
        for (from, to) in left.drain(..both).zip(right.drain(..both)) {
            pair(from, to, &names, (old, new), &mut diff);
        }
        diff.removed.extend(left);
        diff.added.extend(right);
    }
    diff
}

type Names<'b> = BTreeMap<&'b str, String>;

/// References by what they name: two documents may call the same component otherwise.
fn named(bom: &Bom) -> Names<'_> {
    bom.all().map(|item| (item.reference.as_str(), identity(item))).collect()
}

fn by_identity(items: &[Item]) -> BTreeMap<String, Vec<&Item>> {
    let mut all: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
    for item in items {
        all.entry(identity(item)).or_default().push(item);
    }
    for versions in all.values_mut() {
        versions.sort_by(|a, b| match direction(a, b) {
            Direction::Up => Ordering::Less,
            Direction::Down => Ordering::Greater,
            Direction::Unknown => a.version.cmp(&b.version),
        });
    }
    all
}

fn pair<'b>(from: &'b Item, to: &'b Item, names: &[Names<'b>; 2], boms: (&Bom, &Bom), diff: &mut Diff<'b>) {
    if from.version == to.version {
        diff.same = diff.same.saturating_add(1);
        let (before, after) = (digests(from), digests(to));
        let common =
            before.iter().find(|(algorithm, value)| after.get(*algorithm).is_some_and(|other| other != *value));
        if let Some((algorithm, value)) = common {
            let now = after.get(algorithm).cloned().unwrap_or_default();
            changed(to, "digest", &format!("{algorithm} {value}"), &format!("{algorithm} {now}"), diff);
        }
    } else {
        diff.moved.push(Moved { from, to, direction: direction(from, to) });
    }
    let joined = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
    changed(to, "licence", &joined(&from.licences), &joined(&to.licences), diff);
    let text = |item: &Item| item.supplier.clone().unwrap_or_default();
    changed(to, "supplier", &text(from), &text(to), diff);
    changed(to, "scope", from.scope.word(), to.scope.word(), diff);
    let [old_names, new_names] = names;
    let needs = |bom: &Bom, item: &Item, names: &Names<'b>| {
        bom.edges.get(&item.reference).map(|edges| {
            edges.iter().map(|edge| names.get(edge.as_str()).cloned().unwrap_or_else(|| edge.clone())).collect()
        })
    };
    let before: Option<BTreeSet<String>> = needs(boms.0, from, old_names);
    let after: Option<BTreeSet<String>> = needs(boms.1, to, new_names);
    if let (Some(before), Some(after)) = (before, after) {
        let gone: BTreeSet<String> = before.difference(&after).cloned().collect();
        let come: BTreeSet<String> = after.difference(&before).cloned().collect();
        changed(to, "dependencies", &joined(&gone), &joined(&come), diff);
    }
}

/// Its own digests, or those of the only file that it is distributed in: of several files each may be the one.
fn digests(item: &Item) -> BTreeMap<String, String> {
    match &item.files[..] {
        [only] if item.hashes.is_empty() => only.hashes.clone(),
        _ => item.hashes.clone(),
    }
}

fn changed<'b>(item: &'b Item, what: &'static str, from: &str, to: &str, diff: &mut Diff<'b>) {
    if from != to {
        diff.changed.push(Changed { item, what, from: from.to_owned(), to: to.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, version: &str) -> Item {
        Item {
            reference: format!("{name}@{version}"),
            kind: "library".to_owned(),
            name: name.to_owned(),
            version: Some(version.to_owned()),
            purl: Some(format!("pkg:npm/{name}@{version}")),
            ..Item::default()
        }
    }

    fn bom(items: Vec<Item>) -> Bom {
        Bom { items, ..Bom::made() }
    }

    #[test]
    fn what_came_went_and_moved_is_told_apart() {
        let old = bom(vec![
            item("a", "1.9.0"),
            item("b", "2.0.0"),
            item("c", "1.0.0"),
            item("d", "1.0.0"),
            item("d", "2.0.0"),
        ]);
        let new = bom(vec![
            item("a", "1.10.0"),
            item("b", "1.0.0"),
            item("d", "2.0.0"),
            item("d", "3.0.0"),
            item("e", "1.0.0"),
        ]);
        let diff = diff(&old, &new);
        let labels = |items: &[&Item]| items.iter().map(|item| item.label()).collect::<Vec<_>>();
        assert_eq!(
            (labels(&diff.added), labels(&diff.removed)),
            (vec!["e 1.0.0".to_owned()], vec!["c 1.0.0".to_owned()])
        );
        let moved: Vec<_> = diff.moved.iter().map(|m| (m.from.label(), m.to.label(), m.direction)).collect();
        assert_eq!(
            moved,
            [
                ("a 1.9.0".to_owned(), "a 1.10.0".to_owned(), Direction::Up),
                ("b 2.0.0".to_owned(), "b 1.0.0".to_owned(), Direction::Down),
                ("d 1.0.0".to_owned(), "d 3.0.0".to_owned(), Direction::Up)
            ]
        );
        assert_eq!(diff.same, 1);
    }

    #[test]
    fn what_a_component_says_otherwise_is_told() {
        let mut before = item("a", "1.0.0");
        before.licences.insert("MIT".to_owned());
        before.hashes.insert("SHA-256".to_owned(), "aa".to_owned());
        let mut after = item("a", "1.0.0");
        after.supplier = Some("Somebody".to_owned());
        after.hashes.insert("SHA-256".to_owned(), "bb".to_owned());
        let (mut old, mut new) = (bom(vec![before]), bom(vec![after, item("b", "1.0.0")]));
        old.edges.insert("a@1.0.0".to_owned(), BTreeSet::new());
        new.edges.insert("a@1.0.0".to_owned(), BTreeSet::from(["b@1.0.0".to_owned()]));
        let diff = diff(&old, &new);
        let said: Vec<_> = diff.changed.iter().map(|c| (c.what, c.from.as_str(), c.to.as_str())).collect();
        assert_eq!(
            said,
            [
                ("digest", "SHA-256 aa", "SHA-256 bb"),
                ("licence", "MIT", ""),
                ("supplier", "", "Somebody"),
                ("dependencies", "", "pkg:npm/b")
            ]
        );
    }

    #[test]
    fn a_document_differs_from_itself_in_nothing() {
        let one = bom(vec![item("a", "1.0.0"), item("a", "2.0.0"), item("%40s/b", "1.0.0")]);
        let diff = diff(&one, &one);
        assert_eq!((diff.same, diff), (3, Diff { same: 3, ..Diff::default() }));
    }
}
