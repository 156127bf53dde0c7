//! `dependencies-pinned@2`: everything that the build resolved is known, and fixed by a digest. Unlike the first, a provenance
//! that names neither a dependency nor a lock file does not pass: it says nothing about what the build resolved.

use super::{BuiltIn, Context, dependencies_pinned_1};
use crate::parameters::Reader;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "dependencies-pinned@2",
    title: "Every dependency is known, and pinned with a checksum",
    why: "A dependency without a checksum can be another one at the next build, and one that nobody names is not known at all.",
    fix: "Commit a lock file that names a checksum for every dependency, build from it, and make the provenance again.",
    parameters: &[],
    controls: &["SOC 2 CC7.1", "SOC 2 CC8.1"],
    accepts: |parameters| Reader::new(parameters).finish(),
    check,
};

fn check(context: &Context<'_>, _rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let mut findings = dependencies_pinned_1::unpinned(context, &by);
    let none = context.provenance.filter(|built| built.provenance.dependencies().next().is_none());
    findings.extend(none.map(|built| {
        Finding::new(codes::DEPENDENCIES_UNKNOWN, "the provenance names no dependency and no lock file")
            .at(context.subject())
            .at(format!("provenance {}", built.statement.document()))
            .expected("a lock file by its digest, or each dependency with a SHA-256 or a git commit", by)
            .found("the source alone")
            .help("commit a lock file (`cargo generate-lockfile`) and build again; one without packages is one too")
    }));
    findings
}
