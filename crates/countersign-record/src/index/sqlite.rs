//! The index in a file of SQLite. A file that is none, is damaged, or has another form is thrown away: nothing is in it that
//! log and evidence do not have.

use super::{DayCount, Decided, Index, IndexError, Row, RuleCount, day};
use crate::disk::{DiskError, Doing};
use countersign_core::digest::Sha256;
use countersign_core::finding::Verdict;
use countersign_core::statement::Kind;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The form of the tables.
const FORM: i64 = 1;
const TABLES: &str = "
    CREATE TABLE entries (
        entry INTEGER PRIMARY KEY, time TEXT NOT NULL, kind TEXT NOT NULL, environment TEXT, verdict TEXT,
        authorised INTEGER, policy_version INTEGER, fell TEXT NOT NULL
    ) STRICT;
    CREATE TABLE subjects (subject BLOB NOT NULL, entry INTEGER NOT NULL, place INTEGER NOT NULL,
        PRIMARY KEY (subject, entry, place)) STRICT, WITHOUT ROWID;
    CREATE TABLE days (day TEXT NOT NULL, environment TEXT NOT NULL, verdict TEXT NOT NULL, authorised INTEGER NOT NULL,
        policy_version INTEGER NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (day, environment, verdict, authorised, policy_version)) STRICT, WITHOUT ROWID;
    CREATE TABLE rules (day TEXT NOT NULL, environment TEXT NOT NULL, rule TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (day, environment, rule)) STRICT, WITHOUT ROWID;
    CREATE TABLE built (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, root BLOB NOT NULL) STRICT;
";

/// An index in a file.
#[derive(Debug)]
pub struct SqliteIndex {
    path: PathBuf,
    connection: Connection,
}

impl SqliteIndex {
    /// Opens the index in a file, or begins it. One that does not read is begun anew.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        if let Ok(Some(index)) = Self::open_sound(path) {
            return Ok(index);
        }
        for end in ["", "-wal", "-shm", "-journal"] {
            let mut name = path.as_os_str().to_owned();
            name.push(end);
            if let Err(source) = fs::remove_file(&name)
                && source.kind() != io::ErrorKind::NotFound
            {
                return Err(DiskError::new(Doing::Remove, path, source).into());
            }
        }
        let connection = connect(path)?;
        let index = Self { path: path.to_owned(), connection };
        index.done(index.connection.execute_batch(TABLES))?;
        index.done(index.connection.pragma_update(None, "user_version", FORM))?;
        Ok(index)
    }

    fn open_sound(path: &Path) -> Result<Option<Self>, IndexError> {
        if !path.is_file() {
            return Ok(None);
        }
        let index = Self { path: path.to_owned(), connection: connect(path)? };
        let form: i64 = index.done(index.connection.pragma_query_value(None, "user_version", |row| row.get(0)))?;
        let said: String = index.done(index.connection.pragma_query_value(None, "quick_check", |row| row.get(0)))?;
        Ok((form == FORM && said == "ok").then_some(index))
    }

    fn done<T>(&self, result: Result<T, rusqlite::Error>) -> Result<T, IndexError> {
        result.map_err(|error| failed(&self.path, &error))
    }

    fn rows(&self, subject: &Sha256) -> Result<Vec<Row>, rusqlite::Error> {
        let mut statement = self.connection.prepare(
            "SELECT DISTINCT e.entry, e.time, e.kind, e.environment, e.verdict, e.authorised, e.policy_version, e.fell
             FROM subjects s JOIN entries e ON e.entry = s.entry WHERE s.subject = ?1 ORDER BY e.entry",
        )?;
        let mut subjects = self.connection.prepare("SELECT subject FROM subjects WHERE entry = ?1 ORDER BY place")?;
        let odd =
            |column: usize| rusqlite::Error::InvalidColumnType(column, String::new(), rusqlite::types::Type::Text);
        let mut found = statement.query(params![subject.as_bytes()])?;
        let mut rows = Vec::new();
        while let Some(row) = found.next()? {
            let entry: i64 = row.get(0)?;
            let (time, kind): (String, String) = (row.get(1)?, row.get(2)?);
            let (environment, verdict): (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
            let (authorised, version): (Option<bool>, Option<i64>) = (row.get(5)?, row.get(6)?);
            let fell: String = row.get(7)?;
            let decided = match verdict {
                None => None,
                Some(verdict) => Some(Decided {
                    verdict: [Verdict::Pass, Verdict::Fail, Verdict::Indeterminate]
                        .into_iter()
                        .find(|known| known.to_string() == verdict)
                        .ok_or_else(|| odd(4))?,
                    authorised: authorised.unwrap_or(false),
                    policy_version: version.and_then(|version| u64::try_from(version).ok()),
                    fell: fell
                        .split_whitespace()
                        .map(|rule| rule.parse().map_err(|_form| odd(7)))
                        .collect::<Result<_, _>>()?,
                }),
            };
            let bytes = subjects.query_map(params![entry], |row| row.get::<_, Vec<u8>>(0))?;
            let all =
                bytes.map(|bytes| Sha256::from_hex(&countersign_core::digest::to_hex(&bytes?)).map_err(|_form| odd(0)));
            rows.push(Row {
                entry: u64::try_from(entry).unwrap_or(0),
                time: time.parse().map_err(|_form| odd(1))?,
                kind: Kind::ALL.into_iter().find(|known| known.word() == kind).ok_or_else(|| odd(2))?,
                environment: environment.map(|name| name.parse().map_err(|_form| odd(3))).transpose()?,
                subjects: all.collect::<Result<_, rusqlite::Error>>()?,
                decided,
            });
        }
        Ok(rows)
    }
}

fn connect(path: &Path) -> Result<Connection, IndexError> {
    let connection = Connection::open(path).map_err(|error| failed(path, &error))?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(|error| failed(path, &error))?;
    // Nothing is lost with it: it is built again.
    connection.pragma_update(None, "synchronous", "OFF").map_err(|error| failed(path, &error))?;
    Ok(connection)
}

fn failed(path: &Path, error: &rusqlite::Error) -> IndexError {
    IndexError::Database { path: path.to_owned(), why: error.to_string() }
}

/// A number as the database keeps it.
fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn insert(transaction: &Transaction<'_>, rows: &[Row], size: u64, root: &Sha256) -> Result<(), rusqlite::Error> {
    let mut entry = transaction.prepare("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
    let mut subject = transaction.prepare("INSERT INTO subjects VALUES (?1, ?2, ?3)")?;
    let mut days = transaction
        .prepare("INSERT INTO days VALUES (?1, ?2, ?3, ?4, ?5, 1) ON CONFLICT DO UPDATE SET count = count + 1")?;
    let mut rules =
        transaction.prepare("INSERT INTO rules VALUES (?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET count = count + 1")?;
    for row in rows {
        let at = number(row.entry);
        let environment = row.environment.as_ref().map(ToString::to_string);
        let decided = row.decided.as_ref();
        let fell: Vec<String> = decided.iter().flat_map(|one| &one.fell).map(ToString::to_string).collect();
        entry.execute(params![
            at,
            row.time.to_string(),
            row.kind.word(),
            environment,
            decided.map(|one| one.verdict.to_string()),
            decided.map(|one| one.authorised),
            decided.and_then(|one| one.policy_version).map(number),
            fell.join(" "),
        ])?;
        for (place, one) in (0_i64..).zip(&row.subjects) {
            subject.execute(params![one.as_bytes(), at, place])?;
        }
        if let Some(decided) = decided {
            let environment = environment.unwrap_or_default();
            let version = number(decided.policy_version.unwrap_or(0));
            let verdict = decided.verdict.to_string();
            days.execute(params![day(row.time), environment, verdict, decided.authorised, version])?;
            for rule in &fell {
                rules.execute(params![day(row.time), environment, rule])?;
            }
        }
    }
    transaction.execute(
        "INSERT INTO built VALUES (1, ?1, ?2) ON CONFLICT DO UPDATE SET size = excluded.size, root = excluded.root",
        params![number(size), root.as_bytes()],
    )?;
    Ok(())
}

impl Index for SqliteIndex {
    fn built_to(&self) -> Result<Option<(u64, Sha256)>, IndexError> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?));
        let found = self.done(self.connection.query_row("SELECT size, root FROM built", [], read).optional())?;
        Ok(found.and_then(|(size, root)| {
            let root = Sha256::from_hex(&countersign_core::digest::to_hex(&root)).ok()?;
            Some((u64::try_from(size).ok()?, root))
        }))
    }

    fn clear(&mut self) -> Result<(), IndexError> {
        let all = "BEGIN; DELETE FROM entries; DELETE FROM subjects; DELETE FROM days; DELETE FROM rules;
                   DELETE FROM built; COMMIT;";
        self.done(self.connection.execute_batch(all))
    }

    fn add(&mut self, rows: &[Row], size: u64, root: &Sha256) -> Result<(), IndexError> {
        let path = self.path.clone();
        let transaction = self.connection.transaction().map_err(|error| failed(&path, &error))?;
        insert(&transaction, rows, size, root).map_err(|error| failed(&path, &error))?;
        transaction.commit().map_err(|error| failed(&path, &error))
    }

    fn about(&self, subject: &Sha256) -> Result<Vec<Row>, IndexError> {
        self.done(self.rows(subject))
    }

    fn days(&self, since: &str) -> Result<Vec<DayCount>, IndexError> {
        let ask = || {
            let mut statement = self.connection.prepare("SELECT * FROM days WHERE day >= ?1 ORDER BY 1, 2, 3, 4, 5")?;
            let rows = statement.query_map(params![since], |row| {
                Ok(DayCount {
                    day: row.get(0)?,
                    environment: row.get(1)?,
                    verdict: row.get(2)?,
                    authorised: row.get(3)?,
                    policy_version: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
                    count: u64::try_from(row.get::<_, i64>(5)?).unwrap_or(0),
                })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.done(ask())
    }

    fn rules(&self, since: &str) -> Result<Vec<RuleCount>, IndexError> {
        let ask = || {
            let mut statement = self.connection.prepare("SELECT * FROM rules WHERE day >= ?1 ORDER BY 1, 2, 3")?;
            let rows = statement.query_map(params![since], |row| {
                Ok(RuleCount {
                    day: row.get(0)?,
                    environment: row.get(1)?,
                    rule: row.get(2)?,
                    count: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        self.done(ask())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answers, decided, row};
    use super::*;

    #[test]
    fn it_answers_as_every_index_does_and_again_when_it_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.sqlite");
        answers(&mut SqliteIndex::open(&path).unwrap());
        let one = row(0, 1, b"one", Some(decided(Verdict::Pass, &[])));
        SqliteIndex::open(&path).unwrap().add(std::slice::from_ref(&one), 1, &Sha256::of(b"root")).unwrap();
        let again = SqliteIndex::open(&path).unwrap();
        assert_eq!(again.built_to().unwrap(), Some((1, Sha256::of(b"root"))));
        assert_eq!(again.about(&Sha256::of(b"one")).unwrap(), [one]);
    }

    #[test]
    fn a_file_that_is_damaged_or_none_is_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.sqlite");
        let one = row(0, 1, b"one", None);
        SqliteIndex::open(&path).unwrap().add(&[one], 1, &Sha256::of(b"root")).unwrap();
        let whole = fs::read(&path).unwrap();
        for damage in [b"not a database".to_vec(), whole[..whole.len() / 2].to_vec(), Vec::new()] {
            fs::write(&path, damage).unwrap();
            assert_eq!(SqliteIndex::open(&path).unwrap().built_to().unwrap(), None);
        }
        fs::write(&path, &whole).unwrap();
        assert!(SqliteIndex::open(&path).unwrap().built_to().unwrap().is_some());
    }

    #[test]
    fn rows_and_what_they_are_built_to_are_there_together_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let mut index = SqliteIndex::open(&dir.path().join("index.sqlite")).unwrap();
        let one = row(0, 1, b"one", None);
        index.add(std::slice::from_ref(&one), 1, &Sha256::of(b"root")).unwrap();
        assert!(index.add(&[row(1, 1, b"one", None), one], 3, &Sha256::of(b"other")).is_err());
        assert_eq!(index.built_to().unwrap(), Some((1, Sha256::of(b"root"))));
        assert_eq!(index.about(&Sha256::of(b"one")).unwrap().len(), 1);
    }
}
