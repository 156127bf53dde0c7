//! The public table of exit codes. One table, documented here, tested, and printed by `countersign explain exit-codes`.

use serde::{Deserialize, Serialize};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Exit {
    /// 0: allowed, or verified.
    Ok,
    /// 1: refused, or verified with findings.
    Refused,
    /// 2: the command line is wrong.
    Usage,
    /// 3: cannot decide, evidence is missing.
    Indeterminate,
    /// 4: a signature, digest, proof or format did not hold.
    Untrusted,
    /// 5: input, output or network.
    Io,
    /// 6: a fault of ours.
    Internal,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Indeterminate => 3,
            Self::Untrusted => 4,
            Self::Io => 5,
            Self::Internal => 6,
        }
    }

    /// In words, for the table.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "allowed, or verified",
            Self::Refused => "refused, or verified with findings",
            Self::Usage => "usage",
            Self::Indeterminate => "indeterminate: cannot decide, evidence is missing",
            Self::Untrusted => "untrusted: a signature, digest, proof or format did not hold",
            Self::Io => "input, output or network",
            Self::Internal => "internal fault",
        }
    }

    /// All of them, by number.
    pub const ALL: [Self; 7] =
        [Self::Ok, Self::Refused, Self::Usage, Self::Indeterminate, Self::Untrusted, Self::Io, Self::Internal];

    /// Of two ends the one that is reported: 6, then 2, 5, 4, 1, 3, 0.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Indeterminate => 1,
            Self::Refused => 2,
            Self::Untrusted => 3,
            Self::Io => 4,
            Self::Usage => 5,
            Self::Internal => 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_precedence_is_the_published_one() {
        let order = [6, 2, 5, 4, 1, 3, 0];
        let mut all = Exit::ALL;
        all.sort_by_key(|e| std::cmp::Reverse(e.rank()));
        assert_eq!(all.map(Exit::code), order);
        assert_eq!(Exit::Refused.worse(Exit::Indeterminate), Exit::Refused);
        assert_eq!(Exit::Refused.worse(Exit::Untrusted), Exit::Untrusted);
    }
}
