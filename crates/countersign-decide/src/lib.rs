//! Proof and policy to one decision.
