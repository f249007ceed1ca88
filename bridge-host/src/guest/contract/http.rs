//! Through which interface a component answers HTTP requests.

use super::{Contract, ContractError, Interface, Model, Shape};

/// The interface of a component that answers HTTP requests, in wasi:http 0.2.
const INCOMING: &str = "wasi:http/incoming-handler";
/// The same in wasi:http 0.3.
const SERVICE: &str = "wasi:http/handler";

/// How a component answers HTTP requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFace {
    /// `wasi:http/incoming-handler@0.2.x`.
    Incoming,
    /// `wasi:http/handler@0.3.x`.
    Service,
}

/// A component that answers HTTP requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answering {
    /// Through what.
    pub face: HttpFace,
    /// How it waits.
    pub model: Model,
    /// Of the messages that it may send.
    pub shape: Shape,
}

impl HttpFace {
    /// Whether its components are made for instances that answer one request after
    /// the other: those of 0.2 were only ever run with a new one for each.
    pub fn expects_reuse(self) -> bool {
        self == Self::Service
    }

    fn of(interface: &Interface) -> Option<Self> {
        let (path, version) = interface.name.split_once('@')?;
        match path {
            // Release candidates have another shape.
            _ if version.contains('-') => None,
            INCOMING if version.starts_with("0.2.") => Some(Self::Incoming),
            SERVICE if version.starts_with("0.3.") => Some(Self::Service),
            _ => None,
        }
    }
}

impl Contract {
    /// It sends requests to the handler that it is composed with, or else to
    /// the host: the interface.
    pub fn asks(&self) -> Option<&Interface> {
        let service = |interface: &&Interface| HttpFace::of(interface) == Some(HttpFace::Service);
        self.imports.iter().find(service)
    }

    /// It answers in `wasi:http/handler@0.3.x`: the interface.
    pub fn service(&self) -> Option<&Interface> {
        let service = |interface: &&Interface| HttpFace::of(interface) == Some(HttpFace::Service);
        self.exports.iter().find(service)
    }

    /// The interface through which it answers HTTP requests, of any version.
    pub fn http_handler(&self) -> Option<&Interface> {
        self.exports
            .iter()
            .find(|interface| [INCOMING, SERVICE].contains(&interface.path()))
    }

    /// What the host has to know of it to have it answer HTTP requests.
    pub fn answering(&self) -> Result<Answering, ContractError> {
        let face = self.answers()?;
        if let Some(error) = self.mixed() {
            return Err(error);
        }
        Ok(Answering {
            face,
            model: self.model(),
            shape: self.shape().unwrap_or(Shape::Published),
        })
    }

    /// Whether it may stand in front of an HTTP handler.
    pub fn http_middleware(&self) -> Result<(), ContractError> {
        if self.asks().is_some() && self.service().is_some() {
            return Ok(());
        }
        let names = |all: &[Interface]| all.iter().map(|it| it.name.clone()).collect();
        Err(ContractError::NoHttpMiddleware {
            file: self.file.clone(),
            imports: names(&self.imports),
            exports: names(&self.exports),
        })
    }

    /// Whether it may be part of a chain that messages go through: a component
    /// that takes HTTP requests alone has another place in the config.
    pub fn in_chain(&self) -> Result<(), ContractError> {
        let (None, Some(interface)) = (self.face(), self.http_handler()) else {
            return Ok(());
        };
        let (file, interface) = (self.file.clone(), interface.name.clone());
        Err(match self.http_middleware() {
            Ok(()) => ContractError::HttpMiddleware { file, interface },
            Err(_) => ContractError::HttpHandler { file, interface },
        })
    }

    /// How it answers HTTP requests, if it does so in a way that this host
    /// knows. Of two ways it is the newer one.
    pub fn answers(&self) -> Result<HttpFace, ContractError> {
        let faces = || self.exports.iter().filter_map(HttpFace::of);
        let service = faces().find(|face| *face == HttpFace::Service);
        if let Some(face) = service.or_else(|| faces().next()) {
            return Ok(face);
        }
        let file = self.file.clone();
        Err(match self.http_handler() {
            Some(interface) => ContractError::OtherHttp {
                file,
                interface: interface.name.clone(),
            },
            None => ContractError::NoHttpHandler {
                file,
                exports: self.exports.iter().map(|i| i.name.clone()).collect(),
            },
        })
    }
}
