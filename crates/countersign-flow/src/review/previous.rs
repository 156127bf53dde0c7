//! Going on from what an earlier run said: whether it may be gone on from, and what of the range is still to be proved.
//!
//! What is believed without being proved again is one signed statement by a verifier of trust. It is believed only while
//! everything that it rested on is still there, trust is the same, and nothing new is about what it covers.

use super::verify::VerifyRequest;
use crate::error::FlowError;
use countersign_collect::git::GitRepo;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::{Oid, SourceError, graph};
use countersign_decide::review::{ForeignReviews, prefix};
use countersign_verify::source::{ASKED_ELSE, ExpectedSource, verify_source};
use countersign_verify::{Evidence, VerifiedSource, VerifiedTrust};
use std::collections::BTreeSet;

/// Evidence that was handed in, as far as it has to be verified.
#[derive(Debug)]
pub(super) struct Taken {
    /// The documents, verified.
    pub evidence: Evidence,
    /// The captures, by their place in what was handed in.
    pub captures: Vec<Vec<u8>>,
    /// The earlier statement, where the proof goes on from it.
    pub after: Option<VerifiedSource>,
    /// Why what an earlier statement covers is proved again.
    pub again: Option<Finding>,
}

/// Takes in all evidence, for the whole range.
pub(super) fn whole(request: &VerifyRequest<'_>, trust: &VerifiedTrust) -> Taken {
    let evidence = Evidence::verify(request.documents, trust, request.at);
    Taken { evidence, captures: request.captures.to_vec(), after: None, again: None }
}

/// Where the parameters differ, there are only digests to show: the options that they are of are said beside them.
fn asked_else(finding: Finding) -> Finding {
    if finding.what != ASKED_ELSE {
        return finding;
    }
    let expected = finding.expected.clone().unwrap_or_default();
    finding
        .expected(expected, "the options of this run")
        .found("that is the digest of the options of the run that wrote --previous")
        .help(
            "give the same --least-tier, --reviewers-beyond-author, --base-drift, --agreed-before, --any-rules, \
             --hidden-content, --foreign and --cut-from as then; or prove the whole range without --previous",
        )
}

/// Checks an earlier statement, and takes in the evidence that is not settled by it; all of it where the whole range has
/// to be proved again. What does not fit is refused, and never passed over.
pub(super) fn go_on(
    request: &VerifyRequest<'_>,
    documents: &[Vec<u8>],
    trust: &VerifiedTrust,
    repo: &GitRepo,
    start: Oid,
    candidate: Oid,
) -> Result<Result<Taken, Vec<Finding>>, FlowError> {
    let policy = request.parameters.digest(request.cut_from)?;
    let expected = ExpectedSource { repository: request.repository, target_ref: request.target, policy: Some(&policy) };
    let previous = match verify_source(documents, &expected, trust, request.at) {
        Ok(previous) => previous,
        Err(findings) => return Ok(Err(findings.into_iter().map(asked_else).collect())),
    };
    let said = previous.provenance();
    let source = repo.objects();
    if said.start != start {
        let finding = Finding::new(codes::PREVIOUS_MISMATCH, "the earlier source statement began at another revision")
            .at(format!("evidence {}", previous.document()))
            .expected(start.to_string(), "the command line")
            .found(said.start.to_string())
            .help(format!("name the range as {}..{}", said.start, request.candidate));
        return Ok(Err(vec![finding]));
    }
    let ancestor = match graph::is_ancestor(&source, &said.revision, &candidate) {
        Ok(ancestor) => ancestor,
        Err(SourceError::Missing { .. }) => false,
        Err(error) => return Err(FlowError::Git(error.into())),
    };
    if !ancestor {
        let what = "the branch was rewritten: the revision of the earlier source statement is not part of it";
        let finding = Finding::new(codes::PREVIOUS_NOT_ANCESTOR, what)
            .at(format!("commit {candidate}"))
            .expected(format!("a descendant of {}", said.revision), "the earlier source statement")
            .found("another line of history, or one that this clone does not have")
            .help("find out who moved the branch; without --previous the whole range is proved, and continuity begins anew");
        return Ok(Err(vec![finding]));
    }
    let handed: BTreeSet<Sha256> =
        request.documents.iter().chain(request.captures).map(|bytes| Sha256::of(bytes)).collect();
    let withheld = prefix::withheld(said, &handed);
    if !withheld.is_empty() {
        let what =
            format!("{} pieces of evidence on which the earlier source statement rests are missing", withheld.len());
        let finding = Finding::new(codes::EVIDENCE_WITHHELD, what)
            .at(format!("evidence {}", previous.document()))
            .expected(format!("everything under root {}", said.evidence.root), "the earlier source statement")
            .help("hand in the same folders as before, or prove the whole range without --previous");
        let finding =
            withheld.iter().take(5).fold(finding, |finding, digest| finding.found(format!("{digest} is missing")));
        return Ok(Err(vec![finding]));
    }
    let again = |why: String| {
        let mut taken = whole(request, trust);
        taken.again = Some(
            Finding::new(codes::PREFIX_PROVED_AGAIN, "what the earlier source statement covers was proved again")
                .at(format!("evidence {}", previous.document()))
                .found(why),
        );
        Ok(Ok(taken))
    };
    // What other tools wrote, and how far another branch is the same line, is read from refs: it is not under the root.
    if request.parameters.foreign_reviews == ForeignReviews::Count {
        return again("what other tools recorded counts, and is not part of it".to_owned());
    }
    if request.cut_from.is_some() {
        return again("how far the branch is that of the cut is not part of it".to_owned());
    }
    if let Some(why) = prefix::outdated(&previous, &candidate, trust, request.at) {
        return again(why.to_owned());
    }
    let unsettled = |bytes: &&Vec<u8>| !said.evidence.settled.contains(&Sha256::of(bytes));
    let rest: Vec<Vec<u8>> = request.documents.iter().filter(unsettled).cloned().collect();
    let evidence = Evidence::verify(&rest, trust, request.at);
    for statement in evidence.statements().filter(|statement| !said.evidence.open.contains(statement.document())) {
        let speaks = prefix::speaks_of(statement, said, &source).map_err(|error| FlowError::Git(error.into()))?;
        if speaks {
            return again(format!("evidence {} is new, and is about it", statement.document()));
        }
    }
    let captures = request.captures.iter().filter(unsettled).cloned().collect();
    Ok(Ok(Taken { evidence, captures, after: Some(previous), again: None }))
}
