//! npm's lock file, versions 2 and 3: every package by the folder that it is installed in, and the edges that Node would
//! follow from there.

use super::{
    Kind, Made, PackagesError, Starts, application, bytes_of, give_scopes, library, licence, malformed, public,
    purl_error,
};
use crate::bom::{Bom, File, Item, Scope};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{
    digest::{Sha256, to_hex},
    json, limits,
    purl::{Purl, decoded},
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The most patterns of workspaces that are looked at.
const PATTERNS: usize = 100;

type Object = Map<String, Value>;

/// Registries that have the packages of registry.npmjs.org.
const DEFAULT: [&str; 2] = ["https://registry.npmjs.org/", "https://registry.yarnpkg.com/"];

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let bytes = bytes_of(path, limits::LOCK_FILE_BYTES)?;
    let wrong = |at: &str, what: &str| malformed(path, at, what);
    let value =
        json::parse_within(&bytes, limits::LOCK_FILE_BYTES).map_err(|error| wrong("the text", &error.to_string()))?;
    let lock = value.as_object().ok_or_else(|| wrong("/", "expected an object"))?;
    let version = lock.get("lockfileVersion").and_then(Value::as_u64);
    let (Some(version @ (2 | 3)), Some(packages)) = (version, lock.get("packages").and_then(Value::as_object)) else {
        return Err(PackagesError::Unsupported {
            path: path.to_owned(),
            what: format!("a lock file of version {}", version.map_or_else(|| "none".to_owned(), |v| v.to_string())),
            help: "npm 7 and later write version 2 or 3: `npm install --package-lock-only`".to_owned(),
        });
    };
    let mut tree = Tree { path, packages, references: BTreeMap::new(), unresolved: 0 };
    let mut bom = Bom::made();
    let mut made: BTreeMap<String, Item> = BTreeMap::new();
    let mut without = 0_usize;
    for (place, package) in packages {
        let entry = package.as_object().ok_or_else(|| wrong(place, "expected an object"))?;
        if entry.get("link").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        let item = tree.component(place, entry)?;
        tree.references.insert(place.clone(), item.reference.clone());
        if place.is_empty() {
            bom.root = Some(item);
            continue;
        }
        without =
            without.saturating_add(usize::from(item.files.iter().all(|file| file.hashes.is_empty()) && !is_own(place)));
        match made.get_mut(&item.reference) {
            Some(known) => unite(known, item).map_err(|what| wrong(place, &what))?,
            None => {
                made.insert(item.reference.clone(), item);
            }
        }
    }
    let root = bom.root.take().ok_or_else(|| wrong("/packages", "there is no entry for the package itself"))?;
    for place in packages.keys().filter(|place| is_own(place)) {
        tree.agrees(place)?;
    }
    let mut starts: Starts = Vec::new();
    for (place, package) in packages {
        let Some(entry) = package.as_object().filter(|_| tree.references.contains_key(place)) else { continue };
        tree.edges(place, entry, &mut bom, &mut starts)?;
    }
    // The workspaces of a project are parts of it, as npm installs them: nothing else leads to most of them.
    let members = tree.workspaces();
    bom.edges.entry(root.reference.clone()).or_default().extend(members);
    bom.items = made.into_values().filter(|item| item.reference != root.reference).collect();
    bom.root = Some(root);
    // Where the lock says that a package is for development or optional, it says so for the whole tree already.
    let own: Vec<(String, Scope)> = bom.items.iter().map(|item| (item.reference.clone(), item.scope)).collect();
    if own.iter().all(|(_, scope)| *scope == Scope::Required) {
        give_scopes(&mut bom, starts, &BTreeMap::new());
    }
    let mut partial = Vec::new();
    if tree.unresolved > 0 {
        partial
            .push(format!("{} dependencies that may be left out lead to no package in the lock file", tree.unresolved));
    }
    if without > 0 {
        partial.push(format!("{without} packages have no digest in the lock file"));
    }
    for item in bom.all().map(|item| item.reference.clone()).collect::<Vec<_>>() {
        bom.aggregates.insert(item, "complete".to_owned());
    }
    Ok(Made {
        kind: Kind::Npm,
        path: path.to_owned(),
        read_as: format!("npm's lock file, version {version}"),
        digest: Some(Sha256::of(&bytes)),
        bom,
        partial,
    })
}

/// Several folders with the same package: one component, as needed as the most needed of them, with all that any of them says.
/// What is in them has to be the same.
fn unite(known: &mut Item, item: Item) -> Result<(), String> {
    known.scope = known.scope.min(item.scope);
    for file in item.files {
        let before = known.files.iter().flat_map(|file| &file.hashes);
        let other =
            before.filter_map(|(name, value)| Some((name, value, file.hashes.get(name).filter(|own| *own != value)?)));
        if let Some((name, value, own)) = other.into_iter().next() {
            return Err(format!(
                "{} stands in the lock file with two digests: {name} {value} and {own}",
                known.label()
            ));
        }
        match known.files.iter_mut().find(|known| known.url == file.url) {
            Some(known) => known.hashes.extend(file.hashes),
            None if file.url.is_some() || !file.hashes.is_empty() => known.files.push(file),
            None => {}
        }
    }
    // One of them may be inside another package, and come from no address.
    if known.files.iter().any(|file| file.url.is_some()) {
        known.files.retain(|file| file.url.is_some() || !file.hashes.is_empty());
    }
    known.licences.extend(item.licences);
    known.supplier = known.supplier.take().or(item.supplier);
    for property in item.properties {
        if !known.properties.contains(&property) {
            known.properties.push(property);
        }
    }
    known.properties.sort();
    Ok(())
}

/// Whether a folder is one of the project's own: a workspace, or another folder that something needs.
fn is_own(place: &str) -> bool {
    !place.starts_with("node_modules/") && !place.contains("/node_modules/")
}

struct Tree<'l> {
    path: &'l Path,
    packages: &'l Object,
    references: BTreeMap<String, String>,
    unresolved: usize,
}

impl Tree<'_> {
    fn wrong(&self, at: &str, what: &str) -> PackagesError {
        malformed(self.path, at, what)
    }

    fn component(&self, place: &str, entry: &Object) -> Result<Item, PackagesError> {
        let text =
            |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| text.len() <= limits::SBOM_TEXT_BYTES);
        let folder = place.rsplit("node_modules/").next().unwrap_or(place);
        let name = text("name").unwrap_or(folder);
        let version = text("version");
        if place.is_empty() {
            let folder = self.path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            let fallback = folder.filter(|folder| !folder.is_empty()).unwrap_or_else(|| "project".to_owned());
            let mut root = application(text("name").unwrap_or(&fallback), version);
            if let Some(text) = text("license") {
                licence(&mut root, text);
            }
            return Ok(root);
        }
        if is_own(place) {
            let last = place.rsplit('/').next().unwrap_or(place);
            let mut item = application(text("name").unwrap_or(last), version);
            if self.is_workspace(place) {
                item.properties.push(("countersign:workspace-member".to_owned(), "true".to_owned()));
            }
            return Ok(item);
        }
        let Some(version) = version else { return Err(self.wrong(place, "a package without a version")) };
        let resolved = text("resolved");
        if let Some(other) = resolved.and_then(|url| of_another(name, version, url)) {
            return Err(self.wrong(place, &format!("it is said to be {name} {version}, and comes from {other}")));
        }
        let purl = purl(name, version, resolved).map_err(|error| purl_error(self.path, place, error))?;
        let reference = purl.as_ref().map_or_else(|| format!("path:{name}@{version}"), |purl| purl.as_str().to_owned());
        let mut item = library(reference, name, Some(version));
        item.purl = purl.map(|purl| purl.as_str().to_owned());
        let flag = |key: &str| entry.get(key).and_then(Value::as_bool) == Some(true);
        item.scope = if flag("dev") {
            Scope::Excluded
        } else if flag("optional") || flag("devOptional") {
            Scope::Optional
        } else {
            Scope::Required
        };
        let hashes = text("integrity").map(|text| self.integrity(place, text)).transpose()?.unwrap_or_default();
        let url = resolved.and_then(public).filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        if url.as_deref().is_some_and(|url| DEFAULT.iter().any(|registry| url.starts_with(registry))) {
            item.supplier = Some("npm".to_owned());
        }
        item.files.push(File { url, hashes });
        if let Some(text) = text("license") {
            licence(&mut item, text);
        }
        for (key, word) in [
            ("hasInstallScript", "countersign:install-script"),
            ("inBundle", "countersign:bundled"),
            ("peer", "countersign:peer"),
        ] {
            if flag(key) {
                item.properties.push((word.to_owned(), "true".to_owned()));
            }
        }
        Ok(item)
    }

    /// Digests as browsers write them: `sha512-BASE64`, several with spaces between.
    fn integrity(&self, place: &str, text: &str) -> Result<BTreeMap<String, String>, PackagesError> {
        let mut hashes = BTreeMap::new();
        for one in text.split_whitespace() {
            let one = one.split('?').next().unwrap_or(one);
            let read = one.split_once('-').and_then(|(algorithm, encoded)| {
                let (name, bytes) = match algorithm {
                    "sha1" => ("SHA-1", 20),
                    "sha256" => ("SHA-256", 32),
                    "sha384" => ("SHA-384", 48),
                    "sha512" => ("SHA-512", 64),
                    _ => return None,
                };
                let decoded = STANDARD.decode(encoded).ok().filter(|decoded| decoded.len() == bytes)?;
                Some((name.to_owned(), to_hex(&decoded)))
            });
            let (name, value) = read.ok_or_else(|| self.wrong(place, "its integrity is no digest that is known"))?;
            if hashes.insert(name, value.clone()).is_some_and(|before| before != value) {
                return Err(self.wrong(place, "it has two digests that differ"));
            }
        }
        Ok(hashes)
    }

    /// As Node looks for it: in the package's own folder, then in each folder above.
    fn resolve(&self, from: &str, name: &str) -> Option<&str> {
        let mut folder = from;
        loop {
            let place = if folder.is_empty() {
                format!("node_modules/{name}")
            } else {
                format!("{folder}/node_modules/{name}")
            };
            if !folder.ends_with("node_modules")
                && let Some(entry) = self.packages.get(&place).and_then(Value::as_object)
            {
                let link = entry.get("link").and_then(Value::as_bool) == Some(true);
                let target = if link { entry.get("resolved").and_then(Value::as_str)? } else { place.as_str() };
                return self.references.get(target).map(String::as_str);
            }
            if folder.is_empty() {
                return None;
            }
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }

    fn edges(&mut self, place: &str, entry: &Object, bom: &mut Bom, starts: &mut Starts) -> Result<(), PackagesError> {
        let Some(from) = self.references.get(place).cloned() else { return Ok(()) };
        let mut to = BTreeSet::new();
        let own = is_own(place);
        let kinds = [
            ("dependencies", Scope::Required, true),
            ("optionalDependencies", Scope::Optional, false),
            ("peerDependencies", Scope::Required, false),
            ("devDependencies", Scope::Excluded, true),
        ];
        for (key, scope, must) in kinds {
            if key == "devDependencies" && !own {
                continue;
            }
            let optional = entry.get("optionalDependencies").and_then(Value::as_object);
            for name in entry.get(key).and_then(Value::as_object).into_iter().flat_map(Map::keys) {
                match self.resolve(place, name).map(str::to_owned) {
                    Some(target) => {
                        if own {
                            starts.push((target.clone(), scope));
                        }
                        to.insert(target);
                    }
                    // npm leaves out what is for another machine, and what an optional package would need.
                    None if must
                        && !optional.is_some_and(|optional| optional.contains_key(name))
                        && !left_out(entry) =>
                    {
                        return Err(self.wrong(place, &format!("it needs {name}, which the lock file does not have")));
                    }
                    None => self.unresolved = self.unresolved.saturating_add(1),
                }
            }
        }
        if own && !place.is_empty() {
            starts.push((from.clone(), Scope::Required));
        }
        bom.edges.entry(from).or_default().extend(to);
        Ok(())
    }

    /// The folders that the project's manifest calls its workspaces.
    fn workspaces(&self) -> BTreeSet<String> {
        let own = self.references.iter().filter(|(place, _)| !place.is_empty() && is_own(place));
        own.filter(|(place, _)| self.is_workspace(place)).map(|(_, reference)| reference.clone()).collect()
    }

    fn is_workspace(&self, place: &str) -> bool {
        let stated = self.packages.get("").and_then(|root| root.get("workspaces"));
        let list = stated.and_then(|stated| stated.as_array().or_else(|| stated.get("packages")?.as_array()));
        let mut patterns = list.into_iter().flatten().filter_map(Value::as_str).take(PATTERNS).map(parts);
        // One `**` is what people write; with many of them the ways to fit have no bound.
        patterns
            .any(|pattern| pattern.iter().filter(|part| **part == "**").count() < 2 && fits(&pattern, &parts(place)))
    }

    /// The manifest in the project's folder, or in a workspace's, asks for the same.
    fn agrees(&self, place: &str) -> Result<(), PackagesError> {
        // A folder outside of the project's is none of its own.
        let inside = Path::new(place).components().all(|part| matches!(part, std::path::Component::Normal(_)));
        let beside = self.path.with_file_name("").join(place).join("package.json");
        if !inside || !beside.is_file() {
            return Ok(());
        }
        let bytes = bytes_of(&beside, limits::LOCK_FILE_BYTES)?;
        let manifest = json::parse_within(&bytes, limits::LOCK_FILE_BYTES)
            .map_err(|error| malformed(&beside, "the text", &error.to_string()))?;
        let locked = self.packages.get(place).unwrap_or(&Value::Null);
        for key in ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"] {
            let empty = Map::new();
            let map = |value: &Value| value.get(key).and_then(Value::as_object).unwrap_or(&empty).clone();
            let (asked, held) = (map(&manifest), map(locked));
            // npm writes an optional dependency under both keys of the manifest's choice.
            let differs = asked.iter().find(|(name, range)| held.get(*name) != Some(range)).map(|(name, _)| name);
            if let Some(name) = differs.or_else(|| held.keys().find(|name| !asked.contains_key(*name))) {
                let which = if place.is_empty() { String::new() } else { format!("{place}/") };
                let what = format!(
                    "{which}package.json and the lock file do not ask for the same {name} ({key}): run `npm install`"
                );
                return Err(self.wrong(&format!("/packages/{place}"), &what));
            }
        }
        Ok(())
    }
}

/// A path's names.
fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect()
}

/// Whether a folder is one that a pattern of workspaces means: `*` stands for any part of a name, `**` for any folders.
fn fits(pattern: &[&str], place: &[&str]) -> bool {
    match (pattern.split_first(), place.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), _) => (0..=place.len()).any(|skip| fits(rest, place.get(skip..).unwrap_or_default())),
        (Some((pattern, rest)), Some((name, below))) => {
            let named = match pattern.split_once('*') {
                None => pattern == name,
                Some((begin, end)) => {
                    name.strip_prefix(begin).is_some_and(|left| left.ends_with(end)) && !end.contains('*')
                }
            };
            named && fits(rest, below)
        }
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// Whether npm may leave out what a package needs.
fn left_out(entry: &Object) -> bool {
    ["optional", "devOptional", "inBundle", "peer"]
        .iter()
        .any(|key| entry.get(*key).and_then(Value::as_bool) == Some(true))
}

/// What lies at a registry's address (`NAME/-/FILE`), where that is another package or version. npm installs what is there,
/// whatever the entry is called.
fn of_another(name: &str, version: &str, url: &str) -> Option<String> {
    let address = public(url).filter(|url| url.starts_with("https://") || url.starts_with("http://"))?;
    let by_default = DEFAULT.iter().any(|registry| address.starts_with(registry));
    let Some((before, file)) = address.rsplit_once("/-/") else {
        return by_default.then_some(address.clone());
    };
    let before = decoded(before).unwrap_or_else(|| before.to_owned()).to_lowercase();
    let lower = name.to_lowercase();
    let named = before.strip_suffix(&lower).is_some_and(|rest| rest.ends_with('/'));
    // A package without a scope does not lie below one.
    let scope = before
        .strip_suffix(&lower)
        .is_some_and(|rest| rest.trim_end_matches('/').rsplit('/').next().is_some_and(|part| part.starts_with('@')));
    let own = lower.rsplit('/').next().unwrap_or(&lower);
    let file = file.rsplit('/').next().unwrap_or(file);
    let file = decoded(file).unwrap_or_else(|| file.to_owned());
    let bare = version.split('+').next().unwrap_or(version);
    let fits =
        [version, bare].iter().any(|version| file.to_lowercase() == format!("{own}-{version}.tgz").to_lowercase());
    (!named || scope || !fits).then_some(address.clone())
}

/// Only a registry gives a package its public name. `None` for a folder or file.
fn purl(name: &str, version: &str, resolved: Option<&str>) -> Result<Option<Purl>, countersign_core::purl::PurlError> {
    let lower = name.to_lowercase();
    let (scope, own) = match lower.split_once('/') {
        Some((scope, own)) => (Some(scope), own),
        None => (None, lower.as_str()),
    };
    let build = |qualifiers: &[(&str, &str)]| Purl::build("npm", scope, own, Some(version), qualifiers).map(Some);
    match resolved {
        None => build(&[]),
        Some(url) if DEFAULT.iter().any(|registry| url.starts_with(registry)) => build(&[]),
        Some(url) if url.starts_with("git+") || url.starts_with("git:") || url.starts_with("git@") => {
            let commit = url.split_once('#').map(|(_, commit)| commit);
            match (public(url), commit) {
                (Some(address), Some(commit)) => build(&[("vcs_url", &format!("{address}@{commit}"))]),
                (Some(address), None) => build(&[("vcs_url", &address)]),
                (None, _) => Ok(None),
            }
        }
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
            let Some(address) = public(url) else { return Ok(None) };
            // A registry's tarball lies at NAME/-/FILE; any other address is a file that somebody put somewhere.
            match address.find(&format!("/{name}/-/")) {
                Some(end) => build(&[("repository_url", address.get(..end).unwrap_or(&address))]),
                None => build(&[("download_url", &address)]),
            }
        }
        Some(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn lock(packages: &Value) -> Result<Made, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        std::fs::write(&path, json!({"lockfileVersion": 3, "packages": packages}).to_string()).unwrap();
        read(&path)
    }

    fn edges(made: &Made, of: &str) -> Vec<String> {
        made.bom.edges.get(of).map(|to| to.iter().cloned().collect()).unwrap_or_default()
    }

    #[test]
    fn what_comes_from_the_place_of_another_package_is_not_called_by_the_entrys_name() {
        let judged = |entry: Value| {
            lock(&json!({"": {"name": "app", "version": "1.0.0"}, "node_modules/a": entry.clone(), "node_modules/@s/b": entry}))
                .map(|made| made.bom.items.len())
        };
        let of = |place: &str, name: &str, version: &str, url: &str| {
            lock(&json!({"": {"name": "app"}, place: {"name": name, "version": version, "resolved": url}})).is_ok()
        };
        let (npm, own) = ("https://registry.npmjs.org", "https://npm.example.com/api");
        assert!(judged(json!({"version": "1.0.0", "resolved": format!("{npm}/evil/-/evil-6.6.6.tgz")})).is_err());
        for (name, version, path, good) in [
            ("a", "1.0.0", "a/-/a-1.0.0.tgz", true),
            ("evil", "6.6.6", "evil/-/evil-6.6.6.tgz", true),
            ("@s/b", "1.0.0", "@s/b/-/b-1.0.0.tgz", true),
            ("@s/b", "1.0.0", "@s%2fb/-/b-1.0.0.tgz", true),
            ("@s/b", "1.0.0", "@s/b/-/@s/b-1.0.0.tgz", true),
            ("a", "1.0.0+x", "a/-/a-1.0.0.tgz", true),
            ("a", "1.0.0", "a/-/a-1.0.1.tgz", false),
            ("a", "1.0.0", "@s/a/-/a-1.0.0.tgz", false),
            ("@s/b", "1.0.0", "@t/b/-/b-1.0.0.tgz", false),
            ("a", "1.0.0", "evil/-/a-1.0.0.tgz", false),
            ("a", "1.0.0", "evila/-/evila-1.0.0.tgz", false),
        ] {
            for registry in [npm, own] {
                assert_eq!(
                    of("node_modules/x", name, version, &format!("{registry}/{path}")),
                    good,
                    "{registry} {path}"
                );
            }
        }
        assert!(!of("node_modules/x", "a", "1.0.0", &format!("{npm}/elsewhere.tgz")));
        assert!(of("node_modules/x", "a", "1.0.0", "https://codeload.example.com/elsewhere.tgz"));
    }

    #[test]
    fn edges_are_those_that_node_follows() {
        let made = lock(&json!({
            "": {"name": "app", "version": "1.0.0", "dependencies": {"a": "*", "b": "*"}, "devDependencies": {"t": "*"}},
            "node_modules/a": {"version": "1.0.0", "dependencies": {"c": "*"}},
            "node_modules/a/node_modules/c": {"version": "2.0.0", "dependencies": {"b": "*"}},
            "node_modules/b": {"version": "1.0.0", "dependencies": {"c": "*"}, "optionalDependencies": {"gone": "*"}},
            "node_modules/c": {"version": "1.0.0"},
            "node_modules/t": {"version": "1.0.0", "dev": true, "dependencies": {"w": "*"}},
            "node_modules/w": {"resolved": "packages/w", "link": true},
            "packages/w": {"version": "0.1.0"},
        }))
        .unwrap();
        assert_eq!(edges(&made, "path:app@1.0.0"), ["pkg:npm/a@1.0.0", "pkg:npm/b@1.0.0", "pkg:npm/t@1.0.0"]);
        assert_eq!(edges(&made, "pkg:npm/a@1.0.0"), ["pkg:npm/c@2.0.0"]);
        assert_eq!(edges(&made, "pkg:npm/c@2.0.0"), ["pkg:npm/b@1.0.0"]);
        assert_eq!(edges(&made, "pkg:npm/b@1.0.0"), ["pkg:npm/c@1.0.0"]);
        assert_eq!(edges(&made, "pkg:npm/t@1.0.0"), ["path:w@0.1.0"]);
        assert_eq!(made.partial.len(), 2);
        let scope = |name: &str| made.bom.items.iter().find(|item| item.name == name).unwrap().scope;
        assert_eq!((scope("a"), scope("t")), (Scope::Required, Scope::Excluded));
    }

    #[test]
    fn a_project_needs_its_workspaces_and_their_manifests_have_to_fit_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        let lock = json!({"lockfileVersion": 3, "packages": {
            "": {"name": "shop", "version": "1.0.0", "workspaces": ["./packages/*", "tools/**/x"]},
            "node_modules/@shop/api": {"resolved": "packages/api", "link": true},
            "node_modules/web": {"resolved": "packages/web", "link": true},
            "node_modules/beside": {"resolved": "beside", "link": true},
            "node_modules/a": {"version": "1.0.0"},
            "packages/api": {"name": "@shop/api", "version": "1.0.0", "dependencies": {"a": "^1.0.0", "beside": "file:../../beside"}},
            "packages/web": {"version": "1.0.0"},
            "tools/y/z/x": {"version": "1.0.0"},
            "beside": {"version": "1.0.0"},
        }});
        std::fs::write(&path, lock.to_string()).unwrap();
        let made = read(&path).unwrap();
        let members = ["path:@shop/api@1.0.0", "path:web@1.0.0", "path:x@1.0.0"];
        assert_eq!(edges(&made, "path:shop@1.0.0"), members, "and not the folder that only one of them needs");
        assert_eq!(edges(&made, "path:@shop/api@1.0.0"), ["path:beside@1.0.0", "pkg:npm/a@1.0.0"]);
        let member = |item: &&Item| item.properties.iter().any(|(name, _)| name == "countersign:workspace-member");
        let named: Vec<&str> = made.bom.items.iter().filter(member).map(|item| item.reference.as_str()).collect();
        assert_eq!(named, members);
        let manifest = folder.path().join("packages/api/package.json");
        std::fs::create_dir_all(manifest.parent().unwrap()).unwrap();
        std::fs::write(&manifest, r#"{"dependencies": {"a": "^2.0.0", "beside": "file:../../beside"}}"#).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("packages/api/package.json and the lock file do not ask for the same a"), "{error}");
    }

    #[test]
    fn a_dependency_that_the_lock_does_not_have_is_refused() {
        let error = lock(&json!({"": {"name": "app", "dependencies": {"a": "*"}}})).unwrap_err();
        assert!(error.to_string().contains("it needs a, which the lock file does not have"), "{error}");
    }

    #[test]
    fn where_a_package_comes_from_decides_its_identity() {
        let of = |name: &str, resolved: Option<&str>| {
            purl(name, "1.0.0", resolved).unwrap().map(|purl| purl.as_str().to_owned())
        };
        assert_eq!(of("@Angular/core", None).unwrap(), "pkg:npm/%40angular/core@1.0.0");
        assert_eq!(of("a", Some("https://registry.npmjs.org/a/-/a-1.0.0.tgz")).unwrap(), "pkg:npm/a@1.0.0");
        assert_eq!(
            of("a", Some("https://user:secret@npm.example.com/r/a/-/a-1.0.0.tgz?token=x")).unwrap(),
            "pkg:npm/a@1.0.0?repository_url=https://npm.example.com/r"
        );
        assert_eq!(
            of("a", Some("git+ssh://git@github.com/o/a.git#0123")).unwrap(),
            "pkg:npm/a@1.0.0?vcs_url=git%2Bssh://github.com/o/a.git%400123"
        );
        assert_eq!(of("a", Some("file:../a.tgz")), None);
    }

    #[test]
    fn digests_are_read_and_false_ones_refused() {
        let digest = STANDARD.encode([7_u8; 64]);
        let package = |integrity: &str| {
            lock(&json!({"": {"name": "app"}, "node_modules/a": {"version": "1.0.0", "integrity": integrity}}))
        };
        let made = package(&format!("sha512-{digest}")).unwrap();
        assert_eq!(made.bom.items[0].files[0].hashes["SHA-512"], "07".repeat(64));
        for bad in
            ["sha512-AAAA", "md9-AAAA", "sha512", &format!("sha512-{digest} sha512-{}", STANDARD.encode([8_u8; 64]))]
        {
            assert!(package(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn of_one_package_in_several_folders_all_that_is_said_counts_and_two_digests_are_refused() {
        let of = |first: &Value, second: &Value| {
            let entry = |more: &Value| {
                let mut entry = json!({"version": "1.0.0", "resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz"});
                entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                entry
            };
            lock(&json!({"": {"name": "app", "dependencies": {"a": "*", "z": "*"}}, "node_modules/a": entry(first),
                "node_modules/z": {"version": "1.0.0", "dependencies": {"a": "*"}},
                "node_modules/z/node_modules/a": entry(second)}))
        };
        let digest = |byte: u8| format!("sha512-{}", STANDARD.encode([byte; 64]));
        let one = json!({"integrity": digest(1), "dev": true});
        let made = of(&one, &json!({"integrity": digest(1), "hasInstallScript": true, "license": "MIT"})).unwrap();
        let a = made.bom.items.iter().find(|item| item.name == "a").unwrap();
        assert_eq!(a.properties, [("countersign:install-script".to_owned(), "true".to_owned())]);
        assert_eq!((a.files.len(), a.scope, a.licences.len()), (1, Scope::Required, 1));
        assert_eq!(of(&json!({}), &one).unwrap().bom.items[0].files[0].hashes["SHA-512"], "01".repeat(64));
        let error = of(&one, &json!({"integrity": digest(2)})).unwrap_err().to_string();
        assert!(error.contains("a 1.0.0 stands in the lock file with two digests: SHA-512 0101"), "{error}");
    }

    #[test]
    fn an_older_lock_file_and_one_that_disagrees_with_its_manifest_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        std::fs::write(&path, r#"{"lockfileVersion": 1, "dependencies": {}}"#).unwrap();
        assert!(matches!(read(&path), Err(PackagesError::Unsupported { .. })));
        let lock = json!({"lockfileVersion": 2, "packages": {"": {"name": "app", "dependencies": {"a": "^1.0.0"}},
            "node_modules/a": {"version": "1.0.0"}}});
        std::fs::write(&path, lock.to_string()).unwrap();
        std::fs::write(folder.path().join("package.json"), r#"{"dependencies": {"a": "^1.0.0"}}"#).unwrap();
        assert!(read(&path).is_ok());
        std::fs::write(folder.path().join("package.json"), r#"{"dependencies": {"a": "^2.0.0"}}"#).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("do not ask for the same a"));
    }
}
