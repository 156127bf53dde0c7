//! `cargo xtask conformance`: the bundle cases of the Sigstore conformance suite, through the program's own command line,
//! each by file and by digest, a line a call, and `N passed, N failed` at the end. The cases are not part of the project;
//! where they are absent this fails, since nothing was shown.

use crate::{Outcome, run, workspace};
use serde_json::Value;
use std::path::{Path, PathBuf};

const SET: &str = "sigstore-conformance";

/// Plays every case of the manifest.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let root = workspace::root()?;
    let fixtures = match arguments {
        [] => std::env::var_os("COUNTERSIGN_FIXTURES").map_or_else(|| root.join("../shared/fixtures"), PathBuf::from),
        [folder] => PathBuf::from(folder),
        [_, other, ..] => return Err(format!("does not take `{other}`")),
    };
    let manifest = fixtures.join("manifest.json");
    let text = std::fs::read(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let manifest: Value = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", manifest.display()))?;
    run::shown(run::cargo(&root).args(["build", "--quiet", "--locked", "--package", "countersign"]))?;
    let program = workspace::target(&root).join("debug/countersign");
    let (mut passed, mut failed) = (0_u32, 0_u32);
    for case in manifest.get(SET).and_then(Value::as_array).into_iter().flatten() {
        let name = text_of(case, "name")?;
        let wanted = text_of(case, "expect")? == "accept";
        for call in case.get("calls").and_then(Value::as_array).into_iter().flatten() {
            for (how, artifact) in artifacts(call, &fixtures) {
                let mut command = run::command(&program.to_string_lossy(), &fixtures);
                command.args(["conformance", "verify-bundle"]).args(options(call, &fixtures)?).arg(artifact);
                let output = run::capture(&mut command)?;
                let accepted = output.status.code() == Some(0);
                // A program that crashed has refused nothing.
                let good = accepted == wanted && matches!(output.status.code(), Some(0 | 3 | 4));
                let said = String::from_utf8_lossy(&output.stderr);
                let why = said.lines().next().unwrap_or("accepted");
                println!("{} {name} [{how}]  {why}", if good { "pass" } else { "FAIL" });
                if good { passed += 1 } else { failed += 1 }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if passed == 0 || failed > 0 { Err("not every case came out as it must".to_owned()) } else { Ok(()) }
}

/// Whether our program accepts a call, by file if there is one. One that crashed has said neither.
pub(crate) fn accepts(root: &Path, call: &Value, folder: &Path) -> Outcome<bool> {
    let program = workspace::target(root).join("debug/countersign");
    let artifact = artifacts(call, folder).into_iter().next().ok_or("a call without an artifact")?.1;
    let mut command = run::command(&program.to_string_lossy(), folder);
    command.args(["conformance", "verify-bundle"]).args(options(call, folder)?).arg(artifact);
    match run::capture(&mut command)?.status.code() {
        Some(0) => Ok(true),
        Some(3 | 4) => Ok(false),
        other => Err(format!("countersign ended with {other:?} over {call}")),
    }
}

fn text_of<'v>(value: &'v Value, field: &str) -> Outcome<&'v str> {
    value.get(field).and_then(Value::as_str).ok_or_else(|| format!("the manifest has a case without `{field}`"))
}

fn options(call: &Value, fixtures: &Path) -> Outcome<Vec<String>> {
    let file = |field| text_of(call, field).map(|path| fixtures.join(path).to_string_lossy().into_owned());
    let mut out = vec!["--bundle".to_owned(), file("bundle")?];
    if call.get("key").is_some() {
        out.extend(["--key".to_owned(), file("key")?]);
    } else {
        out.extend(["--certificate-identity".to_owned(), text_of(call, "identity")?.to_owned()]);
        out.extend(["--certificate-oidc-issuer".to_owned(), text_of(call, "issuer")?.to_owned()]);
    }
    out.extend(["--trusted-root".to_owned(), file("trusted_root")?]);
    Ok(out)
}

fn artifacts(call: &Value, fixtures: &Path) -> Vec<(&'static str, String)> {
    let given = |field| call.get(field).and_then(Value::as_str);
    let path = given("artifact").map(|path| ("path", fixtures.join(path).to_string_lossy().into_owned()));
    let digest = given("digest").map(|digest| ("digest", digest.to_owned()));
    let long = given("sha512").map(|digest| ("digest", format!("sha512:{digest}")));
    [path, digest, long].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_spelled_as_the_suite_spells_it() {
        let call = serde_json::json!({
            "bundle": "b", "identity": "i", "issuer": "u", "trusted_root": "t", "artifact": "a", "digest": "sha256:0"
        });
        let fixtures = Path::new("f");
        assert_eq!(
            options(&call, fixtures).unwrap().join(" "),
            "--bundle f/b --certificate-identity i --certificate-oidc-issuer u --trusted-root f/t"
        );
        let expected = [("path", "f/a".to_owned()), ("digest", "sha256:0".to_owned())];
        assert_eq!(artifacts(&call, fixtures), expected);
        assert!(options(&serde_json::json!({ "bundle": "b" }), fixtures).is_err());
    }
}
