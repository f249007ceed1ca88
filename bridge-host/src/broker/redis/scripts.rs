//! The Lua scripts, each of which changes several keys of Redis atomically. They are sent as text (EVAL), so a
//! restarted server needs no scripts loaded. Scripts that settle a message also run when Redis is out of memory.

use std::time::Duration;

use redis::{Arg, Cmd, cmd};

use super::entry_id::EntryId;
use super::keys::Keys;

/// Adds an entry. Returns `false` if its id was published on its topic within the window.
/// KEYS: stream, id. ARGV: window in ms, the arguments of XADD.
const PUBLISH: &str = r"
if redis.call('EXISTS', KEYS[2]) == 1 then return false end
local id = redis.call('XADD', KEYS[1], unpack(ARGV, 2))
redis.call('SET', KEYS[2], id, 'PX', ARGV[1])
return id";

/// Claims entries: those whose lease expired, up to half of the limit, then due retries.
/// KEYS: stream, retries, attempts. ARGV: group, consumer, lease in ms, limit, and the cursor
/// from which pending entries are searched.
/// Returns the server's time, the deliveries, the ids of removed entries, the time until
/// the next retry, and the next cursor.
const CLAIM: &str = r"#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found, gone, room = {}, {}, tonumber(ARGV[4])
local lost = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[5], 'COUNT', math.ceil(room / 2))
for _, entry in ipairs(lost[2]) do
  if entry then
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)[1]
    found[#found + 1] = {entry, false, tostring(pending and pending[4] or 1)}
  end
end
for _, id in ipairs(lost[3] or {}) do gone[#gone + 1] = id end
if room > #found then
  local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, room - #found)
  for _, id in ipairs(due) do
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    if entry then
      local tried = redis.call('HGET', KEYS[3], id) or ''
      tried = string.match(tried, '^%d+ %d+') or '1 ' .. string.format('%.0f', now)
      local lease = ARGV[2] .. '@' .. string.format('%.0f', now)
      redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[3]), id)
      redis.call('HSET', KEYS[3], id, tried .. ' ' .. lease)
      found[#found + 1] = {entry, lease, tried}
    else
      redis.call('ZREM', KEYS[2], id)
      redis.call('HDEL', KEYS[3], id)
      gone[#gone + 1] = id
    end
  end
end
local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
return {string.format('%.0f', now), found, gone, first and math.max(0, first - now) or false, lost[1]}";

/// The beginning of all scripts about one delivery: returns 0 unless this host holds the lease.
/// KEYS: stream, retries, attempts. ARGV: group, consumer, entry, the lease of a
/// retry, or an empty string.
const CHECK_LEASE: &str = r"#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[4] == '' then
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
  if not pending or pending[2] ~= ARGV[2] then return 0 end
elseif string.sub(redis.call('HGET', KEYS[3], ARGV[3]) or '', -#ARGV[4]) ~= ARGV[4] then
  return 0
end";

/// Moves the entry to the retries. ARGV 5: the wait in ms, 6: the number of
/// attempts so far, 7: when the first attempt ended, or an empty string for now.
const RETRY: &str = r"
local first = ARGV[7]
if first == '' then first = string.format('%.0f', now) end
redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[5]), ARGV[3])
redis.call('HSET', KEYS[3], ARGV[3], ARGV[6] .. ' ' .. first)
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
return 1";

/// Extends the lease. ARGV 5: the lease in ms.
const EXTEND: &str = r"
if ARGV[4] == '' then
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
else
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + ARGV[5]), ARGV[3])
end
return 1";

/// Gives the entry back: it is due at once, and the delivery does not count as an
/// attempt. ARGV 5: the lease in ms, 6: the number of deliveries before this one.
const GIVE_BACK: &str = r"
if ARGV[4] == '' then
  redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[5], 'RETRYCOUNT', ARGV[6], 'JUSTID')
else
  redis.call('ZADD', KEYS[2], string.format('%.0f', now), ARGV[3])
end
return 1";

/// Acknowledges an entry and removes it from the retries.
const ACKNOWLEDGE_RETRY: &str = r"
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('HDEL', KEYS[3], ARGV[2])
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])";

/// Delivers the next new entry, if no host has an entry in flight or waiting for
/// its retry. Returns whether that is so, the entry, and the last delivered id.
/// KEYS: stream, retries. ARGV: group, consumer.
const TAKE_IN_ORDER: &str = r"
if redis.call('ZCARD', KEYS[2]) > 0 then return {0} end
if redis.call('XPENDING', KEYS[1], ARGV[1])[1] > 0 then return {0} end
local given = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', 1, 'STREAMS', KEYS[1], '>')
local last = '0-0'
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  if group[2] == ARGV[1] then
    for at = 1, #group, 2 do
      if group[at] == 'last-delivered-id' then last = group[at + 1] end
    end
  end
end
return {1, given, last}";

/// Removes consumers of dead hosts that have no pending entries.
/// KEYS: stream. ARGV: group, prefix of the consumers' names, idle time in ms.
const REMOVE_CONSUMERS: &str = r"
local removed = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local of = {}
  for at = 1, #consumer, 2 do of[consumer[at]] = consumer[at + 1] end
  local is_ours = string.sub(of['name'], 1, #ARGV[2]) == ARGV[2]
  if is_ours and of['pending'] == 0 and of['idle'] >= tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of['name'])
    removed = removed + 1
  end
end
return removed";

/// Returns the progress of a group, or `false` if the group does not exist: the last delivered id, the first
/// pending id, the number of pending entries, the number of entries that are not delivered yet, the number of
/// retries, and how many entries were removed from the stream before they were delivered.
///
/// Redis counts removed entries as not delivered, for ever if the group has read past them. So the script
/// corrects the counter of the group where its position is known: at the end of the stream, or before its
/// first entry. Each removed entry is therefore reported once, to one host.
/// KEYS: stream, retries. ARGV: group.
const PROGRESS: &str = r"
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local function named(list)
  local of = {}
  for at = 1, #list, 2 do of[list[at]] = list[at + 1] end
  return of
end
local function less(one, other)
  local a, b = string.match(one, '(%d+)-(%d+)')
  local c, d = string.match(other, '(%d+)-(%d+)')
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  return a < c or (a == c and b < d)
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local of = named(group)
  if of['name'] == ARGV[1] then
    local stream = named(redis.call('XINFO', 'STREAM', KEYS[1]))
    local last, first = of['last-delivered-id'], stream['recorded-first-entry-id']
    local added, length = stream['entries-added'], stream['length']
    local read, lag, removed, position = of['entries-read'], of['lag'], 0, false
    if not less(last, stream['last-generated-id']) or length == 0 then
      position = added
    elseif less(last, first) and less(stream['max-deleted-entry-id'], first) then
      position = added - length
    end
    if read and position and position > read then
      removed = position - read
      lag = added - position
      redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], last, 'ENTRIESREAD', position)
    end
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
    return {last, pending[2], pending[1], lag or false, redis.call('ZCARD', KEYS[2]), removed}
  end
end
return false";

/// What each script does, for error messages: Redis names a script by its checksum only.
const OPERATIONS: [(&str, &str); 9] = [
    (PUBLISH, "publish a message"),
    (CLAIM, "claim messages"),
    (RETRY, "schedule a retry"),
    (EXTEND, "extend a lease"),
    (GIVE_BACK, "return a message"),
    (ACKNOWLEDGE_RETRY, "acknowledge a message"),
    (TAKE_IN_ORDER, "read the next message in order"),
    (REMOVE_CONSUMERS, "remove consumers"),
    (PROGRESS, "read the progress of a group"),
];

/// Returns what a command does: the purpose of a script, or else the name of the command.
pub(super) fn operation(cmd: &Cmd) -> String {
    let mut args = cmd.args_iter().filter_map(|arg| match arg {
        Arg::Simple(arg) => std::str::from_utf8(arg).ok(),
        _ => None,
    });
    let name = args.next().unwrap_or_default();
    let script = args.next().filter(|_| name == "EVAL");
    let known =
        script.and_then(|script| OPERATIONS.iter().find(|(text, _)| script.ends_with(text)));
    known.map_or(name, |(_, operation)| operation).to_owned()
}

fn eval(script: &str, keys: &[&str]) -> Cmd {
    let mut cmd = cmd("EVAL");
    cmd.arg(script).arg(keys.len()).arg(keys);
    cmd
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// See [`PUBLISH`]; the caller adds the arguments of XADD.
pub(super) fn publish(stream: &str, seen: &str, window: Duration) -> Cmd {
    let mut cmd = eval(PUBLISH, &[stream, seen]);
    cmd.arg(millis(window));
    cmd
}

/// See [`CLAIM`].
pub(super) fn claim(
    keys: &Keys,
    group: &str,
    consumer: &str,
    lease: Duration,
    room: usize,
    cursor: &str,
) -> Cmd {
    let mut cmd = eval(CLAIM, &[&keys.stream, &keys.retries, &keys.attempts]);
    cmd.arg(group).arg(consumer).arg(millis(lease));
    cmd.arg(room).arg(cursor);
    cmd
}

/// See [`TAKE_IN_ORDER`].
pub(super) fn take_in_order(keys: &Keys, group: &str, consumer: &str) -> Cmd {
    let mut cmd = eval(TAKE_IN_ORDER, &[&keys.stream, &keys.retries]);
    cmd.arg(group).arg(consumer);
    cmd
}

/// See [`PROGRESS`].
pub(super) fn progress(keys: &Keys, group: &str) -> Cmd {
    let mut cmd = eval(PROGRESS, &[&keys.stream, &keys.retries]);
    cmd.arg(group);
    cmd
}

/// See [`ACKNOWLEDGE_RETRY`].
pub(super) fn acknowledge_retry(keys: &Keys, group: &str, entry: EntryId) -> Cmd {
    let mut cmd = eval(
        ACKNOWLEDGE_RETRY,
        &[&keys.stream, &keys.retries, &keys.attempts],
    );
    cmd.arg(group).arg(entry.to_string());
    cmd
}

/// See [`REMOVE_CONSUMERS`].
pub(super) fn remove_consumers(stream: &str, group: &str, prefix: &str, idle: Duration) -> Cmd {
    let mut cmd = eval(REMOVE_CONSUMERS, &[stream]);
    cmd.arg(group).arg(prefix).arg(idle.as_millis() as u64);
    cmd
}

/// One delivery, as the scripts identify it.
pub(super) struct LeasedEntry<'a> {
    pub(super) keys: &'a Keys,
    pub(super) group: &'a str,
    pub(super) consumer: &'a str,
    pub(super) entry: EntryId,
    /// The lease of a retry; `None` for a pending entry.
    pub(super) lease: Option<&'a str>,
}

impl LeasedEntry<'_> {
    fn eval(&self, then: &str) -> Cmd {
        let Keys {
            stream,
            retries,
            attempts,
        } = self.keys;
        let mut cmd = eval(
            &format!("{CHECK_LEASE}{then}"),
            &[stream, retries, attempts],
        );
        cmd.arg(self.group)
            .arg(self.consumer)
            .arg(self.entry.to_string())
            .arg(self.lease.unwrap_or_default());
        cmd
    }

    /// See [`RETRY`].
    pub(super) fn retry(&self, after: Duration, made: u64, first: Option<u64>) -> Cmd {
        let mut cmd = self.eval(RETRY);
        let first = first.map(|millis| millis.to_string()).unwrap_or_default();
        cmd.arg(after.as_millis() as u64).arg(made).arg(first);
        cmd
    }

    /// See [`EXTEND`].
    pub(super) fn extend(&self, lease: Duration) -> Cmd {
        let mut cmd = self.eval(EXTEND);
        cmd.arg(millis(lease));
        cmd
    }

    /// See [`GIVE_BACK`].
    pub(super) fn give_back(&self, lease: Duration, delivered: u64) -> Cmd {
        let mut cmd = self.eval(GIVE_BACK);
        cmd.arg(millis(lease)).arg(delivered.saturating_sub(1));
        cmd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_names_what_a_command_does() {
        let keys = Keys::of("bridge", "orders");
        let lease = LeasedEntry {
            keys: &keys,
            group: "orders",
            consumer: "bridge-1",
            entry: EntryId::default(),
            lease: None,
        };
        let second = Duration::from_secs(1);
        assert_eq!(
            operation(&progress(&keys, "orders")),
            "read the progress of a group"
        );
        assert_eq!(operation(&lease.extend(second)), "extend a lease");
        assert_eq!(operation(&lease.retry(second, 1, None)), "schedule a retry");
        assert_eq!(operation(cmd("XADD").arg("bridge")), "XADD");
    }
}
