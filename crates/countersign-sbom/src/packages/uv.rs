//! `uv.lock`: the packages of every platform that the project supports, with their files and what asks for what.

use super::dev::{Counted, Dev};
use super::markers::{Answer, Condition, Facts};
use super::python::{From, conditions as give_conditions, digest, normal, purl_within, reference};
use super::python_range::excludes;
use super::reach::{self, Ask, Node, Start};
use super::uv_asks::{Askers, Index, asks_alone, leave_out_never, marker_of};
use super::{
    Kind, Made, PackagesError, UNNAMED, application, left_out_of, library, malformed, public, purl_error, take, text_of,
};
use crate::bom::{Bom, File, Item, Scope};
use countersign_core::{cyclonedx::WORKSPACE_MEMBER, digest::Sha256, limits, purl::decoded};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::{Table, Value};

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let text = text_of(path, limits::LOCK_FILE_BYTES)?;
    let wrong = |at: &str, what: &str| malformed(path, at, what);
    let lock: Table = toml::from_str(&text).map_err(|error| wrong("the text", error.message()))?;
    of_known_version(path, &lock)?;
    let packages: Vec<&Table> = tables(&lock, "package").collect();
    let mut index: Index<'_> = BTreeMap::new();
    let (mut items, mut seen) = (Vec::new(), BTreeSet::new());
    let listed = members(&lock);
    for (place, package) in packages.iter().enumerate() {
        let own = is_own(package, &listed);
        let mut item = component(path, package, own)?;
        if own && listed.contains(item.name.as_str()) {
            item.properties.push((WORKSPACE_MEMBER.to_owned(), "true".to_owned()));
        }
        // One from a folder may stand there for each of several platforms.
        if item.purl.is_some() && !seen.insert(item.reference.clone()) {
            return Err(wrong(&item.label(), "it stands in the lock file twice: run `uv lock`"));
        }
        let name = normal(text_in(package, "name").unwrap_or_default());
        index.entry(name).or_default().push((place, package));
        items.push(item);
    }
    let own: Vec<&Table> = packages.iter().filter(|package| is_own(package, &listed)).copied().collect();
    super::uv_project::agrees(path, &lock, &own)?;
    for package in &own {
        in_range(path, &lock, package, &index)?;
    }
    let mine = |place: &usize| packages.get(*place).is_some_and(|package| is_own(package, &listed));
    let members: Vec<usize> = (0..packages.len()).filter(mine).collect();
    let alone = asks_alone(&lock);
    let (root, found) = root(path, &items, &packages, &members, alone)?;
    let askers = Askers::of(path, &index, &lock, &packages, found.map(|_| root.name.as_str()));
    let asked = askers.of_no_package(&lock)?;
    let nodes = packages.iter().zip(&items).map(|(package, item)| askers.node(package, item));
    let mut nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    let nothing_asks = members.is_empty() && !alone;
    let mut references: Vec<String> = items.iter().map(|item| item.reference.clone()).collect();
    // Of a project alone there is no list; other folders that it needs are no members of anything.
    let is_member = |place: &usize| {
        let named = || items.get(*place).is_some_and(|item| listed.contains(item.name.as_str()));
        if listed.is_empty() { found.is_none() } else { named() }
    };
    let begins: Vec<usize> = members.into_iter().filter(is_member).collect();
    let mut starts: Vec<Start> = Vec::new();
    if let Some(place) = found {
        if let Some(node) = nodes.get_mut(place) {
            node.asks.extend(asked);
        }
        starts.push((place, None, Scope::Required));
        // What only members need that the root does not ask for may be there or not.
        starts.extend(begins.iter().map(|place| (*place, None, Scope::Optional)));
    } else {
        // A workspace without a package of its own is all of its members.
        let whole = |to: &usize| Ask { to: *to, extras: BTreeSet::new(), scope: Scope::Required, condition: None };
        starts.push((nodes.len(), None, Scope::Required));
        let asks = begins.iter().map(whole).chain(asked).collect();
        nodes.push(Node { asks, extras: BTreeMap::new() });
        references.push(root.reference.clone());
    }
    // Whoever installs the project says which of its extras.
    for place in found.into_iter().chain(begins) {
        let extras = nodes.get(place).into_iter().flat_map(|node| node.extras.keys());
        starts.extend(extras.map(|extra| (place, Some(extra.clone()), Scope::Optional)));
    }
    leave_out_never(&mut nodes, text_in(&lock, "requires-python").unwrap_or_default());
    let in_each = askers.needed_in_each(&lock, &nodes, &starts);
    let reached = reach::walk(&nodes, starts);
    let mut bom = Bom::made();
    let conditions = reached.give_edges(&references, &mut bom);
    let mut left = Vec::new();
    for (place, mut item) in items.into_iter().enumerate() {
        match reached.scopes.get(&place) {
            Some(_) if in_each.as_ref().is_some_and(|all| all.contains(&place)) => item.scope = Scope::Required,
            Some(scope) => item.scope = *scope,
            None if nothing_asks => item.scope = Scope::Optional,
            None => {
                left.push(item);
                continue;
            }
        }
        if item.reference != root.reference {
            take(&mut bom, item);
        }
    }
    give_conditions(&mut bom, &conditions);
    bom.root = Some(root);
    let held = held(&bom, &conditions);
    let mut partial = partial(&bom, &held);
    partial.extend(super::uv_project::changed(&lock));
    partial.extend(left_out_of(&left, "uv"));
    partial.extend(in_each.is_none().then(|| UNREAD_FORKS.to_owned()));
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
        dev: Dev::told(vec![held]),
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

/// The dependencies that hold under a condition.
fn held(bom: &Bom, conditions: &reach::Conditions) -> Counted {
    let words = "hold under a condition, and what only they need is called optional";
    let mut held = Counted::of_kind("dependencies", words).unnamed().behind("the lock file serves every platform: ");
    for edge in conditions.keys() {
        held.insert_asked(format!("{} {}", edge.0, edge.1), &edge.0, bom.only_dev.contains(edge));
    }
    held
}

const UNREAD_FORKS: &str =
    "the forks of the lock file are not all read: what each of them needs is called optional, too";

/// What the lock file cannot say.
fn partial(bom: &Bom, held: &Counted) -> Vec<String> {
    let mut partial: Vec<String> = held.said().into_iter().collect();
    partial.extend(super::dev::undigested(Kind::Uv, &bom.items));
    partial.push("licences are not in the lock file".to_owned());
    partial
}

pub(super) fn tables<'t>(table: &'t Table, key: &str) -> impl Iterator<Item = &'t Table> + use<'t> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_table)
}

pub(super) fn text_in<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    table.get(key).and_then(Value::as_str).filter(|text| text.len() <= limits::SBOM_TEXT_BYTES)
}

/// A version of what one of the project's own packages asks for is one that it asks for: in what uv wrote down of the package's requirements
/// there are bounds. What is overridden may have any.
fn in_range(path: &Path, lock: &Table, package: &Table, index: &Index<'_>) -> Result<(), PackagesError> {
    let manifest = lock.get("manifest").and_then(Value::as_table);
    let overridden: BTreeSet<String> = manifest
        .into_iter()
        .flat_map(|manifest| tables(manifest, "overrides"))
        .filter_map(|one| text_in(one, "name").map(normal))
        .collect();
    let Some(metadata) = package.get("metadata").and_then(Value::as_table) else { return Ok(()) };
    let groups = metadata.get("requires-dev").and_then(Value::as_table);
    let groups = groups.into_iter().flat_map(|groups| groups.keys().flat_map(|group| tables(groups, group)));
    let mut by_name: BTreeMap<String, Vec<&Table>> = BTreeMap::new();
    for asked in tables(metadata, "requires-dist").chain(groups) {
        by_name.entry(text_in(asked, "name").map(normal).unwrap_or_default()).or_default().push(asked);
    }
    let needed = needed(package);
    for (name, all) in by_name.iter().filter(|(name, _)| !overridden.contains(*name)) {
        let found = index.get(name).map(Vec::as_slice).unwrap_or_default();
        let Some(version) = found.first().and_then(|(_, package)| text_in(package, "version")) else { continue };
        // Of several versions, each is for a condition of its own.
        let out = |asked: &&&Table| {
            let range = text_in(asked, "specifier").unwrap_or_default();
            found.iter().all(|(_, package)| text_in(package, "version").is_some_and(|version| excludes(range, version)))
        };
        let wrong = all.iter().find(|asked| is_certain(asked) && out(asked));
        // Of requirements that hold on some condition, one has to be what the version was locked for.
        let wrong =
            wrong.or_else(|| all.first().filter(|_| needed.contains(name) && all.iter().all(|asked| out(&asked))));
        if let Some(asked) = wrong {
            let range = text_in(asked, "specifier").unwrap_or_default();
            let what = format!("it asks for {name} {range}, and the lock file has {version}: run `uv lock`");
            return Err(malformed(path, text_in(package, "name").unwrap_or_default(), &what));
        }
    }
    Ok(())
}

/// Whether a requirement holds wherever the project is installed, or some extra of it: what is for a Python or a system that the project
/// does not support is not locked.
fn is_certain(asked: &Table) -> bool {
    marker_of(asked).is_none_or(|marker| {
        let condition = Condition::read(marker);
        condition.extras.iter().any(|extra| condition.holds(&Facts::default(), extra) == Answer::Yes)
    })
}

/// The names of what a package was locked with: by itself, by its extras, and by its groups.
fn needed(package: &Table) -> BTreeSet<String> {
    let by_key = |key: &str| package.get(key).and_then(Value::as_table).into_iter().flat_map(Table::values);
    let lists = package.get("dependencies").into_iter();
    let lists = lists.chain(by_key("optional-dependencies")).chain(by_key("dev-dependencies"));
    let all = lists.filter_map(Value::as_array).flatten().filter_map(Value::as_table);
    all.filter_map(|one| text_in(one, "name").map(normal)).collect()
}

fn source(package: &Table) -> Option<&Table> {
    package.get("source").and_then(Value::as_table)
}

/// The names of the workspace's members; of a project alone there is no list.
fn members(lock: &Table) -> BTreeSet<&str> {
    let listed = lock.get("manifest").and_then(|manifest| manifest.get("members")).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a package is one of the project's own: a member is, too, where somebody asks for it as any folder (`editable = false`).
fn is_own(package: &Table, members: &BTreeSet<&str>) -> bool {
    let is_member = || text_in(package, "name").is_some_and(|name| members.contains(name));
    source(package).is_some_and(|source| {
        source.contains_key("virtual")
            || source.contains_key("editable")
            || (source.contains_key("directory") && is_member())
    })
}

/// The folder of one of the project's own packages.
pub(super) fn folder(package: &Table) -> Option<&str> {
    let source = source(package)?;
    ["virtual", "editable", "directory"].iter().find_map(|key| text_in(source, key))
}

/// The folder in a repository or an archive that a package lies in. That of a repository stands in its address.
fn folder_within(source: &Table) -> Option<String> {
    let address = text_in(source, "git").map(|url| url.split('#').next().unwrap_or(url));
    let query = address.and_then(|url| url.split_once('?')).map(|(_, query)| query);
    let folder = query.and_then(|query| query.split('&').find_map(|part| part.strip_prefix("subdirectory=")));
    let folder = folder.map(|text| decoded(&text.replace('+', " ")).unwrap_or_else(|| text.to_owned()));
    folder.or_else(|| text_in(source, "subdirectory").map(str::to_owned))
}

fn component(path: &Path, package: &Table, own: bool) -> Result<Item, PackagesError> {
    let name = text_in(package, "name").ok_or_else(|| malformed(path, "package", "a package without a name"))?;
    let version = text_in(package, "version");
    if own {
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
    let purl = purl_within(name, version, &from, folder_within(source).as_deref())
        .map_err(|error| purl_error(path, name, error))?;
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

/// What the document is about: the project whose folder the lock file lies in, a script, or a workspace without a package of its
/// own, which has that of its only member unless it asks for something itself. With its place, where it is one of the packages.
fn root(
    path: &Path,
    items: &[Item],
    packages: &[&Table],
    members: &[usize],
    asks: bool,
) -> Result<(Item, Option<usize>), PackagesError> {
    let here = |place: &usize| packages.get(*place).and_then(|package| folder(package)) == Some(".");
    let of = |place: usize| items.get(place).cloned().map(|item| (item, Some(place)));
    let found = match (members.iter().copied().find(here), members) {
        // It is no member of a workspace: it is what the workspace is about.
        (Some(place), _) => {
            packages.get(place).map(|package| component(path, package, true)).transpose()?.zip(Some(Some(place)))
        }
        (None, [only]) if !asks => of(*only),
        (None, _) => None,
    };
    Ok(found.unwrap_or_else(|| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let script = name.and_then(|name| name.strip_suffix(".lock").map(str::to_owned));
        let script = script.filter(|name| name != "uv" && !name.ends_with("-uv"));
        (application(script.as_deref().unwrap_or(UNNAMED), None), None)
    }))
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
    fn conditions_are_counted_for_what_is_left() {
        let text = LOCK.replace("[{ name = \"t\" }]", "[{ name = \"t\", marker = \"os_name == 'nt'\" }]").replace(
            "{ name = \"b\", version = \"1.0\" }",
            "{ name = \"b\", version = \"1.0\", marker = \"os_name == 'nt'\" }",
        );
        let count = |made: &Made| -> Vec<String> {
            let text =
                made.partial.iter().filter_map(|text| text.strip_prefix("the lock file serves every platform: "));
            text.filter_map(|text| text.split(' ').next()).map(str::to_owned).collect()
        };
        let mut made = lock(&text).unwrap();
        assert_eq!(count(&made), ["3"], "{:?}", made.partial);
        made.leave_out_dev();
        assert_eq!(count(&made), ["1"], "{:?}", made.partial);
        let mut dev = lock(&text.replace(", marker = \"sys_platform == 'win32'\"", "")).unwrap();
        assert_eq!(count(&dev), ["2"], "{:?}", dev.partial);
        dev.leave_out_dev();
        assert!(count(&dev).is_empty(), "{:?}", dev.partial);
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
    fn a_member_that_is_asked_for_as_any_folder_is_a_member() {
        let lock_of = |place: &str| {
            format!(
                "version = 1\n[manifest]\nmembers = [\"m2\", \"m3\"]\n\
                 [[package]]\nname = \"m2\"\nversion = \"1\"\nsource = {{ {place} }}\ndependencies = [{{ name = \"idna\" }}]\n\
                 [package.optional-dependencies]\nx = [{{ name = \"certifi\" }}]\n\
                 [package.metadata]\nrequires-dist = [{{ name = \"idna\" }}, {{ name = \"certifi\", marker = \"extra == 'x'\" }}]\n\
                 [[package]]\nname = \"m3\"\nversion = \"1\"\nsource = {{ virtual = \"m3\" }}\n\
                 [package.dev-dependencies]\ndev = [{{ name = \"m2\" }}]\n\
                 [[package]]\nname = \"idna\"\nversion = \"3\"\n{PLACE}\n\
                 [[package]]\nname = \"certifi\"\nversion = \"1\"\n{PLACE}\n"
            )
        };
        let made = lock(&lock_of("directory = \"m2\"")).unwrap();
        assert_eq!(made.bom, lock(&lock_of("editable = \"m2\"")).unwrap().bom);
        let scopes: Vec<(&str, &str)> =
            made.bom.items.iter().map(|item| (item.name.as_str(), item.scope.word())).collect();
        let wanted = [("m2", "required"), ("m3", "required"), ("idna", "required"), ("certifi", "optional")];
        assert_eq!(scopes, wanted);
        let root = lock(&lock_of("directory = \".\"")).unwrap().bom.root.unwrap();
        assert_eq!(root.name, "m2", "the lock file lies in its folder");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uv.lock");
        std::fs::write(&path, lock_of("directory = \"m2\"")).unwrap();
        std::fs::create_dir(folder.path().join("m2")).unwrap();
        let manifest = "[project]\nname = \"m2\"\nversion = \"1\"\ndependencies = [\"attrs\"]\n";
        std::fs::write(folder.path().join("m2/pyproject.toml"), manifest).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("pyproject.toml asks for attrs"), "{error}");
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
    fn what_an_extra_brings_is_as_needed_as_who_asks_for_the_extra() {
        let lock_of = |more: &str| {
            format!(
                "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
                 dependencies = [{{ name = \"requests\" }}]\n[package.optional-dependencies]\n\
                 net = [{{ name = \"h2\", extra = [\"Fast.er\"] }}]\n[package.dev-dependencies]\n\
                 dev = [{{ name = \"requests\", extra = [\"socks\"] }}]\n{more}\
                 [[package]]\nname = \"requests\"\nversion = \"2\"\n{PLACE}\ndependencies = [{{ name = \"idna\" }}]\n\
                 [package.optional-dependencies]\nsocks = [{{ name = \"pysocks\" }}]\nother = [{{ name = \"chardet\" }}]\n\
                 [[package]]\nname = \"h2\"\nversion = \"1\"\n{PLACE}\n[package.optional-dependencies]\n\
                 fast-er = [{{ name = \"hpack\" }}]\n\
                 [[package]]\nname = \"idna\"\nversion = \"3\"\n{PLACE}\n[[package]]\nname = \"pysocks\"\nversion = \"1\"\n{PLACE}\n\
                 [[package]]\nname = \"hpack\"\nversion = \"4\"\n{PLACE}\n[[package]]\nname = \"chardet\"\nversion = \"5\"\n{PLACE}\n"
            )
        };
        let made = lock(&lock_of("")).unwrap();
        let scopes: Vec<(&str, &str)> =
            made.bom.items.iter().map(|item| (item.name.as_str(), item.scope.word())).collect();
        let wanted = [
            ("requests", "required"),
            ("h2", "optional"),
            ("idna", "required"),
            ("pysocks", "excluded"),
            ("hpack", "optional"),
        ];
        assert_eq!(scopes, wanted);
        let socks = ("pkg:pypi/requests@2".to_owned(), "pkg:pypi/pysocks@1".to_owned());
        assert!(made.bom.edges[&socks.0].contains(&socks.1));
        assert_eq!(made.bom.only_dev, BTreeSet::from([socks.clone()]), "the project needs requests in any case");
        assert!(
            made.partial.iter().any(|text| text.contains("1 entries") && text.contains("(chardet 5)")),
            "nobody asks for its extra: {:?}",
            made.partial
        );
        // The same package needed by another way keeps its scope, and the edge is still one of development alone.
        let direct =
            lock_of("").replacen("[{ name = \"requests\" }]", "[{ name = \"requests\" }, { name = \"pysocks\" }]", 1);
        let made = lock(&direct).unwrap();
        let pysocks = made.bom.items.iter().find(|item| item.name == "pysocks").unwrap();
        assert_eq!((pysocks.scope, made.bom.only_dev), (Scope::Required, BTreeSet::from([socks])));
    }

    #[test]
    fn a_script_asks_for_extras_too() {
        let script = format!(
            "version = 1\n[manifest]\nrequirements = [{{ name = \"requests\", extras = [\"socks\"] }}]\n\
             [[package]]\nname = \"requests\"\nversion = \"2\"\n{PLACE}\n[package.optional-dependencies]\n\
             socks = [{{ name = \"pysocks\" }}]\n[[package]]\nname = \"pysocks\"\nversion = \"1\"\n{PLACE}\n"
        );
        let made = lock(&script).unwrap();
        assert!(made.bom.items.iter().all(|item| item.scope == Scope::Required), "{:?}", made.bom.items);
        assert_eq!(made.bom.edges["pkg:pypi/requests@2"].len(), 1);
    }

    #[test]
    fn a_version_that_the_project_does_not_ask_for_is_refused() {
        let of = |range: &str, more: &str| {
            lock(&format!(
                "version = 1\n{more}[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
                 dependencies = [{{ name = \"a\" }}]\n[package.metadata]\n\
                 requires-dist = [{{ name = \"a\", specifier = \"{range}\" }}]\n\
                 [[package]]\nname = \"a\"\nversion = \"1.0\"\n{PLACE}\n"
            ))
        };
        assert!(of(">=1,<2", "").is_ok());
        let error = of(">=2", "").unwrap_err().to_string();
        assert!(error.contains("app: it asks for a >=2, and the lock file has 1.0"), "{error}");
        assert!(of(">=2", "[manifest]\noverrides = [{ name = \"a\", specifier = \"==1.0\" }]\n").is_ok());
    }

    #[test]
    fn a_requirement_for_where_the_project_is_not_installed_asks_for_nothing() {
        let of = |requires: &str, needs: &str| {
            lock(&format!(
                "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
                 dependencies = [{needs}]\n[package.metadata]\nrequires-dist = [{requires}]\n\
                 [[package]]\nname = \"a\"\nversion = \"2.0\"\n{PLACE}\n"
            ))
        };
        let older = r#"{ name = "a", marker = "python_full_version < '3.9'", specifier = "<2" }"#;
        let newer = r#"{ name = "a", marker = "python_full_version >= '3.9'", specifier = ">=2" }"#;
        let needs = r#"{ name = "a" }"#;
        assert!(of(&format!("{older}, {newer}"), needs).is_ok());
        assert!(of(older, "").is_ok(), "another package may need it");
        let error = of(older, needs).unwrap_err().to_string();
        assert!(
            error.contains("app: it asks for a <2, and the lock file has 2.0"),
            "none of its own takes it: {error}"
        );
        let extra = |marker: &str| {
            of(&format!("{newer}, {{ name = \"a\", marker = \"{marker}\", specifier = \"<2\" }}"), needs)
        };
        assert!(extra("extra == 'x'").unwrap_err().to_string().contains("a <2"), "every extra is locked");
        assert!(extra("extra == 'x' and sys_platform == 'win32'").is_ok());
    }

    #[test]
    fn every_condition_of_what_only_conditions_lead_to_is_told() {
        let of = |asks: &str, extra: &str| {
            let made = lock(&format!(
                "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
                 dependencies = [{{ name = \"a\", extra = [\"x\"] }}{asks}]\n{extra}\
                 [[package]]\nname = \"a\"\nversion = \"1\"\n{PLACE}\n\
                 dependencies = [{{ name = \"b\", marker = \"sys_platform == 'win32'\" }}]\n\
                 [package.optional-dependencies]\nx = [{{ name = \"b\", marker = \"sys_platform == 'darwin'\" }}]\n\
                 [[package]]\nname = \"b\"\nversion = \"1\"\n{PLACE}\n\
                 [[package]]\nname = \"c\"\nversion = \"1\"\n{PLACE}\ndependencies = [{{ name = \"b\" }}]\n"
            ))
            .unwrap();
            let b = made.bom.items.iter().find(|item| item.name == "b").unwrap();
            b.properties.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let (darwin, win32) = ("sys_platform == 'darwin'", "sys_platform == 'win32'");
        assert_eq!(of("", ""), [darwin, win32]);
        let own = ", { name = \"b\", marker = \"os_name == 'nt'\" }";
        assert_eq!(of(own, ""), ["os_name == 'nt'", darwin, win32]);
        let by_extra = "[package.optional-dependencies]\ny = [{ name = \"c\" }]\n";
        assert_eq!(of("", by_extra), [""; 0], "what an extra brings needs it in any case");
    }

    #[test]
    fn the_condition_of_a_script_is_told() {
        let made = lock(&format!(
            "version = 1\n[manifest]\nrequirements = [{{ name = \"rich\", marker = \"sys_platform == 'linux'\" }}]\n\
             [[package]]\nname = \"rich\"\nversion = \"1\"\n{PLACE}\n"
        ))
        .unwrap();
        let item = &made.bom.items[0];
        assert_eq!((item.scope, item.properties[0].1.as_str()), (Scope::Optional, "sys_platform == 'linux'"));
        assert!(made.partial[0].contains("1 dependencies hold under a condition"), "{:?}", made.partial);
    }

    #[test]
    fn a_version_from_two_places_is_that_of_the_place_which_is_asked_for() {
        let other = "source = { registry = \"https://pip.example.com/simple\" }";
        let text = format!(
            "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\n\
             dependencies = [{{ name = \"t\", version = \"2\", {other} }}]\n\
             [[package]]\nname = \"t\"\nversion = \"2\"\n{PLACE}\n[[package]]\nname = \"t\"\nversion = \"2\"\n{other}\n"
        );
        let made = lock(&text).unwrap();
        let purls: Vec<&str> = made.bom.items.iter().filter_map(|item| item.purl.as_deref()).collect();
        assert_eq!(purls, ["pkg:pypi/t@2?repository_url=https://pip.example.com/simple"]);
        let twice = lock(&text.replace(&format!("version = \"2\"\n{other}"), &format!("version = \"2\"\n{PLACE}")));
        assert!(twice.unwrap_err().to_string().contains("t 2: it stands in the lock file twice"));
    }

    #[test]
    fn the_folder_that_a_package_lies_in_is_kept() {
        let of = |source: &str| {
            let text = LOCK.replace("{ git = \"https://github.com/o/t?rev=main#0123\" }", source);
            assert_ne!(text, LOCK);
            let made = lock(&text).unwrap();
            made.bom.items.iter().find(|item| item.name == "t").and_then(|item| item.purl.clone()).unwrap()
        };
        assert_eq!(
            of("{ git = \"https://github.com/o/t?subdirectory=pkgs%2Fa+b&rev=main#0123\" }"),
            "pkg:pypi/t@1.0?vcs_url=git%2Bhttps://github.com/o/t%400123#pkgs/a%20b"
        );
        assert_eq!(
            of("{ url = \"https://example.com/t.zip\", subdirectory = \"pkgs/t\" }"),
            "pkg:pypi/t@1.0?download_url=https://example.com/t.zip#pkgs/t"
        );
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
