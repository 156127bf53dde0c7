//! What is expected of provenance, and how it is compared.

use super::builders::{
    BuilderName, SignerFacts, is_apart, known_level, level_on_its_machine, speaks_for, tests_itself,
};
use super::facts::{Facts, Repository};
use super::{platforms, version};
use crate::codes;
use crate::finding::{Finding, listed};
use crate::limits;
use crate::statement::provenance::build_type::{ARTIFACT_V1, CARGO_V1, COMMAND_V1, GITHUB_WORKFLOW_V1};
use crate::trust::{Claim, NamePattern};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What is expected of provenance. A file of it is TOML.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Expectations {
    /// The builders that count. None: those that are known without being named.
    #[serde(default)]
    pub builders: Vec<ExpectedBuilder>,
    /// The repository: `github.com/owner/name`, whole and exactly.
    pub source: Option<String>,
    /// The branch, without `refs/heads/`.
    pub branch: Option<String>,
    /// The tag, without `refs/tags/`.
    pub tag: Option<String>,
    /// The version that the tag has to be: `v1` for any `v1.x.y`.
    pub versioned_tag: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The build types that count; none of them named: any.
    #[serde(default)]
    pub build_types: Vec<String>,
    /// External parameters and the values that they have to have. Where any is named, all others are refused.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
    /// External parameters that may have any value.
    #[serde(default)]
    pub any_parameters: BTreeSet<String>,
    /// Inputs of a run that was started by hand, and the values that they have to have.
    #[serde(default)]
    pub inputs: BTreeMap<String, Value>,
    /// The least SLSA Build level.
    #[serde(default)]
    pub level: u8,
    /// Whether every dependency needs a verification summary, and which level it has to show.
    pub dependency_level: Option<u8>,
}

/// A builder that counts: its `builder.id`, who signs for it, and what that shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExpectedBuilder {
    /// The `builder.id`.
    pub id: NamePattern,
    /// The issuer of whoever signs for it.
    pub issuer: Option<NamePattern>,
    /// The certificate's name of whoever signs for it.
    pub subject: Option<NamePattern>,
    /// What else the certificate has to say.
    #[serde(default)]
    pub claims: BTreeMap<Claim, String>,
    /// The key that signs for it, by the name that it is given with.
    pub key: Option<String>,
    /// The highest SLSA Build level that the pair shows; 1 where nothing is said.
    #[serde(default = "one")]
    pub level: u8,
}

const fn one() -> u8 {
    1
}

impl ExpectedBuilder {
    /// This builder, signed for by whoever speaks for it by its own name.
    #[must_use]
    pub fn named(id: NamePattern, level: u8) -> Self {
        Self { id, issuer: None, subject: None, claims: BTreeMap::new(), key: None, level }
    }

    /// The level, if the pair is this one.
    fn level_of(&self, signer: SignerFacts<'_>, id: &str) -> Option<u8> {
        // Whoever names the machine itself has decided what it shows.
        let named = self.claims.contains_key(&Claim::Runner);
        let level = if named { self.level } else { level_on_its_machine(signer, self.level) };
        (self.names(signer, id) && self.signed_by(signer, id)).then_some(level)
    }

    /// Whether it is this builder by its name, whoever signed.
    fn names(&self, signer: SignerFacts<'_>, id: &str) -> bool {
        let runner = match signer {
            SignerFacts::Certificate { claims, .. } => claims.get(&Claim::Runner).map(String::as_str),
            SignerFacts::Key(_) | SignerFacts::CloudBuild(_) => None,
        };
        BuilderName::new(self.id.clone()).matches(id, runner, tests_itself(signer))
    }

    fn signed_by(&self, signer: SignerFacts<'_>, id: &str) -> bool {
        if let Some(key) = &self.key {
            return signer == SignerFacts::Key(key);
        }
        if self.issuer.is_none() && self.subject.is_none() && self.claims.is_empty() {
            return speaks_for(signer, id);
        }
        let SignerFacts::Certificate { issuer, name, claims } = signer else { return false };
        // Without a name, whoever the issuer vouches for would do: then it has to speak for the builder by itself.
        let subject = self.subject.as_ref().map_or_else(|| speaks_for(signer, id), |subject| subject.matches(name));
        subject
            && self.issuer.as_ref().is_some_and(|wanted| wanted.matches(issuer))
            && self.claims.iter().all(|(claim, value)| claims.get(claim) == Some(value))
    }
}

/// Why a file of expectations is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpectationsError(String);

impl ExpectationsError {
    pub(super) fn new(what: &str) -> Self {
        Self(what.to_owned())
    }
}

impl Expectations {
    /// Reads TOML.
    pub fn from_toml(bytes: &[u8]) -> Result<Self, ExpectationsError> {
        if bytes.len() > limits::TOML_BYTES {
            return Err(ExpectationsError(format!("{} bytes, more than are read", bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| ExpectationsError(error.to_string()))?;
        let read: Self = toml::from_str(text).map_err(|error| ExpectationsError(error.to_string()))?;
        read.problem().map_or(Ok(()), |problem| Err(ExpectationsError(problem.to_owned())))?;
        Ok(read)
    }

    /// Why they cannot be, if they cannot.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        let levels = self.builders.iter().map(|builder| builder.level).chain(self.dependency_level);
        if self.level > 3 || levels.into_iter().any(|level| level > 3) {
            return Some("a SLSA Build level is 0 to 3");
        }
        if self.source.as_deref().is_some_and(|source| Repository::of(source).is_none()) {
            return Some("a source is a repository, such as github.com/owner/name, without a ref");
        }
        let signer = |b: &ExpectedBuilder| b.issuer.is_some() || b.subject.is_some() || !b.claims.is_empty();
        if self.builders.iter().any(|b| (b.key.is_some() && signer(b)) || (signer(b) && b.issuer.is_none())) {
            return Some("a builder's signer is a key, or an identity with its issuer");
        }
        if self.tag.is_some() && self.versioned_tag.is_some() {
            return Some("a tag is expected exactly or as a version, not both");
        }
        None
    }

    /// Compares. The level that is shown, with what is not as it is expected: all of it.
    #[must_use]
    pub fn judge(&self, facts: &Facts, signer: SignerFacts<'_>, place: &str) -> (u8, Vec<Finding>) {
        let mut out = self.judge_build(facts, place);
        let level = self.builder(facts, signer, place, &mut out);
        if level < self.level {
            out.push(
                Finding::new(codes::BUILDER_LEVEL, "the build shows a lower SLSA Build level than is asked for")
                    .at(place)
                    .expected(format!("SLSA Build L{}", self.level), "--level")
                    .found(format!("L{level}  builder.id {}", facts.builder)),
            );
        }
        let claims = match signer {
            SignerFacts::Certificate { claims, .. } => Some(claims),
            SignerFacts::Key(_) | SignerFacts::CloudBuild(_) => None,
        };
        self.sources(facts, claims, place, &mut out);
        // What a run was started for, only a builder apart from its tenant can be believed about.
        let apart = level >= 3 || is_apart(signer, &facts.builder);
        let base = facts.base_branch.as_deref().filter(|_| apart);
        self.reference(facts, claims, base, place, &mut out);
        (level, out)
    }

    /// What it says of itself alone: that it does not contradict itself, its build type and its parameters.
    #[must_use]
    pub fn judge_build(&self, facts: &Facts, place: &str) -> Vec<Finding> {
        let mut out = Vec::new();
        for what in &facts.contradictions {
            out.push(
                Finding::new(codes::PROVENANCE_CONTRADICTS, "the provenance says two things that cannot both be")
                    .at(place)
                    .found(what.as_str()),
            );
        }
        if !self.build_types.is_empty() && !self.build_types.contains(&facts.build_type) {
            out.push(
                Finding::new(codes::PROVENANCE_BUILD_TYPE, "the build is of another type")
                    .at(place)
                    .expected(self.build_types.join(", "), BY)
                    .found(facts.build_type.as_str()),
            );
        }
        self.parameters(facts, place, &mut out);
        out
    }

    /// The branch or the tag that it says alone.
    #[must_use]
    pub fn judge_ref(&self, facts: &Facts, place: &str) -> Vec<Finding> {
        let mut out = Vec::new();
        self.reference(facts, None, None, place, &mut out);
        out
    }

    fn builder(&self, facts: &Facts, signer: SignerFacts<'_>, place: &str, out: &mut Vec<Finding>) -> u8 {
        let id = facts.builder.as_str();
        let level = if self.builders.is_empty() {
            known_level(signer, id)
        } else {
            self.builders.iter().filter_map(|builder| builder.level_of(signer, id)).max()
        };
        let Some(level) = level else {
            let wanted: Vec<&str> = self.builders.iter().map(|builder| builder.id.text()).collect();
            let wanted = if wanted.is_empty() { "a builder that is known".to_owned() } else { wanted.join(", ") };
            let by = match signer {
                SignerFacts::Certificate { issuer, name, .. } => format!("{name}, by {issuer}"),
                SignerFacts::Key(name) => format!("key {name}"),
                SignerFacts::CloudBuild(name) => format!("Cloud Build's key {name}"),
            };
            let named = self.builders.iter().any(|builder| builder.names(signer, id));
            let (what, wanted) = if named {
                // The name alone is no proof: somebody has to be known to speak for it.
                let by = "a signer that speaks for it, by what is known of its platform or by the file of expectations";
                (
                    "the builder.id is one that is expected, and whoever signed does not speak for it",
                    format!("{wanted}, signed by {by}"),
                )
            } else {
                ("builder.id, with whoever signed, is none that is expected", wanted)
            };
            out.push(
                Finding::new(codes::PROVENANCE_BUILDER, what)
                    .at(place)
                    .expected(wanted, BY)
                    .found(format!("builder.id {id}"))
                    .found(format!("signed by {by}")),
            );
            return 0;
        };
        level
    }

    fn sources(&self, facts: &Facts, claims: Option<&BTreeMap<Claim, String>>, place: &str, out: &mut Vec<Finding>) {
        let claimed = |claim| claims.and_then(|claims| claims.get(&claim)).map(String::as_str);
        // What the forge says of the run has to be what the provenance says of it.
        let certificate = claimed(Claim::Repository).and_then(Repository::of);
        let pairs = [
            (
                "repository",
                certificate.as_ref().map(Repository::as_str),
                facts.repository.as_ref().map(Repository::as_str),
            ),
            ("ref", claimed(Claim::Ref), facts.reference.as_deref()),
            ("commit", claimed(Claim::Commit), facts.commit.as_deref()),
        ];
        for (what, certificate, provenance) in pairs {
            if let (Some(certificate), Some(provenance)) = (certificate, provenance)
                && certificate != provenance
            {
                out.push(
                    Finding::new(
                        codes::PROVENANCE_CONTRADICTS,
                        format!("the provenance names another {what} than the certificate"),
                    )
                    .at(place)
                    .expected(certificate, "the certificate")
                    .found(provenance),
                );
            }
        }
        let differs = |code, what: &str, wanted: &str, found: Option<&str>| {
            Finding::new(code, what).at(place).expected(wanted, BY).found(found.unwrap_or("none"))
        };
        if let Some(wanted) = self.source.as_deref() {
            let found = facts.repository.as_ref().or(certificate.as_ref());
            if found.is_none() || found != Repository::of(wanted).as_ref() {
                let several = (found.is_none() && !facts.several.is_empty()).then(|| several(facts));
                let found = found.map(Repository::as_str).or(several.as_deref());
                out.push(differs(codes::PROVENANCE_SOURCE, "it was built from another repository", wanted, found));
            }
        }
        if let Some(wanted) = self.commit.as_deref() {
            let found = facts.commit.as_deref().or_else(|| claimed(Claim::Commit));
            if found != Some(wanted) {
                out.push(differs(codes::PROVENANCE_SOURCE, "it was built from another commit", wanted, found));
            }
        }
    }

    fn reference(
        &self,
        facts: &Facts,
        claims: Option<&BTreeMap<Claim, String>>,
        base: Option<&str>,
        place: &str,
        out: &mut Vec<Finding>,
    ) {
        let claimed = claims.and_then(|claims| claims.get(&Claim::Ref)).map(String::as_str);
        let found = facts.reference.as_deref().or(claimed);
        let mut differs = |what: &str, wanted: &str| {
            out.push(
                Finding::new(codes::PROVENANCE_REF, what).at(place).expected(wanted, BY).found(found.unwrap_or("none")),
            );
        };
        let tag = found.and_then(|found| found.strip_prefix("refs/tags/"));
        if let Some(wanted) = self.branch.as_deref() {
            let branch = |name: &str| name.strip_prefix("refs/heads/") == Some(wanted);
            let base = base.filter(|_| tag.is_some());
            if !found.is_some_and(branch) && !base.is_some_and(branch) {
                differs("it was built from another branch, or from none", wanted);
            }
        }
        if let Some(wanted) = self.tag.as_deref()
            && tag != Some(wanted)
        {
            differs("it was built from another tag, or from none", wanted);
        }
        if let Some(wanted) = self.versioned_tag.as_deref()
            && !tag.is_some_and(|tag| version::matches(wanted, tag))
        {
            differs("it was built from a tag of another version, or from none", wanted);
        }
    }

    fn parameters(&self, facts: &Facts, place: &str, out: &mut Vec<Finding>) {
        let known = known_parameters(&facts.build_type);
        let strict = !self.parameters.is_empty() || !self.any_parameters.is_empty();
        let is_unknown = |(name, value): &(&String, &Value)| {
            let name = *name;
            let named = self.parameters.contains_key(name) || self.any_parameters.contains(name);
            let known = known.is_some_and(|known| known.contains(&name.as_str()))
                || platforms::is_variable_of_npm(&facts.build_type, name);
            let tolerated = !strict && known;
            // Where nothing is said but that there is such a variable, there is nothing to choose from.
            let tolerated = tolerated || platforms::is_bare_name(&facts.build_type, value);
            !named && !tolerated
        };
        let build_type: String = facts.build_type.chars().take(limits::TEXT_SHOWN).collect();
        let finding = |what: String, found: &str| {
            Finding::new(codes::EXTERNAL_PARAMETER_UNKNOWN, what)
                .at(place)
                .expected("a parameter that is named, or that the build type defines", BY)
                .found(format!("{found}, of build type {build_type}"))
        };
        out.extend(listed(
            facts.parameters.iter().filter(is_unknown),
            |(name, _)| finding(format!("nobody expects the parameter `{name}`"), name),
            |more| finding("nobody expects the other parameters either".to_owned(), &format!("{more} more")),
        ));
        let given = [("parameter", &self.parameters, &facts.parameters), ("input", &self.inputs, &facts.inputs)];
        for (what, wanted, found) in given {
            for (name, wanted) in wanted {
                let found = found.get(name);
                if found != Some(wanted) {
                    out.push(
                        Finding::new(codes::PROVENANCE_PARAMETER, format!("the {what} `{name}` has another value"))
                            .at(place)
                            .expected(wanted.to_string(), BY)
                            .found(found.map_or_else(|| "none".to_owned(), Value::to_string)),
                    );
                }
            }
        }
    }
}

const BY: &str = "what is expected";

/// The repositories of which nobody says which was built.
fn several(facts: &Facts) -> String {
    const MOST: usize = 20;
    let shown: Vec<&str> = facts.several.iter().take(MOST).map(String::as_str).collect();
    match facts.several.len().saturating_sub(MOST) {
        0 => format!("several: {}", shown.join(", ")),
        more => format!("several: {}, and {more} more", shown.join(", ")),
    }
}

/// What a build type defines, so that its parameters are no surprise. Their values are looked at where they are named.
fn known_parameters(build_type: &str) -> Option<&'static [&'static str]> {
    const GENERATOR: &str = "https://github.com/slsa-framework/slsa-github-generator/";
    if let Some(own) = build_type.strip_prefix(GENERATOR) {
        return match own {
            // `event_inputs` are those of a run that was started by hand.
            "generic@v1" | "go@v1" | "container@v1" => Some(&["event_inputs"]),
            "delegator-generic@v0" => Some(&["inputs", "vars"]),
            _ => None,
        };
    }
    match build_type {
        CARGO_V1 => Some(&["source", "directory", "arguments", "environment"]),
        COMMAND_V1 => Some(&["source", "directory", "command", "environment"]),
        ARTIFACT_V1 => Some(&["source"]),
        GITHUB_WORKFLOW_V1 | "https://actions.github.io/buildtypes/workflow/v1" => {
            Some(&["workflow", "inputs", "vars", "release"])
        }
        "https://slsa.dev/container-based-build/v0.1?draft" => {
            Some(&["source", "builderImage", "configPath", "buildConfig"])
        }
        "https://github.com/npm/cli/gha/v2" | "https://github.com/npm/cli/gha@v1" => Some(&[]),
        "https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.2"
        | "https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3"
        | "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1"
        | "https://cloudbuild.googleapis.com/CloudBuildSteps@v0.1" => Some(platforms::CLOUD_BUILD),
        "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1" => {
            Some(&["buildConfigSource", "substitutions", "systemSubstitutions", "source"])
        }
        platforms::GITLAB => Some(&["source", "entryPoint", "variables"]),
        other if platforms::is_gitlab_runner(other) => Some(&["source", "entryPoint", "variables"]),
        other if platforms::is_tekton(other) => Some(&["runSpec", "buildConfigSource"]),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
