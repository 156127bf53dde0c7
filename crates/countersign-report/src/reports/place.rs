//! A line of a file, where a finding names one: what an annotation can stand beside.

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, relative to where the program ran, with `/`.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: Option<u32>,
}

impl Place {
    /// Reads `FILE:LINE` or `FILE:LINE:COLUMN`; a file that is not absolute lies in `folder`. Everything else that a finding
    /// names, such as a digest, an address or a path that leads out of where the program ran, is no such place.
    #[must_use]
    pub fn parse(text: &str, folder: &str) -> Option<Self> {
        let (rest, last) = numbered(text)?;
        match numbered(rest) {
            Some((path, line)) => Self::of(path, line, Some(last), folder),
            None => Self::of(rest, last, None, folder),
        }
    }

    /// Reads the name of a file in a folder that is known: its first line stands for it.
    #[must_use]
    pub fn of_file(text: &str, folder: &str) -> Option<Self> {
        let is_file = text.contains('.') && !text.contains(char::is_whitespace);
        if is_file { Self::of(text, 1, None, folder) } else { None }
    }

    fn of(path: &str, line: u32, column: Option<u32>, folder: &str) -> Option<Self> {
        let scheme = path.contains("://") || path == "sha256" || path.starts_with("sha256:");
        let outside = path.starts_with(['/', '-', '\\']) || path.split('/').any(|part| part == "..");
        if path.is_empty() || scheme || outside || path.chars().any(|c| c.is_control() || c == '\\') {
            return None;
        }
        let path = path.trim_start_matches("./");
        let folder = folder.trim_start_matches("./").trim_end_matches('/');
        let path = if matches!(folder, "" | ".") { path.to_owned() } else { format!("{folder}/{path}") };
        Some(Self { path: relative(&path), line, column })
    }
}

/// A path as readers of reports take it: relative, without `./`. Of an absolute one, its last part.
pub(super) fn relative(path: &str) -> String {
    let path = path.replace('\\', "/");
    let path = path.trim_start_matches("./").trim_end_matches('/');
    let outside = path.starts_with('/') || path.split('/').any(|part| part == "..");
    let path = if outside { path.rsplit('/').next().unwrap_or_default() } else { path };
    match path {
        "" | "." | ".." => "countersign".to_owned(),
        path => path.to_owned(),
    }
}

/// `REST:NUMBER`, where the number is one from 1.
fn numbered(text: &str) -> Option<(&str, u32)> {
    let (rest, number) = text.rsplit_once(':')?;
    let number = number.bytes().all(|b| b.is_ascii_digit()).then(|| number.parse().ok()).flatten()?;
    (number > 0 && !rest.is_empty()).then_some((rest, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &str, line: u32, column: Option<u32>) -> Place {
        Place { path: path.to_owned(), line, column }
    }

    #[test]
    fn lines_of_files_are_places_and_nothing_else_is() {
        assert_eq!(Place::parse("k8s/a.yaml:77:16", ""), Some(place("k8s/a.yaml", 77, Some(16))));
        assert_eq!(Place::parse("./Dockerfile:3", ""), Some(place("Dockerfile", 3, None)));
        assert_eq!(
            Place::parse("rules/x/rule.rego:1:2", "./policy/"),
            Some(place("policy/rules/x/rule.rego", 1, Some(2)))
        );
        assert_eq!(Place::parse("a:b:7", ""), Some(place("a:b", 7, None)));
        assert_eq!(Place::parse("rule.rego:1", "/abs/policy"), Some(place("rule.rego", 1, None)));
        assert_eq!(
            Place::of_file("rules/x/cases/a.yaml", "policy"),
            Some(place("policy/rules/x/cases/a.yaml", 1, None))
        );
        assert_eq!(Place::of_file("rules/x/cases", "policy"), None);
        assert_eq!(Place::of_file("/etc/passwd.d", "policy"), None);
        for other in [
            "",
            ":1",
            "a",
            "a:",
            "a:0",
            "a:x",
            "a:-1",
            "sha256:12",
            "https://a.example:80",
            "/etc/passwd:1",
            "../a:1",
            "a/../../b:1",
            "--key:1",
            "a\u{1b}b:1",
            "a:99999999999",
            "C:\\x:1",
        ] {
            assert_eq!(Place::parse(other, ""), None, "{other}");
        }
    }

    #[test]
    fn the_file_for_the_whole_is_relative() {
        for (from, to) in [
            ("dist/app", "dist/app"),
            ("/w/dist/app", "app"),
            ("../app", "app"),
            ("./a/", "a"),
            ("", "countersign"),
            (".", "countersign"),
        ] {
            assert_eq!(relative(from), to);
        }
    }
}
