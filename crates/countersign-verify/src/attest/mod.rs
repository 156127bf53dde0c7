//! Attestations of the ecosystem against anchors that the caller names: the trusted roots and keys that count, and nothing
//! else. What they say is compared with what is expected elsewhere; here it is shown who signed, when, and about what.

mod anchors;
mod foreign_summary;
mod publisher;
mod shown;
mod summary;

pub use anchors::{Anchors, CloudKey, KeyWitness, NamedKey, NamedRoot};
pub use shown::{Shown, ShownSigner};
pub use summary::{check_summary, is_summary, summary_result};

use crate::sigstore::{Artifact, Keyless, Refused, form, is_logged, is_stamped, stranger};
use countersign_core::attestation::{Attestation, Beside, Proof, RawSignature};
use countersign_core::bundle::{BundleError, shaped};
use countersign_core::codes;
use countersign_core::digest::{Sha256, to_hex};
use countersign_core::envelope::{PAYLOAD_TYPE, pae};
use countersign_core::finding::Finding;
use countersign_core::json;
use countersign_core::statement::{Payload, Stated, Statement, StatementError, Subject};
use countersign_core::time::Time;
use serde_json::Value;

/// What an artifact is known by. Matched by digest alone; a name is never enough.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Its SHA-256.
    pub sha256: Option<Sha256>,
    /// Its SHA-512.
    pub sha512: Option<[u8; 64]>,
    /// All of its bytes, where they are at hand: some signatures are over them.
    pub bytes: Option<&'a [u8]>,
}

impl Wanted<'_> {
    /// Whether a statement is about it.
    #[must_use]
    pub fn is_subject_of(&self, statement: &Statement) -> bool {
        self.subjects_of(statement).next().is_some()
    }

    /// The subjects of a statement that are the artifact: each has one of its digests, and no other digest of that subject
    /// disagrees. What the other subjects are called says nothing of it.
    pub fn subjects_of<'s>(&self, statement: &'s Statement) -> impl Iterator<Item = &'s Subject> {
        let short = self.sha256.as_ref().map(|known| ("sha256", known.hex()));
        let long = self.sha512.as_ref().map(|known| ("sha512", to_hex(known)));
        let known: Vec<(&str, String)> = short.into_iter().chain(long).collect();
        statement.subjects.iter().filter(move |subject| {
            let mut pairs =
                known.iter().filter_map(|(name, known)| Some((known, subject.digest.get(*name)?))).peekable();
            pairs.peek().is_some() && pairs.all(|(known, found)| known == found)
        })
    }

    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        let short = self.sha256.as_ref().map(ToString::to_string);
        let long = self.sha512.as_ref().map(|digest| format!("sha512:{}", to_hex(digest)));
        short.or(long).unwrap_or_else(|| "nothing".to_owned())
    }
}

/// Checks one attestation: that somebody whom the anchors know signed it, and that it is about the artifact.
pub fn verify(
    attestation: &Attestation,
    anchors: &Anchors,
    wanted: &Wanted<'_>,
    at: Time,
    place: &str,
) -> Result<Shown, Vec<Finding>> {
    let malformed = |error: StatementError| {
        let what = format!("the signed payload is not a statement: {error}");
        vec![Finding::new(codes::STATEMENT_MALFORMED, what).at(place)]
    };
    let payload = attestation.payload.as_deref().map(Payload::parse_any).transpose().map_err(malformed)?;
    let one = |finding: Finding| vec![finding];
    let layer = match &attestation.proof {
        Proof::Cosigned { content, .. } => Some(content.as_slice()),
        Proof::Bundle(_) | Proof::Envelope { .. } | Proof::CloudBuild { .. } => None,
    };
    let judge = Judge { anchors, wanted, at, place, subjects: payload.as_ref().map(Stated::subjects), layer };
    let signers = match &attestation.proof {
        Proof::Bundle(bytes) => judge.bundle(bytes, attestation).map_err(one)?,
        Proof::Cosigned { bundle, .. } => judge.bundle(bundle, attestation).map_err(one)?,
        Proof::Envelope { certificate: true, .. } => {
            return Err(one(Finding::new(
                codes::TIMESTAMP_MISSING,
                "an envelope brings a certificate, and no log entry and no timestamp: nothing says when it was signed",
            )
            .at(place)
            .help("hand in the whole bundle: the envelope alone cannot be verified offline")));
        }
        Proof::Envelope { payload_type, signatures, .. } => {
            judge.envelope(payload_type, attestation, signatures).map_err(one)?
        }
        Proof::CloudBuild { payload_type, signatures } => {
            judge.cloud_build(payload_type, attestation, signatures).map_err(one)?
        }
    };
    // Now that somebody whom the anchors know signed it: what it says may take many times its bytes.
    let statement = payload.map(Payload::statement).transpose().map_err(malformed)?;
    let mut findings = beside(attestation, wanted, place);
    if let Some(statement) = &statement
        && !wanted.is_subject_of(statement)
    {
        let mut finding = if wanted.sha256.is_none() && wanted.sha512.is_none() {
            // Nobody named an artifact, and the statement names none that could be compared.
            Finding::new(codes::SIGSTORE_UNSUPPORTED, "no subject of the statement has a SHA-256 or SHA-512")
                .at(place)
                .expected("sha256 or sha512", "countersign")
        } else {
            Finding::new(codes::SUBJECT_MISMATCH, "the statement is about another artifact")
                .at(place)
                .expected(wanted.describe(), "the artifact")
        };
        for subject in statement.subjects.iter().take(5) {
            // Of algorithms that are not known there may stand anything, of any length.
            let shown = |(name, text): (&String, &String)| {
                let short = |text: &str, most| text.chars().take(most).collect::<String>();
                format!("{}:{}", short(name, 32), short(text, 128))
            };
            let digests: Vec<String> = subject.digest.iter().take(5).map(shown).collect();
            finding = finding.found(digests.join(" "));
        }
        findings.push(finding);
    }
    if findings.is_empty() {
        let mut notes = publisher::notes(attestation, &signers, place);
        notes.extend(passed_over(attestation, &signers, place));
        Ok(Shown::new(statement, signers, attestation, notes))
    } else {
        Err(findings)
    }
}

/// What stands beside the signature of a key that needs no witness, where no root is given by which it could be looked at.
fn passed_over(attestation: &Attestation, signers: &[ShownSigner], place: &str) -> Option<Finding> {
    let Proof::Bundle(bytes) = &attestation.proof else { return None };
    let alone = signers.iter().find(|signer| signer.is_unwitnessed())?;
    let bundle = json::parse(bytes).ok()?;
    let (what, help) = match (is_logged(&bundle), is_stamped(&bundle)) {
        (true, true) => ("log entry and the timestamp beside the signature were", "its log and authority"),
        (true, false) => ("log entry beside the signature was", "its log"),
        (false, true) => ("timestamp beside the signature was", "its authority"),
        (false, false) => return None,
    };
    Some(
        Finding::new(codes::TRANSPARENCY_NONE, format!("the {what} not looked at, since no trusted root is given"))
            .at(place)
            .found(alone.describe())
            .help(format!("name the root that has {help}: --trusted-root FILE")),
    )
}

/// What a form says beside the signed payload has to agree with it: people read that, and not the payload.
fn beside(attestation: &Attestation, wanted: &Wanted<'_>, place: &str) -> Vec<Finding> {
    let mut out = Vec::new();
    for beside in &attestation.beside {
        let (place_of, expected, found) = match beside {
            Beside::Digest { place: of, found } => {
                if wanted.sha256.is_some_and(|known| known.to_string() == *found) {
                    continue;
                }
                out.push(
                    Finding::new(codes::SUBJECT_MISMATCH, format!("`{of}` names another artifact"))
                        .at(place)
                        .expected(wanted.describe(), "the artifact")
                        .found(found.as_str()),
                );
                continue;
            }
            Beside::Word { place: of, expected, found } => {
                if expected == found {
                    continue;
                }
                (*of, (*expected).to_owned(), found.clone())
            }
            Beside::Kind(found) => {
                let payload = json::parse(attestation.payload.as_deref().unwrap_or_default()).unwrap_or_default();
                let signed = payload.get("predicateType").and_then(Value::as_str).unwrap_or_default();
                if signed == found {
                    continue;
                }
                ("the predicate's type beside the bundle", signed.to_owned(), found.clone())
            }
            Beside::Lacks(what) => {
                let missing = format!("{what} is not in the document");
                out.push(
                    Finding::new(codes::PREDICATE_MISMATCH, missing)
                        .at(place)
                        .expected(*what, "the form of the document")
                        .found("none")
                        .help("hand in the document as it is served; or a bundle of it by itself, where that is all that is wanted"),
                );
                continue;
            }
            // Nobody signed that: it is held against the certificate, once that holds.
            Beside::Publisher(_) => continue,
            Beside::Statement(shown) => {
                let payload = attestation.payload.as_deref().unwrap_or_default();
                if json::parse(payload).is_ok_and(|signed| shows(shown, &signed)) {
                    continue;
                }
                ("the statement as text", "what is signed".to_owned(), "another statement".to_owned())
            }
        };
        out.push(
            Finding::new(codes::PROVENANCE_CONTRADICTS, format!("{place_of} is not what is signed"))
                .at(place)
                .expected(expected, "the signed payload")
                .found(found),
        );
    }
    out
}

/// Whether everything that is shown is signed. A predicate may be shown under a name of its own.
fn shows(shown: &Value, signed: &Value) -> bool {
    let (Some(shown), Some(signed)) = (shown.as_object(), signed.as_object()) else { return false };
    let predicate = ["predicate", "slsaProvenance", "provenance"];
    !shown.is_empty()
        && shown.iter().all(|(name, value)| {
            let alias = if predicate.contains(&name.as_str()) { signed.get("predicate") } else { None };
            signed.get(name) == Some(value) || alias == Some(value)
        })
}

/// Whether it is about the certificate or its witnesses, and not about what was signed.
fn whatever_was_signed(refused: &Refused) -> bool {
    let others =
        [codes::SCT_INVALID, codes::INCLUSION_PROOF_INVALID, codes::CHECKPOINT_INVALID, codes::TIMESTAMP_MISSING];
    stranger(refused.code()) || others.contains(&refused.code())
}

/// By what an attestation is judged.
struct Judge<'j> {
    anchors: &'j Anchors,
    wanted: &'j Wanted<'j>,
    at: Time,
    place: &'j str,
    /// What the statement is about, if one was signed.
    subjects: Option<&'j [Subject]>,
    /// The bytes of a layer of cosign's.
    layer: Option<&'j [u8]>,
}

impl Judge<'_> {
    /// What the signature of a bundle is checked against: the statement's own subject, since whether that is the artifact is
    /// asked of every statement; or a text that names the artifact, of which the same is asked; or the file.
    fn artifact(&self) -> Result<Artifact<'_>, Refused> {
        match (self.subjects, self.signed(), self.wanted.sha256, self.wanted.sha512) {
            (Some(subjects), ..) => Artifact::of(subjects),
            (None, Some(bytes), ..) => Ok(Artifact::Bytes(bytes)),
            (None, None, Some(digest), _) => Ok(Artifact::Sha256(*digest.as_bytes())),
            (None, None, None, Some(digest)) => Ok(Artifact::Sha512(digest)),
            (None, None, None, None) => Err(Refused::new(codes::SUBJECT_MISMATCH, "no artifact is given")),
        }
    }

    /// What is signed where it is no statement, if it is at hand.
    fn signed(&self) -> Option<&[u8]> {
        self.layer.or(self.wanted.bytes)
    }

    fn bundle(&self, bytes: &[u8], attestation: &Attestation) -> Result<Vec<ShownSigner>, Finding> {
        let value = json::parse(bytes).map_err(|error| self.malformed(error.to_string()))?;
        // Below it is looked for parts by their names, and what is not found was not there.
        shaped(&value).map_err(|error| self.malformed(error.to_string()))?;
        let material = value.get("verificationMaterial");
        let has = |field: &str| material.and_then(|m| m.get(field)).is_some_and(|value| !value.is_null());
        let certificate = has("certificate") || has("x509CertificateChain");
        match (has("publicKey"), certificate) {
            (true, false) => self.keyed(bytes, &value, attestation),
            (false, true) => self.certified(bytes, attestation).map(|signer| vec![signer]),
            (true, true) | (false, false) => Err(self.malformed(BundleError::Material.to_string())),
        }
    }

    /// By a certificate, under the first root that it holds by.
    fn certified(&self, bytes: &[u8], attestation: &Attestation) -> Result<ShownSigner, Finding> {
        if self.anchors.roots.is_empty() {
            let what = "a certificate signed, and no trusted root is given";
            return Err(Finding::new(codes::SIGSTORE_ROOT_MISSING, what)
                .at(self.place)
                .help("name the instance's root: --trusted-root public-good, or a file"));
        }
        let absent = |refused: Refused| self.by_stranger(bytes).unwrap_or_else(|| refused.finding(self.place));
        let artifact = self.artifact().map_err(absent)?;
        let mut refusals = Vec::new();
        for root in &self.anchors.roots {
            match root.root.verify_cosigned(bytes, self.layer, artifact, root.transparency, self.at) {
                Ok(found) => return self.read_alike(found, attestation, root),
                Err(refused) => refusals.push(refused),
            }
        }
        refusals.sort_by_key(|refused| stranger(refused.code()));
        let none = || Refused::new(codes::SIGSTORE_ROOT_MISSING, "no trusted root is given");
        Err(refusals.into_iter().next().unwrap_or_else(none).finding(self.place))
    }

    /// Why every root refuses a signature over a file that is not at hand, where it would do so whatever the file is. Without the file
    /// no signature holds, so that nothing is let through here.
    fn by_stranger(&self, bytes: &[u8]) -> Option<Finding> {
        if self.subjects.is_some() {
            return None;
        }
        let refused = |root: &NamedRoot| {
            let judged = root.root.verify_keyless(bytes, Artifact::Bytes(&[]), root.transparency, self.at);
            judged.err().filter(whatever_was_signed)
        };
        let refusals = self.anchors.roots.iter().map(refused).collect::<Option<Vec<_>>>()?;
        let first = refusals.into_iter().min_by_key(|refused| stranger(refused.code()));
        first.map(|refused| refused.finding(self.place))
    }

    /// Two readers of one document must not read two statements in it.
    fn read_alike(&self, found: Keyless, attestation: &Attestation, root: &NamedRoot) -> Result<ShownSigner, Finding> {
        if found.payload.as_slice() != attestation.payload.as_deref().unwrap_or_default() {
            return Err(self.malformed("the envelope has two readings".to_owned()));
        }
        Ok(ShownSigner::Certificate {
            certificate: found.certificate,
            times: found.times,
            logged: found.logged,
            root: root.name.clone(),
        })
    }

    /// By a key that is named here.
    fn keyed(&self, bytes: &[u8], value: &Value, attestation: &Attestation) -> Result<Vec<ShownSigner>, Finding> {
        let material = value.get("verificationMaterial");
        let part = |field: &str| material.and_then(|m| m.get(field));
        let filled = |value: Option<&Value>| value.and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        let stamps = part("timestampVerificationData").and_then(|data| data.get("rfc3161Timestamps"));
        let (logged, stamped) = (filled(part("tlogEntries")), filled(stamps));
        let hint = part("publicKey").and_then(|key| key.get("hint")).and_then(Value::as_str).unwrap_or_default();
        let keys = self.anchors.called(hint);
        if keys.is_empty() {
            return Err(self.stranger_key(hint));
        }
        let mut refusal = None;
        for key in keys {
            // A witness counts by a root. A key that needs none is not refused for one that nobody here can look at.
            let looked_at = !(key.witness == KeyWitness::Nobody && self.anchors.roots.is_empty());
            let judged = if (logged || stamped) && looked_at {
                self.witnessed(key, bytes, (logged, stamped))
            } else {
                self.alone(key, value, attestation)
            };
            match judged {
                Ok(signer) => return Ok(vec![signer]),
                Err(finding) => refusal = refusal.or(Some(finding)),
            }
        }
        Err(refusal.unwrap_or_else(|| self.stranger_key(hint)))
    }

    /// What a log or a timestamp authority has seen. Each timestamp that is there holds, or the bundle does not.
    fn witnessed(&self, key: &NamedKey, bytes: &[u8], (logged, stamped): (bool, bool)) -> Result<ShownSigner, Finding> {
        let mut refusal = None;
        let artifact = self.artifact().map_err(|refused| refused.finding(self.place))?;
        let unstamped = key.witness == KeyWitness::Timestamp && !stamped;
        for root in &self.anchors.roots {
            let asked = if key.witness == KeyWitness::Nobody { None } else { Some(root.transparency) };
            match root.root.verify_managed_cosigned(bytes, self.layer, artifact, &key.key, asked, self.at) {
                // Of the root itself too, where it is asked for a timestamp: here it is said what would help.
                Err(refused) if unstamped && refused.code() == codes::TIMESTAMP_MISSING => {
                    return Err(self.unstamped(key));
                }
                Err(refused) => refusal = refusal.or_else(|| Some(refused.finding(self.place))),
                Ok(_) if unstamped => return Err(self.unstamped(key)),
                Ok(times) => {
                    // Before a timestamp there may be none: then the key has to count now.
                    let when: &[Time] = if times.is_empty() { std::slice::from_ref(&self.at) } else { &times };
                    if let Some(time) = when.iter().find(|time| !key.counts_at(**time)) {
                        return Err(self.not_valid(key, *time));
                    }
                    let (name, id) = (key.name.clone(), key.key.id());
                    return Ok(ShownSigner::Key { name, id, times, witnessed: true, logged });
                }
            }
        }
        let missing = || {
            let who = if logged { "a log" } else { "a timestamp authority" };
            let what = format!("{who} has seen this signature, and no trusted root is given");
            Finding::new(codes::SIGSTORE_ROOT_MISSING, what)
                .at(self.place)
                .help("name the instance's root: --trusted-root public-good, or a file")
        };
        Err(refusal.unwrap_or_else(missing))
    }

    /// What nobody else has seen: only where that is allowed for the key.
    fn alone(&self, key: &NamedKey, value: &Value, attestation: &Attestation) -> Result<ShownSigner, Finding> {
        let signed = self.signed().map(Artifact::Bytes);
        form::fits(value, signed).map_err(|refused| refused.finding(self.place))?;
        let signature = |part: &Value, field: &str| {
            let text = part.get(field)?.as_str()?;
            countersign_core::attestation::decoded(text)
        };
        let (message, signature) = if let Some(payload) = attestation.payload.as_deref() {
            let first = value.pointer("/dsseEnvelope/signatures/0");
            (pae(PAYLOAD_TYPE, payload), first.and_then(|part| signature(part, "sig")))
        } else {
            let bytes = self.signed().ok_or_else(|| {
                Finding::new(codes::SIGSTORE_UNSUPPORTED, "this signature is over the file: its digest is not enough")
                    .at(self.place)
                    .help("hand in the file itself")
            })?;
            (bytes.to_vec(), value.get("messageSignature").and_then(|part| signature(part, "signature")))
        };
        self.by_key_alone(key, &message, signature.as_deref().unwrap_or_default())
    }

    fn by_key_alone(&self, key: &NamedKey, message: &[u8], signature: &[u8]) -> Result<ShownSigner, Finding> {
        if !key.key.holds(message, signature) {
            let what = format!("the signature does not hold for key {}", key.name);
            return Err(Finding::new(codes::SIGNATURE_INVALID, what).at(self.place));
        }
        if key.witness != KeyWitness::Nobody {
            return Err(self.unwitnessed(key));
        }
        if !key.counts_at(self.at) {
            return Err(self.not_valid(key, self.at));
        }
        let (name, id) = (key.name.clone(), key.key.id());
        Ok(ShownSigner::Key { name, id, times: Vec::new(), witnessed: false, logged: false })
    }

    fn unwitnessed(&self, key: &NamedKey) -> Finding {
        let what = format!("key {} signed, and no log and no timestamp has seen it", key.name);
        Finding::new(codes::TRANSPARENCY_MISSING, what)
            .at(self.place)
            .expected("a log entry, or leave to do without", "the key's transparency")
            .help("where that is meant: `transparency = \"none\"` for this key in trust, or --transparency none")
    }

    fn unstamped(&self, key: &NamedKey) -> Finding {
        let what = format!("key {} signed, no timestamp authority says when, and a timestamp is asked for", key.name);
        Finding::new(codes::TIMESTAMP_MISSING, what)
            .at(self.place)
            .expected("a timestamp of an authority of the trusted root (RFC 3161)", "what is asked for")
            .found("none; a log's word for the time is no timestamp")
            .help("where the log's word is enough: leave out `--transparency timestamp`")
    }

    /// Every signature stands by itself, and each key counts once. What is no signature of a key that is named here counts as
    /// none.
    fn envelope(
        &self,
        payload_type: &str,
        attestation: &Attestation,
        signatures: &[RawSignature],
    ) -> Result<Vec<ShownSigner>, Finding> {
        self.in_toto(payload_type)?;
        let message = pae(payload_type, attestation.payload.as_deref().unwrap_or_default());
        self.any(signatures, |signature| {
            let keys = self.anchors.called(&signature.key);
            keys.into_iter().map(|key| self.by_key_alone(key, &message, &signature.bytes)).collect()
        })
    }

    /// Cloud Build signs the payload as it is, with a key of the region that the signature names.
    fn cloud_build(
        &self,
        payload_type: &str,
        attestation: &Attestation,
        signatures: &[RawSignature],
    ) -> Result<Vec<ShownSigner>, Finding> {
        self.in_toto(payload_type)?;
        let payload = attestation.payload.as_deref().unwrap_or_default();
        let encoded = pae(payload_type, payload);
        self.any(signatures, |signature| {
            let named = self.anchors.cloud(&signature.key);
            let holds = |(key, encodes): (&NamedKey, bool)| {
                let message = if encodes { &encoded } else { payload };
                if key.key.holds(message, &signature.bytes) {
                    if key.witness != KeyWitness::Nobody {
                        return Err(self.unwitnessed(key));
                    }
                    return Ok(ShownSigner::CloudBuild { name: key.name.clone(), id: key.key.id() });
                }
                let what = format!("the signature does not hold for key {}", key.name);
                Err(Finding::new(codes::SIGNATURE_INVALID, what).at(self.place))
            };
            named.into_iter().map(holds).collect()
        })
    }

    fn in_toto(&self, payload_type: &str) -> Result<(), Finding> {
        if payload_type == PAYLOAD_TYPE {
            return Ok(());
        }
        let what = format!("the payload type is `{}`", payload_type.chars().take(120).collect::<String>());
        Err(Finding::new(codes::PAYLOAD_TYPE, what).at(self.place).expected(PAYLOAD_TYPE, "countersign"))
    }

    fn any(
        &self,
        signatures: &[RawSignature],
        judge: impl Fn(&RawSignature) -> Vec<Result<ShownSigner, Finding>>,
    ) -> Result<Vec<ShownSigner>, Finding> {
        let (mut held, mut refusal): (Vec<ShownSigner>, Option<Finding>) = (Vec::new(), None);
        for signature in signatures {
            for judged in judge(signature) {
                match judged {
                    Ok(signer) if held.contains(&signer) => {}
                    Ok(signer) => held.push(signer),
                    Err(finding) => {
                        // That a key does not fit says less than that one fits and does not count.
                        let better = finding.code != codes::SIGNATURE_INVALID;
                        if better || refusal.is_none() {
                            refusal = Some(finding);
                        }
                    }
                }
            }
        }
        if !held.is_empty() {
            return Ok(held);
        }
        let named = || signatures.first().map_or("", |signature| signature.key.as_str());
        Err(refusal.unwrap_or_else(|| self.stranger_key(named())))
    }

    fn stranger_key(&self, hint: &str) -> Finding {
        let hint: String = hint.chars().take(120).collect();
        Finding::new(codes::SIGNER_UNKNOWN, "a key signed that is not given")
            .at(self.place)
            .expected("a key that is given", "the anchors")
            .found(if hint.is_empty() { "a key without a name".to_owned() } else { hint })
            .help("hand in the signer's public key with --key")
    }

    fn not_valid(&self, key: &NamedKey, time: Time) -> Finding {
        Finding::new(codes::KEY_NOT_VALID, format!("key {} does not count at {time}", key.name)).at(self.place)
    }

    fn malformed(&self, what: String) -> Finding {
        Finding::new(codes::BUNDLE_MALFORMED, what).at(self.place)
    }
}

#[cfg(test)]
mod tests;
