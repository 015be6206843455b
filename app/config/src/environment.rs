//! What the process's environment says, as plain data, so that nothing else asks the system and tests can say otherwise.

use std::env;
use std::path::{Path, PathBuf};

/// The parts of the environment that matter to a configuration (V 1.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `RATIFY_CONFIG`: directory of the default `config.json`.
    pub ratify_config: Option<PathBuf>,
    /// The home directory: `HOME`, else the entry of the user data base.
    pub home: Option<PathBuf>,
    /// Docker's configuration file, where `docker login` puts logins; none: there are no logins.
    pub docker_config: Option<PathBuf>,
}

impl Environment {
    /// The environment of this process. A variable that is set to nothing counts as not set.
    pub fn of_process() -> Self {
        let directory = |name| env::var_os(name).filter(|value| !value.is_empty());
        let directory = |name| directory(name).map(PathBuf::from);
        let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let docker = directory("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
        Self {
            ratify_config: directory("RATIFY_CONFIG"),
            home,
            docker_config: docker.map(|directory| directory.join("config.json")),
        }
    }

    /// `$RATIFY_CONFIG/config.json`, else `~/.ratify/config.json` (V 1.4).
    pub(crate) fn default_config(&self) -> Option<PathBuf> {
        let directory = self
            .ratify_config
            .clone()
            .or_else(|| Some(self.home.as_ref()?.join(".ratify")))?;
        Some(directory.join("config.json"))
    }

    /// The directory of certificates that every notation verifier of v1.4 reads besides its own. It is in the home
    /// directory whatever `RATIFY_CONFIG` says (K 4.1).
    pub(crate) fn default_certificates(&self) -> Option<PathBuf> {
        Some(
            self.home
                .as_ref()?
                .join(".ratify/ratify-certs/notation/truststore"),
        )
    }

    /// A path of the configuration: `~/` at its beginning is the home directory, as in v1.4; a relative path begins at
    /// the working directory of the process, not at the configuration file.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        match (written.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => Path::new(written).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment {
            home: Some(PathBuf::from("/home/a")),
            ..Environment::default()
        }
    }

    #[test]
    fn v_1_4_the_default_path_is_in_ratify_config_else_at_home() {
        let mut env = environment();
        assert_eq!(
            env.default_config(),
            Some(PathBuf::from("/home/a/.ratify/config.json"))
        );
        env.ratify_config = Some(PathBuf::from("/etc/ratify"));
        assert_eq!(
            env.default_config(),
            Some(PathBuf::from("/etc/ratify/config.json"))
        );
        assert_eq!(Environment::default().default_config(), None);
    }

    #[test]
    fn k_4_1_default_certificates_are_at_home_whatever_ratify_config_says() {
        let mut env = environment();
        env.ratify_config = Some(PathBuf::from("/etc/ratify"));
        let expected = PathBuf::from("/home/a/.ratify/ratify-certs/notation/truststore");
        assert_eq!(env.default_certificates(), Some(expected));
    }

    #[test]
    fn only_a_tilde_with_a_slash_is_home() {
        let env = environment();
        for (written, path) in [
            ("~/x", "/home/a/x"),
            ("~", "~"),
            ("~b/x", "~b/x"),
            ("a/~/x", "a/~/x"),
            ("/x", "/x"),
            ("x", "x"),
        ] {
            assert_eq!(env.path(written), PathBuf::from(path), "{written}");
        }
        assert_eq!(Environment::default().path("~/x"), PathBuf::from("~/x"));
    }
}
