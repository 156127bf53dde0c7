//! `requirements.txt` as pip-compile and uv write it: pinned versions, digests, and comments that say who asks for what.

use super::pip_options::{self, Said};
use super::pip_together::{Line, Together};
use super::python::{From, condition, digest, purl, purl_within, reference, requirement};
use super::{Kind, Made, PackagesError, UNNAMED, application, bytes_of, library, malformed, public, purl_error};
use crate::bom::{Bom, File, Item, Scope};
use countersign_core::{digest::Sha256, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One requirement with what stands around it.
struct Entry {
    line: usize,
    text: String,
    /// The digests among its options, as they are written there.
    hashes: Vec<String>,
    via: Vec<String>,
}

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let bytes = bytes_of(path, limits::LOCK_FILE_BYTES)?;
    let text = decoded(&bytes).ok_or_else(|| malformed(path, "the text", "it is neither UTF-8 nor UTF-16"))?;
    let mut partial = BTreeSet::new();
    let mut places = Places::default();
    let entries = entries(&text, &mut places, &mut partial);
    let index = places.index();
    if let Some(first) = places.unread.first() {
        partial.insert(format!(
            "{} lines have options that are not known, or words that belong to none: these were not read (the first is line {first})",
            places.unread.len()
        ));
    }
    let mut bom = Bom::made();
    let mut together = Together::default();
    let mut unnamed = 0_usize;
    let open = entries.iter().filter(|entry| has_variable(&entry.text)).count();
    for entry in &entries {
        let item = component(path, entry, &index)?;
        let found = bare(&entry.text);
        unnamed = unnamed.saturating_add(usize::from(found.as_ref().is_some_and(|bare| bare.name.is_none())));
        let line = Line {
            number: entry.line,
            text: &entry.text,
            via: &entry.via,
            is_named: found.as_ref().is_none_or(|bare| bare.name.is_some()),
            is_loose: item.version.is_none() && found.is_none() && named(&entry.text).is_none(),
        };
        together.take(item, &line).map_err(|why| malformed(path, &format!("line {}", entry.line), &why))?;
    }
    let root = application(UNNAMED, None);
    together.give(&mut bom, &root.reference).map_err(|(line, why)| malformed(path, &format!("line {line}"), &why))?;
    let unpinned = bom.items.iter().filter(|item| item.version.is_none()).count();
    let unhashed = bom.items.iter().filter(|item| item.files.is_empty()).count();
    for reference in bom.items.iter().map(|item| &item.reference).chain([&root.reference]) {
        let known = if bom.edges.contains_key(reference) { "incomplete" } else { "unknown" };
        bom.aggregates.insert(reference.clone(), known.to_owned());
    }
    partial.insert(
        "the list does not say what each package depends on, but for the comments of the tool that wrote it".to_owned(),
    );
    partial.insert("licences are not in the list".to_owned());
    if open > 0 {
        partial.insert(format!(
            "{open} requirements hold variables of the environment (`${{NAME}}`), whose values are not in the list: what they say of a version or an address is not known"
        ));
    }
    if unnamed > 0 {
        partial.insert(format!(
            "{unnamed} packages are named by an address or a path alone, which does not say which they are"
        ));
    }
    if unpinned > 0 {
        partial.insert(format!("{unpinned} packages have no fixed version"));
    }
    if unhashed > 0 {
        partial.insert(format!("{unhashed} packages have no digest: pip takes any file of that name"));
    }
    bom.root = Some(root);
    Ok(Made {
        kind: Kind::Requirements,
        path: path.to_owned(),
        read_as: if unhashed == 0 {
            "pip's requirements with digests".to_owned()
        } else {
            "pip's requirements, not all with digests".to_owned()
        },
        digest: Some(Sha256::of(&bytes)),
        bom,
        partial: partial.into_iter().collect(),
        dev: super::dev::Dev::default(),
    })
}

/// The text: pip takes a byte order mark's word for how it is written, as Windows writes them.
fn decoded(bytes: &[u8]) -> Option<String> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16(&units).ok().filter(|_| odd.is_empty())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => std::str::from_utf8(rest).ok().map(str::to_owned),
        _ => std::str::from_utf8(bytes).ok().map(str::to_owned),
    }
}

/// Whether a text has a variable of the environment in it, which pip fills in: `${NAME}`.
fn has_variable(text: &str) -> bool {
    text.split("${").skip(1).any(|behind| {
        behind.split_once('}').is_some_and(|(name, _)| {
            let is_of_variable = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
            !name.is_empty() && name.bytes().all(is_of_variable)
        })
    })
}

/// Where a package comes from, as far as that is written down: an address with a variable in it is none.
fn settled(from: From) -> From {
    let open = match &from {
        From::Index(None) | From::Folder => false,
        From::Index(Some(url)) | From::Url(url) => public(url).is_none_or(|url| has_variable(&url)),
        From::Git(url) => {
            let commit = url.split_once('#').map_or("", |(_, commit)| commit);
            has_variable(commit) || public(url).is_some_and(|url| has_variable(&url))
        }
    };
    if open { From::Folder } else { from }
}

/// Where the list says that its packages come from.
#[derive(Default)]
struct Places {
    index: Option<String>,
    none: bool,
    /// Lines with something beside requirements that is not known.
    unread: BTreeSet<usize>,
}

impl Places {
    /// Without an index, packages come from folders and pages, and none says what it has.
    fn index(&self) -> From {
        if self.none { From::Folder } else { settled(From::Index(self.index.clone())) }
    }
}

/// Requirements with their continued lines joined as pip joins them, and the comments behind each. A line that is a comment ends
/// a requirement, also behind a line that was to be continued.
fn entries(text: &str, places: &mut Places, partial: &mut BTreeSet<String>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut joined: Option<(usize, String)> = None;
    let mut in_via = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let comment = line.trim_start().strip_prefix('#');
        if let (None, Some(part)) = (comment, line.strip_suffix('\\')) {
            joined.get_or_insert_with(|| (number.saturating_add(1), String::new())).1.push_str(part);
            continue;
        }
        let (begun, mut whole) = joined.take().unwrap_or_else(|| (number.saturating_add(1), String::new()));
        if comment.is_none() {
            whole.push_str(line);
        }
        if !whole.trim().is_empty() {
            in_via = false;
            entries.extend(entry(begun, &whole, places, partial));
        }
        let Some(comment) = comment.map(str::trim) else { continue };
        let said = if let Some(rest) = comment.strip_prefix("via") {
            in_via = true;
            rest.trim()
        } else if in_via && line.starts_with(char::is_whitespace) {
            comment
        } else {
            in_via = false;
            ""
        };
        if let (false, Some(last)) = (said.is_empty(), entries.last_mut()) {
            last.via.extend(said.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()));
        }
    }
    if let Some((begun, whole)) = joined {
        entries.extend(entry(begun, &whole, places, partial));
    }
    entries
}

/// One requirement; what is none is taken note of.
fn entry(line: usize, whole: &str, places: &mut Places, partial: &mut BTreeSet<String>) -> Option<Entry> {
    let begins = |at: &usize| whole.get(..*at).is_none_or(|before| before.is_empty() || before.ends_with([' ', '\t']));
    let cut = whole.match_indices('#').map(|(at, _)| at).find(begins).unwrap_or(whole.len());
    let (text, behind) = whole.split_at_checked(cut)?;
    let via = behind.trim_start_matches([' ', '#']).strip_prefix("via ").into_iter().flat_map(|via| via.split(','));
    let text = text.trim();
    let (head, options) = pip_options::parted(text);
    let said = pip_options::read(options);
    if said.contains(&Said::Unknown) {
        places.unread.insert(line);
    }
    let via = via.map(|name| name.trim().to_owned()).collect();
    if !head.is_empty() {
        // Behind a requirement, what would be said of the whole list is not taken.
        let hashes = said.into_iter().filter_map(|one| match one {
            Said::Known("--hash", value) => Some(value),
            Said::Known(..) | Said::Unknown => None,
        });
        return Some(Entry { line, text: head.trim().to_owned(), hashes: hashes.collect(), via });
    }
    let has = |names: &[&str]| said.iter().any(|one| matches!(one, Said::Known(name, _) if names.contains(name)));
    let in_place = said.iter().find_map(|one| match one {
        Said::Known("--editable", value) => Some(value),
        Said::Known(..) | Said::Unknown => None,
    });
    // What lies in a repository is named as well where it is installed in place; a folder of the machine is not. Beside it, and beside
    // another list, pip takes no other option.
    if let Some(place) = in_place {
        if place.contains("://") && !is_of_the_machine(place) {
            return Some(Entry { line, text: place.trim().to_owned(), hashes: Vec::new(), via });
        }
        partial.insert("the list names folders that are installed in place, which were not read".to_owned());
        return None;
    }
    if has(&["--requirement", "--constraint"]) {
        partial.insert("the list names other lists, which were not read".to_owned());
        return None;
    }
    if has(&["--no-index"]) {
        places.none = true;
        partial.insert("the list asks no index: where its packages come from is not known".to_owned());
    }
    if has(&["--extra-index-url", "--find-links"]) {
        partial.insert("the list names further places of packages: which one each comes from is not known".to_owned());
    }
    for one in said {
        if let Said::Known("--index-url" | "--pypi-url", value) = one
            && !value.is_empty()
        {
            places.index = Some(value);
        }
    }
    None
}

/// Whether an address is a folder or a file of the machine, be it a repository (`git+file:`).
fn is_of_the_machine(address: &str) -> bool {
    let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
    scheme.rsplit('+').next().unwrap_or(scheme).eq_ignore_ascii_case("file")
}

/// What an address or a path says of the package behind it.
struct Bare<'t> {
    place: &'t str,
    name: Option<String>,
    version: Option<String>,
    from: From,
    /// The folder in the repository or archive: `#subdirectory=FOLDER`.
    folder: Option<&'t str>,
    /// Digests behind the address: `#sha256=HEX`. None where one is not known.
    hashes: Vec<Option<(String, String)>>,
}

/// A requirement that is an address or a path, with no name in front: as pip tells them.
fn bare(text: &str) -> Option<Bare<'_>> {
    let place = text.split(" ;").next().unwrap_or(text).trim();
    let scheme = place.split_once("://").map(|(scheme, _)| scheme);
    let is_address = scheme.is_some_and(|scheme| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    }) || place.starts_with("file:");
    let named = place.split_once('@').is_some_and(|(name, _)| !name.contains(['/', '\\']) && !name.starts_with('.'));
    let is_path = !named
        && (place.starts_with('.')
            || place.contains(['/', '\\'])
            || [".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".tar"]
                .iter()
                .any(|end| place.ends_with(end)));
    (is_address || is_path).then(|| behind(place, is_address))
}

/// A requirement with a name and an address: `NAME @ ADDRESS`.
fn named(text: &str) -> Option<Bare<'_>> {
    let (name, place) = text.split_once('@')?;
    let place = place.split(" ;").next().unwrap_or(place).trim();
    let own = name.split('[').next().unwrap_or(name).trim();
    let plain = own.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (plain && !own.is_empty() && (place.contains("://") || place.starts_with("file:"))).then(|| behind(place, true))
}

/// What stands at an address or a path, as far as that says it.
fn behind(place: &str, is_address: bool) -> Bare<'_> {
    let scheme = place.split_once("://").map(|(scheme, _)| scheme);
    let (address, fragment) = place.split_once('#').unwrap_or((place, ""));
    let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg="));
    let egg = egg.map(|egg| egg.split('[').next().unwrap_or(egg)).filter(|egg| !egg.is_empty());
    let file = address
        .split('?')
        .next()
        .unwrap_or(address)
        .trim_end_matches('/')
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    // A wheel is the package as a whole.
    let folder = fragment.split(['&', '#']).find_map(|part| part.strip_prefix("subdirectory="));
    let folder = folder.filter(|folder| !folder.is_empty() && file.strip_suffix(".whl").is_none());
    // The name of a wheel says which package and version it is; of other files, only what is in them does.
    let mut wheel = file.strip_suffix(".whl").into_iter().flat_map(|file| file.split('-'));
    let (name, version) = (wheel.next(), wheel.next().filter(|version| wheel.next().is_some() && is_version(version)));
    let from = if !is_address || is_of_the_machine(place) {
        From::Folder
    } else if address.starts_with("git+") {
        let path_at = address.split_once("://").map_or(0, |(scheme, _)| scheme.len().saturating_add(3));
        // What stands before the host is a user, not a commit.
        let slash = address
            .get(path_at..)
            .and_then(|rest| rest.find('/'))
            .map_or(address.len(), |at| at.saturating_add(path_at));
        match address.rfind('@').filter(|at| *at > slash).and_then(|at| address.split_at_checked(at)) {
            Some((url, commit)) => From::Git(format!("{url}#{}", commit.trim_start_matches('@'))),
            None => From::Git(address.to_owned()),
        }
    } else if address.contains('+') && scheme.is_some_and(|scheme| scheme.contains('+')) {
        From::Folder
    } else {
        From::Url(address.to_owned())
    };
    let digests = fragment.split('&').filter_map(|part| part.split_once('='));
    let digests = digests.filter(|(name, _)| matches!(*name, "md5" | "sha1" | "sha256" | "sha384" | "sha512"));
    Bare {
        hashes: digests.map(|(name, value)| digest(&format!("{name}:{value}"))).collect(),
        place: if file.is_empty() { place } else { file },
        name: egg.or_else(|| name.filter(|_| version.is_some())).map(str::to_owned),
        version: version.filter(|_| egg.is_none()).map(str::to_owned),
        from: if folder.is_some_and(has_variable) { From::Folder } else { settled(from) },
        folder,
    }
}

fn component(path: &Path, entry: &Entry, index: &From) -> Result<Item, PackagesError> {
    let place = format!("line {}", entry.line);
    let head = entry.text.as_str();
    let (name, marker) = requirement(head);
    let unknown = || malformed(path, &place, "its hash is no digest that is known");
    let mut hashes = Vec::new();
    for hash in &entry.hashes {
        hashes.push(digest(hash).ok_or_else(unknown)?);
    }
    let found = match bare(head) {
        Some(bare) => Some(bare),
        None => named(head).map(|found| called(path, &place, found, &name)).transpose()?,
    };
    if let Some(found) = found {
        for hash in &found.hashes {
            let hash = hash.clone().ok_or_else(unknown)?;
            if !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
        return addressed(path, &place, found, marker, hashes);
    }
    if name.is_empty() && has_variable(head) {
        let what = "its name is a variable of the environment, and its value is not in the list: write the name";
        return Err(malformed(path, &place, what));
    }
    if name.is_empty() || head.len() > limits::LOCK_FILE_BYTES {
        return Err(malformed(path, &place, "this is no requirement"));
    }
    let version = pinned(head.split(';').next().unwrap_or(head));
    let from = index.clone();
    let purl = purl(&name, version, &from).map_err(|error| purl_error(path, &place, error))?;
    let mut item = library(reference(&name, version, purl.as_ref()), &name, version);
    item.purl = purl.map(|purl| purl.as_str().to_owned());
    item.files = hashes.into_iter().map(|hash| File { url: None, hashes: BTreeMap::from([hash]) }).collect();
    if let Some(marker) = marker {
        item.scope = Scope::Optional;
        condition(&mut item, marker);
    }
    Ok(item)
}

/// The one version that a requirement takes, whatever bounds stand beside it. The older form has them in brackets.
fn pinned(text: &str) -> Option<&str> {
    let behind = text.find(['=', '<', '>', '!', '~', '(']).and_then(|at| text.get(at..))?;
    let behind = behind.trim().trim_start_matches('(').trim_end_matches(')');
    let exact = |bound: &'_ str| bound.trim().strip_prefix("==").is_some();
    let mut pins = behind.split(',').filter(|bound| exact(bound)).map(|bound| {
        let bound = bound.trim();
        bound.strip_prefix("===").or_else(|| bound.strip_prefix("==")).unwrap_or(bound).trim()
    });
    let first = pins.next().filter(|version| is_version(version))?;
    pins.all(|other| other == first).then_some(first)
}

/// Whether a text may be a version, and no pattern or variable.
fn is_version(text: &str) -> bool {
    let is_of_version = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'!' | b'+' | b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_of_version)
}

/// What is at an address, called as the requirement calls it. A wheel is what its own name says, or pip does not install it.
fn called<'t>(path: &Path, place: &str, found: Bare<'t>, name: &str) -> Result<Bare<'t>, PackagesError> {
    let says = found.version.as_ref().and(found.name.as_deref()).map(super::python::normal);
    match says.filter(|says| says != name) {
        Some(other) => {
            Err(malformed(path, place, &format!("it is said to be {name}, and its address is that of {other}")))
        }
        None => Ok(Bare { name: Some(name.to_owned()), ..found }),
    }
}

/// A package by its address or path. Where that does not say its name, it has none: the file's name stands in its place, and no
/// identity.
fn addressed(
    path: &Path,
    place: &str,
    bare: Bare<'_>,
    marker: Option<&str>,
    hashes: Vec<(String, String)>,
) -> Result<Item, PackagesError> {
    let Bare { place: file, name, version, from, folder, .. } = bare;
    let url = if let From::Url(url) = &from { public(url) } else { None };
    let mut item = if let Some(name) = &name {
        let purl =
            purl_within(name, version.as_deref(), &from, folder).map_err(|error| purl_error(path, place, error))?;
        let name = super::python::normal(name);
        let mut item = library(reference(&name, version.as_deref(), purl.as_ref()), &name, version.as_deref());
        item.purl = purl.map(|purl| purl.as_str().to_owned());
        item
    } else {
        // Several packages may lie in one repository, and are told apart by their folders.
        let within = folder.map(|folder| format!("#subdirectory={folder}")).unwrap_or_default();
        let reference = format!("path:{}{within}", url.as_deref().unwrap_or(file));
        library(reference, &format!("{file}{within}"), None)
    };
    item.files = hashes.into_iter().map(|hash| File { url: url.clone(), hashes: BTreeMap::from([hash]) }).collect();
    if let Some(marker) = marker {
        item.scope = Scope::Optional;
        condition(&mut item, marker);
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &str) -> Result<Made, PackagesError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requirements.txt");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn pins_digests_and_comments_are_read() {
        let (one, two) = ("ab".repeat(32), "cd".repeat(32));
        let text = format!(
            "# by a tool\n--index-url https://pip.example.com/simple\n\
             flask==3.0.0 \\\n    --hash=sha256:{one} \\\n    --hash=sha256:{two}\n    # via -r requirements.in\n\
             Jinja2==3.1 ; python_version >= '3.8' \\\n    --hash=sha256:{one}\n    # via\n    #   flask\n    #   -r requirements.in\n\
             loose>=1\nb @ git+https://github.com/o/b@0123\n"
        );
        let made = made(&text).unwrap();
        let items = &made.bom.items;
        let labels: Vec<String> = items.iter().map(Item::label).collect();
        assert_eq!(labels, ["flask 3.0.0", "jinja2 3.1", "loose", "b"]);
        assert_eq!((items[0].files.len(), items[1].scope.word()), (2, "optional"));
        assert!(items[0].reference.ends_with("?repository_url=https://pip.example.com/simple"));
        assert!(items[3].reference.contains("vcs_url=git%2Bhttps://github.com/o/b%400123"), "{}", items[3].reference);
        assert_eq!(made.bom.edges[&items[0].reference], BTreeSet::from([items[1].reference.clone()]));
        let root = &made.bom.root.as_ref().unwrap().reference;
        assert_eq!(made.bom.edges[root].len(), 2);
        assert!(
            made.partial.iter().any(|text| text.contains("2 packages have no fixed version")),
            "{:?}",
            made.partial
        );
    }

    #[test]
    fn addresses_and_paths_have_the_name_that_they_say_and_no_other() {
        let of = |text: &str| {
            let made = made(text).unwrap();
            let items = made.bom.items.iter();
            items.map(|item| (item.label(), item.purl.clone().unwrap_or_default())).collect::<Vec<_>>()
        };
        let one = |text: &str| of(text).into_iter().next().unwrap();
        let (label, purl) =
            one("git+https://user@github.com/path/to/package-one@41b95ec#egg=Package.One[x]&subdirectory=y\n");
        assert_eq!((label.as_str(), purl.contains("pkg:pypi/package-one?vcs_url=")), ("package-one", true), "{purl}");
        assert!(purl.ends_with("package-one%4041b95ec#y"), "{purl}");
        assert_eq!(
            one("https://files.pythonhosted.org/p/numpy-1.26.1.tar.gz\n"),
            ("numpy-1.26.1.tar.gz".to_owned(), String::new())
        );
        assert_eq!(one("./downloads/numpy-1.26.1.tar.gz ; os_name == 'nt'\n").0, "numpy-1.26.1.tar.gz");
        let (label, purl) = one("https://example.com/w/Num_py-1.26.1-py3-none-any.whl\n");
        assert_eq!(
            (label.as_str(), purl.starts_with("pkg:pypi/num-py@1.26.1?download_url=")),
            ("num-py 1.26.1", true),
            "{purl}"
        );
        assert_eq!(one("wheels/a-1-py3-none-any.whl\n"), ("a 1".to_owned(), String::new()));
        let two = "git+https://github.com/o/a@v1#egg=a\ngit+https://github.com/o/b@v1#egg=b\n./x\n../y\n";
        assert_eq!(of(two).iter().map(|(label, _)| label.as_str()).collect::<Vec<_>>(), ["a", "b", "x", "y"]);
        assert_eq!(one("c @ https://example.com/c.zip\n").0, "c");
    }

    #[test]
    fn an_address_says_the_same_with_a_name_in_front() {
        let digest = "cd".repeat(32);
        for front in ["", "foo @ ", "Foo[x]@"] {
            let text =
                format!("{front}https://example.com/foo-2.0-py3-none-any.whl#sha256={digest}&egg= ; os_name == 'x'\n");
            let made = made(&text).unwrap();
            let item = &made.bom.items[0];
            assert_eq!(
                (item.label(), item.purl.as_deref(), item.scope),
                (
                    "foo 2.0".to_owned(),
                    Some("pkg:pypi/foo@2.0?download_url=https://example.com/foo-2.0-py3-none-any.whl"),
                    Scope::Optional
                ),
                "{text}"
            );
            assert_eq!(item.files[0].hashes["SHA-256"], digest, "{text}");
            assert!(item.files[0].url.is_some());
        }
        let git = made("bar @ git+https://github.com/o/bar@v1.0#egg=bar&subdirectory=x\n").unwrap();
        let purl = "pkg:pypi/bar?vcs_url=git%2Bhttps://github.com/o/bar%40v1.0#x";
        assert_eq!(git.bom.items[0].purl.as_deref(), Some(purl));
        let user = made("bar @ git+ssh://git@github.com/o/bar\n").unwrap();
        assert_eq!((user.bom.items[0].name.as_str(), user.bom.items[0].purl.as_deref()), ("bar", None));
        for bad in ["foo @ https://example.com/a.zip#sha256=zz\n", "https://example.com/a.zip#md5=ab\n"] {
            assert!(made(bad).unwrap_err().to_string().contains("no digest that is known"), "{bad}");
        }
        let other = made("foo @ https://example.com/bar-2.0-py3-none-any.whl\n").unwrap_err().to_string();
        assert!(other.contains("it is said to be foo, and its address is that of bar"), "{other}");
    }

    #[test]
    fn the_folder_that_a_package_lies_in_is_kept_and_is_no_part_of_the_commit() {
        let (git, zip) = ("git+https://example.com/o/mono@0123", "https://example.com/mono.zip");
        let (by_git, by_zip) = (
            "pkg:pypi/a?vcs_url=git%2Bhttps://example.com/o/mono%400123",
            "pkg:pypi/a?download_url=https://example.com/mono.zip",
        );
        for (text, wanted) in [
            (format!("a @ {git}#subdirectory=pkgs/a"), Some(format!("{by_git}#pkgs/a"))),
            (format!("a @ {git}#egg=a&subdirectory=./pkgs//a/ ; os_name == 'nt'"), Some(format!("{by_git}#pkgs/a"))),
            (format!("-e {git}#subdirectory=pkgs/a&egg=a"), Some(format!("{by_git}#pkgs/a"))),
            (format!("{zip}#subdirectory=pkgs/a&egg=a"), Some(format!("{by_zip}#pkgs/a"))),
            (format!("a @ {zip}#subdirectory="), Some(by_zip.to_owned())),
            (format!("a @ {git}#subdirectory=../a"), None),
            (format!("a @ {git}#subdirectory=${{DIR}}"), None),
            (
                "a @ https://example.com/a-1-py3-none-any.whl#subdirectory=x".to_owned(),
                Some("pkg:pypi/a@1?download_url=https://example.com/a-1-py3-none-any.whl".to_owned()),
            ),
        ] {
            let list = made(&format!("{text}\n")).unwrap();
            let item = &list.bom.items[0];
            assert_eq!((item.name.as_str(), item.purl.clone()), ("a", wanted), "{text}");
        }
        let two = made(&format!("{git}#subdirectory=a\n{git}#subdirectory=b\n{zip}#subdirectory=a\n{zip}\n")).unwrap();
        let named: Vec<&str> = two.bom.items.iter().map(|item| item.reference.as_str()).collect();
        let wanted = [
            "path:mono@0123#subdirectory=a",
            "path:mono@0123#subdirectory=b",
            "path:https://example.com/mono.zip#subdirectory=a",
            "path:https://example.com/mono.zip",
        ];
        assert_eq!(named, wanted);
    }

    #[test]
    fn a_repository_that_is_installed_in_place_is_named_and_a_folder_is_not() {
        let address = "git+https://github.com/o/q.git@0123#egg=q";
        for flag in ["-e ", "--editable ", "--editable="] {
            let list = made(&format!("{flag}{address}\n")).unwrap();
            let purl = "pkg:pypi/q?vcs_url=git%2Bhttps://github.com/o/q.git%400123";
            assert_eq!(list.bom.items[0].purl.as_deref(), Some(purl), "{flag}");
            assert!(!list.partial.iter().any(|text| text.contains("installed in place")), "{:?}", list.partial);
        }
        for folder in ["-e .", "-e ./x[y]", "--editable=file:///x#egg=x", "-e git+file:///x@0123#egg=x"] {
            let list = made(&format!("{folder}\n")).unwrap();
            assert!(list.bom.items.is_empty(), "{folder}");
            assert!(list.partial.iter().any(|text| text.contains("installed in place")), "{:?}", list.partial);
        }
        for front in ["", "x @ "] {
            for address in ["git+file:///home/me/x@0123#egg=x", "git+FILE:///home/me/x@0123#egg=x"] {
                let list = made(&format!("{front}{address}\n")).unwrap();
                let item = &list.bom.items[0];
                let (name, reference) = (item.name.as_str(), item.reference.as_str());
                assert_eq!(
                    (name, item.purl.as_deref(), reference.contains("home")),
                    ("x", None, false),
                    "{front}{address}"
                );
            }
        }
    }

    #[test]
    fn lines_are_joined_as_pip_joins_them() {
        let labels = |text: &str| made(text).unwrap().bom.items.iter().map(Item::label).collect::<Vec<_>>();
        assert_eq!(labels("foo==1.0 \\\n    # via bar\nbar==2.0\n"), ["foo 1.0", "bar 2.0"]);
        assert_eq!(labels("foo==1.0 \\\n"), ["foo 1.0"]);
        assert_eq!(labels("foo==1.0 # why \\\nbar==2.0\nbaz==3.0\n"), ["foo 1.0", "baz 3.0"], "the comment goes on");
        let hash = "ab".repeat(32);
        let text = format!("foo==1.0 --config-settings \"a=b\" --hash=sha256:{hash} --no-binary x\nbar (==1.0)\n");
        assert_eq!(labels(&text), ["foo 1.0", "bar 1.0"]);
        assert_eq!(made(&text).unwrap().bom.items[0].files.len(), 1);
    }

    #[test]
    fn what_a_variable_of_the_environment_stands_for_is_not_known() {
        let text = "a==${FOO}\nb===1.${FOO}\nc @ https://u:${TOKEN}@example.com/c.zip\nd @ https://example.com/${V}/d.zip\n\
                    e @ git+https://example.com/o/e@${REV}\nhttps://example.com/f-${V}-py3-none-any.whl\ng==1.0 # ${NOT}\nh==1.0$\n";
        let list = made(text).unwrap();
        let named: Vec<(String, Option<&str>)> =
            list.bom.items.iter().map(|item| (item.label(), item.purl.as_deref())).collect();
        let wanted = [
            ("a", Some("pkg:pypi/a")),
            ("b", Some("pkg:pypi/b")),
            ("c", Some("pkg:pypi/c?download_url=https://example.com/c.zip")),
            ("d", None),
            ("e", None),
            ("f-${V}-py3-none-any.whl", None),
            ("g 1.0", Some("pkg:pypi/g@1.0")),
            ("h", Some("pkg:pypi/h")),
        ];
        assert_eq!(named, wanted.map(|(label, purl)| (label.to_owned(), purl)));
        assert!(
            list.partial.iter().any(|text| text.starts_with("6 requirements hold variables")),
            "{:?}",
            list.partial
        );
        let error = made("${NAME}==1\n").unwrap_err().to_string();
        assert!(error.contains("its name is a variable of the environment"), "{error}");
        let index = made("-i https://${USER}:${PASS}@pip.example.com/simple\na==1\n").unwrap();
        let purl = "pkg:pypi/a@1?repository_url=https://pip.example.com/simple";
        assert_eq!(index.bom.items[0].purl.as_deref(), Some(purl));
        let index = made("-i https://${HOST}/simple\na==1\n").unwrap();
        assert_eq!(index.bom.items[0].reference, "path:a@1");
    }

    #[test]
    fn a_byte_order_mark_says_how_the_list_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("requirements.txt");
        let wide = |unit: fn(u16) -> [u8; 2]| "\u{feff}a==1.0\r\n".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        for bytes in ["\u{feff}a==1.0\n".as_bytes().to_vec(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)] {
            std::fs::write(&path, &bytes).unwrap();
            let made = read(&path).unwrap();
            assert_eq!((made.bom.items[0].label(), made.digest), ("a 1.0".to_owned(), Some(Sha256::of(&bytes))));
        }
        std::fs::write(&path, [0xff, 0xfe, b'a', 0, b'=']).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("neither UTF-8 nor UTF-16"));
    }

    #[test]
    fn without_an_index_nothing_says_where_a_package_comes_from() {
        let made = made("a==1.0\n--no-index\n--find-links ./wheels\n-i https://pypi.org/simple\n").unwrap();
        assert_eq!(made.bom.items[0].reference, "path:a@1.0");
        assert!(made.partial.iter().any(|text| text.contains("asks no index")), "{:?}", made.partial);
    }

    #[test]
    fn an_option_of_pip_counts_in_every_spelling_and_wherever_it_stands() {
        let hash = "ab".repeat(32);
        let of = |line: &str| made(&format!("{line}\nidna==3.6 --has 'sha256:{hash}'\n")).unwrap();
        for line in [
            "--pypi-url https://pip.example.com/simple",
            "--index https://pip.example.com/simple",
            "-ihttps://pip.example.com/simple",
            "--index-url 'https://pip.example.com/simple'",
            "--trusted-host pip.example.com --index-url \"https://pip.example.com/simple\"",
        ] {
            let made = of(line);
            let item = &made.bom.items[0];
            let purl = "pkg:pypi/idna@3.6?repository_url=https://pip.example.com/simple";
            assert_eq!((item.purl.as_deref(), item.files.len()), (Some(purl), 1), "{line}");
            assert!(!made.partial.iter().any(|text| text.contains("not known, or words")), "{:?}", made.partial);
        }
        for (line, told) in [
            ("--pre --extra-index-url https://pip.example.com/simple", "further places of packages"),
            ("--extra-index https://pip.example.com/simple", "further places of packages"),
            ("-fhttps://pip.example.com/", "further places of packages"),
            ("--find https://pip.example.com/", "further places of packages"),
            ("--no-ind", "asks no index"),
            ("--requirem other.txt", "other lists"),
            ("-rother.txt", "other lists"),
            ("--edit ./x", "installed in place"),
            ("--unheard-of https://pip.example.com/simple", "1 lines have options that are not known"),
            ("--index-url 'https://pip.example.com/simple", "1 lines have options that are not known"),
            ("--pre another==1", "words that belong to none"),
        ] {
            let made = of(line);
            assert!(made.partial.iter().any(|text| text.contains(told)), "{line}: {:?}", made.partial);
            assert_eq!(made.bom.items.len(), 1, "{line}");
        }
        let behind = made("a==1 --index-url https://pip.example.com/simple\n").unwrap();
        assert_eq!(behind.bom.items[0].purl.as_deref(), Some("pkg:pypi/a@1"), "pip does not take it there");
    }

    #[test]
    fn a_version_is_fixed_whatever_bounds_stand_beside_it() {
        for (text, wanted) in [
            ("a==1.0,<2", Some("1.0")),
            ("a<2,==1.0", Some("1.0")),
            ("a[x,y] (==1.0, >0.5)", Some("1.0")),
            ("a == 1.0 , ==1.0", Some("1.0")),
            ("a===1!1.0+x-1", Some("1!1.0+x-1")),
            ("a==1.0,==1.1", None),
            ("a==1.*", None),
            ("a==1.*,==1.2", None),
            ("a>=1,!=1.2", None),
            ("a", None),
        ] {
            assert_eq!(pinned(text), wanted, "{text}");
        }
    }

    #[test]
    fn the_same_list_has_the_same_name_in_any_folder() {
        let (one, other) = (made("a==1\n").unwrap(), made("a==1\n").unwrap());
        assert_eq!(one.bom, other.bom);
        assert_eq!(one.bom.root.unwrap().name, "project");
    }

    #[test]
    fn false_digests_and_doubles_are_refused() {
        assert!(made("a==1 --hash=sha256:zz\n").is_err());
        assert!(made("a==1\nA==2\n").unwrap_err().to_string().contains("required twice"));
        assert!(made("==1\n").is_err());
        assert!(made("a==1 ; python_version < '3.12'\na==2\n").is_err());
    }

    #[test]
    fn a_package_may_have_a_version_for_each_condition() {
        let text = "a==1 ; python_version < '3.12'\na==2 ; python_version >= '3.12'\na==2 ; sys_platform == 'x'\n\
                    b==1\n    # via a\n";
        let made = made(text).unwrap();
        let labels: Vec<String> = made.bom.items.iter().map(Item::label).collect();
        assert_eq!(labels, ["a 1", "a 2", "b 1"]);
        assert_eq!(made.bom.items[1].properties.len(), 2);
        for from in ["pkg:pypi/a@1", "pkg:pypi/a@2"] {
            assert_eq!(made.bom.edges[from], BTreeSet::from(["pkg:pypi/b@1".to_owned()]));
        }
    }
}
