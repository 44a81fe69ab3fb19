//! Cores: the server has one to itself, and whoever loads it sits on another.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use rustix::{
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, clock_gettime},
};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// Where the server and the limits run, and where the load comes from.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    /// The server's.
    pub server: usize,
    /// The load's.
    pub load: usize,
}

impl Cores {
    /// The last core that this process may use for the server and the one before for the load: interrupts and other work
    /// tend to gather on the first.
    ///
    /// # Errors
    /// If there are not two.
    pub fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU)
            .rev()
            .filter(|core| allowed.is_set(*core));
        let (server, load) = (cores.next(), cores.next());
        ensure!(
            load.is_some(),
            "the server and its load need a core each; this process may use one"
        );
        Ok(Self {
            server: server.context("no core")?,
            load: load.context("no second core")?,
        })
    }
}

/// Runs `work` on a thread that stays on `core`, and so do the threads and processes that it starts.
pub fn on<T: Send>(core: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let pinned = scope.spawn(move || {
            let mut only = CpuSet::new();
            only.set(core);
            sched_setaffinity(None, &only).context("the thread cannot be bound to a core")?;
            work()
        });
        pinned
            .join()
            .map_err(|_| anyhow!("a thread of the benchmark panicked"))?
    })
}

/// Keeps `core` from falling asleep while `work` is done: a thread spins there whenever nobody else wants it. A core that
/// sleeps between requests computes slower when it wakes, and a virtual one is given to somebody else, so that a load of
/// 70 % would be one of 80 or 90.
///
/// # Errors
/// If the thread cannot be bound to the core, or cannot be made to give way to everybody.
pub fn awake<T>(core: usize, work: impl FnOnce() -> T) -> Result<T> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let spinning = scope.spawn(|| {
            on(core, || {
                let gives_way = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
                set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, gives_way)
                    .map_err(|why| anyhow!("a thread cannot be made idle: {why:?}"))?;
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                Ok(())
            })
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let spun = spinning
            .join()
            .map_err(|_| anyhow!("a thread of the benchmark panicked"))?;
        spun.map(|()| done)
    })
}

/// How much of a core others take while a thread there does nothing but look at the clock: how many pieces of more than a
/// millisecond a second, each of which some request has to wait for, whatever serves it.
///
/// # Errors
/// If the thread cannot be bound to the core.
pub fn stolen(core: usize, time: Duration) -> Result<f64> {
    on(core, || {
        let began = Instant::now();
        let (mut last, mut pieces) = (began, 0_u32);
        while last - began < time {
            let now = Instant::now();
            pieces += u32::from(now - last > Duration::from_millis(1));
            last = now;
        }
        Ok(f64::from(pieces) / time.as_secs_f64())
    })
}

/// Seconds of processor that the calling thread has used.
pub fn thread_seconds() -> f64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Seconds of processor that a process has used, all its threads together, to a hundredth.
///
/// # Errors
/// If there is no such process, or no `/proc`.
pub fn process_seconds(process: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces; what follows it does not.
    let (_, behind) = stat
        .rsplit_once(')')
        .context("an unknown form of /proc/PID/stat")?;
    let ticks: Vec<f64> = behind
        .split_whitespace()
        .skip(11)
        .take(2)
        .flat_map(str::parse)
        .collect();
    Ok(ticks.iter().sum::<f64>() / rustix::param::clock_ticks_per_second() as f64)
}

/// Memory that a process holds, in MiB (`VmRSS`).
///
/// # Errors
/// If there is no such process, or no `/proc`.
pub fn process_mib(process: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
