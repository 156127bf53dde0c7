//! Arguments that several verbs take: trust with its digest from outside, the store, the least checkpoint, the place of a
//! key.

use crate::variables;
use crate::world::World;
use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use countersign_core::digest::{DigestError, Sha256};
use countersign_core::limits;
use countersign_core::time::Time;
use countersign_flow::elsewhere::StoreName;
use countersign_flow::keyless::{IdentitySigner, TokenFrom};
use countersign_flow::outside::{TrustFile, kept_before};
use countersign_flow::people::By;
use countersign_flow::place::{self, Place};
use countersign_flow::{FlowError, documents, files};
use countersign_report::message::quoted;
use countersign_sign::keyless::Provider;
use countersign_sign::{KeyPlace, PersonKey, SshKeygen};
use countersign_verify::{Roots, VerifiedTrust};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Options with their values, for a command that is shown.
pub(crate) type Words = Vec<(&'static str, String)>;

/// Trust, and its digest from outside.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct TrustArgs {
    /// The signed trust document
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// Its digest, from outside the reviewed repository
    #[arg(long, value_name = "sha256:…", env = variables::TRUST_DIGEST, value_parser = OutsideDigest::parse)]
    trust_digest: Option<OutsideDigest>,
}

impl TrustArgs {
    /// Its bytes, for [`TrustArgs::judge`]: no key is asked for where there are none.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, FlowError> {
        files::read(&self.trust, limits::COLLECTION_BYTES)
    }

    /// Checks what was read of it at a time.
    pub(crate) fn judge(&self, bytes: Vec<u8>, at: Time) -> TrustFile {
        TrustFile::of(&self.trust, bytes, self.trust_digest.and_then(OutsideDigest::given), at)
    }

    /// Reads and checks it at a time.
    pub(crate) fn read(&self, at: Time) -> Result<TrustFile, FlowError> {
        TrustFile::read(&self.trust, self.trust_digest.and_then(OutsideDigest::given), at)
    }

    /// The options that say the same.
    pub(crate) fn words(&self) -> Words {
        let digest = self.trust_digest.and_then(OutsideDigest::given);
        let digest = digest.map(|digest| ("--trust-digest", digest.to_string()));
        std::iter::once(("--trust", self.trust.display().to_string())).chain(digest).collect()
    }
}

/// Sigstore roots, where certificates signed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(crate) struct RootArgs {
    /// The trusted root of a Sigstore instance, which trust names by digest
    #[arg(long = "sigstore-root", value_name = "FILE")]
    roots: Vec<PathBuf>,
}

impl RootArgs {
    /// The roots, as documents.
    pub(crate) fn read(&self) -> Result<Vec<Vec<u8>>, FlowError> {
        self.roots.iter().map(|path| documents::sigstore_root(path)).collect()
    }

    /// The options that say the same.
    pub(crate) fn words(&self) -> Words {
        self.roots.iter().map(|path| ("--sigstore-root", path.display().to_string())).collect()
    }
}

/// The heading of those options. Given to each of them: one for all would go on to whatever the verb has behind them.
const IDENTITY: &str = "Identity";

/// Signing with an identity in place of a key.
#[derive(Debug, Args)]
pub(crate) struct KeylessArgs {
    /// Sign with your identity: a Sigstore instance vouches for it. Online
    #[arg(long, help_heading = IDENTITY, requires_all = ["signing_config", "trusted_root"])]
    keyless: bool,
    /// The instance's signing configuration, version 0.2: which services are asked
    #[arg(long, help_heading = IDENTITY, value_name = "FILE", requires = "keyless")]
    signing_config: Option<PathBuf>,
    /// The instance's trusted root, by which the new bundle is verified before it is written
    #[arg(long, help_heading = IDENTITY, value_name = "FILE", requires = "keyless")]
    trusted_root: Option<PathBuf>,
    /// The identity token; that of the CI job where none is given
    #[arg(long, help_heading = IDENTITY, value_name = "FILE", requires = "keyless", conflicts_with = "identity_from")]
    identity_token: Option<PathBuf>,
    /// Who gives the identity token: one CI and no other, or you yourself, signing in with a browser
    #[arg(long, help_heading = IDENTITY, value_enum, requires = "keyless")]
    identity_from: Option<IdentityFrom>,
    /// How long each of the instance's services may take to answer
    #[arg(long, help_heading = IDENTITY, value_name = "SECONDS", requires = "keyless", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=600))]
    service_timeout: u64,
}

/// What a person signs with: a key, or an identity.
#[derive(Debug, Args)]
pub(crate) struct PersonArgs {
    /// Your key: SSH (a `.pub` asks the agent) or PEM, on a token, or in a key service
    #[arg(long, value_name = "FILE|pkcs11:…|NAME://…", value_parser = key_place(), required_unless_present = "keyless", conflicts_with = "keyless")]
    key: Option<KeyPlace>,
    #[command(flatten)]
    keyless: KeylessArgs,
}

/// The key or the identity, opened.
pub(crate) enum Person {
    Key(Box<PersonKey>, SshKeygen),
    Identity(Box<IdentitySigner>),
}

impl PersonArgs {
    pub(crate) fn open(&self, call: &super::Call<'_>) -> Result<Person, FlowError> {
        match (self.keyless.open(call)?, &self.key) {
            (Some(signer), _) => Ok(Person::Identity(Box::new(signer))),
            (None, Some(key)) => {
                let key = PersonKey::open(key, &call.world.token_access())?;
                Ok(Person::Key(Box::new(key), call.world.ssh_keygen()))
            }
            (None, None) => Err(FlowError::Usage("name a key with --key, or sign with --keyless".to_owned())),
        }
    }
}

impl Person {
    pub(crate) fn by(&self) -> By<'_> {
        match self {
            Self::Key(key, keygen) => By::Key(key, keygen),
            Self::Identity(signer) => By::Identity(signer),
        }
    }
}

/// Who gives an identity token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IdentityFrom {
    /// A job of GitHub Actions with `permissions: id-token: write`
    GithubActions,
    /// A job of GitLab CI, or of another, with a token in `SIGSTORE_ID_TOKEN`
    GitlabCi,
    /// A job of Buildkite
    Buildkite,
    /// The account of a machine of Google Cloud
    GoogleCloud,
    /// Yourself
    Browser,
}

impl KeylessArgs {
    /// The files that are read for it.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = &Path> {
        [&self.signing_config, &self.trusted_root, &self.identity_token].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Whether an identity is to sign.
    pub(crate) const fn is_used(&self) -> bool {
        self.keyless
    }

    /// The signer, if an identity is to sign.
    pub(crate) fn open(&self, call: &super::Call<'_>) -> Result<Option<IdentitySigner>, FlowError> {
        let (true, Some(config), Some(root)) = (self.keyless, &self.signing_config, &self.trusted_root) else {
            return Ok(None);
        };
        let ambient = call.world.ambient_identity();
        let show = |address: &str| {
            crate::render::aside(&format!("sign in with your browser: {address}"));
            call.world.open_in_browser(address);
        };
        let of = |provider| TokenFrom::Ambient(&ambient, Some(provider));
        let token = match (&self.identity_token, self.identity_from) {
            (Some(path), _) => TokenFrom::File(path),
            (None, None) => TokenFrom::Ambient(&ambient, None),
            (None, Some(IdentityFrom::GithubActions)) => of(Provider::GitHub),
            (None, Some(IdentityFrom::GitlabCi)) => of(Provider::GitLab),
            (None, Some(IdentityFrom::Buildkite)) => of(Provider::Buildkite),
            (None, Some(IdentityFrom::GoogleCloud)) => of(Provider::GoogleCloud),
            (None, Some(IdentityFrom::Browser)) => TokenFrom::Browser(&show),
        };
        let patience = Duration::from_secs(self.service_timeout);
        IdentitySigner::open(config, root, &token, now()?, patience).map(Some)
    }
}

/// Those of the documents that are roots of trust.
pub(crate) fn roots_among(trust: &VerifiedTrust, documents: &[Vec<u8>]) -> Roots {
    let digests: Vec<Sha256> = documents.iter().map(|bytes| Sha256::of(bytes)).collect();
    // A root that does not parse is a finding when the evidence is verified.
    Roots::among(trust.trust(), digests.iter().zip(documents.iter().map(Vec::as_slice))).0
}

/// A digest from outside. An empty one was not given: that is what a CI makes of a variable that is not set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OutsideDigest(Option<Sha256>);

impl OutsideDigest {
    pub(crate) fn parse(text: &str) -> Result<Self, DigestError> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|digest| Self(Some(digest))) }
    }

    pub(crate) const fn given(self) -> Option<Sha256> {
        self.0
    }
}

/// The store.
#[derive(Debug, Args)]
#[command(next_help_heading = "Record")]
pub(crate) struct StoreArgs {
    /// The store with log and evidence: a folder, a protected branch as git:BRANCH or git:URL#BRANCH, or `s3://BUCKET/PREFIX` (gs, az)
    #[arg(long, value_name = "STORE", default_value = place::DEFAULT, value_parser = store_name())]
    store: StoreName,
}

impl StoreArgs {
    /// The place, as it is now. Online where the store lies elsewhere.
    pub(crate) fn place(&self, call: &super::Call<'_>) -> Result<Place, FlowError> {
        place_of(&self.store, call)
    }

    /// The same, once what is kept of the log in these files was read: fetching a store takes a while, and a gate that records
    /// something meanwhile keeps a newer checkpoint than the copy has.
    pub(crate) fn place_after(&self, kept: Kept<'_>, call: &super::Call<'_>) -> Result<Place, FlowError> {
        let before = kept_before(&[kept.least, kept.output]);
        let given = kept.given(call)?;
        Ok(with_given(self.place(call)?, given).with_kept(before))
    }

    /// The same, of a log that is going to be written to.
    pub(crate) fn place_to_write(&self, kept: Kept<'_>, call: &super::Call<'_>) -> Result<Place, FlowError> {
        place_to_write(&self.store, kept, call)
    }

    /// The options that say the same.
    pub(crate) fn words(&self) -> Words {
        vec![("--store", self.store.to_string())]
    }

    /// What to do where the new checkpoint was kept nowhere else.
    pub(crate) fn keep_elsewhere(&self) -> String {
        let store = self.store.to_string();
        let store = if store == place::DEFAULT { String::new() } else { format!("--store {} ", quoted(&store)) };
        format!("keep the log's checkpoint elsewhere: `countersign log checkpoint {store}--output FILE`")
    }
}

/// Where checkpoints of a log are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'a> {
    /// The least checkpoint.
    pub least: Option<&'a Path>,
    /// Where the new one goes, which may be a pipe as well: that one is not read.
    pub output: Option<&'a Path>,
}

impl<'a> Kept<'a> {
    /// What a pipe gives that is named for the least checkpoint. A verb that is begun again because others were faster has the same.
    fn given(self, call: &super::Call<'_>) -> Result<Option<(&'a Path, Vec<u8>)>, FlowError> {
        let Some(path) = self.least else { return Ok(None) };
        let gives_once = |found: std::fs::Metadata| !found.is_file() && !found.is_dir();
        if !std::fs::metadata(path).is_ok_and(gives_once) {
            return Ok(None);
        }
        if let Some(bytes) = call.given.borrow().get(path) {
            return Ok(Some((path, bytes.clone())));
        }
        let bytes = files::read(path, limits::NOTE_BYTES)?;
        call.given.borrow_mut().insert(path.to_owned(), bytes.clone());
        Ok(Some((path, bytes)))
    }
}

fn with_given(place: Place, given: Option<(&Path, Vec<u8>)>) -> Place {
    match given {
        Some((pipe, bytes)) => place.with_given(pipe, bytes),
        None => place,
    }
}

/// The place of a store, as it is now. Online where it lies elsewhere.
pub(crate) fn place_of(store: &StoreName, call: &super::Call<'_>) -> Result<Place, FlowError> {
    let place = match store {
        StoreName::Folder(folder) => Place::new(folder),
        elsewhere @ (StoreName::Branch { .. } | StoreName::Bucket(_)) => Place::of_copy(call.copy_of(elsewhere)?),
    };
    Ok(place.with_clock(|| World::now().ok()))
}

/// The place of a store once what is kept of its log was read, of a log that is going to be written to. A folder is the log itself:
/// whoever writes looks at what is kept while the log is locked.
pub(crate) fn place_to_write(store: &StoreName, kept: Kept<'_>, call: &super::Call<'_>) -> Result<Place, FlowError> {
    let before = kept_before(&[kept.least, kept.output]);
    let given = kept.given(call)?;
    let place = with_given(place_of(store, call)?, given);
    Ok(if place.is_folder() { place } else { place.with_kept_to_write(before) })
}

/// Stores that are named beside the one of [`StoreArgs`], as they are now.
pub(crate) fn places(names: &[StoreName], call: &super::Call<'_>) -> Result<Vec<Place>, FlowError> {
    names.iter().map(|name| place_of(name, call)).collect()
}

/// A store's name on the command line.
pub(crate) fn store_name() -> impl TypedValueParser<Value = StoreName> {
    OsStringValueParser::new().try_map(|text| StoreName::parse(&text))
}

/// The least checkpoint, from outside.
#[derive(Debug, Args)]
#[command(next_help_heading = "Record")]
pub(crate) struct LeastArgs {
    /// A checkpoint of the log that was kept elsewhere
    #[arg(long, value_name = "FILE", env = variables::LEAST_CHECKPOINT, value_parser = OsStringValueParser::new())]
    least_checkpoint: Option<OsString>,
}

impl LeastArgs {
    /// The file. An empty name was not given, as with [`OutsideDigest`].
    pub(crate) fn file(&self) -> Option<&Path> {
        self.least_checkpoint.as_deref().filter(|name| !name.is_empty()).map(Path::new)
    }

    /// The options that say the same.
    pub(crate) fn words(&self) -> Words {
        self.file().map(|path| ("--least-checkpoint", path.display().to_string())).into_iter().collect()
    }
}

/// A key's place on the command line: a file, or a `pkcs11:` URI.
pub(crate) fn key_place() -> impl TypedValueParser<Value = KeyPlace> {
    OsStringValueParser::new().map(|text| KeyPlace::of(&text))
}

/// The machine's time. Whoever appends to a log takes it once the store was fetched and the keys are open, which takes a while: what other
/// gates record meanwhile is not later then.
pub(crate) fn now() -> Result<Time, FlowError> {
    World::now().map_err(|error| FlowError::Usage(format!("the machine's clock: {error}")))
}

/// A day, or a time.
pub(crate) fn moment(text: &str) -> Result<Time, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    whole.parse().map_err(|_form| format!("`{text}` is neither a day, 2026-01-31, nor a time, 2026-01-31T10:00:00Z"))
}
