//! Which folders a project of npm calls its workspaces. npm's patterns are minimatch's; those of its forms that are not read here
//! are counted, and every linked folder that they could mean is taken for one.

use super::npm::{Object, flag, is_own};
use super::npm_graph::is_outside;
use countersign_core::limits;
use serde_json::Value;
use std::collections::BTreeSet;

/// The workspaces, by their places in the lock file.
pub(super) struct Workspaces<'l> {
    pub(super) places: BTreeSet<&'l str>,
    /// How many patterns were not read.
    pub(super) unread: usize,
}

impl<'l> Workspaces<'l> {
    pub(super) fn of(packages: &'l Object, stated: &Value) -> Self {
        let list = stated.as_array().or_else(|| stated.get("packages").and_then(Value::as_array));
        let mut patterns = Patterns::default();
        for text in list.into_iter().flatten().filter_map(Value::as_str) {
            patterns.take(text);
        }
        let own = packages.keys().map(String::as_str).filter(|place| !place.is_empty() && is_own(place));
        let mut places: BTreeSet<&str> = own.filter(|place| patterns.mean(place)).collect();
        if patterns.unread > 0 {
            places.extend(linked(packages));
        }
        Self { places, unread: patterns.unread }
    }

    /// What could not be told, in words.
    pub(super) fn said(&self) -> Option<String> {
        (self.unread > 0).then(|| {
            format!(
                "{} patterns of workspaces are not read: every linked folder within the project counts as a workspace",
                self.unread
            )
        })
    }
}

/// The folders within the project that are linked to. What it also asks for as a folder (`file:`) may be a workspace all the same, and
/// then it is there even where what asks for it is left out.
fn linked(packages: &Object) -> BTreeSet<&str> {
    let mut linked = BTreeSet::new();
    for (place, entry) in packages.iter().filter_map(|(place, entry)| Some((place, entry.as_object()?))) {
        let Some(name) = place.strip_prefix("node_modules/").filter(|_| flag(entry, "link")) else {
            continue;
        };
        let target = entry.get("resolved").and_then(Value::as_str).filter(|_| !name.contains("/node_modules/"));
        let folder = target.and_then(|target| packages.get_key_value(target)).map(|(place, _)| place.as_str());
        linked.extend(folder.filter(|place| !place.is_empty() && is_own(place) && !is_outside(place)));
    }
    linked
}

#[derive(Default)]
struct Patterns {
    meant: Vec<Pattern>,
    /// Those that take folders out again.
    not: Vec<Pattern>,
    unread: usize,
}

impl Patterns {
    fn take(&mut self, text: &str) {
        let bare = text.trim_start_matches('!');
        let out = text.len().saturating_sub(bare.len()) % 2 == 1;
        let room = limits::NPM_WORKSPACE_PATTERNS.saturating_sub(self.meant.len()).saturating_sub(self.not.len());
        let ways = (text.len() <= limits::SBOM_TEXT_BYTES).then(|| ways(bare, room)).flatten();
        let read: Option<Vec<Pattern>> = ways.and_then(|ways| ways.iter().map(|way| pattern(way)).collect());
        match read {
            None => self.unread = self.unread.saturating_add(1),
            Some(read) if out => self.not.extend(read),
            Some(read) => {
                // A later pattern takes in again what an earlier one took out, where that one fits its text.
                self.not.retain(|not| !fits_path(not, bare));
                self.meant.extend(read);
            }
        }
    }

    fn mean(&self, place: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| fits_path(pattern, place));
        any(&self.meant) && !any(&self.not)
    }
}

/// The ways that `{a,b}` makes of a pattern. `None` for what is not read, and for more than there is room for.
fn ways(text: &str, room: usize) -> Option<Vec<String>> {
    let (mut done, mut waiting) = (Vec::new(), vec![text.to_owned()]);
    while let Some(text) = waiting.pop() {
        if done.len().saturating_add(waiting.len()) >= room {
            return None;
        }
        let Some((before, rest)) = text.split_once('{') else {
            if text.contains('}') {
                return None;
            }
            done.push(text);
            continue;
        };
        let (mut depth, mut from, mut parts, mut end) = (0_usize, 0_usize, Vec::new(), None);
        for (at, letter) in rest.char_indices() {
            match letter {
                '{' => depth = depth.saturating_add(1),
                ',' if depth == 0 => {
                    parts.push(rest.get(from..at)?);
                    from = at.saturating_add(1);
                }
                '}' if depth == 0 => {
                    parts.push(rest.get(from..at)?);
                    end = Some(at.saturating_add(1));
                    break;
                }
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        let after = rest.get(end?..)?;
        // `{a}` is no choice, and `{1..3}` counts.
        if parts.len() < 2 || parts.len() > room {
            return None;
        }
        waiting.extend(parts.iter().map(|part| format!("{before}{part}{after}")));
    }
    Some(done)
}

type Pattern = Vec<Part>;

/// What fits one folder's name, or any folders.
enum Part {
    Name(Vec<Token>),
    Any,
}

enum Token {
    Letter(char),
    One,
    Many,
    /// One of the letters between these, or none of them.
    Class(Vec<(char, char)>, bool),
}

fn pattern(text: &str) -> Option<Pattern> {
    parts(text).map(|part| if part == "**" { Some(Part::Any) } else { tokens(part).map(Part::Name) }).collect()
}

/// A path's names.
fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty() && *part != ".")
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        // `@(a|b)` and the like.
        if matches!(letter, '?' | '*' | '+' | '@' | '!') && letters.peek() == Some(&'(') {
            return None;
        }
        tokens.push(match letter {
            '\\' => return None,
            '?' => Token::One,
            '*' => Token::Many,
            '[' => {
                let none = letters.next_if(|letter| matches!(letter, '!' | '^')).is_some();
                let mut inside = Vec::new();
                loop {
                    match letters.next()? {
                        ']' => break,
                        '[' | '\\' => return None,
                        first => {
                            let last = if letters.next_if_eq(&'-').is_some() {
                                letters.next().filter(|last| !matches!(last, ']' | '[' | '\\'))?
                            } else {
                                first
                            };
                            inside.push((first, last));
                        }
                    }
                }
                if inside.is_empty() {
                    return None;
                }
                Token::Class(inside, none)
            }
            letter => Token::Letter(letter),
        });
    }
    Some(tokens)
}

fn fits_path(pattern: &[Part], place: &str) -> bool {
    let any = |part: &Part| matches!(part, Part::Any);
    let takes = |part: &Part, name: &str| match part {
        // Folders whose name begins with a dot are meant only where the pattern has the dot.
        Part::Any => !name.starts_with('.'),
        Part::Name(tokens) => fits_name(tokens, name),
    };
    fits(pattern, parts(place), any, takes)
}

fn fits_name(tokens: &[Token], name: &str) -> bool {
    if name.starts_with('.') && !matches!(tokens.first(), Some(Token::Letter('.'))) {
        return false;
    }
    let many = |token: &Token| matches!(token, Token::Many);
    let takes = |token: &Token, letter: char| match token {
        Token::Letter(own) => *own == letter,
        Token::One | Token::Many => true,
        Token::Class(inside, none) => inside.iter().any(|(first, last)| (*first..=*last).contains(&letter)) != *none,
    };
    fits(tokens, name.chars(), many, takes)
}

/// Whether a row of signs fits a text, where some stand for any number of its letters. All places in the row that a text may have
/// come to are kept at once, so that there is no pattern which takes long.
fn fits<T, L: Copy>(
    row: &[T],
    text: impl Iterator<Item = L>,
    many: impl Fn(&T) -> bool,
    takes: impl Fn(&T, L) -> bool,
) -> bool {
    // One that stands for many may stand for none.
    let with_next = |mut places: BTreeSet<usize>| {
        let mut waiting: Vec<usize> = places.iter().copied().collect();
        while let Some(at) = waiting.pop() {
            let next = at.saturating_add(1);
            if row.get(at).is_some_and(&many) && places.insert(next) {
                waiting.push(next);
            }
        }
        places
    };
    let mut places = with_next(BTreeSet::from([0]));
    for letter in text {
        let mut next = BTreeSet::new();
        for at in &places {
            if let Some(sign) = row.get(*at)
                && takes(sign, letter)
            {
                next.insert(if many(sign) { *at } else { at.saturating_add(1) });
            }
        }
        places = with_next(next);
        if places.is_empty() {
            return false;
        }
    }
    places.contains(&row.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn meant(patterns: &Value, folders: &[&str]) -> (Vec<String>, usize) {
        let packages: Object = folders.iter().map(|folder| ((*folder).to_owned(), json!({}))).collect();
        let workspaces = Workspaces::of(&packages, patterns);
        (workspaces.places.iter().map(|place| (*place).to_owned()).collect(), workspaces.unread)
    }

    #[test]
    fn patterns_are_read_as_minimatch_reads_them() {
        let folders = ["a", "b", "packages/a", "packages/b", "packages/ab", "packages/.h", "packages/a/c", "x/y/z"];
        for (patterns, wanted) in [
            (json!(["packages/*"]), "packages/a packages/ab packages/b"),
            (json!({"packages": ["./packages/*/"]}), "packages/a packages/ab packages/b"),
            (json!(["packages/{a,b}"]), "packages/a packages/b"),
            (json!(["{a,packages/{a,a/c}}"]), "a packages/a packages/a/c"),
            (json!(["packages/?"]), "packages/a packages/b"),
            (json!(["packages/[a]*"]), "packages/a packages/ab"),
            (json!(["packages/[!b-z]"]), "packages/a"),
            (json!(["packages/a*b"]), "packages/ab"),
            (json!(["packages/.*"]), "packages/.h"),
            (json!(["**/c"]), "packages/a/c"),
            (json!(["**/y/**"]), "x/y/z"),
            (json!(["packages/**", "!packages/b"]), "packages/a packages/a/c packages/ab"),
            (json!(["!packages/b", "packages/*"]), "packages/a packages/ab"),
            (json!(["packages/*", "!packages/*", "packages/b"]), "packages/a packages/ab packages/b"),
            (json!(["!!a"]), "a"),
            (json!([]), ""),
            (Value::Null, ""),
        ] {
            let wanted: Vec<String> = wanted.split_whitespace().map(str::to_owned).collect();
            assert_eq!(meant(&patterns, &folders), (wanted, 0), "{patterns}");
        }
    }

    #[test]
    fn where_a_pattern_is_not_read_every_linked_folder_is_a_workspace() {
        let packages = json!({
            "": {"dependencies": {"asked": "file:asked"}, "devDependencies": {"a": "*", "d": "file:packages/d"},
                "optionalDependencies": {"too": "./too"}},
            "node_modules/too": {"resolved": "too", "link": true}, "too": {},
            "node_modules/a": {"resolved": "packages/a", "link": true},
            "node_modules/asked": {"resolved": "asked", "link": true},
            "node_modules/d": {"resolved": "packages/d", "link": true}, "packages/d": {},
            "node_modules/out": {"resolved": "../out", "link": true},
            "packages/a": {}, "packages/b": {}, "asked": {}, "../out": {},
        });
        let packages = packages.as_object().unwrap();
        let many: Vec<String> = (0..=limits::NPM_WORKSPACE_PATTERNS).map(|number| format!("x{number}")).collect();
        for patterns in [
            json!(["packages/@(a|b)"]),
            json!(["packages/\\a"]),
            json!(["packages/[a"]),
            json!(["packages/{1..3}"]),
            json!([format!("packages/{{{}}}", many.join(","))]),
            json!(many),
        ] {
            let workspaces = Workspaces::of(packages, &patterns);
            assert_eq!(workspaces.places, BTreeSet::from(["asked", "packages/a", "packages/d", "too"]), "{patterns}");
            assert!(workspaces.said().unwrap().contains("patterns of workspaces are not read"));
        }
        assert!(Workspaces::of(packages, &json!(["b"])).said().is_none());
    }
}
