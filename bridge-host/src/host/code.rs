//! The bytes of components, each kept once however many subscriptions have it,
//! and compiled once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::error::SubscriptionError;
use crate::config::Subscription;
use crate::guest::Runtime;
use crate::guest::contract::{Answering, Handler};

/// SHA-256 of a component.
pub(super) type Digest = [u8; 32];

/// A component's bytes. Clones share them.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) bytes: Arc<[u8]>,
    pub(super) digest: Digest,
}

/// All components of a start.
#[derive(Default)]
pub(super) struct Codes(Mutex<HashMap<Digest, Code>>);

impl Codes {
    /// The one copy of these bytes.
    pub(super) fn share(&self, bytes: Vec<u8>) -> Code {
        let digest = Sha256::digest(&bytes).into();
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let code = codes.entry(digest).or_insert_with(|| Code {
            bytes: bytes.into(),
            digest,
        });
        code.clone()
    }
}

/// A component that has to be compiled before its subscription runs.
pub(super) struct Compilation {
    pub(super) subscription: Arc<Subscription>,
    pub(super) code: Code,
    pub(super) role: Role,
}

/// What a component is used as.
pub(super) enum Role {
    Messages(Handler),
    Http(Answering),
}

impl Compilation {
    /// Compilations of one key are one.
    pub(super) fn key(&self) -> (Digest, bool) {
        let is_fresh = match self.role {
            Role::Messages(_) => false,
            Role::Http(_) => self.subscription.limits.fresh,
        };
        (self.code.digest, is_fresh)
    }

    /// Compiles it, or takes it from the cache.
    pub(super) fn run(&self, runtime: &Runtime) -> Result<(), SubscriptionError> {
        let Subscription { name, limits, .. } = &*self.subscription;
        let bytes = &self.code.bytes;
        let compiled = match self.role {
            Role::Messages(handler) => runtime.compile(name, bytes, handler),
            Role::Http(answering) => runtime.compile_handler(name, bytes, answering, limits),
        };
        Ok(compiled?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_components_are_one() {
        let codes = Codes::default();
        let (one, same, other) = (
            codes.share(vec![1]),
            codes.share(vec![1]),
            codes.share(vec![2]),
        );
        assert!(Arc::ptr_eq(&one.bytes, &same.bytes));
        assert_ne!(one.digest, other.digest);
    }
}
