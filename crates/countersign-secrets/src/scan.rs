//! The search itself: key words over the whole file, then each rule's expression only where one of its words stands.

use crate::allow::{AllowFile, Comments};
use crate::decode::{self, Kind};
use crate::form::Checksum;
use crate::keyed::DigestKey;
use crate::look;
use crate::rules::{Allow, Candidate, Rule, RuleSet};
use countersign_core::limits;
use countersign_core::statement::secret_scan::{Level, SecretFinding, SkipReason};
use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;
use regex_automata::{Anchored, Input};
use std::ops::Range;

/// Searches files.
#[derive(Debug)]
pub struct Scanner<'s> {
    rules: &'s RuleSet,
    key: &'s DigestKey,
    allow: Option<&'s AllowFile>,
}

/// What a file amounts to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileScan {
    /// What was found, in the order of the file.
    pub findings: Vec<SecretFinding>,
    /// Why not all of it was searched, or listed.
    pub skipped: Option<SkipReason>,
}

/// A place where a rule's expression holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    pub(crate) whole: Range2,
    pub(crate) rule: usize,
    pub(crate) secret: Range2,
}

/// A range with an order.
pub(crate) type Range2 = (usize, usize);

impl<'s> Scanner<'s> {
    /// With rules, the key of the digests, and what is allowed.
    #[must_use]
    pub const fn new(rules: &'s RuleSet, key: &'s DigestKey, allow: Option<&'s AllowFile>) -> Self {
        Self { rules, key, allow }
    }

    /// Searches a file.
    #[must_use]
    pub fn scan(&self, path: &str, bytes: &[u8]) -> FileScan {
        let none = |skipped| FileScan { findings: Vec::new(), skipped };
        if bytes.len() > limits::SECRETS_FILE_BYTES {
            return none(Some(SkipReason::TooLarge));
        }
        if self.rules.leaves_out(path) {
            return none(Some(SkipReason::Excluded));
        }
        let kind = decode::kind_of(bytes);
        let mut findings = self.by_path(path, bytes);
        match kind {
            Kind::Packed => return FileScan { findings, skipped: Some(SkipReason::Packed) },
            Kind::Pointer => return FileScan { findings, skipped: Some(SkipReason::Pointer) },
            Kind::Text | Kind::Utf16Le | Kind::Utf16Be | Kind::Binary => {}
        }
        let text = decode::searched(kind, bytes);
        let mut matches = self.matches(&text, kind == Kind::Binary, path);
        matches.sort();
        let mut lines = Lines::new(&text);
        let mut skipped = None;
        let mut last: Option<(usize, Range2)> = None;
        for found in matches {
            let Some(rule) = self.rules.rules.get(found.rule) else { continue };
            let Some(finding) = self.judge(rule, &found, &text, path, &mut lines) else { continue };
            // The same secret by two rules: the surer one says it.
            if let Some((at, secret)) = last
                && secret.1 > found.secret.0
                && let Some(known) = findings.get_mut(at)
            {
                if known.level > finding.level {
                    *known = finding;
                    last = Some((at, found.secret));
                }
                continue;
            }
            if findings.len() >= limits::SECRETS_FILE_FINDINGS {
                skipped = Some(SkipReason::TooMany);
                break;
            }
            last = Some((findings.len(), found.secret));
            findings.push(finding);
        }
        FileScan { findings, skipped }
    }

    /// Rules over the path alone.
    fn by_path(&self, path: &str, bytes: &[u8]) -> Vec<SecretFinding> {
        let rules = self.rules.rules.iter().filter(|rule| rule.regex.is_none());
        let holding = rules.filter(|rule| rule.path.as_ref().is_some_and(|regex| regex.is_match(path)));
        let empty = Candidate { rule: "", path, secret: b"", whole: b"", line: b"" };
        let kept = holding.filter(|rule| !self.let_through(rule, Candidate { rule: &rule.id, ..empty }));
        kept.map(|rule| SecretFinding {
            rule: rule.id.clone(),
            level: rule.level,
            path: path.to_owned(),
            line: 1,
            column: 1,
            length: wide(bytes.len()),
            shape: format!("a file of {} bytes", bytes.len()),
            digest: Some(self.key.digest(bytes)),
            checksum: None,
            commit: None,
            allowed: self
                .allow
                .and_then(|allow| allow.allows(&rule.id, path, Some(&self.key.digest(bytes)), self.key.id())),
        })
        .collect()
    }

    fn let_through(&self, rule: &Rule, candidate: Candidate<'_>) -> bool {
        let mut all = self.rules.allows.iter().chain(&rule.allows);
        all.any(|allow: &Allow| allow.lets_through(candidate))
    }

    /// Every place where an expression holds, before anything is asked of the secret.
    pub(crate) fn matches(&self, text: &[u8], binary: bool, path: &str) -> Vec<Match> {
        let mut out = Vec::new();
        let mut state: Vec<State> = vec![State::default(); self.rules.rules.len()];
        for hit in self.rules.words.find_overlapping_iter(text) {
            let Some((word, rules)) = self.rules.of_word.get(hit.pattern().as_usize()) else { continue };
            for index in rules {
                let (Some(rule), Some(state)) = (self.rules.rules.get(*index), state.get_mut(*index)) else { continue };
                if rule.exact && text.get(hit.range()) != Some(word.as_slice()) {
                    continue;
                }
                if *state.speaks.get_or_insert_with(|| speaks(rule, binary, path)) {
                    search_at(rule, *index, text, hit.range(), state, &mut out);
                }
            }
        }
        for (index, (rule, state)) in self.rules.rules.iter().zip(&mut state).enumerate() {
            if let Some(window) = state.window.take() {
                search(rule, index, text, window, state, &mut out);
            }
            let always = self.rules.always.contains(&index) && speaks(rule, binary, path);
            if state.whole || always {
                search(rule, index, text, (0, text.len()), state, &mut out);
            }
        }
        out
    }

    /// What is asked of a secret beyond its form; a finding if all of it holds.
    fn judge(
        &self,
        rule: &Rule,
        found: &Match,
        text: &[u8],
        path: &str,
        lines: &mut Lines<'_>,
    ) -> Option<SecretFinding> {
        let secret = text.get(found.secret.0..found.secret.1)?;
        let whole = text.get(found.whole.0..found.whole.1)?;
        if rule.entropy.is_some_and(|least| look::entropy(secret) <= least)
            || rule.look.is_some_and(|look| !look::looks(look, secret))
        {
            return None;
        }
        let line = line_around(text, found.whole.0, found.whole.1);
        if self.let_through(rule, Candidate { rule: &rule.id, path, secret, whole, line }) {
            return None;
        }
        let checksum = rule.checksum.map(|kind| match kind {
            Checksum::Base62Crc32 => look::base62_crc32(secret),
        });
        // A form whose own checksum does not hold is most likely made up: it is still shown.
        let level = if checksum == Some(false) { Level::Generic } else { rule.level };
        let (line, column) = lines.place(found.secret.0);
        let digest = self.key.digest(secret);
        let comment = || Comments::around(text, found.whole.0, found.whole.1).allows(&rule.id);
        let listed = || self.allow.and_then(|allow| allow.allows(&rule.id, path, Some(&digest), self.key.id()));
        Some(SecretFinding {
            rule: rule.id.clone(),
            level,
            path: path.to_owned(),
            line,
            column,
            length: wide(secret.len()),
            shape: format!("{}… {} bytes", rule.shown, secret.len()),
            digest: Some(digest),
            checksum,
            commit: None,
            allowed: comment().or_else(listed),
        })
    }
}

/// Whether a rule has a say in a file.
fn speaks(rule: &Rule, binary: bool, path: &str) -> bool {
    (!binary || rule.level == Level::Provider) && rule.path.as_ref().is_none_or(|regex| regex.is_match(path))
}

/// How far the search of one rule has come.
#[derive(Debug, Clone, Default)]
struct State {
    speaks: Option<bool>,
    /// Where the last match ended: the next begins there or later.
    end: usize,
    /// What is to be searched next, as far as windows that overlap have grown together.
    window: Option<Range2>,
    /// The whole file has to be searched.
    whole: bool,
}

fn search_at(rule: &Rule, index: usize, text: &[u8], word: Range<usize>, state: &mut State, out: &mut Vec<Match>) {
    let Some(reach) = rule.reach else {
        state.whole = true;
        return;
    };
    if rule.prefix {
        if word.start >= state.end {
            let end = word.start.saturating_add(reach).min(text.len());
            let input = Input::new(text).range(word.start..end).anchored(Anchored::Yes);
            step(rule, index, text, &input, state, out);
        }
        return;
    }
    let next = (word.end.saturating_sub(reach), word.start.saturating_add(reach).min(text.len()));
    match &mut state.window {
        Some(window) if next.0 <= window.1 => window.1 = window.1.max(next.1),
        _ => {
            if let Some(window) = state.window.replace(next) {
                search(rule, index, text, window, state, out);
            }
        }
    }
}

/// Every match within a window.
fn search(rule: &Rule, index: usize, text: &[u8], window: Range2, state: &mut State, out: &mut Vec<Match>) {
    let mut at = window.0.max(state.end);
    while at <= window.1 {
        let input = Input::new(text).range(at..window.1);
        if !step(rule, index, text, &input, state, out) {
            return;
        }
        at = state.end.max(at.saturating_add(1));
    }
}

/// One match, if there is one.
fn step(rule: &Rule, index: usize, text: &[u8], input: &Input<'_>, state: &mut State, out: &mut Vec<Match>) -> bool {
    let Some(regex) = &rule.regex else { return false };
    let Some(whole) = regex.search(input) else { return false };
    state.end = whole.end();
    if rule.bounds && !(opens(text, whole.start()) && closes(text, whole.end())) {
        return true;
    }
    let secret = secret_of(rule, regex, input, (whole.start(), whole.end()));
    out.push(Match { whole: (whole.start(), whole.end()), rule: index, secret });
    true
}

/// The group that is the secret: the one that is named, or the first one that took part, or all of it.
fn secret_of(rule: &Rule, regex: &Regex, input: &Input<'_>, whole: Range2) -> Range2 {
    if regex.group_info().all_group_len() <= 1 {
        return whole;
    }
    let mut captures: Captures = regex.create_captures();
    let input = input.clone().range(whole.0..input.end()).anchored(Anchored::Yes);
    regex.search_captures(&input, &mut captures);
    let named = if rule.group > 0 { captures.get_group(rule.group) } else { None };
    let first =
        || (1..captures.group_len()).find_map(|group| captures.get_group(group).filter(|span| !span.is_empty()));
    named.or_else(first).map_or(whole, |span| (span.start, span.end))
}

/// Nothing that could be part of a token stands right before it. An escape such as `\n` or `%20` may.
fn opens(text: &[u8], start: usize) -> bool {
    let before = text.get(start.saturating_sub(3)..start).unwrap_or_default();
    match before {
        [.., b'\\', b'n' | b'r' | b't'] | [] => true,
        [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => true,
        [.., last] => !(last.is_ascii_alphanumeric() || *last == b'_'),
    }
}

fn closes(text: &[u8], end: usize) -> bool {
    text.get(end).is_none_or(|next| !(next.is_ascii_alphanumeric() || *next == b'_'))
}

/// The line in which something stands, as far as it is near.
fn line_around(text: &[u8], start: usize, end: usize) -> &[u8] {
    let from = start.saturating_sub(limits::SECRETS_COMMENT_BYTES);
    let to = end.saturating_add(limits::SECRETS_COMMENT_BYTES).min(text.len());
    let before = text.get(from..start).unwrap_or_default();
    let begin = memchr::memrchr(b'\n', before).map_or(from, |at| from.saturating_add(at).saturating_add(1));
    let after = text.get(end..to).unwrap_or_default();
    let stop = memchr::memchr(b'\n', after).map_or(to, |at| end.saturating_add(at));
    text.get(begin..stop).unwrap_or_default()
}

/// Lines and columns of places that only go forward.
struct Lines<'t> {
    text: &'t [u8],
    line: u64,
    start: usize,
    at: usize,
}

impl<'t> Lines<'t> {
    const fn new(text: &'t [u8]) -> Self {
        Self { text, line: 1, start: 0, at: 0 }
    }

    fn place(&mut self, offset: usize) -> (u64, u64) {
        if offset < self.at {
            *self = Self::new(self.text);
        }
        for step in memchr::memchr_iter(b'\n', self.text.get(self.at..offset).unwrap_or_default()) {
            self.line = self.line.saturating_add(1);
            self.start = self.at.saturating_add(step).saturating_add(1);
        }
        self.at = offset;
        (self.line, wide(offset.saturating_sub(self.start)).saturating_add(1))
    }
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
