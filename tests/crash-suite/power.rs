//! The power goes: what was written and not flushed may be there, or be gone, or be there in part. An append's writes are
//! taken from its trace, and after each of them the disk is made up as it may look.

use super::judge::judge_by;
use super::trace::{Call, record, unhex};
use super::{KEPT, Outcome, Suite};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const APPENDS: &[(u64, u64)] = &[(3, 1), (250, 10)];
/// How many made-up disks after each write, beside the two where all and nothing of it is there.
const DISKS: u64 = 12;

/// A file's bytes: as they were flushed last, and as they are in memory.
#[derive(Debug, Clone, Default)]
struct File {
    flushed: Option<Vec<u8>>,
    now: Vec<u8>,
}

/// A change of a name that is not on the disk until its folder is flushed.
#[derive(Debug, Clone)]
enum Change {
    Folder(PathBuf),
    File(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// A disk, and what the system holds back from it.
#[derive(Debug, Clone, Default)]
struct Disk {
    files: Vec<File>,
    folders: std::collections::BTreeSet<PathBuf>,
    names: BTreeMap<PathBuf, usize>,
    /// As the process sees the names.
    seen: BTreeMap<PathBuf, usize>,
    waiting: Vec<Change>,
    acks: String,
}

pub(super) fn play(suite: &Suite, told: &mut dyn FnMut(Outcome)) {
    for (entries, count) in APPENDS {
        let calls = record(suite, *entries, *count);
        let base = suite.begin(*entries);
        let mut disk = Disk::default();
        disk.load(&base, &base);
        disk.acks = std::fs::read_to_string(base.join("acks")).expect("acks");
        let before = super::judge::seen_now(&base.join("log")).expect("a checkpoint");
        let mut steps = 0_usize;
        for call in &calls {
            if !disk.apply(call, &base) {
                continue;
            }
            steps += 1;
            // A sample looks at the disk after a few of the writes only.
            if !suite.full() && !steps.is_multiple_of(10) {
                continue;
            }
            let found = (0..DISKS + 2).find_map(|number| {
                let target = suite.folder.path().join("replayed");
                let _gone = std::fs::remove_dir_all(&target);
                disk.lose(number, steps).write(&target);
                let log = target.join("log");
                judge_by(&log, &disk.acks, std::slice::from_ref(&before))
                    .err()
                    .map(|bad| format!("{bad}, disk {number}"))
            });
            told(Outcome {
                id: format!("power-{entries}+{count}-{steps:03}"),
                what: format!("power lost after write {steps}, {}", call.name),
                expected: KEPT,
                found: found.unwrap_or_else(|| KEPT.to_owned()),
            });
        }
        assert!(steps > 8, "the trace has the writes of an append, not {steps}");
    }
    told(unflushed(suite));
}

/// The suite itself: the same append, had it waited for no flush, has to be found out.
fn unflushed(suite: &Suite) -> Outcome {
    let (entries, count) = (3, 1);
    let calls = record(suite, entries, count);
    let base = suite.begin(entries);
    let mut disk = Disk::default();
    disk.load(&base, &base);
    disk.acks = std::fs::read_to_string(base.join("acks")).expect("acks");
    let hurried = calls.iter().filter(|call| !["fsync", "fdatasync"].contains(&call.name.as_str()));
    for call in hurried {
        disk.apply(call, &base);
    }
    let target = suite.folder.path().join("replayed");
    let _gone = std::fs::remove_dir_all(&target);
    disk.lose(1, 0).write(&target);
    let found = match judge_by(&target.join("log"), &disk.acks, &[]) {
        Ok(()) => "PASS kept".to_owned(),
        Err(bad) => bad.split(" (").next().unwrap_or_default().to_owned(),
    };
    let what = "power lost after an append that flushed nothing".to_owned();
    // What was lost was written anew, by the judge: another log of the same size.
    Outcome { id: "self-check".to_owned(), what, expected: "FAIL forked", found }
}

/// A disk as it may look after the power went.
struct Lost {
    folders: std::collections::BTreeSet<PathBuf>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Disk {
    /// What lies there already, all of it flushed.
    fn load(&mut self, root: &Path, folder: &Path) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let below = path.strip_prefix(root).expect("below").to_owned();
            if path.is_dir() {
                self.folders.insert(below);
                self.load(root, &path);
            } else {
                let now = std::fs::read(&path).expect("a file");
                self.files.push(File { flushed: Some(now.clone()), now });
                self.names.insert(below.clone(), self.files.len() - 1);
                self.seen.insert(below, self.files.len() - 1);
            }
        }
    }

    /// Does what a call did. Whether it changed anything.
    fn apply(&mut self, call: &Call, root: &Path) -> bool {
        let below = |path: Option<String>| path.and_then(|p| Path::new(&p).strip_prefix(root).ok().map(Path::to_owned));
        if call.result.starts_with('-') {
            return false;
        }
        let (open, named) = (below(call.open_file()), below(call.named(0)));
        match call.name.as_str() {
            "openat" | "open" if call.arguments.contains("O_CREAT") => {
                let Some(path) = named else { return false };
                if path.ends_with("acks") || path.ends_with(".lock") {
                    return false;
                }
                if let Some(known) = self.seen.get(&path) {
                    // Truncating is a change of what is in memory.
                    if call.arguments.contains("O_TRUNC") {
                        let known = *known;
                        self.files[known].now.clear();
                    }
                    return true;
                }
                self.files.push(File::default());
                let file = self.files.len() - 1;
                self.seen.insert(path.clone(), file);
                self.waiting.push(Change::File(path, file));
            }
            "write" => {
                let Some(path) = open else { return false };
                let bytes = call.quoted(0).and_then(unhex).expect("what was written");
                if path.ends_with("acks") {
                    self.acks.push_str(&String::from_utf8(bytes).expect("text"));
                    return true;
                }
                let file = *self.seen.get(&path).expect("an open file has a name");
                self.files[file].now.extend_from_slice(&bytes);
            }
            "mkdir" | "mkdirat" => {
                let Some(path) = named else { return false };
                self.waiting.push(Change::Folder(path));
            }
            "rename" | "renameat" | "renameat2" => {
                let (Some(from), Some(to)) = (named, below(call.named(1))) else { return false };
                let file = self.seen.remove(&from).expect("it was there");
                self.seen.insert(to.clone(), file);
                self.waiting.push(Change::Rename(from, to));
            }
            "unlink" | "unlinkat" | "rmdir" => {
                // A name below an open folder stands alone; the folder's path goes before it.
                let path = named.or_else(|| {
                    let name = String::from_utf8(unhex(call.quoted(0)?)?).ok()?;
                    below(Some(format!("{}/{name}", call.open_file()?)))
                });
                let Some(path) = path else { return false };
                self.seen.remove(&path);
                self.waiting.push(Change::Remove(path));
            }
            "fdatasync" | "fsync" => {
                let Some(path) = open else { return false };
                if let Some(file) = self.seen.get(&path) {
                    let file = *file;
                    self.files[file].flushed = Some(self.files[file].now.clone());
                } else {
                    let (now, later): (Vec<Change>, Vec<Change>) =
                        std::mem::take(&mut self.waiting).into_iter().partition(|change| change.is_in(&path));
                    self.waiting = later;
                    for change in &now {
                        change.make(&mut self.folders, &mut self.names);
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// A disk after power loss. The first has all, the second what was flushed alone; the others are drawn.
    fn lose(&self, number: u64, step: usize) -> Lost {
        let mut draw = Draw(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::try_from(step).expect("a number"));
        let mut chance = |all: bool, none: bool| if all || none { all } else { draw.next().is_multiple_of(2) };
        let (all, none) = (number == 0, number == 1);
        let (mut folders, mut names) = (self.folders.clone(), self.names.clone());
        for change in &self.waiting {
            if chance(all, none) {
                change.make(&mut folders, &mut names);
            }
        }
        let mut files = BTreeMap::new();
        for (path, file) in names {
            // A name whose folder is not there leads nowhere.
            let reachable = path.ancestors().skip(1).all(|a| a.as_os_str().is_empty() || folders.contains(a));
            let file = &self.files[file];
            let flushed = file.flushed.clone().unwrap_or_default();
            let bytes = match (all, none) {
                (true, _) => file.now.clone(),
                (_, true) => flushed,
                _ if file.flushed.as_ref() == Some(&file.now) => flushed,
                _ => match draw.next() % 4 {
                    0 => flushed,
                    1 => file.now.clone(),
                    2 => file.now[..file.now.len() / 2].to_vec(),
                    // The length got there, and the bytes did not.
                    _ => vec![0; file.now.len()],
                },
            };
            if reachable {
                files.insert(path, bytes);
            }
        }
        Lost { folders, files }
    }
}

impl Change {
    /// Whether it is on the disk once this folder is flushed.
    fn is_in(&self, folder: &Path) -> bool {
        match self {
            Self::Folder(path) | Self::File(path, _) | Self::Remove(path) | Self::Rename(_, path) => {
                path.parent() == Some(folder)
            }
        }
    }

    fn make(&self, folders: &mut std::collections::BTreeSet<PathBuf>, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Folder(path) => {
                folders.insert(path.clone());
            }
            Self::File(path, file) => {
                names.insert(path.clone(), *file);
            }
            Self::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Remove(path) => {
                names.remove(path);
                folders.remove(path);
                names.retain(|name, _| !name.starts_with(path));
            }
        }
    }
}

impl Lost {
    fn write(&self, target: &Path) {
        for folder in &self.folders {
            // One whose own folder was lost is lost with it.
            if folder.ancestors().skip(1).all(|a| a.as_os_str().is_empty() || self.folders.contains(a)) {
                std::fs::create_dir_all(target.join(folder)).expect("a folder");
            }
        }
        for (path, bytes) in &self.files {
            std::fs::write(target.join(path), bytes).expect("a file");
        }
    }
}

/// Numbers that look drawn, and are the same every time.
struct Draw(u64);

impl Draw {
    const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }
}
