//! A statement that several persons signed: one document a line, all over the same bytes. Persons are counted, not
//! signatures.

use crate::document::{SignedBy, SignerName, identity, read_statement, signer};
use crate::sigstore::Roots;
use countersign_core::bundle::{Signature, Signed};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::{Code, Finding};
use countersign_core::ids::PersonId;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_core::trust::{Owner, Role, Trust};
use std::collections::{BTreeMap, BTreeSet};

/// A statement with every document that signs it.
#[derive(Debug, Clone)]
pub(crate) struct Cosigned {
    pub statement: Statement,
    pub documents: Vec<Signed>,
    /// The trusted roots that lie beside the signatures, for those by certificates.
    pub roots: Vec<Vec<u8>>,
    pub digest: Sha256,
}

/// Reads a file of one document a line, all over the same payload and of this kind.
pub(crate) fn read(bytes: &[u8], kind: Kind, malformed: Code, place: &str) -> Result<Cosigned, Vec<Finding>> {
    let documents = Signed::parse_lines(bytes).map_err(|error| {
        let code = if error.code() == codes::NO_STATEMENTS { malformed } else { error.code() };
        vec![Finding::new(code, error.to_string()).at(place)]
    })?;
    let documents: Vec<Signed> = documents.into_iter().map(|(_, signed)| signed).collect();
    let Some(first) = documents.first() else {
        return Err(vec![Finding::new(malformed, "the file holds no document").at(place)]);
    };
    if let Some(at) = documents.iter().position(|other| other.payload != first.payload) {
        return Err(vec![
            Finding::new(malformed, "the documents in this file do not sign the same statement")
                .at(place)
                .found(format!("document {} differs from document 1", at.saturating_add(1))),
        ]);
    }
    let statement = read_statement(first, place)?;
    if statement.kind() != Some(kind) {
        return Err(vec![
            Finding::new(codes::PREDICATE_MISMATCH, format!("this is not a statement of kind {}", kind.word()))
                .at(place)
                .expected(kind.predicate_type(), "the command")
                .found(statement.predicate_type.as_str()),
        ]);
    }
    Ok(Cosigned { statement, documents, roots: Signed::roots_among(bytes), digest: Sha256::of(bytes) })
}

/// The persons of a role among the signers, each once, and what was wrong with the other signatures.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub persons: BTreeMap<PersonId, SignedBy>,
    pub problems: Vec<Finding>,
    pub notes: Vec<String>,
}

/// Whose signatures count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judges<'t> {
    /// Who may.
    pub role: &'t Role,
    /// By this trust.
    pub trust: &'t Trust,
    /// With keys that this one, the newest, has not withdrawn since. It makes nobody a member of the role.
    pub newest: &'t Trust,
}

/// Counts distinct persons of a role whose signatures hold at that time. One of a person outside the role is only noted.
pub(crate) fn count(cosigned: &Cosigned, kind: Kind, judges: Judges<'_>, at: Time, place: &str) -> Count {
    let Judges { role, trust, newest } = judges;
    let mut out = Count::default();
    let by_identity = Certificates::new(cosigned, judges);
    for (i, document) in cosigned.documents.iter().enumerate() {
        let line = format!("{place}, signature {}", i.saturating_add(1));
        let by = match &by_identity {
            Some(judge) if is_certificate(document) => {
                identity(document, &cosigned.statement, kind, (trust, &judge.then), at, &line).map_err(lacks_root)
            }
            _ => signer(document, kind, trust, at, &line),
        };
        match by {
            Err(finding) => out.problems.push(finding),
            Ok(by) => {
                if let SignerName::Person(id) = &by.owner
                    && role.persons.contains(id)
                {
                    let still = match &by_identity {
                        Some(judge) if is_certificate(document) => {
                            judge.still(document, cosigned, kind, &by, newest, at)
                        }
                        _ => still_counts(&by, id, newest, at).then_some(()).ok_or_else(|| "the key".to_owned()),
                    };
                    if let Err(what) = still {
                        out.notes.push(format!("{what} of {id} does not count under trust version {}", newest.version));
                    } else if out.persons.insert(id.clone(), by.clone()).is_some() {
                        out.notes.push(format!("{id} signed more than once, counted once"));
                    }
                } else {
                    out.notes.push(format!("{} is not in the role", by.owner.describe()));
                }
            }
        }
    }
    out
}

/// By what certificates are judged: who may, by the trust of then; and again by the newest, with its own root of the same
/// instance, so that neither one who left nor an authority that was withdrawn counts. Where the two are one, once.
struct Certificates {
    then: Roots,
    now: Option<Roots>,
}

impl Certificates {
    /// `None` where no certificate signed.
    fn new(cosigned: &Cosigned, Judges { trust, newest, .. }: Judges<'_>) -> Option<Self> {
        if !cosigned.documents.iter().any(is_certificate) {
            return None;
        }
        let digests: Vec<Sha256> = cosigned.roots.iter().map(|bytes| Sha256::of(bytes)).collect();
        // One that does not parse is not at hand, which is said of whoever needs it.
        let among = |trust: &Trust| Roots::among(trust, digests.iter().zip(cosigned.roots.iter().map(Vec::as_slice))).0;
        if trust == newest {
            return Some(Self { then: among(trust), now: None });
        }
        Some(Self { then: among(trust).of_any_age(), now: Some(among(newest)) })
    }

    fn still(
        &self,
        document: &Signed,
        cosigned: &Cosigned,
        kind: Kind,
        by: &SignedBy,
        newest: &Trust,
        at: Time,
    ) -> Result<(), String> {
        let Some(now) = &self.now else { return Ok(()) };
        match identity(document, &cosigned.statement, kind, (newest, now), at, "") {
            Ok(again) if again.owner == by.owner => Ok(()),
            Ok(_) => Err("the identity".to_owned()),
            Err(finding) => Err(format!("the identity ({})", finding.what)),
        }
    }
}

fn is_certificate(document: &Signed) -> bool {
    matches!(document.by, Signature::Certificate { .. })
}

/// Roots lie in the file itself, so that whoever reads it years later has them.
fn lacks_root(finding: Finding) -> Finding {
    if finding.code != codes::SIGSTORE_ROOT_MISSING {
        return finding;
    }
    finding.help("the trusted root that trust names has to be a line of this file: signing with --keyless and --trusted-root adds it")
}

/// Whether a newer trust still lists the key as that person's, and lets it count at that time.
fn still_counts(by: &SignedBy, id: &PersonId, newest: &Trust, at: Time) -> bool {
    newest
        .owner_of(&by.key)
        .is_some_and(|(owner, owned)| matches!(owner, Owner::Person(person) if person.id == *id) && owned.counts_at(at))
}

/// Signatures that do not hold. One among good ones spoils the file: nobody signs a file that holds a broken signature.
pub(crate) fn broken(count: &Count) -> Vec<Finding> {
    count.problems.iter().filter(|finding| finding.code == codes::SIGNATURE_INVALID).cloned().collect()
}

/// The ids of those counted.
pub(crate) fn ids(count: &Count) -> BTreeSet<PersonId> {
    count.persons.keys().cloned().collect()
}
