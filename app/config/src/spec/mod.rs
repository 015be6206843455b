//! The written shape of `config.json` (V 11): what somebody typed, with the kinds of values checked and nothing decided.
//!
//! Field names and their quirks are those of v1.4. A `...Spec` becomes running parts in the modules beside this folder.

mod policy;
mod store;
mod verifier;

pub(crate) use policy::{PoliciesSpec, PolicySpec};
pub(crate) use store::{AuthProviderSpec, RegistrySpec, StoreSpec, StoresSpec};
pub(crate) use verifier::{NotationSpec, OtherSpec, VerifierSpec, VerifiersSpec};

use std::time::Duration;

use http::HeaderName;

use crate::error::Misplaced;
use crate::fields::{Fields, Spec};
use crate::trace_headers;

/// The longest time-out that can be written; far longer than anybody waits, and short enough to be added to any instant.
const LONGEST_TIMEOUT: Duration = Duration::from_hours(24);

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct ConfigSpec {
    pub(crate) store: StoresSpec,
    pub(crate) policy: PoliciesSpec,
    pub(crate) verifier: VerifiersSpec,
    pub(crate) executor: ExecutorSpec,
    pub(crate) logger: LoggerSpec,
    pub(crate) crl: CrlSpec,
}

impl Spec for ConfigSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        Ok(Self {
            store: fields.object("store")?.unwrap_or_default(),
            policy: fields.object("policy")?.unwrap_or_default(),
            verifier: fields.object("verifier")?.unwrap_or_default(),
            executor: fields.object("executor")?.unwrap_or_default(),
            logger: fields.object("logger")?.unwrap_or_default(),
            crl: fields.object("crl")?.unwrap_or_default(),
        })
    }
}

/// `executor`.
#[derive(Debug, Default)]
pub(crate) struct ExecutorSpec {
    pub(crate) verification_request_timeout: Option<Duration>,
    pub(crate) mutation_request_timeout: Option<Duration>,
}

impl Spec for ExecutorSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        let verification = fields.milliseconds("verificationRequestTimeout", LONGEST_TIMEOUT)?;
        let mutation = fields.milliseconds("mutationRequestTimeout", LONGEST_TIMEOUT)?;
        Ok(Self {
            verification_request_timeout: verification,
            mutation_request_timeout: mutation,
        })
    }
}

/// `logger`.
#[derive(Debug, Default)]
pub(crate) struct LoggerSpec {
    pub(crate) formatter: Option<String>,
    pub(crate) trace_headers: Vec<HeaderName>,
}

impl Spec for LoggerSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        let headers = fields.object::<RequestHeadersSpec>("requestHeaders")?;
        Ok(Self {
            formatter: fields.text("formatter")?,
            trace_headers: headers.unwrap_or_default().trace_id,
        })
    }
}

/// `logger.requestHeaders`.
#[derive(Debug, Default)]
struct RequestHeadersSpec {
    trace_id: Vec<HeaderName>,
}

impl Spec for RequestHeadersSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        Ok(Self {
            trace_id: trace_headers::read(fields)?,
        })
    }
}

/// `crl`.
#[derive(Debug, Default)]
pub(crate) struct CrlSpec {
    pub(crate) cache_enabled: bool,
}

impl Spec for CrlSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        let cache = fields.object::<CrlCacheSpec>("cache")?;
        Ok(Self {
            cache_enabled: cache.unwrap_or_default().enabled,
        })
    }
}

#[derive(Debug, Default)]
struct CrlCacheSpec {
    enabled: bool,
}

impl Spec for CrlCacheSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        Ok(Self {
            enabled: fields.flag("enabled")?,
        })
    }
}
