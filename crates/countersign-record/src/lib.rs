//! Append-only log, evidence store and audit package.
