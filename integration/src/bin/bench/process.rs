//! What a process has used: CPU time and memory, from `/proc`.

use std::process::Command;

use tollgate_integration::stack::Failure;

/// How many ticks of `/proc/PID/stat` make a second.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    ticks_per_second: u64,
}

impl Clock {
    /// Asks the system.
    pub fn of_system() -> Result<Self, Failure> {
        let failed = |why: String| Failure::new("getconf CLK_TCK", why);
        let output = Command::new("getconf")
            .arg("CLK_TCK")
            .output()
            .map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let ticks_per_second = text
            .trim()
            .parse()
            .map_err(|_| failed(format!("{text:?}")))?;
        Ok(Self { ticks_per_second })
    }

    /// The CPU time of a process and its threads so far, user and system, in microseconds.
    pub fn cpu_us(self, pid: u32) -> Result<u64, Failure> {
        let path = format!("/proc/{pid}/stat");
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::new(&path, error))?;
        let ticks = cpu_ticks(&text).ok_or_else(|| Failure::new(&path, format!("{text:?}")))?;
        Ok(ticks * 1_000_000 / self.ticks_per_second)
    }
}

/// What the processors of this machine have done so far.
#[derive(Clone, Copy, Debug)]
pub struct Processors {
    /// All ticks: busy, idle and stolen.
    ticks: u64,
    /// Those in which the host gave a processor to somebody else, though there was work here.
    stolen: u64,
}

impl Processors {
    /// Asks the system.
    pub fn read() -> Result<Self, Failure> {
        const PATH: &str = "/proc/stat";
        let text = std::fs::read_to_string(PATH).map_err(|error| Failure::new(PATH, error))?;
        Self::parse(&text).ok_or_else(|| Failure::new(PATH, format!("{text:?}")))
    }

    /// The first line: user, nice, system, idle, iowait, irq, softirq and steal (proc(5)). What guests use is in
    /// user and nice already.
    fn parse(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?;
        let fields = fields.split_whitespace().take(8).map(str::parse);
        let fields: Vec<u64> = fields.collect::<Result<_, _>>().ok()?;
        let stolen = *fields.get(7)?;
        let ticks = fields.iter().sum();
        Some(Self { ticks, stolen })
    }

    /// The share of the processors that the host has taken since then.
    pub fn stolen_since(self, before: Self) -> f64 {
        let ticks = self.ticks.saturating_sub(before.ticks).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 / ticks as f64
    }
}

/// `utime` and `stime`: fields 14 and 15 (proc(5)), counted behind the name in parentheses, which is
/// field 2 and may hold spaces.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The memory that a process has in RAM, in KiB.
pub fn resident_kib(pid: u32) -> Result<u64, Failure> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::new(&path, error))?;
    text.lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|value| value.trim().strip_suffix("kB")?.trim().parse().ok())
        .ok_or_else(|| Failure::new(&path, "no VmRSS"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_does_not_shift_the_fields() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194560 99 0 0 0 120 34 0 0 20 0 1 0 5 6 7";
        assert_eq!(cpu_ticks(stat), Some(154));
    }

    #[test]
    fn what_the_host_takes_is_a_share_of_all() {
        let read = |text| Processors::parse(text).expect("a line of all processors");
        let before = read("cpu  10 0 10 70 0 0 0 10 5 5\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
        let after = read("cpu  40 0 20 120 0 0 0 20 25 5\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
        let stolen = after.stolen_since(before);
        assert!((stolen - 0.1).abs() < 1e-9, "{stolen}");
        assert!(Processors::parse("cpu0 1 2 3 4 5 6 7 8").is_none());
    }

    #[test]
    fn this_process_has_used_memory_and_has_a_clock() {
        let pid = std::process::id();
        assert!(resident_kib(pid).expect("VmRSS") > 0);
        Clock::of_system()
            .and_then(|clock| clock.cpu_us(pid))
            .expect("CPU time");
    }
}
