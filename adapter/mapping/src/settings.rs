//! The user's settings for the endpoint, read from pairs of strings whose keys
//! begin with `to.`. Reading reports all errors, not only the first.

mod duration;
mod endpoint;
mod error;
mod nearest;
mod static_header;

use std::fmt;
use std::time::Duration;

use crate::envelope::Envelope;
use crate::outcome::Statuses;

pub use duration::{DurationError, parse_duration};
pub use endpoint::{Endpoint, EndpointError, Scheme};
pub use error::SettingsError;
pub use static_header::StaticHeaderError;

use nearest::nearest;

/// The keys, except the keys of headers.
const KEYS: [&str; 8] = [
    "to.url",
    "to.method",
    "to.envelope",
    "to.header_names",
    "to.timeout",
    "to.successful_on",
    "to.retry_on",
    "to.dead_letter_on",
];

/// The prefix of the keys of headers.
const HEADERS: &str = "to.headers.";

/// Where messages go, and what the requests look like. Read by
/// [`Settings::from_pairs`].
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// The value of `to.url`.
    pub endpoint: Endpoint,
    /// The value of `to.method`.
    pub method: Method,
    /// The value of `to.envelope`.
    pub envelope: Envelope,
    /// The value of `to.header_names`.
    pub header_names: HeaderNames,
    /// The values of `to.headers.<name>`, with names in lower case. Values may be
    /// secret.
    pub headers: Vec<(String, String)>,
    /// The value of `to.timeout`: the time limit until the connection is
    /// established, until the first byte, and between bytes. Without it, the
    /// host's limits apply.
    pub timeout: Option<Duration>,
    /// The value of `to.successful_on`: these statuses are a success, whatever
    /// the table says.
    pub successful_on: Statuses,
    /// The value of `to.retry_on`.
    pub retry_on: Statuses,
    /// The value of `to.dead_letter_on`.
    pub dead_letter_on: Statuses,
}

/// Which header names the raw envelope uses for metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderNames {
    /// One header for each entry, under any name that HTTP allows.
    #[default]
    Any,
    /// Only names of letters, digits and hyphens. Other entries share one header.
    Portable,
}

impl HeaderNames {
    /// The names in settings.
    pub const NAMES: [(&'static str, Self); 2] = [("any", Self::Any), ("portable", Self::Portable)];
}

/// The method of the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `POST`
    #[default]
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
}

impl Method {
    /// The names in settings.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("POST", Self::Post),
        ("PUT", Self::Put),
        ("PATCH", Self::Patch),
        ("DELETE", Self::Delete),
        ("GET", Self::Get),
        ("HEAD", Self::Head),
    ];

    /// Returns whether the request has a body. The content of a GET, HEAD or
    /// DELETE has no defined meaning, and many servers and proxies reject it (RFC
    /// 9110, section 9.3).
    pub fn has_body(self) -> bool {
        !matches!(self, Self::Get | Self::Head | Self::Delete)
    }
}

impl Settings {
    /// Returns settings with the default for everything else.
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            method: Method::default(),
            envelope: Envelope::default(),
            header_names: HeaderNames::default(),
            headers: Vec::new(),
            timeout: None,
            successful_on: Statuses::default(),
            retry_on: Statuses::default(),
            dead_letter_on: Statuses::default(),
        }
    }

    /// Reads the pairs whose keys begin with `to.`; the other pairs are settings
    /// of the chain. If a key is repeated, the last value counts.
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Vec<SettingsError>> {
        let mut faults = Vec::new();
        let mut settings = Self::new(Endpoint::default());
        let mut has_url = false;
        for (key, value) in pairs {
            let (key, value) = (key.as_ref(), value.as_ref());
            has_url |= key == "to.url";
            if key.starts_with("to.") {
                faults.extend(settings.set(key, value).err());
            }
        }
        if !has_url {
            faults.push(SettingsError::NoUrl);
        }
        faults.extend(settings.find_overlaps());
        match faults.is_empty() {
            true => Ok(settings),
            false => Err(faults),
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), SettingsError> {
        match key {
            "to.url" => self.endpoint = Endpoint::parse(value).map_err(SettingsError::Url)?,
            "to.method" => self.method = pick(&Method::NAMES, key, value)?,
            "to.envelope" => self.envelope = pick(&Envelope::NAMES, key, value)?,
            "to.header_names" => self.header_names = pick(&HeaderNames::NAMES, key, value)?,
            "to.timeout" => {
                self.timeout = Some(parse_duration(value).map_err(SettingsError::Timeout)?);
            }
            "to.successful_on" => self.successful_on = statuses(key, value)?,
            "to.retry_on" => self.retry_on = statuses(key, value)?,
            "to.dead_letter_on" => self.dead_letter_on = statuses(key, value)?,
            _ => match key.strip_prefix(HEADERS) {
                Some(name) => static_header::add(&mut self.headers, name, value)?,
                None => {
                    return Err(SettingsError::Unknown {
                        key: key.into(),
                        nearest: nearest(key, &KEYS),
                    });
                }
            },
        }
        Ok(())
    }

    /// Returns an error for each pair of lists that share a status.
    fn find_overlaps(&self) -> Vec<SettingsError> {
        let lists = [
            ("to.successful_on", &self.successful_on),
            ("to.retry_on", &self.retry_on),
            ("to.dead_letter_on", &self.dead_letter_on),
        ];
        [(0, 1), (0, 2), (1, 2)]
            .into_iter()
            .filter_map(|(a, b)| {
                let status = lists[a].1.common(lists[b].1)?;
                Some(SettingsError::Overlap {
                    status,
                    keys: [lists[a].0, lists[b].0],
                })
            })
            .collect()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .field("envelope", &self.envelope)
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

fn statuses(key: &str, value: &str) -> Result<Statuses, SettingsError> {
    Statuses::parse(value).map_err(|fault| SettingsError::Statuses {
        key: key.into(),
        fault,
    })
}

fn pick<T: Copy>(names: &[(&str, T)], key: &str, value: &str) -> Result<T, SettingsError> {
    if let Some((_, meaning)) = names.iter().find(|(name, _)| *name == value) {
        return Ok(*meaning);
    }
    let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
    Err(SettingsError::Word {
        key: key.into(),
        found: value.into(),
        allowed: names.join(", "),
    })
}

#[cfg(test)]
mod tests;
