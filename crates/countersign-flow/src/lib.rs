//! The use cases of countersign.
