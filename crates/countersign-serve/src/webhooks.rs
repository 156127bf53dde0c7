//! `POST /webhooks/github` or `/webhooks/gitlab`, whichever is watched, and `GET /healthz`.

use crate::End;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use countersign_collect::forge::Clock;
use countersign_core::limits;
use countersign_core::statement::change_review::ForgeKind;
use countersign_flow::output::WatchOutcome;
use countersign_flow::review::watch::{Incoming, Watcher};
use countersign_verify::webhook::Proof;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone)]
struct Shared {
    watcher: Arc<Watcher>,
    end: Arc<End>,
    clock: &'static (dyn Clock + Send),
}

/// The routes.
pub(crate) fn router(watcher: &Arc<Watcher>, end: &Arc<End>, clock: &'static (dyn Clock + Send)) -> Router {
    let path = match watcher.forge() {
        ForgeKind::Github => "/webhooks/github",
        ForgeKind::Gitlab => "/webhooks/gitlab",
    };
    let shared = Shared { watcher: Arc::clone(watcher), end: Arc::clone(end), clock };
    Router::new()
        .route(path, post(receive))
        .route("/healthz", get(|| async { "ok\n" }))
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing is here\n") })
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, "not with this method\n") })
        .with_state(shared)
}

type Said = (StatusCode, &'static str);

async fn receive(State(shared): State<Shared>, request: Request) -> Said {
    let (parts, body) = request.into_parts();
    let bytes = match read(&parts.headers, body).await {
        Ok(bytes) => bytes,
        Err((status, why)) => {
            shared.watcher.refused(why.trim_end(), shared.clock.now());
            return (status, why);
        }
    };
    let inside = shared.clone();
    // Waiting for the disk is done beside the other connections.
    let taken = tokio::task::spawn_blocking(move || {
        let incoming = incoming(inside.watcher.forge(), &parts.headers, &bytes);
        inside.watcher.receive(&incoming, inside.clock.now())
    });
    match taken.await {
        Ok(Ok(outcome)) => answer(outcome),
        Ok(Err(error)) => {
            shared.end.fail(error);
            (StatusCode::SERVICE_UNAVAILABLE, "it could not be kept\n")
        }
        Err(_fault) => (StatusCode::INTERNAL_SERVER_ERROR, "an internal fault\n"),
    }
}

/// The body, within its bounds.
async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Said> {
    let json = one(headers, CONTENT_TYPE.as_str())
        .is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json"));
    if !json {
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "the webhook's content type has to be application/json\n"));
    }
    let limit = Duration::from_secs(limits::DELIVERY_SECONDS);
    match tokio::time::timeout(limit, Limited::new(body, limits::DELIVERY_BYTES).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err((StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than what is read\n"))
        }
        Ok(Err(_cut)) => Err((StatusCode::BAD_REQUEST, "the body was cut off\n")),
        Err(_late) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long\n")),
    }
}

/// A header that is there once. Twice would be two answers to one question.
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next().and_then(|value| value.to_str().ok());
    first.filter(|_| all.next().is_none())
}

fn incoming<'h>(forge: ForgeKind, headers: &'h HeaderMap, body: &'h [u8]) -> Incoming<'h> {
    let one = |name| one(headers, name);
    let (guid, event) = match forge {
        ForgeKind::Github => (one("x-github-delivery"), one("x-github-event")),
        ForgeKind::Gitlab => (one("idempotency-key").or_else(|| one("x-gitlab-event-uuid")), one("x-gitlab-event")),
    };
    let proof = Proof {
        hub_signature: one("x-hub-signature-256"),
        token: one("x-gitlab-token"),
        id: one("webhook-id"),
        timestamp: one("webhook-timestamp"),
        signature: one("webhook-signature"),
    };
    Incoming { guid, event, proof, body }
}

const fn answer(outcome: WatchOutcome) -> Said {
    match outcome {
        WatchOutcome::Kept => (StatusCode::ACCEPTED, "kept\n"),
        WatchOutcome::Had => (StatusCode::OK, "kept before\n"),
        WatchOutcome::Ignored => (StatusCode::OK, "of no interest\n"),
        WatchOutcome::NotProved => (StatusCode::UNAUTHORIZED, "not proved to be the forge's\n"),
        WatchOutcome::Altered => (StatusCode::CONFLICT, "another delivery has this id\n"),
        WatchOutcome::Elsewhere => (StatusCode::FORBIDDEN, "about another repository\n"),
        WatchOutcome::Missed => (StatusCode::UNPROCESSABLE_ENTITY, "it cannot be read\n"),
        WatchOutcome::Refused => (StatusCode::BAD_REQUEST, "no delivery\n"),
        WatchOutcome::Listening
        | WatchOutcome::Repaired
        | WatchOutcome::Signed
        | WatchOutcome::Waiting
        | WatchOutcome::Failed
        | WatchOutcome::Stopped => (StatusCode::INTERNAL_SERVER_ERROR, "an internal fault\n"),
    }
}
