//! `cargo xtask peers`: two crates of others judge the cases that we judge, and what we signed ourselves, from a package with
//! a lock file of its own; a line says each case in which one of them says something else than we do. Each such difference
//! has a row below that says why; one without a row is a failure, and so is a row that nothing differs by any more.

use crate::{Outcome, conformance, judge, run, workspace};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Cases in which a peer says something else than we do: the peer, the beginning of the case's name, and why. All are faults
/// of the peer: in each we say what the case's own source says.
const KNOWN: &[(&str, &str, &str)] = &[
    ("sigstore", "checkpoint-bad-keyhint_fail", NO_CHECKPOINT),
    ("sigstore", "invalid-checkpoint-signature_fail", NO_CHECKPOINT),
    ("sigstore", "bundle-with-bad-checkpoint-signature", NO_CHECKPOINT),
    ("sigstore", "set-invalid-signature_fail", NO_PROMISE),
    ("sigstore", "mismatched-set", NO_PROMISE),
    ("sigstore", "bundle-with-mismatched-set", NO_PROMISE),
    ("sigstore", "happy-path-v0.3", NO_MEDIA_TYPE),
    ("sigstore", "bundle.v3.sigstore", NO_MEDIA_TYPE),
    ("sigstore", "bundle_v3_alt.txt", NO_MEDIA_TYPE),
    ("sigstore", "rekor2-", NO_REKOR_2),
    ("sigstore", "staging-rekor2-message", NO_REKOR_2),
    ("sigstore", "staging-rekor-v2.txt", NO_REKOR_2),
    ("sigstore", "an identity, Rekor 2", NO_REKOR_2),
    ("sigstore", "java-p384", NO_P384),
    ("sigstore", "bundle.txt.sigstore", NO_P384),
    ("sigstore", "altered proof: an identity, Rekor 1", "it does not check the inclusion proof"),
    ("in-toto", "a key", NO_ENVELOPE),
    ("in-toto", "demo_dsse_files/", NO_ENVELOPE),
];

const NO_CHECKPOINT: &str = "it does not look at the log's checkpoint";
const NO_PROMISE: &str = "it does not check the log's promise, so the time of signature is anybody's";
const NO_MEDIA_TYPE: &str = "it does not know the longer way to write the media type of version 0.3";
const NO_REKOR_2: &str = "it does not know entries of Rekor 2";
const NO_P384: &str = "it takes every certificate's key to be on P-256";
const NO_ENVELOPE: &str = "it reads an envelope whose payload is not in base64, which nobody writes";

/// Compares. Without the cases nothing was compared, which is a failure.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let root = workspace::root()?;
    let fixtures = match arguments {
        [] => std::env::var_os("COUNTERSIGN_FIXTURES").map(PathBuf::from).ok_or("names no folder with the cases")?,
        [folder] => PathBuf::from(folder),
        [_, other, ..] => return Err(format!("does not take `{other}`")),
    };
    compare(&root, &fixtures)
}

/// Compares where the cases are at hand, and says so where they are not.
pub(crate) fn if_there() -> Outcome {
    let root = workspace::root()?;
    if let Some(fixtures) = std::env::var_os("COUNTERSIGN_FIXTURES").map(PathBuf::from) {
        return compare(&root, &fixtures);
    }
    println!("SKIPPED: COUNTERSIGN_FIXTURES names no folder with cases, so nobody else's crates were asked");
    Ok(())
}

/// A case, and what we say of it.
struct Case {
    call: Option<Value>,
    wanted: bool,
}

fn compare(root: &Path, fixtures: &Path) -> Outcome {
    let fixtures = fixtures.canonicalize().map_err(|error| format!("{}: {error}", fixtures.display()))?;
    let manifest = fixtures.join("manifest.json");
    let manifest: Value =
        serde_json::from_str(&workspace::read(&manifest)?).map_err(|error| format!("the manifest: {error}"))?;
    let ours = tempfile::tempdir().map_err(|error| error.to_string())?;
    let signed = signed(root, ours.path())?;
    let package = root.join("xtask/peers");
    let mut cargo = run::cargo(&package);
    cargo.env("CARGO_TARGET_DIR", root.join("target/peers")).args(["run", "--quiet", "--locked", "--"]);
    let said = run::output_of(cargo.arg(&fixtures).arg(ours.path()))?;
    let (mut agree, mut differ) = (BTreeMap::<String, usize>::new(), Vec::new());
    let mut used = BTreeSet::new();
    for line in String::from_utf8_lossy(&said).lines() {
        let line: Value = serde_json::from_str(line).map_err(|error| format!("the peers said `{line}`: {error}"))?;
        let text = |field: &str| line.get(field).and_then(Value::as_str).unwrap_or_default();
        let (peer, set, name) = (text("peer"), text("set"), text("case"));
        let accepts = line.get("accepts").and_then(Value::as_bool).ok_or("the peers said neither yes nor no")?;
        let (cases, folder) =
            if set == "ours" { (Some(&signed), ours.path()) } else { (manifest.get(set), fixtures.as_path()) };
        let case = case(cases, name).ok_or_else(|| format!("{set} has no case {name}"))?;
        // Links of in-toto's older kind are read by nobody here: the set says what each has to come to.
        let we = match case.call.filter(|_| peer == "sigstore") {
            Some(call) => conformance::accepts(root, &call, folder)?,
            None => case.wanted,
        };
        if we != case.wanted {
            return Err(format!("WE are wrong: {set}, {name}"));
        }
        if accepts == we {
            *agree.entry(format!("{peer} over {set}")).or_default() += 1;
            continue;
        }
        let known = KNOWN.iter().position(|(by, begins, _)| *by == peer && name.starts_with(begins));
        let why = known.and_then(|at| KNOWN.get(at)).map(|(_, _, why)| *why);
        used.extend(known);
        let how = if accepts { "ACCEPTS, we refuse" } else { "refuses, we accept" };
        differ.push((format!("{peer} {how}: {set}, {name}"), why, text("why").to_owned()));
    }
    for (what, count) in &agree {
        println!("{what}: {count} as we judge them");
    }
    for (what, why, said) in &differ {
        println!("{what}: {}", why.map_or_else(|| format!("NOT KNOWN, it says `{said}`"), str::to_owned));
    }
    let new = differ.iter().filter(|(_, why, _)| why.is_none()).count();
    let gone: Vec<String> = (0..KNOWN.len())
        .filter(|at| !used.contains(at))
        .filter_map(|at| KNOWN.get(at).map(|(peer, name, _)| format!("{peer}, {name}")))
        .collect();
    if agree.is_empty() {
        return Err("the peers judged nothing".to_owned());
    }
    if new > 0 || !gone.is_empty() {
        return Err(format!("{new} differences without a row, and rows without a difference: {}", gone.join("; ")));
    }
    println!("peers: {} agree, {} differences, each known", agree.values().sum::<usize>(), differ.len());
    Ok(())
}

fn case(cases: Option<&Value>, name: &str) -> Option<Case> {
    let case = cases?.as_array()?.iter().find(|case| case.get("name").and_then(Value::as_str) == Some(name))?;
    let wanted = case.get("expect").and_then(Value::as_str)? == "accept";
    Some(Case { call: case.pointer("/calls/0").cloned(), wanted })
}

/// What we sign: with an identity by Rekor 1 and 2, each with two altered copies; and with keys, for the crate that reads
/// envelopes. The list lies in the folder as `cases.json`.
fn signed(root: &Path, folder: &Path) -> Outcome<Value> {
    let mut cases = Vec::new();
    for case in judge::sign(root, folder)? {
        let text = |field: &str| case.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        if case.get("identity").is_none() {
            let files = [text("bundle"), text("key")];
            cases.push(json!({ "name": text("name"), "kind": text("kind"), "expect": "accept", "files": files }));
            continue;
        }
        let call = |bundle: &str| {
            json!([{
                "bundle": bundle, "artifact": "app.bin", "identity": text("identity"), "issuer": text("issuer"),
                "trusted_root": "trusted_root.json",
            }])
        };
        cases.push(json!({ "name": text("name"), "expect": "accept", "calls": call(&text("bundle")) }));
        let bundle = workspace::read(&folder.join(text("bundle")))?;
        let bundle: Value = serde_json::from_str(&bundle).map_err(|error| error.to_string())?;
        let signature = if bundle.get("dsseEnvelope").is_some() {
            "/dsseEnvelope/signatures/0/sig"
        } else {
            "/messageSignature/signature"
        };
        let proof = "/verificationMaterial/tlogEntries/0/inclusionProof/hashes/0";
        for (what, place) in [("proof", proof), ("signature", signature)] {
            let file = format!("altered-{what}-{}", text("bundle"));
            workspace::write(&folder.join(&file), &altered(bundle.clone(), place)?.to_string())?;
            let name = format!("altered {what}: {}", text("name"));
            cases.push(json!({ "name": name, "expect": "refuse", "calls": call(&file) }));
        }
    }
    let cases = Value::from(cases);
    workspace::write(&folder.join("cases.json"), &cases.to_string())?;
    Ok(cases)
}

/// The bundle with one letter changed of what stands there in base64: other bytes, as many as before.
fn altered(mut bundle: Value, place: &str) -> Outcome<Value> {
    let at = bundle.pointer_mut(place).ok_or_else(|| format!("the bundle has no {place}"))?;
    let mut letters: Vec<char> = at.as_str().unwrap_or_default().chars().collect();
    let middle = letters.len() / 2;
    let letter = letters.get_mut(middle).ok_or_else(|| format!("{place} is empty"))?;
    *letter = if *letter == 'A' { 'B' } else { 'A' };
    *at = Value::from(letters.into_iter().collect::<String>());
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_letter_is_changed_and_nothing_else() {
        let bundle = json!({ "a": ["AAAA", "AACA"] });
        assert_eq!(altered(bundle.clone(), "/a/0").unwrap(), json!({ "a": ["AABA", "AACA"] }));
        assert_eq!(altered(bundle.clone(), "/a/1").unwrap(), json!({ "a": ["AAAA", "AAAA"] }));
        assert!(altered(bundle, "/b").is_err());
    }

    #[test]
    fn a_case_is_found_by_its_whole_name() {
        let cases = json!([{ "name": "ab", "expect": "refuse" }, { "name": "a", "expect": "accept", "calls": [1, 2] }]);
        let found = case(Some(&cases), "a").unwrap();
        assert!(found.wanted && found.call == Some(json!(1)));
        assert!(case(Some(&cases), "b").is_none() && case(None, "a").is_none());
    }
}
