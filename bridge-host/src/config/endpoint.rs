//! Who receives: `to`, as a URL or as a table. What its keys mean is told by
//! `mapping`, as it is to the adapter; what a handler component has in place
//! of a URL, by `handler`.

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
    /// Where it is; of a handler, what its requests say.
    pub url: Uri,
    /// It is a component in this process.
    pub handler: Option<Handler>,
    /// The URL as the user wrote it: `${NAME}` where it came from the
    /// environment, and `***` for its query, which may be a secret.
    pub shown: String,
    /// The names and values of its headers.
    pub headers: Vec<(String, Secret)>,
    /// All of it as the adapter understands it, defaults included.
    pub settings: mapping::Settings,
    /// All of it as pairs for the adapter, headers apart.
    plain: Vec<(String, String)>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Endpoint {
    /// An endpoint of this URL with nothing else set.
    pub(super) fn of(url: &Text) -> Result<Self, String> {
        let mut draft = Draft::default();
        draft.plain.push((URL.into(), url.clone()));
        draft.finish().map_err(|mut faults| faults.remove(0).1)
    }

    /// What the adapter reads through `wasi:config/store`. With secrets in it.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        let headers = self.headers.iter().map(|(name, value)| {
            let key = format!("{HEADERS}{name}");
            (key, value.expose().to_string())
        });
        self.plain.iter().cloned().chain(headers)
    }

    /// The same for the adapter that knows endpoints by name.
    pub(super) fn pairs_named(&self, name: &str) -> impl Iterator<Item = (String, String)> {
        self.pairs().map(move |(key, value)| {
            let key = key.strip_prefix("to.").unwrap_or(&key);
            (format!("endpoints.{name}.{key}"), value)
        })
    }
}

/// What is wrong with `to`, told of the endpoint that has this key.
pub(super) fn called(key: &str, what: String) -> String {
    match key {
        "to" => what,
        _ => what.replace("to.", &format!("endpoints.{key}.")),
    }
}

/// Reads an endpoint that is a table, under this key.
pub(super) fn read_table(mut section: Section<'_>, called_key: &str) -> Option<Endpoint> {
    let reader = section.reader;
    let before = reader.faults_so_far();
    let begins = section.span.clone();
    let mut draft = Draft::default();
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
    let place = |key: &str| {
        let span = draft.spans.get(key).unwrap_or(&begins);
        Some(reader.place(span.clone()))
    };
    match draft.finish() {
        Ok(endpoint) => return (reader.faults_so_far() == before).then_some(endpoint),
        Err(faults) => {
            for (key, what) in faults {
                // What could not be read has its fault already.
                if !draft.unread.contains(&key) {
                    let what = called(called_key, what);
                    reader.push(Fault::new(place(&key), what, None::<String>));
                }
            }
        }
    }
    None
}

/// What was read of an endpoint so far; its keys begin with `to.`.
#[derive(Default)]
struct Draft {
    plain: Vec<(String, Text)>,
    headers: Vec<(String, Secret)>,
    /// Where the values stand.
    spans: BTreeMap<String, Range<usize>>,
    /// The keys whose values could not be read.
    unread: Vec<String>,
    handler: Option<Handler>,
}

impl Draft {
    /// Reads `url`, or what a handler has in its place.
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

    /// Faults come with the key that has them.
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
                    .map(|error| self.told(error))
                    .collect::<Vec<_>>()
            })?;
        let url = self.plain.iter().find(|(key, _)| key == URL);
        let parsed = url.and_then(|(_, url)| url.expose().parse().ok().zip(Some(url)));
        let Some((uri, url)) = parsed else {
            return Err(vec![(URL.into(), "to.url is no URL".into())]);
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

    /// A fault of `mapping`, without what came from the environment.
    fn told(&self, error: &mapping::SettingsError) -> (String, String) {
        let (key, told) = (error.key(), error.to_string());
        let text = self.plain.iter().find(|(name, _)| *name == key);
        let told = text.map_or(told.clone(), |(_, text)| text.hide_in(&told));
        (key, told)
    }
}

/// A list of statuses, as the adapter reads it: `200,2xx,300-304`.
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
