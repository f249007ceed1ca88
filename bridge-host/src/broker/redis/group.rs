//! A subscription on this host: finds or creates its consumer group, and tracks the group's progress.
//! `pull` and `supply` fetch its messages.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::{Cmd, cmd};
use tokio::sync::Notify;

use super::client::ReconnectingClient;
use super::entry::{Entry, list, named, number, text};
use super::entry_id::EntryId;
use super::error::{Refusal, broker_error};
use super::fields;
use super::keys::Keys;
use super::progress::Progress;
use super::scripts::{self, remove_consumers};
use super::settings::Settings;
use crate::broker::kit::credit::Credit;
use crate::broker::kit::group_state::GroupState;
use crate::broker::{BrokerError, Start, SubscribeSpec};

/// The prefix of the names of the bridges' consumers.
pub(super) const CONSUMER: &str = "bridge-";
/// How many entries one request reads when looking for the last one of a subscription.
const PAGE: usize = 256;

/// A subscription on this host, a member of its consumer group.
pub(super) struct Group {
    pub(super) spec: SubscribeSpec,
    pub(super) keys: Keys,
    /// This member's name in the group, which no other process uses.
    pub(super) consumer: String,
    pub(super) ack_wait: Duration,
    pub(super) credit: Arc<Credit>,
    pub(super) presence: GroupState<()>,
    /// Notified when a message may be due: a retry, or a message that was given back.
    pub(super) due: Arc<Notify>,
    /// The id up to which all entries were acknowledged at the last check.
    floor: Mutex<Option<EntryId>>,
}

impl Group {
    pub(super) fn new(spec: SubscribeSpec, settings: &Settings) -> Result<Arc<Self>, BrokerError> {
        if spec.start == Start::LastPerTopic {
            return Err(Refusal::LastPerTopic.into());
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("the operating system gives random bytes");
        let random = u64::from_be_bytes(random);
        Ok(Arc::new(Self {
            keys: Keys::of(&settings.stream, &spec.name),
            consumer: format!("{CONSUMER}{}-{random:016x}", std::process::id()),
            ack_wait: settings.ack_wait,
            credit: Credit::new(spec.in_flight, spec.ordered),
            presence: GroupState::new(&spec.name),
            due: Arc::default(),
            floor: Mutex::default(),
            spec,
        }))
    }

    /// Returns whether this is a message for the subscription.
    fn selects(&self, entry: &Entry) -> bool {
        let topic = fields::topic(entry, &self.keys.stream);
        let is_selected = |topic: &str| self.spec.topics.iter().any(|one| one.matches(topic));
        topic.is_ok_and(|topic| is_selected(&topic)) && !self.is_for_another_group(entry)
    }

    /// Returns whether the subscription takes this entry: a message for it, or an entry without a valid
    /// topic, which becomes a dead letter.
    pub(super) fn takes(&self, entry: &Entry) -> bool {
        let has_no_topic = fields::topic(entry, &self.keys.stream).is_err();
        self.selects(entry) || (has_no_topic && !self.is_for_another_group(entry))
    }

    fn is_for_another_group(&self, entry: &Entry) -> bool {
        fields::only_for(entry).is_some_and(|group| group != self.spec.name)
    }

    /// Joins the group, and creates it if it does not exist. A deleted group is
    /// created again at its last known position.
    pub(super) async fn locate(&self, client: &ReconnectingClient) -> Result<(), BrokerError> {
        let joined = self.join(client).await;
        match &joined {
            Ok(()) => self.presence.found(Arc::new(())),
            Err(error) => self.presence.lost(error.to_string()),
        }
        joined
    }

    async fn join(&self, client: &ReconnectingClient) -> Result<(), BrokerError> {
        let Keys { stream, .. } = &self.keys;
        let before = *self.floor.lock();
        let is_first = before.is_none() && !self.stream_exists(client).await?;
        let start = match before {
            Some(floor) => self.position_after(client, floor).await?,
            None if is_first => "0".into(),
            None => self.new_group_position(client).await?,
        };
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(stream).arg(&self.spec.name);
        create.arg(&start).arg("MKSTREAM");
        if is_first {
            // From then on, the server knows how many entries the group has not delivered.
            create.arg("ENTRIESREAD").arg(0);
        }
        match client.try_query(&create).await? {
            Ok(_) if before.is_some() => tracing::warn!(
                subscription = self.spec.name,
                stream,
                start,
                "the consumer group or its stream was deleted: the bridge created the group again behind the entry `start`; the messages of \
                 a deleted stream are lost, and messages that were acknowledged since the last check may be redelivered"
            ),
            Ok(_) => tracing::info!(
                subscription = self.spec.name,
                stream,
                start,
                "created the consumer group"
            ),
            Err(error) if error.code() == Some("BUSYGROUP") => {}
            Err(error) if error.code() == Some("WRONGTYPE") => {
                return Err(Refusal::NotAStream(stream.clone()).into());
            }
            Err(error) => return Err(broker_error(error)),
        }
        self.check(client).await
    }

    async fn stream_exists(&self, client: &ReconnectingClient) -> Result<bool, BrokerError> {
        let found = client.query(cmd("EXISTS").arg(&self.keys.stream)).await?;
        Ok(number(&found) == Some(1))
    }

    /// Returns the position at which a new group begins.
    async fn new_group_position(&self, client: &ReconnectingClient) -> Result<String, BrokerError> {
        Ok(match self.spec.start {
            Start::All | Start::LastPerTopic => "0".into(),
            Start::New => "$".into(),
            Start::Last => self.position_before_last(client).await?.to_string(),
        })
    }

    /// Returns the id before the last entry that the subscription takes.
    async fn position_before_last(
        &self,
        client: &ReconnectingClient,
    ) -> Result<EntryId, BrokerError> {
        let mut until = "+".to_owned();
        loop {
            let mut range = cmd("XREVRANGE");
            range.arg(&self.keys.stream).arg(&until).arg("-");
            range.arg("COUNT").arg(PAGE);
            let entries = list(client.query(&range).await?);
            let is_all = entries.len() < PAGE;
            for entry in entries.into_iter().filter_map(Entry::of) {
                if self.selects(&entry) {
                    return Ok(entry.id.before());
                }
                until = entry.id.before().to_string();
            }
            if is_all {
                return Ok(EntryId::default());
            }
        }
    }

    /// Returns the position at which a deleted group continues. In a stream that
    /// was created again, that is the beginning.
    async fn position_after(
        &self,
        client: &ReconnectingClient,
        floor: EntryId,
    ) -> Result<String, BrokerError> {
        let mut info = cmd("XINFO");
        let found = client
            .try_query(info.arg("STREAM").arg(&self.keys.stream))
            .await?;
        let last = found
            .ok()
            .and_then(|found| named(&found, "last-generated-id"));
        let last = last.and_then(|last| EntryId::parse(&text(&last)?));
        Ok(match last.is_some_and(|last| last >= floor) {
            true => floor.to_string(),
            false => "0".into(),
        })
    }

    /// Reads the progress of the group.
    pub(super) async fn check(&self, client: &ReconnectingClient) -> Result<(), BrokerError> {
        if let Some(progress) = self.progress(client).await? {
            *self.floor.lock() = Some(progress.floor());
        }
        Ok(())
    }

    /// Returns the progress of the group; `None` if the group does not exist. Logs how many entries
    /// were removed before they were fetched.
    async fn progress(&self, client: &ReconnectingClient) -> Result<Option<Progress>, BrokerError> {
        let progress = scripts::progress(&self.keys, &self.spec.name);
        let progress = Progress::parse(client.query(&progress).await?);
        let removed = progress.map_or(0, |progress| progress.removed);
        if removed > 0 {
            tracing::warn!(
                subscription = self.spec.name,
                stream = self.keys.stream,
                messages = removed,
                "messages were removed from the stream before they were fetched: `max_length` or `max_age` is too small, or someone \
                 trimmed the stream"
            );
        }
        Ok(progress)
    }

    /// Returns how many messages wait for the group, are in flight, or wait for a retry.
    pub(super) async fn pending(&self, client: &ReconnectingClient) -> Option<u64> {
        self.progress(client).await.ok()??.unsettled()
    }

    /// Removes this member from the group, unless it has pending entries: other
    /// members then claim them.
    pub(super) fn leave(&self, client: &ReconnectingClient) {
        let (stream, name) = (&self.keys.stream, &self.spec.name);
        client.post(
            remove_consumers(stream, name, &self.consumer, Duration::ZERO),
            None,
        );
    }

    /// Acknowledges entries of topics that the subscription does not take.
    pub(super) fn decline(&self, client: &ReconnectingClient, entries: &[EntryId]) {
        if !entries.is_empty() {
            client.post(self.ack(entries), None);
        }
    }

    /// Returns the command that acknowledges these entries.
    pub(super) fn ack(&self, entries: &[EntryId]) -> Cmd {
        let mut ack = cmd("XACK");
        ack.arg(&self.keys.stream).arg(&self.spec.name);
        entries.iter().for_each(|entry| {
            ack.arg(entry.to_string());
        });
        ack
    }
}
