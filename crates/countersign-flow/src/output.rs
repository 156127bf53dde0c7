//! What verbs answer to programs: one document a verb, each with its schema under `schemas/output/`. Verbs whose answer is
//! a verification, a promotion or a refusal use those of `countersign-report`.

use crate::audit::{Answered, Chain, DecisionRow, Header, LeftOut, QuestionRow, Reconciliation, Sample, Scope, Table};
use crate::review::notes::Kept;
use crate::review::{ChangeSummary, Emitted};
use countersign_core::decision::LogRef;
use countersign_core::digest::Sha256;
use countersign_core::entry::Entry;
use countersign_core::exception::{EndAction, Exception};
use countersign_core::exit::Exit;
use countersign_core::finding::{Check, Finding, Verdict};
use countersign_core::git::Oid;
use countersign_core::ids::{EnvName, ExceptionId, Origin, RoleName, Uri};
use countersign_core::statement::Subject;
use countersign_core::statement::change_review::{ChangeState, ForgeKind, Shortfall};
use countersign_core::statement::review::{Review, Tier};
use countersign_core::statement::secret_scan::{SecretFinding, SecretScan, Skipped};
use countersign_core::statement::test_result::Outcome;
use countersign_core::time::Time;
use countersign_core::trust::Trust;
use countersign_decide::review::{ChangeRow, CommitRow, ForeignRow, SourceLevel};
use serde::Serialize;

macro_rules! documents {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Serialize)]
            #[serde(rename_all = "camelCase")]
            #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $kind,)*
            }
        )*
    };
}

mod attested;
mod policy;
mod sbom;
mod store;

pub use attested::*;
pub use policy::*;
pub use sbom::*;
pub use store::*;

/// What a watcher did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum WatchOutcome {
    /// It listens from here on.
    Listening,
    /// A line that was being written when it died was taken off: nobody had been told of it.
    Repaired,
    /// A delivery was kept.
    Kept,
    /// The same delivery was kept before.
    Had,
    /// A delivery of no interest.
    Ignored,
    /// A delivery came without proof that it is the forge's.
    NotProved,
    /// A delivery came again, with other contents.
    Altered,
    /// A delivery is about another repository.
    Elsewhere,
    /// A delivery is the forge's, and cannot be read: what it told of was missed.
    Missed,
    /// A request that is no delivery.
    Refused,
    /// A change's statement was signed and written.
    Signed,
    /// A change's statement has to wait, and is tried again.
    Waiting,
    /// A change amounts to no statement.
    Failed,
    /// It stopped.
    Stopped,
}

documents! {
    /// `sbom`: an SBOM was written.
    Sbom {
        /// The file; none if the document is in this answer.
        output: Option<String>,
        /// The document, where no file was named. As a text, where it is XML.
        document: Option<serde_json::Value>,
        /// The digest of its bytes: those of the file, or those that are printed without `--format json`.
        digest: Sha256,
        /// Its version of CycloneDX.
        spec_version: &'static str,
        /// What it is about: the artifact's name.
        name: String,
        /// Whether nothing but the lock file was read, so that more is listed than is in any artifact.
        over_approximation: bool,
        /// Components.
        components: usize,
        /// Components whose code is part of the binary.
        linked: usize,
        /// Components that run during the build only.
        build_only: usize,
        /// Components that only tests, examples and benchmarks need.
        dev_only: usize,
        /// Dependencies between them.
        dependencies: usize,
        /// Components from elsewhere that have no checksum.
        without_checksum: usize,
        /// Packages with a checksum whose archive was not there to be held against it.
        without_archive: usize,
        /// Components without a licence.
        without_licence: usize,
        /// Packages with native code, or perhaps, of which none or perhaps not all is listed.
        native: usize,
        /// Packages with sources in other languages that are listed.
        bundled: usize,
        /// What the build left, and said the same: `cargo auditable`, `cargo`.
        compared: Vec<&'static str>,
        /// What this version of CycloneDX has no place for.
        left_out: Vec<&'static str>,
        /// What is worth saying.
        findings: Vec<Finding>,
    }
    /// `sbom --all-artifacts`: one SBOM an artifact was written.
    Sboms {
        /// Each.
        sboms: Vec<Sbom>,
    }
    /// A file and its digest.
    Artifact {
        /// The file's name.
        name: String,
        /// Its digest.
        digest: Sha256,
    }
    /// `provenance`: a statement was written.
    Provenance {
        /// The file.
        output: String,
        /// What it is about.
        artifacts: Vec<Artifact>,
        /// The `builder.id`.
        builder: String,
        /// The SLSA Build level that a command in one's own job can show.
        level: u8,
        /// Whether the tree differed from the commit.
        dirty: bool,
        /// In how many paths.
        changes: usize,
        /// Whether the clone leaves history out.
        shallow: bool,
        /// The variables that were kept from the build, by name.
        removed_variables: Vec<String>,
    }
    /// `sign`: a bundle was written.
    Signed {
        /// The file.
        output: String,
        /// The bundle's digest.
        bundle: Sha256,
        /// What kind of statement it signs.
        predicate_type: String,
        /// The key that signed; of an identity, the one in its certificate.
        key: String,
        /// The identity that signed, and who vouches for it.
        identity: Option<String>,
        /// What is worth saying about what was signed.
        findings: Vec<Finding>,
    }
    /// `key`: a key.
    Key {
        /// Its id.
        id: String,
        /// Its kind.
        kind: String,
        /// The public key as an OpenSSH line, as trust.toml takes it.
        openssh: String,
        /// The private key's file, where one was made.
        private: Option<String>,
        /// The public key's file, where one was made.
        public: Option<String>,
    }
    /// `trust root`: a Sigstore trusted root as trust names it.
    SigstoreRoot {
        /// The name by which identities call it.
        name: RoleName,
        /// The digest of its canonical form.
        digest: Sha256,
        /// When it was looked at.
        fetched: Time,
        /// After so many days nothing is decided by it any more.
        max_age_days: u32,
    }
    /// `trust sign`: a trust document with one's signature.
    TrustSigned {
        /// The file.
        output: String,
        /// The digest of its canonical JSON: what is kept outside.
        digest: Sha256,
        /// Whether a signature was added; a key signs once.
        added: bool,
        /// The persons of the trust role who signed it.
        persons: Vec<String>,
        /// How many of them it needs.
        needed: u32,
    }
    /// `trust init`: a trust document to be read, edited and signed.
    TrustBegun {
        /// The file.
        output: String,
        /// The digest of its canonical JSON, as it is now.
        digest: Sha256,
        /// What has to be added before it can be used.
        findings: Vec<Finding>,
    }
    /// `trust digest`: a trust document.
    TrustFile {
        /// The file.
        output: String,
        /// The digest of its canonical JSON: what is kept outside.
        digest: Sha256,
    }
    /// `trust show`: a trust document, and what there is to say about its signatures.
    TrustShown {
        /// The digest of its canonical JSON.
        digest: Sha256,
        /// The document.
        trust: Trust,
        /// What was found.
        findings: Vec<Finding>,
        /// That it ends soon.
        #[serde(skip_serializing_if = "Option::is_none")]
        expiring: Option<Finding>,
    }
    /// `log init`: a log as far as it goes.
    LogState {
        /// The log's name.
        origin: Origin,
        /// The file or folder.
        output: String,
        /// How many entries.
        size: u64,
        /// The root over them.
        root: Sha256,
    }
    /// `log checkpoint`: a log as far as it goes, signed.
    LogCheckpoint {
        /// The log's name.
        origin: Origin,
        /// The file; none if the checkpoint is in this answer alone.
        output: Option<String>,
        /// How many entries.
        size: u64,
        /// The root over them.
        root: Sha256,
        /// The signed note, as a checkpoint file holds it.
        checkpoint: String,
    }
    /// An entry with its index.
    NumberedEntry {
        /// The index.
        index: u64,
        /// The entry.
        entry: Entry,
        /// The verdict of a decision, as the store has it. Nothing here checks who signed it.
        verdict: Option<Verdict>,
        /// Whether that decision authorises, as the store has it.
        authorised: Option<bool>,
    }
    /// `log show`: the entries.
    LogEntries {
        /// How many entries.
        size: u64,
        /// All of them.
        entries: Vec<NumberedEntry>,
    }
    /// `log show --entry`: one entry.
    LogEntryShown {
        /// The index.
        index: u64,
        /// The entry.
        entry: Entry,
        /// Its inclusion proof in the form of C2SP tlog-proof, if it was asked for.
        proof: Option<String>,
    }
    /// `log proof`: the receipt of an entry.
    LogProof {
        /// The index.
        index: u64,
        /// How many entries the checkpoint in it covers.
        size: u64,
        /// How many signature lines the checkpoint has: the log's, and those of witnesses.
        signatures: u64,
        /// The file; none if the receipt is in this answer alone.
        output: Option<String>,
        /// The receipt, in the form of C2SP tlog-proof.
        proof: String,
    }
    /// `log policy`: which logs and witnesses count.
    LogPolicy {
        /// Whose quorum it is; none if no witness is asked for.
        environment: Option<EnvName>,
        /// The file; none if the policy is in this answer alone.
        output: Option<String>,
        /// The policy, in the form of C2SP tlog-policy.
        policy: String,
    }
    /// `review sign`: a review was signed.
    ReviewSigned {
        /// The file, if one was written.
        output: Option<String>,
        /// The note, if one was written.
        note: Option<Kept>,
        /// The signed document's digest.
        document: Sha256,
        /// What was signed.
        review: Review,
        /// What the change does.
        files: ChangeSummary,
    }
    /// `review verify`: the proof for a range.
    ReviewProved {
        /// The verdict over all findings.
        verdict: Verdict,
        /// The weakest tier of evidence, if every commit belongs to a change.
        tier: Option<Tier>,
        /// Every commit of the range.
        commits: Vec<CommitRow>,
        /// Every change that landed.
        changes: Vec<ChangeRow>,
        /// What other tools recorded of the range, and whether it counts.
        foreign: Vec<ForeignRow>,
        /// The digest of the git evidence that the proof is over.
        evidence: Sha256,
        /// The level of the SLSA Source track that the newest revision reached.
        source: SourceLevel,
        /// The revision of the earlier source statement that the range goes on from, if it does.
        after: Option<Oid>,
        /// The signed source provenance and summary, if they were asked for.
        emitted: Option<Emitted>,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// What was read of one change.
    CollectedChange {
        /// Its number.
        number: u64,
        /// Its page.
        url: Option<Uri>,
        /// Whether it landed.
        state: Option<ChangeState>,
        /// Its newest commit.
        head: Option<Oid>,
        /// The commit with which it landed.
        result: Option<Oid>,
        /// How many reviews it has, of whatever state.
        reviews: usize,
        /// The signed statement.
        statement: Option<String>,
        /// The statement's digest.
        bundle: Option<Sha256>,
        /// The digest of the answers that it rests on, which is also their file's name.
        capture: Option<Sha256>,
        /// What can have been missed, of what was told as it happened.
        gaps: Vec<String>,
        /// What could not be read, each alone.
        shortfalls: Vec<Shortfall>,
        /// Why there is no statement.
        failed: Option<String>,
    }
    /// `review watch`: one thing that happened, on a line of its own.
    ReviewWatched {
        /// When.
        at: Time,
        /// What was done.
        outcome: WatchOutcome,
        /// The forge's id of the delivery, where it is about one.
        delivery: Option<String>,
        /// The forge's word for what the delivery tells of.
        event: Option<String>,
        /// The change, where it is about one.
        change: Option<u64>,
        /// More about it, for people.
        detail: Option<String>,
        /// The change's statement, where one was written.
        written: Option<CollectedChange>,
    }
    /// `review collect`: what a forge recorded of changes was read, signed and written.
    ReviewCollected {
        /// The repository.
        repository: Uri,
        /// The kind of forge.
        forge: ForgeKind,
        /// The forge's host.
        host: String,
        /// Every change.
        changes: Vec<CollectedChange>,
        /// Commits of the range that came with no change, by the forge's word.
        without: Vec<Oid>,
        /// How the command ends.
        exit: Exit,
    }
    /// `review explain`: the story of one commit.
    ReviewExplained {
        /// The verdict over the findings that are about it.
        verdict: Verdict,
        /// The commit.
        commit: Oid,
        /// The first line of its message, as printable ASCII; absent where the range could not be read.
        subject: Option<String>,
        /// The change that it belongs to; absent if it belongs to none.
        change: Option<ChangeRow>,
        /// What other tools recorded of it, or of the range as a whole.
        foreign: Vec<ForeignRow>,
        /// What was found about it, or about the range as a whole.
        findings: Vec<Finding>,
        /// How many findings stand in the way of other commits of the range.
        elsewhere: usize,
        /// What to do next.
        next: Vec<String>,
        /// The digest of the git evidence that the proof is over.
        evidence: Sha256,
        /// How the run ends.
        exit: Exit,
    }
    /// `audit export`: a package was written.
    AuditExported {
        /// The file.
        output: String,
        /// Its size.
        bytes: usize,
        /// Its digest.
        digest: Sha256,
        /// How many entries the log has.
        entries: u64,
        /// How many documents the package holds.
        documents: usize,
        /// Which part of the record.
        scope: Scope,
        /// Documents that the log names and that were left out.
        left_out: LeftOut,
        /// How many decisions are in that part: without one there is nothing to run again.
        decisions: usize,
    }
    /// `audit ask` alone: the questions.
    AuditQuestions {
        /// The questions.
        questions: Vec<QuestionRow>,
    }
    /// `audit ask`: answers.
    AuditAsked {
        /// The answers.
        answers: Vec<Answered>,
        /// How the run ends.
        exit: Exit,
    }
    /// `audit population`: lists, with how they were made.
    AuditPopulation {
        /// The lists.
        lists: Vec<Header>,
        /// The rows of the list that was asked for; absent where all are listed.
        table: Option<Table>,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `audit sample`: a sample.
    AuditSampled {
        /// The sample.
        sample: Sample,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `audit show`: the chain of one deployment.
    AuditShown {
        /// The chain.
        chain: Chain,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `audit reconcile`: the sources of completeness.
    AuditReconciled {
        /// The sources.
        reconciliation: Reconciliation,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// `audit report`: a page was written.
    AuditReported {
        /// The file.
        output: String,
        /// What was found.
        findings: Vec<Finding>,
        /// How the run ends.
        exit: Exit,
    }
    /// Facts that were kept of a package.
    KeptFacts {
        /// The file.
        output: String,
        /// Its digest.
        digest: Sha256,
    }
    /// `audit verify`: a package was checked.
    AuditVerified {
        /// The verdict over all findings.
        verdict: Verdict,
        /// The log, as far as the package has it.
        log: Option<LogRef>,
        /// Which part of the record the package holds.
        scope: Option<Scope>,
        /// Documents that the log names and that the package leaves out; absent where that was not worked out.
        left_out: Option<LeftOut>,
        /// Every decision that was run again.
        decisions: Vec<DecisionRow>,
        /// The whole checklist.
        checks: Vec<Check>,
        /// What was found.
        findings: Vec<Finding>,
        /// The facts that were kept, if that was asked for.
        facts: Option<KeptFacts>,
        /// How the run ends.
        exit: Exit,
    }
    /// `collect tests`: a test result was written.
    TestsCollected {
        /// The file.
        output: String,
        /// What the run came to.
        result: Outcome,
        /// How many tests passed at once.
        passed: usize,
        /// How many passed with a warning.
        warned: usize,
        /// Those that failed.
        failed: Vec<String>,
        /// How many were left out.
        skipped: usize,
        /// What was tested.
        subjects: Vec<Subject>,
        /// How the run ends.
        exit: Exit,
    }
    /// `collect secrets`: what a scan found, or what another scanner reported.
    SecretsCollected {
        /// The statement's file, if one was written.
        output: Option<String>,
        /// The scan; absent where files were looked at as they lie on disk.
        scan: Option<SecretScan>,
        /// What was found that nobody allows and no earlier scan had.
        standing: Vec<SecretFinding>,
        /// What is allowed.
        allowed: Vec<SecretFinding>,
        /// How many findings the earlier scan had already.
        known: usize,
        /// Files on disk that were not searched, and why.
        skipped: Vec<Skipped>,
        /// How the run ends.
        exit: Exit,
    }
    /// `explain`: an explanation.
    Explained {
        /// What was asked.
        what: String,
        /// The explanation.
        text: String,
    }
    /// `completions`: the completions of a shell.
    Completions {
        /// The shell.
        shell: String,
        /// What the shell is to read.
        script: String,
    }
    /// One command of the demo.
    DemoStep {
        /// The chapter that it belongs to.
        chapter: String,
        /// The command.
        command: String,
        /// How it ended, as it had to.
        exit: Exit,
    }
    /// `demo`: everything that was run.
    Demo {
        /// The folder with every file, if it was kept.
        folder: Option<String>,
        /// The SLSA Build level that the demo's build shows.
        level: u8,
        /// The commands, in order.
        steps: Vec<DemoStep>,
    }
    /// The end of a verb that could not do its work.
    Failed {
        /// What could not be done.
        message: String,
        /// Why, each cause of the one before.
        causes: Vec<String>,
        /// One next action.
        help: Option<String>,
        /// How the run ends.
        exit: Exit,
        /// What was not done.
        not_done: String,
    }
    /// `exception request`: an exception was written, signed by who asks for it.
    ExceptionRequested {
        /// The file.
        output: String,
        /// Its id.
        id: ExceptionId,
        /// What was signed.
        exception: Exception,
        /// How many have to approve it.
        needed: u32,
        /// Of which role.
        role: String,
    }
    /// `exception approve`: an approval was added.
    ExceptionApproved {
        /// The file.
        file: String,
        /// Its id.
        id: ExceptionId,
        /// What was signed.
        exception: Exception,
        /// Whether a signature was added; it is not if the key had signed before.
        added: bool,
        /// Who has approved it so far.
        approvers: Vec<String>,
        /// How many it takes.
        needed: u32,
        /// Of which role.
        role: String,
    }
    /// `exception activate`: an exception is in the log, and counts.
    ExceptionActivated {
        /// Its id.
        id: ExceptionId,
        /// What was signed.
        exception: Exception,
        /// Who approved it.
        approvers: Vec<String>,
        /// The log entry.
        entry: u64,
    }
    /// `exception revoke` and `exception follow-up`: an exception was ended, or waits for one more signature.
    ExceptionEnded {
        /// Its id.
        id: ExceptionId,
        /// What ends it.
        action: EndAction,
        /// The log entry; absent if nothing was recorded.
        entry: Option<u64>,
        /// Who signed.
        persons: Vec<String>,
        /// What is missing.
        findings: Vec<Finding>,
        /// How the command ends.
        exit: Exit,
    }
    /// An exception of the log.
    ExceptionRow {
        /// Its id.
        id: ExceptionId,
        /// Whether it counts, and if not, why.
        state: ExceptionState,
        /// What was signed.
        exception: Exception,
        /// Who approved it.
        approvers: Vec<String>,
        /// The log entry.
        entry: u64,
        /// The log of that entry, where it is one that this log goes on from.
        log: Option<Origin>,
        /// By how many decisions it was needed.
        uses: u64,
        /// The entry of the newest of them.
        newest_use: Option<u64>,
        /// The entry that ended it.
        ended_by: Option<u64>,
        /// Whether what it let through was reviewed since, by the word of two persons.
        followed_up: bool,
    }
    /// `exception list` and `exception expiring`: the exceptions of the log.
    ExceptionList {
        /// Each of them, in the order of the log.
        exceptions: Vec<ExceptionRow>,
        /// What there is to say of them.
        findings: Vec<Finding>,
        /// How the command ends.
        exit: Exit,
    }
}

/// How an exception stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ExceptionState {
    /// It counts.
    Counts,
    /// It is over.
    Expired,
    /// It was revoked, or made up for.
    Ended,
}

impl ExceptionState {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Expired => "expired",
            Self::Ended => "ended",
        }
    }
}

/// What `collect snapshot` wrote.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnapshotCollected {
    /// The file.
    pub output: String,
    /// The repository.
    pub repository: String,
    /// The commit.
    pub commit: String,
    /// How many files were read.
    pub files: usize,
    /// How many images they name.
    pub images: usize,
    /// How many connections they name.
    pub connections: usize,
    /// What was not read, and why.
    pub skipped: Vec<countersign_core::statement::config_snapshot::FileSkipped>,
}

/// What `collect plan` wrote.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlanCollected {
    /// The file.
    pub output: String,
    /// The repository.
    pub repository: String,
    /// The commit.
    pub commit: String,
    /// The digest of the plan.
    pub digest: Sha256,
    /// Whether the plan says that it covers everything.
    pub complete: Option<bool>,
    /// Whether planning failed or put something off.
    pub cut_short: bool,
    /// How many resources it looks at.
    pub resources: u64,
    /// How many of them are a database or an audit log.
    pub known: usize,
}
