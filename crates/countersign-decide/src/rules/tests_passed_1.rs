//! `tests-passed@1`: tests ran on what was built, and passed.

use super::{BuiltIn, Context};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;
use countersign_core::statement::test_result::TestResult;
use countersign_core::statement::{Kind, Statement};
use countersign_verify::{Evidence, Verified};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "tests-passed@1",
    title: "Tests ran on this revision, and passed",
    why: "A change that no test has seen is tried out on those who use it.",
    fix: "Run the tests on this revision, make the result with `countersign collect tests`, sign it, and hand it in with --bundle.",
    parameters: &[
        ("suites", "names of suites, each of which has to have run (any one suite)"),
        ("least", "how many tests have to have passed, all suites together (1)"),
        ("warned", "`allow` or `refuse` tests that passed with a warning (allow)"),
    ],
    controls: &["SOC 2 CC7.1", "SOC 2 CC8.1"],
    accepts: |parameters| read(parameters).map(|_| ()),
    check,
};

/// How many tests a finding names.
const NAMED: usize = 10;

struct Parameters {
    suites: Vec<String>,
    least: u64,
    refuse_warned: bool,
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    let mut reader = Reader::new(parameters);
    let suites = reader.texts("suites", "a list of names of suites", &[])?;
    let least = reader.number("least", 1..=1_000_000, "a number of tests, 1 or more", 1)?;
    let words = [("allow", false), ("refuse", true)];
    let refuse_warned = reader.word("warned", &words, "`allow` or `refuse`", false)?;
    reader.finish()?;
    Ok(Parameters { suites, least, refuse_warned })
}

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let parameters = match read(&rule.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(RULE.id)],
    };
    let mut findings = Vec::new();
    let mut results = Vec::new();
    for statement in about(context, context.evidence) {
        let place = format!("test result {}", statement.document());
        match statement.value().predicate_as::<TestResult>(Kind::TestResult) {
            Ok(result) => results.push((place, result)),
            Err(error) => findings.push(Finding::new(codes::TESTS_MALFORMED, error.to_string()).at(place)),
        }
    }
    // What failed before and is left out now: it speaks against the artifact, and never for it.
    let before = about(context, &context.against.evidence).filter_map(|statement| {
        let result = statement.value().predicate_as::<TestResult>(Kind::TestResult).ok()?;
        let place = format!("test result {}, which an earlier decision lists", statement.document());
        result.failed().then_some((place, result))
    });
    let before: Vec<_> = before.collect();
    for (place, result) in results.iter().chain(&before) {
        findings.extend(failures(result, place, &parameters, &by));
    }
    if results.is_empty() {
        findings.push(
            Finding::new(
                codes::TESTS_MISSING,
                "no result of tests that trust accepts is about this artifact or its commit",
            )
            .at(context.subject())
            .expected("an in-toto test result, signed by a builder or collector of trust", by)
            .found("none")
            .help("`countersign collect tests` makes it of a JUnit report; sign it, and hand it in with --bundle"),
        );
        return findings;
    }
    for suite in parameters.suites.iter().filter(|suite| !results.iter().any(|(_, result)| result.is_of(suite))) {
        findings.push(
            Finding::new(codes::TESTS_MISSING, format!("the suite `{suite}` did not run"))
                .at(context.subject())
                .expected(format!("a result whose configuration names {suite}"), by.as_str())
                .found("none"),
        );
    }
    findings.extend(too_few(&results, &parameters, &by));
    findings
}

/// Results about the artifact, or about the commit that it was built from.
fn about<'c>(context: &'c Context<'_>, evidence: &'c Evidence) -> impl Iterator<Item = &'c Verified<Statement>> {
    let commit = context.provenance.and_then(|built| built.provenance.source().ok()).map(|named| named.commit.hex());
    evidence.of_kind(Kind::TestResult).filter(move |verified| {
        let statement = verified.value();
        let of_commit =
            |digest: &BTreeMap<String, String>| digest.get("gitCommit").is_some_and(|hex| Some(hex) == commit.as_ref());
        statement.is_about(&context.request.subject)
            || statement.subjects.iter().any(|subject| of_commit(&subject.digest))
    })
}

fn failures(result: &TestResult, place: &str, parameters: &Parameters, by: &str) -> Option<Finding> {
    let (code, what, tests) = if result.failed() {
        (codes::TESTS_FAILED, "tests failed", &result.failed_tests)
    } else if parameters.refuse_warned && result.warned() {
        (codes::TESTS_FAILED, "tests passed with a warning, which the rule refuses", &result.warned_tests)
    } else {
        return None;
    };
    let mut finding = Finding::new(code, what).at(place).expected("every test passed", by);
    for test in tests.iter().flatten().take(NAMED) {
        finding = finding.found(test.clone());
    }
    if let Some(url) = &result.url {
        finding = finding.at(url.clone());
    }
    Some(finding.help("mend what fails and build again: a failed run stays with its revision"))
}

fn too_few(results: &[(String, TestResult)], parameters: &Parameters, by: &str) -> Option<Finding> {
    // By name: a result that is handed in twice, or a name that stands twice, is no second test.
    let named: Option<Vec<BTreeSet<&str>>> = results.iter().map(|(_, result)| result.passed()).collect();
    let counted = named.map(|lists| lists.into_iter().flatten().collect::<BTreeSet<_>>().len());
    let expected = format!("{} or more tests, each by its name", parameters.least);
    let finding = match counted {
        None => {
            Finding::new(codes::TESTS_MISSING, "a result does not say which tests passed").found("no list of tests")
        }
        Some(counted) if u64::try_from(counted).unwrap_or(u64::MAX) < parameters.least => {
            Finding::new(codes::TESTS_MISSING, "fewer tests passed than have to").found(counted.to_string())
        }
        Some(_) => return None,
    };
    let places = results.iter().take(NAMED).map(|(place, _)| place.clone());
    Some(places.fold(finding.expected(expected, by), Finding::at))
}
