//! A file of a batch's lines, and a batch of such a file.

use std::sync::Arc;

use super::super::observer::Observer;
use super::super::refusal::{Reason, Refusal};
use super::super::stored_at::StoredAt;
use super::{BodyChange, BodyDecision, Deciding, GoesOn};
use crate::access::{
    ApiShape, BATCH_PURPOSE, BatchBody, BatchInput, BatchLine, Endpoint, Form, Known, ObjectKind,
    Target, Uses, batch_lines, limit_output,
};
use crate::usage::Prompt;

impl<O: Observer> Deciding<'_, O> {
    /// Authorises every line of a file.
    pub(super) fn file(
        &mut self,
        content_type: &str,
        body: &[u8],
    ) -> Result<BodyDecision, Refusal> {
        let form = Form::parse(content_type, body)?;
        if form.field("purpose")? != Some(BATCH_PURPOSE) {
            return Err(Reason::FilePurpose.into());
        }
        let (file, mut count) = (form.file("file")?, 0_u64);
        let mut stored_at = StoredAt::default();
        let mut input = None;
        for line in batch_lines(file) {
            count = count.saturating_add(1);
            let line = line?;
            self.check_references(&line.parsed.references, &mut stored_at)?;
            self.check_output(&line)?;
            input = Some(self.same_input(input, line)?);
        }
        let input = input.ok_or_else(|| malformed("the file has no lines"))?;
        let input = BatchInput {
            bytes: u64::try_from(file.len()).unwrap_or(u64::MAX),
            lines: count,
            ..input
        };
        Ok(BodyDecision {
            deployment: Some(input.deployment.clone()),
            product: Some(input.product.clone()),
            prompt: Some(Prompt::Length(0)),
            known: Known::Input(Arc::new(input)),
            stored_at,
            is_kept: true,
            change: BodyChange::File(form.write().into()),
            ..BodyDecision::default()
        })
    }

    /// A line can't be changed, so where the client has a limit it must say how much may be answered.
    fn check_output(&self, line: &BatchLine<'_>) -> Result<(), Refusal> {
        let Some(limit) = self.decision.caller.client.options.max_output_tokens else {
            return Ok(());
        };
        let target = Target {
            endpoint: Endpoint::Create {
                operation: line.operation,
                deployment: None,
            },
            shape: ApiShape::V1,
            api_version: None,
            rewritten: None,
        };
        match limit_output(limit, &target, &line.parsed, line.body)? {
            None => Ok(()),
            Some(_) => Err(malformed(
                "each line must say how many tokens may be answered: this client has a limit",
            )),
        }
    }

    /// Each line is authorised with what it asks for besides the model; all must have one operation and
    /// deployment.
    fn same_input(
        &mut self,
        first: Option<BatchInput>,
        line: BatchLine<'_>,
    ) -> Result<BatchInput, Refusal> {
        if let Some(first) = &first
            && (first.operation != line.operation || first.deployment != line.deployment)
        {
            return Err(malformed(
                "all lines of the file must have one `url` and one `model`",
            ));
        }
        let uses = &line.parsed.uses;
        match first {
            Some(first) if uses.is_empty() => Ok(first),
            first => {
                let grant = self.grant(line.operation, line.deployment, uses)?;
                Ok(first.unwrap_or_else(|| BatchInput {
                    operation: line.operation,
                    deployment: grant.deployment,
                    product: grant.product.id.clone(),
                    bytes: 0,
                    lines: 0,
                }))
            }
        }
    }

    /// Authorises what the lines of a batch's file ask for, once more: the client may have lost the
    /// deployment since.
    pub(super) fn batch(&mut self, body: &[u8]) -> Result<BodyDecision, Refusal> {
        let batch = BatchBody::parse(body)?;
        let (kind, id) = (ObjectKind::File, &batch.input_file_id);
        let client = &self.decision.caller.client;
        let Some(stored) = self.owners.check(client, kind, id, self.observer)? else {
            return Ok(BodyDecision::default());
        };
        let Known::Input(input) = stored.known else {
            return Err(Refusal::object_not_found(kind, id));
        };
        if input.operation != batch.operation {
            return Err(malformed(
                "`endpoint` differs from the `url` of the file's lines",
            ));
        }
        let deployment = input.deployment.clone();
        let limit = client.options.max_output_tokens;
        let grant = self.grant(input.operation, deployment, &Uses::default())?;
        Ok(BodyDecision {
            deployment: Some(grant.deployment),
            product: Some(grant.product.id.clone()),
            prompt: Some(Prompt::Length(0)),
            max_output_tokens: limit.map(|limit| u64::from(limit.get())),
            goes_on: Some(GoesOn::Batch(input)),
            stored_at: StoredAt::Backend(stored.backend),
            is_kept: true,
            ..BodyDecision::default()
        })
    }
}

fn malformed(why: &str) -> Refusal {
    Refusal::about(Reason::BodyMalformed, why)
}
