//! `sbom vex`: what people found out about vulnerabilities, written as a document of its own, or turned from one form into
//! the other.

use super::make::pretty;
use super::schema_findings;
use crate::error::FlowError;
use crate::files;
use crate::output::SbomVex;
use countersign_collect::artifact;
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::purl::Purl;
use countersign_core::statement::vex::{Justification, Status};
use countersign_core::time::Time;
use countersign_core::{json, limits};
use countersign_record::atomic::write_atomic;
use countersign_sbom::bom::{Document, Format};
use countersign_sbom::vex::{self, Head, Opinion, Product};
use std::path::Path;

/// In which form it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `OpenVEX` 0.2.0: what `sign --type vex` takes.
    OpenVex,
    /// `CycloneDX` 1.6.
    CycloneDx,
}

/// What is said.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Of which vulnerabilities, each with the same words.
    pub vulnerabilities: &'a [String],
    /// Other names of the one vulnerability.
    pub aliases: &'a [String],
    /// The file that it is said of.
    pub artifact: Option<&'a Path>,
    /// Its package URL.
    pub product: Option<&'a str>,
    /// The components in it that have the vulnerability, by package URL.
    pub components: &'a [String],
    /// What was found out.
    pub status: Status,
    /// Why it is not affected.
    pub justification: Option<Justification>,
    /// The same in words.
    pub impact: Option<&'a str>,
    /// What is to be done.
    pub action: Option<&'a str>,
    /// Who says it.
    pub author: &'a str,
    /// When.
    pub time: Time,
}

/// Writes what somebody says.
pub fn say(said: &Said<'_>, form: Form, output: &Path) -> Result<SbomVex, FlowError> {
    let [first, rest @ ..] = said.vulnerabilities else {
        return Err(FlowError::Usage("name a vulnerability with --vulnerability".to_owned()));
    };
    if !rest.is_empty() && !said.aliases.is_empty() {
        return Err(FlowError::Usage(format!("--alias names {first} otherwise: name one vulnerability with it")));
    }
    let reason = said.justification.is_some() || said.impact.is_some_and(|text| !text.trim().is_empty());
    if said.status == Status::NotAffected && !reason {
        return Err(FlowError::Usage(
            "`--status not-affected` needs a reason: --justification, or --impact in words".to_owned(),
        ));
    }
    if said.status == Status::Affected && said.action.is_none_or(|text| text.trim().is_empty()) {
        return Err(FlowError::Usage(
            "`--status affected` says what is to be done, as OpenVEX asks for: --action, in words".to_owned(),
        ));
    }
    if !said.components.is_empty() && said.artifact.is_none() && said.product.is_none() {
        return Err(FlowError::Usage(
            "--component is a part of something: name that with --artifact or --product".to_owned(),
        ));
    }
    if said.status != Status::NotAffected && said.justification.is_some() {
        return Err(FlowError::Usage("--justification goes with `--status not-affected`".to_owned()));
    }
    for (option, purl) in said
        .product
        .map(|purl| ("--product", purl))
        .into_iter()
        .chain(said.components.iter().map(|purl| ("--component", purl.as_str())))
    {
        if let Err(error) = Purl::new(purl) {
            return Err(FlowError::Usage(format!("{option} takes a package URL, such as pkg:npm/a@1.0.0: {error}")));
        }
    }
    if said.author.trim().is_empty() {
        return Err(FlowError::Usage("--author names who says it".to_owned()));
    }
    ids(said)?;
    let mut products = Vec::new();
    let hashed = said.artifact.map(artifact::hash).transpose()?;
    if hashed.is_some() || said.product.is_some() {
        products.push(Product {
            id: said.product.map(str::to_owned),
            name: hashed.as_ref().map(|hashed| hashed.name.clone()),
            sha256: hashed.as_ref().map(|hashed| hashed.digest.hex()),
            components: said.components.to_vec(),
        });
    }
    let time = said.time.to_string();
    let opinions: Vec<Opinion> = said
        .vulnerabilities
        .iter()
        .map(|id| Opinion {
            id: id.clone(),
            aliases: said.aliases.to_vec(),
            products: products.clone(),
            status: said.status,
            justification: said.justification,
            impact: said.impact.map(str::to_owned),
            action: said.action.map(str::to_owned),
            time: Some(time.clone()),
        })
        .collect();
    write(&Head { author: said.author.to_owned(), time }, &opinions, form, output)
}

/// An id is one word, since it is looked for in other documents; what is pasted with a line's end is none.
fn ids(said: &Said<'_>) -> Result<(), FlowError> {
    let one_word = |id: &String| !id.is_empty() && !id.chars().any(|c| c.is_whitespace() || c.is_control());
    for (flag, ids) in [("--vulnerability", said.vulnerabilities), ("--alias", said.aliases)] {
        if let Some(id) = ids.iter().find(|id| !one_word(id)) {
            return Err(FlowError::Usage(format!("{flag} takes an id, such as CVE-2026-1, and not `{id}`")));
        }
    }
    let purls = said.product.iter().map(|purl| ("--product", *purl));
    for (flag, purl) in purls.chain(said.components.iter().map(|purl| ("--component", purl.as_str()))) {
        if let Err(error) = Purl::new(purl) {
            return Err(FlowError::Usage(format!("{flag} takes a package URL, and not `{purl}`: {error}")));
        }
    }
    Ok(())
}

/// Turns a document of either form into another; into the one that it has not where none is named.
pub fn turn(
    path: &Path,
    author: Option<&str>,
    now: Time,
    form: Option<Form>,
    output: &Path,
) -> Result<SbomVex, FlowError> {
    let bytes = files::read(path, limits::DOCUMENT_BYTES)?;
    let refused = |what: String| {
        // Nobody need have signed it, and it may be of either form.
        let help = "mend that place, or leave the document in the form that it has and write what it says anew: `countersign sbom vex --vulnerability ID`";
        FlowError::Refused(vec![Finding::new(codes::VEX_MALFORMED, what).at(path.display().to_string()).help(help)])
    };
    let value = json::parse(&bytes).map_err(|error| refused(error.to_string()))?;
    let (head, opinions) = vex::read(&value).map_err(|error| refused(error.to_string()))?;
    let head = match (head, author) {
        (Some(head), None) => head,
        (Some(head), Some(author)) => Head { author: author.to_owned(), ..head },
        (None, Some(author)) => Head { author: author.to_owned(), time: now.to_string() },
        (None, None) => {
            return Err(FlowError::Usage("the document does not say who says it: name them with --author".to_owned()));
        }
    };
    let other = if vex::is_openvex(&value) { Form::CycloneDx } else { Form::OpenVex };
    write(&head, &opinions, form.unwrap_or(other), output)
}

fn write(head: &Head, opinions: &[Opinion], form: Form, output: &Path) -> Result<SbomVex, FlowError> {
    let (value, word) = match form {
        Form::OpenVex => (vex::openvex(head, opinions), "openvex"),
        Form::CycloneDx => (vex::cyclonedx(head, opinions), "cyclonedx"),
    };
    if form == Form::CycloneDx {
        let faults = schema_findings(&Document { format: Format::CycloneDx("1.6"), value: value.clone() }, output)?;
        if !faults.is_empty() {
            return Err(FlowError::Refused(faults));
        }
    }
    let bytes = pretty(&value)?;
    write_atomic(output, &bytes, 0o644)?;
    let clears = |opinion: &&Opinion| match opinion.status {
        Status::Fixed => true,
        Status::NotAffected => opinion.justification.is_some() || opinion.impact.is_some(),
        Status::Affected | Status::UnderInvestigation => false,
    };
    let names = |wanted: bool| {
        opinions.iter().filter(|opinion| clears(opinion) == wanted).map(|opinion| opinion.id.clone()).collect()
    };
    Ok(SbomVex {
        output: output.display().to_string(),
        digest: Sha256::of(&bytes),
        form: word.to_owned(),
        statements: opinions.len(),
        cleared: names(true),
        open: names(false),
    })
}
