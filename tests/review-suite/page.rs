//! The page of the suite, `docs/review-suite.md`: the format, the cases, and what refusals look like.

use super::stage::Stage;
use super::{Case, FAMILIES, Side, all, export};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

const HEAD: &str = r"# The attacks on review, and what each of them gets

Each case is a repository made by real git, with real signatures, and where a forge is the witness a forge that is read
over HTTP. The recipes are in `tests/review-suite`, which also has the list for programs, `index.json`. This page is
generated from them, and held against them by a test.

    cargo xtask review-suite                                # plays every case against this project, a line each
    cargo xtask review-suite --only E25-moved
    cargo xtask review-suite --export DIR [--only ID]       # writes the cases out, a folder each
    cargo xtask review-suite --against 'COMMAND {case}'     # scores another tool
    cargo xtask review-suite --serve CASE --listen 127.0.0.1:8080

Names keep their meaning for good: `E` and a number of the published list, with a word where a number has several; `R` for
cases of ours beyond the list; `+` for honest twins.

## Scoring another tool

`--against` sets each case up, writes it to a folder of its own, and runs the command in a shell with `{case}` replaced by
that folder. The verdict is the last line of what it prints: `PASS`, `FAIL` or `INDETERMINATE`. Where the last line is none
of these, the exit code is: 0, 1 or 3. Anything else, and silence for two minutes, is no answer.

| side | counts as good | and otherwise |
|---|---|---|
| `attack` | `FAIL` or `INDETERMINATE`: both hold a release back | let through |
| `honest` | `PASS` | held back |
| `noted` | either: the policy says whether such a change may pass, and ours says so in a note | |

The score is five numbers: attacks refused, attacks let through, honest twins passed, honest twins refused, no answer. A
tool that refuses everything refuses every attack, so no number says anything without the others. Codes are ours; another
tool is not asked for them.

`tests/review-suite/adapters/countersign.sh` asks this project's own program in this way, from the folder alone. A test
runs it on every case and holds verdict, code and reason against those of the library.

## The folder of a case

| file | what it is |
|---|---|
| `case.json` | what is asked, and what has to be answered; its form is in `tests/review-suite/case.schema.json` |
| `case.env` | the question again as shell variables, without the answer |
| `repo.git` | a bare repository with everything that plays a part: branches, tags, replace refs, grafts, the mark of a shallow clone, its own configuration |
| `evidence/*.sigstore.json` | signed documents: reviews (SSH signatures or DSSE), records of forges, provenance |
| `evidence/*.forge-capture` | the forge's answers as a collector of ours keeps them, which its record names by digest |
| `forge/forge.json` | the forge's answers and deliveries for everybody: method, path with query, status, headers, the file of the body |
| `trust.sigstore.json`, `trust.digest` | who is trusted, signed, and the digest that comes from outside |
| `artifact`, `store`, `least.checkpoint`, `countersign.lock` | for the judge `gate`: what is to be promoted, the log with the active policy, its checkpoint kept elsewhere, and the pin |

| field of `case.json` | what it says |
|---|---|
| `schema` | the form of the file |
| `id`, `family`, `side`, `what` | its name, its part of the list, what it is to show, what happens |
| `judge` | `range`: did two trusted persons agree to every commit of the range? `gate`: may the artifact go to the environment? `library`: no tool can be shown it, see below |
| `at` | a time at which it can be judged; any later one does as well |
| `repository`, `target` | the repository's uri and the branch, as reviews have to name them |
| `range.start`, `range.candidate` | up to where everything is taken as it is, and what is asked about; a start of `null` was never configured |
| `required` | what the policy asks: approvals beyond a known and trusted author, the least tier of evidence, whether a review holds after the branch moved, before what agreement has to be shown, whether the forge's rules have to have been in force, what blocks of that which a diff hides |
| `trust.says` | the trust document in the open: persons with keys and numeric accounts, robots with their exceptions, collectors, builders |
| `forge` | which forge answers, its host and path, what its API's paths begin with, and the changes that were read |
| `gate` | artifact, environment, store, checkpoint and pin |
| `marked` | for the judge `library`: the object that a collision detector is to complain of |
| `expected` | verdict and code. A tool that is scored has no business here |

Keys, times and ids differ from export to export; verdicts and codes do not.

`--serve` answers over HTTP what the forge answered, under the paths that `forge.json` lists, the pages of lists included, and
which changes each commit of the repository belongs to, for tools that start from a range; everything else is 404. `Link` headers name the server's own address. Deliveries are not sent: they are files, in the order
in which they came.

**Objects with the marks of a SHA-1 collision (E43).** No two git objects of one SHA-1 have been published, and making some
takes a great computation: the header of an object shifts the blocks of the files that are known to collide. So `E43-marked`
has a detector say that an object is marked, which only a library can be told. `E43-bytes` needs no collision for the same
effect, and `E43-file` and `+collision` hold the published files themselves.
";

/// The page, in Markdown.
#[must_use]
pub fn page() -> String {
    let cases = all();
    let mut out = String::from(HEAD);
    out.push_str("\n## The cases\n\n");
    let count = |side: Side| cases.iter().filter(|case| case.side() == side).count();
    let (attacks, honest, noted) = (count(Side::Attack), count(Side::Honest), count(Side::Noted));
    line(&mut out, format_args!("{} cases: {attacks} attacks, {honest} honest twins, {noted} noted.\n", cases.len()));
    line(&mut out, format_args!("| family | attacks | honest twins | noted |\n|---|---|---|---|"));
    for family in FAMILIES {
        let count = |side: Side| cases.iter().filter(|case| case.family() == family && case.side() == side).count();
        let (attacks, honest, noted) = (count(Side::Attack), count(Side::Honest), count(Side::Noted));
        line(&mut out, format_args!("| {family} | {attacks} | {honest} | {noted} |"));
    }
    for family in FAMILIES {
        line(&mut out, format_args!("\n### {family}\n\n| case | what happens | verdict | code | the refusal says |"));
        line(&mut out, format_args!("|---|---|---|---|---|"));
        let mut here: Vec<&Case> = cases.iter().filter(|case| case.family() == family).collect();
        here.sort_by_key(|case| (case.id.starts_with('+'), case.id.starts_with('R'), case.id));
        for case in here {
            let ticked = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
            let (code, reason) = (ticked(case.code), ticked(case.reason()));
            line(&mut out, format_args!("| {} | {} | {} | {code} | {reason} |", case.id, case.what, case.verdict));
        }
    }
    tiers(&mut out);
    out
}

fn tiers(out: &mut String) {
    out.push_str(
        "\n## What refusals look like, tier by tier\n\n\
         Printed by the program itself for these cases, with ids in short.\n",
    );
    for (id, what) in [
        ("R16", "**T0**: settings and trailers are no evidence of anybody's agreement, and count for nothing."),
        ("R13-afterwards", "**T1**: read from the forge afterwards, where T2 is asked for."),
        ("R13-live", "**T2**: observed as it happened, where the reviewer's own signature is asked for."),
        ("E02", "**T3**: the reviewer's own signature. It holds, and is one person's, where two are needed."),
    ] {
        let case = all().into_iter().find(|case| case.id == id).expect("a case");
        line(out, format_args!("\n{what} `{id}`: {}.\n", case.what));
        for said in refusal(&case, &(case.set)()).lines() {
            line(out, format_args!("{}", format!("    {said}").trim_end()));
        }
    }
}

/// What the program says of an exported case, from the first finding on.
#[expect(clippy::disallowed_methods, reason = "the page shows what the program prints")]
fn refusal(case: &Case, stage: &Stage) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("case");
    export(case, stage, &place);
    let adapter = concat!(env!("CARGO_MANIFEST_DIR"), "/review-suite/adapters/countersign.sh");
    let output = Command::new("sh").arg(adapter).arg(&place).env("COUNTERSIGN", crate::door::program()).output();
    let text = String::from_utf8(output.expect("a shell").stdout).expect("text");
    let start = text.find("refused[").expect("a refusal");
    let said = text[start..].trim_end().trim_end_matches("FAIL").trim_end();
    named(said)
}

/// Ids differ from run to run: each gets a letter, in the order in which they come.
fn named(text: &str) -> String {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.len() >= 12 {
            let next = char::from(b'A' + u8::try_from(names.len()).expect("few ids"));
            out.push_str(names.entry(word[..12].to_owned()).or_insert_with(|| format!("<{next}>")));
        } else {
            out.push_str(word);
        }
        let step = after.chars().next().map_or(0, char::len_utf8);
        out.push_str(&after[..step]);
        rest = &after[step..];
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes whatever is written to it");
}
