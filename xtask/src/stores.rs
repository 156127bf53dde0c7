//! The stores that are behind a feature, with their tests: object storage in the memory of its own crate and, where moto's
//! S3 server can be had from PyPI, over HTTP; and the index in a file of SQLite. A part of `test --full`.

use crate::{Outcome, run, tools, workspace};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where the server comes from, and how it is started.
const LIST: &str = "xtask/stores/requirements.txt";
const SERVER: &str = "xtask/stores/server.py";
/// How long it may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// As a verb of its own.
pub(crate) fn verb(arguments: &[String]) -> Outcome {
    crate::refuse_rest(arguments)?;
    run(&workspace::root()?, run::shown)
}

/// Checks and tests with the features on; `counted` runs the tests and adds them up.
pub(crate) fn run(root: &Path, counted: impl FnOnce(&mut Command) -> Outcome) -> Outcome {
    let features = ["--package", "countersign", "--features", "object-store,sqlite", "--locked"];
    run::shown(run::cargo(root).arg("clippy").args(features).args(["--", "-D", "warnings"]))?;
    let server = Server::start(root)?;
    let mut tests = run::cargo(root);
    tests.args(["test", "--package", "countersign-record", "--features", "object-store,sqlite", "--lib", "--locked"]);
    // In one process a program that one test starts holds the locks of the others' folders for a moment.
    tests.args(["--", "--test-threads", "1"]);
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
        let library = match tools::python_library(root, "moto", LIST) {
            Ok(library) => library,
            // It serves a test and vouches for nothing: one that is not to be had as listed is not run.
            Err(why) => {
                println!("SKIPPED: moto cannot be had here as {LIST} lists it, so S3 was not tried over HTTP\n{why}");
                return Ok(None);
            }
        };
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| error.to_string())?.port();
        let mut command = run::command("python3", root);
        command.env("PYTHONPATH", library).env("PYTHONDONTWRITEBYTECODE", "1");
        command.args([SERVER, "-H", "127.0.0.1", "-p", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("moto: {error}"))?;
        let server = Self { child, address: format!("http://127.0.0.1:{port}") };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if start.elapsed() > PATIENCE {
                return Err("moto does not answer".to_owned());
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
