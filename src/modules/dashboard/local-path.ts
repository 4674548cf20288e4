/** Where a form may lead back to: pages of this server only. */

const HOME = '/client-certificates';

/**
 * `text` if it is a path on this server, else the list of certificates. Browsers read `//host`, `/\host` and even
 * `/<tab>/host` as another host, so anything but a plain path is refused.
 */
export function localPath(text: string | undefined): string {
  if (typeof text !== 'string' || !/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(text)) return HOME;
  return text === '/' || text.startsWith('/login') ? HOME : text;
}
