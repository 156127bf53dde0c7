//! Whether a rule returns what its texts speak of. Where it does not, it ends in an error as soon as it is broken, which
//! its author should learn before anybody else. Said by lint alone: what a release that is active means stays as it is.

use super::problem::Problem;
use super::{heading, package, source};
use crate::rego::{Place, Rego as _, Regorus, Term, TermKind};
use countersign_core::codes;
use countersign_core::policy::Rule;
use std::collections::{BTreeMap, BTreeSet};

/// The names in a rule's message and fix that an element of its `deny` does not have. Nothing is said where the elements are
/// not all written out as objects, or where the rule does not read.
#[must_use]
pub fn unreturned(rule: &Rule, texts: &BTreeMap<String, String>) -> Vec<Problem> {
    let Some(folder) = rule.folder.as_deref() else { return Vec::new() };
    let Ok(source) = source(rule, folder, texts) else { return Vec::new() };
    let package = package(folder);
    let mut elements = Vec::new();
    for text in &source.modules {
        let Ok(module) = Regorus.read(text) else { return Vec::new() };
        if module.package.join(".") != package {
            continue;
        }
        for definition in module.definitions.iter().filter(|definition| definition.name == "deny") {
            let heads = definition.heads.iter().chain(definition.bodies.iter().flat_map(|(values, _)| values));
            for head in heads {
                let Some(fields) = fields(head) else { return Vec::new() };
                elements.push(fields);
            }
        }
    }
    let heading = &source.heading;
    let spoken: BTreeSet<&str> =
        [&heading.message, &heading.fix].into_iter().flat_map(|text| heading::placeholders(text)).collect();
    let lacking = spoken.into_iter().filter(|name| elements.iter().any(|fields| !fields.contains(*name)));
    lacking
        .map(|name| {
            let what = format!("the rule does not return `{name}`, which its text speaks of");
            let place = texts.get(&source.file).and_then(|text| place_of(text, name));
            let known: BTreeSet<&str> =
                elements.iter().flatten().map(String::as_str).filter(|field| *field != "at").collect();
            Problem::new(codes::RULE_SOURCE, &source.file, place, what)
                .expected(format!("one of: {}", known.into_iter().collect::<Vec<_>>().join(", ")))
                .help(format!("return it, as {{\"{name}\": …}} in every element of `deny`, or take it out of the text"))
        })
        .collect()
}

fn fields(head: &Term) -> Option<BTreeSet<String>> {
    let TermKind::Object(fields) = &head.kind else { return None };
    Some(fields.iter().map(|(name, _)| name.clone()).collect())
}

/// Where a text has the name in braces.
pub(super) fn place_of(text: &str, name: &str) -> Option<Place> {
    let braced = format!("{{{name}}}");
    text.lines().enumerate().find_map(|(number, line)| {
        let (before, _) = line.split_once(&braced)?;
        Some(Place {
            line: number.saturating_add(1),
            column: before.chars().count().saturating_add(1),
            length: braced.chars().count(),
        })
    })
}
