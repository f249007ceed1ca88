//! Finds the interface through which a component handles messages, and what else the component may
//! do with a message.

use super::standard::standard_of;
use super::{
    ASYNC_HANDLER, CallModel, Contract, ContractError, Direction, HANDLER, Interface,
    MessagingRevision, Mismatch, PRODUCER, REQUEST_REPLY, differences,
};

/// The interfaces through which components send HTTP requests.
const OUTGOING_HTTP: [&str; 3] = [
    "wasi:http/outgoing-handler",
    "wasi:http/client",
    "wasi:http/handler",
];

/// The interface through which a component handles messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageInterface {
    /// `wasi:messaging/incoming-handler`: an instance handles one message at a time.
    Synchronous,
    /// `bridge:messaging/incoming-handler`: an instance handles many messages at a time.
    Asynchronous,
    /// `wasi:messaging/incoming-handler` of the newest draft: one message at a time.
    Draft,
}

impl MessageInterface {
    /// Returns the full name of the interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Synchronous | Self::Draft => HANDLER,
            Self::Asynchronous => ASYNC_HANDLER,
        }
    }

    /// Returns the revision of the messages.
    pub fn revision(self) -> MessagingRevision {
        match self {
            Self::Synchronous | Self::Asynchronous => MessagingRevision::Published,
            Self::Draft => MessagingRevision::Draft,
        }
    }
}

/// What the host needs to know of a component that handles messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageHandlerProfile {
    /// The interface that it exports.
    pub interface: MessageInterface,
    /// Whether an instance takes several calls at a time.
    pub call_model: CallModel,
    /// Whether it imports incoming-handler, so that another component must follow it.
    pub forwards: bool,
    /// Whether it may send messages, through `wasi:messaging/producer` or request-reply.
    pub sends_messages: bool,
    /// Whether it may send HTTP requests.
    pub sends_requests: bool,
    /// Whether its effects may be invisible to the host. If so, a call without an exchange and
    /// without a sent message does not mean that the message was filtered.
    pub has_hidden_effects: bool,
}

impl MessageHandlerProfile {
    /// The profile of the built-in adapter.
    pub const ADAPTER: Self = Self {
        interface: MessageInterface::Synchronous,
        call_model: CallModel::Synchronous,
        forwards: false,
        sends_messages: false,
        sends_requests: true,
        has_hidden_effects: false,
    };
}

impl Contract {
    /// Returns the profile of the component as a handler of messages.
    ///
    /// Fails if the component does not export incoming-handler, or if it mixes two revisions of
    /// wasi:messaging.
    pub fn message_handler(&self) -> Result<MessageHandlerProfile, ContractError> {
        let Some(interface) = self.message_interface() else {
            return Err(self.no_handler());
        };
        if let Some(error) = self.mixed_revisions() {
            return Err(error);
        }
        if let Some(other) = self.other_version() {
            return Err(ContractError::OtherVersion {
                file: self.file.clone(),
                found: other.name.clone(),
            });
        }
        let mismatches = self.mismatches();
        if !mismatches.is_empty() {
            return Err(ContractError::Mismatch {
                file: self.file.clone(),
                revision: interface.revision(),
                mismatches,
            });
        }
        let (sends_messages, sends_requests) = (self.sends_messages(), self.sends_requests());
        Ok(MessageHandlerProfile {
            interface,
            call_model: self.call_model(),
            forwards: self.forwards(),
            sends_messages,
            sends_requests,
            has_hidden_effects: self.has_inner_handler || !(sends_messages || sends_requests),
        })
    }

    /// Returns the profile of a component that runs without another one behind it. Fails as
    /// [`Contract::message_handler`] does, and for a component that forwards messages.
    pub fn complete_message_handler(&self) -> Result<MessageHandlerProfile, ContractError> {
        let handler = self.message_handler()?;
        if handler.forwards {
            return Err(ContractError::Incomplete {
                file: self.file.clone(),
            });
        }
        Ok(handler)
    }

    /// Returns the interface through which the component handles messages. With both, it is the
    /// asynchronous one.
    pub fn message_interface(&self) -> Option<MessageInterface> {
        let mut candidates = self.message_interfaces().into_iter();
        candidates.find(|it| self.export(it.name()).is_some())
    }

    /// Returns the interface through which the component forwards messages.
    pub fn next_interface(&self) -> Option<MessageInterface> {
        let mut candidates = self.message_interfaces().into_iter();
        candidates.find(|it| self.import(it.name()).is_some())
    }

    /// Returns the interfaces to look for, preferred first.
    fn message_interfaces(&self) -> [MessageInterface; 2] {
        let synchronous = match self.revision() {
            Some(MessagingRevision::Draft) => MessageInterface::Draft,
            _ => MessageInterface::Synchronous,
        };
        [MessageInterface::Asynchronous, synchronous]
    }

    /// Returns whether the component imports incoming-handler, synchronous or asynchronous.
    pub fn forwards(&self) -> bool {
        self.next_interface().is_some()
    }

    /// Returns whether the component may send messages.
    pub fn sends_messages(&self) -> bool {
        self.import(PRODUCER).is_some() || self.import(REQUEST_REPLY).is_some()
    }

    /// Returns whether the component sends messages and does not forward any.
    pub fn only_sends(&self) -> bool {
        self.sends_messages() && !self.forwards()
    }

    /// Returns whether the component may send HTTP requests.
    pub fn sends_requests(&self) -> bool {
        self.imports
            .iter()
            .any(|interface| OUTGOING_HTTP.contains(&interface.path()))
    }

    /// Returns the interface through which the component handles messages asynchronously.
    pub fn async_handler(&self) -> Option<&Interface> {
        self.exports.iter().find(|interface| {
            interface.path().ends_with("/incoming-handler")
                && interface
                    .function("handle")
                    .is_some_and(|handle| handle.is_async)
        })
    }

    /// Returns all differences from the revision that the component uses.
    fn mismatches(&self) -> Vec<Mismatch> {
        let revision = self.revision().unwrap_or(MessagingRevision::Published);
        let mut mismatches = Vec::new();
        for (direction, interface) in self.all() {
            let Some(wanted) = standard_of(revision, &interface.name) else {
                continue;
            };
            let whole = direction == Direction::Export;
            for difference in differences(interface, wanted, whole) {
                mismatches.push(Mismatch {
                    direction,
                    interface: interface.name.clone(),
                    difference,
                });
            }
        }
        mismatches
    }

    /// Returns an interface of wasi:messaging of another version.
    fn other_version(&self) -> Option<&Interface> {
        let revision = self.revision().unwrap_or(MessagingRevision::Published);
        let unknown = |i: &Interface| standard_of(revision, &i.name).is_none();
        let mut all = self.all().map(|(_, interface)| interface);
        all.find(|i| i.path().starts_with("wasi:messaging/") && unknown(i))
    }

    /// Returns the error for a component that does not export incoming-handler.
    fn no_handler(&self) -> ContractError {
        let file = self.file.clone();
        if let Some(interface) = self.async_handler() {
            let interface = interface.name.clone();
            return ContractError::AsyncHandler { file, interface };
        }
        let of_messaging = |i: &&Interface| i.path().starts_with("wasi:messaging/");
        if let Some(interface) = self.exports.iter().find(of_messaging) {
            let found = interface.name.clone();
            return ContractError::OtherVersion { file, found };
        }
        if let Some(interface) = self.http_export() {
            let interface = interface.name.clone();
            return ContractError::HttpHandler { file, interface };
        }
        ContractError::NoHandler {
            file,
            exports: self.exports.iter().map(|i| i.name.clone()).collect(),
        }
    }
}
