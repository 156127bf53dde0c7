//! Every bound on foreign bytes, in one place: checked before parsing, never after.

/// Largest bundle, statement or JSON document we read (16 MiB).
pub const DOCUMENT_BYTES: usize = 16 << 20;
/// Largest collection of bundles, one a line (256 MiB).
pub const COLLECTION_BYTES: usize = 256 << 20;
/// Bundles in one collection.
pub const COLLECTION_ITEMS: usize = 10_000;
/// Files of one folder that is verified as a whole.
pub const VERIFY_FILES: usize = 1_000_000;
/// Findings, and signers, of such a run that are listed; all of them are counted.
pub const VERIFY_LISTED: usize = 1_000;
/// Findings of one kind about one attestation that are listed; the rest is counted. Whoever signs one may write as many as fit into it.
pub const FINDINGS_LISTED: usize = 100;
/// Characters of a text in an attestation that are shown where it stands in many findings.
pub const TEXT_SHOWN: usize = 200;
/// Characters of each text of a finding that such a run keeps: whoever signs an attestation may write one as long as it.
pub const FINDING_TEXT_KEPT: usize = 1_000;
/// Bytes of attestations that such a run has in hand at one time; one that is longer is in hand alone.
pub const VERIFY_BYTES_AT_ONCE: usize = 4 << 20;
/// Objects of one attestation, and of the statement in it, before either is read: in memory each takes hundreds of bytes. An SBOM that
/// fills [`DOCUMENT_BYTES`] has about two thirds of this.
pub const ATTESTATION_OBJECTS: usize = 250_000;
/// Values of one, likewise: what stands between its commas and brackets.
pub const ATTESTATION_VALUES: usize = 1_000_000;
/// Manifests of one OCI layout.
pub const OCI_MANIFESTS: usize = 10_000;
/// Keys of one folder of them.
pub const KEYS: usize = 1_000;
/// Deepest nesting of a JSON document.
pub const JSON_DEPTH: usize = 64;
/// Subjects of one statement.
pub const SUBJECTS: usize = 1_024;
/// Signatures in one DSSE envelope. We write one; more than one is refused where a threshold is counted.
pub const ENVELOPE_SIGNATURES: usize = 16;
/// Largest public key file.
pub const KEY_BYTES: usize = 64 << 10;
/// Most bytes of an armoured SSH signature, or of a public key, that are read from `ssh-keygen`.
pub const SSH_OUTPUT_BYTES: usize = 64 << 10;
/// Largest answer of a key service's plugin.
pub const KMS_ANSWER_BYTES: usize = 1 << 20;
/// Most rounds of PBKDF2 for one passphrase.
pub const KEY_DERIVATION_ROUNDS: u32 = 10_000_000;
/// Most memory that scrypt mixes for one passphrase, over all of its passes.
pub const KEY_DERIVATION_BYTES: usize = 1 << 28;
/// Largest Sigstore trusted root.
pub const SIGSTORE_ROOT_BYTES: usize = 1 << 20;
/// Largest answer of a Sigstore service.
pub const SIGSTORE_ANSWER_BYTES: usize = 1 << 20;
/// Largest file that a bundle's signature is checked against as a whole.
pub const SIGNED_FILE_BYTES: usize = 1 << 30;
/// Largest trust or policy source file.
pub const TOML_BYTES: usize = 4 << 20;
/// Files of one policy release.
pub const POLICY_FILES: usize = 4_096;
/// Authors that one policy release names.
pub const POLICY_AUTHORS: usize = 256;
/// Things that are said of one policy source file that does not read.
pub const POLICY_MISREAD: usize = 100;
/// Largest file of a policy release.
pub const POLICY_FILE_BYTES: usize = 16 << 20;
/// All the text of one release that is evaluated: rules in Rego, what they share, and their data.
pub const POLICY_TEXT_BYTES: usize = 4 << 20;

/// Documents with labels that one activation counts. The entry in the log names each.
pub const ADJUDICATIONS: usize = 256;

/// Largest file in Rego, and its longest line.
pub const REGO_FILE_BYTES: usize = 256 << 10;
/// See [`REGO_FILE_BYTES`].
pub const REGO_LINE_BYTES: usize = 1_024;
/// Rules, in Rego's sense, of one module.
pub const REGO_RULES: usize = 256;
/// Instructions of one evaluation of one rule. An SBOM of 10,000 components takes well under a million.
pub const REGO_INSTRUCTIONS: usize = 5_000_000;
/// What one evaluation may read, make and compare beside its instructions: bytes of text count one, elements that are
/// made or compared sixteen.
pub const REGO_WORK: u64 = 64 << 20;
/// How deep a value nests that a rule makes.
pub const REGO_DEPTH: usize = 128;
/// Bits of the longest whole number that a rule makes.
pub const REGO_NUMBER_BITS: u64 = 4_096;
/// Longest text that a built-in function makes at once.
pub const REGO_TEXT_BYTES: u64 = 1 << 20;
/// Longest regular expression.
pub const REGO_REGEX_BYTES: usize = 4 << 10;
/// Regular expressions that a rule keeps ready; any other is made anew at each call.
pub const REGO_PATTERNS: usize = 16;
/// How deep a file in Rego nests: brackets of all kinds, and signs or words before each other.
pub const REGO_NESTING: usize = 16;
/// What the brackets of one file in Rego may cost its parser: each costs two, twice that for each bracket around it.
pub const REGO_PARSING: u64 = 1 << 20;
/// Definitions of which each uses the next, in tests in Rego: these run on the machine's own stack.
pub const REGO_TEST_CHAIN: usize = 128;
/// That stack. What is not used of it takes no memory.
pub const REGO_TEST_STACK: usize = 512 << 20;
/// How long one test in Rego may run, in seconds.
pub const REGO_TEST_SECONDS: u64 = 2;
/// How long all the tests in Rego of one rule may run, in seconds.
pub const REGO_TESTS_SECONDS: u64 = 60;
/// What a rule may give for one input, written out, in bytes and elements taken together.
pub const REGO_ANSWER: u64 = 4 << 20;
/// What one rule may say about one decision; what is past it is counted.
pub const REGO_FINDINGS: usize = 1_000;
/// Largest YAML document: a rule, a case, or a rule's heading.
pub const YAML_BYTES: usize = 1 << 20;
/// Deepest nesting of a YAML document.
pub const YAML_DEPTH: usize = 32;

/// Decisions that come out otherwise which a backtest's report lists one by one; all of them are counted.
pub const BACKTEST_LISTED: usize = 1_000;
/// Findings of one backtest's sample.
pub const BACKTEST_SAMPLE: usize = 10_000;

/// Largest log entry: the entry bundle's length prefix has 16 bits.
pub const LOG_ENTRY_BYTES: usize = 65_535;
/// Logs that go on from one another: one a year, say.
pub const LOG_SHARDS: usize = 64;
/// Largest checkpoint or signed note.
pub const NOTE_BYTES: usize = 64 << 10;
/// Signature lines of one note.
pub const NOTE_SIGNATURES: usize = 64;
/// Hashes of one inclusion or consistency proof: a tree of 2^63 leaves needs no more.
pub const PROOF_HASHES: usize = 64;
/// Bytes of a tlog-policy file.
pub const TLOG_POLICY_BYTES: usize = 256 << 10;
/// Logs of a tlog-policy file, witnesses of it, and groups of it.
pub const TLOG_POLICY_NAMES: usize = 256;
/// Bytes of the extra data of a proof file, before base64.
pub const PROOF_EXTRA_BYTES: usize = 64 << 10;
/// Bytes of what a witness is asked, and of what it answers.
pub const WITNESS_BYTES: usize = 128 << 10;
/// Bytes of a witness's address in trust.
pub const WITNESS_URL_BYTES: usize = 2_000;
/// Seconds between a decision and the cosignatures that stand for a checkpoint from outside.
pub const COSIGNATURE_SECONDS: i64 = 600;

/// Largest git object that the proof reads.
pub const GIT_OBJECT_BYTES: usize = 64 << 20;
/// Objects of one piece of git evidence.
pub const GIT_OBJECTS: usize = 2_000_000;
/// All the bytes of one piece of git evidence.
pub const GIT_EVIDENCE_BYTES: usize = 1 << 30;
/// Deepest folder of a tree that the merge walks.
pub const GIT_TREE_DEPTH: usize = 256;
/// Entries of one tree object.
pub const GIT_TREE_ENTRIES: usize = 1_000_000;
/// Commits of one release range.
pub const GIT_RANGE_COMMITS: usize = 100_000;
/// Tree entries that one merge or listing looks at: a few small trees that name each other many times over can stand
/// for more files than there is time for.
pub const GIT_WALK_ENTRIES: usize = 4_000_000;
/// Largest `.gitattributes` file that the merge proof reads.
pub const GIT_ATTRIBUTES_BYTES: usize = 1 << 20;
/// Parents of one commit.
pub const GIT_PARENTS: usize = 64;
/// Largest text file that is merged by content.
pub const MERGE_TEXT_BYTES: usize = 8 << 20;
/// Lines of a text file that is merged by content. The worst texts take time by the square of this: about five seconds.
pub const MERGE_TEXT_LINES: usize = 50_000;

/// All the content of changed files that one proof looks into for what a diff hides. What is past it counts as not read,
/// which blocks wherever content of some kind does.
pub const HIDDEN_TOTAL_BYTES: usize = 512 << 20;
/// Lines of one file that are named for what they hide; the others are counted.
pub const HIDDEN_LINES: usize = 20;
/// Notes of one notes ref, and lines of all of them.
pub const GIT_NOTES: usize = 200_000;
/// All the bytes of the notes of one ref.
pub const GIT_NOTES_BYTES: usize = 256 << 20;
/// One signed document that another tool left in a repository.
pub const FOREIGN_BYTES: usize = 1 << 20;
/// All that is read of what other tools left in one repository.
pub const FOREIGN_TOTAL_BYTES: usize = 64 << 20;
/// Documents that other tools left, and newest entries of their logs, that are read.
pub const FOREIGN_ITEMS: usize = 10_000;
/// Commits that an expression such as `main~3` may go back.
pub const GIT_EXPRESSION_STEPS: u32 = 100_000;

/// Largest `Cargo.lock`.
pub const LOCK_FILE_BYTES: usize = 16 << 20;
/// Packages of one `Cargo.lock`.
pub const LOCK_FILE_PACKAGES: usize = 100_000;
/// Largest wheel.
pub const PACKAGE_ARCHIVE_BYTES: usize = 512 << 20;
/// Largest file of metadata of an installed package.
pub const PACKAGE_METADATA_BYTES: usize = 4 << 20;
/// SBOMs that the packages of one wheel or folder carry, all together.
pub const CARRIED_SBOMS_BYTES: usize = 512 << 20;
/// Largest binary whose build information is read.
pub const BINARY_BYTES: usize = 1 << 30;
/// Longest build information of a Go binary.
pub const GO_BUILD_INFO_BYTES: usize = 16 << 20;
/// Records of one database of advisories.
pub const ADVISORIES: usize = 2_000_000;
/// Largest record of a database of advisories.
pub const ADVISORY_BYTES: usize = 8 << 20;
/// All that `cargo build` says about what it built.
pub const CARGO_MESSAGES_BYTES: usize = 256 << 20;
/// Largest configuration or pointer file of a git repository.
pub const GIT_CONFIG_BYTES: usize = 4 << 20;
/// Largest `packed-refs` file.
pub const GIT_PACKED_REFS_BYTES: usize = 256 << 20;
/// All that `git status` says about a working tree.
pub const GIT_STATUS_BYTES: usize = 256 << 20;

/// Largest audit package (4 GiB).
pub const PACKAGE_BYTES: u64 = 4 << 30;
/// Largest file in one (1 GiB): it is in memory while it is read.
pub const PACKAGE_FILE_BYTES: usize = 1 << 30;
/// Largest file of facts that an auditor kept of one (1 GiB): it is in memory while it is read.
pub const AUDIT_FACTS_BYTES: usize = 1 << 30;
/// Files of one audit package.
pub const PACKAGE_FILES: usize = 1_000_000;

/// Largest archive of one package, as a registry has it, that is hashed.
pub const CRATE_BYTES: u64 = 1 << 30;
/// Files and folders of one package that are looked at.
pub const CRATE_FILES: usize = 50_000;
/// Largest file of a package whose text is read: a licence, a build script, a note of its origin.
pub const CRATE_TEXT_BYTES: u64 = 1 << 20;
/// A registry's list of all versions of one package, as Cargo keeps it.
pub const CRATE_INDEX_BYTES: u64 = 1 << 25;
/// Largest file of `supply-chain/` that is read.
pub const VET_BYTES: u64 = 16 << 20;
/// Largest list of packages in a binary, uncompressed.
pub const AUDITABLE_BYTES: usize = 8 << 20;
/// Bytes that an archive unpacks to which is looked through for a file.
pub const PACKED_BYTES: u64 = 16 << 30;
/// Files of such an archive.
pub const PACKED_FILES: usize = 1_000_000;
/// Largest binary whose list of packages is read.
pub const AUDITABLE_BINARY_BYTES: u64 = 4 << 30;

/// Largest SBOM that is read: one of 50,000 components has about a quarter of this.
pub const SBOM_BYTES: usize = 128 << 20;
/// Objects of one SBOM, before it is read: one of 50,000 components has about a third of this.
pub const SBOM_OBJECTS: usize = 1_000_000;
/// Values of one SBOM, before it is read: what stands between its commas and brackets.
pub const SBOM_VALUES: usize = 8_000_000;
/// Components of one SBOM, nested ones included.
pub const SBOM_COMPONENTS: usize = 100_000;
/// Dependency edges of one SBOM.
pub const SBOM_EDGES: usize = 1_000_000;
/// What licences of one SBOM of SPDX are in words, with what they mean, all of its packages together: one set of them, or one licence of
/// the document's own, may stand with every package. One of 50,000 packages has about a quarter of this.
pub const SBOM_LICENCE_BYTES: usize = 64 << 20;
/// Longest name, version, reference or package URL in an SBOM.
pub const SBOM_TEXT_BYTES: usize = 4_096;
/// How often packages of npm's lie within each other: npm shares what it can, and without that a chain of dependencies is this long.
pub const NPM_DEPTH: usize = 64;
/// Rules under `overrides` in a `package.json`.
pub const NPM_OVERRIDES: usize = 500;
/// Ranges of which it is kept which of those rules they meet.
pub const NPM_OVERRIDES_KEPT: usize = 4_096;
/// Patterns for the workspaces of an npm project, with each of the ways that `{a,b}` makes of one.
pub const NPM_WORKSPACE_PATTERNS: usize = 200;
/// Longest range of npm's that is read.
pub const NPM_RANGE_BYTES: usize = 256;
/// Alternatives of such a range (`1 || 2`): two ranges are held together each against each.
pub const NPM_RANGE_ALTERNATIVES: usize = 32;
/// Longest range of Python's that is read: one of requirements is a line at most.
pub const PYTHON_RANGE_BYTES: usize = 1_024;
/// Longest version that has an order.
pub const VERSION_BYTES: usize = 256;

/// All the answers of a forge about one change.
pub const CAPTURE_BYTES: usize = 256 << 20;
/// Answers of a forge about one change.
pub const CAPTURE_EXCHANGES: usize = 4_096;
/// One answer of a forge.
pub const FORGE_ANSWER_BYTES: usize = 16 << 20;
/// Reviews, commits or events of one change that are read: a forge lists no more of some of them, and then cuts.
pub const FORGE_ITEMS: usize = 10_000;
/// Records of how the rules came out for one landing that are asked for one by one.
pub const FORGE_SUITES: usize = 10;
/// Rules of one such record that did not hold and are named.
pub const FORGE_FAILED_RULES: usize = 100;
/// Longest kind or name of a rule that is kept.
pub const FORGE_RULE_BYTES: usize = 256;
/// One delivery of a forge's webhook. Those about changes are below 100 kB.
pub const DELIVERY_BYTES: usize = 16 << 20;
/// All headers of one delivery.
pub const DELIVERY_HEADER_BYTES: usize = 16 << 10;
/// How long a delivery may take to arrive, in seconds. Forges give up after ten.
pub const DELIVERY_SECONDS: u64 = 20;
/// Deliveries that are received at one time.
pub const DELIVERIES_AT_ONCE: usize = 16;
/// Longest id or event of a delivery.
pub const DELIVERY_NAME_BYTES: usize = 100;
/// How far the time that a delivery tells of may be from that at which it came, in seconds.
pub const DELIVERY_LATE_SECONDS: u64 = 900;
/// How old a delivery with a signed time may be, in seconds.
pub const DELIVERY_SIGNED_SECONDS: u64 = 300;
/// One line of a watcher's journal.
pub const JOURNAL_LINE_BYTES: usize = 64 << 10;
/// Pushes to one branch that a change's capture takes in: the newest.
pub const CAPTURE_PUSHES: usize = 1_000;
/// A watcher's journal.
pub const JOURNAL_BYTES: usize = 1 << 30;
/// Most bytes of the list of files of a store that is a branch.
pub const STORE_LISTING_BYTES: usize = 256 << 20;
/// Largest layer of a kind that cosign attached to an image: in base64, and with what its manifest says, it stays a document.
pub const COSIGN_LAYER_BYTES: usize = 8 << 20;
/// Largest manifest or list that is read from an OCI registry: what the specification asks them to take.
pub const REGISTRY_MANIFEST_BYTES: usize = 4 << 20;
/// The object that is the lock of a store in object storage.
pub const STORE_HEAD_BYTES: usize = 128 << 10;
/// What one append to such a store stages.
pub const STORE_STAGED_BYTES: usize = 1 << 30;

/// Longest licence expression.
pub const LICENCE_BYTES: usize = 4 << 10;
/// How deep brackets of a licence expression nest.
pub const LICENCE_DEPTH: usize = 32;
/// Results of one scan for vulnerabilities.
pub const VULNERABILITIES: usize = 100_000;
/// Tests that one result names.
pub const TESTS: usize = 1_000_000;
/// Longest name of a test that is kept.
pub const TEST_NAME_CHARS: usize = 1_000;
/// Largest `JUnit` report, with all that the tests printed.
pub const JUNIT_BYTES: usize = 256 << 20;
/// Deepest nesting of an XML document.
pub const XML_DEPTH: usize = 32;
/// The most lines of files that a refusal shows beside their places.
pub const EXCERPTS: usize = 200;
/// One file of configuration.
pub const CONFIG_FILE_BYTES: usize = 4 << 20;
/// All the files of configuration of one revision.
pub const CONFIG_TOTAL_BYTES: usize = 512 << 20;
/// Entries of the trees of one revision that are looked at.
pub const CONFIG_TREE_ENTRIES: usize = 2_000_000;
/// Files of configuration of one revision, read and not read.
pub const CONFIG_FILES: usize = 20_000;
/// Values of one document of YAML or JSON, those that anchors repeat among them.
pub const CONFIG_NODES: usize = 500_000;
/// Deepest nesting of one.
pub const CONFIG_DEPTH: usize = 64;
/// Facts of one kind in one file.
pub const CONFIG_FACTS: usize = 5_000;
/// Facts of one kind in one snapshot.
pub const SNAPSHOT_FACTS: usize = 20_000;
/// Largest plan.
pub const PLAN_BYTES: usize = 256 << 20;
/// Resources of one plan.
pub const PLAN_RESOURCES: usize = 50_000;
/// The most days from the request of an exception to its end, where trust says nothing else.
pub const EXCEPTION_DAYS: u32 = 90;
/// The most days that trust may allow.
pub const EXCEPTION_DAYS_OF_TRUST: u32 = 366;
/// The most days of an emergency.
pub const EMERGENCY_DAYS: u32 = 7;
/// The most days from the request of an emergency to the review that follows it.
pub const FOLLOW_UP_DAYS: u32 = 14;
/// The most commits of the range that an exception covers.
pub const EXCEPTION_COMMITS: u32 = 100;
/// Longest reason, compensating control or place of an exception.
pub const EXCEPTION_TEXT_BYTES: usize = 2_000;
/// Codes that one exception names.
pub const EXCEPTION_CODES: usize = 16;
/// How many days before its end an exception is said to end soon.
pub const EXCEPTION_SOON_DAYS: i64 = 14;
/// After how many days in the log an exception that nothing needed is said to be unused.
pub const EXCEPTION_UNUSED_DAYS: i64 = 14;
/// By how many decisions an exception may be needed before it is said to be needed too often.
pub const EXCEPTION_USES: u64 = 10;
/// Largest file that is searched for secrets.
pub const SECRETS_FILE_BYTES: usize = GIT_OBJECT_BYTES;
/// Findings of one file that are listed.
pub const SECRETS_FILE_FINDINGS: usize = 1_000;
/// Findings of one scan that are listed.
pub const SECRETS_FINDINGS: usize = 10_000;
/// Skipped files of one scan that are named; the others are counted.
pub const SECRETS_SKIPPED: usize = 200;
/// Files of one scan: those of the tree, and of its history.
pub const SECRETS_FILES: usize = 4_000_000;
/// Largest file of rules for secrets.
pub const SECRETS_RULES_BYTES: usize = 4 << 20;
/// Rules of one file.
pub const SECRETS_RULES: usize = 2_000;
/// Largest program that one expression of a rule may become.
pub const SECRETS_REGEX_BYTES: usize = 32 << 20;
/// How far a rule may reach from its key word.
pub const SECRETS_REACH: usize = 64 << 10;
/// How far from a secret a comment is looked for, in a long line.
pub const SECRETS_COMMENT_BYTES: usize = 4_096;
/// Largest list of what is allowed.
pub const SECRETS_ALLOW_BYTES: usize = 1 << 20;
/// Entries of that list.
pub const SECRETS_ALLOWS: usize = 10_000;
/// Largest report of another tool.
pub const SARIF_BYTES: usize = 256 << 20;
/// Longest path, rule or reason of a finding.
pub const SECRETS_TEXT_BYTES: usize = 4_096;
/// How far the attested time of a gate's signature by an identity may lie from the time of its decision, in seconds: the
/// life of a certificate, and half of it again for clocks and services.
pub const GATE_SIGNATURE_SECONDS: i64 = 900;
