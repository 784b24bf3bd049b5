import {
  fingerprint,
  type GroupAlert,
  type HeardAlert,
  isResolved,
  mergeAlerts,
  rememberFingerprint,
} from "@pharos/alert";
import { equalLabels, type Labels, labelValue } from "@pharos/base";
import { type AlertOrigin, alertWrite, type StoredAlert } from "./stored-alert.ts";
import type { Write } from "./write.ts";

/** More alerts than this are refused and counted; those that are known get through, to end too. */
export const ALERTS_MAX = 100_000;
/** How long alerts that are over are remembered, as Alertmanager does between two collections. */
export const RESOLVED_KEPT_MS = 30 * 60_000;

/** An alert that somebody told of, and where it stands. */
export interface KnownAlert extends HeardAlert {
  readonly fingerprint: string;
  readonly alert: GroupAlert;
  readonly timedOut: boolean;
  readonly origin: AlertOrigin;
  /** When it was heard of last. */
  readonly updatedAtMs: number;
}

/** What came of hearing alerts. */
export interface Hearing {
  /** What is not as it was, or was said again to be over. */
  readonly changed: readonly KnownAlert[];
  /** New ones that did not fit in. */
  readonly refused: number;
  /** The `alertname` of the last one for which there were too many of its name; undefined where it was for all of them. */
  readonly refusedName: string | undefined;
  /** What a restart must know. */
  readonly writes: readonly Write[];
}

export interface AlertIntakeOptions {
  /** Names this process among those that share the store. */
  readonly server: string;
  /** New alerts of one `alertname` beyond this are refused; 0 for no limit. */
  readonly perAlertnameMax: number;
  /** Whether other servers must know for how long a posted alert goes on. */
  readonly shared: boolean;
}

interface Entry {
  known: KnownAlert;
  /** As it was kept last; undefined for never kept. */
  kept: Kept | undefined;
}

interface Kept {
  readonly resolved: boolean;
  readonly startsAtMs: number;
  readonly endsAtMs: number | null;
}

/** Every alert that is known, by its labels: from our rules, and from whoever posts some. */
export class AlertIntake {
  readonly #options: AlertIntakeOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #countByName = new Map<string, number>();

  constructor(options: AlertIntakeOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(id: string): KnownAlert | undefined {
    return this.#entries.get(id)?.known;
  }

  *all(): Generator<KnownAlert> {
    for (const { known } of this.#entries.values()) yield known;
  }

  /** Takes up what a process before has kept. What fired is given until `untilMs` to be heard of again. */
  restore(stored: StoredAlert, untilMs: number, nowMs: number): KnownAlert {
    const { fingerprint: id, alert, origin, updatedAtMs } = stored;
    const resolved = isResolved(alert, updatedAtMs);
    const endsAtMs = resolved ? alert.endsAtMs : Math.max(alert.endsAtMs ?? 0, untilMs);
    const known: KnownAlert = {
      fingerprint: id,
      alert: { ...alert, endsAtMs },
      timedOut: resolved ? stored.timedOut : true,
      origin,
      updatedAtMs,
    };
    const { startsAtMs } = alert;
    this.#set(id, known, { resolved: isResolved(known.alert, nowMs), startsAtMs, endsAtMs });
    return known;
  }

  /** Hears of a posted alert from another server; undefined where that is no news. */
  adopt(stored: StoredAlert, nowMs: number): KnownAlert | undefined {
    const { fingerprint: id, alert, timedOut, origin, updatedAtMs } = stored;
    const entry = this.#entries.get(id);
    if (entry === undefined && !this.#hasRoomFor(alert.labels)) return undefined;
    if (entry !== undefined && entry.known.updatedAtMs >= updatedAtMs) return undefined;
    const heard: HeardAlert = { alert, timedOut };
    const merged = entry === undefined ? heard : mergeAlerts(entry.known, heard, nowMs);
    const known: KnownAlert = { ...merged, fingerprint: id, origin, updatedAtMs };
    const { startsAtMs, endsAtMs } = alert;
    this.#set(id, known, { resolved: isResolved(alert, nowMs), startsAtMs, endsAtMs });
    return known;
  }

  hear(alerts: readonly HeardAlert[], origin: AlertOrigin, nowMs: number): Hearing {
    const changed: KnownAlert[] = [];
    const writes = new Map<string, Write>();
    let refused = 0;
    let refusedName: string | undefined;
    for (const heard of alerts) {
      const id = fingerprint(heard.alert.labels);
      const entry = this.#entries.get(id);
      if (entry === undefined && !this.#hasRoomFor(heard.alert.labels)) {
        refused++;
        if (this.#entries.size < ALERTS_MAX)
          refusedName = labelValue(heard.alert.labels, "alertname");
        continue;
      }
      const merged = entry === undefined ? heard : mergeAlerts(entry.known, heard, nowMs);
      // Always the same array: silences remember what they found for it.
      const labels = entry?.known.alert.labels ?? merged.alert.labels;
      const alert = { ...merged.alert, labels };
      const known: KnownAlert = { ...merged, alert, fingerprint: id, origin, updatedAtMs: nowMs };
      // What our rules say again of what is over is no news; what is posted again is, to Alertmanager.
      const isNews =
        entry === undefined || origin === "posted" || !saysTheSame(entry.known.alert, known.alert);
      this.#set(id, known, entry?.kept);
      if (isNews) changed.push(known);
      const write = this.#writeOf(id, nowMs);
      if (write !== undefined) writes.set(id, write);
    }
    return { changed, refused, refusedName, writes: [...writes.values()] };
  }

  /** The documents of alerts whose end came without a word; what is decided on it must not be forgotten. */
  writesOfEnded(ids: Iterable<string>, nowMs: number): Write[] {
    const writes: Write[] = [];
    for (const id of ids) {
      const write = this.#entries.has(id) ? this.#writeOf(id, nowMs) : undefined;
      if (write !== undefined) writes.push(write);
    }
    return writes;
  }

  /**
   * Forgets what is over for long and needed no more; gives those.
   *
   * @param agoMs how long ago a time was, negative for one that lies ahead.
   */
  collect(
    agoMs: (timestampMs: number) => number,
    isNeeded: (known: KnownAlert) => boolean,
  ): KnownAlert[] {
    const gone: KnownAlert[] = [];
    for (const [id, { known }] of this.#entries) {
      const { endsAtMs } = known.alert;
      if (endsAtMs === null || agoMs(endsAtMs) < RESOLVED_KEPT_MS || isNeeded(known)) continue;
      this.#entries.delete(id);
      const name = labelValue(known.alert.labels, "alertname");
      const count = (this.#countByName.get(name) ?? 1) - 1;
      if (count === 0) this.#countByName.delete(name);
      else this.#countByName.set(name, count);
      gone.push(known);
    }
    return gone;
  }

  #hasRoomFor(labels: Labels): boolean {
    if (this.#entries.size >= ALERTS_MAX) return false;
    const { perAlertnameMax } = this.#options;
    const count = this.#countByName.get(labelValue(labels, "alertname")) ?? 0;
    return perAlertnameMax === 0 || count < perAlertnameMax;
  }

  #set(id: string, known: KnownAlert, kept: Entry["kept"]): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) {
      entry.known = known;
      entry.kept = kept;
      return;
    }
    this.#entries.set(id, { known, kept });
    rememberFingerprint(known.alert.labels, id);
    const name = labelValue(known.alert.labels, "alertname");
    this.#countByName.set(name, (this.#countByName.get(name) ?? 0) + 1);
  }

  /** Repeated alerts are not written: only that one began, began anew, or ended. */
  #writeOf(id: string, nowMs: number): Write | undefined {
    const entry = this.#entries.get(id) as Entry;
    const { alert, origin, timedOut } = entry.known;
    const resolved = isResolved(alert, nowMs);
    const { startsAtMs, endsAtMs } = alert;
    const { kept } = entry;
    if (kept?.resolved === resolved && kept.startsAtMs === startsAtMs)
      if (resolved || !this.#isRunningOut(kept, alert, nowMs)) return undefined;
    entry.kept = { resolved, startsAtMs, endsAtMs };
    const { server } = this.#options;
    return alertWrite({ fingerprint: id, alert, origin, timedOut, updatedAtMs: nowMs, server });
  }

  /** Whether others, who know only what is kept, would soon take the alert to be over. */
  #isRunningOut(kept: Kept, { endsAtMs }: GroupAlert, nowMs: number): boolean {
    if (!this.#options.shared || kept.endsAtMs === null) return false;
    return endsAtMs === null || (kept.endsAtMs - nowMs) * 2 < endsAtMs - nowMs;
  }
}

function saysTheSame(a: GroupAlert, b: GroupAlert): boolean {
  return (
    a.startsAtMs === b.startsAtMs &&
    a.endsAtMs === b.endsAtMs &&
    a.generatorUrl === b.generatorUrl &&
    equalLabels(a.annotations, b.annotations)
  );
}
