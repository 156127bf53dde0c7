//! An inventory against what the build left: the list that `cargo auditable` puts into the binary, Cargo's own list beside it
//! (`APP.cargo-sbom.json`), and what the compiler leaves of itself.

use crate::{
    error::SbomError,
    inventory::{Inventory, Kind, Source},
    section,
};
use countersign_core::limits;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What an inventory was held against, and how they differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What it was held against: `cargo auditable`, `cargo`, or `its compiler`.
    pub with: &'static str,
    /// The file.
    pub path: PathBuf,
    /// In words, one a difference; none where both say the same.
    pub differences: Vec<String>,
}

/// Holds an inventory against all that is there; nothing where nothing is.
pub fn compare(artifact: &Path, inventory: &Inventory) -> Result<Vec<Compared>, SbomError> {
    let mut all = Vec::new();
    if let Some(bytes) = section::packages(artifact)? {
        let list: Embedded = read(artifact, &bytes)?;
        if let Some(why) = list.broken() {
            return Err(SbomError::Embedded { path: artifact.to_owned(), why: why.to_owned() });
        }
        let differences = list.against(inventory);
        all.push(Compared { with: "cargo auditable", path: artifact.to_owned(), differences });
    }
    // Nobody is told that the compilers are the same: few builds leave nothing of it, and it says nothing of packages.
    let differences: Vec<String> = other_compiler(&section::compilers(artifact)?, inventory).into_iter().collect();
    if !differences.is_empty() {
        all.push(Compared { with: "its compiler", path: artifact.to_owned(), differences });
    }
    let mut path = artifact.as_os_str().to_owned();
    path.push(".cargo-sbom.json");
    let path = PathBuf::from(path);
    let size = match fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(all),
        Err(source) => return Err(SbomError::Read { path, source }),
    };
    if usize::try_from(size).map_or(true, |size| size > limits::LOCK_FILE_BYTES) {
        return Err(SbomError::TooLarge { path, found: size, limit: limits::LOCK_FILE_BYTES });
    }
    let bytes = fs::read(&path).map_err(|source| SbomError::Read { path: path.clone(), source })?;
    let list: Precursor = read(&path, &bytes)?;
    let differences = list.against(&path, inventory)?;
    all.push(Compared { with: "cargo", path, differences });
    Ok(all)
}

/// How the compilers of Rust that left a mark differ from the one that was asked, where none of them is that.
fn other_compiler(marks: &[String], inventory: &Inventory) -> Option<String> {
    let ours = inventory.components.iter().find(|component| component.kind == Kind::Compiler)?;
    let commit = match &ours.source {
        Source::Toolchain { commit } => commit.as_deref(),
        Source::CratesIo | Source::Registry(_) | Source::Git { .. } | Source::Disk { .. } | Source::Path => None,
    };
    let marks: Vec<&str> = marks.iter().filter_map(|mark| mark.strip_prefix("rustc version ")).collect();
    let same = |mark: &&str| {
        let mut words = mark.split_whitespace();
        let release = words.next() == Some(&ours.version);
        // A distribution's own compiler may not know its commit.
        let theirs = words.next().and_then(|word| word.strip_prefix('('));
        let known = commit.zip(theirs.filter(|word| word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit())));
        release && known.is_none_or(|(commit, theirs)| commit.starts_with(theirs))
    };
    let first = marks.first()?;
    let own = commit.map(|commit| format!(" ({})", commit.get(..9).unwrap_or(commit))).unwrap_or_default();
    (!marks.iter().any(same)).then(|| format!("it was built by rustc {first}, not by {}{own}", ours.version))
}

fn read<'a, T: Deserialize<'a>>(path: &Path, bytes: &'a [u8]) -> Result<T, SbomError> {
    serde_json::from_slice(bytes).map_err(|error| SbomError::Embedded { path: path.to_owned(), why: error.to_string() })
}

/// What `cargo auditable` writes.
#[derive(Deserialize)]
struct Embedded {
    packages: Vec<EmbeddedPackage>,
}

#[derive(Deserialize)]
struct EmbeddedPackage {
    name: String,
    version: String,
    source: String,
    #[serde(default)]
    kind: EmbeddedKind,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

#[derive(Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum EmbeddedKind {
    #[default]
    Runtime,
    Build,
}

impl Embedded {
    /// Why it is none that `cargo auditable` writes.
    fn broken(&self) -> Option<&'static str> {
        let edges = || self.packages.iter().flat_map(|package| &package.dependencies);
        if self.packages.iter().filter(|package| package.root).count() > 1 {
            return Some("it has two roots");
        }
        edges().any(|to| *to >= self.packages.len()).then_some("a dependency leads to no package")
    }

    fn against(&self, inventory: &Inventory) -> Vec<String> {
        let of = |kind: Option<EmbeddedKind>| -> BTreeSet<String> {
            let packages =
                self.packages.iter().filter(|package| kind.as_ref().is_none_or(|kind| package.kind == *kind));
            packages.map(|package| format!("{} {}", package.name, package.version)).collect()
        };
        let mut words = differences(&of(None), &listed(inventory, |_| true), "");
        let linked = listed(inventory, crate::Component::is_linked);
        // What it calls needed at run time has to be linked; procedural macros it may count as either.
        let runtime = of(Some(EmbeddedKind::Runtime));
        words.extend(
            linked
                .difference(&runtime)
                .filter(|name| of(None).contains(*name))
                .map(|name| format!("{name} is linked here, and only built with there")),
        );
        let theirs = self.packages.iter().map(|package| {
            let word = match package.source.as_str() {
                "sparse" => "registry",
                other => other,
            };
            (format!("{} {}", package.name, package.version), word.to_owned())
        });
        words.extend(other_sources(theirs, inventory));
        words.extend(self.other_edges(inventory));
        words
    }

    /// Its edges are those of all features that the workspace's members ask for together. So there may be more of them than in
    /// this build, but none that no manifest has, and all that this build has. What only runs during the build `cargo auditable`
    /// takes from the target's point of view.
    fn other_edges(&self, inventory: &Inventory) -> Vec<String> {
        let name = |package: &EmbeddedPackage| format!("{} {}", package.name, package.version);
        let edges = self.packages.iter().flat_map(|package| {
            let to = package.dependencies.iter().filter_map(|index| self.packages.get(*index));
            to.map(move |to| (name(package), name(to)))
        });
        let theirs: BTreeSet<(String, String)> = edges.filter(|(from, to)| from != to).collect();
        let known: BTreeSet<String> = listed(inventory, |_| true);
        let declared: BTreeSet<(String, String)> = inventory
            .packages()
            .flat_map(|from| {
                from.declared.iter().map(move |to| (format!("{} {}", from.name, from.version), to.clone()))
            })
            .collect();
        let linked = listed(inventory, crate::Component::is_linked);
        let told = |(_, to): &&(String, String)| inventory.build.host == inventory.build.target || linked.contains(to);
        let ours = edges_of(inventory);
        let word = |(from, to): &(String, String), place: &str| format!("edge {from} -> {to} is only {place}");
        // Of packages that only one side has it is said already.
        let both = |(from, to): &&(String, String)| known.contains(from) && known.contains(to);
        let there = theirs.iter().filter(both).filter(|edge| !ours.contains(edge) && !declared.contains(edge));
        let has: BTreeSet<String> = self.packages.iter().map(name).collect();
        let here = ours.difference(&theirs).filter(|(from, to)| has.contains(from) && has.contains(to)).filter(told);
        there.map(|edge| word(edge, "there")).chain(here.map(|edge| word(edge, "here"))).collect()
    }
}

/// Packages that come from elsewhere than here: each with the word for that.
fn other_sources(theirs: impl Iterator<Item = (String, String)>, inventory: &Inventory) -> Vec<String> {
    let mut there: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, word) in theirs {
        there.entry(name).or_default().insert(word);
    }
    let mut here: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for component in inventory.packages().filter(|component| component.dev.is_none()) {
        let word = match &component.source {
            Source::CratesIo => "crates.io",
            Source::Registry(_) | Source::Disk { commit: None } => "registry",
            Source::Git { .. } | Source::Disk { commit: Some(_) } => "git",
            Source::Path | Source::Toolchain { .. } => "local",
        };
        here.entry(format!("{} {}", component.name, component.version)).or_default().insert(word.to_owned());
    }
    let all = |words: &BTreeSet<String>| words.iter().cloned().collect::<Vec<_>>().join(" and ");
    let differ = there.iter().filter_map(|(name, theirs)| {
        let ours = here.get(name).filter(|ours| *ours != theirs)?;
        Some(format!("{name} is from {} there, and from {} here", all(theirs), all(ours)))
    });
    differ.collect()
}

/// What Cargo writes with `-Zsbom`.
#[derive(Deserialize)]
struct Precursor {
    crates: Vec<Unit>,
    target: Option<String>,
    rustc: Option<Rustc>,
}

#[derive(Deserialize)]
struct Unit {
    id: String,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    dependencies: Vec<Edge>,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Edge {
    index: usize,
}

#[derive(Deserialize)]
struct Rustc {
    version: String,
}

impl Precursor {
    fn against(&self, path: &Path, inventory: &Inventory) -> Result<Vec<String>, SbomError> {
        let name = |unit: &Unit| -> Result<String, SbomError> {
            let broken =
                || SbomError::Embedded { path: path.to_owned(), why: format!("{:?} names no package", unit.id) };
            let (source, rest) = unit.id.rsplit_once('#').ok_or_else(broken)?;
            Ok(match rest.split_once('@') {
                Some((name, version)) => format!("{name} {version}"),
                None => format!("{} {rest}", source.rsplit('/').next().unwrap_or(source)),
            })
        };
        let names = self.crates.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let packages: BTreeSet<String> = names.iter().cloned().collect();
        let mut words = differences(&packages, &listed(inventory, |_| true), "");
        let sources = self.crates.iter().map(|unit| source_of(&unit.id).to_owned());
        words.extend(other_sources(names.iter().cloned().zip(sources), inventory));
        let mut edges = BTreeSet::new();
        let mut features = BTreeSet::new();
        for (unit, name) in self.crates.iter().zip(&names) {
            for edge in &unit.dependencies {
                let nowhere = || SbomError::Embedded {
                    path: path.to_owned(),
                    why: format!("{name} needs number {}, and there is none", edge.index),
                };
                let to = names.get(edge.index).ok_or_else(nowhere)?;
                if to != name {
                    edges.insert(format!("{name} -> {to}"));
                }
            }
            if !unit.kind.iter().any(|kind| kind == "custom-build") {
                features.extend(unit.features.iter().map(|feature| format!("{name} {feature}")));
            }
        }
        words.extend(differences(&edges, &our_edges(inventory), "edge "));
        words.extend(differences(&features, &our_features(inventory), "feature "));
        let build = &inventory.build;
        // Without a target of its own Cargo builds for the machine that it runs on.
        let target = self.target.as_deref().filter(|target| !target.is_empty());
        if target.is_some_and(|target| target != build.target) {
            words.push(format!("it was built for {}, not for {}", target.unwrap_or_default(), build.target));
        }
        let ours = inventory.components.iter().find(|component| component.kind == Kind::Compiler);
        if let (Some(theirs), Some(ours)) = (&self.rustc, ours)
            && theirs.version != ours.version
        {
            words.push(format!("it was built by rustc {}, not by {}", theirs.version, ours.version));
        }
        Ok(words)
    }
}

fn listed(inventory: &Inventory, keep: impl Fn(&crate::Component) -> bool) -> BTreeSet<String> {
    let built = inventory.packages().filter(|component| component.dev.is_none() && keep(component));
    built.map(|component| format!("{} {}", component.name, component.version)).collect()
}

/// The word for where a package of Cargo's own list comes from.
fn source_of(id: &str) -> &str {
    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let source = id.split('#').next().unwrap_or(id);
    match source.split('+').next().unwrap_or_default() {
        _ if source == CRATES_IO => "crates.io",
        "registry" | "sparse" => "registry",
        "path" => "local",
        other => other,
    }
}

fn our_edges(inventory: &Inventory) -> BTreeSet<String> {
    edges_of(inventory).into_iter().map(|(from, to)| format!("{from} -> {to}")).collect()
}

fn edges_of(inventory: &Inventory) -> BTreeSet<(String, String)> {
    let name = |component: &crate::Component| format!("{} {}", component.name, component.version);
    let names: BTreeMap<&str, String> = inventory
        .packages()
        .filter(|component| component.dev.is_none())
        .map(|component| (component.reference.as_str(), name(component)))
        .collect();
    let edges = inventory.packages().filter(|component| component.dev.is_none()).flat_map(|component| {
        let to = component.depends_on.iter().filter_map(|to| names.get(to.as_str()));
        to.map(move |to| (name(component), to.clone()))
    });
    edges.collect()
}

fn our_features(inventory: &Inventory) -> BTreeSet<String> {
    let all = inventory.packages().flat_map(|component| {
        let features = component.linked.iter().chain(&component.built).flatten();
        features.map(move |feature| format!("{} {} {feature}", component.name, component.version))
    });
    all.collect()
}

fn differences(theirs: &BTreeSet<String>, ours: &BTreeSet<String>, what: &str) -> Vec<String> {
    let there = theirs.difference(ours).map(|name| format!("{what}{name} is only there"));
    let here = ours.difference(theirs).map(|name| format!("{what}{name} is only here"));
    there.chain(here).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{Build, Component, Shape};
    use countersign_core::digest::Sha256;

    fn component(name: &str, linked: bool) -> Component {
        let reference = format!("path:{name}@1.0.0");
        let mut component = Component::new(reference, name.to_owned(), "1.0.0".to_owned(), Source::Path, Kind::Package);
        *(if linked { &mut component.linked } else { &mut component.built }) = Some(BTreeSet::new());
        component.declared.insert("macros 1.0.0".to_owned());
        component
    }

    fn inventory() -> Inventory {
        let mut root = component("app", true);
        root.depends_on = ["path:lib@1.0.0".to_owned(), "path:macros@1.0.0".to_owned()].into();
        Inventory {
            root,
            binary: "app".to_owned(),
            shape: Shape::Program,
            components: vec![component("lib", true), component("macros", false)],
            build: Build {
                target: "t".to_owned(),
                host: "t".to_owned(),
                features: BTreeSet::new(),
                resolver: "3",
                lock: Sha256::of(b"lock"),
                lock_only: false,
            },
        }
    }

    fn embedded(packages: &str) -> Vec<String> {
        let list: Embedded = serde_json::from_str(&format!("{{\"packages\":[{packages}],\"format\":1}}")).unwrap();
        list.against(&inventory())
    }

    #[test]
    fn the_list_in_a_binary_says_the_same_or_the_difference_is_told() {
        let app = "{\"name\":\"app\",\"version\":\"1.0.0\",\"source\":\"local\",\"root\":true,\"dependencies\":[1,2]}";
        let lib = "{\"name\":\"lib\",\"version\":\"1.0.0\",\"source\":\"local\"}";
        let macros = "{\"name\":\"macros\",\"version\":\"1.0.0\",\"source\":\"local\",\"kind\":\"build\"}";
        assert_eq!(embedded(&format!("{app},{lib},{macros}")), Vec::<String>::new());
        let one = app.replace(",2]", "]");
        assert_eq!(embedded(&format!("{one},{lib}")), ["macros 1.0.0 is only here"]);
        let other = lib.replace("1.0.0", "1.0.1");
        let said = embedded(&format!("{app},{other},{macros}"));
        assert_eq!(said, ["lib 1.0.1 is only there", "lib 1.0.0 is only here"]);
        let built = lib.replace("\"local\"", "\"local\",\"kind\":\"build\"");
        let said = embedded(&format!("{app},{built},{macros}"));
        assert_eq!(said, ["lib 1.0.0 is linked here, and only built with there"]);
        let elsewhere = lib.replace("local", "git");
        let said = embedded(&format!("{app},{elsewhere},{macros}"));
        assert_eq!(said, ["lib 1.0.0 is from git there, and from local here"]);
        assert_eq!(embedded(&format!("{one},{lib},{macros}")), ["edge app 1.0.0 -> macros 1.0.0 is only here"]);
        // Another member's features may bring an edge that a manifest has, and nothing else may.
        let needs = |place: &str| lib.replace("\"local\"", &format!("\"local\",\"dependencies\":[{place}]"));
        assert_eq!(embedded(&format!("{app},{},{macros}", needs("2"))), Vec::<String>::new());
        assert_eq!(embedded(&format!("{app},{},{macros}", needs("0"))), ["edge lib 1.0.0 -> app 1.0.0 is only there"]);
    }

    #[test]
    fn a_list_that_does_not_hold_together_agrees_with_nothing() {
        let broken = |packages: &str| {
            let list: Embedded = serde_json::from_str(&format!("{{\"packages\":[{packages}]}}")).unwrap();
            list.broken()
        };
        let app = r#"{"name":"app","version":"1.0.0","source":"local","root":true,"dependencies":[1]}"#;
        let lib = r#"{"name":"lib","version":"1.0.0","source":"local"}"#;
        assert_eq!(broken(&format!("{app},{lib}")), None);
        assert_eq!(broken(app), Some("a dependency leads to no package"));
        assert_eq!(broken(&format!("{app},{app}")), Some("it has two roots"));
    }

    #[test]
    fn a_mark_of_another_compiler_is_told() {
        let mut inventory = inventory();
        let source = Source::Toolchain { commit: Some("0123456789abcdef".to_owned()) };
        let reference = "toolchain:rustc@1.95.0".to_owned();
        inventory.components.push(Component::new(
            reference,
            "rustc".to_owned(),
            "1.95.0".to_owned(),
            source,
            Kind::Compiler,
        ));
        let of = |marks: &[&str]| {
            let marks: Vec<String> = marks.iter().map(|&mark| mark.to_owned()).collect();
            other_compiler(&marks, &inventory)
        };
        assert_eq!(of(&["GCC: (Debian) 12.2.0"]), None);
        assert_eq!(of(&["GCC: (Debian) 12.2.0", "rustc version 1.95.0 (012345678 2026-01-01)"]), None);
        assert_eq!(of(&["rustc version 1.95.0 (built from a source tarball)"]), None);
        for other in ["1.97.0-nightly (e50aa6fba 2026-05-19)", "1.95.0 (fedcba987 2026-01-01)"] {
            let told = format!("it was built by rustc {other}, not by 1.95.0 (012345678)");
            assert_eq!(of(&[&format!("rustc version {other}")]), Some(told));
        }
    }

    #[test]
    fn cargo_s_own_list_is_held_against_edges_features_target_and_compiler() {
        let of = |text: &str| {
            let list: Precursor = serde_json::from_str(text).unwrap();
            list.against(Path::new("app.cargo-sbom.json"), &inventory())
        };
        let good = r#"{"crates":[
            {"id":"path+file:///a/app#1.0.0","features":[],"dependencies":[{"index":1},{"index":2}],"kind":["bin"]},
            {"id":"path+file:///a/x#lib@1.0.0","features":[],"dependencies":[],"kind":["lib"]},
            {"id":"path+file:///a/macros#1.0.0","features":[],"dependencies":[],"kind":["proc-macro"]}],"target":"t"}"#;
        assert_eq!(of(good).unwrap(), Vec::<String>::new());
        assert_eq!(of(&good.replace("{\"index\":1},", "")).unwrap(), ["edge app 1.0.0 -> lib 1.0.0 is only here"]);
        let more = good.replacen("\"features\":[]", "\"features\":[\"f\"]", 1);
        assert_eq!(of(&more).unwrap(), ["feature app 1.0.0 f is only there"]);
        let registry = good.replace("path+file:///a/x#", "registry+https://github.com/rust-lang/crates.io-index#");
        assert_eq!(of(&registry).unwrap(), ["lib 1.0.0 is from crates.io there, and from local here"]);
        assert_eq!(of(&good.replace("\"t\"}", "\"u\"}")).unwrap(), ["it was built for u, not for t"]);
        assert!(matches!(of(&good.replace('#', "@")), Err(SbomError::Embedded { .. })));
        assert!(matches!(of(&good.replace("\"index\":2", "\"index\":3")), Err(SbomError::Embedded { .. })));
    }
}
