//! The values of the arguments of `bridge-host receive`: times, shares and statuses
//! as users write them.

use std::str::FromStr;
use std::time::Duration;

use http::StatusCode;

/// A random delay, evenly distributed from the shortest to the longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delay {
    pub(super) shortest: Duration,
    pub(super) longest: Duration,
}

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (shortest, longest) = text.split_once("..").unwrap_or((text, text));
        let delay = Self {
            shortest: duration(shortest)?,
            longest: duration(longest)?,
        };
        match delay.shortest <= delay.longest {
            true => Ok(delay),
            false => Err("write the shorter time first".into()),
        }
    }
}

/// A percentage, from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Percent(pub(super) f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').and_then(|text| text.parse().ok());
        let legal = number.filter(|number| (0.0..=100.0).contains(number));
        legal
            .map(Self)
            .ok_or_else(|| "a share from 0% to 100% is expected".into())
    }
}

pub(super) fn status(text: &str) -> Result<StatusCode, String> {
    let status: Option<StatusCode> = text.parse().ok();
    status
        .filter(|status| status.as_u16() >= 200)
        .ok_or_else(|| "a status from 200 to 999 is expected".into())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    mapping::parse_duration(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_none() {
        for text in ["10", "-1%", "101%", "x%", "NaN%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
        for text in ["5", "5ms..", "50ms..5ms", "..5ms"] {
            assert!(text.parse::<Delay>().is_err(), "{text}");
        }
    }
}
