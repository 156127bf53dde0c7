//! The HTTP door: sockets, and no logic of its own. A request becomes the arguments of a use case, and what comes back
//! becomes an answer.
//!
//! Plain HTTP: whatever stands between this and others (TLS, names, who may connect) belongs to a proxy in front.

mod connection;
mod webhooks;
mod witness;

pub use witness::witness;

use countersign_collect::forge::{Client, Clock};
use countersign_flow::FlowError;
use countersign_flow::review::watch::Watcher;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// How long work that has begun may go on after the end was asked for. What is not done by then is done at the next start.
const PATIENCE: Duration = Duration::from_secs(10);

/// What ends the listening from inside, and why.
#[derive(Debug, Default)]
struct End {
    asked: Notify,
    why: Mutex<Option<FlowError>>,
}

impl End {
    fn fail(&self, error: FlowError) {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.asked.notify_one();
    }
}

/// Ends the listening when it is dropped.
struct Ends(Arc<End>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.asked.notify_one();
    }
}

/// Receives deliveries and works on what landed, until the process is told to stop or something fails for good. `client`
/// asks the forge for what deliveries do not tell.
pub fn watch(
    watcher: &Arc<Watcher>,
    listen: SocketAddr,
    client: Option<Client<'static>>,
    clock: &'static (dyn Clock + Send),
) -> Result<(), FlowError> {
    let io = |source| FlowError::Listen { address: listen, source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
    let end = Arc::new(End::default());
    let (done, worked) = mpsc::channel::<()>();
    let (worker, failed) = (Arc::clone(watcher), Arc::clone(&end));
    let work = std::thread::spawn(move || {
        // However this ends, so does the listening.
        let _ends = Ends(Arc::clone(&failed));
        if let Err(error) = worker.work(client.as_ref(), clock) {
            failed.fail(error);
        }
        // Nobody waits for this any more if the patience is over.
        drop(done);
    });
    let listened = runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(io)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(io)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(io)?;
        watcher.listening(listener.local_addr().map_err(io)?, clock.now());
        let router = webhooks::router(watcher, &end, clock);
        tokio::select! {
            () = connection::accept(&listener, router) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = end.asked.notified() => {}
        }
        Ok(())
    });
    // Requests that were being answered end here; what they brought is acknowledged only if it is on the disk.
    runtime.shutdown_timeout(PATIENCE);
    watcher.stop_working();
    let _ended = worked.recv_timeout(PATIENCE);
    if work.is_finished()
        && let Err(fault) = work.join()
    {
        std::panic::resume_unwind(fault);
    }
    let stopped = watcher.stop(clock.now());
    let why = end.why.lock().unwrap_or_else(PoisonError::into_inner).take();
    listened.and(why.map_or(Ok(()), Err)).and(stopped)
}
