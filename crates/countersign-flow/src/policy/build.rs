//! From a folder to a closed manifest, and from a manifest to a release that people approved.

use crate::backtest::read_report;
use crate::controls;
use crate::error::FlowError;
use crate::files;
use crate::people::{self, By, CoSigned};
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::policy::{BACKTEST, Manifest, REGO_SUFFIX, RULE_YAML, Rule, SOURCE_FILE};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::trust::{POLICY_NAMESPACE, ROLE_POLICY, Trust};
use countersign_decide::rules;
use countersign_decide::written::{self, RULE_REGO};
use std::collections::BTreeMap;
use std::path::Path;

/// How deep the folders of a policy may lie in each other.
const DEPTH: usize = 16;

/// Closes a folder. Everything in it is part of the release, so it may hold plain files only. Every problem is named, not
/// the first.
pub fn build(folder: &Path) -> Result<Manifest, FlowError> {
    let files = folder_files(folder)?;
    let manifest = close(folder, &files)?;
    let mut problems = unfit(&manifest);
    problems.extend(unused(&manifest));
    if problems.is_empty() { Ok(manifest) } else { Err(FlowError::Refused(problems)) }
}

/// Every file of a folder.
pub(super) fn folder_files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, FlowError> {
    let mut found = BTreeMap::new();
    let mut findings = Vec::new();
    read_folder(folder, "", 0, &mut found, &mut findings)?;
    if findings.is_empty() { Ok(found) } else { Err(FlowError::Refused(findings)) }
}

/// The manifest over the files of a folder, if it holds together.
pub(super) fn close(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<Manifest, FlowError> {
    Manifest::close(files).map_err(|error| {
        FlowError::Refused(vec![
            Finding::of_lines(error.code(), &error.to_string()).at(folder.display().to_string()).help(
                if files.is_empty() {
                    "nothing is in this folder: `countersign policy new --policy DIR` writes a policy to begin with"
                } else {
                    "mend it, and build again; `countersign policy lint DIR` says everything that is wrong at once"
                },
            ),
        ])
    })
}

/// Rules that are written in the folder, and that no rule of policy.toml names: they would be evaluated by nobody.
pub(super) fn unused(manifest: &Manifest) -> Vec<Finding> {
    let written = manifest.files.keys().filter_map(|path| {
        let name = path.strip_prefix("rules/")?.split('/').next()?;
        path.rsplit('/')
            .next()
            .filter(|file| *file == RULE_REGO || *file == RULE_YAML || file.ends_with(REGO_SUFFIX))?;
        Some(format!("rules/{name}"))
    });
    let written: std::collections::BTreeSet<String> = written.collect();
    let used = |folder: &&String| manifest.rules.iter().any(|rule| rule.folder.as_ref() == Some(*folder));
    let unused = written.iter().filter(|folder| !used(folder));
    unused
        .map(|folder| {
            let name = folder.strip_prefix("rules/").unwrap_or(folder);
            Finding::new(codes::RULE_UNUSED, format!("no rule of policy.toml is written in {folder}"))
                .at(folder.as_str())
                .expected(format!("[[rules]] with id = \"{name}@1\" and folder = \"{folder}\""), SOURCE_FILE)
                .help("name it in policy.toml with a stage, or take the folder out")
        })
        .collect()
}

/// Rules and parameters that this version does not know, and a release without any rule: it could never say yes.
pub(super) fn problems(manifest: &Manifest) -> Vec<Finding> {
    wrong_with(manifest, &|rule| rules::faults(rule, &manifest.texts, SOURCE_FILE))
}

/// The same of what is not released yet, and with it whatever a gate takes and an author should not release.
pub(super) fn unfit(manifest: &Manifest) -> Vec<Finding> {
    wrong_with(manifest, &|rule| {
        if rule.folder.is_none() {
            return rules::faults(rule, &manifest.texts, SOURCE_FILE);
        }
        let problems = written::problems(rule, &manifest.texts);
        problems.iter().map(|problem| problem.finding(&manifest.texts)).collect()
    })
}

fn wrong_with(manifest: &Manifest, of_rule: &dyn Fn(&Rule) -> Vec<Finding>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if manifest.rules.is_empty() {
        findings.push(
            Finding::new(codes::POLICY_EMPTY, "the release has no rule: nothing checked is not a pass")
                .at(SOURCE_FILE)
                .expected("at least one rule", "countersign")
                .found("none")
                .help("add one with `[[rules]]`; `countersign explain rules` lists them"),
        );
    }
    for rule in &manifest.rules {
        findings.extend(of_rule(rule));
    }
    findings.extend(controls::problems(manifest));
    findings
}

/// The statement that approvers sign. The digest is computed from the manifest here. With a backtest's report it names that
/// as well: what the approvers had before them.
pub fn release_statement(manifest: &Manifest, backtest: Option<&Sha256>) -> Result<Statement, FlowError> {
    let mut subjects = vec![Subject::sha256(manifest.uri.as_str(), &manifest.digest()?)];
    subjects.extend(backtest.map(|report| Subject::sha256(BACKTEST, report)));
    Ok(Statement::new(Kind::PolicyRelease, subjects, manifest)?)
}

/// One approver's signature, beside those that `output` already holds. With trust, the signer has to be an approver.
pub fn approve(
    manifest: &Path,
    output: &Path,
    by: By<'_>,
    trust: Option<&Trust>,
    backtest: Option<&Path>,
) -> Result<(Manifest, CoSigned), FlowError> {
    let bytes = files::read(manifest, limits::DOCUMENT_BYTES)?;
    let place = manifest.display().to_string();
    let manifest = Manifest::parse(&bytes).map_err(|error| {
        FlowError::Refused(vec![
            Finding::new(error.code(), error.to_string())
                .at(place)
                .help("build it again: `countersign policy build DIR --output policy.manifest.json`"),
        ])
    })?;
    let problems = unfit(&manifest);
    if !problems.is_empty() {
        return Err(FlowError::Refused(problems));
    }
    if let Some(trust) = trust {
        approver(by, trust)?;
    }
    let report = match backtest {
        None => None,
        Some(path) => {
            let bytes = files::read(path, limits::DOCUMENT_BYTES)?;
            read_report(&bytes, &manifest.digest()?, &path.display().to_string())?;
            Some(Sha256::of(&bytes))
        }
    };
    let statement = release_statement(&manifest, report.as_ref())?;
    same_report(output, &statement)?;
    let signed =
        people::add_signature(output, &statement, POLICY_NAMESPACE, by, trust.map(|trust| (ROLE_POLICY, trust)))?;
    Ok((manifest, signed))
}

/// Approvers of one release have to have the same report before them, or none: what they sign is one statement.
fn same_report(output: &Path, statement: &Statement) -> Result<(), FlowError> {
    let Some(bytes) = files::read_to_grow(output, limits::COLLECTION_BYTES)? else { return Ok(()) };
    let first = Signed::parse_lines(&bytes).ok().and_then(|documents| documents.into_iter().next());
    let Some(first) = first.and_then(|(_, signed)| Statement::parse(&signed.payload).ok()) else { return Ok(()) };
    if first.predicate != statement.predicate || first.subjects == statement.subjects {
        return Ok(());
    }
    let named = |statement: &Statement| {
        let report = statement.subjects.iter().find(|subject| subject.name.as_deref() == Some(BACKTEST));
        report.and_then(Subject::sha256_digest).map_or_else(|| "none".to_owned(), |digest| digest.to_string())
    };
    Err(FlowError::Refused(vec![
        Finding::new(codes::BACKTEST_REPORT, "the approvals so far name another backtest's report than this one")
            .at(output.display().to_string())
            .expected(named(&first), "the approvers so far")
            .found(named(statement))
            .help("read that report, and give it with --backtest; or approve into another file"),
    ]))
}

/// Refuses a key that is not a policy approver's.
pub(crate) fn approver(by: By<'_>, trust: &Trust) -> Result<(), FlowError> {
    by.known(ROLE_POLICY, trust, "this key is not a policy approver's")
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut BTreeMap<String, Vec<u8>>,
    findings: &mut Vec<Finding>,
) -> Result<(), FlowError> {
    let failed = |source| FlowError::Read { path: folder.to_owned(), source };
    let unsafe_path = |path: &Path, what: &str| Finding::new(codes::PATH_UNSAFE, what).at(path.display().to_string());
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            findings.push(unsafe_path(&path, "a file's name is not UTF-8"));
            continue;
        };
        // Of the entry itself: what a link points to is not looked at.
        let kind = entry.file_type().map_err(failed)?;
        let inside = format!("{prefix}{name}");
        if kind.is_dir() && depth < DEPTH {
            read_folder(&path, &format!("{inside}/"), depth.saturating_add(1), found, findings)?;
        } else if kind.is_file() && found.len() < limits::POLICY_FILES {
            found.insert(inside, files::read(&path, limits::POLICY_FILE_BYTES)?);
        } else if kind.is_symlink() {
            findings.push(unsafe_path(&path, "a symbolic link cannot be part of a release"));
        } else if kind.is_dir() {
            findings.push(unsafe_path(&path, "folders lie too deep in each other"));
        } else {
            findings.push(unsafe_path(&path, "not a plain file, or one too many"));
        }
    }
    Ok(())
}
