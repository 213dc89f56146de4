//! The same configuration in several files, which a running Envoy reads again when they change (file-based
//! discovery): <https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/xds_api>.

use std::collections::BTreeMap;
use std::path::Path;

use super::render::{RenderError, write_template};
use super::settings::Settings;

/// What Envoy starts with.
pub const BOOTSTRAP: &str = "envoy.yaml";
/// Where callers connect, and the filters.
pub const LISTENERS: &str = "listeners.yaml";
/// Which request goes where.
pub const ROUTES: &str = "routes.yaml";
/// The backends.
pub const CLUSTERS: &str = "clusters.yaml";

/// The text of each file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// What Envoy starts with.
    pub bootstrap: String,
    /// Where callers connect, and the filters.
    pub listeners: String,
    /// Which request goes where.
    pub routes: String,
    /// The backends.
    pub clusters: String,
}

impl Discovery {
    /// The files for a folder. One backend is written as several are, so that a second one is only another
    /// file of clusters and of routes.
    ///
    /// # Errors
    /// [`RenderError`]
    pub fn render(settings: &Settings, folder: &Path) -> Result<Self, RenderError> {
        let settings = settings.clone().with_choice();
        let at = |name: &str| folder.join(name).display().to_string();
        let files = BTreeMap::from([
            ("listeners", at(LISTENERS)),
            ("routes", at(ROUTES)),
            ("clusters", at(CLUSTERS)),
        ]);
        let text = |name| write_template(name, &settings, Some(&files));
        Ok(Self {
            bootstrap: text("discovery-bootstrap.yaml")?,
            listeners: text("discovery-listeners.yaml")?,
            routes: text("discovery-routes.yaml")?,
            clusters: text("discovery-clusters.yaml")?,
        })
    }

    /// The files by their names.
    pub fn files(&self) -> [(&'static str, &str); 4] {
        [
            (BOOTSTRAP, &self.bootstrap),
            (CLUSTERS, &self.clusters),
            (ROUTES, &self.routes),
            (LISTENERS, &self.listeners),
        ]
    }
}

/// The clusters that another one is to go on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    /// The text of the file.
    pub text: String,
    /// Those that are not in it before.
    pub new: Vec<String>,
    /// Those that lead elsewhere than before, by the same name.
    pub changed: Vec<String>,
    /// Those that it has from before, and nobody is sent to any more.
    pub leaving: Vec<String>,
}

impl Discovery {
    /// The clusters with those of the file before that have no successor: requests may still be on their way there.
    /// What is not a file of ours has none.
    pub fn clusters_after(&self, before: &str) -> Clusters {
        let names = |text| clusters(text).into_iter().map(|it| it.0);
        let (mut text, own): (_, Vec<_>) = (self.clusters.clone(), names(&self.clusters).collect());
        let known: Vec<_> = names(before).collect();
        let new = own.iter().filter(|it| !known.contains(it));
        let new = new.map(|it| (*it).to_owned()).collect();
        let before_of = |name: &str| clusters(before).into_iter().find(|it| it.0 == name);
        let changed = clusters(&self.clusters)
            .into_iter()
            .filter(|(name, block)| {
                before_of(name).is_some_and(|(_, before)| addresses(before) != addresses(block))
            });
        let changed = changed.map(|it| it.0.to_owned()).collect();
        let mut leaving = Vec::new();
        for (name, block) in clusters(before) {
            if !own.contains(&name) {
                text += block;
                leaving.push(name.to_owned());
            }
        }
        Clusters {
            text,
            new,
            changed,
            leaving,
        }
    }
}

/// Each cluster's name, and its lines, of a file as it is written here.
fn clusters(text: &str) -> Vec<(&str, &str)> {
    const FIRST: &str = "  - \"@type\": ";
    const NAME: &str = "\n    name: ";
    let mut starts: Vec<usize> = text.match_indices(FIRST).map(|it| it.0).collect();
    starts.push(text.len());
    let pairs = starts.iter().zip(starts.iter().skip(1));
    let blocks = pairs.filter_map(|(from, to)| text.get(*from..*to));
    let named = blocks.filter_map(|block| {
        let (_, rest) = block.split_once(NAME)?;
        Some((rest.lines().next()?, block))
    });
    named.collect()
}

/// The lines with a cluster's addresses.
fn addresses(block: &str) -> Vec<&str> {
    let lines = block.lines().map(str::trim);
    lines.filter(|it| it.contains("socket_address:")).collect()
}

#[cfg(test)]
mod tests;
