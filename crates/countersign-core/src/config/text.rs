//! Text with variables in it, as Dockerfiles and compose files have them.

/// The longest text of a file that is kept in a fact.
const KEPT: usize = 256;
/// The longest text in which variables are looked for: how deep they nest is bounded by it.
const LONGEST: usize = 2_048;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text.
    Text(String),
    /// What is not known, by its name.
    Unknown(String),
}

/// What is kept of a text.
pub(super) fn cut(text: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().count() <= KEPT {
        return text.chars().map(clean).collect();
    }
    text.chars().take(KEPT).map(clean).chain(['…']).collect()
}

/// How variables stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `$A`, `${A}`, `${A:-default}`, as in a shell; `$$` is a dollar sign. What else begins with `$` is not known.
    Shell,
    /// Anything between `{{` and `}}`, `${` and `}`, `$(` and `)`, or after `$`, is not known.
    Opaque,
}

/// A text in pieces. `value` gives the value of a variable where the file has one.
pub(super) fn pieces(text: &str, syntax: Syntax, value: &dyn Fn(&str) -> Option<Vec<Piece>>) -> Vec<Piece> {
    if text.len() > LONGEST {
        return vec![Piece::Unknown("a text that is too long to be read".to_owned())];
    }
    let mut out = Vec::new();
    let mut known = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '{', '%']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or((rest, ""));
        known.push_str(before);
        let (replaced, after) = one(from, syntax, value);
        match replaced {
            None => {
                let mut chars = from.chars();
                known.extend(chars.next());
                rest = chars.as_str();
            }
            Some(more) => {
                out.push(Piece::Text(std::mem::take(&mut known)));
                out.extend(more);
                rest = after;
            }
        }
    }
    known.push_str(rest);
    out.push(Piece::Text(known));
    out.retain(|piece| *piece != Piece::Text(String::new()));
    out
}

/// What stands at the beginning of a text: pieces in its place and what comes after; `None` if it is ordinary text.
fn one<'t>(from: &'t str, syntax: Syntax, value: &dyn Fn(&str) -> Option<Vec<Piece>>) -> (Option<Vec<Piece>>, &'t str) {
    let unknown = |name: &str| Some(vec![Piece::Unknown(name.to_owned())]);
    for (open, close) in [("${{", "}}"), ("{{", "}}"), ("$(", ")"), ("{%", "%}")] {
        if let Some(inner) = from.strip_prefix(open) {
            return match inner.split_once(close) {
                Some((name, after)) => (unknown(&format!("{open}{name}{close}")), after),
                None => (unknown(from), ""),
            };
        }
    }
    let Some(after) = from.strip_prefix('$') else { return (None, from) };
    if syntax == Syntax::Shell
        && let Some(after) = after.strip_prefix('$')
    {
        return (Some(vec![Piece::Text("$".to_owned())]), after);
    }
    if let Some(inner) = after.strip_prefix('{') {
        let Some(end) = closing(inner) else { return (unknown(from), "") };
        let (inside, after) = inner.split_at_checked(end).unwrap_or((inner, ""));
        let after = after.strip_prefix('}').unwrap_or(after);
        let name_end = inside.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(inside.len());
        let (name, operator) = inside.split_at_checked(name_end).unwrap_or((inside, ""));
        let whole = format!("${{{inside}}}");
        if syntax == Syntax::Opaque || name.is_empty() {
            return (unknown(&whole), after);
        }
        let here = value(name);
        let empty = here.as_ref().is_some_and(|pieces| pieces.iter().all(|p| *p == Piece::Text(String::new())));
        let replaced = if operator.is_empty() {
            here.unwrap_or_else(|| vec![Piece::Unknown(whole)])
        } else if let Some(default) = operator.strip_prefix(":-").or_else(|| operator.strip_prefix('-')) {
            match here {
                Some(pieces) if !(empty && operator.starts_with(':')) => pieces,
                _ => pieces(default, syntax, value),
            }
        } else if operator.starts_with(":?") || operator.starts_with('?') {
            here.filter(|_| !empty).unwrap_or_else(|| vec![Piece::Unknown(whole)])
        } else {
            vec![Piece::Unknown(whole)]
        };
        return (Some(replaced), after);
    }
    let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
    let (name, after) = after.split_at_checked(end).unwrap_or((after, ""));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return (unknown(from.get(..1).unwrap_or("$")), after);
    }
    let known = if syntax == Syntax::Shell { value(name) } else { None };
    (known.map_or_else(|| unknown(&format!("${name}")), Some), after)
}

/// Where the brace that is open at the start of a text closes.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' if depth == 0 => return Some(at),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_by_what_the_file_gives_and_else_unknown() {
        let value = |name: &str| match name {
            "A" => Some(vec![Piece::Text("alpha".to_owned())]),
            "E" => Some(vec![Piece::Text(String::new())]),
            _ => None,
        };
        let said = |text: &str| {
            pieces(text, Syntax::Shell, &value)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => text,
                    Piece::Unknown(name) => format!("<{name}>"),
                })
                .collect::<String>()
        };
        for (text, expected) in [
            ("a/$A:1", "a/alpha:1"),
            ("${A}b", "alphab"),
            ("${B:-x}/${B-y}", "x/y"),
            ("${E:-x}", "x"),
            ("${B:-${A}}", "alpha"),
            ("$B", "<$B>"),
            ("${B}", "<${B}>"),
            ("${A:+x}", "<${A:+x}>"),
            ("$$A", "$A"),
            ("{{ .x }}:1", "<{{ .x }}>:1"),
            ("${{ env.X }}", "<${{ env.X }}>"),
            ("${A", "<${A>"),
            ("a{b}", "a{b}"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
