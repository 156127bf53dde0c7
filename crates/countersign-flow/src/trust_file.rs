//! Writing and signing trust documents.

use crate::error::FlowError;
use crate::files;
use crate::people::{self, By, CoSigned};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::{EnvName, Origin, PersonId, Uri};
use countersign_core::json;
use countersign_core::key::PublicKey;
use countersign_core::limits;
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_core::trust::{ROLE_BREAK_GLASS, ROLE_EXCEPTIONS, ROLE_POLICY, ROLE_TRUST, TRUST_NAMESPACE, Trust};
use countersign_verify::policy::LEAST_APPROVERS;
use std::path::Path;

/// What a first trust document is made of.
#[derive(Debug)]
pub struct Beginning {
    /// People with their keys.
    pub persons: Vec<(PersonId, PublicKey)>,
    /// Builders: `builder.id` and key.
    pub builders: Vec<(Uri, PublicKey)>,
    /// Gates: uri and key.
    pub gates: Vec<(Uri, PublicKey)>,
    /// Logs: origin and key.
    pub logs: Vec<(Origin, PublicKey)>,
    /// Environments.
    pub environments: Vec<EnvName>,
    /// The least SLSA Build level for them; what a key can show, if nobody says.
    pub builder_level: Option<u8>,
    /// How many persons have to sign trust, and approve policy.
    pub threshold: usize,
    /// The time.
    pub at: Time,
}

/// What a builder whose key lies in its own job shows: there is provenance, and no more.
const LEVEL_OF_A_KEY: u8 = 1;

/// A first `trust.toml`, to be read and edited by people before anybody signs it.
pub fn begin(beginning: &Beginning) -> Result<String, FlowError> {
    use std::fmt::Write as _;
    const YEAR: i64 = 365 * 24 * 3600;
    let mut out = String::from(
        "# Who may sign what. Edit it, have it signed with `countersign trust sign`, and keep its digest outside of the\n\
         # reviewed repository: whoever can change this file's digest can change everything that is believed.\n\n",
    );
    let mut line = |text: std::fmt::Arguments<'_>| {
        let written = writeln!(out, "{text}");
        debug_assert!(written.is_ok(), "a String takes whatever is written to it");
    };
    line(format_args!("version = 1"));
    line(format_args!("not_before = \"{}\"\nexpires = \"{}\"", beginning.at, beginning.at.plus(YEAR)));
    line(format_args!(
        "# A key of a builder or collector signs without a log entry and a timestamp only where it says `transparency = \"none\"`."
    ));
    line(format_args!("unlogged_keys = \"stated\""));
    line(format_args!("\n# People, by ids that say nothing about them. Names and addresses stay outside."));
    for (id, key) in &beginning.persons {
        line(format_args!("[[persons]]\nid = \"{id}\"\nkeys = [{{ key = \"{}\" }}]\n", key.to_openssh()));
    }
    line(format_args!(
        "# Builders: which builder.id a key may claim, and the highest SLSA Build level that the pair shows. A key in the job's own\n\
         # secrets shows L1; the platform's identity in place of a key shows L2."
    ));
    for (id, key) in &beginning.builders {
        line(format_args!(
            "[[builders]]\nid = \"{id}\"\nmax_level = {LEVEL_OF_A_KEY}\nkeys = [{{ key = \"{}\", transparency = \"none\" }}]\n",
            key.to_openssh()
        ));
    }
    let names: Vec<String> = beginning.environments.iter().map(|e| format!("\"{e}\"")).collect();
    line(format_args!("# Gates: which key decides, and where. No build can reach it."));
    for (id, key) in &beginning.gates {
        line(format_args!(
            "[[gates]]\nid = \"{id}\"\nenvironments = [{}]\nkeys = [{{ key = \"{}\" }}]\n",
            names.join(", "),
            key.to_openssh()
        ));
    }
    for (origin, key) in &beginning.logs {
        line(format_args!("[[logs]]\norigin = \"{origin}\"\nkeys = [{{ key = \"{}\" }}]\n", key.to_openssh()));
    }
    let everybody: Vec<String> = beginning.persons.iter().map(|(id, _)| format!("\"{id}\"")).collect();
    line(format_args!("# How many persons it takes."));
    for role in [ROLE_TRUST, ROLE_POLICY] {
        line(format_args!(
            "[roles.{role}]\npersons = [{}]\nthreshold = {}\n",
            everybody.join(", "),
            beginning.threshold
        ));
    }
    line(format_args!(
        "# Who may approve exceptions from rules, and that review is passed over in an emergency. Without these roles nobody \
         may. Who asks does not approve, so each needs three persons.\n\
         # [roles.{ROLE_EXCEPTIONS}]\n# persons = [{0}]\n# threshold = 2\n\
         # [roles.{ROLE_BREAK_GLASS}]\n# persons = [{0}]\n# threshold = 2\n",
        everybody.join(", "),
    ));
    line(format_args!(
        "# What no policy release may go below. builder_level: SLSA Build L1 leaves it to the builder's word which commit an\n\
         # artifact is of. Ask production for 2 as soon as its builder shows it."
    ));
    for environment in &beginning.environments {
        line(format_args!(
            "[environments.\"{environment}\"]\nreview_tier = \"T3\"\nbuilder_level = {}\nenforced_rules = [\"two-party-review@1\"]\n",
            beginning.builder_level.unwrap_or(LEVEL_OF_A_KEY)
        ));
    }
    Trust::from_toml(out.as_bytes()).map_err(|error| refused(&error, "trust.toml"))?;
    Ok(out)
}

/// What a first document lacks before anything can be promoted under it: a policy release takes two approvers.
#[must_use]
pub fn lacking(beginning: &Beginning, output: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(asked) = beginning.builder_level.filter(|asked| *asked > LEVEL_OF_A_KEY) {
        findings.push(
            Finding::new(
                codes::BUILDER_LEVEL_UNREACHABLE,
                "no builder of this document shows the level that its environments ask for: nothing could pass there",
            )
            .at(format!("{}, [environments]", output.display()))
            .expected(format!("a builder with max_level = {asked}"), "--builder-level")
            .found(format!("max_level = {LEVEL_OF_A_KEY}, which is what a key in the build's own job shows"))
            .help(
                "give a builder an identity of its platform in place of the key, and max_level = 2, as docs/trust.md has it; or \
                 leave --builder-level out",
            ),
        );
    }
    let (found, needed) = (beginning.persons.len(), LEAST_APPROVERS);
    if u32::try_from(found).is_ok_and(|found| found >= needed) {
        return findings;
    }
    let finding = Finding::new(
        codes::ROLE_TOO_SMALL,
        format!("a policy release takes {needed} approvers: with these persons none can be activated"),
    )
    .at(format!("{}, [roles.{ROLE_POLICY}]", output.display()))
    .expected(format!("{needed} persons or more"), "countersign")
    .found(found.to_string())
    .help(format!(
        "add a second person with [[persons]], name them in roles.{ROLE_POLICY} and roles.{ROLE_TRUST}, and raise both \
         thresholds to {needed}, before anybody signs it"
    ));
    findings.push(finding);
    findings
}

/// Reads a trust document, authored or signed: TOML, or the statement in a signed file.
pub fn read(path: &Path) -> Result<Trust, FlowError> {
    let bytes = files::read(path, limits::COLLECTION_BYTES)?;
    let place = path.display().to_string();
    let signed = bytes.trim_ascii_start().first() == Some(&b'{');
    if !signed {
        return Trust::from_toml(&bytes).map_err(|error| refused(&error, &place));
    }
    let fault = |what: String| FlowError::Refused(vec![Finding::new(codes::TRUST_MALFORMED, what).at(place.as_str())]);
    let documents = countersign_core::bundle::Signed::parse_lines(&bytes).map_err(|error| fault(error.to_string()))?;
    let Some((_, first)) = documents.first() else { return Err(fault("the file holds no document".to_owned())) };
    let statement = Statement::parse(&first.payload).map_err(|error| fault(error.to_string()))?;
    if statement.kind() != Some(Kind::Trust) {
        return Err(fault(format!("this is a statement of type {}, not trust", statement.predicate_type)));
    }
    Trust::from_value(statement.predicate).map_err(|error| refused(&error, &place))
}

/// Adds a person's signature to `output`. The person has to be in the document's own `trust` role.
pub fn sign(trust: &Trust, output: &Path, by: By<'_>) -> Result<CoSigned, FlowError> {
    by.known(ROLE_TRUST, trust, "this key does not sign this trust document")?;
    let subject = Subject::sha256("trust", &trust.digest()?);
    let statement = Statement::new(Kind::Trust, vec![subject], &json::to_value(trust)?)?;
    people::add_signature(output, &statement, TRUST_NAMESPACE, by, Some((ROLE_TRUST, trust)))
}

fn refused(error: &countersign_core::trust::TrustError, place: &str) -> FlowError {
    FlowError::Refused(vec![Finding::of_lines(error.code(), &error.to_string()).at(place)])
}
