//! The header `Retry-After` in both of its forms (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// Returns how long the endpoint asks to wait, counted from `now`: a number of seconds, or a date.
/// A date in the past is a wait of zero. Returns `None` without the header or for an invalid value.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Saturates: `delivery` caps the wait.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Duration = Duration::from_secs(784_111_777);

    #[track_caller]
    fn check(value: &str, expected: Option<u64>) {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        let now = SystemTime::UNIX_EPOCH + NOON;
        assert_eq!(
            retry_after(&headers, now),
            expected.map(Duration::from_secs),
            "{value:?}"
        );
    }

    #[test]
    fn seconds_and_dates() {
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("99999999999999999999999", Some(u64::MAX));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10));
        check("Sunday, 06-Nov-94 08:49:47 GMT", Some(10));
    }

    #[test]
    fn a_past_date_is_zero_and_an_invalid_value_is_ignored() {
        check("Sun, 06 Nov 1994 08:49:27 GMT", Some(0));
        for value in ["", "-5", "+5", "1.5", "soon", "5s"] {
            check(value, None);
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }
}
