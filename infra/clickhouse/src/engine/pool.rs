//! Threads that run statements: so many at once, so many waiting, and no more.

use super::options::Limits;
use super::run::Job;
use super::session::Sessions;
use crate::failure::Failure;
use anyhow::Result;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// The engine's parser and planner recurse deeply.
const STACK: usize = 16 << 20;

/// The threads and the queue before them.
pub(super) struct Pool {
    queue: SyncSender<Job>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn start(sessions: &Arc<Sessions>, limits: &Limits) -> Result<Self> {
        let (queue, jobs) = sync_channel(limits.queue);
        let jobs = Arc::new(Mutex::new(jobs));
        let start = |number| {
            let (sessions, jobs) = (Arc::clone(sessions), Arc::clone(&jobs));
            let thread = std::thread::Builder::new().name(format!("statement {number}")).stack_size(STACK);
            thread.spawn(move || work(&sessions, &jobs))
        };
        let threads = (0..limits.concurrency.max(1)).map(start).collect::<Result<_, _>>()?;
        Ok(Self { queue, threads })
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), Failure> {
        self.queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => Failure::too_many_queries("Too many simultaneous queries"),
            TrySendError::Disconnected(_) => Failure::internal("The engine is stopping"),
        })
    }

    /// Lets the threads finish what is queued, and waits for them.
    pub(super) fn finish(self) {
        drop(self.queue);
        for thread in self.threads {
            // A thread that panicked has nothing left to finish.
            let _ = thread.join();
        }
    }
}

fn work(sessions: &Sessions, jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting and released before running.
        let next = jobs.lock().recv();
        let Ok(job) = next else { return };
        job.run(sessions);
    }
}
