//! The bytes of components, each kept once however many subscriptions have it,
//! and compiled once.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::composition::{self, Composed, MessageRecipe, composition};
use super::error::SubscriptionError;
use crate::config::{self, Subscription};
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
pub(super) struct Codes {
    by_digest: Mutex<HashMap<Digest, Code>>,
    messages: Once<MessageRecipe, (Code, Handler)>,
    http: Once<Vec<PathBuf>, (Code, Answering)>,
}

impl Codes {
    /// The component that handles a subscription's messages. Subscriptions that
    /// compose the same files in the same way share one.
    pub(super) fn messages(
        &self,
        subscription: &Subscription,
    ) -> Result<(Code, Handler), SubscriptionError> {
        self.messages.get(MessageRecipe::of(subscription), || {
            let Composed { bytes, handler } = composition(subscription)?;
            Ok((self.share(bytes), handler))
        })
    }

    /// The component that answers a subscription's requests.
    pub(super) fn http(
        &self,
        handler: &config::Handler,
    ) -> Result<(Code, Answering), SubscriptionError> {
        let files = handler.middleware.iter().chain([&handler.file]);
        self.http.get(files.cloned().collect(), || {
            let (bytes, answering) = composition::handler(handler)?;
            Ok((self.share(bytes), answering))
        })
    }

    /// The one copy of these bytes.
    fn share(&self, bytes: Vec<u8>) -> Code {
        let digest = Sha256::digest(&bytes).into();
        let mut codes = self.by_digest.lock();
        let code = codes.entry(digest).or_insert_with(|| Code {
            bytes: bytes.into(),
            digest,
        });
        code.clone()
    }
}

/// Values that are made once for each key, by the first that asks; others wait
/// for it. A failure is not kept: each that asks gets its own.
struct Once<K, T>(Mutex<HashMap<K, Arc<Mutex<Option<T>>>>>);

impl<K, T> Default for Once<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T: Clone> Once<K, T> {
    fn get<E>(&self, key: K, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut all = self.0.lock();
        let made = all.entry(key).or_default().clone();
        drop(all);
        let mut made = made.lock();
        match &*made {
            Some(value) => Ok(value.clone()),
            None => Ok(made.insert(make()?).clone()),
        }
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
        let reuse = match self.role {
            Role::Messages(_) => true,
            Role::Http(answering) => self.subscription.handler_limits(answering.face).reuse,
        };
        (self.code.digest, reuse)
    }

    /// Compiles it, or takes it from the cache.
    pub(super) fn run(&self, runtime: &Runtime) -> Result<(), SubscriptionError> {
        let name = &self.subscription.name;
        let bytes = &self.code.bytes;
        let compiled = match self.role {
            Role::Messages(handler) => runtime.compile(name, bytes, handler),
            Role::Http(answering) => {
                let limits = self.subscription.handler_limits(answering.face);
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

    #[test]
    fn a_value_is_made_once_and_a_failure_is_not_kept() {
        let once = Once::default();
        assert_eq!(once.get("a", || Err::<u8, _>("no file")), Err("no file"));
        assert_eq!(once.get("a", || Ok::<_, ()>(1)), Ok(1));
        assert_eq!(once.get("a", || Err("asked again")), Ok(1));
        assert_eq!(once.get("b", || Ok::<_, ()>(2)), Ok(2));
    }
}
