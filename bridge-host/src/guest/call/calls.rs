//! The calls under way in one store, and which of them the component acts for
//! at the moment: whose message, whose time, and whose record.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use wasmtime::component::GuestTaskId;

use super::call_record::CallRecord;
use crate::message::MessageId;

/// One call.
pub(crate) struct CallState {
    /// The message that it is for.
    pub(crate) id: MessageId,
    /// That message's hop count.
    pub(crate) hops: u32,
    /// What it shows.
    pub(crate) record: CallRecord,
    /// When it is stopped.
    pub(crate) deadline: Instant,
    /// Messages that the component made so far; numbers their ids.
    made: u32,
    /// Messages that it sent so far.
    pub(crate) sent: u32,
    /// What its record is counted for as memory, in bytes.
    pub(crate) charged: u64,
}

/// All of one store.
pub(crate) struct Calls {
    current: CallState,
    /// The task of the current one, where a store can have several.
    whose: Option<GuestTaskId>,
    others: HashMap<GuestTaskId, CallState>,
    /// It had several at a time.
    shared: bool,
    /// The highest hop count of the calls so far.
    most_hops: u32,
}

/// Stands for a deadline that the clock cannot hold.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

impl CallState {
    pub(crate) fn new(id: MessageId, timeout: Duration) -> Self {
        Self::with(CallRecord::default(), id, timeout)
    }

    /// A call of which the record is kept elsewhere too.
    pub(crate) fn with(record: CallRecord, id: MessageId, timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            id,
            hops: 0,
            record,
            deadline: now.checked_add(timeout).unwrap_or(now + FAR),
            made: 0,
            sent: 0,
            charged: 0,
        }
    }

    /// That of nobody, which has no time left. What a component still sends
    /// then comes from one of the calls that ended.
    fn idle(hops: u32) -> Self {
        Self {
            hops,
            ..Self::new(MessageId::placeholder(), Duration::ZERO)
        }
    }

    /// The id of the next message that the component makes.
    pub(crate) fn next_id(&mut self, component: &str) -> MessageId {
        self.made += 1;
        self.id.child(component, self.made)
    }
}

impl Calls {
    pub(crate) fn none() -> Self {
        Self {
            current: CallState::idle(0),
            whose: None,
            others: HashMap::new(),
            shared: false,
            most_hops: 0,
        }
    }

    /// The one that the component acts for.
    pub(crate) fn current(&mut self) -> &mut CallState {
        &mut self.current
    }

    /// Whether there may be several at a time.
    pub(crate) fn are_shared(&self) -> bool {
        self.shared
    }

    /// A new call, in a store that has one at a time; gives the one before.
    pub(crate) fn begin(&mut self, call: CallState) -> CallState {
        std::mem::replace(&mut self.current, call)
    }

    /// The component acts for none of them: what it does is not recorded.
    pub(crate) fn is_idle(&self) -> bool {
        self.shared && self.whose.is_none()
    }

    /// A new call beside others.
    pub(crate) fn add(&mut self, task: GuestTaskId, call: CallState) {
        self.shared = true;
        self.most_hops = self.most_hops.max(call.hops);
        self.others.insert(task, call);
    }

    /// Forgets a call that returned. One that was given up is not forgotten:
    /// its task runs on, with no time left, and acts for nobody else.
    pub(crate) fn end(&mut self, task: GuestTaskId) -> Option<CallState> {
        if self.whose == Some(task) {
            self.whose = None;
            let idle = CallState::idle(self.most_hops);
            return Some(std::mem::replace(&mut self.current, idle));
        }
        self.others.remove(&task)
    }

    /// Turns to the call of this task, or to none.
    pub(crate) fn act_for(&mut self, task: Option<GuestTaskId>) {
        if self.whose == task {
            return;
        }
        let next = task.and_then(|task| self.others.remove(&task));
        let whose = task.filter(|_| next.is_some());
        let next = next.unwrap_or_else(|| CallState::idle(self.most_hops));
        let before = std::mem::replace(&mut self.current, next);
        if let Some(task) = std::mem::replace(&mut self.whose, whose) {
            self.others.insert(task, before);
        }
    }
}
