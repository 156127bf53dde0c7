//! The stores that are behind a feature, with their tests: object storage in the memory of its own crate and, where moto's
//! S3 server is installed, over HTTP; and the index in a file of SQLite. A part of `test --full`.

use crate::{Outcome, run};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the server comes from.
const SERVER: &str = "moto_server";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// Checks and tests with the features on; `counted` runs the tests and adds them up.
pub(crate) fn run(root: &Path, counted: impl FnOnce(&mut Command) -> Outcome) -> Outcome {
    let features = ["--package", "countersign", "--features", "object-store,sqlite", "--locked"];
    run::shown(run::cargo(root).arg("clippy").args(features).args(["--", "-D", "warnings"]))?;
    let server = Server::start(root)?;
    let mut tests = run::cargo(root);
    tests.args(["test", "--package", "countersign-record", "--features", "object-store,sqlite", "--lib", "--locked"]);
    if let Some(server) = &server {
        tests.env("COUNTERSIGN_TEST_S3", &server.address);
    }
    counted(&mut tests)
}

/// moto's server, which serves until it is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(root: &Path) -> Outcome<Option<Self>> {
        if !run::works(SERVER, &["--help"]) {
            println!(
                "SKIPPED: {SERVER} is not installed (`pip install 'moto[server]'`), so S3 was not tried over HTTP"
            );
            return Ok(None);
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        let mut command = run::command(SERVER, root);
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("{SERVER}: {error}"))?;
        let server = Self { child, address: format!("http://127.0.0.1:{port}") };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if start.elapsed() > PATIENCE {
                return Err(format!("{SERVER} does not answer"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(Some(server))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
