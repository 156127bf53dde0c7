//! What provenance of any version and builder says, in one form: who built what, from which repository at which ref and
//! commit, and with which parameters. Nothing here is believed: that is for the signature and for what is expected.

use super::platforms;
use crate::limits;
use crate::statement::Statement;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// SLSA provenance v0.1, as Cloud Build wrote it.
pub const PROVENANCE_V01: &str = "https://slsa.dev/provenance/v0.1";
/// SLSA provenance v0.2.
pub const PROVENANCE_V02: &str = "https://slsa.dev/provenance/v0.2";
/// SLSA provenance v1.
pub const PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";

/// What provenance says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// `builder.id`.
    pub builder: String,
    /// `buildType`; v0.1 calls it the recipe's type.
    pub build_type: String,
    /// The repository: see [`Repository`].
    pub repository: Option<Repository>,
    /// The repositories that went in, where they are several and none of them is named as the source.
    pub several: Vec<String>,
    /// The full name of the ref that was built.
    pub reference: Option<String>,
    /// The branch from which a tag was made, where the forge told the builder.
    pub base_branch: Option<String>,
    /// The commit, in hexadecimal.
    pub commit: Option<String>,
    /// What whoever asked for the build could choose.
    pub parameters: BTreeMap<String, Value>,
    /// The inputs of a run that somebody started by hand.
    pub inputs: BTreeMap<String, Value>,
    /// What went into the build beside the source: name or URI, and digests.
    pub dependencies: Vec<Dependency>,
    /// Where the provenance says two things that cannot both be.
    pub contradictions: Vec<String>,
}

/// Something that went into a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What it is called.
    pub name: String,
    /// Algorithm to digest.
    pub digest: BTreeMap<String, String>,
}

/// A repository without scheme and ref, `github.com/owner/name`; of a scheme other than https the scheme stays. Compared
/// whole and exactly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Repository(String);

impl Repository {
    /// Of a URI or a plain name. `git+https://` and `https://` are the same, and so is a `.git` at the end.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let text = text.strip_prefix("git+").unwrap_or(text);
        let text = text.strip_prefix("https://").unwrap_or(text);
        let text = text.strip_suffix('/').unwrap_or(text);
        let text = text.strip_suffix(".git").unwrap_or(text);
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(['@', '#', '?']);
        (plain && text.contains('/')).then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why provenance is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The statement is of another kind.
    #[error("predicate type `{0}` is no SLSA provenance that is read: v0.1, v0.2 and v1 are")]
    Kind(String),
    /// Something that has to be there is not.
    #[error("`{0}` is missing, or is not of its form")]
    Missing(&'static str),
}

impl Facts {
    /// Reads the provenance of a statement.
    pub fn of(statement: &Statement) -> Result<Self, FactsError> {
        let predicate = &statement.predicate;
        let mut facts = match statement.predicate_type.as_str() {
            PROVENANCE_V01 => v01(predicate)?,
            PROVENANCE_V02 => v02(predicate)?,
            PROVENANCE_V1 => v1(predicate)?,
            other => return Err(FactsError::Kind(other.chars().take(120).collect())),
        };
        facts.contradictions.sort();
        facts.contradictions.dedup();
        Ok(facts)
    }

    fn contradict(&mut self, what: &str, first: &str, second: &str) {
        // One is enough to refuse it.
        if first != second && self.contradictions.len() < limits::FINDINGS_LISTED {
            let short = |text: &str| text.chars().take(limits::TEXT_SHOWN).collect::<String>();
            self.contradictions.push(format!("{what}: {} and {}", short(first), short(second)));
        }
    }

    /// What a URI of the source says. A second one has to say the same.
    fn source(&mut self, uri: &str) {
        let (repository, rest) = split(uri);
        let Some(repository) = Repository::of(repository) else { return };
        match self.repository.take() {
            Some(known) => {
                self.contradict("the repository", known.as_str(), repository.as_str());
                self.repository = Some(known);
            }
            None => self.repository = Some(repository),
        }
        match rest {
            // npm has the commit there, on GitLab.
            Rest::Ref(commit) if is_commit(commit) => self.commit(commit),
            Rest::Ref(reference) => self.reference(reference),
            Rest::Commit(commit) => self.commit(commit),
            Rest::Nothing => {}
        }
    }

    fn reference(&mut self, reference: &str) {
        match self.reference.take() {
            Some(known) => {
                self.contradict("the ref", &known, reference);
                self.reference = Some(known);
            }
            None => self.reference = Some(reference.to_owned()),
        }
    }

    fn commit(&mut self, commit: &str) {
        match self.commit.take() {
            Some(known) => {
                self.contradict("the commit", &known, commit);
                self.commit = Some(known);
            }
            None => self.commit = Some(commit.to_owned()),
        }
    }

    fn digests(&mut self, digest: Option<&Value>) {
        for algorithm in ["gitCommit", "sha1"] {
            if let Some(commit) = digest.and_then(|d| d.get(algorithm)).and_then(Value::as_str) {
                self.commit(commit);
            }
        }
    }

    /// Everything that went in. The source among it has to agree with what is said of the source; how it was built may come from another
    /// commit of the same repository.
    fn went_in(&mut self, listed: &[Value]) {
        let tekton = platforms::is_tekton(&self.build_type);
        let spelled = tekton || platforms::is_older_tekton(&self.build_type);
        for one in listed {
            let uri = one.get("uri").and_then(Value::as_str).unwrap_or_default();
            let digest = one.get("digest");
            let alike = if spelled { platforms::alike(uri) } else { Cow::Borrowed(uri) };
            let repository = Repository::of(split(&alike).0);
            let own = repository.is_some() && repository == self.repository;
            if own && !(tekton && platforms::is_how(one)) {
                // An earlier commit of its own repository may be a dependency: the source is the one at the source's ref.
                let reference = match split(&alike).1 {
                    Rest::Ref(reference) => Some(reference),
                    Rest::Commit(_) | Rest::Nothing => None,
                };
                if reference.is_none() || self.reference.is_none() || reference == self.reference.as_deref() {
                    self.digests(digest);
                    if let Some(commit) = digest.and_then(|digest| platforms::mislabelled(&self.build_type, digest)) {
                        self.commit(commit);
                    }
                }
                continue;
            }
            let name = one.get("name").and_then(Value::as_str).filter(|_| uri.is_empty()).unwrap_or(uri);
            let digest = digest.and_then(Value::as_object).into_iter().flatten();
            let digest = digest.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
            self.dependencies.push(Dependency { name: name.to_owned(), digest });
        }
    }

    /// What GitHub told the run about the event that started it.
    fn event(&mut self, environment: Option<&Value>, payload: Option<&Value>) {
        let said = |upper: &str| {
            let environment = environment?;
            let found = environment.get(upper).or_else(|| environment.get(upper.to_ascii_lowercase()));
            found.and_then(Value::as_str).filter(|text| !text.is_empty())
        };
        if let (Some(reference), true) = (said("GITHUB_REF"), self.reference.is_some()) {
            self.reference(reference);
        }
        if let (Some(commit), true) = (said("GITHUB_SHA"), self.commit.is_some()) {
            self.commit(commit);
        }
        let base = payload.and_then(|payload| payload.get("base_ref")).and_then(Value::as_str);
        self.base_branch = base.filter(|base| base.starts_with("refs/heads/")).map(str::to_owned);
        if said("GITHUB_EVENT_NAME") == Some("workflow_dispatch") {
            self.inputs = map(payload.and_then(|payload| payload.get("inputs")));
        }
    }
}

fn v01(predicate: &Value) -> Result<Facts, FactsError> {
    let recipe = predicate.get("recipe").ok_or(FactsError::Missing("recipe"))?;
    let mut facts = Facts {
        builder: text(predicate, &["builder", "id"]).ok_or(FactsError::Missing("builder.id"))?,
        build_type: text(recipe, &["type"]).ok_or(FactsError::Missing("recipe.type"))?,
        parameters: map(recipe.get("arguments")),
        ..Facts::default()
    };
    let materials = list(predicate.get("materials"));
    if let Some(uri) = materials.first().and_then(|first| first.get("uri")).and_then(Value::as_str) {
        facts.source(uri);
    }
    // What the trigger told the build; whoever starts one by hand may say it himself, as of the source.
    let tag = text(recipe, &["arguments", "substitutions", "TAG_NAME"]);
    if let Some(tag) = tag.filter(|_| platforms::is_cloud_build(&facts.builder)) {
        facts.reference(&format!("refs/tags/{tag}"));
    }
    facts.went_in(&materials);
    Ok(facts)
}

fn v02(predicate: &Value) -> Result<Facts, FactsError> {
    let invocation = predicate.get("invocation").filter(|value| value.is_object());
    let part = |name: &str| invocation.and_then(|invocation| invocation.get(name));
    let mut facts = Facts {
        builder: text(predicate, &["builder", "id"]).ok_or(FactsError::Missing("builder.id"))?,
        build_type: text(predicate, &["buildType"]).ok_or(FactsError::Missing("buildType"))?,
        parameters: map(part("parameters")),
        ..Facts::default()
    };
    let materials = list(predicate.get("materials"));
    let config = part("configSource");
    match config.and_then(|config| config.get("uri")).and_then(Value::as_str).filter(|uri| !uri.is_empty()) {
        // Where the pipeline is written down says nothing of what it built: anybody can run it over code of his own.
        Some(uri) if platforms::is_older_tekton(&facts.build_type) => {
            let how = Repository::of(split(&platforms::alike(uri)).0);
            let is_how = |one: &Value| {
                let found = one.get("uri").and_then(Value::as_str).unwrap_or_default();
                found == uri || (how.is_some() && Repository::of(split(&platforms::alike(found)).0) == how)
            };
            let left: Vec<Value> = materials.iter().filter(|one| !is_how(one)).cloned().collect();
            only_input(&mut facts, &left);
        }
        Some(uri) => {
            facts.source(uri);
            let digest = config.and_then(|config| config.get("digest"));
            facts.digests(digest);
            if let Some(commit) = digest.and_then(|digest| platforms::mislabelled(&facts.build_type, digest)) {
                facts.commit(commit);
            }
            let named = materials.iter().any(|one| one.get("uri").and_then(Value::as_str) == Some(uri));
            if !materials.is_empty() && !named {
                facts.contradictions.push(format!("the configuration's source {uri} is not among the materials"));
            }
        }
        None if platforms::is_older_tekton(&facts.build_type) => only_input(&mut facts, &materials),
        None => only_git(&mut facts, &materials),
    }
    facts.went_in(&materials);
    let environment = part("environment");
    let payload = environment.and_then(|e| e.get("github_event_payload").or_else(|| e.get("GITHUB_EVENT_PAYLOAD")));
    facts.event(environment, payload);
    if facts.inputs.is_empty() {
        facts.inputs = map(facts.parameters.get("event_inputs"));
    }
    Ok(facts)
}

fn v1(predicate: &Value) -> Result<Facts, FactsError> {
    let definition = predicate.get("buildDefinition").ok_or(FactsError::Missing("buildDefinition"))?;
    let external = definition.get("externalParameters").filter(|value| value.is_object());
    let external = external.ok_or(FactsError::Missing("externalParameters"))?;
    let mut facts = Facts {
        builder: text(predicate, &["runDetails", "builder", "id"]).ok_or(FactsError::Missing("builder.id"))?,
        build_type: text(definition, &["buildType"]).ok_or(FactsError::Missing("buildType"))?,
        parameters: map(Some(external)),
        ..Facts::default()
    };
    let resolved = list(definition.get("resolvedDependencies"));
    let source = external.get("source");
    let named = text(external, &["source"]).or_else(|| text(external, &["source", "uri"]));
    let workflow = ["workflow", "buildConfigSource"].into_iter().find_map(|name| external.get(name));
    if platforms::is_tekton(&facts.build_type) {
        // Its `buildConfigSource` is where the pipeline is written down, which says nothing of what it built.
        only_input(&mut facts, &platforms::inputs(&resolved));
    } else if let Some(workflow) = workflow.filter(|workflow| workflow.get("repository").is_some()) {
        facts.source(&text(workflow, &["repository"]).unwrap_or_default());
        if let Some(reference) = text(workflow, &["ref"]) {
            facts.reference(&reference);
        }
    } else if let Some(uri) = named {
        facts.source(&uri);
        facts.digests(source.and_then(|source| source.get("digest")));
    } else {
        only_git(&mut facts, &resolved);
    }
    facts.went_in(&resolved);
    let internal = definition.get("internalParameters");
    facts.event(internal, internal.and_then(|internal| internal.get("GITHUB_EVENT_PAYLOAD")));
    if facts.inputs.is_empty() && workflow.is_some() {
        facts.inputs = map(external.get("inputs"));
    }
    Ok(facts)
}

/// The source, where nothing else names it: the only repository that went in. Of two, nobody can say which it was.
fn only_git(facts: &mut Facts, listed: &[Value]) {
    let uris = listed.iter().filter_map(|one| one.get("uri").and_then(Value::as_str));
    let git: BTreeSet<&str> = uris.filter(|uri| uri.starts_with("git+")).collect();
    if let (1, Some(uri)) = (git.len(), git.first()) {
        facts.source(uri);
    } else {
        facts.several = git.into_iter().map(called).collect();
    }
}

/// The same of a run of Tekton's, of which two spellings of one repository are one. It is the source where it is said to be git, and any other
/// repository beside it leaves none.
fn only_input(facts: &mut Facts, listed: &[Value]) {
    let repositories = listed.iter().filter(|one| platforms::is_repository(one));
    let uris: Vec<&str> = repositories.map(|one| one.get("uri").and_then(Value::as_str).unwrap_or_default()).collect();
    let alike: Vec<Cow<'_, str>> = uris.iter().map(|uri| platforms::alike(uri)).collect();
    // What is of no repository's form is one more.
    let distinct: BTreeSet<Option<Repository>> = alike.iter().map(|uri| Repository::of(split(uri).0)).collect();
    if distinct.len() > 1 {
        let called: BTreeSet<String> = alike.iter().map(|uri| called(uri)).collect();
        facts.several = called.into_iter().collect();
    } else if uris.iter().any(|uri| uri.starts_with("git+")) {
        for uri in &alike {
            facts.source(uri);
        }
    }
}

/// A repository in messages.
fn called(uri: &str) -> String {
    let name = Repository::of(split(uri).0).map_or_else(|| uri.to_owned(), |known| known.0);
    if name.is_empty() { "one without an address".to_owned() } else { name.chars().take(120).collect() }
}

enum Rest<'u> {
    Ref(&'u str),
    Commit(&'u str),
    Nothing,
}

/// A URI of a source as repository, and ref or commit: `…@refs/heads/main`, `….git#COMMIT`, `…/commit/COMMIT`.
fn split(uri: &str) -> (&str, Rest<'_>) {
    let path = uri.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    if let Some((_, reference)) = path.split_once('@') {
        let repository = uri.strip_suffix(reference).and_then(|uri| uri.strip_suffix('@'));
        return (repository.unwrap_or(uri), Rest::Ref(reference));
    }
    for mark in ["#", "/commit/"] {
        if let Some((repository, commit)) = uri.split_once(mark) {
            return (repository, if is_commit(commit) { Rest::Commit(commit) } else { Rest::Nothing });
        }
    }
    (uri, Rest::Nothing)
}

fn is_commit(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn text(value: &Value, path: &[&str]) -> Option<String> {
    let found = path.iter().try_fold(value, |value, name| value.get(name))?;
    found.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn list(value: Option<&Value>) -> Vec<Value> {
    value.and_then(Value::as_array).cloned().unwrap_or_default()
}

fn map(value: Option<&Value>) -> BTreeMap<String, Value> {
    let found: Option<&Map<String, Value>> = value.and_then(Value::as_object);
    found.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COMMIT: &str = "0123456789012345678901234567890123456789";

    #[expect(clippy::needless_pass_by_value, reason = "each case writes its predicate in place")]
    fn facts(version: &str, predicate: Value) -> Facts {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "name": "a", "digest": { "sha256": "0".repeat(64) } }],
            "predicateType": version,
            "predicate": predicate,
        });
        Facts::of(&Statement::parse(statement.to_string().as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_repository_is_the_same_however_it_is_spelled_and_no_other() {
        let of = |text: &str| Repository::of(text).map(|found| found.0);
        for text in ["github.com/o/r", "https://github.com/o/r", "git+https://github.com/o/r.git", "github.com/o/r/"] {
            assert_eq!(of(text).as_deref(), Some("github.com/o/r"), "{text}");
        }
        for text in
            ["Agithub.com/o/r", "github.com/o/R", "github.com/o/r2", "http://github.com/o/r", "ssh://github.com/o/r"]
        {
            assert_ne!(of(text).as_deref(), Some("github.com/o/r"), "{text}");
        }
        assert_eq!(of("github.com/o/r@main"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn gitlab_names_its_source_by_uri_and_its_commit_as_sha256() {
        let found = facts(
            PROVENANCE_V1,
            json!({
                "buildDefinition": {
                    "buildType": "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/a1b2/PROVENANCE.md",
                    "externalParameters": { "CI": "", "entryPoint": "build-job", "source": "https://gitlab.com/o/r" },
                    "internalParameters": { "job": "1", "name": "runner" },
                    "resolvedDependencies": [{ "uri": "https://gitlab.com/o/r", "digest": { "sha256": COMMIT } }],
                },
                "runDetails": { "builder": { "id": "https://gitlab.com/o/r/-/runners/1" } },
            }),
        );
        assert_eq!(found.repository.unwrap().as_str(), "gitlab.com/o/r");
        assert_eq!(found.reference, None);
        assert!(found.contradictions.is_empty() && found.dependencies.is_empty());
    }

    #[test]
    fn tekton_names_its_source_among_what_went_in_and_of_two_none() {
        let run = |materials: Value| {
            facts(
                PROVENANCE_V02,
                json!({
                    "builder": { "id": "https://tekton.dev/chains/v2" },
                    "buildType": "tekton.dev/v1beta1/TaskRun",
                    "invocation": { "configSource": {}, "parameters": { "IMAGE": "r/i" } },
                    "materials": materials,
                }),
            )
        };
        let image = json!({ "uri": "oci://gcr.io/x", "digest": { "sha256": "0".repeat(64) } });
        let source = json!({ "uri": "git+https://github.com/o/r.git", "digest": { "sha1": COMMIT } });
        let other = json!({ "uri": "git+https://github.com/o/other.git", "digest": { "sha1": COMMIT } });
        let found = run(json!([image, source]));
        assert_eq!(found.repository.unwrap().as_str(), "github.com/o/r");
        assert_eq!((found.commit.as_deref(), found.dependencies.len()), (Some(COMMIT), 1));
        assert_eq!(run(json!([source, other])).repository, None);
    }

    #[test]
    fn tekton_s_second_form_is_built_from_what_a_task_brought_and_not_from_where_the_pipeline_is_written() {
        let run = |external: Value, resolved: Value| {
            facts(
                PROVENANCE_V1,
                json!({
                    "buildDefinition": {
                        "buildType": "https://tekton.dev/chains/v2/slsa", "externalParameters": external,
                        "internalParameters": {}, "resolvedDependencies": resolved,
                    },
                    "runDetails": { "builder": { "id": "https://tekton.dev/chains/v2" } },
                }),
            )
        };
        let git = |name: &str, repository: &str, commit: &str| json!({ "name": name, "uri": format!("git+https://github.com/o/{repository}.git"), "digest": { "sha1": commit } });
        let image = json!({ "uri": "oci://gcr.io/x", "digest": { "sha256": "0".repeat(64) } });
        let external = json!({
            "runSpec": {}, "buildConfigSource": { "repository": "git+https://github.com/o/pipelines", "ref": format!("sha1:{COMMIT}"), "path": "p.yaml" },
        });
        let (pipeline, task) =
            (git("pipeline", "pipelines", &"a".repeat(40)), git("pipelineTask", "tasks", &"b".repeat(40)));
        let found = run(external.clone(), json!([pipeline, task, image, git("inputs/result", "r", COMMIT)]));
        assert_eq!(found.repository.unwrap().as_str(), "github.com/o/r");
        assert_eq!((found.commit.as_deref(), found.reference), (Some(COMMIT), None));
        assert!(found.contradictions.is_empty(), "{:?}", found.contradictions);
        assert_eq!(found.dependencies.len(), 3);
        // How it is built may be written in the repository that is built, at another commit.
        let own = git("pipeline", "r", &"a".repeat(40));
        let found = run(external.clone(), json!([own, git("inputs/result", "r", COMMIT)]));
        assert_eq!(found.commit.as_deref(), Some(COMMIT));
        assert!(found.contradictions.is_empty(), "{:?}", found.contradictions);
        // Where a pipeline or a task is written is never what was built; of two sources nobody picks one.
        for resolved in [
            json!([pipeline, task]),
            json!([pipeline]),
            json!([git("inputs/result", "r", COMMIT), git("inputs/result", "other", COMMIT)]),
        ] {
            assert_eq!(run(external.clone(), resolved.clone()).repository, None, "{resolved}");
        }
        // However the second is called: a task writes what it likes.
        let evil = |uri: &str, digest: Value| json!({ "name": "inputs/result", "uri": uri, "digest": digest });
        let commit = || json!({ "sha1": "d".repeat(40) });
        for second in [
            evil("https://github.com/evil/x", commit()),
            evil("https://github.com/evil/x", json!({})),
            evil("HTTPS://github.com/evil/x", json!({ "sha256": "0".repeat(64) })),
            evil("ssh://git@github.com/evil/x", commit()),
            evil("git@github.com:evil/x", json!({})),
            evil("github.com/evil/x", json!({ "gitCommit": "d".repeat(40) })),
            evil("evil", commit()),
            json!({ "name": "inputs/result", "digest": commit() }),
            evil("https://github.com/evil/x?archive=x.zip", json!({ "sha256": "0".repeat(64) })),
            evil("https://git.example/evil/x.git", json!({ "sha256": "0".repeat(64) })),
            evil("https://github.com/evil/x/archive/refs/heads/main.tar.gz", json!({ "sha256": "0".repeat(64) })),
            evil("https://github.com/evil/x/tarball/main", json!({ "sha256": "0".repeat(64) })),
            evil("https://codeload.github.com/evil/x/tar.gz/main", json!({ "sha256": "0".repeat(64) })),
            evil("https://api.github.com/repos/evil/x/tarball/main", json!({ "sha256": "0".repeat(64) })),
            evil("https://gitlab.com/g/evil/x/-/archive/main/x.tar.gz", json!({ "sha256": "0".repeat(64) })),
            evil("https://bitbucket.org/evil/x/get/main.zip", json!({ "sha256": "0".repeat(64) })),
            evil("git+ssh://git@github.com/evil/x.git", commit()),
        ] {
            let found = run(external.clone(), json!([git("inputs/result", "r", COMMIT), second]));
            assert_eq!(found.repository, None, "{second}");
            assert_eq!(found.several.len(), 2, "{second}");
            if second["uri"] != "git+ssh://git@github.com/evil/x.git" {
                assert_eq!(run(external.clone(), json!([second])).repository, None, "{second}");
            }
        }
        // An image that went in is no repository; and one repository may be spelled twice.
        let image = json!({ "name": "inputs/result", "uri": "oci://gcr.io/x", "digest": { "sha256": "0".repeat(64) } });
        for second in [
            image,
            evil("git+https://github.com/o/r", json!({ "sha1": COMMIT })),
            evil("https://github.com/o/r/", json!({})),
            evil("git+ssh://git@github.com/o/r.git", json!({ "sha1": COMMIT })),
            evil("git@github.com:o/r.git", json!({})),
            // Nor is a file that a task fetched.
            evil("https://go.example/dl/go1.23.linux-amd64.tar.gz", json!({ "sha256": "0".repeat(64) })),
            evil("https://github.com/e/r/releases/download/v1/x.tar.gz", json!({ "sha256": "0".repeat(64) })),
            evil("https://dl.example/bin/kubectl", json!({ "sha256": "0".repeat(64) })),
            evil(
                "https://gitlab.com/api/v4/projects/1/packages/generic/t/1.0/tool",
                json!({ "sha256": "0".repeat(64) }),
            ),
        ] {
            let found = run(external.clone(), json!([git("inputs/result", "r", COMMIT), second]));
            assert_eq!(found.repository.unwrap().as_str(), "github.com/o/r", "{second}");
            assert_eq!(found.commit.as_deref(), Some(COMMIT));
            assert!(found.contradictions.is_empty(), "{:?}", found.contradictions);
        }
        let two = run(
            json!({ "runSpec": {} }),
            json!([git("inputs/result", "r", COMMIT), git("inputs/result", "r", &"c".repeat(40))]),
        );
        assert_eq!(two.contradictions.len(), 1);
        // However the second one is spelled.
        let by_ssh = evil("git+ssh://git@github.com/o/r.git", commit());
        let two = run(json!({ "runSpec": {} }), json!([git("inputs/result", "r", COMMIT), by_ssh]));
        assert_eq!(two.contradictions.len(), 1);
    }

    #[test]
    fn a_second_repository_of_tekton_s_second_form_counts_whatever_it_is_called() {
        let run = |resolved: Value| {
            facts(
                PROVENANCE_V1,
                json!({
                    "buildDefinition": {
                        "buildType": "https://tekton.dev/chains/v2/slsa", "externalParameters": { "runSpec": {} },
                        "resolvedDependencies": resolved,
                    },
                    "runDetails": { "builder": { "id": "https://tekton.dev/chains/v2" } },
                }),
            )
        };
        let own =
            |name: &str| json!({ "name": name, "uri": "git+https://github.com/o/r.git", "digest": { "sha1": COMMIT } });
        let image = json!({ "uri": "oci://gcr.io/x", "digest": { "sha256": "0".repeat(64) } });
        for first in ["inputs/result", "pipelineResource", ""] {
            for second in ["inputs/result", "pipelineResource", ""] {
                for uri in ["git+https://github.com/e/vil.git", "https://github.com/e/vil.git"] {
                    let evil = json!({ "name": second, "uri": uri, "digest": { "sha1": "d".repeat(40) } });
                    let found = run(json!([image, own(first), evil]));
                    assert_eq!((found.repository, found.commit), (None, None), "{first} {second} {uri}");
                    assert_eq!(found.several, ["github.com/e/vil", "github.com/o/r"], "{first} {second} {uri}");
                }
                // One repository under two names is one.
                let found = run(json!([image, own(first), own(second)]));
                assert_eq!(found.repository.unwrap().as_str(), "github.com/o/r", "{first} {second}");
                assert_eq!((found.commit.as_deref(), found.contradictions.len()), (Some(COMMIT), 0));
            }
        }
    }

    #[test]
    fn tekton_s_first_form_is_not_built_from_where_its_pipeline_is_written() {
        let run = |kind: &str, materials: Value| {
            facts(
                PROVENANCE_V02,
                json!({
                    "builder": { "id": "https://tekton.dev/chains/v2" }, "buildType": kind,
                    "invocation": {
                        "configSource": { "uri": "git+https://github.com/o/pipelines.git", "digest": { "sha1": "a".repeat(40) } },
                        "parameters": {},
                    },
                    "materials": materials,
                }),
            )
        };
        let git = |repository: &str, commit: &str| json!({ "uri": format!("git+https://github.com/{repository}"), "digest": { "sha1": commit } });
        let image = json!({ "uri": "oci://gcr.io/x", "digest": { "sha256": "0".repeat(64) } });
        let (pipeline, task) = (git("o/pipelines.git", &"a".repeat(40)), git("o/pipelines", &"b".repeat(40)));
        for kind in
            ["tekton.dev/v1beta1/PipelineRun", "tekton.dev/v1/TaskRun", "https://tekton.dev/attestations/chains@v2"]
        {
            let found = run(kind, json!([image, git("o/r.git", COMMIT), pipeline, task]));
            assert_eq!(found.repository.unwrap().as_str(), "github.com/o/r", "{kind}");
            assert_eq!(found.commit.as_deref(), Some(COMMIT), "{kind}");
            assert_eq!((found.dependencies.len(), found.contradictions.len()), (3, 0), "{kind}");
            // With nothing else there is no source, and of two nobody picks one.
            for materials in [json!([pipeline, task]), json!([pipeline, git("o/r.git", COMMIT), git("e/vil", COMMIT)])]
            {
                let found = run(kind, materials.clone());
                assert_eq!((found.repository, found.commit), (None, None), "{kind} {materials}");
            }
        }
        // However the second is called, and with `configSource` or without.
        let second = |uri: &str| json!({ "uri": uri, "digest": { "sha1": "d".repeat(40) } });
        for kind in ["tekton.dev/v1beta1/PipelineRun", "tekton.dev/v1/TaskRun"] {
            for evil in ["https://github.com/e/vil", "ssh://git@github.com/e/vil", "e/vil"] {
                for how in [Some(&pipeline), None] {
                    let materials: Vec<&Value> = [Some(&image), how].into_iter().flatten().collect();
                    let mut materials = json!(materials);
                    let list = materials.as_array_mut().unwrap();
                    list.extend([git("o/r.git", COMMIT), second(evil)]);
                    let found = run(kind, materials.clone());
                    assert_eq!((found.repository, found.commit), (None, None), "{kind} {materials}");
                    assert_eq!(found.several.len(), 2, "{kind} {materials}");
                }
            }
            let twice = run(kind, json!([git("o/r.git", COMMIT), git("o/r", COMMIT), pipeline]));
            assert_eq!(twice.repository.unwrap().as_str(), "github.com/o/r", "{kind}");
            assert_eq!((twice.commit.as_deref(), twice.contradictions.len()), (Some(COMMIT), 0), "{kind}");
        }
        let unsaid = |materials: Value| {
            let invocation = json!({ "configSource": {}, "parameters": {} });
            let predicate = json!({
                "builder": { "id": "https://tekton.dev/chains/v2" }, "buildType": "tekton.dev/v1/TaskRun",
                "invocation": invocation, "materials": materials,
            });
            facts(PROVENANCE_V02, predicate)
        };
        let found = unsaid(json!([image, git("o/r.git", COMMIT), second("https://github.com/e/vil")]));
        assert_eq!(found.repository, None);
        assert_eq!(found.several, ["github.com/e/vil", "github.com/o/r"]);
        let found = unsaid(json!([image, git("o/r.git", COMMIT), git("o/r", COMMIT)]));
        assert_eq!(found.repository.unwrap().as_str(), "github.com/o/r");
        let other = run("https://other.example/type", json!([git("o/r.git", COMMIT), pipeline]));
        assert_eq!(other.repository.unwrap().as_str(), "github.com/o/pipelines");
    }

    #[test]
    fn gitlab_calls_its_commit_a_sha256_and_only_there_it_is_one() {
        let named = |kind: &str| {
            facts(
                PROVENANCE_V02,
                json!({
                    "buildType": kind, "builder": { "id": "https://gitlab.com/o/r/-/runners/1" },
                    "invocation": {
                        "configSource": { "uri": "https://gitlab.com/o/r", "digest": { "sha256": COMMIT }, "entryPoint": "build" },
                        "parameters": { "CI": "" },
                    },
                    "materials": [{ "uri": "https://gitlab.com/o/r", "digest": { "sha256": COMMIT } }],
                }),
            )
        };
        let found = named("https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v15.0.0/PROVENANCE.md");
        assert_eq!(found.commit.as_deref(), Some(COMMIT));
        assert_eq!(named("https://other.example/type").commit, None);
        let newer = facts(
            PROVENANCE_V1,
            json!({
                "buildDefinition": {
                    "buildType": "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1",
                    "externalParameters": { "source": "https://gitlab.com/o/r", "entryPoint": "build", "variables": { "CI": "true" } },
                    "internalParameters": { "job": 1 },
                    "resolvedDependencies": [{ "uri": "https://gitlab.com/o/r", "digest": { "gitCommit": COMMIT } }],
                },
                "runDetails": { "builder": { "id": "https://gitlab.com/o/r/-/runners/1" } },
            }),
        );
        assert_eq!((newer.repository.unwrap().as_str(), newer.commit.as_deref()), ("gitlab.com/o/r", Some(COMMIT)));
    }

    #[test]
    fn cloud_build_names_its_source_by_commit_or_by_its_configuration() {
        let old = facts(
            PROVENANCE_V01,
            json!({
                "builder": { "id": "https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.2" },
                "recipe": { "type": "https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.2", "arguments": {} },
                "materials": [{ "uri": format!("https://github.com/o/r/commit/{COMMIT}") }],
            }),
        );
        assert_eq!((old.repository.unwrap().as_str(), old.commit.as_deref()), ("github.com/o/r", Some(COMMIT)));
        let new = facts(
            PROVENANCE_V1,
            json!({
                "buildDefinition": {
                    "buildType": "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
                    "externalParameters": {
                        "buildConfigSource": { "path": "cloudbuild.yaml", "ref": "refs/heads/main", "repository": "git+https://github.com/o/r" },
                        "substitutions": {},
                    },
                    "resolvedDependencies": [{ "uri": "git+https://github.com/o/r@refs/heads/main", "digest": { "gitCommit": COMMIT } }],
                },
                "runDetails": { "builder": { "id": "https://cloudbuild.googleapis.com/GoogleHostedWorker" } },
            }),
        );
        assert_eq!(new.reference.as_deref(), Some("refs/heads/main"));
        assert_eq!(new.commit.as_deref(), Some(COMMIT));
    }

    #[test]
    fn cloud_build_names_its_tag_among_the_substitutions_and_nobody_else_does() {
        let built = |builder: &str, substitutions: Value| {
            facts(
                PROVENANCE_V01,
                json!({
                    "builder": { "id": builder },
                    "recipe": { "type": "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1", "arguments": { "substitutions": substitutions } },
                    "materials": [{ "uri": format!("https://github.com/o/r/commit/{COMMIT}"), "digest": { "sha1": COMMIT } }],
                }),
            )
        };
        let worker = "https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3";
        let found = built(worker, json!({ "TAG_NAME": "v33.0.4", "BRANCH_NAME": "main" }));
        assert_eq!(found.reference.as_deref(), Some("refs/tags/v33.0.4"));
        assert_eq!((found.commit.as_deref(), found.contradictions.len()), (Some(COMMIT), 0));
        for none in [json!({ "TAG_NAME": "" }), json!({ "TAG_NAME": 3 }), json!({ "BRANCH_NAME": "main" }), json!([])] {
            assert_eq!(built(worker, none.clone()).reference, None, "{none}");
        }
        assert_eq!(built("https://other.example/GoogleHostedWorker", json!({ "TAG_NAME": "v1" })).reference, None);
    }

    #[test]
    fn npm_on_gitlab_names_the_commit_behind_its_repository() {
        let uri = format!("git+https://gitlab.com/g/p@{COMMIT}");
        let found = facts(
            PROVENANCE_V02,
            json!({
                "buildType": "https://github.com/npm/cli/gitlab/v0alpha1", "builder": { "id": "https://gitlab.com/g/p/-/runners/1" },
                "invocation": { "configSource": { "uri": uri, "digest": { "sha1": COMMIT }, "entryPoint": "deploy" } },
                "materials": [{ "uri": uri, "digest": { "sha1": COMMIT } }],
            }),
        );
        assert_eq!((found.repository.unwrap().as_str(), found.commit.as_deref()), ("gitlab.com/g/p", Some(COMMIT)));
        assert_eq!((found.reference, found.contradictions.len()), (None, 0));
    }

    #[test]
    fn provenance_that_says_two_things_contradicts_itself() {
        let found = facts(
            PROVENANCE_V02,
            json!({
                "builder": { "id": "a:b" }, "buildType": "a:c",
                "invocation": {
                    "configSource": { "uri": "git+https://github.com/o/r@refs/tags/v1", "digest": { "sha1": COMMIT } },
                    "environment": { "github_ref": "refs/heads/main", "github_event_name": "push" },
                },
                "materials": [{ "uri": "git+https://github.com/o/r@refs/tags/v1", "digest": { "sha1": "f".repeat(40) } }],
            }),
        );
        assert_eq!(found.contradictions.len(), 2, "{:?}", found.contradictions);
    }
}
