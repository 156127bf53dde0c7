//! `requirements.txt` as pip-compile and uv write it: pinned versions, digests, and comments that say who asks for what.

use super::python::{From, condition, digest, purl, reference, requirement};
use super::{Kind, Made, PackagesError, application, library, malformed, public, purl_error, text_of};
use crate::bom::{Bom, File, Item, Scope};
use countersign_core::{digest::Sha256, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One requirement with what stands around it.
struct Entry {
    line: usize,
    text: String,
    via: Vec<String>,
}

pub(super) fn read(path: &Path) -> Result<Made, PackagesError> {
    let text = text_of(path, limits::LOCK_FILE_BYTES)?;
    let mut partial = BTreeSet::new();
    let mut index = None;
    let entries = entries(&text, &mut index, &mut partial);
    let mut bom = Bom::made();
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut vias: Vec<(String, Vec<String>)> = Vec::new();
    let (mut unpinned, mut unhashed) = (0_usize, 0_usize);
    for entry in &entries {
        let item = component(path, entry, index.as_deref())?;
        unpinned = unpinned.saturating_add(usize::from(item.version.is_none()));
        unhashed = unhashed.saturating_add(usize::from(item.files.is_empty()));
        vias.push((item.reference.clone(), entry.via.clone()));
        let named = names.entry(item.name.clone()).or_default();
        // Several versions, each under a condition of its own: pip takes the one whose condition holds.
        let conditional = |item: &Item| item.scope == Scope::Optional;
        let others = || bom.items.iter().filter(|other| named.contains(&other.reference));
        let may_stand_beside = conditional(&item) && others().all(conditional);
        if !(named.is_empty() || may_stand_beside) {
            return Err(malformed(path, &format!("line {}", entry.line), &format!("{} is required twice", item.name)));
        }
        if let Some(same) = bom.items.iter_mut().find(|other| other.reference == item.reference) {
            for file in item.files {
                if !same.files.contains(&file) {
                    same.files.push(file);
                }
            }
            same.properties.extend(item.properties);
        } else {
            named.push(item.reference.clone());
            bom.items.push(item);
        }
    }
    let folder = path
        .canonicalize()
        .ok()
        .and_then(|path| path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()));
    let root = application(&folder.unwrap_or_else(|| "project".to_owned()), None);
    for (reference, via) in vias {
        for name in via {
            // A file or project that asks for it is the project itself.
            let from = names.get(&requirement(&name).0).filter(|_| !name.starts_with('-')).cloned();
            for from in from.unwrap_or_else(|| vec![root.reference.clone()]) {
                bom.edges.entry(from).or_default().insert(reference.clone());
            }
        }
    }
    for reference in bom.items.iter().map(|item| &item.reference).chain([&root.reference]) {
        let known = if bom.edges.contains_key(reference) { "incomplete" } else { "unknown" };
        bom.aggregates.insert(reference.clone(), known.to_owned());
    }
    partial.insert(
        "the list does not say what each package depends on, but for the comments of the tool that wrote it".to_owned(),
    );
    partial.insert("licences are not in the list".to_owned());
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
        digest: Some(Sha256::of(text.as_bytes())),
        bom,
        partial: partial.into_iter().collect(),
    })
}

/// Requirements with their continued lines joined, and the comments behind each.
fn entries(text: &str, index: &mut Option<String>, partial: &mut BTreeSet<String>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut joined = String::new();
    let mut begun = 0;
    let mut in_via = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let bare = line.trim_start();
        if let Some(comment) = bare.strip_prefix('#') {
            let comment = comment.trim();
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
            continue;
        }
        let cut = line.find(" #").map_or(line, |end| line.get(..end).unwrap_or(line));
        let behind = line
            .get(cut.len()..)
            .map(|comment| comment.trim_start_matches([' ', '#']))
            .and_then(|comment| comment.strip_prefix("via "));
        if joined.is_empty() {
            begun = number.saturating_add(1);
        }
        match cut.strip_suffix('\\') {
            Some(part) => {
                joined.push_str(part);
                joined.push(' ');
                continue;
            }
            None => joined.push_str(cut),
        }
        let whole = std::mem::take(&mut joined);
        let whole = whole.trim();
        in_via = false;
        if whole.is_empty() {
            continue;
        }
        if let Some(rest) = whole.strip_prefix("--index-url").or_else(|| whole.strip_prefix("-i ")) {
            *index = Some(rest.trim_start_matches(['=', ' ']).to_owned());
        } else if whole.starts_with("-r")
            || whole.starts_with("--requirement")
            || whole.starts_with("-c")
            || whole.starts_with("--constraint")
        {
            partial.insert("the list names other lists, which were not read".to_owned());
        } else if whole.starts_with("-e") || whole.starts_with("--editable") {
            partial.insert("the list names folders that are installed in place, which were not read".to_owned());
        } else if whole.starts_with("--extra-index-url")
            || whole.starts_with("--find-links")
            || whole.starts_with("-f ")
        {
            partial
                .insert("the list names further places of packages: which one each comes from is not known".to_owned());
        } else if !whole.starts_with('-') {
            let via = behind.into_iter().flat_map(|via| via.split(',')).map(|name| name.trim().to_owned()).collect();
            entries.push(Entry { line: begun, text: whole.to_owned(), via });
        }
    }
    entries
}

fn component(path: &Path, entry: &Entry, index: Option<&str>) -> Result<Item, PackagesError> {
    let place = format!("line {}", entry.line);
    let mut parts = entry.text.split(" --hash");
    let head = parts.next().unwrap_or_default().trim();
    let (name, marker) = requirement(head);
    if name.is_empty() || entry.text.len() > limits::LOCK_FILE_BYTES {
        return Err(malformed(path, &place, "this is no requirement"));
    }
    let bare = head.split(';').next().unwrap_or(head);
    let pinned = bare.split_once("===").or_else(|| bare.split_once("==")).map(|(_, version)| version.trim());
    let version = pinned.filter(|version| !version.is_empty() && !version.contains(['*', ',', ' ', '<', '>']));
    let address = bare.split_once('@').map(|(_, url)| url.trim()).filter(|url| url.contains("://"));
    let from = match address {
        Some(url) if url.starts_with("git+") => {
            let (url, commit) = url.rsplit_once('@').filter(|(url, _)| url.contains("://")).unwrap_or((url, ""));
            From::Git(format!("{url}#{commit}"))
        }
        Some(url) => From::Url(url.to_owned()),
        None => From::Index(index.map(str::to_owned)),
    };
    let purl = purl(&name, version, &from).map_err(|error| purl_error(path, &place, error))?;
    let mut item = library(reference(&name, version, purl.as_ref()), &name, version);
    item.purl = purl.map(|purl| purl.as_str().to_owned());
    for hash in parts {
        let hash = hash.trim_start_matches(['=', ' ']).trim();
        let hash = digest(hash).ok_or_else(|| malformed(path, &place, "its hash is no digest that is known"))?;
        item.files.push(File { url: address.and_then(public), hashes: BTreeMap::from([hash]) });
    }
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
