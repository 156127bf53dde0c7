//! How exceptions stand: over, over soon, never needed, needed all the time. The gate and `exception list` say the same.

use crate::rules::Context;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::limits;
use countersign_core::time::Time;
use countersign_verify::{Blobs, Exceptions, StateView, Use, VerifiedException};

const DAY: i64 = 24 * 60 * 60;

/// What there is to say of exceptions at a decision: those for its environment and repository.
#[must_use]
pub fn standing(state: StateView<'_>, known: &Exceptions, context: &Context<'_>, blobs: &dyn Blobs) -> Vec<Finding> {
    let environment = &context.request.environment;
    let not_counted = known.not_counted.iter().filter(|(of, _)| of.as_ref().is_none_or(|of| of == environment));
    let mut out: Vec<Finding> = not_counted.map(|(_, finding)| finding.clone()).collect();
    let here = |one: &&std::sync::Arc<VerifiedException>| {
        let exception = one.exception();
        exception.environment == *environment
            && context.source.is_some_and(|source| source.repository == exception.repository)
    };
    let held: Vec<_> = known.held.iter().filter(here).collect();
    if !held.is_empty() {
        let uses = state.uses(blobs);
        let of = |one: &VerifiedException| uses.get(&one.id()).copied().unwrap_or_default();
        out.extend(held.into_iter().filter_map(|one| state_of(one, of(one), context.request.time, SOON)));
    }
    out
}

/// How long before its end an exception is said to end soon, in seconds.
const SOON: i64 = DAY.saturating_mul(limits::EXCEPTION_SOON_DAYS);

/// What there is to say of one exception that was not ended: at most one thing, the most pressing.
#[must_use]
pub fn state_of(one: &VerifiedException, used: Use, time: Time, soon: i64) -> Option<Finding> {
    let exception = one.exception();
    let (_, since) = one.recorded();
    let id = one.id();
    let about = |code, what: String| {
        Finding::new(code, what)
            .at(format!("rule {}, {}, {}", exception.rule, exception.environment, exception.covers))
            .found(format!("needed by {} decision(s)", used.decisions))
    };
    let revoke = format!("countersign exception revoke {id}");
    if time >= exception.expires {
        let what = format!("exception {id} was over on {}", exception.expires);
        return Some(about(codes::EXCEPTION_EXPIRED, what).help(format!("`{revoke}` takes it off the list")));
    }
    if exception.expires.since(time) <= soon {
        let what = format!("exception {id} ends on {}", exception.expires);
        return Some(
            about(codes::EXCEPTION_EXPIRING, what).help("mend what it lets be, or ask for another one in time"),
        );
    }
    if used.decisions == 0 && time.since(since) > DAY.saturating_mul(limits::EXCEPTION_UNUSED_DAYS) {
        let what = format!("exception {id} has been in the log since {since}, and nothing needed it");
        return Some(about(codes::EXCEPTION_UNUSED, what).help(format!("`{revoke}` if it is not needed any more")));
    }
    if used.decisions > limits::EXCEPTION_USES {
        let what = format!("exception {id} was needed by {} decisions", used.decisions);
        return Some(about(codes::EXCEPTION_OVERUSED, what).help("mend what it lets be, or change the rule"));
    }
    None
}
