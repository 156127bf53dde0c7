//! Real provenance of many builders, each case with the verdict that its verifier's own regression table has: offline, and on
//! the statement alone once its signature is taken as verified. An acceptance too many is a hole.

use countersign_core::attestation::Proof;
use countersign_core::digest::{Sha256, hex_array};
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of};
use countersign_core::slsa::{Expectations, ExpectedBuilder, Package};
use countersign_core::time::Time;
use countersign_core::trust::NamePattern;
use countersign_flow::FlowError;
use countersign_flow::attest::inputs::{Read, read_all};
use countersign_flow::attest::{Expected, Subject, check};
use countersign_tests::fixtures;
use countersign_verify::attest::{Anchors, KeyWitness, NamedKey, NamedRoot, Wanted};
use countersign_verify::sigstore::{Transparency, TrustedRoot};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which codes stand for which class of the other verifier's table.
fn codes_of(class: &str) -> &'static [&'static str] {
    match class {
        "MismatchVersionedTag" | "MismatchTag" | "MismatchBranch" | "InvalidRef" => &["provenance-ref"],
        "MismatchSource" => &["provenance-source"],
        "MismatchBuilderID"
        | "UntrustedReusableWorkflow"
        | "InvalidBuilderID"
        | "NotSupported"
        | "VerifierNotSupported" => &["provenance-builder"],
        "MismatchHash" => &["subject-mismatch"],
        "MismatchPackageName" | "MismatchPackageVersion" => &["provenance-package"],
        "MismatchWorkflowInputs" => &["provenance-parameter"],
        "NoValidSignature" => &["signature-invalid", "signer-unknown", "logged-entry-mismatch"],
        "InvalidDssePayload" => &["envelope-signatures", "bundle-malformed"],
        "MismatchIntoto" | "InvalidFormat" => &["provenance-contradicts", "bundle-malformed"],
        other => panic!("no code for class {other}"),
    }
}

struct Set {
    folder: PathBuf,
    anchors: Anchors,
    read: BTreeMap<String, Result<Vec<Read>, Vec<Finding>>>,
}

impl Set {
    fn new(folder: &Path) -> Self {
        let bytes = |path: &str| std::fs::read(folder.join(path)).unwrap();
        let root = TrustedRoot::parse(&bytes("real-bundles/trust/public-good.json")).unwrap();
        let root = NamedRoot { name: "public-good".to_owned(), root, transparency: Transparency::Log };
        let mut keys = NamedKey::from_registry(&bytes("real-bundles/trust/npm-registry-keys.json")).unwrap();
        for entry in std::fs::read_dir(folder.join("slsa-verifier/cloud-build-keys")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().trim_end_matches(".key.pem").to_owned();
            let pem = std::fs::read_to_string(&path).unwrap();
            keys.push(NamedKey::from_pem(&name, &pem, KeyWitness::Nobody).unwrap().of_cloud_build());
        }
        Self { folder: folder.to_owned(), anchors: Anchors { roots: vec![root], keys }, read: BTreeMap::new() }
    }

    fn read(&mut self, path: &str) -> Result<Vec<Read>, Vec<Finding>> {
        let place = self.folder.join(path);
        let made = || match read_all(&[place]) {
            Ok(read) => Ok(read),
            Err(FlowError::Refused(findings)) => Err(findings),
            Err(other) => panic!("{path}: {other}"),
        };
        self.read.entry(path.to_owned()).or_insert_with(made).clone()
    }
}

fn expected(case: &Value, builder: Option<&str>) -> Expected {
    let text = |value: &Value, field: &str| value[field].as_str().map(str::to_owned);
    let inputs = &case["inputs"];
    let builders = builder.map(|id| ExpectedBuilder::named(NamePattern::Exact(id.to_owned()), 3));
    let provenance = Expectations {
        builders: builders.into_iter().collect(),
        source: text(inputs, "source"),
        branch: text(inputs, "branch"),
        tag: text(inputs, "tag"),
        versioned_tag: text(inputs, "versioned_tag"),
        inputs: inputs["workflow_inputs"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        ..Expectations::default()
    };
    let package = Package { name: text(inputs, "package_name"), version: text(inputs, "package_version") };
    Expected { provenance: Some(provenance), package, signers: 1, ..Expected::default() }
}

fn at() -> Time {
    "2026-11-25T00:00:00Z".parse().unwrap()
}

/// The codes of everything that blocks, over all artifacts of a case.
fn judge(set: &mut Set, case: &Value, builder: Option<&str>) -> BTreeSet<String> {
    let path = case["provenance"].as_str().or_else(|| case["image"].as_str()).unwrap();
    let code = |finding: &Finding| finding.code.to_string();
    let read = match set.read(path) {
        Ok(read) => read,
        Err(findings) => return findings.iter().map(code).collect(),
    };
    let mut out = BTreeSet::new();
    for artifact in case["artifacts"].as_array().unwrap() {
        let short = artifact["sha256"].as_str().map(|hex| Sha256::from_hex(hex).unwrap());
        let long = artifact["sha512"].as_str().map(|hex| hex_array(hex).unwrap());
        let wanted = Wanted { sha256: short, sha512: long, bytes: None };
        let name = artifact["name"].as_str().unwrap();
        let subject = Subject { name, named: true, wanted };
        let found = check(&subject, &read, &[], &set.anchors, &expected(case, builder), at()).checked.findings;
        if exit_of(&found) != Exit::Ok {
            out.extend(found.iter().filter(|finding| finding.class.blocks()).map(code));
        }
    }
    out
}

fn cases() -> Option<(Set, Vec<Value>)> {
    let folder = fixtures("slsa-verifier")?;
    let cases: Value = serde_json::from_slice(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap();
    let set = Set::new(folder.parent().unwrap());
    Some((set, cases["cases"].as_array().unwrap().clone()))
}

#[test]
fn every_case_of_a_provenance_verifier_s_table_gets_its_verdict_offline() {
    let Some((mut set, cases)) = cases() else { return };
    let (mut wrong, mut count) = (Vec::new(), (0, 0));
    // A tag is refused before anything is read: see the door's own test.
    for (number, case) in cases.iter().filter(|case| case["class"] != "MutableImage").enumerate() {
        let wanted = case["expect"] == "accept";
        let class = case["class"].as_str();
        // Each case with one of its builders, in turn: every builder comes up with every file.
        let builders = case["builder_ids"].as_array().unwrap();
        for builder in builders.iter().skip(number % builders.len()).take(1) {
            let codes = judge(&mut set, case, builder.as_str());
            let known = class.is_none_or(|class| codes_of(class).iter().any(|code| codes.contains(*code)));
            let log = case["log_entry"] != false || codes.contains("timestamp-missing");
            if codes.is_empty() != wanted || !(wanted || (known && log)) {
                wrong.push(format!("{} with {builder}: {} {class:?}, found {codes:?}", case["name"], case["expect"]));
            }
        }
        if wanted { count.0 += 1 } else { count.1 += 1 }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(count, (102, 930));
}

#[test]
fn statements_whose_signature_is_taken_as_verified_get_the_verdict_of_the_table() {
    let Some((mut set, cases)) = cases() else { return };
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| case["form"] == "dsse-envelope" && case["policy_class"] != "RekorSearch") {
        let wanted = case["policy_expect"] == "accept";
        let read = set.read(case["provenance"].as_str().unwrap()).unwrap();
        for builder in case["builder_ids"].as_array().unwrap() {
            let mut codes = BTreeSet::new();
            for one in &read {
                codes.extend(supposed(one, case, builder.as_str(), &set.folder));
            }
            let class = case["policy_class"].as_str();
            let known = class.is_none_or(|class| codes_of(class).iter().any(|code| codes.contains(*code)));
            if codes.is_empty() != wanted || !(wanted || known) {
                wrong.push(format!(
                    "{} with {builder}: {} {class:?}, found {codes:?}",
                    case["name"], case["policy_expect"]
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_shared_workflow_s_release_and_a_file_of_several_subjects_get_their_verdicts_with_every_builder() {
    let Some((mut set, cases)) = cases() else { return };
    let of_several = |case: &Value| {
        let artifacts = case["artifacts"].as_array().unwrap();
        artifacts.iter().any(|artifact| artifact["name"] == "binary-linux-amd64-sharded")
    };
    let of_a_release = |case: &Value| case["provenance"].as_str().is_some_and(|place| place.contains("/bcr/"));
    let played: Vec<&Value> = cases.iter().filter(|case| of_several(case) || of_a_release(case)).collect();
    assert_eq!(played.len(), 4);
    for case in played {
        for builder in case["builder_ids"].as_array().unwrap() {
            let codes = judge(&mut set, case, builder.as_str());
            let wanted = match (case["expect"].as_str(), case["class"].as_str()) {
                (Some("accept"), _) => None,
                (_, None) => Some("timestamp-missing"),
                (_, Some(class)) => codes_of(class).first().copied(),
            };
            let found = wanted.map_or(codes.is_empty(), |code| codes.contains(code));
            assert!(found, "{} with {builder}: {wanted:?}, found {codes:?}", case["name"]);
        }
    }
}

/// What is made of a statement with the certificate that lies beside it, as if both had been checked.
fn supposed(read: &Read, case: &Value, builder: Option<&str>, folder: &Path) -> BTreeSet<String> {
    let Proof::Envelope { certificate: true, .. } = read.attestation.proof else { panic!("{}", read.place) };
    let file = std::fs::read(folder.join(case["provenance"].as_str().unwrap())).unwrap();
    let envelope: Value = serde_json::from_slice(&file).unwrap();
    let pem = envelope["signatures"][0]["cert"].as_str().unwrap();
    let certificate = countersign_verify::sigstore::read_certificate(pem).unwrap();
    let statement =
        countersign_core::statement::Statement::parse_any(read.attestation.payload.as_deref().unwrap()).unwrap();
    let mut out = BTreeSet::new();
    for artifact in case["artifacts"].as_array().unwrap() {
        let digest = Sha256::from_hex(artifact["sha256"].as_str().unwrap()).unwrap();
        if !(Wanted { sha256: Some(digest), ..Wanted::default() }).is_subject_of(&statement) {
            out.insert("subject-mismatch".to_owned());
        }
    }
    let facts = countersign_core::slsa::Facts::of(&statement).unwrap();
    let signer = countersign_core::slsa::SignerFacts::Certificate {
        issuer: &certificate.issuer,
        name: certificate.name.as_str(),
        claims: &certificate.claims,
    };
    let (_, found) = expected(case, builder).provenance.unwrap().judge(&facts, signer, "here");
    out.extend(found.iter().map(|finding| finding.code.to_string()));
    out
}
