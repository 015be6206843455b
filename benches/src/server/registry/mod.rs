//! The registry that everybody is measured against: a process of its own on loopback, so that its work is never counted as
//! somebody else's.
//!
//! It answers from memory, late by an exact delay, counts every request and every connection, and misbehaves on demand.
//! Never a registry for tests: it takes no pushes and checks nothing but tokens.

mod clock;
mod content;
mod control;
mod serve;

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;

pub(crate) use control::{Behaviour, Counts, Handle, Made, Trouble};

use content::Content;
use control::{Order, Report, Started};
use serve::Shared;

/// Serve until stdin ends; orders come from there, one JSON value a line, and each is answered on stdout.
pub(crate) fn run() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let content = Content::new();
    let tls = content.tls().context("cannot set up TLS")?;
    let started = Started {
        root: content.root_pem(),
        tls_root: content.tls_root_pem(),
        plain: 0,
        tls: 0,
    };
    let shared = Arc::new(Shared::new(content)?);
    let (plain, secure) = runtime.block_on(async {
        let plain = TcpListener::bind(("127.0.0.1", 0)).await?;
        let secure = TcpListener::bind(("127.0.0.1", 0)).await?;
        io::Result::Ok((plain, secure))
    })?;
    answer(&Report::Started(Started {
        plain: plain.local_addr()?.port(),
        tls: secure.local_addr()?.port(),
        ..started
    }))?;
    runtime.spawn(serve::serve(plain, None, Arc::clone(&shared)));
    runtime.spawn(serve::serve(secure, Some(tls), Arc::clone(&shared)));
    for line in io::stdin().lock().lines() {
        let line = line.context("cannot read an order")?;
        let order = serde_json::from_str(&line).with_context(|| format!("no order: {line}"))?;
        answer(&obey(&shared, order))?;
    }
    Ok(())
}

fn obey(shared: &Shared, order: Order) -> Report {
    match order {
        Order::Make {
            repository,
            images,
            signatures,
        } => Report::Made(shared.content().make(&repository, images, signatures)),
        Order::Behave(behaviour) => {
            shared.behave(behaviour);
            Report::Done
        }
        Order::Count => Report::Counted(shared.counts()),
    }
}

fn answer(report: &Report) -> Result<()> {
    let mut line = serde_json::to_vec(report)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line).context("cannot answer an order")?;
    out.flush().context("cannot answer an order")
}
