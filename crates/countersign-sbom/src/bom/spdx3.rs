//! SPDX 3.0 as JSON-LD with SPDX's own context: a list of elements that name each other.

use super::json::{Counts, Made, Object, bounded, digest, list, object, shape, text};
use super::needs::Needs;
use super::spdx2::algorithm_of;
use super::spdx3_licences;
use super::{Bom, DocumentError, File, Format, Item, OWN_LICENCE, Scope};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Element<'v> {
    pub(super) map: &'v Object,
    pub(super) at: String,
}

pub(super) type Elements<'v> = BTreeMap<&'v str, Element<'v>>;

/// Of each package the licences, whether somebody concluded them, and what is meant by those of the document's own.
#[derive(Default)]
struct Licences {
    said: BTreeMap<String, BTreeSet<(String, bool)>>,
    meant: BTreeMap<String, BTreeSet<String>>,
    made: Made,
}

pub(super) fn read(value: &Value) -> Result<Bom, DocumentError> {
    let document = object(value, "")?;
    let mut bom = Bom::of(Format::Spdx3);
    let mut counts = Counts::default();
    let listed =
        if document.contains_key("@graph") { list(document, "@graph", "")? } else { vec![(value, String::new())] };
    let mut elements: Elements<'_> = BTreeMap::new();
    let mut order = Vec::new();
    for (value, at) in listed {
        let map = object(value, &at)?;
        let id = text(map, "spdxId", &at)?.or(text(map, "@id", &at)?);
        if let Some(id) = id {
            counts.reference(id, &at)?;
            order.push(id);
            elements.insert(id, Element { map, at });
        }
    }
    let mut described = BTreeSet::new();
    for id in &order {
        let Some(element) = elements.get(id) else { continue };
        // By whom and when it was made stands elsewhere, where it is only named.
        if let Some(name) = element.map.get("creationInfo").filter(|info| info.is_string()) {
            bom.named.insert(bounded(name, || element.at.clone())?.to_owned());
        }
        match kind(element)? {
            "software_Package" | "ai_AIPackage" | "dataset_DatasetPackage" => {
                counts.component(&element.at)?;
                bom.items.push(package(id, element, &elements)?);
            }
            "SpdxDocument" | "software_Sbom" | "Bom" => {
                for root in references(element, "rootElement")? {
                    described.insert(root.to_owned());
                }
                bom.others.insert((*id).to_owned());
                creation(element, &elements, &mut bom)?;
            }
            _ => {
                bom.others.insert((*id).to_owned());
            }
        }
    }
    let mut needs = Needs::default();
    let mut licences = Licences::default();
    let mut words = spdx3_licences::Words::of(&elements);
    for id in &order {
        let Some(element) = elements.get(id) else { continue };
        if matches!(kind(element)?, "Relationship" | "LifecycleScopedRelationship") {
            relationship(element, &elements, &mut bom, &mut needs, &mut counts)?;
            licensed(element, &mut words, &mut licences)?;
        }
    }
    completeness(&elements, &order, &mut bom)?;
    for item in &mut bom.items {
        for (licence, concluded) in licences.said.remove(&item.reference).unwrap_or_default() {
            item.take_licence(&licence, concluded);
        }
        let meant = licences.meant.remove(&item.reference).unwrap_or_default();
        item.properties.extend(meant.into_iter().map(|text| (OWN_LICENCE.to_owned(), text)));
    }
    let mut roots = described.iter().filter(|id| !bom.others.contains(*id));
    if let (Some(only), None) = (roots.next(), roots.next())
        && let Some(place) = bom.items.iter().position(|item| item.reference == **only)
    {
        bom.root = Some(bom.items.remove(place));
    }
    needs.settle(&mut bom, &described);
    Ok(bom)
}

pub(super) fn kind<'v>(element: &Element<'v>) -> Result<&'v str, DocumentError> {
    Ok(text(element.map, "type", &element.at)?.or(text(element.map, "@type", &element.at)?).unwrap_or_default())
}

/// References under a key: one or several, each an id or an object that has one.
pub(super) fn references<'v>(element: &Element<'v>, key: &str) -> Result<Vec<&'v str>, DocumentError> {
    let id = |value: &'v Value| match value.as_object() {
        Some(map) => map.get("spdxId").or_else(|| map.get("@id")).and_then(Value::as_str),
        None => value.as_str(),
    };
    match element.map.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => {
            list.iter().map(|value| id(value).ok_or_else(|| shape(&element.at, "references to elements"))).collect()
        }
        Some(value) => Ok(id(value).into_iter().collect()),
    }
}

fn creation(element: &Element<'_>, elements: &Elements<'_>, bom: &mut Bom) -> Result<(), DocumentError> {
    let info = match element.map.get("creationInfo") {
        Some(Value::Object(map)) => Some(Element { map, at: format!("{}/creationInfo", element.at) }),
        Some(Value::String(id)) => {
            elements.get(id.as_str()).map(|found| Element { map: found.map, at: found.at.clone() })
        }
        _ => None,
    };
    let Some(info) = info else { return Ok(()) };
    if bom.about.time.is_none() {
        bom.about.time = text(info.map, "created", &info.at)?.map(str::to_owned);
    }
    for (key, tools) in [("createdBy", false), ("createdUsing", true)] {
        for id in references(&info, key)? {
            let found = elements.get(id);
            let name = found.map(|found| text(found.map, "name", &found.at)).transpose()?.flatten();
            let name = name.unwrap_or(id).to_owned();
            let machine = tools || found.is_some_and(|found| kind(found).is_ok_and(|kind| kind == "SoftwareAgent"));
            let names = if machine { &mut bom.about.tools } else { &mut bom.about.authors };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(())
}

fn package(id: &str, element: &Element<'_>, elements: &Elements<'_>) -> Result<Item, DocumentError> {
    let (map, at) = (element.map, element.at.as_str());
    let name = text(map, "name", at)?.ok_or_else(|| shape(at, "a package with a `name`"))?;
    let mut item = Item {
        reference: id.to_owned(),
        kind: match text(map, "software_primaryPurpose", at)?.unwrap_or("library") {
            "operatingSystem" => "operating-system",
            "deviceDriver" => "device-driver",
            other => other,
        }
        .to_owned(),
        name: name.to_owned(),
        version: text(map, "software_packageVersion", at)?.map(str::to_owned),
        purl: text(map, "software_packageUrl", at)?.map(str::to_owned),
        files: text(map, "software_downloadLocation", at)?
            .map(|url| File { url: Some(url.to_owned()), ..File::default() })
            .into_iter()
            .collect(),
        ..Item::default()
    };
    for (identifier, at) in list(map, "externalIdentifier", at)? {
        let identifier = object(identifier, &at)?;
        let name = || text(identifier, "identifier", &at).map(Option::into_iter);
        match text(identifier, "externalIdentifierType", &at)? {
            Some("packageUrl") => name()?.for_each(|purl| item.take_purl(purl)),
            Some("cpe23" | "cpe22") => name()?.for_each(|cpe| item.take_cpe(cpe)),
            _ => {}
        }
    }
    let words =
        [("copyright", "software_copyrightText"), ("description", "description"), ("website", "software_homePage")];
    item.take_words(map, words);
    for (method, at) in list(map, "verifiedUsing", at)? {
        let method = match method.as_str() {
            Some(id) => elements.get(id).map(|found| found.map),
            None => Some(object(method, &at)?),
        };
        let Some(method) = method else { continue };
        // A package verification code is made of the digests of files: it is no digest of the package.
        if text(method, "type", &at)? == Some("PackageVerificationCode") {
            continue;
        }
        if let (Some(algorithm), Some(value)) = (text(method, "algorithm", &at)?, text(method, "hashValue", &at)?) {
            item.hashes.insert(algorithm_of(algorithm), digest(value));
        }
    }
    for key in ["suppliedBy", "originatedBy"] {
        for id in references(element, key)? {
            let found = elements.get(id);
            let name = found.map(|found| text(found.map, "name", &found.at)).transpose()?.flatten();
            item.supplier = item.supplier.or_else(|| name.map(str::to_owned));
        }
    }
    Ok(item)
}

/// What SPDX has instead of an element: none, or none that is known.
fn individual(id: &str) -> Option<&'static str> {
    let word = id.strip_prefix("https://spdx.org/rdf/").map_or(id, |rest| rest.rsplit("/Core/").next().unwrap_or(rest));
    ["NoneElement", "NoAssertionElement"].into_iter().find(|known| word.trim_start_matches("spdx:Core/") == *known)
}

/// What is claimed of a list of dependencies, from the least on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Incomplete,
    Unknown,
    /// Nothing is said of it.
    Silent,
    Complete,
}

/// Whether all that something depends on is listed: where each of its relationships of dependency says so, and one of them is
/// `dependsOn`. What it contains, or needs for one stage, says nothing of what it depends on, unless that is not all.
fn completeness(elements: &Elements<'_>, order: &[&str], bom: &mut Bom) -> Result<(), DocumentError> {
    let mut said: BTreeMap<&str, (bool, Claim)> = BTreeMap::new();
    let mut listed = BTreeSet::new();
    for element in order.iter().filter_map(|id| elements.get(id)) {
        if !matches!(kind(element)?, "Relationship" | "LifecycleScopedRelationship") {
            continue;
        }
        let (map, at) = (element.map, element.at.as_str());
        let kind = text(map, "relationshipType", at)?.unwrap_or_default();
        let Some(from) = references(element, "from")?.into_iter().next().filter(|from| !bom.others.contains(*from))
        else {
            continue;
        };
        let within = matches!(kind, "contains" | "hasOptionalComponent");
        if !within
            && !matches!(
                kind,
                "dependsOn"
                    | "hasStaticLink"
                    | "hasDynamicLink"
                    | "hasOptionalDependency"
                    | "hasProvidedDependency"
                    | "hasPrerequisite"
            )
        {
            continue;
        }
        let of_what_runs = !within && runs(map, at)?;
        if of_what_runs {
            listed.insert(from);
        }
        let targets = references(element, "to")?;
        let unknown = targets.iter().any(|to| individual(to) == Some("NoAssertionElement"));
        let none = !unknown && targets.iter().any(|to| individual(to) == Some("NoneElement"));
        // Files and the like are no components: of a list that has some, not all is taken.
        let dropped = |to: &&str| bom.others.contains(*to) && individual(to).is_none();
        let cut = of_what_runs && targets.iter().any(dropped);
        let claim = match text(map, "completeness", at)? {
            _ if cut => Claim::Incomplete,
            Some("incomplete") => Claim::Incomplete,
            Some("complete") if !unknown => Claim::Complete,
            None if none => Claim::Complete,
            _ if within => continue,
            stated if of_what_runs && (unknown || stated.is_some()) => Claim::Unknown,
            _ => Claim::Silent,
        };
        // All of one stage is not all.
        if claim == Claim::Complete && !of_what_runs {
            continue;
        }
        let known = said.entry(from).or_insert((false, Claim::Complete));
        known.0 |= kind == "dependsOn";
        known.1 = known.1.min(claim);
    }
    for (from, (depends, claim)) in said {
        let aggregate = match claim {
            Claim::Incomplete => "incomplete",
            Claim::Unknown => "unknown",
            Claim::Complete if depends => "complete",
            Claim::Silent | Claim::Complete => continue,
        };
        bom.aggregates.insert(from.to_owned(), aggregate.to_owned());
    }
    let unsaid: Vec<String> = bom.edges.keys().filter(|from| !listed.contains(from.as_str())).cloned().collect();
    for from in unsaid {
        bom.aggregates.entry(from).or_insert_with(|| "unknown".to_owned());
    }
    Ok(())
}

/// Whether a relationship is of what runs, or of no stage of a life in particular.
fn runs(map: &Object, at: &str) -> Result<bool, DocumentError> {
    Ok(matches!(text(map, "scope", at)?, None | Some("runtime")))
}

fn relationship(
    element: &Element<'_>,
    elements: &Elements<'_>,
    bom: &mut Bom,
    needs: &mut Needs,
    counts: &mut Counts,
) -> Result<(), DocumentError> {
    let (map, at) = (element.map, element.at.as_str());
    let Some(from) = references(element, "from")?.into_iter().next() else {
        return Err(shape(at, "a relationship with `from`"));
    };
    let targets = references(element, "to")?;
    let kind = text(map, "relationshipType", at)?.ok_or_else(|| shape(at, "a relationship with a type"))?;
    let scope = match (kind, text(map, "scope", at)?) {
        (_, Some("build" | "development" | "test" | "design"))
        | ("hasTest" | "hasTestCase", _)
        | ("usesTool", None) => Scope::Excluded,
        ("hasOptionalDependency" | "hasOptionalComponent", _) => Scope::Optional,
        _ => Scope::Required,
    };
    match kind {
        "dependsOn"
        | "contains"
        | "hasStaticLink"
        | "hasDynamicLink"
        | "hasOptionalDependency"
        | "hasOptionalComponent"
        | "hasProvidedDependency"
        | "hasPrerequisite"
        | "hasTest"
        | "hasTestCase"
        | "usesTool" => {
            // What a file needs is needed by who has the file.
            if bom.others.contains(from) {
                let is_file = |found: &Element<'_>| {
                    self::kind(found).is_ok_and(|kind| matches!(kind, "software_File" | "software_Snippet"))
                };
                // A build is no component: what it uses is a tool, whatever the build is of.
                let builds = kind == "usesTool" && scope == Scope::Excluded;
                let named = if builds || elements.get(from).is_some_and(is_file) { targets } else { Vec::new() };
                for to in named.into_iter().filter(|to| individual(to).is_none()) {
                    counts.edge(at)?;
                    needs.say_through(from, to, scope);
                }
                return Ok(());
            }
            // Known to have none. That it contains or links none of a kind, or needs none for one stage, says nothing of the rest.
            if kind == "dependsOn" && runs(map, at)? && targets.iter().any(|to| individual(to) == Some("NoneElement")) {
                bom.edges.entry(from.to_owned()).or_default();
            }
            for to in targets {
                counts.edge(at)?;
                if individual(to).is_some() {
                    continue;
                }
                if bom.others.contains(to) {
                    needs.say_through(from, to, scope);
                } else {
                    bom.edges.entry(from.to_owned()).or_default().insert(to.to_owned());
                    needs.say(from, to, scope);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// What a relationship says of the licences of something.
fn licensed<'v>(
    element: &Element<'v>,
    words: &mut spdx3_licences::Words<'_, 'v>,
    all: &mut Licences,
) -> Result<(), DocumentError> {
    let concluded = match text(element.map, "relationshipType", &element.at)? {
        Some("hasConcludedLicense") => true,
        Some("hasDeclaredLicense") => false,
        _ => return Ok(()),
    };
    let Some(from) = references(element, "from")?.into_iter().next() else { return Ok(()) };
    for to in references(element, "to")? {
        let Some(licence) = words.say(to)? else { continue };
        if all.said.entry(from.to_owned()).or_default().insert((licence.text.clone(), concluded)) {
            all.made.take(licence.text.len(), &element.at)?;
        }
        for one in &licence.meant {
            if all.meant.entry(from.to_owned()).or_default().insert(one.clone()) {
                all.made.take(one.len(), &element.at)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_licence_of_the_list_is_named_by_its_address() {
        let says = |kind: &str, to: &str| json!({"type": "Relationship", "spdxId": kind, "from": "a", "relationshipType": kind, "to": [to]});
        let graph = json!([
            {"type": "software_Package", "spdxId": "a", "name": "a"},
            {"type": "expandedlicensing_ListedLicense", "spdxId": "http://spdx.org/licenses/MIT", "name": "MIT License"},
            says("hasDeclaredLicense", "https://spdx.org/licenses/ISC"),
            says("hasConcludedLicense", "http://spdx.org/licenses/MIT"),
            {"type": "Relationship", "spdxId": "n", "from": "a", "relationshipType": "hasConcludedLicense",
                "to": ["https://spdx.org/rdf/3.0.1/terms/Licensing/NoAssertion"]},
        ]);
        let bom = read(&json!({"@context": "x", "@graph": graph})).unwrap();
        let item = &bom.items[0];
        let set = |text: &str| BTreeSet::from([text.to_owned()]);
        assert_eq!((item.declared.clone(), item.concluded.clone(), item.licences.len()), (set("ISC"), set("MIT"), 2));
    }

    /// What `a` depends on, and how well that is known.
    fn of(relationships: &[Value]) -> (usize, Option<String>) {
        let mut graph: Vec<Value> = ["a", "b", "c"]
            .into_iter()
            .map(|name| json!({"type": "software_Package", "spdxId": name, "name": name}))
            .collect();
        for (number, one) in relationships.iter().enumerate() {
            let mut one = one.clone();
            let map = one.as_object_mut().unwrap();
            map.insert("type".to_owned(), json!("Relationship"));
            map.insert("spdxId".to_owned(), json!(format!("r{number}")));
            map.insert("from".to_owned(), json!("a"));
            graph.push(one);
        }
        let bom = read(&json!({"@context": "x", "@graph": graph})).unwrap();
        (bom.edges.get("a").map_or(0, BTreeSet::len), bom.aggregates.get("a").cloned())
    }

    #[test]
    fn what_only_development_leads_to_from_the_root_is_excluded_with_all_below_it() {
        let package = |id: &str| json!({"type": "software_Package", "spdxId": id, "name": id});
        let needs = |id: &str, from: &str, scope: &str, to: &str| {
            json!({"type": "LifecycleScopedRelationship", "spdxId": id, "from": from, "relationshipType": "dependsOn",
                "scope": scope, "to": [to]})
        };
        let scopes = |more: &[Value]| {
            let mut graph = vec![package("a"), package("b"), package("c")];
            graph.push(json!({"type": "SpdxDocument", "spdxId": "d", "rootElement": ["a"]}));
            graph.push(needs("r1", "a", "development", "b"));
            graph.push(needs("r2", "b", "runtime", "c"));
            graph.extend_from_slice(more);
            let bom = read(&json!({"@context": "x", "@graph": graph})).unwrap();
            bom.items.iter().map(|item| item.scope).collect::<Vec<_>>()
        };
        assert_eq!(scopes(&[]), [Scope::Excluded; 2]);
        assert_eq!(scopes(&[needs("r3", "a", "runtime", "c")]), [Scope::Excluded, Scope::Required]);
        let by = |id: &str, from: &str, kind: &str, to: &str| json!({"type": "Relationship", "spdxId": id, "from": from, "relationshipType": kind, "to": [to]});
        let file = json!({"type": "software_File", "spdxId": "bin", "name": "bin"});
        let linked = [file, by("r3", "a", "contains", "bin"), by("r4", "bin", "hasStaticLink", "b")];
        assert_eq!(scopes(&linked), [Scope::Required; 2], "a file of the product links it");
        let mut optional = needs("r3", "a", "test", "c");
        optional["relationshipType"] = json!("hasOptionalDependency");
        assert_eq!(scopes(&[optional]), [Scope::Excluded; 2], "what a stage may need is of that stage");
        let second = json!({"type": "software_Sbom", "spdxId": "s", "rootElement": ["b"]});
        assert_eq!(scopes(&[second]), [Scope::Required; 3], "it is about both");
    }

    #[test]
    fn kinds_and_words_that_cyclonedx_has_as_well_are_written_there() {
        let of = |purpose: &str| {
            let package = json!({"type": "software_Package", "spdxId": "a", "name": "a", "software_primaryPurpose": purpose,
                "software_copyrightText": "(c) Me", "software_homePage": "https://home.example", "description": "Words",
                "externalIdentifier": [{"type": "ExternalIdentifier", "externalIdentifierType": "cpe23", "identifier": "cpe:2.3:x"}]});
            let bom = read(&json!({"@context": "x", "@graph": [package]})).unwrap();
            super::super::write::document(&bom, None)["components"][0].clone()
        };
        assert_eq!(of("operatingSystem")["type"], "operating-system");
        let of = of("deviceDriver");
        let said = ["type", "copyright", "cpe", "description"].map(|key| of[key].as_str().unwrap());
        assert_eq!(said, ["device-driver", "(c) Me", "cpe:2.3:x", "Words"]);
        assert_eq!(of["externalReferences"][0]["url"], "https://home.example");
    }

    #[test]
    fn tools_and_tests_are_excluded_with_an_edge() {
        let of = |kind: &str, from: &str, scope: Option<&str>| {
            let named = |kind: &str, name: &str| json!({"type": kind, "spdxId": name, "name": name});
            let mut says = json!({"type": "LifecycleScopedRelationship", "spdxId": "r", "from": from,
                "relationshipType": kind, "to": ["gcc"]});
            if let Some(scope) = scope {
                says["scope"] = json!(scope);
            }
            let graph = json!([
                named("software_Package", "a"),
                named("software_Package", "gcc"),
                json!({"type": "build_Build", "spdxId": "b"}),
                says,
                json!({"type": "SpdxDocument", "spdxId": "d", "rootElement": ["a"]})
            ]);
            let bom = read(&json!({"@context": "x", "@graph": graph})).unwrap();
            let aggregate = bom.aggregates.get("a").cloned();
            (bom.items[0].scope, bom.edges.get("a").map_or(0, BTreeSet::len), aggregate)
        };
        let unknown = Some("unknown".to_owned());
        for (kind, scope) in [
            ("usesTool", Some("build")),
            ("usesTool", None),
            ("hasTest", Some("test")),
            ("hasTest", None),
            ("hasTestCase", None),
        ] {
            assert_eq!(of(kind, "a", scope), (Scope::Excluded, 1, unknown.clone()), "{kind} {scope:?}");
        }
        assert_eq!(of("usesTool", "a", Some("runtime")), (Scope::Required, 1, unknown));
        assert_eq!(of("usesTool", "b", Some("build")), (Scope::Excluded, 0, None), "a tool of a build");
    }

    #[test]
    fn a_note_on_who_made_it_that_is_not_there_dangles() {
        let of = |info: &str| {
            let graph = json!([{"type": "CreationInfo", "@id": "_:c"},
                {"type": "software_Package", "spdxId": "a", "name": "a", "creationInfo": info}]);
            let bom = read(&json!({"@context": "x", "@graph": graph})).unwrap();
            bom.dangling().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!((of("_:c"), of("_:d")), (vec![], vec!["_:d".to_owned()]));
    }

    #[test]
    fn nothing_is_no_thing_that_is_depended_on() {
        let core = "https://spdx.org/rdf/3.0.1/terms/Core";
        let depends = |to: &str| of(&[json!({"relationshipType": "dependsOn", "to": [to]})]);
        assert_eq!(depends(&format!("{core}/NoneElement")), (0, Some("complete".to_owned())));
        let unknown = Some("unknown".to_owned());
        assert_eq!(depends(&format!("{core}/NoAssertionElement")), (0, unknown.clone()));
        assert_eq!(depends("b"), (1, None));
        let both = json!({"relationshipType": "dependsOn", "to": ["b", format!("{core}/NoAssertionElement")]});
        assert_eq!(of(&[both]), (1, unknown));
    }

    #[test]
    fn what_is_said_of_one_stage_is_not_said_of_all() {
        let depends = |to: &str, scope: &str, says: Value| json!({"relationshipType": "dependsOn", "to": [to], "scope": scope, "completeness": says});
        let none = "https://spdx.org/rdf/3.0.1/terms/Core/NoneElement";
        let edges = |one: Value| {
            let relationship = json!({"type": "LifecycleScopedRelationship", "spdxId": "r", "from": "a"});
            let mut relationship = relationship.as_object().unwrap().clone();
            relationship.extend(one.as_object().unwrap().clone());
            let package = json!({"type": "software_Package", "spdxId": "a", "name": "a"});
            read(&json!({"@context": "x", "@graph": [package, relationship]})).unwrap().edges.contains_key("a")
        };
        assert!(edges(depends(none, "runtime", json!("complete"))));
        assert!(!edges(depends(none, "test", json!("complete"))));
        assert!(!edges(json!({"relationshipType": "contains", "to": [none]})));
        let unknown = Some("unknown".to_owned());
        assert_eq!(of(&[depends("b", "development", json!("complete"))]), (1, unknown.clone()));
        assert_eq!(of(&[json!({"relationshipType": "dependsOn", "to": ["b"], "scope": "test"})]), (1, unknown.clone()));
        assert_eq!(of(&[json!({"relationshipType": "contains", "to": ["b"]})]), (1, unknown));
        assert_eq!(of(&[depends("b", "runtime", json!("complete"))]), (1, Some("complete".to_owned())));
        assert_eq!(of(&[depends("b", "test", json!("incomplete"))]).1, Some("incomplete".to_owned()));
    }

    #[test]
    fn a_list_with_files_in_it_is_not_all_taken() {
        let of = |kind: &str, to: &[&str], says: Option<&str>| {
            let mut relationship =
                json!({"type": "Relationship", "spdxId": "r", "from": "a", "relationshipType": kind, "to": to});
            if let Some(says) = says {
                relationship["completeness"] = json!(says);
            }
            let element = |kind: &str, name: &str| json!({"type": kind, "spdxId": name, "name": name});
            let (a, b) = (element("software_Package", "a"), element("software_Package", "b"));
            let graph = json!([a, b, element("software_File", "lib.so"), relationship]);
            let bom = read(&json!({"@context": "x", "@graph": graph})).unwrap();
            (bom.edges.get("a").map_or(0, BTreeSet::len), bom.aggregates.get("a").cloned())
        };
        let (complete, all) = (Some("complete".to_owned()), Some("complete"));
        let incomplete = Some("incomplete".to_owned());
        assert_eq!(of("dependsOn", &["b"], all), (1, complete));
        assert_eq!(of("dependsOn", &["b", "lib.so"], all), (1, incomplete.clone()));
        assert_eq!(of("dependsOn", &["lib.so"], all), (0, incomplete.clone()));
        assert_eq!(of("hasStaticLink", &["b", "lib.so"], None), (1, incomplete));
        assert_eq!(of("contains", &["lib.so"], all), (0, None), "what it contains is no dependency");
    }

    #[test]
    fn a_list_of_dependencies_is_complete_only_where_all_that_is_said_of_it_is() {
        let depends = |says: Value| json!({"relationshipType": "dependsOn", "to": ["b"], "completeness": says});
        let contains = |says: &str| json!({"relationshipType": "contains", "to": ["c"], "completeness": says});
        let known = |all: &[Value]| of(all).1;
        let (complete, incomplete) = (Some("complete".to_owned()), Some("incomplete".to_owned()));
        let unknown = Some("unknown".to_owned());
        let silent = json!({"relationshipType": "dependsOn", "to": ["c"]});
        assert_eq!(known(&[depends(json!("complete")), contains("noAssertion")]), complete);
        assert_eq!(known(&[depends(json!("complete")), silent]), None);
        assert_eq!(known(&[depends(json!("noAssertion")), contains("complete")]), unknown);
        assert_eq!(known(&[contains("complete")]), unknown);
        assert_eq!(known(&[depends(json!("complete")), depends(json!("noAssertion"))]), unknown);
        assert_eq!(known(&[depends(json!("incomplete")), contains("complete")]), incomplete);
        assert_eq!(known(&[depends(json!("complete")), contains("incomplete")]), incomplete);
    }
}
