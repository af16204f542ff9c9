//! A pass over a host that is in order, seen from the kernel: it only looks.

use anyhow::{Result, ensure};

use crate::site::{AGENT, Site};

/// One of each kind; the package is one that every host has.
const STATE: &str = r#"
    [directory."/etc/shop.d"]
    [file."/etc/shop.d/shop.conf"]
    content = "colour = red\n"
    mode = "0640"
    [symlink."/etc/shop"]
    target = "shop.d"
    [package.procps]
    [unit."tick.service"]
    content = "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    enabled = true
    active = true
    restart_on = ["file:/etc/shop.d/shop.conf"]
"#;

/// System calls that change something whenever they succeed.
const CHANGES: &str = "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,mknod,\
    mknodat,chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,truncate,ftruncate,fallocate,utime,utimes,utimensat,setxattr,\
    lsetxattr,fsetxattr,removexattr,lremovexattr,fremovexattr,fsync,fdatasync,sync,syncfs,mount,umount2,kill,tgkill,\
    copy_file_range,sendfile,pwrite64,pwritev,pwritev2";

/// System calls that may change something: it depends on their arguments.
const MAY_CHANGE: &str = "open,openat,openat2,creat,write,writev,sendto,sendmsg,sendmmsg,execve";

/// D-Bus methods of systemd's manager that only look; any other is a change.
const LOOKS: [&str; 6] = ["Hello", "ListUnitsByNames", "GetUnitFileState", "GetUnit", "Get", "GetAll"];

#[test]
fn a_pass_with_nothing_to_do_makes_no_mutating_system_call() -> Result<()> {
    let site = Site::of(STATE)?;
    site.sync()?.success()?;
    site.is_quiet()?;
    let host = &site.host;
    host.run(&["systemctl", "stop", AGENT])?;
    let trace = format!("--trace={CHANGES},{MAY_CHANGE}");
    let agent = ["/usr/libexec/holdfast/holdfast-agent", "--once", "--offline"];
    let strace = [
        "strace",
        "--follow-forks",
        "--decode-fds=path,socket",
        "--string-limit=1024",
        &trace,
        "--output=/root/trace",
    ];
    host.run(&[&strace[..], &agent[..]].concat())?;

    let trace = host.read_file("/root/trace")?;
    let calls: Vec<_> = trace.lines().filter_map(Call::parse).collect();
    ensure!(calls.len() > 20, "strace saw next to nothing:\n{trace}");
    let changes: Vec<_> = calls.iter().filter(|call| call.changes()).map(|call| call.line).collect();
    assert!(changes.is_empty(), "{}", changes.join("\n"));
    let programs: Vec<_> = calls.iter().filter(|call| call.name == "execve" && call.succeeded()).collect();
    assert!(programs.len() <= 2, "more than the agent and dpkg-query: {programs:?}");
    Ok(())
}

/// One line of strace's.
#[derive(Debug)]
struct Call<'t> {
    name: &'t str,
    arguments: &'t str,
    line: &'t str,
}

impl<'t> Call<'t> {
    /// Reads `PID NAME(ARGUMENTS) = RESULT`; `None` for signals and exits.
    fn parse(line: &'t str) -> Option<Self> {
        let (_pid, call) = line.split_once(' ')?;
        let (name, arguments) = call.trim_start().split_once('(')?;
        Some(Self { name, arguments, line })
    }

    fn succeeded(&self) -> bool {
        self.arguments.rsplit_once(" = ").is_some_and(|(_, result)| !result.starts_with('-'))
    }

    fn changes(&self) -> bool {
        match self.name {
            "execve" => false,
            "open" | "openat" | "openat2" | "creat" => {
                // The lock is how a second agent is kept out; its file is opened and never written.
                let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"];
                let lock = self.arguments.contains("\"/var/lib/holdfast/lock\"");
                let nowhere = self.arguments.contains("\"/dev/null\"");
                self.name == "creat"
                    || writes.iter().any(|flag| self.arguments.contains(flag)) && !lock && !nowhere
            }
            "write" | "writev" | "sendto" | "sendmsg" | "sendmmsg" => self.writes(),
            _ => self.succeeded(),
        }
    }

    /// Whether it writes to anything but a pipe, an event counter, the log on standard error or the system bus, or asks
    /// the system bus for a change.
    fn writes(&self) -> bool {
        let descriptor = self.arguments.split_once(',').map_or("", |(descriptor, _)| descriptor);
        let harmless = ["<pipe:", "<anon_inode:", "<socket:", "<UNIX", "2<"];
        if !harmless.iter().any(|place| descriptor.contains(place)) {
            return true;
        }
        let asks = self.arguments.contains("org.freedesktop.systemd1");
        asks && !LOOKS.iter().any(|method| self.arguments.contains(&format!("{method}\\0")))
    }
}
