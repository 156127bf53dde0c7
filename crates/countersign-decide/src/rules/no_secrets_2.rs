//! `no-secrets@2`: as the first, but what a scan shows as allowed clears what another one found only where the scan is what the
//! policy asks for, and is the word of the same signer or of a collector.

use super::BuiltIn;
use super::no_secrets_1::{Allowances, PARAMETERS, accepts, check};

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "no-secrets@2",
    title: "The source holds no secret, and nobody but its finder says that it is none",
    why: "Whoever can read the repository, now or later, has every secret in it.",
    fix: "Withdraw the secret where it is valid, take it out of the file at the place that is named, and scan the mended commit again.",
    parameters: PARAMETERS,
    controls: &["SOC 2 CC6.1", "NIST SSDF PW.5"],
    accepts,
    check: |context, rule| check(context, rule, RULE.id, Allowances::OfAccepted),
};
