//! `sign` and `key`: statements into bundles, by a machine's key.

use super::{Answer, Call, given};
use crate::render::Done;
use clap::{Args, Subcommand, ValueEnum};
use countersign_core::digest::Sha256;
use countersign_core::exit::Exit;
use countersign_core::key::{KeyError, KeyId, PublicKey};
use countersign_core::limits;
use countersign_core::statement::{self, vex};
use countersign_flow::{FlowError, build, documents, files, output as answer};
use countersign_record::atomic::write_atomic;
use countersign_report::text;
use countersign_sign::{KeyKind, KeyPlace, PersonKey, SigningKey, public_path};
use std::path::{Path, PathBuf};

/// Sign a statement into a Sigstore bundle
///
/// A statement is signed as it is, of whichever predicate type; with `--type sbom` a CycloneDX document first becomes one about
/// an artifact. The new bundle is verified before it is written, and written whole or not at all. Offline, but for --keyless.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign sign app.provenance.json --key builder.pem --output app.provenance.sigstore.json\n  \
                        countersign sign app.cdx.json --type sbom --artifact dist/app --key builder.pem --output app.sbom.sigstore.json\n  \
                        countersign sign app.provenance.json --keyless --signing-config signing_config.json --trusted-root trusted_root.json --output app.sigstore.json"
)]
pub(crate) struct Sign {
    /// The statement, or the document that becomes one
    file: PathBuf,
    /// The signing key: PEM, also cosign's, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place(), required_unless_present = "keyless", conflicts_with = "keyless")]
    key: Option<KeyPlace>,
    #[command(flatten)]
    keyless: given::KeylessArgs,
    /// What the file is
    #[arg(long = "type", value_enum, default_value_t = Type::Statement)]
    kind: Type,
    /// The artifact that the document is about
    #[arg(long, value_name = "FILE", required_if_eq_any([("kind", "sbom"), ("kind", "vulns"), ("kind", "vex"), ("kind", "test-result")]))]
    artifact: Option<PathBuf>,
    /// The bundle
    #[arg(long, value_name = "FILE.sigstore.json")]
    output: PathBuf,
    /// Add the bundle as a line to the file, which is made where there is none
    #[arg(long)]
    append: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Type {
    /// An in-toto statement
    Statement,
    /// A `CycloneDX` document
    Sbom,
    /// What a scanner found: the predicate of in-toto's vulnerabilities v0.2
    Vulns,
    /// What people found out about vulnerabilities: an `OpenVEX` document; a person signs it, also with an SSH key
    Vex,
    /// What tests came to: the predicate of in-toto's test result v0.1
    TestResult,
}

impl Type {
    const fn kind(self) -> statement::Kind {
        match self {
            Self::Statement | Self::Sbom => statement::Kind::Sbom,
            Self::Vulns => statement::Kind::Vulns,
            Self::Vex => statement::Kind::Vex,
            Self::TestResult => statement::Kind::TestResult,
        }
    }
}

impl Sign {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let key = match &self.key {
            Some(KeyPlace::File(path)) => Some(path.as_path()),
            Some(KeyPlace::Token(_) | KeyPlace::Kms(_)) | None => None,
        };
        let inputs: Vec<&Path> = [Some(self.file.as_path()), self.artifact.as_deref(), key]
            .into_iter()
            .flatten()
            .chain(self.keyless.inputs())
            .collect();
        files::apart_from_inputs(&self.output, &inputs)?;
        let (statement, notes) = match (self.kind, &self.artifact) {
            (Type::Statement, None) => (build::statement(&self.file)?, Vec::new()),
            (Type::Sbom, Some(artifact)) => build::sbom_statement(&self.file, artifact)?,
            (Type::Vulns | Type::Vex | Type::TestResult, Some(artifact)) => {
                (build::predicate_statement(self.kind.kind(), &self.file, artifact)?, Vec::new())
            }
            (Type::Statement, Some(_)) => {
                return Err(FlowError::Usage(
                    "--artifact goes with another --type: a statement names its own subjects".to_owned(),
                ));
            }
            (_, None) => return Err(FlowError::Usage("this type needs --artifact".to_owned())),
        };
        let (bundle, key, identity) = match (&self.key, self.keyless.open(call)?) {
            (_, Some(signer)) => {
                let signed = signer.sign(&statement)?;
                let shown = signed.shown.certificate;
                let key = KeyId::of_spki_der(&shown.spki);
                (signed.bundle, key, Some(format!("{}, by {}", shown.name.as_str(), shown.issuer)))
            }
            (Some(place), None) if statement.kind() == Some(statement::Kind::Vex) => {
                let (key, keygen) = (PersonKey::open(place, &call.world.token_access())?, call.world.ssh_keygen());
                (build::sign_as_person(&statement, vex::NAMESPACE, &key, &keygen)?, key.public(&keygen)?.id(), None)
            }
            (Some(place), None) => {
                let key = SigningKey::open(place, &call.world.token_access())?;
                (build::sign(&statement, &key)?, key.public().id(), None)
            }
            (None, None) => return Err(FlowError::Usage("name a key with --key, or sign with --keyless".to_owned())),
        };
        let bytes = if self.append {
            documents::with_one_more(&self.output, &bundle)?
        } else {
            [bundle.as_slice(), b"\n"].concat()
        };
        write_atomic(&self.output, &bytes, 0o644)?;
        let document = answer::Signed {
            output: self.output.display().to_string(),
            bundle: Sha256::of(&bundle),
            predicate_type: statement.predicate_type.to_string(),
            key: key.to_string(),
            identity,
            findings: notes,
        };
        Ok(Done::answer(call.format, Exit::Ok, "sign", &document, || {
            let key = || format!("key {}", document.key);
            format!(
                "{}: {}, signed by {}\n{}",
                document.output,
                document.predicate_type,
                document.identity.as_deref().map_or_else(key, text::plain),
                text::findings(&document.findings)
            )
        }))
    }
}

/// Make a key pair, or show a public key
#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    verb: KeyVerb,
}

#[derive(Debug, Subcommand)]
enum KeyVerb {
    Generate(Generate),
    Show(Show),
}

/// Make a key pair for a builder, a gate or a log
///
/// Writes the private key, which only its owner may read, and the public key beside it with `.pub`. Nothing is overwritten.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  countersign key generate --output gate.pem")]
struct Generate {
    /// Which kind; logs have Ed25519 keys
    #[arg(long = "type", value_enum, default_value_t = Kind::Ed25519)]
    kind: Kind,
    /// The private key's file
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Ed25519
    Ed25519,
    /// ECDSA on P-256
    P256,
    /// ECDSA on P-384
    P384,
    /// RSA of 3072 bits
    Rsa,
}

/// Show a public key as trust.toml wants it, with its id
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  countersign key show gate.pem.pub\n  \
                        countersign key show 'pkcs11:token=ci;object=gate?module-path=/usr/lib/softhsm/libsofthsm2.so'\n  \
                        countersign key show gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k")]
struct Show {
    /// A public key (PEM or OpenSSH), or a private one, or one on a token or in a key service
    #[arg(value_name = "FILE|pkcs11:…|NAME://…", value_parser = given::key_place())]
    key: KeyPlace,
}

impl Key {
    pub(crate) const fn not_done(&self) -> &'static str {
        match &self.verb {
            KeyVerb::Generate(_) => "nothing was written",
            KeyVerb::Show(_) => "nothing was shown",
        }
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let document = match &self.verb {
            KeyVerb::Generate(verb) => {
                let kind = match verb.kind {
                    Kind::Ed25519 => KeyKind::Ed25519,
                    Kind::P256 => KeyKind::P256,
                    Kind::P384 => KeyKind::P384,
                    Kind::Rsa => KeyKind::Rsa,
                };
                let key = SigningKey::generate(kind)?;
                key.write_new(&verb.output)?;
                let public = public_path(&verb.output).display().to_string();
                describe(key.public(), Some(verb.output.display().to_string()), Some(public))
            }
            KeyVerb::Show(verb) => describe(&read_public(call, &verb.key)?, None, None),
        };
        Ok(Done::answer(call.format, Exit::Ok, "key", &document, || {
            let files = match (&document.private, &document.public) {
                (Some(private), Some(public)) => {
                    format!("{private}: the private key, for its owner alone\n{public}: the public key\n")
                }
                _ => String::new(),
            };
            format!("{files}{}  {}\n{}\n", document.kind, document.id, document.openssh)
        }))
    }
}

fn describe(key: &PublicKey, private: Option<String>, public: Option<String>) -> answer::Key {
    answer::Key { id: key.id().to_string(), kind: key.kind().to_owned(), openssh: key.to_openssh(), private, public }
}

/// A public key from its file, or from a private key's place.
pub(super) fn read_public(call: &Call<'_>, place: &KeyPlace) -> Result<PublicKey, FlowError> {
    let path = match place {
        KeyPlace::File(path) => path,
        KeyPlace::Token(_) | KeyPlace::Kms(_) => {
            return Ok(SigningKey::open(place, &call.world.token_access())?.public().clone());
        }
    };
    let bytes = files::read(path, limits::KEY_BYTES)?;
    match PublicKey::parse(&String::from_utf8_lossy(&bytes)) {
        Ok(key) => Ok(key),
        Err(error) => match PersonKey::open(place, &call.world.token_access()) {
            Ok(person) => Ok(person.public(&call.world.ssh_keygen())?),
            // A private key that cannot be opened is not to be told that it is no public one.
            Err(refused) if error == KeyError::Private => Err(refused.into()),
            Err(_) => Err(FlowError::Usage(format!("{}: {error}", path.display()))),
        },
    }
}
