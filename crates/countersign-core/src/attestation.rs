//! Attestations in the forms in which people have them: a Sigstore bundle, lines of bundles or envelopes, npm's answer about
//! a package, a PEP 740 attestation, a bare DSSE envelope, what Cloud Build says of an image, and cosign's layers. This
//! module reads them, and checks no signature. A form that is a bundle under another name becomes that bundle, so that
//! there is one way to check it.

mod cosign;

pub use cosign::{embedded, is_layer, layer};

use crate::bundle::{BundleError, shaped};
use crate::digest::Sha256;
use crate::envelope::PAYLOAD_TYPE;
use crate::json::{self, JsonError};
use crate::limits;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Form {
    /// A Sigstore bundle.
    Bundle,
    /// A bare DSSE envelope.
    Envelope,
    /// npm's answer about a package.
    Npm,
    /// An attestation of the Python index, PEP 740.
    Pep740,
    /// What Cloud Build says of an image.
    CloudBuild,
    /// A layer that cosign attached to an image: an envelope, or a signature over the image.
    Cosign,
}

/// One attestation, unverified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The form in which it was handed in.
    pub form: Form,
    /// Where in its file, for messages: `attestation 2`; empty where the file is nothing else.
    pub place: String,
    /// The signed payload; nothing where the signature is over a file.
    pub payload: Option<Vec<u8>>,
    /// What shows that somebody signed it.
    pub proof: Proof,
    /// The SHA-256 of what was handed in for it, without the white space around it: its document, or its line.
    pub digest: Sha256,
    /// The SHA-256 of the whole file as it lies there, which is what others name it by; nothing where it came from no file.
    pub file: Option<Sha256>,
    /// What the form says beside the signed payload, and what has to agree with it.
    pub beside: Vec<Beside>,
    /// Where several of these are alternatives, of which one has to hold: their number; 0 where each has to.
    pub either: u32,
}

/// What shows that somebody signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A Sigstore bundle, as it is checked.
    Bundle(Vec<u8>),
    /// The same, put together from a layer of cosign's, and that layer's own bytes. Where there is a payload, they are its
    /// envelope, which older log entries are over; where there is none, they are what was signed.
    Cosigned {
        /// The bundle.
        bundle: Vec<u8>,
        /// The layer.
        content: Vec<u8>,
    },
    /// The signatures of an envelope.
    Envelope {
        /// The payload type.
        payload_type: String,
        /// Those whose base64 holds.
        signatures: Vec<RawSignature>,
        /// Whether one brings a certificate: then there has to be a time as well, and an envelope has none.
        certificate: bool,
    },
    /// Signatures by a key of Cloud Build, over the payload as it is.
    CloudBuild {
        /// Those whose base64 holds.
        signatures: Vec<RawSignature>,
        /// The payload type.
        payload_type: String,
    },
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSignature {
    /// The key's name, as the envelope has it. It selects, it does not prove.
    pub key: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Something that a form says beside what is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beside {
    /// The artifact's digest, as `sha256:…`: it has to be the artifact's.
    Digest {
        /// Where it says so.
        place: &'static str,
        /// What it says.
        found: String,
    },
    /// The statement as text, which people read: it has to be the signed one.
    Statement(Value),
    /// Who published, as a PEP 740 document says it: names of its own, by field. Nobody signed them.
    Publisher(BTreeMap<String, String>),
    /// The predicate's type, as somebody reads it who does not open the payload: it has to be the signed one.
    Kind(String),
    /// Something that belongs into its document and is not there.
    Lacks(&'static str),
    /// Something that has to be one word, and is another.
    Word {
        /// Where it says so.
        place: &'static str,
        /// What it has to be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
}

/// How text begins as some shells write it, in UTF-8 and in UTF-16.
const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];

/// Reads everything in a file. At least one attestation, or a refusal.
pub fn read(bytes: &[u8]) -> Result<Vec<Attestation>, BundleError> {
    let mut out = read_each(bytes)?;
    let file = Some(Sha256::of(bytes));
    for read in &mut out {
        read.file = file;
    }
    Ok(out)
}

fn read_each(bytes: &[u8]) -> Result<Vec<Attestation>, BundleError> {
    if bytes.len() > limits::COLLECTION_BYTES {
        return Err(JsonError::TooLarge { found: bytes.len(), limit: limits::COLLECTION_BYTES }.into());
    }
    let whole = bytes.trim_ascii();
    if whole.is_empty() {
        return Err(BundleError::Empty);
    }
    if MARKS.iter().any(|mark| whole.starts_with(mark)) {
        let found = "a byte-order mark before the text (write the file as UTF-8 without one)";
        return Err(BundleError::Form { found: found.to_owned() });
    }
    if whole.len() <= limits::DOCUMENT_BYTES {
        json::within_attestation(whole)?;
        match json::parse(whole) {
            Ok(value) => return one(&value, whole),
            // Several lines, perhaps. That the first of them is JSON tells a collection from a document that is broken.
            Err(error) if !first_line_is_json(whole) => return Err(error.into()),
            Err(_) => {}
        }
    }
    let lines = whole.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<(usize, &[u8])> = lines.enumerate().filter(|(_, line)| !line.is_empty()).collect();
    if lines.len() > limits::COLLECTION_ITEMS {
        return Err(BundleError::TooMany { limit: limits::COLLECTION_ITEMS });
    }
    let mut out = Vec::new();
    for (number, line) in lines {
        let number = number.saturating_add(1);
        let at = |source| BundleError::Line { line: number, source: Box::new(source) };
        let counted = json::within_attestation(line).and_then(|()| json::parse(line));
        let value = counted.map_err(|error| at(error.into()))?;
        for mut read in one(&value, line).map_err(at)? {
            let within = if read.place.is_empty() { String::new() } else { format!(", {}", read.place) };
            read.place = format!("line {number}{within}");
            out.push(read);
        }
    }
    Ok(out)
}

fn first_line_is_json(whole: &[u8]) -> bool {
    let first = whole.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.len() < whole.len() && json::parse(first.trim_ascii()).is_ok_and(|value| value.is_object())
}

/// One document. A form that is put together anew still has the digest of what was handed in: nobody else knows that of our own
/// writing.
fn one(value: &Value, bytes: &[u8]) -> Result<Vec<Attestation>, BundleError> {
    let mut out = in_its_form(value, bytes)?;
    // Once: a document may be long, and hold thousands of them.
    let digest = Sha256::of(bytes);
    for read in out.iter_mut().filter(|read| read.form != Form::Cosign) {
        read.digest = digest;
    }
    Ok(out)
}

fn in_its_form(value: &Value, bytes: &[u8]) -> Result<Vec<Attestation>, BundleError> {
    let has = |field: &str| value.get(field).is_some();
    if value.get("mediaType").and_then(Value::as_str).is_some_and(is_layer) {
        return Ok(vec![cosign::read_embedded(value)?]);
    }
    if has("mediaType") {
        return Ok(vec![bundle(Form::Bundle, value, bytes.to_vec())?]);
    }
    if has("payloadType") || has("signatures") {
        return Ok(vec![envelope(value, bytes)?]);
    }
    if has("attestation_bundles") {
        // Who published, such a document says besides, unsigned: only the certificate is believed.
        if value.get("version") != Some(&json!(1)) {
            let found = value.get("version").map_or_else(String::new, Value::to_string);
            return Err(BundleError::Form {
                found: format!("a provenance object of PEP 740, version `{}`", short(&found)),
            });
        }
        let bundles = array(value, "attestation_bundles")?;
        let mut each = Vec::new();
        for bundle in bundles {
            let attestations = array(bundle, "attestations")?.iter();
            each.extend(attestations.map(|attestation| (bundle.get("publisher"), attestation)));
        }
        return several(each.into_iter(), |(publisher, attestation)| {
            let mut out = pep740(attestation)?;
            out.beside.extend(publisher.map(|publisher| Beside::Publisher(named(publisher))));
            Ok(out)
        });
    }
    if has("verification_material") {
        return Ok(vec![pep740(value)?]);
    }
    if has("attestations") {
        let listed = array(value, "attestations")?;
        let mut out = several(listed.iter(), listed_bundle)?;
        // GitHub's answer about an artifact has the same form, and nobody's word beside the bundles.
        if !listed.iter().any(|one| one.get("predicateType").is_some()) && !out.iter().any(is_about_npm) {
            return Ok(out);
        }
        for one in &mut out {
            one.form = Form::Npm;
        }
        // Whoever takes the registry's own out hides that it does not hold.
        if !out.iter().any(is_of_the_registry) {
            for one in &mut out {
                one.beside.push(Beside::Lacks("the registry's own attestation"));
            }
        }
        return Ok(out);
    }
    if has("provenance_summary") {
        return cloud_build(value);
    }
    if has("base64Signature") {
        let found = "cosign's own bundle of before version 3 (`base64Signature`; `cosign sign-blob --new-bundle-format` writes a Sigstore bundle)";
        return Err(BundleError::Form { found: found.to_owned() });
    }
    let statement = value.get("_type").and_then(Value::as_str);
    let found = statement.map_or("JSON of another kind", |_| "a statement that nobody signed");
    Err(BundleError::Form { found: found.to_owned() })
}

fn several<T>(
    values: impl ExactSizeIterator<Item = T>,
    read: impl Fn(T) -> Result<Attestation, BundleError>,
) -> Result<Vec<Attestation>, BundleError> {
    if values.len() == 0 {
        return Err(BundleError::Empty);
    }
    if values.len() > limits::COLLECTION_ITEMS {
        return Err(BundleError::TooMany { limit: limits::COLLECTION_ITEMS });
    }
    let numbered = |(index, value): (usize, T)| {
        let mut out = read(value)?;
        out.place = format!("attestation {}", index.saturating_add(1));
        Ok(out)
    };
    values.enumerate().map(numbered).collect()
}

/// A Sigstore bundle: over an envelope or over a file. Whether its media type is one that is checked, the check says.
fn bundle(form: Form, value: &Value, bytes: Vec<u8>) -> Result<Attestation, BundleError> {
    let some = |field: &str| value.get(field).is_some_and(|part| !part.is_null());
    // What is no bundle at all, such as a trusted root, is said to be none: of its parts there is nothing to say.
    if value.is_object() && !some("dsseEnvelope") && !some("messageSignature") {
        return Err(BundleError::NoEnvelope);
    }
    shaped(value)?;
    // A field that is null is one that is left out: not every reader behind this one knows that.
    let mut without;
    let (value, bytes) = if json::holds_null(value) {
        without = value.clone();
        json::without_nulls(&mut without);
        (&without, written(&without)?)
    } else {
        (value, bytes)
    };
    let payload = match (value.get("dsseEnvelope"), value.get("messageSignature")) {
        (Some(envelope), None) => {
            let signatures = array(envelope, "signatures")?.len();
            if signatures != 1 {
                return Err(BundleError::Signatures { found: signatures });
            }
            let found = text(envelope, "payloadType")?;
            if found != PAYLOAD_TYPE {
                return Err(BundleError::PayloadType { found: found.chars().take(120).collect() });
            }
            Some(unpacked(envelope, "payload")?)
        }
        (None, Some(_)) => None,
        (None, None) | (Some(_), Some(_)) => return Err(BundleError::NoEnvelope),
    };
    let digest = Sha256::of(&bytes);
    let proof = Proof::Bundle(bytes);
    Ok(Attestation { form, place: String::new(), payload, proof, digest, file: None, beside: Vec::new(), either: 0 })
}

fn statement_of(attestation: &Attestation) -> Value {
    attestation.payload.as_deref().and_then(|payload| json::parse(payload).ok()).unwrap_or_default()
}

/// Whether it is about a package of npm's, which is signed: what says so beside it, somebody may have taken off.
fn is_about_npm(attestation: &Attestation) -> bool {
    let statement = statement_of(attestation);
    let subjects = statement.get("subject").and_then(Value::as_array).into_iter().flatten();
    let mut names = subjects.filter_map(|subject| subject.get("name").and_then(Value::as_str));
    names.any(|name| name.starts_with("pkg:npm/"))
}

/// Whether it says that npm took a package in.
fn is_of_the_registry(attestation: &Attestation) -> bool {
    let statement = statement_of(attestation);
    let kind = statement.get("predicateType").and_then(Value::as_str).unwrap_or_default();
    kind.starts_with("https://github.com/npm/attestation/")
}

/// One of a list of bundles, as npm and GitHub answer.
fn listed_bundle(value: &Value) -> Result<Attestation, BundleError> {
    let elsewhere = value.get("bundle_url").is_some_and(Value::is_string);
    let none = if elsewhere { BundleError::Elsewhere } else { BundleError::NoEnvelope };
    let bundled = value.get("bundle").filter(|bundle| !bundle.is_null()).ok_or(none)?;
    let mut out = bundle(Form::Bundle, bundled, written(bundled)?)?;
    let said = value.get("predicateType").filter(|said| !said.is_null());
    out.beside.extend(said.map(|said| Beside::Kind(said.as_str().map_or_else(|| said.to_string(), str::to_owned))));
    Ok(out)
}

/// What a publisher says that a certificate says too. Nobody signed it, and a document may have it for many attestations: of
/// anything else it says nothing is kept.
const PUBLISHER: [&str; 5] = ["kind", "repository", "workflow", "workflow_filepath", "email"];

/// The texts of a publisher, by field.
fn named(publisher: &Value) -> BTreeMap<String, String> {
    let text = |field: &str| Some((field.to_owned(), publisher.get(field)?.as_str()?.chars().take(400).collect()));
    PUBLISHER.iter().filter_map(|field| text(field)).collect()
}

/// PEP 740 has the parts of a bundle under other names.
fn pep740(value: &Value) -> Result<Attestation, BundleError> {
    if value.get("version") != Some(&json!(1)) {
        let found = value.get("version").map_or_else(String::new, Value::to_string);
        return Err(BundleError::Form { found: format!("an attestation of PEP 740, version `{}`", short(&found)) });
    }
    let part = |field: &str| value.get(field).ok_or_else(|| shape(&format!("missing field `{field}`")));
    let (material, envelope) = (part("verification_material")?, part("envelope")?);
    let certificate = text(material, "certificate")?.replace(['\n', '\r'], "");
    let entries = array(material, "transparency_entries")?;
    let joined = |field| text(envelope, field).map(|text| text.replace(['\n', '\r'], ""));
    let made = json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": { "certificate": { "rawBytes": certificate }, "tlogEntries": entries },
        "dsseEnvelope": {
            "payload": joined("statement")?,
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{ "sig": joined("signature")? }],
        },
    });
    bundle(Form::Pep740, &made, written(&made)?)
}

/// The base64 inside of the first PEM block.
fn first_pem(pem: &str) -> Result<String, BundleError> {
    let inside = pem.split_once("-----BEGIN CERTIFICATE-----").and_then(|(_, rest)| rest.split_once("-----END"));
    let (inside, _) = inside.ok_or(BundleError::Base64 { field: "certificate" })?;
    Ok(inside.split_ascii_whitespace().collect())
}

fn envelope(value: &Value, bytes: &[u8]) -> Result<Attestation, BundleError> {
    let payload_type = text(value, "payloadType")?.to_owned();
    let payload = unpacked(value, "payload")?;
    let (signatures, certificate) = signatures(value)?;
    let proof = Proof::Envelope { payload_type, signatures, certificate };
    Ok(Attestation {
        form: Form::Envelope,
        place: String::new(),
        payload: Some(payload),
        proof,
        digest: Sha256::of(bytes),
        file: None,
        beside: Vec::new(),
        either: 0,
    })
}

/// The signatures whose base64 holds: what is no signature counts as none, and does not keep the others from counting.
fn signatures(value: &Value) -> Result<(Vec<RawSignature>, bool), BundleError> {
    let listed = array(value, "signatures")?;
    if listed.is_empty() || listed.len() > limits::ENVELOPE_SIGNATURES {
        return Err(BundleError::EnvelopeSignatures { found: listed.len() });
    }
    let certificate = listed.iter().any(|one| one.get("cert").and_then(Value::as_str).is_some_and(|c| !c.is_empty()));
    let read = |one: &Value| {
        let key = one.get("keyid").and_then(Value::as_str).unwrap_or_default().to_owned();
        let bytes = decoded(one.get("sig")?.as_str()?)?;
        (!bytes.is_empty()).then_some(RawSignature { key, bytes })
    };
    Ok((listed.iter().filter_map(read).collect(), certificate))
}

/// What `gcloud … describe --show-provenance` prints: a summary, and the provenance in several forms beside each other. Any
/// one that holds in whole is enough.
fn cloud_build(value: &Value) -> Result<Vec<Attestation>, BundleError> {
    let image = value.get("image_summary").and_then(|image| image.get("digest")).and_then(Value::as_str);
    let summary = value.get("provenance_summary").ok_or_else(|| shape("missing field `provenance_summary`"))?;
    let listed = array(summary, "provenance")?;
    let count = u32::try_from(listed.len()).unwrap_or(u32::MAX);
    several(listed.iter(), |one| {
        let signed = one.get("envelope").ok_or(BundleError::NoEnvelope)?;
        let mut out = envelope(signed, &written(one)?)?;
        let Proof::Envelope { payload_type, signatures, .. } = out.proof else { return Err(BundleError::NoEnvelope) };
        (out.form, out.either) = (Form::CloudBuild, count);
        out.proof = Proof::CloudBuild { signatures, payload_type };
        out.beside = vec![
            Beside::Digest { place: "image_summary.digest", found: image.unwrap_or("none").to_owned() },
            Beside::Word {
                place: "kind",
                expected: "BUILD",
                found: one.get("kind").and_then(Value::as_str).unwrap_or("none").to_owned(),
            },
        ];
        let resource = one.get("resourceUri").and_then(Value::as_str).unwrap_or_default();
        let found = resource.rsplit_once('@').map_or("none", |(_, digest)| digest).to_owned();
        out.beside.push(Beside::Digest { place: "resourceUri", found });
        let build = one.get("build");
        let shown = build.and_then(|b| b.get("intotoStatement").or_else(|| b.get("inTotoSlsaProvenanceV1")));
        out.beside.extend(shown.map(|statement| Beside::Statement(statement.clone())));
        Ok(out)
    })
}

fn array<'v>(value: &'v Value, field: &str) -> Result<&'v Vec<Value>, BundleError> {
    value.get(field).and_then(Value::as_array).ok_or_else(|| shape(&format!("`{field}` is not a list")))
}

fn text<'v>(value: &'v Value, field: &str) -> Result<&'v str, BundleError> {
    value.get(field).and_then(Value::as_str).ok_or_else(|| shape(&format!("`{field}` is not text")))
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

fn shape(what: &str) -> BundleError {
    JsonError::Shape(what.to_owned()).into()
}

fn written(value: &Value) -> Result<Vec<u8>, BundleError> {
    serde_json::to_vec(value).map_err(|error| shape(&error.to_string()))
}

fn unpacked(value: &Value, field: &'static str) -> Result<Vec<u8>, BundleError> {
    decoded(text(value, field)?).ok_or(BundleError::Base64 { field })
}

/// Base64 of either alphabet, as DSSE allows.
#[must_use]
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).or_else(|_standard| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope_text(signatures: &str) -> String {
        format!(r#"{{"payloadType":"{PAYLOAD_TYPE}","payload":"e30=","signatures":[{signatures}]}}"#)
    }

    #[test]
    fn lines_of_envelopes_and_bundles_are_read_and_the_line_that_does_not_hold_is_named() {
        let good = envelope_text(r#"{"keyid":"k","sig":"AAAA"}"#);
        let read = read(format!("{good}\n\n{good}\n").as_bytes()).unwrap();
        assert_eq!(read.iter().map(|a| a.place.as_str()).collect::<Vec<_>>(), ["line 1", "line 3"]);
        assert_eq!(read[0].payload.as_deref(), Some(&b"{}"[..]));
        let bad = super::read(format!("{good}\n{{\"_type\":1}}\n").as_bytes()).unwrap_err();
        assert!(bad.to_string().starts_with("line 2"), "{bad}");
        assert_eq!(super::read(b" \n"), Err(BundleError::Empty));
    }

    #[test]
    fn what_is_read_has_the_digest_of_what_was_handed_in_and_the_one_of_its_file() {
        let good = envelope_text(r#"{"keyid":"k","sig":"AAAA"}"#);
        let ended = format!("{good}\n");
        let [one] = read(ended.as_bytes()).unwrap().try_into().unwrap();
        assert_eq!((one.digest, one.file), (Sha256::of(good.as_bytes()), Some(Sha256::of(ended.as_bytes()))));
        let bundle = format!(r#"{{"mediaType":"x","dsseEnvelope":{good}}}"#);
        let npm = format!("{{ \"attestations\": [{{\"predicateType\": \"a:b\", \"bundle\": {bundle}}}] }}\n");
        let github = format!("{{ \"attestations\": [{{\"bundle\": {bundle}, \"repository_id\": 1}}] }}\n");
        let certificate = r#"{"certificate":"AAAA","transparency_entries":[]}"#;
        let parts = r#"{"statement":"e30=","signature":"AAAA"}"#;
        let pep740 = format!("{{ \"version\": 1, \"verification_material\": {certificate}, \"envelope\": {parts} }}\n");
        for (text, form) in [(npm, Form::Npm), (github, Form::Bundle), (pep740, Form::Pep740)] {
            let [one] = read(text.as_bytes()).unwrap().try_into().unwrap();
            assert_eq!(one.form, form);
            assert_eq!(one.digest, Sha256::of(text.trim().as_bytes()), "{text}");
            assert_eq!(one.file, Some(Sha256::of(text.as_bytes())), "{text}");
        }
        let lines = format!("{ended}{ended}");
        let read = read(lines.as_bytes()).unwrap();
        assert!(read.iter().all(|one| one.digest == Sha256::of(good.as_bytes())));
        assert!(read.iter().all(|one| one.file == Some(Sha256::of(lines.as_bytes()))));
    }

    #[test]
    fn a_list_of_bundles_is_npm_s_where_it_says_so_or_its_packages_do_and_else_github_s() {
        let item = |statement: &Value, more: Option<&str>| {
            let payload = BASE64.encode(statement.to_string());
            let envelope =
                json!({ "payloadType": PAYLOAD_TYPE, "payload": payload, "signatures": [{ "sig": "AAAA" }] });
            let mut item = json!({ "bundle": { "mediaType": "x", "dsseEnvelope": envelope }, "repository_id": 1 });
            if let Some(kind) = more {
                item["predicateType"] = json!(kind);
            }
            item
        };
        let statement = |name: &str| json!({ "subject": [{ "name": name }], "predicateType": "a:b" });
        let read = |items: Value| {
            let read = read(json!({ "attestations": items }).to_string().as_bytes()).unwrap();
            let lacks = read.iter().all(|one| one.beside.iter().any(|beside| matches!(beside, Beside::Lacks(_))));
            (read[0].form, lacks)
        };
        let (app, package) = (statement("app"), statement("pkg:npm/%40o/app@1.0.0"));
        assert_eq!(read(json!([item(&app, None), item(&app, None)])), (Form::Bundle, false));
        assert_eq!(read(json!([item(&app, Some("a:b"))])), (Form::Npm, true));
        assert_eq!(read(json!([item(&app, None), item(&package, None)])), (Form::Npm, true));
        let registry = json!({ "subject": [{ "name": "pkg:npm/a@1" }], "predicateType": "https://github.com/npm/attestation/tree/main/specs/publish/v0.1" });
        assert_eq!(read(json!([item(&package, None), item(&registry, None)])), (Form::Npm, false));
    }

    #[test]
    fn a_list_whose_bundle_lies_elsewhere_says_so_with_what_helps() {
        let refused = |item: Value| read(json!({ "attestations": [item] }).to_string().as_bytes()).unwrap_err();
        let elsewhere = refused(json!({ "bundle": null, "bundle_url": "https://x.example/b", "repository_id": 1 }));
        assert_eq!((elsewhere.code(), &elsewhere), (crate::codes::BUNDLE_MALFORMED, &BundleError::Elsewhere));
        assert!(elsewhere.help().unwrap().contains("gh attestation download"));
        assert_eq!(refused(json!({ "bundle_url": "https://x.example/b" })), BundleError::Elsewhere);
        for none in [json!({ "bundle": null }), json!({ "bundle": null, "bundle_url": null })] {
            let refused = refused(none);
            assert_eq!((refused.help(), &refused), (None, &BundleError::NoEnvelope));
        }
    }

    #[test]
    fn garbage_is_no_signature_and_none_is_refused() {
        let text = envelope_text(r#"{"sig":"!"},{"sig":""},{"keyid":"k","sig":"-_A="}"#);
        let [one] = read(text.as_bytes()).unwrap().try_into().unwrap();
        let Proof::Envelope { signatures, certificate, .. } = one.proof else { panic!("no envelope") };
        assert_eq!(signatures, [RawSignature { key: "k".to_owned(), bytes: vec![0xfb, 0xf0] }]);
        assert!(!certificate);
        assert_eq!(read(envelope_text("").as_bytes()), Err(BundleError::EnvelopeSignatures { found: 0 }));
    }

    #[test]
    fn a_bundle_of_another_payload_type_or_with_two_signatures_is_refused() {
        let bundle = |kind: &str, signatures: &str| {
            let text = format!(
                r#"{{"mediaType":"x","dsseEnvelope":{{"payloadType":"{kind}","payload":"e30=","signatures":[{signatures}]}}}}"#
            );
            read(text.as_bytes()).unwrap_err().code().to_string()
        };
        assert_eq!(bundle("text/plain", r#"{"sig":"AA=="}"#), "payload-type");
        assert_eq!(bundle(PAYLOAD_TYPE, r#"{"sig":"AA=="},{"sig":"AA=="}"#), "envelope-signatures");
    }

    #[test]
    fn an_empty_answer_of_a_registry_is_not_a_success() {
        for text in [r#"{"attestations":[]}"#, r#"{"version":1,"attestation_bundles":[]}"#] {
            assert_eq!(read(text.as_bytes()), Err(BundleError::Empty), "{text}");
        }
    }

    #[test]
    fn a_field_of_a_bundle_that_is_null_is_left_out() {
        let good = envelope_text(r#"{"sig":"AAAA"}"#);
        let nulls = envelope_text(r#"{"keyid":null,"sig":"AAAA"}"#);
        let bundle = |envelope: &str, more: &str| {
            format!(
                r#"{{"mediaType":"x","verificationMaterial":{{"certificate":{{}}{more}}},"dsseEnvelope":{envelope}}}"#
            )
        };
        let proof = |text: &str| match read(text.as_bytes()).unwrap().remove(0) {
            Attestation { proof: Proof::Bundle(bytes), digest, .. } => {
                assert_eq!(digest, Sha256::of(text.as_bytes()), "the digest is of what was handed in");
                json::parse(&bytes).unwrap()
            }
            other => panic!("{other:?}"),
        };
        let text = bundle(&nulls, r#","publicKey":null"#);
        assert_eq!(proof(&text), proof(&bundle(&good, "")));
        let both = text.replace(r#""dsseEnvelope""#, r#""messageSignature":null,"dsseEnvelope""#);
        assert_eq!(proof(&both), proof(&bundle(&good, "")));
    }

    #[test]
    fn what_npm_says_beside_a_bundle_is_kept_to_be_compared() {
        let bundle = format!(r#"{{"mediaType":"x","dsseEnvelope":{}}}"#, envelope_text(r#"{"sig":"AAAA"}"#));
        let text = |said: &str| format!(r#"{{"attestations":[{{{said}"bundle":{bundle}}}]}}"#);
        for (said, kept) in [
            (r#""predicateType":"https://x.example/p","#, Some("https://x.example/p")),
            (r#""predicateType":3,"#, Some("3")),
            ("", None),
        ] {
            let [one] = read(text(said).as_bytes()).unwrap().try_into().unwrap();
            let kind = one.beside.iter().find_map(|beside| match beside {
                Beside::Kind(said) => Some(said.as_str()),
                Beside::Digest { .. }
                | Beside::Statement(_)
                | Beside::Publisher(_)
                | Beside::Lacks(_)
                | Beside::Word { .. } => None,
            });
            assert_eq!(kind, kept, "{said}");
        }
    }

    #[test]
    fn a_document_with_very_many_parts_is_refused_and_many_lines_are_not_one() {
        let good = envelope_text(r#"{"keyid":"k","sig":"AAAA"}"#);
        let rest = good.strip_prefix('{').unwrap();
        let padded = |count: usize| format!(r#"{{"more":[{}],{rest}"#, vec!["{}"; count].join(","));
        assert_eq!(read(padded(limits::ATTESTATION_OBJECTS / 2).as_bytes()).unwrap().len(), 1);
        let half = padded(limits::ATTESTATION_OBJECTS / 2);
        assert_eq!(read([half.as_str(); 3].join("\n").as_bytes()).unwrap().len(), 3);
        let many = padded(limits::ATTESTATION_OBJECTS);
        let too_many = BundleError::Json(JsonError::TooMany { what: "objects", limit: limits::ATTESTATION_OBJECTS });
        assert_eq!(read(many.as_bytes()), Err(too_many.clone()));
        let line = BundleError::Line { line: 2, source: Box::new(too_many) };
        assert_eq!(read(format!("{good}\n{many}").as_bytes()), Err(line));
    }

    #[test]
    fn a_form_that_is_not_read_is_named() {
        let said = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        let older = said(br#"{"base64Signature":"AAAA","cert":"","rekorBundle":{}}"#);
        assert!(older.starts_with("cosign's own bundle of before version 3"), "{older}");
        // What has neither an envelope nor a signature is no bundle, whatever else it is.
        let root = br#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","certificateAuthorities":[{}]}"#;
        assert_eq!(said(root), BundleError::NoEnvelope.to_string());
        assert_eq!(said(br#"{"mediaType":"x","dsseEnvelope":null}"#), BundleError::NoEnvelope.to_string());
        for mark in MARKS {
            let marked = said(&[mark, b"{}"].concat());
            assert!(marked.starts_with("a byte-order mark before the text"), "{marked}");
        }
    }
}
