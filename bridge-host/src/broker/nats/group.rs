//! A subscription that was joined here: its consumer, as far as it is known,
//! and what became of it.

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::api::Api;
use super::consumer::{self, Wanted};
use super::flow::Flow;
use super::located::Located;
use super::progress::Standing;
use super::settings::{Consumer, JetStreamSettings, Stream};
use super::stream::{self, Present};
use super::subject;
use crate::broker::kit::presence::Presence;
use crate::broker::{BrokerError, SubscribeSpec};

/// A subscription that was joined here.
pub(super) struct Group {
    pub(super) spec: SubscribeSpec,
    /// The connection's name.
    connection: String,
    subjects: Vec<String>,
    stream: Stream,
    consumer: Consumer,
    pub(super) flow: Arc<Flow>,
    /// Where its messages are, or why there are none.
    pub(super) presence: Presence<Located>,
    /// Where they were the last time that it was known, and what the server
    /// said then.
    last: Mutex<Option<(Arc<Located>, Standing, Instant)>>,
}

impl Group {
    pub(super) fn new(
        spec: SubscribeSpec,
        connection: &str,
        settings: &JetStreamSettings,
    ) -> Result<Arc<Self>, BrokerError> {
        let configured = settings.consumers.get(&spec.name);
        Ok(Arc::new(Self {
            connection: connection.into(),
            subjects: subject::subjects(&spec.topics)?,
            stream: settings.stream.clone(),
            consumer: configured.cloned().unwrap_or_default(),
            flow: Flow::new(&spec),
            presence: Presence::new(&spec.name),
            last: Mutex::default(),
            spec,
        }))
    }

    /// The consumer as the server has it now.
    pub(super) fn found(&self, located: Arc<Located>, standing: Standing) {
        self.flow.told(standing);
        *self.last() = Some((Arc::clone(&located), standing, Instant::now()));
        self.presence.found(located);
    }

    /// Finds its consumer, or makes it. One that was here before goes on where
    /// that one was.
    pub(super) async fn locate(&self, api: &Api) -> Result<(), BrokerError> {
        let located = self.find(api).await;
        match located {
            Ok((located, standing)) => {
                self.found(Arc::new(located), standing);
                Ok(())
            }
            Err(error) => {
                self.presence.lost(error.to_string());
                Err(error)
            }
        }
    }

    async fn find(&self, api: &Api) -> Result<(Located, Standing), BrokerError> {
        api.link.check()?;
        let context = api.context();
        self.look_for_stream(api).await?;
        let (settings, name) = (&self.stream, &self.connection);
        let stream = stream::ensure(&context, settings, name, &self.subjects).await?;
        let last = self.last().clone();
        let after = last.as_ref().map(|(located, ..)| {
            let is_same = located.stream == stream;
            is_same.then(|| self.flow.floor())
        });
        let after = after.flatten();
        if let Some(after) = after
            && let Some((located, ..)) = &last
            && consumer::look(&context, located).await?.is_none()
        {
            tracing::warn!(
                subscription = self.spec.name,
                stream = located.stream.name,
                consumer = located.name,
                after,
                "the consumer was deleted: the bridge creates it again behind the last acknowledged message"
            );
        }
        let wanted = Wanted {
            settings: &self.consumer,
            spec: &self.spec,
            subjects: &self.subjects,
            after,
        };
        consumer::ensure(&context, &stream, &wanted).await
    }

    /// Tells where the stream of before is gone, with what was in it.
    async fn look_for_stream(&self, api: &Api) -> Result<(), BrokerError> {
        let Some((located, standing, at)) = self.last().clone() else {
            return Ok(());
        };
        let before = &located.stream;
        if Present::find(&api.context(), &before.name).await?.as_ref() == Some(before) {
            return Ok(());
        }
        let pending = standing.pending + standing.unacknowledged as u64;
        tracing::warn!(
            subscription = self.spec.name,
            stream = before.name,
            pending,
            "the stream was deleted; {} s ago it still had `pending` messages that were not delivered",
            at.elapsed().as_secs()
        );
        *self.last() = None;
        self.flow.begin_anew();
        Ok(())
    }

    pub(super) fn tell_no_messages(&self, error: &BrokerError, again_in: Duration) {
        tracing::warn!(
            connection = self.connection,
            subscription = self.spec.name,
            %error,
            ?again_in,
            "no messages from JetStream yet"
        );
    }

    fn last(&self) -> MutexGuard<'_, Option<(Arc<Located>, Standing, Instant)>> {
        self.last.lock()
    }
}
