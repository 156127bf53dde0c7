//! `vulnerabilities-handled@2`: as the first, but of scans by one scanner and the same state of its database every one is judged: a
//! scan more never hides what another one found.

use super::BuiltIn;
use super::vulnerabilities_handled_1::{Meaning, PARAMETERS, accepts, check};

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "vulnerabilities-handled@2",
    title: "No vulnerability that is exploited or overdue by any of the newest scans, but for those that people cleared",
    why: "What is publicly known to be broken is what is attacked first.",
    fix: "Take a version of the package without the vulnerability, or have persons of trust sign an OpenVEX statement about this artifact.",
    parameters: PARAMETERS,
    controls: &["SOC 2 CC7.1", "NIST SSDF PO.4", "NIST SSDF PW.4", "NIST SSDF RV.2"],
    accepts,
    check: |context, rule| check(context, rule, RULE.id, Meaning::Second),
};
