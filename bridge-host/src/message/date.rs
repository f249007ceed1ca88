//! Formats times. Reading clocks stays out.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that has four digits for its year.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Formats a time as in RFC 3339, in UTC, with nanoseconds if it has any. A time before
/// 1970 or after 9999 is shown as the nearest time within this range.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use bridge_host::message::rfc3339;
///
/// let noon = UNIX_EPOCH + Duration::from_secs(43_200);
/// assert_eq!(rfc3339(noon), "1970-01-01T12:00:00Z");
/// assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00Z");
/// ```
pub fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    humantime::format_rfc3339(UNIX_EPOCH + since.min(LAST)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_out_of_range_are_shown_as_the_nearest() {
        let late = UNIX_EPOCH + Duration::from_millis(u64::MAX / 2);
        assert_eq!(rfc3339(late), "9999-12-31T23:59:59Z");
        let early = UNIX_EPOCH - Duration::from_secs(1 << 40);
        assert_eq!(rfc3339(early), "1970-01-01T00:00:00Z");
    }
}
