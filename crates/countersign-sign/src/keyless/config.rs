//! `signing_config.v0.2.json`: which services of an instance are asked. There is no other configuration, and no default:
//! who signs says where.

use countersign_core::json::{self, JsonError};
use countersign_core::time::Time;
use serde::Deserialize;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

/// The services that are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Services {
    /// The certificate authority.
    pub certificates: String,
    /// The transparency log, of version 2.
    pub log: String,
    /// The timestamp authority, where there is one.
    pub timestamps: Option<String>,
}

/// Why a file is not a signing configuration that can be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not JSON, or not of the shape.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Another document.
    #[error("media type `{found}` is not {MEDIA_TYPE}")]
    MediaType {
        /// The one that was found.
        found: String,
    },
    /// No service that can be asked.
    #[error("it names no {service} of version {version} that is valid now")]
    None {
        /// Of what kind.
        service: &'static str,
        /// Of which version.
        version: u32,
    },
    /// More than one service has to be asked.
    #[error("it asks for more than one {service}, and one is all that is asked here")]
    Several {
        /// Of what kind.
        service: &'static str,
    },
    /// An address over which secrets would go in the open.
    #[error("{url} is not an https address; http is for this machine alone")]
    Plain {
        /// The address.
        url: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    media_type: String,
    #[serde(default)]
    ca_urls: Vec<Service>,
    #[serde(default)]
    rekor_tlog_urls: Vec<Service>,
    #[serde(default)]
    tsa_urls: Vec<Service>,
    #[serde(default)]
    rekor_tlog_config: Selection,
    #[serde(default)]
    tsa_config: Selection,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    url: String,
    major_api_version: u32,
    valid_for: Window,
}

#[derive(Deserialize)]
struct Window {
    start: Time,
    #[serde(default)]
    end: Option<Time>,
}

#[derive(Deserialize, Default)]
struct Selection {
    #[serde(default)]
    selector: Option<String>,
    #[serde(default)]
    count: Option<u32>,
}

impl Services {
    /// Reads the configuration, as it holds at this time.
    pub fn parse(bytes: &[u8], at: Time) -> Result<Self, ConfigError> {
        let wire: Wire = json::parse_as(bytes)?;
        if wire.media_type != MEDIA_TYPE {
            return Err(ConfigError::MediaType { found: wire.media_type.chars().take(120).collect() });
        }
        one(&wire.rekor_tlog_config, "transparency log")?;
        one(&wire.tsa_config, "timestamp authority")?;
        let timestamps =
            if wire.tsa_urls.is_empty() { None } else { Some(first(&wire.tsa_urls, "timestamp authority", 1, at)?) };
        Ok(Self {
            certificates: first(&wire.ca_urls, "certificate authority", 1, at)?,
            log: first(&wire.rekor_tlog_urls, "transparency log", 2, at)?,
            timestamps,
        })
    }
}

/// Any one service, or exactly one: anything else is not quietly made less.
fn one(selection: &Selection, service: &'static str) -> Result<(), ConfigError> {
    match (selection.selector.as_deref(), selection.count) {
        (None | Some("ANY"), _) | (Some("EXACT"), Some(1)) => Ok(()),
        _ => Err(ConfigError::Several { service }),
    }
}

fn first(services: &[Service], service: &'static str, version: u32, at: Time) -> Result<String, ConfigError> {
    let valid = |s: &&Service| {
        s.major_api_version == version && s.valid_for.start <= at && s.valid_for.end.is_none_or(|end| at <= end)
    };
    let found = services.iter().find(valid).ok_or(ConfigError::None { service, version })?;
    let url = found.url.trim_end_matches('/');
    if !url.starts_with("https://") && !on_this_machine(url) {
        return Err(ConfigError::Plain { url: url.chars().take(120).collect() });
    }
    Ok(url.to_owned())
}

/// Whether an http address is one of this machine's own.
pub(super) fn on_this_machine(url: &str) -> bool {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?', '#']).next());
    let name = host.and_then(|host| host.rsplit_once(':').map(|(name, _)| name).or(Some(host)));
    matches!(name, Some("127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn at() -> Time {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    fn config() -> Value {
        let service = |url: &str, version: u32, start: &str| json!({ "url": url, "majorApiVersion": version, "operator": "o", "validFor": { "start": start } });
        json!({
            "mediaType": MEDIA_TYPE,
            "caUrls": [service("https://ca.example/", 1, "2025-01-01T00:00:00Z")],
            "rekorTlogUrls": [
                service("https://new.example", 2, "2027-01-01T00:00:00Z"),
                service("https://log.example", 2, "2025-01-01T00:00:00Z"),
                service("https://old.example", 1, "2025-01-01T00:00:00Z"),
            ],
            "tsaUrls": [service("http://127.0.0.1:8080/tsa", 1, "2025-01-01T00:00:00Z")],
            "rekorTlogConfig": { "selector": "ANY" },
            "tsaConfig": { "selector": "EXACT", "count": 1 },
        })
    }

    fn parse(value: &Value) -> Result<Services, ConfigError> {
        Services::parse(value.to_string().as_bytes(), at())
    }

    #[test]
    fn the_services_are_those_that_are_valid_now() {
        let services = parse(&config()).unwrap();
        assert_eq!(services.certificates, "https://ca.example");
        assert_eq!(services.log, "https://log.example");
        assert_eq!(services.timestamps.as_deref(), Some("http://127.0.0.1:8080/tsa"));
    }

    #[test]
    fn what_cannot_be_followed_is_refused_and_not_made_less() {
        for (pointer, value) in [
            ("/mediaType", json!("application/json")),
            ("/rekorTlogConfig/selector", json!("ALL")),
            ("/tsaConfig/count", json!(2)),
            ("/caUrls", json!([])),
            ("/rekorTlogUrls/1/validFor/end", json!("2025-12-31T00:00:00Z")),
            ("/caUrls/0/url", json!("http://ca.example")),
            ("/caUrls/0/url", json!("http://localhost.evil.example")),
            ("/tsaUrls/0/majorApiVersion", json!(2)),
        ] {
            let mut config = config();
            match config.pointer_mut(pointer) {
                Some(place) => *place = value,
                None => config["rekorTlogUrls"][1]["validFor"]["end"] = value,
            }
            assert!(parse(&config).is_err(), "{pointer}");
        }
    }
}
