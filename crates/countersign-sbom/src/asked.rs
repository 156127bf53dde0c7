//! Features that are asked for by `DEPENDENCY/FEATURE` or `DEPENDENCY?/FEATURE`. Cargo takes such a one as a feature of the package
//! would have it; so each package of the workspace with that dependency gets, in Cargo's answer, a feature that has
//! nothing else in it. Its name is in no document. Touches no disk.

use crate::CargoRequest;
use serde_json::{Value, json};
use std::borrow::Cow;

/// No feature of anybody's begins so: Cargo takes no space in a name.
const BEGIN: &str = "asked for: ";

/// The features that were asked for, one by one.
pub(crate) fn features(request: &CargoRequest) -> impl Iterator<Item = &str> {
    request.features.iter().flat_map(|text| text.split([',', ' '])).filter(|name| !name.is_empty())
}

/// Those among them that are of another package, or named with their own.
pub(crate) fn with_package(request: &CargoRequest) -> Vec<&str> {
    features(request).filter(|name| name.contains('/')).collect()
}

/// What the feature is called that stands for one of a dependency.
pub(crate) fn label(feature: &str) -> String {
    format!("{BEGIN}{feature}")
}

/// What was asked for, where the name is such a one.
pub(crate) fn unlabelled(name: &str) -> &str {
    name.strip_prefix(BEGIN).unwrap_or(name)
}

/// Whether a feature is the package's own.
pub(crate) fn is_own(name: &str) -> bool {
    !name.starts_with(BEGIN)
}

/// Cargo's answer with those features.
pub(crate) fn applied<'t>(text: Cow<'t, str>, request: &CargoRequest) -> Cow<'t, str> {
    let asked = with_package(request);
    if asked.is_empty() {
        return text;
    }
    // What cannot be read is told by whoever reads it next.
    let Ok(mut answer) = serde_json::from_str::<Value>(&text) else { return text };
    let members = answer.get("workspace_members").and_then(Value::as_array).cloned().unwrap_or_default();
    let packages = answer.get_mut("packages").and_then(Value::as_array_mut);
    for package in packages.into_iter().flatten() {
        if !package.get("id").is_some_and(|id| members.contains(id)) {
            continue;
        }
        let has = |name: &str| {
            let own = |one: &Value| {
                let renamed = one.get("rename").and_then(Value::as_str);
                renamed.or_else(|| one.get("name").and_then(Value::as_str)) == Some(name)
            };
            package.get("dependencies").and_then(Value::as_array).is_some_and(|all| all.iter().any(own))
        };
        let of = |feature: &&&str| feature.split_once('/').is_some_and(|(name, _)| has(name.trim_end_matches('?')));
        let wanted: Vec<&str> = asked.iter().filter(of).copied().collect();
        if let Some(features) = package.get_mut("features").and_then(Value::as_object_mut) {
            features.extend(wanted.into_iter().map(|feature| (label(feature), json!([feature]))));
        }
    }
    Cow::Owned(answer.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_with_that_dependency_get_such_a_feature() {
        let package = |id: &str, name: &str, rename: Option<&str>| json!({"id": id, "features": {}, "dependencies": [{"name": name, "rename": rename}]});
        let text = json!({"workspace_members": ["a", "b"], "packages": [
            package("a", "o", None), package("b", "x", Some("o")), package("c", "o", None), package("a", "o", Some("p"))]});
        let request = CargoRequest { features: vec!["f o?/x,q/y".to_owned()], ..CargoRequest::new(".") };
        let text = text.to_string();
        let answer: Value = serde_json::from_str(&applied(Cow::Borrowed(&text), &request)).unwrap();
        let count = |place: usize| answer["packages"][place]["features"].as_object().unwrap().len();
        assert_eq!([count(0), count(1), count(2), count(3)], [1, 1, 0, 0]);
        assert_eq!(answer["packages"][0]["features"]["asked for: o?/x"], json!(["o?/x"]));
        let none = CargoRequest::new(".");
        assert!(matches!(applied(Cow::Borrowed(&text), &none), Cow::Borrowed(_)));
    }
}
