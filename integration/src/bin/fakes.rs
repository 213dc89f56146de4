//! The fakes as processes of their own: for the demo, for Envoy's tests across containers, for load
//! tests.
//!
//! Each prints one line with where it listens when it is ready, and ends on SIGTERM and ctrl-c.

use clap::{Args, Parser, Subcommand};
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tollgate_integration::fakes::azure::{AzureOptions, FakeAzure};
use tollgate_integration::fakes::certificates::{CertificateAuthority, CertifiedKey};
use tollgate_integration::fakes::identity::{FakeIdentity, IdentityOptions};
use tollgate_integration::fakes::server::Listen;
use tollgate_integration::fakes::token::{TOKEN_SECRET_VARIABLE, TokenSecret};

/// The demo's authority, by name.
const AUTHORITY_NAME: &str = "tollgate demo CA";

/// Secrets of the demo, which are not secret.
const DEFAULT_HEADER_SECRET: &str = "fake-identity-header";
const DEFAULT_CLIENT_SECRET: &str = "fake-client-secret";

/// Keys are for their owner alone.
const KEY_MODE: u32 = 0o600;
const CERTIFICATE_MODE: u32 = 0o644;

/// Fakes of what tollgate talks to.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Threads that serve; all cores if it is not given.
    #[arg(long, global = true)]
    threads: Option<usize>,
}

#[derive(Subcommand)]
enum Command {
    /// Managed identity and Entra ID's token endpoint.
    Identity(IdentityArgs),
    /// Azure OpenAI.
    Azure(AzureArgs),
    /// An identity endpoint, and an Azure OpenAI that accepts its tokens.
    All {
        #[command(flatten)]
        azure: AzureArgs,
        /// Where the identity endpoint listens.
        #[arg(long, default_value = "127.0.0.1:8091")]
        identity_listen: SocketAddr,
        /// What X-IDENTITY-HEADER must say.
        #[arg(long, default_value = DEFAULT_HEADER_SECRET)]
        identity_header: String,
    },
    /// A demo authority and the certificates that it signs.
    Certificates(CertificateArgs),
}

#[derive(Args)]
struct IdentityArgs {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:8091")]
    listen: SocketAddr,
    /// Shared with the Azure fake; FAKE_TOKEN_SECRET if it is not given, random without that.
    #[arg(long)]
    token_secret: Option<String>,
    /// What X-IDENTITY-HEADER must say.
    #[arg(long, default_value = DEFAULT_HEADER_SECRET)]
    header_secret: String,
    /// What client_secret must say.
    #[arg(long, default_value = DEFAULT_CLIENT_SECRET)]
    client_secret: String,
    /// How long tokens live, in seconds.
    #[arg(long, default_value_t = 24 * 3600)]
    token_lifetime_seconds: u64,
    #[command(flatten)]
    tls: TlsArgs,
}

#[derive(Args)]
struct AzureArgs {
    /// Where to listen; port 0 takes any free one.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Shared with the identity fake; FAKE_TOKEN_SECRET if it is not given. Random without that, and
    /// then no other process has a token that is accepted.
    #[arg(long)]
    token_secret: Option<String>,
    /// What x-fake-only calls it.
    #[arg(long, default_value = "azure")]
    name: String,
    /// What x-ms-region says.
    #[arg(long, default_value = "East US")]
    region: String,
    /// The audience that tokens must have.
    #[arg(long)]
    audience: Option<String>,
    /// A JSON file of deployments, as GET /fake/control has them.
    #[arg(long)]
    deployments: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
}

#[derive(Args)]
struct TlsArgs {
    /// A certificate with its chain, in PEM; plain HTTP without.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

#[derive(Args)]
struct CertificateArgs {
    /// Where the files go.
    #[arg(long)]
    out: PathBuf,
    /// DNS names and IP addresses of the servers.
    #[arg(long, value_delimiter = ',', default_value = "localhost,127.0.0.1")]
    names: Vec<String>,
    /// Replaces what is there.
    #[arg(long)]
    force: bool,
}

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

fn main() -> Outcome {
    let cli = Cli::parse();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = cli.threads {
        runtime.worker_threads(threads);
    }
    let runtime = runtime.enable_all().build()?;
    match cli.command {
        Command::Certificates(args) => certificates(&args),
        Command::Identity(args) => runtime.block_on(async {
            let fake = FakeIdentity::try_start(identity_options(args)?).await?;
            println!("identity listening on {}", fake.endpoint());
            told_to_end().await?;
            fake.stop().await;
            Ok(())
        }),
        Command::Azure(args) => runtime.block_on(async {
            let secret = secret(args.token_secret.clone());
            let fake = FakeAzure::try_start(azure_options(args, secret)?).await?;
            println!("azure listening on {}", fake.url());
            told_to_end().await?;
            fake.stop().await;
            Ok(())
        }),
        Command::All {
            azure,
            identity_listen,
            identity_header,
        } => runtime.block_on(all(azure, identity_listen, identity_header)),
    }
}

async fn all(azure: AzureArgs, identity_listen: SocketAddr, identity_header: String) -> Outcome {
    let token_secret = secret(azure.token_secret.clone());
    let identity = FakeIdentity::try_start(IdentityOptions {
        listen: Listen {
            address: identity_listen,
            tls: None,
        },
        token_secret: token_secret.clone(),
        header_secret: identity_header,
        ..IdentityOptions::default()
    });
    let identity = identity.await?;
    let azure = FakeAzure::try_start(azure_options(azure, token_secret)?).await?;
    println!(
        "azure listening on {} identity listening on {}",
        azure.url(),
        identity.endpoint()
    );
    told_to_end().await?;
    tokio::join!(azure.stop(), identity.stop());
    Ok(())
}

async fn told_to_end() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = tokio::signal::ctrl_c() => ended,
        _ = terminate.recv() => Ok(()),
    }
}

fn secret(given: Option<String>) -> TokenSecret {
    given
        .or_else(|| std::env::var(TOKEN_SECRET_VARIABLE).ok())
        .map_or_else(TokenSecret::random, TokenSecret::new)
}

fn identity_options(args: IdentityArgs) -> Result<IdentityOptions, Box<dyn Error + Send + Sync>> {
    Ok(IdentityOptions {
        listen: listen(args.listen, &args.tls)?,
        token_secret: secret(args.token_secret.clone()),
        header_secret: args.header_secret,
        client_secret: args.client_secret,
        lifetime: Duration::from_secs(args.token_lifetime_seconds),
        ..IdentityOptions::default()
    })
}

fn azure_options(
    args: AzureArgs,
    token_secret: TokenSecret,
) -> Result<AzureOptions, Box<dyn Error + Send + Sync>> {
    let mut options = AzureOptions {
        listen: listen(args.listen, &args.tls)?,
        name: args.name,
        region: args.region,
        token_secret,
        ..AzureOptions::default()
    };
    if let Some(audience) = args.audience {
        options.audience = audience;
    }
    if let Some(path) = args.deployments {
        options.deployments = serde_json::from_slice(&fs::read(path)?)?;
    }
    Ok(options)
}

fn listen(address: SocketAddr, tls: &TlsArgs) -> Result<Listen, Box<dyn Error + Send + Sync>> {
    let tls = match (&tls.tls_cert, &tls.tls_key) {
        (Some(certificate), Some(key)) => {
            let certified = CertifiedKey {
                certificate_pem: fs::read_to_string(certificate)?,
                key_pem: fs::read_to_string(key)?,
            };
            Some(certified.server_config()?)
        }
        _ => None,
    };
    Ok(Listen { address, tls })
}

/// Writes `ca`, `server` (for Envoy) and `backend` (for the Azure fake), each as `NAME.pem` and
/// `NAME-key.pem`. What is there is kept, so that a restarted demo keeps the trust it was given.
fn certificates(args: &CertificateArgs) -> Outcome {
    fs::create_dir_all(&args.out)?;
    let authority = match read(&args.out, "ca").filter(|_| !args.force) {
        Some(kept) => CertificateAuthority::reopen(AUTHORITY_NAME, &kept)?,
        None => {
            let made = CertificateAuthority::new(AUTHORITY_NAME)?;
            write(&args.out, "ca", &made.certified_key())?;
            made
        }
    };
    let names: Vec<&str> = args.names.iter().map(String::as_str).collect();
    for name in ["server", "backend"] {
        if args.force || read(&args.out, name).is_none() {
            write(&args.out, name, &authority.server(&names)?)?;
        }
    }
    println!("certificates in {}", args.out.display());
    Ok(())
}

fn read(directory: &Path, name: &str) -> Option<CertifiedKey> {
    let read = |file: String| fs::read_to_string(directory.join(file)).ok();
    Some(CertifiedKey {
        certificate_pem: read(format!("{name}.pem"))?,
        key_pem: read(format!("{name}-key.pem"))?,
    })
}

fn write(directory: &Path, name: &str, certified: &CertifiedKey) -> std::io::Result<()> {
    let put = |file: String, pem: &str, mode| {
        let path = directory.join(file);
        // The mode counts only when the file is made.
        if path.exists() {
            fs::remove_file(&path)?;
        }
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
        std::io::Write::write_all(&mut file, pem.as_bytes())
    };
    put(format!("{name}-key.pem"), &certified.key_pem, KEY_MODE)?;
    put(
        format!("{name}.pem"),
        &certified.certificate_pem,
        CERTIFICATE_MODE,
    )
}
