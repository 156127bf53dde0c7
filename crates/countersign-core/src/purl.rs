//! Package URLs: the form `pkg:type/…name@version?qualifiers`, held to printable ASCII so that two readers see one text.
//!
//! Only the form is known here. Whether a package of that name exists, and where, is never asked.

use crate::limits;
use std::fmt;
use std::fmt::Write as _;

/// A package URL.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Purl(String);

/// Why a text is not a package URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PurlError {
    /// More bytes than the limit.
    #[error("{found} bytes, more than the {limit} of a package URL", limit = limits::SBOM_TEXT_BYTES)]
    TooLong {
        /// How many there were.
        found: usize,
    },
    /// No `pkg:` in front.
    #[error("a package URL starts with `pkg:`")]
    Scheme,
    /// The type is missing, or has characters that no type has.
    #[error("a package URL names its type after `pkg:`, such as `pkg:cargo/`")]
    Type,
    /// No name after the type.
    #[error("a package URL has a name after its type")]
    Name,
    /// A byte that has to be percent-encoded.
    #[error("byte 0x{0:02x} has to be percent-encoded in a package URL")]
    Character(u8),
}

impl Purl {
    /// Parses the form, and refuses any other.
    pub fn new(text: &str) -> Result<Self, PurlError> {
        if text.len() > limits::SBOM_TEXT_BYTES {
            return Err(PurlError::TooLong { found: text.len() });
        }
        if let Some(byte) = text.bytes().find(|b| !b.is_ascii_graphic()) {
            return Err(PurlError::Character(byte));
        }
        let rest = text.strip_prefix("pkg:").ok_or(PurlError::Scheme)?;
        let (kind, path) = rest.trim_start_matches('/').split_once('/').ok_or(PurlError::Type)?;
        let of_type = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
        if !kind.starts_with(|c: char| c.is_ascii_alphabetic()) || !kind.bytes().all(of_type) {
            return Err(PurlError::Type);
        }
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        if last.split('@').next().unwrap_or_default().is_empty() {
            return Err(PurlError::Name);
        }
        Ok(Self(text.to_owned()))
    }

    /// The package URL of a Cargo package. Without a qualifier it claims the identity of a package on crates.io.
    pub fn cargo(name: &str, version: &str, qualifier: Option<(&str, &str)>) -> Result<Self, PurlError> {
        let mut text = format!("pkg:cargo/{}@{}", Encoded(name), Encoded(version));
        if let Some((key, value)) = qualifier {
            text = format!("{text}?{key}={}", Encoded(value));
        }
        Self::new(&text)
    }

    /// A package URL of its parts, in the standard's canonical form: each part percent-encoded, qualifiers in order. Whether
    /// a type wants its names in lower case is the caller's to know.
    pub fn build(
        kind: &str,
        namespace: Option<&str>,
        name: &str,
        version: Option<&str>,
        qualifiers: &[(&str, &str)],
    ) -> Result<Self, PurlError> {
        let mut text = format!("pkg:{kind}/");
        let whole = |text: &str| Encoded(text).to_string().replace('/', "%2F");
        for segment in namespace.into_iter().flat_map(|namespace| namespace.split('/')).filter(|part| !part.is_empty())
        {
            text.push_str(&whole(segment));
            text.push('/');
        }
        if name.is_empty() {
            return Err(PurlError::Name);
        }
        text.push_str(&whole(name));
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            text.push('@');
            text.push_str(&whole(version));
        }
        let mut qualifiers: Vec<&(&str, &str)> = qualifiers.iter().filter(|(_, value)| !value.is_empty()).collect();
        qualifiers.sort();
        for (place, (key, value)) in qualifiers.into_iter().enumerate() {
            text.push(if place == 0 { '?' } else { '&' });
            text.push_str(&format!("{key}={}", Encoded(value)));
        }
        Self::new(&text)
    }

    /// This one, which has no subpath, with one: the folder that a package lies in, in the standard's canonical form. Parts that name
    /// no folder (`.`, `..`, and empty ones) do not stand in it.
    pub fn with_subpath(&self, subpath: &str) -> Result<Self, PurlError> {
        let parts = subpath.split('/').filter(|part| !matches!(*part, "" | "." | ".."));
        let parts: Vec<String> = parts.map(|part| Encoded(part).to_string()).collect();
        if parts.is_empty() { Ok(self.clone()) } else { Self::new(&format!("{self}#{}", parts.join("/"))) }
    }

    /// Whether what this one names is among what `wider` names: the same package, and where `wider` names a version, a subpath or
    /// qualifiers, these as well.
    #[must_use]
    pub fn is_within(&self, wider: &Self) -> bool {
        let (Some(own), Some(wider)) = (Parts::of(self), Parts::of(wider)) else { return self == wider };
        let same = |own: &Option<String>, wider: &Option<String>| wider.is_none() || own == wider;
        own.package == wider.package
            && same(&own.version, &wider.version)
            && same(&own.subpath, &wider.subpath)
            && wider.qualifiers.iter().all(|qualifier| own.qualifiers.contains(qualifier))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Purl {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

/// A package URL in its parts, without their percent-encoding.
struct Parts {
    /// The type in lower case, then the segments of the namespace, then the name.
    package: Vec<String>,
    version: Option<String>,
    qualifiers: Vec<(String, String)>,
    subpath: Option<String>,
}

impl Parts {
    /// `None` where a part is not what it was encoded from.
    fn of(purl: &Purl) -> Option<Self> {
        let rest = purl.as_str().strip_prefix("pkg:")?.trim_start_matches('/');
        let (rest, subpath) = split(rest, '#');
        let (path, qualifiers) = split(rest, '?');
        let (kind, path) = path.split_once('/')?;
        let path = path.trim_matches('/');
        // A scope that nobody encoded has an `@` of its own: a version stands behind the name.
        let name = path.rfind('/').map_or(0, |slash| slash.saturating_add(1));
        let (namespace, last) = path.split_at_checked(name)?;
        let (last, version) = split(last, '@');
        let mut package = vec![kind.to_ascii_lowercase()];
        for segment in namespace.split('/').filter(|segment| !segment.is_empty()).chain([last]) {
            package.push(decoded(segment)?);
        }
        let mut pairs = Vec::new();
        for pair in qualifiers.into_iter().flat_map(|text| text.split('&')).filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=')?;
            pairs.push((key.to_ascii_lowercase(), decoded(value)?));
        }
        let (version, subpath) = (version.map(decoded), subpath.map(decoded));
        // What is there and cannot be read is not as if it were not there.
        if version == Some(None) || subpath == Some(None) {
            return None;
        }
        Some(Self { package, version: version.flatten(), qualifiers: pairs, subpath: subpath.flatten() })
    }
}

/// What stands before the last of this sign, and what behind it.
fn split(text: &str, sign: char) -> (&str, Option<&str>) {
    text.rsplit_once(sign).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// A part of a package URL without its percent-encoding; `None` for one that is broken, or no UTF-8.
#[must_use]
pub fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
            let value = digit()?.checked_mul(16)?.checked_add(digit()?)?;
            out.push(u8::try_from(value).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// Percent-encoding as the package URL standard's canonical form has it: everything but letters, digits and `.-_~:/`.
struct Encoded<'a>(&'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            match byte {
                b'.' | b'-' | b'_' | b'~' | b':' | b'/' => f.write_char(char::from(byte))?,
                _ if byte.is_ascii_alphanumeric() => f.write_char(char::from(byte))?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cargo_package_has_the_standards_canonical_form() {
        let plain = Purl::cargo("wasi", "0.11.0+wasi-snapshot-preview1", None).unwrap();
        assert_eq!(plain.as_str(), "pkg:cargo/wasi@0.11.0%2Bwasi-snapshot-preview1");
        let git = Purl::cargo("a", "1.0.0", Some(("vcs_url", "git+https://example.com/a/b@cc55108"))).unwrap();
        assert_eq!(git.as_str(), "pkg:cargo/a@1.0.0?vcs_url=git%2Bhttps://example.com/a/b%40cc55108");
    }

    #[test]
    fn a_package_is_within_a_wider_name_of_it_alone() {
        let within = |own: &str, wider: &str| Purl::new(own).unwrap().is_within(&Purl::new(wider).unwrap());
        assert!(within("pkg:npm/a@1.0.0", "pkg:npm/a@1.0.0"));
        assert!(within("pkg:npm/a@1.0.0", "pkg:NPM/a"));
        assert!(within("pkg:npm/%40s/a@1.0.0", "pkg:npm/@s/a@1.0.0"));
        assert!(within("pkg:npm/@s/a@1.0.0", "pkg:npm/%40s/a"));
        assert!(within("pkg:deb/debian/a@1?arch=amd64&distro=x", "pkg:deb/debian/a@1?distro=x"));
        for (own, wider) in [
            ("pkg:npm/a@1.0.0", "pkg:npm/a@1.0.1"),
            ("pkg:npm/a", "pkg:npm/a@1.0.0"),
            ("pkg:npm/a@1.0.0", "pkg:npm/b"),
            ("pkg:npm/a@1.0.0", "pkg:cargo/a@1.0.0"),
            ("pkg:npm/%40s/a@1.0.0", "pkg:npm/a"),
            ("pkg:npm/a@1.0.0", "pkg:npm/%40s/a"),
            ("pkg:deb/debian/a@1?arch=arm64", "pkg:deb/debian/a@1?arch=amd64"),
            ("pkg:deb/debian/a@1", "pkg:deb/debian/a@1?arch=amd64"),
            ("pkg:golang/x/a@1", "pkg:golang/x/a@1#sub"),
            ("pkg:npm/a@1.0.0", "pkg:npm/a@%FF"),
        ] {
            assert!(!within(own, wider), "{own} {wider}");
        }
    }

    #[test]
    fn parts_are_encoded_each_by_itself() {
        let build = |namespace, name, version, qualifiers: &[(&str, &str)]| {
            Purl::build("npm", namespace, name, version, qualifiers).map(|purl| purl.as_str().to_owned())
        };
        assert_eq!(build(Some("@angular"), "core", Some("12.3.1"), &[]).unwrap(), "pkg:npm/%40angular/core@12.3.1");
        assert_eq!(build(Some("a/b"), "c/d", Some("1/2@3"), &[]).unwrap(), "pkg:npm/a/b/c%2Fd@1%2F2%403");
        let qualifiers = [("vcs_url", "git+https://x/y@1"), ("repository_url", "https://z"), ("empty", "")];
        assert_eq!(
            build(None, "a", None, &qualifiers).unwrap(),
            "pkg:npm/a?repository_url=https://z&vcs_url=git%2Bhttps://x/y%401"
        );
        assert_eq!(build(None, "", None, &[]), Err(PurlError::Name));
    }

    #[test]
    fn a_subpath_stands_behind_all_else() {
        let purl = Purl::build("pypi", None, "a", None, &[("vcs_url", "git+https://x/y@1#z")]).unwrap();
        let with = |subpath: &str| purl.with_subpath(subpath).map(|purl| purl.as_str().to_owned()).unwrap();
        assert_eq!(with("./b//c d#e/"), "pkg:pypi/a?vcs_url=git%2Bhttps://x/y%401%23z#b/c%20d%23e");
        assert_eq!(with("./"), purl.as_str());
        let within = purl.with_subpath("b").unwrap();
        assert!(within.is_within(&purl) && !purl.is_within(&within));
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(decoded("%40angular/core").as_deref(), Some("@angular/core"));
        assert_eq!(decoded("1.0%2Bb%C3%A9").as_deref(), Some("1.0+b\u{e9}"));
        for broken in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }

    #[test]
    fn other_forms_are_refused_with_the_reason() {
        assert_eq!(Purl::new("cargo/a@1"), Err(PurlError::Scheme));
        assert_eq!(Purl::new("pkg:cargo"), Err(PurlError::Type));
        assert_eq!(Purl::new("pkg:ca_rgo/a"), Err(PurlError::Type));
        assert_eq!(Purl::new("pkg:cargo/"), Err(PurlError::Name));
        assert_eq!(Purl::new("pkg:cargo/@1"), Err(PurlError::Name));
        assert_eq!(Purl::new("pkg:cargo/a b"), Err(PurlError::Character(b' ')));
        let long = format!("pkg:cargo/{}", "a".repeat(limits::SBOM_TEXT_BYTES));
        assert!(matches!(Purl::new(&long), Err(PurlError::TooLong { .. })));
        assert!(Purl::new("pkg:npm/%40angular/core@12.3.1").is_ok());
    }

    proptest! {
        #[test]
        fn any_name_and_version_make_a_package_url_that_reads_back(name in ".{1,40}", version in ".{0,40}") {
            prop_assume!(name.trim_matches('/') == name);
            let purl = Purl::cargo(&name, &version.replace('/', ""), Some(("vcs_url", &version))).unwrap();
            prop_assert_eq!(Purl::new(purl.as_str()), Ok(purl));
        }
    }
}
