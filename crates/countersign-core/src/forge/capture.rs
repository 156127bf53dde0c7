//! The capture file: every answer of a forge about one change, as it came.
//!
//! The bytes are: the line `countersign.dev/forge-capture/v1`; one line of canonical JSON, [`Head`]; then the bodies of
//! the answers, one after the other, in the order of the head. Each has its length and digest in the head, and nothing
//! is left over, so one set of answers has exactly one spelling. No credential is part of it: what is kept of a request
//! is its name.

use crate::digest::Sha256;
use crate::ids::Uri;
use crate::json::{self, JsonError};
use crate::limits;
use crate::statement::change_review::{ForgeKind, Observation};
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The first line of a capture.
pub const FIRST_LINE: &str = "countersign.dev/forge-capture/v1";

/// What was asked, of whom, and how each answer came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Head {
    /// Which kind of forge.
    pub forge: ForgeKind,
    /// Its host name, as accounts in trust name it.
    pub host: String,
    /// The repository's uri, as reviews and policy name it.
    pub repository: Uri,
    /// The repository's path on the forge, such as `team/service`.
    pub path: String,
    /// The change's number.
    pub change: u64,
    /// As it happened, or afterwards.
    pub how: Observation,
    /// Deliveries that are missing, of what was seen as it happened.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<String>,
    /// When the last answer was read, by the collector's clock.
    pub collected_at: Time,
    /// The answers.
    pub exchanges: Vec<Exchange>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Exchange {
    /// What was asked (`GET /repos/…?page=2`), or which delivery this is (`delivery GUID EVENT`).
    pub name: String,
    /// The answer's status; 200 for a delivery.
    pub status: u16,
    /// When it came, by the collector's clock.
    pub at: Time,
    /// The answer's `Link` header, which says whether a list goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The answer's `X-Next-Page` header, GitLab's word for the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page: Option<String>,
    /// How many bytes the body has.
    pub length: usize,
    /// SHA-256 of the body.
    pub digest: Sha256,
}

/// A capture, read and hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// What was asked.
    pub head: Head,
    /// The bodies, in the order of the head's exchanges.
    bodies: Vec<Vec<u8>>,
}

impl Capture {
    /// A capture without answers yet.
    #[must_use]
    pub fn new(mut head: Head) -> Self {
        head.exchanges.clear();
        Self { head, bodies: Vec::new() }
    }

    /// Adds an answer. Its length and digest are those of the body, whatever it says.
    pub fn push(&mut self, mut exchange: Exchange, body: Vec<u8>) {
        exchange.length = body.len();
        exchange.digest = Sha256::of(&body);
        self.head.collected_at = self.head.collected_at.max(exchange.at);
        self.head.exchanges.push(exchange);
        self.bodies.push(body);
    }

    /// Each answer with its body.
    pub fn answers(&self) -> impl Iterator<Item = (&Exchange, &[u8])> {
        self.head.exchanges.iter().zip(self.bodies.iter().map(Vec::as_slice))
    }

    /// The answer to a request, by its name: the last one, if it was asked several times.
    #[must_use]
    pub fn answer(&self, name: &str) -> Option<(&Exchange, &[u8])> {
        self.answers().filter(|(exchange, _)| exchange.name == name).last()
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Result<Vec<u8>, CaptureError> {
        let mut out = [FIRST_LINE.as_bytes(), b"\n", &json::canonical(&self.head)?, b"\n"].concat();
        for body in &self.bodies {
            out.extend_from_slice(body);
        }
        if out.len() > limits::CAPTURE_BYTES {
            return Err(CaptureError::TooLarge { found: out.len() });
        }
        Ok(out)
    }

    /// Reads the bytes of the file and hashes every body.
    pub fn parse(bytes: &[u8]) -> Result<Self, CaptureError> {
        if bytes.len() > limits::CAPTURE_BYTES {
            return Err(CaptureError::TooLarge { found: bytes.len() });
        }
        let rest = bytes
            .strip_prefix(FIRST_LINE.as_bytes())
            .and_then(|rest| rest.strip_prefix(b"\n"))
            .ok_or(CaptureError::FirstLine)?;
        let end = rest.iter().position(|b| *b == b'\n').ok_or(CaptureError::HeadLine)?;
        let (line, rest) = rest.split_at_checked(end).ok_or(CaptureError::HeadLine)?;
        let head: Head = json::parse_canonical(line)?;
        if json::canonical(&head)? != line {
            return Err(CaptureError::HeadLine);
        }
        if head.exchanges.len() > limits::CAPTURE_EXCHANGES {
            return Err(CaptureError::TooMany { found: head.exchanges.len() });
        }
        let mut rest = rest.get(1..).unwrap_or_default();
        let mut bodies = Vec::with_capacity(head.exchanges.len());
        for exchange in &head.exchanges {
            let cut = || CaptureError::Body { name: exchange.name.clone() };
            let (body, after) = rest.split_at_checked(exchange.length).ok_or_else(cut)?;
            if Sha256::of(body) != exchange.digest {
                return Err(cut());
            }
            bodies.push(body.to_vec());
            rest = after;
        }
        if !rest.is_empty() {
            return Err(CaptureError::LeftOver { found: rest.len() });
        }
        Ok(Self { head, bodies })
    }
}

/// Why bytes are not a capture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// More bytes than the bound.
    #[error("{found} bytes, more than the {} that are read", limits::CAPTURE_BYTES)]
    TooLarge {
        /// How many there are.
        found: usize,
    },
    /// More answers than the bound.
    #[error("{found} answers, more than the {} that are read", limits::CAPTURE_EXCHANGES)]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// Another first line.
    #[error("the first line is not `{FIRST_LINE}`")]
    FirstLine,
    /// The second line does not end, or spells the head otherwise than we do.
    #[error("the second line is not the one spelling of what was asked")]
    HeadLine,
    /// The head does not parse.
    #[error("the head: {0}")]
    Head(#[from] JsonError),
    /// A body is cut short, or is not what the head says.
    #[error("the answer to `{name}` is cut short or altered")]
    Body {
        /// Which.
        name: String,
    },
    /// Bytes after the last body.
    #[error("{found} bytes are left over after the last answer")]
    LeftOver {
        /// How many.
        found: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    pub(crate) fn head() -> Head {
        Head {
            forge: ForgeKind::Github,
            host: "github.com".to_owned(),
            repository: Uri::new("git+https://github.com/team/service").unwrap(),
            path: "team/service".to_owned(),
            change: 7,
            how: Observation::Afterwards,
            gaps: Vec::new(),
            collected_at: time("2026-11-22T10:00:00Z"),
            exchanges: Vec::new(),
        }
    }

    fn exchange(name: &str) -> Exchange {
        Exchange {
            name: name.to_owned(),
            status: 200,
            at: time("2026-11-22T10:00:01Z"),
            link: None,
            next_page: None,
            length: 0,
            digest: Sha256::of(b""),
        }
    }

    fn capture(bodies: &[Vec<u8>]) -> Capture {
        let mut capture = Capture::new(head());
        for (n, body) in bodies.iter().enumerate() {
            capture.push(exchange(&format!("GET /{n}")), body.clone());
        }
        capture
    }

    #[test]
    fn an_altered_cut_or_lengthened_capture_is_refused() {
        let bytes = capture(&[b"{}".to_vec(), b"[1]".to_vec()]).encode().unwrap();
        assert!(Capture::parse(&bytes).is_ok());
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            assert_ne!(Capture::parse(&altered).ok(), Capture::parse(&bytes).ok(), "byte {at}");
            assert!(Capture::parse(&bytes[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(Capture::parse(&[bytes.as_slice(), b"x"].concat()), Err(CaptureError::LeftOver { found: 1 }));
    }

    #[test]
    fn what_is_asked_again_is_answered_by_the_last() {
        let mut asked = capture(&[b"old".to_vec()]);
        asked.push(exchange("GET /0"), b"new".to_vec());
        assert_eq!(asked.answer("GET /0").unwrap().1, b"new");
        assert_eq!(asked.head.collected_at, time("2026-11-22T10:00:01Z"));
        assert!(asked.answer("GET /9").is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)
        ) {
            let capture = capture(&bodies);
            prop_assert_eq!(Capture::parse(&capture.encode().unwrap()).unwrap(), capture);
        }
    }
}
