//! A name server that knows one address, and gives it for every name (RFC 1035).

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// The length of a message's head.
const HEAD: usize = 12;

/// A running name server.
#[derive(Debug)]
pub struct NameServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Starts one on an address of this machine, which is what it answers with.
    pub fn start(address: &str) -> Result<Self> {
        let answer: Ipv4Addr = address.parse().with_context(|| format!("read the address {address}"))?;
        let socket = UdpSocket::bind((answer, 0)).context("listen for questions")?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (address, stop) = (socket.local_addr()?, Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut message = [0; 512];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut message)
                    && let Some(answer) = message.get(..length).and_then(|question| reply(question, answer))
                {
                    // Whoever asked asks again.
                    drop(socket.send_to(&answer, from));
                }
            }
        });
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// The answer to a message with one question: the address for a question of type A, no record for any other.
fn reply(question: &[u8], answer: Ipv4Addr) -> Option<Vec<u8>> {
    let name = question.get(HEAD..)?.iter().position(|byte| *byte == 0)?;
    let end = HEAD + name + 5;
    let is_a = question.get(end - 4..end)? == [0, 1, 0, 1];
    let mut reply = question.get(..2)?.to_vec();
    // An answer by an authority, recursion available; one question, and one record or none.
    reply.extend([0x85, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    reply.extend(question.get(HEAD..end)?);
    if is_a {
        // The name of the question, type A, class IN, one second, four bytes.
        reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        reply.extend(answer.octets());
    }
    Some(reply)
}
