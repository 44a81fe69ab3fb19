//! Load: many callers at once for a while, and how long each call took.

use std::{
    future::Future,
    net::SocketAddr,
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Result;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use rustix::thread::set_current_timer_slack;
use tokio::{runtime::Runtime, sync::Semaphore, task::JoinSet};

use crate::{
    http::{Caller, Script},
    pin,
};

/// What a load found.
pub struct Found {
    /// Calls a second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// How many answers there were in all, those before and after what was measured too.
    pub answers: u64,
}

/// Calls `call` from `callers` tasks, each again as soon as it is answered, for `time` after a short warm-up. What is answered
/// within that time counts, whenever it was asked.
pub fn closed<F, Fut>(runtime: &Runtime, callers: usize, time: Duration, call: F) -> Found
where
    F: Fn() -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + Send,
{
    let (counting, stop) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (call, counting, stop) = (call.clone(), Arc::clone(&counting), Arc::clone(&stop));
            runtime.spawn(async move {
                let (mut micros, mut answers) = (Vec::new(), 0);
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    call().await;
                    answers += 1;
                    if counting.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
                        micros.push(began.elapsed().as_micros() as u64);
                    }
                }
                (micros, answers)
            })
        })
        .collect();
    std::thread::sleep(time / 5);
    counting.store(true, Ordering::Relaxed);
    let began = Instant::now();
    std::thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let elapsed = began.elapsed();
    let (mut micros, mut answers) = (Vec::new(), 0);
    for task in tasks {
        let (mut own, answered) = runtime.block_on(task).unwrap_or_default();
        micros.append(&mut own);
        answers += answered;
    }
    found(micros, elapsed, answers)
}

/// Rates of plain loops on threads: `work` is called on each of `threads` threads until `time` is over and says how many
/// things it did.
pub fn threads<W>(threads: usize, time: Duration, make: impl Fn(usize) -> W) -> f64
where
    W: FnMut() -> u64 + Send,
{
    let began = Instant::now();
    let done: u64 = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|index| {
                let mut work = make(index);
                scope.spawn(move || {
                    let (began, mut done) = (Instant::now(), 0);
                    while began.elapsed() < time {
                        done += work();
                    }
                    done
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or(0))
            .sum()
    });
    done as f64 / began.elapsed().as_secs_f64()
}

/// When requests come.
#[derive(Debug, Clone, Copy)]
pub enum Arrivals {
    /// Each caller asks again as soon as it is answered: how much can be served. What is answered within the time counts,
    /// whenever it was asked; else the requests that are under way at either end would be missing.
    Closed,
    /// At random moments, so many a second on average, however the server fares. Latency counts from the moment at which a
    /// request was due, so that waiting behind a slow one is not forgotten.
    Open(f64),
    /// The same at equal distances, as load generators with a fixed rate ask (wrk2, oha): nobody queues but behind slow answers.
    Paced(f64),
}

impl Arrivals {
    /// When requests are due until `end`; `None` if that depends on the answers.
    fn moments(self, end: Duration) -> Option<Vec<Duration>> {
        match self {
            Self::Closed => None,
            Self::Open(rate) => Some(schedule(rate, end)),
            Self::Paced(rate) => {
                let moments = (0_u32..).map(|n| Duration::from_secs_f64(f64::from(n) / rate));
                Some(moments.take_while(|moment| *moment < end).collect())
            }
        }
    }
}

/// Has callers ask for `time` after a short warm-up, from `core`.
///
/// # Errors
/// The first answer that is not 200.
pub fn visits(
    core: usize,
    address: SocketAddr,
    scripts: Vec<Script>,
    time: Duration,
    arrivals: Arrivals,
) -> Result<Found> {
    pin::on(core, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let warm_up = time / 5;
            let window = warm_up..warm_up + time;
            // Whatever the server does only once, it has done when the clock starts.
            let (mut first, mut connected) = (JoinSet::new(), Vec::new());
            for script in scripts {
                first.spawn(async move {
                    let mut caller = Caller::connect(address, script).await?;
                    caller.ask().await?;
                    Ok::<_, anyhow::Error>(caller)
                });
            }
            while let Some(caller) = first.join_next().await {
                connected.push(caller??);
            }
            let mut answers = connected.len() as u64;
            let moments = arrivals.moments(window.end);
            let began = Instant::now();
            let due = moments.map(|moments| Due::strike(began, moments));
            let mut callers = JoinSet::new();
            for mut caller in connected {
                let (due, window) = (due.clone(), window.clone());
                callers.spawn(async move {
                    let (mut micros, mut answers) = (Vec::new(), 0);
                    // Whatever was due is asked, however late: what waited longest must not be missing.
                    while due.is_some() || began.elapsed() < window.end {
                        let asked = match &due {
                            None => began.elapsed(),
                            Some(due) => match due.next().await {
                                None => break,
                                Some(moment) => moment,
                            },
                        };
                        caller.ask().await?;
                        let answered = began.elapsed();
                        answers += 1;
                        let counts = match arrivals {
                            Arrivals::Closed => window.contains(&answered),
                            Arrivals::Open(_) | Arrivals::Paced(_) => window.contains(&asked),
                        };
                        if counts {
                            micros.push((answered - asked).as_micros() as u64);
                        }
                    }
                    Ok::<_, anyhow::Error>((micros, answers))
                });
            }
            let mut micros = Vec::new();
            while let Some(caller) = callers.join_next().await {
                let (mut own, answered) = caller??;
                micros.append(&mut own);
                answers += answered;
            }
            let counted = match arrivals {
                Arrivals::Closed => time,
                Arrivals::Open(_) | Arrivals::Paced(_) => began.elapsed() - warm_up,
            };
            Ok(found(micros, counted, answers))
        })
    })
}

/// The latency of a server without any overhead: does `work` on `core` for each of so many arrivals a second, one after the
/// other, at the very moments that [`visits`] has, and counts the same ones. What waits there would wait anywhere.
///
/// # Errors
/// What `work` answers.
pub fn bare(
    core: usize,
    time: Duration,
    rate: f64,
    mut work: impl FnMut() -> Result<()> + Send,
) -> Result<Found> {
    pin::on(core, || {
        let (warm_up, began) = (time / 5, Instant::now());
        let (mut micros, mut answers) = (Vec::new(), 0);
        for due in schedule(rate, warm_up + time) {
            while began.elapsed() < due {
                std::hint::spin_loop();
            }
            work()?;
            answers += 1;
            if due >= warm_up {
                micros.push((began.elapsed() - due).as_micros() as u64);
            }
        }
        Ok(found(micros, began.elapsed() - warm_up, answers))
    })
}

/// Moments at which requests are due, each handed to one caller when it has come.
///
/// A thread sleeps until each: the runtime's timers know whole milliseconds only, and a loop that looks at the clock would
/// keep the load's core busy, which slows the server's down where both are threads of one physical core.
#[derive(Clone)]
struct Due(Arc<(Vec<Duration>, AtomicUsize, Semaphore)>);

impl Due {
    fn strike(began: Instant, moments: Vec<Duration>) -> Self {
        let due = Self(Arc::new((moments, AtomicUsize::new(0), Semaphore::new(0))));
        let clock = due.clone();
        std::thread::spawn(move || {
            // Else the system may let it sleep 50 us longer. It can only refuse to say.
            let _ = set_current_timer_slack(NonZeroU64::new(1));
            let (moments, _, come) = &*clock.0;
            for moment in moments {
                std::thread::sleep(moment.saturating_sub(began.elapsed()));
                come.add_permits(1);
            }
            // Whoever still waits finds that nothing is left.
            come.add_permits(Semaphore::MAX_PERMITS / 2);
        });
        due
    }

    /// Waits for the next one; `None` when there are no more.
    async fn next(&self) -> Option<Duration> {
        let (moments, next, come) = &*self.0;
        come.acquire().await.ok()?.forget();
        moments.get(next.fetch_add(1, Ordering::Relaxed)).copied()
    }
}

/// The moments of a Poisson process: the same in every run.
fn schedule(rate: f64, time: Duration) -> Vec<Duration> {
    let (mut rng, mut at, mut moments) = (ChaCha20Rng::seed_from_u64(1), 0.0, Vec::new());
    while at < time.as_secs_f64() {
        moments.push(Duration::from_secs_f64(at));
        let chance = (f64::from(rng.next_u32()) + 1.0) / (f64::from(u32::MAX) + 1.0);
        at -= chance.ln() / rate;
    }
    moments
}

fn found(mut micros: Vec<u64>, elapsed: Duration, answers: u64) -> Found {
    micros.sort_unstable();
    let quantile = |q: f64| {
        let index = ((micros.len() as f64 * q) as usize).min(micros.len().saturating_sub(1));
        micros.get(index).map_or(0.0, |m| *m as f64 / 1000.0)
    };
    Found {
        rate: micros.len() as f64 / elapsed.as_secs_f64(),
        p50_ms: quantile(0.5),
        p99_ms: quantile(0.99),
        answers,
    }
}
