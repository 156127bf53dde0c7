//! Bytes and rules to the secrets in them.
//!
//! A scanner takes a path and the bytes of a file, and says where rules hold: rule, line, column, length, and a keyed
//! digest. The secret itself never leaves this crate: not in a finding, not in an error, not in a `Debug`.

mod allow;
mod decode;
mod form;
mod keyed;
mod look;
mod rules;

mod sarif;
mod scan;
#[cfg(test)]
mod testing;

pub use allow::{AllowError, AllowFile, INLINE_MARK};
pub use decode::{Kind, kind_of};
pub use keyed::DigestKey;
pub use rules::{RuleSet, RulesError};

pub use sarif::{Ingested, SarifError, ingest};
pub use scan::{FileScan, Scanner};
