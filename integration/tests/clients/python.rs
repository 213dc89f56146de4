//! Clients in Python.

use crate::contract::{
    AZURE_CORE, LANGCHAIN, OPENAI, answers, calls_a_tool, embeds, hears, keeps, streams,
};
use crate::documented::{lines, readme};
use crate::program::Program;

/// Chats and embeddings, which all versions of the SDK have.
pub(crate) async fn openai(environment: &str) -> Program {
    let documented = lines("openai-python");
    let mut python = Program::python("openai_client.py", environment, &documented).await;
    for way in ["v1", "azure"] {
        keeps(&mut python, way, OPENAI).await;
        answers(&mut python, way, "asynchronous").await;
        answers(&mut python, way, "twice").await;
        embeds(&mut python, way, "embeddings").await;
        hears(&mut python, way).await;
        let ran = python.run(way, "streamed_tools").await;
        assert_eq!(ran.result["call"], "get_weather", "{way}: {ran:?}");
    }
    python
}

/// The Responses API, which versions since 1.66 have.
pub(crate) async fn responses(python: &mut Program) {
    answers(python, "v1", "response").await;
    streams(python, "v1", "response_stream").await;
    calls_a_tool(python, "v1", "response_tools").await;
}

#[tokio::test]
async fn openai_for_python_in_its_newest_version() {
    let mut python = openai("newest").await;
    responses(&mut python).await;
    let ran = python.run("v1", "response_counted").await;
    let (counted, usage) = (&ran.result["counted"], &ran.result["usage"]);
    assert_eq!(*counted, usage["input_tokens"], "{ran:?}");
    let compacted = answers(&mut python, "v1", "response_compacted").await;
    assert_eq!(compacted["text"], "compaction", "{compacted}");
    python.end().await;
}

#[tokio::test]
async fn openai_for_python_1_50() {
    openai("openai-1.50").await.end().await;
}

#[tokio::test]
async fn openai_for_python_1_10() {
    openai("openai-1.10").await.end().await;
}

#[tokio::test]
async fn the_readmes_example_works_with_old_and_new_versions() {
    for environment in ["newest", "openai-1.50"] {
        let mut python = Program::python("openai_client.py", environment, &readme()).await;
        for way in ["v1", "azure"] {
            answers(&mut python, way, "chat").await;
            streams(&mut python, way, "stream").await;
        }
        python.end().await;
    }
}

#[tokio::test]
async fn langchain_for_python() {
    let documented = lines("langchain-python");
    let mut chain = Program::python("langchain_client.py", "langchain", &documented).await;
    for way in ["chat", "responses", "azure", "azure_responses"] {
        keeps(&mut chain, way, LANGCHAIN).await;
    }
    embeds(&mut chain, "embeddings", "embeddings").await;
    embeds(&mut chain, "azure_embeddings", "embeddings").await;
    let input = chain.last_body()["input"].clone();
    assert!(input[0][0].is_u64(), "tokens in place of texts: {input}");
    embeds(&mut chain, "embeddings", "texts").await;
    let input = chain.last_body()["input"].clone();
    assert_eq!(input[0], "a toll gate", "texts: {input}");
    chain.end().await;
}

#[tokio::test]
async fn llama_index() {
    let documented = lines("llama-index");
    let mut llama = Program::python("llama_index_client.py", "llama-index", &documented).await;
    keeps(&mut llama, "llm", OPENAI).await;
    answers(&mut llama, "llm", "complete").await;
    answers(&mut llama, "llm", "asynchronous").await;
    embeds(&mut llama, "embeddings", "embeddings").await;
    llama.end().await;
}

#[tokio::test]
async fn azure_ai_inference() {
    let documented = lines("azure-ai-inference");
    let mut azure =
        Program::python("azure_ai_inference_client.py", "llama-index", &documented).await;
    keeps(&mut azure, "chat", AZURE_CORE).await;
    embeds(&mut azure, "embeddings", "embeddings").await;
    azure.end().await;
}
