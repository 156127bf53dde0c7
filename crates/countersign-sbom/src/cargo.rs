//! A Cargo workspace as Cargo itself sees it: the packages, the platforms, the resolver, the lock file.
//!
//! The packages come from `cargo metadata --all-features --locked`: without `--all-features` the optional packages are
//! missing from it, and a resolution that asks for them would leave them out without a word. `--filter-platform` is
//! never given, since build dependencies are those of the machine that builds.

use crate::{
    CargoRequest,
    content::{self, Ahead},
    early::Early,
    error::SbomError,
    inventory::{Kind, Sha512},
    lock::{Lock, read_toml},
    program::{Finished, Running, start, start_with},
};
use guppy::{
    CargoMetadata,
    graph::{PackageGraph, cargo::CargoResolverVersion},
    platform::{Platform, TargetFeatures},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A third of Cargo's time goes into a hundred megabytes that it takes from the system page by page. The C library of Linux takes
/// them in large pieces where it is told to; others do not know the variable.
const LARGE_PIECES: (&str, &str) =
    ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=33554432:glibc.malloc.mmap_threshold=268435456");

/// All that is known before anything is resolved.
pub(crate) struct Workspace {
    pub(crate) graph: PackageGraph,
    pub(crate) lock: Lock,
    pub(crate) resolver: Resolver,
    pub(crate) host: Platform,
    pub(crate) target: Platform,
    pub(crate) compiler: Compiler,
}

/// The compiler that would build it.
pub(crate) struct Compiler {
    pub(crate) release: String,
    /// The commit of the compiler's sources; a distribution's own build may not say it.
    pub(crate) commit: Option<String>,
    /// Of its own files, what each is and its digest; empty where packages' own files are not read.
    pub(crate) digests: Vec<(Kind, &'static str, Sha512)>,
}

/// Cargo's resolver, with its number in the manifest.
pub(crate) struct Resolver {
    pub(crate) number: &'static str,
    pub(crate) version: CargoResolverVersion,
}

/// Cargo, which was asked, and the compiler, which is asked by whoever has time.
pub(crate) struct Asked<'r> {
    request: &'r CargoRequest,
    directory: PathBuf,
    built: Early<Result<Built, SbomError>>,
}

impl<'r> Asked<'r> {
    /// Starts Cargo: it takes longest.
    pub(crate) fn start(request: &'r CargoRequest) -> Result<(Self, Running), SbomError> {
        let directory = fs::canonicalize(&request.directory)
            .map_err(|source| SbomError::Directory { path: request.directory.clone(), source })?;
        if directory.to_str().is_none() {
            return Err(SbomError::NonUtf8Path { path: directory });
        }
        request.target.as_deref().map(target_flag).transpose()?;
        let mut arguments = vec!["metadata", "--format-version=1", "--all-features", "--locked"];
        if request.offline {
            arguments.push("--offline");
        }
        let cargo = start_with(&request.cargo, &directory, &arguments, request.large_pieces.then_some(LARGE_PIECES))?;
        Ok((Self { request, directory, built: Early::new() }, cargo))
    }

    /// Asks the compiler, unless somebody did.
    pub(crate) fn compiler(&self) {
        self.built.make(|| Built::of(self.request, &self.directory));
    }

    /// What Cargo and the compiler said.
    pub(crate) fn workspace(&self, cargo: Running, ahead: &Ahead) -> Result<Workspace, SbomError> {
        let Self { request, directory, .. } = self;
        let read = |text: &str| CargoMetadata::parse_json(text).and_then(CargoMetadata::build_graph);
        let (metadata, graph) = cargo.finish_with(read)?;
        if !metadata.good {
            return Err(refusal(request, directory, metadata));
        }
        let graph = graph
            .unwrap_or_else(|| read(&metadata.printed))
            .map_err(|source| SbomError::Metadata { directory: directory.clone(), source: Box::new(source) })?;
        let root = graph.workspace().root().as_std_path().to_owned();
        let Built { host, target, compiler } = self.built.take(|| Built::of(request, directory))?;
        Ok(Workspace {
            lock: ahead.lock(&root.join("Cargo.lock"))?,
            resolver: Resolver::of(&graph, &root.join("Cargo.toml"))?,
            graph,
            host,
            target,
            compiler,
        })
    }
}

/// The compiler, and the two machines that it may build for.
struct Built {
    host: Platform,
    target: Platform,
    compiler: Compiler,
}

impl Built {
    fn of(request: &CargoRequest, directory: &Path) -> Result<Self, SbomError> {
        let flag = request.target.as_deref().map(target_flag).transpose()?;
        let first = start(&request.rustc, directory, &["--print=sysroot", "--print=cfg"]).and_then(Running::finish)?;
        let program = first.program.clone();
        let said = compiler_said(first)?;
        // The folder on the first line, then a condition a line.
        let two = said.split_once('\n').filter(|(_, cfg)| !cfg.trim().is_empty());
        let (sysroot, cfg) = two.ok_or_else(|| SbomError::Rustc { program, said: said.clone() })?;
        let sysroot = sysroot.trim_end_matches('\r');
        let own = own_compiler(&request.rustc, sysroot);
        let ask = |arguments: &[&str]| {
            let answer = |program: &Path| start(program, directory, arguments).and_then(Running::finish);
            let own = own.as_deref().and_then(|own| answer(own).ok()).filter(|answer| answer.good);
            own.map_or_else(|| answer(&request.rustc), Ok)
        };
        let (host_triple, mut compiler) = compiler(ask(&["-vV"])?)?;
        let target = flag.map(|flag| ask(&["--print=cfg", &flag])).transpose()?;
        let host = platform(&host_triple, cfg)?;
        let target = match (request.target.as_deref(), target) {
            (Some(triple), Some(said)) if said.good => platform(triple, &said.printed)?,
            (Some(triple), _) => return Err(SbomError::NoSuchTarget { target: triple.to_owned() }),
            (None, _) => host.clone(),
        };
        if request.content && !sysroot.is_empty() {
            compiler.digests = content::toolchain(Path::new(sysroot), target.triple_str());
        }
        Ok(Self { host, target, compiler })
    }
}

/// The file of the compiler that answered, which is asked whatever else there is to ask: `rustc` is often rustup's, which looks for
/// that file each time, and takes nearly as long as the answer. Another program than `rustc` is asked itself: it may be anything.
fn own_compiler(asked: &Path, sysroot: &str) -> Option<PathBuf> {
    let named = asked == Path::new("rustc") && !sysroot.is_empty();
    named.then(|| content::compiler_file(Path::new(sysroot))).filter(|file| file.is_file())
}

/// Only the name of a target: a file would be read by the compiler, and its path would stand in the document.
fn target_flag(triple: &str) -> Result<String, SbomError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let file = Path::new(triple).extension().is_some_and(|extension| extension == "json");
    if triple.is_empty() || file || !triple.bytes().all(plain) {
        return Err(SbomError::NoSuchTarget { target: triple.to_owned() });
    }
    Ok(format!("--target={triple}"))
}

/// Why Cargo failed: by what is there first, by what it says second.
fn refusal(request: &CargoRequest, directory: &Path, metadata: Finished) -> SbomError {
    let said = metadata.said;
    let arguments = ["locate-project", "--workspace", "--message-format=plain"];
    let located = start(&request.cargo, directory, &arguments).and_then(Running::finish);
    let root = match located {
        Ok(located) if located.good => located.printed.trim_end_matches(['\r', '\n']).to_owned(),
        Ok(located) => return no_workspace(directory, located.said),
        Err(error) => return error,
    };
    let path = Path::new(&root).with_file_name("Cargo.lock");
    let any = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    if !path.exists() {
        return SbomError::NoLockFile { path };
    }
    let lock = match Lock::read(&path) {
        Ok(lock) => lock,
        Err(error) => return error,
    };
    let archive = any(&["failed to unpack", "changed between lock files"]);
    let home = request.home.as_deref().filter(|_| archive);
    if let Some(altered) = home.and_then(|home| content::altered(&lock, home)) {
        altered
    } else if any(&["--locked was passed"]) {
        SbomError::LockOutOfDate { path, said }
    } else if any(&["--offline", "failed to download", "failed to fetch", "network", "HTTP request"]) {
        SbomError::PackageNotFetched { path, said }
    } else {
        SbomError::Cargo { directory: directory.to_owned(), said }
    }
}

fn no_workspace(directory: &Path, said: String) -> SbomError {
    let manifests = directory.ancestors().map(|folder| folder.join("Cargo.toml"));
    match manifests.into_iter().find(|manifest| manifest.is_file()) {
        Some(path) => SbomError::Manifest { path, said },
        None => SbomError::NotAWorkspace { directory: directory.to_owned() },
    }
}

fn compiler_said(finished: Finished) -> Result<String, SbomError> {
    if finished.good {
        Ok(finished.printed)
    } else {
        Err(SbomError::Rustc { program: finished.program, said: finished.said })
    }
}

/// The machine that the compiler runs on, and which compiler it is.
fn compiler(version: Finished) -> Result<(String, Compiler), SbomError> {
    let program = version.program.clone();
    let printed = compiler_said(version)?;
    let line = |name: &str| printed.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    match (line("host: "), line("release: ")) {
        (Some(host), Some(release)) => {
            let hex = |text: &String| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
            Ok((host, Compiler { release, commit: line("commit-hash: ").filter(hex), digests: Vec::new() }))
        }
        _ => Err(SbomError::Rustc { program, said: printed }),
    }
}

/// The platform exactly as the compiler describes it, so that every condition on it comes out as in Cargo.
fn platform(triple: &str, cfg: &str) -> Result<Platform, SbomError> {
    let features =
        cfg.lines().filter_map(|line| line.strip_prefix("target_feature=\"")?.strip_suffix('"')).map(str::to_owned);
    Platform::new_custom_cfg(triple.to_owned(), cfg, TargetFeatures::features(features))
        .map_err(|source| SbomError::Target { target: triple.to_owned(), source: Box::new(source) })
}

#[derive(serde::Deserialize)]
struct Manifest {
    workspace: Option<Table>,
    package: Option<Table>,
}

#[derive(serde::Deserialize)]
struct Table {
    resolver: Option<String>,
}

impl Resolver {
    /// As Cargo finds it: the workspace's key, the root package's key, the root package's edition, or the oldest.
    fn of(graph: &PackageGraph, path: &Path) -> Result<Self, SbomError> {
        let manifest: Manifest = toml::from_str(&read_toml(path)?)
            .map_err(|source| SbomError::Toml { path: path.to_owned(), source: Box::new(source) })?;
        let stated = |table: Option<Table>| table.and_then(|table| table.resolver);
        let edition = graph.workspace().member_by_path("").map(|package| package.edition());
        let number = stated(manifest.workspace).or_else(|| stated(manifest.package));
        match (number.as_deref(), edition) {
            (Some("1"), _) | (None, Ok("2015" | "2018") | Err(_)) => {
                Ok(Self { number: "1", version: CargoResolverVersion::V1 })
            }
            (Some("2"), _) | (None, Ok("2021")) => Ok(Self { number: "2", version: CargoResolverVersion::V2 }),
            (Some("3"), _) | (None, Ok("2024")) => Ok(Self { number: "3", version: CargoResolverVersion::V3 }),
            (Some(other), _) => Err(SbomError::Resolver { path: path.to_owned(), found: other.to_owned() }),
            (None, Ok(edition)) => {
                Err(SbomError::Resolver { path: path.to_owned(), found: format!("that of edition {edition}") })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    const CFG: &str = "panic=\"unwind\"\ntarget_arch=\"x86_64\"\ntarget_endian=\"little\"\ntarget_env=\"gnu\"\ntarget_family=\"unix\"\n\
        target_feature=\"sse2\"\ntarget_os=\"linux\"\ntarget_pointer_width=\"64\"\ntarget_vendor=\"unknown\"\nunix\n";

    /// A program that answers as a compiler of this release does, and notes that it was asked.
    fn compiler_at(path: &Path, release: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let sysroot = path.ancestors().nth(2).unwrap().display().to_string();
        let script = format!(
            "#!/bin/sh\necho \"$*\" >> \"$0.asked\"\ncase \"$*\" in\n-vV) echo 'release: {release}'; echo 'host: x86_64-unknown-linux-gnu';;\n\
             *) echo '{sysroot}'\ncat <<'END'\n{CFG}END\n;;\nesac\n"
        );
        fs::write(path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn times_asked(path: &Path) -> usize {
        fs::read_to_string(path.with_extension("asked")).unwrap_or_default().lines().count()
    }

    #[test]
    fn another_program_than_rustc_is_asked_itself_whatever_sysroot_it_names() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("bin/rustc");
        compiler_at(&file, "1.0.0");
        let wrapper = place.path().join("wrapper/bin/mine");
        compiler_at(&wrapper, "2.0.0");
        let request = CargoRequest { rustc: wrapper.clone(), content: false, ..CargoRequest::new(place.path()) };
        let built = Built::of(&request, place.path()).unwrap();
        assert_eq!((built.compiler.release.as_str(), times_asked(&wrapper)), ("2.0.0", 2));
        assert_eq!(own_compiler(Path::new("rustc"), place.path().to_str().unwrap()), Some(file.clone()));
        assert_eq!(own_compiler(Path::new("rustc"), place.path().join("none").to_str().unwrap()), None);
        assert_eq!(own_compiler(Path::new("rustc"), ""), None, "a compiler that names no folder is asked itself");
        for other in ["mine", "./rustc", "/usr/bin/rustc"] {
            assert_eq!(own_compiler(Path::new(other), place.path().to_str().unwrap()), None, "{other}");
        }
    }
}
