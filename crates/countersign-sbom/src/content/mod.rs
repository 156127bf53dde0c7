//! What packages' own files say: the archive's digests, the commit they were packed from, the texts of licences, sources
//! in other languages that their build scripts compile, and what the workspace's audits say of them.
//!
//! The files are those that Cargo compiles. The archive beside them in Cargo's cache has to be the one that the lock file
//! names: another one is an error, with both digests. So is a file that is another one than in the archive, where it is looked for.

mod ahead;
mod archive;
mod files;
mod index;
mod native;
mod unpacked;
mod vendored;
mod vet;

pub(crate) use ahead::{Ahead, Enough, altered};
pub(crate) use index::said as taken_back;

use crate::{
    cargo::Workspace,
    error::SbomError,
    inventory::{Content, Inventory, Kind, Sha512, Source},
};
use countersign_core::digest::Sha256;
use guppy::graph::{BuildTargetId, PackageMetadata};
use index::Locked;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Threads at most: hashing is soon waiting for the disk.
const THREADS: usize = 8;

/// Fills in what the packages of these inventories say of themselves.
pub(crate) fn fill(
    workspace: &Workspace,
    inventories: &mut [Inventory],
    ahead: &Ahead,
    all_files: bool,
) -> Result<(), SbomError> {
    drop(Enough(ahead));
    let root = workspace.graph.workspace().root().as_std_path();
    let vet = vet::Vet::read(root)?;
    let wanted = wanted(workspace, inventories)?;
    let contents = in_parallel(&wanted, |job| read(root, job, ahead, all_files))?;
    let of: BTreeMap<&str, Content> = wanted.iter().map(|job| job.reference.as_str()).zip(contents).collect();
    for inventory in inventories {
        for component in std::iter::once(&mut inventory.root).chain(&mut inventory.components) {
            if let Some(content) = of.get(component.reference.as_str()) {
                component.content = content.clone();
            }
            if component.content.unlisted {
                // Of the registry's archive, which is not what is built.
                component.checksum = None;
                component.content.sha512 = None;
            }
            let part = workspace.compiler.digests.iter().find(|(kind, ..)| *kind == component.kind);
            if let Some((_, hash_of, long)) = part {
                component.content.sha512 = Some(*long);
                component.content.hash_of = Some(hash_of);
            }
            if component.source == Source::CratesIo {
                component.content.audits = vet.audits(&component.name, &component.version);
            }
        }
    }
    Ok(())
}

/// The SHA-512 of the standard library that is linked, and of the compiler's own file, where they are to be found. No
/// SHA-256: by that one an SBOM is held against what the build resolved, and provenance does not list these files.
pub(crate) fn toolchain(sysroot: &Path, target: &str) -> Vec<(Kind, &'static str, Sha512)> {
    let libraries = sysroot.join("lib/rustlib").join(target).join("lib");
    let named =
        |name: &str| name.starts_with("libstd-") && Path::new(name).extension().is_some_and(|end| end == "rlib");
    let entries = std::fs::read_dir(libraries).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(named))
        .collect();
    let library = found.pop().filter(|_| found.is_empty());
    let compiler = compiler_file(sysroot);
    let digest = |kind, what, path: &Path| Some((kind, what, archive::sha512(path).ok()??));
    let library = library.and_then(|path| digest(Kind::StandardLibrary, "libstd.rlib", &path));
    library.into_iter().chain(digest(Kind::Compiler, "bin/rustc", &compiler)).collect()
}

/// The compiler's own file.
pub(crate) fn compiler_file(sysroot: &Path) -> PathBuf {
    sysroot.join(if cfg!(windows) { "bin/rustc.exe" } else { "bin/rustc" })
}

/// Whether a folder holds what an archive does, and nothing else.
pub(crate) fn unpacked(archive: &Path, folder: &Path, package: &str) -> Result<bool, SbomError> {
    unpacked::same(archive, folder, package)
}

/// Both digests of a file.
pub(crate) fn digests(path: &Path) -> Result<(Sha256, Sha512), SbomError> {
    archive::digests(path)
}

/// One package to look at.
struct Job<'g> {
    reference: String,
    package: PackageMetadata<'g>,
    /// Names of the packages that it needs in one of the builds.
    needs: Vec<String>,
    /// Its features in one of the builds.
    features: BTreeSet<String>,
    checksum: Option<Sha256>,
}

/// The same before the package is known.
#[derive(Default)]
struct Wanted {
    needs: Vec<String>,
    features: BTreeSet<String>,
    checksum: Option<Sha256>,
}

fn wanted<'g>(workspace: &'g Workspace, inventories: &[Inventory]) -> Result<Vec<Job<'g>>, SbomError> {
    let mut listed: BTreeMap<&str, Wanted> = BTreeMap::new();
    for inventory in inventories {
        let all = || std::iter::once(&inventory.root).chain(&inventory.components);
        let names: BTreeMap<&str, &str> = all().map(|c| (c.reference.as_str(), c.name.as_str())).collect();
        for component in all().filter(|component| component.kind == Kind::Package) {
            let needs = component.depends_on.iter().filter_map(|to| names.get(to.as_str()));
            let entry = listed.entry(&component.reference).or_default();
            entry.checksum = component.checksum;
            entry.needs.extend(needs.map(|&name| name.to_owned()));
            let features = component.linked.iter().chain(&component.built).chain(&component.dev).flatten();
            entry.features.extend(features.cloned());
        }
    }
    let mut jobs = Vec::new();
    for package in workspace.graph.packages() {
        let (name, version) = (package.name(), package.version().to_string());
        let source = Source::of(&package).ok_or_else(|| SbomError::Source { package: name.to_owned() })?;
        let purl =
            source.purl(name, &version).map_err(|source| SbomError::Purl { package: name.to_owned(), source })?;
        let reference = source.reference(name, &version, purl.as_ref());
        if let Some(Wanted { needs, features, checksum }) = listed.remove(reference.as_str()) {
            jobs.push(Job { reference, package, needs, features, checksum });
        }
    }
    Ok(jobs)
}

fn read(root: &Path, job: &Job<'_>, ahead: &Ahead, all_files: bool) -> Result<Content, SbomError> {
    let package = &job.package;
    let mut content = Content {
        description: package.description().map(plain).filter(|text| !text.is_empty()),
        repository: package.repository().map(plain).filter(|url| public_address(url)),
        authors: package.authors().iter().map(|author| plain(author)).filter(|text| !text.is_empty()).collect(),
        ..Content::default()
    };
    let Some(folder) = package.manifest_path().as_std_path().parent() else { return Ok(content) };
    let outside = !package.in_workspace();
    let version = package.version().to_string();
    let locked = job.checksum.as_ref().map(|checksum| Locked { name: package.name(), version: &version, checksum });
    let named = format!("{} {version}", package.name());
    content.unlisted = outside && !vendored::all_listed(folder, &named)?;
    if let Some(locked) = &locked {
        content.sha512 = archive::check(ahead, folder, locked)?;
    }
    if !outside && let Ok(below) = folder.strip_prefix(root) {
        content.folder = below.to_str().map(|text| text.replace('\\', "/"));
    }
    let found = ahead.found(folder, locked);
    let packed = content.sha512.and_then(|_| archive::in_cache(folder, package.name(), &version));
    if let Some(packed) = packed.filter(|_| all_files || found.changed) {
        content.unlisted = !unpacked::same(&packed, folder, &named)?;
    }
    let found = found.with_named(folder, package.license_file().map(AsRef::as_ref));
    content.yanked = found.yanked;
    content.vcs = found.vcs.filter(|_| outside);
    content.licence_files = found.licences;
    let script = package.build_targets().find(|target| matches!(target.id(), BuildTargetId::BuildScript));
    if let Some(script) = script {
        let off = package.named_features().filter(|name| !job.features.contains(*name)).collect::<Vec<_>>();
        let about = native::About {
            folder,
            script: script.path().as_std_path(),
            name: package.name(),
            links: package.links(),
            build: &package.version().build,
            needs: &job.needs,
            off: &off,
        };
        content.native = native::compiled(&about);
    }
    Ok(content)
}

/// On several threads, the results in order; the first error, in order, is the one that is told.
fn in_parallel<J: Sync, R: Send>(
    jobs: &[J],
    work: impl Fn(&J) -> Result<R, SbomError> + Sync,
) -> Result<Vec<R>, SbomError> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, Result<R, SbomError>)> = thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(place) else { return done };
                done.push((place, work(job)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
    });
    done.sort_by_key(|(place, _)| *place);
    if done.len() != jobs.len() {
        return Err(SbomError::Thread);
    }
    done.into_iter().map(|(_, result)| result).collect()
}

/// A manifest's text on one line, without characters that a terminal would obey.
fn plain(text: &str) -> String {
    let kept = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control());
    let short: String = kept.take(1_000).collect();
    short.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An address of the web without name and password in it, in characters that every reader of addresses takes.
pub(crate) fn public_address(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#!$&'()*+,;=%".contains(&b);
    let escapes = |rest: &str| {
        let hex = |part: &str| part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        rest.split('%').skip(1).all(hex)
    };
    rest.is_some_and(|rest| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (name, port) = host.split_once(':').unwrap_or((host, ""));
        let name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
        let port = port.bytes().all(|b| b.is_ascii_digit());
        name && port && rest.len() < 2_000 && rest.bytes().all(plain) && escapes(rest) && rest.matches('#').count() < 2
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_manifests_cannot_move_the_cursor_and_stay_short() {
        assert_eq!(plain("a\u{1b}[2Jb\n  c\u{7}"), "a[2Jb c");
        assert_eq!(plain(&"x".repeat(5_000)).len(), 1_000);
    }

    #[test]
    fn only_plain_addresses_are_repeated() {
        assert!(public_address("https://example.com/a/b"));
        for url in [
            "file:///folder/of/somebody",
            "https://user:word@example.com/a",
            "https://a b",
            "a",
            "https://",
            "https://a/%zz",
            "https://a:b/c",
            "https://[x",
            "https://a#b#c",
        ] {
            assert!(!public_address(url), "{url}");
        }
    }

    #[test]
    fn results_stand_in_the_order_of_the_jobs_and_the_first_error_is_told() {
        let jobs: Vec<usize> = (0..500).collect();
        assert_eq!(in_parallel(&jobs, |job| Ok(*job)).unwrap(), jobs);
        let odd = |job: &usize| {
            if job % 2 == 1 { Err(SbomError::Source { package: job.to_string() }) } else { Ok(()) }
        };
        let error = in_parallel(&jobs, odd).unwrap_err();
        assert!(matches!(error, SbomError::Source { package } if package == "1"));
    }
}
