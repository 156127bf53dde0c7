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
    /// The transparency logs: at least one.
    pub logs: Vec<Log>,
    /// The timestamp authorities, where there are any.
    pub timestamps: Vec<String>,
    /// The issuer of identity tokens to people, where there is one.
    pub issuer: Option<String>,
}

/// A transparency log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its address.
    pub url: String,
    /// The version of Rekor that it speaks.
    pub version: LogVersion,
}

/// A version of Rekor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogVersion {
    /// A promise with a time, and a proof.
    One,
    /// A proof; the time is a timestamp authority's.
    Two,
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
    #[error("it names no {service} of a version that is known here and that is valid now")]
    None {
        /// Of what kind.
        service: &'static str,
    },
    /// Fewer than have to be asked.
    #[error("it asks for {wanted} of kind {service}, by as many operators, and {found} are valid now")]
    TooFew {
        /// Of what kind.
        service: &'static str,
        /// How many have to be asked.
        wanted: u32,
        /// How many there are.
        found: usize,
    },
    /// A way of choosing that is not known.
    #[error("it asks for each {service} that is `{found}`: ANY, ALL and EXACT with a count are known")]
    Selector {
        /// Of what kind.
        service: &'static str,
        /// How it says to choose.
        found: String,
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
    oidc_urls: Vec<Service>,
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
    #[serde(default)]
    operator: String,
    valid_for: Window,
}

#[derive(Deserialize)]
struct Window {
    #[serde(deserialize_with = "moment")]
    start: Time,
    #[serde(default, deserialize_with = "moment_if_any")]
    end: Option<Time>,
}

/// A time as others write it: with fractions of a second, and with offsets.
fn moment<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    let text = String::deserialize(from)?;
    Time::from_rfc3339(&text).ok_or_else(|| {
        let text: String = text.chars().take(80).collect();
        serde::de::Error::custom(format!("`{text}` is no time of the form of RFC 3339"))
    })
}

fn moment_if_any<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
    #[derive(Deserialize)]
    struct Held(#[serde(deserialize_with = "moment")] Time);
    Ok(Option::<Held>::deserialize(from)?.map(|held| held.0))
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
        let any = Selection::default();
        let one = |services: &[Service], kind| -> Result<String, ConfigError> {
            let chosen = chosen(services, kind, &[1], &any, at)?;
            chosen.into_iter().next().map(|(url, _)| url).ok_or(ConfigError::None { service: kind })
        };
        let logs = chosen(&wire.rekor_tlog_urls, "transparency log", &[1, 2], &wire.rekor_tlog_config, at)?;
        let version = |version| if version == 1 { LogVersion::One } else { LogVersion::Two };
        let timestamps = if wire.tsa_urls.is_empty() {
            Vec::new()
        } else {
            chosen(&wire.tsa_urls, "timestamp authority", &[1], &wire.tsa_config, at)?
        };
        Ok(Self {
            certificates: one(&wire.ca_urls, "certificate authority")?,
            logs: logs.into_iter().map(|(url, major)| Log { url, version: version(major) }).collect(),
            timestamps: timestamps.into_iter().map(|(url, _)| url).collect(),
            issuer: if wire.oidc_urls.is_empty() { None } else { Some(one(&wire.oidc_urls, "issuer of tokens")?) },
        })
    }
}

/// The services to ask: of each operator the one of the highest version that is known and valid now, and of those one, all,
/// or a number. Fewer than that is refused, and not quietly made less.
fn chosen(
    services: &[Service],
    service: &'static str,
    versions: &[u32],
    selection: &Selection,
    at: Time,
) -> Result<Vec<(String, u32)>, ConfigError> {
    let valid = |s: &&Service| {
        versions.contains(&s.major_api_version)
            && s.valid_for.start <= at
            && s.valid_for.end.is_none_or(|end| at <= end)
    };
    let mut best: Vec<&Service> = Vec::new();
    for found in services.iter().filter(valid) {
        match best.iter_mut().find(|known| known.operator == found.operator) {
            None => best.push(found),
            Some(known) if known.major_api_version < found.major_api_version => *known = found,
            Some(_) => {}
        }
    }
    let wanted = match (selection.selector.as_deref(), selection.count) {
        (None | Some("ANY"), _) => 1,
        (Some("ALL"), _) => u32::MAX,
        (Some("EXACT"), Some(count)) if count > 0 => count,
        (Some(other), _) => {
            return Err(ConfigError::Selector { service, found: other.chars().take(80).collect() });
        }
    };
    let found = best.len();
    if found == 0 {
        return Err(ConfigError::None { service });
    }
    let count = usize::try_from(wanted).unwrap_or(usize::MAX);
    if wanted != u32::MAX && found < count {
        return Err(ConfigError::TooFew { service, wanted, found });
    }
    best.into_iter().take(count).map(|found| Ok((address(&found.url)?, found.major_api_version))).collect()
}

/// An address that may be asked, without a slash at its end.
pub(super) fn address(url: &str) -> Result<String, ConfigError> {
    let url = url.trim_end_matches('/');
    if url.starts_with("https://") || on_this_machine(url) {
        Ok(url.to_owned())
    } else {
        Err(ConfigError::Plain { url: url.chars().take(120).collect() })
    }
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
        let service = |url: &str, version: u32, operator: &str, start: &str| json!({ "url": url, "majorApiVersion": version, "operator": operator, "validFor": { "start": start } });
        json!({
            "mediaType": MEDIA_TYPE,
            "caUrls": [service("https://ca.example/", 1, "o", "2025-01-01T00:00:00Z")],
            "oidcUrls": [service("https://issuer.example/auth", 1, "o", "2025-01-01T00:00:00Z")],
            "rekorTlogUrls": [
                service("https://new.example", 2, "o", "2027-01-01T00:00:00Z"),
                service("https://old.example", 1, "o", "2025-01-01T00:00:00Z"),
                service("https://log.example", 2, "o", "2025-01-01T00:00:00Z"),
                service("https://far.example", 3, "p", "2025-01-01T00:00:00Z"),
                service("https://other.example", 1, "q", "2025-01-01T00:00:00Z"),
            ],
            "tsaUrls": [service("http://127.0.0.1:8080/tsa", 1, "o", "2025-01-01T00:00:00Z")],
            "rekorTlogConfig": { "selector": "ANY" },
            "tsaConfig": { "selector": "EXACT", "count": 1 },
        })
    }

    fn parse(value: &Value) -> Result<Services, ConfigError> {
        Services::parse(value.to_string().as_bytes(), at())
    }

    #[test]
    fn the_services_are_those_that_are_valid_now_of_the_highest_version() {
        let services = parse(&config()).unwrap();
        assert_eq!(services.certificates, "https://ca.example");
        assert_eq!(services.issuer.as_deref(), Some("https://issuer.example/auth"));
        assert_eq!(services.logs, [Log { url: "https://log.example".to_owned(), version: LogVersion::Two }]);
        assert_eq!(services.timestamps, ["http://127.0.0.1:8080/tsa"]);
    }

    #[test]
    fn times_are_read_as_instances_write_them() {
        for (start, end) in [
            (json!("2022-04-13T20:06:15.000Z"), Value::Null),
            (json!("2022-04-13T20:06:15+00:00"), json!("2027-01-01T00:00:00.5Z")),
            (json!("2022-04-13T22:06:15.123456+02:00"), json!("2027-01-01T01:00:00+01:00")),
        ] {
            let mut config = config();
            config["caUrls"][0]["validFor"] = json!({ "start": start, "end": end });
            assert_eq!(parse(&config).unwrap().certificates, "https://ca.example", "{start} {end}");
        }
        for (start, end) in [
            (json!("soon"), Value::Null),
            (json!(7), Value::Null),
            (json!("2026-03-01T00:00:01.000Z"), Value::Null),
            (json!("2022-04-13T20:06:15.000Z"), json!("2026-02-28T23:59:59.000Z")),
        ] {
            let mut config = config();
            config["caUrls"][0]["validFor"] = json!({ "start": start, "end": end });
            assert!(parse(&config).is_err(), "{start} {end}");
        }
    }

    #[test]
    fn all_is_one_of_each_operator_and_a_number_is_that_number() {
        let with = |selection: Value| {
            let mut config = config();
            config["rekorTlogConfig"] = selection;
            parse(&config).map(|services| services.logs.into_iter().map(|log| log.url).collect::<Vec<_>>())
        };
        let both = ["https://log.example".to_owned(), "https://other.example".to_owned()];
        assert_eq!(with(json!({ "selector": "ALL" })).unwrap(), both);
        assert_eq!(with(json!({ "selector": "EXACT", "count": 2 })).unwrap(), both);
        assert_eq!(with(json!({ "selector": "EXACT", "count": 1 })).unwrap(), both[..1]);
        let few = with(json!({ "selector": "EXACT", "count": 3 })).unwrap_err();
        assert_eq!(few, ConfigError::TooFew { service: "transparency log", wanted: 3, found: 2 });
        for selection in
            [json!({ "selector": "EXACT" }), json!({ "selector": "EXACT", "count": 0 }), json!({ "selector": "SOME" })]
        {
            assert!(matches!(with(selection), Err(ConfigError::Selector { .. })));
        }
    }

    #[test]
    fn what_cannot_be_followed_is_refused_and_not_made_less() {
        for (pointer, value) in [
            ("/mediaType", json!("application/json")),
            ("/tsaConfig/count", json!(2)),
            ("/caUrls", json!([])),
            ("/caUrls/0/majorApiVersion", json!(2)),
            ("/caUrls/0/validFor/start", json!("2026-03-02T00:00:00Z")),
            ("/rekorTlogUrls", json!([])),
            ("/caUrls/0/url", json!("http://ca.example")),
            ("/oidcUrls/0/url", json!("http://issuer.example")),
            ("/caUrls/0/url", json!("http://localhost.evil.example")),
            ("/tsaUrls/0/majorApiVersion", json!(2)),
        ] {
            let mut config = config();
            *config.pointer_mut(pointer).unwrap() = value;
            assert!(parse(&config).is_err(), "{pointer}");
        }
    }
}
