//! `store` as written (V 5.1), and our own `registries` inside it.

use crate::error::{Misplaced, Problem};
use crate::fields::{Fields, LeftOver, Spec};
use crate::place::{Place, shown};

/// `store`.
#[derive(Debug, Default)]
pub(crate) struct StoresSpec {
    pub(crate) plugins: Vec<(Place, StoreSpec)>,
}

impl Spec for StoresSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        fields.text("version")?;
        fields.texts("pluginBinDirs")?;
        Ok(Self {
            plugins: fields.objects("plugins")?,
        })
    }
}

/// One of `store.plugins`, of the one kind there is, `oras`.
#[derive(Debug, Default)]
pub(crate) struct StoreSpec {
    pub(crate) name: String,
    pub(crate) use_http: bool,
    pub(crate) cosign_enabled: bool,
    pub(crate) auth_provider: Option<AuthProviderSpec>,
    pub(crate) registries: Vec<(Place, RegistrySpec)>,
}

impl Spec for StoreSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        const EXPECTED: &str = "`oras`";
        let name = fields.required_text("name", EXPECTED)?;
        if name != "oras" {
            let problem = Problem::NotAvailable {
                what: "store",
                name: shown(&name),
                expected: EXPECTED,
            };
            return Err(problem.at(fields.at("name")));
        }
        if fields.text("localCachePath")?.is_some() {
            fields.warn("localCachePath", "has no effect: nothing is kept on disk");
        }
        if fields.flag("cacheEnabled")? {
            fields.warn("cacheEnabled", "has no effect in this version");
        }
        fields.any("ttl")?;
        if fields.any("source")?.is_some() {
            fields.warn("source", "has no effect: `oras` is built in");
        }
        Ok(Self {
            name,
            use_http: fields.flag("useHttp")?,
            cosign_enabled: fields.flag("cosignEnabled")?,
            auth_provider: fields.object("authProvider")?,
            registries: fields.objects("registries")?,
        })
    }
}

/// `authProvider` of the one kind there is, `dockerConfig` (V 5.4).
#[derive(Debug, Default)]
pub(crate) struct AuthProviderSpec {
    pub(crate) config_path: Option<String>,
}

impl Spec for AuthProviderSpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        const EXPECTED: &str = "`dockerConfig`";
        const OF_V1: [&str; 5] = [
            "k8Secrets",
            "azureWorkloadIdentity",
            "azureManagedIdentity",
            "awsEcrBasic",
            "alibabacloudAcrBasic",
        ];
        let name = fields.required_text("name", EXPECTED)?;
        if OF_V1.contains(&name.as_str()) {
            let problem = Problem::NotAvailable {
                what: "login provider",
                name,
                expected: EXPECTED,
            };
            return Err(problem.at(fields.at("name")));
        }
        if name != "dockerConfig" {
            return Err(Problem::value(&name, EXPECTED).at(fields.at("name")));
        }
        Ok(Self {
            config_path: fields.text("configPath")?.filter(|path| !path.is_empty()),
        })
    }
}

/// One of `registries`: how to reach one registry. All of it is ours, so an unknown member is an error.
#[derive(Debug, Default)]
pub(crate) struct RegistrySpec {
    pub(crate) host: String,
    pub(crate) ca_file: Option<String>,
    pub(crate) ca_bundle: Option<String>,
    pub(crate) plain_http: bool,
    pub(crate) mirror: Option<String>,
    pub(crate) token_hosts: Vec<(Place, String)>,
}

impl Spec for RegistrySpec {
    fn take(fields: &mut Fields<'_>) -> Result<Self, Misplaced> {
        Ok(Self {
            host: fields.required_text("host", "`host` or `host:port`, as in image references")?,
            ca_file: fields.text("caFile")?,
            ca_bundle: fields.text("caBundle")?,
            plain_http: fields.flag("plainHttp")?,
            mirror: fields.text("mirror")?,
            token_hosts: fields.texts("tokenHosts")?,
        })
    }

    fn left_over(&self) -> LeftOver {
        LeftOver::Refuse
    }
}
