import type { FamilyMetadata } from "@pharos/kernels";
import type { MetricMetadata } from "@pharos/ports";

/** Families remembered of one target; a target with more keeps the first. */
const FAMILIES_MAX = 10_000;
/** UTF-16 units of a help text that are kept. */
const HELP_LENGTH_MAX = 1024;

/** What a target says about its metric families. */
export class TargetMetadata {
  #families: ReadonlyMap<string, FamilyMetadata> = new Map();

  /** Replaces what was known by what a scrape has said. */
  replace(families: readonly FamilyMetadata[]): void {
    const next = new Map<string, FamilyMetadata>();
    for (const family of families) {
      if (next.size === FAMILIES_MAX) break;
      next.set(family.family, { ...family, help: family.help.slice(0, HELP_LENGTH_MAX) });
    }
    this.#families = next;
  }

  get(family: string): FamilyMetadata | undefined {
    return this.#families.get(family);
  }

  get families(): Iterable<FamilyMetadata> {
    return this.#families.values();
  }
}

/** As the store keeps it. */
export function metadataOf(families: readonly FamilyMetadata[]): MetricMetadata[] {
  return families.map(({ family, type, help, unit }) => ({ metric: family, type, help, unit }));
}
