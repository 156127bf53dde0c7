//! The same opinions as CycloneDX: read from it, and written as it. A statement stays with the product that it is about.

use super::{Head, Opinion, Product, VexError, list, owned, put, shape, text};
use crate::bom::write::{tool, with_serial};
use countersign_core::statement::vex::{Justification, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Justifications of OpenVEX that CycloneDX has only a wider word for: the own word, the wider one.
const EXACTER: [(&str, &str, Justification); 2] = [
    ("component_not_present", "code_not_present", Justification::ComponentNotPresent),
    (
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "code_not_reachable",
        Justification::VulnerableCodeCannotBeControlledByAdversary,
    ),
];

pub(super) fn read(value: &Value) -> Result<(Option<Head>, Vec<Opinion>), VexError> {
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let parts = Parts::of(value);
    let mut opinions = Vec::new();
    for (place, said) in list(value, "vulnerabilities").enumerate() {
        let Some(analysis) = said.get("analysis") else { continue };
        let at = |key: &str| format!("/vulnerabilities/{place}/{key}");
        let id = text(said, "id").ok_or_else(|| shape(at("id"), "an id"))?;
        let Some(state) = text(analysis, "state") else { continue };
        let detail = owned(analysis, "detail");
        let (status, extra) = match state {
            "not_affected" => (Status::NotAffected, None),
            "false_positive" => (Status::NotAffected, Some("false positive")),
            "exploitable" => (Status::Affected, None),
            "resolved" => (Status::Fixed, None),
            "resolved_with_pedigree" => (Status::Fixed, Some("resolved, see the component's pedigree")),
            "in_triage" => (Status::UnderInvestigation, None),
            _ => return Err(shape(at("analysis/state"), "a state of CycloneDX")),
        };
        let (justification, reason) = match text(analysis, "justification") {
            None => (None, None),
            Some("code_not_present") => (Some(Justification::VulnerableCodeNotPresent), None),
            Some("code_not_reachable") => (Some(Justification::VulnerableCodeNotInExecutePath), None),
            Some(other) if other.starts_with("protected_") => {
                (Some(Justification::InlineMitigationsAlreadyExist), Some(other))
            }
            Some(other) => (None, Some(other)),
        };
        // What OpenVEX says more exactly stands in front of the words where it was turned into this.
        let exactly = detail.as_deref().zip(text(analysis, "justification")).and_then(|(detail, written)| {
            let fits =
                |exact: &&(&str, &str, Justification)| exact.1 == written && detail.split(": ").next() == Some(exact.0);
            EXACTER.iter().find(fits)
        });
        let justification = exactly.map_or(justification, |(_, _, exact)| Some(*exact));
        let detail = match (detail, exactly) {
            (Some(detail), Some((word, ..))) => {
                detail.strip_prefix(*word).and_then(|rest| rest.strip_prefix(": ")).map(str::to_owned)
            }
            (detail, _) => detail,
        };
        let said_in_words: Vec<&str> = [extra, reason, detail.as_deref()].into_iter().flatten().collect();
        let products = parts.affected(said, place)?;
        let responses: Vec<&str> = list(analysis, "response").filter_map(Value::as_str).collect();
        opinions.push(Opinion {
            id: id.to_owned(),
            aliases: list(said, "references").filter_map(|other| owned(other, "id")).collect(),
            products,
            status,
            justification: justification.filter(|_| status == Status::NotAffected),
            impact: (!said_in_words.is_empty()).then(|| said_in_words.join(": ")),
            action: (status == Status::Affected)
                .then(|| {
                    owned(said, "recommendation").or_else(|| (!responses.is_empty()).then(|| responses.join(", ")))
                })
                .flatten(),
            time: owned(analysis, "lastUpdated").or_else(|| owned(analysis, "firstIssued")),
        });
    }
    if opinions.is_empty() {
        return Err(VexError::Unknown);
    }
    let author = list(metadata, "authors").find_map(|author| owned(author, "name"));
    let author = author.or_else(|| metadata.get("supplier").and_then(|supplier| owned(supplier, "name")));
    let head = owned(metadata, "timestamp").zip(author).map(|(time, author)| Head { author, time });
    Ok((head, opinions))
}

/// What a document names that a statement can be about.
struct Parts<'v> {
    root: Option<&'v Value>,
    /// By reference: what it is, and what it lies in at the top of the list, if that is not itself.
    named: BTreeMap<&'v str, (&'v Value, Option<&'v Value>)>,
}

impl<'v> Parts<'v> {
    /// A stack, not recursion: what lies in what may go as deep as the JSON does.
    fn of(value: &'v Value) -> Self {
        let root = value.get("metadata").and_then(|metadata| metadata.get("component")).filter(|root| root.is_object());
        let mut waiting: Vec<(&Value, Option<&Value>)> = root.into_iter().map(|root| (root, None)).collect();
        waiting
            .extend(["components", "services"].into_iter().flat_map(|key| list(value, key)).map(|part| (part, None)));
        let mut named = BTreeMap::new();
        while let Some((part, outer)) = waiting.pop() {
            if let Some(reference) = text(part, "bom-ref") {
                named.insert(reference, (part, outer));
            }
            let outer = outer.or(Some(part));
            waiting.extend(
                ["components", "services"].into_iter().flat_map(|key| list(part, key)).map(|part| (part, outer)),
            );
        }
        Self { root, named }
    }

    /// The products that an entry is about. Where the document is about nothing as a whole, each thing at the top of its list is
    /// a product of its own.
    fn affected(&self, said: &Value, place: usize) -> Result<Vec<Product>, VexError> {
        let mut products: Vec<Product> = Vec::new();
        for (number, affected) in list(said, "affects").enumerate() {
            let at = format!("/vulnerabilities/{place}/affects/{number}");
            let reference = text(affected, "ref").ok_or_else(|| shape(format!("{at}/ref"), "a reference"))?;
            let (part, outer) = match self.named.get(reference) {
                Some((part, outer)) => (Some(*part), *outer),
                None if reference.starts_with("urn:cdx:") => (None, None),
                None => return Err(shape(format!("{at}/ref"), "something that the document lists, or a BOM-Link")),
            };
            own_version_alone(affected, part, &at)?;
            let whole = self.root.or(outer);
            let is_whole = part.is_some_and(|part| whole.is_none_or(|whole| std::ptr::eq(whole, part)));
            let (product, inside) = match (whole, part) {
                (None, Some(part)) => (product(part), None),
                (None, None) => (Product { id: Some(reference.to_owned()), ..Product::default() }, None),
                (Some(whole), _) if is_whole => (product(whole), None),
                (Some(whole), part) => (product(whole), Some(part.map_or_else(|| reference.to_owned(), id_of))),
            };
            let same =
                |other: &&mut Product| key(other) == key(&product) && other.components.is_empty() == inside.is_none();
            match products.iter_mut().find(same) {
                Some(known) => known.components.extend(inside),
                None => products.push(Product { components: inside.into_iter().collect(), ..product }),
            }
        }
        if products.is_empty() {
            products.extend(self.root.map(product));
        }
        Ok(products)
    }
}

/// Only a whole component can be said to be affected or not: neither form that is written has a word for its other versions.
fn own_version_alone(affected: &Value, part: Option<&Value>, at: &str) -> Result<(), VexError> {
    for (number, said) in list(affected, "versions").enumerate() {
        let own = part.and_then(|part| text(part, "version"));
        let is_own = own.is_some() && text(said, "version") == own && said.get("range").is_none();
        if !is_own || text(said, "status").is_some_and(|status| status != "affected") {
            return Err(shape(
                format!("{at}/versions/{number}"),
                "the version that the component has in this document, as affected: what is said of other versions cannot be kept",
            ));
        }
    }
    Ok(())
}

fn product(part: &Value) -> Product {
    let purl = owned(part, "purl");
    let name = if purl.is_some() { owned(part, "name") } else { Some(id_of(part)) };
    let hash = list(part, "hashes").find(|hash| text(hash, "alg") == Some("SHA-256"));
    Product { id: purl, name, sha256: hash.and_then(|hash| owned(hash, "content")), components: Vec::new() }
}

/// Its package URL or CPE, or name and version.
fn id_of(part: &Value) -> String {
    if let Some(id) = text(part, "purl").or_else(|| text(part, "cpe")) {
        return id.to_owned();
    }
    let name = text(part, "name").unwrap_or_default();
    let name = text(part, "group").map_or_else(|| name.to_owned(), |group| format!("{group}/{name}"));
    text(part, "version").map_or_else(|| name.clone(), |version| format!("{name}@{version}"))
}

/// What makes two products one.
fn key(product: &Product) -> (Option<&str>, Option<&str>, Option<&str>) {
    (product.id.as_deref(), product.name.as_deref(), product.sha256.as_deref())
}

/// As CycloneDX 1.6. Where all is said of one product, the document is about that; where of several, it lists each with the
/// components in it that are meant.
#[must_use]
pub fn cyclonedx(head: &Head, opinions: &[Opinion]) -> Value {
    let mut metadata = json!({
        "timestamp": head.time,
        "authors": [{ "name": head.author }],
        "tools": { "components": [tool()] },
    });
    let mut products: Vec<&Product> = Vec::new();
    for product in opinions.iter().flat_map(|opinion| &opinion.products) {
        if !products.iter().any(|known| key(known) == key(product)) {
            products.push(product);
        }
    }
    // An opinion about no product is about whatever is signed with it: it must not become one about the only product.
    let one = products.len() == 1 && opinions.iter().all(|opinion| !opinion.products.is_empty());
    let number = |product: &Product| products.iter().position(|known| key(known) == key(product)).unwrap_or_default();
    let own = |product: &Product| if one { "product".to_owned() } else { format!("product-{}", number(product)) };
    let part = |product: &Product, id: &str| {
        if one && id != "product" { id.to_owned() } else { format!("{}/{id}", own(product)) }
    };
    let mut parts: Vec<BTreeMap<&str, Value>> = vec![BTreeMap::new(); products.len()];
    let mut vulnerabilities = Vec::new();
    for opinion in opinions {
        let mut affects = Vec::new();
        for product in &opinion.products {
            if product.components.is_empty() {
                affects.push(json!({ "ref": own(product) }));
            }
            for id in &product.components {
                if let Some(parts) = parts.get_mut(number(product)) {
                    parts.insert(id, component("library", &part(product, id), id, Some(id)));
                }
                affects.push(json!({ "ref": part(product, id) }));
            }
        }
        vulnerabilities.push(cyclonedx_vulnerability(opinion, &affects));
    }
    let mut listed: Vec<Value> = Vec::new();
    for (product, parts) in products.iter().zip(parts) {
        let name = product.name.as_ref().or(product.id.as_ref()).map_or("product", String::as_str);
        let mut entry = component("application", &own(product), name, product.id.as_deref());
        let hash = product.sha256.as_ref().map(|hash| json!([{ "alg": "SHA-256", "content": hash }]));
        put(&mut entry, "hashes", hash);
        let parts: Vec<Value> = parts.into_values().collect();
        if one {
            put(&mut metadata, "component", Some(entry));
            listed = parts;
        } else {
            put(&mut entry, "components", (!parts.is_empty()).then(|| parts.into()));
            listed.push(entry);
        }
    }
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "vulnerabilities": vulnerabilities,
    });
    put(&mut document, "components", (!listed.is_empty()).then(|| listed.into()));
    with_serial(&mut document);
    document
}

fn component(kind: &str, reference: &str, name: &str, id: Option<&str>) -> Value {
    let mut entry = json!({ "type": kind, "bom-ref": reference, "name": name });
    put(&mut entry, "purl", id.filter(|id| id.starts_with("pkg:")).map(|id| json!(id)));
    put(&mut entry, "cpe", id.filter(|id| id.starts_with("cpe:")).map(|id| json!(id)));
    entry
}

fn cyclonedx_vulnerability(opinion: &Opinion, affects: &[Value]) -> Value {
    let state = match opinion.status {
        Status::NotAffected => "not_affected",
        Status::Affected => "exploitable",
        Status::Fixed => "resolved",
        Status::UnderInvestigation => "in_triage",
    };
    let (justification, words) = match opinion.justification {
        None => (None, None),
        Some(Justification::ComponentNotPresent) => (Some("code_not_present"), Some("component_not_present")),
        Some(Justification::VulnerableCodeNotPresent) => (Some("code_not_present"), None),
        Some(Justification::VulnerableCodeNotInExecutePath) => (Some("code_not_reachable"), None),
        Some(Justification::VulnerableCodeCannotBeControlledByAdversary) => {
            (Some("code_not_reachable"), Some("vulnerable_code_cannot_be_controlled_by_adversary"))
        }
        Some(Justification::InlineMitigationsAlreadyExist) => (Some("protected_by_mitigating_control"), None),
    };
    let detail: Vec<&str> = [words, opinion.impact.as_deref()].into_iter().flatten().collect();
    let mut analysis = json!({ "state": state });
    put(&mut analysis, "justification", justification.map(|word| json!(word)));
    put(&mut analysis, "detail", (!detail.is_empty()).then(|| json!(detail.join(": "))));
    put(&mut analysis, "lastUpdated", opinion.time.as_ref().map(|time| json!(time)));
    let mut vulnerability = json!({ "id": opinion.id, "analysis": analysis });
    put(&mut vulnerability, "recommendation", opinion.action.as_ref().map(|text| json!(text)));
    let references: Vec<Value> =
        opinion.aliases.iter().map(|id| json!({ "id": id, "source": { "name": source_of(id) } })).collect();
    put(&mut vulnerability, "references", (!references.is_empty()).then(|| json!(references)));
    put(&mut vulnerability, "affects", (!affects.is_empty()).then(|| json!(affects)));
    vulnerability
}

/// Who gives out ids of this kind.
fn source_of(id: &str) -> &'static str {
    match id.split('-').next().unwrap_or_default() {
        "CVE" => "NVD",
        "GHSA" => "GitHub Advisories",
        "RUSTSEC" => "RustSec",
        "PYSEC" => "PyPI Advisory Database",
        "GO" => "Go Vulnerability Database",
        _ => "OSV",
    }
}
