//! Verification summaries of others, as their consumer checks them: the specification's steps, and the policy's digest, the
//! age, and the attestations that the summary rests on.

use super::Shown;
use super::foreign_summary::{Named, Summary, TYPE};
use countersign_core::codes;
use countersign_core::finding::{Finding, listed};
use countersign_core::slsa::{SignerFacts, SummaryExpectations};
use countersign_core::statement::Statement;
use countersign_core::time::Time;
use countersign_core::trust::NamePattern;
use std::collections::BTreeSet;

fn is_signed_by(wanted: &SummaryExpectations, shown: &Shown) -> bool {
    shown.signers().iter().any(|signer| match signer.facts() {
        SignerFacts::Key(name) => wanted.key.as_deref() == Some(name),
        SignerFacts::CloudBuild(_) => false,
        SignerFacts::Certificate { issuer, name, .. } => {
            wanted.issuer.as_ref().is_some_and(|wanted| wanted.matches(issuer))
                && wanted.subject.as_ref().is_some_and(|wanted| wanted.matches(name))
        }
    })
}

/// Who was to sign it, in the words in which it is said who did.
fn signer_wanted(wanted: &SummaryExpectations) -> String {
    let name = |pattern: &NamePattern| match pattern {
        NamePattern::Exact(name) => name.clone(),
        NamePattern::Glob { glob } => format!("glob {}", String::from(glob.clone())),
        NamePattern::Regex { regex } => format!("regex {}", String::from(regex.clone())),
    };
    match (&wanted.key, &wanted.subject, &wanted.issuer) {
        (Some(key), ..) => format!("key {key}"),
        (None, Some(subject), Some(issuer)) => format!("{}, by {}", name(subject), name(issuer)),
        (None, subject, issuer) => subject.iter().chain(issuer).map(name).next().unwrap_or_else(|| "nobody".to_owned()),
    }
}

/// Whether it is a verification summary at all, of whichever version: one that is not read passes for nothing.
#[must_use]
pub fn is_summary(shown: &Shown) -> bool {
    let below = |statement: &Statement| {
        statement.predicate_type.as_str().strip_prefix(TYPE).map(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    shown.statement().and_then(below).unwrap_or_default()
}

/// What a summary that holds says, where nobody said what to expect of it. One that says FAILED, or that is not read, vouches for nothing.
pub fn summary_result(shown: &Shown, place: &str) -> Result<String, Finding> {
    let malformed = |what: String| Finding::new(codes::VSA_MALFORMED, what).at(place);
    let statement = shown.statement().filter(|_| is_summary(shown));
    let statement = statement.ok_or_else(|| malformed("this is no verification summary".to_owned()))?;
    let read = Summary::of(statement);
    let summary = read.map_err(|what| malformed(format!("the verification summary does not parse: {what}")))?;
    let levels = summary.levels.join(", ");
    let by = format!("by {}, for {}", summary.verifier, summary.resource);
    if !summary.passed || summary.levels.iter().any(|level| level == "FAILED") {
        return Err(Finding::new(codes::VSA_REFUSED, "the summary says FAILED")
            .at(place)
            .expected("PASSED", "whoever hands in a summary")
            .found(format!("FAILED, {by}"))
            .help("ask its verifier why; an artifact that was refused is not to be used"));
    }
    Ok(format!("PASSED {by}: {levels}"))
}

/// Checks a summary that holds. `given` says whether something with this SHA-256 was handed in, or was a file of what was.
#[must_use]
pub fn check_summary(
    shown: &Shown,
    wanted: &SummaryExpectations,
    given: &dyn Fn(&str) -> bool,
    at: Time,
    place: &str,
) -> Vec<Finding> {
    let mut out = Vec::new();
    let Some(statement) = shown.statement().filter(|_| is_summary(shown)) else {
        return vec![Finding::new(codes::VSA_MALFORMED, "this is no verification summary").at(place)];
    };
    let summary = match Summary::of(statement) {
        Ok(summary) => summary,
        Err(what) => {
            let what = format!("the verification summary does not parse: {what}");
            return vec![Finding::new(codes::VSA_MALFORMED, what).at(place)];
        }
    };
    let mut differs = |code, what: &str, expected: String, found: String| {
        out.push(Finding::new(code, what).at(place).expected(expected, "what is expected").found(found));
    };
    let stranger = summary.verifier != wanted.verifier || !is_signed_by(wanted, shown);
    if stranger {
        let signers: Vec<String> = shown.signers().iter().map(super::ShownSigner::describe).collect();
        let found = format!("{}, signed by {}", summary.verifier, signers.join(", "));
        // Two keys may say that they are the same verifier: which of them was named belongs to it.
        let expected = format!("{}, signed by {}", wanted.verifier, signer_wanted(wanted));
        differs(codes::VSA_VERIFIER, "the summary is of another verifier, or signed by another", expected, found);
    }
    if let Some(resource) = &wanted.resource
        && summary.resource != *resource
    {
        let found = summary.resource.clone();
        differs(codes::VSA_RESOURCE, "the summary is for another resource", resource.clone(), found);
    }
    let levels: BTreeSet<&str> = summary.levels.iter().map(String::as_str).collect();
    let failed = !summary.passed;
    if failed || levels.contains("FAILED") {
        differs(codes::VSA_REFUSED, "the summary says FAILED", "PASSED".to_owned(), "FAILED".to_owned());
        if failed && levels.iter().any(|level| *level != "FAILED") {
            let found = summary.levels.join(", ");
            differs(codes::VSA_MALFORMED, "a failed summary shows levels", "FAILED".to_owned(), found);
        }
    }
    for wanted in wanted.levels.iter().filter(|wanted| !reached(&levels, wanted)) {
        let found = summary.levels.join(", ");
        differs(codes::VSA_REFUSED, "the summary does not show the level", wanted.clone(), found);
    }
    let policy = &summary.policy;
    if !wanted.policies.is_empty() && !policy.digests.iter().any(|digest| wanted.policies.contains(digest)) {
        let accepted: Vec<&str> = wanted.policies.iter().map(String::as_str).collect();
        let none = if policy.digests.is_empty() { ", without a digest" } else { "" };
        let algorithms = accepted.iter().filter_map(|digest| digest.split_once(':')).map(|(name, _)| name).collect();
        let found = format!("{}{none}", policy.describe_by(&algorithms));
        differs(codes::VSA_POLICY, "the summary was made by another policy", accepted.join(", "), found);
    }
    let allowed = wanted
        .max_age_days
        .map(|days| (format!("at most {days} days before {at}"), i64::from(days).saturating_mul(86_400)));
    match (summary.time, allowed) {
        (Some(time), _) if at.since(time) < 0 => {
            differs(codes::VSA_AGE, "the summary is of a time to come", at.to_string(), time.to_string());
        }
        (Some(time), Some((expected, most))) if at.since(time) > most => {
            differs(codes::VSA_AGE, "the summary is too old", expected, time.to_string());
        }
        // It may leave its time out, and then nobody can say how old it is.
        (None, Some((expected, _))) => {
            differs(codes::VSA_AGE, "the summary does not say when it was made", expected, "no time".to_owned());
        }
        (Some(_), Some(_)) | (_, None) => {}
    }
    // On what the summary of a stranger rests, nobody asks.
    if wanted.inputs && !stranger {
        if summary.inputs.is_empty() {
            let what = "the summary names no attestation that it rests on";
            differs(codes::VSA_INPUT_MISSING, what, "at least one".to_owned(), "none".to_owned());
        }
        let missing = |what: &str, expected: String, found: &str| {
            Finding::new(codes::VSA_INPUT_MISSING, what).at(place).expected(expected, "what is expected").found(found)
        };
        out.extend(listed(
            summary.inputs.iter().filter(|input| !is_given(input, given)),
            |input| {
                let what = "an attestation that the summary rests on is missing";
                missing(what, input.describe(), "nothing of that digest")
            },
            |more| {
                missing(
                    "more attestations that the summary rests on are missing",
                    format!("{more} more"),
                    "none of them",
                )
            },
        ));
    }
    out
}

fn is_given(input: &Named, given: &dyn Fn(&str) -> bool) -> bool {
    input.sha256().is_some_and(given)
}

/// A level is shown by itself, or by a higher one of the same track. No track has more than the four of the first versions, and a
/// number has one spelling.
fn reached(shown: &BTreeSet<&str>, wanted: &str) -> bool {
    const LEVELS: [&str; 5] = ["0", "1", "2", "3", "4"];
    let split = |level: &str| {
        let (track, number) = level.rsplit_once('_')?;
        Some((track.to_owned(), LEVELS.iter().position(|known| *known == number)?))
    };
    let Some((track, number)) = split(wanted) else { return shown.contains(wanted) };
    shown.iter().filter_map(|level| split(level)).any(|(other, found)| other == track && found >= number)
}
