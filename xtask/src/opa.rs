//! `cargo xtask opa`: the snippets under `tests/rego-opa`, and the rules of our policies, through our engine and through OPA.
//! OPA comes as a wheel from the Python package index, held by its digest, into a temporary folder.

use crate::{Outcome, run, workspace};
use std::path::{Path, PathBuf};

/// The version of OPA that answers.
pub(crate) const VERSION: &str = "1.20.2";

/// The package that carries OPA 1.20.2 as a library, and the digest of its wheel for Linux on x86-64.
const WHEEL: &str = "opa-golib-python-bindings==0.4.4 \
                     --hash=sha256:d411c901e14b8c7c3023e23e4a944f4cf429c1d31baf80e959e57d11efbfd24a\n";

/// Compares. Where OPA cannot be had, nothing was compared, which is a failure.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    crate::refuse_rest(arguments)?;
    let root = workspace::root()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    compare(&root, &library(&root, folder.path())?)
}

/// Compares, or says in full view that OPA cannot be had here.
pub(crate) fn if_reachable() -> Outcome {
    let root = workspace::root()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    match library(&root, folder.path()) {
        Ok(library) => compare(&root, &library),
        // What is fetched and is something else is no matter of reach.
        Err(why) if why.contains("DO NOT MATCH THE HASHES") => Err(why),
        Err(why) => {
            println!("SKIPPED: OPA cannot be had here, so our engine was not compared with it\n{why}");
            Ok(())
        }
    }
}

/// The part of `docs/rego.md` that is made from the table of differences and the snippets.
pub(crate) fn page(root: &Path) -> Outcome<String> {
    let said = run::output_of(example(root).arg("page"))?;
    String::from_utf8(said).map_err(|error| error.to_string())
}

fn compare(root: &Path, library: &Path) -> Outcome {
    run::shown(example(root).arg(library))
}

fn example(root: &Path) -> std::process::Command {
    let mut cargo = run::cargo(root);
    cargo.args(["run", "--quiet", "--locked", "--package", "countersign-tests", "--example", "rego-opa", "--"]);
    cargo
}

/// Fetches the wheel and takes it apart; the library in it. The wheel names a later Python than it needs: only the
/// library is used.
pub(crate) fn library(root: &Path, folder: &Path) -> Outcome<PathBuf> {
    let wanted = folder.join("requirements.txt");
    workspace::write(&wanted, WHEEL)?;
    let mut pip = run::command("python3", root);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--python-version=3.14"]);
    pip.args(["--platform=manylinux_2_34_x86_64", "--require-hashes", "--dest"]).arg(folder).arg("-r").arg(&wanted);
    run::output_of(&mut pip)?;
    let wheels = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
    let wheel = wheels
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or("pip fetched no wheel")?;
    let apart = folder.join("apart");
    run::output_of(run::command("python3", root).args(["-m", "zipfile", "-e"]).arg(wheel).arg(&apart))?;
    let library = apart.join("opa_bindings/libopabridge.so");
    if library.is_file() { Ok(library) } else { Err("the wheel holds no library".to_owned()) }
}
