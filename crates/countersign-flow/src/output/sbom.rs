//! What the verbs of `sbom` answer to programs.

use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::Finding;
use serde::Serialize;
use std::collections::BTreeMap;

documents! {
    /// One component of an SBOM.
    SbomComponent {
        /// By which the document names it.
        reference: String,
        /// Its name.
        name: String,
        /// Its version.
        version: Option<String>,
        /// Its package URL.
        purl: Option<String>,
        /// Whether it takes part at run time: `required`, `optional` or `excluded`.
        scope: String,
        /// Whether its code is in the artifact, where the document says so.
        linked: Option<bool>,
        /// Its licences.
        licences: Vec<String>,
        /// Who supplies it.
        supplier: Option<String>,
    }
    /// `sbom validate`: documents were judged.
    SbomValidated {
        /// Each document.
        documents: Vec<SbomJudged>,
        /// What is wrong, and what is worth knowing.
        findings: Vec<Finding>,
        /// How it ended.
        exit: Exit,
    }
    /// One document that was judged.
    SbomJudged {
        /// The file.
        file: String,
        /// Its digest.
        digest: Sha256,
        /// Its format, where it is one that is read.
        format: Option<String>,
        /// Whether it holds to its format's schema, and names nothing twice.
        valid: bool,
        /// Components, what it is about among them.
        components: usize,
        /// Dependencies between them.
        dependencies: usize,
        /// The tools that made it.
        tools: Vec<String>,
        /// The profiles that it was held against.
        profiles: Vec<ProfileHeld>,
    }
    /// A profile, held against a document.
    ProfileHeld {
        /// Which: `ntia` or `cisa`.
        profile: String,
        /// Each thing that it asks for.
        elements: Vec<ProfileElement>,
    }
    /// A thing that a profile asks for.
    ProfileElement {
        /// What.
        name: String,
        /// How many have to have it.
        of: usize,
        /// How many do not.
        missing: usize,
    }
    /// `sbom show`: a document as a tree.
    SbomShown {
        /// The file.
        file: String,
        /// Its digest.
        digest: Sha256,
        /// Its format.
        format: String,
        /// The tools that made it.
        tools: Vec<String>,
        /// When it was made, as it says.
        time: Option<String>,
        /// Components, what it is about among them.
        components: usize,
        /// Dependencies between them.
        dependencies: usize,
        /// Components that may depend on more than it says: of their dependencies it says nothing, or not all.
        unknown: usize,
        /// The tree, line by line.
        lines: Vec<SbomLine>,
        /// Whether there may be more lines.
        more: bool,
        /// What is worth knowing.
        findings: Vec<Finding>,
    }
    /// A line of a tree.
    SbomLine {
        /// How deep.
        depth: usize,
        /// Which component.
        component: SbomComponent,
        /// Whether what it depends on was shown before.
        again: bool,
        /// Whether it may depend on more than is said.
        unknown: bool,
        /// Whether more lies below than was asked for.
        cut: bool,
    }
    /// `sbom query`: who depends on a component.
    SbomQueried {
        /// The file.
        file: String,
        /// What was asked for.
        asked: String,
        /// Each component that is meant.
        found: Vec<SbomDependent>,
        /// Components of whose dependencies the document says nothing, or not all: they may need it too.
        unknown: usize,
        /// Where none is meant: names that are like it.
        nearest: Vec<String>,
    }
    /// A component that was asked for.
    SbomDependent {
        /// The component.
        component: SbomComponent,
        /// Who names it as a dependency.
        needed_by: Vec<String>,
        /// How many need it, directly or through others.
        needed_by_all: usize,
        /// The shortest path through each of those who name it.
        paths: Vec<SbomPath>,
        /// How many more paths there are.
        more_paths: usize,
    }
    /// A path to a component.
    SbomPath {
        /// From where it begins to the component.
        steps: Vec<String>,
        /// Whether it begins with what the document is about.
        from_root: bool,
    }
    /// `sbom diff`: what changed between two documents.
    SbomDiffed {
        /// The first file.
        old_file: String,
        /// Its digest.
        old_digest: Sha256,
        /// The second file.
        new_file: String,
        /// Its digest.
        new_digest: Sha256,
        /// New components.
        added: Vec<SbomComponent>,
        /// Components that are gone.
        removed: Vec<SbomComponent>,
        /// Components of another version.
        moved: Vec<SbomMoved>,
        /// What components say otherwise.
        changed: Vec<SbomChanged>,
        /// New components that name no supplier.
        without_supplier: usize,
        /// New components that the given database calls unmaintained; nothing where none was given.
        unmaintained: Option<Vec<SbomUnmaintained>>,
        /// Components in both, with the same version.
        same: usize,
    }
    /// A new component that is called unmaintained.
    SbomUnmaintained {
        /// The component.
        component: SbomComponent,
        /// The advisory that says so.
        id: String,
    }
    /// A component of another version.
    SbomMoved {
        /// The component as it is.
        component: SbomComponent,
        /// The version that it had.
        from: Option<String>,
        /// The version that it has.
        to: Option<String>,
        /// `up`, `down`, or `unknown` where nobody can tell.
        direction: String,
    }
    /// Something that a component says otherwise.
    SbomChanged {
        /// The component as it is.
        component: SbomComponent,
        /// What: `source`, `digest`, `licence`, `supplier`, `scope`, `linked`, `dependencies`, `list of dependencies` (one says nothing of them) or `completeness`.
        what: String,
        /// As it was.
        from: String,
        /// As it is.
        to: String,
    }
    /// `sbom ingest`: a document was taken in.
    SbomIngested {
        /// The file.
        file: String,
        /// Its digest.
        digest: Sha256,
        /// Its format.
        format: String,
        /// The tools that made it.
        tools: Vec<String>,
        /// The document to be signed.
        output: String,
        /// Its digest: that of the file where it went through unchanged.
        output_digest: Sha256,
        /// Where the bytes of another format than CycloneDX are kept.
        raw: Option<String>,
        /// Components, what it is about among them.
        components: usize,
        /// Dependencies between them.
        dependencies: usize,
        /// Components that may depend on more than it says: of their dependencies it says nothing, or not all.
        unknown: usize,
        /// What is worth knowing.
        findings: Vec<Finding>,
    }
    /// `sbom merge`: documents were merged.
    SbomMerged {
        /// The file.
        output: String,
        /// Its digest.
        digest: Sha256,
        /// How many documents.
        documents: usize,
        /// Components, the release among them.
        components: usize,
        /// Dependencies between them.
        dependencies: usize,
        /// Components of several documents that are listed once.
        shared: usize,
        /// Components whose name within the document was taken, and got another.
        renamed: usize,
        /// What is worth knowing.
        findings: Vec<Finding>,
    }
    /// `sbom from`: an SBOM was made of what another package manager or a compiler left.
    SbomMade {
        /// What was read.
        source: String,
        /// What it was taken for.
        read_as: String,
        /// The digest of what was read, where it is one file.
        source_digest: Option<Sha256>,
        /// The file; none if the document is in this answer.
        output: Option<String>,
        /// The document, where no file was named.
        document: Option<serde_json::Value>,
        /// The digest of its bytes.
        digest: Sha256,
        /// Components, without what it is about.
        components: usize,
        /// Those that are required, or known to be linked.
        required: usize,
        /// Those that are optional.
        optional: usize,
        /// Those that only build or test.
        excluded: usize,
        /// Dependencies between them.
        dependencies: usize,
        /// Components without any digest.
        without_digest: usize,
        /// What the document cannot say, and what is worth knowing.
        findings: Vec<Finding>,
    }
    /// `sbom vex`: a document about vulnerabilities was written.
    SbomVex {
        /// The file.
        output: String,
        /// Its digest.
        digest: Sha256,
        /// Its form: `openvex` or `cyclonedx`.
        form: String,
        /// How many statements it makes.
        statements: usize,
        /// Vulnerabilities that it clears.
        cleared: Vec<String>,
        /// Vulnerabilities that it does not.
        open: Vec<String>,
    }
    /// `sbom vulns`: an SBOM was held against advisories.
    SbomVulns {
        /// The file with the result.
        output: String,
        /// Its digest.
        digest: Sha256,
        /// The SBOM.
        file: String,
        /// The digest of the database's records.
        database: Sha256,
        /// The latest change in it.
        database_time: String,
        /// How many days ago that was; nothing where it is no time.
        database_days: Option<i64>,
        /// Advisories in it.
        advisories: usize,
        /// Those of them that are withdrawn.
        withdrawn: usize,
        /// Components that advisories can name.
        components: usize,
        /// Components that they cannot.
        unidentified: usize,
        /// How many vulnerabilities there are of each severity; `unknown`, where nobody says it, is judged as the worst.
        severities: BTreeMap<String, usize>,
        /// How many records have no severity because the database itself calls them no vulnerability, by its word, such as
        /// `unmaintained`. None of them is among the severities.
        informational: BTreeMap<String, usize>,
        /// Each vulnerability of each component, and each record of those words.
        vulnerabilities: Vec<SbomVulnerability>,
        /// What is worth knowing.
        findings: Vec<Finding>,
    }
    /// A vulnerability of a component.
    SbomVulnerability {
        /// Its id.
        id: String,
        /// Its other ids.
        aliases: Vec<String>,
        /// The component.
        component: String,
        /// Its package URL.
        purl: Option<String>,
        /// How bad it is; nothing where that is not known, which counts as the worst, and where the record is informational.
        severity: Option<String>,
        /// Whether the version is known to have it; otherwise it cannot be compared.
        certain: bool,
        /// Whether the component's code is in the artifact: `true`, `false` or `unknown`.
        linked: String,
        /// In a line.
        summary: Option<String>,
        /// The database's word where it calls this no vulnerability, such as `unmaintained`. It is judged like one.
        informational: Option<String>,
        /// Versions that have it no more.
        fixed: Vec<String>,
    }
}
