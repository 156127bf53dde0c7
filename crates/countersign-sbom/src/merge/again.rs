//! What a document is about, where its components list it once more: one thing, of which both places are believed.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What was taken out of a list of components.
#[derive(Default)]
pub(super) struct Taken {
    /// The listings.
    pub(super) copies: Vec<Value>,
    /// Whether something that held one was signed. It is no longer what was signed, and has its signature no more.
    pub(super) was_signed: bool,
    /// Whether something held one, and no longer says so.
    pub(super) was_held: bool,
    /// The references of what held one: all that is in these is no longer in their lists.
    pub(super) holders: BTreeSet<String>,
}

/// Takes every further listing of what a document is about out of a list of components, however deep it lies. Left there, it would get a
/// name of its own, and all that is said of what the document is about would be said of it alone.
pub(super) fn taken_out(components: &mut Vec<Value>, own: &str) -> Taken {
    let mut taken = Taken::default();
    let mut found = VecDeque::from(drained(components, own, &mut taken));
    while let Some(mut copy) = found.pop_front() {
        if let Some(Value::Array(within)) = copy.get_mut("components") {
            found.extend(drained(within, own, &mut taken));
        }
        taken.copies.push(copy);
    }
    taken
}

/// Those of a list, and of the lists within what stays in it. What lies in one of them stays with it. Lists lie in each other as deep as
/// JSON is read.
fn drained(components: &mut Vec<Value>, own: &str, taken: &mut Taken) -> Vec<Value> {
    let mut copies = Vec::new();
    components.retain_mut(|one| {
        let is_own = one.get("bom-ref").and_then(Value::as_str) == Some(own);
        if is_own {
            copies.push(one.take());
        }
        !is_own
    });
    for holder in components.iter_mut().filter_map(Value::as_object_mut) {
        let Some(Value::Array(within)) = holder.get_mut("components") else { continue };
        let before = within.len();
        let deeper = drained(within, own, taken);
        if within.len() < before {
            taken.was_held = true;
            taken.holders.extend(holder.get("bom-ref").and_then(Value::as_str).map(str::to_owned));
        }
        if !deeper.is_empty() && holder.remove("signature").is_some() {
            taken.was_signed = true;
        }
        copies.extend(deeper);
    }
    copies
}

/// Takes into what a document is about whatever its further listings have beyond it. The keys of which they say something else, and which
/// therefore stay as `metadata` has them.
pub(super) fn join(root: &mut Value, copies: &[Value]) -> BTreeSet<String> {
    let mut otherwise = BTreeSet::new();
    let Some(root) = root.as_object_mut() else { return otherwise };
    // What stands in each list is kept over all listings: they may be many, and so may be what stands in them.
    let mut lists: BTreeMap<&str, Held> = BTreeMap::new();
    for (key, value) in copies.iter().filter_map(Value::as_object).flatten() {
        // A signature is of what it stands in, and never of what two places say together.
        if key == "signature" && root.get(key) != Some(value) {
            otherwise.insert(key.clone());
            continue;
        }
        let Some(known) = root.get_mut(key) else {
            root.insert(key.clone(), value.clone());
            continue;
        };
        if *known == *value {
            continue;
        }
        let (Value::Array(known), Value::Array(more)) = (known, value) else {
            otherwise.insert(key.clone());
            continue;
        };
        let held = lists.entry(key.as_str()).or_insert_with(|| Held::of(known));
        if !held.joined(known, more) {
            otherwise.insert(key.clone());
        }
    }
    otherwise
}

/// What stands in a list.
struct Held {
    texts: BTreeSet<String>,
    has_expression: bool,
}

impl Held {
    fn of(list: &[Value]) -> Self {
        Self { texts: list.iter().map(text_of).collect(), has_expression: list.iter().any(is_expression) }
    }

    /// Takes more into the list, where the two may stand together. An expression stands alone: beside other licences the document would
    /// hold to no schema.
    fn joined(&mut self, list: &mut Vec<Value>, more: &[Value]) -> bool {
        if self.has_expression || more.iter().any(is_expression) {
            return false;
        }
        list.extend(more.iter().filter(|one| self.texts.insert(text_of(one))).cloned());
        true
    }
}

fn is_expression(one: &Value) -> bool {
    one.get("expression").is_some()
}

/// A value as text, which is another one's where the two are the same.
pub(super) fn text_of(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
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
        let listed = json!({"name": "a", "signature": signature});
        assert_eq!(join(&mut root, &[listed]), BTreeSet::from(["signature".to_owned()]));
        assert_eq!(root, json!({"name": "a", "description": "never signed"}));
    }

    #[test]
    fn an_expression_stays_alone_and_the_other_licence_is_told() {
        let mut root = json!({"name": "a", "licenses": [{"license": {"id": "MIT"}}]});
        let listed = [json!({"name": "a", "licenses": [{"expression": "MIT OR Apache-2.0"}]})];
        assert_eq!(join(&mut root, &listed), BTreeSet::from(["licenses".to_owned()]));
        assert_eq!(root["licenses"], json!([{"license": {"id": "MIT"}}]));
        let mut bare = json!({"name": "a"});
        assert!(join(&mut bare, &listed).is_empty());
        assert_eq!(bare["licenses"], json!([{"expression": "MIT OR Apache-2.0"}]));
    }

    #[test]
    fn lists_of_a_hundred_thousand_and_as_many_listings_are_joined_in_time_that_grows_with_them() {
        let named = |from: u32, to: u32| -> Vec<Value> {
            (from..to).map(|number| json!({"name": number.to_string(), "value": "v"})).collect()
        };
        let mut root = json!({"name": "a", "properties": named(0, 100_000)});
        let mut listed = vec![json!({"name": "a", "properties": named(50_000, 150_000)})];
        listed.extend((100_000..200_000).map(|number| json!({"properties": named(number, number + 1)})));
        assert!(join(&mut root, &listed).is_empty());
        assert_eq!(root["properties"], Value::from(named(0, 200_000)));
    }

    #[test]
    fn what_was_signed_and_is_no_longer_as_it_was_has_no_signature_and_that_is_told() {
        let signature = json!({"algorithm": "RS256", "value": "AAAA"});
        let about = json!({"type": "application", "name": "a", "version": "1", "bom-ref": "a"});
        let with = |one: &Value, key: &str, value: &Value| {
            let mut one = one.clone();
            one[key] = value.clone();
            one
        };
        let signed = with(&about, "signature", &signature);
        let library = |name: &str| json!({"type": "library", "name": name, "bom-ref": name, "signature": signature});
        let holder = |held: &Value| with(&library("x"), "components", &json!([held]));
        let adds = with(&about, "description", &json!("x"));
        let merged_of = |root: &Value, components: Value, more: &Value| {
            let mut value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                "metadata": {"component": root}, "components": components});
            value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let release = Release { name: "r".to_owned(), version: "1".to_owned(), time: None };
            let part = Part { digest: Sha256::of(value.to_string().as_bytes()), value };
            let merged = merge(vec![part], &release).unwrap();
            let told: Vec<String> = merged.left_out.into_iter().collect();
            (merged.document["components"].to_string().matches("signature").count(), told)
        };
        let none = json!({});
        let website = json!({"externalReferences": [{"type": "website", "url": "https://a.example.com"}]});
        let root = "components.signature (of what the document is about)".to_owned();
        let holds = vec![
            "components.components (that something holds what the document is about)".to_owned(),
            "components.signature (of what listed once more what the document is about)".to_owned(),
        ];
        assert_eq!(merged_of(&signed, json!([library("x")]), &none), (2, vec![]), "nothing was changed");
        assert_eq!(merged_of(&signed, json!([signed]), &none), (1, vec![]), "both say the same");
        assert_eq!(merged_of(&signed, json!([adds]), &none), (0, vec![root.clone()]));
        assert_eq!(merged_of(&signed, json!([with(&adds, "signature", &signature)]), &none), (0, vec![root.clone()]));
        assert_eq!(merged_of(&signed, json!([]), &website), (0, vec![root]));
        assert_eq!(merged_of(&about, json!([holder(&about), library("y")]), &none), (1, holds.clone()));
        let deep = with(&library("z"), "components", &json!([holder(&about)]));
        assert_eq!(merged_of(&about, json!([deep]), &none), (0, holds), "nor has what holds the holder");
    }

    #[test]
    fn what_held_what_the_document_is_about_no_longer_has_all_its_parts_and_that_is_told() {
        let about = json!({"type": "application", "name": "a", "version": "1", "bom-ref": "a"});
        let library =
            |name: &str, held: &Value| json!({"type": "library", "name": name, "bom-ref": name, "components": held});
        let outer = library("x", &json!([library("y", &json!([about]))]));
        let value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
            "metadata": {"component": about}, "components": [outer],
            "compositions": [{"aggregate": "complete", "assemblies": ["a", "x", "y"]}]});
        let release = Release { name: "r".to_owned(), version: "1".to_owned(), time: None };
        let part = Part { digest: Sha256::of(value.to_string().as_bytes()), value };
        let merged = merge(vec![part], &release).unwrap();
        let said = json!([{"aggregate": "complete", "assemblies": ["a", "x"]}, {"aggregate": "incomplete", "assemblies": ["y"]}]);
        assert_eq!(merged.document["compositions"], said);
        let told: Vec<&str> = merged.left_out.iter().map(String::as_str).collect();
        assert_eq!(told, ["components.components (that something holds what the document is about)"]);
    }
}
