//! `controls`: what catalogues of controls hold, and how far what was recorded shows them.

use super::given::{self, Kept, LeastArgs, StoreArgs, TrustArgs};
use super::{Answer, Call};
use crate::render::Done;
use clap::{Args, Subcommand};
use countersign_core::catalogue::{Catalogues, NO_CONCLUSION, Reach};
use countersign_core::exit::Exit;
use countersign_core::finding::exit_of;
use countersign_core::ids::EnvName;
use countersign_core::time::Time;
use countersign_decide::rules;
use countersign_flow::backtest::read_release;
use countersign_flow::controls::{self, ControlRow, Cover, Coverage as Covered, CoverageRequest};
use countersign_flow::{FlowError, output as answer};
use countersign_report::text;
use std::path::PathBuf;

/// List controls, and show how far the record shows them
#[derive(Debug, Args)]
pub(crate) struct Controls {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    List(List),
    Show(Show),
    Coverage(Box<Coverage>),
}

/// List the controls that rules may name
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign controls list --catalogue \"SOC 2\"")]
struct List {
    /// One catalogue
    #[arg(long, value_name = "NAME")]
    catalogue: Option<String>,
    /// A policy folder or release, with catalogues of its own
    #[arg(long, value_name = "DIR|FILE")]
    policy: Option<PathBuf>,
}

/// Show one control, and the rules that serve it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign controls show \"SOC 2 CC8.1\"")]
struct Show {
    /// Its full name
    control: String,
    /// A policy folder or release: its rules are listed, and its catalogues known
    #[arg(long, value_name = "DIR|FILE")]
    policy: Option<PathBuf>,
}

/// Show how far what was recorded shows each control, in five parts
///
/// Automated and fresh; partly automated; manual and current; stale; none. Rules count by their stage and by when they last
/// gave an answer, for each environment. Nothing is added up to a verdict.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign controls coverage --store .countersign --trust trust.sigstore.json --trust-digest sha256:…"
)]
struct Coverage {
    /// One catalogue
    #[arg(long, value_name = "NAME")]
    catalogue: Option<String>,
    /// One environment
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvName>,
    /// As of when (now): what was recorded later plays no part
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    least: LeastArgs,
}

impl Controls {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::List(verb) => verb.run(call),
            Verb::Show(verb) => verb.run(call),
            Verb::Coverage(verb) => verb.run(call),
        }
    }
}

/// Rules, each with the controls that it serves.
type Serve = Vec<(String, Vec<String>)>;

/// The catalogues, with those of a release; and for each of its rules the controls that it serves.
fn known(policy: Option<&PathBuf>) -> Result<(Catalogues, Serve), FlowError> {
    let Some(path) = policy else {
        let meant = |rule: &rules::BuiltIn| {
            (rule.id.to_owned(), rule.controls.iter().map(|control| (*control).to_owned()).collect())
        };
        return Ok((Catalogues::built_in(), rules::newest().map(meant).collect()));
    };
    let manifest = read_release(path)?;
    let problems = controls::problems(&manifest);
    if !problems.is_empty() {
        return Err(FlowError::Refused(problems));
    }
    let serve =
        manifest.rules.iter().map(|rule| (rule.id.to_string(), rules::controls(rule, &manifest.texts))).collect();
    Ok((Catalogues::with(&manifest.texts).0, serve))
}

const fn word(reach: Reach) -> &'static str {
    match reach {
        Reach::Machine => "machine",
        Reach::Part => "part",
        Reach::People => "people",
    }
}

impl List {
    fn run(&self, call: &Call<'_>) -> Answer {
        let (catalogues, _) = known(self.policy.as_ref())?;
        let wanted = |name: &str| self.catalogue.as_deref().is_none_or(|wanted| wanted == name);
        let catalogues: Vec<_> = catalogues.iter().filter(|catalogue| wanted(&catalogue.name)).cloned().collect();
        if catalogues.is_empty() {
            let name = self.catalogue.as_deref().unwrap_or_default();
            return Err(FlowError::Usage(format!(
                "there is no catalogue `{name}`: `countersign controls list` shows all"
            )));
        }
        let document = answer::ControlsListed { conclusion: NO_CONCLUSION, catalogues };
        Ok(Done::answer(call.format, Exit::Ok, "controls-list", &document, || {
            let mut out = String::new();
            for catalogue in &document.catalogues {
                out.push_str(&format!("{}: {}\n\n", text::plain(&catalogue.name), text::plain(&catalogue.title)));
                let row = |control: &countersign_core::catalogue::Control| {
                    let name = format!("{} {}", catalogue.name, control.id);
                    vec![name, word(control.reach).to_owned(), control.text.clone()]
                };
                let rows: Vec<Vec<String>> = catalogue.controls.iter().map(row).collect();
                out.push_str(&text::table(&["control", "shown by", "about"], &rows));
                out.push('\n');
            }
            out.push_str(&format!("the words are countersign's own, and no criterion's text\n{NO_CONCLUSION}\n"));
            out
        }))
    }
}

impl Show {
    fn run(&self, call: &Call<'_>) -> Answer {
        let (catalogues, serve) = known(self.policy.as_ref())?;
        let Some((catalogue, control)) = catalogues.find(&self.control) else {
            let nearest =
                catalogues.nearest(&self.control).map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
            return Err(FlowError::Usage(format!("no catalogue has the control `{}`{nearest}", self.control)));
        };
        let rules: Vec<String> =
            serve.into_iter().filter(|(_, names)| names.contains(&self.control)).map(|(rule, _)| rule).collect();
        let document = answer::ControlShown {
            conclusion: NO_CONCLUSION,
            control: self.control.clone(),
            catalogue: catalogue.title.clone(),
            text: control.text.clone(),
            reach: control.reach,
            fresh_days: catalogue.fresh_days(control),
            rules,
        };
        Ok(Done::answer(call.format, Exit::Ok, "controls-show", &document, || {
            let shown = match document.reach {
                Reach::Machine => "a machine can show how it operates, event by event",
                Reach::Part => "a machine can show a part of it; people have to show the rest",
                Reach::People => "people have to show it: `countersign evidence add manual`",
            };
            let served = if self.policy.is_some() { "rules that serve it" } else { "built-in rules meant for it" };
            let rules = if document.rules.is_empty() { "none".to_owned() } else { document.rules.join(", ") };
            format!(
                "{}\n  {}\n  of: {}\n  {shown}\n  something shows it for {} days\n  {served}: {rules}\n{NO_CONCLUSION}\n",
                document.control, document.text, document.catalogue, document.fresh_days
            )
        }))
    }
}

impl Coverage {
    fn run(&self, call: &Call<'_>) -> Answer {
        let now = given::now()?;
        let (trust, place) =
            (self.trust.read(now)?, self.store.place_after(Kept { least: self.least.file(), output: None }, call)?);
        let request = CoverageRequest {
            trust: &trust,
            place: &place,
            least_checkpoint: self.least.file(),
            environment: self.environment.as_ref(),
            catalogue: self.catalogue.as_deref(),
            at: self.at.unwrap_or(now),
            now,
        };
        let (coverage, findings) = controls::coverage(&request)?;
        let document = answer::ControlsCoverage { coverage, exit: exit_of(&findings), findings };
        Ok(Done::answer(call.format, document.exit, "controls-coverage", &document, || {
            format!("{}{}{NO_CONCLUSION}\n", words(&document.coverage), text::findings(&document.findings))
        }))
    }
}

fn words(coverage: &Covered) -> String {
    let environments: Vec<String> =
        coverage.environments.iter().map(|(name, version)| format!("{name} (release {version})")).collect();
    let environments = if environments.is_empty() { "none".to_owned() } else { environments.join(", ") };
    let mut out = format!("as of {}; environments: {environments}\n\n", coverage.at);
    let heading = ["catalogue", "automated, fresh", "partly automated", "manual, current", "stale", "none"];
    let row = |row: &controls::CatalogueRow| {
        let counts = row.controls;
        let numbers =
            [counts.automated_fresh, counts.partly_automated, counts.manual_current, counts.stale, counts.none];
        std::iter::once(row.name.clone()).chain(numbers.iter().map(ToString::to_string)).collect()
    };
    let rows: Vec<Vec<String>> = coverage.catalogues.iter().map(row).collect();
    out.push_str(&text::table(&heading, &rows));
    let shown: Vec<Vec<String>> =
        coverage.controls.iter().filter(|control| control.cover != Cover::None).flat_map(rows_of).collect();
    if !shown.is_empty() {
        let heading = ["control", "cover", "shown by", "where", "stage", "last answer", "fresh"];
        out.push_str(&format!("\n{}", text::table(&heading, &shown)));
    }
    for catalogue in &coverage.catalogues {
        let prefix = format!("{} ", catalogue.name);
        let bare: Vec<&str> = coverage
            .controls
            .iter()
            .filter(|control| control.cover == Cover::None)
            .filter_map(|control| control.control.strip_prefix(&prefix))
            .filter(|id| !id.contains(' '))
            .collect();
        if !bare.is_empty() {
            out.push_str(&format!(
                "\n{}, nothing shows: {}\n",
                text::plain(&catalogue.name),
                bare.iter().map(|id| text::plain(id)).collect::<Vec<_>>().join(", ")
            ));
        }
    }
    if !coverage.unmapped.is_empty() {
        let row = |row: &controls::UnmappedRow| {
            vec![
                row.rule.to_string(),
                row.environment.to_string(),
                row.stage.to_string(),
                if row.meant_for.is_empty() { "-".to_owned() } else { row.meant_for.join(", ") },
            ]
        };
        let rows: Vec<Vec<String>> = coverage.unmapped.iter().map(row).collect();
        out.push_str("\nrules that serve no control, or fewer than they are meant for, by what `controls` of the release says:\n");
        out.push_str(&text::table(&["rule", "environment", "stage", "could be named for"], &rows));
    }
    out.push_str("\nnot looked at:\n");
    for line in &coverage.not_judged {
        out.push_str(&format!("  {line}\n"));
    }
    out
}

/// A line for each rule and each attestation of a control.
fn rows_of(control: &ControlRow) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for served in &control.rules {
        let last = match (served.last, served.verdict, served.age_days) {
            (Some(last), Some(verdict), Some(age)) => format!("{verdict} {last}, {age} day(s) ago"),
            _ => "none in this stage".to_owned(),
        };
        let gate = if served.enforced { "" } else { " (gate not enforced)" };
        rows.push(vec![
            control.control.clone(),
            control.cover.to_string(),
            served.rule.to_string(),
            format!("{}{gate}", served.environment),
            served.stage.to_string(),
            last,
            if served.fresh { "yes" } else { "no" }.to_owned(),
        ]);
    }
    for manual in &control.manual {
        rows.push(vec![
            control.control.clone(),
            control.cover.to_string(),
            format!("person {}", manual.owner),
            format!("entry {}", manual.entry),
            "by hand".to_owned(),
            format!("as of {}, until {}", manual.as_of, manual.valid_until),
            if manual.current { "yes" } else { "no" }.to_owned(),
        ]);
    }
    rows
}
