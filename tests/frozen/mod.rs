//! The frozen corpus of the built-in rules: whole decisions as bytes, each with what its rules said on the day that it was
//! recorded. `cargo run -p countersign-tests --example freeze` records new cases; no case is ever written again, because what
//! it holds is that old decisions come out as they were.

mod cases;

pub use cases::{Maker, all};

use crate::world::{Arguments, Shelf, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::decision::{LogRef, Request};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Class, Finding, Verdict};
use countersign_core::policy::Pin;
use countersign_decide::ElsewhereBy;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The list of the packs, each with its digest, as `sha256sum` writes it.
const LIST: &str = "SHA256SUMS";

/// A recorded case.
#[derive(Debug)]
pub struct Frozen {
    /// Its name.
    pub name: String,
    /// The rule that it is about.
    pub rule: String,
    /// What was decided over.
    pub arguments: Arguments,
    /// What came of it.
    pub expected: Said,
}

/// What a decision says, without words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The decision's verdict.
    pub verdict: Verdict,
    /// Codes of what blocks, of the whole decision, sorted.
    pub codes: Vec<String>,
    /// Of each rule: the verdict, then class and code of each finding, sorted.
    pub rules: BTreeMap<String, (Option<Verdict>, Vec<String>)>,
}

impl Said {
    /// By today's code.
    #[must_use]
    pub fn of(arguments: &Arguments) -> Self {
        let (decision, by_rule) = arguments.decide_by_rule();
        let blocking = decision.findings.iter().filter(|finding| finding.class.blocks());
        let rules = decision.rules.iter().map(|outcome| {
            let found = by_rule.get(&outcome.id).into_iter().flatten();
            (outcome.id.to_string(), (outcome.verdict, sorted(found.map(line))))
        });
        Self {
            verdict: decision.verdict,
            codes: sorted(blocking.map(|finding| finding.code.to_string())),
            rules: rules.collect(),
        }
    }

    fn to_json(&self) -> Value {
        let rules: BTreeMap<_, _> = self
            .rules
            .iter()
            .map(|(id, (verdict, findings))| (id, json!({"verdict": verdict, "findings": findings})))
            .collect();
        json!({"verdict": self.verdict, "codes": self.codes, "rules": rules})
    }

    fn from_json(value: &Value) -> Self {
        let rules = value["rules"].as_object().expect("rules").iter();
        let rules = rules.map(|(id, said)| (id.clone(), (read(&said["verdict"]), read(&said["findings"]))));
        Self { verdict: read(&value["verdict"]), codes: read(&value["codes"]), rules: rules.collect() }
    }
}

/// Every recorded case, oldest first.
#[must_use]
pub fn recorded() -> Vec<Frozen> {
    let folder = folder();
    listed(&folder).into_keys().flat_map(|pack| cases_of(&folder, pack)).collect()
}

/// What is wrong with the packs: one that is not as it was recorded, is gone, or stands in no list.
#[must_use]
pub fn altered() -> Vec<String> {
    let folder = folder();
    let list = listed(&folder);
    let mut wrong = Vec::new();
    for (pack, digest) in &list {
        let file = file(*pack);
        match fs::read(folder.join(&file)) {
            Ok(bytes) if Sha256::of(&bytes).hex() == *digest => {}
            Ok(_) => wrong.push(format!("{file} is not as it was recorded")),
            Err(error) => wrong.push(format!("{file}: {error}")),
        }
    }
    let entries = fs::read_dir(&folder).expect("the corpus").map(|entry| entry.expect("an entry").file_name());
    let mut files: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    files.retain(|name| Path::new(name).extension().is_some_and(|extension| extension == "json"));
    files.retain(|name| !list.keys().any(|pack| file(*pack) == *name));
    wrong.extend(files.iter().map(|name| format!("{name} stands in no list")));
    wrong
}

/// Records every case that is not recorded yet into one pack more, and gives their names.
pub fn freeze() -> Result<Vec<&'static str>, String> {
    let wrong = altered();
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let folder = folder();
    let known: Vec<String> = recorded().into_iter().map(|case| case.name).collect();
    let world = World::new();
    let (mut pieces, mut added, mut recorded) = (Pieces::default(), Vec::new(), Map::new());
    for maker in all().into_iter().filter(|maker| !known.iter().any(|name| name == maker.name)) {
        let arguments = (maker.make)(world.clone());
        let said = Said::of(&arguments);
        let rule = said.rules.get(maker.rule).ok_or_else(|| format!("{}: the rule said nothing", maker.name))?;
        let held = (rule.0 == Some(Verdict::Pass), said.verdict == Verdict::Pass);
        if held != (maker.passes, maker.passes) {
            return Err(format!("{}: meant to {}: {said:?}", maker.name, if maker.passes { "pass" } else { "fail" }));
        }
        let case = json!({"rule": maker.rule, "expected": said.to_json(), "arguments": pieces.take(&arguments)});
        recorded.insert(maker.name.to_owned(), case);
        added.push(maker.name);
    }
    if added.is_empty() {
        return Ok(added);
    }
    let mut list = listed(&folder);
    let pack = list.keys().next_back().map_or(1, |last| last + 1);
    let bytes = format!("{}\n", json!({"pieces": pieces.all, "cases": recorded})).into_bytes();
    let mut to = fs::File::create_new(folder.join(file(pack))).map_err(|error| format!("{}: {error}", file(pack)))?;
    to.write_all(&bytes).map_err(|error| format!("{}: {error}", file(pack)))?;
    list.insert(pack, Sha256::of(&bytes).hex());
    let lines: Vec<String> = list.iter().map(|(pack, digest)| format!("{digest}  {}\n", file(*pack))).collect();
    fs::write(folder.join(LIST), lines.concat()).map_err(|error| error.to_string())?;
    Ok(added)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("frozen")
}

fn file(pack: u64) -> String {
    format!("{pack}.json")
}

/// The packs by number, each with its digest.
fn listed(folder: &Path) -> BTreeMap<u64, String> {
    let text = fs::read_to_string(folder.join(LIST)).unwrap_or_default();
    let pair = |line: &str| {
        let (digest, file) = line.split_once("  ")?;
        Some((file.strip_suffix(".json")?.parse().ok()?, digest.to_owned()))
    };
    text.lines().map(|line| pair(line).expect("a digest and a pack")).collect()
}

fn cases_of(folder: &Path, pack: u64) -> Vec<Frozen> {
    let text = fs::read_to_string(folder.join(file(pack))).unwrap_or_else(|error| panic!("{pack}: {error}"));
    let pack: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{pack}: {error}"));
    let pieces: Vec<Vec<u8>> = pack["pieces"].as_array().expect("pieces").iter().map(bytes_of).collect();
    let cases = pack["cases"].as_object().expect("cases").iter();
    let cases = cases.map(|(name, case)| Frozen {
        name: name.clone(),
        rule: read(&case["rule"]),
        arguments: given_back(&case["arguments"], &pieces),
        expected: Said::from_json(&case["expected"]),
    });
    cases.collect()
}

fn line(finding: &Finding) -> String {
    let class = match finding.class {
        Class::Refused => "refused",
        Class::Untrusted => "untrusted",
        Class::Indeterminate => "indeterminate",
        Class::Note => "note",
        Class::Excepted => "excepted",
    };
    format!("{class} {}", finding.code)
}

fn sorted(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

/// Bytes that cases share, each once.
#[derive(Default)]
struct Pieces {
    all: Vec<Value>,
    places: BTreeMap<Sha256, usize>,
}

impl Pieces {
    fn place(&mut self, bytes: &[u8]) -> usize {
        let next = self.all.len();
        let place = *self.places.entry(Sha256::of(bytes)).or_insert(next);
        if place == next {
            self.all.push(piece(bytes));
        }
        place
    }

    fn places<'b>(&mut self, all: impl IntoIterator<Item = &'b Vec<u8>>) -> Vec<usize> {
        all.into_iter().map(|bytes| self.place(bytes)).collect()
    }

    fn take(&mut self, arguments: &Arguments) -> Value {
        let Arguments {
            request,
            trust,
            trust_digest,
            checkpoint,
            entries,
            least,
            pin,
            documents,
            index,
            git,
            shelf,
            witnessed: _,
            elsewhere: _,
        } = arguments;
        json!({
            "request": request,
            "trust": self.place(trust),
            "trustDigest": trust_digest,
            "checkpoint": checkpoint.as_ref().map(|bytes| self.place(bytes)),
            "entries": self.places(entries),
            "least": least,
            "pin": pin,
            "documents": self.places(documents),
            "index": index,
            "git": git.as_ref().map(|bytes| self.place(bytes)),
            "shelf": self.places(shelf.0.values()),
        })
    }
}

fn given_back(value: &Value, pieces: &[Vec<u8>]) -> Arguments {
    let all =
        |name: &str| read::<Vec<usize>>(&value[name]).into_iter().map(|at| pieces[at].clone()).collect::<Vec<_>>();
    let maybe = |name: &str| read::<Option<usize>>(&value[name]).map(|at| pieces[at].clone());
    let mut shelf = Shelf::default();
    for bytes in all("shelf") {
        shelf.put(&bytes);
    }
    Arguments {
        request: read::<Request>(&value["request"]),
        trust: pieces[read::<usize>(&value["trust"])].clone(),
        trust_digest: read(&value["trustDigest"]),
        checkpoint: maybe("checkpoint"),
        entries: all("entries"),
        least: read::<Option<LogRef>>(&value["least"]),
        // The frozen cases are of logs without witnesses.
        witnessed: None,
        pin: read::<Option<Pin>>(&value["pin"]),
        documents: all("documents"),
        index: read(&value["index"]),
        git: maybe("git"),
        shelf,
        // As these were recorded.
        elsewhere: ElsewhereBy::OwnRelease,
    }
}

/// Text as it is, other bytes in base64.
fn piece(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(|_| json!({ "base64": STANDARD.encode(bytes) }), Value::from)
}

fn bytes_of(value: &Value) -> Vec<u8> {
    if let Value::String(text) = value {
        return text.clone().into_bytes();
    }
    STANDARD.decode(value["base64"].as_str().expect("base64")).expect("base64")
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}
