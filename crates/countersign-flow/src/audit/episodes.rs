//! Violations as episodes: a rule does not hold for an artifact of a service in an environment, from its first failure until
//! its next pass, in whichever log that comes.

use super::facts::{Known, findings, service_of};
use super::kept::Kept;
use super::table::Proof;
use countersign_core::decision::RuleOutcome;
use countersign_core::finding::{Class, Verdict};
use countersign_core::policy::Stage;
use countersign_core::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A decision that opened an episode, or closed one.
#[derive(Debug, Clone)]
pub(super) struct At {
    pub(super) known: Arc<Known>,
    /// What a row about it rests on, where an earlier log records it.
    pub(super) earlier: Option<Proof>,
}

impl At {
    pub(super) fn time(&self) -> Time {
        self.known.time
    }

    /// Whether it comes before an entry of the log at hand: what an earlier log records comes before all of them.
    pub(super) fn is_before(&self, entry: u64) -> bool {
        self.earlier.is_some() || self.known.entry < entry
    }
}

/// How an episode stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Open,
    /// The next pass was one of an exception.
    Excepted,
    Fixed,
}

impl How {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Excepted => "excepted, not fixed",
            Self::Fixed => "the rule holds again",
        }
    }
}

/// An episode: it opens at the first failure and closes at the next pass.
#[derive(Debug, Clone)]
pub(super) struct Episode {
    pub(super) opened: At,
    pub(super) failures: u64,
    pub(super) closed: Option<At>,
    pub(super) stage: Stage,
    pub(super) how: How,
}

impl Episode {
    /// Whether any of it lies in the entries of a window.
    pub(super) fn touches(&self, range: &std::ops::Range<u64>) -> bool {
        self.opened.is_before(range.end) && self.closed.as_ref().is_none_or(|closed| !closed.is_before(range.start))
    }
}

/// What an episode is of: one artifact's pass says nothing of another one of the same service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Of {
    pub(super) rule: String,
    pub(super) service: String,
    pub(super) artifact: String,
    pub(super) environment: String,
}

impl Of {
    fn new(rule: &RuleOutcome, decision: &Kept) -> Self {
        Self {
            rule: rule.id.to_string(),
            service: service_of(decision),
            artifact: less_version(&decision.request.subject_name),
            environment: decision.request.environment.to_string(),
        }
    }
}

/// Episodes by what they are of, each in the order in which they opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Episodes(pub(super) BTreeMap<Of, Vec<Episode>>);

impl Episodes {
    /// Takes in what the rules said of one more decision; `earlier` gives what proves one of an earlier log.
    pub(super) fn take(&mut self, known: &Arc<Known>, earlier: impl Fn() -> Option<Proof>) {
        let here = || At { known: Arc::clone(known), earlier: earlier() };
        for rule in known.content.rules.iter() {
            let all = match rule.verdict {
                Some(Verdict::Fail) => self.0.entry(Of::new(rule, &known.content)).or_default(),
                Some(Verdict::Pass) => match self.0.get_mut(&Of::new(rule, &known.content)) {
                    Some(all) => all,
                    None => continue,
                },
                Some(Verdict::Indeterminate) | None => continue,
            };
            let open = all.last_mut().filter(|episode| episode.closed.is_none());
            match (rule.verdict, open) {
                (Some(Verdict::Fail), Some(episode)) => episode.failures = episode.failures.saturating_add(1),
                (Some(Verdict::Fail), None) => {
                    all.push(Episode { opened: here(), failures: 1, closed: None, stage: rule.stage, how: How::Open });
                }
                (_, Some(episode)) => {
                    episode.closed = Some(here());
                    let excepted = findings(&known.content).any(|finding| {
                        finding.class == Class::Excepted && finding.rule.as_ref().is_some_and(|note| note.id == rule.id)
                    });
                    episode.how = if excepted { How::Excepted } else { How::Fixed };
                }
                (_, None) => {}
            }
        }
    }

    /// Keeps what is open alone.
    pub(super) fn keep_open(&mut self) {
        self.0.retain(|_, all| {
            all.retain(|episode| episode.closed.is_none());
            !all.is_empty()
        });
    }
}

/// The name of an artifact without its version, by which the next one of it is known: `app-1.2.3.tar.gz` is `app.tar.gz`.
/// A part between dashes, underscores, colons or at signs is a version if it is numbers with dots between them.
pub(super) fn less_version(name: &str) -> String {
    let mut out = String::new();
    for part in name.split_inclusive(['-', '_', '@', ':']) {
        let (word, joint) = match part.char_indices().next_back() {
            Some((at, '-' | '_' | '@' | ':')) => part.split_at(at),
            _ => (part, ""),
        };
        match (out.is_empty(), after_version(word)) {
            // Of what is before the version the joint goes with it.
            (false, Some(rest)) => {
                out.truncate(out.trim_end_matches(['-', '_', '@', ':']).len());
                out.push_str(rest);
            }
            _ => out.push_str(word),
        }
        out.push_str(joint);
    }
    out
}

/// What follows a version that a word begins with: nothing, or the ending of a file's name.
fn after_version(word: &str) -> Option<&str> {
    let number = word.strip_prefix(['v', 'V']).unwrap_or(word);
    let rest = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let version = number.strip_suffix(rest)?;
    let ending = version.ends_with('.') && rest.starts_with(|c: char| c.is_ascii_alphabetic());
    if !version.starts_with(|c: char| c.is_ascii_digit()) || !(rest.is_empty() || ending) {
        return None;
    }
    // The dot before the ending is the ending's.
    let from = word.len().checked_sub(rest.len().saturating_add(usize::from(ending)))?;
    word.get(from..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_known_again_by_its_name_less_its_version() {
        for (name, less) in [
            ("app", "app"),
            ("shop-1", "shop"),
            ("shop-web", "shop-web"),
            ("app-1.2.3.tar.gz", "app.tar.gz"),
            ("app_v2.0_linux-amd64.tar.gz", "app_linux-amd64.tar.gz"),
            ("registry.example/app:1.2", "registry.example/app"),
            ("left-2fa", "left-2fa"),
            ("1.2.3", "1.2.3"),
            ("7zip", "7zip"),
            ("app-", "app-"),
            ("", ""),
        ] {
            assert_eq!(less_version(name), less, "{name}");
        }
    }
}
