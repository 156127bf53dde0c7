//! What people found out about vulnerabilities, as a document of its own: OpenVEX 0.2.0 and CycloneDX, each from the other.
//! Where one has no word for what the other says, the words stay in the text beside it.

mod cyclonedx;

pub use cyclonedx::cyclonedx;

use countersign_core::digest::{Sha256, to_hex};
use countersign_core::statement::vex::{Justification, Status};
use serde_json::{Map, Value, json};

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
        return cyclonedx::read(value);
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
        let mut products = Vec::new();
        for (number, product) in list(said, "products").enumerate() {
            products.push(openvex_product(product, &at(&format!("products/{number}")))?);
        }
        opinions.push(Opinion {
            id: id.to_owned(),
            aliases: aliases.filter_map(Value::as_str).map(str::to_owned).collect(),
            products,
            status,
            justification,
            impact: owned(said, "impact_statement"),
            action: owned(said, "action_statement"),
            time: owned(said, "timestamp"),
        });
    }
    Ok((Some(Head { author: author.to_owned(), time: time.to_owned() }), opinions))
}

/// A product and its parts, each by a name that can be written down again: what has none would be about another thing there.
fn openvex_product(product: &Value, at: &str) -> Result<Product, VexError> {
    let sha256 = product.get("hashes").and_then(|hashes| owned(hashes, "sha-256"));
    let id = openvex_id(product);
    if id.is_none() && sha256.is_none() {
        return Err(shape(
            at.to_owned(),
            "a product with an @id, a package URL or CPE among its identifiers, or a sha-256",
        ));
    }
    let mut components = Vec::new();
    for (number, part) in list(product, "subcomponents").enumerate() {
        let id = openvex_id(part).ok_or_else(|| {
            shape(
                format!("{at}/subcomponents/{number}"),
                "a component with an @id, or a package URL or CPE among its identifiers",
            )
        })?;
        components.push(id.to_owned());
    }
    let name = text(product, "@id").filter(|name| Some(*name) != id).map(str::to_owned);
    Ok(Product { id: id.map(str::to_owned), name, sha256, components })
}

/// Its package URL where it has one, as identifier or id.
fn openvex_id(value: &Value) -> Option<&str> {
    let own = text(value, "@id");
    let identifier = |key: &str| value.get("identifiers").and_then(|identifiers| text(identifiers, key));
    own.filter(|id| id.starts_with("pkg:"))
        .or_else(|| identifier("purl"))
        .or(own)
        .or_else(|| identifier("cpe23"))
        .or_else(|| identifier("cpe22"))
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

    /// What each statement is about, after it was turned into CycloneDX and back.
    fn turned(statements: &Value) -> Vec<Vec<(String, Vec<String>)>> {
        let value = json!({"@context": CONTEXT, "author": "a", "timestamp": "t", "statements": statements});
        let (head, opinions) = read(&value).unwrap();
        let (_, again) = read(&cyclonedx(&head.unwrap(), &opinions)).unwrap();
        let about = |product: Product| (product.id.or(product.name).unwrap_or_default(), product.components);
        again.into_iter().map(|opinion| opinion.products.into_iter().map(about).collect()).collect()
    }

    #[test]
    fn a_statement_stays_with_the_product_that_it_is_about() {
        let said = |cve: &str, products: Value| {
            json!({"vulnerability": {"name": cve}, "status": "not_affected", "justification": "component_not_present",
                "products": products})
        };
        let part = json!([{"@id": "pkg:npm/x@1"}]);
        let about = turned(&json!([
            said("CVE-1", json!([{"@id": "pkg:oci/alpha@1", "subcomponents": part}])),
            said("CVE-2", json!([{"@id": "pkg:oci/beta@1"}, {"@id": "pkg:oci/alpha@1"}])),
            said("CVE-3", json!([{"identifiers": {"purl": "pkg:cargo/gamma@1.0.0"}, "subcomponents": part}])),
            said("CVE-4", json!([])),
        ]));
        let whole = |id: &str| (id.to_owned(), vec![]);
        let inside = |id: &str| (id.to_owned(), vec!["pkg:npm/x@1".to_owned()]);
        assert_eq!(
            about,
            [
                vec![inside("pkg:oci/alpha@1")],
                vec![whole("pkg:oci/beta@1"), whole("pkg:oci/alpha@1")],
                vec![inside("pkg:cargo/gamma@1.0.0")],
                vec![]
            ]
        );
        let one = turned(&json!([said("CVE-1", json!([{"@id": "pkg:oci/alpha@1"}])), said("CVE-2", json!([]))]));
        assert_eq!(one, [vec![whole("pkg:oci/alpha@1")], vec![]]);
    }

    #[test]
    fn a_product_or_part_that_nothing_names_is_refused() {
        let of = |products: Value| {
            read(&json!({"@context": CONTEXT, "author": "a", "timestamp": "t", "statements": [
                {"vulnerability": {"name": "CVE-1"}, "status": "fixed", "products": products}]}))
        };
        assert!(of(json!([{"identifiers": {}}])).unwrap_err().to_string().starts_with("/statements/0/products/0"));
        let error = of(json!([{"@id": "a", "subcomponents": [{"hashes": {}}]}])).unwrap_err().to_string();
        assert!(error.starts_with("/statements/0/products/0/subcomponents/0: expected a component"), "{error}");
        assert!(of(json!([{"hashes": {"sha-256": "ab"}}])).is_ok());
    }

    #[test]
    fn what_cyclonedx_says_of_a_part_inside_another_names_that_part_and_of_other_versions_is_refused() {
        let of = |root: Value, affects: Value| {
            read(&json!({"bomFormat": "CycloneDX", "metadata": {"component": root},
                "components": [{"type": "library", "name": "outer", "bom-ref": "o", "components": [
                    {"type": "library", "name": "inner", "bom-ref": "i", "version": "1", "purl": "pkg:npm/inner@1"}]}],
                "vulnerabilities": [{"id": "CVE-3", "analysis": {"state": "exploitable"}, "affects": affects}]}))
            .map(|(_, read)| read[0].products.clone())
        };
        let root = json!({"type": "application", "name": "p", "bom-ref": "p", "version": "2"});
        let named = |name: &str, components: &[&str]| Product {
            name: Some(name.to_owned()),
            components: components.iter().map(|&part| part.to_owned()).collect(),
            ..Product::default()
        };
        let both = of(root.clone(), json!([{"ref": "p"}, {"ref": "i"}, {"ref": "o"}]));
        assert_eq!(both.unwrap(), [named("p@2", &[]), named("p@2", &["pkg:npm/inner@1", "outer"])]);
        assert_eq!(of(Value::Null, json!([{"ref": "i"}])).unwrap(), [named("outer", &["pkg:npm/inner@1"])]);
        assert_eq!(of(Value::Null, json!([{"ref": "urn:cdx:x/1#a"}])).unwrap()[0].id.as_deref(), Some("urn:cdx:x/1#a"));
        for (versions, place) in [
            (json!([{"version": "1", "status": "unaffected"}]), "versions/0"),
            (json!([{"version": "1"}, {"version": "2", "status": "affected"}]), "versions/1"),
            (json!([{"range": "vers:npm/>=1"}]), "versions/0"),
        ] {
            let error = of(root.clone(), json!([{"ref": "i", "versions": versions}])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("/vulnerabilities/0/affects/0/{place}: expected")), "{error}");
        }
        assert!(of(root.clone(), json!([{"ref": "i", "versions": [{"version": "1", "status": "affected"}]}])).is_ok());
        assert!(
            of(root, json!([{"ref": "gone"}])).unwrap_err().to_string().starts_with("/vulnerabilities/0/affects/0/ref")
        );
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
