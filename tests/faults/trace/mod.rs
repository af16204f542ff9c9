//! Runs a program with all its threads and children under ptrace(2), counts the system calls by which they change what is
//! in one directory, in the one order in which they happen, and lets a judge say what becomes of each.
//!
//! What a call means for the agent, and what should hold afterwards, is not known here.
//!
//! The program starts as this very executable with [`TRACED`] as its first argument: it asks to be traced, has the kernel
//! stop it only at the calls of [`calls`], and becomes the program. So no code runs between fork and exec, and the program
//! runs at nearly full speed.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::{
    errno::Errno,
    libc,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill, raise},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

mod calls;
mod memory;

pub(crate) use calls::Deed;
use calls::{Entry, Flags, Operand};

/// The first argument of the process that becomes the program.
pub(crate) const TRACED: &str = "traced";

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(30);

/// The most calls that a program may make: one that tries the same again and again is stopped.
const MOST_CALLS: usize = 20_000;

/// A call that is about to be made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Which one it is, counted from 1 over all threads and processes.
    pub(crate) number: usize,
    pub(crate) name: &'static str,
    pub(crate) deed: Deed,
    /// Whether it makes what it opens if that is not there.
    pub(crate) creates: bool,
    /// What it touches, from the watched directory.
    pub(crate) touches: Vec<PathBuf>,
    /// How many bytes it writes, if half of them would do.
    pub(crate) length: Option<u64>,
    /// Where its open file can be opened again, while it waits.
    pub(crate) descriptor: Option<PathBuf>,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is made.
    Go,
    /// Everything is killed before it is made.
    Kill,
    /// Everything is killed as soon as it was made.
    KillAfter,
    /// It is not made and fails.
    Fail(Errno),
    /// Half of its bytes are written.
    Short,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) output: String,
    /// Whether it was killed for taking too long.
    pub(crate) endless: bool,
}

/// The part of the process that becomes the program; see [`TRACED`].
pub(crate) fn become_program(mut arguments: impl Iterator<Item = OsString>) -> Result<()> {
    let program = arguments.next().context("no program is named")?;
    ptrace::traceme().context("ask to be traced")?;
    raise(Signal::SIGSTOP).context("wait for the tracer")?;
    calls::install_filter()?;
    Err(Command::new(&program).args(arguments).exec()).with_context(|| format!("start {}", program.display()))
}

/// Runs `command` to its end. `judge` is asked about each call in `directory`; the output goes to a file `log` outside.
pub(crate) fn run(
    command: &[OsString],
    directory: &Path,
    log: &Path,
    judge: &mut dyn FnMut(&Call) -> Verdict,
) -> Result<Ended> {
    let out = File::create(log).with_context(|| format!("make {}", log.display()))?;
    let child = Command::new(env::current_exe()?)
        .arg(TRACED)
        .args(command)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stderr(out.try_clone()?)
        .stdout(out)
        .spawn()
        .context("start a process")?;
    let leader = Pid::from_raw(i32::try_from(child.id())?);
    let (done, waiting) = mpsc::channel::<()>();
    let (endless, code) = thread::scope(|scope| -> Result<_> {
        let watch = scope.spawn(move || {
            let late = waiting.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout);
            late && kill(leader, Signal::SIGKILL).is_ok()
        });
        let mut tracer = Tracer::new(leader, directory, judge);
        let code = tracer.follow();
        drop(done);
        let late = watch.join().unwrap_or(true);
        Ok((late || tracer.calls >= MOST_CALLS, code?))
    })?;
    Ok(Ended { code, output: String::from_utf8_lossy(&fs::read(log)?).into_owned(), endless })
}

/// The processes and threads of one run. Only the thread that started them may ask about them.
struct Tracer<'a> {
    leader: Pid,
    directory: &'a Path,
    judge: &'a mut dyn FnMut(&Call) -> Verdict,
    /// Processes and threads that have stopped for the first time.
    known: BTreeSet<Pid>,
    /// What is to be done when a thread comes back from its call.
    returning: Vec<(Pid, Return)>,
    calls: usize,
    killed: bool,
}

/// What is to be done when a call was made.
#[derive(Debug, Clone, Copy)]
enum Return {
    Kill,
    /// Puts the argument that counts bytes back, for a program may rely on the kernel leaving it alone.
    Restore(usize, u64),
}

impl<'a> Tracer<'a> {
    fn new(leader: Pid, directory: &'a Path, judge: &'a mut dyn FnMut(&Call) -> Verdict) -> Self {
        let (known, returning) = (BTreeSet::new(), Vec::new());
        Self { leader, directory, judge, known, returning, calls: 0, killed: false }
    }

    /// Follows everything to its end. Gives the exit code of the first process.
    fn follow(&mut self) -> Result<Option<i32>> {
        let mut code = None;
        loop {
            // Of this thread's processes alone: other threads follow theirs.
            let status = match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
                Err(Errno::ECHILD) => return Ok(code),
                Err(Errno::EINTR) => continue,
                status => status.context("wait for a traced process")?,
            };
            match status {
                WaitStatus::Exited(pid, exit) if pid == self.leader => code = Some(exit),
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => drop(self.known.remove(&pid)),
                stopped => match self.stopped(&stopped) {
                    // It was killed meanwhile; its end will be told, too.
                    Err(why) if why.downcast_ref() == Some(&Errno::ESRCH) => {}
                    result => result?,
                },
            }
        }
    }

    fn stopped(&mut self, status: &WaitStatus) -> Result<()> {
        let Some(pid) = status.pid() else { return Ok(()) };
        if self.killed {
            kill(pid, Signal::SIGKILL)?;
            return Ok(());
        }
        let is_new = self.known.insert(pid);
        match *status {
            WaitStatus::Stopped(_, Signal::SIGSTOP) if is_new => {
                if pid == self.leader {
                    let options = Options::PTRACE_O_EXITKILL
                        | Options::PTRACE_O_TRACESECCOMP
                        | Options::PTRACE_O_TRACESYSGOOD
                        | Options::PTRACE_O_TRACECLONE
                        | Options::PTRACE_O_TRACEFORK
                        | Options::PTRACE_O_TRACEVFORK
                        | Options::PTRACE_O_TRACEEXEC;
                    ptrace::setoptions(pid, options)?;
                }
                ptrace::cont(pid, None)?;
            }
            WaitStatus::Stopped(_, signal) => ptrace::cont(pid, signal)?,
            WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_SECCOMP) => self.calling(pid)?,
            WaitStatus::PtraceSyscall(_) => self.returned(pid)?,
            _ => ptrace::cont(pid, None)?,
        }
        Ok(())
    }

    /// A thread is about to make a call.
    fn calling(&mut self, pid: Pid) -> Result<()> {
        let mut registers = ptrace::getregs(pid)?;
        let Some(call) = self.call(pid, &arguments(&registers), registers.orig_rax)? else {
            ptrace::cont(pid, None)?;
            return Ok(());
        };
        let verdict = if self.calls > MOST_CALLS { Verdict::Kill } else { (self.judge)(&call) };
        match verdict {
            Verdict::Go => ptrace::cont(pid, None)?,
            Verdict::Kill => self.kill_all(),
            Verdict::KillAfter => {
                self.returning.push((pid, Return::Kill));
                ptrace::syscall(pid, None)?;
            }
            Verdict::Fail(errno) => {
                // No call has this number, so none is made; what stands here is then what it gave back.
                registers.orig_rax = u64::MAX;
                registers.rax = i64::from(-(errno as i32)).cast_unsigned();
                ptrace::setregs(pid, registers)?;
                ptrace::cont(pid, None)?;
            }
            Verdict::Short => {
                let entry = calls::find(registers.orig_rax).context("a call without an entry")?;
                let index = entry.length.context("a call without a length")?;
                let length = argument_mut(&mut registers, index);
                self.returning.push((pid, Return::Restore(index, *length)));
                *length = length.div_ceil(2);
                ptrace::setregs(pid, registers)?;
                ptrace::syscall(pid, None)?;
            }
        }
        Ok(())
    }

    /// A thread has made its call.
    fn returned(&mut self, pid: Pid) -> Result<()> {
        let position = self.returning.iter().position(|(waiting, _)| *waiting == pid);
        match position.map(|position| self.returning.swap_remove(position).1) {
            Some(Return::Kill) => self.kill_all(),
            Some(Return::Restore(index, length)) => {
                let mut registers = ptrace::getregs(pid)?;
                *argument_mut(&mut registers, index) = length;
                ptrace::setregs(pid, registers)?;
                ptrace::cont(pid, None)?;
            }
            None => ptrace::cont(pid, None)?,
        }
        Ok(())
    }

    /// Ends everything. A thread that waits at a call never makes it.
    fn kill_all(&mut self) {
        self.killed = true;
        for pid in &self.known {
            // What is gone already needs no signal.
            let _gone = kill(*pid, Signal::SIGKILL);
        }
    }

    /// The call, if it changes something in the directory, with its number.
    fn call(&mut self, pid: Pid, arguments: &[u64; 6], number: u64) -> Result<Option<Call>> {
        let Some(entry) = calls::find(number) else { return Ok(None) };
        let flags = match entry.flags {
            Flags::None => u64::from(libc::O_CREAT.unsigned_abs()),
            Flags::Argument(index) => argument(arguments, index),
            Flags::Pointed(index) => {
                let mut how = [0; 8];
                memory::read(pid, argument(arguments, index), &mut how)?;
                u64::from_ne_bytes(how)
            }
        };
        if !calls::writes(flags) {
            return Ok(None);
        }
        let touches = self.touches(pid, entry, arguments)?;
        if touches.is_empty() && !entry.operands.is_empty() {
            return Ok(None);
        }
        self.calls += 1;
        let descriptor = match entry.operands {
            [Operand::Descriptor(index)] => Some(calls::descriptor(pid, argument(arguments, *index))),
            _ => None,
        };
        Ok(Some(Call {
            number: self.calls,
            name: entry.name,
            deed: entry.deed,
            creates: flags & u64::from(libc::O_CREAT.unsigned_abs()) != 0,
            touches,
            length: entry.length.map(|index| argument(arguments, index)).filter(|length| *length > 1),
            descriptor,
        }))
    }

    /// What of the directory a call touches.
    fn touches(&self, pid: Pid, entry: &Entry, arguments: &[u64; 6]) -> Result<Vec<PathBuf>> {
        let mut touches = Vec::new();
        for operand in entry.operands {
            let of = |index: usize| argument(arguments, index);
            let path = match *operand {
                Operand::Descriptor(index) => fs::read_link(calls::descriptor(pid, of(index))),
                Operand::Path(index) => fs::read_link(format!("/proc/{pid}/cwd"))
                    .and_then(|from| Ok(from.join(memory::read_path(pid, of(index))?))),
                Operand::At(from, index) => fs::read_link(calls::descriptor(pid, of(from)))
                    .or_else(|why| {
                        if why.kind() == std::io::ErrorKind::NotFound { Ok(PathBuf::new()) } else { Err(why) }
                    })
                    .and_then(|from| Ok(from.join(memory::read_path(pid, of(index))?))),
            };
            match path {
                Ok(path) => touches.extend(path.strip_prefix(self.directory).map(Path::to_owned)),
                Err(why) if why.raw_os_error() == Some(libc::ENOENT) => {}
                Err(why) => bail!("see what {} of process {pid} touches: {why}", entry.name),
            }
        }
        Ok(touches)
    }
}

fn arguments(registers: &libc::user_regs_struct) -> [u64; 6] {
    [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9]
}

fn argument(arguments: &[u64; 6], index: usize) -> u64 {
    arguments.get(index).copied().unwrap_or_default()
}

fn argument_mut(registers: &mut libc::user_regs_struct, index: usize) -> &mut u64 {
    match index {
        0 => &mut registers.rdi,
        1 => &mut registers.rsi,
        2 => &mut registers.rdx,
        3 => &mut registers.r10,
        4 => &mut registers.r8,
        _ => &mut registers.r9,
    }
}
