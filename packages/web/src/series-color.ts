import { type Labels, labelsKey } from "@pharos/base";

/** A line's look. The colour is a slot of the palette, so that it has the same hue in light and dark. */
export interface SeriesStyle {
  readonly slot: number;
  /** Canvas dash pattern in px; empty for a solid line. */
  readonly dash: readonly number[];
}

/**
 * Told apart with the common colour blindnesses (after Okabe and Ito), at least 3:1 against the background of
 * their scheme.
 */
export const PALETTE = {
  light: [
    "#0067b8",
    "#c8500a",
    "#00805f",
    "#a8477f",
    "#8f6a00",
    "#2b86b5",
    "#c0334d",
    "#5b7f1c",
    "#6a51a3",
    "#57606a",
  ],
  dark: [
    "#4c9bea",
    "#ee7733",
    "#1fb894",
    "#d98cbb",
    "#e6ab2d",
    "#7cc8f2",
    "#f0697f",
    "#a3c644",
    "#a892dd",
    "#a5b0bb",
  ],
} as const;

export type Scheme = keyof typeof PALETTE;

const SLOTS = PALETTE.light.length;
const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [9, 3, 2, 3]];

export function colorOf(style: SeriesStyle, scheme: Scheme): string {
  return PALETTE[scheme][style.slot] ?? PALETTE[scheme][0];
}

/**
 * Styles for the series of a chart, in their order. A label set has the same colour in every chart and after every
 * refresh unless a series before it took that colour already; then it takes the next free one. When all colours are
 * taken, dashes begin.
 */
export function styleSeries(labelSets: readonly Labels[]): SeriesStyle[] {
  const taken = new Array<number>(SLOTS).fill(0);
  let round = 0;
  return labelSets.map((labels, index) => {
    if (index > 0 && index % SLOTS === 0) round++;
    let slot = hash(labelsKey(labels)) % SLOTS;
    while ((taken[slot] ?? 0) > round) slot = (slot + 1) % SLOTS;
    taken[slot] = round + 1;
    return { slot, dash: DASHES[round % DASHES.length] ?? [] };
  });
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++)
    state = Math.imul(state ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return (state ^ (state >>> 15)) >>> 0;
}
