//! `uv.lock`: the packages of every platform that the project supports, with their files and what asks for what.

use super::python::{From, conditions as give_conditions, digest, normal, purl, reference};
use super::{
    Kind, Made, PackagesError, Starts, application, give_scopes, library, malformed, public, purl_error, text_of,
};
use crate::bom::{Bom, File, Item, Scope};
use countersign_core::{cyclonedx::WORKSPACE_MEMBER, digest::Sha256, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::{Table, Value};

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let text = text_of(path, limits::LOCK_FILE_BYTES)?;
    let wrong = |at: &str, what: &str| malformed(path, at, what);
    let lock: Table = toml::from_str(&text).map_err(|error| wrong("the text", error.message()))?;
    let version = lock.get("version").and_then(Value::as_integer);
    if version != Some(1) {
        return Err(PackagesError::Unsupported {
            path: path.to_owned(),
            what: format!("a lock file of version {version:?}, where 1 is read"),
            help: "lock again with a version of uv that writes version 1".to_owned(),
        });
    }
    let packages: Vec<&Table> = tables(&lock, "package").collect();
    let mut index: BTreeMap<String, Vec<(Option<&str>, String)>> = BTreeMap::new();
    let mut items = Vec::new();
    let members = members(&lock);
    for package in &packages {
        let mut item = component(path, package)?;
        if is_own(package) && members.contains(item.name.as_str()) {
            item.properties.push((WORKSPACE_MEMBER.to_owned(), "true".to_owned()));
        }
        let name = normal(text_in(package, "name").unwrap_or_default());
        index.entry(name).or_default().push((text_in(package, "version"), item.reference.clone()));
        items.push(item);
    }
    let mut bom = Bom::made();
    let mut starts: Starts = Vec::new();
    let mut conditions = BTreeMap::new();
    let mut own = Vec::new();
    for (package, item) in packages.iter().zip(&items) {
        let from = item.reference.clone();
        let mine = is_own(package);
        if mine {
            own.push(item.reference.clone());
        }
        let mut edges = BTreeSet::new();
        let kinds = [
            ("dependencies", Scope::Required),
            ("optional-dependencies", Scope::Optional),
            ("dev-dependencies", Scope::Excluded),
        ];
        for (key, scope) in kinds {
            for asked in asked(package, key) {
                let name = text_in(asked, "name")
                    .map(normal)
                    .ok_or_else(|| wrong(&item.label(), "a dependency without a name"))?;
                let found = index.get(&name).map(Vec::as_slice).unwrap_or_default();
                let target = match (text_in(asked, "version"), found) {
                    (Some(version), _) => found.iter().find(|(known, _)| *known == Some(version)),
                    (None, [only]) => Some(only),
                    (None, _) => None,
                };
                let Some((_, target)) = target else {
                    return Err(wrong(
                        &item.label(),
                        &format!("it needs {name}, which the lock file does not have, or has more than once"),
                    ));
                };
                edges.insert(target.clone());
                let marker = text_in(asked, "marker");
                if let Some(marker) = marker {
                    conditions.insert((from.clone(), target.clone()), marker.to_owned());
                } else {
                    conditions.remove(&(from.clone(), target.clone()));
                }
                if mine {
                    let scope = if marker.is_some() { scope.max(Scope::Optional) } else { scope };
                    starts.push((target.clone(), scope));
                }
            }
        }
        bom.edges.insert(from, edges);
    }
    // What only the workspace's members ask for is walked from there, each edge with its own scope.
    let held: Vec<(String, BTreeSet<String>)> =
        own.iter().filter_map(|reference| bom.edges.remove_entry(reference)).collect();
    bom.items = items;
    give_scopes(&mut bom, starts, &conditions);
    bom.edges.extend(held);
    give_conditions(&mut bom, &conditions);
    take_root(path, &mut bom, &packages, &own)?;
    let partial = partial(&bom, conditions.len());
    for reference in bom.all().map(|item| item.reference.clone()).collect::<Vec<_>>() {
        bom.aggregates.insert(reference, "complete".to_owned());
    }
    Ok(Made {
        kind: Kind::Uv,
        path: path.to_owned(),
        read_as: "uv's lock file, version 1".to_owned(),
        digest: Some(Sha256::of(text.as_bytes())),
        bom,
        partial,
    })
}

/// What the lock file cannot say.
fn partial(bom: &Bom, conditions: usize) -> Vec<String> {
    let mut partial = Vec::new();
    if conditions > 0 {
        partial.push(format!(
            "the lock file serves every platform: {conditions} dependencies hold under a condition, and what only they need is called optional"
        ));
    }
    let without = bom
        .items
        .iter()
        .filter(|item| item.purl.is_some() && item.files.iter().all(|file| file.hashes.is_empty()))
        .count();
    if without > 0 {
        partial.push(format!("{without} packages have no digest in the lock file"));
    }
    partial.push("licences are not in the lock file".to_owned());
    partial
}

pub(super) fn tables<'t>(table: &'t Table, key: &str) -> impl Iterator<Item = &'t Table> + use<'t> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

pub(super) fn text_in<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key).and_then(Value::as_str).filter(|text| text.len() <= limits::SBOM_TEXT_BYTES)
}

/// Dependencies under a key: a list, or a table of lists by group.
fn asked<'t>(package: &'t Table, key: &str) -> Vec<&'t Table> {
    match package.get(key) {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_table).collect(),
        Some(Value::Table(groups)) => {
            groups.values().filter_map(Value::as_array).flatten().filter_map(Value::as_table).collect()
        }
        _ => Vec::new(),
    }
}

fn source(package: &Table) -> Option<&Table> {
    package.get("source").and_then(Value::as_table)
}

/// The names of the workspace's members; of a project alone there is no list.
fn members(lock: &Table) -> BTreeSet<&str> {
    let listed = lock.get("manifest").and_then(|manifest| manifest.get("members")).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_own(package: &Table) -> bool {
    source(package).is_some_and(|source| source.contains_key("virtual") || source.contains_key("editable"))
}

fn component(path: &Path, package: &Table) -> Result<Item, PackagesError> {
    let name = text_in(package, "name").ok_or_else(|| malformed(path, "package", "a package without a name"))?;
    let version = text_in(package, "version");
    if is_own(package) {
        return Ok(application(name, version));
    }
    let source = source(package).ok_or_else(|| malformed(path, name, "a package without a source"))?;
    let from = if let Some(url) = text_in(source, "registry") {
        if url.contains("://") { From::Index(Some(url.to_owned())) } else { From::Folder }
    } else if let Some(url) = text_in(source, "git") {
        From::Git(url.to_owned())
    } else if let Some(url) = text_in(source, "url") {
        From::Url(url.to_owned())
    } else {
        From::Folder
    };
    let purl = purl(name, version, &from).map_err(|error| purl_error(path, name, error))?;
    let mut item = library(reference(name, version, purl.as_ref()), name, version);
    item.purl = purl.map(|purl| purl.as_str().to_owned());
    item.supplier = from.supplier();
    let sdist = package.get("sdist").and_then(Value::as_table);
    for file in sdist.into_iter().chain(tables(package, "wheels")) {
        let hash = text_in(file, "hash").or_else(|| text_in(source, "hash"));
        let hashes = match hash {
            None => BTreeMap::new(),
            Some(text) => {
                let (name, value) =
                    digest(text).ok_or_else(|| malformed(path, name, "its hash is no digest that is known"))?;
                BTreeMap::from([(name, value)])
            }
        };
        item.files.push(File { url: text_in(file, "url").and_then(public), hashes });
    }
    if item.files.is_empty()
        && let Some(hash) = text_in(source, "hash")
    {
        let hashes = digest(hash).into_iter().collect();
        item.files.push(File { url: text_in(source, "url").and_then(public), hashes });
    }
    Ok(item)
}

/// What the document is about: the project whose folder the lock file lies in, or a workspace without a package of its own.
fn take_root(path: &Path, bom: &mut Bom, packages: &[&Table], own: &[String]) -> Result<(), PackagesError> {
    let here = |package: &&&Table| {
        source(package).is_some_and(|source| {
            ["virtual", "editable"].iter().any(|key| source.get(*key).and_then(Value::as_str) == Some("."))
        })
    };
    let root = packages.iter().find(here).map(|package| component(path, package)).transpose()?;
    let root = match (root, own) {
        (Some(root), _) => root,
        (None, [only]) => bom.items.iter().find(|item| item.reference == *only).cloned().unwrap_or_default(),
        (None, members) => {
            let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            let name = folder.filter(|name| !name.is_empty()).unwrap_or_else(|| "workspace".to_owned());
            let root = application(&name, None);
            bom.edges.insert(root.reference.clone(), members.iter().cloned().collect());
            root
        }
    };
    bom.items.retain(|item| item.reference != root.reference);
    bom.root = Some(root);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 1
[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [{ name = "a" }, { name = "colorama", marker = "sys_platform == 'win32'" }]
[package.dev-dependencies]
dev = [{ name = "t" }]
[package.optional-dependencies]
extra = [{ name = "x" }]
[[package]]
name = "a"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "b", version = "2.0", source = { registry = "https://pypi.org/simple" } }]
sdist = { url = "https://files.pythonhosted.org/a-1.0.tar.gz", hash = "sha256:abababababababababababababababababababababababababababababababab", size = 3 }
wheels = [{ url = "https://files.pythonhosted.org/a-1.0-py3-none-any.whl", hash = "sha256:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd" }]
[[package]]
name = "b"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "b"
version = "2.0"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "colorama"
version = "0.4"
source = { registry = "https://pypi.org/simple" }
[[package]]
name = "t"
version = "1.0"
source = { git = "https://github.com/o/t?rev=main#0123" }
dependencies = [{ name = "b", version = "1.0" }, { name = "a" }]
[[package]]
name = "x"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
"#;

    fn lock(text: &str) -> Result<Made, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uv.lock");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn packages_edges_files_and_scopes_are_read() {
        let made = lock(LOCK).unwrap();
        assert_eq!(made.bom.root.as_ref().unwrap().label(), "app 0.1.0");
        let of = |label: &str| made.bom.items.iter().find(|item| item.label() == label).unwrap();
        let scopes = ["a 1.0", "b 1.0", "b 2.0", "colorama 0.4", "t 1.0", "x 1.0"].map(|label| of(label).scope.word());
        assert_eq!(scopes, ["required", "excluded", "required", "optional", "excluded", "optional"]);
        let hashes: Vec<&str> = of("a 1.0").files.iter().map(|file| file.hashes["SHA-256"].as_str()).collect();
        assert_eq!(hashes, ["ab".repeat(32), "cd".repeat(32)]);
        assert_eq!(made.bom.edges["pkg:pypi/a@1.0"], BTreeSet::from(["pkg:pypi/b@2.0".to_owned()]));
        assert!(of("colorama 0.4").properties.iter().any(|(_, value)| value == "sys_platform == 'win32'"));
        assert!(of("t 1.0").reference.contains("vcs_url="));
    }

    #[test]
    fn a_lock_that_contradicts_itself_is_refused() {
        for (from, to) in [
            (r#"{ name = "x" }"#, r#"{ name = "nowhere" }"#),
            (r#", version = "2.0", source"#, r#", version = "9.0", source"#),
            (
                r#"{ name = "b", version = "2.0", source = { registry = "https://pypi.org/simple" } }"#,
                r#"{ name = "b" }"#,
            ),
            ("sha256:abab", "sha256:xx"),
            ("version = 1\n[[package]]", "version = 2\n[[package]]"),
        ] {
            assert!(LOCK.contains(from), "{from}");
            assert!(lock(&LOCK.replacen(from, to, 1)).is_err(), "{from}");
        }
        assert!(lock("package = 3").is_err());
    }
}
