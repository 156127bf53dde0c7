//! SPDX licence expressions (SPDX 2.3, annex D), as far as a decision needs them: who may choose, and what has to be
//! allowed. Names are compared as text, so that no list of licences of one version of this program changes an old verdict.

use crate::limits;

/// A licence expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// One licence, with its exception: `MIT`, `Apache-2.0 WITH LLVM-exception`, `LicenseRef-ours`.
    Term(String),
    /// All of them bind.
    All(Vec<Self>),
    /// Whoever receives it may choose.
    Any(Vec<Self>),
}

/// Why a text is no licence expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LicenceError {
    /// Longer than the bound.
    #[error("longer than {} bytes", limits::LICENCE_BYTES)]
    TooLong,
    /// More brackets inside each other than the bound.
    #[error("nests deeper than {}", limits::LICENCE_DEPTH)]
    TooDeep,
    /// A licence, an exception, a bracket or an operator is missing or out of place.
    #[error("`{expected}` is missing after {at} bytes")]
    Missing {
        /// What should stand there.
        expected: &'static str,
        /// Where.
        at: usize,
    },
}

impl Expression {
    /// Reads an expression. `AND` binds closer than `OR`, `WITH` closer than both; operators are written in capitals or
    /// in small letters throughout. `A/B`, as Cargo once wrote it, is `A OR B`.
    pub fn parse(text: &str) -> Result<Self, LicenceError> {
        if text.len() > limits::LICENCE_BYTES {
            return Err(LicenceError::TooLong);
        }
        let mut reader = Reader { text, at: 0, depth: 0 };
        let read = reader.any()?;
        reader.spaces();
        if reader.rest().is_empty() { Ok(read) } else { Err(reader.missing("AND or OR")) }
    }

    /// Whether somebody who may use what is `allowed` may use this.
    #[must_use]
    pub fn is_allowed(&self, allowed: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Term(name) => allowed(name),
            Self::All(parts) => parts.iter().all(|part| part.is_allowed(allowed)),
            Self::Any(parts) => parts.iter().any(|part| part.is_allowed(allowed)),
        }
    }
}

/// Whether two terms are the same: letters of either case, as SPDX has it.
#[must_use]
pub fn same_term(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    const fn missing(&self, expected: &'static str) -> LicenceError {
        LicenceError::Missing { expected, at: self.at }
    }

    fn spaces(&mut self) {
        let rest = self.rest();
        let spaces = rest.len().saturating_sub(rest.trim_start_matches(' ').len());
        self.at = self.at.saturating_add(spaces);
    }

    /// Takes a sign.
    fn sign(&mut self, sign: char) -> bool {
        self.spaces();
        let found = self.rest().starts_with(sign);
        if found {
            self.at = self.at.saturating_add(sign.len_utf8());
        }
        found
    }

    /// Takes a word if it is one of these; else nothing.
    fn operator(&mut self, capitals: &str, small: &str) -> bool {
        self.spaces();
        let word = self.word();
        let found = word == capitals || word == small;
        if found {
            self.at = self.at.saturating_add(word.len());
        }
        found
    }

    /// The word that comes next.
    fn word(&self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-.+:".contains(c))).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn any(&mut self) -> Result<Expression, LicenceError> {
        let mut parts = vec![self.all()?];
        while self.operator("OR", "or") || self.sign('/') {
            parts.push(self.all()?);
        }
        Ok(one_or(parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, LicenceError> {
        let mut parts = vec![self.term()?];
        while self.operator("AND", "and") {
            parts.push(self.term()?);
        }
        Ok(one_or(parts, Expression::All))
    }

    fn term(&mut self) -> Result<Expression, LicenceError> {
        if self.sign('(') {
            self.depth = self.depth.saturating_add(1);
            if self.depth > limits::LICENCE_DEPTH {
                return Err(LicenceError::TooDeep);
            }
            let inside = self.any()?;
            if !self.sign(')') {
                return Err(self.missing(")"));
            }
            self.depth = self.depth.saturating_sub(1);
            return Ok(inside);
        }
        let licence = self.name("a licence")?;
        if self.operator("WITH", "with") {
            let exception = self.name("an exception")?;
            return Ok(Expression::Term(format!("{licence} WITH {exception}")));
        }
        Ok(Expression::Term(licence.to_owned()))
    }

    fn name(&mut self, expected: &'static str) -> Result<&'t str, LicenceError> {
        self.spaces();
        let word = self.word();
        let reserved = ["AND", "OR", "WITH"].iter().any(|reserved| same_term(word, reserved));
        if word.is_empty() || reserved {
            return Err(self.missing(expected));
        }
        self.at = self.at.saturating_add(word.len());
        Ok(word)
    }
}

fn one_or(mut parts: Vec<Expression>, many: impl FnOnce(Vec<Expression>) -> Expression) -> Expression {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            many(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowed(text: &str, list: &[&str]) -> bool {
        Expression::parse(text).unwrap().is_allowed(&|name| list.iter().any(|one| same_term(one, name)))
    }

    #[test]
    fn a_choice_needs_one_and_a_sum_needs_all() {
        assert!(allowed("MIT OR Apache-2.0", &["MIT"]));
        assert!(allowed("MIT/Apache-2.0", &["apache-2.0"]));
        assert!(!allowed("MIT AND Apache-2.0", &["MIT"]));
        assert!(allowed("(MIT OR GPL-3.0-only) AND BSD-3-Clause", &["MIT", "BSD-3-Clause"]));
        // AND binds closer.
        assert!(allowed("MIT OR GPL-3.0-only AND BSD-3-Clause", &["MIT"]));
        assert!(!allowed("(MIT OR GPL-3.0-only) AND BSD-3-Clause", &["MIT"]));
    }

    #[test]
    fn an_exception_is_part_of_the_name() {
        let text = "Apache-2.0 WITH LLVM-exception";
        assert!(!allowed(text, &["Apache-2.0"]));
        assert!(allowed(text, &["Apache-2.0 WITH LLVM-exception"]));
        assert!(!allowed("GPL-2.0+", &["GPL-2.0"]));
        assert!(allowed("LicenseRef-ours", &["LicenseRef-ours"]));
    }

    #[test]
    fn what_is_no_expression_is_refused_with_its_place() {
        for (text, at) in [("", 0), ("MIT OR", 6), ("MIT Apache-2.0", 4), ("(MIT", 4), ("AND", 0), ("MIT WITH", 8)] {
            let Err(LicenceError::Missing { at: found, .. }) = Expression::parse(text) else { panic!("{text}") };
            assert_eq!(found, at, "{text}");
        }
        assert!(Expression::parse("see LICENSE").is_err());
        assert!(Expression::parse("MIT\u{202e}").is_err());
        let deep = format!("{}MIT{}", "(".repeat(99), ")".repeat(99));
        assert_eq!(Expression::parse(&deep), Err(LicenceError::TooDeep));
        assert_eq!(Expression::parse(&"A OR ".repeat(2000)), Err(LicenceError::TooLong));
    }

    fn any_expression() -> impl Strategy<Value = String> {
        let leaf = prop_oneof!["[A-C]", "[A-C] WITH x"];
        leaf.prop_recursive(4, 24, 3, |inner| {
            (proptest::collection::vec(inner, 1..4), any::<bool>())
                .prop_map(|(parts, and)| format!("({})", parts.join(if and { " AND " } else { " OR " })))
        })
    }

    proptest! {
        #[test]
        fn allowing_more_never_forbids(text in any_expression(), few in any::<u8>(), more in any::<u8>()) {
            let expression = Expression::parse(&text).unwrap();
            let names = ["A", "B", "C", "A WITH x", "B WITH x", "C WITH x"];
            let within = |mask: u8| move |name: &str| {
                names.iter().position(|known| *known == name).is_some_and(|i| mask >> i & 1 == 1)
            };
            if expression.is_allowed(&within(few)) {
                prop_assert!(expression.is_allowed(&within(few | more)));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[ -~\\u{80}]{0,60}") {
            let _ended = Expression::parse(&text);
        }
    }
}
