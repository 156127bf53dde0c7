//! `sbom from`: an SBOM out of what another package manager or a compiler left.

use super::make::pretty;
use super::{hidden_text, schema_findings};
use crate::error::FlowError;
use crate::output::SbomMade;
use countersign_collect::artifact;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::time::Time;
use countersign_record::atomic::write_atomic;
use countersign_sbom::bom::{Document, Format, Scope};
use countersign_sbom::packages::{self, Ecosystem, Kind, Made, PackagesError};
use countersign_sbom::{Facts, People, convert};
use std::path::Path;

/// What an SBOM is made of.
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    /// A lock file, a folder, a wheel or a binary.
    pub source: &'a Path,
    /// What it is to be taken for, where it is not to be found out.
    pub ecosystem: Option<Ecosystem>,
    /// The built file, where the source is not that itself.
    pub artifact: Option<&'a Path>,
    /// The archive that the built file, which the source is, is handed out in.
    pub packed_in: Option<&'a Path>,
    /// What the document is about, where the source does not say, or says otherwise.
    pub name: Option<&'a str>,
    /// Its version.
    pub version: Option<&'a str>,
    /// Whether what only builds or tests is left out.
    pub without_dev: bool,
    /// The file with what only people know; that of the source's folder where none is named.
    pub config: Option<&'a Path>,
    /// When the document is made; left out where not given.
    pub time: Option<Time>,
    /// Where to write it.
    pub output: Option<&'a Path>,
}

/// Makes it, holds it against the schema, and writes it whole or not at all.
pub fn from(request: &From<'_>) -> Result<(SbomMade, Vec<u8>), FlowError> {
    let mut facts = Facts { people: people(request)?, time: request.time, ..Facts::default() };
    let mut made = packages::read(request.source, request.ecosystem).map_err(refused)?;
    let itself = matches!(made.kind, Kind::Wheel | Kind::GoBinary | Kind::Auditable);
    if let Some(root) = made.bom.root.as_mut().filter(|_| request.packed_in.is_none()) {
        let other = request.name.is_some_and(|name| *name != root.name)
            || request.version.is_some_and(|version| root.version.as_deref() != Some(version));
        // A package of another name or version is not the one that its identity names.
        if other {
            root.purl = None;
        }
        if let Some(name) = request.name {
            name.clone_into(&mut root.name);
        }
        if let Some(version) = request.version {
            root.version = Some(version.to_owned());
        }
        if let Some(path) = request.artifact {
            let digest = artifact::hash(path)?.digest;
            // What was read is the built file itself: it would be called by another one's digest.
            if let Some(own) = made.digest.filter(|own| itself && *own != digest) {
                return Err(FlowError::Usage(format!(
                    "{} is the built file itself, and --artifact names another one: it has {own}, and {} has {digest}; leave --artifact out, \
                     or say --packed-in where that is an archive which the file is handed out in",
                    made.path.display(),
                    path.display()
                )));
            }
            root.hashes.insert("SHA-256".to_owned(), digest.hex());
            facts.artifact = Some(digest);
        }
    }
    if let Some(archive) = request.packed_in {
        facts.artifact = Some(pack(&mut made, itself, archive, request)?);
    }
    facts.artifact = facts.artifact.or_else(|| made.digest.filter(|_| itself));
    let built = itself || request.artifact.is_some() || made.kind == Kind::Installed;
    made.bom.about.phases = vec![
        if itself {
            "post-build"
        } else if built {
            "build"
        } else {
            "pre-build"
        }
        .to_owned(),
    ];
    let left_out = request.without_dev && made.leave_out_dev();
    let source = made.digest.unwrap_or_else(|| Sha256::of(made.read_as.as_bytes()));
    let value = convert::made_to_cyclonedx(&made.bom, made.digest.as_ref(), &made.read_as, left_out, &facts);
    let document = Document { format: Format::CycloneDx("1.6"), value };
    let place = request.output.unwrap_or(request.source);
    let faults = schema_findings(&document, place)?;
    if !faults.is_empty() {
        return Err(FlowError::Refused(faults));
    }
    let bytes = pretty(&document.value)?;
    if let Some(path) = request.output {
        write_atomic(path, &bytes, 0o644)?;
    }
    let shown = made.path.display().to_string();
    let partial = made.partial.iter().map(|text| Finding::new(codes::SBOM_PARTIAL, text.clone()).at(shown.clone()));
    let findings: Vec<Finding> = partial.chain(hidden_text(&made.bom, &shown)).collect();
    let count = |scope: Scope| made.bom.items.iter().filter(|item| item.scope == scope).count();
    let document = if request.output.is_none() { Some(document.value) } else { None };
    let answer = SbomMade {
        source: shown,
        read_as: made.read_as,
        source_digest: made.digest.map(|_| source),
        output: request.output.map(|path| path.display().to_string()),
        document,
        digest: Sha256::of(&bytes),
        components: made.bom.items.len(),
        required: count(Scope::Required),
        optional: count(Scope::Optional),
        excluded: count(Scope::Excluded),
        dependencies: made.bom.edges.values().map(std::collections::BTreeSet::len).sum(),
        without_digest: made.bom.items.iter().filter(|item| !item.has_digest()).count(),
        findings,
    };
    Ok((answer, bytes))
}

/// What contradicts itself, or is cut short, is refused, and not a file that cannot be read.
fn refused(error: PackagesError) -> FlowError {
    let PackagesError::Malformed { path, at, what } = error else { return error.into() };
    let finding = Finding::new(codes::PACKAGES_MALFORMED, what).at(path.display().to_string()).at(at);
    FlowError::Refused(vec![if path.extension().is_some_and(|end| end == "whl") {
        finding.help("fetch the wheel again, and hold it against the digest that its index names")
    } else {
        finding
    }])
}

fn damaged(error: PackagesError) -> FlowError {
    let PackagesError::Malformed { path, at, what } = error else { return error.into() };
    let finding = Finding::new(codes::PACKAGES_MALFORMED, what).at(path.display().to_string()).at(at);
    FlowError::Refused(vec![finding.help("pack the file again, or fetch the archive again, and name that one")])
}

/// The document is about the archive, whose digest stands in it, and what was read is a component of it. Refused is an archive that
/// is looked through to the end and does not hold the file.
fn pack(made: &mut Made, itself: bool, archive: &Path, request: &From<'_>) -> Result<Sha256, FlowError> {
    let shown = archive.display();
    let Some(own) = made.digest.filter(|_| itself) else {
        return Err(FlowError::Usage(format!(
            "--packed-in is for a binary or a wheel, and {} is {}: name what was built of it with --artifact",
            made.path.display(),
            made.read_as
        )));
    };
    let hashed = artifact::hash(archive)?;
    if hashed.digest == own {
        let what = format!("{shown} is that file itself and no archive which holds it: leave --packed-in out");
        return Err(FlowError::Usage(what));
    }
    let (more, aggregate) = match packages::look(archive, &own).map_err(damaged)? {
        None => {
            let what =
                format!("{shown} is no zip or tar archive that is read: whether it holds the file was not looked at");
            (Some(what), "unknown")
        }
        Some(content) => {
            let beside = content.beside;
            if !content.found && content.archives == 0 && content.unseen.is_empty() {
                let (path, word) = (made.path.display(), if beside == 1 { "file" } else { "files" });
                return Err(FlowError::Usage(format!(
                    "{shown} does not hold {path}: of its {beside} {word} none has {own}; name the very file that was packed"
                )));
            }
            let (names, cut) = (content.names.join(", "), if beside > content.names.len() { ", …" } else { "" });
            let unseen = content.unseen.join("; ");
            let not_looked = || format!("not all of {shown} was looked at: {unseen}");
            if !content.found && content.unseen.is_empty() {
                let what = format!(
                    "{shown} holds the file at most in another archive ({names}{cut}): whether it does was not looked at"
                );
                (Some(what), "unknown")
            } else if !content.found {
                (Some(format!("{}; what was looked at does not hold the file", not_looked())), "unknown")
            } else if beside == 0 {
                if content.unseen.is_empty() { (None, "complete") } else { (Some(not_looked()), "incomplete") }
            } else {
                let (files, are) = if beside == 1 { ("file", "is") } else { ("files", "are") };
                let mut what = format!("{shown} holds {beside} more {files}, which {are} not read ({names}{cut})");
                if !content.unseen.is_empty() {
                    what = format!("{what}; {}", not_looked());
                }
                (Some(what), "incomplete")
            }
        }
    };
    made.pack_in(request.name.unwrap_or(&hashed.name), request.version, &hashed.digest, aggregate);
    made.partial.extend(more);
    Ok(hashed.digest)
}

/// What only people know of it. A file that is named has to be there.
fn people(request: &From<'_>) -> Result<People, FlowError> {
    if let Some(path) = request.config {
        return if path.exists() {
            Ok(People::read(path)?)
        } else {
            Err(FlowError::Usage(format!("there is no file {}", path.display())))
        };
    }
    let folder = if request.source.is_dir() { Some(request.source) } else { request.source.parent() };
    Ok(folder.map(|folder| People::read(&folder.join("countersign.toml"))).transpose()?.unwrap_or_default())
}
