//! SPDX 2.3 as JSON.

use super::json::{Counts, Made, Object, bounded, digest, inner, list, object, shape, text};
use super::needs::Needs;
use super::{Bom, DocumentError, File, Format, Item, OWN_LICENCE, Scope};
use countersign_core::digest::Sha256;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const DOCUMENT: &str = "SPDXRef-DOCUMENT";

pub(super) fn read(value: &Value) -> Result<Bom, DocumentError> {
    let document = object(value, "")?;
    let mut bom = Bom::of(Format::Spdx2);
    let mut counts = Counts::default();
    if let Some(creation) = inner(document, "creationInfo", "")? {
        bom.about.time = text(creation, "created", "/creationInfo")?.map(str::to_owned);
        for (creator, at) in list(creation, "creators", "/creationInfo")? {
            let creator = bounded(creator, || at.clone())?;
            match creator.split_once(':') {
                Some(("Tool", tool)) => bom.about.tools.push(tool.trim().to_owned()),
                Some((_, who)) => bom.about.authors.push(who.trim().to_owned()),
                None => bom.about.authors.push(creator.to_owned()),
            }
        }
    }
    bom.about.serial = text(document, "documentNamespace", "")?.map(str::to_owned);
    counts.reference(DOCUMENT, "/SPDXID")?;
    bom.others.insert(DOCUMENT.to_owned());
    let own = own_licences(document)?;
    let mut made = Made::default();
    for (value, at) in list(document, "packages", "")? {
        counts.component(&at)?;
        let mut item = package(object(value, &at)?, &at)?;
        let named = item.licences.iter().flat_map(|text| names(text));
        let meant: BTreeSet<&String> = named.filter_map(|name| own.get(name)).collect();
        for text in meant {
            made.take(text.len(), &at)?;
            item.properties.push((OWN_LICENCE.to_owned(), text.clone()));
        }
        counts.reference(&item.reference, &at)?;
        bom.items.push(item);
    }
    for key in ["files", "snippets"] {
        for (value, at) in list(document, key, "")? {
            if let Some(id) = text(object(value, &at)?, "SPDXID", &at)? {
                counts.reference(id, &at)?;
                bom.others.insert(id.to_owned());
            }
        }
    }
    let mut described = BTreeSet::new();
    for (value, at) in list(document, "documentDescribes", "")? {
        described.insert(bounded(value, || at.clone())?.to_owned());
    }
    let mut told = Told::default();
    for (value, at) in list(document, "relationships", "")? {
        counts.edge(&at)?;
        relationship(object(value, &at)?, &at, &mut bom, &mut described, &mut told)?;
    }
    let unsaid = bom.edges.keys().filter(|from| !told.listed.contains(*from)).cloned();
    told.unknown.extend(unsaid);
    bom.aggregates.extend(told.unknown.into_iter().map(|from| (from, "unknown".to_owned())));
    // A document may describe several packages: then none of them is what it is about as a whole.
    let mut roots = described.iter().filter(|id| !bom.others.contains(*id));
    if let (Some(only), None) = (roots.next(), roots.next())
        && let Some(place) = bom.items.iter().position(|item| item.reference == **only)
    {
        bom.root = Some(bom.items.remove(place));
    }
    told.needs.settle(&mut bom, &described);
    Ok(bom)
}

fn said(text: Option<&str>) -> Option<&str> {
    text.filter(|text| *text != "NOASSERTION" && *text != "NONE")
}

fn package(map: &Object, at: &str) -> Result<Item, DocumentError> {
    let reference = text(map, "SPDXID", at)?.ok_or_else(|| shape(at, "a package with an `SPDXID`"))?;
    let name = text(map, "name", at)?.ok_or_else(|| shape(at, "a package with a `name`"))?;
    let purpose = text(map, "primaryPackagePurpose", at)?.unwrap_or("LIBRARY");
    let mut item = Item {
        reference: reference.to_owned(),
        kind: purpose.to_ascii_lowercase().replace(['_', ' '], "-"),
        name: name.to_owned(),
        version: said(text(map, "versionInfo", at)?).map(str::to_owned),
        files: said(text(map, "downloadLocation", at)?)
            .map(|url| File { url: Some(url.to_owned()), ..File::default() })
            .into_iter()
            .collect(),
        ..Item::default()
    };
    for (key, concluded) in [("licenseConcluded", true), ("licenseDeclared", false)] {
        if let Some(licence) = said(text(map, key, at)?) {
            item.take_licence(licence, concluded);
        }
    }
    let party = said(text(map, "supplier", at)?).or(said(text(map, "originator", at)?));
    item.supplier = party.map(|party| party.split_once(':').map_or(party, |(_, who)| who.trim()).to_owned());
    for (hash, at) in list(map, "checksums", at)? {
        let hash = object(hash, &at)?;
        if let (Some(algorithm), Some(value)) = (text(hash, "algorithm", &at)?, text(hash, "checksumValue", &at)?) {
            item.hashes.insert(algorithm_of(algorithm), digest(value));
        }
    }
    for (reference, at) in list(map, "externalRefs", at)? {
        let reference = object(reference, &at)?;
        let locator = || text(reference, "referenceLocator", &at).map(Option::into_iter);
        match text(reference, "referenceType", &at)? {
            Some("purl") => locator()?.for_each(|purl| item.take_purl(purl)),
            Some("cpe23Type" | "cpe22Type") => locator()?.for_each(|cpe| item.take_cpe(cpe)),
            _ => {}
        }
    }
    item.take_words(map, [("copyright", "copyrightText"), ("description", "description"), ("website", "homepage")]);
    Ok(item)
}

/// What the document means by each licence of its own: the name is a number that other documents have as well. Texts may be long, and
/// are told apart by their digests.
fn own_licences(document: &Object) -> Result<BTreeMap<&str, String>, DocumentError> {
    let mut own = BTreeMap::new();
    for (value, at) in list(document, "hasExtractedLicensingInfos", "")? {
        let one = object(value, &at)?;
        let Some(id) = text(one, "licenseId", &at)? else { continue };
        let wording = one.get("extractedText").and_then(Value::as_str);
        own.insert(id, meaning(id, said(text(one, "name", &at)?), wording));
    }
    Ok(own)
}

/// What is meant by a licence that has its name in one document alone.
pub(super) fn meaning(id: &str, name: Option<&str>, wording: Option<&str>) -> String {
    let name = name.map(|name| name.chars().take(200).collect());
    let digest = wording.map(|text| Sha256::of(text.as_bytes()).to_string());
    [Some(id.to_owned()), name, digest].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The names in an expression, and its words.
pub(super) fn names(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':')))
}

/// As CycloneDX spells it: `SHA-256`.
pub(super) fn algorithm_of(name: &str) -> String {
    let upper = name.to_ascii_uppercase().replace(['_', '-'], "");
    if let Some(bits) = upper.strip_prefix("BLAKE2B") {
        return format!("BLAKE2b-{bits}");
    }
    match upper.strip_prefix("SHA3").filter(|bits| bits.len() == 3) {
        Some(bits) => format!("SHA3-{bits}"),
        None => match upper.strip_prefix("SHA") {
            Some(bits) => format!("SHA-{bits}"),
            None => upper,
        },
    }
}

/// What relationships tell beside who leads to whom.
#[derive(Default)]
struct Told {
    needs: Needs,
    /// Of which it is said what they depend on. What contains something, or only needs it to build, does not say that.
    listed: BTreeSet<String>,
    /// Of which nobody asserts what they depend on.
    unknown: BTreeSet<String>,
}

fn relationship(
    map: &Object,
    at: &str,
    bom: &mut Bom,
    described: &mut BTreeSet<String>,
    told: &mut Told,
) -> Result<(), DocumentError> {
    let end = |key: &'static str| -> Result<&str, DocumentError> {
        text(map, key, at)?.ok_or_else(|| shape(at, "a relationship with two ends and a type"))
    };
    let (from, to, kind) = (end("spdxElementId")?, end("relatedSpdxElement")?, end("relationshipType")?);
    let mut need = Scope::Required;
    let (from, to) = match kind {
        "DESCRIBES" if from == DOCUMENT => {
            described.insert(to.to_owned());
            return Ok(());
        }
        "DESCRIBED_BY" if to == DOCUMENT => {
            described.insert(from.to_owned());
            return Ok(());
        }
        "DEPENDS_ON" | "CONTAINS" | "STATIC_LINK" | "DYNAMIC_LINK" | "HAS_PREREQUISITE" => (from, to),
        "DEPENDENCY_OF"
        | "RUNTIME_DEPENDENCY_OF"
        | "PROVIDED_DEPENDENCY_OF"
        | "CONTAINED_BY"
        | "PACKAGE_OF"
        | "PREREQUISITE_FOR" => (to, from),
        "OPTIONAL_DEPENDENCY_OF" | "OPTIONAL_COMPONENT_OF" => {
            need = Scope::Optional;
            (to, from)
        }
        "DEV_DEPENDENCY_OF"
        | "BUILD_DEPENDENCY_OF"
        | "TEST_DEPENDENCY_OF"
        | "BUILD_TOOL_OF"
        | "DEV_TOOL_OF"
        | "TEST_TOOL_OF"
        | "TEST_OF"
        | "TEST_CASE_OF" => {
            need = Scope::Excluded;
            (to, from)
        }
        _ => return Ok(()),
    };
    if [from, to].contains(&DOCUMENT) && bom.others.contains(from) || from == "NOASSERTION" || from == "NONE" {
        return Ok(());
    }
    // Files are not among what is listed here. What one of them needs is needed by who has the file.
    let is_file = |id: &str| bom.others.contains(id) && id != DOCUMENT;
    if is_file(from) {
        if !matches!(to, "NOASSERTION" | "NONE") {
            told.needs.say_through(from, to, need);
        }
        return Ok(());
    }
    let within = matches!(kind, "CONTAINS" | "CONTAINED_BY" | "PACKAGE_OF" | "OPTIONAL_COMPONENT_OF");
    let depends = !within && need != Scope::Excluded;
    match to {
        // Known to have none. That it contains or links none of a kind says nothing of the rest.
        "NONE" if kind == "DEPENDS_ON" => {
            bom.edges.entry(from.to_owned()).or_default();
            told.listed.insert(from.to_owned());
        }
        "NOASSERTION" if depends => {
            told.unknown.insert(from.to_owned());
        }
        "NONE" | "NOASSERTION" => {}
        _ if is_file(to) => told.needs.say_through(from, to, need),
        _ => {
            bom.edges.entry(from.to_owned()).or_default().insert(to.to_owned());
            if depends {
                told.listed.insert(from.to_owned());
            }
            told.needs.say(from, to, need);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(relationships: &[(&str, &str, &str)]) -> Bom {
        let package = |name: &str| {
            json!({"SPDXID": name, "name": name, "externalRefs": [
                {"referenceType": "purl", "referenceLocator": "pkg:generic/x@1"},
                {"referenceType": "purl", "referenceLocator": format!("pkg:npm/{name}@1.0.0")}]})
        };
        let one = |&(from, kind, to): &(&str, &str, &str)| json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to});
        let relationships: Vec<Value> = relationships.iter().map(one).collect();
        let packages = ["app", "lib", "tool"].map(package);
        read(&json!({"packages": packages, "relationships": relationships})).unwrap()
    }

    #[test]
    fn the_strongest_need_counts_whoever_else_only_builds_with_it() {
        let needs = ("app", "DEPENDS_ON", "lib");
        let builds = ("lib", "BUILD_DEPENDENCY_OF", "tool");
        for all in [[needs, builds], [builds, needs]] {
            assert_eq!(of(&all).items[1].scope, Scope::Required, "{all:?}");
        }
        assert_eq!(of(&[builds]).items[1].scope, Scope::Excluded);
        assert_eq!(of(&[builds, ("lib", "OPTIONAL_DEPENDENCY_OF", "app")]).items[1].scope, Scope::Optional);
    }

    #[test]
    fn what_only_development_leads_to_from_the_root_is_excluded_with_all_below_it() {
        let described = ("SPDXRef-DOCUMENT", "DESCRIBES", "app");
        let scopes = |all: &[(&str, &str, &str)]| {
            let bom = of(&[&[described], all].concat());
            assert_eq!(bom.root.unwrap().name, "app");
            [bom.items[0].scope, bom.items[1].scope]
        };
        let dev = ("lib", "DEV_DEPENDENCY_OF", "app");
        let below = ("lib", "DEPENDS_ON", "tool");
        let peer = ("tool", "DEPENDENCY_OF", "lib");
        let optional = ("tool", "OPTIONAL_DEPENDENCY_OF", "app");
        assert_eq!(scopes(&[dev, below]), [Scope::Excluded; 2]);
        assert_eq!(scopes(&[below, peer, dev]), [Scope::Excluded; 2]);
        assert_eq!(scopes(&[dev, below, optional]), [Scope::Excluded, Scope::Optional]);
        assert_eq!(scopes(&[optional, ("tool", "DEPENDS_ON", "lib"), dev]), [Scope::Optional; 2]);
        assert_eq!(scopes(&[dev, below, ("app", "DEPENDS_ON", "lib")]), [Scope::Required; 2]);
        assert_eq!(scopes(&[("lib", "DEPENDS_ON", "tool"), ("tool", "DEPENDS_ON", "lib"), dev]), [Scope::Excluded; 2]);
        assert_eq!(scopes(&[("tool", "DEV_DEPENDENCY_OF", "lib")]), [Scope::Required, Scope::Excluded], "not reached");
        let apart = ("lib", "RUNTIME_DEPENDENCY_OF", "tool");
        assert_eq!(scopes(&[dev, apart]), [Scope::Required; 2], "the root does not lead to what needs it");
    }

    #[test]
    fn what_a_file_of_the_product_links_is_needed_as_the_file_is() {
        let scopes = |all: &[(&str, &str, &str)]| {
            let one = |&(from, kind, to): &(&str, &str, &str)| json!({"spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to});
            let packages = ["app", "lib", "tool"].map(|name| json!({"SPDXID": name, "name": name}));
            let described = one(&("SPDXRef-DOCUMENT", "DESCRIBES", "app"));
            let relationships: Vec<Value> = std::iter::once(described).chain(all.iter().map(one)).collect();
            let files = json!([{"SPDXID": "bin", "fileName": "./bin"}, {"SPDXID": "o", "fileName": "./o"}]);
            let bom = read(&json!({"packages": packages, "files": files, "relationships": relationships})).unwrap();
            assert!(bom.dangling().is_empty());
            [bom.items[0].scope, bom.items[1].scope]
        };
        let (builds, contains) = (("lib", "BUILD_DEPENDENCY_OF", "app"), ("app", "CONTAINS", "bin"));
        let tool = ("tool", "DEV_DEPENDENCY_OF", "app");
        assert_eq!(
            scopes(&[tool, builds, contains, ("bin", "STATIC_LINK", "lib")]),
            [Scope::Required, Scope::Excluded]
        );
        let by_part = [tool, contains, ("o", "CONTAINED_BY", "bin"), ("lib", "DEPENDENCY_OF", "o"), builds];
        assert_eq!(scopes(&by_part), [Scope::Required, Scope::Excluded]);
        let of_tool = [tool, builds, ("tool", "CONTAINS", "bin"), ("bin", "STATIC_LINK", "lib")];
        assert_eq!(scopes(&of_tool), [Scope::Excluded; 2], "the file is one of what only development needs");
        assert_eq!(
            scopes(&[tool, builds, ("bin", "STATIC_LINK", "lib")])[0],
            Scope::Required,
            "nobody says whose it is"
        );
    }

    #[test]
    fn what_a_document_describes_is_required_whoever_else_only_builds_with_it() {
        let described = ["app", "tool"].map(|name| ("SPDXRef-DOCUMENT", "DESCRIBES", name));
        let dev = [("tool", "DEV_DEPENDENCY_OF", "app"), ("lib", "DEV_DEPENDENCY_OF", "tool")];
        let bom = of(&[described, dev].concat());
        let scopes: Vec<Scope> = bom.items.iter().map(|item| item.scope).collect();
        assert_eq!((bom.root, scopes), (None, vec![Scope::Required, Scope::Excluded, Scope::Required]));
    }

    #[test]
    fn algorithms_are_spelled_as_cyclonedx_does() {
        for (own, wanted) in [
            ("SHA256", "SHA-256"),
            ("sha3_384", "SHA3-384"),
            ("SHA3-256", "SHA3-256"),
            ("BLAKE2b-512", "BLAKE2b-512"),
            ("blake2b256", "BLAKE2b-256"),
            ("BLAKE3", "BLAKE3"),
            ("md5", "MD5"),
        ] {
            assert_eq!(algorithm_of(own), wanted);
        }
    }

    #[test]
    fn what_the_document_means_by_a_licence_of_its_own_stands_with_each_package() {
        let of = |declared: &str, extracted: Value| {
            let package = json!({"SPDXID": "a", "name": "a", "licenseDeclared": declared});
            let mut bom = read(&json!({"packages": [package], "hasExtractedLicensingInfos": extracted})).unwrap();
            bom.items.remove(0).properties.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
        };
        let one = |name: Value, text: &str| json!([{"licenseId": "LicenseRef-1", "name": name, "extractedText": text}]);
        let own = of("MIT OR LicenseRef-1", one(json!("Our own"), "You may."));
        assert!(own[0].starts_with("LicenseRef-1 Our own sha256:") && own.len() == 1, "{own:?}");
        assert_ne!(own, of("MIT OR LicenseRef-1", one(json!("Our own"), "You must not.")));
        assert!(
            of("LicenseRef-1", one(json!("NOASSERTION"), &"x".repeat(9_000)))[0].starts_with("LicenseRef-1 sha256:")
        );
        for other in ["MIT", "LicenseRef-11", "DocumentRef-x:LicenseRef-1"] {
            assert_eq!(of(other, one(json!("Our own"), "x")), [""; 0], "{other}");
        }
    }

    #[test]
    fn what_licences_mean_is_bounded_for_all_packages_together() {
        let name = "n".repeat(200);
        let own: Vec<Value> = (0..100).map(|i| json!({"licenseId": format!("LicenseRef-{i}"), "name": name})).collect();
        let all = own.iter().map(|one| one["licenseId"].as_str().unwrap()).collect::<Vec<_>>().join(" AND ");
        let of = |count: usize| {
            let package = |i: usize| json!({"SPDXID": format!("p{i}"), "name": "p", "licenseDeclared": all});
            let packages: Vec<Value> = (0..count).map(package).collect();
            read(&json!({"packages": packages, "hasExtractedLicensingInfos": own})).map(|bom| bom.items.len())
        };
        assert_eq!(of(100), Ok(100));
        assert!(matches!(of(3_000), Err(DocumentError::TooMany { .. })));
    }

    #[test]
    fn words_that_cyclonedx_has_as_well_are_written_there() {
        let cpe = |version: u8| json!({"referenceType": "cpe23Type", "referenceLocator": format!("cpe:2.3:a:w:w:{version}:*:*:*:*:*:*:*")});
        let package = json!({"SPDXID": "a", "name": "a", "copyrightText": "(c) Me", "description": "x".repeat(9_000),
            "homepage": "https://home.example", "externalRefs": [cpe(1), cpe(2)]});
        let none = json!({"SPDXID": "b", "name": "b", "copyrightText": "NONE", "homepage": "NOASSERTION"});
        let bom = read(&json!({"packages": [package, none]})).unwrap();
        let document = super::super::write::document(&bom, None);
        let (a, b) = (&document["components"][0], &document["components"][1]);
        assert_eq!((&a["copyright"], a["description"].as_str().unwrap().len()), (&json!("(c) Me"), 9_000));
        assert_eq!(a["externalReferences"], json!([{"type": "website", "url": "https://home.example"}]));
        assert_eq!(a["cpe"], "cpe:2.3:a:w:w:1:*:*:*:*:*:*:*");
        assert_eq!(a["properties"][0]["value"], "cpe:2.3:a:w:w:2:*:*:*:*:*:*:*");
        assert!(["copyright", "description", "externalReferences", "cpe"].iter().all(|key| b.get(key).is_none()));
    }

    #[test]
    fn digests_by_algorithms_that_cyclonedx_lacks_are_kept() {
        let sum = |name: &str, value: &str| json!({"algorithm": name, "checksumValue": value});
        let sums = [sum("SHA224", &"a".repeat(56)), sum("SHA256", &"b".repeat(64)), sum("MD4", "c")];
        let bom = read(&json!({"packages": [{"SPDXID": "a", "name": "a", "checksums": sums}]})).unwrap();
        let document = super::super::write::document(&bom, None);
        let component = &document["components"][0];
        assert_eq!(component["hashes"], json!([{"alg": "SHA-256", "content": "b".repeat(64)}]));
        let kept = |value: &str| json!({"name": super::super::FILE_DIGEST, "value": value});
        assert_eq!(component["properties"], json!([kept("MD4:c"), kept(&format!("SHA-224:{}", "a".repeat(56)))]));
    }

    #[test]
    fn no_package_has_the_identifier_of_the_document() {
        let package = json!({"SPDXID": "SPDXRef-DOCUMENT", "name": "x"});
        assert!(read(&json!({"packages": [package]})).is_err());
    }

    #[test]
    fn only_that_something_depends_on_nothing_is_that_it_has_no_dependencies() {
        let known = |kind: &str| of(&[("app", kind, "NONE")]).edges.contains_key("app");
        let said = ["DEPENDS_ON", "CONTAINS", "STATIC_LINK", "DYNAMIC_LINK", "HAS_PREREQUISITE"].map(known);
        assert_eq!(said, [true, false, false, false, false]);
    }

    #[test]
    fn who_only_contains_or_builds_with_something_does_not_say_what_it_depends_on() {
        let known = |all: &[(&str, &str, &str)]| of(all).aggregates.get("app").cloned();
        let unknown = Some("unknown".to_owned());
        let needs = ("app", "DEPENDS_ON", "lib");
        for alone in [
            ("app", "CONTAINS", "lib"),
            ("lib", "DEV_DEPENDENCY_OF", "app"),
            ("lib", "TEST_DEPENDENCY_OF", "app"),
            ("lib", "BUILD_TOOL_OF", "app"),
            ("lib", "TEST_OF", "app"),
            ("lib", "TEST_CASE_OF", "app"),
        ] {
            assert!(of(&[alone]).items[1].scope == Scope::Excluded || alone.1 == "CONTAINS", "{alone:?}");
            assert_eq!(known(&[alone]), unknown, "{alone:?}");
            assert_eq!(known(&[alone, needs]), None, "{alone:?}");
        }
        assert_eq!(known(&[needs, ("app", "DEPENDS_ON", "NOASSERTION")]), unknown);
        assert_eq!(known(&[needs, ("app", "CONTAINS", "NOASSERTION")]), None);
        assert_eq!(known(&[("app", "DEPENDS_ON", "NONE")]), None);
        assert_eq!(known(&[("lib", "OPTIONAL_DEPENDENCY_OF", "app")]), None);
    }

    #[test]
    fn every_package_url_of_a_package_is_kept() {
        let bom = of(&[]);
        assert_eq!(bom.items[0].purls().collect::<Vec<_>>(), ["pkg:generic/x@1", "pkg:npm/app@1.0.0"]);
        let again = super::super::cyclonedx::read(&super::super::write::document(&bom, None), Format::CycloneDx("1.6"));
        assert_eq!(again.unwrap().items[0].purls().collect::<Vec<_>>(), ["pkg:generic/x@1", "pkg:npm/app@1.0.0"]);
    }
}
