//! Reads the section `[http]`, and checks its certificates and key. Its keys are declared
//! by the module `http`.

use super::optional_section::section;
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
            "use PEM files of certificates and of a key",
        );
    }
    settings
}
