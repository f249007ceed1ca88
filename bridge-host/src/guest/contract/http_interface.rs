//! Finds the interface through which a component answers HTTP requests.

use super::{CallModel, Contract, ContractError, Interface, MessagingRevision};

/// The interface of an HTTP handler in wasi:http 0.2.
const INCOMING: &str = "wasi:http/incoming-handler";
/// The interface of an HTTP handler in wasi:http 0.3.
const SERVICE: &str = "wasi:http/handler";

/// The interface through which a component answers HTTP requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpInterface {
    /// `wasi:http/incoming-handler@0.2.x`.
    Incoming,
    /// `wasi:http/handler@0.3.x`.
    Service,
}

/// What the host needs to know to call an HTTP handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpHandlerProfile {
    /// The interface that it exports.
    pub interface: HttpInterface,
    /// Whether an instance takes several calls at a time.
    pub call_model: CallModel,
    /// The revision of the messages that it may send.
    pub revision: MessagingRevision,
}

impl HttpInterface {
    /// Returns whether components of this interface expect several requests for each instance.
    /// Hosts of wasi:http 0.2 have always created a new instance for each request.
    pub fn expects_reuse(self) -> bool {
        self == Self::Service
    }

    fn of(interface: &Interface) -> Option<Self> {
        let (path, version) = interface.name.split_once('@')?;
        match path {
            // A release candidate has other types.
            _ if version.contains('-') => None,
            INCOMING if version.starts_with("0.2.") => Some(Self::Incoming),
            SERVICE if version.starts_with("0.3.") => Some(Self::Service),
            _ => None,
        }
    }
}

impl Contract {
    /// Returns the import of `wasi:http/handler@0.3`: the component sends its requests to the
    /// handler that it is composed with, or else to the host.
    pub fn service_import(&self) -> Option<&Interface> {
        let service =
            |interface: &&Interface| HttpInterface::of(interface) == Some(HttpInterface::Service);
        self.imports.iter().find(service)
    }

    /// Returns the export of `wasi:http/handler@0.3`.
    pub fn service_export(&self) -> Option<&Interface> {
        let service =
            |interface: &&Interface| HttpInterface::of(interface) == Some(HttpInterface::Service);
        self.exports.iter().find(service)
    }

    /// Returns the interface through which the component answers HTTP requests, of any version.
    pub fn http_export(&self) -> Option<&Interface> {
        self.exports
            .iter()
            .find(|interface| [INCOMING, SERVICE].contains(&interface.path()))
    }

    /// Returns what the host needs to know to call the component as an HTTP handler.
    pub fn http_handler(&self) -> Result<HttpHandlerProfile, ContractError> {
        let interface = self.http_interface()?;
        if let Some(error) = self.mixed_revisions() {
            return Err(error);
        }
        Ok(HttpHandlerProfile {
            interface,
            call_model: self.call_model(),
            revision: self.revision().unwrap_or(MessagingRevision::Published),
        })
    }

    /// Checks that the component can stand in front of an HTTP handler.
    pub fn check_http_middleware(&self) -> Result<(), ContractError> {
        if self.service_import().is_some() && self.service_export().is_some() {
            return Ok(());
        }
        let names = |all: &[Interface]| all.iter().map(|it| it.name.clone()).collect();
        Err(ContractError::NoHttpMiddleware {
            file: self.file.clone(),
            imports: names(&self.imports),
            exports: names(&self.exports),
        })
    }

    /// Checks that the component can be part of a chain. HTTP handlers and HTTP middlewares have
    /// other keys in the config.
    pub fn check_chain_member(&self) -> Result<(), ContractError> {
        let (None, Some(interface)) = (self.message_interface(), self.http_export()) else {
            return Ok(());
        };
        let (file, interface) = (self.file.clone(), interface.name.clone());
        Err(match self.check_http_middleware() {
            Ok(()) => ContractError::HttpMiddleware { file, interface },
            Err(_) => ContractError::HttpHandler { file, interface },
        })
    }

    /// Returns the supported interface through which the component answers HTTP requests. With
    /// both, it is `wasi:http/handler`.
    pub fn http_interface(&self) -> Result<HttpInterface, ContractError> {
        let supported = || self.exports.iter().filter_map(HttpInterface::of);
        let service = supported().find(|it| *it == HttpInterface::Service);
        if let Some(interface) = service.or_else(|| supported().next()) {
            return Ok(interface);
        }
        let file = self.file.clone();
        Err(match self.http_export() {
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
