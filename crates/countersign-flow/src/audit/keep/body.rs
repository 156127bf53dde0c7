//! What facts hold of a package: where its documents lie, its decisions as far as questions ask of them, and what was read of
//! documents on the way. Nothing of it is believed by itself: [`super`] says what holds it.

use super::super::facts::{Gathered, Known, MadeAgain};
use super::super::holding::{Document, Listed, Package};
use super::super::kept::{Kept, KeptInputs, Range, Requested};
use super::super::reconcile::Walk;
use super::super::told::Told;
use super::said::{read_told, write_told};
use super::tables::{Shelf, Values};
use super::wire::{In, Malformed, Out, Read};
use countersign_core::decision::{ActivePolicy, BreakGlass, EvidenceRef, RuleOutcome, TrustRef};
use countersign_core::digest::Sha256;
use countersign_core::finding::{Finding, Verdict};
use countersign_core::git::{ObjectFormat, Oid};
use countersign_core::ids::{EnvName, Origin, RefName, Uri};
use countersign_core::key::KeyId;
use countersign_core::statement::Kind;
use countersign_core::time::Time;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was read.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) listed: Listed,
    pub(super) decisions: Vec<Arc<Known>>,
    pub(super) broken: BTreeMap<u64, Vec<Finding>>,
    pub(super) walked: BTreeMap<u64, Walk>,
    pub(super) told: Told,
    pub(super) again: Option<MadeAgain>,
}

/// The parts in their order, each with its length before it, so that only one is held at a time while they are written.
pub(super) fn write(
    package: &Package,
    gathered: &Gathered,
    (told, again): (&Told, Option<&MadeAgain>),
    mut to: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut part = |write: &mut dyn FnMut(&mut Out) -> Result<(), serde_json::Error>| {
        let mut out = Out::default();
        write(&mut out)?;
        let mut length = Out::default();
        length.count(out.0.len());
        to(&length.0)?;
        to(&out.0)
    };
    part(&mut |out| {
        write_listed(&package.listed, out);
        Ok(())
    })?;
    part(&mut |out| write_decisions(package, &gathered.decisions, out))?;
    part(&mut |out| out.json(&gathered.broken))?;
    part(&mut |out| {
        let none = BTreeMap::new();
        write_walked(gathered.walked.get().unwrap_or(&none), out);
        Ok(())
    })?;
    part(&mut |out| {
        write_told(package, told, out);
        Ok(())
    })?;
    part(&mut |out| out.json(&again))
}

/// All parts.
pub(super) fn read(bytes: &[u8]) -> Read<Body> {
    let mut from = In(bytes);
    let mut part = || from.bytes().map(In);
    let (mut lists, mut decisions, mut broken) = (part()?, part()?, part()?);
    let (mut walked, mut told, mut again) = (part()?, part()?, part()?);
    from.end()?;
    let listed = read_listed(&mut lists)?;
    let body = Body {
        decisions: read_decisions(&listed, &mut decisions)?,
        broken: broken.json()?,
        walked: read_walked(&mut walked)?,
        told: read_told(&listed, &mut told)?,
        again: again.json()?,
        listed,
    };
    for part in [lists, decisions, broken, walked, told, again] {
        part.end()?;
    }
    Ok(body)
}

fn write_listed(listed: &Listed, out: &mut Out) {
    out.count(listed.digests.len());
    for (name, digest) in &listed.digests {
        out.text(name);
        out.digest(digest);
    }
    out.count(listed.shards.len());
    for shard in &listed.shards {
        out.text(shard);
    }
    out.count(listed.documents.len());
    for document in &listed.documents {
        out.digest(&document.digest);
        for number in [document.shard, document.start, document.length] {
            out.number(u64::from(number));
        }
    }
}

fn read_listed(from: &mut In<'_>) -> Read<Listed> {
    let mut listed = Listed::default();
    for _ in 0..from.count(33)? {
        let name = from.text()?.to_owned();
        let digest = from.digest()?;
        if listed.digests.insert(name, digest).is_some() {
            return Err(Malformed("a file stands twice"));
        }
    }
    for _ in 0..from.count(1)? {
        listed.shards.push(from.text()?.to_owned());
    }
    let count = from.count(35)?;
    listed.documents.reserve_exact(count);
    for _ in 0..count {
        let digest = from.digest()?;
        let document = Document { digest, shard: from.small()?, start: from.small()?, length: from.small()? };
        if listed.documents.last().is_some_and(|last| last.digest >= digest) {
            return Err(Malformed("the documents are not in the order of their digests"));
        }
        listed.documents.push(document);
    }
    Ok(listed)
}

/// A digest by the place of the document that has it, or else as it is.
pub(super) fn write_digest(package: &Package, digest: &Sha256, out: &mut Out) {
    if let Some(place) = package.place(digest) {
        out.count(place.saturating_add(1));
    } else {
        out.number(0);
        out.digest(digest);
    }
}

pub(super) fn read_digest(listed: &Listed, from: &mut In<'_>) -> Read<Sha256> {
    let place: usize = from.small()?;
    match place.checked_sub(1) {
        None => from.digest(),
        Some(place) => {
            let document = listed.documents.get(place);
            document.map(|document| document.digest).ok_or(Malformed("a place is beyond the documents"))
        }
    }
}

/// What decisions share.
#[derive(Debug, Default)]
struct Shelves {
    texts: Shelf<String>,
    environments: Shelf<EnvName>,
    gates: Shelf<KeyId>,
    policies: Shelf<ActivePolicy>,
    trusts: Shelf<TrustRef>,
    repositories: Shelf<Uri>,
    refs: Shelf<RefName>,
    rules: Shelf<Vec<RuleOutcome>>,
    findings: Shelf<Vec<Finding>>,
    glasses: Shelf<BreakGlass>,
}

fn write_decisions(package: &Package, decisions: &[Arc<Known>], out: &mut Out) -> Result<(), serde_json::Error> {
    let (mut shelves, mut rows) = (Shelves::default(), Out::default());
    for known in decisions {
        write_known(package, known, &mut shelves, &mut rows)?;
    }
    shelves.texts.write(out);
    shelves.environments.write(out);
    shelves.gates.write(out);
    shelves.policies.write(out);
    shelves.trusts.write(out);
    shelves.repositories.write(out);
    shelves.refs.write(out);
    shelves.rules.write(out);
    shelves.findings.write(out);
    shelves.glasses.write(out);
    out.count(decisions.len());
    out.0.extend_from_slice(&rows.0);
    Ok(())
}

fn write_known(
    package: &Package,
    known: &Known,
    shelves: &mut Shelves,
    out: &mut Out,
) -> Result<(), serde_json::Error> {
    let Kept {
        request,
        inputs,
        verdict,
        authorised,
        source,
        rules,
        findings,
        break_glass,
        followed_up,
        followed_up_earlier,
    } = &known.content;
    out.number(known.entry);
    write_time(known.time, out);
    out.number(shelves.texts.place(&known.by)?);
    write_digest(package, &request.subject, out);
    out.number(shelves.texts.place(&request.subject_name)?);
    out.number(shelves.environments.place(&request.environment)?);
    write_time(request.time, out);
    out.number(shelves.gates.place(&request.gate)?);
    let policy = inputs.policy.as_ref().map(|one| shelves.policies.place(one)).transpose()?;
    write_option(policy, out, |number, out| out.number(number));
    let trust = inputs.trust.as_ref().map(|one| shelves.trusts.place(one)).transpose()?;
    write_option(trust, out, |number, out| out.number(number));
    write_option(inputs.evidence.as_deref(), out, |all, out| {
        out.count(all.len());
        for one in all {
            let kind = one.kind.and_then(|kind| Kind::ALL.iter().position(|known| *known == kind));
            out.count(kind.map_or(0, |place| place.saturating_add(1)));
            write_digest(package, &one.digest, out);
        }
    });
    out.count(inputs.captures.len());
    for one in &inputs.captures {
        write_digest(package, one, out);
    }
    for one in [&inputs.git, &inputs.witnessed, &inputs.gate_root] {
        write_option(one.as_ref(), out, |digest, out| write_digest(package, digest, out));
    }
    out.number(match verdict {
        Verdict::Pass => 0,
        Verdict::Fail => 1,
        Verdict::Indeterminate => 2,
    });
    out.number(u64::from(*authorised));
    let source = source.as_deref().map(|range| {
        let places = (shelves.repositories.place(&range.repository)?, shelves.refs.place(&range.target_ref)?);
        Ok::<_, serde_json::Error>((range, places))
    });
    write_option(source.transpose()?, out, |(range, (repository, target)), out| {
        out.number(repository);
        out.number(target);
        out.bytes(range.revision.as_bytes());
        out.bytes(range.start.as_bytes());
        out.number(range.commits);
    });
    out.number(shelves.rules.place(rules)?);
    out.number(shelves.findings.place(findings)?);
    let glass = break_glass.as_deref().map(|glass| shelves.glasses.put(glass)).transpose()?;
    write_option(glass, out, |number, out| out.number(number));
    out.count(followed_up.len());
    for entry in followed_up {
        out.number(*entry);
    }
    out.count(followed_up_earlier.len());
    for (log, entries) in followed_up_earlier {
        out.text(log.as_str());
        out.count(entries.len());
        for entry in entries {
            out.number(*entry);
        }
    }
    Ok(())
}

fn write_option<T>(value: Option<T>, out: &mut Out, write: impl FnOnce(T, &mut Out)) {
    match value {
        None => out.number(0),
        Some(value) => {
            out.number(1);
            write(value, out);
        }
    }
}

fn write_time(time: Time, out: &mut Out) {
    out.number(u64::try_from(time.unix()).unwrap_or_default());
}

/// What decisions share, read.
struct Shared {
    texts: Values<String>,
    environments: Values<EnvName>,
    gates: Values<KeyId>,
    policies: Values<ActivePolicy>,
    trusts: Values<TrustRef>,
    repositories: Values<Uri>,
    refs: Values<RefName>,
    rules: Values<Vec<RuleOutcome>>,
    findings: Values<Vec<Finding>>,
    glasses: Values<BreakGlass>,
}

fn read_decisions(listed: &Listed, from: &mut In<'_>) -> Read<Vec<Arc<Known>>> {
    let shared = Shared {
        texts: Values::read(from)?,
        environments: Values::read(from)?,
        gates: Values::read(from)?,
        policies: Values::read(from)?,
        trusts: Values::read(from)?,
        repositories: Values::read(from)?,
        refs: Values::read(from)?,
        rules: Values::read(from)?,
        findings: Values::read(from)?,
        glasses: Values::read(from)?,
    };
    let count = from.count(LEAST)?;
    let mut out: Vec<Arc<Known>> = Vec::with_capacity(count);
    for _ in 0..count {
        let known = read_known(listed, &shared, from)?;
        if out.last().is_some_and(|last| last.entry >= known.entry) {
            return Err(Malformed("the decisions are not in the order of the log"));
        }
        out.push(Arc::new(known));
    }
    Ok(out)
}

/// A decision takes so many bytes at least.
const LEAST: usize = 20;

fn read_known(listed: &Listed, shared: &Shared, from: &mut In<'_>) -> Read<Known> {
    let entry = from.number()?;
    let time = read_time(from)?;
    let by = shared.texts.next(from)?;
    let request = Requested {
        subject: read_digest(listed, from)?,
        subject_name: shared.texts.next(from)?,
        environment: shared.environments.next(from)?,
        time: read_time(from)?,
        gate: shared.gates.next(from)?,
    };
    let policy = read_option(from, |from| shared.policies.next(from))?;
    let trust = read_option(from, |from| shared.trusts.next(from))?;
    let evidence = read_option(from, |from| {
        let count = from.count(2)?;
        (0..count).map(|_| read_evidence(listed, from)).collect()
    })?;
    let captures = (0..from.count(1)?).map(|_| read_digest(listed, from)).collect::<Read<_>>()?;
    let mut digest = || read_option(from, |from| read_digest(listed, from));
    let inputs =
        KeptInputs { policy, trust, evidence, captures, git: digest()?, witnessed: digest()?, gate_root: digest()? };
    let verdict = match from.number()? {
        0 => Verdict::Pass,
        1 => Verdict::Fail,
        2 => Verdict::Indeterminate,
        _ => return Err(Malformed("a verdict is none that there is")),
    };
    let content = Kept {
        request,
        inputs,
        verdict,
        authorised: read_option(from, |_| Ok(()))?.is_some(),
        source: read_option(from, |from| read_range(shared, from).map(Box::new))?,
        rules: shared.rules.next(from)?,
        findings: shared.findings.next(from)?,
        break_glass: read_option(from, |from| shared.glasses.next(from))?.map(|glass| Box::new((*glass).clone())),
        followed_up: (0..from.count(1)?).map(|_| from.number()).collect::<Read<_>>()?,
        followed_up_earlier: (0..from.count(2)?).map(|_| read_earlier(from)).collect::<Read<_>>()?,
    };
    Ok(Known { entry, time, content, by })
}

fn read_earlier(from: &mut In<'_>) -> Read<(Origin, Vec<u64>)> {
    let log = Origin::new(from.text()?).map_err(|_form| Malformed("a log's name is none"))?;
    Ok((log, (0..from.count(1)?).map(|_| from.number()).collect::<Read<_>>()?))
}

fn read_evidence(listed: &Listed, from: &mut In<'_>) -> Read<EvidenceRef> {
    let place: usize = from.small()?;
    let kind = match place.checked_sub(1) {
        None => None,
        Some(place) => Some(*Kind::ALL.get(place).ok_or(Malformed("a kind is none that there is"))?),
    };
    Ok(EvidenceRef { digest: read_digest(listed, from)?, kind, against: None })
}

fn read_range(shared: &Shared, from: &mut In<'_>) -> Read<Range> {
    Ok(Range {
        repository: shared.repositories.next(from)?,
        target_ref: shared.refs.next(from)?,
        revision: read_oid(from)?,
        start: read_oid(from)?,
        commits: from.number()?,
    })
}

pub(super) fn read_oid(from: &mut In<'_>) -> Read<Oid> {
    let bytes = from.bytes()?;
    let format = if bytes.len() == 20 { ObjectFormat::Sha1 } else { ObjectFormat::Sha256 };
    Oid::from_bytes(format, bytes).ok_or(Malformed("an object's id is of no form"))
}

fn read_option<'b, T>(from: &mut In<'b>, read: impl FnOnce(&mut In<'b>) -> Read<T>) -> Read<Option<T>> {
    match from.number()? {
        0 => Ok(None),
        1 => read(from).map(Some),
        _ => Err(Malformed("neither yes nor no stands where one of them does")),
    }
}

fn read_time(from: &mut In<'_>) -> Read<Time> {
    Time::from_unix(from.small()?).map_err(|_range| Malformed("a time is out of range"))
}

fn write_walked(walked: &BTreeMap<u64, Walk>, out: &mut Out) {
    out.count(walked.len());
    for (entry, walk) in walked {
        out.number(*entry);
        match walk {
            Ok(commits) => {
                out.number(0);
                out.number(*commits);
            }
            Err(why) => {
                out.number(1);
                out.text(why);
            }
        }
    }
}

fn read_walked(from: &mut In<'_>) -> Read<BTreeMap<u64, Walk>> {
    let mut out = BTreeMap::new();
    for _ in 0..from.count(3)? {
        let entry = from.number()?;
        let walk = match from.number()? {
            0 => Ok(from.number()?),
            1 => Err(from.text()?.to_owned()),
            _ => return Err(Malformed("neither yes nor no stands where one of them does")),
        };
        out.insert(entry, walk);
    }
    Ok(out)
}
