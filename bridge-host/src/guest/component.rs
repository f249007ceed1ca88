//! A component ready for messages: the instances of one subscription.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wasmtime::Result;
use wasmtime::component::InstancePre;

use super::Handle;
use super::instance::{Instance, Mould};
use super::messaging::MessagingPre;
use super::outcome::{Call, CallResult, Failure, Outcome};
use super::pool::{Lease, Pool, Taken};
use super::state::{Environment, Shared, State};

/// A component that is ready to handle messages, in as many instances as are
/// called at once.
pub struct Component {
    mould: Mould,
    pool: Pool,
}

impl Component {
    pub(super) fn new(
        name: &str,
        ready: InstancePre<State>,
        environment: Environment,
        shared: Shared,
    ) -> Result<Self> {
        Ok(Self {
            pool: Pool::new(shared.budget.clone()),
            mould: Mould {
                name: name.into(),
                ready: MessagingPre::new(ready)?,
                config: Arc::new(environment.settings.clone().into_iter().collect()),
                environment,
                shared,
            },
        })
    }

    /// The topics that the component itself asks for.
    pub async fn subscribe(&self, timeout: Duration) -> Result<Vec<String>, CallResult> {
        let (lease, mut instance) = self.take().await?;
        let topics = instance.subscribe(timeout, self.mould.limits()).await?;
        self.give_back(lease, instance);
        Ok(topics)
    }

    async fn take(&self) -> Result<(Lease<'_>, Instance), Failure> {
        match self.pool.take().await {
            Taken::Used(lease, instance) => Ok((lease, instance)),
            Taken::Room(lease) => Ok((lease, self.mould.cast().await?)),
        }
    }

    fn give_back(&self, lease: Lease<'_>, instance: Instance) {
        let limits = self.mould.limits();
        if !limits.fresh && instance.calls() < limits.recycle_after {
            lease.give_back(instance);
        }
    }
}

#[async_trait]
impl Handle for Component {
    async fn handle(&self, call: Call) -> Outcome {
        let (lease, instance) = match self.take().await {
            Ok(taken) => taken,
            Err(failure) => {
                return Outcome {
                    result: failure.into(),
                    exchanges: Vec::new(),
                    sent: 0,
                };
            }
        };
        let limits = self.mould.limits();
        let (outcome, instance) = instance
            .handle(call.message, call.id, call.timeout, limits)
            .await;
        if let Some(instance) = instance {
            self.give_back(lease, instance);
        }
        outcome
    }
}
