//! One page that needs nothing else: no script, no network, every foreign text escaped. Words carry the meaning.

use super::{Item, Report};
use crate::escape::{markup, push};
use std::collections::BTreeMap;

pub(crate) const HEAD: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"viewport\" content=\"width=device-width\">
";
pub(crate) const STYLE: &str = "<style>
body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #111; background: #fff }
table { border-collapse: collapse } th, td { border: 1px solid #999; padding: .2em .6em; text-align: left; vertical-align: top }
details { border: 1px solid #999; margin: .5em 0; padding: .5em } summary { font-weight: bold }
td, dd, summary { overflow-wrap: anywhere } dt { font-weight: bold }
</style>
</head>
<body>
";

/// The page.
pub(super) fn render(report: &Report) -> String {
    let title = markup(&report.title());
    let mut out = format!("{HEAD}<title>{title}: {}</title>\n{STYLE}", report.facts.verdict);
    push(&mut out, format_args!("<h1>{title}: {}</h1>\n", report.facts.verdict));
    if let Some(failure) = report.failure() {
        push(&mut out, format_args!("<p><strong>{}</strong></p>\n", markup(&failure)));
    }
    list(&mut out, &report.head());
    out.push_str("<h2>Findings</h2>\n");
    if report.items.is_empty() {
        out.push_str("<p>None.</p>\n");
    }
    for item in &report.items {
        finding(&mut out, item);
    }
    if !report.gone.is_empty() {
        out.push_str("<h2>Gone since the baseline</h2>\n<ul>\n");
        for mark in &report.gone {
            push(&mut out, format_args!("<li>{}: {}</li>\n", markup(&mark.rule), markup(&mark.what)));
        }
        out.push_str("</ul>\n");
    }
    controls(&mut out, report);
    checks(&mut out, report);
    out.push_str("</body>\n</html>\n");
    out
}

fn finding(out: &mut String, item: &Item) {
    let id = &item.fingerprint;
    let first = format!("{}{} {}", item.mark(), item.rule(), item.what());
    push(out, format_args!("<details open id=\"{id}\"><summary>{}</summary>\n", markup(&first)));
    list(out, &item.lines());
    out.push_str("</details>\n");
}

/// What was looked at, below what is to be done.
fn checks(out: &mut String, report: &Report) {
    if report.facts.checks.is_empty() {
        return;
    }
    out.push_str("<h2>Checks</h2>\n<table>\n<tr><th>check</th><th>verdict</th><th>detail</th></tr>\n");
    for check in &report.facts.checks {
        let (id, detail) = (markup(&check.id), markup(&check.detail));
        push(out, format_args!("<tr><td>{id}</td><td>{}</td><td>{detail}</td></tr>\n", check.verdict));
    }
    out.push_str("</table>\n");
}

/// For who looks at it from the controls' side: which findings touch which.
fn controls(out: &mut String, report: &Report) {
    let mut touched: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in &report.items {
        for control in &item.finding.controls {
            touched.entry(control).or_default().push(item);
        }
    }
    if touched.is_empty() {
        return;
    }
    out.push_str("<h2>Controls</h2>\n<table>\n<tr><th>control</th><th>findings</th></tr>\n");
    for (control, items) in touched {
        let links = items.iter().map(|item| format!("<a href=\"#{}\">{}</a>", item.fingerprint, markup(item.rule())));
        push(
            out,
            format_args!("<tr><td>{}</td><td>{}</td></tr>\n", markup(control), links.collect::<Vec<_>>().join(", ")),
        );
    }
    out.push_str("</table>\n<p>countersign does not conclude that a criterion is met.</p>\n");
}

fn list(out: &mut String, rows: &[(&str, String)]) {
    out.push_str("<dl>\n");
    for (label, text) in rows {
        push(out, format_args!("<dt>{label}</dt><dd>{}</dd>\n", markup(text)));
    }
    out.push_str("</dl>\n");
}

#[cfg(test)]
mod tests {
    use super::super::testing::refusal;
    use super::*;

    #[test]
    fn a_refusal_as_a_page() {
        insta::assert_snapshot!(render(&refusal()), @r##"
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <meta name="viewport" content="width=device-width">
        <title>promote app.bin to production: FAIL</title>
        <style>
        body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #111; background: #fff }
        table { border-collapse: collapse } th, td { border: 1px solid #999; padding: .2em .6em; text-align: left; vertical-align: top }
        details { border: 1px solid #999; margin: .5em 0; padding: .5em } summary { font-weight: bold }
        td, dd, summary { overflow-wrap: anywhere } dt { font-weight: bold }
        </style>
        </head>
        <body>
        <h1>promote app.bin to production: FAIL</h1>
        <dl>
        <dt>verdict</dt><dd>FAIL, exit code 1 (refused, or verified with findings)</dd>
        <dt>subject</dt><dd>app.bin</dd>
        <dt>digest</dt><dd>sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333</dd>
        <dt>environment</dt><dd>production</dd>
        <dt>done</dt><dd>nothing was authorised; decision recorded as entry 1042</dd>
        </dl>
        <h2>Findings</h2>
        <details open id="5ae1c52574c966a9b19a615d3f798ede8778f45e2410f7e01ef5b7df843cafc9"><summary>review-missing one change has the agreement of 1 trusted person, 2 are needed</summary>
        <dl>
        <dt>effect</dt><dd>blocks</dd>
        <dt>at</dt><dd>change 4e1d… &quot;Retry uploads&quot;</dd>
        <dt>expected</dt><dd>2 trusted persons agreed (by policy release@7)</dd>
        <dt>found</dt><dd>1  a1 (author, known by commit signature)</dd>
        <dt>help</dt><dd>ask a reviewer to run `countersign review sign`</dd>
        <dt>control</dt><dd>SOC 2 CC8.1</dd>
        <dt>explain</dt><dd>countersign explain review-missing</dd>
        </dl>
        </details>
        <details open id="89ab62f41cdbc7ec80080abb82e555c6debd7b917a4269d06b62888f7a134e9a"><summary>image-registry@1 image nginx:latest comes from docker.io</summary>
        <dl>
        <dt>effect</dt><dd>warns, blocks nothing</dd>
        <dt>at</dt><dd>k8s/deploy.yaml:77:16</dd>
        <dt>why</dt><dd>an unapproved registry has no scanning</dd>
        <dt>help</dt><dd>mend what the rule names; its owner is said below</dd>
        <dt>rule</dt><dd>image-registry@1, severity high, owner platform-security, https://docs.example/images</dd>
        <dt>explain</dt><dd>countersign explain rule-broken</dd>
        </dl>
        </details>
        <details open id="c0b54ecaebe1ac920c5cfa94a8a08cf8a5d10d1becaa43b06648c0a5f3d8f299"><summary>builder-unknown builder https://ci.example counts as L1</summary>
        <dl>
        <dt>effect</dt><dd>note</dd>
        <dt>explain</dt><dd>countersign explain builder-unknown</dd>
        </dl>
        </details>
        <h2>Controls</h2>
        <table>
        <tr><th>control</th><th>findings</th></tr>
        <tr><td>SOC 2 CC8.1</td><td><a href="#5ae1c52574c966a9b19a615d3f798ede8778f45e2410f7e01ef5b7df843cafc9">review-missing</a></td></tr>
        </table>
        <p>countersign does not conclude that a criterion is met.</p>
        <h2>Checks</h2>
        <table>
        <tr><th>check</th><th>verdict</th><th>detail</th></tr>
        <tr><td>trust</td><td>PASS</td><td>trust@3</td></tr>
        <tr><td>review</td><td>FAIL</td><td>1 of 14 changes</td></tr>
        </table>
        </body>
        </html>
        "##);
    }
}
