//! The world as statements: provenance and git evidence.
