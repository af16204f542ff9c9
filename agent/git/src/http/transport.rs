//! Lends the client to gix, which speaks Git's smart http protocol over it.

use std::{
    any::Any,
    io::{self, BufRead, BufReader, Cursor, Read, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use gix_error::{ErrorExt as _, message};
use gix_protocol::transport::{
    Protocol,
    client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse, Transport},
};
use ureq::http::{HeaderName, HeaderValue};

use super::client::{Answer, Body, Web};
use crate::error::Fault;

/// gix's transport over `web`.
pub(crate) fn transport(web: Web) -> Result<Transport<Lent>, Fault> {
    let url = web.url().try_into().map_err(|_why| Fault::Address("the URL is not valid".to_owned()))?;
    Ok(Transport::new_http(Lent(web), url, Protocol::V2, false))
}

pub(crate) struct Lent(Web);

/// gix writes the body of a POST after it has been given the readers of the answer, so the request is made by whoever
/// reads first.
struct Exchange {
    web: Web,
    url: String,
    headers: Vec<(String, String)>,
    stage: Stage,
}

enum Stage {
    Get,
    Post(Vec<u8>),
    Made { headers: Vec<u8>, body: Option<Body> },
    Failed,
}

impl Exchange {
    fn make(&mut self) -> io::Result<(&mut Vec<u8>, &mut Option<Body>)> {
        let made = match &self.stage {
            Stage::Get => Some(self.web.get(&self.url, &self.headers)),
            Stage::Post(body) => Some(self.web.post(&self.url, &self.headers, body)),
            Stage::Made { .. } | Stage::Failed => None,
        };
        self.stage = match made {
            None => mem::replace(&mut self.stage, Stage::Failed),
            Some(Ok(Answer { headers, body })) => {
                let line = |(name, value): (&HeaderName, &HeaderValue)| {
                    [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"].concat()
                };
                Stage::Made { headers: headers.iter().flat_map(line).collect(), body: Some(body) }
            }
            Some(Err(fault)) => {
                self.stage = Stage::Failed;
                return Err(self.web.reason.keep(fault));
            }
        };
        match &mut self.stage {
            Stage::Made { headers, body } => Ok((headers, body)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Exchange>>);

impl Shared {
    fn new(web: &Web, url: &str, headers: impl IntoIterator<Item = impl AsRef<str>>, stage: Stage) -> Self {
        let mut split = Vec::new();
        for line in headers {
            if let Some((name, value)) = line.as_ref().split_once(':')
                // gix names itself; servers shall see who we are.
                && !name.eq_ignore_ascii_case("user-agent")
            {
                split.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        Self(Arc::new(Mutex::new(Exchange { web: web.clone(), url: url.to_owned(), headers: split, stage })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Exchange) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The answer's headers, line by line.
pub(crate) struct Headers(Shared, Option<Cursor<Vec<u8>>>);

impl Headers {
    fn lines(&mut self) -> io::Result<&mut Cursor<Vec<u8>>> {
        if self.1.is_none() {
            let headers = self.0.with(|exchange| exchange.make().map(|(headers, _)| mem::take(headers)))?;
            self.1 = Some(Cursor::new(headers));
        }
        self.1.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}
impl Read for Headers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.lines()?.read(buffer)
    }
}
impl BufRead for Headers {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.lines()?.fill_buf()
    }
    fn consume(&mut self, amount: usize) {
        if let Some(lines) = &mut self.1 {
            lines.consume(amount);
        }
    }
}

/// The answer's body.
pub(crate) struct Content(Shared, Option<BufReader<Body>>);

impl Content {
    fn bytes(&mut self) -> io::Result<&mut BufReader<Body>> {
        if self.1.is_none() {
            self.1 =
                self.0.with(|exchange| exchange.make().map(|(_, body)| body.take()))?.map(BufReader::new);
        }
        self.1.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}
impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes()?.read(buffer)
    }
}
impl BufRead for Content {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.bytes()?.fill_buf()
    }
    fn consume(&mut self, amount: usize) {
        if let Some(bytes) = &mut self.1 {
            bytes.consume(amount);
        }
    }
}

/// What gix posts.
pub(crate) struct Posted(Shared);

impl Write for Posted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.with(|exchange| match &mut exchange.stage {
            Stage::Post(body) => {
                body.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        })
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Http for Lent {
    type Headers = Headers;
    type ResponseBody = Content;
    type PostBody = Posted;

    fn get(
        &mut self,
        url: &str,
        _base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix_error::Result<GetResponse<Headers, Content>> {
        let shared = Shared::new(&self.0, url, headers, Stage::Get);
        // gix tells a failed request from a bad answer only if it fails here.
        shared
            .with(|exchange| exchange.make().map(drop))
            .map_err(|error| error.and_raise(message("GET failed")))?;
        Ok(GetResponse { headers: Headers(shared.clone(), None), body: Content(shared, None) })
    }

    fn post(
        &mut self,
        url: &str,
        _base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix_error::Result<PostResponse<Headers, Content, Posted>> {
        let shared = Shared::new(&self.0, url, headers, Stage::Post(Vec::new()));
        Ok(PostResponse {
            post_body: Posted(shared.clone()),
            headers: Headers(shared.clone(), None),
            body: Content(shared, None),
        })
    }

    fn configure(&mut self, _options: &dyn Any) -> gix_error::Result<()> {
        Ok(())
    }
}
