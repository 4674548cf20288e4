/** What we use of pino-roll, which comes without types: an open file that becomes another one when it is large enough. */
declare module 'pino-roll' {
  import type { EventEmitter } from 'node:events';

  interface RollingFile extends EventEmitter {
    write(line: string): void;
  }

  export default function openRolling(options: {
    /** Path of the files, without number and extension. */
    file: string;
    extension: string;
    /** Such as `64m`, in MiB. */
    size: string;
    /** How many files are kept in all, those of earlier processes included. */
    limit: { count: number; removeOtherLogFiles: true };
    mode: number;
    sync: boolean;
    /** Bytes that wait at most. */
    maxLength: number;
  }): Promise<RollingFile>;
}
