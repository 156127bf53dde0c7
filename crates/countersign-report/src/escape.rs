//! Foreign text made harmless to look at. Names, messages and paths come from artifacts, commits and other people: a
//! terminal or a reader must not be steered by them.

/// The most characters of one foreign text that are shown. The JSON output has all of them.
pub const LONGEST: usize = 1_000;

/// One line in which every character is visible: control characters, line ends, characters that turn the direction of
/// text or have no width are written as escapes such as `\n` and `\u{202e}`. Text past [`LONGEST`] is counted, not shown.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (shown, c) in text.chars().enumerate() {
        if shown == LONGEST {
            let more = text.chars().count().saturating_sub(LONGEST);
            push(&mut out, format_args!("… ({more} more characters)"));
            break;
        }
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hidden(c) => push(&mut out, format_args!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// As [`plain`], but lines stay lines: each below the first begins with a bar, so that none can pass for a line of ours.
#[must_use]
pub fn plain_lines(text: &str, indent: &str) -> String {
    let lines: Vec<String> = text.lines().map(plain).collect();
    lines.join(&format!("\n{indent}| "))
}

/// One harmless line that HTML and XML take as text, in an attribute as well: as [`plain`], with their signs written out, and
/// without the two characters that XML does not have.
#[must_use]
pub fn markup(text: &str) -> String {
    let text = plain(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => push(&mut out, format_args!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character cannot be seen, or changes how its neighbours are seen: controls, direction marks and overrides,
/// characters without width, line separators, tags, and the deprecated format characters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Appends formatted text.
pub(crate) fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&std::fmt::format(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for text in ["", "dist/app-1.4.2.tar.gz  sha256:9f2c…", "C:\\dir", "Zoë, 山田, Ωmega", "a 🙂"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn terminal_escapes_line_ends_and_direction_marks_become_visible() {
        assert_eq!(plain("\u{1b}[2Jgone\u{7}"), "\\u{1b}[2Jgone\\u{7}");
        assert_eq!(plain("one\r\ntwo\tthree\u{0}"), "one\\r\\ntwo\\tthree\\u{0}");
        assert_eq!(plain("\u{9b}31m and \u{7f}"), "\\u{9b}31m and \\u{7f}");
        assert_eq!(plain("a\u{202e}cod.exe\u{2066}"), "a\\u{202e}cod.exe\\u{2066}");
        assert_eq!(plain("a\u{200b}b\u{feff}c\u{e0041}\u{2028}"), "a\\u{200b}b\\u{feff}c\\u{e0041}\\u{2028}");
    }

    #[test]
    fn no_sign_of_html_or_xml_is_left() {
        assert_eq!(
            markup("<a href='x' b=\"y\">&]]>\u{fffe}\u{1b}"),
            "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;]]&gt;\\u{fffe}\\u{1b}"
        );
    }

    #[test]
    fn lines_stay_lines_and_none_of_them_passes_for_ours() {
        assert_eq!(plain_lines("one", "  "), "one");
        assert_eq!(plain_lines("a\u{1b}[2J\nerror: b\r\n  help: c", "  "), "a\\u{1b}[2J\n  | error: b\n  |   help: c");
    }

    #[test]
    fn a_text_without_end_is_counted() {
        assert_eq!(plain(&"x".repeat(LONGEST)), "x".repeat(LONGEST));
        let long = plain(&"é".repeat(LONGEST + 5));
        assert!(long.ends_with("é… (5 more characters)"), "{long}");
        assert_eq!(long.chars().filter(|c| *c == 'é').count(), LONGEST);
    }
}
