//! The bytes of components: each component is kept and compiled once, even if several
//! subscriptions use it. Composing them stays out: `composition` does it.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::composition::{self, Composed, CompositionKey, composition};
use super::error::SubscriptionError;
use crate::config::{self, Subscription};
use crate::guest::Runtime;
use crate::guest::contract::{HttpHandlerProfile, MessageHandlerProfile};

/// The SHA-256 of a component.
pub(super) type Digest = [u8; 32];

/// A component's bytes. Clones share them.
#[derive(Clone)]
pub(super) struct ComponentCode {
    pub(super) bytes: Arc<[u8]>,
    pub(super) digest: Digest,
}

/// The components of all subscriptions.
#[derive(Default)]
pub(super) struct ComponentCodes {
    by_digest: Mutex<HashMap<Digest, ComponentCode>>,
    messages: OnceMap<CompositionKey, (ComponentCode, MessageHandlerProfile)>,
    http: OnceMap<Vec<PathBuf>, (ComponentCode, HttpHandlerProfile)>,
}

impl ComponentCodes {
    /// Returns the component that handles a subscription's messages. Subscriptions that
    /// compose the same files in the same way share it.
    pub(super) fn messages(
        &self,
        subscription: &Subscription,
    ) -> Result<(ComponentCode, MessageHandlerProfile), SubscriptionError> {
        self.messages.get(CompositionKey::of(subscription), || {
            let Composed { bytes, handler } = composition(subscription)?;
            Ok((self.share(bytes), handler))
        })
    }

    /// Returns the component that answers a subscription's requests.
    pub(super) fn http(
        &self,
        handler: &config::Handler,
    ) -> Result<(ComponentCode, HttpHandlerProfile), SubscriptionError> {
        let files = handler.middleware.iter().chain([&handler.file]);
        self.http.get(files.cloned().collect(), || {
            let (bytes, answering) = composition::handler(handler)?;
            Ok((self.share(bytes), answering))
        })
    }

    /// Returns the shared copy of these bytes.
    fn share(&self, bytes: Vec<u8>) -> ComponentCode {
        let digest = Sha256::digest(&bytes).into();
        let mut codes = self.by_digest.lock();
        let code = codes.entry(digest).or_insert_with(|| ComponentCode {
            bytes: bytes.into(),
            digest,
        });
        code.clone()
    }
}

/// A map that computes each value once; concurrent callers wait for it. An error is not
/// kept, so the next caller computes the value again.
struct OnceMap<K, T>(Mutex<HashMap<K, Arc<Mutex<Option<T>>>>>);

impl<K, T> Default for OnceMap<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T: Clone> OnceMap<K, T> {
    fn get<E>(&self, key: K, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut all = self.0.lock();
        let entry = all.entry(key).or_default().clone();
        drop(all);
        let mut entry = entry.lock();
        match &*entry {
            Some(value) => Ok(value.clone()),
            None => Ok(entry.insert(make()?).clone()),
        }
    }
}

/// A component that has to be compiled before its subscription runs.
pub(super) struct Compilation {
    pub(super) subscription: Arc<Subscription>,
    pub(super) code: ComponentCode,
    pub(super) role: Role,
}

/// The use of a component.
pub(super) enum Role {
    Messages(MessageHandlerProfile),
    Http(HttpHandlerProfile),
}

impl Compilation {
    /// Returns a key that is equal for equal compilations.
    pub(super) fn key(&self) -> (Digest, bool) {
        let reuse = match self.role {
            Role::Messages(_) => true,
            Role::Http(answering) => self.subscription.handler_limits(answering.interface).reuse,
        };
        (self.code.digest, reuse)
    }

    /// Compiles the component, or loads it from the cache.
    pub(super) fn run(&self, runtime: &Runtime) -> Result<(), SubscriptionError> {
        let name = &self.subscription.name;
        let bytes = &self.code.bytes;
        let compiled = match self.role {
            Role::Messages(handler) => runtime.compile(name, bytes, handler),
            Role::Http(answering) => {
                let limits = self.subscription.handler_limits(answering.interface);
                runtime.compile_handler(name, bytes, answering, &limits)
            }
        };
        Ok(compiled?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_components_share_their_bytes() {
        let codes = ComponentCodes::default();
        let (one, same, other) = (
            codes.share(vec![1]),
            codes.share(vec![1]),
            codes.share(vec![2]),
        );
        assert!(Arc::ptr_eq(&one.bytes, &same.bytes));
        assert_ne!(one.digest, other.digest);
    }

    #[test]
    fn a_value_is_computed_once_and_an_error_is_not_kept() {
        let once = OnceMap::default();
        assert_eq!(once.get("a", || Err::<u8, _>("no file")), Err("no file"));
        assert_eq!(once.get("a", || Ok::<_, ()>(1)), Ok(1));
        assert_eq!(once.get("a", || Err("asked again")), Ok(1));
        assert_eq!(once.get("b", || Ok::<_, ()>(2)), Ok(2));
    }
}
