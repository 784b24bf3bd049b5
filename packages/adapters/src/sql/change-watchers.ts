/** Who wants to know of changes, by collection. */
export class ChangeWatchers {
  readonly #watchers = new Set<{ readonly collection: string; readonly onChange: () => void }>();

  add(collection: string, onChange: () => void): Disposable {
    const watcher = { collection, onChange };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  changed(collections: ReadonlySet<string>): void {
    for (const { collection, onChange } of [...this.#watchers])
      if (collections.has(collection)) onChange();
  }

  /** After a time in which changes may have gone unheard. */
  allMayHaveChanged(): void {
    for (const { onChange } of [...this.#watchers]) onChange();
  }
}
