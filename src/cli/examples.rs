//! Examples of each command, below its `--help` and in its manual page.

use clap::Command;

/// What is said below the help of a command: of the path of its names, without `tollgate`.
const EXAMPLES: [(&str, &str); 30] = [
    (
        "",
        "Examples:\n  tollgate check --config tollgate.yaml\n  tollgate serve --config tollgate.yaml\n\nEnvironment:\n  TOLLGATE_LOG      what `serve` logs: error, warn, info (the default), debug\n  TOLLGATE_CONTROL  the socket of the running service, for `key` and `limits`\n\nExit status: 0 it is done, 1 it could not be done, 2 the arguments are wrong, 141 nobody reads what it prints.",
    ),
    (
        "serve",
        "Examples:\n  tollgate serve --config /etc/tollgate/tollgate.yaml\n  TOLLGATE_LOG=debug tollgate serve --log-format text\n\nEnvironment:\n  TOLLGATE_LOG  what is logged: error, warn, info (the default) or debug, also by module, such as\n                info,tollgate::auth=debug\n  OTEL_…        where traces, metrics and logs are sent: OpenTelemetry's own variables\n\nSIGHUP reads the configuration again. Exit status: 0 after SIGTERM or SIGINT, 1 it could not start.",
    ),
    (
        "check",
        "Examples:\n  tollgate check --config /etc/tollgate/tollgate.yaml\n  tollgate check --file-only --deny-warnings --format json\n  tollgate check --envoy /etc/envoy/envoy.yaml\n\nExit status: 0 it is valid (there may be warnings), 1 something is wrong (or, with --deny-warnings, there is\na warning), 2 the arguments are wrong.",
    ),
    (
        "envoy",
        "Examples:\n  tollgate envoy --config tollgate.yaml\n  tollgate envoy --envoy-version 1.38\n  tollgate envoy --watch /etc/envoy/tollgate",
    ),
    (
        "doctor",
        "Examples:\n  tollgate doctor --config /etc/tollgate/tollgate.yaml\n  tollgate doctor --envoy-admin http://127.0.0.1:9901 --format json\n\nRun it where the service runs, as its user: it uses the same identity, files and network.\nIt changes nothing, and asks for nothing that costs tokens.\n\nExit status: 0 nothing is wrong (there may be warnings), 1 something does not work,\n2 the arguments or the configuration can't be used, and nothing was tried.",
    ),
    (
        "backends",
        "Examples:\n  tollgate backends --config tollgate.yaml\n  tollgate backends --json",
    ),
    (
        "health",
        "Examples:\n  tollgate health --config tollgate.yaml\n  tollgate health --url http://127.0.0.1:9090/livez\n\nExit status: 0 it can serve requests, 1 it can't, or does not answer, 2 the arguments are wrong.",
    ),
    (
        "explain",
        "Examples:\n  tollgate explain --path /openai/v1/responses --model gpt-4o --credential key.txt\n  tollgate explain --request request.http --source 10.1.2.3 --at 2027-01-01T12:00:00Z\n\nExit status: 0 it would be allowed, 1 it would be refused, 2 the arguments are wrong.",
    ),
    (
        "key",
        "Examples:\n  tollgate key issue --client mobile-app\n  tollgate key list",
    ),
    (
        "key generate",
        "Examples:\n  tollgate key generate\n  tollgate key generate --slot secondary",
    ),
    (
        "key issue",
        "Examples:\n  tollgate key issue --client mobile-app\n  tollgate key issue --client mobile-app --slot secondary --not-after 2027-06-30",
    ),
    (
        "key rotate",
        "Examples:\n  tollgate key rotate wfISvw25tZ\n  tollgate key rotate wfISvw25tZ --grace 72h",
    ),
    ("key revoke", "Examples:\n  tollgate key revoke wfISvw25tZ"),
    (
        "key suspend",
        "Examples:\n  tollgate key suspend wfISvw25tZ",
    ),
    ("key resume", "Examples:\n  tollgate key resume wfISvw25tZ"),
    (
        "key list",
        "Examples:\n  tollgate key list\n  tollgate key list --client mobile-app --json",
    ),
    (
        "key move",
        "Examples:\n  tollgate key move --from mobile-app --to mobile\n  tollgate key move wfISvw25tZ --to mobile",
    ),
    (
        "key unused",
        "Examples:\n  tollgate key unused --since 30d\n  tollgate key unused --client mobile-app --json",
    ),
    (
        "ledger",
        "Examples:\n  tollgate ledger backup --to /var/backups/tollgate",
    ),
    (
        "ledger backup",
        "Examples:\n  tollgate ledger backup --config tollgate.yaml --to /var/backups/tollgate",
    ),
    (
        "log-level",
        "Examples:\n  tollgate log-level\n  tollgate log-level debug",
    ),
    (
        "limits",
        "Examples:\n  tollgate limits --config tollgate.yaml\n  tollgate limits --client mobile-app --format json",
    ),
    (
        "usage",
        "Examples:\n  tollgate usage --by client --from 2027-01-01 --to 2027-02-01\n  tollgate usage --by model --format csv",
    ),
    (
        "usage export",
        "Examples:\n  tollgate usage export --from 2027-01-01 --to 2027-02-01\n  tollgate usage export --format json --follow",
    ),
    (
        "usage recompute",
        "Examples:\n  tollgate usage recompute --from 2027-01-01 --to 2027-02-01",
    ),
    (
        "usage forget",
        "Examples:\n  tollgate usage forget --user ann@example.com",
    ),
    (
        "usage reconcile",
        "Examples:\n  tollgate usage reconcile --azure-metrics metrics.csv --tolerance 1",
    ),
    (
        "schema",
        "Examples:\n  tollgate schema\n\nIn the first line of tollgate.yaml, this names a file with the schema to editors:\n  # yaml-language-server: $schema=tollgate.schema.json",
    ),
    (
        "completions",
        "Examples:\n  tollgate completions bash\n  tollgate completions zsh\n  tollgate completions fish",
    ),
    ("man", "Examples:\n  tollgate man /usr/local/share/man/man1"),
];

/// Adds its examples to each command.
pub(super) fn add(command: Command) -> Command {
    below(command, "")
}

fn below(command: Command, path: &str) -> Command {
    let known = EXAMPLES.iter().find(|(of, _)| *of == path);
    let command = match known {
        Some((_, text)) => command.after_help(*text),
        None => command,
    };
    command.mut_subcommands(|it| {
        let name = it.get_name().to_owned();
        let path = match path {
            "" => name,
            above => format!("{above} {name}"),
        };
        below(it, &path)
    })
}
