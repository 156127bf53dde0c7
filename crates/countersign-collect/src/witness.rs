//! Posting to witnesses of a log (C2SP tlog-witness). What is posted and what the answers mean is known elsewhere.

use countersign_core::limits;
use countersign_core::log::witness::PATH;
use reqwest::blocking::Client as Http;
use std::io::Read as _;
use std::time::Duration;

/// How long a witness may take: a gate waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks witnesses.
#[derive(Debug, Clone, Copy, Default)]
pub struct WitnessClient;

impl WitnessClient {
    /// Posts to `add-checkpoint` below this address: status and body, or why there is none. Redirects are not followed: a
    /// witness is where trust says.
    pub fn post(&self, url: &str, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
        let words = |error: reqwest::Error| {
            let error = error.without_url();
            let cause = std::iter::successors(std::error::Error::source(&error), |cause| cause.source()).last();
            cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
        };
        let builder = Http::builder();
        // Nobody has to show who they are on this machine, which may have no certificates at all.
        let builder = if url.starts_with("http://") { builder.tls_certs_only([]) } else { builder };
        let http = builder
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(PATIENCE)
            .timeout(PATIENCE)
            .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(words)?;
        let address = format!("{}/{PATH}", url.trim_end_matches('/'));
        let answer = http.post(address).body(body.to_vec()).send().map_err(words)?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        let most = u64::try_from(limits::WITNESS_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        answer.take(most).read_to_end(&mut bytes).map_err(|error| format!("the answer broke off: {error}"))?;
        if bytes.len() > limits::WITNESS_BYTES {
            return Err(format!("the answer has more than {} bytes", limits::WITNESS_BYTES));
        }
        Ok((status, bytes))
    }
}
