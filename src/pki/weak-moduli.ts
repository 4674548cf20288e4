/** RSA moduli that anybody can factor by known shortcuts (CA/B Forum BR 6.1.1.3). */
import { checkPrimeSync } from 'node:crypto';

/** Trial division goes as far; the Baseline Requirements ask for 751. */
const LARGEST_FACTOR = 65_536;
const FERMAT_ROUNDS = 100;

/**
 * What makes an RSA modulus factorable by known shortcuts, or null. Takes milliseconds (RSA-4096: 20), most of them to see
 * that it is no prime.
 * @param modulus big-endian
 */
export function rsaWeakness(modulus: Buffer): string | null {
  const n = BigInt(`0x${modulus.toString('hex')}`);
  if (n % 2n === 0n) return 'its modulus is even';
  const remainders = smallRemainders(n);
  if (remainders.includes(0)) return 'its modulus has a small factor';
  if (hasRocaFingerprint(remainders)) return 'it was made by an Infineon chip with the ROCA flaw (CVE-2017-15361)';
  if (isPerfectPower(n, remainders)) return 'its modulus is a power of another number';
  if (hasCloseFactors(n)) return 'its two primes lie too close together';
  if (checkPrimeSync(n, { checks: 1 })) return 'its modulus is a prime';
  return null;
}

/** The odd primes below `LARGEST_FACTOR`, made when they are first needed. */
let primes: number[] | null = null;

function smallPrimes(): number[] {
  if (primes !== null) return primes;
  const composite = new Uint8Array(LARGEST_FACTOR);
  primes = [];
  for (let candidate = 3; candidate < LARGEST_FACTOR; candidate += 2) {
    if (composite[candidate] === 1) continue;
    primes.push(candidate);
    for (let multiple = candidate * candidate; multiple < LARGEST_FACTOR; multiple += 2 * candidate)
      composite[multiple] = 1;
  }
  return primes;
}

/** Primes whose product the modulus is divided by first: short numbers are divided faster. */
const CHUNK = 32;
let chunks: { product: bigint; factors: bigint[] }[] | null = null;

/** n modulo each of the small primes. */
function smallRemainders(n: bigint): number[] {
  if (chunks === null) {
    const all = smallPrimes().map(BigInt);
    chunks = [];
    for (let at = 0; at < all.length; at += CHUNK) {
      const factors = all.slice(at, at + CHUNK);
      chunks.push({ product: factors.reduce((product, factor) => product * factor), factors });
    }
  }
  return chunks.flatMap(({ product, factors }) => {
    const rest = n % product;
    return factors.map((factor) => Number(rest % factor));
  });
}

/** The primes that tell a modulus of the flawed chips; modulo each it is a power of 65537 (Nemec et al. 2017, §2.4). */
const ROCA_LARGEST = 167;
let powersOf65537: ReadonlySet<number>[] | null = null;

function hasRocaFingerprint(remainders: readonly number[]): boolean {
  powersOf65537 ??= smallPrimes()
    .filter((prime) => prime <= ROCA_LARGEST)
    .map((prime) => {
      const powers = new Set<number>();
      for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power);
      return powers;
    });
  return powersOf65537.every((powers, index) => powers.has(remainders[index] as number));
}

/** Whether n = a^k with k > 1; n has no factor below `LARGEST_FACTOR`, so k is at most a sixteenth of its bits. */
function isPerfectPower(n: bigint, remainders: readonly number[]): boolean {
  const bits = n.toString(2).length;
  for (const exponent of [2, ...smallPrimes()]) {
    if (exponent > bits / 16) return false;
    if (!mayBePower(exponent, remainders)) continue;
    if (integerRoot(n, exponent, bits) ** BigInt(exponent) === n) return true;
  }
  return false;
}

/** For each exponent some primes p, by their place, with p - 1 divisible by it. */
const witnesses = new Map<number, number[]>();
const MOST_WITNESSES = 8;

/** A k-th power, raised to (p - 1) / k, is 1 modulo p (Fermat); another number seldom is. */
function mayBePower(exponent: number, remainders: readonly number[]): boolean {
  let places = witnesses.get(exponent);
  if (places === undefined) {
    places = [...smallPrimes().keys()].filter((place) => ((smallPrimes()[place] as number) - 1) % exponent === 0);
    places.splice(MOST_WITNESSES);
    witnesses.set(exponent, places);
  }
  return places.every((place) => {
    const prime = smallPrimes()[place] as number;
    let [power, square] = [1, remainders[place] as number];
    for (let left = (prime - 1) / exponent; left > 0; left = Math.floor(left / 2)) {
      if (left % 2 === 1) power = (power * square) % prime;
      square = (square * square) % prime;
    }
    return power === 1;
  });
}

/** ⌊n^(1/k)⌋ by Newton's method, from an estimate of some 40 right bits that is too large. */
function integerRoot(n: bigint, k: number, bits: number): bigint {
  const shift = Math.max(0, bits - 53);
  const logarithm = (Math.log2(Number(n >> BigInt(shift))) + shift) / k;
  const whole = Math.max(0, Math.floor(logarithm) - 50);
  let root = (BigInt(Math.ceil(2 ** (logarithm - whole))) + 2n ** 16n) << BigInt(whole);
  const [exponent, less] = [BigInt(k), BigInt(k - 1)];
  while (true) {
    const next = (less * root + n / root ** less) / exponent;
    if (next >= root) return root;
    root = next;
  }
}

/** Fermat's method: n = a² - b² with a just above the root of n. */
function hasCloseFactors(n: bigint): boolean {
  let a = integerRoot(n, 2, n.toString(2).length) + 1n;
  let square = a * a - n;
  for (let round = 0; round < FERMAT_ROUNDS; round += 1) {
    if (isSquare(square)) return true;
    square += 2n * a + 1n;
    a += 1n;
  }
  return false;
}

function isSquare(value: bigint): boolean {
  if (value < 2n) return true;
  // Squares end in 12 of 64 ways, and leave 16 of 63 and 21 of 65 remainders (Cohen, Algorithm 1.7.3).
  if (!isResidue(Number(value & 63n), 64)) return false;
  const remainder = Number(value % 45_045n);
  if (![63, 65, 11].every((modulus) => isResidue(remainder % modulus, modulus))) return false;
  return integerRoot(value, 2, value.toString(2).length) ** 2n === value;
}

const residues = new Map<number, ReadonlySet<number>>();

function isResidue(value: number, modulus: number): boolean {
  let known = residues.get(modulus);
  if (known === undefined) {
    known = new Set(Array.from({ length: modulus }, (_, root) => (root * root) % modulus));
    residues.set(modulus, known);
  }
  return known.has(value);
}
