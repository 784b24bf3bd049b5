import { type Labels, matchesLabels } from "@pharos/base";
import { MatcherIndex } from "../matching/matcher-index.ts";
import { sameMatchers } from "../matching/same-matchers.ts";
import { singleWindow } from "./recurrence.ts";
import type { Silence } from "./silence.ts";

/** How long it may be believed that a silence has no further window; to look again costs little. */
const WINDOW_KNOWN_MS_MAX = 86_400_000;

interface Entry {
  silence: Silence;
  /** Whether the silence hides alerts from `fromMs` on until just before `untilMs`. */
  phase: { readonly isHiding: boolean; readonly fromMs: number; readonly untilMs: number };
}

const UNKNOWN: Entry["phase"] = { isHiding: false, fromMs: 0, untilMs: 0 };

/** What is known of one label set: the silences whose matchers hold, as of a version of the index. */
interface Known {
  readonly version: number;
  readonly entries: readonly Entry[];
}

/**
 * All silences, asked which of them hide an alert. For a label set that was asked about before (the same array), only
 * the times are looked at as long as no silence came or got other matchers.
 */
export class SilenceIndex {
  readonly #entries = new Map<string, Entry>();
  readonly #index = new MatcherIndex<Entry>();
  readonly #known = new WeakMap<Labels, Known>();
  #version = 0;

  constructor(silences: Iterable<Silence> = []) {
    for (const silence of silences) this.set(silence);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(id: string): Silence | undefined {
    return this.#entries.get(id)?.silence;
  }

  *values(): Generator<Silence> {
    for (const { silence } of this.#entries.values()) yield silence;
  }

  /** Takes in a silence; one with the same id is replaced. */
  set(silence: Silence): void {
    const entry = this.#entries.get(silence.id);
    if (entry !== undefined && sameMatchers(entry.silence.matchers, silence.matchers)) {
      entry.silence = silence;
      entry.phase = UNKNOWN;
      return;
    }
    this.delete(silence.id);
    const added = { silence, phase: UNKNOWN };
    this.#entries.set(silence.id, added);
    this.#index.set(added, silence.matchers);
    this.#version++;
  }

  delete(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#index.delete(entry);
    this.#version++;
  }

  /** The ids of the silences that hide an alert with these labels now, sorted; empty where none does. */
  silencedBy(labels: Labels, nowMs: number): readonly string[] {
    const entries = this.#matching(labels);
    if (entries.length === 0) return NOBODY;
    const ids: string[] = [];
    for (const entry of entries) if (isHiding(entry, nowMs)) ids.push(entry.silence.id);
    return ids.length === 0 ? NOBODY : ids.sort();
  }

  /** The silences whose matchers hold, whatever the time. */
  matching(labels: Labels): readonly Silence[] {
    return this.#matching(labels).map(({ silence }) => silence);
  }

  #matching(labels: Labels): readonly Entry[] {
    const known = this.#known.get(labels);
    if (known !== undefined && known.version === this.#version) return known.entries;
    const found = this.#index.matching(labels);
    const entries = found.length === 0 ? NONE : found;
    this.#known.set(labels, { version: this.#version, entries });
    return entries;
  }
}

const NOBODY: readonly string[] = [];
const NONE: readonly Entry[] = [];

function isHiding(entry: Entry, nowMs: number): boolean {
  const { silence, phase } = entry;
  if (silence.recurrence === undefined)
    return silence.startsAtMs <= nowMs && nowMs < silence.endsAtMs;
  if (phase.fromMs <= nowMs && nowMs < phase.untilMs) return phase.isHiding;
  const window = singleWindow(silence, nowMs);
  const isActive = window !== undefined && window.startsAtMs <= nowMs;
  const changesAtMs = isActive ? window.endsAtMs : (window?.startsAtMs ?? Number.POSITIVE_INFINITY);
  const untilMs = Math.min(changesAtMs, nowMs + WINDOW_KNOWN_MS_MAX);
  entry.phase = { isHiding: isActive, fromMs: nowMs, untilMs };
  return isActive;
}

/** Of some alerts, those that a silence hides while it is in force: for whoever is about to make it. */
export function previewSilence<A extends { readonly labels: Labels }>(
  silence: Pick<Silence, "matchers">,
  alerts: Iterable<A>,
): A[] {
  const hidden: A[] = [];
  for (const alert of alerts) if (matchesLabels(silence.matchers, alert.labels)) hidden.push(alert);
  return hidden;
}
