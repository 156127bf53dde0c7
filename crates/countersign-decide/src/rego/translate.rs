//! From the engine's syntax tree to ours.

use super::syntax::{Definition, Import, Kind, Module, Place, Statement, StatementKind, Term, TermKind};
use regorus::unstable as ast;

/// A module.
pub(super) fn module(module: &ast::Module) -> Module {
    Module {
        package: path(&module.package.refr),
        package_at: place(module.package.refr.span()),
        imports: module.imports.iter().map(import).collect(),
        definitions: module.policy.iter().map(|rule| definition(rule)).collect(),
    }
}

fn import(import: &ast::Import) -> Import {
    let path = path(&import.refr);
    let name =
        import.r#as.as_ref().map_or_else(|| path.last().cloned().unwrap_or_default(), |span| span.text().to_owned());
    Import { path, name, at: place(&import.span) }
}

/// The engine counts a tab as four columns; a place here counts characters.
pub(super) fn place(span: &ast::Span) -> Place {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let first = span.text().lines().next().unwrap_or_default();
    let before = span.source.contents().get(..count(span.start)).unwrap_or_default();
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count().saturating_add(1);
    Place { line: count(span.line), column, length: first.chars().count().max(1) }
}

/// A path whose steps all stand there: `data.lib.names`. What does not is left out.
fn path(expression: &ast::Expr) -> Vec<String> {
    let term = term(expression);
    let mut out = Vec::new();
    let named = |term: &Term| {
        if let TermKind::Name(name) | TermKind::Text(name) = &term.kind { Some(name.clone()) } else { None }
    };
    if let TermKind::Reference { base, steps } = &term.kind {
        out.extend(named(base));
        out.extend(steps.iter().filter_map(named));
    } else {
        out.extend(named(&term));
    }
    out
}

fn definition(rule: &ast::Rule) -> Definition {
    let at = place(rule.span());
    match rule {
        ast::Rule::Default { refr, args, value, .. } => {
            let names = path(refr);
            Definition {
                plain: names.len() == 1,
                path: names.len() > 1,
                name: names.into_iter().next().unwrap_or_default(),
                kind: Kind::Default,
                at,
                arguments: terms(args),
                heads: vec![term(value)],
                bodies: Vec::new(),
            }
        }
        ast::Rule::Spec { head, bodies, .. } => {
            let (refr, kind, arguments, mut heads) = match head {
                ast::RuleHead::Compr { refr, assign, .. } => (refr, Kind::Value, Vec::new(), values(assign.as_ref())),
                ast::RuleHead::Set { refr, key, .. } => {
                    (refr, Kind::Set, Vec::new(), key.iter().map(|key| term(key)).collect())
                }
                ast::RuleHead::Func { refr, args, assign, .. } => {
                    (refr, Kind::Function, terms(args), values(assign.as_ref()))
                }
            };
            // The name itself is no expression, but an index in it is.
            let name = term(refr);
            let names = path(refr);
            let mut path = false;
            if let TermKind::Reference { steps, .. } = name.kind {
                path = steps.iter().any(|step| matches!(step.kind, TermKind::Text(_)));
                heads.extend(steps.into_iter().filter(|step| !matches!(step.kind, TermKind::Text(_))));
            }
            Definition {
                plain: names.len() == 1 && !matches!(term(refr).kind, TermKind::Reference { .. }),
                path,
                name: names.into_iter().next().unwrap_or_default(),
                kind,
                at,
                arguments,
                heads,
                bodies: bodies.iter().map(|body| (values(body.assign.as_ref()), query(&body.query))).collect(),
            }
        }
    }
}

fn values(assign: Option<&ast::RuleAssign>) -> Vec<Term> {
    assign.iter().map(|assign| term(&assign.value)).collect()
}

fn query(query: &ast::Query) -> Vec<Statement> {
    let statement = |statement: &ast::LiteralStmt| Statement {
        kind: match &statement.literal {
            ast::Literal::SomeVars { vars, .. } => StatementKind::Some(vars.iter().map(named).collect()),
            ast::Literal::SomeIn { key, value, collection, .. } => StatementKind::SomeIn {
                key: key.as_ref().map(|key| term(key)),
                value: term(value),
                collection: term(collection),
            },
            ast::Literal::Expr { expr, .. } => StatementKind::Holds(term(expr)),
            ast::Literal::NotExpr { expr, .. } => StatementKind::Not(term(expr)),
            ast::Literal::Every { key, value, domain, query, .. } => StatementKind::Every {
                key: key.as_ref().map(named),
                value: named(value),
                collection: term(domain),
                body: self::query(query),
            },
        },
        with: statement.with_mods.first().map(|with| place(&with.span)),
        replaced: statement.with_mods.iter().map(|with| (term(&with.refr), term(&with.r#as))).collect(),
    };
    query.stmts.iter().map(statement).collect()
}

fn named(span: &ast::Span) -> (String, Place) {
    (span.text().to_owned(), place(span))
}

/// What is called. A name with an index that is reckoned is the name of no function.
fn function(expression: &ast::Expr) -> String {
    let steps = if let TermKind::Reference { steps, .. } = term(expression).kind { steps } else { Vec::new() };
    let mut name = path(expression).join(".");
    if steps.iter().any(|step| !matches!(step.kind, TermKind::Text(_))) {
        name.push_str("[…]");
    }
    name
}

fn terms(expressions: &[ast::Ref<ast::Expr>]) -> Vec<Term> {
    expressions.iter().map(|expression| term(expression)).collect()
}

fn boxed(expression: &ast::Expr) -> Box<Term> {
    Box::new(term(expression))
}

fn term(expression: &ast::Expr) -> Term {
    let kind = match expression {
        ast::Expr::String { value, .. } | ast::Expr::RawString { value, .. } => {
            TermKind::Text(value.as_string().map(ToString::to_string).unwrap_or_default())
        }
        ast::Expr::Number { .. } | ast::Expr::Bool { .. } | ast::Expr::Null { .. } => TermKind::Scalar,
        ast::Expr::Var { span, .. } => TermKind::Name(span.text().to_owned()),
        ast::Expr::Array { items, .. } => TermKind::Array(terms(items)),
        ast::Expr::Set { items, .. } => TermKind::Parts(terms(items)),
        ast::Expr::Object { fields, .. } => object(fields),
        ast::Expr::ArrayCompr { term: head, query: body, .. } | ast::Expr::SetCompr { term: head, query: body, .. } => {
            TermKind::Comprehension { list: true, heads: vec![term(head)], body: query(body) }
        }
        ast::Expr::ObjectCompr { key, value, query: body, .. } => {
            TermKind::Comprehension { list: false, heads: vec![term(key), term(value)], body: query(body) }
        }
        ast::Expr::Call { fcn, params, .. } => TermKind::Call { name: function(fcn), arguments: terms(params) },
        ast::Expr::UnaryExpr { expr, .. } => TermKind::Operation(vec![term(expr)]),
        ast::Expr::RefDot { .. } | ast::Expr::RefBrack { .. } => return reference(expression),
        ast::Expr::BinExpr { lhs, rhs, .. }
        | ast::Expr::BoolExpr { lhs, rhs, .. }
        | ast::Expr::ArithExpr { lhs, rhs, .. } => TermKind::Operation(vec![term(lhs), term(rhs)]),
        ast::Expr::AssignExpr { lhs, rhs, .. } => TermKind::Assign { left: boxed(lhs), right: boxed(rhs) },
        ast::Expr::Membership { key, value, collection, .. } => TermKind::In {
            members: key.iter().map(|key| term(key)).chain([term(value)]).collect(),
            collection: boxed(collection),
        },
    };
    Term { at: place(expression.span()), kind }
}

fn object(fields: &[(ast::Span, ast::Ref<ast::Expr>, ast::Ref<ast::Expr>)]) -> TermKind {
    let named: Option<Vec<(String, Term)>> = fields
        .iter()
        .map(|(_, key, value)| if let TermKind::Text(name) = term(key).kind { Some((name, term(value))) } else { None })
        .collect();
    named.map_or_else(
        || TermKind::Parts(fields.iter().flat_map(|(_, key, value)| [term(key), term(value)]).collect()),
        TermKind::Object,
    )
}

/// A path of any length: the engine's tree leans to the left, and is walked without recursion.
fn reference(expression: &ast::Expr) -> Term {
    let at = place(expression.span());
    let mut steps = Vec::new();
    let mut base = expression;
    loop {
        if let ast::Expr::RefDot { refr, field: (span, _), .. } = base {
            steps.push(Term { at: place(span), kind: TermKind::Text(span.text().to_owned()) });
            base = refr;
        } else if let ast::Expr::RefBrack { refr, index, .. } = base {
            steps.push(term(index));
            base = refr;
        } else {
            break;
        }
    }
    steps.reverse();
    Term { at, kind: TermKind::Reference { base: boxed(base), steps } }
}
