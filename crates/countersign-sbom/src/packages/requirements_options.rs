//! The options in a list for pip, as pip reads them: several stand in one line, words may be quoted as a shell has it, each long
//! name may be cut short where no other begins so, and the value of a short one may stand right behind it.

/// What a line of options says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// The address of the index.
    pub(super) index: Option<String>,
    /// Whether no index is asked.
    pub(super) no_index: bool,
    /// Whether packages come from further places.
    pub(super) further: bool,
    /// Whether other lists are named.
    pub(super) lists: bool,
    /// What is installed in place.
    pub(super) in_place: Option<String>,
    /// What is no option that is known, by its name alone: a value may be secret.
    pub(super) unread: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Means {
    Index,
    NoIndex,
    Further,
    Lists,
    InPlace,
    /// It has a value, and says nothing of where packages come from.
    Value,
    /// It has none, and says nothing of that either.
    Flag,
}

/// All that pip takes in a list, without the `--` in front.
const LONG: [(&str, Means); 19] = [
    ("index-url", Means::Index),
    ("pypi-url", Means::Index),
    ("no-index", Means::NoIndex),
    ("extra-index-url", Means::Further),
    ("find-links", Means::Further),
    ("requirement", Means::Lists),
    ("constraint", Means::Lists),
    ("editable", Means::InPlace),
    ("no-binary", Means::Value),
    ("only-binary", Means::Value),
    ("trusted-host", Means::Value),
    ("use-feature", Means::Value),
    ("global-option", Means::Value),
    ("install-option", Means::Value),
    ("hash", Means::Value),
    ("config-settings", Means::Value),
    ("prefer-binary", Means::Flag),
    ("require-hashes", Means::Flag),
    ("pre", Means::Flag),
];

/// Each of the short ones has a value.
const SHORT: [(char, Means); 6] = [
    ('i', Means::Index),
    ('f', Means::Further),
    ('r', Means::Lists),
    ('c', Means::Lists),
    ('e', Means::InPlace),
    ('C', Means::Value),
];

pub(super) fn read(text: &str) -> Options {
    let mut options = Options::default();
    let Some(words) = words(text) else {
        options.unread.push("quotes without an end".to_owned());
        return options;
    };
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        // Behind this, nothing is an option.
        if word == "--" {
            break;
        }
        // pip passes over words that belong to no option.
        if !word.starts_with('-') || word == "-" {
            continue;
        }
        let Some((means, attached)) = meaning(&word) else {
            options.unread.push(shown(&word));
            continue;
        };
        if means == Means::Flag {
            continue;
        }
        if means == Means::NoIndex {
            options.no_index = true;
            continue;
        }
        let Some(value) = attached.map(str::to_owned).or_else(|| words.next()) else {
            options.unread.push(shown(&word));
            break;
        };
        match means {
            Means::Index if !value.is_empty() => options.index = Some(value),
            Means::Further => options.further = true,
            Means::Lists => options.lists = true,
            // Of several in one line, pip takes the first.
            Means::InPlace => options.in_place = options.in_place.or(Some(value)),
            Means::Index | Means::NoIndex | Means::Value | Means::Flag => {}
        }
    }
    options
}

/// What a word that begins with `-` means, and the value within it.
fn meaning(word: &str) -> Option<(Means, Option<&str>)> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let whole = LONG.iter().find(|(known, _)| *known == name);
        let mut begun = LONG.iter().filter(|(known, _)| known.starts_with(name));
        let only = begun.next().filter(|_| begun.next().is_none());
        return whole.or(only).map(|(_, means)| (*means, value));
    }
    let mut letters = word.strip_prefix('-')?.chars();
    let letter = letters.next()?;
    let value = letters.as_str().trim_start_matches('=');
    let (_, means) = SHORT.iter().find(|(known, _)| *known == letter)?;
    Some((*means, Some(value).filter(|value| !value.is_empty())))
}

/// An option without its value.
fn shown(word: &str) -> String {
    const LETTERS: usize = 40;
    let name =
        if word.starts_with("--") { word.split('=').next().unwrap_or(word) } else { word.get(..2).unwrap_or("-") };
    name.chars().take(LETTERS).collect()
}

/// Words as a shell has them. `None` where a quote has no end.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if matches!(letter, ' ' | '\t' | '\r' | '\n') {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_with(String::new);
        match letter {
            '\'' => loop {
                match letters.next()? {
                    '\'' => break,
                    inside => word.push(inside),
                }
            },
            '"' => loop {
                match letters.next()? {
                    '"' => break,
                    '\\' => {
                        let behind = letters.next()?;
                        if !matches!(behind, '"' | '\\') {
                            word.push('\\');
                        }
                        word.push(behind);
                    }
                    inside => word.push(inside),
                }
            },
            '\\' => word.push(letters.next()?),
            plain => word.push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_known_in_each_spelling_that_pip_takes() {
        let url = "https://pip.example.com/simple";
        for line in [
            "--index-url URL",
            "--index-url=URL",
            "--index-url 'URL'",
            "--index-url \"URL\"",
            "--index URL",
            "--pypi-url URL",
            "--py=URL",
            "-i URL",
            "-iURL",
            "-i\tURL",
            "--trusted-host pip.example.com --pre -i URL",
            "--index-url https://other.example.com -i URL",
            "stray -- --no-index -i URL",
        ] {
            let wanted = Some(url.to_owned()).filter(|_| !line.contains(" -- "));
            assert_eq!(read(&line.replace("URL", url)), Options { index: wanted, ..Options::default() }, "{line}");
        }
        for line in ["--extra-index-url U", "--extra U", "--pre --extra-index U", "-fU", "--find U", "-f U"] {
            assert_eq!(read(line), Options { further: true, ..Options::default() }, "{line}");
        }
        for line in ["--no-index", "--no-ind", "--no-binary :all: --no-i"] {
            assert_eq!(read(line), Options { no_index: true, ..Options::default() }, "{line}");
        }
        for line in ["-r other.txt", "-rother.txt", "--requirem other.txt", "--constraint=c.txt", "-c c.txt"] {
            assert_eq!(read(line), Options { lists: true, ..Options::default() }, "{line}");
        }
        for line in ["-e ./x", "-e./x", "--edit ./x", "--editable='./x' -e ./y"] {
            assert_eq!(read(line), Options { in_place: Some("./x".to_owned()), ..Options::default() }, "{line}");
        }
        assert_eq!(read("--only-binary --no-index"), Options::default(), "that is its value");
    }

    #[test]
    fn what_is_no_option_that_is_known_is_named_without_its_value() {
        for (line, name) in [
            ("--token=secret", "--token"),
            ("--token secret", "--token"),
            ("--pr", "--pr"),
            ("-Zsecret", "-Z"),
            ("--index-url", "--index-url"),
            ("--index-url 'https://u:p@pip.example.com", "quotes without an end"),
        ] {
            assert_eq!(read(line), Options { unread: vec![name.to_owned()], ..Options::default() }, "{line}");
        }
        assert!(read("--token x --no-index").no_index);
    }

    #[test]
    fn words_are_those_of_a_shell() {
        let of = |text: &str| words(text).map(|words| words.join("|"));
        assert_eq!(of(r#" a 'b c'd "e\"f\g" h\ i '' "#).as_deref(), Some(r#"a|b cd|e"f\g|h i|"#));
        assert_eq!([of("'a"), of("\"a"), of("a\\"), of("\"a\\")], [None, None, None, None]);
    }
}
