//! Images, connections and plans as rules read them; from snapshots, and from the files of a case.

use countersign_core::config::plan::{PlanRole, State};
use countersign_core::config::{self, Certainty, Connection, Database, Encryption, FileKind, Found, Image};
use countersign_core::digest::Sha256;
use countersign_core::statement::iac_plan::IacPlan;
use countersign_core::yaml::Yaml;
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

/// The parts of the input that the files of a case make, by the readers that read a revision. A file that would make a
/// snapshot incomplete is an error: the rule would have nothing to read.
pub(super) fn of_case(files: &Yaml) -> Result<Vec<(&'static str, Value)>, (&Yaml, String)> {
    let mut all = Found::default();
    if files.entries().is_empty() {
        return Err((files, "`files` is a mapping of paths to what stands in them".to_owned()));
    }
    for (path, text) in files.entries() {
        let Some(content) = text.text() else {
            return Err((text, "what stands in a file is text".to_owned()));
        };
        let Some(kind) = FileKind::of(&path.name) else {
            return Err((text, format!("nothing is read of a file with the name {}", path.name)));
        };
        let found = config::read(&path.name, kind, content.as_bytes());
        let found = found.map_err(|unread| (text, format!("{} is not read: {}", path.name, unread.why)))?;
        if let Some(unread) = found.elsewhere {
            return Err((text, format!("{} is not read as a whole: {}", path.name, unread.why)));
        }
        all.images.extend(found.images);
        all.connections.extend(found.connections);
    }
    let document = Sha256::of(b"");
    Ok(vec![
        ("images", images(&all.images.into_iter().map(|image| (image, document)).collect())),
        ("connections", connections(&all.connections.into_iter().map(|one| (one, document)).collect())),
    ])
}
