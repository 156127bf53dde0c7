//! Who may decide: the gate that trust pairs with a key, or with what a certificate shows.

use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::ids::{EnvName, Uri};
use countersign_core::key::KeyId;
use countersign_core::time::Time;
use countersign_core::trust::{Owner, ShownIdentity, Trust};

/// The gate that a key belongs to, or, where an identity is to sign, the identity; if trust lets it decide for an
/// environment at a time.
pub fn known_gate<'t>(
    trust: &'t Trust,
    (key, shown): (&KeyId, Option<&ShownIdentity>),
    environment: &EnvName,
    at: Time,
) -> Result<&'t Uri, Box<Finding>> {
    match shown {
        None => by_key(trust, key, environment, at),
        Some(shown) => by_identity(trust, shown, environment, at),
    }
}

fn by_key<'t>(trust: &'t Trust, key: &KeyId, environment: &EnvName, at: Time) -> Result<&'t Uri, Box<Finding>> {
    let found = match trust.owner_of(key) {
        Some((Owner::Gate(gate), owned)) if gate.environments.contains(environment) && owned.counts_at(at) => {
            return Ok(&gate.id);
        }
        Some((owner, owned)) if owned.counts_at(at) => format!("key {key} of {}", owner.describe()),
        Some((owner, _)) => format!("key {key} of {}, which does not count at {at}", owner.describe()),
        None => format!("key {key}, which is not in trust"),
    };
    Err(Box::new(
        Finding::new(codes::GATE_UNKNOWN, format!("this is not the key of a gate that decides for {environment}"))
            .at("--key")
            .expected(gates_of(trust, environment, at), format!("trust, version {}", trust.version))
            .found(found)
            .help("give the gate's key with --key; `countersign trust show` lists every key that trust knows"),
    ))
}

/// An identity is one by a root that trust names, and that is not too old to judge by.
fn by_identity<'t>(
    trust: &'t Trust,
    shown: &ShownIdentity,
    environment: &EnvName,
    at: Time,
) -> Result<&'t Uri, Box<Finding>> {
    let by_trust = || format!("trust, version {}", trust.version);
    let Some(root) = trust.sigstore_root(&shown.root) else {
        return Err(Box::new(
            Finding::new(
                codes::SIGSTORE_ROOT_MISSING,
                "trust does not name this trusted root, so nobody's identity counts",
            )
            .at("--trusted-root")
            .expected("a root in `sigstore_roots`, by its digest", by_trust())
            .found(shown.root.to_string())
            .help("name the file that trust was made with, or have trust name this one: `countersign trust root`"),
        ));
    };
    if root.stale_at(at) {
        return Err(Box::new(
            Finding::new(
                codes::SIGSTORE_ROOT_STALE,
                format!("the trusted root of Sigstore instance {} is too old", root.name),
            )
            .at("--trusted-root")
            .expected(format!("one fetched at most {} days before {at}", root.max_age_days), by_trust())
            .found(format!("fetched at {}", root.fetched))
            .help("fetch the instance's trusted root, and write its digest and date into the next version of trust"),
        ));
    }
    let owners = trust.owners_of_shown(shown);
    let other = |first: &Owner<'_>| owners.iter().find(|(owner, _)| owner.describe() != first.describe());
    let counts = owners.iter().any(|(_, identity)| identity.counts_at(at));
    let found = match owners.first() {
        Some((first, _)) if other(first).is_some() => {
            let both = owners.iter().map(|(owner, _)| owner.describe()).collect::<Vec<_>>().join(" and of ");
            format!("{}, an identity of {both}", shown.describe())
        }
        Some((Owner::Gate(gate), _)) if gate.environments.contains(environment) && counts => return Ok(&gate.id),
        Some((owner, _)) if counts => format!("{}, an identity of {}", shown.describe(), owner.describe()),
        Some((owner, _)) => {
            format!("{}, an identity of {}, which does not count at {at}", shown.describe(), owner.describe())
        }
        None => format!("{}, which is not in trust", shown.describe()),
    };
    Err(Box::new(
        Finding::new(codes::GATE_UNKNOWN, format!("this is not an identity of a gate that decides for {environment}"))
            .at("--keyless")
            .expected(gates_of(trust, environment, at), by_trust())
            .found(found)
            .help("run the gate in the workflow, at the commit and in the protected environment that trust names; `countersign trust show` lists them"),
    ))
}

/// The keys and identities of the gates that decide there.
fn gates_of(trust: &Trust, environment: &EnvName, at: Time) -> String {
    let gates = || trust.gates.iter().filter(|gate| gate.environments.contains(environment));
    let keys = gates().flat_map(|gate| gate.keys.iter().map(move |owned| (gate, owned)));
    let identities = gates().flat_map(|gate| gate.identities.iter().map(move |identity| (gate, identity)));
    let known: Vec<String> = keys
        .filter(|(_, owned)| owned.counts_at(at))
        .map(|(gate, owned)| format!("key {} of gate {}", owned.key.id(), gate.id))
        .chain(identities.filter(|(_, identity)| identity.counts_at(at)).map(|(gate, identity)| {
            format!("identity {}, by {}, of gate {}", identity.subject.text(), identity.issuer.text(), gate.id)
        }))
        .collect();
    if known.is_empty() { format!("a gate of {environment}; trust has none") } else { known.join(", or ") }
}
