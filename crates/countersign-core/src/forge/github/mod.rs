//! GitHub: what has to be asked about a pull request, and what the answers amount to.

mod commits;
mod live;
mod names;
mod pull;
mod reviews;
mod rules;
mod suites;
#[cfg(test)]
mod tests;
mod timeline;

use super::build::{People, Read, Subject};
use super::order::{Happened, Move, Story};
use super::pages::{Answers, List, Paging};
use super::read::{Node, body};
use super::{Capture, ForgeError};
use crate::statement::change_review::{
    AccountKind, AuthorRole, ChangeReview, ChangeState, EventKind, ForgeStrategy, Observation, Part, Permission,
    ReviewState, Shortfall,
};
pub(super) use commits::{co_authors, private_address};
use live::Live;
use names::Names;
use pull::Pull;
use reviews::Review;
use std::collections::{BTreeMap, BTreeSet};
use timeline::Told;

/// The requests that are still to be made.
pub(super) fn plan(capture: &Capture) -> Vec<String> {
    let names = Names::of(&capture.head);
    let answers = Answers::of(capture);
    let first = names.pull();
    if !answers.has(&first) {
        return vec![first];
    }
    // An answer that cannot be read ends the asking: what it amounts to is an error all the same.
    still_to_ask(capture, &answers, &names).unwrap_or_default()
}

fn still_to_ask(capture: &Capture, answers: &Answers<'_>, names: &Names) -> Result<Vec<String>, ForgeError> {
    let Ok(value) = answers.one(&names.pull())? else { return Ok(Vec::new()) };
    let pull = Pull::read(Node::new(&names.pull(), &value), &capture.head)?;
    let reviews = answers.list(&names.reviews(), Paging::Numbered)?;
    let mut singles = vec![names.protection(&pull.branch)];
    for login in reviewers(&listed(&reviews, &mut People::default())?).into_values() {
        singles.push(names.permission(&login));
    }
    let rules = answers.list(&names.rules(&pull.branch), Paging::Numbered)?;
    singles.extend(rules::rulesets(&rules)?.into_iter().map(|id| names.ruleset(id)));
    let mut lists = vec![
        reviews,
        answers.list(&names.commits(), Paging::Numbered)?,
        answers.list(&names.timeline(), Paging::Numbered)?,
        rules,
    ];
    if let Some((_, path)) = &pull.head_repository {
        lists.push(answers.list(&Names::activity(path, &pull.head_branch), Paging::Cursor)?);
    }
    if let Some(landed) = pull.result {
        let suites = suites::listed(answers, &names.suites(&pull.branch), landed)?;
        singles.extend(suites::to_ask(&suites, landed)?.into_iter().map(|id| names.suite(id)));
        lists.push(suites);
    }
    let mut out: Vec<String> = lists.into_iter().filter_map(List::next).collect();
    out.extend(singles.into_iter().filter(|name| !answers.has(name)));
    // A change that is still open is asked for again in the end, to see whether it is still the same.
    if out.is_empty() && pull.state == ChangeState::Open && asked(capture, &names.pull()) == 1 {
        out.push(names.pull());
    }
    Ok(out)
}

fn asked(capture: &Capture, name: &str) -> usize {
    capture.head.exchanges.iter().filter(|exchange| exchange.name == name).count()
}

/// What the answers amount to.
pub(super) fn derive(capture: &Capture) -> Result<ChangeReview, ForgeError> {
    let names = Names::of(&capture.head);
    let answers = Answers::of(capture);
    let mut people = People::default();
    let live = Live::read(capture, &mut people)?;
    let mut shortfalls = live.shortfalls.clone();
    let pull = the_pull(capture, &answers, &names, &live, &mut shortfalls)?;
    let mut hidden = Vec::new();

    for who in pull.assignees.iter().chain([&pull.opener]) {
        people.learn(who.account, who.kind);
    }
    people.add(AuthorRole::Opener, pull.opener.account, None);
    let commits = commits::read(
        &answers.list(&names.commits(), Paging::Numbered)?,
        pull.commits,
        pull.head,
        &capture.head.host,
        &mut people,
        &mut shortfalls,
    )?;

    let (mut told, from_deliveries) = order(&answers, &names, &live, &pull, &mut people, &mut shortfalls)?;
    let reviews = all_reviews(&answers, &names, &live, &told, &mut people, &mut shortfalls)?;
    let (mut moves, moves_listed) = moves(&answers, &live, &pull, from_deliveries, &mut people, &mut shortfalls)?;
    if let Some((id, path)) = pull.head_repository.as_ref().filter(|(id, _)| *id != pull.repository) {
        hidden.push(Names::activity_hidden(path, *id));
    }
    let blind = told.match_forced(&mut moves);
    requesters(&pull, &told, &mut people);

    let permissions = permissions(&answers, &names, &reviews, &mut hidden, &mut shortfalls)?;
    let rules = rules::rules(&answers, &names, &pull.branch, pull.merged_at, &mut shortfalls)?;
    let rule_suite = match pull.result {
        Some(landed) => suites::read(&answers, &names, &pull.branch, landed, &mut shortfalls)?,
        None => None,
    };
    let is_live = capture.head.how == Observation::Live;
    let asked_moves =
        pull.head_repository.as_ref().is_some_and(|(_, path)| answers.has(&Names::activity(path, &pull.head_branch)));
    let gaps = if is_live { live.gaps(&pull, &reviews, asked_moves && moves_listed) } else { Vec::new() };
    let delivered = is_live.then(|| live.moves.iter().map(|moved| (moved.before, moved.after)).collect());
    let queued = told.queued();
    let reviews = reviews.into_iter().map(|mut review| {
        review.it.permission = review.it.account.and_then(|id| permissions.get(&id).copied());
        review.it
    });
    let read = Read {
        reviews: reviews.collect(),
        people,
        story: Story {
            happened: told.happened,
            moves,
            moves_listed,
            blind,
            head: pull.head,
            commits: &commits.all,
            grown_from: &commits.grown_from,
        },
        rule_suite,
        rules,
        gaps,
        delivered,
        shortfalls,
        hidden,
        subject: subject(pull, queued),
    };
    read.finish(capture)
}

fn subject(pull: Pull, queued: bool) -> Subject {
    let strategy = match pull.result {
        None => None,
        Some(_) if queued => Some(ForgeStrategy::Queue),
        Some(result) if result == pull.head => Some(ForgeStrategy::FastForward),
        Some(_) => pull.method,
    };
    Subject {
        repository: pull.repository,
        id: pull.id,
        url: pull.url,
        head_repository: pull.head_repository.map(|(id, _)| id),
        state: pull.state,
        target_ref: pull.target,
        base_commit: Some(pull.base),
        head: pull.head,
        result: pull.result,
        strategy,
    }
}

/// The newest that is known of the change itself.
fn the_pull(
    capture: &Capture,
    answers: &Answers<'_>,
    names: &Names,
    live: &Live,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<Pull, ForgeError> {
    let name = names.pull();
    let mut found: Option<Pull> = None;
    for (exchange, bytes) in capture.answers().filter(|(exchange, _)| exchange.name == name) {
        if exchange.status != 200 {
            continue;
        }
        let value = body(&name, bytes)?;
        let pull = Pull::read(Node::new(&name, &value), &capture.head)?;
        if found.as_ref().is_some_and(|earlier| !earlier.same_place(&pull)) {
            let why = "it moved, landed or got another target while it was read".to_owned();
            shortfalls.push(Shortfall { what: Part::Change, why });
        }
        found = Some(pull);
    }
    let refusal = answers.one(&name)?.err();
    if let Some(why) = refusal.as_ref().filter(|_| answers.has(&name)) {
        shortfalls.push(Shortfall { what: Part::Change, why: format!("{why}; it needs pull_requests:read") });
    }
    match (found, &live.pull) {
        (Some(asked), Some(told)) if told.updated_at > asked.updated_at && !told.same_place(&asked) => Ok(told.clone()),
        (Some(asked), _) => Ok(asked),
        (None, Some(told)) => Ok(told.clone()),
        (None, None) => {
            let why = refusal.unwrap_or_else(|| "there is no answer".to_owned());
            Err(ForgeError::NoChange { name, why })
        }
    }
}

/// The forge's order of events: by its timeline if that was asked for, else as they were delivered, which the second
/// value says.
fn order(
    answers: &Answers<'_>,
    names: &Names,
    live: &Live,
    pull: &Pull,
    people: &mut People,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<(Told, bool), ForgeError> {
    let name = names.timeline();
    let delivered = live.any && !answers.has(&name);
    let mut told = if delivered {
        live.told.clone()
    } else {
        let list = answers.list(&name, Paging::Numbered)?;
        let short = list.shortfall(Part::Events, "the timeline needs issues:read or pull_requests:read");
        shortfalls.extend(short.or(list.repeats(Part::Events, "id")?));
        Told::read(&list.items()?, people)?
    };
    if !told.happened.iter().any(|event| event.what == EventKind::Opened) {
        if delivered {
            shortfalls.push(Shortfall { what: Part::Events, why: "the opening was not delivered".to_owned() });
        }
        let opened = Happened { at: Some(pull.created_at), account: pull.opener.account, what: EventKind::Opened };
        told.happened.insert(0, opened);
        for (place, _, _) in &mut told.forced {
            *place = place.saturating_add(1);
        }
    }
    if pull.state == ChangeState::Merged && told.landed().is_none() {
        shortfalls.push(Shortfall { what: Part::Events, why: "the order does not show the landing".to_owned() });
        told.happened.push(Happened { at: pull.merged_at, account: None, what: EventKind::Merged });
    }
    Ok((told, delivered))
}

fn listed(list: &List, people: &mut People) -> Result<Vec<Review>, ForgeError> {
    let reviews = list.items()?.into_iter().map(|item| Review::read(item, people));
    Ok(reviews.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// Every review, from the list and as it was delivered.
fn all_reviews(
    answers: &Answers<'_>,
    names: &Names,
    live: &Live,
    told: &Told,
    people: &mut People,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<Vec<Review>, ForgeError> {
    let list = answers.list(&names.reviews(), Paging::Numbered)?;
    let asked = answers.has(&names.reviews());
    if asked || !live.any {
        let short = list.shortfall(Part::Reviews, "reviews need pull_requests:read");
        shortfalls.extend(short.or(list.repeats(Part::Reviews, "id")?));
    }
    let mut seen = BTreeSet::new();
    let once: Vec<Review> = listed(&list, people)?.into_iter().filter(|review| seen.insert(review.it.id)).collect();
    if list.is_whole() {
        let gone = told.reviewed.iter().chain(live.reviews.keys()).any(|id| !seen.contains(id));
        if gone {
            let why = "a review that happened is not in the list".to_owned();
            shortfalls.push(Shortfall { what: Part::Reviews, why });
        }
    }
    let reviews = reviews::joined(once, &live.reviews);
    let has_opinion = |review: &&Review| review.it.state != ReviewState::Commented;
    if reviews.iter().filter(has_opinion).any(|review| !told.reviewed.contains(&review.it.id)) {
        let why = "the order of events does not show every review".to_owned();
        shortfalls.push(Shortfall { what: Part::Events, why });
    }
    Ok(reviews)
}

/// The moves of the head, and whether nothing can be missing between them.
fn moves(
    answers: &Answers<'_>,
    live: &Live,
    pull: &Pull,
    by_arrival: bool,
    people: &mut People,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<(Vec<Move>, bool), ForgeError> {
    let mut seen = live.moves.clone();
    if !by_arrival {
        // Places in the order of arrival say nothing about places in the timeline.
        for moved in &mut seen {
            moved.seen_after = 0;
        }
    }
    let short = |why: &str| Shortfall { what: Part::Moves, why: why.to_owned() };
    let Some((_, path)) = &pull.head_repository else {
        if !live.any {
            shortfalls.push(short("the repository of the head was deleted, and its record of pushes with it"));
        }
        return Ok((seen, live.any));
    };
    let name = Names::activity(path, &pull.head_branch);
    if live.any && !answers.has(&name) {
        return Ok((seen, true));
    }
    let list = answers.list(&name, Paging::Cursor)?;
    let mut trouble = list.shortfall(Part::Moves, "pushes to the head branch need contents:read of its repository");
    trouble = trouble.or(list.repeats(Part::Moves, "id")?);
    let mut moves = Vec::new();
    for item in list.items()?.iter().rev() {
        moves.push(activity(*item, &pull.head_branch, people)?);
    }
    if trouble.is_none() && !moves.is_sorted_by_key(|moved| moved.at) {
        trouble = Some(short("the list of pushes is not in the order of time"));
    }
    for seen in seen {
        let same = |known: &&mut Move| (known.before, known.after) == (seen.before, seen.after);
        if let Some(known) = moves.iter_mut().find(same) {
            known.seen_after = known.seen_after.max(seen.seen_after);
            continue;
        }
        trouble = trouble.or_else(|| Some(short("a push that was delivered is not in the list of pushes")));
        let place = moves.partition_point(|known| known.at <= seen.at);
        moves.insert(place, seen);
    }
    let listed = trouble.is_none();
    shortfalls.extend(trouble);
    Ok((moves, listed))
}

fn activity(item: Node<'_>, branch: &str, people: &mut People) -> Result<Move, ForgeError> {
    if item.text("ref")? != format!("refs/heads/{branch}") {
        return Err(item.fail("it is about another branch"));
    }
    let who = pull::Who::read(item.get("actor")?)?;
    people.learn(who.account, who.kind);
    Ok(Move {
        at: Some(item.stamp("timestamp")?),
        account: who.account,
        before: item.oid_or_zero("before")?,
        after: item.oid_or_zero("after")?,
        forced: item.text("activity_type")? == "force_push",
        seen_after: 0,
    })
}

/// Whoever asked a robot for the change: everybody who assigned it, was assigned, or started it.
fn requesters(pull: &Pull, told: &Told, people: &mut People) {
    if pull.opener.kind != AccountKind::Bot {
        return;
    }
    let assigned = pull.assignees.iter().filter_map(|who| who.account);
    let asked: BTreeSet<u64> = told.asked.iter().copied().chain(assigned).collect();
    for account in asked {
        if people.kind(Some(account)) != AccountKind::Bot {
            people.add(AuthorRole::Requester, Some(account), None);
        }
    }
}

/// Those whose permission matters, with their logins: persons whose review has an opinion.
fn reviewers(reviews: &[Review]) -> BTreeMap<u64, String> {
    let mut out = BTreeMap::new();
    let matters = |review: &&Review| review.it.state != ReviewState::Commented && review.kind != AccountKind::Bot;
    for review in reviews.iter().filter(matters) {
        if let (Some(account), Some(login)) = (review.it.account, &review.login) {
            out.insert(account, login.clone());
        }
    }
    out
}

/// What reviewers may do in the repository, by the forge's word and not by what it calls their association.
fn permissions(
    answers: &Answers<'_>,
    names: &Names,
    reviews: &[Review],
    hidden: &mut Vec<(String, String)>,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<BTreeMap<u64, Permission>, ForgeError> {
    let mut out = BTreeMap::new();
    for (account, login) in reviewers(reviews) {
        let name = names.permission(&login);
        hidden.push(names.permission_hidden(&login, account));
        let mut short = |why: String| {
            shortfalls.push(Shortfall { what: Part::Permissions, why: format!("account {account}: {why}") });
        };
        let value = match answers.one(&name)? {
            Ok(value) => value,
            Err(why) => {
                short(format!("{why}; permissions need metadata:read as a collaborator"));
                continue;
            }
        };
        let node = Node::new(&name, &value);
        if node.need("user")?.number("id")? != account {
            short("its login belongs to another account by now".to_owned());
            continue;
        }
        match node.text("permission")? {
            "admin" => out.insert(account, Permission::Admin),
            "write" | "maintain" => out.insert(account, Permission::Write),
            "read" | "triage" => out.insert(account, Permission::Read),
            "none" => out.insert(account, Permission::None),
            _ => {
                short("its permission is of a kind that is not known".to_owned());
                None
            }
        };
    }
    Ok(out)
}
