//! From an inventory to a document of one version of CycloneDX, with a list of what that version has no place for.

use super::{
    Facts, Organization, Spec,
    document::{
        Composition, Contact, Dependency, Document, Entry, Evidence, Hash, License, Lifecycle, Metadata, NamedLicense,
        Occurrence, Organisation, Property, Reference, Tool, Tools, property,
    },
};
use crate::inventory::{Audit, Component, Inventory, Kind, Licence, Native, NativeCode, Sha512, Shape, Source};
use crate::people::is_email;
use countersign_core::{cyclonedx::WORKSPACE_MEMBER, digest::Sha256};
use std::collections::BTreeSet;

/// What an inventory out of a lock file alone is.
const OVER: &str = "over-approximation: every package that the lock file holds, for any target, feature and test";

/// How much of the dependencies is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Known {
    /// All.
    Complete,
    /// Not all: the package links native code that is not listed.
    Incomplete,
    /// Perhaps not all: the package has a build script.
    Unknown,
}

impl Known {
    const fn of(inventory: &Inventory, component: &Component) -> Self {
        if inventory.build.lock_only {
            return Self::Unknown;
        }
        match (component.kind, &component.native) {
            (Kind::StandardLibrary | Kind::Compiler, _) | (_, Native::Links(_)) => Self::Incomplete,
            (_, Native::No) => Self::Complete,
            (_, Native::Possible) => Self::Unknown,
        }
    }
}

struct Fill<'a> {
    inventory: &'a Inventory,
    facts: &'a Facts,
    spec: Spec,
    left_out: BTreeSet<&'static str>,
}

pub(super) fn document(inventory: &Inventory, facts: &Facts, spec: Spec) -> (Document, BTreeSet<&'static str>) {
    let mut fill = Fill { inventory, facts, spec, left_out: BTreeSet::new() };
    let document = fill.document();
    (document, fill.left_out)
}

impl Fill<'_> {
    /// Whether this version is at least that one; if not, what is left out.
    fn from(&mut self, since: Spec, what: &'static str) -> bool {
        let has = self.spec >= since;
        if !has {
            self.left_out.insert(what);
        }
        has
    }

    fn document(&mut self) -> Document {
        let inventory = self.inventory;
        let everything = || std::iter::once(&inventory.root).chain(&inventory.components);
        let mut dependencies = Vec::new();
        for component in everything() {
            let natives: Vec<String> =
                component.content.native.iter().map(|native| native_reference(component, native)).collect();
            let depends_on = component.depends_on.iter().chain(&natives).cloned().collect();
            dependencies.push(Dependency { r#ref: component.reference.clone(), depends_on });
            dependencies.extend(natives.into_iter().map(|r#ref| Dependency { r#ref, depends_on: Vec::new() }));
        }
        let metadata = self.metadata();
        Document {
            schema: Some(format!("http://cyclonedx.org/schema/bom-{}.schema.json", self.spec.as_str())),
            bom_format: "CycloneDX",
            spec_version: self.spec.as_str(),
            serial_number: None,
            version: 1,
            metadata,
            components: inventory.components.iter().map(|component| self.entry(component)).collect(),
            dependencies,
            compositions: compositions(inventory),
        }
    }

    fn metadata(&mut self) -> Metadata {
        let people = &self.facts.people;
        let phase = if self.facts.artifact.is_some() { "build" } else { "pre-build" };
        let lifecycles = if self.from(Spec::V1_5, "the phase of its life in which the document was made") {
            vec![Lifecycle { phase }]
        } else {
            Vec::new()
        };
        let (name, version) = ("countersign".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let tools = if self.spec >= Spec::V1_5 {
            Tools::Components { components: vec![Entry { r#type: "application", name, version, ..Entry::default() }] }
        } else {
            Tools::Older(vec![Tool { name, version }])
        };
        let authors = people.authors.iter().map(|person| contact(&person.name, person.email.as_deref())).collect();
        let manufacture = if self.spec < Spec::V1_6 { people.manufacturer.as_ref().map(organisation) } else { None };
        Metadata {
            timestamp: self.facts.time,
            lifecycles,
            tools,
            authors,
            component: Box::new(self.root()),
            manufacture,
            supplier: people.supplier.as_ref().map(organisation),
            properties: self.build_properties(),
        }
    }

    /// The artifact, with what its package says. It has no package URL: that would name the package, not this build.
    fn root(&mut self) -> Entry {
        let root = &self.inventory.root;
        let r#type = match self.inventory.shape {
            Shape::Program | Shape::Workspace => "application",
            Shape::Library => "library",
        };
        let mut entry = self.entry(root);
        if let Some(contact) = &self.facts.people.security_contact
            && self.from(Spec::V1_5, "where to report a vulnerability")
        {
            let (r#type, url) = ("security-contact", contact.clone());
            entry.external_references.push(Reference { r#type, url, comment: None, hashes: Vec::new() });
        }
        Entry {
            r#type,
            name: self.inventory.binary.clone(),
            scope: None,
            hashes: hashes(self.facts.artifact, self.facts.artifact_sha512),
            ..entry
        }
    }

    fn build_properties(&self) -> Vec<Property> {
        let (inventory, build) = (self.inventory, &self.inventory.build);
        let what = match inventory.shape {
            Shape::Program => "countersign:binary",
            Shape::Library => "countersign:library",
            Shape::Workspace => "countersign:workspace",
        };
        let mut properties =
            vec![property("countersign:package", &*inventory.root.name), property(what, &*inventory.binary)];
        if build.lock_only {
            properties.push(property("countersign:approximation", OVER));
        } else {
            properties.extend([
                property("countersign:target", &*build.target),
                property("countersign:host", &*build.host),
                property("countersign:features", joined(&build.features)),
                property("countersign:resolver", build.resolver),
            ]);
        }
        properties.push(property("countersign:cargo-lock", build.lock.to_string()));
        let missing = unknown(self.facts);
        if !missing.is_empty() {
            properties.push(property("countersign:unknown", missing.join(",")));
        }
        properties
    }

    fn entry(&mut self, component: &Component) -> Entry {
        let people = &self.facts.people;
        let own = component.workspace_member || component.kind == Kind::Workspace;
        let content = &component.content;
        let mut authors: Vec<Contact> = content.authors.iter().map(|author| of_author(author)).collect();
        if matches!(component.source, Source::Toolchain { .. }) {
            authors.push(contact("The Rust Project Developers", None));
        }
        let (authors, author) = if self.spec >= Spec::V1_6 {
            (authors, None)
        } else {
            (Vec::new(), (!content.authors.is_empty()).then(|| content.authors.join(", ")))
        };
        let manufacturer = people.manufacturer.as_ref().filter(|_| own && self.spec >= Spec::V1_6).map(organisation);
        Entry {
            r#type: if component.kind == Kind::Compiler { "application" } else { "library" },
            reference: Some(component.reference.clone()),
            supplier: if own { people.supplier.as_ref().map(organisation) } else { supplier(component) },
            manufacturer: manufacturer.or_else(|| self.maker(component)),
            authors,
            author,
            name: component.name.clone(),
            version: component.version.clone(),
            description: content.description.clone(),
            scope: scope(component),
            hashes: hashes(component.checksum, content.sha512).into_iter().chain(tree_hash(component)).collect(),
            licenses: component.licence.iter().map(|licence| self.license(licence)).collect(),
            copyright: people.copyright.clone().filter(|_| own),
            purl: component.purl.as_ref().map(ToString::to_string),
            swhid: self.swhid(component),
            external_references: Self::references(component),
            properties: component_properties(component),
            components: content.native.iter().map(|native| self.native(component, native)).collect(),
            evidence: self.evidence(component),
        }
    }

    /// Who made the compiler and its library, whoever hands them out.
    fn maker(&self, component: &Component) -> Option<Organisation> {
        let rust = matches!(component.source, Source::Toolchain { .. }) && self.spec >= Spec::V1_6;
        rust.then(rust_project)
    }

    /// The folder's identity by its contents alone.
    fn swhid(&mut self, component: &Component) -> Vec<String> {
        let tree = component.content.tree.as_ref().filter(|tree| tree.len() == 40);
        match tree {
            Some(tree) if self.from(Spec::V1_6, "identities of folders by their contents") => {
                vec![format!("swh:1:dir:{tree}")]
            }
            _ => Vec::new(),
        }
    }

    fn license(&mut self, licence: &Licence) -> License {
        let has = self.from(Spec::V1_6, "the word that a licence is declared, not concluded");
        let acknowledgement = has.then_some("declared");
        let named = |name: String| License::License(NamedLicense { name, acknowledgement, properties: Vec::new() });
        match licence {
            Licence::Expression(text) => License::Expression { expression: text.clone(), acknowledgement },
            Licence::Named(name) => named(name.clone()),
            Licence::File(name) => named(format!("file {name}")),
        }
    }

    fn evidence(&mut self, component: &Component) -> Option<Evidence> {
        let files = &component.content.licence_files;
        if files.is_empty() || !self.from(Spec::V1_5, "digests of files with texts of licences") {
            return None;
        }
        let licenses = files
            .iter()
            .map(|file| {
                let name = format!("file {}", file.name);
                let properties = vec![property("countersign:sha256", file.digest.hex())];
                License::License(NamedLicense { name, acknowledgement: None, properties })
            })
            .collect();
        Some(Evidence { occurrences: Vec::new(), licenses })
    }

    fn native(&mut self, component: &Component, native: &NativeCode) -> Entry {
        let occurrences = if self.from(Spec::V1_5, "the files by which build scripts compile other languages") {
            let with_context = self.from(Spec::V1_6, "what build scripts say of sources in other languages");
            native
                .because
                .iter()
                .map(|(file, names)| Occurrence {
                    location: file.clone(),
                    additional_context: with_context.then(|| format!("names {names}")),
                })
                .collect()
        } else {
            Vec::new()
        };
        let plain = |folder: &&str| folder.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b));
        let first = || native.because.first().map(|(_, path)| path.as_str());
        let sub = native.folder.as_deref().or_else(first).filter(plain);
        // A part of the package that carries it: by the same archive, whose digests are therefore its own.
        let purl = component.purl.as_ref().zip(sub).map(|(purl, folder)| format!("{purl}#{folder}"));
        let carried = || format!("{}-{}", component.name, component.version);
        let unknown = if native.version.is_none() { "version,licence,producer" } else { "licence,producer" };
        let mut properties = vec![
            property("countersign:native", "true"),
            property("countersign:native-files", native.files.to_string()),
            property("countersign:hash-of", "the package that carries it"),
            property("countersign:unknown", unknown),
            property(WORKSPACE_MEMBER, component.workspace_member.to_string()),
        ];
        if native.or_system {
            properties.push(property("countersign:native-or-system", "true"));
        }
        Entry {
            r#type: "library",
            reference: Some(native_reference(component, native)),
            name: native.name.clone(),
            // Of sources whose own version nobody tells: which package they came with.
            version: native.version.clone().unwrap_or_else(carried),
            // It was handed out within its package; who made it is not known.
            supplier: supplier(component),
            scope: scope(component),
            hashes: hashes(component.checksum, component.content.sha512)
                .into_iter()
                .chain(tree_hash(component))
                .collect(),
            licenses: vec![self.license(&Licence::Named("NOASSERTION".to_owned()))],
            purl,
            properties,
            evidence: (!occurrences.is_empty()).then_some(Evidence { occurrences, licenses: Vec::new() }),
            ..Entry::default()
        }
    }

    fn references(component: &Component) -> Vec<Reference> {
        let (name, version) = (&component.name, &component.version);
        let content = &component.content;
        let plain = |r#type, url: &str| Reference { r#type, url: url.to_owned(), comment: None, hashes: Vec::new() };
        let vcs = |url: &str| Reference {
            comment: content.vcs.as_ref().map(|vcs| format!("commit {}", vcs.commit)),
            ..plain("vcs", url)
        };
        let mut references = match &component.source {
            Source::CratesIo => {
                let version = version.replace('+', "%2B");
                let url = format!("https://static.crates.io/crates/{name}/{name}-{version}.crate");
                vec![Reference { hashes: hashes(component.checksum, content.sha512), ..plain("distribution", &url) }]
            }
            Source::Git { repository, .. } => vec![plain("vcs", repository)],
            Source::Toolchain { .. } => vec![plain("vcs", "https://github.com/rust-lang/rust")],
            Source::Registry(_) | Source::Disk { .. } | Source::Path => Vec::new(),
        };
        if let Some(repository) = &content.repository
            && !matches!(component.source, Source::Git { .. })
        {
            references.push(vcs(repository));
        }
        references
    }
}

/// What nobody told.
pub(crate) fn unknown(facts: &Facts) -> Vec<&'static str> {
    let people = &facts.people;
    [
        ("author", people.authors.is_empty()),
        ("manufacturer", people.manufacturer.is_none()),
        ("supplier", people.supplier.is_none()),
        ("copyright", people.copyright.is_none()),
        ("security-contact", people.security_contact.is_none()),
        ("timestamp", facts.time.is_none()),
        ("artifact", facts.artifact.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, missing)| missing.then_some(name))
    .collect()
}

fn rust_project() -> Organisation {
    Organisation {
        name: "The Rust Project".to_owned(),
        url: vec!["https://rust-lang.org".to_owned()],
        contact: Vec::new(),
    }
}

/// The id of the folder's git tree is a digest of all that is in it. In a SHA-256 repository it stands as a property
/// instead: a component's SHA-256 is that of its archive, and is looked up as one.
fn tree_hash(component: &Component) -> Option<Hash> {
    let tree = component.content.tree.as_ref().filter(|tree| tree.len() == 40)?;
    Some(Hash { alg: "SHA-1", content: tree.clone() })
}

/// Who hands out what is not ours: the registry, which is known; people are not.
fn supplier(component: &Component) -> Option<Organisation> {
    match (component.kind, &component.source) {
        (Kind::Package, Source::CratesIo) => Some(Organisation {
            name: "crates.io".to_owned(),
            url: vec!["https://crates.io".to_owned()],
            contact: Vec::new(),
        }),
        _ => None,
    }
}

fn organisation(of: &Organization) -> Organisation {
    Organisation {
        name: of.name.clone(),
        url: of.urls.clone(),
        contact: of.email.iter().map(|email| Contact { name: None, email: Some(email.clone()) }).collect(),
    }
}

fn contact(name: &str, email: Option<&str>) -> Contact {
    Contact { name: Some(name.to_owned()), email: email.map(str::to_owned) }
}

/// `NAME <ADDRESS>`, as manifests have it.
fn of_author(text: &str) -> Contact {
    let parts = text.split_once('<').map(|(name, rest)| (name.trim(), rest.trim_end().trim_end_matches('>')));
    match parts {
        Some((name, email)) if !name.is_empty() && is_email(email) => contact(name, Some(email)),
        _ => contact(text, None),
    }
}

fn hashes(short: Option<Sha256>, long: Option<Sha512>) -> Vec<Hash> {
    let short = short.map(|digest| Hash { alg: "SHA-256", content: digest.hex() });
    let long = long.map(|digest| Hash { alg: "SHA-512", content: digest.hex() });
    short.into_iter().chain(long).collect()
}

/// Nothing where it is not known whether the package is in the artifact.
fn scope(component: &Component) -> Option<&'static str> {
    if component.is_linked() {
        Some("required")
    } else {
        (component.built.is_some() || component.dev.is_some()).then_some("excluded")
    }
}

fn native_reference(component: &Component, native: &NativeCode) -> String {
    format!("native:{}:{}", native.name, component.reference)
}

fn component_properties(component: &Component) -> Vec<Property> {
    if component.kind != Kind::Package {
        let word = match component.kind {
            Kind::StandardLibrary => "standard library",
            Kind::Compiler => "compiler",
            Kind::Native => "native",
            Kind::Workspace | Kind::Package => "workspace",
        };
        let commit = if let Source::Toolchain { commit } = &component.source { commit.as_deref() } else { None };
        let commit = commit.map(|commit| property("countersign:commit", commit));
        let hash_of = component.content.hash_of.map(|what| property("countersign:hash-of", what));
        return [property("countersign:kind", word)].into_iter().chain(commit).chain(hash_of).collect();
    }
    let mut properties = vec![
        property("countersign:source", component.source.word()),
        property(WORKSPACE_MEMBER, component.workspace_member.to_string()),
    ];
    match &component.source {
        Source::Git { commit, .. } | Source::Disk { commit: Some(commit) } => {
            properties.push(property("countersign:commit", &**commit));
        }
        Source::CratesIo
        | Source::Registry(_)
        | Source::Disk { commit: None }
        | Source::Path
        | Source::Toolchain { .. } => {}
    }
    match &component.content.tree {
        Some(tree) if tree.len() == 40 => properties.push(property("countersign:hash-of", "the folder's git tree")),
        Some(tree) => properties.push(property("countersign:git-tree", tree)),
        None => {}
    }
    if let Some(vcs) = &component.content.vcs {
        properties.push(property("countersign:packed-from", &*vcs.commit));
        if !vcs.folder.is_empty() {
            properties.push(property("countersign:packed-from-folder", &*vcs.folder));
        }
        if vcs.dirty {
            properties.push(property("countersign:packed-from-dirty", "true"));
        }
    }
    if let Some(features) = &component.linked {
        properties.push(property("countersign:linked", "true"));
        properties.push(property("countersign:features:linked", joined(features)));
    }
    if let Some(features) = &component.built {
        properties.push(property("countersign:runs-at-build", "true"));
        properties.push(property("countersign:features:build", joined(features)));
    }
    if let Some(features) = &component.dev {
        properties.push(property("countersign:dev", "true"));
        properties.push(property("countersign:features:dev", joined(features)));
    }
    match &component.native {
        Native::No => {}
        Native::Possible => properties.push(property("countersign:build-script", "true")),
        Native::Links(library) => properties.push(property("countersign:links", &**library)),
    }
    for Audit { criteria, by, exempted } in &component.content.audits {
        let name = if *exempted { "countersign:vet:exempted" } else { "countersign:vet:audited" };
        let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        properties.push(property(name, format!("{criteria}{by}")));
    }
    properties
}

fn joined(features: &BTreeSet<String>) -> String {
    features.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

/// What is known to be all, and what is not. The artifact also holds parts of the standard library and whatever native
/// code was linked, which no package accounts for: as an assembly it is never complete.
fn compositions(inventory: &Inventory) -> Vec<Composition> {
    let of = |aggregate, known| {
        let all = std::iter::once(&inventory.root).chain(&inventory.components);
        let dependencies: Vec<String> = all
            .filter(|component| Known::of(inventory, component) == known)
            .map(|component| component.reference.clone())
            .collect();
        (!dependencies.is_empty()).then_some(Composition { aggregate, assemblies: Vec::new(), dependencies })
    };
    let mut compositions = vec![Composition {
        aggregate: if inventory.build.lock_only { "unknown" } else { "incomplete" },
        assemblies: vec![inventory.root.reference.clone()],
        dependencies: Vec::new(),
    }];
    compositions.extend(of("complete", Known::Complete));
    compositions.extend(of("incomplete", Known::Incomplete));
    compositions.extend(of("unknown", Known::Unknown));
    let natives: Vec<String> = std::iter::once(&inventory.root)
        .chain(&inventory.components)
        .flat_map(|component| component.content.native.iter().map(|native| native_reference(component, native)))
        .collect();
    if !natives.is_empty() {
        let aggregate = "unknown";
        compositions.push(Composition { aggregate, assemblies: Vec::new(), dependencies: natives });
    }
    compositions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_of_manifests_are_taken_apart_only_where_they_have_the_form() {
        let said = |text: &str| {
            let contact = of_author(text);
            (contact.name.unwrap(), contact.email)
        };
        assert_eq!(said("A B <a.b@example.com>"), ("A B".to_owned(), Some("a.b@example.com".to_owned())));
        for text in ["A B", "A <a@b@c>", "<a@example.com>", "A <not an address>", "A <a..b@example.com>"] {
            assert_eq!(said(text), (text.to_owned(), None));
        }
    }
}
