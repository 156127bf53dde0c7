//! `licences-allowed@1`: everything in the artifact has a licence that the policy allows.

use super::{BuiltIn, Context};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::cyclonedx::{Component, Inventory, Scope};
use countersign_core::finding::Finding;
use countersign_core::licence::{Expression, same_term};
use countersign_core::policy::Rule;
use countersign_core::statement::Kind;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "licences-allowed@1",
    title: "Every component has a licence that is allowed",
    why: "A licence that nobody agreed to can forbid what the artifact is used for, or oblige to publish its source.",
    fix: "Use another package, or have the licence, or the package that somebody looked into, added to the rule's parameters in policy.toml.",
    parameters: &[
        ("allow", "SPDX licences, with their exceptions: `Apache-2.0 WITH LLVM-exception` (the usual permissive ones)"),
        ("accepted", "package URLs, with or without version, whose licence somebody has looked into (none)"),
    ],
    controls: &["SOC 2 CC9.2"],
    accepts: |parameters| read(parameters).map(|_| ()),
    check,
};

/// How many offenders a finding names.
const NAMED: usize = 10;

/// What is allowed where a release does not say.
const PERMISSIVE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

struct Parameters {
    allow: Vec<String>,
    accepted: Vec<String>,
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    let mut reader = Reader::new(parameters);
    let allow = reader.texts("allow", "a list of SPDX licences", PERMISSIVE)?;
    let accepted = reader.texts("accepted", "a list of package URLs", &[])?;
    reader.finish()?;
    let term = |text: &String| matches!(Expression::parse(text), Ok(Expression::Term(_)));
    if let Some(found) = allow.iter().find(|text| !term(text)) {
        return Err(ParameterError::Value {
            name: "allow",
            expected: "single SPDX licences, not expressions",
            found: found.clone(),
        });
    }
    Ok(Parameters { allow, accepted })
}

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let parameters = match read(&rule.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(RULE.id)],
    };
    let mut findings = Vec::new();
    let mut any = false;
    for statement in context.about_subject(Kind::Sbom) {
        any = true;
        let place = format!("sbom {}", statement.document());
        match Inventory::read(&statement.value().predicate) {
            Err(error) => findings.push(Finding::new(codes::SBOM_MALFORMED, error.to_string()).at(place)),
            Ok(inventory) => findings.extend(judge(&inventory, &parameters, &place, &by)),
        }
    }
    if !any {
        findings.push(super::context::no_sbom(context, &by));
    }
    findings
}

fn judge(inventory: &Inventory, parameters: &Parameters, place: &str, by: &str) -> Vec<Finding> {
    let allowed = |name: &str| parameters.allow.iter().any(|one| same_term(one, name));
    let (mut refused, mut unknown) = (Vec::new(), Vec::new());
    for component in &inventory.components {
        // What only builds is not passed on, and what is our own needs nobody's licence.
        if component.scope == Scope::Excluded || component.workspace_member || accepted(component, parameters) {
            continue;
        }
        let name = || format!("{} {}", component.name, component.version.as_deref().unwrap_or("without version"));
        if component.licences.is_empty() {
            unknown.push(format!("{}: none is declared", name()));
        }
        // Several stand side by side where a document does not join them: each of them binds.
        for licence in &component.licences {
            match Expression::parse(licence) {
                Ok(expression) if expression.is_allowed(&allowed) => {}
                Ok(_) => refused.push(format!("{}: {licence}", name())),
                Err(error) => unknown.push(format!("{}: {licence}: {error}", name())),
            }
        }
    }
    let mut out = Vec::new();
    let mut put = |code, what: &str, offenders: Vec<String>, help: &str| {
        if offenders.is_empty() {
            return;
        }
        let mut finding = Finding::new(code, format!("{what}: {}", offenders.len()))
            .at(place)
            .expected(parameters.allow.join(", "), by)
            .help(help);
        for offender in offenders.into_iter().take(NAMED) {
            finding = finding.found(offender);
        }
        out.push(finding);
    };
    put(
        codes::LICENCE_REFUSED,
        "components with a licence that is not allowed",
        refused,
        "use another package, or have `allow` or `accepted` of the rule widened in policy.toml",
    );
    put(
        codes::LICENCE_UNKNOWN,
        "components whose licence is not known",
        unknown,
        "look into the package, and name its package URL under `accepted` of the rule in policy.toml",
    );
    out
}

fn accepted(component: &Component, parameters: &Parameters) -> bool {
    let Some(purl) = component.purl.as_ref().map(countersign_core::purl::Purl::as_str) else { return false };
    let exact = purl.split(['?', '#']).next().unwrap_or_default();
    // The version begins at the last `@`: a scope of npm is written `%40`.
    let package = exact.rsplit_once('@').map_or(exact, |(package, _)| package);
    parameters.accepted.iter().any(|one| one == exact || one == package)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judged(licences: &Value, more: &Value, parameters: &Value) -> Vec<(String, Vec<String>)> {
        let mut component = json!({"type": "library", "name": "left-pad", "version": "1.0.0", "bom-ref": "a",
            "purl": "pkg:npm/left-pad@1.0.0?x=1", "licenses": licences});
        component.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let document = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [component]});
        let parameters = parameters.as_object().unwrap().clone().into_iter().collect();
        let inventory = Inventory::read(&document).unwrap();
        judge(&inventory, &read(&parameters).unwrap(), "sbom", "rule")
            .into_iter()
            .map(|finding| (finding.code.to_string(), finding.found))
            .collect()
    }

    #[test]
    fn what_may_be_chosen_is_allowed_and_what_binds_is_not() {
        let none = json!({});
        assert!(judged(&json!([{"expression": "MIT OR GPL-3.0-only"}]), &none, &none).is_empty());
        let refused = judged(&json!([{"expression": "MIT AND GPL-3.0-only"}]), &none, &none);
        assert_eq!(refused, [("licence-refused".to_owned(), vec!["left-pad 1.0.0: MIT AND GPL-3.0-only".to_owned()])]);
        let both = json!([{"license": {"id": "MIT"}}, {"license": {"id": "AGPL-3.0-only"}}]);
        assert_eq!(judged(&both, &none, &none).len(), 1, "each of several binds");
        assert!(judged(&both, &none, &json!({"allow": ["MIT", "AGPL-3.0-only"]})).is_empty());
    }

    #[test]
    fn no_licence_and_one_that_does_not_read_are_unknown_and_not_allowed() {
        let none = json!({});
        for licences in [json!([]), json!([{"license": {"name": "see LICENSE"}}]), json!([{"expression": "MIT AND"}])] {
            assert_eq!(judged(&licences, &none, &none)[0].0, "licence-unknown", "{licences}");
        }
    }

    #[test]
    fn what_was_looked_into_and_what_does_not_ship_is_passed_over() {
        let (gpl, none) = (json!([{"license": {"id": "GPL-3.0-only"}}]), json!({}));
        for accepted in ["pkg:npm/left-pad", "pkg:npm/left-pad@1.0.0"] {
            assert!(judged(&gpl, &none, &json!({"accepted": [accepted]})).is_empty());
        }
        for other in ["pkg:npm/left", "pkg:npm/left-pad@1.0", "pkg:npm/left-pad@1.0.1"] {
            assert_eq!(judged(&gpl, &none, &json!({"accepted": [other]})).len(), 1, "{other}");
        }
        assert!(judged(&gpl, &json!({"scope": "excluded"}), &none).is_empty());
        assert_eq!(judged(&gpl, &json!({"scope": "optional"}), &none).len(), 1);
        let own = json!({"properties": [{"name": countersign_core::cyclonedx::WORKSPACE_MEMBER, "value": "true"}]});
        assert!(judged(&gpl, &own, &none).is_empty());
    }

    #[test]
    fn an_expression_is_no_licence_to_allow() {
        let given = BTreeMap::from([("allow".to_owned(), json!(["MIT OR Apache-2.0"]))]);
        assert!(read(&given).is_err());
    }
}
