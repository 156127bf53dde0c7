//! `countersign demo`: the whole thread in one folder, told in the order in which a team meets it.
//!
//! Every step is this very program, run as its user would run it, on a real crate in a real git repository with keys that
//! were made a moment ago. What is printed is what those runs print. Nothing here knows how a step works.

mod project;
mod stage;

pub(crate) use stage::{DemoError, Stage};

use countersign_core::exit::Exit;
use std::path::PathBuf;

/// What to type next.
pub(crate) const NEXT: &str = "
What to type next, in a repository of yours:
  countersign key generate --output gate.pem        keys for a builder, a gate and a log
  countersign trust init --help                     who may sign what
  countersign policy build --help                   rules that two people approve
  countersign explain review-missing                what a refusal means
";

/// Where everything of the demo is.
struct Paths {
    outside: PathBuf,
    keys: PathBuf,
    app: PathBuf,
}

/// Runs the demo in `folder`, which exists and is empty.
pub(crate) fn run(stage: &mut Stage<'_>) -> Result<(), DemoError> {
    let folder = stage.folder().to_owned();
    let paths = Paths { outside: folder.join("outside"), keys: folder.join("keys"), app: folder.join("app") };
    for path in [&paths.outside, &paths.keys] {
        stage::make_folder(path)?;
    }
    let digest = set_up(stage, &paths)?;
    let start = project::create(stage, &paths.app, &paths.keys)?;
    policy(stage, &paths, &start, &digest)?;
    let landed = project::land_alone(stage, &paths.app)?;
    build(stage)?;
    refused(stage, &digest)?;
    reviewed(stage, &landed)?;
    promoted(stage, &digest)?;
    audited(stage, &digest)?;
    Ok(())
}

/// Keys, trust and an empty log: once, by the people who answer for it.
fn set_up(stage: &mut Stage<'_>, paths: &Paths) -> Result<String, DemoError> {
    stage.chapter(
        "Set up, once",
        "Two people, a builder and a gate get keys. Trust says who may sign what; two people sign it. Its digest and the \
         log's first checkpoint are kept outside of any repository: here, in `outside/`.",
    )?;
    for person in ["ada", "ben"] {
        stage.ssh_key(&paths.keys.join(person), person)?;
    }
    for key in ["builder", "gate", "log"] {
        let path = format!("keys/{key}.pem");
        stage.quietly(&["key", "generate", "--type", "ed25519", "--output", &path])?;
    }
    stage.command(&[
        "trust",
        "init",
        "--person",
        "ada=keys/ada.pub",
        "--person",
        "ben=keys/ben.pub",
        "--builder",
        "https://countersign.dev/builders/local/v1=keys/builder.pem.pub",
        "--gate",
        "https://example.com/gate=keys/gate.pem.pub",
        "--log",
        "example.com/log=keys/log.pem.pub",
        "--environment",
        "production",
        "--builder-level",
        "1",
        "--output",
        "trust.toml",
    ])?;
    for person in ["ada", "ben"] {
        let key = format!("keys/{person}");
        stage.command(&["trust", "sign", "trust.toml", "--key", &key, "--output", "trust.sigstore.json"])?;
    }
    let digest = stage.output(&["trust", "digest", "trust.sigstore.json"])?;
    stage.keep("outside/trust.digest", &format!("{digest}\n"))?;
    stage.command(&["log", "init", "--origin", "example.com/log", "--key", "keys/log.pem", "--store", "store"])?;
    stage.quietly(&["log", "checkpoint", "--store", "store", "--output", "outside/checkpoint"])?;
    Ok(digest)
}

/// A policy release that two people approved, active for production.
fn policy(stage: &mut Stage<'_>, paths: &Paths, start: &str, digest: &str) -> Result<(), DemoError> {
    stage.chapter(
        "A policy that two people approve",
        "Five built-in rules, enforced for production. The release has a digest, two approvals, and becomes active by an \
         entry in the log. The demo builds on this very machine, so it asks for SLSA Build L1: nothing more can be shown.",
    )?;
    let text = project::policy(start);
    stage::make_folder(&paths.app.with_file_name("policy"))?;
    stage.keep("policy/policy.toml", &text)?;
    stage.command(&["policy", "build", "policy", "--output", "policy.manifest.json"])?;
    for person in ["ada", "ben"] {
        let key = format!("keys/{person}");
        stage.command(&[
            "policy",
            "approve",
            "policy.manifest.json",
            "--key",
            &key,
            "--output",
            "policy.sigstore.json",
        ])?;
    }
    stage.command(&[
        "policy",
        "activate",
        "policy.sigstore.json",
        "--environment",
        "production",
        "--key",
        "keys/ada",
        "--log-key",
        "keys/log.pem",
        "--store",
        "store",
        "--trust",
        "trust.sigstore.json",
        "--trust-digest",
        digest,
        "--least-checkpoint",
        "outside/checkpoint",
        "--lock",
        "countersign.lock",
        "--checkpoint-output",
        "outside/checkpoint",
    ])?;
    Ok(())
}

/// Provenance and SBOM of the artifact, signed by the builder.
fn build(stage: &mut Stage<'_>) -> Result<(), DemoError> {
    stage.chapter(
        "Build",
        "The build runs without any key or token in its environment. Then come its SBOM and its provenance, signed.",
    )?;
    stage.inside("app", |stage| {
        stage.command(&[
            "provenance",
            "--artifact",
            "target/release/app",
            "--source-uri",
            project::REPOSITORY,
            "--output",
            "../app.provenance.json",
            "--",
            "cargo",
            "build",
            "--release",
            "--locked",
            "--offline",
        ])?;
        stage.command(&[
            "sbom",
            "--package",
            "app",
            "--bin",
            "app",
            "--offline",
            "--artifact",
            "target/release/app",
            "--output",
            "../app.cdx.json",
        ])
    })?;
    stage.copy("app/target/release/app", "app.bin")?;
    stage.command(&[
        "sign",
        "app.provenance.json",
        "--key",
        "keys/builder.pem",
        "--output",
        "app.provenance.sigstore.json",
    ])?;
    stage.command(&[
        "sign",
        "app.cdx.json",
        "--type",
        "sbom",
        "--artifact",
        "app.bin",
        "--key",
        "keys/builder.pem",
        "--output",
        "app.sbom.sigstore.json",
    ])?;
    let digest = stage.read("outside/trust.digest")?;
    stage.command(&[
        "verify",
        "app.bin",
        "--bundle",
        "app.provenance.sigstore.json",
        "--bundle",
        "app.sbom.sigstore.json",
        "--trust",
        "trust.sigstore.json",
        "--trust-digest",
        digest.trim(),
    ])
}

const EVIDENCE: [&str; 4] = ["--bundle", "app.provenance.sigstore.json", "--bundle", "app.sbom.sigstore.json"];

fn promote<'a>(digest: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["promote", "app.bin", "--to", "production"];
    arguments.extend(EVIDENCE);
    arguments.extend(more);
    arguments.extend([
        "--repo",
        "app",
        "--trust",
        "trust.sigstore.json",
        "--trust-digest",
        digest,
        "--least-checkpoint",
        "outside/checkpoint",
        "--lock",
        "countersign.lock",
        "--store",
        "store",
        "--key",
        "keys/gate.pem",
        "--log-key",
        "keys/log.pem",
    ]);
    arguments
}

/// The gate refuses: only the author agreed.
fn refused(stage: &mut Stage<'_>, digest: &str) -> Result<(), DemoError> {
    stage.chapter(
        "The gate refuses",
        "Everything is signed and in order, but ada merged her own change. One person's agreement is not enough; the \
         refusal is recorded.",
    )?;
    stage.expecting(Exit::Refused, &promote(digest, &[]))
}

/// The second person reviews what landed.
fn reviewed(stage: &mut Stage<'_>, landed: &project::Landed) -> Result<(), DemoError> {
    stage.chapter(
        "A second person reviews",
        "ben looks at the change and signs what he agreed to with his own SSH key: repository, branch, base, head, trees. \
         No forge has to be believed.",
    )?;
    stage.inside("app", |stage| {
        stage.command(&[
            "review",
            "sign",
            &landed.head,
            "--base",
            &landed.base,
            "--target",
            "refs/heads/main",
            "--repository",
            project::REPOSITORY,
            "--key",
            "../keys/ben",
            "--dir",
            "../reviews",
        ])
    })
}

/// The gate authorises, and a deploy script can check that offline.
fn promoted(stage: &mut Stage<'_>, digest: &str) -> Result<(), DemoError> {
    stage.chapter(
        "The gate authorises",
        "The same question again, now with ben's review. Decision and summary are signed and in the log before the answer \
         is printed. A deploy script then asks the record by digest, offline.",
    )?;
    stage.command(&promote(digest, &["--reviews", "reviews", "--checkpoint-output", "outside/checkpoint"]))?;
    let artifact = stage.digest_of("app.bin")?;
    stage.command(&[
        "verify",
        &artifact,
        "--promoted-to",
        "production",
        "--store",
        "store",
        "--trust",
        "trust.sigstore.json",
        "--trust-digest",
        digest,
        "--least-checkpoint",
        "outside/checkpoint",
    ])
}

/// Years later: one file, no network, no git.
fn audited(stage: &mut Stage<'_>, digest: &str) -> Result<(), DemoError> {
    stage.chapter(
        "Years later, an auditor",
        "One file holds the log and all the evidence. Every signature and proof is checked, and every decision is run \
         again: the same answers have to come out. Then one byte of it is changed.",
    )?;
    stage.command(&["audit", "export", "--store", "store", "--output", "demo.cspkg"])?;
    let verify =
        ["--trust", "trust.sigstore.json", "--trust-digest", digest, "--least-checkpoint", "outside/checkpoint"];
    let with = |file: &'static str| ["audit", "verify", file].into_iter().chain(verify).collect::<Vec<_>>();
    stage.command(&with("demo.cspkg"))?;
    stage.flip("demo.cspkg", "altered.cspkg")?;
    stage.expecting(Exit::Untrusted, &with("altered.cspkg"))
}
