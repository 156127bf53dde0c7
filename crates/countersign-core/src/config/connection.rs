//! Connections to databases, in whatever file they stand: addresses, and settings of `sslmode`. Of an address the host is
//! kept, and nothing that comes before it.

use super::database::{self, Database, Encryption, SCHEMES};
use super::image::Spot;
use super::text;
use crate::limits;
use serde::{Deserialize, Serialize};

/// A connection to a database, or a setting of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Connection {
    /// The file, as the repository has it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column, from 1, in characters.
    pub column: u64,
    /// What is connected to; absent where a setting does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// The host, where the file names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Whether it stays on one machine.
    pub local: bool,
    /// Whether it is encrypted.
    pub encryption: Encryption,
    /// What says so.
    pub because: String,
}

/// The connections of a file, line by line. A line that is a comment as a whole is passed over.
pub(super) fn read(path: &str, text: &str) -> Vec<Connection> {
    let mut out = Vec::new();
    let mut lines = text.lines().zip(1_u64..).peekable();
    while let Some((line, at)) = lines.next() {
        let begin = line.trim_start();
        if begin.starts_with(['#', ';']) || begin.starts_with("//") {
            continue;
        }
        addresses(path, line, at, &mut out);
        settings(path, line, lines.peek().map(|(next, _)| *next), at, &mut out);
        if out.len() > limits::CONFIG_FACTS {
            break;
        }
    }
    out
}

/// The characters of a line before an index.
fn column(line: &str, at: usize) -> u64 {
    let before = line.get(..at).unwrap_or_default().chars().count();
    u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
}

fn addresses(path: &str, line: &str, number: u64, out: &mut Vec<Connection>) {
    // JSON may write each slash with a backslash before it.
    let unescaped;
    let line = if line.contains("\\/") {
        unescaped = line.replace("\\/", "/");
        unescaped.as_str()
    } else {
        line
    };
    let lower = line.to_ascii_lowercase();
    let mut from = 0;
    while let Some(found) = lower.get(from..).and_then(|rest| rest.find("://")) {
        let mark = from.saturating_add(found);
        from = mark.saturating_add(3);
        let head = lower.get(..from).unwrap_or_default();
        let Some((scheme, database, says)) = SCHEMES.iter().find(|(scheme, _, _)| head.ends_with(scheme)) else {
            continue;
        };
        let start = from.saturating_sub(scheme.len());
        // `xredis://` is something else, and `jdbc:postgresql://` is the longer of two.
        if lower.get(..start).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '+')) {
            continue;
        }
        let rest = line.get(from..).unwrap_or_default();
        let address = until_end(rest);
        let at = Spot { file: path, line: number, column: column(line, start) };
        out.push(address_of(at, scheme, *database, *says, address));
        from = from.saturating_add(address.len());
    }
}

/// An address up to where the text around it goes on. Variables in braces are part of it.
fn until_end(text: &str) -> &str {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' => depth = depth.saturating_sub(1),
            '"' | '\'' | '`' | '<' | '>' if depth == 0 => return text.get(..at).unwrap_or(text),
            c if c.is_whitespace() && depth == 0 => return text.get(..at).unwrap_or(text),
            _ => {}
        }
    }
    text
}

fn address_of(at: Spot<'_>, scheme: &str, database: Database, says: Option<Encryption>, address: &str) -> Connection {
    let end = address.find(['?', ';']).unwrap_or(address.len());
    let (place, query) = address.split_at_checked(end).unwrap_or((address, ""));
    // A name and a password stand before the last `@` of what names the host.
    let authority = place.rsplit_once('@').map_or(place, |(_, after)| after);
    let authority = authority.split('/').next().unwrap_or(authority);
    let host =
        authority.rsplit_once(':').map_or(authority, |(name, port)| if port.contains(']') { authority } else { name });
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']' | ',');
    // A password may hold a `?`: then what comes before it is no host.
    let cut_off = query.contains('@') && !place.contains('@');
    let host = (!host.is_empty() && !cut_off && host.chars().all(fits)).then(|| text::cut(host));
    let mut encryption = None;
    let mut because = format!("`{scheme}` alone does not say");
    for part in query.split(['?', '&', ';']) {
        let Some((name, value)) = part.split_once('=') else { continue };
        let Some(said) = database.setting(name, value) else { continue };
        let known = !value.contains(['$', '{', '%']);
        let said = if known { said } else { Encryption::Unknown };
        // The worst of several: which of them a driver takes is not known.
        encryption = Some(encryption.map_or(said, |before: Encryption| worse(before, said)));
        because = format!("`{}={}`", text::cut(name), if known { text::cut(value) } else { "a variable".to_owned() });
    }
    let encryption = match (encryption, says) {
        (Some(said), Some(Encryption::Encrypted)) if database != Database::Mongodb => {
            worse(said, Encryption::Encrypted)
        }
        (Some(said), _) => said,
        (None, Some(says)) => {
            // A variable at the end may bring settings of its own.
            let open = says == Encryption::Plain && database == Database::Mongodb && address.contains(['$', '{']);
            because = format!("`{scheme}`");
            if open { Encryption::Unknown } else { says }
        }
        (None, None) => Encryption::Unknown,
    };
    Connection {
        file: at.file.to_owned(),
        line: at.line,
        column: at.column,
        database: Some(database),
        local: host.as_deref().is_some_and(is_local),
        host,
        encryption,
        because,
    }
}

fn worse(a: Encryption, b: Encryption) -> Encryption {
    match (a, b) {
        (Encryption::Plain, _) | (_, Encryption::Plain) => Encryption::Plain,
        (Encryption::Unknown, _) | (_, Encryption::Unknown) => Encryption::Unknown,
        (Encryption::Encrypted, Encryption::Encrypted) => Encryption::Encrypted,
    }
}

/// Whether a host, or every one of a list, is this very machine.
fn is_local(host: &str) -> bool {
    let one = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "::1");
    host.to_ascii_lowercase()
        .split(',')
        .all(|host| one(host) || host.rsplit_once(':').is_some_and(|(name, _)| one(name)))
}

/// `sslmode` as a setting of its own: the last part of a key, with `=` or `:` behind it; or a name, as Kubernetes has it, with
/// its value in the next line.
fn settings(path: &str, line: &str, next: Option<&str>, number: u64, out: &mut Vec<Connection>) {
    let lower = line.to_ascii_lowercase();
    for name in ["sslmode", "ssl_mode", "ssl-mode"] {
        let mut from = 0;
        while let Some(found) = lower.get(from..).and_then(|rest| rest.find(name)) {
            let start = from.saturating_add(found);
            from = start.saturating_add(name.len());
            // Inside an address it is read with the address.
            let before = line.get(..start).unwrap_or_default();
            let word = before.rsplit(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).next().unwrap_or_default();
            if word.contains("://") || word.ends_with(['?', '&', ';']) {
                continue;
            }
            let rest = line.get(from..).unwrap_or_default().trim_start_matches(['"', '\'']).trim_start();
            let named = before.to_ascii_lowercase().contains("name") && rest.trim_matches([',', ' ']).is_empty();
            let below = next.map(str::trim_start).map_or("", |next| next.trim_start_matches(['"', '\'']));
            let value = match rest.strip_prefix(['=', ':']) {
                Some(value) => value,
                None if named => {
                    let value = below.strip_prefix("value").unwrap_or_default().trim_start_matches(['"', '\'']);
                    value.trim_start().strip_prefix([':', '=']).unwrap_or_default()
                }
                None => continue,
            };
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            let end =
                value.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))).unwrap_or(value.len());
            let value = value.get(..end).unwrap_or(value);
            let encryption = database::sslmode(value);
            let because = if value.is_empty() {
                format!("`{name}` is not given here")
            } else {
                format!("`{name}={}`", text::cut(value))
            };
            out.push(Connection {
                file: path.to_owned(),
                line: number,
                column: column(line, start),
                database: None,
                host: None,
                local: false,
                encryption,
                because,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Vec<String> {
        let one = |c: Connection| {
            let database = c.database.map_or("?", Database::word);
            format!(
                "{} {database} {} {:?}{}",
                c.column,
                c.host.unwrap_or_default(),
                c.encryption,
                if c.local { " local" } else { "" }
            )
        };
        read("f", line).into_iter().map(one).collect()
    }

    #[test]
    fn what_an_address_says_of_encryption_is_read_and_what_it_does_not_say_is_unknown() {
        for (line, expected) in [
            ("A=postgres://u:p@db.example:5432/x?sslmode=verify-full", "3 postgres db.example Encrypted"),
            ("A=postgres://u:p@ss@db.example/x?sslmode=prefer", "3 postgres db.example Plain"),
            ("A=postgres://db.example/x", "3 postgres db.example Unknown"),
            ("A=postgres://db.example/x?sslmode=${MODE}", "3 postgres db.example Unknown"),
            ("A=postgres://db.example/x?sslmode=require&sslmode=disable", "3 postgres db.example Plain"),
            ("url: jdbc:mysql://db/x?useSSL=true", "6 mysql db Unknown"),
            ("url: \"jdbc:mysql://db/x?sslMode=VERIFY_IDENTITY\"", "7 mysql db Encrypted"),
            ("jdbc:sqlserver://h:1433;database=x;encrypt=true", "1 sqlserver h Encrypted"),
            ("mongodb://a:1,b:2/x?tls=true", "1 mongodb a:1,b Encrypted"),
            ("mongodb+srv://c.example/x", "1 mongodb c.example Encrypted"),
            ("mongodb+srv://c.example/x?tls=false", "1 mongodb c.example Plain"),
            ("redis://localhost:6379", "1 redis localhost Plain local"),
            ("rediss://:secret@r.example", "1 redis r.example Encrypted"),
            ("amqp://${U}:${P}@${H}/", "1 amqp  Plain"),
            ("{\"u\": \"postgres:\\/\\/h\\/x\"}", "8 postgres h Unknown"),
            ("PGSSLMODE=disable", "3 ?  Plain"),
            ("  sslmode: \"verify-ca\"", "3 ?  Encrypted"),
            ("sslmode: ${MODE}", "1 ?  Unknown"),
        ] {
            assert_eq!(said(line), [expected], "{line}");
        }
        assert_eq!(said("# redis://x\n// redis://x\nxredis://y\nhttp://z"), Vec::<String>::new());
        assert_eq!(said("redis://a redis://b").len(), 2);
        assert_eq!(said("- name: PGSSLMODE\n  value: \"disable\"\n"), ["11 ?  Plain"]);
        assert_eq!(said("- name: PGSSLMODE\n  valueFrom: {}\n"), ["11 ?  Unknown"]);
    }

    #[test]
    fn no_password_is_kept() {
        for line in [
            "postgres://user:hunter2@h/x?password=hunter2&sslmode=disable",
            "redis://:hunter2@h",
            "amqp://hunter2:hunter2@h:1/hunter2",
            "postgres://u:hunter2:x?y@h/x",
        ] {
            let kept = format!("{:?}", read("f", line));
            assert!(!kept.contains("hunter2"), "{kept}");
        }
    }
}
