import { hashLabels, type Rule } from "@pharos/alert";
import { OperatingError, quote } from "@pharos/base";
import type { DocumentTransaction } from "@pharos/ports";
import type { RuleShelf } from "./rule-shelf.ts";
import {
  type RuleAction,
  type RuleContent,
  type RuleVersion,
  ruleToJson,
  type StoredRule,
  versionToJson,
} from "./stored-rule.ts";

/** Collections on disk for ever. */
export const RULES_COLLECTION = "rules";
export const RULE_VERSIONS_COLLECTION = "rule_versions";

/** Rules of the API, all groups together. */
export const API_RULES_MAX = 100_000;
/** Rules of one group. */
export const GROUP_RULES_MAX = 10_000;
/** UTF-16 units of the expression, the labels and the annotations of one rule: each of its alerts has them. */
export const RULE_TEXT_LENGTH_MAX = 256 * 1024;
/** Versions that are kept of a rule; then the oldest go. */
export const RULE_VERSIONS_MAX = 1000;
/** UTF-16 units of the name of a group or a namespace. */
const NAME_LENGTH_MAX = 256;

/** Who changes a rule and why, and what they believe to change. */
export interface RuleEdit {
  readonly author: string;
  readonly comment: string;
  /** The version that is changed; any where undefined. */
  readonly version?: number | undefined;
}

/** The versions of one change, before they are kept. */
export class RuleDraft {
  readonly versions: RuleVersion[] = [];
  readonly #shelf: RuleShelf;
  readonly #nowMs: number;
  #sequence = 0;
  #ruleCount = 0;

  constructor(shelf: RuleShelf, nowMs: number) {
    this.#shelf = shelf;
    this.#nowMs = nowMs;
  }

  /** Transactions may be run again from their start. */
  begin(sequence: number): void {
    this.versions.length = 0;
    this.#sequence = sequence;
    this.#ruleCount = this.#shelf.ruleCount;
  }

  add(
    namespace: string,
    content: RuleContent,
    { author, comment }: RuleEdit,
    enabled: boolean,
  ): StoredRule {
    const { high, low } = hashLabels([
      ["namespace", namespace],
      ["name", content.name],
      ["change", String(this.#sequence + this.versions.length)],
    ]);
    const id = [high, low].map((half) => half.toString(16).padStart(8, "0")).join("");
    const times = { createdAtMs: this.#nowMs, updatedAtMs: this.#nowMs };
    const rule = { id, namespace, content, enabled, version: 1, author, comment, ...times };
    return this.#note("created", rule);
  }

  edit(
    old: StoredRule,
    action: RuleAction,
    edit: RuleEdit,
    change: Partial<Pick<StoredRule, "content" | "enabled">>,
  ): StoredRule {
    checkVersion(old, edit);
    const { author, comment } = edit;
    const version = old.version + 1;
    const rule = { ...old, ...change, version, author, comment, updatedAtMs: this.#nowMs };
    return this.#note(action, rule);
  }

  remove(old: StoredRule, edit: RuleEdit): void {
    checkVersion(old, edit);
    const { author, comment } = edit;
    const rule = { ...old, version: old.version + 1, author, comment, updatedAtMs: this.#nowMs };
    this.versions.push({ action: "deleted", rule });
    this.#ruleCount -= old.content.rules.length;
  }

  #note(action: RuleAction, rule: StoredRule): StoredRule {
    const { namespace, content } = rule;
    checkName("namespace", namespace);
    checkName("name", content.name);
    const taken = this.#shelf.named(namespace, content.name);
    if (taken !== undefined && taken.id !== rule.id)
      throw new OperatingError(
        "conflict",
        `the name ${quote(content.name)} is that of rule ${taken.id} already`,
      );
    const twice = this.versions.find(
      (one) => one.rule.namespace === namespace && one.rule.content.name === content.name,
    );
    if (twice !== undefined)
      throw new OperatingError("input.invalid", `two groups have the name ${quote(content.name)}`);
    this.#checkSize(rule);
    this.versions.push({ action, rule });
    return rule;
  }

  #checkSize({ id, content }: StoredRule): void {
    if (content.rules.length > GROUP_RULES_MAX)
      throw new OperatingError(
        "input.too_large",
        `a group of ${content.rules.length} rules; at most ${GROUP_RULES_MAX} are allowed`,
      );
    for (const rule of content.rules) {
      const length = textLength(rule);
      if (length > RULE_TEXT_LENGTH_MAX)
        throw new OperatingError(
          "input.too_large",
          `the rule ${quote(rule.name.slice(0, NAME_LENGTH_MAX))} has ${length} characters; at most ${RULE_TEXT_LENGTH_MAX} are allowed`,
        );
    }
    this.#ruleCount += content.rules.length - (this.#shelf.get(id)?.content.rules.length ?? 0);
    if (this.#ruleCount > API_RULES_MAX)
      throw new OperatingError(
        "input.too_large",
        `there would be ${this.#ruleCount} rules; the API keeps at most ${API_RULES_MAX}`,
      );
  }

  async write(tx: DocumentTransaction): Promise<void> {
    for (const [at, version] of this.versions.entries()) {
      const { action, rule } = version;
      if (action === "deleted") await tx.delete(RULES_COLLECTION, rule.id);
      else await tx.put(RULES_COLLECTION, { id: rule.id, body: ruleToJson(rule), sortKey: 0 });
      await tx.put(RULE_VERSIONS_COLLECTION, {
        id: versionId(rule.id, rule.version),
        body: versionToJson(version),
        sortKey: this.#sequence + at + 1,
        tags: [ruleTag(rule.id)],
      });
      if (rule.version > RULE_VERSIONS_MAX)
        await tx.delete(
          RULE_VERSIONS_COLLECTION,
          versionId(rule.id, rule.version - RULE_VERSIONS_MAX),
        );
    }
  }
}

function textLength(rule: Rule): number {
  const pairs = rule.kind === "alert" ? [...rule.labels, ...rule.annotations] : rule.labels;
  const ofPairs = pairs.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return rule.name.length + rule.expr.length + ofPairs;
}

/** @throws OperatingError `conflict` where somebody has changed the rule meanwhile. */
export function checkVersion(rule: StoredRule, { version }: RuleEdit): void {
  if (version === undefined || version === rule.version) return;
  throw new OperatingError(
    "conflict",
    `rule ${quote(rule.content.name)} has version ${rule.version}, not ${version}: ${rule.author === "" ? "somebody" : rule.author} has changed it`,
  );
}

function checkName(what: string, name: string): void {
  if (name === "" || name.length > NAME_LENGTH_MAX || !name.isWellFormed())
    throw new OperatingError(
      "input.invalid",
      `a ${what} has 1 to ${NAME_LENGTH_MAX} characters, and not ${name.length}`,
    );
}

export function ruleTag(id: string): string {
  return `rule=${id}`;
}

export function versionId(id: string, version: number): string {
  return `${id}@${version}`;
}
