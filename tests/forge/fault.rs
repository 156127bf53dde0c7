//! How a forge misbehaves.

use std::time::Duration;

/// One way to misbehave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Another status, with a message.
    Status(u16),
    /// No more requests for so many seconds: GitHub's first kind of limit, 403 with a time on the forge's clock.
    Spent(i64),
    /// GitHub's second kind of limit: 403, with `Retry-After` or with nothing but a message.
    Secondary(Option<i64>),
    /// 429 with `Retry-After` and GitLab's headers.
    TooMany(i64),
    /// The answer, and word that it was the last one for so many seconds.
    Last(i64),
    /// A page for people, with status 200.
    Html,
    /// JSON that stops in the middle, with the length that it then has.
    Truncated,
    /// The connection breaks off in the middle of the answer.
    Cut,
    /// An answer that does not end: 64 MiB of it.
    Huge,
    /// The answer points to another address.
    Redirect(String),
    /// The answer points to itself.
    RedirectToItself,
    /// It takes this long.
    Slow(Duration),
    /// Every page is the first one.
    SamePage,
    /// The second page is announced, and is not there.
    LostPage,
}
