//! `cargo xtask judge`: has the program sign with keys of every kind and with identities, by an instance on this machine,
//! and lets PyPI's `sigstore` and `securesystemslib` judge each bundle, and each with one bit turned.
//!
//! They are fetched from PyPI once, each file by its hash, into a folder under `target/` that is named by the list. Where
//! PyPI cannot be reached, nothing was judged: as a verb of its own that is a failure, in the run of all tests it is said.

use crate::{Outcome, run, tools, workspace};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

/// What is fetched.
const LIST: &str = "xtask/judge/requirements.txt";
/// Who signs, and who vouches for it.
const WHO: (&str, &str) = ("ada@example.com", "https://accounts.example.com");

/// Judges. Where the judge cannot be had, nothing was judged, which is a failure.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    crate::refuse_rest(arguments)?;
    let root = workspace::root()?;
    judge(&root, &library(&root)?)
}

/// Judges, or says in full view that the judge cannot be had here.
pub(crate) fn if_reachable() -> Outcome {
    let root = workspace::root()?;
    match library(&root) {
        Ok(library) => judge(&root, &library),
        // What is fetched and is something else is no matter of reach.
        Err(why) if why.contains("DO NOT MATCH THE HASHES") => Err(why),
        Err(why) => {
            println!("SKIPPED: PyPI's sigstore cannot be had here, so nobody else judged what we sign\n{why}");
            Ok(())
        }
    }
}

fn library(root: &Path) -> Outcome<PathBuf> {
    tools::python_library(root, "judge", LIST)
}

fn judge(root: &Path, library: &Path) -> Outcome {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = folder.path();
    let cases = sign(root, folder)?;
    workspace::write(&folder.join("cases.json"), &Value::from(cases).to_string())?;
    let mut python = run::command("python3", root);
    python.env("PYTHONPATH", library).env("PYTHONDONTWRITEBYTECODE", "1");
    run::shown(python.arg("xtask/judge/judge.py").arg(folder))
}

/// Signs with everything by an instance that serves meanwhile, into a folder, and says what was signed.
pub(crate) fn sign(root: &Path, folder: &Path) -> Outcome<Vec<Value>> {
    let example = ["--quiet", "--locked", "--package", "countersign-tests", "--example", "sigstore-instance"];
    run::shown(run::cargo(root).arg("build").args(example))?;
    run::shown(run::cargo(root).args(["build", "--quiet", "--locked", "--package", "countersign"]))?;
    let _instance = Instance::start(root, folder)?;
    signed(root, folder)
}

/// The instance, which serves until it is dropped.
struct Instance(Child);

impl Instance {
    fn start(root: &Path, folder: &Path) -> Outcome<Self> {
        let program = workspace::target(root).join("debug/examples/sigstore-instance");
        let mut command = run::command(&program.to_string_lossy(), folder);
        let command = command.arg(folder).args([WHO.0, WHO.1]).stdin(Stdio::piped());
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let mut instance = Self(child);
        for _ in 0..200 {
            if folder.join("token").exists() {
                return Ok(instance);
            }
            if let Ok(Some(status)) = instance.0.try_wait() {
                return Err(format!("the instance ended with {status}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the instance did not come up".to_owned())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // Its input ends, and so does it; an error means that it has ended already.
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// Signs with everything, and says what was signed.
fn signed(root: &Path, folder: &Path) -> Outcome<Vec<Value>> {
    let program = workspace::target(root).join("debug/countersign");
    let call = |line: &str| {
        let mut command = run::command(&program.to_string_lossy(), folder);
        command.args(line.split_whitespace());
        run::output_of(&mut command).map(drop)
    };
    workspace::write(&folder.join("app.bin"), "an artifact\n")?;
    let digest = countersign_core::digest::Sha256::of(b"an artifact\n").hex();
    let sbom = json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": [] });
    workspace::write(&folder.join("app.cdx.json"), &sbom.to_string())?;
    let sign = "sign app.cdx.json --type sbom --artifact app.bin";
    let mut cases = Vec::new();
    for (option, kind) in [("ed25519", "Ed25519"), ("p256", "ECDSA P-256"), ("p384", "ECDSA P-384"), ("rsa", "RSA")] {
        call(&format!("key generate --type {option} --output {option}.pem"))?;
        call(&format!("{sign} --key {option}.pem --output {option}.json"))?;
        cases.push(json!({
            "name": format!("a key, {kind}"), "bundle": format!("{option}.json"), "key": format!("{option}.pem.pub"),
            "kind": kind, "sha256": digest,
        }));
    }
    let token = workspace::read(&folder.join("token"))?;
    for (log, config) in [(2, "signing_config.json"), (1, "signing_config_v1.json")] {
        let identity = |name: &str, bundle: &str| {
            json!({
                "name": format!("an identity, Rekor {log}, {name}"), "bundle": bundle, "identity": WHO.0,
                "issuer": WHO.1, "artifact": "app.bin", "sha256": digest, "log": log,
            })
        };
        let services = format!("--signing-config {config} --trusted-root trusted_root.json");
        let bundle = format!("statement-{log}.json");
        call(&format!("{sign} --keyless {services} --identity-token token --output {bundle}"))?;
        cases.push(identity("a statement", &bundle));
        let bundle = format!("file-{log}.json");
        call(&format!("conformance sign-bundle --identity-token {token} --bundle {bundle} {services} app.bin"))?;
        cases.push(identity("a file", &bundle));
    }
    Ok(cases)
}
