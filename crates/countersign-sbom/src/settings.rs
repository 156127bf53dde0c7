//! What Cargo's configuration and its variables say of how things are compiled: by which compiler, with which flags, for which
//! target, and which build scripts are not run. Conditions on dependencies may turn on each.
//!
//! Read as Cargo reads it: `.cargo/config.toml` of the folder and of each above it, then Cargo's own, each with what it
//! includes. What only an unstable switch of Cargo's gives a meaning is refused where it is switched on, never passed over.

use crate::{error::SbomError, lock::read_toml};
use cargo_platform::{Cfg, CfgExpr};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use toml::{Table, Value};

/// Files that one file may take in, one within another.
const INCLUDES: usize = 16;
/// Files in all.
const FILES: usize = 256;
/// Brackets of a condition, one within another: who reads conditions goes down once for each.
const BRACKETS: u32 = 64;
/// Keys of a `[target.TRIPLE]` table that are tables and no library's.
const NO_LIBRARY: [&str; 4] = ["linker", "runner", "rustflags", "rustdocflags"];

/// The keys of `[build]` that name programs, each with the variable that goes before it and before `CARGO_BUILD_…`. A wrapper is run
/// with the name of what it wraps as its first argument, the first of these outermost.
const PROGRAMS: [(&str, &str); 3] =
    [("rustc-wrapper", "RUSTC_WRAPPER"), ("rustc-workspace-wrapper", "RUSTC_WORKSPACE_WRAPPER"), ("rustc", "RUSTC")];

/// The compiler as Cargo runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// The program: the compiler, or what wraps it.
    pub(crate) program: PathBuf,
    /// What it is given first: the compiler, where something wraps it.
    pub(crate) before: Vec<String>,
}

/// Cargo's configuration, put together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    all: Table,
    variables: BTreeMap<String, String>,
}

impl Settings {
    /// For Cargo as it is run in this folder (a whole path), with these variables and this folder of its own.
    ///
    /// # Errors
    /// Where a file cannot be read, or says what is not followed here.
    pub fn read(
        directory: &Path,
        home: Option<&Path>,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, SbomError> {
        let mut all = Table::new();
        let (mut seen, mut left) = (BTreeSet::new(), FILES);
        let above = directory.ancestors().map(|folder| folder.join(".cargo"));
        for folder in above.chain(home.map(|home| directory.join(home))) {
            let known = std::fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
            if !seen.insert(known) {
                continue;
            }
            // The older name goes first where both are there.
            let file = ["config", "config.toml"].map(|name| folder.join(name)).into_iter().find(|file| file.is_file());
            if let Some(file) = file {
                merge(&mut all, loaded(&file, 0, &mut left)?, false);
            }
        }
        let settings = Self { all, variables: variables.clone() };
        for key in ["host-config", "target-applies-to-host"] {
            if settings.value(&["unstable", key]).and_then(Value::as_bool) == Some(true) {
                return Err(SbomError::Setting { key: format!("unstable.{key}") });
            }
        }
        let targets = settings.value(&["target"]).and_then(Value::as_table);
        match targets.into_iter().flatten().find(|(name, _)| is_condition(name) && depth(name) > BRACKETS) {
            Some(_) => Err(SbomError::Setting {
                key: format!("target.'cfg(…)' with more than {BRACKETS} brackets in each other"),
            }),
            None => Ok(settings),
        }
    }

    fn value(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.all.get(*first)?, |value, key| value.as_table()?.get(*key))
    }

    /// A list, or words with spaces between them; then those of its variable.
    fn words(&self, path: &[&str]) -> Vec<String> {
        let mut words = self.value(path).map(listed).unwrap_or_default();
        let name = format!("CARGO_{}", path.join("_")).to_uppercase().replace(['-', '.'], "_");
        words.extend(self.variables.get(&name).into_iter().flat_map(|text| split(text)));
        words
    }

    /// The compiler for the members of a workspace, with its wrappers, for Cargo that is run in this folder; the one that is given
    /// where nothing names another.
    pub(crate) fn compiler(&self, directory: &Path, otherwise: &Path) -> Command {
        let named = PROGRAMS.iter().filter_map(|(key, variable)| {
            let own = self.variables.get(*variable).map(|text| (text, text.contains(['/', '\\'])));
            let other = || self.variables.get(&format!("CARGO_BUILD_{variable}")).map(|text| (text, is_path(text)));
            let program = match own.or_else(other) {
                Some((text, true)) => directory.join(text).to_str().map(str::to_owned),
                Some((text, false)) => Some(text.clone()),
                // A path among these is a whole one since its file was read.
                None => self.value(&["build", key]).and_then(Value::as_str).map(str::to_owned),
            };
            // An empty wrapper is none.
            program.filter(|program| !program.is_empty()).map(|program| (*key, program))
        });
        let mut programs: Vec<(&str, String)> = named.collect();
        let compiler = programs.pop_if(|(key, _)| *key == "rustc").map(|(_, program)| program);
        let mut words = programs.into_iter().map(|(_, program)| program);
        match (words.next(), compiler) {
            (None, compiler) => {
                Command { program: compiler.map_or_else(|| otherwise.to_owned(), PathBuf::from), before: Vec::new() }
            }
            (Some(outermost), compiler) => {
                let compiler = compiler.unwrap_or_else(|| otherwise.to_string_lossy().into_owned());
                Command { program: outermost.into(), before: words.chain([compiler]).collect() }
            }
        }
    }

    /// The target that is built for where none is asked for.
    ///
    /// # Errors
    /// Where it is not one, by its name.
    pub fn target(&self) -> Result<Option<String>, SbomError> {
        let variable = self.variables.get("CARGO_BUILD_TARGET").filter(|target| !target.is_empty());
        let targets = match (variable, self.value(&["build", "target"])) {
            (Some(target), _) => vec![target.clone()],
            (None, Some(Value::Array(list))) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            (None, value) => value.and_then(Value::as_str).map(str::to_owned).into_iter().collect(),
        };
        match &targets[..] {
            [] => Ok(None),
            // As Cargo takes both.
            [only] if only != "host-tuple" => Ok(Some(only.clone())),
            _ => Err(SbomError::SeveralTargets { targets }),
        }
    }

    /// Whether any flags are only for targets of a name.
    pub(crate) fn by_triple(&self) -> bool {
        let targets = self.value(&["target"]).and_then(Value::as_table);
        targets.is_some_and(|targets| {
            targets.iter().any(|(name, of)| !is_condition(name) && of.get("rustflags").is_some())
        }) || self.variables.keys().any(|name| name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS"))
    }

    /// The flags of the compiler for a target; those of conditions only where it is known what holds, as the compiler says it, one
    /// a line.
    #[must_use]
    pub fn flags(&self, triple: Option<&str>, holds: Option<&str>) -> Vec<String> {
        if let Some(text) = self.variables.get("CARGO_ENCODED_RUSTFLAGS") {
            let whole = text.split('\u{1f}').map(str::to_owned);
            return if text.is_empty() { Vec::new() } else { whole.collect() };
        }
        if let Some(text) = self.variables.get("RUSTFLAGS") {
            return text.split(' ').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
        }
        let mut flags = triple.map(|triple| self.words(&["target", triple, "rustflags"])).unwrap_or_default();
        let targets = self.value(&["target"]).and_then(Value::as_table);
        if let (Some(targets), Some(holds)) = (targets, holds.map(conditions)) {
            let conditions: BTreeMap<&String, &Value> = targets.iter().filter(|(name, _)| is_condition(name)).collect();
            for (condition, of) in conditions {
                if CfgExpr::matches_key(condition, &holds) {
                    flags.extend(of.get("rustflags").map(listed).unwrap_or_default());
                }
            }
        }
        if flags.is_empty() { self.words(&["build", "rustflags"]) } else { flags }
    }

    /// Native libraries (`links`) whose build scripts are not run for this target, since the configuration says their results.
    #[must_use]
    pub fn overridden(&self, triple: &str) -> BTreeSet<String> {
        let of = self.value(&["target", triple]).and_then(Value::as_table);
        let libraries =
            of.into_iter().flatten().filter(|(name, of)| of.is_table() && !NO_LIBRARY.contains(&name.as_str()));
        libraries.map(|(name, _)| name.clone()).collect()
    }
}

fn is_condition(name: &str) -> bool {
    name.starts_with("cfg(")
}

fn depth(condition: &str) -> u32 {
    let (mut now, mut deepest) = (0_u32, 0);
    for c in condition.chars() {
        match c {
            '(' => now = now.saturating_add(1),
            ')' => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

/// What holds, as Cargo reads the compiler's answer.
pub(crate) fn conditions(said: &str) -> Vec<Cfg> {
    said.lines().filter(|line| *line != "proc_macro").filter_map(|line| line.parse().ok()).collect()
}

/// Whether a program is named by its place, and not looked for.
fn is_path(text: &str) -> bool {
    text.contains('/') || (cfg!(windows) && text.contains('\\'))
}

/// Programs that a file names by their place are below the folder that its own folder lies in.
fn placed(own: &mut Table, file: &Path) {
    let folder = file.parent().and_then(Path::parent).unwrap_or(file);
    let Some(build) = own.get_mut("build").and_then(Value::as_table_mut) else { return };
    for (key, _) in PROGRAMS {
        if let Some(Value::String(text)) = build.get_mut(key)
            && is_path(text)
            && let Some(whole) = folder.join(&*text).to_str()
        {
            whole.clone_into(text);
        }
    }
}

fn split(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().map(str::to_owned)
}

fn listed(value: &Value) -> Vec<String> {
    match value.as_array() {
        Some(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        None => value.as_str().map(|text| split(text).collect()).unwrap_or_default(),
    }
}

/// One file, with those that it includes: they stand below it, the later ones above the earlier.
fn loaded(file: &Path, depth: usize, left: &mut usize) -> Result<Table, SbomError> {
    *left = left.checked_sub(1).ok_or_else(|| SbomError::Setting { key: "include".to_owned() })?;
    let wrong = |source: toml::de::Error| SbomError::Toml { path: file.to_owned(), source: Box::new(source) };
    let mut own: Table = toml::from_str(&read_toml(file)?).map_err(wrong)?;
    placed(&mut own, file);
    let included: Vec<(PathBuf, bool)> = match own.get("include") {
        None => return Ok(own),
        Some(Value::Array(list)) => list.iter().filter_map(included).collect(),
        Some(one) => included(one).into_iter().collect(),
    };
    if depth >= INCLUDES {
        return Err(SbomError::Setting { key: "include".to_owned() });
    }
    let mut all = Table::new();
    for (path, optional) in included {
        let path = file.with_file_name(path);
        if !optional || path.exists() {
            merge(&mut all, loaded(&path, depth.saturating_add(1), left)?, true);
        }
    }
    merge(&mut all, own, true);
    Ok(all)
}

fn included(value: &Value) -> Option<(PathBuf, bool)> {
    let path = value.as_str().or_else(|| value.get("path").and_then(Value::as_str))?;
    Some((path.into(), value.get("optional").and_then(Value::as_bool) == Some(true)))
}

/// Lists are joined, what stands above last; of anything else what stands above counts.
fn merge(all: &mut Table, other: Table, above: bool) {
    for (key, other) in other {
        match (all.get_mut(&key), other) {
            (Some(Value::Table(own)), Value::Table(other)) => merge(own, other, above),
            (Some(Value::Array(own)), Value::Array(mut other)) => {
                if !above {
                    std::mem::swap(own, &mut other);
                }
                own.append(&mut other);
            }
            (Some(own), other) => {
                if above {
                    *own = other;
                }
            }
            (None, other) => {
                all.insert(key, other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn of(files: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            for (path, text) in files {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            fs::create_dir_all(folder.path().join("a/b")).unwrap();
            Self(folder)
        }

        fn read(&self, variables: &[(&str, &str)]) -> Result<Settings, SbomError> {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Settings::read(&self.0.path().join("a/b"), Some(&self.0.path().join("home")), &variables)
        }
    }

    #[test]
    fn the_nearest_folder_comes_last_and_files_stand_above_what_they_include() {
        let tree = Tree::of(&[
            (
                "a/b/.cargo/config.toml",
                "include = [\"one.toml\", { path = \"no.toml\", optional = true }]\nbuild.rustflags = [\"near\"]",
            ),
            ("a/b/.cargo/one.toml", "build.rustflags = [\"included\"]\nbuild.target = \"t\""),
            ("a/.cargo/config", "build.rustflags = [\"older-name\"]"),
            ("a/.cargo/config.toml", "build.rustflags = [\"passed over\"]"),
            ("home/config.toml", "build.rustflags = [\"home\"]\nbuild.target = \"other\""),
        ]);
        let settings = tree.read(&[("CARGO_BUILD_RUSTFLAGS", "and more")]).unwrap();
        assert_eq!(settings.flags(None, None), ["home", "older-name", "included", "near", "and", "more"]);
        assert_eq!(settings.target().unwrap().as_deref(), Some("t"));
        let settings = tree.read(&[("CARGO_BUILD_TARGET", "v"), ("RUSTFLAGS", " -a  -b ")]).unwrap();
        assert_eq!(
            (settings.flags(Some("t"), None), settings.target().unwrap()),
            (vec!["-a".to_owned(), "-b".to_owned()], Some("v".to_owned()))
        );
        let settings = tree.read(&[("RUSTFLAGS", "-a"), ("CARGO_ENCODED_RUSTFLAGS", "x y\u{1f}z")]).unwrap();
        assert_eq!(settings.flags(None, None), ["x y", "z"]);
        assert_eq!(tree.read(&[("RUSTFLAGS", "")]).unwrap().flags(None, None), [""; 0], "none, not those of the files");
    }

    #[test]
    fn flags_for_a_target_go_before_those_for_all_and_conditions_count_once_known() {
        let tree = Tree::of(&[(
            "a/b/.cargo/config.toml",
            "build.rustflags = \"all of\"\n[target.my-triple]\nrustflags = [\"triple\"]\n[target.my-triple.foo]\n\
             [target.'cfg(unix)']\nrustflags = [\"unix\"]\n[target.'cfg(k = \"v\")']\nrustflags = \"k v\"",
        )]);
        let settings = tree.read(&[("CARGO_TARGET_MY_TRIPLE_RUSTFLAGS", "variable")]).unwrap();
        assert!(settings.by_triple());
        assert_eq!(settings.flags(Some("my-triple"), None), ["triple", "variable"]);
        assert_eq!(settings.flags(Some("other"), None), ["all", "of"]);
        assert_eq!(settings.flags(Some("other"), Some("unix\nk=\"v\"\n")), ["k", "v", "unix"]);
        assert_eq!(settings.overridden("my-triple"), BTreeSet::from(["foo".to_owned()]));
        assert!(settings.overridden("other").is_empty());
    }

    #[test]
    fn the_compiler_and_its_wrappers_are_those_that_cargo_would_run() {
        let tree = Tree::of(&[
            ("a/.cargo/config.toml", "build.rustc = \"tools/rc\"\nbuild.rustc-workspace-wrapper = \"inner\""),
            ("home/config.toml", "build.rustc = \"other\"\nbuild.rustc-wrapper = \"./outer\""),
        ]);
        let root = tree.0.path().to_str().unwrap().to_owned();
        let run = |variables: &[(&str, &str)]| {
            let Command { program, before } =
                tree.read(variables).unwrap().compiler(&tree.0.path().join("a/b"), Path::new("rustc"));
            let all = std::iter::once(program.to_str().unwrap().to_owned()).chain(before);
            all.map(|word| word.replace(&root, "@")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(run(&[]), "@/./outer inner @/a/tools/rc");
        let none = [("RUSTC_WRAPPER", ""), ("CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER", "")];
        assert_eq!(run(&none), "@/a/tools/rc");
        let with = |name: &'static str, value: &'static str| run(&[none[0], none[1], (name, value)]);
        assert_eq!(with("CARGO_BUILD_RUSTC", "mine"), "mine");
        assert_eq!(with("RUSTC", "x/mine"), "@/a/b/x/mine");
        assert_eq!(run(&[none[1], ("CARGO_BUILD_RUSTC_WRAPPER", "w"), ("RUSTC", "r")]), "w r");
        let plain = Tree::of(&[]).read(&[]).unwrap().compiler(Path::new("/"), Path::new("rustc"));
        assert_eq!(plain, Command { program: "rustc".into(), before: vec![] });
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let tree = |text: &str| Tree::of(&[("a/b/.cargo/config.toml", text)]);
        let refused = |text: &str| tree(text).read(&[]).unwrap_err();
        assert!(matches!(refused("include = \"config.toml\""), SbomError::Setting { .. }), "a circle");
        assert!(matches!(refused("include = \"no.toml\""), SbomError::Read { .. }));
        assert!(matches!(refused("include = \"..\""), SbomError::Read { .. }), "a folder");
        let twice = |next: u32| format!("include = [\"{next}.toml\", \"{next}.toml\"]");
        let files: Vec<(String, String)> = (0..15).map(|n| (format!("a/b/.cargo/{n}.toml"), twice(n + 1))).collect();
        let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
        let first = twice(0);
        files.extend([("a/b/.cargo/config.toml", &*first), ("a/b/.cargo/15.toml", "")]);
        assert!(matches!(Tree::of(&files).read(&[]).unwrap_err(), SbomError::Setting { .. }), "each twice");
        assert!(matches!(refused("unstable.host-config = true"), SbomError::Setting { .. }));
        assert!(matches!(refused("["), SbomError::Toml { .. }));
        let deep =
            |depth: usize| format!("target.'cfg({}unix{})'.linker = \"a\"", "not(".repeat(depth), ")".repeat(depth));
        assert!(matches!(refused(&deep(100_000)), SbomError::Setting { .. }));
        tree(&deep(60)).read(&[]).unwrap();
        let several = tree("build.target = [\"a\", \"b\"]").read(&[]).unwrap().target().unwrap_err();
        assert!(matches!(several, SbomError::SeveralTargets { .. }));
    }
}
