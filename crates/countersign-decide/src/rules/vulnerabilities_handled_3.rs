//! `vulnerabilities-handled@3`: as the second, but what people say of one component clears that component alone, and what they say of
//! another product clears nothing.

use super::BuiltIn;
use super::vulnerabilities_handled_1::{Meaning, PARAMETERS, accepts, check};

pub(super) const RULE: BuiltIn = BuiltIn {
    id: "vulnerabilities-handled@3",
    title: "No vulnerability that is exploited or overdue by any of the newest scans, but for those that people cleared in their component",
    why: "What is publicly known to be broken is what is attacked first.",
    fix: "Take a version of the package without the vulnerability, or have persons of trust sign an OpenVEX statement about this artifact, with the component in `subcomponents` where it is not about all of them.",
    parameters: PARAMETERS,
    controls: &["SOC 2 CC7.1", "NIST SSDF PO.4", "NIST SSDF PW.4", "NIST SSDF RV.2"],
    accepts,
    check: |context, rule| check(context, rule, RULE.id, Meaning::Third),
};
