import { CHANNELS_LABEL, channelsOf, type RuleGroup } from "@pharos/alert";
import { OperatingError } from "@pharos/base";
import type { RuleDefaults } from "../config/rule-file.ts";
import type { RuleBook } from "./rule-book.ts";

/** So many channels are remembered that no rule names any more. */
const PAST_CHANNELS_MAX = 10_000;
/** So many rules are named of those that a file and the API have. */
const DOUBLES_NAMED_MAX = 10;

export interface RuleFeedOptions {
  readonly book: RuleBook;
  /** Those of rules of a short while ago, whose alerts may not be over for everybody. */
  readonly pastChannels: readonly string[];
  /** Takes groups in place of the present ones. */
  readonly evaluate: (groups: readonly RuleGroup[]) => Promise<void>;
  /**
   * Called before, so that those whom rules name are told from the first alert on. Channels that were named before are
   * among them: who has heard of an alert must hear of its end.
   */
  readonly prepare: (channels: readonly string[]) => Promise<void>;
  readonly onProblem: (error: OperatingError, doing: string) => void;
}

/** Has the rules of the files and those of the API evaluated side by side, one change after another. */
export class RuleFeed {
  readonly #options: RuleFeedOptions;
  #files: { readonly groups: readonly RuleGroup[]; readonly defaults: RuleDefaults } | undefined;
  #running: Promise<void> = Promise.resolve();
  /** One that has not begun, and will see all that has changed until it does. */
  #next: Promise<void> | undefined;
  readonly #channels: Set<string>;

  constructor(options: RuleFeedOptions) {
    this.#options = options;
    this.#channels = new Set(options.pastChannels);
  }

  /** The groups of the files that are evaluated now. */
  get fileGroups(): readonly RuleGroup[] {
    return this.#files?.groups ?? [];
  }

  /** What groups of the API have that do not say otherwise. */
  get defaults(): RuleDefaults {
    return this.#files?.defaults ?? { evaluationIntervalMs: 60_000, ruleQueryOffsetMs: 0 };
  }

  /** Takes what the files say now. @throws what `prepare` and `evaluate` throw. */
  async setFiles(groups: readonly RuleGroup[], defaults: RuleDefaults): Promise<void> {
    this.#files = { groups, defaults };
    this.#reportDoubles(groups);
    await this.#apply();
  }

  /** The API refuses the names that files have; a file that comes later may take one of the API's. */
  #reportDoubles(groups: readonly RuleGroup[]): void {
    const { book, onProblem } = this.#options;
    const own = new Set(
      book.list().flatMap(({ content }) => content.rules.map(({ name }) => name)),
    );
    const doubled = groups.flatMap(({ file, rules }) =>
      rules
        .filter(({ kind, name }) => kind === "alert" && own.has(name))
        .map(({ name }) => `${name} of ${file}`),
    );
    if (doubled.length === 0) return;
    const more = doubled.length > DOUBLES_NAMED_MAX ? ", …" : "";
    const names = doubled.slice(0, DOUBLES_NAMED_MAX).join(", ") + more;
    const text = `the API has rules with the names of ${doubled.length} of these, and both are evaluated: ${names}`;
    onProblem(new OperatingError("conflict", text), "reading rule files");
  }

  /** Resolves when the rules of the API are evaluated as the book has them. Nothing happens before `setFiles`. */
  async bookChanged(): Promise<void> {
    if (this.#files === undefined) return;
    try {
      await this.#apply();
    } catch (error) {
      // They are kept, and tried again with the next change.
      if (!(error instanceof OperatingError)) throw error;
      this.#options.onProblem(error, "evaluating the rules of the API");
    }
  }

  #apply(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    const next = this.#running.then(async () => {
      this.#next = undefined;
      const { book, evaluate, prepare } = this.#options;
      const own = book.groups(this.defaults);
      await prepare(this.#withPast(channelsOfGroups(own)));
      await evaluate([...this.fileGroups, ...own]);
    });
    this.#next = next;
    this.#running = next.catch(() => {}); // Whoever asked for it hears of it.
    return next;
  }

  /** These and those before, sorted. */
  #withPast(channels: readonly string[]): readonly string[] {
    if (this.#channels.size > PAST_CHANNELS_MAX) this.#channels.clear();
    for (const channel of channels) this.#channels.add(channel);
    return [...this.#channels].sort();
  }
}

/** The channels that rules of these groups name, sorted. */
export function channelsOfGroups(groups: readonly Pick<RuleGroup, "rules">[]): readonly string[] {
  const channels = new Set<string>();
  for (const { rules } of groups)
    for (const { labels } of rules)
      for (const [name, value] of labels)
        if (name === CHANNELS_LABEL) for (const channel of channelsOf(value)) channels.add(channel);
  return [...channels].sort();
}
