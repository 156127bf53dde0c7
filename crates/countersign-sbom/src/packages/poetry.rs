//! `poetry.lock`, with the project's manifest beside it for what the project itself asks for.

use super::apart::{Budget, never};
use super::dev::Counted;
use super::markers::{Answer, Condition, Facts};
use super::needs::{self, Asker, Found};
use super::poetry_hash::fingerprints;
use super::poetry_markers::{EMPTY, marker_of, never_in};
use super::poetry_told::Told;
use super::python::{
    From, condition, conditions as give_conditions, digest, extras, marker_within, normal, purl_within, range,
    reference, requirement,
};
use super::python_range::excludes;
use super::reach::{self, Ask, Node, Start};
use super::uv::{tables, text_in};
use super::{
    Kind, Made, PackagesError, UNNAMED, application, left_out_of, library, malformed, purl_error, take, text_of,
};
use crate::bom::{Bom, File, Item, Scope};
use countersign_core::{digest::Sha256, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::{Table, Value};

/// The condition on what is there on one that is not known.
const OPTIONAL: &str = "optional";

/// Where packages stand in the lock file, by name.
pub(super) type Index = BTreeMap<String, Vec<usize>>;

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let text = text_of(path, limits::LOCK_FILE_BYTES)?;
    let lock: Table = toml::from_str(&text).map_err(|error| malformed(path, "the text", error.message()))?;
    let metadata = lock.get("metadata").and_then(Value::as_table);
    let version = metadata.and_then(|metadata| text_in(metadata, "lock-version")).unwrap_or_default();
    if !(version.starts_with("1.") || version.starts_with("2.")) {
        return Err(PackagesError::Unsupported {
            path: path.to_owned(),
            what: format!("a lock file of version {version:?}, where 1 and 2 are read"),
            help: "`poetry lock` writes it again".to_owned(),
        });
    }
    let older = metadata.and_then(|metadata| metadata.get("files")).and_then(Value::as_table);
    let packages: Vec<&Table> = tables(&lock, "package").collect();
    let mut bom = Bom::made();
    let mut index = Index::new();
    let mut seen = BTreeSet::new();
    for (place, package) in packages.iter().enumerate() {
        let item = component(path, package, older)?;
        // One from a folder may stand there for each of several platforms.
        if item.purl.is_some() && !seen.insert(item.reference.clone()) {
            return Err(malformed(path, &item.label(), "it stands in the lock file twice: run `poetry lock`"));
        }
        index.entry(normal(&item.name)).or_default().push(place);
        bom.items.push(item);
    }
    let held = metadata.and_then(|metadata| text_in(metadata, "content-hash"));
    let (root, asks) = project(path, &index, held, &text)?;
    let said = says_scopes(&packages);
    in_range(path, &packages, &index)?;
    let found = found(&packages, asks.as_deref());
    let mut references: Vec<String> = bom.items.iter().map(|item| item.reference.clone()).collect();
    let mut told = Told::new();
    let mut places = Places { packages: &packages, index: &index, budget: Budget::default() };
    let mut nodes: Vec<Node> = Vec::new();
    for ((package, reference), found) in packages.iter().zip(&references).zip(&found) {
        told.insert(reference, package, found, &index);
        let (node, one_of_several) = node(package, &mut places);
        nodes.push(node);
        if one_of_several {
            told.insert_vague(reference);
        }
        let complete = found.open_extras.is_empty() && !found.missing && !one_of_several;
        bom.aggregates.insert(reference.clone(), if complete { "complete" } else { "incomplete" }.to_owned());
    }
    let mut partial = Vec::new();
    let mut left = Vec::new();
    let starts: Vec<Start> = if let Some(asks) = &asks {
        let project = nodes.len();
        let (asks, vague) = asked_by_project(asks, &mut places);
        nodes.push(Node { asks, ..Node::default() });
        references.push(root.reference.clone());
        told.insert_project(&root.reference, vague);
        let known = if vague.is_some() { "incomplete" } else { "complete" };
        bom.aggregates.insert(root.reference.clone(), known.to_owned());
        vec![(project, None, Scope::Required)]
    } else {
        bom.aggregates.insert(root.reference.clone(), "unknown".to_owned());
        partial.push(
            "pyproject.toml is not beside the lock file: what the project itself asks for is not known".to_owned(),
        );
        if !said {
            partial.push("what is for development only is not known: all count as required".to_owned());
        }
        (0..packages.len()).map(|place| (place, None, Scope::Required)).collect()
    };
    let reached = reach::walk(&nodes, starts);
    let mut conditions = reached.give_edges(&references, &mut bom);
    // That there are several versions of something is no condition that anybody could read. What the lock file itself says of a package's
    // conditions is of all that lead to it.
    let own = |(package, reference): (&&Table, &String)| package.contains_key("markers").then(|| reference.clone());
    let own: BTreeSet<String> = packages.iter().zip(&references).filter_map(own).collect();
    conditions.retain(|(_, to), all| !all.contains(OPTIONAL) && !own.contains(to));
    for (place, mut item) in std::mem::take(&mut bom.items).into_iter().enumerate() {
        match reached.scopes.get(&place) {
            Some(scope) if asks.is_some() && !said => item.scope = *scope,
            Some(_) => {}
            None => {
                bom.aggregates.remove(&item.reference);
                left.push(item);
                continue;
            }
        }
        take(&mut bom, item);
    }
    partial.extend(left_out_of(&left, "Poetry"));
    give_conditions(&mut bom, &conditions);
    told.keep(&bom, &root.reference);
    partial.extend(told.notes().into_iter().filter_map(Counted::said));
    partial.extend(super::dev::undigested(Kind::Poetry, &bom.items));
    partial.push("licences are not in the lock file".to_owned());
    bom.root = Some(root);
    Ok(Made {
        kind: Kind::Poetry,
        path: path.to_owned(),
        read_as: format!("Poetry's lock file, version {version}"),
        digest: Some(Sha256::of(text.as_bytes())),
        bom,
        partial,
        dev: told.into_dev(said || asks.is_some()),
    })
}

/// A version of what a package asks for is one that it asks for. Where there are several versions or constraints, each may be for a
/// condition of its own.
fn in_range(path: &Path, packages: &[&Table], index: &Index) -> Result<(), PackagesError> {
    for package in packages {
        for (name, asked) in package.get("dependencies").and_then(Value::as_table).into_iter().flatten() {
            let range = asked.as_str().or_else(|| text_in(asked.as_table()?, "version"));
            let found = index.get(&normal(name)).map(Vec::as_slice).unwrap_or_default();
            let of = |place: &usize| packages.get(*place).and_then(|package| text_in(package, "version"));
            let versions: Vec<&str> = found.iter().filter_map(of).collect();
            let certain = versions.len() == 1 || asked.as_table().is_none_or(|table| !table.contains_key("markers"));
            if let Some(range) = range
                && certain
                && !versions.is_empty()
                && versions.iter().all(|version| excludes(range, version))
            {
                let versions = versions.join(", ");
                let what = format!("it asks for {name} {range}, and the lock file has {versions}: run `poetry lock`");
                return Err(malformed(path, text_in(package, "name").unwrap_or_default(), &what));
            }
        }
    }
    Ok(())
}

/// Where packages stand in the lock file, and how long it is thought about which version of one is meant.
struct Places<'l, 't> {
    packages: &'l [&'t Table],
    index: &'l Index,
    budget: Budget,
}

impl Places<'_, '_> {
    /// The places of what a requirement may mean. Of several versions, those that it takes, and that are there where the asker is.
    fn of(&mut self, text: &str, own: Option<&str>) -> Vec<usize> {
        let (name, marker) = requirement(text);
        let all = self.index.get(&name).map(Vec::as_slice).unwrap_or_default();
        let [_, _, ..] = all else { return all.to_vec() };
        let range = range(text);
        let mut fitting = Vec::new();
        for place in all {
            let Some(package) = self.packages.get(*place) else { continue };
            let there = marker_of(package);
            let conditions: Vec<&str> = [marker, own, there.as_deref()].into_iter().flatten().collect();
            let out =
                there.as_deref() == Some(EMPTY) || excludes(range, text_in(package, "version").unwrap_or_default());
            if !out && !never(&conditions, &mut self.budget) {
                fitting.push(*place);
            }
        }
        fitting
    }

    /// Whether nothing says which of several is meant: the lock file says on what condition each is there, or does not.
    fn are_vague(&self, places: &[usize]) -> bool {
        let says = |place: &usize| self.packages.get(*place).is_some_and(|package| marker_of(package).is_some());
        places.len() > 1 && !places.iter().all(says)
    }
}

/// What a package asks for: by itself, and by each extra that it offers. And whether it is not known of something which version that is.
fn node(package: &Table, places: &mut Places<'_, '_>) -> (Node, bool) {
    let facts = Facts::default();
    let mut node = Node::default();
    let mut vague = false;
    let own = marker_of(package).filter(|own| own != EMPTY);
    let offered = package.get("extras").and_then(Value::as_table);
    for (name, asked) in package.get("dependencies").and_then(Value::as_table).into_iter().flatten() {
        for text in requirements(name, asked, offered) {
            let targets = places.of(&text, own.as_deref());
            vague |= places.are_vague(&targets);
            let (_, marker) = requirement(&text);
            let condition = marker.map(Condition::read);
            let holds =
                |extra: &str| condition.as_ref().map_or(Answer::Yes, |condition| condition.holds(&facts, extra));
            let asks = |answer: Answer| -> Vec<Ask> {
                let marker = match answer {
                    Answer::No => return Vec::new(),
                    Answer::Yes => None,
                    Answer::Unknown => marker,
                };
                // Of several versions, each is there on some condition.
                let marker = marker.or_else(|| (targets.len() > 1).then_some(OPTIONAL)).map(str::to_owned);
                let ask = |to: &usize| Ask {
                    to: *to,
                    extras: extras(&text),
                    scope: Scope::Required,
                    condition: marker.clone(),
                };
                targets.iter().map(ask).collect()
            };
            node.asks.extend(asks(holds("")));
            for extra in condition.iter().flat_map(|condition| &condition.extras) {
                node.extras.entry(extra.clone()).or_default().extend(asks(holds(extra)));
            }
        }
    }
    (node, vague)
}

/// What the project asks for. Of several versions, each is there on some condition. And how needed that is of which it is not known which
/// version is meant, where there is any.
fn asked_by_project(asks: &[(String, Scope)], places: &mut Places<'_, '_>) -> (Vec<Ask>, Option<Scope>) {
    let mut all = Vec::new();
    let mut vague: Option<Scope> = None;
    for (text, scope) in asks {
        let (_, marker) = requirement(text);
        let targets = places.of(text, None);
        if places.are_vague(&targets) {
            vague = Some(vague.map_or(*scope, |known| known.min(*scope)));
        }
        let condition = marker.or_else(|| (targets.len() > 1).then_some(OPTIONAL)).map(str::to_owned);
        let scope = if condition.is_none() { *scope } else { (*scope).max(Scope::Optional) };
        let ask = |to: &usize| Ask { to: *to, extras: extras(text), scope, condition: condition.clone() };
        all.extend(targets.iter().map(ask));
    }
    (all, vague)
}

/// What each package needs, by the extras that packages and the project ask for. The lock file serves every platform, so that
/// nothing is known of one; without the manifest the project may ask for any extra.
fn found(packages: &[&Table], project: Option<&[(String, Scope)]>) -> Vec<Found> {
    let mut index: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut askers = Vec::new();
    for (place, package) in packages.iter().enumerate() {
        index.entry(normal(text_in(package, "name").unwrap_or_default())).or_default().push(place);
        let offered = package.get("extras").and_then(Value::as_table);
        let mut requires = Vec::new();
        for (name, asked) in package.get("dependencies").and_then(Value::as_table).into_iter().flatten() {
            requires.extend(requirements(name, asked, offered));
        }
        let offers = offered.into_iter().flatten().map(|(name, _)| name.as_str());
        askers.push(Asker::of(requires.iter().map(String::as_str), offers, false));
    }
    let by_name = project.map(|asks| Asker::of(asks.iter().map(|(text, _)| text.as_str()), std::iter::empty(), true));
    askers.extend(by_name);
    needs::find(&mut askers, &index, &Facts::default())
}

/// What Poetry writes as a table, as a requirement for each of its constraints. Older locks do not say for which extra
/// something optional is needed: the package's own list of extras does.
fn requirements(name: &str, asked: &Value, offered: Option<&Table>) -> Vec<String> {
    let one = |asked: &Value| {
        let table = asked.as_table();
        let listed = table.and_then(|table| table.get("extras")).and_then(Value::as_array);
        let extras: Vec<&str> = listed.into_iter().flatten().filter_map(Value::as_str).collect();
        let optional = table.and_then(|table| table.get("optional")).and_then(Value::as_bool) == Some(true);
        let marker = match table.and_then(|table| table.get("markers")?.as_str()).map(marker_within) {
            Some(marker) if optional && !marker.contains("extra") => match extras_with(name, offered) {
                extras if extras == OPTIONAL => Some(marker.to_owned()),
                extras => Some(format!("({extras}) and ({marker})")),
            },
            Some(marker) => Some(marker.to_owned()),
            None if optional => Some(extras_with(name, offered)),
            None => None,
        };
        let marker = marker.map(|marker| format!(" ; {marker}")).unwrap_or_default();
        let range = asked.as_str().or_else(|| text_in(table?, "version")).filter(|range| !range.contains([';', '@']));
        format!("{name}[{}] {}{marker}", extras.join(","), range.unwrap_or_default())
    };
    match asked.as_array() {
        Some(several) => several.iter().map(one).collect(),
        None => vec![one(asked)],
    }
}

/// The condition that one of the extras is asked for which have it. Where none has, it is one that cannot be judged.
fn extras_with(name: &str, offered: Option<&Table>) -> String {
    let has = |list: &Value| {
        list.as_array().into_iter().flatten().filter_map(Value::as_str).any(|text| requirement(text).0 == normal(name))
    };
    let extras = offered.into_iter().flatten().filter(|(_, list)| has(list));
    let all: Vec<String> = extras.map(|(extra, _)| format!("extra == '{}'", normal(extra))).collect();
    if all.is_empty() { OPTIONAL.to_owned() } else { all.join(" or ") }
}

/// Whether the lock file itself says in which groups a package is: newer ones do.
fn says_scopes(packages: &[&Table]) -> bool {
    packages.iter().any(|package| package.contains_key("groups") || package.contains_key("category"))
}

fn component(path: &Path, package: &Table, older: Option<&Table>) -> Result<Item, PackagesError> {
    let name = text_in(package, "name").ok_or_else(|| malformed(path, "package", "a package without a name"))?;
    let version = text_in(package, "version").ok_or_else(|| malformed(path, name, "a package without a version"))?;
    let source = package.get("source").and_then(Value::as_table);
    let text = |key: &str| source.and_then(|source| text_in(source, key));
    let url = text("url").unwrap_or_default();
    let from = match text("type") {
        None => From::Index(None),
        Some("legacy") => From::Index(Some(url.to_owned())),
        Some("git") => {
            From::Git(format!("{url}#{}", text("resolved_reference").or_else(|| text("reference")).unwrap_or_default()))
        }
        Some("url") => From::Url(url.to_owned()),
        Some(_) => From::Folder,
    };
    let purl =
        purl_within(name, Some(version), &from, text("subdirectory")).map_err(|error| purl_error(path, name, error))?;
    let mut item = library(reference(name, Some(version), purl.as_ref()), name, Some(version));
    item.purl = purl.map(|purl| purl.as_str().to_owned());
    // Poetry names every other index.
    item.supplier = if from == From::Index(None) { Some("PyPI".to_owned()) } else { from.supplier() };
    let listed = older.and_then(|older| older.get(name)).and_then(Value::as_array);
    let files = package.get("files").and_then(Value::as_array).or(listed);
    for file in files.into_iter().flatten().filter_map(Value::as_table) {
        let hash = text_in(file, "hash").ok_or_else(|| malformed(path, name, "a file without a hash"))?;
        let hash = digest(hash).ok_or_else(|| malformed(path, name, "its hash is no digest that is known"))?;
        item.files.push(File { url: None, hashes: BTreeMap::from([hash]) });
    }
    let groups: Option<Vec<&str>> =
        package.get("groups").and_then(Value::as_array).map(|list| list.iter().filter_map(Value::as_str).collect());
    let main = groups.as_ref().is_none_or(|groups| groups.contains(&"main")) && !never_in(package, "main");
    let optional = package.get("optional").and_then(Value::as_bool) == Some(true);
    let conditions = own_conditions(package, groups.as_deref());
    item.scope = if !main || text_in(package, "category").is_some_and(|category| category != "main") {
        Scope::Excluded
    } else if optional || conditions.as_ref().is_some_and(|all| !all.is_empty()) {
        Scope::Optional
    } else {
        Scope::Required
    };
    for marker in conditions.into_iter().flatten() {
        condition(&mut item, marker);
    }
    Ok(item)
}

/// On what conditions a package is there: one for all groups, or one for each. The main group's counts, unless it never has the package;
/// without it, a group that has the package in any case ends all.
fn own_conditions<'t>(package: &'t Table, groups: Option<&[&str]>) -> Option<BTreeSet<&'t str>> {
    let markers = package.get("markers")?;
    if let Some(text) = markers.as_str() {
        return Some(Some(text).filter(|text| *text != EMPTY).into_iter().collect());
    }
    let by_group = markers.as_table()?;
    let of = |group: &str| by_group.get(group).and_then(Value::as_str).map(marker_within);
    let groups = groups.unwrap_or(&["main"]);
    if groups.contains(&"main") && !never_in(package, "main") {
        return of("main").map(|marker| BTreeSet::from([marker]));
    }
    groups.iter().map(|group| of(group)).filter(|marker| *marker != Some(EMPTY)).collect()
}

/// The project, and what it asks for, where its manifest is there to say so: each as a requirement, with the most that it can be.
type Project = (Item, Option<Vec<(String, Scope)>>);

/// What the manifest says: the project's name, and what it asks for. It has to be the one that the lock file was made from.
fn project(path: &Path, index: &Index, held: Option<&str>, lock: &str) -> Result<Project, PackagesError> {
    let manifest = path.with_file_name("pyproject.toml");
    if !manifest.is_file() {
        return Ok((application(UNNAMED, None), None));
    }
    let text = text_of(&manifest, limits::LOCK_FILE_BYTES)?;
    let table: Table = toml::from_str(&text).map_err(|error| malformed(&manifest, "the text", error.message()))?;
    let digest = |text: &&str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(held) = held.filter(digest)
        && fingerprints(&table, lock).is_some_and(|all| !all.iter().any(|one| one.hex() == held))
    {
        let what = "pyproject.toml was changed since the lock file was made of it (content-hash): run `poetry lock`";
        return Err(malformed(path, "metadata", what));
    }
    let project = table.get("project").and_then(Value::as_table);
    let poetry = table.get("tool").and_then(|tool| tool.get("poetry")).and_then(Value::as_table);
    let text = |key: &str| {
        project.and_then(|project| text_in(project, key)).or_else(|| poetry.and_then(|poetry| text_in(poetry, key)))
    };
    let mut root = application(text("name").unwrap_or(UNNAMED), text("version"));
    if let Some(licence) = text("license") {
        super::licence(&mut root, licence);
    }
    let mut asks: Vec<(String, Scope)> = Vec::new();
    let listed = |value: Option<&Value>, scope: Scope| -> Vec<(String, Scope)> {
        let list = value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        list.map(|text| (text.to_owned(), scope)).collect()
    };
    let several = |name: &str| index.get(&normal(name)).is_some_and(|places| places.len() > 1);
    let tabled = |value: Option<&Value>, scope: Scope| -> Vec<(String, Scope)> {
        let table = value.and_then(Value::as_table).into_iter().flatten();
        let asked = table.filter(|(name, _)| *name != "python").flat_map(|(name, asked)| {
            let mut texts = requirements(name, asked, None);
            // Several constraints are one for each case: one of them holds. Where it matters which, not all say their condition in words
            // that are read.
            for text in texts.iter_mut().filter(|_| asked.is_array()) {
                if !several(name) {
                    *text = text.split(';').next().unwrap_or_default().trim().to_owned();
                } else if !text.contains(';') {
                    *text = format!("{text} ; {OPTIONAL}");
                }
            }
            texts
        });
        asked.map(|text| (text, scope)).collect()
    };
    let own_groups = table.get("dependency-groups").and_then(Value::as_table);
    let has_own = |group: &str| {
        let own = own_groups.into_iter().flatten().filter(|(name, _)| normal(name) == normal(group));
        own.filter_map(|(_, list)| list.as_array()).flatten().any(Value::is_str)
    };
    asks.extend(listed(project.and_then(|project| project.get("dependencies")), Scope::Required));
    for value in project
        .and_then(|p| p.get("optional-dependencies"))
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(Table::values)
    {
        asks.extend(listed(Some(value), Scope::Optional));
    }
    for value in own_groups.into_iter().flat_map(Table::values) {
        asks.extend(listed(Some(value), Scope::Excluded));
    }
    // Poetry's own tables only say more of what stands in lists that every tool reads, where there are such.
    let main = filled_in(project, poetry.and_then(|poetry| poetry.get("dependencies")));
    asks.extend(tabled(main.as_ref(), Scope::Required));
    let older = poetry.and_then(|poetry| poetry.get("dev-dependencies")).filter(|_| !has_own("dev"));
    asks.extend(tabled(older, Scope::Excluded));
    for (group, value) in poetry.and_then(|poetry| poetry.get("group")).and_then(Value::as_table).into_iter().flatten()
    {
        let (value, scope) = match group.as_str() {
            "main" => (filled_in(project, value.get("dependencies")), Scope::Required),
            other => (value.get("dependencies").filter(|_| !has_own(other)).cloned(), Scope::Excluded),
        };
        asks.extend(tabled(value.as_ref(), scope));
    }
    for (text, scope) in &asks {
        let (name, condition) = requirement(text);
        if *scope == Scope::Required && condition.is_none() && !index.contains_key(&name) {
            let what = format!("pyproject.toml asks for {name}, which the lock file does not have: run `poetry lock`");
            return Err(malformed(path, "the project", &what));
        }
    }
    Ok((root, Some(asks)))
}

/// What of Poetry's own table of dependencies is asked for: all of it, but where `[project]` has dependencies. Then it is what that leaves
/// to Poetry (`dynamic`).
fn filled_in(project: Option<&Table>, own: Option<&Value>) -> Option<Value> {
    let mut own = own?.as_table()?.clone();
    let some = |list: &Value| list.as_array().is_some_and(|list| !list.is_empty());
    let lists = project.is_some_and(|project| {
        let optional = project.get("optional-dependencies").and_then(Value::as_table);
        project.get("dependencies").is_some_and(some) || optional.is_some_and(|all| all.values().any(some))
    });
    let dynamic = |key: &str| {
        let list = project.and_then(|project| project.get("dynamic")).and_then(Value::as_array);
        list.into_iter().flatten().any(|one| one.as_str() == Some(key))
    };
    own.retain(|_, asked| {
        let optional = asked.get("optional").and_then(Value::as_bool) == Some(true);
        !lists || dynamic(if optional { "optional-dependencies" } else { "dependencies" })
    });
    Some(Value::Table(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
[[package]]
name = "a"
version = "1.0"
optional = false
files = [{ file = "a-1.0.tar.gz", hash = "sha256:abababababababababababababababababababababababababababababababab" }]
[package.dependencies]
B_b = ">=1"
win = { version = "*", markers = "sys_platform == 'win32'" }
[[package]]
name = "b.b"
version = "2.0"
files = []
[[package]]
name = "t"
version = "3.0"
files = []
[metadata]
lock-version = "2.0"
content-hash = "x"
"#;

    fn made(lock: &str, manifest: Option<&str>) -> Result<Made, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("poetry.lock");
        std::fs::write(&path, lock).unwrap();
        if let Some(manifest) = manifest {
            std::fs::write(folder.path().join("pyproject.toml"), manifest).unwrap();
        }
        read(&path)
    }

    const MANIFEST: &str = "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"a>=1\"]\n\
                            [tool.poetry.group.dev.dependencies]\nt = \"*\"\n";

    #[test]
    fn packages_and_edges_are_read_with_and_without_the_manifest() {
        let with = made(LOCK, Some(MANIFEST)).unwrap();
        assert_eq!(with.bom.edges["path:app@1"], ["pkg:pypi/a@1.0", "pkg:pypi/t@3.0"].map(str::to_owned).into());
        assert_eq!(with.bom.edges["pkg:pypi/a@1.0"], BTreeSet::from(["pkg:pypi/b-b@2.0".to_owned()]));
        let scopes: Vec<&str> = with.bom.items.iter().map(|item| item.scope.word()).collect();
        assert_eq!(scopes, ["required", "required", "excluded"]);
        let without = made(LOCK, None).unwrap();
        let root = without.bom.root.as_ref().unwrap().reference.clone();
        assert!(!without.bom.edges.contains_key(&root));
        assert_eq!(without.bom.aggregates[&root], "unknown");
        assert!(without.partial[0].contains("pyproject.toml is not beside"));
        assert!(without.partial[1].contains("all count as required"));
    }

    #[test]
    fn what_an_extra_needs_is_needed_only_where_the_extra_is_asked_for() {
        let optional = "B_b = { version = \">=1\", optional = true, markers = \"extra == \\\"file\\\" and python_version > '3'\" }";
        let older = "B_b = { version = \">=1\", optional = true }";
        let own = "pkg:pypi/a@1.0";
        for form in [optional, older] {
            let lock = LOCK.replace("B_b = \">=1\"", form).replacen(
                "[[package]]\nname = \"b.b\"",
                "[package.extras]\nFile = [\"b.b (>=1)\"]\n[[package]]\nname = \"b.b\"",
                1,
            );
            let with = |asks: &str| made(&lock, Some(&MANIFEST.replace("a>=1", asks))).unwrap().bom;
            let asked = with("a[file]>=1");
            assert_eq!(asked.edges[own], BTreeSet::from(["pkg:pypi/b-b@2.0".to_owned()]), "{form}");
            let other = with("a[else]>=1");
            assert_eq!((other.edges[own].len(), other.aggregates[own].as_str()), (0, "complete"), "{form}");
            let without = made(&lock, None).unwrap();
            assert_eq!((without.bom.edges[own].len(), without.bom.aggregates[own].as_str()), (0, "incomplete"));
            assert!(without.partial.iter().any(|text| text.starts_with("1 extras may be asked for by the project")));
            let chain = lock.replace("name = \"t\"\nversion = \"3.0\"\nfiles = []",
                "name = \"t\"\nversion = \"3.0\"\nfiles = []\n[package.dependencies]\na = { version = \"*\", extras = [\"file\"] }");
            let chain = made(&chain, Some(MANIFEST)).unwrap().bom;
            assert_eq!(chain.edges[own].len(), 1, "another package asks for it");
        }
    }

    #[test]
    fn the_folder_that_a_package_lies_in_is_kept() {
        let source = "[package.source]\ntype = \"git\"\nurl = \"https://example.com/o/t\"\nreference = \"main\"\n\
                      resolved_reference = \"0123\"\nsubdirectory = \"pkgs/t\"\n[metadata]";
        let made = made(&LOCK.replace("[metadata]", source), None).unwrap();
        let item = made.bom.items.iter().find(|item| item.name == "t").unwrap();
        let purl = "pkg:pypi/t@3.0?vcs_url=git%2Bhttps://example.com/o/t%400123#pkgs/t";
        assert_eq!(item.purl.as_deref(), Some(purl));
    }

    #[test]
    fn the_groups_of_a_newer_lock_give_the_scope() {
        let lock = LOCK
            .replace("version = \"3.0\"\n", "version = \"3.0\"\ngroups = [\"dev\"]\n")
            .replace("version = \"1.0\"\n", "version = \"1.0\"\ngroups = [\"main\", \"dev\"]\n");
        let scopes: Vec<&str> = made(&lock, None).unwrap().bom.items.iter().map(|item| item.scope.word()).collect();
        assert_eq!(scopes, ["required", "required", "excluded"]);
    }

    #[test]
    fn a_version_that_no_package_asks_for_is_refused() {
        let error = made(&LOCK.replace("B_b = \">=1\"", "B_b = \">=3,<4\""), Some(MANIFEST)).unwrap_err().to_string();
        assert!(error.contains("a: it asks for B_b >=3,<4, and the lock file has 2.0"), "{error}");
        assert!(made(&LOCK.replace("B_b = \">=1\"", "B_b = \"^2.0\""), Some(MANIFEST)).is_ok());
    }

    /// Two versions of one package, each with what is said of it, and two that ask for it.
    fn several(first: &str, second: &str, asks: &str, more: &str) -> String {
        let package = |name: &str, version: &str, more: &str| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nfiles = []\n{more}\n")
        };
        [
            package("a", "1.0", first),
            package("a", "2.0", second),
            package("b", "1.0", &format!("{more}\n[package.dependencies]\na = {asks}")),
            "[metadata]\nlock-version = \"2.1\"\ncontent-hash = \"x\"\n".to_owned(),
        ]
        .concat()
    }

    #[test]
    fn of_several_versions_only_those_are_needed_that_fit_the_asker() {
        let (older, newer) = ("markers = \"python_version < '3.12'\"", "markers = \"python_version >= '3.12'\"");
        let b = "pkg:pypi/b@1.0";
        let of = |lock: &str| {
            let made = made(lock, None).unwrap();
            let needs: Vec<String> = made.bom.edges[b].iter().cloned().collect();
            (needs.join(" "), made.bom.aggregates[b].clone())
        };
        let pair = |needs: &str, known: &str| (needs.to_owned(), known.to_owned());
        let (one, two) = ("pkg:pypi/a@1.0", "pkg:pypi/a@2.0");
        assert_eq!(of(&several("", "", "\">=2\"", "")), pair(two, "complete"), "by its range");
        assert_eq!(of(&several(older, newer, "\"*\"", newer)), pair(two, "complete"), "by where it is there itself");
        let marked = "{ version = \"*\", markers = \"python_version < '3.9'\" }";
        assert_eq!(of(&several(older, newer, marked, "")), pair(one, "complete"), "by its condition");
        let both = format!("{one} {two}");
        assert_eq!(of(&several(older, newer, "\"*\"", "")), pair(&both, "complete"), "each where it is there");
        assert_eq!(of(&several("", "", "\"*\"", "")), pair(&both, "incomplete"), "nothing says which");
        let lock = several("", "", "\">=3\"", "");
        let error = made(&lock, None).unwrap_err().to_string();
        assert!(error.contains("b: it asks for a >=3, and the lock file has 1.0, 2.0"), "{error}");
    }

    #[test]
    fn the_condition_that_the_lock_gives_a_package_is_that_of_no_edge() {
        let (windows, other) = (
            "groups = [\"main\"]\nmarkers = \"os_name == 'nt'\"",
            "groups = [\"main\"]\nmarkers = \"os_name != 'nt'\"",
        );
        let asks = "{ version = \"*\", markers = \"python_version < '3.9'\" }";
        let made = made(&several(windows, other, asks, "groups = [\"main\"]"), None).unwrap();
        let said: Vec<&str> =
            made.bom.items.iter().flat_map(|item| &item.properties).map(|(_, value)| value.as_str()).collect();
        assert_eq!(said, ["os_name == 'nt'", "os_name != 'nt'"]);
    }

    #[test]
    fn the_condition_of_the_project_is_told() {
        let manifest = MANIFEST.replace("\"a>=1\"", "\"a>=1 ; os_name == 'nt'\"");
        let made = made(LOCK, Some(&manifest)).unwrap();
        let item = made.bom.items.iter().find(|item| item.name == "a").unwrap();
        assert_eq!((item.scope, item.properties[0].1.as_str()), (Scope::Optional, "os_name == 'nt'"));
    }

    #[test]
    fn what_poetrys_own_tables_only_say_more_of_is_not_asked_for() {
        let more = "[tool.poetry.dependencies]\nattrs = \"^26\"\n";
        assert!(made(LOCK, Some(&format!("{MANIFEST}{more}"))).is_ok());
        let dynamic = MANIFEST.replace("version = \"1\"", "version = \"1\"\ndynamic = [\"dependencies\"]");
        for manifest in [format!("{dynamic}{more}"), format!("[tool.poetry]\nname = \"app\"\n{more}")] {
            let error = made(LOCK, Some(&manifest)).unwrap_err().to_string();
            assert!(error.contains("asks for attrs"), "{error}");
        }
        let group = format!("{MANIFEST}[dependency-groups]\ndev = [\"b.b\"]\n");
        let made = made(LOCK, Some(&group)).unwrap();
        assert!(!made.bom.edges["path:app@1"].contains("pkg:pypi/t@3.0"), "{:?}", made.bom.edges);
    }

    #[test]
    fn a_condition_of_one_group_is_none_of_another() {
        let of = |more: &str| {
            let lock = LOCK.replacen("version = \"1.0\"\n", &format!("version = \"1.0\"\n{more}\n"), 1);
            let made = made(&lock, None).unwrap();
            let item = made.bom.items.iter().find(|item| item.name == "a").unwrap().clone();
            (item.scope.word(), item.properties.into_iter().map(|(_, value)| value).collect::<Vec<_>>().join(" "))
        };
        let both = "groups = [\"main\", \"dev\"]\nmarkers = ";
        let pair = |scope, text: &str| (scope, text.to_owned());
        assert_eq!(of(&format!("{both}{{ main = \"os_name == 'nt'\" }}")), pair("optional", "os_name == 'nt'"));
        assert_eq!(of(&format!("{both}{{ dev = \"os_name == 'nt'\" }}")), pair("required", ""));
        assert_eq!(of(&format!("{both}\"os_name == 'nt'\"")), pair("optional", "os_name == 'nt'"));
        let dev = "groups = [\"dev\", \"docs\"]\nmarkers = { dev = \"os_name == 'nt'\" }";
        assert_eq!(of(dev), pair("excluded", ""));
    }

    #[test]
    fn what_only_development_asks_an_extra_for_is_for_development() {
        let lock = LOCK
            .replace("B_b = \">=1\"", "B_b = { version = \">=1\", optional = true, markers = \"extra == 'file'\" }");
        let manifest = format!("{MANIFEST}a = {{ version = \"*\", extras = [\"file\"] }}\n");
        let asked = made(&lock, Some(&manifest)).unwrap();
        let scopes: Vec<(&str, &str)> =
            asked.bom.items.iter().map(|item| (item.name.as_str(), item.scope.word())).collect();
        assert_eq!(scopes, [("a", "required"), ("b.b", "excluded"), ("t", "excluded")]);
        let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let dev = [edge("path:app@1", "pkg:pypi/t@3.0"), edge("pkg:pypi/a@1.0", "pkg:pypi/b-b@2.0")];
        assert_eq!(asked.bom.only_dev, BTreeSet::from(dev));
        let unasked = made(&lock, Some(MANIFEST)).unwrap();
        assert!(unasked.partial.iter().any(|text| text.contains("(b.b 2.0)")), "{:?}", unasked.partial);
        let twice = format!("{lock}[[package]]\nname = \"A\"\nversion = \"1.0\"\nfiles = []\n");
        let error = made(&twice, None).unwrap_err().to_string();
        assert!(error.contains("A 1.0: it stands in the lock file twice"), "{error}");
    }

    #[test]
    fn a_lock_that_its_manifest_does_not_fit_is_refused() {
        let error = made(LOCK, Some(&MANIFEST.replace("a>=1", "nowhere"))).unwrap_err();
        assert!(error.to_string().contains("asks for nowhere"), "{error}");
        assert!(matches!(made("[metadata]\nlock-version = \"9\"\n", None), Err(PackagesError::Unsupported { .. })));
        assert!(made(&LOCK.replace("sha256:ab", "sha256:zz"), None).is_err());
    }

    const MANIFEST_OF_NOW: &str = r#"
[project]
name = "app"
version = "1"
requires-python = ">=3.10"
dependencies = ["a>=1"]
[tool.poetry.group.dev.dependencies]
t = { version = "*", markers = "sys_platform == \"win32\"" }
[[tool.poetry.source]]
name = "büro"
url = "https://example.com/simple/"
"#;
    const MANIFEST_OF_BEFORE: &str = r#"
[tool.poetry]
name = "app"
version = "1"
[tool.poetry.dependencies]
python = "^3.10"
a = ">=1"
[tool.poetry.dev-dependencies]
t = { version = "*", optional = true }
"#;

    #[test]
    fn a_manifest_that_was_changed_since_is_refused_by_the_digest_that_poetry_wrote_down() {
        // Both digests are what Poetry 2.2.1 wrote for these manifests.
        for (manifest, hash) in [
            (MANIFEST_OF_NOW, "550dcf1198ac0a70137e7fc2d813dda8aff6e1e9b075ea6f6ca356ac9c018596"),
            (MANIFEST_OF_BEFORE, "1a9e8350b30a7ca76fde133c86f20a5b50b68890e0ac3eaa611a8c558271e3ee"),
        ] {
            let lock = LOCK.replace("content-hash = \"x\"", &format!("content-hash = \"{hash}\""));
            assert!(made(&lock, Some(manifest)).is_ok(), "{:?}", made(&lock, Some(manifest)).err());
            let later = made(&lock, Some(&manifest.replace(">=1", ">=2"))).unwrap_err().to_string();
            assert!(later.contains("was changed since"), "{later}");
            let described = manifest.replacen("name = ", "description = \"d\"\nname = ", 1);
            assert!(made(&lock, Some(&described)).is_ok(), "what is not asked for may change");
        }
        let groups = format!("{MANIFEST_OF_NOW}[dependency-groups]\nx = [\"a\"]\n");
        assert_eq!(fingerprints(&toml::from_str(&groups).unwrap(), "").unwrap().len(), 1, "with them alone");
        assert_eq!(fingerprints(&toml::from_str("[tool.poetry.extras]\nx = 1.5\n").unwrap(), ""), None);
    }

    #[test]
    fn what_is_needed_on_any_condition_has_none() {
        let lock = LOCK.replace("B_b = \">=1\"", "B_b = { version = \">=1\", markers = \"extra == 'x'\" }");
        let lock = lock.replace(
            "files = []\n[[package]]\nname = \"t\"",
            "files = []\ngroups = [\"main\"]\n[[package]]\nname = \"t\"",
        );
        let made = made(&lock, None).unwrap();
        let item = made.bom.items.iter().find(|item| item.name == "b.b").unwrap();
        assert_eq!((item.scope, item.properties.len()), (Scope::Required, 0), "its group has it without condition");
    }
}
