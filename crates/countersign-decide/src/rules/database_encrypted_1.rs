//! `database-encrypted@1`: connections to databases are encrypted, by what files and plans say.

use super::{BuiltIn, Context};
use crate::config::{self, Files, Unknown, block_or_pass, left_out, let_pass, plans};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::config::plan::{Action, PlanRole, State};
use countersign_core::config::{Connection, Database, Encryption, Part};
use countersign_core::finding::Finding;
use countersign_core::glob::PathGlob;
use countersign_core::policy::Rule;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "database-encrypted@1",
    title: "Connections to databases are encrypted",
    why: "Whoever can listen on a network between a service and its database reads the data and the password.",
    fix: "Ask for encryption where the connection or the database is set up: the finding names the file and line, or the resource of the plan.",
    parameters: &[
        ("look_at", "connections in files, and what plans say of databases: connections, plan (both)"),
        ("local", "connections that stay on one machine: block or pass (pass)"),
        ("unknown", "what is not known: block or pass (block)"),
        ("plan_complete", "whether a plan has to say that it covers everything: said or not-denied (said)"),
        ("leave_out", "globs of files that are not looked at (none)"),
    ],
    controls: &["SOC 2 CC6.1", "SOC 2 CC6.7"],
    accepts: |parameters| read(parameters).map(|_| ()),
    check,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Connections,
    Plan,
}

struct Parameters {
    look_at: BTreeSet<Source>,
    local: Unknown,
    unknown: Unknown,
    must_say: bool,
    leave_out: Vec<PathGlob>,
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    const EXPECTED: &str = "a list of `connections` and `plan`, at least one of them";
    let mut reader = Reader::new(parameters);
    let both = [("connections", Source::Connections), ("plan", Source::Plan)];
    let look_at = reader.words("look_at", &both, EXPECTED, both.iter().map(|(_, source)| *source).collect())?;
    if look_at.is_empty() {
        return Err(ParameterError::Value { name: "look_at", expected: EXPECTED, found: "[]".to_owned() });
    }
    let local = block_or_pass(&mut reader, "local", Unknown::Pass)?;
    let unknown = block_or_pass(&mut reader, "unknown", Unknown::Block)?;
    let must_say = super::audit_log_kept_1::must_say(&mut reader)?;
    let leave_out = config::leave_out(&mut reader)?;
    reader.finish()?;
    Ok(Parameters { look_at, local, unknown, must_say, leave_out })
}

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let asked = match read(&rule.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(RULE.id)],
    };
    let mut findings = Vec::new();
    if asked.look_at.contains(&Source::Connections) {
        findings.extend(connections(context, &asked, &by));
    }
    if asked.look_at.contains(&Source::Plan) {
        findings.extend(databases(context, &asked, &by));
    }
    findings
}

fn connections(context: &Context<'_>, asked: &Parameters, by: &str) -> Vec<Finding> {
    let files = Files::of(context);
    let mut findings = files.lacks(Part::Connections, &asked.leave_out, context, by);
    let (mut passed, mut outside) = (Vec::new(), Vec::new());
    for (connection, document) in files.connections() {
        let place = format!("{}:{}:{}", connection.file, connection.line, connection.column);
        if left_out(&asked.leave_out, &connection.file) {
            outside.push(place);
            continue;
        }
        let local = connection.local && asked.local == Unknown::Pass;
        let (code, what) = match connection.encryption {
            Encryption::Encrypted => continue,
            Encryption::Plain | Encryption::Unknown if local => continue,
            Encryption::Unknown if asked.unknown == Unknown::Pass => {
                passed.push(place);
                continue;
            }
            Encryption::Plain => (codes::CONNECTION_PLAIN, "is not encrypted"),
            Encryption::Unknown => (codes::CONNECTION_UNKNOWN, "may not be encrypted: the file does not say"),
        };
        findings.push(
            Finding::new(code, format!("the connection to {} {what}", name_of(&connection)))
                .at(place)
                .at(format!("config-snapshot {document}"))
                .expected("an encrypted connection", by)
                .found(connection.because.as_str())
                .help(advice(connection.database)),
        );
    }
    findings.extend(let_pass("connections of which the file does not say whether they are encrypted", passed, by));
    findings.extend(let_pass("connections in files that the rule leaves out", outside, by));
    findings
}

fn name_of(connection: &Connection) -> String {
    let database = connection.database.map_or("a database", Database::word);
    connection.host.as_ref().map_or_else(|| database.to_owned(), |host| format!("{database} at {host}"))
}

fn advice(database: Option<Database>) -> &'static str {
    match database {
        Some(Database::Postgres) | None => "say `sslmode=verify-full` (or `require`) in the address or the setting",
        Some(Database::Mysql) => "say `ssl-mode=VERIFY_IDENTITY` (or `REQUIRED`) in the address",
        Some(Database::Mongodb) => "say `tls=true` in the address",
        Some(Database::Redis) => "use `rediss://`",
        Some(Database::Sqlserver) => "say `encrypt=strict` (or `true`) in the address",
        Some(Database::Amqp) => "use `amqps://`",
    }
}

fn databases(context: &Context<'_>, asked: &Parameters, by: &str) -> Vec<Finding> {
    let (plans, mut findings) = plans(context, asked.must_say, by);
    let mut passed = Vec::new();
    for (said, document) in &plans {
        let known = said.plan.known.iter();
        for resource in known.filter(|r| r.role == PlanRole::Database && r.action != Action::Delete) {
            for setting in &resource.settings {
                let place = format!("{}  {}", said.file, resource.address);
                let (code, what) = match setting.state {
                    State::On => continue,
                    State::Unknown if asked.unknown == Unknown::Pass => {
                        passed.push(place);
                        continue;
                    }
                    State::Off => (codes::DATABASE_PLAIN, "takes connections without encryption"),
                    State::Unknown => {
                        (codes::DATABASE_UNKNOWN, "may take connections without encryption: the plan does not say")
                    }
                };
                findings.push(
                    Finding::new(code, format!("{} {what}", resource.address))
                        .at(place)
                        .at(format!("iac-plan {document} /resource_changes/{}", resource.index))
                        .expected("encrypted connections only", by)
                        .found(format!("`{}` is {} ({})", setting.path, setting.state.word(), resource.action.word()))
                        .help("set it in the resource itself, or in a parameter group of the same plan, to what takes encrypted connections only"),
                );
            }
        }
    }
    findings.extend(let_pass(
        "databases of which the plan does not say whether they take encrypted connections only",
        passed,
        by,
    ));
    findings
}
