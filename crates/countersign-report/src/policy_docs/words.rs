//! A rule's page at a terminal: what `explain` says of a rule of a release.

use super::RulePage;
use crate::escape::{plain, push};
use crate::text;

/// The page in lines.
#[must_use]
pub fn words(rule: &RulePage) -> String {
    let mut out = format!("{}: {}\n\n{}\n", plain(&rule.id), plain(&rule.title), plain(&rule.why));
    push(&mut out, format_args!("\nwhat to do: {}\n", plain(&rule.fix)));
    let owner = rule.owner.as_deref().map_or_else(|| "nobody is named".to_owned(), plain);
    push(&mut out, format_args!("owner: {owner}\n"));
    let facts = [("severity", &rule.severity), ("written in", &rule.file), ("more", &rule.docs)];
    for (label, fact) in facts {
        if let Some(fact) = fact {
            push(&mut out, format_args!("{label}: {}\n", plain(fact)));
        }
    }
    if !rule.controls.is_empty() {
        push(&mut out, format_args!("controls: {}\n", plain(&rule.controls.join(", "))));
    }
    let stages: Vec<Vec<String>> = rule.stages.iter().map(|(to, stage)| vec![to.clone(), stage.clone()]).collect();
    push(&mut out, format_args!("\n{}", text::table(&["environment", "stage"], &stages)));
    if !rule.parameters.is_empty() {
        let row = |(name, meaning, value): &(String, String, Option<String>)| {
            vec![name.clone(), value.clone().unwrap_or_else(|| "not set".to_owned()), meaning.clone()]
        };
        let rows: Vec<Vec<String>> = rule.parameters.iter().map(row).collect();
        push(&mut out, format_args!("\n{}", text::table(&["parameter", "value", "meaning (default)"], &rows)));
    }
    out
}
