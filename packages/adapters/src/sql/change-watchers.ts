interface Watcher {
  readonly collection: string;
  readonly onChange: () => void;
}

/** Who wants to know of changes, by collection. */
export class ChangeWatchers {
  readonly #watchers = new Set<Watcher>();
  readonly #onBug: (error: unknown) => void;

  /** `onBug` hears what a watcher throws; without it nobody catches it, which ends the process. */
  constructor(onBug: (error: unknown) => void = throwLater) {
    this.#onBug = onBug;
  }

  add(collection: string, onChange: () => void): Disposable {
    const watcher = { collection, onChange };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  changed(collections: ReadonlySet<string>): void {
    for (const watcher of [...this.#watchers])
      if (collections.has(watcher.collection)) this.#tell(watcher);
  }

  /** After a time in which changes may have gone unheard. */
  allMayHaveChanged(): void {
    for (const watcher of [...this.#watchers]) this.#tell(watcher);
  }

  /** A watcher with a bug keeps neither the others from hearing of it nor those who wait for the database. */
  #tell({ onChange }: Watcher): void {
    try {
      onChange();
    } catch (error) {
      this.#onBug(error);
    }
  }
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
