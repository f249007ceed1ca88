//! Durations as users write them: a number and a unit.

use std::time::Duration;

/// The units, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// The longest duration, in days: ten years, as for all durations of the config.
const MAX_DAYS: u64 = 3650;

/// Why a string is not a valid duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The string is not a whole number followed by a unit.
    #[error(
        "is {0:?}, but a duration is a whole number and a unit, one of ms, s, m, h, d, as in \"30s\""
    )]
    Form(String),
    /// The duration is zero.
    #[error("is {0:?}, but it must be greater than zero")]
    Zero(String),
    /// The duration is longer than ten years.
    #[error("is {0:?}, but it must be at most \"{MAX_DAYS}d\"")]
    TooLong(String),
}

/// Parses durations such as `500ms`, `30s`, `5m`, `1h` and `1d`.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let form = || DurationError::Form(text.into());
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(form)?;
    let (number, unit) = text.split_at(digits);
    let (_, worth) = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(form)?;
    if number.is_empty() {
        return Err(form());
    }
    // The string has digits only, so parsing fails only if the number is too
    // large.
    let millis = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(worth));
    match millis {
        Some(0) => Err(DurationError::Zero(text.into())),
        Some(millis) if millis <= MAX_DAYS * 86_400_000 => Ok(Duration::from_millis(millis)),
        _ => Err(DurationError::TooLong(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
        }
    }

    #[test]
    fn faults() {
        for text in ["", "30", "s", "1.5s", "-1s", " 1s", "1 s", "1w", "١s"] {
            assert_eq!(parse_duration(text), Err(DurationError::Form(text.into())));
        }
        assert_eq!(parse_duration("0s"), Err(DurationError::Zero("0s".into())));
        for text in ["3651d", "99999999999999999999ms"] {
            assert_eq!(
                parse_duration(text),
                Err(DurationError::TooLong(text.into()))
            );
        }
    }
}
