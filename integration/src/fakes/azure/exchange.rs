//! From a request to an answer, and onto the bill.

use super::deployment::{DEFAULT_OUTPUT_ESTIMATE, Deployments};
use super::errors::ApiError;
use super::ledger::{Bill, Outcome, Tokens};
use super::objects::Answered;
use super::prompt::{self, Prompt};
use super::reply::{Reply, Said, Served};
use super::route::{self, Operation, Target};
use super::script::{Fault, Script};
use super::service::Service;
use super::tokenizer::Encoding;
use super::turn::{Speaker, Turn, max_tokens};
use super::{chat, completions, embeddings, media, responses, tools};
use crate::fakes::body::{ReplyBody, Reset};
use http::Response;
use http::request::Parts;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Why there is no answer.
enum Denial {
    Error(ApiError),
    Reset,
}

impl From<ApiError> for Denial {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

/// Answers a request and settles its bill, unless a stream continues it.
pub(super) async fn answer(
    service: &Service,
    parts: &Parts,
    body: &[u8],
    mut bill: Bill,
) -> Result<Response<ReplyBody>, Reset> {
    match decide(service, parts, body, &mut bill).await {
        Ok(reply) => {
            bill.note(|entry| entry.status = 200);
            Ok(reply.respond(&parts.headers, bill))
        }
        Err(Denial::Error(error)) => {
            bill.note(|entry| entry.status = error.status().as_u16());
            bill.settle(Outcome::Finished);
            Ok(error.response())
        }
        Err(Denial::Reset) => {
            bill.settle(Outcome::Cut);
            Err(Reset)
        }
    }
}

async fn decide(
    service: &Service,
    parts: &Parts,
    body: &[u8],
    bill: &mut Bill,
) -> Result<Reply, Denial> {
    let claims = service.guard.check(parts).map_err(ApiError::from)?;
    bill.note(|entry| entry.principal = Some(claims.appid.clone()));
    let query = parts.uri.query().unwrap_or_default();
    let target = route::parse(&parts.method, parts.uri.path(), query).ok_or(ApiError::NotFound)?;
    let mut script = Script::parse(&parts.headers, &service.name).map_err(ApiError::invalid)?;
    script.fault = script.fault.or_else(|| service.next_fault());
    let asked = ParsedRequest {
        service,
        query,
        script,
    };
    match target {
        Target::Create {
            operation,
            deployment,
        } if operation.is_media() => asked.media(operation, deployment, parts, body, bill).await,
        Target::Create {
            operation,
            deployment,
        } => asked.create(operation, deployment, body, bill).await,
        Target::Stored { id, action } => {
            asked.fail_early(Operation::Responses)?;
            let said = service.responses.act(&id, action, query)?;
            Ok(asked.said(said))
        }
        Target::Models => {
            asked.fail_early(Operation::Chat)?;
            Ok(asked.told(models(&service.deployments())))
        }
        Target::Model(name) => {
            let model = json!({"id": name, "object": "model", "status": "succeeded"});
            Ok(asked.told(model.to_string()))
        }
        Target::Object {
            is_batch: true,
            id: None,
            ..
        } => {
            pause(asked.script.first_byte_delay).await;
            let mut answered = Answered::default();
            for line in service.objects.lines(body)? {
                asked.line(&line, &mut answered).await;
            }
            let said = service.objects.make_batch(body, answered);
            Ok(asked.said(said))
        }
        Target::Object {
            is_batch,
            id,
            action,
        } => {
            let said = service.objects.act(is_batch, id, action, parts, body)?;
            Ok(asked.said(said))
        }
        // Answered before, where the connection can still be taken over.
        Target::Realtime { .. } => Err(ApiError::invalid("no upgrade").into()),
    }
}

struct ParsedRequest<'a> {
    service: &'a Service,
    query: &'a str,
    script: Script,
}

impl ParsedRequest<'_> {
    /// An answer that no deployment gives.
    fn told(self, text: String) -> Reply {
        self.said(Said::Json(text))
    }

    fn said(self, said: Said) -> Reply {
        Reply {
            said,
            script: self.script,
            served: None,
        }
    }

    /// Answers a line of a batch, on a bill of its own.
    async fn line(&self, line: &Value, answered: &mut Answered) {
        let mut bill = self.service.ledger.open(None);
        let said = self.answer_line(line, &mut bill).await;
        bill.settle(Outcome::Finished);
        let (status, body, file) = match said {
            Ok(body) => (200, body, &mut answered.output),
            Err(error) => {
                let body = json!({"error": {"code": error.status().as_str()}});
                (error.status().as_u16(), body, &mut answered.errors)
            }
        };
        let written = json!({
            "id": "batch_req_1", "custom_id": line["custom_id"], "error": null,
            "response": {"status_code": status, "request_id": "r-1", "body": body},
        });
        file.extend_from_slice(written.to_string().as_bytes());
        file.push(b'\n');
    }

    async fn answer_line(&self, line: &Value, bill: &mut Bill) -> Result<Value, ApiError> {
        let url = line["url"].as_str().unwrap_or_default();
        let body = line["body"].clone();
        let missing = || ApiError::invalid("no such url");
        let operation = route::line_operation(url).ok_or_else(missing)?;
        let name = body["model"].as_str().unwrap_or_default().to_owned();
        require(operation, &body)?;
        let prompt = self.prompt(operation, &name, &body)?;
        let served = self.admit(operation, name, &body, &prompt)?;
        bill.note(|entry| {
            entry.operation = Some(operation);
            entry.deployment = Some(served.name.clone());
            entry.model = Some(served.deployment.model.clone());
            entry.status = 200;
        });
        bill.add(Tokens {
            prompt: prompt.tokens,
            ..Tokens::default()
        });
        match self.say(operation, &served, body, &prompt, bill).await {
            Ok(Said::Json(text)) => serde_json::from_str(&text).map_err(|_| missing()),
            _ => Err(missing()),
        }
    }

    /// Images and audio.
    async fn media(
        self,
        operation: Operation,
        deployment: Option<String>,
        parts: &Parts,
        body: &[u8],
        bill: &mut Bill,
    ) -> Result<Reply, Denial> {
        bill.note(|entry| entry.operation = Some(operation));
        let request = media::Request::read(&parts.headers, body)?;
        let named = deployment
            .or_else(|| request.text("model"))
            .ok_or_else(|| ApiError::invalid("you must provide a model parameter"))?;
        let deployments = self.service.deployments();
        let known = deployments
            .get(&named)
            .ok_or(ApiError::DeploymentNotFound)?;
        let model = known.model.clone();
        bill.note(|entry| {
            entry.stream = request.streams();
            entry.deployment = Some(named.clone());
            entry.model = Some(model.clone());
        });
        self.fail_early(operation)?;
        if !known.supports(operation) {
            return Err(ApiError::OperationNotSupported(operation, model).into());
        }
        if self.script.fault == Some(Fault::FilterPrompt) {
            return Err(ApiError::PromptFiltered.into());
        }
        let served = self.admit(operation, named, &Value::Null, &Prompt::default())?;
        pause(self.script.first_byte_delay).await;
        let said = media::answer(operation, &model, &request, &self.script, bill)?;
        Ok(Reply {
            said,
            script: self.script,
            served: Some(served),
        })
    }

    async fn create(
        self,
        operation: Operation,
        deployment: Option<String>,
        body: &[u8],
        bill: &mut Bill,
    ) -> Result<Reply, Denial> {
        bill.note(|entry| entry.operation = Some(operation));
        let body: Value = serde_json::from_slice(body).map_err(|error| {
            ApiError::invalid(format!(
                "We could not parse the JSON body of your request. ({error})"
            ))
        })?;
        let named = deployment.or_else(|| body["model"].as_str().map(str::to_owned));
        let named = named.ok_or_else(|| ApiError::invalid("you must provide a model parameter"))?;
        let streams = [
            Operation::Chat,
            Operation::Completions,
            Operation::Responses,
        ];
        let stream = body["stream"] == true && streams.contains(&operation);
        bill.note(|entry| {
            entry.stream = stream;
            entry.deployment = Some(named.clone());
        });
        self.fail_early(operation)?;
        require(operation, &body)?;

        let prompt = self.prompt(operation, &named, &body)?;
        let served = self.admit(operation, named, &body, &prompt)?;
        bill.note(|entry| {
            entry.deployment = Some(served.name.clone());
            entry.model = Some(served.deployment.model.clone());
        });
        if operation == Operation::InputTokens {
            let said = Said::Json(responses::counted(prompt.tokens));
            return Ok(Reply {
                said,
                script: self.script,
                served: Some(served),
            });
        }
        bill.add(Tokens {
            prompt: prompt.tokens,
            cached: self.script.cached_tokens.min(prompt.tokens),
            audio_prompt: self.script.audio_tokens.min(prompt.tokens),
            ..Tokens::default()
        });
        if self.script.fault == Some(Fault::FilterPrompt) {
            return Err(ApiError::PromptFiltered.into());
        }
        pause(self.script.first_byte_delay).await;
        let said = self.say(operation, &served, body, &prompt, bill).await?;
        Ok(Reply {
            said,
            script: self.script,
            served: Some(served),
        })
    }

    /// Faults that need no answer.
    fn fail_early(&self, operation: Operation) -> Result<(), Denial> {
        match self.script.fault {
            Some(Fault::ResetBeforeHeaders) => Err(Denial::Reset),
            Some(Fault::RoleMissing) => Err(ApiError::RoleMissing.into()),
            Some(Fault::Status(status)) => {
                Err(ApiError::of_status(status, operation, self.script.retry_after).into())
            }
            _ => Ok(()),
        }
    }

    fn prompt(&self, operation: Operation, name: &str, body: &Value) -> Result<Prompt, ApiError> {
        let deployments = self.service.deployments();
        let deployment = deployments.get(name).ok_or(ApiError::DeploymentNotFound)?;
        if !deployment.supports(operation) {
            let model = deployment.model.clone();
            return Err(ApiError::OperationNotSupported(operation, model));
        }
        let encoding = Encoding::of(&deployment.model);
        match operation {
            Operation::Chat => Ok(prompt::chat(body, encoding)),
            Operation::Completions => Ok(prompt::completion(body, encoding)),
            Operation::Embeddings => Ok(Prompt {
                tokens: embeddings::tokens(body, encoding).prompt,
                topic: String::new(),
            }),
            Operation::Responses | Operation::InputTokens | Operation::Compact => {
                let mut prompt = prompt::responses(body, encoding);
                prompt.tokens += self.service.responses.context_tokens(body)?;
                prompt.tokens += self.service.responses.check_input(body, encoding)?;
                Ok(prompt)
            }
            _ => Ok(Prompt::default()),
        }
    }

    /// Within the limits of the deployment, or of the one that it spills over to.
    fn admit(
        &self,
        operation: Operation,
        name: String,
        body: &Value,
        prompt: &Prompt,
    ) -> Result<Served, ApiError> {
        let deployments = self.service.deployments();
        let expected = prompt.tokens
            + match operation {
                Operation::Embeddings => 0,
                _ => max_tokens(body).unwrap_or(DEFAULT_OUTPUT_ESTIMATE),
            };
        let deployment = deployments.get(&name).ok_or(ApiError::DeploymentNotFound)?;
        let limiter = &self.service.limiter;
        let now = Instant::now();
        let throttle = match limiter.admit(&name, deployment, expected, now) {
            Ok(remaining) => {
                return Ok(Served {
                    name,
                    deployment: deployment.clone(),
                    remaining,
                    spilled_from: None,
                });
            }
            Err(throttle) => throttle,
        };
        let spare = deployment.spillover.as_ref();
        let spare = spare.and_then(|spare| deployments.get_key_value(spare));
        let spilled = spare.and_then(|(spare, deployment)| {
            let remaining = limiter.admit(spare, deployment, expected, now).ok()?;
            Some(Served {
                name: spare.clone(),
                deployment: deployment.clone(),
                remaining,
                spilled_from: Some(name),
            })
        });
        spilled.ok_or_else(|| ApiError::Throttled {
            operation,
            api_version: self.api_version(),
            throttle,
            in_milliseconds: deployment.provisioned,
        })
    }

    async fn say(
        &self,
        operation: Operation,
        served: &Served,
        body: Value,
        prompt: &Prompt,
        bill: &mut Bill,
    ) -> Result<Said, Denial> {
        let model = &served.deployment.model;
        if operation == Operation::Embeddings {
            let tokens = Tokens {
                prompt: prompt.tokens,
                ..Tokens::default()
            };
            let tells_usage = self.script.fault != Some(Fault::NoUsage);
            return Ok(Said::Json(embeddings::json(
                &body,
                model,
                tokens,
                tells_usage,
            )));
        }
        let speaker = Speaker {
            operation,
            deployment: &served.name,
            model,
            reasons: served.deployment.reasons(),
        };
        let stream = body["stream"] == true && operation != Operation::Compact;
        let turn = Turn::new(speaker, body, prompt, &self.script);
        bill.note(|entry| entry.service_tier.clone_from(&turn.service_tier));
        if stream {
            if operation == Operation::Responses && turn.body["background"] == true {
                self.generate(&turn, bill).await;
            }
            return Ok(Said::Stream(match operation {
                Operation::Completions => completions::plan(&turn),
                Operation::Responses => responses::stream::plan(&turn, &self.service.responses),
                _ => chat::plan(&turn),
            }));
        }
        if self.script.fault == Some(Fault::ErrorMidStream) {
            return Err(ApiError::Status(500, None).into());
        }
        self.generate(&turn, bill).await;
        Ok(Said::Json(match operation {
            Operation::Completions => completions::json(&turn),
            Operation::Responses => responses::json(&turn, &self.service.responses),
            Operation::Compact => responses::compacted(&turn),
            _ => chat::json(&turn),
        }))
    }

    /// Bills an answer that is sent in one piece as it is generated, token by token.
    async fn generate(&self, turn: &Turn, bill: &mut Bill) {
        let delay = self.script.token_delay;
        let reasoning = turn.reasoning();
        pause(times(delay, reasoning.completion)).await;
        bill.add(reasoning);
        for piece in turn.answers.iter().flat_map(|answer| &answer.pieces) {
            pause(times(delay, piece.tokens)).await;
            bill.add(Tokens {
                completion: piece.tokens,
                ..Tokens::default()
            });
        }
    }

    fn api_version(&self) -> String {
        let mut pairs = self.query.split('&');
        let version = pairs.find_map(|pair| pair.strip_prefix("api-version="));
        version.unwrap_or("preview").to_owned()
    }
}

/// The models of the deployments, in the form of OpenAI's list.
fn models(deployments: &Deployments) -> String {
    let models = deployments.values().map(
        |deployment| json!({"id": deployment.model, "object": "model", "status": "succeeded"}),
    );
    json!({"object": "list", "data": models.collect::<Vec<_>>()}).to_string()
}

/// Without these the service does not even look for a limit.
fn require(operation: Operation, body: &Value) -> Result<(), ApiError> {
    let (name, is_there) = match operation {
        Operation::Chat => ("messages", body["messages"].is_array()),
        Operation::Completions => ("prompt", !body["prompt"].is_null()),
        _ => ("input", !body["input"].is_null()),
    };
    if is_there {
        return tools::check_messages(body);
    }
    Err(ApiError::invalid(format!(
        "'{name}' is a required property"
    )))
}

fn times(delay: Duration, tokens: u64) -> Duration {
    delay.saturating_mul(u32::try_from(tokens).unwrap_or(u32::MAX))
}

async fn pause(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
