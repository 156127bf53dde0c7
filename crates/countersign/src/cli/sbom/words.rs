//! What the verbs of `sbom` answer to people. Every name comes from somebody else's document: each is shown harmless.

use countersign_flow::output::{
    SbomChanged, SbomComponent, SbomDiffed, SbomIngested, SbomMade, SbomMerged, SbomQueried, SbomShown, SbomValidated,
    SbomVex, SbomVulns,
};
use countersign_report::text::{self, plain};

fn label(component: &SbomComponent) -> String {
    match &component.version {
        Some(version) => format!("{} {}", plain(&component.name), plain(version)),
        None => plain(&component.name),
    }
}

fn tools(tools: &[String]) -> String {
    if tools.is_empty() { "a tool that it does not name".to_owned() } else { plain(&tools.join(", ")) }
}

fn with_findings(mut out: String, findings: &[countersign_core::finding::Finding]) -> String {
    if !findings.is_empty() {
        out.push('\n');
        out.push_str(&text::findings(findings));
    }
    out
}

pub(super) fn validated(answer: &SbomValidated) -> String {
    let mut out = String::new();
    for document in &answer.documents {
        let format = document.format.as_deref().unwrap_or("not an SBOM that is read");
        let state = if document.valid { "valid" } else { "INVALID" };
        out.push_str(&format!("{}: {state}, {}", plain(&document.file), plain(format)));
        if document.valid {
            out.push_str(&format!(", {} components, {} dependencies", document.components, document.dependencies));
        }
        out.push('\n');
        for profile in &document.profiles {
            let held = profile.elements.iter().filter(|element| element.missing == 0).count();
            out.push_str(&format!("  profile {}: {held} of {} elements\n", profile.profile, profile.elements.len()));
        }
    }
    with_findings(out, &answer.findings)
}

pub(super) fn ingested(answer: &SbomIngested) -> String {
    let mut out = format!(
        "{}: {} by {}, {} components, {} dependencies; {} do not say all that they depend on\n",
        plain(&answer.output),
        plain(&answer.format),
        tools(&answer.tools),
        answer.components,
        answer.dependencies,
        answer.unknown
    );
    match &answer.raw {
        Some(raw) => out.push_str(&format!("{}: the bytes as they came, {}\n", plain(raw), answer.digest)),
        None => out.push_str(&format!("unchanged, {}\n", answer.digest)),
    }
    with_findings(out, &answer.findings)
}

pub(super) fn shown(answer: &SbomShown) -> String {
    let mut out = format!(
        "{}: {} by {}{}\n{} components, {} dependencies; {} do not say all that they depend on\n\n",
        plain(&answer.file),
        plain(&answer.format),
        tools(&answer.tools),
        answer.time.as_deref().map(|time| format!(", {}", plain(time))).unwrap_or_default(),
        answer.components,
        answer.dependencies,
        answer.unknown
    );
    for line in &answer.lines {
        let mut notes = String::new();
        if line.component.scope != "required" {
            notes.push_str(&format!(" [{}]", plain(&line.component.scope)));
        }
        if line.again {
            notes.push_str(" (see above)");
        }
        if line.unknown {
            notes.push_str(" (not all dependencies known)");
        }
        if line.cut {
            notes.push_str(" (more below)");
        }
        let indent = "  ".repeat(line.depth.min(100));
        out.push_str(&format!("{indent}{}{notes}\n", label(&line.component)));
    }
    if answer.more {
        out.push_str("and perhaps more: --lines shows as many as you like\n");
    }
    with_findings(out, &answer.findings)
}

pub(super) fn queried(answer: &SbomQueried) -> String {
    let mut out = String::new();
    if answer.found.is_empty() {
        out.push_str(&format!("{} lists no component {}\n", plain(&answer.file), plain(&answer.asked)));
        if !answer.nearest.is_empty() {
            out.push_str(&format!("did you mean: {}\n", plain(&answer.nearest.join(", "))));
        }
    }
    for found in &answer.found {
        out.push_str(&format!(
            "{}: needed by {} directly, by {} in all\n",
            label(&found.component),
            found.needed_by.len(),
            found.needed_by_all
        ));
        for path in &found.paths {
            let steps: Vec<String> = path.steps.iter().map(|step| plain(step)).collect();
            let start = if path.from_root { "" } else { " (not reached from what the document is about)" };
            out.push_str(&format!("  {}{start}\n", steps.join(" > ")));
        }
        if found.more_paths > 0 {
            out.push_str(&format!("  and {} more: --paths shows as many as you like\n", found.more_paths));
        }
    }
    if answer.unknown > 0 {
        out.push_str(&format!(
            "{} components do not say all that they depend on: any of them may need it too\n",
            answer.unknown
        ));
    }
    out
}

pub(super) fn differed(answer: &SbomDiffed) -> String {
    let mut out = format!("{} > {}\n", plain(&answer.old_file), plain(&answer.new_file));
    let quiet = answer.added.is_empty() && answer.removed.is_empty() && answer.moved.is_empty();
    if quiet && answer.changed.is_empty() {
        if answer.old_digest == answer.new_digest {
            out.push_str(&format!("no difference: {} components in both\n", answer.same));
        } else {
            out.push_str(&format!("no difference in what is compared: {} components in both\n", answer.same));
            out.push_str(
                "the files differ: what else they say, such as vulnerabilities and patches, is not compared\n",
            );
        }
        return out;
    }
    for component in &answer.added {
        let licences = component.licences.join("; ");
        let licences = if licences.is_empty() { "no licence said".to_owned() } else { plain(&licences) };
        out.push_str(&format!("added     {} ({licences})\n", label(component)));
    }
    for component in &answer.removed {
        out.push_str(&format!("removed   {}\n", label(component)));
    }
    for moved in &answer.moved {
        let word = match moved.direction.as_str() {
            "up" => "upgraded ",
            "down" => "DOWNGRADED",
            _ => "moved    ",
        };
        let version = |version: &Option<String>| version.as_deref().map_or_else(|| "no version".to_owned(), plain);
        out.push_str(&format!(
            "{word} {} from {} to {}\n",
            plain(&moved.component.name),
            version(&moved.from),
            version(&moved.to)
        ));
    }
    for changed in &answer.changed {
        out.push_str(&change(changed));
    }
    out.push_str(&format!(
        "{} added ({} without a supplier), {} removed, {} of another version, {} other changes, {} the same\n",
        answer.added.len(),
        answer.without_supplier,
        answer.removed.len(),
        answer.moved.len(),
        answer.changed.len(),
        answer.same
    ));
    match &answer.unmaintained {
        _ if answer.added.is_empty() => {}
        None => out.push_str("whether the added ones are maintained is in no SBOM: unknown; --db names those that advisories call unmaintained\n"),
        Some(named) => {
            for one in named {
                out.push_str(&format!("UNMAINTAINED {} ({})\n", label(&one.component), plain(&one.id)));
            }
            out.push_str(&format!(
                "{} of the added ones are called unmaintained; of the others nobody says that they are maintained\n",
                named.len()
            ));
        }
    }
    out
}

fn change(changed: &SbomChanged) -> String {
    let or_nothing = |text: &str| if text.is_empty() { "nothing said".to_owned() } else { plain(text) };
    let name = label(&changed.component);
    if changed.what == "dependencies" {
        let mut parts = Vec::new();
        if !changed.to.is_empty() {
            parts.push(format!("now needs {}", plain(&changed.to)));
        }
        if !changed.from.is_empty() {
            parts.push(format!("no longer needs {}", plain(&changed.from)));
        }
        return format!("changed   {name}: {}\n", parts.join("; "));
    }
    format!(
        "changed   {name}: {} from {} to {}\n",
        plain(&changed.what),
        or_nothing(&changed.from),
        or_nothing(&changed.to)
    )
}

pub(super) fn merged(answer: &SbomMerged) -> String {
    let out = format!(
        "{}: {} documents, {} components, {} dependencies; {} listed once for several, {} renamed\n",
        plain(&answer.output),
        answer.documents,
        answer.components,
        answer.dependencies,
        answer.shared,
        answer.renamed
    );
    with_findings(out, &answer.findings)
}

pub(super) fn made(answer: &SbomMade) -> String {
    let out = format!(
        "read {} as {}\n{}: {} components ({} required, {} optional, {} to build or test), {} dependencies; {} without digest\n",
        plain(&answer.source),
        plain(&answer.read_as),
        answer.output.as_deref().map_or_else(|| "the document".to_owned(), plain),
        answer.components,
        answer.required,
        answer.optional,
        answer.excluded,
        answer.dependencies,
        answer.without_digest
    );
    with_findings(out, &answer.findings)
}

pub(super) fn vex(answer: &SbomVex) -> String {
    let form = if answer.form == "openvex" { "OpenVEX 0.2.0" } else { "CycloneDX 1.6" };
    let many = if answer.statements == 1 { "" } else { "s" };
    let mut out = format!("{}: {form}, {} statement{many}\n", plain(&answer.output), answer.statements);
    for (word, ids) in [("not affected, or fixed", &answer.cleared), ("open", &answer.open)] {
        if !ids.is_empty() {
            out.push_str(&format!("  {word}: {}\n", plain(&ids.join(", "))));
        }
    }
    out
}

pub(super) fn vulns(answer: &SbomVulns) -> String {
    let days = answer.database_days.map_or_else(|| "of no time".to_owned(), |days| format!("{days} days old"));
    let known = ["critical", "high", "medium", "low"];
    let severities = known.into_iter().filter_map(|word| Some((word, answer.severities.get(word)?)));
    let unknown = answer.severities.get("unknown").map(|count| ("of unknown severity", count));
    let listed =
        |counts: Vec<String>| if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) };
    let by = listed(severities.chain(unknown).map(|(word, count)| format!("{count} {word}")).collect());
    let words = listed(answer.informational.iter().map(|(word, count)| format!("{count} {}", plain(word))).collect());
    let other = match answer.informational.values().sum::<usize>() {
        0 => String::new(),
        count => format!(" and {count} record(s) that the database calls none{words}"),
    };
    let linked = |word: &str| {
        let all = answer.vulnerabilities.iter().filter(|found| found.informational.is_none());
        all.filter(|found| found.linked == word).count()
    };
    let places = [(linked("true"), "in the artifact"), (linked("false"), "in what only builds or tests it")];
    let places = places.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}"));
    let places = places.collect::<Vec<_>>().concat();
    let mut out = format!(
        "{}: {} vulnerabilities{by}{places}{other}; {} components held against {} advisories ({} withdrawn), latest change {}, {days}\n",
        plain(&answer.output),
        answer.severities.values().sum::<usize>(),
        answer.components,
        answer.advisories,
        answer.withdrawn,
        plain(&answer.database_time)
    );
    for found in &answer.vulnerabilities {
        let mut notes = Vec::new();
        if !found.certain {
            notes.push("its version cannot be compared".to_owned());
        }
        match found.linked.as_str() {
            "true" => notes.push("linked".to_owned()),
            "false" => notes.push("not in the artifact".to_owned()),
            _ => {}
        }
        if let Some(word) = &found.informational {
            notes.push(format!("called {}, no vulnerability; vulnerabilities-handled judges it like one", plain(word)));
        }
        if !found.fixed.is_empty() {
            notes.push(format!("fixed in {}", plain(&found.fixed.join(", "))));
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        let severity = found.severity.as_deref().or(found.informational.as_deref()).unwrap_or("severity not known");
        let (id, severity) = (plain(&found.id), plain(severity));
        out.push_str(&format!("{id:<19} {severity:<12} {}{notes}\n", plain(&found.component)));
        if let Some(summary) = &found.summary {
            out.push_str(&format!("                    {}\n", text::shortened(&plain(summary), 100)));
        }
    }
    with_findings(out, &answer.findings)
}
