import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { repeatedField } from '../../src/http/repeated-field.js';
import { build } from '../build.js';

describe('a field that stands twice in a JSON object', () => {
  it('is found in whatever depth and spelling', () => {
    for (const json of [
      '{"a":1,"a":2}',
      '{"b":[{"a":{}},{"c":1, "a" : 1 ,\n"a":2}]}',
      '{"a":1,"\\u0061":2}',
      '{"x":"\\"","a":"\\\\","a":"}"}',
      '{"a":{"a":{"b":1}},"a":1}',
    ]) {
      assert.equal(repeatedField(json), 'a', json);
    }
  });

  it('is not seen where names repeat in other objects, or in values', () => {
    for (const json of [
      '{}',
      '[]',
      '"a"',
      '[{"a":1},{"a":1}]',
      '{"a":"a","b":"a","c":["a","a"]}',
      '{"a":{"a":{"a":1}}}',
      '{"a":"\\",\\"a\\":1","b":"{\\"a\\":1,\\"a\\":2}"}',
      '{"a":1,"A":2,"á":3,"":4," ":5}',
      JSON.stringify({ a: '\\', b: '"', c: '\\"', d: ['{', '}', ','], e: { ',': 1, '{': 2 } }),
    ]) {
      assert.equal(repeatedField(json), null, json);
    }
  });

  it('is refused: what is in front of us may have read the other one', async (t) => {
    const { call } = await build(t);
    const answer = await call('operator', {
      method: 'POST',
      url: '/api/client-certs',
      headers: { 'content-type': 'application/json' },
      payload: '{"common_name":"alice","common_name":"root"}',
    });
    assert.equal(answer.statusCode, 400);
    assert.equal(answer.json().code, 'INVALID_JSON');
    assert.match(answer.json().message, /"common_name" twice/);
  });
});
