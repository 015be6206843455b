//! What the flags of `serve` mean, and what of them is not available.

use std::env;
use std::path::{Path, PathBuf};

use ratify_engine::{CacheOptions, DispatcherOptions};
use ratify_server::{Address, ConnectionLimits, ServerOptions, TlsPaths};

use crate::args::Serve;
use crate::error::Error;

/// Where health is served if nobody says otherwise (V 1.2).
const HEALTH_PORT: u16 = 9099;
/// What a flag that counts megabytes counts.
const MEGABYTE: u64 = 1024 * 1024;
/// v1.4's feature flags (V 8), and what happens here where one is on.
const FEATURES: [(&str, &str); 3] = [
    (
        "EXPERIMENTAL_DYNAMIC_PLUGINS",
        "plugins are not available in this version; `source` is ignored",
    ),
    (
        "CERT_ROTATION",
        "certificate rotation needs a cluster, which is not available in this version; the files in `--cert-dir` are read again when somebody replaces them",
    ),
    (
        "EXPERIMENTAL_HIGH_AVAILABILITY",
        "a cache that replicas share is not available in this version; each remembers verdicts in its own memory",
    ),
];

/// What the flags mean.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The configuration file; `None`: the default one.
    pub(crate) config: Option<PathBuf>,
    /// What is remembered.
    pub(crate) dispatcher: DispatcherOptions,
    /// Where to listen; `None`: nowhere.
    pub(crate) server: Option<ServerOptions>,
    /// Nobody asked for health where it is served, so the server does not fail over it.
    pub(crate) health_is_default: bool,
    /// What somebody should know, for the log.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Read the flags.
    ///
    /// # Errors
    /// What cannot be done, or only without something that was asked for.
    pub(crate) fn of(args: &Serve) -> Result<Self, Error> {
        if args.enable_crd_manager {
            return Err(Error::NoCustomResources);
        }
        let mut warnings = Vec::new();
        let cache = cache(args, &mut warnings)?;
        Ok(Self {
            config: given(&args.config),
            dispatcher: DispatcherOptions {
                cache,
                ..DispatcherOptions::default()
            },
            server: server(args)?,
            health_is_default: args.health_port.is_none(),
            warnings,
        })
    }
}

/// Say which feature flags are set, in v1.4's words, and what is not available.
pub(crate) fn tell_features() {
    for (name, consequence) in FEATURES {
        match env::var_os(format!("RATIFY_{name}")) {
            None => {}
            Some(value) if value == "1" => {
                tracing::info!("Feature flag {name} is enabled");
                tracing::warn!("`RATIFY_{name}` has no effect: {consequence}");
            }
            Some(_) => tracing::info!("Feature flag {name} is disabled"),
        }
    }
}

fn given(written: &std::ffi::OsStr) -> Option<PathBuf> {
    (!written.is_empty()).then(|| Path::new(written).to_owned())
}

fn cache(args: &Serve, warnings: &mut Vec<String>) -> Result<Option<CacheOptions>, Error> {
    if !args.cache_enabled {
        return Ok(None);
    }
    let megabytes = u64::try_from(args.cache_size).ok().filter(|size| *size > 0);
    let megabytes = megabytes.ok_or_else(|| Error::CacheSize {
        cache_type: args.cache_type.clone(),
        size: args.cache_size,
    })?;
    if args.cache_type != "ristretto" {
        warnings.push(format!(
            "cache type `{}` is not available in this version; verdicts are remembered in this process's memory",
            args.cache_type
        ));
    }
    if args.cache_ttl.is_zero() {
        warnings.push("`--cache-ttl` is zero, so no verdict is remembered".to_owned());
    }
    Ok(Some(CacheOptions {
        ttl: args.cache_ttl,
        bytes: megabytes.saturating_mul(MEGABYTE),
    }))
}

fn server(args: &Serve) -> Result<Option<ServerOptions>, Error> {
    let tls = tls(args)?;
    let metrics = metrics(args)?;
    let Some(address) = args.http.0.clone() else {
        return Ok(None);
    };
    let health = match &args.health_port {
        None => Some(Address::all_interfaces(HEALTH_PORT)),
        Some(listen) => listen.0.clone(),
    };
    Ok(Some(ServerOptions {
        address,
        tls,
        health,
        metrics,
        limits: ConnectionLimits::default(),
    }))
}

/// Client certificates exist in TLS alone: v1.4 drops the demand for them in silence if there is no `--cert-dir`.
fn tls(args: &Serve) -> Result<Option<TlsPaths>, Error> {
    let client_ca = given(&args.ca_cert_file);
    match given(&args.cert_dir) {
        Some(directory) => Ok(Some(TlsPaths::in_directory(&directory, client_ca))),
        None if client_ca.is_some() => Err(Error::ClientsWithoutTls),
        None => Ok(None),
    }
}

fn metrics(args: &Serve) -> Result<Option<Address>, Error> {
    if !args.metrics_enabled {
        return Ok(None);
    }
    if !args.metrics_type.eq_ignore_ascii_case("prometheus") {
        return Err(Error::MetricsType {
            found: args.metrics_type.clone(),
        });
    }
    Ok(Some(Address::all_interfaces(args.metrics_port)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command, SWITCHES, go_booleans};

    fn read(line: &str) -> Serve {
        let args = line.split(' ').map(std::ffi::OsString::from);
        let cli = Cli::try_parse_from(go_booleans(args, SWITCHES)).unwrap();
        match cli.command {
            Some(Command::Serve(serve)) => serve,
            other => panic!("{other:?}"),
        }
    }

    fn settings(flags: &str) -> Result<Settings, String> {
        Settings::of(&read(&format!("ratify serve{flags}"))).map_err(|error| error.sentence())
    }

    #[test]
    fn v_1_2_the_flags_of_the_chart_are_taken_as_they_are() {
        let settings = settings(
            " --http :6001 -c /usr/local/ratify/config.json --cert-dir=/usr/local/tls \
             --ca-cert-file=usr/local/tls/client-ca/ca.crt --cache-enabled=true --cache-type=ristretto \
             --cache-name=dapr-redis --cache-size=512 --cache-ttl=1m30s --metrics-enabled=true \
             --metrics-type=prometheus --metrics-port=8889 --health-port=:9098"
                .replace("             ", "")
                .as_str(),
        )
        .unwrap();
        assert_eq!(
            settings.config.unwrap(),
            Path::new("/usr/local/ratify/config.json")
        );
        let cache = settings.dispatcher.cache.unwrap();
        assert_eq!(cache.ttl, Duration::from_secs(90));
        assert_eq!(cache.bytes, 512 * 1024 * 1024);
        let server = settings.server.unwrap();
        assert_eq!(server.address.to_string(), ":6001");
        assert_eq!(server.health.unwrap().to_string(), ":9098");
        assert_eq!(server.metrics.unwrap().to_string(), ":8889");
        let tls = server.tls.unwrap();
        assert_eq!(tls.certificate, Path::new("/usr/local/tls/tls.crt"));
        assert_eq!(tls.key, Path::new("/usr/local/tls/tls.key"));
        // relative, as the chart writes it: the image's working directory is `/`
        assert_eq!(
            tls.client_ca.unwrap(),
            Path::new("usr/local/tls/client-ca/ca.crt")
        );
        assert_eq!(settings.warnings, [""; 0]);
    }

    #[test]
    fn v_1_2_defaults_are_those_of_v1_4() {
        let args = read("ratify serve");
        assert_eq!(
            (
                args.cache_type.as_str(),
                args.cache_name.as_str(),
                args.cache_size
            ),
            ("ristretto", "dapr-redis", 256)
        );
        assert_eq!(args.cache_ttl, Duration::from_secs(10));
        assert_eq!(
            (args.metrics_type.as_str(), args.metrics_port),
            ("prometheus", 8888)
        );
        let nothing = settings("").unwrap();
        assert!(nothing.server.is_none() && nothing.dispatcher.cache.is_none());
        let plain = settings(" --http :6001 --cache-enabled=true --cache-enabled=false").unwrap();
        assert_eq!(plain.dispatcher.cache, None);
        let server = plain.server.unwrap();
        assert_eq!(server.health.unwrap().to_string(), ":9099");
        assert!(server.metrics.is_none() && server.tls.is_none());
        let off = settings(" --http :6001 --health-port=").unwrap();
        assert!(off.server.unwrap().health.is_none());
    }

    #[test]
    fn v_18_what_is_not_available_is_told_and_memory_used() {
        for (flags, warning) in [
            (
                " --cache-enabled --cache-type dapr",
                "cache type `dapr` is not available",
            ),
            (
                " --cache-enabled --cache-type nosuch",
                "cache type `nosuch` is not available",
            ),
            (" --cache-enabled --cache-ttl 0", "`--cache-ttl` is zero"),
        ] {
            let settings = settings(flags).unwrap();
            assert!(settings.dispatcher.cache.is_some());
            assert!(settings.warnings[0].starts_with(warning), "{settings:?}");
        }
        assert_eq!(settings(" --cache-type dapr").unwrap().warnings, [""; 0]);
    }

    #[test]
    fn what_cannot_be_done_is_an_error() {
        for (flags, sentence) in [
            (" --enable-crd-manager", "`--enable-crd-manager` "),
            (
                " --cache-enabled --cache-size 0",
                "error initializing cache of type ristretto: `--cache-size` is 0, expected at least 1",
            ),
            (
                " --cache-enabled --cache-size=-5",
                "error initializing cache of type ristretto: `--cache-size` is -5, expected at least 1",
            ),
            (
                " --metrics-enabled --metrics-type statsd",
                "unsupported metrics backend `statsd`, expected `prometheus`",
            ),
            (
                " --http :1 --ca-cert-file ca.crt",
                "`--ca-cert-file` needs `--cert-dir`",
            ),
        ] {
            let error = settings(flags).unwrap_err();
            assert!(error.starts_with(sentence), "{flags}: {error}");
        }
        // as v1.4, which looks at neither where it is off
        assert!(settings(" --cache-size 0 --metrics-type statsd").is_ok());
        assert!(settings(" --metrics-enabled --metrics-type Prometheus").is_ok());
    }
}
