//! One signed document against trust: the signature, the signer, the kind.

use crate::keys;
use crate::sigstore::{CertificateClaims, Refused, Roots, is_logged, is_stamped};
use crate::ssh;
use crate::trust::VerifiedTrust;
use countersign_core::bundle::{Signature, Signed};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::ids::{PersonId, RoleName, Uri};
use countersign_core::json;
use countersign_core::key::{KeyId, PublicKey};
use countersign_core::slsa::SignerFacts;
use countersign_core::slsa::builders::level_on_its_machine;
use countersign_core::statement::erasure::NAMESPACE as ERASURE_NAMESPACE;
use countersign_core::statement::manual_evidence::NAMESPACE as MANUAL_NAMESPACE;
use countersign_core::statement::review::NAMESPACE as REVIEW_NAMESPACE;
use countersign_core::statement::vex::NAMESPACE as VEX_NAMESPACE;
use countersign_core::statement::{Kind, Payload, Stated, Statement, StatementError};
use countersign_core::time::Time;
use countersign_core::trust::{
    Claim, EXCEPTION_NAMESPACE, Identity, KeyTransparency, OwnedKey, Owner, POLICY_NAMESPACE, ShownIdentity,
    TRUST_NAMESPACE, Trust, UnloggedKeys,
};

/// A value that was signed by somebody whom trust lets sign it, with a key that counted at the time in question. Only
/// this crate makes one.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    value: T,
    by: SignedBy,
    document: Sha256,
}

impl<T> Verified<T> {
    pub(crate) const fn new(value: T, by: SignedBy, document: Sha256) -> Self {
        Self { value, by, document }
    }

    /// Who signed and in which document, where what was signed is held elsewhere.
    pub(crate) fn signature(self) -> Verified<()> {
        Verified { value: (), by: self.by, document: self.document }
    }

    /// What was signed.
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// Who signed it.
    pub const fn signed_by(&self) -> &SignedBy {
        &self.by
    }

    /// The digest of the signed document: its name in the evidence store.
    pub const fn document(&self) -> &Sha256 {
        &self.document
    }
}

/// Who signed: as trust knows the key, or the identity that a certificate shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// The key; of a certificate, the one in it, which nobody has any more.
    pub key: KeyId,
    /// Its owner.
    pub owner: SignerName,
    /// When it was signed, as far as somebody else attests it.
    pub when: Option<Attested>,
    /// Whether it is a bundle that a key signed and that no log and no timestamp authority has seen.
    pub unwitnessed: bool,
    /// What the certificate shows, where one signed.
    pub identity: Option<Box<ShownIdentity>>,
}

/// What others attest of the time of a signature: a transparency log, a timestamp authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attested {
    /// The signature existed at this time: the earliest that is attested. It may be older than that.
    pub existed: Time,
    /// Whether a transparency log attests it too, so that it can be looked for there.
    pub logged: bool,
}

/// The owner of a key, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignerName {
    /// A person.
    Person(PersonId),
    /// A builder, with the `builder.id` that trust pairs with the key, and the level that the pair can show.
    Builder {
        /// The `builder.id`.
        id: Uri,
        /// The highest SLSA Build level.
        max_level: u8,
    },
    /// A collector.
    Collector(RoleName),
    /// A gate.
    Gate(Uri),
    /// A verifier of source.
    Verifier(Uri),
}

impl SignerName {
    /// In words, for messages.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Person(id) => format!("person {id}"),
            Self::Builder { id, .. } => format!("builder {id}"),
            Self::Collector(name) => format!("collector {name}"),
            Self::Gate(id) => format!("gate {id}"),
            Self::Verifier(id) => format!("verifier {id}"),
        }
    }

    fn of(owner: &Owner<'_>) -> Option<Self> {
        match owner {
            Owner::Person(person) => Some(Self::Person(person.id.clone())),
            Owner::Builder(b) => Some(Self::Builder { id: b.id.clone(), max_level: b.max_level }),
            Owner::Collector(c) => Some(Self::Collector(c.name.clone())),
            Owner::Gate(g) => Some(Self::Gate(g.id.clone())),
            Owner::Verifier(v) => Some(Self::Verifier(v.id.clone())),
            Owner::Log(_) | Owner::Witness(_) => None,
        }
    }
}

/// Checks one signed document: its statement, the signature, that trust knows the signer, that the key counts `at` that
/// time, and that the signer may sign this kind. A certificate is judged by those Sigstore roots of trust that are at
/// hand. `place` names the document in findings.
pub fn verify_document(
    signed: &Signed,
    trust: &VerifiedTrust,
    roots: &Roots,
    at: Time,
    place: &str,
) -> Result<Verified<Statement>, Vec<Finding>> {
    verify_read(read_statement(signed, place)?, signed, trust, roots, at, place)
}

/// The same, with what was read of it, as far as that was.
pub(crate) fn verify_read<S: Stated>(
    statement: S,
    signed: &Signed,
    trust: &VerifiedTrust,
    roots: &Roots,
    at: Time,
    place: &str,
) -> Result<Verified<S>, Vec<Finding>> {
    let kind = known_kind(&statement, place)?;
    verify_as((statement, kind), signed, trust, roots, (at, place))
}

/// The kind of a statement, if this version knows it.
pub(crate) fn known_kind(statement: &impl Stated, place: &str) -> Result<Kind, Vec<Finding>> {
    statement.kind().ok_or_else(|| {
        let found = statement.predicate_type();
        vec![
            Finding::new(codes::PREDICATE_UNKNOWN, format!("predicate type {found} is not known"))
                .at(place)
                .expected(Kind::ALL.map(Kind::word).join(", "), "this version of countersign")
                .found(found.as_str()),
        ]
    })
}

/// The same of a statement that is judged as one of this kind.
pub(crate) fn verify_as<S: Stated>(
    (statement, kind): (S, Kind),
    signed: &Signed,
    trust: &VerifiedTrust,
    roots: &Roots,
    (at, place): (Time, &str),
) -> Result<Verified<S>, Vec<Finding>> {
    let by = match &signed.by {
        Signature::Certificate { bundle } => {
            certificate_signer(bundle, signed, &statement, kind, &Judge { trust: trust.trust(), roots, at, place })
        }
        Signature::Dsse { witnessed, .. } => signer(signed, kind, trust.trust(), at, place).and_then(|by| {
            let judge = Judge { trust: trust.trust(), roots, at, place };
            key_transparency(by, witnessed.as_deref(), &statement, &judge)
        }),
        Signature::Ssh { .. } => signer(signed, kind, trust.trust(), at, place),
    };
    let by = by.map_err(|finding| vec![finding])?;
    Ok(Verified::new(statement, by, signed.digest))
}

/// The statement that a document carries.
pub(crate) fn read_statement(signed: &Signed, place: &str) -> Result<Statement, Vec<Finding>> {
    Statement::parse(&signed.payload).map_err(|error| no_statement(&error, place))
}

/// The same, read no further than its signature needs.
pub(crate) fn read_payload<'s>(signed: &'s Signed, place: &str) -> Result<Payload<'s>, Vec<Finding>> {
    Payload::parse(&signed.payload).map_err(|error| no_statement(&error, place))
}

fn no_statement(error: &StatementError, place: &str) -> Vec<Finding> {
    let what = format!("the signed payload is not a statement: {error}");
    vec![Finding::new(codes::STATEMENT_MALFORMED, what).at(place)]
}

/// Who signed, by `trust`: also for documents that are judged before there is a [`VerifiedTrust`], such as trust itself.
pub(crate) fn signer(signed: &Signed, kind: Kind, trust: &Trust, at: Time, place: &str) -> Result<SignedBy, Finding> {
    let (key, known) = signing_key(signed, kind, trust, place)?;
    let Some((owner, owned)) = known else {
        return Err(Finding::new(codes::SIGNER_UNKNOWN, "the key that signed is not in trust")
            .at(place)
            .expected("a key of trust", format!("trust, version {}", trust.version))
            .found(key)
            .help("add the key to trust.toml, or sign with a key that is in it"));
    };
    counts(owned, &owner, at, place)?;
    let unwitnessed = matches!(signed.by, Signature::Dsse { .. });
    Ok(SignedBy {
        key: owned.key.id(),
        owner: allowed(&owner, kind, trust, place)?,
        when: None,
        unwitnessed,
        identity: None,
    })
}

/// The keys that signed these documents, one a line, of which a trust of later says that they were in foreign hands at that
/// time already. A key that it does not list was only replaced: the trust of the time has judged it.
#[must_use]
pub fn compromised(bytes: &[u8], later: &Trust, at: Time, place: &str) -> Vec<Finding> {
    let one = |signed: &Signed| {
        let kind = read_statement(signed, place).ok()?.kind()?;
        let (owner, owned) = signing_key(signed, kind, later, place).ok()?.1?;
        let since = owned.compromised_since.filter(|since| at >= *since)?;
        let what = format!("the key of {} signed this, and was in foreign hands already", owner.describe());
        Some(
            Finding::new(codes::KEY_NOT_VALID, what)
                .at(place)
                .expected(format!("a time before {since}"), format!("trust, version {}", later.version))
                .found(at.to_string())
                .help("find out what else this key has signed since; what rests on it has to be decided anew"),
        )
    };
    let documents = Signed::parse_lines(bytes).unwrap_or_default();
    documents.iter().filter_map(|(_, signed)| one(signed)).collect()
}

/// The owner by name, if trust lets it sign this kind.
fn allowed(owner: &Owner<'_>, kind: Kind, trust: &Trust, place: &str) -> Result<SignerName, Finding> {
    if !owner.may_sign(kind) {
        return Err(Finding::new(
            codes::SIGNER_NOT_ALLOWED,
            format!("{} may not sign statements of kind {}", owner.describe(), kind.word()),
        )
        .at(place)
        .expected(format!("a signer that trust lets sign {}", kind.word()), format!("trust, version {}", trust.version))
        .found(owner.describe()));
    }
    SignerName::of(owner).ok_or_else(|| {
        Finding::new(codes::SIGNER_NOT_ALLOWED, "a log's key signs checkpoints and nothing else").at(place)
    })
}

/// Who signed, by the certificate that a document has and by those roots of `trust`.
pub(crate) fn identity(
    signed: &Signed,
    statement: &impl Stated,
    kind: Kind,
    (trust, roots): (&Trust, &Roots),
    at: Time,
    place: &str,
) -> Result<SignedBy, Finding> {
    match &signed.by {
        Signature::Certificate { bundle } => {
            certificate_signer(bundle, signed, statement, kind, &Judge { trust, roots, at, place })
        }
        Signature::Dsse { .. } | Signature::Ssh { .. } => {
            Err(Finding::new(codes::SIGNER_UNKNOWN, "no certificate signed this").at(place))
        }
    }
}

/// By what a certificate is judged.
struct Judge<'j> {
    trust: &'j Trust,
    roots: &'j Roots,
    at: Time,
    place: &'j str,
}

/// Who signed, by the identity that a certificate shows under a root of trust. It has to count whenever the signature is
/// attested to have existed; the time in question plays no part, since the certificate's key lived for minutes only.
fn certificate_signer(
    bundle: &[u8],
    signed: &Signed,
    statement: &impl Stated,
    kind: Kind,
    judge: &Judge<'_>,
) -> Result<SignedBy, Finding> {
    let Judge { trust, roots, at, place } = *judge;
    let by_trust = || format!("trust, version {}", trust.version);
    let held = roots
        .judge(trust, bundle, statement.subjects(), at)
        .map_err(|refused: Refused| missing_root(&refused, bundle, place))?;
    // Two readers of one document must not read two statements in it.
    if held.iter().any(|(_, found)| found.payload != signed.payload) {
        return Err(Finding::new(codes::BUNDLE_MALFORMED, "the envelope has two readings").at(place));
    }
    let mut owners: Vec<(Owner<'_>, &Identity)> = Vec::new();
    let mut by_root = None;
    for (root, found) in &held {
        let CertificateClaims { issuer, name, claims, .. } = &found.certificate;
        let known = owners.len();
        owners.extend(trust.owners_of_identity(root, issuer, name.as_str(), claims));
        by_root = by_root.or_else(|| trust.sigstore_roots.iter().find(|one| one.name == *root && owners.len() > known));
    }
    let Some((_, shown)) = held.first() else {
        return Err(Finding::new(codes::SIGSTORE_ROOT_MISSING, "no Sigstore root is at hand").at(place));
    };
    let Some((owner, _)) = owners.first() else {
        let shown = &shown.certificate;
        return Err(Finding::new(codes::SIGNER_UNKNOWN, "the identity that the certificate shows is not in trust")
            .at(place)
            .expected("an identity of trust", by_trust())
            .found(format!("{}, by {}", shown.name.as_str(), shown.issuer))
            .help("add the identity to trust.toml, with root, issuer, subject and claims exactly as the certificate has them"));
    };
    if let Some((other, _)) = owners.iter().find(|(other, _)| other.describe() != owner.describe()) {
        return Err(Finding::new(codes::IDENTITY_AMBIGUOUS, "the certificate fits the identities of two owners")
            .at(place)
            .expected("one owner", by_trust())
            .found(owner.describe())
            .found(other.describe())
            .help("have the two ask for claims that no certificate of the other has"));
    }
    let times = &shown.times;
    let counts = |identity: &Identity| times.iter().all(|time| identity.counts_at(*time));
    let counted: Vec<&Identity> = owners.iter().map(|(_, identity)| *identity).filter(|one| counts(one)).collect();
    if counted.is_empty() {
        let found: Vec<String> = times.iter().map(ToString::to_string).collect();
        return Err(Finding::new(
            codes::KEY_NOT_VALID,
            format!("the identity of {} did not count when it signed", owner.describe()),
        )
        .at(place)
        .expected("an identity that counted then", by_trust())
        .found(format!("signed at {}", found.join(", "))));
    }
    let named = counted.iter().any(|identity| identity.claims.contains_key(&Claim::Runner));
    let existed = times
        .iter()
        .min()
        .copied()
        .ok_or_else(|| Finding::new(codes::TIMESTAMP_MISSING, "nothing says when this was signed").at(place))?;
    Ok(SignedBy {
        key: KeyId::of_spki_der(&shown.certificate.spki),
        owner: on_its_machine(allowed(owner, kind, trust, place)?, &shown.certificate, named),
        when: Some(Attested { existed, logged: shown.logged }),
        unwitnessed: false,
        identity: by_root.map(|root| Box::new(shown.certificate.under(root.digest))),
    })
}

/// A builder shows less on a machine of its tenant's, whatever level trust gives it. Where its identity in trust names the machine itself, whoever
/// wrote that has decided what it shows.
fn on_its_machine(mut owner: SignerName, shown: &CertificateClaims, named: bool) -> SignerName {
    let CertificateClaims { issuer, name, claims, .. } = shown;
    let signer = SignerFacts::Certificate { issuer: issuer.as_str(), name: name.as_str(), claims };
    if let SignerName::Builder { max_level, .. } = &mut owner
        && !named
    {
        *max_level = level_on_its_machine(signer, *max_level);
    }
    owner
}

/// What has to witness a key's signature, where trust asks for it: keys of builders, collectors and verifiers sign without a
/// log and a timestamp only where that is stated of them. Persons sign by SSH, and gates into a log of their own.
fn key_transparency(
    by: SignedBy,
    witnessed: Option<&[u8]>,
    statement: &impl Stated,
    judge: &Judge<'_>,
) -> Result<SignedBy, Finding> {
    let Judge { trust, roots, at, place } = *judge;
    let asked = trust.unlogged_keys == Some(UnloggedKeys::Stated)
        && matches!(by.owner, SignerName::Builder { .. } | SignerName::Collector(_) | SignerName::Verifier(_));
    let known = trust.owner_of(&by.key).map(|(_, owned)| owned);
    if !asked || known.is_some_and(|owned| owned.transparency == Some(KeyTransparency::None)) {
        return Ok(by);
    }
    let missing = || {
        Finding::new(
            codes::TRANSPARENCY_MISSING,
            format!("a key of {} signed, and no log and no timestamp has seen it", by.owner.describe()),
        )
        .at(place)
        .expected("a log entry, or `transparency = \"none\"` for this key", format!("trust, version {}", trust.version))
        .found("neither")
    };
    let (Some(bundle), Some(pem)) = (witnessed, known.and_then(|owned| owned.key.to_pem())) else {
        return Err(missing());
    };
    let times = roots
        .witnessed(trust, bundle, statement.subjects(), &pem, at)
        .map_err(|refused| missing_root(&refused, bundle, place))?;
    let existed = times.iter().min().copied().ok_or_else(missing)?;
    let logged = json::parse(bundle).is_ok_and(|bundle| is_logged(&bundle));
    Ok(SignedBy { when: Some(Attested { existed, logged }), unwitnessed: false, ..by })
}

fn missing_root(refused: &Refused, bundle: &[u8], place: &str) -> Finding {
    let finding = refused.finding(place);
    if refused.code() == codes::SIGSTORE_ROOT_MISSING {
        return finding.help("hand in the instance's trusted_root.json with --sigstore-root");
    }
    if refused.code() == codes::SIGSTORE_ROOT_STALE {
        return finding
            .help("fetch the instance's trusted root, and write its digest and date into the next version of trust");
    }
    let stamped_alone = || json::parse(bundle).is_ok_and(|bundle| is_stamped(&bundle) && !is_logged(&bundle));
    if refused.code() == codes::INCLUSION_PROOF_INVALID && stamped_alone() {
        return finding.help(
            "where the instance has no logs, say `transparency = \"timestamp\"` for its root in the next version of trust; else get the \
             bundle with its log entry",
        );
    }
    finding
}

type Known<'t> = Option<(Owner<'t>, &'t OwnedKey)>;

/// The key that signed, and its owner if trust has one. A signature that does not hold is a finding whoever made it.
fn signing_key<'t>(signed: &Signed, kind: Kind, trust: &'t Trust, place: &str) -> Result<(String, Known<'t>), Finding> {
    let message = signed.pae();
    match &signed.by {
        Signature::Dsse { hint, signature, .. } => {
            let Some(id) = hint else { return Ok(("a bundle without a usable key hint".to_owned(), None)) };
            let Some((owner, owned)) = trust.owner_of(id) else { return Ok((format!("key {id}"), None)) };
            if !keys::envelope_signature_holds(&owned.key, &message, signature) {
                return Err(broken(
                    &format!("the signature does not hold for key {id} of {}", owner.describe()),
                    place,
                ));
            }
            Ok((id.to_string(), Some((owner, owned))))
        }
        // Those are judged by the roots of trust that are at hand, which are not at hand here.
        Signature::Certificate { .. } => Err(Finding::new(
            codes::SIGNER_NOT_ALLOWED,
            format!("statements of kind {} are signed by keys here, not by certificates", kind.word()),
        )
        .at(place)),
        Signature::Ssh { namespace, armor } => {
            let expected = match kind {
                Kind::Review => REVIEW_NAMESPACE,
                Kind::Trust => TRUST_NAMESPACE,
                Kind::PolicyRelease | Kind::PolicyActivation | Kind::Adjudication => POLICY_NAMESPACE,
                Kind::Vex => VEX_NAMESPACE,
                Kind::ManualEvidence => MANUAL_NAMESPACE,
                Kind::Exception | Kind::ExceptionEnd => EXCEPTION_NAMESPACE,
                Kind::Erasure => ERASURE_NAMESPACE,
                Kind::Sbom
                | Kind::Provenance
                | Kind::ChangeReview
                | Kind::SourceProvenance
                | Kind::ForgeWatch
                | Kind::ConfigSnapshot
                | Kind::IacPlan
                | Kind::SecretScan
                | Kind::Vsa
                | Kind::PromotionDecision
                | Kind::TestResult
                | Kind::Vulns
                | Kind::LogShard => {
                    return Err(Finding::new(
                        codes::SIGNER_NOT_ALLOWED,
                        format!("SSH signatures are for people; {} is signed by a machine's key", kind.word()),
                    )
                    .at(place));
                }
            };
            if namespace != expected {
                return Err(broken(&format!("signed in namespace `{namespace}`, not `{expected}`"), place));
            }
            let key: PublicKey =
                ssh::verify(armor, expected, &message).map_err(|error| broken(&error.to_string(), place))?;
            Ok((key.to_openssh(), trust.owner_of(&key.id())))
        }
    }
}

fn broken(what: &str, place: &str) -> Finding {
    Finding::new(codes::SIGNATURE_INVALID, what).at(place)
}

fn counts(owned: &OwnedKey, owner: &Owner<'_>, at: Time, place: &str) -> Result<(), Finding> {
    if owned.counts_at(at) {
        return Ok(());
    }
    let mut finding = Finding::new(
        codes::KEY_NOT_VALID,
        format!("key {} of {} does not count at {at}", owned.key.id(), owner.describe()),
    )
    .at(place)
    .expected(format!("a key that counts at {at}"), "trust");
    for (word, time) in [
        ("valid from", owned.valid_from),
        ("valid until", owned.valid_until),
        ("compromised since", owned.compromised_since),
    ] {
        if let Some(time) = time {
            finding = finding.found(format!("{word} {time}"));
        }
    }
    Err(finding)
}
