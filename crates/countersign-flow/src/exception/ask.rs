//! The document of an exception: who asks signs it first, approvers sign the same bytes after that.

use crate::error::FlowError;
use crate::files;
use crate::outside::TrustFile;
use crate::people::{self, By, CoSigned};
use crate::policy::activate::{anchored, refuse};
use countersign_core::bundle::Signed;
use countersign_core::codes;
use countersign_core::exception::{Category, Exception};
use countersign_core::finding::Finding;
use countersign_core::ids::{Origin, PersonId};
use countersign_core::limits;
use countersign_core::statement::{Kind, Statement};
use countersign_core::time::Time;
use countersign_core::trust::{EXCEPTION_NAMESPACE, Owner, ROLE_BREAK_GLASS, ROLE_EXCEPTIONS, Trust};
use countersign_record::atomic::write_atomic;
use countersign_sign::{PersonKey, SshKeygen};
use countersign_verify::exception::{ExceptionContext, SoFar, so_far, subjects_of};
use std::path::Path;

/// What an exception is asked for with, beside what it says.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// What it says; requester and log are filled in from key and trust.
    pub exception: Exception,
    /// The log in which it is to count; that of trust where there is one only.
    pub log: Option<Origin>,
    /// Who asks.
    pub key: &'a PersonKey,
    /// The program that signs with SSH keys.
    pub keygen: &'a SshKeygen,
    /// Trust, with its digest from outside.
    pub trust: &'a TrustFile,
    /// Where it is written.
    pub output: &'a Path,
    /// The time.
    pub at: Time,
}

/// A document, and who has signed it so far.
#[derive(Debug)]
pub struct Asked {
    /// Who has signed.
    pub so_far: SoFar,
    /// Whether a signature was added.
    pub added: bool,
}

/// Writes an exception, signed by who asks for it. It does not count before others have approved it and it is in the log.
pub fn request(wanted: Wanted<'_>) -> Result<Asked, FlowError> {
    let trust = anchored(wanted.trust)?.trust();
    if wanted.output.exists() {
        return Err(FlowError::Exists { path: wanted.output.to_owned() });
    }
    let mut exception = wanted.exception;
    exception.requester = person_of(wanted.key, wanted.keygen, trust)?;
    exception.log = match wanted.log {
        Some(origin) => origin,
        None => only_log(trust)?,
    };
    let place = wanted.output.display().to_string();
    let statement = Statement::new(Kind::Exception, subjects_of(&exception), &exception)?;
    let signed = people::add_signature(
        wanted.output,
        &statement,
        EXCEPTION_NAMESPACE,
        By::Key(wanted.key, wanted.keygen),
        None,
    )?;
    let context = context(trust, &exception.log, wanted.at);
    let so_far = so_far(&signed.bytes, &context, &place).map_err(FlowError::Refused)?;
    write_atomic(wanted.output, &signed.bytes, 0o644)?;
    Ok(Asked { so_far, added: signed.added })
}

/// Adds an approval to the file. Who asked, and who is not of the role, is refused here, and would not count in the log.
pub fn approve(
    file: &Path,
    key: &PersonKey,
    keygen: &SshKeygen,
    trust: &TrustFile,
    at: Time,
) -> Result<Asked, FlowError> {
    let trust = anchored(trust)?.trust();
    let place = file.display().to_string();
    let bytes = files::read(file, limits::COLLECTION_BYTES)?;
    let exception = read(&bytes, &place)?;
    let context = context(trust, &exception.log, at);
    so_far(&bytes, &context, &place).map_err(FlowError::Refused)?;
    let person = person_of(key, keygen, trust)?;
    let name = if exception.category == Category::Emergency { ROLE_BREAK_GLASS } else { ROLE_EXCEPTIONS };
    let of_role = trust.role(name).is_some_and(|role| role.persons.contains(&person));
    if person == exception.requester || !of_role {
        let found =
            if person == exception.requester { format!("{person}, who asks for it") } else { person.to_string() };
        refuse(vec![
            Finding::new(codes::SIGNER_NOT_ALLOWED, "this person's approval of the exception would not count")
                .at("--key")
                .expected(
                    format!("a person of role `{name}` other than {}", exception.requester),
                    format!("trust, version {}", trust.version),
                )
                .found(found)
                .help("ask somebody of that role to approve it"),
        ])?;
    }
    let statement = Statement::new(Kind::Exception, subjects_of(&exception), &exception)?;
    let CoSigned { bytes, added, .. } =
        people::add_signature(file, &statement, EXCEPTION_NAMESPACE, By::Key(key, keygen), None)?;
    let so_far = so_far(&bytes, &context, &place).map_err(FlowError::Refused)?;
    write_atomic(file, &bytes, 0o644)?;
    Ok(Asked { so_far, added })
}

/// The exception that a file carries, as it stands there.
pub(super) fn read(bytes: &[u8], place: &str) -> Result<Exception, FlowError> {
    let malformed = |what: String| FlowError::Refused(vec![Finding::new(codes::EXCEPTION_MALFORMED, what).at(place)]);
    let documents = Signed::parse_lines(bytes).map_err(|error| malformed(error.to_string()))?;
    let (_, first) = documents.first().ok_or_else(|| malformed("the file holds no document".to_owned()))?;
    let statement = Statement::parse(&first.payload).map_err(|error| malformed(error.to_string()))?;
    statement.predicate_as(Kind::Exception).map_err(|error| malformed(error.to_string()))
}

/// A document is judged by the trust of now, as the next entry will be.
pub(super) const fn context<'a>(trust: &'a Trust, origin: &'a Origin, time: Time) -> ExceptionContext<'a> {
    ExceptionContext { trust, newest: trust, origin, entry: 0, time }
}

/// The person of trust whose key this is.
pub(super) fn person_of(key: &PersonKey, keygen: &SshKeygen, trust: &Trust) -> Result<PersonId, FlowError> {
    let id = key.public(keygen)?.id();
    let found = match trust.owner_of(&id) {
        Some((Owner::Person(person), _)) => return Ok(person.id.clone()),
        Some((owner, _)) => owner.describe(),
        None => format!("key {id}, which is not in trust"),
    };
    Err(FlowError::Refused(vec![
        Finding::new(codes::SIGNER_NOT_ALLOWED, "this key is not a person's")
            .at("--key")
            .expected("a key of a person", format!("trust, version {}", trust.version))
            .found(found)
            .help("`countersign trust show` lists every key that trust knows"),
    ]))
}

fn only_log(trust: &Trust) -> Result<Origin, FlowError> {
    match trust.logs.as_slice() {
        [log] => Ok(log.origin.clone()),
        logs => {
            let names: Vec<&str> = logs.iter().map(|log| log.origin.as_str()).collect();
            Err(FlowError::Usage(format!("trust has {} logs: name one with --log: {}", logs.len(), names.join(", "))))
        }
    }
}

/// A moment as it is given: a time, the beginning of a day, or a number of days from now such as `30d`.
pub fn when(text: &str, at: Time) -> Result<Time, FlowError> {
    const DAY: i64 = 24 * 60 * 60;
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u16>().ok());
    let day = || format!("{text}T00:00:00Z").parse().ok();
    let time = days.map(|days| at.plus(DAY.saturating_mul(i64::from(days)))).or_else(|| text.parse().ok()).or_else(day);
    time.ok_or_else(|| {
        FlowError::Usage(format!("{text:?} is no time: write `2026-12-24T10:00:00Z`, `2026-12-24` or `30d`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_day_or_a_number_of_days() {
        let at: Time = "2026-11-22T10:00:00Z".parse().unwrap();
        let read = |text: &str| when(text, at).map(|time| time.to_string()).ok();
        assert_eq!(read("30d").as_deref(), Some("2026-12-22T10:00:00Z"));
        assert_eq!(read("2026-12-24").as_deref(), Some("2026-12-24T00:00:00Z"));
        assert_eq!(read("2026-12-24T10:00:00Z").as_deref(), Some("2026-12-24T10:00:00Z"));
        for text in ["", "d", "never", "-3d", "2026-13-01", "30", "2026-12-24T10:00:00+01:00"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
