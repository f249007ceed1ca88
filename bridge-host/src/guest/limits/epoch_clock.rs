//! The clock of the engines: at each tick, what computes yields, to its
//! neighbours and to the meter. It stands still while nothing computes.

use parking_lot::Mutex;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

const TICK: Duration = Duration::from_millis(10);

/// So many ticks after the last poll of a component, the clock stops.
const REST: u32 = 20;

static CLOCK: Clock = Clock {
    engines: Mutex::new(Vec::new()),
    thread: OnceLock::new(),
    polled: AtomicBool::new(false),
    stopped: AtomicBool::new(false),
};

/// One for the process.
struct Clock {
    engines: Mutex<Vec<EngineWeak>>,
    thread: OnceLock<Thread>,
    /// A component was polled since the last tick.
    polled: AtomicBool,
    stopped: AtomicBool,
}

/// Tells the time to the components of this engine, for as long as it lives.
pub(crate) fn of(engine: EngineWeak) {
    CLOCK.lock().push(engine);
    CLOCK
        .thread
        .get_or_init(|| thread::spawn(|| CLOCK.run()).thread().clone());
}

/// A component is about to be polled.
pub(crate) fn polled() {
    // Read by all threads, and written to once a tick.
    if CLOCK.polled.load(Relaxed) {
        return;
    }
    CLOCK.polled.store(true, SeqCst);
    if CLOCK.stopped.load(SeqCst)
        && let Some(thread) = CLOCK.thread.get()
    {
        thread.unpark();
    }
}

impl Clock {
    fn run(&self) {
        let mut idle = 0;
        loop {
            thread::sleep(TICK);
            self.tick();
            idle = match self.polled.swap(false, SeqCst) {
                true => 0,
                // One that computes is polled again at each tick.
                false => idle + 1,
            };
            if idle >= REST {
                self.rest();
                idle = 0;
            }
        }
    }

    /// Until the next poll.
    fn rest(&self) {
        self.stopped.store(true, SeqCst);
        while !self.polled.load(SeqCst) {
            thread::park();
        }
        self.stopped.store(false, SeqCst);
    }

    fn tick(&self) {
        self.lock().retain(|engine| {
            let engine = engine.upgrade();
            engine.inspect(|engine| engine.increment_epoch()).is_some()
        });
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, Vec<EngineWeak>> {
        self.engines.lock()
    }
}
