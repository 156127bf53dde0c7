//! `trust`: the document in which everything that is believed starts.

mod roots;

use super::sign::read_public;
use super::{Answer, Call, given};
use crate::render::Done;
use clap::{Args, Subcommand};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of};
use countersign_core::ids::{EnvName, IdError, Origin, PersonId, RoleName, Uri};
use countersign_core::key::PublicKey;
use countersign_core::time::Time;
use countersign_core::trust::{NamePattern, Transparency};
use countersign_flow::outside::TrustFile;
use countersign_flow::trust_file::{self, Beginning};
use countersign_flow::{FlowError, documents, files, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_sign::KeyPlace;
use countersign_verify::sigstore::{Instance, TrustedRoot};
use countersign_verify::trust::{expiring, signers};
use std::path::{Path, PathBuf};

/// Write, sign and look at the trust document
#[derive(Debug, Args)]
pub(crate) struct Trust {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(Init),
    Sign(Sign),
    Show(Show),
    Digest(Digest),
    Root(Root),
    Status(roots::Status),
    Refresh(roots::Refresh),
}

/// Write a first trust.toml, to be read and edited
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign trust init --person ada=ada.pub --person ben=ben.pub \\\n    \
                        --builder https://countersign.dev/builders/local/v1=builder.pem.pub \\\n    \
                        --gate https://example.com/gate=gate.pem.pub --log example.com/log=log.pem.pub \\\n    \
                        --environment production")]
struct Init {
    /// A person and the file with a public key: ID=FILE
    #[arg(long = "person", value_name = "ID=FILE", required = true)]
    persons: Vec<String>,
    /// A builder: BUILDER-ID=FILE
    #[arg(long = "builder", value_name = "URI=FILE")]
    builders: Vec<String>,
    /// A gate: URI=FILE
    #[arg(long = "gate", value_name = "URI=FILE")]
    gates: Vec<String>,
    /// A log: ORIGIN=FILE
    #[arg(long = "log", value_name = "ORIGIN=FILE")]
    logs: Vec<String>,
    /// An environment
    #[arg(long = "environment", value_name = "NAME", required = true)]
    environments: Vec<EnvName>,
    /// The least SLSA Build level for the environments; 1 if none is given, which is what a builder with a key shows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=3))]
    builder_level: Option<u8>,
    /// Where to write it
    #[arg(long, value_name = "FILE", default_value = "trust.toml")]
    output: PathBuf,
}

/// Add your signature to a trust document
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign trust sign trust.toml --key ~/.ssh/id_ed25519 --output trust.sigstore.json"
)]
struct Sign {
    /// The document: trust.toml
    file: PathBuf,
    #[command(flatten)]
    by: given::PersonArgs,
    /// The signed document: one signature a line
    #[arg(long, value_name = "FILE", default_value = "trust.sigstore.json")]
    output: PathBuf,
}

/// Show a trust document, and who has signed it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign trust show trust.sigstore.json")]
struct Show {
    /// trust.toml or trust.sigstore.json
    file: PathBuf,
}

/// Print the digest that is to be kept outside
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign trust digest trust.sigstore.json")]
struct Digest {
    /// trust.toml or trust.sigstore.json
    file: PathBuf,
}

/// Print a Sigstore instance's trusted root as trust.toml names it
///
/// The digest is over the canonical form of the file, so that its layout makes no difference. The date is today's: write
/// the day on which the file was fetched, if it is another.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign trust root trusted_root.json --name public-good >> trust.toml")]
struct Root {
    /// The instance's trusted root: JSON
    file: PathBuf,
    /// The name by which identities call it
    #[arg(long)]
    name: RoleName,
    /// After so many days nothing is decided by it any more
    #[arg(long, value_name = "N", default_value_t = roots::GOOD_DAYS, value_parser = clap::value_parser!(u32).range(1..=3660))]
    max_age_days: u32,
}

impl Trust {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        match &self.verb {
            Verb::Init(verb) => verb.run(call),
            Verb::Sign(verb) => verb.run(call),
            Verb::Show(verb) => verb.run(call),
            Verb::Digest(verb) => verb.run(call),
            Verb::Root(verb) => verb.run(call),
            Verb::Status(verb) => verb.run(call),
            Verb::Refresh(verb) => verb.run(call),
        }
    }

    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            Verb::Init(_) | Verb::Sign(_) | Verb::Refresh(_) => "nothing was written",
            Verb::Show(_) | Verb::Digest(_) | Verb::Root(_) | Verb::Status(_) => "nothing was shown",
        }
    }
}

impl Init {
    fn run(&self, call: &Call<'_>) -> Answer {
        let persons = pairs(call, &self.persons, PersonId::new)?;
        let beginning = Beginning {
            threshold: persons.len().min(2),
            persons,
            builders: pairs(call, &self.builders, Uri::new)?,
            gates: pairs(call, &self.gates, Uri::new)?,
            logs: pairs(call, &self.logs, Origin::new)?,
            environments: self.environments.clone(),
            builder_level: self.builder_level,
            at: given::now()?,
        };
        let toml = trust_file::begin(&beginning)?;
        if self.output.exists() {
            return Err(FlowError::Exists { path: self.output.clone() });
        }
        write_atomic(&self.output, toml.as_bytes(), 0o644)?;
        let document = answer::TrustBegun {
            output: self.output.display().to_string(),
            digest: trust_file::read(&self.output)?.digest()?,
            findings: trust_file::lacking(&beginning, &self.output),
        };
        Ok(Done::answer(call.format, Exit::Ok, "trust-init", &document, || {
            format!(
                "{0}: {1} person(s); read it, and have {2} of them sign it:\n  countersign trust sign {0} --key KEY\n{3}",
                document.output,
                beginning.persons.len(),
                beginning.threshold,
                text::findings(&document.findings)
            )
        }))
    }
}

/// What is wrong with trust, with the file that it is in: whoever signs has several.
fn placed(mut findings: Vec<Finding>, file: &Path) -> Vec<Finding> {
    for place in findings.iter_mut().flat_map(|finding| finding.at.iter_mut()) {
        if let Some(rest) = place.strip_prefix("trust").filter(|rest| rest.is_empty() || rest.starts_with(',')) {
            *place = format!("{}{rest}", file.display());
        }
    }
    findings
}

impl Sign {
    fn run(&self, call: &Call<'_>) -> Answer {
        let trust = trust_file::read(&self.file)?;
        let by = self.by.open(call)?;
        let signed = trust_file::sign(&trust, &self.output, by.by())?;
        let digest = trust.digest()?;
        let at = signed.judged_at(given::now()?);
        let here = |findings: Vec<Finding>| placed(findings, &self.output);
        let (persons, needed) =
            signers(&signed.bytes, &trust, at).map_err(|findings| FlowError::Refused(here(findings)))?;
        write_atomic(&self.output, &signed.bytes, 0o644)?;
        let document = answer::TrustSigned {
            output: self.output.display().to_string(),
            digest,
            added: signed.added,
            persons: persons.iter().map(ToString::to_string).collect(),
            needed,
        };
        // As it was written: a pipe gives nothing back.
        let read = TrustFile::of(&self.output, signed.bytes, Some(digest), at);
        Ok(Done::answer(call.format, Exit::Ok, "trust-sign", &document, || {
            let again = if document.added { "" } else { "already signed by this key: nothing was added\n" };
            let who = format!("{} of {} needed: {}", document.persons.len(), needed, document.persons.join(", "));
            // Too few is said already; that it has expired, or a signature in it is broken, is not.
            let others = read.outcome.findings.iter().filter(|finding| finding.code != codes::TRUST_QUORUM);
            let others = here(others.cloned().collect());
            format!("{again}{}: {digest}\n{who}\n{}", document.output, text::findings(&others))
        }))
    }
}

impl Show {
    fn run(&self, call: &Call<'_>) -> Answer {
        let trust = trust_file::read(&self.file)?;
        let digest = trust.digest()?;
        let bytes = files::read(&self.file, countersign_core::limits::COLLECTION_BYTES)?;
        let signed = bytes.trim_ascii_start().first() == Some(&b'{');
        let findings = if signed {
            TrustFile::read(&self.file, Some(digest), given::now()?)?.outcome.findings
        } else {
            Vec::new()
        };
        let expiring = expiring(&trust, given::now()?);
        let exit = exit_of(&findings);
        let document = answer::TrustShown { digest, trust, findings, expiring };
        Ok(Done::answer(call.format, exit, "trust-show", &document, || words(&document, signed)))
    }
}

impl Digest {
    fn run(&self, call: &Call<'_>) -> Answer {
        let document = answer::TrustFile {
            output: self.file.display().to_string(),
            digest: trust_file::read(&self.file)?.digest()?,
        };
        Ok(Done::answer(call.format, Exit::Ok, "trust-digest", &document, || format!("{}\n", document.digest)))
    }
}

impl Root {
    fn run(&self, call: &Call<'_>) -> Answer {
        let bytes = documents::sigstore_root(&self.file)?;
        TrustedRoot::parse(&bytes)
            .map_err(|error| FlowError::Refused(vec![error.finding(&self.file.display().to_string())]))?;
        let document = answer::SigstoreRoot {
            name: self.name.clone(),
            digest: Sha256::of(&bytes),
            fetched: came_with_the_program(&bytes).map_or_else(given::now, Ok)?,
            max_age_days: self.max_age_days,
        };
        Ok(Done::answer(call.format, Exit::Ok, "trust-root", &document, || {
            format!(
                "[[sigstore_roots]]\nname = \"{}\"\ndigest = \"{}\"\nfetched = \"{}\"\nmax_age_days = {}\n",
                document.name, document.digest, document.fetched, document.max_age_days
            )
        }))
    }
}

/// When it was fetched, of a root that is one of those that came with this program: a copy is no newer.
fn came_with_the_program(root: &[u8]) -> Option<Time> {
    let mut published = Instance::ALL.into_iter();
    let same = |instance: &Instance| {
        documents::canonical_root(instance.document().as_bytes(), instance.word()).is_ok_and(|known| known == root)
    };
    published.find(same).and_then(|_| Instance::fetched())
}

fn words(shown: &answer::TrustShown, signed: bool) -> String {
    let trust = &shown.trust;
    let mut rows = Vec::new();
    for (owner, owned) in trust.owners() {
        let mut limits = Vec::new();
        for (word, time) in
            [("from", owned.valid_from), ("until", owned.valid_until), ("compromised since", owned.compromised_since)]
        {
            if let Some(time) = time {
                limits.push(format!("{word} {time}"));
            }
        }
        rows.push(vec![owner.describe(), owned.key.kind().to_owned(), owned.key.id().to_string(), limits.join(", ")]);
    }
    let mut out = format!(
        "{}\nversion {}, valid from {} to {}\n\n{}",
        shown.digest,
        trust.version,
        trust.not_before,
        trust.expires,
        text::table(&["owner", "kind", "key", "limits"], &rows)
    );
    for root in &trust.sigstore_roots {
        out.push_str(&format!(
            "Sigstore root {}: {}, fetched {}, for {} days{}\n",
            root.name,
            root.digest,
            root.fetched,
            root.max_age_days,
            match root.transparency {
                Transparency::Log => "",
                Transparency::Timestamp => ", by timestamps, and by the logs that it names",
            }
        ));
    }
    for (owner, identity) in trust.identities() {
        let claims: Vec<String> = identity.claims.iter().map(|(c, value)| format!(", {}={value}", c.word())).collect();
        let claims = text::plain(&claims.concat());
        out.push_str(&format!(
            "{}: {} by {}{claims} ({})\n",
            owner.describe(),
            text::plain(identity.subject.text()),
            text::plain(identity.issuer.text()),
            identity.root
        ));
        if let NamePattern::Regex { regex } = &identity.subject
            && regex.has_careless_dot()
        {
            out.push_str("  a `.` in it stands for any character: write `\\.` where a dot is meant\n");
        }
        if identity.lets_in_anybody().is_some() {
            out.push_str("  it lets in anybody: say whose signature counts\n");
        }
    }
    out.push('\n');
    for (name, role) in &trust.roles {
        let persons: Vec<String> = role.persons.iter().map(ToString::to_string).collect();
        out.push_str(&format!("role {name}: {} of {}\n", role.threshold, persons.join(", ")));
    }
    for (name, floor) in &trust.environments {
        let rules: Vec<String> = floor.enforced_rules.iter().map(ToString::to_string).collect();
        out.push_str(&format!(
            "environment {name}: review {} or better, SLSA Build L{} or better, enforced: {}\n",
            floor.review_tier,
            floor.builder_level,
            if rules.is_empty() { "nothing".to_owned() } else { rules.join(", ") }
        ));
    }
    out.push('\n');
    out.push_str(&shown.expiring.as_ref().map_or_else(String::new, text::finding));
    out.push_str(&match (signed, shown.findings.is_empty()) {
        (false, _) => "not signed: `countersign trust sign` adds a signature\n".to_owned(),
        (true, true) => "signed by enough persons of its own role `trust`\n".to_owned(),
        (true, false) => text::findings(&shown.findings),
    });
    out
}

fn pairs<T>(
    call: &Call<'_>,
    given: &[String],
    name: impl Fn(&str) -> Result<T, IdError>,
) -> Result<Vec<(T, PublicKey)>, FlowError> {
    let mut out = Vec::new();
    for text in given {
        // The place of a key on a token has `=` of its own, and a name before a file's may have some.
        let parts = match text.find("=pkcs11:") {
            Some(end) => text.split_at_checked(end).map(|(id, rest)| (id, rest.trim_start_matches('='))),
            None => text.rsplit_once('='),
        };
        let (id, place) = parts.ok_or_else(|| FlowError::Usage(format!("`{text}` has the form NAME=FILE")))?;
        let id = name(id).map_err(|error| FlowError::Usage(error.to_string()))?;
        out.push((id, read_public(call, &KeyPlace::of(place.as_ref()))?));
    }
    Ok(out)
}
