//! The figures of verification: one real bundle beside the clients of PyPI and npm, what it costs beside the bare signature
//! checks that it needs, and ten thousand bundles in one run. The bundle is one of the fixtures; where they are absent the
//! figure cannot be measured, and says so.

use super::figures::Stage;
use super::measure::{Cost, many, once};
use super::row::{Bar, Peer, Row, Summary};
use crate::{Outcome, run};
use std::fs;
use std::path::{Path, PathBuf};

const RUNS: usize = 7;
const PYTHON: &str = "4.5.1";
const NPM: &str = "4.1.1";
const CASE: &str = "real-bundles/dev/pypi-attestation-models-0.0.4a2/bundle.json";
const DIGEST: &str = "sha256:c9709ce6fd5b67b59b4a28758cf14d3f411803c4b89b6068b1f1a8e4ee94c8ef";
const IDENTITY: &str =
    "https://github.com/trailofbits/pypi-attestation-models/.github/workflows/release.yml@refs/tags/v0.0.4a2";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const MANY: usize = 10_000;

/// What the client of npm is asked, by its own library: no network.
const SCRIPT: &str = "\
const fs = require('fs');
require('sigstore'); // all of the client, as its users load it
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { Verifier, toTrustMaterial, toSignedEntity } = require('@sigstore/verify');
const read = (path) => JSON.parse(fs.readFileSync(path));
const material = toTrustMaterial(TrustedRoot.fromJSON(read(process.argv[3])));
const signer = new Verifier(material).verify(toSignedEntity(bundleFromJSON(read(process.argv[2]))));
if (signer.identity.subjectAlternativeName !== process.argv[4]) process.exit(1);
";

struct Files {
    bundle: PathBuf,
    root: PathBuf,
}

fn files(stage: &Stage) -> Outcome<Files> {
    let beside = stage.root().join("../shared/fixtures");
    let folder = std::env::var_os("COUNTERSIGN_FIXTURES").map_or(beside, PathBuf::from);
    let folder = folder.canonicalize().map_err(|error| format!("the fixtures: {error}"))?;
    let files = Files { bundle: folder.join(CASE), root: folder.join("real-bundles/trust/public-good.json") };
    if files.bundle.is_file() { Ok(files) } else { Err(format!("{} is not there", files.bundle.display())) }
}

/// Our process beside the clients of PyPI and npm, CPU of each.
pub(super) fn process(stage: &Stage) -> Outcome<Vec<Row>> {
    let files = files(stage)?;
    let ours = many(RUNS, || {
        let mut command = stage.countersign(stage.folder());
        command.args(["conformance", "verify-bundle", "--bundle"]).arg(&files.bundle);
        command.args(["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]);
        command.arg("--trusted-root").arg(&files.root).arg(DIGEST);
        Ok(command)
    })?;
    let python = python(stage)?;
    let config = stage.folder().join("trust-config.json");
    fs::write(&config, trust_config(&files.root)?).map_err(|error| error.to_string())?;
    let theirs = many(RUNS, || {
        let mut command = run::command(&python.to_string_lossy(), stage.folder());
        command.args(["-m", "sigstore", "--trust-config"]).arg(&config);
        command.args(["verify", "identity", "--offline", "--bundle"]).arg(&files.bundle);
        command.args(["--cert-identity", IDENTITY, "--cert-oidc-issuer", ISSUER, DIGEST]);
        Ok(command)
    })?;
    let script = npm(stage)?;
    let node = many(RUNS, || {
        let mut command = run::command("node", stage.folder());
        command.arg(&script).arg(&files.bundle).arg(&files.root).arg(IDENTITY);
        Ok(command)
    })?;
    let row = |name: &str, peer: &str, version: &str, costs: &[Cost]| -> Outcome<Row> {
        Ok(Row {
            name: name.to_owned(),
            unit: "ms of CPU".to_owned(),
            summary: millis(&ours)?,
            bar: Bar::RatioAtMost(0.02),
            peer: Some(Peer { name: peer.to_owned(), version: version.to_owned(), summary: millis(costs)? }),
        })
    };
    Ok(vec![
        row("verify one bundle, beside PyPI", "sigstore (PyPI)", PYTHON, &theirs)?,
        row("verify one bundle, beside npm", "sigstore (npm)", NPM, &node)?,
    ])
}

/// Ten thousand copies of it, each with a line end more than the one before: how much of both cores, and how much memory.
pub(super) fn all(stage: &Stage) -> Outcome<Vec<Row>> {
    let files = files(stage)?;
    let folder = stage.folder().join("many");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let bundle = fs::read(&files.bundle).map_err(|error| error.to_string())?;
    for number in 0..MANY {
        let place = folder.join(format!("{number:05}.sigstore.json"));
        fs::write(&place, &bundle).map_err(|error| error.to_string())?;
    }
    let memory = stage.folder().join("memory");
    let command = || {
        let mut command = run::command("/usr/bin/time", stage.folder());
        command.args(["-f", "%M", "-o"]).arg(&memory).arg(stage.binary());
        command.args(["verify", "--all"]).arg(&folder).arg("--trusted-root").arg(&files.root);
        command.args(["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER]);
        command
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
    let (mut shares, mut rates, mut kibibytes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let cost = once(&mut command())?;
        shares.push(100.0 * cost.cpu.as_secs_f64() / cost.wall.as_secs_f64() / cores);
        rates.push(f64::from(u32::try_from(MANY).unwrap_or(u32::MAX)) / cost.wall.as_secs_f64());
        let said = fs::read_to_string(&memory).map_err(|error| error.to_string())?;
        kibibytes.push(said.trim().parse::<f64>().map_err(|error| format!("time says `{said}`: {error}"))?);
    }
    let row = |name: &str, unit: &str, values: Vec<f64>, bar| -> Outcome<Row> {
        let summary = Summary::of(values).ok_or_else(|| "nothing was measured".to_owned())?;
        Ok(Row { name: name.to_owned(), unit: unit.to_owned(), summary, bar, peer: None })
    };
    Ok(vec![
        row("verify --all, 10,000 bundles, share of all cores", "%", shares, Bar::AtLeast(90.0))?,
        row("verify --all, 10,000 bundles, a second", "bundles", rates, Bar::AtLeast(100.0))?,
        row(
            "verify --all, 10,000 bundles, memory",
            "MiB",
            kibibytes.iter().map(|k| k / 1024.0).collect(),
            Bar::AtMost(64.0),
        )?,
    ])
}

/// In the process: one verification beside the bare signature checks that it is made of.
pub(super) fn checks(stage: &Stage) -> Outcome<Vec<Row>> {
    let files = files(stage)?;
    let (bundle, root) = (files.bundle.to_string_lossy(), files.root.to_string_lossy());
    let said = stage.example("countersign-verify", "verify_speed", &[&bundle, &root])?;
    let [said] = said.as_slice() else { return Err("verify_speed does not print one line".to_owned()) };
    let read = |name: &str| {
        let row = said.get(name).ok_or_else(|| format!("verify-speed says nothing of `{name}`"))?;
        Summary::read(row).ok_or_else(|| format!("verify-speed's `{name}` is no row"))
    };
    Ok(vec![Row {
        name: "verify one bundle in the process, beside its bare signature checks".to_owned(),
        unit: "us on one core".to_owned(),
        summary: read("verify")?,
        bar: Bar::RatioAtMost(2.0),
        peer: Some(Peer {
            name: "the same signatures alone".to_owned(),
            version: "aws-lc-rs".to_owned(),
            summary: read("signatures")?,
        }),
    }])
}

fn millis(costs: &[Cost]) -> Outcome<Summary> {
    let values = costs.iter().map(|cost| super::measure::millis(cost.cpu)).collect();
    Summary::of(values).ok_or_else(|| "nothing was measured".to_owned())
}

/// PyPI's client takes a root in one file with the services to sign with, which are not asked here.
fn trust_config(root: &Path) -> Outcome<String> {
    let root = fs::read_to_string(root).map_err(|error| error.to_string())?;
    Ok(format!(
        "{{\"mediaType\":\"application/vnd.dev.sigstore.clienttrustconfig.v0.1+json\",\"trustedRoot\":{root},\
         \"signingConfig\":{{\"mediaType\":\"application/vnd.dev.sigstore.signingconfig.v0.2+json\",\
         \"rekorTlogConfig\":{{\"selector\":\"ANY\"}},\"tsaConfig\":{{\"selector\":\"ANY\"}}}}}}"
    ))
}

fn python(stage: &Stage) -> Outcome<PathBuf> {
    let folder = stage.folder().join("python");
    run::output_of(run::command("python3", stage.folder()).args(["-m", "venv"]).arg(&folder))?;
    let python = folder.join("bin/python");
    let wanted = format!("sigstore=={PYTHON}");
    let mut pip = run::command(&python.to_string_lossy(), stage.folder());
    run::output_of(pip.args(["-m", "pip", "install", "--quiet", &wanted]))?;
    Ok(python)
}

fn npm(stage: &Stage) -> Outcome<PathBuf> {
    let folder = stage.folder().join("node");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let wanted = format!("sigstore@{NPM}");
    let mut npm = run::command("npm", &folder);
    run::output_of(npm.args(["install", "--silent", "--no-audit", "--no-fund", &wanted]))?;
    let script = folder.join("verify.js");
    fs::write(&script, SCRIPT).map_err(|error| error.to_string())?;
    Ok(script)
}
