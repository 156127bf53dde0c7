//! The crate that the demo builds, its git repository, and its policy.

use super::stage::{DemoError, Stage};
use std::path::Path;

/// The repository's uri: the name that provenance, reviews and policy agree on.
pub(crate) const REPOSITORY: &str = "git+https://example.com/demo/app";

/// A change that its author merged alone.
pub(crate) struct Landed {
    /// The tip of the branch before.
    pub base: String,
    /// The change's newest commit.
    pub head: String,
}

const MANIFEST: &str = "[package]\nname = \"app\"\nversion = \"1.0.0\"\nedition = \"2021\"\nlicense = \"Apache-2.0\"\n\n\
                        [dependencies]\ngreeting = { path = \"greeting\" }\n\n[workspace]\n";
const MAIN: &str = "fn main() {\n    println!(\"{}\", greeting::hello());\n}\n";
const GREETING: &str = "[package]\nname = \"greeting\"\nversion = \"0.1.0\"\nedition = \"2021\"\nlicense = \"MIT\"\n";
const HELLO: &str = "//! Greets.\n\n/// The greeting.\npub fn hello() -> String {\n    \"hello\".to_string()\n}\n";
const POLITE: &str =
    "//! Greets.\n\n/// The greeting.\npub fn hello() -> String {\n    \"good morning\".to_string()\n}\n";

/// A repository with one commit, whose author signs with her SSH key. Gives that commit.
pub(crate) fn create(stage: &mut Stage<'_>, app: &Path, keys: &Path) -> Result<String, DemoError> {
    for (path, text) in [
        ("app/Cargo.toml", MANIFEST),
        ("app/src/main.rs", MAIN),
        ("app/greeting/Cargo.toml", GREETING),
        ("app/greeting/src/lib.rs", HELLO),
        ("app/.gitignore", "/target\n"),
    ] {
        stage.keep(path, text)?;
    }
    Stage::program(app, "cargo", &["generate-lockfile", "--offline"])?;
    Stage::program(app, "git", &["init", "-q", "-b", "main"])?;
    let key = keys.join("ada").display().to_string();
    for (name, value) in [
        ("user.name", "Ada"),
        ("user.email", "ada@example.com"),
        ("gpg.format", "ssh"),
        ("user.signingkey", key.as_str()),
        ("commit.gpgsign", "true"),
    ] {
        Stage::program(app, "git", &["config", name, value])?;
    }
    Stage::program(app, "git", &["add", "-A"])?;
    Stage::program(app, "git", &["commit", "-q", "-m", "Say hello"])?;
    Stage::program(app, "git", &["rev-parse", "HEAD"])
}

/// A change on a branch, merged into main by its own author.
pub(crate) fn land_alone(stage: &mut Stage<'_>, app: &Path) -> Result<Landed, DemoError> {
    stage.chapter(
        "A change",
        "ada changes the greeting on a branch, signs the commit, and merges it into main herself.",
    )?;
    let base = Stage::program(app, "git", &["rev-parse", "HEAD"])?;
    Stage::program(app, "git", &["checkout", "-q", "-b", "politer"])?;
    stage.keep("app/greeting/src/lib.rs", POLITE)?;
    Stage::program(app, "git", &["commit", "-q", "-a", "-m", "Greet politely"])?;
    let head = Stage::program(app, "git", &["rev-parse", "HEAD"])?;
    Stage::program(app, "git", &["checkout", "-q", "main"])?;
    Stage::program(app, "git", &["merge", "-q", "--no-ff", "-m", "Merge the politer greeting", "politer"])?;
    let log = Stage::program(app, "git", &["log", "--graph", "--format=%h %an: %s"])?;
    stage.say(&log)?;
    Ok(Landed { base, head })
}

/// The policy: every built-in rule enforced, at the level that a build on this machine can show.
pub(crate) fn policy(start: &str) -> String {
    let rule = |id: &str, more: &str| {
        format!(
            "\n[[rules]]\nid = \"{id}\"\nowner = \"release-engineering\"\nstages = {{ production = \"enforce\" }}\n{more}"
        )
    };
    format!(
        "uri = \"https://example.com/policy/release\"\nlineage = \"demo\"\nversion = 1\n\
         not_before = \"2026-01-01T00:00:00Z\"\nexpires = \"2036-01-01T00:00:00Z\"\n\n\
         [[sources]]\nrepository = \"{REPOSITORY}\"\nref = \"refs/heads/main\"\nstart = \"{start}\"\n\n\
         [environments.production]\nenforced = true\n{}{}{}{}{}",
        rule("builder-level@1", "parameters = { least = 1 }\ncontrols = [\"SOC 2 CC8.1\", \"SLSA build-l1\"]\n"),
        rule("dependencies-pinned@1", "controls = [\"SOC 2 CC7.1\"]\n"),
        rule("sbom-present@1", "controls = [\"SOC 2 CC7.1\"]\n"),
        rule("source-clean@1", "controls = [\"SOC 2 CC8.1\"]\n"),
        rule("two-party-review@1", "controls = [\"SOC 2 CC8.1\"]\n"),
    )
}
