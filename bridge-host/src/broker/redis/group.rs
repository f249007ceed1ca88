//! A subscription on this host: finds or creates its consumer group, and tracks the group's progress.
//! `pull` and `supply` fetch its messages.

use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, RedisResult, Value, cmd};
use tokio::sync::Notify;

use super::connect::Link;
use super::entry::{Entry, list, named, number, text};
use super::entry_id::EntryId;
use super::error::{Refusal, failed};
use super::fields;
use super::keys::Keys;
use super::scripts::tidy;
use super::settings::Settings;
use crate::broker::kit::credit::Credit;
use crate::broker::kit::presence::Presence;
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
    pub(super) presence: Presence<()>,
    /// Notified when a message may be due: a retry, or a message that was given back.
    pub(super) due: Arc<Notify>,
    /// The id up to which all entries were acknowledged at the last check.
    floor: Mutex<Option<EntryId>>,
}

/// The state of a group, as the server reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The last entry that the group delivered.
    pub(super) last: EntryId,
    /// How many delivered entries are not acknowledged.
    pub(super) pending: u64,
    /// How many entries the group has not delivered yet, if the server knows.
    pub(super) lag: Option<u64>,
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
            presence: Presence::new(&spec.name),
            due: Arc::default(),
            floor: Mutex::default(),
            spec,
        }))
    }

    /// Returns whether the subscription takes this entry.
    pub(super) fn takes(&self, entry: &Entry) -> bool {
        let topic = fields::topic(entry, &self.keys.stream);
        self.spec.topics.iter().any(|one| one.matches(&topic))
    }

    /// Joins the group, and creates it if it does not exist. A deleted group is
    /// created again at its last known position.
    pub(super) async fn locate(&self, link: &Link) -> Result<(), BrokerError> {
        let joined = self.join(link).await;
        match &joined {
            Ok(()) => self.presence.found(Arc::new(())),
            Err(error) => self.presence.lost(error.to_string()),
        }
        joined
    }

    async fn join(&self, link: &Link) -> Result<(), BrokerError> {
        let Keys { stream, .. } = &self.keys;
        let before = *self.floor();
        let start = match before {
            Some(floor) => self.behind(link, floor).await?,
            None => self.start(link).await?,
        };
        let mut create = cmd("XGROUP");
        create.arg("CREATE").arg(stream).arg(&self.spec.name);
        create.arg(&start).arg("MKSTREAM");
        match link.ask(&create).await? {
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
            Err(error) => return Err(failed(error)),
        }
        self.look(link).await.map(drop)
    }

    /// Returns the position at which a new group begins.
    async fn start(&self, link: &Link) -> Result<String, BrokerError> {
        Ok(match self.spec.start {
            Start::All | Start::LastPerTopic => "0".into(),
            Start::New => "$".into(),
            Start::Last => self.before_the_last(link).await?.to_string(),
        })
    }

    /// Returns the id before the last entry that the subscription takes.
    async fn before_the_last(&self, link: &Link) -> Result<EntryId, BrokerError> {
        let mut until = "+".to_owned();
        loop {
            let mut range = cmd("XREVRANGE");
            range.arg(&self.keys.stream).arg(&until).arg("-");
            range.arg("COUNT").arg(PAGE);
            let entries = list(link.query(&range).await?);
            let is_all = entries.len() < PAGE;
            for entry in entries.into_iter().filter_map(Entry::of) {
                if self.takes(&entry) {
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
    async fn behind(&self, link: &Link, floor: EntryId) -> Result<String, BrokerError> {
        let mut info = cmd("XINFO");
        let found = link.ask(info.arg("STREAM").arg(&self.keys.stream)).await?;
        let last = found
            .ok()
            .and_then(|found| named(&found, "last-generated-id"));
        let last = last.and_then(|last| EntryId::parse(&text(&last)?));
        Ok(match last.is_some_and(|last| last >= floor) {
            true => floor.to_string(),
            false => "0".into(),
        })
    }

    /// Reads the progress of the group from the server, and remembers it.
    pub(super) async fn look(&self, link: &Link) -> Result<Option<Standing>, BrokerError> {
        let Some(standing) = self.standing(link).await? else {
            return Ok(None);
        };
        let mut pending = cmd("XPENDING");
        pending.arg(&self.keys.stream).arg(&self.spec.name);
        let pending = list(link.query(&pending).await?);
        let first = pending.get(1).and_then(text);
        let first = first.and_then(|first| EntryId::parse(&first));
        *self.floor() = Some(first.map_or(standing.last, EntryId::before));
        Ok(Some(standing))
    }

    /// Returns the state of the group; `None` if the group does not exist.
    pub(super) async fn standing(&self, link: &Link) -> Result<Option<Standing>, BrokerError> {
        let mut info = cmd("XINFO");
        let groups: RedisResult<Value> =
            link.ask(info.arg("GROUPS").arg(&self.keys.stream)).await?;
        // Redis answers with an error if the stream does not exist.
        let groups = groups.map(list).unwrap_or_default();
        let is_ours = |group: &Value| {
            let name = named(group, "name").as_ref().and_then(text);
            name.as_ref() == Some(&self.spec.name)
        };
        let group = groups.iter().find(|group| is_ours(group));
        Ok(group.and_then(|group| {
            let last = named(group, "last-delivered-id")?;
            Some(Standing {
                last: EntryId::parse(&text(&last)?)?,
                pending: number(&named(group, "pending")?)?,
                lag: named(group, "lag").as_ref().and_then(number),
            })
        }))
    }

    /// Returns how many messages wait for the group, are in flight, or wait for a retry.
    pub(super) async fn pending(&self, link: &Link) -> Option<u64> {
        let standing = self.standing(link).await.ok()??;
        let mut count = cmd("ZCARD");
        let retries = link.query(count.arg(&self.keys.retries)).await.ok()?;
        Some(standing.lag? + standing.pending + number(&retries)?)
    }

    /// Removes this member from the group, unless it has pending entries: other
    /// members then claim them.
    pub(super) fn leave(&self, link: &Link) {
        let (stream, name) = (&self.keys.stream, &self.spec.name);
        link.post(tidy(stream, name, &self.consumer, Duration::ZERO), None);
    }

    /// Acknowledges entries of topics that the subscription does not take.
    pub(super) fn decline(&self, link: &Link, entries: &[EntryId]) {
        if !entries.is_empty() {
            link.post(self.ack(entries), None);
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

    fn floor(&self) -> MutexGuard<'_, Option<EntryId>> {
        self.floor.lock()
    }
}
