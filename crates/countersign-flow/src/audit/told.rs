//! What lists of components, scans and plans say, as far as questions ask of it: read while the decisions that name them are
//! read, and kept narrow. A hundred thousand SBOMs are mostly the same few lists over and over, so that each text and each
//! list is held once.

use super::about::{About, IsAbout, Subjects};
use super::facts::Known;
use countersign_core::blob::Blob;
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::cyclonedx::{Component, Inventory};
use countersign_core::decision::{Decision, EvidenceRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::git::Oid;
use countersign_core::statement::iac_plan::IacPlan;
use countersign_core::statement::vulns::Vulns;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_record::side;
use countersign_verify::evidence::place_of;
use countersign_verify::{Blobs, Evidence, LogState, Verified};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One thing that a statement says, each text by its place among the texts. Of an SBOM: a component from elsewhere, its
/// licence, whether there is a checksum. Of a scan: a vulnerability, how bad it is, the scanner. Of a plan: its file, its digest.
pub(super) type Row = [u32; 3];

/// What became of a statement that a decision names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The package does not hold it, or it cannot be read.
    Missing,
    /// A statement, and not of the kind that the decision says.
    Other,
    /// What counts for nothing at the decision that names it, or may.
    Apart(Apart),
    /// What it says.
    Rows(Arc<[Row]>),
}

/// Why a statement counts for nothing at a decision that names it: at another it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Apart {
    /// It is about something else.
    Elsewhere,
    /// Nobody whom trust knew signed it.
    Unsigned,
    /// It is about a commit; and of which one the artifact was built is not known.
    Unplaced,
}

/// What they say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) texts: Vec<Arc<str>>,
    places: BTreeMap<Arc<str>, u32>,
    lists: BTreeSet<Arc<[Row]>>,
    pub(super) said: BTreeMap<(Kind, Sha256), Said>,
    /// Statements that count for nothing at decisions that name them, by those decisions' entries.
    pub(super) apart: BTreeMap<(u64, Sha256), Apart>,
    /// Of decisions that prove no range of commits, by their entries: the commit of the provenance that counts.
    pub(super) commits: BTreeMap<u64, Oid>,
}

/// What is looked at of a decision.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'d> {
    entry: u64,
    artifact: Sha256,
    at: Time,
    /// The revision that it was built from, where a range of commits was proved.
    proved: Option<(&'d str, Oid)>,
    evidence: &'d [EvidenceRef],
    findings: &'d [Finding],
    authorised: bool,
}

impl<'d> Named<'d> {
    fn of(known: &'d Known) -> Self {
        let decision = &known.content;
        Self {
            entry: known.entry,
            artifact: decision.request.subject,
            at: decision.request.time,
            proved: decision.source.as_ref().map(|range| (range.repository.as_str(), range.revision)),
            evidence: decision.inputs.evidence.as_deref().unwrap_or_default(),
            findings: &decision.findings,
            authorised: decision.authorised,
        }
    }

    /// The same of one that is held whole.
    pub(super) fn of_whole(entry: u64, decision: &'d Decision) -> Self {
        Self {
            entry,
            artifact: decision.request.subject,
            at: decision.request.time,
            proved: decision.source.as_ref().map(|range| (range.repository.as_str(), range.revision)),
            evidence: decision.inputs.evidence.as_deref().unwrap_or_default(),
            findings: &decision.findings,
            authorised: decision.authorised,
        }
    }
}

/// The kinds that are asked of.
const KINDS: [Kind; 3] = [Kind::Sbom, Kind::Vulns, Kind::IacPlan];
/// How many decisions are looked at a time: statements of one day lie together.
const FEW: usize = 256;

/// What was read of a statement before its texts are found among the others.
enum Read {
    Missing,
    Other,
    Apart(Apart),
    Rows(Vec<[String; 3]>),
    /// It was read already.
    Known,
}

/// What was read of a decision's statements.
#[derive(Default)]
struct Looked {
    commit: Option<Oid>,
    read: Vec<((Kind, Sha256), Read)>,
}

impl Told {
    /// What the statements say that these decisions name.
    pub(super) fn of(decisions: &[Arc<Known>], state: &LogState, blobs: &(dyn Blobs + Sync)) -> Self {
        let mut out = Self::default();
        for few in decisions.chunks(FEW) {
            let named: Vec<Named<'_>> = few.iter().map(|known| Named::of(known)).collect();
            out.add(&named, state, blobs);
        }
        out.done()
    }

    /// Takes in those of a few more decisions.
    pub(super) fn add(&mut self, decisions: &[Named<'_>], state: &LogState, blobs: &(dyn Blobs + Sync)) {
        let looked = side::each(decisions, |named| look(named, &self.said, state, blobs));
        for (named, looked) in decisions.iter().zip(looked) {
            self.commits.extend(looked.commit.map(|commit| (named.entry, commit)));
            for (one, read) in looked.read {
                let said = match read {
                    Read::Apart(apart) => {
                        self.apart.insert((named.entry, one.1), apart);
                        continue;
                    }
                    Read::Known => continue,
                    Read::Missing => Said::Missing,
                    Read::Other => Said::Other,
                    Read::Rows(rows) => {
                        let rows: Vec<Row> = rows.into_iter().map(|row| row.map(|text| self.place(text))).collect();
                        Said::Rows(self.list(rows))
                    }
                };
                self.said.insert(one, said);
            }
        }
    }

    /// All of them are taken in: what served only to find the same again goes.
    pub(super) fn done(self) -> Self {
        Self { texts: self.texts, said: self.said, apart: self.apart, commits: self.commits, ..Self::default() }
    }

    /// As it was kept: what is read from here is not added to.
    pub(super) fn kept(
        texts: Vec<Arc<str>>,
        said: BTreeMap<(Kind, Sha256), Said>,
        apart: BTreeMap<(u64, Sha256), Apart>,
        commits: BTreeMap<u64, Oid>,
    ) -> Self {
        Self { texts, said, apart, commits, ..Self::default() }
    }

    /// What became of a statement that the decision at this entry names. One that nobody looked for is none that the package holds.
    pub(super) fn said(&self, entry: u64, kind: Kind, digest: &Sha256) -> &Said {
        match self.apart.get(&(entry, *digest)) {
            Some(Apart::Elsewhere) => &Said::Apart(Apart::Elsewhere),
            Some(Apart::Unsigned) => &Said::Apart(Apart::Unsigned),
            Some(Apart::Unplaced) => &Said::Apart(Apart::Unplaced),
            None => self.said.get(&(kind, *digest)).unwrap_or(&Said::Missing),
        }
    }

    /// A text by its place.
    pub(super) fn text(&self, place: u32) -> &str {
        usize::try_from(place).ok().and_then(|place| self.texts.get(place)).map_or("", AsRef::as_ref)
    }

    fn place(&mut self, text: String) -> u32 {
        if let Some(place) = self.places.get(text.as_str()) {
            return *place;
        }
        // There is no room for as many texts as would not have a number.
        let place = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = Arc::from(text);
        self.texts.push(Arc::clone(&text));
        self.places.insert(text, place);
        place
    }

    fn list(&mut self, rows: Vec<Row>) -> Arc<[Row]> {
        if let Some(known) = self.lists.get(rows.as_slice()) {
            return Arc::clone(known);
        }
        let rows: Arc<[Row]> = Arc::from(rows);
        self.lists.insert(Arc::clone(&rows));
        rows
    }
}

/// Reads those statements of a decision of which questions ask, and that who signed them could sign by the trust of its time.
fn look(
    named: &Named<'_>,
    said: &BTreeMap<(Kind, Sha256), Said>,
    state: &LogState,
    blobs: &(dyn Blobs + Sync),
) -> Looked {
    let Some(view) = state.at(named.entry) else { return Looked::default() };
    let trust = view.trust();
    let asked = |one: &EvidenceRef| {
        // Components are compared from one thing that went out to the next.
        one.kind.is_some_and(|kind| KINDS.contains(&kind) && (named.authorised || kind != Kind::Sbom))
    };
    let built_from = named.proved.is_none();
    let needed = |one: &&EvidenceRef| {
        asked(one)
            || (built_from && one.kind == Some(Kind::Provenance))
            || (one.kind.is_none() && trust.trust().sigstore_root(&one.digest).is_some())
    };
    if !built_from && !named.evidence.iter().any(asked) {
        return Looked::default();
    }
    let documents: Vec<Blob> = named.evidence.iter().filter(needed).filter_map(|one| blobs.blob(&one.digest)).collect();
    let evidence = Evidence::of(&documents, trust, named.at);
    let about = About::new(named.artifact, named.proved, &evidence);
    let one = |(kind, digest): (Kind, Sha256)| {
        let Some(document) = documents.iter().find(|blob| *blob.digest() == digest) else { return Read::Missing };
        let held = evidence.statements().find(|one| *one.document() == digest).map(Verified::value);
        let taken = if held.is_none() { taken_by_the_gate(&digest, document, named, &evidence) } else { None };
        let Some(statement) = held.or(taken.as_ref()) else { return Read::Apart(Apart::Unsigned) };
        match about.has(kind, &Subjects::of(statement)) {
            IsAbout::Other => Read::Apart(Apart::Elsewhere),
            IsAbout::Unknown => Read::Apart(Apart::Unplaced),
            IsAbout::This if said.contains_key(&(kind, digest)) => Read::Known,
            IsAbout::This => rows(kind, statement).map_or(Read::Other, Read::Rows),
        }
    };
    let all = named.evidence.iter().filter(|one| asked(one)).filter_map(|one| Some((one.kind?, one.digest)));
    Looked {
        commit: about.commit().filter(|_| built_from).and_then(|hex| Oid::from_hex(hex).ok()),
        read: all.map(|which| (which, one(which))).collect(),
    }
}

/// A statement by an identity whose root is raw evidence, and not in a package of facts alone: its gate had that, and said
/// nothing against it.
fn taken_by_the_gate(digest: &Sha256, document: &Blob, named: &Named<'_>, evidence: &Evidence) -> Option<Statement> {
    let place = place_of(digest);
    let here = |finding: &&Finding| finding.at.contains(&place);
    let rootless = evidence.findings().iter().filter(here).all(|one| one.code == codes::SIGSTORE_ROOT_MISSING);
    if !rootless || named.findings.iter().any(|finding| here(&finding)) {
        return None;
    }
    let signed = Signed::parse_blob(document).ok()?;
    Statement::parse(&signed.payload).ok()
}

fn rows(kind: Kind, statement: &Statement) -> Option<Vec<[String; 3]>> {
    if kind == Kind::Sbom {
        Inventory::read(&statement.predicate).ok().map(|inventory| components(&inventory))
    } else if kind == Kind::Vulns {
        statement.predicate_as::<Vulns>(kind).ok().map(vulnerabilities)
    } else {
        let plan = statement.predicate_as::<IacPlan>(kind).ok();
        plan.map(|plan| vec![[plan.file.clone(), plan.digest.to_string(), String::new()]])
    }
}

/// The components that it lists from elsewhere, by purl.
fn components(inventory: &Inventory) -> Vec<[String; 3]> {
    let from_elsewhere = inventory.components.iter().filter(|component| !component.workspace_member);
    let one = |component: &Component| {
        let version = || component.version.clone().unwrap_or_default();
        let id =
            component.purl.as_ref().map_or_else(|| format!("{} {}", component.name, version()), ToString::to_string);
        (id, (component.licences.join(" AND "), component.sha256.is_some()))
    };
    let all: BTreeMap<String, (String, bool)> = from_elsewhere.map(one).collect();
    let row = |(id, (licence, checksum))| [id, licence, if checksum { "yes" } else { "no" }.to_owned()];
    all.into_iter().map(row).collect()
}

fn vulnerabilities(scan: Vulns) -> Vec<[String; 3]> {
    let uri = scan.scanner.uri;
    let found = scan.scanner.result.into_iter();
    found
        .map(|found| {
            let severity = found.severity().map_or("not known", |severity| severity.word()).to_owned();
            [found.id, severity, uri.clone()]
        })
        .collect()
}
