//! Whether `uv.lock` was made of the `pyproject.toml` beside it, and of those of its members: what uv wrote down of each
//! package's requirements is what the manifest still asks for. Conditions are not compared, since uv rewrites them.

use super::npm_asks::first_of;
use super::python::{normal, requirement};
use super::uv::{folder, tables, text_in};
use super::{PackagesError, malformed, text_of};
use crate::version::{Scheme, Version};
use countersign_core::limits;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::{Table, Value};

/// What is asked for, by name: for each, its bounds as sign and version; none where something else than a bound says which.
type Asks = BTreeMap<String, BTreeSet<Option<Vec<(String, String)>>>>;

/// Refuses a lock that says something else of a project than its manifest, where that is there.
pub(super) fn agrees(path: &Path, lock: &Table, own: &[&Table]) -> Result<(), PackagesError> {
    let mut root_is_a_package = false;
    for package in own {
        let Some(place) = folder(package) else { continue };
        root_is_a_package |= place == ".";
        let Some(manifest) = manifest(path, place)? else { continue };
        same(path, package, &manifest)?;
    }
    let groups = lock.get("manifest").and_then(|manifest| manifest.get("dependency-groups"));
    if !root_is_a_package
        && path.file_name().is_some_and(|name| name == "uv.lock")
        && let Some(manifest) = manifest(path, ".")?
    {
        let name = "the workspace";
        differ(path, name, "dependency-groups", &locked(groups), &in_groups(&manifest))?;
    }
    Ok(())
}

/// What the project changes in what packages ask for, in words: uv writes that it does into the lock file.
pub(super) fn changed(lock: &Table) -> Vec<String> {
    let manifest = lock.get("manifest").and_then(Value::as_table);
    let names = |key: &str| {
        let list = manifest.and_then(|manifest| manifest.get(key)).and_then(Value::as_array);
        let name = |one: &Value| one.as_table().map_or_else(|| one.as_str(), |one| text_in(one, "name")).map(normal);
        let short = |name: &String| name.len() <= limits::SBOM_TEXT_BYTES;
        list.into_iter().flatten().filter_map(name).filter(short).collect::<BTreeSet<String>>()
    };
    let said = [
        ("overrides", "packages are asked for as the project overrides it, whatever their askers say"),
        ("excludes", "packages are left out by the project, whoever asks for them"),
        ("dependency-metadata", "packages depend on what the project says of them, whatever they say themselves"),
    ];
    let said = said.into_iter().map(|(key, words)| (names(key), words)).filter(|(names, _)| !names.is_empty());
    said.map(|(names, words)| format!("{} {words} ({})", names.len(), first_of(&names))).collect()
}

fn manifest(path: &Path, place: &str) -> Result<Option<Table>, PackagesError> {
    let Some(folder) = path.parent() else { return Ok(None) };
    let manifest = folder.join(place).join("pyproject.toml");
    if !manifest.is_file() {
        return Ok(None);
    }
    let text = text_of(&manifest, limits::LOCK_FILE_BYTES)?;
    toml::from_str(&text).map(Some).map_err(|error: toml::de::Error| malformed(&manifest, "the text", error.message()))
}

fn same(path: &Path, package: &Table, manifest: &Table) -> Result<(), PackagesError> {
    let name = text_in(package, "name").unwrap_or_default();
    // What another tool than uv fills in is not in the manifest's words.
    let Some(project) = manifest.get("project").and_then(Value::as_table) else { return Ok(()) };
    let dynamic = |key: &str| {
        let list = project.get("dynamic").and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|one| one.as_str() == Some(key)))
    };
    if let (Some(locked), Some(now)) = (text_in(package, "version"), text_in(project, "version"))
        && !alike(locked, now)
    {
        return refused(path, name, &format!("its version is {locked} here, and {now} in pyproject.toml"));
    }
    let metadata = package.get("metadata").and_then(Value::as_table);
    // Without requirements uv writes no metadata; an older lock may have left it out.
    let kinds = ["dependencies", "optional-dependencies", "dev-dependencies"];
    if metadata.is_none() && kinds.iter().any(|key| package.contains_key(*key)) {
        return Ok(());
    }
    let of = |key: &str| locked(metadata.and_then(|metadata| metadata.get(key)));
    if !dynamic("dependencies") && !dynamic("optional-dependencies") {
        let optional = project.get("optional-dependencies").and_then(Value::as_table);
        let lists = project.get("dependencies").into_iter().chain(optional.into_iter().flat_map(Table::values));
        let (mut locked, mut now) = (of("requires-dist"), asked(lists.filter_map(Value::as_array).flatten()));
        // An extra that stands for others of the project's own is written out by some tools that uv asks.
        for asks in [&mut locked, &mut now] {
            asks.remove(&normal(name));
        }
        differ(path, name, "dependencies", &locked, &now)?;
    }
    differ(path, name, "dependency-groups", &of("requires-dev"), &in_groups(manifest))
}

fn refused(path: &Path, name: &str, what: &str) -> Result<(), PackagesError> {
    Err(malformed(path, name, &format!("{what}: run `uv lock`")))
}

/// What uv wrote down: a list, or lists by group.
fn locked(value: Option<&Value>) -> Asks {
    let mut asks = Asks::new();
    let mut take = |one: &Table| {
        let name = text_in(one, "name").map(normal).unwrap_or_default();
        let plain = one.keys().all(|key| matches!(key.as_str(), "name" | "extras" | "marker" | "specifier" | "index"));
        let bounds = plain.then(|| bounds(text_in(one, "specifier").unwrap_or_default()));
        asks.entry(name).or_default().insert(bounds);
    };
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_table).for_each(&mut take),
        Some(Value::Table(groups)) => groups.keys().for_each(|group| tables(groups, group).for_each(&mut take)),
        _ => {}
    }
    asks
}

fn asked<'v>(list: impl Iterator<Item = &'v Value>) -> Asks {
    let mut asks = Asks::new();
    for text in list.filter_map(Value::as_str) {
        let bare = text.split(';').next().unwrap_or(text);
        let bounds = (!bare.contains('@')).then(|| {
            let behind =
                bare.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
            let behind = behind.trim_start();
            let behind =
                if behind.starts_with('[') { behind.split_once(']').map_or("", |(_, rest)| rest) } else { behind };
            bounds(behind.trim().trim_start_matches('(').trim_end_matches(')'))
        });
        asks.entry(requirement(text).0).or_default().insert(bounds);
    }
    asks
}

/// Groups for development, by either key; what a group includes is another one's.
fn in_groups(manifest: &Table) -> Asks {
    let groups = manifest.get("dependency-groups").and_then(Value::as_table);
    let older = manifest.get("tool").and_then(|tool| tool.get("uv")).and_then(|uv| uv.get("dev-dependencies"));
    let lists = groups.into_iter().flat_map(Table::values).chain(older);
    asked(lists.filter_map(Value::as_array).flatten())
}

/// `>=2,<4` as signs and versions.
fn bounds(text: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = text
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .map(|one| {
            let end = one.find(|c: char| !matches!(c, '<' | '>' | '=' | '!' | '~')).unwrap_or(one.len());
            let (sign, version) = one.split_at_checked(end).unwrap_or((one, ""));
            (sign.to_owned(), version.trim().to_lowercase())
        })
        .collect();
    all.sort();
    all
}

/// The same version in any spelling.
fn alike(one: &str, other: &str) -> bool {
    let read = |text: &str| Version::read(Scheme::Pep440, text);
    one == other || read(one).zip(read(other)).is_some_and(|(one, other)| one.compare(&other) == Some(Ordering::Equal))
}

fn same_bounds(one: &[(String, String)], other: &[(String, String)]) -> bool {
    let has = |all: &[(String, String)], wanted: &(String, String)| {
        all.iter().any(|(sign, version)| *sign == wanted.0 && alike(version, &wanted.1))
    };
    one.iter().all(|bound| has(other, bound)) && other.iter().all(|bound| has(one, bound))
}

fn differ(path: &Path, name: &str, key: &str, locked: &Asks, now: &Asks) -> Result<(), PackagesError> {
    if let Some(added) = now.keys().find(|asked| !locked.contains_key(*asked)) {
        return refused(
            path,
            name,
            &format!("pyproject.toml asks for {added} ({key}), of which the lock file does not know"),
        );
    }
    if let Some(gone) = locked.keys().find(|asked| !now.contains_key(*asked)) {
        return refused(path, name, &format!("pyproject.toml asks for {gone} ({key}) no more"));
    }
    for (asked, locked) in locked {
        let now = now.get(asked).into_iter().flatten();
        let known = |bounds: &Option<Vec<(String, String)>>| {
            // A source of uv's own, such as a folder, stands in for the bound.
            locked.contains(&None)
                || bounds
                    .as_ref()
                    .is_none_or(|bounds| locked.iter().flatten().any(|locked| same_bounds(locked, bounds)))
        };
        if now.into_iter().any(|bounds| !known(bounds)) {
            return refused(
                path,
                name,
                &format!("pyproject.toml asks for other versions of {asked} ({key}) than the lock file was made for"),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LOCK: &str = r#"
version = 1
[[package]]
name = "app"
version = "1.0"
source = { virtual = "." }
dependencies = [{ name = "idna" }]
[package.metadata]
requires-dist = [{ name = "click", extras = ["foo"], marker = "extra == 'x'", specifier = ">1" }, { name = "idna", specifier = ">=2,<4" }, { name = "near", directory = "near" }]
[package.metadata.requires-dev]
dev = [{ name = "ruff" }]
"#;
    const MANIFEST: &str = r#"
[project]
name = "app"
version = "1"
dependencies = ["Idna < 4, >=2.0", "near>=1"]
[project.optional-dependencies]
x = ["click[foo] (>1) ; sys_platform == 'win32'"]
[dependency-groups]
dev = ["ruff", { include-group = "other" }]
"#;

    fn judged(manifest: &str) -> Result<(), PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pyproject.toml"), manifest).unwrap();
        let lock: Table = toml::from_str(LOCK).unwrap();
        let own: Vec<&Table> = tables(&lock, "package").collect();
        agrees(&folder.path().join("uv.lock"), &lock, &own)
    }

    #[test]
    fn what_the_project_changes_in_what_packages_ask_for_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uv.lock");
        let text = "version = 1\n[manifest]\noverrides = [{ name = \"Idna\", marker = \"sys_platform == 'never'\" }]\n\
                    excludes = [\"certifi\", \"attrs\"]\n[[manifest.dependency-metadata]]\nname = \"a\"\nrequires-dist = [\"b\"]\n\
                    [[package]]\nname = \"app\"\nversion = \"1\"\nsource = { virtual = \".\" }\n";
        fs::write(&path, text).unwrap();
        let said = super::super::uv::read(&path).unwrap().partial;
        for wanted in [
            "1 packages are asked for as the project overrides it, whatever their askers say (idna)",
            "2 packages are left out by the project, whoever asks for them (attrs, certifi)",
            "1 packages depend on what the project says of them, whatever they say themselves (a)",
        ] {
            assert!(said.iter().any(|text| text == wanted), "{said:?}");
        }
        assert!(changed(&toml::from_str(LOCK).unwrap()).is_empty());
    }

    #[test]
    fn a_lock_that_was_made_of_another_manifest_is_refused() {
        judged(MANIFEST).unwrap();
        for (from, to, word) in [
            ("version = \"1\"", "version = \"2\"", "its version is 1.0 here, and 2 in"),
            ("Idna < 4, >=2.0", "attrs>=1", "asks for attrs"),
            ("\"Idna < 4, >=2.0\", ", "", "asks for idna (dependencies) no more"),
            ("Idna < 4, >=2.0", "idna<5", "other versions of idna"),
            ("click[foo]", "clack", "asks for clack"),
            ("\"ruff\"", "\"ruff\", \"ty\"", "asks for ty (dependency-groups)"),
        ] {
            assert!(MANIFEST.contains(from), "{from}");
            let said = judged(&MANIFEST.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(said.contains(word) && said.contains("uv lock"), "{said}");
        }
        judged(&MANIFEST.replace("near>=1", "near>=2")).unwrap();
        judged(&MANIFEST.replace("dependencies = [\"Idna < 4, >=2.0\", \"near>=1\"]", "dynamic = [\"dependencies\"]"))
            .unwrap();
        judged("[tool.poetry]\nname = \"app\"\n").unwrap();
        judged(&MANIFEST.replace("[dependency-groups]", "all = [\"App[x]\"]\n[dependency-groups]")).unwrap();
    }
}
