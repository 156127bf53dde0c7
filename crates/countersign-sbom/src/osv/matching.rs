//! Which components of an SBOM an advisory is about. Several advisories about one vulnerability are one finding.

use super::{Advisory, Affected, Event, Record, Severity};
use crate::bom::{Bom, Item};
use crate::packages::normal_python_name;
use crate::version::{Scheme, Version};
use countersign_core::purl::decoded;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// How well a match is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// The version is among those that have it.
    Affected,
    /// The version is missing, or cannot be compared: nobody can rule it out.
    Unknown,
}

/// One vulnerability in one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit<'b> {
    /// The component.
    pub item: &'b Item,
    /// Its main name.
    pub id: String,
    /// All its other names.
    pub aliases: BTreeSet<String>,
    /// How well it is known.
    pub known: Known,
    /// In a line.
    pub summary: Option<String>,
    /// When it was first published.
    pub published: Option<String>,
    /// How bad it is: method and word, number or vector.
    pub severity: Vec<(String, String)>,
    /// Versions that have it no more, but for those before the component's own.
    pub fixed: BTreeSet<String>,
    /// The database's word where none of its records calls this a vulnerability: `unmaintained`, `notice`, `unsound`.
    pub informational: Option<String>,
}

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches<'b> {
    /// The findings, by component and id.
    pub hits: Vec<Hit<'b>>,
    /// How many advisories were read.
    pub advisories: usize,
    /// How many of them are withdrawn: they say nothing.
    pub withdrawn: usize,
    /// Records that could not be read: any of them may be about a component.
    pub unread: Vec<(String, String)>,
    /// Advisories by ecosystem.
    pub by_ecosystem: BTreeMap<String, usize>,
    /// Ecosystems of components, each with how many.
    pub wanted: BTreeMap<&'static str, usize>,
    /// Components that no advisory can name: they have no public identity, or one of a kind that has no advisories.
    pub unidentified: Vec<&'b Item>,
    /// Types of package URLs that advisories may name and that are not compared here, each with how many components.
    pub not_compared: BTreeMap<String, usize>,
    /// The latest change of any advisory.
    pub newest: Option<String>,
}

/// Ecosystems that are matched: the type of the package URL, OSV's word, and the order of versions.
const ECOSYSTEMS: [(&str, &str, Option<Scheme>); 9] = [
    ("cargo", "crates.io", Some(Scheme::SemVer)),
    ("npm", "npm", Some(Scheme::SemVer)),
    ("pypi", "PyPI", Some(Scheme::Pep440)),
    ("golang", "Go", Some(Scheme::Go)),
    ("maven", "Maven", None),
    ("nuget", "NuGet", None),
    ("gem", "RubyGems", None),
    ("composer", "Packagist", None),
    ("hex", "Hex", None),
];

/// Types of package URLs of which databases of advisories have no ecosystem: files, images, models, repositories.
const WITHOUT_ADVISORIES: [&str; 9] =
    ["bitbucket", "docker", "generic", "github", "gitlab", "huggingface", "mlflow", "oci", "swid"];

struct Target<'b> {
    item: &'b Item,
    version: Option<String>,
    scheme: Option<Scheme>,
}

/// An advisory about a component: how well that is known, and how bad it is there.
type About<'b> = (&'b Item, Known, Advisory, Vec<Severity>);

/// Collects matches, record by record.
#[derive(Default)]
struct Work<'b> {
    index: BTreeMap<(&'static str, String), Vec<Target<'b>>>,
    /// By component: each advisory that is about it.
    found: BTreeMap<&'b str, Vec<About<'b>>>,
}

/// Holds all components of an SBOM against all records that are given.
pub fn matches<E>(bom: &Bom, records: impl FnOnce(&mut dyn FnMut(Record)) -> Result<(), E>) -> Result<Matches<'_>, E> {
    let mut matches = Matches::default();
    let mut work = Work::default();
    for item in bom.all() {
        let mut looked_at = false;
        let mut held: BTreeSet<&'static str> = BTreeSet::new();
        for identity in item.purls().flat_map(|purl| identities(purl, item)) {
            looked_at = true;
            if held.insert(identity.ecosystem) {
                let count = matches.wanted.entry(identity.ecosystem).or_default();
                *count = count.saturating_add(1);
            }
            let target = Target { item, version: identity.version, scheme: identity.scheme };
            work.index.entry((identity.ecosystem, identity.name)).or_default().push(target);
        }
        let compared = |kind: &String| ECOSYSTEMS.iter().any(|(known, _, _)| known == kind);
        let other = item.purls().filter_map(kind_of).filter(|kind| !compared(kind));
        for kind in other.filter(|kind| !WITHOUT_ADVISORIES.contains(&kind.as_str())) {
            looked_at = true;
            let count = matches.not_compared.entry(kind).or_default();
            *count = count.saturating_add(1);
        }
        if !looked_at {
            matches.unidentified.push(item);
        }
    }
    records(&mut |record| take(record, &mut work, &mut matches))?;
    for (_, advisories) in std::mem::take(&mut work.found) {
        matches.hits.extend(grouped(advisories));
    }
    matches.hits.sort_by(|a, b| (&a.item.reference, &a.id).cmp(&(&b.item.reference, &b.id)));
    Ok(matches)
}

/// A package URL without its scheme, which any case spells.
fn without_scheme(purl: &str) -> Option<&str> {
    let (scheme, rest) = purl.split_once(':')?;
    scheme.eq_ignore_ascii_case("pkg").then(|| rest.trim_start_matches('/'))
}

/// The type of a package URL.
fn kind_of(purl: &str) -> Option<String> {
    let (kind, _) = without_scheme(purl)?.split_once('/')?;
    Some(kind.to_ascii_lowercase())
}

/// What advisories may call a component.
#[derive(Clone)]
struct Identity {
    ecosystem: &'static str,
    name: String,
    version: Option<String>,
    scheme: Option<Scheme>,
}

/// Ecosystem, name and version as OSV has them. Go's own distribution is two things there.
fn identities(purl: &str, item: &Item) -> Vec<Identity> {
    let Some(identity) = identity(purl, item) else { return Vec::new() };
    if identity.ecosystem != "Go" {
        return vec![identity];
    }
    let names: &[&str] = match identity.name.as_str() {
        "std" | "stdlib" => &["stdlib"],
        "cmd" | "toolchain" => &["toolchain"],
        "go" | "golang" | "golang.org/go" | "golang.org/toolchain" | "github.com/golang/go" => &["stdlib", "toolchain"],
        _ => return vec![identity],
    };
    let version = identity.version.as_deref().map(of_go);
    names.iter().map(|&name| Identity { name: name.to_owned(), version: version.clone(), ..identity.clone() }).collect()
}

/// A version of Go itself as its advisories have it: `go1.22rc1` is `1.22.0-rc.1`, and that of its toolchain's module stands behind a
/// dash. What cannot be read so stays as it is, and what cannot be compared is a match.
fn of_go(text: &str) -> String {
    let text = text.split_whitespace().next().unwrap_or(text);
    let text = text.strip_prefix("v0.0.1-").unwrap_or(text);
    let own = match text.strip_prefix("go") {
        Some(own) => own.split('-').next().unwrap_or(own),
        None if text.contains('-') => return text.to_owned(),
        None => text.strip_prefix('v').unwrap_or(text),
    };
    match ["rc", "beta"]
        .into_iter()
        .find_map(|word| own.split_once(word).map(|(release, number)| (release, word, number)))
    {
        Some((release, word, number)) => {
            let zeros = if release.matches('.').count() < 2 { ".0" } else { "" };
            format!("{release}{zeros}-{word}.{number}")
        }
        None => own.to_owned(),
    }
}

fn identity(purl: &str, item: &Item) -> Option<Identity> {
    let bare = without_scheme(purl)?.split(['?', '#']).next()?;
    let (kind, path) = bare.split_once('/')?;
    let kind = kind.to_ascii_lowercase();
    let (_, ecosystem, scheme) = ECOSYSTEMS.iter().find(|(known, _, _)| *known == kind)?;
    // An `@` that begins a part is npm's scope, written without encoding; what follows another is the version, whatever it holds.
    let begins = |at: usize| path.get(..at).is_none_or(|before| before.is_empty() || before.ends_with('/'));
    let (path, version) = match path.match_indices('@').map(|(at, _)| at).find(|at| !begins(*at)) {
        Some(at) => path.split_at_checked(at)?,
        None => (path, ""),
    };
    let raw = version.strip_prefix('@').unwrap_or(version);
    // A version that does not decode is one that cannot be read, and no reason to look for nothing.
    let version = Some(decoded(raw).unwrap_or_else(|| raw.to_owned())).filter(|version| !version.is_empty());
    let name = decoded(path)?;
    let name = match (kind.as_str(), name.rsplit_once('/')) {
        ("maven", Some((group, artifact))) => format!("{group}:{artifact}"),
        _ => name,
    };
    Some(Identity {
        ecosystem,
        name: spelled(ecosystem, &name),
        version: version.or_else(|| item.version.clone()),
        scheme: *scheme,
    })
}

/// A name as it is compared within its ecosystem.
fn spelled(ecosystem: &str, name: &str) -> String {
    match ecosystem {
        "PyPI" => normal_python_name(name),
        "crates.io" => name.replace('_', "-").to_ascii_lowercase(),
        _ => name.to_lowercase(),
    }
}

fn take<'b>(record: Record, work: &mut Work<'b>, matches: &mut Matches<'b>) {
    let advisory = match record.advisory {
        Ok(advisory) => advisory,
        Err(why) => {
            matches.unread.push((record.place, why));
            return;
        }
    };
    matches.advisories = matches.advisories.saturating_add(1);
    if matches.newest.as_ref().is_none_or(|newest| *newest < advisory.modified) {
        matches.newest = Some(advisory.modified.clone());
    }
    let ecosystems: BTreeSet<&str> = advisory.affected.iter().filter_map(ecosystem).collect();
    for ecosystem in ecosystems {
        let count = matches.by_ecosystem.entry(ecosystem.to_owned()).or_default();
        *count = count.saturating_add(1);
    }
    if advisory.withdrawn.is_some() {
        matches.withdrawn = matches.withdrawn.saturating_add(1);
        return;
    }
    let mut best: BTreeMap<&'b str, (&'b Item, Known, Vec<Severity>)> = BTreeMap::new();
    for affected in &advisory.affected {
        let (Some(package), Some(ecosystem)) = (&affected.package, ecosystem(affected)) else { continue };
        let Some((_, known, _)) = ECOSYSTEMS.iter().find(|(_, known, _)| *known == ecosystem) else { continue };
        let Some(targets) = work.index.get(&(*known, spelled(known, &package.name))) else { continue };
        for target in targets {
            let Some(how) = is_affected(affected, target) else { continue };
            let slot =
                best.entry(&target.item.reference).or_insert_with(|| (target.item, how, affected.severity.clone()));
            slot.1 = slot.1.min(how);
            // Of two entries about one package the worse one counts: both are kept.
            for severity in &affected.severity {
                if !slot.2.contains(severity) {
                    slot.2.push(severity.clone());
                }
            }
        }
    }
    for (reference, (item, known, severity)) in best {
        work.found.entry(reference).or_default().push((item, known, advisory.clone(), severity));
    }
}

/// `Debian:12` is Debian.
fn ecosystem(affected: &Affected) -> Option<&str> {
    affected.package.as_ref().and_then(|package| package.ecosystem.split(':').next())
}

/// `None` where the version is known not to be affected.
fn is_affected(affected: &Affected, target: &Target<'_>) -> Option<Known> {
    let Some(version) = &target.version else { return Some(Known::Unknown) };
    let bare = version.trim_start_matches('v');
    if affected.versions.iter().any(|one| one == version || one.trim_start_matches('v') == bare) {
        return Some(Known::Affected);
    }
    if listed_otherwise(affected, target) {
        return Some(Known::Affected);
    }
    let ordered: Vec<&super::Range> = affected.ranges.iter().filter(|range| range.kind != "GIT").collect();
    if ordered.is_empty() {
        // Nothing but versions one by one says exactly which; nothing at all says all of them; commits say nothing to us.
        return match (affected.versions.is_empty(), affected.ranges.is_empty()) {
            (false, _) if all_read(affected, target) => None,
            (true, true) => Some(Known::Affected),
            (false, _) | (true, false) => Some(Known::Unknown),
        };
    }
    let mut worst = None;
    for range in ordered {
        match target.scheme.and_then(|scheme| in_range(&range.events, scheme, version)) {
            Some(true) => return Some(Known::Affected),
            Some(false) => {}
            None => worst = Some(Known::Unknown),
        }
    }
    worst
}

/// Whether the component's version and every listed one can be read, so that no spelling hides that they are the same.
fn all_read(affected: &Affected, target: &Target<'_>) -> bool {
    let Some((scheme, version)) = target.scheme.zip(target.version.as_deref()) else { return false };
    Version::read(scheme, version).is_some() && affected.versions.iter().all(|one| Version::read(scheme, one).is_some())
}

/// The same version in another spelling.
fn listed_otherwise(affected: &Affected, target: &Target<'_>) -> bool {
    let Some((scheme, version)) = target.scheme.zip(target.version.as_deref()) else { return false };
    let Some(own) = Version::read(scheme, version) else { return false };
    let equal = |one: &String| {
        let own = without_local(scheme, version, one).unwrap_or_else(|| own.clone());
        Version::read(scheme, one).and_then(|one| one.compare(&own)) == Some(Ordering::Equal)
    };
    affected.versions.iter().any(equal)
}

/// A version of Python's without its local part, where what it is compared with has none: as PEP 440 has it, `2.0.0+cpu` is
/// `2.0.0` then.
fn without_local(scheme: Scheme, version: &str, other: &str) -> Option<Version> {
    let (public, _) = version.split_once('+').filter(|_| scheme == Scheme::Pep440 && !other.contains('+'))?;
    Version::read(scheme, public)
}

/// A place on the line of versions, with the component's own version as it is compared there; how far behind it; whether the
/// vulnerability begins.
type Mark = (Option<(Version, Version)>, u8, bool);

/// Whether a version lies in a range; `None` where a version cannot be read.
fn in_range(events: &[Event], scheme: Scheme, version: &str) -> Option<bool> {
    let own = Version::read(scheme, version)?;
    // A place on the line of versions, and whether the vulnerability is there from it on. `0` is before all.
    let mut marks: Vec<Mark> = Vec::new();
    for event in events {
        // Each with the component's own version, as it is compared with this one.
        let read = |text: &str| {
            if text == "0" {
                return Some(None);
            }
            let own = without_local(scheme, version, text).unwrap_or_else(|| own.clone());
            Version::read(scheme, text).map(|place| Some((place, own)))
        };
        if let Some(text) = &event.introduced {
            marks.push((read(text)?, 1, true));
        }
        if let Some(text) = &event.fixed {
            marks.push((read(text)?, 0, false));
        }
        if let Some(text) = &event.last_affected {
            // From behind this version on.
            marks.push((read(text)?, 2, false));
        }
        if let Some(text) = event.limit.as_ref().filter(|text| *text != "*") {
            marks.push((read(text)?, 0, false));
        }
    }
    marks.sort_by(|a, b| {
        let order = match (&a.0, &b.0) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some((a, _)), Some((b, _))) => a.compare(b).unwrap_or(Ordering::Equal),
        };
        order.then(a.1.cmp(&b.1))
    });
    let mut there = false;
    for (place, behind, begins) in marks {
        let reached = match place {
            None => true,
            Some((place, own)) => match place.compare(&own)? {
                Ordering::Less => true,
                Ordering::Equal => behind != 2,
                Ordering::Greater => false,
            },
        };
        if reached {
            there = begins;
        }
    }
    Some(there)
}

/// Of databases that name one vulnerability each in its own way, the one whose name is used most.
fn rank(id: &str) -> (u8, &str) {
    let place = match id.split('-').next().unwrap_or_default() {
        "CVE" => 0,
        "GHSA" => 1,
        "RUSTSEC" => 2,
        "PYSEC" => 3,
        "GO" => 4,
        _ => 5,
    };
    (place, id)
}

/// Advisories about one component, those that are aliases of each other together.
fn grouped<'b>(advisories: Vec<About<'b>>) -> Vec<Hit<'b>> {
    let mut groups: Vec<(BTreeSet<String>, Vec<About<'b>>)> = Vec::new();
    for entry in advisories {
        let mut names: BTreeSet<String> = entry.2.aliases.iter().cloned().collect();
        names.insert(entry.2.id.clone());
        let mut members = vec![entry];
        let mut rest = Vec::new();
        for (other, inside) in groups {
            if other.is_disjoint(&names) {
                rest.push((other, inside));
            } else {
                names.extend(other);
                members.extend(inside);
            }
        }
        rest.push((names, members));
        groups = rest;
    }
    groups.into_iter().filter_map(|(names, members)| hit(&names, members)).collect()
}

fn hit<'b>(names: &BTreeSet<String>, mut members: Vec<About<'b>>) -> Option<Hit<'b>> {
    members.sort_by(|a, b| rank(&a.2.id).cmp(&rank(&b.2.id)));
    let id = names.iter().min_by_key(|id| rank(id))?.clone();
    let (item, _, _, _) = members.first()?;
    let known = members.iter().map(|member| member.1).min()?;
    let mut severity: BTreeSet<(String, String)> = BTreeSet::new();
    let mut fixed = BTreeSet::new();
    let mut informational: BTreeSet<Option<&str>> = BTreeSet::new();
    for (_, _, advisory, own) in &members {
        for score in advisory.severity.iter().chain(own) {
            let number = super::base_score(&score.score);
            // A vector that nobody here can score counts as the worst, also beside one that can be.
            let word = advisory.database_specific.as_ref().and_then(|specific| specific.severity.as_ref());
            if number.is_none() && word.is_none() && score.score.trim_start().starts_with("CVSS:4") {
                severity.insert((score.method.clone(), "critical".to_owned()));
            }
            severity.insert((score.method.clone(), number.unwrap_or_else(|| score.score.clone())));
        }
        if let Some(word) = advisory.database_specific.as_ref().and_then(|specific| specific.severity.as_ref()) {
            severity.insert(("database".to_owned(), word.to_lowercase()));
        }
        let about = |affected: &&Affected| {
            let package = affected.package.as_ref().zip(ecosystem(affected));
            package.is_some_and(|(package, ecosystem)| {
                item.purls()
                    .flat_map(|purl| identities(purl, item))
                    .any(|own| own.ecosystem == ecosystem && own.name == spelled(ecosystem, &package.name))
            })
        };
        informational.extend(advisory.affected.iter().filter(about).map(|affected| {
            affected.database_specific.as_ref().and_then(|specific| specific.informational.as_deref())
        }));
        let events = advisory.affected.iter().filter(about).flat_map(|affected| &affected.ranges);
        let events = events.filter(|range| range.kind != "GIT").flat_map(|range| &range.events);
        fixed.extend(events.filter_map(|event| event.fixed.clone()));
    }
    // What mended an older line of releases mends nothing here.
    let own: Vec<(Scheme, Version)> = item
        .purls()
        .flat_map(|purl| identities(purl, item))
        .filter_map(|own| Some((own.scheme?, Version::read(own.scheme?, &own.version?)?)))
        .collect();
    fixed.retain(|text| {
        let older = |(scheme, own): &(Scheme, Version)| {
            let order = Version::read(*scheme, text).and_then(|fixed| fixed.compare(own));
            order == Some(Ordering::Less)
        };
        own.is_empty() || !own.iter().all(older)
    });
    Some(Hit {
        item,
        aliases: names.iter().filter(|name| **name != id).cloned().collect(),
        id,
        known,
        summary: members.iter().find_map(|member| member.2.summary.clone()),
        published: members.iter().filter_map(|member| member.2.published.clone()).min(),
        severity: severity.into_iter().collect(),
        fixed,
        informational: match informational.into_iter().collect::<Option<Vec<_>>>() {
            Some(words) if !words.is_empty() => Some(words.join(", ")),
            _ => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn item(purl: &str) -> Item {
        Item { reference: purl.to_owned(), name: purl.to_owned(), purl: Some(purl.to_owned()), ..Item::default() }
    }

    fn advisory(id: &str, ecosystem: &str, name: &str, affected: &Value, more: &Value) -> Record {
        let mut entry = json!({"package": {"ecosystem": ecosystem, "name": name}});
        entry.as_object_mut().unwrap().extend(affected.as_object().unwrap().clone());
        let mut value = json!({"id": id, "modified": "2026-01-01T00:00:00Z", "affected": [entry]});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Record { place: id.to_owned(), advisory: serde_json::from_value(value).map_err(|error| error.to_string()) }
    }

    fn found(purls: &[&str], records: Vec<Record>) -> Vec<(String, String, Known)> {
        let bom = Bom { items: purls.iter().map(|purl| item(purl)).collect(), ..Bom::made() };
        let feed = |take: &mut dyn FnMut(Record)| -> Result<(), ()> {
            records.into_iter().for_each(take);
            Ok(())
        };
        let matches = matches(&bom, feed).unwrap();
        matches.hits.into_iter().map(|hit| (hit.item.reference.clone(), hit.id, hit.known)).collect()
    }

    fn range(events: &Value) -> Value {
        json!({"ranges": [{"type": "SEMVER", "events": events}]})
    }

    #[test]
    fn a_range_begins_with_what_introduced_it_and_ends_with_what_fixed_it() {
        let events =
            json!([{"introduced": "0"}, {"fixed": "1.2.0"}, {"introduced": "2.0.0-0"}, {"last_affected": "2.1.0"}]);
        for (version, affected) in [
            ("0.0.1", true),
            ("1.2.0-rc.1", true),
            ("1.2.0", false),
            ("1.9.9", false),
            ("2.0.0-alpha", true),
            ("2.1.0", true),
            ("2.1.1", false),
            ("3.0.0", false),
        ] {
            let purl = format!("pkg:cargo/a@{version}");
            let hits = found(&[&purl], vec![advisory("X-1", "crates.io", "a", &range(&events), &json!({}))]);
            assert_eq!(!hits.is_empty(), affected, "{version}");
        }
    }

    #[test]
    fn what_a_database_calls_unmaintained_is_told_unless_another_record_calls_it_a_vulnerability() {
        let bom = Bom { items: vec![item("pkg:cargo/a@1.0.0")], ..Bom::made() };
        let word = |records: Vec<Record>| {
            let feed = |take: &mut dyn FnMut(Record)| -> Result<(), ()> {
                records.into_iter().for_each(take);
                Ok(())
            };
            let found = matches(&bom, feed).unwrap();
            assert_eq!(found.hits.len(), 1);
            found.hits[0].informational.clone()
        };
        let record = |id: &str, more: &Value| {
            let mut affected = range(&json!([{"introduced": "0.0.0-0"}]));
            affected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            advisory(id, "crates.io", "a", &affected, &json!({"aliases": ["CVE-1"]}))
        };
        let unmaintained =
            || record("RUSTSEC-1", &json!({"database_specific": {"informational": "unmaintained", "cvss": null}}));
        assert_eq!(word(vec![unmaintained()]), Some("unmaintained".to_owned()));
        assert_eq!(word(vec![unmaintained(), record("GHSA-1", &json!({}))]), None);
        assert_eq!(word(vec![record("RUSTSEC-1", &json!({"database_specific": {"informational": null}}))]), None);
    }

    #[test]
    fn each_ecosystem_has_its_own_names_and_order() {
        let events = json!([{"introduced": "0"}, {"fixed": "2.0"}]);
        let ranges = json!({"ranges": [{"type": "ECOSYSTEM", "events": events}]});
        let hits =
            found(&["pkg:pypi/foo-bar@2.0rc1"], vec![advisory("PYSEC-1", "PyPI", "Foo_Bar", &ranges, &json!({}))]);
        assert_eq!(hits.len(), 1);
        let go = range(&json!([{"introduced": "0"}, {"fixed": "1.2.3"}]));
        let hits = found(
            &["pkg:golang/github.com/burntsushi/toml@v1.2.2", "pkg:golang/github.com/burntsushi/toml@v1.2.3"],
            vec![advisory("GO-1", "Go", "github.com/BurntSushi/toml", &go, &json!({}))],
        );
        assert_eq!(hits.len(), 1);
        let npm = range(&json!([{"introduced": "0"}]));
        assert_eq!(
            found(&["pkg:npm/%40a/b@1.0.0"], vec![advisory("GHSA-1", "npm", "@a/b", &npm, &json!({}))]).len(),
            1
        );
        assert_eq!(found(&["pkg:npm/b@1.0.0"], vec![advisory("GHSA-1", "crates.io", "b", &npm, &json!({}))]).len(), 0);
    }

    #[test]
    fn go_itself_is_found_by_every_name_and_spelling_of_its_version() {
        let fixed = range(
            &json!([{"introduced": "0"}, {"fixed": "1.20.5"}, {"introduced": "1.22.0-0"}, {"fixed": "1.22.0-rc.2"}]),
        );
        let hits =
            |purl: &str, name: &str| found(&[purl], vec![advisory("GO-1", "Go", name, &fixed, &json!({}))]).len();
        for purl in [
            "stdlib@1.20.4",
            "std@go1.20.4",
            "std@v1.20.4",
            "go@1.20.4",
            "github.com/golang/go@go1.20.4",
            "std@go1.22rc1",
            "stdlib@1.22rc1",
        ] {
            assert_eq!(hits(&format!("pkg:golang/{purl}"), "stdlib"), 1, "{purl}");
        }
        assert_eq!(hits("PKG:golang/std@go1.20", "stdlib"), 1);
        assert_eq!(hits("pkg:golang/golang.org/toolchain@v0.0.1-go1.20.4.linux-amd64", "toolchain"), 1);
        assert_eq!(hits("pkg:golang/std@devel-x", "stdlib"), 1, "not comparable");
        assert_eq!(hits("pkg:golang/go@1.20.4", "toolchain"), 1);
        for purl in ["std@go1.20.5", "stdlib@1.21.0", "std@go1.22rc2", "std@go1.22"] {
            assert_eq!(hits(&format!("pkg:golang/{purl}"), "stdlib"), 0, "{purl}");
        }
        assert_eq!(hits("pkg:golang/std@go1.20.4", "toolchain"), 0);
    }

    #[test]
    fn every_package_url_of_a_component_is_looked_at() {
        let mut both = item("pkg:generic/x@1");
        both.take_purl("pkg:npm/a@1.0.0");
        both.take_purl("pkg:deb/debian/a@1.0.0");
        let bom = Bom { items: vec![both], ..Bom::made() };
        let all = range(&json!([{"introduced": "0"}]));
        let mut record = Some(advisory("X-1", "npm", "a", &all, &json!({})));
        let feed = |take: &mut dyn FnMut(Record)| -> Result<(), ()> {
            record.take().into_iter().for_each(take);
            Ok(())
        };
        let found = matches(&bom, feed).unwrap();
        assert_eq!((found.hits.len(), found.unidentified.len(), found.not_compared["deb"]), (1, 0, 1));
    }

    #[test]
    fn no_spelling_of_a_version_hides_that_it_is_listed() {
        let listed = |ecosystem: &str, name: &str| {
            vec![advisory("MAL-1", ecosystem, name, &json!({"versions": ["1.0.0"]}), &json!({}))]
        };
        let known = |purl: &str, records| found(&[purl], records).into_iter().map(|hit| hit.2).collect::<Vec<_>>();
        assert_eq!(known("pkg:npm/a@latest", listed("npm", "a")), [Known::Unknown]);
        assert_eq!(known("pkg:npm/a@1.0%zz", listed("npm", "a")), [Known::Unknown]);
        assert_eq!(known("pkg:npm/a@1.0.1", listed("npm", "a")), []);
        assert_eq!(known("pkg:npm/@s/a@1.0.0", listed("npm", "@s/a")), [Known::Affected]);
        assert_eq!(known("pkg:composer/v/p@dev-feature/x", listed("Packagist", "v/p")), [Known::Unknown]);
        let beside = json!({"versions": ["0.9.0"],
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "2.0"}]}]});
        assert_eq!(
            known("pkg:pypi/x@0.9", vec![advisory("P-1", "PyPI", "x", &beside, &json!({}))]),
            [Known::Affected],
            "listed beside a range"
        );
    }

    #[test]
    fn the_worse_of_two_severities_counts_and_a_vector_that_cannot_be_scored_is_the_worst() {
        let low = json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N"}]);
        let high = json!([{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]);
        let entry = |severity: &Value, to: &str| {
            json!({"package": {"ecosystem": "npm", "name": "a"}, "severity": severity,
                "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": to}]}]})
        };
        let of = |record: Value| {
            let bom = Bom { items: vec![item("pkg:npm/a@0.5.0")], ..Bom::made() };
            let advisory = serde_json::from_value(record).map_err(|error| error.to_string());
            let mut record = Some(Record { place: "x".to_owned(), advisory });
            let feed = |take: &mut dyn FnMut(Record)| -> Result<(), ()> {
                record.take().into_iter().for_each(take);
                Ok(())
            };
            let matches = matches(&bom, feed).unwrap();
            matches.hits[0].severity.iter().map(|(_, score)| score.clone()).collect::<Vec<_>>()
        };
        let two = json!({"id": "X", "modified": "2026-01-01T00:00:00Z", "affected": [entry(&low, "1.0.0"), entry(&high, "2.0.0")]});
        assert!(of(two).contains(&"9.8".to_owned()));
        let newer = json!({"id": "X", "modified": "2026-01-01T00:00:00Z", "affected": [entry(&low, "1.0.0")],
            "severity": [{"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}]});
        assert!(of(newer).contains(&"critical".to_owned()));
    }

    #[test]
    fn a_local_part_of_a_version_counts_only_beside_another() {
        let affected = |text: &Value| {
            !found(&["pkg:pypi/torch@2.0.0%2Bcpu"], vec![advisory("P-1", "PyPI", "torch", text, &json!({}))]).is_empty()
        };
        assert!(affected(&json!({"versions": ["2.0.0"]})));
        assert!(!affected(&json!({"versions": ["2.0.0+cu118"]})));
        assert!(affected(&range(&json!([{"introduced": "0"}, {"last_affected": "2.0.0"}]))));
        assert!(affected(&range(&json!([{"introduced": "2.0.0"}, {"fixed": "2.0.0+cpu.1"}]))));
        assert!(!affected(&range(&json!([{"introduced": "0"}, {"fixed": "2.0.0"}]))));
    }

    #[test]
    fn kinds_of_packages_that_are_not_compared_are_counted_by_themselves() {
        let purls = [
            "pkg:deb/debian/openssl@3",
            "pkg:DEB/debian/zlib@1",
            "pkg:swift/github.com/a/b@1",
            "pkg:oci/a@1",
            "pkg:npm/a@1",
        ];
        let bom = Bom { items: purls.iter().map(|purl| item(purl)).collect(), ..Bom::made() };
        let matches = matches(&bom, |_: &mut dyn FnMut(Record)| -> Result<(), ()> { Ok(()) }).unwrap();
        assert_eq!(matches.not_compared, BTreeMap::from([("deb".to_owned(), 2), ("swift".to_owned(), 1)]));
        assert_eq!((matches.unidentified.len(), matches.wanted["npm"]), (1, 1));
    }

    #[test]
    fn what_cannot_be_compared_is_unknown_and_told() {
        let fixed = range(&json!([{"introduced": "0"}, {"fixed": "1.0.0"}]));
        let strange = range(&json!([{"introduced": "soon"}]));
        for (purl, affected) in [
            ("pkg:cargo/a", &fixed),
            ("pkg:cargo/a@latest", &fixed),
            ("pkg:cargo/a@1.0.0", &strange),
            ("pkg:cargo/a@1.0.0", &json!({"ranges": [{"type": "GIT", "events": []}]})),
        ] {
            let hits = found(&[purl], vec![advisory("X-1", "crates.io", "a", affected, &json!({}))]);
            assert_eq!(hits.first().map(|hit| hit.2), Some(Known::Unknown), "{purl} {affected}");
        }
        let maven = json!({"ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}], "versions": ["1.0"]});
        let of = |version: &str| {
            found(&[&format!("pkg:maven/g/a@{version}")], vec![advisory("GHSA-1", "Maven", "g:a", &maven, &json!({}))])
        };
        assert_eq!((of("1.0")[0].2, of("2.0")[0].2), (Known::Affected, Known::Unknown));
    }

    #[test]
    fn what_mended_an_older_line_of_releases_is_not_named() {
        let events = json!([{"introduced": "0"}, {"fixed": "1.26.9"}, {"introduced": "1.27.0-0"}, {"fixed": "1.27.2"}]);
        for (version, fixed) in
            [("v1.27.1", vec!["1.27.2"]), ("v1.20.0", vec!["1.26.9", "1.27.2"]), ("odd", vec!["1.26.9", "1.27.2"])]
        {
            let bom = Bom { items: vec![item(&format!("pkg:golang/a@{version}"))], ..Bom::made() };
            let record = advisory("GO-1", "Go", "a", &range(&events), &json!({}));
            let found = matches(&bom, |take: &mut dyn FnMut(Record)| -> Result<(), ()> {
                take(record);
                Ok(())
            });
            assert_eq!(found.unwrap().hits[0].fixed, fixed.into_iter().map(str::to_owned).collect(), "{version}");
        }
    }

    #[test]
    fn versions_one_by_one_and_no_versions_at_all() {
        let listed = json!({"versions": ["1.0.0", "1.1.0"]});
        let of = |version: &str, affected: &Value| {
            found(&[&format!("pkg:npm/a@{version}")], vec![advisory("MAL-1", "npm", "a", affected, &json!({}))]).len()
        };
        assert_eq!((of("1.1.0", &listed), of("1.2.0", &listed), of("9.9.9", &json!({}))), (1, 0, 1));
    }

    #[test]
    fn aliases_are_one_finding_and_withdrawn_ones_none() {
        let all = range(&json!([{"introduced": "0"}]));
        let records = || {
            vec![
                advisory("RUSTSEC-1", "crates.io", "a", &all, &json!({"aliases": ["CVE-1"]})),
                advisory(
                    "GHSA-1",
                    "crates.io",
                    "a",
                    &all,
                    &json!({"aliases": ["CVE-1"], "database_specific": {"severity": "HIGH"}}),
                ),
                advisory("GHSA-2", "crates.io", "a", &all, &json!({"withdrawn": "2026-01-02T00:00:00Z"})),
                advisory("X-9", "crates.io", "a", &all, &json!({"aliases": ["RUSTSEC-1"]})),
                advisory("OTHER-1", "crates.io", "a", &all, &json!({})),
            ]
        };
        let ids: Vec<String> = found(&["pkg:cargo/a@1.0.0"], records()).into_iter().map(|hit| hit.1).collect();
        assert_eq!(ids, ["CVE-1", "OTHER-1"]);
        let mut turned = records();
        turned.reverse();
        assert_eq!(found(&["pkg:cargo/a@1.0.0"], turned).len(), 2);
    }

    #[test]
    fn components_without_identity_and_records_that_cannot_be_read_are_told() {
        let bom =
            Bom { items: vec![item("pkg:generic/zlib@1"), Item::default(), item("pkg:npm/a@1.0.0")], ..Bom::made() };
        let broken = Record { place: "x".to_owned(), advisory: Err("no".to_owned()) };
        let matches = matches(&bom, |take: &mut dyn FnMut(Record)| -> Result<(), ()> {
            take(broken);
            Ok(())
        })
        .unwrap();
        assert_eq!((matches.unidentified.len(), matches.unread.len(), matches.wanted["npm"]), (2, 1, 1));
    }
}
