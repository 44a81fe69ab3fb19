//! The threads on which passwords are hashed: few, of their own, at a lower priority, behind a fair and bounded queue.

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    argon::Memory,
    queue::{FairQueue, Offer},
};
use crate::{error::Fault, limits::household};

/// How many jobs may wait for each thread: at 20 ms each, the last of a full queue waits for about 1.3 s.
const WAITING_PER_THREAD: usize = 64;
/// A thread that had nothing to do for this long ends, and its memory goes with it.
const REST: Duration = Duration::from_secs(60);
/// How much the threads give way to those that serve requests (`nice`). A thread that answers a request then displaces a
/// hash at once, and hashing still gets about a tenth of a core that never rests.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;
/// There is nothing below.
#[cfg(target_os = "linux")]
const LOWEST: i32 = 19;

/// A pool. Its threads begin when there is work for them, and end with the last handle.
#[derive(Debug)]
pub(super) struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
    threads: usize,
}

#[derive(Debug)]
struct State {
    queue: FairQueue<IpAddr, Box<dyn Job>>,
    running: usize,
    idle: usize,
    closed: bool,
}

/// What waits in the queue.
trait Job: Send + std::fmt::Debug {
    /// Does it, and tells whoever asked.
    fn work(self: Box<Self>, memory: &mut Memory);
    /// Tells whoever asked that it will not be done.
    fn turn_away(self: Box<Self>);
    /// Whether somebody still waits for it.
    fn is_wanted(&self) -> bool;
}

struct Task<T, F> {
    task: F,
    answer: oneshot::Sender<Result<T, Fault>>,
}

impl<T, F> std::fmt::Debug for Task<T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Task(..)")
    }
}

impl<T: Send, F: FnOnce(&mut Memory) -> T + Send> Job for Task<T, F> {
    fn work(self: Box<Self>, memory: &mut Memory) {
        let Self { task, answer } = *self;
        // Nobody may be waiting any more.
        let _ = answer.send(Ok(task(memory)));
    }

    fn turn_away(self: Box<Self>) {
        let _ = self.answer.send(Err(Fault::Crowded));
    }

    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }
}

impl Pool {
    pub(super) fn new(threads: NonZeroUsize) -> Self {
        let threads = threads.get();
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                queue: FairQueue::new(threads * WAITING_PER_THREAD),
                running: 0,
                idle: 0,
                closed: false,
            }),
            news: Condvar::new(),
            threads,
        }))
    }

    /// Runs a task when it is the turn of `address`; addresses that one household can choose from are one. A task whose
    /// caller has gone away before its turn is not run.
    ///
    /// # Errors
    /// [`Fault::Crowded`] if there was no room, or if it had to give its place to somebody with fewer tasks;
    /// [`Fault::Panicked`] if the task panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        address: IpAddr,
        task: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let (answer, told) = oneshot::channel();
        self.enqueue(address, Box::new(Task { task, answer }));
        told.await
            .unwrap_or_else(|_| Err(Fault::Panicked("in a password's hash".to_owned())))
    }

    fn enqueue(&self, address: IpAddr, job: Box<dyn Job>) {
        let mut state = self.0.lock();
        if state.idle == 0 && state.running < self.0.threads {
            state.running += usize::from(start(&self.0));
        }
        let refused = if state.running == 0 {
            Some(job)
        } else {
            match state.queue.push(household(address), job) {
                Offer::Taken => None,
                Offer::InsteadOf(other) | Offer::Full(other) => Some(other),
            }
        };
        gauge(&state);
        drop(state);
        self.0.news.notify_one();
        if let Some(refused) = refused {
            metrics::counter!(crate::metrics::PASSWORDS_TURNED_AWAY).increment(1);
            refused.turn_away();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.news.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` when the thread should end, and then it counts as ended.
    fn next(&self) -> Option<Box<dyn Job>> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop() {
                gauge(&state);
                return Some(job);
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, waited) = self
                .news
                .wait_timeout(state, REST)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.len() == 0 {
                break;
            }
        }
        state.running -= 1;
        None
    }
}

fn gauge(state: &State) {
    metrics::gauge!(crate::metrics::PASSWORDS_WAITING).set(state.queue.len() as f64);
}

/// Starts one thread more, and says whether that worked.
fn start(shared: &Arc<Shared>) -> bool {
    let own = Arc::clone(shared);
    let started = std::thread::Builder::new()
        .name("password".to_owned())
        .spawn(move || serve(&own));
    if let Err(why) = &started {
        tracing::error!(%why, "a thread for hashing passwords cannot be started");
    }
    started.is_ok()
}

fn serve(shared: &Shared) {
    give_way();
    let mut memory = Memory::default();
    while let Some(job) = shared.next() {
        if job.is_wanted() {
            // Whoever asked hears of a panic because its answer never comes; the thread lives on.
            let _ = catch_unwind(AssertUnwindSafe(|| job.work(&mut memory)));
        }
    }
}

/// Lowers the priority of this thread alone. On Linux the call is about threads whatever its name says; elsewhere it
/// would be about the whole process, so there it is not made.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};

        let lowered = getpriority_process(None)
            .and_then(|nice| setpriority_process(None, (nice + NICE).min(LOWEST)));
        if let Err(why) = lowered {
            tracing::warn!(%why, "passwords are hashed at the priority of everything else");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const TWO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn pool() -> Arc<Pool> {
        Arc::new(Pool::new(NonZeroUsize::MIN))
    }

    /// A task that runs until it is told to stop; answers when it has begun.
    fn occupy(pool: &Arc<Pool>) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Fault>>) {
        let (stop, stopped) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        let own = Arc::clone(pool);
        let held = tokio::spawn(async move {
            own.run(ONE, move |_| {
                begin.send(()).unwrap();
                let _ = stopped.recv();
            })
            .await
        });
        tokio::task::block_in_place(|| begun.recv().unwrap());
        (stop, held)
    }

    async fn until_waiting(pool: &Pool, count: usize) {
        while pool.0.lock().queue.len() != count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn it_answers_and_survives_a_panic() {
        let pool = pool();
        assert_eq!(pool.run(ONE, |_| 7).await.unwrap(), 7);
        let broken = pool.run(ONE, |_| panic!("as it was told to")).await;
        assert!(matches!(broken, Err(Fault::Panicked(_))), "{broken:?}");
        assert_eq!(pool.run(ONE, |_| 8).await.unwrap(), 8);
        assert_eq!(pool.0.lock().running, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_flood_from_one_address_leaves_room_for_another() {
        let pool = pool();
        let (stop, held) = occupy(&pool);
        let flood: Vec<_> = (0..WAITING_PER_THREAD + 10)
            .map(|_| {
                let own = Arc::clone(&pool);
                tokio::spawn(async move { own.run(ONE, |_| ()).await })
            })
            .collect();
        let mut turned_away = 0;
        until_waiting(&pool, WAITING_PER_THREAD).await;
        let own = Arc::clone(&pool);
        let order = Arc::new(Mutex::new(vec![]));
        let noted = Arc::clone(&order);
        let other =
            tokio::spawn(
                async move { own.run(TWO, move |_| noted.lock().unwrap().push(())).await },
            );
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.send(()).unwrap();
        other.await.unwrap().unwrap();
        for answer in flood {
            turned_away += usize::from(matches!(answer.await.unwrap(), Err(Fault::Crowded)));
        }
        held.await.unwrap().unwrap();
        assert_eq!(
            turned_away, 11,
            "ten for whom there was no room, and one for the other"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_nobody_waits_for_is_not_done() {
        let pool = pool();
        let (stop, held) = occupy(&pool);
        let (done, seen) = mpsc::channel();
        let own = Arc::clone(&pool);
        let impatient = tokio::spawn(async move { own.run(TWO, move |_| done.send(())).await });
        until_waiting(&pool, 1).await;
        impatient.abort();
        let _ = impatient.await;
        stop.send(()).unwrap();
        held.await.unwrap().unwrap();
        pool.run(ONE, |_| ()).await.unwrap();
        assert!(seen.try_recv().is_err());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn its_threads_give_way_and_no_others() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        assert_eq!(
            pool().run(ONE, move |_| nice()).await.unwrap(),
            (before + NICE).min(LOWEST)
        );
        assert_eq!(nice(), before);
    }
}
