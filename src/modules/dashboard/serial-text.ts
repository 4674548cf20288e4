/** Serial numbers as people compare them. */
import { serialHex as plainHex } from '../../pki/serial.js';
import type { Serial } from '../../types.js';

/** As openssl prints it in a certificate's text, in pairs: `0A:1B:…`. */
export function serialHex(serial: Serial): string {
  return plainHex(serial).replace(/..(?=.)/g, '$&:');
}
