//! Threads that parse chunks.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use runtrail_core::event::TraceEvent;
use runtrail_core::wire::WireReader;

use crate::chunk::Chunk;
use crate::options::ReadOptions;
use crate::parse::{Parsed, Place, parse, room_for};

struct Job {
    chunk: Chunk,
    place: Place,
    room: Vec<TraceEvent>,
    reply: SyncSender<(Chunk, Parsed)>,
}

/// A chunk that is being parsed.
pub(super) struct Task(Receiver<(Chunk, Parsed)>);

impl Task {
    /// Waits for the chunk; `None` only if its thread is gone, which takes a panic.
    pub(super) fn wait(self) -> Option<(Chunk, Parsed)> {
        self.0.recv().ok()
    }
}

/// A fixed number of parsing threads. Dropping it ends them.
pub(super) struct Pool {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn start(options: &ReadOptions) -> Self {
        let (wire, max_line) = (options.wire, options.max_line);
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let work = move |queue: Arc<Mutex<Receiver<Job>>>| {
            let mut reader = WireReader::new(wire);
            loop {
                let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok(Job {
                    chunk,
                    place,
                    room,
                    reply,
                }) = job
                else {
                    return;
                };
                let parsed = parse(&mut reader, &chunk.text, place, chunk.last, max_line, room);
                // The reader may have gone away with an error; then nobody wants the answer.
                let _ = reply.send((chunk, parsed));
            }
        };
        let threads = (0..options.threads)
            .map(|_| {
                let queue = Arc::clone(&queue);
                std::thread::spawn(move || work(queue))
            })
            .collect();
        Self {
            jobs: Some(jobs),
            threads,
        }
    }

    pub(super) fn threads(&self) -> usize {
        self.threads.len()
    }

    pub(super) fn submit(&self, chunk: Chunk, place: Place) -> Task {
        let (reply, answer) = sync_channel(1);
        if let Some(jobs) = &self.jobs {
            let room = room_for(&chunk.text);
            let _ = jobs.send(Job {
                chunk,
                place,
                room,
                reply,
            });
        }
        Task(answer)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
