//! Captures for tests: small answers, written where they are used.

use super::read::Stamp;
use super::{Capture, Exchange, Head};
use crate::digest::Sha256;
use crate::git::oid::Oid;
use crate::ids::Uri;
use crate::statement::change_review::{ChangeReview, Event, EventKind, ForgeKind, Observation};
use crate::time::Time;

pub(in crate::forge) fn oid(n: u8) -> Oid {
    Oid::from_hex(&format!("{n:x}").repeat(40)).unwrap()
}

/// A second of 22 November 2026, from ten o'clock on.
pub(in crate::forge) fn at(second: i64) -> String {
    "2026-11-22T10:00:00Z".parse::<Time>().unwrap().plus(second).to_string()
}

pub(in crate::forge) fn stamp(second: i64) -> Stamp {
    Stamp::parse(&at(second)).unwrap()
}

/// The events of a change in one line.
pub(in crate::forge) fn story(change: &ChangeReview) -> String {
    let word = |event: &Event| match &event.what {
        EventKind::Moved { after: Some(after), .. } => format!("moved:{}", after.hex().get(..1).unwrap()),
        EventKind::Moved { after: None, .. } => "moved:?".to_owned(),
        EventKind::Reviewed { review } => format!("reviewed:{review}"),
        EventKind::Dismissed { review } => format!("dismissed:{review}"),
        other @ (EventKind::Opened
        | EventKind::Retargeted
        | EventKind::Closed
        | EventKind::Reopened
        | EventKind::Queued
        | EventKind::Merged) => format!("{other:?}").to_lowercase(),
    };
    change.events.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The same capture with some bytes of one answer replaced.
pub(in crate::forge) fn altered(whole: &Capture, which: usize, from: usize, with: &[u8]) -> Capture {
    let mut altered = Capture::new(whole.head.clone());
    let count = whole.head.exchanges.len().max(1);
    for (n, (exchange, body)) in whole.answers().enumerate() {
        let mut body = body.to_vec();
        if n == which.checked_rem(count).unwrap() {
            let from = from.checked_rem(body.len().saturating_add(1)).unwrap();
            let to = from.saturating_add(with.len()).min(body.len());
            body.splice(from..to, with.iter().copied());
        }
        altered.push(exchange.clone(), body);
    }
    altered
}

/// A capture in the making.
#[derive(Debug, Clone)]
pub(in crate::forge) struct Asked {
    pub(in crate::forge) capture: Capture,
}

impl Asked {
    pub(in crate::forge) fn of(forge: ForgeKind, host: &str) -> Self {
        let head = Head {
            forge,
            host: host.to_owned(),
            repository: Uri::new(&format!("git+https://{host}/team/service")).unwrap(),
            path: "team/service".to_owned(),
            change: 7,
            how: Observation::Afterwards,
            gaps: Vec::new(),
            collected_at: at(0).parse().unwrap(),
            exchanges: Vec::new(),
        };
        Self { capture: Capture::new(head) }
    }

    pub(in crate::forge) fn github() -> Self {
        Self::of(ForgeKind::Github, "github.com")
    }

    pub(in crate::forge) fn page(&mut self, name: &str, link: Option<&str>, body: &str) {
        self.push(name, 200, link, body);
    }

    pub(in crate::forge) fn refuse(&mut self, name: &str, status: u16, body: &str) {
        self.push(name, status, None, body);
    }

    pub(in crate::forge) fn push(&mut self, name: &str, status: u16, link: Option<&str>, body: &str) {
        let exchange = Exchange {
            name: name.to_owned(),
            status,
            at: at(600).parse().unwrap(),
            link: link.map(str::to_owned),
            next_page: None,
            length: 0,
            digest: Sha256::of(b""),
        };
        self.capture.push(exchange, body.as_bytes().to_vec());
    }

    /// The same capture without the answers of these names.
    pub(in crate::forge) fn without(&self, gone: impl Fn(&str) -> bool) -> Self {
        let mut capture = Capture::new(self.capture.head.clone());
        for (exchange, body) in self.capture.answers() {
            if !gone(&exchange.name) {
                capture.push(exchange.clone(), body.to_vec());
            }
        }
        Self { capture }
    }
}
