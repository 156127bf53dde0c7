//! The registry of finding codes: one line each, with its class and what it means. `countersign explain CODE`, the
//! documentation and the JSON Schemas are made from this table. A code keeps its meaning for good.

use crate::finding::{Class, Code};

/// A registered code.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// How it counts.
    pub class: Class,
    /// What it means, and what to do about it.
    pub meaning: &'static str,
}

macro_rules! codes {
    ($($name:ident $text:literal $class:ident $meaning:literal;)*) => {
        $(
            #[doc = $meaning]
            pub const $name: Code = Code($text);
        )*
        /// All of them, in the order of the documentation.
        pub const ALL: &[Entry] = &[
            $(Entry { code: $name, class: Class::$class, meaning: $meaning },)*
        ];
    };
}

codes! {
    // Bundles, signatures, subjects.
    BUNDLE_MALFORMED "bundle-malformed" Untrusted "The bytes are not a Sigstore bundle with a DSSE envelope, or exceed a bound.";
    ENVELOPE_SIGNATURES "envelope-signatures" Untrusted "The envelope has no signature, more than one, or one that is not the key's own form.";
    PAYLOAD_TYPE "payload-type" Untrusted "The envelope's payload type is not application/vnd.in-toto+json.";
    STATEMENT_MALFORMED "statement-malformed" Untrusted "The payload is not an in-toto Statement v1 of the expected shape.";
    SIGNATURE_INVALID "signature-invalid" Untrusted "The signature does not hold for these bytes and this key.";
    SIGNER_UNKNOWN "signer-unknown" Untrusted "The key that signed is not in trust.";
    SIGNER_NOT_ALLOWED "signer-not-allowed" Untrusted "Trust knows the signer, but does not let it sign this kind of statement.";
    KEY_NOT_VALID "key-not-valid" Untrusted "The key was not valid at the time in question: too early, too late, or compromised.";
    SUBJECT_MISMATCH "subject-mismatch" Untrusted "No subject of the statement has the artifact's digest.";
    ARTIFACT_LINK "artifact-link" Refused "The artifact is a symbolic link: what it leads to can change between the check and the use.";
    ARTIFACT_CHANGED "artifact-changed" Untrusted "The artifact changed while it was read.";
    PREDICATE_UNKNOWN "predicate-unknown" Indeterminate "The statement's predicate type is not one that this version knows.";
    PREDICATE_MISMATCH "predicate-mismatch" Refused "The statement is of another kind than the one asked for, or one that belongs to its document is not there.";
    NO_STATEMENTS "no-statements" Indeterminate "There is no statement to check. Nothing is not success.";

    // Certificates, transparency logs, timestamp authorities.
    SIGSTORE_ROOT_MALFORMED "sigstore-root-malformed" Untrusted "The bytes are not a Sigstore trusted root, or one of its keys, certificates or times cannot be.";
    SIGSTORE_ROOT_MISSING "sigstore-root-missing" Indeterminate "A certificate signed, and none of the Sigstore trusted roots that trust names by digest is among the evidence: hand it in beside the bundles.";
    SIGSTORE_ROOT_STALE "sigstore-root-stale" Indeterminate "The Sigstore trusted root was fetched longer ago than trust allows: keys that were withdrawn since would still count.";
    SIGSTORE_ROOT_OLD "sigstore-root-old" Note "The Sigstore trusted root was fetched a while ago, and will soon be too old to decide by: `countersign trust refresh` gets the newest.";
    TUF_INVALID "tuf-invalid" Untrusted "The repository of a Sigstore instance gave something that is not signed by enough of its keys, does not follow what was known, or is not what it names.";
    TUF_EXPIRED "tuf-expired" Indeterminate "The newest that the repository of a Sigstore instance gives has expired: somebody may keep newer things back.";
    SIGSTORE_UNSUPPORTED "sigstore-unsupported" Indeterminate "The bundle uses something that this version cannot judge: a kind of key, entry or subject.";
    CERTIFICATE_INVALID "certificate-invalid" Untrusted "The certificate was not valid when it signed, does not chain to an authority of the trusted root that counted then, may not sign, or does not say who signed.";
    SCT_INVALID "sct-invalid" Untrusted "No certificate log of the trusted root vouches for the certificate.";
    INCLUSION_PROOF_INVALID "inclusion-proof-invalid" Untrusted "The inclusion proof of the log entry is missing, or does not lead to the checkpoint's root.";
    INCLUSION_PROMISE_INVALID "inclusion-promise-invalid" Untrusted "The log's signed promise of inclusion is missing where it is needed or does not hold; or the log is none that the trusted root knows, or did not count then.";
    CHECKPOINT_INVALID "checkpoint-invalid" Untrusted "The log's checkpoint is missing, of another root, or not signed by a log of the trusted root.";
    LOGGED_ENTRY_MISMATCH "logged-entry-mismatch" Untrusted "The log entry is about another signature, key or artifact than the bundle.";
    TIMESTAMP_INVALID "timestamp-invalid" Untrusted "A timestamp does not hold, is of an authority that the trusted root does not know, or lies after the time in question.";
    TIMESTAMP_MISSING "timestamp-missing" Untrusted "No log and no timestamp authority says when the certificate's short-lived key signed.";
    IDENTITY_MISMATCH "identity-mismatch" Untrusted "The certificate shows another identity than the one asked for.";
    IDENTITY_CARELESS_DOT "identity-careless-dot" Note "In a regular expression of identities a dot that looks like one that was meant as itself stands for any character: write `\\.` there.";
    IDENTITY_ANYBODY "identity-anybody" Note "A pattern of identities in the trust document lets in anybody: whoever the issuer vouches for signs as that person, builder, collector or gate. Write out whose signature counts.";
    IDENTITY_UNANCHORED "identity-unanchored" Refused "A pattern of identities has no ends, so that it lets in every name that only contains what was meant; or it lets in anybody.";
    TRANSPARENCY_MISSING "transparency-missing" Untrusted "A key signed, no log and no timestamp says so, and nobody said that this key may do without.";
    LAYOUT_BLOB_MISSING "layout-blob-missing" Indeterminate "An OCI layout lacks a blob without which nothing can be said: an attestation that it names, or a manifest that may be the image.";
    PUBLISHER_DIFFERS "publisher-differs" Note "A PEP 740 document names another publisher than the certificate does. Nobody signed that name, and it counts for nothing: the certificate counts.";
    IMAGE_INCOMPLETE "image-incomplete" Note "An OCI layout lacks some of the parts that its image names: those are known by their digests alone.";
    FILES_PASSED_OVER "files-passed-over" Note "Hidden files and folders below a folder were passed over; attestations in them were not looked at.";
    TRANSPARENCY_NONE "transparency-none" Note "A key signed without a log or a timestamp, as is allowed for this key: nobody else has seen the signature, and nothing says when it was made.";
    SIGNERS_TOO_FEW "signers-too-few" Refused "Fewer distinct signers than are asked for have signed about this artifact.";
    CHECK_LEFT_OUT "check-left-out" Indeterminate "A check was left out because that was asked for: what comes of it is no pass.";
    IDENTITY_AMBIGUOUS "identity-ambiguous" Untrusted "The certificate fits the identities of two owners in trust: nobody can tell which of them signed.";

    // Trust.
    TRUST_MALFORMED "trust-malformed" Untrusted "The trust document does not parse, or contradicts itself.";
    TRUST_DIGEST_NOT_GIVEN "trust-digest-not-given" Indeterminate "The trust document's digest was not given from outside the repository, so it cannot authorise anything.";
    TRUST_DIGEST_MISMATCH "trust-digest-mismatch" Untrusted "The trust document is not the one whose digest was given from outside.";
    TRUST_QUORUM "trust-quorum" Untrusted "Too few persons of the trust role signed the trust document.";
    TRUST_EXPIRED "trust-expired" Untrusted "The trust document has expired.";
    TRUST_EXPIRING "trust-expiring" Note "The trust document expires soon, and nothing passes from then on: have its next version signed before.";
    TRUST_NOT_YET_VALID "trust-not-yet-valid" Untrusted "The trust document is not valid yet.";
    KEY_SHARED "key-shared" Untrusted "One key is registered for two owners: nobody can tell which of them signed.";
    ENVIRONMENT_UNKNOWN "environment-unknown" Refused "Trust has no floor for this environment, or the policy release does not cover it.";
    GATE_UNKNOWN "gate-unknown" Untrusted "The gate's key is not in trust for this environment.";
    LOG_KEY_UNKNOWN "log-key-unknown" Untrusted "The key that is to sign the log's checkpoint is not one of a log that trust knows.";
    BUILDER_LEVEL_UNREACHABLE "builder-level-unreachable" Note "Trust asks an environment for a higher SLSA Build level than any of its builders can show: nothing could pass there.";
    ROLE_TOO_SMALL "role-too-small" Note "Fewer persons fill a role of trust than it takes to act in it.";
    ROLE_UNKNOWN "role-unknown" Indeterminate "Trust does not fill a role that this step needs.";

    // Policy releases, pins, activation.
    POLICY_MISSING "policy-missing" Indeterminate "There is no policy release to decide by.";
    POLICY_MALFORMED "policy-malformed" Untrusted "The policy release does not parse, is not canonical, or is not closed.";
    POLICY_EMPTY "policy-empty" Indeterminate "The policy release has no rule for this environment. Zero rules is not a pass.";
    POLICY_TESTS_DIFFER "policy-tests-differ" Refused "A file with tests in the policy's folder is not the one that the release closes by digest.";
    POLICY_TESTS_UNRECORDED "policy-tests-unrecorded" Note "The release closes files with tests by digest, and the record does not have them.";
    POLICY_RULE_UNKNOWN "policy-rule-unknown" Indeterminate "The release names a rule or engine that this version does not have.";
    POLICY_UNAPPROVED "policy-unapproved" Untrusted "Too few policy approvers of trust signed this release.";
    POLICY_EXPIRED "policy-expired" Refused "The policy release has expired.";
    POLICY_NOT_YET_VALID "policy-not-yet-valid" Refused "The policy release is not valid yet.";
    POLICY_NOT_ACTIVE "policy-not-active" Indeterminate "No activation in the log makes a release the active one for this environment.";
    POLICY_ROLLBACK "policy-rollback" Refused "The release is older than one that was active before, without an activation that says so.";
    ACTIVATION_REPLAYED "activation-replayed" Refused "The activation was signed before the active release became so, or stands in the log already: what people agreed to at another moment is no approval now.";
    ACTIVATION_OTHER_LOG "activation-other-log" Refused "The activation was signed for another log, or names none where it has to.";
    POLICY_AUTHORS "policy-authors" Refused "The release does not say who wrote it, though the one before it does, or names an author whom trust does not know: its only author could be one of its approvers.";
    POLICY_VERSION_REUSED "policy-version-reused" Refused "Another release with other bytes already carries this version.";
    POLICY_BELOW_FLOOR "policy-below-floor" Refused "The release drops a rule, tier or level below the floor that trust sets for the environment.";
    POLICY_OTHER_LINEAGE "policy-other-lineage" Refused "The release belongs to another lineage or uri than the one that is active.";
    POLICY_OTHER_REPOSITORY "policy-other-repository" Refused "The artifact comes from a repository that the release does not cover.";
    PIN_MISSING "pin-missing" Indeterminate "countersign.lock does not say which release to expect for this environment.";
    PIN_MISMATCH "pin-mismatch" Refused "countersign.lock expects another release than the one that is active.";
    PATH_UNSAFE "path-unsafe" Refused "A file of the policy release is a symbolic link, an archive, or lies outside its folder.";
    PARAMETER_INVALID "parameter-invalid" Refused "A rule's parameter is missing, unknown, or of the wrong kind.";

    // Backtests, and what rules are for.
    BACKTEST_EMPTY "backtest-empty" Indeterminate "No recorded decision was run again: nothing is known of what the release would change.";
    BACKTEST_CHANGED "backtest-changed" Refused "Under the new release decisions come out in a way that --fail-on does not accept.";
    BACKTEST_REPORT "backtest-report" Refused "The file is not a backtest's report, or it is about another release.";
    BACKTEST_MISSING "backtest-missing" Indeterminate "The approvals name a backtest's report that is neither given nor in the evidence store.";
    DECISION_SUPPOSED "decision-supposed" Note "The decision was made as if a release were active that is not: it authorises nothing.";
    CONTROL_UNKNOWN "control-unknown" Refused "A rule names a control that no catalogue has.";
    CATALOGUE_MALFORMED "catalogue-malformed" Refused "A catalogue of controls in the policy folder does not parse, or takes the name or ids of another.";
    MANUAL_EVIDENCE "manual-evidence" Refused "Evidence by hand does not say what it must, or was signed by somebody else than its owner.";
    MANUAL_EARLIER "manual-evidence-earlier" Note "Evidence by hand that a log before this one records: it does not count here until it is added anew.";

    // Rules that are written in a release.
    RULE_BROKEN "rule-broken" Refused "A rule that is written in the policy release does not hold: its message says of what.";
    RULE_ERROR "rule-error" Indeterminate "A rule that is written in the policy release could not be evaluated: an error in it, or more than it may use. It says nothing, which is not a pass.";
    RULE_INPUT_MISSING "rule-input-missing" Indeterminate "A rule reads a part of the input for which there is no evidence. What is not there is not good.";
    RULE_SOURCE "rule-source" Refused "The source of a rule is not Rego or YAML as rules are written, or its package, heading or folder do not agree.";
    RULE_PATH "rule-path" Refused "A rule reads a path that the input, the parameters or the data do not have: it would never be broken.";
    RULE_FUNCTION "rule-function" Refused "A rule calls a function that rules may not call.";
    RULE_REGEX "rule-regex" Refused "A regular expression of a rule matches more than it seems to.";
    RULE_UNUSED "rule-unused" Refused "A rule is written in the folder, and the release does not use it.";
    RULE_UNOWNED "rule-unowned" Note "A rule names no owner: whoever is refused by it has nobody to ask.";
    RULES_BUILT_IN "rules-built-in" Note "A policy has no rule of its own: built-in rules are tested with countersign, and there is nothing here to test.";
    RULE_UNTESTED "rule-untested" Refused "A rule has no case in which it is broken, or none in which it holds.";
    RULE_CASE "rule-case" Refused "A case of a rule did not come out as it says.";
    RULE_COVERAGE "rule-coverage" Refused "The cases of a rule reach less of it than `--least-coverage` asks for.";
    RULE_CONDITION_UNTESTED "rule-condition-untested" Refused "A condition of a rule could be left out, and every case would come out as it does now.";
    POLICY_DOCS_STALE "policy-docs-stale" Refused "Pages that `policy docs` made are not what it would make now.";

    // How rules are rolled out.
    ROLLOUT_UNEARNED "rollout-unearned" Refused "The release moves a rule up without the measurement that its condition asks for, and nobody overrode that.";
    ROLLOUT_OVERRIDE "rollout-override" Refused "An override for a rule lacks its reason, a second person who is not the rule's only author, or the rule itself.";
    ROLLOUT_OVERRIDDEN "rollout-overridden" Note "A rule moved up, or went, without what is asked for, because approvers said so by a reason of theirs.";
    ROLLOUT_DROPPED "rollout-dropped" Refused "The release leaves out a rule that is going away, and its successor does not stand in its place.";
    ADJUDICATION_UNAGREED "adjudication-unagreed" Untrusted "Labels do not parse, are about other decisions, or were not signed by two policy approvers of trust.";
    RULE_BLOCKS_LATER "rule-blocks-later" Note "What the rule finds holds nothing back yet. From a date on it will.";
    RULE_DEPRECATED "rule-deprecated" Note "The rule is going away: its successor takes its place.";
    RULE_SUNSET "rule-sunset" Refused "The rule's last day has passed: it no longer holds, and shows nothing.";
    POLICY_DEPRECATED "policy-deprecated" Note "The policy release is going away: its successor takes its place.";
    POLICY_SUNSET "policy-sunset" Refused "The policy release's last day has passed: it decides nothing any more.";

    // Exceptions.
    EXCEPTION_MALFORMED "exception-malformed" Untrusted "The exception does not parse, or lacks what every exception has to say: an end, a reason, what it covers.";
    EXCEPTION_FORBIDDEN "exception-forbidden" Refused "The exception is from a check that nothing is excepted from: signatures, subject digests, trust, pins, the log, the integrity of evidence; or from review, which only an emergency is.";
    EXCEPTION_WIDE "exception-wide" Refused "The exception covers more than one artifact or a short range of commits.";
    EXCEPTION_DATES "exception-dates" Refused "The exception runs longer than trust allows, ends before it begins, or is over already.";
    EXCEPTION_RECORDED "exception-recorded" Refused "The exception is in the log already, and counts by that entry as long as it does.";
    EXCEPTION_UNAPPROVED "exception-unapproved" Untrusted "Too few persons of the role that trust names approved the exception; who asks for it does not count.";
    EXCEPTION_OTHER_LOG "exception-other-log" Untrusted "The exception was signed for another log.";
    EXCEPTION_UNKNOWN "exception-unknown" Refused "The log has no exception of this id that counts.";
    EXCEPTION_NOT_COUNTED "exception-not-counted" Note "The log names an exception that does not count; the reason is with it.";
    EXCEPTION_EXPIRED "exception-expired" Note "An exception is over and was not revoked: revoke it, so that nobody counts on it.";
    EXCEPTION_EXPIRING "exception-expiring" Note "An exception ends soon; what needs it is not promoted any more from then on.";
    EXCEPTION_UNUSED "exception-unused" Note "An exception has been in the log for a while, and no decision has needed it.";
    EXCEPTION_OVERUSED "exception-overused" Note "An exception was needed again and again: the rule, or what it finds, should change.";
    BREAK_GLASS "break-glass" Refused "Review was passed over in an emergency: the verdict stays FAIL, and a quorum of trust let the artifact through.";
    FOLLOW_UP_OPEN "follow-up-open" Note "What an emergency let through still has to be reviewed, before a date.";
    FOLLOW_UP_OVERDUE "follow-up-overdue" Refused "What an emergency let through was not reviewed in time.";

    // Log.
    LOG_MISSING "log-missing" Indeterminate "There is no log at this place. A missing log is never a new one.";
    LOG_CHECKPOINT_INVALID "log-checkpoint-invalid" Untrusted "The log's checkpoint does not parse, or its signature does not hold for the log's key in trust.";
    LOG_ROOT_MISMATCH "log-root-mismatch" Untrusted "The log's entries do not hash to the root of its checkpoint.";
    LOG_TILE_MISMATCH "log-tile-mismatch" Untrusted "A tile of the log is not what its entries make it.";
    LOG_ENTRY_MALFORMED "log-entry-malformed" Untrusted "A log entry does not parse, or does not record what its kind says: other documents, more of them, or one that does not hold.";
    RECORD_LATER "record-later" Indeterminate "A later version of countersign made an entry or a decision of the log, and this one cannot read it: nothing that it could bear on passes here.";
    LOG_ROLLED_BACK "log-rolled-back" Untrusted "The log is behind the least checkpoint given from outside.";
    LOG_FORKED "log-forked" Untrusted "The log is not a continuation of the least checkpoint given from outside.";
    LOG_SPLIT_VIEW "log-split-view" Untrusted "Two signed checkpoints of one size of the log have different roots: it shows different logs to different people.";
    LOG_CLOSED "log-closed" Refused "The log was closed: its last entry names the log that follows it, and nothing is appended after it.";
    STORE_RETENTION_UNSEEN "store-retention-unseen" Note "Whether the bucket keeps what was written for a time, as a lock does, cannot be seen through the interface to it.";
    TRUST_LATER "trust-later" Note "The trust given from outside is the next after the newest that the log records: what it says of keys since is heard as well.";
    LOG_KEY_LOST "log-key-lost" Indeterminate "The log's newest checkpoint rests on a key that came into foreign hands since: only a checkpoint of its end that was kept elsewhere, or witnesses of before, show that it is the log of then.";
    LOG_EARLIER_UNAUDITED "log-earlier-unaudited" Note "The log goes on from another one whose entries are here, and whose own decisions were not run again.";
    LOG_SHARD_INVALID "log-shard-invalid" Untrusted "What a log says of the one before or after it does not hold.";
    WITNESS_QUORUM_MISSING "witness-quorum-missing" Indeterminate "Trust wants the log cosigned by a quorum of witnesses for this environment, and too few have cosigned.";
    COSIGNATURE_INVALID "cosignature-invalid" Untrusted "The checkpoint bears a line of a witness that trust knows, and it does not hold.";
    LOG_LINE_UNKNOWN "log-line-unknown" Note "A checkpoint of the log bears a line of a key that no trust document at hand names as the log's or a witness's: it proves nothing.";
    WITNESS_UNREACHABLE "witness-unreachable" Note "A witness could not be asked, or did not answer as one does.";
    WITNESS_REFUSED "witness-refused" Note "A witness did not cosign: it does not know the log or its key.";
    LOG_END_UNPROVEN "log-end-unproven" Note "No checkpoint from elsewhere shows how far the log had come, so entries at its end could be missing.";
    LOG_TIME_REVERSED "log-time-reversed" Untrusted "An entry's time lies before that of an earlier entry.";
    ROLLBACK_UNDETECTABLE "rollback-undetectable" Indeterminate "No least checkpoint was given from outside, so a rewound log would not be noticed.";
    TIME_BEFORE_LOG "time-before-log" Refused "The decision's time lies before the log's newest entry.";
    TIME_UNBRACKETED "time-unbracketed" Indeterminate "Trust wants a timestamp near the decision for this environment, and there is none.";
    LOG_ORIGIN_MISMATCH "log-origin-mismatch" Untrusted "The log's origin is not one that trust knows.";

    // Evidence as a whole.
    EVIDENCE_INDEX_MISSING "evidence-index-missing" Indeterminate "Nothing says what evidence there was, so withheld evidence would not be noticed.";
    EVIDENCE_ALTERED "evidence-altered" Untrusted "What the store has under a digest is something else.";
    EVIDENCE_LEFTOVER "evidence-leftover" Note "A file in the evidence store is no piece of evidence: a write that was killed left it, or is at work. It is left where it is.";
    EVIDENCE_UNREFERENCED "evidence-unreferenced" Note "The store has a piece of evidence that nothing in the log names. It is left where it is.";
    ERASURE_MALFORMED "erasure-malformed" Untrusted "An entry that says that evidence was erased does not hold, or nobody who may erase signed it.";
    ERASURE_FORBIDDEN "erasure-forbidden" Refused "This piece of evidence cannot be erased: the log could not be read without it, or the log does not name it.";
    ATTACHMENT_MISSING "attachment-missing" Indeterminate "No bundle is attached to the image in the registry.";
    ERASURE_UNDONE "erasure-undone" Refused "Evidence that the log says is erased is still in the store.";
    EVIDENCE_WITHHELD "evidence-withheld" Indeterminate "Evidence that the gate saw is not among what was handed in.";

    // Build.
    PROVENANCE_MISSING "provenance-missing" Indeterminate "There is no provenance for this artifact that trust accepts.";
    PROVENANCE_MALFORMED "provenance-malformed" Untrusted "The provenance is not SLSA provenance v1, or lacks a required field.";
    BUILDER_UNKNOWN "builder-unknown" Note "Trust does not know this pair of signer and builder.id: it counts as SLSA Build L1 at most.";
    BUILDER_LEVEL "builder-level" Refused "The builder reaches a lower SLSA Build level than is asked for.";
    BUILD_TYPE_UNKNOWN "build-type-unknown" Refused "The provenance's build type is not one that the policy accepts.";
    EXTERNAL_PARAMETER_UNKNOWN "external-parameter-unknown" Refused "The provenance has an external parameter that its build type does not define.";
    PROVENANCE_BUILDER "provenance-builder" Refused "The builder.id, together with whoever signed for it, is none that is expected.";
    PROVENANCE_SOURCE "provenance-source" Refused "The provenance names another repository or commit than is expected, or none.";
    PROVENANCE_REF "provenance-ref" Refused "The provenance names another branch, tag or version than is expected, or none.";
    PROVENANCE_TAG_TOLD "provenance-tag-told" Note "The tag that is expected stands in Cloud Build's older provenance alone, among what whoever starts a build by hand may tell it, and no newer form of that build says the same.";
    PROVENANCE_BUILD_TYPE "provenance-build-type" Refused "The provenance is of another build type than is expected.";
    PROVENANCE_PARAMETER "provenance-parameter" Refused "A parameter or an input of the build has another value than is expected, or is not there.";
    PROVENANCE_PACKAGE "provenance-package" Refused "The attestation is about another package, version or file name than is expected.";
    PROVENANCE_CONTRADICTS "provenance-contradicts" Untrusted "The provenance says two things that cannot both be, or another thing than the certificate or the form that it came in.";
    DEPENDENCY_UNVERIFIED "dependency-unverified" Refused "A dependency has no verification summary that counts, or one of too low a level.";
    EXPECTATIONS_MALFORMED "expectations-malformed" Refused "The file of expectations is not of its form, or contradicts itself.";
    VSA_MALFORMED "vsa-malformed" Untrusted "The verification summary is not of its form, or contradicts itself.";
    VSA_VERIFIER "vsa-verifier" Untrusted "The verification summary is of a verifier that nobody named, or of one whose signer is another.";
    VSA_REFUSED "vsa-refused" Refused "The verification summary says FAILED, or shows a lower level than is asked for.";
    VSA_RESOURCE "vsa-resource" Refused "The verification summary is for another resource than is expected.";
    VSA_POLICY "vsa-policy" Refused "The verification summary was made by a policy that is not expected, or does not say by which.";
    VSA_AGE "vsa-age" Refused "The verification summary is older than is allowed, or of a time to come.";
    VSA_INPUT_MISSING "vsa-input-missing" Indeterminate "An attestation that the verification summary rests on was not handed in, or the summary names none.";
    SOURCE_DIRTY "source-dirty" Refused "The provenance says that the tree had changes that were not committed.";
    SOURCE_MISSING "source-missing" Indeterminate "The provenance names no source commit.";
    SOURCE_MISMATCH "source-mismatch" Refused "The provenance names another commit than the one whose history was checked.";
    ARTIFACT_SOURCE_LINK_UNPROVEN "artifact-source-link-unproven" Note "At SLSA Build L1 whoever builds can name any commit: the link from artifact to source is the builder's word.";
    SBOM_MISSING "sbom-missing" Indeterminate "There is no SBOM for this artifact that trust accepts.";
    SBOM_MALFORMED "sbom-malformed" Untrusted "The SBOM is not a CycloneDX document.";
    SBOM_INCOMPLETE "sbom-incomplete" Refused "The SBOM does not list what it must: a component without version or identity, or a missing dependency graph.";
    SBOM_DISAGREES "sbom-disagrees" Refused "The SBOM and the provenance do not name the same dependencies.";
    SBOM_NOT_BUILT "sbom-not-built" Refused "What the SBOM lists is not what the binary, or the build, says that it was made of.";
    SBOM_PACKAGE_YANKED "sbom-package-yanked" Note "A package was taken back (yanked) by whoever published it, as far as Cargo's copy of the registry's index knows; what is locked is built all the same.";
    SBOM_PACKAGE_DIRTY "sbom-package-dirty" Note "A package was packed from files that differ from the commit that it names: the commit does not show its source.";
    SBOM_UNBOUND "sbom-unbound" Note "The SBOM does not say by a SHA-256 which file it describes; only the signed statement does.";
    SBOM_FORMAT "sbom-format" Untrusted "The bytes are no SBOM that is read: CycloneDX 1.2 to 1.7 or SPDX 2.3 or 3.0, as JSON with no key given twice, within the bounds.";
    SBOM_INVALID "sbom-invalid" Untrusted "The SBOM does not hold to the published schema of its format, or names one thing twice.";
    SBOM_VALUE "sbom-value" Untrusted "The SBOM holds to its schema, but a value in it is not what the text of SPDX 2.3 asks for: a checksum of another length, a supplier that is no person and no organization, what is no licence expression, a licence of the document's own that it does not have, or what is no time or no identifier.";
    SBOM_SPELLING "sbom-spelling" Note "The SBOM holds to its schema, and a value in it is not written as the text of SPDX 2.3 has it, though it can be taken for one thing alone: a time with a fraction of a second, an identifier (SPDXID) with other characters than letters, digits, `-` and `.`, or a declared licence that is no licence expression and is taken for its name. It is taken as it is.";
    SBOM_LICENCE_UNLISTED "sbom-licence-unlisted" Note "Licences in the SBOM have identifiers that are on no list of licences that is known: they may be of a newer list.";
    SBOM_DANGLING "sbom-dangling" Note "A dependency, composition, vulnerability or annotation in the SBOM names something that it does not list.";
    SBOM_CIRCLE "sbom-circle" Note "Components of the SBOM depend on each other in a circle.";
    SBOM_HIDDEN_TEXT "sbom-hidden-text" Note "A name in the SBOM has control characters, markup or signs that change the direction of reading. It is shown with them written out.";
    SBOM_ELEMENT_MISSING "sbom-element-missing" Refused "The SBOM does not say what a profile asks of it.";
    SBOM_FOREIGN "sbom-foreign" Note "Another tool made the SBOM. It was taken as it is: nobody held it against what was built.";
    SBOM_PARTIAL "sbom-partial" Note "The SBOM cannot say everything: what it was made from does not hold it.";
    VULNERABILITIES_UNDECIDED "vulnerabilities-undecided" Indeterminate "The SBOM cannot be held against the database of advisories: it names nothing that advisories name, the database has nothing for an ecosystem, or a record cannot be read.";
    PACKAGES_MALFORMED "packages-malformed" Untrusted "A lock file, wheel or binary is not of the form that its package manager or compiler writes, or contradicts itself.";
    LICENCE_REFUSED "licence-refused" Refused "A component's licence is not one that the policy allows.";
    LICENCE_UNKNOWN "licence-unknown" Indeterminate "A component declares no licence, or one that is no SPDX expression.";
    TESTS_MISSING "tests-missing" Indeterminate "No result of tests is about the artifact or its commit, a suite did not run, or too few tests are named as passed.";
    TESTS_FAILED "tests-failed" Refused "Tests of this artifact or of its commit failed. A failure that an earlier decision lists still counts.";
    TESTS_MALFORMED "tests-malformed" Indeterminate "A result of tests does not have the shape of in-toto's predicate.";
    SCAN_MISSING "scan-missing" Indeterminate "No scan for vulnerabilities, or none by a scanner that is asked for, is about this artifact.";
    SCAN_STALE "scan-stale" Indeterminate "The database of the scan is older than the policy allows, or of a time after the decision.";
    SCAN_MALFORMED "scan-malformed" Indeterminate "A scan for vulnerabilities does not have the shape of in-toto's predicate, or exceeds a bound.";
    VEX_MALFORMED "vex-malformed" Indeterminate "What people signed about vulnerabilities is no OpenVEX document.";
    VULNERABILITY_EXPLOITED "vulnerability-exploited" Refused "A vulnerability that attackers are known to use is in the artifact, and too few persons of trust say that it does no harm here.";
    VULNERABILITY_OVERDUE "vulnerability-overdue" Refused "A vulnerability is in the artifact for longer than the policy allows for its severity, and too few persons of trust say that it does no harm here.";
    VULNERABILITY_OPEN "vulnerability-open" Note "A vulnerability is in the artifact, and may still be for a while.";
    VULNERABILITY_CLEARED "vulnerability-cleared" Note "Persons of trust say with a reason that a vulnerability does no harm in this artifact.";
    HERMETIC_UNPROVEN "hermetic-unproven" Refused "The build is said, or has, to be hermetic, and that was not enforced in a way that counts.";
    DEPENDENCIES_UNKNOWN "dependencies-unknown" Indeterminate "The provenance names no dependency and no lock file: what the build resolved is not known.";
    DEPENDENCY_UNPINNED "dependency-unpinned" Refused "A dependency has no checksum.";

    // What files and plans say.
    SNAPSHOT_MISSING "snapshot-missing" Indeterminate "There is no snapshot of what the files say that is about the repository and the commit that the provenance names: `countersign collect snapshot` writes one, to be signed and handed in.";
    SNAPSHOT_MALFORMED "snapshot-malformed" Untrusted "The signed snapshot is not of its form.";
    SNAPSHOT_INCOMPLETE "snapshot-incomplete" Indeterminate "The snapshot names a file that may hold what the rule looks at and that was not read: a template, a link, a file that does not parse.";
    IMAGE_REGISTRY "image-registry" Refused "An image comes from a registry, or a folder of one, that is not approved. Hosts and paths are compared part by part, never by how they begin.";
    IMAGE_UNPINNED "image-unpinned" Refused "An image is not named by what the policy asks for: a digest, or a tag other than `latest`.";
    IMAGE_UNKNOWN "image-unknown" Indeterminate "An image, or what looks like one, depends on what the file does not give: a variable, a template. Unknown is not approved.";
    CONNECTION_PLAIN "connection-plain" Refused "A connection to a database is not encrypted, or is not where the other side does not want it.";
    CONNECTION_UNKNOWN "connection-unknown" Indeterminate "The file does not say whether a connection to a database is encrypted, and drivers differ in what they do then.";
    PLAN_MISSING "plan-missing" Indeterminate "There is no plan that is about the repository and the commit that the provenance names: `countersign collect plan` writes what it does, to be signed and handed in.";
    PLAN_MALFORMED "plan-malformed" Untrusted "The plan is not what `terraform show -json` writes, or the signed statement of it is not of its form.";
    PLAN_INCOMPLETE "plan-incomplete" Indeterminate "The plan does not cover everything, or does not say that it does: planning failed, something was put off, or only some targets were planned.";
    DATABASE_PLAIN "database-plain" Refused "The plan leaves or makes a database that takes connections without encryption.";
    DATABASE_UNKNOWN "database-unknown" Indeterminate "The plan does not say whether a database takes encrypted connections only: the value is known only after it is applied, or stands elsewhere.";
    AUDIT_LOG_REMOVED "audit-log-removed" Refused "The plan deletes an audit log, or deletes it and makes another.";
    AUDIT_LOG_WEAKENED "audit-log-weakened" Refused "The plan leaves or makes an audit log that is switched off, leaves entries out, or keeps them for less time.";
    AUDIT_LOG_UNKNOWN "audit-log-unknown" Indeterminate "What the plan does to an audit log is not known: the value is known only after it is applied, or the action is not one that this version knows.";
    LET_PASS "let-pass" Note "Something is not known or was not read, and the policy's parameters let it pass.";

    // Review.
    HISTORY_MISSING "history-missing" Indeterminate "There is no git evidence for the release.";
    HISTORY_MALFORMED "history-malformed" Untrusted "The git evidence does not parse, or an object is not what its name says.";
    TAG_MOVED "tag-moved" Refused "A tag that a signed statement or an earlier decision bound to a commit names another object now.";
    TAG_MISSING "tag-missing" Indeterminate "A tag that a signed statement or an earlier decision bound to a commit is not in the repository: it was deleted, or not fetched.";
    HISTORY_COLLISION "history-collision" Untrusted "An object carries the marks of a SHA-1 collision.";
    HISTORY_SHALLOW "history-shallow" Indeterminate "The repository is a shallow clone: history is missing.";
    HISTORY_REPLACED "history-replaced" Refused "The repository has replace refs or grafts: what git shows is not what was committed.";
    HISTORY_OBJECT_MISSING "history-object-missing" Indeterminate "A git object that the proof needs is not in the evidence.";
    HISTORY_REWRITTEN "history-rewritten" Refused "The last promoted revision is not an ancestor of the candidate.";
    START_UNSET "start-unset" Note "A source of the policy names no commit at which its history begins, which the first promotion needs.";
    START_UNKNOWN "start-unknown" Indeterminate "Nothing was promoted before, and the policy release configures no start revision; or a decision before cannot be read.";
    RANGE_EMPTY "range-empty" Indeterminate "There is no commit between the last promoted revision and the candidate.";
    REVIEW_MISSING "review-missing" Refused "A change does not have the agreement of enough trusted persons.";
    REVIEW_REJECTED "review-rejected" Refused "A trusted person rejected the change, and has not settled that since.";
    REVIEW_NOT_COUNTED "review-not-counted" Note "A review was handed in but does not count; the reason is with it.";
    FOREIGN_NOT_COUNTED "foreign-not-counted" Note "What another tool recorded of a change was asked for and does not count; the reason is with it.";
    REVIEW_TIME_UNKNOWN "review-time-unknown" Indeterminate "Nothing shows that the review was made before the change landed, and the policy asks for that.";
    LISTING_MISMATCH "listing-mismatch" Untrusted "The approved head's files are not those that the reviewer signed.";
    MERGE_TREE_MISMATCH "merge-tree-mismatch" Refused "A merge landed another tree than the merge of what was approved.";
    SQUASH_TREE_MISMATCH "squash-tree-mismatch" Refused "A commit landed without review, and no approved change squashes to its tree.";
    REBASE_MISMATCH "rebase-mismatch" Refused "A rebase dropped, reordered or altered commits of what was approved.";
    TREE_UNPROVEN "tree-unproven" Indeterminate "The merge cannot be proved by the published merge rule: conflicts, renames or ambiguous text.";
    MERGE_ATTRIBUTE "merge-attribute" Indeterminate "The tree's own attributes set how a merged path is merged, which the proof does not follow.";
    MERGE_BASES "merge-bases" Indeterminate "The two sides have no merge base, or several.";
    BASE_DRIFT "base-drift" Refused "The base moved after the review, and the policy asks for the review to be made again.";
    REVIEW_TIER "review-tier" Refused "The review's evidence is of a lower tier than the policy asks for.";
    REVIEWER_GONE "reviewer-gone" Indeterminate "An approval that is needed is of an account that nobody can name any more, or whose kind or permission is not known.";
    FORGE_COLLECTOR "forge-collector" Untrusted "The forge evidence was signed by somebody whom trust does not believe about that forge.";
    FORGE_CAPTURE_MISSING "forge-capture-missing" Indeterminate "The forge's own answers, on which a collector's statement rests, are not in the evidence.";
    FORGE_CAPTURE_DIFFERS "forge-capture-differs" Untrusted "Read again, the forge's answers amount to something else than the collector signed.";
    FORGE_SHORTFALL "forge-shortfall" Indeterminate "The collector could not read a part of what the forge knows of a change that the proof rests on.";
    WATCH_JOURNAL "watch-journal" Untrusted "A record of a watcher's journal, or a delivery that it names, was altered, taken out or put in, or is not the collector's.";
    RULES_BYPASSED "rules-bypassed" Refused "Somebody went past the branch's rules when the change landed.";
    RULES_NOT_ENFORCED "rules-not-enforced" Refused "The branch's rules only watch, ask for no approval, or let some go past them.";
    RULES_CHANGED "rules-changed" Refused "The branch's rules were changed after the change landed, so those that were in force then are not known.";
    RULES_UNKNOWN "rules-unknown" Indeterminate "The branch's rules, or how they came out, are not known. Unknown is not enforced.";
    ROBOT_BEYOND "robot-beyond" Note "A robot's change goes beyond its standing exception, so it is reviewed like any other.";
    AUTHOR_UNKNOWN "author-unknown" Note "An author of the change is not known by a signature or a server's event, so one approval more is needed.";
    HIDDEN_CONTENT "hidden-content" Note "The change holds something that a diff does not show.";
    HIDDEN_CONTENT_REFUSED "hidden-content-refused" Refused "The change holds something that a diff does not show, of a kind that the policy refuses.";

    // Secrets.
    SECRET_FOUND "secret-found" Refused "A scan found a secret in the revision, or in its history. Revoke it first: whoever has the repository has it.";
    SECRET_WATCHED "secret-watched" Note "A scan found what may be a secret, by a rule that only watches.";
    SECRET_ALLOWED "secret-allowed" Note "A scan found a secret that somebody allows, with a reason.";
    SECRET_SCAN_MISSING "secret-scan-missing" Indeterminate "No scan for secrets that trust accepts is about the commit that the provenance names.";
    SECRET_SCAN_PARTIAL "secret-scan-partial" Indeterminate "The scan for secrets did not look into all that is asked for.";
    SECRET_SCAN_RULES "secret-scan-rules" Indeterminate "The scan for secrets went by a rule set that the policy does not accept.";
    SECRET_SCAN_MALFORMED "secret-scan-malformed" Untrusted "The statement is no scan for secrets, or contradicts itself.";

    // The Source level of a revision.
    VERIFIER_UNKNOWN "verifier-unknown" Untrusted "Trust does not let this key say which Source level a revision of this repository has reached.";
    PREVIOUS_MISMATCH "previous-mismatch" Refused "The earlier source statement is about another repository, branch, start or policy, did not pass, or lacks its other half: nothing can go on from it.";
    PREVIOUS_NOT_ANCESTOR "previous-not-ancestor" Refused "The revision of the earlier source statement is not an ancestor of the candidate: the branch was rewritten since.";
    PREFIX_PROVED_AGAIN "prefix-proved-again" Note "What an earlier source statement covers was proved again in whole; the reason is with it.";

    // Decisions and packages.
    DECISION_MISSING "decision-missing" Indeterminate "The log has no decision for this artifact and environment.";
    DECISION_REFUSED "decision-refused" Refused "The newest decision for this artifact and environment did not authorise it.";
    DECISION_NOT_CURRENT "decision-not-current" Refused "The decision was made under a policy release that is no longer the active one.";
    DECISION_OTHER_WORDS "decision-other-words" Note "A decision was recorded by another version of countersign. Run again it comes out the same, in other words.";
    DECISION_DIFFERS "decision-differs" Untrusted "Run again on the stored evidence, the decision comes out otherwise.";
    DECISION_UNRECORDED "decision-unrecorded" Untrusted "A gate signed a decision or a summary that passes, it lies among the evidence, and no entry of the log records it.";
    DECISION_UNENFORCED "decision-unenforced" Note "The gate is not enforced for this environment: the verdict is as if it were.";
    WOULD_REFUSE "would-refuse" Note "A stricter environment would refuse this artifact today.";
    PACKAGE_MALFORMED "package-malformed" Untrusted "The audit package is not in the one form that we write; the first differing byte is named.";
    PACKAGE_FILE_ALTERED "package-file-altered" Untrusted "A file of the audit package is not what its name or index says.";
    PACKAGE_EVIDENCE_MISSING "package-evidence-missing" Indeterminate "The package lacks evidence that an entry names.";
    PACKAGE_OTHER_VERSION "package-other-version" Indeterminate "The package says that another version of countersign made its lists and its page, so they cannot be made again and compared here.";
    PACKAGE_SCOPED "package-scoped" Note "The audit package was made for a part of the record: what lies beyond it is counted and not proved.";
    DECISIONS_NOT_RUN "decisions-not-run" Indeterminate "Decisions were not run again: a first look was asked for, or their raw evidence is not in the package.";
    AUDIT_EVIDENCE_ABSENT "audit-evidence-absent" Indeterminate "A question of the auditor's needs evidence that nobody collected, or that was not given.";
    AUDIT_DEVIATION "audit-deviation" Refused "Something in the record is what an auditor lists as an exception.";
    AUDIT_FACTS_MALFORMED "audit-facts-malformed" Untrusted "Facts that an auditor kept are not of the form that is written, were cut or altered, or do not fit the package that they name.";
    AUDIT_FACTS_MISMATCH "audit-facts-mismatch" Untrusted "Facts that an auditor kept are of another package, or were kept with another trust document, digest or checkpoint than is given here; or they are not those that were named by digest.";
    AUDIT_FACTS_OTHER_VERSION "audit-facts-other-version" Indeterminate "Another version of countersign kept the facts: verify the package again with this one.";
    AUDIT_FACTS_USED "audit-facts-used" Note "The answer rests on facts that a verification of the package kept, and not on reading its decisions again: it is worth what that verification and the disk that the facts lay on are worth.";
    AUDIT_UNRECONCILED "audit-unreconciled" Refused "Two independent sources of completeness do not agree: something is missing in one of them.";
    INTERNAL_CONSISTENCY_ONLY "internal-consistency-only" Indeterminate "No trust was given from outside: only the package's inner consistency was checked.";
    ENGINE_UNKNOWN "engine-unknown" Indeterminate "The decision was made by an engine that this version does not have.";
}

/// The registered code with this text.
#[must_use]
pub fn find(text: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.code.0 == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_kebab_case_and_stands_once() {
        let texts: BTreeSet<&str> = ALL.iter().map(|e| e.code.0).collect();
        assert_eq!(texts.len(), ALL.len());
        for text in texts {
            assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{text}");
        }
    }
}
