//! What only builds or tests, left out of what a lock file says.

use super::npm_asks::first_of;
use super::{Kind, Made};
use crate::bom::{Item, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// What a source says of what only builds or tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dev {
    /// Whether it tells that apart from the rest.
    apart: bool,
    /// The notes that count and name packages, so that they can be of those that are left.
    counted: Vec<Counted>,
    /// The references of what lacks nothing but what only its own development asks for.
    whole: BTreeSet<String>,
}

impl Dev {
    /// Of a source that tells it apart.
    pub(super) const fn told(counted: Vec<Counted>) -> Self {
        Self { apart: true, counted, whole: BTreeSet::new() }
    }

    /// Of a source that may tell it apart, with the references of what lacks nothing but what only its own development asks for.
    pub(super) const fn where_apart(apart: bool, counted: Vec<Counted>, whole: BTreeSet<String>) -> Self {
        Self { apart, counted, whole }
    }
}

/// A note on some packages, or on what they ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    /// What stands before their number.
    before: &'static str,
    /// What they are.
    kind: &'static str,
    /// What is said of them.
    what: &'static str,
    /// Whether the note names the first of them.
    names: bool,
    /// What each is named there, and the reference of the package that it is or that asks for it. Whether only that package's own
    /// development asks for it.
    of: BTreeMap<(String, String), bool>,
}

impl Counted {
    pub(super) const fn new(what: &'static str) -> Self {
        Self::of_kind("packages", what)
    }

    /// A note on other things than packages.
    pub(super) const fn of_kind(kind: &'static str, what: &'static str) -> Self {
        Self { before: "", kind, what, names: true, of: BTreeMap::new() }
    }

    /// The note as one that only counts.
    pub(super) fn unnamed(mut self) -> Self {
        self.names = false;
        self
    }

    /// The note with something before the number in it.
    pub(super) fn behind(mut self, before: &'static str) -> Self {
        self.before = before;
        self
    }

    pub(super) fn insert(&mut self, named: String, item: &Item) {
        self.insert_asked(named, &item.reference, false);
    }

    /// What a package asks for, and whether only its own development does.
    pub(super) fn insert_asked(&mut self, named: String, by: &str, only_dev: bool) {
        let known = self.of.entry((named, by.to_owned())).or_insert(only_dev);
        *known &= only_dev;
    }

    /// Passes over what is of no package that stands in the document.
    pub(super) fn keep(&mut self, references: &BTreeSet<&str>) {
        self.of.retain(|(_, reference), _| references.contains(reference.as_str()));
    }

    /// The note, where there are any.
    pub(super) fn said(&self) -> Option<String> {
        let names: BTreeSet<String> = self.of.keys().map(|(name, _)| name.clone()).collect();
        let first = if self.names { format!(" ({})", first_of(&names)) } else { String::new() };
        let (before, kind, what) = (self.before, self.kind, self.what);
        (!names.is_empty()).then(|| format!("{before}{} {kind} {what}{first}", names.len()))
    }
}

impl Made {
    /// Takes out what only builds or tests, every edge from and to it, and those between others that only hold with it. The packages
    /// that notes are on, and what these ask for, are counted anew. Whether what is left is without it: not where the source does not
    /// tell it apart, which a note says then.
    pub fn leave_out_dev(&mut self) -> bool {
        let before = undigested(self.kind, &self.bom.items);
        let bom = &mut self.bom;
        let gone = |item: &Item| item.scope == Scope::Excluded;
        let left: BTreeSet<String> =
            bom.items.iter().filter(|item| gone(item)).map(|item| item.reference.clone()).collect();
        bom.items.retain(|item| !gone(item));
        let only_dev = std::mem::take(&mut bom.only_dev);
        bom.edges.retain(|from, to| {
            to.retain(|to| !left.contains(to) && !only_dev.contains(&(from.clone(), to.clone())));
            !left.contains(from)
        });
        bom.aggregates.retain(|reference, _| !left.contains(reference));
        for reference in &self.dev.whole {
            if let Some(word) = bom.aggregates.get_mut(reference).filter(|word| word.as_str() == "incomplete") {
                "complete".clone_into(word);
            }
        }
        let mut anew = vec![(before, undigested(self.kind, &self.bom.items))];
        for note in &mut self.dev.counted {
            let before = note.said();
            note.of.retain(|(_, reference), only_dev| !*only_dev && !left.contains(reference));
            anew.push((before, note.said()));
        }
        let told = std::mem::take(&mut self.partial).into_iter();
        let after = |text: String| match anew.iter().find(|(before, _)| before.as_ref() == Some(&text)) {
            Some((_, after)) => after.clone(),
            None => Some(text),
        };
        self.partial = told.filter_map(after).collect();
        let without = self.dev.apart || !left.is_empty();
        if !without {
            self.partial
                .push(format!("what is for development only is not known of {}: nothing is left out", self.kind));
        }
        without
    }
}

/// The note on packages of a lock file that have no digest there, where there are any.
pub(super) fn undigested(kind: Kind, items: &[Item]) -> Option<String> {
    let is_one = |item: &&Item| match kind {
        Kind::Npm => item.kind == "library",
        Kind::Uv => item.purl.is_some(),
        Kind::Poetry => true,
        Kind::Requirements | Kind::Installed | Kind::Wheel | Kind::GoBinary | Kind::Auditable => false,
    };
    let without = items.iter().filter(is_one).filter(|item| !item.has_digest()).count();
    (without > 0).then(|| format!("{without} packages have no digest in the lock file"))
}

#[cfg(test)]
mod tests {
    use super::super::npm_scene::{edges, lock};
    use super::*;
    use serde_json::json;

    #[test]
    fn notes_on_digests_are_of_what_is_left() {
        let of = |integrity: Option<&str>| {
            let mut a = json!({"version": "1.0.0"});
            if let Some(integrity) = integrity {
                a["integrity"] = json!(integrity);
            }
            lock(&json!({"": {"name": "app", "dependencies": {"a": "1"}, "devDependencies": {"d": "1"}},
                "node_modules/a": a, "node_modules/d": {"version": "1.0.0", "dev": true}}))
            .unwrap()
        };
        let told = |made: &Made| -> Vec<String> {
            made.partial.iter().filter(|text| text.contains("no digest")).cloned().collect()
        };
        let mut both = of(None);
        assert_eq!(told(&both), ["2 packages have no digest in the lock file"]);
        both.leave_out_dev();
        assert_eq!(told(&both), ["1 packages have no digest in the lock file"]);
        assert_eq!(edges(&both, "path:app"), ["pkg:npm/a@1.0.0"]);
        let mut one = of(Some(&format!("sha512-{}==", "A".repeat(86))));
        assert_eq!(told(&one), ["1 packages have no digest in the lock file"]);
        one.leave_out_dev();
        assert!(told(&one).is_empty(), "{:?}", one.partial);
    }

    #[test]
    fn notes_that_name_packages_are_of_what_is_left() {
        let at = |name: &str| {
            let address = format!("https://registry.npmjs.org/{name}/-/{name}-1.0.3.tgz");
            json!({"version": "1.0.3", "dev": true, "resolved": address})
        };
        let mut made = lock(&json!({"": {"name": "app", "dependencies": {"a": "1"},
            "devDependencies": {"d": "1", "JSONStream": "1", "jsonstream": "1"}},
            "node_modules/a": {"version": "1.0.0"}, "node_modules/d": {"version": "1.0.0", "dev": true},
            "node_modules/JSONStream": at("JSONStream"), "node_modules/jsonstream": at("jsonstream")}))
        .unwrap();
        let told = |made: &Made, end: &str| made.partial.iter().filter(|text| text.ends_with(end)).count();
        assert_eq!((told(&made, "(a 1.0.0, d 1.0.0)"), told(&made, "(JSONStream)")), (1, 1), "{:?}", made.partial);
        assert!(made.leave_out_dev());
        assert_eq!((told(&made, "(a 1.0.0)"), told(&made, "(JSONStream)")), (1, 0), "{:?}", made.partial);
        assert!(!made.partial.iter().any(|text| text.contains("d 1.0.0")), "{:?}", made.partial);
    }

    #[test]
    fn what_is_not_in_the_lock_file_is_counted_for_what_is_left() {
        let of = |asks: &serde_json::Value| {
            let mut outside = json!({"name": "out", "version": "1.0.0", "devDependencies": {"x": "1"}});
            outside.as_object_mut().unwrap().extend(asks.as_object().unwrap().clone());
            lock(
                &json!({"": {"name": "app", "dependencies": {"out": "file:../outside"}, "devDependencies": {"d": "1"}},
                "../outside": outside, "node_modules/out": {"resolved": "../outside", "link": true},
                "node_modules/d": {"version": "1.0.0", "dev": true, "optionalDependencies": {"gone": "1"}}}),
            )
            .unwrap()
        };
        let told = |made: &Made| -> Vec<String> {
            let parts = made.partial.iter().filter_map(|text| text.split_once(" dependencies "));
            parts.map(|(count, what)| format!("{count} {}", what.rsplit(' ').next().unwrap_or_default())).collect()
        };
        let known = |made: &Made| made.bom.aggregates["path:out@1.0.0"].clone();
        let mut both = of(&json!({"dependencies": {"ms": "1"}}));
        assert_eq!(told(&both), ["1 file", "2 path:out@1.0.0)"], "{:?}", both.partial);
        both.leave_out_dev();
        assert_eq!((told(&both), known(&both)), (vec!["1 path:out@1.0.0)".to_owned()], "incomplete".to_owned()));
        assert!(both.partial.iter().any(|text| text.contains("(ms of path:out@1.0.0)")), "{:?}", both.partial);
        let mut dev = of(&json!({}));
        assert_eq!((told(&dev).len(), known(&dev)), (2, "incomplete".to_owned()));
        dev.leave_out_dev();
        assert_eq!((told(&dev), known(&dev)), (vec![], "complete".to_owned()), "what runs lacks nothing");
    }

    #[test]
    fn nothing_is_said_to_be_left_out_where_nobody_knows_what_is_for_development() {
        let folder = tempfile::tempdir().unwrap();
        let poetry = |more: &str| {
            format!(
                "[[package]]\nname = \"t\"\nversion = \"1.0\"\noptional = false\n{more}files = []\n\
                 [metadata]\nlock-version = \"2.0\"\ncontent-hash = \"x\"\n"
            )
        };
        for (file, text, without) in [
            ("poetry.lock", poetry(""), false),
            ("poetry.lock", poetry("groups = [\"dev\"]\n"), true),
            ("requirements-dev.txt", "t==1.0\n".to_owned(), false),
        ] {
            let path = folder.path().join(file);
            std::fs::write(&path, text).unwrap();
            let mut made = super::super::read(&path, None).unwrap();
            assert_eq!(made.leave_out_dev(), without, "{file}");
            assert_eq!(made.bom.items.is_empty(), without, "{file}");
            let told = made.partial.iter().any(|text| text.ends_with(": nothing is left out"));
            assert_eq!(told, !without, "{:?}", made.partial);
        }
    }
}
