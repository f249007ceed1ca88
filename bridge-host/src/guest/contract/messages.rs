//! Through which interface a component handles messages, and what else it may
//! do with them.

use super::standard::standard_of;
use super::{
    ASYNC_HANDLER, Contract, ContractError, Direction, Fault, HANDLER, Interface, Model, PRODUCER,
    REQUEST_REPLY, Shape, differences,
};

/// The interfaces through which components send HTTP requests.
const OUTGOING_HTTP: [&str; 3] = [
    "wasi:http/outgoing-handler",
    "wasi:http/client",
    "wasi:http/handler",
];

/// How a component handles messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFace {
    /// `wasi:messaging/incoming-handler`: one message at a time in an instance.
    Synchronous,
    /// `bridge:messaging/incoming-handler`: many.
    Asynchronous,
    /// `wasi:messaging/incoming-handler` of the newest draft: one at a time.
    Draft,
}

impl MessageFace {
    /// The interface's full name.
    pub fn interface(self) -> &'static str {
        match self {
            Self::Synchronous | Self::Draft => HANDLER,
            Self::Asynchronous => ASYNC_HANDLER,
        }
    }

    /// The shape of the messages.
    pub fn shape(self) -> Shape {
        match self {
            Self::Synchronous | Self::Asynchronous => Shape::Published,
            Self::Draft => Shape::Draft,
        }
    }
}

/// A component that may handle messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Through what.
    pub face: MessageFace,
    /// How it waits.
    pub model: Model,
    /// It imports incoming-handler: something must follow it.
    pub passes_on: bool,
    /// It may send messages through `wasi:messaging/producer`, or ask and reply.
    pub produces: bool,
    /// It may send HTTP requests.
    pub requests: bool,
    /// What it does with a message may stay within it: that it made no exchange
    /// and sent nothing does not tell that it dropped the message.
    pub contained: bool,
}

impl Handler {
    /// What the built-in adapter is.
    pub const ADAPTER: Self = Self {
        face: MessageFace::Synchronous,
        model: Model::Synchronous,
        passes_on: false,
        produces: false,
        requests: true,
        contained: false,
    };
}

impl Contract {
    /// What it may do as a handler of messages, if it is one: it exports
    /// incoming-handler, and all of wasi:messaging that it names is of one shape.
    pub fn handler(&self) -> Result<Handler, ContractError> {
        let Some(face) = self.face() else {
            return Err(self.no_handler());
        };
        if let Some(error) = self.mixed() {
            return Err(error);
        }
        if let Some(interface) = self.other_version() {
            return Err(ContractError::OtherVersion {
                file: self.file.clone(),
                found: interface.name.clone(),
            });
        }
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(ContractError::Mismatch {
                file: self.file.clone(),
                shape: face.shape(),
                faults,
            });
        }
        let (produces, requests) = (self.produces(), self.requests());
        Ok(Handler {
            face,
            model: self.model(),
            passes_on: self.passes_on(),
            produces,
            requests,
            contained: self.has_inner_handler || !(produces || requests),
        })
    }

    /// As [`Contract::handler`], for a component that runs as it is: one that
    /// passes messages on is not complete without what follows it.
    pub fn complete(&self) -> Result<Handler, ContractError> {
        let handler = self.handler()?;
        if handler.passes_on {
            return Err(ContractError::Incomplete {
                file: self.file.clone(),
            });
        }
        Ok(handler)
    }

    /// Through which interface it handles messages. Of two it is the one in
    /// which an instance can have many under way.
    pub fn face(&self) -> Option<MessageFace> {
        let mut faces = self.faces().into_iter();
        faces.find(|face| self.export(face.interface()).is_some())
    }

    /// Through which interface it passes messages on, if it does.
    pub fn passes_to(&self) -> Option<MessageFace> {
        let mut faces = self.faces().into_iter();
        faces.find(|face| self.import(face.interface()).is_some())
    }

    /// Those that it may have.
    fn faces(&self) -> [MessageFace; 2] {
        let synchronous = match self.shape() {
            Some(Shape::Draft) => MessageFace::Draft,
            _ => MessageFace::Synchronous,
        };
        [MessageFace::Asynchronous, synchronous]
    }

    /// It imports incoming-handler, in either form.
    pub fn passes_on(&self) -> bool {
        self.passes_to().is_some()
    }

    /// It imports the producer, or what asks and replies.
    pub fn produces(&self) -> bool {
        self.import(PRODUCER).is_some() || self.import(REQUEST_REPLY).is_some()
    }

    /// It sends messages and passes none on.
    pub fn sends_only(&self) -> bool {
        self.produces() && !self.passes_on()
    }

    /// It may send HTTP requests.
    pub fn requests(&self) -> bool {
        self.imports
            .iter()
            .any(|interface| OUTGOING_HTTP.contains(&interface.path()))
    }

    /// The interface through which it handles messages asynchronously.
    pub fn async_handler(&self) -> Option<&Interface> {
        self.exports.iter().find(|interface| {
            interface.path().ends_with("/incoming-handler")
                && interface
                    .function("handle")
                    .is_some_and(|handle| handle.is_async)
        })
    }

    /// All that differs from the contract whose shape it has.
    fn faults(&self) -> Vec<Fault> {
        let shape = self.shape().unwrap_or(Shape::Published);
        let mut faults = Vec::new();
        for (direction, interface) in self.all() {
            let Some(wanted) = standard_of(shape, &interface.name) else {
                continue;
            };
            let whole = direction == Direction::Export;
            for difference in differences(interface, wanted, whole) {
                faults.push(Fault {
                    direction,
                    interface: interface.name.clone(),
                    difference,
                });
            }
        }
        faults
    }

    /// An interface of wasi:messaging that is not of our version.
    fn other_version(&self) -> Option<&Interface> {
        let shape = self.shape().unwrap_or(Shape::Published);
        let unknown = |i: &Interface| standard_of(shape, &i.name).is_none();
        let mut all = self.all().map(|(_, interface)| interface);
        all.find(|i| i.path().starts_with("wasi:messaging/") && unknown(i))
    }

    /// Why a component without our incoming-handler is not one that handles messages.
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
        if let Some(interface) = self.http_handler() {
            let interface = interface.name.clone();
            return ContractError::HttpHandler { file, interface };
        }
        ContractError::NoHandler {
            file,
            exports: self.exports.iter().map(|i| i.name.clone()).collect(),
        }
    }
}
