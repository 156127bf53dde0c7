//! Identities that an OIDC issuer vouches for, and the Sigstore instances that are believed when they say so.

use super::within;
use crate::digest::Sha256;
use crate::glob::name_matches;
use crate::ids::RoleName;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The longest name or claim.
const LONGEST: usize = 2_048;
/// The most memory that a compiled regular expression may take.
const REGEX_BYTES: usize = 1 << 20;

/// A Sigstore instance: its trusted root by digest. The root itself is evidence like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SigstoreRoot {
    /// The name by which identities call it.
    pub name: RoleName,
    /// The digest of its `trusted_root.json` in canonical form.
    pub digest: Sha256,
    /// When it was fetched from its instance.
    pub fetched: Time,
    /// After so many days nothing is decided by it any more: keys that were withdrawn since would still count.
    pub max_age_days: u32,
    /// What an instance without logs is asked for.
    #[serde(default, skip_serializing_if = "Transparency::is_log")]
    pub transparency: Transparency,
}

impl SigstoreRoot {
    /// Whether too much time has gone by since it was fetched.
    #[must_use]
    pub fn stale_at(&self, at: Time) -> bool {
        at.since(self.fetched) > i64::from(self.max_age_days).saturating_mul(86_400)
    }
}

/// What has to witness a signature besides the certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Transparency {
    /// A transparency log, and a certificate log: what the public instance has.
    #[default]
    Log,
    /// A timestamp authority, and whichever logs the instance's root names: for private instances without any, where nobody can look for
    /// what was issued wrongly.
    Timestamp,
}

impl Transparency {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it a reference")]
    const fn is_log(&self) -> bool {
        matches!(self, Self::Log)
    }
}

/// An identity that an issuer vouches for, and when it counts: at the authenticated time of the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Identity {
    /// The Sigstore instance whose certificates count for it.
    pub root: RoleName,
    /// The OIDC issuer, as certificates have it: exactly, or a pattern over the whole.
    pub issuer: NamePattern,
    /// The certificate's name.
    pub subject: NamePattern,
    /// What else the certificate has to say, each exactly so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<Claim, String>,
    /// Counts from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Time>,
    /// Does not count from this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Time>,
    /// In foreign hands from this moment on, or perhaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compromised_since: Option<Time>,
}

impl Identity {
    /// Whether the identity counts at this moment.
    #[must_use]
    pub fn counts_at(&self, at: Time) -> bool {
        within(self.valid_from, self.valid_until, self.compromised_since, at)
    }

    /// Whether a certificate of that instance is this identity's.
    #[must_use]
    pub fn is(&self, root: &RoleName, issuer: &str, name: &str, claims: &BTreeMap<Claim, String>) -> bool {
        self.root == *root
            && self.issuer.matches(issuer)
            && self.subject.matches(name)
            && self.claims.iter().all(|(claim, value)| claims.get(claim) == Some(value))
    }

    /// The pattern that lets in anybody, where one does: any issuer can vouch for any name, and any name that an issuer vouches for is no
    /// choice, unless its claims are one.
    #[must_use]
    pub fn lets_in_anybody(&self) -> Option<&NamePattern> {
        lets_in_anybody(&self.issuer, Some(&self.subject), &self.claims)
    }

    /// Why it cannot be one, if it cannot.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let fits = |text: &str| (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
        if !fits(self.issuer.text()) {
            Some("has an issuer that is empty, too long, or not plain text")
        } else if !fits(self.subject.text()) {
            Some("has a subject that is empty, too long, or not plain text")
        } else if !self.claims.values().all(|value| fits(value)) {
            Some("has a claim that is empty, too long, or not plain text")
        } else {
            None
        }
    }
}

/// What a certificate of an instance shows of whoever signed, in full: the gate that makes a decision is named so in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShownIdentity {
    /// The digest of the trusted root by which the certificate holds.
    pub root: Sha256,
    /// Who vouched for it.
    pub issuer: String,
    /// The certificate's name.
    pub subject: String,
    /// What else it says: about the workflow, its repository and its run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<Claim, String>,
}

impl ShownIdentity {
    /// In words, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        format!("{}, by {}", self.subject, self.issuer)
    }
}

/// How a certificate's name is recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum NamePattern {
    /// Exactly this.
    Exact(String),
    /// A glob: `*` stands for any part of one piece between slashes, `?` for one byte of it.
    Glob {
        /// The glob.
        glob: Glob,
    },
    /// A regular expression over the whole name.
    Regex {
        /// The expression, from `^` to `$`.
        regex: Regex,
    },
}

impl NamePattern {
    /// Whether the whole name is matched.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == name,
            Self::Glob { glob } => glob.matches(name),
            Self::Regex { regex } => regex.matches(name),
        }
    }

    /// Whether it is anybody's name.
    #[must_use]
    pub fn is_anybody(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Glob { glob } => glob.is_anybody(),
            Self::Regex { regex } => regex.is_anybody(),
        }
    }

    /// The same of an issuer. One is no workflow: nobody but a host answers under its addresses.
    #[must_use]
    pub fn is_any_issuer(&self) -> bool {
        match self {
            Self::Exact(_) => false,
            Self::Glob { glob } => glob.is_anybody(),
            Self::Regex { regex } => regex.is_any_name(),
        }
    }

    /// Whether it fits this name of a workflow whoever's that is: in the place of its owner somebody else may stand.
    #[must_use]
    pub fn fits_whosever(&self, name: &str) -> bool {
        let pattern = !matches!(self, Self::Exact(_));
        pattern && self.matches(name) && of_others(name).iter().any(|other| self.matches(other))
    }

    /// The text as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) => text,
            Self::Glob { glob } => &glob.0,
            Self::Regex { regex } => regex.text.as_str(),
        }
    }

    /// The one name that is meant, if it is one.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        if let Self::Exact(text) = self { Some(text) } else { None }
    }
}

/// Text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a pattern: {problem}")]
pub struct PatternError {
    text: String,
    problem: String,
}

impl PatternError {
    fn new(text: &str, problem: impl Into<String>) -> Self {
        Self { text: text.chars().take(120).collect(), problem: problem.into() }
    }
}

/// A glob over a certificate's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Glob(String);

impl Glob {
    /// Reads a glob. One that starts with a wildcard would match whatever anybody else calls himself.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST || text.contains("**") || text.contains(['\\', '[', ']', '{', '}']) {
            return Err(PatternError::new(text, "too long, or with something that other globs read otherwise"));
        }
        if text.split('/').take(4).any(|piece| piece.contains(['*', '?'])) && text.contains("://") {
            return Err(PatternError::new(text, "the host and the owner have to be written out"));
        }
        if text.starts_with(['*', '?']) {
            return Err(PatternError::new(text, "it starts with a wildcard"));
        }
        Ok(Self(text.to_owned()))
    }

    fn matches(&self, name: &str) -> bool {
        let (parts, pieces) = (self.0.split('/'), name.split('/'));
        parts.clone().count() == pieces.clone().count()
            && parts.zip(pieces).all(|(part, piece)| name_matches(part.as_bytes(), piece.as_bytes()))
    }
}

impl Glob {
    /// Whether it leaves open whose name it is. What has a scheme has host and owner written out, or it would be none; of what has none a
    /// wildcard may stand for a part of an address before its host, and for nothing else.
    fn is_anybody(&self) -> bool {
        let is_wild = |part: &str| part.contains(['*', '?']);
        let text = self.0.as_str();
        // An account that is no address of mail has its domain behind another sign.
        let host = text.rsplit_once(['@', '!']).map_or("", |(_, host)| host);
        is_wild(text) && !text.contains("://") && (text.contains('/') || host.is_empty() || is_wild(host))
    }
}

impl TryFrom<String> for Glob {
    type Error = PatternError;
    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::new(&text)
    }
}

impl From<Glob> for String {
    fn from(glob: Glob) -> Self {
        glob.0
    }
}

/// Accounts that nobody can have on a forge.
const OWNERS: [&str; 2] = ["nobody.invalid", "nobody--invalid"];

/// Workflows of accounts that nobody can have, as certificates name them: an expression that fits one of them leaves open whose it is.
/// Where a certificate is at hand its own name is asked about as well ([`NamePattern::fits_whosever`]).
fn workflows_of_nobody() -> Vec<String> {
    const FILES: [&str; 4] = ["x.yml", "release.yml", "release.yaml", "publish.yml"];
    const REFS: [&str; 4] = ["refs/tags/v1", "refs/tags/v1.0.0", "refs/heads/main", "refs/heads/master"];
    let mut out = Vec::new();
    for owner in OWNERS {
        for reference in REFS {
            out.push(format!("https://gitlab.com/{owner}/x//.gitlab-ci.yml@{reference}"));
            out.extend(FILES.map(|file| format!("https://github.com/{owner}/x/.github/workflows/{file}@{reference}")));
        }
    }
    out
}

/// The name of a workflow on a forge as it would be if its owner were another one, or owner and repository: accounts that nobody can have,
/// and one that is written as the owner is.
fn of_others(name: &str) -> Vec<String> {
    const FORGES: [&str; 3] = ["https://github.com/", "https://gitlab.com/", "https://buildkite.com/"];
    let found = FORGES.into_iter().find_map(|forge| Some((forge, name.strip_prefix(forge)?.split_once('/')?)));
    let Some((forge, (owner, rest))) = found else { return Vec::new() };
    let below = rest.split_once('/').map(|(_, below)| below);
    let alike: String = owner.chars().map(next_of_its_kind).collect();
    let mut out = Vec::new();
    for other in OWNERS.into_iter().chain([alike.as_str()]) {
        out.push(format!("{forge}{other}/{rest}"));
        out.extend(below.map(|below| format!("{forge}{other}/x/{below}")));
    }
    out
}

/// A letter for a letter, and a digit for a digit.
fn next_of_its_kind(one: char) -> char {
    match one {
        'z' => 'a',
        'Z' => 'A',
        '9' => '0',
        'a'..='y' | 'A'..='Y' | '0'..='8' => char::from_u32(u32::from(one).saturating_add(1)).unwrap_or(one),
        _ => one,
    }
}

/// The pattern of an identity that lets in anybody, where one does: any issuer can vouch for any name, and any name that an issuer vouches for is
/// no choice, unless its claims are one.
#[must_use]
pub fn lets_in_anybody<'p>(
    issuer: &'p NamePattern,
    subject: Option<&'p NamePattern>,
    claims: &BTreeMap<Claim, String>,
) -> Option<&'p NamePattern> {
    let subject = || subject.filter(|subject| subject.is_anybody() && !name_somebody(claims));
    Some(issuer).filter(|issuer| issuer.is_any_issuer()).or_else(subject)
}

/// Whether one of these claims says whose it is, or which build or commit: what every run has, or who runs it chooses, names nobody.
#[must_use]
pub fn name_somebody(claims: &BTreeMap<Claim, String>) -> bool {
    claims.keys().any(|claim| match claim {
        Claim::Repository
        | Claim::RepositoryId
        | Claim::Owner
        | Claim::OwnerId
        | Claim::Workflow
        | Claim::WorkflowDigest
        | Claim::Config
        | Claim::ConfigDigest
        | Claim::Commit
        | Claim::Run
        | Claim::Subject => true,
        Claim::WorkflowName | Claim::Runner | Claim::Ref | Claim::Trigger | Claim::Visibility | Claim::Environment => {
            false
        }
    })
}

/// A regular expression over the whole of a certificate's name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Regex {
    text: String,
    compiled: regex::Regex,
}

impl Regex {
    /// Reads an expression. It has to say itself that it is about the whole name: one without anchors is a mistake that
    /// lets in every name that only contains what was meant.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let inner = text.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
        let Some(inner) = inner.filter(|inner| !inner.ends_with('\\') && text.len() <= LONGEST) else {
            return Err(PatternError::new(text, "it has to begin with ^ and end with $"));
        };
        let wrong =
            |error: &regex::Error| PatternError::new(text, error.to_string().lines().last().unwrap_or_default());
        // By itself first: what closes a group that it did not open would close ours, and leave an end open.
        regex::RegexBuilder::new(inner).size_limit(REGEX_BYTES).build().map_err(|error| wrong(&error))?;
        // In a group of its own, so that `^a|b$` has both ends on either side.
        let compiled = regex::RegexBuilder::new(&format!("\\A(?:{inner})\\z"))
            .size_limit(REGEX_BYTES)
            .build()
            .map_err(|error| wrong(&error))?;
        Ok(Self { text: text.to_owned(), compiled })
    }

    fn matches(&self, name: &str) -> bool {
        self.compiled.is_match(name)
    }

    /// Whether it is anybody's name: it fits those that nobody has, of each kind that there is.
    #[must_use]
    pub fn is_anybody(&self) -> bool {
        self.is_any_name() || workflows_of_nobody().iter().any(|name| self.matches(name))
    }

    /// The same without names of workflows.
    fn is_any_name(&self) -> bool {
        const NOBODY: [&str; 4] = [
            "nobody@nowhere.invalid",
            "https://nowhere.invalid/nobody",
            "https://nowhere.invalid",
            "spiffe://nowhere.invalid/nobody",
        ];
        NOBODY.iter().any(|name| self.matches(name))
    }

    /// Whether a dot that stands for any character looks like one that was meant as itself: `github.com`.
    #[must_use]
    pub fn has_careless_dot(&self) -> bool {
        let bytes = self.text.as_bytes();
        bytes.iter().enumerate().any(|(at, byte)| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let after = bytes.get(at.saturating_add(1));
            *byte == b'.'
                && before != Some(&b'\\')
                && before.is_some_and(u8::is_ascii_alphanumeric)
                && after.is_some_and(u8::is_ascii_alphanumeric)
        })
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Regex {}

impl PartialOrd for Regex {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Regex {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl TryFrom<String> for Regex {
    type Error = PatternError;
    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::new(&text)
    }
}

impl From<Regex> for String {
    fn from(regex: Regex) -> Self {
        regex.text
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Regex {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Regex".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "regex", "pattern": "^\\^.*\\$$" })
    }
}

macro_rules! claims {
    ($($name:ident $word:literal $doc:literal;)*) => {
        /// What a certificate of Fulcio may say besides issuer and name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum Claim {
            $(#[doc = $doc] $name,)*
        }

        impl Claim {
            /// The word for it in trust.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

claims! {
    Workflow "workflow" "The workflow that signs, with its ref: GitHub's `job_workflow_ref`.";
    WorkflowName "workflow-name" "The name that the started workflow gives itself.";
    WorkflowDigest "workflow-digest" "The commit that the workflow was read from.";
    Runner "runner" "Where it ran: `github-hosted` or `self-hosted`.";
    Repository "repository" "The repository that was built, as a URI.";
    Commit "commit" "The commit that was built.";
    Ref "ref" "The branch or tag that was built.";
    RepositoryId "repository-id" "The repository's number, which outlives a new name.";
    Owner "owner" "The repository's owner, as a URI.";
    OwnerId "owner-id" "The owner's number.";
    Config "config" "The workflow that was started, as a URI.";
    ConfigDigest "config-digest" "The commit that the started workflow was read from.";
    Trigger "trigger" "What started it: `push`, say.";
    Run "run" "The run, as a URI.";
    Visibility "visibility" "Whether the repository was public.";
    Environment "environment" "The protected environment that the job ran in.";
    Subject "subject" "The token's own subject.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_stays_between_slashes_and_names_its_host_and_owner() {
        let glob = Glob::new("https://github.com/o/r/.github/workflows/*.yml@refs/tags/v*").unwrap();
        for (name, expected) in [
            ("https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1", true),
            ("https://github.com/o/r/.github/workflows/release.yml@refs/tags/v1/x", false),
            ("https://github.com/o/r/.github/workflows/a/release.yml@refs/tags/v1", false),
            ("https://github.com/o/r/.github/workflows/release.yml@refs/heads/v1", false),
            ("https://github.com/o/rr/.github/workflows/release.yml@refs/tags/v1", false),
            ("xhttps://github.com/o/r/.github/workflows/release.yml@refs/tags/v1", false),
        ] {
            assert_eq!(glob.matches(name), expected, "{name}");
        }
        for text in ["*", "*@example.com", "https://*/o/r", "https://github.com/*/r", "a**b", "a[b]"] {
            assert!(Glob::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_glob_that_leaves_open_whose_name_it_is_lets_in_anybody() {
        let pattern = |text: &str| NamePattern::Glob { glob: Glob::new(text).unwrap() };
        let workflow = "https://github.com/evil/x/.github/workflows/w.yml@refs/heads/main";
        for text in [
            "https:/*/*/*/*/*/*/*/*/*",
            "https?//*/*/*/*/*/*/*/*",
            "h*//*/*/*/*/*/*/*/*",
            "ada@*",
            "a*",
            "ada@*.example",
            "ada!*",
        ] {
            let found = pattern(text);
            assert!(found.is_anybody() && found.is_any_issuer(), "{text}");
            assert!(found.matches(workflow) || found.matches("ada@evil.example") || text.contains('!'), "{text}");
        }
        assert!(pattern("https:/*/*/*/*/*/*/*/*/*").fits_whosever(workflow));
        for text in [
            "https://github.com/o/r/.github/workflows/*.yml@refs/tags/v*",
            "https://github.com/o/*",
            "release-*@example.com",
            "build-?!ci.example",
            "ada@example.com",
            "job",
        ] {
            let found = pattern(text);
            assert!(!found.is_anybody() && !found.is_any_issuer() && !found.fits_whosever(workflow), "{text}");
        }
    }

    #[test]
    fn a_regular_expression_is_about_the_whole_name() {
        let regex = Regex::new("^ada|ben@example[.]com$").unwrap();
        assert!(regex.matches("ada") && regex.matches("ben@example.com"));
        assert!(!regex.matches("ada@evil.example") && !regex.matches("x-ben@example.com"));
        assert!(!regex.matches("ben@example.com\n"));
        for text in ["ada@example.com", "^ada", "ada$", "^ada\\$", "^(ada$", ""] {
            assert!(Regex::new(text).is_err(), "{text}");
        }
        assert!(Regex::new("^(a{1000}){1000}$").is_err(), "too large to compile");
    }

    #[test]
    fn an_expression_does_not_close_the_group_that_it_is_put_into() {
        for text in [r"^https://github\.com/o/r)|(?:.*$", "^a)(b$", "^a)|.*|(?:$", "^(?x)a#$"] {
            let read = Regex::new(text);
            assert!(read.as_ref().map_or(true, |read| !read.matches("https://evil.example/")), "{text}");
        }
        assert!(Regex::new(r"^https://github\.com/o/r)|(?:.*$").is_err());
    }

    #[test]
    fn a_dot_that_was_meant_as_itself_is_seen() {
        for anybody in [
            "^.*$",
            "^.+$",
            r"^https://github\.com/evil$|^.*$",
            "^https://.*$",
            "^[^ ]+@.*$",
            r"^(?s:.)*$",
            r"^https://github\.com/.*$",
            r"^https://github\.com/[^/]+/.*$",
            r"^https://github\.com/[\w-]+/.*@refs/tags/v\d+$",
            "^.*github.*$",
            "^.*/.github/.*$",
            "^.*@refs/tags/.*$",
            r"^.*@refs/tags/v\d+\.\d+\.\d+$",
            r"^https://github\.com/.*/\.github/workflows/release\.ya?ml@.*$",
            r"^https://gitlab\.com/.*$",
            "^.{30,}$",
            "^spiffe://.*$",
        ] {
            assert!(Regex::new(anybody).unwrap().is_anybody(), "{anybody}");
        }
        for somebody in
            [r"^https://github\.com/o/.*$", r"^.*@example\.com$", r"^https://[^/]*\.example\.com/.*$", "^a|b$"]
        {
            assert!(!Regex::new(somebody).unwrap().is_anybody(), "{somebody}");
        }
        assert!(Regex::new("^https://github.com/o/.*$").unwrap().has_careless_dot());
        assert!(!Regex::new(r"^https://github\.com/o/.*$").unwrap().has_careless_dot());
    }

    #[test]
    fn an_expression_that_fits_a_name_fits_it_under_no_other_owner() {
        let name = "https://github.com/bazel-contrib/.github/.github/workflows/release_ruleset.yaml@refs/tags/v7.1.0";
        let fits = |text: &str, name: &str| NamePattern::Regex { regex: Regex::new(text).unwrap() }.fits_whosever(name);
        for anybody in [
            r"^https://github\.com/[^/]+/[^/]+/\.github/workflows/release_ruleset\.yaml@.*$",
            r"^.*@refs/tags/v7.*$",
            "^.*release_ruleset.*$",
            r"^https://github\.com/.*@refs/tags/v7\.1\.0$",
            r"^https://github\.com/[^/]*/\.github/.*$",
            r"^https://github\.com/[a-z]+-[a-z]+/.*$",
        ] {
            assert!(fits(anybody, name), "{anybody}");
            assert!(!fits(anybody, "ada@example.com"), "{anybody}");
        }
        for somebody in [
            r"^https://github\.com/bazel-contrib/.*$",
            r"^https://github\.com/(bazel-contrib|bazelbuild)/[^/]+/.*@refs/tags/v7.*$",
            r"^https://github\.com/bazel[a-z-]*/.*$",
            "^ada@example[.]com$",
        ] {
            assert!(!fits(somebody, name) && !fits(somebody, "ada@example.com"), "{somebody}");
        }
        let gitlab = "https://gitlab.com/g/s/p//.gitlab-ci.yml@refs/heads/main";
        assert!(fits("^.*/p//.gitlab-ci.yml@.*$", gitlab) && !fits(r"^https://gitlab\.com/g/.*$", gitlab));
        // On a host of one's own whoever works there may be meant; and what is exact fits nobody else.
        assert!(!fits("^https://git[.]example/.*$", "https://git.example/o/r/.github/workflows/w.yml@refs/heads/main"));
        assert!(!NamePattern::Exact(name.to_owned()).fits_whosever(name));
    }

    #[test]
    fn a_pattern_of_an_issuer_is_not_asked_about_workflows() {
        let pattern = |text: &str| NamePattern::Regex { regex: Regex::new(text).unwrap() };
        let exact = NamePattern::Exact("ada@example.com".to_owned());
        for (issuer, anybody) in [
            (r"^https://github\.com/.*$", false),
            (r"^https://(github|gitlab)\.com(/.*)?$", false),
            ("^https://.*$", true),
            ("^.*$", true),
        ] {
            let issuer = pattern(issuer);
            let found = lets_in_anybody(&issuer, Some(&exact), &BTreeMap::new());
            assert_eq!(found.is_some(), anybody, "{}", issuer.text());
        }
        let (issuer, subject) = (NamePattern::Exact("a:b".to_owned()), pattern(r"^https://github\.com/.*$"));
        assert_eq!(lets_in_anybody(&issuer, Some(&subject), &BTreeMap::new()), Some(&subject));
        let claims = BTreeMap::from([(Claim::Owner, "https://github.com/o".to_owned())]);
        assert_eq!(lets_in_anybody(&issuer, Some(&subject), &claims), None);
    }

    #[test]
    fn a_root_is_stale_from_the_moment_after_its_last_day() {
        let root = SigstoreRoot {
            name: RoleName::new("public-good").unwrap(),
            digest: Sha256::of(b""),
            fetched: Time::from_unix(0).unwrap(),
            max_age_days: 2,
            transparency: Transparency::Log,
        };
        assert!(!root.stale_at(Time::from_unix(2 * 86_400).unwrap()));
        assert!(root.stale_at(Time::from_unix(2 * 86_400 + 1).unwrap()));
    }
}
