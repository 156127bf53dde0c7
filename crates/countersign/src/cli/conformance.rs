//! `conformance`: the command line of the Sigstore conformance suite. Hidden: it is for that suite, not for people.

use super::{Answer, Call, given};
use crate::render::Done;
use crate::variables;
use clap::{ArgGroup, Args, Subcommand};
use countersign_core::exit::Exit;
use countersign_flow::conformance::{Expected, SignBundle, VerifyBundle, sign_bundle, verify_bundle};
use countersign_record::atomic::write_atomic;
use countersign_verify::sigstore::Instance;
use std::path::{Path, PathBuf};

/// Speak the command line of the Sigstore conformance suite
#[derive(Debug, Args)]
pub(crate) struct Conformance {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    VerifyBundle(Verify),
    SignBundle(Sign),
}

/// Sign a file, or a statement, with an identity token. Ends with 0 only if the bundle was written
#[derive(Args)]
struct Sign {
    /// Use the staging instance
    #[arg(long)]
    staging: bool,
    /// The file is a statement
    #[arg(long)]
    in_toto: bool,
    /// The identity token, as the suite hands it over
    #[arg(long, value_name = "TOKEN", allow_hyphen_values = true)]
    identity_token: String,
    /// The bundle
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// The trusted root
    #[arg(long, value_name = "FILE", env = variables::CONFORMANCE_ROOT)]
    trusted_root: Option<PathBuf>,
    /// The signing configuration
    #[arg(long, value_name = "FILE", env = variables::CONFORMANCE_CONFIG)]
    signing_config: Option<PathBuf>,
    /// What is signed
    #[arg(value_name = "FILE")]
    artifact: PathBuf,
}

/// Verify one bundle against one artifact. Ends with 0 only if it is accepted
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("who").args(["certificate_identity", "key"]).required(true))]
struct Verify {
    /// Use the trusted root of the staging instance
    #[arg(long)]
    staging: bool,
    /// The bundle
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// The certificate's name
    #[arg(long, value_name = "NAME", requires = "certificate_oidc_issuer")]
    certificate_identity: Option<String>,
    /// The certificate's issuer
    #[arg(long, value_name = "URL", conflicts_with = "key")]
    certificate_oidc_issuer: Option<String>,
    /// The public key
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The trusted root
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// The artifact, or its digest
    #[arg(value_name = "FILE_OR_DIGEST")]
    artifact: PathBuf,
}

impl std::fmt::Debug for Sign {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sign").field("artifact", &self.artifact).finish_non_exhaustive()
    }
}

impl Sign {
    /// Whoever types `--staging` names an instance, and only another option takes the place of its files: no variable does.
    fn file<'f>(&self, call: &Call<'_>, option: &str, file: Option<&'f Path>) -> Option<&'f Path> {
        file.filter(|_| !self.staging || call.line.is_typed(option))
    }

    fn run(&self, call: &Call<'_>) -> Answer {
        let bundle = sign_bundle(&SignBundle {
            artifact: &self.artifact,
            in_toto: self.in_toto,
            token: &self.identity_token,
            signing_config: self.file(call, "signing-config", self.signing_config.as_deref()),
            trusted_root: self.file(call, "trusted-root", self.trusted_root.as_deref()),
            instance: if self.staging { Instance::Staging } else { Instance::Production },
            at: given::now()?,
        })?;
        write_atomic(&self.bundle, &bundle, 0o644)?;
        Ok(Done::text(Exit::Ok, "signed\n"))
    }
}

impl Conformance {
    pub(crate) fn run(&self, call: &Call<'_>) -> Answer {
        let verb = match &self.verb {
            Verb::VerifyBundle(verb) => verb,
            Verb::SignBundle(verb) => return verb.run(call),
        };
        let expected = match (&verb.key, &verb.certificate_identity, &verb.certificate_oidc_issuer) {
            (Some(key), _, _) => Expected::Key(key),
            (None, name, issuer) => {
                // The parser has seen to it that both are there; an empty name matches nothing.
                Expected::Identity {
                    name: name.as_deref().unwrap_or_default(),
                    issuer: issuer.as_deref().unwrap_or_default(),
                }
            }
        };
        verify_bundle(&VerifyBundle {
            bundle: &verb.bundle,
            trusted_root: verb.trusted_root.as_deref(),
            instance: if verb.staging { Instance::Staging } else { Instance::Production },
            expected,
            artifact: &verb.artifact,
            at: given::now()?,
        })?;
        Ok(Done::text(Exit::Ok, "accepted\n"))
    }
}
