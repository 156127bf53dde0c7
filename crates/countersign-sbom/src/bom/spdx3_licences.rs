//! Licences of SPDX 3.0, as the expressions that they are: an element for each, and for each set of them.

use super::DocumentError;
use super::json::{bounded, text};
use super::spdx3::{Element, Elements, kind, references};
use countersign_core::{digest::Sha256, limits};
use serde_json::Value;

/// How deep sets may lie within sets, and how many licences one expression may have.
const DEEP: usize = 8;
const MOST: usize = 200;

/// A licence in words. Nothing where there is none, or none that is known; what is not read is called by its own reference.
pub(super) fn words(id: &str, elements: &Elements<'_>) -> Result<Option<String>, DocumentError> {
    let individual = ["NoAssertion", "None", "NoAssertionLicense", "NoneLicense", "NoAssertionElement", "NoneElement"];
    if !elements.contains_key(id) && id.rsplit(['/', ':']).next().is_some_and(|word| individual.contains(&word)) {
        return Ok(None);
    }
    let mut left = MOST;
    let found = expression(id, elements, DEEP, &mut left)?;
    Ok(Some(found.filter(|text| text.len() <= limits::SBOM_TEXT_BYTES).unwrap_or_else(|| id.to_owned())))
}

fn expression(
    id: &str,
    elements: &Elements<'_>,
    deep: usize,
    left: &mut usize,
) -> Result<Option<String>, DocumentError> {
    // One of SPDX's own list is named by its address there, whether or not the document has it as an element.
    if let Some(listed) = listed(id) {
        return Ok(Some(listed.to_owned()));
    }
    let (Some(found), Some(deeper), Some(rest)) = (elements.get(id), deep.checked_sub(1), left.checked_sub(1)) else {
        return Ok(None);
    };
    *left = rest;
    let mut inner = |key: &str| -> Result<Option<Vec<String>>, DocumentError> {
        let mut all = Vec::new();
        for id in references(found, key)? {
            let Some(one) = expression(id, elements, deeper, left)? else { return Ok(None) };
            all.push(one);
        }
        Ok((!all.is_empty()).then_some(all))
    };
    let join = |all: Vec<String>, word: &str| {
        let one = |text: String| if text.contains(' ') { format!("({text})") } else { text };
        match <[String; 1]>::try_from(all) {
            Ok([only]) => only,
            Err(all) => all.into_iter().map(one).collect::<Vec<_>>().join(word),
        }
    };
    Ok(match kind(found)? {
        "expandedlicensing_DisjunctiveLicenseSet" => inner("expandedlicensing_member")?.map(|all| join(all, " OR ")),
        "expandedlicensing_ConjunctiveLicenseSet" => inner("expandedlicensing_member")?.map(|all| join(all, " AND ")),
        "expandedlicensing_OrLaterOperator" => inner("expandedlicensing_subjectLicense")?.map(|all| {
            let text = all.concat();
            text.strip_suffix("-only").map_or_else(|| format!("{text}+"), |stem| format!("{stem}-or-later"))
        }),
        "expandedlicensing_WithAdditionOperator" => {
            let subject = inner("expandedlicensing_subjectExtendableLicense")?.map(|all| all.concat());
            let addition = references(found, "expandedlicensing_subjectAddition")?.into_iter().next();
            let named = |id: &str| match id.split_once("spdx.org/licenses/") {
                Some((_, name)) => Ok(Some(name.to_owned())),
                None => elements.get(id).map(own).transpose().map(Option::flatten),
            };
            let addition = addition.map(named).transpose()?.flatten();
            subject.zip(addition).map(|(subject, addition)| format!("{subject} WITH {addition}"))
        }
        _ => own(found)?,
    })
}

/// What an element says of itself: its expression or name, else its text.
fn own(element: &Element<'_>) -> Result<Option<String>, DocumentError> {
    let said = element.map.get("simplelicensing_licenseExpression").or_else(|| element.map.get("name"));
    if let Some(said) = said {
        return Ok(Some(bounded(said, || element.at.clone())?.to_owned()));
    }
    let texts = ["simplelicensing_licenseText", "expandedlicensing_additionText"];
    let wording = texts.iter().find_map(|key| element.map.get(*key)).and_then(Value::as_str);
    Ok(match wording {
        Some(wording) if wording.len() > limits::SBOM_TEXT_BYTES => {
            Some(format!("a licence text, {}", Sha256::of(wording.as_bytes())))
        }
        Some(wording) => Some(wording.to_owned()),
        None => text(element.map, "summary", &element.at)?.map(str::to_owned),
    })
}

/// The identifier of a licence in SPDX's own list, by its address.
fn listed(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    rest.strip_prefix("spdx.org/licenses/").filter(|name| crate::inventory::is_spdx(name))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    fn of(licence: &Value, more: &[Value]) -> Vec<String> {
        let mut element = licence.as_object().unwrap().clone();
        element.insert("spdxId".to_owned(), json!("l"));
        let mut graph = vec![json!({"type": "software_Package", "spdxId": "a", "name": "a"}), Value::Object(element)];
        graph.push(json!({"type": "Relationship", "spdxId": "r", "from": "a", "relationshipType": "hasDeclaredLicense", "to": ["l"]}));
        graph.extend_from_slice(more);
        let bom = super::super::spdx3::read(&json!({"@context": "x", "@graph": graph})).unwrap();
        bom.items[0].declared.iter().cloned().collect()
    }

    #[test]
    fn sets_operators_and_texts_are_licences() {
        let address = |name: &str| format!("https://spdx.org/licenses/{name}");
        let set = |kind: &str, members: &[&str]| {
            let members: Vec<String> = members.iter().map(|name| address(name)).collect();
            json!({"type": format!("expandedlicensing_{kind}"), "expandedlicensing_member": members})
        };
        assert_eq!(of(&set("DisjunctiveLicenseSet", &["MIT", "Apache-2.0"]), &[]), ["MIT OR Apache-2.0"]);
        assert_eq!(of(&set("ConjunctiveLicenseSet", &["MIT", "GPL-3.0-only"]), &[]), ["MIT AND GPL-3.0-only"]);
        let later = |name: &str| json!({"type": "expandedlicensing_OrLaterOperator", "expandedlicensing_subjectLicense": address(name)});
        assert_eq!(of(&later("GPL-2.0-only"), &[]), ["GPL-2.0-or-later"]);
        let mut nested = set("DisjunctiveLicenseSet", &["MIT", "ISC"]);
        nested["spdxId"] = json!("n");
        let outer = json!({"type": "expandedlicensing_ConjunctiveLicenseSet", "expandedlicensing_member": ["n", address("Zlib")]});
        assert_eq!(of(&outer, &[nested]), ["(MIT OR ISC) AND Zlib"]);
        let with = json!({"type": "expandedlicensing_WithAdditionOperator",
            "expandedlicensing_subjectExtendableLicense": address("GPL-2.0-only"),
            "expandedlicensing_subjectAddition": address("Classpath-exception-2.0")});
        assert_eq!(of(&with, &[]), ["GPL-2.0-only WITH Classpath-exception-2.0"]);
        let text =
            |text: &str| json!({"type": "simplelicensing_SimpleLicensingText", "simplelicensing_licenseText": text});
        assert_eq!(of(&text("Do as you like."), &[]), ["Do as you like."]);
        assert!(of(&text(&"x".repeat(9_000)), &[])[0].starts_with("a licence text, sha256:"));
    }

    #[test]
    fn what_is_not_read_is_called_by_its_reference() {
        let circle = json!({"type": "expandedlicensing_ConjunctiveLicenseSet", "expandedlicensing_member": ["l", "l"]});
        assert_eq!(of(&circle, &[]), ["l"]);
        assert_eq!(of(&json!({"type": "expandedlicensing_CustomLicense"}), &[]), ["l"]);
    }
}
