//! The section `[http]`: how requests go to endpoints on the network.

use super::pem;
use super::value::Value;
use crate::http::Settings;

pub(super) fn read(value: Option<Value<'_>>) -> Settings {
    let mut settings = Settings::default();
    let Some(value) = value else {
        return settings;
    };
    let before = value.reader.faults_so_far();
    let Some(mut section) = value.section("[http]") else {
        return settings;
    };
    settings.ca_file = pem::ca(&mut section);
    settings.client = pem::client(&mut section);
    if let Some(value) = section.take("idle_timeout")
        && let Some(idle) = value.duration()
    {
        settings.idle_timeout = idle;
        if idle > Settings::MAX_IDLE_TIMEOUT {
            value.fault(
                "`idle_timeout` is more than 90s",
                "by then most servers have closed the connection themselves",
            );
        }
    }
    if let Some(most) = section.take("max_idle").and_then(|value| value.count()) {
        settings.max_idle = most as usize;
    }
    if let Some(age) = section
        .take("max_connection_age")
        .and_then(|it| it.duration())
    {
        settings.max_connection_age = age;
    }
    section.finish();
    if value.reader.faults_so_far() == before
        && let Err(error) = settings.check()
    {
        value.fault(error.to_string(), "a PEM file, of certificates or of a key");
    }
    settings
}
