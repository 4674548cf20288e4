/** Runs in a worker thread: builds one PKCS #12 file, whose keys take some hundred milliseconds to derive. */
import { buildPkcs12, type Pkcs12Contents } from '../../pki/pkcs12.js';
import type { PasswordOrigin, Pkcs12Profile } from '../../pki/pkcs12-protection.js';

export interface Pkcs12Task {
  contents: Pkcs12Contents;
  password: string;
  profile: Pkcs12Profile;
  origin: PasswordOrigin;
}

export default function run({ contents, password, profile, origin }: Pkcs12Task): Promise<Buffer> {
  return buildPkcs12(contents, password, profile, origin);
}
