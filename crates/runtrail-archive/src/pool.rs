//! Threads that work ahead of whoever waits for them.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::error::ArchiveError;

/// A job that is being done.
pub(crate) struct Task<R>(Receiver<R>);

impl<R> Task<R> {
    /// Waits for the job; `None` only if its thread is gone, which takes a panic.
    pub(crate) fn wait(self) -> Option<R> {
        self.0.recv().ok()
    }
}

/// A fixed number of threads that do jobs. Dropping it ends them.
pub(crate) struct Pool<J, R> {
    jobs: Option<Sender<(J, SyncSender<R>)>>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Send + 'static, R: Send + 'static> Pool<J, R> {
    /// Starts threads, each with a worker of its own.
    pub(crate) fn start<W: FnMut(J) -> R + Send + 'static>(
        threads: usize,
        worker: impl Fn() -> W,
    ) -> Self {
        let (jobs, queue) = channel::<(J, SyncSender<R>)>();
        let queue = Arc::new(Mutex::new(queue));
        let threads = (0..threads)
            .map(|_| {
                let (queue, mut work) = (Arc::clone(&queue), worker());
                std::thread::spawn(move || {
                    loop {
                        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok((job, reply)) = job else { return };
                        // Whoever asked may have gone away with an error.
                        let _ = reply.send(work(job));
                    }
                })
            })
            .collect();
        Self {
            jobs: Some(jobs),
            threads,
        }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }

    pub(crate) fn submit(&self, job: J) -> Task<R> {
        let (reply, answer) = sync_channel(1);
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send((job, reply));
        }
        Task(answer)
    }
}

impl<J, R> Drop for Pool<J, R> {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Does jobs one after another or, with more than one thread, some ahead; gives their results in
/// the order of the jobs.
pub(crate) struct InOrder<J, R> {
    jobs: Box<dyn Iterator<Item = J>>,
    how: How<J, R>,
    waiting: VecDeque<Task<R>>,
}

enum How<J, R> {
    Here(Box<dyn FnMut(J) -> R>),
    There(Pool<J, R>),
}

impl<J: Send + 'static, R: Send + 'static> InOrder<J, R> {
    pub(crate) fn new<W: FnMut(J) -> R + Send + 'static>(
        threads: usize,
        jobs: impl Iterator<Item = J> + 'static,
        worker: impl Fn() -> W,
    ) -> Self {
        let how = if threads > 1 {
            How::There(Pool::start(threads, worker))
        } else {
            How::Here(Box::new(worker()))
        };
        Self {
            jobs: Box::new(jobs),
            how,
            waiting: VecDeque::new(),
        }
    }

    /// Returns the next result.
    pub(crate) fn next(&mut self) -> Result<Option<R>, ArchiveError> {
        let pool = match &mut self.how {
            How::Here(work) => return Ok(self.jobs.next().map(work)),
            How::There(pool) => pool,
        };
        while self.waiting.len() <= pool.threads()
            && let Some(job) = self.jobs.next()
        {
            self.waiting.push_back(pool.submit(job));
        }
        match self.waiting.pop_front() {
            Some(task) => task.wait().map(Some).ok_or(ArchiveError::ThreadLost),
            None => Ok(None),
        }
    }
}
