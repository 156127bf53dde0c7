//! `dependencies-pinned@1`: everything that the build resolved is fixed by a digest.

use super::{BuiltIn, Context};
use crate::parameters::Reader;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "dependencies-pinned@1",
    title: "Every dependency is pinned with a checksum",
    why: "A dependency without a checksum can be another one at the next build.",
    fix: "Commit a lock file that names a checksum for every dependency, build from it, and make the provenance again.",
    parameters: &[],
    controls: &["SOC 2 CC7.1", "SOC 2 CC8.1"],
    accepts: |parameters| Reader::new(parameters).finish(),
    check,
};

/// How many offenders a finding names.
const NAMED: usize = 5;

fn check(context: &Context<'_>, _rule: &Rule) -> Vec<Finding> {
    unpinned(context, &context.by(RULE.id))
}

/// What has no digest among the dependencies that the provenance names.
pub(super) fn unpinned(context: &Context<'_>, by: &str) -> Vec<Finding> {
    let Some(built) = context.provenance else {
        return vec![super::context::no_provenance(context, by)];
    };
    let unpinned: Vec<String> = built
        .provenance
        .dependencies()
        // A digest that is not there is as little a pin as one that does not read.
        .filter(|d| !matches!(d.digest.sha256(), Ok(Some(_))) && d.digest.git_commit().is_err())
        .map(|d| d.uri.clone().or_else(|| d.name.clone()).unwrap_or_else(|| "without a name".to_owned()))
        .collect();
    if unpinned.is_empty() {
        return Vec::new();
    }
    let mut finding =
        Finding::new(codes::DEPENDENCY_UNPINNED, format!("dependencies without a checksum: {}", unpinned.len()))
            .at(context.subject())
            .at(format!("provenance {}", built.statement.document()))
            .expected("a SHA-256 or a git commit for each", by)
            .help("lock them (`cargo generate-lockfile`), and build again");
    for name in unpinned.into_iter().take(NAMED) {
        finding = finding.found(name);
    }
    vec![finding]
}
