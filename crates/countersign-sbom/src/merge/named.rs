//! The references by which a part says something of its components, services and more.

use super::{LISTS, array};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Every reference by which a part says something of something.
pub(super) fn mentioned(map: &Map<String, Value>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut take = |list: &Value| found.extend(list.as_str().map(str::to_owned));
    for entry in array(map, "dependencies").filter_map(Value::as_object) {
        entry
            .get("ref")
            .into_iter()
            .chain(array(entry, "dependsOn"))
            .chain(array(entry, "provides"))
            .for_each(&mut take);
    }
    for entry in array(map, "compositions").filter_map(Value::as_object) {
        ["assemblies", "dependencies", "vulnerabilities"]
            .iter()
            .flat_map(|kind| array(entry, kind))
            .for_each(&mut take);
    }
    let mut waiting: Vec<&Value> = LISTS.iter().flat_map(|key| array(map, key)).collect();
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(list) => waiting.extend(list),
            Value::Object(map) => {
                map.get("ref").into_iter().chain(array(map, "subjects")).for_each(&mut take);
                waiting.extend(map.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

/// References within an item of a list: under `ref`, and in lists of `subjects`.
pub(super) fn renamed(item: &mut Value, names: &BTreeMap<String, String>) {
    let mut waiting = vec![item];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(list) => waiting.extend(list.iter_mut()),
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    match value {
                        Value::String(text) if key == "ref" => {
                            if let Some(new) = names.get(text) {
                                text.clone_from(new);
                            }
                        }
                        Value::Array(list) if key == "subjects" => {
                            for text in list {
                                let new = text.as_str().and_then(|text| names.get(text));
                                if let Some(new) = new {
                                    *text = new.clone().into();
                                }
                            }
                        }
                        Value::Array(_) | Value::Object(_) => waiting.push(value),
                        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Release, merge};
    use countersign_core::digest::Sha256;
    use serde_json::{Value, json};

    #[test]
    fn that_an_annotation_is_of_a_composition_which_is_put_together_anew_is_told() {
        let of = |root: &str, more: &Value| {
            let mut value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                "metadata": {"component": {"type": "application", "name": root, "bom-ref": root}},
                "components": [{"type": "library", "name": "x", "bom-ref": "x"}]});
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Part { digest: Sha256::of(value.to_string().as_bytes()), value }
        };
        let note = json!({"bom-ref": "n", "subjects": ["comp", "x"], "annotator": {"individual": {"name": "me"}},
            "timestamp": "2026-01-01T00:00:00Z", "text": "about the composition"});
        let one = of(
            "a",
            &json!({"annotations": [note],
                "compositions": [{"bom-ref": "comp", "aggregate": "complete", "assemblies": ["x"]}]}),
        );
        let bom = |value: &Value| crate::bom::Document::parse(value.to_string().as_bytes()).unwrap().bom().unwrap();
        assert!(bom(&one.value).dangling().is_empty(), "in the part itself it leads somewhere");
        let release = Release { name: "r".to_owned(), version: "1".to_owned(), time: None };
        let merged = merge(vec![one, of("b", &json!({}))], &release).unwrap();
        assert_eq!(merged.left_out.into_iter().collect::<Vec<_>>(), ["compositions.bom-ref"]);
        let subjects = &merged.document["annotations"][0]["subjects"];
        assert_eq!(subjects[1], "x");
        let bom = bom(&merged.document);
        assert_eq!(bom.dangling().into_iter().collect::<Vec<_>>(), [subjects[0].as_str().unwrap()]);
    }
}
