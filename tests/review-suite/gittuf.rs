//! What gittuf and the SLSA source tool leave in a repository, made by git itself and signed with `ssh-keygen`, in their own
//! formats: envelopes as files of a tree, a log of signed commits, and notes.

use super::scene::{MAIN, Scene, run};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::path::Path;

/// The attestations' ref.
pub const ATTESTATIONS: &str = "refs/gittuf/attestations";
const LOG: &str = "refs/gittuf/reference-state-log";
const PAYLOAD: &str = "application/vnd.gittuf+json";

/// That a ref may move from a commit to a tree.
#[must_use]
pub fn authorization(target: &str, from: &str, tree: &str) -> Value {
    let predicate = json!({"targetRef": target, "fromID": from, "targetID": tree});
    statement("https://gittuf.dev/reference-authorization/v0.2", tree, &predicate)
}

/// What an app says of approvals on a forge.
#[must_use]
pub fn approval(from: &str, tree: &str, approvers: &[&str], dismissed: &[&str]) -> Value {
    let predicate = json!({"targetRef": MAIN, "fromRevisionID": from, "targetTreeID": tree,
        "approvers": approvers, "dismissedApprovers": dismissed});
    statement("https://gittuf.dev/github-pull-request-approval/v0.1", tree, &predicate)
}

/// What a verifier says of a commit, as the source tool writes it.
#[must_use]
pub fn summary(verifier: &str, repository: &str, commit: &str) -> Value {
    let subject = json!([{"digest": {"gitCommit": commit}, "annotations": {"source_refs": [MAIN]}}]);
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": subject,
        "predicateType": "https://slsa.dev/verification_summary/v1",
        "predicate": {"verifier": {"id": verifier}, "resourceUri": repository, "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_SOURCE_LEVEL_3"], "timeVerified": "2026-06-01T21:51:51.451207508Z",
            "policy": {"uri": "https://example.com/policy"}}})
}

/// How a commit came to a branch, as the source tool writes it: within a bundle that a certificate signs.
#[must_use]
pub fn source_provenance(repository: &str, commit: &str, before: &str) -> String {
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"gitCommit": commit}}],
        "predicateType": "https://github.com/slsa-framework/source-tool/source-provenance/v1",
        "predicate": {"activity_type": "pr_merge", "actor": "someone", "branch": MAIN, "prev_commit": before,
            "created_on": "2026-05-31T21:52:36.665624162Z", "repo_uri": repository,
            "controls": [{"name": "REVIEW_ENFORCED", "since": "2025-01-26T02:23:18.106Z"}]}});
    json!({"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"certificate": {"rawBytes": "AAAA"}},
        "dsseEnvelope": {"payloadType": "application/vnd.in-toto+json", "payload": BASE64.encode(statement.to_string()),
            "signatures": [{"sig": BASE64.encode("signature")}]}})
    .to_string()
}

/// Adds lines to the note of a commit, where the source tool keeps them.
pub fn note(scene: &Scene, commit: &str, line: &str) {
    scene.git(&["-c", "user.name=x", "-c", "user.email=x@example.com", "notes", "append", "-m", line, commit]);
}

fn statement(kind: &str, tree: &str, predicate: &Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"gitTree": tree}}],
        "predicateType": kind, "predicate": predicate})
}

/// An envelope that these people's keys sign, in this order.
#[must_use]
pub fn envelope(scene: &Scene, statement: &Value, signers: &[&str]) -> String {
    let payload = statement.to_string();
    let message = format!("DSSEv1 {} {PAYLOAD} {} {payload}", PAYLOAD.len(), payload.len());
    let signature = |signer: &&str| {
        let file = scene.path().join("to-sign");
        let sig = scene.path().join("to-sign.sig");
        drop(std::fs::remove_file(&sig));
        std::fs::write(&file, &message).expect("written");
        let (key, file) = (scene.path().join(signer).display().to_string(), file.display().to_string());
        run(Path::new("/"), "ssh-keygen", &["-q", "-Y", "sign", "-n", "git", "-f", &key, &file], &[]);
        let armor = std::fs::read(sig).expect("a signature");
        json!({"keyid": format!("SHA256:{signer}"), "sig": BASE64.encode(armor)})
    };
    let signatures: Vec<Value> = signers.iter().map(signature).collect();
    json!({"payloadType": PAYLOAD, "payload": BASE64.encode(&payload), "signatures": signatures}).to_string()
}

/// Where an authorization of a move of main lies.
#[must_use]
pub fn path(from: &str, tree: &str) -> String {
    format!("reference-authorizations/{MAIN}/{from}-{tree}")
}

/// Where an app's word of a move of main lies.
#[must_use]
pub fn app_path(from: &str, tree: &str) -> String {
    format!("code-review-approvals/{MAIN}/{from}-{tree}/github/YXBw")
}

/// Makes these files the attestations, and records that in the log.
pub fn attest(scene: &Scene, files: &[(String, String)]) -> String {
    let modes: Vec<(&str, String, String)> =
        files.iter().map(|(p, text)| ("100644", p.clone(), text.clone())).collect();
    attest_as(scene, &modes)
}

/// The same, with a mode for each.
pub fn attest_as(scene: &Scene, files: &[(&str, String, String)]) -> String {
    let index = scene.path().join("gittuf-index");
    drop(std::fs::remove_file(&index));
    let index = index.display().to_string();
    for (mode, path, text) in files {
        let file = scene.path().join("blob");
        std::fs::write(&file, text).expect("written");
        let id = scene.git(&["hash-object", "-w", &file.display().to_string()]);
        let entry = format!("{mode},{id},{path}");
        let arguments = ["update-index", "--add", "--cacheinfo", &entry];
        run(&scene.repo(), "git", &arguments, &[("GIT_INDEX_FILE", &index)]);
    }
    let tree = run(&scene.repo(), "git", &["write-tree"], &[("GIT_INDEX_FILE", &index)]);
    attest_tree(scene, &tree)
}

/// Makes a tree the attestations, and records that in the log.
pub fn attest_tree(scene: &Scene, tree: &str) -> String {
    let commit = scene.git(&["commit-tree", tree, "-m", "Update attestations"]);
    scene.git(&["update-ref", ATTESTATIONS, &commit]);
    record(scene, None, ATTESTATIONS, &commit);
    commit
}

/// Records in the log that a ref came to a commit.
pub fn record(scene: &Scene, signer: Option<&str>, name: &str, id: &str) {
    let before = scene.git(&["for-each-ref", "--format=%(objectname)", LOG]);
    let empty = scene.git(&["hash-object", "-w", "-t", "tree", "/dev/null"]);
    let message = format!("RSL Reference Entry\n\nref: {name}\ntargetID: {id}\nnumber: 1");
    let mut arguments = vec!["commit-tree", empty.as_str(), "-m", &message];
    if !before.is_empty() {
        arguments.extend(["-p", &before]);
    }
    if signer.is_some() {
        arguments.push("-S");
    }
    let entry = scene.git_as(signer, signer.unwrap_or("nobody"), &arguments);
    scene.git(&["update-ref", LOG, &entry]);
}
