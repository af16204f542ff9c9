//! HTTP over the engine's own socket: one request, one answer, each within a time limit.
//!
//! Not bollard: it brings URLs, queries and a model of all that the engine can say, for 1.3 MB more in each of two programs
//! (1.9 against 0.6, measured); of an answer only a few fields are looked at here. The version of the API is agreed on with
//! each engine once.

use std::{
    cell::{Cell, RefCell},
    fmt::Write as _,
    io,
    path::PathBuf,
    time::Duration,
};

use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header::HeaderValue,
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{net::UnixStream, time::timeout};

use crate::host::HostError;

/// The newest version of the API that this code was written for. Nothing that it uses differs down to [`OLDEST`].
const NEWEST: Version = Version(1, 44);
/// Of engine 19.03.
const OLDEST: Version = Version(1, 40);

/// How long the engine may take to answer when nothing in the question takes long.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// How long it may take where it may have to ask the other managers of a Swarm, for which it has 20 s itself.
pub(super) const SLOWLY: Duration = Duration::from_secs(25);

/// The largest answer that is read, in bytes: ten thousand containers fit.
const MOST: usize = 64 << 20;

/// A version of the engine's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u16, u16);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// A way to the engine. Nothing is opened before the first question.
#[derive(Debug)]
pub(super) struct Client {
    socket: PathBuf,
    /// Open connections that nobody uses.
    idle: RefCell<Vec<Connection>>,
    version: RefCell<Option<Version>>,
    /// Whether it did not answer in time in this pass: it is not waited for again and again.
    hangs: Cell<bool>,
    /// How many requests there were.
    #[cfg(test)]
    pub(super) requests: std::cell::Cell<u32>,
}

/// An open connection.
pub(super) type Connection = SendRequest<Full<Bytes>>;

/// What the engine answered.
pub(super) type Answer = Result<Bytes, Refused>;

/// What the engine says when it will not.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) message: String,
}

impl Refused {
    /// Whether there is no such thing.
    pub(super) fn is_missing(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// The error of an attempt that ended in this.
    pub(super) fn into_error(self, tried: impl Into<String>) -> HostError {
        HostError::Docker { tried: tried.into(), reason: self.message }
    }
}

impl Client {
    pub(super) fn new(socket: PathBuf) -> Self {
        Self {
            socket,
            idle: RefCell::default(),
            version: RefCell::default(),
            hangs: Cell::default(),
            #[cfg(test)]
            requests: std::cell::Cell::default(),
        }
    }

    /// Starts a pass.
    pub(super) fn begin_pass(&self) {
        self.hangs.set(false);
    }

    /// Closes what is open. An engine that is started anew is then met afresh.
    pub(super) fn close(&self) {
        self.idle.borrow_mut().clear();
        *self.version.borrow_mut() = None;
    }

    /// Asks for something that must be there.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HostError> {
        let answer = self.call(Method::GET, path, None, SOON).await?;
        let bytes = answer.map_err(|refused| refused.into_error(format!("GET {path}")))?;
        read(path, &bytes)
    }

    /// Asks for something that need not be there.
    pub(super) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, HostError> {
        match self.call(Method::GET, path, None, SOON).await? {
            Ok(bytes) => read(path, &bytes).map(Some),
            Err(refused) if refused.is_missing() => Ok(None),
            Err(refused) => Err(refused.into_error(format!("GET {path}"))),
        }
    }

    /// Sends one request and waits for the whole answer.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        limit: Duration,
    ) -> Result<Answer, HostError> {
        let Version(major, minor) = self.negotiated().await?;
        let path = format!("/v{major}.{minor}{path}");
        let call = self.once(method, &path, body, None);
        timeout(limit, call).await.unwrap_or_else(|_elapsed| Err(self.gone(io::ErrorKind::TimedOut.into())))
    }

    /// The same where the engine may be waiting for others: that it does not answer in time says nothing of the engine. `login`
    /// is what the engine is to tell a registry.
    pub(super) async fn call_patiently(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        login: Option<&str>,
        limit: Duration,
    ) -> Result<Answer, HostError> {
        let Version(major, minor) = self.negotiated().await?;
        let path = format!("/v{major}.{minor}{path}");
        timeout(limit, self.once(method, &path, body, login)).await.unwrap_or_else(|_elapsed| {
            let (socket, source) = (self.socket.display().to_string(), io::ErrorKind::TimedOut.into());
            Err(HostError::DockerGone { socket, source })
        })
    }

    /// Sends one request whose answer has no end; gives its beginning, and what must live as long as it is read.
    pub(super) async fn open(&self, path: &str) -> Result<(Incoming, Connection), HostError> {
        let Version(major, minor) = self.negotiated().await?;
        let path = format!("/v{major}.{minor}{path}");
        let hung = |_elapsed| self.gone(io::ErrorKind::TimedOut.into());
        let (sender, response) =
            timeout(SOON, self.send(Method::GET, &path, None, None)).await.map_err(hung)??;
        if response.status().is_success() {
            return Ok((response.into_body(), sender));
        }
        Err(self.gone(io::Error::other(response.status().to_string())))
    }

    /// Sends one request and gives each line of the answer to `line` as it comes; `patience` is for the next one. `login` is
    /// what the engine is to tell a registry.
    pub(super) async fn stream(
        &self,
        path: &str,
        login: Option<&str>,
        patience: Duration,
        mut line: impl FnMut(&[u8]),
    ) -> Result<Result<(), Refused>, HostError> {
        let Version(major, minor) = self.negotiated().await?;
        let path = format!("/v{major}.{minor}{path}");
        let hung = |_elapsed| self.gone(io::ErrorKind::TimedOut.into());
        let (_sender, response) =
            timeout(patience, self.send(Method::POST, &path, None, login)).await.map_err(hung)??;
        let status = response.status();
        let mut body = response.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = timeout(patience, body.frame()).await.map_err(hung)? {
            let frame = frame.map_err(|error| self.gone(io::Error::other(error)))?;
            rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
            while status.is_success()
                && let Some(end) = rest.iter().position(|byte| *byte == b'\n')
            {
                let done: Vec<u8> = rest.drain(..=end).collect();
                line(&done);
            }
            if rest.len() > MOST {
                return Err(self.gone(io::ErrorKind::InvalidData.into()));
            }
        }
        Ok(if status.is_success() { Ok(()) } else { Err(refused(status, &rest)) })
    }

    async fn negotiated(&self) -> Result<Version, HostError> {
        if self.hangs.get() {
            return Err(self.gone(io::ErrorKind::TimedOut.into()));
        }
        if let Some(version) = *self.version.borrow() {
            return Ok(version);
        }
        let ping = async {
            let (sender, response) = self.send(Method::GET, "/_ping", None, None).await?;
            let version = response.headers().get("api-version").and_then(|version| version.to_str().ok());
            let version = version.and_then(Version::parse);
            self.collect(sender, response).await?.ok();
            Ok(version)
        };
        let found =
            timeout(SOON, ping).await.unwrap_or_else(|_| Err(self.gone(io::ErrorKind::TimedOut.into())))?;
        let found = found.ok_or_else(|| self.gone(io::Error::other("it tells no version of its API")))?;
        if found < OLDEST {
            let Version(major, minor) = found;
            let what = format!("a Docker engine with API {major}.{minor}, older than 1.40 (engine 19.03),");
            return Err(HostError::Unsupported { what });
        }
        let version = found.min(NEWEST);
        *self.version.borrow_mut() = Some(version);
        Ok(version)
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        login: Option<&str>,
    ) -> Result<Answer, HostError> {
        let (sender, response) = self.send(method, path, body, login).await?;
        self.collect(sender, response).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        login: Option<&str>,
    ) -> Result<(Connection, Response<Incoming>), HostError> {
        #[cfg(test)]
        self.requests.update(|requests| requests + 1);
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", "docker")
            .header("Content-Type", "application/json");
        if let Some(login) = login {
            let mut told =
                HeaderValue::from_str(login).map_err(|error| self.gone(io::Error::other(error)))?;
            told.set_sensitive(true);
            request = request.header("X-Registry-Auth", told);
        }
        let request = request
            .body(Full::new(Bytes::from(bytes)))
            .map_err(|error| self.gone(io::Error::other(error)))?;
        let mut sender = self.connection().await?;
        let response = sender.send_request(request).await;
        Ok((sender, response.map_err(|error| self.gone(io::Error::other(error)))?))
    }

    /// A connection that is open and free.
    async fn connection(&self) -> Result<Connection, HostError> {
        loop {
            let Some(mut sender) = self.idle.borrow_mut().pop() else { break };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.gone(error))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.gone(io::Error::other(error)))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the Docker engine ended");
            }
        });
        Ok(sender)
    }

    async fn collect(&self, sender: Connection, response: Response<Incoming>) -> Result<Answer, HostError> {
        let status = response.status();
        let body = http_body_util::Limited::new(response.into_body(), MOST).collect();
        let bytes = body.await.map_err(|error| self.gone(io::Error::other(error)))?.to_bytes();
        self.idle.borrow_mut().push(sender);
        // 304: it is so already.
        let good = status.is_success() || status == StatusCode::NOT_MODIFIED;
        Ok(if good { Ok(bytes) } else { Err(refused(status, &bytes)) })
    }

    fn gone(&self, source: io::Error) -> HostError {
        self.hangs.set(source.kind() == io::ErrorKind::TimedOut);
        self.close();
        HostError::DockerGone { socket: self.socket.display().to_string(), source }
    }
}

fn refused(status: StatusCode, bytes: &[u8]) -> Refused {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    let message = match serde_json::from_slice::<Message>(bytes) {
        Ok(Message { message }) => message,
        Err(_) => String::from_utf8_lossy(bytes).trim().to_owned(),
    };
    let message = if message.is_empty() { status.to_string() } else { message };
    Refused { status, message }
}

pub(super) fn read<T: DeserializeOwned>(path: &str, bytes: &[u8]) -> Result<T, HostError> {
    serde_json::from_slice(bytes).map_err(|error| HostError::Docker {
        tried: format!("GET {path}"),
        reason: format!("read the answer: {error}"),
    })
}

/// A part of a path or query in which nothing has a meaning of its own; see RFC 3986, section 2.1.
pub(super) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(encoded, "%{byte:02X}").unwrap_or_default();
        }
    }
    encoded
}
