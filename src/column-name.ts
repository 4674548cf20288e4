/** Names of columns as spreadsheets and people write them. */

/**
 * What two spellings of one column have in common: `E-Mail` and `email`, `Common Name`, `commonName` and `common_name`,
 * `Organisational Unit` and `organizational_unit` give the same.
 */
export function columnName(header: string): string {
  return header
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{Pd}\p{Cf}_.]+/gu, '')
    .replace('organisation', 'organization');
}
