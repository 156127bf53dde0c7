//! Answers by name, and lists over several pages. A list is whole only if it was read to its end: a page that was refused,
//! is missing, repeats something or names another page than the next one leaves it unfinished.

use super::read::{Node, body};
use super::{Capture, Exchange, ForgeError};
use crate::digest::Sha256;
use crate::limits;
use crate::statement::change_review::{Part, Shortfall};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Items that are asked for on one page.
const PAGE: usize = 100;
/// Longest cursor of a page.
const CURSOR_BYTES: usize = 1_024;

/// The answers of a capture by name; the last, where one was asked several times.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    by_name: BTreeMap<&'a str, (&'a Exchange, &'a [u8])>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// It was not made.
    Unasked,
    /// With this status.
    Refused(u16, &'a [u8]),
    /// It was answered.
    Body(&'a [u8]),
}

impl<'a> Answers<'a> {
    pub(super) fn of(capture: &'a Capture) -> Self {
        Self { by_name: capture.answers().map(|(e, bytes)| (e.name.as_str(), (e, bytes))).collect() }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(super) fn get(&self, name: &str) -> Answer<'a> {
        match self.by_name.get(name) {
            None => Answer::Unasked,
            Some((exchange, bytes)) if exchange.status == 200 => Answer::Body(bytes),
            Some((exchange, bytes)) => Answer::Refused(exchange.status, bytes),
        }
    }

    /// One answer as JSON, or why there is none.
    pub(super) fn one(&self, name: &str) -> Result<Result<Value, String>, ForgeError> {
        match self.get(name) {
            Answer::Body(bytes) => body(name, bytes).map(Ok),
            Answer::Refused(status, _) => Ok(Err(refused(status))),
            Answer::Unasked => Ok(Err(UNASKED.to_owned())),
        }
    }

    /// The digest of an answer.
    pub(super) fn digest(&self, name: &str) -> Option<Sha256> {
        self.by_name.get(name).map(|(exchange, _)| exchange.digest)
    }

    /// A list from its first page on.
    pub(super) fn list(&self, first: &str, paging: Paging) -> Result<List, ForgeError> {
        self.list_until(first, paging, |_| Ok(false))
    }

    /// A list from its first page on, to the page on which `enough` says so.
    pub(super) fn list_until(
        &self,
        first: &str,
        paging: Paging,
        enough: impl Fn(&List) -> Result<bool, ForgeError>,
    ) -> Result<List, ForgeError> {
        let mut list = List { pages: Vec::new(), end: End::Whole };
        let mut names = BTreeSet::new();
        let mut name = first.to_owned();
        let mut count = 0_usize;
        loop {
            let Some((exchange, bytes)) = self.by_name.get(name.as_str()) else {
                list.end = End::Next(name);
                return Ok(list);
            };
            if exchange.status != 200 {
                list.end = End::Refused(exchange.status);
                return Ok(list);
            }
            let value = body(&name, bytes)?;
            let found = Node::new(&name, &value).items()?.len();
            names.insert(name.clone());
            list.pages.push((name, value));
            count = count.saturating_add(found);
            if count > limits::FORGE_ITEMS || list.pages.len() > limits::FORGE_ITEMS / PAGE {
                list.end = End::Broken(format!("more than the {} that are read", limits::FORGE_ITEMS));
                return Ok(list);
            }
            if enough(&list)? {
                return Ok(list);
            }
            match paging.next(first, list.pages.len(), found, exchange) {
                Ok(None) => return Ok(list),
                Ok(Some(next)) if names.contains(&next) => {
                    list.end = End::Broken("its pages go round".to_owned());
                    return Ok(list);
                }
                Ok(Some(next)) => name = next,
                Err(why) => {
                    list.end = End::Broken(why);
                    return Ok(list);
                }
            }
        }
    }
}

const UNASKED: &str = "it was not asked for";

/// A status in words.
pub(super) fn refused(status: u16) -> String {
    format!("the forge answered {status}")
}

/// How a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paging {
    /// By numbers.
    Numbered,
    /// By a cursor, `after`, that the forge gives.
    Cursor,
}

impl Paging {
    /// The name of the page after page number `done`, made from our own name and nothing of the link but its number or
    /// cursor: an answer cannot lead us to another path.
    fn next(self, first: &str, done: usize, found: usize, exchange: &Exchange) -> Result<Option<String>, String> {
        let strange = || "it names a next page that is none".to_owned();
        let next = done.saturating_add(1).to_string();
        let by_number = || Ok(Some(format!("{first}&page={next}")));
        if let Some(page) = exchange.next_page.as_deref().filter(|page| !page.is_empty()) {
            return if self == Self::Numbered && page == next { by_number() } else { Err(strange()) };
        }
        let Some(link) = exchange.link.as_deref().and_then(next_link) else {
            if exchange.next_page.is_some() {
                return Ok(None);
            }
            // A page that is full may have lost its link on the way. The page after the last is an empty list.
            return if self == Self::Numbered && found >= PAGE { by_number() } else { Ok(None) };
        };
        let (path, query) = link.split_once('?').ok_or_else(strange)?;
        let own = first.split_once('?').map_or(first, |(path, _)| path);
        if last_part(path) != last_part(own) {
            return Err(strange());
        }
        let field = |key: &str| query.split('&').filter_map(|pair| pair.split_once('=')).find(|(k, _)| *k == key);
        match self {
            Self::Numbered => match field("page") {
                Some((_, page)) if page == next => by_number(),
                _ => Err(strange()),
            },
            Self::Cursor => match field("after") {
                Some((_, cursor)) if is_cursor(cursor) => Ok(Some(format!("{first}&after={cursor}"))),
                _ => Err(strange()),
            },
        }
    }
}

fn last_part(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn is_cursor(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'%' | b'=' | b'+' | b':');
    (1..=CURSOR_BYTES).contains(&text.len()) && text.bytes().all(plain)
}

/// The target of `rel="next"` in a `Link` header.
fn next_link(header: &str) -> Option<&str> {
    header.split('<').skip(1).find_map(|part| {
        let (target, rest) = part.split_once('>')?;
        let mut words = rest.split([';', ',']).map(str::trim);
        words.any(|word| matches!(word, "rel=\"next\"" | "rel=next")).then_some(target)
    })
}

/// How a list ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// At its end.
    Whole,
    /// Before this request, which was not made.
    Next(String),
    /// At a page that was refused.
    Refused(u16),
    /// At something that no list does.
    Broken(String),
}

/// A list, as far as it was read.
#[derive(Debug)]
pub(super) struct List {
    pages: Vec<(String, Value)>,
    pub end: End,
}

impl List {
    /// The items of all pages.
    pub(super) fn items(&self) -> Result<Vec<Node<'_>>, ForgeError> {
        let mut out = Vec::new();
        for (name, value) in &self.pages {
            out.extend(Node::new(name, value).items()?);
        }
        Ok(out)
    }

    /// The names of its pages.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.pages.iter().map(|(name, _)| name.as_str())
    }

    /// The next page to ask for.
    pub(super) fn next(self) -> Option<String> {
        if let End::Next(name) = self.end { Some(name) } else { None }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.end == End::Whole
    }

    /// The one shortfall of a list that is not whole; `needs` says what it would take if it was refused.
    pub(super) fn shortfall(&self, what: Part, needs: &str) -> Option<Shortfall> {
        let why = match &self.end {
            End::Whole => return None,
            End::Next(_) if self.pages.is_empty() => UNASKED.to_owned(),
            End::Next(_) => "its last pages were not read".to_owned(),
            End::Refused(status) if self.pages.is_empty() => format!("{}; {needs}", refused(*status)),
            End::Refused(status) => format!("{} in the middle of the list", refused(*status)),
            End::Broken(why) => format!("the list cannot be trusted: {why}"),
        };
        Some(Shortfall { what, why })
    }

    /// The shortfall of a list that names one thing twice, as lists do that change while they are read.
    pub(super) fn repeats(&self, what: Part, key: &str) -> Result<Option<Shortfall>, ForgeError> {
        let mut seen = BTreeSet::new();
        for item in self.items()? {
            let id = item.get(key)?.map(|id| id.spelled());
            if id.is_some_and(|id| !seen.insert(id)) {
                return Ok(Some(Shortfall { what, why: "the list names one thing twice".to_owned() }));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::testing::Asked;

    const FIRST: &str = "GET /repos/a/b/pulls/7/reviews?per_page=100";

    fn link(target: &str) -> String {
        format!("<https://api.example/{target}>; rel=\"next\", <https://api.example/x?page=9>; rel=\"last\"")
    }

    fn end(asked: &Asked, paging: Paging) -> End {
        Answers::of(&asked.capture).list(FIRST, paging).unwrap().end
    }

    #[test]
    fn a_page_is_asked_for_by_our_own_name_and_nothing_else_of_the_link() {
        let mut asked = Asked::github();
        asked.page(FIRST, Some(&link("repositories/5/pulls/7/reviews?per_page=100&page=2")), "[1]");
        assert_eq!(end(&asked, Paging::Numbered), End::Next(format!("{FIRST}&page=2")));
        for elsewhere in [
            "repositories/5/pulls/7/commits?page=2",
            "reviews?page=3",
            "reviews?page=1",
            "reviews",
            "reviews?page=2/../..",
        ] {
            let mut asked = Asked::github();
            asked.page(FIRST, Some(&link(elsewhere)), "[1]");
            assert!(matches!(end(&asked, Paging::Numbered), End::Broken(_)), "{elsewhere}");
        }
    }

    #[test]
    fn gitlab_s_word_for_the_next_page_is_its_number_or_nothing() {
        let next = |page: &str| {
            let mut asked = Asked::github();
            asked.page(FIRST, None, "[1]");
            let (mut exchange, body) = asked.capture.answers().next().map(|(e, b)| (e.clone(), b.to_vec())).unwrap();
            exchange.next_page = Some(page.to_owned());
            asked.capture.push(exchange, body);
            end(&asked, Paging::Numbered)
        };
        assert_eq!(next(""), End::Whole);
        assert_eq!(next("2"), End::Next(format!("{FIRST}&page=2")));
        assert!(matches!(next("3"), End::Broken(_)));
        assert!(matches!(next("2&x=y"), End::Broken(_)));
    }

    #[test]
    fn a_full_page_without_a_link_is_not_taken_for_the_last() {
        let full = format!("[{}]", ["1"; 100].join(","));
        let mut asked = Asked::github();
        asked.page(FIRST, None, &full);
        assert_eq!(end(&asked, Paging::Numbered), End::Next(format!("{FIRST}&page=2")));
        asked.page(&format!("{FIRST}&page=2"), None, "[]");
        assert_eq!(end(&asked, Paging::Numbered), End::Whole);
    }

    #[test]
    fn cursors_that_go_round_or_carry_more_than_themselves_end_the_list() {
        let mut asked = Asked::github();
        asked.page(FIRST, Some(&link("x/reviews?after=abc%3D&per_page=100")), "[1]");
        let second = format!("{FIRST}&after=abc%3D");
        assert_eq!(end(&asked, Paging::Cursor), End::Next(second.clone()));
        asked.page(&second, Some(&link("x/reviews?after=abc%3D")), "[2]");
        assert!(matches!(end(&asked, Paging::Cursor), End::Broken(_)));
        let mut asked = Asked::github();
        asked.page(FIRST, Some(&link("x/reviews?after=a b")), "[1]");
        assert!(matches!(end(&asked, Paging::Cursor), End::Broken(_)));
    }

    #[test]
    fn a_refused_page_and_a_repeated_item_are_shortfalls() {
        let mut asked = Asked::github();
        asked.page(FIRST, Some(&link("reviews?page=2")), r#"[{"id":1},{"id":1}]"#);
        asked.refuse(&format!("{FIRST}&page=2"), 502, "<html>");
        let list = Answers::of(&asked.capture).list(FIRST, Paging::Numbered).unwrap();
        assert_eq!(list.shortfall(Part::Reviews, "").unwrap().why, "the forge answered 502 in the middle of the list");
        assert!(list.repeats(Part::Reviews, "id").unwrap().is_some());
    }
}
