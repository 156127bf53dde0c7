//! What another tool signed, against our trust: whose keys made which of an envelope's signatures. Each signature stands by
//! itself; the other tool's own policies and root keys have no say.

use crate::keys;
use crate::ssh::{self, GIT_NAMESPACE};
use crate::trust::VerifiedTrust;
use countersign_core::forge::foreign::{Envelope, EnvelopeSignature, Foreign, Material, read};
use countersign_core::ids::{PersonId, RoleName, Uri};
use countersign_core::key::KeyId;
use countersign_core::time::Time;
use countersign_core::trust::{OwnedKey, Owner};
use std::collections::BTreeSet;

/// A statement of another tool, with what each of its signatures shows. Only this crate makes one.
#[derive(Debug, Clone)]
pub struct ForeignStatement {
    said: Option<Foreign>,
    signers: Vec<ForeignSigner>,
}

impl ForeignStatement {
    /// What it says; `None` if it is of a kind that is not read.
    #[must_use]
    pub const fn said(&self) -> Option<&Foreign> {
        self.said.as_ref()
    }

    /// What each signature shows, in their order.
    #[must_use]
    pub fn signers(&self) -> &[ForeignSigner] {
        &self.signers
    }
}

/// What one signature shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForeignSigner {
    /// A person's key made it, and the key counts.
    Person(PersonId),
    /// A collector's key made it, and the key counts.
    Collector(RoleName),
    /// A gate's key made it, and the key counts.
    Gate(Uri),
    /// Another key of trust made it, whose owner vouches for nothing here.
    Other(String),
    /// Nobody can be named for it; why not.
    Nobody(String),
}

impl ForeignSigner {
    /// Who signed, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Person(id) => format!("person {id}"),
            Self::Collector(name) => format!("collector {name}"),
            Self::Gate(id) => format!("gate {id}"),
            Self::Other(owner) => owner.clone(),
            Self::Nobody(_) => "nobody that trust knows".to_owned(),
        }
    }
}

/// Reads a document of another tool, and finds out who signed it. An error says in words why it is not read.
pub fn verify_foreign(bytes: &[u8], trust: &VerifiedTrust, at: Time) -> Result<ForeignStatement, String> {
    let envelope = Envelope::parse(bytes).map_err(|error| error.to_string())?;
    let said = read(&envelope.payload).map_err(|error| error.to_string())?;
    let message = envelope.pae();
    let mut seen = BTreeSet::new();
    let signers = envelope
        .signatures
        .iter()
        .map(|signature| match signed_by(&envelope, signature, &message, trust) {
            Err(why) => ForeignSigner::Nobody(why),
            // One key is one signer, however often it signs.
            Ok((_, owned)) if !seen.insert(owned.key.id()) => {
                ForeignSigner::Nobody("the same key signed it before".to_owned())
            }
            Ok((owner, owned)) if !owned.counts_at(at) => {
                ForeignSigner::Nobody(format!("a key of {} that does not count at {at}", owner.describe()))
            }
            Ok((Owner::Person(person), _)) => ForeignSigner::Person(person.id.clone()),
            Ok((Owner::Collector(collector), _)) => ForeignSigner::Collector(collector.name.clone()),
            Ok((Owner::Gate(gate), _)) => ForeignSigner::Gate(gate.id.clone()),
            Ok((owner @ (Owner::Builder(_) | Owner::Log(_) | Owner::Verifier(_) | Owner::Witness(_)), _)) => {
                ForeignSigner::Other(owner.describe())
            }
        })
        .collect();
    Ok(ForeignStatement { said, signers })
}

/// The key of trust that made a signature. An SSH signature carries its key, and is made in git's own namespace; of a raw
/// one the key's name has to be one of ours.
fn signed_by<'t>(
    envelope: &Envelope,
    signature: &EnvelopeSignature,
    message: &[u8],
    trust: &'t VerifiedTrust,
) -> Result<(Owner<'t>, &'t OwnedKey), String> {
    let unknown = || "a key that is not in trust".to_owned();
    let armor = std::str::from_utf8(&signature.bytes).ok().filter(|text| text.trim_start().starts_with("-----BEGIN "));
    if let Some(armor) = armor {
        if !armor.trim_start().starts_with("-----BEGIN SSH SIGNATURE-----") {
            return Err("an armoured signature that is not one of SSH".to_owned());
        }
        let key = ssh::verify(armor, GIT_NAMESPACE, message).map_err(|error| error.to_string())?;
        return trust.trust().owner_of(&key.id()).ok_or_else(unknown);
    }
    if envelope.material == Material::Certificate {
        return Err("a certificate, which is not checked here".to_owned());
    }
    let hint = match &envelope.material {
        Material::Key(hint) => *hint,
        Material::None | Material::Certificate => None,
    };
    let named = KeyId::from_hint(&signature.keyid).or_else(|| format!("sha256:{}", signature.keyid).parse().ok());
    let (owner, owned) = named.or(hint).and_then(|id| trust.trust().owner_of(&id)).ok_or_else(unknown)?;
    if !keys::envelope_signature_holds(&owned.key, message, &signature.bytes) {
        return Err(format!("the signature does not hold for the key of {} that it names", owner.describe()));
    }
    Ok((owner, owned))
}
