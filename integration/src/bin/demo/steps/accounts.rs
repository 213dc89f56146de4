//! What tollgate counted, compared with what the fake Azure OpenAI billed.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use serde_json::Value;
use tollgate_integration::fakes::azure::ledger::Entry;
use tollgate_integration::stack::{Failure, poll_for};

use crate::gateway::Gateway;
use crate::json::text;
use crate::screen::Screen;

const HEADER: [&str; 9] = [
    "client",
    "operation",
    "deployment",
    "stream",
    "source",
    "input",
    "output",
    "billed in",
    "billed out",
];
/// The first column of numbers.
const NUMBERS: usize = 5;

/// A usage record of tollgate's and the line of the fake's ledger for the same request.
struct Pair {
    record: Value,
    bill: Entry,
}

/// Compares, request by request.
pub async fn step(screen: &mut Screen, gateway: &mut Gateway) -> Result<(), Failure> {
    screen.step("The accounts: what tollgate counted, compared with what Azure OpenAI billed");
    // The fake notices the client that went away only when it sends it the next token.
    gateway.stack.azure.settled(gateway.served).await;
    let records = poll_for("a usage record of each request", async || {
        let records = gateway.usage_records();
        let served = usize::try_from(gateway.served).unwrap_or(usize::MAX);
        (records.len() >= served).then_some(records)
    })
    .await?;
    let count = records.len();
    let pairs = pairs(records, &gateway.stack.azure.ledger());
    screen.answer(&usage_table(&pairs));
    let bills = gateway.stack.azure.ledger().len();
    screen.expect("requests that Azure OpenAI billed", bills, count);
    screen.expect("of them with a record of the same id", pairs.len(), bills);
    screen.check(
        "what Azure OpenAI reported is counted to the token",
        of_source(&pairs, "reported").all(Pair::is_exact),
    );
    screen.check(
        "the estimate has all of the prompt, and no token that was not billed",
        of_source(&pairs, "estimated").all(Pair::is_within),
    );

    screen.say("\nThe refused:");
    let refusals = gateway.refusals();
    screen.answer(&refusal_table(&refusals));
    screen.expect("requests refused", refusals.len(), gateway.refused);
    screen.expect(
        "requests that reached Azure OpenAI",
        gateway.stack.azure.requests().len(),
        bills,
    );

    screen.say("\nThe credentials:");
    let leaked = gateway.stack.azure.violations();
    let leaked: Vec<String> = leaked.into_iter().map(|it| it.name).collect();
    screen.expect(
        "credentials of callers that reached Azure OpenAI",
        leaked.join(", "),
        String::new(),
    );
    screen.expect(
        "tokens fetched for the gateway's identity",
        gateway.stack.identity.fetches(),
        1,
    );
    Ok(())
}

/// Each record with the bill of the same request, in the order of the bills.
fn pairs(records: Vec<Value>, bills: &[Entry]) -> Vec<Pair> {
    let find = |bill: &Entry| {
        let id = bill.request_id.as_deref();
        records
            .iter()
            .find(|record| record["request_id"].as_str() == id)
            .cloned()
    };
    let found = bills.iter().filter_map(|bill| {
        let record = find(bill)?;
        Some(Pair {
            record,
            bill: bill.clone(),
        })
    });
    found.collect()
}

fn of_source<'a>(pairs: &'a [Pair], source: &'a str) -> impl Iterator<Item = &'a Pair> {
    pairs
        .iter()
        .filter(move |pair| pair.record["source"] == source)
}

impl Pair {
    fn input(&self) -> Option<u64> {
        self.record["input_tokens"].as_u64()
    }

    fn output(&self) -> Option<u64> {
        self.record["output_tokens"].as_u64()
    }

    fn is_exact(&self) -> bool {
        let tokens = self.bill.tokens;
        (self.input(), self.output()) == (Some(tokens.prompt), Some(tokens.completion))
    }

    fn is_within(&self) -> bool {
        let tokens = self.bill.tokens;
        let output = self
            .output()
            .is_some_and(|output| output <= tokens.completion);
        output && self.input() == Some(tokens.prompt)
    }
}

fn usage_table(pairs: &[Pair]) -> Table {
    let mut table = table(&HEADER);
    for Pair { record, bill } in pairs {
        let mut row: Vec<String> = ["client", "operation", "deployment"]
            .map(|it| text(&record[it]))
            .into();
        row.push(
            if record["stream"] == true {
                "yes"
            } else {
                "no"
            }
            .to_owned(),
        );
        row.extend(["source", "input_tokens", "output_tokens"].map(|it| text(&record[it])));
        row.extend([bill.tokens.prompt, bill.tokens.completion].map(|it| it.to_string()));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(NUMBERS) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn refusal_table(refusals: &[Value]) -> Table {
    let members = ["client", "deployment", "status", "reason"];
    let mut table = table(&members);
    for refusal in refusals {
        table.add_row(members.map(|it| text(&refusal[it])));
    }
    table
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(header);
    table
}
