//! The programs that the chores need, and how they come onto a machine that lacks them: Debian's packages by apt-get,
//! toolchain components by rustup, cargo's subcommands by `cargo install`. What cannot be installed is named.

use crate::{Outcome, run, workspace};
use std::path::{Path, PathBuf};

/// What the tests start: the program, how to ask for it, and the Debian package that brings it.
const PROGRAMS: &[(&str, &str)] = &[
    ("git", "git"),
    ("openssl", "openssl"),
    ("ssh-keygen", "openssh-client"),
    ("softhsm2-util", "softhsm2"),
    ("strace", "strace"),
    ("python3", "python3"),
];

/// Components of the toolchain: the program that it brings, and its name.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// The programs and components that the tests need, installed where they are missing.
pub(crate) fn for_tests(root: &Path) -> Outcome {
    let missing: Vec<&(&str, &str)> = PROGRAMS.iter().filter(|(program, _)| !is_on_path(program)).collect();
    if !missing.is_empty() {
        let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
        by_apt(root, &packages)?;
    }
    for (program, component) in COMPONENTS {
        if !run::works("cargo", &[program, "--version"]) {
            run::shown(run::command("rustup", root).args(["component", "add", component]))?;
        }
    }
    Ok(())
}

/// strace alone, for the suite that stops a process at its system calls.
pub(crate) fn strace(root: &Path) -> Outcome {
    if is_on_path("strace") { Ok(()) } else { by_apt(root, &["strace"]) }
}

/// A subcommand of cargo, installed from the registry at this version where it is missing.
pub(crate) fn subcommand(root: &Path, name: &str, version: &str) -> Outcome {
    if run::works("cargo", &[name, "--version"]) {
        return Ok(());
    }
    let package = format!("cargo-{name}");
    println!("installing {package} {version}, which is missing");
    run::shown(run::cargo(root).args(["install", "--locked", &package, "--version", version]))
}

/// A folder with libraries of Python, fetched from PyPI if it is not there: each file by the hash that the list has, into a
/// folder under `target/` that is named by the list.
pub(crate) fn python_library(root: &Path, what: &str, list: &str) -> Outcome<PathBuf> {
    let name = countersign_core::digest::Sha256::of(workspace::read(&root.join(list))?.as_bytes()).hex();
    let python = run::output_of(run::command("python3", root).args(["-c", "import sys; print(sys.version_info[:2])"]))?;
    let python: String = String::from_utf8_lossy(&python).chars().filter(char::is_ascii_digit).collect();
    let short: String = name.chars().take(16).collect();
    let folder = root.join("target").join(what).join(format!("{short}-{python}"));
    let whole = folder.join("whole");
    if whole.exists() {
        return Ok(folder);
    }
    let mut pip = run::command("python3", root);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action=ignore"]);
    pip.args(["--require-hashes", "--only-binary=:all:", "--no-deps", "--upgrade", "--target"]).arg(&folder);
    run::output_of(pip.args(["-r", list]))?;
    workspace::write(&whole, "")?;
    Ok(folder)
}

/// Whether cargo-nextest is there. It is used where it is, and never compiled for one run.
pub(crate) fn has_nextest() -> bool {
    run::works("cargo", &["nextest", "--version"])
}

fn by_apt(root: &Path, packages: &[&str]) -> Outcome {
    let wanted = packages.join(" ");
    if !is_on_path("apt-get") {
        return Err(format!("needs {wanted}, and there is no apt-get to install it with: install it by hand"));
    }
    // Only root may install; elsewhere sudo is asked, without a prompt that nobody would answer.
    let as_root = run::output_of(run::command("id", root).arg("-u"))?.starts_with(b"0\n");
    let apt = |arguments: &[&str]| {
        let mut command = if as_root { run::command("apt-get", root) } else { run::command("sudo", root) };
        if !as_root {
            command.args(["-n", "apt-get"]);
        }
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        run::shown(&mut command)
    };
    println!("installing {wanted}, which is missing");
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(packages);
    apt(&install)
}

fn is_on_path(program: &str) -> bool {
    let Some(path) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_on_the_path() {
        assert!(is_on_path("sh"));
        assert!(!is_on_path("there-is-no-such-program"));
    }
}
