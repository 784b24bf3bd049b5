/** Each character is seven rows of five dots, the leftmost the highest bit. */
const GLYPHS: ReadonlyMap<string, readonly number[]> = new Map(
  Object.entries({
    "0": [14, 17, 19, 21, 25, 17, 14],
    "1": [4, 12, 4, 4, 4, 4, 14],
    "2": [14, 17, 1, 6, 8, 16, 31],
    "3": [14, 17, 1, 6, 1, 17, 14],
    "4": [2, 6, 10, 18, 31, 2, 2],
    "5": [31, 16, 30, 1, 1, 17, 14],
    "6": [6, 8, 16, 30, 17, 17, 14],
    "7": [31, 1, 2, 4, 4, 8, 8],
    "8": [14, 17, 17, 14, 17, 17, 14],
    "9": [14, 17, 17, 15, 1, 2, 12],
    ":": [0, 4, 4, 0, 4, 4, 0],
    ".": [0, 0, 0, 0, 0, 6, 6],
    "-": [0, 0, 0, 14, 0, 0, 0],
    "+": [0, 4, 4, 31, 4, 4, 0],
    e: [0, 0, 14, 17, 31, 16, 14],
    k: [16, 18, 20, 24, 20, 18, 17],
    m: [0, 0, 26, 21, 21, 21, 21],
    u: [0, 0, 17, 17, 17, 19, 13],
    n: [0, 0, 22, 25, 17, 17, 17],
    M: [17, 27, 21, 21, 17, 17, 17],
    G: [14, 17, 16, 23, 17, 17, 15],
    T: [31, 4, 4, 4, 4, 4, 4],
    P: [30, 17, 17, 30, 16, 16, 16],
    E: [31, 16, 16, 30, 16, 16, 31],
  }),
);

export const GLYPH_WIDTH = 5;
export const GLYPH_HEIGHT = 7;
/** From the beginning of one character to that of the next. */
export const GLYPH_ADVANCE = 6;

/** The dots of a text, from its upper left corner; characters without a picture stay blank. */
export function* dotsOf(text: string): Generator<readonly [x: number, y: number]> {
  for (const [i, char] of Array.from(text).entries()) {
    const rows = GLYPHS.get(char) ?? [];
    for (const [y, row] of rows.entries())
      for (let x = 0; x < GLYPH_WIDTH; x++)
        if ((row & (1 << (GLYPH_WIDTH - 1 - x))) !== 0) yield [i * GLYPH_ADVANCE + x, y];
  }
}
