//! `provenance-expected@1`: the provenance says the ref, build type and parameters that the release expects. Which builder
//! counts for how much is trust's to say, and which repository is the release's `sources`.

use super::{BuiltIn, Context};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;
use countersign_core::slsa::{Expectations, Facts};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "provenance-expected@1",
    title: "The provenance says the ref, build type and parameters that are expected",
    why: "What whoever asks for a build may choose decides what is built, as much as the source does.",
    fix: "Build from the branch or tag that is expected, with the parameters that are, and hand in that provenance.",
    parameters: &[
        ("branches", "branches that may be built from, one of them (any)"),
        ("versions", "versions that a tag may be built from, such as `v1` for any v1.x.y, one of them (any)"),
        ("build_types", "build types that count (any)"),
        (
            "parameters",
            "external parameters and their values, as NAME=VALUE; then all that are not named are refused (none)",
        ),
        ("any_parameters", "external parameters that may have any value (none)"),
    ],
    controls: &["SOC 2 CC8.1", "SLSA build-process-consistent"],
    accepts: |parameters| read(parameters).map(|_| ()),
    check,
};

struct Parameters {
    branches: Vec<String>,
    versions: Vec<String>,
    wanted: Expectations,
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    let mut reader = Reader::new(parameters);
    let branches = reader.texts("branches", "a list of branches without `refs/heads/`", &[])?;
    let versions = reader.texts("versions", "a list of versions such as `v1`", &[])?;
    let build_types = reader.texts("build_types", "a list of URIs", &[])?;
    let expected = "a list of NAME=VALUE";
    let pairs = reader.texts("parameters", expected, &[])?;
    let any = reader.texts("any_parameters", "a list of names", &[])?;
    reader.finish()?;
    let mut wanted = Expectations { build_types, any_parameters: any.into_iter().collect(), ..Expectations::default() };
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(ParameterError::Value { name: "parameters", expected, found: pair });
        };
        wanted.parameters.insert(name.to_owned(), Value::String(value.to_owned()));
    }
    Ok(Parameters { branches, versions, wanted })
}

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let parameters = match read(&rule.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(RULE.id)],
    };
    let Some(built) = context.provenance else {
        return vec![super::context::no_provenance(context, &by)];
    };
    let place = format!("provenance {}", built.statement.document());
    let facts = match Facts::of(built.statement.value()) {
        Ok(facts) => facts,
        Err(error) => return vec![Finding::new(codes::PROVENANCE_MALFORMED, error.to_string()).at(place)],
    };
    // A branch or a version that fits is enough; where none does, the first says what is wrong.
    let refs = parameters
        .branches
        .iter()
        .map(|branch| Expectations { branch: Some(branch.clone()), ..Expectations::default() });
    let tags = parameters
        .versions
        .iter()
        .map(|version| Expectations { versioned_tag: Some(version.clone()), ..Expectations::default() });
    let judged: Vec<Vec<Finding>> = refs.chain(tags).map(|wanted| wanted.judge_ref(&facts, &place)).collect();
    let mut findings = parameters.wanted.judge_build(&facts, &place);
    if !judged.iter().any(Vec::is_empty) {
        findings.extend(judged.into_iter().next().unwrap_or_default());
    }
    for finding in &mut findings {
        finding.expected_by = Some(by.clone());
    }
    findings
}
