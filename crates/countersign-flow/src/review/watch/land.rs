//! From what was told of a change that landed to its statement: one change after the other, tried again where the forge or
//! the network is not ready, and done after a restart if it was not done before.

use super::book::Part;
use super::{Said, Watcher, kept};
use crate::error::FlowError;
use crate::output::{CollectedChange, WatchOutcome};
use crate::review::collect::{Reading, capture_path, conclude};
use countersign_collect::forge::{Client, Clock, Common, OnlineError, complete};
use countersign_core::digest::Sha256;
use countersign_core::forge::webhook::name_of;
use countersign_core::forge::{Capture, Exchange, Head};
use countersign_core::statement::change_review::Observation;
use countersign_core::statement::forge_watch::Watched;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// The longest time between two attempts.
const LONGEST: Duration = Duration::from_mins(5);
/// How often a change is read again that the forge does not show whole: it may only be behind.
const BEHIND: u32 = 4;
/// How often a change is read again whose answers are too large.
const HOPELESS: u32 = 1;

/// How a change came out.
enum Outcome {
    Written(Box<CollectedChange>),
    /// Written or not, it is worth another try.
    Again(Option<Box<CollectedChange>>, String),
    /// It amounts to nothing.
    Hopeless(String),
    /// The statement that there is has to do.
    Left,
}

impl Watcher {
    /// Works until it is told to stop. `client` asks the forge for what deliveries do not tell; without one that stays
    /// unknown, and is said in each statement.
    pub fn work(&self, client: Option<&Client<'_>>, clock: &dyn Clock) -> Result<(), FlowError> {
        while let Some(change) = self.next() {
            let tried = self.inside().waiting.get(&change).map_or(0, |(tried, _)| *tried);
            match self.land(change, client, clock, tried)? {
                Outcome::Written(row) => {
                    self.inside().waiting.remove(&change);
                    self.say_written(change, *row, clock);
                }
                Outcome::Left => drop(self.inside().waiting.remove(&change)),
                Outcome::Hopeless(why) => {
                    self.inside().waiting.remove(&change);
                    let said = Said { change: Some(change), detail: Some(why), ..Said::default() };
                    self.say(clock.now(), WatchOutcome::Failed, said);
                }
                Outcome::Again(row, why) => {
                    let pause = pause(tried);
                    self.inside().waiting.insert(change, (tried.saturating_add(1), Instant::now() + pause));
                    if let Some(row) = row {
                        self.say_written(change, *row, clock);
                    }
                    let detail = Some(format!("{why}; again in {} s", pause.as_secs()));
                    let said = Said { change: Some(change), detail, ..Said::default() };
                    self.say(clock.now(), WatchOutcome::Waiting, said);
                }
            }
        }
        Ok(())
    }

    fn say_written(&self, change: u64, row: CollectedChange, clock: &dyn Clock) {
        let said = Said { change: Some(change), written: Some(row), ..Said::default() };
        self.say(clock.now(), WatchOutcome::Signed, said);
    }

    /// Waits for the next change that can be done; `None` when it is to stop.
    fn next(&self) -> Option<u64> {
        let mut inside = self.inside();
        loop {
            if inside.stopping {
                return None;
            }
            let now = Instant::now();
            let open = inside.book.open();
            let due = |change: &u64| inside.waiting.get(change).is_none_or(|(_, until)| *until <= now);
            let behind: Vec<u64> = inside.waiting.keys().copied().collect();
            let ready = open.iter().chain(&behind).copied().find(due);
            if ready.is_some() {
                return ready;
            }
            let soonest = inside.waiting.values().map(|(_, until)| until.saturating_duration_since(now)).min();
            let wait = soonest.unwrap_or(LONGEST);
            inside = self.changed.wait_timeout(inside, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn land(
        &self,
        change: u64,
        client: Option<&Client<'_>>,
        clock: &dyn Clock,
        tried: u32,
    ) -> Result<Outcome, FlowError> {
        let (begun, through) = self.begin(change, clock)?;
        let reading = Reading::default();
        let capture = match client.map(|client| complete(client, begun.clone(), reading.plan, &Common::default())) {
            None => begun,
            Some(Ok(capture)) => capture,
            Some(Err(error)) if tried >= HOPELESS && too_much(&error) => {
                return Ok(self.given_up(change, through, error.to_string()));
            }
            Some(Err(error)) => return Ok(Outcome::Again(None, plain(&error))),
        };
        let whole =
            (reading.derive)(&capture).is_ok_and(|review| review.shortfalls.iter().all(|s| s.what.is_setting()));
        // A forge that refuses or is down is asked until it is not; one that answers and is behind, a few times.
        let refused = |exchange: &Exchange| exchange.status >= 400 && exchange.status != 404;
        let again =
            client.is_some() && !whole && (tried < BEHIND || capture.answers().any(|(exchange, _)| refused(exchange)));
        let why = "the forge does not show all of it yet".to_owned();
        if !whole && self.inside().book.takes_in(change, through) {
            return Ok(if again { Outcome::Again(None, why) } else { Outcome::Left });
        }
        let row = match conclude(&capture, reading, &self.setup.key, &self.setup.output) {
            // Whoever makes a change that is too large for a capture must not end the watching of the others.
            Err(FlowError::Capture(error)) => return Ok(self.given_up(change, through, error.to_string())),
            other => Box::new(other?.0),
        };
        let (Some(statement), Some(digest)) = (row.bundle, row.capture) else {
            let why = row.failed.clone().unwrap_or_default();
            return Ok(if again { Outcome::Again(None, why) } else { self.given_up(change, through, why) });
        };
        let mut inside = self.inside();
        let what = Watched::Signed { change, statement, capture: digest, through, whole };
        inside.chain.add(what, clock.now(), &self.setup.whom, &self.setup.key)?;
        let replaced = inside.book.signed(change, through, digest);
        drop(inside);
        if let Some(old) = replaced {
            // The statement that rested on it is replaced. One that is left behind does no harm.
            let _gone = std::fs::remove_file(capture_path(&self.setup.output, &old));
        }
        Ok(if again { Outcome::Again(Some(row), why) } else { Outcome::Written(row) })
    }

    /// Nothing comes of it for now. What is told later, or a restart, brings it up again.
    fn given_up(&self, change: u64, through: u64, why: String) -> Outcome {
        self.inside().book.signed(change, through, Sha256::of(b""));
        Outcome::Hopeless(why)
    }

    /// The capture of what was told, without the forge's answers.
    fn begin(&self, change: u64, clock: &dyn Clock) -> Result<(Capture, u64), FlowError> {
        let (parts, through) = self.inside().book.story(change);
        let whom = &self.setup.whom;
        let mut capture = Capture::new(Head {
            forge: whom.forge,
            host: whom.host.clone(),
            repository: whom.repository.clone(),
            path: whom.path.clone(),
            change,
            how: Observation::Live,
            gaps: Vec::new(),
            collected_at: clock.now(),
            exchanges: Vec::new(),
        });
        for part in parts {
            match part {
                Part::Absence(absence) => absence.push(&mut capture)?,
                Part::Told(told) => {
                    let body = kept(&self.setup.state, told.sequence, &told.payload)?;
                    let exchange = Exchange {
                        name: name_of(&told.guid, &told.event),
                        status: 200,
                        at: told.at,
                        link: None,
                        next_page: None,
                        length: body.len(),
                        digest: told.payload,
                    };
                    capture.push(exchange, body);
                }
            }
        }
        Ok((capture, through))
    }
}

const fn too_much(error: &OnlineError) -> bool {
    matches!(error, OnlineError::TooMany | OnlineError::TooLarge { .. })
}

/// Doubled each time.
fn pause(tried: u32) -> Duration {
    Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(tried.min(16))).min(LONGEST)
}

/// An error with its causes, on one line.
fn plain(error: &OnlineError) -> String {
    let mut out = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !out.contains(&cause_text) {
            out.push_str(": ");
            out.push_str(&cause_text);
        }
        next = cause.source();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_have_an_end() {
        let seconds: Vec<u64> = [0, 1, 2, 8, 9, 40].map(|tried| pause(tried).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300]);
    }
}
