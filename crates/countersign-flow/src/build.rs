//! Signing at build time: a statement, or a document that becomes one, under a machine's key.

use crate::error::FlowError;
use crate::files;
use crate::sboms::foreign_tools;
use crate::signing::{by_key, by_person};
use countersign_collect::artifact;
use countersign_core::codes;
use countersign_core::cyclonedx::Inventory;
use countersign_core::finding::Finding;
use countersign_core::statement::test_result::TestResult;
use countersign_core::statement::vex::Vex;
use countersign_core::statement::vulns::Vulns;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::{json, limits};
use countersign_sbom::bom::Document;
use countersign_sign::{PersonKey, SigningKey, SshKeygen};
use std::path::Path;

/// Of what is ours, no type is signed that this version does not know: it is a slip of the pen, or of another version.
const OURS: &str = "https://countersign.dev/";

/// A statement file as it is: read strictly, and canonical from here on; one of a kind of others stays as it stands.
pub fn statement(path: &Path) -> Result<Statement, FlowError> {
    let bytes = files::read(path, limits::DOCUMENT_BYTES)?;
    let statement = Statement::parse(&bytes).map_err(|error| match instead(&bytes, path) {
        Some(help) => FlowError::Refused(vec![no_statement(path, &error.to_string()).help(help)]),
        None => malformed(path, &error.to_string()),
    })?;
    if statement.kind().is_none() && !statement.predicate_type.as_str().starts_with(OURS) {
        return Ok(Statement::as_it_stands(&bytes)?);
    }
    if statement.kind().is_none() {
        let finding =
            Finding::new(codes::PREDICATE_UNKNOWN, format!("predicate type {} is not known", statement.predicate_type))
                .at(path.display().to_string())
                .expected(Kind::ALL.map(Kind::word).join(", "), "this version of countersign")
                .help("correct the predicate type, or sign with the version that knows it");
        return Err(FlowError::Refused(vec![finding]));
    }
    Ok(statement)
}

/// A `CycloneDX` document as a statement about an artifact, with what is worth saying about the two. A document that
/// names another file by its digest is refused: the signature would make two claims that cannot both be true.
pub fn sbom_statement(document: &Path, artifact: &Path) -> Result<(Statement, Vec<Finding>), FlowError> {
    let bytes = files::read(document, limits::DOCUMENT_BYTES)?;
    let value = json::parse(&bytes).map_err(|error| malformed(document, &error.to_string()))?;
    let inventory = Inventory::read(&value).map_err(|error| {
        let finding = Finding::new(codes::SBOM_MALFORMED, error.to_string()).at(document.display().to_string());
        FlowError::Refused(vec![finding])
    })?;
    let subject = artifact::hash(artifact)?;
    let mut notes = Vec::new();
    match inventory.root.and_then(|root| root.sha256) {
        Some(named) if named != subject.digest => {
            return Err(FlowError::Refused(vec![
                Finding::new(codes::SBOM_DISAGREES, "the SBOM describes another file than the artifact")
                    .at(document.display().to_string())
                    .at("/metadata/component/hashes")
                    .expected(subject.digest.to_string(), artifact.display().to_string())
                    .found(named.to_string())
                    .help(format!(
                        "name the artifact that it describes, or make the SBOM of this one: `countersign sbom --artifact {0}`, or, where it \
                         is an archive of the binary that the SBOM is of, `countersign sbom from BINARY --packed-in {0}`",
                        artifact.display()
                    )),
            ]));
        }
        Some(_) => {}
        None => notes.push(
            Finding::new(codes::SBOM_UNBOUND, "the SBOM itself does not say which file it describes")
                .at(document.display().to_string())
                .expected("a SHA-256 in /metadata/component/hashes", "countersign")
                .found("none")
                .help(format!(
                    "`countersign sbom --artifact {0}` writes it, or, where it is an archive of binaries, `countersign sbom from BINARY \
                     --packed-in {0}`, and `countersign sbom merge` of several such",
                    artifact.display()
                )),
        ),
    }
    if let Some(tools) =
        Document::parse(&bytes).ok().and_then(|read| read.bom().ok()).and_then(|bom| foreign_tools(&bom))
    {
        let what = format!("made by {tools}: signed as it is, and held against nothing that was built");
        notes.push(Finding::new(codes::SBOM_FOREIGN, what).at(document.display().to_string()));
    }
    Ok((Statement::around(Kind::Sbom, vec![Subject::sha256(&subject.name, &subject.digest)], &bytes)?, notes))
}

/// A scan's or a test run's predicate, or an `OpenVEX` document, as a statement about an artifact.
pub fn predicate_statement(kind: Kind, document: &Path, artifact: &Path) -> Result<Statement, FlowError> {
    let bytes = files::read(document, limits::DOCUMENT_BYTES)?;
    let value = json::parse(&bytes).map_err(|error| malformed(document, &error.to_string()))?;
    let subject = artifact::hash(artifact)?;
    let statement = Statement::new(kind, vec![Subject::sha256(&subject.name, &subject.digest)], &value)?;
    let read = if kind == Kind::Vulns {
        statement.predicate_as::<Vulns>(kind).map(drop)
    } else if kind == Kind::Vex {
        statement.predicate_as::<Vex>(kind).map(drop)
    } else if kind == Kind::TestResult {
        statement.predicate_as::<TestResult>(kind).map(drop)
    } else {
        return Err(FlowError::Usage(format!("a document of kind {} is no predicate alone", kind.word())));
    };
    read.map_err(|error| malformed(document, &error.to_string()))?;
    Ok(statement)
}

/// Signs as a person does, by a PEM or an SSH key in this namespace.
pub fn sign_as_person(
    statement: &Statement,
    namespace: &str,
    key: &PersonKey,
    keygen: &SshKeygen,
) -> Result<Vec<u8>, FlowError> {
    by_person(&statement.to_bytes()?, namespace, key, keygen)
}

/// Signs a statement, and checks the bundle as its reader will before giving it back.
pub fn sign(statement: &Statement, key: &SigningKey) -> Result<Vec<u8>, FlowError> {
    by_key(&statement.to_bytes()?, key)
}

fn malformed(path: &Path, what: &str) -> FlowError {
    FlowError::Refused(vec![no_statement(path, what)])
}

fn no_statement(path: &Path, what: &str) -> Finding {
    Finding::new(codes::STATEMENT_MALFORMED, format!("this is no statement: {what}")).at(path.display().to_string())
}

/// What somebody means who has a document of this kind signed as if it were a statement.
fn instead(bytes: &[u8], path: &Path) -> Option<String> {
    let value = json::parse(bytes).ok()?;
    let has = |name: &str| value.get(name).is_some();
    let path = path.display();
    if value.get("bomFormat").is_some_and(|format| format == "CycloneDX") {
        return Some(format!(
            "an SBOM becomes a statement about its artifact: `countersign sign {path} --type sbom --artifact FILE`"
        ));
    }
    if has("spdxVersion") {
        let taken = format!("countersign sbom ingest {path}");
        return Some(format!("an SPDX document is taken in first: `{taken}`"));
    }
    (has("mediaType") && has("verificationMaterial")).then(|| "this is a bundle already: it is signed".to_owned())
}
