//! What Python's formats share: names, package URLs, requirements.

use super::public;
use super::reach::Conditions;
use crate::bom::{Bom, Item, Scope};
use countersign_core::purl::{Purl, PurlError};
use std::collections::{BTreeMap, BTreeSet};

/// PEP 503: lower case, and one hyphen for each run of hyphens, underscores and dots.
pub(crate) fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim().chars() {
        let c = if matches!(c, '-' | '_' | '.') { '-' } else { c.to_ascii_lowercase() };
        if !(c == '-' && out.ends_with('-')) {
            out.push(c);
        }
    }
    out
}

/// Where a package comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// An index of packages, by its address; `PyPI` where there is none.
    Index(Option<String>),
    /// A git repository, with its commit.
    Git(String),
    /// A file at an address.
    Url(String),
    /// A folder, or a file of this machine.
    Folder,
}

const PYPI: [&str; 3] = ["https://pypi.org", "https://pypi.python.org", "https://files.pythonhosted.org"];

fn is_pypi(url: &str) -> bool {
    let rest = PYPI.iter().find_map(|known| url.strip_prefix(known));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl From {
    /// Who hands it out, where its address says so. What pip asks where nothing is said is not known here.
    pub(super) fn supplier(&self) -> Option<String> {
        let known = matches!(self, Self::Index(Some(url)) | Self::Url(url) if is_pypi(url));
        known.then(|| "PyPI".to_owned())
    }
}

/// The package URL, for what has a public place.
pub(super) fn purl(name: &str, version: Option<&str>, from: &From) -> Result<Option<Purl>, PurlError> {
    let name = normal(name);
    let build = |qualifiers: &[(&str, &str)]| Purl::build("pypi", None, &name, version, qualifiers).map(Some);
    match from {
        From::Index(None) => build(&[]),
        From::Index(Some(url)) if is_pypi(url) => build(&[]),
        From::Index(Some(url)) => public(url).map_or(Ok(None), |url| build(&[("repository_url", &url)])),
        From::Git(url) => {
            let commit = url.split_once('#').map(|(_, commit)| commit.split('&').next().unwrap_or(commit));
            match (public(url), commit) {
                (Some(address), Some(commit)) => {
                    let prefix = if address.starts_with("git+") { "" } else { "git+" };
                    build(&[("vcs_url", &format!("{prefix}{address}@{commit}"))])
                }
                (Some(_), None) | (None, _) => Ok(None),
            }
        }
        From::Url(url) => public(url).map_or(Ok(None), |url| build(&[("download_url", &url)])),
        From::Folder => Ok(None),
    }
}

/// The package URL of what lies in a folder of its repository or archive. A way out of that leads to nothing that the address names.
pub(super) fn purl_within(
    name: &str,
    version: Option<&str>,
    from: &From,
    folder: Option<&str>,
) -> Result<Option<Purl>, PurlError> {
    let purl = purl(name, version, from)?;
    let Some(folder) = folder.filter(|_| matches!(from, From::Git(_) | From::Url(_))) else { return Ok(purl) };
    let Some(folder) = within(folder) else { return Ok(None) };
    purl.map(|purl| purl.with_subpath(&folder)).transpose()
}

/// The folder without its detours; nothing where it leads out.
fn within(folder: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The reference: the package URL where there is one.
pub(super) fn reference(name: &str, version: Option<&str>, purl: Option<&Purl>) -> String {
    let version = version.map(|version| format!("@{version}")).unwrap_or_default();
    purl.map_or_else(|| format!("path:{}{version}", normal(name)), |purl| purl.as_str().to_owned())
}

/// The name that a requirement begins with, and its condition. An address may hold a semicolon: there, one stands for
/// itself that has no space in front.
pub(super) fn requirement(text: &str) -> (String, Option<&str>) {
    let plain = text.split_once(';').unwrap_or((text, ""));
    let (head, condition) = if plain.0.contains('@') {
        text.find(" ;").and_then(|end| Some((text.get(..end)?, text.get(end..)?.get(2..)?))).unwrap_or((text, ""))
    } else {
        plain
    };
    let end = head.trim_start().find(|c: char| !is_of_name(c)).unwrap_or(head.len());
    let condition = Some(condition.trim()).filter(|text| !text.is_empty());
    (normal(head.trim_start().get(..end).unwrap_or(head)), condition)
}

/// The extras that a requirement asks for: `name[one,two]`.
pub(super) fn extras(text: &str) -> BTreeSet<String> {
    let behind = text.trim_start().trim_start_matches(is_of_name).trim_start();
    let listed = behind.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or("", |(inside, _)| inside);
    listed.split(',').map(normal).filter(|name| !name.is_empty()).collect()
}

/// The versions that a requirement asks for: what stands between its name and its condition. Of an address, none.
pub(super) fn range(text: &str) -> &str {
    let head = text.split(';').next().unwrap_or(text);
    let behind = head.trim_start().trim_start_matches(is_of_name).trim_start();
    let behind = match behind.strip_prefix('[') {
        Some(inside) => inside.split_once(']').map_or("", |(_, behind)| behind),
        None => behind,
    };
    if behind.contains('@') { "" } else { behind.trim().trim_start_matches('(').trim_end_matches(')') }
}

const fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Stands for a condition that is too long to be read or shown.
const LONG: &str = "a condition that is too long to be shown: see the lock file";

/// A condition as far as it is read. One that is too long is one that nobody can judge, and still a condition.
pub(super) const fn marker_within(text: &str) -> &str {
    if text.len() <= countersign_core::limits::SBOM_TEXT_BYTES { text } else { LONG }
}

/// Says on what condition a component is there.
pub(super) fn condition(item: &mut Item, text: &str) {
    let text = marker_within(text);
    if !item.properties.iter().any(|(name, value)| name == CONDITION && value == text) {
        item.properties.push((CONDITION.to_owned(), text.to_owned()));
    }
}

/// Says of components that only conditions lead to which these are. What is needed in any case has none, though some package
/// may need it on a condition only. What development needs in any case counts for development alone.
pub(super) fn conditions(bom: &mut Bom, conditions: &Conditions) {
    let (mut sure, mut sure_in_dev) = (BTreeSet::new(), BTreeSet::new());
    for edge in bom.edges.iter().flat_map(|(from, to)| to.iter().map(|to| (from.clone(), to.clone()))) {
        if !conditions.contains_key(&edge) {
            let targets = if bom.only_dev.contains(&edge) { &mut sure_in_dev } else { &mut sure };
            targets.insert(edge.1);
        }
    }
    let mut by_target: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for ((_, to), markers) in conditions {
        by_target.entry(to).or_default().extend(markers.iter().map(String::as_str));
    }
    for item in bom.items.iter_mut().filter(|item| item.scope != Scope::Required) {
        let in_dev = item.scope == Scope::Excluded && sure_in_dev.contains(&item.reference);
        if in_dev || sure.contains(&item.reference) {
            continue;
        }
        for marker in by_target.get(item.reference.as_str()).into_iter().flatten() {
            condition(item, marker);
        }
    }
}

const CONDITION: &str = "countersign:condition";

/// A digest as locks write it: `sha256:HEX`.
pub(super) fn digest(text: &str) -> Option<(String, String)> {
    let (algorithm, value) = text.split_once(':')?;
    let (name, digits) = match algorithm {
        "md5" => ("MD5", 32),
        "sha1" => ("SHA-1", 40),
        "sha256" => ("SHA-256", 64),
        "sha384" => ("SHA-384", 96),
        "sha512" => ("SHA-512", 128),
        _ => return None,
    };
    let value = value.to_ascii_lowercase();
    (value.len() == digits && value.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| (name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_however_they_are_spelled() {
        for name in ["Zope.Interface", "zope-interface", "zope__interface", "ZOPE-_.interface"] {
            assert_eq!(normal(name), "zope-interface");
        }
        assert_eq!(
            requirement("Foo_Bar[x,y] >=1.0 ; python_version < '3'"),
            ("foo-bar".to_owned(), Some("python_version < '3'"))
        );
        assert_eq!(requirement("a"), ("a".to_owned(), None));
        assert_eq!(requirement(" a @ https://x/;b ; os_name == 'nt'"), ("a".to_owned(), Some("os_name == 'nt'")));
        assert_eq!(requirement("a @ https://x/;b"), ("a".to_owned(), None));
        assert_eq!(range("Foo_Bar[x,y] >=1.0,<2 ; python_version < '3'"), ">=1.0,<2");
        assert_eq!([range("a (~=1.0)"), range("a"), range("a[x"), range("a @ https://x/>=1")], ["~=1.0", "", "", ""]);
        let asked = |text: &str| extras(text).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(asked("Foo_Bar [x, Y.z]>=1.0 ; extra == 'q[w]'"), "x y-z");
        assert_eq!([asked("a>=1; extra == '[b]'"), asked("a[]"), asked("a[b")].concat(), "");
    }

    #[test]
    fn where_a_package_comes_from_decides_its_identity() {
        let of = |from: From| purl("Foo_bar", Some("1!2.0+x"), &from).unwrap().map(|purl| purl.as_str().to_owned());
        assert_eq!(of(From::Index(None)).unwrap(), "pkg:pypi/foo-bar@1%212.0%2Bx");
        assert_eq!(
            of(From::Index(Some("https://pypi.org/simple".to_owned()))).unwrap(),
            "pkg:pypi/foo-bar@1%212.0%2Bx"
        );
        assert_eq!(
            of(From::Index(Some("https://u:p@pip.example.com/simple".to_owned()))).unwrap(),
            "pkg:pypi/foo-bar@1%212.0%2Bx?repository_url=https://pip.example.com/simple"
        );
        assert_eq!(
            of(From::Git("https://github.com/o/foo?rev=main#0123".to_owned())).unwrap(),
            "pkg:pypi/foo-bar@1%212.0%2Bx?vcs_url=git%2Bhttps://github.com/o/foo%400123"
        );
        assert_eq!(
            of(From::Index(Some("https://pypi.org.example.com/simple".to_owned()))).unwrap(),
            "pkg:pypi/foo-bar@1%212.0%2Bx?repository_url=https://pypi.org.example.com/simple",
            "a host that only begins as PyPI's does"
        );
        assert_eq!(of(From::Folder), None);
    }

    #[test]
    fn the_folder_in_a_repository_or_an_archive_is_the_subpath() {
        let of = |from: From, folder: &str| {
            purl_within("a", None, &from, Some(folder)).unwrap().map(|purl| purl.as_str().to_owned())
        };
        let git = || From::Git("https://example.com/o/a#0123".to_owned());
        assert_eq!(of(git(), "b/c").unwrap(), "pkg:pypi/a?vcs_url=git%2Bhttps://example.com/o/a%400123#b/c");
        let archive = From::Url("https://example.com/a.zip".to_owned());
        assert_eq!(of(archive, "b").unwrap(), "pkg:pypi/a?download_url=https://example.com/a.zip#b");
        assert_eq!(of(From::Index(None), "b").unwrap(), "pkg:pypi/a", "an index has no folders");
        assert_eq!(of(git(), "a/../b/./c/").unwrap(), of(git(), "b/c").unwrap(), "a detour");
        assert_eq!([of(git(), "../b"), of(git(), "b\\..\\..")], [None, None]);
    }

    #[test]
    fn who_hands_it_out_is_said_only_where_the_address_says_so() {
        let of = |from: From| from.supplier();
        assert_eq!(of(From::Index(Some("https://pypi.org/simple".to_owned()))).as_deref(), Some("PyPI"));
        assert_eq!(of(From::Index(Some("https://pypi.org.example.com/simple".to_owned()))), None);
        assert_eq!(of(From::Index(None)), None);
        assert_eq!(of(From::Git("https://github.com/o/foo#0123".to_owned())), None);
    }
}
