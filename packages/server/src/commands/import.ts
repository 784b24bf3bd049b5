import { createReadStream, existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { crc32 } from "node:zlib";
import { nodeDisk, systemClock } from "@pharos/adapters/node";
import { lookAtPrometheus, PrometheusBlock } from "@pharos/adapters/prometheus";
import {
  exportWindows,
  VictoriaMetricsExport,
  victoriaMetricsClient,
} from "@pharos/adapters/victoria-metrics";
import { OperatingError } from "@pharos/base";
import { type TextBytes, TextSamples } from "@pharos/collect";
import type { Import, ImportUnit } from "@pharos/tsdb";
import { type ImportPlan, type PlannedUnit, runImport } from "../import-run.ts";

/** What a file is read in. */
const READ_SIZE = 1024 * 1024;
const DAY_MS = 86_400_000;

interface DataOption {
  readonly data: string;
}

/** `pharos import prometheus FOLDER`: all blocks of a data folder of Prometheus's, and what was in memory. */
export async function importPrometheus(folder: string, { data }: DataOption): Promise<void> {
  if (!existsSync(folder)) throw new OperatingError("not_found", `${folder} does not exist`);
  const path = resolve(folder);
  await runImport({
    dataFolder: data,
    kind: "prometheus",
    source: path,
    plan: async (import_) => planPrometheus(path, import_),
  });
}

function planPrometheus(folder: string, import_: Import): ImportPlan {
  const disk = nodeDisk(folder);
  const { blocks, head } = lookAtPrometheus(disk);
  // One that was made of blocks that are here already brings nothing new.
  const known = new Set(
    import_.units
      .entries()
      .flatMap(([name, { finished, sources }]) => (finished ? [name, ...sources] : [])),
  );
  const metas = new Map(blocks.map(({ meta }) => [meta.ulid, meta]));
  const isKnown = (ulid: string, sources: readonly string[]): boolean =>
    known.has(ulid) || (sources.length > 0 && sources.every((source) => known.has(source)));
  const fresh = blocks.filter(
    ({ meta }) => !isKnown(meta.ulid, meta.sources) || isWaiting(import_, meta.ulid),
  );
  const units: PlannedUnit[] = fresh.map(({ directory, meta }) => ({
    name: meta.ulid,
    title: `block ${meta.ulid}, ${rangeText(meta.minMs, meta.endMs)}`,
    part: (samples) => (meta.samples === 0 ? undefined : samples / meta.samples),
    async run(into, onSamples) {
      const block = PrometheusBlock.open(disk, directory, meta);
      try {
        await into.addOrdered(meta.ulid, block, meta.sources, onSamples);
      } finally {
        block.close();
      }
    },
  }));
  const headName = `head-${crc32(head.fingerprint).toString(16).padStart(8, "0")}`;
  if (!head.isEmpty && (!known.has(headName) || isWaiting(import_, headName)))
    units.push({
      name: headName,
      title: "samples in memory and in the log",
      part: () => undefined,
      run: (into, onSamples) => into.addUnordered(headName, head, onSamples),
    });
  const remarks = (done: ReadonlyMap<string, ImportUnit>): string[] =>
    units.flatMap(({ name }) => {
      const meta = metas.get(name);
      const unit = done.get(name);
      if (meta === undefined || unit === undefined) return [];
      const skipped = Object.values(unit.skipped).reduce((sum, samples) => sum + samples, 0);
      const found = unit.read + skipped;
      return found === meta.samples
        ? []
        : [
            `block ${name}: ${found} samples found; its meta.json says ${meta.samples}, those deleted since included`,
          ];
    });
  return { units, remarks };
}

/** Whether a unit is finished and not the store's yet: it is told of again. */
function isWaiting(import_: Import, name: string): boolean {
  const unit = import_.units.get(name);
  return unit?.finished === true && !unit.published;
}

/** `pharos import openmetrics FILE`: a text with timestamps; `-` is standard input. */
export async function importOpenMetrics(
  file: string,
  { data, format }: DataOption & { readonly format: "openmetrics" | "prometheus" },
): Promise<void> {
  const isInput = file === "-";
  if (!isInput && !existsSync(file))
    throw new OperatingError("not_found", `${file} does not exist`);
  const path = isInput ? "standard input" : resolve(file);
  // A file that changed is another one.
  const { size, mtimeMs } = isInput ? { size: 0, mtimeMs: 0 } : statSync(path);
  const text = new TextSamples(
    isInput ? standardInput() : fileBytes(path),
    format === "prometheus" ? "text" : "openmetrics",
  );
  await runImport({
    dataFolder: data,
    kind: "openmetrics",
    source: path,
    async plan(import_) {
      const name = isInput ? inputName(import_) : `file-${size}-${Math.round(mtimeMs)}`;
      const unit: PlannedUnit = {
        name,
        title: path,
        part: () => (size === 0 ? undefined : text.offset / size),
        run: (into, onSamples) => into.addUnordered(name, text, onSamples),
      };
      const isDone = import_.units.get(name)?.published === true;
      return { units: isDone ? [] : [unit], remarks: () => [] };
    },
  });
}

/** Every text from standard input is another one, but for one that was interrupted. */
function inputName(import_: Import): string {
  const interrupted = import_.units.entries().find(([, { published }]) => !published);
  return interrupted?.[0] ?? `input-${import_.units.size + 1}`;
}

function fileBytes(path: string): TextBytes {
  return {
    isSeekable: true,
    open: (start, signal) => createReadStream(path, { start, signal, highWaterMark: READ_SIZE }),
  };
}

function standardInput(): TextBytes {
  return {
    isSeekable: false,
    open: () => process.stdin,
  };
}

/** `pharos import victoria-metrics URL`: what its export gives, day by day. */
export async function importVictoriaMetrics(
  url: string,
  options: DataOption & {
    readonly match: readonly string[];
    readonly start?: string;
    readonly end?: string;
  },
): Promise<void> {
  const client = victoriaMetricsClient(url);
  const { data, match } = options;
  const minMs = options.start === undefined ? Number.NEGATIVE_INFINITY : parseTime(options.start);
  const maxMs = options.end === undefined ? undefined : parseTime(options.end);
  // Without what is secret in it.
  const shown = URL.parse(url);
  const source = `${shown?.origin}${shown?.pathname} ${match.join(" ")}`;
  await runImport({
    dataFolder: data,
    kind: "victoria-metrics",
    source,
    async plan(import_, signal) {
      // A day that was begun is gone on with, and ends where it did.
      const range = { minMs, maxMs: maxMs ?? interruptedEnd(import_) ?? systemClock.nowMs() };
      const windows = await exportWindows(client, match, range, signal);
      const units = windows
        .map((window) => ({ window, name: `${window.minMs}-${window.maxMs}` }))
        .filter(({ name }) => import_.units.get(name)?.published !== true)
        .map(
          ({ window, name }): PlannedUnit => ({
            name,
            title: rangeText(window.minMs, window.maxMs + 1),
            part: () => undefined,
            run: (into, onSamples) =>
              into.addUnordered(name, new VictoriaMetricsExport(client, match, window), onSamples),
          }),
        );
      return { units, remarks: () => [] };
    },
  });
}

/** Where an import that was interrupted on its last day ends; undefined if it did not come so far. */
function interruptedEnd(import_: Import): number | undefined {
  return import_.units
    .entries()
    .filter(([, { published }]) => !published)
    .map(([name]) => Number(name.split("-")[1]))
    .find((endMs) => (endMs + 1) % DAY_MS !== 0);
}

/** Seconds since 1970 or a date, as RFC 3339 has it. @throws OperatingError `input.invalid`. */
function parseTime(text: string): number {
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isFinite(ms))
    throw new OperatingError(
      "input.invalid",
      `${text} is no time: seconds since 1970, or a date such as 2026-01-31T12:00:00Z`,
    );
  return Math.round(ms);
}

function rangeText(minMs: number, endMs: number): string {
  const text = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace("T", " ");
  return `${text(minMs)} to ${text(endMs)}`;
}
