//! A forge, read over HTTP: what is asked and what it means is core's (`countersign_core::forge`); here is how it is
//! asked, and that every answer is kept as it came.
//!
//! What goes wrong on the way is an [`OnlineError`]. What the forge answers is never one, whatever its status: a refusal
//! is an answer too, and says what is not known.

mod app;
mod ask;
mod cache;
mod client;
mod error;
mod pace;
mod place;
mod range;
mod secret;

pub use app::App;
pub use ask::{Common, Plan, capture, complete, side_by_side};
pub use client::{Client, Credential, Reply, Settings};
pub use error::{OnlineError, Unreachable};
pub use pace::Clock;
pub use place::{Place, PlaceError};
pub use range::{Changes, changes, landed};
pub use secret::{Secret, SecretError};
