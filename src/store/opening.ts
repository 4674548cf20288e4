/** Opens the parts of which the store on a file system consists, in the state in which the last process meant to leave them. */
import type { Clock, Identifier, Log } from '../types.js';
import { CertificateDirectories } from './certificate-files.js';
import { Journal } from './journal.js';
import { KeyedLock } from './keyed-lock.js';
import { Layout } from './layout.js';
import { MemoryInventory } from './memory-inventory.js';
import { ProblemList } from './problem-list.js';
import { reconcile } from './reconciliation.js';
import { cannotReconstruct, type Reconstruct } from './remains.js';
import { Settlement } from './settlement.js';

export interface FilesystemStoreOptions {
  /** Nobody else may use it: see lockDirectory. */
  dataDir: string;
  clock: Clock;
  log: Log;
  /** Makes out a record where metadata.json is damaged and no journal knows the certificate; unless told, nobody can. */
  reconstruct?: Reconstruct;
  /** How private keys are written and read; unless told, as they are. */
  keyForm?: KeyForm;
  /** Bytes of journal after which a snapshot is due; 16 MiB unless told. */
  rotateAfter?: number;
  /** Told how long each sync of the journal took (seconds). */
  onSynced?: ((seconds: number) => void) | undefined;
}

/** What becomes of a private key on its way into its file and out of it. */
export interface KeyForm {
  /** @param pem a private key that is not encrypted */
  toStored(pem: string): string;
  /** The private key again, not encrypted. @throws CertMateError KEY_LOCKED */
  fromStored(pem: string): string;
}

const AS_IT_IS: KeyForm = { toStored: (pem) => pem, fromStored: (pem) => pem };

export interface StoreParts {
  layout: Layout;
  inventory: MemoryInventory;
  directories: CertificateDirectories;
  journal: Journal;
  settlement: Settlement;
  problems: ProblemList;
  /** By identifier: whoever changes a certificate, or reads its files, is alone with it. */
  locks: KeyedLock;
  keyForm: KeyForm;
  clock: Clock;
  log: Log;
}

/** `blocked`: identifiers that directories occupy which are not known to be certificates. */
export async function openParts({
  dataDir,
  clock,
  log,
  reconstruct = cannotReconstruct,
  keyForm = AS_IT_IS,
  rotateAfter,
  onSynced,
}: FilesystemStoreOptions): Promise<{ parts: StoreParts; blocked: Set<Identifier> }> {
  const layout = new Layout(dataDir);
  const inventory = new MemoryInventory();
  const directories = new CertificateDirectories(layout);
  const problems = new ProblemList(log);
  const locks = new KeyedLock();
  const journal = await Journal.open(layout.journal, {
    onRecord: (record) => inventory.put(record),
    onProblem: (problem) => problems.report(problem),
    onSynced,
    ...(rotateAfter === undefined ? {} : { rotateAfter }),
  });
  const settlement: Settlement = new Settlement({
    settled: (seq) => journal.settle(seq),
    settle: (identifier) =>
      locks.run(identifier, async () => {
        const record = inventory.get(identifier);
        if (record === undefined) return;
        await settlement.follow(record, [], async () => {
          await directories.settle(record);
          await directories.writeMetadata(record, clock.now());
        });
      }),
    problems,
  });
  try {
    const blocked = await reconcile({
      layout,
      directories,
      inventory,
      journal,
      settlement,
      problems,
      reconstruct,
      clock,
      log,
    });
    const parts = { layout, inventory, directories, journal, settlement, problems, locks, keyForm, clock, log };
    return { parts, blocked };
  } catch (error) {
    settlement.close();
    await journal.close();
    throw error;
  }
}
