//! Stores of type `oras`: how to reach registries, and with which login.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use ratify_engine::{COSIGN_ARTIFACT_TYPE, CosignTagStore, RegistryStore, Store};
use ratify_http::Certificates;
use ratify_registry::{
    Anonymous, Client, DockerConfig, Logins, Options, OptionsError, RegistryOptions,
};
use ratify_verify::Verifier;
use zeroize::Zeroizing;

use crate::error::{Misplaced, Problem};
use crate::evidence::Evidence;
use crate::fields::Notes;
use crate::load::open_file;
use crate::place::Place;
use crate::readers::EVERY_TYPE;
use crate::spec::{AuthProviderSpec, RegistrySpec, StoreSpec};
use crate::{Environment, LoadOptions};

/// The largest file of certificate authorities that is read; the list of all public ones has a quarter of that.
const MAX_AUTHORITIES: u64 = 1024 * 1024;

/// Whether the verifier judges Cosign signatures.
pub(crate) fn reads_cosign(verifier: &Verifier) -> bool {
    let mut types = verifier.artifact_types().iter();
    types.any(|one| one == EVERY_TYPE || one == COSIGN_ARTIFACT_TYPE)
}

/// The store that `spec`, found at `place`, describes. Asks nothing of the network.
///
/// `reads_cosign`: whether any verifier judges Cosign signatures, so that one must not be overlooked.
pub(crate) fn store(
    place: &Place,
    spec: StoreSpec,
    reads_cosign: bool,
    environment: &Environment,
    options: &LoadOptions,
    notes: &mut Notes,
) -> Result<Arc<dyn Store>, Misplaced> {
    if spec.use_http {
        notes.warn(
            &place.member("useHttp"),
            "every registry is asked in plain HTTP, logins included; better name single registries in `registries` with `plainHttp`",
        );
    }
    let (places, registries) = registries(spec.registries, environment, &mut notes.evidence)?;
    let options = Options {
        registries,
        plain_http_all: spec.use_http,
        loopback_http: options.allow_loopback_http,
        guarded: options.guarded,
        logins: logins(place, spec.auth_provider, environment, notes),
        http: ratify_http::Options {
            observer: options.observer.clone(),
            ..ratify_http::Options::default()
        },
        ..Options::default()
    };
    let hosts: Vec<String> = options
        .registries
        .iter()
        .map(|one| one.host.clone())
        .collect();
    let client = Client::new(options).map_err(|error| {
        let place = place_of(&error, &hosts, &places).unwrap_or_else(|| place.clone());
        Problem::from(error).at(place)
    })?;
    let store = Arc::new(RegistryStore::new(spec.name, client));
    if spec.cosign_enabled && reads_cosign {
        return Ok(Arc::new(CosignTagStore::new(store)));
    }
    Ok(store)
}

/// Where logins come from: the Docker configuration that is named, which must be there, else that of the user.
fn logins(
    place: &Place,
    spec: Option<AuthProviderSpec>,
    environment: &Environment,
    notes: &mut Notes,
) -> Arc<dyn Logins> {
    let Some(written) = spec.and_then(|spec| spec.config_path) else {
        let Some(path) = &environment.docker_config else {
            return Arc::new(Anonymous);
        };
        note_logins(path, notes);
        return Arc::new(DockerConfig::if_there(path));
    };
    let path = environment.path(&written);
    note_logins(&path, notes);
    if !path.exists() {
        let place = place.member("authProvider").member("configPath");
        notes.warn(&place, "is not there, so no registry can be asked");
    }
    Arc::new(DockerConfig::at(path))
}

/// Other logins may see other things, so what is known from before must not answer for them. The client reads the file
/// by itself; here it is only a part of what makes this configuration the one it is.
fn note_logins(path: &Path, notes: &mut Notes) {
    notes.evidence.source(path);
    notes
        .evidence
        .note("logins", path.as_os_str().as_encoded_bytes());
    match content(path) {
        Ok(content) => notes.evidence.note("there", &Zeroizing::new(content)),
        Err(problem) => notes
            .evidence
            .note("not there", problem.to_string().as_bytes()),
    }
}

fn registries(
    specs: Vec<(Place, RegistrySpec)>,
    environment: &Environment,
    evidence: &mut Evidence,
) -> Result<(Vec<Place>, Vec<RegistryOptions>), Misplaced> {
    let read = |(place, spec): (Place, RegistrySpec)| {
        let authorities = authorities(&place, &spec, environment, evidence)?;
        let registry = RegistryOptions {
            host: spec.host,
            authorities,
            plain_http: spec.plain_http,
            mirror: spec.mirror,
            token_hosts: spec.token_hosts.into_iter().map(|(_, host)| host).collect(),
        };
        Ok((place, registry))
    };
    specs.into_iter().map(read).collect()
}

fn authorities(
    place: &Place,
    spec: &RegistrySpec,
    environment: &Environment,
    evidence: &mut Evidence,
) -> Result<Option<Certificates>, Misplaced> {
    let (member, text) = match (&spec.ca_file, &spec.ca_bundle) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(Problem::Both {
                one: "caFile",
                other: "caBundle",
            }
            .at(place.clone()));
        }
        (Some(path), None) => {
            let member = place.member("caFile");
            let path = environment.path(path);
            evidence.source(&path);
            let text = content(&path).map_err(|problem| problem.at(member.clone()))?;
            (member, text)
        }
        (None, Some(text)) => (place.member("caBundle"), text.clone().into_bytes()),
    };
    evidence.note("authorities", &text);
    let authorities = Certificates::from_pem(&text);
    authorities
        .map(Some)
        .map_err(|error| Problem::Authorities { error }.at(member))
}

fn content(path: &Path) -> Result<Vec<u8>, Problem> {
    let mut content = Vec::new();
    let read = open_file(path).and_then(|file| {
        let mut limited = file.take(MAX_AUTHORITIES + 1);
        limited.read_to_end(&mut content)
    });
    let length = read.map_err(|error| Problem::File {
        path: path.to_owned(),
        error,
    })?;
    if u64::try_from(length).is_ok_and(|length| length <= MAX_AUTHORITIES) {
        Ok(content)
    } else {
        Err(Problem::FileTooLarge {
            path: path.to_owned(),
            limit: MAX_AUTHORITIES,
        })
    }
}

/// Which registry an error of the client speaks of: the last with that host, for of two the second is one too many.
fn place_of(error: &OptionsError, hosts: &[String], places: &[Place]) -> Option<Place> {
    let (host, member) = match error {
        OptionsError::Host(host) | OptionsError::Twice(host) => (host, "host"),
        OptionsError::PlainHttpWithAuthorities(host) => (host, "plainHttp"),
        OptionsError::Mirror { host, .. } => (host, "mirror"),
        OptionsError::TokenHost { host, .. } => (host, "tokenHosts"),
        _ => return None,
    };
    let index = hosts.iter().rposition(|one| one == host)?;
    places.get(index).map(|place| place.member(member))
}
