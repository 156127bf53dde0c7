//! Pages for auditors: headings, facts and tables that a browser shows and prints without a script, a network or a colour
//! that means something. Every text is escaped here, wherever it comes from.

use crate::escape::{markup, push};
use crate::picture::Picture;
use crate::reports::html::HEAD;

/// A page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    title: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Heading(String),
    Text(String),
    Facts(Vec<(String, String)>),
    Table { columns: Vec<String>, rows: Vec<Vec<String>> },
    List(Vec<String>),
    Picture(Picture),
}

const STYLE: &str = "<style>
body { font: 16px/1.5 sans-serif; max-width: 76em; margin: 2em auto; padding: 0 1em; color: #111; background: #fff }
table { border-collapse: collapse; margin: .5em 0 } th, td { border: 1px solid #999; padding: .2em .5em; text-align: left; vertical-align: top }
thead { display: table-header-group } td, dd { overflow-wrap: anywhere } dt { font-weight: bold }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em } dd { margin: 0 }
svg { max-width: 100%; height: auto } footer { border-top: 1px solid #999; margin-top: 2em }
@media print { body { font-size: 10pt; max-width: none; margin: 0 } table { font-size: 8pt } tr, svg { break-inside: avoid } h2 { break-after: avoid } }
</style>
</head>
<body>
";

/// What stands below every page.
pub const NO_CONCLUSION: &str = "countersign does not conclude that a criterion is met. What this page says is proved by the package alone: \
     `countersign audit verify` checks it again.";

impl Page {
    /// With this title.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), parts: Vec::new() }
    }

    /// A heading.
    pub fn heading(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Heading(text.into()));
    }

    /// A paragraph.
    pub fn text(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Text(text.into()));
    }

    /// Names and values.
    pub fn facts<K: Into<String>, V: Into<String>>(&mut self, facts: impl IntoIterator<Item = (K, V)>) {
        self.parts.push(Part::Facts(facts.into_iter().map(|(name, value)| (name.into(), value.into())).collect()));
    }

    /// A table.
    pub fn table<S: Into<String>>(&mut self, columns: impl IntoIterator<Item = S>, rows: Vec<Vec<String>>) {
        self.parts.push(Part::Table { columns: columns.into_iter().map(Into::into).collect(), rows });
    }

    /// A list.
    pub fn list(&mut self, items: Vec<String>) {
        self.parts.push(Part::List(items));
    }

    /// A picture.
    pub fn picture(&mut self, picture: Picture) {
        self.parts.push(Part::Picture(picture));
    }

    /// As HTML.
    #[must_use]
    pub fn render(&self) -> String {
        let title = markup(&self.title);
        let mut out = format!("{HEAD}<title>{title}</title>\n{STYLE}<h1>{title}</h1>\n");
        for part in &self.parts {
            match part {
                Part::Heading(text) => push(&mut out, format_args!("<h2>{}</h2>\n", markup(text))),
                Part::Text(text) => push(&mut out, format_args!("<p>{}</p>\n", markup(text))),
                Part::Facts(facts) => {
                    out.push_str("<dl>\n");
                    for (name, value) in facts {
                        push(&mut out, format_args!("<dt>{}</dt><dd>{}</dd>\n", markup(name), markup(value)));
                    }
                    out.push_str("</dl>\n");
                }
                Part::Table { columns, rows } => table(&mut out, columns, rows),
                Part::List(items) => {
                    out.push_str("<ul>\n");
                    for item in items {
                        push(&mut out, format_args!("<li>{}</li>\n", markup(item)));
                    }
                    out.push_str("</ul>\n");
                }
                Part::Picture(picture) => out.push_str(&picture.svg()),
            }
        }
        push(&mut out, format_args!("<footer><p>{}</p></footer>\n</body>\n</html>\n", markup(NO_CONCLUSION)));
        out
    }
}

fn table(out: &mut String, columns: &[String], rows: &[Vec<String>]) {
    if rows.is_empty() {
        out.push_str("<p>None.</p>\n");
        return;
    }
    out.push_str("<table>\n<thead><tr>");
    for column in columns {
        push(out, format_args!("<th>{}</th>", markup(column)));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            push(out, format_args!("<td>{}</td>", markup(cell)));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place_and_no_script_is_there() {
        let evil = "<script>alert(1)</script>\" onload='x";
        let mut page = Page::new(evil);
        page.heading(evil);
        page.text(evil);
        page.facts([(evil, evil)]);
        page.table([evil], vec![vec![evil.to_owned()]]);
        page.list(vec![evil.to_owned()]);
        let mut picture = Picture::new(evil);
        picture.column(evil, vec![vec![evil.to_owned()]]);
        page.picture(picture);
        let html = page.render();
        assert!(!html.contains("<script") && !html.contains("onload='"), "{html}");
        assert!(html.contains("default-src 'none'"));
    }

    #[test]
    fn an_empty_table_says_so() {
        let mut page = Page::new("t");
        page.table(["a"], Vec::new());
        assert!(page.render().contains("<p>None.</p>"));
    }
}
