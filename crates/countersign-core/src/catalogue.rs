//! Catalogues of controls: what a rule may say that it serves. Three are built in; a policy release may bring its own. They hold
//! ids and words of ours, never the text of whoever publishes the criteria.

use crate::limits;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The folder of a policy in which its own catalogues lie.
pub const FOLDER: &str = "catalogues/";
/// How their names end.
pub const SUFFIX: &str = ".toml";

/// What stands on everything that speaks of coverage.
pub const NO_CONCLUSION: &str = "countersign does not conclude that a criterion is met";

const BUILT_IN: [(&str, &str); 3] = [
    ("soc-2.toml", include_str!("../catalogues/soc-2.toml")),
    ("slsa.toml", include_str!("../catalogues/slsa.toml")),
    ("nist-ssdf.toml", include_str!("../catalogues/nist-ssdf.toml")),
];

/// A catalogue, as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Catalogue {
    /// Its name, with which the ids of its controls begin: `SOC 2` of `SOC 2 CC8.1`.
    pub name: String,
    /// What it is.
    pub title: String,
    /// For how many days an evaluation or observation shows something.
    pub fresh_days: u32,
    /// Its controls.
    pub controls: Vec<Control>,
}

/// One control.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Control {
    /// Its id within the catalogue.
    pub id: String,
    /// How much of it a machine can show.
    pub reach: Reach,
    /// What it is about, in words of the catalogue's author.
    pub text: String,
    /// For how many days something shows it, where that differs from the catalogue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_days: Option<u32>,
}

/// How much of a control a machine can show at best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Reach {
    /// Its operation, event by event.
    Machine,
    /// Some of it; people have to show the rest.
    Part,
    /// None of it by itself: people have to show it.
    People,
}

/// Why a text is no catalogue, or does not go with the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// Larger than the bound.
    #[error("{found} bytes, more than the {} that are read", limits::TOML_BYTES)]
    TooLarge {
        /// How many bytes there were.
        found: usize,
    },
    /// Not TOML, or not of the shape.
    #[error("{0}")]
    Toml(String),
    /// A name, an id or a number that cannot be.
    #[error("{what} {found:?}: {problem}")]
    Value {
        /// Of what.
        what: &'static str,
        /// What was found.
        found: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Catalogue {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        if text.len() > limits::TOML_BYTES {
            return Err(CatalogueError::TooLarge { found: text.len() });
        }
        let read: Self = toml::from_str(text).map_err(|error| CatalogueError::Toml(error.to_string()))?;
        let wrong = |what, found: &str, problem| {
            Err(CatalogueError::Value { what, found: found.chars().take(80).collect(), problem })
        };
        if !is_name(&read.name, true) {
            return wrong("name", &read.name, "1 to 64 letters, digits, `.`, `-`, `_` and single spaces");
        }
        let mut seen = BTreeSet::new();
        for control in &read.controls {
            if !is_name(&control.id, false) {
                return wrong("id", &control.id, "1 to 64 letters, digits, `.`, `-` and `_`");
            }
            if !seen.insert(&control.id) {
                return wrong("id", &control.id, "stands twice");
            }
            if control.text.trim().is_empty() {
                return wrong("text of", &control.id, "says nothing");
            }
        }
        let days = |days: u32| (1..=3_660).contains(&days);
        if !days(read.fresh_days) || !read.controls.iter().filter_map(|control| control.fresh_days).all(days) {
            return wrong("fresh_days", &read.name, "a number of days from 1 to 3660");
        }
        Ok(read)
    }

    /// For how long something shows a control, in days.
    #[must_use]
    pub fn fresh_days(&self, control: &Control) -> u32 {
        control.fresh_days.unwrap_or(self.fresh_days)
    }
}

fn is_name(text: &str, spaces: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') || (spaces && c == ' ');
    (1..=64).contains(&text.len()) && text.chars().all(fits) && text.trim() == text && !text.contains("  ")
}

/// The path of one of a release's own catalogues.
#[must_use]
pub fn is_catalogue(path: &str) -> bool {
    let name = path.strip_prefix(FOLDER).and_then(|rest| rest.strip_suffix(SUFFIX));
    name.is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// The catalogues that a release knows: those that are built in, and its own.
#[derive(Debug, Clone, Default)]
pub struct Catalogues(Vec<Catalogue>);

impl Catalogues {
    /// Those that are built in.
    #[must_use]
    pub fn built_in() -> Self {
        // That each of them reads is held by a test.
        Self(BUILT_IN.iter().filter_map(|(_, text)| Catalogue::parse(text).ok()).collect())
    }

    /// With those among the texts of a release; and which of these do not do, each with its path.
    #[must_use]
    pub fn with(texts: &BTreeMap<String, String>) -> (Self, Vec<(String, CatalogueError)>) {
        let (mut all, mut wrong) = (Self::built_in(), Vec::new());
        for (path, text) in texts.iter().filter(|(path, _)| is_catalogue(path)) {
            match Catalogue::parse(text) {
                Ok(own) => match all.clashes(&own) {
                    None => all.0.push(own),
                    Some(error) => wrong.push((path.clone(), error)),
                },
                Err(error) => wrong.push((path.clone(), error)),
            }
        }
        (all, wrong)
    }

    fn clashes(&self, own: &Catalogue) -> Option<CatalogueError> {
        let taken = self.0.iter().find(|known| known.name == own.name).map(|known| known.name.clone());
        // `A` with the control `B C` and `A B` with `C` would name the same thing; ids have no spaces, so only names can.
        taken.map(|found| CatalogueError::Value { what: "name", found, problem: "another catalogue has it" })
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Catalogue> {
        self.0.iter()
    }

    /// Every control with its full name, in the order of the catalogues.
    pub fn controls(&self) -> impl Iterator<Item = (String, &Catalogue, &Control)> {
        self.0.iter().flat_map(|catalogue| {
            catalogue.controls.iter().map(move |control| (full_name(catalogue, control), catalogue, control))
        })
    }

    /// A control by its full name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<(&Catalogue, &Control)> {
        let (catalogue, id) = name.rsplit_once(' ')?;
        let catalogue = self.0.iter().find(|known| known.name == catalogue)?;
        catalogue.controls.iter().find(|control| control.id == id).map(|control| (catalogue, control))
    }

    /// The full name that is most like a text; what was meant, most likely.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<String> {
        let names = self.controls().map(|(name, _, _)| name);
        let wanted = folded(name);
        names.min_by_key(|known| {
            let whole = folded(known);
            let bare = known.rsplit_once(' ').map_or_else(|| whole.clone(), |(_, id)| folded(id));
            // Of two that are as near, the one that begins alike.
            let rank = |known: &[char]| {
                let alike = wanted.iter().zip(known).take_while(|(a, b)| a == b).count();
                (distance(&wanted, known), std::cmp::Reverse(alike))
            };
            rank(&whole).min(rank(&bare))
        })
    }
}

fn full_name(catalogue: &Catalogue, control: &Control) -> String {
    format!("{} {}", catalogue.name, control.id)
}

fn folded(text: &str) -> Vec<char> {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(80).collect()
}

/// How many characters have to be put in, taken out or replaced.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i.saturating_add(1)];
        for ((above, left_above), y) in row.iter().skip(1).zip(&row).zip(b) {
            let replaced = left_above.saturating_add(usize::from(x != y));
            let left = next.last().copied().unwrap_or(usize::MAX);
            next.push(replaced.min(above.saturating_add(1)).min(left.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_catalogue_that_is_built_in_reads_and_has_its_controls() {
        for (file, text) in BUILT_IN {
            assert!(Catalogue::parse(text).is_ok(), "{file}: {:?}", Catalogue::parse(text));
        }
        let all = Catalogues::built_in();
        let count = |name: &str| all.iter().find(|c| c.name == name).map(|c| c.controls.len());
        // 33 common criteria, 3 of availability, 2 of confidentiality, 5 of processing integrity, 18 of privacy.
        assert_eq!(count("SOC 2"), Some(61));
        assert_eq!((count("SLSA"), count("NIST SSDF")), (Some(26), Some(19)));
        assert!(all.find("SOC 2 CC8.1").is_some() && all.find("CC8.1").is_none() && all.find("SOC 2 CC8.2").is_none());
    }

    #[test]
    fn what_was_meant_is_found_in_any_spelling() {
        let all = Catalogues::built_in();
        for (typed, meant) in [
            ("CC8.1", "SOC 2 CC8.1"),
            ("SOC2 CC8.1", "SOC 2 CC8.1"),
            ("soc 2 cc7.11", "SOC 2 CC7.1"),
            ("SLSA source-two-party-reviews", "SLSA source-two-party-review"),
            ("PS.3", "NIST SSDF PS.3"),
        ] {
            assert_eq!(all.nearest(typed).as_deref(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn a_catalogue_of_the_release_is_added_and_takes_no_name_that_is_taken() {
        let own = |name: &str| {
            format!(
                "name = \"{name}\"\ntitle = \"t\"\nfresh_days = 30\n[[controls]]\nid = \"1\"\nreach = \"part\"\ntext = \"x\"\n"
            )
        };
        let texts = |text: String| BTreeMap::from([("catalogues/own.toml".to_owned(), text)]);
        let (all, wrong) = Catalogues::with(&texts(own("Acme")));
        assert!(wrong.is_empty() && all.find("Acme 1").is_some());
        for text in [own("SOC 2"), own("A  B"), own("Acme").replace("30", "0"), own("Acme").replace("\"1\"", "\"a b\"")]
        {
            let (all, wrong) = Catalogues::with(&texts(text.clone()));
            assert!(wrong.len() == 1 && all.find("Acme 1").is_none(), "{text}");
        }
    }
}
