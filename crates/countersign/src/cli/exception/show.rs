//! `exception list` and `exception expiring`.

use crate::cli::given::{self, StoreArgs, TrustArgs};
use crate::cli::{Answer, Call};
use crate::render::Done;
use clap::Args;
use countersign_core::exception::Exception;
use countersign_core::ids::EnvName;
use countersign_flow::exception;
use countersign_flow::output::{ExceptionList, ExceptionRow};
use countersign_report::text;

/// List the exceptions in the log, and what there is to say of them
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign exception list --store .countersign --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(super) struct List {
    /// One environment
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvName>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
}

/// List the exceptions that end soon; exit code 1 where there are some
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign exception expiring --within 14 --trust trust.sigstore.json --trust-digest sha256:…"
)]
pub(super) struct Expiring {
    /// Within so many days, as `14` or `14d`
    #[arg(long, value_name = "DAYS", value_parser = days, default_value = "14")]
    within: u32,
    /// One environment
    #[arg(long, value_name = "NAME")]
    environment: Option<EnvName>,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    store: StoreArgs,
}

fn days(text: &str) -> Result<u32, String> {
    let days = text.strip_suffix('d').unwrap_or(text);
    days.parse().map_err(|_form| "a number of days, such as `14` or `14d`".to_owned())
}

impl List {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let list = exception::list(&self.trust.read(at)?, &self.store.place(call)?, self.environment.as_ref(), at)?;
        Ok(Done::answer(call.format, list.exit, "exception-list", &list, || shown(&list)))
    }
}

impl Expiring {
    pub(super) fn run(&self, call: &Call<'_>) -> Answer {
        let at = given::now()?;
        let (trust, place) = (self.trust.read(at)?, self.store.place(call)?);
        let list = exception::expiring(&trust, &place, self.environment.as_ref(), at, self.within)?;
        Ok(Done::answer(call.format, list.exit, "exception-expiring", &list, || shown(&list)))
    }
}

fn shown(list: &ExceptionList) -> String {
    let cells = |row: &ExceptionRow| {
        let exception = &row.exception;
        vec![
            row.id.to_string(),
            row.state.word().to_owned(),
            exception.category.to_string(),
            exception.rule.to_string(),
            exception.environment.to_string(),
            exception.expires.to_string(),
            row.uses.to_string(),
            row.approvers.join(", "),
            exception.covers.to_string(),
            exception.reason.clone(),
        ]
    };
    if list.exceptions.is_empty() {
        return format!("no exceptions\n{}", text::findings(&list.findings));
    }
    let heading =
        ["exception", "state", "category", "rule", "environment", "until", "uses", "approved by", "covers", "reason"];
    let rows: Vec<_> = list.exceptions.iter().map(cells).collect();
    let found = if list.findings.is_empty() { String::new() } else { format!("\n{}", text::findings(&list.findings)) };
    format!("{}{found}", text::table(&heading, &rows))
}

/// What an exception says, for who is about to sign it.
pub(super) fn words(exception: &Exception) -> String {
    let mut rows = vec![
        ("from", format!("rule {}, in {}", exception.rule, exception.environment)),
        ("of", exception.repository.to_string()),
        ("covers", exception.covers.to_string()),
        ("category", exception.category.to_string()),
        ("until", exception.expires.to_string()),
        ("because", exception.reason.clone()),
        ("asked by", exception.requester.to_string()),
    ];
    let codes: Vec<&str> = exception.codes.iter().map(|code| code.as_str()).collect();
    rows.extend((!codes.is_empty()).then(|| ("codes", codes.join(", "))));
    rows.extend(exception.place.iter().map(|place| ("place", place.clone())));
    rows.extend(exception.control.iter().map(|control| ("control", control.clone())));
    rows.extend(exception.ticket.iter().map(|ticket| ("ticket", ticket.clone())));
    rows.extend(exception.follow_up.map(|time| ("review by", time.to_string())));
    rows.iter().map(|(label, text)| format!("  {label:<10}{}\n", text::plain(text))).collect::<Vec<_>>().concat()
}
