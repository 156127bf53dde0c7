//! What two crates of others say of the fixtures, and of bundles that we signed: `countersign-peers FIXTURES [OURS]` prints a
//! line of JSON for each case that they can be asked about. It knows nothing of us; who compares is `cargo xtask peers`.

use in_toto::crypto::{PublicKey, SignatureScheme};
use in_toto::models::Metablock;
use serde_json::{Value, json};
use sigstore::bundle::verify::blocking::Verifier;
use sigstore::bundle::verify::policy::Identity;
use sigstore::trust::sigstore::SigstoreTrustRoot;
use std::error::Error;
use std::path::{Path, PathBuf};

type Said = Result<(), Box<dyn Error>>;

fn main() -> Said {
    let fixtures = std::env::args_os().nth(1).map(PathBuf::from).ok_or("countersign-peers FIXTURES")?;
    let manifest: Value = serde_json::from_slice(&std::fs::read(fixtures.join("manifest.json"))?)?;
    for set in ["sigstore-conformance", "real-bundles", "sigstore-js", "sigstore-java", "sigstore-python"] {
        ask_sigstore(set, &manifest[set], &fixtures);
    }
    if let Some(ours) = std::env::args_os().nth(2).map(PathBuf::from) {
        let cases: Value = serde_json::from_slice(&std::fs::read(ours.join("cases.json"))?)?;
        ask_sigstore("ours", &cases, &ours);
        for case in cases.as_array().into_iter().flatten() {
            if let (Some("Ed25519"), Some(bundle), Some(key)) =
                (case["kind"].as_str(), case["files"][0].as_str(), case["files"][1].as_str())
            {
                show("in-toto", "ours", case, envelope_by_in_toto(&ours.join(bundle), &ours.join(key)));
            }
        }
    }
    for case in manifest["in-toto"].as_array().into_iter().flatten() {
        let files: Vec<PathBuf> = case["files"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(|f| fixtures.join(f))
            .collect();
        if let [link, key] = files.as_slice() {
            show("in-toto", "in-toto", case, by_in_toto(link, key));
        }
    }
    Ok(())
}

fn ask_sigstore(set: &str, cases: &Value, folder: &Path) {
    for case in cases.as_array().into_iter().flatten() {
        for call in case["calls"].as_array().into_iter().flatten() {
            if let Some(said) = by_sigstore(call, folder) {
                show("sigstore", set, case, said);
            }
        }
    }
}

fn show(peer: &str, set: &str, case: &Value, said: Said) {
    let why = said.as_ref().err().map(|error| error.to_string());
    println!("{}", json!({ "peer": peer, "set": set, "case": case["name"], "accepts": said.is_ok(), "why": why }));
}

/// A bundle against a file, by an identity: what the crate can be asked. It takes no key and, as a whole, no digest.
fn by_sigstore(call: &Value, fixtures: &Path) -> Option<Said> {
    let file = |field: &str| call[field].as_str().map(|path| fixtures.join(path));
    let policy = Identity::new(call["identity"].as_str()?, call["issuer"].as_str()?);
    let (bundle, artifact, root) = (file("bundle")?, file("artifact")?, file("trusted_root")?);
    Some((|| {
        let root = SigstoreTrustRoot::from_trusted_root_json_unchecked(&std::fs::read(root)?)?;
        let verifier = Verifier::new(Default::default(), root)?;
        let bundle = serde_json::from_slice(&std::fs::read(bundle)?)?;
        Ok(verifier.verify(std::fs::File::open(artifact)?, bundle, &policy, true)?)
    })())
}

/// A link under a key.
fn by_in_toto(link: &Path, key: &Path) -> Said {
    let key = PublicKey::from_pem_spki(&std::fs::read_to_string(key)?, SignatureScheme::RsaSsaPssSha256)?;
    let block: Metablock = serde_json::from_slice(&std::fs::read(link)?)?;
    block.verify(1, [&key])?;
    Ok(())
}

/// The envelope in a bundle, under a key.
fn envelope_by_in_toto(bundle: &Path, key: &Path) -> Said {
    let key = PublicKey::from_pem_spki(&std::fs::read_to_string(key)?, SignatureScheme::Ed25519)?;
    let bundle: Value = serde_json::from_slice(&std::fs::read(bundle)?)?;
    let block: Metablock = serde_json::from_value(bundle["dsseEnvelope"].clone())?;
    block.verify(1, [&key])?;
    Ok(())
}
