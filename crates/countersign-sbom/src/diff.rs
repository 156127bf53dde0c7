//! What changed between two SBOMs: components added, removed and upgraded, sources, licences, suppliers and digests changed.

use crate::bom::{Bom, FILE_DIGEST, Item, OWN_LICENCE};
use crate::version::{Scheme, Version};
use countersign_core::purl::decoded;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

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
    /// What: `source`, `digest`, `licence`, `supplier`, `scope`, `linked`, `dependencies`, `list of dependencies`
    /// (one of the documents says nothing of them) or `completeness`.
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

/// A package URL in lower case, without qualifiers; of PyPI with the name as it is compared there: tools write it in other ways.
pub(crate) fn comparable(purl: &str) -> String {
    let bare = purl.split(['?', '#']).next().unwrap_or(purl).to_ascii_lowercase();
    let Some(rest) = bare.strip_prefix("pkg:pypi/") else { return bare };
    let (name, version) = rest.split_once('@').map_or((rest, None), |(name, version)| (name, Some(version)));
    let parts: Vec<&str> = name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    let version = version.map(|version| format!("@{version}")).unwrap_or_default();
    format!("pkg:pypi/{}{version}", parts.join("-"))
}

/// What makes two components the same package: the package URL without version and qualifiers, else the name and kind. `cased` are those of
/// which the case of the name is needed to tell them apart.
fn identity(item: &Item, cased: &BTreeSet<String>) -> String {
    let Some(purl) = &item.purl else { return format!("{} {}", item.kind, item.name) };
    let bare = versionless(&comparable(purl));
    if cased.contains(&bare) { spelled(item, purl) } else { bare }
}

/// A package URL without its version, as far as it has no qualifiers.
pub(crate) fn versionless(purl: &str) -> String {
    // An `@` of a scope is written %40: the last one stands before the version.
    let slash = purl.rfind('/').unwrap_or(0);
    let end = purl.rfind('@').filter(|at| *at > slash);
    end.and_then(|at| purl.get(..at)).unwrap_or(purl).to_owned()
}

/// A package URL without version and qualifiers, in the case of the component's name. Most tools write the URL in lower case, whatever the
/// package is called; where it has capitals that the name has not, or the name is another one, the URL is all that tells.
fn spelled(item: &Item, purl: &str) -> String {
    let written = versionless(purl.split(['?', '#']).next().unwrap_or(purl));
    let name = item.name.rsplit('/').next().unwrap_or_default();
    let is_cased = name.bytes().any(|byte| byte.is_ascii_uppercase());
    match written.rsplit_once('/') {
        Some((before, own)) if is_cased && own.eq_ignore_ascii_case(name) => format!("{before}/{name}"),
        _ => written,
    }
}

/// Packages of npm of which a document has two whose names differ in case alone: to npm these are two.
fn told_by_case(boms: [&Bom; 2]) -> BTreeSet<String> {
    let mut cased = BTreeSet::new();
    for bom in boms {
        let mut alike: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let named = bom.all().filter_map(|item| Some((item, item.purl.as_deref()?)));
        for (item, purl) in named.filter(|(_, purl)| purl.starts_with("pkg:npm/")) {
            alike.entry(versionless(&comparable(purl))).or_default().insert(spelled(item, purl));
        }
        cased.extend(alike.into_iter().filter(|(_, written)| written.len() > 1).map(|(lower, _)| lower));
    }
    cased
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

fn version(item: &Item) -> Option<Version> {
    Version::read(scheme(item)?, item.version.as_deref()?)
}

fn direction(from: &Item, to: &Item) -> Direction {
    let order = || version(from)?.compare(&version(to)?);
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
    let cased = told_by_case([old, new]);
    let versions = told_by_version([old, new], &cased);
    let names = [named(old, &cased, &versions), named(new, &cased, &versions)];
    if let (Some(from), Some(to)) = (&old.root, &new.root) {
        if identity(from, &cased) == identity(to, &cased)
            || old.items.is_empty()
            || new.items.is_empty()
            || from.name == to.name
        {
            pair(from, to, &names, (old, new), &mut diff);
        } else {
            diff.removed.push(from);
            diff.added.push(to);
        }
    } else {
        diff.removed.extend(&old.root);
        diff.added.extend(&new.root);
    }
    let (mut before, mut after) = (by_identity(&old.items, &cased), by_identity(&new.items, &cased));
    let identities: BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    for identity in identities {
        let (mut left, mut right) =
            (before.remove(&identity).unwrap_or_default(), after.remove(&identity).unwrap_or_default());
        // Of several sources of one version, each is held against itself first.
        let exact = alike(&mut left, &mut right, |item| (item.version.as_deref(), item.purl.as_deref()));
        let same = alike(&mut left, &mut right, |item| item.version.as_deref());
        for (from, to) in exact.into_iter().chain(same) {
            pair(from, to, &names, (old, new), &mut diff);
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

/// Takes out of both lists what has the same key, each with the first one there that is left.
fn alike<'b, K: Ord>(
    left: &mut Vec<&'b Item>,
    right: &mut Vec<&'b Item>,
    key: impl Fn(&'b Item) -> K,
) -> Vec<(&'b Item, &'b Item)> {
    let mut waiting: BTreeMap<K, VecDeque<(usize, &Item)>> = BTreeMap::new();
    for (place, item) in right.iter().enumerate() {
        waiting.entry(key(item)).or_default().push_back((place, item));
    }
    let (mut pairs, mut taken) = (Vec::new(), BTreeSet::new());
    left.retain(|item| {
        let Some((place, other)) = waiting.get_mut(&key(item)).and_then(VecDeque::pop_front) else { return true };
        taken.insert(place);
        pairs.push((*item, other));
        false
    });
    let all = std::mem::take(right).into_iter().enumerate();
    right.extend(all.filter(|(place, _)| !taken.contains(place)).map(|(_, item)| item));
    pairs
}

type Names<'b> = BTreeMap<&'b str, String>;

/// References by what they name: two documents may call the same component otherwise. Where both list a version beside others, that one is
/// meant, and no other.
fn named<'b>(bom: &'b Bom, cased: &BTreeSet<String>, versions: &BTreeSet<(String, String)>) -> Names<'b> {
    let name = |item: &Item| {
        let mut both = (identity(item, cased), item.version.clone().unwrap_or_default());
        if versions.contains(&both) {
            both.0.push('@');
            both.0.push_str(&both.1);
        }
        both.0
    };
    bom.all().map(|item| (item.reference.as_str(), name(item))).collect()
}

/// Versions that both documents have of a package, of which one has several.
fn told_by_version(boms: [&Bom; 2], cased: &BTreeSet<String>) -> BTreeSet<(String, String)> {
    let [old, new] = boms.map(|bom| {
        let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for item in bom.all() {
            let version = item.version.clone().unwrap_or_default();
            versions.entry(identity(item, cased)).or_default().insert(version);
        }
        versions
    });
    let mut told = BTreeSet::new();
    for (name, before) in &old {
        let Some(after) = new.get(name) else { continue };
        if before.len() > 1 || after.len() > 1 {
            told.extend(before.intersection(after).map(|version| (name.clone(), version.clone())));
        }
    }
    told
}

fn by_identity<'b>(items: &'b [Item], cased: &BTreeSet<String>) -> BTreeMap<String, Vec<&'b Item>> {
    let mut all: BTreeMap<String, Vec<&Item>> = BTreeMap::new();
    for item in items {
        all.entry(identity(item, cased)).or_default().push(item);
    }
    for versions in all.values_mut() {
        let mut read: Vec<_> = versions.iter().map(|item| (version(item), *item)).collect();
        // What cannot be read stands behind what can: by its letters among the others it would be no order.
        read.sort_by(|(a, one), (b, other)| {
            let read = match (a, b) {
                (Some(a), Some(b)) => a.compare(b).unwrap_or(Ordering::Equal),
                _ => a.is_none().cmp(&b.is_none()),
            };
            read.then_with(|| one.version.cmp(&other.version))
        });
        *versions = read.into_iter().map(|(_, item)| item).collect();
    }
    all
}

fn pair<'b>(from: &'b Item, to: &'b Item, names: &[Names<'b>; 2], boms: (&Bom, &Bom), diff: &mut Diff<'b>) {
    let joined = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<Vec<_>>().join("; ");
    let same = from.version == to.version;
    if same {
        diff.same = diff.same.saturating_add(1);
        let (gone, come) = digests_changed(from, to);
        changed(to, "digest", &joined(&gone), &joined(&come), diff);
    } else {
        diff.moved.push(Moved { from, to, direction: direction(from, to) });
    }
    let (before, after) = (sources(from, same), sources(to, same));
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect();
    changed(to, "source", &joined(&only(&before, &after)), &joined(&only(&after, &before)), diff);
    changed(to, "licence", &joined(&licences(from)), &joined(&licences(to)), diff);
    let text = |item: &Item| item.supplier.clone().unwrap_or_default();
    changed(to, "supplier", &text(from), &text(to), diff);
    changed(to, "scope", from.scope.word(), to.scope.word(), diff);
    let linked = |item: &Item| item.linked.map_or("", |linked| if linked { "yes" } else { "no" });
    changed(to, "linked", linked(from), linked(to), diff);
    let [old_names, new_names] = names;
    let needs = |bom: &Bom, item: &Item, names: &Names<'b>| {
        bom.edges.get(&item.reference).map(|edges| {
            edges.iter().map(|edge| names.get(edge.as_str()).cloned().unwrap_or_else(|| edge.clone())).collect()
        })
    };
    let before: Option<BTreeSet<String>> = needs(boms.0, from, old_names);
    let after: Option<BTreeSet<String>> = needs(boms.1, to, new_names);
    if let (Some(before), Some(after)) = (&before, &after) {
        let gone: BTreeSet<String> = before.difference(after).cloned().collect();
        let come: BTreeSet<String> = after.difference(before).cloned().collect();
        changed(to, "dependencies", &joined(&gone), &joined(&come), diff);
    } else {
        // That nothing is said is not that there are none.
        let told = |list: Option<BTreeSet<String>>| match list {
            Some(list) if list.is_empty() => "none".to_owned(),
            Some(list) => joined(&list),
            None => String::new(),
        };
        changed(to, "list of dependencies", &told(before), &told(after), diff);
    }
    let aggregate = |bom: &Bom, item: &Item| bom.aggregates.get(&item.reference).cloned().unwrap_or_default();
    changed(to, "completeness", &aggregate(boms.0, from), &aggregate(boms.1, to), diff);
}

/// Where a component comes from: what stands behind the version in its package URL, and where its files are fetched. What
/// every version has otherwise (the file's place on its server, the commit) counts only where the version is the same.
fn sources(item: &Item, exact: bool) -> BTreeSet<String> {
    let host = |url: &str| {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        format!("{scheme}://{}", rest.split(['/', '?', '#']).next().unwrap_or(rest))
    };
    let qualifier = |text: &str| match text.split_once('=') {
        Some(("checksum", _)) if !exact => None,
        Some((name @ ("download_url" | "vcs_url"), url)) if !exact => {
            let url = decoded(url).unwrap_or_else(|| url.to_owned());
            let slash = url.rfind('/').unwrap_or(0);
            let commit = url.rfind('@').filter(|at| *at > slash).and_then(|at| url.get(..at));
            Some(format!("{name}={}", if name == "vcs_url" { commit.unwrap_or(&url).to_owned() } else { host(&url) }))
        }
        _ => Some(text.to_owned()),
    };
    let (purl, folder) = match item.purl.as_deref().unwrap_or_default().split_once('#') {
        Some((purl, folder)) => (purl, Some(format!("#{folder}"))),
        None => (item.purl.as_deref().unwrap_or_default(), None),
    };
    let qualifiers = purl.split_once('?').map_or("", |(_, qualifiers)| qualifiers);
    let qualifiers = qualifiers.split('&').filter(|text| !text.is_empty()).filter_map(qualifier);
    let urls = item.files.iter().filter_map(|file| file.url.as_deref());
    let urls = urls.map(|url| if exact { url.to_owned() } else { host(url) });
    qualifiers.chain(folder).chain(urls).collect()
}

/// Licences, and what a document means by those that have a name in it alone.
fn licences(item: &Item) -> BTreeSet<String> {
    let meant = item.properties.iter().filter(|(name, _)| name == OWN_LICENCE).map(|(_, text)| text.clone());
    item.licences.iter().cloned().chain(meant).collect()
}

/// All digests of a component and of the files that it is distributed in, by algorithm.
fn digests(item: &Item) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (algorithm, value) in std::iter::once(&item.hashes).chain(item.files.iter().map(|file| &file.hashes)).flatten()
    {
        all.entry(algorithm).or_default().insert(value);
    }
    let stated = item.properties.iter().filter(|(name, _)| name == FILE_DIGEST);
    for (algorithm, value) in stated.filter_map(|(_, text)| text.split_once(':')) {
        all.entry(algorithm).or_default().insert(value);
    }
    all
}

/// Digests that went and that came. Of another algorithm beside one that both have, nothing is said.
fn digests_changed(from: &Item, to: &Item) -> (BTreeSet<String>, BTreeSet<String>) {
    let (before, after) = (digests(from), digests(to));
    let common = before.keys().any(|algorithm| after.contains_key(algorithm));
    let only = |one: &BTreeMap<&str, BTreeSet<&str>>, other: &BTreeMap<&str, BTreeSet<&str>>| {
        let mut only = BTreeSet::new();
        for (algorithm, values) in one.iter().filter(|(algorithm, _)| !common || other.contains_key(*algorithm)) {
            let known = other.get(algorithm);
            let new = values.iter().filter(|value| known.is_none_or(|known| !known.contains(*value)));
            only.extend(new.map(|value| format!("{algorithm} {value}")));
        }
        only
    };
    let (gone, come) = (only(&before, &after), only(&after, &before));
    // Beside what came, what stays is what was said before.
    let beside = |some: &BTreeSet<String>, all: &BTreeMap<&str, BTreeSet<&str>>| -> BTreeSet<String> {
        let named = |algorithm: &str| some.iter().any(|text| text.split(' ').next() == Some(algorithm));
        let all = all.iter().filter(|(algorithm, _)| named(algorithm));
        all.flat_map(|(algorithm, values)| values.iter().map(move |value| format!("{algorithm} {value}"))).collect()
    };
    match (gone.is_empty(), come.is_empty()) {
        (true, false) => (beside(&come, &before), beside(&come, &after)),
        (false, true) => (beside(&gone, &before), beside(&gone, &after)),
        _ => (gone, come),
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
    fn a_package_of_pypi_is_the_same_however_its_name_is_written() {
        let of = |name: &str| {
            let purl = Some(format!("pkg:pypi/{name}@3.0?file_name=x"));
            bom(vec![Item { purl, ..item(name, "3.0") }])
        };
        let (old, new) = (of("Flask_SQLAlchemy"), of("flask-sqlalchemy"));
        let diff = diff(&old, &new);
        assert_eq!((diff.same, diff.added.len(), diff.removed.len(), diff.changed), (1, 0, 0, Vec::new()));
        let graph = crate::bom::graph::Graph::of(&old);
        for asked in ["pkg:pypi/flask-sqlalchemy@3.0", "pkg:pypi/flask.sqlalchemy", "Flask_SQLAlchemy"] {
            assert_eq!(graph.find(asked).len(), 1, "{asked}");
        }
        assert!(graph.find("pkg:pypi/flask-sqlalchemy@3.1").is_empty());
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
    fn that_nothing_is_said_of_dependencies_any_more_is_told() {
        let of = |needs: Option<&[&str]>, aggregate: Option<&str>| {
            let mut bom = bom(vec![item("a", "1.0.0"), item("b", "1.0.0")]);
            if let Some(needs) = needs {
                let needs = needs.iter().map(|need| (*need).to_owned()).collect();
                bom.edges.insert("a@1.0.0".to_owned(), needs);
            }
            bom.aggregates.extend(aggregate.map(|word| ("a@1.0.0".to_owned(), word.to_owned())));
            bom
        };
        let said = |old: &Bom, new: &Bom| {
            let all = diff(old, new);
            all.changed.iter().map(|c| format!("{}: {} -> {}", c.what, c.from, c.to)).collect::<Vec<_>>()
        };
        let full = of(Some(&["b@1.0.0"]), Some("complete"));
        assert_eq!(said(&full, &of(None, Some("complete"))), ["list of dependencies: pkg:npm/b -> "]);
        assert_eq!(said(&of(None, None), &of(Some(&[]), None)), ["list of dependencies:  -> none"]);
        assert_eq!(said(&full, &of(Some(&["b@1.0.0"]), Some("unknown"))), ["completeness: complete -> unknown"]);
        assert_eq!(said(&full, &of(Some(&["b@1.0.0"]), None)), ["completeness: complete -> "]);
        assert_eq!(said(&full, &full), [""; 0]);
    }

    fn said(before: Item, after: Item) -> Vec<String> {
        let (old, new) = (bom(vec![before]), bom(vec![after]));
        let all = diff(&old, &new);
        all.changed.iter().map(|c| format!("{}: {} -> {}", c.what, c.from, c.to)).collect()
    }

    #[test]
    fn another_source_of_the_same_version_is_told() {
        let at = |url: &str| vec![crate::bom::File { url: Some(url.to_owned()), ..Default::default() }];
        let own = Item { files: at("https://static.crates.io/a-1.0.0.crate"), ..item("a", "1.0.0") };
        let other = Item {
            purl: Some("pkg:npm/a@1.0.0?vcs_url=git%2Bhttps://evil.example/a%40cc".to_owned()),
            ..item("a", "1.0.0")
        };
        assert_eq!(
            said(own.clone(), other.clone()),
            ["source: https://static.crates.io/a-1.0.0.crate -> vcs_url=git%2Bhttps://evil.example/a%40cc"]
        );
        let moved = Item { files: at("https://evil.example/a-1.0.0.crate"), ..own.clone() };
        assert_eq!(said(own.clone(), moved).len(), 1);
        let later = |host: &str| Item { files: at(&format!("https://{host}/x/a-1.1.0.crate")), ..item("a", "1.1.0") };
        assert_eq!(said(own.clone(), later("static.crates.io")), [""; 0]);
        assert_eq!(said(own, later("evil.example")), ["source: https://static.crates.io -> https://evil.example"]);
        let commit = |commit: &str, version: &str| Item {
            purl: other.purl.as_ref().map(|purl| purl.replace("cc", commit)),
            ..item("a", version)
        };
        assert_eq!(said(commit("cc", "1.0.0"), commit("dd", "1.0.0")).len(), 1);
        assert_eq!(said(commit("cc", "1.0.0"), commit("dd", "1.1.0")), [""; 0]);
    }

    #[test]
    fn a_digest_that_came_or_went_and_code_that_is_linked_no_more_are_told() {
        let hashed = |pairs: &[(&str, &str)]| Item {
            hashes: pairs.iter().map(|&(a, v)| (a.to_owned(), v.to_owned())).collect(),
            ..item("a", "1.0.0")
        };
        assert_eq!(said(hashed(&[("SHA-256", "aa")]), hashed(&[])), ["digest: SHA-256 aa -> "]);
        assert_eq!(said(hashed(&[]), hashed(&[("SHA-256", "aa")])), ["digest:  -> SHA-256 aa"]);
        assert_eq!(said(hashed(&[("SHA-1", "cc")]), hashed(&[("SHA-256", "aa")])), ["digest: SHA-1 cc -> SHA-256 aa"]);
        assert_eq!(said(hashed(&[("SHA-256", "aa")]), hashed(&[("SHA-1", "cc"), ("SHA-256", "aa")])), [""; 0]);
        let linked = |linked| Item { linked, ..item("a", "1.0.0") };
        assert_eq!(said(linked(Some(true)), linked(Some(false))), ["linked: yes -> no"]);
    }

    #[test]
    fn of_two_sources_of_one_version_each_is_held_against_itself() {
        let from = |url: &str| Item {
            reference: url.to_owned(),
            purl: Some(format!("pkg:npm/a@1.0.0?download_url={url}")),
            ..item("a", "1.0.0")
        };
        let (old, new) = (bom(vec![from("x"), from("y")]), bom(vec![from("y"), from("x")]));
        let all = diff(&old, &new);
        assert_eq!((all.same, all.changed), (2, vec![]));
    }

    #[test]
    fn versions_that_cannot_be_read_are_no_fault_of_the_order() {
        let text = |n: usize| match n % 3 {
            0 => format!("{}.0.0", n % 23),
            1 => format!("{}x", n % 19),
            _ => format!("{}.0.0", 9 + n % 4),
        };
        let many = bom((0..600).map(|n| Item { reference: n.to_string(), ..item("a", &text(n * 7)) }).collect());
        let all = diff(&many, &many);
        assert_eq!((all.same, all.moved.len(), all.added.len(), all.removed.len()), (600, 0, 0, 0));
        let of = |versions: &[&str]| bom(versions.iter().map(|version| item("a", version)).collect());
        let (old, new) = (of(&["2x", "10.0.0", "9.0.0"]), of(&["11.0.0", "3x", "9.1.0"]));
        let moved: Vec<_> = diff(&old, &new).moved.iter().map(|m| (m.from.label(), m.to.label())).collect();
        let of = |from: &str, to: &str| (format!("a {from}"), format!("a {to}"));
        assert_eq!(moved, [of("9.0.0", "9.1.0"), of("10.0.0", "11.0.0"), of("2x", "3x")]);
    }

    #[test]
    fn many_versions_of_one_name_take_a_moment() {
        let of = |begin: usize| {
            let one = |n: usize| Item { purl: None, ..item("a", &format!("v{}", begin + n)) };
            bom((0..30_000).map(one).collect())
        };
        let (old, new) = (of(0), of(20_000));
        let begun = std::time::Instant::now();
        let all = diff(&old, &new);
        assert_eq!((all.same, all.moved.len()), (10_000, 20_000));
        assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_document_differs_from_itself_in_nothing() {
        let one = bom(vec![item("a", "1.0.0"), item("a", "2.0.0"), item("%40s/b", "1.0.0")]);
        let diff = diff(&one, &one);
        assert_eq!((diff.same, diff), (3, Diff { same: 3, ..Diff::default() }));
    }

    #[test]
    fn packages_of_npm_whose_names_differ_in_case_alone_are_held_apart() {
        let needs = |of_app: &str, of_b: &str| {
            let all = ["app", "b", "JSONStream", "jsonstream"].map(|name| item(name, "1.0.0")).to_vec();
            let mut bom = bom(all);
            for (from, to) in [("app", of_app), ("b", of_b)] {
                bom.edges.insert(format!("{from}@1.0.0"), BTreeSet::from([format!("{to}@1.0.0")]));
            }
            bom
        };
        let (old, new) = (needs("jsonstream", "JSONStream"), needs("JSONStream", "jsonstream"));
        let all = diff(&old, &new);
        let said: Vec<_> = all.changed.iter().map(|c| (c.item.label(), c.from.as_str(), c.to.as_str())).collect();
        let (lower, upper) = ("pkg:npm/jsonstream", "pkg:npm/JSONStream");
        assert_eq!(said, [("app 1.0.0".to_owned(), lower, upper), ("b 1.0.0".to_owned(), upper, lower)]);
        assert_eq!((all.same, all.added.len(), all.removed.len()), (4, 0, 0));
        let (alone, other) = (bom(vec![item("JSONStream", "1.0.0")]), bom(vec![item("jsonstream", "1.0.0")]));
        assert_eq!(diff(&alone, &other), Diff { same: 1, ..Diff::default() }, "tools write one name in both ways");
    }

    #[test]
    fn of_two_packages_of_npm_that_their_case_tells_apart_the_one_that_came_or_went_is_named() {
        let lower = |name: &str| {
            let purl = Some(format!("pkg:npm/{}@1.0.0", name.to_lowercase()));
            Item { purl, ..item(name, "1.0.0") }
        };
        let both = bom(vec![item("JSONStream", "1.0.0"), item("jsonstream", "1.0.0")]);
        for (there, other) in [("JSONStream", "jsonstream"), ("jsonstream", "JSONStream")] {
            let alone = bom(vec![lower(there)]);
            let came = diff(&alone, &both);
            assert_eq!((came.added.len(), came.added[0].name.as_str(), came.same), (1, other, 1));
            let went = diff(&both, &alone);
            assert_eq!((went.removed.len(), went.removed[0].name.as_str(), went.same), (1, other, 1));
        }
        // A name that says nothing of the case leaves it to the URL.
        let small = |name: &str| Item { name: name.to_lowercase(), ..item(name, "1.0.0") };
        let old = bom(vec![small("JSONStream")]);
        let all = diff(&old, &both);
        assert_eq!((all.added.len(), all.added[0].name.as_str()), (1, "jsonstream"));
    }

    #[test]
    fn digests_of_files_without_an_address_are_compared() {
        let with = |values: &[&str]| Item {
            properties: values.iter().map(|value| (FILE_DIGEST.to_owned(), format!("SHA-256:{value}"))).collect(),
            ..item("a", "1.0.0")
        };
        assert_eq!(said(with(&["aa", "bb"]), with(&["aa", "cc"])), ["digest: SHA-256 bb -> SHA-256 cc"]);
        let only = Item { hashes: BTreeMap::from([("SHA-256".to_owned(), "aa".to_owned())]), ..item("a", "1.0.0") };
        let more = ["digest: SHA-256 aa -> SHA-256 aa; SHA-256 bb"];
        assert_eq!(said(only.clone(), with(&["aa", "bb"])), more, "what stays was said before");
        assert_eq!(said(with(&["aa", "bb"]), only.clone()), ["digest: SHA-256 aa; SHA-256 bb -> SHA-256 aa"]);
        assert_eq!(said(only, with(&["aa"])), [""; 0]);
    }

    #[test]
    fn an_edge_to_another_version_that_both_documents_list_is_told() {
        let of = |versions: [&str; 2], app: &str, y: &str| {
            let mut bom = bom(vec![item("app", "1"), item("y", "1"), item("x", versions[0]), item("x", versions[1])]);
            for (from, to) in [("app@1", app), ("y@1", y)] {
                bom.edges.insert(from.to_owned(), BTreeSet::from([format!("x@{to}")]));
            }
            bom
        };
        let told = |old: &Bom, new: &Bom| {
            let all = diff(old, new);
            all.changed.iter().map(|c| format!("{}: {} -> {}", c.item.name, c.from, c.to)).collect::<Vec<_>>()
        };
        let both = of(["1.0.0", "2.0.0"], "2.0.0", "1.0.0");
        let turned = of(["1.0.0", "2.0.0"], "1.0.0", "2.0.0");
        let (one, two) = ("pkg:npm/x@1.0.0", "pkg:npm/x@2.0.0");
        assert_eq!(told(&both, &turned), [format!("app: {two} -> {one}"), format!("y: {one} -> {two}")]);
        assert_eq!(told(&both, &of(["1.0.0", "3.0.0"], "3.0.0", "1.0.0")), [""; 0], "that it moved is told once");
    }

    #[test]
    fn a_licence_of_the_document_alone_that_means_something_else_is_told() {
        let of = |text: &str| Item {
            licences: BTreeSet::from(["LicenseRef-1".to_owned()]),
            properties: vec![(OWN_LICENCE.to_owned(), format!("LicenseRef-1 {text}"))],
            ..item("a", "1.0.0")
        };
        assert_eq!(said(of("x"), of("y")), ["licence: LicenseRef-1; LicenseRef-1 x -> LicenseRef-1; LicenseRef-1 y"]);
    }
}
