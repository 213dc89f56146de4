// What the programs in JavaScript have in common, as gateway.py for those in Python. The gateway's
// authority is in NODE_EXTRA_CA_CERTS.
import { readFileSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

export const HELLO = 'Say hello to the world.';
// The fake calls a tool that the user names.
export const QUESTION = 'Use get_weather for the weather in Zürich.';
export const WEATHER = 'sunny in Zürich';
// The documented deployment, and one that the client may not use.
export const ALLOWED = 'gpt-4o';
export const FORBIDDEN = 'gpt-4o-mini';

export const SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

let modules = 0;

// Runs the documented lines, with the gateway and the key of the test; gives the names they define.
// `afterKey` is put behind the key, for one more option.
export async function lines(names, { deployment = ALLOWED, afterKey = '' } = {}) {
  const file = process.env.GATEWAY_LINES;
  let text = readFileSync(file, 'utf8');
  for (const [documented, real] of [
    ['https://gateway.example.com', process.env.GATEWAY_URL],
    ["'tgk_…'", `'${process.env.GATEWAY_KEY}'${afterKey}`],
  ]) {
    if (!text.includes(documented)) throw new Error(`the lines lack ${documented}`);
    text = text.replaceAll(documented, real);
  }
  text = text.replaceAll(ALLOWED, deployment);
  modules += 1;
  const module = `${file}.${modules}.mjs`;
  writeFileSync(module, `${text}\nexport { ${names.join(', ')} };\n`);
  return import(pathToFileURL(module));
}

// Tokens in the gateway's words, from any API's.
export function usage(told) {
  if (!told) return null;
  const first = (...names) => names.map((name) => told[name]).find((it) => it != null) ?? 0;
  return {
    input_tokens: first('prompt_tokens', 'input_tokens', 'inputTokens', 'tokens'),
    output_tokens: first('completion_tokens', 'output_tokens', 'outputTokens'),
  };
}

function failure(error) {
  return {
    exception: error.constructor.name,
    status: error.status ?? error.statusCode ?? null,
    code: error.code ?? error.data?.error?.code ?? null,
    message: String(error.message),
  };
}

// Runs cases as they are asked for on standard input: an object from "way case" to a function.
export async function serve(cases) {
  for await (const line of createInterface({ input: process.stdin })) {
    let result;
    try {
      result = await cases[line.trim()]();
    } catch (error) {
      result = failure(error);
    }
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}
