//! Who receives: `to`, as a URL or as a table. What its keys mean is told by
//! `mapping`, as it is to the adapter.

use std::fmt;

use http::Uri;
use toml::de::DeValue;

use super::fault::Fault;
use super::section::Section;
use super::text::Text;
use super::value::Value;
use crate::http::Secret;

const HEADERS: &str = "to.headers.";
const STATUS_HELP: &str = "a list of statuses: [200, \"2xx\", \"300-304\"]";

/// The endpoint of a subscription.
#[derive(Clone)]
pub struct Endpoint {
    /// Where it is.
    pub url: Uri,
    /// The URL as the user wrote it: `${NAME}` where it came from the
    /// environment.
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
        draft.plain.push(("to.url".into(), url.clone()));
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
}

/// What was read of an endpoint so far.
#[derive(Default)]
struct Draft {
    plain: Vec<(String, Text)>,
    headers: Vec<(String, Secret)>,
}

impl Draft {
    /// Faults come with the key that has them.
    fn finish(self) -> Result<Endpoint, Vec<(String, String)>> {
        let plain = self.plain.iter();
        let plain = plain.map(|(key, text)| (key.clone(), text.expose().to_string()));
        let headers = self.headers.iter();
        let headers =
            headers.map(|(name, value)| (format!("{HEADERS}{name}"), value.expose().into()));
        let settings = mapping::Settings::from_pairs(plain.clone().chain(headers));
        let settings = settings.map_err(|errors| {
            let told = |error: mapping::SettingsError| {
                let text = self.plain.iter().find(|(key, _)| *key == error.key());
                let told = error.to_string();
                let told = text.map_or(told.clone(), |(_, text)| text.hide_in(&told));
                (error.key(), told)
            };
            errors.into_iter().map(told).collect::<Vec<_>>()
        })?;
        let url = self.plain.iter().find(|(key, _)| key == "to.url");
        let parsed = url.and_then(|(_, url)| url.expose().parse().ok().zip(Some(url)));
        let Some((uri, url)) = parsed else {
            return Err(vec![("to.url".into(), "to.url is no URL".into())]);
        };
        Ok(Endpoint {
            url: uri,
            shown: url.shown().into(),
            plain: plain.collect(),
            headers: self.headers,
            settings,
        })
    }
}

/// Reads `to`.
pub(super) fn read(value: &Value<'_>) -> Option<Endpoint> {
    match value.value {
        DeValue::Table(_) => read_table(value.section("`to`")?),
        DeValue::String(_) => Endpoint::of(&value.text()?)
            .map_err(|what| value.told(what))
            .ok(),
        _ => {
            value.wrong_kind(
                "a URL or a table",
                "to = \"https://…\" or to = { url = \"…\" }",
            );
            None
        }
    }
}

fn read_table(mut section: Section<'_>) -> Option<Endpoint> {
    if let Some(component) = section.take("component") {
        component.reader.fault(
            component.key_span.clone(),
            "an HTTP handler component as the endpoint is not in this version",
            "name a URL: to = \"https://…\"",
        );
        return None;
    }
    let reader = section.reader;
    let before = reader.faults_so_far();
    let begins = section.span.clone();
    let mut spans = Vec::new();
    let mut draft = Draft::default();
    for key in ["url", "method", "envelope", "timeout"] {
        let Some(value) = section.take(key) else {
            continue;
        };
        let text = value.text();
        note(&mut draft.plain, &mut spans, &value, text);
    }
    for key in ["successful_on", "retry_on", "dead_letter_on"] {
        let Some(value) = section.take(key) else {
            continue;
        };
        let text = statuses(&value);
        note(&mut draft.plain, &mut spans, &value, text);
    }
    if let Some(value) = section.take("headers") {
        for header in value.section("`headers`").map(Section::take_all)? {
            spans.push((format!("{HEADERS}{}", header.key), header.span.clone()));
            let text = header.secret_text();
            draft
                .headers
                .extend(text.map(|text| (header.key, Secret::new(text.expose()))));
        }
    }
    section.finish();
    let unread = |key: &str| {
        let read = draft.plain.iter().any(|(name, _)| name == key);
        !read && spans.iter().any(|(name, _)| name == key)
    };
    let url_unread = unread("to.url");
    let faults = match draft.finish() {
        Ok(endpoint) if reader.faults_so_far() == before => return Some(endpoint),
        Ok(_) => Vec::new(),
        Err(faults) => faults,
    };
    // A URL that could not be read has its fault already.
    for (key, what) in faults
        .into_iter()
        .filter(|(key, _)| !(url_unread && key == "to.url"))
    {
        let span = spans.iter().find(|(name, _)| *name == key);
        let span = span.map_or(begins.clone(), |(_, span)| span.clone());
        reader.push(Fault::new(
            Some(reader.source.place(span)),
            what,
            None::<String>,
        ));
    }
    None
}

fn note(
    plain: &mut Vec<(String, Text)>,
    spans: &mut Vec<(String, std::ops::Range<usize>)>,
    value: &Value<'_>,
    text: Option<Text>,
) {
    let key = format!("to.{}", value.key);
    spans.push((key.clone(), value.span.clone()));
    plain.extend(text.map(|text| (key, text)));
}

/// A list of statuses, as the adapter reads it: `200,2xx,300-304`.
fn statuses(value: &Value<'_>) -> Option<Text> {
    let mut all = Vec::new();
    for item in value.list(STATUS_HELP)? {
        match item.value {
            DeValue::Integer(number) => all.push(number.to_string()),
            DeValue::String(_) => all.push(item.text()?.expose().into()),
            _ => {
                item.wrong_kind("a list of statuses", STATUS_HELP);
                return None;
            }
        }
    }
    Some(Text::plain(all.join(",")))
}
