//! GitHub: workflow commands, which become annotations beside the lines, and Markdown for the step's summary.

use super::{Effect, Item, Report, State};
use crate::escape::{markup, plain, push};

/// GitHub shows so many annotations of one kind for a step, and drops the others without a word.
const SHOWN: usize = 10;
/// The most rows of the summary's table: a summary above 1 MiB is refused.
const ROWS: usize = 100;
/// The most findings that are told in full.
const DETAILS: usize = 25;
/// The most columns of a cell.
const CELL: usize = 200;
/// The most columns of a line below a finding: one holds a command that is to be pasted as a whole.
const LINE: usize = 2_000;

/// A line a finding. Where there are more of a kind than are shown, the last line of the kind says how many.
pub(super) fn commands(report: &Report) -> String {
    let mut out = String::new();
    if let Some(failure) = report.failure() {
        push(&mut out, format_args!("::error title={}::{}\n", property(&report.title()), data(&failure)));
    }
    for kind in ["error", "warning", "notice"] {
        let of_kind: Vec<&Item> = report.items.iter().filter(|item| kind_of(item.effect) == kind).collect();
        let room = if kind == "error" && report.facts.failure.is_some() { SHOWN.saturating_sub(1) } else { SHOWN };
        let kept = if of_kind.len() > room { room.saturating_sub(1) } else { room };
        for item in of_kind.iter().take(kept) {
            push(&mut out, format_args!("{}\n", command(kind, item)));
        }
        let more = of_kind.len().saturating_sub(kept);
        if more > 0 {
            let said =
                format!("and {more} more findings of this kind: the text and the other reports have all of them");
            push(&mut out, format_args!("::{kind} title=countersign::{}\n", data(&said)));
        }
    }
    out
}

fn command(kind: &str, item: &Item) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &item.place {
        properties.push(format!("file={}", property(&place.path)));
        properties.push(format!("line={}", place.line));
        properties.extend(place.column.map(|column| format!("col={column}")));
    }
    properties.push(format!("title={}", property(item.rule())));
    let lines: Vec<String> = item.lines().into_iter().map(|(label, text)| format!("{label}: {text}")).collect();
    let text = format!("{}{}\n{}", item.mark(), item.what(), lines.join("\n"));
    format!("::{kind} {}::{}", properties.join(","), data(&text))
}

const fn kind_of(effect: Effect) -> &'static str {
    match effect {
        Effect::Blocks => "error",
        Effect::LetThrough | Effect::Warns => "warning",
        Effect::Excepted | Effect::Monitored | Effect::Note => "notice",
    }
}

/// The text of a command. It is one line of ours whatever it says.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command: nothing in it ends it.
fn property(text: &str) -> String {
    data(&plain(text)).replace(':', "%3A").replace(',', "%2C")
}

/// The step's summary.
pub(super) fn summary(report: &Report) -> String {
    let mut out = format!("## {}: {}\n\n", markdown(&report.title()), report.facts.verdict);
    if let Some(failure) = report.failure() {
        push(&mut out, format_args!("**{}**\n\n", cell(&failure)));
    }
    for (label, text) in report.head() {
        push(&mut out, format_args!("- {label}: {}\n", cell(&text)));
    }
    out.push('\n');
    findings(&mut out, report);
    checks(&mut out, report);
    out
}

/// What was looked at, below what is to be done, and folded away.
fn checks(out: &mut String, report: &Report) {
    if report.facts.checks.is_empty() {
        return;
    }
    push(out, format_args!("\n<details><summary>{} checks</summary>\n", report.facts.checks.len()));
    out.push_str("\n| check | verdict | detail |\n|---|---|---|\n");
    for check in report.facts.checks.iter().take(ROWS) {
        push(out, format_args!("| {} | {} | {} |\n", cell(&check.id), check.verdict, cell(&check.detail)));
    }
    let more = report.facts.checks.len().saturating_sub(ROWS);
    if more > 0 {
        push(out, format_args!("\nAnd {more} more.\n"));
    }
    out.push_str("\n</details>\n");
}

fn findings(out: &mut String, report: &Report) {
    if report.items.is_empty() && report.gone.is_empty() {
        out.push_str("No findings.\n");
        return;
    }
    out.push_str("| rule | effect | finding | place |\n|---|---|---|---|\n");
    for item in report.items.iter().take(ROWS) {
        let place = item.place.as_ref().map(|place| format!("{}:{}", place.path, place.line));
        let place = place.or_else(|| item.finding.at.first().cloned()).unwrap_or_default();
        let what = format!("{}{}", item.mark(), item.what());
        let row = [item.rule(), item.effect.words(), &what, &place].map(cell);
        push(out, format_args!("| {} |\n", row.join(" | ")));
    }
    for mark in report.gone.iter().take(ROWS) {
        push(out, format_args!("| {} | {} | {} | |\n", cell(&mark.rule), State::Gone.word(), cell(&mark.what)));
    }
    let more = report.items.len().saturating_sub(ROWS).saturating_add(report.gone.len().saturating_sub(ROWS));
    if more > 0 {
        push(out, format_args!("\nAnd {more} more.\n"));
    }
    for item in report.items.iter().take(DETAILS) {
        push(
            out,
            format_args!(
                "\n<details><summary>{}</summary>\n\n",
                markup(&crate::text::shortened(&format!("{} {}", item.rule(), item.what()), CELL))
            ),
        );
        for (label, text) in item.lines().into_iter().take(10) {
            push(out, format_args!("- {label}: {}\n", markdown(&crate::text::shortened(&text, LINE))));
        }
        out.push_str("\n</details>\n");
    }
}

/// Foreign text in a cell.
fn cell(text: &str) -> String {
    markdown(&crate::text::shortened(text, CELL))
}

/// Foreign text in Markdown: nothing in it is a sign of Markdown's or of HTML's, and nothing becomes a link or a mention.
pub(crate) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in markup(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            '@' => out.push_str("&#64;"),
            ':' => out.push_str("&#58;"),
            c => out.push(c),
        }
    }
    // `&#39;` and its like have a number sign that is ours.
    out.replace("&\\#", "&#")
}

#[cfg(test)]
mod tests {
    use super::super::Facts;
    use super::super::testing::refusal;
    use super::*;
    use countersign_core::codes;
    use countersign_core::exit::Exit;
    use countersign_core::finding::{Finding, Verdict};

    #[test]
    fn a_refusal_as_workflow_commands() {
        insta::assert_snapshot!(commands(&refusal()), @r#"
        ::error title=review-missing::one change has the agreement of 1 trusted person, 2 are needed%0Aeffect: blocks%0Aat: change 4e1d… "Retry uploads"%0Aexpected: 2 trusted persons agreed (by policy release@7)%0Afound: 1  a1 (author, known by commit signature)%0Ahelp: ask a reviewer to run `countersign review sign`%0Acontrol: SOC 2 CC8.1%0Aexplain: countersign explain review-missing
        ::warning file=k8s/deploy.yaml,line=77,col=16,title=image-registry@1::image nginx:latest comes from docker.io%0Aeffect: warns, blocks nothing%0Aat: k8s/deploy.yaml:77:16%0Awhy: an unapproved registry has no scanning%0Ahelp: mend what the rule names; its owner is said below%0Arule: image-registry@1, severity high, owner platform-security, https://docs.example/images%0Aexplain: countersign explain rule-broken
        ::notice title=builder-unknown::builder https://ci.example counts as L1%0Aeffect: note%0Aexplain: countersign explain builder-unknown
        "#);
    }

    #[test]
    fn a_refusal_as_a_step_s_summary() {
        insta::assert_snapshot!(summary(&refusal()), @r#"
        ## promote app.bin to production: FAIL

        - verdict: FAIL, exit code 1 \(refused, or verified with findings\)
        - subject: app.bin
        - digest: sha256&#58;a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333
        - environment: production
        - done: nothing was authorised; decision recorded as entry 1042

        | rule | effect | finding | place |
        |---|---|---|---|
        | review-missing | blocks | one change has the agreement of 1 trusted person, 2 are needed | change 4e1d… &quot;Retry uploads&quot; |
        | image-registry&#64;1 | warns, blocks nothing | image nginx&#58;latest comes from docker.io | k8s/deploy.yaml&#58;77 |
        | builder-unknown | note | builder https&#58;//ci.example counts as L1 |  |

        <details><summary>review-missing one change has the agreement of 1 trusted person, 2 are needed</summary>

        - effect: blocks
        - at: change 4e1d… &quot;Retry uploads&quot;
        - expected: 2 trusted persons agreed \(by policy release&#64;7\)
        - found: 1  a1 \(author, known by commit signature\)
        - help: ask a reviewer to run \`countersign review sign\`
        - control: SOC 2 CC8.1
        - explain: countersign explain review-missing

        </details>

        <details><summary>image-registry@1 image nginx:latest comes from docker.io</summary>

        - effect: warns, blocks nothing
        - at: k8s/deploy.yaml&#58;77&#58;16
        - why: an unapproved registry has no scanning
        - help: mend what the rule names; its owner is said below
        - rule: image-registry&#64;1, severity high, owner platform-security, https&#58;//docs.example/images
        - explain: countersign explain rule-broken

        </details>

        <details><summary>builder-unknown builder https://ci.example counts as L1</summary>

        - effect: note
        - explain: countersign explain builder-unknown

        </details>

        <details><summary>2 checks</summary>

        | check | verdict | detail |
        |---|---|---|
        | trust | PASS | trust&#64;3 |
        | review | FAIL | 1 of 14 changes |

        </details>
        "#);
    }

    #[test]
    fn what_is_not_shown_is_counted_and_the_worst_is_shown() {
        let many: Vec<Finding> = (0..30)
            .map(|i| Finding::new(codes::RULE_BROKEN, format!("number {i}")).at(format!("a:{}", i + 1)))
            .collect();
        let facts = Facts::new("promote", "0.1.0", Verdict::Fail, Exit::Refused).found(&many);
        let text = commands(&Report::new(facts, None));
        assert_eq!(text.lines().count(), 10);
        assert!(text.ends_with("::error title=countersign::and 21 more findings of this kind: the text and the other reports have all of them\n"));
    }

    #[test]
    fn no_text_ends_its_command_or_begins_another() {
        assert_eq!(property("a,b::error file=x%0A\n"), "a%2Cb%3A%3Aerror file=x%250A\\n");
        assert_eq!(data("a\r\n::error::b%0A"), "a%0D%0A::error::b%250A");
    }

    #[test]
    fn a_summary_stays_below_what_github_takes() {
        let long = "<|`*".repeat(1_000);
        let many: Vec<Finding> =
            (0..150).map(|_| (0..12).fold(Finding::new(codes::RULE_BROKEN, &long), |f, _| f.found(&long))).collect();
        let facts = Facts::new("promote", "0.1.0", Verdict::Fail, Exit::Refused).found(&many);
        let text = summary(&Report::new(facts, None));
        assert!(text.contains("And 50 more."));
        assert!(text.len() < 1 << 20, "{}", text.len());
    }
}
