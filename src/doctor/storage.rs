//! Where tollgate keeps things: the data directory, the database, Redis, and the folders of its sockets.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, open};
use rustix::io::Errno;

use super::finding::{Checks, Subject};
use super::identity;
use super::patience::{LONGEST, of_files, within};
use crate::config::Config;
use crate::control::check_folder;
use crate::database::Database;
use crate::limits::try_servers;

const FILES: &str = "files";

/// Tries what is configured; nothing is made or changed.
pub(super) async fn examine(config: Arc<Config>) -> Checks {
    let (directory, socket, control) = (
        Arc::clone(&config),
        Arc::clone(&config),
        Arc::clone(&config),
    );
    let files = async {
        let (directory, socket, control) = tokio::join!(
            files(LONGEST, "data directory", move |it| examine_data(
                &directory, it
            )),
            files(LONGEST, "socket for Envoy", move |it| examine_socket(
                &socket, it
            )),
            files(LONGEST, "control socket", move |it| examine_control(
                &control, it
            )),
        );
        [directory, socket, control].concat()
    };
    let (mut checks, database, redis) =
        tokio::join!(files, examine_database(&config), examine_redis(&config));
    checks.extend(database);
    checks.extend(redis);
    checks
}

/// Looks at something in files: one that hangs keeps no other from being looked at.
async fn files(
    longest: Duration,
    check: &str,
    look: impl FnOnce(&mut Subject) + Send + 'static,
) -> Checks {
    let looked = of_files(longest, move || {
        let mut subject = Subject::new(FILES);
        look(&mut subject);
        subject
    });
    let subject = looked.await.unwrap_or_else(|error| {
        let mut subject = Subject::new(FILES);
        subject.error(
            check,
            error,
            "see that the disk or the mount that it is on answers",
        );
        subject
    });
    subject.into_checks()
}

fn examine_data(config: &Config, subject: &mut Subject) {
    let Some(directory) = &config.data_directory else {
        return;
    };
    let shown = directory.display();
    match is_writable(directory) {
        Ok(()) => subject.ok("data directory", format!("{shown} can be written to")),
        Err(error) => subject.error(
            "data directory",
            format!("{shown} can't be written to: {error}"),
            "make it a directory of the user that tollgate runs as, mode 0700, on a disk with room that is mounted for writing",
        ),
    }
}

fn examine_socket(config: &Config, subject: &mut Subject) {
    if let Some(socket) = config.listen.grpc.path() {
        examine_socket_folder(socket, subject);
    }
}

fn examine_control(config: &Config, subject: &mut Subject) {
    let Some(socket) = &config.listen.control else {
        return;
    };
    match check_folder(socket, config.listen.grpc.path()) {
        Ok(()) => subject.ok("control socket", "its folder is for this user alone"),
        Err(error) => subject.error(
            "control socket",
            error,
            "give the control socket a folder that nothing else uses; tollgate makes it where it is missing",
        ),
    }
}

fn examine_socket_folder(socket: &Path, subject: &mut Subject) {
    let folder = match socket.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let shown = folder.display();
    match can_make_files_in(folder) {
        Ok(()) => subject.ok("socket for Envoy", format!("its folder {shown} is there")),
        Err(error) => subject.error(
            "socket for Envoy",
            format!("its folder {shown} can't be used: {error}"),
            "make it a folder of the user that tollgate runs as, which Envoy's group may enter (docs/envoy.md)",
        ),
    }
}

/// Whether files can be made in a directory; one that is missing is made when the service starts.
pub(crate) fn is_writable(directory: &Path) -> Result<(), Errno> {
    match can_make_files_in(directory) {
        Err(Errno::NOENT) => {
            let above = directory.ancestors().skip(1);
            let mut above = above.filter(|it| !it.as_os_str().is_empty());
            let nearest = above.find(|it| it.exists()).unwrap_or(Path::new("."));
            can_make_files_in(nearest)
        }
        tried => tried,
    }
}

/// Whether lines can be added to a file, also to one that is yet to be made. Nothing is made or changed.
pub(crate) fn can_append_to(file: &Path) -> Result<(), Errno> {
    match accessat(
        CWD,
        file,
        Access::READ_OK | Access::WRITE_OK,
        AtFlags::EACCESS,
    ) {
        Err(Errno::NOENT) => {
            // A link can lead to where nothing is yet.
            let target = std::fs::read_link(file).ok();
            let folder = file.parent().unwrap_or(Path::new("/"));
            let file = target.map_or_else(|| file.to_owned(), |it| folder.join(it));
            match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => can_make_files_in(folder),
                _ => can_make_files_in(Path::new(".")),
            }
        }
        tried => tried,
    }
}

/// Makes a file that has no name and is gone at once; where a file system has no such files, asks for the
/// permission alone.
pub(crate) fn can_make_files_in(directory: &Path) -> Result<(), Errno> {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    match open(directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(_) => Ok(()),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let wanted = Access::WRITE_OK | Access::EXEC_OK;
            accessat(CWD, directory, wanted, AtFlags::EACCESS)
        }
        Err(error) => Err(error),
    }
}

async fn examine_database(config: &Config) -> Checks {
    let mut subject = Subject::new("database");
    let Some(url) = &config.database else {
        return Checks::new();
    };
    match within(Database::is_writable(url)).await {
        Ok(true) => subject.ok("connection", format!("{url} answers, and takes writes")),
        Ok(false) => subject.error(
            "connection",
            format!("{url} answers, and takes no writes"),
            "set `database` to the primary server: this one is a standby, or read-only",
        ),
        Err(error) => subject.error(
            "connection",
            error,
            "see that the server is up and can be reached from here, that user, password and database are right, and that its certificate is trusted (`sslrootcert`)",
        ),
    }
    subject.into_checks()
}

async fn examine_redis(config: &Config) -> Checks {
    let mut subject = Subject::new("redis");
    let Some(options) = &config.redis else {
        return Checks::new();
    };
    let servers: Vec<_> = options
        .servers
        .urls()
        .iter()
        .map(ToString::to_string)
        .collect();
    let servers = servers.join(", ");
    let mut tried = options.clone();
    if let Some(identity) = &config.redis_identity {
        let Some(token) = identity::fetch(identity, &mut subject).await else {
            return subject.into_checks();
        };
        tried.password = token.password;
    }
    match within(try_servers(&tried)).await {
        Ok(()) => subject.ok("connection", format!("{servers} answers")),
        Err(error) => {
            let meaning = options.when_unavailable.concern();
            let login = match config.redis_identity {
                None => "that user and password are right",
                Some(_) => {
                    "that `username` is the object id of the identity, which must be a user there"
                }
            };
            subject.error(
                "connection",
                format!("{servers} does not answer: {error}; {meaning}"),
                format!("see that the server is up and can be reached from here, {login}, and that its certificate is trusted (`ca_file`)"),
            );
        }
    }
    subject.into_checks()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_missing_is_judged_by_the_one_above_it_and_not_made() {
        let folder = tempfile::tempdir().expect("a directory");
        let below = folder.path().join("a/b");
        assert_eq!(is_writable(&below), Ok(()));
        assert!(!folder.path().join("a").exists(), "it was made");
        assert_eq!(is_writable(folder.path()), Ok(()));
        let left = std::fs::read_dir(folder.path()).expect("a folder");
        assert_eq!(left.count(), 0, "a file was left");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("written");
        assert_eq!(is_writable(&file), Err(Errno::NOTDIR));
        assert_eq!(is_writable(&file.join("x")), Err(Errno::NOTDIR));
    }

    #[test]
    fn what_hangs_is_an_error_of_its_check() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let hangs = files(Duration::from_millis(10), "data directory", move |_| {
            let _ = held.recv();
        });
        let checks = runtime.block_on(hangs);
        drop(hold);
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].check, "data directory");
        assert!(checks[0].message.contains("does not answer"), "{checks:?}");
    }
}
