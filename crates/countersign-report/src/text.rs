//! Findings and checks as a person reads them: the object, what was expected beside what was found, whose rule it is,
//! and one next action. Words carry the meaning; there is no colour.

use crate::escape::push;
pub use crate::escape::{plain, plain_lines};
use crate::excerpt::Excerpts;
use crate::table::{Table, width};
use crate::{message, next};
use countersign_core::finding::{Check, Class, Finding};

/// Where a line of places is broken.
const WIDE: usize = 116;

/// A whole answer: the checklist, every finding, a count of them, and the closing line that says what was done or not.
#[must_use]
pub fn report(checks: &[Check], findings: &[Finding], closing: &str) -> String {
    let mut parts = Vec::new();
    if checks.is_empty() && findings.is_empty() {
        parts.push("nothing was checked\n".to_owned());
    }
    if !checks.is_empty() {
        parts.push(self::checks(checks));
    }
    if !findings.is_empty() {
        parts.push(self::findings(findings));
    }
    let mut last = String::new();
    if findings.len() > 1 {
        push(&mut last, format_args!("{}\n", tally(findings)));
    }
    if !closing.is_empty() {
        push(&mut last, format_args!("{}\n", plain(closing)));
    }
    if !last.is_empty() {
        parts.push(last);
    }
    parts.join("\n")
}

/// The most findings of one kind that are told in full. `--format json` and reports have all of them.
const OF_A_KIND: usize = 10;

/// Findings one after the other with an empty line between them: notes last, those of one kind together, otherwise in the
/// order given. What a rule says of itself stands below the first of a kind alone. Of more than ten of a kind the others are
/// counted.
#[must_use]
pub fn findings(findings: &[Finding]) -> String {
    findings_that(findings, None, &Excerpts::default())
}

/// The same where more was found than these: of those that are not told it is not said that another output has all of them.
#[must_use]
pub fn first_findings(findings: &[Finding]) -> String {
    in_order(findings, None, &Excerpts::default(), "of those that are listed, which --format json has")
}

/// The same where it is known what they do: the first line of each says so. Below the place of each stands the line that it
/// is about, as far as lines are given.
#[must_use]
pub fn findings_that(findings: &[Finding], effect: Option<&dyn Fn(&Finding) -> String>, lines: &Excerpts) -> String {
    in_order(findings, effect, lines, "--format json has all of them")
}

/// `rest` says where those are that are counted alone.
fn in_order(findings: &[Finding], effect: Option<&dyn Fn(&Finding) -> String>, lines: &Excerpts, rest: &str) -> String {
    let mut kinds: Vec<(&Finding, Vec<&Finding>)> = Vec::new();
    let excepting = |finding: &Finding| finding.exception.as_ref().map(|note| note.id.clone());
    for finding in findings {
        let same = |first: &Finding| {
            (first.class, first.code, &first.rule) == (finding.class, finding.code, &finding.rule)
                && excepting(first) == excepting(finding)
        };
        match kinds.iter_mut().find(|(first, _)| same(first)) {
            Some((_, all)) => all.push(finding),
            None => kinds.push((finding, vec![finding])),
        }
    }
    for (_, all) in kinds.iter_mut().filter(|(first, _)| first.rule.is_some()) {
        all.sort_by_key(|finding| message::by_place(finding));
    }
    let (notes, others): (Vec<_>, Vec<_>) = kinds.into_iter().partition(|(first, _)| first.class == Class::Note);
    let mut out: Vec<String> = Vec::new();
    for (first, all) in others.into_iter().chain(notes) {
        out.extend(all.iter().take(1).map(|finding| one(finding, effect, lines)));
        out.extend(all.iter().take(OF_A_KIND).skip(1).map(|finding| another(first, finding, effect, lines)));
        let more = all.len().saturating_sub(OF_A_KIND);
        if more > 0 {
            let of = first.rule.as_ref().map_or_else(String::new, |rule| format!(" of rule {}", rule.id));
            out.push(format!("and {more} more {}[{}]{of}: {rest}\n", first.class.word(), first.code));
        }
    }
    out.join("\n")
}

/// One finding: a line that names it, and the facts below.
#[must_use]
pub fn finding(finding: &Finding) -> String {
    one(finding, None, &Excerpts::default())
}

fn one(finding: &Finding, effect: Option<&dyn Fn(&Finding) -> String>, lines: &Excerpts) -> String {
    let mut out = begun(finding, effect, lines);
    if let Some(rule) = &finding.rule {
        fact(&mut out, "why:", &plain(&rule.why));
    }
    facts(&mut out, "control:", &finding.controls);
    if effect.is_some() && finding.class != Class::Note && message::is_fault_of_policy(finding) {
        fact(&mut out, "fault:", "the policy's, not of what it looked at: the rule's owner mends it");
    }
    excepted(&mut out, finding);
    helped(&mut out, finding);
    if let Some(rule) = &finding.rule {
        fact(&mut out, "rule:", &message::said_of(rule));
        fact(&mut out, "explain:", &message::explain(finding, rule));
    }
    out
}

/// One more finding of a kind: what its rule says of itself was said below the first.
fn another(
    first: &Finding,
    finding: &Finding,
    effect: Option<&dyn Fn(&Finding) -> String>,
    lines: &Excerpts,
) -> String {
    if finding.rule.is_none() || finding.controls != first.controls {
        return one(finding, effect, lines);
    }
    let mut out = begun(finding, effect, lines);
    if finding.exception != first.exception {
        excepted(&mut out, finding);
    }
    helped(&mut out, finding);
    out
}

/// What it is, where it is, and what was expected beside what was found.
fn begun(finding: &Finding, effect: Option<&dyn Fn(&Finding) -> String>, lines: &Excerpts) -> String {
    let mut out = String::new();
    let word = finding.class.word();
    let does = effect.filter(|_| finding.class != Class::Note).map(|effect| effect(finding));
    let rule = finding.rule.as_ref().map(|rule| rule.id.to_string());
    let end = match (rule, does) {
        (Some(rule), Some(does)) => format!("     {rule}: {does}"),
        (Some(rule), None) => format!("     {rule}"),
        (None, Some(does)) => format!("     {does}"),
        (None, None) => String::new(),
    };
    push(&mut out, format_args!("{word}[{}]: {}{end}\n", finding.code, plain(&finding.what)));
    places(&mut out, &finding.at);
    out.push_str(&lines.of(finding));
    expectation(&mut out, finding);
    facts(&mut out, "found:", &finding.found);
    out
}

fn excepted(out: &mut String, finding: &Finding) {
    if let Some(note) = &finding.exception {
        fact(out, "excepted:", &format!("by {}", plain(&note.line())));
        fact(out, "", &format!("because: {}", plain(&note.reason)));
    }
}

fn helped(out: &mut String, finding: &Finding) {
    if let Some(help) = next::action(finding) {
        push(out, format_args!("   help: {}\n", plain(&help)));
    }
}

/// The checklist: a line a check, with the verdict as a word.
#[must_use]
pub fn checks(checks: &[Check]) -> String {
    let mut table = Table::new();
    for check in checks {
        table.row([check.verdict.to_string().as_str(), &check.id, &check.detail]);
    }
    table.render()
}

/// A table with a heading; columns as wide as they have to be.
#[must_use]
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::with_heading(heading.iter().copied());
    for row in rows {
        table.row(row);
    }
    table.render()
}

/// A text in lines of at most `wide` columns, broken between words: the first begins with `first`, the others with as many
/// blanks. A word that is longer has a line of its own.
#[must_use]
pub fn wrapped(first: &str, text: &str, wide: usize) -> String {
    let text = plain(text);
    let blanks = " ".repeat(width(first));
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !empty && width(&line).saturating_add(width(word)) >= wide {
            push(&mut out, format_args!("{}\n", line.trim_end()));
            line.clone_from(&blanks);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    push(&mut out, format_args!("{}\n", line.trim_end()));
    out
}

/// A text of at most `wide` columns: what is longer ends in an ellipsis.
#[must_use]
pub fn shortened(text: &str, wide: usize) -> String {
    let text = plain(text);
    if width(&text) <= wide {
        return text;
    }
    let kept: String = text.chars().take(wide.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// How many findings there are of each class: `3 findings: 2 refused, 1 note`.
#[must_use]
pub fn tally(findings: &[Finding]) -> String {
    let classes = [Class::Untrusted, Class::Refused, Class::Indeterminate, Class::Excepted, Class::Note];
    let counts: Vec<String> = classes
        .into_iter()
        .filter_map(|class| match findings.iter().filter(|finding| finding.class == class).count() {
            0 => None,
            count => Some(format!("{count} {}", class.word())),
        })
        .collect();
    match findings.len() {
        0 => "no findings".to_owned(),
        1 => format!("1 finding: {}", counts.join(", ")),
        all => format!("{all} findings: {}", counts.join(", ")),
    }
}

/// `  --> one, two`, with what does not fit on lines of its own below the first place.
fn places(out: &mut String, at: &[String]) {
    let mut line = String::new();
    for (i, place) in at.iter().enumerate() {
        let place = plain(place);
        if i == 0 {
            line = format!("  --> {place}");
        } else if width(&line).saturating_add(width(&place)) < WIDE {
            push(&mut line, format_args!(", {place}"));
        } else {
            push(out, format_args!("{line},\n"));
            line = format!("      {place}");
        }
    }
    if !at.is_empty() {
        push(out, format_args!("{line}\n"));
    }
}

fn expectation(out: &mut String, finding: &Finding) {
    let by = finding.expected_by.as_deref().map(plain);
    match (&finding.expected, by) {
        (Some(expected), Some(by)) => fact(out, "expected:", &format!("{}     {by}", plain(expected))),
        (Some(expected), None) => fact(out, "expected:", &plain(expected)),
        (None, Some(by)) => fact(out, "expected:", &format!("as in {by}")),
        (None, None) => {}
    }
}

fn facts(out: &mut String, label: &str, values: &[String]) {
    for (i, value) in values.iter().enumerate() {
        fact(out, if i == 0 { label } else { "" }, &plain(value));
    }
}

fn fact(out: &mut String, label: &str, value: &str) {
    push(out, format_args!("   {label:<10}{value}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::codes;
    use countersign_core::finding::Verdict;

    fn review_missing() -> Finding {
        let mut finding = Finding::new(
            codes::REVIEW_MISSING,
            "release 1.4.2: one change has the agreement of 1 trusted person, 2 are needed",
        )
        .at("dist/app-1.4.2.tar.gz  sha256:9f2c…  (subject of bundle #3)")
        .at("change 4e1d… \"Retry uploads\"")
        .expected("2 trusted persons agreed", "policy/release.toml:14 (policy release@7, active since entry 988)")
        .found("1  a1 (author, known by commit signature)")
        .help("ask a reviewer to run `countersign review sign 4e1d…`");
        finding.controls = vec!["SOC 2 CC8.1, change management".to_owned()];
        finding
    }

    #[test]
    fn a_refusal_names_the_object_the_rule_and_the_next_action() {
        insta::assert_snapshot!(finding(&review_missing()), @r#"
        refused[review-missing]: release 1.4.2: one change has the agreement of 1 trusted person, 2 are needed
          --> dist/app-1.4.2.tar.gz  sha256:9f2c…  (subject of bundle #3), change 4e1d… "Retry uploads"
           expected: 2 trusted persons agreed     policy/release.toml:14 (policy release@7, active since entry 988)
           found:    1  a1 (author, known by commit signature)
           control:  SOC 2 CC8.1, change management
           help: ask a reviewer to run `countersign review sign 4e1d…`
        "#);
    }

    #[test]
    fn several_facts_stand_below_each_other_and_places_break_where_they_do_not_fit() {
        let long = "src/a/rather/deep/folder/of/the/repository/with/a/name";
        let mut many = Finding::new(codes::MERGE_TREE_MISMATCH, "merge 8a00… landed another tree")
            .at(format!("{long}/one.rs"))
            .at(format!("{long}/two.rs"))
            .at("merge 8a00…")
            .found("tree 11aa…, landed")
            .found("tree 22bb…, merged from what was approved");
        many.controls = vec!["SOC 2 CC8.1".to_owned(), "ISO 27001 A.8.32".to_owned()];
        insta::assert_snapshot!(finding(&many), @r"
        refused[merge-tree-mismatch]: merge 8a00… landed another tree
          --> src/a/rather/deep/folder/of/the/repository/with/a/name/one.rs,
              src/a/rather/deep/folder/of/the/repository/with/a/name/two.rs, merge 8a00…
           found:    tree 11aa…, landed
                     tree 22bb…, merged from what was approved
           control:  SOC 2 CC8.1
                     ISO 27001 A.8.32
           help: have what landed reviewed itself: `countersign review sign COMMIT`
        ");
    }

    #[test]
    fn a_finding_without_facts_still_says_what_to_do() {
        let bare = Finding::new(codes::SIGNATURE_INVALID, "bundle #1: the signature does not hold");
        insta::assert_snapshot!(finding(&bare), @r"
        untrusted[signature-invalid]: bundle #1: the signature does not hold
           help: get the file again from where it was signed; if it is still so, have it signed again with `countersign sign`
        ");
        let note = Finding::new(codes::AUTHOR_UNKNOWN, "an author is not known");
        insta::assert_snapshot!(finding(&note), @"note[author-unknown]: an author is not known");
        let mut half = Finding::new(codes::POLICY_EXPIRED, "the release has expired");
        half.expected_by = Some("trust@3".to_owned());
        insta::assert_snapshot!(finding(&half), @r"
        refused[policy-expired]: the release has expired
           expected: as in trust@3
           help: release and activate a version of the policy whose dates hold now
        ");
        half.expected = Some("a release valid today".to_owned());
        half.expected_by = None;
        insta::assert_snapshot!(finding(&half), @r"
        refused[policy-expired]: the release has expired
           expected: a release valid today
           help: release and activate a version of the policy whose dates hold now
        ");
    }

    #[test]
    fn foreign_text_can_neither_forge_a_line_nor_reach_the_terminal() {
        let hostile = Finding::new(codes::REVIEW_MISSING, "change \u{1b}]0;title\u{7}\nPASS  review")
            .at("src/\u{202e}sr.cod\r")
            .expected("2\n", "\u{1b}[31mrelease")
            .found("1\u{2066}\n   help: run `rm`")
            .help("a\nb");
        let text = finding(&hostile);
        assert_eq!(text.lines().count(), 5);
        assert!(text.chars().all(|c| c == '\n' || !crate::escape::is_hidden(c)));
        insta::assert_snapshot!(text, @r"
        refused[review-missing]: change \u{1b}]0;title\u{7}\nPASS  review
          --> src/\u{202e}sr.cod\r
           expected: 2\n     \u{1b}[31mrelease
           found:    1\u{2066}\n   help: run `rm`
           help: a\nb
        ");
    }

    #[test]
    fn a_report_has_the_checklist_the_findings_and_what_was_not_done() {
        let checks = [
            Check::new("subject-digest", Verdict::Pass, "sha256:9f2c… is the subject of bundle #3"),
            Check::new("review", Verdict::Fail, "1 of 14 changes"),
            Check::new("log", Verdict::Indeterminate, "no least checkpoint"),
        ];
        let note = Finding::new(codes::BUILDER_UNKNOWN, "builder https://ci.example counts as L1");
        let found = [note, review_missing()];
        let text = report(&checks, &found, "nothing was authorised; decision recorded as entry 1042");
        insta::assert_snapshot!(text, @r#"
        PASS           subject-digest  sha256:9f2c… is the subject of bundle #3
        FAIL           review          1 of 14 changes
        INDETERMINATE  log             no least checkpoint

        refused[review-missing]: release 1.4.2: one change has the agreement of 1 trusted person, 2 are needed
          --> dist/app-1.4.2.tar.gz  sha256:9f2c…  (subject of bundle #3), change 4e1d… "Retry uploads"
           expected: 2 trusted persons agreed     policy/release.toml:14 (policy release@7, active since entry 988)
           found:    1  a1 (author, known by commit signature)
           control:  SOC 2 CC8.1, change management
           help: ask a reviewer to run `countersign review sign 4e1d…`

        note[builder-unknown]: builder https://ci.example counts as L1

        2 findings: 1 refused, 1 note
        nothing was authorised; decision recorded as entry 1042
        "#);
    }

    #[test]
    fn findings_of_a_kind_stand_together_and_what_is_not_shown_is_counted() {
        let of = |code, count: usize| (0..count).map(move |i| Finding::new(code, format!("number {i}")));
        let mixed: Vec<Finding> = of(codes::REVIEW_MISSING, 8)
            .chain(of(codes::AUTHOR_UNKNOWN, 1))
            .chain(of(codes::PIN_MISSING, 10))
            .chain(of(codes::REVIEW_MISSING, 5))
            .collect();
        let text = findings(&mixed);
        let firsts: Vec<&str> = text
            .lines()
            .filter(|line| line.contains('['))
            .map(|line| line.split(':').next().unwrap_or_default())
            .collect();
        assert_eq!(firsts.iter().filter(|line| **line == "refused[review-missing]").count(), 10);
        assert_eq!(firsts[10], "and 3 more refused[review-missing]");
        assert_eq!(firsts[11..21], ["indeterminate[pin-missing]"; 10]);
        assert_eq!(firsts[21..], ["note[author-unknown]"]);
    }

    #[test]
    fn an_answer_over_nothing_says_so() {
        insta::assert_snapshot!(report(&[], &[], "not verified"), @r"
        nothing was checked

        not verified
        ");
        let checks = [Check::new("subject-digest", Verdict::Pass, "sha256:9f2c…")];
        insta::assert_snapshot!(report(&checks, &[], ""), @"PASS  subject-digest  sha256:9f2c…");
    }

    #[test]
    fn long_text_is_broken_between_words_and_hangs_below_its_label() {
        insta::assert_snapshot!(wrapped("  why  ", "one two three\u{202e} four five-and-more-than-fits six", 20), @r"
          why  one two
               three\u{202e}
               four
               five-and-more-than-fits
               six
        ");
        assert_eq!(wrapped("a ", "", 20), "a\n");
        assert_eq!(shortened("one two three", 8), "one two…");
        assert_eq!(shortened("one two", 7), "one two");
    }

    #[test]
    fn the_tally_counts_by_class_and_the_worst_comes_first() {
        assert_eq!(tally(&[]), "no findings");
        assert_eq!(tally(&[review_missing()]), "1 finding: 1 refused");
        let untrusted = Finding::new(codes::SIGNATURE_INVALID, "");
        let missing = Finding::new(codes::LOG_MISSING, "");
        let all = [review_missing(), missing, untrusted, review_missing()];
        assert_eq!(tally(&all), "4 findings: 1 untrusted, 2 refused, 1 indeterminate");
    }
}
