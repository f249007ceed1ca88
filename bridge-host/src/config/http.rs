//! The section `[http]`: that its files are what they should be. Its keys are
//! declared by `http`.

use super::top::section;
use crate::http::Settings;
use crate::schema::Section;

pub(super) fn read(top: &mut Section<'_>) -> Settings {
    let settings: Settings = section(top, "http");
    if !top.is_faulty("http")
        && let Err(error) = settings.check()
    {
        top.fault(
            "http",
            error.to_string(),
            "a PEM file, of certificates or of a key",
        );
    }
    settings
}
