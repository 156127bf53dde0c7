//! `POST /add-checkpoint` of a witness, and `GET /healthz`.

use crate::connection;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::routing::{get, post};
use countersign_collect::forge::Clock;
use countersign_core::limits;
use countersign_flow::FlowError;
use countersign_flow::witness_server::Witness;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Clone)]
struct Shared {
    witness: Arc<Witness>,
    clock: &'static (dyn Clock + Send),
    failed: &'static (dyn Fn(&FlowError) + Send + Sync),
}

type Said = (StatusCode, [(HeaderName, &'static str); 1], String);

/// Answers whoever asks the witness, until the process is told to stop. `listening` hears where; `failed` hears of every
/// request that could not be answered.
pub fn witness(
    witness: &Arc<Witness>,
    listen: SocketAddr,
    clock: &'static (dyn Clock + Send),
    listening: &dyn Fn(SocketAddr),
    failed: &'static (dyn Fn(&FlowError) + Send + Sync),
) -> Result<(), FlowError> {
    let io = |source| FlowError::Listen { address: listen, source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(io)?;
    let ended = runtime.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(io)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(io)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(io)?;
        listening(listener.local_addr().map_err(io)?);
        let shared = Shared { witness: Arc::clone(witness), clock, failed };
        let router = Router::new()
            .route("/add-checkpoint", post(add_checkpoint))
            .route("/healthz", get(|| async { "ok\n" }))
            .fallback(|| async { (StatusCode::NOT_FOUND, "nothing is here\n") })
            .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, "not with this method\n") })
            .with_state(shared);
        tokio::select! {
            () = connection::accept(&listener, router) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    });
    // A request that was being answered is remembered or was never cosigned.
    runtime.shutdown_timeout(crate::PATIENCE);
    ended
}

async fn add_checkpoint(State(shared): State<Shared>, request: Request) -> Said {
    let limit = Duration::from_secs(limits::DELIVERY_SECONDS);
    let read = Limited::new(request.into_body(), limits::WITNESS_BYTES).collect();
    let body = match tokio::time::timeout(limit, read).await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than what is read");
        }
        Ok(Err(_cut)) => return plain(StatusCode::BAD_REQUEST, "the body was cut off"),
        Err(_late) => return plain(StatusCode::REQUEST_TIMEOUT, "the body took too long"),
    };
    let inside = shared.clone();
    // Waiting for the disk is done beside the other connections.
    let answered = tokio::task::spawn_blocking(move || inside.witness.answer(&body, inside.clock.now())).await;
    match answered {
        Ok(Ok(reply)) => {
            let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(CONTENT_TYPE, reply.content_type)], reply.body)
        }
        Ok(Err(error)) => {
            (shared.failed)(&error);
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the witness could not do its work")
        }
        Err(_fault) => plain(StatusCode::INTERNAL_SERVER_ERROR, "an internal fault"),
    }
}

fn plain(status: StatusCode, words: &str) -> Said {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{words}\n"))
}
