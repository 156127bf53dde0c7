//! Whose dependencies nobody knows all of: a part says that it lists them all, and another one, which does not say so, lists more. Two
//! parts may call one thing by two references: then its package URL or its digest tells that it is the same.

use super::{array, array_of, components, digest_of, is_of_all};
use crate::diff::comparable;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The lists of all parts, by the references of the merged document.
#[derive(Default)]
pub(super) struct Known {
    /// Those that are said to be all, one of each part that says so.
    all: BTreeMap<String, Vec<BTreeSet<String>>>,
    some: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    /// Takes the lists of a part. One that is said to be all, and is not there, is empty.
    pub(super) fn take(&mut self, map: &Map<String, Value>, names: &BTreeMap<String, String>) {
        let name = |reference: &str| names.get(reference).cloned().unwrap_or_else(|| reference.to_owned());
        let claims = claims(map);
        let mut all: BTreeMap<&str, BTreeSet<String>> =
            claims.iter().map(|reference| (*reference, BTreeSet::new())).collect();
        for entry in array(map, "dependencies") {
            let Some(from) = entry.get("ref").and_then(Value::as_str) else { continue };
            let to = array_of(entry, "dependsOn").filter_map(Value::as_str).map(name);
            match all.get_mut(from) {
                Some(known) => known.extend(to),
                None => self.some.entry(name(from)).or_default().extend(to),
            }
        }
        for (from, known) in all {
            self.all.entry(name(from)).or_default().push(known);
        }
    }

    /// The references of which a part says that it lists all, and another lists more.
    pub(super) fn doubted(&self, components: &BTreeMap<String, Value>) -> Vec<String> {
        let same = same(components);
        let named = |reference: &String| same.get(reference).unwrap_or(reference).clone();
        let each = |references: &BTreeSet<String>| references.iter().map(named).collect::<BTreeSet<_>>();
        let mut more: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (reference, listed) in &self.some {
            more.entry(named(reference)).or_default().append(&mut each(listed));
        }
        let is_doubted = |(reference, lists): &(&String, &Vec<BTreeSet<String>>)| {
            more.get(&named(reference)).is_some_and(|more| lists.iter().any(|known| !more.is_subset(&each(known))))
        };
        self.all.iter().filter(is_doubted).map(|(reference, _)| reference.clone()).collect()
    }
}

/// The references of which a part says that it lists all dependencies. What it says without a reference is of each that has no entry of
/// its own.
fn claims(map: &Map<String, Value>) -> BTreeSet<&str> {
    let entries = || array(map, "compositions").filter_map(Value::as_object);
    let of = |entry| array(entry, "dependencies").filter_map(Value::as_str);
    let own: BTreeSet<&str> = entries().flat_map(of).collect();
    let says_all = |entry: &&Map<String, Value>| entry.get("aggregate").and_then(Value::as_str) == Some("complete");
    let mut claims = BTreeSet::new();
    for entry in entries().filter(says_all) {
        claims.extend(of(entry));
        if is_of_all(entry) {
            claims.extend(components(map).into_iter().filter(|reference| !own.contains(reference)));
        }
    }
    claims
}

/// Of each reference of a component, wherever it lies, the first one that names the same thing.
fn same(components: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let mut known: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut waiting: Vec<&Value> = components.values().collect();
    while let Some(component) = waiting.pop() {
        if let Some(reference) = component.get("bom-ref").and_then(Value::as_str) {
            for identity in identities(component) {
                known.entry(identity).or_default().push(reference);
            }
        }
        waiting.extend(array_of(component, "components"));
    }
    let mut beside: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for pair in known.values().flat_map(|references| references.windows(2)) {
        if let [one, other] = pair {
            beside.entry(one).or_default().insert(other);
            beside.entry(other).or_default().insert(one);
        }
    }
    let mut same = BTreeMap::new();
    for first in beside.keys() {
        let mut waiting = if same.contains_key(*first) { Vec::new() } else { vec![*first] };
        while let Some(reference) = waiting.pop() {
            if same.insert(reference.to_owned(), (*first).to_owned()).is_none() {
                waiting.extend(beside.get(reference).into_iter().flatten());
            }
        }
    }
    same
}

/// All by which a component is known, whatever it is called in its document.
fn identities(component: &Value) -> impl Iterator<Item = String> {
    let purl = component.get("purl").and_then(Value::as_str).map(|purl| {
        let qualifiers = purl.find(['?', '#']).and_then(|at| purl.get(at..)).unwrap_or_default();
        format!("{}{qualifiers}", comparable(purl))
    });
    purl.into_iter().chain(digest_of(component).map(|digest| digest.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Release, merge};
    use countersign_core::digest::Sha256;
    use serde_json::{Value, json};

    /// How much is said to be known of what `x1` needs, where one part says of it what is given, and another lists `y` and `z` for `x2`.
    fn said(one: &Value, other: &Value, needs: &Value, claim: &Value) -> String {
        let part = |root: &str, things: &[&Value], dependencies: &Value, compositions: &Value| {
            let library = |name: &str| json!({"type": "library", "name": name, "bom-ref": name, "purl": format!("pkg:npm/{name}@1")});
            let things: Vec<Value> = things.iter().copied().cloned().chain(["y", "z"].map(library)).collect();
            let value = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
                "metadata": {"component": {"type": "application", "name": root, "bom-ref": root}},
                "components": things, "dependencies": dependencies, "compositions": compositions});
            Part { digest: Sha256::of(value.to_string().as_bytes()), value }
        };
        let more = json!([{"ref": "x2", "dependsOn": ["y", "z"]}]);
        let parts = vec![part("a", &[one], needs, claim), part("b", &[other], &more, &json!([]))];
        let release = Release { name: "r".to_owned(), version: "1".to_owned(), time: None };
        let document = merge(parts, &release).unwrap().document;
        let is = |entry: &&Value| entry["dependencies"].as_array().is_some_and(|all| all.contains(&json!("x1")));
        let entry = document["compositions"].as_array().unwrap().iter().find(is).unwrap();
        entry["aggregate"].as_str().unwrap().to_owned()
    }

    fn thing(reference: &str, more: &Value) -> Value {
        let mut thing = json!({"type": "library", "name": "x", "bom-ref": reference});
        thing.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        thing
    }

    #[test]
    fn one_thing_is_known_by_its_package_url_however_spelled_by_its_digest_and_wherever_it_lies() {
        let claim = json!([{"aggregate": "complete", "dependencies": ["x1"]}]);
        let needs = json!([{"ref": "x1", "dependsOn": ["y"]}]);
        let of = |one: &Value, other: &Value| said(&thing("x1", one), &thing("x2", other), &needs, &claim);
        let purl = |purl: &str| json!({ "purl": purl });
        let hashed = json!({"hashes": [{"alg": "SHA-256", "content": "c".repeat(64)}]});
        let mut both = hashed.clone();
        both["purl"] = json!("pkg:npm/x@1");
        assert_eq!(of(&purl("pkg:pypi/Foo_x@1"), &purl("pkg:pypi/foo-x@1")), "unknown");
        assert_eq!(of(&both, &hashed), "unknown");
        assert_eq!(of(&purl("pkg:npm/x@1"), &purl("pkg:npm/x@2")), "complete");
        assert_eq!(of(&purl("pkg:npm/x@1?repository_url=https://r"), &purl("pkg:npm/x@1")), "complete");
        let x = |reference: &str| thing(reference, &purl("pkg:npm/x@1"));
        let outer = json!({"type": "library", "name": "o", "bom-ref": "o", "components": [x("x1")]});
        assert_eq!(said(&outer, &x("x2"), &needs, &claim), "unknown");
    }

    #[test]
    fn a_claim_of_the_whole_document_and_one_without_a_list_are_doubted_too() {
        let x = |reference: &str| thing(reference, &json!({"purl": "pkg:npm/x@1"}));
        let of = |needs: &Value, claim: &Value| said(&x("x1"), &x("x2"), needs, claim);
        let needs = |to: &[&str]| json!([{"ref": "x1", "dependsOn": to}]);
        let whole = json!([{"aggregate": "complete"}]);
        assert_eq!(of(&needs(&["y"]), &whole), "unknown");
        assert_eq!(of(&needs(&["y", "z"]), &whole), "complete");
        let named = json!([{"aggregate": "complete", "dependencies": ["x1"]}]);
        assert_eq!(of(&json!([]), &named), "unknown");
        let own = json!([{"aggregate": "incomplete"}, {"aggregate": "complete", "dependencies": ["x1"]}]);
        assert_eq!(of(&needs(&["y"]), &own), "unknown");
        let open = json!([{"aggregate": "incomplete", "dependencies": ["x1"]}]);
        assert_eq!(of(&needs(&["y"]), &open), "incomplete");
    }
}
