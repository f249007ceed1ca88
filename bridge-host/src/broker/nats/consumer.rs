//! The durable consumer of a subscription: creates it, updates it to the settings, or uses it
//! unchanged.
//!
//! `stream` does the same for streams.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, FromConsumer, Info, PullConsumer};
use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};

use super::ack_progress::ConsumerState;
use super::consumer_ref::ConsumerRef;
use super::error::{self, Refusal};
use super::settings::Consumer;
use super::stream::StreamRef;
use super::subject::legal_name;
use crate::broker::kit::topics::common_pattern;
use crate::broker::{BrokerError, Start, SubscribeSpec};

/// The requirements of a subscription for its consumer.
pub(super) struct ConsumerSpec<'a> {
    pub(super) settings: &'a Consumer,
    pub(super) spec: &'a SubscribeSpec,
    pub(super) subjects: &'a [String],
    /// If the consumer was deleted, all messages up to this stream sequence were acknowledged.
    pub(super) after: Option<u64>,
}

/// Finds the consumer, or creates it.
pub(super) async fn ensure(
    context: &Context,
    stream: &StreamRef,
    wanted: &ConsumerSpec<'_>,
) -> Result<(ConsumerRef, ConsumerState), BrokerError> {
    let ConsumerSpec { settings, spec, .. } = wanted;
    let name = match &settings.durable {
        Some(name) => name.clone(),
        None => legal_name(&spec.name),
    };
    let what = failure(&name, &stream.name);
    let existing = info(context, &stream.name, &name).await?;
    let several = context.client().is_server_compatible(2, 10, 0);
    let existing_config = existing.as_ref().map(config);
    let config = wanted.config(existing_config.as_ref(), &name, several);
    let info = match existing {
        Some(info) if !settings.create => {
            check_adopted(&what, &self::config(&info), spec)?;
            info
        }
        Some(info) if existing_config.as_ref() == Some(&config) => info,
        None if !settings.create => {
            let stream = stream.name.clone();
            return Err(Refusal::NoConsumer { stream, name }.into());
        }
        _ => {
            if let Some(before) = &existing_config {
                warn_of_removed_topics(spec, &stream.name, before, &config);
            }
            let made = context.create_consumer_on_stream(config, &stream.name);
            let made: PullConsumer = made.await.map_err(|failed| refused(&what, &failed))?;
            made.cached_info().clone()
        }
    };
    Ok((consumer_ref(stream, &info), state_of(&info)))
}

/// Reads the consumer from the server. Returns `None` if it does not exist.
pub(super) async fn inspect(
    context: &Context,
    located: &ConsumerRef,
) -> Result<Option<(ConsumerRef, ConsumerState)>, BrokerError> {
    let Some(info) = info(context, &located.stream.name, &located.name).await? else {
        return Ok(None);
    };
    let now = self::consumer_ref(&located.stream, &info);
    Ok(Some((now, state_of(&info))))
}

async fn info(context: &Context, stream: &str, name: &str) -> Result<Option<Info>, BrokerError> {
    let asked = context.get_consumer_from_stream::<Config, _, _>(name, stream);
    match asked.await {
        Ok(consumer) => Ok(Some(consumer.cached_info().clone())),
        Err(failed) if is_missing(&failed) => Ok(None),
        Err(failed) => Err(refused(&failure(name, stream), &failed)),
    }
}

fn failure(name: &str, stream: &str) -> String {
    format!("the consumer {name} of the stream {stream} cannot be used")
}

fn config(info: &Info) -> Config {
    Config::try_from_consumer_config(info.config.clone()).unwrap_or_default()
}

fn state_of(info: &Info) -> ConsumerState {
    ConsumerState {
        floor: info.ack_floor.stream_sequence,
        delivered: info.delivered.consumer_sequence,
        last: info.delivered.stream_sequence,
        unacknowledged: info.num_ack_pending,
        pending: info.num_pending,
    }
}

fn consumer_ref(stream: &StreamRef, info: &Info) -> ConsumerRef {
    let config = config(info);
    let positive = |number: i64| u64::try_from(number).ok().filter(|number| *number > 0);
    let filters = match (config.filter_subject, config.filter_subjects) {
        (one, several) if one.is_empty() => several,
        (one, _) => vec![one],
    };
    ConsumerRef {
        stream: stream.clone(),
        name: info.name.clone(),
        ack_wait: config.ack_wait,
        max_ack_pending: usize::try_from(config.max_ack_pending).ok(),
        max_deliver: positive(config.max_deliver),
        max_batch: positive(config.max_batch),
        max_expires: Some(config.max_expires).filter(|time| *time > Duration::ZERO),
        filters,
    }
}

impl ConsumerSpec<'_> {
    /// Returns the existing config with the settings of the bridge, or a new config.
    fn config(&self, existing: Option<&Config>, name: &str, several: bool) -> Config {
        let mut config = existing.cloned().unwrap_or_else(|| self.new_config(name));
        config.ack_wait = self.settings.ack_wait;
        // The policy of the subscription limits attempts, not the consumer.
        config.max_deliver = -1;
        config.backoff = Vec::new();
        config.max_ack_pending = match self.spec.ordered {
            true => 1,
            false => i64::from(self.settings.max_ack_pending),
        };
        (config.filter_subject, config.filter_subjects) = match self.subjects {
            [one] => (one.clone(), Vec::new()),
            all if several => (String::new(), all.to_vec()),
            // The bridge discards messages that match this filter but none of the topics.
            all => (common_pattern(all), Vec::new()),
        };
        config
    }

    fn new_config(&self, name: &str) -> Config {
        Config {
            durable_name: Some(name.into()),
            name: Some(name.into()),
            ack_policy: AckPolicy::Explicit,
            deliver_policy: match (self.after, self.spec.start) {
                (Some(after), _) => DeliverPolicy::ByStartSequence {
                    start_sequence: after + 1,
                },
                (None, Start::All) => DeliverPolicy::All,
                (None, Start::New) => DeliverPolicy::New,
                (None, Start::Last) => DeliverPolicy::Last,
                (None, Start::LastPerTopic) => DeliverPolicy::LastPerSubject,
            },
            ..Config::default()
        }
    }
}

/// Logs topics that the subscription no longer has.
fn warn_of_removed_topics(spec: &SubscribeSpec, stream: &str, before: &Config, wanted: &Config) {
    let gone: Vec<_> = filters(before)
        .filter(|topic| !filters(wanted).any(|other| other == *topic))
        .collect();
    if !gone.is_empty() {
        tracing::warn!(
            subscription = spec.name,
            stream,
            topics = gone.join(", "),
            "the subscription no longer takes these topics, but the stream still collects them: \
             remove them from its subjects, unless others need them"
        );
    }
}

fn filters(config: &Config) -> impl Iterator<Item = &str> {
    let all = config
        .filter_subjects
        .iter()
        .chain([&config.filter_subject]);
    all.map(String::as_str).filter(|filter| !filter.is_empty())
}

/// Checks whether a consumer can be used that must not be changed.
fn check_adopted(what: &str, config: &Config, spec: &SubscribeSpec) -> Result<(), BrokerError> {
    if config.ack_policy != AckPolicy::Explicit {
        let what = what.into();
        return Err(Refusal::NotExplicit { what }.into());
    }
    if spec.ordered && config.max_ack_pending != 1 {
        let what = what.into();
        return Err(Refusal::NotOrdered { what }.into());
    }
    if config.max_deliver > 0 {
        tracing::warn!(
            subscription = spec.name,
            max_deliver = config.max_deliver,
            "the consumer limits deliveries (`max_deliver`): a message that keeps failing becomes a dead letter before its last delivery"
        );
    }
    Ok(())
}

fn is_missing(failed: &ConsumerError) -> bool {
    matches!(
        failed.kind(),
        ConsumerErrorKind::JetStream(refused) if refused.error_code() == ErrorCode::CONSUMER_NOT_FOUND
    )
}

fn refused(what: &str, failed: &ConsumerError) -> BrokerError {
    match failed.kind() {
        ConsumerErrorKind::JetStream(refused) => error::api(what, &refused),
        ConsumerErrorKind::InvalidConsumerType => {
            let what = what.into();
            Refusal::PushConsumer { what }.into()
        }
        ConsumerErrorKind::InvalidName => error::refused(what, failed),
        ConsumerErrorKind::TimedOut | ConsumerErrorKind::Request | ConsumerErrorKind::Other => {
            error::no_answer(what, failed)
        }
    }
}
