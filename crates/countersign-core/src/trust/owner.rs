//! Who a key or an identity belongs to, and which kinds of statement trust lets such an owner sign.

use super::{Builder, Collector, Gate, LogKey, Person, Verifier, Witness};
use crate::statement::Kind;

/// Who a key belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner<'t> {
    /// A person.
    Person(&'t Person),
    /// A builder.
    Builder(&'t Builder),
    /// A collector.
    Collector(&'t Collector),
    /// A gate.
    Gate(&'t Gate),
    /// A verifier of source.
    Verifier(&'t Verifier),
    /// A log.
    Log(&'t LogKey),
    /// A witness of logs.
    Witness(&'t Witness),
}

impl Owner<'_> {
    /// The owner in words, for messages: never a name or an address.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Person(p) => format!("person {}", p.id),
            Self::Builder(b) => format!("builder {}", b.id),
            Self::Collector(c) => format!("collector {}", c.name),
            Self::Gate(g) => format!("gate {}", g.id),
            Self::Verifier(v) => format!("verifier {}", v.id),
            Self::Log(l) => format!("log {}", l.origin),
            Self::Witness(w) => format!("witness {}", w.name),
        }
    }

    /// Whether trust lets this owner sign statements of this kind.
    #[must_use]
    pub fn may_sign(&self, kind: Kind) -> bool {
        match self {
            Self::Person(_) => {
                matches!(
                    kind,
                    Kind::Review
                        | Kind::Trust
                        | Kind::PolicyRelease
                        | Kind::PolicyActivation
                        | Kind::Vex
                        | Kind::Adjudication
                        | Kind::ManualEvidence
                        | Kind::Exception
                        | Kind::ExceptionEnd
                        | Kind::Erasure
                )
            }
            Self::Builder(_) => matches!(
                kind,
                Kind::Sbom
                    | Kind::Provenance
                    | Kind::ConfigSnapshot
                    | Kind::IacPlan
                    | Kind::SecretScan
                    | Kind::TestResult
                    | Kind::Vulns
            ),
            Self::Collector(c) => c.may_sign.contains(&kind),
            Self::Gate(_) => matches!(kind, Kind::Vsa | Kind::PromotionDecision | Kind::LogShard),
            Self::Verifier(_) => matches!(kind, Kind::Vsa | Kind::SourceProvenance),
            Self::Log(_) | Self::Witness(_) => false,
        }
    }
}
