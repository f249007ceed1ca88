//! The resource behind `client.connect`: an endpoint, found by its name.

use mapping::Settings;

use crate::endpoints;
use crate::exports::wasi::messaging::types::{self, Error, GuestClient};
use crate::lower;

/// The implementation of a component's `client`.
pub struct Client(&'static Settings);

impl Client {
    /// Returns the settings of the endpoint.
    pub fn settings(&self) -> &'static Settings {
        self.0
    }
}

impl GuestClient for Client {
    fn connect(name: String) -> Result<types::Client, Error> {
        let settings = endpoints::find(&name).map_err(lower)?;
        Ok(types::Client::new(Self(settings)))
    }
}
