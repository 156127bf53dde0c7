//! `log find`: looking something up in the record.

use super::super::given::{StoreArgs, moment};
use super::super::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::time::Time;
use countersign_flow::{index, output as answer};
use countersign_report::text;

/// Look up what the log has about a subject, or count decisions and rules that did not pass by day
///
/// By an index that is derived from the record and brought up to it, or built again where it is not of this log. What it
/// says is signed by nobody: `log show --entry N --proof` shows an entry with its proof.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign log find --subject sha256:… --store .countersign\n  countersign log find --since 2026-11-01"
)]
pub(super) struct Find {
    /// The subject: an artifact's digest
    #[arg(long, value_name = "sha256:…")]
    subject: Option<Sha256>,
    /// Count from this day on: `2026-01-01`, or a time of that day
    #[arg(long, value_name = "TIME", conflicts_with = "subject", value_parser = moment)]
    since: Option<Time>,
    #[command(flatten)]
    store: StoreArgs,
}

impl Find {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let place = self.store.place(call)?;
        let index = index::of(&place)?;
        let (size, root) = index::built_to(index.as_ref())?;
        let mut document = answer::LogFound { size, root, rows: Vec::new(), days: Vec::new(), rules: Vec::new() };
        if let Some(subject) = &self.subject {
            document.rows = index
                .about(subject)?
                .into_iter()
                .map(|row| answer::FoundRow {
                    entry: row.entry,
                    time: row.time,
                    kind: row.kind,
                    environment: row.environment,
                    verdict: row.decided.as_ref().map(|one| one.verdict),
                    authorised: row.decided.as_ref().map(|one| one.authorised),
                    policy_version: row.decided.and_then(|one| one.policy_version),
                })
                .collect();
        } else {
            let since: String = self.since.map_or_else(String::new, |time| time.to_string().chars().take(10).collect());
            let days = index.days(&since)?.into_iter().map(|one| answer::DayRow {
                day: one.day,
                environment: one.environment,
                verdict: one.verdict,
                authorised: one.authorised,
                policy_version: one.policy_version,
                count: one.count,
            });
            document.days = days.collect();
            let rules = index.rules(&since)?.into_iter().map(|one| answer::RuleRow {
                day: one.day,
                environment: one.environment,
                rule: one.rule,
                count: one.count,
            });
            document.rules = rules.collect();
        }
        Ok(Done::answer(call.format, Exit::Ok, "log-find", &document, || self.words(&document)))
    }

    fn words(&self, found: &answer::LogFound) -> String {
        let below = format!("by an index of {} entries, which nobody signed\n", found.size);
        if self.subject.is_some() {
            let row = |row: &answer::FoundRow| {
                let environment = row.environment.as_ref().map_or_else(String::new, ToString::to_string);
                let authorised = if row.authorised == Some(true) { ", authorised" } else { "" };
                let said = row.verdict.map_or_else(String::new, |verdict| format!("{verdict}{authorised}"));
                vec![row.entry.to_string(), row.time.to_string(), row.kind.word().to_owned(), environment, said]
            };
            let rows: Vec<_> = found.rows.iter().map(row).collect();
            return format!("{}{below}", text::table(&["entry", "time", "kind", "environment", "decision"], &rows));
        }
        let day = |one: &answer::DayRow| {
            let authorised = if one.authorised { "yes" } else { "no" }.to_owned();
            let version = one.policy_version.to_string();
            let (day, environment) = (one.day.clone(), one.environment.clone());
            vec![day, environment, one.verdict.clone(), authorised, version, one.count.to_string()]
        };
        let rule = |one: &answer::RuleRow| {
            vec![one.day.clone(), one.environment.clone(), one.rule.clone(), one.count.to_string()]
        };
        let days: Vec<_> = found.days.iter().map(day).collect();
        let rules: Vec<_> = found.rules.iter().map(rule).collect();
        format!(
            "{}\n{}{below}",
            text::table(&["day", "environment", "verdict", "authorised", "policy", "decisions"], &days),
            text::table(&["day", "environment", "rule that did not pass", "decisions"], &rules)
        )
    }
}
