//! The epoch clock of the engines. At each tick, a computing component yields to other tasks and to
//! the CPU meter. The clock stops while no component computes.

use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;
use wasmtime::EngineWeak;

const TICK: Duration = Duration::from_millis(10);

/// How many ticks after the last poll of a component the clock stops.
const IDLE_TICKS: u32 = 20;

static CLOCK: EpochClock = EpochClock {
    engines: Mutex::new(Vec::new()),
    thread: OnceLock::new(),
    polled: AtomicBool::new(false),
    stopped: AtomicBool::new(false),
};

/// The epoch clock of the process.
struct EpochClock {
    engines: Mutex<Vec<EngineWeak>>,
    thread: OnceLock<Thread>,
    /// Whether a component was polled since the last tick.
    polled: AtomicBool,
    stopped: AtomicBool,
}

/// Advances the epoch of this engine at each tick, for as long as the engine exists.
pub(crate) fn add_engine(engine: EngineWeak) {
    CLOCK.lock().push(engine);
    CLOCK
        .thread
        .get_or_init(|| thread::spawn(|| CLOCK.run()).thread().clone());
}

/// Notes that a component is about to be polled, and restarts the clock.
pub(crate) fn note_poll() {
    // All threads read it, and one of them writes to it once for each tick.
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

impl EpochClock {
    fn run(&self) {
        let mut idle = 0;
        loop {
            thread::sleep(TICK);
            self.tick();
            idle = match self.polled.swap(false, SeqCst) {
                true => 0,
                // A component that computes is polled again at each tick.
                false => idle + 1,
            };
            if idle >= IDLE_TICKS {
                self.park_until_poll();
                idle = 0;
            }
        }
    }

    /// Waits until the next poll.
    fn park_until_poll(&self) {
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
