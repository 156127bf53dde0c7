//! What the lines of a list for pip come to together: one package may stand in several, and comments say which asks for which.

use super::apart::{Budget, never};
use super::python::requirement;
use crate::bom::{Bom, Item, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// The packages of a list, and what is said of each.
#[derive(Default)]
pub(super) struct Together {
    /// References by name. What has none of its own stands for itself.
    names: BTreeMap<String, Vec<String>>,
    /// Of each line the package, its condition, and who asks for it.
    lines: Vec<(String, Option<String>, Vec<String>)>,
    /// Of those without a name what their lines say, by reference.
    unnamed: BTreeMap<String, String>,
}

impl Together {
    /// Takes a line's package. Nothing where the list has another version of it already that may be there at the same time.
    pub(super) fn take(
        &mut self,
        bom: &mut Bom,
        mut item: Item,
        is_named: bool,
        text: &str,
        via: &[String],
    ) -> Option<()> {
        let marker = requirement(text).1.map(str::to_owned);
        let name = if is_named {
            item.name.clone()
        } else {
            // Two files of one name, or two repositories, are two packages.
            let place = text.split(" ;").next().unwrap_or(text).trim();
            let plain = item.reference.clone();
            let mut number = 1_usize;
            while self.unnamed.get(&item.reference).is_some_and(|known| known != place) {
                number = number.saturating_add(1);
                item.reference = format!("{plain}#{number}");
            }
            self.unnamed.insert(item.reference.clone(), place.to_owned());
            item.reference.clone()
        };
        self.lines.push((item.reference.clone(), marker, via.to_vec()));
        let named = self.names.entry(name).or_default();
        // Several versions, each under a condition of its own: pip takes the one whose condition holds.
        let conditional = |item: &Item| item.scope == Scope::Optional;
        let others: BTreeSet<&str> = named.iter().map(String::as_str).filter(|one| *one != item.reference).collect();
        let mut beside = bom.items.iter().filter(|other| others.contains(other.reference.as_str()));
        if !(others.is_empty() || conditional(&item) && beside.all(conditional)) {
            return None;
        }
        // The same one again, be it with other extras, is the same.
        let Some(same) = bom.items.iter_mut().find(|other| other.reference == item.reference) else {
            named.push(item.reference.clone());
            bom.items.push(item);
            return Some(());
        };
        for file in item.files {
            if !same.files.contains(&file) {
                same.files.push(file);
            }
        }
        same.scope = same.scope.min(item.scope);
        if same.scope == Scope::Required {
            same.properties.clear();
        } else {
            same.properties
                .extend(item.properties.into_iter().filter(|one| !same.properties.contains(one)).collect::<Vec<_>>());
        }
        Some(())
    }

    /// Gives the document the edges that comments tell. A name may be that of several versions: one that is for another Python or
    /// system does not ask.
    pub(super) fn give_edges(&self, bom: &mut Bom, root: &str) {
        let mut budget = Budget::default();
        let mut conditions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (reference, marker, _) in &self.lines {
            conditions.entry(reference).or_default().extend(marker.as_deref());
        }
        let sure: BTreeSet<&str> =
            bom.items.iter().filter(|item| item.scope == Scope::Required).map(|item| item.reference.as_str()).collect();
        let of = |reference: &str| {
            let all = conditions.get(reference).filter(|_| !sure.contains(reference))?;
            Some(all.iter().map(|text| format!("({text})")).collect::<Vec<_>>().join(" or "))
        };
        let mut edges = Vec::new();
        for (reference, marker, via) in &self.lines {
            for name in via {
                // A file or project that asks for it is the project itself.
                let from = self.names.get(&requirement(name).0).filter(|_| !name.starts_with('-'));
                let Some(from) = from else {
                    edges.push((root.to_owned(), reference.clone()));
                    continue;
                };
                let mut may = |from: &&String| match (of(from), marker) {
                    (Some(asker), Some(marker)) => !never(&[&asker, marker], &mut budget),
                    _ => true,
                };
                let asking: Vec<&String> = from.iter().filter(|from| may(from)).collect();
                let asking = if asking.is_empty() { from.iter().collect() } else { asking };
                edges.extend(asking.into_iter().map(|from| (from.clone(), reference.clone())));
            }
        }
        for (from, to) in edges {
            bom.edges.entry(from).or_default().insert(to);
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
}
