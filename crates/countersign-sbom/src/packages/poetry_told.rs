//! What is told of what `poetry.lock` leaves open about what packages need.

use super::dev::{Counted, Dev};
use super::needs::Found;
use super::poetry::Index;
use super::python::normal;
use crate::bom::{Bom, Scope};
use std::collections::BTreeSet;
use toml::{Table, Value};

pub(super) struct Told {
    /// Extras that the project may ask for.
    extras: Counted,
    /// What needs one of several versions, and nothing says which.
    vague: Counted,
    /// What packages need that is not there.
    unresolved: Counted,
    /// The project's reference, where only its development leaves anything open.
    whole: BTreeSet<String>,
}

impl Told {
    pub(super) fn new() -> Self {
        Self {
            extras: Counted::of_kind(
                "extras",
                "may be asked for by the project: what they need is there, and is not listed as needed",
            )
            .unnamed(),
            vague: Counted::new(
                "need one of several versions in the lock file, which does not say which: each of these is listed as needed",
            )
            .unnamed(),
            unresolved: Counted::of_kind("dependencies", "lead to no package in the lock file").unnamed(),
            whole: BTreeSet::new(),
        }
    }

    /// What a package of this reference leaves open.
    pub(super) fn insert(&mut self, reference: &str, package: &Table, found: &Found, index: &Index) {
        for extra in &found.open_extras {
            self.extras.insert_asked(format!("{extra} of {reference}"), reference, false);
        }
        for name in missing(package, index) {
            self.unresolved.insert_asked(format!("{name} of {reference}"), reference, false);
        }
    }

    /// A package of this reference needs one of several versions.
    pub(super) fn insert_vague(&mut self, reference: &str) {
        self.vague.insert_asked(reference.to_owned(), reference, false);
    }

    /// The project needs one of several versions of something that is this needed, if there is any such.
    pub(super) fn insert_project(&mut self, reference: &str, vague: Option<Scope>) {
        let Some(scope) = vague else { return };
        let only_dev = scope == Scope::Excluded;
        self.vague.insert_asked(reference.to_owned(), reference, only_dev);
        self.whole.extend(only_dev.then(|| reference.to_owned()));
    }

    /// Passes over what no package in the document leaves open.
    pub(super) fn keep(&mut self, bom: &Bom, root: &str) {
        let references: BTreeSet<&str> =
            bom.items.iter().map(|item| item.reference.as_str()).chain(std::iter::once(root)).collect();
        for note in [&mut self.extras, &mut self.vague, &mut self.unresolved] {
            note.keep(&references);
        }
    }

    /// The notes.
    pub(super) const fn notes(&self) -> [&Counted; 3] {
        [&self.extras, &self.vague, &self.unresolved]
    }

    pub(super) fn into_dev(self, apart: bool) -> Dev {
        Dev::where_apart(apart, vec![self.extras, self.vague, self.unresolved], self.whole)
    }
}

/// What a package needs that is not in the lock file, but for what may be left out.
fn missing<'t>(package: &'t Table, index: &Index) -> impl Iterator<Item = &'t str> {
    let asks = package.get("dependencies").and_then(Value::as_table).into_iter().flatten();
    asks.filter(move |(name, asked)| {
        let table = asked.as_table();
        let optional = table.and_then(|table| table.get("optional")).and_then(Value::as_bool) == Some(true);
        let may_be_left_out = optional || asked.is_array() || table.is_some_and(|table| table.contains_key("markers"));
        !may_be_left_out && !index.contains_key(&normal(name))
    })
    .map(|(name, _)| name.as_str())
}

#[cfg(test)]
mod tests {
    use super::super::{Made, poetry::read};

    fn made(lock: &str, manifest: &str) -> Made {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("poetry.lock");
        std::fs::write(&path, lock).unwrap();
        std::fs::write(folder.path().join("pyproject.toml"), manifest).unwrap();
        read(&path).unwrap()
    }

    /// Packages with the names and versions given, and what each has beside.
    fn lock(packages: &[(&str, &str, &str)]) -> String {
        let package = |(name, version, more): &(&str, &str, &str)| {
            format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nfiles = []\n{more}\n")
        };
        let all: Vec<String> = packages.iter().map(package).collect();
        format!("{}[metadata]\nlock-version = \"2.1\"\ncontent-hash = \"x\"\n", all.concat())
    }

    const MANIFEST: &str = "[project]\nname = \"app\"\nversion = \"1\"\ndependencies = [\"a>=1\"]\n\
                            [tool.poetry.group.dev.dependencies]\nt = \"*\"\n";

    #[test]
    fn what_is_not_in_the_lock_file_is_counted_for_what_is_in_the_document() {
        let lacks = "[package.dependencies]\ngone = \"*\"";
        let count = |made: &Made| -> Vec<String> {
            let end = " dependencies lead to no package in the lock file";
            made.partial.iter().filter_map(|text| text.strip_suffix(end)).map(str::to_owned).collect()
        };
        let mut both = made(&lock(&[("a", "1.0", lacks), ("t", "3.0", lacks), ("left", "1.0", lacks)]), MANIFEST);
        assert_eq!(count(&both), ["2"], "nothing needs the third: {:?}", both.partial);
        both.leave_out_dev();
        assert_eq!(count(&both), ["1"], "{:?}", both.partial);
        let mut dev = made(&lock(&[("a", "1.0", ""), ("t", "3.0", lacks)]), MANIFEST);
        assert_eq!(count(&dev), ["1"], "{:?}", dev.partial);
        dev.leave_out_dev();
        assert!(count(&dev).is_empty(), "{:?}", dev.partial);
    }

    #[test]
    fn what_only_development_leaves_open_is_none_of_what_runs() {
        let several = [("a", "1.0", ""), ("t", "3.0", ""), ("t", "4.0", "")];
        let mut made = made(&lock(&several), MANIFEST);
        let told = |made: &Made| made.partial.iter().any(|text| text.starts_with("1 packages need one of several"));
        let known = |made: &Made| made.bom.aggregates["path:app@1"].clone();
        assert_eq!((told(&made), known(&made).as_str()), (true, "incomplete"), "{:?}", made.partial);
        made.leave_out_dev();
        assert_eq!((told(&made), known(&made).as_str()), (false, "complete"), "{:?}", made.partial);
    }
}
