/**
 * How well a text answers a search, from 0 (not at all) to 1, by the two measures of Prometheus's search API: the same
 * numbers, so that its clients can keep their thresholds. Lengths and places are in characters (code points).
 */
export type FuzzyScore = (text: string) => number;

/**
 * All characters of `pattern` in their order, others between them allowed: runs count by the square of their length,
 * gaps take off a little. The best of all places where the first character stands. A text that begins with the pattern
 * has 1.
 */
export function subsequenceScore(pattern: string): FuzzyScore {
  const wanted = charactersOf(pattern);
  return (text) => {
    if (text.startsWith(pattern)) return 1;
    const characters = charactersOf(text);
    const last = characters.length - wanted.length;
    let best = 0;
    for (let start = 0; start <= last; start++) {
      if (characters[start] !== wanted[0]) continue;
      const score = runsScore(wanted, characters, start);
      // What is not complete from here on is not from any later place.
      if (score === undefined) break;
      best = Math.max(best, score);
    }
    return best / wanted.length ** 2;
  };
}

/** Undefined where the pattern is not complete in the text from `start` on. */
function runsScore(
  wanted: readonly number[],
  characters: readonly number[],
  start: number,
): number | undefined {
  const { length } = characters;
  let score = 0;
  let found = 0;
  /** Behind the run before. */
  let behind = 0;
  for (let at = start; found < wanted.length; ) {
    while (at < length && characters[at] !== wanted[found]) at++;
    if (at === length) return undefined;
    const from = at;
    while (at < length && found < wanted.length && characters[at] === wanted[found]) {
      at++;
      found++;
    }
    score += (at - from) ** 2 - (from - behind) / length;
    behind = at;
  }
  return score - (length - behind) / length / 2;
}

/** The share of characters that both have at about the same place, with a premium for equal beginnings. */
export function jaroWinklerScore(term: string): FuzzyScore {
  const given = charactersOf(term);
  return (text) => {
    if (text === term) return 1;
    const other = charactersOf(text);
    const [short, long] = given.length <= other.length ? [given, other] : [other, given];
    const jaro = jaroScore(short, long);
    if (jaro === 0) return 0;
    let prefix = 0;
    while (prefix < Math.min(4, short.length) && short[prefix] === long[prefix]) prefix++;
    return jaro + prefix * 0.1 * (1 - jaro);
  };
}

function jaroScore(short: readonly number[], long: readonly number[]): number {
  const distance = Math.max(Math.floor(long.length / 2) - 1, 0);
  const taken = new Uint8Array(long.length);
  const matched: number[] = [];
  for (const [i, character] of short.entries()) {
    const end = Math.min(i + distance + 1, long.length);
    for (let j = Math.max(i - distance, 0); j < end; j++) {
      if (taken[j] === 1 || long[j] !== character) continue;
      taken[j] = 1;
      matched.push(character);
      break;
    }
  }
  const matches = matched.length;
  if (matches === 0) return 0;
  let swapped = 0;
  let at = 0;
  for (const [j, character] of long.entries())
    if (taken[j] === 1 && matched[at++] !== character) swapped++;
  return (matches / short.length + matches / long.length + (matches - swapped / 2) / matches) / 3;
}

function charactersOf(text: string): number[] {
  const characters: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i) as number;
    characters.push(code);
    if (code > 0xffff) i++;
  }
  return characters;
}
