//! `[sbom]` of `countersign.toml`: what only people know. Nothing is taken from anywhere else, and a key that is not known
//! is refused, so that a slip of the pen does not become an unknown.

use crate::{
    content::public_address,
    cyclonedx::{Organization, People, Person},
    error::SbomError,
    lock::read_toml,
};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize, Default)]
struct File {
    #[serde(default)]
    sbom: Table,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    #[serde(default)]
    authors: Vec<Author>,
    manufacturer: Option<Company>,
    supplier: Option<Company>,
    copyright: Option<String>,
    security_contact: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Author {
    name: String,
    email: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Company {
    name: String,
    url: Option<String>,
    email: Option<String>,
}

impl People {
    /// What the file says; unknown where there is none.
    pub fn read(path: &Path) -> Result<Self, SbomError> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let file: File = toml::from_str(&read_toml(path)?)
            .map_err(|source| SbomError::Config { path: path.to_owned(), why: source.to_string() })?;
        let of = |company: Company| Organization {
            name: company.name,
            urls: company.url.into_iter().collect(),
            email: company.email,
        };
        let table = file.sbom;
        let people = Self {
            authors: table.authors.into_iter().map(|a| Person { name: a.name, email: a.email }).collect(),
            manufacturer: table.manufacturer.map(of),
            supplier: table.supplier.map(of),
            copyright: table.copyright,
            security_contact: table.security_contact,
        };
        match people.wrong() {
            None => Ok(people),
            Some(why) => Err(SbomError::Config { path: path.to_owned(), why }),
        }
    }

    /// What no schema would take, or nobody could read.
    fn wrong(&self) -> Option<String> {
        let companies = || self.manufacturer.iter().chain(&self.supplier);
        let texts = self.authors.iter().map(|author| &author.name).chain(companies().map(|company| &company.name));
        if let Some(text) =
            texts.chain(&self.copyright).find(|text| text.trim().is_empty() || text.chars().any(char::is_control))
        {
            return Some(format!("{text:?} is empty, or holds characters that cannot be shown"));
        }
        let emails = self.authors.iter().filter_map(|author| author.email.as_ref());
        let emails = emails.chain(companies().filter_map(|company| company.email.as_ref()));
        for email in emails {
            if !is_email(email) {
                return Some(format!("{email:?} is no address such as name@example.com"));
            }
        }
        let urls = companies().flat_map(|company| &company.urls);
        for url in urls.chain(&self.security_contact) {
            if !public_address(url) && !url.strip_prefix("mailto:").is_some_and(is_email) {
                return Some(format!("{url:?} is neither an address of the web nor mailto: with one"));
            }
        }
        None
    }
}

/// Plain enough for every schema.
pub(crate) fn is_email(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'+');
    let dotted =
        |part: &str| !part.is_empty() && part.split('.').all(|part| !part.is_empty()) && part.bytes().all(plain);
    text.split_once('@').is_some_and(|(user, host)| dotted(user) && dotted(host) && !host.contains(['_', '+']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<People, SbomError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("countersign.toml");
        std::fs::write(&path, text).unwrap();
        People::read(&path)
    }

    #[test]
    fn what_people_wrote_is_taken_and_what_they_did_not_stays_unknown() {
        let text = "[other]\na = 1\n[sbom]\ncopyright = \"2026 A\"\nsecurity-contact = \"mailto:security@example.com\"\n\
                    [[sbom.authors]]\nname = \"A\"\n[sbom.supplier]\nname = \"S\"\nurl = \"https://example.com\"\n";
        let people = read(text).unwrap();
        assert_eq!(people.authors, [Person { name: "A".to_owned(), email: None }]);
        assert_eq!(people.supplier.map(|s| s.urls), Some(vec!["https://example.com".to_owned()]));
        assert_eq!(people.manufacturer, None);
        assert_eq!(read("").unwrap(), People::default());
        assert_eq!(People::read(Path::new("/no/such/file")).unwrap(), People::default());
    }

    #[test]
    fn a_key_or_a_value_that_cannot_be_meant_is_refused() {
        for text in [
            "[sbom]\nauthor = \"A\"",
            "[sbom]\ncopyright = \" \"",
            "[sbom]\nsecurity-contact = \"ring the bell\"",
            "[sbom]\nsecurity-contact = \"file:///folder\"",
            "[[sbom.authors]]\nname = \"A\"\nemail = \"nobody\"",
            "[sbom.supplier]\nurl = \"https://example.com\"",
        ] {
            assert!(matches!(read(text), Err(SbomError::Config { .. })), "{text}");
        }
    }
}
