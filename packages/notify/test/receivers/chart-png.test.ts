import { deepEqual, equal, ok } from "node:assert/strict";
import { test } from "node:test";
import { crc32, inflateSync } from "node:zlib";
import type { NotificationChart } from "@pharos/alert";
import fc from "fast-check";
import { CHART_HEIGHT, CHART_WIDTH, chartPng } from "../../src/receivers/chart-png.ts";
import { START_MS } from "./fake-api.ts";

interface Decoded {
  readonly width: number;
  readonly height: number;
  readonly palette: readonly string[];
  /** Colour of the dot, as `#rrggbb`. */
  at(x: number, y: number): string;
}

/** As a mail program reads it: every length and checksum must fit. */
function decode(png: Uint8Array): Decoded {
  deepEqual([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  const chunks = new Map<string, Uint8Array>();
  let at = 8;
  while (at < png.length) {
    const length = view.getUint32(at);
    const type = new TextDecoder().decode(png.subarray(at + 4, at + 8));
    equal(view.getUint32(at + 8 + length), crc32(png.subarray(at + 4, at + 8 + length)), type);
    chunks.set(type, png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  equal(at, png.length);
  deepEqual([...chunks.keys()], ["IHDR", "PLTE", "IDAT", "IEND"]);
  const part = (type: string): Uint8Array => chunks.get(type) ?? new Uint8Array();
  const header = part("IHDR");
  const headerView = new DataView(header.buffer, header.byteOffset);
  const [width, height] = [headerView.getUint32(0), headerView.getUint32(4)];
  deepEqual([...header.subarray(8)], [8, 3, 0, 0, 0]);
  const colors = Buffer.from(part("PLTE")).toString("hex").match(/.{6}/g) ?? [];
  const palette = colors.map((color) => `#${color}`);
  const rows = inflateSync(part("IDAT"));
  equal(rows.length, (width + 1) * height);
  for (let y = 0; y < height; y++) equal(rows[y * (width + 1)], 0);
  return {
    width,
    height,
    palette,
    at: (x, y) => palette[rows[y * (width + 1) + 1 + x] ?? -1] ?? "none",
  };
}

function chart(values: readonly (number | null)[], threshold?: number): NotificationChart {
  return {
    title: "cpu",
    url: "http://pharos.test",
    ...(threshold === undefined ? {} : { threshold }),
    series: [
      { name: "a", points: values.map((value, i) => [START_MS + i * 60_000, value] as const) },
    ],
  };
}

function draw(values: readonly (number | null)[], threshold?: number): Decoded {
  const png = chartPng(chart(values, threshold));
  ok(png !== undefined);
  return decode(png);
}

const SERIES = "#1a5fb4";
const THRESHOLD = "#c01c28";

/** From the top, where the line stands at this column. */
function lineAt(picture: Decoded, x: number): number {
  for (let y = 0; y < picture.height; y++) if (picture.at(x, y) === SERIES) return y;
  return -1;
}

test("a rising line rises, within the picture", () => {
  const picture = draw([0, 1, 2, 3, 4]);
  equal(picture.width, CHART_WIDTH);
  equal(picture.height, CHART_HEIGHT);
  const heights = [150, 400, 650, 900, 1150].map((x) => lineAt(picture, x));
  ok(heights.every((y) => y > 0));
  deepEqual(
    heights,
    [...heights].sort((a, b) => b - a),
  );
});

test("the threshold is drawn at its value", () => {
  const picture = draw([0, 0, 0], 10);
  let seen = -1;
  for (let y = 0; y < picture.height; y++) if (picture.at(108, y) === THRESHOLD) seen = y;
  ok(seen > 0 && seen < lineAt(picture, 600), `${seen}`);
});

test("where there is no value there is no line", () => {
  const picture = draw([1, 1, null, null, null, 1, 1]);
  ok(lineAt(picture, 120) > 0);
  equal(lineAt(picture, 640), -1);
  ok(lineAt(picture, 1170) > 0);
});

test("nothing to draw is no picture", () => {
  equal(chartPng(chart([])), undefined);
  equal(chartPng(chart([null, Number.NaN, Number.POSITIVE_INFINITY])), undefined);
});

test("the times below are on the clocks of the zone", () => {
  const utc = chartPng(chart([1, 2, 3, 2, 1, 2, 3, 4, 5, 6, 7]));
  const india = chartPng(chart([1, 2, 3, 2, 1, 2, 3, 4, 5, 6, 7]), "Asia/Kolkata");
  ok(utc !== undefined && india !== undefined);
  ok(!Buffer.from(utc).equals(india));
});

test("whatever the values, the picture can be read", () => {
  const value = fc.oneof(
    fc.double(),
    fc.constant(null),
    fc.integer(),
    fc.constantFrom(0, 1e308, -1e308, 5e-324),
  );
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 8 }),
      fc.option(fc.double(), { nil: undefined }),
      (values, threshold) => {
        const png = chartPng(chart(values, threshold));
        if (png !== undefined) decode(png);
      },
    ),
    { numRuns: 25 },
  );
});
