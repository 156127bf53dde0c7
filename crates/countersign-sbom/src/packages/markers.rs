//! Conditions of Python's requirements (PEP 508), judged by what is known of where they are to hold. What is not known makes
//! the answer unknown, never yes or no.

use super::python::normal;
use crate::version::{Scheme, Version};
use countersign_core::limits;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It does not.
    No,
    /// It asks for what is not known, or cannot be read.
    Unknown,
    /// It does.
    Yes,
}

impl Answer {
    pub(super) const fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    const fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::Unknown => Self::Unknown,
            Self::No => Self::Yes,
        }
    }

    /// Whether both hold.
    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
        }
    }

    /// Whether one of them holds.
    pub(super) const fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}

/// What is known of a variable of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// Its value.
    Is(String),
    /// One value that it has not.
    IsNot(&'static str),
}

/// What is known of where requirements are to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Facts {
    /// Python's version, of two parts.
    pub(super) minor: Option<String>,
    /// Python's version, of three parts.
    pub(super) full: Option<String>,
    /// Variables that are texts, such as `sys_platform`.
    pub(super) texts: BTreeMap<&'static str, Known>,
}

/// A condition that was taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    /// Nothing where it cannot be read.
    tokens: Option<Vec<Token>>,
    /// The extras that it names.
    pub(super) extras: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Text(String),
    Word(String),
    Sign(Sign),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    MoreOrEqual,
    More,
    Compatible,
    Same,
    In,
    NotIn,
}

impl Sign {
    /// What it says of two that are equal, or not; nothing where it asks for something else.
    const fn equality(self, equal: bool) -> Option<Answer> {
        match self {
            Self::Equal | Self::Same => Some(Answer::of(equal)),
            Self::NotEqual => Some(Answer::of(!equal)),
            Self::Less
            | Self::LessOrEqual
            | Self::MoreOrEqual
            | Self::More
            | Self::Compatible
            | Self::In
            | Self::NotIn => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Open,
    And,
    Or,
}

impl Condition {
    /// Takes one apart.
    pub(super) fn read(text: &str) -> Self {
        let tokens = if text.len() <= limits::SBOM_TEXT_BYTES { tokens(text) } else { None };
        let mut extras = BTreeSet::new();
        for part in tokens.iter().flat_map(|tokens| tokens.windows(3)) {
            if let [Token::Word(word), Token::Sign(_), Token::Text(text)]
            | [Token::Text(text), Token::Sign(_), Token::Word(word)] = part
                && word == EXTRA
            {
                extras.insert(normal(text));
            }
        }
        Self { tokens, extras }
    }

    /// The texts that each variable is held against, by the variable's own name. None where it is not read, or asks whether one text is
    /// part of another.
    pub(super) fn asked(&self) -> Option<BTreeMap<&str, BTreeSet<&str>>> {
        let mut asked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for part in self.tokens.as_ref()?.windows(3) {
            match part {
                [_, Token::Sign(Sign::In | Sign::NotIn), _] => return None,
                [Token::Word(word), Token::Sign(_), Token::Text(text)]
                | [Token::Text(text), Token::Sign(_), Token::Word(word)] => {
                    asked.entry(own_name(word)).or_default().insert(text);
                }
                _ => {}
            }
        }
        Some(asked)
    }

    /// Each of its comparisons: the variable's own name, the text that it is held against, and whether that asks if one is part of the
    /// other. None where it is not read.
    pub(super) fn comparisons(&self) -> Option<impl Iterator<Item = (&str, &str, bool)>> {
        let all = self.tokens.as_ref()?.windows(3).filter_map(|part| match part {
            [Token::Word(word), Token::Sign(sign), Token::Text(text)]
            | [Token::Text(text), Token::Sign(sign), Token::Word(word)] => {
                Some((own_name(word), text.as_str(), matches!(sign, Sign::In | Sign::NotIn)))
            }
            _ => None,
        });
        Some(all)
    }

    /// How long it is to judge.
    pub(super) fn length(&self) -> usize {
        self.tokens.as_ref().map_or(0, Vec::len)
    }

    /// Whether it holds for one extra, or for none where that is empty.
    pub(super) fn holds(&self, facts: &Facts, extra: &str) -> Answer {
        self.holds_where(facts, &|named| Answer::of(named == extra))
    }

    /// Whether it holds, where it is told of each name whether it is an extra that is asked for.
    pub(super) fn holds_where(&self, facts: &Facts, extra: &dyn Fn(&str) -> Answer) -> Answer {
        let judged = self.tokens.as_ref().and_then(|tokens| judge(tokens, facts, extra));
        judged.unwrap_or(Answer::Unknown)
    }
}

const EXTRA: &str = "extra";

fn tokens(text: &str) -> Option<Vec<Token>> {
    let signs = [
        ("===", Sign::Same),
        ("==", Sign::Equal),
        ("!=", Sign::NotEqual),
        ("<=", Sign::LessOrEqual),
        (">=", Sign::MoreOrEqual),
        ("~=", Sign::Compatible),
        ("<", Sign::Less),
        (">", Sign::More),
    ];
    let mut tokens: Vec<Token> = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..)?;
        rest = match first {
            '(' => {
                tokens.push(Token::Open);
                after
            }
            ')' => {
                tokens.push(Token::Close);
                after
            }
            '\'' | '"' => {
                let (inside, behind) = after.split_once(first)?;
                tokens.push(Token::Text(inside.to_owned()));
                behind
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
                let (word, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
                match (word, tokens.last()) {
                    ("in", Some(Token::Word(not))) if not == "not" => {
                        tokens.pop();
                        tokens.push(Token::Sign(Sign::NotIn));
                    }
                    ("in", _) => tokens.push(Token::Sign(Sign::In)),
                    _ => tokens.push(Token::Word(word.to_owned())),
                }
                behind
            }
            _ => {
                let (word, sign) = signs.iter().find(|(word, _)| rest.starts_with(word))?;
                tokens.push(Token::Sign(*sign));
                rest.get(word.len()..)?
            }
        }
        .trim_start();
    }
    Some(tokens)
}

/// Walks a condition with a stack, not recursion: brackets may nest as deep as they like.
fn judge(tokens: &[Token], facts: &Facts, extra: &dyn Fn(&str) -> Answer) -> Option<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut waiting: Vec<Join> = Vec::new();
    let mut tokens = tokens.iter();
    let mut behind_answer = false;
    while let Some(token) = tokens.next() {
        if behind_answer {
            match token {
                Token::Close => loop {
                    match waiting.pop()? {
                        Join::Open => break,
                        join @ (Join::And | Join::Or) => apply(join, &mut answers)?,
                    }
                },
                Token::Word(word) => {
                    let join = match word.as_str() {
                        "and" => Join::And,
                        "or" => Join::Or,
                        _ => return None,
                    };
                    while waiting.last().is_some_and(|before| *before == Join::And || *before == join) {
                        apply(waiting.pop()?, &mut answers)?;
                    }
                    waiting.push(join);
                    behind_answer = false;
                }
                Token::Open | Token::Text(_) | Token::Sign(_) => return None,
            }
            continue;
        }
        match token {
            Token::Open => waiting.push(Join::Open),
            Token::Close | Token::Sign(_) => return None,
            Token::Text(_) | Token::Word(_) => {
                let Some(Token::Sign(sign)) = tokens.next() else { return None };
                answers.push(match (token, tokens.next()?) {
                    (Token::Word(name), Token::Text(text)) => compare(name, *sign, text, false, facts, extra),
                    (Token::Text(text), Token::Word(name)) => compare(name, *sign, text, true, facts, extra),
                    // Two texts, or two variables, are asked by nobody.
                    (Token::Text(_), Token::Text(_)) | (Token::Word(_), Token::Word(_)) => Answer::Unknown,
                    _ => return None,
                });
                behind_answer = true;
            }
        }
    }
    while let Some(join) = waiting.pop() {
        apply(join, &mut answers)?;
    }
    match answers[..] {
        [only] if behind_answer => Some(only),
        _ => None,
    }
}

fn apply(join: Join, answers: &mut Vec<Answer>) -> Option<()> {
    let (right, left) = (answers.pop()?, answers.pop()?);
    answers.push(match join {
        Join::And => left.and(right),
        Join::Or => left.or(right),
        Join::Open => return None,
    });
    Some(())
}

/// What a variable is called now.
fn own_name(name: &str) -> &str {
    match name {
        "os.name" => "os_name",
        "sys.platform" => "sys_platform",
        "platform.machine" => "platform_machine",
        "platform.python_implementation" | "python_implementation" => "platform_python_implementation",
        other => other,
    }
}

/// One comparison. `turned` is one with the variable behind the sign.
fn compare(name: &str, sign: Sign, text: &str, turned: bool, facts: &Facts, extra: &dyn Fn(&str) -> Answer) -> Answer {
    let name = own_name(name);
    match name {
        EXTRA => match sign {
            Sign::Equal | Sign::Same => extra(&normal(text)),
            Sign::NotEqual => extra(&normal(text)).not(),
            Sign::Less
            | Sign::LessOrEqual
            | Sign::MoreOrEqual
            | Sign::More
            | Sign::Compatible
            | Sign::In
            | Sign::NotIn => Answer::Unknown,
        },
        "python_version" => {
            facts.minor.as_deref().map_or(Answer::Unknown, |minor| version(minor, true, sign, text, turned))
        }
        "python_full_version" => match (&facts.full, &facts.minor) {
            (Some(full), _) => version(full, true, sign, text, turned),
            (None, Some(minor)) => version(minor, false, sign, text, turned),
            (None, None) => Answer::Unknown,
        },
        _ => match facts.texts.get(name) {
            Some(Known::Is(value)) => word(value, sign, text, turned),
            Some(Known::IsNot(value)) if *value == text => sign.equality(false).unwrap_or(Answer::Unknown),
            Some(Known::IsNot(_)) | None => Answer::Unknown,
        },
    }
}

fn word(value: &str, sign: Sign, text: &str, turned: bool) -> Answer {
    let within = || if turned { value.contains(text) } else { text.contains(value) };
    let other = || match sign {
        Sign::In => Answer::of(within()),
        Sign::NotIn => Answer::of(!within()),
        // The order of words is asked by nobody.
        Sign::Less
        | Sign::LessOrEqual
        | Sign::Equal
        | Sign::NotEqual
        | Sign::MoreOrEqual
        | Sign::More
        | Sign::Compatible
        | Sign::Same => Answer::Unknown,
    };
    sign.equality(value == text).unwrap_or_else(other)
}

/// Compares a version of Python's. One that is not whole is any that begins so, also one before its release.
fn version(value: &str, whole: bool, sign: Sign, text: &str, turned: bool) -> Answer {
    let sign = match (sign, turned) {
        (Sign::Less, true) => Sign::More,
        (Sign::More, true) => Sign::Less,
        (Sign::LessOrEqual, true) => Sign::MoreOrEqual,
        (Sign::MoreOrEqual, true) => Sign::LessOrEqual,
        (Sign::Compatible, true) => return Answer::Unknown,
        (sign, _) => sign,
    };
    if matches!(sign, Sign::In | Sign::NotIn | Sign::Same) {
        return if whole { word(value, sign, text, turned) } else { Answer::Unknown };
    }
    let text = text.trim();
    if let Some(stem) = text.strip_suffix(".*") {
        return if sign == Sign::Equal {
            begins(value, whole, stem)
        } else if sign == Sign::NotEqual {
            begins(value, whole, stem).not()
        } else {
            Answer::Unknown
        };
    }
    let read = |text: &str| Version::read(Scheme::Pep440, text);
    let (lowest, highest) = if whole {
        (read(value), read(value))
    } else {
        (read(&format!("{value}.dev0")), read(&format!("{value}.99999")))
    };
    let (Some(lowest), Some(highest), Some(asked)) = (lowest, highest, read(text)) else { return Answer::Unknown };
    let (Some(low), Some(high)) = (lowest.compare(&asked), highest.compare(&asked)) else { return Answer::Unknown };
    // Where the asked one lies between the two, it depends on what is not known.
    if low != high {
        return Answer::Unknown;
    }
    match sign {
        Sign::Less => Answer::of(low == Ordering::Less),
        Sign::LessOrEqual => Answer::of(low != Ordering::Greater),
        Sign::Equal => Answer::of(low == Ordering::Equal),
        Sign::NotEqual => Answer::of(low != Ordering::Equal),
        Sign::MoreOrEqual => Answer::of(low != Ordering::Less),
        Sign::More => Answer::of(low == Ordering::Greater),
        Sign::Compatible => {
            let Some(stem) = compatible(text) else { return Answer::Unknown };
            Answer::of(low != Ordering::Less).and(begins(value, whole, stem))
        }
        Sign::Same | Sign::In | Sign::NotIn => Answer::Unknown,
    }
}

/// What a version has to begin with that is compatible with another (`~=`): its release without the last part. What stands behind the
/// release (`.post3`, `rc1`) is no part of it.
pub(super) fn compatible(asked: &str) -> Option<&str> {
    let end = asked.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(asked.len());
    asked.get(..end)?.trim_end_matches('.').rsplit_once('.').map(|(stem, _)| stem)
}

/// Whether a version begins with the numbers of another. What a whole one leaves out is zero.
pub(super) fn begins(value: &str, whole: bool, stem: &str) -> Answer {
    let numbers = |text: &str| text.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<u64>>>();
    let (Some(value), Some(stem)) = (numbers(value), numbers(stem)) else { return Answer::Unknown };
    let mut value = value.into_iter();
    for asked in stem {
        match value.next() {
            Some(known) if known == asked => {}
            Some(_) => return Answer::No,
            None if whole => {
                if asked != 0 {
                    return Answer::No;
                }
            }
            None => return Answer::Unknown,
        }
    }
    Answer::Yes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let is = |text: &str| Known::Is(text.to_owned());
        Facts {
            minor: Some("3.11".to_owned()),
            full: Some("3.11.7".to_owned()),
            texts: BTreeMap::from([
                ("sys_platform", is("linux")),
                ("os_name", is("posix")),
                ("platform_system", Known::IsNot("Windows")),
                ("platform_python_implementation", is("CPython")),
            ]),
        }
    }

    fn holds(facts: &Facts, text: &str, extra: &str) -> Answer {
        Condition::read(text).holds(facts, extra)
    }

    #[test]
    fn conditions_hold_or_not_by_what_is_known() {
        for (text, wanted) in [
            ("python_version < '3.8'", Answer::No),
            ("python_version<\"3.12\"", Answer::Yes),
            ("python_version >= '3.9'", Answer::Yes),
            ("'3.9' <= python_version", Answer::Yes),
            ("'3.9' > python_version", Answer::No),
            ("python_version == '3.*'", Answer::Yes),
            ("python_version != '3.1.*'", Answer::Yes),
            ("python_version == '3.11.0.*'", Answer::Yes),
            ("python_version ~= '3.7'", Answer::Yes),
            ("python_version ~= '2.7'", Answer::No),
            ("python_version in '2.7 3.11'", Answer::Yes),
            ("python_version not in '2.7, 3.6'", Answer::Yes),
            ("python_full_version <= '3.11.0a6'", Answer::No),
            ("python_full_version < '3.11.8' and python_full_version > '3.11.6'", Answer::Yes),
            ("python_full_version ~= '3.11.2'", Answer::Yes),
            ("sys_platform == 'win32'", Answer::No),
            ("'linux' in sys_platform", Answer::Yes),
            ("sys.platform != 'darwin'", Answer::Yes),
            ("platform_system == 'Windows'", Answer::No),
            ("platform_system != 'Windows'", Answer::Yes),
            ("platform_system == 'Darwin'", Answer::Unknown),
            ("platform_machine == 'x86_64'", Answer::Unknown),
            ("platform_machine == 'x86_64' and sys_platform == 'win32'", Answer::No),
            ("platform_machine == 'x86_64' or sys_platform == 'linux'", Answer::Yes),
            ("platform_python_implementation == 'PyPy' or os_name == 'nt' and python_version >= '3'", Answer::No),
            ("(os_name == 'posix' or os_name == 'nt') and (python_version < '3')", Answer::No),
            ("os_name == 'posix' or os_name == 'nt' and python_version < '3'", Answer::Yes),
        ] {
            assert_eq!(holds(&facts(), text, ""), wanted, "{text}");
        }
    }

    #[test]
    fn an_extra_holds_only_where_it_is_asked_for_however_it_is_spelled() {
        for text in ["extra == 'file_cache'", "extra=='File.Cache'", "'file-cache' == extra"] {
            assert_eq!(holds(&facts(), text, "file-cache"), Answer::Yes, "{text}");
            assert_eq!(holds(&facts(), text, ""), Answer::No, "{text}");
            assert_eq!(Condition::read(text).extras, BTreeSet::from(["file-cache".to_owned()]));
        }
        let both = "(extra == 'a' or extra == 'b') and python_version >= '3'";
        assert_eq!(["a", "b", "c"].map(|extra| holds(&facts(), both, extra)), [Answer::Yes, Answer::Yes, Answer::No]);
        let never = "sys_platform == 'win32' and extra == 'a'";
        assert_eq!(holds(&facts(), never, "a"), Answer::No);
        assert_eq!(holds(&Facts::default(), never, "a"), Answer::Unknown);
        assert_eq!(holds(&Facts::default(), never, ""), Answer::No);
        assert_eq!(holds(&facts(), "extra != 'a'", ""), Answer::Yes);
    }

    #[test]
    fn of_a_version_that_is_known_in_part_only_what_is_certain_is_said() {
        let part = Facts { full: None, ..facts() };
        for (text, wanted) in [
            ("python_full_version < '3.10'", Answer::No),
            ("python_full_version >= '3.8.1'", Answer::Yes),
            ("python_full_version != '3.9.7'", Answer::Yes),
            ("python_full_version == '3.11.*'", Answer::Yes),
            ("python_full_version == '3.10.*'", Answer::No),
            ("python_full_version == '3.11.2.*'", Answer::Unknown),
            ("python_full_version >= '3.11.4'", Answer::Unknown),
            ("python_full_version <= '3.11.0a6'", Answer::Unknown),
            ("python_full_version ~= '3.11.4'", Answer::Unknown),
        ] {
            assert_eq!(holds(&part, text, ""), wanted, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        for text in [
            "",
            "python_version",
            "python_version >=",
            "python_version >= 3.8",
            "python_version >= '3.8",
            "python_version >= '3.8' and",
            "(python_version >= '3.8'",
            "python_version >= '3.8')",
            "python_version >= '3.8' python_version >= '3.8'",
            "not python_version >= '3.8'",
            "python_version >= 'new'",
            "'3.8' < '3.9'",
            "unheard_of == 'x'",
            "platform_release < '5'",
            "platform_release == '5'",
            "()",
            "and",
        ] {
            assert_eq!(holds(&facts(), text, ""), Answer::Unknown, "{text}");
        }
        let deep = format!("{}os_name == 'nt'{}", "(".repeat(2_000), ")".repeat(2_000));
        assert_eq!(holds(&facts(), &deep, ""), Answer::No);
        let long = format!("os_name == 'nt' or os_name == '{}'", "x".repeat(limits::SBOM_TEXT_BYTES));
        assert_eq!(holds(&facts(), &long, ""), Answer::Unknown);
    }
}
