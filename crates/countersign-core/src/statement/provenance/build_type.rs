//! The build types that are known here, and what their external parameters may be. Ours are published under
//! `docs/build-types/`. A build type's meaning never changes: another meaning is another URI.

use super::BuildDefinition;
use serde_json::Value;

/// `cargo build` or `cargo rustc`, run by `countersign provenance`.
pub const CARGO_V1: &str = "https://countersign.dev/build-types/cargo/v1";
/// Any other command, run by `countersign provenance`.
pub const COMMAND_V1: &str = "https://countersign.dev/build-types/command/v1";
/// A file that was there already: nobody watched it being built.
pub const ARTIFACT_V1: &str = "https://countersign.dev/build-types/artifact/v1";
/// A whole workflow of GitHub Actions, as the SLSA project defines it.
pub const GITHUB_WORKFLOW_V1: &str = "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1";

/// The external parameters that a build type defines. `None` for a build type that is not known here.
#[must_use]
pub fn external_parameters(build_type: &str) -> Option<&'static [&'static str]> {
    match build_type {
        CARGO_V1 => Some(&["source", "directory", "arguments", "environment"]),
        COMMAND_V1 => Some(&["source", "directory", "command", "environment"]),
        ARTIFACT_V1 => Some(&["source"]),
        GITHUB_WORKFLOW_V1 => Some(&["workflow", "inputs", "vars", "release"]),
        _ => None,
    }
}

/// What the external parameters say about the source.
pub(super) enum Named {
    /// Its URI: `source`, or the workflow's repository and ref.
    As(String),
    /// The build type defines such a parameter, and it is not there.
    Nothing,
    /// A build type of others, without a parameter that we would know.
    Unknown,
}

/// The source as the external parameters name it.
pub(super) fn named_source(definition: &BuildDefinition) -> Named {
    let parameters = &definition.external_parameters;
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let build_type = definition.build_type.as_str();
    let named = if build_type == GITHUB_WORKFLOW_V1 {
        let workflow = parameters.get("workflow");
        let part = |name| text(workflow.and_then(|w| w.get(name)));
        part("repository").zip(part("ref")).map(|(repository, reference)| format!("git+{repository}@{reference}"))
    } else {
        text(parameters.get("source"))
    };
    match named {
        Some(uri) => Named::As(uri),
        None if external_parameters(build_type).is_some() => Named::Nothing,
        None => Named::Unknown,
    }
}
