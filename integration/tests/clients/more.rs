//! The clients that `make clients` brings along.

use crate::contract::{Exceptions, OPENAI, answers, calls_a_tool, embeds, has_text, keeps};
use crate::documented::lines;
use crate::javascript::ai_sdk;
use crate::program::Program;
use crate::python::{openai, responses};

#[tokio::test]
async fn openai_for_python_2_30() {
    let mut python = openai("openai-2.30").await;
    responses(&mut python).await;
    python.end().await;
}

#[tokio::test]
async fn the_ai_sdk_5() {
    ai_sdk("javascript-older").await;
}

#[tokio::test]
async fn semantic_kernel() {
    let documented = lines("semantic-kernel");
    let program = "semantic_kernel_client.py";
    let mut kernel = Program::python(program, "semantic-kernel", &documented).await;
    let wrapped = Exceptions {
        refused: "ServiceResponseException",
        throttled: "ServiceResponseException",
    };
    keeps(&mut kernel, "chat", wrapped).await;
    embeds(&mut kernel, "embeddings", "embeddings").await;
    kernel.end().await;
}

#[tokio::test]
async fn litellm() {
    let documented = lines("litellm");
    let mut litellm = Program::python("litellm_client.py", "agents", &documented).await;
    // It has no exception of its own for a 403.
    for way in ["openai", "azure"] {
        let refused = "APIError";
        let throttled = OPENAI.throttled;
        keeps(&mut litellm, way, Exceptions { refused, throttled }).await;
        answers(&mut litellm, way, "asynchronous").await;
        answers(&mut litellm, way, "response").await;
        embeds(&mut litellm, way, "embeddings").await;
    }
    litellm.end().await;
}

#[tokio::test]
async fn pydantic_ai() {
    let documented = lines("pydantic-ai");
    let mut agent = Program::python("pydantic_ai_client.py", "agents", &documented).await;
    let its_own = Exceptions {
        refused: "ModelAuthenticationError",
        throttled: "ModelRateLimitError",
    };
    for way in ["responses", "chat", "azure"] {
        keeps(&mut agent, way, its_own).await;
    }
    let ran = calls_a_tool(&mut agent, "responses", "thoughtful").await;
    has_text(&ran, "second");
    agent.end().await;
}

#[tokio::test]
async fn autogen() {
    let documented = lines("autogen");
    let mut autogen = Program::python("autogen_client.py", "agents", &documented).await;
    for way in ["client", "azure"] {
        keeps(&mut autogen, way, OPENAI).await;
    }
    autogen.end().await;
}

#[tokio::test]
async fn openai_agents() {
    let documented = lines("openai-agents");
    let mut agents = Program::python("agents_client.py", "agents", &documented).await;
    for api in ["responses", "chat"] {
        keeps(&mut agents, api, OPENAI).await;
    }
    let ran = calls_a_tool(&mut agents, "responses", "thoughtful").await;
    has_text(&ran, "second");
    agents.end().await;
}
