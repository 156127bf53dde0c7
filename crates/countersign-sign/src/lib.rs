//! Statements to signed bundles.
