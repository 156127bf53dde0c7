//! `cargo xtask schemas`: the JSON Schemas of everything that leaves the tool, made from the types. One line of
//! [`REGISTRY`] a document. A schema is a draft until it is frozen; a frozen one never changes, a change is a new version.

use crate::generated::{Mode, Page, settle};
use crate::{Outcome, workspace};
use countersign_core::digest::Sha256;
use countersign_core::statement::OUR_BASE;
use countersign_report::output::Marked;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;
use std::path::Path;

const SUFFIX: &str = ".schema.json";
const FROZEN: &str = "schemas/FROZEN.sha256";
const INDEX: &str = "schemas/README.md";

/// The dialect of every schema, also of those that are written by hand.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A document with a schema.
struct Noun {
    /// Its name, which is also its folder.
    name: &'static str,
    version: &'static str,
    make: fn() -> Value,
}

/// A line of the registry: the noun, its version, the type that it is made from.
const fn noun<T: JsonSchema>(name: &'static str, version: &'static str) -> Noun {
    Noun { name, version, make: schema_of::<T> }
}

/// What a verb answers: an object that names its own schema.
const fn answer<T: JsonSchema>(name: &'static str) -> Noun {
    Noun { name, version: "v0.1", make: answer_of::<T> }
}

fn answer_of<T: JsonSchema>() -> Value {
    let mut schema = schema_of::<T>();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("schema".to_owned(), serde_json::json!({ "type": "string", "format": "uri" }));
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.push(Value::String("schema".to_owned()));
    }
    schema
}

const REGISTRY: &[Noun] = &[
    noun::<countersign_core::statement::adjudication::Adjudication>("adjudication", "v0.1"),
    noun::<countersign_flow::backtest::BacktestReport>("backtest-report", "v0.1"),
    noun::<countersign_flow::backtest::Sample>("backtest-sample", "v0.1"),
    noun::<countersign_core::statement::change_review::ChangeReview>("change-review", "v0.1"),
    noun::<countersign_core::finding::Check>("check", "v0.1"),
    noun::<countersign_core::statement::config_snapshot::ConfigSnapshot>("config-snapshot", "v0.1"),
    noun::<countersign_core::statement::erasure::Erasure>("evidence-erasure", "v0.1"),
    noun::<countersign_core::exception::Exception>("exception", "v0.1"),
    noun::<countersign_core::exception::ExceptionEnd>("exception-end", "v0.1"),
    noun::<countersign_core::finding::Finding>("finding", "v0.1"),
    noun::<countersign_core::statement::forge_watch::ForgeWatch>("forge-watch", "v0.1"),
    noun::<countersign_core::git::evidence::Facts>("git-facts", "v0.1"),
    noun::<countersign_core::statement::iac_plan::IacPlan>("iac-plan", "v0.1"),
    noun::<countersign_core::entry::Entry>("log-entry", "v0.1"),
    noun::<countersign_core::statement::log_shard::LogShard>("log-shard", "v0.1"),
    noun::<countersign_core::statement::manual_evidence::ManualEvidence>("manual-evidence", "v0.1"),
    answer::<countersign_flow::output::Attached>("output/attach"),
    answer::<countersign_flow::output::AuditAsked>("output/audit-ask"),
    answer::<countersign_flow::audit::Difference>("output/audit-diff"),
    answer::<countersign_flow::output::AuditExported>("output/audit-export"),
    answer::<countersign_flow::output::AuditPopulation>("output/audit-population"),
    answer::<countersign_flow::output::AuditQuestions>("output/audit-questions"),
    answer::<countersign_flow::output::AuditReconciled>("output/audit-reconcile"),
    answer::<countersign_flow::output::AuditReported>("output/audit-report"),
    answer::<countersign_flow::output::AuditSampled>("output/audit-sample"),
    answer::<countersign_flow::output::AuditShown>("output/audit-show"),
    answer::<countersign_flow::output::AuditVerified>("output/audit-verify"),
    answer::<countersign_flow::output::PlanCollected>("output/collect-plan"),
    answer::<countersign_flow::output::SecretsCollected>("output/collect-secrets"),
    answer::<countersign_flow::output::SnapshotCollected>("output/collect-snapshot"),
    answer::<countersign_flow::output::TestsCollected>("output/collect-tests"),
    answer::<countersign_flow::output::Completions>("output/completions"),
    answer::<countersign_flow::output::ControlsCoverage>("output/controls-coverage"),
    answer::<countersign_flow::output::ControlsListed>("output/controls-list"),
    answer::<countersign_flow::output::ControlShown>("output/controls-show"),
    answer::<countersign_flow::output::Demo>("output/demo"),
    answer::<countersign_flow::output::Failed>("output/error"),
    answer::<countersign_flow::output::EvidenceAdded>("output/evidence-add-manual"),
    answer::<countersign_flow::output::EvidenceChecked>("output/evidence-check"),
    answer::<countersign_flow::output::EvidenceErased>("output/evidence-erase"),
    answer::<countersign_flow::output::ExceptionActivated>("output/exception-activate"),
    answer::<countersign_flow::output::ExceptionApproved>("output/exception-approve"),
    answer::<countersign_flow::output::ExceptionList>("output/exception-expiring"),
    answer::<countersign_flow::output::ExceptionEnded>("output/exception-follow-up"),
    answer::<countersign_flow::output::ExceptionList>("output/exception-list"),
    answer::<countersign_flow::output::ExceptionRequested>("output/exception-request"),
    answer::<countersign_flow::output::ExceptionEnded>("output/exception-revoke"),
    answer::<countersign_flow::output::Explained>("output/explain"),
    answer::<countersign_flow::output::Fetched>("output/fetch"),
    answer::<countersign_flow::output::Key>("output/key"),
    answer::<countersign_flow::output::LogCheckpoint>("output/log-checkpoint"),
    answer::<countersign_flow::output::LogCheckpoint>("output/log-close"),
    answer::<countersign_flow::output::LogCheckpoint>("output/log-continue"),
    answer::<countersign_flow::output::LogFound>("output/log-find"),
    answer::<countersign_flow::output::LogState>("output/log-init"),
    answer::<countersign_flow::output::LogPolicy>("output/log-policy"),
    answer::<countersign_flow::output::LogProof>("output/log-proof"),
    answer::<countersign_report::output::Verification>("output/log-proof-verify"),
    answer::<countersign_flow::output::LogCheckpoint>("output/log-rotate"),
    answer::<countersign_flow::output::LogEntries>("output/log-show"),
    answer::<countersign_flow::output::LogEntryShown>("output/log-show-entry"),
    answer::<countersign_report::output::Verification>("output/log-verify"),
    answer::<countersign_report::output::Verification>("output/log-witness"),
    answer::<countersign_flow::output::PolicyActivated>("output/policy-activate"),
    answer::<countersign_flow::output::PolicyAdjudicated>("output/policy-adjudicate"),
    answer::<countersign_flow::output::PolicyApproved>("output/policy-approve"),
    answer::<countersign_flow::output::PolicyBacktest>("output/policy-backtest"),
    answer::<countersign_flow::output::PolicyBuilt>("output/policy-build"),
    answer::<countersign_flow::output::PolicyDiffered>("output/policy-diff"),
    answer::<Marked<'_, countersign_flow::output::PolicyDocumented>>("output/policy-docs"),
    answer::<countersign_flow::output::PolicyEvaluated>("output/policy-eval"),
    answer::<countersign_flow::output::PolicyRego>("output/policy-explain"),
    answer::<countersign_flow::output::PolicyExported>("output/policy-export"),
    answer::<countersign_flow::output::PolicyHistory>("output/policy-history"),
    answer::<countersign_flow::output::PolicyLabelled>("output/policy-label"),
    answer::<countersign_flow::output::PolicyLabels>("output/policy-labels"),
    answer::<Marked<'_, countersign_flow::output::PolicyLinted>>("output/policy-lint"),
    answer::<countersign_flow::output::PolicyLocked>("output/policy-lock"),
    answer::<countersign_flow::output::PolicyDrafted>("output/policy-new"),
    answer::<countersign_flow::output::PolicyStages>("output/policy-stages"),
    answer::<Marked<'_, countersign_flow::output::PolicyTested>>("output/policy-test"),
    answer::<Marked<'_, countersign_report::output::Promotion>>("output/promote"),
    answer::<countersign_flow::output::Provenance>("output/provenance"),
    answer::<Marked<'_, countersign_report::output::Refusal>>("output/refusal"),
    answer::<countersign_flow::output::ReviewCollected>("output/review-collect"),
    answer::<countersign_flow::output::ReviewExplained>("output/review-explain"),
    answer::<countersign_flow::review::notes::Exchanged>("output/review-fetch"),
    answer::<countersign_flow::review::notes::Exchanged>("output/review-push"),
    answer::<countersign_flow::output::ReviewSigned>("output/review-sign"),
    answer::<Marked<'_, countersign_flow::output::ReviewProved>>("output/review-verify"),
    answer::<countersign_flow::output::ReviewWatched>("output/review-watch"),
    answer::<countersign_flow::output::Sbom>("output/sbom"),
    answer::<countersign_flow::output::SbomDiffed>("output/sbom-diff"),
    answer::<countersign_flow::output::SbomMade>("output/sbom-from"),
    answer::<countersign_flow::output::SbomIngested>("output/sbom-ingest"),
    answer::<countersign_flow::output::SbomMerged>("output/sbom-merge"),
    answer::<countersign_flow::output::SbomQueried>("output/sbom-query"),
    answer::<countersign_flow::output::SbomShown>("output/sbom-show"),
    answer::<countersign_flow::output::SbomValidated>("output/sbom-validate"),
    answer::<countersign_flow::output::SbomVex>("output/sbom-vex"),
    answer::<countersign_flow::output::SbomVulns>("output/sbom-vulns"),
    answer::<countersign_flow::output::Sboms>("output/sboms"),
    answer::<countersign_flow::output::Signed>("output/sign"),
    answer::<countersign_flow::output::TrustFile>("output/trust-digest"),
    answer::<countersign_flow::output::TrustBegun>("output/trust-init"),
    answer::<countersign_flow::output::TrustRefreshed>("output/trust-refresh"),
    answer::<countersign_flow::output::SigstoreRoot>("output/trust-root"),
    answer::<countersign_flow::output::TrustShown>("output/trust-show"),
    answer::<countersign_flow::output::TrustSigned>("output/trust-sign"),
    answer::<countersign_flow::output::TrustStatus>("output/trust-status"),
    answer::<Marked<'_, countersign_report::output::Verification>>("output/verify"),
    answer::<countersign_flow::attest::all::Sum>("output/verify-all"),
    answer::<Marked<'_, countersign_flow::output::Attested>>("output/verify-attestations"),
    noun::<countersign_core::policy::Activation>("policy-activation", "v0.1"),
    Noun { name: "policy-input", version: "v0.1", make: countersign_flow::policy::input::schema },
    noun::<countersign_core::policy::Manifest>("policy-release", "v0.1"),
    noun::<countersign_core::decision::Decision>("promotion-decision", "v0.1"),
    noun::<countersign_core::statement::provenance::Provenance>("provenance", "v0.1"),
    noun::<countersign_core::statement::review::Review>("review", "v0.1"),
    noun::<countersign_core::statement::secret_scan::SecretScan>("secret-scan", "v0.1"),
    noun::<countersign_core::statement::source::SourceProvenance>("source-provenance", "v0.1"),
    noun::<countersign_core::statement::test_result::TestResult>("test-result", "v0.1"),
    noun::<countersign_core::trust::Trust>("trust", "v0.1"),
    noun::<countersign_core::statement::vex::Vex>("vex", "v0.1"),
    noun::<countersign_core::statement::vsa::Vsa>("vsa", "v0.1"),
    noun::<countersign_core::statement::vulns::Vulns>("vulns", "v0.1"),
];

/// Writes, compares or freezes.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let root = workspace::root()?;
    match arguments {
        [verb, name, version] if verb == "freeze" => freeze(&root, REGISTRY, name, version),
        [verb, ..] if verb == "freeze" => Err("freeze takes NOUN VERSION, such as `freeze finding v0.1`".to_owned()),
        _ => settle(&root, &pages(&root, REGISTRY)?, Mode::of(arguments)?, "cargo xtask schemas"),
    }
}

/// All files, after making sure that no frozen one has changed and none is left over.
fn pages(root: &Path, registry: &[Noun]) -> Outcome<Vec<Page>> {
    let frozen = frozen(root)?;
    let mut pages = Vec::new();
    for noun in registry {
        let path = path_of(noun.name, noun.version);
        let held = frozen.iter().find(|(_, of)| *of == path);
        let text = text_of(noun, held.is_none())?;
        if let Some((digest, _)) = held
            && *digest != hex(&text)
        {
            return Err(format!(
                "{path} is frozen, and its type has changed\nhelp: keep the old type, and add the next version beside it"
            ));
        }
        pages.push(Page { path, text });
    }
    for (_, path) in &frozen {
        if !pages.iter().any(|page| page.path == *path) {
            return Err(format!(
                "{path} is frozen, and nothing makes it any more\nhelp: a released schema is kept for good"
            ));
        }
    }
    let left_over = on_disk(root)?.into_iter().find(|path| !pages.iter().any(|page| page.path == *path));
    if let Some(path) = left_over {
        return Err(format!("{path} is not made by any line of the registry in xtask/src/schemas.rs: delete it"));
    }
    pages.push(Page { path: INDEX.to_owned(), text: index(registry, &frozen) });
    Ok(pages)
}

/// Takes the draft mark off and writes the digest down.
fn freeze(root: &Path, registry: &[Noun], name: &str, version: &str) -> Outcome {
    let noun = registry
        .iter()
        .find(|noun| noun.name == name && noun.version == version)
        .ok_or_else(|| format!("there is no schema {name} {version} in the registry"))?;
    let mut all = frozen(root)?;
    let path = path_of(name, version);
    if all.iter().any(|(_, of)| *of == path) {
        return Err(format!("{path} is frozen already"));
    }
    let text = text_of(noun, false)?;
    all.push((hex(&text), path.clone()));
    all.sort_by(|a, b| a.1.cmp(&b.1));
    let lines: Vec<String> = all.iter().map(|(digest, path)| format!("{digest}  {path}\n")).collect();
    workspace::write(&root.join(&path), &text)?;
    workspace::write(&root.join(FROZEN), &lines.concat())?;
    settle(root, &pages(root, registry)?, Mode::Write, "cargo xtask schemas")
}

fn schema_of<T: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value()
}

/// The file of a noun: keys sorted, so that no feature of another crate can change the order.
fn text_of(noun: &Noun, draft: bool) -> Outcome<String> {
    let shape = || format!("{}: a schema that is not an object", noun.name);
    let Value::Object(mut schema) = (noun.make)() else {
        return Err(shape());
    };
    schema.entry("$schema").or_insert_with(|| DIALECT.into());
    schema.insert("$id".to_owned(), format!("{OUR_BASE}/schemas/{}", file_of(noun.name, noun.version)).into());
    if draft {
        schema.insert("$comment".to_owned(), "draft".into());
    }
    let mut schema = Value::Object(schema);
    schema.sort_all_objects();
    serde_json::to_string_pretty(&schema).map(|text| text + "\n").map_err(|e| format!("{}: {e}", noun.name))
}

fn index(registry: &[Noun], frozen: &[(String, String)]) -> String {
    let mut lines = vec![
        "# Schemas\n\n<!-- Made by `cargo xtask schemas`. Do not edit. -->\n".to_owned(),
        "JSON Schema 2020-12 of every document that leaves the tool. A draft may still change; a frozen schema never"
            .to_owned(),
        "does: a change is the next version, read beside the old one.\n".to_owned(),
        "| document | version | status | what it is |\n|---|---|---|---|".to_owned(),
    ];
    for noun in registry {
        let path = path_of(noun.name, noun.version);
        let status = if frozen.iter().any(|(_, of)| *of == path) { "frozen" } else { "draft" };
        let schema = (noun.make)();
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let first = about.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let link = file_of(noun.name, noun.version);
        lines.push(format!("| [{}]({link}) | {} | {status} | {first} |", noun.name, noun.version));
    }
    lines.join("\n") + "\n"
}

fn file_of(name: &str, version: &str) -> String {
    format!("{name}/{version}{SUFFIX}")
}

fn path_of(name: &str, version: &str) -> String {
    format!("schemas/{}", file_of(name, version))
}

fn frozen(root: &Path) -> Outcome<Vec<(String, String)>> {
    let path = root.join(FROZEN);
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = workspace::read(&path)?;
    let pair = |line: &str| line.split_once("  ").map(|(digest, path)| (digest.to_owned(), path.to_owned()));
    text.lines()
        .map(|line| pair(line).ok_or_else(|| format!("{FROZEN}: `{line}` is not a digest and a path")))
        .collect()
}

fn on_disk(root: &Path) -> Outcome<Vec<String>> {
    let files = workspace::text_files(root)?;
    Ok(files
        .into_iter()
        .map(|file| file.path)
        .filter(|path| path.starts_with("schemas/") && path.ends_with(SUFFIX))
        .collect())
}

fn hex(text: &str) -> String {
    Sha256::of(text.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn old() -> Value {
        json!({ "description": "An old thing.", "b": 1 })
    }

    fn new() -> Value {
        json!({ "description": "A new thing." })
    }

    const OLD: &[Noun] = &[Noun { name: "thing", version: "v0.1", make: old }];
    const NEW: &[Noun] = &[Noun { name: "thing", version: "v0.1", make: new }];

    #[test]
    fn a_schema_has_its_address_and_is_a_draft_until_frozen() {
        let folder = tempfile::tempdir().unwrap();
        settle(folder.path(), &pages(folder.path(), OLD).unwrap(), Mode::Write, "").unwrap();
        let file = folder.path().join("schemas/thing/v0.1.schema.json");
        let draft: Value = serde_json::from_str(&workspace::read(&file).unwrap()).unwrap();
        assert_eq!(draft["$id"], "https://countersign.dev/schemas/thing/v0.1.schema.json");
        assert_eq!(draft["$comment"], "draft");

        freeze(folder.path(), OLD, "thing", "v0.1").unwrap();
        let frozen: Value = serde_json::from_str(&workspace::read(&file).unwrap()).unwrap();
        assert_eq!(frozen["$comment"], Value::Null);
        let index = workspace::read(&folder.path().join(INDEX)).unwrap();
        assert!(index.contains("| v0.1 | frozen | An old thing. |"), "{index}");
        settle(folder.path(), &pages(folder.path(), OLD).unwrap(), Mode::Check, "").unwrap();
    }

    #[test]
    fn a_frozen_schema_can_neither_change_nor_go_nor_be_frozen_again() {
        let folder = tempfile::tempdir().unwrap();
        freeze(folder.path(), OLD, "thing", "v0.1").unwrap();
        assert!(pages(folder.path(), NEW).unwrap_err().contains("is frozen, and its type has changed"));
        assert!(pages(folder.path(), &[]).unwrap_err().contains("nothing makes it any more"));
        assert!(freeze(folder.path(), OLD, "thing", "v0.1").unwrap_err().contains("frozen already"));
        assert!(freeze(folder.path(), OLD, "thing", "v0.2").unwrap_err().contains("no schema thing v0.2"));
    }

    #[test]
    fn a_schema_that_nothing_makes_is_named() {
        let folder = tempfile::tempdir().unwrap();
        workspace::write(&folder.path().join("schemas/gone/v0.1.schema.json"), "{}\n").unwrap();
        assert!(pages(folder.path(), OLD).unwrap_err().contains("schemas/gone/v0.1.schema.json is not made by"));
    }

    #[test]
    fn the_registry_is_sorted_and_every_schema_says_what_it_is() {
        assert!(REGISTRY.windows(2).all(|pair| matches!(pair, [a, b] if (a.name, a.version) < (b.name, b.version))));
        for noun in REGISTRY {
            assert!((noun.make)()["description"].is_string(), "{}", noun.name);
        }
    }
}
