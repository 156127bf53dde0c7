//! The input of a decision's rules, made of what was verified and of nothing else. A part for which there is no evidence
//! is not there.

use super::files;
use crate::config::{self, Files};
use crate::rules::Context;
use countersign_core::config::Part;
use countersign_core::cyclonedx::Inventory;
use countersign_core::git::graph;
use countersign_core::statement::Kind;
use countersign_core::statement::provenance::Tree;
use countersign_core::statement::review::Review;
use countersign_verify::document::SignerName;
use serde_json::{Map, Value, json};

/// The input.
pub(crate) fn of(context: &Context<'_>) -> Value {
    let request = context.request;
    let mut parts = Map::new();
    let mut put = |name: &str, part: Option<Value>| drop(part.map(|part| parts.insert(name.to_owned(), part)));
    let subject = request.subject.to_string();
    let here = place(&format!("{}  {subject}", request.subject_name), None);
    put("subject", Some(json!({ "name": request.subject_name, "digest": subject, "at": here })));
    put("environment", Some(json!(request.environment.as_str())));
    put("time", Some(json!(request.time.to_string())));
    put("source", source(context));
    put("provenance", provenance(context));
    put("sbom", sbom(context));
    put("commits", commits(context));
    put("reviews", reviews(context));
    let files = Files::of(context);
    put("images", files.whole(Part::Images).then(|| files::images(&files.images())));
    put("connections", files.whole(Part::Connections).then(|| files::connections(&files.connections())));
    let (plans, lacking) = config::plans(context, true, "");
    put("plan", lacking.is_empty().then(|| files::plans(&plans)));
    Value::Object(parts)
}

fn place(document: &str, pointer: Option<&str>) -> Value {
    json!({ "document": document, "pointer": pointer, "file": null, "line": null, "column": null })
}

fn source(context: &Context<'_>) -> Option<Value> {
    let (built, covered) = (context.provenance?, context.source?);
    let named = built.provenance.source().ok()?;
    Some(json!({
        "at": place(&format!("provenance {}", built.statement.document()), None),
        "repository": covered.repository.as_str(),
        "target": covered.target_ref.as_str(),
        "revision": named.commit.to_string(),
        "start": context.start.map(|start| start.to_string()),
        "tree": named.tree.map(|tree| if tree == Tree::Clean { "clean" } else { "dirty" }),
    }))
}

fn provenance(context: &Context<'_>) -> Option<Value> {
    let built = context.provenance?;
    let document = format!("provenance {}", built.statement.document());
    let dependencies: Vec<Value> = built
        .provenance
        .dependencies()
        .enumerate()
        .map(|(i, dependency)| {
            let pointer = format!("/predicate/buildDefinition/resolvedDependencies/{i}");
            json!({
                "at": place(&document, Some(&pointer)),
                "name": dependency.name,
                "uri": dependency.uri,
                "sha256": dependency.digest.sha256().ok().flatten().map(|digest| digest.hex()),
                "git_commit": dependency.digest.git_commit().ok().map(|commit| commit.to_string()),
            })
        })
        .collect();
    let details = &built.provenance.run_details;
    Some(json!({
        "at": place(&document, None),
        "level": built.level,
        "builder": details.builder.id.as_str(),
        "build_type": built.provenance.build_definition.build_type.as_str(),
        "invocation": details.metadata.invocation_id,
        "dependencies": dependencies,
    }))
}

/// All SBOMs about the artifact together: leaving a bad one out of sight by a good one does not work. One that does not
/// read makes the part be missing.
fn sbom(context: &Context<'_>) -> Option<Value> {
    let mut documents = Vec::new();
    let mut components = Vec::new();
    for statement in context.about_subject(Kind::Sbom) {
        let predicate = &statement.value().predicate;
        Inventory::read(predicate).ok()?;
        let document = format!("sbom {}", statement.document());
        let root = predicate.pointer("/metadata/component");
        let mut waiting = listed(predicate, "/predicate");
        waiting.reverse();
        if let Some(root) = root {
            waiting.extend(listed(root, "/predicate/metadata/component").into_iter().rev());
        }
        while let Some((component, pointer)) = waiting.pop() {
            if root != Some(component) {
                components.push(one(component, &document, &pointer));
            }
            waiting.extend(listed(component, &pointer).into_iter().rev());
        }
        documents.push(document);
    }
    (!documents.is_empty()).then(|| json!({ "documents": documents, "components": components }))
}

fn listed<'v>(value: &'v Value, at: &str) -> Vec<(&'v Value, String)> {
    let items = value.get("components").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().enumerate().map(|(i, item)| (item, format!("{at}/components/{i}"))).collect()
}

fn one(component: &Value, document: &str, pointer: &str) -> Value {
    let text = |name: &str| component.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let array = |name: &str| component.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named = |list: &str, key: &str, wanted: &str, value: &str| {
        let hit = array(list).iter().find(|item| item.get(key).and_then(Value::as_str) == Some(wanted));
        hit.and_then(|item| item.get(value)).and_then(Value::as_str).map(str::to_ascii_lowercase)
    };
    let kind = text("purl")
        .and_then(|purl| purl.strip_prefix("pkg:"))
        .and_then(|rest| rest.trim_start_matches('/').split_once('/'));
    let member = named("properties", "name", countersign_core::cyclonedx::WORKSPACE_MEMBER, "value");
    json!({
        "at": place(document, Some(pointer)),
        "ref": text("bom-ref"),
        "name": text("name"),
        "version": text("version"),
        "purl": text("purl"),
        "type": kind.map(|(kind, _)| kind.to_ascii_lowercase()),
        "sha256": named("hashes", "alg", "SHA-256", "content"),
        "scope": text("scope").unwrap_or("required"),
        "licenses": array("licenses").iter().map(licence).collect::<Vec<String>>(),
        "workspace_member": member.as_deref() == Some("true"),
    })
}

/// An identifier, a name or an expression; what is none of them is given as it stands, not left out.
fn licence(value: &Value) -> String {
    let known = [value.pointer("/license/id"), value.pointer("/license/name"), value.get("expression")];
    known.into_iter().flatten().find_map(Value::as_str).map_or_else(|| value.to_string(), str::to_owned)
}

fn commits(context: &Context<'_>) -> Option<Value> {
    let (history, start) = (context.history?, context.start?);
    let candidate = context.provenance?.provenance.source().ok()?.commit;
    if history.facts().candidate != candidate {
        return None;
    }
    let range = graph::range(history.objects(), &candidate, &start).ok()?;
    let one = |id: &countersign_core::git::Oid| {
        let commit = history.objects().commit(id).ok()?;
        Some(json!({
            "at": place(&format!("commit {id}"), None),
            "id": id.to_string(),
            "tree": commit.tree.to_string(),
            "parents": commit.parents.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "message": String::from_utf8_lossy(&commit.message),
            "signed": commit.signature.is_some(),
        }))
    };
    range.iter().map(one).collect::<Option<Vec<Value>>>().map(Value::Array)
}

fn reviews(context: &Context<'_>) -> Option<Value> {
    context.history?;
    let mut out = Vec::new();
    for statement in context.evidence.of_kind(Kind::Review).chain(context.against.evidence.of_kind(Kind::Review)) {
        let review: Review = statement.value().predicate_as(Kind::Review).ok()?;
        let person = match &statement.signed_by().owner {
            SignerName::Person(id) => Some(id.to_string()),
            SignerName::Builder { .. } | SignerName::Collector(_) | SignerName::Gate(_) | SignerName::Verifier(_) => {
                None
            }
        };
        out.push(json!({
            "at": place(&format!("review {}", statement.document()), None),
            "person": person,
            "decision": serde_json::to_value(review.decision).ok()?,
            "repository": review.repository.as_str(),
            "target": review.target_ref.as_str(),
            "base": review.base_commit.to_string(),
            "head": review.head_commit.to_string(),
        }));
    }
    Some(Value::Array(out))
}
