//! What a document is about, where its components list it once more: one thing, of which both places are believed.

use serde_json::Value;

/// Takes into what a document is about whatever the second listing has beyond it. The keys of which the two say something else, and which
/// therefore stay as `metadata` has them.
pub(super) fn join(root: &mut Value, listed: &Value) -> Vec<String> {
    let mut otherwise = Vec::new();
    let (Some(root), Some(listed)) = (root.as_object_mut(), listed.as_object()) else { return otherwise };
    for (key, value) in listed {
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
