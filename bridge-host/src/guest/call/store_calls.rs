//! The calls in progress in one store, and the one that the component is executing at the moment.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use wasmtime::component::GuestTaskId;

use super::call_record::CallRecord;
use crate::message::MessageId;

/// The state of one call.
pub(crate) struct CallState {
    /// The id of its message.
    pub(crate) id: MessageId,
    /// The hop count of its message.
    pub(crate) hops: u32,
    /// The record of its exchanges.
    pub(crate) record: CallRecord,
    /// When the call is stopped.
    pub(crate) deadline: Instant,
    /// How many messages the component has created in this call. Their ids are numbered by it.
    made: u32,
    /// How many messages the component has sent in this call.
    pub(crate) sent: u32,
    /// How many bytes of memory are charged for its record.
    pub(crate) charged: u64,
}

/// The calls in progress in one store.
pub(crate) struct StoreCalls {
    current: CallState,
    /// The task of the current call, in a store that has several calls at a time.
    current_task: Option<GuestTaskId>,
    others: HashMap<GuestTaskId, CallState>,
    /// Whether the store has several calls at a time.
    is_concurrent: bool,
    /// The highest hop count of all calls of the store.
    most_hops: u32,
}

/// Replaces a deadline that is too far in the future for the clock.
const FAR_FUTURE: Duration = Duration::from_secs(365 * 24 * 3600);

impl CallState {
    pub(crate) fn new(id: MessageId, timeout: Duration) -> Self {
        Self::with_record(CallRecord::default(), id, timeout)
    }

    /// Returns a call that uses this record.
    pub(crate) fn with_record(record: CallRecord, id: MessageId, timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            id,
            hops: 0,
            record,
            deadline: now.checked_add(timeout).unwrap_or(now + FAR_FUTURE),
            made: 0,
            sent: 0,
            charged: 0,
        }
    }

    /// Returns the call for work that belongs to no call; it has no time left. A message that the
    /// component sends then originates from one of the calls that ended.
    fn idle(hops: u32) -> Self {
        Self {
            hops,
            ..Self::new(MessageId::placeholder(), Duration::ZERO)
        }
    }

    /// Returns the id of the next message that the component creates.
    pub(crate) fn next_id(&mut self, component: &str) -> MessageId {
        self.made += 1;
        self.id.child(component, self.made)
    }
}

impl StoreCalls {
    pub(crate) fn new() -> Self {
        Self {
            current: CallState::idle(0),
            current_task: None,
            others: HashMap::new(),
            is_concurrent: false,
            most_hops: 0,
        }
    }

    /// Returns the call that the component is executing.
    pub(crate) fn current(&mut self) -> &mut CallState {
        &mut self.current
    }

    /// Returns whether the store has several calls at a time.
    pub(crate) fn is_concurrent(&self) -> bool {
        self.is_concurrent
    }

    /// Begins a call in a store that has one at a time, and returns the call before it.
    pub(crate) fn begin(&mut self, call: CallState) -> CallState {
        std::mem::replace(&mut self.current, call)
    }

    /// Returns whether the component is executing none of its calls. What it does then is not
    /// recorded.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_concurrent && self.current_task.is_none()
    }

    /// Begins a call in a store that has several at a time.
    pub(crate) fn add(&mut self, task: GuestTaskId, call: CallState) {
        self.is_concurrent = true;
        self.most_hops = self.most_hops.max(call.hops);
        self.others.insert(task, call);
    }

    /// Removes a call that returned. A call that timed out is not removed: its task runs on without
    /// time left, and must not act for another call.
    pub(crate) fn end(&mut self, task: GuestTaskId) -> Option<CallState> {
        if self.current_task == Some(task) {
            self.current_task = None;
            let idle = CallState::idle(self.most_hops);
            return Some(std::mem::replace(&mut self.current, idle));
        }
        self.others.remove(&task)
    }

    /// Makes the call of this task the current one.
    pub(crate) fn switch_to(&mut self, task: Option<GuestTaskId>) {
        if self.current_task == task {
            return;
        }
        let next = task.and_then(|task| self.others.remove(&task));
        let current_task = task.filter(|_| next.is_some());
        let next = next.unwrap_or_else(|| CallState::idle(self.most_hops));
        let before = std::mem::replace(&mut self.current, next);
        if let Some(task) = std::mem::replace(&mut self.current_task, current_task) {
            self.others.insert(task, before);
        }
    }
}
