//! Documents that several people sign: one line each, over the same statement, and one signature a key.

use crate::documents::in_one_line;
use crate::error::FlowError;
use crate::files;
use crate::signing::by_person;
use countersign_core::bundle::{Signature, Signed};
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::limits;
use countersign_core::statement::Statement;
use countersign_core::time::Time;
use countersign_core::trust::{Owner, Trust};
use countersign_sign::{PersonKey, SshKeygen};
use countersign_verify::keys::envelope_signature_holds;
use countersign_verify::ssh;
use std::collections::BTreeSet;
use std::path::Path;

/// What a person signs with.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// A key of her own, and the program that signs with SSH keys.
    Key(&'a PersonKey, &'a SshKeygen),
    /// An identity that a Sigstore instance vouches for.
    #[cfg(feature = "online")]
    Identity(&'a crate::keyless::IdentitySigner),
}

impl By<'_> {
    /// Refuses whoever is no person of this role by `trust`. Of an identity that is known only once it has signed.
    pub(crate) fn known(self, role: &str, trust: &Trust, what: &str) -> Result<(), FlowError> {
        match self {
            Self::Key(key, keygen) => {
                let id = key.public(keygen)?.id();
                let owner = trust.owner_of(&id).map(|(owner, _)| owner);
                in_role(owner, role, trust, || format!("key {id}"), ("--key", what))
            }
            #[cfg(feature = "online")]
            Self::Identity(_) => Ok(()),
        }
    }

    /// The statement with this person's signature. With `role`, whoever is not of it by that trust signs nothing that is
    /// kept.
    fn line(self, statement: &Statement, namespace: &str, role: Option<(&str, &Trust)>) -> Result<Line, FlowError> {
        match self {
            Self::Key(key, keygen) => {
                if let Some((role, trust)) = role {
                    self.known(role, trust, "this key is not of a person in the role")?;
                }
                let bytes = by_person(&statement.to_bytes()?, namespace, key, keygen)?;
                Ok(Line { bytes, root: None, time: None })
            }
            #[cfg(feature = "online")]
            Self::Identity(signer) => {
                let signed = signer.sign(statement)?;
                if let Some((role, trust)) = role {
                    identity_in_role(signer, &signed.shown, role, trust)?;
                }
                let time = signed.shown.times.iter().max().copied();
                Ok(Line { bytes: signed.bundle, root: Some(signer.root().document().to_vec()), time })
            }
        }
    }

    /// Whether a document is signed by this very key, or identity, and the signature holds.
    fn has_signed(self, signed: &Signed, namespace: &str) -> Result<bool, FlowError> {
        match self {
            Self::Key(key, keygen) => Ok(signed_by(signed, &key.public(keygen)?, namespace)),
            // Whose it is, only the new certificate says: who is counted twice counts once.
            #[cfg(feature = "online")]
            Self::Identity(_) => Ok(false),
        }
    }
}

/// One signature, and the trusted root that has to lie beside it.
struct Line {
    bytes: Vec<u8>,
    root: Option<Vec<u8>>,
    time: Option<Time>,
}

fn in_role(
    owner: Option<Owner<'_>>,
    role: &str,
    trust: &Trust,
    called: impl Fn() -> String,
    (place, what): (&str, &str),
) -> Result<(), FlowError> {
    let persons = trust.role(role).map(|role| &role.persons);
    let found = match owner {
        Some(Owner::Person(person)) if persons.is_some_and(|persons| persons.contains(&person.id)) => return Ok(()),
        Some(owner) => owner.describe(),
        None => format!("{}, which is not in trust", called()),
    };
    Err(FlowError::Refused(vec![
        Finding::new(codes::SIGNER_NOT_ALLOWED, what)
            .at(place)
            .expected(format!("a person in role `{role}`"), "trust")
            .found(found),
    ]))
}

/// What a certificate shows, by the trust that will judge it: nothing is kept that would not count.
#[cfg(feature = "online")]
fn identity_in_role(
    signer: &crate::keyless::IdentitySigner,
    shown: &countersign_verify::sigstore::Keyless,
    role: &str,
    trust: &Trust,
) -> Result<(), FlowError> {
    let shown = &shown.certificate;
    let digest = *signer.root().digest();
    let Some(root) = trust.sigstore_root(&digest) else {
        return Err(FlowError::Refused(vec![
            Finding::new(
                codes::SIGSTORE_ROOT_MISSING,
                "trust does not name this trusted root, so nobody's identity counts",
            )
            .at("--trusted-root")
            .expected("a root in `sigstore_roots`, by its digest", format!("trust, version {}", trust.version))
            .found(digest.to_string())
            .help("name the file that trust was made with, or have trust name this one: `countersign trust root`"),
        ]));
    };
    let owners = trust.owners_of_identity(&root.name, &shown.issuer, shown.name.as_str(), &shown.claims);
    let called = || format!("{}, by {}", shown.name.as_str(), shown.issuer);
    let what = "this identity is not of a person in the role";
    in_role(owners.first().map(|(owner, _)| *owner), role, trust, called, ("--keyless", what))
}

/// A file with one's signature in it.
#[derive(Debug)]
pub struct CoSigned {
    /// The file's lines.
    pub bytes: Vec<u8>,
    /// Whether a signature was added; it is not if the key had signed before.
    pub added: bool,
    /// How many distinct keys signed it, each certificate's key being one.
    pub keys: usize,
    /// The time that an instance attests for the signature that was added, where an identity made it.
    pub time: Option<Time>,
}

impl CoSigned {
    /// The moment to judge the file at: the signing itself took time, and an instance's clock is not this machine's.
    /// Judged at the moment at which it was asked for, a signature that was just made would lie in the future.
    #[must_use]
    pub fn judged_at(&self, asked: Time) -> Time {
        self.time.map_or(asked, |time| time.max(asked))
    }
}

/// The statement with one signature, and the trusted root beside it where an identity signed.
pub(crate) fn signed_alone(
    statement: &Statement,
    namespace: &str,
    by: By<'_>,
    role: Option<(&str, &Trust)>,
) -> Result<CoSigned, FlowError> {
    let Line { bytes, root, time } = by.line(statement, namespace, role)?;
    let lines: Vec<Vec<u8>> = std::iter::once(bytes).chain(root).collect();
    Ok(CoSigned { bytes: lines.join(&b'\n'), added: true, keys: 1, time })
}

/// The lines of `path`, if it exists, with one more: a key signs once. A file over another statement is refused, and with
/// `role` whoever is not of it by that trust.
pub fn add_signature(
    path: &Path,
    statement: &Statement,
    namespace: &str,
    by: By<'_>,
    role: Option<(&str, &Trust)>,
) -> Result<CoSigned, FlowError> {
    let payload = statement.to_bytes()?;
    let refused = |code, what: String| {
        FlowError::Refused(vec![
            Finding::new(code, what)
                .at(path.display().to_string())
                .help("sign into another file, or remove this one first"),
        ])
    };
    let (mut documents, mut roots) = match files::read_to_grow(path, limits::COLLECTION_BYTES)? {
        None => (Vec::new(), Vec::new()),
        Some(bytes) => {
            let documents = Signed::parse_lines(&bytes).map_err(|error| refused(error.code(), error.to_string()))?;
            (documents, Signed::roots_among(&bytes))
        }
    };
    if documents.iter().any(|(_, signed)| signed.payload != payload) {
        let what = "the file already holds signatures over another document";
        return Err(refused(codes::STATEMENT_MALFORMED, what.to_owned()));
    }
    let mut before = documents.iter().map(|(_, signed)| by.has_signed(signed, namespace));
    let added = !before.try_fold(false, |any, one| one.map(|one| any || one))?;
    let mut time = None;
    if added {
        let line = by.line(statement, namespace, role)?;
        let signed = Signed::parse(&line.bytes).map_err(|error| refused(error.code(), error.to_string()))?;
        documents.push((line.bytes, signed));
        time = line.time;
        roots.extend(line.root.filter(|root| !roots.contains(root)));
    }
    let keys: BTreeSet<KeyId> = documents.iter().filter_map(|(_, signed)| key_of(signed, namespace)).collect();
    let certificates =
        documents.iter().filter(|(_, signed)| matches!(signed.by, Signature::Certificate { .. })).count();
    // One that was laid out over several lines could not be read again beside another.
    let lines = documents.iter().map(|(line, _)| line).chain(&roots).map(|line| in_one_line(line).collect());
    let lines: Vec<Vec<u8>> = lines.collect();
    let mut bytes = lines.join(&b'\n');
    bytes.push(b'\n');
    Ok(CoSigned { bytes, added, keys: keys.len().saturating_add(certificates), time })
}

/// The file with one more line, unless the same key said the same there before: what others said stands beside it. How many
/// keys say this very thing.
pub fn add_line(
    path: &Path,
    statement: &Statement,
    namespace: &str,
    key: &PersonKey,
    keygen: &SshKeygen,
) -> Result<CoSigned, FlowError> {
    let payload = statement.to_bytes()?;
    let mut bytes = files::read_to_grow(path, limits::COLLECTION_BYTES)?.unwrap_or_default();
    let refused = |error: countersign_core::bundle::BundleError| {
        FlowError::Refused(vec![Finding::new(error.code(), error.to_string()).at(path.display().to_string())])
    };
    let before =
        if bytes.trim_ascii().is_empty() { Vec::new() } else { Signed::parse_lines(&bytes).map_err(refused)? };
    let same = |(_, signed): &&(Vec<u8>, Signed)| signed.payload == payload;
    let mut keys: BTreeSet<KeyId> =
        before.iter().filter(same).filter_map(|(_, signed)| key_of(signed, namespace)).collect();
    let public = key.public(keygen)?;
    let added = !before.iter().filter(same).any(|(_, signed)| signed_by(signed, &public, namespace));
    if added {
        if bytes.last().is_some_and(|last| *last != b'\n') {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(by_person(&payload, namespace, key, keygen)?.trim_ascii_end());
        bytes.push(b'\n');
        keys.insert(public.id());
    }
    Ok(CoSigned { bytes, added, keys: keys.len(), time: None })
}

/// Whether this very key signed it, and the signature holds.
fn signed_by(signed: &Signed, key: &PublicKey, namespace: &str) -> bool {
    match &signed.by {
        Signature::Dsse { signature, .. } => envelope_signature_holds(key, &signed.pae(), signature),
        Signature::Ssh { .. } => key_of(signed, namespace) == Some(key.id()),
        Signature::Certificate { .. } => false,
    }
}

/// The key that a signature says it is by: an SSH signature proves it, a bundle hints at it.
pub(crate) fn key_of(signed: &Signed, namespace: &str) -> Option<KeyId> {
    match &signed.by {
        Signature::Dsse { hint, .. } => *hint,
        Signature::Certificate { .. } => None,
        Signature::Ssh { armor, .. } => ssh::verify(armor, namespace, &signed.pae()).ok().map(|key| key.id()),
    }
}
