//! What a person meets when there can be no SBOM: what is wrong, where, and the one next action.

use super::{request, workspace, write};
use countersign_sbom::{CargoRequest, SbomError, What, cargo_inventory};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a person would read, without what Cargo itself says, with the folder replaced.
fn said(folder: &Path, error: &SbomError) -> String {
    let folder = fs::canonicalize(folder).unwrap();
    let text = format!("{error}\n  at {}\n  help: {}", error.at().unwrap_or_default(), error.help());
    text.replace(&folder.display().to_string(), "FOLDER")
}

fn refusal(folder: &Path, change: impl FnOnce(&mut CargoRequest)) -> String {
    let mut request = request(folder, &[]);
    change(&mut request);
    said(folder, &cargo_inventory(&request).unwrap_err())
}

#[test]
fn what_is_asked_for_is_called_by_its_name() {
    let folder = workspace("2");
    let library = refusal(folder.path(), |r| (r.what, r.package, r.binary) = (What::Library, None, None));
    assert!(library.contains("0 packages have a library of type `cdylib`"), "{library}");
    assert!(library.contains("help: leave out `--lib`"), "{library}");
    let gone = said(folder.path(), &countersign_sbom::digests(&folder.path().join("gone")).unwrap_err());
    assert!(gone.contains("there is no such file"), "{gone}");
}

#[test]
fn a_name_that_is_not_there_is_refused_with_those_that_are() {
    let folder = workspace("2");
    let folder = folder.path();
    let all = [
        refusal(folder, |r| r.package = Some("apps".to_owned())),
        refusal(folder, |r| r.package = None),
        refusal(folder, |r| r.package = Some("app-lib".to_owned())),
        refusal(folder, |r| r.binary = Some("application".to_owned())),
        refusal(folder, |r| (r.package, r.binary) = (Some("other".to_owned()), None)),
        refusal(folder, |r| (r.package, r.binary) = (Some("other".to_owned()), Some("two".to_owned()))),
        refusal(folder, |r| r.features = vec!["usual,extras".to_owned()]),
        refusal(folder, |r| r.target = Some("x86_64-unknown-amiga".to_owned())),
        refusal(folder, |r| r.target = Some("/etc/target.json".to_owned())),
    ];
    insta::assert_snapshot!(all.join("\n\n"), @"
    the workspace has no package `apps`
      at --package apps
      help: name one of them with `--package`: app, other

    no package was named, and 2 packages have a binary
      at --package
      help: name one of them with `--package`: app, other

    package `app-lib` has no binary
      at --package app-lib
      help: name one of them with `--package`: app, other

    package `app` has no binary `application`
      at --bin application
      help: name one of them with `--bin`: app

    no binary was named, and package `other` has 2 of them
      at --bin
      help: name one of them with `--bin`: one, two

    binary `two` is not built without the features that it requires
      at --bin two
      help: add `--features needed`

    package `app` has no feature `extras`
      at --features extras
      help: name one of them with `--features`: default, extra, more, usual, weak, weakly

    the compiler knows no target `x86_64-unknown-amiga`
      at --target x86_64-unknown-amiga
      help: take one of `rustc --print target-list`

    the compiler knows no target `/etc/target.json`
      at --target /etc/target.json
      help: take one of `rustc --print target-list`
    ");
}

#[test]
fn a_workspace_that_is_not_in_order_is_refused_with_its_place() {
    let whole = workspace("2");
    let folder = whole.path();
    let lock = folder.join("Cargo.lock");
    let text = fs::read_to_string(&lock).unwrap();
    let mut all = Vec::new();

    fs::remove_file(&lock).unwrap();
    all.push(refusal(folder, |_| {}));
    fs::write(&lock, text.replace("name = \"weak\"", "name = \"strong\"")).unwrap();
    all.push(refusal(folder, |_| {}));
    fs::write(&lock, "not a lock file").unwrap();
    all.push(refusal(folder, |_| {}));
    fs::write(&lock, &text).unwrap();
    all.push(refusal(folder, |r| r.cargo = PathBuf::from("no-such-cargo")));
    all.push(refusal(folder, |r| r.directory.push("gone")));
    let manifest = folder.join("Cargo.toml");
    fs::write(&manifest, fs::read_to_string(&manifest).unwrap().replace("\"2\"", "\"9\"")).unwrap();
    all.push(refusal(folder, |_| {}));

    let empty = tempfile::tempdir().unwrap();
    all.push(refusal(empty.path(), |_| {}));
    insta::assert_snapshot!(all.join("\n\n"), @"
    the workspace has no lock file
      at FOLDER/Cargo.lock
      help: run `cargo generate-lockfile` and commit `Cargo.lock`

    the lock file does not match the manifests
      at FOLDER/Cargo.lock
      help: run `cargo update --workspace` and commit `Cargo.lock`

    the file does not parse
      at FOLDER/Cargo.lock
      help: run `cargo generate-lockfile`

    cannot run the program
      at no-such-cargo
      help: install Rust, or put it on the search path

    cannot open the folder
      at FOLDER/gone
      help: check the folder's path and permissions

    Cargo does not take the manifest
      at FOLDER/Cargo.toml
      help: put right what Cargo names

    not inside a Cargo workspace
      at FOLDER
      help: run this in the folder of the workspace's `Cargo.toml`
    ");
}

#[test]
fn a_locked_package_that_is_not_on_the_machine_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2024\"\n[dependencies]\nno-such-package-of-ours = \"=1.0.2\"\n";
    write(folder.path(), "Cargo.toml", manifest);
    write(folder.path(), "src/main.rs", "fn main() {}\n");
    let checksum = "0".repeat(64);
    let lock = format!(
        "version = 4\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\ndependencies = [\"no-such-package-of-ours\"]\n\
         [[package]]\nname = \"no-such-package-of-ours\"\nversion = \"1.0.2\"\n\
         source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"{checksum}\"\n"
    );
    write(folder.path(), "Cargo.lock", &lock);
    // Also where only a feature that is off would need it: without it the list of packages would be shorter, and nobody told.
    let said = refusal(folder.path(), |_| {});
    let optional = manifest.replace("\"=1.0.2\"", "{ version = \"=1.0.2\", optional = true }");
    write(folder.path(), "Cargo.toml", &optional);
    assert_eq!(refusal(folder.path(), |_| {}), said);
    write(folder.path(), "Cargo.toml", manifest);
    insta::assert_snapshot!(refusal(folder.path(), |_| {}), @"
    a locked package is not on this machine and could not be fetched
      at FOLDER/Cargo.lock
      help: run `cargo fetch --locked` where there is a network
    ");
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join(std::ffi::OsStr::from_bytes(b"a\xff"));
    fs::create_dir(&odd).unwrap();
    insta::assert_snapshot!(refusal(folder.path(), |r| r.directory = odd), @"
    the folder's path is not UTF-8, so Cargo cannot name it
      at FOLDER/a�
      help: move the workspace to a folder whose path is UTF-8
    ");
}
