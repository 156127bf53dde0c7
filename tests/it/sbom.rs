//! The SBOM of a workspace's binary: exactly the packages that Cargo builds, in a valid document, with the same bytes
//! everywhere.
#![expect(clippy::unwrap_used, reason = "the helpers of the tests fail by panicking")]

mod built;
mod document;
mod exact;
mod flags;
mod made;
mod reader;
mod refusals;
mod sources;

use countersign_sbom::CargoRequest;
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

/// A workspace with one of everything that makes a list of packages go wrong.
const WORKSPACE: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        "[workspace]\nresolver = \"2\"\nmembers = [\"app\", \"other\", \"app-lib\"]\nexclude = [\"elsewhere\"]\n",
    ),
    (
        "app/Cargo.toml",
        r#"[package]
name = "app"
version = "1.2.3"
edition = "2024"
license = "MIT/Apache-2.0"
[features]
default = ["usual"]
usual = []
extra = ["dep:optional"]
more = ["shared/more", "weak?/deep"]
weakly = ["weak"]
[dependencies]
app-lib = { path = "../app-lib" }
macros = { path = "../elsewhere/macros" }
shared = { path = "../elsewhere/shared", features = ["linked"] }
optional = { path = "../elsewhere/optional", optional = true }
weak = { path = "../elsewhere/weak", optional = true }
[target.'cfg(windows)'.dependencies]
on-windows = { path = "../elsewhere/on-windows" }
[target.'cfg(target_feature = "sse2")'.dependencies]
with-sse2 = { path = "../elsewhere/with-sse2" }
[target.'cfg(target_feature = "avx2")'.dependencies]
with-avx2 = { path = "../elsewhere/with-avx2" }
[target.aarch64-apple-darwin.dependencies]
on-mac = { path = "../elsewhere/on-mac" }
[build-dependencies]
builder = { path = "../elsewhere/builder" }
[target.'cfg(unix)'.build-dependencies]
builder-on-unix = { path = "../elsewhere/builder-on-unix" }
[target.'cfg(windows)'.build-dependencies]
builder-on-windows = { path = "../elsewhere/builder-on-windows" }
[dev-dependencies]
only-in-tests = { path = "../elsewhere/only-in-tests" }
"#,
    ),
    ("app/build.rs", "fn main() {}\n"),
    ("app/src/main.rs", "fn main() {}\n"),
    (
        "app-lib/Cargo.toml",
        r#"[package]
name = "app-lib"
version = "1.2.3"
edition = "2024"
license-file = "../LICENCE"
[dependencies]
shared = { path = "../elsewhere/shared" }
[build-dependencies]
never-built = { path = "../elsewhere/never-built" }
"#,
    ),
    ("app-lib/src/lib.rs", ""),
    (
        "other/Cargo.toml",
        r#"[package]
name = "other"
version = "0.1.0"
edition = "2024"
[features]
needed = []
[[bin]]
name = "one"
path = "src/one.rs"
[[bin]]
name = "two"
path = "src/two.rs"
required-features = ["needed"]
[dependencies]
shared = { path = "../elsewhere/shared", features = ["other"] }
only-other = { path = "../elsewhere/only-other" }
"#,
    ),
    ("other/src/one.rs", "fn main() {}\n"),
    ("other/src/two.rs", "fn main() {}\n"),
    (
        "elsewhere/macros/Cargo.toml",
        r#"[package]
name = "macros"
version = "0.2.0"
edition = "2024"
license = "Our own"
[lib]
proc-macro = true
[dependencies]
macro-helper = { path = "../macro-helper" }
shared = { path = "../shared", features = ["built"] }
"#,
    ),
    (
        "elsewhere/shared/Cargo.toml",
        r#"[package]
name = "shared"
version = "0.3.0"
edition = "2024"
links = "shared"
build = "build.rs"
[features]
linked = []
built = ["dep:only-for-built"]
other = []
more = []
[dependencies]
only-for-built = { path = "../only-for-built", optional = true }
"#,
    ),
    ("elsewhere/shared/build.rs", "fn main() {}\n"),
    (
        "elsewhere/weak/Cargo.toml",
        "[package]\nname = \"weak\"\nversion = \"0.4.0\"\nedition = \"2024\"\n[features]\ndeep = []\n",
    ),
];

/// Packages without dependencies, each a library.
const LEAVES: &[&str] = &[
    "macro-helper",
    "only-for-built",
    "optional",
    "on-windows",
    "with-sse2",
    "with-avx2",
    "on-mac",
    "builder",
    "builder-on-unix",
    "builder-on-windows",
    "only-in-tests",
    "never-built",
    "only-other",
];

/// A program, for a fixture or as the judge of a test.
#[expect(clippy::disallowed_methods, reason = "the tests hold the crate against Cargo itself")]
fn cargo(directory: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(directory);
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The workspace above in a new folder, with its lock file, for one of Cargo's resolvers.
fn workspace(resolver: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in WORKSPACE {
        write(folder.path(), path, &text.replace("resolver = \"2\"", &format!("resolver = \"{resolver}\"")));
        if path.starts_with("elsewhere/") && path.ends_with("Cargo.toml") {
            write(folder.path(), &path.replace("Cargo.toml", "src/lib.rs"), "");
        }
    }
    for name in LEAVES {
        let manifest =
            format!("[package]\nname = \"{name}\"\nversion = \"0.9.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n");
        write(folder.path(), &format!("elsewhere/{name}/Cargo.toml"), &manifest);
        write(folder.path(), &format!("elsewhere/{name}/src/lib.rs"), "");
    }
    run(cargo(folder.path()).args(["generate-lockfile", "--offline"]));
    folder
}

fn request(folder: &Path, features: &[&str]) -> CargoRequest {
    CargoRequest {
        package: Some("app".to_owned()),
        binary: Some("app".to_owned()),
        features: features.iter().map(|&name| name.to_owned()).collect(),
        offline: true,
        ..CargoRequest::new(folder)
    }
}
