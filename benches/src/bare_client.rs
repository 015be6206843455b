//! The bare client: asks a registry for all that a verification needs, in the same order, and judges nothing.
//! The floor under every figure of a registry's answers.
#![expect(clippy::print_stdout, reason = "its result goes to stdout")]

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use reqwest::{Certificate, Client, Method, Response, StatusCode};
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

/// `bare-client CA|- BEFORE IMAGE..`: the first BEFORE images are asked for before the clock starts.
fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [ca, before, images @ ..] = arguments.as_slice() else {
        bail!("expected a CA file or `-`, a number, and images");
    };
    let (before, timed) = images
        .split_at_checked(before.parse()?)
        .context("too few images")?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    // the only one there is: nobody else installs one
    let _installed = provider.install_default();
    let client = Client::builder().no_proxy();
    let (client, scheme) = if ca == "-" {
        (client.tls_certs_only([]), "http")
    } else {
        let ca = Certificate::from_pem(&std::fs::read(ca)?)?;
        (client.tls_certs_only([ca]), "https")
    };
    let shared = Arc::new(Shared {
        client: client.build()?,
        scheme,
        token: OnceCell::new(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(all(&shared, before))?;
    let cpu = processor_time()?;
    let start = Instant::now();
    runtime.block_on(all(&shared, timed))?;
    let wall = start.elapsed();
    let cpu = processor_time()?.saturating_sub(cpu);
    println!(
        "{}",
        serde_json::json!({ "wall_us": wall.as_micros(), "cpu_us": cpu / 1_000 })
    );
    Ok(())
}

/// Nanoseconds on a core so far, of all threads.
fn processor_time() -> Result<u64> {
    let mut sum = 0_u64;
    for task in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        let first = text.split(' ').next().unwrap_or_default();
        sum = sum.saturating_add(first.parse()?);
    }
    Ok(sum)
}

struct Shared {
    client: Client,
    scheme: &'static str,
    /// One for all, as all images are of one repository.
    token: OnceCell<String>,
}

async fn all(shared: &Arc<Shared>, images: &[String]) -> Result<()> {
    let mut tasks = JoinSet::new();
    for image in images {
        tasks.spawn(one(Arc::clone(shared), image.clone()));
    }
    joined(tasks).await
}

async fn joined(mut tasks: JoinSet<Result<()>>) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn one(shared: Arc<Shared>, image: String) -> Result<()> {
    let (host, rest) = image.split_once('/').context("no host")?;
    let pinned = rest.split_once('@');
    let (repository, target) = pinned
        .or_else(|| rest.rsplit_once(':'))
        .context("no tag and no digest")?;
    let base = format!("{}://{host}/v2/{repository}", shared.scheme);
    let manifest = format!("{base}/manifests/{target}");
    let listing = if pinned.is_some() {
        let listed = format!("{base}/referrers/{target}");
        let head = shared.ask(Method::HEAD, &manifest);
        let (_head, listing) = tokio::try_join!(head, shared.ask(Method::GET, &listed))?;
        listing
    } else {
        let head = shared.ask(Method::HEAD, &manifest).await?;
        let digest = head.headers().get("docker-content-digest");
        let digest = digest.context("no digest")?.to_str()?;
        let listed = format!("{base}/referrers/{digest}");
        shared.ask(Method::GET, &listed).await?
    };
    let listing: Value = serde_json::from_slice(&listing.bytes().await?)?;
    let mut tasks = JoinSet::new();
    let manifests = listing.get("manifests").and_then(Value::as_array);
    for signature in manifests.into_iter().flatten() {
        let digest = signature.get("digest").and_then(Value::as_str);
        let digest = digest.context("no digest")?.to_owned();
        let (shared, base) = (Arc::clone(&shared), base.clone());
        tasks.spawn(async move { shared.signature(&base, &digest).await });
    }
    joined(tasks).await
}

impl Shared {
    async fn signature(&self, base: &str, digest: &str) -> Result<()> {
        let manifest = format!("{base}/manifests/{digest}");
        let manifest = self.ask(Method::GET, &manifest).await?.bytes().await?;
        let manifest: Value = serde_json::from_slice(&manifest)?;
        let layer = manifest.pointer("/layers/0/digest").and_then(Value::as_str);
        let blob = format!("{base}/blobs/{}", layer.context("no layer")?);
        self.ask(Method::GET, &blob).await?.bytes().await?;
        Ok(())
    }

    async fn ask(&self, method: Method, url: &str) -> Result<Response> {
        let mut request = self.client.request(method.clone(), url);
        if let Some(token) = self.token.get() {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = request.send().await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer.error_for_status()?);
        }
        let challenge = answer.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.context("no challenge")?.to_str()?.to_owned();
        let token = self
            .token
            .get_or_try_init(|| self.get_token(&challenge))
            .await?;
        let request = self.client.request(method, url);
        let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        Ok(request.send().await?.error_for_status()?)
    }

    async fn get_token(&self, challenge: &str) -> Result<String> {
        let mut quoted = challenge.split('"').skip(1).step_by(2);
        let (realm, _service, scope) = (quoted.next(), quoted.next(), quoted.next());
        let url = format!(
            "{}?scope={}",
            realm.context("no realm")?,
            scope.context("no scope")?
        );
        let answer = self.client.get(url).send().await?.bytes().await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let token = answer.get("token").and_then(Value::as_str);
        Ok(token.context("no token")?.to_owned())
    }
}
