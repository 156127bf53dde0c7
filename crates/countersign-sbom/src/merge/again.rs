//! What a document is about, where its components list it once more: one thing, of which both places are believed.

use serde_json::Value;
use std::collections::VecDeque;

/// Takes every further listing of what a document is about out of a list of components, however deep it lies. Left there, it would get a
/// name of its own, and all that is said of what the document is about would be said of it alone.
pub(super) fn taken_out(components: &mut Vec<Value>, own: &str) -> Vec<Value> {
    let mut found = VecDeque::from(drained(components, own));
    let mut copies = Vec::new();
    while let Some(mut copy) = found.pop_front() {
        if let Some(Value::Array(within)) = copy.get_mut("components") {
            found.extend(drained(within, own));
        }
        copies.push(copy);
    }
    copies
}

/// Those of a list, and of the lists within what stays in it. What lies in one of them stays with it.
fn drained(components: &mut Vec<Value>, own: &str) -> Vec<Value> {
    let mut copies = Vec::new();
    let mut waiting = vec![components];
    while let Some(list) = waiting.pop() {
        list.retain(|one| {
            let is_own = one.get("bom-ref").and_then(Value::as_str) == Some(own);
            if is_own {
                copies.push(one.clone());
            }
            !is_own
        });
        for one in list {
            if let Some(Value::Array(within)) = one.get_mut("components") {
                waiting.push(within);
            }
        }
    }
    copies
}

/// Takes into what a document is about whatever the second listing has beyond it. The keys of which the two say something else, and which
/// therefore stay as `metadata` has them.
pub(super) fn join(root: &mut Value, listed: &Value) -> Vec<String> {
    let mut otherwise = Vec::new();
    let (Some(root), Some(listed)) = (root.as_object_mut(), listed.as_object()) else { return otherwise };
    for (key, value) in listed {
        // A signature is of what it stands in, and never of what two places say together.
        if key == "signature" && root.get(key) != Some(value) {
            otherwise.push(key.clone());
            continue;
        }
        let Some(known) = root.get_mut(key) else {
            root.insert(key.clone(), value.clone());
            continue;
        };
        if *known == *value {
            continue;
        }
        match (known, value) {
            // An expression stands alone: beside other licences the document would hold to no schema.
            (Value::Array(known), Value::Array(more))
                if !known.iter().chain(more).any(|one| one.get("expression").is_some()) =>
            {
                for one in more {
                    if !known.contains(one) {
                        known.push(one.clone());
                    }
                }
            }
            _ => otherwise.push(key.clone()),
        }
    }
    otherwise
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Release, merge};
    use super::*;
    use countersign_core::digest::Sha256;
    use serde_json::json;

    #[test]
    fn what_only_the_second_listing_of_what_a_document_is_about_says_is_kept() {
        let root = json!({"type": "application", "name": "a", "version": "1", "bom-ref": "a", "description": "one",
            "properties": [{"name": "x", "value": "1"}], "licenses": [{"license": {"id": "MIT"}}]});
        let nested = json!({"type": "library", "name": "log4j", "version": "2.0", "bom-ref": "n"});
        let again = json!({"type": "application", "name": "a", "version": "1", "bom-ref": "a", "description": "other",
            "properties": [{"name": "x", "value": "1"}, {"name": "y", "value": "2"}],
            "licenses": [{"license": {"id": "GPL-3.0-only"}}], "copyright": "Somebody", "components": [nested.clone()]});
        let value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": root.clone()}, "components": [again],
            "dependencies": [{"ref": "a", "dependsOn": ["n"]}, {"ref": "n"}],
            "compositions": [{"aggregate": "complete", "dependencies": ["a", "n"]}]});
        let release = Release { name: "r".to_owned(), version: "1".to_owned(), time: None };
        let part = Part { digest: Sha256::of(value.to_string().as_bytes()), value };
        let merged = merge(vec![part], &release).unwrap();
        let document = crate::bom::Document::parse(merged.document.to_string().as_bytes()).unwrap();
        assert!(document.bom().unwrap().dangling().is_empty());
        let components = merged.document["components"].as_array().unwrap();
        assert_eq!(components.len(), 1);
        let about = &components[0];
        assert_eq!((&about["components"], &about["copyright"]), (&json!([nested]), &json!("Somebody")));
        assert_eq!(about["licenses"], json!([{"license": {"id": "MIT"}}, {"license": {"id": "GPL-3.0-only"}}]));
        assert_eq!(about["properties"], json!([{"name": "x", "value": "1"}, {"name": "y", "value": "2"}]));
        assert_eq!(about["description"], json!("one"));
        let told: Vec<&str> = merged.left_out.iter().map(String::as_str).collect();
        assert_eq!(told, ["components.description (of what the document is about)"]);
    }

    #[test]
    fn what_a_document_is_about_is_one_thing_however_deep_it_is_listed_again() {
        let about = json!({"type": "application", "name": "a", "version": "1", "bom-ref": "a"});
        let mut again = about.clone();
        again["copyright"] = json!("Somebody");
        let holder = json!({"type": "library", "name": "y", "bom-ref": "y", "components": [again]});
        let outer = json!({"type": "library", "name": "x", "bom-ref": "x", "components": [holder]});
        let value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": about}, "components": [outer, {"type": "library", "name": "n", "bom-ref": "n"}],
            "dependencies": [{"ref": "a", "dependsOn": ["n"]}, {"ref": "n"}],
            "compositions": [{"aggregate": "complete", "dependencies": ["a", "n"]}]});
        let release = Release { name: "r".to_owned(), version: "1".to_owned(), time: None };
        let part = Part { digest: Sha256::of(value.to_string().as_bytes()), value };
        let merged = merge(vec![part], &release).unwrap();
        assert_eq!(merged.renamed, 0);
        let bom = crate::bom::Document::parse(merged.document.to_string().as_bytes()).unwrap().bom().unwrap();
        let named: Vec<&str> = bom.items.iter().map(|item| item.reference.as_str()).collect();
        assert_eq!((named.len(), named.iter().filter(|name| name.starts_with('a')).count()), (4, 1), "{named:?}");
        assert!(bom.edges["release:r@1"].contains("a") && bom.edges["a"].contains("n"), "{:?}", bom.edges);
        assert_eq!(bom.aggregates["a"], "complete");
        let components = merged.document["components"].as_array().unwrap();
        assert!(components.iter().any(|one| one["copyright"] == json!("Somebody")), "{components:?}");
    }

    #[test]
    fn a_signature_does_not_go_over_to_what_was_not_signed() {
        let mut root = json!({"name": "a", "description": "never signed"});
        let signature = json!({"algorithm": "RS256", "value": "AAAA"});
        assert_eq!(join(&mut root, &json!({"name": "a", "signature": signature})), ["signature"]);
        assert_eq!(root, json!({"name": "a", "description": "never signed"}));
    }

    #[test]
    fn an_expression_stays_alone_and_the_other_licence_is_told() {
        let mut root = json!({"name": "a", "licenses": [{"license": {"id": "MIT"}}]});
        let listed = json!({"name": "a", "licenses": [{"expression": "MIT OR Apache-2.0"}]});
        assert_eq!(join(&mut root, &listed), ["licenses"]);
        assert_eq!(root["licenses"], json!([{"license": {"id": "MIT"}}]));
        let mut bare = json!({"name": "a"});
        assert!(join(&mut bare, &listed).is_empty());
        assert_eq!(bare["licenses"], json!([{"expression": "MIT OR Apache-2.0"}]));
    }
}
