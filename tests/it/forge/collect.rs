//! Which changes a range came from, and what is written of them.
