//! What only builds or tests, left out of what a lock file says.

use super::{Kind, Made};
use crate::bom::{Item, Scope};
use std::collections::BTreeSet;

impl Made {
    /// Takes out what only builds or tests, every edge from and to it, and those between others that only hold with it. How many packages
    /// have no digest is counted anew.
    pub fn leave_out_dev(&mut self) {
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
        let after = undigested(self.kind, &self.bom.items);
        let told = std::mem::take(&mut self.partial).into_iter();
        let anew = |text: String| if before.as_ref() == Some(&text) { after.clone() } else { Some(text) };
        self.partial = told.filter_map(anew).collect();
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
}
