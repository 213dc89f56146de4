// @langchain/openai: its models for OpenAI and for Azure, with the Responses API too, and embeddings.
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { AzureChatOpenAI } from '@langchain/openai';
import { ALLOWED, FORBIDDEN, HELLO, QUESTION, SCHEMA, WEATHER, lines, serve, usage } from './gateway.mjs';

const NAMES = ['chat', 'azure', 'responses', 'embeddings', 'azureEmbeddings', 'azureOptions'];
const models = await lines(NAMES);
const forbidden = await lines(NAMES, { deployment: FORBIDDEN });
const impatient = await lines(NAMES, { afterKey: ', maxRetries: 0' });
const weather = tool(async () => WEATHER, { name: 'get_weather', description: 'The weather of a city.', schema: SCHEMA });

async function invoke(model) {
  const answer = await model.invoke(HELLO);
  return { text: answer.text, usage: usage(answer.usage_metadata) };
}

async function stream(model) {
  const pieces = [];
  let told;
  for await (const chunk of await model.stream(HELLO)) {
    pieces.push(chunk.text);
    told = chunk.usage_metadata ?? told;
  }
  return { text: pieces.join(''), pieces: pieces.length, usage: usage(told) };
}

async function loop(model) {
  const bound = model.bindTools([weather]);
  const messages = [new HumanMessage(QUESTION)];
  const first = await bound.invoke(messages);
  const [call] = first.tool_calls;
  messages.push(first, new ToolMessage({ content: await weather.invoke(call.args), tool_call_id: call.id }));
  const second = await bound.invoke(messages);
  return { call: call.name, arguments: call.args, text: second.text };
}

const cases = {};
for (const way of ['chat', 'azure', 'responses']) {
  Object.assign(cases, {
    [`${way} chat`]: () => invoke(models[way]),
    [`${way} stream`]: () => stream(models[way]),
    [`${way} tools`]: () => loop(models[way]),
    [`${way} refused`]: () => invoke(forbidden[way]),
    [`${way} retried`]: () => invoke(models[way]),
    [`${way} throttled`]: () => invoke(impatient[way]),
  });
}
for (const way of ['embeddings', 'azureEmbeddings']) {
  cases[`${way} embeddings`] = async () => {
    const vectors = await models[way].embedDocuments(['a toll gate']);
    return { dimensions: vectors.map((it) => it.length) };
  };
}
// Azure has no such path, and the gateway none either.
cases['azure responses'] = () => invoke(new AzureChatOpenAI({
  ...models.azureOptions, azureOpenAIApiDeploymentName: ALLOWED, useResponsesApi: true,
}));
await serve(cases);
