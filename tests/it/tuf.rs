//! The repository of a real Sigstore instance: its chain of roots, and refreshes at times inside and outside of what counts.

use countersign_core::time::Time;
use countersign_flow::FlowError;
use countersign_flow::attest::refresh::{Before, refresh};
use countersign_tests::fixtures;
use countersign_verify::tuf::Root;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What a repository makes of a file: as it is, altered, or none.
type Altered<'a> = dyn Fn(&str, Vec<u8>) -> Option<Vec<u8>> + 'a;

fn folder() -> Option<PathBuf> {
    fixtures("root-signing")
}

fn root(folder: &Path, version: u32) -> Vec<u8> {
    std::fs::read(folder.join(format!("metadata/root_history/{version}.root.json"))).unwrap()
}

/// As a server of the repository would answer: names with versions and digests, over files without.
fn serve<'f>(folder: &'f Path, altered: &'f Altered<'f>) -> impl Fn(&str) -> Result<Option<Vec<u8>>, FlowError> + 'f {
    move |name| {
        let place = if name.ends_with(".root.json") {
            folder.join("metadata/root_history").join(name)
        } else if let Some(target) = name.strip_prefix("targets/") {
            let (digest, file) = target.split_once('.').unwrap();
            assert_eq!(digest.len(), 64);
            folder.join("targets").join(file)
        } else {
            let plain = name
                .split_once('.')
                .filter(|(version, _)| version.parse::<u64>().is_ok())
                .map_or(name, |(_, rest)| rest);
            folder.join("metadata").join(plain)
        };
        Ok(std::fs::read(place).ok().and_then(|bytes| altered(name, bytes)))
    }
}

fn codes(result: Result<countersign_flow::attest::refresh::Refreshed, FlowError>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(FlowError::Refused(findings)) => findings.iter().map(|finding| finding.code.to_string()).collect(),
        Err(other) => panic!("{other}"),
    }
}

fn time(text: &str) -> Time {
    text.parse().unwrap()
}

#[test]
fn the_chain_of_roots_is_followed_one_by_one_and_not_otherwise() {
    let Some(folder) = folder() else { return };
    let mut newest = Root::pinned(&root(&folder, 1)).unwrap();
    for version in 2..=15 {
        newest = newest.next(&root(&folder, version)).unwrap();
    }
    assert_eq!(newest.version(), 15);
    let first = Root::pinned(&root(&folder, 1)).unwrap();
    assert!(first.next(&root(&folder, 15)).is_err(), "a gap");
    assert!(newest.next(&root(&folder, 14)).is_err(), "back");
    let mut altered = root(&folder, 2);
    let at = altered.windows(10).position(|part| part == b"\"threshold").unwrap() + 13;
    altered[at] = b'1';
    assert!(first.next(&altered).is_err(), "altered");
}

#[test]
fn a_refresh_gets_what_the_targets_name_while_everything_counts() {
    let Some(folder) = folder() else { return };
    let manifest = std::fs::read(folder.parent().unwrap().join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let before = Before { root: root(&folder, 1), timestamp: None };
    let as_it_is = |_: &str, bytes: Vec<u8>| Some(bytes);
    let mut count = 0;
    for case in manifest["root-signing"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let wanted = case["expect"] == "accept";
        if let Some(target) = name.strip_prefix("target/") {
            let got = refresh(&before, target, time("2026-08-25T00:00:00Z"), &serve(&folder, &as_it_is)).unwrap();
            assert_eq!(got.document, std::fs::read(folder.join("targets").join(target)).unwrap(), "{name}");
            assert_eq!((got.root_version, got.timestamp_version), (15, 762));
        } else if name.starts_with("refresh-") {
            let at = time(case["at"].as_str().unwrap());
            let found = codes(refresh(&before, "trusted_root.json", at, &serve(&folder, &as_it_is)));
            assert_eq!(found, if wanted { vec![] } else { vec!["tuf-expired".to_owned()] }, "{name}");
        } else {
            continue;
        }
        count += 1;
    }
    assert_eq!(count, 14);
}

#[test]
fn what_a_repository_alters_keeps_back_or_takes_back_is_refused() {
    let Some(folder) = folder() else { return };
    let at = time("2026-08-25T00:00:00Z");
    let before = || Before { root: root(&folder, 15), timestamp: None };
    let with = |altered: &Altered<'_>| codes(refresh(&before(), "trusted_root.json", at, &serve(&folder, altered)));
    let flip = |file: &'static str| {
        move |name: &str, mut bytes: Vec<u8>| {
            if name.ends_with(file) {
                let at = bytes.len() / 2;
                bytes[at] ^= 1;
            }
            Some(bytes)
        }
    };
    assert!(with(&|_, bytes| Some(bytes)).is_empty());
    for file in ["timestamp.json", "snapshot.json", "targets.json", "trusted_root.json"] {
        assert_eq!(with(&flip(file)), ["tuf-invalid"], "{file}");
        let gone = move |name: &str, bytes: Vec<u8>| (!name.ends_with(file)).then_some(bytes);
        assert_eq!(with(&gone), ["tuf-invalid"], "{file}");
    }
    // A timestamp of a later version was seen before.
    let mut seen: Value =
        serde_json::from_slice(&std::fs::read(folder.join("metadata/timestamp.json")).unwrap()).unwrap();
    seen["signed"]["version"] = 763.into();
    let later = Before { timestamp: Some(serde_json::to_vec(&seen).unwrap()), ..before() };
    let as_it_is = |_: &str, bytes: Vec<u8>| Some(bytes);
    assert_eq!(codes(refresh(&later, "trusted_root.json", at, &serve(&folder, &as_it_is))), ["tuf-invalid"]);
    // One of the same version that named a later snapshot, and one that cannot be read.
    seen["signed"]["version"] = 762.into();
    let named = seen.pointer("/signed/meta/snapshot.json/version").unwrap().as_u64().unwrap();
    seen["signed"]["meta"]["snapshot.json"]["version"] = (named + 1).into();
    for kept in [serde_json::to_vec(&seen).unwrap(), b"{}".to_vec(), b"no JSON".to_vec()] {
        let kept = Before { timestamp: Some(kept), ..before() };
        assert_eq!(codes(refresh(&kept, "trusted_root.json", at, &serve(&folder, &as_it_is))), ["tuf-invalid"]);
    }
    seen["signed"]["meta"]["snapshot.json"]["version"] = named.into();
    let same = Before { timestamp: Some(serde_json::to_vec(&seen).unwrap()), ..before() };
    assert!(codes(refresh(&same, "trusted_root.json", at, &serve(&folder, &as_it_is))).is_empty());
    assert_eq!(codes(refresh(&before(), "no-such-file", at, &serve(&folder, &as_it_is))), ["tuf-invalid"]);
}

#[test]
fn the_newest_root_is_fetched_through_the_door_from_this_machine() {
    let Some(folder) = folder() else { return };
    let server = countersign_tests::files_server::serve(move |name| {
        let as_it_is = |_: &str, bytes: Vec<u8>| Some(bytes);
        serve(&folder, &as_it_is)(name).unwrap()
    });
    let out = tempfile::tempdir().unwrap();
    let door = |arguments: &[&str]| countersign_tests::door::bare(out.path(), arguments);
    std::fs::write(out.path().join("begin.json"), root(&fixtures("root-signing").unwrap(), 5)).unwrap();
    let url = server.url();
    let fetch = ["trust", "refresh", "--url", &url, "--state", "state", "--at", "2026-08-25T00:00:00Z"];
    let ran = door(&[&fetch[..], &["--tuf-root", "begin.json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.text);
    assert!(ran.out.contains("root version 15"), "{}", ran.out);
    // The second time the first root is known, and the file is the same.
    let again = door(&fetch);
    assert!(again.code == 0 && again.out.contains("the same as before"), "{}", again.text);
    let late = door(&["trust", "refresh", "--url", &url, "--state", "state", "--at", "2026-11-21T00:00:00Z"]);
    assert_eq!(late.code, 3, "{}", late.text);
    let plain = door(&["trust", "refresh", "--url", "http://example.com", "--tuf-root", "begin.json"]);
    assert_eq!(plain.code, 2, "{}", plain.text);
    let nothing = door(&["trust", "refresh", "--url", &url]);
    assert_eq!(nothing.code, 2, "{}", nothing.text);
}
