// openai for Node, of any version: both of its clients.
import { toFile } from 'openai';
import { ALLOWED, FORBIDDEN, HELLO, QUESTION, SCHEMA, WEATHER, lines, serve, usage } from './gateway.mjs';

const { client, azure } = await lines(['client', 'azure']);
const messages = [{ role: 'user', content: HELLO }];
const tools = [{ type: 'function', function: { name: 'get_weather', parameters: SCHEMA } }];

async function chat(client, model = ALLOWED, options = {}) {
  const answer = await client.chat.completions.create({ model, messages }, options);
  return { text: answer.choices[0].message.content, usage: usage(answer.usage) };
}

const CASES = {
  chat,
  retried: chat,
  refused: (client) => chat(client, FORBIDDEN),
  throttled: (client) => chat(client, ALLOWED, { maxRetries: 0 }),

  stream: async (client) => {
    const pieces = [];
    for await (const chunk of await client.chat.completions.create({ model: ALLOWED, messages, stream: true })) {
      pieces.push(...chunk.choices.map((choice) => choice.delta.content ?? ''));
    }
    return { text: pieces.join(''), pieces: pieces.length };
  },

  tools: async (client) => {
    const messages = [{ role: 'user', content: QUESTION }];
    let answer = await client.chat.completions.create({ model: ALLOWED, messages, tools });
    const [call] = answer.choices[0].message.tool_calls;
    messages.push(answer.choices[0].message, { role: 'tool', tool_call_id: call.id, content: WEATHER });
    answer = await client.chat.completions.create({ model: ALLOWED, messages, tools });
    const text = answer.choices[0].message.content;
    return { call: call.function.name, arguments: JSON.parse(call.function.arguments), text };
  },

  embeddings: async (client) => {
    const input = ['a toll gate', 'a bridge'];
    const answer = await client.embeddings.create({ model: 'text-embedding-3-large', input });
    return { dimensions: answer.data.map((it) => it.embedding.length), usage: usage(answer.usage) };
  },

  // A form.
  transcription: async (client) => {
    const file = await toFile(Buffer.concat([Buffer.from('RIFF'), Buffer.alloc(1200)]), 'hello.wav');
    return { text: (await client.audio.transcriptions.create({ model: 'whisper', file })).text };
  },

  response: async (client) => {
    const answer = await client.responses.create({ model: ALLOWED, input: HELLO });
    return { text: answer.output_text, usage: usage(answer.usage) };
  },

  response_stream: async (client) => {
    const pieces = [];
    let done;
    for await (const event of await client.responses.create({ model: ALLOWED, input: HELLO, stream: true })) {
      if (event.type === 'response.output_text.delta') pieces.push(event.delta);
      if (event.type === 'response.completed') done = event.response;
    }
    return { text: pieces.join(''), pieces: pieces.length, usage: usage(done.usage) };
  },

  // Two turns; the second gives back all that the first has put out, reasoning and its ids too.
  response_tools: async (client) => {
    const tools = [{ type: 'function', name: 'get_weather', strict: true, parameters: SCHEMA }];
    const input = [{ role: 'user', content: QUESTION }];
    let answer = await client.responses.create({ model: 'o4-mini', input, tools });
    const call = answer.output.find((it) => it.type === 'function_call');
    input.push(...answer.output, { type: 'function_call_output', call_id: call.call_id, output: WEATHER });
    answer = await client.responses.create({ model: 'o4-mini', input, tools });
    return { call: call.name, arguments: JSON.parse(call.arguments), text: answer.output_text };
  },
};

const ways = Object.entries({ v1: client, azure });
await serve(Object.fromEntries(ways.flatMap(([way, client]) =>
  Object.entries(CASES).map(([name, run]) => [`${way} ${name}`, () => run(client)]))));
