//! One http client: own or public certificate authorities, credentials, proxy, time-outs, no redirects.

use std::{
    io::{self, Read},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use holdfast_protocol::fetch::{Credential, Remote, Secret};
use ureq::{
    Timeout,
    http::{Response, StatusCode, header},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::{address::Address, error::Fault, link::Link, meter::Meter, reason::Reason, text};

/// Names this program to servers; some only speak Git to those whose name begins with `git/`.
pub(crate) const AGENT: &str = concat!("git/holdfast-", env!("CARGO_PKG_VERSION"));

/// The clients that are still connected, so that a second request needs no second handshake.
#[derive(Default)]
pub(crate) struct Clients(Vec<(Settings, ureq::Agent)>);

/// What a connection depends on.
#[derive(PartialEq, Eq)]
struct Settings {
    ca: Option<String>,
    proxy: Option<Secret>,
    stall: Duration,
    total: Duration,
}

impl Clients {
    fn client(&mut self, remote: &Remote, meter: &Meter) -> Result<ureq::Agent, Fault> {
        let settings = Settings {
            ca: remote.ca.clone(),
            proxy: remote.proxy.clone(),
            stall: meter.stall(),
            total: meter.total(),
        };
        if let Some((_, agent)) = self.0.iter().find(|(known, _)| *known == settings) {
            return Ok(agent.clone());
        }
        let agent = connectable(&settings)?;
        // The repository and the status repository: more than two remotes means that the settings changed.
        self.0.truncate(1);
        self.0.insert(0, (settings, agent.clone()));
        Ok(agent)
    }
}

fn connectable(settings: &Settings) -> Result<ureq::Agent, Fault> {
    let roots = match &settings.ca {
        None => RootCerts::WebPki,
        Some(pem) => {
            let items = parse_pem(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
            let items = items
                .map_err(|_why| Fault::Address("the file of certificate authorities is no PEM".to_owned()))?;
            let certificates: Vec<_> = items
                .into_iter()
                .filter_map(|item| {
                    if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None }
                })
                .collect();
            if certificates.is_empty() {
                return Err(Fault::Address(
                    "the file of certificate authorities holds no certificate".to_owned(),
                ));
            }
            RootCerts::new_with_certs(&certificates)
        }
    };
    let proxy = match &settings.proxy {
        None => None,
        Some(url) => {
            let wrong = || Fault::Address("the proxy must be http://[user:password@]host:port".to_owned());
            let is_http = url.expose().starts_with("http://");
            Some(is_http.then(|| ureq::Proxy::new(url.expose()).ok()).flatten().ok_or_else(wrong)?)
        }
    };
    Ok(ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .proxy(proxy)
        .user_agent(AGENT)
        .timeout_resolve(Some(settings.stall))
        .timeout_connect(Some(settings.stall))
        .timeout_per_read(Some(settings.stall))
        .timeout_per_write(Some(settings.stall))
        .timeout_global(Some(settings.total))
        .max_idle_age(Duration::from_mins(5))
        .build()
        .into())
}

/// The `Authorization` header's value.
pub(crate) fn authorization(credential: &Credential) -> Option<String> {
    match credential {
        Credential::None => None,
        Credential::Basic { user, password } => {
            Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{}", password.expose()))))
        }
        Credential::Bearer { token } => Some(format!("Bearer {}", token.expose())),
    }
}

/// One repository on one web server, for the time of one request.
#[derive(Clone)]
pub(crate) struct Web {
    agent: ureq::Agent,
    url: String,
    authorization: Option<String>,
    pub(super) meter: Meter,
    pub(super) reason: Reason,
}

impl Web {
    pub(crate) fn new(link: &mut Link<'_>) -> Result<Self, Fault> {
        let Address::Http { url, secure } = link.address else {
            return Err(Fault::Address("the URL is not a web server's".to_owned()));
        };
        let authorization = authorization(&link.remote.credential);
        if authorization.is_some() && !secure {
            return Err(Fault::Address("a credential is never sent over plain http".to_owned()));
        }
        if authorization.as_ref().is_some_and(|value| value.chars().any(|c| c.is_control() || !c.is_ascii()))
        {
            return Err(Fault::Address(
                "the token holds a line break or a character that no header can hold".to_owned(),
            ));
        }
        Ok(Self {
            agent: link.clients.client(link.remote, &link.meter)?,
            url: url.clone(),
            authorization,
            meter: link.meter.clone(),
            reason: link.reason.clone(),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn get(&self, url: &str, headers: &[(String, String)]) -> Result<Answer, Fault> {
        self.run(ureq::http::Request::get(url), headers, ())
    }

    pub(super) fn post(&self, url: &str, headers: &[(String, String)], body: &[u8]) -> Result<Answer, Fault> {
        self.run(ureq::http::Request::post(url), headers, body)
    }

    fn run(
        &self,
        mut request: ureq::http::request::Builder,
        headers: &[(String, String)],
        body: impl ureq::AsSendBody,
    ) -> Result<Answer, Fault> {
        self.meter.left()?;
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(value) = &self.authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request
            .body(body)
            .map_err(|why| Fault::Address(format!("the request can not be made: {why}")))?;
        let response = self.agent.run(request).map_err(|why| self.fault(why))?;
        let status = response.status();
        let (parts, body) = response.into_parts();
        let mut body = Body { inner: Box::new(body.into_reader()), web: self.clone() };
        if status == StatusCode::OK {
            return Ok(Answer { headers: parts.headers, body });
        }
        Err(self.refusal(&Response::from_parts(parts, ()), &mut body))
    }

    /// What a status other than 200 means.
    fn refusal(&self, response: &Response<()>, body: &mut Body) -> Fault {
        let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let status = response.status();
        let mut said = String::new();
        if field(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/plain")) {
            let mut bytes = Vec::new();
            // What cannot be read is not worth more than the status.
            if body.by_ref().take(1000).read_to_end(&mut bytes).is_ok() {
                said = text::said(&bytes);
            }
        }
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let status = status.as_u16();
        match status {
            300..=399 => {
                let place = field(header::LOCATION).unwrap_or("somewhere unnamed");
                // A redirect can carry a credential: only where it leads to matters.
                let place = place.split(['?', '#']).next().unwrap_or_default();
                let place = match place.split_once("://") {
                    Some((scheme, rest)) => match rest.split_once('/') {
                        Some((host, path)) => format!("{scheme}://{}/{path}", bare_host(host)),
                        None => format!("{scheme}://{}", bare_host(rest)),
                    },
                    None => place.to_owned(),
                };
                Fault::Redirect(text::one_line(&place, 200))
            }
            401 if self.authorization.is_none() => Fault::Authentication(format!(
                "the server asks for a credential and none is set (HTTP 401){said}"
            )),
            401 => {
                Fault::Authentication(format!("the server does not accept the credential (HTTP 401){said}"))
            }
            403 => Fault::Authentication(format!("the server denies access (HTTP 403){said}")),
            404 | 410 => {
                Fault::NoRepository(format!("the server has no such repository (HTTP {status}){said}"))
            }
            407 => Fault::Authentication("the proxy does not accept the credential (HTTP 407)".to_owned()),
            408 | 429 | 500..=599 => {
                Fault::Unreachable(format!("the server is not able to answer (HTTP {status}){said}"))
            }
            _ => Fault::Protocol(format!("the server answers HTTP {status}{said}")),
        }
    }

    /// What a failure of the client means.
    fn fault(&self, error: ureq::Error) -> Fault {
        match error {
            ureq::Error::Timeout(Timeout::Global | Timeout::PerCall) => self.meter.late(),
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                Fault::Timeout(format!("no connection within {} s", self.meter.stall().as_secs()))
            }
            ureq::Error::Timeout(_) => self.meter.stalled(),
            ureq::Error::HostNotFound => {
                Fault::Unreachable("the server's name can not be resolved".to_owned())
            }
            ureq::Error::Rustls(why) => tls(&why),
            ureq::Error::Tls(why) => Fault::Tls(why.to_owned()),
            ureq::Error::Io(why) => io_fault(&why),
            // Some say 401 where they should say 407.
            ureq::Error::ConnectProxyFailed(why) if why.contains("407") || why.contains("401") => {
                Fault::Authentication("the proxy does not accept the credential".to_owned())
            }
            ureq::Error::ConnectProxyFailed(why) => Fault::Unreachable(text::one_line(&why, 200)),
            other => Fault::Protocol(text::chain(&other)),
        }
    }
}

fn bare_host(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn io_fault(error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(why) => tls(why),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            Fault::Unreachable("the server broke the connection off".to_owned())
        }
        None => match text::chain(error) {
            why if why.starts_with("failed to lookup address") => {
                Fault::Unreachable(format!("the server's name can not be resolved: {why}"))
            }
            why => Fault::Unreachable(why),
        },
    }
}

fn tls(error: &rustls::Error) -> Fault {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else {
        return Fault::Tls(format!("no secure connection: {error}"));
    };
    Fault::Tls(match bad {
        // The latter, where a trusted authority has the same name and another key.
        Bad::UnknownIssuer | Bad::BadSignature => {
            "the server's certificate is not signed by an authority that is trusted here".to_owned()
        }
        Bad::Expired | Bad::ExpiredContext { .. } => "the server's certificate has expired".to_owned(),
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet".to_owned()
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "the server's certificate is for another name".to_owned()
        }
        // What `openssl req -x509` makes unless it is told otherwise.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the server's certificate is an authority's own (CA:TRUE), not a server's: have it sign one for the server, or make \
             it anew with basicConstraints=CA:FALSE"
                .to_owned()
        }
        other => format!("the server's certificate is not valid: {other:?}"),
    })
}

/// A server's successful answer.
pub(super) struct Answer {
    pub(super) headers: header::HeaderMap,
    pub(super) body: Body,
}

impl Answer {
    /// Whether it is of the media type `kind`.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.headers.get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes() == kind.as_bytes())
    }
}

/// What a server sends, within the request's limits.
pub(super) struct Body {
    inner: Box<dyn Read + Send>,
    web: Web,
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.inner.read(buffer) {
            Ok(read) => read,
            Err(error) => {
                let fault = match error.downcast::<ureq::Error>() {
                    Ok(error) => self.web.fault(error),
                    Err(error) => io_fault(&error),
                };
                return Err(self.web.reason.keep(fault));
            }
        };
        self.web.meter.received(read).map_err(|fault| self.web.reason.keep(fault))?;
        Ok(read)
    }
}
