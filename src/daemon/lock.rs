//! Who may run: one daemon on a database, and one holder of a job's lease. Both die with their process.

use std::fs::File;
use std::path::Path;

use crate::store::open;

/// The lock that a daemon holds on its database. It dies with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// A sentence, when another daemon has it.
    pub fn take(database: &Path) -> Result<Lock, String> {
        match open::take_lock(database).map_err(|error| error.to_string())? {
            Some(file) => Ok(Lock { _file: file }),
            None => Err(format!(
                "another paceline runs on {}: stop it first, or use another `[database] url`",
                database.display()
            )),
        }
    }
}

/// The name of this process as a holder of leases: its number, and when it began, since numbers are
/// used again.
pub fn holder() -> String {
    let own = std::process::id();
    format!("{own}:{}", began(own).unwrap_or_default())
}

/// Whether the process of a holder still runs. Where nobody can tell, it does, until its lease ends.
pub fn is_alive(holder: &str) -> bool {
    let Some((process, when)) = holder.split_once(':') else { return false };
    let Ok(process) = process.parse::<u32>() else { return false };
    if !Path::new("/proc/self").exists() {
        return true;
    }
    began(process).is_some_and(|now| now == when)
}

/// When a process began, in the kernel's ticks: field 22 of proc(5)'s `stat`, the 20th behind the
/// command's name, which may hold blanks and brackets itself.
fn began(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_alive_while_its_process_is_and_no_other_takes_its_name() {
        let own = holder();
        assert!(is_alive(&own));
        let (process, _) = own.split_once(':').unwrap();
        assert!(!is_alive(&format!("{process}:1")), "the same number, begun at another time");
        assert!(!is_alive("4194305:7") && !is_alive("nobody"));
    }
}
