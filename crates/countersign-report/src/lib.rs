//! Findings, checks and answers as text and JSON, and in the forms that other programs want: values in, text out.
//!
//! Nothing here decides again, reads a file or a clock, or knows a terminal: no colour carries a meaning, and no foreign
//! text reaches the reader without its control characters made visible.

pub mod escape;
pub mod excerpt;
pub mod explain;
pub mod json;
pub mod message;
pub mod next;
pub mod output;
pub mod pages;
pub mod picture;
pub mod policy_docs;
pub mod reports;
pub mod table;
pub mod text;
