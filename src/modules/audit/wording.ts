/** The outcome of a verification in words. */
import type { Break, BreakReason, Verification } from './verify.js';

/** What is wrong at the first bad line. */
const REASON_TEXT: Record<BreakReason, string> = {
  changed: 'it is not what was written',
  missing: 'it is not there, though later ones are',
  inserted: 'something stands there that was not written there',
  reordered: 'lines or files have changed places there',
  truncated: 'the log ends before it, though it once reached further',
  unreadable: 'it cannot be read as a line of an audit log',
  rewritten: 'the lines agree with one another, but not with what was signed',
  unsigned: 'its signature is missing, or of another key',
};

/** `line 42 (changed: …), in certificate_audit.log` */
export function describeBreak({ seq, reason, file }: Break): string {
  return `line ${seq} (${reason}: ${REASON_TEXT[reason]})${file === null ? '' : `, in ${file}`}`;
}

/** A few lines for a terminal. */
export function describeVerification({ lines, files, head, proven, first_bad }: Verification): string[] {
  if (first_bad !== null) return [`The audit log is broken at ${describeBreak(first_bad)}.`];
  const inFiles = files > 1 ? ` in ${files} files` : '';
  return [
    `The audit log is unbroken: ${lines} lines${inFiles}.`,
    ...(proven < head.seq
      ? [
          `Signatures prove the lines up to ${proven}. Those after it, to ${head.seq}, are chained by hashes only: whether they`,
          'were rewritten, or more came after them, shows when the next checkpoint is signed.',
        ]
      : []),
  ];
}

/** For programs. */
export function verificationReport(result: Verification): Record<string, unknown> {
  const { ok, lines, files, head, proven, checkpoints, first_bad } = result;
  return { status: ok ? 'intact' : 'broken', lines, files, head, proven_seq: proven, checkpoints, first_bad };
}
