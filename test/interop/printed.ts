/**
 * A machine on which somebody follows what page and docs print. A folder stands for its `/`, free ports for the printed
 * ones; not a character else of the printed text is changed.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Guide, Snippet } from '../../src/modules/dashboard/guides/guide.js';
import { type Guides, guides } from '../../src/modules/dashboard/guides/guides.js';
import type { Account } from './accounts.js';
import type { CertMate } from './certmate.js';
import { type Outcome, run, temporaryFolder } from './programs.js';

export interface Machine {
  /** The folder that stands for `/`. */
  readonly root: string;
  readonly guide: Guide;
  /** The whole page, for this instance of CertMate. */
  readonly guides: Guides;
  /** Printed text as it reads on this machine. */
  here(text: string, ports?: Record<number, number>): string;
  /** The printed snippet with this caption. */
  snippet(caption: string | RegExp): Snippet;
  /** Puts a printed file in its place; where that is. */
  install(snippet: Snippet, ports?: Record<number, number>): string;
  /** Writes text to a printed path; where it really is. `here` is not applied to the text. */
  write(path: string, text: string): string;
  /** Puts a certificate made by CertMate, or its key, at a printed path. */
  copy(from: string, path: string, owner?: Account | null): string;
  /** Writes the printed line into /etc/certmate/reload; `effect` is what systemd's unit would do for it. */
  reloadBy(effect: string): void;
  /** Does what cron does: runs the printed line's command in cron's poor environment. */
  fetchList(): Promise<Outcome>;
  remove(): void;
}

/** Sets a machine up for one of the printed servers, by the printed first steps. */
export async function prepareMachine(certmate: CertMate, id: string): Promise<Machine> {
  const temporary = temporaryFolder(id);
  const root = temporary.path;
  // Servers that give up root's rights must still reach their files.
  chmodSync(root, 0o755);
  const all = guides({ publicUrl: certmate.url });
  const guide = all.servers.find((server) => server.id === id);
  assert.ok(guide, `nothing is printed about ${id}`);

  const here: Machine['here'] = (text, ports = {}) =>
    text
      .replace(/(?<![\w.-])\/(?=(?:etc|usr\/local|var)\/)/g, `${root}/`)
      .replace(/\b\d{3,5}\b/g, (number) => String(ports[Number(number)] ?? number));
  const write = (path: string, text: string) => {
    const file = here(path).startsWith(root) ? here(path) : join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };
  const install: Machine['install'] = ({ file, text }, ports) => {
    assert.ok(file, 'this snippet is not a file');
    return write(file, `${here(text, ports)}\n`);
  };
  const copy: Machine['copy'] = (from, path, owner) => {
    const file = write(path, '');
    copyFileSync(from, file);
    chmodSync(file, 0o600);
    if (owner) chownSync(file, owner.uid, owner.gid);
    return file;
  };
  const snippet: Machine['snippet'] = (caption) => {
    const fits = (one: Snippet) => (typeof caption === 'string' ? one.caption === caption : caption.test(one.caption));
    const found = guide.snippets.find(fits);
    assert.ok(found, `no snippet of ${id} is called ${String(caption)}`);
    return found;
  };

  const [, path = '', command = ''] =
    /^PATH=(.*)\n\*\/5 \* \* \* \* root (.*)$/.exec(here(all.cron.text)) ?? assert.fail(all.cron.text);
  const fetchList = () => run`env -i PATH=${path} sh -c ${command}`;

  const reloadBy = (effect: string) => {
    assert.ok(guide.reload, `nothing is printed to reload ${id} with`);
    write('/etc/certmate/reload', `${guide.reload}\n`);
    const [program = '', ...words] = guide.reload.split(' ');
    const standIn = `#!/bin/sh\n[ "$*" = "${words.join(' ')}" ] || exit 1\n${effect}\n`;
    chmodSync(write(`/usr/local/bin/${program}`, standIn), 0o755);
  };

  const machine = {
    root,
    guide,
    guides: all,
    here,
    snippet,
    install,
    write,
    copy,
    reloadBy,
    fetchList,
    remove: temporary.remove,
  };
  for (const step of all.prepare) {
    if (step.file !== null) {
      install(step);
      continue;
    }
    const { output, status } = await run`env PATH=${path} sh -euc ${here(step.text)}`;
    assert.equal(status, 0, output);
  }
  return machine;
}
