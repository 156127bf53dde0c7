//! Cargo workspaces to CycloneDX.
