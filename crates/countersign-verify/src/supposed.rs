//! A release that is looked at as if it were active, before anybody has approved it: what a backtest needs, and nothing that
//! a gate can reach. A state with one says so ([`crate::StateView::is_supposed`]), and what is decided by it authorises nothing.

use crate::policy::{Activated, VerifiedRelease};
use countersign_core::digest::Sha256;
use countersign_core::ids::EnvName;
use countersign_core::json::JsonError;
use countersign_core::policy::{Activation, Manifest};
use countersign_core::time::Time;
use std::collections::BTreeSet;

/// A release as if it were active for one environment. Nobody has approved it.
#[derive(Debug, Clone)]
pub struct Supposed(Activated);

impl Supposed {
    /// As if `entry`, at that time, had made it the active one. With a moment, each rule has the stage that it will have
    /// then, whatever the time of a decision; the release keeps its name.
    pub fn of(
        manifest: Manifest,
        environment: &EnvName,
        (entry, time): (u64, Time),
        stages_at: Option<Time>,
    ) -> Result<Self, JsonError> {
        let release = VerifiedRelease::supposed(manifest, stages_at)?;
        let activation = Activation {
            log: None,
            environment: environment.clone(),
            policy: release.reference().clone(),
            replaces: None,
            activated_at: time,
            reason: None,
            overrides: BTreeSet::new(),
            adjudications: BTreeSet::new(),
        };
        let document = Sha256::of(&[]);
        let (activators, risen) = (BTreeSet::new(), Vec::new());
        Ok(Self(Activated { entry, log: None, time, activation, release, activators, document, risen }))
    }

    /// For which environment.
    #[must_use]
    pub const fn environment(&self) -> &EnvName {
        &self.0.activation.environment
    }

    pub(crate) const fn activated(&self) -> &Activated {
        &self.0
    }
}
