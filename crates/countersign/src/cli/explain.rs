//! `explain`: what a code means.

use super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::exit::Exit;
use countersign_decide::rules;
use countersign_flow::FlowError;
use countersign_flow::output::Explained;
use countersign_flow::policy;
use countersign_report::{explain, policy_docs, text};
use std::path::PathBuf;

/// Explain a finding's code, a rule, or the exit codes
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign explain review-missing\n  countersign explain two-party-review@1\n  countersign explain exit-codes\n  countersign explain no-left-pad@1 --policy policy.manifest.json"
)]
pub(crate) struct Explain {
    /// A code, a rule's id, an exit code, `exit-codes`, `codes` or `rules`
    what: String,
    /// The policy that the rule is of: a folder, or a manifest that `policy build` wrote
    #[arg(long, value_name = "DIR|FILE")]
    policy: Option<PathBuf>,
}

impl Explain {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let document = Explained { what: self.what.clone(), text: self.text()? };
        Ok(Done::answer(call.format, Exit::Ok, "explain", &document, || document.text.clone()))
    }

    fn text(&self) -> Result<String, FlowError> {
        if let Some(policy) = &self.policy {
            return Ok(policy_docs::words(&policy::page(policy, &self.what)?));
        }
        match self.what.as_str() {
            "exit-codes" | "0" | "1" | "2" | "3" | "4" | "5" | "6" => return Ok(explain::exit_codes()),
            "codes" => return Ok(explain::all_codes()),
            "rules" => {
                let row = |rule: &rules::BuiltIn| vec![rule.id.to_owned(), rule.title.to_owned()];
                return Ok(text::table(
                    &["rule", "holds when it passes"],
                    &rules::ALL.iter().map(row).collect::<Vec<_>>(),
                ));
            }
            _ => {}
        }
        if let Some(rule) = rules::ALL.iter().find(|rule| rule.id == self.what) {
            return Ok(rule_text(rule));
        }
        explain::code(&self.what).ok_or_else(|| {
            let near = explain::similar(&self.what);
            let meant = if near.is_empty() { String::new() } else { format!("; did you mean {}", near.join(", ")) };
            FlowError::Usage(format!(
                "`{}` is neither a code nor a rule{meant}: `countersign explain codes` and `explain rules` list them",
                self.what
            ))
        })
    }
}

fn rule_text(rule: &rules::BuiltIn) -> String {
    let mut out = format!("{}: {}\n\n{}\n\nwhat to do: {}\n", rule.id, rule.title, rule.why, rule.fix);
    if let Some(newer) = rules::newest_of(rule) {
        out.push_str(&format!("\n{} means more: {}. A release of today names that one.\n", newer.id, newer.title));
    }
    if rule.parameters.is_empty() {
        out.push_str("\nIt has no parameters.\n");
    } else {
        let row = |(name, meaning): &(&str, &str)| vec![(*name).to_owned(), (*meaning).to_owned()];
        out.push_str(&format!(
            "\n{}",
            text::table(&["parameter", "meaning (default)"], &rule.parameters.iter().map(row).collect::<Vec<_>>())
        ));
    }
    out.push_str(&format!("\ncontrols: {}\n", rule.controls.join(", ")));
    out
}
