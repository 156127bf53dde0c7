//! Proof and policy to one decision: a pure function.
//!
//! [`decide`] takes verified evidence, the policy release that is active, trust, the log's state, an environment and a
//! time, and says whether the artifact may go there. It reads nothing else; whoever calls it again with the same
//! arguments gets the same [`countersign_core::decision::Decision`]. What is missing is never taken for good:
//! removing an argument never turns a refusal into a pass.
#![warn(clippy::arithmetic_side_effects)]

mod checks;
mod config;
mod decide;
mod elsewhere;
pub mod exceptions;
pub mod floors;
mod gate;
mod given;
pub mod parameters;
mod record;
mod rego;
pub mod review;
mod rollout;
pub mod rules;
pub mod source;
pub mod summary;
pub mod written;

pub use decide::{ByRule, decide, decide_by_rule};
pub use elsewhere::ElsewhereBy;
pub use gate::known_gate;
pub use given::{Given, TrustGiven};
pub use record::{start_of, tags_before};
