// The AI SDK, of any version: its providers for OpenAI and for Azure.
import { embed, generateText, jsonSchema, streamText, tool } from 'ai';
import { ALLOWED, FORBIDDEN, HELLO, QUESTION, SCHEMA, WEATHER, lines, serve, usage } from './gateway.mjs';

const { openai, azure } = await lines(['openai', 'azure']);

// Each version has one of the names.
const { stepCountIs, isStepCount } = await import('ai');
const steps = (stepCountIs ?? isStepCount)(5);
const tools = {
  get_weather: tool({
    description: 'The weather of a city.',
    inputSchema: jsonSchema(SCHEMA),
    execute: async () => WEATHER,
  }),
};

async function chat(model, options = {}) {
  const { text, usage: told } = await generateText({ model, prompt: HELLO, ...options });
  return { text, usage: usage(told) };
}

async function stream(model) {
  const { textStream, usage: told } = streamText({ model, prompt: HELLO });
  const pieces = [];
  for await (const piece of textStream) pieces.push(piece);
  return { text: pieces.join(''), pieces: pieces.length, usage: usage(await told) };
}

// A turn with a tool, then another that goes on from all that was said.
async function loop(model) {
  const messages = [{ role: 'user', content: QUESTION }];
  const first = await generateText({ model, messages, tools, stopWhen: steps });
  const [call] = first.steps.flatMap((step) => step.toolCalls);
  const said = first.responseMessages ?? first.response.messages;
  messages.push(...said, { role: 'user', content: HELLO });
  const second = await generateText({ model, messages, tools, stopWhen: steps });
  return { call: call.toolName, arguments: call.input, text: first.text, second: second.text };
}

async function streamedLoop(model) {
  const result = streamText({ model, prompt: QUESTION, tools, stopWhen: steps });
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);
  const [call] = (await result.steps).flatMap((step) => step.toolCalls);
  return { call: call.toolName, arguments: call.input, text: pieces.join('') };
}

async function embeddings(provider) {
  const model = (provider.embeddingModel ?? provider.textEmbeddingModel)('text-embedding-3-large');
  const { embedding, usage: told } = await embed({ model, value: 'a toll gate' });
  return { dimensions: [embedding.length], usage: usage(told) };
}

const CASES = {
  chat: (provider) => chat(provider(ALLOWED)),
  retried: (provider) => chat(provider(ALLOWED)),
  stream: (provider) => stream(provider(ALLOWED)),
  tools: (provider) => loop(provider('o4-mini')),
  streamed_tools: (provider) => streamedLoop(provider('o4-mini')),
  refused: (provider) => chat(provider(FORBIDDEN)),
  throttled: (provider) => chat(provider(ALLOWED), { maxRetries: 0 }),
  embeddings,
  chat_api: (provider) => chat(provider.chat(ALLOWED)),
  chat_api_stream: (provider) => stream(provider.chat(ALLOWED)),
  chat_api_tools: (provider) => loop(provider.chat(ALLOWED)),
};

await serve(Object.fromEntries(Object.entries({ openai, azure }).flatMap(([way, provider]) =>
  Object.entries(CASES).map(([name, run]) => [`${way} ${name}`, () => run(provider)]))));
