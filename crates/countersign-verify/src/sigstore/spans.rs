//! How long the certificates of a trusted root's authorities are valid. The family takes each of them as an anchor, and an
//! anchor has no end; a leaf that is valid below an issuer that is not must not count.

use super::{Refused, decoded};
use countersign_core::codes;
use countersign_core::json;
use countersign_core::time::Time;
use serde_json::Value;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

/// The lists of authorities that have certificates.
const LISTS: [&str; 2] = ["certificateAuthorities", "timestampAuthorities"];

/// The times at which every certificate of an authority is valid, for each authority of both lists.
#[derive(Debug)]
pub(super) struct Spans([Vec<Span>; 2]);

#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    until: i64,
}

impl Span {
    fn of(authority: &Value) -> Result<Self, Refused> {
        let mut span = Self { from: i64::MIN, until: i64::MAX };
        let malformed = |what: &str| Refused::new(codes::SIGSTORE_ROOT_MALFORMED, what);
        let chain = authority.pointer("/certChain/certificates").and_then(Value::as_array);
        // The family reads arrays as well, in which nothing is found here; without certificates there would be no end.
        let chain = chain.ok_or_else(|| malformed("an authority has no `certChain` with `certificates`"))?;
        for certificate in chain {
            let raw = certificate.get("rawBytes").and_then(Value::as_str);
            let der = raw.and_then(decoded).unwrap_or_default();
            let parsed =
                Certificate::from_der(&der).map_err(|_der| malformed("an authority's certificate does not parse"))?;
            let validity = parsed.tbs_certificate.validity;
            let seconds =
                |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            span.from = span.from.max(seconds(validity.not_before));
            span.until = span.until.min(seconds(validity.not_after));
        }
        Ok(span)
    }

    fn holds(self, times: &[Time]) -> bool {
        times.iter().all(|time| (self.from..=self.until).contains(&time.unix()))
    }
}

impl Spans {
    /// Those of a trusted root.
    pub(super) fn of(root: &Value) -> Result<Self, Refused> {
        let list = |name: &str| {
            let list = root.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            list.iter().map(Span::of).collect::<Result<Vec<_>, _>>()
        };
        let [certificates, timestamps] = LISTS;
        Ok(Self([list(certificates)?, list(timestamps)?]))
    }

    /// The root without the authorities that are not valid at each of these times; nothing where all are. Timestamp
    /// authorities matter where the bundle has timestamps.
    pub(super) fn without_ended(&self, root: &[u8], times: &[Time], stamped: bool) -> Result<Option<Vec<u8>>, Refused> {
        let [certificates, timestamps] = &self.0;
        let hold = |spans: &[Span]| spans.iter().all(|span| span.holds(times));
        if hold(certificates) && (!stamped || hold(timestamps)) {
            return Ok(None);
        }
        let malformed = |what: String| Refused::new(codes::SIGSTORE_ROOT_MALFORMED, what);
        let mut root = json::parse(root).map_err(|error| malformed(error.to_string()))?;
        for (name, spans) in LISTS.iter().zip(&self.0) {
            if let Some(list) = root.get_mut(*name).and_then(Value::as_array_mut) {
                let mut spans = spans.iter();
                list.retain(|_| spans.next().is_some_and(|span| span.holds(times)));
            }
        }
        serde_json::to_vec(&root).map(Some).map_err(|error| malformed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Instance;
    use super::*;

    #[test]
    fn an_authority_whose_certificates_are_not_found_by_their_names_is_none_without_an_end() {
        let mut root: Value = serde_json::from_str(Instance::Production.trusted_root()).unwrap();
        assert!(Spans::of(&root).is_ok());
        let chain = &mut root["timestampAuthorities"][0]["certChain"];
        *chain = serde_json::json!([chain["certificates"]]);
        assert_eq!(Spans::of(&root).unwrap_err().code(), codes::SIGSTORE_ROOT_MALFORMED);
    }
}
