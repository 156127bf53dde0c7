//! `hermetic-build@1`: a build that is said to be hermetic says how that was enforced, by a builder that can know.

use super::{BuiltIn, Context};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;
use countersign_core::statement::provenance::hermetic::{Claim, Enforcement};
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "hermetic-build@1",
    title: "Where a build is said to be hermetic, that was enforced",
    why: "A build that can reach the network can take in what nobody has recorded.",
    fix: "Build with `countersign provenance --hermetic -- COMMAND`, on a builder of the level that the policy asks for.",
    parameters: &[
        ("required", "`always`, or only `where-claimed` (where-claimed)"),
        ("enforced_by", "what counts as enforcement: network-namespace, platform, sandbox (all of them)"),
        ("least", "the least SLSA Build level at which the claim is believed, 1 to 3 (2)"),
    ],
    controls: &["SOC 2 CC8.1"],
    accepts: |parameters| read(parameters).map(|_| ()),
    check,
};

struct Parameters {
    always: bool,
    enforced_by: std::collections::BTreeSet<Enforcement>,
    least: u8,
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    let mut reader = Reader::new(parameters);
    let words = [("where-claimed", false), ("always", true)];
    let always = reader.word("required", &words, "`always` or `where-claimed`", false)?;
    let all = Enforcement::ALL.iter().map(|(_, kind)| *kind).collect();
    let expected = "a list of network-namespace, platform, sandbox";
    let enforced_by = reader.words("enforced_by", Enforcement::ALL, expected, all)?;
    let least = reader.number("least", 1..=3, "a SLSA Build level, 1 to 3", 2)?;
    reader.finish()?;
    Ok(Parameters { always, enforced_by, least: u8::try_from(least).unwrap_or(3) })
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
    let broken = |what: &str, expected: String, found: String| {
        Finding::new(codes::HERMETIC_UNPROVEN, what).at(place.as_str()).expected(expected, by.as_str()).found(found)
    };
    match Claim::of(&built.provenance) {
        Ok(None) if parameters.always => vec![
            broken("nobody says that the build was hermetic", "a hermetic build".to_owned(), "no claim".to_owned())
                .help("`countersign provenance --hermetic -- COMMAND` runs the command without a network, and says so"),
        ],
        Ok(None) => Vec::new(),
        Err(what) => vec![broken("the claim to be hermetic does not read", "the claim's own form".to_owned(), what)],
        Ok(Some(claim)) => {
            let mut findings = Vec::new();
            if !parameters.enforced_by.contains(&claim.enforced_by) {
                let counted = Enforcement::ALL.iter().filter(|(_, kind)| parameters.enforced_by.contains(kind));
                let counted = counted.map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
                findings.push(broken(
                    "it was enforced by what the rule does not count",
                    counted,
                    claim.enforced_by.word().to_owned(),
                ));
            }
            if built.level < parameters.least {
                findings.push(broken(
                    "whoever could run the build could also make the claim",
                    format!("SLSA Build L{} or more", parameters.least),
                    format!("L{}", built.level),
                ));
            }
            findings
        }
    }
}
