//! CycloneDX 1.2 to 1.7.

use super::json::{Counts, Object, bounded, digest, inner, list, object, shape, text};
use super::{About, Bom, DocumentError, File, Format, Item, Scope};
use serde_json::Value;
use std::collections::BTreeSet;

/// By which a component of ours says that its code is in the artifact.
pub(super) const LINKED: &str = "countersign:linked";
const RUNS_AT_BUILD: &str = "countersign:runs-at-build";

pub(super) fn read(value: &Value, format: Format) -> Result<Bom, DocumentError> {
    let document = object(value, "")?;
    let metadata = inner(document, "metadata", "")?;
    let mut bom = Bom::of(format);
    let mut counts = Counts::default();
    if let Some(metadata) = metadata {
        bom.about = about(metadata)?;
        if let Some(component) = metadata.get("component") {
            let mut read = components(vec![(component, "/metadata/component".to_owned(), None)], None, &mut counts)?;
            if !read.is_empty() {
                bom.root = Some(read.remove(0));
            }
            bom.items = read;
        }
    }
    bom.about.serial = text(document, "serialNumber", "")?.map(str::to_owned);
    let listed = list(document, "components", "")?;
    let listed = listed.into_iter().map(|(value, at)| (value, at, None)).collect();
    bom.items.extend(components(listed, bom.root.as_ref(), &mut counts)?);
    services(list(document, "services", "")?, &mut bom, &mut counts)?;
    for (value, at) in list(document, "dependencies", "")? {
        let map = object(value, &at)?;
        let from = text(map, "ref", &at)?.ok_or_else(|| shape(&at, "a dependency with a `ref`"))?;
        let to = bom.edges.entry(from.to_owned()).or_default();
        for key in ["dependsOn", "provides"] {
            for (target, at) in list(map, key, &at)? {
                counts.edge(&at)?;
                let target = bounded(target, || at.clone())?;
                if key == "dependsOn" {
                    to.insert(target.to_owned());
                }
            }
        }
    }
    compositions(document, &mut bom)?;
    for (value, at) in list(document, "vulnerabilities", "")? {
        for (affected, at) in list(object(value, &at)?, "affects", &at)? {
            bom.named.extend(text(object(affected, &at)?, "ref", &at)?.map(str::to_owned));
        }
    }
    let mut subjects: BTreeSet<&str> = BTreeSet::new();
    for (value, at) in list(document, "annotations", "")? {
        for (subject, at) in list(object(value, &at)?, "subjects", &at)? {
            subjects.insert(bounded(subject, || at.clone())?);
        }
    }
    // What goes on within `formulation` is no part of the view, and may be spoken of.
    if let (false, Some(formulation)) = (subjects.is_empty(), document.get("formulation")) {
        for name in names_in(formulation) {
            subjects.remove(name);
        }
    }
    bom.named.extend(subjects.into_iter().map(str::to_owned));
    references(document, &mut bom, &mut counts)?;
    Ok(bom)
}

/// Every reference that something has which lies in a value.
fn names_in(value: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(list) => waiting.extend(list),
            Value::Object(map) => {
                found.extend(map.get("bom-ref").and_then(Value::as_str));
                waiting.extend(map.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    found
}

/// What is said of how much is listed. Where two entries speak of one component, the one that claims less counts; one without a
/// reference is of the whole document, and of whatever has no entry of its own.
fn compositions(document: &Object, bom: &mut Bom) -> Result<(), DocumentError> {
    let mut whole: Option<&str> = None;
    for (value, at) in list(document, "compositions", "")? {
        let map = object(value, &at)?;
        let aggregate = text(map, "aggregate", &at)?.unwrap_or("unknown");
        let mut of_all = true;
        for key in ["assemblies", "dependencies", "vulnerabilities"] {
            for (target, at) in list(map, key, &at)? {
                of_all = false;
                let target = bounded(target, || at.clone())?;
                if key == "dependencies" {
                    let known =
                        bom.aggregates.get(target).map_or(aggregate, |known| weaker(known, aggregate)).to_owned();
                    bom.aggregates.insert(target.to_owned(), known);
                }
                bom.named.insert(target.to_owned());
            }
        }
        if of_all {
            whole = Some(whole.map_or(aggregate, |known| weaker(known, aggregate)));
        }
    }
    if let Some(whole) = whole {
        let all: Vec<String> = bom.all().map(|item| item.reference.clone()).collect();
        for reference in all {
            bom.aggregates.entry(reference).or_insert_with(|| whole.to_owned());
        }
    }
    Ok(())
}

/// Of two words on how much is listed the one that claims less.
fn weaker<'w>(one: &'w str, other: &'w str) -> &'w str {
    let claims = |word: &str| match word {
        "complete" => 3,
        "not_specified" => 2,
        _ if word.starts_with("incomplete") => 0,
        _ => 1,
    };
    if claims(other) < claims(one) { other } else { one }
}

/// What else has a reference: no other may have the same. Of `formulation` the specification's own examples do not hold to that.
/// A stack, not recursion, and a place is put together only for what is refused.
fn references(document: &Object, bom: &mut Bom, counts: &mut Counts) -> Result<(), DocumentError> {
    /// What lies where: the place of what it lies in, its key, and whether its own reference was taken note of.
    struct Place<'v> {
        outer: usize,
        key: Result<&'v str, usize>,
        known: bool,
    }
    let mut places: Vec<Place<'_>> = Vec::new();
    let mut waiting: Vec<(&Value, usize)> = Vec::new();
    let listed = |key: &str| matches!(key, "components" | "services");
    for (key, value) in document.iter().filter(|(key, _)| *key != "formulation") {
        waiting.push((value, places.len()));
        places.push(Place { outer: usize::MAX, key: Ok(key), known: listed(key) });
    }
    while let Some((value, own)) = waiting.pop() {
        let (known, metadata) = places
            .get(own)
            .map_or((false, false), |place| (place.known, place.outer == usize::MAX && place.key == Ok("metadata")));
        let inner: Vec<(Result<&str, usize>, &Value, bool)> = match value {
            Value::Array(list) => list.iter().enumerate().map(|(place, value)| (Err(place), value, known)).collect(),
            Value::Object(map) => {
                if let (false, Some(reference)) = (known, map.get("bom-ref").and_then(Value::as_str)) {
                    let mut at = vec!["bom-ref".to_owned()];
                    let mut place = places.get(own);
                    while let Some(step) = place {
                        at.push(step.key.as_ref().map_or_else(ToString::to_string, |&key| key.to_owned()));
                        place = places.get(step.outer);
                    }
                    at.push(String::new());
                    at.reverse();
                    counts.reference(reference, &at.join("/"))?;
                    bom.others.insert(reference.to_owned());
                }
                let known = |key: &str| (known && listed(key)) || (metadata && key == "component");
                map.iter().map(|(key, value)| (Ok(key.as_str()), value, known(key))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => continue,
        };
        for (key, value, known) in inner.into_iter().filter(|(_, value, _)| value.is_array() || value.is_object()) {
            waiting.push((value, places.len()));
            places.push(Place { outer: own, key, known });
        }
    }
    Ok(())
}

fn about(metadata: &Object) -> Result<About, DocumentError> {
    let at = "/metadata";
    let mut about = About { time: text(metadata, "timestamp", at)?.map(str::to_owned), ..About::default() };
    match metadata.get("tools") {
        Some(Value::Object(tools)) => {
            for key in ["components", "services"] {
                for (tool, at) in list(tools, key, "/metadata/tools")? {
                    about.tools.extend(tool_name(object(tool, &at)?, &at)?);
                }
            }
        }
        Some(_) => {
            for (tool, at) in list(metadata, "tools", at)? {
                about.tools.extend(tool_name(object(tool, &at)?, &at)?);
            }
        }
        None => {}
    }
    for (author, at) in list(metadata, "authors", at)? {
        let author = object(author, &at)?;
        about.authors.extend(text(author, "name", &at)?.or(text(author, "email", &at)?).map(str::to_owned));
    }
    for key in ["manufacturer", "manufacture", "supplier"] {
        if let Some(organisation) = inner(metadata, key, at)? {
            about.authors.extend(text(organisation, "name", &format!("{at}/{key}"))?.map(str::to_owned));
        }
    }
    for (phase, at) in list(metadata, "lifecycles", at)? {
        let phase = object(phase, &at)?;
        about.phases.extend(text(phase, "phase", &at)?.or(text(phase, "name", &at)?).map(str::to_owned));
    }
    Ok(about)
}

fn tool_name(tool: &Object, at: &str) -> Result<Option<String>, DocumentError> {
    let name = text(tool, "name", at)?.or(text(tool, "vendor", at)?);
    let version = text(tool, "version", at)?;
    Ok(name.map(|name| version.map_or_else(|| name.to_owned(), |version| format!("{name} {version}"))))
}

type Waiting<'v> = (&'v Value, String, Option<String>);

/// Components and all that lie in them, each before those inside it. A stack, not recursion.
fn components(listed: Vec<Waiting<'_>>, root: Option<&Item>, counts: &mut Counts) -> Result<Vec<Item>, DocumentError> {
    let mut read = Vec::new();
    let mut waiting = listed;
    waiting.reverse();
    while let Some((value, at, inside)) = waiting.pop() {
        counts.component(&at)?;
        let map = object(value, &at)?;
        let mut item = component(map, &at)?;
        item.inside = inside;
        let nested = list(map, "components", &at)?;
        let own = item.reference.clone();
        // Some tools list what the document is about once more: the same again is no second one.
        let again = root.is_some_and(|root| root.reference == own && same(root, &item));
        if !again {
            counts.reference(&own, &at)?;
            read.push(item);
        }
        waiting.extend(nested.into_iter().rev().map(|(value, at)| (value, at, Some(own.clone()))));
    }
    Ok(read)
}

fn same(a: &Item, b: &Item) -> bool {
    (&a.name, &a.version, &a.purl, &a.hashes) == (&b.name, &b.version, &b.purl, &b.hashes)
}

fn component(map: &Object, at: &str) -> Result<Item, DocumentError> {
    let kind = text(map, "type", at)?.ok_or_else(|| shape(at, "a component with a `type`"))?;
    let own = text(map, "name", at)?.unwrap_or_default();
    let name = match text(map, "group", at)? {
        Some(group) => format!("{group}/{own}"),
        None => own.to_owned(),
    };
    let reference = match map.get("bom-ref") {
        Some(_) => {
            text(map, "bom-ref", at)?.ok_or_else(|| shape(&format!("{at}/bom-ref"), "a text that is not empty"))?
        }
        None => at,
    };
    let mut item = Item {
        reference: reference.to_owned(),
        kind: kind.to_owned(),
        name,
        version: text(map, "version", at)?.map(str::to_owned),
        purl: text(map, "purl", at)?.map(str::to_owned),
        supplier: supplier(map, at)?,
        scope: scope(map, at)?,
        ..Item::default()
    };
    hashes(map, at, &mut item)?;
    for (reference, at) in list(map, "externalReferences", at)? {
        let reference = object(reference, &at)?;
        if text(reference, "type", &at)? == Some("distribution") {
            // A reference may carry a data URL of any length: only its address is kept, if it is one.
            let url = reference.get("url").and_then(Value::as_str).filter(|url| url.len() <= 2_048);
            let mut file = Item::default();
            hashes(reference, &at, &mut file)?;
            item.files.push(File { url: url.map(str::to_owned), hashes: file.hashes });
        }
    }
    licences(map, at, &mut item)?;
    for (property, at) in list(map, "properties", at)? {
        let property = object(property, &at)?;
        let (Some(name), Some(value)) = (text(property, "name", &at)?, property.get("value").and_then(Value::as_str))
        else {
            continue;
        };
        match (name, value) {
            (LINKED, value) => item.linked = Some(value == "true"),
            (RUNS_AT_BUILD, "true") => item.linked = item.linked.or(Some(false)),
            _ => {}
        }
        if value.len() <= countersign_core::limits::SBOM_TEXT_BYTES {
            item.properties.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(item)
}

fn scope(map: &Object, at: &str) -> Result<Scope, DocumentError> {
    match text(map, "scope", at)? {
        None | Some("required") => Ok(Scope::Required),
        Some("optional") => Ok(Scope::Optional),
        Some("excluded") => Ok(Scope::Excluded),
        Some(_) => Err(shape(&format!("{at}/scope"), "`required`, `optional` or `excluded`")),
    }
}

fn supplier(map: &Object, at: &str) -> Result<Option<String>, DocumentError> {
    for key in ["supplier", "manufacturer"] {
        if let Some(organisation) = inner(map, key, at)?
            && let Some(name) = text(organisation, "name", &format!("{at}/{key}"))?
        {
            return Ok(Some(name.to_owned()));
        }
    }
    for (author, at) in list(map, "authors", at)? {
        if let Some(name) = text(object(author, &at)?, "name", &at)? {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(text(map, "publisher", at)?.or(text(map, "author", at)?).map(str::to_owned))
}

fn hashes(map: &Object, at: &str, item: &mut Item) -> Result<(), DocumentError> {
    for (hash, at) in list(map, "hashes", at)? {
        let hash = object(hash, &at)?;
        let algorithm = text(hash, "alg", &at)?.ok_or_else(|| shape(&at, "a hash with an `alg`"))?;
        let content = text(hash, "content", &at)?.ok_or_else(|| shape(&at, "a hash with a `content`"))?;
        item.hashes.insert(algorithm.to_owned(), digest(content));
    }
    Ok(())
}

fn licences(map: &Object, at: &str, item: &mut Item) -> Result<(), DocumentError> {
    for (choice, at) in list(map, "licenses", at)? {
        let choice = object(choice, &at)?;
        if let Some(expression) = text(choice, "expression", &at)? {
            item.licences.insert(expression.to_owned());
        }
        if let Some(licence) = inner(choice, "license", &at)? {
            let at = format!("{at}/license");
            item.licences.extend(text(licence, "id", &at)?.or(text(licence, "name", &at)?).map(str::to_owned));
        }
    }
    Ok(())
}

fn services(listed: Vec<(&Value, String)>, bom: &mut Bom, counts: &mut Counts) -> Result<(), DocumentError> {
    let mut waiting = listed;
    while let Some((value, at)) = waiting.pop() {
        counts.component(&at)?;
        let map = object(value, &at)?;
        if let Some(reference) = text(map, "bom-ref", &at)? {
            counts.reference(reference, &at)?;
            bom.others.insert(reference.to_owned());
        }
        waiting.extend(list(map, "services", &at)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(more: Value) -> Result<Bom, DocumentError> {
        let mut value = json!({"metadata": {"component": {"type": "application", "name": "x", "bom-ref": "x"}},
            "components": [{"type": "library", "name": "a", "bom-ref": "a"}]});
        let Value::Object(more) = more else { panic!("{more}") };
        value.as_object_mut().unwrap().extend(more);
        read(&value, Format::CycloneDx("1.6"))
    }

    #[test]
    fn no_two_things_of_any_kind_have_one_reference() {
        for (more, place) in [
            (json!({"vulnerabilities": [{"bom-ref": "v"}, {"bom-ref": "v"}]}), "/vulnerabilities/"),
            (json!({"vulnerabilities": [{"bom-ref": "a"}]}), "/vulnerabilities/0/bom-ref"),
            (json!({"annotations": [{"bom-ref": "x"}]}), "/annotations/0/bom-ref"),
            (
                json!({"metadata": {"tools": {"components": [{"type": "application", "name": "t", "bom-ref": "a"}]}}}),
                "/metadata/tools/components/0/bom-ref",
            ),
            (
                json!({"components": [{"type": "library", "name": "a", "bom-ref": "a", "licenses": [
                {"license": {"bom-ref": "a", "id": "MIT"}}]}]}),
                "/components/0/licenses/0/license/bom-ref",
            ),
        ] {
            let error = of(more).unwrap_err().to_string();
            assert!(error.starts_with(place) && error.contains("is already taken"), "{error}");
        }
        let own = json!({"formulation": [{"bom-ref": "w", "workflows": [{"bom-ref": "w"}]}],
            "services": [{"name": "s", "bom-ref": "s", "services": [{"name": "t", "bom-ref": "t"}]}],
            "vulnerabilities": [{"bom-ref": "v"}, {"bom-ref": "w"}]});
        assert!(of(own).is_ok());
    }

    #[test]
    fn of_two_words_on_how_much_is_listed_the_weaker_counts_and_one_without_references_is_of_all() {
        let of = |compositions: Value| {
            let bom = of(json!({"compositions": compositions, "dependencies": [{"ref": "x"}, {"ref": "a"}]})).unwrap();
            let known = ["x", "a"].map(|of| bom.aggregates.get(of).cloned().unwrap_or_default());
            (known.join(" "), bom.without_all_dependencies().count())
        };
        let told = |known: &str, without| (known.to_owned(), without);
        let complete = json!({"aggregate": "complete", "dependencies": ["x", "a"]});
        let partly = json!({"aggregate": "incomplete", "dependencies": ["a"]});
        let whole = json!({"aggregate": "unknown"});
        assert_eq!(of(json!([complete, partly])), told("complete incomplete", 1));
        assert_eq!(of(json!([partly, complete])), told("complete incomplete", 1));
        assert_eq!(of(json!([whole])), told("unknown unknown", 2));
        assert_eq!(of(json!([whole, partly])), told("unknown incomplete", 2));
        assert_eq!(of(json!([{"aggregate": "complete"}, whole])), told("unknown unknown", 2));
        assert_eq!(of(json!([whole, complete])), told("complete complete", 0));
        assert_eq!(of(json!([{"aggregate": "incomplete", "vulnerabilities": ["a"]}])), told(" ", 0));
    }

    #[test]
    fn what_a_vulnerability_a_composition_or_an_annotation_names_and_nothing_is_dangles() {
        let bom =
            of(json!({"vulnerabilities": [{"bom-ref": "v", "affects": [{"ref": "gone"}, {"ref": "urn:cdx:x/1#a"}]}],
            "compositions": [{"aggregate": "complete", "assemblies": ["x", "lost"], "vulnerabilities": ["v"]}],
            "annotations": [{"bom-ref": "n", "subjects": ["a", "v", "task", "nowhere"]}],
            "formulation": [{"workflows": [{"bom-ref": "task"}]}]}));
        assert_eq!(bom.unwrap().dangling(), ["gone", "lost", "nowhere"].into());
    }
}
