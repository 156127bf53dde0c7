//! Any SBOM, whoever made it: what questions are asked of it. Read from CycloneDX 1.2 to 1.7 and from SPDX 2.3 and 3.0,
//! and made from other ecosystems' lock files.
//!
//! The bytes stay what they are: this is a view beside them, never a replacement.

pub(crate) mod cyclonedx;
mod form;
pub mod graph;
pub(crate) mod json;
mod needs;
mod spdx2;
mod spdx3;
mod spdx3_licences;
pub(crate) mod write;

pub use form::conversion;

use countersign_core::{json as strict, json::JsonError, limits};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The contexts of the versions of SPDX 3.0 that are read.
pub(crate) const SPDX_3: [&str; 2] =
    ["https://spdx.org/rdf/3.0.0/spdx-context.jsonld", "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"];

/// A format and version that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// CycloneDX of this version.
    CycloneDx(&'static str),
    /// SPDX 2.3.
    Spdx2,
    /// SPDX 3.0.
    Spdx3,
    /// Not read from a document, but made from what a package manager or a compiler left.
    Made,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CycloneDx(version) => write!(f, "CycloneDX {version}"),
            Self::Spdx2 => f.write_str("SPDX 2.3"),
            Self::Spdx3 => f.write_str("SPDX 3.0"),
            Self::Made => f.write_str("what a package manager left"),
        }
    }
}

/// Whether a component takes part at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Scope {
    /// It does; also where nothing is said.
    #[default]
    Required,
    /// It may be left out.
    Optional,
    /// It does not: it builds or tests.
    Excluded,
}

impl Scope {
    /// CycloneDX's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Excluded => "excluded",
        }
    }
}

/// One component.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Item {
    /// Names it within the document. One without is called by its place.
    pub reference: String,
    /// What kind of thing: `library`, `application`, …
    pub kind: String,
    /// Its name, with the group or namespace in front where it has one.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its package URL, as the document has it.
    pub purl: Option<String>,
    /// Its digests by algorithm, in lower-case hexadecimal.
    pub hashes: BTreeMap<String, String>,
    /// Licences: expressions and names.
    pub licences: BTreeSet<String>,
    /// Of these, what whoever made it declares, where the document tells that apart.
    pub declared: BTreeSet<String>,
    /// And what somebody who looked at it found.
    pub concluded: BTreeSet<String>,
    /// Who supplies or makes it.
    pub supplier: Option<String>,
    /// Whether it takes part at run time.
    pub scope: Scope,
    /// Whether its code is in the artifact, where the document says so.
    pub linked: Option<bool>,
    /// Files that it is distributed in.
    pub files: Vec<File>,
    /// The component that it lies in.
    pub inside: Option<String>,
    /// What SPDX says of it in words that CycloneDX has as well, by the name there: `copyright`, `cpe`, `description`, `website`. Only
    /// written, never asked for.
    pub words: BTreeMap<&'static str, String>,
    /// More about it.
    pub properties: Vec<(String, String)>,
}

/// A property with the digest of a file that a component is, or is distributed in, and that has no address.
pub(crate) const FILE_DIGEST: &str = "countersign:file-digest";

/// A property with what a document means by a licence that has a name in that document alone.
pub(crate) const OWN_LICENCE: &str = "countersign:licence";

/// A property with one more package URL of a component: CycloneDX has a place for one alone.
pub(crate) const MORE_PURLS: &str = "countersign:purl";

/// A property with one more CPE name of a component: CycloneDX has a place for one alone.
const MORE_CPES: &str = "countersign:cpe";

/// A file that a component is distributed in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    /// Where it is fetched from.
    pub url: Option<String>,
    /// Its digests by algorithm, in lower-case hexadecimal.
    pub hashes: BTreeMap<String, String>,
}

impl Item {
    /// Whether there is any digest of it, or of a file that it is distributed in.
    #[must_use]
    pub fn has_digest(&self) -> bool {
        !self.hashes.is_empty()
            || self.files.iter().any(|file| !file.hashes.is_empty())
            || self.properties.iter().any(|(name, _)| name == FILE_DIGEST)
    }

    /// A licence, and in which of SPDX's two ways it is said.
    pub(crate) fn take_licence(&mut self, licence: &str, concluded: bool) {
        self.licences.insert(licence.to_owned());
        let said = if concluded { &mut self.concluded } else { &mut self.declared };
        said.insert(licence.to_owned());
    }

    /// Every package URL that the document gives it.
    pub fn purls(&self) -> impl Iterator<Item = &str> {
        let more = self.properties.iter().filter(|(name, _)| name == MORE_PURLS).map(|(_, purl)| purl.as_str());
        self.purl.as_deref().into_iter().chain(more)
    }

    /// Takes one more package URL: the first is the one that it is called by.
    pub(crate) fn take_purl(&mut self, purl: &str) {
        if self.purls().any(|known| known == purl) {
            return;
        }
        match &self.purl {
            None => self.purl = Some(purl.to_owned()),
            Some(_) => self.properties.push((MORE_PURLS.to_owned(), purl.to_owned())),
        }
    }

    /// Takes one more CPE name, likewise.
    fn take_cpe(&mut self, cpe: &str) {
        match self.words.get("cpe") {
            None => drop(self.words.insert("cpe", cpe.to_owned())),
            Some(known) if known == cpe => {}
            Some(_) => self.properties.push((MORE_CPES.to_owned(), cpe.to_owned())),
        }
    }

    /// Takes what stands under keys of SPDX by CycloneDX's names. Whatever the length: it is only written again.
    fn take_words(&mut self, map: &json::Object, keys: [(&'static str, &str); 3]) {
        for (word, key) in keys {
            let said =
                map.get(key).and_then(Value::as_str).filter(|text| !matches!(*text, "" | "NONE" | "NOASSERTION"));
            self.words.extend(said.map(|said| (word, said.to_owned())));
        }
    }

    /// Name and version, for people.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.version {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.clone(),
        }
    }

    /// Whether it counts as part of what runs: linked where that is known, else by its scope.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.linked.unwrap_or(self.scope != Scope::Excluded)
    }
}

/// Who and what made the document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Programs, each with its version where it is known.
    pub tools: Vec<String>,
    /// People and organisations.
    pub authors: Vec<String>,
    /// When, as the document has it.
    pub time: Option<String>,
    /// When in the life of the software it was made: `build`, `post-build`, …
    pub phases: Vec<String>,
    /// The document's own identity.
    pub serial: Option<String>,
}

/// An SBOM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bom {
    /// What it was read from.
    pub format: Format,
    /// What it is about.
    pub root: Option<Item>,
    /// All other components, in the document's order.
    pub items: Vec<Item>,
    /// Who depends on whom, by reference. What is no key here may depend on anything.
    pub edges: BTreeMap<String, BTreeSet<String>>,
    /// Those of them that only hold where what is for development is installed, as far as that is known.
    pub only_dev: BTreeSet<(String, String)>,
    /// References whose dependencies are said to be all, or not all: `complete`, `incomplete`, `unknown`, …
    pub aggregates: BTreeMap<String, String>,
    /// References that are no components: services, files and the like.
    pub others: BTreeSet<String>,
    /// References that something else than a dependency names.
    pub named: BTreeSet<String>,
    /// Who and what made it.
    pub about: About,
}

impl Bom {
    /// An empty one of lock files.
    #[must_use]
    pub fn made() -> Self {
        Self::of(Format::Made)
    }

    const fn of(format: Format) -> Self {
        Self {
            format,
            root: None,
            items: Vec::new(),
            edges: BTreeMap::new(),
            only_dev: BTreeSet::new(),
            aggregates: BTreeMap::new(),
            others: BTreeSet::new(),
            named: BTreeSet::new(),
            about: About { tools: Vec::new(), authors: Vec::new(), time: None, phases: Vec::new(), serial: None },
        }
    }

    /// Root and components.
    pub fn all(&self) -> impl Iterator<Item = &Item> {
        self.root.iter().chain(&self.items)
    }

    /// References that name nothing in the document, nor in another by its own name (BOM-Link).
    #[must_use]
    pub fn dangling(&self) -> BTreeSet<&str> {
        let named: BTreeSet<&str> =
            self.all().map(|item| item.reference.as_str()).chain(self.others.iter().map(String::as_str)).collect();
        let all = self.edges.iter().flat_map(|(from, to)| std::iter::once(from).chain(to)).chain(&self.named);
        let elsewhere = |reference: &str| reference.starts_with("urn:cdx:");
        all.map(String::as_str).filter(|reference| !named.contains(reference) && !elsewhere(reference)).collect()
    }

    /// Whether a component's dependencies are said, and nothing says that these are not all.
    #[must_use]
    pub fn says_all(&self, item: &Item) -> bool {
        let aggregate = self.aggregates.get(&item.reference).map(String::as_str);
        self.edges.contains_key(&item.reference) && matches!(aggregate, None | Some("complete" | "not_specified"))
    }

    /// Components, the root included, that may depend on more than is said.
    pub fn without_all_dependencies(&self) -> impl Iterator<Item = &Item> {
        self.all().filter(|item| !self.says_all(item))
    }
}

/// A document as it was read: its format, its value, and the view.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Format and version.
    pub format: Format,
    /// The JSON.
    pub value: Value,
}

/// Why bytes are not an SBOM that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// Not the JSON that is read.
    #[error("not JSON that can be read: {0}")]
    Json(#[from] JsonError),
    /// Another format.
    #[error("{found} is not read")]
    Format {
        /// What it looks like.
        found: String,
    },
    /// A value of another shape than the format gives it.
    #[error("{at}: expected {expected}")]
    Shape {
        /// Where: a JSON pointer.
        at: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// More than the limit.
    #[error("{at}: more than {limit} {what}")]
    TooMany {
        /// Where: a JSON pointer.
        at: String,
        /// What there is too much of.
        what: &'static str,
        /// How many are read.
        limit: usize,
    },
    /// One reference names two things.
    #[error("{at}: reference {reference:?} is already taken")]
    DuplicateReference {
        /// Where the second one is: a JSON pointer.
        at: String,
        /// The reference.
        reference: String,
    },
}

const CYCLONEDX: [&str; 6] = ["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"];

impl Document {
    /// Reads the JSON, strictly, and finds out what it is.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if let Some(form) = form::other_form(bytes) {
            return Err(DocumentError::Format { found: form.to_owned() });
        }
        within(bytes)?;
        let value = strict::parse_within(bytes, limits::SBOM_BYTES)?;
        Ok(Self { format: format_of(&value)?, value })
    }

    /// The view.
    pub fn bom(&self) -> Result<Bom, DocumentError> {
        match self.format {
            Format::CycloneDx(_) => cyclonedx::read(&self.value, self.format),
            Format::Spdx2 => spdx2::read(&self.value),
            Format::Spdx3 => spdx3::read(&self.value),
            Format::Made => Err(DocumentError::Format { found: self.format.to_string() }),
        }
    }
}

/// Holds what a text would become in memory against the bounds before any of it is made.
fn within(bytes: &[u8]) -> Result<(), DocumentError> {
    let (objects, values) = strict::parts(bytes.get(..limits::SBOM_BYTES).unwrap_or(bytes));
    for (count, what, limit) in [(objects, "objects", limits::SBOM_OBJECTS), (values, "values", limits::SBOM_VALUES)] {
        if count > limit {
            return Err(DocumentError::TooMany { at: "the document".to_owned(), what, limit });
        }
    }
    Ok(())
}

fn format_of(value: &Value) -> Result<Format, DocumentError> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let other = |found: String| Err(DocumentError::Format { found });
    let short = |text: &str| text.chars().take(40).collect::<String>();
    if let Some(format) = text("bomFormat") {
        let version = text("specVersion").unwrap_or_default();
        return match CYCLONEDX.into_iter().find(|known| *known == version) {
            Some(known) if format == "CycloneDX" => Ok(Format::CycloneDx(known)),
            _ if format == "CycloneDX" => other(format!("CycloneDX of version {:?}", short(version))),
            _ => other(format!("a document of format {:?}", short(format))),
        };
    }
    if let Some(version) = text("spdxVersion") {
        return if version == "SPDX-2.3" {
            Ok(Format::Spdx2)
        } else {
            other(format!("SPDX of version {:?}", short(version)))
        };
    }
    let context = match value.get("@context") {
        Some(Value::Array(list)) => list.first().and_then(Value::as_str),
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match context {
        Some(context) if SPDX_3.contains(&context) => Ok(Format::Spdx3),
        Some(context) if context.contains("spdx.org") => other(format!("SPDX with the context {:?}", short(context))),
        _ => other("a JSON document without bomFormat, spdxVersion or SPDX's @context".to_owned()),
    }
}
