//! The contracts to compare with, read from wit/: the published `wasi:messaging@0.2.0-draft`, the
//! asynchronous interface of bridge-host, and the newest draft, which has the same name and version
//! as the published contract.

use std::sync::LazyLock;

use wit_parser::{PackageId, Resolve, SourceMap};

use super::interface::Interface;
use super::revision::MessagingRevision;

/// The interface with messages, clients and errors.
pub const TYPES: &str = "wasi:messaging/types@0.2.0-draft";
/// The interface for sending messages.
pub const PRODUCER: &str = "wasi:messaging/producer@0.2.0-draft";
/// The interface for handling messages.
pub const HANDLER: &str = "wasi:messaging/incoming-handler@0.2.0-draft";
/// The interface for requests and replies, which only the newest draft has.
pub const REQUEST_REPLY: &str = "wasi:messaging/request-reply@0.2.0-draft";
/// The interface of bridge-host for handling many messages at a time.
pub const ASYNC_HANDLER: &str = "bridge:messaging/incoming-handler@0.1.0";

/// The package of bridge-host, which uses the published one.
const OURS: (&str, &str) = (
    "incoming-handler.wit",
    include_str!("../../../../wit/async/incoming-handler.wit"),
);

const PUBLISHED: [(&str, &str); 3] = [
    (
        "types.wit",
        include_str!("../../../../wit/deps/messaging/types.wit"),
    ),
    (
        "producer.wit",
        include_str!("../../../../wit/deps/messaging/producer.wit"),
    ),
    (
        "incoming-handler.wit",
        include_str!("../../../../wit/deps/messaging/incoming-handler.wit"),
    ),
];

const DRAFT: [(&str, &str); 5] = [
    (
        "messaging.wit",
        include_str!("../../../../wit/draft/deps/messaging/messaging.wit"),
    ),
    (
        "types.wit",
        include_str!("../../../../wit/draft/deps/messaging/types.wit"),
    ),
    (
        "producer.wit",
        include_str!("../../../../wit/draft/deps/messaging/producer.wit"),
    ),
    (
        "request-reply.wit",
        include_str!("../../../../wit/draft/deps/messaging/request-reply.wit"),
    ),
    (
        "guest.wit",
        include_str!("../../../../wit/draft/deps/messaging/guest.wit"),
    ),
];

static STANDARD: LazyLock<Vec<Interface>> = LazyLock::new(|| interfaces(&[&PUBLISHED, &[OURS]]));
static NEWEST: LazyLock<Vec<Interface>> = LazyLock::new(|| interfaces(&[&DRAFT]));

fn interfaces(packages: &[&[(&str, &str)]]) -> Vec<Interface> {
    let mut resolve = Resolve::default();
    let mut all = Vec::new();
    for sources in packages {
        let package = read(&mut resolve, sources);
        let package = package.expect("the files of wit/ are compiled in, and a test reads them");
        for id in resolve.packages[package].interfaces.values() {
            let name = resolve.id_of(*id).unwrap_or_default();
            all.push(Interface::from_wit(&resolve, name, *id));
        }
    }
    all
}

fn read(resolve: &mut Resolve, sources: &[(&str, &str)]) -> Option<PackageId> {
    let mut map = SourceMap::new();
    for (name, text) in sources {
        map.push_str(name, *text);
    }
    let group = map.parse().ok()?;
    resolve.push_group(group).ok()
}

/// Returns the interface with this full name, of the published contract or of bridge-host's own.
pub fn standard(name: &str) -> Option<&'static Interface> {
    STANDARD.iter().find(|interface| interface.name == name)
}

/// Returns the interface with this full name in this revision.
pub(super) fn standard_of(revision: MessagingRevision, name: &str) -> Option<&'static Interface> {
    match revision {
        MessagingRevision::Published => standard(name),
        MessagingRevision::Draft => NEWEST.iter().find(|interface| interface.name == name),
    }
}

/// Returns whether an interface of wasi:messaging is of the newest draft. A component contains only
/// the functions that it uses, so a single difference has to suffice.
pub(super) fn is_newest_draft(interface: &Interface) -> bool {
    let params = |name: &str| interface.function(name).map(|f| f.params.as_slice());
    match interface.name.as_str() {
        REQUEST_REPLY => true,
        TYPES => {
            let new = ["set-metadata", "remove-metadata"];
            new.iter()
                .any(|name| params(&format!("[method]message.{name}")).is_some())
                || params("[method]client.disconnect").is_some()
                || params("[constructor]message").is_some_and(|params| params.len() == 1)
                || interface
                    .definition("error")
                    .is_some_and(|error| error.contains("permission-denied"))
        }
        PRODUCER => params("send").is_some_and(|params| params.len() == 3),
        HANDLER => {
            let handle = params("handle").unwrap_or_default();
            let renamed = handle.first().is_some_and(|(name, _)| name == "message");
            renamed && params("subscribe").is_none()
        }
        _ => false,
    }
}
