//! Reads the settings from the host, once for each instance.

use std::sync::OnceLock;

use crate::wasi::config::store;
use mapping::{ExchangeError, Settings};

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Returns the settings of the endpoint. Only valid settings are kept, because a
/// host may correct invalid ones.
pub fn endpoint() -> Result<&'static Settings, ExchangeError> {
    if let Some(known) = SETTINGS.get() {
        return Ok(known);
    }
    let settings = Settings::from_pairs(all()?).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        ExchangeError::Other(["the adapter's settings: ", &faults.join("; ")].concat())
    })?;
    Ok(SETTINGS.get_or_init(|| settings))
}

/// Returns all pairs of settings.
pub fn all() -> Result<Vec<(String, String)>, ExchangeError> {
    store::get_all().map_err(|fault| {
        let (store::Error::Upstream(text) | store::Error::Io(text)) = fault;
        ExchangeError::Connection(["cannot read the adapter's settings: ", &text].concat())
    })
}
