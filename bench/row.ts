/** What a row of the table is, and how figures are put into words. */

export interface Figure {
  work: string;
  measured: string;
  /** The limit or peer of the same run; says so where it could not be measured. */
  peer: string;
  /** Measured against the peer, so that more is better for rates and less for times; null without one. */
  ratio: number | null;
  goal: string;
  /** Null where it cannot be said. */
  met: boolean | null;
}

/** One file of this folder: makes its own data below `folder`, measures, and cleans up nothing but what it started. */
export interface Row {
  name: string;
  run(folder: string): Promise<Figure[]>;
}

export const perSecond = (rate: number): string => `${Math.round(rate).toLocaleString('en')}/s`;

export const milliseconds = (ms: number): string =>
  ms < 10 ? `${ms.toFixed(2)} ms` : ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;

export const mebibytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;

/** The value below which this part of them lies. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);
