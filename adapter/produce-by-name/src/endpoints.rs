//! The endpoints, by name: `endpoints.NAME.url` and the keys beside it, read
//! from the host once in an instance's life.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use mapping::{Failed, Settings};

/// What the keys begin with, the name of the endpoint behind it.
const PREFIX: &str = "endpoints.";

static ENDPOINTS: OnceLock<BTreeMap<String, Settings>> = OnceLock::new();

/// The endpoint of that name.
pub fn find(name: &str) -> Result<&'static Settings, Failed> {
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
        Failed::Connection(["no endpoint is named `", name, "`; ", &known].concat())
    })
}

fn read(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, Settings>, Failed> {
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
            Failed::Other(["the endpoint `", &name, "`: ", &faults.join("; ")].concat())
        })?;
        Ok((name, settings))
    };
    all.into_iter().map(each).collect()
}
