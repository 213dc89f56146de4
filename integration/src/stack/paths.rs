//! Where the files are that the harness starts and reads.

use std::path::{Path, PathBuf};

use super::failure::Failure;

const ENVOY_IN_TARGET: &str = "tools/envoy-1.40.0/envoy";
const ISSUERS_IN_TARGET: &str = "tools/issuers";
const CLIENTS_IN_TARGET: &str = "tools/clients";
const PYTHON_IN_TARGET: &str = "tools/venv/bin/python";
const KUBERNETES_IN_TARGET: &str = "tools/kubernetes";
const CARGO_DEB_IN_TARGET: &str = "tools/cargo-deb";

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The Envoy binary: `$TOLLGATE_ENVOY`, or the one that `make tools` fetched.
pub fn envoy() -> Result<PathBuf, Failure> {
    let path = match std::env::var_os("TOLLGATE_ENVOY") {
        Some(path) => PathBuf::from(path),
        None => profile_directory()?.join("..").join(ENVOY_IN_TARGET),
    };
    present(path, "make tools")
}

/// The Python that has the official OpenAI SDK, which `make tools` fetched.
pub fn python() -> Result<PathBuf, Failure> {
    let path = profile_directory()?.join("..").join(PYTHON_IN_TARGET);
    present(path, "make tools")
}

/// The folder with the issuers that nobody here wrote, which `make tools` fetched.
pub fn issuers() -> Result<PathBuf, Failure> {
    let folder = profile_directory()?.join("..").join(ISSUERS_IN_TARGET);
    present(folder.join("made-from"), "make tools")?;
    std::path::absolute(&folder).map_err(|error| Failure::new(folder.display(), error))
}

/// Helm, which `make tools` has built.
pub fn helm() -> Result<PathBuf, Failure> {
    of_kubernetes("helm")
}

/// The validator that has the schemas of Kubernetes' API, which `make tools` fetched.
pub fn kubernetes_validate() -> Result<PathBuf, Failure> {
    of_kubernetes("venv/bin/kubernetes-validate")
}

fn of_kubernetes(file: &str) -> Result<PathBuf, Failure> {
    let folder = profile_directory()?.join("..").join(KUBERNETES_IN_TARGET);
    // Written last: without it the folder is unfinished.
    present(folder.join("made-from"), "make tools")?;
    let file = present(folder.join(file), "make tools")?;
    std::path::absolute(&file).map_err(|error| Failure::new(file.display(), error))
}

/// The folder of cargo-deb, which `make tools` has built.
pub fn cargo_deb() -> Result<PathBuf, Failure> {
    let folder = profile_directory()?.join("..").join(CARGO_DEB_IN_TARGET);
    present(folder.join("bin/cargo-deb"), "make tools")?;
    std::path::absolute(&folder).map_err(|error| Failure::new(folder.display(), error))
}

/// The environment of a client, which `make tools` or `make clients` has made from the lock files of the
/// folder of this name in `integration/clients/`.
pub fn client(name: &str) -> Result<PathBuf, Failure> {
    let folder = profile_directory()?
        .join("..")
        .join(CLIENTS_IN_TARGET)
        .join(name);
    let made_from = present(folder.join("made-from"), "make tools, or make clients")?;
    let pinned = repository("integration/clients").join(name);
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| Failure::new(path.display(), error))
    };
    let made_from = read(&made_from)?;
    for file in ["package-lock.json", "requirements.txt"].map(|file| pinned.join(file)) {
        if file.is_file() && !made_from.contains(read(&file)?.trim_end()) {
            let other = format_args!("{} was made from another one", folder.display());
            let remedy = "run: make tools, or make clients";
            return Err(Failure::new(
                file.display(),
                format_args!("{other}; {remedy}"),
            ));
        }
    }
    std::path::absolute(&folder).map_err(|error| Failure::new(folder.display(), error))
}

/// A binary of this workspace, built with the same profile as the running program.
pub fn binary(name: &str) -> Result<PathBuf, Failure> {
    present(profile_directory()?.join(name), "cargo build --workspace")
}

/// `target/debug` or `target/release`: where the running program lies, tests in `deps` below it.
fn profile_directory() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new("cannot find the running program", error))?;
    let directory = program.parent().unwrap_or(Path::new("."));
    Ok(match directory.file_name() {
        Some(name) if name == "deps" => directory.join(".."),
        _ => directory.to_path_buf(),
    })
}

fn present(path: PathBuf, remedy: &str) -> Result<PathBuf, Failure> {
    match path.is_file() {
        true => Ok(path),
        false => Err(Failure::new(
            format_args!("there is no {}", path.display()),
            format_args!("run: {remedy}"),
        )),
    }
}
