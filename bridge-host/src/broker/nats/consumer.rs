//! The durable consumer of a subscription: made, changed to what is
//! configured, or taken as it is.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::context::Context;
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};

use super::error;
use super::settings::{Consumer, Deliver};
use super::subject::{cover, legal_name};
use crate::broker::{BrokerError, SubscribeSpec};

/// Where a subscription's messages are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located {
    pub(super) stream: String,
    pub(super) name: String,
    pub(super) ack_wait: Duration,
}

/// Finds the consumer, or makes it.
pub(super) async fn ensure(
    context: &Context,
    stream: String,
    settings: &Consumer,
    spec: &SubscribeSpec,
    subjects: &[String],
) -> Result<Located, BrokerError> {
    let name = match &settings.durable {
        Some(name) => name.clone(),
        None => legal_name(&spec.name),
    };
    let what = format!("the consumer {name} of the stream {stream} cannot be used");
    let existing = context
        .get_consumer_from_stream::<Config, _, _>(&name, &stream)
        .await;
    let existing: Option<Config> = match existing {
        Ok(consumer) => Some(config(&consumer)),
        Err(failed) if is_missing(&failed) => None,
        Err(failed) => return Err(refused(&what, &failed)),
    };
    let several = context.client().is_server_compatible(2, 10, 0);
    let wanted = wanted(existing.as_ref(), &name, settings, spec, subjects, several);
    let ack_wait = match existing {
        Some(config) if !settings.create => {
            adopt(&what, &config, spec)?;
            config.ack_wait
        }
        Some(config) if config == wanted => wanted.ack_wait,
        None if !settings.create => {
            return Err(BrokerError::Refused(format!(
                "there is no consumer {name} of the stream {stream}: make it, or set `create = true`"
            )));
        }
        _ => {
            let ack_wait = wanted.ack_wait;
            let made = context.create_consumer_on_stream(wanted, &stream).await;
            made.map_err(|failed| refused(&what, &failed))?;
            ack_wait
        }
    };
    Ok(Located {
        stream,
        name,
        ack_wait,
    })
}

fn config(consumer: &PullConsumer) -> Config {
    let info = consumer.cached_info();
    async_nats::jetstream::consumer::FromConsumer::try_from_consumer_config(info.config.clone())
        .unwrap_or_default()
}

/// What is there, with what is configured here in it; else all of it.
fn wanted(
    existing: Option<&Config>,
    name: &str,
    settings: &Consumer,
    spec: &SubscribeSpec,
    subjects: &[String],
    several: bool,
) -> Config {
    let new = || Config {
        durable_name: Some(name.into()),
        name: Some(name.into()),
        ack_policy: AckPolicy::Explicit,
        deliver_policy: match settings.deliver {
            Deliver::All => DeliverPolicy::All,
            Deliver::New => DeliverPolicy::New,
            Deliver::Last => DeliverPolicy::Last,
            Deliver::LastPerSubject => DeliverPolicy::LastPerSubject,
        },
        ..Config::default()
    };
    let mut config = existing.cloned().unwrap_or_else(new);
    config.ack_wait = settings.ack_wait;
    // Whether there is another attempt is decided by the bridge's own policy.
    config.max_deliver = -1;
    config.backoff = Vec::new();
    config.max_ack_pending = match spec.ordered {
        true => 1,
        false => i64::from(settings.max_ack_pending),
    };
    (config.filter_subject, config.filter_subjects) = match subjects {
        [one] => (one.clone(), Vec::new()),
        all if several => (String::new(), all.to_vec()),
        // What it brings beyond the topics is let go unseen.
        all => (cover(all), Vec::new()),
    };
    config
}

/// Whether a consumer that may not be changed will do.
fn adopt(what: &str, config: &Config, spec: &SubscribeSpec) -> Result<(), BrokerError> {
    if config.ack_policy != AckPolicy::Explicit {
        return Err(BrokerError::Refused(format!(
            "{what}: it has to have the acknowledgement policy \"explicit\""
        )));
    }
    if spec.ordered && config.max_ack_pending != 1 {
        return Err(BrokerError::Refused(format!(
            "{what}: for an order that holds on all hosts its `max_ack_pending` has to be 1"
        )));
    }
    if config.max_deliver > 0 {
        tracing::warn!(
            subscription = spec.name,
            max_deliver = config.max_deliver,
            "the consumer gives up by itself: such messages are no dead letters, they are left in the stream"
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
        ConsumerErrorKind::InvalidConsumerType => BrokerError::Refused(format!(
            "{what}: it is a push consumer; name another with `durable`"
        )),
        ConsumerErrorKind::InvalidName => BrokerError::Refused(format!("{what}: {failed}")),
        ConsumerErrorKind::TimedOut | ConsumerErrorKind::Request | ConsumerErrorKind::Other => {
            error::no_answer(what, failed)
        }
    }
}
