/** What one needs to know to make a server check our certificates. */

/** A piece of text to copy as it is. */
export interface Snippet {
  /** Says in a few words what it is, or what it does. */
  caption: string;
  /** The path of the file that it belongs into; null for commands that are typed. */
  file: string | null;
  /** The name of its language, as in fenced code of Markdown. */
  language: string;
  text: string;
}

export interface Guide {
  /** Lower case, for anchors. */
  id: string;
  /** The server's name. */
  title: string;
  /** When a revocation counts. */
  effect: string;
  /** Files it reads, beside the two in /etc/certmate. */
  files: { path: string; what: string }[];
  snippets: Snippet[];
  /** The command for /etc/certmate/reload; null where the server sees a new list by itself. */
  reload: string | null;
  /** Sentences; what stands between backticks is code. */
  notes: string[];
}

/** Where a machine keeps the command that makes its servers read a new list. */
export function reloadSnippet(command: string): Snippet {
  return { caption: 'How it reads a new list', file: '/etc/certmate/reload', language: 'sh', text: command };
}

/** The addresses of one instance, fit to be put into a shell command or a file of settings. */
export interface Addresses {
  ca: string;
  crl: string;
  ocsp: string;
}

/** @param publicUrl base of the addresses that relying parties use, without a slash at its end */
export function addressesOf(publicUrl: string): Addresses {
  // Some characters of a URL mean something to a shell or to nginx; percent-encoded they stand for the same path.
  const escape = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  const base = publicUrl.replace(/[^\w:/.%~[\]@+,=-]/g, escape);
  return {
    ca: `${base}/api/ca/download/pem`,
    crl: `${base}/api/crl/download/pem`,
    ocsp: `${base}/api/ocsp`,
  };
}

/** Text between backticks without the line breaks at its ends. */
export function lines(text: string): string {
  return text.replace(/^\n|\n$/g, '');
}
