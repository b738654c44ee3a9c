//! Work that piles up is done together: what comes while others of its kind are being done waits, and is then one batch.

use crate::batch_delay::BatchDelay;
use futures::future::join_all;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard, oneshot};
use tokio::time::timeout;

/// How long a batch may take. Behind one that never ends, all others would wait for ever.
const LIMIT: Duration = Duration::from_secs(30);

/// Where jobs are put down to be done together. Clones are the same.
///
/// Who finds nobody at work has its own done at once, and whoever gets the next turn has all done that lie there by then;
/// behind several that is a little later, so that there are more. A batch is seen to its end by a task of its own, even
/// when those who brought it go away; what is still waiting then is forgotten.
pub struct Batcher<J, A, E> {
    waiting: Arc<Mutex<Vec<Pending<J, A, E>>>>,
    turn: Arc<Turn<BatchDelay>>,
    most: usize,
}

/// A job, and who waits for it.
struct Pending<J, A, E> {
    job: Arc<J>,
    done: oneshot::Sender<Result<A, E>>,
}

impl<J, A, E> Clone for Batcher<J, A, E> {
    fn clone(&self) -> Self {
        Self { waiting: Arc::clone(&self.waiting), turn: Arc::clone(&self.turn), most: self.most }
    }
}

impl<J, A, E> Batcher<J, A, E>
where
    J: Send + Sync + 'static,
    A: Send + 'static,
    E: Send + 'static,
{
    /// Does up to so many jobs at once.
    #[must_use]
    pub fn at_most(most: usize) -> Self {
        Self { waiting: Arc::default(), turn: Arc::default(), most }
    }

    /// Puts a job down and waits until it is done: by `work` of whoever has the turn, which gives an answer for each job,
    /// in order. Where a batch fails, its jobs are done each for itself, so that none fails for another's sake.
    ///
    /// `None` when the work broke off before it answered: with a panic, with the program, or because it took 30 s.
    pub async fn join<W>(
        &self,
        job: J,
        work: impl Fn(Vec<Arc<J>>) -> W + Clone + Send + Sync + 'static,
    ) -> Option<Result<A, E>>
    where
        W: Future<Output = Result<Vec<A>, E>> + Send + 'static,
    {
        let (job, (done, mut answer)) = (Arc::new(job), oneshot::channel());
        self.jobs(|waiting| waiting.push(Pending { job: Arc::clone(&job), done }));
        let still_waits = || self.jobs(|waiting| waiting.iter().any(|waiting| Arc::ptr_eq(&waiting.job, &job)));
        loop {
            tokio::select! {
                biased;
                answer = &mut answer => return answer.ok(),
                turn = Arc::clone(&self.turn).lock_owned() => match still_waits() {
                    true => drop(tokio::spawn(self.clone().do_all(turn, work.clone()))),
                    false => break,
                },
            }
        }
        answer.await.ok()
    }

    /// Does a batch, and tells those who wait; they may be gone, and it is done all the same.
    async fn do_all<W>(self, mut turn: OwnedMutexGuard<BatchDelay>, work: impl Fn(Vec<Arc<J>>) -> W)
    where
        W: Future<Output = Result<Vec<A>, E>>,
    {
        turn.wait().await;
        let batch = self.take();
        if batch.is_empty() {
            return;
        }
        let work_on = |jobs| timeout(LIMIT, work(jobs));
        let done = work_on(batch.iter().map(|waiting| Arc::clone(&waiting.job)).collect()).await;
        turn.note(batch.len());
        drop(turn);
        let Ok(done) = done else { return };
        match done {
            // Each for itself and side by side: what failed may be away, and nobody is to wait for that in a line.
            Err(_) if batch.len() > 1 => {
                let each = batch.into_iter().map(async |Pending { job, done }| {
                    if let Ok(answer) = work_on(vec![job]).await {
                        tell([done], answer);
                    }
                });
                join_all(each).await;
            }
            done => tell(batch.into_iter().map(|waiting| waiting.done), done),
        }
    }

    /// Takes a batch, of those that somebody still waits for.
    fn take(&self) -> Vec<Pending<J, A, E>> {
        self.jobs(|waiting| {
            waiting.retain(|waiting| !waiting.done.is_closed());
            let rest = waiting.split_off(waiting.len().min(self.most));
            mem::replace(waiting, rest)
        })
    }

    fn jobs<T>(&self, change: impl FnOnce(&mut Vec<Pending<J, A, E>>) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells those who wait, in order; a failure is that of the first.
fn tell<A, E>(waiting: impl IntoIterator<Item = oneshot::Sender<Result<A, E>>>, done: Result<Vec<A>, E>) {
    let answers = done.map_or_else(|error| vec![Err(error)], |answers| answers.into_iter().map(Ok).collect());
    for (waiting, answer) in waiting.into_iter().zip(answers) {
        let _ = waiting.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::Batcher;
    use std::sync::{Arc, Mutex};
    use tokio::sync::Semaphore;

    /// Work on numbers that waits for leave, notes its batches, and fails for those in which there is a 13.
    #[derive(Clone)]
    struct Work {
        leave: Arc<Semaphore>,
        batches: Arc<Mutex<Vec<Vec<u32>>>>,
    }

    impl Work {
        fn new() -> Self {
            Self { leave: Arc::new(Semaphore::new(0)), batches: Arc::default() }
        }

        async fn double(self, jobs: Vec<Arc<u32>>) -> Result<Vec<u32>, &'static str> {
            self.leave.acquire().await.unwrap().forget();
            let jobs: Vec<u32> = jobs.iter().map(|job| **job).collect();
            self.batches.lock().unwrap().push(jobs.clone());
            if jobs.contains(&13) { Err("unlucky") } else { Ok(jobs.iter().map(|job| job * 2).collect()) }
        }

        fn join(&self, batcher: &Batcher<u32, u32, &'static str>, job: u32) -> Joined {
            let (batcher, work) = (batcher.clone(), self.clone());
            tokio::spawn(async move { batcher.join(job, move |jobs| work.clone().double(jobs)).await })
        }

        fn batches(&self) -> Vec<Vec<u32>> {
            self.batches.lock().unwrap().clone()
        }
    }

    type Joined = tokio::task::JoinHandle<Option<Result<u32, &'static str>>>;

    /// Lets all tasks run until they wait.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_comes_meanwhile_is_one_lot_and_no_larger_than_allowed() {
        let (batcher, work) = (Batcher::at_most(3), Work::new());
        let mut joined = vec![work.join(&batcher, 1)];
        settle().await;
        joined.extend((2..=6).map(|job| work.join(&batcher, job)));
        settle().await;
        work.leave.add_permits(100);
        for (job, joined) in (1..).zip(joined) {
            assert_eq!(joined.await.unwrap(), Some(Ok(job * 2)));
        }
        assert_eq!(work.batches(), [vec![1], vec![2, 3, 4], vec![5, 6]]);
    }

    #[tokio::test]
    async fn a_job_that_fails_costs_the_others_of_its_lot_nothing() {
        let (batcher, work) = (Batcher::at_most(10), Work::new());
        let first = work.join(&batcher, 1);
        settle().await;
        let others: Vec<_> = [2, 13, 4].map(|job| work.join(&batcher, job)).into();
        settle().await;
        work.leave.add_permits(100);
        assert_eq!(first.await.unwrap(), Some(Ok(2)));
        let mut answers = Vec::new();
        for other in others {
            answers.push(other.await.unwrap());
        }
        assert_eq!(answers, [Some(Ok(4)), Some(Err("unlucky")), Some(Ok(8))]);
        assert_eq!(work.batches(), [vec![1], vec![2, 13, 4], vec![2], vec![13], vec![4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lot_that_never_ends_keeps_nobody_else_waiting() {
        let (batcher, work) = (Batcher::at_most(10), Work::new());
        let stuck = work.join(&batcher, 1);
        settle().await;
        let next = work.join(&batcher, 2);
        assert_eq!(stuck.await.unwrap(), None);
        work.leave.add_permits(100);
        assert_eq!(next.await.unwrap(), Some(Ok(4)));
    }

    #[tokio::test]
    async fn a_lot_is_done_though_who_brought_it_goes_away() {
        let (batcher, work) = (Batcher::at_most(10), Work::new());
        let first = work.join(&batcher, 1);
        settle().await;
        let second = work.join(&batcher, 2);
        settle().await;
        let third = work.join(&batcher, 3);
        settle().await;
        first.abort();
        third.abort();
        settle().await;
        work.leave.add_permits(100);
        assert_eq!(second.await.unwrap(), Some(Ok(4)));
        assert_eq!(work.batches(), [vec![1], vec![2]], "who goes away before its turn is not waited for by anybody");
    }
}
