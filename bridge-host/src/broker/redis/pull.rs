//! Reads new entries for a group: as many as there are free slots, on a dedicated connection that may block.
//! `supply` claims entries that were delivered to a host before.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, RedisResult, Value, cmd};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::client::ReconnectingClient;
use super::connect::ANSWER;
use super::entry::{Entry, list, number, of_one_stream, text};
use super::entry_id::EntryId;
use super::error::{is_no_group, server_message};
use super::group::Group;
use super::lease::{DeliverySource, Prefetch, StreamLease};
use super::scripts::{operation, take_in_order};
use crate::broker::kit::prefetch::Fetched;
use crate::broker::kit::supply::FetchEnd;

/// The most entries that one read requests.
const LARGEST: usize = 512;
/// How long a read waits at the server for entries.
const BLOCK: Duration = Duration::from_secs(5);
/// How long the host waits at the end for a read that it has unblocked.
const LINGER: Duration = Duration::from_secs(2);
/// The pause between two attempts to open a connection.
const PAUSE: Duration = Duration::from_millis(250);
/// With `max_in_flight = 1`, how often the host asks whether another host is done.
const TURN: Duration = Duration::from_millis(100);

/// Reads the new entries of a group into its prefetch.
pub(super) struct Pull<'a> {
    pub(super) client: &'a Arc<ReconnectingClient>,
    pub(super) group: &'a Arc<Group>,
    pub(super) to: &'a Prefetch,
}

impl Pull<'_> {
    /// Reads until an error ends the reads, or until `stop` changes.
    pub(super) async fn run(&self, stop: &mut watch::Receiver<()>) -> FetchEnd {
        let opened = async {
            let mut connection = self.client.dedicated().await?;
            // The user may lack this permission: the last read then ends by itself.
            let id: RedisResult<Value> = cmd("CLIENT").arg("ID").query_async(&mut connection).await;
            RedisResult::Ok((connection, id.unwrap_or_default()))
        };
        let (mut connection, id) = tokio::select! {
            biased;
            opened = opened => match opened {
                Ok(opened) => opened,
                Err(error) => return self.end_after(&error, "connect").await,
            },
            _ = stop.changed() => return FetchEnd::Stopped,
        };
        loop {
            let Some(free) = self.group.credit.batch(0, LARGEST) else {
                tokio::select! {
                    biased;
                    () = self.group.credit.freed.notified() => continue,
                    _ = stop.changed() => return FetchEnd::Stopped,
                }
            };
            let reading = self.read(&mut connection, free);
            tokio::pin!(reading);
            let read = tokio::select! {
                biased;
                read = &mut reading => read,
                _ = stop.changed() => {
                    // Entries that the server delivers at this moment are taken, to be given back.
                    let unblock = cmd("CLIENT").arg("UNBLOCK").arg(number(&id)).clone();
                    self.client.post(unblock, None);
                    let _ = timeout(LINGER, reading).await;
                    return FetchEnd::Stopped;
                }
            };
            if let Err(end) = read {
                return end;
            }
        }
    }

    async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        free: usize,
    ) -> Result<(), FetchEnd> {
        match self.group.spec.ordered {
            true => self.read_in_order(connection).await,
            false => {
                let read = self.read_new(free);
                let entries = self.answer(connection, &read).await?;
                let others = self.put_all(of_one_stream(entries));
                self.group.decline(self.client, &others);
                Ok(())
            }
        }
    }

    /// Reads the next entry if no host has an entry in flight or waiting for its
    /// retry.
    async fn read_in_order(&self, connection: &mut MultiplexedConnection) -> Result<(), FetchEnd> {
        let Group {
            keys,
            spec,
            consumer,
            credit,
            ..
        } = &**self.group;
        let take = take_in_order(keys, &spec.name, consumer);
        let mut answer = list(self.answer(connection, &take).await?).into_iter();
        let is_free = answer.next().as_ref().and_then(number) == Some(1);
        let entries = answer.next().map(of_one_stream).unwrap_or_default();
        if !entries.is_empty() {
            let others = self.put_all(entries);
            if !others.is_empty() {
                // The next read finds a free group only once these entries are acknowledged.
                self.answer(connection, &self.group.ack(&others)).await?;
            }
        } else if is_free {
            let last = answer.next().as_ref().and_then(text);
            let mut wait = cmd("XREAD");
            wait.arg("COUNT")
                .arg(1)
                .arg("BLOCK")
                .arg(BLOCK.as_millis() as u64);
            wait.arg("STREAMS")
                .arg(&keys.stream)
                .arg(last.unwrap_or("$".into()));
            self.answer(connection, &wait).await?;
        } else {
            let _ = timeout(TURN, credit.freed.notified()).await;
        }
        Ok(())
    }

    fn read_new(&self, count: usize) -> Cmd {
        let Group {
            keys,
            spec,
            consumer,
            ..
        } = &**self.group;
        let mut read = cmd("XREADGROUP");
        read.arg("GROUP").arg(&spec.name).arg(consumer);
        read.arg("COUNT").arg(count);
        read.arg("BLOCK").arg(BLOCK.as_millis() as u64);
        read.arg("STREAMS").arg(&keys.stream).arg(">");
        read
    }

    async fn answer(
        &self,
        connection: &mut MultiplexedConnection,
        cmd: &Cmd,
    ) -> Result<Value, FetchEnd> {
        let silence = &self.group.presence.silence;
        match timeout(BLOCK + ANSWER, cmd.query_async(connection)).await {
            Ok(Ok(answer)) => {
                silence.end();
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.end_after(&error, &operation(cmd)).await),
            Err(_) => {
                let silent = BLOCK + ANSWER;
                silence.begin(format!("Redis has not answered a read for {silent:?}"));
                Err(FetchEnd::Again)
            }
        }
    }

    /// Returns how to go on after an error.
    async fn end_after(&self, error: &RedisError, operation: &str) -> FetchEnd {
        self.client.record_error(error, operation);
        if error.is_io_error() || error.is_connection_dropped() || error.is_timeout() {
            sleep(PAUSE).await;
            return FetchEnd::Again;
        }
        self.group.presence.lost(match is_no_group(error) {
            true => "the consumer group is gone".into(),
            false => server_message(error),
        });
        FetchEnd::Lost
    }

    /// Puts messages into the prefetch. Returns the entries that the subscription does not take.
    fn put_all(&self, entries: Vec<Entry>) -> Vec<EntryId> {
        let mut others = Vec::new();
        for entry in entries {
            match self.group.takes(&entry) {
                true => self.to.put(Fetched {
                    receipt: StreamLease::receipt(
                        self.client,
                        self.group,
                        entry.id,
                        DeliverySource::Fresh,
                    ),
                    raw: entry,
                }),
                false => others.push(entry.id),
            }
        }
        others
    }
}
