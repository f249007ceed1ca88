//! The settings, read from the host once in an instance's life.

use std::sync::OnceLock;

use crate::wasi::config::store;
use mapping::{Failed, Settings};

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// The one endpoint's settings. Only good ones are kept: a host may mend the others.
pub fn endpoint() -> Result<&'static Settings, Failed> {
    if let Some(known) = SETTINGS.get() {
        return Ok(known);
    }
    let settings = Settings::from_pairs(all()?).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failed::Other(["the adapter's settings: ", &faults.join("; ")].concat())
    })?;
    Ok(SETTINGS.get_or_init(|| settings))
}

/// All pairs that there are, whosoever they are for.
pub fn all() -> Result<Vec<(String, String)>, Failed> {
    store::get_all().map_err(|fault| {
        let (store::Error::Upstream(text) | store::Error::Io(text)) = fault;
        Failed::Connection(["the adapter's settings cannot be read: ", &text].concat())
    })
}
