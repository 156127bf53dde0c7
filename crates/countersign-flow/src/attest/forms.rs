//! What the forms of Cloud Build's provenance say of the ref that lie in one document beside each other. Each is read once: a document may
//! hold thousands of them, and whoever hands it in may repeat one.

use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::slsa::Facts;
use countersign_core::slsa::facts::PROVENANCE_V01;
use countersign_core::statement::Statement;
use countersign_verify::attest::{Shown, ShownSigner};
use std::collections::{BTreeMap, BTreeSet};

/// The most other refs that are named where forms contradict each other.
const NAMED: usize = 5;

/// What one form says.
struct Said {
    reference: String,
    /// Of which build, where it says so.
    build: Option<String>,
    /// Whether it is the older one, which has the tag among what the build was told.
    older: bool,
}

/// Refs, by the build of which they are said.
#[derive(Default)]
struct Refs {
    all: BTreeSet<String>,
    of_build: BTreeMap<String, BTreeSet<String>>,
    /// Of which nobody says of which build they are: they are held against every one.
    of_any: BTreeSet<String>,
}

impl Refs {
    fn add(&mut self, said: &Said) {
        self.all.insert(said.reference.clone());
        let of = match &said.build {
            Some(build) => self.of_build.entry(build.clone()).or_default(),
            None => &mut self.of_any,
        };
        of.insert(said.reference.clone());
    }

    /// The two sets that a form of this build is held against.
    fn beside(&self, build: Option<&String>) -> [Option<&BTreeSet<String>>; 2] {
        match build {
            Some(build) => [self.of_build.get(build), Some(&self.of_any)],
            None => [Some(&self.all), None],
        }
    }
}

/// The forms in one document.
pub(super) struct Forms {
    /// In their order; nothing where one names no ref.
    each: Vec<Option<Said>>,
    refs: Refs,
    /// Of those that are not the older one.
    newer: Refs,
}

impl Forms {
    /// Reads them, where they are Cloud Build's.
    pub(super) fn of(group: &[(&str, &Shown)]) -> Option<Self> {
        let by_cloud_build =
            |shown: &Shown| shown.signers().iter().any(|signer| matches!(signer, ShownSigner::CloudBuild { .. }));
        if !group.iter().any(|(_, shown)| by_cloud_build(shown)) {
            return None;
        }
        let each: Vec<Option<Said>> = group.iter().map(|(_, shown)| said(shown)).collect();
        let (mut refs, mut newer) = (Refs::default(), Refs::default());
        for said in each.iter().flatten() {
            refs.add(said);
            if !said.older {
                newer.add(said);
            }
        }
        Some(Self { each, refs, newer })
    }

    fn said(&self, number: usize) -> Option<&Said> {
        self.each.get(number)?.as_ref()
    }

    /// A form of one build's provenance may say what whoever started the build told it: where a ref is expected, the others of that build
    /// have to say the same. (A document of Cloud Build's is about an image, which may have been built twice.)
    pub(super) fn contradicted(&self, number: usize, place: &str) -> Option<Finding> {
        let own = self.said(number)?;
        let beside = self.refs.beside(own.build.as_ref());
        let others = beside.into_iter().flatten().flatten().filter(|other| **other != own.reference);
        let mut refs: BTreeSet<&str> = others.take(NAMED).map(String::as_str).collect();
        if refs.is_empty() {
            return None;
        }
        refs.insert(&own.reference);
        let found = refs.into_iter().collect::<Vec<_>>().join(", and ");
        let what = "the forms of one build's provenance name several refs";
        Some(Finding::new(codes::PROVENANCE_CONTRADICTS, what).at(place).found(found))
    }

    /// Cloud Build's older form has the tag among what whoever starts a build by hand may tell it. It may be all that there is, and whoever
    /// hands in a document may as well have taken out the form that says otherwise: where none says the same, that is said.
    pub(super) fn told(&self, number: usize, place: &str) -> Option<Finding> {
        let own = self.said(number).filter(|own| own.older)?;
        let mut newer = self.newer.beside(own.build.as_ref()).into_iter().flatten();
        if newer.any(|refs| refs.contains(&own.reference)) {
            return None;
        }
        let what =
            "the older form of Cloud Build's provenance alone names the tag, which whoever starts a build may tell it";
        let help = "hand in the whole document, as `gcloud artifacts docker images describe --show-provenance` writes it; where it has no newer \
                    form, expect the commit as well: --commit";
        let found = own.reference.as_str();
        Some(Finding::new(codes::PROVENANCE_TAG_TOLD, what).at(place).found(found).help(help))
    }
}

fn said(shown: &Shown) -> Option<Said> {
    let statement = shown.statement()?;
    let reference = Facts::of(statement).ok()?.reference?;
    let older = statement.predicate_type.as_str() == PROVENANCE_V01;
    Some(Said { reference, build: build_of(statement), older })
}

/// Which build of its builder's it was, where provenance says so. One form has the number alone, and another an address that ends in it.
fn build_of(statement: &Statement) -> Option<String> {
    let places = ["/metadata/buildInvocationId", "/metadata/buildInvocationID", "/runDetails/metadata/invocationId"];
    let id = places.iter().find_map(|place| statement.predicate.pointer(place)?.as_str())?;
    id.rsplit('/').next().filter(|id| !id.is_empty()).map(str::to_owned)
}
