//! What `--keep` adds: commands to try, and the audit log as it grows.

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;
use tollgate_integration::stack::paths;

use super::gateway::Gateway;
use super::screen::Screen;
use super::signals::Signals;

/// How soon a line of the audit log is shown.
const SHOW_INTERVAL: Duration = Duration::from_millis(100);

/// Commands as they are pasted into a shell; the words in capitals are filled in. A test runs them.
const COMMANDS: &str = r##"
# A chat completion, with the path and the header of Azure OpenAI.
curl --cacert $CA "$GATEWAY/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21" \
    -H "api-key: $KEY" -H 'content-type: application/json' \
    -d '{"messages":[{"role":"user","content":"Say hello."}]}'

# A stream, with the path and the header of OpenAI; -N shows each event when it comes.
curl -N --cacert $CA "$GATEWAY/openai/v1/chat/completions" \
    -H "authorization: Bearer $KEY" -H 'content-type: application/json' \
    -H 'x-fake-token-delay-ms: 50' \
    -d '{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"Say hello."}]}'

# What the operator sees.
curl "$TOLLGATE/readyz"
curl "$TOLLGATE/metrics"
curl "$ENVOY_ADMIN/clusters"

# The official SDK, which `make tools` fetches, with both of its clients.
SSL_CERT_FILE=$CA PYTHON - <<'END'
import os
from openai import AzureOpenAI, OpenAI

gateway, key = os.environ["GATEWAY"], os.environ["KEY"]
azure = AzureOpenAI(azure_endpoint=gateway, api_key=key, api_version="2024-10-21")
plain = OpenAI(base_url=f"{gateway}/openai/v1/", api_key=key)
hello = [{"role": "user", "content": "Say hello."}]

answer = azure.chat.completions.create(model="gpt-4o", messages=hello)
print(answer.choices[0].message.content, answer.usage.total_tokens)
for event in plain.responses.create(model="gpt-4o", input="Say hello.", stream=True):
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)
print()
END
"##;

/// Shows the commands, then each new line of the audit log, until a signal comes.
pub async fn until_signal(screen: &mut Screen, gateway: &Gateway, signals: &mut Signals) {
    screen.say("\nEverything runs on. Paste these into another terminal:\n");
    screen.answer(&gateway.variables());
    screen.answer(&COMMANDS.replace("PYTHON", &python()));
    screen.say("Ctrl-C ends it all. The audit log, as it grows:");
    tokio::select! {
        () = show_audit_log(screen, gateway) => {}
        () = signals.any() => {}
    }
}

async fn show_audit_log(screen: &mut Screen, gateway: &Gateway) {
    let audit = gateway.stack.tollgate().audit();
    let mut shown = audit.all().len();
    loop {
        let lines = audit.all();
        for line in lines.iter().skip(shown) {
            screen.answer(line);
        }
        shown = lines.len();
        sleep(SHOW_INTERVAL).await;
    }
}

/// The Python with the SDK. Its own name is a link that must stay: it is how a venv is known.
fn python() -> String {
    let path = paths::python().ok();
    let folder = path.as_deref().and_then(Path::parent);
    let absolute = folder.and_then(|folder| folder.canonicalize().ok());
    let python = absolute.map(|folder| folder.join("python").display().to_string());
    python.unwrap_or_else(|| "python3".to_owned())
}
