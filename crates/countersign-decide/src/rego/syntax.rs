//! What a module in Rego says, as far as it is looked at before it is evaluated: our own tree, with a place for each part.

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// How many characters.
    pub length: usize,
}

/// A module.
#[derive(Debug, Clone)]
pub(crate) struct Module {
    /// `rules`, `no_copyleft` of `package rules.no_copyleft`.
    pub package: Vec<String>,
    /// Where it is said.
    pub package_at: Place,
    /// What is imported, and as what.
    pub imports: Vec<Import>,
    /// What is defined, in the order of the file.
    pub definitions: Vec<Definition>,
}

/// An import.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// `data`, `lib`, `names`.
    pub path: Vec<String>,
    /// The name that it has here.
    pub name: String,
    /// Where.
    pub at: Place,
}

/// What kind of thing a definition defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `deny contains x`.
    Set,
    /// `name := value`, or `name`, or `name[key] := value`.
    Value,
    /// `name(x) := value`.
    Function,
    /// `default name := value`.
    Default,
}

/// A definition: a rule, in Rego's sense.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    /// The first part of its name.
    pub name: String,
    /// Whether that is all of it.
    pub plain: bool,
    /// Whether a further part of it is a fixed name, as in `level.low := 1`.
    pub path: bool,
    /// What it defines.
    pub kind: Kind,
    /// Where.
    pub at: Place,
    /// The arguments of a function.
    pub arguments: Vec<Term>,
    /// What its head holds besides: a set's element, a value.
    pub heads: Vec<Term>,
    /// Its bodies, each with the value of an `else`.
    pub bodies: Vec<(Vec<Term>, Vec<Statement>)>,
}

/// One line of a body.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// What it says.
    pub kind: StatementKind,
    /// Where it replaces something by `with`.
    pub with: Option<Place>,
    /// What it replaces, and by what.
    pub replaced: Vec<(Term, Term)>,
}

/// What a line says.
#[derive(Debug, Clone)]
pub(crate) enum StatementKind {
    /// `some x, y`
    Some(Vec<(String, Place)>),
    /// `some k, v in collection`
    SomeIn {
        /// The key or index.
        key: Option<Term>,
        /// The element.
        value: Term,
        /// Of what.
        collection: Term,
    },
    /// `every k, v in collection { … }`
    Every {
        /// The key or index.
        key: Option<(String, Place)>,
        /// The element.
        value: (String, Place),
        /// Of what.
        collection: Term,
        /// What holds for each.
        body: Vec<Statement>,
    },
    /// An expression that has to hold.
    Holds(Term),
    /// An expression that must not hold.
    Not(Term),
}

/// An expression.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    /// Where.
    pub at: Place,
    /// What.
    pub kind: TermKind,
}

/// What an expression is.
#[derive(Debug, Clone)]
pub(crate) enum TermKind {
    /// Text that stands there.
    Text(String),
    /// A number, truth value or null that stands there.
    Scalar,
    /// A variable, or the name of a definition.
    Name(String),
    /// `[a, b]`
    Array(Vec<Term>),
    /// `{a, b}`, or an object's keys and values one after the other: nothing is known of what comes out.
    Parts(Vec<Term>),
    /// `{"key": value}` with keys that stand there.
    Object(Vec<(String, Term)>),
    /// `[head | body]` and the like.
    Comprehension {
        /// Whether the elements are those of the head.
        list: bool,
        /// What each element is.
        heads: Vec<Term>,
        /// Over what.
        body: Vec<Statement>,
    },
    /// `name(a, b)`
    Call {
        /// The name with its dots.
        name: String,
        /// What it is given.
        arguments: Vec<Term>,
    },
    /// `base.a.b[c]`
    Reference {
        /// What the path starts from.
        base: Box<Term>,
        /// Its steps.
        steps: Vec<Term>,
    },
    /// `a := b` and `a = b`
    Assign {
        /// The left side.
        left: Box<Term>,
        /// The right side.
        right: Box<Term>,
    },
    /// `k, v in collection`
    In {
        /// Key and element.
        members: Vec<Term>,
        /// Of what.
        collection: Box<Term>,
    },
    /// An operator over others.
    Operation(Vec<Term>),
}
