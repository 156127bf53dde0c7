//! Tests in Rego run apart: on a stack of their own, deep enough for the longest chain that they may have, and with an end.

use countersign_core::limits;
use countersign_decide::written::{self, Problem, RegoTest};
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

/// Evaluates the tests in Rego of a folder. Those that take too long are given up: the thread that runs them is left to
/// itself, and ends with the program.
pub(super) fn test_rego(folder: &str, texts: &BTreeMap<String, String>, rego: &str) -> Result<Vec<RegoTest>, Problem> {
    let (say, said) = mpsc::channel();
    let given = (folder.to_owned(), texts.clone(), rego.to_owned());
    let run = move || {
        let (folder, texts, rego) = given;
        // Whoever waited may have given up.
        drop(say.send(written::test_rego(&folder, &texts, &rego)));
    };
    let thread = std::thread::Builder::new().name("tests in Rego".to_owned()).stack_size(limits::REGO_TEST_STACK);
    if thread.spawn(run).is_err() {
        return Err(written::endless(folder));
    }
    said.recv_timeout(Duration::from_secs(limits::REGO_TESTS_SECONDS)).unwrap_or_else(|_| Err(written::endless(folder)))
}
