/** Which of the CRLs and indexes that were found speak for this CA. */
import { type ForeignCrl, isSameName } from '../../pki/foreign-crl.js';
import { type Issuer, isIssuedBy } from '../../pki/issuer.js';
import { isSignedBy } from '../../pki/signed-by.js';
import type { Serial, Timestamp } from '../../types.js';
import type { CaIndex } from './ca-index.js';
import type { Collection, Found } from './collect.js';
import { failed, type Outcome, skipped } from './outcome.js';

/** The CA, and how CRLs may name its key. */
export interface ListIssuer extends Issuer {
  keyIdentifiers: readonly Buffer[];
}

export interface OwnLists {
  crls: Found<ForeignCrl>[];
  indexes: Found<CaIndex>[];
  /** Those of other CAs. */
  others: Outcome[];
  /** Those of this CA, or perhaps of this CA, that cannot be believed or not be read as a whole. */
  obstacles: Outcome[];
}

/** @param known notAfter of certificates of this CA, by serial number */
export function ownLists(found: Collection, issuer: ListIssuer, known: ReadonlyMap<Serial, Timestamp>): OwnLists {
  const own: OwnLists = { crls: [], indexes: [], others: [], obstacles: [] };
  for (const crl of found.crls) {
    const { tbs, algorithm, signature, issuer: named, authorityKey } = crl.thing;
    if (isSignedBy(algorithm, tbs, signature, issuer.publicKey)) own.crls.push(crl);
    else if (isSameName(named, issuer.subject) && mayName(authorityKey, issuer)) {
      own.obstacles.push(failed(crl.path, 'this CRL names this CA, but its signature does not hold: it is damaged'));
    } else own.others.push(skipped(crl.path, 'it is the CRL of another CA'));
  }
  for (const { path, thing: named } of found.damagedCrls) {
    if (named === null) own.obstacles.push(failed(path, 'this CRL is damaged, and cannot be read'));
    else if (isSameName(named, issuer.subject)) own.obstacles.push(failed(path, 'this CRL of this CA is damaged'));
    else own.others.push(skipped(path, 'it is the CRL of another CA, and damaged'));
  }
  for (const index of found.indexes) {
    if (!isOurs(index, found, issuer, known)) own.others.push(skipped(index.path, 'it is the index of another CA'));
    else {
      own.indexes.push(index);
      const [line] = index.thing.unreadable;
      if (line !== undefined) own.obstacles.push(failed(index.path, `line ${line} of this index cannot be read`));
    }
  }
  return own;
}

/** A CA of the same name may have another key. */
function mayName(authorityKey: Buffer | null, { keyIdentifiers }: ListIssuer): boolean {
  return authorityKey === null || keyIdentifiers.some((identifier) => identifier.equals(authorityKey));
}

/**
 * An index carries no signature. The certificate of a CA in its folder tells whose it is; else the certificates that it
 * lists, whose expiry it repeats (the folder may hold the root alone). In doubt it is ours.
 */
function isOurs(
  { path, thing }: Found<CaIndex>,
  found: Collection,
  issuer: Issuer,
  known: ReadonlyMap<Serial, Timestamp>,
): boolean {
  const folder = folderOf(path);
  const authorities = found.certificates.filter(({ path, thing }) => thing.isCa && folderOf(path) === folder);
  if (authorities.some(({ thing }) => thing.subject.equals(issuer.subject) && hasKeyOf(thing, issuer))) return true;
  const listed = thing.rows.filter(({ serial }) => known.has(serial));
  if (listed.some(({ serial, expiresAt }) => expiresAt === known.get(serial))) return true;
  return authorities.length === 0 && listed.length === 0;
}

function hasKeyOf(
  { subjectPublicKeyInfo, ...rest }: Collection['certificates'][number]['thing'],
  issuer: Issuer,
): boolean {
  const spki = issuer.publicKey.export({ type: 'spki', format: 'der' });
  return spki.equals(subjectPublicKeyInfo) || isIssuedBy({ subjectPublicKeyInfo, ...rest }, issuer);
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0));
}
