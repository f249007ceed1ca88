//! `Retry-After`, in both its forms.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

/// How long an endpoint asks to be left alone, counted from `now`: a number of
/// seconds, or a date. A date in the past is no wait; anything else is no
/// answer.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are as good as forever: `delivery` caps them.
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
    fn both_forms() {
        check("120", Some(120));
        check(" 0 ", Some(0));
        check("99999999999999999999999", Some(u64::MAX));
        check("Sun, 06 Nov 1994 08:49:47 GMT", Some(10));
        check("Sunday, 06-Nov-94 08:49:47 GMT", Some(10));
    }

    #[test]
    fn never_negative_and_never_guessed() {
        check("Sun, 06 Nov 1994 08:49:27 GMT", Some(0));
        for value in ["", "-5", "+5", "1.5", "soon", "5s"] {
            check(value, None);
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }
}
