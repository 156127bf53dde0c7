//! Who acted, as the program writes it into an entry of the log.

use crate::world::World;
use countersign_core::bundle::{Signature, Signed};
use countersign_core::digest::Sha256;
use countersign_core::ids::PersonId;
use countersign_core::statement::Kind;
use countersign_sign::SigningKey;

/// Of what persons record, those whose keys signed the entry's document; nobody of what gates and the trust role sign.
pub(crate) fn acted(world: &World, kind: Kind, statements: &[Sha256]) -> Vec<PersonId> {
    let by_persons = matches!(
        kind,
        Kind::PolicyActivation | Kind::Exception | Kind::ExceptionEnd | Kind::ManualEvidence | Kind::Erasure
    );
    let document = statements.first().filter(|_| by_persons).and_then(|digest| world.shelf.0.get(digest));
    let signed = document.and_then(|bytes| Signed::parse_lines(bytes).ok()).unwrap_or_default();
    let by = |key: &SigningKey| {
        let id = key.public().id();
        signed.iter().any(|(_, one)| matches!(&one.by, Signature::Dsse { hint: Some(hint), .. } if *hint == id))
    };
    let who = world.people.iter().filter(|(_, key)| by(key));
    who.map(|(id, _)| PersonId::new(id).expect("an id")).collect()
}
