//! The program itself. That it is a test of this package makes cargo build the program anew before any test of the workspace
//! runs it.
#![expect(clippy::disallowed_methods, reason = "the program is run as its user runs it")]

use std::process::Command;

#[test]
fn it_says_which_version_it_is() {
    let output = Command::new(env!("CARGO_BIN_EXE_countersign")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("countersign {}\n", env!("CARGO_PKG_VERSION")));
}
