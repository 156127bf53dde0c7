//! How fast a forge is asked: what its limits say, how long is waited, and how a request that failed is tried again.
//!
//! Times are differences on the forge's own clock where its answer has a `Date`: two clocks that disagree by an hour must
//! not make us wait an hour.

use super::error::OnlineError;
use countersign_core::time::Time;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The machine's clock and patience, handed in: tests do not wait.
pub trait Clock: Sync {
    /// Now.
    fn now(&self) -> Time;
    /// Waits.
    fn wait(&self, length: Duration);
    /// A number that others do not have, so that not all of them try again in the same moment.
    fn random(&self) -> u64;
}

/// What an answer's headers say about limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// `X-RateLimit-Remaining` or `RateLimit-Remaining`.
    pub remaining: Option<u64>,
    /// `X-RateLimit-Reset` or `RateLimit-Reset`, in seconds since 1970.
    pub reset: Option<i64>,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<i64>,
    /// `Date`.
    pub date: Option<Time>,
}

/// What follows from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is the answer.
    Keep,
    /// It is the answer; the next request waits.
    KeepAndRest(Time),
    /// It is none: ask again after this.
    AskAgain(Time),
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// How long to rest if the forge says that it was too much, and not how long that is.
const REST: i64 = 60;

/// What follows from a status, the headers, and the answer's first bytes.
pub(super) fn next(status: u16, said: &Said, body: &[u8], now: Time) -> Next {
    let there = said.date.unwrap_or(now);
    let reset = said.reset.and_then(|at| Time::from_unix(at).ok()).map(|at| at.since(there).max(1));
    let spent = said.remaining == Some(0);
    let limited = match status {
        429 => true,
        // A refusal for want of permission is an answer. It is told from a limit by what comes with it.
        403 => spent || said.retry_after.is_some() || speaks_of_a_limit(body),
        _ => false,
    };
    if limited {
        let rest = said.retry_after.or_else(|| reset.filter(|_| spent || status == 429)).unwrap_or(REST);
        return Next::AskAgain(now.plus(rest.max(1)));
    }
    match reset {
        Some(rest) if spent => Next::KeepAndRest(now.plus(rest)),
        _ => Next::Keep,
    }
}

fn speaks_of_a_limit(body: &[u8]) -> bool {
    let start = body.get(..body.len().min(2048)).unwrap_or_default();
    String::from_utf8_lossy(start).to_ascii_lowercase().contains("secondary rate limit")
}

/// How long to wait before trying for the `attempt`th time again: doubling from half a second, with as much again by
/// chance.
pub(super) fn back_off(attempt: u32, random: u64) -> Duration {
    let base = 500_u64.saturating_mul(1_u64.checked_shl(attempt.min(6)).unwrap_or(64));
    Duration::from_millis(base.saturating_add(random % base.max(1)))
}

/// The seconds since 1970 of an HTTP date, `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(text: &str) -> Option<Time> {
    let (_, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let (day, month, year, clock, zone) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|name| *name == month)?.saturating_add(1);
    if zone != "GMT" {
        return None;
    }
    format!("{year}-{month:02}-{day}T{clock}Z").parse().ok()
}

/// One gate for all requests to a forge.
#[derive(Debug)]
pub(super) struct Gate {
    host: String,
    per_minute: usize,
    bound: i64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When each request of the last minute went out.
    sent: VecDeque<Time>,
    /// Nothing goes out before this.
    rest_until: Option<Time>,
    /// The waiting up to here is counted.
    counted_until: Option<Time>,
    /// How many seconds the forge made us wait.
    waited: i64,
}

impl Gate {
    pub(super) fn new(host: &str, per_minute: usize, bound: Duration) -> Self {
        let bound = i64::try_from(bound.as_secs()).unwrap_or(i64::MAX);
        Self { host: host.to_owned(), per_minute: per_minute.max(1), bound, state: Mutex::default() }
    }

    /// Nothing goes out before `until`.
    pub(super) fn rest(&self, until: Time) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rest_until = state.rest_until.max(Some(until));
    }

    /// Waits until one more request may go out. What the forge asks for is waited within the bound; our own pace is
    /// always kept.
    pub(super) fn admit(&self, clock: &dyn Clock) -> Result<(), OnlineError> {
        loop {
            let pause = self.pause(clock.now())?;
            if pause <= 0 {
                return Ok(());
            }
            clock.wait(Duration::from_secs(u64::try_from(pause).unwrap_or(1)));
        }
    }

    /// Zero if a request may go out, which then counts as sent; otherwise how long to wait.
    fn pause(&self, now: Time) -> Result<i64, OnlineError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = state.rest_until.filter(|until| *until > now) {
            let from = state.counted_until.map_or(now, |counted| counted.max(now));
            let more = until.since(from).max(0);
            if state.waited.saturating_add(more) > self.bound {
                let (host, seconds, bound) = (self.host.clone(), until.since(now), self.bound);
                return Err(OnlineError::Waiting { host, until, seconds, bound });
            }
            state.waited = state.waited.saturating_add(more);
            state.counted_until = state.counted_until.max(Some(until));
            return Ok(until.since(now));
        }
        while state.sent.front().is_some_and(|sent| now.since(*sent) > 60) {
            state.sent.pop_front();
        }
        if let Some(first) = state.sent.front().filter(|_| state.sent.len() >= self.per_minute) {
            return Ok(61_i64.saturating_sub(now.since(*first)).max(1));
        }
        state.sent.push_back(now);
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    struct Fast(AtomicI64);

    impl Clock for Fast {
        fn now(&self) -> Time {
            Time::from_unix(self.0.load(Ordering::SeqCst)).unwrap()
        }
        fn wait(&self, length: Duration) {
            self.0.fetch_add(i64::try_from(length.as_secs()).unwrap(), Ordering::SeqCst);
        }
        fn random(&self) -> u64 {
            0
        }
    }

    fn at(seconds: i64) -> Time {
        Time::from_unix(seconds).unwrap()
    }

    #[test]
    fn a_limit_is_told_from_a_refusal() {
        let none = Said::default();
        let now = at(1000);
        assert_eq!(next(403, &none, b"{\"message\":\"Must have admin rights\"}", now), Next::Keep);
        assert_eq!(next(403, &none, b"You have exceeded a secondary rate limit", now), Next::AskAgain(at(1060)));
        assert_eq!(next(429, &none, b"", now), Next::AskAgain(at(1060)));
        let after = Said { retry_after: Some(7), ..Said::default() };
        assert_eq!(next(403, &after, b"", now), Next::AskAgain(at(1007)));
        let spent = Said { remaining: Some(0), reset: Some(1030), ..Said::default() };
        assert_eq!(next(403, &spent, b"", now), Next::AskAgain(at(1030)));
        assert_eq!(next(200, &spent, b"", now), Next::KeepAndRest(at(1030)));
        assert_eq!(next(404, &Said { remaining: Some(5), ..spent.clone() }, b"", now), Next::Keep);
        // The forge's clock is an hour ahead of ours: what counts is the difference on its own.
        let ahead = Said { reset: Some(4630), date: Some(at(4600)), ..spent };
        assert_eq!(next(429, &ahead, b"", now), Next::AskAgain(at(1030)));
    }

    #[test]
    fn dates_of_answers_are_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(at(784_111_777)));
        for bad in
            ["", "Sun, 06 Nov 1994 08:49:37 CET", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 99 Nov 1994 08:49:37 GMT"]
        {
            assert_eq!(http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn trying_again_waits_longer_each_time_and_never_the_same() {
        for attempt in 0..5 {
            assert!(back_off(attempt, 0) * 2 == back_off(attempt + 1, 0));
            assert!(back_off(attempt, 17) != back_off(attempt, 18));
            assert!(back_off(attempt, u64::MAX) < back_off(attempt, 0) * 2);
        }
    }

    #[test]
    fn no_more_goes_out_in_a_minute_than_was_stated() {
        let (clock, gate) = (Fast(AtomicI64::new(1000)), Gate::new("h", 10, Duration::ZERO));
        let mut sent = Vec::new();
        for _ in 0..35 {
            gate.admit(&clock).unwrap();
            sent.push(clock.now().unix());
        }
        for window in sent.windows(11) {
            assert!(window[10] - window[0] > 60, "{sent:?}");
        }
    }

    #[test]
    fn patience_has_a_bound_and_is_counted_once_for_all_who_wait() {
        let (clock, gate) = (Fast(AtomicI64::new(1000)), Gate::new("h", 1000, Duration::from_secs(100)));
        gate.rest(at(1060));
        // Two who wait for the same moment wait 60 seconds, not 120.
        assert_eq!(gate.pause(at(1000)).unwrap(), 60);
        assert_eq!(gate.pause(at(1000)).unwrap(), 60);
        gate.admit(&clock).unwrap();
        assert_eq!(clock.now(), at(1060));
        gate.rest(at(1101));
        let error = gate.admit(&clock).unwrap_err();
        assert!(matches!(error, OnlineError::Waiting { seconds: 41, bound: 100, .. }), "{error}");
        assert_eq!(clock.now(), at(1060));
    }
}
