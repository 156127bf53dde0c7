//! GitLab: what has to be asked about a merge request, and what the answers amount to.

mod live;
mod names;
mod request;
mod rules;
mod story;
#[cfg(test)]
mod tests;

use super::build::{People, Read, Subject};
use super::github::{co_authors, private_address};
use super::order::{Happened, Story};
use super::pages::{Answer, Answers, List, Paging};
use super::read::{Node, body};
use super::{Capture, ForgeError};
use crate::git::oid::Oid;
use crate::statement::change_review::{
    AccountKind, AuthorRole, ChangeReview, ChangeState, EventKind, ForgeReview, ForgeStrategy, Observation, Part,
    Permission, Shortfall,
};
use live::Live;
use names::Names;
use request::Request;
use std::collections::{BTreeMap, BTreeSet};
use story::Told;

/// The requests that are still to be made.
pub(super) fn plan(capture: &Capture) -> Vec<String> {
    let names = Names::of(&capture.head);
    let answers = Answers::of(capture);
    let first: Vec<String> = [names.project(), names.request()].into_iter().filter(|name| !answers.has(name)).collect();
    if !first.is_empty() {
        return first;
    }
    // An answer that cannot be read ends the asking: what it amounts to is an error all the same.
    still_to_ask(capture, &answers, &names).unwrap_or_default()
}

fn still_to_ask(capture: &Capture, answers: &Answers<'_>, names: &Names) -> Result<Vec<String>, ForgeError> {
    let (Ok(project), Ok(value)) = (project(capture, answers, names)?, answers.one(&names.request())?) else {
        return Ok(Vec::new());
    };
    let request = Request::read(Node::new(&names.request(), &value), &capture.head, project)?;
    let notes = answers.list(&names.notes(), Paging::Numbered)?;
    let mut told = Told::default();
    told.notes(&notes)?;
    let mut singles =
        vec![names.approvals(), names.approval_state(), names.project_approvals(), names.protected(&request.branch)];
    for account in approvers(&told.reviews) {
        singles.push(names.member(account));
        singles.push(Names::user(account));
    }
    singles.extend(request.opener.account.map(Names::user));
    let mut lists = vec![
        notes,
        answers.list(&names.states(), Paging::Numbered)?,
        answers.list(&names.versions(), Paging::Numbered)?,
        answers.list(&names.commits(), Paging::Numbered)?,
    ];
    lists.extend(pushes(answers, &request)?);
    let mut out: Vec<String> = lists.into_iter().filter_map(List::next).collect();
    let mut seen = BTreeSet::new();
    out.extend(singles.into_iter().filter(|name| !answers.has(name) && seen.insert(name.clone())));
    let asked = capture.head.exchanges.iter().filter(|exchange| exchange.name == names.request()).count();
    // A change that is still open is asked for again in the end, to see whether it is still the same.
    if out.is_empty() && request.state == ChangeState::Open && asked == 1 {
        out.push(names.request());
    }
    Ok(out)
}

fn pushes(answers: &Answers<'_>, request: &Request) -> Result<Option<List>, ForgeError> {
    let Some(project) = request.head_project else { return Ok(None) };
    let name = Names::pushes(project, request.merged_at);
    answers.list_until(&name, Paging::Numbered, |list| story::goes_back(list, request)).map(Some)
}

/// The number of the project, or why it is not known.
fn project(capture: &Capture, answers: &Answers<'_>, names: &Names) -> Result<Result<u64, String>, ForgeError> {
    let name = names.project();
    Ok(match answers.one(&name)? {
        Err(why) => Err(why),
        Ok(value) => {
            let node = Node::new(&name, &value);
            if !node.text("path_with_namespace")?.eq_ignore_ascii_case(&capture.head.path) {
                return Err(node.fail("it is about another project"));
            }
            Ok(node.number("id")?)
        }
    })
}

/// What the answers amount to.
pub(super) fn derive(capture: &Capture) -> Result<ChangeReview, ForgeError> {
    let names = Names::of(&capture.head);
    let answers = Answers::of(capture);
    let live = Live::read(capture)?;
    let mut shortfalls = live.shortfalls.clone();
    let request = the_request(capture, &answers, &names, &live, &mut shortfalls)?;
    let mut people = People::default();
    let mut shown = BTreeMap::new();

    let told = told(&answers, &names, &live, &request, &mut shortfalls)?;
    let (moves, moves_listed) = moves(&answers, &names, &live, &request, &mut shown, &mut shortfalls)?;
    if let (Some(account), Some(name)) = (request.opener.account, &request.opener.name) {
        shown.insert(account, name.clone());
    }
    people.add(AuthorRole::Opener, request.opener.account, None);
    let commits = commits(&answers, &names, &request, capture, &shown, &mut people, &mut shortfalls)?;
    let mut reviews = told.reviews;
    who(&answers, &names, &request, &mut reviews, &mut people, &mut shortfalls)?;
    if people.kind(request.opener.account) == AccountKind::Bot {
        for account in request.assignees.iter().filter_map(|who| who.account) {
            people.add(AuthorRole::Requester, Some(account), None);
        }
    }
    let rules = rules::rules(&answers, &names, &request.branch, &mut shortfalls)?;
    let is_live = capture.head.how == Observation::Live;
    let asked_moves = moves_listed && answers.has(&names.versions());
    let listed: &[ForgeReview] = if answers.has(&names.notes()) { &reviews } else { &[] };
    let gaps = if is_live { live.gaps(&request, listed, asked_moves) } else { Vec::new() };
    let delivered = is_live.then(|| live.moves.iter().map(|moved| (moved.before, moved.after)).collect());
    let queued = told.happened.iter().any(|event| event.what == EventKind::Queued);
    let read = Read {
        reviews,
        people,
        story: Story {
            happened: told.happened,
            moves,
            moves_listed,
            blind: Vec::new(),
            head: request.head,
            commits: &commits.0,
            grown_from: &commits.1,
        },
        rule_suite: None,
        rules,
        gaps,
        delivered,
        shortfalls,
        hidden: Vec::new(),
        subject: Subject {
            repository: request.project,
            id: request.id,
            url: request.url,
            head_repository: request.head_project,
            state: request.state,
            target_ref: request.target,
            base_commit: request.base,
            head: request.head,
            result: request.result,
            strategy: request.strategy.map(|strategy| if queued { ForgeStrategy::Queue } else { strategy }),
        },
    };
    read.finish(capture)
}

/// The newest that is known of the change itself.
fn the_request(
    capture: &Capture,
    answers: &Answers<'_>,
    names: &Names,
    live: &Live,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<Request, ForgeError> {
    let name = names.request();
    let project = project(capture, answers, names)?;
    let mut refusal = project.as_ref().err().map(|why| (names.project(), why.clone()));
    let mut found: Option<Request> = None;
    if let Ok(project) = &project {
        for (exchange, bytes) in capture.answers().filter(|(exchange, _)| exchange.name == name) {
            if exchange.status != 200 {
                continue;
            }
            let value = body(&name, bytes)?;
            let request = Request::read(Node::new(&name, &value), &capture.head, *project)?;
            if found.as_ref().is_some_and(|earlier| !earlier.same_place(&request)) {
                let why = "it moved, landed or got another target while it was read".to_owned();
                shortfalls.push(Shortfall { what: Part::Change, why });
            }
            found = Some(request);
        }
        refusal = answers.one(&name)?.err().map(|why| (name.clone(), why));
    }
    if let Some((name, why)) = refusal.as_ref().filter(|(name, _)| answers.has(name)) {
        let part = if *name == names.project() { "its project: " } else { "" };
        shortfalls.push(Shortfall { what: Part::Change, why: format!("{part}{why}; it needs read_api") });
    }
    let told = live.seen.as_ref();
    match (found, told) {
        (Some(asked), Some(told)) if told.updated_at > asked.updated_at && told.head != asked.head => {
            Ok(delivered(told, Some(asked)))
        }
        (Some(asked), _) => Ok(asked),
        (None, Some(told)) => Ok(delivered(told, None)),
        (None, None) => {
            let (name, why) = refusal.unwrap_or_else(|| (name, "there is no answer".to_owned()));
            Err(ForgeError::NoChange { name, why })
        }
    }
}

/// The request as a delivery tells of it; what it does not tell is taken from an answer.
fn delivered(seen: &live::Seen, asked: Option<Request>) -> Request {
    let (assignees, base, strategy) =
        asked.map_or_else(Default::default, |asked| (asked.assignees, asked.base, asked.strategy));
    Request {
        id: seen.id,
        project: seen.project,
        url: seen.url.clone(),
        opener: request::Who { account: seen.opener, name: None },
        assignees,
        state: seen.state,
        created_at: seen.created_at,
        updated_at: seen.updated_at,
        merged_at: seen.updated_at.filter(|_| seen.state == ChangeState::Merged),
        branch: seen.branch.clone(),
        target: seen.target.clone(),
        base,
        head: seen.head,
        head_branch: seen.head_branch.clone(),
        head_project: seen.head_project,
        result: seen.result,
        strategy,
    }
}

/// What happened, in order: by notes and states if they were asked for, else as it was delivered.
fn told(
    answers: &Answers<'_>,
    names: &Names,
    live: &Live,
    request: &Request,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<Told, ForgeError> {
    let delivered = live.any && !answers.has(&names.notes());
    let mut told = if delivered {
        live.told.clone()
    } else {
        let mut told = Told::default();
        let notes = answers.list(&names.notes(), Paging::Numbered)?;
        shortfalls.extend(notes.shortfall(Part::Events, "notes need read_api").or(notes.repeats(Part::Events, "id")?));
        told.notes(&notes)?;
        if !told.happened.is_sorted_by_key(|event| event.at) {
            let why = "the notes are not in the order of time".to_owned();
            shortfalls.push(Shortfall { what: Part::Events, why });
        }
        let states = answers.list(&names.states(), Paging::Numbered)?;
        shortfalls
            .extend(states.shortfall(Part::Events, "states need read_api").or(states.repeats(Part::Events, "id")?));
        told.states(&states)?;
        for review in &mut told.reviews {
            // What it was of is what was told when it was made, if somebody was told.
            let same = |seen: &&ForgeReview| {
                seen.account == review.account && seen.submitted_at == review.submitted_at && seen.account.is_some()
            };
            review.reviewed_commit = live.told.reviews.iter().find(same).and_then(|seen| seen.reviewed_commit);
        }
        told
    };
    if !told.happened.iter().any(|event| event.what == EventKind::Opened) {
        if delivered {
            shortfalls.push(Shortfall { what: Part::Events, why: "the opening was not delivered".to_owned() });
        }
        let opened =
            Happened { at: Some(request.created_at), account: request.opener.account, what: EventKind::Opened };
        told.happened.insert(0, opened);
    }
    if request.state == ChangeState::Merged && !told.happened.iter().any(|event| event.what == EventKind::Merged) {
        shortfalls.push(Shortfall { what: Part::Events, why: "the order does not show the landing".to_owned() });
        told.happened.push(Happened { at: request.merged_at, account: None, what: EventKind::Merged });
    }
    let name = names.approvals();
    if delivered && !answers.has(&name) {
        return Ok(told);
    }
    match answers.one(&name)? {
        Err(why) => shortfalls.push(Shortfall { what: Part::Reviews, why: format!("{why}; approvals need read_api") }),
        Ok(value) => {
            let mut approved = BTreeSet::new();
            for by in Node::new(&name, &value).list("approved_by")? {
                approved.extend(request::Who::read(by.get("user")?)?.account);
            }
            shortfalls.extend(told.standing(&approved));
        }
    }
    Ok(told)
}

fn moves(
    answers: &Answers<'_>,
    names: &Names,
    live: &Live,
    request: &Request,
    shown: &mut BTreeMap<u64, String>,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<(Vec<super::order::Move>, bool), ForgeError> {
    let versions = names.versions();
    if live.any && !answers.has(&versions) {
        return Ok((live.moves.clone(), true));
    }
    let versions = answers.list(&versions, Paging::Numbered)?;
    let Some(pushes) = pushes(answers, request)? else {
        let why = "the project of the source branch was deleted, and its record of pushes with it".to_owned();
        shortfalls.push(Shortfall { what: Part::Moves, why });
        return Ok((live.moves.clone(), false));
    };
    story::moves(&pushes, &versions, request, shown, shortfalls)
}

/// Reads the commits: whom they name, their ids, and what they grew from. GitLab does not say which account a commit names,
/// so a name counts as an account's if it is what that account shows, of those that pushed or opened; a private address
/// has the number in it; and everybody else is nobody that is known.
fn commits(
    answers: &Answers<'_>,
    names: &Names,
    request: &Request,
    capture: &Capture,
    shown: &BTreeMap<u64, String>,
    people: &mut People,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<(BTreeSet<Oid>, BTreeSet<Oid>), ForgeError> {
    let list = answers.list(&names.commits(), Paging::Numbered)?;
    let host = &capture.head.host;
    let (mut all, mut parents) = (BTreeSet::new(), BTreeSet::new());
    for item in list.items()? {
        let id = item.oid("id")?;
        all.insert(id);
        for parent in item.list("parent_ids")? {
            parents.insert(parent.as_oid()?);
        }
        for (role, name, email) in [
            (AuthorRole::Author, "author_name", "author_email"),
            (AuthorRole::Committer, "committer_name", "committer_email"),
        ] {
            let (name, email) = (item.opt_text(name)?.unwrap_or_default(), item.opt_text(email)?.unwrap_or_default());
            let by_name = || {
                let mut same = shown.iter().filter(|(_, shown)| shown.as_str() == name).map(|(account, _)| *account);
                same.next().filter(|_| same.next().is_none())
            };
            people.add(role, private_address(email, host, '-').or_else(by_name), Some(id));
        }
        for line in item.opt_text("message")?.unwrap_or_default().lines() {
            // The same trailer as elsewhere; the private address has another form here.
            if let Some(account) = co_authors(line, host).into_iter().next() {
                people.add(AuthorRole::CoAuthor, account.or_else(|| private_address(line, host, '-')), Some(id));
            }
        }
    }
    let mut short = list.shortfall(Part::Commits, "commits need read_api").or(list.repeats(Part::Commits, "id")?);
    if short.is_none() && !all.contains(&request.head) {
        let why = "the newest commit is not in the list".to_owned();
        short = Some(Shortfall { what: Part::Commits, why });
    }
    if let Some(short) = short {
        shortfalls.push(short);
        return Ok(Default::default());
    }
    let grown_from = parents.difference(&all).copied().collect();
    Ok((all, grown_from))
}

fn approvers(reviews: &[ForgeReview]) -> BTreeSet<u64> {
    reviews.iter().filter_map(|review| review.account).collect()
}

/// What kind of accounts reviewers and the opener have, and what reviewers may do.
fn who(
    answers: &Answers<'_>,
    names: &Names,
    request: &Request,
    reviews: &mut [ForgeReview],
    people: &mut People,
    shortfalls: &mut Vec<Shortfall>,
) -> Result<(), ForgeError> {
    let reviewers = approvers(reviews);
    let mut short = |account: u64, why: String| {
        shortfalls.push(Shortfall { what: Part::Permissions, why: format!("account {account}: {why}") });
    };
    for account in reviewers.iter().copied().chain(request.opener.account).collect::<BTreeSet<_>>() {
        let name = Names::user(account);
        match answers.one(&name)? {
            Err(why) => short(account, format!("whether it is a person's: {why}; that needs read_user or read_api")),
            Ok(value) => {
                let node = Node::new(&name, &value);
                if node.number("id")? != account {
                    return Err(node.fail("it is about another account"));
                }
                people.learn(
                    Some(account),
                    match node.opt_flag("bot")? {
                        Some(true) => AccountKind::Bot,
                        Some(false) => AccountKind::Human,
                        None => AccountKind::Unknown,
                    },
                );
            }
        }
    }
    let mut permissions = BTreeMap::new();
    for account in reviewers {
        let name = names.member(account);
        if let Answer::Refused(404, _) = answers.get(&name) {
            // The project can be seen, so this says that the account is no member of it.
            permissions.insert(account, Permission::None);
            continue;
        }
        match answers.one(&name)? {
            Err(why) => short(account, format!("{why}; members need read_api")),
            Ok(value) => {
                let node = Node::new(&name, &value);
                if node.number("id")? != account {
                    return Err(node.fail("it is about another account"));
                }
                let permission = match node.number("access_level")? {
                    40.. => Permission::Admin,
                    30..40 => Permission::Write,
                    10..30 => Permission::Read,
                    0..10 => Permission::None,
                };
                permissions.insert(account, permission);
            }
        }
    }
    for review in reviews {
        review.permission = review.account.and_then(|account| permissions.get(&account).copied());
    }
    Ok(())
}
