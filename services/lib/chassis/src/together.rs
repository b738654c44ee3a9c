//! Work that piles up is done together: what comes while others of its kind are being done waits, and is then one lot.

use crate::linger::Linger;
use futures::future::join_all;
use std::{
    mem,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Mutex as Turn, OwnedMutexGuard, oneshot},
    time::timeout,
};

/// How long a lot may take. Behind one that never ends, all others would wait for ever.
const LIMIT: Duration = Duration::from_secs(30);

/// Where jobs are put down to be done together. Clones are the same.
///
/// Who finds nobody at work has its own done at once, and whoever gets the next turn has all done that lie there by then;
/// behind several that is a little later, so that there are more. A lot is seen to its end by a task of its own, even
/// when those who brought it go away; what is still waiting then is forgotten.
pub struct Together<J, A, E> {
    waiting: Arc<Mutex<Vec<Waiting<J, A, E>>>>,
    turn: Arc<Turn<Linger>>,
    most: usize,
}

/// A job, and who waits for it.
struct Waiting<J, A, E> {
    job: Arc<J>,
    done: oneshot::Sender<Result<A, E>>,
}

impl<J, A, E> Clone for Together<J, A, E> {
    fn clone(&self) -> Self {
        Self { waiting: Arc::clone(&self.waiting), turn: Arc::clone(&self.turn), most: self.most }
    }
}

impl<J, A, E> Together<J, A, E>
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
    /// in order. Where a lot fails, its jobs are done each for itself, so that none fails for another's sake.
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
        self.jobs(|waiting| waiting.push(Waiting { job: Arc::clone(&job), done }));
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

    /// Does a lot, and tells those who wait; they may be gone, and it is done all the same.
    async fn do_all<W>(self, mut turn: OwnedMutexGuard<Linger>, work: impl Fn(Vec<Arc<J>>) -> W)
    where
        W: Future<Output = Result<Vec<A>, E>>,
    {
        turn.wait().await;
        let lot = self.take();
        if lot.is_empty() {
            return;
        }
        let work_on = |jobs| timeout(LIMIT, work(jobs));
        let done = work_on(lot.iter().map(|waiting| Arc::clone(&waiting.job)).collect()).await;
        turn.note(lot.len());
        drop(turn);
        let Ok(done) = done else { return };
        match done {
            // Each for itself and side by side: what failed may be away, and nobody is to wait for that in a line.
            Err(_) if lot.len() > 1 => {
                let each = lot.into_iter().map(async |Waiting { job, done }| {
                    if let Ok(answer) = work_on(vec![job]).await {
                        tell([done], answer);
                    }
                });
                join_all(each).await;
            }
            done => tell(lot.into_iter().map(|waiting| waiting.done), done),
        }
    }

    /// Takes a lot, of those that somebody still waits for.
    fn take(&self) -> Vec<Waiting<J, A, E>> {
        self.jobs(|waiting| {
            waiting.retain(|waiting| !waiting.done.is_closed());
            let rest = waiting.split_off(waiting.len().min(self.most));
            mem::replace(waiting, rest)
        })
    }

    fn jobs<T>(&self, change: impl FnOnce(&mut Vec<Waiting<J, A, E>>) -> T) -> T {
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
    use super::Together;
    use std::sync::{Arc, Mutex};
    use tokio::sync::Semaphore;

    /// Work on numbers that waits for leave, notes its lots, and fails for those in which there is a 13.
    #[derive(Clone)]
    struct Work {
        leave: Arc<Semaphore>,
        lots: Arc<Mutex<Vec<Vec<u32>>>>,
    }

    impl Work {
        fn new() -> Self {
            Self { leave: Arc::new(Semaphore::new(0)), lots: Arc::default() }
        }

        async fn double(self, jobs: Vec<Arc<u32>>) -> Result<Vec<u32>, &'static str> {
            self.leave.acquire().await.unwrap().forget();
            let jobs: Vec<u32> = jobs.iter().map(|job| **job).collect();
            self.lots.lock().unwrap().push(jobs.clone());
            if jobs.contains(&13) { Err("unlucky") } else { Ok(jobs.iter().map(|job| job * 2).collect()) }
        }

        fn join(&self, together: &Together<u32, u32, &'static str>, job: u32) -> Joined {
            let (together, work) = (together.clone(), self.clone());
            tokio::spawn(async move { together.join(job, move |jobs| work.clone().double(jobs)).await })
        }

        fn lots(&self) -> Vec<Vec<u32>> {
            self.lots.lock().unwrap().clone()
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
        let (together, work) = (Together::at_most(3), Work::new());
        let mut joined = vec![work.join(&together, 1)];
        settle().await;
        joined.extend((2..=6).map(|job| work.join(&together, job)));
        settle().await;
        work.leave.add_permits(100);
        for (job, joined) in (1..).zip(joined) {
            assert_eq!(joined.await.unwrap(), Some(Ok(job * 2)));
        }
        assert_eq!(work.lots(), [vec![1], vec![2, 3, 4], vec![5, 6]]);
    }

    #[tokio::test]
    async fn a_job_that_fails_costs_the_others_of_its_lot_nothing() {
        let (together, work) = (Together::at_most(10), Work::new());
        let first = work.join(&together, 1);
        settle().await;
        let others: Vec<_> = [2, 13, 4].map(|job| work.join(&together, job)).into();
        settle().await;
        work.leave.add_permits(100);
        assert_eq!(first.await.unwrap(), Some(Ok(2)));
        let mut answers = Vec::new();
        for other in others {
            answers.push(other.await.unwrap());
        }
        assert_eq!(answers, [Some(Ok(4)), Some(Err("unlucky")), Some(Ok(8))]);
        assert_eq!(work.lots(), [vec![1], vec![2, 13, 4], vec![2], vec![13], vec![4]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lot_that_never_ends_keeps_nobody_else_waiting() {
        let (together, work) = (Together::at_most(10), Work::new());
        let stuck = work.join(&together, 1);
        settle().await;
        let next = work.join(&together, 2);
        assert_eq!(stuck.await.unwrap(), None);
        work.leave.add_permits(100);
        assert_eq!(next.await.unwrap(), Some(Ok(4)));
    }

    #[tokio::test]
    async fn a_lot_is_done_though_who_brought_it_goes_away() {
        let (together, work) = (Together::at_most(10), Work::new());
        let first = work.join(&together, 1);
        settle().await;
        let second = work.join(&together, 2);
        settle().await;
        let third = work.join(&together, 3);
        settle().await;
        first.abort();
        third.abort();
        settle().await;
        work.leave.add_permits(100);
        assert_eq!(second.await.unwrap(), Some(Ok(4)));
        assert_eq!(work.lots(), [vec![1], vec![2]], "who goes away before its turn is not waited for by anybody");
    }
}
