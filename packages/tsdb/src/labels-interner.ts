import type { Label, Labels } from "@pharos/base";

/** Label sets that are kept: readers ask for the same series again and again. */
const SETS_MAX = 200_000;

/** A label, and its number among all that there are. */
interface Known {
  readonly label: Label;
  readonly number: number;
}

/**
 * Makes equal label sets the same object, so that comparing them is comparing two references, and their labels as well:
 * the hundred thousand series of a metric have a few thousand labels, and a label set that shares them takes an eighth
 * of the memory.
 */
export class LabelsInterner {
  /** By name, then value. */
  readonly #labels = new Map<string, Map<string, Known>>();
  #labelCount = 0;
  /** By hash; where several have the same, the others are at the numbers that follow. */
  readonly #sets = new Map<number, Labels>();

  /** Where as many are kept as may be, all are forgotten, and equal ones from then on are another object. */
  same(labels: Labels): Labels {
    if (this.#sets.size >= SETS_MAX) this.#forget();
    let hash = 0;
    // Mapped, and not pushed: an array that grows has room for more than it will ever hold.
    const shared = labels.map((given) => {
      const { label, number } = this.#known(given);
      hash = (Math.imul(hash, 31) + Math.imul(number, 0x9e37_79b1)) | 0;
      return label;
    });
    for (;;) {
      const there = this.#sets.get(hash);
      if (there === undefined) break;
      if (isSame(there, shared)) return there;
      hash = (hash + 1) | 0;
    }
    this.#sets.set(hash, shared);
    return shared;
  }

  #known(label: Label): Known {
    const [name, value] = label;
    let ofName = this.#labels.get(name);
    if (ofName === undefined) {
      ofName = new Map();
      this.#labels.set(name, ofName);
    }
    let known = ofName.get(value);
    if (known === undefined) {
      known = { label, number: this.#labelCount++ };
      ofName.set(value, known);
    }
    return known;
  }

  #forget(): void {
    this.#sets.clear();
    this.#labels.clear();
    this.#labelCount = 0;
  }
}

/** Whether they have the same objects. */
function isSame(a: Labels, b: Labels): boolean {
  return a.length === b.length && a.every((label, at) => label === b[at]);
}
