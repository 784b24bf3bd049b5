import type { MetricMetadata } from "@pharos/ports";

/** Metric families that are remembered; those that were described longest ago make room for others. */
const FAMILIES_MAX = 100_000;
/** UTF-16 units of each text that are kept. */
const TEXT_LENGTH_MAX = 1024;

/** What was said last of each metric family. */
export class HeadMetadata {
  /** The one that was described last is the last. */
  readonly #families = new Map<string, MetricMetadata>();

  get count(): number {
    return this.#families.size;
  }

  get(metric: string): MetricMetadata | undefined {
    return this.#families.get(metric);
  }

  /** In the order in which they were described. */
  all(): IterableIterator<MetricMetadata> {
    return this.#families.values();
  }

  /** Those of a list that say something new, as they would be kept. Nothing changes yet. */
  newOf(list: readonly MetricMetadata[]): MetricMetadata[] {
    return list.map(shortened).filter((family) => {
      const known = this.#families.get(family.metric);
      return family.metric !== "" && (known === undefined || !isSame(known, family));
    });
  }

  set(list: readonly MetricMetadata[]): void {
    for (const family of list) {
      this.#families.delete(family.metric);
      this.#families.set(family.metric, family);
    }
    for (const metric of this.#families.keys()) {
      if (this.#families.size <= FAMILIES_MAX) break;
      this.#families.delete(metric);
    }
  }
}

function shortened({ metric, type, help, unit }: MetricMetadata): MetricMetadata {
  const short = (text: string): string => text.slice(0, TEXT_LENGTH_MAX);
  return { metric: short(metric), type: short(type), help: short(help), unit: short(unit) };
}

function isSame(a: MetricMetadata, b: MetricMetadata): boolean {
  return a.type === b.type && a.help === b.help && a.unit === b.unit;
}
