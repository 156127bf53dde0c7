//! What verified snapshots and plans say about the revision that an artifact was built from: for rules, and for the input of
//! rules that are written in a release.

use crate::parameters::{ParameterError, Reader};
use crate::rules::Context;
use countersign_core::codes;
use countersign_core::config::plan::{Action, State};
use countersign_core::config::{Connection, Image, Part};
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::Oid;
use countersign_core::glob::PathGlob;
use countersign_core::statement::config_snapshot::{ConfigSnapshot, FileSkipped};
use countersign_core::statement::iac_plan::IacPlan;
use countersign_core::statement::{Kind, Statement};
use countersign_verify::Verified;
use std::collections::BTreeMap;

/// How many offenders a finding names.
const NAMED: usize = 10;

/// Facts, each with the document that it stands in.
type Facts<T> = BTreeMap<T, Sha256>;

/// What is known of the files of the revision.
#[derive(Debug, Default)]
pub(crate) struct Files {
    handed: Vec<(ConfigSnapshot, Sha256)>,
    /// From the log: facts that were seen before do not go away by leaving the snapshot out.
    before: Vec<(ConfigSnapshot, Sha256)>,
    /// Why others do not count.
    unused: Vec<String>,
    malformed: Vec<Finding>,
}

impl Files {
    /// The snapshots that are about the repository and the commit of the provenance.
    pub(crate) fn of(context: &Context<'_>) -> Self {
        let mut out = Self::default();
        let Some(about) = About::of(context) else { return out };
        for statement in context.evidence.of_kind(Kind::ConfigSnapshot) {
            match about
                .read(statement, codes::SNAPSHOT_MALFORMED, |s: &ConfigSnapshot| (s.repository.as_str(), s.commit))
            {
                Ok(Ok(snapshot)) => out.handed.push((snapshot, *statement.document())),
                Ok(Err(why)) => out.unused.push(why),
                Err(finding) => out.malformed.push(finding),
            }
        }
        for statement in context.against.evidence.of_kind(Kind::ConfigSnapshot) {
            // One that did not read was said when it was handed in.
            let read = about
                .read(statement, codes::SNAPSHOT_MALFORMED, |s: &ConfigSnapshot| (s.repository.as_str(), s.commit));
            if let Ok(Ok(snapshot)) = read {
                out.before.push((snapshot, *statement.document()));
            }
        }
        out
    }

    /// Whether all facts of a kind are known: one snapshot has nothing left out.
    pub(crate) fn whole(&self, part: Part) -> bool {
        self.malformed.is_empty()
            && self.handed.iter().any(|(snapshot, _)| lacking(snapshot, part, &[]).next().is_none())
    }

    /// All images.
    pub(crate) fn images(&self) -> Facts<Image> {
        self.facts(|snapshot| &snapshot.images)
    }

    /// All connections.
    pub(crate) fn connections(&self) -> Facts<Connection> {
        self.facts(|snapshot| &snapshot.connections)
    }

    fn facts<T: Ord + Clone>(&self, of: impl Fn(&ConfigSnapshot) -> &[T]) -> Facts<T> {
        let all = self.before.iter().chain(&self.handed);
        all.flat_map(|(snapshot, document)| of(snapshot).iter().map(|fact| (fact.clone(), *document))).collect()
    }

    /// What a rule says where not all facts of a kind are known, but for what it leaves out.
    pub(crate) fn lacks(&self, part: Part, leave_out: &[PathGlob], context: &Context<'_>, by: &str) -> Vec<Finding> {
        let mut findings = self.malformed.clone();
        let fewest = self
            .handed
            .iter()
            .map(|(snapshot, document)| (lacking(snapshot, part, leave_out).collect::<Vec<_>>(), document));
        match fewest.min_by_key(|(skipped, _)| skipped.len()) {
            None => {
                let what = "no snapshot that trust accepts is about the files of this revision";
                let finding = Finding::new(codes::SNAPSHOT_MISSING, what)
                    .at(context.subject())
                    .expected(expected("a snapshot", context), by)
                    .help("run `countersign collect snapshot`, sign it, and hand it in with --bundle");
                let found = if self.unused.is_empty() { vec!["none".to_owned()] } else { self.unused.clone() };
                findings.push(found.into_iter().take(NAMED).fold(finding, Finding::found));
            }
            Some((skipped, document)) if !skipped.is_empty() => {
                let what = format!("files that may hold what this rule looks at were not read: {}", skipped.len());
                let finding = Finding::new(codes::SNAPSHOT_INCOMPLETE, what);
                let finding = skipped.iter().take(NAMED).fold(finding, |finding, file| {
                    finding.at(file.path.as_str()).found(format!("{}: {}", file.path, file.why))
                });
                findings.push(
                    finding
                        .at(format!("config-snapshot {document}"))
                        .expected("every such file read", by)
                        .help("hand in what is made of templates (`countersign collect snapshot --rendered`), or name the files in the rule's `leave_out`"),
                );
            }
            Some(_) => {}
        }
        findings
    }
}

/// Files that may hold facts of this kind and were not read.
fn lacking<'s>(
    snapshot: &'s ConfigSnapshot,
    part: Part,
    leave_out: &[PathGlob],
) -> impl Iterator<Item = &'s FileSkipped> {
    snapshot.skipped.iter().filter(move |file| file.lacks.contains(&part) && !left_out(leave_out, &file.path))
}

/// Whether a file is one of those that a rule leaves out.
pub(crate) fn left_out(leave_out: &[PathGlob], path: &str) -> bool {
    leave_out.iter().any(|glob| glob.matches(path.as_bytes()))
}

/// The plans of the revision, each with its document; or what a rule says where there is none, or one does not cover all.
pub(crate) fn plans(context: &Context<'_>, must_say: bool, by: &str) -> (Vec<(IacPlan, Sha256)>, Vec<Finding>) {
    let (mut plans, mut findings, mut unused) = (Vec::new(), Vec::new(), Vec::new());
    if let Some(about) = About::of(context) {
        for statement in context.evidence.of_kind(Kind::IacPlan) {
            match about.read(statement, codes::PLAN_MALFORMED, |plan: &IacPlan| (plan.repository.as_str(), plan.commit))
            {
                Ok(Ok(plan)) => plans.push((plan, *statement.document())),
                Ok(Err(why)) => unused.push(why),
                Err(finding) => findings.push(finding),
            }
        }
    }
    if plans.is_empty() {
        let finding = Finding::new(codes::PLAN_MISSING, "no plan that trust accepts is about this revision")
            .at(context.subject())
            .expected(expected("a plan", context), by)
            .help("run `countersign collect plan`, sign it, and hand it in with --bundle");
        let found = if unused.is_empty() { vec!["none".to_owned()] } else { unused };
        findings.push(found.into_iter().take(NAMED).fold(finding, Finding::found));
    }
    let before = recorded_plans(context);
    for (said, document) in &plans {
        let whole = match said.plan.complete {
            Some(complete) => complete,
            None => !must_say,
        };
        if said.plan.cut_short || !whole {
            let found = match (said.plan.cut_short, said.plan.complete) {
                (true, _) => "planning failed, or put something off",
                (false, Some(_)) => "`complete` is false",
                (false, None) => "it does not say whether it is complete",
            };
            findings.push(
                Finding::new(codes::PLAN_INCOMPLETE, "the plan does not cover everything, or does not say that it does")
                    .at(format!("{}  iac-plan {document}", said.file))
                    .expected("a plan that says `complete`", by)
                    .found(found)
                    .help("plan without targets, until nothing is put off, with a version that writes `complete`; or set `plan_complete` to `not-denied`"),
            );
        }
    }
    plans.extend(before);
    (plans, findings)
}

/// Plans that the log has seen and that are not handed in: what was wrong in them stays wrong. What was not known in them may
/// be known now.
fn recorded_plans(context: &Context<'_>) -> Vec<(IacPlan, Sha256)> {
    let mut out = Vec::new();
    let Some(about) = About::of(context) else { return out };
    for statement in context.against.evidence.of_kind(Kind::IacPlan) {
        let read =
            about.read(statement, codes::PLAN_MALFORMED, |plan: &IacPlan| (plan.repository.as_str(), plan.commit));
        let Ok(Ok(mut said)) = read else { continue };
        for resource in &mut said.plan.known {
            resource.settings.retain(|setting| setting.state == State::Off);
        }
        said.plan.known.retain(|resource| !matches!(resource.action, Action::Forget | Action::Unknown));
        out.push((said, *statement.document()));
    }
    out
}

fn expected(what: &str, context: &Context<'_>) -> String {
    match About::of(context) {
        Some(about) => format!("{what} of commit {} of {}", about.commit, about.repository),
        None => format!("{what} of the commit that the provenance names, which is not known either"),
    }
}

/// What snapshots and plans have to be about.
struct About<'a> {
    repository: &'a str,
    commit: Oid,
}

impl<'a> About<'a> {
    fn of(context: &Context<'a>) -> Option<Self> {
        let (built, covered) = (context.provenance?, context.source?);
        Some(Self { repository: covered.repository.as_str(), commit: built.provenance.source().ok()?.commit })
    }

    /// The predicate, or why it does not count, or that it is of no such form.
    fn read<P: serde::de::DeserializeOwned>(
        &self,
        statement: &Verified<Statement>,
        malformed: countersign_core::finding::Code,
        of: impl Fn(&P) -> (&str, Oid),
    ) -> Result<Result<P, String>, Finding> {
        let said = statement.value();
        let place = format!("evidence {}", statement.document());
        let kind = said.kind().unwrap_or(Kind::ConfigSnapshot);
        let wrong = |what: String| Finding::new(malformed, what).at(place.as_str());
        let read: P = said.predicate_as(kind).map_err(|error| wrong(error.to_string()))?;
        let (repository, commit) = of(&read);
        let subject = said.subjects.iter().any(|s| s.digest.get("gitCommit").is_some_and(|hex| *hex == commit.hex()));
        if !subject {
            return Err(wrong("its subject is another commit than the one that it speaks of".to_owned()));
        }
        if repository != self.repository || commit != self.commit {
            return Ok(Err(format!("one of commit {commit} of {repository}")));
        }
        Ok(Ok(read))
    }
}

/// What becomes of what is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// It blocks.
    Block,
    /// It is noted.
    Pass,
}

/// `block` or `pass`.
pub(crate) fn block_or_pass(
    reader: &mut Reader<'_>,
    name: &'static str,
    default: Unknown,
) -> Result<Unknown, ParameterError> {
    reader.word(name, &[("block", Unknown::Block), ("pass", Unknown::Pass)], "`block` or `pass`", default)
}

/// The globs of files that a rule leaves out.
pub(crate) fn leave_out(reader: &mut Reader<'_>) -> Result<Vec<PathGlob>, ParameterError> {
    const EXPECTED: &str = "a list of globs over paths";
    let texts = reader.texts("leave_out", EXPECTED, &[])?;
    let glob = |text: String| {
        PathGlob::new(&text).map_err(|error| ParameterError::Value {
            name: "leave_out",
            expected: EXPECTED,
            found: error.to_string(),
        })
    };
    texts.into_iter().map(glob).collect()
}

/// A note of what was let pass.
pub(crate) fn let_pass(what: &str, places: Vec<String>, by: &str) -> Option<Finding> {
    if places.is_empty() {
        return None;
    }
    let finding = Finding::new(codes::LET_PASS, format!("{what}: {}", places.len())).expected("none", by);
    Some(places.into_iter().take(NAMED).fold(finding, Finding::at))
}
