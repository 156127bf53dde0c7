//! A robot's standing exception: its own change, within the paths and the size that trust allows, seen as it happened, with
//! nobody else's hand in it.

use super::Question;
use super::authors::Authors;
use super::landing::Landing;
use countersign_core::codes;
use countersign_core::finding::Finding;
use countersign_core::git::SourceError;
use countersign_core::git::content::{Changed, changed};
use countersign_core::git::{Mode, listing};
use countersign_core::statement::change_review::{AuthorRole, ChangeReview, EventKind};
use countersign_core::statement::review::Tier;
use countersign_core::trust::Robot;
use countersign_verify::ForgeChange;

/// The tier of the evidence under which a change is excepted from review; `None` if it is not. A robot's change that goes
/// beyond is noted.
pub(super) fn excepted(
    question: &Question<'_>,
    landing: &Landing,
    authors: &Authors,
    recorded: &[&ForgeChange],
    findings: &mut Vec<Finding>,
) -> Result<Option<Tier>, SourceError> {
    // Whoever is known by whatever means is not the robot.
    if authors.rows.iter().any(|author| author.person.is_some()) {
        return Ok(None);
    }
    let Some((robot, tier)) = sole_author(question, recorded) else { return Ok(None) };
    let beyond = |expected: String, found: String| {
        Finding::new(codes::ROBOT_BEYOND, format!("robot {} has no standing exception for this", robot.name))
            .at(format!("change {}", landing.head))
            .expected(expected, "trust")
            .found(found)
    };
    if tier < Tier::T2 {
        findings.push(beyond("evidence of tier T2: seen as it happened".to_owned(), tier.to_string()));
        return Ok(None);
    }
    let source = question.history.objects();
    let before = source.commit(&landing.before)?.tree;
    let after = source.commit(&landing.landed)?.tree;
    let paths = changed(source, Some(&before), &after)?;
    let exceptions = robot.exceptions.iter().filter(|exception| exception.repository == *question.repository);
    for exception in exceptions {
        let few = u32::try_from(paths.len()).is_ok_and(|count| count <= exception.max_files);
        let named = |one: &Changed| exception.paths.iter().any(|glob| glob.matches(&one.path));
        if few && paths.iter().all(|one| named(one) && plain(one)) {
            return Ok(Some(tier));
        }
    }
    let shown: Vec<String> = paths.iter().take(3).map(|one| listing::escape(&one.path)).collect();
    findings.push(beyond(
        "changes within an exception's paths and size".to_owned(),
        format!("{} files: {}", paths.len(), shown.join(", ")),
    ));
    Ok(None)
}

/// A file that stays one, or goes: nothing becomes a link, a submodule or a program.
fn plain(one: &Changed) -> bool {
    let mode = |entry: &Option<countersign_core::git::Entry>| entry.as_ref().map(|entry| entry.mode);
    one.after.is_none() || mode(&one.after) == Some(Mode::File) || mode(&one.after) == mode(&one.before)
}

/// The robot that alone opened, pushed and wrote the change, by the server's record, with the tier of that record.
fn sole_author<'q>(question: &Question<'q>, recorded: &[&ForgeChange]) -> Option<(&'q Robot, Tier)> {
    let mut tier = Tier::T3;
    let mut robot = None;
    for recorded in recorded {
        let change = recorded.change();
        if !change.moves_complete || change.shortfalls.iter().any(|short| !short.what.is_setting()) {
            return None;
        }
        tier = tier.min(recorded.tier());
        for account in hands(change) {
            let (found, account) = question.trust.trust().robot_of(&change.repository.host, account?)?;
            if !account.counts_at(question.at) || robot.is_some_and(|robot: &Robot| robot.name != found.name) {
                return None;
            }
            robot = Some(found);
        }
    }
    robot.map(|robot| (robot, tier))
}

/// Every account that had a hand in the content. Whoever asked a robot for a change is an author of it.
fn hands(change: &ChangeReview) -> impl Iterator<Item = Option<u64>> {
    let authors = change.authors.iter().map(|author| match author.role {
        AuthorRole::Opener
        | AuthorRole::Pusher
        | AuthorRole::Requester
        | AuthorRole::Author
        | AuthorRole::Committer
        | AuthorRole::CoAuthor => author.account,
    });
    let events = change.events.iter().filter(|event| matches!(event.what, EventKind::Opened | EventKind::Moved { .. }));
    authors.chain(events.map(|event| event.account))
}
