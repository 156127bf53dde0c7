//! One result, and every form in which other programs want it: SARIF, `JUnit`, GitHub's workflow commands and step summary,
//! GitLab's code quality, HTML. All of them say what the text says.

pub mod baseline;
mod fingerprint;
pub(crate) mod github;
mod gitlab;
pub(crate) mod html;
mod junit;
pub(crate) mod link;
mod place;
mod sarif;
#[cfg(test)]
mod testing;

pub use baseline::{Baseline, BaselineError, Mark, State};
pub use place::Place;

use crate::escape::plain;
use crate::json::DocumentError;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Class, Finding, Verdict};
use countersign_core::ids::EnvName;
use countersign_core::policy::{PolicyRef, Stage};

/// A form that this crate makes of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// SARIF 2.1.0.
    Sarif,
    /// The XML of `JUnit`.
    Junit,
    /// GitHub's workflow commands.
    Github,
    /// Markdown for a GitHub step summary.
    Summary,
    /// GitLab's code quality report.
    Gitlab,
    /// One page that needs nothing else.
    Html,
}

/// What a finding does where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// It blocks.
    Blocks,
    /// It would block, and the gate of this environment is not enforced.
    LetThrough,
    /// It would block, and an exception lets it be.
    Excepted,
    /// Its rule is in stage warn.
    Warns,
    /// Its rule is in stage monitor.
    Monitored,
    /// Worth saying.
    Note,
}

impl Effect {
    /// Of a finding of a rule in this stage; none where no stage applies.
    #[must_use]
    pub const fn of(class: Class, stage: Option<Stage>) -> Self {
        match (class, stage) {
            (Class::Note, _) => Self::Note,
            (Class::Excepted, _) => Self::Excepted,
            (_, Some(Stage::Warn)) => Self::Warns,
            (_, Some(Stage::Monitor | Stage::Off)) => Self::Monitored,
            (_, Some(Stage::Enforce) | None) => Self::Blocks,
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::LetThrough => "would block, but the gate is not enforced",
            Self::Excepted => "excepted, blocks nothing for now",
            Self::Warns => "warns, blocks nothing",
            Self::Monitored => "monitored, blocks nothing",
            Self::Note => "note",
        }
    }
}

/// Why the work could not be done. No finding: nothing was checked, or not to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What could not be done.
    pub message: String,
    /// Why, each cause of the one before.
    pub causes: Vec<String>,
    /// One next action.
    pub help: Option<String>,
}

/// What a run came to, as a verb knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The verb, as its answer is called: `promote`, `policy-lint`.
    pub verb: String,
    /// The version of the program.
    pub version: String,
    /// The verdict.
    pub verdict: Verdict,
    /// How the run ends.
    pub exit: Exit,
    /// What was judged, by name.
    pub subject_name: Option<String>,
    /// What was judged, by digest.
    pub subject: Option<Sha256>,
    /// Where it is to go.
    pub environment: Option<EnvName>,
    /// The policy release that judged.
    pub policy: Option<PolicyRef>,
    /// The folder that findings' places are relative to; none where it is the current one.
    pub folder: Option<String>,
    /// The file that stands for the whole, for readers that insist on one.
    pub file: String,
    /// The checklist.
    pub checks: Vec<Check>,
    /// What was found, and what it does.
    pub findings: Vec<(Finding, Effect)>,
    /// What was done, or not.
    pub closing: String,
    /// Why it did not come to its end.
    pub failure: Option<Failure>,
}

impl Facts {
    /// Of a run of a verb that ends so, with nothing else known.
    #[must_use]
    pub fn new(verb: &str, version: &str, verdict: Verdict, exit: Exit) -> Self {
        Self {
            verb: verb.to_owned(),
            version: version.to_owned(),
            verdict,
            exit,
            subject_name: None,
            subject: None,
            environment: None,
            policy: None,
            folder: None,
            file: ".".to_owned(),
            checks: Vec::new(),
            findings: Vec::new(),
            closing: String::new(),
            failure: None,
        }
    }

    /// With findings that stand outside any rule's stage, or whose rule is enforced.
    #[must_use]
    pub fn found(mut self, findings: &[Finding]) -> Self {
        self.findings.extend(findings.iter().map(|finding| (finding.clone(), Effect::of(finding.class, None))));
        self
    }
}

/// A finding with what every form says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The finding.
    pub finding: Finding,
    /// What it does.
    pub effect: Effect,
    /// The first of its places that is a line of a file.
    pub place: Option<Place>,
    /// The same for the same problem in every run and on every machine.
    pub fingerprint: String,
    /// Whether the baseline had it; none without a baseline.
    pub state: Option<State>,
}

impl Item {
    /// The rule that is written in the release, or else the code. A rule that is built in has codes that say more.
    #[must_use]
    pub fn rule(&self) -> &str {
        let note = self.finding.rule.as_ref().filter(|_| crate::message::is_written(&self.finding));
        note.map_or(self.finding.code.as_str(), |rule| rule.id.as_str())
    }

    /// Its first line, harmless to look at.
    fn what(&self) -> String {
        plain(&self.finding.what)
    }

    /// `new: ` or nothing.
    fn mark(&self) -> String {
        self.state.map_or_else(String::new, |state| format!("{}: ", state.word()))
    }

    /// What is said below the first line: a label and a text, harmless to look at.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let finding = &self.finding;
        let mut out = vec![("effect", self.effect.words().to_owned())];
        if let Some(note) = &finding.exception {
            out.push(("excepted by", plain(&note.line())));
            out.push(("because", plain(&note.reason)));
        }
        out.extend(finding.at.iter().map(|at| ("at", plain(at))));
        let by = finding.expected_by.as_deref().map_or_else(String::new, |by| format!(" (by {})", plain(by)));
        out.extend(finding.expected.as_deref().map(|expected| ("expected", format!("{}{by}", plain(expected)))));
        out.extend(finding.found.iter().map(|found| ("found", plain(found))));
        out.extend(finding.rule.as_ref().map(|rule| ("why", plain(&rule.why))));
        out.extend(crate::next::action(finding).map(|help| ("help", plain(&help))));
        out.extend(finding.controls.iter().map(|control| ("control", plain(control))));
        out.extend(finding.rule.as_ref().map(|rule| ("rule", crate::message::said_of(rule))));
        out.push(("explain", format!("countersign explain {}", finding.code)));
        out
    }
}

/// One result: the facts, and the findings in the order in which they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What the verb knows.
    pub facts: Facts,
    /// The findings: what blocks first, then by rule, file and line.
    pub items: Vec<Item>,
    /// What the baseline had and this run did not find.
    pub gone: Vec<Mark>,
}

impl Report {
    /// Of what a verb knows, compared with an earlier result if there is one. A baseline marks; it changes no verdict and
    /// no exit code.
    #[must_use]
    pub fn new(facts: Facts, baseline: Option<&Baseline>) -> Self {
        let place = |finding: &Finding| {
            let folder = facts.folder.as_deref();
            let line = finding.at.iter().find_map(|at| Place::parse(at, folder.unwrap_or_default()));
            line.or_else(|| Place::of_file(finding.at.first()?, folder?))
        };
        let mut items: Vec<Item> = facts
            .findings
            .iter()
            .map(|(finding, effect)| Item {
                place: place(finding),
                finding: finding.clone(),
                effect: *effect,
                fingerprint: String::new(),
                state: None,
            })
            .collect();
        items.sort_by(|a, b| {
            (a.effect, a.rule(), &a.place, &a.finding).cmp(&(b.effect, b.rule(), &b.place, &b.finding))
        });
        fingerprint::set(&mut items, facts.subject_name.as_deref().unwrap_or_default());
        let mut report = Self { facts, items, gone: Vec::new() };
        if let Some(baseline) = baseline {
            baseline.mark(&mut report);
        }
        report
    }

    /// In one of the forms.
    pub fn render(&self, form: Form) -> Result<String, DocumentError> {
        match form {
            Form::Sarif => sarif::render(self),
            Form::Junit => Ok(junit::render(self)),
            Form::Github => Ok(github::commands(self)),
            Form::Summary => Ok(github::summary(self)),
            Form::Gitlab => gitlab::render(self),
            Form::Html => Ok(html::render(self)),
        }
    }

    /// What the JSON of a verb says of its findings: a fingerprint each, and whether it is new.
    #[must_use]
    pub fn marks(&self) -> Vec<Mark> {
        self.items.iter().map(Mark::of).chain(self.gone.iter().cloned()).collect()
    }

    /// `promote  app.bin  to production`: what was asked, harmless to look at.
    fn title(&self) -> String {
        let name = self.facts.subject_name.as_deref().map_or_else(String::new, |name| format!(" {}", plain(name)));
        let to = self.facts.environment.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
        format!("{}{name}{to}", self.facts.verb.replace('-', " "))
    }

    /// The verdict, with the exit code.
    fn verdict(&self) -> String {
        let exit = self.facts.exit;
        format!("{}, exit code {} ({})", self.facts.verdict, exit.code(), exit.meaning())
    }

    /// The failure in one line, harmless to look at.
    fn failure(&self) -> Option<String> {
        let failure = self.facts.failure.as_ref()?;
        let causes: Vec<String> = failure.causes.iter().map(|cause| format!("; because: {}", plain(cause))).collect();
        let causes = causes.concat();
        let help = failure.help.as_deref().map_or_else(String::new, |help| format!("; help: {}", plain(help)));
        Some(format!("could not be checked: {}{causes}{help}", plain(&failure.message)))
    }

    /// The facts in the head of a page: a label and a text, harmless to look at.
    fn head(&self) -> Vec<(&'static str, String)> {
        let facts = &self.facts;
        let mut out = vec![("verdict", self.verdict())];
        out.extend(facts.subject_name.as_deref().map(|name| ("subject", plain(name))));
        out.extend(facts.subject.map(|digest| ("digest", digest.to_string())));
        out.extend(facts.environment.as_ref().map(|to| ("environment", to.to_string())));
        out.extend(facts.policy.as_ref().map(|p| {
            let (uri, version) = (plain(&p.uri.to_string()), p.version);
            ("policy", format!("{uri} version {version}, {}", p.digest))
        }));
        if !facts.closing.is_empty() {
            out.push(("done", plain(&facts.closing)));
        }
        out
    }
}
