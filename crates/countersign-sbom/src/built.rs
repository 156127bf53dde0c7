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
    collections::BTreeSet,
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
    /// Why it is none that `cargo auditable` writes. Its edges are not compared: they are those of all features together.
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
        words
    }
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

fn our_edges(inventory: &Inventory) -> BTreeSet<String> {
    let name = |component: &crate::Component| format!("{} {}", component.name, component.version);
    let names: std::collections::BTreeMap<&str, String> = inventory
        .packages()
        .filter(|component| component.dev.is_none())
        .map(|component| (component.reference.as_str(), name(component)))
        .collect();
    let edges = inventory.packages().filter(|component| component.dev.is_none()).flat_map(|component| {
        let to = component.depends_on.iter().filter_map(|to| names.get(to.as_str()));
        to.map(move |to| format!("{} -> {to}", name(component)))
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
                host: "h".to_owned(),
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
        let app = "{\"name\":\"app\",\"version\":\"1.0.0\",\"source\":\"local\",\"root\":true}";
        let lib = "{\"name\":\"lib\",\"version\":\"1.0.0\",\"source\":\"local\"}";
        let macros = "{\"name\":\"macros\",\"version\":\"1.0.0\",\"source\":\"local\",\"kind\":\"build\"}";
        assert_eq!(embedded(&format!("{app},{lib},{macros}")), Vec::<String>::new());
        assert_eq!(embedded(&format!("{app},{lib}")), ["macros 1.0.0 is only here"]);
        let other = lib.replace("1.0.0", "1.0.1");
        let said = embedded(&format!("{app},{other},{macros}"));
        assert_eq!(said, ["lib 1.0.1 is only there", "lib 1.0.0 is only here"]);
        let built = lib.replace("\"local\"", "\"local\",\"kind\":\"build\"");
        let said = embedded(&format!("{app},{built},{macros}"));
        assert_eq!(said, ["lib 1.0.0 is linked here, and only built with there"]);
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
        assert_eq!(of(&good.replace("\"t\"}", "\"u\"}")).unwrap(), ["it was built for u, not for t"]);
        assert!(matches!(of(&good.replace('#', "@")), Err(SbomError::Embedded { .. })));
        assert!(matches!(of(&good.replace("\"index\":2", "\"index\":3")), Err(SbomError::Embedded { .. })));
    }
}
