//! The auditor's questions, Q01 to Q24: what each asks, what it is answered from, and what nobody collects yet.

use super::ask::Asked;
use super::table::Table;
use countersign_core::finding::Finding;

mod answers;
mod changes;
mod emergencies;
mod people;
mod violations;
mod who;

/// One question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question {
    pub(super) id: &'static str,
    /// What the auditor asks.
    pub(super) asks: &'static str,
    /// What it is answered from.
    pub(super) from: &'static str,
    /// Evidence that it would take and that no collector brings: with any, the answer is INDETERMINATE.
    pub(super) absent: &'static [&'static str],
    /// What it needs of who asks.
    pub(super) takes: &'static str,
    pub(super) answer: fn(&Asked<'_>) -> Part,
}

/// What a question comes to.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The rows.
    pub(super) table: Table,
    /// What is to be said beside them.
    pub(super) notes: Vec<String>,
    /// Rows that an auditor would list as an exception, by log entry, with the reason.
    pub(super) deviations: Vec<(u64, String)>,
    /// The same, by place: of entries that may be an earlier log's.
    pub(super) deviations_at: Vec<(String, String)>,
    /// What is missing, beside what no collector brings.
    pub(super) missing: Vec<String>,
    /// What only whoever asks can give, with how.
    pub(super) asker: Vec<(String, &'static str)>,
    /// What does not hold of the package itself, where the question looks at that.
    pub(super) findings: Vec<Finding>,
    /// How completeness was established, where that is not by the log's range alone.
    pub(super) completeness: Option<String>,
}

impl Part {
    pub(super) fn of(table: Table) -> Self {
        Self { table, ..Self::default() }
    }

    pub(super) fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }
}

pub(super) fn find(id: &str) -> Option<&'static Question> {
    ALL.iter().find(|question| question.id.eq_ignore_ascii_case(id))
}

pub(super) const ALL: &[Question] = &[
    Question {
        id: "Q01",
        asks: "all promotions in the window (to production: --environment production), and that the list is complete",
        from: "the log's decisions; the deployment chain; git's first parents",
        absent: &[],
        takes: "",
        answer: changes::deployments,
    },
    Question {
        id: "Q02",
        asks: "my sample of n, by a seed of mine",
        from: "the list of Q01, and SHA-256 over seed, root and entry",
        absent: &[],
        takes: "--n and --seed",
        answer: changes::sample,
    },
    Question {
        id: "Q03",
        asks: "for an item: requester, author, reviewers, approval before deployment, tests, scans, digest, deployer",
        from: "the decision, its provenance, its range of commits, its reviews, tests and scans",
        absent: &["the tracker's requests (who asked for a change)", "who ran the deployment"],
        takes: "--item ENTRY; else the sample of --n and --seed",
        answer: changes::items,
    },
    Question {
        id: "Q04",
        asks: "was an author, co-author or last pusher counted as a reviewer? a bot?",
        from: "the outcome of the review rule in each decision, which is run again by `audit verify`",
        absent: &[],
        takes: "",
        answer: changes::self_review,
    },
    Question {
        id: "Q05",
        asks: "direct pushes, force pushes, administrators who went past the rules",
        from: "findings of review in each decision; the deployment chain; git's first parents",
        absent: &[
            "the forge's activity feed (direct and forced pushes)",
            "the forge's rule suites (who went past which rule)",
        ],
        takes: "",
        answer: changes::past_review,
    },
    Question {
        id: "Q06",
        asks: "emergency changes: who let them through, and whether they were reviewed in time",
        from: "decisions that used an emergency, exceptions of that category, their follow-ups; those of earlier logs that were open",
        absent: &[],
        takes: "",
        answer: emergencies::emergencies,
    },
    Question {
        id: "Q07",
        asks: "was branch protection on every day? who changed it?",
        from: "daily snapshots of the forge's branch rules",
        absent: &["daily snapshots of the forge's branch rules, signed by a collector"],
        takes: "",
        answer: answers::nothing,
    },
    Question {
        id: "Q08",
        asks: "which policy version judged each promotion, who approved it, did its tests pass?",
        from: "each decision's policy digest, and the activation in the log that makes it the active one",
        absent: &[],
        takes: "",
        answer: answers::judged_by,
    },
    Question {
        id: "Q09",
        asks: "policy changes in the window, with approvers and reason",
        from: "policy activations in the log",
        absent: &[],
        takes: "",
        answer: answers::policy_changes,
    },
    Question {
        id: "Q10",
        asks: "all violations: opened, remediated, how long it took",
        from: "rule outcomes of the decisions: an episode opens at the first failure of an artifact and closes at its next pass; those that were open when this log began",
        absent: &[],
        takes: "",
        answer: violations::violations,
    },
    Question {
        id: "Q11",
        asks: "all exceptions: who asked, who approved, scope, end, uses, compensating control",
        from: "exceptions in the log, and the decisions that needed them",
        absent: &[],
        takes: "",
        answer: answers::exceptions,
    },
    Question {
        id: "Q12",
        asks: "what went out while a rule failed (not enforced, or excepted)",
        from: "authorised decisions with a verdict other than PASS, a rule that failed, or an exception that was needed",
        absent: &[],
        takes: "",
        answer: answers::went_although,
    },
    Question {
        id: "Q13",
        asks: "who could approve, sign and deploy on a date; who came and left",
        from: "the versions of the trust document in the log: roles, keys and their dates, gates",
        absent: &["access snapshots: members of the forge's organisation, reviewers of the CI's environments"],
        takes: "--at TIME",
        answer: who::could,
    },
    Question {
        id: "Q14",
        asks: "was access removed within N days of leaving?",
        from: "differences of access snapshots, against a list of leavers",
        absent: &["access snapshots", "a signed list of who left when"],
        takes: "",
        answer: answers::nothing,
    },
    Question {
        id: "Q15",
        asks: "vulnerabilities: found, allowed time, fixed, accepted",
        from: "scans and VEX that decisions list, and what the rule on vulnerabilities said",
        absent: &[],
        takes: "",
        answer: answers::vulnerabilities,
    },
    Question {
        id: "Q16",
        asks: "new third-party components in the window, with licence and where they come from",
        from: "the SBOMs of consecutive promotions of an artifact of a service",
        absent: &[],
        takes: "",
        answer: answers::components,
    },
    Question {
        id: "Q17",
        asks: "infrastructure changes: was the plan that was reviewed the one that was applied?",
        from: "infrastructure plans that decisions list, and what the rules on them said",
        absent: &["statements of what was applied, naming the plan"],
        takes: "",
        answer: answers::plans,
    },
    Question {
        id: "Q18",
        asks: "drift: configuration at a day against what was declared",
        from: "snapshots of the running configuration",
        absent: &["snapshots of the running configuration"],
        takes: "",
        answer: answers::nothing,
    },
    Question {
        id: "Q19",
        asks: "is the monitoring itself alive? gaps of collectors",
        from: "the longest time between two log entries of each kind",
        absent: &["heartbeats of collectors"],
        takes: "",
        answer: people::alive,
    },
    Question {
        id: "Q20",
        asks: "key events: rotation, revocation, who held the root",
        from: "the versions of the trust document in the log",
        absent: &[],
        takes: "",
        answer: people::keys,
    },
    Question {
        id: "Q21",
        asks: "manual controls: statement, owner, end, document",
        from: "evidence by hand in the log",
        absent: &[],
        takes: "",
        answer: people::manual,
    },
    Question {
        id: "Q22",
        asks: "has anything been altered since?",
        from: "the checkpoint's signature, the log's tree, the checkpoint that was kept elsewhere",
        absent: &[],
        takes: "--least-checkpoint FILE",
        answer: people::altered,
    },
    Question {
        id: "Q23",
        asks: "how was each list produced?",
        from: "the headers of the populations",
        absent: &[],
        takes: "",
        answer: people::produced,
    },
    Question {
        id: "Q24",
        asks: "findings of earlier periods: closed, or recurring?",
        from: "statements of audit findings",
        absent: &["statements of audit findings"],
        takes: "",
        answer: answers::nothing,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twenty_four_questions_each_with_its_own_number_in_order() {
        for (number, question) in (1..).zip(ALL) {
            assert_eq!(question.id, format!("Q{number:02}"));
        }
        assert_eq!(ALL.len(), 24);
    }
}
