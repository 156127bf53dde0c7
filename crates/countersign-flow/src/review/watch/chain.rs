//! The journal as a chain of signed records: written one by one, and checked whole when a watcher starts.

use super::Whom;
use crate::build;
use crate::error::FlowError;
use countersign_core::bundle::{Signature, Signed};
use countersign_core::codes;
use countersign_core::digest::Sha256;
use countersign_core::finding::Finding;
use countersign_core::statement::forge_watch::{ForgeWatch, Watched};
use countersign_core::statement::{Kind, Statement, Subject};
use countersign_core::time::Time;
use countersign_record::journal::{Journal, JournalError};
use countersign_sign::SigningKey;
use countersign_verify::keys::envelope_signature_holds;
use std::path::Path;

/// The journal of one watcher.
#[derive(Debug)]
pub(super) struct Chain {
    journal: Journal,
    session: String,
    /// The time of the last record: time does not go back in it.
    newest: Option<Time>,
}

/// What a chain holds when it is opened.
#[derive(Debug)]
pub(super) struct Held {
    pub chain: Chain,
    pub records: Vec<ForgeWatch>,
    /// Bytes of a line that was being written when the watcher died.
    pub torn: usize,
}

impl Chain {
    /// Opens it, and checks every record.
    pub(super) fn open(folder: &Path, session: &str, whom: &Whom, key: &SigningKey) -> Result<Held, FlowError> {
        let opened = Journal::open(folder).map_err(|error| match &error {
            JournalError::Altered { line, why, .. } => altered(*line, why),
            JournalError::Disk(_)
            | JournalError::InUse { .. }
            | JournalError::TooLarge { .. }
            | JournalError::Line { .. }
            | JournalError::Broken { .. }
            | _ => FlowError::from(error),
        })?;
        let mut records: Vec<ForgeWatch> = Vec::new();
        let mut previous: Option<Sha256> = None;
        for (n, line) in (0_u64..).zip(&opened.lines) {
            let record = read(line, key).map_err(|why| altered(n, &why))?;
            if record.sequence != n || record.previous != previous {
                return Err(altered(n, "it does not follow the record before it"));
            }
            if !whom.is(&record) {
                return Err(altered(n, "it is about another repository: a folder of state is for one"));
            }
            if records.last().is_some_and(|before| before.at > record.at) {
                return Err(altered(n, "it is older than the record before it"));
            }
            previous = Some(Sha256::of(line));
            records.push(record);
        }
        let newest = records.last().map(|record| record.at);
        let chain = Self { journal: opened.journal, session: session.to_owned(), newest };
        Ok(Held { chain, records, torn: opened.torn })
    }

    /// Signs a record and adds it. When this comes back it is on the disk.
    pub(super) fn add(
        &mut self,
        what: Watched,
        at: Time,
        whom: &Whom,
        key: &SigningKey,
    ) -> Result<ForgeWatch, FlowError> {
        let record = ForgeWatch {
            sequence: self.journal.count(),
            previous: self.journal.last(),
            session: self.session.clone(),
            forge: whom.forge,
            host: whom.host.clone(),
            repository: whom.repository.clone(),
            at: self.newest.map_or(at, |newest| newest.max(at)),
            what,
        };
        let mut subjects = vec![Subject::sha256("session", &Sha256::of(self.session.as_bytes()))];
        if let Watched::Delivered { payload, .. } | Watched::Missed { payload, .. } = &record.what {
            subjects.push(Subject::sha256("delivery", payload));
        }
        let line = build::sign(&Statement::new(Kind::ForgeWatch, subjects, &record)?, key)?;
        self.journal.append(&line)?;
        self.newest = Some(record.at);
        Ok(record)
    }
}

fn read(line: &[u8], key: &SigningKey) -> Result<ForgeWatch, String> {
    let signed = Signed::parse(line).map_err(|error| error.to_string())?;
    let holds = match &signed.by {
        Signature::Dsse { signature, .. } => envelope_signature_holds(key.public(), &signed.pae(), signature),
        Signature::Ssh { .. } | Signature::Certificate { .. } => false,
    };
    if !holds {
        return Err("it is not signed with this key".to_owned());
    }
    let statement = Statement::parse(&signed.payload).map_err(|error| error.to_string())?;
    statement.predicate_as(Kind::ForgeWatch).map_err(|error| error.to_string())
}

/// The refusal to go on with a journal, with the place.
pub(super) fn altered(record: u64, why: &str) -> FlowError {
    let finding = Finding::new(codes::WATCH_JOURNAL, format!("record {record} of the journal: {why}"))
        .at(format!("record {record}"))
        .help("keep the folder as it is for whoever looks into it, and begin with an empty one: what was watched until now is then read afterwards, at T1");
    FlowError::Refused(vec![finding])
}
