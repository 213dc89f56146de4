//! Clients in JavaScript.

use crate::contract::{
    Exceptions, OPENAI, answers, calls_a_tool, embeds, has_text, hears, keeps, streams,
};
use crate::documented::lines;
use crate::program::Program;

async fn openai_node(environment: &str) {
    let mut node = Program::node("openai-client.mjs", environment, &lines("openai-node")).await;
    for way in ["v1", "azure"] {
        keeps(&mut node, way, OPENAI).await;
        embeds(&mut node, way, "embeddings").await;
        hears(&mut node, way).await;
        answers(&mut node, way, "response").await;
        streams(&mut node, way, "response_stream").await;
        calls_a_tool(&mut node, way, "response_tools").await;
    }
    node.end().await;
}

#[tokio::test]
async fn openai_for_node_in_its_newest_version() {
    openai_node("javascript").await;
}

#[tokio::test]
async fn openai_for_node_4() {
    openai_node("javascript-older").await;
}

pub(crate) async fn ai_sdk(environment: &str) {
    let mut sdk = Program::node("ai-sdk-client.mjs", environment, &lines("ai-sdk")).await;
    let its_own = Exceptions {
        refused: "APICallError",
        throttled: "APICallError",
    };
    for way in ["openai", "azure"] {
        keeps(&mut sdk, way, its_own).await;
        let ran = calls_a_tool(&mut sdk, way, "tools").await;
        has_text(&ran, "second");
        let ran = calls_a_tool(&mut sdk, way, "streamed_tools").await;
        assert!(ran.bills.iter().all(|bill| bill.stream), "{ran:?}");
        answers(&mut sdk, way, "chat_api").await;
        streams(&mut sdk, way, "chat_api_stream").await;
        let ran = calls_a_tool(&mut sdk, way, "chat_api_tools").await;
        has_text(&ran, "second");
        embeds(&mut sdk, way, "embeddings").await;
    }
    let referred = sdk.stack.azure.requests().into_iter().any(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        body.contains(r#""type":"item_reference""#)
    });
    assert!(
        referred,
        "the SDK refers to no item: what is this test for?"
    );
    sdk.end().await;
}

#[tokio::test]
async fn the_ai_sdk_in_its_newest_version() {
    ai_sdk("javascript").await;
}

#[tokio::test]
async fn langchain_for_javascript() {
    let documented = lines("langchain-javascript");
    let mut chain = Program::node("langchain-client.mjs", "javascript", &documented).await;
    for way in ["chat", "azure", "responses"] {
        keeps(&mut chain, way, OPENAI).await;
    }
    embeds(&mut chain, "embeddings", "embeddings").await;
    embeds(&mut chain, "azureEmbeddings", "embeddings").await;
    let ran = chain.run("azure", "responses").await;
    assert_eq!(ran.result["exception"], "NotFoundError", "{ran:?}");
    assert!(ran.bills.is_empty(), "the backend was reached: {ran:?}");
    chain.end().await;
}
