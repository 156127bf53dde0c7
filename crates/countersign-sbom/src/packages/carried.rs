//! SBOMs that Python packages carry (PEP 770): what they list, and how much of it that is, under names of its own.

use super::python::normal;
use crate::bom::{Bom, Document, File, Item};
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
    let numbers = numbered(&inner);
    let rename = |reference: &str| {
        if same && about.as_deref() == Some(reference) {
            own.to_owned()
        } else {
            format!("{prefix}{}", numbers.get(reference).map_or(reference, String::as_str))
        }
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
        items.push(item);
    }
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in &inner.edges {
        edges.entry(rename(from)).or_default().extend(to.iter().map(|to| rename(to)));
    }
    if !same && let Some(root) = &about {
        edges.entry(own.to_owned()).or_default().insert(rename(root));
    }
    Ok(Carried { items, edges, aggregates, lacks, holds })
}

/// Numbers instead of references that are paths of the machine that built the package (`path+file:///…`): these are nobody's business
/// who reads the document, and name nothing here. The same document has the same numbers.
fn numbered(bom: &Bom) -> BTreeMap<String, String> {
    let listed = bom.all().map(|item| &item.reference);
    let ends = bom.edges.iter().flat_map(|(from, to)| std::iter::once(from).chain(to));
    let all: BTreeSet<&String> = listed.chain(ends).collect();
    let mut number = 0_u64;
    let mut numbers = BTreeMap::new();
    for path in all.iter().filter(|reference| reference.contains("file:")) {
        let mut text = String::new();
        // Another one may be called by a number.
        while text.is_empty() || all.contains(&text) {
            number = number.saturating_add(1);
            text = number.to_string();
        }
        numbers.insert((*path).clone(), text);
    }
    numbers
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
    fn what_a_carried_document_does_not_say_of_what_is_linked_is_not_known() {
        let library = |name: &str, said: &Value| {
            let mut one = json!({"type": "library", "name": name, "bom-ref": name, "scope": "required"});
            one["properties"] = said.clone();
            one
        };
        let says = |value: &str| json!([{"name": "countersign:linked", "value": value}]);
        let value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "components": [library("no", &says("false")), library("syn", &json!([])), library("yes", &says("true"))]});
        let carried = read("pkg:pypi/car@1.0", "c.json", value.to_string().as_bytes()).unwrap();
        let linked: Vec<(&str, Option<bool>)> =
            carried.items.iter().map(|item| (item.name.as_str(), item.linked)).collect();
        assert_eq!(linked, [("no", Some(false)), ("syn", None), ("yes", Some(true))]);
    }

    #[test]
    fn a_path_of_the_machine_that_built_the_package_stands_in_no_reference() {
        let component = |name: &str, reference: &str| json!({"type": "library", "name": name, "bom-ref": reference});
        let path = |name: &str| format!("path+file:///builder/{name}#1.0");
        let inner = json!({"type": "library", "name": "bin", "bom-ref": path("r bin-target-0")});
        let of = |own: &str| {
            let mut root = component("car", &path("r"));
            root["components"] = json!([inner]);
            let value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                "metadata": {"component": root},
                "components": [component("one", "1"), component("local", &path("local")), component("zlib", "z")],
                "dependencies": [{"ref": path("r"), "dependsOn": [path("local"), path("gone")]},
                    {"ref": path("local"), "dependsOn": ["z", "1"]}, {"ref": "z", "dependsOn": []}],
                "compositions": [{"aggregate": "incomplete", "dependencies": [path("local")]}]});
            read(own, "c.json", value.to_string().as_bytes()).unwrap()
        };
        for (own, name) in [("pkg:pypi/car@1.0", "car"), ("pkg:pypi/other@1.0", "other")] {
            let carried = of(own);
            let text = format!("{:?} {:?} {:?}", carried.items, carried.edges, carried.aggregates);
            assert!(!text.contains("builder"), "{text}");
            let reference = |of: &str| carried.items.iter().find(|item| item.name == of).unwrap().reference.clone();
            let (one, local, zlib) = (reference("one"), reference("local"), reference("zlib"));
            assert_eq!((one.clone(), zlib.clone()), (format!("{own}#c.json:1"), format!("{own}#c.json:z")));
            assert_eq!(carried.edges[&local], [one, zlib].into());
            assert_eq!(carried.aggregates[&local], "incomplete");
            let root = if name == "car" { own.to_owned() } else { reference("car") };
            assert_eq!((carried.edges[&root].len(), carried.edges[&root].contains(&local)), (2, true), "{name}");
            let names: BTreeSet<&String> = carried.items.iter().map(|item| &item.reference).collect();
            assert_eq!(names.len(), carried.items.len());
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
