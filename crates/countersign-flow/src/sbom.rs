//! SBOMs of a Cargo workspace: what was asked for, what only people know, when, and what the build left to be held against.
//! Everything is made before anything is handed back, so that nothing is written by halves.

use crate::error::FlowError;
use crate::files;
use countersign_collect::Environment;
use countersign_collect::git::{GitRepo, GitSource};
use countersign_collect::worktree::{self, Changes, Files};
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::{Commit, Mode, ObjectFormat, ObjectSource as _, Oid, Tree};
use countersign_core::limits;
use countersign_core::statement::Statement;
use countersign_core::time::Time;
use countersign_record::atomic::lies_in;
use countersign_sbom::{
    CargoRequest, Encoding, Facts, Inventory, Kind, Listed, People, Rest, Shape, Spec, Summary, Written,
    cargo_inventories, cargo_listed, compare, digests, lock_inventory, schema, write_as,
};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Differences of one kind that are told one by one.
const TOLD: usize = 20;
/// Entries of a new folder that are looked at, and folders within folders: what has more is not taken for harmless.
const LOOKED_AT: usize = 1_000;
const DEPTH: usize = 8;

/// How much is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What the request names.
    One,
    /// Every artifact that the workspace ships.
    Artifacts,
    /// The lock file alone.
    LockOnly,
}

/// What is asked for.
#[derive(Debug)]
pub struct Request<'a> {
    /// The workspace, and what of it.
    pub cargo: CargoRequest,
    /// How much is described.
    pub scope: Scope,
    /// The built file.
    pub artifact: Option<&'a Path>,
    /// The provenance of the built file: a statement, or a bundle that is read without judging its signature.
    pub provenance: Option<&'a Path>,
    /// The file with what only people know; that of the workspace's folder where none is named.
    pub config: Option<&'a Path>,
    /// The version of `CycloneDX`.
    pub spec: Spec,
    /// JSON or XML.
    pub encoding: Encoding,
    /// The time that was given from outside; the commit's where none was.
    pub time: Option<Time>,
    /// For programs that are run.
    pub environment: &'a Environment,
}

/// One SBOM.
#[derive(Debug)]
pub struct Made {
    /// What it lists.
    pub inventory: Inventory,
    /// The document.
    pub written: Written,
    /// What it lists, counted.
    pub summary: Summary,
    /// What is worth saying.
    pub notes: Vec<Finding>,
    /// What it was held against: `cargo auditable`, `cargo`.
    pub compared: Vec<&'static str>,
}

/// Makes them.
pub fn make(request: &Request<'_>) -> Result<Vec<Made>, FlowError> {
    let beside = request.cargo.directory.join("countersign.toml");
    if let Some(path) = request.config
        && !path.exists()
    {
        return Err(FlowError::Usage(format!("there is no file {}", path.display())));
    }
    let mut facts = Facts { people: People::read(request.config.unwrap_or(&beside))?, ..Facts::default() };
    // The commit, the artifact's digest and the schema do not wait for Cargo.
    let (source, artifact) = (Once::new(None), Once::new(None));
    let look = || keep(&source, Checkout::of(request));
    let hash = || keep(&artifact, request.artifact.map(digests).transpose());
    let listed = listed(request, &[&look, &|| schema::make_ready(request.spec.as_str()), &hash]);
    let source = kept(source).unwrap_or_else(|| Checkout::of(request));
    facts.time = request.time.or_else(|| source.as_ref().and_then(|source| source.time));
    let artifact = kept(artifact).unwrap_or_else(|| request.artifact.map(digests).transpose());
    if let Some((short, long)) = artifact? {
        facts.artifact = Some(short);
        facts.artifact_sha512 = Some(long);
    }
    if let Some(path) = request.provenance {
        about_the_artifact(path, &facts, request.artifact)?;
    }
    let mut listed = listed?;
    if let Some(source) = source {
        source.name(&mut listed);
    }
    let Listed { inventories, left_out, rest, .. } = listed;
    let made: Result<Vec<Made>, FlowError> =
        inventories.into_iter().map(|inventory| one(request, &facts, inventory)).collect();
    drop(rest);
    let mut made = made?;
    if let (false, Some(first)) = (left_out.is_empty(), made.first_mut()) {
        let what = format!("{} binary(ies) are not built with these features, and have no SBOM", left_out.len());
        first.notes.push(
            Finding::new(codes::SBOM_PARTIAL, what)
                .at("required-features")
                .expected("the features that each requires", "Cargo.toml")
                .found(first_of(&left_out))
                .help("`--features` switches them on"),
        );
    }
    Ok(made)
}

/// What another thread found, if it came to it.
type Once<T> = Mutex<Option<T>>;

fn keep<T>(place: &Once<T>, value: T) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
}

fn kept<T>(place: Once<T>) -> Option<T> {
    place.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn listed(request: &Request<'_>, meanwhile: &[&(dyn Fn() + Sync)]) -> Result<Listed, FlowError> {
    Ok(match request.scope {
        Scope::One => cargo_listed(&request.cargo, meanwhile)?,
        Scope::Artifacts => cargo_inventories(&request.cargo, meanwhile)?,
        Scope::LockOnly => {
            let root = request.cargo.directory.clone();
            Listed {
                root,
                inventories: vec![lock_inventory(&request.cargo.directory)?],
                left_out: Vec::new(),
                rest: Rest::default(),
            }
        }
    })
}

fn one(request: &Request<'_>, facts: &Facts, inventory: Inventory) -> Result<Made, FlowError> {
    let mut compared = Vec::new();
    if let Some(artifact) = request.artifact
        && inventory.shape != Shape::Workspace
    {
        let mut refusals = Vec::new();
        for found in compare(artifact, &inventory)? {
            compared.push(found.with);
            refusals.extend(disagreement(&found.path, found.with, &found.differences));
        }
        if !refusals.is_empty() {
            return Err(FlowError::Refused(refusals));
        }
    }
    let summary = Summary::of(&inventory);
    let mut notes = Vec::new();
    if !summary.yanked.is_empty() {
        let what = format!("{} package(s) were taken back by whoever published them", summary.yanked.len());
        notes.push(
            Finding::new(codes::SBOM_PACKAGE_YANKED, what)
                .at("Cargo.lock")
                .expected("versions that the registry still offers", "Cargo's copy of its index")
                .found(first_of(&summary.yanked))
                .help("`cargo update --package NAME` locks another version; publishers seldom say why"),
        );
    }
    if !summary.unlisted.is_empty() {
        let what = format!(
            "{} package(s) have files that nothing shows to be what their registry has; no digest of it is given",
            summary.unlisted.len()
        );
        notes.push(
            Finding::new(codes::SBOM_PARTIAL, what)
                .at("the packages' folders")
                .expected("the files of the archive, or of .cargo-checksum.json, and no others", "Cargo")
                .found(first_of(&summary.unlisted))
                .help(
                    "remove the folders; `cargo fetch --locked` or `cargo vendor` writes them anew; of what was changed on purpose, make a path dependency",
                ),
        );
    }
    if !summary.dirty.is_empty() {
        let what = format!(
            "{} package(s) were packed from files that differ from the commit that they name",
            summary.dirty.len()
        );
        notes.push(
            Finding::new(codes::SBOM_PACKAGE_DIRTY, what)
                .at(".cargo_vcs_info.json of the packages")
                .expected("files that are what the commit holds", "whoever published them")
                .found(first_of(&summary.dirty)),
        );
    }
    let written = write_as(&inventory, facts, request.spec, request.encoding)?;
    Ok(Made { inventory, written, summary, notes, compared })
}

/// The first of them, and how many more there are.
fn first_of(names: &[String]) -> String {
    let more = names.len().saturating_sub(TOLD);
    let more = (more > 0).then(|| format!("and {more} more"));
    names.iter().take(TOLD).cloned().chain(more).collect::<Vec<_>>().join(", ")
}

fn disagreement(path: &Path, with: &str, differences: &[String]) -> Option<Finding> {
    let shown = differences.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    (!differences.is_empty()).then(|| {
        let count = differences.len();
        Finding::new(
            codes::SBOM_NOT_BUILT,
            format!("{count} difference(s) between the SBOM and what {with} says of the build"),
        )
        .at(path.display().to_string())
        .expected("the same build", format!("what {with} left"))
        .found(if count > TOLD { format!("{shown}; and {} more", count.saturating_sub(TOLD)) } else { shown })
        .help("make the SBOM with the compiler, target, features and lock file that were built")
    })
}

/// The provenance has to be about this very file.
fn about_the_artifact(path: &Path, facts: &Facts, artifact: Option<&Path>) -> Result<(), FlowError> {
    let (Some(digest), Some(artifact)) = (facts.artifact, artifact) else {
        return Err(FlowError::Usage(
            "--provenance goes with --artifact: it is held against the file's digest".to_owned(),
        ));
    };
    let bytes = files::read(path, limits::DOCUMENT_BYTES)?;
    let payload = Signed::parse(&bytes).map_or(bytes, |signed| signed.payload);
    let statement = Statement::parse(&payload).map_err(|error| {
        let finding = Finding::new(codes::PROVENANCE_MALFORMED, error.to_string()).at(path.display().to_string());
        FlowError::Refused(vec![finding])
    })?;
    let hex = digest.hex();
    let named: Vec<&str> =
        statement.subjects.iter().filter_map(|subject| subject.digest.get("sha256")).map(String::as_str).collect();
    if named.contains(&hex.as_str()) {
        return Ok(());
    }
    Err(FlowError::Refused(vec![
        Finding::new(codes::SBOM_DISAGREES, "the provenance is about another file than the artifact")
            .at(path.display().to_string())
            .at("/subject")
            .expected(digest.to_string(), artifact.display().to_string())
            .found(if named.is_empty() {
                "no SHA-256".to_owned()
            } else {
                format!("sha256:{}", named.join(", sha256:"))
            })
            .help("name the file that was built, or make its provenance again"),
    ]))
}

/// The commit that is checked out.
struct Checkout {
    /// When it was made.
    time: Option<Time>,
    /// The trees of the members' folders, by folder below the workspace's; none where a file differs from the commit.
    trees: Option<Trees>,
}

struct Trees {
    objects: GitSource,
    root: Oid,
    format: ObjectFormat,
    /// The repository's folder.
    work_tree: PathBuf,
}

impl Checkout {
    /// Nothing where the workspace is in no repository.
    fn of(request: &Request<'_>) -> Option<Self> {
        let repository = GitRepo::open(&request.cargo.directory, request.environment).ok()?;
        let commit = repository.head().ok()?.commit?;
        let objects = repository.objects();
        let object = objects.object(&commit).ok()?;
        let commit = Commit::parse(repository.format(), &object.bytes).ok()?;
        let work_tree = std::fs::canonicalize(repository.work_tree()?).ok()?;
        // A workspace that a repository leaves out, such as one that lies in its folder for builds, is none of its commit.
        let below = workspace(&request.cargo.directory)?;
        id_of(&objects, repository.format(), commit.tree, below.strip_prefix(&work_tree).ok()?)?;
        let time = commit.committer.seconds().and_then(|seconds| Time::from_unix(seconds).ok());
        let wanted = request.cargo.content && request.scope != Scope::LockOnly;
        let trees = || {
            let clean =
                as_committed(&work_tree, &worktree::changes(&repository, request.environment, Files::All).ok()?);
            clean.then_some(Trees { objects, root: commit.tree, format: repository.format(), work_tree })
        };
        Some(Self { time, trees: if wanted { trees() } else { None } })
    }

    /// Gives the members the ids of their folders' trees.
    fn name(&self, listed: &mut Listed) {
        let Some(trees) = &self.trees else { return };
        let Ok(root) = std::fs::canonicalize(&listed.root) else { return };
        let Ok(below) = root.strip_prefix(&trees.work_tree) else { return };
        for inventory in &mut listed.inventories {
            for component in std::iter::once(&mut inventory.root).chain(&mut inventory.components) {
                let folder = match (&component.content.folder, component.kind) {
                    (Some(folder), _) => Some(folder.clone()),
                    (None, Kind::Workspace) => Some(String::new()),
                    (None, _) => None,
                };
                component.content.tree = folder.and_then(|folder| trees.id(&below.join(folder))).map(|id| id.hex());
            }
        }
    }
}

/// Whether what Cargo would build is what the commit holds: no file of it differs, and no new one is a source or a file of
/// Cargo's. Other new files, such as the last SBOM, are built into nothing.
fn as_committed(work_tree: &Path, changes: &Changes) -> bool {
    let new = |path: &Vec<u8>| std::str::from_utf8(path).ok().is_some_and(|path| harmless(&work_tree.join(path), 0));
    changes.count == changes.untracked().len() && changes.untracked().iter().all(new)
}

fn harmless(path: &Path, depth: usize) -> bool {
    let Ok(found) = std::fs::symlink_metadata(path) else { return false };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !found.is_dir() {
        return !matches!(
            name,
            "Cargo.toml" | "Cargo.lock" | "config.toml" | "config" | "rust-toolchain" | "rust-toolchain.toml"
        ) && path.extension().is_none_or(|end| end != "rs")
            && found.is_file();
    }
    let Ok(entries) = std::fs::read_dir(path) else { return false };
    let entries: Vec<_> = entries.take(LOOKED_AT).collect();
    depth < DEPTH
        && entries.len() < LOOKED_AT
        && entries.into_iter().all(|entry| entry.is_ok_and(|entry| harmless(&entry.path(), depth.saturating_add(1))))
}

impl Trees {
    fn id(&self, path: &Path) -> Option<Oid> {
        id_of(&self.objects, self.format, self.root, path)
    }
}

/// The tree of a folder below another.
fn id_of(objects: &GitSource, format: ObjectFormat, root: Oid, path: &Path) -> Option<Oid> {
    let mut id = root;
    for part in path.components() {
        let object = objects.object(&id).ok()?;
        let tree = Tree::parse(format, &object.bytes).ok()?;
        let entry = tree.get(part.as_os_str().to_str()?.as_bytes())?;
        id = (entry.mode == Mode::Directory).then_some(entry.id)?;
    }
    Some(id)
}

/// What Cargo reads of a workspace, and what only people know of it, is found by itself and named by nobody: no output takes its
/// place.
pub fn apart(directory: &Path, output: &Path) -> Result<(), FlowError> {
    let read = ["Cargo.lock", "Cargo.toml", "countersign.toml"];
    // A link is written through.
    let led = std::fs::canonicalize(output).unwrap_or_else(|_missing| output.to_owned());
    let named = led.file_name().is_some_and(|name| read.iter().any(|known| name == *known));
    if named && workspace(directory).is_some_and(|folder| lies_in(output, &folder)) {
        return Err(FlowError::Usage(format!(
            "{} is read here, and would be written over: name another file for what is written",
            output.display()
        )));
    }
    Ok(())
}

/// The folder of the lock file that lies nearest above; the folder itself where there is none.
fn workspace(directory: &Path) -> Option<PathBuf> {
    let directory = std::fs::canonicalize(directory).ok()?;
    let found = directory.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    Some(found.unwrap_or(&directory).to_owned())
}
