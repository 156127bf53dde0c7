//! Which definition uses which, so that the interpreter, which runs on the machine's own stack, is never given what has no
//! end or goes too deep.

use super::syntax::{Definition, Module, Place, Statement, StatementKind, Term, TermKind};
use countersign_core::limits;
use std::collections::{BTreeMap, BTreeSet};

/// A definition, by its package and its name; a built-in function stands alone.
type Node = String;

/// Why modules are not given to the interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endless {
    /// In which of the modules.
    pub module: usize,
    /// Where.
    pub at: Place,
    /// What.
    pub what: String,
}

/// Refuses definitions that use themselves, by whatever way, and chains of more than [`limits::REGO_TEST_CHAIN`].
pub(super) fn finite(modules: &[Module]) -> Result<(), Endless> {
    let mut graph = Graph::default();
    for (index, module) in modules.iter().enumerate() {
        for definition in &module.definitions {
            let node = format!("{}.{}", module.package.join("."), definition.name);
            graph.defined.entry(node).or_insert((index, definition.at));
        }
    }
    for module in modules {
        for definition in &module.definitions {
            let package = module.package.join(".");
            let node = format!("{package}.{}", definition.name);
            let mut walk = Walk { module, package, used: BTreeSet::new(), replaced: Vec::new() };
            walk.definition(definition);
            // What is replaced leads to what stands for it, wherever it is called.
            for (from, to) in walk.replaced {
                graph.edges.entry(from).or_default().extend(to);
            }
            graph.edges.entry(node).or_default().extend(walk.used);
        }
    }
    graph.check()
}

#[derive(Default)]
struct Graph {
    defined: BTreeMap<Node, (usize, Place)>,
    edges: BTreeMap<Node, BTreeSet<Node>>,
}

impl Graph {
    /// Depth first, without a stack of the machine's: each node once, with the longest chain that begins there.
    fn check(&self) -> Result<(), Endless> {
        let mut chains: BTreeMap<&str, usize> = BTreeMap::new();
        for (start, (module, at)) in &self.defined {
            let mut open: Vec<(&str, Vec<&str>)> = vec![(start, self.next(start))];
            let mut path = BTreeSet::from([start.as_str()]);
            while let Some((node, rest)) = open.last_mut() {
                let node = *node;
                match rest.pop() {
                    Some(next) if path.contains(next) => {
                        let what = format!("{next} uses itself: rules and functions do not call themselves");
                        let (module, at) = self.defined.get(next).copied().unwrap_or((*module, *at));
                        return Err(Endless { module, at, what });
                    }
                    Some(next) if chains.contains_key(next) => {}
                    Some(next) => {
                        path.insert(next);
                        open.push((next, self.next(next)));
                    }
                    None => {
                        let below = self.next(node).iter().filter_map(|next| chains.get(next)).max().copied();
                        let chain = below.unwrap_or_default().saturating_add(1);
                        if chain > limits::REGO_TEST_CHAIN {
                            let most = limits::REGO_TEST_CHAIN;
                            let what =
                                format!("{node} begins a chain of more than {most} definitions: tests go no deeper");
                            let (module, at) = self.defined.get(node).copied().unwrap_or((*module, *at));
                            return Err(Endless { module, at, what });
                        }
                        chains.insert(node, chain);
                        path.remove(node);
                        open.pop();
                    }
                }
            }
        }
        Ok(())
    }

    /// What a node uses. A path into a package as a whole uses everything there.
    fn next(&self, node: &str) -> Vec<&str> {
        let used = self.edges.get(node).into_iter().flatten();
        used.flat_map(|used| {
            let inside = format!("{used}.");
            let all = self.defined.keys().filter(move |known| **known == *used || known.starts_with(&inside));
            let own = self.edges.contains_key(used).then_some(used);
            all.chain(own).map(String::as_str)
        })
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
    }
}

struct Walk<'m> {
    module: &'m Module,
    package: String,
    used: BTreeSet<Node>,
    replaced: Vec<(Node, BTreeSet<Node>)>,
}

impl Walk<'_> {
    fn definition(&mut self, definition: &Definition) {
        self.terms(&definition.arguments);
        self.terms(&definition.heads);
        for (values, body) in &definition.bodies {
            self.terms(values);
            self.body(body);
        }
    }

    fn body(&mut self, body: &[Statement]) {
        for statement in body {
            for (target, value) in &statement.replaced {
                let before = std::mem::take(&mut self.used);
                self.term(target);
                let targets = std::mem::take(&mut self.used);
                self.term(value);
                let values = std::mem::replace(&mut self.used, before);
                self.used.extend(values.iter().cloned());
                self.replaced.extend(targets.into_iter().map(|target| (target, values.clone())));
            }
            match &statement.kind {
                StatementKind::Some(_) => {}
                StatementKind::SomeIn { key, value, collection } => {
                    self.terms(key);
                    self.term(value);
                    self.term(collection);
                }
                StatementKind::Every { collection, body, .. } => {
                    self.term(collection);
                    self.body(body);
                }
                StatementKind::Holds(term) | StatementKind::Not(term) => self.term(term),
            }
        }
    }

    fn terms<'t>(&mut self, terms: impl IntoIterator<Item = &'t Term>) {
        for term in terms {
            self.term(term);
        }
    }

    fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Text(_) | TermKind::Scalar => {}
            TermKind::Name(name) => self.path(&[name.as_str()]),
            TermKind::Array(terms) | TermKind::Parts(terms) | TermKind::Operation(terms) => self.terms(terms),
            TermKind::Object(fields) => self.terms(fields.iter().map(|(_, value)| value)),
            TermKind::Comprehension { heads, body, .. } => {
                self.terms(heads);
                self.body(body);
            }
            TermKind::Call { name, arguments } => {
                self.path(&name.split('.').collect::<Vec<_>>());
                self.terms(arguments);
            }
            TermKind::Reference { base, steps } => {
                let mut path = Vec::new();
                if let TermKind::Name(name) = &base.kind {
                    path.push(name.as_str());
                    path.extend(steps.iter().map_while(|step| {
                        if let TermKind::Text(name) = &step.kind { Some(name.as_str()) } else { None }
                    }));
                    self.path(&path);
                } else {
                    self.term(base);
                }
                self.terms(steps);
            }
            TermKind::Assign { left, right } => {
                self.term(left);
                self.term(right);
            }
            TermKind::In { members, collection } => {
                self.terms(members);
                self.term(collection);
            }
        }
    }

    /// What a path may name: from `data` on, by what is imported, or here. A variable of the same name counts as well.
    fn path(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        if *first == "data" {
            // Whatever lies on the way: the name of a definition may end before the path does.
            for end in 1..=rest.len() {
                self.used.extend(rest.get(..end).map(|part| part.join(".")).filter(|_| end > 1 || rest.len() == 1));
            }
            return;
        }
        if let Some(import) = self.module.imports.iter().find(|import| import.name == *first) {
            let mut full: Vec<&str> = import.path.iter().map(String::as_str).collect();
            full.extend(rest);
            if full.first() == Some(&"data") {
                return self.path(&full);
            }
        }
        self.used.insert(format!("{}.{first}", self.package));
        // A built-in function, which a test may replace.
        self.used.insert(path.join("."));
    }
}
