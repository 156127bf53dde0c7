//! Fetching a Sigstore instance's newest trusted root from its repository, by The Update Framework. The caller brings what
//! fetches; everything that comes back is checked before it counts.

use crate::error::FlowError;
use crate::files;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::time::Time;
use countersign_verify::sigstore::TrustedRoot;
use countersign_verify::tuf::{Known, Root};
use std::path::Path;

/// Fetches a file of the repository by its path; `None` where there is no such file.
pub type Fetch<'f> = dyn Fn(&str) -> Result<Option<Vec<u8>>, FlowError> + 'f;

/// What was fetched.
#[derive(Debug)]
pub struct Refreshed {
    /// The file, as it is.
    pub document: Vec<u8>,
    /// The newest root of the repository, to begin with the next time.
    pub root: Vec<u8>,
    /// The timestamp, by which the next one is held against going back.
    pub timestamp: Vec<u8>,
    /// The version of the repository's root.
    pub root_version: u64,
    /// The version of its timestamp.
    pub timestamp_version: u64,
    /// Until when the timestamp counts.
    pub root_expires: Time,
}

/// What is known from before: the repository's root, and the newest timestamp that was seen.
#[derive(Debug)]
pub struct Before {
    /// The root's bytes.
    pub root: Vec<u8>,
    /// The timestamp's bytes.
    pub timestamp: Option<Vec<u8>>,
}

impl Before {
    /// From a folder where an earlier run left them, or from a root that is given.
    pub fn read(state: Option<&Path>, root: Option<&Path>) -> Result<Self, FlowError> {
        let left = |name: &str| match state {
            Some(folder) => files::read_if_there(&folder.join(name), limits::SIGSTORE_ANSWER_BYTES),
            None => Ok(None),
        };
        let (kept, timestamp) = (left(ROOT)?, left(TIMESTAMP)?);
        let root = match (kept, root) {
            (Some(kept), _) => kept,
            (None, Some(path)) => files::read(path, limits::SIGSTORE_ANSWER_BYTES)?,
            (None, None) => {
                return Err(FlowError::Usage(
                    "the repository's first root has to come from outside: --tuf-root FILE".to_owned(),
                ));
            }
        };
        Ok(Self { root, timestamp })
    }
}

/// Names in the folder of what is known.
pub const ROOT: &str = "root.json";
/// See [`ROOT`].
pub const TIMESTAMP: &str = "timestamp.json";
/// The file that is fetched.
pub const TARGET: &str = "trusted_root.json";
/// How far the chain of roots may be followed in one run.
const ROOTS: u64 = 1_024;

/// Fetches the newest file of this name.
pub fn refresh(before: &Before, target: &str, at: Time, fetch: &Fetch<'_>) -> Result<Refreshed, FlowError> {
    let refused = |finding: Finding| FlowError::Refused(vec![finding]);
    let mut root = Root::pinned(&before.root).map_err(|finding| refused(finding.at("the root that is begun with")))?;
    let mut root_bytes = before.root.clone();
    for _ in 0..ROOTS {
        let name = format!("{}.root.json", root.version().saturating_add(1));
        let Some(bytes) = fetch(&name)? else { break };
        root = root.next(&bytes).map_err(|finding| refused(finding.at(name)))?;
        root_bytes = bytes;
    }
    root.current(at).map_err(|finding| refused(finding.at("root.json")))?;
    let there = |name: &str| {
        fetch(name)?.ok_or_else(|| refused(Finding::new(codes::TUF_INVALID, "the repository lacks a file").at(name)))
    };
    // What was seen before was checked then; only its versions matter now. One that cannot be read tells none, so nothing
    // would keep an older one from being taken.
    let unread =
        || refused(Finding::new(codes::TUF_INVALID, "the timestamp that was kept cannot be read").at("timestamp"));
    let seen = before.timestamp.as_deref().map(|kept| versions_of(kept).ok_or_else(unread)).transpose()?;
    let bytes = there("timestamp.json")?;
    let timestamp = root.timestamp(&bytes, seen.map(|(own, _)| own), at);
    let timestamp = timestamp.map_err(|finding| refused(finding.at("timestamp.json")))?;
    let now = timestamp.version_of("snapshot.json").map_err(refused)?;
    if let Some((_, snapshot)) = seen.filter(|(_, snapshot)| now < *snapshot) {
        let what = "the timestamp names an older snapshot than was seen before";
        let finding = Finding::new(codes::TUF_INVALID, what).at("timestamp.json");
        return Err(refused(
            finding.expected(format!("version {snapshot} or later"), "what was kept").found(now.to_string()),
        ));
    }
    let name = named(&root, "snapshot.json", now);
    let snapshot = there(&name)?;
    let snapshot = root.snapshot(&timestamp, &snapshot, at).map_err(|finding| refused(finding.at(name)))?;
    let name = named(&root, "targets.json", snapshot.version_of("targets.json").map_err(refused)?);
    let targets = there(&name)?;
    let targets = root.targets(&snapshot, &targets, at).map_err(|finding| refused(finding.at(name)))?;
    let document = target_of(&root, &targets, target, &there)?;
    Ok(Refreshed {
        document,
        root: root_bytes,
        timestamp: bytes,
        root_version: root.version(),
        timestamp_version: timestamp.version(),
        root_expires: root.expires(),
    })
}

fn target_of(
    root: &Root,
    targets: &Known,
    target: &str,
    there: &dyn Fn(&str) -> Result<Vec<u8>, FlowError>,
) -> Result<Vec<u8>, FlowError> {
    let refused = |finding: Finding| FlowError::Refused(vec![finding.at(target)]);
    let digest = targets.sha256_of(target).map_err(refused)?;
    let name = if root.consistent() { consistent(target, &digest) } else { target.to_owned() };
    let document = there(&format!("targets/{name}"))?;
    targets.is_target(target, &document).map_err(refused)?;
    if target == TARGET {
        TrustedRoot::parse(&document).map_err(|error| FlowError::Refused(vec![error.finding(target)]))?;
    }
    Ok(document)
}

/// A file's name with its digest before it.
fn consistent(target: &str, digest: &Sha256) -> String {
    match target.rsplit_once('/') {
        Some((folder, name)) => format!("{folder}/{}.{name}", digest.hex()),
        None => format!("{}.{target}", digest.hex()),
    }
}

fn named(root: &Root, name: &str, version: u64) -> String {
    if root.consistent() { format!("{version}.{name}") } else { name.to_owned() }
}

/// The versions of a timestamp, and of the snapshot that it names.
fn versions_of(bytes: &[u8]) -> Option<(u64, u64)> {
    let value = countersign_core::json::parse(bytes).ok()?;
    Some((value.pointer("/signed/version")?.as_u64()?, value.pointer("/signed/meta/snapshot.json/version")?.as_u64()?))
}
