//! Databases, and what the settings of a connection say about its encryption. By what a setting says, never by what a driver
//! may do without one: drivers differ, so a setting that is missing is unknown.

use serde::{Deserialize, Serialize};

/// What is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Database {
    /// `PostgreSQL` and what speaks its protocol.
    Postgres,
    /// `MySQL` and `MariaDB`.
    Mysql,
    /// `MongoDB`.
    Mongodb,
    /// Redis and what speaks its protocol.
    Redis,
    /// Microsoft's SQL Server.
    Sqlserver,
    /// `RabbitMQ` and others that speak AMQP.
    Amqp,
}

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Encryption {
    /// It is, or there is no connection.
    Encrypted,
    /// It is not, or is not where the other side does not want it.
    Plain,
    /// The file does not say.
    Unknown,
}

/// The beginnings of addresses, each with what it means: the database, and what the beginning alone says.
pub(super) const SCHEMES: [(&str, Database, Option<Encryption>); 20] = [
    ("jdbc:postgresql://", Database::Postgres, None),
    ("jdbc:mysql://", Database::Mysql, None),
    ("jdbc:mariadb://", Database::Mysql, None),
    ("jdbc:sqlserver://", Database::Sqlserver, None),
    ("postgresql+asyncpg://", Database::Postgres, None),
    ("postgresql+psycopg2://", Database::Postgres, None),
    ("postgresql+psycopg://", Database::Postgres, None),
    ("postgresql://", Database::Postgres, None),
    ("postgres://", Database::Postgres, None),
    ("mysql+pymysql://", Database::Mysql, None),
    ("mysql2://", Database::Mysql, None),
    ("mysql://", Database::Mysql, None),
    ("mariadb://", Database::Mysql, None),
    ("mongodb+srv://", Database::Mongodb, Some(Encryption::Encrypted)),
    ("mongodb://", Database::Mongodb, Some(Encryption::Plain)),
    ("rediss://", Database::Redis, Some(Encryption::Encrypted)),
    ("redis://", Database::Redis, Some(Encryption::Plain)),
    ("sqlserver://", Database::Sqlserver, None),
    ("amqps://", Database::Amqp, Some(Encryption::Encrypted)),
    ("amqp://", Database::Amqp, Some(Encryption::Plain)),
];

/// Words of which at least one is in every text that says something of a connection.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    ["postgres", "mysql", "mariadb", "mongodb", "redis", "sqlserver", "amqp", "sslmode", "ssl_mode", "ssl-mode"]
        .into_iter()
}

impl Database {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mongodb => "mongodb",
            Self::Redis => "redis",
            Self::Sqlserver => "sqlserver",
            Self::Amqp => "amqp",
        }
    }

    /// What a setting of an address says, if it is one about encryption.
    pub(super) fn setting(self, name: &str, value: &str) -> Option<Encryption> {
        use Encryption::{Encrypted, Plain, Unknown};
        let name: String = name.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase();
        let value = value.to_ascii_lowercase();
        let truth = || match value.as_str() {
            "true" | "1" | "yes" | "on" => Encrypted,
            "false" | "0" | "no" | "off" => Plain,
            _ => Unknown,
        };
        let said = match (self, name.as_str()) {
            (Self::Postgres | Self::Mysql, "sslmode") => sslmode(&value),
            (Self::Postgres, "ssl") => match value.as_str() {
                "require" | "verify-ca" | "verify-full" => Encrypted,
                "prefer" | "allow" | "disable" => Plain,
                _ => truth(),
            },
            (Self::Mysql, "tls") => match value.as_str() {
                "skip-verify" => Encrypted,
                "preferred" => Plain,
                _ => truth(),
            },
            // `useSSL` alone falls back.
            (Self::Mysql, "requiressl") | (Self::Mongodb | Self::Redis, "tls" | "ssl") => truth(),
            (Self::Mysql, "usessl") if truth() == Plain => Plain,
            (Self::Sqlserver, "encrypt") => match value.as_str() {
                "strict" | "mandatory" => Encrypted,
                "optional" => Plain,
                _ => truth(),
            },
            _ => return None,
        };
        Some(said)
    }
}

/// The modes of `PostgreSQL` and of `MySQL`, whose words differ in case and dashes only.
pub(super) fn sslmode(value: &str) -> Encryption {
    let plain: String = value.chars().filter(|c| !matches!(c, '-' | '_')).collect::<String>().to_ascii_lowercase();
    match plain.as_str() {
        "require" | "required" | "verifyca" | "verifyfull" | "verifyidentity" | "trust" => Encryption::Encrypted,
        "disable" | "disabled" | "allow" | "prefer" | "preferred" => Encryption::Plain,
        _ => Encryption::Unknown,
    }
}
