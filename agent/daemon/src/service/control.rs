//! The local control socket: the `holdfast` command talks to the running agent here.
//!
//! `Status` is answered at once from the newest snapshot, even in the middle of a pass. All else goes to the main loop,
//! which does one thing at a time.

use std::{cell::RefCell, rc::Rc};

use holdfast_protocol::{
    control::{Reply, Request},
    frame::MAX_FRAME,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

/// The newest answer to [`Request::Status`].
pub(super) type Snapshot = Rc<RefCell<Reply>>;

/// Something for the main loop to do.
#[derive(Debug)]
pub(super) struct Command {
    /// What.
    pub(super) request: Request,
    /// Where progress and the final reply go. Gone when nobody listens any more; the work is done all the same.
    pub(super) replies: mpsc::UnboundedSender<Reply>,
}

/// Accepts connections for ever and hands on what they ask.
pub(super) async fn serve(
    listener: UnixListener,
    snapshot: Snapshot,
    commands: mpsc::UnboundedSender<Command>,
) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let (snapshot, commands) = (Rc::clone(&snapshot), commands.clone());
                tokio::task::spawn_local(async move {
                    if let Err(why) = answer(socket, &snapshot, &commands).await {
                        tracing::debug!(%why, "a control connection ended early");
                    }
                });
            }
            Err(why) => {
                tracing::warn!(%why, "cannot accept a control connection");
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
}

async fn answer(
    mut socket: UnixStream,
    snapshot: &Snapshot,
    commands: &mpsc::UnboundedSender<Command>,
) -> std::io::Result<()> {
    let length = socket.read_u32().await?.min(MAX_FRAME);
    let mut body = vec![0; length as usize];
    socket.read_exact(&mut body).await?;
    let request: Request = serde_json::from_slice(&body)?;
    if request == Request::Status {
        let reply = snapshot.borrow().clone();
        return send(&mut socket, &reply).await;
    }
    let (replies, mut queue) = mpsc::unbounded_channel();
    if commands.send(Command { request, replies }).is_err() {
        let code = "E_STOPPING".into();
        let message = "the agent is stopping".into();
        return send(&mut socket, &Reply::Failed { code, message, remedy: None }).await;
    }
    while let Some(reply) = queue.recv().await {
        send(&mut socket, &reply).await?;
    }
    Ok(())
}

async fn send(socket: &mut UnixStream, reply: &Reply) -> std::io::Result<()> {
    let mut frame = Vec::new();
    holdfast_protocol::frame::write(&mut frame, reply)?;
    socket.write_all(&frame).await
}
