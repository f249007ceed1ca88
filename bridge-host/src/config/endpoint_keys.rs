//! Declares the keys of an endpoint. `mapping` reads their values, in the host and in the
//! adapter, so both interpret them in the same way.

use mapping::{Envelope, HeaderNames, Method};

use super::component_file;
use super::handler::HandlerSettings;
use crate::schema::{Declaration, Group, Kind, Part, Table, any_text, duration, secret};

/// The keys of `to`.
pub(super) const ALL: &Table = &Table {
    parts: &[
        Part::Group(TARGET),
        Part::Group(HandlerSettings::TABLE),
        Part::Group(REQUEST),
    ],
};

/// The keys of an endpoint with a URL.
pub(super) const BY_URL: &Table = &Table {
    parts: &[
        Part::One(any_text().required("").named("url", URL)),
        Part::Group(REQUEST),
    ],
};

/// The keys of an endpoint that is a component.
pub(super) const BY_COMPONENT: &Table = &Table {
    parts: &[
        Part::One(
            component_file::FILE
                .required("")
                .named("component", COMPONENT),
        ),
        Part::Group(HandlerSettings::TABLE),
        Part::Group(REQUEST),
    ],
};

const URL: &str =
    "`http://` or `https://`; without user and password, which belong into `headers`.";
const COMPONENT: &str = "An HTTP handler in this process, instead of a URL, see [HTTP handlers](../guides/http-handlers.md).";

/// The keys of which an endpoint has exactly one.
pub(super) const TARGET: &Table = &Table {
    parts: &[
        Part::One(
            any_text()
                .optional("required, or `component`")
                .named("url", URL),
        ),
        Part::One(
            component_file::FILE
                .optional("none")
                .named("component", COMPONENT),
        ),
    ],
};

/// The keys for requests and for the statuses of responses.
pub(super) const REQUEST: &Table = &Table {
    parts: &[
        Part::One(words(|| named(&Method::NAMES)).default("\"POST\"").named(
            "method",
            "`\"POST\"`, `\"PUT\"`, `\"PATCH\"`, `\"DELETE\"`, `\"GET\"` or `\"HEAD\"`.",
        )),
        Part::One(words(|| named(&Envelope::NAMES)).default("\"raw\"").named(
            "envelope",
            "`\"raw\"`: the body is the data, and topic and metadata are headers. `\"json\"`: the body is a JSON object \
             with the whole message.",
        )),
        Part::One(words(|| named(&HeaderNames::NAMES)).default("\"any\"").named(
            "header_names",
            "For the raw envelope, `\"any\"` or `\"portable\"`. With `\"portable\"`, an entry of metadata becomes a \
             header only if its name consists of letters, digits and hyphens; all other entries share one header \
             `message-metadata`, see \
             [envelopes](envelopes.md#names-that-proxies-drop).",
        )),
        Part::One(duration().optional("the `timeout` of the subscription").named(
            "timeout",
            "The time limit for each of: connecting, waiting for the first byte, and waiting between bytes.",
        )),
        Part::One(statuses().default("[\"2xx\"]").named("successful_on", "Statuses that count as success.")),
        Part::One(statuses().default("[408, 425, 429, \"5xx\"]").named(
            "retry_on",
            "Statuses after which the delivery is retried.",
        )),
        Part::One(statuses().optional("all others").named(
            "dead_letter_on",
            "Statuses after which the delivery becomes a dead letter at once.",
        )),
        Part::One(headers().optional("none").named(
            "headers",
            "Headers that are sent with every request; values are secrets.",
        )),
    ],
};

const fn words(words: fn() -> Vec<&'static str>) -> Declaration<()> {
    Declaration::kind(Kind::Choice(words))
}

const fn statuses() -> Declaration<()> {
    Declaration::kind(Kind::Statuses)
}

const fn headers() -> Declaration<()> {
    Declaration::kind(Kind::Map(HEADER))
}

const HEADER: &Kind = &secret().as_kind();

fn named<T>(names: &[(&'static str, T)]) -> Vec<&'static str> {
    names.iter().map(|(name, _)| *name).collect()
}
