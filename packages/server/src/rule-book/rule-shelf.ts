import { OperatingError } from "@pharos/base";
import type { StoredRule } from "./stored-rule.ts";

/** The rules of the API as this process knows them, by id and by name. */
export class RuleShelf {
  readonly #byId = new Map<string, StoredRule>();
  readonly #byName = new Map<string, StoredRule>();
  #ruleCount = 0;
  /** As `list` gives them; undefined since the last change. */
  #sorted: readonly StoredRule[] | undefined;

  /** Rules in all groups, those that are not enabled too. */
  get ruleCount(): number {
    return this.#ruleCount;
  }

  get groupCount(): number {
    return this.#byId.size;
  }

  put(rule: StoredRule): void {
    this.delete(rule.id);
    this.#sorted = undefined;
    this.#byId.set(rule.id, rule);
    this.#byName.set(nameKey(rule.namespace, rule.content.name), rule);
    this.#ruleCount += rule.content.rules.length;
  }

  delete(id: string): void {
    const old = this.#byId.get(id);
    if (old === undefined) return;
    this.#sorted = undefined;
    this.#byId.delete(id);
    const key = nameKey(old.namespace, old.content.name);
    if (this.#byName.get(key)?.id === id) this.#byName.delete(key);
    this.#ruleCount -= old.content.rules.length;
  }

  clear(): void {
    this.#sorted = undefined;
    this.#byId.clear();
    this.#byName.clear();
    this.#ruleCount = 0;
  }

  get(id: string): StoredRule | undefined {
    return this.#byId.get(id);
  }

  named(namespace: string, name: string): StoredRule | undefined {
    return this.#byName.get(nameKey(namespace, name));
  }

  /** In the order of namespaces and names, so that evaluation and answers do not depend on when rules came. */
  list(): readonly StoredRule[] {
    this.#sorted ??= [...this.#byId.values()].sort(
      (a, b) => compare(a.namespace, b.namespace) || compare(a.content.name, b.content.name),
    );
    return this.#sorted;
  }

  /** @throws OperatingError `not_found`. */
  require(id: string): StoredRule {
    const rule = this.#byId.get(id);
    if (rule === undefined)
      throw new OperatingError("not_found", `there is no rule ${id.slice(0, 100)}`);
    return rule;
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function nameKey(namespace: string, name: string): string {
  return JSON.stringify([namespace, name]);
}
