//! A Cargo workspace as Cargo itself sees it: the packages, the platforms, the resolver, the lock file.
//!
//! The packages come from `cargo metadata --all-features --locked`: without `--all-features` the optional packages are
//! missing from it, and a resolution that asks for them would leave them out without a word. `--filter-platform` is
//! never given, since build dependencies are those of the machine that builds.

use crate::{
    CargoRequest, asked,
    content::{self, Ahead},
    early::Early,
    error::SbomError,
    inventory::{Kind, Sha512},
    lock::{Lock, read_toml},
    program::{Finished, Running, start, start_with},
    rustc::{self, Judge, Said, target_flag},
    settings::Settings,
};
use guppy::{
    CargoMetadata, PackageId,
    graph::{PackageGraph, PackageMetadata, cargo::CargoResolverVersion},
    platform::Platform,
};
use std::{
    collections::BTreeSet,
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
    pub(crate) overridden: Overridden,
    /// The package of the folder that Cargo is called in, where flags about features are for it alone: under resolver 1, unless
    /// the folder's manifest is that of a workspace without a package.
    of_folder: Option<PackageId>,
}

impl Workspace {
    /// The package that flags about features are for, where they are not for all that is built.
    pub(crate) fn of_folder(&self) -> Option<PackageMetadata<'_>> {
        self.graph.metadata(self.of_folder.as_ref()?).ok()
    }
}

/// Native libraries (`links`) whose build scripts are not run, by the machine that the package is compiled for.
pub(crate) struct Overridden {
    pub(crate) host: BTreeSet<String>,
    pub(crate) target: BTreeSet<String>,
}

impl Overridden {
    pub(crate) fn none(&self) -> bool {
        self.host.is_empty() && self.target.is_empty()
    }
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
        // What only a feature of a dependency needs is missing from the answer too, unless it is asked for.
        let features = asked::with_package(request).join(",");
        if !features.is_empty() {
            arguments.extend(["--features", &features]);
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
        let Built { host, target, compiler, judge, overridden } = self.built.take(|| Built::of(request, directory))?;
        let read = |text: &str| {
            let text = asked::applied(judge.applied(text), request);
            CargoMetadata::parse_json(&*text).and_then(CargoMetadata::build_graph)
        };
        let (metadata, graph) = cargo.finish_with(read)?;
        if !metadata.good {
            return Err(refusal(request, directory, metadata));
        }
        let graph = graph
            .unwrap_or_else(|| read(&metadata.printed))
            .map_err(|source| SbomError::Metadata { directory: directory.clone(), source: Box::new(source) })?;
        let root = graph.workspace().root().as_std_path().to_owned();
        let resolver = Resolver::of(&graph, &root.join("Cargo.toml"))?;
        let of_folder = (resolver.version == CargoResolverVersion::V1).then(|| of_folder(&graph, directory)).flatten();
        Ok(Workspace {
            lock: ahead.lock(&root.join("Cargo.lock"))?,
            resolver,
            of_folder,
            graph,
            host,
            target,
            compiler,
            overridden,
        })
    }
}

/// The member whose manifest is the nearest one to the folder.
fn of_folder(graph: &PackageGraph, directory: &Path) -> Option<PackageId> {
    let manifest = directory.ancestors().map(|folder| folder.join("Cargo.toml")).find(|path| path.is_file())?;
    let own = |package: &PackageMetadata<'_>| {
        let path = package.manifest_path().as_std_path();
        path == manifest || fs::canonicalize(path).is_ok_and(|path| path == manifest)
    };
    graph.workspace().iter().find(own).map(|package| package.id().clone())
}

/// The compiler, and the two machines that it may build for.
struct Built {
    host: Platform,
    target: Platform,
    compiler: Compiler,
    judge: Judge,
    overridden: Overridden,
}

impl Built {
    fn of(request: &CargoRequest, directory: &Path) -> Result<Self, SbomError> {
        let settings = Settings::read(directory, request.home.as_deref(), &request.variables)?;
        let said = rustc::ask(request, directory, &settings, |version| named(version, "host: "))?;
        let Said { host, target, version, program, sysroot, judge } = said;
        let mut compiler = compiler(&version).ok_or(SbomError::Rustc { program, said: version })?;
        if request.content && !sysroot.is_empty() {
            compiler.digests = content::toolchain(Path::new(&sysroot), target.triple_str());
        }
        let overridden = |platform: &Platform| settings.overridden(platform.triple_str());
        let overridden = Overridden { host: overridden(&host), target: overridden(&target) };
        Ok(Self { host, target, compiler, judge, overridden })
    }
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
    } else if let Some(feature) = not_there(request, &said) {
        let package = request.package.clone().unwrap_or_else(|| "of the workspace".to_owned());
        SbomError::NoSuchFeature { package, feature, known: Vec::new() }
    } else if any(&["--offline", "failed to download", "failed to fetch", "network", "HTTP request"]) {
        SbomError::PackageNotFetched { path, said }
    } else {
        SbomError::Cargo { directory: directory.to_owned(), said }
    }
}

/// Of the features that were asked for, the one that Cargo says nothing has.
fn not_there(request: &CargoRequest, said: &str) -> Option<String> {
    let told =
        ["contain this feature", "contains this feature", "does not have that feature", "does not have these features"];
    let mut asked = asked::with_package(request).into_iter();
    let named = |feature: &&str| {
        let own = feature.rsplit('/').next().unwrap_or(feature);
        said.contains(feature) || said.contains(&format!("`{own}`"))
    };
    told.iter().any(|text| said.contains(text)).then(|| asked.find(named).map(str::to_owned)).flatten()
}

fn no_workspace(directory: &Path, said: String) -> SbomError {
    let manifests = directory.ancestors().map(|folder| folder.join("Cargo.toml"));
    match manifests.into_iter().find(|manifest| manifest.is_file()) {
        Some(path) => SbomError::Manifest { path, said },
        None => SbomError::NotAWorkspace { directory: directory.to_owned() },
    }
}

fn named(version: &str, name: &str) -> Option<String> {
    version.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
}

/// Which compiler it is.
fn compiler(version: &str) -> Option<Compiler> {
    let hex = |text: &String| text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let commit = named(version, "commit-hash: ").filter(hex);
    Some(Compiler { release: named(version, "release: ")?, commit, digests: Vec::new() })
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
