//! Dockerfiles: what stages are built from, what is copied and mounted from elsewhere, and what reads the file.
//!
//! Instructions are read as `BuildKit` reads them: with the directives at the top, lines that go on, comments between them, and
//! here-documents, whose lines are no instructions.

use super::image::{Certainty, Image, Role, Spot};
use super::text::{self, Piece, Syntax};
use crate::limits;
use std::collections::{BTreeMap, BTreeSet};

/// A character with its place.
#[derive(Debug, Clone, Copy)]
struct Sign {
    c: char,
    line: u64,
    column: u64,
}

/// A word of an instruction with the place where it starts.
#[derive(Debug, Clone)]
struct Word {
    text: String,
    line: u64,
    column: u64,
}

/// Images that a Dockerfile names.
pub(super) fn read(path: &str, text: &str) -> Result<Vec<Image>, String> {
    let mut reader =
        Reader { path, images: Vec::new(), globals: BTreeMap::new(), stages: BTreeSet::new(), count: 0, inside: false };
    let lines: Vec<&str> = text.lines().collect();
    let (escape, first) = directives(&lines, &mut reader);
    let mut at = first;
    while at < lines.len() {
        let (signs, next) = instruction(&lines, at, escape);
        at = next;
        let words = words(&signs);
        if words.is_empty() {
            continue;
        }
        at = after_documents(&lines, &words, at);
        reader.instruction(&words)?;
        if reader.images.len() > limits::CONFIG_FACTS {
            return Err("it names more images than are read of one file".to_owned());
        }
    }
    Ok(reader.images)
}

/// The directives at the top: which character makes a line go on, and what reads the file. Gives the first line after them.
fn directives(lines: &[&str], reader: &mut Reader<'_>) -> (char, usize) {
    let mut escape = '\\';
    for (at, line) in lines.iter().enumerate() {
        let Some((name, value)) = line.trim().strip_prefix('#').and_then(|rest| rest.split_once('=')) else {
            return (escape, at);
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match name.as_str() {
            "escape" if value == "`" => escape = '`',
            "syntax" => {
                let before = line.find(value).and_then(|at| line.get(..at)).unwrap_or_default().chars().count();
                let word = Word { text: value.to_owned(), line: number(at), column: number(before) };
                reader.image(Role::Syntax, &word, value, &[Piece::Text(value.to_owned())]);
            }
            "escape" | "check" => {}
            // Anything else is a comment, and no directive comes after one.
            _ => return (escape, at),
        }
    }
    (escape, lines.len())
}

/// A number from 1 for an index from 0.
fn number(index: usize) -> u64 {
    u64::try_from(index).unwrap_or(u64::MAX).saturating_add(1)
}

/// The characters of the instruction that starts at a line, and the line after it.
fn instruction(lines: &[&str], start: usize, escape: char) -> (Vec<Sign>, usize) {
    let mut signs = Vec::new();
    let mut at = start;
    while let Some(line) = lines.get(at) {
        let trimmed = line.trim_start();
        let passed_over = trimmed.starts_with('#') || (trimmed.is_empty() && at != start);
        let this = at;
        at = at.saturating_add(1);
        if passed_over {
            if signs.is_empty() {
                break;
            }
            continue;
        }
        let (kept, goes_on) = continued(line, escape);
        signs.extend(kept.chars().enumerate().map(|(i, c)| Sign { c, line: number(this), column: number(i) }));
        if !goes_on {
            break;
        }
    }
    (signs, at)
}

/// A line without the character that makes it go on, if it does.
fn continued(line: &str, escape: char) -> (&str, bool) {
    let end = line.trim_end_matches([' ', '\t', '\r']);
    match end.strip_suffix(escape) {
        Some(kept) if !kept.ends_with(escape) => (kept, true),
        _ => (line, false),
    }
}

/// The words of an instruction. Quotes hold a word together and stay in it.
fn words(signs: &[Sign]) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::new();
    let (mut quote, mut open) = (None, false);
    for sign in signs {
        if quote.is_none() && sign.c.is_whitespace() {
            open = false;
            continue;
        }
        match (quote, sign.c) {
            (None, '"' | '\'') => quote = Some(sign.c),
            (Some(mark), c) if mark == c => quote = None,
            _ => {}
        }
        if !open {
            out.push(Word { text: String::new(), line: sign.line, column: sign.column });
            open = true;
        }
        if let Some(word) = out.last_mut() {
            word.text.push(sign.c);
        }
    }
    out
}

/// The line after the here-documents of an instruction. One that has no end is none.
fn after_documents(lines: &[&str], words: &[Word], start: usize) -> usize {
    let takes = words.iter().take(2).any(|w| ["run", "copy", "add"].contains(&w.text.to_ascii_lowercase().as_str()));
    if !takes {
        return start;
    }
    let mut at = start;
    for word in words {
        let rest = word.text.trim_start_matches(|c: char| c.is_ascii_digit());
        let Some(rest) = rest.strip_prefix("<<").filter(|rest| !rest.contains('<')) else { continue };
        let (tabs, name) = rest.strip_prefix('-').map_or((false, rest), |name| (true, name));
        let name = name.trim_matches(['"', '\'']);
        let ends =
            |line: &&&str| (if tabs { line.trim_start_matches('\t') } else { line }).trim_end_matches('\r') == name;
        if name.is_empty() {
            continue;
        }
        if let Some(length) = lines.get(at..).and_then(|left| left.iter().position(|line| ends(&line))) {
            at = at.saturating_add(length).saturating_add(1);
        }
    }
    at
}

struct Reader<'p> {
    path: &'p str,
    images: Vec<Image>,
    /// Arguments before the first stage, the only ones that `FROM` sees.
    globals: BTreeMap<String, Vec<Piece>>,
    stages: BTreeSet<String>,
    count: usize,
    inside: bool,
}

impl Reader<'_> {
    fn instruction(&mut self, words: &[Word]) -> Result<(), String> {
        let Some((name, rest)) = words.split_first() else { return Ok(()) };
        match name.text.to_ascii_lowercase().as_str() {
            "onbuild" => self.instruction_of_another(rest),
            "from" => self.from(name, rest)?,
            "arg" if !self.inside => self.arguments(rest),
            "copy" | "add" => self.copy(rest),
            "run" => self.mounts(rest),
            _ => {}
        }
        Ok(())
    }

    /// What an image makes the build of another one do. It may not begin a stage.
    fn instruction_of_another(&mut self, words: &[Word]) {
        if let Some((name, rest)) = words.split_first() {
            match name.text.to_ascii_lowercase().as_str() {
                "copy" | "add" => self.copy(rest),
                "run" => self.mounts(rest),
                _ => {}
            }
        }
    }

    fn arguments(&mut self, words: &[Word]) {
        for word in words {
            if let Some((name, value)) = word.text.split_once('=') {
                let pieces = self.pieces(&unquoted(value));
                self.globals.insert(name.to_owned(), pieces);
            } else {
                // Without a value it is what the build is started with.
                self.globals.remove(&word.text);
            }
        }
    }

    fn pieces(&self, text: &str) -> Vec<Piece> {
        text::pieces(text, Syntax::Shell, &|name| self.globals.get(name).cloned())
    }

    fn from(&mut self, name: &Word, words: &[Word]) -> Result<(), String> {
        let mut rest = words.iter().filter(|word| !word.text.starts_with("--"));
        let Some(image) = rest.next() else {
            return Err(format!("line {}: FROM without an image", name.line));
        };
        let written = unquoted(&image.text);
        let pieces = self.pieces(&written);
        let stage = match pieces.as_slice() {
            [Piece::Text(text)] => {
                text.eq_ignore_ascii_case("scratch") || self.stages.contains(&text.to_ascii_lowercase())
            }
            _ => false,
        };
        if !stage {
            self.image(Role::From, image, &written, &pieces);
        }
        self.inside = true;
        self.stages.insert(self.count.to_string());
        self.count = self.count.saturating_add(1);
        if rest.next().is_some_and(|word| word.text.eq_ignore_ascii_case("as"))
            && let Some(stage) = rest.next()
        {
            self.stages.insert(stage.text.to_ascii_lowercase());
        }
        Ok(())
    }

    fn copy(&mut self, words: &[Word]) {
        for word in words.iter().take_while(|word| word.text.starts_with("--")) {
            if let Some(value) = word.text.strip_prefix("--from=") {
                self.source(Role::CopyFrom, word, &unquoted(value));
            }
        }
    }

    fn mounts(&mut self, words: &[Word]) {
        for word in words.iter().take_while(|word| word.text.starts_with("--")) {
            let Some(options) = word.text.strip_prefix("--mount=") else { continue };
            for option in unquoted(options).split(',') {
                if let Some(value) = option.trim().strip_prefix("from=") {
                    self.source(Role::MountFrom, word, value);
                }
            }
        }
    }

    /// A stage, or an image. What no stage is called is an image, or a folder that the build is started with: nothing in
    /// the file tells the two apart.
    fn source(&mut self, role: Role, word: &Word, name: &str) {
        if self.stages.contains(&name.to_ascii_lowercase()) {
            return;
        }
        let pieces = self.pieces(name);
        self.image(role, word, name, &pieces);
    }

    fn image(&mut self, role: Role, word: &Word, written: &str, pieces: &[Piece]) {
        let at = Spot { file: self.path, line: word.line, column: word.column };
        self.images.push(Image::new(at, role, Certainty::Certain, written, pieces));
    }
}

fn unquoted(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, '"' | '\'')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let images = read("Dockerfile", text).unwrap();
        let one = |image: Image| {
            let place = format!("{}:{}", image.line, image.column);
            let name = match (&image.host, &image.path) {
                (Some(host), Some(path)) => {
                    format!("{host}/{path}:{}", image.tag.or(image.digest).unwrap_or_else(|| "?".to_owned()))
                }
                _ => "unknown".to_owned(),
            };
            format!("{place} {} {name}", image.role.word())
        };
        images.into_iter().map(one).collect()
    }

    #[test]
    fn stages_copies_and_mounts_are_read_and_stage_names_are_no_images() {
        let text = "# syntax=docker/dockerfile:1.7\n# a comment\nARG BASE=registry.acme.example/base\nARG TAG\n\
                    FROM --platform=$BUILDPLATFORM $BASE:1.2 AS Build\nRUN --mount=type=bind,from=ghcr.io/acme/tools:1,target=/t x\n\
                    FROM build\nCOPY --from=BUILD /a /a\nCOPY --from=0 /a /a\nCOPY --chown=1:1 --from=nginx:1 /a /a\n\
                    FROM scratch\nFROM registry.acme.example/app:${TAG} AS last\nFROM $TAG\n";
        assert_eq!(
            said(text),
            [
                "1:10 syntax docker.io/docker/dockerfile:1.7",
                "5:32 from registry.acme.example/base:1.2",
                "6:5 mount-from ghcr.io/acme/tools:1",
                "10:18 copy-from docker.io/library/nginx:1",
                "12:6 from registry.acme.example/app:?",
                "13:6 from unknown",
            ]
        );
    }

    #[test]
    fn lines_that_go_on_comments_between_them_and_here_documents_hide_nothing() {
        let text = "FROM a \\\n# FROM b\n  AS x\nFROM \\\n\n  ghcr.io/\\\nacme/c\nRUN <<EOF\nFROM d\nEOF\n\
                    RUN echo \"<<EOF\"\nFROM e\nRUN <<GONE\nFROM f\nONBUILD COPY --from=g / /\n";
        assert_eq!(
            said(text),
            [
                "1:6 from docker.io/library/a:latest",
                "6:3 from ghcr.io/acme/c:latest",
                "12:6 from docker.io/library/e:latest",
                "14:6 from docker.io/library/f:latest",
                "15:14 copy-from docker.io/library/g:latest",
            ]
        );
        assert_eq!(said("# escape=`\nFROM a `\n AS b\nFROM b\n"), ["2:6 from docker.io/library/a:latest"]);
    }

    #[test]
    fn a_stage_that_comes_later_is_an_image_until_then() {
        assert_eq!(said("FROM later\nFROM a AS later\n").len(), 2);
        // An argument inside a stage is not seen by FROM.
        assert_eq!(said("FROM a\nARG B=registry.acme.example/b\nFROM $B\n")[1], "3:6 from unknown");
    }
}
