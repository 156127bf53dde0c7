//! Which statements are about what was decided on: the artifact, or the commit that it was built from. What else was handed in
//! says nothing of it, whatever it says.

use super::kept::Kept;
use countersign_core::digest::Sha256;
use countersign_core::git::Oid;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_decide::rules::Built;
use countersign_verify::Evidence;

/// What a decision is about.
#[derive(Debug, Clone)]
pub(super) struct About {
    artifact: Sha256,
    /// What it was built from, where that is known.
    built: Option<Revision>,
}

/// A commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Revision {
    repository: String,
    commit: String,
}

/// What a statement is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subjects {
    artifacts: Vec<Sha256>,
    commits: Vec<String>,
    /// Of which revision its predicate speaks, where it is of a kind that does.
    of: Option<Revision>,
}

/// Whether a statement is about what a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsAbout {
    This,
    /// Something else: it counts for nothing.
    Other,
    /// A commit; and of which one the artifact was built is not known.
    Unknown,
}

/// What only counts where it is about the artifact itself: the gate takes no other, either.
const OF_ARTIFACTS: [Kind; 4] = [Kind::Provenance, Kind::Sbom, Kind::Vulns, Kind::Vex];
/// What only counts where its predicate speaks of the revision, whatever else its subjects name: so the gate takes it.
const OF_REVISIONS: [Kind; 3] = [Kind::SecretScan, Kind::ConfigSnapshot, Kind::IacPlan];

/// What a statement of this kind is about, in words.
pub(super) fn of_what(kind: Kind) -> &'static str {
    if OF_ARTIFACTS.contains(&kind) { "artifact" } else { "artifact or commit" }
}

impl About {
    /// Of a decision, with the evidence that it rests on: where no range of commits was proved, the provenance that counts says
    /// what the artifact was built from, as it does at the gate.
    pub(super) fn of(decision: &Kept, evidence: &Evidence) -> Self {
        let proved = decision.source.as_ref().map(|range| (range.repository.as_str(), range.revision));
        Self::new(decision.request.subject, proved, evidence)
    }

    pub(super) fn new(artifact: Sha256, proved: Option<(&str, Oid)>, evidence: &Evidence) -> Self {
        let revision =
            |repository: &str, commit: Oid| Revision { repository: repository.to_owned(), commit: commit.hex() };
        let built = proved.map(|(repository, commit)| revision(repository, commit)).or_else(|| {
            let built = Built::best(evidence, &artifact, &mut Vec::new())?;
            let named = built.provenance.source().ok()?;
            Some(revision(named.repository, named.commit))
        });
        Self { artifact, built }
    }

    /// The commit that it was built from.
    pub(super) fn commit(&self) -> Option<&str> {
        self.built.as_ref().map(|built| built.commit.as_str())
    }

    /// Whether a statement of this kind with these subjects is about it.
    pub(super) fn has(&self, kind: Kind, subjects: &Subjects) -> IsAbout {
        let either = |this: bool| if this { IsAbout::This } else { IsAbout::Other };
        let of_artifact = subjects.artifacts.contains(&self.artifact);
        if OF_ARTIFACTS.contains(&kind) {
            return either(of_artifact);
        }
        let named = |built: &Revision| subjects.commits.contains(&built.commit);
        match (&self.built, &subjects.of) {
            (Some(built), Some(of)) => either(of == built && named(built)),
            (_, None) if of_artifact => IsAbout::This,
            (Some(built), None) => either(named(built)),
            (None, None) if subjects.commits.is_empty() => IsAbout::Other,
            (None, Some(_) | None) => IsAbout::Unknown,
        }
    }
}

impl Subjects {
    pub(super) fn of(statement: &Statement) -> Self {
        let commit = |subject: &Subject| subject.digest.get("gitCommit").cloned();
        let said = |name: &str| Some(statement.predicate.get(name)?.as_str()?.to_owned());
        let of = || Some(Revision { repository: said("repository")?, commit: said("commit")? });
        Self {
            artifacts: statement.subjects.iter().filter_map(Subject::sha256_digest).collect(),
            commits: statement.subjects.iter().filter_map(commit).collect(),
            of: statement.kind().filter(|kind| OF_REVISIONS.contains(kind)).and_then(|_| of()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const REPOSITORY: &str = "git+https://example.com/app";

    fn subjects(kind: Kind, artifact: Option<&Sha256>, commit: &str, predicate: &serde_json::Value) -> Subjects {
        let mut named = Subject::sha256("a", &Sha256::of(b"none"));
        named.digest = [("gitCommit".to_owned(), commit.to_owned())].into();
        let all = artifact.map(|digest| Subject::sha256("a", digest)).into_iter();
        let all = all.chain((!commit.is_empty()).then_some(named)).collect();
        Subjects::of(&Statement::new(kind, all, predicate).expect("a statement"))
    }

    #[test]
    fn a_scan_of_another_artifact_or_of_the_commit_alone_is_none_of_this_one_and_tests_of_its_commit_are() {
        let (mine, other, commit) = (Sha256::of(b"mine"), Sha256::of(b"other"), "ab".repeat(20));
        let built = Revision { repository: REPOSITORY.to_owned(), commit: commit.clone() };
        let about = About { artifact: mine, built: Some(built) };
        let unknown = About { artifact: mine, built: None };
        for kind in [Kind::Vulns, Kind::Sbom, Kind::Provenance, Kind::Vex] {
            let has = |about: &About, artifact, commit| about.has(kind, &subjects(kind, artifact, commit, &json!({})));
            assert_eq!(has(&about, Some(&mine), ""), IsAbout::This, "{kind:?}");
            assert_eq!(has(&about, Some(&other), ""), IsAbout::Other, "{kind:?}");
            assert_eq!(has(&about, None, &commit), IsAbout::Other, "{kind:?}");
        }
        let other_commit = "cd".repeat(20);
        let tests = |about: &About, artifact, commit| {
            about.has(Kind::TestResult, &subjects(Kind::TestResult, artifact, commit, &json!({})))
        };
        assert_eq!(tests(&about, Some(&mine), ""), IsAbout::This);
        assert_eq!(tests(&about, None, &commit), IsAbout::This);
        assert_eq!(tests(&about, Some(&other), ""), IsAbout::Other);
        assert_eq!(tests(&about, None, &other_commit), IsAbout::Other);
        assert_eq!(tests(&unknown, None, &commit), IsAbout::Unknown);
        assert_eq!(tests(&unknown, Some(&other), ""), IsAbout::Other);
    }

    #[test]
    fn a_plan_of_another_commit_is_none_of_this_one_though_it_names_the_artifact_as_well() {
        let (mine, commit, other) = (Sha256::of(b"mine"), "ab".repeat(20), "cd".repeat(20));
        let built = Revision { repository: REPOSITORY.to_owned(), commit: commit.clone() };
        let about = About { artifact: mine, built: Some(built) };
        for kind in OF_REVISIONS {
            let of = |repository: &str, commit: &str| {
                subjects(kind, Some(&mine), commit, &json!({"repository": repository, "commit": commit}))
            };
            assert_eq!(about.has(kind, &of(REPOSITORY, &commit)), IsAbout::This, "{kind:?}");
            assert_eq!(about.has(kind, &of(REPOSITORY, &other)), IsAbout::Other, "{kind:?}");
            assert_eq!(about.has(kind, &of("git+https://example.com/other", &commit)), IsAbout::Other, "{kind:?}");
            let unknown = About { artifact: mine, built: None };
            assert_eq!(unknown.has(kind, &of(REPOSITORY, &commit)), IsAbout::Unknown, "{kind:?}");
        }
    }
}
