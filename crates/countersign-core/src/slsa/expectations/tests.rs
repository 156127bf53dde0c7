//! Expectations against facts.

use super::*;
use crate::slsa::builders::GITHUB_ISSUER;
use serde_json::json;

const BUILDER: &str = "https://github.com/o/b/.github/workflows/build.yml@refs/tags/v1.0.0";

fn facts() -> Facts {
    Facts {
        builder: BUILDER.to_owned(),
        build_type: "https://example.com/type".to_owned(),
        repository: Repository::of("github.com/o/r"),
        reference: Some("refs/tags/v2.1.0".to_owned()),
        base_branch: Some("refs/heads/main".to_owned()),
        commit: Some("a".repeat(40)),
        parameters: BTreeMap::from([("flag".to_owned(), json!("x"))]),
        ..Facts::default()
    }
}

fn expected(text: &str) -> Expectations {
    let head = format!("any-parameters = [\"flag\"]\n{text}\n");
    let builder = format!("[[builders]]\nid = \"{BUILDER}\"\nlevel = 3\n");
    let text = if text.contains("[[builders]]") { head } else { head + &builder };
    Expectations::from_toml(text.as_bytes()).unwrap()
}

fn judged(wanted: &Expectations, facts: &Facts, claims: &BTreeMap<Claim, String>) -> (u8, Vec<String>) {
    let signer = SignerFacts::Certificate { issuer: GITHUB_ISSUER, name: BUILDER, claims };
    let (level, found) = wanted.judge(facts, signer, "here");
    (level, found.iter().map(|finding| finding.code.to_string()).collect())
}

#[test]
fn what_is_as_expected_shows_the_level_of_the_pair() {
    let none = BTreeMap::new();
    for text in [
        "",
        "source = \"github.com/o/r\"",
        "tag = \"v2.1.0\"",
        "versioned-tag = \"v2\"",
        "branch = \"main\"",
        "level = 3",
    ] {
        assert_eq!(judged(&expected(text), &facts(), &none), (3, vec![]), "{text}");
    }
}

#[test]
fn the_branch_that_a_tag_was_made_on_is_believed_of_a_builder_apart_from_its_tenant_alone() {
    let none = BTreeMap::new();
    let tenant = format!("branch = \"main\"\n[[builders]]\nid = \"{BUILDER}\"\nlevel = 2\n");
    assert_eq!(judged(&expected(&tenant), &facts(), &none), (2, vec!["provenance-ref".to_owned()]));
}

#[test]
fn on_a_machine_of_its_tenant_s_a_builder_shows_no_third_level_unless_the_machine_is_named() {
    let on = |runner: &str| BTreeMap::from([(Claim::Runner, runner.to_owned())]);
    assert_eq!(judged(&expected("level = 3"), &facts(), &on("github-hosted")), (3, vec![]));
    assert_eq!(judged(&expected("level = 2"), &facts(), &on("self-hosted")), (2, vec![]));
    assert_eq!(judged(&expected("level = 3"), &facts(), &on("self-hosted")), (2, vec!["builder-level".to_owned()]));
    let named = format!(
        "level = 3\n[[builders]]\nid = \"{BUILDER}\"\nissuer = \"{GITHUB_ISSUER}\"\nsubject = \"{BUILDER}\"\nlevel = 3\n[builders.claims]\nrunner = \"self-hosted\"\n"
    );
    assert_eq!(judged(&expected(&named), &facts(), &on("self-hosted")), (3, vec![]));
}

#[test]
fn each_thing_that_differs_has_a_code_of_its_own() {
    let none = BTreeMap::new();
    for (text, code) in [
        ("source = \"github.com/o/rr\"", "provenance-source"),
        ("commit = \"bbbb\"", "provenance-source"),
        ("tag = \"v2.1\"", "provenance-ref"),
        ("versioned-tag = \"v3\"", "provenance-ref"),
        ("branch = \"release\"", "provenance-ref"),
        ("build-types = [\"https://example.com/other\"]", "provenance-build-type"),
        ("[inputs]\na = \"1\"", "provenance-parameter"),
        ("[parameters]\nflag = \"y\"", "provenance-parameter"),
    ] {
        assert_eq!(judged(&expected(text), &facts(), &none).1, [code], "{text}");
    }
}

#[test]
fn an_unknown_parameter_is_refused_and_so_is_every_other_once_one_is_named() {
    let none = BTreeMap::new();
    let mut wanted = expected("");
    wanted.any_parameters.clear();
    assert_eq!(judged(&wanted, &facts(), &none).1, ["external-parameter-unknown"]);
    wanted.parameters.insert("flag".to_owned(), json!("x"));
    assert!(judged(&wanted, &facts(), &none).1.is_empty());
    let mut more = facts();
    more.parameters.insert("other".to_owned(), Value::Null);
    assert_eq!(judged(&wanted, &more, &none).1, ["external-parameter-unknown"]);
}

#[test]
fn the_certificate_has_to_say_what_the_provenance_says() {
    let claims = |claim, value: &str| BTreeMap::from([(claim, value.to_owned())]);
    let wanted = expected("");
    assert!(judged(&wanted, &facts(), &claims(Claim::Repository, "https://github.com/o/r")).1.is_empty());
    for (claim, value) in
        [(Claim::Repository, "https://github.com/o/other"), (Claim::Ref, "refs/heads/x"), (Claim::Commit, "b")]
    {
        assert_eq!(judged(&wanted, &facts(), &claims(claim, value)).1, ["provenance-contradicts"], "{value}");
    }
}

#[test]
fn a_pair_of_builder_and_signer_is_taken_whole() {
    let none = BTreeMap::new();
    let pair = |signer: &str| expected(&format!("[[builders]]\nid = \"{BUILDER}\"\n{signer}\n"));
    let subject = |name: &str| format!("issuer = \"{GITHUB_ISSUER}\"\nsubject = \"{name}\"");
    assert_eq!(judged(&pair(&subject(BUILDER)), &facts(), &none), (1, vec![]));
    assert_eq!(judged(&pair(&subject("https://github.com/o/b/")), &facts(), &none).1, ["provenance-builder"]);
    assert_eq!(judged(&pair("key = \"k\""), &facts(), &none).1, ["provenance-builder"]);
    // Nobody is named, and this builder is none that is known.
    assert_eq!(judged(&Expectations { builders: vec![], ..expected("") }, &facts(), &none).1, ["provenance-builder"]);
}

#[test]
fn expectations_that_cannot_be_are_refused() {
    for text in [
        "source = \"nowhere\"",
        "level = 4",
        "tag = \"v1\"\nversioned-tag = \"v1\"",
        "surprise = 1",
        "[[builders]]\nid = \"a:b\"\nsubject = \"x\"",
        "[[builders]]\nid = \"a:b\"\nsubject = { regex = \"github.com\" }\nissuer = \"a:c\"",
    ] {
        assert!(Expectations::from_toml(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_builder_that_is_expected_and_not_spoken_for_is_told_from_another_one() {
    let said = |id: &str| {
        let wanted = expected(&format!("[[builders]]\nid = \"{id}\"\n"));
        let (level, found) = wanted.judge(&facts(), SignerFacts::Key("k"), "here");
        (level, found.first().map(|finding| finding.what.clone()).unwrap_or_default())
    };
    let (level, message) = said(BUILDER);
    assert!(level == 0 && message.contains("does not speak for it"), "{message}");
    let (level, message) = said("https://example.com/other");
    assert!(level == 0 && message.contains("none that is expected"), "{message}");
}

#[test]
fn of_very_many_parameters_that_nobody_expects_the_first_are_listed_and_the_rest_is_counted() {
    let many = |count: usize| {
        let parameters = (0..count).map(|number| (format!("p{number:05}"), json!(1))).collect();
        let facts = Facts { parameters, build_type: "t".repeat(10_000), ..facts() };
        expected("").judge_build(&facts, "here")
    };
    let found = many(20_000);
    assert_eq!(found.len(), limits::FINDINGS_LISTED + 1);
    assert!(found.iter().all(|finding| finding.code == codes::EXTERNAL_PARAMETER_UNKNOWN && finding.class.blocks()));
    assert!(found[100].found[0].starts_with("19900 more, of build type ttt"), "{:?}", found[100]);
    assert!(found.iter().all(|finding| finding.found[0].len() < 300));
    assert_eq!(many(limits::FINDINGS_LISTED).len(), limits::FINDINGS_LISTED);
}

#[test]
fn of_very_many_repositories_and_contradictions_some_are_named() {
    let wanted = expected("source = \"github.com/o/r\"");
    let several = (0..5_000).map(|number| format!("github.com/o/{number}")).collect();
    let (_, found) = wanted.judge(&Facts { repository: None, several, ..facts() }, SignerFacts::Key("k"), "here");
    let said = found.iter().flat_map(|finding| &finding.found).find(|text| text.starts_with("several")).unwrap();
    assert!(said.ends_with("github.com/o/19, and 4980 more"), "{said}");
}

#[test]
fn the_parameters_of_tekton_and_gitlab_are_known_and_a_variable_s_bare_name_is_nobody_s_choice() {
    let none = BTreeMap::new();
    let found = |kind: &str, parameters: &[(&str, Value)], text: &str| {
        let mut wanted = expected(text);
        wanted.any_parameters.clear();
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        judged(&wanted, &Facts { build_type: kind.to_owned(), parameters, ..facts() }, &none).1
    };
    let tekton = "https://tekton.dev/chains/v2/slsa";
    assert!(found(tekton, &[("runSpec", json!({})), ("buildConfigSource", json!({}))], "").is_empty());
    assert_eq!(found(tekton, &[("other", json!({}))], ""), ["external-parameter-unknown"]);
    let gitlab = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1";
    let job = [
        ("source", json!("https://gitlab.com/o/r")),
        ("entryPoint", json!("build")),
        ("variables", json!({ "A": "b" })),
    ];
    assert!(found(gitlab, &job, "").is_empty());
    let runner = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v15.0.0/PROVENANCE.md";
    let names = [
        ("source", json!("https://gitlab.com/o/r")),
        ("entryPoint", json!("build")),
        ("CI", json!("")),
        ("A", json!("")),
    ];
    assert!(found(runner, &names, "").is_empty());
    assert!(
        found(runner, &names[1..], "parameters = { entryPoint = \"build\" }").is_empty(),
        "the names are no choice"
    );
    assert_eq!(found(runner, &[("A", json!("b"))], ""), ["external-parameter-unknown"]);
    for other in ["https://gitlab.com/gitlab-org/gitlab-runner/-/blob/x/y/PROVENANCE.md", "https://example.com/type"] {
        assert_eq!(found(other, &[("CI", json!(""))], ""), ["external-parameter-unknown"], "{other}");
    }
}

#[test]
fn the_fields_of_a_cloud_build_and_the_variables_of_npm_s_jobs_are_known_until_one_is_named() {
    let none = BTreeMap::new();
    let found = |kind: &str, name: &str, text: &str| {
        let mut wanted = expected(text);
        wanted.any_parameters.clear();
        let parameters = BTreeMap::from([(name.to_owned(), json!("x"))]);
        judged(&wanted, &Facts { build_type: kind.to_owned(), parameters, ..facts() }, &none).1
    };
    let cloud = "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1";
    for name in [
        "tags",
        "logsBucket",
        "artifacts",
        "buildTriggerId",
        "queueTtl",
        "projectId",
        "availableSecrets",
        "secrets",
        "name",
    ] {
        assert!(found(cloud, name, "").is_empty(), "{name}");
    }
    assert_eq!(found(cloud, "other", ""), ["external-parameter-unknown"]);
    let npm = "https://github.com/npm/cli/gitlab/v0alpha1";
    for name in ["CI", "CI_COMMIT_SHA", "GITLAB_USER_ID", "RUNNER_GENERATE_ARTIFACTS_METADATA"] {
        assert!(found(npm, name, "").is_empty(), "{name}");
        assert_eq!(found("https://github.com/npm/cli/gha/v2", name, ""), ["external-parameter-unknown"], "{name}");
        let strict = found(npm, name, "[parameters]\nother = \"y\"");
        assert!(strict.contains(&"external-parameter-unknown".to_owned()), "{name}: {strict:?}");
    }
    assert_eq!(found(npm, "DEPLOY_TO", ""), ["external-parameter-unknown"]);
}
