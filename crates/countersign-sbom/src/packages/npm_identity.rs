//! What a package of npm's lock file is called, by where it comes from.

use super::npm_graph::is_outside;
use super::npm_registries::Registry;
use super::public;
use crate::bom::Item;
use countersign_core::digest::Sha256;
use countersign_core::purl::{Purl, PurlError, decoded};
use std::collections::{BTreeMap, BTreeSet};

/// Registries that have the packages of registry.npmjs.org.
pub(super) const DEFAULT: [&str; 2] = ["https://registry.npmjs.org/", "https://registry.yarnpkg.com/"];

/// What lies at a registry's address (`NAME/-/FILE`), where that is another package or version. npm installs what is there,
/// whatever the entry is called.
pub(super) fn of_another(name: &str, version: &str, url: &str) -> Option<String> {
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

/// The names in capitals of which the lock file has another that differs in case alone. To npm, which once took such names, these
/// are packages of their own.
pub(super) fn told_by_case<'l>(names: impl Iterator<Item = &'l str>) -> BTreeSet<&'l str> {
    let mut alike: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for name in names {
        alike.entry(name.to_lowercase()).or_default().insert(name);
    }
    let several = alike.iter().filter(|(_, names)| names.len() > 1);
    several.flat_map(|(lower, names)| names.iter().copied().filter(move |name| name != lower)).collect()
}

/// A folder or file may be called as the project is, or a folder as another one or as a file, and is not that: its place tells it apart.
/// Of folders that are called the same, the first keeps the name.
pub(super) fn call_apart(places: &mut BTreeMap<&str, Item>, project: &str) {
    let is_folder = |item: &Item| item.kind == "application";
    let others = places.values().filter(|item| !is_folder(item));
    let mut taken: BTreeSet<String> = others.map(|item| item.reference.clone()).collect();
    for (place, item) in places {
        let again = is_folder(item) && !taken.insert(item.reference.clone());
        if again || item.reference == project {
            item.reference = format!("{}#{}", item.reference, mark_of(place));
        }
    }
}

/// What tells a folder from another one of its name: its place. The path to a folder outside of the project says where somebody keeps
/// what, which is nobody's business who reads the document: a digest of it tells as much apart.
fn mark_of(place: &str) -> String {
    if is_outside(place) { Sha256::of(place.as_bytes()).hex().chars().take(16).collect() } else { place.to_owned() }
}

/// Where a package comes from.
pub(super) enum Origin<'l> {
    /// From the address in its entry.
    Address(&'l str),
    /// From a registry, without an address.
    Registry(Registry),
}

/// Only a registry gives a package its public name. `None` for a folder or file. A package URL has names in lower case, unless the
/// case tells them apart.
pub(super) fn purl(name: &str, version: &str, from: &Origin<'_>, cased: bool) -> Result<Option<Purl>, PurlError> {
    let spelled = if cased { name.to_owned() } else { name.to_lowercase() };
    let (scope, own) = match spelled.split_once('/') {
        Some((scope, own)) => (Some(scope), own),
        None => (None, spelled.as_str()),
    };
    let build = |qualifiers: &[(&str, &str)]| Purl::build("npm", scope, own, Some(version), qualifiers).map(Some);
    let url = match from {
        Origin::Registry(Registry::Public) => return build(&[]),
        Origin::Registry(Registry::Other(address)) => {
            build(&[])?;
            // An address that is too long for a package URL is no fault of the lock file, in which it does not stand.
            return Ok(build(&[("repository_url", address)]).unwrap_or_default());
        }
        Origin::Registry(Registry::Unknown) => return Ok(None),
        Origin::Address(url) => *url,
    };
    if DEFAULT.iter().any(|registry| url.starts_with(registry)) {
        return build(&[]);
    }
    if url.starts_with("git+") || url.starts_with("git:") || url.starts_with("git@") {
        let commit = url.split_once('#').map(|(_, commit)| commit);
        return match (public(url), commit) {
            (Some(address), Some(commit)) => build(&[("vcs_url", &format!("{address}@{commit}"))]),
            (Some(address), None) => build(&[("vcs_url", &address)]),
            (None, _) => Ok(None),
        };
    }
    let address = public(url).filter(|_| url.starts_with("https://") || url.starts_with("http://"));
    let Some(address) = address else { return Ok(None) };
    // A registry's tarball lies at NAME/-/FILE; any other address is a file that somebody put somewhere.
    match address.find(&format!("/{name}/-/")) {
        Some(end) => build(&[("repository_url", address.get(..end).unwrap_or(&address))]),
        None => build(&[("download_url", &address)]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::npm_scene::{edges, lock};
    use super::*;
    use serde_json::json;

    #[test]
    fn where_a_package_comes_from_decides_its_identity() {
        let of = |name: &str, resolved: Option<&str>| {
            let from = resolved.map_or(Origin::Registry(Registry::Public), Origin::Address);
            purl(name, "1.0.0", &from, false).unwrap().map(|purl| purl.as_str().to_owned())
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
    fn an_address_that_is_not_read_is_not_taken_for_none() {
        let of = |key: &str, value: serde_json::Value| {
            let mut entry = json!({"version": "1.0.0"});
            entry[key] = value;
            lock(&json!({"": {"name": "app", "dependencies": {"x": "*"}}, "node_modules/x": entry}))
        };
        let long = |length: usize| format!("https://files.example/x-1.0.0.tgz?sig={}", "a".repeat(length));
        assert_eq!(
            of("resolved", json!(long(100))).unwrap().bom.items[0].reference,
            "pkg:npm/x@1.0.0?download_url=https://files.example/x-1.0.0.tgz"
        );
        for key in ["name", "resolved", "integrity"] {
            for value in [json!(long(4_100)), json!(false), json!(["https://files.example/x-1.0.0.tgz"])] {
                let error = of(key, value).unwrap_err().to_string();
                assert!(error.contains(&format!("its {key} is no text of at most 4096 bytes")), "{error}");
            }
        }
    }

    #[test]
    fn what_is_null_in_an_entry_is_as_if_it_did_not_stand_there() {
        let of = |more: serde_json::Value| {
            let mut entry = json!({"version": "1.0.0"});
            entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            lock(&json!({"": {"name": "app", "dependencies": {"x": "*"}}, "node_modules/x": entry})).unwrap()
        };
        let without = of(json!({}));
        for key in ["name", "resolved", "integrity"] {
            let made = of(json!({key: null}));
            assert_eq!((made.bom, made.partial), (without.bom.clone(), without.partial.clone()), "{key}");
        }
        let both = of(json!({"resolved": null, "integrity": null}));
        assert_eq!(both.bom.items[0].reference, "pkg:npm/x@1.0.0");
        assert!(both.partial.iter().any(|text| text.contains("do not say where they come from")), "{:?}", both.partial);
        let folder = json!({"resolved": null, "integrity": null, "version": null});
        let made = lock(&json!({"": {"name": "app", "dependencies": {"y": "file:./node_modules/x"}},
            "node_modules/x": folder, "node_modules/y": {"resolved": "node_modules/x", "link": true}}))
        .unwrap();
        assert_eq!(made.bom.items[0].reference, "path:x", "a folder that stands there by itself");
    }

    #[test]
    fn two_folders_of_one_name_and_version_are_two_and_a_file_is_neither() {
        let loc = |needs: &str, range: &str| json!({"name": "loc", "version": "3.0.0", "dependencies": {needs: range}});
        let link = |to: &str| json!({"resolved": to, "link": true});
        let asked = json!({"l1": "file:va", "l2": "file:vb", "l3": "file:a", "one": "file:one.tgz"});
        let made = lock(&json!({"": {"name": "app", "dependencies": asked},
            "a": {"name": "one", "version": "1.0.0"},
            "node_modules/kleur": {"version": "4.1.5"}, "node_modules/left-pad": {"version": "1.3.0"},
            "node_modules/l1": link("va"), "node_modules/l2": link("vb"), "node_modules/l3": link("a"),
            "node_modules/one": {"version": "1.0.0", "resolved": "file:one.tgz"},
            "old": {"name": "loc", "version": "3.0.0", "extraneous": true},
            "va": loc("left-pad", "1.3.0"), "vb": loc("kleur", "4.1.5")}))
        .unwrap();
        let all = ["path:loc@3.0.0", "path:loc@3.0.0#vb", "path:one@1.0.0", "path:one@1.0.0#a"];
        assert_eq!(edges(&made, "path:app"), all);
        assert_eq!(edges(&made, "path:loc@3.0.0"), ["pkg:npm/left-pad@1.3.0"]);
        assert_eq!(edges(&made, "path:loc@3.0.0#vb"), ["pkg:npm/kleur@4.1.5"]);
        assert_eq!(made.bom.items.len(), 6);
    }

    #[test]
    fn packages_whose_names_differ_in_case_alone_are_two() {
        let of = |first: &str, second: &str| {
            lock(&json!({"": {"name": "app", "dependencies": {"b": "1", "jsonstream": "1.0.3"}},
                "node_modules/b": {"version": "1.0.0", "dependencies": {"JSONStream": "1.0.3", "Other": "1"}},
                "node_modules/Other": {"version": "1.0.0"},
                "node_modules/b/node_modules/JSONStream": {"version": "1.0.3", "integrity": first},
                "node_modules/jsonstream": {"version": "1.0.3", "integrity": second}}))
            .unwrap()
        };
        let (one, other) = ("sha1-AQEBAQEBAQEBAQEBAQEBAQEBAQE=", "sha1-AgICAgICAgICAgICAgICAgICAgI=");
        for made in [of(one, one), of(one, other)] {
            assert_eq!(edges(&made, "path:app"), ["pkg:npm/b@1.0.0", "pkg:npm/jsonstream@1.0.3"]);
            assert_eq!(edges(&made, "pkg:npm/b@1.0.0"), ["pkg:npm/JSONStream@1.0.3", "pkg:npm/other@1.0.0"]);
            let said =
                "1 packages have the name of another but for its case, which their package URLs keep (JSONStream)";
            assert!(made.partial.iter().any(|text| text == said), "{:?}", made.partial);
        }
    }
}
