//! Parses and formats durations, sizes and rates: `500ms`, `64MiB`, `100/s`. Their limits
//! for a setting stay out: its declaration has them.

use std::time::Duration;

/// The longest duration, so that sums of durations stay within the range of clocks.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);
/// The largest size, in bytes.
const LARGEST: u64 = 1 << 60;

const DURATIONS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

const SIZES: [(&str, u64); 9] = [
    ("b", 1),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
    ("tib", 1 << 40),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("tb", 1_000_000_000_000),
];

/// How to write a duration, for errors.
pub(crate) const DURATION_HELP: &str =
    "write a whole number and ms, s, m, h or d, at most 3650d: \"500ms\", \"30s\", \"1h\"";
/// How to write a rate, for errors.
pub(crate) const RATE_HELP: &str =
    "write a whole number from 1 on, a slash and s, m, h or d: \"100/s\", \"30/m\"";
/// How to write a size, for errors.
pub(crate) const SIZE_HELP: &str = "write a whole number and KiB, MiB, GiB, kB, MB or GB: \"64MiB\", \"10GB\"; without a unit, it is in bytes";

/// The regular expressions of all three, for the JSON Schema.
pub(crate) const DURATION_PATTERN: &str = "^[0-9]+ ?(ms|s|m|h|d)$";
pub(crate) const RATE_PATTERN: &str = "^[0-9]+ ?/ ?(s|m|h|d)$";
pub(crate) const SIZE_PATTERN: &str = "^[0-9]+ ?([KkMmGgTt][Ii]?)?[Bb]?$";

/// Parses a duration; `None` if the text is not a duration or exceeds ten years.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let (_, millis) = DURATIONS.iter().find(|(name, _)| *name == unit)?;
    let duration = Duration::from_millis(number.checked_mul(*millis)?);
    (duration <= LONGEST).then_some(duration)
}

/// Parses a rate: a number of events, and the time for them.
pub(crate) fn rate(text: &str) -> Option<(u32, Duration)> {
    let (count, unit) = text.split_once('/')?;
    let (_, millis) = DURATIONS[1..]
        .iter()
        .find(|(name, _)| *name == unit.trim())?;
    let digits = count.trim_end();
    let count = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then_some(digits)?;
    let count = count.parse().ok().filter(|count| *count > 0)?;
    Some((count, Duration::from_millis(*millis)))
}

/// Parses a size in bytes; `None` if the text is not a size, or is too large.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let unit = match unit {
        "" => "b".into(),
        unit => unit.to_ascii_lowercase(),
    };
    let (_, bytes) = SIZES.iter().find(|(name, _)| *name == unit)?;
    let size = number.checked_mul(*bytes)?;
    (size <= LARGEST).then_some(size)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..digits].parse().ok()?, text[digits..].trim_start()))
}

/// Formats a duration for people, with at most two units: `8m 32s`.
pub fn show_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut parts = Vec::new();
    for (unit, size) in DURATIONS.iter().rev() {
        let count = millis / size;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count}{unit}"));
            millis %= size;
        } else if !parts.is_empty() {
            break;
        }
    }
    match parts.is_empty() {
        true => "0s".into(),
        false => parts.join(" "),
    }
}

/// Formats a duration as in a config, in the largest unit without a fraction: `90s`.
pub fn write_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut units = DURATIONS.iter().rev();
    let whole = units.find(|(_, size)| millis > 0 && millis.is_multiple_of(*size));
    match whole {
        Some((unit, size)) => format!("{}{unit}", millis / size),
        None => format!("{millis}ms"),
    }
}

/// Formats a rate as in a config: `100/s`.
pub fn show_rate(count: u32, per: Duration) -> String {
    let millis = u64::try_from(per.as_millis()).unwrap_or(u64::MAX);
    let unit = DURATIONS.iter().find(|(_, size)| *size == millis);
    match unit {
        Some((unit, _)) => format!("{count}/{unit}"),
        None => format!("{count} in {}", show_duration(per)),
    }
}

/// Formats a size in the largest unit without a fraction: `64MiB`, `1001 bytes`.
pub fn show_size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 8] = [
        ("TiB", 1 << 40),
        ("TB", 1_000_000_000_000),
        ("GiB", 1 << 30),
        ("GB", 1_000_000_000),
        ("MiB", 1 << 20),
        ("MB", 1_000_000),
        ("KiB", 1 << 10),
        ("kB", 1_000),
    ];
    let fits = |(_, unit): &&(&str, u64)| bytes > 0 && bytes.is_multiple_of(*unit);
    match UNITS.iter().find(fits) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None if bytes == 1 => "1 byte".into(),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("1d"), Some(Duration::from_secs(86_400)));
        assert_eq!(duration("5 m"), Some(Duration::from_secs(300)));
        for wrong in [
            "",
            "30",
            "s",
            "-1s",
            "1.5h",
            "1w",
            "4000d",
            "99999999999999999999s",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rates() {
        let second = Duration::from_secs(1);
        assert_eq!(rate("100/s"), Some((100, second)));
        assert_eq!(rate("1 / m"), Some((1, 60 * second)));
        assert_eq!(show_rate(30, 60 * second), "30/m");
        for wrong in [
            "",
            "/s",
            "0/s",
            "-1/s",
            "+1/s",
            "1.5/s",
            "100",
            "5/ms",
            "1/w",
            "9999999999/s",
        ] {
            assert_eq!(rate(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("10GB"), Some(10_000_000_000));
        assert_eq!(size("1024"), Some(1024));
        assert_eq!(size("1kb"), Some(1000));
        for wrong in ["", "MiB", "1.5GiB", "1 PiB", "99999999TiB", "-1"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn formatted_values() {
        assert_eq!(show_duration(Duration::from_millis(512_500)), "8m 32s");
        assert_eq!(show_duration(Duration::from_millis(1500)), "1s 500ms");
        assert_eq!(show_duration(Duration::from_secs(3600)), "1h");
        assert_eq!(show_duration(Duration::from_secs(3601)), "1h");
        assert_eq!(show_duration(Duration::ZERO), "0s");
        for written in ["90s", "1m", "1h", "25h", "3d", "1500ms"] {
            assert_eq!(write_duration(duration(written).unwrap()), written);
        }
        assert_eq!(show_size(64 << 20), "64MiB");
        assert_eq!(show_size(1000), "1kB");
        assert_eq!(show_size(1), "1 byte");
        assert_eq!(show_size(2), "2 bytes");
    }
}
