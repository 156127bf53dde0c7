//! What gittuf and the SLSA source tool leave in a repository, made by git itself and signed with `ssh-keygen`, in their own
//! formats: envelopes as files of a tree, a log of signed commits, and notes.

use super::scene::{MAIN, Scene, run};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::path::Path;

/// The attestations' ref.
pub(super) const ATTESTATIONS: &str = "refs/gittuf/attestations";
const LOG: &str = "refs/gittuf/reference-state-log";
const PAYLOAD: &str = "application/vnd.gittuf+json";

/// That a ref may move from a commit to a tree.
pub(super) fn authorization(target: &str, from: &str, tree: &str) -> Value {
    let predicate = json!({"targetRef": target, "fromID": from, "targetID": tree});
    statement("https://gittuf.dev/reference-authorization/v0.2", tree, &predicate)
}

/// What an app says of approvals on a forge.
pub(super) fn approval(from: &str, tree: &str, approvers: &[&str], dismissed: &[&str]) -> Value {
    let predicate = json!({"targetRef": MAIN, "fromRevisionID": from, "targetTreeID": tree,
        "approvers": approvers, "dismissedApprovers": dismissed});
    statement("https://gittuf.dev/github-pull-request-approval/v0.1", tree, &predicate)
}

fn statement(kind: &str, tree: &str, predicate: &Value) -> Value {
    json!({"_type": "https://in-toto.io/Statement/v1", "subject": [{"digest": {"gitTree": tree}}],
        "predicateType": kind, "predicate": predicate})
}

/// An envelope that these people's keys sign, in this order.
pub(super) fn envelope(scene: &Scene, statement: &Value, signers: &[&str]) -> String {
    let payload = statement.to_string();
    let message = format!("DSSEv1 {} {PAYLOAD} {} {payload}", PAYLOAD.len(), payload.len());
    let signature = |signer: &&str| {
        let file = scene.folder().join("to-sign");
        let sig = scene.folder().join("to-sign.sig");
        drop(std::fs::remove_file(&sig));
        std::fs::write(&file, &message).expect("written");
        let (key, file) = (scene.folder().join(signer).display().to_string(), file.display().to_string());
        run(Path::new("/"), "ssh-keygen", &["-q", "-Y", "sign", "-n", "git", "-f", &key, &file], &[]);
        let armor = std::fs::read(sig).expect("a signature");
        json!({"keyid": format!("SHA256:{signer}"), "sig": BASE64.encode(armor)})
    };
    let signatures: Vec<Value> = signers.iter().map(signature).collect();
    json!({"payloadType": PAYLOAD, "payload": BASE64.encode(&payload), "signatures": signatures}).to_string()
}

/// Where an authorization of a move of main lies.
pub(super) fn path(from: &str, tree: &str) -> String {
    format!("reference-authorizations/{MAIN}/{from}-{tree}")
}

/// Where an app's word of a move of main lies.
pub(super) fn app_path(from: &str, tree: &str) -> String {
    format!("code-review-approvals/{MAIN}/{from}-{tree}/github/YXBw")
}

/// Makes these files the attestations, and records that in the log.
pub(super) fn attest(scene: &Scene, files: &[(String, String)]) -> String {
    let modes: Vec<(&str, String, String)> =
        files.iter().map(|(p, text)| ("100644", p.clone(), text.clone())).collect();
    attest_as(scene, &modes)
}

/// The same, with a mode for each.
pub(super) fn attest_as(scene: &Scene, files: &[(&str, String, String)]) -> String {
    let index = scene.folder().join("gittuf-index");
    drop(std::fs::remove_file(&index));
    let index = index.display().to_string();
    for (mode, path, text) in files {
        let file = scene.folder().join("blob");
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
pub(super) fn attest_tree(scene: &Scene, tree: &str) -> String {
    let commit = scene.git(&["commit-tree", tree, "-m", "Update attestations"]);
    scene.git(&["update-ref", ATTESTATIONS, &commit]);
    record(scene, None, ATTESTATIONS, &commit);
    commit
}

/// Records in the log that a ref came to a commit.
pub(super) fn record(scene: &Scene, signer: Option<&str>, name: &str, id: &str) {
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
