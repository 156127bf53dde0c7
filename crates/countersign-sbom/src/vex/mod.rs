//! What people found out about vulnerabilities, as a document of its own: OpenVEX 0.2.0 and CycloneDX, each from the other.
//! Where one has no word for what the other says, the words stay in the text beside it.

use crate::bom::write::{tool, with_serial};
use countersign_core::digest::{Sha256, to_hex};
use countersign_core::statement::vex::{Justification, Status};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What is said of one vulnerability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// Its main name.
    pub id: String,
    /// Others.
    pub aliases: Vec<String>,
    /// In which products.
    pub products: Vec<Product>,
    /// What was found out.
    pub status: Status,
    /// Why it is not affected.
    pub justification: Option<Justification>,
    /// The same in words.
    pub impact: Option<String>,
    /// What is to be done, where it is affected.
    pub action: Option<String>,
    /// When this was known.
    pub time: Option<String>,
}

/// A product.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Product {
    /// Its package URL, or another id.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// The components in it that are meant.
    pub components: Vec<String>,
}

/// Who says it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Who.
    pub author: String,
    /// When the document was issued.
    pub time: String,
}

/// Why a document says nothing that can be read as such.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VexError {
    /// Neither OpenVEX 0.2.0 nor CycloneDX with vulnerabilities that were looked into.
    #[error("the document is neither OpenVEX 0.2 nor a CycloneDX document with vulnerabilities that somebody judged")]
    Unknown,
    /// A value of another shape.
    #[error("{at}: expected {expected}")]
    Shape {
        /// Where: a JSON pointer.
        at: String,
        /// What should stand there.
        expected: &'static str,
    },
}

/// Justifications of OpenVEX that CycloneDX has only a wider word for: the own word, the wider one.
const EXACTER: [(&str, &str, Justification); 2] = [
    ("component_not_present", "code_not_present", Justification::ComponentNotPresent),
    (
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "code_not_reachable",
        Justification::VulnerableCodeCannotBeControlledByAdversary,
    ),
];

const CONTEXT: &str = "https://openvex.dev/ns/v0.2.0";

/// Whether a document says to be OpenVEX.
#[must_use]
pub fn is_openvex(value: &Value) -> bool {
    value.get("@context").and_then(Value::as_str).is_some_and(|text| text.starts_with("https://openvex.dev/ns"))
}

/// Reads a document of either form, with its head where it has one.
pub fn read(value: &Value) -> Result<(Option<Head>, Vec<Opinion>), VexError> {
    if is_openvex(value) {
        return read_openvex(value);
    }
    if value.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX") {
        return read_cyclonedx(value);
    }
    Err(VexError::Unknown)
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn owned(value: &Value, key: &str) -> Option<String> {
    text(value, key).map(str::to_owned)
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn word<T: serde::de::DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::from(word)).ok()
}

fn shape(at: String, expected: &'static str) -> VexError {
    VexError::Shape { at, expected }
}

fn read_openvex(value: &Value) -> Result<(Option<Head>, Vec<Opinion>), VexError> {
    let time = text(value, "timestamp").ok_or_else(|| shape("/timestamp".to_owned(), "a time"))?;
    let author = text(value, "author").ok_or_else(|| shape("/author".to_owned(), "an author"))?;
    let mut opinions = Vec::new();
    for (place, said) in list(value, "statements").enumerate() {
        let at = |key: &str| format!("/statements/{place}/{key}");
        let vulnerability = said.get("vulnerability");
        let id =
            vulnerability.and_then(|vulnerability| text(vulnerability, "name").or_else(|| text(vulnerability, "@id")));
        let id = id.ok_or_else(|| shape(at("vulnerability"), "a vulnerability with a name"))?;
        let aliases = vulnerability.into_iter().flat_map(|vulnerability| list(vulnerability, "aliases"));
        let status = text(said, "status").and_then(word).ok_or_else(|| shape(at("status"), "a status of OpenVEX"))?;
        let justification = match text(said, "justification") {
            None => None,
            Some(text) => Some(word(text).ok_or_else(|| shape(at("justification"), "a justification of OpenVEX"))?),
        };
        let products = list(said, "products").map(|product| Product {
            id: owned(product, "@id"),
            name: None,
            sha256: product.get("hashes").and_then(|hashes| owned(hashes, "sha-256")),
            components: list(product, "subcomponents").filter_map(|part| owned(part, "@id")).collect(),
        });
        opinions.push(Opinion {
            id: id.to_owned(),
            aliases: aliases.filter_map(Value::as_str).map(str::to_owned).collect(),
            products: products.collect(),
            status,
            justification,
            impact: owned(said, "impact_statement"),
            action: owned(said, "action_statement"),
            time: owned(said, "timestamp"),
        });
    }
    Ok((Some(Head { author: author.to_owned(), time: time.to_owned() }), opinions))
}

fn read_cyclonedx(value: &Value) -> Result<(Option<Head>, Vec<Opinion>), VexError> {
    let metadata = value.get("metadata").unwrap_or(&Value::Null);
    let root = metadata.get("component");
    let named: BTreeMap<&str, &str> = list(value, "components")
        .chain(root)
        .filter_map(|component| {
            let id = text(component, "purl").or_else(|| text(component, "name"))?;
            Some((text(component, "bom-ref")?, id))
        })
        .collect();
    let own = root.and_then(|root| text(root, "bom-ref"));
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
        let components: Vec<String> = list(said, "affects")
            .filter_map(|affected| text(affected, "ref"))
            .filter(|reference| Some(*reference) != own)
            .map(|reference| named.get(reference).copied().unwrap_or(reference).to_owned())
            .collect();
        let product = root.map(|root| Product {
            id: owned(root, "purl"),
            name: owned(root, "name"),
            sha256: list(root, "hashes")
                .find(|hash| text(hash, "alg") == Some("SHA-256"))
                .and_then(|hash| owned(hash, "content")),
            components,
        });
        let responses: Vec<&str> = list(analysis, "response").filter_map(Value::as_str).collect();
        opinions.push(Opinion {
            id: id.to_owned(),
            aliases: list(said, "references").filter_map(|other| owned(other, "id")).collect(),
            products: product.into_iter().collect(),
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

/// As OpenVEX. Its id follows from what it says.
#[must_use]
pub fn openvex(head: &Head, opinions: &[Opinion]) -> Value {
    let statements: Vec<Value> = opinions.iter().map(openvex_statement).collect();
    let mut document = json!({
        "@context": CONTEXT,
        "author": head.author,
        "timestamp": head.time,
        "version": 1,
        "tooling": format!("countersign {}", env!("CARGO_PKG_VERSION")),
        "statements": statements,
    });
    document.sort_all_objects();
    let id: String = to_hex(Sha256::of(document.to_string().as_bytes()).as_bytes());
    if let Some(map) = document.as_object_mut() {
        map.insert("@id".to_owned(), format!("https://openvex.dev/docs/public/vex-{id}").into());
    }
    document.sort_all_objects();
    document
}

fn openvex_statement(opinion: &Opinion) -> Value {
    let mut vulnerability = json!({ "name": opinion.id });
    put(&mut vulnerability, "aliases", (!opinion.aliases.is_empty()).then(|| json!(opinion.aliases)));
    let mut statement = json!({ "vulnerability": vulnerability, "status": opinion.status });
    put(&mut statement, "timestamp", opinion.time.as_ref().map(|time| json!(time)));
    put(&mut statement, "justification", opinion.justification.map(|word| json!(word)));
    put(&mut statement, "impact_statement", opinion.impact.as_ref().map(|text| json!(text)));
    // OpenVEX asks for an action wherever something is affected.
    let action = opinion.action.as_deref().or_else(|| (opinion.status == Status::Affected).then_some("none is known"));
    put(&mut statement, "action_statement", action.map(|text| json!(text)));
    let products: Vec<Value> = opinion
        .products
        .iter()
        .map(|product| {
            let mut entry = Value::Object(Map::new());
            put(&mut entry, "@id", product.id.as_ref().or(product.name.as_ref()).map(|id| json!(id)));
            put(&mut entry, "hashes", product.sha256.as_ref().map(|hash| json!({ "sha-256": hash })));
            let parts: Vec<Value> = product.components.iter().map(|id| json!({ "@id": id })).collect();
            put(&mut entry, "subcomponents", (!parts.is_empty()).then(|| json!(parts)));
            entry
        })
        .collect();
    put(&mut statement, "products", (!products.is_empty()).then(|| json!(products)));
    statement
}

fn put(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Some(map), Some(value)) = (object.as_object_mut(), value) {
        map.insert(key.to_owned(), value);
    }
}

/// As CycloneDX 1.6: a document without components, which names what it is about.
#[must_use]
pub fn cyclonedx(head: &Head, opinions: &[Opinion]) -> Value {
    let product = opinions.iter().flat_map(|opinion| &opinion.products).next();
    let mut metadata = json!({
        "timestamp": head.time,
        "authors": [{ "name": head.author }],
        "tools": { "components": [tool()] },
    });
    if let Some(product) = product {
        let name = product.name.as_ref().or(product.id.as_ref()).map_or("product", String::as_str);
        let mut component = json!({ "type": "application", "bom-ref": "product", "name": name });
        put(&mut component, "purl", product.id.as_ref().filter(|id| id.starts_with("pkg:")).map(|id| json!(id)));
        let hash = product.sha256.as_ref().map(|hash| json!([{ "alg": "SHA-256", "content": hash }]));
        put(&mut component, "hashes", hash);
        put(&mut metadata, "component", Some(component));
    }
    let mut parts: BTreeMap<&str, Value> = BTreeMap::new();
    let vulnerabilities: Vec<Value> = opinions
        .iter()
        .map(|opinion| {
            let mut affects = Vec::new();
            for id in opinion.products.iter().flat_map(|product| &product.components) {
                let mut part = json!({ "type": "library", "bom-ref": id, "name": id });
                put(&mut part, "purl", id.starts_with("pkg:").then(|| json!(id)));
                parts.insert(id, part);
                affects.push(json!({ "ref": id }));
            }
            if affects.is_empty() && product.is_some() {
                affects.push(json!({ "ref": "product" }));
            }
            cyclonedx_vulnerability(opinion, &affects)
        })
        .collect();
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": metadata,
        "vulnerabilities": vulnerabilities,
    });
    if !parts.is_empty() {
        put(&mut document, "components", Some(parts.into_values().collect::<Vec<_>>().into()));
    }
    with_serial(&mut document);
    document
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

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::statement::vex::Vex;

    fn opinion() -> Opinion {
        Opinion {
            id: "CVE-2026-1".to_owned(),
            aliases: vec!["GHSA-1".to_owned()],
            products: vec![Product {
                id: Some("pkg:cargo/app@1.0.0".to_owned()),
                name: None,
                sha256: Some("ab".repeat(32)),
                components: vec!["pkg:cargo/a@1.0.0".to_owned()],
            }],
            status: Status::NotAffected,
            justification: Some(Justification::VulnerableCodeNotInExecutePath),
            impact: Some("the parser is never called".to_owned()),
            action: None,
            time: Some("2026-11-01T00:00:00Z".to_owned()),
        }
    }

    fn head() -> Head {
        Head { author: "Security team".to_owned(), time: "2026-11-02T00:00:00Z".to_owned() }
    }

    #[test]
    fn what_is_written_as_either_reads_back_the_same() {
        let reasons = [
            Justification::ComponentNotPresent,
            Justification::VulnerableCodeNotPresent,
            Justification::VulnerableCodeNotInExecutePath,
            Justification::VulnerableCodeCannotBeControlledByAdversary,
        ];
        for (write, reason) in [openvex, cyclonedx].into_iter().flat_map(|write| reasons.map(|reason| (write, reason)))
        {
            for impact in [None, opinion().impact] {
                let said = Opinion { justification: Some(reason), impact, ..opinion() };
                let value = write(&head(), std::slice::from_ref(&said));
                let (read_head, mut read) = read(&value).unwrap();
                read[0].products[0].name = None;
                assert_eq!((read_head, read), (Some(head()), vec![said]));
            }
        }
    }

    #[test]
    fn openvex_is_what_the_rule_reads() {
        let vex: Vex = serde_json::from_value(openvex(&head(), &[opinion()])).unwrap();
        assert!(vex.statements[0].clears() && vex.statements[0].covers(&"ab".repeat(32)));
        assert!(vex.statements[0].is_about(["GHSA-1"].into_iter()));
    }

    #[test]
    fn what_the_other_form_has_no_word_for_stays_in_the_text() {
        let value = json!({"bomFormat": "CycloneDX", "vulnerabilities": [
            {"id": "CVE-1", "analysis": {"state": "not_affected", "justification": "requires_configuration"}},
            {"id": "CVE-2", "analysis": {"state": "false_positive"}},
            {"id": "CVE-3", "ratings": []},
        ]});
        let (no_head, read) = read(&value).unwrap();
        let said: Vec<_> = read.iter().map(|one| (one.id.as_str(), one.justification, one.impact.as_deref())).collect();
        assert_eq!(said, [("CVE-1", None, Some("requires_configuration")), ("CVE-2", None, Some("false positive"))]);
        assert_eq!(no_head, None);
        let controlled = Justification::VulnerableCodeCannotBeControlledByAdversary;
        let written = cyclonedx(&head(), &[Opinion { justification: Some(controlled), ..opinion() }]);
        let detail = written["vulnerabilities"][0]["analysis"]["detail"].as_str().unwrap();
        assert!(detail.contains("cannot_be_controlled"), "{detail}");
    }

    #[test]
    fn words_that_neither_form_has_are_refused() {
        let value = json!({"@context": CONTEXT, "author": "a", "timestamp": "t", "statements": [
            {"vulnerability": {"name": "CVE-1"}, "status": "fine"}]});
        assert_eq!(read(&value).unwrap_err().to_string(), "/statements/0/status: expected a status of OpenVEX");
        assert_eq!(read(&json!({})), Err(VexError::Unknown));
        assert_eq!(read(&json!({"bomFormat": "CycloneDX"})), Err(VexError::Unknown));
    }
}
