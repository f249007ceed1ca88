//! Reads an endpoint, as a URL or as a table. `mapping` interprets its keys, as it does in
//! the adapter. The keys of an HTTP handler are read by `handler`.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use http::Uri;
use toml::de::DeValue;

use super::endpoint_keys as keys;
use super::handler::{self, Handler};
use crate::schema::{self, Fault, Kind, Section, Text, Value};
use crate::secret::Secret;

const URL: &str = "to.url";
const HEADERS: &str = "to.headers.";
const STATUS_HELP: &str = "a list of statuses: [200, \"2xx\", \"300-304\"]";

/// The endpoint of a subscription.
#[derive(Clone)]
pub struct Endpoint {
    /// The URL; for a handler, the URL of its requests.
    pub url: Uri,
    /// The HTTP handler, if the endpoint is a component in this process.
    pub handler: Option<Handler>,
    /// The URL as it may be shown: with `${NAME}` for a part from the environment, and
    /// with `***` for its query, which may be a secret.
    pub shown: String,
    /// The names and values of its headers.
    pub headers: Vec<(String, Secret)>,
    /// The settings as the adapter reads them, defaults included.
    pub settings: mapping::Settings,
    /// The settings as pairs for the adapter, without headers.
    plain: Vec<(String, String)>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Endpoint {
    /// Creates an endpoint with this URL and the defaults.
    pub(super) fn of(url: &Text) -> Result<Self, String> {
        let mut draft = EndpointDraft::default();
        draft.plain.push((URL.into(), url.clone()));
        draft.finish().map_err(|mut faults| faults.remove(0).1)
    }

    /// Returns the pairs that the adapter reads through `wasi:config/store`. Contains
    /// secrets.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        let headers = self.headers.iter().map(|(name, value)| {
            let key = format!("{HEADERS}{name}");
            (key, value.expose().to_string())
        });
        self.plain.iter().cloned().chain(headers)
    }

    /// As [`Self::pairs`], for the adapter that has several endpoints by name.
    pub(super) fn pairs_named(&self, name: &str) -> impl Iterator<Item = (String, String)> {
        self.pairs().map(move |(key, value)| {
            let key = key.strip_prefix("to.").unwrap_or(&key);
            (format!("endpoints.{name}.{key}"), value)
        })
    }
}

/// Returns an error about `to` as an error about the endpoint with this key.
pub(super) fn with_key(key: &str, what: String) -> String {
    match key {
        "to" => what,
        _ => what.replace("to.", &format!("endpoints.{key}.")),
    }
}

/// Reads an endpoint that is written as a table under the key `name`.
pub(super) fn read_table(mut section: Section<'_>, name: &str) -> Option<Endpoint> {
    let reader = section.reader;
    let before = reader.faults_so_far();
    let begins = section.span.clone();
    let mut draft = EndpointDraft::default();
    section.declare(keys::TARGET);
    draft.add_target(&mut section);
    section.declare(keys::REQUEST);
    for setting in keys::REQUEST.settings() {
        let Some(value) = section.peek(setting.key) else {
            continue;
        };
        match setting.kind {
            Kind::Statuses => draft.add(&value, statuses(&value)),
            Kind::Map(_) => draft.add_headers(&value),
            _ => draft.add(&value, value.text()),
        }
    }
    section.finish();
    let location = |key: &str| {
        let span = draft.spans.get(key).unwrap_or(&begins);
        Some(reader.location(span.clone()))
    };
    match draft.finish() {
        Ok(endpoint) => return (reader.faults_so_far() == before).then_some(endpoint),
        Err(faults) => {
            for (key, what) in faults {
                // An unreadable value has its error already.
                if !draft.unread.contains(&key) {
                    let what = with_key(name, what);
                    reader.push(Fault::new(location(&key), what, None::<String>));
                }
            }
        }
    }
    None
}

/// The settings of an endpoint that were read so far. Keys begin with `to.`.
#[derive(Default)]
struct EndpointDraft {
    plain: Vec<(String, Text)>,
    headers: Vec<(String, Secret)>,
    /// The positions of the values.
    spans: BTreeMap<String, Range<usize>>,
    /// The keys whose values could not be read.
    unread: Vec<String>,
    handler: Option<Handler>,
}

impl EndpointDraft {
    /// Reads `url`, or the keys that a handler has instead.
    fn add_target(&mut self, section: &mut Section<'_>) {
        let url = section.peek("url");
        let component = section.peek("component");
        match (url, component) {
            (Some(url), None) => self.add(&url, url.text()),
            (None, None) => {}
            (Some(_), Some(component)) => {
                component.reader.fault(
                    component.key_span.clone(),
                    "there is both a `url` and a `component`",
                    "the endpoint is on the network or in this process: keep one",
                );
                self.unread.push(URL.into());
            }
            (None, Some(component)) => {
                self.spans.insert(URL.into(), component.span.clone());
                match handler::read(section) {
                    Some(found) => {
                        self.plain.push((URL.into(), found.url));
                        self.handler = Some(found.handler);
                    }
                    None => self.unread.push(URL.into()),
                }
            }
        }
    }

    fn add(&mut self, value: &Value<'_>, text: Option<Text>) {
        let key = format!("to.{}", value.key);
        self.spans.insert(key.clone(), value.span.clone());
        match text {
            Some(text) => self.plain.push((key, text)),
            None => self.unread.push(key),
        }
    }

    fn add_headers(&mut self, value: &Value<'_>) {
        let headers = value.section("`headers`").map(Section::take_all);
        for header in headers.unwrap_or_default() {
            let key = format!("{HEADERS}{}", header.key);
            self.spans.insert(key, header.span.clone());
            if let Some(text) = header.secret_text() {
                let secret = Secret::new(text.expose());
                self.headers.push((header.key, secret));
            }
        }
    }

    /// Returns the endpoint, or errors with their keys.
    fn finish(&self) -> Result<Endpoint, Vec<(String, String)>> {
        let plain = self.plain.iter();
        let plain = plain.map(|(key, text)| (key.clone(), text.expose().to_string()));
        let headers = self.headers.iter();
        let headers =
            headers.map(|(name, value)| (format!("{HEADERS}{name}"), value.expose().into()));
        let settings =
            mapping::Settings::from_pairs(plain.clone().chain(headers)).map_err(|errors| {
                errors
                    .iter()
                    .map(|error| self.without_secrets(error))
                    .collect::<Vec<_>>()
            })?;
        let url = self.plain.iter().find(|(key, _)| key == URL);
        let parsed = url.and_then(|(_, url)| url.expose().parse().ok().zip(Some(url)));
        let Some((uri, url)) = parsed else {
            return Err(vec![(URL.into(), "to.url is not a URL".into())]);
        };
        Ok(Endpoint {
            url: uri,
            handler: self.handler.clone(),
            shown: schema::hide_query(url.shown()),
            plain: plain.collect(),
            headers: self.headers.clone(),
            settings,
        })
    }

    /// Returns an error of `mapping`, without values from the environment.
    fn without_secrets(&self, error: &mapping::SettingsError) -> (String, String) {
        let (key, what) = (error.key(), error.to_string());
        let text = self.plain.iter().find(|(name, _)| *name == key);
        let what = text.map_or(what.clone(), |(_, text)| text.hide_in(&what));
        (key, what)
    }
}

/// Reads a list of statuses, and writes it as the adapter reads it: `200,2xx,300-304`.
fn statuses(value: &Value<'_>) -> Option<Text> {
    let mut all = Vec::new();
    for item in value.list(STATUS_HELP)? {
        match item.value {
            DeValue::Integer(number) => all.push(number.to_string()),
            DeValue::String(_) => all.push(item.text()?.expose().into()),
            _ => {
                item.wrong_kind("a status", STATUS_HELP);
                return None;
            }
        }
    }
    Some(Text::plain(all.join(",")))
}
