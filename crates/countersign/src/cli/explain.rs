//! `explain`: what a code means.

use super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::codes;
use countersign_core::exit::Exit;
use countersign_core::finding::Class;
use countersign_decide::rules;
use countersign_flow::FlowError;
use countersign_flow::output::Explained;
use countersign_report::text;

/// Explain a finding's code, a rule, or the exit codes
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign explain review-missing\n  countersign explain two-party-review@1\n  countersign explain exit-codes"
)]
pub(crate) struct Explain {
    /// A code, a rule's id, `exit-codes`, `codes` or `rules`
    what: String,
}

impl Explain {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let document = Explained { what: self.what.clone(), text: self.text()? };
        Ok(Done::answer(call.format, Exit::Ok, "explain", &document, || document.text.clone()))
    }

    fn text(&self) -> Result<String, FlowError> {
        match self.what.as_str() {
            "exit-codes" => {
                let rows: Vec<_> =
                    Exit::ALL.iter().map(|e| vec![e.code().to_string(), e.meaning().to_owned()]).collect();
                let table = text::table(&["code", "meaning"], &rows);
                return Ok(format!("{table}\nWhere several apply: 6, then 2, 5, 4, 1, 3, 0.\n"));
            }
            "codes" => {
                let row = |entry: &codes::Entry| {
                    vec![entry.code.to_string(), entry.class.word().to_owned(), entry.meaning.to_owned()]
                };
                return Ok(text::table(&["code", "class", "meaning"], &codes::ALL.iter().map(row).collect::<Vec<_>>()));
            }
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
        let entry = codes::find(&self.what).ok_or_else(|| {
            FlowError::Usage(format!("`{}` is neither a code nor a rule: see `countersign explain codes`", self.what))
        })?;
        let ends = match entry.class {
            Class::Refused => "refuses: exit code 1",
            Class::Untrusted => "is not trusted: exit code 4",
            Class::Indeterminate => "cannot be decided: exit code 3",
            Class::Note => "changes no verdict",
        };
        Ok(format!("{}: {}\n\n{}\n", entry.code, ends, entry.meaning))
    }
}

fn rule_text(rule: &rules::BuiltIn) -> String {
    let mut out = format!("{}: {}\n\n{}\n", rule.id, rule.title, rule.why);
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
