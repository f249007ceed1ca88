//! The durability of a confirmed message on this server: when the server writes to disk, and which keys it evicts.
//! Read from the server's configuration, or from INFO if the user may not read the configuration.

use std::fmt;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value, cmd};

use super::entry::{list, text};

/// When the server writes a message to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// Before it confirms the message.
    Always,
    /// Within a second after it.
    EverySecond,
    /// When the server's operating system writes its cache to disk.
    OperatingSystem,
    /// With an append-only file, at an unknown time: the user may not read `appendfsync`.
    UnknownInterval,
    /// With the next snapshot.
    Snapshots,
    /// Never.
    Never,
    /// Unknown, because the user may not read the configuration.
    Unknown,
}

impl Durability {
    fn of(append_only: Option<&str>, fsync: Option<&str>, save: Option<&str>) -> Self {
        match (append_only, fsync, save) {
            (Some("yes" | "1"), Some("always"), _) => Self::Always,
            (Some("yes" | "1"), Some("everysec"), _) => Self::EverySecond,
            (Some("yes" | "1"), Some(_), _) => Self::OperatingSystem,
            (Some("yes" | "1"), None, _) => Self::UnknownInterval,
            (Some(_), _, Some("")) => Self::Never,
            (Some(_), ..) => Self::Snapshots,
            (None, ..) => Self::Unknown,
        }
    }

    /// Returns whether messages can be lost when the server's process ends.
    fn is_weak(&self) -> bool {
        matches!(self, Self::Snapshots | Self::Never)
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => {
                "appendfsync always: a message is on disk before it is confirmed, and survives a power cut"
            }
            Self::EverySecond => {
                "appendfsync everysec: a power cut can lose the messages that were confirmed in the last second"
            }
            Self::OperatingSystem => {
                "appendfsync no: a power cut can lose the messages that were confirmed in the last 30 s or so"
            }
            Self::UnknownInterval => {
                "an append-only file, but this user may not read appendfsync: with appendfsync everysec, a power cut can \
                 lose the messages that were confirmed in the last second"
            }
            Self::Snapshots => {
                "no append-only file: when Redis ends without a snapshot, the messages that were confirmed since the last snapshot are \
                 lost; set `appendonly yes`"
            }
            Self::Never => {
                "no append-only file and no snapshots: when Redis ends, all messages are lost; set `appendonly yes`"
            }
            Self::Unknown => {
                "unknown durability, because this user may read neither its configuration nor INFO: permit CONFIG GET or INFO to have it checked"
            }
        })
    }
}

/// The durability and the eviction policy of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerDurability {
    durability: Durability,
    /// The policy, if it evicts keys that have no expiry.
    evicts: Option<String>,
}

impl ServerDurability {
    /// Reads both from the server.
    pub(super) async fn read(connection: &mut MultiplexedConnection) -> Self {
        match from_config(connection).await {
            Ok(finding) => finding,
            Err(_) => from_info(connection).await.unwrap_or(Self {
                durability: Durability::Unknown,
                evicts: None,
            }),
        }
    }

    /// Logs both.
    pub(super) fn log(&self, connection: &str) {
        let durability = &self.durability;
        match durability.is_weak() {
            true => tracing::warn!(connection, "Redis has {durability}"),
            false => tracing::info!(connection, "Redis has {durability}"),
        }
        if let Some(policy) = &self.evicts {
            tracing::warn!(
                connection,
                "Redis has maxmemory-policy {policy}: when its memory is full, it can delete the stream with all messages; \
                 set `maxmemory-policy noeviction`"
            );
        }
    }
}

fn evicts(policy: Option<String>) -> Option<String> {
    policy.filter(|policy| policy.starts_with("allkeys"))
}

async fn from_config(connection: &mut MultiplexedConnection) -> RedisResult<ServerDurability> {
    let [append_only, fsync, save, policy] = [
        get(connection, "appendonly").await?,
        get(connection, "appendfsync").await?,
        get(connection, "save").await?,
        get(connection, "maxmemory-policy").await?,
    ];
    Ok(ServerDurability {
        durability: Durability::of(append_only.as_deref(), fsync.as_deref(), save.as_deref()),
        evicts: evicts(policy),
    })
}

async fn get(connection: &mut MultiplexedConnection, name: &str) -> RedisResult<Option<String>> {
    let mut get = cmd("CONFIG");
    let answer: Value = get.arg("GET").arg(name).query_async(connection).await?;
    Ok(list(answer).get(1).and_then(text))
}

async fn from_info(connection: &mut MultiplexedConnection) -> RedisResult<ServerDurability> {
    let info: String = cmd("INFO").query_async(connection).await?;
    let line = |name: &str| {
        let mut lines = info.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(|value| value.trim().to_owned())
    };
    Ok(ServerDurability {
        durability: Durability::of(line("aof_enabled").as_deref(), None, None),
        evicts: evicts(line("maxmemory_policy")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_determines_the_durability() {
        let of = Durability::of;
        let (yes, no) = (Some("yes"), Some("no"));
        assert_eq!(of(yes, Some("always"), Some("")), Durability::Always);
        assert_eq!(of(yes, Some("everysec"), Some("")), Durability::EverySecond);
        assert_eq!(of(yes, Some("no"), Some("")), Durability::OperatingSystem);
        assert_eq!(
            of(no, Some("everysec"), Some("3600 1")),
            Durability::Snapshots
        );
        assert_eq!(of(no, Some("everysec"), Some("")), Durability::Never);
        assert_eq!(of(Some("1"), None, None), Durability::UnknownInterval);
        assert_eq!(of(Some("0"), None, None), Durability::Snapshots);
        assert_eq!(of(None, None, None), Durability::Unknown);
    }
}
