//! Which controls rules serve, and how far what was recorded shows that they do.

mod coverage;
mod manual;

pub use coverage::{
    CatalogueRow, ControlRow, Cover, CoverCounts, Coverage, CoverageRequest, ManualRow, ServedRow, UnmappedRow,
    coverage,
};
pub(crate) use manual::{ByHand, added_words, earlier, earlier_words};
pub use manual::{ManualRequest, Recorded, add_manual};

use countersign_core::catalogue::Catalogues;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::policy::{Manifest, SOURCE_FILE};
use countersign_decide::rules;

/// Controls that no catalogue has, and catalogues of the release that do not do.
#[must_use]
pub fn problems(manifest: &Manifest) -> Vec<Finding> {
    let (catalogues, wrong) = Catalogues::with(&manifest.texts);
    let malformed = |(path, error): (String, countersign_core::catalogue::CatalogueError)| {
        Finding::of_lines(codes::CATALOGUE_MALFORMED, &error.to_string()).at(path)
    };
    let mut findings: Vec<Finding> = wrong.into_iter().map(malformed).collect();
    for rule in &manifest.rules {
        for control in rules::controls(rule, &manifest.texts) {
            if catalogues.find(&control).is_none() {
                findings.push(unknown(
                    &control,
                    rule.folder.as_deref().unwrap_or(SOURCE_FILE),
                    &catalogues,
                    &|finding| finding.found(format!("rule {}: {control}", rule.id)),
                ));
            }
        }
    }
    findings
}

/// That no catalogue has a control, with the one that was meant most likely.
fn unknown(control: &str, place: &str, catalogues: &Catalogues, with: &dyn Fn(Finding) -> Finding) -> Finding {
    let names: Vec<String> = catalogues.iter().map(|catalogue| catalogue.name.clone()).collect();
    let finding = Finding::new(codes::CONTROL_UNKNOWN, format!("no catalogue has the control `{control}`"))
        .at(place)
        .expected(format!("a control of {}", names.join(", ")), "the catalogues that the release knows");
    let finding = with(finding);
    match catalogues.nearest(control) {
        Some(nearest) => finding.help(format!(
            "did you mean `{nearest}`? `countersign controls list` shows all; catalogues of your own lie in catalogues/NAME.toml"
        )),
        None => finding,
    }
}
