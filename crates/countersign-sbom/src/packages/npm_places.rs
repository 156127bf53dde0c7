//! Where Node finds what a package of npm's lock file asks for: in the package's own folder, or in the nearest one above that has it.
//! All places are gone through once, folder by folder, so that the time grows with the lock file and not with its depth as well.

use super::npm::{Object, flag, is_own};
use super::npm_graph::{asked, is_outside, package};
use super::{PackagesError, malformed};
use countersign_core::limits;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::Path;

/// Refuses places that no installation has.
pub(super) fn within_bounds(path: &Path, packages: &Object) -> Result<(), PackagesError> {
    for place in packages.keys() {
        let what = if place.len() > limits::SBOM_TEXT_BYTES {
            format!("a place of {} bytes, more than the {} that are read", place.len(), limits::SBOM_TEXT_BYTES)
        } else {
            let depth = place.matches("node_modules/").count();
            if depth <= limits::NPM_DEPTH {
                continue;
            }
            format!("packages lie within each other {depth} times, more than the {} that are read", limits::NPM_DEPTH)
        };
        return Err(malformed(path, "/packages", &what));
    }
    Ok(())
}

/// For each place, what it finds of what it asks for, by name.
pub(super) struct Found<'l>(BTreeMap<&'l str, BTreeMap<&'l str, &'l str>>);

/// A package below some folder's `node_modules`.
struct Installed<'l> {
    folder: &'l str,
    name: &'l str,
    place: &'l str,
}

impl<'l> Found<'l> {
    pub(super) fn of(packages: &'l Object) -> Self {
        let mut in_project: BTreeMap<&str, &str> = BTreeMap::new();
        let mut installed: Vec<Installed<'l>> = Vec::new();
        for place in packages.keys() {
            match place.rsplit_once("/node_modules/") {
                // Node looks into no `node_modules` within a `node_modules`.
                Some((folder, _)) if folder.is_empty() || folder.ends_with("node_modules") => {}
                Some((folder, name)) => installed.push(Installed { folder, name, place }),
                None => in_project.extend(place.strip_prefix("node_modules/").map(|name| (name, place.as_str()))),
            }
        }
        installed.sort_by(|one, other| in_order(one.folder, other.folder));
        let mut places: Vec<(&'l str, &'l Object)> =
            packages.keys().filter_map(|place| package(packages, place)).collect();
        places.sort_by(|(one, _), (other, _)| in_order(one, other));
        let mut found = BTreeMap::new();
        let mut installed = installed.into_iter().peekable();
        // The folders above the place that it is about, the nearest last, and by name what lies in them.
        let mut above: Vec<(&str, &str)> = Vec::new();
        let mut by_name: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (place, entry) in places {
            while let Some((_, name)) = above.pop_if(|(folder, _)| below(folder, place).is_none()) {
                if let Some(all) = by_name.get_mut(name) {
                    all.pop();
                }
            }
            while let Some(one) = installed.next_if(|one| in_order(one.folder, place) != Ordering::Greater) {
                if below(one.folder, place).is_some() {
                    above.push((one.folder, one.name));
                    by_name.entry(one.name).or_default().push((one.folder, one.place));
                }
            }
            // Whoever goes up from outside never comes into the project's folder.
            let outside = is_outside(place);
            let mut own = BTreeMap::new();
            for name in asked(entry, is_own(place)).into_keys() {
                let near = by_name.get(name).and_then(|all| all.last()).filter(|(folder, _)| {
                    // Above `..` lies `../..`, though it is written behind it.
                    below(folder, place).is_some_and(|rest| rest.split('/').next() != Some(".."))
                });
                let near = near.map(|(_, place)| *place);
                let at = near.or_else(|| in_project.get(name).copied().filter(|_| !outside));
                own.extend(at.and_then(|at| behind(packages, at)).map(|target| (name, target)));
            }
            if !own.is_empty() {
                found.insert(place, own);
            }
        }
        Self(found)
    }

    /// The place of what a package asks for by a name.
    pub(super) fn target(&self, place: &str, name: &str) -> Option<&'l str> {
        self.0.get(place).and_then(|own| own.get(name)).copied()
    }
}

/// What lies at a place, or where the link there leads to.
fn behind<'l>(packages: &'l Object, place: &str) -> Option<&'l str> {
    let entry = packages.get(place)?.as_object()?;
    let target = if flag(entry, "link") { entry.get("resolved").and_then(Value::as_str)? } else { place };
    package(packages, target).map(|(place, _)| place)
}

/// A folder comes before all that is below it, and this before all else.
fn in_order(one: &str, other: &str) -> Ordering {
    one.split('/').cmp(other.split('/'))
}

/// The way from a folder down to a place; empty for itself.
fn below<'p>(folder: &str, place: &'p str) -> Option<&'p str> {
    let rest = place.strip_prefix(folder)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

#[cfg(test)]
mod tests {
    use super::super::npm_scene::lock;
    use super::*;
    use serde_json::json;

    /// The same as Node itself does it: from the package's own folder up, one by one.
    fn step_by_step<'l>(packages: &'l Object, from: &str, name: &str) -> Option<&'l str> {
        let outside = is_outside(from);
        let mut folder = from;
        loop {
            let place = if folder.is_empty() {
                format!("node_modules/{name}")
            } else {
                format!("{folder}/node_modules/{name}")
            };
            if !folder.ends_with("node_modules") && packages.contains_key(&place) {
                return behind(packages, &place);
            }
            if folder.is_empty() || folder == ".." || folder.ends_with("/..") {
                return None;
            }
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
            if outside && folder.is_empty() {
                return None;
            }
        }
    }

    #[test]
    fn what_a_package_asks_for_is_found_in_the_nearest_folder_above() {
        let folders = [
            "",
            "node_modules/a",
            "node_modules/a-b",
            "node_modules/a/node_modules/a",
            "node_modules/a/node_modules/@s/b",
            "node_modules/@s",
            "node_modules/@s/b",
            "node_modules",
            "node_modules/node_modules",
            "w",
            "w/a",
            "w-x",
            "..",
            "../..",
            "../../o",
            "../o",
            "../o/node_modules/a",
            "/x",
            "/x/y",
            "C:/x",
        ];
        let names = ["a", "a-b", "@s/b", "c", "none"];
        let (mut tried, mut there) = (0, 0);
        // Each time, other folders have other packages.
        for round in 1..30_usize {
            let asks: serde_json::Map<String, Value> =
                names.iter().map(|name| ((*name).to_owned(), json!("*"))).collect();
            let entry = json!({"version": "1.0.0", "dependencies": asks});
            let mut packages = serde_json::Map::new();
            for (at, folder) in folders.iter().enumerate() {
                packages.insert((*folder).to_owned(), entry.clone());
                for (number, name) in names.iter().take(4).enumerate() {
                    if (at * 7 + number * 3 + at * number) % (round + 1) != 0 {
                        continue;
                    }
                    let place = if folder.is_empty() {
                        format!("node_modules/{name}")
                    } else {
                        format!("{folder}/node_modules/{name}")
                    };
                    let linked = json!({"link": true, "resolved": if number == 2 { "w" } else { "gone" }});
                    packages.insert(place, if (at + number) % 5 == 0 { linked } else { entry.clone() });
                }
            }
            let found = Found::of(&packages);
            for place in packages.keys().filter(|place| package(&packages, place).is_some()) {
                for name in names {
                    let wanted = step_by_step(&packages, place, name);
                    assert_eq!(found.target(place, name), wanted, "{name} from {place:?} in {:?}", packages.keys());
                    tried += 1;
                    there += usize::from(wanted.is_some());
                }
            }
        }
        assert!(there > 500 && there < tried, "{there} of {tried}");
    }

    #[test]
    fn packages_that_lie_within_each_other_more_often_than_anywhere_are_refused() {
        let of = |depth: usize| {
            let mut packages = json!({"": {"name": "app", "dependencies": {"a": "*"}}});
            for depth in 1..=depth {
                let place = vec!["node_modules/a"; depth].join("/");
                packages[place] = json!({"version": "1.0.0", "dependencies": {"a": "*"}});
            }
            lock(&packages).map(|made| made.bom.items.len()).map_err(|error| error.to_string())
        };
        assert_eq!(of(limits::NPM_DEPTH), Ok(1));
        let error = of(limits::NPM_DEPTH + 1).unwrap_err();
        assert!(error.contains("packages lie within each other 65 times, more than the 64"), "{error}");
        let long = format!("node_modules/{}", "a".repeat(limits::SBOM_TEXT_BYTES));
        let error = lock(&json!({"": {"name": "app"}, long: {"version": "1.0.0"}})).unwrap_err().to_string();
        assert!(error.contains("a place of 4109 bytes"), "{error}");
    }
}
