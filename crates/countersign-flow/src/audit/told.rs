//! What lists of components, scans and plans say, as far as questions ask of it: read while the decisions that name them are
//! read, and kept narrow. A hundred thousand SBOMs are mostly the same few lists over and over, so that each text and each
//! list is held once.

use super::about::{About, Subjects};
use super::facts::Known;
use countersign_core::bundle::Signed;
use countersign_core::cyclonedx::{Component, Inventory};
use countersign_core::decision::EvidenceRef;
use countersign_core::digest::Sha256;
use countersign_core::statement::iac_plan::IacPlan;
use countersign_core::statement::vulns::Vulns;
use countersign_core::statement::{Kind, Statement};
use countersign_record::side;
use countersign_verify::Blobs;
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
    /// A statement about something else than the decision that names it.
    Elsewhere,
    /// What it says.
    Rows(Arc<[Row]>),
}

/// What they say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) texts: Vec<Arc<str>>,
    places: BTreeMap<Arc<str>, u32>,
    lists: BTreeSet<Arc<[Row]>>,
    pub(super) said: BTreeMap<(Kind, Sha256), Said>,
    /// What each is about, while more are taken in: another decision may name it, of something else.
    subjects: BTreeMap<(Kind, Sha256), Subjects>,
    /// Decisions, by their entries, with statements that they name and that are about something else.
    pub(super) elsewhere: BTreeSet<(u64, Sha256)>,
}

/// What is looked at of a decision: its entry, what it is about, its evidence, and whether it let something go.
pub(super) type Named<'d> = (u64, About, Option<&'d [EvidenceRef]>, bool);

/// The kinds that are asked of.
const KINDS: [Kind; 3] = [Kind::Sbom, Kind::Vulns, Kind::IacPlan];
/// How many decisions are looked at a time: statements of one day lie together.
const FEW: usize = 256;

/// The same before its texts are found among the others.
enum Read {
    Missing,
    Other,
    Rows(Vec<[String; 3]>),
}

impl Told {
    /// What the statements say that these decisions name.
    pub(super) fn of(decisions: &[Arc<Known>], blobs: &(dyn Blobs + Sync)) -> Self {
        let mut out = Self::default();
        for few in decisions.chunks(FEW) {
            let named = few.iter().map(|one| {
                let content = &one.content;
                (one.entry, About::of(content), content.inputs.evidence.as_deref(), content.authorised)
            });
            out.add(named, blobs);
        }
        out.done()
    }

    /// Takes in those of a few more decisions.
    pub(super) fn add<'d>(&mut self, decisions: impl Iterator<Item = Named<'d>>, blobs: &(dyn Blobs + Sync)) {
        let all = decisions.flat_map(|(entry, about, evidence, authorised)| {
            evidence.unwrap_or_default().iter().filter_map(move |one| {
                let kind = one.kind.filter(|kind| KINDS.contains(kind))?;
                // Components are compared from one thing that went out to the next.
                (authorised || kind != Kind::Sbom).then_some((entry, about, (kind, one.digest)))
            })
        });
        let all: Vec<(u64, About, (Kind, Sha256))> = all.collect();
        let new = all.iter().map(|(.., one)| *one).filter(|one| !self.said.contains_key(one));
        let new: BTreeSet<(Kind, Sha256)> = new.collect();
        let new: Vec<(Kind, Sha256)> = new.into_iter().collect();
        let read = side::each(&new, |(kind, digest)| read(*kind, digest, blobs));
        for (one, (read, subjects)) in new.into_iter().zip(read) {
            self.subjects.extend(subjects.map(|subjects| (one, subjects)));
            let said = match read {
                Read::Missing => Said::Missing,
                Read::Other => Said::Other,
                Read::Rows(rows) => {
                    let rows: Vec<Row> = rows.into_iter().map(|row| row.map(|text| self.place(text))).collect();
                    Said::Rows(self.list(rows))
                }
            };
            self.said.insert(one, said);
        }
        let elsewhere = all
            .into_iter()
            .filter(|(_, about, one)| self.subjects.get(one).is_some_and(|subjects| !about.has(one.0, subjects)));
        self.elsewhere.extend(elsewhere.map(|(entry, _, (_, digest))| (entry, digest)));
    }

    /// All of them are taken in: what served only to find the same again goes.
    pub(super) fn done(self) -> Self {
        Self { texts: self.texts, said: self.said, elsewhere: self.elsewhere, ..Self::default() }
    }

    /// As it was kept: what is read from here is not added to.
    pub(super) fn kept(
        texts: Vec<Arc<str>>,
        said: BTreeMap<(Kind, Sha256), Said>,
        elsewhere: BTreeSet<(u64, Sha256)>,
    ) -> Self {
        Self { texts, said, elsewhere, ..Self::default() }
    }

    /// What became of a statement that the decision at this entry names. One that nobody looked for is none that the package holds.
    pub(super) fn said(&self, entry: u64, kind: Kind, digest: &Sha256) -> &Said {
        if self.elsewhere.contains(&(entry, *digest)) {
            return &Said::Elsewhere;
        }
        self.said.get(&(kind, *digest)).unwrap_or(&Said::Missing)
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

fn read(kind: Kind, digest: &Sha256, blobs: &(dyn Blobs + Sync)) -> (Read, Option<Subjects>) {
    let bytes = blobs.blob(digest);
    let signed = bytes.and_then(|bytes| Signed::parse(&bytes).ok());
    let Some(statement) = signed.and_then(|signed| Statement::parse(&signed.payload).ok()) else {
        return (Read::Missing, None);
    };
    let subjects = Some(Subjects::of(&statement));
    let rows = if kind == Kind::Sbom {
        Inventory::read(&statement.predicate).ok().map(|inventory| components(&inventory))
    } else if kind == Kind::Vulns {
        statement.predicate_as::<Vulns>(kind).ok().map(vulnerabilities)
    } else {
        let plan = statement.predicate_as::<IacPlan>(kind).ok();
        plan.map(|plan| vec![[plan.file.clone(), plan.digest.to_string(), String::new()]])
    };
    (rows.map_or(Read::Other, Read::Rows), subjects)
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
