//! What the lines of a list for pip come to together: one package may stand in several, and comments say which asks for which.

use super::apart::{Budget, never, together};
use super::python::{range, requirement};
use super::python_range::excludes;
use crate::bom::{Bom, Item, Scope};
use crate::diff::versionless;
use crate::version::{Scheme, Version};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A line of the list.
pub(super) struct Line<'t> {
    /// Which one.
    pub(super) number: usize,
    /// The requirement.
    pub(super) text: &'t str,
    /// Who asks for it.
    pub(super) via: &'t [String],
    /// Whether it names its package; where not, it is an address or a path alone.
    pub(super) is_named: bool,
    /// Whether it leaves the version and the address to other lines.
    pub(super) is_loose: bool,
}

/// A package of the list: one version, one address, or what no line says more of.
struct Package {
    item: Item,
    version: Option<Version>,
    is_loose: bool,
    /// The conditions of its lines.
    markers: BTreeSet<String>,
}

impl Package {
    fn of(item: Item, is_loose: bool) -> Self {
        let version = item.version.as_deref().and_then(|version| Version::read(Scheme::Pep440, version));
        Self { item, version, is_loose, markers: BTreeSet::new() }
    }

    /// Whether it is there on every machine.
    fn is_sure(&self) -> bool {
        self.item.scope == Scope::Required
    }

    /// Whether it is the same, be its version written otherwise (`1.0`, `1.0.0`).
    fn is(&self, other: &Self) -> bool {
        let stem = |reference: &str| {
            let (bare, qualifiers) = reference.split_once('?').unwrap_or((reference, ""));
            (versionless(bare), qualifiers.to_owned())
        };
        let both = self.version.as_ref().zip(other.version.as_ref());
        both.is_some_and(|(one, other)| one.compare(other) == Some(Ordering::Equal))
            && stem(&self.item.reference) == stem(&other.item.reference)
    }

    /// Takes what another line says of the same package.
    fn join(&mut self, item: Item) {
        let same = &mut self.item;
        for file in item.files {
            if !same.files.contains(&file) {
                same.files.push(file);
            }
        }
        same.scope = same.scope.min(item.scope);
        if same.scope == Scope::Required {
            same.properties.clear();
        } else {
            let new: Vec<_> = item.properties.into_iter().filter(|one| !same.properties.contains(one)).collect();
            same.properties.extend(new);
        }
    }
}

/// What a line says of its package.
struct Said {
    number: usize,
    place: usize,
    /// The versions that it asks for, where it pins none.
    range: String,
    marker: Option<String>,
    via: Vec<String>,
}

/// Versions of one package.
const VERSIONS: usize = 100;

/// The packages of a list, and what is said of each.
#[derive(Default)]
pub(super) struct Together {
    /// In the order of the list.
    packages: BTreeMap<usize, Package>,
    /// Their places by name. What has none of its own stands for itself.
    names: BTreeMap<String, Vec<usize>>,
    /// Their places by reference.
    references: BTreeMap<String, usize>,
    lines: Vec<Said>,
    /// References of those without a name, by the plain one and what their lines say.
    unnamed: BTreeMap<(String, String), String>,
    /// How many have the same plain reference.
    alike: BTreeMap<String, usize>,
    budget: Budget,
}

impl Together {
    /// Takes a line's package. Refuses another version of one that the list has already, and that may be there at the same time.
    pub(super) fn take(&mut self, mut item: Item, line: &Line<'_>) -> Result<(), String> {
        let marker = requirement(line.text).1.map(str::to_owned);
        let shown = item.name.clone();
        let name = if line.is_named {
            item.name.clone()
        } else {
            item.reference = self.reference(&item.reference, line.text);
            item.reference.clone()
        };
        let new = Package::of(item, line.is_loose);
        let named = self.names.entry(name).or_default();
        let known = self.references.get(&new.item.reference).copied();
        let known =
            known.or_else(|| named.iter().copied().find(|at| self.packages.get(at).is_some_and(|one| one.is(&new))));
        if known.is_none() && named.len() >= VERSIONS {
            return Err(format!("{shown} stands there in more than {VERSIONS} versions, which are not read"));
        }
        let has = known.and_then(|at| self.packages.get(&at)).map(|package| &package.markers);
        let again = marker.as_ref().is_some_and(|marker| has.is_some_and(|has| has.contains(marker)));
        // Several versions, each under a condition of its own: pip takes the one whose condition holds. It takes a line without a version
        // for whichever one that is.
        let others = named.iter().filter(|at| Some(**at) != known).filter_map(|at| self.packages.get(at));
        for other in others.filter(|other| !(again || line.is_loose || other.is_loose)) {
            let budget = &mut self.budget;
            let mut clash = |marker: &str, known: &String| {
                let both = [marker, known.as_str()];
                if marker == known { !never(&both, budget) } else { together(&both, budget) }
            };
            let apart = marker.as_ref().filter(|_| !other.is_sure());
            if apart.is_none_or(|marker| other.markers.iter().any(|known| clash(marker, known))) {
                return Err(format!("{shown} is required twice"));
            }
        }
        let place = known.unwrap_or(self.packages.len());
        if known.is_none() {
            named.push(place);
            self.references.insert(new.item.reference.clone(), place);
            self.packages.insert(place, new);
        } else if let Some(same) = self.packages.get_mut(&place) {
            same.join(new.item);
        }
        if let Some(same) = self.packages.get_mut(&place) {
            same.markers.extend(marker.clone());
        }
        let range = if line.is_loose { range(line.text).to_owned() } else { String::new() };
        self.lines.push(Said { number: line.number, place, range, marker, via: line.via.to_vec() });
        Ok(())
    }

    /// The reference of what is an address or a path: two files of one name, or two repositories, are two packages.
    fn reference(&mut self, plain: &str, text: &str) -> String {
        let place = text.split(" ;").next().unwrap_or(text).trim();
        let own = (plain.to_owned(), place.to_owned());
        if let Some(known) = self.unnamed.get(&own) {
            return known.clone();
        }
        let number = self.alike.entry(plain.to_owned()).or_default();
        let mut reference = plain.to_owned();
        loop {
            *number = number.saturating_add(1);
            if *number > 1 {
                reference = format!("{plain}#{number}");
            }
            if !self.references.contains_key(&reference) {
                break;
            }
        }
        self.unnamed.insert(own, reference.clone());
        reference
    }

    /// Gives the document the packages, and the edges that comments tell. Names the line whose bounds exclude the version that another
    /// one pins.
    pub(super) fn give(mut self, bom: &mut Bom, root: &str) -> Result<(), (usize, String)> {
        self.fold()?;
        self.give_edges(bom, root);
        bom.items.extend(self.packages.into_values().map(|package| package.item));
        Ok(())
    }

    /// A line without a version is about the one that another line pins, where that is there whenever the line counts.
    fn fold(&mut self) -> Result<(), (usize, String)> {
        let mut into: BTreeMap<usize, usize> = BTreeMap::new();
        for places in self.names.values_mut() {
            let of = |at: &usize| self.packages.get(at);
            let Some((at, loose)) = places.iter().find_map(|at| Some((*at, of(at).filter(|one| one.is_loose)?))) else {
                continue;
            };
            let covers = |one: &Package| {
                !one.is_loose && (one.is_sure() || !loose.is_sure() && loose.markers.is_subset(&one.markers))
            };
            let Some(pin) = places.iter().copied().find(|at| of(at).is_some_and(covers)) else { continue };
            into.insert(at, pin);
            places.retain(|place| *place != at);
        }
        for line in &mut self.lines {
            let Some(pin) = into.get(&line.place) else { continue };
            line.place = *pin;
            let Some(item) = self.packages.get(pin).map(|package| &package.item) else { continue };
            if item.version.as_deref().is_some_and(|version| excludes(&line.range, version)) {
                return Err((
                    line.number,
                    format!("{} is required twice, and its versions exclude each other", item.name),
                ));
            }
        }
        for (loose, pin) in into {
            let Some(loose) = self.packages.remove(&loose) else { continue };
            if let Some(pin) = self.packages.get_mut(&pin) {
                pin.join(loose.item);
                pin.markers.extend(loose.markers);
            }
        }
        Ok(())
    }

    /// A name may be that of several versions: one that is for another Python or system does not ask.
    fn give_edges(&self, bom: &mut Bom, root: &str) {
        let mut budget = Budget::default();
        let conditions: BTreeMap<usize, String> = self
            .packages
            .iter()
            .filter(|(_, package)| !package.is_sure())
            .map(|(at, package)| {
                let all = package.markers.iter().map(|text| format!("({text})"));
                (*at, all.collect::<Vec<_>>().join(" or "))
            })
            .collect();
        let reference = |at: &usize| self.packages.get(at).map(|package| package.item.reference.clone());
        for Said { place, marker, via, .. } in &self.lines {
            let Some(to) = reference(place) else { continue };
            for name in via {
                // A file or project that asks for it is the project itself.
                let from = self.names.get(&requirement(name).0).filter(|_| !name.starts_with('-'));
                let Some(from) = from else {
                    bom.edges.entry(root.to_owned()).or_default().insert(to.clone());
                    continue;
                };
                let mut may = |from: &&usize| match (conditions.get(from), marker) {
                    (Some(asker), Some(marker)) => !never(&[asker, marker], &mut budget),
                    _ => true,
                };
                let asking: Vec<&usize> = from.iter().filter(|from| may(from)).collect();
                let asking = if asking.is_empty() { from.iter().collect() } else { asking };
                for from in asking.into_iter().filter_map(reference) {
                    bom.edges.entry(from).or_default().insert(to.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Made, PackagesError, read};
    use super::*;

    fn made(text: &str) -> Result<Made, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requirements.txt");
        std::fs::write(&path, text).unwrap();
        read(&path, None)
    }

    #[test]
    fn a_version_asks_only_for_what_may_be_there_with_it() {
        let (older, newer) = ("python_full_version < '3.10'", "python_full_version >= '3.10'");
        let made = made(&format!(
            "b==1 ; {older}\nb==2 ; {newer}\nc==1 ; {older}\n    # via b\nc==2 ; {newer}\n    # via b\nd==1\n    # via b\n"
        ))
        .unwrap();
        let of = |from: &str| made.bom.edges[from].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("pkg:pypi/b@1"), ["pkg:pypi/c@1", "pkg:pypi/d@1"]);
        assert_eq!(of("pkg:pypi/b@2"), ["pkg:pypi/c@2", "pkg:pypi/d@1"]);
    }

    #[test]
    fn two_addresses_that_end_alike_are_two_packages() {
        let references = |text: &str| {
            let made = made(text).unwrap();
            made.bom.items.into_iter().map(|item| item.reference).collect::<Vec<_>>()
        };
        let git = "git+https://example.com/a/t.git@v1\ngit+https://example.com/b/t.git@v1\n";
        assert_eq!(references(git), ["path:t.git@v1", "path:t.git@v1#2"]);
        assert_eq!(references(&format!("{git}{git}")).len(), 2, "the same line again is the same");
        assert_eq!(references("https://example.com/a/main.zip\nhttps://example.com/b/main.zip\n").len(), 2);
        assert_eq!(references("./a/x\n./b/x\n"), ["path:x", "path:x#2"]);
    }

    #[test]
    fn the_same_version_again_is_the_same_package() {
        let one = |text: &str| {
            let made = made(text).unwrap();
            assert_eq!(made.bom.items.len(), 1, "{text}");
            let item = made.bom.items.into_iter().next().unwrap();
            (item.scope, item.properties.len())
        };
        let (sure, on_condition) = ("a==1\n", "a==1 ; os_name == 'nt'\n");
        for text in [
            "a==1\na[x]==1\n".to_owned(),
            sure.repeat(2),
            format!("{sure}{on_condition}"),
            format!("{on_condition}{sure}"),
        ] {
            assert_eq!(one(&text), (Scope::Required, 0), "{text}");
        }
        assert_eq!(one(&on_condition.repeat(2)), (Scope::Optional, 1));
        for text in ["a==1\na==2\n", "a==1 ; os_name == 'nt'\na==2\n"] {
            assert!(made(text).unwrap_err().to_string().contains("required twice"), "{text}");
        }
    }

    #[test]
    fn a_line_without_a_version_is_about_the_one_that_another_pins() {
        let labels = |text: &str| {
            let made = made(text).unwrap();
            made.bom.items.iter().map(|item| (item.label(), item.scope)).collect::<Vec<_>>()
        };
        let pinned = vec![("click 8.1.7".to_owned(), Scope::Required)];
        let nt = "os_name == 'nt'";
        for text in [
            "click>=8\nclick==8.1.7\n".to_owned(),
            "click==8.1.7\nclick>=8\nclick\n".to_owned(),
            format!("click>=8 ; {nt}\nclick==8.1.7\n"),
            format!("click==8.1.7 ; {nt}\nclick>=8\nclick==8.1.7\n"),
        ] {
            assert_eq!(labels(&text), pinned, "{text}");
        }
        let both = format!("click>=8 ; {nt}\nclick==8.1.7 ; {nt}\n");
        assert_eq!(labels(&both), [("click 8.1.7".to_owned(), Scope::Optional)]);
        assert_eq!(labels(&format!("click>=8\nclick==8.1.7 ; {nt}\n")).len(), 2, "elsewhere it is another one");
        assert_eq!(labels("click==8.1\nclick==8.1.0\n"), [("click 8.1".to_owned(), Scope::Required)]);
        let edges = made("b==1\n    # via click\nclick>=8\nclick==8.1.7\n").unwrap().bom.edges;
        assert_eq!(edges["pkg:pypi/click@8.1.7"], BTreeSet::from(["pkg:pypi/b@1".to_owned()]));
        for text in ["click>=9\nclick==8.1.7\n", "click==8.1.7\nclick<8\n"] {
            assert!(made(text).unwrap_err().to_string().contains("exclude each other"), "{text}");
        }
    }

    #[test]
    fn two_versions_whose_conditions_hold_together_are_refused() {
        let of = |one: &str, other: &str| made(&format!("a==1 ; {one}\na==2 ; {other}\n"));
        let (older, newer) = ("python_version < '3.12'", "python_version >= '3.12'");
        for (one, other) in [
            (older, "python_version >= '3.9'"),
            (newer, newer),
            (older, "sys_platform == 'win32'"),
            ("os_name == 'nt'", "sys_platform == 'win32'"),
        ] {
            assert!(of(one, other).unwrap_err().to_string().contains("required twice"), "{one} / {other}");
        }
        for (one, other) in [
            (older, newer),
            ("os_name == 'posix'", "sys_platform == 'win32'"),
            ("platform_system == 'Linux'", "sys_platform == 'darwin'"),
            ("platform_release == '1'", "platform_release == '2'"),
        ] {
            assert_eq!(of(one, other).unwrap().bom.items.len(), 2, "{one} / {other}");
        }
    }

    #[test]
    fn long_lists_take_a_moment() {
        let begun = std::time::Instant::now();
        let names: Vec<String> = (0..20_000).map(|n| format!("a{n}==1\n")).collect();
        let paths: Vec<String> = (0..20_000).map(|n| format!("./{n}/t\n")).collect();
        assert_eq!(made(&[names, paths].concat().concat()).unwrap().bom.items.len(), 40_000);
        let versions: Vec<String> = (0..200).map(|n| format!("a=={n} ; platform_release == '{n}'\n")).collect();
        assert!(made(&versions.concat()).unwrap_err().to_string().contains("more than 100 versions"));
        assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    }
}
