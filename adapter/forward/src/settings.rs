//! The settings, read from the host once in an instance's life.

use std::sync::OnceLock;

use crate::wasi::config::store;
use crate::wasi::messaging::types::Error;
use mapping::Settings;

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The settings. Only good ones are kept: a host may mend the others.
pub fn get() -> Result<&'static Settings, Error> {
    if let Some(known) = SETTINGS.get() {
        return Ok(known);
    }
    let settings = load()?;
    Ok(SETTINGS.get_or_init(|| settings))
}

fn load() -> Result<Settings, Error> {
    let pairs = store::get_all().map_err(|fault| {
        let (store::Error::Upstream(text) | store::Error::Io(text)) = fault;
        Error::Connection(["the adapter's settings cannot be read: ", &text].concat())
    })?;
    Settings::from_pairs(pairs).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Error::Other(["the adapter's settings: ", &faults.join("; ")].concat())
    })
}
