//! A port of this machine that leads to a server, counts what passes, and breaks it.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;

/// Where a relay leads to.
pub(super) enum Target {
    /// A server's socket.
    Socket(PathBuf),
    /// A program that serves one connection on its standard input and output.
    Program(Vec<String>),
    /// Always the same answer, as soon as something was said.
    Words(Vec<u8>),
}

/// What happens to the server's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They pass.
    None,
    /// Nothing passes beyond so many bytes of a connection, and the connection stays open.
    Stall(u64),
    /// The connection is closed after so many bytes.
    Cut(u64),
    /// They pass byte by byte, with a pause after each.
    Drip(Duration),
}

#[derive(Debug)]
struct State {
    fault: Mutex<Fault>,
    sent: AtomicU64,
    received: AtomicU64,
    connections: AtomicU64,
    ended: AtomicBool,
}

/// A running relay.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

impl Relay {
    pub(super) fn start(target: Target) -> Result<Self> {
        Self::start_on("127.0.0.1", target)
    }

    /// The same on another address of this machine.
    pub(super) fn start_on(address: &str, target: Target) -> Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            fault: Mutex::new(Fault::None),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if shared.ended.load(Ordering::Relaxed) {
                    break;
                }
                shared.connections.fetch_add(1, Ordering::Relaxed);
                // A client that is refused notices it itself.
                drop(connect(&target, client, &shared));
            }
        });
        Ok(Self { address, state })
    }

    /// A server that says `words` to everybody, whatever it is asked.
    pub fn saying(words: impl Into<Vec<u8>>) -> Result<Self> {
        Self::start(Target::Words(words.into()))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks what comes from now on, on connections that are open already too.
    pub fn set_fault(&self, fault: Fault) {
        *self.state.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// How many bytes of TCP payload passed, both ways.
    pub fn payload(&self) -> u64 {
        self.sent() + self.received()
    }

    /// How many bytes the clients sent.
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// How many bytes the server sent.
    pub fn received(&self) -> u64 {
        self.state.received.load(Ordering::SeqCst)
    }

    /// How many connections there were.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        // The listener wakes up and sees it.
        drop(TcpStream::connect(self.address));
    }
}

fn connect(target: &Target, client: TcpStream, state: &Arc<State>) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let (server_in, server_out): (Box<dyn Write + Send>, Box<dyn Read + Send>) = match target {
        Target::Socket(path) => {
            let server = UnixStream::connect(path)?;
            (Box::new(Half(server.try_clone()?)), Box::new(server))
        }
        Target::Program(program) => {
            let (ours, theirs) = UnixStream::pair()?;
            let (program, arguments) = program.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
            let input: OwnedFd = theirs.try_clone()?.into();
            let output: OwnedFd = theirs.into();
            let mut child = Command::new(program)
                .args(arguments)
                .stdin(input)
                .stdout(output)
                .stderr(Stdio::null())
                .spawn()?;
            thread::spawn(move || child.wait());
            (Box::new(Half(ours.try_clone()?)), Box::new(ours))
        }
        Target::Words(words) => (Box::new(std::io::sink()), Box::new(std::io::Cursor::new(words.clone()))),
    };
    let says_first = matches!(target, Target::Words(_));
    let (client_out, shared) = (client.try_clone()?, Arc::clone(state));
    thread::spawn(move || upwards(client_out, server_in, &shared.sent));
    let shared = Arc::clone(state);
    thread::spawn(move || {
        if says_first {
            // Whoever asks wants to have asked before the answer comes.
            thread::sleep(Duration::from_millis(20));
        }
        downwards(server_out, &client, &shared);
    });
    Ok(())
}

/// A socket of which only the writing end is closed.
struct Half(UnixStream);

impl Write for Half {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
impl Drop for Half {
    fn drop(&mut self) {
        drop(self.0.shutdown(Shutdown::Write));
    }
}

fn upwards(mut client: impl Read, mut server: impl Write, count: &AtomicU64) {
    let mut buffer = [0; 16 << 10];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        count.fetch_add(read as u64, Ordering::SeqCst);
        if server.write_all(buffer.get(..read).unwrap_or_default()).is_err() {
            break;
        }
    }
}

fn downwards(mut server: impl Read, mut client: &TcpStream, state: &State) {
    let mut buffer = [0; 16 << 10];
    let mut passed = 0;
    while let Ok(read @ 1..) = server.read(&mut buffer) {
        let fault = *state.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = buffer.get(..read).unwrap_or_default();
        let bytes = match fault {
            Fault::Stall(limit) | Fault::Cut(limit) => {
                let left = usize::try_from(limit.saturating_sub(passed)).unwrap_or(usize::MAX);
                bytes.get(..read.min(left)).unwrap_or_default()
            }
            Fault::None | Fault::Drip(_) => bytes,
        };
        passed += bytes.len() as u64;
        // Counted before it is sent, so that whoever has read it finds it counted.
        state.received.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        let sent = match fault {
            Fault::Drip(pause) => bytes.iter().try_for_each(|byte| {
                thread::sleep(pause);
                client.write_all(&[*byte])
            }),
            _ => client.write_all(bytes),
        };
        let is_over = bytes.len() < read;
        match fault {
            _ if sent.is_err() => break,
            Fault::Stall(_) if is_over => {
                // Until the client gives up.
                while let Ok(1..) = client.peek(&mut [0]) {
                    thread::sleep(Duration::from_millis(20));
                }
                break;
            }
            Fault::Cut(_) if is_over => break,
            _ => {}
        }
    }
    drop(client.shutdown(Shutdown::Both));
}
