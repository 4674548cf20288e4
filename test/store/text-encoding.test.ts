import assert from 'node:assert/strict';
import { test } from 'node:test';
import { textOf } from '../../src/store/text-encoding.js';

test('UTF-16 is read in either byte order, with a byte order mark or without', () => {
  const little = Buffer.from('Größe: 5', 'utf16le');
  const big = Buffer.from(little).swap16();
  assert.equal(textOf(Buffer.concat([Buffer.of(0xff, 0xfe), little])), 'Größe: 5');
  assert.equal(textOf(Buffer.concat([Buffer.of(0xfe, 0xff), big])), 'Größe: 5');
  const ascii = Buffer.from('size: 5', 'utf16le');
  assert.equal(textOf(ascii), 'size: 5');
  assert.equal(textOf(Buffer.from(ascii).swap16()), 'size: 5');
});

test('anything else is UTF-8: half a byte order mark does not make UTF-16 of a text', () => {
  assert.equal(textOf(Buffer.from('\uFEFFGröße')), 'Größe');
  for (const mark of [0xfe, 0xff]) {
    assert.equal(textOf(Buffer.from([0x61, mark, 0x62, 0x63])), 'a\uFFFDbc');
    assert.equal(textOf(Buffer.from([mark, 0x61, 0x62, 0x63])), '\uFFFDabc');
  }
  assert.equal(textOf(Buffer.alloc(0)), '');
});
