//! The tests that a policy release closes: recorded with its activation, carried by the audit package, and found when they are
//! not the ones.

use countersign_core::digest::Sha256;
use countersign_record::package;
use countersign_tests::door::Door;
use std::collections::BTreeMap;

const LEAST: &str = "--least-checkpoint outside/checkpoint";
const CASE: &str = "policy/rules/no-pads/cases/broken.yaml";

/// A release 2 with a rule that has two files of tests, approved by both.
fn door() -> Door {
    let door = Door::new();
    let text = String::from_utf8(door.read("policy/policy.toml")).unwrap();
    door.write("policy/policy.toml", text.replace("version = 1\n", "version = 2\n").as_bytes());
    door.run("policy new no-pads --owner security --folder policy --form yaml").expect(0, &["in stage monitor"]);
    door.run("policy build policy --output p.json").expect(0, &["no-pads@1"]);
    for person in ["ada", "ben"] {
        door.run(&format!("policy approve p.json --key keys/{person} --output p.sigstore.json")).expect(0, &[]);
    }
    door
}

fn activate(door: &Door, more: &str, code: i32, words: &[&str]) {
    door.trusting(&format!(
        "policy activate p.sigstore.json --environment production --key keys/ada --log-key keys/log.pem --store store \
         --checkpoint-output outside/now {LEAST} {more}"
    ))
    .expect(code, words);
}

/// The package in parts, packed again after `change`, and what the auditor is told of it.
fn altered(door: &Door, code: i32, words: &[&str], change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) {
    let mut files = package::read(&door.read("all.cspkg")).unwrap();
    change(&mut files);
    door.write("altered.cspkg", &package::write(&files).unwrap());
    door.trusting("audit verify altered.cspkg --least-checkpoint outside/now").expect(code, words);
}

/// Puts another document into the place of one, by its bytes.
fn replace(files: &mut BTreeMap<String, Vec<u8>>, from: &[u8], to: &[u8]) {
    let found = |bytes: &Vec<u8>| bytes.windows(from.len()).position(|part| part == from);
    let (shard, at) = files.values_mut().find_map(|bytes| found(bytes).map(|at| (bytes, at))).expect("it is packed");
    shard.splice(at..at + from.len(), to.iter().copied());
}

#[test]
fn the_tests_of_a_release_reach_the_auditor_byte_for_byte_and_a_flipped_one_is_found() {
    let door = door();
    let case = door.read(CASE);

    // What lies in the folder is not what was approved: nothing is recorded.
    door.write(CASE, &[case.as_slice(), b"# more\n"].concat());
    activate(&door, "--tests policy", 1, &["refused[policy-tests-differ]", CASE, "nothing was recorded"]);
    door.write(CASE, &case);
    assert_eq!(door.entries(), 4);

    activate(&door, "--tests policy", 0, &["release 2 is active for production"]);
    let checks = |what: &str| format!("audit {what} --least-checkpoint outside/now");
    for (name, more, code) in [("all", "", 0), ("facts", "--profile facts-only", 3)] {
        door.run(&format!("audit export --store store --output {name}.cspkg {more}")).expect(0, &[]);
        door.trusting(&checks(&format!("verify {name}.cspkg")))
            .expect(code, &["page and text are what the log makes them"]);
        door.trusting(&checks(&format!("population policy-activations {name}.cspkg")))
            .expect(code, &["2 of 2 files in the package"]);
        let files = package::read(&door.read(&format!("{name}.cspkg"))).unwrap();
        let line = format!("{} {}\n", Sha256::of(&case), case.len());
        let document = [line.as_bytes(), &case, b"\n"].concat();
        let held = |bytes: &Vec<u8>| bytes.windows(document.len()).any(|part| part == document);
        assert!(files.iter().any(|(name, bytes)| name.starts_with("evidence/") && held(bytes)), "{name}");
    }

    let digest = Sha256::of(&case).to_string();
    let mut flipped = case.clone();
    flipped[0] ^= 1;
    altered(&door, 4, &["package-file-altered", &format!("document {digest}")], |files| {
        replace(files, &case, &flipped);
    });
    // Its digest made to fit as well: then nothing names it, and the one that is named is not there.
    let other = Sha256::of(&flipped).to_string();
    let mut words = vec!["package-file-altered", "nothing in the log names this document", "package-evidence-missing"];
    words.push(&digest);
    altered(&door, 4, &words, |files| {
        replace(files, &case, &flipped);
        replace(files, digest.as_bytes(), other.as_bytes());
        let shard = files.values_mut().find(|bytes| bytes.windows(other.len()).any(|part| part == other.as_bytes()));
        sort(shard.expect("its shard"));
    });
}

#[test]
fn an_activation_without_the_tests_says_so_and_so_does_the_package() {
    let door = door();
    activate(&door, "", 0, &["note[policy-tests-unrecorded]", "give the policy's folder with --tests"]);
    door.run("audit export --store store --output all.cspkg").expect(0, &[]);
    door.trusting("audit verify all.cspkg --least-checkpoint outside/now").expect(0, &["PASS"]);
    door.trusting("audit population policy-activations all.cspkg --least-checkpoint outside/now")
        .expect(0, &["2 files, by digest alone"]);
}

/// The documents of a shard by rising digest, as a package has them.
fn sort(shard: &mut Vec<u8>) {
    let mut documents: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut rest = shard.as_slice();
    while !rest.is_empty() {
        let end = rest.iter().position(|b| *b == b'\n').unwrap();
        let line = std::str::from_utf8(&rest[..end]).unwrap();
        let length: usize = line.split_once(' ').unwrap().1.parse().unwrap();
        let stop = end + 1 + length + 1;
        documents.push((rest[..end].to_vec(), rest[..stop].to_vec()));
        rest = &rest[stop..];
    }
    documents.sort();
    *shard = documents.into_iter().flat_map(|(_, bytes)| bytes).collect();
}
