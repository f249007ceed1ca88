//! The Lua scripts, each of which changes several keys of Redis atomically. They are sent as text (EVAL), so a
//! restarted server needs no scripts loaded. Scripts that settle a message also run when Redis is out of memory.

use std::time::Duration;

use redis::{Cmd, cmd};

use super::entry_id::EntryId;
use super::keys::Keys;

/// Adds an entry. Returns `false` if its id was published on its topic within the window.
/// KEYS: stream, id. ARGV: window in ms, the arguments of XADD.
const PUBLISH: &str = r"
if redis.call('EXISTS', KEYS[2]) == 1 then return false end
local id = redis.call('XADD', KEYS[1], unpack(ARGV, 2))
redis.call('SET', KEYS[2], id, 'PX', ARGV[1])
return id";

/// Claims entries that are due: retries first, then entries whose lease expired.
/// KEYS: stream, retries, attempts. ARGV: group, consumer, lease in ms, limit.
/// Returns the server's time, the deliveries, the ids of removed entries, and
/// the time until the next retry.
const CLAIM: &str = r"#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local found, gone, room = {}, {}, tonumber(ARGV[4])
local lost = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], '0-0', 'COUNT', math.ceil(room / 2))
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
return {string.format('%.0f', now), found, gone, first and math.max(0, first - now) or false}";

/// The beginning of all scripts about one delivery: returns 0 unless this host holds the lease.
/// KEYS: stream, retries, attempts. ARGV: group, consumer, entry, the lease of a
/// retry, or an empty string.
const OWN: &str = r"#!lua flags=allow-oom
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
const DONE: &str = r"
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
const TIDY: &str = r"
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
pub(super) fn claim(keys: &Keys, group: &str, consumer: &str, lease: Duration, room: usize) -> Cmd {
    let mut cmd = eval(CLAIM, &[&keys.stream, &keys.retries, &keys.attempts]);
    cmd.arg(group).arg(consumer).arg(millis(lease)).arg(room);
    cmd
}

/// See [`TAKE_IN_ORDER`].
pub(super) fn take_in_order(keys: &Keys, group: &str, consumer: &str) -> Cmd {
    let mut cmd = eval(TAKE_IN_ORDER, &[&keys.stream, &keys.retries]);
    cmd.arg(group).arg(consumer);
    cmd
}

/// See [`DONE`].
pub(super) fn done(keys: &Keys, group: &str, entry: EntryId) -> Cmd {
    let mut cmd = eval(DONE, &[&keys.stream, &keys.retries, &keys.attempts]);
    cmd.arg(group).arg(entry.to_string());
    cmd
}

/// See [`TIDY`].
pub(super) fn tidy(stream: &str, group: &str, begin: &str, silent: Duration) -> Cmd {
    let mut cmd = eval(TIDY, &[stream]);
    cmd.arg(group).arg(begin).arg(silent.as_millis() as u64);
    cmd
}

/// One delivery, as the scripts identify it.
pub(super) struct Own<'a> {
    pub(super) keys: &'a Keys,
    pub(super) group: &'a str,
    pub(super) consumer: &'a str,
    pub(super) entry: EntryId,
    /// The lease of a retry; `None` for a pending entry.
    pub(super) lease: Option<&'a str>,
}

impl Own<'_> {
    fn eval(&self, then: &str) -> Cmd {
        let Keys {
            stream,
            retries,
            attempts,
        } = self.keys;
        let mut cmd = eval(&format!("{OWN}{then}"), &[stream, retries, attempts]);
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
