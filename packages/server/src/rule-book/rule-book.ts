import type { RuleGroup } from "@pharos/alert";
import { type Clock, OperatingError, quote } from "@pharos/base";
import { ChangeFollower } from "@pharos/notify";
import type {
  DocumentReader,
  DocumentStore,
  DocumentTransaction,
  StoredDocument,
} from "@pharos/ports";
import type { RuleDefaults } from "../config/rule-file.ts";
import {
  checkVersion,
  RULE_VERSIONS_COLLECTION,
  RULE_VERSIONS_MAX,
  RULES_COLLECTION,
  RuleDraft,
  type RuleEdit,
  ruleTag,
  versionId,
} from "./rule-draft.ts";
import { RuleShelf } from "./rule-shelf.ts";
import {
  apiFile,
  type RuleContent,
  type RuleVersion,
  ruleFromJson,
  type StoredRule,
  versionFromJson,
} from "./stored-rule.ts";

/** Documents that are read at once. */
const PAGE_SIZE = 1000;
/** For so long what rules were before a change is of interest, of so many changes. */
const PAST_MS = 24 * 60 * 60_000;
const PAST_CHANGES_MAX = 1000;

export interface CreateOptions {
  /** True unless given; of a group that is replaced, what it was. */
  readonly enabled?: boolean | undefined;
  /** Whether groups take the place of those of their names. */
  readonly replace?: boolean;
}

export interface RuleBookOptions {
  readonly clock: Clock;
  readonly store: DocumentStore;
  /** Told after each change, by whatever server; not awaited by changes. */
  readonly onChange: () => void;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/**
 * The rules that came by the API. A change is kept when its promise resolves. All rules are in memory, and follow what
 * other servers on the same store change: every change is a version with a number of its own, so that only what is new
 * is read.
 */
export class RuleBook implements AsyncDisposable {
  readonly #options: RuleBookOptions;
  readonly #shelf = new RuleShelf();
  readonly #follower: ChangeFollower;
  /** The change that was read last. */
  #sequence = 0;
  readonly #changeCounts = new Map<RuleVersion["action"], number>();
  /** Groups as they are evaluated; the same object as long as nothing about it changes. */
  readonly #groups = new Map<StoredRule, { defaults: string; group: RuleGroup }>();

  private constructor(options: RuleBookOptions) {
    this.#options = options;
    const { store, clock, onChange, onProblem } = options;
    this.#follower = new ChangeFollower({
      ...{ store, clock, collection: RULES_COLLECTION },
      read: async () => {
        if (await store.read((tx) => this.#readChanges(tx))) onChange();
      },
      onProblem: (error) => onProblem(error, "reading changed rules"),
    });
  }

  /** @throws OperatingError of the store, `disk.corrupt`. */
  static async open(options: RuleBookOptions): Promise<RuleBook> {
    await using closers = new AsyncDisposableStack();
    const book = closers.use(new RuleBook(options));
    await options.store.read((tx) => book.#readAll(tx));
    closers.move();
    return book;
  }

  /** All, in the order of namespaces and names. */
  list(): readonly StoredRule[] {
    return this.#shelf.list();
  }

  get(id: string): StoredRule | undefined {
    return this.#shelf.get(id);
  }

  named(namespace: string, name: string): StoredRule | undefined {
    return this.#shelf.named(namespace, name);
  }

  get ruleCount(): number {
    return this.#shelf.ruleCount;
  }

  /** What was done to groups at this server since the start, and how often. */
  get changeCounts(): ReadonlyMap<RuleVersion["action"], number> {
    return this.#changeCounts;
  }

  /** Those that are enabled, as they are evaluated. */
  groups(defaults: RuleDefaults): readonly RuleGroup[] {
    const key = JSON.stringify(defaults);
    const groups: RuleGroup[] = [];
    const rules = this.list();
    for (const rule of rules) {
      if (!rule.enabled) continue;
      const known = this.#groups.get(rule);
      if (known?.defaults === key) groups.push(known.group);
      else {
        const group = groupOf(rule.namespace, rule.content, defaults);
        this.#groups.set(rule, { defaults: key, group });
        groups.push(group);
      }
    }
    if (this.#groups.size > 2 * rules.length) this.#forgetOld(rules);
    return groups;
  }

  #forgetOld(rules: readonly StoredRule[]): void {
    const present = new Set(rules);
    for (const rule of this.#groups.keys()) if (!present.has(rule)) this.#groups.delete(rule);
  }

  /**
   * Adds groups, all or none.
   *
   * @throws OperatingError `conflict` where a name is taken, `input.invalid`, `input.too_large`; those of the store.
   */
  create(
    namespace: string,
    contents: readonly RuleContent[],
    edit: RuleEdit,
    { enabled, replace = false }: CreateOptions = {},
  ): Promise<readonly StoredRule[]> {
    return this.#change((draft) =>
      contents.map((content) => {
        const taken = this.#shelf.named(namespace, content.name);
        if (taken !== undefined && replace)
          return draft.edit(taken, "updated", edit, { content, enabled: enabled ?? taken.enabled });
        if (taken !== undefined)
          throw new OperatingError(
            "conflict",
            `there is a rule ${quote(content.name)} already, with the id ${taken.id}; change that one`,
          );
        return draft.add(namespace, content, edit, enabled ?? true);
      }),
    );
  }

  /** What the rules were that were changed or deleted within the last day: their alerts may not be over for everybody. */
  past(): Promise<readonly RuleContent[]> {
    const { store, clock } = this.#options;
    return store.read(async (tx) => {
      const page = { order: "desc", limit: PAST_CHANGES_MAX } as const;
      const past: RuleContent[] = [];
      for (const { body } of await tx.list(RULE_VERSIONS_COLLECTION, page)) {
        const { action, rule } = versionFromJson(body);
        if (rule.updatedAtMs < clock.nowMs() - PAST_MS) break;
        if (action === "deleted") past.push(rule.content);
        const before = await tx.get(RULE_VERSIONS_COLLECTION, versionId(rule.id, rule.version - 1));
        if (before !== undefined) past.push(versionFromJson(before.body).rule.content);
      }
      return past;
    });
  }

  /** @throws OperatingError `not_found`, `conflict` where it has another version or the name is taken; as `create`. */
  update(id: string, content: RuleContent, edit: RuleEdit, enabled?: boolean): Promise<StoredRule> {
    return this.#change((draft) => {
      const old = this.#shelf.require(id);
      return draft.edit(old, "updated", edit, { content, enabled: enabled ?? old.enabled });
    });
  }

  /** Nothing changes where it is so already. Errors as `update`. */
  setEnabled(id: string, enabled: boolean, edit: RuleEdit): Promise<StoredRule> {
    return this.#change((draft) => {
      const old = this.#shelf.require(id);
      checkVersion(old, edit);
      if (old.enabled === enabled) return old;
      return draft.edit(old, enabled ? "enabled" : "disabled", edit, { enabled });
    });
  }

  /** @throws OperatingError `not_found`, `conflict`. */
  remove(id: string, edit: RuleEdit): Promise<void> {
    return this.#change((draft) => draft.remove(this.#shelf.require(id), edit));
  }

  /** Removes all groups of a namespace; gives how many there were. */
  removeNamespace(namespace: string, edit: RuleEdit): Promise<number> {
    return this.#change((draft) => {
      const there = this.list().filter((rule) => rule.namespace === namespace);
      for (const rule of there) draft.remove(rule, edit);
      return there.length;
    });
  }

  /** The newest first; those of a deleted rule are there as well. Empty where there never was such a rule. */
  versions(id: string): Promise<readonly RuleVersion[]> {
    return this.#options.store.read(async (tx) => {
      const tags = [ruleTag(id)];
      const found = await tx.list(RULE_VERSIONS_COLLECTION, {
        ...{ tags, order: "desc" },
        limit: RULE_VERSIONS_MAX,
      });
      return found.map(({ body }) => versionFromJson(body));
    });
  }

  /**
   * Makes a rule what it was in an older version, also one that was deleted; that is a new version.
   *
   * @throws OperatingError `not_found`, `conflict`; as `create`.
   */
  rollback(id: string, toVersion: number, edit: RuleEdit): Promise<StoredRule> {
    return this.#change(async (draft, tx) => {
      const document = await tx.get(RULE_VERSIONS_COLLECTION, versionId(id, toVersion));
      if (document === undefined)
        throw new OperatingError("not_found", `there is no version ${toVersion} of rule ${id}`);
      const { rule } = versionFromJson(document.body);
      const present = this.#shelf.get(id);
      // A deleted rule goes on counting where it ended.
      const last = present ?? (await newestVersion(tx, id)) ?? rule;
      return draft.edit(last, "rolled back", edit, {
        content: rule.content,
        enabled: rule.enabled,
      });
    });
  }

  /** What `work` drafts is kept in one transaction, after everything that other servers have changed is known. */
  async #change<T>(
    work: (draft: RuleDraft, tx: DocumentTransaction) => T | Promise<T>,
  ): Promise<T> {
    const { store, clock, onChange } = this.#options;
    const draft = new RuleDraft(this.#shelf, clock.nowMs());
    let sequence = 0;
    const result = await store.transaction(async (tx) => {
      await this.#readChanges(tx);
      sequence = this.#sequence;
      draft.begin(sequence);
      const made = await work(draft, tx);
      await draft.write(tx);
      return made;
    });
    for (const { action } of draft.versions)
      this.#changeCounts.set(action, (this.#changeCounts.get(action) ?? 0) + 1);
    // Others may have been quicker to read on.
    if (this.#sequence === sequence) {
      for (const version of draft.versions) this.#take(version);
      this.#sequence = sequence + draft.versions.length;
    }
    if (draft.versions.length > 0) onChange();
    return result;
  }

  async #readAll(tx: DocumentReader): Promise<void> {
    const [newest] = await tx.list(RULE_VERSIONS_COLLECTION, { order: "desc", limit: 1 });
    this.#shelf.clear();
    let after: StoredDocument | undefined;
    for (;;) {
      const page: readonly StoredDocument[] = await tx.list(RULES_COLLECTION, {
        limit: PAGE_SIZE,
        ...(after === undefined ? {} : { after }),
      });
      for (const { id, body } of page) this.#shelf.put(ruleFromJson(id, body));
      after = page.at(-1);
      if (page.length < PAGE_SIZE) break;
    }
    this.#sequence = newest?.sortKey ?? 0;
  }

  /** Whether there were any. */
  async #readChanges(tx: DocumentReader): Promise<boolean> {
    const before = this.#sequence;
    for (;;) {
      const page = await tx.list(RULE_VERSIONS_COLLECTION, {
        sortKeyMin: this.#sequence + 1,
        limit: PAGE_SIZE,
      });
      for (const { body, sortKey } of page) {
        // A transaction of ours may have taken them while this page came.
        if (sortKey <= this.#sequence) continue;
        this.#take(versionFromJson(body));
        this.#sequence = sortKey;
      }
      if (page.length < PAGE_SIZE) return this.#sequence > before;
    }
  }

  #take({ action, rule }: RuleVersion): void {
    if (action === "deleted") this.#shelf.delete(rule.id);
    else this.#shelf.put(rule);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower[Symbol.asyncDispose]();
  }
}

/** A group as it is evaluated. */
export function groupOf(
  namespace: string,
  content: RuleContent,
  defaults: RuleDefaults,
): RuleGroup {
  const { name, limit, labels, rules, intervalMs, queryOffsetMs } = content;
  return {
    name,
    file: apiFile(namespace),
    intervalMs: intervalMs ?? defaults.evaluationIntervalMs,
    limit,
    queryOffsetMs: queryOffsetMs ?? defaults.ruleQueryOffsetMs,
    labels,
    rules,
  };
}

async function newestVersion(tx: DocumentReader, id: string): Promise<StoredRule | undefined> {
  const tags = [ruleTag(id)];
  const [newest] = await tx.list(RULE_VERSIONS_COLLECTION, { tags, order: "desc", limit: 1 });
  return newest === undefined ? undefined : versionFromJson(newest.body).rule;
}
