//! What earlier decisions say that bears on this one: where the range begins, and which heads have landed before.

use crate::review::{BoundTag, Landings};
use countersign_core::finding::Finding;
use countersign_core::git::Oid;
use countersign_core::ids::EnvName;
use countersign_core::policy::Source;
use countersign_verify::{Blobs, LandedBefore, StateView};
use std::collections::BTreeSet;

/// Where the range of commits begins for an environment. What passed there before is proved again over the range that it
/// passed with, so that a second deployment and a return to an older release are decided like the first; and such a return
/// moves nothing. Anything else begins at the revision that was the last to pass there for the first time, or at the
/// configured start. Only a pass that proved review counts: what a lenient gate let through, or a release that did not
/// enforce review, moves nothing.
pub fn start_of(
    state: StateView<'_>,
    environment: &EnvName,
    source: &Source,
    candidate: &Oid,
    blobs: &dyn Blobs,
) -> Result<Option<Oid>, Vec<Finding>> {
    let passed = state.passed(environment, (&source.repository, &source.target_ref), candidate, blobs)?;
    Ok(passed.or(source.start))
}

/// The tags that decisions of this repository bound to the revisions that passed, for whatever environment and on whatever
/// branch: a tag is the repository's.
pub fn tags_before(state: StateView<'_>, source: &Source, blobs: &dyn Blobs) -> Result<Vec<BoundTag>, Vec<Finding>> {
    let bound = state.bound_tags(&source.repository, blobs)?.into_iter().map(|bound| BoundTag {
        name: bound.tag.name.to_string(),
        commit: bound.revision,
        object: Some(bound.tag.object),
        by: format!("the promotion of {}", bound.subject),
    });
    Ok(bound.collect::<BTreeSet<_>>().into_iter().collect())
}

/// Where each head landed that a decision of this source proved, for whatever environment: it does not land twice.
pub(crate) fn landed_before<'a>(
    state: StateView<'a>,
    source: &Source,
    blobs: &dyn Blobs,
) -> Result<LandedBefore<'a>, Vec<Finding>> {
    state.landed((&source.repository, &source.target_ref), blobs)
}

impl Landings for LandedBefore<'_> {
    fn landed(&self, head: &Oid) -> Option<Oid> {
        self.of(head)
    }
}
