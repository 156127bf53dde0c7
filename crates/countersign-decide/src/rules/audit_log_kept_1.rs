//! `audit-log-kept@1`: a plan deletes, replaces, switches off and thins out no audit log.

use super::{BuiltIn, Context};
use crate::config::{Unknown, block_or_pass, let_pass, plans};
use crate::parameters::{ParameterError, Reader};
use countersign_core::codes;
use countersign_core::config::plan::{Action, PlanRole, Resource, State};
use countersign_core::finding::{Code, Finding};
use countersign_core::policy::Rule;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "audit-log-kept@1",
    title: "Audit logs are not disabled",
    why: "Whoever can switch the audit log off can do everything else unseen.",
    fix: "Leave the audit log as it is in the plan; where it has to go, have the replacement in the same plan, and have it excepted or reviewed by the rule's owner.",
    parameters: &[
        ("replaced", "an audit log that is deleted and made again: block or pass (block)"),
        ("unknown", "what is not known: block or pass (block)"),
        ("plan_complete", "whether a plan has to say that it covers everything: said or not-denied (said)"),
    ],
    controls: &["SOC 2 CC7.2", "SOC 2 CC7.3"],
    accepts: |parameters| read(parameters).map(|_| ()),
    check,
};

struct Parameters {
    replaced: Unknown,
    unknown: Unknown,
    must_say: bool,
}

/// Whether a plan has to say that it is complete.
pub(super) fn must_say(reader: &mut Reader<'_>) -> Result<bool, ParameterError> {
    let words = [("said", true), ("not-denied", false)];
    reader.word("plan_complete", &words, "`said` or `not-denied`", true)
}

fn read(parameters: &BTreeMap<String, Value>) -> Result<Parameters, ParameterError> {
    let mut reader = Reader::new(parameters);
    let replaced = block_or_pass(&mut reader, "replaced", Unknown::Block)?;
    let unknown = block_or_pass(&mut reader, "unknown", Unknown::Block)?;
    let must_say = must_say(&mut reader)?;
    reader.finish()?;
    Ok(Parameters { replaced, unknown, must_say })
}

fn check(context: &Context<'_>, rule: &Rule) -> Vec<Finding> {
    let by = context.by(RULE.id);
    let asked = match read(&rule.parameters) {
        Ok(parameters) => parameters,
        Err(error) => return vec![Finding::new(codes::PARAMETER_INVALID, error.to_string()).at(RULE.id)],
    };
    let (plans, mut findings) = plans(context, asked.must_say, &by);
    let mut passed = Vec::new();
    for (said, document) in &plans {
        for resource in said.plan.known.iter().filter(|resource| resource.role == PlanRole::AuditLog) {
            let place = format!("{}  {}", said.file, resource.address);
            let second = format!("iac-plan {document} /resource_changes/{}", resource.index);
            for (code, what, found) in faults(resource) {
                let lets = match code {
                    codes::AUDIT_LOG_UNKNOWN => asked.unknown == Unknown::Pass,
                    codes::AUDIT_LOG_REMOVED => resource.action == Action::Replace && asked.replaced == Unknown::Pass,
                    _ => false,
                };
                if lets {
                    passed.push(place.clone());
                    continue;
                }
                findings.push(
                    Finding::new(code, format!("{} {what}", resource.address))
                        .at(place.as_str())
                        .at(second.as_str())
                        .expected("an audit log that goes on as it is, or holds more", by.as_str())
                        .found(found)
                        .help("keep the log as it is; have an exception approved for one that is to go"),
                );
            }
        }
    }
    findings.extend(let_pass("audit logs of which something is not known, or that are made again", passed, &by));
    findings
}

/// What is wrong with an audit log: a code, what it is, and what says so. An exclusion is one while it is there: that it goes
/// is good.
fn faults(resource: &Resource) -> Vec<(Code, &'static str, String)> {
    let action = || format!("the plan's action is `{}`", resource.action.word());
    let thins_out = resource.kind.ends_with("_exclusion");
    let mut out = Vec::new();
    match resource.action {
        Action::Delete if thins_out => return out,
        Action::Delete => out.push((codes::AUDIT_LOG_REMOVED, "is deleted", action())),
        Action::Replace if !thins_out => {
            out.push((codes::AUDIT_LOG_REMOVED, "is deleted and made again", action()));
        }
        Action::Forget | Action::Unknown => {
            out.push((codes::AUDIT_LOG_UNKNOWN, "is no longer looked after, or in a way that is not known", action()));
        }
        Action::Keep | Action::Create | Action::Update | Action::Replace => {}
    }
    for setting in &resource.settings {
        let found = format!("`{}` ({}) is {}", setting.path, setting.name, setting.state.word());
        match setting.state {
            State::On => {}
            State::Off => out.push((codes::AUDIT_LOG_WEAKENED, "is switched off, or leaves something out", found)),
            State::Unknown => out.push((codes::AUDIT_LOG_UNKNOWN, "may be switched off: the plan does not say", found)),
        }
    }
    out
}
