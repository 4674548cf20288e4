/** What the doctor has to say, for people and for programs. */
import type { Examination } from './examine.js';
import { type Finding, keyOf } from './finding.js';

export interface DoctorReport {
  checked: { certificates: number; crls: number; audit_lines: number };
  /** How many files are in the form of an older program, which is in order. */
  older_forms: number;
  /** What is wrong now. */
  findings: Pick<Finding, 'path' | 'identifier' | 'problem' | 'advice'>[];
  /** What was wrong before a repair and no longer is. */
  mended: Pick<Finding, 'path' | 'identifier' | 'problem'>[];
}

/** @param before what an examination before the repair had found; nothing if there was no repair */
export function reportOn(now: Examination, before: readonly Finding[] = []): DoctorReport {
  const left = new Set([...now.findings, ...now.outdated].map(keyOf));
  return {
    checked: { certificates: now.certificates, crls: now.crls, audit_lines: now.auditLines },
    older_forms: now.outdated.length,
    findings: now.findings.map(({ path, identifier, problem, advice }) => ({ path, identifier, problem, advice })),
    mended: before
      .filter((finding) => !left.has(keyOf(finding)))
      .map(({ path, identifier, problem }) => ({ path, identifier, problem })),
  };
}

/** The report as lines of text. @param repairable how many of the findings a repair would mend */
export function describe(
  { checked, older_forms: older, findings, mended }: DoctorReport,
  repairable: number,
): string[] {
  const lines = mended.map(({ path, problem }) => `mended  ${path}: ${problem}`);
  for (const { path, problem, advice } of findings) lines.push(`wrong   ${path}: ${problem}`, `        ${advice}`);
  const { certificates, crls, audit_lines: audited } = checked;
  lines.push(`Checked ${certificates} certificates, ${crls} CRLs and ${audited} lines of the audit log.`);
  if (older > 0) {
    lines.push(
      `${older} metadata.json are in the form of an older CertMate, which is no fault; --repair writes them anew.`,
    );
  }
  if (findings.length === 0) lines.push('Everything is in order.');
  else if (repairable === 0) lines.push(`${findings.length} findings.`);
  else lines.push(`${findings.length} findings; certmate doctor --repair mends ${repairable} of them as it says.`);
  return lines;
}
