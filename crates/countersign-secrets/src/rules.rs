//! Rules, ready to search with.

use crate::form::{self, Checksum, Condition, Filter, Target};
use crate::look::Look;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use countersign_core::digest::Sha256;
use countersign_core::limits;
use countersign_core::statement::secret_scan::{Level, RuleSetName};
use memchr::memmem;
use regex_automata::meta::{self, Regex};
use regex_automata::util::syntax;
use std::collections::{BTreeMap, BTreeSet};

/// The rules that ship with this version.
const OURS: &str = include_str!("../rules/countersign.toml");

/// Rules, ready to search with.
#[derive(Debug)]
pub struct RuleSet {
    pub(crate) name: RuleSetName,
    pub(crate) rules: Vec<Rule>,
    pub(crate) allows: Vec<Allow>,
    /// Finds every key word of every rule, in any case.
    pub(crate) words: AhoCorasick,
    /// For each key word, the rules that it may begin, and whether its case has to be this very one.
    pub(crate) of_word: Vec<(Vec<u8>, Vec<usize>)>,
    /// Rules that need no key word: those without any.
    pub(crate) always: Vec<usize>,
}

/// A rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) description: String,
    pub(crate) level: Level,
    pub(crate) regex: Option<Regex>,
    pub(crate) group: usize,
    pub(crate) prefix: bool,
    pub(crate) exact: bool,
    pub(crate) bounds: bool,
    pub(crate) reach: Option<usize>,
    pub(crate) entropy: Option<f64>,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) look: Option<Look>,
    pub(crate) path: Option<Regex>,
    pub(crate) allows: Vec<Allow>,
    /// What every secret of the rule begins with, as far as it may be shown.
    pub(crate) shown: String,
}

/// What is let through.
#[derive(Debug)]
pub(crate) struct Allow {
    paths: Vec<Regex>,
    regexes: Vec<Regex>,
    target: Target,
    stopwords: Vec<String>,
    all: bool,
    rules: Vec<String>,
}

/// What an allowance is held against.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) rule: &'a str,
    pub(crate) path: &'a str,
    pub(crate) secret: &'a [u8],
    pub(crate) whole: &'a [u8],
    pub(crate) line: &'a [u8],
}

/// Why a file is no rule set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Larger than the bound.
    #[error("{found} bytes, more than the {} that are read", limits::SECRETS_RULES_BYTES)]
    TooLarge {
        /// How many bytes there were.
        found: usize,
    },
    /// Not TOML, or not of the shape.
    #[error("{0}")]
    Form(String),
    /// No rule, or more than the bound.
    #[error("{found} rules, there must be 1 to {}", limits::SECRETS_RULES)]
    Count {
        /// How many.
        found: usize,
    },
    /// A rule that cannot be.
    #[error("rule {rule}: {problem}")]
    Rule {
        /// Which.
        rule: String,
        /// What is wrong.
        problem: String,
    },
    /// Something of gitleaks' form that would change what is found and has no meaning here.
    #[error("{what} is not supported: {instead}")]
    Unsupported {
        /// What.
        what: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
}

impl RuleSet {
    /// The rules that ship with this version.
    pub fn ours() -> Result<Self, RulesError> {
        Self::parse(OURS.as_bytes())
    }

    /// Reads a file of rules: ours, or gitleaks'.
    pub fn parse(bytes: &[u8]) -> Result<Self, RulesError> {
        if bytes.len() > limits::SECRETS_RULES_BYTES {
            return Err(RulesError::TooLarge { found: bytes.len() });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| RulesError::Form(error.to_string()))?;
        let file: form::File = toml::from_str(text).map_err(|error| RulesError::Form(error.to_string()))?;
        if file.extend.is_some() {
            let instead = "put all rules into one file";
            return Err(RulesError::Unsupported { what: "`[extend]`", instead });
        }
        if file.rules.is_empty() || file.rules.len() > limits::SECRETS_RULES {
            return Err(RulesError::Count { found: file.rules.len() });
        }
        let mut allows = Vec::new();
        for allow in file.allowlist.iter().chain(&file.allowlists) {
            allows.push(Allow::new("the whole set", allow)?);
        }
        let (mut rules, mut seen) = (Vec::new(), BTreeSet::new());
        let mut words: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        let mut always = Vec::new();
        for (index, form) in file.rules.iter().enumerate() {
            if !seen.insert(form.id.as_str()) {
                return Err(wrong(&form.id, "its id stands twice"));
            }
            let rule = Rule::new(form)?;
            if rule.regex.is_some() {
                if form.keywords.is_empty() {
                    always.push(index);
                }
                for word in &form.keywords {
                    let word = if form.exact { word.clone() } else { word.to_ascii_lowercase() };
                    let of = words.entry(word.into_bytes()).or_default();
                    if !of.contains(&index) {
                        of.push(index);
                    }
                }
            }
            rules.push(rule);
        }
        let of_word: Vec<(Vec<u8>, Vec<usize>)> = words.into_iter().collect();
        let words = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(of_word.iter().map(|(word, _)| word))
            .map_err(|error| RulesError::Form(format!("the key words are too many: {error}")))?;
        let name = RuleSetName {
            name: file.name.or(file.title).unwrap_or_else(|| "unnamed".to_owned()),
            version: file.version.unwrap_or(0),
            digest: Sha256::of(bytes),
            rules: u64::try_from(rules.len()).unwrap_or(u64::MAX),
        };
        Ok(Self { name, rules, allows, words, of_word, always })
    }

    /// What the set is called.
    #[must_use]
    pub const fn name(&self) -> &RuleSetName {
        &self.name
    }

    /// The rules: id, level and what each finds.
    pub fn rules(&self) -> impl Iterator<Item = (&str, Level, &str)> {
        self.rules.iter().map(|rule| (rule.id.as_str(), rule.level, rule.description.as_str()))
    }

    /// Whether the set leaves a path out.
    pub(crate) fn leaves_out(&self, path: &str) -> bool {
        self.allows.iter().any(|allow| allow.leaves_out(path))
    }
}

impl Rule {
    fn new(form: &form::Rule) -> Result<Self, RulesError> {
        let wrong = |problem: &str| wrong(&form.id, problem);
        if form.id.is_empty() || form.id.len() > 200 || form.id.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(wrong("an id is one word of at most 200 bytes"));
        }
        if form.regex.is_none() && form.path.is_none() {
            return Err(wrong("it has neither `regex` nor `path`"));
        }
        if form.keywords.iter().any(String::is_empty) {
            return Err(wrong("a key word is empty"));
        }
        if form.prefix && form.keywords.is_empty() {
            return Err(wrong("`prefix` needs key words"));
        }
        if form.prefix && form.reach.is_none() {
            return Err(wrong("`prefix` needs `reach`"));
        }
        if form.reach.is_some_and(|reach| reach == 0 || reach > limits::SECRETS_REACH || form.keywords.is_empty()) {
            return Err(wrong("`reach` is out of bounds, or has no key words"));
        }
        let regex = form.regex.as_deref().map(|text| compiled(&form.id, text)).transpose()?;
        if regex.as_ref().is_some_and(|regex| form.secret_group >= regex.group_info().group_len(ZERO)) {
            return Err(wrong("`secretGroup` names no group of the expression"));
        }
        let mut allows = Vec::new();
        for allow in form.allowlist.iter().chain(&form.allowlists) {
            allows.push(Allow::new(&form.id, allow)?);
        }
        let generic = form.id.contains("generic");
        let captures = regex.as_ref().is_some_and(|regex| regex.group_info().group_len(ZERO) > 1);
        let shown = form.keywords.first().filter(|_| form.prefix && form.exact && !captures);
        Ok(Self {
            id: form.id.clone(),
            description: form.description.clone(),
            level: form.level.unwrap_or(if generic { Level::Generic } else { Level::Provider }),
            regex,
            group: form.secret_group,
            prefix: form.prefix,
            exact: form.exact,
            // Gitleaks' expressions say themselves what stands around a secret.
            bounds: form.bounds.unwrap_or_else(|| form.reach.is_some()),
            reach: form.reach,
            entropy: form.entropy,
            checksum: form.checksum,
            look: form.filter.map(|filter| match filter {
                Filter::Mixed => Look::Mixed,
                Filter::Password => Look::Password,
                Filter::Secret => Look::Drawn,
            }),
            path: form.path.as_deref().map(|text| compiled(&form.id, text)).transpose()?,
            allows,
            shown: shown.map(|word| word.chars().take(3).collect()).unwrap_or_default(),
        })
    }
}

/// The only pattern of an expression.
const ZERO: regex_automata::PatternID = regex_automata::PatternID::ZERO;

impl Allow {
    fn new(rule: &str, form: &form::Allow) -> Result<Self, RulesError> {
        if !form.commits.is_empty() && form.condition == Condition::All {
            let instead = "an allowance that asks for a commit as well; take `commits` out";
            return Err(RulesError::Unsupported { what: "`commits` under the condition AND", instead });
        }
        let all = |texts: &[String]| texts.iter().map(|text| compiled(rule, text)).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            paths: all(&form.paths)?,
            regexes: all(&form.regexes)?,
            target: form.regex_target,
            stopwords: form.stopwords.iter().map(|word| word.to_lowercase()).collect(),
            all: form.condition == Condition::All,
            rules: form.target_rules.clone(),
        })
    }

    /// Whether it lets a path through whatever is found in it.
    fn leaves_out(&self, path: &str) -> bool {
        let path_alone = !self.all || (self.regexes.is_empty() && self.stopwords.is_empty());
        path_alone && self.rules.is_empty() && self.paths.iter().any(|regex| regex.is_match(path))
    }

    pub(crate) fn lets_through(&self, candidate: Candidate<'_>) -> bool {
        if !self.rules.is_empty() && !self.rules.iter().any(|rule| rule == candidate.rule) {
            return false;
        }
        let target = match self.target {
            Target::Secret => candidate.secret,
            Target::Match => candidate.whole,
            Target::Line => candidate.line,
        };
        let path = || self.paths.iter().any(|regex| regex.is_match(candidate.path));
        let text = || self.regexes.iter().any(|regex| regex.is_match(target));
        let word = || {
            let lower = candidate.secret.to_ascii_lowercase();
            self.stopwords.iter().any(|word| memmem::find(&lower, word.as_bytes()).is_some())
        };
        let said = [
            (!self.paths.is_empty()).then(path),
            (!self.regexes.is_empty()).then(text),
            (!self.stopwords.is_empty()).then(word),
        ];
        let mut said = said.into_iter().flatten().peekable();
        if self.all { said.peek().is_some() && said.all(|holds| holds) } else { said.any(|holds| holds) }
    }
}

fn wrong(rule: &str, problem: &str) -> RulesError {
    RulesError::Rule { rule: rule.chars().take(200).collect(), problem: problem.to_owned() }
}

/// Expressions are over bytes, and `\w`, `\d`, `\s` and `\b` know ASCII alone, as in the engine that gitleaks has.
fn compiled(rule: &str, text: &str) -> Result<Regex, RulesError> {
    Regex::builder()
        .syntax(syntax::Config::new().utf8(false).unicode(false))
        .configure(
            meta::Config::new()
                .utf8_empty(false)
                .nfa_size_limit(Some(limits::SECRETS_REGEX_BYTES))
                .onepass_size_limit(Some(limits::SECRETS_REGEX_BYTES)),
        )
        .build(text)
        .map_err(|error| {
            let why = error.syntax_error().map_or_else(|| error.to_string(), ToString::to_string);
            wrong(rule, &format!("its expression does not hold: {why}"))
        })
}
