//! A case as a folder that a tool of anybody's can be run on: a repository, the signed evidence, the forge's answers, and
//! `case.json`, which says what is asked and what has to be answered.

use super::Case;
use super::scene::{Hosting, REPOSITORY};
use super::stage::{ARTIFACT, AT, Ask, Gating, Stage};
use crate::world;
use countersign_core::bundle::Signed;
use countersign_core::digest::Sha256;
use countersign_core::forge::{Capture, commit_changes_request};
use countersign_core::git::Oid;
use countersign_core::git::content::HiddenKind;
use countersign_core::policy::Lock;
use countersign_core::statement::Statement;
use countersign_core::statement::change_review::ForgeKind;
use countersign_core::statement::review::Tier;
use countersign_decide::review::{AgreedBefore, BaseDrift, ForeignReviews, ForgeRules, Parameters};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What `case.json` calls its own form.
const SCHEMA: &str = "https://countersign.dev/review-case/v0.1";

/// Writes a case that is set up into a folder, which is made.
pub fn export(case: &Case, stage: &Stage, folder: &Path) {
    std::fs::create_dir_all(folder.join("evidence")).expect("a folder");
    let asked = match stage {
        Stage::Range(ask) => range(ask, folder),
        Stage::Gate(gating) => gate(gating, folder),
    };
    let mut document = json!({
        "schema": SCHEMA,
        "id": case.id,
        "family": case.family(),
        "side": case.side().word(),
        "what": case.what,
        "at": AT,
        "repo": "repo.git",
        "expected": {"verdict": case.verdict, "code": case.code},
    });
    merge(&mut document, asked);
    let text = serde_json::to_string_pretty(&document).expect("JSON");
    write(&folder.join("case.json"), text.as_bytes());
    write(&folder.join("case.env"), shell(&document).as_bytes());
}

fn range(ask: &Ask, folder: &Path) -> Value {
    let scene = &ask.scene;
    bare(&ask.repo.join(".git"), &folder.join("repo.git"));
    evidence(&scene.reviews.borrow(), &scene.captures, folder);
    let forge =
        scene.forge.borrow().as_ref().map(|hosting| forge(hosting, &folder.join("repo.git"), &folder.join("forge")));
    let mut asked = json!({
        "judge": if ask.marked.is_some() { "library" } else { "range" },
        "repository": REPOSITORY,
        "target": scene.target,
        "range": {"start": ask.start, "candidate": ask.candidate},
        "required": required(&scene.parameters),
        "trust": trust(&scene.trust, &scene.trust_digest, folder),
    });
    if let Some(branch) = scene.cut_from {
        asked["cutFrom"] = json!(branch);
    }
    if let Some(marked) = &ask.marked {
        asked["marked"] = json!(marked.hex());
    }
    if let Some(forge) = forge {
        asked["forge"] = forge;
    }
    asked
}

/// The gate is asked about an artifact: there is a store with a log and an active policy release besides.
fn gate(gating: &Gating, folder: &Path) -> Value {
    let (world, arguments) = (&gating.world, &gating.arguments);
    let repo = folder.join("repo.git");
    git(folder, &["init", "-q", "--bare", "-b", "main", "repo.git"], b"");
    for (id, object) in world.objects.iter() {
        let kind = object.kind.as_str();
        let written = git(&repo, &["hash-object", "-w", "--stdin", "-t", kind], &object.bytes);
        assert_eq!(written, id.hex());
    }
    git(&repo, &["update-ref", world::BRANCH, &world.tip.hex()], b"");
    git(&repo, &["update-ref", "refs/tags/start", &world.start.hex()], b"");
    for (name, object) in &world.tags {
        git(&repo, &["update-ref", name.as_str(), &object.hex()], b"");
    }
    std::fs::remove_dir_all(repo.join("hooks")).ok();
    evidence(&arguments.documents, &[], folder);
    world.write_store(&folder.join("store"));
    write(&folder.join("least.checkpoint"), &world.checkpoint());
    let lock = Lock(BTreeMap::from([(arguments.request.environment.clone(), world.pin.clone())]));
    write(&folder.join("countersign.lock"), lock.to_text().as_bytes());
    write(&folder.join("artifact"), ARTIFACT);
    json!({
        "judge": "gate",
        "repository": world::REPOSITORY,
        "target": world::BRANCH,
        "range": {"start": "refs/tags/start", "candidate": world::BRANCH},
        "required": required(&Parameters::default()),
        "trust": trust(&world.trust, &world.trust_digest, folder),
        "gate": {
            "artifact": "artifact", "digest": Sha256::of(ARTIFACT), "environment": arguments.request.environment,
            "store": "store", "leastCheckpoint": "least.checkpoint", "lock": "countersign.lock",
        },
    })
}

fn required(parameters: &Parameters) -> Value {
    let hidden: Vec<&str> = HiddenKind::ALL
        .iter()
        .filter(|(_, kind)| parameters.hidden_content.contains(kind))
        .map(|(word, _)| *word)
        .collect();
    json!({
        "reviewersBeyondAuthor": parameters.reviewers_beyond_author,
        "leastTier": match parameters.least_tier { Tier::T0 => "T0", Tier::T1 => "T1", Tier::T2 => "T2", Tier::T3 => "T3" },
        "baseDrift": match parameters.base_drift { BaseDrift::Allow => "allow", BaseDrift::Reapprove => "reapprove" },
        "agreedBefore": match parameters.agreed_before {
            AgreedBefore::Promotion => "promotion",
            AgreedBefore::Landing => "landing",
        },
        "forgeRules": match parameters.forge_rules { ForgeRules::Enforced => "enforced", ForgeRules::Any => "any" },
        "foreignReviews": match parameters.foreign_reviews {
            ForeignReviews::Ignore => "ignore",
            ForeignReviews::Count => "count",
        },
        "hiddenContent": hidden,
    })
}

/// The signed document, and what it says in the open, for tools that do not read it.
fn trust(signed: &[u8], digest: &Sha256, folder: &Path) -> Value {
    write(&folder.join("trust.sigstore.json"), signed);
    write(&folder.join("trust.digest"), format!("{digest}\n").as_bytes());
    let parsed = Signed::parse_lines(signed).expect("trust");
    let statement = Statement::parse(&parsed[0].1.payload).expect("trust");
    json!({"file": "trust.sigstore.json", "digest": digest, "says": statement.predicate})
}

fn evidence(documents: &[Vec<u8>], captures: &[Vec<u8>], folder: &Path) {
    for (n, document) in documents.iter().enumerate() {
        write(&folder.join(format!("evidence/{n:02}.sigstore.json")), document);
    }
    for (n, capture) in captures.iter().enumerate() {
        write(&folder.join(format!("evidence/{n:02}.forge-capture")), capture);
    }
}

/// Each answer with its bytes, and each delivery.
fn forge(hosting: &Hosting, repo: &Path, folder: &Path) -> Value {
    std::fs::create_dir_all(folder).expect("a folder");
    let first = &hosting.read.first().expect("something was read").head;
    let mut exchanges = BTreeMap::new();
    for (exchange, body) in hosting.read.iter().flat_map(Capture::answers) {
        exchanges.insert(exchange.name.clone(), (exchange, body));
    }
    let mut answers = Vec::new();
    for (n, (name, (exchange, body))) in exchanges.into_iter().enumerate() {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let file = format!("{n:03}.body");
        write(&folder.join(&file), body);
        let mut headers = BTreeMap::from([("content-type", "application/json; charset=utf-8".to_owned())]);
        headers.extend(exchange.link.as_deref().map(|link| ("link", anywhere(link))));
        headers.extend(exchange.next_page.clone().map(|page| ("x-next-page", page)));
        answers.push(json!({
            "method": method, "path": path, "status": exchange.status, "headers": headers, "body": file,
            "sha256": Sha256::of(body).hex(),
        }));
    }
    // Who starts from a range first asks for the repository, and then which changes each commit belongs to.
    let kind = first.forge;
    let commits = git(repo, &["rev-list", "--all"], b"");
    let commits = commits.lines().map(|id| {
        let id = Oid::from_hex(id).expect("an id");
        commit_changes_request(kind, &first.path, &id, 1).trim_start_matches("GET ").to_owned()
    });
    let root = match kind {
        ForgeKind::Github => format!("/repos/{}", first.path),
        ForgeKind::Gitlab => format!("/projects/{}", first.path.replace('/', "%2F")),
    };
    for path in std::iter::once(root).chain(commits) {
        let Some(said) = hosting.story.says(&path).filter(|_| !answers.iter().any(|known| known["path"] == *path))
        else {
            continue;
        };
        let (file, body) = (format!("{:03}.body", answers.len()), said.to_string());
        write(&folder.join(&file), body.as_bytes());
        answers.push(json!({
            "method": "GET", "path": path, "status": 200, "headers": {"content-type": "application/json; charset=utf-8"},
            "body": file, "sha256": Sha256::of(body.as_bytes()).hex(),
        }));
    }
    let mut deliveries = Vec::new();
    for (n, delivery) in hosting.deliveries.iter().enumerate() {
        let file = format!("{n:03}.delivery");
        write(&folder.join(&file), &delivery.body);
        deliveries.push(json!({"guid": delivery.guid, "event": delivery.event, "at": delivery.at, "body": file}));
    }
    let (kind, below) = if first.forge == ForgeKind::Github { ("github", "/api/v3") } else { ("gitlab", "/api/v4") };
    let told = json!({"answers": answers, "deliveries": deliveries});
    write(&folder.join("forge.json"), serde_json::to_string_pretty(&told).expect("JSON").as_bytes());
    json!({
        "kind": kind, "host": first.host, "path": first.path, "below": below, "file": "forge/forge.json",
        "changes": hosting.read.iter().map(|capture| capture.head.change).collect::<std::collections::BTreeSet<_>>(),
    })
}

/// A `Link` header, with `{api}` for the address that the API had when it was asked.
fn anywhere(link: &str) -> String {
    let parts = link.split("http://").map(|part| {
        let end = ["/api/v3", "/api/v4"].iter().find_map(|below| part.find(below).map(|at| at + below.len()));
        end.filter(|_| part.starts_with("127.0.0.1"))
            .map_or_else(|| part.to_owned(), |end| format!("{{api}}{}", &part[end..]))
    });
    parts.collect::<Vec<_>>().concat()
}

/// A git directory as a bare repository: everything that plays a part is copied as it is, refs, configuration, grafts,
/// objects, the mark of a shallow clone.
fn bare(git_dir: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    let left_out = ["hooks", "logs", "index", "COMMIT_EDITMSG", "ORIG_HEAD", "description", "branches"];
    for entry in std::fs::read_dir(git_dir).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        if left_out.iter().any(|left| name == **left) {
            continue;
        }
        let target = to.join(&name);
        if entry.path().is_dir() {
            crate::door::copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
    let config = std::fs::read_to_string(to.join("config")).expect("a configuration");
    write(&to.join("config"), config.replace("bare = false", "bare = true").as_bytes());
}

/// The question in the form of shell variables, for tools that are shell scripts.
fn shell(document: &Value) -> String {
    let text = |pointer: &str| match document.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            if items.is_empty() { "none".to_owned() } else { items.join(",") }
        }
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    };
    let names = [
        ("CASE", "/id"),
        ("JUDGE", "/judge"),
        ("REPOSITORY", "/repository"),
        ("TARGET", "/target"),
        ("CUT_FROM", "/cutFrom"),
        ("START", "/range/start"),
        ("CANDIDATE", "/range/candidate"),
        ("TRUST_DIGEST", "/trust/digest"),
        ("REVIEWERS_BEYOND_AUTHOR", "/required/reviewersBeyondAuthor"),
        ("LEAST_TIER", "/required/leastTier"),
        ("BASE_DRIFT", "/required/baseDrift"),
        ("AGREED_BEFORE", "/required/agreedBefore"),
        ("FORGE_RULES", "/required/forgeRules"),
        ("FOREIGN_REVIEWS", "/required/foreignReviews"),
        ("HIDDEN_CONTENT", "/required/hiddenContent"),
        ("ENVIRONMENT", "/gate/environment"),
        ("FORGE", "/forge/kind"),
    ];
    let lines: Vec<String> = names.iter().map(|(name, pointer)| format!("{name}='{}'\n", text(pointer))).collect();
    lines.concat()
}

fn merge(document: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (document.as_object_mut(), more) {
        into.extend(more);
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("written");
}

#[expect(clippy::disallowed_methods, reason = "a repository is made by git")]
fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git runs");
    child.stdin.take().expect("an input").write_all(input).expect("written");
    let output = child.wait_with_output().expect("git ends");
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
