//! Images, connections and plans as rules read them; from snapshots, and from the files of a case.

use countersign_core::config::plan::{PlanRole, State};
use countersign_core::config::{Certainty, Connection, Database, Encryption, Image};
use countersign_core::digest::Sha256;
use countersign_core::statement::iac_plan::IacPlan;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn images(all: &BTreeMap<Image, Sha256>) -> Value {
    let one = |(image, document): (&Image, &Sha256)| {
        json!({
            "at": at(document, &image.file, image.line, image.column),
            "written": image.written,
            "role": image.role.word(),
            "maybe": image.certainty == Certainty::Maybe,
            "host": image.host,
            "path": image.path,
            "tag": image.tag,
            "digest": image.digest,
            "unknown": image.unknown,
        })
    };
    Value::Array(all.iter().map(one).collect())
}

pub(super) fn connections(all: &BTreeMap<Connection, Sha256>) -> Value {
    let one = |(connection, document): (&Connection, &Sha256)| {
        let encrypted = match connection.encryption {
            Encryption::Encrypted => Some(true),
            Encryption::Plain => Some(false),
            Encryption::Unknown => None,
        };
        json!({
            "at": at(document, &connection.file, connection.line, connection.column),
            "database": connection.database.map(Database::word),
            "host": connection.host,
            "local": connection.local,
            "encrypted": encrypted,
            "because": connection.because,
        })
    };
    Value::Array(all.iter().map(one).collect())
}

pub(super) fn plans(all: &[(IacPlan, Sha256)]) -> Value {
    let mut out = Vec::new();
    for (said, document) in all {
        for resource in &said.plan.known {
            let settings = resource.settings.iter().map(|setting| {
                let holds = match setting.state {
                    State::On => Some(true),
                    State::Off => Some(false),
                    State::Unknown => None,
                };
                json!({ "name": setting.name, "path": setting.path, "holds": holds })
            });
            let pointer = format!("/resource_changes/{}", resource.index);
            out.push(json!({
                "at": { "document": format!("iac-plan {document}"), "pointer": pointer, "file": null, "line": null, "column": null },
                "address": resource.address,
                "type": resource.kind,
                "role": if resource.role == PlanRole::Database { "database" } else { "audit-log" },
                "action": resource.action.word(),
                "settings": settings.collect::<Vec<_>>(),
            }));
        }
    }
    Value::Array(out)
}

fn at(document: &Sha256, file: &str, line: u64, column: u64) -> Value {
    let document = format!("config-snapshot {document}");
    json!({ "document": document, "pointer": null, "file": file, "line": line, "column": column })
}
