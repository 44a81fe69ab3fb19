//! Load: many callers at once for a while, and how long each call took.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

/// What a load found.
pub struct Found {
    /// Calls a second.
    pub rate: f64,
    /// Median latency in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
}

/// Calls `call` from `callers` tasks, each again as soon as it is answered, for `time` after a short warm-up.
pub fn closed<F, Fut>(runtime: &Runtime, callers: usize, time: Duration, call: F) -> Found
where
    F: Fn() -> Fut + Send + Sync + Clone + 'static,
    Fut: Future<Output = ()> + Send,
{
    let (counting, stop) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (call, counting, stop) = (call.clone(), Arc::clone(&counting), Arc::clone(&stop));
            runtime.spawn(async move {
                let mut micros = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    call().await;
                    if counting.load(Ordering::Relaxed) {
                        micros.push(began.elapsed().as_micros() as u64);
                    }
                }
                micros
            })
        })
        .collect();
    std::thread::sleep(time / 5);
    counting.store(true, Ordering::Relaxed);
    let began = Instant::now();
    std::thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    let elapsed = began.elapsed();
    let micros: Vec<u64> =
        tasks.into_iter().flat_map(|task| runtime.block_on(task).unwrap_or_default()).collect();
    found(micros, elapsed)
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
        running.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    done as f64 / began.elapsed().as_secs_f64()
}

fn found(mut micros: Vec<u64>, elapsed: Duration) -> Found {
    micros.sort_unstable();
    let quantile = |q: f64| {
        let index = ((micros.len() as f64 * q) as usize).min(micros.len().saturating_sub(1));
        micros.get(index).map_or(0.0, |m| *m as f64 / 1000.0)
    };
    Found { rate: micros.len() as f64 / elapsed.as_secs_f64(), p50_ms: quantile(0.5), p99_ms: quantile(0.99) }
}
