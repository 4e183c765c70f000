//! emit, with an emitter that owns its events; and what one would write without a library.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::SystemTime;

use serde_json::Value;

use super::Case;

pub(crate) struct Emit {
    events: Arc<AtomicU64>,
    text: String,
}

impl Emit {
    pub(crate) fn new() -> Self {
        let events = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&events);
        let emitter = emit::emitter::from_fn(move |event| {
            black_box(event.to_owned());
            count.fetch_add(1, Ordering::Relaxed);
        });
        let _init = emit::setup().emit_to(emitter).init();
        Self {
            events,
            text: super::long_text(),
        }
    }
}

impl Case for Emit {
    #[inline(never)]
    fn burst(&mut self, records: u64) {
        for attempt in 0..records {
            let prompt = black_box(self.text.as_str());
            emit::info!("fetched", prompt, attempt, cache: "miss");
        }
    }

    fn finish(&mut self) -> Option<u64> {
        Some(self.events.load(Ordering::Relaxed))
    }
}

struct Event {
    _run: String,
    _name: String,
    _when: SystemTime,
    _payload: BTreeMap<String, Value>,
}

#[derive(Default)]
struct Queue {
    events: Mutex<(Vec<Event>, bool)>,
    wake: Condvar,
}

pub(crate) struct MutexVec {
    queue: Arc<Queue>,
    consumer: Option<JoinHandle<u64>>,
    text: String,
}

impl MutexVec {
    pub(crate) fn new() -> Self {
        let queue = Arc::new(Queue::default());
        let shared = Arc::clone(&queue);
        let consumer = std::thread::spawn(move || {
            let mut delivered = 0;
            loop {
                let mut events = shared.events.lock().expect("lock");
                while events.0.is_empty() && !events.1 {
                    events = shared.wake.wait(events).expect("lock");
                }
                if events.0.is_empty() {
                    return delivered;
                }
                let batch = std::mem::take(&mut events.0);
                drop(events);
                delivered += batch.len() as u64;
                black_box(batch);
            }
        });
        Self {
            queue,
            consumer: Some(consumer),
            text: super::long_text(),
        }
    }
}

impl Case for MutexVec {
    #[inline(never)]
    #[expect(clippy::disallowed_methods, reason = "what one would write")]
    fn burst(&mut self, records: u64) {
        for attempt in 0..records {
            let payload = BTreeMap::from([
                (
                    "prompt".to_owned(),
                    Value::from(black_box(self.text.as_str())),
                ),
                ("attempt".to_owned(), Value::from(attempt)),
                ("cache".to_owned(), Value::from("miss")),
            ]);
            let event = Event {
                _run: "req-42".to_owned(),
                _name: "main.fetch".to_owned(),
                _when: SystemTime::now(),
                _payload: payload,
            };
            self.queue.events.lock().expect("lock").0.push(event);
        }
        self.queue.wake.notify_one();
    }

    fn finish(&mut self) -> Option<u64> {
        self.queue.events.lock().expect("lock").1 = true;
        self.queue.wake.notify_one();
        self.consumer
            .take()
            .and_then(|consumer| consumer.join().ok())
    }
}
