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
    fn this_process_has_used_memory_and_has_a_clock() {
        let pid = std::process::id();
        assert!(resident_kib(pid).expect("VmRSS") > 0);
        Clock::of_system()
            .and_then(|clock| clock.cpu_us(pid))
            .expect("CPU time");
    }
}
