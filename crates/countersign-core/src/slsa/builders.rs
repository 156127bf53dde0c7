//! Builders: which signer may speak for which `builder.id`, and which of them are known without anybody naming them.

use super::version;
use crate::trust::{Claim, NamePattern};
use std::collections::BTreeMap;

/// The issuer of GitHub Actions.
pub const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
/// The issuer of gitlab.com.
pub const GITLAB_ISSUER: &str = "https://gitlab.com";

const GENERATOR: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";
/// Workflows of the generator project that build, or that describe what a job of theirs built, apart from the tenant's job.
const KNOWN: [&str; 9] = [
    "builder_go_slsa3.yml",
    "builder_container-based_slsa3.yml",
    "generator_generic_slsa3.yml",
    "generator_container_slsa3.yml",
    "builder_maven_slsa3.yml",
    "builder_gradle_slsa3.yml",
    "builder_nodejs_slsa3.yml",
    "builder_bazel_slsa3.yml",
    "builder_docker-based_slsa3.yml",
];
/// Workflows of it that sign for a builder elsewhere, whose own identity they have checked.
const DELEGATES: [&str; 2] = ["delegator_generic_slsa3.yml", "delegator_lowperms-generic_slsa3.yml"];
/// The repository in which that project tests its own builders, before they are released.
const OWN_TESTS: &str = "https://github.com/slsa-framework/example-package";
const HEAD: &str = "refs/heads/main";
const RUNNER: &str = "https://github.com/actions/runner";
/// The level that the generator's builders are documented to reach.
const KNOWN_LEVEL: u8 = 3;
/// What a certificate calls the forge's own machines.
const HOSTED: [&str; 2] = ["github-hosted", "gitlab-hosted"];
/// The highest level that a job shows on a machine of its tenant's: nothing there keeps the tenant from changing what runs.
const OWN_MACHINE_LEVEL: u8 = 2;

/// Who signed, as far as builders are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignerFacts<'s> {
    /// The holder of a certificate.
    Certificate {
        /// The issuer that vouched for the identity.
        issuer: &'s str,
        /// The certificate's name.
        name: &'s str,
        /// What else it says.
        claims: &'s BTreeMap<Claim, String>,
    },
    /// A key, by the name that it was given.
    Key(&'s str),
    /// A key of Cloud Build, by its region: it signs what Cloud Build built, and nothing else.
    CloudBuild(&'s str),
}

/// Whether it is the generator project testing itself: there, and nowhere else, its builders count before they are released.
pub(super) fn tests_itself(signer: SignerFacts<'_>) -> bool {
    let SignerFacts::Certificate { issuer, claims, name } = signer else { return false };
    let known = [GENERATOR, "https://github.com/slsa-framework/example-trw/.github/workflows/"];
    issuer == GITHUB_ISSUER
        && known.iter().any(|known| name.starts_with(known))
        && claims.get(&Claim::Repository).is_some_and(|repository| repository == OWN_TESTS)
}

/// Whether the certificate says that the job ran on another machine than the forge's. Those of before 2023 do not say.
fn is_on_own_machine(signer: SignerFacts<'_>) -> bool {
    let SignerFacts::Certificate { claims, .. } = signer else { return false };
    claims.get(&Claim::Runner).is_some_and(|runner| !HOSTED.contains(&runner.as_str()))
}

/// The level that somebody gives a builder, as far as the machine lets it be shown.
#[must_use]
pub fn level_on_its_machine(signer: SignerFacts<'_>, level: u8) -> u8 {
    if is_on_own_machine(signer) { level.min(OWN_MACHINE_LEVEL) } else { level }
}

/// How a `builder.id` is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderName(NamePattern);

impl BuilderName {
    /// By this pattern. A plain name without a version stands for every release of that builder.
    #[must_use]
    pub const fn new(pattern: NamePattern) -> Self {
        Self(pattern)
    }

    /// The pattern's text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// Whether this `builder.id` is meant. `…@v1.2.3` is short for `…@refs/tags/v1.2.3`; without a version every released
    /// one is meant, and no branch. A runner that only the certificate says is the forge's own may be named with that.
    #[must_use]
    pub fn matches(&self, id: &str, runner: Option<&str>, head: bool) -> bool {
        let Some(wanted) = self.0.exact() else { return self.0.matches(id) };
        if wanted == id {
            return true;
        }
        let hosted = id == RUNNER
            && wanted.strip_prefix(RUNNER).and_then(|rest| rest.strip_prefix('/')) == Some("github-hosted");
        if hosted {
            return runner.is_none_or(|runner| runner == "github-hosted");
        }
        let Some((name, found)) = id.rsplit_once('@') else { return false };
        let tag = found.strip_prefix("refs/tags/").unwrap_or(found);
        match wanted.rsplit_once('@') {
            Some((wanted, short)) => wanted == name && short == tag && short.starts_with('v'),
            None => wanted == name && (version::is_whole(tag) || is_cloud(name, tag) || (head && found == HEAD)),
        }
    }
}

/// Cloud Build's versions have two parts.
fn is_cloud(name: &str, tag: &str) -> bool {
    name.starts_with("https://cloudbuild.googleapis.com/") && version::matches(tag, tag)
}

/// The level of a pair that is known without anybody naming it: a builder of the generator project in a released version,
/// which signed itself or had the project's delegate sign.
#[must_use]
pub fn known_level(signer: SignerFacts<'_>, id: &str) -> Option<u8> {
    let (workflow, reference) = id.strip_prefix(GENERATOR)?.split_once('@')?;
    let released = reference.strip_prefix("refs/tags/").is_some_and(version::is_whole);
    let known = KNOWN.contains(&workflow) && (released || (reference == HEAD && tests_itself(signer)));
    (known && !is_on_own_machine(signer) && speaks_for(signer, id)).then_some(KNOWN_LEVEL)
}

/// Whether this signer is a builder of the generator project, which runs apart from whoever has something built.
#[must_use]
pub fn is_apart(signer: SignerFacts<'_>, id: &str) -> bool {
    let delegated = match signer {
        SignerFacts::Certificate { issuer, name, .. } => issuer == GITHUB_ISSUER && delegates(signer, name),
        SignerFacts::CloudBuild(_) => true,
        SignerFacts::Key(_) => false,
    };
    delegated || known_level(signer, id).is_some()
}

/// Whether this signer may speak for this `builder.id` without anybody having said so: its own name, a delegate of the
/// generator project, or the forge's runner for whoever's workflow runs on it.
#[must_use]
pub fn speaks_for(signer: SignerFacts<'_>, id: &str) -> bool {
    let (issuer, name, claims) = match signer {
        SignerFacts::Certificate { issuer, name, claims } => (issuer, name, claims),
        SignerFacts::CloudBuild(_) => return id.starts_with("https://cloudbuild.googleapis.com/"),
        SignerFacts::Key(_) => return false,
    };
    if name == id {
        // Each forge speaks for its own workflows alone.
        return (issuer == GITHUB_ISSUER && id.starts_with("https://github.com/"))
            || (issuer == GITLAB_ISSUER && id.starts_with("https://gitlab.com/"));
    }
    if issuer == GITHUB_ISSUER {
        return delegates(signer, name) || is_runner(name, claims, id);
    }
    // GitLab's runners are called after the project that they build.
    issuer == GITLAB_ISSUER && id.split_once("/-/runners/").is_some_and(|(project, _)| of_repository(name, project))
}

/// Whether it is the project's delegate, on a machine that its tenant has no hand in.
fn delegates(signer: SignerFacts<'_>, name: &str) -> bool {
    delegate(name, tests_itself(signer)) && !is_on_own_machine(signer)
}

fn delegate(name: &str, head: bool) -> bool {
    let Some((workflow, reference)) = name.strip_prefix(GENERATOR).and_then(|rest| rest.split_once('@')) else {
        return false;
    };
    let released = reference.strip_prefix("refs/tags/").is_some_and(version::is_whole);
    DELEGATES.contains(&workflow) && (released || (head && reference == HEAD))
}

/// A workflow that says of itself on which runner it ran: the certificate has to say the same, where it says anything.
fn is_runner(name: &str, claims: &BTreeMap<Claim, String>, id: &str) -> bool {
    let kind = match id.strip_prefix(RUNNER) {
        Some("") => None,
        Some(rest) => match rest.strip_prefix('/') {
            Some(kind) => Some(kind),
            None => return false,
        },
        None => return false,
    };
    let runner = claims.get(&Claim::Runner).map(String::as_str);
    let same = kind.is_none_or(|kind| runner.is_none_or(|runner| runner == kind));
    same && claims.get(&Claim::Repository).is_none_or(|repository| of_repository(name, repository))
}

fn of_repository(name: &str, repository: &str) -> bool {
    name.strip_prefix(repository).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> BuilderName {
        BuilderName::new(NamePattern::Exact(text.to_owned()))
    }

    #[test]
    fn a_builder_without_a_version_is_every_release_of_it_and_no_branch() {
        let builder = named("https://h/w.yml");
        assert!(builder.matches("https://h/w.yml@refs/tags/v1.2.3", None, false));
        for other in
            ["https://h/w.yml@refs/heads/main", "https://h/w.yml@refs/tags/v1", "https://h/w.yml2@refs/tags/v1.2.3"]
        {
            assert!(!builder.matches(other, None, false), "{other}");
        }
        let one = named("https://h/w.yml@v1.2.3");
        assert!(one.matches("https://h/w.yml@refs/tags/v1.2.3", None, false));
        assert!(!one.matches("https://h/w.yml@refs/tags/v1.2.4", None, false));
        assert!(!named("https://h/w.yml@main").matches("https://h/w.yml@refs/heads/main", None, false));
    }

    #[test]
    fn a_runner_is_the_forge_s_own_only_if_the_certificate_does_not_say_otherwise() {
        let hosted = named("https://github.com/actions/runner/github-hosted");
        assert!(hosted.matches(RUNNER, Some("github-hosted"), false) && hosted.matches(RUNNER, None, false));
        assert!(!hosted.matches(RUNNER, Some("self-hosted"), false));
        assert!(!named(RUNNER).matches("https://github.com/actions/runner/github-hosted", None, false));
        assert!(!named("https://github.com/actions/runner2").matches(RUNNER, None, false));
    }

    #[test]
    fn who_may_speak_for_a_builder_without_being_named() {
        let none = BTreeMap::new();
        let by = |issuer, name| SignerFacts::Certificate { issuer, name, claims: &none };
        let builder = format!("{GENERATOR}builder_go_slsa3.yml@refs/tags/v1.9.0");
        assert_eq!(known_level(by(GITHUB_ISSUER, &builder), &builder), Some(3));
        assert_eq!(known_level(by("https://evil.example", &builder), &builder), None);
        assert_eq!(known_level(by(GITLAB_ISSUER, &builder), &builder), None);
        assert_eq!(known_level(by(GITHUB_ISSUER, "https://github.com/e/vil@refs/tags/v1"), &builder), None);
        assert_eq!(known_level(SignerFacts::Key("k"), &builder), None);
        let delegate = format!("{GENERATOR}delegator_generic_slsa3.yml@refs/tags/v1.9.0");
        let maven = format!("{GENERATOR}builder_maven_slsa3.yml@refs/tags/v1.9.0");
        assert_eq!(known_level(by(GITHUB_ISSUER, &delegate), &maven), Some(3));
        let head = format!("{GENERATOR}delegator_generic_slsa3.yml@refs/heads/main");
        assert_eq!(known_level(by(GITHUB_ISSUER, &head), &maven), None);
        let claims = BTreeMap::from([(Claim::Repository, "https://github.com/o/r".to_owned())]);
        let workflow = |name| SignerFacts::Certificate { issuer: GITHUB_ISSUER, name, claims: &claims };
        assert!(speaks_for(workflow("https://github.com/o/r/.github/workflows/w.yml@refs/heads/m"), RUNNER));
        assert!(!speaks_for(workflow("https://github.com/o/r2/.github/workflows/w.yml@refs/heads/m"), RUNNER));
    }

    #[test]
    fn on_a_machine_of_its_tenant_s_no_builder_is_known_and_no_delegate_speaks_for_another() {
        let builder = format!("{GENERATOR}generator_generic_slsa3.yml@refs/tags/v2.1.0");
        let delegate = format!("{GENERATOR}delegator_generic_slsa3.yml@refs/tags/v2.1.0");
        let maven = format!("{GENERATOR}builder_maven_slsa3.yml@refs/tags/v2.1.0");
        for (runner, level) in [("github-hosted", Some(3)), ("self-hosted", None), ("", None)] {
            let claims = BTreeMap::from([(Claim::Runner, runner.to_owned())]);
            let by = |name| SignerFacts::Certificate { issuer: GITHUB_ISSUER, name, claims: &claims };
            assert_eq!(known_level(by(&builder), &builder), level, "{runner}");
            assert_eq!(known_level(by(&delegate), &maven), level, "{runner}");
            assert_eq!(is_apart(by(&builder), &builder), level.is_some(), "{runner}");
            assert_eq!(is_apart(by(&delegate), &maven), level.is_some(), "{runner}");
            assert_eq!(speaks_for(by(&delegate), &maven), level.is_some(), "{runner}");
            // It is still itself, whatever that shows.
            assert!(speaks_for(by(&builder), &builder), "{runner}");
        }
    }
}
