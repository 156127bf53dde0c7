//! SBOMs that Python packages carry (PEP 770): what they list, and how much of it that is, under names of its own.

use super::python::normal;
use crate::bom::{Bom, Document, File, Item, Scope};
use crate::schema;
use std::collections::{BTreeMap, BTreeSet};

/// What an SBOM that a package carries adds to it.
pub(super) struct Carried {
    pub(super) items: Vec<Item>,
    edges: BTreeMap<String, BTreeSet<String>>,
    /// What it says of how much of its components' dependencies is listed.
    aggregates: BTreeMap<String, String>,
    /// Whether it does not say what the package itself needs, or says that not all of that is listed.
    pub(super) lacks: bool,
    /// Whether it holds to its schema.
    pub(super) holds: bool,
}

impl Carried {
    pub(super) fn give(self, bom: &mut Bom) {
        bom.items.extend(self.items);
        for (from, to) in self.edges {
            bom.edges.entry(from).or_default().extend(to);
        }
        bom.aggregates.extend(self.aggregates);
    }
}

/// CycloneDX's words on how much is listed. Where a document does not hold to its schema, another one may stand there.
const AGGREGATES: [&str; 10] = [
    "complete",
    "incomplete",
    "incomplete_first_party_only",
    "incomplete_first_party_proprietary_only",
    "incomplete_first_party_opensource_only",
    "incomplete_third_party_only",
    "incomplete_third_party_proprietary_only",
    "incomplete_third_party_opensource_only",
    "unknown",
    "not_specified",
];

/// The components of an SBOM that a package carries, each with a name that no other package can have taken.
pub(super) fn read(own: &str, file: &str, bytes: &[u8]) -> Result<Carried, String> {
    let document = Document::parse(bytes).map_err(|error| error.to_string())?;
    let inner = document.bom().map_err(|error| error.to_string())?;
    let holds = schema::check(&document).is_ok_and(|faults| faults.listed.is_empty() && faults.more == 0);
    let prefix = format!("{own}#{file}:");
    // What the SBOM is about is the package itself, or a part of it.
    let about = inner.root.as_ref().map(|root| root.reference.clone());
    let own_name = |name: &str| {
        let name = normal(name);
        own.contains(&format!("/{name}@")) || own.starts_with(&format!("path:{name}@"))
    };
    let same = inner.root.as_ref().is_some_and(|root| own_name(&root.name));
    let rename = |reference: &str| {
        if same && about.as_deref() == Some(reference) { own.to_owned() } else { format!("{prefix}{reference}") }
    };
    let said = |reference: &str| {
        let word = inner.aggregates.get(reference)?;
        Some(AGGREGATES.into_iter().find(|known| known == word).unwrap_or("unknown"))
    };
    let mut items = Vec::new();
    let mut aggregates = BTreeMap::new();
    let mut lacks = inner.root.is_none();
    for item in inner.all() {
        if same && about.as_deref() == Some(item.reference.as_str()) {
            // The package's own list has what this one lists, and is no more than it.
            lacks |= !inner.says_all(item);
            continue;
        }
        let word = said(&item.reference);
        let mut item = item.clone();
        item.reference = rename(&item.reference);
        if let Some(word) = word {
            aggregates.insert(item.reference.clone(), word.to_owned());
        }
        item.inside = Some(item.inside.as_deref().map_or_else(|| own.to_owned(), rename));
        item.properties.push(("countersign:carried-in".to_owned(), file.to_owned()));
        // A path of the machine that built the package names nothing here.
        item.purl = item.purl.filter(|purl| !purl.contains("file:"));
        item.files = item.files.into_iter().map(|file| File { url: None, ..file }).collect();
        if item.scope == Scope::Required {
            item.linked = item.linked.or(Some(true));
        }
        items.push(item);
    }
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in &inner.edges {
        edges.entry(rename(from)).or_default().extend(to.iter().map(|to| rename(to)));
    }
    if !same && let Some(root) = about {
        edges.entry(own.to_owned()).or_default().insert(format!("{prefix}{root}"));
    }
    Ok(Carried { items, edges, aggregates, lacks, holds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn carried(name: &str, compositions: &Value) -> Carried {
        let component = |name: &str, reference: &str| json!({"type": "library", "name": name, "bom-ref": reference});
        let value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": component(name, "r")}, "components": [component("zlib", "z")],
            "dependencies": [{"ref": "r", "dependsOn": ["z"]}, {"ref": "z", "dependsOn": []}],
            "compositions": compositions});
        read("pkg:pypi/car@1.0", "c.json", value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_a_carried_document_says_of_how_much_it_lists_is_kept() {
        let z = "pkg:pypi/car@1.0#c.json:z";
        let said = json!([{"aggregate": "incomplete", "dependencies": ["r"]},
            {"aggregate": "unknown", "dependencies": ["z", "not-listed"]}]);
        let own = carried("car", &said);
        assert_eq!((own.lacks, own.aggregates), (true, [(z.to_owned(), "unknown".to_owned())].into()));
        let part = carried("libcar", &said);
        let root = "pkg:pypi/car@1.0#c.json:r".to_owned();
        assert_eq!(part.aggregates, [(root, "incomplete".to_owned()), (z.to_owned(), "unknown".to_owned())].into());
        assert!(!part.lacks, "that is said of a part");
        for (says, lacks) in [
            (json!([]), false),
            (json!([{"aggregate": "complete"}]), false),
            (json!([{"aggregate": "unknown"}]), true),
            (json!([{"aggregate": "nonsense"}]), true),
        ] {
            let carried = carried("car", &says);
            assert_eq!(carried.lacks, lacks, "{says}");
            assert!(carried.aggregates.values().all(|word| AGGREGATES.contains(&word.as_str())), "{says}");
        }
    }

    #[test]
    fn a_carried_document_that_does_not_say_what_the_package_needs_leaves_that_open() {
        let component = |name: &str, reference: &str| json!({"type": "library", "name": name, "bom-ref": reference});
        let of = |own: &str, more: &Value| {
            let mut value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                "metadata": {"component": component("car", "r")}, "components": [component("zlib", "z")]});
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            read(own, "c.json", value.to_string().as_bytes()).unwrap()
        };
        let index = "pkg:pypi/car@1.0";
        let of_zlib = json!({"dependencies": [{"ref": "z"}],
            "compositions": [{"aggregate": "complete", "dependencies": ["z"]}]});
        let listed = json!({"dependencies": [{"ref": "r", "dependsOn": ["z"]}]});
        for (more, lacks) in [
            (json!({}), true),
            (of_zlib, true),
            (json!({"metadata": {}}), true),
            (json!({"dependencies": [{"ref": "r"}]}), false),
            (listed.clone(), false),
        ] {
            assert_eq!(of(index, &more).lacks, lacks, "{more}");
        }
        for own in [index, "path:car@1.0", "pkg:pypi/car@1.0?download_url=https://example.com/car.whl"] {
            let carried = of(own, &listed);
            let names: Vec<&str> = carried.items.iter().map(|item| item.name.as_str()).collect();
            assert_eq!(names, ["zlib"], "{own} is not listed within itself");
            assert_eq!(carried.edges[own], [format!("{own}#c.json:z")].into());
        }
    }
}
