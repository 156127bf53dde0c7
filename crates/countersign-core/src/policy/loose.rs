//! A folder whose `policy.toml` does not read, read as far as it does: for whoever mends it, who wants everything that is
//! wrong at once. Nothing that is read like this is ever released.

use super::{Authored, Manifest, PolicyError, SOURCE_FILE};
use crate::limits;
use serde::Deserialize as _;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer, Error};

/// What `policy.toml` has to have, with something that stands for it while the rest is read.
const NEEDED: [(&str, &str); 8] = [
    ("uri", "\"https://example.invalid/\""),
    ("lineage", "\"none\""),
    ("version", "1"),
    ("not_before", "\"2000-01-01T00:00:00Z\""),
    ("expires", "\"2999-01-01T00:00:00Z\""),
    ("sources", "[]"),
    ("environments", "{}"),
    ("rules", "[]"),
];

/// One thing that does not read, with its place in `policy.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// How many characters of that line it takes; 0 for what the whole file lacks.
    pub length: usize,
    /// What is wrong.
    pub what: String,
}

/// A folder as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loose {
    /// The manifest without what did not read. It is no release.
    pub manifest: Manifest,
    /// What did not read.
    pub misread: Vec<Misread>,
    /// What contradicts itself in what did.
    pub faults: Vec<PolicyError>,
}

impl Manifest {
    /// Closes a folder as far as that goes, and says everything that is wrong with its `policy.toml`. An error is what ends
    /// even that.
    pub fn close_loosely(files: &BTreeMap<String, Vec<u8>>) -> Result<Loose, PolicyError> {
        let source = Self::source_in(files)?;
        if source.len() > limits::TOML_BYTES {
            let (path, limit) = (SOURCE_FILE.to_owned(), limits::TOML_BYTES);
            return Err(PolicyError::TooLarge { path, found: source.len(), limit });
        }
        let text = std::str::from_utf8(source)
            .map_err(|e| PolicyError::NotUtf8 { path: SOURCE_FILE.to_owned(), at: e.valid_up_to() })?;
        let mut reading = Reading { text, misread: Vec::new(), cut: Vec::new(), touched: BTreeSet::new() };
        let authored = reading.authored()?;
        let manifest = Self::of(authored, files)?;
        let mut faults = manifest.faults();
        faults.retain(|fault| !reading.follows(fault));
        Ok(Loose { manifest, misread: reading.misread, faults })
    }
}

struct Reading<'t> {
    text: &'t str,
    misread: Vec<Misread>,
    /// The tables that something was taken out of: what they lack now was said.
    cut: Vec<Range<usize>>,
    /// The names at the top that something was taken out of.
    touched: BTreeSet<String>,
}

impl Reading<'_> {
    /// What is authored, without what does not read.
    fn authored(&mut self) -> Result<Authored, PolicyError> {
        let (_, errors) = DeTable::parse_recoverable(self.text);
        for error in errors.iter().take(limits::POLICY_MISREAD) {
            self.say(error);
        }
        // What follows from what is no TOML is not said as well.
        let quiet = !errors.is_empty();
        let Some(text) = without_bad_lines(self.text) else { return Err(self.unreadable()) };
        let mut root = DeTable::parse(&text).map_err(|_said| self.unreadable())?;
        self.stand_in(&mut root, quiet);
        while self.misread.len() < limits::POLICY_MISREAD {
            let error = match Authored::deserialize(Deserializer::from(root.clone())) {
                Ok(authored) => return Ok(authored),
                Err(error) => error,
            };
            let lacking = error.message().starts_with("missing field");
            let followed = lacking && error.span().is_some_and(|span| self.cut.contains(&span));
            if !quiet && !followed {
                self.say(&error);
            }
            let taken = error.span().is_some_and(|span| self.take_out(&mut root, &span));
            if !taken {
                break;
            }
            self.stand_in(&mut root, true);
        }
        Err(self.unreadable())
    }

    fn unreadable(&self) -> PolicyError {
        let lines = self.misread.iter().map(|m| format!("line {}, column {}: {}", m.line, m.column, m.what));
        PolicyError::Toml { path: SOURCE_FILE.to_owned(), message: lines.collect::<Vec<_>>().join("\n") }
    }

    /// Puts something in the place of what has to be there, and says what was not.
    fn stand_in(&mut self, root: &mut Spanned<DeTable<'_>>, quiet: bool) {
        for (name, instead) in NEEDED {
            if root.get_ref().contains_key(name) {
                continue;
            }
            if !quiet {
                let what = format!("`{name}` is missing");
                self.misread.push(Misread { line: 1, column: 1, length: 0, what });
            }
            self.touched.insert(name.to_owned());
            if let Ok(value) = DeValue::parse(instead) {
                // A place that nothing of the file has.
                let nowhere = self.text.len().saturating_add(1);
                let value = Spanned::new(nowhere..nowhere, value.into_inner());
                root.get_mut().insert(Spanned::new(nowhere..nowhere, name.into()), value);
            }
        }
    }

    /// Takes the smallest thing that holds a place out of the document.
    fn take_out(&mut self, root: &mut Spanned<DeTable<'_>>, span: &Range<usize>) -> bool {
        let all = root.span();
        for (key, value) in root.get_mut().iter_mut() {
            if inside_of(value, span, &mut self.cut) {
                self.touched.insert(key.get_ref().to_string());
                return true;
            }
        }
        let Some(name) = holder(root.get_ref(), span) else { return false };
        root.get_mut().remove(name.as_str());
        self.cut.push(all);
        self.touched.insert(name);
        true
    }

    fn say(&mut self, error: &Error) {
        let span = error.span().unwrap_or_default();
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count().saturating_add(1);
        let shown = self.text.get(span).unwrap_or_default().lines().next().unwrap_or_default();
        let what = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        self.misread.push(Misread { line, column, length: shown.trim_end().chars().count().max(1), what });
    }

    /// Whether a contradiction may come of what did not read alone.
    fn follows(&self, fault: &PolicyError) -> bool {
        let touched = |name: &str| self.touched.contains(name);
        if let PolicyError::Value { field, .. } = fault {
            return touched(field) || (*field == "expires" && touched("not_before"));
        }
        matches!(fault, PolicyError::RuleEnvironment { .. }) && touched("environments")
    }
}

/// The text with blanks for each line that is no TOML, so that everything else stays where it is. None where that does not
/// come to an end.
fn without_bad_lines(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..limits::POLICY_MISREAD {
        let Err(error) = DeTable::parse(&text) else { return Some(text) };
        let at = error.span()?.start.min(text.len());
        let from = text.get(..at)?.rfind('\n').map_or(0, |end| end.saturating_add(1));
        let to = text.get(at..)?.find('\n').map_or(text.len(), |end| at.saturating_add(end));
        if text.get(from..to)?.trim().is_empty() {
            return None;
        }
        text.replace_range(from..to, &" ".repeat(to.saturating_sub(from)));
    }
    None
}

fn within(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// The entry whose key or value holds a place.
fn holder(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let holds = |key: Range<usize>, value: Range<usize>| within(&key, span) || within(&value, span);
    let hit = table.iter().find(|(key, value)| holds(key.span(), value.span()));
    hit.map(|(key, _)| key.get_ref().to_string())
}

/// Takes out what holds a place below a value, if anything does. A table's own place may be its heading alone, so what lies
/// below it is looked at first.
fn inside_of(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>, cut: &mut Vec<Range<usize>>) -> bool {
    let own = value.span();
    match value.get_mut() {
        DeValue::Table(table) => {
            if table.iter_mut().any(|(_, value)| inside_of(value, span, cut)) {
                return true;
            }
            let Some(name) = holder(table, span) else { return false };
            table.remove(name.as_str());
            cut.push(own);
            true
        }
        DeValue::Array(array) => {
            if array.iter_mut().any(|item| inside_of(item, span, cut)) {
                return true;
            }
            let Some(found) = array.iter().position(|item| within(&item.span(), span)) else { return false };
            let mut others = DeArray::new();
            let kept = std::mem::replace(array, DeArray::new()).into_iter().enumerate();
            kept.filter(|(index, _)| *index != found).for_each(|(_, item)| others.push(item));
            *array = others;
            true
        }
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"uri = "https://example.com/policy/release"
lineage = "example"
version = 1
not_before = "2026-01-01T00:00:00Z"
expires = "2027-01-01T00:00:00Z"

[[sources]]
repository = "git+https://example.com/app"
ref = "refs/heads/main"

[environments.production]
enforced = true

[[rules]]
id = "a@1"
folder = "rules/a"
stages = { production = "enforce" }

[[rules]]
id = "b@1"
folder = "rules/b"
stages = { production = "monitor" }
"#;

    fn read(from: &[(&str, &str)]) -> Loose {
        let text = from.iter().fold(POLICY.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        let files = BTreeMap::from([(SOURCE_FILE.to_owned(), text.into_bytes())]);
        Manifest::close_loosely(&files).unwrap()
    }

    fn places(loose: &Loose) -> Vec<(usize, usize, usize)> {
        loose.misread.iter().map(|misread| (misread.line, misread.column, misread.length)).collect()
    }

    #[test]
    fn every_wrong_word_is_said_and_the_rest_is_read() {
        let loose = read(&[
            ("\"enforce\"", "\"enfroce\""),
            ("version = 1", "version = \"one\""),
            ("\"refs/heads/main\"", "7"),
            ("\"monitor\"", "\"monitr\""),
        ]);
        assert_eq!(places(&loose).len(), 4, "{:?}", loose.misread);
        for place in [(3, 11, 5), (9, 7, 1), (17, 25, 9), (22, 25, 8)] {
            assert!(places(&loose).contains(&place), "{place:?} {:?}", loose.misread);
        }
        assert!(loose.misread.iter().any(|misread| misread.what.contains("expected one of `off`")));
        let ids: Vec<&str> = loose.manifest.rules.iter().map(|rule| rule.id.as_str()).collect();
        assert_eq!(ids, ["a@1", "b@1"]);
        assert_eq!(loose.faults, []);
    }

    #[test]
    fn what_is_missing_or_not_known_is_said_once() {
        let loose = read(&[("lineage = \"example\"\n", ""), ("folder = \"rules/a\"", "foldr = \"rules/a\"")]);
        assert_eq!(places(&loose), [(1, 1, 0), (15, 1, 5)], "{:?}", loose.misread);
        // A rule without an id is left out, and nothing but its id is said to be wrong.
        let loose = read(&[("id = \"a@1\"", "id = \"a\"")]);
        assert_eq!(places(&loose), [(15, 6, 3)], "{:?}", loose.misread);
        assert_eq!(loose.manifest.rules.len(), 1);
    }

    #[test]
    fn what_contradicts_itself_is_said_beside_what_does_not_read_and_not_what_follows_from_it() {
        let loose = read(&[
            ("\"enforce\"", "\"enfroce\""),
            ("b@1", "a@1"),
            ("{ production = \"monitor", "{ stging = \"monitor"),
        ]);
        assert_eq!(loose.misread.len(), 1);
        assert_eq!(loose.faults.len(), 2, "{:?}", loose.faults);
        let loose = read(&[("enforced = true", "enforced = \"yes\""), ("not_before = \"2026", "not_before = \"2O26")]);
        assert_eq!(loose.misread.len(), 2);
        assert_eq!(loose.faults, []);
    }

    #[test]
    fn what_is_no_toml_is_said_with_every_place_and_the_rules_are_read() {
        let loose = read(&[("version = 1", "version = = 1"), ("expires = \"2027", "expires \"2027")]);
        assert!(loose.misread.len() >= 2, "{:?}", loose.misread);
        assert_eq!((loose.misread[0].line, loose.manifest.rules.len()), (3, 2));
    }

    #[test]
    fn a_folder_without_the_file_is_an_error() {
        assert_eq!(Manifest::close_loosely(&BTreeMap::new()), Err(PolicyError::NoSource));
        let files = BTreeMap::from([(SOURCE_FILE.to_owned(), vec![0xff])]);
        assert!(matches!(Manifest::close_loosely(&files), Err(PolicyError::NotUtf8 { .. })));
    }
}
