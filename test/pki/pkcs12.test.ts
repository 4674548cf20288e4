import assert from 'node:assert/strict';
import { createHash, createPrivateKey } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { createSecureContext } from 'node:tls';
import { CertMateError } from '../../src/errors.js';
import { assertDer } from '../../src/pki/der.js';
import { decodePem } from '../../src/pki/pem.js';
import { buildPkcs12 } from '../../src/pki/pkcs12.js';
import { PKCS12_PROFILES } from '../../src/pki/pkcs12-protection.js';
import { makeChain } from './chain.js';
import { build, files, NAME, PASSWORD, WRONG } from './pkcs12-files.js';
import { output, run, scratch, without } from './programs.js';

const path = scratch();
const forEach = files(path);

describe('a PKCS #12 file', () => {
  forEach((title, one) => {
    it(`is strict DER: ${title}`, () => assertDer(one().pfx));
  });

  it('never comes out the same twice', async () => {
    const chain = await makeChain('ecdsa-sha256');
    const files = await Promise.all([build(chain, PASSWORD, 'compat'), build(chain, PASSWORD, 'compat')]);
    assert.ok(!files[0].equals(files[1]));
  });

  for (const profile of PKCS12_PROFILES) {
    // The derivation works in blocks of 64 octets of UTF-16 with a terminator: 31 characters fill one.
    it(`opens with passwords of every length around a block of the key derivation: ${profile}`, async () => {
      const chain = await makeChain('ecdsa-sha256');
      for (const length of [8, 31, 128]) {
        const passphrase = 'x'.repeat(length - 1).concat('!');
        const pfx = await build(chain, passphrase, profile);
        createSecureContext({ pfx, passphrase });
        assert.throws(() => createSecureContext({ pfx, passphrase: `${passphrase}!` }), /mac verify failure/);
      }
    });
  }

  for (const profile of PKCS12_PROFILES) {
    it(`takes few rounds for a generated password, which nobody guesses, and opens all the same: ${profile}`, async (t) => {
      const chain = await makeChain('ecdsa-sha256');
      const password = 'k7WmZ4tQvRx9bNpHs3Ye';
      const privateKey = chain.key.export({ type: 'pkcs8', format: 'der' });
      const contents = { privateKey, certificate: chain.leaf, chain: chain.superiors, friendlyName: NAME };
      const pfx = await buildPkcs12(contents, password, profile, 'generator');
      createSecureContext({ pfx, passphrase: password });
      assert.throws(() => createSecureContext({ pfx, passphrase: WRONG }), /mac verify failure/);
      const skip = without('openssl');
      if (skip) return t.skip(skip);
      const file = path(`generated-${profile}.p12`);
      writeFileSync(file, pfx);
      const legacy = profile === 'compat' ? ['-legacy'] : [];
      const { text } = run('openssl', [
        'pkcs12',
        '-in',
        file,
        '-passin',
        `pass:${password}`,
        '-info',
        '-noout',
        ...legacy,
      ]);
      const rounds = [...text.matchAll(/iteration:? (\d+)/gi)].map(([, count]) => count);
      assert.ok(rounds.length >= 3, text);
      assert.deepEqual([...new Set(rounds)], ['2048']);
    });
  }

  for (const [what, password] of [
    ['too short', 'seven77'],
    ['too long', 'x'.repeat(129)],
    ['with letters beyond ASCII', 'pässwörter'],
    ['with a control character', 'pass\tword'],
  ] as const) {
    it(`is refused with a password ${what}`, async () => {
      const chain = await makeChain('ecdsa-sha256');
      await assert.rejects(build(chain, password, 'modern'), (error) => {
        assert.ok(error instanceof CertMateError);
        assert.equal(error.code, 'VALIDATION_FAILED');
        assert.equal(error.details?.[0]?.path, 'password');
        assert.ok(!error.message.includes(password));
        return true;
      });
    });
  }

  for (const name of ['', 'x'.repeat(256), 'two\nlines']) {
    it(`is refused with ${JSON.stringify(name.slice(0, 10))} as its name`, async () => {
      const chain = await makeChain('ecdsa-sha256');
      await assert.rejects(build(chain, PASSWORD, 'modern', name), { code: 'VALIDATION_FAILED' });
    });
  }
});

describe('Node opens it with the password only', () => {
  forEach((title, one) => {
    it(title, () => {
      const { pfx } = one();
      createSecureContext({ pfx, passphrase: PASSWORD });
      assert.throws(() => createSecureContext({ pfx, passphrase: WRONG }), /mac verify failure/);
    });
  });
});

describe('OpenSSL finds key, certificate and chain in it', { skip: without('openssl') }, () => {
  const expected = {
    modern: {
      mac: /MAC: sha256, Iteration 100000/,
      encryption: /PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256/g,
    },
    compat: { mac: /MAC: sha1, Iteration 10000/, encryption: /pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 10000/g },
  };

  forEach((title, one, profile) => {
    it(title, () => {
      const { file, key, leaf, superiors } = one();
      const args = ['pkcs12', '-in', file, '-nodes', '-passin'];
      const { status, text } = run('openssl', [...args, `pass:${PASSWORD}`, '-info']);
      assert.equal(status, 0, text);
      assert.match(text, expected[profile].mac);
      assert.equal(text.match(expected[profile].encryption)?.length, 2, 'one for the certificates, one for the key');

      const localKeyId = createHash('sha1')
        .update(leaf)
        .digest('hex')
        .toUpperCase()
        .replace(/..(?!$)/g, '$& ');
      assert.equal(text.split(`localKeyID: ${localKeyId}`).length, 3, 'on the certificate and on the key');
      assert.equal(text.match(/friendlyName: /g)?.length, 2);

      const pem = output('openssl', [...args, `pass:${PASSWORD}`]).toString();
      const [keyPem = ''] = /-----BEGIN PRIVATE KEY[\s\S]+END PRIVATE KEY-----/.exec(pem) ?? [];
      assert.ok(createPrivateKey(keyPem).equals(key));
      const certificates = decodePem(pem.replace(keyPem, ''), ['CERTIFICATE']);
      assert.deepEqual(certificates, [leaf, ...superiors]);

      const wrong = run('openssl', [...args, `pass:${WRONG}`]);
      assert.notEqual(wrong.status, 0);
      assert.match(wrong.text, /Mac verify error: invalid password/);
    });
  });
});

describe('GnuTLS finds key, certificate and chain in it', { skip: without('certtool') }, () => {
  forEach((title, one) => {
    it(title, () => {
      const { file, key, leaf } = one();
      const args = ['--p12-info', '--inder', '--infile', file, '--password'];
      const { status, text } = run('certtool', [...args, PASSWORD]);
      assert.equal(status, 0, text);
      assert.equal(text.match(/BEGIN CERTIFICATE/g)?.length, 3);
      assert.ok(text.includes(leaf.toString('base64').slice(0, 64)));
      assert.ok(text.includes(`Friendly name: ${NAME}`));
      const [keyPem = ''] = /-----BEGIN (?:ENCRYPTED )?PRIVATE KEY[\s\S]+PRIVATE KEY-----/.exec(text) ?? [];
      assert.ok(createPrivateKey({ key: keyPem, passphrase: PASSWORD }).equals(key));

      const wrong = run('certtool', [...args, WRONG]);
      assert.notEqual(wrong.status, 0);
      assert.match(wrong.text, /Message Authentication Code verification failed|MAC verification failed/i);
    });
  });
});

describe('NSS finds key, certificate and chain in it', { skip: without('pk12util', 'certutil') }, () => {
  forEach((title, one, _, key) => {
    it(title, (t) => {
      const { file, pfx } = one();
      const { status, text } = run('pk12util', ['-l', file, '-W', PASSWORD]);
      assert.equal(status, 0, text);
      assert.match(text, /Certificate\(has private key\)/);
      assert.equal(text.match(/^Certificate/gm)?.length, 3);

      const wrong = run('pk12util', ['-l', file, '-W', WRONG]);
      assert.notEqual(wrong.status, 0);
      assert.match(wrong.text, /SEC_ERROR_BAD_PASSWORD/);

      const database = path(`nss-${createHash('sha1').update(pfx).digest('hex')}`);
      mkdirSync(database);
      output('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
      const imported = run('pk12util', ['-i', file, '-d', `sql:${database}`, '-W', PASSWORD]);
      if (key === 'Ed25519' && imported.text.includes('UNABLE_TO_IMPORT_KEY'))
        return t.diagnostic('this NSS lists Ed25519 keys but cannot keep them: its Firefox needs an RSA or EC key');
      assert.match(imported.text, /IMPORT SUCCESSFUL/);
      assert.match(output('certutil', ['-K', '-d', `sql:${database}`]).toString(), new RegExp(NAME));
    });
  });
});
