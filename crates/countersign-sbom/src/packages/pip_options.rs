//! Options in a list for pip, as pip reads them: a line is split as a shell does it, and an option may be cut short.

/// What a line holds beside a requirement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// An option under its full name, with its value.
    Known(&'static str, String),
    /// An option that is none of pip's, or could be several, or has no value; or a word that belongs to none.
    Unknown,
}

/// The options that pip takes in a list: their names, their letters, and whether a value follows.
static OPTIONS: [(&str, Option<char>, bool); 18] = [
    ("--index-url", Some('i'), true),
    ("--pypi-url", None, true),
    ("--extra-index-url", None, true),
    ("--no-index", None, false),
    ("--constraint", Some('c'), true),
    ("--requirement", Some('r'), true),
    ("--editable", Some('e'), true),
    ("--find-links", Some('f'), true),
    ("--no-binary", None, true),
    ("--only-binary", None, true),
    ("--prefer-binary", None, false),
    ("--require-hashes", None, false),
    ("--pre", None, false),
    ("--trusted-host", None, true),
    ("--use-feature", None, true),
    ("--global-option", None, true),
    ("--hash", None, true),
    ("--config-settings", Some('C'), true),
];

/// A line's requirement, and its options: they begin at the first word with a `-` in front.
pub(super) fn parted(line: &str) -> (&str, &str) {
    let first = if line.starts_with('-') { Some(0) } else { line.find(" -").map(|at| at.saturating_add(1)) };
    first.and_then(|at| line.split_at_checked(at)).unwrap_or((line, ""))
}

/// All that options say, in order.
pub(super) fn read(options: &str) -> Vec<Said> {
    let Some(words) = words(options) else { return vec![Said::Unknown] };
    let mut said = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let (option, attached) = if word.starts_with("--") {
            match word.split_once('=') {
                Some((name, value)) => (long(name), Some(value.to_owned())),
                None => (long(&word), None),
            }
        } else {
            let mut letters = word.strip_prefix('-').unwrap_or_default().chars();
            let option = letters.next().and_then(|letter| OPTIONS.iter().find(|(_, own, _)| *own == Some(letter)));
            (option, Some(letters.as_str().to_owned()).filter(|value| !value.is_empty()))
        };
        said.push(match (option, attached) {
            (Some(&(name, _, true)), attached) => {
                attached.or_else(|| words.next()).map_or(Said::Unknown, |value| Said::Known(name, value))
            }
            (Some(&(name, _, false)), None) => Said::Known(name, String::new()),
            (Some(&(_, _, false)), Some(_)) | (None, _) => Said::Unknown,
        });
    }
    said
}

/// The option of this name, or the only one whose name begins so.
fn long(name: &str) -> Option<&'static (&'static str, Option<char>, bool)> {
    let whole = OPTIONS.iter().find(|(known, _, _)| *known == name);
    whole.or_else(|| {
        let mut begun = OPTIONS.iter().filter(|(known, _, _)| known.starts_with(name));
        begun.next().filter(|_| begun.next().is_none())
    })
}

/// The words of a text, without the quotes around them, as Python's `shlex` has them; none where a quote does not end.
fn words(text: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(end), _) if c == end => quote = None,
            (Some('"'), '\\') => {
                let next = chars.next()?;
                let word = word.get_or_insert_default();
                if !matches!(next, '"' | '\\') {
                    word.push('\\');
                }
                word.push(next);
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                if word.is_none() {
                    word = Some(String::new());
                }
            }
            (None, '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, ' ' | '\t' | '\r' | '\n') => all.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    all.extend(word);
    quote.is_none().then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let of = |text: &str| words(text).map(|words| words.join("|"));
        for (text, wanted) in [
            ("-i  'a b'\tc", "-i|a b|c"),
            ("--x=\"a 'b' \\\" \\n\"d ''", "--x=a 'b' \" \\nd|"),
            ("a\\ b '\\'", "a b|\\"),
            ("", ""),
        ] {
            assert_eq!(of(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!([of("'a"), of("\"a\\\""), of("a\\")], [None, None, None]);
    }

    #[test]
    fn options_are_known_in_every_spelling_that_pip_takes() {
        let known = |name: &'static str, value: &str| Said::Known(name, value.to_owned());
        for (text, wanted) in [
            ("--pypi-url U", vec![known("--pypi-url", "U")]),
            ("--index=U", vec![known("--index-url", "U")]),
            ("-iU -f 'V W'", vec![known("--index-url", "U"), known("--find-links", "V W")]),
            ("--pre --extra-index U", vec![known("--pre", ""), known("--extra-index-url", "U")]),
            ("--trusted-host -i --no-ind", vec![known("--trusted-host", "-i"), known("--no-index", "")]),
            ("--re x.txt", vec![Said::Unknown, Said::Unknown]),
            ("--pre=1 -x -", vec![Said::Unknown, Said::Unknown, Said::Unknown]),
            ("--index-url", vec![Said::Unknown]),
            ("--index-url 'U", vec![Said::Unknown]),
            ("", vec![]),
        ] {
            assert_eq!(read(text), wanted, "{text}");
        }
        assert_eq!(parted("a==1 ; x == 'y-z' --hash=h -C a"), ("a==1 ; x == 'y-z' ", "--hash=h -C a"));
        assert_eq!((parted("-e x"), parted("a-b==1")), (("", "-e x"), ("a-b==1", "")));
    }
}
