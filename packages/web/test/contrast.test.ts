import { expect, test } from "vitest";
import css from "../src/page.css?raw";
import { colorOf, PALETTE } from "../src/series-color.ts";

/** The colours of a scheme, by name without `--ph-`. */
function colorsOf(scheme: string): Map<string, string> {
  const block = new RegExp(`scheme="${scheme}"\\] \\{([^}]*)\\}`).exec(css)?.[1] ?? "";
  return new Map(
    [...block.matchAll(/--ph-([\w-]+): (#[0-9a-f]{6})/g)].map(([, name = "", hex = ""]) => [
      name,
      hex,
    ]),
  );
}

/** The ratio of WCAG 2, from 1 to 21. */
function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Each text with the backgrounds it stands on. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  text: ["page", "surface", "sunken", "hover", "red-soft", "amber-soft", "blue-soft"],
  dim: ["page", "surface", "sunken", "hover"],
  accent: ["page", "surface", "sunken", "blue-soft"],
  red: ["surface", "red-soft"],
  amber: ["surface", "amber-soft"],
  green: ["surface", "green-soft"],
  blue: ["blue-soft"],
  "syntax-name": ["surface"],
  "syntax-function": ["surface"],
  "syntax-keyword": ["surface"],
  "syntax-string": ["surface"],
  "syntax-number": ["surface"],
};

for (const scheme of ["light", "dark"] as const) {
  const colors = colorsOf(scheme);
  const color = (name: string) => {
    const hex = colors.get(name);
    if (hex === undefined) throw new Error(`page.css has no --ph-${name} in ${scheme}`);
    return hex;
  };

  test(`every text of the ${scheme} scheme has the contrast of WCAG AA`, () => {
    for (const [text, backgrounds] of Object.entries(TEXTS))
      for (const background of backgrounds)
        expect(
          contrast(color(text), color(background)),
          `${text} on ${background}`,
        ).toBeGreaterThanOrEqual(4.5);
  });

  test(`every line and every field's edge of the ${scheme} scheme stands out by 3 to 1`, () => {
    for (const slot of PALETTE[scheme].keys())
      expect(
        contrast(colorOf({ slot, dash: [] }, scheme), color("surface")),
        `slot ${slot}`,
      ).toBeGreaterThanOrEqual(3);
    expect(contrast(color("line-strong"), color("surface"))).toBeGreaterThanOrEqual(3);
  });
}
