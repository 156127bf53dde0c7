//! One next action for every code that is more than a note: what a person reads where a finding brings no help of its own,
//! and what `countersign explain CODE` ends with.

use countersign_core::finding::{Class, Finding};

/// What to do about a finding: its own help, which knows the facts, or what its code says in general. Notes may have none.
#[must_use]
pub fn action(finding: &Finding) -> Option<String> {
    if finding.help.is_some() || finding.class == Class::Note {
        return finding.help.clone();
    }
    let code = finding.code.as_str();
    Some(general(code).map_or_else(|| format!("countersign explain {code}"), str::to_owned))
}

/// What to do about a code in general.
#[must_use]
pub fn general(code: &str) -> Option<&'static str> {
    GENERAL.iter().find(|(codes, _)| codes.contains(&code)).map(|(_, action)| *action)
}

const GENERAL: &[(&[&str], &str)] = &[
    (
        &["bundle-malformed", "envelope-signatures", "payload-type", "statement-malformed", "signature-invalid"],
        "get the file again from where it was signed; if it is still so, have it signed again with `countersign sign`",
    ),
    (
        &["signer-unknown", "signer-not-allowed"],
        "`countersign trust show` says who may sign what: sign with such a key, or change trust",
    ),
    (&["key-not-valid"], "sign again with a key that counts; `countersign trust show` lists them with their limits"),
    (&["subject-mismatch"], "hand in the bundles of this very file, or the file that the bundles are about"),
    (
        &["audit-facts-malformed", "audit-facts-mismatch", "audit-facts-other-version"],
        "keep them anew with `countersign audit verify FILE --facts-output FACTS`, or ask without --facts",
    ),
    (&["layout-blob-missing"], "copy the layout whole, with every blob that its index names, and verify it again"),
    (&["artifact-link"], "name the file itself that the link leads to, or give the digest as sha256:…"),
    (&["artifact-changed"], "have it written to its end first, and verify it again"),
    (
        &["identity-unanchored"],
        "write the pattern over the whole name: a regular expression from ^ to $, or a glob with host and owner written out",
    ),
    (
        &["transparency-missing"],
        "hand in the bundle with its log entry; where the key is meant to do without, say `transparency = \"none\"` for it in trust",
    ),
    (&["signers-too-few"], "have others sign as well, and hand in their attestations"),
    (&["check-left-out"], "leave the --danger option out: what it lets through is never a pass"),
    (
        &["provenance-builder"],
        "name the builder with --builder-id; where a key or another identity signs for it, in a file of expectations (--expect) together with that",
    ),
    (
        &["provenance-source", "provenance-ref", "provenance-build-type", "provenance-parameter", "provenance-package"],
        "get the artifact that was built from what you expect, or correct what you expect",
    ),
    (
        &["provenance-contradicts"],
        "get the provenance again from its builder; if it is still so, do not use the artifact",
    ),
    (&["dependency-unverified"], "hand in the dependency's verification summary with --dependency, or have one made"),
    (&["expectations-malformed"], "docs/attestations.md has the form of the file with examples"),
    (
        &["vsa-malformed", "vsa-verifier", "vsa-refused", "vsa-resource", "vsa-policy"],
        "get the summary from the verifier that you expect, for this resource and policy",
    ),
    (&["vsa-age"], "have the artifact verified again, and hand in the newer summary"),
    (&["vsa-input-missing"], "hand in the attestations that the summary names, with --bundle"),
    (&["predicate-unknown"], "use a version of countersign that knows this kind of statement, or leave it out"),
    (&["predicate-mismatch"], "hand in a statement of the kind that is asked for"),
    (&["no-statements"], "hand in signed statements with --bundle"),
    (
        &["sigstore-root-malformed", "sigstore-root-stale"],
        "get the Sigstore trusted root anew, name its digest in trust.toml, and have trust signed again",
    ),
    (
        &["tuf-invalid", "tuf-expired"],
        "ask the repository again over another way; if it stays so, tell the instance's operators, and keep the root that you have",
    ),
    (
        &["sigstore-root-missing"],
        "hand in the Sigstore trusted root that trust names beside the bundles, with --bundle",
    ),
    (
        &["sigstore-unsupported"],
        "sign with a key or certificate of a kind that docs/sigstore.md lists, or use a version that knows this one",
    ),
    (
        &[
            "certificate-invalid",
            "sct-invalid",
            "inclusion-proof-invalid",
            "inclusion-promise-invalid",
            "checkpoint-invalid",
            "logged-entry-mismatch",
            "timestamp-invalid",
            "timestamp-missing",
        ],
        "get the bundle again from where it was signed, and the trusted root of that instance; if both are right, sign again",
    ),
    (
        &["identity-mismatch"],
        "`countersign trust show` lists the identities: sign as one of them, or add this one to trust if it is right",
    ),
    (&["identity-ambiguous"], "write the identities in trust.toml so that a certificate fits one owner alone"),
    (
        &["reviewer-gone"],
        "ask a reviewer who is still there to approve, or to run `countersign review sign`: a signature outlives an account",
    ),
    (
        &["forge-collector"],
        "collect with a key that trust names as a collector for that forge: `countersign trust show`",
    ),
    (&["forge-capture-missing"], "hand in the capture that `countersign review collect` wrote beside its statement"),
    (&["forge-capture-differs"], "collect again: `countersign review collect`; if it differs again, have it looked at"),
    (
        &["forge-shortfall", "rules-unknown"],
        "give the token the permission that is named, and run `countersign review collect` again",
    ),
    (&["watch-journal"], "restore the watcher's journal from a copy; without one, what it saw counts as T1 at most"),
    (&["rules-bypassed", "rules-changed"], "have what landed reviewed itself: `countersign review sign COMMIT`"),
    (
        &["rules-not-enforced"],
        "let the branch's rules ask for approvals of everybody, or ask for signed reviews: `countersign review sign`",
    ),
    (
        &["hidden-content-refused"],
        "take it out of the change, or show it plainly; `hidden_content` of the rule in policy.toml says what is refused",
    ),
    (&["verifier-unknown"], "verify with a key that trust names as a verifier of this repository's source"),
    (
        &["previous-mismatch"],
        "name the statement and provenance of this branch's last verified revision, or leave --previous out",
    ),
    (
        &["previous-not-ancestor"],
        "leave --previous out: the whole range is proved again; find out who rewrote the branch",
    ),
    (
        &["licence-refused"],
        "use another package, or have `allow` or `accepted` of licences-allowed@1 widened in policy.toml",
    ),
    (
        &["licence-unknown"],
        "look into the package, and name its package URL under `accepted` of licences-allowed@1 in policy.toml",
    ),
    (
        &["tests-missing", "tests-malformed"],
        "`countersign collect tests` makes a result of a JUnit report; sign it, and hand it in with --bundle",
    ),
    (&["tests-failed"], "mend what fails and build again: a failed run stays with its revision"),
    (
        &["scan-missing", "scan-stale", "scan-malformed"],
        "scan the artifact with a database of today, sign the result, and hand it in with --bundle",
    ),
    (&["vex-malformed"], "write the OpenVEX document again, and have it signed again"),
    (
        &["vulnerability-exploited", "vulnerability-overdue"],
        "take a version of the package without it, or have persons of trust sign an OpenVEX statement about this artifact",
    ),
    (
        &["hermetic-unproven"],
        "build with `countersign provenance --hermetic -- COMMAND` on a builder of the level that is asked for",
    ),
    (&["backtest-empty"], "name decisions that are there: --since, --environment; `countersign log show` lists them"),
    (&["backtest-changed"], "look at what the report names; change the release, or accept it and leave --fail-on out"),
    (&["backtest-report"], "make it again for this release: `countersign policy backtest NEW --output FILE`"),
    (&["backtest-missing"], "hand in the report that the approvals name with --backtest"),
    (
        &["control-unknown"],
        "`countersign controls list` shows all ids; catalogues of your own lie in catalogues/NAME.toml",
    ),
    (
        &["catalogue-malformed"],
        "mend the catalogue at the place that is named, and run `countersign policy lint` again",
    ),
    (
        &["manual-evidence"],
        "write it again: `countersign evidence add manual`, signed by the person that it names as owner",
    ),
    (
        &["snapshot-missing", "snapshot-malformed", "image-unknown", "connection-unknown"],
        "`countersign collect snapshot` of the commit that was built; sign it, and hand it in with --bundle",
    ),
    (
        &["snapshot-incomplete"],
        "mend the file that is named, or hand in what the templates become: `countersign collect snapshot --rendered`",
    ),
    (&["image-registry"], "take the image from an approved registry, at the line that is named"),
    (&["image-unpinned"], "name the image by its digest, at the line that is named"),
    (&["connection-plain"], "ask for encryption where the connection is set, at the line that is named"),
    (
        &["plan-missing", "plan-malformed", "plan-incomplete", "database-unknown", "audit-log-unknown"],
        "plan again as a whole, and `countersign collect plan` what `terraform show -json` writes; sign it, hand it in",
    ),
    (&["database-plain"], "let the database take encrypted connections only, and plan again"),
    (&["audit-log-removed", "audit-log-weakened"], "leave the audit log as it is, and plan again"),
    (&["trust-malformed"], "mend trust.toml, and have it signed again with `countersign trust sign`"),
    (&["trust-digest-not-given"], "give the digest that was kept outside with --trust-digest"),
    (
        &["trust-digest-mismatch"],
        "get the trust document with that digest; after a change of trust, take over its new digest: `countersign trust digest`",
    ),
    (&["trust-quorum"], "ask one more of them to run `countersign trust sign`"),
    (&["trust-expired"], "write the next version of trust.toml, and have it signed with `countersign trust sign`"),
    (&["trust-not-yet-valid"], "use the trust document that is valid now, or set this machine's clock"),
    (&["key-shared"], "give each of them a key of their own in trust.toml"),
    (&["environment-unknown"], "name one of the environments above, or add this one to trust.toml and to policy.toml"),
    (&["gate-unknown"], "decide with a key that trust has for a gate of this environment: `countersign trust show`"),
    (&["log-key-unknown"], "give the log's key with --log-key; `countersign trust show` lists the keys of logs"),
    (&["role-unknown"], "add the role to trust.toml, and have it signed with `countersign trust sign`"),
    (&["policy-missing"], "mend trust, log and activation first: what is said of them above comes before any rule"),
    (&["policy-malformed"], "build it again: `countersign policy build DIR --output policy.manifest.json`"),
    (&["policy-empty"], "enforce at least one rule for this environment in policy.toml, and release it again"),
    (&["policy-rule-unknown"], "use a rule that `countersign explain rules` lists, or a version that has this one"),
    (&["policy-unapproved"], "ask one more approver to run `countersign policy approve`"),
    (
        &["secret-found"],
        "revoke it where it was issued, take it out, and scan again; what is none is allowed beside it, with a reason",
    ),
    (
        &["secret-scan-missing", "secret-scan-partial", "secret-scan-rules", "secret-scan-malformed"],
        "`countersign collect secrets --revision COMMIT --output FILE`, have a collector sign it, and hand it in with --bundle",
    ),
    (&["rule-broken"], "mend what the rule names; its owner is said below"),
    (
        &["rule-error"],
        "`countersign policy lint` and `policy test` on the release's folder show what is wrong with the rule",
    ),
    (&["rule-input-missing"], "hand in evidence of this kind with --bundle, or run the gate where the repository is"),
    (&["rule-source"], "mend the place that is shown, and run `countersign policy lint` again"),
    (&["rule-path"], "read a path that the input has: docs/policy-input.md lists them all"),
    (&["rule-function"], "write it with a function that rules may call: docs/rego.md lists them"),
    (&["rule-regex"], "say exactly which characters are meant, from `^` to `$`"),
    (&["rule-unused"], "name the rule in policy.toml, or take its folder out"),
    (&["rule-untested"], "write a case under the rule's `cases/` folder"),
    (&["rule-case"], "mend the rule or the case; `countersign policy test --bless` takes what the rule says now"),
    (&["rule-coverage"], "write a case that gets to the conditions that are shown"),
    (&["rule-condition-untested"], "write a case in which this condition alone decides"),
    (&["policy-docs-stale"], "make them again: `countersign policy docs`"),
    (
        &["rollout-unearned"],
        "`countersign policy stages` shows how far the measurement has come; two approvers may override it with a reason",
    ),
    (
        &["rollout-override"],
        "have two approvers who did not write the rule sign one --activation file, with a --reason",
    ),
    (&["rollout-dropped"], "keep the rule until its successor stands as high in policy.toml"),
    (&["adjudication-unagreed"], "have two approvers sign the same with `countersign policy adjudicate`"),
    (&["rule-sunset", "policy-sunset"], "release and activate a version of the policy that does without it"),
    (&["policy-expired", "policy-not-yet-valid"], "release and activate a version of the policy whose dates hold now"),
    (&["policy-not-active"], "`countersign policy activate` makes an approved release the active one"),
    (
        &["policy-rollback"],
        "activate the newest release; to go back on purpose, give --reason, and --activation for a second approver",
    ),
    (
        &["activation-replayed"],
        "start a new --activation file, and have each approver sign that with `countersign policy activate`",
    ),
    (
        &["activation-other-log"],
        "have the release activated in this log: `countersign policy activate` with its --store, and a new --activation file",
    ),
    (
        &["policy-authors"],
        "name who wrote what changed as `authors = [\"…\"]` in policy.toml, by their ids in trust, build it, and have it approved again",
    ),
    (&["policy-version-reused"], "raise `version` in policy.toml, build it, and have it approved again"),
    (&["policy-below-floor"], "raise the rule in policy.toml and release it again; floors are changed in trust alone"),
    (&["policy-other-lineage"], "release under the uri and lineage of the active release"),
    (&["policy-other-repository"], "add the repository to `sources` in policy.toml, or promote under its own policy"),
    (&["pin-missing"], "`countersign policy activate` writes countersign.lock; commit it with the service"),
    (&["pin-mismatch"], "if the active release is the one you mean, take over its countersign.lock"),
    (&["path-unsafe"], "put a plain file into the policy's folder instead"),
    (&["parameter-invalid"], "`countersign explain RULE` lists a rule's parameters; correct them in policy.toml"),
    (&["log-missing"], "name the store with --store; `countersign log init` makes a new log, and nothing else does"),
    (
        &[
            "log-checkpoint-invalid",
            "log-root-mismatch",
            "log-tile-mismatch",
            "log-entry-malformed",
            "log-time-reversed",
        ],
        "`countersign log verify` names what was altered: restore it from a copy",
    ),
    (&["record-later"], "get the later version that wrote the record, and run this again with it"),
    (
        &["log-rolled-back", "log-forked"],
        "restore the newest copy of the store; somebody has put back, or replaced, what the log held",
    ),
    (
        &["log-split-view"],
        "stop promoting; compare the checkpoints with whoever holds the other one: the log's key has signed both",
    ),
    (&["policy-tests-differ"], "name the folder that the release was built from, as it was then"),
    (
        &["log-key-lost"],
        "give the checkpoint of the log's end that was kept elsewhere with --least-checkpoint, or ask for one that witnesses cosigned",
    ),
    (
        &["log-shard-invalid"],
        "name the log that was closed with --earlier, whole and as it was when it was closed; of several the newest first",
    ),
    (&["log-closed"], "name the store of the log that its last entry names; `countersign log show` shows it"),
    (
        &["witness-quorum-missing"],
        "run `countersign log witness` until enough witnesses have cosigned; a decision that authorises counts from then on, and any other is made again with `promote`",
    ),
    (
        &["cosignature-invalid"],
        "restore the checkpoint from a copy, or have it cosigned again: `countersign log witness`",
    ),
    (
        &["rollback-undetectable"],
        "give the checkpoint that was kept elsewhere with --least-checkpoint; `countersign log checkpoint` writes one",
    ),
    (&["evidence-altered"], "put back the piece of that digest from a copy; the log says what it has to be"),
    (&["erasure-malformed"], "find out who appended that entry: a policy approver of the time has to have signed it"),
    (
        &["erasure-forbidden"],
        "only evidence that decisions rest on, and evidence by hand, can be erased: `countersign evidence check --list` lists what the log names",
    ),
    (&["attachment-missing"], "attach bundles with `countersign attach`, or look in the registry that has them"),
    (&["erasure-undone"], "run `countersign evidence erase` for that digest again"),
    (&["time-before-log"], "set this machine's clock"),
    (
        &["time-unbracketed"],
        "have witnesses cosign near the decision (`witness_quorum` of the environment in trust), or take time_bracket_minutes out",
    ),
    (&["log-origin-mismatch"], "name the store of a log that trust knows, or add this log to trust"),
    (
        &["evidence-index-missing", "package-evidence-missing"],
        "get the evidence that is missing from the store where the decision was made",
    ),
    (
        &["evidence-withheld"],
        "where the log says that it was erased, it does not come back, and what rests on it stays open; otherwise hand in what is \
         missing, from the store where the decision was made",
    ),
    (&["provenance-missing"], "hand in the build's signed provenance with --bundle: `countersign provenance` makes it"),
    (&["provenance-malformed"], "make the provenance again with `countersign provenance`, and sign it"),
    (
        &["builder-level"],
        "build on a builder that trust gives this level, and hand in its provenance; on its tenant's own machine (claim `runner`) it shows level 2 at most, unless its identity in trust names that claim",
    ),
    (
        &["build-type-unknown"],
        "build in a way that the policy accepts, or change `build_types` of the rule in policy.toml",
    ),
    (
        &["external-parameter-unknown"],
        "build without the parameter; where it is meant, name it with --parameter or --any-parameter, or in what the policy expects",
    ),
    (&["source-dirty"], "commit or remove the changes, and build again"),
    (&["source-missing"], "make the provenance again in the repository, with `countersign provenance`"),
    (&["source-mismatch"], "build from the branch that the policy names, and name its repository with --repo"),
    (&["sbom-missing"], "hand in the build's signed SBOM with --bundle: `countersign sbom` makes it"),
    (&["sbom-malformed", "sbom-incomplete"], "make the SBOM again with `countersign sbom`, and sign it"),
    (&["sbom-format"], "have the tool that made it write CycloneDX 1.2 to 1.7 or SPDX 2.3 or 3.0 as JSON"),
    (
        &["sbom-invalid", "sbom-value"],
        "mend each place that is named where the document is made: in the tool, in its settings, or by another version of the format",
    ),
    (&["sbom-element-missing"], "give the tool that makes the SBOM what only people know, such as supplier and author"),
    (&["vulnerabilities-undecided"], "give a whole export for each ecosystem that the SBOM names, each with --db"),
    (
        &["packages-malformed"],
        "have the package manager write the lock file or install the packages again, or build again",
    ),
    (
        &["sbom-disagrees"],
        "make the SBOM of this very build again: `countersign sbom --artifact FILE`, with the lock file that was built",
    ),
    (
        &["sbom-not-built"],
        "make the SBOM with the compiler, target, features and lock file that were built: `countersign sbom --artifact FILE`",
    ),
    (
        &["dependencies-unknown"],
        "commit a lock file, and build from it: `countersign provenance` then names what the build resolved",
    ),
    (&["dependency-unpinned"], "depend on a registry package with a checksum in Cargo.lock, and build again"),
    (&["history-missing"], "name the repository that the artifact was built from with --repo"),
    (
        &["history-malformed", "history-object-missing", "history-collision"],
        "`git fsck` in the repository says what is wrong; fetch it anew",
    ),
    (&["tag-moved"], "put the tag back where it was; a new revision needs a new tag"),
    (&["tag-missing"], "git fetch --tags; a tag that was deleted has to be put back"),
    (&["history-shallow"], "git fetch --unshallow"),
    (&["history-replaced"], "remove replace refs (`git replace -d`) and `.git/info/grafts`"),
    (&["history-rewritten"], "promote a commit that follows the one that was promoted last"),
    (&["start-unknown"], "set `start` of the source in policy.toml, and release it again"),
    (&["range-empty"], "promote a commit that follows where the range begins"),
    (&["review-missing", "review-time-unknown", "listing-mismatch"], "ask a reviewer to run `countersign review sign`"),
    (&["review-rejected"], "settle it with who rejected it: a later approval of theirs counts"),
    (
        &[
            "merge-tree-mismatch",
            "squash-tree-mismatch",
            "rebase-mismatch",
            "tree-unproven",
            "merge-attribute",
            "merge-bases",
        ],
        "have what landed reviewed itself: `countersign review sign COMMIT`",
    ),
    (&["base-drift"], "have the change reviewed again on the base as it is now: `countersign review sign`"),
    (&["review-tier"], "have it reviewed with a stronger kind of evidence: a signature by the reviewer's own key"),
    (&["decision-missing"], "countersign promote ARTIFACT --to ENVIRONMENT"),
    (
        &["decision-refused"],
        "mend what the decision names, and promote it again; `countersign log show` lists decisions",
    ),
    (&["decision-not-current"], "promote it again: the new release may ask for more"),
    (
        &["decision-differs"],
        "have it looked at: the record, or the program that decided, was altered; compare the versions of countersign",
    ),
    (
        &["decision-unrecorded"],
        "ask whoever runs the gate what became of that decision: it stands in no list of promotions",
    ),
    (
        &["package-malformed", "package-file-altered"],
        "get the package again from where it was exported; `countersign audit export` writes it anew",
    ),
    (
        &["package-other-version"],
        "check the lists with the version that made them; questions and reports are made anew from the log by `countersign audit ask`",
    ),
    (&["internal-consistency-only"], "give trust from elsewhere with --trust and --trust-digest"),
    (
        &["exception-malformed", "exception-forbidden", "exception-wide", "exception-dates"],
        "ask for it anew, bounded and with an end: `countersign exception request`",
    ),
    (&["exception-unapproved"], "ask one more approver to run `countersign exception approve`"),
    (
        &["exception-other-log", "exception-unknown", "exception-recorded"],
        "`countersign exception list` shows what the log holds",
    ),
    (
        &["break-glass", "follow-up-overdue"],
        "have what was let through reviewed, and promote what holds its commits, or sign `countersign exception follow-up`",
    ),
    (
        &["decisions-not-run"],
        "run `countersign audit verify` without --quick and --sample, on a package of the full profile",
    ),
    (
        &["audit-evidence-absent"],
        "ask the audited party for the evidence that is named; the rest of the answer stands as far as it goes",
    ),
    (
        &["audit-deviation"],
        "look at it in the answer, and at a decision with `countersign audit show ENTRY PACKAGE`; ask who let it through",
    ),
    (
        &["audit-unreconciled"],
        "`countersign audit reconcile PACKAGE` shows which source lacks what; ask for an explanation of each entry",
    ),
    (&["engine-unknown"], "use the version of countersign that has this engine"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::codes;

    #[test]
    fn every_code_that_is_more_than_a_note_has_a_next_action_and_no_other_is_named() {
        for entry in codes::ALL.iter().filter(|entry| entry.class != Class::Note) {
            assert!(general(entry.code.as_str()).is_some(), "{} has none", entry.code);
        }
        let mut seen = std::collections::BTreeSet::new();
        for code in GENERAL.iter().flat_map(|(codes, _)| codes.iter()) {
            assert!(codes::find(code).is_some(), "{code} is not registered");
            assert!(seen.insert(code), "{code} has two");
        }
        assert!(seen.len() > 100, "{}", seen.len());
    }

    #[test]
    fn what_a_finding_knows_itself_comes_first_and_a_note_needs_nothing() {
        let own = Finding::new(codes::LOG_MISSING, "").help("look under the bed");
        assert_eq!(action(&own).as_deref(), Some("look under the bed"));
        assert!(action(&Finding::new(codes::LOG_MISSING, "")).unwrap().contains("--store"));
        assert_eq!(action(&Finding::new(codes::AUTHOR_UNKNOWN, "")), None);
    }
}
