//! A package that Cargo unpacked. Cargo builds from the unpacked files and never looks at the archive again, so they have to be
//! those of the archive, whose digest is that of the lock file.
//!
//! Unpacking some hundred archives again takes longer than all the rest. Cargo leaves a mark when it is done (`.cargo-ok`): where
//! a file or folder is newer than the mark, something was changed since, and only then every file is compared, unless all are
//! asked for. What Cargo unpacks has the times of the archive, so that a file is also looked at whose time is not long before the
//! mark, or is later than when the archive came: a copy of the cache has such times, and a file that was changed before somebody
//! set the mark anew. Who changes a file and sets its time back is seen only where all are compared.

use super::{archive, vendored};
use crate::{error::SbomError, tarball::Files};
use countersign_core::{digest::Sha256, limits};
use flate2::read::GzDecoder;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufReader, Read as _},
    path::{Component, Path, PathBuf},
    time::{Duration, SystemTime},
};

/// What Cargo leaves when all is unpacked.
const MARK: &str = ".cargo-ok";
/// A package that was published this shortly before it was unpacked is compared; older ones have older files.
const FRESH: Duration = Duration::from_hours(24);

/// Whether Cargo has unpacked it to the end.
pub(super) fn is_whole(folder: &Path) -> bool {
    folder.join(MARK).is_file()
}

/// Whether anything in the folder is newer than Cargo's mark, or a file is newer than those of an archive can be; also where there is no
/// mark, or no times.
pub(super) fn changed(folder: &Path, packed: &Path) -> bool {
    let time = |path: &Path| fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
    let Some(mark) = time(&folder.join(MARK)) else { return true };
    let recent = mark.checked_sub(FRESH).unwrap_or(mark);
    let latest = time(packed).map_or(recent, |fetched| fetched.min(recent));
    newer(folder, mark, latest, &mut 0).unwrap_or(true)
}

/// Folders have the time at which they were unpacked, files that of the archive.
fn newer(folder: &Path, mark: SystemTime, latest: SystemTime, seen: &mut usize) -> io::Result<bool> {
    if fs::symlink_metadata(folder)?.modified()? > mark {
        return Ok(true);
    }
    for entry in fs::read_dir(folder)? {
        *seen = seen.saturating_add(1);
        let entry = entry?;
        let changed = if entry.file_type()?.is_dir() {
            newer(&entry.path(), mark, latest, seen)?
        } else {
            entry.file_name() != MARK && entry.metadata()?.modified()? > latest
        };
        if changed || *seen > limits::CRATE_FILES {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Holds the unpacked files against those of the archive. Whether nothing else lies there; a file that is another one, or is not
/// there, is an error.
pub(super) fn same(packed: &Path, folder: &Path, package: &str) -> Result<bool, SbomError> {
    let failed = |source| SbomError::Read { path: packed.to_owned(), source };
    let unread = |why: String| SbomError::Archive { path: packed.to_owned(), package: package.to_owned(), why };
    let file = File::open(packed).map_err(failed)?;
    let own = folder.file_name().unwrap_or_default();
    let mut files = Files::new(GzDecoder::new(BufReader::new(file)), limits::CRATE_BYTES);
    let mut listed = BTreeSet::new();
    // What stands there twice is what comes last, as where it is unpacked.
    let mut other: BTreeMap<PathBuf, (Sha256, String)> = BTreeMap::new();
    while let Some(entry) = files.next().map_err(|error| unread(error.to_string()))? {
        let path = below(&entry.path, own).ok_or_else(|| unread(format!("{:?} leads out of it", entry.path)))?;
        if path.file_name().is_some_and(|name| name == MARK) {
            files.pass(entry.size).map_err(|error| unread(error.to_string()))?;
            continue;
        }
        let path = folder.join(path);
        let (expected, alike) = held(&mut files, &path, entry.size).map_err(|error| unread(error.to_string()))?;
        other.remove(&path);
        if !alike {
            let found = match archive::hash(&path, limits::AUDITABLE_BINARY_BYTES) {
                Ok(Some((found, _))) => found.to_string(),
                Ok(None) | Err(_) => "no such file".to_owned(),
            };
            other.insert(path.clone(), (expected, found));
        }
        listed.insert(path);
        if listed.len() > limits::CRATE_FILES {
            return Err(unread(format!("more than {} files", limits::CRATE_FILES)));
        }
    }
    if let Some((path, (expected, found))) = other.into_iter().next() {
        return Err(SbomError::Unpacked { path, package: package.to_owned(), expected, found });
    }
    Ok(vendored::only(folder, &listed, &mut 0))
}

/// The path below the package's own folder, in which everything has to lie.
fn below(path: &str, own: &std::ffi::OsStr) -> Option<PathBuf> {
    let mut parts = Path::new(path).components().filter(|part| !matches!(part, Component::CurDir));
    if parts.next() != Some(Component::Normal(own)) {
        return None;
    }
    let rest: Vec<Component<'_>> = parts.collect();
    let plain = !rest.is_empty() && rest.iter().all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| rest.iter().collect())
}

/// The digest of the archive's next file, and whether the one at the path has the same bytes.
fn held(files: &mut Files<impl io::Read>, path: &Path, size: u64) -> io::Result<(Sha256, bool)> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file() && found.len() == size);
    let mut there = is_file.then(|| File::open(path).ok()).flatten();
    let mut alike = there.is_some();
    let mut theirs = Vec::new();
    let digest = files.digest(size, |ours| {
        theirs.resize(ours.len(), 0);
        alike = alike && there.as_mut().is_some_and(|file| file.read_exact(&mut theirs).is_ok()) && ours == theirs;
    })?;
    Ok((digest, alike))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tarball::{BLOCK, made::entry};
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    /// A package of some entries, unpacked by hand.
    fn package(entries: &[Vec<u8>], files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let (packed, folder) = (place.path().join("a.crate"), place.path().join("a-1.0.0"));
        let mut out = GzEncoder::new(File::create(&packed).unwrap(), Compression::fast());
        for entry in entries {
            out.write_all(entry).unwrap();
        }
        out.write_all(&[0; 2 * BLOCK]).unwrap();
        out.finish().unwrap();
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::write(folder.join(MARK), "{\"v\":1}").unwrap();
        (place, packed, folder)
    }

    fn said(entries: &[Vec<u8>], files: &[(&str, &str)]) -> Result<bool, SbomError> {
        let (_place, packed, folder) = package(entries, files);
        same(&packed, &folder, "a 1.0.0")
    }

    #[test]
    fn files_are_those_of_the_archive_or_the_difference_is_told_with_both_digests() {
        let long = format!("a-1.0.0/{}/c.rs", "d".repeat(120));
        let inner = long.strip_prefix("a-1.0.0/").unwrap();
        let entries = [
            entry(b'5', "a-1.0.0/", b""),
            entry(b'0', "a-1.0.0/Cargo.toml", b"good"),
            entry(b'0', "a-1.0.0/.cargo-ok", b"no mark"),
            entry(b'L', "././@LongLink", format!("{long}\0").as_bytes()),
            entry(b'0', "cut", b"long"),
            entry(b'x', "noted", b"25 path=a-1.0.0/noted.rs\n"),
            entry(b'0', "cut", &vec![b'n'; 70_000]),
            entry(b'0', "a-1.0.0/empty", b""),
        ];
        let noted = "n".repeat(70_000);
        let files = [("Cargo.toml", "good"), (inner, "long"), ("noted.rs", noted.as_str()), ("empty", "")];
        assert!(said(&entries, &files).unwrap());
        let mut more = files.to_vec();
        more.push(("src/more.rs", ""));
        assert!(!said(&entries, &more).unwrap(), "a file that the archive does not have");
        for (place, evil) in [(0, "evil"), (0, "longer"), (1, "evil"), (3, "e")] {
            let mut changed = files.to_vec();
            changed[place].1 = evil;
            let SbomError::Unpacked { path, expected, found, .. } = said(&entries, &changed).unwrap_err() else {
                panic!()
            };
            assert!(path.ends_with(files[place].0));
            assert_eq!(expected, Sha256::of(files[place].1.as_bytes()));
            assert_eq!(found, Sha256::of(evil.as_bytes()).to_string());
        }
        let SbomError::Unpacked { found, .. } = said(&entries, &files[1..]).unwrap_err() else { panic!() };
        assert_eq!(found, "no such file");
        let twice = [entry(b'0', "a-1.0.0/f", b"one"), entry(b'0', "a-1.0.0/f", b"two")];
        assert!(said(&twice, &[("f", "two")]).unwrap(), "what comes last is what is unpacked");
        assert!(said(&twice, &[("f", "one")]).is_err());
    }

    #[test]
    fn an_archive_that_no_package_has_is_refused() {
        let mut broken = entry(b'0', "a-1.0.0/f", b"one");
        broken[0] = b'b';
        let mut cut = entry(b'0', "a-1.0.0/f", &[b'x'; 600]);
        cut.truncate(BLOCK + 100);
        for (entries, why) in [
            (vec![entry(b'0', "b-1.0.0/f", b"")], "leads out"),
            (vec![entry(b'0', "a-1.0.0/../f", b"")], "leads out"),
            (vec![entry(b'2', "a-1.0.0/f", b"")], "kind"),
            (vec![broken], "broken"),
            (vec![cut], ""),
        ] {
            let error = said(&entries, &[]).unwrap_err();
            assert!(matches!(&error, SbomError::Archive { why: said, .. } if said.contains(why)), "{error}");
        }
        let (_place, packed, folder) = package(&[], &[]);
        fs::write(&packed, "no archive").unwrap();
        assert!(matches!(same(&packed, &folder, "a"), Err(SbomError::Archive { .. })));
    }

    #[test]
    fn what_is_newer_than_the_mark_was_changed() {
        let (_place, packed, folder) = package(&[], &[("src/lib.rs", "x")]);
        let changed = |folder: &Path| changed(folder, &packed);
        let mark = fs::metadata(folder.join(MARK)).unwrap().modified().unwrap();
        let (later, published) = (mark + Duration::from_mins(1), mark - Duration::from_hours(1_000));
        let set = |name: &str, time| File::open(folder.join(name)).unwrap().set_modified(time).unwrap();
        assert!(is_whole(&folder) && changed(&folder), "as a copy with new times has it");
        set("src/lib.rs", published);
        assert!(!changed(&folder));
        set("src/lib.rs", later);
        assert!(changed(&folder), "a file");
        set("src/lib.rs", mark - Duration::from_hours(1));
        assert!(changed(&folder), "no package is as new as that");
        set(MARK, mark + Duration::from_hours(1_000));
        assert!(!changed(&folder));
        set("../a.crate", mark - Duration::from_hours(2));
        assert!(changed(&folder), "the archive was there before");
        set("src/lib.rs", published);
        set(MARK, mark);
        assert!(!changed(&folder));
        set("src", later);
        assert!(changed(&folder), "a folder: something was added or taken away");
        set("src", mark - Duration::from_hours(1));
        fs::remove_file(folder.join(MARK)).unwrap();
        assert!(changed(&folder) && !is_whole(&folder), "no mark");
    }
}
