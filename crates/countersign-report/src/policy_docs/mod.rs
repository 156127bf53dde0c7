//! The pages of a policy release, for the people that it binds: one for each rule, and an index by rule and by control. In
//! Markdown or in HTML, with the same text, and with links that work from a folder without any network.

mod html;
mod markdown;
mod words;

pub use words::words;

use crate::reports::link::is_https;
use std::collections::{BTreeMap, BTreeSet};

/// In which form pages are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageForm {
    /// Markdown.
    Markdown,
    /// HTML that needs nothing else.
    Html,
}

impl PageForm {
    /// How the names of its files end.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Html => "html",
        }
    }
}

/// A release, as its pages say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    /// The policy's name.
    pub uri: String,
    /// Its version.
    pub version: u64,
    /// Its rules, in the order of policy.toml.
    pub rules: Vec<RulePage>,
}

/// A rule, as its page says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RulePage {
    /// The rule.
    pub id: String,
    /// What holds when it passes.
    pub title: String,
    /// How bad it is when it does not; none of a rule that is built in.
    pub severity: Option<String>,
    /// What is said of each thing that breaks it.
    pub message: Option<String>,
    /// Why it exists.
    pub why: String,
    /// What to do when it is broken.
    pub fix: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The controls that it serves.
    pub controls: Vec<String>,
    /// Where more is written.
    pub docs: Option<String>,
    /// The file that it is written in; none of a rule that is built in.
    pub file: Option<String>,
    /// Its parameters: name, meaning, and the value in this release.
    pub parameters: Vec<(String, String, Option<String>)>,
    /// Its stage in each environment.
    pub stages: Vec<(String, String)>,
    /// Its cases.
    pub examples: Vec<Example>,
}

/// A case, as an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What it shows.
    pub name: String,
    /// The input, as it is written.
    pub input: String,
    /// What the rule says of it; nothing where it holds.
    pub said: Vec<String>,
}

/// A part of a page. Every text is foreign until a form has written it.
enum Block {
    Heading(u8, String),
    Text(String),
    /// A label and a text each.
    Facts(Vec<(&'static str, String)>),
    /// Rows below a heading.
    Table(Vec<&'static str>, Vec<Vec<String>>),
    /// Lines that stay as they are.
    Lines(String),
    /// Texts with the page or address behind them.
    Links(Vec<(String, String)>),
}

/// All pages, by path.
#[must_use]
pub fn pages(book: &Book, form: PageForm) -> BTreeMap<String, String> {
    let ending = form.ending();
    let write = |title: &str, blocks: &[Block]| match form {
        PageForm::Markdown => markdown::page(blocks),
        PageForm::Html => html::page(title, blocks),
    };
    let mut out = BTreeMap::new();
    let title = format!("Policy {}, version {}", book.uri, book.version);
    out.insert(format!("index.{ending}"), write(&title, &index(&title, book, ending)));
    for rule in &book.rules {
        out.insert(path(rule, ending), write(&rule.id, &page(rule, ending)));
    }
    out
}

/// The path of a rule's page. An id has no sign that means something in a path.
fn path(rule: &RulePage, ending: &str) -> String {
    format!("rules/{}.{ending}", rule.id.replace('@', "-"))
}

fn index(title: &str, book: &Book, ending: &str) -> Vec<Block> {
    let link = |rule: &RulePage| (format!("{}: {}", rule.id, rule.title), path(rule, ending));
    let mut blocks = vec![Block::Heading(1, title.to_owned()), Block::Heading(2, "Rules".to_owned())];
    blocks.push(Block::Links(book.rules.iter().map(link).collect()));
    blocks.push(Block::Heading(2, "Controls".to_owned()));
    blocks.push(Block::Text(
        "Which rules are meant for which control. Whether a control's criterion is met is for people to conclude."
            .to_owned(),
    ));
    let controls: BTreeSet<&String> = book.rules.iter().flat_map(|rule| &rule.controls).collect();
    for control in controls {
        blocks.push(Block::Heading(3, control.clone()));
        blocks.push(Block::Links(book.rules.iter().filter(|rule| rule.controls.contains(control)).map(link).collect()));
    }
    let without: Vec<(String, String)> = book.rules.iter().filter(|rule| rule.controls.is_empty()).map(link).collect();
    if !without.is_empty() {
        blocks.push(Block::Heading(3, "Of no control".to_owned()));
        blocks.push(Block::Links(without));
    }
    blocks
}

fn page(rule: &RulePage, ending: &str) -> Vec<Block> {
    let mut facts = Vec::new();
    facts.extend(rule.severity.clone().map(|severity| ("severity", severity)));
    facts.push(("owner", rule.owner.clone().unwrap_or_else(|| "nobody is named".to_owned())));
    facts.push(("controls", if rule.controls.is_empty() { "none".to_owned() } else { rule.controls.join(", ") }));
    facts.push(("written in", rule.file.clone().unwrap_or_else(|| "built in".to_owned())));
    facts.extend(rule.message.clone().map(|message| ("says", message)));
    // An address that is not plainly one stays text.
    facts.extend(rule.docs.clone().filter(|docs| !is_https(docs)).map(|docs| ("docs", docs)));
    let mut blocks = vec![
        Block::Heading(1, format!("{}: {}", rule.id, rule.title)),
        Block::Facts(facts),
        Block::Heading(2, "Why".to_owned()),
        Block::Text(rule.why.clone()),
        Block::Heading(2, "What to do".to_owned()),
        Block::Text(rule.fix.clone()),
        Block::Heading(2, "Where it stands".to_owned()),
    ];
    let stages = rule.stages.iter().map(|(to, stage)| vec![to.clone(), stage.clone()]).collect();
    blocks.push(Block::Table(vec!["environment", "stage"], stages));
    if !rule.parameters.is_empty() {
        let unset = || "not set: its default holds".to_owned();
        let row = |(name, meaning, value): &(String, String, Option<String>)| {
            vec![name.clone(), meaning.clone(), value.clone().unwrap_or_else(unset)]
        };
        blocks.push(Block::Heading(2, "Parameters".to_owned()));
        blocks.push(Block::Table(vec!["name", "meaning", "value"], rule.parameters.iter().map(row).collect()));
    }
    let (broken, holds): (Vec<&Example>, Vec<&Example>) = rule.examples.iter().partition(|e| !e.said.is_empty());
    for (title, examples) in [("Where it is broken", broken), ("Where it holds", holds)] {
        if !examples.is_empty() {
            blocks.push(Block::Heading(2, title.to_owned()));
        }
        for example in examples {
            blocks.push(Block::Heading(3, example.name.clone()));
            blocks.push(Block::Lines(example.input.clone()));
            blocks.extend(example.said.iter().map(|said| Block::Text(format!("It says: {said}"))));
        }
    }
    let index = ("All rules".to_owned(), format!("../index.{ending}"));
    let docs = rule.docs.clone().filter(|docs| is_https(docs)).map(|docs| (docs.clone(), docs));
    blocks.push(Block::Heading(2, "More".to_owned()));
    blocks.push(Block::Links(docs.into_iter().chain([index]).collect()));
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        let written = RulePage {
            id: "no-left-pad@1".to_owned(),
            title: "No left-pad".to_owned(),
            severity: Some("high".to_owned()),
            message: Some("component {name} is not allowed".to_owned()),
            why: "It can go away.".to_owned(),
            fix: "Take {name} out.".to_owned(),
            owner: Some("security".to_owned()),
            controls: vec!["SOC 2 CC7.1".to_owned()],
            docs: Some("https://docs.example/pads".to_owned()),
            file: Some("rules/no-left-pad/rule.yaml".to_owned()),
            parameters: vec![("names".to_owned(), "list".to_owned(), Some("[\"left-pad\"]".to_owned()))],
            stages: vec![("production".to_owned(), "monitor".to_owned())],
            examples: vec![
                Example {
                    name: "a component of the list".to_owned(),
                    input: "sbom:\n  components:\n    - name: left-pad\n".to_owned(),
                    said: vec!["component left-pad is not allowed".to_owned()],
                },
                Example { name: "another".to_owned(), input: "sbom: {}\n".to_owned(), said: Vec::new() },
            ],
        };
        let built_in = RulePage {
            id: "source-clean@1".to_owned(),
            title: "Clean".to_owned(),
            why: "Nobody saw the rest.".to_owned(),
            fix: "Commit it.".to_owned(),
            stages: vec![("production".to_owned(), "enforce".to_owned())],
            ..RulePage::default()
        };
        Book { uri: "https://example.com/policy".to_owned(), version: 3, rules: vec![written, built_in] }
    }

    #[test]
    fn a_rule_s_page_in_markdown() {
        let pages = pages(&book(), PageForm::Markdown);
        assert_eq!(
            pages.keys().map(String::as_str).collect::<Vec<_>>(),
            ["index.md", "rules/no-left-pad-1.md", "rules/source-clean-1.md"]
        );
        insta::assert_snapshot!(pages["rules/no-left-pad-1.md"]);
        insta::assert_snapshot!(pages["index.md"]);
    }

    #[test]
    fn a_rule_s_page_in_html() {
        insta::assert_snapshot!(pages(&book(), PageForm::Html)["rules/no-left-pad-1.html"]);
    }

    #[test]
    fn every_link_leads_to_a_page_or_out() {
        for form in [PageForm::Markdown, PageForm::Html] {
            let pages = pages(&book(), form);
            for (path, text) in &pages {
                let opening = if form == PageForm::Html { "href=\"" } else { "](" };
                for link in text.split(opening).skip(1) {
                    let link = link.split(['"', ')']).next().unwrap();
                    let from = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
                    let to = link.strip_prefix("../").map_or_else(|| format!("{from}{link}"), str::to_owned);
                    assert!(link.starts_with("https://") || pages.contains_key(&to), "{path}: {link}");
                }
            }
        }
    }

    #[test]
    fn hostile_text_is_text_on_every_page() {
        let evil = "</pre><script>alert(1)</script>\n# [x](javascript:alert(1)) | `a` ![i](http://e/x) <img src=x onerror=y> \u{202e}\u{1b}[31m @all";
        let hostile = RulePage {
            id: "x@1".to_owned(),
            title: evil.to_owned(),
            severity: Some(evil.to_owned()),
            message: Some(evil.to_owned()),
            why: evil.to_owned(),
            fix: evil.to_owned(),
            owner: Some(evil.to_owned()),
            controls: vec![evil.to_owned()],
            docs: Some(format!("https://e.example/\"><script>{evil}")),
            file: Some(evil.to_owned()),
            parameters: vec![(evil.to_owned(), evil.to_owned(), Some(evil.to_owned()))],
            stages: vec![(evil.to_owned(), evil.to_owned())],
            examples: vec![Example {
                name: evil.to_owned(),
                input: format!("a: |\n  ```\n````\n{evil}\n"),
                said: vec![evil.to_owned()],
            }],
        };
        let book = Book { uri: evil.to_owned(), version: 1, rules: vec![hostile] };
        for (path, page) in pages(&book, PageForm::Html) {
            for sign in ["<script", "<img", "javascript:alert(1)\"", "\u{202e}", "\u{1b}"] {
                assert!(!page.contains(sign), "{path}: {sign}\n{page}");
            }
            assert_eq!(page.matches("<pre>").count(), page.matches("</pre>").count(), "{path}");
        }
        for (path, page) in pages(&book, PageForm::Markdown) {
            let mut fence: Option<String> = None;
            for line in page.lines() {
                assert!(!line.contains(['\u{202e}', '\u{1b}']), "{path}: {line}");
                match &fence {
                    Some(open) => {
                        if line == open {
                            fence = None;
                        }
                        continue;
                    }
                    None if line.starts_with("```") => {
                        fence = Some(line.to_owned());
                        continue;
                    }
                    None => {}
                }
                assert!(!line.starts_with("# ["), "{path}: {line}");
                for sign in ["<script", "<img", "![", "](javascript", "@all", " `a`"] {
                    assert!(!line.contains(sign), "{path}: {sign}: {line}");
                }
            }
            assert_eq!(fence, None, "{path}: the lines of an example end where they should");
        }
    }

    #[test]
    fn the_same_release_makes_the_same_pages() {
        assert_eq!(pages(&book(), PageForm::Html), pages(&book(), PageForm::Html));
        assert_eq!(pages(&book(), PageForm::Markdown), pages(&book(), PageForm::Markdown));
    }
}
