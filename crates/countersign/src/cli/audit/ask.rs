//! `audit ask`.

use super::super::given::moment;
use super::super::{Answer, Call};
use super::facts::FactsArgs;
use super::{OutsideArgs, WindowArgs, package_among, some};
use crate::render::Done;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use countersign_core::codes;
use countersign_core::exit::Exit;
use countersign_core::finding::{Class, Finding};
use countersign_core::time::Time;
use countersign_flow::FlowError;
use countersign_flow::audit::{self, Answered, Asking, QuestionRow};
use countersign_flow::output as answer;
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use std::path::PathBuf;

/// Answer an auditor's question from a package, with what proves each row
///
/// Alone it lists the questions Q01 to Q24, what each is answered from, and what nobody collects yet: such a question is
/// answered as far as it goes, and INDETERMINATE (exit code 3). Rows that an auditor would list as an exception make the
/// exit code 1.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign audit ask\n  countersign audit ask Q01 2026.cspkg --trust trust.sigstore.json --trust-digest sha256:…\n  countersign audit ask all 2026.cspkg --from 2026-01-01 --to 2027-01-01 --trust trust.sigstore.json"
)]
pub(super) struct Ask {
    /// Questions, Q01 to Q24 or `all`, and the package
    #[arg(value_name = "QUESTION… PACKAGE")]
    words: Vec<String>,
    #[command(flatten)]
    outside: OutsideArgs,
    #[command(flatten)]
    facts: FactsArgs,
    #[command(flatten)]
    window: WindowArgs,
    /// A log entry that is asked about; more by repeating it
    #[arg(long = "item", value_name = "ENTRY", conflicts_with_all = ["n", "seed"])]
    items: Vec<u64>,
    /// A sample of so many
    #[arg(long, value_name = "N", value_parser = some)]
    n: Option<usize>,
    /// Drawn by this seed, which is the auditor's
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    seed: Option<String>,
    /// As of this moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Time>,
    /// Write the rows of the answer as CSV as well
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

impl Ask {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let known = audit::questions();
        let listed = answer::AuditQuestions { questions: known.clone() };
        let is_question =
            |word: &str| word.eq_ignore_ascii_case("all") || known.iter().any(|one| one.id.eq_ignore_ascii_case(word));
        if self.words.is_empty() {
            return Ok(Done::answer(call.format, Exit::Ok, "audit-questions", &listed, || list(&listed)));
        }
        let (package, words) = package_among(&self.words)?;
        let ids: Vec<&str> = if words.iter().any(|word| word.eq_ignore_ascii_case("all")) {
            known.iter().map(|one| one.id).collect()
        } else {
            words.iter().map(|word| word.as_str()).collect()
        };
        if ids.is_empty() {
            let what = "which question? Q01 to Q24 or `all`: `countersign audit ask` lists them";
            return Err(FlowError::Usage(what.to_owned()));
        }
        if let Some(wrong) = ids.iter().find(|id| !is_question(id)) {
            let what = format!("there is no question `{wrong}`: `countersign audit ask` lists them");
            return Err(FlowError::Usage(what));
        }
        // Of all questions the one that needs a seed says so itself; asked alone, it cannot be meant.
        if self.seed.is_none() && words.iter().any(|word| word.eq_ignore_ascii_case("Q02")) {
            let what = "Q02 draws a sample: give a seed of your own with --seed, and a size with --n";
            return Err(FlowError::Usage(what.to_owned()));
        }
        self.each_is_taken(&known, &ids)?;
        let window = self.window.window()?;
        let opening = self.facts.open(&self.outside, &package, &[self.csv.as_deref()])?;
        let asking = Asking::of(&opening)?;
        let ask = audit::Ask { window, items: self.items.clone(), n: self.n, seed: self.seed.clone(), at: self.at };
        let answers: Vec<Answered> = ids.iter().map(|id| asking.answer(id, &ask)).collect::<Result<_, _>>()?;
        if let Some(path) = &self.csv {
            let all: Vec<String> = answers.iter().map(|one| one.table.csv()).collect();
            write_atomic(path, all.join("\n").as_bytes(), 0o644)?;
        }
        let exit = answers.iter().fold(Exit::Ok, |exit, one| exit.worse(one.exit));
        let document = answer::AuditAsked { answers, exit };
        Ok(Done::answer(call.format, exit, "audit-ask", &document, || {
            document.answers.iter().map(words_of).collect::<Vec<_>>().join("\n")
        }))
    }
}

impl Ask {
    /// An option that none of the questions takes was meant for another one: an answer that passes over it misleads.
    fn each_is_taken(&self, known: &[QuestionRow], ids: &[&str]) -> Result<(), FlowError> {
        let typed = [
            ("--item", !self.items.is_empty()),
            ("--n", self.n.is_some()),
            ("--seed", self.seed.is_some()),
            ("--at", self.at.is_some()),
        ];
        for (option, _) in typed.into_iter().filter(|(_, typed)| *typed) {
            let taken = || known.iter().filter(|one| one.takes.split(' ').any(|word| word == option)).map(|one| one.id);
            if taken().any(|id| ids.iter().any(|asked| asked.eq_ignore_ascii_case(id))) {
                continue;
            }
            let by = taken().collect::<Vec<_>>().join(" and ");
            return Err(FlowError::Usage(format!(
                "{option} is for {by} alone: `countersign audit ask` lists what each takes"
            )));
        }
        Ok(())
    }
}

fn list(document: &answer::AuditQuestions) -> String {
    let mut out = String::new();
    for one in &document.questions {
        out.push_str(&format!("{}  {}\n     from: {}\n", one.id, one.asks, one.from));
        if !one.takes.is_empty() {
            out.push_str(&format!("     takes: {}\n", one.takes));
        }
        if !one.not_collected.is_empty() {
            out.push_str(&format!("     INDETERMINATE until somebody collects: {}\n", one.not_collected.join("; ")));
        }
    }
    out
}

/// How many rows of an answer are shown to people; JSON and CSV have all.
const SHOWN: usize = 50;

fn words_of(one: &Answered) -> String {
    let mut out = format!("{}  {}\n", one.question.id, one.question.asks);
    out.push_str(&super::look::rows(&one.table, SHOWN));
    for note in &one.notes {
        out.push_str(&text::wrapped("  note: ", note, 118));
    }
    out.push_str(&text::wrapped(super::look::complete(&one.findings), &one.completeness, 118));
    for missing in &one.missing {
        out.push_str(&text::wrapped("  missing: ", missing, 118));
    }
    // That the end is not proved, and what an answer rests on, bears on every one, so it is said beside each.
    let on_all = [codes::LOG_END_UNPROVEN, codes::AUDIT_FACTS_USED];
    let said = |one: &&Finding| one.class != Class::Note || on_all.contains(&one.code);
    let shown: Vec<_> = one.findings.iter().filter(said).cloned().collect();
    if !shown.is_empty() {
        out.push('\n');
        out.push_str(&text::findings(&shown));
    }
    out.push_str(&format!("{}  {}\n", one.question.id, one.verdict));
    out
}
