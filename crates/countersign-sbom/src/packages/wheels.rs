//! Python packages as they are installed, or as wheels: their metadata, and the SBOMs that they carry (PEP 770) about what
//! is compiled into them.

use super::carried;
use super::markers::Facts;
use super::needs::{self, Asker};
use super::npm_asks::first_of;
use super::python::{From, normal, purl_within, reference};
use super::surroundings;
use super::{Kind, Made, PackagesError, application, bytes_of, library, licence, malformed, purl_error};
use crate::archive::{self, Archive};
use crate::bom::Bom;
use crate::version::{Scheme, Version};
use countersign_core::{digest::Sha256, limits};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// One package: where it lies, its metadata, its SBOMs by name.
struct Dist {
    place: String,
    metadata: String,
    direct: Option<String>,
    /// Whether it is marked as one that was asked for by name.
    by_name: bool,
    /// Whether its metadata is of the kind before wheels, in which what it needs may stand elsewhere.
    older: bool,
    /// Their names, and where they lie.
    sboms: Vec<(String, PathBuf)>,
    file: Option<(String, Sha256)>,
}

/// Whether a folder has installed packages.
pub(super) fn has_packages(folder: &Path) -> Result<bool, PackagesError> {
    Ok(!folders(folder)?.0.is_empty())
}

/// Where packages' metadata lies, and the names of packages of which none is read.
fn folders(folder: &Path) -> Result<(Vec<PathBuf>, Vec<String>), PackagesError> {
    let failed = |source| PackagesError::Read { path: folder.to_owned(), source };
    let mut found = Vec::new();
    let mut passed = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let read = match path.extension().and_then(|end| end.to_str()) {
            Some("dist-info") => path.join("METADATA").is_file(),
            // Without a version in its name it is what a project's own folder has that is installed in place.
            Some("egg-info") => {
                let versioned = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.contains('-'));
                versioned && (path.is_file() || path.join(PKG_INFO).is_file())
            }
            Some("egg" | "egg-link") => false,
            _ => continue,
        };
        // pip renames what it is about to replace, and passes over what is left of that.
        let left = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('~'));
        if read && !left {
            found.push(path);
        } else {
            passed.push(name_in(&path));
        }
        if found.len() > limits::LOCK_FILE_PACKAGES {
            return Err(malformed(folder, "packages", "more than can be read"));
        }
    }
    found.sort();
    Ok((found, passed))
}

/// A package's name by that of the file or folder that has its metadata: it ends before the first `-` that a digit follows, with which
/// the version begins. A link has the name alone, in which setuptools keeps every `-`.
fn name_in(place: &Path) -> String {
    let stem = place.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    if place.extension().is_some_and(|end| end == "egg-link") {
        return normal(&stem);
    }
    let version = |(at, _): &(usize, &str)| {
        stem.get(at.saturating_add(1)..).is_some_and(|behind| behind.starts_with(|first: char| first.is_ascii_digit()))
    };
    let end = stem.match_indices('-').find(version).and_then(|(at, _)| stem.get(..at));
    normal(end.unwrap_or(&stem))
}

/// Which package a metadata file is of.
fn identity(dist: &Dist) -> Option<(String, String)> {
    let headers = Headers::read(&dist.metadata);
    let header = |wanted| headers.each(wanted).next().filter(|value| value.len() <= limits::SBOM_TEXT_BYTES);
    Some((normal(header("name")?), header("version")?.to_owned()))
}

/// Drops metadata from before wheels that names no package, and what lies beside metadata that is read: installers leave it behind,
/// and pip, too, lists the package once. Gives the names of the latter, and how many packages are not listed at all.
fn drop_older(dists: &mut Vec<Dist>, mut passed: Vec<String>) -> (BTreeSet<String>, usize) {
    let wheels = dists.iter().filter(|dist| !dist.older).filter_map(identity);
    // Of each name the version, where it is no wheel's: two versions without a wheel contradict each other.
    let mut known: BTreeMap<String, Option<String>> = wheels.map(|(name, _)| (name, None)).collect();
    dists.retain(|dist| {
        if !dist.older {
            return true;
        }
        let Some((name, version)) = identity(dist) else {
            passed.push(name_in(Path::new(&dist.place)));
            return false;
        };
        match known.get(&name) {
            Some(other) if other.as_ref().is_none_or(|other| *other == version) => {
                passed.push(name);
                false
            }
            Some(_) => true,
            None => {
                known.insert(name, Some(version));
                true
            }
        }
    });
    let (beside, lost): (Vec<String>, Vec<String>) = passed.into_iter().partition(|name| known.contains_key(name));
    (beside.into_iter().collect(), lost.len())
}

/// The metadata of packages that were installed without a wheel.
const PKG_INFO: &str = "PKG-INFO";

/// All packages of a folder.
pub(super) fn installed(folder: &Path) -> Result<Made, PackagesError> {
    let mut dists = Vec::new();
    let (folders, passed) = folders(folder)?;
    for path in &folders {
        let text = |name: &str| -> Result<Option<String>, PackagesError> {
            let older = path.is_file() && name == PKG_INFO;
            let file = if older { path.clone() } else { path.join(name) };
            if !file.is_file() {
                return Ok(None);
            }
            Ok(Some(String::from_utf8_lossy(&bytes_of(&file, limits::PACKAGE_METADATA_BYTES)?).into_owned()))
        };
        let older = path.extension().is_some_and(|end| end == "egg-info");
        let metadata = text(if older { PKG_INFO } else { "METADATA" })?.unwrap_or_default();
        let direct = text("direct_url.json")?;
        let mut sboms = Vec::new();
        let inside = path.join("sboms");
        if inside.is_dir() {
            for file in below(&inside)? {
                let name = file.strip_prefix(&inside).unwrap_or(&file);
                let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                sboms.push((parts.join("/"), file));
            }
        }
        let place = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let by_name = path.join("REQUESTED").is_file();
        dists.push(Dist { place, metadata, direct, by_name, older, sboms, file: None });
    }
    let (beside, passed) = drop_older(&mut dists, passed);
    let mut partial = BTreeSet::new();
    let mut bom = Bom::made();
    let facts = surroundings::look(folder, &folders)?;
    build(folder, &dists, &facts, &mut bom, &mut partial, |place| bytes_of(place, limits::SBOM_BYTES))?;
    let mut root = application("environment", None);
    root.properties.extend(surroundings::said(&facts));
    bom.edges.insert(root.reference.clone(), BTreeSet::new());
    bom.aggregates.insert(root.reference.clone(), "unknown".to_owned());
    bom.edges.remove(&root.reference);
    bom.root = Some(root);
    let older = dists.iter().filter(|dist| dist.older).count();
    if older > 0 {
        partial.insert(format!(
            "{older} packages were installed without a wheel (egg-info): what they need may stand elsewhere, and is not read there"
        ));
    }
    if passed > 0 {
        partial.insert(format!(
            "{passed} packages have no metadata that is read (dist-info without METADATA, egg-info without a name, egg, egg-link, installed in place, or left behind by pip under a name that begins with `~`): they are not listed"
        ));
    }
    if !beside.is_empty() {
        partial.insert(format!(
            "{} packages have other metadata beside that which is read, and are listed once ({})",
            beside.len(),
            first_of(&beside)
        ));
    }
    partial.insert(
        "why each package is installed is not recorded: what the environment as a whole asks for is not known"
            .to_owned(),
    );
    partial.insert(
        "files that were installed have digests of their own; there is none of the wheel that they came in".to_owned(),
    );
    Ok(Made {
        kind: Kind::Installed,
        path: folder.to_owned(),
        read_as: format!("{} installed Python packages", dists.len()),
        digest: None,
        bom,
        partial: partial.into_iter().collect(),
        dev: super::dev::Dev::default(),
    })
}

/// One wheel: it is what the document is about.
pub(super) fn wheel(path: &Path) -> Result<Made, PackagesError> {
    let bytes = bytes_of(path, limits::PACKAGE_ARCHIVE_BYTES)?;
    let digest = Sha256::of(&bytes);
    let wrong = |error: archive::ArchiveError| malformed(path, "the archive", &error.to_string());
    let mut archive = Archive::open(&bytes).map_err(wrong)?;
    let names = archive.names();
    let folders: BTreeSet<&str> = names
        .iter()
        .filter_map(|name| name.split_once('/').map(|(top, _)| top))
        .filter(|top| top.ends_with(".dist-info"))
        .collect();
    let mut folders = folders.into_iter();
    let folder = match (folders.next(), folders.next()) {
        (Some(only), None) if names.iter().any(|name| *name == format!("{only}/METADATA")) => only.to_owned(),
        (Some(one), Some(other)) => {
            return Err(malformed(
                path,
                "the archive",
                &format!("it has two folders of metadata, {one} and {other}: pip refuses it"),
            ));
        }
        _ => return Err(malformed(path, "the archive", "it has no METADATA: it is no wheel")),
    };
    let metadata = archive.read(&format!("{folder}/METADATA"), limits::PACKAGE_METADATA_BYTES).map_err(wrong)?;
    let mut sboms = Vec::new();
    for name in names.iter().filter(|name| name.starts_with(&format!("{folder}/sboms/")) && !name.ends_with('/')) {
        // Below that folder there may be others, with files of the same name.
        let short = name.strip_prefix(&format!("{folder}/sboms/")).unwrap_or(name).to_owned();
        sboms.push((short, PathBuf::from(name)));
    }
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let dist = Dist {
        place: folder,
        metadata: String::from_utf8_lossy(&metadata).into_owned(),
        direct: None,
        by_name: true,
        older: false,
        sboms,
        file: Some((file, digest)),
    };
    one_identity(path, &dist)?;
    let mut partial = BTreeSet::new();
    let mut bom = Bom::made();
    build(path, std::slice::from_ref(&dist), &Facts::default(), &mut bom, &mut partial, |place| {
        archive.read(&place.to_string_lossy(), limits::SBOM_BYTES).map_err(wrong)
    })?;
    let place = bom.items.iter().position(|item| item.inside.is_none());
    let mut root =
        place.map(|place| bom.items.remove(place)).ok_or_else(|| malformed(path, "METADATA", "it names no package"))?;
    "library".clone_into(&mut root.kind);
    bom.aggregates.insert(root.reference.clone(), "incomplete".to_owned());
    let needs = dist.metadata.lines().take_while(|line| !line.trim().is_empty());
    partial.insert(if needs.into_iter().any(|line| line.to_lowercase().starts_with("requires-dist:")) {
        "a wheel names what it needs without versions: that is not listed".to_owned()
    } else {
        "a wheel does not say what was compiled or copied into it, but for SBOMs of its own".to_owned()
    });
    bom.root = Some(root);
    Ok(Made {
        kind: Kind::Wheel,
        path: path.to_owned(),
        read_as: format!("a Python wheel with {} SBOMs of its own", dist.sboms.len()),
        digest: Some(digest),
        bom,
        partial: partial.into_iter().collect(),
        dev: super::dev::Dev::default(),
    })
}

/// The files of a folder and of those in it, in order. Links to folders are not followed.
fn below(folder: &Path) -> Result<Vec<PathBuf>, PackagesError> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let failed = |source| PackagesError::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_type().map_err(failed)?.is_dir() {
                folders.push(entry.path());
            } else if entry.path().is_file() {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The name and version are those of the wheel's file name and of its folder of metadata: installers go by one or the other.
fn one_identity(path: &Path, dist: &Dist) -> Result<(), PackagesError> {
    let headers = Headers::read(&dist.metadata);
    let (Some(name), Some(version)) = (headers.each("name").next(), headers.each("version").next()) else {
        return Ok(());
    };
    let file = path.file_name().map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
    for place in [file.as_str(), dist.place.trim_end_matches(".dist-info")] {
        let mut parts = place.split('-');
        let (Some(its_name), Some(its_version)) = (parts.next(), parts.next()) else {
            return Err(malformed(path, place, "it does not begin with a name and a version"));
        };
        let read = |text: &str| Version::read(Scheme::Pep440, &text.replace('_', "-"));
        let same = version == its_version
            || read(version).zip(read(its_version)).is_some_and(|(a, b)| a.compare(&b) == Some(Ordering::Equal));
        if normal(name) != normal(its_name) || !same {
            let what = format!("it is called {its_name} {its_version}, and its METADATA {name} {version}");
            return Err(malformed(path, place, &what));
        }
    }
    Ok(())
}

/// The headers of a METADATA file.
struct Headers {
    /// Names in lower case with their values, in order.
    all: Vec<(String, String)>,
    /// Whether they end as they should, and not in a line that is none.
    whole: bool,
}

impl Headers {
    /// As mail has them: a line that begins with a space goes on from the one before, also one that has nothing else. Only
    /// an empty line ends them. Behind a line that is no header nothing is believed: it may be the description.
    fn read(text: &str) -> Self {
        let mut all: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = all.last_mut().filter(|(name, _)| name == REQUIRES) {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            let Some((name, value)) =
                line.split_once(':').filter(|(name, _)| name.bytes().all(|b| b.is_ascii_graphic()))
            else {
                return Self { all, whole: false };
            };
            all.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Self { all, whole: true }
    }

    fn each<'h>(&'h self, wanted: &'h str) -> impl Iterator<Item = &'h str> {
        self.all.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

const REQUIRES: &str = "requires-dist";

/// Reads SBOMs, up to a bound on all of them: packed they are small, and there may be any number.
fn bounded(
    path: &Path,
    mut read: impl FnMut(&Path) -> Result<Vec<u8>, PackagesError>,
) -> impl FnMut(&Path) -> Result<Vec<u8>, PackagesError> {
    let mut left = limits::CARRIED_SBOMS_BYTES;
    move |place| {
        let bytes = read(place)?;
        let what = || format!("more than {} bytes in all, which are not read", limits::CARRIED_SBOMS_BYTES);
        left = left.checked_sub(bytes.len()).ok_or_else(|| malformed(path, "sboms", &what()))?;
        Ok(bytes)
    }
}

/// `sbom` reads an SBOM where it lies. One is held at a time.
fn build(
    path: &Path,
    dists: &[Dist],
    facts: &Facts,
    bom: &mut Bom,
    partial: &mut BTreeSet<String>,
    sbom: impl FnMut(&Path) -> Result<Vec<u8>, PackagesError>,
) -> Result<(), PackagesError> {
    let mut sbom = bounded(path, sbom);
    let mut askers: Vec<Asker> = Vec::new();
    let mut references: Vec<(String, bool)> = Vec::new();
    let mut index: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let (mut carried, mut unread, mut invalid) = (0_usize, BTreeSet::new(), BTreeSet::new());
    let mut lacking = BTreeSet::new();
    for dist in dists {
        let headers = Headers::read(&dist.metadata);
        let header = |wanted| headers.each(wanted).next().filter(|value| value.len() <= limits::SBOM_TEXT_BYTES);
        let (Some(name), Some(version)) = (header("name"), header("version")) else {
            return Err(malformed(path, &dist.place, "its METADATA names no package and version"));
        };
        let (from, folder) = origin(dist.direct.as_deref());
        let purl = purl_within(name, Some(version), &from, folder.as_deref())
            .map_err(|error| purl_error(path, name, error))?;
        let mut item = library(reference(name, Some(version), purl.as_ref()), name, Some(version));
        item.purl = purl.map(|purl| purl.as_str().to_owned());
        if let Some(text) = header("license-expression").or_else(|| header("license")) {
            licence(&mut item, text);
        }
        item.supplier =
            header("author").or_else(|| header("maintainer")).filter(|text| !text.is_empty()).map(str::to_owned);
        if let Some((file, digest)) = &dist.file {
            item.hashes.insert("SHA-256".to_owned(), digest.hex());
            item.properties.push(("countersign:file".to_owned(), file.clone()));
        }
        if index.insert(normal(name), vec![references.len()]).is_some() {
            return Err(malformed(path, &dist.place, &format!("{name} is installed twice")));
        }
        askers.push(Asker::of(headers.each(REQUIRES), headers.each("provides-extra"), dist.by_name));
        references.push((item.reference.clone(), headers.whole));
        let own = item.reference.clone();
        if dist.older {
            lacking.insert(own.clone());
        }
        bom.items.push(item);
        for (file, place) in &dist.sboms {
            let bytes = sbom(place)?;
            match carried::read(&own, file, &bytes) {
                Ok(inner) => {
                    if !inner.holds {
                        invalid.insert(format!("{}/sboms/{file}", dist.place));
                    }
                    if inner.lacks || !inner.holds {
                        lacking.insert(own.clone());
                    }
                    carried = carried.saturating_add(inner.items.len());
                    inner.give(bom);
                }
                // One package must not keep the others from having a list.
                Err(why) => {
                    unread.insert(format!("{}/sboms/{file}: {why}", dist.place));
                    lacking.insert(own.clone());
                }
            }
            if bom.items.len() > limits::SBOM_COMPONENTS {
                return Err(malformed(path, "sboms", "more components than are read"));
            }
        }
    }
    let (mut cut, mut unjudged, mut open) = (0_usize, 0_usize, BTreeSet::new());
    for ((from, whole), found) in references.iter().zip(needs::find(&mut askers, &index, facts)) {
        let to = found.needs.iter().filter_map(|place| references.get(*place)).map(|(reference, _)| reference.clone());
        bom.edges.entry(from.clone()).or_default().extend(to);
        cut = cut.saturating_add(usize::from(!whole));
        unjudged = unjudged.saturating_add(usize::from(found.unjudged));
        let complete =
            *whole && !lacking.contains(from) && !found.missing && !found.unjudged && found.open_extras.is_empty();
        open.extend(found.open_extras.into_iter().map(|extra| format!("{from}[{extra}]")));
        bom.aggregates.insert(from.clone(), if complete { "complete" } else { "incomplete" }.to_owned());
    }
    if cut > 0 {
        partial.insert(format!(
            "the metadata of {cut} packages breaks off at a line that is none: what stands behind it was not read"
        ));
    }
    if unjudged > 0 {
        partial.insert(format!(
            "{unjudged} packages need something on a condition that cannot be judged, since the version of Python or the platform is not known: that is not listed"
        ));
    }
    if !open.is_empty() {
        partial.insert(format!(
            "{} extras may have been asked for by hand, which nothing records: what they need is there, and is not listed as needed",
            open.len()
        ));
    }
    for (which, what) in [
        (unread, "cannot be read: what they list is not known"),
        (invalid, "do not hold to their schema: they are taken as far as they can be read"),
    ] {
        if let Some(first) = which.first() {
            partial.insert(format!("{} SBOMs that packages carry {what}; the first: {first}", which.len()));
        }
    }
    if carried > 0 {
        partial.insert(format!(
            "{carried} components come from SBOMs that the packages carry: nobody held those against what was built"
        ));
    }
    Ok(())
}

/// Where a package was installed from, and the folder there that it lies in.
fn origin(direct: Option<&str>) -> (From, Option<String>) {
    let Some(text) = direct else { return (From::Index(None), None) };
    let Ok(value) = countersign_core::json::parse(text.as_bytes()) else { return (From::Folder, None) };
    let folder = value.get("subdirectory").and_then(serde_json::Value::as_str).map(str::to_owned);
    let url = value.get("url").and_then(serde_json::Value::as_str).unwrap_or_default();
    let commit = value.get("vcs_info").and_then(|info| info.get("commit_id")).and_then(serde_json::Value::as_str);
    let from = match commit {
        Some(commit) => From::Git(format!("{url}#{commit}")),
        None if url.starts_with("https://") || url.starts_with("http://") => From::Url(url.to_owned()),
        None => From::Folder,
    };
    (from, folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bom::Item;

    fn install(folder: &Path, name: &str, metadata: &str, sbom: Option<&str>) {
        let folder = folder.join(format!("{name}-1.0.dist-info"));
        fs::create_dir_all(folder.join("sboms")).unwrap();
        fs::write(
            folder.join("METADATA"),
            format!("Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n{metadata}\nRequires-Dist: not-a-header\n"),
        )
        .unwrap();
        if let Some(sbom) = sbom {
            fs::write(folder.join("sboms/a.cdx.json"), sbom).unwrap();
        }
    }

    const CARRIED: &str = r#"{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"library","name":"a_a","bom-ref":"r"}},
        "components":[{"type":"library","name":"zlib","version":"1.3","bom-ref":"z","purl":"pkg:generic/zlib@1.3"}],
        "dependencies":[{"ref":"r","dependsOn":["z"]}]}"#;

    #[test]
    fn packages_without_a_wheel_are_read_and_what_has_no_metadata_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        install(folder.path(), "x", "", None);
        let info = |name: &str| format!("Metadata-Version: 1.1\nName: {name}\nVersion: 2.0\n");
        for name in ["old-2.0-py3.11.egg-info", "app.egg-info"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("PKG-INFO"), info("old")).unwrap();
        }
        fs::write(at("older-2.0.egg-info"), info("older")).unwrap();
        fs::create_dir(at("broken-1.0.dist-info")).unwrap();
        fs::write(at("link.egg-link"), "/src").unwrap();
        let made = installed(folder.path()).unwrap();
        let known = |name: &str| made.bom.aggregates[&format!("pkg:pypi/{name}")].as_str();
        assert_eq!(["x@1.0", "old@2.0", "older@2.0"].map(known), ["complete", "incomplete", "incomplete"]);
        assert_eq!(made.bom.items.len(), 3);
        for what in ["2 packages were installed without a wheel", "3 packages have no metadata that is read"] {
            assert!(made.partial.iter().any(|text| text.starts_with(what)), "{:?}", made.partial);
        }
        let project = tempfile::tempdir().unwrap();
        fs::create_dir(project.path().join("app.egg-info")).unwrap();
        fs::write(project.path().join("app.egg-info/PKG-INFO"), info("app")).unwrap();
        assert!(!has_packages(project.path()).unwrap(), "a project that is installed in place is no environment");
    }

    #[test]
    fn the_folder_that_a_package_was_installed_from_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), "x", "", None);
        let direct =
            r#"{"url":"https://example.com/o/x","subdirectory":"pkgs/x","vcs_info":{"vcs":"git","commit_id":"0123"}}"#;
        fs::write(folder.path().join("x-1.0.dist-info/direct_url.json"), direct).unwrap();
        let made = installed(folder.path()).unwrap();
        let purl = "pkg:pypi/x@1.0?vcs_url=git%2Bhttps://example.com/o/x%400123#pkgs/x";
        assert_eq!(made.bom.items[0].purl.as_deref(), Some(purl));
    }

    #[test]
    fn what_lies_beside_the_metadata_of_a_wheel_is_no_second_package() {
        let folder = tempfile::tempdir().unwrap();
        let info = |place: &str, name: &str, version: &str| {
            let text = format!("Metadata-Version: 1.1\nName: {name}\nVersion: {version}\n");
            fs::write(folder.path().join(place), text).unwrap();
        };
        install(folder.path(), "x", "", None);
        install(folder.path(), "y", "", None);
        info("X-1.0-py3.11.egg-info", "X", "1.0");
        info("x-0.9.egg-info", "x", "0.9");
        info("old-2.0-py3.10.egg-info", "old", "2.0");
        info("old-2.0-py3.11.egg-info", "old", "2.0");
        fs::create_dir(folder.path().join("y.egg-info")).unwrap();
        fs::write(folder.path().join("z-1.0.egg-info"), "").unwrap();
        let made = installed(folder.path()).unwrap();
        let labels: Vec<String> = made.bom.items.iter().map(Item::label).collect();
        assert_eq!(labels, ["old 2.0", "x 1.0", "y 1.0"]);
        for what in [
            "3 packages have other metadata beside that which is read, and are listed once (old, x, y)",
            "1 packages have no metadata that is read",
            "1 packages were installed without a wheel",
        ] {
            assert!(made.partial.iter().any(|text| text.starts_with(what)), "{:?}", made.partial);
        }
        info("old-3.0.egg-info", "old", "3.0");
        assert!(installed(folder.path()).unwrap_err().to_string().contains("old is installed twice"));
    }

    #[test]
    fn what_pip_left_of_a_package_that_it_replaced_is_none() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), "~lask", "", None);
        fs::write(folder.path().join("~lask-1.0.dist-info/METADATA"), "Name: Flask\nVersion: 1.0\n").unwrap();
        fs::write(folder.path().join("~ld-1.0.egg-info"), "Name: old\nVersion: 1.0\n").unwrap();
        assert!(!has_packages(folder.path()).unwrap());
        install(folder.path(), "Flask", "", None);
        let made = installed(folder.path()).unwrap();
        assert_eq!(made.bom.items.iter().map(Item::label).collect::<Vec<_>>(), ["Flask 1.0"]);
        let told = |text: &String| text.starts_with("2 packages have no metadata that is read") && text.contains('~');
        assert!(made.partial.iter().any(told), "{:?}", made.partial);
    }

    #[test]
    fn a_name_with_a_dash_is_no_shorter_one() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), "Flask", "", None);
        install(folder.path(), "Flask_Login", "", None);
        for place in ["flask-login.egg-link", "flask-sock.egg-link"] {
            fs::write(folder.path().join(place), "/src").unwrap();
        }
        for place in ["flask-wtf-1.2.dist-info", "flask-babel.dist-info", "flask-0.9.dist-info"] {
            fs::create_dir(folder.path().join(place)).unwrap();
        }
        let made = installed(folder.path()).unwrap();
        for what in [
            "2 packages have other metadata beside that which is read, and are listed once (flask, flask-login)",
            "3 packages have no metadata that is read",
        ] {
            assert!(made.partial.iter().any(|text| text.starts_with(what)), "{:?}", made.partial);
        }
    }

    #[test]
    fn installed_packages_and_what_they_carry_are_read() {
        let folder = tempfile::tempdir().unwrap();
        install(
            folder.path(),
            "A.a",
            "License-Expression: MIT\nRequires-Dist: b-b>=1\nRequires-Dist: x; extra == 'y'\nRequires-Dist: gone\n",
            Some(CARRIED),
        );
        install(folder.path(), "b_b", "Author: Somebody\n", None);
        let made = installed(folder.path()).unwrap();
        let labels: Vec<String> = made.bom.items.iter().map(Item::label).collect();
        assert_eq!(labels, ["A.a 1.0", "zlib 1.3", "b_b 1.0"]);
        let own = "pkg:pypi/a-a@1.0";
        assert_eq!(made.bom.edges[own], ["pkg:pypi/b-b@1.0".to_owned(), format!("{own}#a.cdx.json:z")].into());
        assert_eq!(
            (made.bom.aggregates[own].as_str(), made.bom.aggregates["pkg:pypi/b-b@1.0"].as_str()),
            ("incomplete", "complete")
        );
        assert_eq!(made.bom.items[1].linked, None, "the carried document says nothing of it");
    }

    #[test]
    fn a_package_is_no_more_complete_than_the_list_that_it_carries() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), "A.a", "", Some(CARRIED));
        let of = |made: &Made, reference: &str| made.bom.aggregates.get(reference).cloned();
        let (own, zlib) = ("pkg:pypi/a-a@1.0", "pkg:pypi/a-a@1.0#a.cdx.json:z");
        let silent = installed(folder.path()).unwrap();
        assert_eq!((of(&silent, own).as_deref(), of(&silent, zlib)), (Some("complete"), None));
        let says = r#""compositions":[{"aggregate":"unknown"}],"dependencies":"#;
        install(folder.path(), "A.a", "", Some(&CARRIED.replace("\"dependencies\":", says)));
        let open = installed(folder.path()).unwrap();
        assert_eq!((of(&open, own).as_deref(), of(&open, zlib).as_deref()), (Some("incomplete"), Some("unknown")));
    }

    #[test]
    fn a_wheel_has_one_identity() {
        let folder = tempfile::tempdir().unwrap();
        let judged = |file: &str, places: &[(&str, &str, &str)]| {
            let path = folder.path().join(file);
            let mut archive = zip::ZipWriter::new(fs::File::create(&path).unwrap());
            for (place, name, version) in places {
                archive
                    .start_file(format!("{place}.dist-info/METADATA"), zip::write::SimpleFileOptions::default())
                    .unwrap();
                let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
                std::io::Write::write_all(&mut archive, text.as_bytes()).unwrap();
            }
            archive.finish().unwrap();
            wheel(&path).map(|made| made.bom.root.unwrap().label()).map_err(|error| error.to_string())
        };
        let good = ("foo_bar-1.0", "Foo.Bar", "1.0");
        assert_eq!(judged("foo_bar-1.0-py3-none-any.whl", &[good]).unwrap(), "Foo.Bar 1.0");
        assert_eq!(judged("foo_bar-1.0.0-py3-none-any.whl", &[good]).unwrap(), "Foo.Bar 1.0");
        assert!(
            judged("foo_bar-1.0-py3-none-any.whl", &[good, ("evil-6.6", "evil", "6.6")])
                .unwrap_err()
                .contains("two folders")
        );
        assert!(
            judged("foo_bar-1.0-py3-none-any.whl", &[("foo_bar-1.0", "evil", "1.0")])
                .unwrap_err()
                .contains("METADATA evil")
        );
        assert!(judged("foo_bar-1.0-py3-none-any.whl", &[("foo_bar-1.0", "foo-bar", "9")]).is_err());
        assert!(judged("evil-6-py3-none-any.whl", &[good]).is_err());
    }

    #[test]
    fn a_line_of_spaces_ends_no_headers_and_only_an_empty_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let licence = "License: A text\n        of many lines\n        \n \t\n        Requires-Dist: of the licence\n";
        install(
            folder.path(),
            "a",
            &format!("{licence}Requires-Dist: b\nRequires-Dist: c;\n python_version > '2'\n"),
            None,
        );
        install(folder.path(), "b", "", None);
        install(folder.path(), "c", "", None);
        let lib = folder.path().join("lib/python3.11/site-packages");
        let made = installed(folder.path()).unwrap();
        assert_eq!(made.bom.edges["pkg:pypi/a@1.0"], ["pkg:pypi/b@1.0".to_owned()].into());
        assert_eq!(made.bom.aggregates["pkg:pypi/a@1.0"], "incomplete", "the version of Python is not known");
        assert!(made.partial.iter().any(|text| text.starts_with("1 packages need something on a condition")));
        fs::create_dir_all(&lib).unwrap();
        for name in ["a", "b", "c"] {
            fs::rename(folder.path().join(format!("{name}-1.0.dist-info")), lib.join(format!("{name}-1.0.dist-info")))
                .unwrap();
        }
        let made = installed(&lib).unwrap();
        assert_eq!(made.bom.edges["pkg:pypi/a@1.0"], ["pkg:pypi/b@1.0".to_owned(), "pkg:pypi/c@1.0".to_owned()].into());
        assert_eq!(made.bom.aggregates["pkg:pypi/a@1.0"], "complete");
        let version = ("countersign:python:version".to_owned(), "3.11".to_owned());
        assert!(made.bom.root.unwrap().properties.contains(&version));
    }

    #[test]
    fn behind_a_line_that_is_no_header_nothing_is_believed_or_called_complete() {
        let folder = tempfile::tempdir().unwrap();
        install(
            folder.path(),
            "a",
            "Requires-Dist: b\nLicense: A text\nthat goes on: unfolded\nRequires-Dist: c\n",
            None,
        );
        install(folder.path(), "b", "", None);
        install(folder.path(), "c", "", None);
        let made = installed(folder.path()).unwrap();
        assert_eq!(made.bom.edges["pkg:pypi/a@1.0"], ["pkg:pypi/b@1.0".to_owned()].into());
        assert_eq!(made.bom.aggregates["pkg:pypi/a@1.0"], "incomplete");
        assert!(made.partial.iter().any(|text| text.starts_with("the metadata of 1 packages breaks off")));
    }

    #[test]
    fn what_is_needed_for_an_extra_is_needed_where_a_package_asks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let asked = "Provides-Extra: file_cache\nProvides-Extra: other\nRequires-Dist: c; extra == \"file-cache\"\n\
                     Requires-Dist: d; extra=='other'\n";
        install(folder.path(), "a", "Requires-Dist: b[File.Cache]\n", None);
        install(folder.path(), "b", asked, None);
        install(folder.path(), "c", "", None);
        install(folder.path(), "d", "", None);
        let b = "pkg:pypi/b@1.0";
        let made = installed(folder.path()).unwrap();
        assert_eq!(made.bom.edges[b], ["pkg:pypi/c@1.0".to_owned()].into());
        assert_eq!(made.bom.aggregates[b], "incomplete", "a person may have asked for `other`");
        assert!(made.partial.iter().any(|text| text.starts_with("1 extras may have been asked for by hand")));
        fs::write(folder.path().join("a-1.0.dist-info/REQUESTED"), "").unwrap();
        let made = installed(folder.path()).unwrap();
        assert_eq!((made.bom.edges[b].len(), made.bom.aggregates[b].as_str()), (1, "complete"));
    }

    #[test]
    fn a_package_without_a_name_is_refused_and_an_sbom_that_cannot_be_read_is_said() {
        let folder = tempfile::tempdir().unwrap();
        install(folder.path(), "b", "", None);
        let xml = "<?xml version=\"1.0\"?><bom xmlns=\"http://cyclonedx.org/schema/bom/1.6\" version=\"1\"/>";
        let nonsense = CARRIED.replace("\"library\",\"name\":\"zlib\"", "\"nonsense\",\"name\":\"zlib\"");
        for (sbom, word, items) in
            [("{}", "cannot be read", 2), (xml, "CycloneDX as XML is not read", 2), (&nonsense, "do not hold", 4)]
        {
            install(folder.path(), "a", "", Some(sbom));
            let made = installed(folder.path()).unwrap();
            assert!(
                made.partial.iter().any(|text| text.contains(word) && text.contains("sboms/a.cdx.json")),
                "{:?}",
                made.partial
            );
            assert_eq!(made.bom.items.len(), items, "{word}");
            let complete = ["pkg:pypi/a@1.0", "pkg:pypi/b@1.0"].map(|of| made.bom.aggregates[of].as_str());
            assert_eq!(complete, ["incomplete", "complete"], "{word}");
        }
        fs::write(folder.path().join("a-1.0.dist-info/METADATA"), "\nName: a\n").unwrap();
        assert!(installed(folder.path()).is_err());
    }

    #[test]
    fn sboms_that_packages_carry_have_a_bound_all_together() {
        let mut sbom = bounded(Path::new("w"), |_| Ok(vec![0; limits::SBOM_BYTES]));
        for _ in 0..limits::CARRIED_SBOMS_BYTES / limits::SBOM_BYTES {
            sbom(Path::new("s")).unwrap();
        }
        assert!(sbom(Path::new("s")).unwrap_err().to_string().contains("bytes in all"));
    }
}
