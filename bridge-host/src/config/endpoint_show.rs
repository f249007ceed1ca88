//! Shows an endpoint for `check`: its keys with the effective values. Reading them stays
//! out: `endpoint` does it.

use mapping::Verdict;
use serde_json::Value;

use super::endpoint::Endpoint;
use super::handler::Handler;
use crate::schema::{Group, SettingValue, ShownTable, write_duration};

/// Returns the keys of an endpoint with their values.
pub(super) fn show(endpoint: &Endpoint) -> ShownTable {
    let settings = &endpoint.settings;
    let lower = |shown: String| Value::from(shown.to_lowercase());
    let mut shown = match &endpoint.handler {
        Some(handler) => handler_keys(endpoint, handler),
        None => ShownTable::from_iter([("url".into(), endpoint.shown.as_str().into())]),
    };
    let method = format!("{:?}", settings.method).to_uppercase();
    let statuses = |wanted| statuses(|status| settings.verdict(status) == wanted);
    let headers = endpoint.headers.iter();
    let headers = headers.map(|(name, value)| (name.clone(), value.show()));
    shown.extend([
        ("method".to_owned(), method.into()),
        ("envelope".into(), lower(format!("{:?}", settings.envelope))),
        (
            "header_names".into(),
            lower(format!("{:?}", settings.header_names)),
        ),
        (
            "timeout".into(),
            settings.timeout.map(write_duration).into(),
        ),
        ("successful_on".into(), statuses(Verdict::Success)),
        ("retry_on".into(), statuses(Verdict::Retry)),
        ("headers".into(), Value::Object(headers.collect())),
    ]);
    shown
}

fn handler_keys(endpoint: &Endpoint, handler: &Handler) -> ShownTable {
    let path = endpoint.url.path_and_query().map(ToString::to_string);
    let authority = endpoint.url.authority().map(ToString::to_string);
    ShownTable::from_iter([
        ("component".to_owned(), handler.file.show()),
        ("path".into(), path.into()),
        ("authority".into(), authority.into()),
        ("middleware".into(), handler.middleware.show()),
        ("reuse".into(), handler.reuse.show()),
        (
            "permissions".into(),
            Group::show(&handler.permissions).into(),
        ),
    ])
}

/// Returns the statuses for which `holds`, as a user would list them.
fn statuses(holds: impl Fn(u16) -> bool) -> Value {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for status in (200..600).filter(|status| holds(*status)) {
        match ranges.last_mut() {
            // A range ends with its class, so that a whole class is shown as one.
            Some((_, last)) if *last + 1 == status && status % 100 != 0 => *last = status,
            _ => ranges.push((status, status)),
        }
    }
    let shown = |(first, last): &(u16, u16)| match (first % 100, last % 100) {
        (0, 99) => format!("{}xx", first / 100).into(),
        _ if first == last => Value::from(*first),
        _ => format!("{first}-{last}").into(),
    };
    ranges.iter().map(shown).collect()
}
