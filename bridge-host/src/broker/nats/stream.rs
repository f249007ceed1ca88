//! The stream that keeps a subscription's messages: finds it, or creates it.
//!
//! `consumer` does the same for consumers.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    Context, CreateStreamError, CreateStreamErrorKind, GetStreamByNameErrorKind, GetStreamErrorKind,
};
use async_nats::jetstream::stream::{Config, Info, StorageType};

use super::error::{self, Outage, Refusal};
use super::settings::{Storage, Stream};
use super::subject::legal_name;
use crate::broker::BrokerError;
use crate::broker::kit::topics::{covers, without_covered};

/// A reference to a stream. A new stream with the same name is not equal to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamRef {
    pub(super) name: String,
    /// When the stream was created, in nanoseconds since 1970.
    pub(super) created: i128,
}

impl StreamRef {
    fn of(info: &Info) -> Self {
        Self {
            name: info.config.name.clone(),
            created: info.created.unix_timestamp_nanos(),
        }
    }

    /// Returns the stream with this name, if it exists.
    pub(super) async fn find(context: &Context, name: &str) -> Result<Option<Self>, BrokerError> {
        let found = get(context, name).await?;
        Ok(found.map(|info| Self::of(&info)))
    }
}

/// Returns the stream that has all of these subjects. Creates it, named after `connection`, if it
/// does not exist.
pub(super) async fn ensure(
    context: &Context,
    settings: &Stream,
    connection: &str,
    subjects: &[String],
) -> Result<StreamRef, BrokerError> {
    let ours = legal_name(connection);
    let name = match (&settings.name, &settings.subjects) {
        (Some(name), _) => name.clone(),
        (None, Some(_)) => ours,
        (None, None) => match find_by_subjects(context, subjects).await? {
            Some(name) if name != ours => return check_adopted(context, name, subjects).await,
            _ => ours,
        },
    };
    let wanted = match &settings.subjects {
        Some(listed) => listed.clone(),
        None => subjects.to_vec(),
    };
    match get(context, &name).await? {
        Some(info) => {
            let present = StreamRef::of(&info);
            add_subjects(context, settings, info.config, &wanted, subjects).await?;
            Ok(present)
        }
        None => create(context, settings, &name, wanted).await,
    }
}

/// How long a dead letter that is published again counts as a duplicate.
const LETTER_WINDOW: Duration = Duration::from_secs(3600);

/// Ensures that a stream keeps messages on this topic: an existing stream, or a new one on disk
/// without limits.
pub(super) async fn ensure_dead_letter_stream(
    context: &Context,
    settings: &Stream,
    connection: &str,
    topic: &str,
) -> Result<(), BrokerError> {
    let topics = [topic.to_owned()];
    if find_by_subjects(context, &topics).await?.is_some() {
        return Ok(());
    }
    if !settings.create {
        return Err(Refusal::NoLetterStream(topic.into()).into());
    }
    let name = format!("{}-dead-letters", legal_name(connection));
    let settings = Stream {
        max_age: None,
        max_bytes: None,
        storage: Storage::File,
        deduplication_window: LETTER_WINDOW,
        ..settings.clone()
    };
    match get(context, &name).await? {
        Some(info) => add_subjects(context, &settings, info.config, &topics, &topics).await,
        None => {
            let made = create(context, &settings, &name, topics.to_vec()).await;
            made.map(drop)
        }
    }
}

/// Returns the stream that has all of these dead letter topics.
pub(super) async fn dead_letter_stream(
    context: &Context,
    topics: &[String],
) -> Result<String, BrokerError> {
    let found = find_by_subjects(context, topics).await?;
    found.ok_or_else(|| Refusal::NoCommonStream(topics.join(", ")).into())
}

/// Checks a stream that another program created. It is not changed.
async fn check_adopted(
    context: &Context,
    name: String,
    subjects: &[String],
) -> Result<StreamRef, BrokerError> {
    let taken = |config: &Config| {
        let covered = |subject: &String| config.subjects.iter().any(|wide| covers(wide, subject));
        subjects.iter().all(covered)
    };
    match get(context, &name).await? {
        Some(info) if !taken(&info.config) => {
            let (stream, subjects) = (name, subjects.join(", "));
            Err(Refusal::SomeSubjects { stream, subjects }.into())
        }
        Some(info) => Ok(StreamRef::of(&info)),
        // The stream existed a moment ago.
        None => Err(Outage::StreamGone(name).into()),
    }
}

/// Returns why no stream stored a message on this topic. The error is temporary, because the stream
/// may be created later.
pub(super) async fn missing_stream(context: &Context, topic: &str) -> BrokerError {
    let topic = topic.to_owned();
    let why = match context.stream_by_subject(&topic).await {
        Ok(stream) => Outage::NoLeader { stream, topic },
        Err(error) if error.kind() == GetStreamByNameErrorKind::NotFound => Outage::NoStream(topic),
        Err(error) => Outage::Silent(error.to_string()),
    };
    why.into()
}

/// Returns the stream that has these subjects, if there is one.
async fn find_by_subjects(
    context: &Context,
    subjects: &[String],
) -> Result<Option<String>, BrokerError> {
    let mut found: Option<String> = None;
    for subject in subjects {
        let name = match context.stream_by_subject(subject).await {
            Ok(name) => name,
            Err(error) if error.kind() == GetStreamByNameErrorKind::NotFound => return Ok(None),
            Err(error) => match error.kind() {
                GetStreamByNameErrorKind::JetStream(error) => {
                    return Err(self::error::api("no stream found", &error));
                }
                _ => return Err(self::error::no_answer("no stream found", &error)),
            },
        };
        match &found {
            Some(other) if *other != name => {
                return Err(Refusal::TwoStreams(other.clone(), name).into());
            }
            _ => found = Some(name),
        }
    }
    Ok(found)
}

async fn get(context: &Context, name: &str) -> Result<Option<Info>, BrokerError> {
    let what = format!("the stream {name} cannot be used");
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().clone())),
        Err(failed) => match failed.kind() {
            GetStreamErrorKind::JetStream(refused)
                if refused.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            GetStreamErrorKind::JetStream(refused) => Err(error::api(&what, &refused)),
            GetStreamErrorKind::Request => Err(error::no_answer(&what, &failed)),
            GetStreamErrorKind::EmptyName | GetStreamErrorKind::InvalidStreamName => {
                Err(error::refused(&what, &failed))
            }
        },
    }
}

/// Adds missing subjects to a stream.
async fn add_subjects(
    context: &Context,
    settings: &Stream,
    mut config: Config,
    wanted: &[String],
    subjects: &[String],
) -> Result<(), BrokerError> {
    let taken = |subject: &String| config.subjects.iter().any(|wide| covers(wide, subject));
    // A stream that mirrors or sources other streams needs no subjects.
    let gathers = config.mirror.is_some() || config.sources.is_some();
    if gathers || wanted.iter().chain(subjects).all(taken) {
        return Ok(());
    }
    let name = config.name.clone();
    if !settings.create {
        let (stream, subjects) = (name, subjects.join(", "));
        return Err(Refusal::MissingSubjects { stream, subjects }.into());
    }
    config.subjects.extend_from_slice(wanted);
    config.subjects = without_covered(config.subjects);
    let what = format!("cannot add {} to the stream {name}", wanted.join(", "));
    let updated = context.update_stream(&config).await;
    updated.map(drop).map_err(|failed| refusal(&what, &failed))
}

async fn create(
    context: &Context,
    settings: &Stream,
    name: &str,
    subjects: Vec<String>,
) -> Result<StreamRef, BrokerError> {
    if !settings.create {
        return Err(Refusal::NoStream(name.into()).into());
    }
    let what = format!("cannot create the stream {name}");
    let config = Config {
        name: name.into(),
        subjects,
        num_replicas: settings.replicas,
        max_age: settings.max_age.unwrap_or_default(),
        max_bytes: settings
            .max_bytes
            .map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        max_messages: -1,
        storage: match settings.storage {
            Storage::File => StorageType::File,
            Storage::Memory => StorageType::Memory,
        },
        duplicate_window: settings.deduplication_window,
        ..Config::default()
    };
    let made = context.create_stream(&config).await;
    let made = made.map_err(|failed| refusal(&what, &failed))?;
    tracing::info!(
        stream = name,
        subjects = config.subjects.join(", "),
        "created the stream"
    );
    Ok(StreamRef::of(made.cached_info()))
}

fn refusal(what: &str, failed: &CreateStreamError) -> BrokerError {
    match failed.kind() {
        CreateStreamErrorKind::JetStream(refused) => error::api(what, &refused),
        CreateStreamErrorKind::EmptyStreamName | CreateStreamErrorKind::InvalidStreamName => {
            error::refused(what, failed)
        }
        _ => error::no_answer(what, failed),
    }
}
