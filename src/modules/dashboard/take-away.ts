/** Everything that a certificate can be taken away as. */
import type { Actor } from '../../types.js';
import type { Bundles, File } from './certificate-services.js';

export interface TakeAway {
  /** Where a PKCS #12 file is made; empty where there is no key for one. */
  p12Href: string;
  /** For this page only. */
  password: string;
  profile: string;
  problem: string;
  /** A key that is here for this page only, and what is made of it. */
  fresh: { pem: string; files: { label: string; hint: string; filename: string; href: string }[] } | null;
  /** Lines for a shell: fetching the files from here, using them. */
  fetch: string;
  use: string;
}

/**
 * @param model.href the certificate's page; `withKey`: whether its key can be fetched by the visitor
 * @param p12.password what the page suggests, or what was typed
 */
export function takeAway(
  { identifier, href, withKey }: { identifier: string; href: string; withKey: boolean },
  publicUrl: string,
  p12: { password: string; profile?: string; problem?: string },
): TakeAway {
  const kind = withKey ? 'zip' : 'fullchain';
  const api = `${publicUrl}/api/client-certs/${encodeURIComponent(identifier)}`;
  return {
    p12Href: withKey ? `${href}/download/p12` : '',
    password: p12.password,
    profile: p12.profile || 'modern',
    problem: p12.problem ?? '',
    fresh: null,
    fetch: `curl -fsSOJ -H "Authorization: Bearer $CERTMATE_TOKEN" \\\n  ${api}/download/${kind}`,
    use: `curl --cert ${identifier}.fullchain.pem --key ${identifier}.key \\\n  https://your-server.example/`,
  };
}

/** As `takeAway`, for a key that is not kept: all that needs it is made now, and is on this page only. */
export async function takeAwayOnce(
  bundles: Bundles,
  certificate: { identifier: string; href: string },
  privateKey: string,
  publicUrl: string,
  password: string,
  actor: Actor,
): Promise<TakeAway> {
  const plain = takeAway({ ...certificate, withKey: false }, publicUrl, { password });
  const { identifier } = certificate;
  const p12 = (profile: 'modern' | 'compat') => bundles.pkcs12(identifier, { password, profile }, actor, privateKey);
  const [modern, compat, zip] = await Promise.all([
    p12('modern'),
    p12('compat'),
    bundles.download(identifier, 'zip', actor, privateKey),
  ]);
  const compatName = `${identifier}.compat.p12`;
  const key: File = {
    filename: `${identifier}.key`,
    media_type: 'application/x-pem-file',
    body: Buffer.from(privateKey),
  };
  return {
    ...plain,
    fresh: {
      pem: privateKey,
      files: [
        linked('PKCS #12', 'Key, certificate and chain in one file, under the password above', modern),
        linked('PKCS #12 for older systems', 'macOS, iOS and Windows of before 2023', {
          ...compat,
          filename: compatName,
        }),
        linked('All files in a ZIP', 'PEM, with the private key', zip),
        linked('Private key', 'PEM, not encrypted', key),
      ],
    },
  };
}

function linked(label: string, hint: string, { filename, media_type, body }: File) {
  return { label, hint, filename, href: `data:${media_type};base64,${body.toString('base64')}` };
}
