//! Names of OpenTelemetry's semantic conventions that are used here, all of them: a test compares them with the
//! conventions as published (`opentelemetry-semantic-conventions` in Cargo.toml says which version).

/// Attributes of the resource.
pub(super) const SERVICE_NAME: &str = "service.name";
pub(super) const SERVICE_VERSION: &str = "service.version";
pub(super) const SERVICE_INSTANCE_ID: &str = "service.instance.id";

/// Attributes of spans and metrics.
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const HTTP_STATUS: &str = "http.response.status_code";
pub(super) const URL_PATH: &str = "url.path";
pub(super) const CLIENT_ADDRESS: &str = "client.address";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const OPERATION: &str = "gen_ai.operation.name";
pub(super) const PROVIDER: &str = "gen_ai.provider.name";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(super) const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const CACHED_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(super) const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
pub(super) const STREAM: &str = "gen_ai.request.stream";
pub(super) const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(super) const SERVICE_TIER: &str = "openai.response.service_tier";
pub(super) const TOKEN_TYPE: &str = "gen_ai.token.type";

/// The provider of all that goes through here.
pub(super) const AZURE_OPENAI: &str = "azure.ai.openai";

/// Metrics of models.
pub(super) const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
pub(super) const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
pub(super) const TIME_TO_FIRST_TOKEN: &str = "gen_ai.server.time_to_first_token";
pub(super) const TIME_PER_OUTPUT_TOKEN: &str = "gen_ai.server.time_per_output_token";

/// The process.
pub(super) const CPU_TIME: &str = "process.cpu.time";
pub(super) const MEMORY_USAGE: &str = "process.memory.usage";
pub(super) const MEMORY_VIRTUAL: &str = "process.memory.virtual";
pub(super) const THREADS: &str = "process.thread.count";
pub(super) const FILE_DESCRIPTORS: &str = "process.unix.file_descriptor.count";
pub(super) const UPTIME: &str = "process.uptime";
pub(super) const CPU_MODE: &str = "cpu.mode";

#[cfg(test)]
mod tests;
