//! `uv.lock`: the packages of every platform that the project supports, with their files and what asks for what.

use super::python::{From, conditions as give_conditions, digest, normal, purl, reference};
use super::{Kind, Made, PackagesError, application, library, malformed, public, purl_error, text_of};
use crate::bom::{Bom, File, Item, Scope};
use countersign_core::{cyclonedx::WORKSPACE_MEMBER, digest::Sha256, limits};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use toml::{Table, Value};

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let text = text_of(path, limits::LOCK_FILE_BYTES)?;
    let wrong = |at: &str, what: &str| malformed(path, at, what);
    let lock: Table = toml::from_str(&text).map_err(|error| wrong("the text", error.message()))?;
    of_known_version(path, &lock)?;
    let packages: Vec<&Table> = tables(&lock, "package").collect();
    let mut index: BTreeMap<String, Vec<(Option<&str>, String)>> = BTreeMap::new();
    let mut items = Vec::new();
    let listed = members(&lock);
    for package in &packages {
        let mut item = component(path, package)?;
        if is_own(package) && listed.contains(item.name.as_str()) {
            item.properties.push((WORKSPACE_MEMBER.to_owned(), "true".to_owned()));
        }
        let name = normal(text_in(package, "name").unwrap_or_default());
        index.entry(name).or_default().push((text_in(package, "version"), item.reference.clone()));
        items.push(item);
    }
    let own: Vec<&Table> = packages.iter().filter(|package| is_own(package)).copied().collect();
    super::uv_project::agrees(path, &lock, &own)?;
    let mut bom = Bom::made();
    let mut conditions = BTreeMap::new();
    // How needed what the workspace's own members ask for can be, by who asks.
    let mut asked_by_own: BTreeMap<(String, String), Scope> = BTreeMap::new();
    let mut members = Vec::new();
    for (package, item) in packages.iter().zip(&items) {
        let from = item.reference.clone();
        let mine = is_own(package);
        if mine {
            members.push(item.reference.clone());
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
                    let known = asked_by_own.entry((from.clone(), target.clone())).or_insert(scope);
                    *known = (*known).min(scope);
                }
            }
        }
        bom.edges.insert(from, edges);
    }
    bom.items = items;
    let asked = asked_by_no_package(path, &lock, &index)?;
    let root = root(path, &bom, &packages, &members, !asked.is_empty())?;
    let of_root = bom.edges.entry(root.reference.clone()).or_default();
    if !members.contains(&root.reference) {
        // A workspace without a package of its own is all of its members.
        of_root.extend(members.iter().cloned());
    }
    for (target, scope) in asked {
        of_root.insert(target.clone());
        asked_by_own.insert((root.reference.clone(), target), scope);
    }
    walk(&mut bom, &root.reference, &members, &conditions, &asked_by_own);
    give_conditions(&mut bom, &conditions);
    bom.items.retain(|item| item.reference != root.reference);
    bom.root = Some(root);
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

fn of_known_version(path: &Path, lock: &Table) -> Result<(), PackagesError> {
    let version = lock.get("version").and_then(Value::as_integer);
    if version != Some(1) {
        return Err(PackagesError::Unsupported {
            path: path.to_owned(),
            what: match version {
                Some(version) => format!("a lock file of version {version}, where 1 is read"),
                None => "a lock file that does not say its version, where 1 is read".to_owned(),
            },
            help: "lock again with a version of uv that writes version 1".to_owned(),
        });
    }
    Ok(())
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

/// What a script, or a workspace without a package of its own, asks for: its requirements, and its groups for development. Where
/// the lock has several versions of one, it does not say here which is meant: each may be.
fn asked_by_no_package(
    path: &Path,
    lock: &Table,
    index: &BTreeMap<String, Vec<(Option<&str>, String)>>,
) -> Result<Vec<(String, Scope)>, PackagesError> {
    let Some(manifest) = lock.get("manifest").and_then(Value::as_table) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (key, scope) in [("requirements", Scope::Required), ("dependency-groups", Scope::Excluded)] {
        for asked in asked(manifest, key) {
            let name = text_in(asked, "name").map(normal).unwrap_or_default();
            let Some(found) = index.get(&name) else {
                let what = format!("it names {name:?}, which the lock file does not have");
                return Err(malformed(path, &format!("manifest.{key}"), &what));
            };
            let sure = found.len() == 1 && text_in(asked, "marker").is_none();
            let scope = if sure { scope } else { scope.max(Scope::Optional) };
            all.extend(found.iter().map(|(_, target)| (target.clone(), scope)));
        }
    }
    // Of what is asked for twice, the stronger one counts, and is taken last.
    all.sort_by_key(|(_, scope)| std::cmp::Reverse(*scope));
    Ok(all)
}

/// Gives each component the strongest scope by which the root reaches it; what only members need that the root does not ask for
/// may be there or not.
fn walk(
    bom: &mut Bom,
    root: &str,
    members: &[String],
    conditions: &BTreeMap<(String, String), String>,
    asked_by_own: &BTreeMap<(String, String), Scope>,
) {
    let mut best: BTreeMap<String, Scope> = BTreeMap::new();
    let begins = std::iter::once((root.to_owned(), Scope::Required));
    let mut waiting: VecDeque<(String, Scope)> =
        begins.chain(members.iter().map(|member| (member.clone(), Scope::Optional))).collect();
    while let Some((reference, scope)) = waiting.pop_front() {
        if best.get(&reference).is_some_and(|known| *known <= scope) {
            continue;
        }
        best.insert(reference.clone(), scope);
        for to in bom.edges.get(&reference).into_iter().flatten() {
            let edge = (reference.clone(), to.clone());
            let by_edge = match asked_by_own.get(&edge) {
                Some(own) => *own,
                None if conditions.contains_key(&edge) => Scope::Optional,
                None => Scope::Required,
            };
            waiting.push_back((to.clone(), scope.max(by_edge)));
        }
    }
    for item in &mut bom.items {
        // What nothing leads to, nobody said to be needed.
        item.scope = best.get(&item.reference).copied().unwrap_or(Scope::Optional);
    }
}

/// What the document is about: the project whose folder the lock file lies in, a script, or a workspace without a package of its
/// own, which has that of its only member unless it asks for something itself.
fn root(path: &Path, bom: &Bom, packages: &[&Table], members: &[String], asks: bool) -> Result<Item, PackagesError> {
    let here = |package: &&&Table| {
        source(package).is_some_and(|source| {
            ["virtual", "editable"].iter().any(|key| source.get(*key).and_then(Value::as_str) == Some("."))
        })
    };
    let root = packages.iter().find(here).map(|package| component(path, package)).transpose()?;
    Ok(match (root, members) {
        (Some(root), _) => root,
        (None, [only]) if !asks => bom.items.iter().find(|item| item.reference == *only).cloned().unwrap_or_default(),
        (None, _) => {
            let name =
                |path: Option<&Path>| path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            let script = name(Some(path)).and_then(|name| name.strip_suffix(".lock").map(str::to_owned));
            let script = script.filter(|name| name != "uv" && !name.ends_with("-uv"));
            let name = script.or_else(|| name(path.parent())).filter(|name| !name.is_empty());
            application(&name.unwrap_or_else(|| "workspace".to_owned()), None)
        }
    })
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

    const PLACE: &str = "source = { registry = \"https://pypi.org/simple\" }";

    #[test]
    fn a_workspace_without_a_package_asks_for_its_groups_and_a_script_for_its_requirements() {
        let group = format!(
            "version = 1\n[manifest]\nmembers = [\"m1\"]\n[manifest.dependency-groups]\ndev = [{{ name = \"ruff\" }}]\n\
             [[package]]\nname = \"m1\"\nversion = \"1\"\nsource = {{ virtual = \"m1\" }}\ndependencies = [{{ name = \"idna\" }}]\n\
             [[package]]\nname = \"idna\"\nversion = \"3\"\n{PLACE}\n[[package]]\nname = \"ruff\"\nversion = \"1\"\n{PLACE}\n"
        );
        let scopes =
            |made: &Made| made.bom.items.iter().map(|item| (item.label(), item.scope.word())).collect::<Vec<_>>();
        let made = lock(&group).unwrap();
        let named = |list: &[(&str, &'static str)]| list.iter().map(|(a, b)| ((*a).to_owned(), *b)).collect::<Vec<_>>();
        assert_eq!(scopes(&made), named(&[("m1 1", "required"), ("idna 3", "required"), ("ruff 1", "excluded")]));
        let root = &made.bom.root.as_ref().unwrap().reference;
        let edges = BTreeSet::from(["path:m1@1".to_owned(), "pkg:pypi/ruff@1".to_owned()]);
        assert_eq!(made.bom.edges[root], edges);
        let script = format!(
            "version = 1\n[manifest]\nrequirements = [{{ name = \"idna\", specifier = \">=3\" }}]\n\
             [[package]]\nname = \"idna\"\nversion = \"3\"\n{PLACE}\n"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ex.py.lock");
        std::fs::write(&path, &script).unwrap();
        let made = super::super::read(&path, None).unwrap();
        assert_eq!(made.bom.root.as_ref().unwrap().label(), "ex.py");
        assert_eq!(made.bom.edges["path:ex.py"], BTreeSet::from(["pkg:pypi/idna@3".to_owned()]));
        assert!(
            lock(&script.replace("requirements = [{ name = \"idna\"", "requirements = [{ name = \"other\"")).is_err()
        );
    }

    #[test]
    fn what_only_a_member_needs_is_as_needed_as_the_member() {
        let text = format!(
            "version = 1\n[manifest]\nmembers = [\"app\", \"b\", \"c\"]\n[[package]]\nname = \"app\"\nversion = \"1\"\n\
             source = {{ virtual = \".\" }}\n[package.optional-dependencies]\nx = [{{ name = \"b\" }}]\n\
             [[package]]\nname = \"b\"\nversion = \"1\"\nsource = {{ virtual = \"b\" }}\ndependencies = [{{ name = \"attrs\" }}]\n\
             [package.dev-dependencies]\ndev = [{{ name = \"t\" }}]\n\
             [[package]]\nname = \"c\"\nversion = \"1\"\nsource = {{ virtual = \"c\" }}\ndependencies = [{{ name = \"d\" }}]\n\
             [[package]]\nname = \"attrs\"\nversion = \"1\"\n{PLACE}\n[[package]]\nname = \"d\"\nversion = \"1\"\n{PLACE}\n\
             [[package]]\nname = \"t\"\nversion = \"1\"\n{PLACE}\n"
        );
        let made = lock(&text).unwrap();
        for (name, scope) in
            [("b", "optional"), ("attrs", "optional"), ("c", "optional"), ("d", "optional"), ("t", "excluded")]
        {
            assert_eq!(made.bom.items.iter().find(|item| item.name == name).unwrap().scope.word(), scope, "{name}");
        }
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
