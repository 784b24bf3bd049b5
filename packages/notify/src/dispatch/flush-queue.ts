/** What can be due: when is read anew each time it comes up. */
export interface Due {
  readonly nextFlushMs: number;
}

interface Place<T> {
  readonly atMs: number;
  /** Of those due at the same time, the one added first comes first. */
  readonly order: number;
  readonly item: T;
}

/** How much work an item is, and how much is enough at a time. */
export interface Load<T> {
  readonly weightOf: (item: T) => number;
  readonly weightMax: number;
}

/**
 * Whatever is due next. An item whose time changes is added again; the places that it had before are skipped, since
 * they no longer say its time.
 */
export class FlushQueue<T extends Due> {
  /** A binary heap by time. */
  #places: Place<T>[] = [];
  readonly #items = new Set<T>();
  #added = 0;

  /** Puts an item in, or anew after its time has changed. */
  add(item: T): void {
    this.#items.add(item);
    this.#places.push({ atMs: item.nextFlushMs, order: this.#added++, item });
    this.#rise(this.#places.length - 1);
    // Mostly places of before: an item has one that counts.
    if (this.#places.length > 64 + 4 * this.#items.size) this.rebuild();
  }

  delete(item: T): void {
    this.#items.delete(item);
  }

  /** After times have changed of which nobody told. */
  rebuild(): void {
    this.#places = [...this.#items].map((item) => ({
      atMs: item.nextFlushMs,
      order: this.#added++,
      item,
    }));
    this.#places.sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  /** When the next item is due. */
  nextMs(): number | undefined {
    this.#dropOld();
    return this.#places[0]?.atMs;
  }

  /**
   * Takes out up to `countMax` items that are due, the longest due first; each is to be added again or deleted. No more
   * are taken once those that are weigh `weightMax`.
   */
  takeDue(
    nowMs: number,
    countMax: number,
    { weightOf, weightMax }: Load<T> = { weightOf: () => 0, weightMax: 1 },
  ): T[] {
    const due: T[] = [];
    let weight = 0;
    while (due.length < countMax && weight < weightMax) {
      this.#dropOld();
      const [first] = this.#places;
      if (first === undefined || first.atMs > nowMs) break;
      this.#pop();
      this.#items.delete(first.item);
      due.push(first.item);
      weight += weightOf(first.item);
    }
    return due;
  }

  #dropOld(): void {
    for (;;) {
      const [first] = this.#places;
      if (first === undefined) return;
      if (this.#items.has(first.item) && first.item.nextFlushMs === first.atMs) return;
      this.#pop();
    }
  }

  #pop(): void {
    const last = this.#places.pop();
    if (last === undefined || this.#places.length === 0) return;
    this.#places[0] = last;
    this.#sink();
  }

  #rise(at: number): void {
    const places = this.#places;
    for (let i = at; i > 0; ) {
      const parent = (i - 1) >> 1;
      const [a, b] = [places[parent], places[i]] as [Place<T>, Place<T>];
      if (isBefore(a, b)) return;
      places[parent] = b;
      places[i] = a;
      i = parent;
    }
  }

  #sink(): void {
    const places = this.#places;
    for (let i = 0; ; ) {
      let first = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        const place = places[child];
        if (place !== undefined && isBefore(place, places[first] as Place<T>)) first = child;
      }
      if (first === i) return;
      [places[i], places[first]] = [places[first] as Place<T>, places[i] as Place<T>];
      i = first;
    }
  }
}

function isBefore(a: Place<unknown>, b: Place<unknown>): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
