//! SPDX 2.3 as JSON.

use super::json::{Counts, Object, bounded, digest, inner, list, object, shape, text};
use super::{Bom, DocumentError, File, Format, Item, Scope};
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
    bom.others.insert(DOCUMENT.to_owned());
    for (value, at) in list(document, "packages", "")? {
        counts.component(&at)?;
        let item = package(object(value, &at)?, &at)?;
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
    let mut scopes = BTreeMap::new();
    for (value, at) in list(document, "relationships", "")? {
        counts.edge(&at)?;
        relationship(object(value, &at)?, &at, &mut bom, &mut described, &mut scopes)?;
    }
    for item in &mut bom.items {
        if let Some(scope) = scopes.get(&item.reference) {
            item.scope = *scope;
        }
    }
    // A document may describe several packages: then none of them is what it is about as a whole.
    let mut roots = described.iter().filter(|id| !bom.others.contains(*id));
    if let (Some(only), None) = (roots.next(), roots.next())
        && let Some(place) = bom.items.iter().position(|item| item.reference == **only)
    {
        bom.root = Some(bom.items.remove(place));
    }
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
    for key in ["licenseConcluded", "licenseDeclared"] {
        if let Some(licence) = said(text(map, key, at)?) {
            item.licences.insert(licence.to_owned());
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
        if text(reference, "referenceType", &at)? == Some("purl") {
            item.purl = item.purl.or(text(reference, "referenceLocator", &at)?.map(str::to_owned));
        }
    }
    Ok(item)
}

/// As CycloneDX spells it: `SHA-256`.
pub(super) fn algorithm_of(name: &str) -> String {
    let upper = name.to_ascii_uppercase().replace(['_', '-'], "");
    match upper.strip_prefix("SHA3").filter(|bits| bits.len() == 3) {
        Some(bits) => format!("SHA3-{bits}"),
        None => match upper.strip_prefix("SHA") {
            Some(bits) => format!("SHA-{bits}"),
            None => upper,
        },
    }
}

fn relationship(
    map: &Object,
    at: &str,
    bom: &mut Bom,
    described: &mut BTreeSet<String>,
    scopes: &mut BTreeMap<String, Scope>,
) -> Result<(), DocumentError> {
    let need = |key: &'static str| -> Result<&str, DocumentError> {
        text(map, key, at)?.ok_or_else(|| shape(at, "a relationship with two ends and a type"))
    };
    let (from, to, kind) = (need("spdxElementId")?, need("relatedSpdxElement")?, need("relationshipType")?);
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
            scopes.entry(from.to_owned()).or_insert(Scope::Optional);
            (to, from)
        }
        "DEV_DEPENDENCY_OF"
        | "BUILD_DEPENDENCY_OF"
        | "TEST_DEPENDENCY_OF"
        | "BUILD_TOOL_OF"
        | "DEV_TOOL_OF"
        | "TEST_TOOL_OF" => {
            scopes.entry(from.to_owned()).or_insert(Scope::Excluded);
            (to, from)
        }
        _ => return Ok(()),
    };
    // Files are not among what is listed here, so nothing leads from one.
    if bom.others.contains(from) || from == "NOASSERTION" || from == "NONE" {
        return Ok(());
    }
    match to {
        // Known to have none.
        "NONE" => {
            bom.edges.entry(from.to_owned()).or_default();
        }
        "NOASSERTION" => {}
        _ if bom.others.contains(to) && to != DOCUMENT => {}
        _ => {
            bom.edges.entry(from.to_owned()).or_default().insert(to.to_owned());
        }
    }
    Ok(())
}
