//! The endpoints by name: the settings `endpoints.NAME.url` and so on, read from
//! the host once for each instance.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use mapping::{ExchangeError, Settings};

/// The prefix of the keys. The name of the endpoint follows.
const PREFIX: &str = "endpoints.";

static ENDPOINTS: OnceLock<BTreeMap<String, Settings>> = OnceLock::new();

/// Returns the settings of the endpoint with this name.
pub fn find(name: &str) -> Result<&'static Settings, ExchangeError> {
    let endpoints = match ENDPOINTS.get() {
        Some(known) => known,
        None => {
            let read = read(webhook::all()?)?;
            ENDPOINTS.get_or_init(|| read)
        }
    };
    endpoints.get(name).ok_or_else(|| {
        let known: Vec<_> = endpoints.keys().map(String::as_str).collect();
        let known = match known[..] {
            [] => "there are none".into(),
            _ => ["there are ", &known.join(", ")].concat(),
        };
        ExchangeError::Connection(["no endpoint is named `", name, "`; ", &known].concat())
    })
}

fn read(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, Settings>, ExchangeError> {
    let mut all: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (key, value) in pairs {
        let rest = key.strip_prefix(PREFIX);
        if let Some((name, key)) = rest.and_then(|rest| rest.split_once('.')) {
            let pair = (["to.", key].concat(), value);
            all.entry(name.into()).or_default().push(pair);
        }
    }
    let each = |(name, pairs): (String, Vec<(String, String)>)| {
        let settings = Settings::from_pairs(pairs).map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            ExchangeError::Other(["the endpoint `", &name, "`: ", &faults.join("; ")].concat())
        })?;
        Ok((name, settings))
    };
    all.into_iter().map(each).collect()
}
