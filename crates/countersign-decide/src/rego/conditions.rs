//! The conditions of a module: each line of each body with its place in the text, so that they can be tried one by one.

use super::adapter::{bounded, contained, fault};
use super::syntax::Place;
use super::{Fault, Text, translate};
use regorus::Engine;
use regorus::unstable as ast;
use std::ops::Range;

/// A body of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// What it defines.
    pub name: String,
    /// Whether it is a body of a set.
    pub set: bool,
    /// Whether its conditions stand in brackets.
    pub brackets: bool,
    /// Its conditions, in the order of the file.
    pub conditions: Vec<Condition>,
}

/// One condition of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// Where it stands.
    pub at: Place,
    /// The same in bytes.
    pub range: Range<usize>,
    /// What it looks at: names and paths, as they are written.
    pub looks_at: Vec<String>,
}

/// The bodies of a module, in the order of the file.
pub(crate) fn bodies(text: &Text) -> Result<Vec<Body>, Fault> {
    bounded(text)?;
    contained(|| {
        let mut engine = Engine::new();
        engine.add_policy(text.file.clone(), text.text.clone()).map_err(|error| fault(&error.to_string()))?;
        let module = engine.get_modules().first().ok_or_else(|| fault("the file holds no module"))?;
        Ok(module.policy.iter().flat_map(|rule| of_rule(rule)).collect())
    })
}

fn of_rule(rule: &ast::Rule) -> Vec<Body> {
    let ast::Rule::Spec { head, bodies, .. } = rule else { return Vec::new() };
    let (refr, set) = match head {
        ast::RuleHead::Compr { refr, .. } | ast::RuleHead::Func { refr, .. } => (refr, false),
        ast::RuleHead::Set { refr, .. } => (refr, true),
    };
    let name = refr.span().text();
    let one = |body: &ast::RuleBody| {
        let conditions: Vec<Condition> = body.query.stmts.iter().map(condition).collect();
        let first = conditions.first().map_or(0, |condition| condition.range.start);
        let span = range(&body.query.span);
        Body {
            name: name.to_owned(),
            set,
            brackets: span.start < first && body.query.span.text().starts_with('{'),
            conditions,
        }
    };
    bodies.iter().map(one).filter(|body| !body.conditions.is_empty()).collect()
}

fn range(span: &ast::Span) -> Range<usize> {
    let at = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    at(span.start)..at(span.end)
}

fn condition(statement: &ast::LiteralStmt) -> Condition {
    let mut looks_at = Vec::new();
    match &statement.literal {
        ast::Literal::SomeVars { .. } => {}
        ast::Literal::SomeIn { collection, .. } | ast::Literal::Every { domain: collection, .. } => {
            look(collection, &mut looks_at);
        }
        ast::Literal::Expr { expr, .. } | ast::Literal::NotExpr { expr, .. } => look(expr, &mut looks_at),
    }
    let (mut at, mut range) = (translate::place(&statement.span), range(&statement.span));
    // The engine's span of a text that stands there leaves out its quotes.
    let contents = statement.span.source.contents();
    let quote = |letter: Option<char>| matches!(letter, Some('"' | '`'));
    if quote(contents.get(..range.start).and_then(|before| before.chars().next_back())) {
        range.start = range.start.saturating_sub(1);
        (at.column, at.length) = (at.column.saturating_sub(1), at.length.saturating_add(1));
    }
    if quote(contents.get(range.end..).and_then(|rest| rest.chars().next())) {
        range.end = range.end.saturating_add(1);
        at.length = at.length.saturating_add(1);
    }
    Condition { at, range, looks_at }
}

/// What an expression looks at, in the order of the text. What it makes by going through something is none of it.
fn look(expression: &ast::Expr, out: &mut Vec<String>) {
    match expression {
        ast::Expr::Var { span, .. } | ast::Expr::RefDot { span, .. } | ast::Expr::RefBrack { span, .. } => {
            let path = span.text().to_owned();
            if !out.contains(&path) {
                out.push(path);
            }
        }
        ast::Expr::Array { items, .. } | ast::Expr::Set { items, .. } => {
            for item in items {
                look(item, out);
            }
        }
        ast::Expr::Call { params, .. } => {
            for part in params {
                look(part, out);
            }
        }
        ast::Expr::UnaryExpr { expr, .. } => look(expr, out),
        ast::Expr::BinExpr { lhs, rhs, .. }
        | ast::Expr::BoolExpr { lhs, rhs, .. }
        | ast::Expr::ArithExpr { lhs, rhs, .. } => {
            look(lhs, out);
            look(rhs, out);
        }
        // What stands on the left is made here.
        ast::Expr::AssignExpr { rhs, .. } => look(rhs, out),
        ast::Expr::Membership { value, collection, .. } => {
            look(value, out);
            look(collection, out);
        }
        ast::Expr::String { .. }
        | ast::Expr::RawString { .. }
        | ast::Expr::Number { .. }
        | ast::Expr::Bool { .. }
        | ast::Expr::Null { .. }
        | ast::Expr::Object { .. }
        | ast::Expr::ArrayCompr { .. }
        | ast::Expr::SetCompr { .. }
        | ast::Expr::ObjectCompr { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Body> {
        bodies(&Text { file: "r.rego".to_owned(), text: format!("package rules.r\n{text}") }).unwrap()
    }

    #[test]
    fn every_line_of_every_body_is_a_condition_with_its_place_and_what_it_looks_at() {
        let text = "deny contains {\"n\": n} if {\n\tsome c in input.list # a { remark\n\tn := c.name; n in data.params.names\n\tnot odd(n)\n}\n\
                    odd(x) if x % 2 == 1\nelse if { \"odd\" == x; x == \"odd\" }\n";
        let bodies = of(text);
        let shown: Vec<(&str, bool, bool, usize)> =
            bodies.iter().map(|b| (b.name.as_str(), b.set, b.brackets, b.conditions.len())).collect();
        assert_eq!(shown, [("deny", true, true, 4), ("odd", false, false, 1), ("odd", false, true, 2)]);
        let whole = format!("package rules.r\n{text}");
        let texts: Vec<&str> = bodies[0].conditions.iter().map(|c| whole.get(c.range.clone()).unwrap()).collect();
        assert_eq!(texts, ["some c in input.list", "n := c.name", "n in data.params.names", "not odd(n)"]);
        let quoted: Vec<&str> = bodies[2].conditions.iter().map(|c| whole.get(c.range.clone()).unwrap()).collect();
        assert_eq!(quoted, ["\"odd\" == x", "x == \"odd\""]);
        let looked: Vec<Vec<&str>> =
            bodies[0].conditions.iter().map(|c| c.looks_at.iter().map(String::as_str).collect()).collect();
        assert_eq!(looked, [vec!["input.list"], vec!["c.name"], vec!["n", "data.params.names"], vec!["n"]]);
        assert_eq!(bodies[0].conditions[2].at, Place { line: 4, column: 15, length: 22 });
    }
}
