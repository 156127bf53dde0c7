//! in-toto statements, and the predicates that this version knows.
#![no_main]

use countersign_core::statement::Statement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(statement) = Statement::parse(bytes) else { return };
    assert!(!statement.subjects.is_empty());
    // A predicate of somebody else's may hold numbers that have no canonical form.
    let Ok(written) = statement.to_bytes() else { return };
    assert_eq!(Statement::parse(&written).ok(), Some(statement));
});
