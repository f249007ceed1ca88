//! Lists of statuses as users write them: `200-299,304,5xx`.

use std::ops::RangeInclusive;

/// All valid statuses.
const ALL: RangeInclusive<u16> = 100..=599;

/// A set of statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

/// Why a string is not a list of statuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusesError {
    /// An item of the list is not valid.
    #[error(
        "has {0:?} in its list, but an item is a status from 100 to 599 (410), a range of them \
         (200-299), or a class (5xx)"
    )]
    Item(String),
    /// A range ends before it begins.
    #[error("has the range {0:?}, which ends before it begins")]
    Backwards(String),
}

impl Statuses {
    /// Parses a list with commas between its items. An empty string is an empty
    /// list.
    pub fn parse(text: &str) -> Result<Self, StatusesError> {
        let items = text.split(',').map(str::trim);
        match text.trim().is_empty() {
            true => Ok(Self::default()),
            false => items.map(item).collect::<Result<_, _>>().map(Self),
        }
    }

    /// Returns whether the list contains the status.
    pub fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    /// Returns the lowest status that both lists contain.
    pub(crate) fn common(&self, other: &Self) -> Option<u16> {
        ALL.into_iter()
            .find(|status| self.contain(*status) && other.contain(*status))
    }
}

fn item(text: &str) -> Result<RangeInclusive<u16>, StatusesError> {
    let illegal = || StatusesError::Item(text.into());
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let first = status(&[class, "00"].concat()).ok_or_else(illegal)?;
        return Ok(first..=first + 99);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (status(first.trim()), status(last.trim())) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (Some(_), Some(_)) => Err(StatusesError::Backwards(text.into())),
        _ => Err(illegal()),
    }
}

fn status(digits: &str) -> Option<u16> {
    let three = digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit());
    let status = digits.parse().ok().filter(|_| three)?;
    ALL.contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items() {
        let list = Statuses::parse("200-299, 304,5xx,410").unwrap();
        for status in [200, 299, 304, 500, 599, 410] {
            assert!(list.contain(status), "{status}");
        }
        for status in [199, 300, 411, 499] {
            assert!(!list.contain(status), "{status}");
        }
        assert_eq!(Statuses::parse(" "), Ok(Statuses::default()));
    }

    #[test]
    fn faults() {
        for text in [
            "6xx", "xx", "x", "99", "600", "0200", "+20", "200-", "2x", "404,",
        ] {
            let item = text.rsplit(',').next().unwrap_or(text);
            assert_eq!(
                Statuses::parse(text),
                Err(StatusesError::Item(item.into())),
                "{text}"
            );
        }
        assert_eq!(
            Statuses::parse("299-200"),
            Err(StatusesError::Backwards("299-200".into()))
        );
    }
}
