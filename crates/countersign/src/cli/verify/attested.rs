//! `verify` by what the command line expects: trusted roots and keys, whose signature counts, what was built from what.

use super::super::reports::{self, Answered};
use super::super::{Call, given};
use clap::{Args, ValueEnum};
use countersign_collect::artifact;
use countersign_core::codes;
use countersign_core::digest::{Sha256, hex_array, to_hex};
use countersign_core::exit::Exit;
use countersign_core::finding::{Finding, exit_of, verdict_of};
use countersign_core::ids::RefName;
use countersign_core::limits;
use countersign_core::slsa::{Expectations, ExpectationsFile, ExpectedBuilder, ExpectedIdentity, Package};
use countersign_core::time::Time;
use countersign_core::trust::identity::{Glob, Regex};
use countersign_core::trust::{Claim, NamePattern};
use countersign_flow::attest::inputs::{self, Read};
use countersign_flow::attest::{Expected, Outcome, Subject, careless, check, oci};
use countersign_flow::output::Attested;
use countersign_flow::{FlowError, documents, files};
use countersign_report::reports::Facts;
use countersign_report::text;
use countersign_verify::attest::{Anchors, KeyWitness, NamedKey, NamedRoot, Wanted};
use countersign_verify::sigstore::{Instance, Transparency, TrustedRoot};
use serde_json::Value;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// What counts and what is expected, without a trust document.
#[derive(Debug, Args)]
#[command(next_help_heading = "Expectations")]
pub(crate) struct AttestedArgs {
    /// A Sigstore instance whose certificates count: `public-good`, `github`, `staging` (the roots that came with this
    /// program), or an instance's own file. Repeatable
    #[arg(long = "trusted-root", value_name = "NAME|FILE")]
    pub(super) trusted_roots: Vec<PathBuf>,
    /// The SHA-256 that each root's canonical form has to have, by the order of --trusted-root
    #[arg(long = "trusted-root-digest", value_name = "sha256:…", requires = "trusted_roots")]
    root_digests: Vec<Sha256>,
    /// A root that was fetched longer ago than this decides nothing; of a file, its own date counts
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3660))]
    max_root_age_days: Option<u32>,
    /// A public key that counts: PEM, npm's registry keys, or a folder of keys. Repeatable
    #[arg(long = "key", value_name = "FILE|DIR")]
    pub(super) keys: Vec<PathBuf>,
    /// A key of Google Cloud Build, named after its region: `us-west2.key.pem`; or a folder of them. Repeatable
    #[arg(long = "cloud-build-key", value_name = "FILE|DIR")]
    pub(super) cloud_keys: Vec<PathBuf>,
    /// What has to witness a signature. Without it: a log; for certificates of an instance that has none, a timestamp. Logs that a root
    /// names are asked in any case
    #[arg(long, value_enum)]
    transparency: Option<Witness>,
    /// The certificate's name, exactly. Of several names, globs and expressions one has to fit
    #[arg(long, value_name = "NAME")]
    certificate_identity: Vec<String>,
    /// The certificate's name as a glob: `*` stays between slashes
    #[arg(long, value_name = "GLOB")]
    certificate_identity_glob: Vec<String>,
    /// The certificate's name as a regular expression, from ^ to $
    #[arg(long, value_name = "REGEX")]
    certificate_identity_regexp: Vec<String>,
    /// The issuer that vouched for it, exactly
    #[arg(long, value_name = "URL", conflicts_with = "certificate_oidc_issuer_regexp")]
    certificate_oidc_issuer: Option<String>,
    /// The issuer as a regular expression, from ^ to $
    #[arg(long, value_name = "REGEX")]
    certificate_oidc_issuer_regexp: Option<String>,
    /// Something else that the certificate has to say, as it says it: `repository=https://github.com/owner/name`, ref, commit, workflow,
    /// workflow-digest, trigger, runner …
    #[arg(long = "claim", value_name = "NAME=VALUE")]
    claims: Vec<String>,
    /// How many distinct signers there have to be; with --trust, distinct persons
    #[arg(long, value_name = "N", default_value = "1")]
    pub(super) signers: NonZeroUsize,
    /// A file of expectations: identities, builders, source, parameters, summaries
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// The `builder.id` of provenance; without a version, every release of it. Who may sign for it is known for public platforms:
    /// for any other, such as GitHub Enterprise, leave this out and name the identity, or name both in --expect. Repeatable
    #[arg(long = "builder-id", value_name = "URI")]
    builders: Vec<String>,
    /// The highest SLSA Build level that these builders show
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    builder_level: u8,
    /// The repository that it was built from: github.com/owner/name
    #[arg(long, value_name = "REPOSITORY")]
    source: Option<String>,
    /// The branch that it was built from
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// The tag that it was built from
    #[arg(long, value_name = "NAME", conflicts_with = "versioned_tag")]
    tag: Option<String>,
    /// The version that the tag has to be: v1 for any v1.x.y
    #[arg(long, value_name = "VERSION")]
    versioned_tag: Option<String>,
    /// The commit that it was built from
    #[arg(long, value_name = "COMMIT")]
    commit: Option<String>,
    /// A build type that counts. Repeatable
    #[arg(long = "build-type", value_name = "URI")]
    build_types: Vec<String>,
    /// An external parameter with its value; then all that are not named are refused. Repeatable
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// An external parameter that may have any value. Repeatable
    #[arg(long = "any-parameter", value_name = "NAME")]
    any_parameters: Vec<String>,
    /// An input of a run that was started by hand, with its value. Repeatable
    #[arg(long = "workflow-input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// The package's name in its registry
    #[arg(long, value_name = "NAME")]
    package_name: Option<String>,
    /// The package's version
    #[arg(long, value_name = "VERSION")]
    package_version: Option<String>,
    /// The artifact's file name, where only its digest is given
    #[arg(long, value_name = "NAME")]
    artifact_name: Option<String>,
    /// Attestations in the notes of a git ref, such as refs/notes/attestations
    #[arg(long, value_name = "REF")]
    note: Option<RefName>,
    /// The repository of --note
    #[arg(long, value_name = "DIR", default_value = ".", requires = "note")]
    repo: PathBuf,
    /// Verification summaries of dependencies. Repeatable
    #[arg(long = "dependency", value_name = "FILE|DIR")]
    dependencies: Vec<PathBuf>,
    /// Let whoever signed do. For looking, never for passing: the result is no pass
    #[arg(long)]
    danger_any_signer: bool,
}

/// What has to witness a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Witness {
    /// A transparency log
    Log,
    /// A timestamp authority besides, for certificates and keys
    Timestamp,
    /// Nobody: for keys. The result says so
    None,
}

impl AttestedArgs {
    /// Whether it is to be judged by this, and not by a trust document.
    pub(super) const fn is_used(&self) -> bool {
        !self.trusted_roots.is_empty() || !self.keys.is_empty() || !self.cloud_keys.is_empty()
    }

    pub(super) fn anchors(&self, at: Time) -> Result<Anchors, FlowError> {
        let mut out = Anchors::default();
        let (roots, digests) = (self.trusted_roots.len(), self.root_digests.len());
        if digests != 0 && digests != roots {
            return Err(FlowError::Usage(format!(
                "--trusted-root is given {roots} times and --trusted-root-digest {digests} times: each root needs its own, in the same order"
            )));
        }
        for (index, place) in self.trusted_roots.iter().enumerate() {
            out.roots.push(self.root(place, self.root_digests.get(index), at)?);
        }
        let witness = match self.transparency {
            Some(Witness::None) => KeyWitness::Nobody,
            Some(Witness::Timestamp) => KeyWitness::Timestamp,
            Some(Witness::Log) | None => KeyWitness::Log,
        };
        for path in &self.keys {
            for file in listed(path)? {
                out.keys.extend(read_keys(&file, witness)?);
            }
        }
        // A registry's keys need a log whatever is said; whoever asks for more is not given less.
        if witness == KeyWitness::Timestamp {
            for key in &mut out.keys {
                key.witness = witness;
            }
        }
        // Cloud Build has no log: whoever asks for one in so many words is not given less.
        let asked = matches!(self.transparency, Some(Witness::Log | Witness::Timestamp));
        let cloud = if asked { KeyWitness::Log } else { KeyWitness::Nobody };
        for path in &self.cloud_keys {
            for file in listed(path)? {
                out.keys.extend(read_keys(&file, cloud)?.into_iter().map(NamedKey::of_cloud_build));
            }
        }
        match out.ambiguous() {
            None => Ok(out),
            Some((one, other)) => Err(FlowError::Usage(format!(
                "two different keys are called `{}`, and expectations name a key by its name: {} and {}; give one of them a file of another name, \
                 or leave it out",
                one.name,
                one.key.id(),
                other.key.id()
            ))),
        }
    }

    fn root(&self, place: &Path, pinned: Option<&Sha256>, at: Time) -> Result<NamedRoot, FlowError> {
        let name = place.display().to_string();
        let known = Instance::ALL.into_iter().find(|instance| place.to_str() == Some(instance.word()));
        // The word is always the root that came with the program; a file of that name is `./public-good`.
        let (document, fetched) = match known {
            Some(instance) => (documents::canonical_root(instance.document().as_bytes(), &name)?, Instance::fetched()),
            None => (documents::sigstore_root(place)?, files::modified(place)),
        };
        let found = Sha256::of(&document);
        let refused = |finding: Finding| FlowError::Refused(vec![finding.at(name.as_str())]);
        if let Some(pinned) = pinned.filter(|pinned| **pinned != found) {
            return Err(refused(
                Finding::new(codes::SIGSTORE_ROOT_MALFORMED, "the trusted root is not the one that is pinned")
                    .expected(pinned.to_string(), "--trusted-root-digest")
                    .found(found.to_string())
                    .help("get the digest and the root again from whoever runs the instance, each by a way of its own"),
            ));
        }
        if let Some(days) = self.max_root_age_days {
            let most = i64::from(days).saturating_mul(86_400);
            // One of a time to come is of an unknown time.
            let old = fetched.is_none_or(|fetched| !(0..=most).contains(&at.since(fetched)));
            if old {
                let when = fetched.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string());
                return Err(refused(
                    Finding::new(codes::SIGSTORE_ROOT_STALE, format!("the trusted root is of {when}"))
                        .expected(format!("at most {days} days before {at}"), "--max-root-age-days")
                        .help("countersign trust refresh"),
                ));
            }
        }
        let root = TrustedRoot::parse(&document).map_err(|error| {
            let help = "get it again from whoever runs the instance, which publishes it as `trusted_root.json`";
            FlowError::Refused(vec![error.finding(&name).help(help)])
        })?;
        let transparency = match self.transparency {
            Some(Witness::Log) => Transparency::Log,
            Some(Witness::Timestamp) => Transparency::Timestamp,
            Some(Witness::None) | None => root.transparency(),
        };
        Ok(NamedRoot { name, root, transparency })
    }

    pub(super) fn expected(&self, level: u8, kinds: &[String]) -> Result<Expected, FlowError> {
        let mut file = match &self.expect {
            None => ExpectationsFile::default(),
            Some(path) => {
                let bytes = files::read(path, limits::TOML_BYTES)?;
                ExpectationsFile::from_toml(&bytes).map_err(|error| {
                    let finding = Finding::of_lines(codes::EXPECTATIONS_MALFORMED, &error.to_string());
                    FlowError::Refused(vec![finding.at(path.display().to_string())])
                })?
            }
        };
        let named = self.identities()?;
        if let Some(anybody) = named.iter().find_map(ExpectedIdentity::lets_in_anybody) {
            return Err(unanchored(&format!("the pattern `{}` lets in anybody", anybody.text())));
        }
        file.identities.extend(named);
        self.provenance(level, &mut file)?;
        if let Some(problem) = file.provenance.as_ref().and_then(Expectations::problem) {
            return Err(FlowError::Usage(problem.to_owned()));
        }
        let Package { name, version } = file.package;
        let package =
            Package { name: self.package_name.clone().or(name), version: self.package_version.clone().or(version) };
        Ok(Expected {
            identities: file.identities,
            provenance: file.provenance,
            summary: file.summary,
            package,
            kinds: kinds.iter().cloned().chain(file.types).collect(),
            signers: self.signers.get().max(file.signers.unwrap_or(1)),
            danger_any_signer: self.danger_any_signer,
        })
    }

    fn identities(&self) -> Result<Vec<ExpectedIdentity>, FlowError> {
        let exact = self.certificate_identity.iter().cloned().map(NamePattern::Exact);
        let mut subjects: Vec<NamePattern> = exact.collect();
        for text in &self.certificate_identity_glob {
            let glob =
                Glob::new(text).map_err(|error| no_pattern(&error.to_string(), "--certificate-identity-glob"))?;
            subjects.push(NamePattern::Glob { glob });
        }
        for text in &self.certificate_identity_regexp {
            subjects.push(regex(text, "--certificate-identity-regexp")?);
        }
        let issuer = match (&self.certificate_oidc_issuer, &self.certificate_oidc_issuer_regexp) {
            (Some(text), _) => Some(NamePattern::Exact(text.clone())),
            (None, Some(text)) => Some(regex(text, "--certificate-oidc-issuer-regexp")?),
            (None, None) => None,
        };
        let claims = self.claims()?;
        match (subjects.is_empty(), issuer) {
            (true, None) if claims.is_empty() => Ok(Vec::new()),
            (false, Some(issuer)) => {
                let with = |subject| ExpectedIdentity { subject, issuer: issuer.clone(), claims: claims.clone() };
                Ok(subjects.into_iter().map(with).collect())
            }
            _ => Err(FlowError::Usage(
                "an identity is a name and its issuer: --certificate-identity and --certificate-oidc-issuer".to_owned(),
            )),
        }
    }

    fn claims(&self) -> Result<BTreeMap<Claim, String>, FlowError> {
        let mut out = BTreeMap::new();
        for text in &self.claims {
            let (name, value) = pair(text, "--claim")?;
            let claim = serde_json::from_value(Value::String(name.to_owned()))
                .map_err(|_unknown| FlowError::Usage(format!("`{name}` is no claim of a certificate")))?;
            out.insert(claim, value.to_owned());
        }
        Ok(out)
    }

    /// What the options say of provenance, over what the file says.
    fn provenance(&self, level: u8, file: &mut ExpectationsFile) -> Result<(), FlowError> {
        let named = [&self.source, &self.branch, &self.tag, &self.versioned_tag, &self.commit];
        let lists = [&self.builders, &self.build_types, &self.parameters, &self.any_parameters, &self.inputs];
        let asked = level > 0 || named.iter().any(|name| name.is_some()) || lists.iter().any(|list| !list.is_empty());
        if !asked {
            return Ok(());
        }
        let wanted = file.provenance.get_or_insert_with(Expectations::default);
        for id in &self.builders {
            wanted.builders.push(ExpectedBuilder::named(NamePattern::Exact(id.clone()), self.builder_level));
        }
        let over = |slot: &mut Option<String>, given: &Option<String>| {
            if let Some(given) = given {
                *slot = Some(given.clone());
            }
        };
        over(&mut wanted.source, &self.source);
        over(&mut wanted.branch, &self.branch);
        over(&mut wanted.tag, &self.tag);
        over(&mut wanted.versioned_tag, &self.versioned_tag);
        over(&mut wanted.commit, &self.commit);
        wanted.build_types.extend(self.build_types.iter().cloned());
        wanted.any_parameters.extend(self.any_parameters.iter().cloned());
        wanted.level = wanted.level.max(level);
        for text in &self.parameters {
            let (name, value) = pair(text, "--parameter")?;
            wanted.parameters.insert(name.to_owned(), Value::String(value.to_owned()));
        }
        for text in &self.inputs {
            let (name, value) = pair(text, "--workflow-input")?;
            wanted.inputs.insert(name.to_owned(), Value::String(value.to_owned()));
        }
        Ok(())
    }

    /// The summaries of dependencies.
    pub(super) fn dependencies(&self) -> Result<Vec<Read>, FlowError> {
        inputs::read_all(&self.dependencies)
    }

    /// Checks one artifact.
    pub(super) fn verify(
        &self,
        begun: Facts,
        place: &Path,
        bundles: &[PathBuf],
        (level, kinds): (u8, &[String]),
        call: &Call<'_>,
    ) -> Result<Answered<Attested>, FlowError> {
        let at = given::now()?;
        let anchors = self.anchors(at)?;
        let expected = self.expected(level, kinds)?;
        let mut read = inputs::read_all(bundles)?;
        if let Some(name) = &self.note {
            read.extend(inputs::read_notes(&self.repo, name, call.world.environment())?);
        }
        if place.is_dir() && oci::is_layout(place) {
            read.extend(oci::attestations(place)?);
        }
        // Its bytes are kept only where a signature is over them.
        let whole = read.iter().any(|one| one.attestation.payload.is_none());
        let keep = if whole { limits::SIGNED_FILE_BYTES } else { 0 };
        let about = About::read(place, self.artifact_name.as_deref(), keep)?;
        let dependencies = self.dependencies()?;
        let subject = Subject { name: &about.name, named: about.named, wanted: about.wanted() };
        let mut outcome = check(&subject, &read, &dependencies, &anchors, &expected, at);
        about.findings(&mut outcome);
        outcome.checked.findings.extend(inputs::lacking(bundles)?);
        outcome.checked.findings.extend(careless(&expected));
        Ok(show(begun, &about, outcome))
    }
}

/// The artifact in question.
struct About {
    name: String,
    named: bool,
    sha256: Option<Sha256>,
    sha512: Option<[u8; 64]>,
    looked: Option<artifact::Looked>,
    /// What an OCI layout lacks of its image.
    incomplete: Option<Finding>,
}

impl About {
    fn read(place: &Path, name: Option<&str>, keep: usize) -> Result<Self, FlowError> {
        let called = |own: String| name.map_or(own, str::to_owned);
        let mut about = Self {
            name: called("artifact".to_owned()),
            named: name.is_some(),
            sha256: None,
            sha512: None,
            looked: None,
            incomplete: None,
        };
        // A digest is a digest, whatever lies here under such a name.
        let digest = |text: &str| text.starts_with("sha256:") || text.starts_with("sha512:");
        let text = place.to_str().filter(|text| digest(text) || !place.exists());
        if let Some(text) = text.filter(|text| text.starts_with("sha512:")) {
            let hex = text.strip_prefix("sha512:").unwrap_or_default();
            let digest = hex_array(hex).map_err(|error| FlowError::Usage(format!("{text}: {error}")))?;
            about.sha512 = Some(digest);
        } else if text.is_some() {
            let (_, digest) = super::subject(place)?;
            about.sha256 = Some(digest);
        } else if place.is_dir() && oci::is_layout(place) {
            about.name = called(place.display().to_string());
            let image = oci::image(place)?;
            (about.sha256, about.incomplete) = (Some(image.digest), image.incomplete);
        } else {
            let looked = artifact::look(place, keep)?;
            about.name = called(looked.name.clone());
            about.named = true;
            (about.sha256, about.sha512) = (Some(looked.sha256), Some(looked.sha512));
            about.looked = Some(looked);
        }
        Ok(about)
    }

    fn wanted(&self) -> Wanted<'_> {
        let bytes = self.looked.as_ref().and_then(|looked| looked.bytes.as_deref());
        Wanted { sha256: self.sha256, sha512: self.sha512, bytes }
    }

    /// What is wrong with the file itself.
    fn findings(&self, outcome: &mut Outcome) {
        outcome.checked.findings.extend(self.incomplete.clone());
        let Some(looked) = &self.looked else { return };
        outcome.checked.findings.extend(documents::doubtful(looked, &self.name));
    }
}

fn show(begun: Facts, about: &About, outcome: Outcome) -> Answered<Attested> {
    let findings = outcome.checked.findings;
    let (exit, verdict) = (exit_of(&findings), verdict_of(&findings));
    let end = if exit == Exit::Ok { "verified" } else { "not verified" };
    let long = about.sha512.as_ref().map(|digest| format!("sha512:{}", to_hex(digest)));
    let digest = about.sha256.map(|digest| digest.to_string()).or(long).unwrap_or_default();
    let shown = if findings.is_empty() { String::new() } else { format!("\n{}", text::findings(&findings)) };
    let name = text::plain(&about.name);
    let text = format!("{name}  {digest}\n{}{shown}\n{end}\n", text::checks(&outcome.checked.checks));
    let mut facts = reports::ended(begun, verdict, exit, &findings);
    facts.subject_name = Some(about.name.clone());
    facts.subject = about.sha256;
    facts.checks.clone_from(&outcome.checked.checks);
    end.clone_into(&mut facts.closing);
    let document = Attested {
        subject: digest,
        verdict,
        checks: outcome.checked.checks,
        attestations: outcome.held,
        passed_over: outcome.passed_over,
        findings,
        exit,
    };
    Answered::new(document, text, facts)
}

const WHOLE_NAME: &str = "say the whole name: a regular expression from ^ to $, a glob with host and owner written out";

fn unanchored(what: &str) -> FlowError {
    let finding = Finding::new(codes::IDENTITY_UNANCHORED, what).at("the command line");
    FlowError::Refused(vec![finding.help(WHOLE_NAME)])
}

/// What cannot be read as a pattern at all is a slip in the call, and no rule that is broken.
fn no_pattern(what: &str, option: &str) -> FlowError {
    FlowError::Usage(format!("{option}: {what}; {WHOLE_NAME}"))
}

fn regex(text: &str, option: &str) -> Result<NamePattern, FlowError> {
    Regex::new(text).map(|regex| NamePattern::Regex { regex }).map_err(|error| no_pattern(&error.to_string(), option))
}

fn pair<'t>(text: &'t str, option: &str) -> Result<(&'t str, &'t str), FlowError> {
    text.split_once('=').ok_or_else(|| FlowError::Usage(format!("{option} takes NAME=VALUE, not `{text}`")))
}

/// A file, or the files of a folder.
fn listed(path: &Path) -> Result<Vec<PathBuf>, FlowError> {
    let files = if path.is_dir() { inputs::walk(path)?.files } else { vec![path.to_owned()] };
    if files.len() > limits::KEYS {
        return Err(FlowError::Usage(format!("{} holds more than {} keys", path.display(), limits::KEYS)));
    }
    Ok(files)
}

/// The keys in a file: one in PEM, or those of a registry.
fn read_keys(path: &Path, witness: KeyWitness) -> Result<Vec<NamedKey>, FlowError> {
    let bytes = files::read(path, limits::KEY_BYTES)?;
    let place = path.display().to_string();
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = [".key.pem", ".pem", ".pub", ".key"].iter().find_map(|suffix| file.strip_suffix(suffix));
    let read = if bytes.trim_ascii_start().first() == Some(&b'{') {
        NamedKey::from_registry(&bytes)
    } else {
        let text = String::from_utf8_lossy(&bytes);
        NamedKey::from_pem(stem.unwrap_or(&file), &text, witness).map(|key| vec![key])
    };
    read.map_err(|refused| {
        let help = if bytes.first() == Some(&0x30) {
            format!(
                "as DER it is not read: `openssl pkey -pubin -inform DER -in {place} -out {place}.pem` writes it as PEM"
            )
        } else {
            "a key is one block `PUBLIC KEY` in PEM, and a registry's keys are JSON; of a folder every file is a key: \
             keep other files, and further keys, in files elsewhere"
                .to_owned()
        };
        FlowError::Refused(vec![refused.finding(&place).help(help)])
    })
}

/// The time, once for the whole run.
pub(super) fn now() -> Result<Time, FlowError> {
    given::now()
}

/// Says how far a long run has come, on a terminal.
pub(super) fn progress(call: &Call<'_>) -> impl FnMut(usize, usize) {
    let shown = call.is_watched();
    let mut last = 0;
    move |done, total| {
        let part = done.saturating_mul(100).checked_div(total).unwrap_or(100);
        if shown && (part != last || done == total) {
            last = part;
            let end = if done == total { "\n" } else { "" };
            Call::progress(&format!("\r{done} of {total} files, {part} %{end}"));
        }
    }
}
