/** Country codes of ISO 3166-1, as a name may have them (X.520 §6.3.1). */

/** Made when it is first asked for: that takes longer than everything else of this file. */
let regions: Intl.DisplayNames | null = null;
/** Codes that the table of regions has for uses of its own. */
const NO_COUNTRIES = new Set(['QO', 'XA', 'XB', 'ZZ']);

/** What stands for no country in particular; OpenSSL puts it into CSRs by default on some systems. */
export const NO_COUNTRY = 'XX';

/** Whether it is the code of a country, in capitals. Aliases (UK) and codes of countries that are no more (SU) do not count. */
export function isCountry(code: string): boolean {
  if (!/^[A-Z]{2}$/.test(code) || NO_COUNTRIES.has(code)) return false;
  regions ??= new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  if (regions.of(code) === undefined) return false;
  return new Intl.Locale(`und-${code}`).region === code;
}
