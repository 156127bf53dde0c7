//! Connections: how many at one time, how long each may take, how much of headers it may send.

use axum::Router;
use countersign_core::limits;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// How long nothing is accepted after the system refused to.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections for good. Each has one request.
pub(crate) async fn accept(listener: &TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(limits::DELIVERIES_AT_ONCE));
    let limit = Duration::from_secs(limits::DELIVERY_SECONDS);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // No file descriptor is left, say: others have to end first.
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limit)
                .max_buf_size(limits::DELIVERY_HEADER_BYTES)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // Headers, body, and the answer: who takes longer than all of it together is cut off.
            let _ended = tokio::time::timeout(limit.saturating_mul(3), serving).await;
            drop(place);
        });
    }
}
