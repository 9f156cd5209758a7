//! A server in a process of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{self, Command, Stdio},
    time::Duration,
};

/// The flag that makes this program a server.
pub(crate) const FLAG: &str = "--serve";

/// Ends with its standard input, which this process holds.
pub(crate) struct Child {
    process: process::Child,
    address: SocketAddr,
}

impl Child {
    /// Starts the server of this name with this handler; it may keep files in the folder.
    pub(crate) fn start(name: &str, handler: &str, folder: &Path) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args([FLAG, name, handler])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        output.read_line(&mut address).unwrap();
        let address = address.trim().parse().expect("the address of the server");
        Self { process, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Time that the threads of the process have spent on processors. The scheduler counts it in
    /// nanoseconds; the process as a whole is counted in ticks of 10 ms.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.process.id()));
        let tasks = fs::read_dir(tasks).expect("a server that runs").flatten();
        let spent = tasks.filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(spent.sum())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
