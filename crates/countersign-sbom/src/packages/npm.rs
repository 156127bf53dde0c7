//! npm's lock file, versions 2 and 3: every package by the folder that it is installed in, and the edges that Node would
//! follow from there.

use super::dev::{Counted, Dev, undigested};
use super::npm_asks::Rules;
use super::npm_graph::{Graph, is_bundled};
use super::npm_identity::{DEFAULT, Origin, call_apart, of_another, purl, told_by_case};
use super::npm_places::within_bounds;
use super::npm_registries::{Registries, Registry};
use super::npm_told::{Missing, Told};
use super::npm_workspaces::Workspaces;
use super::{
    Kind, Made, PackagesError, UNNAMED, application, bytes_of, left_out_of, library, licence, malformed, public,
    purl_error,
};
use crate::bom::{Bom, File, Item, Scope};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::{
    digest::{Sha256, to_hex},
    json, limits,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) type Object = Map<String, Value>;

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let bytes = bytes_of(path, limits::LOCK_FILE_BYTES)?;
    let wrong = |at: &str, what: &str| malformed(path, at, what);
    let value = json::parse_within(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes), limits::LOCK_FILE_BYTES)
        .map_err(|error| wrong("the text", &error.to_string()))?;
    let lock = value.as_object().ok_or_else(|| wrong("/", "expected an object"))?;
    let version = lock.get("lockfileVersion").and_then(Value::as_u64);
    let (Some(version @ (2 | 3)), Some(packages)) = (version, lock.get("packages").and_then(Value::as_object)) else {
        return Err(PackagesError::Unsupported {
            path: path.to_owned(),
            what: format!("a lock file of version {}", version.map_or_else(|| "none".to_owned(), |v| v.to_string())),
            help: "npm 7 and later write version 2 or 3: `npm install --package-lock-only`".to_owned(),
        });
    };
    within_bounds(path, packages)?;
    let mut rules = Rules::beside(path)?;
    let stated = rules.workspaces(packages);
    let workspaces = Workspaces::of(packages, &stated);
    let name = lock.get("name").and_then(Value::as_str).filter(|name| name.len() <= limits::SBOM_TEXT_BYTES);
    let mut tree = Tree::of(path, packages, workspaces, name)?;
    let mut places: BTreeMap<&str, Item> = BTreeMap::new();
    for (place, package) in packages {
        let entry = package.as_object().ok_or_else(|| wrong(place, "expected an object"))?;
        if !flag(entry, "link") {
            places.insert(place, tree.component(place, entry)?);
        }
    }
    let root = places.remove("").ok_or_else(|| wrong("/packages", "there is no entry for the package itself"))?;
    for place in packages.keys().filter(|place| is_own(place)) {
        tree.agrees(place)?;
    }
    let graph = Graph::of(packages, &tree.workspaces.places);
    rules.hold(path, &graph)?;
    let (mut places, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
        places.into_iter().partition(|(place, _)| graph.need(place).is_some());
    let left: Vec<Item> = left.into_values().collect();
    call_apart(&mut places, &root.reference);
    tree.references = places.iter().map(|(place, item)| ((*place).to_owned(), item.reference.clone())).collect();
    tree.references.insert(String::new(), root.reference.clone());
    let mut bom = Bom::made();
    let missing = tree.give_edges(&graph, &mut bom);
    let mut made: BTreeMap<String, Item> = BTreeMap::new();
    let mut told = Told::new();
    for (place, mut item) in places {
        let Some(need) = graph.need(place) else { continue };
        // What the lock file itself says is not npm's word: npm reckons it anew where it installs.
        if item.scope > need.scope {
            told.weaker.insert(item.label(), &item);
        }
        item.scope = need.scope;
        tree.tell(place, &item, &mut told);
        match made.get_mut(&item.reference) {
            Some(known) => unite(known, item).map_err(|what| wrong(place, &what))?,
            None => {
                made.insert(item.reference.clone(), item);
            }
        }
    }
    bom.items = made.into_values().collect();
    bom.root = Some(root);
    let mut partial: Vec<String> = tree.workspaces.said().into_iter().collect();
    partial.extend(missing.notes().into_iter().filter_map(Counted::said));
    partial.extend(rules.said());
    partial.extend(left_out_of(&left, "npm"));
    partial.extend(undigested(Kind::Npm, &bom.items));
    partial.extend(told.notes().into_iter().filter_map(Counted::said));
    for item in bom.all().map(|item| item.reference.clone()).collect::<Vec<_>>() {
        let word = match (told.unknown.contains(&item), missing.of.contains_key(&item)) {
            (true, _) => "unknown",
            (false, true) => "incomplete",
            (false, false) => "complete",
        };
        bom.aggregates.insert(item, word.to_owned());
    }
    let (mut notes, whole) = missing.into_notes();
    notes.extend(told.into_notes());
    Ok(Made {
        kind: Kind::Npm,
        path: path.to_owned(),
        read_as: format!("npm's lock file, version {version}"),
        digest: Some(Sha256::of(&bytes)),
        bom,
        partial,
        dev: Dev::where_apart(true, notes, whole),
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
pub(super) fn is_own(place: &str) -> bool {
    !place.starts_with("node_modules/") && !place.contains("/node_modules/")
}

pub(super) fn flag(entry: &Object, key: &str) -> bool {
    entry.get(key).and_then(Value::as_bool) == Some(true)
}

/// Whether an entry says anything under a key: to npm, `null` is as if nothing stood there.
fn says(entry: &Object, key: &str) -> bool {
    entry.get(key).is_some_and(|value| !value.is_null())
}

/// A text of an entry, where it is no longer than names are.
fn text_in<'l>(entry: &'l Object, key: &str) -> Option<&'l str> {
    entry.get(key).and_then(Value::as_str).filter(|text| text.len() <= limits::SBOM_TEXT_BYTES)
}

/// What the package of an entry is called: as its folder, unless the entry says otherwise.
fn called<'l>(place: &'l str, entry: &'l Object) -> &'l str {
    text_in(entry, "name").unwrap_or_else(|| place.rsplit("node_modules/").next().unwrap_or(place))
}

/// What npm says of an entry.
fn scope_of(entry: &Object) -> Scope {
    if flag(entry, "dev") {
        Scope::Excluded
    } else if flag(entry, "optional") || flag(entry, "devOptional") {
        Scope::Optional
    } else {
        Scope::Required
    }
}

struct Tree<'l> {
    path: &'l Path,
    packages: &'l Object,
    references: BTreeMap<String, String>,
    workspaces: Workspaces<'l>,
    /// What the lock file itself is called.
    name: Option<&'l str>,
    /// The names that only their case tells from another.
    cased: BTreeSet<&'l str>,
    /// Where links lead to.
    linked: BTreeSet<&'l str>,
    /// Where packages come from whose entries do not say it.
    registries: Registries,
}

impl<'l> Tree<'l> {
    fn of(
        path: &'l Path,
        packages: &'l Object,
        workspaces: Workspaces<'l>,
        name: Option<&'l str>,
    ) -> Result<Self, PackagesError> {
        let entries = packages.iter().filter_map(|(place, entry)| Some((place.as_str(), entry.as_object()?)));
        let (links, installed): (Vec<_>, Vec<_>) = entries.partition(|(_, entry)| flag(entry, "link"));
        let installed = installed.into_iter().filter(|(place, _)| !is_own(place));
        let cased = told_by_case(installed.map(|(place, entry)| called(place, entry)));
        let linked = links.into_iter().filter_map(|(_, link)| link.get("resolved").and_then(Value::as_str)).collect();
        let (references, registries) = (BTreeMap::new(), Registries::beside(path)?);
        Ok(Self { path, packages, references, workspaces, name, cased, linked, registries })
    }

    fn wrong(&self, at: &str, what: &str) -> PackagesError {
        malformed(self.path, at, what)
    }

    fn component(&self, place: &str, entry: &Object) -> Result<Item, PackagesError> {
        let text = |key: &str| text_in(entry, key);
        let name = called(place, entry);
        let version = text("version");
        if place.is_empty() {
            let mut root = application(text("name").or(self.name).unwrap_or(UNNAMED), version);
            if let Some(text) = text("license") {
                licence(&mut root, text);
            }
            return Ok(root);
        }
        if is_own(place) || self.is_folder(place, entry) {
            let last = place.rsplit('/').next().unwrap_or(place);
            let mut item = application(text("name").unwrap_or(last), version);
            item.scope = scope_of(entry);
            if self.workspaces.places.contains(place) {
                item.properties.push(("countersign:workspace-member".to_owned(), "true".to_owned()));
            }
            return Ok(item);
        }
        let Some(version) = version else { return Err(self.wrong(place, "a package without a version")) };
        // Passed over, an address would count as none and a name as the folder's: the package would be called what it is not.
        for key in ["name", "resolved", "integrity"] {
            if says(entry, key) && text(key).is_none() {
                let what = format!("its {key} is no text of at most {} bytes", limits::SBOM_TEXT_BYTES);
                return Err(self.wrong(place, &what));
            }
        }
        let resolved = text("resolved");
        if let Some(other) = resolved.and_then(|url| of_another(name, version, url)) {
            return Err(self.wrong(place, &format!("it is said to be {name} {version}, and comes from {other}")));
        }
        let from = match resolved {
            Some(address) => Origin::Address(address),
            // What lies in another package's archive comes with that.
            None if is_bundled(self.packages, place) => Origin::Registry(Registry::Public),
            None => Origin::Registry(self.registries.of_package(name)),
        };
        let purl = purl(name, version, &from, self.cased.contains(name))
            .map_err(|error| purl_error(self.path, place, error))?;
        let reference = purl.as_ref().map_or_else(|| format!("path:{name}@{version}"), |purl| purl.as_str().to_owned());
        let mut item = library(reference, name, Some(version));
        item.purl = purl.map(|purl| purl.as_str().to_owned());
        item.scope = scope_of(entry);
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
            if flag(entry, key) {
                item.properties.push((word.to_owned(), "true".to_owned()));
            }
        }
        Ok(item)
    }

    fn tell(&self, place: &str, item: &Item, told: &mut Told) {
        let entry = self.packages.get(place).and_then(Value::as_object).filter(|_| !is_own(place));
        let Some(entry) = entry else { return };
        if self.is_folder(place, entry) {
            told.folders.insert(place.to_owned(), item);
            told.unknown.extend(item.version.is_none().then(|| item.reference.clone()));
            return;
        }
        if self.cased.contains(item.name.as_str()) {
            told.cased.insert(item.name.clone(), item);
        }
        if text_in(entry, "resolved").is_none() && !is_bundled(self.packages, place) {
            told.nowhere.insert(item.label(), item);
        }
    }

    /// Whether a place among those of packages is a folder that stands there by itself. An override may name one (`file:./x`), which npm
    /// then looks for below the package that asks.
    fn is_folder(&self, place: &str, entry: &Object) -> bool {
        let name = place.rsplit("node_modules/").next().unwrap_or(place);
        let parts = if name.starts_with('@') { 2 } else { 1 };
        let deeper = name.split('/').count() > parts;
        let fetched = says(entry, "resolved") || says(entry, "integrity");
        !is_own(place) && !fetched && self.linked.contains(place) && (deeper || !says(entry, "version"))
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

    /// Gives a document the edges, and finds out what is missing.
    fn give_edges(&self, graph: &Graph<'_>, bom: &mut Bom) -> Missing {
        let mut missing = Missing::new();
        let mut scopes: BTreeMap<(String, String), Scope> = BTreeMap::new();
        for node in &graph.nodes {
            let Some(from) = self.references.get(node.place) else { continue };
            let own = is_own(node.place);
            let to = bom.edges.entry(from.clone()).or_default();
            for edge in &node.edges {
                let target = graph.nodes.get(edge.to).and_then(|target| self.references.get(target.place));
                let Some(target) = target else { continue };
                to.insert(target.clone());
                if own {
                    let scope = edge.how.scope();
                    let known = scopes.entry((from.clone(), target.clone())).or_insert(scope);
                    *known = (*known).min(scope);
                }
            }
            for (name, how) in &node.missing {
                missing.insert(node.place, from, name, *how);
            }
        }
        bom.only_dev =
            scopes.into_iter().filter(|(_, scope)| *scope == Scope::Excluded).map(|(edge, _)| edge).collect();
        missing
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
            let (mut asked, held) = (map(&manifest), map(locked));
            // What is optional, too, is only that: npm leaves it out of the lock file's `dependencies`.
            if key == "dependencies" {
                let optional = manifest.get("optionalDependencies").and_then(Value::as_object).unwrap_or(&empty);
                asked.retain(|name, _| held.contains_key(name) || !optional.contains_key(name));
            }
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

#[cfg(test)]
mod tests {
    use super::super::npm_scene::{edges, lock};
    use super::*;
    use serde_json::json;

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
        assert_eq!(made.partial.len(), 3);
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

    fn beside(manifest: &Value, packages: &Value) -> Result<Made, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        std::fs::write(folder.path().join("package.json"), manifest.to_string()).unwrap();
        std::fs::write(&path, json!({"lockfileVersion": 3, "packages": packages}).to_string()).unwrap();
        read(&path)
    }

    #[test]
    fn a_version_that_nobody_asks_for_is_refused() {
        let asks = json!({"name": "app", "dependencies": {"a": "^1.0.0"}});
        let with = |a: &str, b: &str, more: &Value| {
            let mut packages = json!({"": asks, "node_modules/a": {"version": a, "dependencies": {"b": "~2.1.0"}},
                "node_modules/b": {"version": b}});
            packages.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            packages
        };
        let none = json!({});
        assert!(beside(&asks, &with("1.9.0", "2.1.7", &none)).is_ok());
        let direct = beside(&asks, &with("2.0.0", "2.1.7", &none)).unwrap_err().to_string();
        assert!(
            direct.contains("it asks for a ^1.0.0, and the lock file has 2.0.0 for it (node_modules/a)"),
            "{direct}"
        );
        let through = beside(&asks, &with("1.9.0", "2.2.0", &none)).unwrap_err().to_string();
        assert!(
            through.contains("/packages/node_modules/a: it asks for b ~2.1.0, and the lock file has 2.2.0"),
            "{through}"
        );
        assert!(
            lock(&with("2.0.0", "2.1.7", &none)).is_err(),
            "without the manifest, too, what the project itself asks for"
        );
        let alone = lock(&with("1.9.0", "2.2.0", &none)).unwrap();
        assert!(alone.partial[0].contains("1 packages have a version that is not in the range"), "{:?}", alone.partial);
        for rule in [json!({"b": "2.2.0"}), json!({"a@1": {"b@~2": "2.2.0"}}), json!({"b": {".": "2.2.0", "c": "1"}})] {
            let mut manifest = asks.clone();
            manifest["overrides"] = rule;
            assert!(beside(&manifest, &with("1.9.0", "2.2.0", &none)).is_ok(), "{manifest}");
            assert!(beside(&manifest, &with("2.0.0", "2.2.0", &none)).is_err(), "{manifest}");
        }
    }

    #[test]
    fn what_npm_takes_without_looking_at_its_version_is_not_refused() {
        let none = json!({});
        let taken = |asks: &Value, packages: &Value| {
            let mut all = json!({"": asks});
            all.as_object_mut().unwrap().extend(packages.as_object().unwrap().clone());
            beside(asks, &all).map(|made| made.partial)
        };
        for spec in ["latest", "github:o/a#semver:^9", "file:a.tgz", "https://example.com/a.tgz", "*"] {
            let asks = json!({"name": "app", "dependencies": {"a": spec}});
            assert!(taken(&asks, &json!({"node_modules/a": {"version": "1.0.0-rc.1"}})).is_ok(), "{spec}");
        }
        let asks = json!({"name": "app", "dependencies": {"a": "1", "b": "9"}});
        // A peer may be any where peers are not looked at; what lies in an archive is taken as it is; so is another lock file's.
        let peers = taken(
            &asks,
            &json!({"node_modules/a": {"version": "1.0.0", "peerDependencies": {"b": "^1", "c": "1"},
            "peerDependenciesMeta": {"c": {"optional": true}}}, "node_modules/b": {"version": "9.0.0"}}),
        );
        assert!(peers.unwrap().iter().any(|text| text.contains("1 peers have a version that is not in the range")));
        for entry in [
            json!({"bundleDependencies": ["c"]}),
            json!({"bundleDependencies": true}),
            json!({"hasShrinkwrap": true}),
            none,
        ] {
            let bundled = entry.get("bundleDependencies").is_some();
            let good = entry != json!({});
            let mut a = json!({"version": "1.0.0", "dependencies": {"c": "^1"}});
            a.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
            let c = json!({"version": "2.0.0", "inBundle": bundled});
            let packages = json!({"node_modules/a": a, "node_modules/a/node_modules/c": c, "node_modules/b": {"version": "9.0.0"}});
            assert_eq!(taken(&asks, &packages).is_ok(), good, "{packages}");
        }
        let asks = json!({"name": "app", "workspaces": ["w"], "dependencies": {"w": "^9.0.0"}});
        let workspace = json!({"node_modules/w": {"resolved": "w", "link": true}, "w": {"version": "1.0.0"}});
        assert!(taken(&asks, &workspace).is_ok(), "the project's own come before any range");
    }

    #[test]
    fn a_folder_that_an_override_names_is_no_package_of_a_registry() {
        let asks = json!({"name": "app", "dependencies": {"debug": "4"}, "overrides": {"ms": "file:./ms"}});
        let of = |at: &str, folder: &Value| {
            let root = json!({"name": "app", "dependencies": {"debug": "4"}});
            let debug = json!({"version": "4.4.0", "dependencies": {"ms": "^2.1.3"}});
            let link = json!({"resolved": at, "link": true});
            let packages = json!({"": root, "node_modules/debug": debug, at: folder, "node_modules/ms": link});
            beside(&asks, &packages)
        };
        for at in ["node_modules/debug/ms", "node_modules/x"] {
            let made = of(at, &json!({})).unwrap();
            let name = at.rsplit('/').next().unwrap();
            let folder = made.bom.items.iter().find(|item| item.name == name).unwrap();
            assert_eq!((folder.purl.as_deref(), folder.kind.as_str()), (None, "application"));
            assert_eq!(edges(&made, "pkg:npm/debug@4.4.0"), [format!("path:{name}")]);
            assert_eq!(made.bom.aggregates[&format!("path:{name}")], "unknown");
            assert!(
                made.partial.iter().any(|text| text.ends_with(&format!("no registry has them ({at})"))),
                "{:?}",
                made.partial
            );
        }
        let named = of("node_modules/debug/ms", &json!({"version": "2.1.3"})).unwrap();
        assert_eq!(edges(&named, "pkg:npm/debug@4.4.0"), ["path:ms@2.1.3"]);
        let fetched = json!({"resolved": "https://registry.npmjs.org/ms/-/ms-2.1.3.tgz"});
        assert!(of("node_modules/x", &fetched).is_err(), "what is fetched has a version");
        let alone = json!({"": {"name": "app", "dependencies": {"a": "1"}}, "node_modules/a": {}});
        assert!(lock(&alone).unwrap_err().to_string().contains("a package without a version"));
    }

    #[test]
    fn a_folder_that_is_called_as_the_project_is_not_the_project() {
        let asks = json!({"name": "app", "dependencies": {"debug": "4"}, "overrides": {"ms": "file:./app"}});
        let debug = json!({"version": "4.4.0", "dependencies": {"ms": "^2.1.3"}});
        let made = beside(
            &asks,
            &json!({"": {"name": "app", "dependencies": {"debug": "4"}}, "node_modules/debug": debug,
                "node_modules/debug/app": {}, "node_modules/ms": {"resolved": "node_modules/debug/app", "link": true}}),
        )
        .unwrap();
        assert_eq!(edges(&made, "path:app"), ["pkg:npm/debug@4.4.0"]);
        assert_eq!(edges(&made, "pkg:npm/debug@4.4.0"), ["path:app#node_modules/debug/app"]);
        assert!(
            made.bom.items.iter().any(|item| item.reference == "path:app#node_modules/debug/app" && item.name == "app")
        );
    }

    #[test]
    fn a_folder_outside_of_the_project_is_told_from_it_without_the_path_to_it() {
        let places = ["../../srv/alice/app", "../../srv/alice/other/app", "C:/alice/app", "/srv/alice/app"];
        let named: BTreeSet<String> = places
            .iter()
            .flat_map(|&place| {
                let asks =
                    json!({"name": "app", "version": "1.0.0", "dependencies": {"other": format!("file:{place}")}});
                let packages = json!({"": asks, place: {"name": "app", "version": "1.0.0"},
                    "node_modules/other": {"resolved": place, "link": true}});
                edges(&lock(&packages).unwrap(), "path:app@1.0.0")
            })
            .collect();
        assert_eq!(named.len(), places.len(), "{named:?}");
        for reference in named {
            let mark = reference.strip_prefix("path:app@1.0.0#").unwrap();
            assert!(mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_hexdigit()), "{reference}");
        }
    }

    #[test]
    fn what_nothing_needs_is_no_component() {
        let made = lock(&json!({"": {"name": "app", "dependencies": {"a": "1"}, "devDependencies": {"b": "1"}},
            "node_modules/a": {"version": "1.0.0", "dependencies": {"b": "1"}, "bundleDependencies": ["b"]},
            "node_modules/a/node_modules/b": {"version": "1.2.0", "inBundle": true},
            "node_modules/a/node_modules/b/node_modules/odd": {"version": "3.0.0", "inBundle": true},
            "node_modules/b": {"version": "1.0.0", "dev": true},
            "node_modules/ghost": {"version": "1.0.0", "extraneous": true, "dependencies": {"gone": "1"}},
            "node_modules/ghost/node_modules/b": {"version": "1.0.0"},
            "packages/old": {"version": "2.0.0", "extraneous": true},
        }))
        .unwrap();
        let labels: Vec<String> = made.bom.items.iter().map(Item::label).collect();
        assert_eq!(labels, ["a 1.0.0", "b 1.0.0", "b 1.2.0", "odd 3.0.0"], "what an archive holds is there with it");
        let said = "3 entries of the lock file are needed by nothing, and npm does not install them: they are left out \
                    (ghost 1.0.0, b 1.0.0, old 2.0.0)";
        assert!(made.partial.iter().any(|text| text == said), "{:?}", made.partial);
        assert_eq!(made.bom.items[1].scope, Scope::Excluded, "a copy that nothing needs does not make it required");
        let dev = ("path:app".to_owned(), "pkg:npm/b@1.0.0".to_owned());
        assert_eq!(made.bom.only_dev, BTreeSet::from([dev]));
    }

    #[test]
    fn a_folder_that_only_development_needs_is_for_development() {
        let made = lock(&json!({"": {"name": "app", "devDependencies": {"tools": "file:./tools"}},
            "node_modules/tools": {"resolved": "tools", "link": true},
            "tools": {"version": "1.0.0", "dev": true},
        }))
        .unwrap();
        assert_eq!(made.bom.items[0].scope, Scope::Excluded);
    }

    #[test]
    fn digests_are_read_and_false_ones_refused() {
        let digest = STANDARD.encode([7_u8; 64]);
        let package = |integrity: &str| {
            lock(&json!({"": {"name": "app", "dependencies": {"a": "1"}},
                "node_modules/a": {"version": "1.0.0", "integrity": integrity}}))
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

    #[test]
    fn what_a_manifest_asks_for_under_two_keys_is_optional_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("package-lock.json");
        let with = |optional: &str, held: &str| {
            let manifest = json!({"dependencies": {"a": "^1.0.0"}, "optionalDependencies": {"a": optional}});
            std::fs::write(folder.path().join("package.json"), manifest.to_string()).unwrap();
            let lock = json!({"lockfileVersion": 3, "packages": {"": {"name": "app", "optionalDependencies": {"a": held}},
                "node_modules/a": {"version": "1.0.0", "optional": true}}});
            std::fs::write(&path, lock.to_string()).unwrap();
            read(&path).map(|made| made.bom.items.first().map(|item| item.scope)).map_err(|error| error.to_string())
        };
        assert_eq!(with("1.0.0", "1.0.0"), Ok(Some(Scope::Optional)));
        let error = with("1.0.0", "1.0").unwrap_err();
        assert!(error.contains("do not ask for the same a (optionalDependencies)"), "{error}");
    }
}
