//! The part of the record that is asked for: which decisions are of it, and why this log may not have all of them. An answer
//! about a part that the log cannot speak of is no answer: here it is said, and nothing is left out because of it.

use super::facts::{Gathered, Known, Window, service_of};
use super::kept::Kept;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::ids::EnvName;
use countersign_core::statement::Kind;
use countersign_verify::LogState;
use std::collections::BTreeSet;
use std::ops::Range;

/// How many entries are named where there are many.
const NAMED: usize = 20;

/// The part, and the artifacts that are proved to be of it.
#[derive(Debug)]
pub(super) struct Portion {
    window: Window,
    /// Artifacts of the services that are asked for, by some decision of the log. Of one that proves no source the name alone
    /// would tell, and whoever asks for a promotion gives that.
    artifacts: BTreeSet<Sha256>,
    /// Whether some decision proves to be of such a service. Where a service is no more than an artifact's name, the name is all
    /// that there is to tell by.
    proved: bool,
}

impl Portion {
    pub(super) fn new(window: &Window, gathered: &Gathered) -> Self {
        let all = || {
            let known = gathered.decisions.iter();
            known.filter(|known| !window.services.is_empty() && of_service(window, &known.content))
        };
        let proved = all().any(|known| known.content.source.is_some());
        Self { window: window.clone(), artifacts: all().map(|known| known.content.request.subject).collect(), proved }
    }

    /// Whether what was let go may be of it, and nobody can tell: it proves no source, and nothing places its artifact.
    pub(super) fn may_have(&self, decision: &Kept) -> bool {
        self.proved && decision.authorised && self.window.may_cover(decision) && !self.has(decision)
    }

    /// Whether a decision is of it.
    pub(super) fn has(&self, decision: &Kept) -> bool {
        self.window.covers(decision)
            || (self.window.may_cover(decision) && self.artifacts.contains(&decision.request.subject))
    }

    /// Why the log may not have all of it.
    pub(super) fn doubts(&self, state: &LogState, gathered: &Gathered, range: &Range<u64>) -> Vec<Finding> {
        let unknown = self.unknown_environments(state, gathered).into_iter().chain(self.unknown_services(gathered));
        let of_time = self.before(state).into_iter().chain(self.ahead(state)).chain(self.behind(state));
        unknown.chain(of_time).chain(self.unplaced(gathered, range)).collect()
    }

    fn unknown_environments(&self, state: &LogState, gathered: &Gathered) -> Vec<Finding> {
        let recorded = |name: &EnvName| {
            let trust = state.now().trust().trust().environments.contains_key(name);
            trust
                || state.entries().iter().any(|entry| entry.environment.as_ref() == Some(name))
                || gathered.decisions.iter().any(|known| *known.content.request.environment == *name)
        };
        let never = self.window.environments.iter().filter(|name| !recorded(name));
        never
            .map(|name| {
                absent(format!("the log knows no environment {name}"))
                    .at("--environment")
                    .help("`countersign audit population decisions FILE` lists the environments that there are")
            })
            .collect()
    }

    fn unknown_services(&self, gathered: &Gathered) -> Vec<Finding> {
        let named = |name: &String| {
            let of = |known: &Known| {
                service_of(&known.content) == *name || known.content.request.subject_name.as_str() == name
            };
            gathered.decisions.iter().any(|known| of(known))
        };
        let never = self.window.services.iter().filter(|name| !named(name));
        never
            .map(|name| {
                absent(format!("no decision of the log is about the service {name}"))
                    .at("--service")
                    .help("`countersign audit population decisions FILE` lists the services that there are")
            })
            .collect()
    }

    /// What lies in the window and in a log that this one goes on from: that log's own package has it.
    fn before(&self, state: &LogState) -> Vec<Finding> {
        if self.window.from.is_none() && self.window.to.is_none() {
            return Vec::new();
        }
        let mut out = Vec::new();
        for log in state.now().chain().skip(1) {
            // The end of that log is no part of anybody's window.
            let said = log.entries().iter().filter(|entry| entry.kind != Kind::LogShard);
            let within = said.filter(|entry| {
                self.window.from.is_none_or(|from| entry.time >= from)
                    && self.window.to.is_none_or(|to| entry.time < to)
            });
            let (count, origin) = (within.count(), log.reference().origin);
            if count > 0 {
                let what = format!(
                    "{count} entries of the window are in the log {origin}, which this one goes on from, and in no answer here"
                );
                out.push(
                    absent(what)
                        .at(format!("log {origin}"))
                        .help("ask the package of that log as well, with the same --from and --to"),
                );
            }
        }
        out
    }

    /// A window that ends when the log had not begun, or that holds no time at all: that nothing was recorded in it says nothing.
    fn ahead(&self, state: &LogState) -> Option<Finding> {
        let to = self.window.to?;
        if let Some(from) = self.window.from.filter(|from| *from >= to) {
            let what = format!("the window begins at {from} and ends at {to}: no time lies in it");
            return Some(absent(what).at("--to").help("name an end that lies behind the beginning"));
        }
        let first = state.entries().first().map(|entry| entry.time).filter(|first| to <= *first)?;
        let what = format!("the window ends at {to}, and the first entry of the log is of {first}");
        let earlier = state.now().earlier().map(|log| log.origin().clone());
        let help = earlier.map_or_else(
            || "ask about a time that the log covers; who kept another log before it has its package".to_owned(),
            |origin| format!("ask the package of the log {origin}, which this one goes on from"),
        );
        Some(absent(what).at("--to").help(help))
    }

    /// A window that begins when the log has ended.
    fn behind(&self, state: &LogState) -> Option<Finding> {
        let newest = state.entries().last()?.time;
        let from = self.window.from.filter(|from| *from > newest)?;
        let what = format!("the window begins at {from}, and the newest entry of the log is of {newest}");
        Some(absent(what).at("--from").help("ask a package that was made later"))
    }

    /// What was let go without a proved source, by an artifact that no decision places: it may be of any service.
    pub(super) fn unplaced(&self, gathered: &Gathered, range: &Range<u64>) -> Option<Finding> {
        let within = gathered.decisions.iter().filter(|known| range.contains(&known.entry));
        let unplaced = within.filter(|known| self.may_have(&known.content));
        let entries: Vec<String> = unplaced.map(|known| known.entry.to_string()).collect();
        let what = match entries.as_slice() {
            [] => return None,
            [_] => "1 promotion was authorised that proves no source: it may be of this service".to_owned(),
            more => {
                format!("{} promotions were authorised that prove no source: they may be of this service", more.len())
            }
        };
        let more = if entries.len() > NAMED { " …" } else { "" };
        let named: Vec<&str> = entries.iter().take(NAMED).map(String::as_str).collect();
        let place = format!("log entries {}{more}", named.join(", "));
        Some(
            absent(what)
                .at(place)
                .help("ask without --service, and look at these yourself: `countersign audit show ENTRY FILE`"),
        )
    }
}

fn of_service(window: &Window, decision: &Kept) -> bool {
    window.services.contains(&service_of(decision)) || window.services.contains(decision.request.subject_name.as_str())
}

fn absent(what: String) -> Finding {
    Finding::new(codes::AUDIT_EVIDENCE_ABSENT, what)
}
