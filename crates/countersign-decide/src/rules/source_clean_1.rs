//! `source-clean@1`: the artifact was built from a commit, and from nothing besides.

use super::{Built, BuiltIn, Context};
use crate::parameters::Reader;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::Rule;
use countersign_core::statement::Kind;
use countersign_core::statement::provenance::Tree;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "source-clean@1",
    title: "Built from a clean checkout of the commit that the provenance names",
    why: "Changes that are not committed are changes that nobody reviewed.",
    fix: "Commit what differs, have it reviewed, and build again from a clean checkout.",
    parameters: &[],
    controls: &["SOC 2 CC8.1", "SLSA source-l1"],
    accepts: |parameters| Reader::new(parameters).finish(),
    check,
};

const MEND: &str = "commit the changes, have them reviewed, and build again; these very bytes stay refused, so what is built has to \
                    differ, as by another version in it";

const SAME_BYTES: &str = "no evidence takes that back for these bytes: release others (another version in them makes them others), or \
                          ask for an exception from source-clean@1 for this artifact";

fn check(context: &Context<'_>, _rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let Some(built) = context.provenance else {
        return vec![super::context::no_provenance(context, &by)];
    };
    let mut findings = judge(context, built, &by, None);
    for statement in
        context.against.evidence.of_kind(Kind::Provenance).filter(|s| s.value().is_about(&context.request.subject))
    {
        // One that does not read says nothing; it was said when it was handed in.
        if let Ok(earlier) = Built::read(statement) {
            let seen = context.against.places.get(statement.document()).map_or("the log", String::as_str);
            findings.extend(judge(context, &earlier, &by, Some(seen)));
        }
    }
    findings
}

/// `recorded` says where the log has it, if nobody handed it in now.
fn judge(context: &Context<'_>, built: &Built<'_>, by: &str, recorded: Option<&str>) -> Vec<Finding> {
    let place = format!("provenance {}", built.statement.document());
    match built.provenance.source() {
        Err(error) => vec![
            Finding::new(codes::SOURCE_MISSING, error.to_string()).at(place).expected("one source with its commit", by),
        ],
        Ok(source) => match source.tree {
            Some(Tree::Clean) => Vec::new(),
            Some(Tree::Dirty) => vec![
                Finding::new(
                    codes::SOURCE_DIRTY,
                    "the artifact was built from a tree with changes that were not committed",
                )
                .at(context.subject())
                .at(place)
                .expected("a clean tree", by)
                .found(format!(
                    "dirty, at commit {}{}",
                    source.commit,
                    recorded.map_or_else(String::new, |seen| format!(
                        "; not handed in now: {seen} has it, of these same bytes"
                    ))
                ))
                .help(if recorded.is_some() { SAME_BYTES } else { MEND }),
            ],
            None => vec![
                Finding::new(codes::SOURCE_MISSING, "the provenance does not say whether the tree was clean")
                    .at(place)
                    .expected("a clean tree", by)
                    .found("nothing"),
            ],
        },
    }
}
