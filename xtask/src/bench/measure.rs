//! Runs a whole process and says what it cost: time on the wall, CPU of the process with all that it started and waited
//! for, and CPU of the process alone.

use crate::{Outcome, run};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one run cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// From start to end.
    pub(crate) wall: Duration,
    /// User and system time of the process and of its children that it waited for.
    pub(crate) cpu: Duration,
    /// User and system time of the process alone.
    pub(crate) own_cpu: Duration,
}

/// One run, which has to end well.
pub(crate) fn once(command: &mut Command) -> Outcome<Cost> {
    let line = run::line_of(command);
    let failed = |what: &str, why: String| format!("{line}: {what}: {why}");
    let before = children()?;
    let start = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| failed("does not start", e.to_string()))?;
    // Read to the end first: a process that waits for its reader would never end.
    let said = child
        .stderr
        .take()
        .map(std::io::read_to_string)
        .transpose()
        .map_err(|e| failed("unreadable", e.to_string()))?;
    let pid = i32::try_from(child.id()).map(Pid::from_raw).map_err(|e| failed("process id", e.to_string()))?;
    // Ended, but not yet waited for: its own clock can still be read, and its children's time is not in it.
    waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).map_err(|e| failed("waiting", e.to_string()))?;
    let wall = start.elapsed();
    let own = ClockId::pid_cpu_clock_id(pid).and_then(clock_gettime).map_err(|e| failed("its clock", e.to_string()))?;
    let status = child.wait().map_err(|e| failed("waiting", e.to_string()))?;
    if !status.success() {
        return Err(failed(&status.to_string(), said.unwrap_or_default().trim_end().to_owned()));
    }
    Ok(Cost { wall, cpu: children()?.saturating_sub(before), own_cpu: Duration::from(own) })
}

/// As many runs, after one that warms the caches and does not count.
pub(crate) fn many(runs: usize, command: impl Fn() -> Outcome<Command>) -> Outcome<Vec<Cost>> {
    once(&mut command()?)?;
    (0..runs).map(|_| once(&mut command()?)).collect()
}

/// As many runs of each in turn, after one of each that warms the caches: what else the machine does meets all alike.
pub(crate) fn in_turn<const N: usize>(
    runs: usize,
    commands: [&dyn Fn() -> Outcome<Command>; N],
) -> Outcome<[Vec<Cost>; N]> {
    let mut costs = [const { Vec::new() }; N];
    for run in 0..=runs {
        for (command, costs) in commands.iter().zip(&mut costs) {
            let cost = once(&mut command()?)?;
            if run > 0 {
                costs.push(cost);
            }
        }
    }
    Ok(costs)
}

/// In milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn children() -> Outcome<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("getrusage: {e}"))?;
    let micros = usage.user_time().num_microseconds().saturating_add(usage.system_time().num_microseconds());
    Ok(Duration::from_micros(u64::try_from(micros).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_time_of_a_child_counts_for_the_whole_and_not_for_the_process_alone() {
        let busy = "sh -c 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done'; true";
        let cost = once(run::command("sh", Path::new(".")).args(["-c", busy])).unwrap();
        assert!(cost.cpu >= Duration::from_millis(5), "{cost:?}");
        assert!(cost.own_cpu < cost.cpu / 2, "{cost:?}");
    }

    #[test]
    fn a_run_that_fails_is_no_sample() {
        let error = once(run::command("sh", Path::new(".")).args(["-c", "echo why >&2; exit 4"])).unwrap_err();
        assert!(error.contains("exit status: 4") && error.ends_with("why"), "{error}");
    }
}
