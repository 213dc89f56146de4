//! Batches: what the lines of an input file ask for, and what a batch is made of.
//!
//! A line names its own operation and deployment
//! (<https://learn.microsoft.com/azure/ai-services/openai/how-to/batch>), so a file is read before it
//! goes out: all lines ask for one operation on one deployment, as Azure wants it too. A file can't
//! be changed afterwards, so a batch of it needs no second look.

use super::members::{members, text};
use super::{BodyError, Deployment, Operation, RequestBody};

/// The only purpose that a file may have here. Files of other purposes are read by services that
/// this gateway does not serve.
pub const BATCH_PURPOSE: &str = "batch";

/// One line of an input file.
#[derive(Debug)]
pub struct BatchLine<'a> {
    /// What it asks for.
    pub operation: Operation,
    /// Of which deployment.
    pub deployment: Deployment,
    /// The body of its request, read.
    pub parsed: RequestBody,
    /// The same, as written in the file.
    pub body: &'a [u8],
}

/// The lines of an input file, each read or the reason why it can't be.
pub fn batch_lines(file: &[u8]) -> impl Iterator<Item = Result<BatchLine<'_>, BodyError>> {
    // A reader that ends lines at a CR would see others.
    let has_bare_cr = memchr::memchr_iter(b'\r', file).any(|at| file.get(at + 1) != Some(&b'\n'));
    let odd = has_bare_cr.then(|| Err(BodyError::Malformed("a CR does not end a line".to_owned())));
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    let lines = file.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    let read = lines.enumerate().map(|(at, line)| {
        batch_line(line.trim_ascii()).map_err(|BodyError::Malformed(why)| {
            BodyError::Malformed(format!("line {} of the file: {why}", at + 1))
        })
    });
    odd.into_iter().chain(read)
}

fn batch_line(line: &[u8]) -> Result<BatchLine<'_>, BodyError> {
    let missing = |name: &str| BodyError::Malformed(format!("`{name}` is missing or wrong"));
    let [url, body] = members(line, ["url", "body"])?;
    let operation = text(url)?
        .and_then(|url| batch_operation(&url))
        .ok_or_else(|| missing("url"))?;
    let body = body.ok_or_else(|| missing("body"))?.get().as_bytes();
    let parsed = RequestBody::read(operation, body)?;
    let deployment = parsed.model_name().and_then(Deployment::parse);
    Ok(BatchLine {
        operation,
        deployment: deployment.ok_or_else(|| missing("model"))?,
        parsed,
        body,
    })
}

/// What a `url` of a line, or the `endpoint` of a batch, means.
fn batch_operation(url: &str) -> Option<Operation> {
    let path = url.strip_prefix("/openai").unwrap_or(url);
    match path.strip_prefix("/v1").unwrap_or(path) {
        "/chat/completions" => Some(Operation::ChatCompletions),
        "/completions" => Some(Operation::Completions),
        "/embeddings" => Some(Operation::Embeddings),
        "/responses" => Some(Operation::Responses),
        _ => None,
    }
}

/// The body that makes a batch.
#[derive(Debug, PartialEq, Eq)]
pub struct BatchBody {
    /// The file with its lines.
    pub input_file_id: String,
    /// What each line asks for.
    pub operation: Operation,
}

impl BatchBody {
    /// Reads a body.
    ///
    /// # Errors
    /// [`BodyError::Malformed`] if something is missing, or the batch reads or writes a blob
    /// storage that can't be looked into.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let [id, endpoint, input, output] = members(
            body,
            ["input_file_id", "endpoint", "input_blob", "output_folder"],
        )?;
        if input.is_some() || output.is_some() {
            let why = "`input_blob` and `output_folder` are not supported by this gateway";
            return Err(BodyError::Malformed(why.to_owned()));
        }
        let missing = |name: &str| BodyError::Malformed(format!("`{name}` is missing or wrong"));
        let operation = text(endpoint)?.and_then(|endpoint| batch_operation(&endpoint));
        Ok(Self {
            input_file_id: text(id)?.ok_or_else(|| missing("input_file_id"))?,
            operation: operation.ok_or_else(|| missing("endpoint"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"custom_id":"1","method":"POST","url":"/chat/completions","body":{"model":"gpt-4o","messages":[]}}"#;

    fn lines(file: &str) -> Vec<Result<(Operation, String), BodyError>> {
        batch_lines(file.as_bytes())
            .map(|line| line.map(|it| (it.operation, it.deployment.to_string())))
            .collect()
    }

    #[test]
    fn every_line_is_read() {
        let file = format!("\u{feff}{LINE}\n\n{}\r\n", LINE.replace("/chat/c", "/v1/c"));
        let found: Vec<_> = lines(&file)
            .into_iter()
            .collect::<Result<_, _>>()
            .expect("read");
        let model = || "gpt-4o".to_owned();
        assert_eq!(
            found,
            [
                (Operation::ChatCompletions, model()),
                (Operation::Completions, model())
            ]
        );
    }

    #[test]
    fn a_line_that_can_be_read_in_two_ways_is_refused() {
        for line in [
            LINE.replace("\"body\"", "\"url\":\"/embeddings\",\"body\""),
            LINE.replace("\"body\"", "\"Body\":{},\"body\""),
            LINE.replace("\"messages\"", "\"model\":\"o1\",\"messages\""),
            LINE.replace("\"gpt-4o\"", "1"),
            LINE.replace("\"model\"", "\"mode\""),
            LINE.replace("/chat/completions", "/images/generations"),
            format!("{LINE} {LINE}"),
            format!("{LINE}\r{LINE}"),
            "[]".to_owned(),
        ] {
            assert!(lines(&line).iter().any(Result::is_err), "{line}");
        }
    }

    #[test]
    fn a_batch_has_a_file_and_an_endpoint_and_no_blobs() {
        let body =
            r#"{"input_file_id":"file-1","endpoint":"/v1/responses","completion_window":"24h"}"#;
        let parsed = BatchBody::parse(body.as_bytes()).expect("a batch");
        assert_eq!(parsed.operation, Operation::Responses);
        for odd in [
            body.replace("input_file_id", "input_file"),
            body.replace("/v1/responses", "/v1/other"),
            body.replace("completion_window", "input_blob"),
            body.replace("completion_window", "output_folder"),
            body.replace("completion_window", "Input_File_Id"),
        ] {
            assert!(BatchBody::parse(odd.as_bytes()).is_err(), "{odd}");
        }
    }
}
