//! Where a package comes from, and the name that this gives it: the same on every machine.

use crate::inventory::{Component, Source};
use countersign_core::purl::{Purl, PurlError};
use guppy::graph::{ExternalSource, GitReq, PackageMetadata, PackageSource};
use std::collections::BTreeMap;

impl Source {
    /// `None` for a kind of source that Cargo has and this version does not know.
    pub(crate) fn of(package: &PackageMetadata<'_>) -> Option<Self> {
        match package.source() {
            PackageSource::Workspace(_) | PackageSource::Path(_) => Some(Self::Path),
            PackageSource::External(text) => Self::external(text),
        }
    }

    /// From what Cargo writes down for a package from outside. `None` also for an address or a commit that is none.
    pub(crate) fn external(text: &str) -> Option<Self> {
        let known = Self::written(text)?;
        let good = match &known {
            Self::Git { repository, commit } => is_address(repository) && is_commit(commit),
            Self::Registry(url) => is_address(url.strip_prefix("sparse+").unwrap_or(url)),
            Self::Disk { commit: Some(commit) } => is_commit(commit),
            Self::Disk { commit: None } | Self::CratesIo | Self::Path | Self::Toolchain { .. } => true,
        };
        good.then_some(known)
    }

    fn written(text: &str) -> Option<Self> {
        match ExternalSource::new(text)? {
            ExternalSource::Registry(ExternalSource::CRATES_IO_URL)
            | ExternalSource::Sparse("https://index.crates.io/") => Some(Self::CratesIo),
            ExternalSource::Registry(url) => Some(public(url).map_or(Self::Disk { commit: None }, Self::Registry)),
            ExternalSource::Sparse(url) => {
                Some(public(url).map_or(Self::Disk { commit: None }, |url| Self::Registry(format!("sparse+{url}"))))
            }
            ExternalSource::Git { repository, resolved, .. } => {
                let commit = resolved.to_owned();
                Some(match public(repository) {
                    Some(repository) => Self::Git { repository, commit },
                    None => Self::Disk { commit: Some(commit) },
                })
            }
            _ => None,
        }
    }

    /// The word for it in a property.
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::CratesIo | Self::Registry(_) => "registry",
            Self::Git { .. } => "git",
            Self::Disk { commit: Some(_) } => "git on disk",
            Self::Disk { commit: None } => "registry on disk",
            Self::Path => "path",
            Self::Toolchain { .. } => "toolchain",
        }
    }

    /// The package URL: only where the source is public. A folder has none, since `pkg:cargo/NAME@VERSION` would claim
    /// to be the package of that name on crates.io.
    pub(crate) fn purl(&self, name: &str, version: &str) -> Result<Option<Purl>, PurlError> {
        match self {
            Self::CratesIo => Purl::cargo(name, version, None).map(Some),
            Self::Registry(index) => Purl::cargo(name, version, Some(("repository_url", index))).map(Some),
            Self::Git { repository, commit } => {
                let url = format!("git+{repository}@{commit}");
                Purl::cargo(name, version, Some(("vcs_url", &url))).map(Some)
            }
            Self::Disk { .. } | Self::Path | Self::Toolchain { .. } => Ok(None),
        }
    }

    /// The reference within a document: the package URL where there is one.
    pub(crate) fn reference(&self, name: &str, version: &str, purl: Option<&Purl>) -> String {
        match (purl, self) {
            (Some(purl), _) => purl.as_str().to_owned(),
            (None, Self::Disk { commit: Some(commit) }) => format!("git:{name}@{version}#{commit}"),
            (None, Self::Disk { commit: None }) => format!("registry:{name}@{version}"),
            (None, Self::Toolchain { .. }) => format!("toolchain:{name}@{version}"),
            (None, Self::CratesIo | Self::Registry(_) | Self::Git { .. } | Self::Path) => {
                format!("path:{name}@{version}")
            }
        }
    }
}

/// Tells apart what Cargo builds twice: one commit of one repository that is asked for by two references, as it is in two
/// places. Each comes with what Cargo writes down for its source.
pub(crate) fn tell_apart<'c>(components: impl Iterator<Item = (&'c mut Component, Option<&'c str>)>) {
    let mut alike: BTreeMap<String, Vec<(&mut Component, Option<&str>)>> = BTreeMap::new();
    for (component, source) in components {
        alike.entry(component.reference.clone()).or_default().push((component, source));
    }
    for (component, source) in alike.into_values().filter(|alike| alike.len() > 1).flatten() {
        if let Some(asked) = source.and_then(asked) {
            component.reference.push_str(&format!(";{asked}"));
        }
    }
}

/// How a commit of a repository was asked for.
fn asked(source: &str) -> Option<String> {
    let ExternalSource::Git { req, .. } = ExternalSource::new(source)? else { return None };
    let (kind, name) = match req {
        GitReq::Branch(name) => ("branch", name),
        GitReq::Tag(name) => ("tag", name),
        GitReq::Rev(name) => ("rev", name),
        GitReq::Default | _ => return Some("HEAD".to_owned()),
    };
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/@!$&'()*+,;=%#".contains(&b));
    plain.then(|| format!("{kind}={name}"))
}

/// The address without user name, password and query, which may be secret; `None` for a place on this machine's disk.
fn public(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next().unwrap_or(url);
    let (scheme, rest) = url.split_once("://")?;
    if scheme == "file" {
        return None;
    }
    let (authority, path) = rest.split_once('/').map_or((rest, None), |(authority, path)| (authority, Some(path)));
    let host = authority.rsplit('@').next().unwrap_or(authority);
    Some(path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}")))
}

/// What every reader of addresses takes: a lock file may have been written by hand.
fn is_address(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let letters = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let name = |host: &str| host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let (host, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((number, port)) if number.parse::<std::net::Ipv6Addr>().is_ok() => ("", port),
        Some(_) => return false,
        None => host.find(':').and_then(|at| host.split_at_checked(at)).unwrap_or((host, "")),
    };
    let port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/@!$&'()*+,;=%".contains(&b);
    let hex = |part: &str| part.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    let path = path.bytes().all(plain) && path.split('%').skip(1).all(hex);
    letters && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && name(host) && port && path
}

fn is_commit(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, word: &str, reference: &str) {
        let source = Source::external(source).unwrap();
        let purl = source.purl("a", "1.0.0").unwrap();
        assert_eq!((source.word(), source.reference("a", "1.0.0", purl.as_ref()).as_str()), (word, reference));
    }

    #[test]
    fn only_crates_io_gives_a_bare_package_url() {
        check("registry+https://github.com/rust-lang/crates.io-index", "registry", "pkg:cargo/a@1.0.0");
        check("sparse+https://index.crates.io/", "registry", "pkg:cargo/a@1.0.0");
        check(
            "sparse+https://user:secret@cargo.example.com/index/",
            "registry",
            "pkg:cargo/a@1.0.0?repository_url=sparse%2Bhttps://cargo.example.com/index/",
        );
    }

    #[test]
    fn a_git_source_has_its_commit_and_no_credentials() {
        check(
            "git+https://token@example.com/a/b.git?branch=main#cc55108da32bfed3",
            "git",
            "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps://example.com/a/b.git%40cc55108da32bfed3",
        );
        check(
            "git+ssh://git@example.com/a/b#cc55108da32bfed3",
            "git",
            "pkg:cargo/a@1.0.0?vcs_url=git%2Bssh://example.com/a/b%40cc55108da32bfed3",
        );
    }

    #[test]
    fn a_place_on_disk_stays_out() {
        check(
            "git+file:///folder/of/somebody/b?rev=cc#cc55108da32bfed3",
            "git on disk",
            "git:a@1.0.0#cc55108da32bfed3",
        );
        check("registry+file:///folder/of/somebody/index", "registry on disk", "registry:a@1.0.0");
    }

    #[test]
    fn an_address_or_a_commit_that_is_none_is_refused_and_unusual_ones_are_not() {
        for text in [
            "git+0https://example.com/a#cc55108da32bfed3",
            "git+https://example.com/a#cc[5",
            "git+https://example.com/a#main",
            "git+https://example.com/a b#cc55108da32bfed3",
            "git+https://example.com/%zz#cc55108da32bfed3",
            "git+https://[x]/a#cc55108da32bfed3",
            "git+https://example.com:x/a#cc55108da32bfed3",
            "git+file:///a#<b>",
            "registry+https://exa mple.com/index",
            "sparse+https://example.com/\u{202e}/",
        ] {
            assert_eq!(Source::external(text), None, "{text}");
        }
        for text in [
            "git+ssh://git@[::1]:22/a/b#cc55108da32bfed3",
            "git+https://example.com:8443/~a/b%20c.git#cc55108da32bfed3",
            "registry+https://example.com/git/index",
        ] {
            assert!(Source::external(text).is_some(), "{text}");
        }
    }

    #[test]
    fn an_unknown_kind_of_source_is_not_taken_for_another() {
        assert_eq!(Source::external("carrier-pigeon+https://example.com"), None);
    }
}
