//! Which statements are about what was decided on: the artifact, or the commit that it was built from. What else was handed in
//! says nothing of it, whatever it says.

use super::kept::Kept;
use countersign_core::decision::Decision;
use countersign_core::digest::Sha256;
use countersign_core::git::Oid;
use countersign_core::statement::{Kind, Statement, Subject};

/// What a decision is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    artifact: Sha256,
    /// The commit that it was built from, where that was proved.
    commit: Option<Oid>,
}

/// What a statement is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subjects {
    artifacts: Vec<Sha256>,
    commits: Vec<String>,
}

/// What only counts where it is about the artifact itself: the gate takes no other, either.
const OF_ARTIFACTS: [Kind; 4] = [Kind::Provenance, Kind::Sbom, Kind::Vulns, Kind::Vex];

impl About {
    pub(super) fn of(decision: &Kept) -> Self {
        let commit = decision.source.as_ref().map(|range| range.revision);
        Self { artifact: decision.request.subject, commit }
    }

    /// The same of one that is held whole.
    pub(super) fn of_whole(decision: &Decision) -> Self {
        let commit = decision.source.as_ref().map(|range| range.revision);
        Self { artifact: decision.request.subject, commit }
    }

    /// Whether a statement of this kind with these subjects is about it.
    pub(super) fn has(&self, kind: Kind, subjects: &Subjects) -> bool {
        let of_commit = || self.commit.is_some_and(|commit| subjects.commits.contains(&commit.hex()));
        subjects.artifacts.contains(&self.artifact) || (!OF_ARTIFACTS.contains(&kind) && of_commit())
    }
}

impl Subjects {
    pub(super) fn of(statement: &Statement) -> Self {
        let commit = |subject: &Subject| subject.digest.get("gitCommit").cloned();
        Self {
            artifacts: statement.subjects.iter().filter_map(Subject::sha256_digest).collect(),
            commits: statement.subjects.iter().filter_map(commit).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_scan_of_another_artifact_or_of_the_commit_alone_is_none_of_this_one_and_tests_of_its_commit_are() {
        let (mine, other) = (Sha256::of(b"mine"), Sha256::of(b"other"));
        let commit = Oid::from_hex(&"ab".repeat(20)).expect("an id");
        let about = About { artifact: mine, commit: Some(commit) };
        let of = |subject: Subject| Subjects::of(&Statement::new(Kind::Vulns, vec![subject], &json!({})).expect("one"));
        let artifact = |digest| of(Subject::sha256("a", digest));
        let mut named = Subject::sha256("a", &other);
        named.digest = [("gitCommit".to_owned(), commit.hex())].into();
        let of_commit = of(named);
        for kind in [Kind::Vulns, Kind::Sbom, Kind::Provenance, Kind::Vex] {
            assert!(about.has(kind, &artifact(&mine)) && !about.has(kind, &artifact(&other)), "{kind:?}");
            assert!(!about.has(kind, &of_commit), "{kind:?}");
        }
        for kind in [Kind::TestResult, Kind::SecretScan, Kind::IacPlan, Kind::ConfigSnapshot] {
            assert!(about.has(kind, &artifact(&mine)) && about.has(kind, &of_commit), "{kind:?}");
            assert!(!about.has(kind, &artifact(&other)), "{kind:?}");
            assert!(!About { commit: None, ..about }.has(kind, &of_commit), "{kind:?}");
        }
    }
}
