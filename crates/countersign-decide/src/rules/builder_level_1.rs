//! `builder-level@1`: the artifact has provenance from a builder of trust, at the level that is asked for.

use super::{BuiltIn, Context};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;
use countersign_core::statement::provenance::build_type;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "builder-level@1",
    title: "Built by a trusted builder, at the required SLSA Build level",
    why: "Whoever can build outside the platform can put anything into an artifact.",
    fix: "Build it on a platform that trust lists as a builder of the level that the policy asks for, whose own identity signs the provenance, and hand that in with --bundle.",
    parameters: &[
        ("least", "the least SLSA Build level, 1 to 3 (2)"),
        ("build_types", "the build types that are accepted (countersign's cargo, command and artifact)"),
    ],
    controls: &[
        "SOC 2 CC7.1",
        "SOC 2 CC8.1",
        "SLSA build-l1",
        "SLSA build-provenance-exists",
        "SLSA build-provenance-authentic",
        "NIST SSDF PS.3",
    ],
    accepts: |parameters| read(parameters).map(|_| ()),
    check,
};

struct Parameters {
    least: u8,
    build_types: Vec<String>,
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    let mut reader = Reader::new(parameters);
    let least = reader.number("least", 1..=3, "a SLSA Build level, 1 to 3", 2)?;
    let known = [build_type::CARGO_V1, build_type::COMMAND_V1, build_type::ARTIFACT_V1];
    let build_types = reader.texts("build_types", "a list of build type URIs", &known)?;
    reader.finish()?;
    Ok(Parameters { least: u8::try_from(least).unwrap_or(3), build_types })
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
    let mut findings = built.notes.clone();
    if built.level < parameters.least {
        findings.push(
            Finding::new(codes::BUILDER_LEVEL, "the build shows a lower SLSA Build level than is asked for")
                .at(context.subject())
                .at(place.as_str())
                .expected(format!("SLSA Build L{}", parameters.least), by.as_str())
                .found(format!(
                    "L{}  signed by {}, builder.id {}",
                    built.level,
                    built.statement.signed_by().owner.describe(),
                    built.provenance.run_details.builder.id
                ))
                .help("build it on a platform that trust pairs with a higher level, and promote that artifact"),
        );
    }
    let found = built.provenance.build_definition.build_type.as_str();
    if !parameters.build_types.iter().any(|accepted| accepted == found) {
        findings.push(
            Finding::new(codes::BUILD_TYPE_UNKNOWN, "the build type is not among those that are accepted")
                .at(place.as_str())
                .expected(parameters.build_types.join(", "), by.as_str())
                .found(found),
        );
    }
    match built.provenance.unknown_external_parameters() {
        Some(unknown) if unknown.is_empty() => {}
        Some(unknown) => findings.push(
            Finding::new(codes::EXTERNAL_PARAMETER_UNKNOWN, "the build took parameters that its type does not define")
                .at(place)
                .expected("only the parameters of the build type", by)
                .found(unknown.join(", ")),
        ),
        None => findings.push(
            Finding::new(
                codes::BUILD_TYPE_UNKNOWN,
                "the build type's parameters are not known, so nothing can be said of them",
            )
            .at(place)
            .expected("a build type that this version knows", by)
            .found(found),
        ),
    }
    findings
}
