//! A subscription on this host: its consumer, and the state of its messages.
//!
//! `supply` fetches the messages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::ack_progress::ConsumerState;
use super::consumer::{self, ConsumerSpec};
use super::consumer_flow::ConsumerFlow;
use super::consumer_ref::ConsumerRef;
use super::jetstream_api::JetStreamApi;
use super::settings::{Consumer, JetStreamSettings, Stream};
use super::stream::{self, StreamRef};
use super::subject;
use crate::broker::kit::group_state::GroupState;
use crate::broker::{BrokerError, SubscribeSpec};

/// A subscription on this host, which shares its consumer with other hosts.
pub(super) struct Group {
    pub(super) spec: SubscribeSpec,
    /// The connection's name in the config.
    connection: String,
    subjects: Vec<String>,
    stream: Stream,
    consumer: Consumer,
    pub(super) flow: Arc<ConsumerFlow>,
    /// The consumer, or why there is none.
    pub(super) presence: GroupState<ConsumerRef>,
    /// The consumer and its state at the last report, with the time of the report.
    last: Mutex<Option<(Arc<ConsumerRef>, ConsumerState, Instant)>>,
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
            flow: ConsumerFlow::new(&spec),
            presence: GroupState::new(&spec.name),
            last: Mutex::default(),
            spec,
        }))
    }

    /// Records the consumer, as the server reports it.
    pub(super) fn record_consumer(&self, located: Arc<ConsumerRef>, standing: ConsumerState) {
        self.flow.record_state(standing);
        *self.last() = Some((Arc::clone(&located), standing, Instant::now()));
        self.presence.found(located);
    }

    /// Finds the consumer, or creates it. A deleted consumer is created again at its last known
    /// position.
    pub(super) async fn locate(&self, api: &JetStreamApi) -> Result<(), BrokerError> {
        let located = self.find(api).await;
        match located {
            Ok((located, standing)) => {
                self.record_consumer(Arc::new(located), standing);
                Ok(())
            }
            Err(error) => {
                self.presence.lost(error.to_string());
                Err(error)
            }
        }
    }

    async fn find(&self, api: &JetStreamApi) -> Result<(ConsumerRef, ConsumerState), BrokerError> {
        api.connection.check()?;
        let context = api.context();
        self.check_stream(api).await?;
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
            && consumer::inspect(&context, located).await?.is_none()
        {
            tracing::warn!(
                subscription = self.spec.name,
                stream = located.stream.name,
                consumer = located.name,
                after,
                "the consumer was deleted: the bridge creates it again behind the last acknowledged message"
            );
        }
        let wanted = ConsumerSpec {
            settings: &self.consumer,
            spec: &self.spec,
            subjects: &self.subjects,
            after,
        };
        consumer::ensure(&context, &stream, &wanted).await
    }

    /// Logs that the previous stream is gone, with its messages.
    async fn check_stream(&self, api: &JetStreamApi) -> Result<(), BrokerError> {
        let Some((located, standing, at)) = self.last().clone() else {
            return Ok(());
        };
        let before = &located.stream;
        if StreamRef::find(&api.context(), &before.name)
            .await?
            .as_ref()
            == Some(before)
        {
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
        self.flow.reset();
        Ok(())
    }

    pub(super) fn log_no_messages(&self, error: &BrokerError, again_in: Duration) {
        tracing::warn!(
            connection = self.connection,
            subscription = self.spec.name,
            %error,
            ?again_in,
            "no messages from JetStream yet"
        );
    }

    fn last(&self) -> MutexGuard<'_, Option<(Arc<ConsumerRef>, ConsumerState, Instant)>> {
        self.last.lock()
    }
}
