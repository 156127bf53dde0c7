//! Which of the addresses that a rule's author wrote may stand where a format wants a URI. It reads one string; it
//! may never fetch or mend an address: one that is not plainly good is left out, and its text is still shown.

/// Whether the text is an absolute `https` URI (RFC 3986) with a host by name or IPv4 address and no user.
pub(crate) fn is_https(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (Some(authority), Some(after)) = (rest.get(..end), rest.get(end..)) else { return false };
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let (before, fragment) = after.split_once('#').map_or((after, ""), |(before, fragment)| (before, fragment));
    is_host(host)
        && port.is_none_or(|port| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()))
        && are_segments(before)
        && are_segments(fragment)
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    host.len() <= 253 && host.split('.').all(label)
}

/// `pchar`, `/` and `?` of RFC 3986, with every `%` followed by two hexadecimal digits.
fn are_segments(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&b);
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default();
    first.bytes().all(plain)
        && parts.all(|part| {
            let (Some(digits), Some(more)) = (part.get(..2), part.get(2..)) else { return false };
            digits.bytes().all(|b| b.is_ascii_hexdigit()) && more.bytes().all(plain)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_link_only_when_it_is_plainly_an_https_uri() {
        for good in [
            "https://docs.example",
            "https://docs.example/images",
            "https://docs.example:8443/a%20b?x=1&y=(2)#part",
            "https://192.0.2.1/",
        ] {
            assert!(is_https(good), "{good}");
        }
        for bad in [
            "",
            "http://docs.example/",
            "https://",
            "https:///path",
            "https://a.example:1src/a.rs:3:4",
            "https://a.example:/",
            "https://a.example:123456/",
            "https://user@a.example/",
            "https://a..example/",
            "https://[::1]/",
            "https://a.example/%2",
            "https://a.example/%zz",
            "https://a.example/a b",
            "https://a.example/#a#b",
            "https://a.example/\u{202e}",
            "https://a.example/<b>",
        ] {
            assert!(!is_https(bad), "{bad}");
        }
    }
}
