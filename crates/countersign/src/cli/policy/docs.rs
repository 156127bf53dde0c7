//! `policy docs`: pages for the people whom a release binds.

use super::super::reports::{Answered, ReportArgs};
use super::super::{Answer, Call, reports};
use clap::Args;
use countersign_core::finding::{exit_of, verdict_of};
use countersign_flow::output as answer;
use countersign_flow::policy;
use countersign_report::policy_docs::PageForm;
use countersign_report::text;
use std::path::PathBuf;

/// Write a page for each rule, and an index by rule and by control
///
/// The pages say what a rule is for, what to do when it is broken, its parameters and stages, and show its cases as
/// examples. Rules that are built in are among them. The same folder makes the same pages.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign policy docs policy/ --output policy-docs\n  countersign policy docs policy/ --output policy-docs --check"
)]
pub(super) struct Docs {
    /// The folder with policy.toml
    folder: PathBuf,
    /// Where the pages are: outside the policy's folder
    #[arg(long, value_name = "DIR", default_value = "policy-docs")]
    output: PathBuf,
    /// In which form
    #[arg(long, value_enum, default_value_t = Pages::Markdown)]
    form: Pages,
    /// Write nothing, and fail where a page is not what would be made now
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    reports: ReportArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Pages {
    /// Markdown
    Markdown,
    /// HTML that needs nothing else
    Html,
}

impl Docs {
    pub(super) const fn not_done(&self) -> &'static str {
        if self.check { "nothing was checked" } else { "nothing was written" }
    }

    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let mut begun = reports::facts("policy-docs");
        begun.file = self.output.display().to_string();
        self.reports.answer(call, begun.clone(), self.not_done(), || {
            let form = if self.form == Pages::Html { PageForm::Html } else { PageForm::Markdown };
            let made = policy::docs(&self.folder, &self.output, form, self.check)?;
            let exit = exit_of(&made.findings);
            let output = self.output.display().to_string();
            let said = match (self.check, made.findings.is_empty()) {
                (true, true) => format!("{} page(s) are what would be made now", made.pages.len()),
                (true, false) => text::tally(&made.findings),
                (false, _) => format!("{} page(s), beginning with {output}/index.{}", made.pages.len(), form.ending()),
            };
            let between = if made.findings.is_empty() { "" } else { "\n" };
            let text = format!("{}{between}{said}\n", text::findings(&made.findings));
            let mut facts = reports::ended(begun, verdict_of(&made.findings), exit, &made.findings);
            facts.closing = said;
            let document = answer::PolicyDocumented { output, pages: made.pages, findings: made.findings, exit };
            Ok(Answered::new(document, text, facts))
        })
    }
}
