//! A server of bytes: it reads the head of each request and answers what the test made up, well-formed or not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ratify_http::{Client, Concurrency, Deadline, Limit, Options, Proxies, Request, Retries};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use url::Url;

/// One thing to do with a connection, after the head of a request was read.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Send these bytes and read the next request.
    Send(Vec<u8>),
    /// Send these bytes and close the connection.
    SendAndClose(Vec<u8>),
    /// Send these bytes and then nothing, with the connection open.
    SendAndStall(Vec<u8>),
    /// Send these bytes, and then `x` without end.
    SendEndlessly(Vec<u8>),
}

/// A whole response with a length.
pub(crate) fn response(status: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Send(
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes(),
    )
}

pub(crate) struct Server {
    pub(crate) port: u16,
    secure: bool,
    heads: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// A plain server; `script` gets the number of the request (from 0) and its head.
    pub(crate) async fn start(
        script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_with(None, script).await
    }

    pub(crate) async fn start_with(
        tls: Option<TlsAcceptor>,
        script: impl Fn(usize, &str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, secure) = (Arc::clone(&heads), tls.is_some());
        let script = Arc::new(script);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, script, tls) = (Arc::clone(&seen), Arc::clone(&script), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => talk(stream, seen, script).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                talk(stream, seen, script).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            port,
            secure,
            heads,
            accepting,
        }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        let scheme = if self.secure { "https" } else { "http" };
        Url::parse(&format!("{scheme}://127.0.0.1:{}{path}", self.port)).unwrap()
    }

    /// The heads of all requests so far.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn talk<S, F>(mut stream: S, seen: Arc<Mutex<Vec<String>>>, script: Arc<F>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(usize, &str) -> Reply,
{
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match stream.read(&mut byte).await {
                Ok(1) => head.push(byte[0]),
                _ => return,
            }
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(head.clone());
            seen.len() - 1
        };
        match script(number, &head) {
            Reply::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Reply::SendAndClose(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                return;
            }
            Reply::SendAndStall(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await; // until the client hangs up
                return;
            }
            Reply::SendEndlessly(bytes) => {
                let _ = stream.write_all(&bytes).await;
                while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
                return;
            }
        }
    }
}

/// Options that do not make a test wait.
pub(crate) fn options() -> Options {
    Options {
        retries: Retries {
            most: 3,
            most_at_all: 10,
            base: Duration::from_millis(1),
            cap: Duration::from_millis(4),
        },
        concurrency: Concurrency::default(),
        proxies: Proxies::Off,
        ..Options::default()
    }
}

pub(crate) fn client() -> Client {
    Client::new(&options())
}

/// A minute: far longer than any test that does not stall takes.
pub(crate) fn patient() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_millis(200))
}

pub(crate) const LIMIT: Limit = Limit {
    of: "test bodies",
    bytes: 1000,
};

pub(crate) fn get(server: &Server, path: &str) -> Request<'static> {
    Request::get(server.url(path), LIMIT, patient())
}
