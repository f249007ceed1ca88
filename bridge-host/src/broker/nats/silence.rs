//! A consumer that gives neither messages nor signs of life, although the
//! connection is up: that it is so, and why, as far as that can be found out.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use super::api::Api;
use super::consumer;
use super::located::Located;

/// Whether a subscription is left without a word.
pub(super) struct Silence {
    subscription: String,
    is: AtomicBool,
    why: Mutex<Option<String>>,
}

impl Silence {
    pub(super) fn new(subscription: &str) -> Self {
        Self {
            subscription: subscription.into(),
            is: AtomicBool::new(false),
            why: Mutex::default(),
        }
    }

    /// It began, or goes on. Told once.
    pub(super) fn lasts(&self, why: String) {
        *self.lock() = Some(why.clone());
        if !self.is.swap(true, Relaxed) {
            tracing::warn!(subscription = self.subscription, "no messages: {why}");
        }
    }

    /// Something came.
    pub(super) fn ends(&self) {
        if self.is.load(Relaxed) && self.is.swap(false, Relaxed) {
            *self.lock() = None;
            tracing::info!(
                subscription = self.subscription,
                "JetStream answers the subscription again"
            );
        }
    }

    /// Why nothing comes.
    pub(super) fn why(&self) -> Option<String> {
        self.is.load(Relaxed).then(|| self.lock().clone()).flatten()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a consumer gives no sign of life; an error where it is gone.
pub(super) async fn cause(api: &Api, located: &Located) -> Result<String, String> {
    let Located { stream, name, .. } = located;
    let silent = "three heartbeats are missing";
    if let Some(refusal) = api.link.refusal() {
        return Ok(format!("{silent}: {refusal}"));
    }
    match consumer::look(&api.context(), located).await {
        Ok(Some(_)) => Ok(format!(
            "{silent}, although the consumer {name} of the stream {} is there: look at whether this user may publish to \
             {}.CONSUMER.MSG.NEXT.{}.{name} and subscribe to its inbox",
            stream.name, api.prefix, stream.name
        )),
        Ok(None) => Err(format!("the consumer {name} is gone")),
        Err(error) => Ok(format!(
            "{silent}, and JetStream does not say why ({error}): in a cluster, look at whether most of its servers are up"
        )),
    }
}
